//! The live world: the same machines, loads and faults in real time, in this process.
//!
//! Every replica and every session is a tokio task. Between them are the plan's links: each message is given
//! its deadline when it is sent and handed over when that has come, by a thread that keeps deadlines to
//! some microseconds (`timer`). Logs are files with real syncs (`log`). What comes out is a history like
//! that of any other world, and how late each link was; what the processor costs is not simulated but paid.
//!
//! Nothing here repeats: the scheduler, the disk and the clock on the wall are the machine's own.

#[cfg(test)]
mod absurd;
mod bounds;
mod calibrate;
mod client;
mod cluster;
mod drive;
mod frame;
mod guest;
mod hello;
mod hub;
mod lines;
mod log;
mod node;
mod packet;
mod peers;
mod rest;
mod serve;
mod strangers;
mod survey;
mod task;
mod temporary;
mod timer;
mod wall;
mod wire;

#[cfg(test)]
pub(crate) use absurd::{Harassed, harass};
pub use calibrate::{Floor, calibrate};
pub use cluster::{Cluster, Serving};
pub use drive::drive;
pub use hello::Secret;
pub use serve::serve;
pub use temporary::discard;

use super::Run;
use super::clock::Clock;
use super::disk::Disk;
use super::env::{Envs, windows};
use super::load::Load;
use super::network::Network;
use crate::distribution::Sampler;
use crate::history::{FinalState, Recorder};
use crate::protocol::Protocol;
use crate::rng::Rng;
use crate::scenario::plan::{ClockFault, FaultKind, Length, Plan, RandomKind};
use crate::time::{Duration, Instant};
use client::ClientNode;
use hub::{Core, Due, Hub};
use log::Log;
use node::{Audit, Input, Late, ReplicaNode, live};
use peers::Peers;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;
use survey::{Surveyed, survey};
use temporary::Temporary;
use timer::Timer;
use tokio::sync::{Notify, mpsc};
use wall::WallClock;
use wire::Wire;

/// How many inputs may wait for one process.
const INBOX: usize = 1 << 15;

/// How the live world is set up.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Whether logs take as long as the plan says instead of being files.
    pub simulated_disk: bool,
    /// Where log files go; a temporary folder if unset.
    pub data_dir: Option<PathBuf>,
    /// Whether messages go over TCP on loopback instead of from task to task.
    pub tcp: bool,
}

/// How late a link's messages were.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkReport {
    /// The node, or the region of the clients, that its messages left: `n0 us-east-1`.
    pub from: String,
    /// The one that they reached: `clients eu-west-1`.
    pub to: String,
    /// How many.
    pub n: u64,
    /// The delay without jitter, in milliseconds.
    pub asked_ms: f64,
    /// By how much the median probe before the run was later than asked, in milliseconds.
    pub before_p50_ms: f64,
    /// The 99th percentile of that: the latest of twenty.
    pub before_p99_ms: f64,
    /// By how much the median message of the run was later than asked, in milliseconds.
    pub late_p50_ms: f64,
    /// The 99th percentile of that.
    pub late_p99_ms: f64,
}

/// What the live world cannot do that a plan wants done, as in "it cannot fill a disk": a fault that needs a
/// machine which is only simulated. Faults that a seed draws are those of [`Plan::drawn`].
#[must_use]
pub fn cannot(plan: &Plan) -> Option<&'static str> {
    plan.faults.iter().find_map(|fault| match fault.kind {
        FaultKind::DiskFull(_) => Some("fill a disk"),
        FaultKind::SlowDisk(..) => Some("slow a disk down"),
        FaultKind::Slow(..) => Some("slow a processor down"),
        FaultKind::Clock(_, ClockFault::Leap(_)) => Some(
            "take a leap second, for its clocks run on the machine's monotonic one, which has none",
        ),
        FaultKind::Clock(..) => Some("upset a clock"),
        FaultKind::Cut(_)
        | FaultKind::Delay(..)
        | FaultKind::Loss(..)
        | FaultKind::Crash(_)
        | FaultKind::Pause(_) => None,
    })
}

/// Refuses a plan for what the live world cannot do, in one sentence.
///
/// # Errors
/// If there is such a thing.
pub fn refuse(plan: &Plan) -> Result<(), String> {
    cannot(plan).map_or(Ok(()), |what| {
        let name = &plan.name;
        Err(format!(
            "{name}: the live world cannot {what}; run it with --world sim, or without that fault"
        ))
    })
}

/// Leaves kinds of random faults out that need a machine which is only simulated, unless there are no others.
pub fn spare(plan: &mut Plan) {
    let simulated =
        [RandomKind::DiskFull, RandomKind::SlowDisk, RandomKind::Slow, RandomKind::Clock];
    if let Some(random) = &mut plan.random_faults
        && random.kinds.iter().any(|kind| !simulated.contains(kind))
    {
        random.kinds.retain(|kind| !simulated.contains(kind));
    }
}

/// Runs a plan in real time.
///
/// # Errors
/// What it is refused for, or what went wrong: a log that cannot be written, a queue that outgrew its
/// bound, a broken law of the protocol.
pub fn run<P: Protocol>(plan: &Plan, seed: u64, options: &Options) -> Result<Run, String> {
    let plan = &*plan.drawn(seed);
    refuse(plan)?;
    let config: P::Config = plan.config.clone().try_into().map_err(|e| format!("{e}"))?;
    let temporary = match &options.data_dir {
        Some(_) => None,
        None => Some(Temporary::new().map_err(|error| format!("no folder for logs: {error}"))?),
    };
    let folder = options.data_dir.clone().or(temporary.as_ref().map(Temporary::path));
    let folder = folder.unwrap_or_default();
    let _lock = serve::claim(&folder, "run", "keeps the logs of a run here")?;
    let before = survey::<P>(plan, &config, options)?;
    let runtime = runtime()?;
    let within = runtime.enter();
    let load = Load::new(plan, seed);
    let envs = Envs::<P>::new(plan, config.clone(), load.keys());
    let (hub, mut inboxes, sessions) = set_up::<P>(plan, plan, &config, seed, load, None);
    let replicas = plan.replicas.len();
    let clients = inboxes.split_off(replicas);
    for (index, (host, inbox)) in plan.replicas.iter().zip(inboxes).enumerate() {
        let env = envs.of(index as u32, index);
        let log = if options.simulated_disk {
            let syncs = Rng::stream(seed, "disk", index as u64);
            Log::Simulated(Disk::new(Sampler::new(&host.disk_ms), syncs))
        } else {
            Log::new_file(&hub, index, &folder)?
        };
        let rng = Rng::stream(seed, "node", index as u64);
        let mut node = ReplicaNode::new(Arc::clone(&hub), env, rng, Clock::new(host.clock), log);
        hub.tell(index, Input::Boot { life: 0 });
        task::spawn(live(Arc::clone(&hub), inbox, move |input| node.take(input)));
    }
    for (client, (inbox, session)) in clients.into_iter().zip(sessions).enumerate() {
        let site = replicas + usize::from(hub.lock().load.group(client as u32));
        let env = envs.of((replicas + client) as u32, site);
        let rng = Rng::stream(seed, "client", client as u64);
        let mut node =
            ClientNode::new(Arc::clone(&hub), env, (rng, Clock::EXACT), client as u32, session);
        task::spawn(live(Arc::clone(&hub), inbox, move |input| node.take(input)));
    }
    let carrier = if options.tcp {
        let connected = task::wait(&runtime, wire::connect(&hub));
        let wire = connected.map_err(|error| format!("cannot connect the processes: {error}"))?;
        Carrier::Wire(wire)
    } else {
        Carrier::Memory
    };
    let deadlines = keep_deadlines(&hub, carrier);
    start(&hub);
    let (left, at_rest) = task::wait(&runtime, async {
        hub.over.notified().await;
        rest::settle(&hub).await
    });
    hub.timer.stop();
    drop(deadlines.join());
    drop(within);
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    // They end with the tasks; the next run may want the folder.
    let logs = std::mem::take(&mut *hub.logs());
    logs.into_iter().for_each(|log| drop(log.join()));
    finish(&hub, left, &before, at_rest)
}

fn runtime() -> Result<tokio::runtime::Runtime, String> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().map_err(|error| format!("no tasks: {error}"))
}

/// A clock that reads what this machine's calendar says, from now on.
fn host_clock() -> Clock {
    Clock::set_to(wall::since_1970())
}

/// How a message whose deadline has come reaches its receiver.
enum Carrier<P: Protocol> {
    /// From task to task.
    Memory,
    /// Over sockets on loopback.
    Wire(Wire),
    /// Over connections to other processes.
    Peers(Arc<Peers<P>>),
}

/// Keeps the deadlines on a thread of their own.
fn keep_deadlines<P: Protocol>(hub: &Arc<Hub<P>>, carrier: Carrier<P>) -> JoinHandle<()> {
    let hub = Arc::clone(hub);
    std::thread::spawn(move || {
        let happen = |_, due| match (due, &carrier) {
            (Due::Input(to, Input::Message { from, msg, life, due }), Carrier::Wire(wire)) => {
                wire.carry(&hub, (from, to), Some(&msg), life, due);
            }
            (Due::Input(to, Input::Probe { from, due }), Carrier::Wire(wire)) => {
                wire.carry(&hub, (from, to), None, 0, Some(due));
            }
            (Due::Input(to, Input::Message { from, msg, life, due }), Carrier::Peers(peers)) => {
                peers.carry((from, to), &msg, life, due);
            }
            (Due::Input(to, Input::Probe { from, due }), Carrier::Peers(peers)) => {
                peers.lines().leaves(&hub, (from, to), due, true);
            }
            (Due::Input(process, input), _) => hub.tell(process, input),
            (Due::Fault { index, begins }, _) => hub.fault(index, begins),
            (Due::Measure, Carrier::Peers(peers)) => peers.measure(true),
            (Due::Measure, _) => {}
        };
        hub.watch(|| hub.timer.keep(happen));
    })
}

type Inboxes<P> = Vec<mpsc::Receiver<Input<P>>>;

/// The hub, every process's inbox, and every client's first session. Messages are held back by the links of
/// another plan, and `home` is the one replica that lives here, if others live elsewhere.
fn set_up<P: Protocol>(
    plan: &Plan,
    links: &Plan,
    config: &P::Config,
    seed: u64,
    load: Load,
    home: Option<usize>,
) -> (Arc<Hub<P>>, Inboxes<P>, Vec<u32>) {
    let replicas = plan.replicas.len();
    let sites = (0..replicas as u32).chain(
        (0..load.clients() as u32).map(|client| replicas as u32 + u32::from(load.group(client))),
    );
    let regions = plan.clients.iter().map(|g| plan.regions[g.region].clone()).collect();
    let expected = match plan.length {
        Length::Operations(n) => n as usize,
        Length::Time(_) => 1 << 12,
    };
    let warm_up = Instant::ZERO + plan.warm_up;
    let mut recorder = Recorder::new(regions, warm_up, Instant::NEVER, windows(plan), 2 * expected)
        .with_contents(plan.contents)
        .merging(P::merges(config));
    let sessions = (0..load.clients()).map(|_| recorder.new_session()).collect();
    let network = Network::new(links, sites.collect(), seed);
    let (senders, inboxes) = (0..replicas + load.clients())
        .map(|_| mpsc::channel(INBOX))
        .unzip::<_, _, Vec<_>, Vec<_>>();
    let active = load.clients();
    let (struck, crashes, failure) = (Vec::new(), vec![0; replicas], None);
    let clock = WallClock::start();
    let hub = Hub {
        plan: plan.clone(),
        clock,
        timer: Timer::new(clock),
        core: Mutex::new(Core { load, recorder, network, active, struck, crashes, failure }),
        home,
        inboxes: senders,
        lives: (0..replicas).map(|_| AtomicU32::new(0)).collect(),
        over: Notify::new(),
        syncs: AtomicU64::new(0),
        events: AtomicU64::new(0),
        decided: AtomicUsize::new(0),
        put_out: OnceLock::new(),
        logs: Mutex::new(Vec::new()),
    };
    (Arc::new(hub), inboxes, sessions)
}

/// Plans the faults and the first arrivals.
fn start<P: Protocol>(hub: &Hub<P>) {
    for (index, fault) in hub.plan.faults.iter().enumerate() {
        for (at, begins) in [(fault.start, true), (fault.end, false)] {
            hub.timer.push(Instant::ZERO + at, Due::Fault { index, begins });
        }
    }
    hub.wake(&mut hub.lock());
}

/// Takes the history, and the links' report.
fn finish<P: Protocol>(
    hub: &Hub<P>,
    left: Vec<Audit>,
    before: &Surveyed,
    at_rest: bool,
) -> Result<Run, String> {
    let mut core = hub.lock();
    if let Some(failure) = core.failure.take() {
        return Err(failure);
    }
    let plan = &hub.plan;
    let links = report(plan, &by_link(plan, &core.load, &left), before);
    let keys = core.load.keys().max(plan.records);
    let horizon = core.load.horizon();
    let replicas = plan.replicas.len();
    // What replicas hold that have not come to rest says nothing about what they would agree on.
    let told = if at_rest { replicas } else { 0 };
    let finals: Vec<FinalState> = left.into_iter().take(told).map(|left| left.state).collect();
    let blank = Recorder::new(Vec::new(), Instant::ZERO, Instant::NEVER, Vec::new(), 0);
    let recorder = std::mem::replace(&mut core.recorder, blank);
    let history = recorder.finish(keys, horizon, finals);
    Ok(Run { history, events: hub.events.load(Ordering::Relaxed), ended: hub.now(), links })
}

/// How late each directed link between two sites was, by the sites.
fn by_link(plan: &Plan, load: &Load, left: &[Audit]) -> Surveyed {
    let replicas = plan.replicas.len();
    let site = |process: usize| match process.checked_sub(replicas) {
        None => process,
        Some(client) => replicas + usize::from(load.group(client as u32)),
    };
    let mut merged = Surveyed::new();
    for (process, audit) in left.iter().enumerate() {
        for (from, late) in &audit.lateness {
            let link = merged.entry((*from, site(process)));
            // All have the same bounds.
            _ = link.or_insert_with(|| Late::new_from(late)).add(late);
        }
    }
    merged
}

/// How late each link was before the run and during it. A link over which nothing went has no messages.
fn report(plan: &Plan, during: &Surveyed, before: &Surveyed) -> Vec<LinkReport> {
    let quantile =
        |all: Option<&Late>, at| all.map_or(0.0, |all| Duration(all.value_at_quantile(at)).as_ms());
    let links: BTreeSet<(usize, usize)> = during.keys().chain(before.keys()).copied().collect();
    let line = |(from, to): (usize, usize)| {
        let (during, before) = (during.get(&(from, to)), before.get(&(from, to)));
        LinkReport {
            from: site_name(plan, from),
            to: site_name(plan, to),
            n: during.map_or(0, Late::len),
            asked_ms: plan.link(from, to).base.as_ms(),
            before_p50_ms: quantile(before, 0.5),
            before_p99_ms: quantile(before, 0.99),
            late_p50_ms: quantile(during, 0.5),
            late_p99_ms: quantile(during, 0.99),
        }
    };
    links.into_iter().map(line).collect()
}

/// A node or a group of clients, with its region.
fn site_name(plan: &Plan, site: usize) -> String {
    match plan.replicas.get(site) {
        Some(host) => format!("{} {}", host.name, plan.regions[host.region]),
        None => {
            let group = &plan.clients[site - plan.replicas.len()];
            format!("clients {}", plan.regions[group.region])
        }
    }
}

#[cfg(test)]
mod tests;
