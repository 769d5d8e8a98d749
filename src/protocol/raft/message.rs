//! What replicas and clients say to each other, what goes to disk, and the names of timers.

use super::log::{BATCH, Entry, Position, Term};
use crate::op::{NodeId, Op, OpId, Request, Ret};
use crate::protocol::parts::table::{FRAME_BYTES, Table, VALUE_BYTES};
use crate::time::LocalTime;
use arrayvec::ArrayVec;
use serde::{Deserialize, Serialize};

/// What a leader stamps its messages with and a follower's answer returns.
///
/// Two marks, because they are trusted for different things: a linearizable read waits for its
/// *round*, a counter, and so believes no clock; a lease counts from the *sent* time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beat {
    /// Rounds begun by this leader in this term.
    pub round: u64,
    /// When the message was sent, by the leader's clock.
    pub sent: LocalTime,
}

impl Beat {
    /// The later of each mark.
    #[must_use]
    pub(super) fn max(self, other: Self) -> Self {
        Self { round: self.round.max(other.round), sent: self.sent.max(other.sent) }
    }
}

/// Entries for a follower, or none: then it is a heartbeat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Append {
    /// The leader's term.
    pub term: Term,
    /// What stands before the entries; the follower must hold it.
    pub prev: Position,
    /// The leader's commit index.
    pub commit: u64,
    /// To be returned.
    pub beat: Beat,
    /// Everything decided before the leader's clock read this is at or before `commit`; under commit
    /// wait, everything stamped at or before this, which is a closed timestamp.
    pub fresh: Option<LocalTime>,
    /// The entries after `prev`.
    pub entries: ArrayVec<Entry, BATCH>,
}

/// The applied state at a point of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// The last entry applied.
    pub last: Position,
    /// No entry up to there has a later stamp.
    pub stamp: LocalTime,
    /// The state after it.
    pub table: Table,
}

/// Every message of the protocol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Msg {
    /// Client to replica: do this. A session level's read must see the log up to `token`.
    Ask {
        /// The operation.
        request: Request,
        /// An index that must have been applied.
        token: u64,
    },
    /// Follower to leader: how far are you? A read waits for the answer, and travels with the question.
    Sync {
        /// Whose read.
        client: NodeId,
        /// The read.
        request: Request,
        /// What its session must see.
        token: u64,
    },
    /// Leader to follower: so far.
    Synced {
        /// Whose read.
        client: NodeId,
        /// The read.
        request: Request,
        /// What it must see.
        token: u64,
    },
    /// Replica to client: done.
    Reply {
        /// The operation.
        op: OpId,
        /// Of a write: its index. Of a read: what had been applied.
        index: u64,
        /// The result.
        ret: Ret,
    },
    /// Replica to client: this needs the leader, which is thought to be there.
    Redirect {
        /// The operation.
        op: OpId,
        /// The leader, where the replica knows one.
        leader: Option<NodeId>,
    },
    /// Candidate to all: vote for me.
    RequestVote {
        /// The term asked for.
        term: Term,
        /// The end of the candidate's log.
        last: Position,
        /// Only asking whether a real request would succeed.
        pre: bool,
    },
    /// The answer to a candidate.
    Vote {
        /// The term of the vote; where refused, the voter's term.
        term: Term,
        /// Yes or no.
        granted: bool,
        /// The answer to a pre-vote.
        pre: bool,
    },
    /// Leader to follower.
    Append(Append),
    /// Follower to leader: my log is yours up to `matched`, on disk.
    Appended {
        /// The term of both.
        term: Term,
        /// The index.
        matched: u64,
        /// The latest marks received.
        beat: Beat,
    },
    /// Follower to leader: I lack what stands before those entries.
    Mismatch {
        /// The term of both.
        term: Term,
        /// Nothing after this position is common to both logs.
        hint: Position,
        /// The refused message's marks.
        beat: Beat,
    },
    /// Replica to a leader of the past: there is a later term.
    Refused {
        /// The later term.
        term: Term,
    },
    /// Leader to followers: this much is committed. It is not answered.
    Commit {
        /// The leader's term.
        term: Term,
        /// The commit index.
        commit: u64,
        /// As in [`Append::fresh`].
        fresh: Option<LocalTime>,
    },
    /// Leader to a follower that needs entries the leader no longer has.
    Install {
        /// The leader's term.
        term: Term,
        /// To be returned.
        beat: Beat,
        /// The state to start from.
        image: Box<Image>,
    },
}

impl Msg {
    /// Bytes on the wire: the frame, the fields at their fixed width, and the values.
    pub(super) fn wire_size(&self) -> u32 {
        const ENTRY: u32 = 24 + VALUE_BYTES;
        FRAME_BYTES
            + match self {
                Self::Ask { request, .. } if matches!(request.op, Op::Write(..)) => {
                    32 + VALUE_BYTES
                }
                Self::Ask { .. } => 32,
                Self::Sync { .. } | Self::Synced { .. } => 36,
                Self::Reply { ret: Ret::Values(values), .. } => {
                    16 + VALUE_BYTES * values.len() as u32
                }
                Self::Reply { ret: Ret::Written, .. } => 20,
                Self::Reply { .. } => 20 + VALUE_BYTES,
                Self::Redirect { .. } | Self::Vote { .. } => 10,
                Self::RequestVote { .. } => 20,
                Self::Append(append) => {
                    let entries = append.entries.iter();
                    48 + entries.map(|entry| ENTRY + stamp_size(entry.stamp)).sum::<u32>()
                }
                Self::Appended { .. } => 28,
                Self::Mismatch { .. } => 36,
                Self::Refused { .. } => 4,
                Self::Commit { .. } => 20,
                Self::Install { image, .. } => {
                    36 + stamp_size(image.stamp) + image.table.wire_size()
                }
            }
    }
}

/// A stamp takes its eight bytes where there is one.
fn stamp_size(stamp: LocalTime) -> u32 {
    if stamp == LocalTime::default() { 0 } else { 8 }
}

/// What must survive a crash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// The term and the vote given in it.
    HardState {
        /// The current term.
        term: Term,
        /// Whom it voted for.
        vote: Option<NodeId>,
    },
    /// An entry. One with another term than the entry already there replaces it and all after it.
    Entry {
        /// Where in the log.
        index: u64,
        /// The entry.
        entry: Entry,
    },
    /// Everything up to a point: the records before this one may go once the entries that follow
    /// the point have been written again.
    Snapshot {
        /// The current term.
        term: Term,
        /// Whom it voted for.
        vote: Option<NodeId>,
        /// The state.
        image: Box<Image>,
    },
}

/// Timers: the first three are replicas', the others clients'.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// Time to see whether a leader has been heard of.
    Election,
    /// Time for a leader to make itself heard.
    Heartbeat,
    /// The stamp of a leader's next entry to commit is past.
    CommitWait,
    /// Time to see whether an answer is overdue.
    Attempt,
    /// The pause before asking again is over.
    Backoff,
}
