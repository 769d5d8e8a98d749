//! One history in figures: latency, availability and staleness by phase, region and kind of
//! operation, and the verdict on its promise. Small enough to keep or to send between threads;
//! summaries of several seeds merge in any order.
//!
//! Times count from the *intended* start (Tene's remedy for coordinated omission); service times
//! from the actual one. An operation that failed or whose outcome is unknown counts as at least the
//! timeout. An operation belongs to the phase in which it was intended, or to the fault that struck it
//! (`availability`). What was intended before the end of the warm-up is judged but not measured.

use super::availability::{self, each_measured, phase_of};
use super::evidence::{Exhibit, exhibits};
use super::index::{self, Order};
use super::lost::lost_writes;
use super::merged;
use super::slot::Slot;
use super::staleness::observe;
use super::visibility::{self, Visibility};
use super::{Verdict, judge};
use crate::guarantee::Guarantee;
use crate::history::{History, Operation, Phase, Status, Traffic};
use crate::op::OpKind;
use crate::time::Duration;

/// The phases in the order of [`Summary`]'s tables.
pub const PHASES: [Phase; 3] = [Phase::Healthy, Phase::Partitioned, Phase::Recovering];

/// The kinds of operation in the order of [`Summary`]'s tables.
pub const OPS: [OpKind; 4] = [OpKind::Read, OpKind::Write, OpKind::Scan, OpKind::Rmw];

/// What a summary needs to know beside the history.
#[derive(Clone, Debug)]
pub struct Context {
    /// What is claimed for the reads.
    pub promise: Guarantee,
    /// When operations are given up.
    pub timeout: Duration,
    /// The clients' regions in the order rows shall have; groups of one region are merged. A group
    /// whose region is missing here is added at the end.
    pub regions: Vec<String>,
}

/// One history, or several of one cell, in figures.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The clients' regions.
    pub regions: Vec<String>,
    /// By phase, region and kind of operation; `None` where nothing was measured.
    slots: Vec<Option<Box<Slot>>>,
    /// Nanoseconds measured, by phase.
    pub measured: [u64; 3],
    /// Nanoseconds from the start to the horizon.
    pub span: u64,
    /// Operations recorded, warm-up included.
    pub operations: u64,
    /// Messages and bytes in the measured time.
    pub traffic: Traffic,
    /// t-visibility by region.
    pub visibility: Vec<Visibility>,
    /// The verdict on the promise.
    pub verdict: Verdict,
    /// The operations that break it, if some do.
    pub exhibits: Vec<Exhibit>,
}

impl Summary {
    fn new(regions: Vec<String>, verdict: Verdict) -> Self {
        Self {
            slots: vec![None; PHASES.len() * regions.len() * OPS.len()],
            visibility: vec![Visibility::default(); regions.len()],
            regions,
            measured: [0; 3],
            span: 0,
            operations: 0,
            traffic: Traffic::default(),
            verdict,
            exhibits: Vec::new(),
        }
    }

    fn at(&self, phase: Phase, region: usize, op: OpKind) -> usize {
        (phase as usize * self.regions.len() + region) * OPS.len() + op as usize
    }

    /// The figures of a phase, region (index into `regions`) and kind; `None` if nothing was
    /// measured.
    #[must_use]
    pub fn slot(&self, phase: Phase, region: usize, op: OpKind) -> Option<&Slot> {
        self.slots[self.at(phase, region, op)].as_deref()
    }

    /// The figures of all regions together.
    #[must_use]
    pub fn slot_of_all(&self, phase: Phase, op: OpKind) -> Option<Slot> {
        let mut slots = (0..self.regions.len()).filter_map(|region| self.slot(phase, region, op));
        let mut all = slots.next()?.clone();
        slots.for_each(|slot| all.merge(slot));
        Some(all)
    }

    pub(super) fn slot_mut(&mut self, phase: Phase, region: usize, op: OpKind) -> &mut Slot {
        let at = self.at(phase, region, op);
        self.slots[at].get_or_insert_default()
    }

    /// Adds the figures of another seed of the same cell. Of two equally bad verdicts the first
    /// stays.
    pub fn merge(&mut self, other: &Self) {
        for (theirs, region) in other.regions.iter().enumerate() {
            let ours = self.region(region);
            self.visibility[ours].merge(&other.visibility[theirs]);
            for (phase, op) in PHASES.into_iter().flat_map(|p| OPS.map(|op| (p, op))) {
                if let Some(slot) = other.slot(phase, theirs, op) {
                    self.slot_mut(phase, ours, op).merge(slot);
                }
            }
        }
        for (ours, theirs) in self.measured.iter_mut().zip(other.measured) {
            *ours += theirs;
        }
        self.span += other.span;
        self.operations += other.operations;
        self.traffic.messages += other.traffic.messages;
        self.traffic.bytes += other.traffic.bytes;
        if other.verdict.rank() > self.verdict.rank() {
            self.verdict = other.verdict.clone();
            self.exhibits.clone_from(&other.exhibits);
        }
    }

    /// The index of a region, which is added if it is new.
    fn region(&mut self, name: &str) -> usize {
        if let Some(at) = self.regions.iter().position(|region| region == name) {
            return at;
        }
        let mut wider = Self::new(self.regions.clone(), Verdict::Holds);
        wider.regions.push(name.to_owned());
        wider.visibility.push(Visibility::default());
        wider.slots.resize_with(PHASES.len() * wider.regions.len() * OPS.len(), || None);
        for (phase, op) in PHASES.into_iter().flat_map(|p| OPS.map(|op| (p, op))) {
            for region in 0..self.regions.len() {
                let (from, to) = (self.at(phase, region, op), wider.at(phase, region, op));
                wider.slots[to] = self.slots[from].take();
            }
        }
        self.slots = wider.slots;
        self.regions = wider.regions;
        self.visibility.push(Visibility::default());
        self.regions.len() - 1
    }
}

/// Measures and judges one history.
#[must_use]
pub fn summarize(history: &History, context: &Context) -> Summary {
    let mut summary = Summary::new(context.regions.clone(), judge(history, context.promise));
    if let Verdict::Violated(counterexample) = &summary.verdict {
        summary.exhibits = exhibits(history, counterexample);
    }
    summary.operations = history.operations.len() as u64;
    summary.span = history.horizon.0;
    summary.traffic = history.traffic;
    summary.measured = measured(history);
    let region_of: Vec<usize> = history.groups.iter().map(|name| summary.region(name)).collect();
    measure_times(history, context.timeout, &region_of, &mut summary);
    availability::measure(history, context.timeout, &region_of, &mut summary);
    measure_staleness(history, context.timeout, &region_of, &mut summary);
    summary
}

/// How long each phase lasted between the end of the warm-up and the horizon.
fn measured(history: &History) -> [u64; 3] {
    let mut lasted = [0; 3];
    let mut from = history.warm_up;
    let edges = history.windows.iter().flat_map(|window| [window.start, window.end]);
    for to in edges.chain([history.horizon]) {
        let to = to.min(history.horizon);
        if to > from {
            lasted[history.phase(from) as usize] += to.since(from).0;
            from = to;
        }
    }
    lasted
}

fn measure_times(history: &History, timeout: Duration, region_of: &[usize], summary: &mut Summary) {
    each_measured(history, |op, unread| {
        let region = region_of[usize::from(op.group)];
        let phase = phase_of(history, op, timeout);
        record(history, op, timeout, summary.slot_mut(phase, region, op.kind));
        // What a fault has struck belongs to it; but if it should have begun before, it was late then.
        let planned = history.phase(op.intended);
        if planned != phase && planned != history.phase(op.invoked) {
            summary.slot_mut(planned, region, op.kind).never_begun += 1;
        }
        if unread {
            summary.slot_mut(phase, region, OpKind::Write).never_begun += 1;
        }
    });
}

fn record(history: &History, op: &Operation, timeout: Duration, slot: &mut Slot) {
    let passed = op.completed.since(op.intended);
    let served = op.completed.since(op.invoked);
    match op.status {
        Status::Ok | Status::Refused => {
            slot.ok += 1;
            slot.refused += u64::from(op.status == Status::Refused);
            let phases = [op.intended, op.invoked].map(|at| history.phase(at));
            slot.in_time += u64::from(op.invoked <= history.horizon && phases[0] == phases[1]);
            slot.response.record(passed);
            slot.service.record(served);
        }
        Status::Failed => {
            slot.failed += 1;
            slot.response.record(passed.max(timeout));
            // What was given up unsent was never served.
            if served > Duration::ZERO || passed < timeout {
                slot.service.record(served.max(timeout));
            }
        }
        Status::Unknown => {
            slot.unknown += 1;
            slot.response.record(timeout);
            slot.service.record(timeout);
        }
    }
}

/// Lost writes, and staleness, which counts operations: a scan is as stale as the worst of its values.
fn measure_staleness(
    history: &History,
    timeout: Duration,
    region_of: &[usize],
    summary: &mut Summary,
) {
    if history.merged {
        return measure_merged(history, timeout, region_of, summary);
    }
    let (order, writes) = (Order::of(history), index::writes(history));
    lost_writes(history, &order, |id, lost| {
        let op = &history.operations[id as usize];
        if op.intended >= history.warm_up {
            let region = region_of[usize::from(op.group)];
            let slot = summary.slot_mut(phase_of(history, op, timeout), region, op.kind);
            slot.placed += 1;
            slot.lost += u64::from(lost);
        }
    });
    // The scan in progress; its figures are added when the next operation's begin.
    let mut pending: Option<Seen> = None;
    observe(history, &order, &writes, |seen| {
        let op = &history.operations[seen.op as usize];
        // A refused update is judged as a read, but it is no row of reads.
        if op.intended < history.warm_up || op.kind == OpKind::Write {
            return;
        }
        let region = region_of[usize::from(op.group)];
        if let Some((t, fresh)) = visibility::place(history, &order, &writes, &seen) {
            summary.visibility[region].record(t, fresh);
        }
        let one = Seen {
            op: seen.op,
            acknowledged: seen.acknowledged,
            age: seen.age,
            versions: seen.versions,
            decided: seen.decided,
            behind: seen.behind,
        };
        match &mut pending {
            Some(scan) if scan.op == seen.op => scan.join(one),
            _ => {
                if let Some(done) = pending.replace(one) {
                    done.add(history, timeout, region_of, summary);
                }
            }
        }
    });
    if let Some(done) = pending {
        done.add(history, timeout, region_of, summary);
    }
}

/// The same where conflicts are merged; scans, which show one value of each key, are left out.
fn measure_merged(
    history: &History,
    timeout: Duration,
    region_of: &[usize],
    summary: &mut Summary,
) {
    let measured = |id: u32| {
        let op = &history.operations[id as usize];
        let at = (phase_of(history, op, timeout), region_of[usize::from(op.group)], op.kind);
        (op.intended >= history.warm_up).then_some(at)
    };
    merged::lost_updates(history, |id, lost| {
        if let Some((phase, region, kind)) = measured(id) {
            let slot = summary.slot_mut(phase, region, kind);
            slot.placed += 1;
            slot.lost += u64::from(lost);
        }
    });
    merged::observe(history, |missed| {
        if let Some((phase, region, kind)) = measured(missed.op) {
            let slot = summary.slot_mut(phase, region, kind);
            slot.conflicts += u64::from(missed.values > 1);
            slot.fresh_or_stale += u64::from(missed.acknowledged);
            if let Some(age) = missed.age {
                slot.stale += 1;
                slot.stale_age.record(age);
                slot.stale_versions += u64::from(missed.updates);
                slot.stale_versions_max = slot.stale_versions_max.max(u64::from(missed.updates));
            }
        }
    });
}

/// What one operation saw, all its keys together.
#[derive(Clone, Copy)]
struct Seen {
    op: u32,
    acknowledged: bool,
    age: Option<Duration>,
    versions: u32,
    decided: bool,
    behind: Option<Duration>,
}

impl Seen {
    fn join(&mut self, other: Self) {
        self.acknowledged |= other.acknowledged;
        self.age = self.age.max(other.age);
        self.versions = self.versions.max(other.versions);
        self.decided |= other.decided;
        self.behind = self.behind.max(other.behind);
    }

    fn add(self, history: &History, timeout: Duration, region_of: &[usize], summary: &mut Summary) {
        let op = &history.operations[self.op as usize];
        let region = region_of[usize::from(op.group)];
        let slot = summary.slot_mut(phase_of(history, op, timeout), region, op.kind);
        slot.fresh_or_stale += u64::from(self.acknowledged);
        slot.decided += u64::from(self.decided);
        if let Some(age) = self.age {
            slot.stale += 1;
            slot.stale_age.record(age);
            slot.stale_versions += u64::from(self.versions);
            slot.stale_versions_max = slot.stale_versions_max.max(u64::from(self.versions));
        }
        if let Some(age) = self.behind {
            slot.behind += 1;
            slot.behind_age.record(age);
        }
    }
}

#[cfg(test)]
mod tests {
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
        let curve: Vec<_> =
            summary.visibility[0].points().iter().map(|p| (p.t_ms, p.fresh)).collect();
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
        assert_eq!(
            (slot(OpKind::Rmw).n(), slot(OpKind::Read).n(), slot(OpKind::Write).n()),
            (1, 1, 2)
        );
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
}
