//! One history in figures: latency, availability, staleness and what sessions and writes suffered, by
//! phase, region and kind of operation, and the verdict on its promise. Small enough to keep or to send
//! between threads; summaries of several seeds merge in any order.
//!
//! Times count from the *intended* start (Tene's remedy for coordinated omission); service times
//! from the actual one. An operation that failed or whose outcome is unknown counts as at least the
//! timeout. An operation belongs to the phase in which it was intended, or to the fault that struck it
//! (`availability`). What was intended before the end of the warm-up is judged but not measured.

use super::availability::{self, each_measured, phase_of};
use super::cost::{self, Cost};
use super::evidence::{Exhibit, exhibits};
use super::index::{self, Order};
use super::lost::lost_writes;
use super::merged;
use super::outage::{self, Faulted};
use super::slot::Slot;
use super::staleness::observe;
use super::visibility::{self, Visibility};
use super::{Verdict, judge, session, undone};
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
    /// What faults did, where there were any.
    pub faulted: Option<Faulted>,
    /// What it cost in the unit of its domain, where its objects have one.
    pub cost: Option<Cost>,
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
            faulted: None,
            cost: None,
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
        self.traffic.hints += other.traffic.hints;
        self.traffic.repairs += other.traffic.repairs;
        self.traffic.mending_bytes += other.traffic.mending_bytes;
        if other.verdict.rank() > self.verdict.rank() {
            self.verdict = other.verdict.clone();
            self.exhibits.clone_from(&other.exhibits);
        }
        match (&mut self.faulted, &other.faulted) {
            (Some(ours), Some(theirs)) => ours.merge(theirs),
            (ours, theirs) => *ours = ours.take().or_else(|| theirs.clone()),
        }
        match (&mut self.cost, &other.cost) {
            (Some(ours), Some(theirs)) => ours.merge(theirs),
            (ours, theirs) => *ours = ours.or(*theirs),
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
    measure_consistency(history, context.timeout, &region_of, &mut summary);
    summary.faulted = outage::measure(history, context.timeout);
    summary.cost = cost::of(history);
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

/// The slot of an operation, if it is measured.
fn slot_of<'s>(
    history: &History,
    id: u32,
    timeout: Duration,
    region_of: &[usize],
    summary: &'s mut Summary,
) -> Option<&'s mut Slot> {
    let op = &history.operations[id as usize];
    let region = region_of[usize::from(op.group)];
    let measured = op.intended >= history.warm_up;
    measured.then(|| summary.slot_mut(phase_of(history, op, timeout), region, op.kind))
}

/// What reads missed, what became of writes, and what sessions saw of either.
fn measure_consistency(
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
        if let Some(slot) = slot_of(history, id, timeout, region_of, summary) {
            slot.placed += 1;
            slot.lost += u64::from(lost);
        }
    });
    undone::fates(history, &writes, |id, gone| {
        if let Some(slot) = slot_of(history, id, timeout, region_of, summary) {
            slot.undone.note(Some(gone));
        }
    });
    session::observe(history, &order, |standing| {
        let Some(slot) = slot_of(history, standing.op, timeout, region_of, summary) else { return };
        let writes = history.operations[standing.op as usize].kind == OpKind::Write;
        let (own, read) =
            if writes { (&mut slot.mw, &mut slot.wfr) } else { (&mut slot.ryw, &mut slot.mr) };
        own.note(standing.below_writes);
        read.note(standing.below_reads);
    });
    measure_staleness(history, (&order, &writes), timeout, region_of, summary);
}

/// Staleness counts operations: a scan is as stale as the worst of its values.
fn measure_staleness(
    history: &History,
    (order, writes): (&Order, &[u32]),
    timeout: Duration,
    region_of: &[usize],
    summary: &mut Summary,
) {
    // The scan in progress; its figures are added when the next operation's begin.
    let mut pending: Option<Seen> = None;
    observe(history, order, writes, |seen| {
        let op = &history.operations[seen.op as usize];
        // A refused update is judged as a read, but it is no row of reads.
        if op.intended < history.warm_up || op.kind == OpKind::Write {
            return;
        }
        let region = region_of[usize::from(op.group)];
        if let Some((t, fresh)) = visibility::place(history, order, writes, &seen) {
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
    merged::lost_updates(history, |id, lost| {
        if let Some(slot) = slot_of(history, id, timeout, region_of, summary) {
            slot.placed += 1;
            slot.lost += u64::from(lost);
        }
    });
    merged::observe(history, |missed| {
        if let Some(slot) = slot_of(history, missed.op, timeout, region_of, summary) {
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
        let Some(slot) = slot_of(history, self.op, timeout, region_of, summary) else { return };
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
mod tests;
