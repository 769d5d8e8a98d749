//! Same scenario, same seed, same bytes: run twice, on any number of threads, and against digests that
//! are pinned here.
//!
//! A pinned digest that changes means that runs changed. If that was meant, put the printed table in
//! place of the old one and say in the changelog what changed; the reference report changes with it.

mod common;

use common::simulate;
use pacelc::catalog::Catalog;
use pacelc::report::page;
use pacelc::scenario::plan::{Load, Plan};
use pacelc::scenario::{Overrides, Scenario, find, load};
use pacelc::suite::{Options, Suite};

fn smoke() -> Vec<Scenario> {
    let open = |name| {
        let source = find(name).expect("a built-in scenario");
        let mut scenario =
            load(&source, &Catalog::builtin(), &Overrides::default()).expect("valid");
        scenario.plans.iter_mut().for_each(Plan::shorten);
        scenario
    };
    ["smoke-levels", "smoke-cut", "smoke-probe"].map(open).into()
}

/// The digest of each mode's first cell under seed 1.
const PINNED: &[(&str, u64)] = &[];

#[test]
fn a_run_repeats_itself_and_matches_its_pinned_digest() {
    let mut found: Vec<(String, u64)> = Vec::new();
    for scenario in smoke() {
        let mut seen: Vec<&str> = Vec::new();
        for plan in &scenario.plans {
            if seen.contains(&plan.name.mode.as_str()) {
                continue;
            }
            seen.push(&plan.name.mode);
            let digest = simulate(plan, 1).history.digest();
            assert_eq!(simulate(plan, 1).history.digest(), digest, "{} differs", plan.name);
            // Probes over constant delays have nothing to draw.
            let other = simulate(plan, 2).history.digest();
            assert!(other != digest || plan.load != Load::Mix, "{} ignores its seed", plan.name);
            found.push((plan.name.to_string(), digest));
        }
    }
    let table = |(name, digest): &(String, u64)| format!("    (\"{name}\", 0x{digest:016x}),\n");
    let table: String = found.iter().map(table).collect();
    let pinned: Vec<(String, u64)> =
        PINNED.iter().map(|(name, digest)| ((*name).to_owned(), *digest)).collect();
    assert_eq!(found, pinned, "the digests are now:\n{table}");
}

#[test]
fn results_are_the_same_bytes_for_any_number_of_threads() {
    let results = |threads| {
        let options = Options { seeds: 3, threads, ..Options::default() };
        let suite = Suite::new(Catalog::builtin(), smoke(), options);
        let results = suite.run(&mut |_| {}).expect("the suite runs");
        let folder = tempfile::tempdir().expect("a folder");
        results.write(folder.path()).expect("written");
        let read = |name| std::fs::read(folder.path().join(name)).expect("read");
        let html = page(&results.note, &results.rows, &results.curves);
        (read("rows.jsonl"), read("curves.jsonl"), read("run.json"), html)
    };
    let one = results(1);
    assert!(one.0.len() > 10_000, "there are rows to compare");
    for threads in [2, 5] {
        assert!(results(threads) == one, "{threads} threads give other bytes than one");
    }
}
