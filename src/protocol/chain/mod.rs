//! Chain replication: a write walks from the head to the tail and is answered there.
//!
//! R. van Renesse and F. B. Schneider, "Chain Replication for Supporting High Throughput and
//! Availability" (OSDI 2004). Every replica syncs a write before it hands it on, so the tail shows
//! only what all have, and a write costs the *sum* along the chain where a quorum costs an order
//! statistic. With `apportioned = true`, J. Terrace and M. J. Freedman, "Object Storage on CRAQ"
//! (USENIX ATC 2009): any replica answers a linearizable read at once if it holds nothing of the key
//! that the tail may not have, and otherwise asks the tail how far it is.
//!
//! An acknowledged write is on every replica, so a read at any of them misses none (`regular`); it may
//! see a write before its acknowledgement, and another replica not yet.
//!
//! The chain is never rearranged: while a replica is down or cut off, writes wait. The master that
//! replaces it is another protocol's work in the paper as well.

mod client;
mod server;

pub use super::parts::store::Record;
pub use client::Session;
pub use server::Server;

use super::parts::table::{Command, FRAME_BYTES, VALUE_BYTES};
use super::parts::{beyond, limits};
use super::{Geometry, Offer, Protocol};
use crate::guarantee::Guarantee;
use crate::op::{Key, Level, NodeId, Object, OpId, OpKind, Ret};
use crate::time::Duration;
use serde::{Deserialize, Serialize};

/// The protocol.
#[derive(Debug)]
pub struct Chain;

/// Its settings.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Replica numbers from head to tail; empty for 0, 1, 2, ...
    pub order: Vec<u32>,
    /// Whether every replica serves linearizable reads (CRAQ) or only the tail.
    pub apportioned: bool,
    /// How often a replica asks its successor how far it is; lost messages are noticed by it.
    pub heartbeat: Duration,
    /// Writes between two snapshots of the log.
    pub snapshot_every: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            order: Vec::new(),
            apportioned: false,
            heartbeat: Duration::millis(100),
            snapshot_every: 10_000,
        }
    }
}

impl Config {
    /// The replica at this place of the chain.
    fn at(&self, place: u32) -> NodeId {
        NodeId(self.order.get(place as usize).copied().unwrap_or(place))
    }

    /// The place of a replica.
    fn place(&self, replica: NodeId) -> u32 {
        let found = self.order.iter().position(|other| *other == replica.0);
        found.map_or(replica.0, |place| place as u32)
    }
}

/// How a read is to be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Need {
    /// As the tail would serve it now.
    Latest,
    /// Whatever the replica has, once that is this many writes.
    AtLeast(u64),
}

/// A read or scan on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadRequest {
    /// The client's operation.
    pub op: OpId,
    /// The key, or the first.
    pub key: Key,
    /// Keys of a scan; 0 for a read.
    pub count: u16,
    /// What it needs.
    pub need: Need,
}

/// Everything that is said.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Msg {
    /// Client to head.
    Write(Command),
    /// Client to any replica.
    Read(ReadRequest),
    /// Replica to client: done.
    Reply {
        /// The client's operation.
        op: OpId,
        /// The result.
        ret: Ret,
        /// How many writes that state has.
        index: u64,
    },
    /// To the successor: one entry.
    Ship {
        /// Its index.
        index: u64,
        /// The entry.
        command: Command,
    },
    /// To the successor: you should have everything up to here.
    Beat(u64),
    /// To the predecessor.
    Ack {
        /// The tail has everything up to here.
        committed: u64,
        /// Entries are missing from here on; 0 for none.
        missing: u64,
    },
    /// To the tail: how far are you?
    Query {
        /// Whose read asks.
        client: NodeId,
        /// Which.
        op: OpId,
    },
    /// From the tail: this far.
    Version {
        /// Whose read asked.
        client: NodeId,
        /// Which.
        op: OpId,
        /// Everything up to here is committed.
        committed: u64,
    },
}

/// Timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// A replica's heartbeat.
    Beat,
    /// A client has waited long enough for an answer.
    Attempt,
}

impl Protocol for Chain {
    const NAME: &'static str = "chain";
    const ABOUT: &'static str = "A write walks along all replicas and is answered by the last (van \
        Renesse and Schneider 2004); with `apportioned`, all serve reads (CRAQ, Terrace and Freedman \
        2009).";
    const FURTHER: &'static [&'static str] = &["apportioned = true"];
    type Config = Config;
    type Msg = Msg;
    type Record = Record;
    type Timer = Timer;
    type Replica = Server;
    type Client = Session;

    fn validate(config: &Config, replicas: u32) -> Result<(), String> {
        limits::interval("heartbeat", config.heartbeat)?;
        limits::snapshot_every(config.snapshot_every)?;
        let mut sorted = config.order.clone();
        sorted.sort_unstable();
        if config.order.is_empty() || sorted.iter().copied().eq(0..replicas) {
            return Ok(());
        }
        let all: Vec<String> = (0..replicas).map(|replica| replica.to_string()).collect();
        Err(format!(
            "order = {:?} must name each replica once; the replicas are {}",
            config.order,
            all.join(", ")
        ))
    }

    fn offer(config: &Config, level: Level) -> Option<Offer> {
        let (read_path, promise) = match level {
            Level::Linearizable if config.apportioned => {
                ("nearest replica, asks the tail where it must", Guarantee::Linearizable)
            }
            Level::Linearizable => ("tail", Guarantee::Linearizable),
            Level::Sequential => {
                ("nearest replica, once it has what the session saw", Guarantee::Sequential)
            }
            Level::Session => {
                ("nearest replica, once it has what the session saw", Guarantee::Session)
            }
            Level::ReadYourWrites => {
                ("nearest replica, all have what is acknowledged", Guarantee::ReadYourWrites)
            }
            Level::MonotonicReads => {
                ("nearest replica, once it has what the session read", Guarantee::MonotonicReads)
            }
            // What any replica shows, the head has in its place already.
            Level::MonotonicWrites => ("nearest replica", Guarantee::MonotonicWrites),
            Level::WritesFollowReads => ("nearest replica", Guarantee::WritesFollowReads),
            Level::EventualNearest => ("nearest replica", Guarantee::Regular),
            Level::EventualAny => ("any replica", Guarantee::Regular),
            _ => return None,
        };
        Some(Offer { read_path, write_path: "head to tail, one after another", promise })
    }

    fn kept_beyond(config: &Config, level: Level, guarantee: Guarantee) -> Option<&'static str> {
        let promise = Self::offer(config, level)?.promise;
        let all = beyond::of_all_replicas(promise, guarantee);
        all.or_else(|| beyond::of_one_order(promise, guarantee))
    }

    fn theory(
        config: &Config,
        level: Level,
        op: OpKind,
        geometry: &Geometry,
        client: NodeId,
    ) -> Option<Duration> {
        let tail = config.at(geometry.replicas - 1);
        match (op, level) {
            (OpKind::Write, _) => {
                let mut total = geometry.way(client, config.at(0)) + geometry.disk;
                for place in 1..geometry.replicas {
                    let hop = geometry.way(config.at(place - 1), config.at(place));
                    total = total + hop + geometry.disk;
                }
                Some(total + geometry.way(tail, client))
            }
            (OpKind::Rmw, _) => None,
            (_, Level::Linearizable) if !config.apportioned => Some(geometry.rtt(client, tail)),
            // While nothing of the key is under way.
            (
                _,
                Level::Linearizable
                | Level::MonotonicWrites
                | Level::WritesFollowReads
                | Level::EventualNearest,
            ) => Some(geometry.rtt(client, *geometry.nearest(client).first()?)),
            _ => None,
        }
    }

    fn objects(_: &Config) -> &'static [Object] {
        &Object::ALL
    }

    fn wire_size(msg: &Msg) -> u32 {
        FRAME_BYTES
            + match msg {
                Msg::Write(_) => 16 + VALUE_BYTES,
                Msg::Read(_) => 24,
                Msg::Reply { ret: Ret::Values(values), .. } => {
                    12 + VALUE_BYTES * values.len() as u32
                }
                Msg::Reply { .. } => 12 + VALUE_BYTES,
                Msg::Ship { .. } => 24 + VALUE_BYTES,
                Msg::Beat(_) | Msg::Query { .. } => 8,
                Msg::Ack { .. } | Msg::Version { .. } => 16,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_names_every_replica_once() {
        let with = |order: &[u32]| Config { order: order.to_vec(), ..Config::default() };
        assert_eq!(Chain::validate(&with(&[]), 3), Ok(()));
        assert_eq!(Chain::validate(&with(&[2, 0, 1]), 3), Ok(()));
        for wrong in [&[0, 1][..], &[0, 1, 1], &[0, 1, 3], &[0, 1, 2, 3]] {
            let refused = Chain::validate(&with(wrong), 3);
            assert!(refused.is_err_and(|e| e.contains("the replicas are 0, 1, 2")), "{wrong:?}");
        }
    }

    #[test]
    fn places_and_replicas_are_inverse() {
        let config = Config { order: vec![2, 0, 1], ..Config::default() };
        for place in 0..3 {
            assert_eq!(config.place(config.at(place)), place);
            assert_eq!(Config::default().place(Config::default().at(place)), place);
        }
    }
}
