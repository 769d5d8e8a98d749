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
use pacelc::scenario::plan::{Between, ClockError, Fault, FaultKind, Length, Order, Plan, Target};
use pacelc::time::Duration;

/// How long operations keep coming.
const LENGTH: Duration = Duration::secs(8);

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
    // What is regular by stamps is so only if clocks agree with real time.
    if promise(&plan) == Guarantee::Regular {
        plan.replicas.iter_mut().for_each(|host| host.clock = ClockError::default());
    }
    plan
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

/// Some sites against the others, neither side empty.
fn cut(plan: &Plan, rng: &mut Rng) -> FaultKind {
    let all = plan.sites() as u64;
    let chosen = 1 + rng.below((1 << all) - 2);
    let sites = (0..plan.sites()).filter(|site| chosen >> site & 1 == 1).collect();
    FaultKind::Cut(Between::others(sites))
}
