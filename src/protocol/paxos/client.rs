//! The session's side: the nearest replica coordinates.
//!
//! A read that gets no answer is asked of the next replica. An update is not: its coordinator may have
//! proposed it, and two coordinators could carry it out twice. It is asked of another only once its
//! coordinator says that it was never proposed; where nobody says anything its outcome is unknown, as
//! with Cassandra's write timeouts of type CAS.

use super::super::parts::token::Token;
use super::super::parts::version::Version;
use super::Paxos;
use super::message::{Job, Msg, Seen, Timer};
use super::near::{is_of_sessions, patched, values};
use crate::op::{Key, NodeId, Op, OpId, Outcome, Request, Ret};
use crate::protocol::{Client, ClientCx, Env};

/// A client's session.
#[derive(Debug)]
pub struct Session {
    env: Env<Paxos>,
    current: Option<Request>,
    /// Whom it asks, counted along the nearest; whoever was silent is not asked first the next time.
    turn: usize,
    /// What it must not go back behind.
    token: Token,
}

impl Session {
    fn attempt(&mut self, request: Request, cx: &mut ClientCx<'_, Paxos>) {
        let job = match request.op {
            Op::Read => Job::Read(0),
            Op::Scan(count) => Job::Read(count),
            Op::Write(value, update) => Job::Write(value, update),
        };
        let to = self.env.nearest[self.turn % self.env.nearest.len()];
        let floor = match request.op {
            Op::Read => self.token.of(request.key),
            _ => Version::default(),
        };
        let msg = match is_of_sessions(request.level) {
            true => Msg::AskNear(request.id, request.key, job, floor),
            false => Msg::Ask(request.id, request.key, job),
        };
        cx.send(to, msg);
        cx.set_timer(Timer::Attempt, self.env.attempt_timeout);
    }

    fn finish(&mut self, op: OpId, ret: Ret, cx: &mut ClientCx<'_, Paxos>) {
        self.current = None;
        cx.cancel_timer(Timer::Attempt);
        cx.complete(op, Outcome::Done(ret));
    }

    /// Remembers what an answer is about, and adds to a scan what it has missed of that.
    fn remember(&mut self, request: Request, ret: Ret, seen: &Seen) -> Ret {
        let Request { key, level, .. } = request;
        match seen {
            Seen::One(version) if request.op.wrote(&ret) => self.token.wrote(level, key, *version),
            Seen::One(version) => self.token.read(level, key, *version),
            Seen::Many(found) => {
                let of = |at: usize| Key(key.0.saturating_add(at as u32));
                let newest = patched(found, |at| self.token.of(of(at)));
                for (at, version) in newest.iter().enumerate() {
                    self.token.read(level, of(at), *version);
                }
                return Ret::Values(values(&newest));
            }
        }
        ret
    }
}

impl Client<Paxos> for Session {
    fn start(env: Env<Paxos>) -> Self {
        Self { env, current: None, turn: 0, token: Token::default() }
    }

    fn on_request(&mut self, request: Request, cx: &mut ClientCx<'_, Paxos>) {
        self.current = Some(request);
        self.attempt(request, cx);
    }

    fn on_given_up(&mut self) {
        self.current = None;
    }

    fn on_message(&mut self, _: NodeId, msg: Msg, cx: &mut ClientCx<'_, Paxos>) {
        let (Msg::Reply(op, _) | Msg::Seen(op, ..) | Msg::NotDone(op)) = msg else { return };
        let Some(request) = self.current.filter(|request| request.id == op) else { return };
        match msg {
            Msg::Reply(_, ret) => self.finish(op, ret, cx),
            Msg::Seen(_, ret, seen) => {
                let ret = self.remember(request, ret, &seen);
                self.finish(op, ret, cx);
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
