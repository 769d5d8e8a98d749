//! A cluster of processes, perhaps on several hosts, as each of them sees it.

use super::hello::{Identity, Secret};
use crate::scenario::plan::{Load, Plan};
use crate::time::Duration;
use std::path::PathBuf;

/// What a process must know of the cluster beside the plan.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// Its name, the same for all.
    pub name: String,
    /// Where each replica listens, as `host:port`, in the order of the plan.
    pub addresses: Vec<String>,
    /// Whether messages are held back for as long as the plan's links take, beside what the network takes.
    pub inject_delays: bool,
    /// What proves that somebody belongs to it.
    pub secret: Option<Secret>,
    /// The file that says all this, for replays.
    pub file: String,
    /// Takes one line about what happens to connections.
    pub log: fn(&str),
}

/// How one replica is served.
#[derive(Clone, Debug)]
pub struct Serving {
    /// Which of the plan's replicas.
    pub replica: usize,
    /// Where to listen, as `host:port`.
    pub listen: String,
    /// The folder of its log.
    pub data_dir: PathBuf,
}

impl Cluster {
    /// What both sides of a connection must have in common under this plan.
    pub(super) fn identity(&self, plan: &Plan) -> Identity {
        let Self { name, secret, .. } = self.clone();
        Identity { cluster: name, settings: settings(plan, self.inject_delays), secret }
    }

    /// The plan with the links that messages are held back by.
    pub(super) fn held_back(&self, plan: &Plan) -> Plan {
        let mut plan = plan.clone();
        if !self.inject_delays {
            for link in &mut plan.links {
                link.base = Duration::ZERO;
            }
        }
        plan
    }
}

/// A number of everything that must be the same wherever a message or a record is read. How long the run is
/// and what its clients do is the driver's business alone.
fn settings(plan: &Plan, inject_delays: bool) -> u64 {
    let replicas: Vec<_> = plan.replicas.iter().map(|host| (&host.name, host.region)).collect();
    let clients: Vec<_> = plan.clients.iter().map(|group| (group.region, group.sessions)).collect();
    let Plan { protocol, config, records, contents, regions, load, .. } = plan;
    let probes = match load {
        Load::Mix => 0,
        Load::Probe(probe) => probe.offsets.len(),
    };
    let links = inject_delays.then_some(&plan.links);
    let all = format!(
        "{protocol} {config} {records} {contents:?} {regions:?} {replicas:?} {clients:?} {probes} {links:?}"
    );
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in all.into_bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash
}
