//! Certification-based replication: every replica takes writes, all order them alike, and each decides
//! by itself, and as all others do, which of them pass.
//!
//! After Pedone, Guerraoui and Schiper, "The Database State Machine Approach" (Distributed and Parallel
//! Databases, 2003), Kemme and Alonso, "Don't be lazy, be consistent: Postgres-R" (VLDB 2000), and
//! Galera Cluster, which does it with a group communication in the way of Totem: Lamport's stamps,
//! delivery once a message is *safe*, and views of members that change together (Moser, Amir,
//! Melliar-Smith and Agarwal, "Extended Virtual Synchrony", ICDCS 1994).
//!
//! **A write** goes to the client's nearest replica, which sends it to all members with a stamp. When
//! it is safe it is certified: a write set whose transaction read a version of the key that is no
//! longer the latest is refused, *the first committer wins*. A transaction here is a read and the write
//! of the same key that the session asks for next. All other writes are blind and pass; in Galera they
//! might conflict as well, and are tried again by the server (`wsrep_retry_autocommit`).
//!
//! **What it costs.** A write at replica `w` needs three hops, each for a reason of its own:
//!
//! 1. `w` to every `x`: the write set with its stamp.
//! 2. Every `x` to every `y`: "nothing of mine will stand before that stamp". `y` then knows what stands
//!    before the write set and has it all: its place is final, *agreed*.
//! 3. Every `y` to `w`: "I have everything from everybody up to that stamp", one number. `w` then knows
//!    that it is on every member, and delivers: *safe*.
//!
//! So the write takes the longest of `d(w,x) + d(x,y) + d(y,w)` over all members `x` and `y`, `w` among
//! them, and not the round trip to the farthest; that is what unmodified Galera takes, too. Two hops
//! would do for a place in the order, if members told each sender what they have of *its*; the third is
//! the price of telling one number that means all. It also buys something: whoever is told of a write
//! can rely on every member knowing what comes before it. The disk is in the third hop alone: `y` tells
//! of what it has synced, which it began when the write set came, so the second hop hides it. With a
//! sync of `f` the write takes, over all `y`, the longest of
//! `max(d(w,y) + f, max over x of d(w,x) + d(x,y)) + d(y,w)`, and the client's way to `w` and back.
//!
//! **Reads** are local. A replica learns that a write is safe at another time than its origin does, so a
//! read elsewhere may miss an acknowledged one for a while (Galera's default). `linearizable` is
//! `wsrep_sync_wait = 1`: the replica sends an empty message and answers when that is safe, three hops
//! with no disk. Galera leaves that message out if it sent one within `evs.causal_keepalive_period`;
//! then a replica that is cut off and has not noticed serves what is old, and so nothing is left out
//! here. Session levels are local as well, with a token for the session that has to move: how much of
//! the order it knows.
//!
//! **Failures.** All must answer, so while a member is silent nothing is decided. After
//! `suspect_timeout` (`evs.suspect_timeout`; 5 s as there) a majority goes on without it, in a new view:
//! the primary component. Others refuse reads and writes. A replica that comes back, from a crash or
//! from beyond a cut, asks for a new view that has it.
//!
//! **Why no view loses what another delivered.** (1) A write set that was delivered in a view is on the
//! disk of all its members. (2) Whatever of a view stands before one that was delivered was delivered,
//! for every member's clock had passed, and nothing that it had sent was missing. (3) A view begins
//! when all its members, a majority of all replicas, have what it begins with on disk. (4) That is
//! fixed by a majority of all which take no further part in earlier views; so one of these was in the
//! latest view that delivered anything, and by (1) and (2) what they have of it, in its order, begins
//! with all that it delivered. (5) A read's empty message is newer than the read, so no member answers
//! it that has promised a later view before the read began; if anything was acknowledged in a later
//! view, some member has.
//!
//! Not as in Galera: votes have no weights, and a primary component is a majority of all replicas, not
//! of the previous one; a change of view sends the whole state to all members (there only to those
//! who join); write sets are synced before they count (there they are safe in the memory of all), so
//! that no crash of all replicas loses anything. No flow control: replicas apply in no time.
//!
//! - `order`: stamps, what members have, what is safe. `state`: certification.
//! - `server`: a replica at work. `ballot`: changes of view. `client`: the session.

mod ballot;
mod client;
mod message;
mod order;
mod server;
mod state;
#[cfg(test)]
mod tests;

pub use client::Session;
pub use message::{Ask, Beat, Entry, Epoch, Image, Msg, Need, Promise, Record, Wish};
pub use server::Server;
pub use state::State;

use super::parts::{beyond, limits};
use super::{Geometry, Offer, Protocol};
use crate::guarantee::Guarantee;
use crate::op::{Level, NodeId, OpKind};
use crate::time::Duration;
use serde::Deserialize;

/// Members of a view are bits of a word.
const REPLICAS_MAX: u32 = 32;

/// The protocol.
#[derive(Debug)]
pub struct Certification;

/// Its settings.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How long a member may be silent before the others go on without it; writes wait as long.
    pub suspect_timeout: Duration,
    /// How often members tell each other how far they are, whether or not there is news.
    pub heartbeat: Duration,
    /// Whether a write of the key that its session has just read is refused if somebody has written
    /// the key since. If not, all writes are blind.
    pub certify: bool,
    /// Write sets between two snapshots of the log.
    pub snapshot_every: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            suspect_timeout: Duration::secs(5),
            heartbeat: Duration::millis(100),
            certify: true,
            snapshot_every: 10_000,
        }
    }
}

/// Timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// A replica's heartbeat.
    Beat,
    /// A client has waited long enough for an answer, or after refusals.
    Attempt,
}

impl Protocol for Certification {
    const NAME: &'static str = "certification";
    const ABOUT: &'static str = "Every replica takes writes, all order them by group communication and \
        certify them alike; the first committer wins (Postgres-R 2000, Pedone et al. 2003, Galera)";
    type Config = Config;
    type Msg = Msg;
    type Record = Record;
    type Timer = Timer;
    type Replica = Server;
    type Client = Session;

    fn validate(config: &Config, replicas: u32) -> Result<(), String> {
        let Config { suspect_timeout, heartbeat, .. } = *config;
        if !(1..=REPLICAS_MAX).contains(&replicas) {
            return Err(format!(
                "certification runs 1 to {REPLICAS_MAX} replicas, and there are {replicas}"
            ));
        }
        limits::interval("heartbeat", heartbeat)?;
        if heartbeat >= suspect_timeout {
            return Err(format!(
                "`heartbeat` ({heartbeat}) must be shorter than `suspect_timeout` \
                 ({suspect_timeout}); a fifth of it or less is usual"
            ));
        }
        limits::snapshot_every(config.snapshot_every)
    }

    fn offer(_config: &Config, level: Level) -> Option<Offer> {
        let near = "nearest replica";
        let (read_path, promise) = match level {
            Level::Linearizable => {
                ("nearest replica, once an empty message is safe", Guarantee::Linearizable)
            }
            Level::Sequential => (
                "nearest replica, once it has the session's reads and writes",
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
            // What is shown is safe, and what is written afterwards has a later stamp.
            Level::MonotonicWrites => (near, Guarantee::MonotonicWrites),
            Level::WritesFollowReads => (near, Guarantee::WritesFollowReads),
            Level::EventualNearest => (near, Guarantee::Eventual),
            Level::EventualAny => ("any replica", Guarantee::Eventual),
            _ => return None,
        };
        Some(Offer { read_path, write_path: "nearest replica, all have it, certified", promise })
    }

    fn kept_beyond(config: &Config, level: Level, guarantee: Guarantee) -> Option<&'static str> {
        let promise = Self::offer(config, level)?.promise;
        beyond::of_one_order(promise, guarantee)
    }

    fn theory(
        _config: &Config,
        level: Level,
        op: OpKind,
        geometry: &Geometry,
        client: NodeId,
    ) -> Option<Duration> {
        let near = *geometry.nearest(client).first()?;
        let c = geometry.rtt(client, near);
        match (op, level) {
            (OpKind::Write, _) => Some(c + three_hops(geometry, near, geometry.disk)),
            (OpKind::Rmw, _) | (_, Level::EventualAny) => None,
            (_, Level::Linearizable) => Some(c + three_hops(geometry, near, Duration::ZERO)),
            // In health a session stays with one replica, which has what the session knows.
            _ => Some(c),
        }
    }

    fn wire_size(msg: &Msg) -> u32 {
        msg.wire_size()
    }
}

/// When a message of `w` is safe there: told to all, placed by all, had by all and on their disks.
fn three_hops(geometry: &Geometry, w: NodeId, disk: Duration) -> Duration {
    let replicas = || (0..geometry.replicas).map(NodeId);
    let way = |from: NodeId, to: NodeId| {
        if from == to { Duration::ZERO } else { geometry.way(from, to) }
    };
    let told_back = |y: NodeId| {
        let placed = replicas().map(|x| way(w, x) + way(x, y)).max().unwrap_or_default();
        placed.max(way(w, y) + disk) + way(y, w)
    };
    replicas().map(told_back).max().unwrap_or_default()
}
