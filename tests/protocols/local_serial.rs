//! Paxos that regions do by themselves: linearizable as long as one region has the keys to itself, as
//! quick as the region is small, and the last write wins between regions.

use crate::common::swarm::{perturbed, promise};
use crate::common::{plan, simulate};
use pacelc::analysis::{Context, Verdict, judge, summarize};
use pacelc::guarantee::Guarantee;
use pacelc::history::{Phase, Status};
use pacelc::op::OpKind;
use pacelc::scenario::plan::Plan;
use pacelc::time::Duration;

const SEEDS: u64 = 100;

/// Three replicas in each of two regions 80 ms apart, 2 ms between neighbours, a sync of 1 ms; clients where
/// they are asked for.
fn two_regions(clients: &str, link: &str) -> Plan {
    let group = |region: &str| format!("[[clients]]\nregion = \"{region}\"\nsessions = 3\n");
    let groups: String = clients.split(' ').map(group).collect();
    plan(&format!(
        r#"
question = "What does a region decide by itself?"
analysis = "Six replicas."
replicas = ["west", "west", "west", "east", "east", "east"]
operations = 400
levels = ["local-serial"]

[regions]
symmetric = true
intra_az_rtt_ms = 2
cross_az_rtt_ms = 2
[regions.rtt_ms.west]
east = 80

[replica]
disk_ms = 1

[link]
{link}

[workload]
read = 0.5
update = 0.5
records = 3
arrivals = "closed"
think_ms = {{ exponential = {{ mean = 20 }} }}

[[modes]]
protocol = "paxos"
config = {{ scope = "region" }}

{groups}"#
    ))
}

#[test]
fn one_region_that_has_the_keys_to_itself_is_linearizable_whatever_breaks() {
    let plan = two_regions("west", "jitter_ms = { lognormal = { median = 0.5, sigma = 1.0 } }");
    for seed in 1..=SEEDS {
        let mut weather = perturbed(&plan, seed);
        // Who fails over to the other region asks another Paxos.
        weather.attempt_timeout = weather.timeout;
        let history = simulate(&weather, seed).history;
        assert_eq!(judge(&history, Guarantee::Linearizable), Verdict::Holds, "seed {seed}");
    }
}

#[test]
fn between_regions_the_last_write_wins_and_replicas_agree_in_the_end() {
    let plan = two_regions("west east", "");
    let mut stale = 0;
    for seed in 1..=SEEDS {
        let history = simulate(&perturbed(&plan, seed), seed).history;
        assert_eq!(judge(&history, promise(&plan)), Verdict::Holds, "seed {seed}");
        stale += u32::from(judge(&history, Guarantee::Linearizable) != Verdict::Holds);
    }
    assert!(stale > 50, "two regions see each other late: {stale}");
}

/// Stamps say which write is the last.
#[test]
fn a_region_whose_clocks_are_behind_loses_what_it_acknowledged() {
    let mut plan = two_regions("west east", "");
    let lost = |plan: &Plan| {
        let history = simulate(plan, 1).history;
        let timeout = Duration::secs(5);
        let regions = vec!["west".to_owned(), "east".to_owned()];
        let context = Context { promise: Guarantee::Eventual, timeout, regions };
        let summary = summarize(&history, &context);
        summary.slot_of_all(Phase::Healthy, OpKind::Write).unwrap_or_default().lost
    };
    assert_eq!(lost(&plan), 0);
    for replica in &mut plan.replicas[3..] {
        replica.clock.offset_ms = -2_000.0;
    }
    assert!(lost(&plan) > 10, "{}", lost(&plan));
}

#[test]
fn it_costs_two_rounds_within_the_region() {
    let mut plan = two_regions("west", "");
    plan.clients[0].sessions = 1;
    let history = simulate(&plan, 1).history;
    let writes = history.operations.iter().filter(|op| op.kind == OpKind::Write);
    for op in writes {
        // To the coordinator, beside the client: nothing is between them but the region's 2 ms.
        assert_eq!(op.status, Status::Ok);
        assert_eq!(op.completed.since(op.intended), Duration::from_ms(2.0 + 2.0 * (2.0 + 1.0)));
    }
}
