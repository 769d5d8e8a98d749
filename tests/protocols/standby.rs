//! Primary-backup's finer settings as stories: what a backup shows that has acknowledged, what a crash
//! takes back, and what becomes of writes while all backups are away.

use crate::common::{measured, plan, simulate, triangle};
use pacelc::analysis::{Verdict, judge};
use pacelc::guarantee::Guarantee;
use pacelc::history::{History, Operation, Status};
use pacelc::op::OpKind;
use pacelc::time::{Duration, Instant};

/// Round trips from the primary in `a` to `b` and `c`, and between these.
const RTTS: [f64; 3] = [70.0, 200.0, 180.0];

/// A run of the triangle, with some of its text replaced.
fn run(near: &str, config: &str, level: &str, replaced: &[(&str, &str)]) -> History {
    let config = format!("{{ {config} }}");
    let mut text = triangle(RTTS, near, "primary-backup", &config, level);
    for (from, to) in replaced {
        assert!(text.contains(from), "{from} is not in the triangle");
        text = text.replace(from, to);
    }
    simulate(&plan(&text), 7).history
}

#[test]
fn whether_a_backup_shows_what_it_acknowledged_depends_on_what_it_had_reached() {
    // Backup 1 is slow: 300 ms to its disk, and then it may take another 300 ms to show it. Its
    // clients write through the primary and read beside themselves.
    let kept = |config: &str| {
        let slow = [
            ("\"b\", \"c\"]", "{ region = \"b\", disk_ms = 300 }, \"c\"]"),
            ("records = 10", "records = 1"),
            ("arrivals = { constant = { rate = 2 } }", "arrivals = \"closed\"\nthink_ms = 10"),
        ];
        let history = run("b", config, "eventual-nearest", &slow);
        judge(&history, Guarantee::Regular) == Verdict::Holds
    };
    let first = |rest: &str| kept(&format!("acknowledge = \"first 1 (1)\", {rest}"));
    assert!(!first("reached = \"memory\""), "it reads what is on the disk");
    assert!(first("reached = \"disk\""), "it replays at once");
    assert!(!first("reached = \"disk\", apply_delay = \"300ms\""), "it replays later");
    assert!(first("reached = \"applied\", apply_delay = \"300ms\""));
}

#[test]
fn a_crash_takes_back_what_a_primary_acknowledged_ahead_of_its_disk() {
    let crash = [
        ("[workload]", "[[faults]]\ncrash = \"n0\"\nstart = \"20.3s\"\nend = \"21s\"\n[workload]"),
        ("rate = 2 ", "rate = 20 "),
        ("operations = 400", "operations = 1000"),
        ("records = 10", "records = 3"),
    ];
    let judged = |config, level, guarantee| judge(&run("a", config, level, &crash), guarantee);
    let (local, off) = ("acknowledge = \"async\"", "acknowledge = \"async\", flush_every = \"1s\"");
    for level in ["linearizable", "session"] {
        assert_eq!(judged(local, level, Guarantee::Session), Verdict::Holds);
        let told = judged(off, level, Guarantee::Session).message().to_owned();
        assert!(told.contains("older than"), "{told}");
        assert_eq!(judged(off, level, Guarantee::Eventual), Verdict::Holds, "replicas are equal");
    }
    assert_eq!(judged(local, "linearizable", Guarantee::Linearizable), Verdict::Holds);
    assert_ne!(judged(off, "linearizable", Guarantee::Linearizable), Verdict::Holds);
}

/// Both backups away from the primary and its clients for twenty seconds.
const CUT: [(&str, &str); 2] = [
    ("[workload]", "[[faults]]\ncut = [\"a\"]\nstart = \"20s\"\nend = \"40s\"\n[workload]"),
    ("operations = 400", "operations = 400\ntimeout = \"5s\""),
];

/// The writes begun between two seconds of the run.
fn writes(history: &History, from: u64, to: u64) -> Vec<&Operation> {
    let within = |op: &&Operation| {
        (Duration::secs(from)..Duration::secs(to)).contains(&op.intended.since(Instant::ZERO))
    };
    let writes = history.operations.iter().filter(|op| op.kind == OpKind::Write);
    let writes: Vec<&Operation> = writes.filter(within).collect();
    assert!(!writes.is_empty(), "nothing was written from {from} to {to} s");
    writes
}

/// Whether all of them took this long.
fn all_took(writes: &[&Operation], ms: u64) -> bool {
    let took = |op: &&Operation| op.completed.since(op.invoked) == Duration::millis(ms);
    writes.iter().all(|op| op.status == Status::Ok && took(op))
}

#[test]
fn without_backups_a_patient_primary_has_no_writes_and_one_that_falls_back_has() {
    let with = |rest: &str| {
        let config = format!("acknowledge = \"any 1\"{rest}");
        let history = run("a", &config, "linearizable", &CUT);
        assert_eq!(judge(&history, Guarantee::Linearizable), Verdict::Holds, "{config}");
        history
    };
    let patient = with("");
    assert!(writes(&patient, 20, 34).iter().all(|op| op.status != Status::Ok));

    let falls_back = with(", fall_back = \"2s\"");
    assert!(all_took(&writes(&falls_back, 4, 20), 70));
    assert!(all_took(&writes(&falls_back, 20, 23)[..1], 2_000), "the first waits for all");
    assert!(all_took(&writes(&falls_back, 24, 40), 0), "asynchronous");
    assert!(all_took(&writes(&falls_back, 43, 200), 70), "and back, once a backup has caught up");
}

#[test]
fn a_wait_with_an_end_ends_for_each_write_by_itself() {
    let config = "acknowledge = \"any 1\", wait_timeout = \"300ms\"";
    let history = run("a", config, "linearizable", &CUT);
    assert_eq!(judge(&history, Guarantee::Linearizable), Verdict::Holds);
    assert!(all_took(&writes(&history, 4, 20), 70));
    assert!(all_took(&writes(&history, 20, 40), 300), "each waits anew");
    assert!(all_took(&writes(&history, 43, 200), 70));
}

#[test]
fn only_a_wait_with_an_end_shows_a_write_at_the_primary_before_it_has_its_copies() {
    let seen_early = |config: &str| {
        let busy = [
            ("sessions = 1", "sessions = 8"),
            ("constant = { rate = 2 }", "poisson = { rate = 100 }"),
            ("operations = 400", "operations = 4000"),
        ];
        let history = run("a", config, "linearizable", &busy);
        assert_eq!(judge(&history, Guarantee::Linearizable), Verdict::Holds);
        let writes: Vec<&Operation> = measured(&history, OpKind::Write).collect();
        let early = |read: &Operation| {
            writes.iter().any(|op| op.value == read.value && read.completed < op.completed)
        };
        measured(&history, OpKind::Read).any(early)
    };
    assert!(seen_early("acknowledge = \"any 1\", wait_timeout = \"10s\""));
    assert!(!seen_early("acknowledge = \"any 1\", fall_back = \"10s\""));
    assert!(!seen_early("acknowledge = \"any 1\""));
}

#[test]
fn a_backup_that_begins_anew_is_never_given_what_its_primary_can_still_forget() {
    // Backup 2 misses what the primary has only as a snapshot after its first crash. When it asks for
    // it, the primary has acknowledged more, which its second crash takes back.
    let fault =
        |what, start, end| format!("[[faults]]\n{what}\nstart = \"{start}s\"\nend = \"{end}s\"\n");
    let faults = [
        fault("cut = [\"c\"]", 5.0, 20.45),
        fault("crash = \"n0\"", 20.5, 21.0),
        fault("crash = \"n0\"", 22.0, 22.5),
    ];
    let eventful = [
        ("[workload]", &*format!("{}[workload]", faults.concat())),
        ("rate = 2 ", "rate = 20 "),
        ("operations = 400", "operations = 500"),
        ("sessions = 1", "sessions = 40"),
        ("records = 10", "records = 200"),
    ];
    let config = "acknowledge = \"async\", flush_every = \"10s\", snapshot_every = 3";
    let history = run("a", config, "linearizable", &eventful);
    assert_eq!(judge(&history, Guarantee::Eventual), Verdict::Holds);
}
