//! The session's side: thin. Writes and strong reads go to the primary, others to a replica near by.

use super::super::{Client, ClientCx, Env};
use super::{Msg, Need, PrimaryBackup, ReadRequest, Timer, Token};
use crate::op::{Level, NodeId, Op, OpId, Outcome, Request};
use crate::protocol::parts::table::Command;

/// A client's session.
#[derive(Debug)]
pub struct Session {
    env: Env<PrimaryBackup>,
    current: Option<Request>,
    /// How often the current operation was sent.
    attempts: usize,
    /// Where this session's latest write stands in the order.
    written: Token,
    /// The newest state it has read.
    seen: Token,
}

impl Session {
    /// Sends the current operation to whom this attempt is for, and waits for an answer.
    fn attempt(&mut self, request: Request, cx: &mut ClientCx<'_, PrimaryBackup>) {
        let to = self.target(request.level, request.op, cx);
        self.attempts += 1;
        self.send(request, to, cx);
    }

    fn target(&self, level: Level, op: Op, cx: &mut ClientCx<'_, PrimaryBackup>) -> NodeId {
        let primary = NodeId(self.env.config.primary);
        match (op, level) {
            (Op::Write(..), _) | (_, Level::Linearizable | Level::Lease) => primary,
            (_, Level::EventualAny) => NodeId(cx.rng().below(u64::from(self.env.replicas)) as u32),
            _ => self.env.nearest[self.attempts % self.env.nearest.len()],
        }
    }

    fn send(&self, request: Request, to: NodeId, cx: &mut ClientCx<'_, PrimaryBackup>) {
        let Request { id: op, key, .. } = request;
        let msg = match request.op {
            Op::Write(value, update) => {
                let lag = match request.level {
                    Level::BoundedVersions(k) => Some(k),
                    _ => None,
                };
                Msg::Write(Command { key, value, update, client: self.env.me, op }, lag)
            }
            Op::Read => {
                Msg::Read(ReadRequest { op, key, count: 0, need: self.need(request.level) })
            }
            Op::Scan(count) => {
                Msg::Read(ReadRequest { op, key, count, need: self.need(request.level) })
            }
        };
        cx.send(to, msg);
        cx.set_timer(Timer::Attempt, self.env.attempt_timeout);
    }

    fn need(&self, level: Level) -> Need {
        match level {
            Level::Linearizable | Level::Lease => Need::Latest,
            Level::Bounded(age) => Need::Within(age),
            Level::Session | Level::Sequential => Need::Token(self.written.max(self.seen)),
            Level::ReadYourWrites => Need::Token(self.written),
            Level::MonotonicReads => Need::Token(self.seen),
            _ => Need::Token(Token::default()),
        }
    }

    fn finish(&mut self, op: OpId, outcome: Outcome, cx: &mut ClientCx<'_, PrimaryBackup>) {
        self.current = None;
        cx.cancel_timer(Timer::Attempt);
        cx.complete(op, outcome);
    }
}

impl Client<PrimaryBackup> for Session {
    fn start(env: Env<PrimaryBackup>) -> Self {
        let (written, seen) = (Token::default(), Token::default());
        Self { env, current: None, attempts: 0, written, seen }
    }

    fn on_request(&mut self, request: Request, cx: &mut ClientCx<'_, PrimaryBackup>) {
        self.current = Some(request);
        self.attempts = 0;
        self.attempt(request, cx);
    }

    fn on_message(&mut self, _from: NodeId, msg: Msg, cx: &mut ClientCx<'_, PrimaryBackup>) {
        let (Msg::Reply { op, .. } | Msg::Redirect(op)) = msg else {
            return;
        };
        let Some(request) = self.current.filter(|request| request.id == op) else {
            return;
        };
        match msg {
            Msg::Reply { ret, token, .. } => {
                let wrote = request.op.wrote(&ret);
                let past = if wrote { &mut self.written } else { &mut self.seen };
                *past = token.max(*past);
                self.finish(op, Outcome::Done(ret), cx);
            }
            _ => self.send(request, NodeId(self.env.config.primary), cx),
        }
    }

    fn on_timer(&mut self, _timer: Timer, cx: &mut ClientCx<'_, PrimaryBackup>) {
        if let Some(request) = self.current {
            self.attempt(request, cx);
        }
    }
}
