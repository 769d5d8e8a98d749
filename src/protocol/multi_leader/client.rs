//! The session's side: asks the nearest replica that answers, carries its writes' stamps, and remembers
//! what it has written and read.

use super::super::parts::version::{HybridClock, Version};
use super::super::{Client, ClientCx, Env};
use super::{Ask, Msg, MultiLeader, Need, Note, OnLag, REPLICAS_MAX, Stamps, Timer, Vector, Wish};
use crate::op::{Level, NodeId, Op, OpId, Outcome, Rank, Request, Ret};
use crate::time::LocalTime;

type Cx<'a, 'b> = &'a mut ClientCx<'b, MultiLeader>;

/// A client's session.
#[derive(Debug)]
pub struct Session {
    env: Env<MultiLeader>,
    current: Option<Request>,
    /// How often the current operation was sent.
    attempts: usize,
    /// The current write's, once it has been chosen.
    stamp: Option<Rank>,
    /// Whether that was sent to nobody but the replica asked last.
    fresh: bool,
    /// By replica, how far its clock was ahead when a request last arrived there.
    ahead: [Option<u64>; REPLICAS_MAX],
    clock: HybridClock,
    /// Who answered last: it covers what the session knows.
    home: NodeId,
    /// The latest of this session's writes.
    written: Vector,
    /// What it has read.
    seen: Vector,
}

impl Session {
    /// Asks whom this attempt is for, and waits for an answer.
    fn attempt(&mut self, request: Request, cx: Cx<'_, '_>) {
        let to = if request.level == Level::EventualAny && !matches!(request.op, Op::Write(..)) {
            NodeId(cx.rng().below(u64::from(self.env.replicas)) as u32)
        } else {
            self.env.nearest[self.attempts % self.env.nearest.len()]
        };
        self.attempts += 1;
        self.send(request, to, cx);
    }

    fn send(&mut self, request: Request, to: NodeId, cx: Cx<'_, '_>) {
        let Request { id: op, key, .. } = request;
        let sent = cx.clock();
        let wish = match request.op {
            Op::Read => Some(Wish::Read),
            Op::Scan(count) => Some(Wish::Scan(count)),
            Op::Write(value, _) => self.stamp(to, cx).map(|rank| {
                let version = Version { rank, value };
                Wish::Write { version, fresh: self.fresh }
            }),
        };
        let msg = match wish {
            Some(wish) => Msg::Ask(Ask { op, sent, key, need: self.need(request, to), wish }),
            None => Msg::Hello { op, sent },
        };
        cx.send(to, msg);
        cx.set_timer(Timer::Attempt, self.env.attempt_timeout);
    }

    /// The current write's stamp, chosen when its replica's clock is known and kept ever after.
    fn stamp(&mut self, to: NodeId, cx: Cx<'_, '_>) -> Option<Rank> {
        if self.stamp.is_none() {
            let clock = LocalTime(cx.clock().0.wrapping_add(self.ahead[to.index()]?));
            self.stamp = Some(Rank { time: self.clock.next(clock), node: self.env.me.0 });
            self.fresh = true;
        }
        self.stamp
    }

    fn need(&self, request: Request, to: NodeId) -> Need {
        let write = matches!(request.op, Op::Write(..));
        let past = match request.level {
            Level::Bounded(age) => return Need::Within(age),
            Level::Causal => self.written.join(&self.seen),
            // Only causality orders a write after anything.
            _ if write => Vector::default(),
            Level::Session => self.written.join(&self.seen),
            Level::ReadYourWrites => self.written,
            Level::MonotonicReads => self.seen,
            _ => Vector::default(),
        };
        Need::Past { past, wait: self.env.config.token == OnLag::Wait || to == self.home }
    }

    /// Remembers what came with an answer.
    fn learn(&mut self, from: NodeId, note: &Note) {
        self.ahead[from.index()] = Some(note.ahead);
        if self.env.config.stamps == Stamps::Hlc {
            self.clock.see(note.newest);
        }
    }

    fn answered(&mut self, from: NodeId, request: Request, ret: Ret, note: &Note, cx: Cx<'_, '_>) {
        self.home = from;
        let past = if ret == Ret::Written { &mut self.written } else { &mut self.seen };
        *past = past.join(&note.token);
        self.finish(request.id, Outcome::Done(ret), cx);
    }

    fn finish(&mut self, op: OpId, outcome: Outcome, cx: Cx<'_, '_>) {
        self.current = None;
        cx.cancel_timer(Timer::Attempt);
        cx.complete(op, outcome);
    }
}

impl Client<MultiLeader> for Session {
    fn start(env: Env<MultiLeader>) -> Self {
        Self {
            home: env.nearest[0],
            env,
            current: None,
            attempts: 0,
            stamp: None,
            fresh: false,
            ahead: [None; REPLICAS_MAX],
            clock: HybridClock::default(),
            written: Vector::default(),
            seen: Vector::default(),
        }
    }

    fn on_request(&mut self, request: Request, cx: &mut ClientCx<'_, MultiLeader>) {
        self.current = Some(request);
        self.attempts = 0;
        self.stamp = None;
        self.attempt(request, cx);
    }

    fn on_message(&mut self, from: NodeId, msg: Msg, cx: &mut ClientCx<'_, MultiLeader>) {
        if let Msg::Clock { note, .. }
        | Msg::Low { note, .. }
        | Msg::Reply { note, .. }
        | Msg::Values { note, .. } = &msg
        {
            self.learn(from, note);
        }
        let (Msg::Clock { op, .. }
        | Msg::Low { op, .. }
        | Msg::Reply { op, .. }
        | Msg::Values { op, .. }
        | Msg::Redirect(op)
        | Msg::Refused(op)) = msg
        else {
            return;
        };
        let Some(request) = self.current.filter(|request| request.id == op) else { return };
        match msg {
            // A second clock comes too late: the write is on its way.
            Msg::Clock { .. } if self.stamp.is_none() => self.send(request, from, cx),
            Msg::Low { rank, .. } if self.fresh && self.stamp == Some(rank) => {
                self.stamp = None;
                self.send(request, from, cx);
            }
            Msg::Reply { value, note, .. } => {
                let write = matches!(request.op, Op::Write(..));
                let ret = if write { Ret::Written } else { Ret::Value(value) };
                self.answered(from, request, ret, &note, cx);
            }
            Msg::Values { values, note, .. } => {
                self.answered(from, request, Ret::Values(values), &note, cx);
            }
            // Who redirects has not taken the write.
            Msg::Redirect(_) => self.send(request, self.home, cx),
            Msg::Refused(_) => self.finish(op, Outcome::Failed, cx),
            _ => {}
        }
    }

    fn on_timer(&mut self, _timer: Timer, cx: &mut ClientCx<'_, MultiLeader>) {
        if let Some(request) = self.current {
            self.fresh = false;
            self.attempt(request, cx);
        }
    }
}
