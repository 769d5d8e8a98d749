//! Causal consistency with convergence: nobody sees an effect without its causes.
//!
//! M. Ahamad et al., "Causal memory" (1995), in the stronger form that stores promise (causal+ of
//! Lloyd et al., "Don't Settle for Eventual", SOSP 2011; causal convergence of Bouajjani et al.,
//! POPL 2017): there is one version order per key, it agrees with causality, and a read returns the
//! newest of the versions in its *causal past*: what its session did before, what the writes it
//! read knew, and so on. The recorder knows the version order, which makes the check polynomial.
//!
//! Each session, and each write at its beginning, has a vector: how many writes of every session
//! are in its past (Mattern 1989). A read joins the vector of the write it returns. Walking through
//! time meets every vector after those it is made of.

use super::evidence::{counterexample, did, value};
use super::index::Order;
use super::{Checker, Verdict, values_read};
use crate::guarantee::Guarantee;
use crate::history::{History, Status};
use crate::op::{Key, OpKind, Value};
use crate::time::Instant;

pub(super) const CHECKER: Checker = Checker {
    name: "causal",
    about: "A read returns the newest version in its causal past (causal convergence, Bouajjani et \
            al. 2017, with the store's version order).",
    needed_for: |guarantee| guarantee == Guarantee::Causal,
    check: |history, _| check(history),
};

/// At most this many numbers in all vectors together: 512 MB.
const BUDGET: usize = 1 << 27;

/// A write of a key, as others' pasts contain it.
#[derive(Clone, Copy)]
struct Version {
    session: u32,
    /// The number of this write among its session's, from 1.
    ordinal: u32,
    /// The newest version of the key among its session's writes up to this one: place and operation.
    newest: (u32, u32),
}

fn check(history: &History) -> Verdict {
    let sessions = history.operations.iter().map(|op| op.session as usize + 1).max().unwrap_or(0);
    let vectors = sessions * (sessions + history.writes as usize + 1);
    if vectors > BUDGET {
        return Verdict::Unknown(format!(
            "{} writes by {sessions} sessions need vectors of {vectors} numbers in all, more than \
             the {BUDGET} that are allowed",
            history.writes
        ));
    }
    Walk::new(history, sessions).run()
}

struct Walk<'a> {
    history: &'a History,
    order: Order,
    sessions: usize,
    /// By key: its versions by session, then in order.
    versions: Vec<Vec<Version>>,
    /// By session, its vector; then by value, that of its write.
    vectors: Vec<u32>,
    /// By value, its session and its number among that session's writes.
    writers: Vec<(u32, u32)>,
}

impl<'a> Walk<'a> {
    fn new(history: &'a History, sessions: usize) -> Self {
        let order = Order::of(history);
        let mut counts = vec![0; sessions];
        let mut writers = vec![(0, 0)];
        let mut versions = vec![Vec::new(); history.keys as usize];
        for (id, op) in history.operations.iter().enumerate() {
            if op.kind != OpKind::Write {
                continue;
            }
            let count: &mut u32 = &mut counts[op.session as usize];
            *count += 1;
            writers.push((op.session, *count));
            if op.may_write()
                && let Some(place) = order.place(op.value)
            {
                let newest = (place, id as u32);
                versions[op.key.0 as usize].push(Version {
                    session: op.session,
                    ordinal: *count,
                    newest,
                });
            }
        }
        for key in &mut versions {
            key.sort_unstable_by_key(|version| (version.session, version.ordinal));
            for i in 1..key.len() {
                if key[i - 1].session == key[i].session {
                    key[i].newest = key[i].newest.max(key[i - 1].newest);
                }
            }
        }
        let vectors = vec![0; sessions * (sessions + history.writes as usize + 1)];
        Self { history, order, sessions, versions, vectors, writers }
    }

    fn run(mut self) -> Verdict {
        // A write's past is that of its beginning, a read's that of its end.
        let time = |id: &u32| {
            let op = &self.history.operations[*id as usize];
            let at = if op.may_write() { op.invoked } else { op.completed };
            (at, *id)
        };
        let mut events: Vec<u32> = (0..self.history.operations.len() as u32).collect();
        events.retain(|id| time(id).0 != Instant::NEVER);
        events.sort_by_key(time);
        let mut verdict = Verdict::Holds;
        for id in events {
            let op = &self.history.operations[id as usize];
            let seen = match (op.kind, op.status) {
                (_, Status::Failed) => continue,
                (OpKind::Write, Status::Ok | Status::Unknown) => self.write(id),
                _ => self.read(id),
            };
            verdict = verdict.worst(seen);
            if matches!(verdict, Verdict::Violated(_)) {
                break;
            }
        }
        verdict
    }

    /// The vector of a session.
    fn of_session(&self, session: u32) -> std::ops::Range<usize> {
        let from = session as usize * self.sessions;
        from..from + self.sessions
    }

    /// The vector of a write.
    fn of_write(&self, value: Value) -> std::ops::Range<usize> {
        let from = (self.sessions + value.0 as usize) * self.sessions;
        from..from + self.sessions
    }

    fn write(&mut self, id: u32) -> Verdict {
        let op = &self.history.operations[id as usize];
        let verdict = match self.order.place(op.value) {
            Some(place) => self.newer(op.session, op.key, place).map_or(Verdict::Holds, |newer| {
                self.broken(id, op.key, op.value, newer, "stands after it in the version order")
            }),
            None => Verdict::Holds,
        };
        let own = self.of_session(op.session);
        self.vectors[own.start + op.session as usize] = self.writers[op.value.0 as usize].1;
        let target = self.of_write(op.value).start;
        self.vectors.copy_within(own, target);
        verdict
    }

    fn read(&mut self, id: u32) -> Verdict {
        let op = &self.history.operations[id as usize];
        for (_, value) in values_read(self.history, op) {
            if value == Value::INITIAL || value.0 > self.history.writes {
                continue;
            }
            let (own, its) = (self.of_session(op.session), self.of_write(value));
            let (sessions, writes) = self.vectors.split_at_mut(self.sessions * self.sessions);
            let its = &writes[its.start - sessions.len()..][..self.sessions];
            let mine = &mut sessions[own];
            for (mine, theirs) in mine.iter_mut().zip(its) {
                *mine = (*mine).max(*theirs);
            }
            // A write that begins at the very end of the read has no vector yet.
            let (writer, ordinal) = self.writers[value.0 as usize];
            let mine = &mut mine[writer as usize];
            *mine = ordinal.max(*mine);
        }
        let mut verdict = Verdict::Holds;
        for (key, of) in values_read(self.history, op) {
            let Some(place) = self.order.place(of) else {
                verdict = verdict.worst(Verdict::Unknown(format!(
                    "{}, but {} was never seen to be decided, so it has no place in the key's \
                     version order",
                    did(op, key, of),
                    value(of)
                )));
                continue;
            };
            if let Some(newer) = self.newer(op.session, key, place) {
                return self.broken(id, key, of, newer, "is newer");
            }
        }
        verdict
    }

    /// The newest version of a key in a session's past, if it is newer than this place.
    fn newer(&self, session: u32, key: Key, place: u32) -> Option<u32> {
        let past = &self.vectors[self.of_session(session)];
        let mut rest = &self.versions[key.0 as usize][..];
        let mut newest = (place, 0);
        while let Some(first) = rest.first() {
            let (these, others) =
                rest.split_at(rest.partition_point(|version| version.session == first.session));
            let known = past[first.session as usize];
            let inside = these.partition_point(|version| version.ordinal <= known);
            if let Some(last) = inside.checked_sub(1).map(|i| these[i]) {
                newest = newest.max(last.newest);
            }
            rest = others;
        }
        (newest.0 > place).then_some(newest.1)
    }

    fn broken(&self, id: u32, key: Key, of: Value, newer: u32, why: &str) -> Verdict {
        let story = did(&self.history.operations[id as usize], key, of);
        let write = &self.history.operations[newer as usize];
        let cause = did(write, key, write.value);
        let message = format!("{story}, although {cause} is in its causal past and {why}");
        Verdict::Violated(counterexample(message, &[newer, id]))
    }
}

#[cfg(test)]
mod tests {
    use super::super::judge;
    use super::super::testing::story;
    use super::*;

    fn causal(text: &str) -> Verdict {
        judge(&story(text), Guarantee::Causal)
    }

    #[test]
    fn nobody_sees_an_edit_without_its_post() {
        // a posts to key 0; b reads it and comments in key 1; c sees the comment.
        let posts = "a: w1@0 0..1 #1; b: r1@0 2..3; b: w2@1 4..5 #5; ";
        assert_eq!(causal(&format!("{posts} c: r2@1 6..7; c: r1@0 8..9")), Verdict::Holds);
        assert_eq!(causal(&format!("{posts} c: r0@1 6..7; c: r0@0 8..9")), Verdict::Holds);
        let broken = causal(&format!("{posts} c: r2@1 6..7; c: r0@0 8..9"));
        assert!(
            broken.message().contains("session 0 wrote w1 to key 0")
                && broken.message().contains("is in its causal past and is newer"),
            "{broken:?}"
        );
    }

    #[test]
    fn concurrent_writes_may_be_seen_in_different_orders_until_they_meet() {
        let writes = "a: w1@0 0..9 #5; b: w2@1 0..9 #5; ";
        let apart = "c: r1@0 6..7; c: r0@1 7..8; d: r2@1 6..7; d: r0@0 7..8";
        assert_eq!(causal(&format!("{writes} {apart}")), Verdict::Holds);
        assert_eq!(judge(&story(&format!("{writes} {apart}")), Guarantee::Sequential).rank(), 2);
    }

    #[test]
    fn a_session_is_part_of_its_own_past() {
        let writes = "a: w1 0..1 #1; b: w2 2..3 #3; ";
        assert_eq!(causal(&format!("{writes} c: r2 4..5; c: r1 6..7")).rank(), 2);
        assert_eq!(causal(&format!("{writes} b: r1 4..5")).rank(), 2);
    }

    #[test]
    fn a_version_order_against_causality_is_caught_at_the_write() {
        // b reads w1 and overwrites it, but the store's clocks put the overwrite first.
        let broken = causal("a: w1 0..1 #6; b: r1 2..3; b: w2 4..5 #5");
        assert!(broken.message().contains("stands after it in the version order"), "{broken:?}");
    }
}
