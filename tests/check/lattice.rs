//! Verdicts are monotone over the lattice of conditions, on random and on simulated histories; and the
//! lattice of promises is the same one. (`tests/check/corpus.rs` asks the recorded ones.)

use super::objects::{SORTS, random as random_object};
use super::ours::{as_anybodys, cells};
use super::{brute::random, least::shifted};
use crate::common::{simulate, swarm::perturbed};
use pacelc::foreign::{Condition, History, Limits, Session, Verdict, judge};
use pacelc::guarantee::Guarantee;
use pacelc::op::Object;
use pacelc::time::Duration;

/// Every condition, those with a number by a few.
fn conditions() -> Vec<Condition> {
    let plain = Condition::PLAIN.map(|(_, condition)| condition).into_iter();
    let atomic = [1, 2, 3].map(Condition::KAtomic).into_iter();
    let late = [0, 3, 9].map(Condition::DeltaAtomic).into_iter();
    let stale = [0, 3, 9].map(Condition::BoundedStaleness).into_iter();
    let versions = [0, 1, 2].map(Condition::BoundedVersions).into_iter();
    plain.chain(atomic).chain(late).chain(stale).chain(versions).collect()
}

/// How often each condition held and was violated.
type Counts = Vec<[u32; 2]>;

fn monotone(name: &str, history: &History, counts: &mut Counts) {
    let limits = Limits { steps: 300_000, ..Limits::default() };
    let all = conditions();
    let verdicts: Vec<Verdict> = all.iter().map(|c| judge(history, *c, &limits)).collect();
    counts.resize(all.len(), [0; 2]);
    for (count, verdict) in counts.iter_mut().zip(&verdicts) {
        count[0] += u32::from(verdict.holds());
        count[1] += u32::from(verdict.is_violated());
    }
    for (strong, one) in all.iter().zip(&verdicts) {
        for (weak, other) in all.iter().zip(&verdicts) {
            let broken = strong.implies(*weak) && one.holds() && other.is_violated();
            assert!(!broken, "{name}: {strong}, and yet not {weak}: {other:?}");
        }
    }
}

/// Every condition held now and then, and each was violated but for monotonic writes, which some order of
/// versions nearly always meets.
fn two_sided(counts: &Counts) {
    for (condition, [held, violated]) in conditions().iter().zip(counts) {
        let alone = *condition == Condition::One(Session::MonotonicWrites);
        assert!(*held > 3 && (alone || *violated > 3), "{condition}: {held} and {violated}");
    }
}

#[test]
fn on_random_histories() {
    let mut counts = Counts::new();
    for seed in 0..3_000 {
        let history = random(seed, 3 + (seed % 9) as usize, seed % 8 != 0);
        // Conditions of real time say nothing of operations of a process that touch.
        monotone(&format!("register {seed}"), &shifted(&history), &mut counts);
    }
    two_sided(&counts);
    for sort in SORTS {
        for seed in 0..300 {
            let history = random_object(seed, 3 + (seed % 7) as usize, sort);
            monotone(&format!("{sort:?} {seed}"), &shifted(&history), &mut counts);
        }
    }
}

#[test]
fn on_simulated_histories() {
    let mut counts = Counts::new();
    let mut judged = 0;
    for name in ["smoke-levels", "smoke-objects"] {
        for cell in cells(name) {
            let lock = cell.contents.object == Object::Lock;
            if lock || cell.protocol == "multi-leader" && cell.config.contains_key("conflicts") {
                continue;
            }
            let ours = simulate(&perturbed(&cell, 1), 1).history;
            if let Ok(history) = as_anybodys(&ours) {
                judged += 1;
                monotone(&cell.name.to_string(), &shifted(&history), &mut counts);
            }
        }
    }
    assert!(judged > 30, "{judged}");
    let strong = &counts[0];
    assert!(strong.iter().all(|n| *n > 5), "linearizable: held, violated: {strong:?}");
}

#[test]
fn promises_and_conditions_are_one_lattice() {
    let pairs = [
        (Guarantee::Linearizable, Condition::Linearizable),
        // A read misses no write that was acknowledged before it began.
        (Guarantee::Regular, Condition::BoundedStaleness(0)),
        (Guarantee::BoundedStaleness(Duration(3)), Condition::BoundedStaleness(3)),
        (Guarantee::BoundedStaleness(Duration(9)), Condition::BoundedStaleness(9)),
        (Guarantee::BoundedVersions(1), Condition::BoundedVersions(1)),
        (Guarantee::BoundedVersions(2), Condition::BoundedVersions(2)),
        (Guarantee::Sequential, Condition::Sequential),
        (Guarantee::Causal, Condition::CausalConvergence),
        (Guarantee::Session, Condition::Session),
        (Guarantee::ReadYourWrites, Condition::One(Session::ReadYourWrites)),
        (Guarantee::MonotonicReads, Condition::One(Session::MonotonicReads)),
        (Guarantee::MonotonicWrites, Condition::One(Session::MonotonicWrites)),
        (Guarantee::WritesFollowReads, Condition::One(Session::WritesFollowReads)),
    ];
    for (promise, condition) in pairs {
        for (other_promise, other_condition) in pairs {
            assert_eq!(
                promise.implies(other_promise),
                condition.implies(other_condition),
                "{promise} and {other_promise}; {condition} and {other_condition}"
            );
        }
    }
    // Of stocks and of replicas at rest no condition here speaks.
    let alone = ["never-oversold", "eventual"];
    let told = |kind: Guarantee| {
        let same = |one: Guarantee| std::mem::discriminant(&one) == std::mem::discriminant(&kind);
        pairs.iter().any(|(promise, _)| same(*promise))
    };
    for kind in Guarantee::KINDS {
        assert!(told(kind) != alone.contains(&kind.to_string().as_str()), "{kind}");
    }
}
