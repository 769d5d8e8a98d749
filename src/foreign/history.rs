//! A history as any store's test may have recorded it: what processes asked of keys, and what they
//! were told.
//!
//! Our own recorder's histories know commits, replicas and intended times; other people's know
//! operations, and no more. An operation takes 40 bytes, and every text is kept once. What is asked
//! of a history before it may be judged is asked here, whatever file it came from: that a process
//! does one thing after another.

mod builder;
mod operation;

use super::intern::Texts;
pub use builder::{Builder, Unfit};
pub use operation::{Action, Kind, Operation, Outcome};

/// The number of the value that every key has before its first operation.
pub const INITIAL: u32 = 0;
/// When an operation ends whose end nobody saw.
pub const NEVER: u64 = u64::MAX;
/// The last instant there is. Far from [`NEVER`], so that no sum of times comes near it.
pub(super) const LAST: u64 = i64::MAX as u64;

/// What is wrong with a later time.
pub(super) fn late() -> String {
    format!("a time is a whole number of ticks from 0 to {LAST}, which is 2^63 - 1")
}

/// A recorded history, in the order of invocations.
#[derive(Clone, Debug)]
pub struct History {
    pub(super) operations: Vec<Operation>,
    pub(super) keys: Texts,
    pub(super) values: Texts,
    pub(super) processes: Texts,
    /// What each key holds.
    pub(super) kinds: Vec<Kind>,
    /// Nanoseconds of a tick, if that is known.
    pub(super) tick: Option<u64>,
}

impl History {
    /// The operations, in the order of their invocations.
    #[must_use]
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The name of a key.
    #[must_use]
    pub fn key(&self, number: u32) -> &str {
        self.keys.get(number)
    }

    /// Whether it has a key of this name.
    #[must_use]
    pub fn knows(&self, key: &str) -> bool {
        self.keys.find(key).is_some()
    }

    /// What a key holds.
    #[must_use]
    pub fn kind(&self, key: u32) -> Kind {
        self.kinds.get(key as usize).copied().unwrap_or_default()
    }

    /// A value as JSON.
    #[must_use]
    pub fn value(&self, number: u32) -> &str {
        self.values.get(number)
    }

    /// The name of a process.
    #[must_use]
    pub fn process(&self, number: u32) -> &str {
        self.processes.get(number)
    }

    /// How many nanoseconds a tick of its clock is, if its format says so.
    #[must_use]
    pub fn tick(&self) -> Option<u64> {
        self.tick
    }

    /// How many keys, values and processes there are.
    #[must_use]
    pub fn counts(&self) -> (usize, usize, usize) {
        (self.keys.len(), self.values.len(), self.processes.len())
    }

    /// Bytes held by this history.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let operations = self.operations.capacity() * size_of::<Operation>();
        operations as u64 + self.keys.bytes() + self.values.bytes() + self.processes.bytes()
    }
}
