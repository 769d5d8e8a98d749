//! The session's side: asks the nearest replica of a primary component, and remembers how far in the
//! order its reads and writes are.

use super::message::{Ask, Msg, Need, Wish};
use super::{Certification, Timer};
use crate::op::{Key, Level, NodeId, Op, OpId, Outcome, Request, Ret};
use crate::protocol::{Client, ClientCx, Env};
use crate::time::Duration;

/// The first pause where all replicas refuse; doubled up to the second.
const PAUSE: Duration = Duration::millis(10);
const PAUSE_MAX: Duration = Duration::millis(80);

type Cx<'a, 'b> = &'a mut ClientCx<'b, Certification>;

/// A client's session.
#[derive(Debug)]
pub struct Session {
    env: Env<Certification>,
    current: Option<Request>,
    /// What the current request asks for.
    wish: Wish,
    /// How often it was sent, and to whom last.
    attempts: usize,
    target: NodeId,
    pause: Duration,
    /// The place of the session's last write.
    written: u64,
    /// How many write sets the newest state has that it read.
    seen: u64,
    /// What its last operation read, if that was one key.
    read: Option<(Key, u64)>,
}

impl Session {
    /// What a request asks for. A write of the key that the session has just read is one transaction
    /// with that read.
    fn wish(&self, request: &Request) -> Wish {
        match request.op {
            Op::Read => Wish::Read,
            Op::Scan(count) => Wish::Scan(count),
            Op::Write(value, _) => {
                let certify = self.env.config.certify;
                let read = self.read.filter(|(key, _)| certify && *key == request.key);
                Wish::Write { value, read: read.map(|(_, version)| version) }
            }
        }
    }

    fn need(&self, level: Level) -> Need {
        match level {
            Level::Linearizable => Need::Latest,
            Level::Sequential | Level::Session => Need::AtLeast(self.written.max(self.seen)),
            Level::ReadYourWrites => Need::AtLeast(self.written),
            Level::MonotonicReads => Need::AtLeast(self.seen),
            _ => Need::AtLeast(0),
        }
    }

    fn attempt(&mut self, request: Request, cx: Cx<'_, '_>) {
        let (wish, n) = (self.wish, self.env.nearest.len());
        let anybody = request.level == Level::EventualAny && !matches!(wish, Wish::Write { .. });
        self.target = if anybody {
            NodeId(cx.rng().below(n as u64) as u32)
        } else {
            self.env.nearest[self.attempts % n]
        };
        self.attempts += 1;
        let need = self.need(request.level);
        cx.send(self.target, Msg::Ask(Ask { op: request.id, key: request.key, wish, need }));
        cx.set_timer(Timer::Attempt, self.env.attempt_timeout);
    }

    /// Not a primary component: somebody else may be one, now or soon.
    fn on_refused(&mut self, from: NodeId, request: Request, cx: Cx<'_, '_>) {
        if from != self.target {
            return;
        }
        if self.attempts.is_multiple_of(self.env.nearest.len()) {
            cx.set_timer(Timer::Attempt, self.pause);
            self.pause = (self.pause * 2).min(PAUSE_MAX);
        } else {
            self.attempt(request, cx);
        }
    }

    fn finish(&mut self, op: OpId, outcome: Outcome, cx: Cx<'_, '_>) {
        self.current = None;
        cx.cancel_timer(Timer::Attempt);
        cx.complete(op, outcome);
    }
}

impl Client<Certification> for Session {
    fn start(env: Env<Certification>) -> Self {
        Self {
            target: env.nearest[0],
            env,
            current: None,
            wish: Wish::Read,
            attempts: 0,
            pause: PAUSE,
            written: 0,
            seen: 0,
            read: None,
        }
    }

    fn on_request(&mut self, request: Request, cx: Cx<'_, '_>) {
        self.wish = self.wish(&request);
        (self.current, self.read) = (Some(request), None);
        (self.attempts, self.pause) = (0, PAUSE);
        self.attempt(request, cx);
    }

    fn on_given_up(&mut self) {
        self.current = None;
    }

    fn on_message(&mut self, from: NodeId, msg: Msg, cx: Cx<'_, '_>) {
        let (Msg::Reply { op, .. } | Msg::Values { op, .. } | Msg::Conflict(op) | Msg::Refused(op)) =
            msg
        else {
            return;
        };
        let Some(request) = self.current.filter(|request| request.id == op) else { return };
        match msg {
            Msg::Reply { value, version, index, .. } => {
                let ret = if matches!(self.wish, Wish::Write { .. }) {
                    self.written = index.max(self.written);
                    Ret::Written
                } else {
                    self.seen = index.max(self.seen);
                    self.read = Some((request.key, version));
                    Ret::Value(value)
                };
                self.finish(op, Outcome::Done(ret), cx);
            }
            Msg::Values { values, index, .. } => {
                self.seen = index.max(self.seen);
                self.finish(op, Outcome::Done(Ret::Values(values)), cx);
            }
            Msg::Conflict(_) => self.finish(op, Outcome::Failed, cx),
            _ => self.on_refused(from, request, cx),
        }
    }

    fn on_timer(&mut self, _timer: Timer, cx: Cx<'_, '_>) {
        if let Some(request) = self.current {
            self.attempt(request, cx);
        }
    }
}
