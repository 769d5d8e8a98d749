//! `run.json`: where the rows come from, and what the report says of each scenario.

use super::beside::BesideLine;
use crate::analysis::Exhibit;
use crate::scenario::answer::{Class, Counts};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the report says about a scenario; part of `run.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScenarioNote {
    /// Its name.
    pub name: String,
    /// The question it answers, one sentence.
    pub question: String,
    /// Why it exists and how to read it: paragraphs, separated by blank lines.
    pub analysis: String,
    /// Where its round-trip times come from.
    pub provenance: String,
    /// Replica places, in order: `us-east-1/a`.
    pub replicas: Vec<String>,
    /// Client places.
    pub clients: Vec<String>,
    /// How many cells it has.
    pub cells: u32,
    /// How fast news can be between its client regions.
    #[serde(default)]
    pub news: Vec<News>,
    /// What others found, to be held against it.
    #[serde(default)]
    pub published: Vec<Published>,
    /// The operations that broke promises.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
    /// What named systems call levels, and what is claimed for them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<Claim>,
    /// What the answer to its question is made of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asks: Option<Asks>,
    /// The answer, made from the rows of this run; empty without the above.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub answer: String,
}

/// What an answer tells: which figure, and of which cells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asks {
    /// The damage, in the domain's words: `units oversold`.
    pub cost: String,
    /// What it happens to: `sales`.
    pub asked: String,
    /// Which figure of the rows it is.
    pub counts: Counts,
    /// The kind of operation whose latency is told.
    pub op: String,
    /// Classes and cells, by the beginning of their names below the scenario's.
    pub cells: Vec<(Class, String)>,
}

/// A cell of a named system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// Full name of the cell.
    pub cell: String,
    /// The system's own name of the level.
    pub called: String,
    /// The class claimed, if any.
    pub class: Option<String>,
    /// By whom.
    pub by: Option<String>,
}

/// The operations that break a cell's promise: those of the first seed in which any do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// Full name of the cell.
    pub cell: String,
    /// The seed.
    pub seed: u64,
    /// In the order of their beginnings.
    pub operations: Vec<Exhibit>,
}

/// A figure that somebody published of a cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Published {
    /// Where it stands.
    pub source: String,
    /// Full name of the cell.
    pub cell: String,
    /// The kind of operation it is of, over all client regions in health.
    pub op: String,
    /// Which column it belongs beside: `p999_ms` of the rows, or `fresh_rate` of the curves.
    pub column: String,
    /// For curves, the time since the acknowledgement.
    pub t_ms: Option<f64>,
    /// The figure.
    pub value: f64,
}

/// The least time in which one region can know of another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct News {
    /// Where something happens.
    pub from: String,
    /// Where it becomes known.
    pub to: String,
    /// One way, without jitter, over whatever sites make it least; the least of all variants.
    pub ms: f64,
}

/// `run.json`: where the rows come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunNote {
    /// Number of this schema.
    pub schema: u32,
    /// Version of the crate.
    pub version: String,
    /// The command that makes these files again.
    pub command: String,
    /// The world.
    pub world: String,
    /// First seed.
    pub first_seed: u64,
    /// Number of seeds.
    pub seeds: u32,
    /// Cells run.
    pub cells: u32,
    /// Operations recorded, warm-up included.
    pub operations: u64,
    /// Virtual seconds simulated.
    pub virtual_seconds: f64,
    /// The scenarios, in order.
    pub scenarios: Vec<ScenarioNote>,
    /// How late links were; only of worlds in real time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<LinkLine>,
    /// The same cells in virtual time; only of runs in real time that were asked for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<BesideLine>,
}

/// What a link from one site to another was asked for in one run, and what it delivered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkLine {
    /// Full name of the cell.
    pub cell: String,
    /// The seed.
    pub seed: u64,
    /// The node, or the region of the clients, that its messages left.
    pub from: String,
    /// The one that they reached.
    pub to: String,
    /// How many messages.
    pub n: u64,
    /// The delay without jitter, in milliseconds.
    pub asked_ms: f64,
    /// By how much the median probe was later than its deadline before the run, in milliseconds.
    pub before_p50_ms: f64,
    /// The 99th percentile of that.
    pub before_p99_ms: f64,
    /// By how much the median message was later than its deadline, in milliseconds.
    pub late_p50_ms: f64,
    /// The 99th percentile of that.
    pub late_p99_ms: f64,
}

impl RunNote {
    /// Each link in the run in which its median message was latest, by its two ends.
    #[must_use]
    pub fn latest_links(&self) -> Vec<&LinkLine> {
        let mut latest: BTreeMap<(&str, &str), &LinkLine> = BTreeMap::new();
        for line in &self.links {
            let known = latest.entry((&line.from, &line.to)).or_insert(line);
            if line.late_p50_ms > known.late_p50_ms {
                *known = line;
            }
        }
        latest.into_values().collect()
    }
}

impl LinkLine {
    /// A run with a link whose median message is later than this is not to be trusted, in milliseconds.
    pub const FLOOR_MS: f64 = 0.5;

    /// Whether the link kept to what it was asked.
    #[must_use]
    pub fn is_trusted(&self) -> bool {
        self.late_p50_ms <= Self::FLOOR_MS
    }
}
