//! Broken on purpose, and caught: a checker that sings on none of these would be dead.
//!
//! Every canary has a twin that differs in the flaw alone and must be found sound, so that the checkers
//! are seen to tell them apart.

mod toy;

use crate::common::plan;
use pacelc::analysis::{CHECKERS, Verdict, judge};
use pacelc::catalog::Catalog;
use pacelc::guarantee::Guarantee;
use pacelc::history::History;
use pacelc::scenario::plan::Plan;
use pacelc::scenario::{Overrides, Scenario, Source, builtin, load};
use pacelc::suite::{Sighting, canaries, canary_runs};
use toy::Toy;

/// The history of a seed, and what the protocol promises of it.
fn run(plan: &Plan, seed: u64) -> (History, Guarantee) {
    let catalog = Catalog::builtin().with::<Toy>();
    let protocol = catalog.find(&plan.protocol).expect("the catalogue has it");
    let offer = protocol.offer(&plan.config, plan.name.level).expect("the level is offered");
    (protocol.simulate(plan, seed, None).expect("the plan runs").history, offer.promise)
}

/// What this checker says of the first of so many seeds that it objects to.
fn caught(plan: &Plan, seeds: u64, checker: &str) -> String {
    let checker = CHECKERS.iter().find(|known| known.name == checker).expect("a checker");
    for seed in 1..=seeds {
        let (history, promise) = run(plan, seed);
        assert!((checker.needed_for)(promise), "the promise does not ask for this checker");
        if let Verdict::Violated(found) = (checker.check)(&history, promise) {
            assert!(!found.operations.is_empty(), "a counterexample names its operations");
            assert_eq!(judge(&history, promise).rank(), 2, "the whole judgement says so as well");
            return found.message;
        }
    }
    panic!("{} is not caught in {seeds} seeds", plan.name)
}

fn sound(plan: &Plan, seeds: u64) {
    for seed in 1..=seeds {
        let (history, promise) = run(plan, seed);
        assert!(history.operations.len() > 500, "too little happens to be judged");
        assert_eq!(judge(&history, promise), Verdict::Holds, "{} under seed {seed}", plan.name);
    }
}

/// Raft with leases, told that clocks drift by at most 500 ppm. In the middle the leader is cut off
/// with clients beside it, who go on reading from it while the others elect and write.
fn leases(slow_ppm: i64, fast_ppm: i64, level: &str) -> Plan {
    plan(&format!(
        r#"
        question = "Does a lease outlive its leader's office?"
        analysis = "Only if clocks are worse than configured."
        regions = "aws"
        replicas = [
            {{ region = "us-east-1", clock = {{ drift_ppm = {slow_ppm} }} }},
            {{ region = "us-east-1", clock = {{ drift_ppm = {fast_ppm} }} }},
            {{ region = "us-east-1", clock = {{ drift_ppm = {fast_ppm} }} }},
        ]
        duration = "8s"
        timeout = "2s"
        attempt_timeout = "50ms"
        levels = ["{level}"]
        clients = [
            {{ region = "us-east-1/a", sessions = 10, workload = {{ read = 1, update = 0 }} }},
            {{ region = "us-east-1/b", sessions = 10 }},
        ]
        [workload]
        read = 0.5
        update = 0.5
        keys = "uniform"
        records = 3
        arrivals = {{ poisson = {{ rate = 300 }} }}
        [[faults]]
        cut = ["us-east-1/a"]
        start = "3s"
        end = "6s"
        [[modes]]
        protocol = "raft"
        config = {{ leader = 0, max_drift_ppm = 500 }}
        "#
    ))
}

#[test]
fn clocks_beyond_their_bound_let_a_lease_lie_and_the_checker_says_so() {
    let told = caught(&leases(-100_000, 100_000, "lease"), 10, "linearizable");
    assert!(told.contains("but should have seen"), "{told}");
    sound(&leases(-400, 400, "lease"), 10);
    // Reads that ask a majority believe no clock.
    sound(&leases(-100_000, 100_000, "linearizable"), 10);
}

/// What `pacelc run --canaries` shows: mistakes in the protocols themselves, each scenario with a sound twin.
#[test]
fn every_built_in_canary_is_caught_and_every_twin_is_left_in_peace() {
    let catalog = Catalog::builtin();
    let sources = builtin().into_iter().filter(|source| source.group == "canaries");
    let scenarios: Vec<Scenario> = sources
        .map(|source| load(&source, &catalog, &Overrides::default()).expect("it is sound"))
        .collect();
    let found = canaries(&catalog, &scenarios, 2, &|| {}).expect("no run breaks an assertion");
    let wrong: Vec<_> = found.iter().filter(|sighting| !sighting.is_right()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    // One seed in twenty would be luck, which another compiler or another fault may end.
    let rare = |s: &&Sighting| s.canary.is_some() && 5 * s.caught.len() < s.seeds as usize;
    let rare: Vec<_> = found.iter().filter(rare).collect();
    assert!(rare.is_empty(), "caught in less than a fifth of the seeds: {rare:#?}");
    let runs: u64 = found.iter().map(|sighting| u64::from(sighting.seeds)).sum();
    assert_eq!(runs, canary_runs(&scenarios));
    for scenario in &scenarios {
        let of = |canary: bool| {
            let here = found.iter().filter(|s| s.cell.starts_with(&format!("{}/", scenario.name)));
            here.filter(|sighting| sighting.canary.is_some() == canary).count()
        };
        assert!(of(true) > 0 && of(false) > 0, "{} lacks a canary or a twin", scenario.name);
    }
}

/// The toy store with one of its flaws.
fn toy(flaw: &str, level: &str) -> Plan {
    toy_with("ycsb = \"A\"", flaw, level)
}

/// The same under another load.
fn toy_with(workload: &str, flaw: &str, level: &str) -> Plan {
    let text = format!(
        r#"
        question = "Is the flaw caught?"
        analysis = "It must be."
        regions = "aws"
        replicas = ["us-east-1", "eu-west-1", "ap-southeast-1"]
        duration = "10s"
        timeout = "2s"
        levels = ["{level}"]
        clients = [
            {{ region = "us-east-1", sessions = 4 }},
            {{ region = "eu-west-1", sessions = 4 }},
            {{ region = "ap-southeast-1", sessions = 4 }},
        ]
        [replica]
        disk_ms = 40
        [link]
        jitter_ms = {{ exponential = {{ mean = 5 }} }}
        [workload]
        {workload}
        records = 30
        arrivals = {{ poisson = {{ rate = 30 }} }}
        [[faults]]
        crash = "n0"
        start = "4s"
        end = "5s"
        [[modes]]
        protocol = "toy"
        config = {{ flaw = "{flaw}" }}
        "#
    );
    let catalog = Catalog::builtin().with::<Toy>();
    let source = Source::new("toy.toml", &text);
    let scenario = load(&source, &catalog, &Overrides::default());
    let mut plans = scenario.unwrap_or_else(|error| panic!("{error}")).plans;
    plans.remove(0)
}

#[test]
fn without_a_flaw_the_toy_keeps_every_promise() {
    for level in ["linearizable", "session", "eventual-nearest"] {
        sound(&toy("none", level), 20);
    }
}

#[test]
fn local_reads_that_call_themselves_linearizable() {
    let told = caught(&toy("local-reads", "linearizable"), 3, "linearizable");
    assert!(told.contains("but should have seen"), "{told}");
}

#[test]
fn an_acknowledgement_before_the_disk_has_it() {
    let told = caught(&toy("hasty", "linearizable"), 10, "linearizable");
    assert!(told.contains("but should have seen"), "{told}");
    // Without the crash nothing shows: the flaw is a durability flaw.
    let mut calm = toy("hasty", "linearizable");
    calm.faults.clear();
    sound(&calm, 10);
}

#[test]
fn a_client_that_ignores_its_session_s_token() {
    // Few keys, so that a session often meets its own.
    let mut plan = toy("forgetful", "session");
    plan.records = 3;
    for checker in ["read-your-writes", "monotonic-reads"] {
        let told = caught(&plan, 10, checker);
        assert!(told.contains("older than"), "{told}");
    }
    sound(&toy("forgetful", "eventual-nearest"), 10);
}

#[test]
fn a_replica_that_answers_although_it_stopped_listening() {
    let told = caught(&toy("deaf", "eventual-nearest"), 3, "convergence");
    assert!(told.contains("after everything had come to rest"), "{told}");
    assert!(told.contains("replica 2 holds"), "{told}");
}

#[test]
fn a_replica_that_answers_with_the_value_of_another_key() {
    let told = caught(&toy("confused", "eventual-nearest"), 3, "convergence");
    assert!(told.contains("written to key"), "{told}");
}

/// Keys that hold objects, few enough that conditions are often not met.
fn objects(object: &str, flaw: &str, level: &str) -> Plan {
    let mut plan = toy_with(&format!("ycsb = \"F\"\nobject = {object}"), flaw, level);
    plan.records = 5;
    plan
}

const OBJECTS: [&str; 5] = [
    "\"counter\"",
    "\"set\"",
    "\"cas-register\"",
    "\"stock\"\nunits = 20",
    "\"lock\"\nhold_ms = 50",
];

#[test]
fn objects_without_a_flaw_are_what_their_updates_make_them() {
    for object in OBJECTS {
        sound(&objects(object, "none", "linearizable"), 5);
        sound(&objects(object, "none", "eventual-nearest"), 5);
    }
}

#[test]
fn an_update_applied_twice() {
    for object in ["\"counter\"", "\"stock\"\nunits = 60"] {
        let told = caught(&objects(object, "twice", "eventual-nearest"), 3, "objects");
        assert!(told.contains("found it at"), "{told}");
    }
}

#[test]
fn an_update_that_one_replica_forgot() {
    let told = caught(&objects("\"counter\"", "sloppy", "linearizable"), 3, "objects");
    assert!(told.contains("replica 2 holds"), "{told}");
    assert!(told.ends_with("one is lost, or applied twice"), "{told}");
}

#[test]
fn more_sold_than_there_was() {
    let oversold = objects("\"stock\"\nunits = 20", "generous", "eventual-nearest");
    let told = caught(&oversold, 3, "objects");
    assert!(told.starts_with("more was taken than there was"), "{told}");
}

#[test]
fn a_lock_granted_twice() {
    let told = caught(&objects(OBJECTS[4], "generous", "eventual-nearest"), 3, "objects");
    assert!(told.starts_with("mutual exclusion is broken"), "{told}");
    let told = caught(&objects("\"cas-register\"", "generous", "session"), 3, "objects");
    assert!(told.contains("(compare-and-set of"), "{told}");
}

#[test]
fn stale_objects_that_call_themselves_linearizable() {
    for checker in ["linearizable", "linearizable-objects"] {
        let told = caught(&objects("\"counter\"", "local-reads", "linearizable"), 3, checker);
        assert!(told.contains("read "), "{told}");
    }
}
