//! What a summary counts, on drawn histories.

use super::super::testing::{Story, story};
use super::*;
use crate::history::Window;
use crate::op::Value;
use crate::time::Instant;

const MS: u64 = 1_000_000;

fn context() -> Context {
    Context {
        promise: Guarantee::Eventual,
        timeout: Duration::millis(100),
        regions: vec!["far".into(), "near".into()],
    }
}

/// Session a is near, b is far; see `story`.
fn drawn() -> History {
    let mut history = story(
        "a: w1 0..10 #5; b: r1 12..42; b: r0 50..60; a: w2 60..65!; b: r0 70..190!; a: w3 80..?",
    );
    history.horizon = Instant(100 * MS);
    history
}

#[test]
fn every_outcome_counts_and_none_is_shorter_than_the_timeout() {
    let summary = summarize(&drawn(), &context());
    let writes = summary.slot(Phase::Healthy, 1, OpKind::Write).expect("near writes");
    assert_eq!((writes.n(), writes.ok, writes.failed, writes.unknown), (3, 1, 1, 1));
    let quantiles = writes.response.quantiles([333, 500, 1_000]);
    assert_eq!(quantiles.map(Duration::as_ms), [10.0, 100.0, 100.0]);
    let reads = summary.slot(Phase::Healthy, 0, OpKind::Read).expect("far reads");
    assert_eq!((reads.ok, reads.failed), (2, 1));
    assert_eq!(reads.response.max(), Duration::millis(120), "failed later than the timeout");
    assert_eq!((reads.fresh_or_stale, reads.stale, reads.behind), (2, 1, 1));
    assert_eq!(reads.stale_age.max(), Duration::millis(40));
    assert_eq!(reads.behind_age.max(), Duration::millis(45));
    assert!(summary.slot(Phase::Healthy, 0, OpKind::Write).is_none());
    assert!(summary.slot(Phase::Partitioned, 0, OpKind::Read).is_none());
    assert_eq!(summary.operations, 6);
    let curve: Vec<_> = summary.visibility[0].points().iter().map(|p| (p.t_ms, p.fresh)).collect();
    assert_eq!(curve, [(2.0, 1), (40.0, 0)]);
}

#[test]
fn response_counts_from_the_intended_start_and_service_from_the_actual_one() {
    let mut history = drawn();
    history.operations[1].intended = Instant(2 * MS);
    let summary = summarize(&history, &context());
    let reads = summary.slot(Phase::Healthy, 0, OpKind::Read).expect("far reads");
    assert_eq!(reads.response.quantile(500), Duration::millis(40));
    assert_eq!(reads.service.quantile(500), Duration::millis(30));
}

#[test]
fn warm_up_is_judged_but_not_measured() {
    let mut history = drawn();
    history.warm_up = Instant(45 * MS);
    history.operations[1].value = Value(9);
    let summary = summarize(&history, &context());
    let reads = summary.slot(Phase::Healthy, 0, OpKind::Read).expect("far reads");
    assert_eq!((reads.n(), reads.fresh_or_stale), (2, 1));
    assert_eq!(summary.measured, [55 * MS, 0, 0]);
    assert_eq!(summary.verdict.rank(), 2, "the read of the warm-up made its value up");
}

#[test]
fn faults_cut_the_run_into_phases() {
    let mut history = drawn();
    history.windows = vec![
        Window { start: Instant(45 * MS), end: Instant(65 * MS) },
        Window { start: Instant(195 * MS), end: Instant(200 * MS) },
    ];
    let summary = summarize(&history, &context());
    assert_eq!(summary.measured, [45 * MS, 20 * MS, 35 * MS]);
    let n = |phase, region, op| summary.slot(phase, region, op).map_or(0, Slot::n);
    assert_eq!(n(Phase::Healthy, 0, OpKind::Read), 1);
    assert_eq!(n(Phase::Partitioned, 0, OpKind::Read), 1);
    assert_eq!(n(Phase::Recovering, 0, OpKind::Read), 1);
    assert_eq!(n(Phase::Recovering, 1, OpKind::Write), 1);
    // Faults that begin a little earlier strike the first read, and what was recovering.
    history.windows[0].start = Instant(40 * MS);
    history.windows[1] = Window { start: Instant(90 * MS), end: Instant(120 * MS) };
    let summary = summarize(&history, &context());
    assert_eq!(summary.measured, [40 * MS, 35 * MS, 25 * MS]);
    let n = |region, op| PHASES.map(|phase| summary.slot(phase, region, op).map_or(0, Slot::n));
    assert_eq!((n(0, OpKind::Read), n(1, OpKind::Write)), ([0, 3, 0], [1, 2, 0]));
}

#[test]
fn a_read_modify_write_is_timed_as_one_and_as_its_halves() {
    let mut history = story("a: r0 1..4; a: w1 4..9; a: w2 10..12");
    history.operations[0].intended = Instant::ZERO;
    history.operations[1].rmw = true;
    let summary = summarize(&history, &context());
    let slot = |op| summary.slot(Phase::Healthy, 1, op).expect("measured");
    assert_eq!((slot(OpKind::Rmw).n(), slot(OpKind::Read).n(), slot(OpKind::Write).n()), (1, 1, 2));
    assert_eq!(slot(OpKind::Rmw).response.max(), Duration::millis(9));
    assert_eq!(slot(OpKind::Rmw).service.max(), Duration::millis(8));
}

#[test]
fn a_scan_is_as_stale_as_its_worst_value() {
    let text = "a: w1@0 0..1; a: w2@1 2..3; a: w3@1 4..5; b: s1,2,0@0 8..9; b: s1,3,0@0 10..11";
    let summary = summarize(&story(text), &context());
    let scans = summary.slot(Phase::Healthy, 0, OpKind::Scan).expect("far scans");
    assert_eq!((scans.n(), scans.fresh_or_stale, scans.stale), (2, 2, 1));
    assert_eq!((scans.stale_age.max(), scans.stale_versions), (Duration::millis(3), 1));
}

#[test]
fn merging_adds_up_and_unlisted_regions_are_appended() {
    let mut elsewhere = drawn();
    elsewhere.groups[1] = "moon".into();
    let mut merged = summarize(&drawn(), &context());
    merged.merge(&summarize(&elsewhere, &context()));
    assert_eq!(merged.regions, ["far", "near", "moon"]);
    let n = |region, op| merged.slot(Phase::Healthy, region, op).map_or(0, Slot::n);
    assert_eq!((n(0, OpKind::Read), n(1, OpKind::Write), n(2, OpKind::Read)), (3, 6, 3));
    assert_eq!(merged.slot_of_all(Phase::Healthy, OpKind::Read).map(|all| all.n()), Some(6));
    assert_eq!((merged.operations, merged.span), (12, 200 * MS));
}

#[test]
fn counts_add_up_on_random_histories() {
    for seed in 0..500 {
        let history = Story::random(seed, 20);
        let summary = summarize(&history, &context());
        let slots = OPS.map(|op| summary.slot_of_all(Phase::Healthy, op).unwrap_or_default());
        assert_eq!(slots.iter().map(Slot::n).sum::<u64>(), 20);
        for slot in &slots {
            assert!(slot.stale <= slot.fresh_or_stale && slot.fresh_or_stale <= slot.ok);
            assert!(slot.behind <= slot.decided && slot.in_time <= slot.ok);
            assert_eq!(slot.response.len(), slot.n());
            assert_eq!(slot.stale_age.len(), slot.stale);
        }
    }
}

#[test]
fn anomalies_of_sessions_and_of_writes_stand_in_the_slot_of_their_operation() {
    // Session a is near and goes back once; b is far, is stamped below what it knew, and is undone.
    let text = "a: w1 0..1 #1; b: r1 2..3; b: w2 4..5 #5; a: r1 6..7; a: r0 8..9; a: s0@0 10..11; \
                b: w3 12..13 #4; b: w4@1 14..15 #15";
    let mut history = story(text);
    for replica in &mut history.finals {
        replica.values[1] = Value::INITIAL;
    }
    let tally = |of, hits| super::super::Tally { of, hits };
    let summary = summarize(&history, &context());
    let slot = |region, op| summary.slot(Phase::Healthy, region, op).expect("measured");
    let (reads, scans) = (slot(1, OpKind::Read), slot(1, OpKind::Scan));
    assert_eq!((reads.ryw, reads.mr), (tally(2, 1), tally(1, 1)));
    assert_eq!((scans.ryw, scans.mr), (tally(1, 1), tally(1, 1)));
    let writes = slot(0, OpKind::Write);
    assert_eq!((writes.mw, writes.wfr), (tally(1, 1), tally(2, 0)), "w3 is below w2, not below w1");
    assert_eq!(writes.undone, tally(2, 1), "w4 is gone, and w2 is there");
    assert_eq!((reads.mw, reads.wfr, reads.undone), (tally(0, 0), tally(0, 0), tally(0, 0)));
    history.warm_up = Instant(9 * MS);
    let summary = summarize(&history, &context());
    let reads = summary.slot(Phase::Healthy, 1, OpKind::Read);
    assert!(reads.is_none(), "none was measured");
    let scans = summary.slot(Phase::Healthy, 1, OpKind::Scan).expect("measured");
    assert_eq!(scans.ryw, tally(1, 1), "the write of the warm-up binds all the same");
}

#[test]
fn where_conflicts_are_merged_sessions_have_no_order_to_go_back_in() {
    let mut history = story("a: w1 0..1 #1; a: r0 2..3; a: w2 4..5 #5");
    history.merged = true;
    let summary = summarize(&history, &context());
    for op in [OpKind::Read, OpKind::Write] {
        let slot = summary.slot(Phase::Healthy, 1, op).expect("measured");
        let tallies = [slot.ryw, slot.mr, slot.mw, slot.wfr, slot.undone];
        assert_eq!(tallies, [super::super::Tally::default(); 5]);
    }
}
