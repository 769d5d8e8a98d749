//! What clients and replicas say to each other, and the timers they set.

use super::Snapshot;
use crate::op::{Key, NodeId, OpId, Ret};
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
    /// The primary's epoch; 0 where nobody takes over.
    pub epoch: u32,
}

impl Standing {
    /// The `commit` of a primary that may have been replaced: it knows of no acknowledgements but its own.
    pub const UNKNOWN: u64 = u64::MAX;
}

/// Where a primary's order parts from that of the primary before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fork {
    /// The epoch of the one before.
    pub line: u32,
    /// What both have: everything up to here.
    pub start: u64,
}

/// How up to date a copy is: of two, the greater has everything that the other's acknowledgements stand
/// for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// In which epoch's order its log ends.
    pub line: u32,
    /// Where.
    pub last: u64,
}

/// What a backup returns of the latest message of a primary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Echo {
    /// The latest epoch it knows.
    pub epoch: u32,
    /// The primary's clock when it sent the message.
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
    /// Replica to client: only the primary can serve this, and perhaps who that is.
    Redirect(OpId, Option<NodeId>),
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
        /// Which logs are the beginning of its own.
        fork: Fork,
    },
    /// Backup to primary.
    Ack {
        /// It has everything up to here, as far in as [`Reached`](super::Reached) says.
        reached: u64,
        /// It misses entries from here on; 0 for none, the greatest number if its log is another one.
        missing: u64,
        /// Whom it answers.
        echo: Echo,
    },
    /// Primary of an epoch to backup: begin anew from here.
    Install(u32, Box<Snapshot>),
    /// Replica to replica: in this epoch there is no primary any more, as far as I know.
    Suspect {
        /// The epoch.
        epoch: u32,
        /// How up to date the sender is.
        place: Place,
    },
    /// Replica to replica: let me be the primary of this epoch.
    Stand {
        /// The epoch.
        epoch: u32,
        /// How up to date the sender is.
        place: Place,
    },
    /// The answer, if it is yes.
    Vote {
        /// The epoch.
        epoch: u32,
    },
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
    /// Time to see whether there is a primary.
    Watch,
}
