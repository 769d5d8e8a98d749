//! Kubernetes: a control plane that keeps what is desired, and workers that go on without it.
//!
//! Machines come in two kinds. *Control-plane machines* are the first ones: each has an etcd member, which
//! is the Raft of this crate, an API server with a watch cache, and the controllers, of which those on one
//! machine are active at a time. *Workers* are the others: each has a kubelet that runs pods, a kube-proxy
//! that routes to them, and a resolver. Keys are services with a deployment each; a write is `kubectl apply`
//! of a version, and what is read is the version that somebody still shows.
//!
//! - `layout`: where in etcd specs, placements, leases and conditions are.
//! - `control`, `watch`: the API server around an etcd member: requests, forwarding, what workers are told.
//! - `controllers`: their leader election, rollouts, the node lifecycle: grace period and eviction.
//! - `worker`: a machine's connection to an API server, and its kubelet. `routing`: kube-proxy and resolver.
//! - `client`: kubectl, and a pod beside the worker's others that calls services.
//!
//! **Latency**, at constant delay, with `c` the client's round trip to the nearest API server, `a` that one's
//! to etcd's leader, `r` the leader's to the member that completes a majority and `f` a disk sync: a write
//! takes `c + a + r + f`, a default read `c + a + r`, one from the watch cache `c`, a name its round trip to
//! the worker.
//!
//! **Intervals** are Kubernetes' defaults and are sourced in `config`.
//!
//! Left out: readiness probes (an endpoint is a pod that is placed on a node that is ready), the scheduler's
//! choice (the next ready node that has no pod of the service), disruption budgets, rate limits of eviction
//! (a zone of up to 50 nodes of which 55 % or more are not ready evicts nobody, as in Kubernetes), the
//! taint's time across a change of the active controllers (they count from when they take over), and
//! authentication. A worker has one connection for kubelet, kube-proxy and resolver.

mod client;
mod config;
mod control;
mod controllers;
mod layout;
mod machine;
mod message;
mod routing;
#[cfg(test)]
mod tests;
mod watch;
mod worker;

pub use client::Session;
pub use config::Config;
pub use machine::Machine;
pub use message::{Answer, Msg, Put, Timer};

use super::parts::beyond;
use super::parts::quorum::majority;
use super::{Geometry, Offer, Protocol, ReplicaCx, raft};
use crate::guarantee::Guarantee;
use crate::op::{Level, NodeId, OpKind};
use crate::time::Duration;

/// The protocol.
#[derive(Debug)]
pub enum Kubernetes {}

type MachineCx<'a, 'b> = &'a mut ReplicaCx<'b, Kubernetes>;

impl Protocol for Kubernetes {
    const NAME: &'static str = "kubernetes";
    const ABOUT: &'static str = "A control plane of etcd, API servers and controllers, and workers that run \
        pods, route to them and resolve names from what they were told last (Kubernetes)";
    type Config = Config;
    type Msg = Msg;
    type Record = raft::Record;
    type Timer = Timer;
    type Replica = Machine;
    type Client = Session;

    fn validate(config: &Config, replicas: u32) -> Result<(), String> {
        config.validate(replicas)
    }

    fn offer(_: &Config, level: Level) -> Option<Offer> {
        let (read_path, promise) = match level {
            Level::Linearizable => {
                ("kubectl get: API server, ReadIndex at etcd's leader", Guarantee::Linearizable)
            }
            Level::EventualNearest => (
                "kubectl get of any version: nearest API server's watch cache",
                Guarantee::Eventual,
            ),
            Level::Routed => ("nearest kube-proxy, to a pod it knows of", Guarantee::Eventual),
            Level::Resolved => {
                ("nearest resolver, cached for its time to live", Guarantee::Eventual)
            }
            _ => return None,
        };
        let write_path = "kubectl apply: API server, etcd's leader, majority";
        Some(Offer { read_path, write_path, promise })
    }

    fn kept_beyond(config: &Config, level: Level, guarantee: Guarantee) -> Option<&'static str> {
        beyond::of_one_order(Self::offer(config, level)?.promise, guarantee)
    }

    fn theory(
        config: &Config,
        level: Level,
        op: OpKind,
        geometry: &Geometry,
        client: NodeId,
    ) -> Option<Duration> {
        let control = config.control_plane(geometry.replicas);
        let near = |worker: bool| {
            let kind = |node: &NodeId| (node.0 >= control) == worker;
            geometry.nearest(client).into_iter().find(kind)
        };
        let (server, leader) = (near(false)?, NodeId(config.leader));
        let asks = geometry.rtt(client, server);
        let through = if server == leader { asks } else { asks + geometry.rtt(server, leader) };
        let peers = (0..control).map(NodeId).filter(|node| *node != leader);
        let round = match majority(control) {
            1 => Duration::ZERO,
            needed => geometry.rtts(leader, peers)[needed - 2],
        };
        match (op, level) {
            (OpKind::Write, _) => Some(through + round + geometry.disk),
            (OpKind::Rmw, _) => None,
            (_, Level::Linearizable) => Some(through + round),
            (_, Level::EventualNearest) => Some(asks),
            (_, Level::Resolved) => Some(geometry.rtt(client, near(true)?)),
            // Which pod is asked is drawn.
            _ => None,
        }
    }

    fn keys(config: &Config, replicas: u32, keys: u32) -> u32 {
        layout::Layout::of(config, replicas).registers(keys)
    }

    fn wire_size(msg: &Msg) -> u32 {
        msg.wire_size()
    }
}
