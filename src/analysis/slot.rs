//! What is counted of the operations of one phase, region and kind. Slots of several seeds or regions
//! merge in any order.

use super::Times;

/// Figures of one phase, region and kind of operation.
#[derive(Clone, Debug, Default)]
pub struct Slot {
    /// Took effect, or were refused by what they found.
    pub ok: u64,
    /// Of those, updates whose condition was not met.
    pub refused: u64,
    /// Certainly did not.
    pub failed: u64,
    /// May or may not have.
    pub unknown: u64,
    /// Took effect, and were begun in the phase in which they were intended.
    pub in_time: u64,
    /// Of which can be said whether they were answered in their phase.
    pub answerable: u64,
    /// Of those, the ones that were.
    pub answered: u64,
    /// Planned here and not begun here: writes whose read did not succeed, operations that a fault has
    /// struck while they still waited for their session.
    pub never_begun: u64,
    /// From the intended start.
    pub response: Times,
    /// From the actual start.
    pub service: Times,
    /// Completed reads of keys that had an acknowledged write.
    pub fresh_or_stale: u64,
    /// Reads that missed a write acknowledged before they began.
    pub stale: u64,
    /// Age of those.
    pub stale_age: Times,
    /// Versions those missed, added up.
    pub stale_versions: u64,
    /// Most versions one of them missed.
    pub stale_versions_max: u64,
    /// Completed reads of keys that had a decided write.
    pub decided: u64,
    /// Those that returned less than the latest decided version.
    pub behind: u64,
    /// Age of those.
    pub behind_age: Times,
    /// Acknowledged writes whose place in the version order is known.
    pub placed: u64,
    /// Those below a write that had been acknowledged before they began, or that are not there in the end
    /// though nothing is above them.
    pub lost: u64,
    /// Reads that returned several values.
    pub conflicts: u64,
}

impl Slot {
    /// All measured operations.
    #[must_use]
    pub fn n(&self) -> u64 {
        self.ok + self.failed + self.unknown
    }

    /// Adds another slot's figures.
    pub fn merge(&mut self, other: &Self) {
        self.ok += other.ok;
        self.refused += other.refused;
        self.failed += other.failed;
        self.unknown += other.unknown;
        self.in_time += other.in_time;
        self.answerable += other.answerable;
        self.answered += other.answered;
        self.never_begun += other.never_begun;
        self.response.merge(&other.response);
        self.service.merge(&other.service);
        self.fresh_or_stale += other.fresh_or_stale;
        self.stale += other.stale;
        self.stale_age.merge(&other.stale_age);
        self.stale_versions += other.stale_versions;
        self.stale_versions_max = self.stale_versions_max.max(other.stale_versions_max);
        self.decided += other.decided;
        self.behind += other.behind;
        self.behind_age.merge(&other.behind_age);
        self.placed += other.placed;
        self.lost += other.lost;
        self.conflicts += other.conflicts;
    }
}
