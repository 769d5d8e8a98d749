//! How much of every replica's log somebody has: the version vectors of tokens, dependencies and
//! heartbeats (Mattern 1989; Ladin et al., "Providing High Availability Using Lazy Replication", 1992).

use crate::op::NodeId;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Vectors have room for this many replicas, so that none is ever allocated.
pub const REPLICAS_MAX: usize = 16;

/// By replica, how many writes of its log: the set of all of those.
#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vector([u32; REPLICAS_MAX]);

impl Vector {
    /// The writes of one log up to a place.
    #[must_use]
    pub fn of(origin: NodeId, upto: u32) -> Self {
        let mut vector = Self::default();
        vector.set(origin, upto);
        vector
    }

    /// How many writes of this log.
    #[must_use]
    pub fn get(&self, origin: NodeId) -> u32 {
        self.0[origin.index()]
    }

    /// Counts this many writes of the log.
    pub fn set(&mut self, origin: NodeId, upto: u32) {
        self.0[origin.index()] = upto;
    }

    /// Whether all of the other's writes are among these.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).all(|(ours, theirs)| ours >= theirs)
    }

    /// Taken as single writes, one at most of each log: whether any of them is among the other's.
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).any(|(dot, upto)| (1..=*upto).contains(dot))
    }

    /// Taken as single writes, one at most of each log: those of both, of two in one log the earlier.
    #[must_use]
    pub fn earliest(mut self, other: &Self) -> Self {
        for (ours, theirs) in self.0.iter_mut().zip(&other.0) {
            if *ours == 0 || (1..*ours).contains(theirs) {
                *ours = *theirs;
            }
        }
        self
    }

    /// How many logs have any.
    #[must_use]
    pub fn logs(&self) -> u32 {
        self.0.iter().filter(|n| **n > 0).count() as u32
    }

    /// The writes of both.
    #[must_use]
    pub fn join(mut self, other: &Self) -> Self {
        for (ours, theirs) in self.0.iter_mut().zip(&other.0) {
            *ours = (*ours).max(*theirs);
        }
        self
    }

    /// How many writes in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().map(|n| u64::from(*n)).sum()
    }

    /// Bytes on the wire: logs that nobody has written to are left out.
    #[must_use]
    pub fn wire_size(&self) -> u32 {
        4 * self.0.iter().rposition(|n| *n > 0).map_or(0, |last| last as u32 + 1)
    }
}

impl fmt::Debug for Vector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.0[..self.wire_size() as usize / 4]).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn vector(counts: &[u32]) -> Vector {
        let mut vector = Vector::default();
        for (origin, upto) in counts.iter().enumerate() {
            vector.set(NodeId(origin as u32), *upto);
        }
        vector
    }

    #[test]
    fn a_vector_prints_as_short_as_it_can() {
        assert_eq!(format!("{:?}", vector(&[2, 0, 1, 0])), "[2, 0, 1]");
        assert_eq!((vector(&[2, 0, 1]).wire_size(), Vector::default().wire_size()), (12, 0));
    }

    proptest! {
        #[test]
        fn joining_is_the_least_cover(
            a in proptest::collection::vec(0u32..4, 3),
            b in proptest::collection::vec(0u32..4, 3),
            c in proptest::collection::vec(0u32..4, 3),
        ) {
            let [a, b, c] = [vector(&a), vector(&b), vector(&c)];
            let both = a.join(&b);
            prop_assert!(both.covers(&a) && both.covers(&b));
            prop_assert_eq!(c.covers(&a) && c.covers(&b), c.covers(&both));
            prop_assert_eq!(both, b.join(&a));
        }
    }
}
