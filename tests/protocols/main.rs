//! Every protocol at every level: its closed forms to the nanosecond, its promises kept in bad weather,
//! and what it does not promise seen broken.

#[path = "../common/mod.rs"]
mod common;

mod at_rest;
mod boundaries;
mod conflicts;
mod conformance;
mod escrow;
mod exact;
mod failover;
mod faults;
mod giving_up;
mod golden;
mod kubernetes;
mod local_serial;
mod merged_sessions;
mod objects;
mod own_merge;
mod paxos_sessions;
mod rules;
mod serial;
mod split;
mod standby;
mod traces;
mod weather;
