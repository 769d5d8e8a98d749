//! The session's side: finds the leader or the nearest replica, asks again on silence, and keeps
//! the tokens of the session levels.
//!
//! A request sent twice keeps its number, so a write takes effect once (thesis, 6.3). The client
//! never gives up: the world decides when an operation has taken too long.

use super::message::{Msg, Timer};
use super::{Raft, Reads};
use crate::op::{Level, NodeId, Op, OpId, Outcome, Request, Ret};
use crate::protocol::{ClientCx, Env};
use crate::time::{Duration, LocalTime};

/// The first pause before asking again where no leader is known; doubled up to the second.
const PAUSE: Duration = Duration::millis(10);
const PAUSE_MAX: Duration = Duration::millis(80);

/// A timer that finds itself early is armed again at least this far ahead.
const TICK: Duration = Duration::micros(1);

/// Who is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    /// The leader, as far as known.
    Leader,
    /// The replica at this place in the order of distance.
    Near(usize),
    /// One drawn for each attempt.
    Any,
}

/// A session of Raft.
#[derive(Debug)]
pub struct Client {
    env: Env<Raft>,
    /// Who answered last as leader, or is said to be it.
    leader: NodeId,
    /// The index of the session's last write.
    written: u64,
    /// What the session's reads have seen.
    seen: u64,
    current: Option<Request>,
    route: Route,
    /// Who was asked last, and when.
    target: NodeId,
    asked: LocalTime,
    /// The attempt timer is not moved with each operation; it looks back when it runs out.
    armed: bool,
    /// The pause in progress, if there is one, and the length of the next.
    pausing: bool,
    pause: Duration,
    /// Followed one redirection already; another one at once could go in circles.
    redirected: bool,
}

impl Client {
    /// Where an operation goes first.
    fn first_route(&self, request: &Request) -> Route {
        let at_leader = self.env.config.reads == Reads::ReadIndex;
        match (request.op, request.level) {
            (Op::Write(..), _) | (_, Level::Lease) => Route::Leader,
            (_, Level::Linearizable) if at_leader => Route::Leader,
            (_, Level::EventualAny) => Route::Any,
            _ => Route::Near(0),
        }
    }

    fn token(&self, level: Level) -> u64 {
        match level {
            Level::Session | Level::Sequential => self.written.max(self.seen),
            Level::ReadYourWrites => self.written,
            Level::MonotonicReads => self.seen,
            _ => 0,
        }
    }

    fn ask(&mut self, cx: &mut ClientCx<'_, Raft>) {
        let Some(request) = self.current else { return };
        self.target = match self.route {
            Route::Leader => self.leader,
            Route::Near(place) => self.env.nearest[place],
            Route::Any => NodeId(cx.rng().below(u64::from(self.env.replicas)) as u32),
        };
        self.asked = cx.clock();
        cx.send(self.target, Msg::Ask { request, token: self.token(request.level) });
        if !self.armed {
            self.armed = true;
            cx.set_timer(Timer::Attempt, self.env.attempt_timeout);
        }
    }

    fn after(&self, replica: NodeId) -> NodeId {
        NodeId((replica.0 + 1) % self.env.replicas)
    }

    /// Nobody answered: somebody else may.
    fn try_another(&mut self, cx: &mut ClientCx<'_, Raft>) {
        match &mut self.route {
            Route::Leader => self.leader = self.after(self.target),
            Route::Near(place) => *place = (*place + 1) % self.env.nearest.len(),
            Route::Any => {}
        }
        self.redirected = false;
        self.ask(cx);
    }

    fn on_attempt_timer(&mut self, cx: &mut ClientCx<'_, Raft>) {
        self.armed = false;
        if self.current.is_none() {
            return;
        }
        let (waited, limit) = (cx.clock().since(self.asked), self.env.attempt_timeout);
        if waited >= limit && !self.pausing {
            self.try_another(cx);
        } else {
            self.armed = true;
            let rest = if self.pausing { limit } else { limit - waited };
            cx.set_timer(Timer::Attempt, rest.max(TICK));
        }
    }

    fn on_reply(
        &mut self,
        from: NodeId,
        op: OpId,
        index: u64,
        ret: Ret,
        cx: &mut ClientCx<'_, Raft>,
    ) {
        let Some(request) = self.current.take_if(|current| current.id == op) else { return };
        self.stop_pausing(cx);
        if self.route == Route::Leader {
            self.leader = from;
        }
        let past = if request.op.wrote(&ret) { &mut self.written } else { &mut self.seen };
        *past = index.max(*past);
        cx.complete(op, Outcome::Done(ret));
    }

    /// The replica asked does not lead, or could not show that it is fresh enough; from then on the
    /// operation is the leader's, as one that wants the latest.
    fn on_redirect(
        &mut self,
        from: NodeId,
        op: OpId,
        leader: Option<NodeId>,
        cx: &mut ClientCx<'_, Raft>,
    ) {
        let Some(current) = self.current.as_mut() else { return };
        if current.id != op || from != self.target || self.pausing {
            return;
        }
        let mut leader = leader;
        if self.route != Route::Leader {
            self.route = Route::Leader;
            current.level = self.env.config.reads.at_leader();
            leader = leader.or(Some(self.leader));
        }
        let known = leader.filter(|leader| *leader != from);
        self.leader = known.unwrap_or(self.after(from));
        if known.is_some() && !self.redirected {
            self.redirected = true;
            self.ask(cx);
        } else {
            self.pausing = true;
            cx.set_timer(Timer::Backoff, self.pause);
            self.pause = (self.pause * 2).min(PAUSE_MAX);
        }
    }

    fn stop_pausing(&mut self, cx: &mut ClientCx<'_, Raft>) {
        if self.pausing {
            self.pausing = false;
            cx.cancel_timer(Timer::Backoff);
        }
    }
}

impl crate::protocol::Client<Raft> for Client {
    fn start(env: Env<Raft>) -> Self {
        let leader = NodeId(env.config.leader);
        Self {
            env,
            leader,
            written: 0,
            seen: 0,
            current: None,
            route: Route::Leader,
            target: leader,
            asked: LocalTime(0),
            armed: false,
            pausing: false,
            pause: PAUSE,
            redirected: false,
        }
    }

    fn on_request(&mut self, request: Request, cx: &mut ClientCx<'_, Raft>) {
        self.stop_pausing(cx);
        self.pause = PAUSE;
        self.redirected = false;
        self.route = self.first_route(&request);
        self.current = Some(request);
        self.ask(cx);
    }

    fn on_given_up(&mut self) {
        self.current = None;
        (self.armed, self.pausing) = (false, false);
    }

    fn on_message(&mut self, from: NodeId, msg: Msg, cx: &mut ClientCx<'_, Raft>) {
        match msg {
            Msg::Reply { op, index, ret } => self.on_reply(from, op, index, ret, cx),
            Msg::Redirect { op, leader } => self.on_redirect(from, op, leader, cx),
            // Everything else is between replicas.
            _ => {}
        }
    }

    fn on_timer(&mut self, timer: Timer, cx: &mut ClientCx<'_, Raft>) {
        match timer {
            Timer::Attempt => self.on_attempt_timer(cx),
            Timer::Backoff => {
                self.pausing = false;
                self.redirected = false;
                self.ask(cx);
            }
            // These are replicas'.
            Timer::Election | Timer::Heartbeat | Timer::CommitWait => {}
        }
    }
}
