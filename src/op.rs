//! Operations: what a client asks of the store and what it is told.
//!
//! Written values are unique and dense: the recorder numbers the writes of a run 1, 2, 3, ..., and
//! 0 is the value every key has before its first write. So every read names the write it saw, and
//! checkers index arrays instead of hashing.

mod object;

pub use object::{Contents, Object, State, Update};

use crate::time::Duration;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A process that sends and receives messages: replicas come first (`0..replicas`), then clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
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
#[serde(transparent)]
pub struct OpId(pub u32);

/// A key, dense from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(pub u32);

/// The number of the write that made this value; 0 is the initial value.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
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

/// The consistency level a client asks of one operation. Whether a protocol offers it, how it serves
/// it (the *path*) and what it then claims (the *promise*) is the protocol's to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// The latest write, whatever it costs.
    Linearizable,
    /// The latest write, from a leader that trusts its lease and its clock.
    Lease,
    /// No older than this.
    Bounded(Duration),
    /// At most this many acknowledged versions of its key are missed; at least 1.
    BoundedVersions(u32),
    /// One order for all, at each replica's own pace.
    Sequential,
    /// What the session's past is made of.
    Causal,
    /// At least what this session has written and read.
    Session,
    /// At least what this session has written.
    ReadYourWrites,
    /// At least what this session has read.
    MonotonicReads,
    /// Whatever the nearest replica has; writes are newer than what this session has written.
    MonotonicWrites,
    /// Whatever the nearest replica has; writes are newer than what this session has read.
    WritesFollowReads,
    /// Whatever the nearest replica has.
    EventualNearest,
    /// Whatever some replica, drawn anew for each read, has.
    EventualAny,
    /// As many replicas as the operation asks for, in stores without a leader (Cassandra's terms).
    Replicas {
        /// How many must answer a read.
        read: Acks,
        /// How many must have a write.
        write: Acks,
    },
}

/// How many replicas must answer, in Cassandra's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Acks {
    /// Any replica, or anybody who will hand the write on (a hint); writes only.
    Any,
    /// One replica.
    One,
    /// Two.
    Two,
    /// Three.
    Three,
    /// A majority of all.
    Quorum,
    /// Every replica.
    All,
    /// One replica of the coordinator's region.
    LocalOne,
    /// A majority of the replicas of the coordinator's region.
    LocalQuorum,
    /// A majority of the replicas of every region.
    EachQuorum,
}

impl Acks {
    /// Every one, as a user writes it.
    pub const NAMES: [(&'static str, Self); 9] = [
        ("any", Self::Any),
        ("one", Self::One),
        ("two", Self::Two),
        ("three", Self::Three),
        ("quorum", Self::Quorum),
        ("all", Self::All),
        ("local-one", Self::LocalOne),
        ("local-quorum", Self::LocalQuorum),
        ("each-quorum", Self::EachQuorum),
    ];

    /// The word.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, acks)| *acks == self).map_or("", |(name, _)| name)
    }

    fn parse(text: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(name, _)| *name == text).map(|(_, acks)| *acks)
    }
}

impl Level {
    /// Every level as a user writes it, strongest first; `bounded` takes a duration or a number of
    /// versions. Reads and writes may differ in how many replicas they ask for: `one` is short for
    /// `R=one,W=one`.
    pub const NAMES: [&'static str; 23] = [
        "linearizable",
        "lease",
        "bounded(500ms)",
        "bounded(5 versions)",
        "sequential",
        "causal",
        "session",
        "read-your-writes",
        "monotonic-reads",
        "monotonic-writes",
        "writes-follow-reads",
        "eventual-nearest",
        "eventual-any",
        "all",
        "R=one,W=all",
        "each-quorum",
        "quorum",
        "local-quorum",
        "three",
        "two",
        "one",
        "local-one",
        "R=one,W=any",
    ];
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Linearizable => f.write_str("linearizable"),
            Self::Lease => f.write_str("lease"),
            Self::Bounded(age) => write!(f, "bounded({age})"),
            Self::BoundedVersions(1) => f.write_str("bounded(1 version)"),
            Self::BoundedVersions(k) => write!(f, "bounded({k} versions)"),
            Self::Sequential => f.write_str("sequential"),
            Self::Causal => f.write_str("causal"),
            Self::Session => f.write_str("session"),
            Self::ReadYourWrites => f.write_str("read-your-writes"),
            Self::MonotonicReads => f.write_str("monotonic-reads"),
            Self::MonotonicWrites => f.write_str("monotonic-writes"),
            Self::WritesFollowReads => f.write_str("writes-follow-reads"),
            Self::EventualNearest => f.write_str("eventual-nearest"),
            Self::EventualAny => f.write_str("eventual-any"),
            Self::Replicas { read, write } if read == write => f.write_str(read.name()),
            Self::Replicas { read, write } => {
                write!(f, "R={},W={}", read.name(), write.name())
            }
        }
    }
}

impl FromStr for Level {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(bound) = text.strip_prefix("bounded(").and_then(|t| t.strip_suffix(')')) {
            return bounded(bound);
        }
        let pair = text.strip_prefix("R=").and_then(|rest| rest.split_once(",W="));
        let (read, write) = pair.unwrap_or((text, text));
        if let (Some(read), Some(write)) = (Acks::parse(read), Acks::parse(write)) {
            return Ok(Self::Replicas { read, write });
        }
        Ok(match text {
            "linearizable" => Self::Linearizable,
            "lease" => Self::Lease,
            "sequential" => Self::Sequential,
            "causal" => Self::Causal,
            "session" => Self::Session,
            "read-your-writes" => Self::ReadYourWrites,
            "monotonic-reads" => Self::MonotonicReads,
            "monotonic-writes" => Self::MonotonicWrites,
            "writes-follow-reads" => Self::WritesFollowReads,
            "eventual-nearest" => Self::EventualNearest,
            "eventual-any" => Self::EventualAny,
            _ => return Err(unknown("level", text, Self::NAMES)),
        })
    }
}

/// The level of a bound: a duration, or a number of versions.
fn bounded(bound: &str) -> Result<Level, String> {
    let Some(k) = bound.strip_suffix('s').unwrap_or(bound).strip_suffix(" version") else {
        let or = "a bound on versions is written `bounded(5 versions)`";
        return bound.parse().map(Level::Bounded).map_err(|e: String| format!("{e}; {or}"));
    };
    match k.parse() {
        Ok(0) => Err(format!(
            "`bounded({bound})` misses nothing; write `linearizable`, or at least 1 version"
        )),
        Ok(k) => Ok(Level::BoundedVersions(k)),
        Err(_) => Err(format!(
            "`bounded({bound})` needs a whole number of versions, as in `bounded(5 versions)`"
        )),
    }
}

impl Serialize for Level {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Level {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// "unknown level `leese`; did you mean `lease`?": one sentence that names the nearest valid choice,
/// or all of them where none is near. A name that what was given is part of is nearer than any other.
pub fn unknown<'a>(what: &str, given: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let is_part = |name: &str| given.len() >= PART_LEAST && name.contains(given);
    let near = known
        .iter()
        .map(|name| (!is_part(name), strsim::damerau_levenshtein(given, name), *name))
        .min()
        .filter(|(is_other, distance, name)| !is_other || *distance <= 1 + name.len() / 3);
    match near {
        Some((.., name)) => format!("unknown {what} `{given}`; did you mean `{name}`?"),
        None => format!("unknown {what} `{given}`; known: {}", known.join(", ")),
    }
}

/// Shorter parts of names are in too many of them to be meant.
const PART_LEAST: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_read_as_they_print() {
        for name in Level::NAMES {
            assert_eq!(name.parse::<Level>().map(|l| l.to_string()), Ok(name.to_owned()));
        }
        for (wrong, says) in [
            ("leese", "did you mean `lease`"),
            ("bounded(5)", "duration"),
            ("bounded(5)", "`bounded(5 versions)`"),
            ("bounded(5versions)", "`bounded(5 versions)`"),
            ("bounded(0 versions)", "write `linearizable`"),
            ("bounded(some versions)", "a whole number of versions"),
        ] {
            let refused = wrong.parse::<Level>().expect_err(wrong);
            assert!(refused.contains(says), "{wrong}: {refused}");
        }
        let one = "bounded(1 version)".parse::<Level>();
        assert_eq!(one.as_ref().map(Level::to_string), Ok("bounded(1 version)".to_owned()));
        assert_eq!("bounded(1 versions)".parse::<Level>(), one);
    }

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
    }
}
