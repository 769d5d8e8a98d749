//! Fault schedules drawn from a seed, as swarm tests draw them (Groce et al., "Swarm Testing", ISSTA 2012).
//!
//! A drawn schedule leaves out about half of the kinds it might have, so that those that remain can show
//! what a mixture would hide. The draw has a stream of its own: a schedule shifts no arrival and no delay.
//! Every fault that is drawn can be written in a scenario file, so that a schedule which breaks something
//! can be kept.

use super::{Between, ClockFault, Direction, Fault, FaultKind, Group, Plan, Target};
use crate::distribution::Distribution;
use crate::rng::Rng;
use crate::time::Duration;

/// How schedules are drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RandomFaults {
    /// A schedule has one to this many faults, each period of one that flaps not counted.
    pub most: u32,
    /// What they may be.
    pub kinds: Vec<RandomKind>,
    /// None begins before.
    pub start: Duration,
    /// All have ended then.
    pub end: Duration,
    /// None lasts longer.
    pub longest: Duration,
}

/// What may be drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RandomKind {
    /// Regions, a replica or the leader are cut off.
    Cut,
    /// The same in one direction.
    OneWay,
    /// Two groups cannot reach each other, and all others reach both.
    Partial,
    /// A cut that comes and goes.
    Flapping,
    /// A replica stops and restarts.
    Crash,
    /// A replica stands still.
    Pause,
    /// A disk completes nothing.
    DiskFull,
    /// A disk is slow.
    SlowDisk,
    /// A processor is slow.
    Slow,
    /// Links are slow.
    Delay,
    /// Links lose.
    Loss,
    /// A clock jumps or drifts.
    Clock,
}

impl RandomKind {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Cut,
        Self::OneWay,
        Self::Partial,
        Self::Flapping,
        Self::Crash,
        Self::Pause,
        Self::DiskFull,
        Self::SlowDisk,
        Self::Slow,
        Self::Delay,
        Self::Loss,
        Self::Clock,
    ];

    /// As files write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::OneWay => "one-way",
            Self::Partial => "partial",
            Self::Flapping => "flapping",
            Self::Crash => "crash",
            Self::Pause => "pause",
            Self::DiskFull => "disk-full",
            Self::SlowDisk => "slow-disk",
            Self::Slow => "slow",
            Self::Delay => "delay",
            Self::Loss => "loss",
            Self::Clock => "clock",
        }
    }

    /// Whether the plan's sites and machines can have it.
    pub(in crate::scenario) fn fits(self, plan: &Plan) -> bool {
        let costs = |cost: &Distribution| *cost != Distribution::ZERO;
        match self {
            Self::SlowDisk => plan.replicas.iter().all(|host| costs(&host.disk_ms)),
            Self::Slow => plan.replicas.iter().all(|host| costs(&host.service_ms)),
            Self::Partial => plan.replicas.len() > 2,
            _ => true,
        }
    }
}

impl RandomFaults {
    /// As many faults in a minute, over a run of this length instead of that one.
    #[must_use]
    pub fn spread(&self, length: Duration, instead_of: Option<Duration>) -> Self {
        // What was left to heal at the end stays.
        let rest = instead_of.map_or(0, |old| old.0.saturating_sub(self.end.0));
        let end = length.0.saturating_sub(rest).max(self.start.0 + self.longest.0);
        let windows = (end - self.start.0) as f64 / (self.end.0 - self.start.0).max(1) as f64;
        let most = (f64::from(self.most) * windows).round().max(1.0) as u32;
        Self { most, end: Duration(end), ..self.clone() }
    }

    /// The schedule of this seed, in order of time.
    #[must_use]
    pub fn draw(&self, plan: &Plan, seed: u64) -> Vec<Fault> {
        let rng = &mut Rng::stream(seed, "random faults", 0);
        let mut kinds: Vec<RandomKind> =
            self.kinds.iter().copied().filter(|_| rng.below(2) == 0).collect();
        if kinds.is_empty() {
            kinds.extend(self.kinds.get(rng.below(self.kinds.len().max(1) as u64) as usize));
        }
        let mut faults: Vec<Fault> = Vec::new();
        let count = 1 + rng.below(u64::from(self.most));
        for _ in 0..count.min(count * kinds.len() as u64) {
            let kind = kinds[rng.below(kinds.len() as u64) as usize];
            let (start, end) = self.when(rng);
            let what = what(kind, plan, rng);
            // One crash of a replica ends before the next begins, as scenario files have it.
            let down = |other: &Fault| {
                matches!(what, FaultKind::Crash(Target::Replica(_)))
                    && other.kind == what
                    && other.start < end
                    && start < other.end
            };
            if !faults.iter().any(down) {
                let periods = if kind == RandomKind::Flapping {
                    flaps(start, end, rng)
                } else {
                    vec![(start, end)]
                };
                let fault = |(start, end)| Fault { start, end, kind: what.clone() };
                faults.extend(periods.into_iter().map(fault));
            }
        }
        faults.sort_by_key(|fault| (fault.start, fault.end));
        faults
    }

    /// In whole milliseconds, so that files can say it.
    fn when(&self, rng: &mut Rng) -> (Duration, Duration) {
        let ms = |time: Duration| time.0 / 1_000_000;
        let start = ms(self.start) + rng.below((ms(self.end) - ms(self.start)).max(1));
        let end = start + 1 + rng.below(ms(self.longest).max(1));
        (Duration::millis(start), Duration::millis(end.min(ms(self.end)).max(start + 1)))
    }
}

/// Up to five periods with rests between them.
fn flaps(start: Duration, end: Duration, rng: &mut Rng) -> Vec<(Duration, Duration)> {
    let (from, to) = (start.0 / 1_000_000, end.0 / 1_000_000);
    let every = ((to - from) / (2 + rng.below(4))).max(2);
    let lasts = 1 + rng.below(every - 1);
    let begins = (from..to).step_by(every as usize);
    begins.map(|at| (Duration::millis(at), Duration::millis((at + lasts).min(to)))).collect()
}

fn what(kind: RandomKind, plan: &Plan, rng: &mut Rng) -> FaultKind {
    let any = [Direction::In, Direction::Out, Direction::Both];
    let factor = |rng: &mut Rng| [3.0, 30.0, 300.0][rng.below(3) as usize];
    match kind {
        RandomKind::Cut | RandomKind::Flapping => {
            FaultKind::Cut(links(plan, rng, false, Direction::Both))
        }
        RandomKind::OneWay => {
            let way = any[rng.below(2) as usize];
            FaultKind::Cut(links(plan, rng, false, way))
        }
        RandomKind::Partial => FaultKind::Cut(links(plan, rng, true, Direction::Both)),
        RandomKind::Crash => FaultKind::Crash(target(plan, rng)),
        RandomKind::Pause => FaultKind::Pause(target(plan, rng)),
        RandomKind::DiskFull => FaultKind::DiskFull(target(plan, rng)),
        RandomKind::SlowDisk => FaultKind::SlowDisk(target(plan, rng), factor(rng)),
        RandomKind::Slow => FaultKind::Slow(target(plan, rng), factor(rng)),
        RandomKind::Delay => {
            let way = any[rng.below(3) as usize];
            FaultKind::Delay(links(plan, rng, false, way), Duration::millis(1 + rng.below(800)))
        }
        RandomKind::Loss => {
            let way = any[rng.below(3) as usize];
            FaultKind::Loss(links(plan, rng, false, way), [0.1, 0.5, 0.9][rng.below(3) as usize])
        }
        RandomKind::Clock => {
            let error = if rng.below(2) == 0 {
                ClockFault::Jump { ms: rng.below(1_001) as f64 - 500.0, stays: rng.below(2) == 0 }
            } else {
                ClockFault::Drift { ppm: rng.below(2_001) as f64 - 1_000.0 }
            };
            FaultKind::Clock(target(plan, rng), error)
        }
    }
}

/// The leader one time in three.
fn target(plan: &Plan, rng: &mut Rng) -> Target {
    match rng.below(3) {
        0 => Target::Leader,
        _ => Target::Replica(rng.below(plan.replicas.len() as u64) as usize),
    }
}

/// Some regions, one replica or the leader against all others; or, partially, one replica against another,
/// their regions' clients not concerned.
fn links(plan: &Plan, rng: &mut Rng, partial: bool, direction: Direction) -> Between {
    let replicas = plan.replicas.len() as u64;
    let known = |sites| Group { sites, leader: false };
    if partial {
        let one = rng.below(replicas);
        let other = (one + 1 + rng.below(replicas - 1)) % replicas;
        let from = Some(known(vec![other as usize]));
        return Between { these: known(vec![one as usize]), from, direction };
    }
    let regions = plan.regions.len() as u64;
    let these = match rng.below(4) {
        0 => Group { sites: Vec::new(), leader: true },
        1 => known(vec![rng.below(replicas) as usize]),
        _ if !(2..=16).contains(&regions) => known(vec![rng.below(replicas) as usize]),
        _ => {
            let chosen = 1 + rng.below((1 << regions) - 2);
            let there = plan.site_regions().enumerate();
            known(there.filter(|(_, region)| chosen >> region & 1 == 1).map(|(i, _)| i).collect())
        }
    };
    Between { these, from: None, direction }
}
