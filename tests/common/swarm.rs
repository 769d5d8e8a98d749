//! Swarm testing: the same plan under weather drawn from a seed.
//!
//! Every draw leaves out some kinds of trouble altogether, so that those that remain can show what a
//! mixture would hide (Groce et al., "Swarm Testing", ISSTA 2012). Clocks stay within what the protocols
//! are told to expect; everything else may go wrong, several things at a time.

#![allow(dead_code, reason = "each test program uses its own part")]

use super::plans;
use pacelc::catalog::Catalog;
use pacelc::distribution::Distribution;
use pacelc::guarantee::Guarantee;
use pacelc::rng::Rng;
use pacelc::scenario::plan::{
    Between, ClockError, Direction, Fault, FaultKind, Group, Length, Order, Plan, Target,
};
use pacelc::time::Duration;

/// How long operations keep coming.
const LENGTH: Duration = Duration::secs(8);

/// The protocols whose logs begin with a snapshot.
const SNAPSHOTS: [&str; 8] = [
    "primary-backup",
    "raft",
    "chain",
    "paxos",
    "certification",
    "leaderless",
    "multi-leader",
    "escrow",
];

/// Every mode under every level it offers, over two loads: a tight one of all kinds of operations,
/// and YCSB's A at planned times.
pub(crate) fn cells() -> Vec<Plan> {
    let levels = include_str!("../../scenarios/smoke/smoke-levels.toml");
    let cut = include_str!("../../scenarios/smoke/smoke-cut.toml");
    let all = cut.replace("[\"linearizable\", \"eventual-nearest\"]", "\"all\"");
    assert_ne!(all, cut, "smoke-cut no longer lists its levels as this test thinks");
    let mut cells = plans(levels);
    cells.extend(plans(&all).into_iter().map(|mut plan| {
        plan.name.scenario = "cut".into();
        plan
    }));
    cells
}

/// What the plan's protocol promises.
pub(crate) fn promise(plan: &Plan) -> Guarantee {
    let catalog = Catalog::builtin();
    let entry = catalog.find(&plan.protocol).expect("a built-in protocol");
    entry.offer(&plan.config, plan.name.level).expect("the level is offered").promise
}

/// Guarantees that do not follow from the promise.
pub(crate) fn not_promised(promise: Guarantee) -> Vec<Guarantee> {
    let all = [
        Guarantee::Linearizable,
        Guarantee::Regular,
        Guarantee::BoundedStaleness(Duration::millis(100)),
        Guarantee::BoundedVersions(1),
        Guarantee::Sequential,
        Guarantee::Causal,
        Guarantee::Session,
        Guarantee::ReadYourWrites,
        Guarantee::MonotonicReads,
        Guarantee::MonotonicWrites,
        Guarantee::WritesFollowReads,
    ];
    all.into_iter().filter(|guarantee| !promise.implies(*guarantee)).collect()
}

/// The plan in this seed's weather.
pub(crate) fn perturbed(plan: &Plan, seed: u64) -> Plan {
    let mut plan = plan.clone();
    let rng = &mut Rng::stream(seed, "weather", 0);
    plan.length = Length::Time(LENGTH);
    plan.warm_up = Duration::ZERO;
    plan.timeout = Duration::secs(2);
    plan.attempt_timeout = Duration::millis(300 + rng.below(500));
    plan.records = 1 + rng.below(6) as u32;
    links(&mut plan, rng);
    for host in &mut plan.replicas {
        host.service_ms = Distribution::Constant([0.0, 0.02, 0.3][rng.below(3) as usize]);
        host.disk_ms = match rng.below(3) {
            0 => Distribution::ZERO,
            1 => Distribution::Constant(2.0),
            _ => Distribution::Lognormal { median: 3.0, sigma: 1.2 },
        };
        // After 30 s no two clocks are 10 ms apart, and none drifts by more than 200 ppm.
        host.clock.offset_ms = 3.0 * rng.unit() - 1.5;
        host.clock.drift_ppm = 200.0 * rng.unit() - 100.0;
    }
    plan.faults = faults(&plan, rng);
    snapshots(&mut plan, &mut Rng::stream(seed, "snapshots", 0));
    // What is regular by stamps is so only if clocks agree with real time.
    if promise(&plan) == Guarantee::Regular {
        plan.replicas.iter_mut().for_each(|host| host.clock = ClockError::default());
    }
    plan
}

/// In half of the seeds a snapshot every few records, so that crashes meet one that is being written.
fn snapshots(plan: &mut Plan, rng: &mut Rng) {
    let every = 2 + rng.below(40) as i64;
    if SNAPSHOTS.contains(&&*plan.protocol) && rng.below(2) == 0 {
        plan.config.insert("snapshot_every".into(), every.into());
    }
}

fn links(plan: &mut Plan, rng: &mut Rng) {
    let jitter = match rng.below(4) {
        0 => Distribution::ZERO,
        1 => Distribution::Lognormal { median: 1.0, sigma: 1.5 },
        2 => Distribution::Exponential { mean: 30.0 },
        _ => Distribution::Pareto { scale: 2.0, shape: 1.2 },
    };
    let loss = [0.0, 0.0, 0.01, 0.1][rng.below(4) as usize];
    let retransmit = (rng.below(2) == 0).then_some(Duration::millis(50));
    let order = if rng.below(2) == 0 { Order::Fifo } else { Order::Reorder };
    // Some swarms live close together: more rounds, and other races.
    let near = rng.below(2) == 0;
    for link in &mut plan.links {
        link.jitter_ms = jitter.clone();
        (link.loss, link.retransmit, link.order) = (loss, retransmit, order);
        if near {
            link.base = link.base.scale(0.1);
        }
    }
}

/// Cuts and crashes one after another, with time to recover or without, or on top of each other: a crash
/// within a cut, a second machine before the first is back, all of them.
fn faults(plan: &Plan, rng: &mut Rng) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut at = Duration::millis(200 + rng.below(1_500));
    let overlaps = rng.below(3) == 0;
    let rest = [1, 300, 2_000][rng.below(3) as usize];
    let (may_cut, may_crash) = [(true, true), (true, false), (false, true)][rng.below(3) as usize];
    for _ in 0..rng.below(6) {
        let end = at + Duration::millis(50 + rng.below(2_000));
        if at >= LENGTH {
            break;
        }
        let crash = may_crash && (!may_cut || rng.below(2) == 0);
        let kind = if crash {
            FaultKind::Crash(Target::Replica(rng.below(plan.replicas.len() as u64) as usize))
        } else {
            cut(plan, rng)
        };
        let begins = if overlaps { at + Duration::millis(rng.below(300)) } else { end };
        let down = |other: &Fault| other.kind == kind && at < other.end;
        if !crash || !faults.iter().any(down) {
            faults.push(Fault { start: at, end, kind });
        }
        at = begins + Duration::millis(1 + rng.below(rest));
    }
    faults.sort_by_key(|fault| (fault.start, fault.end));
    faults
}

/// The plan in this seed's weather with gray failures on top of it: machines that stand still, disks that fill
/// up or drag, links that are slow, lossy, one-way or cut between some and not others, and leaders struck.
pub(crate) fn perturbed_in_gray(plan: &Plan, seed: u64) -> Plan {
    let mut plan = perturbed(plan, seed);
    let rng = &mut Rng::stream(seed, "gray weather", 0);
    for _ in 0..=rng.below(4) {
        let start = Duration::millis(200 + rng.below(LENGTH.0 / 1_000_000 - 200));
        let end = start + Duration::millis(20 + rng.below(2_500));
        let kind = gray(&plan, rng);
        plan.faults.push(Fault { start, end, kind });
    }
    plan.faults.sort_by_key(|fault| (fault.start, fault.end));
    plan
}

fn gray(plan: &Plan, rng: &mut Rng) -> FaultKind {
    let target = match rng.below(3) {
        0 => Target::Leader,
        _ => Target::Replica(rng.below(plan.replicas.len() as u64) as usize),
    };
    let factor = [3.0, 30.0, 300.0][rng.below(3) as usize];
    match rng.below(8) {
        0 => FaultKind::Pause(target),
        1 => FaultKind::DiskFull(target),
        2 => FaultKind::SlowDisk(target, factor),
        3 => FaultKind::Slow(target, factor),
        4 => FaultKind::Crash(Target::Leader),
        5 => FaultKind::Delay(links_between(plan, rng), Duration::millis(1 + rng.below(800))),
        6 => FaultKind::Loss(links_between(plan, rng), [0.1, 0.5, 1.0][rng.below(3) as usize]),
        _ => FaultKind::Cut(links_between(plan, rng)),
    }
}

/// Links between two groups, one way or both.
fn links_between(plan: &Plan, rng: &mut Rng) -> Between {
    let all = plan.sites() as u64;
    let mut group = || {
        let chosen = 1 + rng.below((1 << all) - 2);
        (0..plan.sites()).filter(|site| chosen >> site & 1 == 1).collect()
    };
    let (these, from) = (group(), group());
    let (leader, partial) = (rng.below(4) == 0, rng.below(2) == 0);
    Between {
        these: Group { sites: these, leader },
        from: partial.then_some(Group { sites: from, leader: false }),
        direction: [Direction::In, Direction::Out, Direction::Both][rng.below(3) as usize],
    }
}

/// Some sites against the others, neither side empty.
fn cut(plan: &Plan, rng: &mut Rng) -> FaultKind {
    let all = plan.sites() as u64;
    let chosen = 1 + rng.below((1 << all) - 2);
    let sites = (0..plan.sites()).filter(|site| chosen >> site & 1 == 1).collect();
    FaultKind::Cut(Between::others(sites))
}
