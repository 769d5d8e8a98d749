//! What is said, what is kept on disk, and the names of timers.

use super::super::parts::merge::Cell;
use super::super::parts::table::{FRAME_BYTES, VALUE_BYTES};
use super::super::parts::version::{Version, Versions};
use crate::op::{Acks, Key, NodeId, OpId, Value};
use crate::protocol::Protocol;
use crate::protocol::paxos::{self, Paxos, Scope};
use crate::time::LocalTime;
use serde::{Deserialize, Serialize};

/// Versions of consecutive keys: one nearly always, several in a scan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Copies {
    /// Of one key.
    One(Version),
    /// Of a scan's keys, in order.
    Many(Box<[Version]>),
    /// The state of one key, where updates are merged.
    Cell(Box<Cell>),
}

impl Copies {
    /// The versions in key order; of a merged key the newest.
    #[must_use]
    pub fn versions(&self) -> &[Version] {
        match self {
            Self::One(version) => std::slice::from_ref(version),
            Self::Many(versions) => versions,
            Self::Cell(cell) => std::slice::from_ref(&cell.newest),
        }
    }

    /// Takes over what is newer in `other`; says whether anything was.
    pub(super) fn merge(&mut self, other: &Self) -> bool {
        let ours = match (&mut *self, other) {
            (Self::Cell(ours), Self::Cell(theirs)) => return ours.join(theirs),
            (Self::One(version), _) => std::slice::from_mut(version),
            (Self::Many(versions), _) => &mut versions[..],
            (Self::Cell(_), _) => return false,
        };
        let mut changed = false;
        for (ours, theirs) in ours.iter_mut().zip(other.versions()) {
            changed |= theirs > ours;
            *ours = (*ours).max(*theirs);
        }
        changed
    }

    /// Whether everything is at least as new as in `other`.
    pub(super) fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Cell(ours), Self::Cell(theirs)) => ours.covers(theirs),
            _ => self.versions().iter().zip(other.versions()).all(|(ours, theirs)| ours >= theirs),
        }
    }

    /// Bytes in a message.
    fn wire_size(&self) -> u32 {
        match self {
            Self::Cell(cell) => cell.wire_size(),
            _ => Version::WIRE_SIZE * self.versions().len() as u32,
        }
    }
}

/// Names one exchange of a coordinator: its slot, and a number that is used once in all its lives, so
/// that an answer to an earlier life is not taken for another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// Where the coordinator keeps it.
    pub slot: u32,
    /// Begins at the clock's reading when the coordinator starts.
    pub serial: u64,
}

impl Ticket {
    /// The slot of everything nobody waits for.
    pub const NOBODY: Self = Self { slot: u32::MAX, serial: 0 };
    /// The slot of hints.
    pub const HINT: u32 = u32::MAX - 1;
}

/// What a client wants done by its coordinator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Job {
    /// Read the key, or as many from it on; under `write_back`, and write back.
    Read(u16),
    /// Read the key, no older than this: what the session knows of it.
    ReadFrom(Version),
    /// Find the newest stamp: the first half of a write under `write_back`.
    Rank,
    /// Stamp this value and store it.
    Write(Value),
    /// Store what the client has stamped: the second half.
    Put(Version),
    /// Store the update that comes with it, where updates are merged.
    Update,
}

/// A request to a coordinating replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// The client's operation.
    pub op: OpId,
    /// Which try of it this is.
    pub attempt: u32,
    /// The key, or the first.
    pub key: Key,
    /// What to do.
    pub job: Job,
    /// How many replicas must answer a read.
    pub read: Acks,
    /// How many must have a write.
    pub write: Acks,
    /// By then the client turns elsewhere: a write that arrives later must not be stamped any more.
    pub deadline: LocalTime,
}

/// Everything that is said.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Msg {
    /// Client to coordinator.
    Ask(Ask),
    /// The same, with an update that is merged.
    Update(Ask, Box<Cell>),
    /// Coordinator to client: done.
    Reply {
        /// The client's operation.
        op: OpId,
        /// The try that is answered.
        attempt: u32,
        /// What was read or written.
        copies: Copies,
    },
    /// Coordinator to replica: what do you have?
    Fetch {
        /// The exchange.
        ticket: Ticket,
        /// The key, or the first.
        key: Key,
        /// Keys of a scan; 0 for a read.
        count: u16,
    },
    /// Replica to coordinator.
    Fetched {
        /// The exchange.
        ticket: Ticket,
        /// What it has.
        copies: Copies,
    },
    /// Coordinator to replica: have this, unless you have newer.
    Store {
        /// The exchange.
        ticket: Ticket,
        /// The key, or the first.
        key: Key,
        /// What to have.
        copies: Copies,
        /// Keep it for this one, who is silent.
        stand_in_for: Option<NodeId>,
    },
    /// Replica to coordinator: it, or newer, is on disk.
    Stored(Ticket),
    /// Replica to replica: one number for all that both should have.
    Root(u64),
    /// The answer if it is another: a number for each range of keys.
    Ranges(Box<[u64]>),
    /// The same of merged keys.
    Cells {
        /// Which ranges: a bit for each.
        ranges: [u64; 4],
        /// Keys and states, in order of key.
        cells: Box<[(Key, Cell)]>,
        /// Whether what the other has beside them is wanted in return.
        answer: bool,
    },
    /// What one replica has in the ranges that differ.
    Items {
        /// Which ranges: a bit for each.
        ranges: [u64; 4],
        /// Keys and versions, in order of key.
        items: Box<[(Key, Version)]>,
        /// Whether the other's newer versions are wanted in return.
        answer: bool,
    },
    /// What the Paxos of one of the serial levels says.
    Serial(Scope, paxos::Msg),
}

impl Msg {
    pub(super) fn wire_size(&self) -> u32 {
        let many = Copies::wire_size;
        FRAME_BYTES
            + match self {
                Self::Update(_, update) => 24 + update.wire_size(),
                Self::Cells { cells, .. } => {
                    33 + cells.iter().map(|(_, cell)| 4 + cell.wire_size()).sum::<u32>()
                }
                Self::Ask(Ask { job: Job::Write(_) | Job::Put(_), .. }) => 36 + VALUE_BYTES,
                // A stamp goes with it, no value.
                Self::Ask(Ask { job: Job::ReadFrom(_), .. }) => 36,
                Self::Ask(_) => 24,
                Self::Reply { copies, .. } => 8 + many(copies),
                Self::Fetch { .. } => 18,
                Self::Fetched { copies, .. } => 12 + many(copies),
                Self::Store { copies, .. } => 20 + many(copies),
                Self::Stored(_) => 12,
                Self::Root(_) => 8,
                Self::Ranges(ranges) => 8 * ranges.len() as u32,
                // Which of them is in the frame.
                Self::Serial(_, msg) => Paxos::wire_size(msg) - FRAME_BYTES,
                Self::Items { items, .. } => 33 + (4 + Version::WIRE_SIZE) * items.len() as u32,
            }
    }
}

/// What survives a crash.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Record {
    /// A version that this replica has.
    Version(Key, Version),
    /// An update of a key whose updates are merged, or what it was told of others.
    Cell(Key, Box<Cell>),
    /// What it keeps for another.
    Hint(NodeId, Key, Copies),
    /// What the Paxos of one of the serial levels must not forget.
    Serial(Scope, paxos::Record),
    /// All that came before.
    Snapshot(Box<Image>),
}

/// What a replica has and keeps for others.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Image {
    /// By key.
    pub versions: Versions,
    /// By key, where updates are merged.
    pub cells: Vec<Cell>,
    /// In the order they came.
    pub hints: Vec<(NodeId, Key, Copies)>,
    /// What the acceptors of the serial levels know, as far as there are any.
    pub serial: Vec<(Scope, Box<[paxos::Cell]>)>,
}

/// Timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// A client has waited long enough for its coordinator.
    Attempt,
    /// A coordinator has waited long enough for those it asked at first.
    Patience,
    /// The client has turned elsewhere by now.
    Expiry,
    /// Hints are tried again.
    Handoff,
    /// Digests are compared.
    AntiEntropy,
    /// What the Paxos of one of the serial levels waits for.
    Serial(Scope, paxos::Timer),
}
