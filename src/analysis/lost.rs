//! Acknowledged writes that are lost: an older one has won.
//!
//! A write was *lost* if it was acknowledged, and a write of its key that had been acknowledged before
//! it began stands above it in the version order. Once the replicas agree nobody reads it, and no
//! order that agrees with real time explains that. What a crash has taken back is
//! another matter (`undone`). Of two writes that overlap one must be the newer,
//! so neither counts; nor does a write that a later one replaces, seen or unseen. This is what last
//! write wins does where clocks are wrong (Kingsbury, "The trouble with timestamps", 2013).

use super::index::Order;
use crate::history::{History, Status};
use crate::op::OpKind;
use crate::time::Instant;

/// Tells of every acknowledged write whose place is known, in order of invocation, whether it was lost.
pub(super) fn lost_writes(history: &History, order: &Order, mut tell: impl FnMut(u32, bool)) {
    let acknowledged = || {
        let operations = (0..).zip(&history.operations);
        operations.filter(|(_, op)| op.kind == OpKind::Write && op.status == Status::Ok)
    };
    let mut ended = vec![Instant::NEVER; order.len()];
    for (_, write) in acknowledged() {
        if let Some(place) = order.place(write.value) {
            ended[order.index(write.key, place)] = write.completed;
        }
    }
    let ended = order.earliest_from_here_on(ended);
    for (id, write) in acknowledged() {
        if let Some(place) = order.place(write.value) {
            let newer = order.next(write.key, place);
            tell(id, newer.is_some_and(|newer| ended[newer] < write.invoked));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Story, story};
    use super::*;

    fn lost(history: &History) -> Vec<bool> {
        let mut lost = Vec::new();
        lost_writes(history, &Order::of(history), |_, is_lost| lost.push(is_lost));
        lost
    }

    #[test]
    fn a_write_is_lost_to_one_that_was_acknowledged_before_it_began() {
        assert_eq!(lost(&story("a: w1 0..1 #9; b: w2 2..3 #3")), [false, true]);
        assert_eq!(lost(&story("a: w1 0..1 #1; b: w2 2..3 #3")), [false, false]);
        assert_eq!(lost(&story("a: w1 0..1 #9; b: w2@1 2..3 #3")), [false, false], "another key");
        assert_eq!(lost(&story("a: w1 0..2 #9; b: w2 2..3 #3")), [false, false], "they overlap");
        assert_eq!(lost(&story("a: w1 0..? #9; b: w2 2..3 #3")), [false], "nobody was told of w1");
        assert_eq!(lost(&story("a: w1 0..1 #9; b: w2 2..3")), [false], "it has no place");
    }

    /// The definition, word by word.
    #[test]
    fn agrees_with_the_definition_on_random_histories() {
        let mut found = 0;
        for seed in 0..5_000 {
            let mut history = Story::random(seed, 12);
            history.commits.reverse();
            let order = Order::of(&history);
            lost_writes(&history, &order, |id, is_lost| {
                let write = &history.operations[id as usize];
                let expected = history.operations.iter().any(|op| {
                    (op.kind, op.status, op.key) == (OpKind::Write, Status::Ok, write.key)
                        && op.completed < write.invoked
                        && order.place(op.value) > order.place(write.value)
                });
                assert_eq!(is_lost, expected, "{seed}");
                found += u32::from(is_lost);
            });
        }
        assert!(found > 1_000, "{found}");
    }
}
