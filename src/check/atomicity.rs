//! How far from linearizable a history of registers is: in versions and in time.
//!
//! It is *k-atomic* if some order that agrees with real time lets every read return one of the last k
//! writes, the initial value included, and *delta-atomic* if it becomes linearizable once every read
//! is taken to have begun so much earlier. Both are due to A. Aiyer, L. Alvisi and R. Bazzi (2005) and
//! W. Golab, X. Li and M. Shah (PODC 2011). One is 1-atomic and 0-atomic iff it is linearizable.

use super::history::{Action, History, Operation};
use super::linearizable::{Decided, decide};
use super::search::{Found, search};
use super::spec::LastValues;
use super::verdict::{Counterexample, Limits, Verdict};

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
    verdict(is_k_atomic(history, k, limits), || match k_atomicity(history, limits) {
        Ok(Some(least)) => format!("some read misses the last {k} writes; it is {least}-atomic"),
        _ => format!("some read misses the last {k} writes"),
    })
}

/// Whether the history is delta-atomic, as a verdict.
pub(super) fn delta_atomic(history: &History, delta: u64, limits: &Limits<'_>) -> Verdict {
    verdict(is_delta_atomic(history, delta, limits), || match delta_atomicity(history, limits) {
        Ok(Some(least)) => format!("some read is more than {delta} ticks late; {least} would do"),
        _ => "some read cannot be explained however much earlier it had begun".to_owned(),
    })
}

fn verdict(answer: Result<bool, String>, why: impl FnOnce() -> String) -> Verdict {
    match answer {
        Ok(true) => Verdict::because("an order with this slack exists"),
        Ok(false) => {
            let (pattern, operations) = (None, Vec::new());
            Verdict::Violated(Counterexample { pattern, message: why(), operations })
        }
        Err(reason) => Verdict::Unknown(reason),
    }
}

fn is_k_atomic(history: &History, k: u32, limits: &Limits<'_>) -> Result<bool, String> {
    let ops = history.operations();
    if k == 1 {
        return is_delta_atomic(history, 0, limits);
    }
    if ops.iter().any(|op| matches!(op.action, Action::Cas | Action::Append)) {
        return Err("k-atomicity is defined for reads, writes and deletes".to_owned());
    }
    let mut meter = limits.meter();
    for key in 0..history.keys.len() as u32 {
        let few: Vec<Operation> = ops.iter().filter(|op| op.key == key).copied().collect();
        match search(&mut LastValues::new(k as usize), &few, &mut meter) {
            Found::Order(_) => {}
            Found::Nothing => return Ok(false),
            Found::Exhausted => return Err(limits.exhausted()),
        }
    }
    Ok(true)
}

fn is_delta_atomic(history: &History, delta: u64, limits: &Limits<'_>) -> Result<bool, String> {
    let early = |op: &Operation| match op.action {
        Action::Read => Operation { invoked: op.invoked.saturating_sub(delta), ..*op },
        _ => *op,
    };
    let mut ops: Vec<Operation> = history.operations().iter().map(early).collect();
    ops.sort_by_key(|op| op.invoked);
    match decide(history, &ops, &Limits { witness: false, ..*limits }) {
        Decided::Order(_) => Ok(true),
        Decided::Fault(..) | Decided::Illegal(_) => Ok(false),
        Decided::Exhausted(reason) => Err(reason),
    }
}
