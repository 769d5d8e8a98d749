//! A small network for these tests: links that lose and overtake, disks that forget what was not
//! synced, crashes and cuts of any number of nodes at once, and clients that ask until they are
//! answered.

use super::super::*;
use crate::op::{Contents, Key, OpId, Value};
use crate::protocol::{Cx, Effect, Effects, Env, Replica as _, ReplicaCx, WriteId};
use crate::rng::Rng;
use crate::time::LocalTime;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) const MS: u64 = 1_000_000;
/// Clients ask again after this long.
const PATIENCE: u64 = 150 * MS;

enum Event {
    Message {
        from: NodeId,
        to: NodeId,
        msg: Msg,
        life: u32,
    },
    Timer {
        node: usize,
        life: u32,
    },
    Synced {
        node: usize,
        life: u32,
        upto: u64,
    },
    /// A client looks whether it was answered.
    Look {
        op: usize,
    },
}

/// A replica and its disk.
pub(super) struct Node {
    pub(super) machine: Option<Server>,
    life: u32,
    records: Vec<Record>,
    /// Records dropped at the front.
    base: u64,
    durable: u64,
    syncing: bool,
}

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Written,
    Conflict,
    Read { value: Value, version: u64 },
}

/// An operation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) client: u32,
    pub(super) ask: Ask,
    pub(super) at: u64,
    pub(super) end: Option<(u64, End)>,
    /// Its place in the order, or that of what it read, as told.
    pub(super) index: u64,
    /// The client has given it up.
    over: bool,
}

pub(super) struct Net {
    pub(super) n: u32,
    config: Arc<Config>,
    pub(super) nodes: Vec<Node>,
    events: BTreeMap<(u64, u64), Event>,
    sequence: u64,
    pub(super) now: u64,
    /// Directed: what is sent from the first to the second is lost.
    pub(super) cut: Vec<Vec<bool>>,
    pub(super) loss: f64,
    pub(super) jitter: u64,
    disk: u64,
    pub(super) rng: Rng,
    pub(super) asked: Vec<Asked>,
    /// Decided writes, in the order in which they were.
    pub(super) commits: Vec<(Key, Value)>,
}

impl Net {
    pub(super) fn new(n: u32, disk: u64, config: Config, seed: u64) -> Self {
        let node = || Node {
            machine: None,
            life: 0,
            records: Vec::new(),
            base: 0,
            durable: 0,
            syncing: false,
        };
        let mut net = Self {
            n,
            config: Arc::new(config),
            nodes: (0..n).map(|_| node()).collect(),
            events: BTreeMap::new(),
            sequence: 0,
            now: 0,
            cut: vec![vec![false; n as usize]; n as usize],
            loss: 0.0,
            jitter: 0,
            disk,
            rng: Rng::stream(seed, "net", 0),
            asked: Vec::new(),
            commits: Vec::new(),
        };
        (0..n as usize).for_each(|node| net.start(node));
        net
    }

    fn schedule(&mut self, after: u64, event: Event) {
        self.sequence += 1;
        self.events.insert((self.now + after, self.sequence), event);
    }

    /// Starts a node that is down.
    pub(super) fn start(&mut self, at: usize) {
        if self.nodes[at].machine.is_some() {
            return;
        }
        let env = Env {
            me: NodeId(at as u32),
            replicas: self.n,
            config: Arc::clone(&self.config),
            nearest: (0..self.n).map(NodeId).collect(),
            regions: (0..self.n as u16).collect(),
            region: 0,
            keys: 2,
            contents: Contents::default(),
            first_boot: self.nodes[at].life == 0,
            attempt_timeout: Duration::secs(1),
        };
        let log = self.nodes[at].records.clone();
        self.step(at, |machine, cx| *machine = Some(Server::recover(env, &log, cx)));
    }

    /// A record that a node had on disk when it stopped.
    pub(super) fn had_written(&mut self, at: usize, record: Record) {
        self.nodes[at].records.push(record);
        self.nodes[at].durable += 1;
    }

    pub(super) fn crash(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        node.machine = None;
        node.life += 1;
        node.syncing = false;
        node.records.truncate((node.durable - node.base) as usize);
    }

    fn step(
        &mut self,
        at: usize,
        act: impl FnOnce(&mut Option<Server>, &mut ReplicaCx<'_, Certification>),
    ) {
        let node = &mut self.nodes[at];
        let next_write = WriteId(node.base + node.records.len() as u64 + 1);
        let mut effects = Effects { next_write, ..Effects::default() };
        let clock = LocalTime(86_400_000 * MS + self.now);
        let mut cx = ReplicaCx(Cx::new(&mut effects, &mut self.rng, clock));
        act(&mut node.machine, &mut cx);
        let life = node.life;
        for effect in effects.queue {
            match effect {
                Effect::Send { to, msg } => self.send(NodeId(at as u32), to, msg),
                Effect::SetTimer(_, after) => {
                    self.schedule(after.0, Event::Timer { node: at, life });
                }
                Effect::Persist(record) => self.nodes[at].records.push(record),
                Effect::Truncate(from) => {
                    let node = &mut self.nodes[at];
                    assert!(from.0 <= node.durable, "it was not safe yet");
                    node.records.drain(..(from.0 - 1 - node.base) as usize);
                    node.base = from.0 - 1;
                }
                Effect::Commit(key, value, _) => {
                    if !self.commits.contains(&(key, value)) {
                        self.commits.push((key, value));
                    }
                }
                Effect::CancelTimer(_) | Effect::Complete(..) | Effect::Made(..) => {}
            }
        }
        let node = &mut self.nodes[at];
        let last = node.base + node.records.len() as u64;
        if !node.syncing && node.durable < last {
            node.syncing = true;
            self.schedule(self.disk, Event::Synced { node: at, life, upto: last });
        }
    }

    fn send(&mut self, from: NodeId, to: NodeId, msg: Msg) {
        let (a, b) = (from.index(), to.index());
        if b >= self.nodes.len() {
            return self.answered(b, &msg);
        }
        let lost = a < self.nodes.len() && (self.cut[a][b] || self.rng.unit() < self.loss);
        if !lost {
            let delay = MS + self.rng.below(self.jitter + 1);
            let life = self.nodes[b].life;
            self.schedule(delay, Event::Message { from, to, msg, life });
        }
    }

    /// A client of this address is answered, without delay; what it asked before is over.
    fn answered(&mut self, client: usize, msg: &Msg) {
        let (op, end, index) = match *msg {
            Msg::Reply { op, value, version, index } => {
                let write = matches!(self.asked[op.0 as usize].ask.wish, Wish::Write { .. });
                (op, if write { End::Written } else { End::Read { value, version } }, index)
            }
            Msg::Conflict(op) => (op, End::Conflict, 0),
            _ => return,
        };
        let asked = &mut self.asked[op.0 as usize];
        assert_eq!(asked.client as usize, client);
        if asked.end.is_none() && !asked.over {
            (asked.end, asked.index) = (Some((self.now, end)), index);
        }
    }

    /// A client asks some replica, and others until it is answered.
    pub(super) fn ask(&mut self, client: u32, key: u32, wish: Wish, need: Need) -> usize {
        let op = self.asked.len();
        let ask = Ask { op: OpId(op as u32), key: Key(key), wish, need };
        let before = self.asked.iter_mut().rfind(|asked| asked.client == client);
        before.into_iter().for_each(|asked| asked.over = true);
        self.asked.push(Asked { client, ask, at: self.now, end: None, index: 0, over: false });
        self.attempt(op);
        op
    }

    fn attempt(&mut self, op: usize) {
        let Asked { client, ask, end, over, .. } = self.asked[op];
        if end.is_none() && !over {
            let to = NodeId(self.rng.below(u64::from(self.n)) as u32);
            self.send(NodeId(client), to, Msg::Ask(ask));
            self.schedule(PATIENCE, Event::Look { op });
        }
    }

    pub(super) fn run_for(&mut self, ms: u64) {
        let end = self.now + ms * MS;
        while let Some(first) = self.events.first_entry().filter(|first| first.key().0 <= end) {
            let ((at, _), event) = first.remove_entry();
            self.now = at;
            self.happen(event);
        }
        self.now = end;
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Message { from, to, msg, life } => {
                let at = to.index();
                let cut = from.index() < self.nodes.len() && self.cut[from.index()][at];
                if self.nodes[at].life == life && !cut {
                    self.call(at, |machine, cx| machine.on_message(from, msg, cx));
                }
            }
            Event::Timer { node, life } if self.nodes[node].life == life => {
                self.call(node, |machine, cx| machine.on_timer(Timer::Beat, cx));
            }
            Event::Synced { node, life, upto } if self.nodes[node].life == life => {
                (self.nodes[node].durable, self.nodes[node].syncing) = (upto, false);
                self.call(node, |machine, cx| machine.on_durable(WriteId(upto), cx));
            }
            Event::Look { op } => self.attempt(op),
            Event::Timer { .. } | Event::Synced { .. } => {}
        }
    }

    fn call(
        &mut self,
        at: usize,
        act: impl FnOnce(&mut Server, &mut ReplicaCx<'_, Certification>),
    ) {
        if self.nodes[at].machine.is_some() {
            self.step(at, |machine, cx| {
                if let Some(machine) = machine {
                    act(machine, cx);
                }
            });
        }
    }

    /// Some nodes and all others hear each other no more.
    pub(super) fn part(&mut self, some: u64) {
        for a in 0..self.n as usize {
            for b in 0..self.n as usize {
                self.cut[a][b] |= (some >> a & 1) != (some >> b & 1);
            }
        }
    }

    pub(super) fn heal(&mut self) {
        self.cut.iter_mut().flatten().for_each(|cut| *cut = false);
    }

    pub(super) fn server(&self, at: usize) -> &Server {
        self.nodes[at].machine.as_ref().expect("it is up")
    }

    /// The view that all nodes are in, and its members.
    pub(super) fn view(&self, at: usize) -> (u32, u32) {
        let order = &self.server(at).order;
        (order.epoch().0, order.members())
    }

    pub(super) fn is_primary(&self, at: usize) -> bool {
        self.server(at).part == super::super::server::Part::Primary
    }
}
