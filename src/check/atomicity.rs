//! How far from linearizable a history of registers is: in versions and in time.
//!
//! It is *k-atomic* if some order that agrees with real time lets every read return one of the last
//! k writes, the initial value included, and *delta-atomic* if it becomes linearizable once every
//! read is taken to have begun so much earlier. Both are due to A. Aiyer, L. Alvisi and R. Bazzi
//! (2005) and W. Golab, X. Li and M. Shah (PODC 2011). One is 1-atomic and 0-atomic iff it is
//! linearizable.

use super::history::{Action, History, INITIAL, Operation};
use super::linearizable::{Decided, Turns, decide, in_turns};
use super::objects::Breach;
use super::search::search;
use super::shrink::shrink;
use super::spec::LastValues;
use super::verdict::{Counterexample, Limits, Meter, Verdict, Witness};
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
/// Why it is not known: the budget ended, or there are swaps or appends.
pub fn k_atomicity(history: &History, limits: &Limits<'_>) -> Result<Option<u32>, String> {
    let writes = history.operations().iter().filter(|op| op.makes().is_some()).count();
    let (mut low, mut high) = (1, writes as u32 + 1);
    if !is_k_atomic(history, high, limits)? {
        return Ok(None);
    }
    while low < high {
        let middle = low + (high - low) / 2;
        if is_k_atomic(history, middle, limits)? {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Ok(Some(low))
}

/// The smallest number of ticks for which the history is delta-atomic; none if there is none.
///
/// # Errors
///
/// Why it is not known: the budget ended.
pub fn delta_atomicity(history: &History, limits: &Limits<'_>) -> Result<Option<u64>, String> {
    let last = history.operations().iter().map(|op| op.invoked).max().unwrap_or(0);
    let (mut low, mut high) = (0, last);
    if !is_delta_atomic(history, high, limits)? {
        return Ok(None);
    }
    while low < high {
        let middle = low + (high - low) / 2;
        if is_delta_atomic(history, middle, limits)? {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Ok(Some(low))
}

/// Whether the history is k-atomic, as a verdict.
pub(super) fn k_atomic(history: &History, k: u32, limits: &Limits<'_>) -> Verdict {
    let message = || match k_atomicity(history, &limits.at_most(LEAST_STEPS)) {
        Ok(Some(least)) => format!("some read misses the last {k} writes; it is {least}-atomic"),
        _ => format!("some read returns none of the last {k} writes"),
    };
    let few = limits.at_most(SHRINK_STEPS);
    let breaks = |ops: &[Operation]| without_k(ops, k, &few).ok().map(|broken| broken.is_some());
    let least = || match k_atomicity(history, &limits.at_most(LEAST_STEPS)) {
        Ok(Some(least)) => Some(Witness::LeastVersions(least)),
        _ => None,
    };
    verdict(history, break_of_k(history, k, limits), message, least, limits, breaks)
}

/// Whether the history is delta-atomic, as a verdict.
pub(super) fn delta_atomic(history: &History, delta: u64, limits: &Limits<'_>) -> Verdict {
    let message = || match delta_atomicity(history, &limits.at_most(LEAST_STEPS)) {
        Ok(Some(least)) => format!("some read is more than {delta} ticks late; {least} would do"),
        Ok(None) => "some read cannot be explained however much earlier it had begun".to_owned(),
        Err(_) => format!("some read is more than {delta} ticks late"),
    };
    let few = limits.at_most(SHRINK_STEPS);
    let breaks = |ops: &[Operation]| Some(without_delta(history, ops, delta, &few).ok()?.is_some());
    let least = || match delta_atomicity(history, &limits.at_most(LEAST_STEPS)) {
        Ok(Some(least)) => Some(Witness::LeastTicks(least)),
        _ => None,
    };
    let answer = without_delta(history, history.operations(), delta, limits);
    verdict(history, answer, message, least, limits, breaks)
}

/// The operations that break a condition, none if it holds, or why that is not known.
type Broken = Result<Option<Vec<u32>>, String>;

fn verdict(
    history: &History,
    answer: Broken,
    message: impl FnOnce() -> String,
    least: impl FnOnce() -> Option<Witness>,
    limits: &Limits<'_>,
    breaks: impl FnMut(&[Operation]) -> Option<bool>,
) -> Verdict {
    match answer {
        Ok(None) => match least() {
            Some(witness) => Verdict::Holds(witness),
            None => Verdict::because("an order with this slack exists"),
        },
        Ok(Some(start)) => {
            let (operations, least) =
                shrink(history, history.operations(), true, start, TRIES, limits, breaks);
            let message = limits.told(message(), least);
            Verdict::Violated(Counterexample { pattern: None, message, operations })
        }
        Err(reason) => Verdict::Unknown(reason),
    }
}

fn is_k_atomic(history: &History, k: u32, limits: &Limits<'_>) -> Result<bool, String> {
    break_of_k(history, k, limits).map(|broken| broken.is_none())
}

fn break_of_k(history: &History, k: u32, limits: &Limits<'_>) -> Broken {
    if k == 1 {
        return without_delta(history, history.operations(), 0, limits);
    }
    without_k(history.operations(), k, limits)
}

/// The operations of a key that has no order in which every read returns one of the last k writes.
fn without_k(ops: &[Operation], k: u32, limits: &Limits<'_>) -> Broken {
    let plain = |op: &Operation| matches!(op.action, Action::Read | Action::Write | Action::Delete);
    if !ops.iter().all(plain) {
        return Err("k-atomicity is defined for reads, writes and deletes".to_owned());
    }
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
    let limits = Limits { witness: false, ..*limits };
    match in_turns(ops, keys.into_values().collect(), &limits, last) {
        Turns::Order(_) => Ok(None),
        Turns::Illegal(members) => Ok(Some(members)),
        Turns::Exhausted => Err(limits.exhausted()),
    }
}

/// A read that returned what nobody had begun to write when it ended, and its write if there is
/// one. No order explains that, and no search need try them all.
fn dream(ops: &[Operation]) -> Option<Vec<u32>> {
    let mut first: BTreeMap<(u32, u32), (u64, u32)> = BTreeMap::new();
    for (i, op) in ops.iter().enumerate().filter(|(_, op)| op.counts()) {
        if let Some(value) = op.makes() {
            first.entry((op.key, value)).or_insert((op.invoked, i as u32));
        }
    }
    let reads = ops.iter().enumerate().filter(|(_, op)| op.observes() && op.counts());
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

fn is_delta_atomic(history: &History, delta: u64, limits: &Limits<'_>) -> Result<bool, String> {
    without_delta(history, history.operations(), delta, limits).map(|broken| broken.is_none())
}

/// Operations without an order once every read has begun so much earlier.
fn without_delta(history: &History, ops: &[Operation], delta: u64, limits: &Limits<'_>) -> Broken {
    let early = |(i, op): (usize, &Operation)| match op.action {
        Action::Read => (Operation { invoked: op.invoked.saturating_sub(delta), ..*op }, i as u32),
        _ => (*op, i as u32),
    };
    let mut moved: Vec<(Operation, u32)> = ops.iter().enumerate().map(early).collect();
    moved.sort_by_key(|(op, _)| op.invoked);
    let (moved, places): (Vec<Operation>, Vec<u32>) = moved.into_iter().unzip();
    match decide(history, &moved, &Limits { witness: false, ..*limits }) {
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
