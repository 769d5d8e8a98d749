//! A control-plane machine: an API server around an etcd member, and its controllers.
//!
//! The etcd member is a Raft replica of its own; what it asks for is translated, message by message. A client
//! may ask any API server: one whose member does not lead hands the request to the machine that does, and
//! hands the answer back, as etcd's members do with proposals. Without a leader it says so at once.

use super::controllers::Controllers;
use super::layout::{Layout, Object};
use super::message::{Answer, Msg, Put, Timer};
use super::watch::Stream;
use super::{Kubernetes, MachineCx};
use crate::op::{Key, Level, NodeId, Op, OpId, Request, Ret, Value};
use crate::protocol::raft::{self, Raft};
use crate::protocol::{Effect, Effects, Env, Replica as _, ReplicaCx, WriteId};
use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;

/// A client's latest request, and who handed it on.
#[derive(Clone, Copy, Debug)]
struct Asked {
    request: Request,
    via: Option<NodeId>,
}

/// A control-plane machine.
#[derive(Debug)]
pub(super) struct Control {
    pub(super) env: Env<Kubernetes>,
    pub(super) layout: Layout,
    pub(super) etcd: raft::Replica,
    /// The etcd member's effects on their way through.
    scratch: Effects<Raft>,
    /// By client.
    asked: BTreeMap<NodeId, Asked>,
    /// What of the log workers and controllers were told.
    pub(super) told: u64,
    /// The watches, by worker.
    pub(super) streams: BTreeMap<NodeId, Stream>,
    pub(super) controllers: Controllers,
    /// What the controllers want written, in order.
    pub(super) wants: Vec<Put>,
}

/// What an etcd member is told about itself.
fn member(env: &Env<Kubernetes>, layout: Layout) -> Env<Raft> {
    let members = env.nearest.iter().copied().filter(|node| node.0 < layout.control);
    Env {
        me: env.me,
        replicas: layout.control,
        config: Arc::new(env.config.etcd()),
        nearest: members.collect(),
        regions: env.regions[..layout.control as usize].into(),
        region: env.region,
        keys: layout.registers(env.keys),
        contents: env.contents,
        first_boot: env.first_boot,
        attempt_timeout: env.attempt_timeout,
    }
}

impl Control {
    pub(super) fn recover(
        env: Env<Kubernetes>,
        layout: Layout,
        log: &[raft::Record],
        cx: MachineCx<'_, '_>,
    ) -> Self {
        let member = member(&env, layout);
        let mut scratch = Effects::default();
        let mut etcd = None;
        cx.within(&mut scratch, |cx| etcd = Some(raft::Replica::recover(member, log, cx)));
        let etcd = etcd.expect("recovery gives a replica");
        let controllers = Controllers::new(&env, layout, cx.clock());
        let told = etcd.applied();
        let mut control = Self {
            env,
            layout,
            etcd,
            scratch,
            asked: BTreeMap::new(),
            told,
            streams: BTreeMap::new(),
            controllers,
            wants: Vec::new(),
        };
        control.drain(cx);
        control.on_controllers_timer(cx);
        cx.set_timer(Timer::Monitor, control.env.config.node_monitor);
        control
    }

    /// Calls the etcd member, does what it asks for, and passes on what it has applied.
    pub(super) fn etcd(
        &mut self,
        cx: MachineCx<'_, '_>,
        call: impl FnOnce(&mut raft::Replica, &mut ReplicaCx<'_, Raft>),
    ) {
        let (etcd, scratch) = (&mut self.etcd, &mut self.scratch);
        cx.within(scratch, |cx| call(etcd, cx));
        self.drain(cx);
        self.pass_on(cx);
    }

    fn drain(&mut self, cx: MachineCx<'_, '_>) {
        let mut queue = mem::take(&mut self.scratch.queue);
        for effect in queue.drain(..) {
            match effect {
                Effect::Send { to, msg } if to.0 < self.layout.control => match msg {
                    // The system's own writes are answered to nobody.
                    raft::Msg::Reply { .. } => {}
                    msg => cx.send(to, Msg::Etcd(msg)),
                },
                Effect::Send { to, msg: raft::Msg::Reply { op, ret, .. } } => {
                    self.reply(to, op, ret, cx);
                }
                Effect::Send { to, msg: raft::Msg::Redirect { op, leader } } => {
                    self.redirect(to, op, leader, cx);
                }
                // Nothing else is said to clients.
                Effect::Send { .. } | Effect::Complete(..) | Effect::Made(..) => {}
                Effect::SetTimer(timer, after) => cx.set_timer(Timer::Etcd(timer), after),
                Effect::CancelTimer(timer) => cx.cancel_timer(Timer::Etcd(timer)),
                Effect::Persist(record) => {
                    cx.persist(record);
                }
                Effect::Truncate(from) => cx.truncate(from),
                Effect::Commit(key, value, _) => {
                    if let Object::Spec(service) = self.layout.object(key) {
                        cx.note_commit(service, value);
                    }
                }
            }
        }
        self.scratch.queue = queue;
    }

    /// Does what the controllers want, and what they want then.
    fn carry_out(&mut self, cx: MachineCx<'_, '_>) {
        while !self.wants.is_empty() {
            for put in mem::take(&mut self.wants) {
                self.put(put, cx);
            }
        }
    }

    /// Writes an API object, if etcd has a leader and the object is what the writer thinks.
    pub(super) fn put(&mut self, put: Put, cx: MachineCx<'_, '_>) {
        let Put { key, expect, value } = put;
        match self.etcd.known_leader() {
            Some(leader) if leader != self.env.me => cx.send(leader, Msg::Put(put)),
            Some(_) if expect.is_none_or(|expect| expect == self.etcd.value(key)) => {
                self.etcd(cx, |etcd, cx| etcd.put(key, value, cx));
            }
            Some(_) | None => {}
        }
    }

    /// A request to etcd. A list is read at the moment at which its first object is.
    fn ask(
        &mut self,
        client: NodeId,
        request: Request,
        via: Option<NodeId>,
        cx: MachineCx<'_, '_>,
    ) {
        let later = |asked: &Asked| asked.request.id > request.id;
        if self.asked.get(&client).is_some_and(later) {
            return;
        }
        self.asked.insert(client, Asked { request, via });
        let op = if let Op::Scan(_) = request.op { Op::Read } else { request.op };
        let key = self.layout.key(Object::Spec(request.key));
        let level = match request.level {
            Level::EventualNearest => Level::EventualNearest,
            _ => Level::Linearizable,
        };
        let request = Request { key, op, level, ..request };
        self.etcd(cx, |etcd, cx| etcd.on_message(client, raft::Msg::Ask { request, token: 0 }, cx));
    }

    fn reply(&mut self, client: NodeId, op: OpId, ret: Ret, cx: MachineCx<'_, '_>) {
        let Some(asked) = self.asked.get(&client).filter(|asked| asked.request.id == op) else {
            return;
        };
        let Asked { request, via } = *asked;
        let ret = match request.op {
            Op::Scan(count) => {
                let keys = request.key.0..request.key.0 + u32::from(count);
                Ret::Values(keys.map(|key| self.spec(Key(key))).collect())
            }
            Op::Read | Op::Write(..) => ret,
        };
        answer(client, op, via, Answer::Done(ret), cx);
    }

    /// The member does not lead: the machine that does is asked, but no third one.
    fn redirect(
        &mut self,
        client: NodeId,
        op: OpId,
        leader: Option<NodeId>,
        cx: MachineCx<'_, '_>,
    ) {
        let Some(asked) = self.asked.get(&client).filter(|asked| asked.request.id == op) else {
            return;
        };
        let Asked { request, via } = *asked;
        match leader {
            Some(leader) if via.is_none() && leader != self.env.me => {
                cx.send(leader, Msg::Forward { client, request });
            }
            _ => answer(client, op, via, Answer::Unavailable, cx),
        }
    }

    pub(super) fn spec(&self, service: Key) -> Value {
        self.etcd.value(self.layout.key(Object::Spec(service)))
    }

    pub(super) fn on_message(&mut self, from: NodeId, msg: Msg, cx: MachineCx<'_, '_>) {
        match msg {
            Msg::Etcd(msg) => self.etcd(cx, |etcd, cx| etcd.on_message(from, msg, cx)),
            Msg::Ask { request } => self.ask(from, request, None, cx),
            Msg::Forward { client, request } => self.ask(client, request, Some(from), cx),
            Msg::Forwarded { client, op, answer: end } => answer(client, op, None, end, cx),
            // Whoever takes this machine for the leader's is asked to look again by silence.
            Msg::Put(put) if self.etcd.known_leader() == Some(self.env.me) => self.put(put, cx),
            Msg::Renew { stream } => self.on_renew(from, stream, cx),
            // These go to workers and clients, or came to one that leads no more.
            _ => {}
        }
        self.carry_out(cx);
    }

    pub(super) fn on_timer(&mut self, timer: Timer, cx: MachineCx<'_, '_>) {
        match timer {
            Timer::Etcd(timer) => self.etcd(cx, |etcd, cx| etcd.on_timer(timer, cx)),
            Timer::Controllers => self.on_controllers_timer(cx),
            Timer::Monitor => self.on_monitor_timer(cx),
            // These are workers' and clients'.
            Timer::Renew | Timer::Start | Timer::Attempt | Timer::Backoff => {}
        }
        self.carry_out(cx);
    }

    pub(super) fn on_durable(&mut self, upto: WriteId, cx: MachineCx<'_, '_>) {
        self.etcd(cx, |etcd, cx| etcd.on_durable(upto, cx));
        self.carry_out(cx);
    }
}

/// Sends an answer the way the request came.
pub(super) fn answer(
    client: NodeId,
    op: OpId,
    via: Option<NodeId>,
    answer: Answer,
    cx: MachineCx<'_, '_>,
) {
    match via {
        Some(via) => cx.send(via, Msg::Forwarded { client, op, answer }),
        None => cx.send(client, Msg::Answer { op, answer }),
    }
}
