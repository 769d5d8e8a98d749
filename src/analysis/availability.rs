//! Which phase an operation belongs to, and who is answered while a fault is in force.
//!
//! An operation that was under way when a fault struck tells of the fault and not of the health before it,
//! so it belongs to the fault. One that is under way when the fault is healed tells of either: if it
//! has waited longer by then than any operation of its region and kind took in health, the fault has kept
//! it waiting, and it was not answered under the fault, whatever came later; if not, nobody can say, and it
//! counts neither way. So availability under a fault does not depend on how the timeout compares
//! with the fault's length, and a side that the fault does not touch is at 100 %.

use super::Summary;
use crate::history::{History, Operation, Phase, Status};
use crate::op::OpKind;
use crate::time::{Duration, Instant};

/// The phase of an operation: partitioned if a fault was in force at any time from its intended start to
/// its end, which of an unknown outcome is the timeout.
pub(super) fn phase_of(history: &History, op: &Operation, timeout: Duration) -> Phase {
    let end = match op.status {
        Status::Unknown => op.intended + timeout,
        _ => op.completed,
    };
    let struck = history.windows.iter().any(|w| w.start > op.intended && w.start < end);
    if struck { Phase::Partitioned } else { history.phase(op.intended) }
}

/// Tells of every measured operation, and of each read-modify-write as a whole once it has ended; then
/// also whether it ended with a read that did not succeed, so that its write was never begun.
pub(super) fn each_measured(history: &History, mut tell: impl FnMut(&Operation, bool)) {
    let sessions = history.operations.iter().map(|op| op.session as usize + 1).max().unwrap_or(0);
    // By session: when the operation before was intended and begun.
    let mut before = vec![(Instant::ZERO, Instant::ZERO); sessions];
    for op in &history.operations {
        let first_half =
            std::mem::replace(&mut before[op.session as usize], (op.intended, op.invoked));
        let unread = op.kind == OpKind::Read && op.status == Status::Failed;
        let (intended, invoked) = if unread { (op.intended, op.invoked) } else { first_half };
        if op.rmw && (unread || op.kind == OpKind::Write) && intended >= history.warm_up {
            tell(&Operation { kind: OpKind::Rmw, intended, invoked, ..*op }, unread);
        }
        if op.intended >= history.warm_up {
            tell(op, false);
        }
    }
}

/// Counts who could be answered in each phase, and who was.
pub(super) fn measure(
    history: &History,
    timeout: Duration,
    region_of: &[usize],
    summary: &mut Summary,
) {
    let region = |op: &Operation| region_of[usize::from(op.group)];
    let longest = longest_in_health(history, timeout, region_of);
    each_measured(history, |op, unread| {
        let phase = phase_of(history, op, timeout);
        let usual = longest[region(op)][op.kind as usize];
        let answered = if phase == Phase::Partitioned {
            under_fault(history, op, usual)
        } else {
            Some(took_effect(op))
        };
        let Some(answered) = answered else { return };
        for kind in kinds(op, unread) {
            let slot = summary.slot_mut(phase, region(op), kind);
            slot.answerable += 1;
            slot.answered += u64::from(answered);
        }
    });
}

/// What an operation was: itself, and if it is a read-modify-write that ended with its read, also a write
/// that was wanted and not answered. Otherwise only those who could read would be asked whether they could
/// write.
pub(super) fn kinds(op: &Operation, unread: bool) -> impl Iterator<Item = OpKind> {
    std::iter::once(op.kind).chain(unread.then_some(OpKind::Write))
}

/// By region and kind, how long the longest that took effect in health took.
pub(super) fn longest_in_health(
    history: &History,
    timeout: Duration,
    region_of: &[usize],
) -> Vec<[Duration; 4]> {
    let regions = region_of.iter().map(|region| region + 1).max().unwrap_or(0);
    let mut longest = vec![[Duration::ZERO; 4]; regions];
    each_measured(history, |op, _| {
        if took_effect(op) && phase_of(history, op, timeout) == Phase::Healthy {
            let known = &mut longest[region_of[usize::from(op.group)]][op.kind as usize];
            *known = op.completed.since(op.intended).max(*known);
        }
    });
    longest
}

/// Whether an operation was answered under a fault; `None` if nobody can say.
pub(super) fn under_fault(history: &History, op: &Operation, usual: Duration) -> Option<bool> {
    if !took_effect(op) {
        return Some(false);
    }
    if history.phase(op.completed) == Phase::Partitioned {
        return Some(true);
    }
    let healed = history.windows.iter().rfind(|window| window.end <= op.completed)?.end;
    (healed.since(op.intended) > usual).then_some(false)
}

/// Whether an operation was answered.
pub(super) fn took_effect(op: &Operation) -> bool {
    matches!(op.status, Status::Ok | Status::Refused)
}

#[cfg(test)]
mod tests {
    use super::super::testing::story;
    use super::super::{Context, summarize};
    use super::*;
    use crate::guarantee::Guarantee;
    use crate::history::Window;

    /// By phase: who wanted to write and was answered, and who could be.
    fn counts(text: &str) -> [(u64, u64); 3] {
        counts_of(text, OpKind::Write, |_| {})
    }

    fn counts_of(text: &str, kind: OpKind, change: impl Fn(&mut History)) -> [(u64, u64); 3] {
        let mut history = story(text);
        change(&mut history);
        let ms = |n: u64| Instant(n * 1_000_000);
        history.windows = vec![Window { start: ms(100), end: ms(200) }];
        let (promise, timeout, regions) = (Guarantee::Eventual, Duration::millis(60), Vec::new());
        let summary = summarize(&history, &Context { promise, timeout, regions });
        super::super::PHASES.map(|phase| {
            let slot = summary.slot_of_all(phase, kind).unwrap_or_default();
            (slot.answered, slot.answerable)
        })
    }

    #[test]
    fn a_write_whose_read_failed_was_wanted_and_not_answered() {
        let text = "a: r0 110..111; a: w1 111..112; a: r0 120..180!";
        assert_eq!(
            counts(text)[1],
            (1, 1),
            "reads and writes that have nothing to do with each other"
        );
        let halves =
            |history: &mut History| history.operations.iter_mut().for_each(|op| op.rmw = true);
        let of = |kind| counts_of(text, kind, halves)[1];
        assert_eq!([OpKind::Read, OpKind::Write, OpKind::Rmw].map(of), [(1, 2); 3]);
    }

    #[test]
    fn who_is_struck_by_a_fault_belongs_to_it() {
        assert_eq!(counts("a: w1 0..10; b: w2 95..99"), [(2, 2), (0, 0), (0, 0)]);
        assert_eq!(counts("a: w1 0..10; b: w2 95..150"), [(1, 1), (1, 1), (0, 0)]);
        // Its timeout ends within the fault.
        assert_eq!(counts("a: w1 0..10; b: w2 95..?"), [(1, 1), (0, 1), (0, 0)]);
        assert_eq!(counts("a: w1 0..10; b: w2 30..?"), [(1, 2), (0, 0), (0, 0)]);
    }

    #[test]
    fn who_waits_for_the_healing_was_not_answered_under_the_fault() {
        let health = "b: w1 0..10;";
        assert_eq!(counts(&format!("{health} b: w2 120..130")), [(1, 1), (1, 1), (0, 0)]);
        assert_eq!(counts(&format!("{health} b: w2 120..230")), [(1, 1), (0, 1), (0, 0)]);
        // Who began ten or less before the healing might have been answered as well.
        assert_eq!(counts(&format!("{health} b: w2 195..205")), [(1, 1), (0, 0), (0, 0)]);
        assert_eq!(counts(&format!("{health} b: w2 200..230")), [(1, 1), (0, 0), (1, 1)]);
        // Nobody knows what is usual.
        assert_eq!(counts("b: w2 195..205"), [(0, 0), (0, 1), (0, 0)]);
    }
}
