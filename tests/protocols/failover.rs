//! Fail-over of primary-backup against the simulator's own knowledge: what is lost, by whom, and how long it
//! takes.

use crate::common::swarm::{perturbed, perturbed_in_gray, promise};
use crate::common::{plan, plans, simulate};
use pacelc::analysis::{Context, PHASES, Verdict, judge, summarize};
use pacelc::guarantee::Guarantee;
use pacelc::history::{Commit, History, Operation, Status};
use pacelc::op::{OpKind, Value};
use pacelc::scenario::plan::{Arrivals, FaultKind, Plan};
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
fn outage(near: &[&str], config: &str) -> Plan {
    let beside = |region: &&str| format!("[[clients]]\nregion = \"{region}\"\nsessions = 60\n");
    let clients: String = near.iter().map(beside).collect();
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
        {clients}
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
        let plan = outage(&["a"], "acknowledge = \"async\", fail_over = { detect = \"2s\" }");
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
            let plan = outage(&["a"], &format!("acknowledge = \"{acknowledge}\", {waits}"));
            let history = simulate(&plan, seed).history;
            assert!(converged(&history), "{acknowledge}, seed {seed}");
            assert_eq!(missing(&history), BTreeSet::new(), "{acknowledge}, seed {seed}");
            assert_eq!(counted(&plan, &history), 0, "{acknowledge}, seed {seed}");
            assert_eq!(judge(&history, promise(&plan)), Verdict::Holds);
            assert!(acknowledged(&history).count() > 3_000);
        }
    }
}

/// When b is promoted: once it and c have heard nothing for `detect`, c has said so, and b has c's vote, which
/// waits for c's disk.
fn promoted(history: &History, detect: Duration) -> Instant {
    let beats = (0..100).map(|beat| Instant(beat * 100_000_000));
    let ships = history.commits.iter().map(|commit| commit.at);
    let sent: Vec<Instant> = beats.chain(ships).filter(|at| *at < STRUCK).collect();
    let heard = |way| sent.iter().map(|at| *at + way).filter(|at| *at < STRUCK).max();
    let [by_b, by_c] = [TO_B, TO_C].map(|way| heard(way).expect("some message") + detect);
    by_b.max(by_c + RTT.scale(0.5)) + RTT + SYNC
}

#[test]
fn writes_are_back_after_the_detection_and_two_rounds() {
    for (seed, detect_ms) in [(1, 1_000), (2, 2_000), (3, 3_500)] {
        let detect = Duration::millis(detect_ms);
        let config =
            format!("acknowledge = \"async\", fail_over = {{ detect = \"{detect_ms}ms\" }}");
        let mut plan = outage(&["b"], &config);
        // Somebody asks b every few milliseconds.
        plan.attempt_timeout = Duration::millis(5);
        plan.clients[0].mix.arrivals = Arrivals::Constant { rate: 30.0 };
        let history = simulate(&plan, seed).history;
        let after = history.commits.iter().map(|commit| commit.at).find(|at| *at > STRUCK);
        let (first, expected) = (after.expect("it goes on"), promoted(&history, detect) + SYNC);
        let asked = Duration::millis(15);
        assert!(expected <= first && first <= expected + asked, "{first:?}, not {expected:?}");
    }
}

/// The region is cut off and its primary lives.
fn cut_off(near: &[&str], config: &str) -> Plan {
    let mut plan = outage(near, config);
    plan.faults.retain(|fault| !matches!(fault.kind, FaultKind::Crash(_)));
    plan
}

#[test]
fn a_primary_that_nobody_stops_goes_on_and_all_it_acknowledged_is_lost_and_counted() {
    // What it ships then is answered with the later epoch.
    let fenced = STRUCK + Duration::secs(6) + TO_B + TO_B;
    let step_down = Duration::millis(800);
    for (config, until) in [
        ("fail_over = { detect = \"1s\" }", fenced),
        // Its last message that a majority has answered is a heartbeat and a round trip older than the cut.
        ("fail_over = { detect = \"1s\", step_down = \"800ms\" }", STRUCK + step_down),
    ] {
        let plan = cut_off(&["a"], &format!("acknowledge = \"async\", {config}"));
        let history = simulate(&plan, 1).history;
        assert!(converged(&history));
        // Under the first epoch, and too late to reach b before the cut.
        let alone = |commit: &&Commit| commit.rank.time >> 40 == 1 && commit.at + TO_B >= STRUCK;
        let decided: BTreeMap<Value, Instant> =
            history.commits.iter().filter(alone).map(|commit| (commit.value, commit.at)).collect();
        let told = acknowledged(&history).map(|op| op.value);
        let expected: BTreeSet<Value> = told.filter(|value| decided.contains_key(value)).collect();
        assert_eq!(missing(&history), expected, "{config}");
        assert_eq!(counted(&plan, &history), expected.len() as u64, "{config}");
        let latest = expected.iter().map(|value| decided[value]).max().expect("some are lost");
        let slack = Duration::millis(200);
        assert!(latest < until + slack && until < latest + slack, "{config}: {latest:?}");
    }
}

#[test]
fn only_an_old_primary_that_steps_down_in_time_serves_no_stale_read() {
    for (acknowledge, step_down, stale) in [
        ("any 1", ", step_down = \"800ms\"", false),
        ("any 1", "", true),
        ("any 1", ", step_down = \"3s\"", true),
        ("async", "", true),
    ] {
        let fail_over = format!("fail_over = {{ detect = \"1s\"{step_down} }}");
        let config = format!("acknowledge = \"{acknowledge}\", {fail_over}");
        let mut plan = cut_off(&["a", "b"], &config);
        plan.records = 5;
        // Those beside the old primary read, and those beside the new one write.
        for (group, reads) in plan.clients.iter_mut().zip([1.0, 0.0]) {
            (group.mix.insert, group.mix.update, group.mix.read) = (0.0, 1.0 - reads, reads);
        }
        let history = simulate(&plan, 1).history;
        let verdict = judge(&history, Guarantee::Linearizable);
        assert_eq!(matches!(verdict, Verdict::Violated(_)), stale, "{fail_over}: {verdict:?}");
        let promised = promise(&plan) == Guarantee::Linearizable;
        assert_eq!(promised, !stale, "{fail_over}: nothing else is promised");
        assert_eq!(judge(&history, promise(&plan)), Verdict::Holds);
    }
}

/// Every cell of the smoke scenario, in this seed's weather.
fn swarm(mode: &str, weather: fn(&Plan, u64) -> Plan, seeds: u64) {
    let cells = plans(include_str!("../../scenarios/smoke/smoke-fail-over.toml"));
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
