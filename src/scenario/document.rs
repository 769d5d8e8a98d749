//! The shapes of scenario TOML, exactly as written: what may stand where, and nothing looked up
//! yet.
//!
//! Everything that can be wrong in meaning carries its span, so that a later complaint still has a
//! line. Serde's untagged enums and flattening would lose spans and turn every mistake into "no
//! variant matched"; the few keys that take two forms have visitors instead.

use super::answer::Counts;
use super::plan::{ClockError, Direction, KeyChoice, Leap, Order};
use super::regions::MatrixTable;
use crate::distribution::Distribution;
use crate::time::Duration;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::fmt;
use toml::Spanned;

/// A whole scenario, one variant of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    pub(super) question: Spanned<String>,
    pub(super) analysis: Spanned<String>,
    pub(super) regions: Spanned<RegionsEntry>,
    #[serde(default)]
    pub(super) replica: HostEntry,
    pub(super) replicas: Spanned<Vec<Spanned<ReplicaEntry>>>,
    pub(super) clients: Spanned<Vec<Spanned<ClientsEntry>>>,
    #[serde(default)]
    pub(super) link: LinkEntry,
    #[serde(default)]
    pub(super) links: Vec<Spanned<LinkOverride>>,
    pub(super) workload: Option<Spanned<WorkloadEntry>>,
    pub(super) probe: Option<Spanned<ProbeEntry>>,
    pub(super) duration: Option<Spanned<Duration>>,
    pub(super) operations: Option<Spanned<u64>>,
    pub(super) rounds: Option<Spanned<u64>>,
    pub(super) warm_up: Option<Spanned<Duration>>,
    pub(super) timeout: Option<Spanned<Duration>>,
    pub(super) attempt_timeout: Option<Spanned<Duration>>,
    #[serde(default)]
    pub(super) faults: Vec<Spanned<FaultEntry>>,
    pub(super) faults_random: Option<Spanned<RandomEntry>>,
    pub(super) levels: Option<Spanned<LevelsEntry>>,
    pub(super) modes: Spanned<Vec<Spanned<ModeEntry>>>,
    pub(super) published: Option<PublishedEntry>,
    pub(super) answer: Option<AnswerEntry>,
    /// Taken out before, by the axes; listed so that a misspelled `vary` finds it.
    #[serde(rename = "vary")]
    _vary: Option<IgnoredAny>,
}

/// What others found: by cell, as `mode/variant/level`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PublishedEntry {
    pub(super) source: String,
    pub(super) figures: BTreeMap<Spanned<String>, FiguresEntry>,
}

/// What the answer to the question is made of.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AnswerEntry {
    pub(super) cost: Spanned<String>,
    pub(super) asked: Spanned<String>,
    #[serde(default)]
    pub(super) counts: Counts,
    pub(super) op: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) cp: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) ap: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) hybrid: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) waits: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) at_once: Vec<Spanned<String>>,
}

/// The figures of one cell.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct FiguresEntry {
    pub(super) read: LatencyEntry,
    pub(super) write: LatencyEntry,
    /// Shares of fresh reads by time since the acknowledgement: `"10ms"`.
    pub(super) fresh: BTreeMap<String, f64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LatencyEntry {
    pub(super) p50_ms: Option<f64>,
    pub(super) p99_ms: Option<f64>,
    pub(super) p999_ms: Option<f64>,
    pub(super) mean_ms: Option<f64>,
}

/// A set by name or path, or a matrix written out.
#[derive(Clone, Debug)]
pub(super) enum RegionsEntry {
    Named(String),
    Own(Box<MatrixTable>),
}

/// What a replica's machine is like; in `[replica]`, what all are like.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HostEntry {
    pub(super) service_ms: Option<Distribution>,
    pub(super) disk_ms: Option<Distribution>,
    pub(super) clock: Option<Spanned<ClockError>>,
}

/// One replica: a bare place, or a table.
#[derive(Clone, Debug)]
pub(super) enum ReplicaEntry {
    Place(String),
    Table(Box<ReplicaTable>),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReplicaTable {
    pub(super) region: Spanned<String>,
    pub(super) name: Option<Spanned<String>>,
    pub(super) service_ms: Option<Distribution>,
    pub(super) disk_ms: Option<Distribution>,
    pub(super) clock: Option<Spanned<ClockError>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClientsEntry {
    pub(super) region: Spanned<String>,
    pub(super) name: Option<Spanned<String>>,
    pub(super) sessions: Spanned<u32>,
    pub(super) workload: Option<Spanned<WorkloadEntry>>,
}

/// What links are like, apart from their length.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LinkEntry {
    pub(super) jitter_ms: Option<Distribution>,
    pub(super) legs: Option<LegsEntry>,
    pub(super) jitter_factor: Option<Distribution>,
    pub(super) loss: Option<Spanned<f64>>,
    pub(super) retransmit: Option<Retransmit>,
    pub(super) bandwidth: Option<Spanned<f64>>,
    pub(super) order: Option<Order>,
}

/// Jitter that only messages of one leg have.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LegsEntry {
    pub(super) write: Option<Distribution>,
    pub(super) write_ack: Option<Distribution>,
    pub(super) read: Option<Distribution>,
    pub(super) read_ack: Option<Distribution>,
}

/// The same for some links, with the length.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LinkOverride {
    pub(super) from: Spanned<String>,
    pub(super) to: Spanned<String>,
    #[serde(default)]
    pub(super) both: bool,
    pub(super) rtt_ms: Option<Spanned<f64>>,
    pub(super) delay_ms: Option<Spanned<f64>>,
    jitter_ms: Option<Distribution>,
    legs: Option<LegsEntry>,
    jitter_factor: Option<Distribution>,
    loss: Option<Spanned<f64>>,
    retransmit: Option<Retransmit>,
    bandwidth: Option<Spanned<f64>>,
    order: Option<Order>,
}

impl LinkOverride {
    /// What it says beside the length.
    pub(super) fn entry(&self) -> LinkEntry {
        LinkEntry {
            jitter_ms: self.jitter_ms.clone(),
            legs: self.legs.clone(),
            jitter_factor: self.jitter_factor.clone(),
            loss: self.loss.clone(),
            retransmit: self.retransmit,
            bandwidth: self.bandwidth.clone(),
            order: self.order,
        }
    }
}

/// A time, or `"never"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Retransmit(pub(super) Option<Duration>);

impl<'de> Deserialize<'de> for Retransmit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "never" {
            return Ok(Self(None));
        }
        match text.parse() {
            Ok(Duration::ZERO) => Err(D::Error::custom("retransmit must be above 0, or `never`")),
            Ok(after) => Ok(Self(Some(after))),
            Err(message) => Err(D::Error::custom(format!("{message}, or `never`"))),
        }
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WorkloadEntry {
    pub(super) ycsb: Option<Spanned<String>>,
    pub(super) read: Option<Spanned<f64>>,
    pub(super) update: Option<Spanned<f64>>,
    pub(super) insert: Option<Spanned<f64>>,
    pub(super) scan: Option<Spanned<f64>>,
    pub(super) rmw: Option<Spanned<f64>>,
    pub(super) keys: Option<Spanned<KeyChoice>>,
    pub(super) scan_max: Option<Spanned<u16>>,
    pub(super) records: Option<Spanned<u32>>,
    pub(super) object: Option<Spanned<String>>,
    pub(super) units: Option<Spanned<u32>>,
    pub(super) hold_ms: Option<Spanned<Distribution>>,
    pub(super) decrement: Option<Spanned<f64>>,
    pub(super) arrivals: Option<Spanned<ArrivalsEntry>>,
    pub(super) think_ms: Option<Spanned<Distribution>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ArrivalsEntry {
    Closed,
    Poisson { rate: Spanned<f64> },
    Constant { rate: Spanned<f64> },
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProbeEntry {
    pub(super) offsets: Spanned<Vec<Spanned<String>>>,
    pub(super) writer: Option<Spanned<String>>,
    pub(super) pause: Duration,
    pub(super) records: Option<Spanned<u32>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FaultEntry {
    // One of these says what breaks:
    pub(super) cut: Option<Spanned<Vec<Spanned<String>>>>,
    pub(super) delay: Option<Spanned<Vec<Spanned<String>>>>,
    pub(super) loss: Option<Spanned<Vec<Spanned<String>>>>,
    pub(super) crash: Option<Spanned<String>>,
    pub(super) pause: Option<Spanned<String>>,
    pub(super) disk_full: Option<Spanned<String>>,
    pub(super) slow_disk: Option<Spanned<String>>,
    pub(super) slow: Option<Spanned<String>>,
    pub(super) clock: Option<Spanned<String>>,
    // Which links, how much:
    pub(super) from: Option<Spanned<Vec<Spanned<String>>>>,
    pub(super) direction: Option<Spanned<Direction>>,
    pub(super) add_ms: Option<Spanned<f64>>,
    pub(super) share: Option<Spanned<f64>>,
    pub(super) factor: Option<Spanned<f64>>,
    pub(super) jump_ms: Option<Spanned<f64>>,
    pub(super) drift_ppm: Option<Spanned<f64>>,
    pub(super) leap: Option<Spanned<Leap>>,
    pub(super) stays: Option<Spanned<bool>>,
    // When:
    pub(super) start: Spanned<Duration>,
    pub(super) end: Spanned<Duration>,
    pub(super) every: Option<Spanned<Duration>>,
    pub(super) lasts: Option<Spanned<Duration>>,
}

/// Faults that every seed draws for itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RandomEntry {
    pub(super) most: Spanned<u32>,
    pub(super) kinds: Option<Spanned<Vec<Spanned<String>>>>,
    pub(super) start: Spanned<Duration>,
    pub(super) end: Spanned<Duration>,
    pub(super) longest: Option<Spanned<Duration>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ModeEntry {
    pub(super) name: Option<Spanned<String>>,
    pub(super) protocol: Option<Spanned<String>>,
    pub(super) system: Option<Spanned<String>>,
    pub(super) configuration: Option<Spanned<String>>,
    pub(super) config: Option<Spanned<toml::Table>>,
    pub(super) levels: Option<Spanned<LevelsEntry>>,
    pub(super) canary: Option<CanaryEntry>,
}

/// What must object to a mode that is broken on purpose, and how soon.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CanaryEntry {
    pub(super) caught_by: Spanned<String>,
    pub(super) within: Spanned<u32>,
}

/// `"all"`, or a list.
#[derive(Clone, Debug)]
pub(super) enum LevelsEntry {
    All,
    These(Vec<Spanned<String>>),
}

/// Reads a key that takes a string or a table.
struct StringOrTable<S, T> {
    expecting: &'static str,
    string: fn(String) -> S,
    table: fn(T) -> S,
}

impl<'de, S, T: Deserialize<'de>> Visitor<'de> for StringOrTable<S, T> {
    type Value = S;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expecting)
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<S, E> {
        Ok((self.string)(text.to_owned()))
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<S, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(self.table)
    }
}

impl<'de> Deserialize<'de> for RegionsEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StringOrTable {
            expecting: "a region set such as \"aws\", a path, or a table with rtt_ms",
            string: Self::Named,
            table: |table| Self::Own(Box::new(table)),
        })
    }
}

impl<'de> Deserialize<'de> for ReplicaEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StringOrTable {
            expecting: "a place such as \"us-east-1\" or a table with region",
            string: Self::Place,
            table: |table| Self::Table(Box::new(table)),
        })
    }
}

impl<'de> Deserialize<'de> for LevelsEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.deserialize_any(StringOrList("\"all\" or a list of levels"))? {
            OneOrMany::One(text) if text == "all" => Ok(Self::All),
            OneOrMany::One(text) => {
                Err(D::Error::custom(format!("levels is `{text}`; write \"all\" or [\"{text}\"]")))
            }
            OneOrMany::Many(levels) => Ok(Self::These(levels)),
        }
    }
}

/// A string or a list of strings.
#[derive(Clone, Debug)]
pub(super) enum OneOrMany {
    One(String),
    Many(Vec<Spanned<String>>),
}

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StringOrList("a string or a list of strings"))
    }
}

struct StringOrList(&'static str);

impl<'de> Visitor<'de> for StringOrList {
    type Value = OneOrMany;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<OneOrMany, E> {
        Ok(OneOrMany::One(text.to_owned()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<OneOrMany, A::Error> {
        let mut many = Vec::new();
        while let Some(text) = seq.next_element()? {
            many.push(text);
        }
        Ok(OneOrMany::Many(many))
    }
}
