//! One cell, resolved: everything a world needs except the seed. Pure data, already validated, no
//! names left to look up.

mod fault;
mod random;

pub use fault::{Between, ClockFault, Direction, Fault, FaultKind, Group, Leap, Target};
pub use random::{RandomFaults, RandomKind};

use super::systems::SystemLevel;
use crate::distribution::Distribution;
use crate::op::{Contents, Level};
use crate::time::Duration;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// A cell's coordinates. Its full name is `scenario/mode[/variant]/level`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CellName {
    /// The scenario's name.
    pub scenario: String,
    /// The mode's name within it.
    pub mode: String,
    /// The value of each axis the scenario varies: `rtt=50ms`, joined by commas; empty without axes.
    pub variant: String,
    /// The consistency level of its operations.
    pub level: Level,
}

impl std::fmt::Display for CellName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/", self.scenario, self.mode)?;
        if !self.variant.is_empty() {
            write!(f, "{}/", self.variant)?;
        }
        write!(f, "{}", self.level)
    }
}

/// A number on a scenario's first axis, for charts that draw against it.
#[derive(Clone, Debug, PartialEq)]
pub struct AxisPoint {
    /// The axis: `rtt`, `rate`, `disk`.
    pub axis: String,
    /// Its unit, possibly empty: `ms`, `op/s`.
    pub unit: String,
    /// Where on it this cell stands.
    pub at: f64,
}

/// One cell, ready to run.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Its name.
    pub name: CellName,
    /// Where it stands on the scenario's first numeric axis, if it has one.
    pub axis: Option<AxisPoint>,
    /// A protocol of the catalogue.
    pub protocol: String,
    /// The protocol's settings, checked against it.
    pub config: toml::Table,
    /// Names of the regions in use.
    pub regions: Vec<String>,
    /// The replicas, `NodeId(0)..`.
    pub replicas: Vec<Host>,
    /// Client groups; their sessions' addresses follow the replicas', group by group.
    pub clients: Vec<ClientGroup>,
    /// Directed links between sites in row-major order. Site `i` is replica `i`; site
    /// `replicas.len() + g` is client group `g`.
    pub links: Vec<Link>,
    /// What is asked of the store.
    pub load: Load,
    /// Keys that exist at the start.
    pub records: u32,
    /// What keys hold at first.
    pub contents: Contents,
    /// How long, and how much of the beginning is not measured.
    pub length: Length,
    /// Dropped from every figure, not from the verdict.
    pub warm_up: Duration,
    /// An operation older than this, counted from its intended time, is given up.
    pub timeout: Duration,
    /// A client that hears nothing for this long tries another replica.
    pub attempt_timeout: Duration,
    /// What breaks, and when.
    pub faults: Vec<Fault>,
    /// What breaks beside that, drawn from the seed.
    pub random_faults: Option<RandomFaults>,
    /// Of a mode that is broken on purpose.
    pub canary: Option<Canary>,
    /// Of a named system: what it calls the level, and what is claimed for it.
    pub claim: Option<SystemLevel>,
}

/// What must object to a mode that is broken on purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canary {
    /// A checker's name.
    pub caught_by: String,
    /// Under how many seeds, from the first on, it must object to one at least.
    pub within: u32,
}

impl Plan {
    /// How many sites the link table has on each side.
    #[must_use]
    pub fn sites(&self) -> usize {
        self.replicas.len() + self.clients.len()
    }

    /// By site, its index into [`Plan::regions`].
    pub fn site_regions(&self) -> impl Iterator<Item = usize> {
        let replicas = self.replicas.iter().map(|host| host.region);
        replicas.chain(self.clients.iter().map(|group| group.region))
    }

    /// The directed link between two sites.
    #[must_use]
    pub fn link(&self, from: usize, to: usize) -> &Link {
        &self.links[from * self.sites() + to]
    }

    /// The least time news takes from one client region to another, over whatever sites make it
    /// least: no message is faster. Empty where jitter may shorten a link.
    #[must_use]
    pub fn fastest_news(&self) -> Vec<(&str, &str, Duration)> {
        let sites = self.sites();
        if self.links.iter().any(|link| link.jitter_factor != Distribution::Constant(1.0)) {
            return Vec::new();
        }
        let mut least: Vec<Duration> = self.links.iter().map(|link| link.base).collect();
        for over in 0..sites {
            for from in 0..sites {
                for to in 0..sites {
                    let detour = least[from * sites + over] + least[over * sites + to];
                    least[from * sites + to] = least[from * sites + to].min(detour);
                }
            }
        }
        let mut found: Vec<(&str, &str, Duration)> = Vec::new();
        for (i, from) in self.clients.iter().enumerate() {
            for (j, to) in
                self.clients.iter().enumerate().filter(|(_, to)| to.region != from.region)
            {
                let time = least[(self.replicas.len() + i) * sites + self.replicas.len() + j];
                let places = (&*self.regions[from.region], &*self.regions[to.region]);
                match found.iter_mut().find(|known| (known.0, known.1) == places) {
                    Some(known) => known.2 = known.2.min(time),
                    None => found.push((places.0, places.1, time)),
                }
            }
        }
        found
    }

    /// The plan with what breaks under this seed listed, and nothing left to draw.
    #[must_use]
    pub fn drawn(&self, seed: u64) -> Cow<'_, Self> {
        let Some(random) = &self.random_faults else { return Cow::Borrowed(self) };
        let mut plan = Self { random_faults: None, ..self.clone() };
        plan.faults.extend(random.draw(self, seed));
        plan.faults.sort_by_key(|fault| (fault.start, fault.end));
        Cow::Owned(plan)
    }

    /// Has the run last this long, warm-up included, with random faults spread over all of it.
    ///
    /// # Errors
    /// If the warm-up or a fault lasts longer.
    pub fn last(&mut self, length: Duration) -> Result<(), String> {
        let name = &self.name;
        if self.warm_up >= length {
            return Err(format!(
                "{name}: a run of {length} has no end to its warm-up of {}",
                self.warm_up
            ));
        }
        if let Some(fault) = self.faults.iter().find(|fault| fault.end > length) {
            return Err(format!("{name}: a fault ends at {}, after a run of {length}", fault.end));
        }
        let before = match self.length {
            Length::Time(time) => Some(time),
            Length::Operations(_) => None,
        };
        self.random_faults = self.random_faults.take().map(|random| random.spread(length, before));
        self.length = Length::Time(length);
        Ok(())
    }

    /// Cuts the run down so that it takes milliseconds, for smoke runs that want verdicts and no
    /// figures. A plan with faults stays as it is: its phases are what it is about.
    pub fn shorten(&mut self) {
        if !self.faults.is_empty() || self.random_faults.is_some() {
            return;
        }
        let most = match self.load {
            Load::Mix => SMOKE_OPERATIONS,
            Load::Probe(_) => SMOKE_ROUNDS,
        };
        self.length = match (self.length, self.planned_rate()) {
            (Length::Operations(n), _) => Length::Operations(n.min(most)),
            // Planned arrivals say how long that many operations take; a closed loop does not.
            (Length::Time(time), Some(rate)) => {
                let enough = Duration::from_ms(most as f64 / rate * 1e3);
                Length::Time(time.min(self.warm_up + enough.max(Duration::millis(1))))
            }
            (Length::Time(_), None) => Length::Operations(most),
        };
        if let Length::Operations(_) = self.length {
            // A time would swallow a count: nothing would be left to judge.
            self.warm_up = Duration::ZERO;
        }
    }

    /// Operations per second of all groups, if every group's arrivals are planned.
    fn planned_rate(&self) -> Option<f64> {
        let rate = |group: &ClientGroup| match group.mix.arrivals {
            Arrivals::Poisson { rate } | Arrivals::Constant { rate } => Some(rate),
            Arrivals::Closed { .. } => None,
        };
        match self.load {
            Load::Mix => self.clients.iter().map(rate).sum(),
            Load::Probe(_) => None,
        }
    }
}

/// How many operations a smoke run asks for.
const SMOKE_OPERATIONS: u64 = 300;
/// How many rounds of probes.
const SMOKE_ROUNDS: u64 = 20;

/// A replica's machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Host {
    /// `n0`, `n1`, ... unless the scenario names it.
    pub name: String,
    /// Index into [`Plan::regions`].
    pub region: usize,
    /// Its availability zone within the region.
    pub zone: String,
    /// Milliseconds of processor time per message.
    pub service_ms: Distribution,
    /// Milliseconds one sync of the log takes.
    pub disk_ms: Distribution,
    /// How wrong its clock is.
    pub clock: ClockError,
}

/// How a node's clock differs from true time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClockError {
    /// Milliseconds ahead of true time at the start; negative for behind.
    pub offset_ms: f64,
    /// Parts per million it runs too fast; negative for too slow.
    pub drift_ppm: f64,
}

/// Clients that share a place and a load.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientGroup {
    /// Index into [`Plan::regions`].
    pub region: usize,
    /// Its availability zone.
    pub zone: String,
    /// How many sessions, each with one operation in flight.
    pub sessions: u32,
    /// What they do; ignored under [`Load::Probe`].
    pub mix: Mix,
}

/// One direction of a link.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// Delay without jitter.
    pub base: Duration,
    /// Milliseconds added per message.
    pub jitter_ms: Distribution,
    /// What replaces `jitter_ms` on each leg of an operation, by [`crate::op::Leg`], where it differs.
    pub legs: [Option<Distribution>; 4],
    /// The base delay is multiplied by this, drawn per message.
    pub jitter_factor: Distribution,
    /// Probability that a transmission is lost.
    pub loss: f64,
    /// How long after a loss the transmission is repeated, doubling each time; `None` drops the message.
    pub retransmit: Option<Duration>,
    /// Bytes per second; `None` is unlimited.
    pub bandwidth: Option<f64>,
    /// Whether a later message may overtake an earlier one.
    pub order: Order,
}

/// Delivery order on one directed link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// As over one TCP connection.
    #[default]
    Fifo,
    /// As over UDP.
    Reorder,
}

/// What is asked of the store.
#[derive(Clone, Debug, PartialEq)]
pub enum Load {
    /// Every client group does its own mix.
    Mix,
    /// Rounds of one write and reads at fixed times after its acknowledgement, for t-visibility.
    Probe(Probe),
}

/// Read-after-write probing: one session of group `writer` writes a key; at the acknowledgement
/// plus each offset, one session of every group reads it; when all have answered and `pause` has
/// passed, the next round begins with the next key.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// Index into [`Plan::clients`].
    pub writer: usize,
    /// Times after the acknowledgement.
    pub offsets: Vec<Duration>,
    /// Rest between rounds.
    pub pause: Duration,
}

/// Shares of operations, as in YCSB; they add up to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Mix {
    /// Single reads.
    pub read: f64,
    /// Writes of existing keys.
    pub update: f64,
    /// Writes of new keys.
    pub insert: f64,
    /// Scans.
    pub scan: f64,
    /// Read-modify-writes.
    pub rmw: f64,
    /// How keys are chosen.
    pub keys: KeyChoice,
    /// Scans take 1 to this many keys.
    pub scan_max: u16,
    /// Milliseconds for which a lock that was granted is held.
    pub hold_ms: Distribution,
    /// The share of a counter's updates that take 1 from it; the others add 1.
    pub decrement: f64,
    /// When operations begin.
    pub arrivals: Arrivals,
}

/// How a key is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyChoice {
    /// All alike.
    Uniform,
    /// YCSB's scrambled zipfian: ranks of a fixed universe of 10^10, hashed over the keys.
    Zipfian,
    /// The newest most often, plain zipfian over age.
    Latest,
    /// `operations` of the requests go to the first `data` of the keys.
    Hotspot {
        /// Share of the keys that is hot.
        data: f64,
        /// Share of the operations that goes there.
        operations: f64,
    },
}

/// When a session begins its operations.
#[derive(Clone, Debug, PartialEq)]
pub enum Arrivals {
    /// Each begins when the last ended and this many milliseconds have passed.
    Closed {
        /// Think time in milliseconds.
        think_ms: Distribution,
    },
    /// Planned in advance, exponential gaps; operations per second of the whole group.
    Poisson {
        /// Operations per second.
        rate: f64,
    },
    /// Planned in advance, equal gaps; operations per second of the whole group.
    Constant {
        /// Operations per second.
        rate: f64,
    },
}

/// When a run stops asking.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Length {
    /// After this much virtual time, warm-up included.
    Time(Duration),
    /// After this many operations, warm-up included; probe rounds under [`Load::Probe`].
    Operations(u64),
}
