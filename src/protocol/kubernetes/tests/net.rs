//! A small world for these tests: every message takes a millisecond, disks take nothing, clocks are right, and
//! links between groups of machines can be cut.

use super::super::{Config, Kubernetes, Machine, Msg, Session, Timer};
use crate::op::{Contents, Key, Level, NodeId, Op, OpId, Outcome, Request, Ret, Update, Value};
use crate::protocol::{
    Client as _, ClientCx, Cx, Effect, Effects, Env, Replica as _, ReplicaCx, WriteId, raft,
};
use crate::rng::Rng;
use crate::time::{Duration, LocalTime};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const WAY: u64 = 1_000_000;
const KEYS: u32 = 6;

#[derive(Debug)]
enum Event {
    Deliver { from: NodeId, to: NodeId, msg: Msg },
    Fire { node: NodeId, timer: Timer, armed: u64 },
    Durable { node: NodeId, upto: WriteId },
}

pub(super) struct Net {
    pub(super) now: u64,
    machines: Vec<Machine>,
    client: Session,
    effects: Effects<Kubernetes>,
    rng: Rng,
    written: Vec<u64>,
    events: BTreeMap<(u64, u64), Event>,
    sequence: u64,
    timers: BTreeMap<(NodeId, Timer), u64>,
    cut: BTreeSet<NodeId>,
    operations: u32,
    done: Option<(OpId, Outcome)>,
}

fn env(me: u32, machines: u32, config: &Arc<Config>) -> Env<Kubernetes> {
    let mut nearest: Vec<NodeId> = (0..machines).map(NodeId).collect();
    nearest.sort_by_key(|node| node.0 != me);
    Env {
        me: NodeId(me),
        replicas: machines,
        config: Arc::clone(config),
        nearest: nearest.into(),
        regions: vec![0; machines as usize].into(),
        region: 0,
        keys: KEYS,
        contents: Contents::default(),
        first_boot: true,
        attempt_timeout: Duration::secs(1),
    }
}

impl Net {
    /// Three control-plane machines, so many workers, and a client beside the first of these.
    pub(super) fn new(workers: u32, config: Config) -> Self {
        let (machines, config) = (3 + workers, Arc::new(config));
        let mut net = Self {
            now: 0,
            machines: Vec::new(),
            client: <Session as crate::protocol::Client<Kubernetes>>::start(env(
                machines, machines, &config,
            )),
            effects: Effects::default(),
            rng: Rng::stream(1, "kubernetes", 0),
            written: vec![0; machines as usize],
            events: BTreeMap::new(),
            sequence: 0,
            timers: BTreeMap::new(),
            cut: BTreeSet::new(),
            operations: 0,
            done: None,
        };
        for me in 0..machines {
            net.effects.next_write = WriteId(1);
            let mut cx = ReplicaCx(Cx::new(&mut net.effects, &mut net.rng, LocalTime(net.now)));
            let none: &[raft::Record] = &[];
            let machine = Machine::recover(env(me, machines, &config), none, &mut cx);
            net.machines.push(machine);
            net.perform(NodeId(me));
        }
        net
    }

    pub(super) fn machine(&self, node: u32) -> &Machine {
        &self.machines[node as usize]
    }

    /// Cuts these off from all others.
    pub(super) fn cut(&mut self, nodes: &[u32]) {
        self.cut = nodes.iter().copied().map(NodeId).collect();
    }

    fn push(&mut self, after: u64, event: Event) {
        self.sequence += 1;
        self.events.insert((self.now + after, self.sequence), event);
    }

    fn perform(&mut self, who: NodeId) {
        for effect in std::mem::take(&mut self.effects.queue) {
            match effect {
                Effect::Send { to, msg } => {
                    assert_ne!(who, to, "a message to itself");
                    self.push(WAY, Event::Deliver { from: who, to, msg });
                }
                Effect::SetTimer(timer, after) => {
                    self.push(after.0, Event::Fire { node: who, timer, armed: self.sequence + 1 });
                    self.timers.insert((who, timer), self.sequence);
                }
                Effect::CancelTimer(timer) => {
                    self.timers.remove(&(who, timer));
                }
                Effect::Persist(_) => {
                    self.written[who.index()] += 1;
                    let upto = WriteId(self.written[who.index()]);
                    self.push(0, Event::Durable { node: who, upto });
                }
                Effect::Truncate(_) | Effect::Commit(..) | Effect::Made(..) => {}
                Effect::Complete(op, outcome) => self.done = Some((op, outcome)),
            }
        }
    }

    fn replica(
        &mut self,
        node: NodeId,
        call: impl FnOnce(&mut Machine, &mut ReplicaCx<'_, Kubernetes>),
    ) {
        self.effects.next_write = WriteId(self.written[node.index()] + 1);
        let mut cx = ReplicaCx(Cx::new(&mut self.effects, &mut self.rng, LocalTime(self.now)));
        call(&mut self.machines[node.index()], &mut cx);
        self.perform(node);
    }

    fn session(&mut self, call: impl FnOnce(&mut Session, &mut ClientCx<'_, Kubernetes>)) {
        let mut cx = ClientCx(Cx::new(&mut self.effects, &mut self.rng, LocalTime(self.now)));
        call(&mut self.client, &mut cx);
        self.perform(NodeId(self.machines.len() as u32));
    }

    fn step(&mut self) {
        let Some(((at, _), event)) = self.events.pop_first() else { return };
        self.now = at;
        let is_client = |node: NodeId| node.index() >= self.machines.len();
        match event {
            Event::Deliver { from, to, .. }
                if self.cut.contains(&from) != self.cut.contains(&to) => {}
            Event::Deliver { from, to, msg } if is_client(to) => {
                self.session(|client, cx| client.on_message(from, msg, cx));
            }
            Event::Deliver { from, to, msg } => {
                self.replica(to, |machine, cx| machine.on_message(from, msg, cx));
            }
            Event::Fire { node, timer, armed } => {
                if self.timers.get(&(node, timer)) != Some(&armed) {
                    return;
                }
                self.timers.remove(&(node, timer));
                if is_client(node) {
                    self.session(|client, cx| client.on_timer(timer, cx));
                } else {
                    self.replica(node, |machine, cx| machine.on_timer(timer, cx));
                }
            }
            Event::Durable { node, upto } => {
                self.replica(node, |machine, cx| machine.on_durable(upto, cx));
            }
        }
    }

    /// Lets so many seconds pass.
    pub(super) fn pass(&mut self, seconds: u64) {
        let end = self.now + seconds * 1_000_000_000;
        while self.events.first_key_value().is_some_and(|((at, _), _)| *at <= end) {
            self.step();
        }
        self.now = end;
    }

    fn ask(&mut self, key: Key, op: Op, level: Level) -> Option<Outcome> {
        self.operations += 1;
        let id = OpId(self.operations);
        self.session(|client, cx| client.on_request(Request { id, key, op, level }, cx));
        let end = self.now + 3_000_000_000;
        while self.events.first_key_value().is_some_and(|((at, _), _)| *at <= end) {
            self.step();
            if self.done.as_ref().is_some_and(|(done, _)| *done == id) {
                return self.done.take().map(|(_, outcome)| outcome);
            }
        }
        self.now = end;
        None
    }

    /// `kubectl apply`: whether it was acknowledged within three seconds.
    pub(super) fn apply(&mut self, key: u32, version: u32) -> bool {
        let op = Op::Write(Value(version), Update::Put);
        self.ask(Key(key), op, Level::Linearizable) == Some(Outcome::Done(Ret::Written))
    }

    /// A read: the version, unless it failed or took three seconds.
    pub(super) fn read(&mut self, key: u32, level: Level) -> Option<u32> {
        match self.ask(Key(key), Op::Read, level)? {
            Outcome::Done(Ret::Value(value)) => Some(value.0),
            Outcome::Done(other) => panic!("a read returned {other:?}"),
            Outcome::Failed | Outcome::Unknown => None,
        }
    }
}
