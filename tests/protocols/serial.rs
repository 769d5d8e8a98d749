//! SERIAL in a leaderless store: linearizable as long as all ask for it, as quick as Paxos, and of no help to
//! who writes beside it.

use crate::common::swarm::{perturbed, promise};
use crate::common::{only_latency, plan, plans, simulate, triangle};
use pacelc::analysis::{Verdict, judge};
use pacelc::catalog::Catalog;
use pacelc::guarantee::Guarantee;
use pacelc::history::Status;
use pacelc::op::{Level, OpKind, Value};
use pacelc::scenario::plan::Plan;
use pacelc::scenario::{Overrides, Source, load};
use pacelc::time::Duration;

const SEEDS: u64 = 60;

#[test]
fn compare_and_set_at_serial_is_linearizable_in_bad_weather() {
    let cells = plans(include_str!("../../scenarios/smoke/smoke-serial.toml"));
    assert_eq!(cells.len(), 2, "one of them takes snapshots all the time");
    for cell in &cells {
        let (mut done, mut refused, mut unknown) = (0, 0, 0);
        for seed in 1..=SEEDS {
            let history = simulate(&perturbed(cell, seed), seed).history;
            assert_eq!(judge(&history, promise(cell)), Verdict::Holds, "{}, {seed}", cell.name);
            for op in history.operations.iter().filter(|op| op.kind == OpKind::Write) {
                done += u64::from(op.status == Status::Ok);
                refused += u64::from(op.status == Status::Refused);
                unknown += u64::from(op.status == Status::Unknown);
            }
        }
        assert!(done > 5 * SEEDS && refused > SEEDS && unknown > 0, "{done} {refused} {unknown}");
    }
}

/// AWS medians of 2025, as in `exact.rs`.
const AWS: [f64; 3] = [69.6, 218.9, 182.2];

/// Reads take a round of a majority, updates two, and each of these the disk; like the protocol that it
/// contains, to the nanosecond.
#[test]
fn it_costs_the_rounds_of_paxos() {
    for near in ["a", "b", "c"] {
        let costs = |protocol: &str, level: &str| {
            let text = triangle(AWS, near, protocol, "{}", level)
                .replace("[workload]", "[replica]\ndisk_ms = 2\n[workload]");
            let plan = plan(&text);
            let history = simulate(&plan, 7).history;
            let entry = Catalog::builtin();
            let entry = entry.find(protocol).expect("built in");
            [OpKind::Read, OpKind::Write].map(|kind| {
                let took = only_latency(&history, kind);
                assert_eq!(entry.theory(&plan, kind, 0), Some(took), "{protocol} {kind} {near}");
                took
            })
        };
        let serial = costs("leaderless", "serial");
        assert_eq!(serial, costs("paxos", "linearizable"));
        let nearest = if near == "c" { 182.2 } else { 69.6 };
        let ms = |ms: f64| Duration::from_ms(ms);
        assert_eq!(serial, [ms(nearest), ms(2.0 * nearest + 4.0)], "beside {near}");
        // Each region has one replica, whose majority it is.
        assert_eq!(costs("leaderless", "local-serial"), [Duration::ZERO, ms(4.0)]);
        // A plain write asks for one round, and the disk there.
        assert_eq!(costs("leaderless", "quorum")[1], ms(nearest + 2.0));
    }
}

/// Half of the writes of this plan ask for a plain majority.
fn mixed(plan: &Plan) -> Plan {
    let mut plan = plan.clone();
    plan.config.insert("flaw".to_owned(), "plain-beside-serial".into());
    plan
}

#[test]
fn a_plain_quorum_beside_it_breaks_it_and_breaks_nothing_else() {
    let smoke = plans(include_str!("../../scenarios/smoke/smoke-levels.toml"));
    let of = |plan: &&Plan| plan.name.mode == "leaderless" && plan.name.level == Level::Serial;
    let cell = smoke.iter().find(of).expect("a cell at SERIAL");
    let mut broken = 0;
    for seed in 1..=SEEDS {
        let weather = perturbed(cell, seed);
        let strict = simulate(&weather, seed).history;
        assert_eq!(judge(&strict, Guarantee::Linearizable), Verdict::Holds, "seed {seed}");
        let history = simulate(&mixed(&weather), seed).history;
        assert_eq!(judge(&history, Guarantee::Eventual), Verdict::Holds, "seed {seed}");
        let verdict = judge(&history, Guarantee::Linearizable);
        broken += u32::from(matches!(verdict, Verdict::Violated(_)));
    }
    assert!(broken > 0, "no plain write was ever lost, or compared with what it had replaced");
}

/// One session's plain writes are seen by its reads at SERIAL, and what is written at SERIAL arrives in the
/// table that plain reads look at: both are one store.
#[test]
fn plain_writes_and_serial_ones_are_writes_of_one_table() {
    let text = triangle(AWS, "a", "leaderless", "{ flaw = \"plain-beside-serial\" }", "serial");
    let history = simulate(&plan(&text), 3).history;
    let (mut plain, mut serial, mut last) = (0, 0, [Value::INITIAL; 10]);
    for op in &history.operations {
        assert_eq!(op.status, Status::Ok);
        let last = &mut last[op.key.0 as usize];
        if op.kind == OpKind::Write {
            let one_round = op.completed.since(op.invoked) == Duration::from_ms(69.6);
            *if one_round { &mut plain } else { &mut serial } += 1;
            *last = op.value;
        } else {
            assert_eq!(op.value, *last, "clocks are true, and nobody is in the way");
        }
    }
    assert!(plain > 50 && serial > 50, "{plain} plain writes, {serial} at SERIAL");
    for replica in &history.finals {
        assert_eq!(replica.values[..10], last[..], "every replica's table has both kinds");
    }
}

#[test]
fn levels_that_compare_nothing_are_refused_for_compare_and_set() {
    // Two regions that compare by themselves may both find what they compared with.
    for level in ["quorum", "local-serial"] {
        let text = include_str!("../../scenarios/smoke/smoke-serial.toml");
        let these = format!("levels = [\"serial\", \"{level}\"]");
        let text = text.replace("levels   = \"all\"", &these);
        assert!(text.contains(&these), "the smoke scenario no longer asks for all levels");
        let refused =
            load(&Source::new("a.toml", &text), &Catalog::builtin(), &Overrides::default());
        let message = refused.err().map(|error| error.to_string()).unwrap_or_default();
        let says = format!("does not offer {level} for a cas-register; it offers serial");
        assert!(message.contains(&says), "{level}: {message}");
    }
}
