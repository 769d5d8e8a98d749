//! Session guarantees, per session and per key, by the order in which versions were decided.
//!
//! Follows D. Terry et al., "Session Guarantees for Weakly Consistent Replicated Data" (PDIS 1994).
//! *Read your writes*: a read returns no version older than one its session wrote before.
//! *Monotonic reads*: a read returns no version older than one its session read before. *Monotonic
//! writes*: a write is newer than what its session wrote before. *Writes follow reads*: a write is newer
//! than what its session read before. So each of the four is a floor under each key, raised by the
//! session's reads or its writes, that its later reads or writes must not be below. "Older" is the
//! place in the history's commits; real time says nothing about it. A value that was never
//! decided (a write lost in a fail-over, or a world whose commits cannot be seen) has no place:
//! where the answer depends on it the verdict is unknown, with the reason. The initial value is
//! older than all.

use super::evidence::{counterexample, did, value};
use super::index::{self, Order};
use super::{Checker, Verdict, values_read};
use crate::guarantee::Guarantee;
use crate::history::{History, Status};
use crate::op::{Key, Value};

pub(super) const READ_YOUR_WRITES: Checker = Checker {
    name: "read-your-writes",
    about: "A session sees its own earlier writes, or newer ones (Terry et al. 1994).",
    needed_for: |g| matches!(g, Guarantee::ReadYourWrites | Guarantee::Session),
    check: |history, _| check(history, Rule { raised_by: Writes, judges: Reads }),
};

pub(super) const MONOTONIC_READS: Checker = Checker {
    name: "monotonic-reads",
    about: "A session never reads an older version after a newer one (Terry et al. 1994).",
    needed_for: |g| matches!(g, Guarantee::MonotonicReads | Guarantee::Session),
    check: |history, _| check(history, Rule { raised_by: Reads, judges: Reads }),
};

pub(super) const MONOTONIC_WRITES: Checker = Checker {
    name: "monotonic-writes",
    about: "A session's writes of a key are ordered as it made them (Terry et al. 1994).",
    needed_for: |g| matches!(g, Guarantee::MonotonicWrites | Guarantee::Session),
    check: |history, _| check(history, Rule { raised_by: Writes, judges: Writes }),
};

pub(super) const WRITES_FOLLOW_READS: Checker = Checker {
    name: "writes-follow-reads",
    about: "A session's write of a key is newer than what it had read of it (Terry et al. 1994).",
    needed_for: |g| matches!(g, Guarantee::WritesFollowReads | Guarantee::Session),
    check: |history, _| check(history, Rule { raised_by: Reads, judges: Writes }),
};

use Side::{Reads, Writes};

/// One kind of a session's operations.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Reads,
    Writes,
}

/// One of the four: whose versions later operations may not be below, and which operations.
#[derive(Clone, Copy)]
struct Rule {
    raised_by: Side,
    judges: Side,
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

fn check(history: &History, rule: Rule) -> Verdict {
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
        let side = if op.may_write() { Writes } else { Reads };
        // An unknown write ends its session, and stands somewhere only if it took effect.
        let known = side == Reads || op.status == Status::Ok || order.place(op.value).is_some();
        let own = (side == Writes && known).then_some((op.key, op.value));
        for (key, value) in values_read(history, op).chain(own) {
            let floor = &mut floors[key.0 as usize];
            if floor.session != op.session {
                *floor = Floor { session: op.session, ..void };
            }
            if side == rule.judges {
                verdict = verdict.worst(floor.judge(history, &order, rule, id, key, value));
                if matches!(verdict, Verdict::Violated(_)) {
                    return verdict;
                }
            }
            if side == rule.raised_by {
                floor.raise(&order, value, id);
            }
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

    /// Whether the session may read or write this version now.
    fn judge(
        &self,
        history: &History,
        order: &Order,
        rule: Rule,
        id: u32,
        key: Key,
        version: Value,
    ) -> Verdict {
        let place = order.place(version);
        // Nobody reads a write before it begins, so a write is never the version that was read.
        let bound = if place.is_some_and(|place| place < self.place) {
            Some((self.value, self.op))
        } else {
            // Whatever has no place is still newer than the initial value.
            self.undecided.filter(|_| version == Value::INITIAL)
        };
        if let Some((newer, by)) = bound {
            let story = did(&history.operations[id as usize], key, version);
            let before = did(&history.operations[by as usize], key, newer);
            let what = if rule.raised_by == Writes { "its own write" } else { "what it had read" };
            let message = format!(
                "{story}, older than {what}: {before}; in the key's version order \
                 {} comes after {}",
                value(newer),
                value(version)
            );
            return Verdict::Violated(counterexample(message, &[by, id]));
        }
        let above_floor = self.place == 0 || place.is_some();
        let same = |(latest, _)| latest == version && !self.several;
        if above_floor && self.undecided.is_none_or(same) {
            return Verdict::Holds;
        }
        let lost = self.undecided.filter(|_| above_floor).map_or(version, |(latest, _)| latest);
        let story = did(&history.operations[id as usize], key, version);
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
    use super::super::testing::{Story, story};
    use super::*;
    use crate::op::OpKind;

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
    fn a_sessions_writes_stand_in_its_order_and_above_what_it_has_read() {
        let mw = |text: &str| judge(&story(text), Guarantee::MonotonicWrites);
        let wfr = |text: &str| judge(&story(text), Guarantee::WritesFollowReads);
        let behind = "b: w1 0..1 #1; a: w2 2..3 #9; a: w3 4..5 #8";
        assert_eq!(
            mw(behind).message(),
            "session 0 wrote w3 to key 0 (began 4 ms, ended 5 ms), older than its own write: session 0 \
             wrote w2 to key 0 (began 2 ms, ended 3 ms); in the key's version order w2 comes after w3"
        );
        assert_eq!(wfr(behind), Verdict::Holds, "it has read nothing");
        let answer = "a: w1 0..1 #5; b: r1 2..3; b: w2 3..4 #4";
        assert!(wfr(answer).message().contains("older than what it had read: session 1 read w1"));
        assert_eq!(mw(answer), Verdict::Holds, "it has written nothing before");
        assert_eq!(wfr("a: w1 0..1 #5; b: r1 2..3; b: w2@1 3..4 #4"), Verdict::Holds, "per key");
        assert_eq!(mw("a: w1 0..1 #9; a: w2 2..? #8").rank(), 2, "it took effect, and too early");
        assert_eq!(mw("a: w1 0..1 #1; a: w2 2..?"), Verdict::Holds, "perhaps it never did");
        assert_eq!(mw("a: w1 0..1 #1; a: w2 2..3").rank(), 1, "it did, and nobody knows where");
    }

    /// The definitions, word by word.
    #[test]
    fn writes_agree_with_the_definitions_on_random_histories() {
        let mut broken = [0, 0];
        for seed in 0..20_000 {
            let mut history = Story::random(seed, 14);
            if seed % 3 == 0 {
                history.commits.reverse();
            }
            let order = Order::of(&history);
            for (rule, broken) in [Writes, Reads].into_iter().zip(&mut broken) {
                let mut expected = false;
                for (i, b) in history.operations.iter().enumerate().filter(|(_, b)| b.may_write()) {
                    let earlier = history.operations[..i].iter();
                    for a in earlier.filter(|a| (a.session, a.key) == (b.session, b.key)) {
                        let binds = match rule {
                            Writes => a.may_write(),
                            Reads => a.kind == OpKind::Read && a.status == Status::Ok,
                        };
                        let places = (order.place(a.value), order.place(b.value));
                        expected |= binds && matches!(places, (Some(a), Some(b)) if b < a);
                    }
                }
                let found = check(&history, Rule { raised_by: rule, judges: Writes });
                assert_eq!(found.rank() == 2, expected, "{seed}: {}", found.message());
                *broken += u32::from(expected);
            }
        }
        assert!(broken.iter().all(|n| *n > 500), "{broken:?}");
    }

    #[test]
    fn the_session_guarantee_is_all_four() {
        let session = |text| judge(&story(text), Guarantee::Session).rank();
        assert_eq!(session("a: w1 0..1 #1; a: r1 2..3; a: r1 4..5"), 0);
        assert_eq!(session("a: w1 0..1 #1; a: r0 2..3"), 2);
        assert_eq!(session("a: w1 0..1 #1; b: r1 2..3; b: r0 4..5"), 2);
        assert_eq!(session("a: w1 0..1 #9; a: w2 2..3 #8"), 2);
        assert_eq!(session("a: w1 0..1 #9; b: r1 2..3; b: w2 4..5 #8"), 2);
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
