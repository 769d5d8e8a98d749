//! The session's side: writes go to the head and are answered by the tail; reads go where the level
//! says.

use super::{Chain, Msg, Need, ReadRequest, Timer};
use crate::op::{Level, NodeId, Op, Outcome, Request};
use crate::protocol::parts::table::Command;
use crate::protocol::{Client, ClientCx, Env};

/// A client's session.
#[derive(Debug)]
pub struct Session {
    env: Env<Chain>,
    current: Option<Request>,
    /// How often the current operation was sent.
    attempts: usize,
    /// How many writes the newest state has that it read.
    seen: u64,
}

impl Session {
    fn attempt(&mut self, request: Request, cx: &mut ClientCx<'_, Chain>) {
        let to = self.target(request, cx);
        self.attempts += 1;
        let Request { id: op, key, .. } = request;
        let read =
            |count| Msg::Read(ReadRequest { op, key, count, need: self.need(request.level) });
        let msg = match request.op {
            Op::Write(value, update) => {
                Msg::Write(Command { key, value, update, client: self.env.me, op })
            }
            Op::Read => read(0),
            Op::Scan(count) => read(count),
        };
        cx.send(to, msg);
        cx.set_timer(Timer::Attempt, self.env.attempt_timeout);
    }

    fn target(&self, request: Request, cx: &mut ClientCx<'_, Chain>) -> NodeId {
        let config = &self.env.config;
        match (request.op, request.level) {
            (Op::Write(..), _) => config.at(0),
            (_, Level::Linearizable) if !config.apportioned => config.at(self.env.replicas - 1),
            (_, Level::EventualAny) => NodeId(cx.rng().below(u64::from(self.env.replicas)) as u32),
            _ => self.env.nearest[self.attempts % self.env.nearest.len()],
        }
    }

    fn need(&self, level: Level) -> Need {
        match level {
            Level::Linearizable => Need::Latest,
            // Its own acknowledged writes are on every replica.
            Level::Sequential | Level::Session | Level::MonotonicReads => Need::AtLeast(self.seen),
            _ => Need::AtLeast(0),
        }
    }
}

impl Client<Chain> for Session {
    fn start(env: Env<Chain>) -> Self {
        Self { env, current: None, attempts: 0, seen: 0 }
    }

    fn on_request(&mut self, request: Request, cx: &mut ClientCx<'_, Chain>) {
        self.current = Some(request);
        self.attempts = 0;
        self.attempt(request, cx);
    }

    fn on_given_up(&mut self) {
        self.current = None;
    }

    fn on_message(&mut self, _from: NodeId, msg: Msg, cx: &mut ClientCx<'_, Chain>) {
        let Msg::Reply { op, ret, index } = msg else { return };
        let Some(request) = self.current.take_if(|request| request.id == op) else { return };
        if !request.op.wrote(&ret) {
            self.seen = self.seen.max(index);
        }
        cx.cancel_timer(Timer::Attempt);
        cx.complete(op, Outcome::Done(ret));
    }

    fn on_timer(&mut self, _timer: Timer, cx: &mut ClientCx<'_, Chain>) {
        if let Some(request) = self.current {
            self.attempt(request, cx);
        }
    }
}
