//! The session's side: the nearest replica coordinates.
//!
//! A read that gets no answer is asked of the next replica. An update is not: its coordinator may have
//! proposed it, and two coordinators could carry it out twice. It is asked of another only once its
//! coordinator says that it was never proposed; where nobody says anything its outcome is unknown, as
//! with Cassandra's write timeouts of type CAS.

use super::Paxos;
use super::message::{Job, Msg, Timer};
use crate::op::{NodeId, Op, Outcome, Request};
use crate::protocol::{Client, ClientCx, Env};

/// A client's session.
#[derive(Debug)]
pub struct Session {
    env: Env<Paxos>,
    current: Option<Request>,
    /// Whom it asks, counted along the nearest; whoever was silent is not asked first the next time.
    turn: usize,
}

impl Session {
    fn attempt(&mut self, request: Request, cx: &mut ClientCx<'_, Paxos>) {
        let job = match request.op {
            Op::Read => Job::Read(0),
            Op::Scan(count) => Job::Read(count),
            Op::Write(value, update) => Job::Write(value, update),
        };
        let to = self.env.nearest[self.turn % self.env.nearest.len()];
        cx.send(to, Msg::Ask(request.id, request.key, job));
        cx.set_timer(Timer::Attempt, self.env.attempt_timeout);
    }
}

impl Client<Paxos> for Session {
    fn start(env: Env<Paxos>) -> Self {
        Self { env, current: None, turn: 0 }
    }

    fn on_request(&mut self, request: Request, cx: &mut ClientCx<'_, Paxos>) {
        self.current = Some(request);
        self.attempt(request, cx);
    }

    fn on_message(&mut self, _: NodeId, msg: Msg, cx: &mut ClientCx<'_, Paxos>) {
        let (Msg::Reply(op, _) | Msg::NotDone(op)) = msg else { return };
        let Some(request) = self.current.filter(|request| request.id == op) else { return };
        match msg {
            Msg::Reply(_, ret) => {
                self.current = None;
                cx.cancel_timer(Timer::Attempt);
                cx.complete(op, Outcome::Done(ret));
            }
            _ => {
                self.turn += 1;
                self.attempt(request, cx);
            }
        }
    }

    fn on_timer(&mut self, _: Timer, cx: &mut ClientCx<'_, Paxos>) {
        let Some(request) = self.current else { return };
        if !matches!(request.op, Op::Write(..)) {
            self.turn += 1;
            self.attempt(request, cx);
        }
    }
}
