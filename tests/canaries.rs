//! Broken on purpose, and caught: clocks worse than configured, and clients that ignore what their level
//! promises. Each has a healthy twin that must pass, or the alarm would be worth nothing.

mod common;

use common::{plan, simulate, triangle};
use pacelc::analysis::{Verdict, judge};
use pacelc::catalog::Catalog;
use pacelc::guarantee::Guarantee;
use pacelc::history::History;
use pacelc::scenario::plan::Plan;
use pacelc::scenario::{Overrides, find, load};

fn canary(level: &str) -> Plan {
    let source = find("clocks-beyond-bound").expect("a built-in canary");
    let scenario = load(&source, &Catalog::builtin(), &Overrides::default()).expect("it is valid");
    let wanted = |plan: &Plan| plan.name.level.to_string() == level;
    scenario.plans.into_iter().find(wanted).expect("the canary has this level")
}

fn first_violation(plan: &Plan, seeds: u64, guarantee: Guarantee) -> Option<u64> {
    let broken = |seed: &u64| {
        matches!(judge(&simulate(plan, *seed).history, guarantee), Verdict::Violated(_))
    };
    (1..=seeds).find(broken)
}

#[test]
fn a_lease_on_clocks_worse_than_configured_is_caught_within_forty_seeds() {
    assert!(first_violation(&canary("lease"), 40, Guarantee::Linearizable).is_some());
}

#[test]
fn its_twins_hold_reads_that_ask_a_majority_and_clocks_within_the_bound() {
    assert_eq!(first_violation(&canary("linearizable"), 40, Guarantee::Linearizable), None);
    let mut within = canary("lease");
    for host in &mut within.replicas {
        host.clock.drift_ppm = host.clock.drift_ppm.clamp(-400.0, 400.0);
    }
    assert_eq!(first_violation(&within, 40, Guarantee::Linearizable), None);
}

/// A healthy history of a busy cluster, to be tampered with.
fn healthy(level: &str) -> History {
    let text = triangle([20.0, 60.0, 50.0], "b", "raft", "{}", level)
        .replace("operations = 400", "operations = 2000")
        .replace("sessions = 1", "sessions = 5")
        .replace("rate = 2 ", "rate = 50 ");
    simulate(&plan(&text), 4).history
}

/// Makes some later read return what an earlier read of its key by the same session returned.
fn with_an_old_answer(mut history: History) -> History {
    let reads: Vec<usize> = (0..history.operations.len())
        .filter(|i| history.operations[*i].kind == pacelc::op::OpKind::Read)
        .filter(|i| history.operations[*i].value.0 > 0)
        .collect();
    for (n, late) in reads.iter().enumerate().rev() {
        let new = history.operations[*late];
        let same = |i: &&usize| {
            let old = history.operations[**i];
            old.key == new.key && old.session == new.session && old.value < new.value
        };
        if let Some(early) = reads[..n].iter().find(same) {
            history.operations[*late].value = history.operations[*early].value;
            return history;
        }
    }
    panic!("the history has no two reads to confuse");
}

#[test]
fn one_old_answer_among_thousands_is_caught_by_every_checker_it_concerns() {
    for guarantee in [Guarantee::Linearizable, Guarantee::MonotonicReads, Guarantee::Session] {
        let history = healthy("linearizable");
        assert_eq!(judge(&history, guarantee), Verdict::Holds, "{guarantee}");
        let verdict = judge(&with_an_old_answer(history), guarantee);
        assert!(matches!(verdict, Verdict::Violated(_)), "{guarantee}: {verdict:?}");
    }
}

#[test]
fn a_replica_that_never_converges_is_caught() {
    let mut history = healthy("eventual-nearest");
    assert_eq!(judge(&history, Guarantee::Eventual), Verdict::Holds);
    history.finals[1].values[0] = pacelc::op::Value::INITIAL;
    assert!(matches!(judge(&history, Guarantee::Eventual), Verdict::Violated(_)));
}
