//! What replicas and clients say to each other, and what survives a crash.

use super::state::State;
use crate::op::{Key, NodeId, OpId, Value};
use crate::protocol::parts::table::{Command, FRAME_BYTES, VALUE_BYTES};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// The number of a view. Ballots for views are numbered so that no two replicas use one number:
/// the remainder by the number of replicas is the coordinator's.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Epoch(pub u32);

/// A write set: one write, its place in its view's order, and what its transaction read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The sender's clock, a counter; the order is by this and then by sender.
    pub stamp: u64,
    /// The replica that a client asked.
    pub from: NodeId,
    /// Its number among the sender's in this view, from 1.
    pub seq: u64,
    /// The write.
    pub command: Command,
    /// The version of the key that its transaction read; `None` for a blind write.
    pub read: Option<u64>,
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.stamp, self.from).cmp(&(other.stamp, other.from))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// How far a member is, in the view it is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beat {
    /// The view.
    pub epoch: Epoch,
    /// Nothing that it sends from now on stands at or before this.
    pub clock: u64,
    /// How many write sets it has sent.
    pub sent: u64,
    /// It has, on disk, everything from everybody that stands at or before this.
    pub received: u64,
    /// Whether others shall bring their clocks up to its own: an empty message with a place in the
    /// order.
    pub ask: bool,
}

/// The state at a place in the order, and the view it was reached in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// The view.
    pub epoch: Epoch,
    /// Its members, one bit each.
    pub members: u32,
    /// Everything of this view up to this stamp is in the state.
    pub upto: u64,
    /// The state.
    pub state: State,
    /// Writes that took their places with the change of view; not decided before all members are in.
    pub late: Vec<(Key, Value)>,
}

/// What a replica that joins a ballot has: it takes no further part in earlier views.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promise {
    /// The view it promised to wait for.
    pub epoch: Epoch,
    /// The latest view it was in.
    pub accepted: Epoch,
    /// What it has of that view and has not applied.
    pub pending: Vec<Entry>,
    /// The rest, if the coordinator comes from an earlier view.
    pub image: Option<Box<Image>>,
}

/// What a client wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wish {
    /// Read the key.
    Read,
    /// Read this many keys.
    Scan(u16),
    /// Write the key.
    Write {
        /// The value.
        value: Value,
        /// The version its transaction read, if it read one.
        read: Option<u64>,
    },
}

/// What a read must see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Need {
    /// Everything that was ordered anywhere before it was asked.
    Latest,
    /// The first so many write sets of the order.
    AtLeast(u64),
}

/// A client's request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// The client's operation.
    pub op: OpId,
    /// The key, or the first.
    pub key: Key,
    /// What to do.
    pub wish: Wish,
    /// For reads.
    pub need: Need,
}

/// Everything that is said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Msg {
    /// Client to replica.
    Ask(Ask),
    /// Replica to client: done, with the value read or [`Value::INITIAL`] for a write.
    Reply {
        /// The client's operation.
        op: OpId,
        /// What was read.
        value: Value,
        /// Which version of the key that is: the place of its write set.
        version: u64,
        /// How many write sets the state has.
        index: u64,
    },
    /// Replica to client: a scan's values.
    Values {
        /// The client's operation.
        op: OpId,
        /// In key order.
        values: Box<[Value]>,
        /// How many write sets the state has.
        index: u64,
    },
    /// Replica to client: certification failed; somebody else has written what was read.
    Conflict(OpId),
    /// Replica to client: this is not a primary component. Nothing was done.
    Refused(OpId),
    /// Member to members: a write set.
    Entry(Epoch, Entry),
    /// Member to members: how far it is.
    Beat(Beat),
    /// Member to member: send your write sets of this view again, from this number on.
    Lack(Epoch, u64),
    /// Replica to those it shares no view with: I am here.
    Alive,
    /// Coordinator to all: take no further part in views before this one, and say what you have.
    Prepare {
        /// The view to be.
        epoch: Epoch,
        /// The latest view the coordinator was in.
        accepted: Epoch,
    },
    /// Replica to coordinator.
    Promise(Box<Promise>),
    /// Replica to one that is behind: it has promised, or is in, this view.
    Behind(Epoch),
    /// Coordinator to the members: the view, and what it starts from.
    Open(Box<Image>),
}

/// What survives a crash.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Record {
    /// No part in views before this one.
    Promise(Epoch),
    /// A write set of the view of the last image.
    Entry(Entry),
    /// A view was entered, or its log had grown long.
    Image(Box<Image>),
}

impl Image {
    fn wire_size(&self) -> u32 {
        16 + self.state.wire_size() + 8 * self.late.len() as u32
    }
}

impl Msg {
    /// Bytes on the wire.
    pub(super) fn wire_size(&self) -> u32 {
        const ENTRY: u32 = 40 + VALUE_BYTES;
        let image = |image: &Image| image.wire_size();
        FRAME_BYTES
            + match self {
                Self::Ask(Ask { wish: Wish::Write { .. }, .. }) => 17 + VALUE_BYTES,
                Self::Ask(_) => 19,
                Self::Reply { .. } => 20 + VALUE_BYTES,
                Self::Values { values, .. } => 12 + VALUE_BYTES * values.len() as u32,
                Self::Conflict(_) | Self::Refused(_) | Self::Behind(_) => 4,
                Self::Entry(..) => 4 + ENTRY,
                Self::Beat(_) => 29,
                Self::Alive => 0,
                Self::Lack(..) => 12,
                Self::Prepare { .. } => 8,
                Self::Promise(promise) => {
                    let pending = ENTRY * promise.pending.len() as u32;
                    8 + pending + promise.image.as_deref().map_or(0, image)
                }
                Self::Open(opened) => image(opened),
            }
    }
}
