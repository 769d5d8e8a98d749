//! Every kind of fault does what it says, from its beginning to its end and no longer: under constant delays
//! that is arithmetic.

use crate::common::{plan, simulate, triangle};
use pacelc::analysis::{Context, summarize};
use pacelc::guarantee::Guarantee;
use pacelc::history::{History, Operation, Status};
use pacelc::op::OpKind;
use pacelc::time::{Duration, Instant};

/// Runs two hundred seconds of one client beside the leader or primary in `a`, 50 ms from `b` and 60 from
/// `c`, that writes three times a second; patient, so that nothing is tried twice.
fn writes(protocol: &str, config: &str, more: &str, faults: &str) -> History {
    let level = if protocol == "multi-leader" { "eventual-nearest" } else { "linearizable" };
    let impatient = more.contains("attempt_timeout");
    let patience = if impatient { "" } else { "attempt_timeout = \"30s\"" };
    let text = triangle([50.0, 60.0, 70.0], "a", protocol, config, level)
        .replace("read = 0.5\n        update = 0.5", "update = 1.0")
        .replace("rate = 2 ", "rate = 3 ")
        .replace(
            "warm_up = \"3s\"",
            &format!("warm_up = \"3s\"\ntimeout = \"30s\"\n{patience}\n{more}"),
        );
    simulate(&plan(&format!("{text}\n{faults}")), 7).history
}

/// The latencies in ms of what was intended from one second up to another, smallest first, each once.
fn latencies(history: &History, from_s: u64, to_s: u64) -> Vec<f64> {
    let at = |s: u64| Instant::ZERO + Duration::secs(s);
    let there = |op: &&Operation| at(from_s) <= op.intended && op.intended < at(to_s);
    let done: Vec<&Operation> = history.operations.iter().filter(there).collect();
    assert!(done.len() > 2 && done.iter().all(|op| op.status == Status::Ok), "{}", done.len());
    let mut all: Vec<f64> = done.iter().map(|op| op.completed.since(op.intended).as_ms()).collect();
    all.sort_by(f64::total_cmp);
    all.dedup();
    all
}

/// What a Raft write costs before, during and after a fault between links from 10 to 20 s.
fn around(fault: &str) -> [Vec<f64>; 3] {
    let faults = format!("[[faults]]\n{fault}\nstart = \"10s\"\nend = \"20s\"");
    let history = writes("raft", "{}", "", &faults);
    [(5, 9), (12, 19), (22, 30)].map(|(from, to)| latencies(&history, from, to))
}

#[test]
fn delays_add_to_each_direction_they_strike() {
    let both = around("delay = [\"a\"]\nfrom = [\"b\", \"c\"]\nadd_ms = 100");
    assert_eq!(both, [vec![50.0], vec![250.0], vec![50.0]]);
    let out = around("delay = [\"a\"]\nfrom = [\"b\", \"c\"]\nadd_ms = 100\ndirection = \"out\"");
    assert_eq!(out, [vec![50.0], vec![150.0], vec![50.0]]);
    let near = around("delay = [\"b\"]\nfrom = [\"a\"]\nadd_ms = 100\ndirection = \"in\"");
    assert_eq!(near, [vec![50.0], vec![60.0], vec![50.0]], "c is sooner now");
}

#[test]
fn partial_and_one_way_cuts_leave_the_other_links() {
    let detour = [vec![50.0], vec![60.0], vec![50.0]];
    for fault in [
        "cut = [\"a\"]\nfrom = [\"b\"]",
        "cut = [\"a\"]\nfrom = [\"b\"]\ndirection = \"in\"",
        "loss = [\"a\"]\nfrom = [\"b\"]\nshare = 1.0",
        "cut = [\"n1\"]",
        "cut = [\"n1\"]\ndirection = \"out\"",
    ] {
        let [before, during, after] = around(fault);
        assert_eq!((&before, &during), (&detour[0], &detour[1]), "{fault}");
        // Who was cut off may have grown impatient; in the end all is as it was.
        assert!(after.contains(&50.0) || after.contains(&60.0), "{fault}: {after:?}");
    }
}

#[test]
fn a_process_that_stands_still_goes_on_where_it_was() {
    let fault = "[[faults]]\npause = \"n0\"\nstart = \"10s\"\nend = \"12s\"";
    let history = writes("primary-backup", "{ acknowledge = \"async\" }", "", fault);
    assert_eq!(latencies(&history, 5, 10), [0.0]);
    let waited = latencies(&history, 10, 12);
    assert!(waited[0] > 0.0 && waited[waited.len() - 1] <= 2_000.0, "{waited:?}");
    let end = Instant::ZERO + Duration::secs(12);
    let struck = |op: &&Operation| op.intended.0 / 1_000_000_000 == 10;
    assert!(history.operations.iter().filter(struck).all(|op| op.completed == end));
    assert_eq!(latencies(&history, 13, 20), [0.0]);
}

#[test]
fn a_full_disk_acknowledges_nothing_until_there_is_room() {
    let disk = "replica = { disk_ms = 1 }";
    let fault = "[[faults]]\ndisk_full = \"n0\"\nstart = \"10s\"\nend = \"12s\"";
    let history = writes("primary-backup", "{ acknowledge = \"async\" }", disk, fault);
    assert_eq!((latencies(&history, 5, 9), latencies(&history, 13, 20)), (vec![1.0], vec![1.0]));
    let end = Instant::ZERO + Duration::secs(12);
    let struck = |op: &&Operation| op.intended.0 / 1_000_000_000 == 11;
    assert!(history.operations.iter().filter(struck).all(|op| op.completed >= end));
}

#[test]
fn disks_and_processors_are_slow_by_their_factor() {
    let hosts = "replica = { disk_ms = 2, service_ms = 0.5 }";
    let run = |fault: &str| {
        let fault = format!("[[faults]]\n{fault}\nstart = \"10s\"\nend = \"20s\"");
        let history = writes("primary-backup", "{ acknowledge = \"async\" }", hosts, &fault);
        [(5, 10), (11, 19), (21, 30)].map(|(from, to)| latencies(&history, from, to)[0])
    };
    assert_eq!(run("slow_disk = \"n0\"\nfactor = 10"), [2.5, 20.5, 2.5]);
    assert_eq!(run("slow = \"n0\"\nfactor = 20"), [2.5, 12.0, 2.5]);
    assert_eq!(run("slow = \"leader\"\nfactor = 20"), [2.5, 12.0, 2.5]);
}

#[test]
fn a_fault_that_flaps_is_in_force_again_and_again() {
    let flaps = "[[faults]]\ndelay = [\"a\"]\nfrom = [\"b\", \"c\"]\nadd_ms = 25\ndirection = \"out\"\n\
                 start = \"10s\"\nend = \"20s\"\nevery = \"4s\"\nlasts = \"2s\"";
    let history = writes("raft", "{}", "", flaps);
    let edges: Vec<(u64, u64)> = (history.windows.iter())
        .map(|window| (window.start.0 / 1_000_000_000, window.end.0 / 1_000_000_000))
        .collect();
    assert_eq!(edges, [(10, 12), (14, 16), (18, 20)]);
    assert_eq!(latencies(&history, 15, 16), [75.0]);
    assert_eq!(latencies(&history, 17, 18), [50.0]);
}

/// A leader that is struck again and again is another one every time.
#[test]
fn the_leader_is_whoever_leads_when_the_fault_begins() {
    let faults = "[[faults]]\ncrash = \"leader\"\nstart = \"10s\"\nend = \"30s\"\n\
                  [[faults]]\ncut = [\"leader\"]\nstart = \"20s\"\nend = \"30s\"";
    let history = writes("raft", "{}", "attempt_timeout = \"500ms\"", faults)
        .operations
        .into_iter()
        .filter(|op| op.status == Status::Ok)
        .collect::<Vec<_>>();
    let longest = |from: u64, to: u64| {
        let there = |op: &&Operation| (from..to).contains(&(op.intended.0 / 1_000_000_000));
        let took = history.iter().filter(there).map(|op| op.completed.since(op.intended).as_ms());
        took.fold(0.0, f64::max)
    };
    assert_eq!(longest(5, 9), 50.0);
    // With the second of three leaders gone as well, nothing is decided before the end.
    assert!(longest(19, 21) > 5_000.0, "{}", longest(19, 21));
}

#[test]
fn a_clock_that_is_behind_loses_what_it_stamps() {
    let lost = |fault: &str| {
        let text = format!(
            r#"
            question = "Who stamps too low?"
            analysis = "Two regions write one key; one's clock goes wrong."
            replicas = ["a", "b"]
            clients = [{{ region = "a", sessions = 1 }}, {{ region = "b", sessions = 1 }}]
            duration = "40s"
            [regions]
            symmetric = true
            intra_az_rtt_ms = 0.0
            cross_az_rtt_ms = 0.0
            [regions.rtt_ms.a]
            b = 10
            [workload]
            update = 1.0
            records = 1
            arrivals = {{ constant = {{ rate = 7 }} }}
            [[modes]]
            protocol = "multi-leader"
            config = {{ stamps = "clock" }}
            levels = ["eventual-nearest"]
            {fault}
            "#
        );
        let history = simulate(&plan(&text), 3).history;
        let context = Context {
            promise: Guarantee::Eventual,
            timeout: Duration::secs(10),
            regions: Vec::new(),
        };
        let summary = summarize(&history, &context);
        pacelc::analysis::PHASES
            .map(|phase| summary.slot_of_all(phase, OpKind::Write).map_or(0, |slot| slot.lost))
    };
    let clock = |what: &str| {
        lost(&format!("[[faults]]\nclock = \"n1\"\n{what}\nstart = \"10s\"\nend = \"20s\""))
    };
    let [before, during, after] = clock("jump_ms = -5000");
    assert!(before == 0 && during > 50 && after <= 2, "{before} {during} {after}");
    let [before, during, after] = clock("jump_ms = -5000\nstays = true");
    assert!(before == 0 && during > 50 && after > 50, "{before} {during} {after}");
    let [before, during, after] = clock("drift_ppm = -100000");
    assert!(before == 0 && during > 20 && after > 50, "{before} {during} {after}");
    assert_eq!(lost(""), [0, 0, 0]);
    // A leap second is a second less for good: at once, or over the ten seconds that it is smeared over.
    let [before, during, after] = clock("leap = \"jump\"");
    assert!(before == 0 && during > 20 && after > 20, "{before} {during} {after}");
    assert_eq!([before, during, after], clock("jump_ms = -1000\nstays = true"));
    let smeared = clock("leap = \"smear\"");
    assert_eq!(smeared, clock("drift_ppm = -100000"));
    assert_ne!(smeared, [before, during, after]);
}
