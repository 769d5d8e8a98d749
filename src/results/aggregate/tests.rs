//! From summaries to rows, on drawn histories.

use super::*;
use crate::analysis::testing::{Story, story};
use crate::analysis::{Context, summarize};
use crate::history::{History, Window};
use crate::op::Level;
use crate::time::Instant;

fn meta() -> CellMeta {
    let name = CellName {
        scenario: "triangle".into(),
        mode: "async".into(),
        variant: "rtt=50ms".into(),
        level: Level::EventualNearest,
    };
    let theory =
        |region: &str, op, ms| Theory { region: region.into(), op, latency: Duration::millis(ms) };
    let offered = |region: &str, op| Offered { region: region.into(), op, rate: 10.5 };
    CellMeta {
        name,
        axis: Some(AxisPoint { axis: "rtt".into(), unit: "ms".into(), at: 50.0 }),
        regions: vec!["near".into(), "far".into()],
        protocol: "primary-backup".into(),
        config: "ack = 0".into(),
        read_path: "nearest replica".into(),
        write_path: "leader".into(),
        promise: Guarantee::Eventual,
        world: "sim".into(),
        version: "0.1.0".into(),
        first_seed: 7,
        replay: "pacelc run triangle".into(),
        theory: vec![theory("near", OpKind::Write, 10)],
        offered: vec![offered("near", OpKind::Write), offered("far", OpKind::Write)],
        faults: FaultPlan::default(),
    }
}

fn result(histories: &[(u32, History)]) -> CellResult {
    let context = Context {
        promise: Guarantee::Eventual,
        timeout: Duration::millis(100),
        regions: meta().regions,
    };
    let mut cell = CellAccumulator::new(meta());
    for (index, history) in histories {
        cell.add(*index, summarize(history, &context));
    }
    cell.finish()
}

fn find<'a>(result: &'a CellResult, phase: &str, region: &str, op: &str) -> &'a Row {
    let here = |row: &&Row| (&*row.phase, &*row.client_region, &*row.op) == (phase, region, op);
    result.rows.iter().find(here).expect("the row")
}

/// One second with writes of 10 ms near and 30 ms far, and a stale read.
fn drawn() -> History {
    let mut history = story("a: w1 0..10 #5; b: w2 20..50 #35; b: r1 60..61; a: r2 70..71");
    history.horizon = Instant(1_000_000_000);
    history.traffic.messages = 33;
    history
}

#[test]
fn rows_come_in_order_with_every_figure_in_its_place() {
    let result = result(&[(0, drawn()), (1, drawn())]);
    assert_eq!(
        (result.cell.as_str(), result.operations),
        ("triangle/async/rtt=50ms/eventual-nearest", 8)
    );
    let order: Vec<_> = result.rows.iter().map(|r| (&*r.client_region, &*r.op)).collect();
    let expected = ["all", "near", "far"].map(|region| [(region, "read"), (region, "write")]);
    assert_eq!(order, expected.concat());
    let write = find(&result, "healthy", "all", "write");
    assert_eq!((write.n, write.p50_ms, write.p99_ms, write.mean_ms), (4, 10.0, 30.0, 20.0));
    assert_eq!((write.p50_low_ms, write.p50_high_ms), (Some(10.0), Some(10.0)));
    assert_eq!((write.throughput, write.offered, write.sustained), (2.0, Some(21.0), Some(false)));
    assert_eq!((write.stale_rate, write.theory_ms), (None, None));
    assert_eq!((write.messages_per_op, write.virtual_seconds), (Some(8.25), 2.0));
    assert_eq!((&*write.path, write.axis_at, write.seeds), ("leader", Some(50.0), 2));
    let near = find(&result, "healthy", "near", "write");
    assert_eq!((near.p50_ms, near.theory_ms, near.offered), (10.0, Some(10.0), Some(10.5)));
    assert_eq!((near.undone_of, near.undone, near.ryw_broken), (0, None, None), "w2 hides w1");
    assert_eq!((write.undone_of, write.undone, write.undone_rate), (2, Some(0), Some(0.0)));
    let read = find(&result, "healthy", "far", "read");
    assert_eq!((read.fresh_or_stale, read.stale, read.stale_rate), (2, 2, Some(1.0)));
    let unseen = (read.ryw_of, read.ryw_broken, read.ryw_broken_rate, read.ryw_broken_rate_high);
    assert_eq!(unseen, (2, Some(2), Some(1.0), Some(1.0)), "b had written w2");
    assert_eq!((read.mr_of, read.mr_broken, read.mw_broken), (0, None, None));
    assert_eq!((read.stale_age_p50_ms, read.stale_versions_max), (Some(10.0), Some(1)));
    assert_eq!((read.behind_rate, read.behind_age_p99_ms), (Some(1.0), Some(25.0)));
    let fresh = find(&result, "healthy", "near", "read");
    assert_eq!((fresh.stale, fresh.stale_rate_high, fresh.stale_age_max_ms), (0, Some(1.0), None));
    let curve: Vec<_> =
        result.curves.iter().map(|p| (&*p.client_region, p.t_ms, p.fresh, p.n)).collect();
    let expected =
        [("all", 10.0, 0, 2), ("all", 20.0, 2, 2), ("near", 20.0, 2, 2), ("far", 10.0, 0, 2)];
    assert_eq!(curve, expected);
}

#[test]
fn phases_have_their_own_rows_and_their_own_time() {
    let mut history = drawn();
    history.windows = vec![Window { start: Instant(20_000_000), end: Instant(520_000_000) }];
    let result = result(&[(0, history)]);
    assert_eq!(find(&result, "healthy", "all", "write").throughput, 50.0);
    assert_eq!(find(&result, "partitioned", "all", "write").throughput, 2.0);
    assert!(result.rows.iter().all(|row| row.phase != "recovering"));
    assert_eq!(find(&result, "healthy", "all", "write").p50_low_ms, None, "one seed");
}

#[test]
fn a_backlog_is_not_a_rate_that_was_kept() {
    let mut history = drawn();
    history.operations[1].intended = Instant::ZERO;
    history.windows = vec![Window { start: Instant(15_000_000), end: Instant(900_000_000) }];
    let result = result(&[(0, history)]);
    assert_eq!(find(&result, "partitioned", "far", "write").sustained, Some(false));
    assert_eq!(find(&result, "healthy", "near", "write").sustained, Some(true));
}

#[test]
fn the_worst_verdict_of_the_first_such_seed_is_the_cell_s() {
    let (mut undecided, mut broken) = (drawn(), drawn());
    undecided.finals.clear();
    broken.operations[3].value = crate::op::Value(99);
    let cell = result(&[(3, broken.clone()), (0, drawn()), (1, undecided.clone()), (2, broken)]);
    let row = &cell.rows[0];
    assert_eq!(row.verdict, VerdictWord::Violated);
    assert!(row.evidence.starts_with("seed 9: session 0 read w99"), "{}", row.evidence);
    assert!(cell.curves.iter().all(|point| point.verdict == VerdictWord::Violated));
    let cell = result(&[(1, undecided), (0, drawn())]);
    assert_eq!(cell.rows[0].verdict, VerdictWord::Unknown);
    assert!(cell.rows[0].evidence.starts_with("seed 8: "));
    assert_eq!(result(&[(0, drawn())]).rows[0].evidence, "");
}

#[test]
fn the_order_of_the_seeds_does_not_show() {
    let histories: Vec<(u32, History)> =
        (0..6).map(|seed| (seed, Story::random(u64::from(seed), 300))).collect();
    let forward = result(&histories);
    let mut shuffled = histories;
    shuffled.reverse();
    shuffled.swap(1, 4);
    let bytes = |result: &CellResult| serde_json::to_vec(result).expect("JSON");
    assert_eq!(bytes(&result(&shuffled)), bytes(&forward));
    assert!(forward.rows.len() >= 6);
}

#[test]
fn a_cell_without_seeds_has_no_rows() {
    assert_eq!(CellAccumulator::new(meta()).finish().rows, []);
}
