//! The replicated log in memory: what follows the latest compaction point, and how much of it is on
//! disk.
//!
//! Raft section 5.3 (log matching), section 7 (compaction). Indices count from 1; position 0 of
//! term 0 stands before the first entry and is the same everywhere.

use crate::protocol::WriteId;
use crate::protocol::parts::table::Command;
use crate::time::LocalTime;
use arrayvec::ArrayVec;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// How many entries one message carries; more go out as several messages, back to back.
pub const BATCH: usize = 2;

/// A leader's reign.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Term(pub u32);

impl Term {
    /// The term a candidate asks votes for.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// An entry's place. The order, by term and then by index, is Raft's "more up to date" (section
/// 5.4.1); two logs that hold the same position are equal up to it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Position {
    /// The term in which the entry was made.
    pub term: Term,
    /// Its number in the log, from 1.
    pub index: u64,
}

/// One entry of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The term of the leader that made it.
    pub term: Term,
    /// The write; `None` for the empty entry with which a leader begins its term.
    pub command: Option<Command>,
    /// Under commit wait, its timestamp, above that of every entry before it; zero otherwise.
    pub stamp: LocalTime,
}

/// Entries after a compaction point.
#[derive(Debug, Default)]
pub(super) struct Log {
    base: Position,
    entries: VecDeque<Entry>,
}

impl Log {
    /// The position before the first entry held.
    pub(super) fn base(&self) -> Position {
        self.base
    }

    pub(super) fn last(&self) -> Position {
        match self.entries.back() {
            Some(entry) => {
                Position { term: entry.term, index: self.base.index + self.entries.len() as u64 }
            }
            None => self.base,
        }
    }

    pub(super) fn entry(&self, index: u64) -> Option<&Entry> {
        let offset = index.checked_sub(self.base.index + 1)?;
        self.entries.get(offset as usize)
    }

    /// The position of an index held here, the base included.
    pub(super) fn position(&self, index: u64) -> Option<Position> {
        if index == self.base.index {
            return Some(self.base);
        }
        self.entry(index).map(|entry| Position { term: entry.term, index })
    }

    /// Whether this log is known to hold `at`. What lies before the base was committed, and
    /// committed entries are the same everywhere.
    pub(super) fn agrees(&self, at: Position) -> bool {
        at.index < self.base.index || self.position(at.index) == Some(at)
    }

    /// The last position here, at or before `at.index`, whose term is not beyond `at.term`: no
    /// position between the two can be common to both logs. The base where there is none.
    pub(super) fn floor(&self, at: Position) -> Position {
        let mut index = at.index.min(self.last().index);
        while let Some(here) = self.position(index) {
            if here.term <= at.term || index == self.base.index {
                return here;
            }
            index -= 1;
        }
        self.base
    }

    /// Appends an entry and returns its index.
    pub(super) fn push(&mut self, entry: Entry) -> u64 {
        debug_assert!(entry.term >= self.last().term, "terms never fall along a log");
        self.entries.push_back(entry);
        self.base.index + self.entries.len() as u64
    }

    /// Drops the entry at `index` and all after it.
    pub(super) fn cut(&mut self, index: u64) {
        let keep = index.saturating_sub(self.base.index + 1);
        self.entries.truncate(keep as usize);
    }

    /// Drops the entries up to `index`, which becomes the base.
    pub(super) fn compact(&mut self, index: u64) {
        while self.base.index < index {
            let Some(entry) = self.entries.pop_front() else { return };
            self.base = Position { term: entry.term, index: self.base.index + 1 };
        }
    }

    /// Starts at a snapshot. Entries after it stay if this log holds the snapshot's position, for
    /// they may have been acknowledged; otherwise all go.
    pub(super) fn install(&mut self, last: Position) {
        if self.position(last.index) == Some(last) {
            self.compact(last.index);
        } else {
            self.entries.clear();
            self.base = last;
        }
    }

    /// The entries from `index` on, as many as one message takes.
    pub(super) fn batch(&self, index: u64) -> ArrayVec<Entry, BATCH> {
        let mut batch = ArrayVec::new();
        let mut next = index;
        while let (false, Some(entry)) = (batch.is_full(), self.entry(next)) {
            batch.push(*entry);
            next += 1;
        }
        batch
    }
}

/// How far the log is on disk, kept from the positions of records still being written.
#[derive(Debug, Default)]
pub(super) struct Durable {
    index: u64,
    /// Records under way, and up to which index each makes the log durable.
    pending: VecDeque<(WriteId, u64)>,
}

impl Durable {
    /// A log read back from disk up to `index`.
    pub(super) fn at(index: u64) -> Self {
        Self { index, pending: VecDeque::new() }
    }

    /// Every entry up to this one is on disk.
    pub(super) fn index(&self) -> u64 {
        self.index
    }

    /// The log up to `index` is on disk once `id` is.
    pub(super) fn written(&mut self, id: WriteId, index: u64) {
        self.pending.push_back((id, index));
    }

    /// Entries from `index` on were dropped: what is being written of them no longer counts.
    pub(super) fn cut(&mut self, index: u64) {
        let keep = index.saturating_sub(1);
        self.index = self.index.min(keep);
        for (_, reached) in &mut self.pending {
            *reached = (*reached).min(keep);
        }
    }

    /// The disk has everything up to `upto`; says whether that moved the index.
    pub(super) fn reach(&mut self, upto: WriteId) -> bool {
        let before = self.index;
        while let Some((id, index)) = self.pending.front().copied() {
            if id > upto {
                break;
            }
            self.pending.pop_front();
            self.index = self.index.max(index);
        }
        self.index > before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(terms: &[u32]) -> Log {
        let mut log = Log::default();
        for term in terms {
            log.push(Entry { term: Term(*term), command: None, stamp: LocalTime(0) });
        }
        log
    }

    fn at(term: u32, index: u64) -> Position {
        Position { term: Term(term), index }
    }

    #[test]
    fn positions_survive_compaction() {
        let mut log = log(&[1, 1, 2, 3]);
        log.compact(2);
        assert_eq!((log.base(), log.last()), (at(1, 2), at(3, 4)));
        assert_eq!(log.position(1), None);
        assert_eq!(log.position(3), Some(at(2, 3)));
        assert!(log.agrees(at(1, 1)) && log.agrees(at(1, 2)) && !log.agrees(at(1, 3)));
        log.cut(4);
        assert_eq!(log.last(), at(2, 3));
        assert_eq!(log.batch(3).len(), 1);
    }

    #[test]
    fn a_mismatch_skips_whole_terms() {
        // Figure 7 (f) of the Raft paper against its leader's log.
        let follower = log(&[1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3]);
        let leader = log(&[1, 1, 1, 4, 4, 5, 5, 6, 6, 6]);
        let hint = follower.floor(leader.last());
        assert_eq!(hint, at(3, 10));
        assert_eq!(leader.floor(hint), at(1, 3));
    }

    #[test]
    fn a_snapshot_keeps_what_follows_it_only_if_it_fits() {
        let mut fits = log(&[1, 1, 2, 2]);
        fits.install(at(1, 2));
        assert_eq!((fits.base(), fits.last()), (at(1, 2), at(2, 4)));
        let mut differs = log(&[1, 1, 1, 1]);
        differs.install(at(2, 3));
        assert_eq!((differs.base(), differs.last()), (at(2, 3), at(2, 3)));
    }

    #[test]
    fn a_cut_takes_back_what_the_disk_has_yet_to_confirm() {
        let mut durable = Durable::at(0);
        durable.written(WriteId(1), 1);
        durable.written(WriteId(2), 2);
        durable.written(WriteId(3), 3);
        assert!(durable.reach(WriteId(1)));
        durable.cut(2);
        assert!(!durable.reach(WriteId(3)));
        durable.written(WriteId(4), 2);
        assert!(durable.reach(WriteId(4)));
        assert_eq!(durable.index(), 2);
    }
}
