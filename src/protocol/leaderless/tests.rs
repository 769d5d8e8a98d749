//! Rounds, copies and hints as stories, by hand. Whole clusters are run in `tests/`.

use super::super::parts::merge::{Cell, Item, Name, Names};
use super::super::parts::version::Version;
use super::client::Session;
use super::config::Config;
use super::message::{Copies, Msg, Record, Ticket, Timer};
use super::places::Places;
use super::round::{Round, Span, Step};
use super::{Ask, Job, Leaderless, Server};
use crate::op::{Acks, Key, Level, NodeId, Op, OpId, Rank, Request, Update, Value};
use crate::protocol::{
    Client as _, ClientCx, Cx, Effect, Effects, Env, Replica as _, ReplicaCx, WriteId,
};
use crate::rng::Rng;
use crate::time::{Duration, LocalTime};
use std::sync::Arc;

const KEY: Span = Span { first: Key(3), count: 0 };
const MAJORITY: (Acks, Acks) = (Acks::Quorum, Acks::Quorum);

fn env(config: &str, me: u32) -> Env<Leaderless> {
    let nearest: Vec<NodeId> = (0..3).map(|i| NodeId((me + i) % 3)).collect();
    Env {
        me: NodeId(me),
        replicas: 3,
        config: Arc::new(toml::from_str::<Config>(config).expect("settings parse")),
        nearest: nearest.into(),
        regions: [0, 1, 2].into(),
        region: me as u16,
        keys: 8,
        contents: crate::op::Contents::default(),
        first_boot: true,
        attempt_timeout: Duration::secs(1),
    }
}

fn version(time: u64) -> Version {
    Version { rank: Rank { time, node: 0 }, value: Value(time as u32) }
}

fn one(time: u64) -> Copies {
    Copies::One(version(time))
}

fn rng() -> Rng {
    Rng::stream(1, "round", 0)
}

/// A majority read at replica 0, to which the first two replicas answer with these stamps.
fn read(config: &str, answers: [u64; 2]) -> (Round, Places, Step) {
    let env = env(config, 0);
    let places = Places::new(&env);
    let (mut round, asked) =
        Round::read(&env.config, &places, KEY, MAJORITY, env.config.write_back, &mut rng());
    assert_eq!(asked, Step { fetch: 0b111, ..Step::default() });
    assert_eq!(round.on_fetched(&places, NodeId(0), &one(answers[0])), Step::default());
    let step = round.on_fetched(&places, NodeId(1), &one(answers[1]));
    (round, places, step)
}

#[test]
fn a_read_returns_the_newest_of_enough_answers() {
    let (round, _, step) = read("read_repair = 'off'", [7, 5]);
    assert_eq!((step, &round.best), (Step { answer: true, ..Step::default() }, &one(7)));
    assert!(round.is_over(), "nobody is to be repaired");
}

#[test]
fn a_blocking_read_repairs_those_it_waited_for_before_it_answers() {
    let (mut round, places, step) = read("", [5, 7]);
    assert_eq!(step, Step { store: 0b001, ..Step::default() });
    // The third is newer still, but what is being stored is what will be answered.
    assert_eq!(round.on_fetched(&places, NodeId(2), &one(9)), Step::default());
    let step = round.on_stored(&places, NodeId(0));
    assert_eq!((step.answer, &round.best), (true, &one(7)));
    let (_, _, agreed) = read("", [7, 7]);
    assert_eq!(agreed, Step { answer: true, ..Step::default() }, "nothing to repair");
}

#[test]
fn a_repair_in_the_background_waits_for_all_answers_and_nobody_for_it() {
    let (mut round, places, step) = read("read_repair = 'background'", [7, 5]);
    assert_eq!(step, Step { answer: true, ..Step::default() });
    assert!(!round.is_over());
    let step = round.on_fetched(&places, NodeId(2), &one(9));
    assert_eq!((step, &round.best), (Step { store: 0b011, ..Step::default() }, &one(9)));
    assert!(round.is_over());
}

#[test]
fn a_read_that_writes_back_answers_once_a_majority_has_what_it_returns() {
    let (mut round, places, step) = read("write_back = true", [7, 5]);
    assert_eq!(step, Step { store: 0b111, ..Step::default() });
    assert!(!round.on_stored(&places, NodeId(0)).answer);
    assert!(!round.on_stored(&places, NodeId(0)).answer, "one replica counts once");
    assert!(round.on_stored(&places, NodeId(1)).answer);
}

#[test]
fn a_coordinator_that_stands_in_alone_needs_its_own_copy_and_no_other() {
    let env = env("sloppy = true", 1);
    let places = Places::new(&env);
    assert!(places.stands_in_alone());
    let (mut round, _) = Round::read(&env.config, &places, KEY, MAJORITY, false, &mut rng());
    assert_eq!(round.stand_in(&places, 0b101), Step::default(), "nobody has read anything");
    assert!(round.on_fetched(&places, NodeId(1), &one(4)).answer);
    let (mut round, _) = Round::write(&env.config, &places, KEY, Acks::Two, one(9), &mut rng());
    assert!(!round.on_stored(&places, NodeId(1)).answer);
    round.keep_for(0b100);
    assert_eq!(round.missing(), 0b001, "nobody else need keep it");
    assert!(!round.on_stored(&places, NodeId(1)).answer, "what it keeps is on no disk yet");
    round.on_kept();
    assert_eq!((round.on_stored(&places, NodeId(1)).answer, round.missing()), (true, 0b001));
}

/// W counts what is on disks. A replica that answers late must not be counted with what the coordinator has only
/// in its memory.
#[test]
fn what_is_kept_for_others_counts_when_it_is_on_disk_and_not_before() {
    let env = env("sloppy = true", 1);
    let places = Places::new(&env);
    let (mut round, _) = Round::write(&env.config, &places, KEY, Acks::Two, one(9), &mut rng());
    // Its disk is slow; the two others are silent for too long, and then one of them answers.
    round.keep_for(0b101);
    assert!(!round.on_stored(&places, NodeId(0)).answer, "one copy is safe, not two");
    round.on_kept();
    assert!(round.on_stored(&places, NodeId(1)).answer);
}

#[test]
fn a_slow_read_asks_the_others_and_a_slow_write_the_silent_ones_again() {
    let env = env("send_to = 'needed'", 1);
    let places = Places::new(&env);
    let (mut round, step) = Round::read(&env.config, &places, KEY, MAJORITY, false, &mut rng());
    assert_eq!(step.fetch, 0b110, "the nearest two");
    round.on_fetched(&places, NodeId(1), &one(4));
    assert_eq!(round.lose_patience(&places).fetch, 0b101);
    assert!(round.on_fetched(&places, NodeId(0), &one(4)).answer);
    let (mut round, step) = Round::write(&env.config, &places, KEY, Acks::All, one(9), &mut rng());
    assert_eq!(step.store, 0b111);
    round.on_stored(&places, NodeId(2));
    assert_eq!((round.lose_patience(&places).store, round.missing()), (0b011, 0b011));
}

#[test]
fn a_scan_takes_the_newest_of_each_key() {
    let mut scan = Copies::Many([version(3), version(8)].into());
    let other = Copies::Many([version(5), version(2)].into());
    assert!(!scan.covers(&other) && scan.merge(&other) && scan.covers(&other));
    assert_eq!(scan.versions(), [version(5), version(8)]);
}

/// A replica with its effects, a log, and a clock that is set by hand.
struct Node {
    server: Server,
    effects: Effects<Leaderless>,
    rng: Rng,
    clock: LocalTime,
    log: Vec<Record>,
}

impl Node {
    fn new(config: &str, me: u32) -> Self {
        Self::with_log(config, me, Vec::new(), LocalTime(1_000))
    }

    fn with_log(config: &str, me: u32, log: Vec<Record>, clock: LocalTime) -> Self {
        let (mut effects, mut rng) = (Effects::default(), Rng::stream(1, "node", 0));
        effects.next_write = WriteId(log.len() as u64 + 1);
        let mut cx = ReplicaCx(Cx::new(&mut effects, &mut rng, clock));
        let server = Server::recover(env(config, me), &log, &mut cx);
        effects.queue.clear();
        Self { server, effects, rng, clock, log }
    }

    /// Calls the replica; what it sends. Records go to the log, to the disk only with [`Node::sync`].
    fn call(
        &mut self,
        act: impl FnOnce(&mut Server, &mut ReplicaCx<'_, Leaderless>),
    ) -> Vec<(u32, Msg)> {
        let cx = Cx::new(&mut self.effects, &mut self.rng, self.clock);
        act(&mut self.server, &mut ReplicaCx(cx));
        let mut sent = Vec::new();
        for effect in self.effects.queue.drain(..) {
            match effect {
                Effect::Send { to, msg } => sent.push((to.0, msg)),
                Effect::Persist(record) => self.log.push(record),
                _ => {}
            }
        }
        sent
    }

    fn tell(&mut self, from: u32, msg: Msg) -> Vec<(u32, Msg)> {
        self.call(|server, cx| server.on_message(NodeId(from), msg, cx))
    }

    fn sync(&mut self) -> Vec<(u32, Msg)> {
        let upto = WriteId(self.log.len() as u64);
        self.call(|server, cx| server.on_durable(upto, cx))
    }

    fn after(&mut self, wait: Duration, timer: Timer) -> Vec<(u32, Msg)> {
        self.clock = self.clock + wait;
        self.call(|server, cx| server.on_timer(timer, cx))
    }
}

const HERE: Ticket = Ticket { slot: 0, serial: 77 };

fn store(time: u64, ticket: Ticket) -> Msg {
    Msg::Store { ticket, key: Key(3), copies: one(time), stand_in_for: None }
}

fn write(value: u32, acks: Acks) -> Msg {
    Msg::Ask(Ask {
        op: OpId(value),
        attempt: 0,
        key: Key(3),
        job: Job::Write(Value(value)),
        read: acks,
        write: acks,
        deadline: LocalTime(2_000),
    })
}

fn is_stored(sent: &[(u32, Msg)]) -> bool {
    matches!(sent, [(9, Msg::Stored(HERE))])
}

#[test]
fn a_version_is_acknowledged_when_it_or_a_newer_one_is_on_disk() {
    let mut node = Node::new("", 0);
    assert!(node.tell(9, store(5, HERE)).is_empty());
    assert!(node.tell(9, store(4, HERE)).is_empty(), "the newer one is not safe yet");
    assert_eq!(node.sync().len(), 2);
    assert!(is_stored(&node.tell(9, store(5, HERE))), "it is on disk already");
    assert!(node.tell(9, store(6, Ticket::NOBODY)).is_empty());
    assert!(node.sync().is_empty(), "nobody waits for a repair in the background");
    let again = Node::with_log("", 0, node.log, node.clock);
    assert_eq!(again.server.inspect(Key(3)), Value(6));
}

#[test]
fn a_coordinator_acknowledges_a_write_that_enough_disks_have() {
    let mut node = Node::new("", 0);
    let sent = node.tell(9, write(1, Acks::Quorum));
    let [(1, Msg::Store { ticket, copies, .. }), (2, Msg::Store { .. })] = &sent[..] else {
        panic!("{sent:?}")
    };
    let stamped = Version { rank: Rank { time: 1_000, node: 0 }, value: Value(1) };
    assert_eq!(copies, &Copies::One(stamped));
    assert!(node.tell(2, Msg::Stored(*ticket)).is_empty(), "its own disk is busy");
    let sent = node.sync();
    assert!(matches!(&sent[..], [(9, Msg::Reply { op: OpId(1), attempt: 0, .. })]), "{sent:?}");
    // A second write at the same instant has a later stamp.
    let sent = node.tell(9, write(2, Acks::One));
    let Msg::Store { copies, .. } = &sent[0].1 else { panic!("{sent:?}") };
    assert!(copies.versions()[0] > stamped);
}

#[test]
fn a_request_whose_client_has_turned_elsewhere_is_not_stamped_any_more() {
    let mut node = Node::new("", 0);
    node.clock = LocalTime(2_000);
    assert!(!node.tell(9, write(1, Acks::One)).is_empty());
    node.clock = LocalTime(2_001);
    assert!(node.tell(9, write(2, Acks::One)).is_empty());
    let mut doubtful = Node::new("trusts_clocks = false", 0);
    doubtful.clock = LocalTime(2_001);
    assert!(!doubtful.tell(9, write(2, Acks::One)).is_empty(), "no promise hangs on it");
}

#[test]
fn an_answer_to_an_earlier_life_is_not_taken_for_another() {
    let mut node = Node::new("", 0);
    let sent = node.tell(9, write(1, Acks::All));
    let Msg::Store { ticket: old, .. } = sent[0].1 else { panic!("{sent:?}") };
    let mut again = Node::with_log("", 0, Vec::new(), LocalTime(1_500));
    let sent = again.tell(9, write(2, Acks::Two));
    let Msg::Store { ticket: new, .. } = sent[0].1 else { panic!("{sent:?}") };
    assert_eq!(old.slot, new.slot);
    again.sync();
    assert!(again.tell(1, Msg::Stored(old)).is_empty());
    assert!(matches!(again.tell(1, Msg::Stored(new))[..], [(9, Msg::Reply { .. })]));
}

#[test]
fn what_a_replica_did_not_get_is_kept_for_it_over_a_crash_and_handed_over() {
    let mut node = Node::new("", 0);
    let sent = node.tell(9, write(1, Acks::Two));
    let Msg::Store { ticket, .. } = sent[0].1 else { panic!("{sent:?}") };
    node.sync();
    node.tell(1, Msg::Stored(ticket));
    node.after(Duration::secs(1), Timer::Expiry);
    assert!(matches!(node.log[..], [Record::Version(..), Record::Hint(NodeId(2), ..)]));
    let mut node = Node::with_log("", 0, node.log, node.clock);
    let sent = node.after(Duration::secs(1), Timer::Handoff);
    let [(2, Msg::Store { ticket: hint, .. })] = sent[..] else { panic!("{sent:?}") };
    node.tell(2, Msg::Stored(hint));
    assert!(node.after(Duration::secs(1), Timer::Handoff).is_empty(), "it has been delivered");
}

#[test]
fn a_stand_in_keeps_a_version_apart_and_only_while_there_is_room() {
    let mut node = Node::new("n = 2\nsloppy = true\nhints = 1", 0);
    let key = (0..8).map(Key).find(|key| node.server.inspect(*key) == Value::NOT_HELD);
    let key = key.expect("a key of the two others");
    let keep =
        |time| Msg::Store { ticket: HERE, key, copies: one(time), stand_in_for: Some(NodeId(1)) };
    node.tell(9, keep(5));
    assert!(is_stored(&node.sync()));
    node.tell(9, keep(6));
    assert!(node.sync().is_empty(), "there is no room for another");
    assert_eq!(node.server.inspect(key), Value::NOT_HELD);
    let sent = node.tell(9, Msg::Fetch { ticket: HERE, key, count: 0 });
    assert!(matches!(&sent[..], [(9, Msg::Fetched { copies, .. })] if *copies == one(5)));
}

#[test]
fn anti_entropy_makes_two_copies_equal_in_four_messages() {
    let (mut a, mut b) = (Node::new("", 0), Node::new("", 1));
    a.tell(9, store(5, HERE));
    b.tell(9, store(7, HERE));
    let other = Msg::Store { ticket: HERE, key: Key(6), copies: one(9), stand_in_for: None };
    a.tell(9, other);
    let roots = a.after(Duration::secs(5), Timer::AntiEntropy);
    assert!(matches!(roots[..], [(1, Msg::Root(_)), (2, Msg::Root(_))]));
    let ranges = b.tell(0, roots[0].1.clone()).remove(0).1;
    let items = a.tell(1, ranges).remove(0).1;
    let answer = b.tell(0, items).remove(0).1;
    assert!(matches!(&answer, Msg::Items { items, .. } if items.len() == 1), "{answer:?}");
    assert!(a.tell(1, answer).is_empty());
    for node in [&a, &b] {
        assert_eq!([3, 6].map(|key| node.server.inspect(Key(key)).0), [7, 9]);
    }
    let roots = a.after(Duration::secs(5), Timer::AntiEntropy);
    assert!(b.tell(0, roots[0].1.clone()).is_empty(), "and then one number says that they are");
}

#[test]
fn a_snapshot_keeps_copies_and_hints_and_bounds_the_log() {
    let mut node = Node::new("snapshot_every = 3\nn = 2\nsloppy = true", 0);
    for (key, time) in [(0, 5), (1, 6), (2, 7), (3, 8), (4, 9), (5, 10)] {
        let stand_in_for = (node.server.inspect(Key(key)) == Value::NOT_HELD).then_some(NodeId(1));
        node.tell(9, Msg::Store { ticket: HERE, key: Key(key), copies: one(time), stand_in_for });
    }
    node.sync();
    let Some(Record::Snapshot(image)) = node.log.last() else { panic!("{:?}", node.log) };
    assert!(!image.hints.is_empty());
    let latest = vec![Record::Snapshot(image.clone())];
    let again = Node::with_log("n = 2\nsloppy = true", 0, latest, node.clock);
    for key in (0..8).map(Key) {
        assert_eq!(again.server.inspect(key), node.server.inspect(key));
        let span = Span { first: key, count: 0 };
        assert_eq!(again.server.copies(span), node.server.copies(span));
    }
}

/// A slow coordinator answers a read that its client has given up; the session's next write must stand beside
/// what nobody was shown.
#[test]
fn a_read_answered_after_it_was_given_up_is_replaced_by_no_write() {
    for (given_up, stand) in [(true, 2), (false, 1)] {
        let (mut effects, mut rng) = (Effects::default(), Rng::stream(1, "node", 0));
        let mut session = Session::start(env("conflicts = 'siblings'", 8));
        let name = Name { client: 7, n: 1 };
        let item = Item { name, version: version(1), word: 0, length: 0, element: 0 };
        let mut there = Cell::put(item, Names::default());
        let mut cx = ClientCx(Cx::new(&mut effects, &mut rng, LocalTime(0)));
        let (key, level) = (Key(3), Level::EventualNearest);
        session.on_request(Request { id: OpId(1), key, op: Op::Read, level }, &mut cx);
        if given_up {
            session.on_given_up();
        }
        let copies = Copies::Cell(Box::new(there.clone()));
        session.on_message(NodeId(0), Msg::Reply { op: OpId(1), attempt: 0, copies }, &mut cx);
        let op = Op::Write(Value(2), Update::Put);
        session.on_request(Request { id: OpId(2), key, op, level }, &mut cx);
        let sent = effects.queue.drain(..).filter_map(|effect| match effect {
            Effect::Send { msg: Msg::Update(_, cell), .. } => Some(cell),
            _ => None,
        });
        sent.for_each(|cell| _ = there.join(&cell));
        assert_eq!(there.live().len(), stand, "given up: {given_up}");
    }
}
