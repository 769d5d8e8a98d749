//! The file that all processes of a cluster share: a scenario whose replicas are nodes with addresses.
//!
//! ```toml
//! cluster = "bench"                # who does not say the same does not belong to it
//! inject_delays = false            # whether messages are also held back as [regions] and [link] say
//! duration = "30s"                 # from here on as in a scenario: also warm_up, timeout,
//! warm_up  = "2s"                  # attempt_timeout, levels
//!
//! [[nodes]]                        # one for each replica
//! id       = "n0"
//! region   = "us-east-1"           # or "us-east-1/b"
//! address  = "10.0.0.1:7400"       # where it listens
//! data_dir = "/var/lib/pacelc"     # its log; relative to this file's folder
//!
//! [[clients]]
//! region   = "us-east-1"
//! sessions = 8
//!
//! [workload]
//! ycsb = "A"
//! arrivals = { poisson = { rate = 50 } }
//!
//! [[modes]]                        # exactly one; its levels are driven one after the other
//! protocol = "raft"
//! levels   = ["linearizable"]
//! ```
//!
//! `regions` may be left out: regions are then names, and nothing is known of the distances between them but
//! that one's own is nearest. With `inject_delays = true` they must be there. Faults, axes and what machines
//! are like belong to a simulation and are refused, and more than a million records; keys that a run inserts count too.

use super::source::{Refusal, ScenarioError, Source};
use super::{Overrides, Protocols, Scenario, resolve_root};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Keys of a scenario that a cluster of real processes has no use for, and why.
const SIMULATED: [(&str, &str); 5] = [
    ("replicas", "a cluster has [[nodes]] instead"),
    ("faults", "whoever drives real processes kills or cuts off real processes"),
    ("faults_random", "whoever drives real processes kills or cuts off real processes"),
    ("replica", "disks, processors and clocks are the hosts' own"),
    ("vary", "nodes serve one configuration; write a file for each"),
];
/// Keys that say how far apart things are.
const DISTANCES: [&str; 2] = ["link", "links"];
/// What replicas tell each other of all keys at once fits into a message, and what they hold of them into memory.
/// Keys that are inserted in a run count as well.
pub(crate) const RECORDS_MAX: u32 = 1_000_000;
/// The longest name of a cluster, in bytes.
const NAME_MAX: usize = 100;

/// A cluster's file, understood.
#[derive(Clone, Debug)]
pub struct ClusterFile {
    /// Its name.
    pub cluster: String,
    /// Whether messages are also held back by the links of the plans.
    pub inject_delays: bool,
    /// The nodes, in the order of the plans' replicas.
    pub nodes: Vec<Node>,
    /// What is driven: plans of one mode that differ in their level.
    pub scenario: Scenario,
}

/// One node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub id: String,
    /// Where it listens: `host:port`.
    pub address: String,
    /// Where its log is.
    pub data_dir: PathBuf,
}

impl ClusterFile {
    /// Reads a cluster's file.
    ///
    /// # Errors
    /// The first thing that is wrong, with file and line.
    pub fn load(source: &Source, protocols: &dyn Protocols) -> Result<Self, ScenarioError> {
        let refused = |refusal| source.error(refusal);
        let map;
        let root = DeTable::parse(&source.text).map_err(|e| refused(e.into()))?;
        let (span, mut root) = (root.span(), root.into_inner());
        let folder = Path::new(&source.file).parent().unwrap_or(Path::new(""));
        let (cluster, inject_delays, nodes) = own(&mut root, folder, &span).map_err(refused)?;
        if !inject_delays && !root.contains_key("regions") {
            map = flat(&root);
            let map = DeTable::parse(&map).map_err(|e| refused(e.into()))?;
            root.extend(map.into_inner());
        }
        for (key, text) in [
            ("question", "What does this cluster do?"),
            ("analysis", "Measured on nodes that are processes of their own."),
        ] {
            let text = DeValue::String(Cow::Borrowed(text));
            root.entry(Spanned::new(0..0, Cow::Borrowed(key)))
                .or_insert_with(|| Spanned::new(0..0, text));
        }
        let modes = root.get("modes").map(|modes| (modes.span(), modes.get_ref()));
        if let Some((span, DeValue::Array(modes))) = modes
            && modes.len() != 1
        {
            let message = format!("{} modes; nodes serve exactly one", modes.len());
            return Err(refused(Refusal::at(span, message)));
        }
        let records = match root.get("workload").map(Spanned::get_ref) {
            Some(DeValue::Table(workload)) => workload.get("records").map(Spanned::span),
            _ => None,
        };
        let root = Spanned::new(span, root);
        let scenario = resolve_root(root, source, protocols, &Overrides::default())?;
        if let Some(span) = records
            && let Some(plan) = scenario.plans.iter().find(|plan| plan.records > RECORDS_MAX)
        {
            let message = format!(
                "records is {}; nodes have {RECORDS_MAX} at most, for some messages tell of all of them",
                plan.records
            );
            return Err(refused(Refusal::at(span, message)));
        }
        Ok(Self { cluster, inject_delays, nodes, scenario })
    }
}

type Own = (String, bool, Vec<Node>);

/// Takes out what only clusters have, and leaves a scenario.
fn own(root: &mut DeTable<'_>, folder: &Path, whole: &Range<usize>) -> Result<Own, Refusal> {
    for (key, why) in SIMULATED {
        if let Some((written, _)) = root.get_key_value(key) {
            return Err(Refusal::at(written.span(), format!("{key} has no place here: {why}")));
        }
    }
    let cluster = text(root, "cluster", whole)?;
    let name = cluster.get_ref();
    if name.is_empty() || name.len() > NAME_MAX {
        let message = format!("a cluster's name has 1 to {NAME_MAX} bytes, not {}", name.len());
        return Err(Refusal::at(cluster.span(), message));
    }
    let inject_delays = match root.remove("inject_delays").map(|v| (v.span(), v.into_inner())) {
        None => false,
        Some((_, DeValue::Boolean(inject))) => inject,
        Some((span, _)) => {
            return Err(Refusal::at(span, "inject_delays must be true or false"));
        }
    };
    if inject_delays && !root.contains_key("regions") {
        let message =
            "inject_delays = true needs `regions`: how long are messages to be held back?";
        return Err(Refusal::at(whole.start..whole.start, message));
    }
    for key in DISTANCES.into_iter().filter(|_| !inject_delays) {
        if let Some((written, _)) = root.get_key_value(key) {
            let message = format!("{key} has an effect only with inject_delays = true");
            return Err(Refusal::at(written.span(), message));
        }
    }
    if let Some(DeValue::Table(workload)) = root.get("workload").map(Spanned::get_ref)
        && let Some(object) = workload.get("object")
        && !matches!(object.get_ref(), DeValue::String(text) if text == "register")
    {
        let message = "nobody sees what nodes decide, and without that only registers are judged; leave \
                       `object` out";
        return Err(Refusal::at(object.span(), message));
    }
    let nodes = nodes(root, folder, whole)?;
    Ok((cluster.into_inner(), inject_delays, nodes))
}

/// Takes out the nodes, and leaves replicas in their places.
fn nodes(
    root: &mut DeTable<'_>,
    folder: &Path,
    whole: &Range<usize>,
) -> Result<Vec<Node>, Refusal> {
    let Some(entries) = root.remove("nodes") else {
        return Err(Refusal::at(whole.start..whole.start, "missing key `nodes`"));
    };
    let span = entries.span();
    let DeValue::Array(entries) = entries.into_inner() else {
        return Err(Refusal::at(span, "nodes must be a list of tables; write it as [[nodes]]"));
    };
    let (mut nodes, mut taken) = (Vec::new(), BTreeSet::new());
    let mut replicas = toml::de::DeArray::new();
    for entry in entries {
        let at = entry.span();
        let DeValue::Table(mut table) = entry.into_inner() else {
            return Err(Refusal::at(
                at,
                "a node must be a table with id, region, address, data_dir",
            ));
        };
        let id = text(&mut table, "id", &at)?;
        let address = text(&mut table, "address", &at)?;
        let data_dir = text(&mut table, "data_dir", &at)?;
        let port = address.get_ref().rsplit_once(':').filter(|(host, _)| !host.is_empty());
        let port = port.and_then(|(_, port)| port.parse::<u16>().ok());
        if port.is_none_or(|port| port == 0) {
            let message = format!("`{}` is no address; write host:port", address.get_ref());
            return Err(Refusal::at(address.span(), message));
        }
        if !taken.insert(address.get_ref().clone()) {
            let message = format!("another node listens on {} already", address.get_ref());
            return Err(Refusal::at(address.span(), message));
        }
        let name = Spanned::new(id.span(), DeValue::String(Cow::Owned(id.get_ref().clone())));
        table.insert(Spanned::new(id.span(), Cow::Borrowed("name")), name);
        replicas.push(Spanned::new(at, DeValue::Table(table)));
        let (id, address) = (id.into_inner(), address.into_inner());
        nodes.push(Node { id, address, data_dir: folder.join(data_dir.into_inner()) });
    }
    let key = Spanned::new(span.clone(), Cow::Borrowed("replicas"));
    root.insert(key, Spanned::new(span, DeValue::Array(replicas)));
    Ok(nodes)
}

/// A text that must be there, taken out.
fn text(table: &mut DeTable<'_>, key: &str, at: &Range<usize>) -> Result<Spanned<String>, Refusal> {
    let Some(value) = table.remove(key) else {
        return Err(Refusal::at(at.start..at.start, format!("missing key `{key}`")));
    };
    match (value.span(), value.into_inner()) {
        (span, DeValue::String(text)) => Ok(Spanned::new(span, text.into_owned())),
        (span, _) => Err(Refusal::at(span, format!("{key} must be a text"))),
    }
}

/// A map that says nothing but which regions there are, and that one's own is nearest.
fn flat(root: &DeTable<'_>) -> String {
    let mut names = BTreeSet::new();
    for list in ["replicas", "clients"] {
        let Some(DeValue::Array(entries)) = root.get(list).map(Spanned::get_ref) else { continue };
        for entry in entries {
            if let DeValue::Table(table) = entry.get_ref()
                && let Some(DeValue::String(place)) = table.get("region").map(Spanned::get_ref)
            {
                names.insert(super::topology::split_place(place).0.to_owned());
            }
        }
    }
    let names: Vec<String> =
        names.into_iter().map(|name| toml::Value::from(name).to_string()).collect();
    let mut text = String::from(
        "[regions]\nsymmetric = true\nintra_az_rtt_ms = 0\ncross_az_rtt_ms = 0.001\n[regions.rtt_ms]\n",
    );
    for (at, from) in names.iter().enumerate() {
        let row: Vec<String> = names[at + 1..].iter().map(|to| format!("{to} = 0.002")).collect();
        text.push_str(&format!("{from} = {{ {} }}\n", row.join(", ")));
    }
    text
}
