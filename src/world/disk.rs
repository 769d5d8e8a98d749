//! A replica's log on disk, with group commit.
//!
//! One sync runs at a time. What is appended while it runs waits for the next, which covers all of it.
//! A crash keeps what completed syncs covered, and of the rest as many of the oldest records as chance
//! has it: a disk may have written what it never acknowledged, and a protocol must not count on its loss.

use crate::distribution::Sampler;
use crate::protocol::WriteId;
use crate::rng::Rng;
use crate::time::Duration;
use std::collections::VecDeque;

/// The log of one replica.
pub(super) struct Disk<R> {
    /// Records from `base + 1` on.
    records: VecDeque<R>,
    /// How many records were truncated away at the front.
    base: u64,
    /// Every record up to this one is safe.
    durable: u64,
    /// The record up to which the running sync reaches, if one is running.
    syncing: Option<u64>,
    sync_ms: Sampler,
    /// Syncs take this many times as long as they should.
    pub slowness: f64,
    rng: Rng,
}

impl<R> Disk<R> {
    /// An empty log whose syncs take this long.
    pub(super) fn new(sync_ms: Sampler, rng: Rng) -> Self {
        Self {
            records: VecDeque::new(),
            base: 0,
            durable: 0,
            syncing: None,
            sync_ms,
            slowness: 1.0,
            rng,
        }
    }

    fn last(&self) -> u64 {
        self.base + self.records.len() as u64
    }

    /// The position the next record takes.
    #[inline]
    pub(super) fn next(&self) -> WriteId {
        WriteId(self.last() + 1)
    }

    /// Appends a record; it is not safe yet.
    #[inline]
    pub(super) fn append(&mut self, record: R) {
        self.records.push_back(record);
    }

    /// Begins a sync if one is needed and none is running: how long it takes.
    #[inline]
    pub(super) fn begin_sync(&mut self) -> Option<Duration> {
        if self.syncing.is_some() || self.durable == self.last() {
            return None;
        }
        self.syncing = Some(self.last());
        Some(Duration::from_ms(self.sync_ms.sample(&mut self.rng) * self.slowness))
    }

    /// The running sync is done: everything up to here is safe.
    ///
    /// # Panics
    /// If no sync is running.
    #[inline]
    pub(super) fn end_sync(&mut self) -> WriteId {
        let upto = self.syncing.take();
        assert!(upto.is_some(), "a sync ended that never began");
        self.durable = upto.unwrap_or(self.durable);
        WriteId(self.durable)
    }

    /// Drops every record before `from`.
    ///
    /// # Panics
    /// If `from` is not durable: its predecessors would be gone before their replacement is safe.
    pub(super) fn truncate(&mut self, from: WriteId) {
        assert!(from.0 <= self.durable, "truncation to a record that is not durable");
        while self.base + 1 < from.0 {
            self.records.pop_front();
            self.base += 1;
        }
    }

    /// The machine stops: of what no completed sync covered, none, some or all is lost, from the end.
    pub(super) fn crash(&mut self) {
        let unsynced = self.last() - self.durable;
        if unsynced > 0 {
            self.durable += self.rng.below(unsynced + 1);
            self.records.truncate((self.durable - self.base) as usize);
        }
        self.syncing = None;
    }

    /// The records that survived, oldest first.
    pub(super) fn survivors(&mut self) -> &[R] {
        self.records.make_contiguous()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distribution::Distribution;

    fn disk() -> Disk<char> {
        let sync = Sampler::new(&Distribution::Constant(2.0));
        Disk::new(sync, Rng::stream(1, "disk", 0))
    }

    #[test]
    fn one_sync_covers_what_was_appended_before_it_began() {
        let mut disk = disk();
        disk.append('a');
        assert_eq!(disk.begin_sync(), Some(Duration::millis(2)));
        disk.append('b');
        disk.append('c');
        assert_eq!(disk.begin_sync(), None);
        assert_eq!(disk.end_sync(), WriteId(1));
        assert_eq!(disk.begin_sync(), Some(Duration::millis(2)));
        assert_eq!(disk.end_sync(), WriteId(3));
        assert_eq!(disk.begin_sync(), None);
    }

    #[test]
    fn a_crash_keeps_what_was_synced_and_perhaps_the_beginning_of_the_rest() {
        let mut kept = [0; 4];
        for seed in 0..100 {
            let sync = Sampler::new(&Distribution::Constant(2.0));
            let mut disk = Disk::new(sync, Rng::stream(seed, "disk", 0));
            disk.append('a');
            disk.begin_sync();
            disk.end_sync();
            disk.append('b');
            disk.begin_sync();
            disk.append('c');
            disk.crash();
            let survivors = disk.survivors().to_vec();
            assert_eq!(survivors, ['a', 'b', 'c'][..survivors.len()]);
            assert_eq!(disk.next(), WriteId(survivors.len() as u64 + 1));
            assert_eq!(disk.begin_sync(), None, "what survived is on disk");
            kept[survivors.len()] += 1;
        }
        assert!(kept[0] == 0 && kept[1..].iter().all(|n| *n > 10), "{kept:?}");
    }

    #[test]
    fn truncation_keeps_positions() {
        let mut disk = disk();
        for record in ['a', 'b', 'c'] {
            disk.append(record);
        }
        disk.begin_sync();
        disk.end_sync();
        disk.truncate(WriteId(3));
        assert_eq!(disk.survivors(), ['c']);
        assert_eq!(disk.next(), WriteId(4));
    }
}
