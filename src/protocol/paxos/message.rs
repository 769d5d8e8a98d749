//! What is said, what is kept on disk, and the names of timers.

use super::super::parts::table::{FRAME_BYTES, VALUE_BYTES};
use super::super::parts::version::Version;
use crate::op::{Contents, Key, OpId, Rank, Ret, State, Update, Value};
use serde::{Deserialize, Serialize};

/// A proposer's number: its hybrid clock's time, then its address, so that no two are equal.
pub type Ballot = Rank;

/// How many versions a key's state remembers.
pub const REMEMBERED: usize = 4;

/// What one key holds: its state, and which updates made it so, the latest first. A proposer that was
/// interrupted finds out by these whether its update took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The state word; of registers it is not used.
    pub word: u64,
    /// Where there were fewer, the initial version fills the rest.
    pub recent: [Version; REMEMBERED],
}

impl Held {
    /// What a key holds before its first update.
    pub(super) fn first(contents: Contents) -> Self {
        Self { word: contents.initial, recent: [Version::default(); REMEMBERED] }
    }

    /// The latest version and the word.
    #[must_use]
    pub fn state(&self) -> State {
        State { version: self.recent[0].value, word: self.word }
    }

    /// After one more update.
    pub(super) fn with(&self, version: Version, word: u64) -> Self {
        let mut recent = self.recent;
        recent.rotate_right(1);
        recent[0] = version;
        Self { word, recent }
    }

    /// Whether it remembers this version.
    pub(super) fn remembers(&self, version: Version) -> bool {
        self.recent.contains(&version)
    }
}

/// What a client wants done by its coordinator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Job {
    /// Read the key; with a count, as many from it on.
    Read(u16),
    /// Update it.
    Write(Value, Update),
}

/// What a replica holds of one key, or of the keys of a scan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Found {
    /// The ballot it was accepted at, and what it is.
    One(Ballot, Held),
    /// The same, and the newer version that the store around the acceptor has beside it.
    Beside(Ballot, Held, Version),
    /// Of consecutive keys.
    Many(Box<[(Ballot, Version)]>),
}

/// What an answer is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Seen {
    /// The version that was read or made, or one that came after it.
    One(Version),
    /// Those of a scan's keys.
    Many(Box<[Version]>),
}

/// Everything that is said.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Msg {
    /// Client to coordinator.
    Ask(OpId, Key, Job),
    /// The same in a session: a read may be answered near by if what is there is as new as this.
    AskNear(OpId, Key, Job, Version),
    /// Coordinator to client: done.
    Reply(OpId, Ret),
    /// The same in a session, with the versions that it is about.
    Seen(OpId, Ret, Seen),
    /// Coordinator to client: certainly not done, nor ever; ask another.
    NotDone(OpId),
    /// What do you hold? The number is the coordinator's own and comes back with the answer.
    Query(u64, Key, u16),
    /// The answer.
    Queried(u64, Found),
    /// Paxos, phase 1a.
    Prepare(Key, Ballot),
    /// Phase 1b: no lower ballot is heard any more; this was accepted, and when.
    Promise(Key, Ballot, Ballot, Held),
    /// The same, and the newer version that the store around the acceptor has beside it.
    PromiseBeside(Key, Ballot, Ballot, Held, Version),
    /// Phase 2a.
    Accept(Key, Ballot, Held),
    /// Phase 2b.
    Accepted(Key, Ballot),
    /// A promise to this higher ballot forbids it.
    Refuse(Key, Ballot, Ballot),
    /// The version of this rank, and what it was built upon, is chosen for good.
    Chosen(Key, Rank),
    /// Another region has chosen this.
    Learned(Key, Held),
    /// One number over what a replica holds.
    Digest(u64),
    /// The answer if it holds something else: the rank of each key's version.
    Ranks(Box<[Rank]>),
}

impl Msg {
    pub(super) fn wire_size(&self) -> u32 {
        // A ballot takes 12 bytes, a remembered version 16 beside the value that only the latest has.
        const HELD: u32 = 8 + 16 * REMEMBERED as u32 + VALUE_BYTES;
        FRAME_BYTES
            + match self {
                Self::Ask(.., Job::Read(_)) | Self::Query(..) => 16,
                Self::Ask(.., Job::Write(..)) => 24 + VALUE_BYTES,
                // A stamp goes with each, beside the value that is there anyway.
                Self::AskNear(.., Job::Read(_), _) => 28,
                Self::AskNear(.., Job::Write(..), _) => 24 + VALUE_BYTES,
                Self::Seen(_, Ret::Written, _) => 17,
                Self::Seen(.., Seen::One(_)) => 25 + VALUE_BYTES,
                Self::Seen(.., Seen::Many(all)) => 6 + Version::WIRE_SIZE * all.len() as u32,
                Self::Reply(_, Ret::Values(values)) => 6 + VALUE_BYTES * values.len() as u32,
                Self::Reply(_, Ret::Written) | Self::NotDone(_) => 5,
                Self::Reply(..) => 13 + VALUE_BYTES,
                Self::Queried(_, Found::One(..)) => 20 + HELD,
                Self::Queried(_, Found::Beside(..)) => 20 + HELD + Version::WIRE_SIZE,
                Self::Queried(_, Found::Many(all)) => 8 + (24 + VALUE_BYTES) * all.len() as u32,
                Self::Prepare(..) | Self::Accepted(..) | Self::Chosen(..) => 16,
                Self::Promise(..) => 28 + HELD,
                Self::PromiseBeside(..) => 28 + HELD + Version::WIRE_SIZE,
                Self::Accept(..) => 16 + HELD,
                Self::Learned(..) => 4 + HELD,
                Self::Refuse(..) => 28,
                Self::Digest(_) => 8,
                Self::Ranks(ranks) => 4 + 12 * ranks.len() as u32,
            }
    }
}

/// What survives a crash.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Record {
    /// Nothing below this ballot is heard any more.
    Promised(Key, Ballot),
    /// This was accepted at this ballot, which also promises it.
    Accepted(Key, Ballot, Held),
    /// The version of this rank is chosen.
    Chosen(Key, Rank),
    /// All that came before.
    Snapshot(Box<[Cell]>),
}

/// An acceptor of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// The highest ballot it has promised.
    pub promised: Ballot,
    /// When it accepted what it holds; the least ballot if that is what every key holds at first.
    pub accepted: Ballot,
    /// What it holds.
    pub held: Held,
    /// The rank of the newest version that it knows to be chosen, whether it holds that or not.
    pub chosen: Rank,
    /// The newest version that it has held and knows to be chosen.
    pub shown: Version,
}

/// Timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// A client has waited long enough for its coordinator.
    Attempt,
    /// Some round of a coordinator has waited long enough.
    Rounds,
    /// Replicas compare what they hold.
    AntiEntropy,
}
