//! Session guarantees, per session and per key, by the order in which versions were decided.
//!
//! Follows D. Terry et al., "Session Guarantees for Weakly Consistent Replicated Data" (PDIS 1994).
//! *Read your writes*: a read returns no version older than one its session wrote before.
//! *Monotonic reads*: a read returns no version older than one its session read before. "Older" is
//! the place in the history's commits; real time says nothing about it. A value that was never
//! decided (a write lost in a fail-over, or a world whose commits cannot be seen) has no place:
//! where the answer depends on it the verdict is unknown, with the reason. The initial value is
//! older than all.

use super::evidence::{counterexample, did, value};
use super::index::{self, Order};
use super::{Checker, Verdict, values_read};
use crate::guarantee::Guarantee;
use crate::history::{History, Status};
use crate::op::{Key, OpKind, Value};

pub(super) const READ_YOUR_WRITES: Checker = Checker {
    name: "read-your-writes",
    about: "A session sees its own earlier writes, or newer ones (Terry et al. 1994).",
    needed_for: |g| matches!(g, Guarantee::ReadYourWrites | Guarantee::Session),
    check: |history, _| check(history, Kind::OwnWrites),
};

pub(super) const MONOTONIC_READS: Checker = Checker {
    name: "monotonic-reads",
    about: "A session never reads an older version after a newer one (Terry et al. 1994).",
    needed_for: |g| matches!(g, Guarantee::MonotonicReads | Guarantee::Session),
    check: |history, _| check(history, Kind::OwnReads),
};

/// Which of a session's operations bind its later reads.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    OwnWrites,
    OwnReads,
}

/// What a session may no longer fall behind, on one key.
#[derive(Clone, Copy)]
struct Floor {
    /// The session this entry belongs to; entries of earlier sessions are void.
    session: u32,
    /// Newest decided version: its place, its value, and the operation that set it.
    place: u32,
    value: Value,
    op: u32,
    /// The latest version without a place and the operation that set it, if any.
    undecided: Option<(Value, u32)>,
    /// There were several of those, so not even the latest is known to be the newest.
    several: bool,
}

fn check(history: &History, kind: Kind) -> Verdict {
    let order = Order::of(history);
    // Sessions take the place of keys: their operations, in order.
    let sessions = history.operations.iter().map(|op| op.session + 1).max().unwrap_or(0);
    let ops = history.operations.iter().enumerate();
    let items = ops.map(|(id, op)| (Key(op.session), id as u32));
    let (_, by_session) = index::group_by_key(sessions, items);

    let void = Floor {
        session: u32::MAX,
        place: 0,
        value: Value::INITIAL,
        op: 0,
        undecided: None,
        several: false,
    };
    let mut floors = vec![void; history.keys as usize];
    let mut verdict = Verdict::Holds;
    for id in by_session {
        let op = &history.operations[id as usize];
        for (key, value) in values_read(history, op) {
            let floor = &mut floors[key.0 as usize];
            if floor.session == op.session {
                verdict = verdict.worst(floor.judge(history, &order, kind, id, key, value));
                if matches!(verdict, Verdict::Violated(_)) {
                    return verdict;
                }
            } else {
                *floor = Floor { session: op.session, ..void };
            }
            if kind == Kind::OwnReads {
                floor.raise(&order, value, id);
            }
        }
        if kind == Kind::OwnWrites && op.kind == OpKind::Write && op.status == Status::Ok {
            let floor = &mut floors[op.key.0 as usize];
            if floor.session != op.session {
                *floor = Floor { session: op.session, ..void };
            }
            floor.raise(&order, op.value, id);
        }
    }
    verdict
}

impl Floor {
    /// The session has seen this version.
    fn raise(&mut self, order: &Order, value: Value, op: u32) {
        match order.place(value) {
            Some(place) if place > self.place => {
                (self.place, self.value, self.op) = (place, value, op);
            }
            Some(_) => {}
            None => {
                self.several |= self.undecided.is_some_and(|(before, _)| before != value);
                self.undecided = Some((value, op));
            }
        }
    }

    /// Whether the session may read this version now.
    fn judge(
        &self,
        history: &History,
        order: &Order,
        kind: Kind,
        id: u32,
        key: Key,
        read: Value,
    ) -> Verdict {
        let place = order.place(read);
        let bound = if place.is_some_and(|place| place < self.place) {
            Some((self.value, self.op))
        } else {
            // Whatever has no place is still newer than the initial value.
            self.undecided.filter(|_| read == Value::INITIAL)
        };
        if let Some((newer, by)) = bound {
            let story = did(&history.operations[id as usize], key, read);
            let before = did(&history.operations[by as usize], key, newer);
            let what = if kind == Kind::OwnWrites { "its own write" } else { "what it had read" };
            let message = format!(
                "{story}, older than {what}: {before}; in the key's version order \
                 {} comes after {}",
                value(newer),
                value(read)
            );
            return Verdict::Violated(counterexample(message, &[by, id]));
        }
        let above_floor = self.place == 0 || place.is_some();
        let same = |(latest, _)| latest == read && !self.several;
        if above_floor && self.undecided.is_none_or(same) {
            return Verdict::Holds;
        }
        let lost = self.undecided.filter(|_| above_floor).map_or(read, |(latest, _)| latest);
        let story = did(&history.operations[id as usize], key, read);
        Verdict::Unknown(format!(
            "{story}, but {} was never seen to be decided, so it has no place in the key's version \
             order",
            value(lost)
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::super::judge;
    use super::super::testing::story;
    use super::*;

    fn ryw(text: &str) -> Verdict {
        judge(&story(text), Guarantee::ReadYourWrites)
    }

    fn mr(text: &str) -> Verdict {
        judge(&story(text), Guarantee::MonotonicReads)
    }

    #[test]
    fn a_session_must_see_its_own_write_or_a_newer_one() {
        let writes = "a: w1 0..1 #1; b: w2 2..3 #3; ";
        assert_eq!(ryw(&format!("{writes} a: r1 4..5; a: r2 6..7; a: r1 8..9")), Verdict::Holds);
        assert_eq!(ryw(&format!("{writes} c: r0 4..5; a: r0@1 6..7")), Verdict::Holds);
        let broken = ryw(&format!("{writes} b: r1 4..5"));
        assert_eq!(
            broken.message(),
            "session 1 read w1 from key 0 (began 4 ms, ended 5 ms), older than its own write: session 1 \
             wrote w2 to key 0 (began 2 ms, ended 3 ms); in the key's version order w2 comes after w1"
        );
        assert_eq!(ryw("a: w1 0..1!; a: r0 2..3"), Verdict::Holds, "a failed write binds nobody");
    }

    #[test]
    fn a_session_may_not_turn_back_but_sessions_may_differ() {
        let writes = "a: w1 0..1 #1; a: w2 2..3 #3; ";
        assert_eq!(mr(&format!("{writes} b: r1 4..5; b: r2 6..7; c: r1 8..9")), Verdict::Holds);
        assert!(mr(&format!("{writes} b: r2 4..5; b: r1 6..7")).message().contains("had read"));
        assert!(mr(&format!("{writes} b: s2@0 4..5; b: r0 6..7")).message().contains("scanned w2"));
        assert_eq!(
            mr(&format!("{writes} a: r1 6..7")),
            Verdict::Holds,
            "writes are another matter"
        );
    }

    #[test]
    fn the_session_guarantee_is_both() {
        let session = |text| judge(&story(text), Guarantee::Session).rank();
        assert_eq!(session("a: w1 0..1 #1; a: r1 2..3; a: r1 4..5"), 0);
        assert_eq!(session("a: w1 0..1 #1; a: r0 2..3"), 2);
        assert_eq!(session("a: w1 0..1 #1; b: r1 2..3; b: r0 4..5"), 2);
    }

    #[test]
    fn undecided_values_are_unknown_only_where_they_matter() {
        assert_eq!(ryw("a: w1 0..1; a: r1 2..3"), Verdict::Holds, "the very value");
        assert_eq!(ryw("a: w1 0..1; a: r0 2..3").rank(), 2, "the initial value is older than all");
        let lost = ryw("a: w1 0..1; b: w2 0..1 #1; a: r2 2..3");
        assert!(
            matches!(&lost, Verdict::Unknown(why) if why.contains("w1 was never seen")),
            "{lost:?}"
        );
        assert_eq!(ryw("a: w1 0..1; b: w2 0..1 #1; b: r1 2..3").rank(), 1);
        assert_eq!(mr("a: w1 0..1; b: r1 2..3; b: r1 4..5"), Verdict::Holds);
        assert_eq!(mr("a: w1 0..1; c: w2 0..1; b: r1 2..3; b: r2 4..5").rank(), 1);
        assert_eq!(mr("a: w1 0..1; c: w2 0..1; b: r1 2..3; b: r2 4..5; b: r1 6..7").rank(), 1);
        // The first read of a session is bound by nothing.
        assert_eq!(mr("a: w1 0..1; b: r1 2..3"), Verdict::Holds);
    }

    #[test]
    fn violations_anywhere_outrank_unknowns_before() {
        let text = "a: w1 0..1; c: w2 0..1 #1; a: r2 2..3; b: w3 4..5 #5; b: r2 6..7";
        assert_eq!(ryw(text).rank(), 2);
    }
}
