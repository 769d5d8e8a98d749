//! Sequential consistency, by the order in which the store decided its writes.
//!
//! L. Lamport, "How to Make a Multiprocessor Computer That Correctly Executes Multiprocess Programs"
//! (1979): one order of all operations on all keys that every session's own order agrees with; real
//! time is free. Deciding whether *some* order exists is NP-complete (Gibbons and Korach 1997), but
//! the recorder knows the store's own order of writes, and with the writes in their places each
//! session can be judged alone: its operations must find places among them that never go back.
//! Going as little forward as possible decides that in one pass.
//!
//! A violation therefore speaks of the store's order: its sessions do not agree with the order that
//! its replicas applied.

use super::evidence::{counterexample, did, value};
use super::{Checker, Verdict, index, values_read};
use crate::guarantee::Guarantee;
use crate::history::{History, Status};
use crate::op::{Key, Value};

pub(super) const CHECKER: Checker = Checker {
    name: "sequential",
    about: "All sessions agree with one order of all writes, that of the store (Lamport 1979).",
    needed_for: |guarantee| guarantee == Guarantee::Sequential,
    check: |history, _| check(history),
};

/// No place: never decided, or nothing follows.
const NONE: u32 = u32::MAX;

/// One order of all decided writes.
struct GlobalOrder {
    /// By value: its place, from 1; [`NONE`] if it was never decided.
    place: Vec<u32>,
    /// By value: the place of its key's next version.
    next: Vec<u32>,
    /// By key: the place of its first version.
    first: Vec<u32>,
}

impl GlobalOrder {
    fn of(history: &History) -> Self {
        let mut order: Vec<u32> = (0..history.commits.len() as u32).collect();
        order.sort_by_key(|i| history.commits[*i as usize].rank);
        let values = history.writes as usize + 1;
        let (mut place, mut next) = (vec![NONE; values], vec![NONE; values]);
        let mut first = vec![NONE; history.keys as usize];
        for (at, index) in order.iter().enumerate().rev() {
            let commit = &history.commits[*index as usize];
            let (key, value) = (commit.key.0 as usize, commit.value.0 as usize);
            place[value] = at as u32 + 1;
            next[value] = std::mem::replace(&mut first[key], at as u32 + 1);
        }
        place[0] = 0;
        Self { place, next, first }
    }

    /// From where to before where a key's value is the latest.
    fn span(&self, key: Key, value: Value) -> (u32, u32) {
        let next = if value == Value::INITIAL {
            self.first[key.0 as usize]
        } else {
            self.next[value.0 as usize]
        };
        (self.place[value.0 as usize], next)
    }
}

fn check(history: &History) -> Verdict {
    let order = GlobalOrder::of(history);
    let sessions = history.operations.iter().map(|op| op.session + 1).max().unwrap_or(0);
    let items = history.operations.iter().enumerate().map(|(id, op)| (Key(op.session), id as u32));
    let (_, by_session) = index::group_by_key(sessions, items);
    let mut verdict = Verdict::Holds;
    let mut session = Session { id: NONE, at: 0, by: 0 };
    for id in by_session {
        let op = &history.operations[id as usize];
        if session.id != op.session {
            session = Session { id: op.session, at: 0, by: id };
        }
        // Of an unknown write only that it took effect can be known.
        let decided = || order.place[op.value.0 as usize] != NONE;
        let next = if op.may_write() && (op.status == Status::Ok || decided()) {
            session.write(history, &order, id)
        } else {
            session.read(history, &order, id)
        };
        match next {
            Ok(at) if at > session.at => (session.at, session.by) = (at, id),
            Ok(_) => {}
            Err(broken @ Verdict::Violated(_)) => return broken,
            Err(other) => verdict = verdict.worst(other),
        }
    }
    verdict
}

/// How far a session has come.
struct Session {
    id: u32,
    /// It has seen the state after this many writes, or a later one.
    at: u32,
    /// The operation that showed it.
    by: u32,
}

impl Session {
    /// Its own write has a place; what it saw before must stand before that.
    fn write(&self, history: &History, order: &GlobalOrder, id: u32) -> Result<u32, Verdict> {
        let op = &history.operations[id as usize];
        match order.place[op.value.0 as usize] {
            NONE => Err(undecided(history, id, op.key, op.value)),
            place if place < self.at => Err(self.broken(history, id, op.key, op.value)),
            place => Ok(place),
        }
    }

    /// Each value read must be the latest of its key at some place the session has not passed.
    fn read(&self, history: &History, order: &GlobalOrder, id: u32) -> Result<u32, Verdict> {
        let mut furthest = self.at;
        for (key, value) in values_read(history, &history.operations[id as usize]) {
            if order.place.get(value.0 as usize).is_none_or(|place| *place == NONE) {
                return Err(undecided(history, id, key, value));
            }
            let (from, to) = order.span(key, value);
            if self.at >= to {
                return Err(self.broken(history, id, key, value));
            }
            furthest = furthest.max(from);
        }
        Ok(furthest)
    }

    fn broken(&self, history: &History, id: u32, key: Key, value: Value) -> Verdict {
        let now = did(&history.operations[id as usize], key, value);
        let by = &history.operations[self.by as usize];
        let seen = values_read(history, by).last().unwrap_or((by.key, by.value));
        let before = did(by, seen.0, seen.1);
        let message = format!(
            "{now}, which stands before what it had seen already in the store's order of writes: {before}"
        );
        Verdict::Violated(counterexample(message, &[self.by, id]))
    }
}

fn undecided(history: &History, id: u32, key: Key, of: Value) -> Verdict {
    let story = did(&history.operations[id as usize], key, of);
    Verdict::Unknown(format!(
        "{story}, but {} was never seen to be decided, so it has no place in the store's order",
        value(of)
    ))
}

#[cfg(test)]
mod tests {
    use super::super::judge;
    use super::super::testing::story;
    use super::*;

    fn sequential(text: &str) -> Verdict {
        judge(&story(text), Guarantee::Sequential)
    }

    #[test]
    fn a_session_may_lag_but_never_turn_back_across_keys() {
        let writes = "a: w1@0 0..1 #1; a: w2@1 2..3 #3; ";
        // An old state is fine as long as it is one state.
        assert_eq!(sequential(&format!("{writes} b: r0@1 8..9; b: r1@0 10..11")), Verdict::Holds);
        assert_eq!(sequential(&format!("{writes} b: r0@0 8..9; b: r0@1 10..11")), Verdict::Holds);
        // Whoever has seen the second write has seen the first.
        let broken = sequential(&format!("{writes} b: r2@1 8..9; b: r0@0 10..11"));
        assert!(broken.message().contains("stands before what it had seen"), "{broken:?}");
        assert!(broken.message().contains("read w2 from key 1"), "{broken:?}");
    }

    #[test]
    fn own_writes_move_a_session_on() {
        let other = "b: w1@0 0..1 #1; ";
        assert_eq!(sequential(&format!("{other} a: w2@1 2..3 #3; a: r0@0 4..5")).rank(), 2);
        assert_eq!(sequential(&format!("{other} a: r0@0 2..3; a: w2@1 4..5 #5")), Verdict::Holds);
        // Dekker's: both write, then neither sees the other's.
        let dekker = "a: w1@0 0..1 #1; b: w2@1 0..1 #1; a: r0@1 2..3; b: r0@0 2..3";
        assert_eq!(sequential(dekker).rank(), 2);
    }

    #[test]
    fn a_scan_is_judged_key_by_key_from_where_the_session_stands() {
        let writes = "a: w1@0 0..1 #1; a: w2@1 2..3 #3; ";
        assert_eq!(sequential(&format!("{writes} b: s1,0@0 4..5")), Verdict::Holds);
        assert_eq!(sequential(&format!("{writes} b: s0,2@0 4..5; b: s0,2@0 6..7")).rank(), 2);
    }

    #[test]
    fn what_was_never_decided_is_not_judged() {
        assert_eq!(sequential("a: w1 0..1; b: r1 2..3").rank(), 1);
    }
}
