//! What is not linearizable, by the few operations that matter, in words.
//!
//! Zones and laws name what is at fault; a search only says that there is no order. Either way
//! operations are left out (`shrink.rs`) until none can go.

use super::super::history::{History, Kind, NEVER, Operation, Outcome};
use super::super::objects::{Breach, breach};
use super::super::search::{Found, search};
use super::super::shrink::shrink;
use super::super::spec::Object;
use super::super::verdict::{Counterexample, Limits, Meter};
use super::super::words::{describe, short, ticks};
use super::super::zones::Fault;
use super::{Decided, decide};

/// How often shrinking a counterexample may search.
const TRIES: u32 = 600;
/// Steps of one search while shrinking, and of all of them.
const SHRINK_STEPS: u64 = 100_000;
const ALL_SHRINK_STEPS: u64 = 1_000_000;

/// A fault of zones in words.
pub(super) fn explain(
    history: &History,
    mut operations: Vec<u32>,
    fault: Fault,
    limits: &Limits<'_>,
) -> Counterexample {
    let ops = history.operations();
    let did = |i: u32| describe(history, &ops[i as usize]);
    let (quiet, mut least) = (limits.shrinking(), true);
    if !matches!(fault, Fault::ThinAir(_)) {
        (operations, least) = shrink(history, ops, true, operations, TRIES, &quiet, |few| {
            match decide(history, few, false, &mut quiet.meter()) {
                Decided::Exhausted(_) => None,
                Decided::Order(_) => Some(false),
                _ => Some(true),
            }
        });
    }
    let message = match fault {
        Fault::ThinAir(read) => {
            let failed = operations.iter().find(|i| **i != read as u32);
            let why = match failed.map(|i| &ops[*i as usize]) {
                None => "which nobody wrote".to_owned(),
                Some(op) if op.key != ops[read].key => {
                    format!("which was written to {} alone", short(history.key(op.key)))
                }
                Some(_) => "whose write had failed without effect".to_owned(),
            };
            format!("{}, {why}", did(read as u32))
        }
        Fault::FromTheFuture(write) => {
            let read = operations.iter().find(|i| **i != write as u32);
            let read = read.map_or_else(String::new, |i| did(*i));
            format!("{read}, before {}", did(write as u32))
        }
        Fault::Clash { .. } => clash(history, &operations),
    };
    let message = limits.told(message, least);
    Counterexample { pattern: None, message, operations }
}

/// The read that is most obviously stale, and the write it should have seen; the gap between them.
fn clash(history: &History, operations: &[u32]) -> String {
    let ops = operations.iter().map(|i| &history.operations()[*i as usize]);
    let stale = ops.clone().filter(|op| op.observes()).max_by_key(|op| op.invoked);
    let Some(stale) = stale else { return "these writes have no order".to_owned() };
    let newer = ops.filter(|op| op.value != stale.value && op.completed < stale.invoked);
    match newer.min_by_key(|op| op.completed) {
        None => format!("no order of these lets {}", describe(history, stale)),
        Some(newer) => format!(
            "{}, but {} before it began, something newer had ended: {}",
            describe(history, stale),
            ticks(stale.invoked - newer.completed),
            describe(history, newer)
        ),
    }
}

/// Searches parts of one key's operations.
struct Parts<'l, 'a> {
    limits: &'l Limits<'a>,
    meter: Meter<'a>,
    /// Whether every search so far came to its end.
    sure: bool,
}

impl Parts<'_, '_> {
    /// Whether these operations have no order, as far as a short search says; nothing if the budget
    /// of all ended.
    fn have_none(&mut self, history: &History, few: &[Operation]) -> Option<bool> {
        let steps = SHRINK_STEPS.min(self.meter.left());
        self.meter.spend_steps(few.len() as u64 / 16);
        if self.meter.is_empty() {
            return None;
        }
        let mut part = self.limits.at_most(steps).meter();
        let found = search(&mut Object::new(history), few, &mut part);
        self.meter.spend(&part, steps);
        self.sure &= found != Found::Exhausted;
        Some(found == Found::Nothing)
    }
}

/// A law that is broken, by the few operations that matter; they may break another one by themselves.
pub(super) fn broken(
    history: &History,
    breach_of_all: Breach,
    limits: &Limits<'_>,
) -> Counterexample {
    let ops = history.operations();
    let limits = limits.shrinking().at_most(ALL_SHRINK_STEPS);
    let mut parts = Parts { limits: &limits, meter: limits.meter(), sure: true };
    let violated = |few: &[Operation]| {
        let members: Vec<u32> =
            (0..few.len() as u32).filter(|i| few[*i as usize].counts()).collect();
        if breach(history, few, &members).is_some() {
            return Some(true);
        }
        parts.have_none(history, few)
    };
    let Breach { law, message, mut operations } = breach_of_all;
    // What a law names may lack what others need: the appends of what was read, the release between two
    // tenures. Of a counter it is all that matters.
    if let Some(first) = operations.first().map(|i| ops[*i as usize])
        && history.kind(first.key) != Kind::Counter
    {
        let updates = (0..ops.len() as u32).filter(|i| {
            let op = &ops[*i as usize];
            op.key == first.key && op.counts() && !op.observes()
        });
        operations.extend(updates);
        operations.sort_unstable();
        operations.dedup();
    }
    let (operations, least) = shrink(history, ops, true, operations, TRIES, &limits, violated);
    let (law, message) = match breach(history, ops, &operations) {
        Some(few) => (few.law, few.message),
        None => (law, message),
    };
    let message = limits.told(message, least && parts.sure);
    Counterexample { pattern: Some(law.to_owned()), message, operations }
}

/// What a search could not order, shrunk: first to the shortest beginning that has no order, then
/// to the operations in it that matter.
pub(super) fn illegal(history: &History, members: Vec<u32>, limits: &Limits<'_>) -> Counterexample {
    let ops = history.operations();
    let limits = limits.shrinking().at_most(ALL_SHRINK_STEPS);
    let mut parts = Parts { limits: &limits, meter: limits.meter(), sure: true };
    let mut violated = |few: &[Operation]| parts.have_none(history, few);
    let mut ends: Vec<u64> = members.iter().map(|i| ops[*i as usize].completed).collect();
    ends.sort_unstable();
    let at = ends.partition_point(|end| {
        let few: Vec<Operation> =
            members.iter().filter_map(|i| until(&ops[*i as usize], *end)).collect();
        violated(&few) != Some(true)
    });
    let end = ends.get(at).copied().unwrap_or(NEVER);
    let kept: Vec<u32> =
        members.into_iter().filter(|i| until(&ops[*i as usize], end).is_some()).collect();
    let cut: Vec<Operation> = ops.iter().map(|op| until(op, end).unwrap_or(*op)).collect();
    let (kept, first) = shrink(history, &cut, true, kept, TRIES, &limits, violated);
    // Ends that were cut off say something too: with them fewer may do.
    let violated = |few: &[Operation]| parts.have_none(history, few);
    let (operations, second) = shrink(history, ops, true, kept, TRIES, &limits, violated);
    let least = first && second;
    let key = operations.first().map_or("", |i| history.key(ops[*i as usize].key));
    let message = format!(
        "no order of these operations on {} agrees with real time and explains every answer",
        short(key)
    );
    let message = limits.told(message, least && parts.sure);
    Counterexample { pattern: None, message, operations }
}

/// What was known of an operation at an instant: nothing if it had not begun, or is a read that had
/// not ended; an update under way is unknown.
fn until(op: &Operation, end: u64) -> Option<Operation> {
    match op {
        op if op.invoked > end => None,
        op if op.completed <= end => Some(*op),
        op if op.observes() => None,
        op => Some(Operation { outcome: Outcome::Unknown, completed: NEVER, ..*op }),
    }
}
