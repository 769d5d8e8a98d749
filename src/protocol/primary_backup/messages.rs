//! What clients and replicas say to each other, and the timers they set.

use super::Snapshot;
use crate::op::{Key, OpId, Ret};
use crate::protocol::parts::table::Command;
use crate::time::{Duration, LocalTime};
use serde::{Deserialize, Serialize};

/// A place in the primary's order: the number of writes up to and including one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Token(pub u64);

/// What a read needs before it may be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Need {
    /// The primary's latest.
    Latest,
    /// At least this; the default token is satisfied by anything.
    Token(Token),
    /// Everything acknowledged longer ago than this.
    Within(Duration),
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

/// What the primary says with everything it sends to backups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Everything acknowledged before `stamp` is at or below this index.
    pub commit: u64,
    /// The primary's clock.
    pub stamp: LocalTime,
}

/// Everything that is said.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Msg {
    /// Client to primary; perhaps with the number of versions of its key that backups may lack when it
    /// is acknowledged.
    Write(Command, Option<u32>),
    /// Client to any replica.
    Read(ReadRequest),
    /// Replica to client: done.
    Reply {
        /// The client's operation.
        op: OpId,
        /// The result.
        ret: Ret,
        /// The replica's place in the order.
        token: Token,
    },
    /// Replica to client: only the primary can serve this.
    Redirect(OpId),
    /// Primary to backup: one entry.
    Ship {
        /// The primary's standing.
        standing: Standing,
        /// The entry's index.
        index: u64,
        /// The entry.
        command: Command,
    },
    /// Primary to backup: nothing new, and you should have everything up to `last`.
    Beat {
        /// The primary's standing.
        standing: Standing,
        /// The latest index.
        last: u64,
    },
    /// Backup to primary.
    Ack {
        /// It has everything up to here, as far in as [`Reached`](super::Reached) says.
        reached: u64,
        /// It misses entries from here on; 0 for none.
        missing: u64,
    },
    /// Primary to backup: begin anew from here.
    Install(Box<Snapshot>),
}

/// Timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// The primary's heartbeat.
    Beat,
    /// The primary syncs what it has acknowledged already.
    Flush,
    /// A write has waited long enough for backups.
    Patience,
    /// A backup shows what has been on its disk for long enough.
    Replay,
    /// A client has waited long enough for an answer.
    Attempt,
}
