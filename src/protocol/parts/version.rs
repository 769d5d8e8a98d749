//! Versions ordered by stamps, for stores without one orderer: the last write wins.
//!
//! A version is a value and the stamp its writer's clock gave it; of two versions of a key the greater
//! one stays, wherever and in whatever order they meet (Thomas, "A Majority Consensus Approach to
//! Concurrency Control for Multiple Copy Databases", 1979). Leaderless and multi-leader replication hold
//! their data in these.

use super::table::{VALUE_BYTES, slot};
use crate::op::{Key, Rank, Value};
use crate::time::LocalTime;
use serde::{Deserialize, Serialize};

/// A value with its stamp. Versions of a key are ordered by stamp, time before node, and then by value,
/// as Cassandra breaks its ties, so that no two of them are equal; the greatest wins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Version {
    /// The stamp: its place in the key's order.
    pub rank: Rank,
    /// What was written.
    pub value: Value,
}

impl Version {
    /// Bytes on the wire.
    pub const WIRE_SIZE: u32 = 12 + VALUE_BYTES;
}

/// The greatest version of each key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Versions(Vec<Version>);

impl Versions {
    /// An empty table for this many keys; more are added as they are written.
    #[must_use]
    pub fn new(keys: u32) -> Self {
        Self(vec![Version::default(); keys as usize])
    }

    /// The version of a key; the default one before its first write.
    #[must_use]
    pub fn get(&self, key: Key) -> Version {
        self.0.get(key.0 as usize).copied().unwrap_or_default()
    }

    /// Takes a version if it is greater, and returns the one it replaces.
    pub fn take(&mut self, key: Key, version: Version) -> Option<Version> {
        let held = slot(&mut self.0, key.0 as usize);
        (version > *held).then(|| std::mem::replace(held, version))
    }

    /// All keys with their versions, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Key, Version)> + '_ {
        (0..).map(Key).zip(self.0.iter().copied())
    }

    /// Bytes this table takes in a message.
    #[must_use]
    pub fn wire_size(&self) -> u32 {
        self.0.len() as u32 * Version::WIRE_SIZE
    }
}

/// Gives stamps their times: a clock's readings, made to increase. One that is told of the stamps its
/// owner has seen is a hybrid logical clock (Kulkarni et al., "Logical Physical Clocks", 2014), whose
/// counter is in the low end of the nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct HybridClock {
    latest: u64,
}

impl HybridClock {
    /// The next time: what the clock reads, or just after the latest where that is no less.
    pub fn next(&mut self, clock: LocalTime) -> u64 {
        self.latest = clock.0.max(self.latest + 1);
        self.latest
    }

    /// Later stamps shall be above this one.
    pub fn see(&mut self, time: u64) {
        self.latest = self.latest.max(time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(time: u64, node: u32, value: u32) -> Version {
        Version { rank: Rank { time, node }, value: Value(value) }
    }

    #[test]
    fn versions_are_ordered_by_time_then_node_then_value() {
        assert!(version(1, 9, 9) < version(2, 0, 0));
        assert!(version(1, 0, 9) < version(1, 1, 0));
        assert!(version(1, 1, 1) < version(1, 1, 2));
    }

    #[test]
    fn the_greatest_version_stays_whatever_comes_first() {
        let mut table = Versions::new(1);
        let (low, high) = (version(1, 0, 7), version(2, 0, 8));
        assert_eq!(table.take(Key(3), high), Some(Version::default()));
        assert_eq!((table.take(Key(3), low), table.take(Key(3), high)), (None, None));
        assert_eq!((table.get(Key(3)), table.get(Key(9))), (high, Version::default()));
        assert_eq!(table.iter().last(), Some((Key(3), high)));
        assert_eq!(table.wire_size(), 4 * Version::WIRE_SIZE);
    }

    #[test]
    fn stamps_increase_and_go_above_what_was_seen() {
        let mut clock = HybridClock::default();
        let at = |n| LocalTime(n);
        assert_eq!([5, 5, 3, 9].map(|n| clock.next(at(n))), [5, 6, 7, 9]);
        clock.see(100);
        assert_eq!([10, 200].map(|n| clock.next(at(n))), [101, 200]);
    }
}
