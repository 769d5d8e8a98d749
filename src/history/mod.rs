//! What happened in one run: every operation, every decided write, and nothing derived from them.
//!
//! A world records; analysis only reads. The recorder refuses a history that lies: operations of one
//! session overlap never, nothing completes before it was invoked, and an operation whose outcome is
//! unknown stays open to the end and ends its session (Jepsen's and etcd's rule).

mod digest;
mod file;
mod invariants;
mod record;

pub use file::{FORMAT, HistoryError, read, write};
pub use record::{Begin, Recorder};

use crate::op::{Contents, Key, OpKind, Rank, State, Update, Value};
use crate::time::Instant;
use serde::{Deserialize, Serialize};

/// How an operation ended; [`crate::op::Outcome`] without the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It took effect.
    Ok,
    /// It certainly had none.
    Failed,
    /// A write that may take effect at any time after its invocation, or never.
    Unknown,
    /// An update whose condition was not met by the version it saw: it is a read of that version.
    Refused,
}

/// One operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// Which session; sessions are sequential, and a fresh number follows an unknown outcome.
    pub session: u32,
    /// Index into [`History::groups`]: the client group the session belongs to.
    pub group: u16,
    /// Read, write or scan.
    pub kind: OpKind,
    /// How it ended.
    pub status: Status,
    /// It is half of a read-modify-write: the read, or the write that follows it in the session. A read
    /// that does not succeed has no write.
    pub rmw: bool,
    /// The key, or a scan's first key.
    pub key: Key,
    /// The value written, or returned by an `Ok` read. Of a `Refused` update: the version it saw. Of an
    /// `Ok` scan, or of a read that returned several values: where they begin in [`History::scanned`].
    pub value: Value,
    /// Of a scan: how many keys. Of a read that returned several values: how many.
    pub count: u16,
    /// When the load generator meant to begin it; response time counts from here.
    pub intended: Instant,
    /// When the client took it; service time counts from here.
    pub invoked: Instant,
    /// When the client knew its end; [`Instant::NEVER`] for an unknown outcome.
    pub completed: Instant,
}

impl Operation {
    /// Whether it is a write that took effect, or may have; its value is then its own.
    #[must_use]
    pub fn may_write(&self) -> bool {
        self.kind == OpKind::Write && matches!(self.status, Status::Ok | Status::Unknown)
    }
}

/// What an operation on an object other than a register was, beside its versions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// Of a write: what it asked for.
    pub update: Update,
    /// The state word that it returned: of an `Ok` read or a `Refused` update that of the version it
    /// saw, of an `Ok` write that of its own version.
    pub word: u64,
}

/// A decided write. The version order of a key is that of its commits' ranks, and where these are equal
/// that of the commits themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// When the first replica decided it.
    pub at: Instant,
    /// The key.
    pub key: Key,
    /// The write.
    pub value: Value,
    /// Its stamp, in stores that order versions by stamps.
    #[serde(default, skip_serializing_if = "is_as_decided")]
    pub rank: Rank,
}

/// Where an order can fork, so that what was decided may be taken back: one update of an object, and the state
/// that it was applied to. A version has one of these for each place in which it took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// The update's version.
    pub value: Value,
    /// The key before it.
    pub before: State,
}

fn is_as_decided(rank: &Rank) -> bool {
    *rank == Rank::AS_DECIDED
}

/// A stretch of true time in which a fault was in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// First instant of the fault.
    pub start: Instant,
    /// When it was healed.
    pub end: Instant,
}

/// The E and the P of PACELC: fault windows cut a run into these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Before the first fault.
    Healthy,
    /// While a fault is in force.
    Partitioned,
    /// After a fault was healed.
    Recovering,
}

impl Phase {
    /// The `phase` column's text.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Partitioned => "partitioned",
            Self::Recovering => "recovering",
        }
    }
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// What the network carried in the measured time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Messages sent, heartbeats and retries included.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Of the messages, updates that were kept for a silent replica and are handed over.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub hints: u64,
    /// Of them, those that find or bring what a replica has missed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub repairs: u64,
    /// Bytes of both.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub mending_bytes: u64,
}

/// The state of one replica when everything had come to rest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FinalState {
    /// What a local read of each key would return, by key.
    pub values: Vec<Value>,
    /// With which state word; empty for registers.
    pub words: Vec<u64>,
    /// Where values stand beside each other: all of a key's but the one above, in order of keys.
    pub siblings: Vec<(Key, Value)>,
}

/// Everything recorded of one run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// The region of each client group.
    pub groups: Vec<String>,
    /// Keys are `0..keys`.
    pub keys: u32,
    /// What they hold at first.
    pub contents: Contents,
    /// Whether updates that conflict are merged: then no order of versions says which one stays, commits
    /// tell only that an update was decided, and a read may return several values.
    pub merged: bool,
    /// Whether, where updates are merged, a state may replace another as a whole, so that updates are lost.
    pub overwrites: bool,
    /// How many writes there are: their values are `1..=writes`.
    pub writes: u32,
    /// Operations intended before this instant are warm-up: judged, but not measured.
    pub warm_up: Instant,
    /// No operation was intended after this instant.
    pub horizon: Instant,
    /// Fault windows, in order, not overlapping.
    pub windows: Vec<Window>,
    /// In order of invocation; ties in the order the world took them.
    pub operations: Vec<Operation>,
    /// The values that scans, and reads of several values, returned, one after another.
    pub scanned: Vec<Value>,
    /// By operation; empty for registers.
    pub effects: Vec<Effect>,
    /// Decided writes in the order they were decided; empty where the world cannot see them.
    pub commits: Vec<Commit>,
    /// What each state of an object was made from, in the order in which replicas first found it so; empty
    /// where an order never forks, and for registers.
    pub made: Vec<Made>,
    /// Per replica; empty where the world cannot see them.
    pub finals: Vec<FinalState>,
    /// Messages and bytes between warm-up and horizon.
    pub traffic: Traffic,
}

impl History {
    /// Which phase an instant belongs to.
    #[must_use]
    pub fn phase(&self, at: Instant) -> Phase {
        let mut phase = Phase::Healthy;
        for window in &self.windows {
            if at < window.start {
                break;
            }
            phase = if at < window.end { Phase::Partitioned } else { Phase::Recovering };
        }
        phase
    }

    /// The values an `Ok` scan returned, in key order.
    #[must_use]
    pub fn scan_values(&self, scan: &Operation) -> &[Value] {
        &self.scanned[scan.value.0 as usize..][..usize::from(scan.count)]
    }

    /// The value or values an `Ok` read returned.
    #[must_use]
    pub fn read_values<'a>(&'a self, read: &'a Operation) -> &'a [Value] {
        if read.count > 0 { self.scan_values(read) } else { std::slice::from_ref(&read.value) }
    }

    /// What a read that is `Ok` or an update that is `Refused` saw of an object.
    #[must_use]
    pub fn state_seen(&self, op: u32) -> State {
        let (operation, effect) = (&self.operations[op as usize], &self.effects[op as usize]);
        State { version: operation.value, word: effect.word }
    }

    /// What it takes in memory, in bytes: some hundred for each operation.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        fn of<T>(all: &[T]) -> usize {
            std::mem::size_of_val(all)
        }
        let finals =
            self.finals.iter().map(|left| of(&left.values) + of(&left.words) + of(&left.siblings));
        let tables =
            of(&self.operations) + of(&self.scanned) + of(&self.effects) + of(&self.commits);
        (tables + finals.sum::<usize>()) as u64
    }

    /// A 64-bit digest of everything above: equal digests, equal runs.
    #[must_use]
    pub fn digest(&self) -> u64 {
        digest::digest(self)
    }
}
