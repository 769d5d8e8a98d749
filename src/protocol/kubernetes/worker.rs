//! A worker: its connection to an API server, and its kubelet.
//!
//! The kubelet renews the node's lease; if that was not acknowledged by the time of the next, all connections
//! are closed and another API server is dialled, as kubelets do after repeated failures. It runs the pods it
//! was told of last, and goes on doing so while nobody tells it anything: a machine that is cut off neither
//! stops its pods nor learns of new versions.

use super::layout::{Layout, Object, View};
use super::message::{Msg, Timer};
use super::{Kubernetes, MachineCx};
use crate::op::{Key, NodeId, Value};
use crate::protocol::Env;
use crate::time::{Duration, LocalTime};
use std::collections::BTreeMap;

/// A timer that finds itself early is armed again at least this far ahead.
const TICK: Duration = Duration::micros(1);

/// The connection to an API server.
#[derive(Debug, Default)]
struct Connection {
    /// Its place among the API servers in order of distance.
    place: usize,
    /// The watch's number.
    stream: u32,
    /// Whether it has listed, and how many events came since the watch began.
    listed: bool,
    events: u64,
    /// Whether the last renewal was acknowledged.
    renewed: bool,
}

/// A worker.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) env: Env<Kubernetes>,
    pub(super) layout: Layout,
    pub(super) view: View,
    /// Whether it was ever told what there is; a cluster that is up at first was.
    pub(super) informed: bool,
    connection: Connection,
    /// By service, the version of the pod that runs here.
    running: Vec<Option<Value>>,
    /// Pods that start, and when they will serve.
    starting: BTreeMap<Key, (Value, LocalTime)>,
    /// What the resolver remembers, and since when.
    pub(super) records: BTreeMap<Key, (Value, LocalTime)>,
}

impl Worker {
    pub(super) fn recover(env: Env<Kubernetes>, layout: Layout, cx: MachineCx<'_, '_>) -> Self {
        // No earlier life's watch has this number.
        let stream = (cx.clock().0 / 1_000_000) as u32;
        let mut worker = Self {
            informed: env.first_boot,
            layout,
            view: View::default(),
            connection: Connection { stream, ..Connection::default() },
            running: Vec::new(),
            starting: BTreeMap::new(),
            records: BTreeMap::new(),
            env,
        };
        if worker.informed {
            let services = (0..worker.env.keys).map(Key);
            worker.running = services.map(|service| worker.ordered(service)).collect();
        }
        worker.renew(cx);
        // Kubelets did not all start at the same moment.
        let first = cx.rng().below(worker.env.config.lease_renew.0.max(1));
        cx.set_timer(Timer::Renew, Duration(first).max(TICK));
        worker
    }

    fn server(&self) -> NodeId {
        let servers = self.env.nearest.iter().filter(|node| node.0 < self.layout.control);
        let place = self.connection.place % self.layout.control as usize;
        servers.copied().nth(place).unwrap_or(NodeId(0))
    }

    fn renew(&mut self, cx: MachineCx<'_, '_>) {
        self.connection.renewed = false;
        cx.send(self.server(), Msg::Renew { stream: self.connection.stream });
    }

    /// Begins another watch, at the API server at this place.
    fn dial(&mut self, place: usize, cx: MachineCx<'_, '_>) {
        let stream = self.connection.stream.wrapping_add(1);
        self.connection = Connection { place, stream, ..Connection::default() };
        self.renew(cx);
    }

    fn on_renew_timer(&mut self, cx: MachineCx<'_, '_>) {
        if self.connection.renewed {
            self.renew(cx);
        } else {
            self.dial((self.connection.place + 1) % self.layout.control as usize, cx);
        }
        cx.set_timer(Timer::Renew, self.env.config.lease_renew);
    }

    /// Something was lost on the way: lists again.
    fn list_again(&mut self, cx: MachineCx<'_, '_>) {
        self.dial(self.connection.place, cx);
    }

    fn on_list(&mut self, sent: u64, index: u64, values: Vec<Value>, cx: MachineCx<'_, '_>) {
        // A server that lags behind what is known here is not listened to.
        if index < self.view.index {
            return;
        }
        self.view = View { index, values };
        (self.connection.listed, self.connection.events) = (true, sent);
        self.informed = true;
        self.reconcile_all(cx);
    }

    fn on_event(
        &mut self,
        number: u64,
        index: u64,
        (key, value): (Key, Value),
        cx: MachineCx<'_, '_>,
    ) {
        if !self.connection.listed || number <= self.connection.events {
            return;
        }
        if number > self.connection.events + 1 {
            return self.list_again(cx);
        }
        self.connection.events = number;
        self.view.index = index;
        self.view.set(key, value);
        match self.layout.object(key) {
            Object::Rolled(service) | Object::Placed(service) => self.reconcile(service, cx),
            _ => {}
        }
    }

    /// The version that is to run here, if any.
    fn ordered(&self, service: Key) -> Option<Value> {
        let placed = self.view.get(self.layout.key(Object::Placed(service)));
        let here = self.layout.placed(service, placed).has(self.env.me);
        here.then(|| self.rolled(service))
    }

    /// The version that all pods shall run, as far as is known here.
    pub(super) fn rolled(&self, service: Key) -> Value {
        self.view.get(self.layout.key(Object::Rolled(service)))
    }

    /// The version of the pod that runs here.
    pub(super) fn running(&self, service: Key) -> Option<Value> {
        self.running.get(service.0 as usize).copied().flatten()
    }

    fn run(&mut self, service: Key, version: Option<Value>) {
        *crate::protocol::parts::table::slot(&mut self.running, service.0 as usize) = version;
    }

    fn reconcile_all(&mut self, cx: MachineCx<'_, '_>) {
        let services = self.layout.services(self.view.values.len() as u32);
        (0..services).map(Key).for_each(|service| self.reconcile(service, cx));
    }

    /// Stops a pod that has no business here; starts one that should run. One that starts already is
    /// waited for: a rollout follows the other.
    fn reconcile(&mut self, service: Key, cx: MachineCx<'_, '_>) {
        let ordered = self.ordered(service);
        if ordered.is_none() {
            self.starting.remove(&service);
            self.run(service, None);
        }
        let Some(version) = ordered.filter(|_| ordered != self.running(service)) else { return };
        if !self.starting.contains_key(&service) {
            let at = cx.clock() + self.env.config.pod_start;
            self.starting.insert(service, (version, at));
            self.await_start(cx);
        }
    }

    fn await_start(&self, cx: MachineCx<'_, '_>) {
        if let Some(first) = self.starting.values().map(|(_, at)| *at).min() {
            let after = first.since(cx.clock()).max(TICK);
            cx.set_timer(Timer::Start, after);
        }
    }

    fn on_start_timer(&mut self, cx: MachineCx<'_, '_>) {
        let due = |(_, (_, at)): &(&Key, &(Value, LocalTime))| *at <= cx.clock();
        let due: Vec<Key> = self.starting.iter().filter(due).map(|(service, _)| *service).collect();
        for service in due {
            if let Some((version, _)) = self.starting.remove(&service) {
                self.run(service, Some(version));
                self.reconcile(service, cx);
            }
        }
        self.await_start(cx);
    }

    pub(super) fn on_message(&mut self, from: NodeId, msg: Msg, cx: MachineCx<'_, '_>) {
        let current = |stream: u32| stream == self.connection.stream;
        match msg {
            Msg::List { stream, sent, index, values } if current(stream) => {
                self.on_list(sent, index, values, cx);
            }
            Msg::Event { stream, number, index, key, value } if current(stream) => {
                self.on_event(number, index, (key, value), cx);
            }
            Msg::Renewed { stream, sent } if current(stream) => {
                let lost = !self.connection.listed || sent > self.connection.events;
                if lost {
                    self.list_again(cx);
                }
                self.connection.renewed = true;
            }
            Msg::Ask { request } => self.on_ask(from, request, cx),
            Msg::Forward { client, request } => self.on_forward(from, client, request, cx),
            Msg::Forwarded { client, op, answer } => {
                super::control::answer(client, op, None, answer, cx);
            }
            // These are of an earlier watch, or for others.
            _ => {}
        }
    }

    pub(super) fn on_timer(&mut self, timer: Timer, cx: MachineCx<'_, '_>) {
        match timer {
            Timer::Renew => self.on_renew_timer(cx),
            Timer::Start => self.on_start_timer(cx),
            // These are others'.
            _ => {}
        }
    }
}
