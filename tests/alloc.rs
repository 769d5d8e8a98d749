//! A simulation at work allocates nothing per operation.
//!
//! Two runs differ only in how many operations they take. What grows with a run is reserved ahead or
//! doubles now and then, so the longer run may allocate a few times more, never once per thousand
//! operations. Snapshots and anti-entropy copy state at intervals of their own and are put off
//! here; Paxos, which cannot be without the latter, is left out.

mod common;

use common::{measured, plan, simulate};
use pacelc::op::OpKind;

const OPERATIONS: u64 = 40_000;

/// Reads and writes of four sessions at each of three replicas.
fn scenario(operations: u64, protocol: &str, config: &str, level: &str) -> String {
    format!(
        r#"
        question = "What does an operation allocate?"
        analysis = "Nothing."
        regions = "aws"
        replicas = ["us-east-1", "eu-west-1", "ap-southeast-1"]
        operations = {operations}
        clients = [
            {{ region = "us-east-1", sessions = 4 }},
            {{ region = "eu-west-1", sessions = 4 }},
            {{ region = "ap-southeast-1", sessions = 4 }},
        ]
        [replica]
        service_ms = 0.02
        disk_ms = {{ lognormal = {{ median = 0.5, sigma = 0.5 }} }}
        [link]
        jitter_ms = {{ lognormal = {{ median = 0.5, sigma = 1.0 }} }}
        [workload]
        ycsb = "A"
        records = 100
        arrivals = {{ poisson = {{ rate = 5 }} }}
        [[modes]]
        protocol = "{protocol}"
        config = {{ snapshot_every = 100_000_000, {config} }}
        levels = ["{level}"]
        "#
    )
}

/// How often a run of so many operations allocates, set-up included.
fn allocations(operations: u64, protocol: &str, config: &str, level: &str) -> u64 {
    let plan = plan(&scenario(operations, protocol, config, level));
    let mut answered = 0;
    let counted = allocation_counter::measure(|| {
        let history = simulate(&plan, 3).history;
        answered =
            measured(&history, OpKind::Read).count() + measured(&history, OpKind::Write).count();
    });
    assert!(answered as u64 > operations * 9 / 10, "only {answered} operations took effect");
    counted.count_total
}

fn twice_the_work_allocates_no_more(protocol: &str, config: &str, levels: &[&str]) {
    for level in levels {
        let once = allocations(OPERATIONS, protocol, config, level);
        let twice = allocations(2 * OPERATIONS, protocol, config, level);
        let more = twice.saturating_sub(once);
        println!("{protocol} {config} {level}: {once} allocations, then {more} more");
        assert!(
            more < OPERATIONS / 1_000,
            "{protocol} {config} {level}: {OPERATIONS} more operations allocate {more} times more"
        );
    }
}

#[test]
fn the_measure_sees_what_allocates() {
    let counted = allocation_counter::measure(|| {
        (0..10).for_each(|n| drop(std::hint::black_box(vec![n; 4])));
    });
    assert_eq!(counted.count_total, 10);
}

#[test]
fn primary_backup() {
    let levels = ["linearizable", "bounded(500ms)", "session", "eventual-any"];
    twice_the_work_allocates_no_more("primary-backup", "acknowledge = 'any 1'", &levels);
    twice_the_work_allocates_no_more("primary-backup", "acknowledge = 'async'", &["session"]);
    twice_the_work_allocates_no_more("primary-backup", "acknowledge = 'all'", &["session"]);
    let watched = "acknowledge = 'any 1', fail_over = { detect = '3s', step_down = '2s' }";
    twice_the_work_allocates_no_more("primary-backup", watched, &["linearizable"]);
}

#[test]
fn raft() {
    let levels = ["linearizable", "lease", "bounded(500ms)", "session", "eventual-any"];
    twice_the_work_allocates_no_more("raft", "leader = 1", &levels);
    let closed = "uncertainty = '20ms', closed_lag = '0ms', reads = 'closed-timestamp'";
    twice_the_work_allocates_no_more("raft", closed, &["linearizable", "bounded(500ms)"]);
}

#[test]
fn leaderless() {
    // Anti-entropy allocates for each comparison, whatever the number of operations.
    let calm = "anti_entropy = '0ms', trusts_network = true";
    let with = |more: &str| format!("{calm}, {more}");
    twice_the_work_allocates_no_more("leaderless", calm, &["quorum", "one", "all", "serial"]);
    let levels = ["local-quorum", "quorum"];
    twice_the_work_allocates_no_more("leaderless", &with("coordinator = 'client'"), &levels);
    twice_the_work_allocates_no_more("leaderless", &with("write_back = true"), &["quorum"]);
}

#[test]
fn multi_leader() {
    let levels = ["causal", "bounded(500ms)", "eventual-any"];
    twice_the_work_allocates_no_more("multi-leader", "causal = true", &levels);
    let ring = "topology = 'ring', stamps = 'clock', ship_every = '20ms'";
    twice_the_work_allocates_no_more("multi-leader", ring, &["session"]);
}

#[test]
fn chain() {
    let levels = ["linearizable", "session", "eventual-any"];
    twice_the_work_allocates_no_more("chain", "heartbeat = '100ms'", &levels);
    twice_the_work_allocates_no_more("chain", "apportioned = true", &["linearizable"]);
}

#[test]
fn certification() {
    let levels = ["linearizable", "sequential", "eventual-any"];
    twice_the_work_allocates_no_more("certification", "certify = true", &levels);
}
