//! What a state machine may do: effects, pushed in program order into a buffer the world reuses.
//!
//! Pushing rather than polling: nobody can forget to drain, the order *persist, then send* is kept,
//! and nothing is allocated once the buffer has grown. The world drains it after every call and never
//! calls a state machine while draining.

use super::Protocol;
use crate::op::{Key, NodeId, OpId, Outcome, Rank, State, Value};
use crate::rng::Rng;
use crate::time::{Duration, LocalTime};
use serde::{Deserialize, Serialize};
use std::ops::{Deref, DerefMut};

/// A position in a replica's durable log: the number of records persisted so far, this one included.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct WriteId(pub u64);

/// One thing a state machine asked for.
#[derive(Debug)]
pub enum Effect<P: Protocol> {
    /// Put a message on the link to `to`.
    Send {
        /// The receiver, never the sender itself.
        to: NodeId,
        /// What to say.
        msg: P::Msg,
    },
    /// Arm (or re-arm) a timer, this far ahead on the node's own clock.
    SetTimer(P::Timer, Duration),
    /// Disarm a timer, if it is armed.
    CancelTimer(P::Timer),
    /// Append a record to the log; a sync begins as soon as the disk is free.
    Persist(P::Record),
    /// Forget all records before this one; its own must be durable.
    Truncate(WriteId),
    /// The client's operation is over.
    Complete(OpId, Outcome),
    /// For the recorder alone: this write has taken its place in the key's order.
    Commit(Key, Value, Rank),
    /// For the recorder alone: in an order that can fork, this update has made its state from that one.
    Made(Value, State),
}

/// The buffer behind a context, owned and drained by the world.
#[derive(Debug)]
pub struct Effects<P: Protocol> {
    /// What was asked for, in order.
    pub queue: Vec<Effect<P>>,
    /// The position the next persisted record takes; set by the world before each call.
    pub next_write: WriteId,
}

impl<P: Protocol> Default for Effects<P> {
    fn default() -> Self {
        Self { queue: Vec::with_capacity(64), next_write: WriteId(1) }
    }
}

/// What every process may do.
#[derive(Debug)]
pub struct Cx<'a, P: Protocol> {
    effects: &'a mut Effects<P>,
    rng: &'a mut Rng,
    clock: LocalTime,
}

impl<'a, P: Protocol> Cx<'a, P> {
    /// A context for one call; only worlds make them.
    pub fn new(effects: &'a mut Effects<P>, rng: &'a mut Rng, clock: LocalTime) -> Self {
        Self { effects, rng, clock }
    }

    /// What this node's clock reads.
    #[must_use]
    pub fn clock(&self) -> LocalTime {
        self.clock
    }

    /// This node's own stream of random numbers.
    pub fn rng(&mut self) -> &mut Rng {
        self.rng
    }

    /// Sends a message to another process.
    pub fn send(&mut self, to: NodeId, msg: P::Msg) {
        self.effects.queue.push(Effect::Send { to, msg });
    }

    /// Arms a timer; one that is armed already is moved.
    pub fn set_timer(&mut self, timer: P::Timer, after: Duration) {
        self.effects.queue.push(Effect::SetTimer(timer, after));
    }

    /// Disarms a timer.
    pub fn cancel_timer(&mut self, timer: P::Timer) {
        self.effects.queue.push(Effect::CancelTimer(timer));
    }

    /// Asks for what a contained machine has asked for.
    fn pass_on<Q: Protocol<Msg = P::Msg, Record = P::Record, Timer = P::Timer>>(
        &mut self,
        inner: &mut Effects<Q>,
    ) {
        self.effects.queue.extend(inner.queue.drain(..).map(|effect| match effect {
            Effect::Send { to, msg } => Effect::Send { to, msg },
            Effect::SetTimer(timer, after) => Effect::SetTimer(timer, after),
            Effect::CancelTimer(timer) => Effect::CancelTimer(timer),
            Effect::Persist(record) => Effect::Persist(record),
            Effect::Truncate(from) => Effect::Truncate(from),
            Effect::Complete(op, outcome) => Effect::Complete(op, outcome),
            Effect::Commit(key, value, rank) => Effect::Commit(key, value, rank),
            Effect::Made(value, before) => Effect::Made(value, before),
        }));
    }
}

/// What a replica may do: everything in [`Cx`], and it owns a disk.
#[derive(Debug)]
pub struct ReplicaCx<'a, P: Protocol>(pub Cx<'a, P>);

impl<P: Protocol> ReplicaCx<'_, P> {
    /// Appends a record to the log and returns its position; it is safe once `on_durable` reaches it.
    pub fn persist(&mut self, record: P::Record) -> WriteId {
        let effects = &mut *self.0.effects;
        let id = effects.next_write;
        effects.next_write = WriteId(id.0 + 1);
        effects.queue.push(Effect::Persist(record));
        id
    }

    /// Drops every record before `from` (a durable snapshot) from the log.
    pub fn truncate(&mut self, from: WriteId) {
        self.0.effects.queue.push(Effect::Truncate(from));
    }

    /// Calls a machine of another protocol that this one contains. What it asks for stays in `inner`, for
    /// the machine around it to translate; its records take the positions they would have here.
    pub fn within<Q: Protocol>(
        &mut self,
        inner: &mut Effects<Q>,
        call: impl FnOnce(&mut ReplicaCx<'_, Q>),
    ) {
        inner.next_write = self.0.effects.next_write;
        call(&mut ReplicaCx(Cx::new(inner, self.0.rng, self.0.clock)));
    }

    /// The same of one that speaks as this one does: what it asks for is asked for at once.
    pub fn through<Q: Protocol<Msg = P::Msg, Record = P::Record, Timer = P::Timer>, T>(
        &mut self,
        inner: &mut Effects<Q>,
        call: impl FnOnce(&mut ReplicaCx<'_, Q>) -> T,
    ) -> T {
        inner.next_write = self.0.effects.next_write;
        let told = call(&mut ReplicaCx(Cx::new(inner, self.0.rng, self.0.clock)));
        self.0.effects.next_write = inner.next_write;
        self.0.pass_on(inner);
        told
    }

    /// Tells the recorder that a write has been decided and ordered. It changes nothing in the run;
    /// the simulated world's omniscient staleness is computed from it.
    pub fn note_commit(&mut self, key: Key, value: Value) {
        self.note_version(key, value, Rank::AS_DECIDED);
    }

    /// The same in a store that orders a key's versions by stamps: the write exists from now on, and
    /// stands where its stamp says. Of several notes of a write the first counts.
    pub fn note_version(&mut self, key: Key, value: Value, rank: Rank) {
        self.0.effects.queue.push(Effect::Commit(key, value, rank));
    }

    /// Where an order can fork, tells the recorder from which state of its object an update has made its own,
    /// here. An order that never forks says so itself.
    pub fn note_made(&mut self, value: Value, before: State) {
        self.0.effects.queue.push(Effect::Made(value, before));
    }
}

/// What a client may do: everything in [`Cx`], and it finishes operations.
#[derive(Debug)]
pub struct ClientCx<'a, P: Protocol>(pub Cx<'a, P>);

impl<P: Protocol> ClientCx<'_, P> {
    /// Calls a client of another protocol that this one contains; see [`ReplicaCx::within`].
    pub fn within<Q: Protocol>(
        &mut self,
        inner: &mut Effects<Q>,
        call: impl FnOnce(&mut ClientCx<'_, Q>),
    ) {
        call(&mut ClientCx(Cx::new(inner, self.0.rng, self.0.clock)));
    }

    /// The same of one that speaks as this one does; see [`ReplicaCx::through`].
    pub fn through<Q: Protocol<Msg = P::Msg, Record = P::Record, Timer = P::Timer>>(
        &mut self,
        inner: &mut Effects<Q>,
        call: impl FnOnce(&mut ClientCx<'_, Q>),
    ) {
        self.within(inner, call);
        self.0.pass_on(inner);
    }

    /// Ends the session's operation.
    pub fn complete(&mut self, op: OpId, outcome: Outcome) {
        self.0.effects.queue.push(Effect::Complete(op, outcome));
    }
}

impl<'a, P: Protocol> Deref for ReplicaCx<'a, P> {
    type Target = Cx<'a, P>;
    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<P: Protocol> DerefMut for ReplicaCx<'_, P> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl<'a, P: Protocol> Deref for ClientCx<'a, P> {
    type Target = Cx<'a, P>;
    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<P: Protocol> DerefMut for ClientCx<'_, P> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}
