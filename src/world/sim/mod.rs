//! The simulated world: one queue of events, virtual time in whole nanoseconds, one seed.
//!
//! Single-threaded and generic over the protocol, so that a run is exactly reproducible and a message
//! costs tens of nanoseconds; runs are spread over cores, never one run. Chosen over the simulators at
//! hand because those round delays to a millisecond (tokio's paused clock, turmoil) or charge one per
//! hop (madsim).
//!
//! The loop takes the earliest event, calls one state machine, and performs the effects it asked for.
//! What would call another machine at the same instant is scheduled at the same instant.

mod faults;
mod hosts;
mod perform;
mod queue;
mod rest;
mod slab;

pub use queue::Queue;

use crate::history::{Begin, FinalState, History, Recorder};
use crate::op::{Key, NodeId, Op, OpId, OpKind, Outcome, Request};
use crate::protocol::{Client as _, Effects, Protocol, Replica as _};
use crate::scenario::plan::{Length, Plan};
use crate::time::{Duration, Instant};
use crate::world::env::windows;
use crate::world::load::Load;
use crate::world::network::Network;
use crate::world::rest::Rest;
use crate::world::timers::{Due, Timers};
use crate::world::{Run, Trace};
use hosts::{ClientHost, ReplicaHost};
use slab::Slab;

/// No operation.
const NOBODY: u32 = u32::MAX;

/// Something that happens at an instant. Its tag is as wide as its fields: a narrower one makes copies of
/// odd bytes, which the processor cannot forward from store to load (a tenth of a run).
#[derive(Clone, Copy)]
#[repr(u32)]
enum Event {
    /// A message arrives.
    Arrive(Parcel),
    /// The receiver's processor has done its part and the message is handled.
    Handle(Parcel),
    /// A timer's event.
    Timer { who: NodeId, slot: u32 },
    /// A replica's sync is complete.
    Synced { replica: u32, life: u32, cause: u32 },
    /// A client's next operation is due.
    Begin { client: u32 },
    /// A client's operation may have run out of time.
    Deadline { client: u32 },
    /// A fault begins or ends.
    Fault { index: u32, begins: bool },
}

/// A message under way.
#[derive(Clone, Copy)]
struct Parcel {
    from: NodeId,
    to: NodeId,
    /// Which life of the receiver it was sent to: a connection outlives neither a crash nor a start.
    life: u32,
    /// The operation that caused it.
    cause: u32,
    /// Its slot in [`Sim::messages`].
    message: u32,
}

/// Runs one plan under one seed, tracing the wanted operations if a trace is given.
///
/// # Errors
/// When the plan's protocol settings do not parse; a loaded scenario's always do.
pub fn run<P: Protocol>(plan: &Plan, seed: u64, trace: Option<&mut Trace>) -> Result<Run, String> {
    let config: P::Config = plan.config.clone().try_into().map_err(|e| format!("{e}"))?;
    let plan = plan.drawn(seed);
    let mut sim = Sim::<P>::new(&plan, config, seed, trace);
    sim.start();
    sim.run();
    Ok(sim.finish())
}

struct Sim<'a, P: Protocol> {
    plan: &'a Plan,
    queue: Queue<Event>,
    messages: Slab<P::Msg>,
    network: Network,
    replicas: Vec<ReplicaHost<P>>,
    clients: Vec<ClientHost<P>>,
    /// By process.
    timers: Vec<Timers<P::Timer>>,
    load: Load,
    recorder: Recorder,
    effects: Effects<P>,
    trace: Option<&'a mut Trace>,
    now: Instant,
    /// The operation on whose behalf the current event happens.
    cause: u32,
    /// The replica that told of the last commit.
    decided: usize,
    /// The faults in force, each with the replica that led when it began.
    struck: Vec<(usize, usize)>,
    /// Clients that are not done yet.
    active: usize,
    /// When the run ends; known once all clients are done.
    stop: Instant,
    /// What is known of the replicas' coming to rest since then.
    rest: Rest,
    events: u64,
}

impl<'a, P: Protocol> Sim<'a, P> {
    fn new(plan: &'a Plan, config: P::Config, seed: u64, trace: Option<&'a mut Trace>) -> Self {
        let load = Load::new(plan, seed);
        let mut site_of: Vec<u32> = (0..plan.replicas.len() as u32).collect();
        for client in 0..load.clients() as u32 {
            site_of.push(plan.replicas.len() as u32 + u32::from(load.group(client)));
        }
        let windows = windows(plan);
        let regions = plan.clients.iter().map(|g| plan.regions[g.region].clone()).collect();
        let expected = match plan.length {
            // The write half of a read-modify-write is not counted by the load.
            Length::Operations(n) if plan.clients.iter().any(|g| g.mix.rmw > 0.0) => 2 * n as usize,
            Length::Operations(n) => n as usize,
            Length::Time(_) => 1 << 12,
        };
        let warm_up = Instant::ZERO + plan.warm_up;
        let mut recorder = Recorder::new(regions, warm_up, Instant::NEVER, windows, expected)
            .with_contents(plan.contents)
            .merging(P::merges(&config))
            .overwriting(P::overwrites(&config));
        let (replicas, clients) = hosts::build::<P>(plan, config, seed, &load, &mut recorder);
        Self {
            plan,
            queue: Queue::default(),
            messages: Slab::default(),
            network: Network::new(plan, site_of, seed),
            timers: (0..replicas.len() + clients.len()).map(|_| Timers::default()).collect(),
            active: clients.len(),
            replicas,
            clients,
            load,
            recorder,
            effects: Effects::default(),
            trace,
            now: Instant::ZERO,
            cause: NOBODY,
            decided: 0,
            struck: Vec::new(),
            stop: Instant::NEVER,
            rest: Rest::new(rest::PATIENCE),
            events: 0,
        }
    }

    fn start(&mut self) {
        for replica in 0..self.replicas.len() {
            self.boot(replica);
        }
        self.plan_faults();
        self.wake();
    }

    fn run(&mut self) {
        while let Some((at, event)) = self.queue.pop() {
            if at > self.stop {
                match self.look(at) {
                    Some(next) => self.stop = next,
                    None => break,
                }
            }
            assert!(at >= self.now, "an event was scheduled in the past");
            self.now = at;
            self.events += 1;
            self.cause = NOBODY;
            self.dispatch(event);
        }
    }

    fn dispatch(&mut self, event: Event) {
        match event {
            Event::Arrive(parcel) => self.arrive(parcel),
            Event::Handle(parcel) => self.handle(parcel),
            Event::Timer { who, slot } => self.timer(who, slot),
            Event::Synced { replica, life, cause } => self.synced(replica as usize, life, cause),
            Event::Begin { client } => self.begin(client),
            Event::Deadline { client } => self.deadline(client),
            Event::Fault { index, begins } => self.fault(index as usize, begins),
        }
    }

    fn arrive(&mut self, parcel: Parcel) {
        let receiver = self.replicas.get(parcel.to.index());
        let gone = receiver.is_some_and(|host| host.machine.is_none() || host.life != parcel.life);
        if gone || self.network.is_cut(parcel.from, parcel.to) {
            let msg = self.messages.take(parcel.message);
            return self.note_lost(parcel, &msg);
        }
        match self.serve(parcel.to) {
            None => self.handle(parcel),
            Some(done) => self.queue.push(done, Event::Handle(parcel)),
        }
    }

    /// When the receiver's processor will have worked through its queue and this message; `None` if a
    /// message costs it nothing.
    fn serve(&mut self, to: NodeId) -> Option<Instant> {
        let host = self.replicas.get_mut(to.index())?;
        let service = match host.service_ms.constant() {
            Some(0.0) => return None,
            Some(ms) => Duration::from_ms(ms * host.slowness),
            None => {
                let ms = host.service_ms.sample(&mut host.service_rng);
                Duration::from_ms(ms * host.slowness)
            }
        };
        host.busy_until = host.busy_until.max(self.now) + service;
        Some(host.busy_until)
    }

    fn handle(&mut self, parcel: Parcel) {
        let Parcel { from, to, life, cause, message } = parcel;
        if let Some(until) = self.pause(to.index()) {
            return self.queue.push(until, Event::Handle(parcel));
        }
        self.cause = cause;
        let msg = self.messages.take(message);
        let replica = to.index();
        if replica >= self.replicas.len() {
            self.step_client(to, |machine, cx| machine.on_message(from, msg, cx));
        } else if self.replicas[replica].life == life {
            self.step_replica(replica, |machine, cx| machine.on_message(from, msg, cx));
        } else {
            self.note_lost(parcel, &msg);
        }
    }

    /// Until when a process stands still, if it does.
    #[inline]
    fn pause(&self, process: usize) -> Option<Instant> {
        let until = self.replicas.get(process)?.paused_until;
        (until > self.now).then_some(until)
    }

    fn timer(&mut self, who: NodeId, slot: u32) {
        let (timer, due) = self.timers[who.index()].check(slot, self.now);
        match due {
            Due::Stale => {}
            Due::Later(at) => self.queue.push(at, Event::Timer { who, slot }),
            Due::Now if who.index() < self.replicas.len() => {
                if let Some(until) = self.pause(who.index()) {
                    if let (slot, Some(at)) = self.timers[who.index()].set(timer, until) {
                        self.queue.push(at, Event::Timer { who, slot });
                    }
                    return;
                }
                self.step_replica(who.index(), |machine, cx| machine.on_timer(timer, cx));
            }
            Due::Now => {
                let client = &self.clients[who.index() - self.replicas.len()];
                self.cause = client.current.map_or(NOBODY, |op| op.0);
                self.step_client(who, |machine, cx| machine.on_timer(timer, cx));
            }
        }
    }

    fn synced(&mut self, replica: usize, life: u32, cause: u32) {
        let host = &mut self.replicas[replica];
        if host.life != life {
            return;
        }
        let held = host.paused_until.max(host.disk_full_until);
        if held > self.now {
            let replica = replica as u32;
            return self.queue.push(held, Event::Synced { replica, life, cause });
        }
        self.cause = cause;
        let upto = host.disk.end_sync();
        self.note_synced(replica);
        self.step_replica(replica, |machine, cx| machine.on_durable(upto, cx));
    }

    /// A client takes up its next operation.
    fn begin(&mut self, client: u32) {
        let Some(task) = self.load.begin(client, self.now) else {
            self.wake();
            return self.retire();
        };
        let host = &mut self.clients[client as usize];
        let (id, value) = self.recorder.begin(Begin {
            session: host.session,
            group: self.load.group(client),
            kind: task.kind,
            rmw: task.rmw,
            key: task.key,
            count: task.count,
            update: task.update,
            intended: task.intended,
            invoked: self.now,
        });
        let deadline = task.intended + self.plan.timeout;
        if deadline <= self.now {
            // It waited for its session longer than a client waits: it is given up unsent.
            self.recorder.end(id, &Outcome::Failed, self.now);
            self.load.ended(client, &Outcome::Failed, self.now);
            return self.wake();
        }
        host.current = Some(id);
        host.current_is_write = task.kind == OpKind::Write;
        if let Some(at) = host.deadline.set(deadline) {
            self.queue.push(at, Event::Deadline { client });
        }
        let op = match task.kind {
            OpKind::Write => Op::Write(value, task.update),
            OpKind::Scan => Op::Scan(task.count),
            OpKind::Read | OpKind::Rmw => Op::Read,
        };
        let request = Request { id, key: task.key, op, level: self.plan.name.level };
        self.cause = id.0;
        let who = NodeId(self.replicas.len() as u32 + client);
        self.step_client(who, |machine, cx| machine.on_request(request, cx));
    }

    /// A client has nothing left to do; the last one starts the settling.
    fn retire(&mut self) {
        self.active -= 1;
        if self.active > 0 {
            return;
        }
        let healed = self.plan.faults.iter().map(|f| Instant::ZERO + f.end).max();
        let worked_off = self.replicas.iter().map(|host| host.busy_until).max();
        let arrived = self.network.calm_down();
        let rest =
            [healed, worked_off].into_iter().flatten().fold(arrived.max(self.now), Instant::max);
        self.stop = rest + rest::SETTLE;
    }

    fn deadline(&mut self, client: u32) {
        let host = &mut self.clients[client as usize];
        match host.deadline.check(self.now) {
            Due::Stale => {}
            Due::Later(at) => self.queue.push(at, Event::Deadline { client }),
            Due::Now => {
                if let Some(op) = host.current {
                    let outcome =
                        if host.current_is_write { Outcome::Unknown } else { Outcome::Failed };
                    self.complete(client, op, &outcome);
                    if outcome == Outcome::Failed {
                        self.give_up(client);
                    }
                }
            }
        }
    }

    /// The client's machine learns that its operation has run out of time; an unknown one ends its session.
    fn give_up(&mut self, client: u32) {
        let host = &mut self.clients[client as usize];
        self.timers[host.env.me.index()].cancel_all();
        host.machine.on_given_up();
    }

    /// An operation ends, as its client knows it.
    fn complete(&mut self, client: u32, op: OpId, outcome: &Outcome) {
        let host = &mut self.clients[client as usize];
        if host.current != Some(op) {
            // The deadline was faster.
            return;
        }
        host.current = None;
        host.deadline.cancel();
        self.recorder.end(op, outcome, self.now);
        if *outcome == Outcome::Unknown {
            host.session = self.recorder.new_session();
            host.machine = P::Client::start(host.env.clone());
            self.timers[host.env.me.index()].cancel_all();
        }
        self.load.ended(client, outcome, self.now);
        self.wake();
    }

    /// Schedules the clients the load wants woken.
    fn wake(&mut self) {
        for wake in self.load.wakes.drain(..) {
            self.queue.push(wake.at, Event::Begin { client: wake.client });
        }
    }

    fn keys(&self) -> u32 {
        self.load.keys().max(self.plan.records)
    }

    fn finish(self) -> Run {
        let keys = self.keys();
        let words = if self.plan.contents.is_register() { 0 } else { keys };
        let siblings = |machine: &P::Replica, key: Key| {
            machine.inspect_siblings(key).into_iter().map(move |value| (key, value))
        };
        let audit = |host: &ReplicaHost<P>| FinalState {
            values: match &host.machine {
                Some(machine) => (0..keys).map(|key| machine.inspect(Key(key))).collect(),
                None => Vec::new(),
            },
            words: match &host.machine {
                Some(machine) => (0..words).map(|key| machine.inspect_word(Key(key))).collect(),
                None => Vec::new(),
            },
            siblings: match &host.machine {
                Some(machine) => {
                    (0..keys).map(Key).flat_map(|key| siblings(machine, key)).collect()
                }
                None => Vec::new(),
            },
        };
        // What replicas hold that have not come to rest says nothing about what they would agree on.
        let finals = match self.rest.is_given_up() {
            true => Vec::new(),
            false => self.replicas.iter().map(audit).collect(),
        };
        let history: History = self.recorder.finish(keys, self.load.horizon(), finals);
        Run { history, events: self.events, ended: self.now, links: Vec::new() }
    }
}
