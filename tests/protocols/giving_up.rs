//! An operation that has taken its timeout is over: its client asks no more for it, in either world and whatever the
//! protocol, and the session goes on with what it knows.

use crate::common::{plans, simulate};
use pacelc::analysis::{Verdict, judge};
use pacelc::catalog::Catalog;
use pacelc::guarantee::Guarantee;
use pacelc::history::{History, Status};
use pacelc::op::OpKind;
use pacelc::scenario::plan::Plan;
use pacelc::world::live::Options;

/// One replica that clients are cut off from during most of the run; they read alone, and ask five times.
fn silent(length: &str, cut: [&str; 2]) -> Vec<Plan> {
    let [start, end] = cut;
    plans(&format!(
        r#"
        question = "Who still asks when nobody waits?"
        analysis = "A test."
        regions = {{ symmetric = true, intra_az_rtt_ms = 0.2, cross_az_rtt_ms = 1.0, rtt_ms = {{ a = {{ b = 20.0 }} }} }}
        replicas = ["a"]
        duration = "{length}"
        timeout = "500ms"
        attempt_timeout = "100ms"
        levels = ["linearizable"]
        clients = [{{ region = "b", sessions = 5 }}]
        workload = {{ read = 1.0, records = 5, arrivals = {{ poisson = {{ rate = 5.0 }} }} }}
        faults = [{{ cut = ["a"], start = "{start}", end = "{end}" }}]
        [[modes]]
        protocol = "primary-backup"
        config = {{ acknowledge = "async" }}
        [[modes]]
        protocol = "raft"
        [[modes]]
        protocol = "paxos"
        [[modes]]
        protocol = "chain"
        [[modes]]
        protocol = "certification"
        [[modes]]
        protocol = "leaderless"
        levels = ["one", "serial"]
        [[modes]]
        name = "library"
        protocol = "leaderless"
        config = {{ coordinator = "client" }}
        levels = ["one"]
        [[modes]]
        protocol = "multi-leader"
        levels = ["eventual-nearest"]
        "#
    ))
}

/// Who asks five times, and is answered at most as often, causes no more than that.
fn asks_no_more(plan: &Plan, history: &History) {
    let ended = |status| history.operations.iter().filter(|op| op.status == status).count() as u64;
    let (failed, asked) = (ended(Status::Failed), history.operations.len() as u64);
    assert!(failed >= 3, "{}: {failed} of {asked} failed", plan.name);
    assert!(ended(Status::Ok) > 0, "{}: some were answered", plan.name);
    // A library that coordinates loses patience every quarter of a try, and asks again then.
    let tries = if plan.name.mode == "library" { 24 } else { 6 };
    let most = tries * failed + 4 * (asked - failed) + 10;
    assert!(
        history.traffic.messages <= most,
        "{}: {} messages for {asked} reads of which {failed} failed",
        plan.name,
        history.traffic.messages
    );
}

#[test]
fn a_read_that_has_failed_is_not_asked_for_again_in_virtual_time() {
    for plan in silent("60s", ["5s", "55s"]) {
        asks_no_more(&plan, &simulate(&plan, 1).history);
    }
}

#[test]
fn nor_in_real_time() {
    let plans = silent("5s", ["500ms", "4500ms"]);
    for plan in plans.iter().filter(|plan| ["raft", "chain"].contains(&&*plan.protocol)) {
        let catalog = Catalog::builtin();
        let entry = catalog.find(&plan.protocol).expect("a built-in protocol");
        let options = Options { simulated_disk: true, ..Options::default() };
        asks_no_more(plan, &entry.live(plan, 1, &options).expect("the run ends").history);
    }
}

/// Sessions beside a backup that shows nothing for a minute, so that what they have written is read at the primary;
/// for two seconds they cannot reach that.
fn sessions_beside_a_late_backup() -> Plan {
    let mut plans = plans(
        r#"
        question = "What does a session know after a read has failed?"
        analysis = "A test."
        regions = { symmetric = true, intra_az_rtt_ms = 0.2, cross_az_rtt_ms = 1.0, rtt_ms = { a = { b = 20.0 } } }
        replicas = ["a", "b"]
        duration = "12s"
        timeout = "1s"
        attempt_timeout = "300ms"
        levels = ["read-your-writes"]
        clients = [{ region = "b", sessions = 40 }]
        workload = { read = 0.8, update = 0.2, keys = "uniform", records = 3, arrivals = { poisson = { rate = 40.0 } } }
        faults = [{ cut = ["a"], start = "5s", end = "7s" }]
        [[modes]]
        name = "async"
        protocol = "primary-backup"
        config = { acknowledge = "async", apply_delay = "60s" }
        "#,
    );
    plans.remove(0)
}

/// Whether the session of this read had written its key, and has had a read fail since.
fn remembers(history: &History, at: usize) -> bool {
    let read = &history.operations[at];
    let before = history.operations[..at].iter().filter(|op| op.session == read.session);
    let since: Vec<_> = before
        .skip_while(|op| (op.kind, op.status, op.key) != (OpKind::Write, Status::Ok, read.key))
        .collect();
    since.iter().any(|op| op.kind == OpKind::Read && op.status == Status::Failed)
}

#[test]
fn a_read_that_failed_costs_its_session_nothing_of_what_it_knows() {
    let history = simulate(&sessions_beside_a_late_backup(), 1).history;
    let answered = |at: &usize| {
        let op = &history.operations[*at];
        op.kind == OpKind::Read && op.status == Status::Ok && remembers(&history, *at)
    };
    let asked = (0..history.operations.len()).filter(answered).count();
    assert!(asked >= 5, "{asked} reads after one that failed, of what their session had written");
    assert_eq!(judge(&history, Guarantee::ReadYourWrites), Verdict::Holds);
}
