//! From the summaries of a cell's seeds to its rows.
//!
//! Seeds finish in any order on any number of threads, and the rows must not show it: counts, sums
//! and histograms are integers that merge in any order, and what is not (the interval across seeds)
//! is computed at the end in the order of the seeds. Figures are rounded to the nanosecond, rates
//! to nine decimals; such numbers survive being written and read without change.

use super::beside::BesideLine;
use super::fault::{self, FaultLine, FaultPlan, TimelineLine};
use super::figures::{anomalies, blank, curve, damage, ends, losses, round, staleness, times};
use super::row::{CurvePoint, Row, VerdictWord};
use super::stats::{Interval, woodruff};
use super::{Evidence, LinkLine};
use crate::analysis::{Exhibit, OPS, PHASES, Slot, Summary, Verdict};
use crate::guarantee::Guarantee;
use crate::history::Phase;
use crate::op::OpKind;
use crate::scenario::plan::{AxisPoint, CellName};
use crate::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The region that stands for all.
const ALL: &str = "all";

/// What is the same in every row of a cell, and the tables its rows look figures up in.
#[derive(Clone, Debug, PartialEq)]
pub struct CellMeta {
    /// Its coordinates.
    pub name: CellName,
    /// Where it stands on its scenario's first numeric axis.
    pub axis: Option<AxisPoint>,
    /// The clients' regions in the order of the plan.
    pub regions: Vec<String>,
    /// The protocol.
    pub protocol: String,
    /// Its settings on one line.
    pub config: String,
    /// How reads and scans are served.
    pub read_path: String,
    /// How writes are served.
    pub write_path: String,
    /// What is claimed for reads.
    pub promise: Guarantee,
    /// `sim`, `live` or `nodes`.
    pub world: String,
    /// The crate's version.
    pub version: String,
    /// Seed of index 0.
    pub first_seed: u64,
    /// The command that runs the cell again, without the seed.
    pub replay: String,
    /// Closed-form latencies, where there are any.
    pub theory: Vec<Theory>,
    /// Planned rates; empty in a closed loop.
    pub offered: Vec<Offered>,
    /// What is planned to break.
    pub faults: FaultPlan,
}

/// What the protocol's closed form gives for one region and kind of operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Theory {
    /// The clients' region.
    pub region: String,
    /// The kind of operation.
    pub op: OpKind,
    /// The latency.
    pub latency: Duration,
}

/// What was planned of one kind of operation in one region.
#[derive(Clone, Debug, PartialEq)]
pub struct Offered {
    /// The clients' region.
    pub region: String,
    /// The kind of operation; a read-modify-write is planned as one, and as a read and a write too.
    pub op: OpKind,
    /// Operations per second.
    pub rate: f64,
}

/// A finished cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CellResult {
    /// Its full name.
    pub cell: String,
    /// Operations recorded, warm-up included.
    pub operations: u64,
    /// Virtual seconds simulated.
    pub virtual_seconds: f64,
    /// By phase, region (`all` first) and kind of operation; nothing where nothing was measured.
    pub rows: Vec<Row>,
    /// t-visibility by region (`all` first) and t.
    pub curves: Vec<CurvePoint>,
    /// What broke its promise, if that is broken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// How client regions came through its faults, where it has any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<FaultLine>,
    /// The same moment by moment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub timelines: Vec<TimelineLine>,
    /// How late links were, in worlds in which that is a question.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<LinkLine>,
    /// The same cell in virtual time, where that was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<BesideLine>,
}

/// Gathers the summaries of a cell's seeds.
#[derive(Debug)]
pub struct CellAccumulator {
    meta: CellMeta,
    merged: Option<Summary>,
    seeds: BTreeMap<u32, Seed>,
    links: BTreeMap<u32, Vec<LinkLine>>,
}

/// What must be kept of each seed.
#[derive(Debug)]
struct Seed {
    verdict: Verdict,
    exhibits: Vec<Exhibit>,
    /// Response times by phase, region and kind of operation, and how often each was.
    responses: BTreeMap<(Phase, String, OpKind), Vec<(Duration, u64)>>,
}

impl CellAccumulator {
    /// Begins a cell.
    #[must_use]
    pub fn new(meta: CellMeta) -> Self {
        let (seeds, links) = (BTreeMap::new(), BTreeMap::new());
        Self { meta, merged: None, seeds, links }
    }

    /// Adds the seed `first_seed + index`, in any order.
    ///
    /// # Panics
    /// If that seed was added before.
    pub fn add(&mut self, index: u32, summary: Summary) {
        let mut responses = BTreeMap::new();
        for (phase, op) in PHASES.into_iter().flat_map(|phase| OPS.map(|op| (phase, op))) {
            let mut note = |region: &str, slot: &Slot| {
                responses.insert((phase, region.to_owned(), op), slot.response.steps());
            };
            for (at, region) in summary.regions.iter().enumerate() {
                if let Some(slot) = summary.slot(phase, at, op) {
                    note(region, slot);
                }
            }
            if let Some(slot) = summary.slot_of_all(phase, op) {
                note(ALL, &slot);
            }
        }
        let (verdict, exhibits) = (summary.verdict.clone(), summary.exhibits.clone());
        let seed = Seed { verdict, exhibits, responses };
        let known = self.seeds.insert(index, seed).is_some();
        assert!(!known, "seed {index} of {} was added twice", self.meta.name);
        match &mut self.merged {
            Some(merged) => merged.merge(&summary),
            None => self.merged = Some(summary),
        }
    }

    /// Adds how late the links were under the seed `first_seed + index`.
    pub fn add_links(&mut self, index: u32, links: Vec<LinkLine>) {
        self.links.insert(index, links);
    }

    /// How many seeds have been added.
    #[must_use]
    pub fn seeds(&self) -> usize {
        self.seeds.len()
    }

    /// The cell's rows and curves; the same whatever the order of the seeds.
    #[must_use]
    pub fn finish(self) -> CellResult {
        let cell = self.meta.name.to_string();
        let Some(merged) = &self.merged else {
            let (rows, curves) = (Vec::new(), Vec::new());
            let (faults, timelines) = (Vec::new(), Vec::new());
            let (operations, virtual_seconds, evidence) = (0, 0.0, None);
            let (links, beside) = (Vec::new(), Vec::new());
            return CellResult {
                cell,
                operations,
                virtual_seconds,
                rows,
                curves,
                evidence,
                faults,
                timelines,
                links,
                beside,
            };
        };
        let template = self.template(merged);
        let regions = self.regions(merged);
        let mut rows = Vec::new();
        for phase in PHASES {
            for region in &regions {
                for op in OPS {
                    let slot = match region.1 {
                        Some(at) => merged.slot(phase, at, op).cloned(),
                        None => merged.slot_of_all(phase, op),
                    };
                    if let Some(slot) = slot.filter(|slot| slot.n() > 0) {
                        rows.push(self.row(&template, merged, phase, &region.0, op, &slot));
                    }
                }
            }
        }
        let curves = regions.iter().flat_map(|region| curve(&template, merged, region)).collect();
        let (faults, timelines) = fault::lines(&template, &self.meta, merged, &regions);
        CellResult {
            faults,
            timelines,
            cell,
            operations: merged.operations,
            virtual_seconds: template.virtual_seconds,
            rows,
            curves,
            evidence: self.evidence(),
            links: self.links.into_values().flatten().collect(),
            beside: Vec::new(),
        }
    }

    /// The operations that break the promise, in the first seed in which any do.
    fn evidence(&self) -> Option<Evidence> {
        let broken = |(_, seed): &(&u32, &Seed)| matches!(seed.verdict, Verdict::Violated(_));
        let (index, seed) = self.seeds.iter().find(broken)?;
        let (cell, operations) = (self.meta.name.to_string(), seed.exhibits.clone());
        Some(Evidence { cell, seed: self.meta.first_seed + u64::from(*index), operations })
    }

    /// The worst verdict, the words of the first seed that has it, and that seed.
    fn verdict(&self) -> (VerdictWord, String, u64) {
        let worst = self.seeds.values().map(|seed| seed.verdict.rank()).max().unwrap_or(0);
        let first = self.seeds.iter().find(|(_, seed)| seed.verdict.rank() == worst);
        let number = self.meta.first_seed + first.map_or(0, |(index, _)| u64::from(*index));
        let evidence = first
            .filter(|_| worst > 0)
            .map(|(_, seed)| format!("seed {number}: {}", seed.verdict.message()));
        (word(worst), evidence.unwrap_or_default(), number)
    }

    /// `all`, then the regions of the plan, then others by name; each with its place in the
    /// summary.
    fn regions(&self, merged: &Summary) -> Vec<(String, Option<usize>)> {
        let place = |name: &String| merged.regions.iter().position(|region| region == name);
        let planned = self.meta.regions.iter().filter(|name| place(name).is_some());
        let mut names: Vec<&String> = planned.collect();
        let mut others: Vec<&String> =
            merged.regions.iter().filter(|name| !self.meta.regions.contains(name)).collect();
        others.sort_unstable();
        names.extend(others);
        let all = std::iter::once((ALL.to_owned(), None));
        all.chain(names.into_iter().map(|name| (name.clone(), place(name)))).collect()
    }

    /// A row with everything that all rows of the cell share.
    fn template(&self, merged: &Summary) -> Row {
        let meta = &self.meta;
        let (mut verdict, mut evidence, seed) = self.verdict();
        let completed: u64 = (PHASES.into_iter())
            .flat_map(|phase| [OpKind::Read, OpKind::Write, OpKind::Scan].map(|op| (phase, op)))
            .filter_map(|(phase, op)| merged.slot_of_all(phase, op))
            .map(|slot| slot.ok)
            .sum();
        let per_op = |n: u64| (completed > 0).then(|| round(n as f64 / completed as f64));
        if completed == 0 && verdict == VerdictWord::Holds {
            verdict = VerdictWord::Unknown;
            evidence = "no operation took effect, so there is nothing to judge".to_owned();
        }
        let mut row = Row {
            version: meta.version.clone(),
            cell: meta.name.to_string(),
            scenario: meta.name.scenario.clone(),
            system: meta.name.mode.clone(),
            variant: meta.name.variant.clone(),
            axis: meta.axis.as_ref().map(|axis| axis.axis.clone()),
            axis_unit: meta.axis.as_ref().map(|axis| axis.unit.clone()),
            axis_at: meta.axis.as_ref().map(|axis| axis.at),
            protocol: meta.protocol.clone(),
            config: meta.config.clone(),
            level: meta.name.level.to_string(),
            promise: meta.promise.to_string(),
            verdict,
            evidence,
            world: meta.world.clone(),
            seeds: self.seeds.len() as u32,
            first_seed: meta.first_seed,
            messages_per_op: per_op(merged.traffic.messages),
            bytes_per_op: per_op(merged.traffic.bytes),
            hints: merged.traffic.hints,
            repairs: merged.traffic.repairs,
            mending_bytes: merged.traffic.mending_bytes,
            virtual_seconds: round(merged.span as f64 / 1e9),
            replay: format!("{} {} {seed}", meta.replay, seed_flag(&meta.world)),
            ..blank()
        };
        damage(&mut row, merged.cost.as_ref());
        row
    }

    fn row(
        &self,
        template: &Row,
        merged: &Summary,
        phase: Phase,
        region: &str,
        op: OpKind,
        slot: &Slot,
    ) -> Row {
        let mut row = Row {
            path: self.path(op),
            phase: phase.name().to_owned(),
            client_region: region.to_owned(),
            op: op.name().to_owned(),
            n: slot.n(),
            ok: slot.ok,
            refused: slot.refused,
            failed: slot.failed,
            unknown: slot.unknown,
            answerable: Some(slot.answerable),
            answered: Some(slot.answered),
            ..template.clone()
        };
        times(&mut row, slot);
        staleness(&mut row, slot);
        losses(&mut row, slot);
        anomalies(&mut row, slot);
        let key = (phase, region.to_owned(), op);
        (row.p50_low_ms, row.p50_high_ms) = ends(self.across_seeds(0.5, slot, &key), round);
        (row.p99_low_ms, row.p99_high_ms) = ends(self.across_seeds(0.99, slot, &key), round);
        let at = |theory: &&Theory| theory.region == region && theory.op == op;
        row.theory_ms = self.meta.theory.iter().find(at).map(|theory| theory.latency.as_ms());
        let seconds = merged.measured[phase as usize] as f64 / 1e9;
        row.throughput = if seconds > 0.0 { round(slot.ok as f64 / seconds) } else { 0.0 };
        row.offered = self.offered(region, op).map(round);
        row.sustained = row.offered.map(|rate| {
            let begun = slot.in_time * 100 >= (slot.n() + slot.never_begun) * 99;
            // What was planned and never begun is in no history; where no fault moves operations
            // from phase to phase it shows in how many there are, but for the draw of arrivals.
            let faultless = merged.measured[Phase::Partitioned as usize] == 0;
            let planned = rate * seconds;
            begun && !(faultless && (slot.in_time as f64) < 0.99 * planned - 3.0 * planned.sqrt())
        });
        row
    }

    /// The interval of a quantile of the slot's response times, in milliseconds.
    fn across_seeds(
        &self,
        share: f64,
        slot: &Slot,
        key: &(Phase, String, OpKind),
    ) -> Option<Interval> {
        let pooled = slot.response.at_share(share);
        let seeds: Vec<(u64, u64)> = (self.seeds.values())
            .filter_map(|seed| seed.responses.get(key))
            .map(|steps| {
                let below = steps.iter().filter(|(time, _)| *time <= pooled).map(|(_, n)| n).sum();
                (below, steps.iter().map(|(_, n)| n).sum())
            })
            .collect();
        let Interval { low, high } = woodruff(share, &seeds)?;
        let [low, high] = [low, high].map(|share| slot.response.at_share(share).as_ms());
        Some(Interval { low, high })
    }

    fn path(&self, op: OpKind) -> String {
        let (read, write) = (&self.meta.read_path, &self.meta.write_path);
        match op {
            OpKind::Read | OpKind::Scan => read.clone(),
            OpKind::Write => write.clone(),
            OpKind::Rmw => format!("{read}, then {write}"),
        }
    }

    /// The planned rate of a region, or of all together.
    fn offered(&self, region: &str, op: OpKind) -> Option<f64> {
        let here =
            |offered: &&Offered| offered.op == op && (region == ALL || offered.region == region);
        let mut rates = self.meta.offered.iter().filter(here).map(|offered| offered.rate);
        let first = rates.next()?;
        Some(rates.fold(first, |sum, rate| sum + rate))
    }
}

pub(super) fn word(rank: u8) -> VerdictWord {
    match rank {
        0 => VerdictWord::Holds,
        1 => VerdictWord::Unknown,
        _ => VerdictWord::Violated,
    }
}

/// How the command that a row is replayed with names its seed: virtual time is explained, real time is run again.
fn seed_flag(world: &str) -> &'static str {
    if world == "sim" { "--seed" } else { "--first-seed" }
}

#[cfg(test)]
mod tests;
