//! Sessions where several leaders merge: a token of what a session has written and read is a set of writes, and
//! needs no order of versions.

use crate::common::swarm::{perturbed, promise};
use crate::common::{only_latency, plan, plans, simulate, triangle};
use pacelc::analysis::{Verdict, judge};
use pacelc::catalog::Catalog;
use pacelc::guarantee::Guarantee;
use pacelc::history::Status;
use pacelc::op::{Level, OpKind};
use pacelc::scenario::plan::Plan;
use pacelc::time::Duration;

const SEEDS: u64 = 60;

/// Rules whose readers are shown all that was merged.
const SHOWN: [&str; 3] = ["siblings", "pn-counter", "add-wins"];

const GUARANTEES: [Guarantee; 2] = [Guarantee::ReadYourWrites, Guarantee::MonotonicReads];

/// The smoke scenario's cell of several leaders under a rule, at this level, with so many sessions in each region.
fn cell(rule: &str, level: &str, token: &str, sessions: u32) -> Plan {
    let text = include_str!("../../scenarios/smoke/smoke-sessions.toml");
    let all = plans(&text.replace("sessions = 4", &format!("sessions = {sessions}")));
    let of = |plan: &Plan| plan.name.variant.contains(rule);
    let mut plan = all.into_iter().find(of).expect("a cell under this rule");
    plan.name.level = level.parse().expect("a level");
    plan.config.insert("token".to_owned(), token.into());
    plan
}

#[test]
fn a_session_of_merging_leaders_sees_what_it_wrote_and_what_it_had_read() {
    for rule in SHOWN {
        for (guarantee, token) in
            GUARANTEES.iter().flat_map(|one| ["wait", "redirect"].map(|token| (one, token)))
        {
            let plan = cell(rule, &guarantee.to_string(), token, 4);
            assert_eq!(promise(&plan), *guarantee);
            let mut reads = 0;
            for seed in 1..=SEEDS {
                let history = simulate(&perturbed(&plan, seed), seed).history;
                let verdict = judge(&history, *guarantee);
                assert_eq!(verdict, Verdict::Holds, "{rule} {guarantee} {token}, seed {seed}");
                let ok = |op: &&pacelc::history::Operation| {
                    op.kind == OpKind::Read && op.status == Status::Ok
                };
                reads += history.operations.iter().filter(ok).count() as u64;
            }
            assert!(reads > 20 * SEEDS, "{rule} {guarantee}: only {reads} reads");
        }
    }
}

/// Without a token, or with the other one, some run breaks each. What others add to a counter hides what is
/// missing, so there are few of them.
#[test]
fn what_no_token_is_kept_for_breaks() {
    for rule in SHOWN {
        for guarantee in GUARANTEES {
            let other = GUARANTEES.iter().find(|one| **one != guarantee).expect("there are two");
            for level in ["eventual-any".to_owned(), other.to_string()] {
                let plan = cell(rule, &level, "wait", if rule == "pn-counter" { 1 } else { 4 });
                let broken = (1..=300).any(|seed| {
                    let history = simulate(&perturbed(&plan, seed), seed).history;
                    matches!(judge(&history, guarantee), Verdict::Violated(_))
                });
                assert!(broken, "{rule}/{level} keeps {guarantee} in 300 seeds");
            }
        }
    }
}

/// A token is kept by waiting: reads take longer, and only reads.
#[test]
fn a_token_costs_what_its_reads_wait() {
    for rule in SHOWN {
        let spent = |level: &str| {
            let plan = cell(rule, level, "wait", 4);
            let mut sum = Duration::ZERO;
            for seed in 1..=SEEDS {
                let mut plan = perturbed(&plan, seed);
                // Every operation ends in the end.
                plan.timeout = Duration::secs(60);
                for op in simulate(&plan, seed).history.operations {
                    if op.kind == OpKind::Read && op.status == Status::Ok {
                        sum = sum + op.completed.since(op.invoked);
                    }
                }
            }
            sum
        };
        let (free, own) = (spent("eventual-nearest"), spent("read-your-writes"));
        println!("{rule}: reads took {free} without a token, {own} with one");
        assert!(own > free, "{rule}: {own}, {free}");
    }
}

#[test]
fn in_health_a_session_stays_with_its_replica_and_its_token_costs_nothing() {
    let catalog = Catalog::builtin();
    let entry = catalog.find("multi-leader").expect("built in");
    for (rule, object) in SHOWN.iter().zip(["register", "counter", "set"]) {
        for guarantee in GUARANTEES {
            let config = format!("{{ conflicts = \"{rule}\" }}");
            let level = guarantee.to_string();
            let text = triangle([69.6, 218.9, 182.2], "a", "multi-leader", &config, &level)
                .replace("[\"a\", \"b\", \"c\"]", "[\"b\", \"c\"]")
                .replace("[workload]", &format!("[workload]\nobject = \"{object}\""));
            let plan = plan(&text);
            let took = only_latency(&simulate(&plan, 7).history, OpKind::Read);
            assert_eq!(took, Duration::from_ms(69.6), "{rule} {level}");
            assert_eq!(entry.theory(&plan, OpKind::Read, 0), Some(took), "{rule} {level}");
        }
    }
}

#[test]
fn what_hides_or_brings_back_is_not_offered_to_sessions() {
    let catalog = Catalog::builtin();
    let entry = catalog.find("multi-leader").expect("built in");
    for (rule, offered) in [
        ("last-write-wins", true),
        ("siblings", true),
        ("pn-counter", true),
        ("add-wins", true),
        ("revision-tree", false),
        ("cart-union", false),
    ] {
        let config = format!("conflicts = \"{rule}\"").parse().expect("settings");
        for level in [Level::ReadYourWrites, Level::MonotonicReads] {
            assert_eq!(entry.offer(&config, level).is_some(), offered, "{rule} {level}");
        }
        // They are about the order of writes.
        let ordered = rule == "last-write-wins";
        for level in [Level::Session, Level::MonotonicWrites, Level::WritesFollowReads] {
            assert_eq!(entry.offer(&config, level).is_some(), ordered, "{rule} {level}");
        }
    }
}
