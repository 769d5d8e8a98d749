//! Messages of chosen operations, for `pacelc explain`.
//!
//! Every event carries the operation that caused it, and what a state machine does while handling an
//! event is caused by the same operation. So the acknowledgements that complete a write lead back to it
//! through followers and disks, without the protocols knowing.

use crate::op::NodeId;
use crate::time::Instant;
use std::collections::BTreeSet;

/// What to trace, and what was seen.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// Operations whose messages are kept.
    pub wanted: BTreeSet<u32>,
    /// In the order they happened.
    pub steps: Vec<Step>,
}

/// One thing that happened on behalf of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A message went onto a link.
    Sent {
        /// The operation.
        op: u32,
        /// When.
        at: Instant,
        /// When it arrives; `None` if it is lost, on the way or because nobody takes it up at its end.
        arrives: Option<Instant>,
        /// Sender.
        from: NodeId,
        /// Receiver.
        to: NodeId,
        /// The message, as its protocol prints it.
        text: String,
    },
    /// A replica's log reached the disk.
    Synced {
        /// The operation.
        op: u32,
        /// When.
        at: Instant,
        /// Whose log.
        node: NodeId,
    },
}

impl Trace {
    /// Whether anything caused by `op` is kept.
    #[must_use]
    pub fn wants(&self, op: u32) -> bool {
        self.wanted.contains(&op)
    }

    /// Of a message that was to arrive by now, sent for `op` on this way: it is lost. Of several that are alike
    /// it is the last.
    pub(super) fn lose(&mut self, op: u32, way: (NodeId, NodeId), now: Instant, told: &str) {
        for step in self.steps.iter_mut().rev() {
            if let Step::Sent { op: of, arrives, from, to, text, .. } = step
                && (*of, *from, *to) == (op, way.0, way.1)
                && arrives.is_some_and(|at| at <= now)
                && text.as_str() == told
            {
                *arrives = None;
                return;
            }
        }
    }
}

impl Step {
    /// The operation it happened for.
    #[must_use]
    pub fn op(&self) -> u32 {
        match self {
            Self::Sent { op, .. } | Self::Synced { op, .. } => *op,
        }
    }
}
