//! Rows for tests.

use super::{CurvePoint, Row, RunNote, SCHEMA, VerdictWord};

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

/// A plausible note.
pub(crate) fn note() -> RunNote {
    RunNote {
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
