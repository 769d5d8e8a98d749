//! Operations: what a client asks of the store and what it is told.
//!
//! Written values are unique and dense: the recorder numbers the writes of a run 1, 2, 3, ..., and
//! 0 is the value every key has before its first write. So every read names the write it saw, and
//! checkers index arrays instead of hashing.

mod level;
mod object;

pub use level::{Acks, Level};
pub use object::{Contents, Object, State, Update};

use serde::{Deserialize, Serialize};
use std::fmt;

/// A process that sends and receives messages: replicas come first (`0..replicas`), then clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeId(pub u32);

impl NodeId {
    /// As an index into a table over all processes.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// The number of an operation in its run's history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OpId(pub u32);

/// A key, dense from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key(pub u32);

/// The number of the write that made this value; 0 is the initial value.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Value(pub u32);

impl Value {
    /// What every key holds before its first write.
    pub const INITIAL: Self = Self(0);
    /// What a replica says of a key whose replicas are others; nobody can write it.
    pub const NOT_HELD: Self = Self(u32::MAX);
}

/// Where a write stands in its key's version order, for stores that order versions by a stamp they
/// carry (last write wins) and not by when they were decided. Compared by time, then by node.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Rank {
    /// The stamp: nanoseconds of some node's clock, or a counter.
    pub time: u64,
    /// Whose stamp it is.
    pub node: u32,
}

impl Rank {
    /// The rank of every write of a store that has one order: versions stand as they were decided.
    pub const AS_DECIDED: Self = Self { time: 0, node: 0 };
}

/// Which part of an operation a message is, in protocols whose coordinators talk to replicas: the four
/// legs of Bailis et al., "Probabilistically Bounded Staleness" (VLDB 2012), W, A, R and S there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leg {
    /// Coordinator to replica: a write.
    Write,
    /// Replica to coordinator: it is written.
    WriteAck,
    /// Coordinator to replica: a read.
    Read,
    /// Replica to coordinator: what it has.
    ReadAck,
}

/// What kind of operation; the `op` column of results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OpKind {
    /// One key is read.
    Read,
    /// One key is written.
    Write,
    /// A run of consecutive keys is read at one replica.
    Scan,
    /// A read and the write that follows it, timed as one (YCSB F); a row, never an operation.
    Rmw,
}

impl OpKind {
    /// The column's text.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Scan => "scan",
            Self::Rmw => "rmw",
        }
    }
}

impl fmt::Display for OpKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One operation as asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Op {
    /// Read the request's key.
    Read,
    /// Update the request's key; the value is the update's name, and what a register then holds.
    Write(Value, Update),
    /// Read this many consecutive keys, beginning with the request's.
    Scan(u16),
}

impl Op {
    /// Which kind this is.
    #[must_use]
    pub fn kind(self) -> OpKind {
        match self {
            Self::Read => OpKind::Read,
            Self::Write(..) => OpKind::Write,
            Self::Scan(_) => OpKind::Scan,
        }
    }

    /// Whether this is a write and the answer says that it took effect.
    #[must_use]
    pub fn wrote(self, ret: &Ret) -> bool {
        matches!(self, Self::Write(..)) && !matches!(ret, Ret::Refused(_))
    }
}

/// What a session hands its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The operation's number, fresh for each request.
    pub id: OpId,
    /// The key, or the first key of a scan.
    pub key: Key,
    /// What to do with it.
    pub op: Op,
    /// How consistent the answer must be.
    pub level: Level,
}

/// What an operation returned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ret {
    /// The write of a register is acknowledged.
    Written,
    /// The value read from a register.
    Value(Value),
    /// Of an object other than a register: what was read, or what the update made of it.
    State(State),
    /// The update's condition was not met by this state, so it changed nothing.
    Refused(State),
    /// The values of a scan, in key order; or of a register where several stand beside each other.
    Values(Box<[Value]>),
}

/// How an operation ended, as its client knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It was carried out and returned this.
    Done(Ret),
    /// It certainly had no effect: refused, or a read that timed out.
    Failed,
    /// A write that timed out: it may take effect at any later time, or never.
    Unknown,
}

/// "unknown level `leese`; did you mean `lease`?": one sentence that names the nearest valid choice,
/// or what there is where none is near. A name that what was given is part of is nearer than any other.
pub fn unknown<'a>(what: &str, given: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    match nearest(given, &known) {
        Some(name) => format!("unknown {what} `{given}`; did you mean `{name}`?"),
        None if known.len() <= LISTED => {
            format!("unknown {what} `{given}`; known: {}", known.join(", "))
        }
        None => {
            let (some, more) = known.split_at(LISTED - 2);
            format!("unknown {what} `{given}`; known: {} and {} more", some.join(", "), more.len())
        }
    }
}

/// The name that was meant, if one is near enough.
pub(crate) fn nearest<'a>(given: &str, known: &[&'a str]) -> Option<&'a str> {
    let is_part = |name: &str| given.len() >= PART_LEAST && name.contains(given);
    let near = known
        .iter()
        .map(|name| (!is_part(name), strsim::damerau_levenshtein(given, name), *name))
        .min()
        .filter(|(is_other, distance, name)| !is_other || *distance <= 1 + name.len() / 3);
    near.map(|(.., name)| name)
}

/// Of more names than these the first are listed, and the others counted.
const LISTED: usize = 20;

/// Shorter parts of names are in too many of them to be meant.
const PART_LEAST: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_is_nearer_than_a_shorter_name() {
        for (given, known, expected) in [
            ("linear", ["lease", "linearizable"], "did you mean `linearizable`?"),
            ("aws/raft/linear", ["aws/raft/lease", "aws/raft/linearizable"], "raft/linearizable`?"),
            ("ap", ["az", "aps"], "did you mean `aps`?"),
            ("x", ["lease", "linearizable"], "known: lease, linearizable"),
        ] {
            let message = unknown("level", given, known);
            assert!(message.ends_with(expected), "{message}");
        }
        let many: Vec<String> = (10..42).map(|i| format!("region-{i}")).collect();
        let message = unknown("region", "x", many.iter().map(String::as_str));
        assert!(message.ends_with(", region-26, region-27 and 14 more"), "{message}");
    }
}
