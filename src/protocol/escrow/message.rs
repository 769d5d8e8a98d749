//! What is said, what is kept on disk, and the names of timers.

use super::super::parts::table::{FRAME_BYTES, VALUE_BYTES};
use super::{Account, Row};
use crate::op::{Key, NodeId, OpId, Ret, Update, Value};
use serde::{Deserialize, Serialize};

/// What a client wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Job {
    /// Read the key.
    Read,
    /// Read as many keys from it on.
    Scan(u16),
    /// Update it.
    Write(Value, Update),
}

/// Everything that is said.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Msg {
    /// Client to replica.
    Ask(OpId, Key, Job),
    /// Replica to client: done, or refused by this state.
    Reply(OpId, Ret),
    /// Replica to client: not done, nor ever, for nobody can say whether there is a right left.
    NotDone(OpId),
    /// Replica to replica: grant me rights of this key, so many at least; so many had I got from you.
    Want(Key, u64, u64),
    /// The answer if there are none.
    NoRights(Key),
    /// A replica's row, as it is on its owner's disk.
    Row(Key, NodeId, Box<Row>),
    /// One number over all that a replica holds.
    Digest(u64),
    /// The answer if it holds something else: every row.
    Rows(Box<[(Key, NodeId, Row)]>),
}

impl Msg {
    pub(super) fn wire_size(&self) -> u32 {
        FRAME_BYTES
            + match self {
                Self::Ask(.., Job::Write(..)) => 24 + VALUE_BYTES,
                Self::Ask(..) => 10,
                Self::Reply(_, Ret::Values(values)) => 6 + VALUE_BYTES * values.len() as u32,
                Self::Reply(..) => 13 + VALUE_BYTES,
                Self::NotDone(_) | Self::NoRights(_) => 4,
                Self::Want(..) => 20,
                Self::Row(_, _, row) => 8 + row.wire_size(),
                Self::Digest(_) => 8,
                Self::Rows(rows) => {
                    4 + rows.iter().map(|(_, _, row)| 8 + row.wire_size()).sum::<u32>()
                }
            }
    }
}

/// What survives a crash.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Record {
    /// A row, its owner's own or learned.
    Row(Key, NodeId, Box<Row>),
    /// All that came before.
    Snapshot(Box<[Account]>),
}

/// Timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// A client has waited long enough for its replica.
    Attempt,
    /// Some replica has been waited for long enough.
    Hunts,
    /// Replicas compare what they hold.
    AntiEntropy,
}
