//! How far from linearizable a history of registers is: in versions and in time.
//!
//! It is *k-atomic* if some order that agrees with real time lets every read return one of the last
//! k writes, the initial value included, and *delta-atomic* if it becomes linearizable once every
//! read is taken to have begun so much earlier. Both are due to A. Aiyer, L. Alvisi and R. Bazzi
//! (2005) and W. Golab, X. Li and M. Shah (PODC 2011). One is 1-atomic and 0-atomic iff it is
//! linearizable.

mod shown;

use super::history::{Action, History, INITIAL, Operation};
use super::linearizable::{Decided, Turns, decide, in_turns};
use super::objects::Breach;
use super::search::search;
use super::shrink::shrink;
use super::spec::LastValues;
use super::verdict::{Counterexample, Limits, Meter, Verdict, Witness};
use super::words::ticks;
use shown::Shown;
use std::collections::BTreeMap;

/// How often shrinking a counterexample may search, and for how many steps.
const TRIES: u32 = 300;
const SHRINK_STEPS: u64 = 5_000;
/// Steps of each search for the least slack that would do, which is only told and not asked.
const LEAST_STEPS: u64 = 200_000;

/// The smallest k for which the history is k-atomic; none if there is none.
///
/// # Errors
///
/// Why it is not known: the budget ended, or there is more than reads, writes and deletes.
pub fn k_atomicity(history: &History, limits: &Limits<'_>) -> Result<Option<u32>, String> {
    let mut meter = limits.meter();
    let writes = history.operations().iter().filter(|op| op.makes().is_some()).count();
    let is = |k| is_k_atomic(history, k as u32, &mut meter);
    least(1, writes as u64 + 1, is).map(|k| k.map(|k| k as u32))
}

/// The smallest number of ticks for which the history is delta-atomic; none if there is none.
///
/// # Errors
///
/// Why it is not known: the budget ended.
pub fn delta_atomicity(history: &History, limits: &Limits<'_>) -> Result<Option<u64>, String> {
    let mut meter = limits.meter();
    let last = history.operations().iter().map(|op| op.invoked).max().unwrap_or(0);
    least(0, last, |delta| is_delta_atomic(history, delta, &mut meter))
}

/// The least slack from `low` to `high` that would do, if the greatest does; more never does less.
fn least(
    mut low: u64,
    mut high: u64,
    mut would_do: impl FnMut(u64) -> Result<bool, String>,
) -> Result<Option<u64>, String> {
    if !would_do(high)? {
        return Ok(None);
    }
    while low < high {
        let middle = low + (high - low) / 2;
        if would_do(middle)? {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Ok(Some(low))
}

/// Whether the history is k-atomic, as a verdict.
pub(super) fn k_atomic(history: &History, k: u32, limits: &Limits<'_>) -> Verdict {
    let few = limits.at_most(SHRINK_STEPS);
    let breaks =
        |ops: &[Operation]| Some(break_of_k(history, ops, k, &mut few.meter()).ok()?.is_some());
    let least = || k_atomicity(history, &limits.at_most(LEAST_STEPS));
    match break_of_k(history, history.operations(), k, &mut limits.meter()) {
        Err(reason) => Verdict::Unknown(reason),
        Ok(None) => holds(least().ok().flatten().map(Witness::LeastVersions)),
        Ok(Some(start)) => {
            let because = match least() {
                Ok(Some(least)) => format!("; the history is {least}-atomic"),
                Ok(None) => "; it is k-atomic for no k".to_owned(),
                Err(_) => String::new(),
            };
            let none = match k {
                1 => "no order lets every read return the last write".to_owned(),
                _ => format!("no order lets every read return one of the last {k} writes"),
            };
            violated(history, start, limits, breaks, |shown| match shown {
                Shown::ByItself(stalest) => format!("{stalest}{because}"),
                Shown::Together(read) => format!("{read}; {none}{because}"),
                Shown::Nothing => format!("{none}{because}"),
            })
        }
    }
}

/// Whether the history is delta-atomic, as a verdict.
pub(super) fn delta_atomic(history: &History, delta: u64, limits: &Limits<'_>) -> Verdict {
    let few = limits.at_most(SHRINK_STEPS);
    let breaks = |ops: &[Operation]| {
        Some(without_delta(history, ops, delta, &mut few.meter()).ok()?.is_some())
    };
    let least = || delta_atomicity(history, &limits.at_most(LEAST_STEPS));
    match without_delta(history, history.operations(), delta, &mut limits.meter()) {
        Err(reason) => Verdict::Unknown(reason),
        Ok(None) => holds(least().ok().flatten().map(Witness::LeastTicks)),
        Ok(Some(start)) => {
            let because = match least() {
                Ok(Some(least)) => format!("; a slack of {} would do", ticks(least)),
                Ok(None) => "; no slack would do".to_owned(),
                Err(_) => String::new(),
            };
            let none = format!("no order explains these with a slack of {}", ticks(delta));
            violated(history, start, limits, breaks, |shown| match shown {
                Shown::ByItself(stalest) => format!("{stalest}{because}"),
                Shown::Together(read) => format!("{read}; {none}{because}"),
                Shown::Nothing => format!("{none}{because}"),
            })
        }
    }
}

fn holds(least: Option<Witness>) -> Verdict {
    match least {
        Some(witness) => Verdict::Holds(witness),
        None => Verdict::because("an order with this slack exists"),
    }
}

/// The operations that break a condition, none if it holds, or why that is not known.
type Broken = Result<Option<Vec<u32>>, String>;

/// What is left of `start` once nothing more can be left out, and the stalest read in it.
fn violated(
    history: &History,
    start: Vec<u32>,
    limits: &Limits<'_>,
    breaks: impl FnMut(&[Operation]) -> Option<bool>,
    message: impl FnOnce(Shown) -> String,
) -> Verdict {
    let (operations, least) =
        shrink(history, history.operations(), true, start, TRIES, limits, breaks);
    let message = limits.told(message(Shown::by(history, &operations)), least);
    Verdict::Violated(Counterexample { pattern: None, message, operations })
}

fn is_k_atomic(history: &History, k: u32, meter: &mut Meter<'_>) -> Result<bool, String> {
    break_of_k(history, history.operations(), k, meter).map(|broken| broken.is_none())
}

fn break_of_k(history: &History, ops: &[Operation], k: u32, meter: &mut Meter<'_>) -> Broken {
    if !ops.iter().all(is_plain) {
        let why = "k-atomicity is judged of registers that are read, written and deleted; of other \
                   objects ask for linearizable";
        return Err(why.to_owned());
    }
    if k == 1 {
        return without_delta(history, ops, 0, meter);
    }
    without_k(ops, k, meter)
}

/// Whether an operation is one of a plain register, or had no effect and is ignored.
fn is_plain(op: &Operation) -> bool {
    !op.counts() || matches!(op.action, Action::Read | Action::Write | Action::Delete)
}

/// The operations of a key that has no order in which every read returns one of the last k writes.
fn without_k(ops: &[Operation], k: u32, meter: &mut Meter<'_>) -> Broken {
    if let Some(dream) = dream(ops) {
        return Ok(Some(dream));
    }
    let mut keys: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (i, op) in ops.iter().enumerate() {
        keys.entry(op.key).or_default().push(i as u32);
    }
    let last = |few: &[Operation], part: &mut Meter<'_>| {
        search(&mut LastValues::new(k as usize), few, part)
    };
    match in_turns(ops, keys.into_values().collect(), false, meter, last) {
        Turns::Order(_) => Ok(None),
        Turns::Illegal(members) => Ok(Some(members)),
        Turns::Exhausted(reason) => Err(reason),
    }
}

/// Of plain registers: a read that returned what nobody had begun to write when it ended, and its write if there is
/// one. No order explains that, and no search need try them all.
fn dream(ops: &[Operation]) -> Option<Vec<u32>> {
    let mut first: BTreeMap<(u32, u32), (u64, u32)> = BTreeMap::new();
    for (i, op) in ops.iter().enumerate().filter(|(_, op)| op.counts()) {
        if let Some(value) = op.makes() {
            first.entry((op.key, value)).or_insert((op.invoked, i as u32));
        }
    }
    let reads = ops.iter().enumerate().filter(|(_, op)| op.action == Action::Read && op.counts());
    for (i, op) in reads.filter(|(_, op)| op.value != INITIAL) {
        match first.get(&(op.key, op.value)) {
            None => return Some(vec![i as u32]),
            Some((invoked, write)) if *invoked > op.completed => {
                return Some(vec![i as u32, *write]);
            }
            Some(_) => {}
        }
    }
    None
}

fn is_delta_atomic(history: &History, delta: u64, meter: &mut Meter<'_>) -> Result<bool, String> {
    without_delta(history, history.operations(), delta, meter).map(|broken| broken.is_none())
}

/// Operations without an order once every read has begun so much earlier.
fn without_delta(
    history: &History,
    ops: &[Operation],
    delta: u64,
    meter: &mut Meter<'_>,
) -> Broken {
    let early = |(i, op): (usize, &Operation)| match op.action {
        Action::Read => (Operation { invoked: op.invoked.saturating_sub(delta), ..*op }, i as u32),
        _ => (*op, i as u32),
    };
    let mut moved: Vec<(Operation, u32)> = ops.iter().enumerate().map(early).collect();
    moved.sort_by_key(|(op, _)| op.invoked);
    let (moved, places): (Vec<Operation>, Vec<u32>) = moved.into_iter().unzip();
    match decide(history, &moved, false, meter) {
        Decided::Order(_) => Ok(None),
        Decided::Fault(broken, _)
        | Decided::Illegal(broken)
        | Decided::Breach(Breach { operations: broken, .. }) => {
            let mut broken: Vec<u32> = broken.iter().map(|i| places[*i as usize]).collect();
            broken.sort_unstable();
            Ok(Some(broken))
        }
        Decided::Exhausted(reason) => Err(reason),
    }
}
