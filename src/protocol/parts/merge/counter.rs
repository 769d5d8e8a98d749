//! Counters that lose nothing: every session's own total, which only grows, and the greater of two wins.
//!
//! After Shapiro et al. (2011): a grow-only counter, and a positive-negative one made of two. The actors are
//! sessions and not replicas: a total that arrives twice, late or by two logs is the same total.

use super::Name;
use serde::{Deserialize, Serialize};

/// Totals by session, which the name of its first update stands for; their sum is the value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GCounter(Vec<(Name, u64)>);

impl GCounter {
    /// Takes a session's total, if it is greater than the one known; says whether it is.
    pub fn take(&mut self, session: Name, total: u64) -> bool {
        match self.0.binary_search_by_key(&session, |part| part.0) {
            Ok(at) if total > self.0[at].1 => self.0[at].1 = total,
            Err(at) if total > 0 => self.0.insert(at, (session, total)),
            _ => return false,
        }
        true
    }

    /// Takes all totals of another; says whether any is greater.
    pub fn join(&mut self, other: &Self) -> bool {
        other.0.iter().fold(false, |new, (session, total)| self.take(*session, *total) | new)
    }

    /// Sessions and their totals, in order of names.
    pub fn parts(&self) -> impl Iterator<Item = (Name, u64)> + '_ {
        self.0.iter().copied()
    }

    /// The sum, modulo 2^64.
    #[must_use]
    pub fn value(&self) -> u64 {
        self.0.iter().fold(0, |sum, part| sum.wrapping_add(part.1))
    }

    /// Bytes on the wire.
    #[must_use]
    pub fn wire_size(&self) -> u32 {
        16 * self.0.len() as u32
    }
}

/// Increments and decrements.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PnCounter {
    /// What was added.
    pub up: GCounter,
    /// What was taken.
    pub down: GCounter,
}

impl PnCounter {
    /// Takes all totals of another; says whether any is greater.
    pub fn join(&mut self, other: &Self) -> bool {
        self.up.join(&other.up) | self.down.join(&other.down)
    }

    /// What was added less what was taken, in two's complement.
    #[must_use]
    pub fn value(&self) -> u64 {
        self.up.value().wrapping_sub(self.down.value())
    }
}
