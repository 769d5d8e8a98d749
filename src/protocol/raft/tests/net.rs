//! A small deterministic world for these tests: constant delays, disks with a sync time, clocks
//! that drift, cuts, losses and crashes. After every event it checks what must hold in any Raft:
//! one leader per term, and one log of decided entries that all replicas agree on.

use super::super::{Client, Config, Entry, Msg, Raft, Record, Replica, Term, Timer};
use crate::op::{Key, Level, NodeId, Op, OpId, Outcome, Request, Ret, Update, Value};
use crate::protocol::{
    Client as _, ClientCx, Cx, Effect, Effects, Env, Geometry, Replica as _, ReplicaCx, WriteId,
};
use crate::rng::Rng;
use crate::time::{Duration, LocalTime};
use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;

pub(super) const MS: u64 = 1_000_000;

enum Event {
    Deliver { from: NodeId, to: NodeId, msg: Msg },
    Fire { node: usize, timer: Timer, armed: u64 },
    Synced { node: usize, life: u32, upto: WriteId },
}

/// A clock that began `offset` ns ahead and gains `ppm`.
#[derive(Clone, Copy, Default)]
pub(super) struct Clock {
    pub(super) offset: u64,
    pub(super) ppm: i64,
}

impl Clock {
    fn read(self, now: u64) -> LocalTime {
        let gained = i128::from(now) * i128::from(self.ppm) / 1_000_000;
        LocalTime((i128::from(now + self.offset) + gained) as u64)
    }

    fn lasts(self, d: Duration) -> u64 {
        (u128::from(d.0) * 1_000_000).div_ceil((1_000_000 + self.ppm) as u128) as u64
    }
}

enum Machine {
    Replica(Box<Replica>),
    Client(Box<Client>),
    Down,
}

struct Process {
    machine: Machine,
    effects: Effects<Raft>,
    rng: Rng,
    clock: Clock,
    timers: BTreeMap<Timer, u64>,
    /// The log with each record's position, and how much of it is on disk.
    records: Vec<(WriteId, Record)>,
    durable: WriteId,
    syncing: bool,
    life: u32,
    /// Up to where its commits were compared with everybody's.
    checked: u64,
}

/// An operation that was asked for.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) client: usize,
    pub(super) request: Request,
    pub(super) at: u64,
    pub(super) done: Option<(u64, Ret)>,
}

pub(super) struct Net {
    pub(super) now: u64,
    pub(super) rng: Rng,
    pub(super) geometry: Geometry,
    pub(super) config: Config,
    /// Chance that a message is lost, and extra delay up to this, which makes messages overtake.
    pub(super) loss: f64,
    pub(super) jitter: u64,
    pub(super) duplicates: f64,
    /// The clients' attempt timeout.
    pub(super) attempt: Duration,
    pub(super) sent: u64,
    pub(super) asked: Vec<Asked>,
    /// Decided writes, in the order they were decided.
    pub(super) commits: Vec<(Key, Value)>,
    pub(super) truncated: u64,
    pub(super) installs: u64,
    processes: Vec<Process>,
    events: BTreeMap<(u64, u64), Event>,
    sequence: u64,
    cut: Vec<bool>,
    leaders: BTreeMap<Term, NodeId>,
    decided: Vec<Entry>,
}

impl Net {
    /// Replicas with these round trips in ms, and one client per entry of `beside`, 0 ms from that
    /// replica and otherwise as far from everybody as it is.
    pub(super) fn new(rtt_ms: &[&[f64]], beside: &[usize], disk: Duration, config: Config) -> Self {
        let (n, all) = (rtt_ms.len(), rtt_ms.len() + beside.len());
        let place = |p: usize| if p < n { p } else { beside[p - n] };
        let one_way = (0..all * all)
            .map(|i| Duration::from_ms(rtt_ms[place(i / all)][place(i % all)] / 2.0))
            .collect();
        let geometry = Geometry {
            replicas: n as u32,
            disk,
            processes: all,
            one_way,
            regions: (0..all as u16).collect(),
        };
        let mut net = Self {
            now: 0,
            rng: Rng::stream(1, "net", 0),
            geometry,
            config,
            loss: 0.0,
            jitter: 0,
            duplicates: 0.0,
            attempt: Duration::millis(500),
            sent: 0,
            asked: Vec::new(),
            commits: Vec::new(),
            truncated: 0,
            installs: 0,
            processes: Vec::new(),
            events: BTreeMap::new(),
            sequence: 0,
            cut: vec![false; all * all],
            leaders: BTreeMap::new(),
            decided: Vec::new(),
        };
        net.processes = (0..all).map(|p| process(p, Clock::default())).collect();
        net
    }

    /// Gives replica `node` this clock; before [`Net::boot`].
    pub(super) fn clock(&mut self, node: usize, clock: Clock) {
        self.processes[node].clock = clock;
    }

    /// Gives every process another stream of random numbers; before [`Net::boot`].
    pub(super) fn seed(&mut self, seed: u64) {
        for (p, process) in self.processes.iter_mut().enumerate() {
            process.rng = Rng::stream(seed, "node", p as u64);
        }
    }

    /// Starts everybody.
    pub(super) fn boot(mut self) -> Self {
        for p in 0..self.processes.len() {
            if p < self.geometry.replicas as usize {
                self.start_replica(p, true);
            } else {
                let env = self.env(p, true);
                self.processes[p].machine = Machine::Client(Box::new(Client::start(env)));
            }
        }
        self
    }

    fn env(&self, p: usize, first_boot: bool) -> Env<Raft> {
        let me = NodeId(p as u32);
        Env {
            me,
            replicas: self.geometry.replicas,
            config: Arc::new(self.config.clone()),
            nearest: self.geometry.nearest(me).into(),
            regions: (0..self.geometry.replicas as u16).collect(),
            region: p as u16,
            keys: 4,
            contents: crate::op::Contents::default(),
            first_boot,
            attempt_timeout: self.attempt,
        }
    }

    fn start_replica(&mut self, p: usize, first_boot: bool) {
        let env = self.env(p, first_boot);
        let log: Vec<Record> = self.processes[p].records.iter().map(|r| r.1.clone()).collect();
        self.call(p, |_, cx| Machine::Replica(Box::new(Replica::recover(env, &log, cx))));
        self.processes[p].checked = 0;
        self.observe(p);
    }

    /// Calls a replica and performs what it asks for.
    fn call(&mut self, p: usize, act: impl FnOnce(Machine, &mut ReplicaCx<'_, Raft>) -> Machine) {
        let now = self.now;
        let process = &mut self.processes[p];
        let machine = mem::replace(&mut process.machine, Machine::Down);
        let clock = process.clock.read(now);
        let cx = Cx::new(&mut process.effects, &mut process.rng, clock);
        process.machine = act(machine, &mut ReplicaCx(cx));
        self.drain(p);
    }

    fn drain(&mut self, p: usize) {
        let mut queue = mem::take(&mut self.processes[p].effects.queue);
        let mut id = self.processes[p].records.last().map_or(0, |r| r.0.0);
        id = id.max(self.processes[p].durable.0);
        for effect in queue.drain(..) {
            match effect {
                Effect::Send { to, msg } => self.send(NodeId(p as u32), to, &msg),
                Effect::SetTimer(timer, after) => self.arm(p, timer, after),
                Effect::CancelTimer(timer) => _ = self.processes[p].timers.remove(&timer),
                Effect::Persist(record) => {
                    id += 1;
                    self.processes[p].records.push((WriteId(id), record));
                }
                Effect::Truncate(from) => {
                    assert!(from <= self.processes[p].durable, "only what is durable replaces");
                    self.processes[p].records.retain(|(at, _)| *at >= from);
                    self.truncated += 1;
                }
                Effect::Complete(op, outcome) => {
                    let Outcome::Done(ret) = outcome else { panic!("a client never gives up") };
                    let asked = &mut self.asked[op.0 as usize];
                    assert!(asked.done.is_none(), "completed twice");
                    asked.done = Some((self.now, ret));
                }
                Effect::Commit(key, value, _) => {
                    if !self.commits.contains(&(key, value)) {
                        self.commits.push((key, value));
                    }
                }
                Effect::Made(..) => {}
            }
        }
        self.processes[p].effects.queue = queue;
        self.processes[p].effects.next_write = WriteId(id + 1);
        self.sync(p);
    }

    /// Starts a sync of everything written, unless one is running.
    fn sync(&mut self, p: usize) {
        let process = &mut self.processes[p];
        let Some((upto, _)) = process.records.last() else { return };
        if !process.syncing && *upto > process.durable {
            process.syncing = true;
            let event = Event::Synced { node: p, life: process.life, upto: *upto };
            self.schedule(self.geometry.disk.0, event);
        }
    }

    fn schedule(&mut self, after: u64, event: Event) {
        self.sequence += 1;
        self.events.insert((self.now + after, self.sequence), event);
    }

    fn arm(&mut self, node: usize, timer: Timer, after: Duration) {
        let lasts = self.processes[node].clock.lasts(after);
        self.schedule(lasts, Event::Fire { node, timer, armed: self.sequence + 1 });
        self.processes[node].timers.insert(timer, self.sequence);
    }

    fn send(&mut self, from: NodeId, to: NodeId, msg: &Msg) {
        assert_ne!(from, to, "nobody writes to itself");
        self.sent += 1;
        if self.sent.is_multiple_of(64) {
            let json = serde_json::to_vec(msg).expect("a message can be written");
            assert_eq!(serde_json::from_slice::<Msg>(&json).expect("and read"), *msg);
        }
        self.installs += u64::from(matches!(msg, Msg::Install { .. }));
        let link = from.index() * self.geometry.processes + to.index();
        let copies = 1 + u32::from(self.duplicates > 0.0 && self.rng.unit() < self.duplicates);
        for _ in 0..copies {
            if self.cut[link] || (self.loss > 0.0 && self.rng.unit() < self.loss) {
                continue;
            }
            let extra = if self.jitter > 0 { self.rng.below(self.jitter) } else { 0 };
            let delay = self.geometry.one_way[link].0 + extra;
            self.schedule(delay, Event::Deliver { from, to, msg: msg.clone() });
        }
    }

    /// Performs the next event before `end`; says whether there was one.
    fn step(&mut self, end: u64) -> bool {
        let Some(next) = self.events.first_entry().filter(|e| e.key().0 <= end) else {
            return false;
        };
        self.now = next.key().0;
        match next.remove() {
            Event::Deliver { from, to, msg } => self.deliver(from, to, msg),
            Event::Fire { node, timer, armed } => {
                if self.processes[node].timers.get(&timer) == Some(&armed) {
                    self.processes[node].timers.remove(&timer);
                    self.fire(node, timer);
                }
            }
            Event::Synced { node, life, upto } => {
                if self.processes[node].life == life {
                    self.processes[node].durable = upto;
                    self.processes[node].syncing = false;
                    self.with_replica(node, |replica, cx| replica.on_durable(upto, cx));
                }
            }
        }
        true
    }

    fn with_replica(&mut self, p: usize, act: impl FnOnce(&mut Replica, &mut ReplicaCx<'_, Raft>)) {
        if matches!(self.processes[p].machine, Machine::Replica(_)) {
            self.call(p, |mut machine, cx| {
                if let Machine::Replica(replica) = &mut machine {
                    act(replica, cx);
                }
                machine
            });
            self.observe(p);
        }
    }

    fn with_client(&mut self, p: usize, act: impl FnOnce(&mut Client, &mut ClientCx<'_, Raft>)) {
        let process = &mut self.processes[p];
        let clock = process.clock.read(self.now);
        if let Machine::Client(client) = &mut process.machine {
            let cx = Cx::new(&mut process.effects, &mut process.rng, clock);
            act(client, &mut ClientCx(cx));
        }
        self.drain(p);
    }

    fn deliver(&mut self, from: NodeId, to: NodeId, msg: Msg) {
        match self.processes[to.index()].machine {
            Machine::Client(_) => self.with_client(to.index(), |c, cx| c.on_message(from, msg, cx)),
            _ => self.with_replica(to.index(), |r, cx| r.on_message(from, msg, cx)),
        }
    }

    fn fire(&mut self, node: usize, timer: Timer) {
        match self.processes[node].machine {
            Machine::Client(_) => self.with_client(node, |c, cx| c.on_timer(timer, cx)),
            _ => self.with_replica(node, |r, cx| r.on_timer(timer, cx)),
        }
    }

    /// Election safety, and state machine safety: figure 3 of the Raft paper.
    fn observe(&mut self, p: usize) {
        let Machine::Replica(replica) = &self.processes[p].machine else { return };
        if replica.role == super::super::replica::Role::Leader {
            let leader = *self.leaders.entry(replica.term).or_insert(NodeId(p as u32));
            assert_eq!(leader, NodeId(p as u32), "two leaders in {:?}", replica.term);
        }
        for index in self.processes[p].checked + 1..=replica.commit {
            let Some(entry) = replica.log.entry(index) else { continue };
            match self.decided.get(index as usize - 1) {
                Some(decided) => assert_eq!(decided, entry, "replica {p} at {index}"),
                None => {
                    assert_eq!(self.decided.len() as u64, index - 1, "decided in order");
                    self.decided.push(*entry);
                }
            }
        }
        self.processes[p].checked = replica.commit;
    }

    pub(super) fn run_for(&mut self, d: Duration) {
        let end = self.now + d.0;
        while self.step(end) {}
        self.now = end;
    }

    /// Asks on behalf of a client and returns the operation's number.
    pub(super) fn ask(&mut self, client: usize, key: u32, op: Op, level: Level) -> usize {
        let id = OpId(self.asked.len() as u32);
        let request = Request { id, key: Key(key), op, level };
        self.asked.push(Asked { client, request, at: self.now, done: None });
        let p = self.geometry.replicas as usize + client;
        self.with_client(p, |c, cx| c.on_request(request, cx));
        id.0 as usize
    }

    /// Runs until an operation ends; how long it took and what it returned.
    pub(super) fn finish(&mut self, op: usize) -> (Duration, Ret) {
        let end = self.now + Duration::secs(60).0;
        while self.asked[op].done.is_none() {
            assert!(self.step(end), "operation {op} never ends");
        }
        let asked = &self.asked[op];
        let (at, ret) = asked.done.clone().expect("done");
        (Duration(at - asked.at), ret)
    }

    pub(super) fn write(&mut self, client: usize, key: u32, value: u32) -> Duration {
        let op = self.ask(client, key, Op::Write(Value(value), Update::Put), Level::Linearizable);
        self.finish(op).0
    }

    pub(super) fn read(&mut self, client: usize, key: u32, level: Level) -> (Duration, u32) {
        let op = self.ask(client, key, Op::Read, level);
        match self.finish(op) {
            (took, Ret::Value(value)) => (took, value.0),
            other => panic!("not a read's result: {other:?}"),
        }
    }

    /// Cuts (or heals) both directions between these processes and all others.
    pub(super) fn cut(&mut self, side: &[usize], down: bool) {
        let all = self.geometry.processes;
        for a in 0..all {
            for b in 0..all {
                if side.contains(&a) != side.contains(&b) {
                    self.cut[a * all + b] = down;
                }
            }
        }
    }

    /// Cuts (or heals) one direction between two processes.
    pub(super) fn cut_from(&mut self, from: usize, to: usize, down: bool) {
        self.cut[from * self.geometry.processes + to] = down;
    }

    pub(super) fn heal(&mut self) {
        self.cut.fill(false);
    }

    /// The process number of a client.
    pub(super) fn client(&self, client: usize) -> usize {
        self.geometry.replicas as usize + client
    }

    pub(super) fn crash(&mut self, p: usize) {
        let process = &mut self.processes[p];
        let durable = process.durable;
        process.records.retain(|(id, _)| *id <= durable);
        process.effects.next_write = WriteId(durable.0 + 1);
        process.timers.clear();
        process.machine = Machine::Down;
        process.syncing = false;
        process.life += 1;
    }

    pub(super) fn restart(&mut self, p: usize) {
        if self.is_down(p) {
            self.start_replica(p, false);
        }
    }

    pub(super) fn is_down(&self, p: usize) -> bool {
        matches!(self.processes[p].machine, Machine::Down)
    }

    pub(super) fn replica(&self, p: usize) -> &Replica {
        match &self.processes[p].machine {
            Machine::Replica(replica) => replica,
            _ => panic!("no replica is running at {p}"),
        }
    }

    /// The leader of the latest term, if it is running.
    pub(super) fn leader(&self) -> Option<usize> {
        let leads = |p: &usize| match &self.processes[*p].machine {
            Machine::Replica(r) => r.role == super::super::replica::Role::Leader,
            _ => false,
        };
        (0..self.geometry.replicas as usize).filter(leads).max_by_key(|p| self.replica(*p).term)
    }

    pub(super) fn records(&self, p: usize) -> usize {
        self.processes[p].records.len()
    }
}

fn process(p: usize, clock: Clock) -> Process {
    Process {
        machine: Machine::Down,
        effects: Effects::default(),
        rng: Rng::stream(1, "node", p as u64),
        clock,
        timers: BTreeMap::new(),
        records: Vec::new(),
        durable: WriteId(0),
        syncing: false,
        life: 0,
        checked: 0,
    }
}
