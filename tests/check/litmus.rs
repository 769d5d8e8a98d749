//! The textbook's histories: store buffering, IRIW, lost update, long fork and their like, each with
//! the verdict of every guarantee.
//!
//! They lie in `tests/check/litmus`, in the neutral format, and are part of the repository, so this is never
//! skipped. The verdicts were written by hand from the definitions in METHODOLOGY.md; `why` argues for
//! them. After the litmus tests of memory models (J. Alglave, L. Maranget and M. Tautschnig, "Herding
//! Cats", TOPLAS 36(2), 2014).

use pacelc::foreign::{
    Condition, History, Limits, Verdict, Versions, Witness, judge, judge_in_order, proves, rate,
    read,
};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

const LIMITS: Limits<'static> =
    Limits { steps: 50_000_000, bytes: 1 << 30, witness: true, stop: None };

struct Entry {
    name: String,
    history: History,
    facts: Value,
}

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/check/litmus"))
}

fn entries() -> Vec<Entry> {
    let manifest = fs::read_to_string(folder().join("manifest.json")).expect("the manifest");
    let manifest: Value = serde_json::from_str(&manifest).expect("the manifest is JSON");
    let load = |facts: &Value| {
        let name = facts["file"].as_str().expect("a file").to_owned();
        let text = fs::read(folder().join(&name)).expect("the history");
        let history = read(&text[..], &name, None, &facts["initial"]);
        let history = history.unwrap_or_else(|error| panic!("{error}"));
        Entry { name, history, facts: facts.clone() }
    };
    manifest["entries"].as_array().expect("entries").iter().map(load).collect()
}

fn named(text: &str) -> Condition {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_history_has_a_place_and_every_guarantee_a_verdict() {
    let entries = entries();
    assert!(entries.len() >= 20, "{}", entries.len());
    let listed: BTreeSet<String> = entries.iter().map(|entry| entry.name.clone()).collect();
    let files = fs::read_dir(folder()).expect("the folder");
    let files =
        files.map(|file| file.expect("an entry").file_name().to_string_lossy().into_owned());
    let files: BTreeSet<String> = files.filter(|name| name != "manifest.json").collect();
    assert_eq!(listed, files);
    for (name, condition) in Condition::PLAIN {
        let verdicts = entries.iter().map(|entry| &entry.facts["verdicts"][name]);
        let held: BTreeSet<Option<bool>> = verdicts.map(Value::as_bool).collect();
        // Monotonic reads and the two guarantees of writes are kept by some order if asked alone.
        let alone = ["monotonic-reads", "monotonic-writes", "writes-follow-reads"].contains(&name);
        assert!(
            held.contains(&Some(true)) && (alone || held.contains(&Some(false))),
            "{condition}"
        );
    }
}

#[test]
fn every_verdict_is_the_one_written_down() {
    let mut wrong = Vec::new();
    for Entry { name, history, facts } in entries() {
        for (guarantee, condition) in Condition::PLAIN {
            let expected = &facts["verdicts"][guarantee];
            let expected = match expected {
                Value::Null => None,
                other => Some(other.as_bool().expect("true or false")),
            };
            let verdict = judge(&history, condition, &LIMITS);
            if verdict.decided() != expected {
                wrong.push(format!("{name}: {condition} is {expected:?}, found {verdict:?}"));
            }
            if let Verdict::Holds(Witness::Order(order)) = &verdict {
                let (real_time, processes) =
                    (condition == Condition::Linearizable, condition == Condition::Sequential);
                assert!(proves(&history, order, real_time, processes), "{name}: {condition}");
            }
            if let (Verdict::Violated(_), Condition::Linearizable | Condition::Causal) =
                (&verdict, condition)
            {
                let found = rate(&history, condition, None, &LIMITS).expect("it can be counted");
                assert!((1..=found.of).contains(&found.hits), "{name}: {condition}: {found:?}");
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn bounds_are_as_tight_as_written_down() {
    let mut wrong = Vec::new();
    for Entry { name, history, facts } in entries() {
        for (guarantee, least) in facts["least"].as_object().expect("bounds") {
            let judged = |n: u64| {
                let condition = named(&format!("{guarantee}={n}"));
                judge(&history, condition, &LIMITS).decided()
            };
            let first = u64::from(guarantee == "k-atomic");
            let right = match least {
                Value::String(_) => judged(3).is_none(),
                Value::Null => judged(1_000) == Some(false),
                n => {
                    let n = n.as_u64().expect("a number");
                    judged(n) == Some(true) && (n == first || judged(n - 1) == Some(false))
                }
            };
            if !right {
                wrong.push(format!("{name}: {guarantee}={least} is not the least that holds"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn under_a_given_order_exactly_what_is_written_down_breaks() {
    let mut given = 0;
    for Entry { name, history, facts } in entries() {
        for order in facts["given"].as_array().into_iter().flatten() {
            given += 1;
            let keys = order["versions"].as_object().expect("keys").iter();
            let keys = keys.map(|(key, all)| (key.as_str(), all.as_array().into_iter().flatten()));
            let versions = Versions::new(&history, keys).expect("an order");
            let broken: Vec<&str> = order["broken"]
                .as_array()
                .expect("names")
                .iter()
                .filter_map(Value::as_str)
                .collect();
            for (guarantee, condition) in Condition::PLAIN {
                if !matches!(condition, Condition::Session | Condition::One(_)) {
                    continue;
                }
                let verdict = judge_in_order(&history, condition, &versions, &LIMITS);
                let expected = Some(!broken.contains(&guarantee));
                assert_eq!(verdict.decided(), expected, "{name}: {guarantee} by {order}");
            }
        }
    }
    assert!(given >= 7, "{given}");
}
