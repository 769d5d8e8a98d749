//! What shall happen: from TOML and matrices of round-trip times to validated [`plan::Plan`]s.
//!
//! A scenario is a file that asks one question. It says where replicas and clients are, what the
//! clients do, what breaks, and which modes and consistency levels are compared. [`load`] turns it
//! into plans, one per *cell*: mode x variant x level. Nothing is left to look up afterwards, and
//! whatever is wrong is refused with file, line, and the nearest valid choice.
//!
//! # The file
//!
//! ```toml
//! question = "What does each replication mode cost between three continents?"
//! analysis = """
//! How to read the result. Paragraphs, separated by blank lines."""
//!
//! regions  = "aws"                 # built-in set, path (.csv, .toml), or a [regions] table
//! replicas = ["us-east-1", "eu-west-1/b", { region = "ap-southeast-1", name = "far" }]
//! duration = "20s"                 # or operations = 5000; with [probe]: or rounds = 100
//! warm_up  = "1s"                  # dropped from figures; default 0
//! timeout  = "10s"                 # an operation is given up; default 10s
//! attempt_timeout = "2s"           # a client turns to another replica; default 2s, half the timeout where that is 2s or less
//! levels   = ["linearizable"]      # for modes that list none; or "all"
//!
//! [replica]                        # what replicas are like, unless their own table says
//! service_ms = 0.02                # processor time per message
//! disk_ms    = { lognormal = { median = 1, sigma = 0.5 } }    # one sync of the log
//! clock      = { offset_ms = 0, drift_ppm = 20 }
//!
//! [[clients]]                      # one group; repeat for more
//! region   = "us-east-1"           # or "us-east-1/b"; without a zone, zone a
//! name     = "shop"                # optional, for [[links]], faults and probes
//! sessions = 8
//! workload = { read = 1 }          # optional: what differs from [workload]; not what
//!                                  # keys there are and what they hold
//!
//! [link]                           # what all links are like
//! jitter_ms     = { lognormal = { median = 0.5, sigma = 1.0 } }  # added to each message
//! legs          = { write = 2 }    # what replaces jitter_ms on messages of one leg: write,
//!                                  # write_ack, read, read_ack; leaderless protocols have them
//! jitter_factor = 1.0              # multiplies the base delay
//! loss          = 0.001            # probability per transmission, below 1
//! retransmit    = "200ms"          # after a loss, doubling each time; or "never"
//! bandwidth     = 12_500_000       # bytes per second; default unlimited
//! order         = "fifo"           # or "reorder"
//!
//! [[links]]                        # some links otherwise; later entries win
//! from = "us-east-1"               # region, region/zone, node, client group,
//! to   = "far"                     # or "clients", "replicas", "*"
//! both = true                      # the other direction too; default false
//! rtt_ms = 250                     # needs both; for one direction: delay_ms
//! loss = 0.02                      # and any key of [link]
//!
//! [workload]
//! ycsb     = "B"                   # A to F; or shares: read, update, insert, scan, rmw
//! keys     = "zipfian"             # uniform, latest, or
//!                                  # { hotspot = { data = 0.2, operations = 0.8 } }
//! records  = 1000                  # keys that exist at the start; default 1000
//! scan_max = 100                   # scans take 1 to this many keys
//! object   = "register"            # what keys hold: or counter (updates add 1), set (insert or
//!                                  # remove), cas-register (compare-and-set after a read: rmw),
//!                                  # stock (take 1), lock (lock, hold, unlock)
//! # units  = 10                    # of a stock: what each key has at first
//! # hold_ms = 20                   # of a lock: how long it is held
//! # decrement = 0.3                # of a counter: the share of updates that take 1; default 0
//! arrivals = { poisson = { rate = 100 } }   # or constant, or "closed"; rate is per client group
//! # think_ms = 5                   # pause between operations; closed arrivals only
//!
//! # [probe]                        # instead of [workload]: write, then read at these times after
//! # offsets = ["0ms", "5ms"]       # rising; give every group as many sessions as offsets
//! # writer  = "us-east-1"          # the group that writes; default the first
//! # pause   = "50ms"               # between rounds
//! # records = 100
//!
//! [[faults]]                       # they may overlap
//! cut   = ["eu-west-1"]            # regions (with their clients), zones, nodes; or
//! # crash = "n0"                   # one replica
//! # Or pause, disk_full, slow_disk (factor), slow (factor), clock (jump_ms, stays or drift_ppm,
//! # or leap = "jump" or "smear")
//! # of a replica or "leader"; delay (add_ms), loss (share) of links like cut's. cut, delay, loss
//! # take from = [...] (only between the two) and direction = "in", "out" or "both"; and name
//! # "leader", "majority", "minority" too. every = "2s", lasts = "500ms" repeats any of them.
//! start = "8s"
//! end   = "14s"
//!
//! [faults_random]                  # beside [[faults]]: a schedule drawn anew from every seed
//! most    = 6                      # one to six faults
//! kinds   = ["cut", "crash"]       # default all but clock: cut, one-way, partial, flapping, crash,
//!                                  # pause, disk-full, slow-disk, slow, delay, loss, clock; each seed
//!                                  # leaves out about half of them
//! start   = "2s"                   # all faults begin and end between these
//! end     = "18s"
//! longest = "5s"                   # default: the whole window
//!
//! [[modes]]
//! name     = "async"               # default: the protocol's name
//! protocol = "primary-backup"
//! config   = { acknowledge = "async" }      # the protocol's own table
//! levels   = ["linearizable", "bounded(500ms)"]   # or "all" that it offers
//! # canary = { caught_by = "linearizable", within = 20 }   # broken on purpose: which checker must
//! #                                # object under one of so many seeds (`run --canaries`)
//!
//! [[vary]]                         # an axis; variants are the product of all axes
//! name   = "disk"
//! unit   = "ms"
//! values = [0.1, 1, 10]
//! set    = "replica.disk_ms"       # dotted path, or a list of them
//!
//! [published]                      # what others found, shown beside what is measured
//! source = "Who and where"
//! [published.figures]              # by mode/variant/level: p50_ms, p99_ms, p999_ms, mean_ms of
//!                                  # reads and writes; with [probe], shares of fresh reads
//! "async/disk=1ms/linearizable" = { read = { p50_ms = 2.1 }, fresh = { "10ms" = 0.97 } }
//!
//! [answer]                         # the answer, in words made from the numbers of the run
//! cost   = "units oversold"        # what it costs in the unit of the domain
//! asked  = "sales"                 # among how many of what
//! counts = "damage"                # what that is in the rows: damage (of the object), stale, lost,
//!                                  # undone, conflicts
//! op     = "write"                 # whose latency is told, and who is refused; or read, scan, rmw
//! cp     = ["async"]               # the cells of each class: mode, mode/level, mode/variant/level
//! ap     = []
//! hybrid = []
//! ```
//!
//! *Lengths of time* are strings with a unit (`"1.5ms"`), except keys that end in `_ms`: those are
//! numbers of milliseconds, or distributions where noise makes sense: a number, `{ uniform = { low,
//! high } }`, `{ normal = { mean, sd } }`, `{ lognormal = { median, sigma } }`, `{ exponential = {
//! mean } }`, `{ pareto = { scale, shape } }`, `{ percentiles = [[0, 1], [100, 9]] }`, `{ mixture =
//! [{ weight, of }, ...] }`.
//!
//! *Zones.* Replicas of one region that name no zone get `a`, `b`, `c`, ... in order. Two sites of
//! one zone are the matrix's `intra_az_rtt_ms` apart, two zones its `cross_az_rtt_ms`.
//!
//! *Delays.* One direction takes half of the round-trip time measured from its sender. That halving
//! is an assumption; round trips are then the mean of both directions' measurements.
//!
//! *Own maps.* `[regions]` with `rtt_ms` tables, as in a matrix file ([`regions`]), names regions
//! of the scenario's own: `[regions.rtt_ms.near]` and under it `far = 50`.
//!
//! *Axes.* Besides a list, `values` can be a table of named values; with `set`, each is written
//! there, and without, each is itself a table from quoted paths to values: `values = { light = {
//! "workload.ycsb" = "C", "replica.disk_ms" = 0 } }`. A path steps through tables by key and
//! through lists by number, by `name`, or by `*` for every entry: `"modes.raft.config.leader"`.
//! What stands at a path is replaced whole. The label `disk=10ms` becomes part of the cell's name;
//! a unit with a `/` is left out there.

pub mod ad_hoc;
pub mod answer;
mod bounds;
pub mod cluster;
mod document;
mod faults;
pub mod filter;
mod levels;
mod links;
mod overrides;
pub mod plan;
pub mod presets;
pub mod published;
mod random;
pub mod regions;
mod regression;
mod resolve;
mod source;
pub mod systems;
mod topology;
mod vary;
mod workload;

pub use overrides::Overrides;
pub use regression::regression;
pub(crate) use source::complaint;
pub use source::{ScenarioError, Source, builtin, find};

use crate::op::{Level, Object};
use answer::Answer;
use document::Document;
use plan::Plan;
use published::Published;
use resolve::{Failure, Resolved};
use serde::Deserialize;
use source::Refusal;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

/// What a scenario must know of the protocols to refuse what they cannot do. The catalogue of
/// protocols implements it; this stage never sees one.
pub trait Protocols {
    /// The names scenarios may use.
    fn names(&self) -> Vec<&'static str>;

    /// Whether `config` suits the protocol and this many replicas.
    ///
    /// # Errors
    /// One sentence: what is wrong and what would be right.
    fn check(&self, protocol: &str, config: &toml::Table, replicas: u32) -> Result<(), String>;

    /// Whether the protocol, so configured, offers the level.
    fn levels_offered(&self, protocol: &str, config: &toml::Table, asked: Level) -> bool;

    /// The names of the checkers that canaries may wait for.
    fn checkers(&self) -> Vec<&'static str>;

    /// The smallest settings that the protocol has, in TOML; none where it needs none.
    fn plain(&self, _protocol: &str) -> &'static str {
        ""
    }

    /// Settings, in TOML, with which the protocol would offer a level that it does not, so configured.
    fn offered_with(
        &self,
        _protocol: &str,
        _config: &toml::Table,
        _asked: Level,
    ) -> Option<&'static str> {
        None
    }

    /// What keys may hold in the protocol, so configured.
    fn objects(&self, protocol: &str, config: &toml::Table) -> &'static [Object];

    /// Whether the protocol, so configured, carries out such an object's updates at a level that it offers.
    fn serves(&self, _protocol: &str, _config: &toml::Table, _at: Level, _object: Object) -> bool {
        true
    }

    /// Whether so many replicas are enough for a level that the protocol offers.
    ///
    /// # Errors
    /// One sentence: what the level asks for, and what there is.
    fn fits(
        &self,
        _protocol: &str,
        _config: &toml::Table,
        _level: Level,
        _replicas: u32,
    ) -> Result<(), String> {
        Ok(())
    }
}

/// A scenario, resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// Its name: the file's stem.
    pub name: String,
    /// The folder it lies in.
    pub group: String,
    /// The question it answers, one sentence.
    pub question: String,
    /// How to read the result: paragraphs, separated by blank lines.
    pub analysis: String,
    /// Where its round-trip times come from.
    pub provenance: String,
    /// Where replicas are, in order: `us-east-1/a`. Variants that add places add them at the end.
    pub replica_places: Vec<String>,
    /// Where client groups are, likewise.
    pub client_places: Vec<String>,
    /// Whether its file has a map of its own, which [`Overrides::regions`] leaves alone.
    pub has_own_map: bool,
    /// The cells: modes in order, within them variants, within them levels.
    pub plans: Vec<Plan>,
    /// What others found of them, in the cells' order.
    pub published: Vec<Published>,
    /// Levels of named systems that are no cells here, each with its mode and the reason, a sentence each.
    pub left_out: Vec<String>,
    /// What the answer to its question is made of.
    pub answer: Option<Answer>,
}

/// Reads a scenario and resolves all its cells.
///
/// # Errors
/// The first thing that is wrong, with file and line.
pub fn load(
    source: &Source,
    protocols: &dyn Protocols,
    overrides: &Overrides,
) -> Result<Scenario, ScenarioError> {
    if source.name.starts_with('-') {
        let name = &source.name;
        let message = format!(
            "a scenario is called what its file is, and `{name}` reads like a flag; rename the file"
        );
        return Err(source.error(Refusal { at: None, message }));
    }
    let root = DeTable::parse(&source.text).map_err(|e| source.error(e.into()))?;
    resolve_root(root, source, protocols, overrides)
}

/// The same of a text that has been read.
fn resolve_root(
    mut root: Spanned<DeTable<'_>>,
    source: &Source,
    protocols: &dyn Protocols,
    overrides: &Overrides,
) -> Result<Scenario, ScenarioError> {
    let refused = |refusal| source.error(refusal);
    let axes = vary::take_axes(root.get_mut()).map_err(refused)?;
    let variants = vary::variants(&axes);
    let root = Spanned::new(root.span(), DeValue::Table(root.into_inner()));
    let read = |variant: &vary::Variant<'_>| -> Result<Document, Refusal> {
        Ok(Document::deserialize(ValueDeserializer::from(variant.apply(&root)?))?)
    };
    let documents: Vec<Document> =
        variants.iter().map(read).collect::<Result<_, _>>().map_err(refused)?;
    let map = overrides.map(&documents)?;

    let mut modes: Vec<(String, Vec<Plan>)> = Vec::new();
    let mut scenario: Option<Scenario> = None;
    let mut left_out: Vec<String> = Vec::new();
    for (document, variant) in documents.iter().zip(&variants) {
        let resolved = resolve::resolve(document, variant, source, protocols, map.as_ref())
            .map_err(|failure| match failure {
                Failure::Here(refusal) => refused(refusal),
                Failure::Elsewhere(error) => error,
            })?;
        match &mut scenario {
            None => scenario = Some(begin(source, document, &resolved).map_err(refused)?),
            Some(scenario) => {
                add_places(&mut scenario.replica_places, resolved.replica_places);
                add_places(&mut scenario.client_places, resolved.client_places);
            }
        }
        for said in resolved.left_out {
            if !left_out.contains(&said) {
                left_out.push(said);
            }
        }
        for (name, plans) in resolved.modes {
            match modes.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => known.extend(plans),
                None => modes.push((name, plans)),
            }
        }
    }
    let Some(mut scenario) = scenario else {
        return Err(refused(Refusal { at: None, message: "there is no variant to run".into() }));
    };
    if map.is_some_and(|map| map.moves()) {
        scenario.analysis.insert_str(
            0,
            "Moved to other regions than those this text was written for: its places and figures are \
             those of the original map.\n\n",
        );
    }
    scenario.left_out = left_out;
    scenario.plans = modes.into_iter().flat_map(|(_, plans)| plans).collect();
    if let Some(first) = documents.first() {
        scenario.published = published::published(first, &scenario.plans).map_err(refused)?;
        scenario.answer = answer::answer(first, &scenario.plans).map_err(refused)?;
    }
    Ok(scenario)
}

/// A scenario without its plans, told by its first variant.
fn begin(source: &Source, document: &Document, first: &Resolved) -> Result<Scenario, Refusal> {
    let (question, analysis) = prose(document)?;
    Ok(Scenario {
        name: source.name.clone(),
        group: source.group.clone(),
        question,
        analysis,
        provenance: first.provenance.clone(),
        replica_places: first.replica_places.clone(),
        client_places: first.client_places.clone(),
        has_own_map: !matches!(document.regions.get_ref(), document::RegionsEntry::Named(_)),
        plans: Vec::new(),
        published: Vec::new(),
        left_out: Vec::new(),
        answer: None,
    })
}

fn add_places(places: &mut Vec<String>, more: Vec<String>) {
    for place in more {
        if !places.contains(&place) {
            places.push(place);
        }
    }
}

/// The question on one line and the analysis without outer blank lines.
fn prose(document: &Document) -> Result<(String, String), Refusal> {
    let question = document.question.get_ref().split_whitespace().collect::<Vec<_>>().join(" ");
    let analysis = document.analysis.get_ref().trim().to_owned();
    for (name, text, span) in [
        ("question", &question, document.question.span()),
        ("analysis", &analysis, document.analysis.span()),
    ] {
        if text.is_empty() {
            return Err(Refusal::at(span, format!("{name} is empty; say why the scenario exists")));
        }
    }
    Ok((question, analysis))
}

#[cfg(test)]
mod tests;
