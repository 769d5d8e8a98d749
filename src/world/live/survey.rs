//! How late links are before a run: a few probes over each of them, with nothing else going on.
//!
//! What is late then is the machine's fault; what is late only during the run is the load's. Probes take the way
//! that messages will take: the thread of deadlines, the sockets if there are any, and the receiver's inbox.

use super::client::ClientNode;
use super::hub::{Due, Hub};
use super::log::Log;
use super::node::{Input, Late, ReplicaNode, live};
use super::rest::audit;
use super::{Carrier, Options, by_link, keep_deadlines, runtime, set_up, task, wire};
use crate::distribution::Sampler;
use crate::op::NodeId;
use crate::protocol::Protocol;
use crate::rng::Rng;
use crate::scenario::plan::Plan;
use crate::time::Duration;
use crate::world::clock::Clock;
use crate::world::disk::Disk;
use crate::world::env::Envs;
use crate::world::load::Load;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Probes on each directed link.
const PROBES: u32 = 20;
/// Between two of them on any link.
const APART: Duration = Duration::micros(50);
/// How often it is looked whether all have arrived.
const LOOK: std::time::Duration = std::time::Duration::from_millis(20);
/// How long they may take beyond their links' delays; what comes later does not count.
const PATIENCE: Duration = Duration::secs(5);

/// By the sites at its ends, how late each directed link's probes were.
pub(super) type Surveyed = BTreeMap<(usize, usize), Late>;

/// Measures every link of a plan, in a world of its own in which nobody asks for anything.
///
/// # Errors
/// If processes cannot be connected, or one breaks.
pub(super) fn survey<P: Protocol>(
    plan: &Plan,
    config: &P::Config,
    options: &Options,
) -> Result<Surveyed, String> {
    let runtime = runtime()?;
    let within = runtime.enter();
    let load = Load::new(plan, 0);
    let envs = Envs::<P>::new(plan, config.clone(), load.keys());
    let (hub, inboxes, sessions) = set_up::<P>(plan, plan, config, 0, load, None);
    let replicas = plan.replicas.len();
    for (process, inbox) in inboxes.into_iter().enumerate() {
        let rng = Rng::stream(0, "survey", process as u64);
        let its = Arc::clone(&hub);
        if process < replicas {
            let env = envs.of(process as u32, process);
            let disk = Disk::new(Sampler::new(&plan.replicas[process].disk_ms), rng.clone());
            let mut node =
                ReplicaNode::new(Arc::clone(&hub), env, rng, Clock::EXACT, Log::Simulated(disk));
            task::spawn(live(its, inbox, move |input| node.take(input)));
        } else {
            let client = (process - replicas) as u32;
            let site = replicas + usize::from(hub.lock().load.group(client));
            let (env, session) = (envs.of(process as u32, site), sessions[client as usize]);
            let mut node =
                ClientNode::new(Arc::clone(&hub), env, (rng, Clock::EXACT), client, session);
            task::spawn(live(its, inbox, move |input| node.take(input)));
        }
    }
    let carrier = match options.tcp {
        false => Carrier::Memory,
        true => Carrier::Wire(
            task::wait(&runtime, wire::connect(&hub))
                .map_err(|error| format!("cannot connect the processes: {error}"))?,
        ),
    };
    let deadlines = keep_deadlines(&hub, carrier);
    let (sent, last) = send(&hub, |_| true);
    let end = hub.now() + last + PATIENCE;
    let left = task::wait(&runtime, async {
        loop {
            tokio::time::sleep(LOOK).await;
            let left = audit(&hub).await;
            let arrived = left.iter().flat_map(|left| left.lateness.values()).map(Late::len);
            if arrived.sum::<u64>() >= sent || hub.now() > end {
                return left;
            }
        }
    });
    hub.timer.stop();
    drop(deadlines.join());
    drop(within);
    // Its sockets are closed before those of the run are opened.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    let mut core = hub.lock();
    match core.failure.take() {
        Some(failure) => Err(failure),
        None => Ok(by_link(plan, &core.load, &left)),
    }
}

/// Puts probes on every link from these sites, between two replicas and between a replica and a client of each
/// group; how many, and how long the last is on its way from now on.
pub(super) fn send<P: Protocol>(
    hub: &Hub<P>,
    from_here: impl Fn(usize) -> bool,
) -> (u64, Duration) {
    let plan = &hub.plan;
    let replicas = plan.replicas.len();
    // By site, a process that is there.
    let mut ends: Vec<(usize, usize)> = (0..replicas).map(|replica| (replica, replica)).collect();
    for group in 0..plan.clients.len() {
        let core = hub.lock();
        let mut clients = 0..core.load.clients();
        let first = clients.find(|client| usize::from(core.load.group(*client as u32)) == group);
        ends.extend(first.map(|client| (replicas + group, replicas + client)));
    }
    let (now, mut sent, mut after, mut last) = (hub.now(), 0, Duration::ZERO, Duration::ZERO);
    for _ in 0..PROBES {
        for (from, sender) in ends.iter().filter(|(site, _)| from_here(*site)) {
            for (to, receiver) in &ends {
                // Clients have nothing to say to each other.
                if sender == receiver || (*from >= replicas && *to >= replicas) {
                    continue;
                }
                let takes = after + plan.link(*from, *to).base;
                let (from, due) = (NodeId(*sender as u32), now + takes);
                hub.timer.push(due, Due::Input(*receiver, Input::Probe { from, due }));
                (sent, after, last) = (sent + 1, after + APART, last.max(takes));
            }
        }
    }
    (sent, last)
}
