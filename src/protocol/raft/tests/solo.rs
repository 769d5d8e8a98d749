//! One replica of three or five, told by hand what happens: interleavings that networks rarely
//! make.

use super::super::log::{Entry, Position, Term};
use super::super::replica::{Replica, Role};
use super::super::{Append, Beat, Config, Image, Msg, Raft, Record, Timer};
use crate::op::{Key, Level, NodeId, Op, OpId, Request, Update, Value};
use crate::protocol::parts::table::{Command, Table};
use crate::protocol::{Cx, Effect, Effects, Env, Replica as _, ReplicaCx, WriteId};
use crate::rng::Rng;
use crate::time::{Duration, LocalTime};
use std::sync::Arc;

struct Solo {
    replica: Replica,
    effects: Effects<Raft>,
    rng: Rng,
    now: LocalTime,
}

impl Solo {
    /// Replica 0 of `replicas`, back from a crash with these records.
    fn recover(replicas: u32, records: &[Record], config: Config) -> Self {
        let env = Env {
            me: NodeId(0),
            replicas,
            config: Arc::new(config),
            nearest: (0..replicas).map(NodeId).collect(),
            regions: (0..replicas as u16).collect(),
            region: 0,
            keys: 4,
            contents: crate::op::Contents::default(),
            first_boot: false,
            attempt_timeout: Duration::secs(1),
        };
        let next_write = WriteId(records.len() as u64 + 1);
        let mut effects = Effects { next_write, ..Effects::default() };
        let mut rng = Rng::stream(1, "node", 0);
        let now = LocalTime(0);
        let mut cx = ReplicaCx(Cx::new(&mut effects, &mut rng, now));
        let replica = Replica::recover(env, records, &mut cx);
        Self { replica, effects, rng, now }
    }

    /// Does something to the replica and returns what it sent.
    fn act(
        &mut self,
        act: impl FnOnce(&mut Replica, &mut ReplicaCx<'_, Raft>),
    ) -> Vec<(NodeId, Msg)> {
        self.effects.queue.clear();
        let mut cx = ReplicaCx(Cx::new(&mut self.effects, &mut self.rng, self.now));
        act(&mut self.replica, &mut cx);
        let sends = self.effects.queue.iter().filter_map(|effect| match effect {
            Effect::Send { to, msg } => Some((*to, msg.clone())),
            _ => None,
        });
        sends.collect()
    }

    fn hears(&mut self, from: u32, msg: Msg) -> Vec<(NodeId, Msg)> {
        self.act(|replica, cx| replica.on_message(NodeId(from), msg, cx))
    }

    fn disk_has_everything(&mut self) -> Vec<(NodeId, Msg)> {
        let upto = WriteId(self.effects.next_write.0 - 1);
        self.act(|replica, cx| replica.on_durable(upto, cx))
    }

    /// Lets its patience end and replicas 1, 2, .. up to a majority vote for it.
    fn elect(&mut self) {
        self.now = self.now + Duration::secs(10);
        self.act(|replica, cx| replica.on_timer(Timer::Election, cx));
        let term = self.replica.term.next();
        for voter in 1..self.replica.majority() as u32 {
            self.hears(voter, Msg::Vote { term, granted: true, pre: true });
        }
        self.disk_has_everything();
        for voter in 1..self.replica.majority() as u32 {
            self.hears(voter, Msg::Vote { term, granted: true, pre: false });
        }
        assert_eq!((self.replica.role, self.replica.term), (Role::Leader, term));
    }

    fn appended(&self, matched: u64) -> Msg {
        Msg::Appended { term: self.replica.term, matched, beat: Beat::default() }
    }
}

fn write(term: u32, value: u32) -> Entry {
    let command = Command {
        key: Key(0),
        value: Value(value),
        update: Update::Put,
        client: NodeId(9),
        op: OpId(value),
    };
    Entry { term: Term(term), command: Some(command), stamp: LocalTime(0) }
}

fn record(index: u64, entry: Entry) -> Record {
    Record::Entry { index, entry }
}

fn at(term: u32, index: u64) -> Position {
    Position { term: Term(term), index }
}

fn append(term: u32, prev: Position, entry: Entry, commit: u64) -> Msg {
    Msg::Append(Append {
        term: Term(term),
        prev,
        commit,
        beat: Beat::default(),
        fresh: Some(LocalTime(5)),
        entries: [entry].into_iter().collect(),
    })
}

#[test]
fn an_entry_of_an_earlier_term_is_committed_by_one_of_this_term_only() {
    // Figure 8 of the Raft paper: (c) has entry 2 of term 2 on a majority, and (d) loses it.
    let mut solo = Solo::recover(
        5,
        &[
            Record::HardState { term: Term(3), vote: None },
            record(1, write(1, 1)),
            record(2, write(2, 2)),
        ],
        Config::default(),
    );
    solo.elect();
    solo.disk_has_everything();
    for follower in [1, 2, 3, 4] {
        solo.hears(follower, solo.appended(2));
    }
    assert_eq!(solo.replica.commit, 0);
    solo.hears(1, solo.appended(3));
    let answers = solo.hears(2, solo.appended(3));
    assert_eq!(solo.replica.commit, 3);
    let written = answers.iter().filter(|(to, _)| *to == NodeId(9)).count();
    assert_eq!(written, 2, "and then their clients hear of both");
}

#[test]
fn no_vote_for_a_shorter_log_and_none_before_it_is_on_disk() {
    let records = [Record::HardState { term: Term(1), vote: None }, record(1, write(1, 1))];
    let mut solo = Solo::recover(3, &records, Config::default());
    solo.now = solo.now + Duration::secs(1);
    let request = |term, last| Msg::RequestVote { term: Term(term), last, pre: false };
    let refused = [(NodeId(1), Msg::Vote { term: Term(2), granted: false, pre: false })];
    assert_eq!(solo.hears(1, request(2, Position::default())), refused);
    assert_eq!(solo.hears(2, request(2, at(1, 1))), []);
    let granted = [(NodeId(2), Msg::Vote { term: Term(2), granted: true, pre: false })];
    assert_eq!(solo.disk_has_everything(), granted);
    // Asked again by the same, yes again; by another, no.
    assert_eq!(solo.hears(2, request(2, at(1, 1))), granted);
    assert_eq!(solo.hears(1, request(2, at(1, 9))), refused);
}

#[test]
fn an_append_is_acknowledged_once_it_is_on_disk_and_a_heartbeat_at_once() {
    let mut solo = Solo::recover(3, &[], Config::default());
    assert_eq!(solo.hears(1, append(1, at(0, 0), write(1, 1), 0)), []);
    let heartbeat = |round| {
        let beat = Beat { round, sent: LocalTime(round) };
        let (term, prev, commit, fresh) = (Term(1), at(1, 1), 0, None);
        let entries = arrayvec::ArrayVec::new();
        Msg::Append(Append { term, prev, commit, beat, fresh, entries })
    };
    let answer = |matched, round| {
        let beat = Beat { round, sent: LocalTime(round) };
        [(NodeId(1), Msg::Appended { term: Term(1), matched, beat })]
    };
    assert_eq!(solo.hears(1, heartbeat(7)), answer(0, 7), "nothing is on disk yet");
    assert_eq!(solo.disk_has_everything(), answer(1, 7));
    assert_eq!(solo.hears(1, heartbeat(8)), answer(1, 8));
}

#[test]
fn a_follower_that_lacks_what_was_committed_is_not_fresh() {
    let mut solo = Solo::recover(3, &[], Config::default());
    solo.hears(1, append(1, at(0, 0), write(1, 1), 2));
    assert_eq!((solo.replica.commit, solo.replica.fresh), (1, None));
    solo.hears(1, append(1, at(1, 1), write(1, 2), 2));
    assert_eq!((solo.replica.commit, solo.replica.fresh), (2, Some(LocalTime(5))));
}

#[test]
fn what_the_leader_committed_counts_only_as_far_as_this_log_is_the_leaders() {
    let stale = [record(1, write(1, 1)), record(2, write(1, 2))];
    let mut solo = Solo::recover(3, &stale, Config::default());
    let (term, beat, fresh) = (Term(2), Beat::default(), None);
    let (prev, entries) = (at(1, 1), arrayvec::ArrayVec::new());
    let heartbeat = Append { term, prev, commit: 2, beat, fresh, entries };
    solo.hears(1, Msg::Append(heartbeat));
    assert_eq!(solo.replica.commit, 1, "its second entry may be another");
    solo.hears(1, append(2, at(1, 1), write(2, 3), 2));
    assert_eq!((solo.replica.commit, solo.replica.inspect(Key(0))), (2, Value(3)));
}

#[test]
fn a_bounded_read_allows_for_the_error_of_the_clocks() {
    let mut solo = Solo::recover(3, &[], Config { max_drift_ppm: 0, ..Config::default() });
    solo.hears(1, append(1, at(0, 0), write(1, 1), 1));
    let read = |age| {
        let level = Level::Bounded(Duration::millis(age));
        Msg::Ask { request: Request { id: OpId(3), key: Key(0), op: Op::Read, level }, token: 0 }
    };
    // The stamp says 5 ns, and clocks are at most 10 ms apart.
    solo.now = LocalTime(5) + Duration::millis(90);
    assert!(matches!(solo.hears(9, read(100))[..], [(NodeId(9), Msg::Reply { .. })]));
    assert!(matches!(solo.hears(9, read(99))[..], [(NodeId(9), Msg::Redirect { .. })]));
}

#[test]
fn the_old_log_goes_when_the_entries_after_the_snapshot_are_on_disk_too() {
    let config = Config { snapshot_every: 2, ..Config::default() };
    let mut solo = Solo::recover(3, &[], config);
    for index in 1..=3 {
        let prev = at(u32::from(index > 1), index - 1);
        solo.hears(1, append(1, prev, write(1, index as u32), index - 1));
    }
    let records: Vec<Record> = solo.effects.queue.iter().filter_map(persisted).collect();
    let [Record::Entry { index: 3, .. }, snapshot, Record::Entry { index: 3, .. }] = &records[..]
    else {
        panic!("{records:?}")
    };
    assert!(matches!(snapshot, Record::Snapshot { image, .. } if image.last == at(1, 2)));
    let truncates = |solo: &Solo| {
        let mut effects = solo.effects.queue.iter();
        effects.any(|effect| matches!(effect, Effect::Truncate(_)))
    };
    let tail = WriteId(solo.effects.next_write.0 - 1);
    solo.act(|replica, cx| replica.on_durable(WriteId(tail.0 - 1), cx));
    assert!(!truncates(&solo));
    solo.act(|replica, cx| replica.on_durable(tail, cx));
    assert!(truncates(&solo));
}

fn persisted(effect: &Effect<Raft>) -> Option<Record> {
    match effect {
        Effect::Persist(record) => Some(record.clone()),
        _ => None,
    }
}

#[test]
fn a_snapshot_record_carries_the_term_and_the_vote() {
    let config = Config { snapshot_every: 1, ..Config::default() };
    let mut solo = Solo::recover(3, &[], config.clone());
    solo.elect();
    solo.disk_has_everything();
    solo.hears(1, solo.appended(1));
    let records: Vec<Record> = solo.effects.queue.iter().filter_map(persisted).collect();
    assert_eq!(records.len(), 1);
    let again = Solo::recover(3, &records, config);
    assert_eq!((again.replica.term, again.replica.vote), (Term(1), Some(NodeId(0))));
    assert_eq!((again.replica.commit, again.replica.log.last()), (1, at(1, 1)));
}

/// It led an earlier term, and what it left undecided ends where this leader's log begins, or beyond.
#[test]
fn a_follower_whose_log_ends_at_the_leaders_base_in_an_earlier_term_is_sent_a_snapshot() {
    let table = Table::new(4, crate::op::Contents::default());
    let image = Box::new(Image { last: at(3, 9), stamp: LocalTime(0), table });
    let snapshot = Record::Snapshot { term: Term(3), vote: None, image };
    let told = |hint: Position| {
        let records = [snapshot.clone(), record(10, write(3, 10))];
        let mut leader = Solo::recover(3, &records, Config::default());
        leader.elect();
        let (term, beat) = (leader.replica.term, Beat { round: 0, sent: leader.now });
        let sent = leader.hears(1, Msg::Mismatch { term, hint, beat });
        let image =
            sent.iter().any(|(to, msg)| *to == NodeId(1) && matches!(msg, Msg::Install { .. }));
        let first = sent.iter().find_map(|(_, msg)| match msg {
            Msg::Append(append) => Some(append.prev),
            _ => None,
        });
        (image, first)
    };
    for behind in [at(1, 5), at(1, 9), at(2, 12)] {
        assert_eq!(told(behind), (true, Some(at(3, 9))), "{behind:?}");
    }
    for common in [at(3, 9), at(3, 12)] {
        assert!(!told(common).0, "{common:?}: the base is in it");
    }
}

/// Clocks may be 10 ms off, and timestamps are closed at once.
fn trusting() -> Config {
    Config {
        uncertainty: Some(Duration::millis(10)),
        closed_lag: Duration::ZERO,
        ..Config::default()
    }
}

/// A leader of three whose first entry is committed and its timestamp waited out.
fn trusting_leader(records: &[Record]) -> Solo {
    let mut solo = Solo::recover(3, records, trusting());
    solo.elect();
    solo.disk_has_everything();
    let last = solo.replica.log.last().index;
    let beat = Beat { round: 1, sent: solo.now };
    solo.hears(1, Msg::Appended { term: solo.replica.term, matched: last, beat });
    assert!(solo.replica.commit < last, "its timestamp is not past");
    let stamp = solo.replica.log.entry(last).expect("the entry").stamp;
    solo.now = solo.now.max(stamp) + Duration::millis(10);
    solo.act(|replica, cx| replica.on_timer(Timer::CommitWait, cx));
    assert_eq!(solo.replica.commit, last);
    solo
}

/// What its next heartbeat closes.
fn closes(solo: &mut Solo) -> LocalTime {
    let sent = solo.act(|replica, cx| replica.beat(cx));
    match &sent[..] {
        [(_, Msg::Append(Append { fresh: Some(closed), .. })), _] => *closed,
        other => panic!("no closed timestamp in {other:?}"),
    }
}

fn ask_write(value: u32) -> Msg {
    let (id, op, level) = (OpId(value), Op::Write(Value(value), Update::Put), Level::Linearizable);
    Msg::Ask { request: Request { id, key: Key(0), op, level }, token: 0 }
}

#[test]
fn later_entries_are_stamped_above_what_was_closed_and_closed_timestamps_below_them() {
    let mut solo = trusting_leader(&[]);
    let closed = closes(&mut solo);
    assert_eq!(closed, LocalTime(solo.now.0 + 9_999_999), "up to the end of its own interval");
    solo.hears(9, ask_write(1));
    solo.hears(8, ask_write(2));
    let stamp = |index| solo.replica.log.entry(index).expect("there").stamp;
    let (first, second) = (stamp(2), stamp(3));
    assert!(closed < first && first < second, "even at the same instant");
    solo.now = solo.now + Duration::millis(5);
    assert_eq!(closes(&mut solo).0, first.0 - 1, "it is not decided");
}

#[test]
fn a_leader_sure_of_its_office_no_longer_closes_nothing_more() {
    let mut solo = trusting_leader(&[]);
    solo.now = solo.now + Duration::secs(5);
    let closed = closes(&mut solo);
    assert!(closed < solo.now, "{closed:?} after five silent seconds at {:?}", solo.now);
    solo.now = solo.now + Duration::secs(5);
    assert_eq!(closes(&mut solo), closed);
}

#[test]
fn a_leader_whose_clock_is_behind_stamps_above_its_log_and_above_its_snapshot() {
    let far = LocalTime(0) + Duration::secs(50);
    let entry = Entry { stamp: far, ..write(1, 1) };
    let solo = trusting_leader(&[record(1, entry)]);
    assert!(solo.replica.log.entry(2).expect("its own").stamp > far);
    let table = crate::protocol::parts::table::Table::new(4, crate::op::Contents::default());
    let image = Box::new(super::super::Image { last: at(1, 1), stamp: far, table });
    let solo = trusting_leader(&[Record::Snapshot { term: Term(1), vote: None, image }]);
    assert!(solo.replica.log.entry(2).expect("its own").stamp > far);
}

#[test]
fn a_leader_that_hears_of_a_later_term_votes_for_nobody_while_what_it_closed_may_lie_ahead() {
    let mut solo = trusting_leader(&[]);
    let (term, last) = (solo.replica.term.next(), at(9, 9));
    solo.hears(2, Msg::Refused { term });
    assert_eq!(solo.replica.role, Role::Follower);
    let request = || Msg::RequestVote { term, last, pre: false };
    let refused = [(NodeId(2), Msg::Vote { term, granted: false, pre: false })];
    assert_eq!(solo.hears(2, request()), refused);
    solo.now = solo.now + Duration::secs(1);
    assert_eq!(solo.hears(2, request()), []);
    let granted = [(NodeId(2), Msg::Vote { term, granted: true, pre: false })];
    assert_eq!(solo.disk_has_everything(), granted);
}

#[test]
fn a_term_known_by_hearsay_does_not_make_a_follower_forget_its_leader() {
    let mut solo = Solo::recover(3, &[], Config::default());
    solo.now = solo.now + Duration::secs(10);
    solo.hears(1, append(1, at(0, 0), write(1, 1), 0));
    solo.hears(2, Msg::Vote { term: Term(2), granted: false, pre: true });
    assert_eq!(solo.replica.term, Term(2));
    let request = || Msg::RequestVote { term: Term(2), last: at(9, 9), pre: false };
    let refused = [(NodeId(2), Msg::Vote { term: Term(2), granted: false, pre: false })];
    assert_eq!(solo.hears(2, request()), refused, "its leader may hold a lease");
    solo.now = solo.now + Duration::secs(1);
    assert_eq!(solo.hears(2, request()), []);
}
