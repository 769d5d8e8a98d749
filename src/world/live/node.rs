//! A replica as a task: its machine, its inbox, and the effects it asks for; and what every process has.
//!
//! One input, one call of the machine, then all its effects in order; nothing here calls a machine again
//! while they are performed.

use super::hub::{Due, Hub, attempt};
use super::lines::{self, Lateness};
use super::log::Log;
use crate::history::FinalState;
use crate::op::{Key, NodeId};
use crate::protocol::{Cx, Effect, Effects, Env, Protocol, Replica as _, ReplicaCx, WriteId};
use crate::rng::Rng;
use crate::time::{Duration, Instant};
use crate::world::clock::Clock;
use crate::world::timers::{self, Timers};
use hdrhistogram::Histogram;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::{mpsc, oneshot};

/// More than this does not wait for a replica that stands still: clients and links have bounds of their own.
const HELD_MAX: usize = 1 << 20;

/// What a task is given to do.
pub(super) enum Input<P: Protocol> {
    /// A message, sent to this life of its receiver; due at this instant, if its sender has the same clock.
    Message { from: NodeId, msg: P::Msg, life: u32, due: Option<Instant> },
    /// Nothing but a question of how late it is.
    Probe { from: NodeId, due: Instant },
    /// A timer's event, for this instant; see [`Timers`].
    Timer { slot: u32, at: Instant },
    /// Everything up to here is on disk.
    Durable { upto: WriteId, life: u32 },
    /// What the log holds, up to this position, for a machine to start from.
    Recovered { records: Vec<P::Record>, upto: u64, life: u32 },
    /// Another run begins: forget everything and start anew, with this life; then say so.
    Reset { run: u64, life: u32, done: oneshot::Sender<()> },
    /// A client's next operation is due.
    Begin,
    /// A client's operation may have run out of time, at this instant.
    Deadline(Instant),
    /// The machine stops.
    Crash,
    /// It starts, and lives this life.
    Boot { life: u32 },
    /// It stands still until then.
    Pause(Instant),
    /// It may go on.
    Resume,
    /// What do you hold, and how late was what reached you?
    Audit(oneshot::Sender<Audit>),
}

/// How late the messages of a link were, in nanoseconds.
pub(super) type Late = Histogram<u64>;

/// What a process leaves.
pub(super) struct Audit {
    pub state: FinalState,
    /// By the site they came from, how late messages were.
    pub lateness: Lateness<usize>,
    /// How long what it has set itself to do has to go: its timers, its disk.
    pub reach: Duration,
}

/// What every process has.
pub(super) struct Process<P: Protocol> {
    pub hub: Arc<Hub<P>>,
    pub env: Env<P>,
    pub effects: Effects<P>,
    pub rng: Rng,
    pub clock: Clock,
    pub timers: Timers<P::Timer>,
    pub lateness: Lateness<usize>,
}

impl<P: Protocol> Process<P> {
    pub(super) fn new(hub: Arc<Hub<P>>, env: Env<P>, rng: Rng, clock: Clock) -> Self {
        let (timers, lateness) = (Timers::default(), Lateness::new());
        Self { hub, env, effects: Effects::default(), rng, clock, timers, lateness }
    }

    pub(super) fn remind(&self, at: Instant, input: Input<P>) {
        self.hub.timer.push(at, Due::Input(self.env.me.index(), input));
    }

    pub(super) fn set_timer(&mut self, timer: P::Timer, after: Duration) {
        let deadline = self.hub.now() + self.clock.true_length(after);
        if let (slot, Some(at)) = self.timers.set(timer, deadline) {
            self.remind(at, Input::Timer { slot, at });
        }
    }

    /// The timer whose event has come up, if it goes off.
    pub(super) fn goes_off(&mut self, slot: u32, at: Instant) -> Option<P::Timer> {
        match self.timers.check(slot, at) {
            (timer, timers::Due::Now) => Some(timer),
            (_, timers::Due::Later(at)) => {
                self.remind(at, Input::Timer { slot, at });
                None
            }
            (_, timers::Due::Stale) => None,
        }
    }

    /// Notes how late a message is.
    pub(super) fn note(&mut self, from: NodeId, due: Option<Instant>) {
        let Some(due) = due else { return };
        let now = self.hub.now();
        lines::note(&mut self.lateness, self.hub.site(from.index()), now, due);
    }
}

/// A replica's task.
pub(super) struct ReplicaNode<P: Protocol> {
    process: Process<P>,
    log: Log<P>,
    machine: Option<P::Replica>,
    /// The number of the life that it lives or begins. A crash raises the hub's number first, so whatever
    /// the task does until it hears of the crash belongs to a life that is over.
    life: u32,
    /// Who waits for it to have started.
    starting: Option<oneshot::Sender<()>>,
    /// Whether it waits for what its log holds.
    recovering: bool,
    /// What came while it stood still or waited.
    held: VecDeque<Input<P>>,
    paused_until: Instant,
    /// When the running sync of a simulated disk is done.
    syncing_until: Instant,
}

impl<P: Protocol> ReplicaNode<P> {
    pub(super) fn new(hub: Arc<Hub<P>>, env: Env<P>, rng: Rng, clock: Clock, log: Log<P>) -> Self {
        Self {
            process: Process::new(hub, env, rng, clock),
            log,
            machine: None,
            life: 0,
            starting: None,
            recovering: false,
            held: VecDeque::new(),
            paused_until: Instant::ZERO,
            syncing_until: Instant::ZERO,
        }
    }

    fn index(&self) -> usize {
        self.process.env.me.index()
    }

    /// When the last of its timers goes off.
    pub(super) fn armed(&self) -> Option<Instant> {
        self.process.timers.last()
    }

    /// Handles one input.
    pub(super) fn take(&mut self, input: Input<P>) {
        match input {
            Input::Crash => self.stop(),
            Input::Boot { life } => self.boot(life),
            Input::Reset { run, life, done } => {
                self.stop();
                (self.life, self.starting) = (life, Some(done));
                (self.process.env.first_boot, self.recovering) = (true, true);
                let asked = self.log.clear(run, life);
                self.must(asked);
            }
            Input::Pause(until) => self.paused_until = self.paused_until.max(until),
            Input::Resume => self.release(),
            Input::Probe { from, due } => self.process.note(from, Some(due)),
            Input::Audit(home) => {
                let lateness = self.process.lateness.clone();
                let state = self.state();
                let until = self.armed().unwrap_or(Instant::ZERO).max(self.syncing_until);
                let reach = self.process.hub.clock.until(until);
                drop(home.send(Audit { state, lateness, reach }));
            }
            first @ Input::Recovered { .. } if self.is_paused() => self.held.push_front(first),
            Input::Recovered { .. } => self.handle(input),
            other if self.recovering || self.is_paused() => self.hold(other),
            other => {
                // It may stand still no more and not have heard of it: what came earlier comes first.
                self.release();
                self.handle(other);
            }
        }
    }

    fn is_paused(&self) -> bool {
        self.process.hub.now() < self.paused_until
    }

    /// Keeps for later what comes while it stands still or waits.
    fn hold(&mut self, input: Input<P>) {
        if self.held.len() < HELD_MAX {
            return self.held.push_back(input);
        }
        let replica = self.index();
        self.process.hub.fail(format!("what waits for replica {replica} outgrew its bound"));
    }

    /// Takes up what was held.
    fn release(&mut self) {
        while !self.is_paused()
            && let Some(input) = self.held.pop_front()
        {
            self.handle(input);
        }
    }

    fn handle(&mut self, input: Input<P>) {
        let hub = Arc::clone(&self.process.hub);
        if let Input::Message { from, due, .. } = &input {
            self.process.note(*from, *due);
        }
        if hub.life(self.index()) != self.life {
            return;
        }
        match input {
            Input::Message { from, msg, life, .. }
                if life == self.life && !hub.is_cut(from, self.process.env.me) =>
            {
                self.hear(from, msg);
            }
            Input::Timer { slot, at } => {
                if let Some(timer) = self.process.goes_off(slot, at) {
                    self.step(|machine, cx| machine.on_timer(timer, cx));
                }
            }
            Input::Durable { upto, life } if life == self.life => {
                let upto = match &mut self.log {
                    Log::Simulated(disk) => disk.end_sync(),
                    Log::Real { .. } => upto,
                };
                self.step(|machine, cx| machine.on_durable(upto, cx));
            }
            Input::Recovered { records, upto, life } if life == self.life => {
                self.log.recovered(upto);
                self.recovering = false;
                self.start(&records);
                self.release();
            }
            _ => {}
        }
    }

    /// The machine stops.
    fn stop(&mut self) {
        self.machine = None;
        // Their events may be among what was held, or have come up since the crash.
        self.process.timers.forget();
        self.held.clear();
        self.recovering = false;
        (self.paused_until, self.syncing_until) = (Instant::ZERO, Instant::ZERO);
        self.log.crash();
    }

    /// Begins a life with what is on disk, unless it is over already.
    fn boot(&mut self, life: u32) {
        self.life = life;
        if self.process.hub.life(self.index()) != life {
            return;
        }
        match self.log.recover(self.life) {
            Ok(Some(records)) => self.start(&records),
            Ok(None) => self.recovering = true,
            Err(error) => self.must(Err(error)),
        }
    }

    fn start(&mut self, records: &[P::Record]) {
        let env = self.process.env.clone();
        self.process.env.first_boot = false;
        self.process.effects.next_write = self.log.next();
        let clock = self.process.clock.read(self.process.hub.now());
        let Process { effects, rng, .. } = &mut self.process;
        let mut cx = ReplicaCx(Cx::new(effects, rng, clock));
        self.machine = Some(P::Replica::recover(env, records, &mut cx));
        self.perform();
        if let Some(starting) = self.starting.take() {
            // Whoever waited may have gone.
            _ = starting.send(());
        }
    }

    /// What the log refuses ends the run.
    fn must(&self, asked: Result<(), String>) {
        if let Err(error) = asked {
            self.process.hub.fail(format!("the log of replica {}: {error}", self.index()));
        }
    }

    /// Takes a message. One from another process that breaks the machine has it crash, and begin another life
    /// with what is on disk; who has sent it is put out.
    fn hear(&mut self, from: NodeId, msg: P::Msg) {
        let hub = Arc::clone(&self.process.hub);
        let Some(put_out) = hub.put_out.get() else {
            return self.step(|machine, cx| machine.on_message(from, msg, cx));
        };
        let heard = attempt(|| self.step(|machine, cx| machine.on_message(from, msg, cx)));
        let Err(words) = heard else { return };
        self.process.effects.queue.clear();
        self.stop();
        put_out(from, &words);
        // If another life has begun meanwhile, this task will hear of it.
        if let Some(life) = hub.another_life(self.index(), self.life) {
            self.boot(life);
        }
    }

    fn step(&mut self, call: impl FnOnce(&mut P::Replica, &mut ReplicaCx<'_, P>)) {
        let Some(machine) = self.machine.as_mut() else { return };
        self.process.effects.next_write = self.log.next();
        let clock = self.process.clock.read(self.process.hub.now());
        let Process { effects, rng, .. } = &mut self.process;
        call(machine, &mut ReplicaCx(Cx::new(effects, rng, clock)));
        self.perform();
    }

    fn perform(&mut self) {
        let (me, hub, life) = (self.process.env.me, Arc::clone(&self.process.hub), self.life);
        let mut queue = std::mem::take(&mut self.process.effects.queue);
        // What one step writes reaches the disk together or not at all: a snapshot and what stands behind it.
        let mut records = Vec::new();
        for effect in queue.drain(..) {
            match effect {
                Effect::Send { to, msg } => hub.send(me, to, msg),
                Effect::SetTimer(timer, after) => self.process.set_timer(timer, after),
                Effect::CancelTimer(timer) => self.process.timers.cancel(timer),
                Effect::Persist(record) => records.push(record),
                Effect::Truncate(from) => {
                    let asked = self.log.append(std::mem::take(&mut records), life);
                    let asked = asked.and_then(|()| self.log.truncate(from, life));
                    self.must(asked);
                }
                Effect::Commit(key, value, rank) => hub.commit(me.index(), key, value, rank),
                Effect::Made(value, before) => hub.made(value, before),
                Effect::Complete(..) => {}
            }
        }
        self.process.effects.queue = queue;
        let asked = self.log.append(records, life);
        self.must(asked);
        if let Log::Simulated(disk) = &mut self.log
            && let Some(takes) = disk.begin_sync()
        {
            let input = Input::Durable { upto: WriteId(0), life };
            self.syncing_until = hub.now() + takes;
            hub.timer.push(self.syncing_until, Due::Input(me.index(), input));
        }
    }

    /// What a reader of this replica alone would find.
    fn state(&self) -> FinalState {
        let mut state = FinalState { values: vec![], words: vec![], siblings: vec![] };
        let Some(machine) = &self.machine else { return state };
        let plan = &self.process.hub.plan;
        let keys = self.process.hub.lock().load.keys().max(plan.records);
        for key in (0..keys).map(Key) {
            state.values.push(machine.inspect(key));
            if !plan.contents.is_register() {
                state.words.push(machine.inspect_word(key));
            }
            let siblings = machine.inspect_siblings(key).into_iter();
            state.siblings.extend(siblings.map(|value| (key, value)));
        }
        state
    }
}

/// Feeds a process until the run is over; a broken assertion ends the run with its words.
pub(super) async fn live<P: Protocol>(
    hub: Arc<Hub<P>>,
    mut inbox: mpsc::Receiver<Input<P>>,
    mut take: impl FnMut(Input<P>),
) {
    while let Some(input) = inbox.recv().await {
        hub.events.fetch_add(1, Ordering::Relaxed);
        if !hub.watch(|| take(input)) {
            return;
        }
    }
}
