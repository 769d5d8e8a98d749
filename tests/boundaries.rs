//! Where a promise ends, something breaks: every guarantee that is not promised is seen broken.
//!
//! A promise that nothing could break would be too weak, and a checker that found nothing would be
//! blind. The weather is that of the conformance tests.

mod common;

use common::swarm::{cells, perturbed, promise};
use common::{plan, simulate, triangle};
use pacelc::analysis::{Verdict, judge};
use pacelc::guarantee::Guarantee;
use pacelc::op::Level;
use pacelc::scenario::plan::{Length, Plan};
use pacelc::time::Duration;

/// In how many seeds a break must be found.
const SEEDS: u64 = 300;

/// What is kept although it is not promised. Under synchronous replication an acknowledged write is on
/// every backup, so no replica near by misses one; that a write shows before it is acknowledged remains.
fn is_kept_all_the_same(mode: &str, promise: Guarantee, guarantee: Guarantee) -> bool {
    let goes_forward = promise.implies(Guarantee::MonotonicReads);
    mode == "sync"
        && match guarantee {
            Guarantee::BoundedStaleness(_) | Guarantee::ReadYourWrites => true,
            Guarantee::Session => goes_forward,
            _ => false,
        }
}

/// Guarantees that do not follow from the promise.
fn not_promised(promise: Guarantee) -> Vec<Guarantee> {
    let all = [
        Guarantee::Linearizable,
        Guarantee::BoundedStaleness(Duration::millis(100)),
        Guarantee::Session,
        Guarantee::ReadYourWrites,
        Guarantee::MonotonicReads,
    ];
    all.into_iter().filter(|guarantee| !promise.implies(*guarantee)).collect()
}

/// Whether some seed's run breaks the guarantee.
fn is_broken(cell: &Plan, guarantee: Guarantee) -> bool {
    (1..=SEEDS).any(|seed| {
        let history = simulate(&perturbed(cell, seed), seed).history;
        matches!(judge(&history, guarantee), Verdict::Violated(_))
    })
}

/// Every level of a mode breaks whatever it does not promise.
fn all_broken(mode: &str) {
    let of_mode = |plan: &Plan| plan.name.scenario == "test" && plan.name.mode == mode;
    let (mut surprises, mut tried) = (Vec::new(), 0);
    for cell in cells().into_iter().filter(of_mode) {
        let promise = promise(&cell);
        for guarantee in not_promised(promise) {
            tried += 1;
            if is_broken(&cell, guarantee) == is_kept_all_the_same(mode, promise, guarantee) {
                surprises.push(format!("{}: {guarantee}", cell.name));
            }
        }
    }
    assert!(tried >= 20, "{mode} has too few levels below the strongest: {tried}");
    assert!(surprises.is_empty(), "not as expected in {SEEDS} seeds:\n{}", surprises.join("\n"));
}

#[test]
fn asynchronous_primary_backup_promises_no_less_than_it_keeps() {
    all_broken("async");
}

#[test]
fn semi_synchronous_primary_backup_promises_no_less_than_it_keeps() {
    all_broken("semi-sync");
}

#[test]
fn synchronous_primary_backup_promises_no_less_than_it_keeps() {
    all_broken("sync");
}

#[test]
fn raft_promises_no_less_than_it_keeps() {
    all_broken("raft");
}

/// The cell of the calm smoke scenario, undisturbed, with more to do on fewer keys.
fn calm(mode: &str, level: Level) -> Plan {
    let wanted = |plan: &Plan| plan.name.mode == mode && plan.name.level == level;
    let mut plan = cells().into_iter().find(wanted).expect("a cell of this mode and level");
    (plan.records, plan.length) = (2, Length::Operations(1_500));
    plan
}

/// How the guarantee is broken in health, by the first seed that does.
fn broken_in_health(mode: &str, level: Level, guarantee: Guarantee) -> String {
    let plan = calm(mode, level);
    let mut judged = (1..=200).map(|seed| judge(&simulate(&plan, seed).history, guarantee));
    let message = judged.find_map(|verdict| match verdict {
        Verdict::Violated(found) => Some(found.message),
        Verdict::Holds | Verdict::Unknown(_) => None,
    });
    message.unwrap_or_else(|| panic!("{mode}/{level} is {guarantee} in 200 seeds"))
}

#[test]
fn no_fault_is_needed_to_see_what_replicas_near_by_do_not_promise() {
    let told = broken_in_health("async", Level::EventualNearest, Guarantee::Linearizable);
    assert!(told.contains("should have seen"), "{told}");
    broken_in_health("raft", Level::EventualNearest, Guarantee::Linearizable);
    broken_in_health("sync", Level::EventualNearest, Guarantee::Linearizable);
    broken_in_health("raft", Level::Session, Guarantee::Linearizable);
    let half_a_second = Level::Bounded(Duration::millis(500));
    broken_in_health("async", half_a_second, Guarantee::Linearizable);
    broken_in_health("raft", half_a_second, Guarantee::Linearizable);

    // Monotonic reads are not among these: over links that keep order, a write overtakes whoever
    // carries the news of it. They break in bad weather only, as above.
    let told = broken_in_health("raft", Level::EventualAny, Guarantee::ReadYourWrites);
    assert!(told.contains("older than its own write"), "{told}");
    broken_in_health("async", Level::EventualNearest, Guarantee::ReadYourWrites);
    broken_in_health("async", Level::MonotonicReads, Guarantee::ReadYourWrites);
    let short = Guarantee::BoundedStaleness(Duration::millis(10));
    let told = broken_in_health("async", Level::EventualNearest, short);
    assert!(told.contains("the bound is 10ms"), "{told}");
}

#[test]
fn leaders_that_trust_their_clocks_promise_no_less_than_they_keep() {
    all_broken("multi-clock");
}

#[test]
fn causal_leaders_promise_no_less_than_they_keep() {
    all_broken("multi-causal");
}

/// Three leaders of which the first and the last are far from each other, and both near the second.
fn long_way(config: &str, level: &str, clock: &str) -> Verdict {
    let text = triangle([10.0, 200.0, 10.0], "a", "multi-leader", config, level)
        .replace("[\"a\", \"b\", \"c\"]", &format!("[\"a\", {{ region = \"b\"{clock} }}, \"c\"]"))
        .replace("[workload]", "[[clients]]\nregion = \"b\"\nsessions = 2\n[workload]")
        .replace("[workload]", "[[clients]]\nregion = \"c\"\nsessions = 2\n[workload]")
        .replace("operations = 400", "operations = 4000")
        .replace("records = 10", "records = 3")
        .replace("constant = { rate = 2 }", "poisson = { rate = 20 }");
    judge(&simulate(&plan(&text), 1).history, Guarantee::Causal)
}

#[test]
fn without_causal_updates_the_edit_is_seen_without_the_post() {
    let told = long_way("{}", "session", "").message().to_owned();
    assert!(told.contains("is in its causal past and is newer"), "{told}");
    assert_eq!(long_way("{ causal = true }", "causal", ""), Verdict::Holds);
}

#[test]
fn clock_stamps_put_an_answer_before_what_it_answers() {
    let behind = ", clock = { offset_ms = -100 }";
    let config = "{ causal = true, stamps = \"clock\" }";
    let told = long_way(config, "session", behind).message().to_owned();
    assert!(told.contains("causal past"), "{told}");
    assert_eq!(long_way("{ causal = true }", "causal", behind), Verdict::Holds);
}
