//! A session as a task: its client's machine, the operation in flight, and what it asks of the world.

use super::hub::{Begun, Hub};
use super::node::{Audit, Input, Process};
use crate::history::FinalState;
use crate::op::{Op, OpId, OpKind, Outcome};
use crate::protocol::{Client as _, ClientCx, Cx, Effect, Env, Protocol};
use crate::rng::Rng;
use crate::time::Duration;
use crate::world::clock::Clock;
use crate::world::timers::{self, Alarm};
use std::sync::Arc;

/// A session's task.
pub(super) struct ClientNode<P: Protocol> {
    process: Process<P>,
    client: u32,
    machine: P::Client,
    session: u32,
    current: Option<(OpId, OpKind)>,
    /// When the operation in flight has run out of time.
    deadline: Alarm,
}

impl<P: Protocol> ClientNode<P> {
    pub(super) fn new(
        hub: Arc<Hub<P>>,
        env: Env<P>,
        (rng, clock): (Rng, Clock),
        client: u32,
        session: u32,
    ) -> Self {
        let machine = P::Client::start(env.clone());
        let process = Process::new(hub, env, rng, clock);
        Self { process, client, machine, session, current: None, deadline: Alarm::OFF }
    }

    /// Handles one input.
    pub(super) fn take(&mut self, input: Input<P>) {
        let hub = Arc::clone(&self.process.hub);
        match input {
            Input::Begin => match hub.begin(self.client, self.session) {
                Begun::Request { request, deadline } => {
                    let is_write = matches!(request.op, Op::Write(..));
                    let kind = if is_write { OpKind::Write } else { OpKind::Read };
                    self.current = Some((request.id, kind));
                    if let Some(at) = self.deadline.set(deadline) {
                        self.process.remind(at, Input::Deadline(at));
                    }
                    self.step(|machine, cx| machine.on_request(request, cx));
                }
                Begun::Late | Begun::Nothing => {}
            },
            Input::Message { from, msg, due, .. } => {
                self.process.note(from, due);
                if !hub.is_cut(from, self.process.env.me) {
                    self.step(|machine, cx| machine.on_message(from, msg, cx));
                }
            }
            Input::Timer { slot, at } => {
                if let Some(timer) = self.process.goes_off(slot, at) {
                    self.step(|machine, cx| machine.on_timer(timer, cx));
                }
            }
            Input::Probe { from, due } => self.process.note(from, Some(due)),
            Input::Deadline(at) => match self.deadline.check(at) {
                timers::Due::Now => self.give_up(),
                timers::Due::Later(at) => self.process.remind(at, Input::Deadline(at)),
                timers::Due::Stale => {}
            },
            Input::Audit(home) => {
                let lateness = self.process.lateness.clone();
                let state = FinalState { values: vec![], words: vec![], siblings: vec![] };
                drop(home.send(Audit { state, lateness, reach: Duration::ZERO }));
            }
            _ => {}
        }
    }

    fn step(&mut self, call: impl FnOnce(&mut P::Client, &mut ClientCx<'_, P>)) {
        let clock = self.process.clock.read(self.process.hub.now());
        let Process { effects, rng, .. } = &mut self.process;
        call(&mut self.machine, &mut ClientCx(Cx::new(effects, rng, clock)));
        let mut queue = std::mem::take(&mut self.process.effects.queue);
        for effect in queue.drain(..) {
            match effect {
                Effect::Send { to, msg } => self.process.hub.send(self.process.env.me, to, msg),
                Effect::SetTimer(timer, after) => self.process.set_timer(timer, after),
                Effect::CancelTimer(timer) => self.process.timers.cancel(timer),
                Effect::Complete(op, outcome) => self.complete(op, &outcome),
                Effect::Persist(_)
                | Effect::Truncate(_)
                | Effect::Commit(..)
                | Effect::Made(..) => {}
            }
        }
        self.process.effects.queue = queue;
    }

    /// The operation in flight has run out of time.
    fn give_up(&mut self) {
        match self.current {
            Some((op, OpKind::Write)) => self.complete(op, &Outcome::Unknown),
            Some((op, _)) => {
                self.machine.on_given_up();
                self.process.timers.cancel_all();
                self.complete(op, &Outcome::Failed);
            }
            None => {}
        }
    }

    /// The operation in flight ends, if it is this one.
    fn complete(&mut self, op: OpId, outcome: &Outcome) {
        if self.current.is_none_or(|(current, _)| current != op) {
            return;
        }
        self.current = None;
        self.deadline.cancel();
        let hub = Arc::clone(&self.process.hub);
        self.session = hub.end(self.client, self.session, op, outcome);
        if *outcome == Outcome::Unknown {
            self.machine = P::Client::start(self.process.env.clone());
            self.process.timers.cancel_all();
        }
    }
}
