//! Replicas and sessions told by hand what happens; the network of these tests is their author.

use super::super::parts::merge::Delta;
use super::super::parts::version::Version;
use super::links::next_hops;
use super::*;
use crate::op::{Op, OpId, Outcome, Rank, Request, Ret, Update};
use crate::protocol::{Client as _, ClientCx, Cx, Effect, Effects, ReplicaCx};
use crate::rng::Rng;
use std::collections::BTreeSet;
use std::sync::Arc;

mod rules;

const CLIENT: NodeId = NodeId(9);

fn config(text: &str) -> Config {
    toml::from_str(text).expect("settings")
}

fn env(me: u32, replicas: u32, config: Config) -> Env<MultiLeader> {
    Env {
        me: NodeId(me),
        replicas,
        config: Arc::new(config),
        nearest: (0..replicas).map(NodeId).collect(),
        regions: (0..replicas as u16).collect(),
        region: 0,
        keys: 4,
        contents: crate::op::Contents::default(),
        first_boot: true,
        attempt_timeout: Duration::secs(1),
    }
}

/// A replica with its disk.
struct Node {
    machine: Server,
    effects: Effects<MultiLeader>,
    rng: Rng,
    now: LocalTime,
    disk: Vec<Record>,
}

impl Node {
    fn start(me: u32, replicas: u32, config: &Config, disk: Vec<Record>) -> Self {
        let next_write = WriteId(disk.len() as u64 + 1);
        let mut effects = Effects { next_write, ..Effects::default() };
        let (mut rng, now) = (Rng::stream(1, "node", 0), LocalTime(1_000));
        let mut cx = ReplicaCx(Cx::new(&mut effects, &mut rng, now));
        let machine = Server::recover(env(me, replicas, config.clone()), &disk, &mut cx);
        Self { machine, effects, rng, now, disk }
    }

    /// Does something to the replica and returns what it sent.
    fn act(
        &mut self,
        act: impl FnOnce(&mut Server, &mut ReplicaCx<'_, MultiLeader>),
    ) -> Vec<(NodeId, Msg)> {
        self.effects.queue.clear();
        let mut cx = ReplicaCx(Cx::new(&mut self.effects, &mut self.rng, self.now));
        act(&mut self.machine, &mut cx);
        let mut sent = Vec::new();
        for effect in self.effects.queue.drain(..) {
            match effect {
                Effect::Send { to, msg } => sent.push((to, msg)),
                Effect::Persist(record) => self.disk.push(record),
                _ => {}
            }
        }
        sent
    }

    fn hears(&mut self, from: NodeId, msg: Msg) -> Vec<(NodeId, Msg)> {
        self.act(|machine, cx| machine.on_message(from, msg, cx))
    }

    fn synced(&mut self) -> Vec<(NodeId, Msg)> {
        let upto = WriteId(self.effects.next_write.0 - 1);
        self.act(|machine, cx| machine.on_durable(upto, cx))
    }

    fn beats(&mut self) -> Vec<(NodeId, Msg)> {
        self.act(|machine, cx| machine.on_timer(Timer::Beat, cx))
    }

    /// Takes a write of key `key` with this stamp, syncs it, and returns what it ships.
    fn writes(&mut self, key: u32, value: u32, time: u64) -> Vec<(NodeId, Msg)> {
        self.hears(CLIENT, ask(key, write(value, time), Vector::default()));
        self.synced()
    }

    fn reads(&self, key: u32) -> u32 {
        self.machine.inspect(Key(key)).0
    }
}

fn group(replicas: u32, settings: &str) -> Vec<Node> {
    let config = config(settings);
    (0..replicas).map(|me| Node::start(me, replicas, &config, Vec::new())).collect()
}

fn write(value: u32, time: u64) -> Wish {
    let version = Version { rank: Rank { time, node: CLIENT.0 }, value: Value(value) };
    Wish::Write { version, fresh: false, delta: Delta::Stamp }
}

fn ask(key: u32, wish: Wish, past: Vector) -> Msg {
    let need = Need::Past { past, wait: true };
    Msg::Ask(Ask { op: OpId(1), sent: LocalTime(400), key: Key(key), need, wish })
}

/// What was sent to one of them.
fn to(node: u32, sent: &[(NodeId, Msg)]) -> Vec<Msg> {
    sent.iter().filter(|(to, _)| *to == NodeId(node)).map(|(_, msg)| msg.clone()).collect()
}

#[test]
fn every_topology_brings_every_log_to_everybody_once() {
    for topology in ["all", "star", "ring"] {
        for n in 1..=6 {
            let config = config(&format!("topology = '{topology}'"));
            for origin in (0..n).map(NodeId) {
                let (mut reached, mut sent) = (BTreeSet::from([origin]), vec![origin]);
                while let Some(at) = sent.pop() {
                    for next in next_hops(&env(at.0, n, config.clone()), origin) {
                        assert!(reached.insert(next), "{topology} of {n}: twice to {next:?}");
                        sent.push(next);
                    }
                }
                assert_eq!(reached.len(), n as usize, "{topology} of {n} from {origin:?}");
            }
        }
    }
}

#[test]
fn an_edit_waits_for_its_post_only_if_leaders_are_causal() {
    for (settings, shown) in [("causal = true", 0), ("", 2)] {
        let mut nodes = group(3, settings);
        let post = nodes[0].writes(0, 1, 10);
        nodes[1].hears(NodeId(0), to(1, &post).remove(0));
        let edit = nodes[1].writes(1, 2, 20);
        nodes[2].hears(NodeId(1), to(2, &edit).remove(0));
        assert_eq!((nodes[2].reads(0), nodes[2].reads(1)), (0, shown), "{settings}");
        nodes[2].hears(NodeId(0), to(2, &post).remove(0));
        assert_eq!((nodes[2].reads(0), nodes[2].reads(1)), (1, 2), "{settings}");
    }
}

#[test]
fn the_higher_stamp_wins_whatever_came_first() {
    let mut nodes = group(2, "");
    let low = nodes[0].writes(0, 1, 10);
    let high = nodes[1].writes(0, 2, 11);
    assert_eq!((nodes[0].reads(0), nodes[1].reads(0)), (1, 2));
    nodes[0].hears(NodeId(1), to(0, &high).remove(0));
    nodes[1].hears(NodeId(0), to(1, &low).remove(0));
    assert_eq!((nodes[0].reads(0), nodes[1].reads(0)), (2, 2));
}

#[test]
fn nothing_is_shown_shipped_or_acknowledged_before_it_is_on_disk() {
    let mut nodes = group(2, "");
    let wish = write(1, 5);
    assert!(nodes[0].hears(CLIENT, ask(0, wish, Vector::default())).is_empty());
    assert_eq!(nodes[0].reads(0), 0);
    let sent = nodes[0].synced();
    assert!(matches!(to(1, &sent)[..], [Msg::Ship { seq: 1, .. }]));
    let [Msg::Reply { note, .. }] = to(9, &sent)[..] else { panic!("{sent:?}") };
    assert_eq!((note.token, note.ahead, note.newest), (Vector::of(NodeId(0), 1), 600, 5));
    // Back from a crash it shows what was on disk, and goes on from there.
    let mut again = Node::start(0, 2, &config(""), nodes[0].disk.clone());
    assert_eq!(again.reads(0), 1);
    assert!(matches!(to(1, &again.writes(0, 2, 6))[..], [Msg::Ship { seq: 2, .. }]));
}

#[test]
fn a_lost_update_is_asked_for_when_two_beats_have_told_of_it() {
    let mut nodes = group(2, "");
    nodes[0].writes(0, 1, 10);
    let beat = to(1, &nodes[0].beats()).remove(0);
    assert!(nodes[1].hears(NodeId(0), beat.clone()).is_empty(), "it may be under way");
    let lack = to(0, &nodes[1].hears(NodeId(0), beat)).remove(0);
    let sent = nodes[0].hears(NodeId(1), lack.clone());
    assert!(nodes[0].hears(NodeId(1), lack).is_empty(), "it is under way again");
    nodes[1].hears(NodeId(0), to(1, &sent).remove(0));
    assert_eq!(nodes[1].reads(0), 1);
}

#[test]
fn updates_that_overtake_each_other_are_put_in_order() {
    let mut nodes = group(2, "");
    let first = to(1, &nodes[0].writes(0, 1, 20)).remove(0);
    let second = to(1, &nodes[0].writes(1, 2, 10)).remove(0);
    nodes[1].hears(NodeId(0), second.clone());
    nodes[1].hears(NodeId(0), second);
    assert_eq!(nodes[1].reads(1), 0);
    nodes[1].hears(NodeId(0), first);
    assert_eq!((nodes[1].reads(0), nodes[1].reads(1)), (1, 2));
    assert_eq!(nodes[1].disk.len(), 2);
}

#[test]
fn who_lacks_what_nobody_keeps_is_given_the_whole_state() {
    let mut nodes = group(2, "snapshot_every = 1000");
    for n in 1..=5_000 {
        nodes[0].writes(n % 3, n, u64::from(n));
    }
    nodes[1].writes(3, 7_000, 70);
    let lack = Msg::Lack(nodes[1].machine.store.received());
    let sent = nodes[0].hears(NodeId(1), lack);
    let [Msg::Install(state)] = &to(1, &sent)[..] else { panic!("{} messages", sent.len()) };
    nodes[1].hears(NodeId(0), Msg::Install(state.clone()));
    assert_eq!([0, 1, 2, 3].map(|key| nodes[1].reads(key)), [4_998, 4_999, 5_000, 7_000]);
    // It takes the next update where the state ends, and a crash undoes nothing of it.
    let next = to(1, &nodes[0].writes(0, 9_000, 9_000)).remove(0);
    nodes[1].hears(NodeId(0), next);
    let again = Node::start(1, 2, &config(""), nodes[1].disk.clone());
    assert_eq!([0, 1, 2, 3].map(|key| again.reads(key)), [9_000, 4_999, 5_000, 7_000]);
    // What the first one replays is a snapshot and what came after it.
    let last = nodes[0].disk.iter().rposition(|record| matches!(record, Record::State(_)));
    let log = nodes[0].disk[last.expect("a snapshot")..].to_vec();
    assert_eq!(Node::start(0, 2, &config(""), log).reads(1), 4_999);
}

#[test]
fn a_request_waits_for_its_session_s_past_or_is_sent_away() {
    let mut nodes = group(2, "");
    let ship = to(1, &nodes[0].writes(0, 1, 10)).remove(0);
    let past = Vector::of(NodeId(0), 1);
    assert!(nodes[1].hears(CLIENT, ask(0, Wish::Read, past)).is_empty());
    let answers = to(9, &nodes[1].hears(NodeId(0), ship));
    assert!(matches!(answers[..], [Msg::Reply { value: Value(1), .. }]), "{answers:?}");
    let need = Need::Past { past: Vector::of(NodeId(0), 2), wait: false };
    let (op, sent, key) = (OpId(1), LocalTime(0), Key(0));
    let away = nodes[1].hears(CLIENT, Msg::Ask(Ask { op, sent, key, need, wish: Wish::Read }));
    assert!(matches!(to(9, &away)[..], [Msg::Redirect(OpId(1))]));
}

#[test]
fn a_bounded_read_fails_unless_everybody_was_heard_of_lately() {
    let mut nodes = group(3, "max_clock_error = '1us'");
    let need = Need::Within(Duration::micros(3));
    let (op, sent, key) = (OpId(1), LocalTime(0), Key(0));
    let read = Msg::Ask(Ask { op, sent, key, need, wish: Wish::Read });
    let answer = |nodes: &mut Vec<Node>| to(9, &nodes[2].hears(CLIENT, read.clone())).remove(0);
    nodes[2].now = LocalTime(5_000);
    assert!(matches!(answer(&mut nodes), Msg::Refused(_)));
    for other in 0..2 {
        nodes[other as usize].now = LocalTime(3_000);
        let beat = to(2, &nodes[other as usize].beats()).remove(0);
        nodes[2].hears(NodeId(other), beat);
    }
    assert!(matches!(answer(&mut nodes), Msg::Reply { .. }), "3 us old at most");
    nodes[2].now = LocalTime(5_001);
    assert!(matches!(answer(&mut nodes), Msg::Refused(_)));
    // A beat that tells of a write counts when that write is shown.
    let ship = to(2, &nodes[0].writes(0, 1, 10)).remove(0);
    for other in 0..2 {
        nodes[other as usize].now = LocalTime(4_500);
        let beat = to(2, &nodes[other as usize].beats()).remove(0);
        nodes[2].hears(NodeId(other), beat);
    }
    assert!(matches!(answer(&mut nodes), Msg::Refused(_)));
    nodes[2].hears(NodeId(0), ship);
    assert!(matches!(answer(&mut nodes), Msg::Reply { value: Value(1), .. }));
}

#[test]
fn a_bounded_write_is_acknowledged_when_its_stamp_is_past_by_every_clock() {
    let mut node = group(1, "max_clock_error = '1us'").remove(0);
    let wish = write(1, 2_000);
    let need = Need::Within(Duration::secs(1));
    let (op, sent, key) = (OpId(1), LocalTime(0), Key(0));
    node.hears(CLIENT, Msg::Ask(Ask { op, sent, key, need, wish }));
    assert!(to(9, &node.synced()).is_empty());
    assert_eq!(node.reads(0), 1, "others may see it");
    node.now = LocalTime(2_999);
    assert!(node.act(|machine, cx| machine.on_timer(Timer::Settle, cx)).is_empty());
    node.now = LocalTime(3_000);
    let sent = node.act(|machine, cx| machine.on_timer(Timer::Settle, cx));
    assert!(matches!(to(9, &sent)[..], [Msg::Reply { .. }]));
}

/// A session of two replicas, the nearer one first.
struct Person {
    machine: Session,
    effects: Effects<MultiLeader>,
    rng: Rng,
    now: LocalTime,
}

impl Person {
    fn new(settings: &str) -> Self {
        let machine = Session::start(Env { me: CLIENT, ..env(0, 2, config(settings)) });
        let (effects, rng) = (Effects::default(), Rng::stream(1, "client", 0));
        Self { machine, effects, rng, now: LocalTime(100) }
    }

    fn act(
        &mut self,
        act: impl FnOnce(&mut Session, &mut ClientCx<'_, MultiLeader>),
    ) -> (Vec<(NodeId, Msg)>, Option<Outcome>) {
        let mut cx = ClientCx(Cx::new(&mut self.effects, &mut self.rng, self.now));
        act(&mut self.machine, &mut cx);
        let (mut sent, mut outcome) = (Vec::new(), None);
        for effect in self.effects.queue.drain(..) {
            match effect {
                Effect::Send { to, msg } => sent.push((to, msg)),
                Effect::Complete(_, how) => outcome = Some(how),
                _ => {}
            }
        }
        (sent, outcome)
    }

    fn asks(&mut self, id: u32, op: Op, level: Level) -> (NodeId, Msg) {
        let request = Request { id: OpId(id), key: Key(0), op, level };
        self.act(|session, cx| session.on_request(request, cx)).0.remove(0)
    }

    fn hears(&mut self, from: u32, msg: Msg) -> (Vec<(NodeId, Msg)>, Option<Outcome>) {
        self.act(|session, cx| session.on_message(NodeId(from), msg, cx))
    }

    fn waits(&mut self) -> (NodeId, Msg) {
        self.act(|session, cx| session.on_timer(Timer::Attempt, cx)).0.remove(0)
    }
}

fn stamp(msg: &Msg) -> Rank {
    match msg {
        Msg::Ask(Ask { wish: Wish::Write { version, .. }, .. }) => version.rank,
        other => panic!("{other:?} is no write"),
    }
}

fn note(token: Vector, ahead: u64, newest: u64) -> Note {
    Note { token, ahead, newest }
}

#[test]
fn a_write_keeps_its_stamp_from_replica_to_replica() {
    let mut person = Person::new("");
    let nothing = Vector::default();
    let (to, hello) = person.asks(1, Op::Write(Value(1), Update::Put), Level::Session);
    assert!(to == NodeId(0) && matches!(hello, Msg::Hello { .. }), "whose clock is not known yet");
    person.now = LocalTime(160);
    let clock = Msg::Clock { op: OpId(1), note: note(nothing, 5_000, 0) };
    let (to, first) = person.hears(0, clock.clone()).0.remove(0);
    assert_eq!((to, stamp(&first)), (NodeId(0), Rank { time: 5_160, node: 9 }));
    person.now = LocalTime(900);
    assert!(person.hears(0, clock).0.is_empty(), "the write is on its way");
    let (to, second) = person.waits();
    assert_eq!((to, stamp(&second)), (NodeId(1), stamp(&first)));
    let token = Vector::of(NodeId(1), 1);
    let done =
        person.hears(1, Msg::Reply { op: OpId(1), value: Value(0), note: note(token, 0, 0) });
    assert_eq!(done.1, Some(Outcome::Done(Ret::Written)));
    // The session's next read needs that write, and its next stamp is higher.
    let (_, read) = person.asks(2, Op::Read, Level::ReadYourWrites);
    let needs = Need::Past { past: token, wait: true };
    assert!(matches!(read, Msg::Ask(Ask { need, .. }) if need == needs), "{read:?}");
    person.now = LocalTime(100);
    assert_eq!(
        stamp(&person.asks(3, Op::Write(Value(2), Update::Put), Level::Session).1).time,
        5_161
    );
}

#[test]
fn a_hybrid_clock_goes_above_what_was_read_and_a_clock_does_not() {
    for (settings, time) in [("stamps = 'hlc'", 90_001), ("stamps = 'clock'", 110)] {
        let mut person = Person::new(settings);
        person.asks(1, Op::Read, Level::EventualNearest);
        let seen = note(Vector::default(), 10, 90_000);
        person.hears(0, Msg::Reply { op: OpId(1), value: Value(7), note: seen });
        let (_, write) = person.asks(2, Op::Write(Value(8), Update::Put), Level::EventualNearest);
        assert_eq!(stamp(&write).time, time, "{settings}");
    }
}

#[test]
fn a_fresh_stamp_below_what_it_would_overwrite_is_chosen_again() {
    for (settings, is_low) in [("stamps = 'hlc'", true), ("stamps = 'clock'", false)] {
        let mut node = group(1, settings).remove(0);
        node.writes(0, 1, 90_000);
        let mut person = Person::new(settings);
        person.asks(0, Op::Read, Level::EventualNearest);
        let seen = note(Vector::default(), 10, 0);
        person.hears(0, Msg::Reply { op: OpId(0), value: Value(0), note: seen });
        let (_, low) = person.asks(1, Op::Write(Value(2), Update::Put), Level::EventualNearest);
        let answer = to(9, &node.hears(CLIENT, low.clone()));
        assert_eq!(!answer.is_empty(), is_low, "{settings}: {answer:?}");
        let Some(refusal) = answer.first() else { continue };
        let (_, again) = person.hears(0, refusal.clone()).0.remove(0);
        assert_eq!(stamp(&again).time, 90_001);
        assert!(person.hears(0, refusal.clone()).0.is_empty(), "that was another stamp");
        // Once a second replica has been asked the stamp stays, and is taken even if it loses.
        let (_, second) = person.waits();
        assert_eq!(stamp(&second), stamp(&again));
        let (op, rank) = (OpId(1), stamp(&again));
        let late = Msg::Low { op, rank, note: note(Vector::default(), 0, 99_000) };
        assert!(person.hears(0, late).0.is_empty(), "the other one may have taken it");
        node.writes(0, 3, 95_000);
        assert!(node.hears(CLIENT, second).is_empty());
        assert!(matches!(to(9, &node.synced())[..], [Msg::Reply { .. }]));
    }
}

#[test]
fn a_redirected_session_goes_back_to_who_answered_it_last() {
    let mut person = Person::new("token = 'redirect'");
    person.asks(1, Op::Read, Level::Session);
    assert_eq!(person.waits().0, NodeId(1));
    let seen = note(Vector::of(NodeId(1), 3), 0, 0);
    person.hears(1, Msg::Reply { op: OpId(1), value: Value(7), note: seen });
    let (to, read) = person.asks(2, Op::Read, Level::Session);
    assert!(to == NodeId(0) && format!("{read:?}").contains("wait: false"), "{read:?}");
    let (to, read) = person.hears(0, Msg::Redirect(OpId(2))).0.remove(0);
    assert!(to == NodeId(1) && format!("{read:?}").contains("wait: true"), "{read:?}");
    let (_, failed) = person.hears(1, Msg::Refused(OpId(2)));
    assert_eq!(failed, Some(Outcome::Failed));
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let refused =
        |text: &str, replicas| MultiLeader::validate(&config(text), replicas).unwrap_err();
    assert!(refused("", 17).contains("at most 16 replicas, and there are 17"));
    assert!(refused("topology = 'star'\nhub = 3", 3).contains("numbered 0 to 2"));
    assert!(refused("hub = 1", 3).contains("only a star has a hub"));
    assert!(refused("heartbeat = '0ms'", 3).contains("at least 1us"));
    assert!(toml::from_str::<Config>("stamp = 'hlc'").is_err());
}

#[test]
fn causal_is_offered_only_where_nothing_contradicts_causality() {
    let offers = |text: &str, level| MultiLeader::offer(&config(text), level).is_some();
    assert!(offers("causal = true", Level::Causal));
    assert!(
        !offers("causal = true\nstamps = 'clock'", Level::Causal) && !offers("", Level::Causal)
    );
    assert!(offers("stamps = 'clock'", Level::Session) && !offers("", Level::Linearizable));
}
