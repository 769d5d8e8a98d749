//! The controllers of a control-plane machine: which machine's are active, and what those do.
//!
//! They elect by a lease in etcd that is compared and written (client-go's `leaderelection`): no clock but
//! the machine's own is believed, a lease counts from when its last change was seen. The active ones compare
//! what is with what should be, again and again, so what a predecessor left undone, or did twice, does not
//! matter: an applied version is rolled out; a worker whose lease stands still for the grace period is not
//! ready, so that its pods are no endpoints; after the eviction time its pods are created elsewhere.

use super::control::Control;
use super::layout::{Layout, Object, UNKNOWN};
use super::message::{Put, Timer};
use super::{Kubernetes, MachineCx};
use crate::op::{Key, NodeId, Value};
use crate::protocol::Env;
use crate::time::LocalTime;
use std::collections::BTreeMap;

/// Of 100 nodes, so many not ready are taken for a fault of the control plane: nobody is evicted.
const UNHEALTHY: usize = 55;

/// What is known of a worker.
#[derive(Clone, Copy, Debug)]
struct Node {
    /// When its lease was last seen to change.
    renewed: LocalTime,
    /// Since when it is known not to be ready.
    unknown: Option<LocalTime>,
}

/// A machine's controllers.
#[derive(Debug)]
pub(super) struct Controllers {
    active: bool,
    /// When the lease of the active ones was last seen to change.
    renewed: LocalTime,
    /// By worker.
    nodes: BTreeMap<NodeId, Node>,
    /// What was asked for lately, and when.
    asked: BTreeMap<Key, (Value, LocalTime)>,
}

impl Controllers {
    pub(super) fn new(env: &Env<Kubernetes>, layout: Layout, now: LocalTime) -> Self {
        let node = |worker| (worker, Node { renewed: now, unknown: None });
        let active = env.first_boot && env.me == NodeId(0);
        let nodes = layout.workers().map(node).collect();
        Self { active, renewed: now, nodes, asked: BTreeMap::new() }
    }
}

impl Control {
    /// A register changed.
    pub(super) fn note(&mut self, key: Key, value: Value, now: LocalTime) {
        match self.layout.object(key) {
            Object::Holder => self.controllers.renewed = now,
            Object::Lease(worker) => {
                if let Some(node) = self.controllers.nodes.get_mut(&worker) {
                    node.renewed = now;
                }
            }
            Object::Condition(worker) => {
                if let Some(node) = self.controllers.nodes.get_mut(&worker) {
                    node.unknown = (value == UNKNOWN).then_some(now);
                }
            }
            Object::Spec(service) | Object::Rolled(service) => self.roll_out(service, now),
            Object::Placed(_) => {}
        }
    }

    /// Asks for a write, unless it was asked for a moment ago.
    fn want(&mut self, key: Key, value: Value, now: LocalTime) {
        let again = |(asked, at): &(Value, LocalTime)| {
            *asked == value && now.since(*at) < self.env.config.retry
        };
        if !self.controllers.asked.get(&key).is_some_and(again) {
            self.controllers.asked.insert(key, (value, now));
            self.wants.push(Put { key, expect: Some(self.etcd.value(key)), value });
        }
    }

    /// Orders pods of the version that was applied.
    fn roll_out(&mut self, service: Key, now: LocalTime) {
        let key = self.layout.key(Object::Rolled(service));
        let spec = self.spec(service);
        if self.controllers.active && self.etcd.value(key) != spec {
            self.want(key, spec, now);
        }
    }

    fn services(&self) -> impl Iterator<Item = Key> + use<> {
        (0..self.layout.services(self.etcd.keys())).map(Key)
    }

    /// Renews the lease if it is ours, takes it if it has run out, and looks for what was left undone.
    pub(super) fn on_controllers_timer(&mut self, cx: MachineCx<'_, '_>) {
        let (config, machines, now) = (&self.env.config, self.layout.machines, cx.clock());
        let key = self.layout.key(Object::Holder);
        let held = self.etcd.value(key);
        let (ours, age) = (held.0 % machines == self.env.me.0, now.since(self.controllers.renewed));
        let was = self.controllers.active;
        self.controllers.active = ours && age < config.renew_deadline;
        if self.controllers.active || age >= config.controllers_lease {
            let next = held.0 - held.0 % machines + machines + self.env.me.0;
            self.want(key, Value(next), now);
        }
        if self.controllers.active && !was {
            self.take_over(now);
        }
        if self.controllers.active {
            self.services().for_each(|service| self.roll_out(service, now));
        }
        cx.set_timer(Timer::Controllers, self.env.config.retry);
    }

    /// Whoever becomes active gives every node the whole of its times.
    fn take_over(&mut self, now: LocalTime) {
        for worker in self.layout.workers() {
            let condition = self.etcd.value(self.layout.key(Object::Condition(worker)));
            let unknown = (condition == UNKNOWN).then_some(now);
            self.controllers.nodes.insert(worker, Node { renewed: now, unknown });
        }
    }

    /// Looks at the nodes' leases.
    pub(super) fn on_monitor_timer(&mut self, cx: MachineCx<'_, '_>) {
        cx.set_timer(Timer::Monitor, self.env.config.node_monitor);
        if !self.controllers.active {
            return;
        }
        let (now, grace) = (cx.clock(), self.env.config.node_grace);
        let nodes: Vec<(NodeId, Node)> =
            self.controllers.nodes.iter().map(|(worker, node)| (*worker, *node)).collect();
        for (worker, node) in &nodes {
            let key = self.layout.key(Object::Condition(*worker));
            let alive = now.since(node.renewed) < grace;
            let condition = if alive { Value::INITIAL } else { UNKNOWN };
            // One that took over does not know yet whether a node that was not ready has come back.
            let seen = node.unknown.is_none_or(|since| node.renewed > since);
            if self.etcd.value(key) != condition && (!alive || seen) {
                self.want(key, condition, now);
            }
        }
        let unknown = nodes.iter().filter(|(_, node)| node.unknown.is_some()).count();
        if unknown * 100 >= nodes.len() * UNHEALTHY {
            return;
        }
        for (worker, node) in nodes {
            if node.unknown.is_some_and(|since| now.since(since) >= self.env.config.eviction) {
                self.evict(worker, now);
            }
        }
    }

    /// Creates a worker's pods on others.
    fn evict(&mut self, worker: NodeId, now: LocalTime) {
        for service in self.services() {
            let key = self.layout.key(Object::Placed(service));
            let pods = self.layout.placed(service, self.etcd.value(key));
            if !pods.has(worker) {
                continue;
            }
            let ready = |node: &NodeId| {
                self.etcd.value(self.layout.key(Object::Condition(*node))) != UNKNOWN
            };
            let free = |node: &NodeId| !pods.has(*node) && ready(node);
            // The next one in the ring, so that not all go to the same.
            let after = |node: &NodeId| (*node <= worker, *node);
            let to = self.layout.workers().filter(free).min_by_key(after);
            self.want(key, pods.moved(worker, to), now);
        }
    }
}
