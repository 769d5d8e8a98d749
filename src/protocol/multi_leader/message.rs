//! What replicas and clients say to each other, and what replicas write to their disks.

use super::super::parts::merge::{Delta, Name};
use super::super::parts::table::{FRAME_BYTES, VALUE_BYTES};
use super::super::parts::version::Version;
use super::{Entry, Standing, State, Vector};
use crate::op::{Key, NodeId, OpId, Rank, Value};
use crate::time::{Duration, LocalTime};
use serde::{Deserialize, Serialize};

/// What a request needs before it is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Need {
    /// At least these writes; the empty vector is satisfied by anything.
    Past {
        /// What the session's past contains.
        past: Vector,
        /// Whether to wait for them rather than send the client away.
        wait: bool,
    },
    /// Reads: everything acknowledged longer ago than this. Writes: an acknowledgement only when the
    /// stamp is past.
    Within(Duration),
}

/// What a client wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wish {
    /// The key's value.
    Read,
    /// The values of this many keys.
    Scan(u16),
    /// Store this.
    Write {
        /// Under the stamp it keeps.
        version: Version,
        /// Whether the stamp was sent to nobody before.
        fresh: bool,
        /// What it does, where updates are merged.
        delta: Delta,
    },
}

/// A request on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// The client's operation.
    pub op: OpId,
    /// The client's clock when it was sent.
    pub sent: LocalTime,
    /// The key, or the first.
    pub key: Key,
    /// What it needs.
    pub need: Need,
    /// What is wanted.
    pub wish: Wish,
}

/// What every answer tells a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Of a read: what the replica had. Of a write: where it stands.
    pub token: Vector,
    /// The replica's clock when the request arrived, less the client's when it was sent (modulo 2^64).
    pub ahead: u64,
    /// The highest stamp the replica has.
    pub newest: u64,
}

/// What a reader sees of a key where updates are merged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// The highest version.
    pub value: Value,
    /// Those that stand beside it.
    pub others: Box<[Value]>,
    /// The state word of an object that is no register.
    pub word: Option<u64>,
    /// The writes that are shown here, or gone.
    pub seen: Vector,
    /// The revision to continue, and the length of its branch.
    pub parent: Option<(Name, u32)>,
}

impl Shown {
    fn wire_size(&self) -> u32 {
        let word = if self.word.is_some() { 8 } else { 0 };
        VALUE_BYTES * (1 + self.others.len() as u32) + word + 12 + self.seen.wire_size()
    }
}

/// Everything that is said.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Msg {
    /// Client to replica: what does your clock say?
    Hello {
        /// The client's operation.
        op: OpId,
        /// Its clock.
        sent: LocalTime,
    },
    /// Replica to client: this.
    Clock {
        /// The client's operation.
        op: OpId,
        /// The answer.
        note: Note,
    },
    /// Client to replica.
    Ask(Ask),
    /// Replica to client: the key has a higher version than this fresh stamp; choose another.
    Low {
        /// The client's operation.
        op: OpId,
        /// The stamp that was not taken.
        rank: Rank,
        /// What to choose by.
        note: Note,
    },
    /// Replica to client: done, with the value read or [`Value::INITIAL`] for a write.
    Reply {
        /// The client's operation.
        op: OpId,
        /// What was read.
        value: Value,
        /// What comes with it.
        note: Note,
    },
    /// Replica to client: a scan's values.
    Values {
        /// The client's operation.
        op: OpId,
        /// In key order.
        values: Box<[Value]>,
        /// What comes with them.
        note: Note,
    },
    /// Replica to client: what is read where updates are merged.
    Shown {
        /// The client's operation.
        op: OpId,
        /// What it sees.
        shown: Shown,
        /// What comes with it.
        note: Note,
    },
    /// Replica to client: the update of an object is done.
    Made {
        /// The client's operation.
        op: OpId,
        /// The state word here, the update included.
        word: u64,
        /// What comes with it.
        note: Note,
    },
    /// Replica to client: the session knows more than this replica.
    Redirect(OpId),
    /// Replica to client: nobody can tell how old this would be.
    Refused(OpId),
    /// Replica to client: the write does not follow what is here, and was not taken.
    Conflict {
        /// The client's operation.
        op: OpId,
        /// What is here.
        value: Value,
        /// What comes with it.
        note: Note,
    },
    /// Replica to replica: one write.
    Ship {
        /// Whose log it is from.
        origin: NodeId,
        /// Its place there, from 1.
        seq: u32,
        /// The write.
        entry: Entry,
    },
    /// Replica to those it ships to: what it has.
    Beat(Standing),
    /// Replica to replica: I have this; send what you have above it.
    Lack(Vector),
    /// Replica to replica: all at once, for one that lacks what is kept no more.
    Install(Box<State>),
}

/// What survives a crash.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Record {
    /// One write.
    Entry {
        /// Whose log it is from.
        origin: NodeId,
        /// Its place there.
        seq: u32,
        /// The write.
        entry: Entry,
    },
    /// All of these.
    State(Box<State>),
}

impl Msg {
    /// Bytes on the wire.
    pub(super) fn wire_size(&self) -> u32 {
        let note = |note: &Note| 16 + note.token.wire_size();
        FRAME_BYTES
            + match self {
                Self::Hello { .. } => 12,
                Self::Clock { note: with, .. } => 4 + note(with),
                Self::Low { note: with, .. } => 16 + note(with),
                Self::Ask(ask) => {
                    let need = match &ask.need {
                        Need::Past { past, .. } => past.wire_size(),
                        Need::Within(_) => 8,
                    };
                    let write = match &ask.wish {
                        Wish::Write { delta, .. } => Version::WIRE_SIZE + delta.wire_size(),
                        _ => 0,
                    };
                    20 + need + write
                }
                Self::Reply { note: with, .. } | Self::Conflict { note: with, .. } => {
                    4 + VALUE_BYTES + note(with)
                }
                Self::Values { values, note: with, .. } => {
                    4 + VALUE_BYTES * values.len() as u32 + note(with)
                }
                Self::Shown { shown, note: with, .. } => 4 + shown.wire_size() + note(with),
                Self::Made { note: with, .. } => 12 + note(with),
                Self::Redirect(_) | Self::Refused(_) => 4,
                Self::Ship { entry, .. } => {
                    12 + Version::WIRE_SIZE + entry.deps.wire_size() + entry.delta.wire_size()
                }
                Self::Beat(standing) => 3 * standing.has.wire_size(),
                Self::Lack(has) => has.wire_size(),
                Self::Install(state) => state.wire_size(),
            }
    }
}
