//! The machines of a simulated cluster: a replica with its disk, clock and processor; a client.

use crate::distribution::Sampler;
use crate::history::Recorder;
use crate::op::OpId;
use crate::protocol::{Client as _, Env, Protocol};
use crate::rng::Rng;
use crate::scenario::plan::Plan;
use crate::time::Instant;
use crate::world::clock::Clock;
use crate::world::disk::Disk;
use crate::world::env::Envs;
use crate::world::load::Load;
use crate::world::timers::Alarm;

/// One replica's machine.
pub(super) struct ReplicaHost<P: Protocol> {
    pub env: Env<P>,
    /// `None` while it is down.
    pub machine: Option<P::Replica>,
    pub rng: Rng,
    pub clock: Clock,
    pub disk: Disk<P::Record>,
    /// When its running sync is done; past if none runs.
    pub syncing_until: Instant,
    /// The operation whose record was appended last.
    pub disk_cause: u32,
    pub service_ms: Sampler,
    pub service_rng: Rng,
    /// When its processor has worked through what arrived.
    pub busy_until: Instant,
    /// What a message costs it, as a multiple of what it should.
    pub slowness: f64,
    /// Until when its process stands still; past unless it does.
    pub paused_until: Instant,
    /// Until when its disk takes nothing; past unless it is full.
    pub disk_full_until: Instant,
    /// How many crashes hold it down.
    pub crashes: u32,
    /// How often it has been started and has crashed.
    pub life: u32,
}

impl<P: Protocol> ReplicaHost<P> {
    /// Stops the machine; of what was not synced, as much is lost as its disk decides.
    pub(super) fn crash(&mut self) {
        self.machine = None;
        self.life += 1;
        self.disk.crash();
        self.busy_until = Instant::ZERO;
        self.syncing_until = Instant::ZERO;
        self.paused_until = Instant::ZERO;
    }

    /// The process stands still until then: what its processor had to do waits as well.
    pub(super) fn pause(&mut self, until: Instant) {
        self.paused_until = self.paused_until.max(until);
        self.busy_until = self.busy_until.max(until);
    }
}

/// One client's machine, with its session.
pub(super) struct ClientHost<P: Protocol> {
    pub env: Env<P>,
    pub machine: P::Client,
    pub rng: Rng,
    pub session: u32,
    /// The operation in flight.
    pub current: Option<OpId>,
    pub current_is_write: bool,
    /// When that is given up.
    pub deadline: Alarm,
}

/// All machines of a plan, none booted yet.
pub(super) fn build<P: Protocol>(
    plan: &Plan,
    config: P::Config,
    seed: u64,
    load: &Load,
    recorder: &mut Recorder,
) -> (Vec<ReplicaHost<P>>, Vec<ClientHost<P>>) {
    let envs = Envs::new(plan, config, load.keys());
    let env = |me, site| envs.of(me, site);
    let replica = |(index, host): (usize, &crate::scenario::plan::Host)| ReplicaHost {
        env: env(index as u32, index),
        machine: None,
        rng: Rng::stream(seed, "node", index as u64),
        clock: Clock::new(host.clock),
        disk: Disk::new(Sampler::new(&host.disk_ms), Rng::stream(seed, "disk", index as u64)),
        syncing_until: Instant::ZERO,
        disk_cause: super::NOBODY,
        service_ms: Sampler::new(&host.service_ms),
        service_rng: Rng::stream(seed, "service", index as u64),
        busy_until: Instant::ZERO,
        slowness: 1.0,
        paused_until: Instant::ZERO,
        disk_full_until: Instant::ZERO,
        crashes: 0,
        life: 0,
    };
    let replicas: Vec<_> = plan.replicas.iter().enumerate().map(replica).collect();
    let clients = (0..load.clients() as u32).map(|client| {
        let site = plan.replicas.len() + usize::from(load.group(client));
        let env = env(plan.replicas.len() as u32 + client, site);
        ClientHost {
            machine: P::Client::start(env.clone()),
            env,
            rng: Rng::stream(seed, "client", u64::from(client)),
            session: recorder.new_session(),
            current: None,
            current_is_write: false,
            deadline: Alarm::OFF,
        }
    });
    (replicas, clients.collect())
}
