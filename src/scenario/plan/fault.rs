//! What breaks in a run, and when: faults as data, every one with a beginning and an end.
//!
//! The kinds are those that outages are made of: partitions whole, partial (Alfatafta et al., OSDI 2020) and
//! one-way, machines that stop or stand still, disks that fill up, and "gray" failures (Huang et al., HotOS
//! 2017) in which everything still answers, but late.

use crate::time::Duration;

/// Something that breaks and is healed.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// From when.
    pub start: Duration,
    /// Until when.
    pub end: Duration,
    /// What.
    pub kind: FaultKind,
}

/// What breaks.
#[derive(Clone, Debug, PartialEq)]
pub enum FaultKind {
    /// Messages over these links are lost.
    Cut(Between),
    /// Messages over these links take this much longer.
    Delay(Between, Duration),
    /// This share of the transmissions over these links is lost, beside what the links lose themselves.
    Loss(Between, f64),
    /// This replica stops, loses what was not on disk, and restarts at the end.
    Crash(Target),
    /// This replica's process stands still: what arrives waits, and timers go off when it goes on.
    Pause(Target),
    /// No sync of this replica's disk completes before the end.
    DiskFull(Target),
    /// Syncs that this replica's disk begins take this many times as long.
    SlowDisk(Target, f64),
    /// Messages cost this replica's processor this many times as much.
    Slow(Target, f64),
    /// This replica's clock goes wrong.
    Clock(Target, ClockFault),
}

/// A replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// This one.
    Replica(usize),
    /// The one that decided a write last when the fault begins: that told the world of the last commit.
    /// Replica 0 before the first.
    Leader,
}

/// The links between two groups of sites.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Between {
    /// One group.
    pub these: Group,
    /// The other; `None` is everyone else.
    pub from: Option<Group>,
    /// Which way, seen from the first.
    pub direction: Direction,
}

/// Some sites.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// Those known in advance, in order.
    pub sites: Vec<usize>,
    /// Whether [`Target::Leader`] is among them.
    pub leader: bool,
}

/// Which messages between two groups a fault strikes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Those sent to the first group.
    In,
    /// Those it sends.
    Out,
    /// Both.
    #[default]
    Both,
}

/// How a clock goes wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ClockFault {
    /// It jumps by so many milliseconds, and back at the end unless the jump stays.
    Jump {
        /// Forward, or backward below 0.
        ms: f64,
        /// Whether it stays.
        stays: bool,
    },
    /// It runs too fast by this many parts per million beside its own drift; what it gathers stays.
    Drift {
        /// Too slow below 0.
        ppm: f64,
    },
    /// It takes a leap second that the others do not take, or take otherwise: it is a second behind them at the
    /// end, and stays so.
    Leap(Leap),
}

/// How a clock takes a second that UTC inserts (Burnicki, "Technical Aspects of Leap Second Propagation and
/// Evaluation", 2015).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Leap {
    /// At once, at the start: POSIX time repeats a second, so the clock is set back by one.
    Jump,
    /// Little by little from start to end, as in Google's and Amazon's leap smear, which takes a day.
    Smear,
}

impl Leap {
    /// How much slower a smearing clock runs, in parts per million, if the fault lasts so long; at most a tenth,
    /// with which less than ten seconds are too short for all of it.
    #[must_use]
    pub fn smear_ppm(length: Duration) -> f64 {
        (1e6 / length.as_secs()).min(1e5)
    }
}

impl Between {
    /// Sites against all others, both ways.
    #[must_use]
    pub fn others(sites: Vec<usize>) -> Self {
        let these = Group { sites, leader: false };
        Self { these, from: None, direction: Direction::Both }
    }

    /// Whether a message between two sites goes over one of these links, the leader being at `leader`.
    #[must_use]
    pub fn strikes(&self, from: usize, to: usize, leader: usize) -> bool {
        let across = |one: usize, other: usize| {
            self.these.holds(one, leader)
                && match &self.from {
                    // A site on both sides is with the first group.
                    Some(group) => group.holds(other, leader) && !self.these.holds(other, leader),
                    None => !self.these.holds(other, leader),
                }
        };
        match self.direction {
            Direction::In => across(to, from),
            Direction::Out => across(from, to),
            Direction::Both => across(from, to) || across(to, from),
        }
    }
}

impl Group {
    fn holds(&self, site: usize, leader: usize) -> bool {
        self.sites.contains(&site) || self.leader && site == leader
    }
}

impl FaultKind {
    /// What breaks and where, in the plan's names.
    #[must_use]
    pub fn told(&self, plan: &super::Plan) -> String {
        let at = |target: &Target| match target {
            Target::Replica(replica) => plan.replicas[*replica].name.as_str(),
            Target::Leader => "the leader",
        };
        let links = |between: &Between| between.told(plan);
        match self {
            Self::Cut(between) => format!("cut {}", links(between)),
            Self::Delay(between, more) => format!("{more} more {}", links(between)),
            Self::Loss(between, share) => format!("{} % lost {}", share * 100.0, links(between)),
            Self::Crash(target) => format!("crash of {}", at(target)),
            Self::Pause(target) => format!("pause of {}", at(target)),
            Self::DiskFull(target) => format!("full disk at {}", at(target)),
            Self::SlowDisk(target, factor) => {
                format!("disk {factor} times slower at {}", at(target))
            }
            Self::Slow(target, factor) => {
                format!("processor {factor} times slower at {}", at(target))
            }
            Self::Clock(target, ClockFault::Jump { ms, .. }) => {
                format!("clock jumps by {ms} ms at {}", at(target))
            }
            Self::Clock(target, ClockFault::Drift { ppm }) => {
                format!("clock drifts by {ppm} ppm at {}", at(target))
            }
            Self::Clock(target, ClockFault::Leap(Leap::Jump)) => {
                format!("leap second, clock set back at once, at {}", at(target))
            }
            Self::Clock(target, ClockFault::Leap(Leap::Smear)) => {
                format!("leap second, smeared, at {}", at(target))
            }
        }
    }
}

impl Between {
    fn told(&self, plan: &super::Plan) -> String {
        let names = |group: &Group| {
            let site = |site: &usize| match site.checked_sub(plan.replicas.len()) {
                None => plan.replicas[*site].name.clone(),
                Some(group) => {
                    let region = plan.clients.get(group).map(|group| group.region);
                    format!("clients in {}", region.map_or("?", |at| plan.regions[at].as_str()))
                }
            };
            let leader = group.leader.then(|| "the leader".to_owned());
            group.sites.iter().map(site).chain(leader).collect::<Vec<_>>().join(", ")
        };
        let others = self.from.as_ref().map_or("all others".to_owned(), names);
        let these = names(&self.these);
        match self.direction {
            Direction::In => format!("from {others} to {these}"),
            Direction::Out => format!("from {these} to {others}"),
            Direction::Both => format!("between {these} and {others}"),
        }
    }
}
