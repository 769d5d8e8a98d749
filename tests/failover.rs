//! Fail-over of primary-backup against the simulator's own knowledge: what is lost, by whom, and how long it
//! takes.

mod common;

use common::swarm::{perturbed, perturbed_in_gray, promise};
use common::{plan, plans, simulate};
use pacelc::analysis::{Context, PHASES, Verdict, judge, summarize};
use pacelc::guarantee::Guarantee;
use pacelc::history::{History, Operation, Status};
use pacelc::op::{OpKind, Value};
use pacelc::scenario::plan::Plan;
use pacelc::time::{Duration, Instant};
use std::collections::{BTreeMap, BTreeSet};

/// When the primary's region goes.
const STRUCK: Instant = Instant(10_000_000_000);
/// One way from the primary's region a to the regions b and c, and a round trip between those.
const TO_B: Duration = Duration::millis(25);
const TO_C: Duration = Duration::millis(40);
const RTT: Duration = Duration::millis(40);
const SYNC: Duration = Duration::millis(2);

/// Three regions, of which the primary's loses its network and its machine at the tenth second and gets both
/// back; clients in `near` write every key once.
fn outage(near: &str, config: &str) -> Plan {
    plan(&format!(
        r#"
        question = "What does a fail-over lose, and how long does it take?"
        analysis = "Every key is written once, so nothing hides what is gone."
        replicas = ["a", "b", "c"]
        duration = "20s"
        timeout = "8s"
        attempt_timeout = "100ms"
        [regions]
        symmetric = true
        intra_az_rtt_ms = 0.0
        cross_az_rtt_ms = 0.0
        [regions.rtt_ms.a]
        b = 50
        c = 80
        [regions.rtt_ms.b]
        c = 40
        [replica]
        disk_ms = 2
        [[clients]]
        region = "{near}"
        sessions = 60
        [workload]
        insert = 1.0
        records = 1
        arrivals = {{ constant = {{ rate = 300 }} }}
        [[faults]]
        cut = ["a"]
        start = "10s"
        end = "16s"
        [[faults]]
        crash = "n0"
        start = "10s"
        end = "15s"
        [[modes]]
        protocol = "primary-backup"
        config = {{ {config} }}
        levels = ["linearizable"]
        "#
    ))
}

fn acknowledged(history: &History) -> impl Iterator<Item = &Operation> {
    history.operations.iter().filter(|op| op.kind == OpKind::Write && op.status == Status::Ok)
}

/// Acknowledged writes that no replica holds in the end, where every key is written once.
fn missing(history: &History) -> BTreeSet<Value> {
    let held = |op: &&Operation| {
        let at = |values: &Vec<Value>| values.get(op.key.0 as usize) == Some(&op.value);
        history.finals.iter().any(|replica| at(&replica.values))
    };
    acknowledged(history).filter(|op| !held(op)).map(|op| op.value).collect()
}

/// Acknowledged writes that are gone, as rows count them: taken back, or beaten by an older one.
fn counted(plan: &Plan, history: &History) -> u64 {
    let context = Context { promise: promise(plan), timeout: plan.timeout, regions: Vec::new() };
    let summary = summarize(history, &context);
    let slots = PHASES.iter().filter_map(|phase| summary.slot_of_all(*phase, OpKind::Write));
    slots.map(|slot| slot.lost + slot.undone.hits).sum()
}

fn converged(history: &History) -> bool {
    history.finals.windows(2).all(|pair| pair[0].values == pair[1].values)
}

#[test]
fn an_asynchronous_fail_over_loses_exactly_what_had_not_reached_the_promoted_backup() {
    for seed in 1..=10 {
        let plan = outage("a", "acknowledge = \"async\", fail_over = { detect = \"2s\" }");
        let history = simulate(&plan, seed).history;
        assert!(converged(&history), "seed {seed}");
        let decided: BTreeMap<Value, Instant> =
            history.commits.iter().map(|commit| (commit.value, commit.at)).collect();
        // b is nearer, so it has more and is promoted. What was shipped at an instant arrives one way later,
        // unless the network is gone by then.
        let before = acknowledged(&history).filter(|op| op.completed < STRUCK);
        let expected: BTreeSet<Value> =
            before.filter(|op| decided[&op.value] + TO_B >= STRUCK).map(|op| op.value).collect();
        assert_eq!(missing(&history), expected, "seed {seed}");
        assert_eq!(counted(&plan, &history), expected.len() as u64, "seed {seed}");
        // A lag of 25 ms at 300 writes a second.
        assert!((6..=8).contains(&expected.len()), "seed {seed}: {}", expected.len());
        let oldest = expected.iter().map(|value| STRUCK.since(decided[value])).max();
        assert!(oldest.is_some_and(|age| age <= TO_B), "{oldest:?} is older than the lag");
    }
}

#[test]
fn acknowledgements_that_a_majority_shares_lose_nothing() {
    let waits = "fail_over = { detect = \"2s\", step_down = \"1s\" }";
    for acknowledge in ["any 1", "all"] {
        for seed in 1..=10 {
            let plan = outage("a", &format!("acknowledge = \"{acknowledge}\", {waits}"));
            let history = simulate(&plan, seed).history;
            assert!(converged(&history), "{acknowledge}, seed {seed}");
            assert_eq!(missing(&history), BTreeSet::new(), "{acknowledge}, seed {seed}");
            assert_eq!(counted(&plan, &history), 0, "{acknowledge}, seed {seed}");
            assert_eq!(judge(&history, promise(&plan)), Verdict::Holds);
            assert!(acknowledged(&history).count() > 3_000);
        }
    }
}

/// Every cell of the smoke scenario, in this seed's weather.
fn swarm(mode: &str, weather: fn(&Plan, u64) -> Plan, seeds: u64) {
    let cells = plans(include_str!("../scenarios/smoke/smoke-fail-over.toml"));
    let of_mode = cells.into_iter().filter(|plan| plan.name.mode == mode);
    let (mut broken, mut ok, mut taken_over) = (Vec::new(), 0, 0);
    for cell in of_mode {
        let promise = promise(&cell);
        for seed in 1..=seeds {
            let plan = weather(&cell, seed);
            let history = simulate(&plan, seed).history;
            ok += acknowledged(&history).count();
            // The epoch stands in the upper bits of a commit's rank.
            taken_over += usize::from(history.commits.iter().any(|c| c.rank.time >> 40 > 1));
            let verdict = judge(&history, promise);
            if verdict != Verdict::Holds {
                broken.push(format!("{}, seed {seed}: {verdict:?}", cell.name));
            }
            let safe = promise.implies(Guarantee::Linearizable);
            let lost = if safe { counted(&plan, &history) } else { 0 };
            if lost > 0 {
                broken.push(format!(
                    "{}, seed {seed}: {lost} acknowledged writes are gone",
                    cell.name
                ));
            }
        }
    }
    assert!(ok as u64 > 50 * seeds, "{mode}: only {ok} writes were acknowledged");
    assert!(taken_over as u64 > seeds, "{mode}: only {taken_over} runs with a fail-over");
    assert!(broken.is_empty(), "{} broken:\n{}", broken.len(), broken.join("\n"));
}

#[test]
fn promises_outlast_primaries_in_bad_weather() {
    for mode in ["async", "semi-sync", "sync", "unsynced", "semi-sync-unfenced"] {
        swarm(mode, perturbed, 250);
    }
}

#[test]
fn promises_outlast_primaries_in_gray_weather() {
    for mode in ["async", "semi-sync", "sync", "unsynced", "semi-sync-unfenced"] {
        swarm(mode, perturbed_in_gray, 150);
    }
}
