//! What a coordinator has in hand.

use super::message::Found;
use super::round::{Goal, Round};
use crate::op::{Key, NodeId, OpId};
use crate::time::LocalTime;
use std::collections::VecDeque;

/// Somebody who waits, and until when it is worth while.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) client: NodeId,
    pub(super) op: OpId,
    pub(super) until: LocalTime,
    /// Whether the client remembers which version it is told of.
    pub(super) remembers: bool,
}

/// One thing to do with a key; for a client, unless replicas are to be made equal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Task {
    pub(super) asked: Option<Asked>,
    pub(super) goal: Goal,
}

/// What a coordinator does about one key.
#[derive(Clone, Debug, Default)]
pub(super) struct Lane {
    pub(super) waiting: VecDeque<Task>,
    /// Where its round is.
    pub(super) round: Option<u32>,
}

/// A round in progress, and when it begins again if nothing happens.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) key: Key,
    pub(super) task: Task,
    pub(super) round: Round,
    pub(super) again: LocalTime,
    pub(super) retreats: u32,
}

/// A question to all replicas that changes nothing.
#[derive(Debug)]
pub(super) struct Query {
    pub(super) serial: u64,
    pub(super) key: Key,
    pub(super) count: u16,
    pub(super) asked: Asked,
    pub(super) answered: u64,
    /// The first answer, while all others agree with it.
    pub(super) found: Option<Found>,
    pub(super) again: LocalTime,
}
