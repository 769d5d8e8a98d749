//! A client: kubectl, which asks API servers, and a program beside a worker's pods, which calls services and
//! resolves their names through that worker alone.
//!
//! API servers stand behind a load balancer that prefers the nearest and, for ten seconds, one after which it
//! had to look elsewhere.

use super::Kubernetes;
use super::layout::Layout;
use super::message::{Answer, Msg, Timer};
use crate::op::{Level, NodeId, Op, OpId, Outcome, Request};
use crate::protocol::{Client, ClientCx, Env};
use crate::time::{Duration, LocalTime};

/// The first pause before asking again, doubled up to the second.
const PAUSE: Duration = Duration::millis(10);
const PAUSE_MAX: Duration = Duration::millis(500);
/// How long a load balancer stays with an API server that is not the nearest.
const HEALTH_CHECK: Duration = Duration::secs(10);

/// A client's session.
#[derive(Debug)]
pub struct Session {
    env: Env<Kubernetes>,
    /// The API servers, nearest first.
    servers: Vec<NodeId>,
    /// Which of them is asked, and until when that one is preferred.
    place: usize,
    preferred: LocalTime,
    /// The machine the client is on.
    worker: NodeId,
    current: Option<Request>,
    pausing: bool,
    pause: Duration,
}

impl Session {
    /// Whether a request is the API servers'.
    fn is_for_servers(request: &Request) -> bool {
        let local = matches!(request.level, Level::Routed | Level::Resolved);
        matches!(request.op, Op::Write(..)) || !local
    }

    fn ask(&mut self, cx: &mut ClientCx<'_, Kubernetes>) {
        let Some(request) = self.current else { return };
        let at_server = Self::is_for_servers(&request);
        let to = if at_server { self.servers[self.place] } else { self.worker };
        cx.send(to, Msg::Ask { request });
        cx.set_timer(Timer::Attempt, self.env.attempt_timeout);
    }

    /// The API server that was asked cannot answer: the next one is.
    fn turn(&mut self, cx: &mut ClientCx<'_, Kubernetes>) {
        if self.current.as_ref().is_some_and(Self::is_for_servers) {
            self.place = (self.place + 1) % self.servers.len();
            self.preferred = cx.clock() + HEALTH_CHECK;
        }
    }

    fn complete(&mut self, op: OpId, outcome: Outcome, cx: &mut ClientCx<'_, Kubernetes>) {
        self.current = None;
        self.pausing = false;
        cx.cancel_timer(Timer::Backoff);
        cx.cancel_timer(Timer::Attempt);
        cx.complete(op, outcome);
    }
}

impl Client<Kubernetes> for Session {
    fn start(env: Env<Kubernetes>) -> Self {
        let layout = Layout::of(&env.config, env.replicas);
        let (servers, workers): (Vec<NodeId>, Vec<NodeId>) =
            env.nearest.iter().partition(|node| node.0 < layout.control);
        Self {
            env,
            servers,
            place: 0,
            preferred: LocalTime(0),
            worker: workers[0],
            current: None,
            pausing: false,
            pause: PAUSE,
        }
    }

    fn on_request(&mut self, request: Request, cx: &mut ClientCx<'_, Kubernetes>) {
        self.pause = PAUSE;
        self.pausing = false;
        cx.cancel_timer(Timer::Backoff);
        if cx.clock() >= self.preferred {
            self.place = 0;
        }
        self.current = Some(request);
        self.ask(cx);
    }

    fn on_given_up(&mut self) {
        self.current = None;
        self.pausing = false;
    }

    fn on_message(&mut self, _: NodeId, msg: Msg, cx: &mut ClientCx<'_, Kubernetes>) {
        let Msg::Answer { op, answer } = msg else { return };
        if self.current.is_none_or(|current| current.id != op) {
            return;
        }
        match answer {
            Answer::Done(ret) => self.complete(op, Outcome::Done(ret), cx),
            Answer::NoEndpoint => self.complete(op, Outcome::Failed, cx),
            Answer::Unavailable if !self.pausing => {
                self.turn(cx);
                self.pausing = true;
                cx.cancel_timer(Timer::Attempt);
                cx.set_timer(Timer::Backoff, self.pause);
                self.pause = (self.pause * 2).min(PAUSE_MAX);
            }
            Answer::Unavailable => {}
        }
    }

    fn on_timer(&mut self, timer: Timer, cx: &mut ClientCx<'_, Kubernetes>) {
        match timer {
            Timer::Attempt => {
                self.turn(cx);
                self.ask(cx);
            }
            Timer::Backoff => {
                self.pausing = false;
                self.ask(cx);
            }
            // These are machines'.
            _ => {}
        }
    }
}
