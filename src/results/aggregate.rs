//! From the summaries of a cell's seeds to its rows.
//!
//! Seeds finish in any order on any number of threads, and the rows must not show it: counts, sums
//! and histograms are integers that merge in any order, and what is not (the interval across seeds)
//! is computed at the end in the order of the seeds. Figures are rounded to the nanosecond, rates
//! to nine decimals; such numbers survive being written and read without change.

use super::Evidence;
use super::figures::{anomalies, blank, curve, ends, losses, round, staleness, times};
use super::row::{CurvePoint, Row, VerdictWord};
use super::stats::{Interval, woodruff};
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
    /// `sim`, `live` or `lab`.
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
}

/// Gathers the summaries of a cell's seeds.
#[derive(Debug)]
pub struct CellAccumulator {
    meta: CellMeta,
    merged: Option<Summary>,
    seeds: BTreeMap<u32, Seed>,
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
        Self { meta, merged: None, seeds: BTreeMap::new() }
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
            let (operations, virtual_seconds, evidence) = (0, 0.0, None);
            return CellResult { cell, operations, virtual_seconds, rows, curves, evidence };
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
        CellResult {
            cell,
            operations: merged.operations,
            virtual_seconds: template.virtual_seconds,
            rows,
            curves,
            evidence: self.evidence(),
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
        Row {
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
            virtual_seconds: round(merged.span as f64 / 1e9),
            replay: format!("{} --seed {seed}", meta.replay),
            ..blank()
        }
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
        row.sustained =
            row.offered.map(|_| slot.in_time * 100 >= (slot.n() + slot.never_begun) * 99);
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

fn word(rank: u8) -> VerdictWord {
    match rank {
        0 => VerdictWord::Holds,
        1 => VerdictWord::Unknown,
        _ => VerdictWord::Violated,
    }
}

#[cfg(test)]
mod tests {
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
        let theory = |region: &str, op, ms| Theory {
            region: region.into(),
            op,
            latency: Duration::millis(ms),
        };
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
        assert_eq!(
            (write.throughput, write.offered, write.sustained),
            (2.0, Some(21.0), Some(true))
        );
        assert_eq!((write.stale_rate, write.theory_ms), (None, None));
        assert_eq!((write.messages_per_op, write.virtual_seconds), (Some(8.25), 2.0));
        assert_eq!((&*write.path, write.axis_at, write.seeds), ("leader", Some(50.0), 2));
        let near = find(&result, "healthy", "near", "write");
        assert_eq!((near.p50_ms, near.theory_ms, near.offered), (10.0, Some(10.0), Some(10.5)));
        assert_eq!((near.undone_of, near.undone, near.ryw_broken), (0, None, None), "w2 hides w1");
        assert_eq!((write.undone_of, write.undone, write.undone_rate), (2, Some(0), Some(0.0)));
        let read = find(&result, "healthy", "far", "read");
        assert_eq!((read.fresh_or_stale, read.stale, read.stale_rate), (2, 2, Some(1.0)));
        let unseen =
            (read.ryw_of, read.ryw_broken, read.ryw_broken_rate, read.ryw_broken_rate_high);
        assert_eq!(unseen, (2, Some(2), Some(1.0), Some(1.0)), "b had written w2");
        assert_eq!((read.mr_of, read.mr_broken, read.mw_broken), (0, None, None));
        assert_eq!((read.stale_age_p50_ms, read.stale_versions_max), (Some(10.0), Some(1)));
        assert_eq!((read.behind_rate, read.behind_age_p99_ms), (Some(1.0), Some(25.0)));
        let fresh = find(&result, "healthy", "near", "read");
        assert_eq!(
            (fresh.stale, fresh.stale_rate_high, fresh.stale_age_max_ms),
            (0, Some(1.0), None)
        );
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
        let cell =
            result(&[(3, broken.clone()), (0, drawn()), (1, undecided.clone()), (2, broken)]);
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
}
