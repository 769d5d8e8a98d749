//! What the made-up run's cells with a fault have beside their rows.

use super::super::view;
use super::{REGIONS, run};
use crate::report::{FaultLine, Row, TimelineLine};
use crate::results::{Results, SCHEMA, Side};

/// The region that is cut off.
const CUT_OFF: &str = "eu-west-1";
const STRETCHES: usize = 30;

/// The made-up run with all that belongs to it.
pub(crate) fn results() -> Results {
    let (note, rows, curves) = run();
    let (mut faults, mut timelines) = (Vec::new(), Vec::new());
    for scenario in view::scenarios(Some(&note), &rows, &curves) {
        for cell in scenario.cells() {
            for op in ["read", "write"] {
                if cell.row("partitioned", "all", op).is_none() {
                    continue;
                }
                faults.push(fault(cell.head, "all", op));
                for region in REGIONS {
                    faults.push(fault(cell.head, region, op));
                    timelines.push(timeline(cell.head, region, op));
                }
            }
        }
    }
    Results { note, rows, curves, faults, timelines }
}

fn side(region: &str) -> Option<Side> {
    match region {
        "all" => None,
        CUT_OFF => Some(Side::Minority),
        _ => Some(Side::Majority),
    }
}

fn fault(row: &Row, region: &str, op: &str) -> FaultLine {
    let refused = region == CUT_OFF && op == "write";
    let read = op == "read";
    FaultLine {
        schema: SCHEMA,
        cell: row.cell.clone(),
        scenario: row.scenario.clone(),
        system: row.system.clone(),
        variant: row.variant.clone(),
        level: row.level.clone(),
        promise: row.promise.clone(),
        verdict: row.verdict,
        client_region: region.to_owned(),
        op: op.to_owned(),
        side: side(region),
        asked: 4_200,
        answered: if refused { 0 } else { 4_200 },
        faults: 20,
        recovered: if refused { 0 } else { 20 },
        rto_p50_ms: (!refused).then_some(1_840.5),
        rto_max_ms: (!refused).then_some(2_310.25),
        healings: 20,
        healed: 20,
        healed_p50_ms: Some(70.5),
        healed_max_ms: Some(310.0),
        lingered_p50_ms: read.then_some(0.0),
        lingered_max_ms: read.then_some(120.5),
        rpo_ms: (!read && row.system == "async").then_some(88.75),
        changed: (region == "all" && !read).then_some(98),
        contested: (region == "all" && !read).then_some(81),
        overruled: (region == "all" && !read).then_some(if row.system == "async" { 81 } else { 0 }),
        health: row.verdict,
        partition_class: (region == "all").then(|| if read { "PA" } else { "PC" }.to_owned()),
        else_class: (region == "all" && row.level != "session").then(|| "EL".to_owned()),
        class_reason: "cut off from the majority, 0 of 4200 were answered; 3 % stale".to_owned(),
    }
}

fn timeline(row: &Row, region: &str, op: &str) -> TimelineLine {
    let cut = |at: usize| region == CUT_OFF && op == "write" && (10..20).contains(&at);
    let stale = |at: usize| if op == "read" && (10..20).contains(&at) { 30 } else { 0 };
    let of = |value: &dyn Fn(usize) -> u64| (0..STRETCHES).map(value).collect::<Vec<u64>>();
    let time = |at: usize| Some(if cut(at) { 1_000.0 } else { 70.0 + at as f64 });
    TimelineLine {
        schema: SCHEMA,
        cell: row.cell.clone(),
        scenario: row.scenario.clone(),
        system: row.system.clone(),
        variant: row.variant.clone(),
        level: row.level.clone(),
        verdict: row.verdict,
        client_region: region.to_owned(),
        side: side(region),
        op: op.to_owned(),
        faults: vec![[10_000.0, 20_000.0]],
        step_ms: 1_000.0,
        n: of(&|_| 60),
        answered: of(&|at| if cut(at) { 0 } else { 60 }),
        p50_ms: (0..STRETCHES).map(time).collect(),
        p99_ms: (0..STRETCHES).map(time).collect(),
        fresh_or_stale: of(&|_| if op == "read" { 60 } else { 0 }),
        stale: of(&stale),
    }
}
