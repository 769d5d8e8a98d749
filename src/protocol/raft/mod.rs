//! Raft: a log replicated through an elected leader.
//!
//! After Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm" (USENIX ATC
//! 2014), and Ongaro's thesis "Consensus: Bridging Theory and Practice" (Stanford 2014): pre-vote
//! (9.6), check-quorum (6.2), refusing candidates while a leader is alive (4.2.3), the leader's
//! disk write in parallel with its messages (10.2.1), pipelining (10.2.2), client sessions (6.3),
//! reads by ReadIndex and by lease (6.4), snapshots (5.1).
//!
//! - `election`: terms, votes, stepping down.
//! - `replication`, `following`: entries from the leader to its followers, commits, snapshots.
//! - `reads`: one path per consistency level.
//! - `stamps`: commit wait and closed timestamps, if clocks have a known uncertainty.
//! - `embedded`: what a protocol that contains this one asks of it.
//! - `client`: finds the leader, keeps the session's tokens.
//!
//! **Latency**, at constant delay, with `c` the client's round trip to the leader, `r` the leader's
//! round trip to the follower that completes the majority, and `f` a disk sync: a write takes
//! `c + r + f` (the follower's sync; the leader's own runs meanwhile), a linearizable read `c + r`
//! (no disk), a lease read `c`, a sequential read after a `sync` the client's round trip to the
//! nearest replica and that replica's to the leader. With an `uncertainty` of `e` a write takes
//! `c + max(r + f, 2e)`.
//!
//! **Messages** per write among `n` replicas: a request, `n - 1` appends, `n - 1` answers, a reply;
//! with `eager_commit` also `n - 1` commit notices, which nobody answers.
//!
//! **Commit and apply** are one step here: the state machine is a table in memory, so an entry is
//! applied the instant it is known to be committed, and `commit` is also the applied index.
//!
//! Left out: membership changes, leadership transfer, batching of reads (each has its own round, so
//! that no read waits for another).

mod client;
mod config;
mod election;
mod embedded;
mod following;
mod log;
mod message;
mod reads;
mod replica;
mod replication;
mod stamps;
#[cfg(test)]
mod tests;

pub use client::Client;
pub use config::{Config, Flaw, Reads};
pub use log::{BATCH, Entry, Position, Term};
pub use message::{Append, Beat, Image, Msg, Record, Timer};
pub use replica::Replica;

use super::parts::{beyond, lease, quorum};
use super::{Geometry, Offer, Protocol};
use crate::guarantee::Guarantee;
use crate::op::{Level, NodeId, Object, OpKind};
use crate::time::Duration;

/// The protocol.
#[derive(Debug)]
pub enum Raft {}

impl Protocol for Raft {
    const NAME: &'static str = "raft";
    const ABOUT: &'static str = "A log replicated through an elected leader to a majority, with \
        ReadIndex, lease, bounded, session and local reads (Ongaro and Ousterhout 2014)";
    const FURTHER: &'static [&'static str] =
        &["sync = true", "uncertainty = \"5ms\"\nreads = \"closed-timestamp\""];
    type Config = Config;
    type Msg = Msg;
    type Record = Record;
    type Timer = Timer;
    type Replica = Replica;
    type Client = Client;

    fn validate(config: &Config, replicas: u32) -> Result<(), String> {
        config.validate(replicas)
    }

    fn offer(config: &Config, level: Level) -> Option<Offer> {
        let waits = config.uncertainty.is_some();
        let (read_path, promise) = match level {
            Level::Linearizable => {
                let path = match config.reads {
                    Reads::ReadIndex => "ReadIndex at the leader",
                    Reads::ClosedTimestamp => {
                        "nearest replica, once its closed timestamp is past the read's"
                    }
                };
                (path, Guarantee::Linearizable)
            }
            Level::Lease => ("lease at the leader, else ReadIndex", Guarantee::Linearizable),
            Level::Bounded(age) => {
                let path = match (waits, config.reads) {
                    (false, _) => "nearest replica if fresh enough, else ReadIndex at the leader",
                    (true, Reads::ReadIndex) => {
                        "nearest replica if its closed timestamp allows, else ReadIndex"
                    }
                    (true, Reads::ClosedTimestamp) => {
                        "nearest replica if its closed timestamp allows, else lease"
                    }
                };
                (path, Guarantee::BoundedStaleness(age))
            }
            Level::Sequential => (
                if config.sync {
                    "nearest replica, once it is as far as the leader says"
                } else {
                    "nearest replica, once it has the session's reads and writes"
                },
                Guarantee::Sequential,
            ),
            Level::Session => {
                ("nearest replica, once it has the session's reads and writes", Guarantee::Session)
            }
            Level::ReadYourWrites => {
                ("nearest replica, once it has the session's writes", Guarantee::ReadYourWrites)
            }
            Level::MonotonicReads => {
                ("nearest replica, once it has the session's reads", Guarantee::MonotonicReads)
            }
            // Followers show what is committed, and what is written afterwards comes after it.
            Level::MonotonicWrites => ("nearest replica, local", Guarantee::MonotonicWrites),
            Level::WritesFollowReads => ("nearest replica, local", Guarantee::WritesFollowReads),
            Level::EventualNearest => ("nearest replica, local", Guarantee::Eventual),
            Level::EventualAny => ("any replica, local", Guarantee::Eventual),
            _ => return None,
        };
        let write_path =
            if waits { "leader, majority and commit wait" } else { "leader, majority" };
        Some(Offer { read_path, write_path, promise })
    }

    fn kept_beyond(config: &Config, level: Level, guarantee: Guarantee) -> Option<&'static str> {
        let promise = Self::offer(config, level)?.promise;
        beyond::of_one_order(promise, guarantee)
    }

    fn theory(
        config: &Config,
        level: Level,
        op: OpKind,
        geometry: &Geometry,
        client: NodeId,
    ) -> Option<Duration> {
        let leader = NodeId(config.leader);
        let c = geometry.rtt(client, leader);
        let r = majority_rtt(geometry, leader);
        match (op, level) {
            // The leader's own sync, `f`, is never the last of a majority: `max(f, r + f)`.
            (OpKind::Write, _) => Some(c + (r + geometry.disk).max(config.commit_wait())),
            (OpKind::Rmw, _) => None,
            (_, Level::Linearizable) if config.reads == Reads::ReadIndex => Some(c + r),
            // At a follower the heartbeat's phase decides.
            (_, Level::Linearizable) if geometry.nearest(client).first() != Some(&leader) => None,
            (_, Level::Linearizable | Level::Lease) => {
                (basis_age(config, r) < config.lease()).then_some(c)
            }
            (_, Level::Sequential) if config.sync => {
                let near = *geometry.nearest(client).first()?;
                let ask = if near == leader { Duration::ZERO } else { geometry.rtt(near, leader) };
                Some(geometry.rtt(client, near) + ask)
            }
            (_, Level::Bounded(age)) => bounded_theory(config, age, geometry, client),
            (_, Level::MonotonicWrites | Level::WritesFollowReads | Level::EventualNearest) => {
                Some(nearest_rtt(geometry, client))
            }
            _ => None,
        }
    }

    fn objects(config: &Config) -> &'static [Object] {
        // Who answers a conditional update before it is applied cannot know the answer.
        if config.has(Flaw::AnswersBeforeMajority) { &[Object::Register] } else { &Object::ALL }
    }

    fn wire_size(msg: &Msg) -> u32 {
        msg.wire_size()
    }
}

/// The round trip after which the leader has heard from a majority, itself included.
fn majority_rtt(geometry: &Geometry, leader: NodeId) -> Duration {
    let needed = quorum::majority(geometry.replicas) - 1;
    match needed {
        0 => Duration::ZERO,
        k => geometry.rtts(leader, geometry.peers(leader))[k - 1],
    }
}

fn nearest_rtt(geometry: &Geometry, client: NodeId) -> Duration {
    geometry.rtt(client, geometry.nearest(client)[0])
}

/// How old, at most, the send time of the last acknowledged round is at an idle leader: a round
/// goes out with every heartbeat and counts when the majority has answered.
fn basis_age(config: &Config, r: Duration) -> Duration {
    if r == Duration::ZERO { Duration::ZERO } else { config.heartbeat + r }
}

/// The nearest replica can always answer if even the oldest stamp it ever holds is young enough. It
/// then waited one heartbeat for the next, which is still on its way.
fn bounded_theory(
    config: &Config,
    age: Duration,
    geometry: &Geometry,
    client: NodeId,
) -> Option<Duration> {
    let leader = NodeId(config.leader);
    let nearest = *geometry.nearest(client).first()?;
    let r = majority_rtt(geometry, leader);
    let mut oldest = basis_age(config, r);
    if nearest != leader {
        let there = geometry.way(leader, nearest) + config.heartbeat;
        oldest = if config.uncertainty.is_some() {
            // A write under way holds back what is closed, and a lease near its end does.
            let held = (r + geometry.disk).max(config.commit_wait());
            if oldest + config.commit_wait() >= config.lease() {
                return None;
            }
            there + config.closed_lag.max(held) + config.commit_wait() + Duration(1)
        } else {
            // Twice: the allowance itself, and clocks that really are that far apart.
            oldest + there + config.max_clock_error * 2
        };
    }
    (oldest <= lease::within(age, config.max_drift_ppm)).then(|| geometry.rtt(client, nearest))
}
