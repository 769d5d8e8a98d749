//! What a counterexample of k- or delta-atomicity shows, in words: the read that is stale, and what shows that it is.

use super::super::history::{Action, History, Kind, Operation};
use super::super::missed;
use super::super::words::{describe, ticks};
use super::super::zones::Clusters;
use super::{dream, is_plain};

/// What a counterexample shows, in words.
pub(super) enum Shown {
    /// A read that is stale by real time alone.
    ByItself(String),
    /// A read that only others show to be stale.
    Together(String),
    /// Updates alone, or what is more than a register.
    Nothing,
}

impl Shown {
    /// By these operations, of which none can be left out.
    pub(super) fn by(history: &History, operations: &[u32]) -> Self {
        match stalest(history, operations) {
            Some(stalest) => Self::ByItself(stalest),
            None => together(history, operations),
        }
    }
}

/// The read that began last, and the one before it that shows what had been written by then: of the reads of other
/// values that had ended, the last. Where none had, the two are under way together and no order suits both.
fn together(history: &History, operations: &[u32]) -> Shown {
    let ops = || operations.iter().map(|i| &history.operations()[*i as usize]);
    let is_plain = |op: &&Operation| history.kind(op.key) == Kind::Register;
    let reads = || ops().filter(is_plain).filter(|op| op.action == Action::Read && op.counts());
    let Some(last) = reads().max_by_key(|op| (op.invoked, op.completed)) else {
        return Shown::Nothing;
    };
    let others = || reads().filter(|op| op.key == last.key && op.value != last.value);
    let before = others().filter(|op| op.completed < last.invoked);
    let (other, how) = match before.max_by_key(|op| (op.completed, op.invoked)) {
        Some(earlier) => (Some(earlier), "after"),
        None => (others().max_by_key(|op| op.invoked), "and"),
    };
    let last = describe(history, last);
    Shown::Together(match other {
        Some(other) => format!("{last}, {how} {}", describe(history, other)),
        None => last,
    })
}

/// Of these reads the one that missed most by real time, with the first write it should have seen; what
/// nobody wrote or had begun to write comes before that. Nothing if no read is stale by itself.
fn stalest(history: &History, operations: &[u32]) -> Option<String> {
    let all = history.operations();
    let ops: Vec<Operation> = operations.iter().map(|i| all[*i as usize]).collect();
    let did = |i: u32| describe(history, &ops[i as usize]);
    // What a key holds that is more than written has values that no single operation names.
    let more = |op: &Operation| ops.iter().any(|one| one.key == op.key) && !is_plain(op);
    if all.iter().any(more) || ops.iter().any(|op| history.kind(op.key) != Kind::Register) {
        return None;
    }
    if let Some(dream) = dream(&ops) {
        return Some(match dream[..] {
            [read, write] => format!("{}, before {}", did(read), did(write)),
            _ => format!("{}, which nobody wrote", did(dream[0])),
        });
    }
    if Clusters::of(history, &ops).complex.contains(&true) {
        return None;
    }
    let missed = missed::in_real_time(history, &ops);
    let most = missed.into_iter().max_by_key(|one| (one.versions, one.time))?;
    let first = most.first?;
    let others = match most.versions {
        1 => String::new(),
        more => format!(", the first of {more} that it missed"),
    };
    Some(format!(
        "{}, but {} before it began, something newer had ended: {}{others}",
        did(most.read),
        ticks(most.time),
        did(first)
    ))
}
