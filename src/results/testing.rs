//! Rows for tests.

use super::{
    CurvePoint, FaultLine, LinkLine, Row, RunNote, SCHEMA, Side, TimelineLine, VerdictWord,
};

/// A plausible row of this cell.
pub(crate) fn row(cell: &str) -> Row {
    Row {
        schema: SCHEMA,
        version: "0.1.0".into(),
        cell: cell.into(),
        scenario: "scenario".into(),
        system: "raft".into(),
        protocol: "raft".into(),
        level: "linearizable".into(),
        path: "ReadIndex".into(),
        promise: "linearizable".into(),
        verdict: VerdictWord::Holds,
        world: "sim".into(),
        seeds: 2,
        first_seed: 1,
        phase: "healthy".into(),
        client_region: "all".into(),
        op: "read".into(),
        n: 100,
        ok: 100,
        mean_ms: 69.6,
        p10_ms: 69.6,
        p25_ms: 69.6,
        p50_ms: 69.6,
        p75_ms: 69.6,
        p90_ms: 69.6,
        p95_ms: 69.6,
        p99_ms: 69.6,
        p999_ms: 69.6,
        max_ms: 69.6,
        p50_low_ms: Some(69.6),
        p50_high_ms: Some(69.6),
        p99_low_ms: Some(69.6),
        p99_high_ms: Some(69.6),
        service_p50_ms: 69.6,
        service_p99_ms: 69.6,
        theory_ms: Some(69.6),
        fresh_or_stale: 90,
        stale_rate: Some(0.0),
        stale_rate_low: Some(0.0),
        stale_rate_high: Some(0.033_333_333),
        behind_rate: Some(0.0),
        throughput: 10.0,
        messages_per_op: Some(8.25),
        bytes_per_op: Some(512.0),
        virtual_seconds: 20.0,
        replay: format!("pacelc run {cell}"),
        ..Row::default()
    }
}

/// A plausible curve point of this cell.
pub(crate) fn point(cell: &str) -> CurvePoint {
    CurvePoint {
        schema: SCHEMA,
        cell: cell.into(),
        scenario: "scenario".into(),
        system: "raft".into(),
        variant: String::new(),
        level: "linearizable".into(),
        verdict: VerdictWord::Holds,
        client_region: "all".into(),
        t_ms: 5.0,
        n: 10,
        fresh: 9,
        fresh_rate: 0.9,
        fresh_rate_low: 0.6,
        fresh_rate_high: 0.98,
        predicted_rate: None,
    }
}

/// A plausible line of this cell's faults.
pub(crate) fn fault(cell: &str) -> FaultLine {
    FaultLine {
        schema: SCHEMA,
        cell: cell.into(),
        scenario: "scenario".into(),
        system: "raft".into(),
        variant: String::new(),
        level: "linearizable".into(),
        promise: "linearizable".into(),
        verdict: VerdictWord::Holds,
        client_region: "all".into(),
        op: "read".into(),
        side: None,
        asked: 40,
        answered: 0,
        faults: 2,
        recovered: 1,
        rto_p50_ms: Some(1_200.5),
        rto_max_ms: Some(1_200.5),
        healings: 2,
        healed: 2,
        healed_p50_ms: Some(69.6),
        healed_max_ms: Some(80.25),
        lingered_p50_ms: Some(0.0),
        lingered_max_ms: Some(12.5),
        rpo_ms: None,
        changed: None,
        contested: None,
        overruled: None,
        health: VerdictWord::Holds,
        partition_class: Some("PC".into()),
        else_class: Some("EC".into()),
        class_reason: "0 of 40 were answered".into(),
    }
}

/// A plausible timeline of this cell.
pub(crate) fn timeline(cell: &str) -> TimelineLine {
    TimelineLine {
        schema: SCHEMA,
        cell: cell.into(),
        scenario: "scenario".into(),
        system: "raft".into(),
        variant: String::new(),
        level: "linearizable".into(),
        verdict: VerdictWord::Holds,
        client_region: "us-east-1".into(),
        side: Some(Side::Majority),
        op: "read".into(),
        faults: vec![[1_000.0, 2_000.0]],
        step_ms: 512.0,
        n: vec![3, 0],
        answered: vec![2, 0],
        p50_ms: vec![Some(69.6), None],
        p99_ms: vec![Some(1_000.0), None],
        fresh_or_stale: vec![2, 0],
        stale: vec![1, 0],
    }
}

/// What a plausible link delivered.
pub(crate) fn link(cell: &str) -> LinkLine {
    LinkLine {
        cell: cell.into(),
        seed: 1,
        from: "n0 us-east-1".into(),
        to: "clients eu-west-1".into(),
        n: 100,
        asked_ms: 34.8,
        before_p50_ms: 0.1,
        before_p99_ms: 0.2,
        late_p50_ms: 0.01,
        late_p99_ms: 0.3,
    }
}

/// A plausible note.
pub(crate) fn note() -> RunNote {
    RunNote {
        links: Vec::new(),
        beside: Vec::new(),
        schema: SCHEMA,
        version: "0.1.0".into(),
        command: "pacelc run".into(),
        world: "sim".into(),
        first_seed: 1,
        seeds: 2,
        cells: 1,
        operations: 200,
        virtual_seconds: 20.0,
        scenarios: vec![],
    }
}
