//! Recorded histories with known verdicts, from other checkers' test corpora: every field is equal.
//!
//! The histories are not part of the repository. They lie in `../shared/histories` or where
//! `PACELC_HISTORIES` says, with a `manifest.json` that states what other tools, the sources or a
//! brute-force search found; where there are none, this says `SKIPPED` on standard error, captured or
//! not, and passes.

use pacelc::foreign::{
    Age, Condition, History, Limits, Session, Verdict, Versions, Witness, ages, all_in_some_order,
    bad_patterns, delta_atomicity, in_order, in_some_order, judge, k_atomicity, proves, read,
};
use serde_json::Value;
use std::fs::File;
use std::io::{BufReader, Write as _};
use std::path::PathBuf;

struct Entry {
    name: String,
    history: History,
    facts: Value,
}

/// Every history with what is known of it; none if the folder is absent.
fn entries() -> Vec<Entry> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/histories");
    let folder = std::env::var("PACELC_HISTORIES").unwrap_or_else(|_| beside.to_owned());
    let folder = PathBuf::from(folder);
    let Ok(manifest) = std::fs::read_to_string(folder.join("manifest.json")) else {
        // Not `eprintln!`, which a passing test swallows: what was not tested is always said.
        let said = format!(
            "\nSKIPPED: tests/check/corpus.rs found no histories in {}\n",
            folder.display()
        );
        std::io::stderr().write_all(said.as_bytes()).expect("somebody listens");
        return Vec::new();
    };
    let manifest: Value = serde_json::from_str(&manifest).expect("the manifest is JSON");
    let load = |facts: &Value| {
        let file = facts["file"].as_str().expect("a file");
        let source = File::open(folder.join(file)).expect("the file is there");
        let history = read(BufReader::new(source), file, None, &facts["initial"]);
        let history = history.unwrap_or_else(|error| panic!("{error}"));
        let name = format!("{file} ({})", facts["id"].as_str().unwrap_or("?"));
        Entry { name, history, facts: facts.clone() }
    };
    manifest["entries"].as_array().expect("entries").iter().map(load).collect()
}

const SESSIONS: [(&str, Session); 4] = [
    ("ryw", Session::ReadYourWrites),
    ("mr", Session::MonotonicReads),
    ("mw", Session::MonotonicWrites),
    ("wfr", Session::WritesFollowReads),
];

const ACROSS: [(&str, Session); 2] = [
    ("mw_xkey", Session::MonotonicWritesAcrossKeys),
    ("wfr_xkey", Session::WritesFollowReadsAcrossKeys),
];

/// Differences between what was found and what is known, and how many facts were compared.
#[derive(Default)]
struct Comparison {
    wrong: Vec<String>,
    compared: u32,
}

impl Comparison {
    fn equal(&mut self, entry: &Entry, field: &str, found: &Value, known: &Value) {
        if known.is_null() && field != "delta_atomicity" {
            return;
        }
        self.compared += 1;
        if found != known {
            self.wrong.push(format!("{}: {field} is {known}, found {found}", entry.name));
        }
    }
}

fn word(verdict: &Verdict) -> Value {
    verdict.decided().map_or(Value::Null, Value::Bool)
}

fn versions(entry: &Entry) -> Option<Versions> {
    let orders = entry.facts["version_order"].as_object()?;
    let orders =
        orders.iter().map(|(key, all)| (key.as_str(), all.as_array().into_iter().flatten()));
    Some(Versions::new(&entry.history, orders).expect("an order"))
}

fn compare_sessions(entry: &Entry, limits: &Limits<'_>, comparison: &mut Comparison) {
    let (history, known) = (&entry.history, &entry.facts["verdicts"]);
    if let Some(versions) = versions(entry) {
        for (group, guarantees) in [("session", &SESSIONS[..]), ("session_cross_key", &ACROSS)] {
            for (name, guarantee) in guarantees {
                let found = word(&in_order(history, *guarantee, &versions, limits));
                comparison.equal(entry, &format!("{group}.{name}"), &found, &known[group][name]);
            }
        }
        if let Some(reads) = known["staleness"]["reads"].as_array() {
            compare_ages(entry, &ages(history, &versions), reads, comparison);
        }
    }
    let any = &known["session_any_order"];
    if any.is_object() {
        for (name, guarantee) in SESSIONS {
            let found = word(&in_some_order(history, guarantee, limits));
            comparison.equal(entry, &format!("some order, {name}"), &found, &any["each"][name]);
        }
        comparison.equal(entry, "all4", &word(&all_in_some_order(history, limits)), &any["all4"]);
    }
}

fn compare_ages(entry: &Entry, found: &[Age], known: &[Value], comparison: &mut Comparison) {
    let ops = entry.history.operations();
    let mut found: Vec<Value> = found
        .iter()
        .map(|age| {
            let op = &ops[age.operation as usize];
            let process: i64 = entry.history.process(op.process).parse().expect("a number");
            serde_json::json!({
                "process": process,
                "invoke": op.invoked,
                "versions_behind": age.versions,
                "time_behind": age.time,
            })
        })
        .collect();
    let mut known = known.to_vec();
    let place = |read: &Value| (read["invoke"].as_u64(), read["process"].as_i64());
    found.sort_by_key(place);
    known.sort_by_key(place);
    comparison.equal(entry, "staleness", &Value::Array(found), &Value::Array(known));
}

#[test]
fn every_verdict_is_the_known_one() {
    let limits = Limits { witness: true, ..Limits::default() };
    let mut comparison = Comparison::default();
    let entries = entries();
    for entry in &entries {
        let (history, known) = (&entry.history, &entry.facts["verdicts"]);
        for (field, condition) in [
            ("linearizable", Condition::Linearizable),
            ("sequential", Condition::Sequential),
            ("cc", Condition::Causal),
            ("cm", Condition::CausalMemory),
            ("ccv", Condition::CausalConvergence),
        ] {
            if known.get(field).is_some() {
                let verdict = judge(history, condition, &limits);
                comparison.equal(entry, field, &word(&verdict), &known[field]);
                evidence_stands(entry, condition, &verdict);
            }
        }
        if known.get("bad_patterns").is_some() {
            let found = bad_patterns(history, &limits).map_or(Value::Null, Value::from);
            comparison.equal(entry, "bad_patterns", &found, &known["bad_patterns"]);
        }
        if known.get("k_atomicity").is_some() {
            let found =
                k_atomicity(history, &limits).expect("decided").map_or(Value::Null, Value::from);
            comparison.equal(entry, "k_atomicity", &found, &known["k_atomicity"]);
        }
        if known.get("delta_atomicity").is_some() {
            let found = delta_atomicity(history, &limits).expect("decided");
            let found = found.map_or(Value::Null, Value::from);
            comparison.equal(entry, "delta_atomicity", &found, &known["delta_atomicity"]);
        }
        compare_sessions(entry, &limits, &mut comparison);
    }
    let Comparison { wrong, compared } = comparison;
    assert!(wrong.is_empty(), "{} of {compared} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(entries.is_empty() || compared > entries.len() as u32, "{compared} facts");
    eprintln!("{compared} facts about {} histories", entries.len());
}

/// An order proves itself, and a counterexample is one by itself.
fn evidence_stands(entry: &Entry, condition: Condition, verdict: &Verdict) {
    let real_time = condition == Condition::Linearizable;
    match verdict {
        Verdict::Holds(Witness::Order(order)) => {
            let proof = proves(&entry.history, order, real_time, !real_time);
            assert!(proof, "{}: the order for {condition} proves nothing", entry.name);
        }
        Verdict::Holds(_) => {
            assert!(condition > Condition::Sequential, "{}: no order", entry.name);
        }
        Verdict::Violated(example) => {
            assert!(!example.operations.is_empty(), "{}: {condition}", entry.name);
        }
        Verdict::Unknown(reason) => panic!("{}: {condition}: {reason}", entry.name),
    }
}

#[test]
fn verdicts_follow_the_lattice() {
    let mut conditions: Vec<Condition> = Condition::PLAIN.map(|(_, condition)| condition).to_vec();
    for name in ["k-atomic=1", "k-atomic=2", "k-atomic=3", "delta-atomic=0", "delta-atomic=9"] {
        conditions.push(name.parse().expect("a condition"));
    }
    conditions.extend([0, 9].map(Condition::BoundedStaleness));
    conditions.extend([0, 1, 2].map(Condition::BoundedVersions));
    let limits = Limits { steps: 200_000, ..Limits::default() };
    for entry in entries() {
        let judged = |c: &Condition| judge(&entry.history, *c, &limits);
        let verdicts: Vec<Verdict> = conditions.iter().map(judged).collect();
        for (strong, one) in conditions.iter().zip(&verdicts) {
            for (weak, other) in conditions.iter().zip(&verdicts) {
                let broken = strong.implies(*weak) && one.holds() && other.is_violated();
                assert!(!broken, "{}: {strong}, and yet not {weak}: {other:?}", entry.name);
            }
        }
    }
}
