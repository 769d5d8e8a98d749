//! Calling a state machine and performing what it asked for.
//!
//! One call, then all its effects in order; nothing here calls a machine again.

use super::{Event, Parcel, Sim};
use crate::op::NodeId;
use crate::protocol::{ClientCx, Cx, Effect, Mend, Protocol, Replica as _, ReplicaCx};
use crate::time::{Duration, Instant};
use crate::world::Step;
use crate::world::clock::Clock;

impl<P: Protocol> Sim<'_, P> {
    /// Starts a replica from its durable log.
    pub(super) fn boot(&mut self, replica: usize) {
        let host = &mut self.replicas[replica];
        let env = host.env.clone();
        // What was sent to a machine that is down, or was, does not reach the one that starts now.
        host.life += u32::from(!env.first_boot);
        host.env.first_boot = false;
        self.effects.next_write = host.disk.next();
        let clock = host.clock.read(self.now);
        let mut cx = ReplicaCx(Cx::new(&mut self.effects, &mut host.rng, clock));
        host.machine = Some(P::Replica::recover(env, host.disk.survivors(), &mut cx));
        self.perform(NodeId(replica as u32));
        self.sync(replica);
    }

    /// Calls a replica's machine, if it is up, performs its effects, and sees to its disk.
    #[inline]
    pub(super) fn step_replica(
        &mut self,
        replica: usize,
        call: impl FnOnce(&mut P::Replica, &mut ReplicaCx<'_, P>),
    ) {
        self.call_replica(replica, call);
        self.sync(replica);
    }

    #[inline]
    fn call_replica(
        &mut self,
        replica: usize,
        call: impl FnOnce(&mut P::Replica, &mut ReplicaCx<'_, P>),
    ) {
        let host = &mut self.replicas[replica];
        let Some(machine) = host.machine.as_mut() else { return };
        self.effects.next_write = host.disk.next();
        let clock = host.clock.read(self.now);
        let mut cx = ReplicaCx(Cx::new(&mut self.effects, &mut host.rng, clock));
        call(machine, &mut cx);
        self.perform(NodeId(replica as u32));
    }

    /// Calls a client's machine and performs its effects.
    #[inline]
    pub(super) fn step_client(
        &mut self,
        who: NodeId,
        call: impl FnOnce(&mut P::Client, &mut ClientCx<'_, P>),
    ) {
        let host = &mut self.clients[who.index() - self.replicas.len()];
        let clock = Clock::EXACT.read(self.now);
        let mut cx = ClientCx(Cx::new(&mut self.effects, &mut host.rng, clock));
        call(&mut host.machine, &mut cx);
        self.perform(who);
    }

    #[inline]
    fn perform(&mut self, who: NodeId) {
        let mut queue = std::mem::take(&mut self.effects.queue);
        for effect in queue.drain(..) {
            match effect {
                Effect::Send { to, msg } => self.transmit(who, to, msg),
                Effect::SetTimer(timer, after) => self.set_timer(who, timer, after),
                Effect::CancelTimer(timer) => self.timers[who.index()].cancel(timer),
                Effect::Persist(record) => {
                    let host = &mut self.replicas[who.index()];
                    host.disk.append(record);
                    host.disk_cause = self.cause;
                }
                Effect::Truncate(from) => self.replicas[who.index()].disk.truncate(from),
                Effect::Complete(op, outcome) => {
                    let client = who.0 - self.replicas.len() as u32;
                    self.complete(client, op, &outcome);
                }
                Effect::Commit(key, value, rank) => {
                    self.recorder.commit(self.now, key, value, rank);
                    if who.index() < self.replicas.len() {
                        self.decided = who.index();
                    }
                }
                Effect::Made(value, before) => self.recorder.made(value, before),
            }
        }
        self.effects.queue = queue;
    }

    /// Begins a sync if the replica's disk is idle and has something to write. One that takes no time is
    /// done at once: the machine is told in a call of its own, after the effects of the last one.
    #[inline]
    fn sync(&mut self, replica: usize) {
        loop {
            let host = &mut self.replicas[replica];
            let Some(takes) = host.disk.begin_sync() else { return };
            self.cause = host.disk_cause;
            let full = host.disk_full_until > self.now;
            if takes > Duration::ZERO || full {
                host.syncing_until = self.now + takes;
                let (life, cause) = (host.life, host.disk_cause);
                let replica = replica as u32;
                return self.queue.push(self.now + takes, Event::Synced { replica, life, cause });
            }
            let upto = host.disk.end_sync();
            self.note_synced(replica);
            self.call_replica(replica, |machine, cx| machine.on_durable(upto, cx));
        }
    }

    /// Keeps a trace of a sync on behalf of the current operation.
    pub(super) fn note_synced(&mut self, replica: usize) {
        let (op, at, node) = (self.cause, self.now, NodeId(replica as u32));
        if let Some(trace) = self.trace.as_deref_mut().filter(|trace| trace.wants(op)) {
            trace.steps.push(Step::Synced { op, at, node });
        }
    }

    #[inline]
    fn transmit(&mut self, from: NodeId, to: NodeId, msg: P::Msg) {
        debug_assert_ne!(from, to, "a process sent a message to itself");
        let size = P::wire_size(&msg);
        if self.active > 0 {
            self.recorder.sent(self.now, size);
            if let Some(mend) = P::mend(&msg) {
                self.recorder.mended(self.now, size, mend == Mend::Hint);
            }
        }
        let arrives = self.network.send(self.now, from, to, size, P::leg(&msg));
        if self.trace.is_some() {
            self.note_sent(from, to, arrives, &msg);
        }
        let Some(arrives) = arrives else { return };
        let life = self.replicas.get(to.index()).map_or(0, |host| host.life);
        let message = self.messages.keep(msg);
        let parcel = Parcel { from, to, life, cause: self.cause, message };
        self.queue.push(arrives, Event::Arrive(parcel));
    }

    #[inline]
    fn set_timer(&mut self, who: NodeId, timer: P::Timer, after: Duration) {
        let after = match self.replicas.get(who.index()) {
            Some(host) => host.clock.true_length(after),
            None => after,
        };
        let (slot, event) = self.timers[who.index()].set(timer, self.now + after);
        if let Some(at) = event {
            self.queue.push(at, Event::Timer { who, slot });
        }
    }

    #[cold]
    fn note_sent(&mut self, from: NodeId, to: NodeId, arrives: Option<Instant>, msg: &P::Msg) {
        let (op, at) = (self.cause, self.now);
        if let Some(trace) = self.trace.as_deref_mut().filter(|trace| trace.wants(op)) {
            trace.steps.push(Step::Sent { op, at, arrives, from, to, text: format!("{msg:?}") });
        }
    }

    /// A message comes to nothing where it should have arrived.
    #[cold]
    pub(super) fn note_lost(&mut self, parcel: Parcel, msg: &P::Msg) {
        let Some(trace) = self.trace.as_deref_mut() else { return };
        if trace.wants(parcel.cause) {
            let way = (parcel.from, parcel.to);
            trace.lose(parcel.cause, way, self.now, &format!("{msg:?}"));
        }
    }
}
