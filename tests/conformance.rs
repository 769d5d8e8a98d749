//! Every protocol keeps every promise it makes, at every level, over a swarm of seeds whose networks and
//! machines misbehave at random.

mod common;

use common::{plans, simulate};
use pacelc::analysis::{Verdict, judge};
use pacelc::catalog::Catalog;
use pacelc::distribution::Distribution;
use pacelc::rng::Rng;
use pacelc::scenario::plan::{Fault, FaultKind, Order, Plan};
use pacelc::time::Duration;

const SEEDS: u64 = 40;

const SCENARIO: &str = r#"
question = "Is every promise kept when things break?"
analysis = "Faults are drawn by the test."
regions = "aws"
replicas = ["us-east-1", "eu-west-1", "ap-southeast-1"]
duration = "20s"
warm_up = "0ms"
timeout = "4s"
attempt_timeout = "1s"
levels = "all"

[replica]
disk_ms = 2

[[clients]]
region = "us-east-1"
sessions = 3

[[clients]]
region = "ap-southeast-1"
sessions = 3

[workload]
read = 0.6
update = 0.35
scan = 0.05
scan_max = 4
records = 8
keys = "uniform"
arrivals = "closed"
think_ms = 40

[[modes]]
name = "async"
protocol = "primary-backup"
config = { acknowledge = "async" }

[[modes]]
name = "first"
protocol = "primary-backup"
config = { acknowledge = "first 1 (2, 1)", silence = "1s" }

[[modes]]
name = "sync"
protocol = "primary-backup"
config = { acknowledge = "all" }

[[modes]]
name = "raft"
protocol = "raft"
config = { snapshot_every = 50 }
"#;

/// Draws noise for all links, drift for all clocks, and two or three faults that do not overlap.
fn break_things(plan: &mut Plan, seed: u64) {
    let mut rng = Rng::stream(seed, "swarm", 0);
    let replicas = plan.replicas.len();
    let noise = Distribution::Exponential { mean: rng.unit() * 20.0 };
    let loss = if rng.below(3) == 0 { 0.05 } else { 0.0 };
    let order = if rng.below(4) == 0 { Order::Reorder } else { Order::Fifo };
    for link in &mut plan.links {
        link.jitter_ms = noise.clone();
        link.loss = loss;
        link.order = order;
    }
    for host in &mut plan.replicas {
        host.clock.drift_ppm = rng.unit() * 300.0 - 150.0;
    }
    let mut from = Duration::millis(1_000 + rng.below(2_000));
    while from < Duration::secs(15) {
        let end = from + Duration::millis(500 + rng.below(4_000));
        let replica = rng.below(replicas as u64) as usize;
        let kind = match rng.below(3) {
            0 => FaultKind::Crash(replica),
            1 => FaultKind::Cut(vec![replica]),
            // A replica with the clients of the first or the second group on its side.
            _ => FaultKind::Cut(vec![replica, replicas + rng.below(2) as usize]),
        };
        plan.faults.push(Fault { start: from, end, kind });
        from = end + Duration::millis(500 + rng.below(4_000));
    }
}

#[test]
fn every_promise_is_kept_at_every_level_whatever_breaks() {
    let catalog = Catalog::builtin();
    let (mut runs, mut operations) = (0, 0);
    for plan in plans(SCENARIO) {
        let entry = catalog.find(&plan.protocol).expect("a built-in protocol");
        let offer = entry.offer(&plan.config, plan.name.level).expect("a level it offers");
        for seed in 0..SEEDS {
            let mut plan = plan.clone();
            break_things(&mut plan, seed);
            let history = simulate(&plan, seed).history;
            let verdict = judge(&history, offer.promise);
            assert_eq!(verdict, Verdict::Holds, "{} seed {seed}", plan.name);
            runs += 1;
            operations += history.operations.len();
        }
    }
    assert!(runs >= 4 * 7 * SEEDS && operations > 100_000, "{runs} runs, {operations} operations");
}
