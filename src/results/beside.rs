//! One scenario in two worlds: what each says of the same cells, percentile by percentile.
//!
//! The simulated world claims; the live one shows by the clock on the wall. Verdicts should agree, and
//! where a median is long enough to be more than the machine's floor it should be the same to a few percent.

use super::note::LinkLine;
use super::row::{Row, VerdictWord};
use serde::{Deserialize, Serialize};

/// Percentiles of a response time in one world, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Percentiles {
    /// How many operations.
    pub n: u64,
    /// Median.
    pub p50_ms: f64,
    /// 90th percentile.
    pub p90_ms: f64,
    /// 99th.
    pub p99_ms: f64,
    /// 99.9th.
    pub p999_ms: f64,
}

/// One kind of operation of one cell, phase and region, in both worlds under the same seeds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BesideLine {
    /// Full name of the cell.
    pub cell: String,
    /// `healthy`, `partitioned` or `recovering`.
    pub phase: String,
    /// The clients' region, or `all`.
    pub client_region: String,
    /// `read`, `write`, `scan` or `rmw`.
    pub op: String,
    /// In virtual time.
    pub sim: Percentiles,
    /// In real time.
    pub live: Percentiles,
    /// What the simulated histories show.
    pub sim_verdict: VerdictWord,
    /// What the real ones show.
    pub live_verdict: VerdictWord,
}

impl BesideLine {
    /// Shorter medians say more of the machine than of the protocol, in milliseconds.
    pub const FROM_MS: f64 = 10.0;
    /// How much of a simulated median a real one may differ, beside the floor.
    pub const SHARE: f64 = 0.02;

    /// The lines of the rows that both worlds have.
    #[must_use]
    pub fn of(sim: &[Row], live: &[Row]) -> Vec<Self> {
        let key = |row: &Row| {
            (row.cell.clone(), row.phase.clone(), row.client_region.clone(), row.op.clone())
        };
        let line = |real: &Row| {
            let virtually = sim.iter().find(|row| key(row) == key(real))?;
            let (cell, phase, client_region, op) = key(real);
            Some(Self {
                cell,
                phase,
                client_region,
                op,
                sim: Percentiles::of(virtually),
                live: Percentiles::of(real),
                sim_verdict: virtually.verdict,
                live_verdict: real.verdict,
            })
        };
        live.iter().filter_map(line).collect()
    }

    /// The four percentiles by name: in virtual time, in real time.
    #[must_use]
    pub fn pairs(&self) -> [(&'static str, f64, f64); 4] {
        let Self { sim, live, .. } = self;
        [
            ("p50", sim.p50_ms, live.p50_ms),
            ("p90", sim.p90_ms, live.p90_ms),
            ("p99", sim.p99_ms, live.p99_ms),
            ("p99.9", sim.p999_ms, live.p999_ms),
        ]
    }

    /// Whether both worlds come to the same verdict.
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.sim_verdict == self.live_verdict
    }

    /// Whether the medians are within the floor plus 2 % of each other; nothing is said of short ones.
    #[must_use]
    pub fn is_near(&self) -> Option<bool> {
        let (sim, live) = (self.sim.p50_ms, self.live.p50_ms);
        let allowed = LinkLine::FLOOR_MS + Self::SHARE * sim;
        (sim >= Self::FROM_MS).then(|| (live - sim).abs() <= allowed)
    }
}

impl Percentiles {
    fn of(row: &Row) -> Self {
        let Row { n, p50_ms, p90_ms, p99_ms, p999_ms, .. } = *row;
        Self { n, p50_ms, p90_ms, p99_ms, p999_ms }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::row;
    use super::*;

    #[test]
    fn rows_of_both_worlds_are_paired_and_short_medians_are_left_out_of_the_comparison() {
        let at = |p50_ms: f64, op: &str| Row { p50_ms, op: op.into(), ..row("a") };
        let sim = [at(100.0, "read"), at(100.0, "write"), at(0.2, "scan")];
        let live = [at(102.4, "read"), at(102.6, "write"), at(3.0, "scan"), at(1.0, "rmw")];
        let lines = BesideLine::of(&sim, &live);
        let near: Vec<_> = lines.iter().map(|line| (line.op.as_str(), line.is_near())).collect();
        assert_eq!(near, [("read", Some(true)), ("write", Some(false)), ("scan", None)]);
        assert!(lines.iter().all(BesideLine::agrees));
        let broken = Row { verdict: VerdictWord::Violated, ..at(100.0, "read") };
        assert!(!BesideLine::of(&sim, &[broken])[0].agrees());
    }
}
