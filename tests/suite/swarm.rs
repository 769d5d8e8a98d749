//! Random fault schedules: drawn from the seed alone, written and read again, and shrunk when they break
//! something; and what waits for a quorum or for all loses nothing under any of them.

use crate::common::{plans, simulate};
use pacelc::catalog::Catalog;
use pacelc::guarantee::Guarantee;
use pacelc::scenario::plan::{FaultKind, Plan, RandomKind};
use pacelc::scenario::{Overrides, Source, find, load, regression};
use pacelc::suite::{Swarm, Swarmed, shrink};
use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;

/// Schedules in all; `pacelc swarm smoke-random --schedules 2500 --lossless` runs ten thousand.
const SCHEDULES: u32 = 320;

fn random() -> Source {
    find("smoke-random").expect("built in")
}

fn run(
    source: &Source,
    schedules: u32,
    threads: usize,
    lossless: bool,
) -> (Vec<Plan>, Vec<Swarmed>) {
    let catalog = Catalog::builtin();
    let plans = load(source, &catalog, &Overrides::default()).expect("it is valid").plans;
    let swarm = Swarm { catalog: &catalog, first_seed: 1, schedules, lossless };
    let cells: Vec<&Plan> = plans.iter().collect();
    let found = swarm.run(&cells, threads, &AtomicBool::new(false), &|_| {}).expect("it runs");
    (plans, found)
}

#[test]
fn nothing_is_lost_that_all_or_a_quorum_have_acknowledged() {
    let (_, found) = run(&random(), SCHEDULES / 4, 2, true);
    assert_eq!(found.len(), 4);
    for cell in &found {
        assert_eq!((&cell.broken, cell.gone), (&vec![], 0), "{}", cell.cell);
        assert!(cell.undecided.is_empty(), "{}: {:?}", cell.cell, cell.undecided);
        // A swarm that answers nothing, or disturbs nothing, shows nothing.
        assert!(cell.acknowledged > 80 * cell.schedules, "{}: {}", cell.cell, cell.acknowledged);
        assert!(cell.faults > 3 * cell.schedules, "{}: {} faults", cell.cell, cell.faults);
        // Every schedule plans operations for 12 s, and replicas come to rest after that.
        let planned = u128::from(cell.schedules) * 12_000_000_000;
        let loaded = planned * 9 / 10..=planned;
        assert!(loaded.contains(&cell.loaded_ns), "{}: {}", cell.cell, cell.loaded_ns);
        assert!(cell.virtual_ns > cell.loaded_ns, "{}: nobody waits", cell.cell);
    }
}

/// What waits for others loses nothing, and that says something: under the same schedules and fail-over one that
/// waits for nobody does.
#[test]
fn the_same_schedules_lose_what_an_asynchronous_primary_had_not_shipped() {
    let text = random()
        .text
        .replace("acknowledge = \"all\", fail_over", "acknowledge = \"async\", fail_over");
    let text =
        text.replacen("levels   = [\"linearizable\"]", "levels   = [\"eventual-nearest\"]", 1);
    assert_ne!(text, random().text);
    let (_, found) = run(&Source::new("async.toml", &text), 40, 2, true);
    assert!(found[0].cell.contains("/sync/") && found[0].promise == Guarantee::Eventual);
    assert!(found[0].gone > 0 && found[0].broken.len() > 1, "{:?}", found[0]);
    assert!(found[1..].iter().all(|cell| cell.gone == 0 && cell.broken.is_empty()));
}

/// The same scenario with a primary that acknowledges before its disk, and a leader before its majority.
fn broken() -> Source {
    let text = random().text;
    let hasty = text
        .replace("acknowledge = \"all\"", "acknowledge = \"async\", flush_every = \"500ms\"")
        .replace(
            "levels   = [\"linearizable\"]\nconfig   = { acknowledge = \"async\"",
            "levels   = [\"eventual-nearest\"]\nconfig   = { acknowledge = \"async\"",
        )
        .replace(
            "protocol = \"raft\"",
            "protocol = \"raft\"\nconfig = { flaw = \"answers-before-majority\" }",
        );
    assert_ne!(hasty, text);
    Source::new("hasty.toml", &hasty)
}

#[test]
fn what_loses_is_found_shrunk_and_kept() {
    let source = broken();
    let (plans, found) = run(&source, 40, 2, true);
    let (_, again) = run(&source, 40, 5, true);
    assert_eq!(found, again, "the number of threads shows");
    let catalog = Catalog::builtin();
    let swarm = Swarm { catalog: &catalog, first_seed: 1, schedules: 1, lossless: true };
    for (mode, at) in [("sync", 0), ("raft", 2)] {
        let (plan, cell) = (&plans[at], &found[at]);
        assert_eq!(plan.name.mode, mode);
        let (seed, message) = cell.broken.first().expect("some schedule breaks it").clone();
        assert!(!message.is_empty());
        let drawn = plan.drawn(seed).into_owned();
        let shrunk = shrink(&drawn, &|plan| swarm.fails(plan, seed));
        assert!(shrunk.plan.faults.len() <= drawn.faults.len() && swarm.fails(&shrunk.plan, seed));
        assert!(shrunk.plan.faults.len() <= 3, "{mode}: {:?}", shrunk.plan.faults);
        // No fault that is left can be spared.
        for spared in 0..shrunk.plan.faults.len() {
            let mut fewer = shrunk.plan.clone();
            fewer.faults.remove(spared);
            assert!(!swarm.fails(&fewer, seed), "{mode}: fault {spared} is not needed");
        }
        // As a file it does the same.
        let text = regression(&source, &shrunk.plan, seed, "kept.toml").expect("it can be written");
        let mut kept = plans_of("kept.toml", &text);
        assert_eq!(kept.len(), 1);
        let kept = kept.remove(0);
        assert_eq!(kept.faults, shrunk.plan.faults);
        assert_eq!(
            simulate(&kept, seed).history.digest(),
            simulate(&shrunk.plan, seed).history.digest()
        );
    }
    for sound in [1, 3] {
        assert_eq!((&found[sound].broken, found[sound].gone), (&vec![], 0));
    }
}

fn plans_of(file: &str, text: &str) -> Vec<Plan> {
    let source = Source::new(file, text);
    load(&source, &Catalog::builtin(), &Overrides::default())
        .unwrap_or_else(|e| panic!("{e}\n{text}"))
        .plans
}

#[test]
fn schedules_are_drawn_from_the_seed_alone_and_stay_in_their_window() {
    let plan = plans(&random().text).remove(0);
    let random = plan.random_faults.clone().expect("it draws");
    let mut counts = BTreeSet::new();
    for seed in 1..=200 {
        let faults = plan.drawn(seed).faults.clone();
        assert_eq!(faults, plan.drawn(seed).faults);
        let inside = |fault: &&pacelc::scenario::plan::Fault| {
            random.start <= fault.start && fault.start < fault.end && fault.end <= random.end
        };
        assert!(!faults.is_empty() && faults.iter().all(|fault| inside(&fault)), "{faults:?}");
        counts.insert(faults.len());
    }
    assert!(counts.len() > 5, "{counts:?}");
    // Drawing shifts nothing else: arrivals before the first fault are those of a run without.
    let mut calm = plan.clone();
    calm.random_faults = None;
    let asked = |plan: &Plan| {
        let history = simulate(plan, 3).history;
        let early = history.operations.iter().take(20).map(|op| (op.session, op.intended, op.key));
        early.collect::<Vec<_>>()
    };
    assert_eq!(asked(&plan), asked(&calm));
}

#[test]
fn every_kind_that_can_be_drawn_can_be_written_and_read() {
    for kind in RandomKind::ALL {
        let table = format!("kinds   = [\"{}\"]\nmost    = 6", kind.name());
        let source = Source::new("one.toml", &random().text.replace("most    = 6", &table));
        let plan = plans_of("one.toml", &source.text).remove(0);
        let mut seen = 0;
        for seed in 1..=20 {
            let drawn = plan.drawn(seed).into_owned();
            seen += drawn.faults.len();
            let text = regression(&source, &drawn, seed, "kept.toml").expect("it can be written");
            assert_eq!(plans_of("kept.toml", &text)[0].faults, drawn.faults, "{}", kind.name());
        }
        assert!(seen >= 20, "{}", kind.name());
    }
    let mut plan = plans(&random().text).remove(0);
    let usual = plan.random_faults.as_ref().expect("it draws").kinds.clone();
    assert!(!usual.contains(&RandomKind::Clock) && usual.len() == RandomKind::ALL.len() - 1);
    // Clients that have no name of their own cannot be written.
    let faults = plan.drawn(1).faults.clone();
    let client = vec![plan.replicas.len()];
    plan.faults = vec![pacelc::scenario::plan::Fault {
        kind: FaultKind::Cut(pacelc::scenario::plan::Between::others(client)),
        ..faults[0].clone()
    }];
    plan.random_faults = None;
    assert!(regression(&random(), &plan, 1, "kept.toml").is_err());
}

#[test]
fn what_cannot_be_drawn_is_refused_in_its_line() {
    let good = random().text;
    for (old, new, says) in [
        ("most    = 6", "most    = 0", "most is 0; write 1 to 100 faults"),
        (
            "end     = \"11s\"",
            "end     = \"1s\"",
            "the faults end at 1s, not after their start at 1s",
        ),
        (
            "start   = \"1s\"\nend     = \"11s\"",
            "start = \"12s\"\nend = \"20s\"",
            "but the run lasts 12s",
        ),
        ("longest = \"3s\"", "longest = \"30s\"", "longest is 30s; write 1ms to 10s"),
        (
            "most    = 6",
            "most = 6\nkinds = [\"crsh\"]",
            "unknown kind of fault `crsh`; did you mean `crash`?",
        ),
        ("most    = 6", "most = 6\nkinds = [\"cut\", \"cut\"]", "cut is listed twice"),
        ("most    = 6", "most = 6\nkinds = []", "kinds is empty"),
        ("most    = 6", "most = 6\nkind = \"cut\"", "unknown key `kind`; did you mean `kinds`?"),
        ("service_ms = 0.02\n", "", "the same"),
    ] {
        let text = good.replace(old, new);
        assert_ne!(text, good, "{old} is not there");
        let text = if says == "the same" {
            text.replace("most    = 6", "most = 6\nkinds = [\"slow\"]")
        } else {
            text
        };
        let says = if says == "the same" { "slow does not fit" } else { says };
        let source = Source::new("s.toml", &text);
        let error =
            load(&source, &Catalog::builtin(), &Overrides::default()).expect_err(new).to_string();
        assert!(error.starts_with("s.toml:") && error.contains(says), "{error}");
    }
}
