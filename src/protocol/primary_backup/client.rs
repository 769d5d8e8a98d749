//! The session's side: thin. Writes and strong reads go to the primary, others to a replica near by.

use super::super::{Client, ClientCx, Env};
use super::{Msg, Need, PrimaryBackup, ReadRequest, Timer, Token};
use crate::op::{Level, NodeId, Op, OpId, Outcome, Request};
use crate::protocol::parts::table::Command;
use crate::time::Duration;

/// Between two questions where nobody knows a primary.
const PAUSE: Duration = Duration::millis(50);

/// A client's session.
#[derive(Debug)]
pub struct Session {
    env: Env<PrimaryBackup>,
    current: Option<Request>,
    /// How often the current operation was sent.
    attempts: usize,
    /// Who is the primary, as far as it knows.
    primary: NodeId,
    /// Whom it asked last.
    asked: NodeId,
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
        match (op, level) {
            (Op::Write(..), _) | (_, Level::Linearizable | Level::Lease) => self.primary,
            (_, Level::EventualAny) => NodeId(cx.rng().below(u64::from(self.env.replicas)) as u32),
            _ => self.env.nearest[self.attempts % self.env.nearest.len()],
        }
    }

    fn send(&mut self, request: Request, to: NodeId, cx: &mut ClientCx<'_, PrimaryBackup>) {
        self.asked = to;
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

    /// Another one has to answer this. Drivers follow the hint, and without one ask around: MongoDB's and
    /// Sentinel's look for the primary, PostgreSQL's `target_session_attrs` goes through the hosts.
    fn redirected(
        &mut self,
        request: Request,
        (from, known): (NodeId, Option<NodeId>),
        cx: &mut ClientCx<'_, PrimaryBackup>,
    ) {
        if known.is_some() || self.env.config.fail_over.is_none() {
            self.primary = known.unwrap_or(self.primary);
            return self.send(request, self.primary, cx);
        }
        if self.primary == from {
            self.primary = self.after(from);
        }
        cx.set_timer(Timer::Attempt, PAUSE.min(self.env.attempt_timeout));
    }

    /// Whom to ask if this one is the primary no more; nobody else where that cannot be.
    fn after(&self, replica: NodeId) -> NodeId {
        let others = if self.env.config.fail_over.is_some() { self.env.replicas } else { 0 };
        if others > 0 { NodeId((replica.0 + 1) % others) } else { replica }
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
        let primary = NodeId(env.config.primary);
        Self { env, current: None, attempts: 0, primary, asked: primary, written, seen }
    }

    fn on_request(&mut self, request: Request, cx: &mut ClientCx<'_, PrimaryBackup>) {
        self.current = Some(request);
        self.attempts = 0;
        self.attempt(request, cx);
    }

    fn on_given_up(&mut self) {
        self.current = None;
    }

    fn on_message(&mut self, from: NodeId, msg: Msg, cx: &mut ClientCx<'_, PrimaryBackup>) {
        let (Msg::Reply { op, .. } | Msg::Redirect(op, _)) = msg else {
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
            Msg::Redirect(_, known) => self.redirected(request, (from, known), cx),
            _ => {}
        }
    }

    fn on_timer(&mut self, _timer: Timer, cx: &mut ClientCx<'_, PrimaryBackup>) {
        if let Some(request) = self.current {
            if self.asked == self.primary {
                self.primary = self.after(self.primary);
            }
            self.attempt(request, cx);
        }
    }
}
