//! Two worlds, one story: the live world runs the same machines in real time, and what it records is judged
//! alike. Timings are not asserted closely: whoever runs the tests may have other things to do.

mod common;

use common::{plan, simulate};
use pacelc::analysis::{Verdict, judge};
use pacelc::catalog::Catalog;
use pacelc::guarantee::Guarantee;
use pacelc::history::{History, Status};
use pacelc::op::OpKind;
use pacelc::results::Journal;
use pacelc::scenario::plan::{Between, Fault, FaultKind, Length, Plan, Target};
use pacelc::suite::{Progress, Suite};
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

/// When operations were meant to begin, in order.
fn planned(history: &History) -> Vec<u64> {
    let mut planned: Vec<u64> = history.operations.iter().map(|op| op.intended.0).collect();
    planned.sort_unstable();
    planned
}

/// By how much a median was later in real time than in virtual time, in milliseconds, at worst; where half of
/// virtual time is allowed. Early is wrong at any load.
fn lateness(virtually: &History, really: &History) -> f64 {
    let late = |kind| {
        let (sim, live) = (median(virtually, kind), median(really, kind));
        assert!(live > 0.5 * sim - 5.0, "{kind}: {sim} ms in virtual time, {live} ms in real time");
        live - 1.5 * sim
    };
    late(OpKind::Read).max(late(OpKind::Write))
}

#[test]
fn verdicts_agree_and_medians_are_not_far_apart() {
    for (mode, level) in CASES {
        let plan = small(mode, level);
        let virtually = simulate(&plan, 1).history;
        assert_eq!(judge(&virtually, promise(&plan)), Verdict::Holds, "{level}");
        let tcp = level != "eventual-nearest";
        let options = Options { simulated_disk: true, tcp, ..Options::default() };
        // Who runs this may have other things to do, but hardly five times in a row.
        let mut late = Vec::new();
        while late.iter().all(|late| *late >= 30.0) {
            assert!(late.len() < 5, "{level}: medians are late by {late:?} ms");
            let really = in_real_time(&plan, 1, &options);
            assert_eq!(judge(&really.history, promise(&plan)), Verdict::Holds, "{level}");
            assert!(really.history.operations.len() > 100, "the load was carried out");
            assert_eq!(planned(&virtually), planned(&really.history), "no arrival is skipped");
            assert!(really.links.iter().any(|link| link.n > 0 && link.asked_ms >= 10.0));
            // Three replicas to each other, and three groups of clients to and from each of them.
            assert_eq!(really.links.len(), 6 + 18, "every link was measured");
            assert!(really.links.iter().all(|link| link.before_p50_ms > 0.0), "before the run too");
            late.push(lateness(&virtually, &really.history));
        }
    }
}

#[test]
fn a_crash_in_real_time_loses_nothing_that_was_on_disk() {
    let mut plan = small(CASES[0].0, CASES[0].1);
    // Time for elections, of which a busy machine may need several.
    plan.length = Length::Time(Duration::secs(6));
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
    // What is asked within half a second of its begin has timed out at its end.
    let cut = Fault {
        start: Duration::millis(500),
        end: Duration::millis(3_100),
        kind: FaultKind::Cut(Between::others(vec![0, 3])),
    };
    plan.faults = vec![cut];
    let run = in_real_time(&plan, 3, &Options { simulated_disk: true, ..Options::default() });
    assert_eq!(judge(&run.history, Guarantee::Linearizable), Verdict::Holds);
    let cut_off = Duration::millis(501).0..Duration::millis(1_000).0;
    let mut struck = run
        .history
        .operations
        .iter()
        .filter(|op| op.group == 0 && cut_off.contains(&op.intended.0));
    assert!(struck.clone().count() > 0 && struck.all(|op| op.status != Status::Ok));
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

/// One cell of every mode of the smoke scenarios that only ask for so many operations, each a short one.
fn one_cell_a_mode() -> Vec<Plan> {
    let catalog = Catalog::builtin();
    let mut plans: Vec<Plan> = Vec::new();
    for name in ["smoke-levels", "smoke-conflicts", "smoke-objects"] {
        let source = pacelc::scenario::find(name).expect("a built-in scenario");
        let scenario = pacelc::scenario::load(&source, &catalog, &Default::default());
        for mut plan in scenario.expect("a valid scenario").plans {
            if !plans
                .iter()
                .any(|known| known.protocol == plan.protocol && known.config == plan.config)
            {
                plan.length = Length::Operations(40);
                plan.warm_up = Duration::ZERO;
                plans.push(plan);
            }
        }
    }
    plans
}

#[test]
fn verdicts_of_the_smoke_scenarios_agree_with_virtual_time_on_both_transports() {
    let plans = one_cell_a_mode();
    let protocols: std::collections::BTreeSet<&str> =
        plans.iter().map(|plan| plan.protocol.as_str()).collect();
    assert!(protocols.len() >= 7 && plans.len() >= 20, "{protocols:?}, {} modes", plans.len());
    let next = std::sync::atomic::AtomicUsize::new(0);
    let work = || {
        let mut wrong = Vec::new();
        loop {
            let at = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let Some(plan) = plans.get(at / 2) else { return wrong };
            let options =
                Options { simulated_disk: true, tcp: at.is_multiple_of(2), ..Options::default() };
            let really = judge(&in_real_time(plan, 1, &options).history, promise(plan));
            let virtually = judge(&simulate(plan, 1).history, promise(plan));
            if really != virtually {
                wrong.push(format!(
                    "{} (tcp: {}): {virtually:?}, {really:?}",
                    plan.name, options.tcp
                ));
            }
        }
    };
    // Most of a run is waiting, so many may go on at a time.
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..12).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("no panic")).collect()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_rate_that_cannot_be_kept_is_told_in_the_row() {
    // One session asks forty times a second, and a round trip takes seventy milliseconds.
    let text = r#"
        question = "What becomes of a rate that nobody can keep?"
        analysis = "A test."
        regions = "aws"
        replicas = ["us-east-1"]
        duration = "2s"
        warm_up = "0ms"
        timeout = "2s"
        clients = [{ region = "eu-west-1", sessions = 1 }]
        workload = { read = 0.5, update = 0.5, arrivals = { poisson = { rate = 40 } } }
        modes = [{ protocol = "raft", levels = ["linearizable"] }]
    "#;
    let source = pacelc::scenario::Source::new("late.toml", text);
    let scenario = pacelc::scenario::load(&source, &Catalog::builtin(), &Default::default());
    let scenario = scenario.expect("a valid scenario");
    let planned = planned(&simulate(&scenario.plans[0], 1).history).len() as u64;
    let live = Options { simulated_disk: true, ..Options::default() };
    let world = pacelc::suite::World::Live(live);
    let options = pacelc::suite::Options { seeds: 1, threads: 1, world, ..Default::default() };
    let suite = Suite::new(Catalog::builtin(), vec![scenario], options);
    let results = suite.run(&mut |_| {}).expect("the run ends");
    let told: Vec<bool> = results.rows.iter().filter_map(|row| row.sustained).collect();
    assert!(!told.is_empty() && told.iter().all(|kept| !kept), "{:?}", results.rows);
    assert!(planned > 50 && suite.largest_history() > 32 * planned, "all of it is there");
}

#[test]
fn a_resumed_run_in_real_time_keeps_how_late_its_links_were_and_what_virtual_time_says() {
    let scenario = || {
        let text = r#"
            question = "What is kept of an interrupted run?"
            analysis = "A test."
            regions = "aws"
            replicas = ["us-east-1"]
            operations = 20
            clients = [{ region = "eu-west-1", sessions = 4 }]
            workload = { read = 0.5, update = 0.5 }
            modes = [{ protocol = "raft", levels = ["linearizable", "eventual-nearest"] }]
        "#;
        let source = pacelc::scenario::Source::new("kept.toml", text);
        pacelc::scenario::load(&source, &Catalog::builtin(), &Default::default()).expect("valid")
    };
    let suite = || {
        let live = Options { simulated_disk: true, ..Options::default() };
        let options = pacelc::suite::Options {
            seeds: 1,
            threads: 1,
            world: pacelc::suite::World::Live(live),
            beside_sim: true,
            ..Default::default()
        };
        Suite::new(Catalog::builtin(), vec![scenario()], options)
    };
    let folder = tempfile::tempdir().expect("a folder");
    let mut journal = Journal::create(folder.path(), "print").expect("a journal");
    let whole = suite().run(&mut |step| {
        if let Progress::Cell(cell) = step {
            journal.append(cell).expect("written");
        }
    });
    let whole = whole.expect("the run ends").note;
    assert!(whole.links.iter().any(|link| link.from == "n0 us-east-1" && link.asked_ms > 30.0));
    assert!(whole.links.iter().any(|link| link.to == "n0 us-east-1"), "in both directions");
    assert!(whole.beside.iter().all(|line| line.agrees() && line.is_near().is_some()));
    drop(journal);
    let (_, finished) = Journal::resume(folder.path(), "print").expect("resumed");
    let mut resumed = suite();
    resumed.resume(finished);
    let note = resumed.run(&mut |_| panic!("nothing is left to run")).expect("all is there").note;
    assert_eq!((note.links, note.beside), (whole.links, whole.beside));
}

/// On nodes that are processes of their own nobody sees what is decided; that may leave a question about
/// registers open, but breaks nothing that holds.
#[test]
fn what_holds_is_not_broken_because_nobody_saw_what_was_decided() {
    let catalog = Catalog::builtin();
    let (mut same, mut open) = (0, 0);
    for name in ["smoke-levels", "smoke-conflicts", "smoke-probe"] {
        let source = pacelc::scenario::find(name).expect("a built-in scenario");
        let scenario = pacelc::scenario::load(&source, &catalog, &Default::default());
        let plans = scenario.expect("a valid scenario").plans;
        for plan in plans.into_iter().filter(|plan| plan.contents.is_register()) {
            let mut history = simulate(&plan, 1).history;
            let seen = judge(&history, promise(&plan));
            history.commits.clear();
            let unseen = judge(&history, promise(&plan));
            match (&seen, &unseen) {
                (_, Verdict::Unknown(_)) => open += 1,
                (Verdict::Holds, Verdict::Holds) => same += 1,
                _ => panic!("{}: {seen:?}, and unseen {unseen:?}", plan.name),
            }
            let context = pacelc::analysis::Context {
                promise: promise(&plan),
                timeout: plan.timeout,
                regions: plan.regions.clone(),
            };
            _ = pacelc::analysis::summarize(&history, &context);
        }
    }
    assert!(same > open, "{same} are decided all the same, {open} are not");
}
