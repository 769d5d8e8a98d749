//! What a run in real time holds in memory grows with the history that it records, and with nothing else: a
//! long soak ends with what its history takes.
#![cfg(target_os = "linux")]

mod common;

use common::plan;
use pacelc::catalog::Catalog;
use pacelc::scenario::plan::{Length, Plan};
use pacelc::world::live::Options;

/// Three replicas at one place, and clients that ask one operation after the other.
fn busy(protocol: &str, config: &str) -> Plan {
    plan(&format!(
        r#"
        question = "What grows?"
        analysis = "A test."
        regions = {{ symmetric = true, intra_az_rtt_ms = 0, cross_az_rtt_ms = 0, rtt_ms = {{ a = {{ b = 1.0 }} }} }}
        replicas = ["a", "a", "a"]
        operations = 100
        warm_up = "0ms"
        clients = [{{ region = "a", sessions = 16 }}]
        workload = {{ read = 0.5, update = 0.5, records = 100, arrivals = "closed" }}
        [[modes]]
        protocol = "{protocol}"
        config = {{ snapshot_every = 1000, {config} }}
        levels = ["linearizable"]
        "#
    ))
}

/// The most memory that this process has had at a time, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux has it");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kilobytes << 10
}

/// Runs so many operations; the bytes of their history.
fn run(plan: &mut Plan, operations: u64) -> u64 {
    plan.length = Length::Operations(operations);
    let catalog = Catalog::builtin();
    let entry = catalog.find(&plan.protocol).expect("a built-in protocol");
    let options = Options { simulated_disk: true, ..Options::default() };
    let history = entry.live(plan, 1, &options).expect("the run ends").history;
    assert!(history.operations.len() as u64 >= operations);
    history.bytes()
}

#[test]
fn nothing_grows_but_the_history() {
    for (protocol, config) in [("raft", "leader = 0"), ("primary-backup", "acknowledge = 'any 1'")]
    {
        let mut plan = busy(protocol, config);
        // Threads, arenas and tables that are as large as they get.
        let short = run(&mut plan, 5_000);
        let before = peak();
        let long = run(&mut plan, 50_000);
        let grown = peak() - before;
        println!("{protocol}: {grown} bytes more, {} of them history", long - short);
        // What the allocator keeps to itself; sixty-four bytes that leak with each operation are more.
        assert!(
            grown < (long - short) * 5 / 4 + (2 << 20),
            "{protocol}: {grown} bytes more for {} of history",
            long - short
        );
    }
}
