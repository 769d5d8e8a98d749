//! Not only whether a guarantee is broken but how often: 0 where it is promised, and above 0 where it is
//! not and the weather is bad. And how many acknowledged writes a crash takes back.

use crate::common::swarm::{cells, perturbed, promise};
use crate::common::{plan, simulate};
use pacelc::analysis::{CHECKERS, Checker, Context, OPS, PHASES, Slot, Tally, Verdict, summarize};
use pacelc::guarantee::Guarantee;
use pacelc::history::{History, Status};
use pacelc::op::{Level, OpKind};
use pacelc::scenario::plan::Plan;
use pacelc::time::{Duration, Instant};

/// The session guarantees in the order of [`tallies`]; after them stand the writes that are gone.
const SESSIONS: [Guarantee; 4] = [
    Guarantee::ReadYourWrites,
    Guarantee::MonotonicReads,
    Guarantee::MonotonicWrites,
    Guarantee::WritesFollowReads,
];
const UNDONE: usize = 4;

/// How often each guarantee was broken in a run and how many acknowledged writes are gone.
fn tallies(history: &History) -> [Tally; 5] {
    let context =
        Context { promise: Guarantee::Eventual, timeout: Duration::secs(2), regions: Vec::new() };
    let summary = summarize(history, &context);
    let slots = PHASES.into_iter().flat_map(|phase| OPS.map(|op| (phase, op)));
    let mut all = Slot::default();
    slots.filter_map(|(phase, op)| summary.slot_of_all(phase, op)).for_each(|one| all.merge(&one));
    [all.ryw, all.mr, all.mw, all.wfr, all.undone]
}

fn durability() -> &'static Checker {
    CHECKERS.iter().find(|known| known.name == "durability").expect("a checker")
}

/// Whether the promise includes that a guarantee is kept, or that what is acknowledged stays.
fn is_promised(promise: Guarantee, which: usize) -> bool {
    match SESSIONS.get(which) {
        Some(one) => promise.implies(*one),
        None => (durability().needed_for)(promise),
    }
}

#[test]
fn what_is_promised_is_broken_by_no_operation() {
    let (mut chances, mut broken) = ([0; 5], Vec::new());
    for cell in cells() {
        let promise = promise(&cell);
        for seed in 1..=5 {
            let tallies = tallies(&simulate(&perturbed(&cell, seed), seed).history);
            for (which, tally) in tallies.iter().enumerate() {
                assert!(tally.hits <= tally.of, "{}, seed {seed}", cell.name);
                if is_promised(promise, which) {
                    chances[which] += tally.of;
                    if tally.hits > 0 {
                        broken.push(format!("{}, seed {seed}: {which} {tally:?}", cell.name));
                    }
                }
            }
        }
    }
    assert!(chances.iter().all(|n| *n > 10_000), "who has no chance breaks nothing: {chances:?}");
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// The cell of this mode and level.
fn cell(mode: &str, level: &str) -> Plan {
    let level: Level = level.parse().expect("a level");
    let wanted = |plan: &Plan| plan.name.mode == mode && plan.name.level == level;
    cells().into_iter().find(wanted).expect("a cell of this mode and level")
}

#[test]
fn what_is_not_promised_is_broken_by_some_operations_and_not_by_all() {
    let [ryw, mr, mw, wfr] = [0, 1, 2, 3];
    let late = 2_000.0;
    for (mode, level, behind_ms, expected) in [
        ("async", "eventual-any", 0.0, &[ryw, mr][..]),
        ("raft", "eventual-any", 0.0, &[ryw, mr]),
        ("multi-causal", "eventual-any", 0.0, &[ryw, mr]),
        ("certification", "eventual-any", 0.0, &[ryw, mr]),
        ("async", "monotonic-reads", 0.0, &[ryw]),
        ("async", "read-your-writes", 0.0, &[mr]),
        ("sync", "eventual-any", 0.0, &[mr]),
        // Clocks that are wrong put writes where they do not belong, unless they are asked not to.
        ("plain", "one", late, &[ryw, mr, mw, wfr]),
        ("plain", "monotonic-writes", late, &[ryw, mr]),
    ] {
        let (cell, mut sum) = (cell(mode, level), [Tally::default(); 5]);
        for seed in 1..=40 {
            let mut plan = perturbed(&cell, seed);
            plan.replicas[1..].iter_mut().for_each(|host| host.clock.offset_ms -= behind_ms);
            for (sum, one) in sum.iter_mut().zip(tallies(&simulate(&plan, seed).history)) {
                (sum.of, sum.hits) = (sum.of + one.of, sum.hits + one.hits);
            }
        }
        for which in [ryw, mr, mw, wfr] {
            let (Tally { of, hits }, name) = (sum[which], SESSIONS[which]);
            assert!(of > 1_000, "{mode}/{level}: {name} of {of}");
            assert!(!expected.contains(&which) || hits > 0, "{mode}/{level}: {name} is kept");
            assert!(!is_promised(promise(&cell), which) || hits == 0, "{mode}/{level}: {name}");
            assert!(hits * 2 < of, "{mode}/{level}: {name}, {hits} of {of}");
        }
    }
}

/// When the primary crashes.
const CRASH: Instant = Instant(5_000_000_000);
/// How far its disk may be behind.
const BEHIND: Duration = Duration::millis(200);

/// One session writes a hundred times a second beside a primary that crashes; constant delays.
fn crashing(config: &str) -> History {
    let text = format!(
        r#"
        question = "What does a crash take back?"
        analysis = "What the disk did not have."
        replicas = ["a", "b"]
        duration = "6s"
        timeout = "2s"
        attempt_timeout = "100ms"
        regions = {{ symmetric = true, intra_az_rtt_ms = 0.2, cross_az_rtt_ms = 0.2, rtt_ms = {{ a = {{ b = 40 }} }} }}
        clients = [{{ region = "a", sessions = 1 }}]
        replica = {{ disk_ms = 1 }}
        workload = {{ read = 0.0, update = 1.0, keys = "uniform", records = 500, arrivals = {{ constant = {{ rate = 100 }} }} }}
        levels = ["eventual-nearest"]
        [[faults]]
        crash = "n0"
        start = "5s"
        end = "5.5s"
        [[modes]]
        protocol = "primary-backup"
        config = {{ {config} }}
        "#
    );
    simulate(&plan(&text), 1).history
}

#[test]
fn a_crash_takes_back_what_was_acknowledged_ahead_of_the_disk_and_only_that() {
    let history = crashing("acknowledge = 'async', flush_every = '200ms'");
    // One session writes, so later writes have later values.
    let last = &history.finals[0].values;
    let gone = history.operations.iter().filter(|op| {
        (op.kind, op.status) == (OpKind::Write, Status::Ok) && last[op.key.0 as usize] < op.value
    });
    let gone: Vec<_> = gone.collect();
    let unflushed = |at: Instant| at <= CRASH && CRASH.since(at) <= BEHIND + Duration::millis(2);
    assert!(gone.iter().all(|op| unflushed(op.completed)), "what was flushed stays");
    assert!((5..=20).contains(&gone.len()), "{} of some 20 per flush", gone.len());
    let undone = tallies(&history)[UNDONE];
    assert_eq!(undone.hits, gone.len() as u64);
    let there: std::collections::BTreeSet<_> = last.iter().filter(|value| value.0 > 0).collect();
    let acknowledged = |op: &&pacelc::history::Operation| op.status == Status::Ok;
    let standing =
        history.operations.iter().filter(acknowledged).filter(|op| there.contains(&op.value));
    assert_eq!(undone.of, undone.hits + standing.count() as u64);

    let told = (durability().check)(&history, Guarantee::ReadYourWrites);
    assert!(told.message().contains("it is nowhere"), "{told:?}");

    let history = crashing("acknowledge = 'async'");
    let synced = tallies(&history)[UNDONE];
    assert_eq!((durability().check)(&history, Guarantee::ReadYourWrites), Verdict::Holds);
    assert!(synced.hits == 0 && synced.of > 300, "{synced:?}: whoever syncs takes nothing back");
}
