//! Two worlds, one story: the live world runs the same machines in real time, and what it records is judged
//! alike. Timings are not asserted closely: whoever runs the tests may have other things to do.

mod common;

use common::{plan, simulate};
use pacelc::analysis::{Verdict, judge};
use pacelc::catalog::Catalog;
use pacelc::guarantee::Guarantee;
use pacelc::history::{History, Status};
use pacelc::op::OpKind;
use pacelc::scenario::plan::{Between, Fault, FaultKind, Plan, Target};
use pacelc::time::Duration;
use pacelc::world::Run;
use pacelc::world::live::{self, Options};

/// Three places 20, 30 and 25 ms from each other, with clients in each, for two seconds.
fn small(mode: &str, level: &str) -> Plan {
    plan(&format!(
        r#"
        question = "Do both worlds tell the same story?"
        analysis = "A test."
        regions = {{ symmetric = true, intra_az_rtt_ms = 0.2, cross_az_rtt_ms = 1.0, rtt_ms = {{ a = {{ b = 20.0, c = 30.0 }}, b = {{ c = 25.0 }} }} }}
        replicas = ["a", "b", "c"]
        duration = "2s"
        warm_up = "300ms"
        timeout = "2s"
        attempt_timeout = "500ms"
        clients = [
            {{ region = "a", sessions = 4 }},
            {{ region = "b", sessions = 4 }},
            {{ region = "c", sessions = 4 }},
        ]
        workload = {{ read = 0.5, update = 0.5, records = 20, arrivals = {{ poisson = {{ rate = 30 }} }} }}
        [[modes]]
        {mode}
        levels = ["{level}"]
        "#
    ))
}

fn in_real_time(plan: &Plan, seed: u64, options: &Options) -> Run {
    let catalog = Catalog::builtin();
    let entry = catalog.find(&plan.protocol).expect("a built-in protocol");
    entry.live(plan, seed, options).expect("the run ends")
}

fn promise(plan: &Plan) -> Guarantee {
    let catalog = Catalog::builtin();
    let entry = catalog.find(&plan.protocol).expect("a built-in protocol");
    entry.offer(&plan.config, plan.name.level).expect("the level is offered").promise
}

/// The median latency of what was answered, in milliseconds.
fn median(history: &History, kind: OpKind) -> f64 {
    let answered =
        history.operations.iter().filter(|op| op.kind == kind && op.status == Status::Ok);
    let mut times: Vec<f64> = answered.map(|op| op.completed.since(op.intended).as_ms()).collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

const CASES: [(&str, &str); 3] = [
    ("protocol = \"raft\"", "linearizable"),
    ("protocol = \"primary-backup\"\nconfig = { acknowledge = \"async\" }", "eventual-nearest"),
    ("protocol = \"leaderless\"", "quorum"),
];

#[test]
fn verdicts_agree_and_medians_are_not_far_apart() {
    for (mode, level) in CASES {
        let plan = small(mode, level);
        let virtually = simulate(&plan, 1).history;
        let tcp = level != "eventual-nearest";
        let options = Options { simulated_disk: true, tcp, ..Options::default() };
        let really = in_real_time(&plan, 1, &options);
        for history in [&virtually, &really.history] {
            assert_eq!(judge(history, promise(&plan)), Verdict::Holds, "{level}");
        }
        assert!(really.history.operations.len() > 100, "the load was carried out");
        for kind in [OpKind::Read, OpKind::Write] {
            let (sim, live) = (median(&virtually, kind), median(&really.history, kind));
            // Reads at a replica near by take a fifth of a millisecond, less than a busy machine's floor.
            let near = (live - sim).abs() < 30.0 + 0.5 * sim;
            assert!(near, "{level} {kind}: {sim} ms in virtual time, {live} ms in real time");
        }
        assert!(really.links.iter().any(|link| link.n > 0 && link.asked_ms >= 10.0));
    }
}

#[test]
fn a_crash_in_real_time_loses_nothing_that_was_on_disk() {
    let mut plan = small(CASES[0].0, CASES[0].1);
    let (start, end) = (Duration::millis(700), Duration::millis(1_300));
    plan.faults = vec![Fault { start, end, kind: FaultKind::Crash(Target::Leader) }];
    let run = in_real_time(&plan, 2, &Options::default());
    assert_eq!(judge(&run.history, Guarantee::Linearizable), Verdict::Holds);
    let written =
        run.history.operations.iter().filter(|op| {
            op.kind == OpKind::Write && op.status == Status::Ok && op.intended.0 > end.0
        });
    assert!(written.count() > 0, "writes work again");
    assert!(run.history.finals.iter().all(|left| left == &run.history.finals[0]), "all are equal");
}

#[test]
fn who_is_cut_off_in_real_time_is_not_answered() {
    let mut plan = small(CASES[0].0, CASES[0].1);
    let cut = Fault {
        start: Duration::millis(500),
        end: Duration::millis(2_300),
        kind: FaultKind::Cut(Between::others(vec![0, 3])),
    };
    plan.faults = vec![cut];
    let run = in_real_time(&plan, 3, &Options { simulated_disk: true, ..Options::default() });
    assert_eq!(judge(&run.history, Guarantee::Linearizable), Verdict::Holds);
    let struck = run.history.operations.iter().filter(|op| {
        op.group == 0 && op.intended.0 > Duration::millis(600).0 && op.status != Status::Ok
    });
    assert!(struck.count() > 0, "whoever is cut off is not answered");
}

#[test]
fn what_only_a_simulated_machine_can_suffer_is_refused_before_the_run() {
    let mut plan = small(CASES[0].0, CASES[0].1);
    let (start, end) = (Duration::millis(700), Duration::millis(1_300));
    plan.faults = vec![Fault { start, end, kind: FaultKind::DiskFull(Target::Leader) }];
    let refused = live::refuse(&plan).expect_err("no disk is filled");
    assert!(refused.contains("cannot fill a disk; run it with --world sim"), "{refused}");
    plan.faults.clear();
    assert_eq!(live::refuse(&plan), Ok(()));
}
