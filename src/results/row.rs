//! One row: a flat record per cell x phase x client region x operation.
//!
//! The order of the fields is the order of the columns. Times are milliseconds of virtual (or real)
//! time; rates are fractions of 1; an absent figure is `null`, never 0. The schema's number rises with
//! every change of a name, a unit or a meaning.

use crate::analysis::{OPS, PHASES};
use crate::history::Phase;
use crate::op::{OpKind, unknown};
use serde::{Deserialize, Serialize};

/// The number of the schema below.
pub const SCHEMA: u32 = 1;

/// How the history compares with the promise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VerdictWord {
    /// Every seed's history keeps the promise.
    Holds,
    /// Some seed's could not be decided, and none breaks it.
    #[default]
    Unknown,
    /// Some seed's history breaks it.
    Violated,
}

/// One row of `rows.jsonl`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Number of this schema.
    pub schema: u32,
    /// Version of the crate that made the row.
    pub version: String,
    /// Full name: `scenario/mode[/variant]/level`.
    pub cell: String,
    /// The scenario.
    pub scenario: String,
    /// The mode, or the named system.
    pub system: String,
    /// The values of the scenario's axes, or empty.
    pub variant: String,
    /// Name of the first numeric axis.
    pub axis: Option<String>,
    /// Its unit.
    pub axis_unit: Option<String>,
    /// Where on it.
    pub axis_at: Option<f64>,
    /// The protocol.
    pub protocol: String,
    /// Its settings on one line.
    pub config: String,
    /// The consistency level asked for.
    pub level: String,
    /// How the operation is served.
    pub path: String,
    /// What is claimed for reads at this level.
    pub promise: String,
    /// What the histories show, over all phases, regions and seeds of the cell.
    pub verdict: VerdictWord,
    /// The first counterexample or the reason for an unknown; empty when the promise holds.
    pub evidence: String,
    /// `sim`, `live` or `nodes`.
    pub world: String,
    /// How many seeds, from `first_seed` on.
    pub seeds: u32,
    /// The first of them.
    pub first_seed: u64,
    /// `healthy`, `partitioned` or `recovering`.
    pub phase: String,
    /// The clients' region, or `all`.
    pub client_region: String,
    /// `read`, `write`, `scan` or `rmw`.
    pub op: String,
    /// Measured operations; always `ok + failed + unknown`.
    pub n: u64,
    /// Took effect, or were refused by what they found.
    pub ok: u64,
    /// Of those, conditional updates that were refused.
    #[serde(default)]
    pub refused: u64,
    /// Certainly did not.
    pub failed: u64,
    /// May or may not have.
    pub unknown: u64,
    /// Of which can be said whether they were answered in their phase; `null` in rows of older versions.
    #[serde(default)]
    pub answerable: Option<u64>,
    /// Of those, the ones that were: their share is the availability.
    #[serde(default)]
    pub answered: Option<u64>,
    /// Response time: from the intended start. Failed and unknown operations count as at least the timeout.
    pub mean_ms: f64,
    /// Percentiles of it.
    pub p10_ms: f64,
    /// 25th.
    pub p25_ms: f64,
    /// Median.
    pub p50_ms: f64,
    /// 75th.
    pub p75_ms: f64,
    /// 90th.
    pub p90_ms: f64,
    /// 95th.
    pub p95_ms: f64,
    /// 99th.
    pub p99_ms: f64,
    /// 99.9th.
    pub p999_ms: f64,
    /// Largest.
    pub max_ms: f64,
    /// 95 % interval of the median across seeds; `null` with one seed, and where too few operations lie
    /// beyond to bound it.
    pub p50_low_ms: Option<f64>,
    /// Its upper end.
    pub p50_high_ms: Option<f64>,
    /// 95 % interval of the 99th percentile across seeds.
    pub p99_low_ms: Option<f64>,
    /// Its upper end.
    pub p99_high_ms: Option<f64>,
    /// Service time: from the actual start. Median.
    pub service_p50_ms: f64,
    /// 99th percentile of it.
    pub service_p99_ms: f64,
    /// What the protocol's closed form gives for this region at median delays, without queueing or faults.
    pub theory_ms: Option<f64>,
    /// Completed reads of keys that had an acknowledged write: the denominator of the stale rate.
    pub fresh_or_stale: u64,
    /// Reads that missed a write acknowledged before they began.
    pub stale: u64,
    /// Their share; `null` for writes and where the denominator is 0.
    pub stale_rate: Option<f64>,
    /// Wilson 95 % interval.
    pub stale_rate_low: Option<f64>,
    /// Its upper end; 3/n where nothing was stale.
    pub stale_rate_high: Option<f64>,
    /// Age of stale reads, as clients can observe it: median.
    pub stale_age_p50_ms: Option<f64>,
    /// 99th percentile.
    pub stale_age_p99_ms: Option<f64>,
    /// Largest.
    pub stale_age_max_ms: Option<f64>,
    /// Acknowledged newer versions a stale read missed: mean and largest.
    pub stale_versions_mean: Option<f64>,
    /// Largest.
    pub stale_versions_max: Option<u64>,
    /// Share of reads older than what some replica had decided when they began (omniscient), among
    /// the completed reads of keys with a decided write.
    pub behind_rate: Option<f64>,
    /// Age of those, from the decision: 99th percentile.
    pub behind_age_p99_ms: Option<f64>,
    /// Acknowledged writes below one of their key that had been acknowledged before they began, or not
    /// there in the end where conflicts are merged; `null` for reads and where that cannot be seen.
    pub lost: Option<u64>,
    /// Their share of the acknowledged writes of which that is known.
    pub lost_rate: Option<f64>,
    /// Wilson 95 % interval.
    pub lost_rate_low: Option<f64>,
    /// Its upper end; 3/n where none was lost.
    pub lost_rate_high: Option<f64>,
    /// Reads that returned several values.
    #[serde(default)]
    pub conflicts: u64,
    /// Reads of keys that their session had written before: the denominator of the next.
    #[serde(default)]
    pub ryw_of: u64,
    /// Those that returned an older version than the session had written; `null` where there is none of the former.
    #[serde(default)]
    pub ryw_broken: Option<u64>,
    /// Their share.
    #[serde(default)]
    pub ryw_broken_rate: Option<f64>,
    /// Upper end of Wilson's 95 % interval; 3/n where there were none.
    #[serde(default)]
    pub ryw_broken_rate_high: Option<f64>,
    /// Reads of keys that their session had read before.
    #[serde(default)]
    pub mr_of: u64,
    /// Those that returned an older version than the session had read.
    #[serde(default)]
    pub mr_broken: Option<u64>,
    /// Their share.
    #[serde(default)]
    pub mr_broken_rate: Option<f64>,
    /// Upper end of Wilson's 95 % interval; 3/n where there were none.
    #[serde(default)]
    pub mr_broken_rate_high: Option<f64>,
    /// Writes of keys that their session had written before.
    #[serde(default)]
    pub mw_of: u64,
    /// Those that stand below what the session had written.
    #[serde(default)]
    pub mw_broken: Option<u64>,
    /// Their share.
    #[serde(default)]
    pub mw_broken_rate: Option<f64>,
    /// Upper end of Wilson's 95 % interval; 3/n where there were none.
    #[serde(default)]
    pub mw_broken_rate_high: Option<f64>,
    /// Writes of keys that their session had read before.
    #[serde(default)]
    pub wfr_of: u64,
    /// Those that stand below what the session had read.
    #[serde(default)]
    pub wfr_broken: Option<u64>,
    /// Their share.
    #[serde(default)]
    pub wfr_broken_rate: Option<f64>,
    /// Upper end of Wilson's 95 % interval; 3/n where there were none.
    #[serde(default)]
    pub wfr_broken_rate_high: Option<f64>,
    /// Acknowledged writes that no newer version of their key hides in the end.
    #[serde(default)]
    pub undone_of: u64,
    /// Those that are gone: every replica of the key ended with an older version.
    #[serde(default)]
    pub undone: Option<u64>,
    /// Their share.
    #[serde(default)]
    pub undone_rate: Option<f64>,
    /// Upper end of Wilson's 95 % interval; 3/n where there were none.
    #[serde(default)]
    pub undone_rate_high: Option<f64>,
    /// What is counted of the whole cell's damage in the unit of its domain; `null` where its objects
    /// have none.
    #[serde(default)]
    pub damage: Option<String>,
    /// Of how much: units sold, locks granted, increments, removes; acknowledged ones.
    #[serde(default)]
    pub damage_of: u64,
    /// How much of it is damaged.
    #[serde(default)]
    pub damaged: Option<u64>,
    /// Its share.
    #[serde(default)]
    pub damage_rate: Option<f64>,
    /// Wilson 95 % interval.
    #[serde(default)]
    pub damage_rate_low: Option<f64>,
    /// Its upper end; 3/n where there was none.
    #[serde(default)]
    pub damage_rate_high: Option<f64>,
    /// Seeds under which there was any.
    #[serde(default)]
    pub damaged_runs: Option<u64>,
    /// Keys of which something was acknowledged, seed by seed.
    #[serde(default)]
    pub damage_keys_of: u64,
    /// Those with damage.
    #[serde(default)]
    pub damaged_keys: Option<u64>,
    /// Completed operations per second.
    pub throughput: f64,
    /// Planned operations per second; `null` in a closed loop.
    pub offered: Option<f64>,
    /// Whether the planned rate was kept: 99 % of what was planned in the phase was begun in it and
    /// took effect.
    pub sustained: Option<bool>,
    /// Messages of the whole cell per completed operation, heartbeats included; `null` without any.
    pub messages_per_op: Option<f64>,
    /// Bytes likewise.
    pub bytes_per_op: Option<f64>,
    /// Updates handed over that were kept for a silent replica; whole cell, between warm-up and horizon.
    #[serde(default)]
    pub hints: u64,
    /// Messages that find or bring what a replica has missed, likewise.
    #[serde(default)]
    pub repairs: u64,
    /// Bytes of both.
    #[serde(default)]
    pub mending_bytes: u64,
    /// Virtual seconds simulated for the cell, all seeds.
    pub virtual_seconds: f64,
    /// The command that replays the cell under the seed of the evidence, or the first.
    pub replay: String,
}

impl Row {
    /// The share of the operations answered in their phase, among those of which that can be said.
    #[must_use]
    pub fn availability(&self) -> f64 {
        let (answered, of) = self.counts();
        answered as f64 / of.max(1) as f64
    }

    /// How many operations were answered in their phase, and of how many that can be said.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        match (self.answered, self.answerable) {
            (Some(answered), Some(all)) if all > 0 => (answered, all),
            _ => (self.ok, self.n),
        }
    }
}

/// Larger figures, times in milliseconds among them, are no figures of any run.
pub(super) const FIGURE_MAX: f64 = 1e12;

/// What must be true of a line besides its form before anything is drawn or compared.
pub(super) trait Check {
    /// # Errors
    /// The first figure that cannot be one, in a sentence.
    fn check(&self) -> Result<(), String>;
}

/// Whether these figures are from 0 to `most`.
pub(super) fn are_within(most: f64, figures: &[(&str, f64)]) -> Result<(), String> {
    let wrong = figures.iter().find(|(_, value)| !(0.0..=most).contains(value));
    wrong.map_or(Ok(()), |(name, value)| {
        Err(format!("{name} is {value:e}; it must be from 0 to {most:e}"))
    })
}

impl Check for Row {
    fn check(&self) -> Result<(), String> {
        let known = |what: &str, given: &str, known: &[&str]| {
            if known.contains(&given) {
                return Ok(());
            }
            Err(unknown(what, given, known.iter().copied()))
        };
        known("phase", &self.phase, &PHASES.map(Phase::name))?;
        known("kind of operation", &self.op, &OPS.map(OpKind::name))?;
        if self.n == 0 {
            return Err("n is 0; a row tells of one operation at least".to_owned());
        }
        are_within(
            FIGURE_MAX,
            &[
                ("mean_ms", self.mean_ms),
                ("p10_ms", self.p10_ms),
                ("p25_ms", self.p25_ms),
                ("p50_ms", self.p50_ms),
                ("p75_ms", self.p75_ms),
                ("p90_ms", self.p90_ms),
                ("p95_ms", self.p95_ms),
                ("p99_ms", self.p99_ms),
                ("p999_ms", self.p999_ms),
                ("max_ms", self.max_ms),
                ("service_p50_ms", self.service_p50_ms),
                ("service_p99_ms", self.service_p99_ms),
                ("theory_ms", self.theory_ms.unwrap_or_default()),
                ("stale_age_max_ms", self.stale_age_max_ms.unwrap_or_default()),
                ("throughput", self.throughput),
                ("messages_per_op", self.messages_per_op.unwrap_or_default()),
                ("bytes_per_op", self.bytes_per_op.unwrap_or_default()),
            ],
        )?;
        let rates = [
            ("stale_rate", self.stale_rate),
            ("behind_rate", self.behind_rate),
            ("lost_rate", self.lost_rate),
            ("ryw_broken_rate", self.ryw_broken_rate),
            ("mr_broken_rate", self.mr_broken_rate),
            ("mw_broken_rate", self.mw_broken_rate),
            ("wfr_broken_rate", self.wfr_broken_rate),
            ("undone_rate", self.undone_rate),
            ("damage_rate", self.damage_rate),
        ];
        are_within(1.0, &rates.map(|(name, rate)| (name, rate.unwrap_or_default())))
    }
}

impl Check for CurvePoint {
    fn check(&self) -> Result<(), String> {
        are_within(FIGURE_MAX, &[("t_ms", self.t_ms)])?;
        let predicted = self.predicted_rate.unwrap_or(0.0);
        are_within(1.0, &[("fresh_rate", self.fresh_rate), ("predicted_rate", predicted)])
    }
}

/// One point of a t-visibility curve: a line of `curves.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CurvePoint {
    /// Number of this schema.
    pub schema: u32,
    /// Full name of the cell.
    pub cell: String,
    /// The scenario.
    pub scenario: String,
    /// The mode.
    pub system: String,
    /// The values of the scenario's axes, or empty.
    pub variant: String,
    /// The level of the reads.
    pub level: String,
    /// Verdict on the cell's promise.
    pub verdict: VerdictWord,
    /// The readers' region, or `all`.
    pub client_region: String,
    /// Milliseconds from the acknowledgement of the key's latest write to the read's start.
    pub t_ms: f64,
    /// Reads at this t.
    pub n: u64,
    /// Those that returned that write or a newer one.
    pub fresh: u64,
    /// Their share.
    pub fresh_rate: f64,
    /// Wilson 95 % interval.
    pub fresh_rate_low: f64,
    /// Its upper end.
    pub fresh_rate_high: f64,
    /// The share that the model WARS expects, where it applies.
    #[serde(default)]
    pub predicted_rate: Option<f64>,
}
