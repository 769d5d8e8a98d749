//! The recorder: how a world writes down a run while it happens.
//!
//! It numbers operations, hands out the dense unique values of writes, and refuses, by panicking,
//! whatever would make the history a lie: those are mistakes of the world that calls it, never of a
//! user's input. Nothing is allocated per operation once the expected number has been reserved. The
//! invariants are those of etcd's robustness tests: an unknown outcome stays open and ends its
//! session.

use super::{Commit, Effect, FinalState, History, Made, Operation, Status, Traffic, Window};
use crate::op::{Contents, Key, OpId, OpKind, Outcome, Rank, Ret, State, Update, Value};
use crate::time::Instant;
use std::collections::BTreeSet;

/// More than this is not reserved ahead; the tables then grow as they must.
const RESERVE_MOST: usize = 1 << 24;

/// No operation.
const NONE: u32 = u32::MAX;

/// An operation as it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begin {
    /// Whose; from [`Recorder::new_session`].
    pub session: u32,
    /// Index of the session's client group.
    pub group: u16,
    /// Read, write or scan.
    pub kind: OpKind,
    /// Whether it is the write half of a read-modify-write.
    pub rmw: bool,
    /// The key, or a scan's first key.
    pub key: Key,
    /// Of a scan: how many keys; otherwise 0 or 1.
    pub count: u16,
    /// Of a write: what it does.
    pub update: Update,
    /// When the load generator meant to begin it.
    pub intended: Instant,
    /// When it begins.
    pub invoked: Instant,
}

/// What a session is doing.
#[derive(Clone, Copy, Debug)]
struct Session {
    /// Its operation in flight.
    open: u32,
    /// Its operation before that.
    previous: u32,
    /// Its last outcome was unknown, so it may not go on.
    over: bool,
}

/// Takes down one run. See the module's text for what it refuses.
#[derive(Debug)]
pub struct Recorder {
    history: History,
    sessions: Vec<Session>,
    open: usize,
    latest: Instant,
    /// One bit per value: whether its commit was recorded.
    decided: Vec<u64>,
    /// What was told of states: the version, the version before, and the state word before.
    made: BTreeSet<(u32, u32, u64)>,
}

impl Recorder {
    /// Starts a history. `groups` are the regions of the client groups; `horizon` is the planned
    /// end ([`Instant::NEVER`] where a number of operations ends the run); `expected` is about how
    /// many operations there will be.
    #[must_use]
    pub fn new(
        groups: Vec<String>,
        warm_up: Instant,
        horizon: Instant,
        windows: Vec<Window>,
        expected: usize,
    ) -> Self {
        let ordered = windows.windows(2).all(|pair| pair[0].end <= pair[1].start);
        assert!(ordered && windows.iter().all(|w| w.start <= w.end), "fault windows out of order");
        let expected = expected.min(RESERVE_MOST);
        let history = History {
            groups,
            keys: 0,
            contents: Contents::default(),
            merged: false,
            overwrites: false,
            writes: 0,
            warm_up,
            horizon,
            windows,
            operations: Vec::with_capacity(expected),
            scanned: Vec::new(),
            effects: Vec::new(),
            commits: Vec::with_capacity(expected),
            made: Vec::new(),
            finals: Vec::new(),
            traffic: Traffic::default(),
        };
        let decided = Vec::with_capacity(expected / 64 + 1);
        let made = BTreeSet::new();
        Self { history, sessions: Vec::new(), open: 0, latest: Instant::ZERO, decided, made }
    }

    /// Says what keys hold; nothing may have begun yet.
    #[must_use]
    pub fn with_contents(mut self, contents: Contents) -> Self {
        self.history.contents = contents;
        if !contents.is_register() {
            self.history.effects.reserve(self.history.operations.capacity());
        }
        self
    }

    /// Says that updates which conflict are merged; nothing may have begun yet.
    #[must_use]
    pub fn merging(mut self, merged: bool) -> Self {
        self.history.merged = merged;
        self
    }

    /// Says that of two states one may replace the other as a whole; nothing may have begun yet.
    #[must_use]
    pub fn overwriting(mut self, overwrites: bool) -> Self {
        self.history.overwrites = overwrites;
        self
    }

    /// Opens a session and returns its number; they count from 0.
    pub fn new_session(&mut self) -> u32 {
        self.sessions.push(Session { open: NONE, previous: NONE, over: false });
        (self.sessions.len() - 1) as u32
    }

    /// Takes down an invocation. A write is given the next value; everything else the initial one.
    ///
    /// # Panics
    /// If the session has an operation in flight or is over, if time runs backwards, or if the
    /// operation makes no sense.
    #[inline]
    pub fn begin(&mut self, begin: Begin) -> (OpId, Value) {
        let Begin { session, group, kind, rmw, key, count, update, intended, invoked } = begin;
        let id = self.history.operations.len() as u32;
        assert!(id < NONE - 1, "a history holds at most 2^32 - 2 operations");
        assert!(kind != OpKind::Rmw, "a read-modify-write is recorded as a read and a write");
        assert!(usize::from(group) < self.history.groups.len(), "client group {group} is unknown");
        assert!(invoked >= self.latest, "operation {id} is invoked before the one before it");
        assert!(intended <= invoked, "operation {id} began before it was intended");
        assert!(invoked < Instant::NEVER, "operation {id} began never");
        let state = &mut self.sessions[session as usize];
        assert!(!state.over, "session {session} goes on after an unknown outcome");
        assert!(state.open == NONE, "session {session} has operation {} in flight", state.open);
        if let Some(previous) = self.history.operations.get(state.previous as usize) {
            assert!(previous.completed <= invoked, "session {session} overlaps itself");
        }
        if rmw && kind == OpKind::Write {
            let first = self.history.operations.get(state.previous as usize);
            let pairs = first.is_some_and(|op| op.kind == OpKind::Read && op.rmw && op.key == key);
            assert!(pairs, "operation {id} has no read to follow");
        }
        let fits = kind != OpKind::Write || self.history.contents.object.allows(update);
        assert!(fits, "operation {id}: {update} is no update of what keys hold");
        state.open = id;
        self.open += 1;
        self.latest = invoked;
        let value = if kind == OpKind::Write {
            self.history.writes += 1;
            Value(self.history.writes)
        } else {
            Value::INITIAL
        };
        let count = if kind == OpKind::Scan { count } else { 0 };
        if !self.history.contents.is_register() {
            self.history.effects.push(Effect { update, word: 0 });
        }
        self.history.operations.push(Operation {
            session,
            group,
            kind,
            status: Status::Unknown,
            rmw,
            key,
            value,
            count,
            intended,
            invoked,
            completed: Instant::NEVER,
        });
        (OpId(id), value)
    }

    /// Takes down an outcome, known to the client at `at`.
    ///
    /// # Panics
    /// If the operation is not in flight, if it ends before it began, or if the outcome does not
    /// fit: only writes may be unknown or refused, those of registers only where conflicts are merged, a scan
    /// returns as many values as it asked for, states are of objects other than registers, and a read returns several values only where they are merged.
    #[inline]
    pub fn end(&mut self, op: OpId, outcome: &Outcome, at: Instant) {
        let operation = &mut self.history.operations[op.0 as usize];
        let session = &mut self.sessions[operation.session as usize];
        assert!(session.open == op.0, "operation {} ended twice", op.0);
        assert!(at >= operation.invoked, "operation {} ended before it began", op.0);
        assert!(at < Instant::NEVER, "operation {} ended never", op.0);
        session.open = NONE;
        session.previous = op.0;
        self.open -= 1;
        operation.completed = at;
        operation.status = match (operation.kind, outcome) {
            (_, Outcome::Failed) => Status::Failed,
            (OpKind::Write, Outcome::Done(Ret::Written)) => Status::Ok,
            (OpKind::Read, Outcome::Done(Ret::Value(value))) => {
                operation.value = *value;
                Status::Ok
            }
            (OpKind::Read, Outcome::Done(Ret::Values(values))) if self.history.merged => {
                assert!(values.len() > 1, "read {} returned one value as several", op.0);
                operation.value = Value(self.history.scanned.len() as u32);
                operation.count = values.len().min(usize::from(u16::MAX)) as u16;
                self.history.scanned.extend(values.iter().take(usize::from(u16::MAX)));
                Status::Ok
            }
            (OpKind::Read | OpKind::Write, Outcome::Done(Ret::State(State { version, word }))) => {
                let named = operation.kind == OpKind::Read || operation.value == *version;
                assert!(named, "operation {} made version {}", op.0, version.0);
                operation.value = *version;
                self.history.effects[op.0 as usize].word = *word;
                Status::Ok
            }
            (OpKind::Write, Outcome::Done(Ret::Refused(State { version, word }))) => {
                let conditional = self.history.merged || !self.history.contents.is_register();
                assert!(conditional, "write {} has no condition that could be unmet", op.0);
                operation.value = *version;
                if let Some(effect) = self.history.effects.get_mut(op.0 as usize) {
                    effect.word = *word;
                }
                Status::Refused
            }
            (OpKind::Scan, Outcome::Done(Ret::Values(values))) => {
                assert!(values.len() == usize::from(operation.count), "scan {} is short", op.0);
                operation.value = Value(self.history.scanned.len() as u32);
                self.history.scanned.extend_from_slice(values);
                Status::Ok
            }
            (OpKind::Write, Outcome::Unknown) => {
                session.over = true;
                operation.completed = Instant::NEVER;
                Status::Unknown
            }
            (kind, outcome) => panic!("operation {}: a {kind} cannot end in {outcome:?}", op.0),
        };
    }

    /// Takes down that a replica decided a write. Only the first decision of a value counts.
    ///
    /// # Panics
    /// If nobody wrote the value, or if time runs backwards.
    #[inline]
    pub fn commit(&mut self, at: Instant, key: Key, value: Value, rank: Rank) {
        let known = value != Value::INITIAL && value.0 <= self.history.writes;
        assert!(known, "value {} was committed but never written", value.0);
        let (word, bit) = (value.0 as usize / 64, 1_u64 << (value.0 % 64));
        if word >= self.decided.len() {
            self.decided.resize(word + 1, 0);
        }
        if self.decided[word] & bit != 0 {
            return;
        }
        self.decided[word] |= bit;
        let in_order = self.history.commits.last().is_none_or(|last| last.at <= at);
        assert!(in_order, "value {} was committed in the past", value.0);
        self.history.commits.push(Commit { at, key, value, rank });
    }

    /// Takes down from which state an update has made its own. That another replica finds it so, too, is no
    /// news.
    ///
    /// # Panics
    /// If nobody wrote one of the versions, or keys hold registers.
    pub fn made(&mut self, value: Value, before: State) {
        let written =
            value != Value::INITIAL && value.0.max(before.version.0) <= self.history.writes;
        assert!(written, "version {} was made but never written", value.0);
        assert!(!self.history.contents.is_register(), "a register is not made from another");
        if self.made.insert((value.0, before.version.0, before.word)) {
            self.history.made.push(Made { value, before });
        }
    }

    /// Counts a message sent at `at`, if that is after the warm-up and before the planned horizon.
    #[inline]
    pub fn sent(&mut self, at: Instant, bytes: u32) {
        if at >= self.history.warm_up && at < self.history.horizon {
            self.history.traffic.messages += 1;
            self.history.traffic.bytes += u64::from(bytes);
        }
    }

    /// Counts one of those as mending what a replica has missed: a hint, or else a repair.
    #[inline]
    pub fn mended(&mut self, at: Instant, bytes: u32, hint: bool) {
        if at >= self.history.warm_up && at < self.history.horizon {
            let traffic = &mut self.history.traffic;
            *if hint { &mut traffic.hints } else { &mut traffic.repairs } += 1;
            traffic.mending_bytes += u64::from(bytes);
        }
    }

    /// What was counted so far.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        self.history.traffic
    }

    /// Counts what somebody else has counted between warm-up and horizon.
    pub fn carried(&mut self, more: Traffic) {
        let traffic = &mut self.history.traffic;
        traffic.messages += more.messages;
        traffic.bytes += more.bytes;
        traffic.hints += more.hints;
        traffic.repairs += more.repairs;
        traffic.mending_bytes += more.mending_bytes;
    }

    /// How many writes have begun: their values are 1 up to this.
    #[must_use]
    pub fn writes(&self) -> u32 {
        self.history.writes
    }

    /// How many operations have begun.
    #[must_use]
    pub fn operations(&self) -> usize {
        self.history.operations.len()
    }

    /// How many of them are in flight.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.open
    }

    /// Closes the history. `keys` is raised where an operation went beyond it; `horizon` is when
    /// the last operation was intended, or the planned end.
    ///
    /// # Panics
    /// If an operation is still in flight, was intended after the horizon, or if a commit names a
    /// value that was written to another key: a world ends what it began, in time.
    #[must_use]
    pub fn finish(mut self, keys: u32, horizon: Instant, finals: Vec<FinalState>) -> History {
        assert!(self.open == 0, "{} operations were never ended", self.open);
        let history = &mut self.history;
        let mut written = Vec::with_capacity(history.writes as usize + 1);
        written.push(Key(0));
        history.keys = keys;
        for op in &history.operations {
            assert!(op.intended <= horizon, "an operation was intended after the horizon");
            let more = if op.kind == OpKind::Scan { op.count.max(1) - 1 } else { 0 };
            let last = op.key.0.saturating_add(u32::from(more));
            history.keys = history.keys.max(last.saturating_add(1));
            if op.kind == OpKind::Write {
                written.push(op.key);
            }
        }
        for commit in &history.commits {
            let key = written[commit.value.0 as usize];
            assert!(commit.key == key, "value {} was committed to another key", commit.value.0);
        }
        history.horizon = horizon;
        history.finals = finals;
        self.history
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorder() -> Recorder {
        Recorder::new(vec!["here".into()], Instant(0), Instant(1_000), vec![], 8)
    }

    fn begin(session: u32, kind: OpKind, at: u64) -> Begin {
        let at = Instant(at);
        let (key, count) = (Key(3), u16::from(kind == OpKind::Scan) * 2);
        let update = Update::Put;
        Begin { session, group: 0, kind, rmw: false, key, count, update, intended: at, invoked: at }
    }

    #[test]
    fn writes_are_numbered_densely_and_reads_keep_what_they_returned() {
        let mut r = recorder();
        let (a, b) = (r.new_session(), r.new_session());
        let (w1, first) = r.begin(begin(a, OpKind::Write, 1));
        let (w2, second) = r.begin(begin(b, OpKind::Write, 2));
        assert_eq!((first, second), (Value(1), Value(2)));
        r.commit(Instant(3), Key(3), second, Rank::AS_DECIDED);
        r.commit(Instant(4), Key(3), first, Rank::AS_DECIDED);
        r.commit(Instant(9), Key(3), second, Rank::AS_DECIDED);
        r.end(w1, &Outcome::Done(Ret::Written), Instant(5));
        r.end(w2, &Outcome::Unknown, Instant(6));
        let (read, _) = r.begin(begin(a, OpKind::Read, 7));
        r.end(read, &Outcome::Done(Ret::Value(second)), Instant(8));
        let (scan, _) = r.begin(begin(a, OpKind::Scan, 9));
        let values: Box<[Value]> = [second, Value::INITIAL].into();
        r.end(scan, &Outcome::Done(Ret::Values(values)), Instant(9));
        r.sent(Instant(10), 64);
        r.sent(Instant(1_000), 64);
        let history = r.finish(1, Instant(500), vec![]);

        assert_eq!((history.keys, history.writes), (5, 2));
        assert_eq!(history.operations[1].completed, Instant::NEVER);
        assert_eq!(history.operations[2].value, Value(2));
        assert_eq!(history.scan_values(&history.operations[3]), [Value(2), Value(0)]);
        assert_eq!(history.commits.iter().map(|c| c.value.0).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(history.traffic, Traffic { messages: 1, bytes: 64, ..Traffic::default() });
    }

    #[test]
    #[should_panic(expected = "in flight")]
    fn a_session_has_one_operation_in_flight() {
        let mut r = recorder();
        let session = r.new_session();
        r.begin(begin(session, OpKind::Read, 1));
        r.begin(begin(session, OpKind::Read, 2));
    }

    #[test]
    #[should_panic(expected = "ended twice")]
    fn an_operation_ends_once() {
        let mut r = recorder();
        let session = r.new_session();
        let (read, _) = r.begin(begin(session, OpKind::Read, 1));
        r.end(read, &Outcome::Failed, Instant(2));
        r.end(read, &Outcome::Failed, Instant(3));
    }

    #[test]
    #[should_panic(expected = "ended before it began")]
    fn nothing_completes_before_it_was_invoked() {
        let mut r = recorder();
        let session = r.new_session();
        let (read, _) = r.begin(begin(session, OpKind::Read, 5));
        r.end(read, &Outcome::Failed, Instant(4));
    }

    #[test]
    #[should_panic(expected = "overlaps itself")]
    fn a_session_does_not_begin_before_its_last_operation_ended() {
        let mut r = recorder();
        let session = r.new_session();
        let (read, _) = r.begin(begin(session, OpKind::Read, 1));
        r.end(read, &Outcome::Failed, Instant(9));
        r.begin(begin(session, OpKind::Read, 8));
    }

    #[test]
    #[should_panic(expected = "after an unknown outcome")]
    fn an_unknown_outcome_ends_the_session() {
        let mut r = recorder();
        let session = r.new_session();
        let (write, _) = r.begin(begin(session, OpKind::Write, 1));
        r.end(write, &Outcome::Unknown, Instant(2));
        r.begin(begin(session, OpKind::Read, 3));
    }

    #[test]
    #[should_panic(expected = "before the one before it")]
    fn invocations_go_forward_in_time() {
        let mut r = recorder();
        let (a, b) = (r.new_session(), r.new_session());
        r.begin(begin(a, OpKind::Read, 2));
        r.begin(begin(b, OpKind::Read, 1));
    }

    #[test]
    #[should_panic(expected = "cannot end in Unknown")]
    fn a_read_that_times_out_has_failed() {
        let mut r = recorder();
        let session = r.new_session();
        let (read, _) = r.begin(begin(session, OpKind::Read, 1));
        r.end(read, &Outcome::Unknown, Instant(2));
    }

    #[test]
    #[should_panic(expected = "never ended")]
    fn a_world_ends_what_it_began() {
        let mut r = recorder();
        let session = r.new_session();
        r.begin(begin(session, OpKind::Read, 1));
        let _ = r.finish(1, Instant(10), vec![]);
    }
}
