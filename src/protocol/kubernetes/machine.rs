//! A machine of either kind, as the world sees it.

use super::Kubernetes;
use super::control::Control;
use super::layout::Layout;
use super::message::{Msg, Timer};
use super::worker::Worker;
use crate::op::{Key, NodeId, Value};
use crate::protocol::{Env, Replica, ReplicaCx, WriteId, raft};

/// A machine of the cluster.
#[derive(Debug)]
pub struct Machine(Kind);

#[derive(Debug)]
enum Kind {
    Control(Box<Control>),
    Worker(Box<Worker>),
}

impl Replica<Kubernetes> for Machine {
    fn recover(
        env: Env<Kubernetes>,
        log: &[raft::Record],
        cx: &mut ReplicaCx<'_, Kubernetes>,
    ) -> Self {
        let layout = Layout::of(&env.config, env.replicas);
        Self(if env.me.0 < layout.control {
            Kind::Control(Box::new(Control::recover(env, layout, log, cx)))
        } else {
            Kind::Worker(Box::new(Worker::recover(env, layout, cx)))
        })
    }

    fn on_message(&mut self, from: NodeId, msg: Msg, cx: &mut ReplicaCx<'_, Kubernetes>) {
        match &mut self.0 {
            Kind::Control(control) => control.on_message(from, msg, cx),
            Kind::Worker(worker) => worker.on_message(from, msg, cx),
        }
    }

    fn on_timer(&mut self, timer: Timer, cx: &mut ReplicaCx<'_, Kubernetes>) {
        match &mut self.0 {
            Kind::Control(control) => control.on_timer(timer, cx),
            Kind::Worker(worker) => worker.on_timer(timer, cx),
        }
    }

    fn on_durable(&mut self, upto: WriteId, cx: &mut ReplicaCx<'_, Kubernetes>) {
        // A worker writes nothing that must survive.
        if let Kind::Control(control) = &mut self.0 {
            control.on_durable(upto, cx);
        }
    }

    /// The version applied; at a worker the one that runs there, or that runs as far as it knows.
    fn inspect(&self, key: Key) -> Value {
        match &self.0 {
            Kind::Control(control) => control.spec(key),
            Kind::Worker(worker) => worker.shown(key),
        }
    }
}

#[cfg(test)]
impl Machine {
    /// The worker this is.
    pub(super) fn worker(&self) -> &Worker {
        match &self.0 {
            Kind::Worker(worker) => worker,
            Kind::Control(_) => panic!("this is no worker"),
        }
    }

    /// The control-plane machine this is.
    pub(super) fn control(&self) -> &Control {
        match &self.0 {
            Kind::Control(control) => control,
            Kind::Worker(_) => panic!("this is no control-plane machine"),
        }
    }
}
