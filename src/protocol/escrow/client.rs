//! The session's side: the nearest replica carries out what is asked.
//!
//! A read that gets no answer is asked of the next replica. An update is not, for two replicas would use a
//! right each: where nobody says anything its outcome is unknown.

use super::Escrow;
use super::message::{Job, Msg, Timer};
use crate::op::{NodeId, Op, Outcome, Request};
use crate::protocol::{Client, ClientCx, Env};

/// A client's session.
#[derive(Debug)]
pub struct Session {
    env: Env<Escrow>,
    current: Option<Request>,
    /// Whom it asks, counted along the nearest; whoever was silent is not asked first the next time.
    turn: usize,
}

impl Session {
    fn attempt(&mut self, request: Request, cx: &mut ClientCx<'_, Escrow>) {
        let job = match request.op {
            Op::Read => Job::Read,
            Op::Scan(count) => Job::Scan(count),
            Op::Write(value, update) => Job::Write(value, update),
        };
        let to = self.env.nearest[self.turn % self.env.nearest.len()];
        cx.send(to, Msg::Ask(request.id, request.key, job));
        cx.set_timer(Timer::Attempt, self.env.attempt_timeout);
    }
}

impl Client<Escrow> for Session {
    fn start(env: Env<Escrow>) -> Self {
        Self { env, current: None, turn: 0 }
    }

    fn on_request(&mut self, request: Request, cx: &mut ClientCx<'_, Escrow>) {
        self.current = Some(request);
        self.attempt(request, cx);
    }

    fn on_given_up(&mut self) {
        self.current = None;
    }

    fn on_message(&mut self, _: NodeId, msg: Msg, cx: &mut ClientCx<'_, Escrow>) {
        let (op, outcome) = match msg {
            Msg::Reply(op, ret) => (op, Outcome::Done(ret)),
            Msg::NotDone(op) => (op, Outcome::Failed),
            _ => return,
        };
        if self.current.take_if(|request| request.id == op).is_some() {
            cx.cancel_timer(Timer::Attempt);
            cx.complete(op, outcome);
        }
    }

    fn on_timer(&mut self, _: Timer, cx: &mut ClientCx<'_, Escrow>) {
        let Some(request) = self.current else { return };
        if !matches!(request.op, Op::Write(..)) {
            self.turn += 1;
            self.attempt(request, cx);
        }
    }
}
