//! Every protocol keeps what it promises, at every level it offers, in bad weather.
//!
//! One test per mode, each a swarm over its levels: cuts and crashes one after another, loss with and
//! without retransmission, jitter, reordering, slow disks, drifting clocks, all drawn from the seed.

use crate::common::simulate;
use crate::common::swarm::{cells, perturbed, perturbed_in_gray, promise};
use pacelc::analysis::{Verdict, judge};
use pacelc::history::Status;
use pacelc::scenario::plan::{Fault, FaultKind, Plan};

/// Seeds for each cell.
const SEEDS: u64 = 100;
/// Seeds for each cell under every kind of fault.
const GRAY_SEEDS: u64 = 40;

/// Runs all cells of a mode and judges them.
fn swarm(mode: &str, expected_cells: usize) {
    let cells: Vec<Plan> = cells().into_iter().filter(|plan| plan.name.mode == mode).collect();
    assert_eq!(cells.len(), expected_cells, "cells of {mode}");
    let (mut cuts, mut crashes, mut broken) = (0, 0, Vec::new());
    for cell in &cells {
        let promise = promise(cell);
        let (mut ok, mut unknown) = (0_usize, 0_usize);
        for seed in 1..=SEEDS {
            let plan = perturbed(cell, seed);
            let crash = |fault: &&Fault| matches!(fault.kind, FaultKind::Crash(_));
            crashes += plan.faults.iter().filter(crash).count();
            cuts += plan.faults.iter().filter(|fault| !crash(fault)).count();
            let history = simulate(&plan, seed).history;
            let count = |status| history.operations.iter().filter(|op| op.status == status).count();
            ok += count(Status::Ok);
            unknown += count(Status::Unknown);
            let verdict = judge(&history, promise);
            if verdict != Verdict::Holds {
                broken.push(format!("{}, seed {seed}: {verdict:?}", cell.name));
            }
        }
        // A swarm that answers nothing, or disturbs nothing, shows nothing.
        assert!(ok as u64 > 50 * SEEDS, "{}: only {ok} operations took effect", cell.name);
        assert!(unknown > 0, "{}: every write was answered", cell.name);
    }
    assert!(
        cuts > 50 * cells.len() && crashes > 50 * cells.len(),
        "{cuts} cuts, {crashes} crashes"
    );
    assert!(broken.is_empty(), "{} promises broken:\n{}", broken.len(), broken.join("\n"));
}

#[test]
fn asynchronous_primary_backup_keeps_its_promises() {
    swarm("async", 22);
}

#[test]
fn semi_synchronous_primary_backup_keeps_its_promises() {
    swarm("semi-sync", 22);
}

#[test]
fn synchronous_primary_backup_keeps_its_promises() {
    swarm("sync", 11);
}

#[test]
fn backups_that_acknowledge_from_memory_keep_their_promises() {
    swarm("remote-write", 20);
}

#[test]
fn backups_that_acknowledge_what_they_show_keep_their_promises() {
    swarm("remote-apply", 22);
}

#[test]
fn a_primary_ahead_of_its_disk_keeps_its_promise() {
    swarm("off", 22);
}

#[test]
fn a_primary_that_falls_back_keeps_its_promises() {
    swarm("fall-back", 22);
}

#[test]
fn a_primary_whose_waits_end_keeps_its_promises() {
    swarm("wait", 22);
}

#[test]
fn raft_keeps_its_promises() {
    swarm("raft", 22);
}

#[test]
fn syncs_with_the_leader_keep_their_promise() {
    swarm("raft-sync", 1);
}

#[test]
fn commit_wait_keeps_its_promises() {
    swarm("commit-wait", 3);
}

#[test]
fn closed_timestamps_keep_their_promises() {
    swarm("follower-reads", 22);
}

#[test]
fn chain_replication_keeps_its_promises() {
    swarm("chain", 18);
}

#[test]
fn craq_keeps_its_promises() {
    swarm("craq", 18);
}

#[test]
fn leaderless_replication_keeps_its_promises() {
    swarm("leaderless", 19);
}

#[test]
fn leaderless_replication_without_repairs_keeps_its_promises() {
    swarm("plain", 4);
}

#[test]
fn clients_that_coordinate_keep_their_promises() {
    swarm("library", 4);
}

#[test]
fn sloppy_quorums_keep_their_promises() {
    swarm("sloppy", 4);
}

#[test]
fn atomic_registers_keep_their_promises() {
    swarm("abd", 3);
}

#[test]
fn atomic_registers_of_clients_keep_their_promises() {
    swarm("abd-library", 1);
}

#[test]
fn leaders_that_trust_their_clocks_keep_their_promises() {
    swarm("multi-clock", 16);
}

#[test]
fn causal_leaders_keep_their_promises() {
    swarm("multi-causal", 18);
}

#[test]
fn leaders_around_a_hub_keep_their_promises() {
    swarm("multi-star", 8);
}

#[test]
fn leaders_in_a_ring_keep_their_promises() {
    swarm("multi-ring", 9);
}

#[test]
fn certification_keeps_its_promises() {
    swarm("certification", 18);
}

#[test]
fn paxos_keeps_its_promises() {
    swarm("paxos", 12);
}

#[test]
fn paxos_of_each_region_keeps_its_promise() {
    swarm("paxos-region", 1);
}

/// With one etcd member; `tests/protocols/kubernetes.rs` has three.
#[test]
fn kubernetes_keeps_its_promises() {
    swarm("kubernetes", 8);
}

/// Every kind of fault, on every protocol at every level.
#[test]
fn every_promise_is_kept_in_gray_weather() {
    let (mut broken, mut ok) = (Vec::new(), 0);
    for cell in cells() {
        let promise = promise(&cell);
        for seed in 1..=GRAY_SEEDS {
            let history = simulate(&perturbed_in_gray(&cell, seed), seed).history;
            ok += history.operations.iter().filter(|op| op.status == Status::Ok).count();
            let verdict = judge(&history, promise);
            if verdict != Verdict::Holds {
                broken.push(format!("{}, seed {seed}: {verdict:?}", cell.name));
            }
        }
    }
    assert!(ok > 100_000, "only {ok} operations took effect");
    assert!(broken.is_empty(), "{} promises broken:\n{}", broken.len(), broken.join("\n"));
}
