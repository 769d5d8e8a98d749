//! What machines and clients say to each other, and the names of timers.

use crate::op::{Key, NodeId, Op, OpId, Request, Ret, Value};
use crate::protocol::parts::table::{FRAME_BYTES, VALUE_BYTES};
use crate::protocol::{Protocol as _, raft};
use serde::{Deserialize, Serialize};

/// A write of an API object by the system itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Put {
    /// Its register.
    pub key: Key,
    /// What the writer has seen there, unless it does not care: etcd's compare of a resource version.
    pub expect: Option<Value>,
    /// What it shall be.
    pub value: Value,
}

/// How a request ended at whoever was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// Done.
    Done(Ret),
    /// An API server without a leader to ask, or a machine that does not run what was asked for: another,
    /// or the same a little later, may do it.
    Unavailable,
    /// The service has no endpoint: the connection is refused.
    NoEndpoint,
}

/// Every message of the protocol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Msg {
    /// Between etcd members.
    Etcd(raft::Msg),
    /// Client to API server or to its worker: do this.
    Ask {
        /// The operation.
        request: Request,
    },
    /// The end of it.
    Answer {
        /// The operation.
        op: OpId,
        /// How it ended.
        answer: Answer,
    },
    /// API server to the machine of etcd's leader; or kube-proxy to a pod's machine: do this for a client.
    Forward {
        /// Whose.
        client: NodeId,
        /// The operation.
        request: Request,
    },
    /// The way back.
    Forwarded {
        /// Whose.
        client: NodeId,
        /// The operation.
        op: OpId,
        /// How it ended.
        answer: Answer,
    },
    /// API server to the machine of etcd's leader.
    Put(Put),
    /// Worker to API server: my node is alive, and this is my watch.
    Renew {
        /// A number of the worker's own; a new one asks for everything.
        stream: u32,
    },
    /// API server to worker: the lease is in etcd, and so many events were sent.
    Renewed {
        /// Of this watch.
        stream: u32,
        /// Their number.
        sent: u64,
    },
    /// API server to worker: everything.
    List {
        /// For this watch.
        stream: u32,
        /// So many events were sent before.
        sent: u64,
        /// As of this index of etcd's log.
        index: u64,
        /// The registers.
        values: Vec<Value>,
    },
    /// API server to worker: a register changed.
    Event {
        /// Of this watch.
        stream: u32,
        /// Its number, from 1.
        number: u64,
        /// The index of the change in etcd's log.
        index: u64,
        /// Which.
        key: Key,
        /// To what.
        value: Value,
    },
}

impl Msg {
    /// Bytes on the wire: the frame, the fields at their fixed width, and the values.
    pub(super) fn wire_size(&self) -> u32 {
        let request = |request: &Request| match request.op {
            Op::Write(..) => 24 + VALUE_BYTES,
            Op::Read | Op::Scan(_) => 24,
        };
        let answer = |answer: &Answer| match answer {
            Answer::Done(Ret::Values(values)) => VALUE_BYTES * values.len() as u32,
            Answer::Done(Ret::Written) | Answer::Unavailable | Answer::NoEndpoint => 1,
            Answer::Done(_) => VALUE_BYTES,
        };
        FRAME_BYTES
            + match self {
                Self::Etcd(msg) => return raft::Raft::wire_size(msg),
                Self::Ask { request: asked } => request(asked),
                Self::Answer { answer: end, .. } => 4 + answer(end),
                Self::Forward { request: asked, .. } => 4 + request(asked),
                Self::Forwarded { answer: end, .. } => 8 + answer(end),
                Self::Put(_) => 8 + VALUE_BYTES,
                Self::Renew { .. } => 4,
                Self::Renewed { .. } => 12,
                Self::List { values, .. } => 20 + VALUE_BYTES * values.len() as u32,
                Self::Event { .. } => 24 + VALUE_BYTES,
            }
    }
}

/// Timers: the last two are clients', the two before them workers'.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// One of the etcd member's.
    Etcd(raft::Timer),
    /// Time to renew or look at the controllers' lease.
    Controllers,
    /// Time to look at the nodes' leases.
    Monitor,
    /// Time to renew the node's lease.
    Renew,
    /// A pod has started.
    Start,
    /// An answer is overdue.
    Attempt,
    /// The pause before asking again is over.
    Backoff,
}
