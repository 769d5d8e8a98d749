//! What every fuzz target does with its bytes: one for each parser and one for each checker.
//!
//! Bytes that a parser accepts are used as the program would use them. For a checker they are turned
//! into a history, whose verdict must agree with those of all stronger and weaker conditions, with
//! its evidence, and with itself on another budget. Nothing here needs a fuzzer, so
//! `tests/check/fuzz.rs` runs the same on every change, over the seeds and random mutations of them.

mod bytes;

use bytes::Bytes;
use pacelc::catalog::Catalog;
use pacelc::foreign::{
    Builder, Condition, Format, History, INITIAL, Limits, Operation, Verdict, Witness, judge,
    proves, read,
};
use pacelc::guarantee::Guarantee;
use pacelc::scenario::regions::Matrix;
use pacelc::scenario::{Overrides, Source, load};
use std::fmt::Display;

/// Takes bytes; whether they were accepted, or led to a verdict.
pub type Body = fn(&[u8]) -> bool;

/// Every target by name.
pub const TARGETS: [(&str, Body); 18] = [
    ("jsonl", |bytes| recorded(bytes, Format::Neutral)),
    ("edn", |bytes| recorded(bytes, Format::Edn)),
    ("etcd", |bytes| recorded(bytes, Format::Etcd)),
    ("scenario", scenario),
    ("matrix-csv", |bytes| matrix(bytes, "fuzz.csv")),
    ("matrix-toml", |bytes| matrix(bytes, "fuzz.toml")),
    ("rows", rows),
    ("history", history),
    ("linearizable", |bytes| checked(bytes, &["linearizable"])),
    ("sequential", |bytes| checked(bytes, &["sequential"])),
    ("causal", |bytes| checked(bytes, &["causal"])),
    ("causal-memory", |bytes| checked(bytes, &["causal-memory"])),
    ("causal-convergence", |bytes| checked(bytes, &["causal-convergence"])),
    ("consistent-prefix", |bytes| checked(bytes, &["consistent-prefix"])),
    ("session", |bytes| checked(bytes, &SESSIONS)),
    ("k-atomic", |bytes| checked(bytes, &["k-atomic=1", "k-atomic=2"])),
    ("delta-atomic", |bytes| checked(bytes, &["delta-atomic=0", "delta-atomic=4"])),
    ("bounded-staleness", |bytes| {
        checked(bytes, &["bounded-staleness=0", "bounded-staleness=4", "bounded-versions=1"])
    }),
];

const SESSIONS: [&str; 7] = [
    "session",
    "read-your-writes",
    "monotonic-reads",
    "monotonic-writes",
    "writes-follow-reads",
    "monotonic-writes-across-keys",
    "writes-follow-reads-across-keys",
];

/// Steps of a search: enough for most of what a few hundred bytes can say.
const STEPS: u64 = 20_000;

/// Runs the target of this name.
///
/// # Panics
///
/// If there is none, or the program under test is wrong.
pub fn run(name: &str, bytes: &[u8]) -> bool {
    let found = TARGETS.iter().find(|(target, _)| *target == name);
    found.unwrap_or_else(|| panic!("no target {name}")).1(bytes)
}

/// Bad input is refused with one sentence.
fn is_a_sentence(error: &dyn Display) {
    let text = error.to_string();
    assert!(!text.is_empty() && !text.contains('\n'), "{text:?}");
}

fn recorded(bytes: &[u8], format: Format) -> bool {
    match read(bytes, "fuzz", Some(format), &serde_json::Value::Null) {
        Err(error) => {
            assert!(error.line > 0);
            is_a_sentence(&error);
            false
        }
        Ok(history) => {
            let limits = Limits { steps: STEPS, ..Limits::default() };
            for (_, condition) in Condition::PLAIN {
                let _ = judge(&history, condition, &limits);
            }
            true
        }
    }
}

fn scenario(bytes: &[u8]) -> bool {
    let source = Source::new("fuzz.toml", &String::from_utf8_lossy(bytes));
    match load(&source, &Catalog::builtin(), &Overrides::default()) {
        Ok(scenario) => !scenario.plans.is_empty(),
        Err(error) => {
            is_a_sentence(&error);
            false
        }
    }
}

fn matrix(bytes: &[u8], file: &str) -> bool {
    match Matrix::parse(file, &String::from_utf8_lossy(bytes)) {
        Err(error) => {
            is_a_sentence(&error);
            false
        }
        Ok(matrix) => {
            let all = 0..matrix.regions.len();
            for (from, to) in all.clone().flat_map(|from| all.clone().map(move |to| (from, to))) {
                assert!((0.0..=1e6).contains(&matrix.rtt_ms(from, to)));
            }
            true
        }
    }
}

/// Rows are read from a file, so there is one for each call.
fn rows(bytes: &[u8]) -> bool {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), bytes).expect("it takes bytes");
    match pacelc::results::read_rows(file.path()) {
        Ok(_) => true,
        Err(error) => {
            is_a_sentence(&error);
            false
        }
    }
}

fn history(bytes: &[u8]) -> bool {
    match pacelc::history::read(bytes, "fuzz") {
        Err(error) => {
            is_a_sentence(&error);
            false
        }
        Ok(history) => {
            let _ = pacelc::analysis::judge(&history, Guarantee::Linearizable);
            let _ = pacelc::analysis::judge(&history, Guarantee::Session);
            true
        }
    }
}

fn checked(bytes: &[u8], names: &[&str]) -> bool {
    let Some(history) = Bytes(bytes).history() else { return false };
    let conditions = names.iter().map(|name| name.parse().expect("a condition"));
    // Each is judged, not only those up to the first that is not decided.
    let all: Vec<bool> = conditions.map(|condition| decided(&history, condition)).collect();
    all.contains(&true)
}

/// Judges one condition and compares the verdict with all that it must agree with.
fn decided(history: &History, condition: Condition) -> bool {
    let limits = Limits { steps: STEPS, witness: true, ..Limits::default() };
    let verdict = judge(history, condition, &limits);
    for other in others() {
        if condition.implies(other) && verdict.holds() {
            let weaker = judge(history, other, &limits);
            assert!(!weaker.is_violated(), "{condition}, and yet not {other}: {weaker:?}");
        }
        if other.implies(condition) && verdict.is_violated() {
            let stronger = judge(history, other, &limits);
            assert!(!stronger.holds(), "{other}, and yet not {condition}: {verdict:?}");
        }
    }
    for steps in [0, 1, 100] {
        let poor = judge(history, condition, &Limits { steps, ..limits }).decided();
        let rich = verdict.decided();
        assert!(poor.is_none() || rich.is_none() || poor == rich, "{condition}: {poor:?} {rich:?}");
    }
    match &verdict {
        Verdict::Holds(Witness::Order(order)) => {
            let (real, own) = match condition {
                Condition::Sequential => (false, true),
                Condition::Prefix => (false, false),
                _ => (true, false),
            };
            assert!(proves(history, order, real, own), "{condition}: {order:?} proves nothing");
        }
        Verdict::Violated(example) => {
            assert!(!example.operations.is_empty(), "{condition}: nothing is shown");
            if condition <= Condition::Prefix {
                let alone = judge(&only(history, &example.operations), condition, &limits);
                assert!(!alone.holds(), "{condition}: {example:?} is none by itself");
            }
        }
        _ => {}
    }
    verdict.decided().is_some()
}

/// Every condition, those with a number by a few of them.
fn others() -> impl Iterator<Item = Condition> {
    let numbered = ["k-atomic=1", "k-atomic=2", "k-atomic=3", "delta-atomic=0", "delta-atomic=4"];
    let bounds = ["bounded-staleness=0", "bounded-staleness=4", "bounded-versions=1"];
    let more = numbered.into_iter().chain(bounds);
    let more = more.map(|name| name.parse().expect("a condition"));
    Condition::PLAIN.into_iter().map(|(_, condition)| condition).chain(more)
}

/// Only the operations of a counterexample, as a history.
fn only(history: &History, operations: &[u32]) -> History {
    let mut builder = Builder::new(history.value(INITIAL));
    for i in operations {
        let op = history.operations()[*i as usize];
        let process = builder.process(history.process(op.process));
        let key = builder.key(history.key(op.key));
        let value = builder.value(history.value(op.value));
        let expected = builder.value(history.value(op.expected));
        builder.push(Operation { process, key, value, expected, ..op });
    }
    builder.finish().expect("a part of a history is one")
}
