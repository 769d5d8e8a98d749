//! What is counted of the operations of one phase, region and kind. Slots of several seeds or regions
//! merge in any order.

use super::Times;

/// How often a thing happened, and how often it could have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Operations to which it could happen.
    pub of: u64,
    /// Those to which it did.
    pub hits: u64,
}

impl Tally {
    /// Counts an operation; `None` if it could not happen to it, or nobody can tell.
    #[inline]
    pub(super) fn note(&mut self, hit: Option<bool>) {
        self.of += u64::from(hit.is_some());
        self.hits += u64::from(hit == Some(true));
    }

    fn merge(&mut self, other: Self) {
        self.of += other.of;
        self.hits += other.hits;
    }
}

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
    /// Those below a write that had been acknowledged before they began, or that are not
    /// there where conflicts are merged.
    pub lost: u64,
    /// Reads that returned several values.
    pub conflicts: u64,
    /// Reads older than a write of their session, of those of keys it had written.
    pub ryw: Tally,
    /// Reads older than a read of their session, of those of keys it had read.
    pub mr: Tally,
    /// Writes placed below a write of their session, of those of keys it had written.
    pub mw: Tally,
    /// Writes placed below what their session had read, of those of keys it had read.
    pub wfr: Tally,
    /// Acknowledged writes that are gone in the end, of those that no newer version hides there.
    pub undone: Tally,
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
        self.ryw.merge(other.ryw);
        self.mr.merge(other.mr);
        self.mw.merge(other.mw);
        self.wfr.merge(other.wfr);
        self.undone.merge(other.undone);
    }
}
