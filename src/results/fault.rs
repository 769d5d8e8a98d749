//! What cells with faults have beside their rows: how each client region came through, and the run moment
//! by moment. A line of `faults.jsonl` is of one cell, client region and kind of operation; so is a
//! line of `timelines.jsonl`.

use super::aggregate::{CellMeta, word};
use super::class::{self, Evidence};
use super::figures::round;
use super::row::{Check, FIGURE_MAX, Row, SCHEMA, VerdictWord, are_within};
use crate::analysis::{Faulted, OPS, Outage, Summary, Timeline};
use crate::guarantee::Guarantee;
use crate::history::Phase;
use crate::op::{OpKind, unknown};
use crate::time::Duration;
use serde::{Deserialize, Serialize};

/// On which side of a cut a client region is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Its clients can talk to a majority of the replicas under every cut.
    Majority,
    /// Under no cut.
    Minority,
}

impl Side {
    /// As it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Majority => "majority",
            Self::Minority => "minority",
        }
    }
}

/// How one client region's operations of one kind came through the faults of a cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultLine {
    /// Number of the schema.
    pub schema: u32,
    /// Full name of the cell.
    pub cell: String,
    /// The scenario.
    pub scenario: String,
    /// The mode, or the named system.
    pub system: String,
    /// The values of the scenario's axes, or empty.
    pub variant: String,
    /// The consistency level asked for.
    pub level: String,
    /// What is claimed for reads at this level.
    pub promise: String,
    /// Verdict on the cell's promise.
    pub verdict: VerdictWord,
    /// The clients' region, or `all`.
    pub client_region: String,
    /// `read`, `write`, `scan` or `rmw`.
    pub op: String,
    /// Its side of the cut.
    pub side: Option<Side>,
    /// Operations asked for under a fault of which can be said whether they were answered in it. Those to which
    /// their session did not come in time are taken to have fared as the one before them that was come to.
    pub asked: u64,
    /// Those that were answered.
    pub answered: u64,
    /// Faults, over all seeds, in which such an operation was asked for.
    pub faults: u64,
    /// Those in which all were answered again from some time on.
    pub recovered: u64,
    /// Recovery time: median over the faults; `null` where half of them saw none.
    pub rto_p50_ms: Option<f64>,
    /// The longest of those that saw one.
    pub rto_max_ms: Option<f64>,
    /// Times after a fault in which such an operation was intended.
    pub healings: u64,
    /// Those in which all were answered again from some time on.
    pub healed: u64,
    /// The median of how long that took.
    pub healed_p50_ms: Option<f64>,
    /// The longest.
    pub healed_max_ms: Option<f64>,
    /// How long after the end of a fault the last read began that missed a write acknowledged before it:
    /// median; `null` for writes.
    pub lingered_p50_ms: Option<f64>,
    /// The longest.
    pub lingered_max_ms: Option<f64>,
    /// Recovery point: the longest from the acknowledgement of a write that is gone in the end to the next
    /// beginning or end of a fault; `null` where none is gone.
    pub rpo_ms: Option<f64>,
    /// Keys that clients on one side or the other of a cut changed under a fault, as they were told, each counted
    /// anew for every fault; `null` but in the line of all writes, and where nobody is on a side.
    pub changed: Option<u64>,
    /// Of these, the ones that both sides changed.
    pub contested: Option<u64>,
    /// Of those, the ones of which one side's last version is kept and the other's is not, which nobody on the
    /// side that prevails ever reads.
    pub overruled: Option<u64>,
    /// What happened before the first fault is linearizable, whatever is promised.
    pub health: VerdictWord,
    /// PA or PC, of all regions together; `null` where nobody was cut off from the majority.
    pub partition_class: Option<String>,
    /// EL or EC, of all regions together.
    pub else_class: Option<String>,
    /// The figures that decided the class, in words.
    pub class_reason: String,
}

/// One client region's operations of one kind, by stretches of time of equal length.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimelineLine {
    /// Number of the schema.
    pub schema: u32,
    /// Full name of the cell.
    pub cell: String,
    /// The scenario.
    pub scenario: String,
    /// The mode, or the named system.
    pub system: String,
    /// The values of the scenario's axes, or empty.
    pub variant: String,
    /// The consistency level asked for.
    pub level: String,
    /// Verdict on the cell's promise.
    pub verdict: VerdictWord,
    /// The clients' region.
    pub client_region: String,
    /// Its side of the cut.
    pub side: Option<Side>,
    /// `read`, `write`, `scan` or `rmw`.
    pub op: String,
    /// Where each fault began and ended, in ms.
    pub faults: Vec<[f64; 2]>,
    /// How long a stretch is.
    pub step_ms: f64,
    /// Measured operations that were intended in each stretch.
    pub n: Vec<u64>,
    /// Of those, how many took effect, whenever that was.
    pub answered: Vec<u64>,
    /// The median of their response times; `null` where there were none.
    pub p50_ms: Vec<Option<f64>>,
    /// Their 99th percentile.
    pub p99_ms: Vec<Option<f64>>,
    /// Completed reads of keys that had an acknowledged write.
    pub fresh_or_stale: Vec<u64>,
    /// Those that missed one.
    pub stale: Vec<u64>,
}

/// What is known of a cell's faults before it runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FaultPlan {
    /// The client regions that are on one side of every cut.
    pub sides: Vec<(String, Side)>,
    /// Beginnings and ends.
    pub windows: Vec<(Duration, Duration)>,
}

impl FaultPlan {
    fn side(&self, region: &str) -> Option<Side> {
        self.sides.iter().find(|(name, _)| name == region).map(|(_, side)| *side)
    }
}

/// The lines of a cell: for all regions together, then for each of `regions` that has a place in the summary.
pub(super) fn lines(
    template: &Row,
    meta: &CellMeta,
    merged: &Summary,
    regions: &[(String, Option<usize>)],
) -> (Vec<FaultLine>, Vec<TimelineLine>) {
    let (mut lines, mut timelines) = (Vec::new(), Vec::new());
    let Some(faulted) = &merged.faulted else { return (lines, timelines) };
    let plan = &meta.faults;
    for (region, place) in regions {
        for op in OPS {
            if place.is_none() {
                lines.extend(total(template, meta, merged, faulted, region, op));
            } else if let Some(outage) = faulted.outages.get(&(region.clone(), op)) {
                lines.push(line(template, plan, faulted, region, op, outage));
                timelines.push(timeline(template, plan, region, op, &outage.timeline));
            }
        }
    }
    (lines, timelines)
}

/// All regions together, with the class.
fn total(
    template: &Row,
    meta: &CellMeta,
    merged: &Summary,
    faulted: &Faulted,
    region: &str,
    op: OpKind,
) -> Option<FaultLine> {
    let mut all = Outage::default();
    let here = faulted.outages.iter().filter(|((_, kind), _)| *kind == op);
    let mut any = false;
    for (_, outage) in here {
        any = true;
        all.asked += outage.asked;
        all.answered += outage.answered;
        all.during.extend(&outage.during);
        all.after.extend(&outage.after);
        all.lingered.extend(&outage.lingered);
        all.oldest_gone = all.oldest_gone.max(outage.oldest_gone);
    }
    let mut line = any.then(|| line(template, &meta.faults, faulted, region, op, &all))?;
    let mut evidence =
        Evidence { op, promise: meta.promise, health: line.health, ..Evidence::default() };
    for ((name, _), outage) in faulted.outages.iter().filter(|((_, kind), _)| *kind == op) {
        let side = match meta.faults.side(name) {
            Some(Side::Minority) => &mut evidence.cut_off,
            Some(Side::Majority) => &mut evidence.others,
            None => continue,
        };
        *side = (side.0 + outage.answered, side.1 + outage.asked);
    }
    if let Some(slot) = merged.slot_of_all(Phase::Healthy, OpKind::Read) {
        (evidence.stale, evidence.fresh_or_stale) = (slot.stale, slot.fresh_or_stale);
    }
    (line.partition_class, line.else_class, line.class_reason) = class::decide(&evidence);
    if op == OpKind::Write && !meta.faults.sides.is_empty() {
        contest(&mut line, meta, faulted);
    }
    Some(line)
}

/// What both sides of a cut changed, and what became of it.
fn contest(line: &mut FaultLine, meta: &CellMeta, faulted: &Faulted) {
    let (mut changed, mut contested) = (0, 0);
    for (regions, keys) in &faulted.changed {
        let on = |side| regions.iter().any(|region| meta.faults.side(region) == Some(side));
        let (minority, majority) = (on(Side::Minority), on(Side::Majority));
        changed += if minority || majority { *keys } else { 0 };
        contested += if minority && majority { *keys } else { 0 };
    }
    // In one order that agrees with real time every write was there for all to see.
    let ordered =
        meta.promise.implies(Guarantee::Linearizable) && line.verdict == VerdictWord::Holds;
    let overruled = if ordered || faulted.keeps_both { 0 } else { contested };
    (line.changed, line.contested, line.overruled) =
        (Some(changed), Some(contested), Some(overruled));
}

fn line(
    template: &Row,
    plan: &FaultPlan,
    faulted: &Faulted,
    region: &str,
    op: OpKind,
    outage: &Outage,
) -> FaultLine {
    let (recovered, rto_p50_ms, rto_max_ms) = spread(&outage.during);
    let (healed, healed_p50_ms, healed_max_ms) = spread(&outage.after);
    let lingered: Vec<Option<Duration>> = outage.lingered.iter().map(|one| Some(*one)).collect();
    let (_, lingered_p50_ms, lingered_max_ms) = spread(&lingered);
    FaultLine {
        schema: SCHEMA,
        cell: template.cell.clone(),
        scenario: template.scenario.clone(),
        system: template.system.clone(),
        variant: template.variant.clone(),
        level: template.level.clone(),
        promise: template.promise.clone(),
        verdict: template.verdict,
        client_region: region.to_owned(),
        op: op.name().to_owned(),
        side: plan.side(region),
        asked: outage.asked,
        answered: outage.answered,
        faults: outage.during.len() as u64,
        recovered,
        rto_p50_ms,
        rto_max_ms,
        healings: outage.after.len() as u64,
        healed,
        healed_p50_ms,
        healed_max_ms,
        lingered_p50_ms,
        lingered_max_ms,
        rpo_ms: outage.oldest_gone.map(Duration::as_ms),
        changed: None,
        contested: None,
        overruled: None,
        health: word(faulted.health.rank()),
        partition_class: None,
        else_class: None,
        class_reason: String::new(),
    }
}

/// How many are known, the median with those that are not known as the longest, and the longest known.
fn spread(times: &[Option<Duration>]) -> (u64, Option<f64>, Option<f64>) {
    let mut known: Vec<Duration> = times.iter().copied().flatten().collect();
    known.sort_unstable();
    let median = known.get(times.len().saturating_sub(1) / 2);
    let [median, most] = [median, known.last()].map(|time| time.copied().map(Duration::as_ms));
    (known.len() as u64, median, most)
}

fn timeline(
    template: &Row,
    plan: &FaultPlan,
    region: &str,
    op: OpKind,
    timeline: &Timeline,
) -> TimelineLine {
    let mut line = TimelineLine {
        schema: SCHEMA,
        cell: template.cell.clone(),
        scenario: template.scenario.clone(),
        system: template.system.clone(),
        variant: template.variant.clone(),
        level: template.level.clone(),
        verdict: template.verdict,
        client_region: region.to_owned(),
        side: plan.side(region),
        op: op.name().to_owned(),
        faults: plan.windows.iter().map(|(from, to)| [from.as_ms(), to.as_ms()]).collect(),
        step_ms: timeline.step().as_ms(),
        n: Vec::new(),
        answered: Vec::new(),
        p50_ms: Vec::new(),
        p99_ms: Vec::new(),
        fresh_or_stale: Vec::new(),
        stale: Vec::new(),
    };
    for stretch in timeline.stretches() {
        let mut times = stretch.times.clone();
        times.sort_unstable();
        let at = |per_cent: usize| {
            let rank = (times.len() * per_cent).div_ceil(100).max(1);
            // To the microsecond: it is for pictures.
            times.get(rank - 1).map(|time| round((time.0 / 1_000) as f64 / 1e3))
        };
        line.n.push(times.len() as u64);
        line.answered.push(stretch.answered);
        line.p50_ms.push(at(50));
        line.p99_ms.push(at(99));
        line.fresh_or_stale.push(stretch.fresh_or_stale);
        line.stale.push(stretch.stale);
    }
    line
}

impl Check for FaultLine {
    fn check(&self) -> Result<(), String> {
        known_op(&self.op)?;
        are_within(FIGURE_MAX, &[("asked", self.asked as f64)])?;
        if self.answered > self.asked {
            return Err(format!("answered is {}, more than asked", self.answered));
        }
        let keys = [self.changed, self.contested, self.overruled].map(|keys| keys.unwrap_or(0));
        are_within(FIGURE_MAX, &[("changed", keys[0] as f64)])?;
        if keys[1] > keys[0] || keys[2] > keys[1] {
            return Err("overruled is at most contested, and contested at most changed".into());
        }
        let figures = [
            ("rto_p50_ms", self.rto_p50_ms),
            ("rto_max_ms", self.rto_max_ms),
            ("healed_p50_ms", self.healed_p50_ms),
            ("healed_max_ms", self.healed_max_ms),
            ("lingered_p50_ms", self.lingered_p50_ms),
            ("lingered_max_ms", self.lingered_max_ms),
            ("rpo_ms", self.rpo_ms),
        ];
        are_within(FIGURE_MAX, &figures.map(|(name, figure)| (name, figure.unwrap_or_default())))
    }
}

impl Check for TimelineLine {
    fn check(&self) -> Result<(), String> {
        known_op(&self.op)?;
        let lengths = [
            self.answered.len(),
            self.p50_ms.len(),
            self.p99_ms.len(),
            self.fresh_or_stale.len(),
            self.stale.len(),
        ];
        if lengths.iter().any(|length| *length != self.n.len()) {
            return Err("its columns have different lengths; each has a value per stretch".into());
        }
        if self.step_ms.partial_cmp(&0.0) != Some(std::cmp::Ordering::Greater) {
            return Err(format!("step_ms is {}; a stretch has a length", self.step_ms));
        }
        are_within(FIGURE_MAX, &[("step_ms", self.step_ms)])?;
        for time in self.p50_ms.iter().chain(&self.p99_ms).flatten() {
            are_within(FIGURE_MAX, &[("p50_ms or p99_ms", *time)])?;
        }
        for time in self.faults.iter().flatten() {
            are_within(FIGURE_MAX, &[("faults", *time)])?;
        }
        Ok(())
    }
}

fn known_op(op: &str) -> Result<(), String> {
    let names = OPS.map(OpKind::name);
    if names.contains(&op) { Ok(()) } else { Err(unknown("kind of operation", op, names)) }
}
