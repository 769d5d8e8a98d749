//! What hosts say to each other: a protocol's messages, and what a driver and a replica have to tell each other
//! before, during and after a run.

use super::lines::LineSaid;
use crate::history::FinalState;
use crate::op::NodeId;
use serde::{Deserialize, Serialize};

/// What is said over a connection.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Packet<M> {
    /// I am still there.
    Ping,
    /// From a process of the plan to another, in this run.
    Message { run: u64, from: NodeId, to: NodeId, msg: M },
    /// A driver: forget everything, and begin this run.
    Prepare { run: u64 },
    /// A replica: that is done.
    Prepared { run: u64 },
    /// A driver: what do you hold?
    Audit { run: u64 },
    /// A replica: this.
    Audited { run: u64, said: Said },
    /// A driver: what you send from now on counts, or counts no more.
    Measure { run: u64, begins: bool },
}

/// What a replica says of itself when it is asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Said {
    /// What it holds.
    pub state: FinalState,
    /// What it and its links have under way takes so many nanoseconds.
    pub reach: u64,
    /// It has sent so many messages and bytes, of which so much to mend others.
    pub sent: [u64; 5],
    /// How late what it sends leaves its delay lines, where messages are held back.
    pub lines: Vec<LineSaid>,
    /// How often a message broke it and it began anew from its log.
    pub broken: u64,
}
