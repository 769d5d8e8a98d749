//! Whatever the bytes, readers answer with a value or an error, never with a panic.

use crate::common::program::Desk;
use pacelc::catalog::Catalog;
use pacelc::history;
use pacelc::op::Level;
use pacelc::results::{Journal, Results, read_rows};
use pacelc::scenario::cluster::ClusterFile;
use pacelc::scenario::filter::{Filters, Flag};
use pacelc::scenario::regions::Matrix;
use pacelc::scenario::{Overrides, Source, builtin, load};
use pacelc::time::Duration;
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::fs;
use std::sync::LazyLock;

/// One change to a text: at a place, remove some bytes and put others there.
#[derive(Clone, Debug)]
struct Edit {
    at: prop::sample::Index,
    remove: usize,
    insert: Vec<u8>,
}

/// Bytes that mean something to TOML, JSON or CSV are likelier to hurt than others.
fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let words = prop::sample::select(vec![
        "",
        "-",
        "-1",
        "0",
        "1e309",
        "nan",
        "inf",
        "99999999999999999999",
        "\"",
        "'",
        "[",
        "]",
        "{",
        "}",
        "=",
        ",",
        "\n",
        ".",
        "#",
        "null",
        "true",
        "\u{0}",
        "é",
        "\u{202e}",
        "18446744073709551615",
        "1e-300",
        "\"0ms\"",
        "\"99999999999s\"",
        "\\u0000",
        "*",
    ]);
    let insert =
        prop_oneof![words.prop_map(|word| word.as_bytes().to_vec()), vec(any::<u8>(), 0..4)];
    let edit = (any::<prop::sample::Index>(), 0_usize..12, insert)
        .prop_map(|(at, remove, insert)| Edit { at, remove, insert });
    vec(edit, 1..5)
}

fn edited(text: &[u8], edits: &[Edit]) -> Vec<u8> {
    let mut text = text.to_vec();
    for edit in edits {
        let at = edit.at.index(text.len().max(1)).min(text.len());
        let end = (at + edit.remove).min(text.len());
        text.splice(at..end, edit.insert.iter().copied());
    }
    text
}

/// One sentence that names its file.
fn is_a_sentence(error: &dyn std::fmt::Display, file: &str) {
    let text = error.to_string();
    assert!(text.contains(file) && !text.contains('\n'), "{text:?}");
}

fn scenario(text: &[u8], overrides: &Overrides) {
    let source = Source::new("tests/own.toml", &String::from_utf8_lossy(text));
    match load(&source, &Catalog::builtin(), overrides) {
        Ok(scenario) => assert!(!scenario.plans.is_empty() && !scenario.question.is_empty()),
        Err(error) => is_a_sentence(&error, ""),
    }
}

/// A finished run with its journal as it was before the end.
struct Saved {
    desk: Desk,
    journal: Vec<u8>,
}

static SAVED: LazyLock<Saved> = LazyLock::new(|| {
    let desk = Desk::new();
    desk.ok(&["run", "smoke-probe", "smoke-cut", "--smoke", "-o", "saved"]);
    let results = Results::read(&desk.path("saved")).expect("the run was saved");
    let cell = pacelc::results::CellResult {
        cell: results.rows[0].cell.clone(),
        operations: 7,
        virtual_seconds: 1.5,
        rows: results.rows[..3].to_vec(),
        curves: results.curves[..3].to_vec(),
        evidence: None,
        faults: results.faults[..2].to_vec(),
        timelines: results.timelines[..2].to_vec(),
        links: Vec::new(),
        beside: Vec::new(),
    };
    let folder = desk.path("journal");
    let mut journal = Journal::create(&folder, "print").expect("the folder takes a journal");
    journal.append(&cell).and_then(|()| journal.append(&cell)).expect("the journal takes cells");
    let journal = fs::read(folder.join("journal.jsonl")).expect("the journal");
    Saved { desk, journal }
});

/// The history of a short run with everything in it: scans, failures, unknown outcomes.
static HISTORY: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let plans = crate::common::plans(include_str!("../../scenarios/smoke/smoke-levels.toml"));
    let mut plan = crate::common::swarm::perturbed(&plans[2], 4);
    plan.length = pacelc::scenario::plan::Length::Operations(120);
    let mut text = Vec::new();
    history::write(&crate::common::simulate(&plan, 1).history, &mut text)
        .expect("a vector is writable");
    text
});

/// A cluster's file with some of everything.
const CLUSTER: &str = r#"
cluster = "c"
inject_delays = true
regions = "aws"
duration = "2s"
nodes = [
    { id = "x", region = "us-east-1", address = "127.0.0.1:7001", data_dir = "d" },
    { id = "y", region = "eu-west-1/b", address = "[::1]:7002", data_dir = "/d" },
]
clients = [{ region = "us-east-1", sessions = 2 }]
link = { jitter_ms = 1 }
workload = { read = 0.5, update = 0.5, arrivals = { constant = { rate = 9 } } }
modes = [{ protocol = "raft", levels = ["linearizable"] }]
"#;

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn noise_is_no_scenario_matrix_or_history(bytes in vec(any::<u8>(), 0..400)) {
        scenario(&bytes, &Overrides::default());
        let text = String::from_utf8_lossy(&bytes);
        for file in ["noise.csv", "noise.toml"] {
            if let Err(error) = Matrix::parse(file, &text) {
                is_a_sentence(&error, file);
            }
        }
        prop_assert!(history::read(&bytes[..], "noise").is_err());
    }

    #[test]
    fn spoiled_scenarios_are_refused_or_resolved(which in any::<prop::sample::Index>(), edits in edits()) {
        let sources = builtin();
        let source = &sources[which.index(sources.len())];
        scenario(&edited(source.text.as_bytes(), &edits), &Overrides::default());
    }

    #[test]
    fn spoiled_cluster_files_are_refused_or_resolved(edits in edits()) {
        let text = edited(CLUSTER.as_bytes(), &edits);
        let source = Source::new("tests/cluster.toml", &String::from_utf8_lossy(&text));
        match ClusterFile::load(&source, &Catalog::builtin()) {
            Ok(file) => {
                prop_assert!(file.scenario.plans.iter().all(|plan| plan.replicas.len() == file.nodes.len()));
                prop_assert!(file.scenario.plans.iter().all(|plan| plan.faults.is_empty()));
            }
            Err(error) => is_a_sentence(&error, "tests/cluster.toml"),
        }
    }

    #[test]
    fn places_of_any_name_are_refused_or_found(regions in "[a-z0-9:,./*-]{0,24}|(aws|azure|gcp)(:[a-z]{2}-[a-z]{4}-[1-3])?") {
        let source = pacelc::scenario::find("smoke-cut").expect("a built-in scenario");
        scenario(source.text.as_bytes(), &Overrides { regions: Some(regions) });
    }

    #[test]
    fn spoiled_matrices_are_refused_or_complete(edits in edits()) {
        let square = "# Mine.\n# intra_az_rtt_ms = 0.3\nfrom\\to,a,b,c\na,-,10,3\nb,12,-,4\nc,1,2,-\n";
        let tidy = "src,dst,rtt_ms\na,b,10\nb,a,12\n";
        let toml = "symmetric = true\n[rtt_ms.a]\nb = 10\nc = 4\n[rtt_ms.b]\nc = 3\n";
        for (file, text) in [("m.csv", square), ("m.csv", tidy), ("m.toml", toml)] {
            let bytes = edited(text.as_bytes(), &edits);
            match Matrix::parse(file, &String::from_utf8_lossy(&bytes)) {
                Ok(matrix) => for from in 0..matrix.regions.len() {
                    for to in 0..matrix.regions.len() {
                        prop_assert!((0.0..=1e6).contains(&matrix.rtt_ms(from, to)));
                    }
                },
                Err(error) => is_a_sentence(&error, file),
            }
        }
    }

    #[test]
    fn spoiled_histories_are_refused_or_judged(edits in edits()) {
        if let Ok(history) = history::read(&edited(&HISTORY, &edits)[..], "spoiled") {
            // What is accepted can be judged: no checker trusts more than the reader has checked.
            for guarantee in [
                pacelc::guarantee::Guarantee::Linearizable,
                pacelc::guarantee::Guarantee::Session,
                pacelc::guarantee::Guarantee::BoundedStaleness(Duration::millis(10)),
            ] {
                let _ = pacelc::analysis::judge(&history, guarantee);
            }
        }
    }

    #[test]
    fn spoiled_words_are_refused_or_understood(text in ".{0,20}", number in any::<u64>(), unit in "(ns|us|ms|s|min|h)?") {
        for text in [text.clone(), format!("{number}{unit}"), format!("{}.{number}{unit}", number % 7)] {
            if let Ok(length) = text.parse::<Duration>() {
                prop_assert_eq!(length.to_string().parse::<Duration>(), Ok(length));
            }
            let bounded = format!("bounded({text})");
            if let Ok(level) = bounded.parse::<Level>() {
                prop_assert_eq!(level.to_string().parse::<Level>(), Ok(level));
            }
            let _ = text.parse::<Level>();
        }
        let _ = Filters::new([(Flag::Scenario, text.as_str()), (Flag::NotLevel, text.as_str())]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn spoiled_results_are_refused_or_read(edits in edits(), which in 0_usize..5) {
        let files = ["rows.jsonl", "curves.jsonl", "faults.jsonl", "timelines.jsonl", "run.json"];
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (number, name) in files.iter().enumerate() {
            let text = fs::read(SAVED.desk.path("saved").join(name)).expect("the run was saved");
            // The first line is enough, and fast; of rows, one a cell.
            let lines = text.split_inclusive(|b| *b == b'\n');
            let cell = |line: &[u8]| line.split(|b| *b == b',').nth(2).map(<[u8]>::to_vec);
            let mut seen = BTreeSet::new();
            let text = match *name {
                "run.json" => text,
                "rows.jsonl" => lines.filter(|line| seen.insert(cell(line))).collect::<Vec<_>>().concat(),
                _ => lines.take(1).collect::<Vec<_>>().concat(),
            };
            let text = if number == which { edited(&text, &edits) } else { text };
            fs::write(folder.path().join(name), text).expect("written");
        }
        match Results::read(folder.path()) {
            Ok(results) => {
                // What is accepted can be drawn.
                let page = pacelc::report::page(&results);
                prop_assert!(page.contains("</html>"));
            }
            Err(error) => is_a_sentence(&error, files[which]),
        }
        let _ = read_rows(&folder.path().join(files[which]));
    }

    #[test]
    fn spoiled_journals_are_refused_or_resumed(edits in edits()) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("journal.jsonl");
        fs::write(&path, edited(&SAVED.journal, &edits)).expect("written");
        match Journal::resume(folder.path(), "print") {
            Ok((_, cells)) => prop_assert!(cells.len() <= 4),
            Err(error) => is_a_sentence(&error, "journal.jsonl"),
        }
    }
}
