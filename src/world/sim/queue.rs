//! The event queue: what happens next.
//!
//! A radix heap (Ahuja, Mehlhorn, Orlin and Tarjan, "Faster Algorithms for the Shortest Path Problem",
//! JACM 37(2), 1990): time never runs backwards, so pending events can lie in buckets by the highest bit
//! in which their time differs from a *base* that no pending time is before. The earliest event is in
//! the lowest bucket that holds any. Such a bucket is searched while it is short; a long one is dealt
//! out to lower ones with its earliest time for a base, and no event is ever dealt out upwards.
//!
//! Events at one instant happen in the order they were scheduled, exactly, on every machine: they are
//! always in the same bucket, for that depends on their time and the base alone, and all a bucket ever
//! does is to be added to at its end and dealt out from its beginning. A std `BinaryHeap` with sequence
//! numbers is the oracle in the test below.

use crate::time::Instant;

/// How many events may be pending; a run that needs more outruns its service.
const MAX_PENDING: usize = 1 << 24;

/// A bucket with no more events than this is searched rather than dealt out.
const SHORT: usize = 16;

/// An event and when it happens.
type Entry<E> = (Instant, E);

/// Pending events by time.
pub struct Queue<E> {
    /// No pending time is before this.
    base: Instant,
    /// Events at the base, those from `taken` on.
    now: Vec<Entry<E>>,
    taken: usize,
    /// By the highest bit in which its time differs from the base.
    buckets: [Vec<Entry<E>>; 64],
    /// One bit per bucket that holds any.
    filled: u64,
    len: usize,
    /// The bucket dealt out last, for its memory.
    spare: Vec<Entry<E>>,
}

impl<E> Default for Queue<E> {
    fn default() -> Self {
        Self {
            base: Instant::ZERO,
            now: Vec::new(),
            taken: 0,
            buckets: std::array::from_fn(|_| Vec::new()),
            filled: 0,
            len: 0,
            spare: Vec::new(),
        }
    }
}

impl<E: Copy> Queue<E> {
    /// How many events are pending.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is pending.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Schedules an event, after all others of the same instant; never before the one taken last.
    ///
    /// # Panics
    /// When 2^24 events are pending: the load has no bound, or an instant has no end because events breed
    /// events.
    #[inline]
    pub fn push(&mut self, at: Instant, event: E) {
        debug_assert!(at >= self.base, "an event was scheduled in the past");
        self.len += 1;
        assert!(
            self.len < MAX_PENDING,
            "more than {MAX_PENDING} events are pending: the load outruns the cluster without bound"
        );
        self.place((at, event));
    }

    /// Takes the earliest event.
    #[inline]
    pub fn pop(&mut self) -> Option<Entry<E>> {
        loop {
            if let Some(entry) = self.now.get(self.taken).copied() {
                self.taken += 1;
                if self.taken == self.now.len() {
                    self.now.clear();
                    self.taken = 0;
                }
                self.len -= 1;
                return Some(entry);
            }
            if self.filled == 0 {
                return None;
            }
            let lowest = self.filled.trailing_zeros() as usize;
            let bucket = &mut self.buckets[lowest];
            if bucket.len() > SHORT {
                self.deal_out(lowest);
                continue;
            }
            let entry = bucket.remove(earliest(bucket));
            if bucket.is_empty() {
                self.filled &= !(1 << lowest);
            }
            self.len -= 1;
            return Some(entry);
        }
    }

    #[inline]
    fn place(&mut self, entry: Entry<E>) {
        match (entry.0.0 ^ self.base.0).checked_ilog2() {
            None => self.now.push(entry),
            Some(bit) => {
                self.filled |= 1 << bit;
                self.buckets[bit as usize].push(entry);
            }
        }
    }

    /// Empties the lowest bucket into those below it; its earliest events become the ones of now.
    fn deal_out(&mut self, lowest: usize) {
        let spare = std::mem::take(&mut self.spare);
        let mut bucket = std::mem::replace(&mut self.buckets[lowest], spare);
        self.filled &= !(1 << lowest);
        self.base = bucket[earliest(&bucket)].0;
        for entry in bucket.drain(..) {
            self.place(entry);
        }
        self.spare = bucket;
    }
}

/// Where the earliest entry is, the first of those at one time.
#[inline]
fn earliest<E>(entries: &[Entry<E>]) -> usize {
    let mut earliest = 0;
    for (index, (at, _)) in entries.iter().enumerate().skip(1) {
        if *at < entries[earliest].0 {
            earliest = index;
        }
    }
    earliest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::cmp::Reverse;
    use std::collections::BinaryHeap;

    proptest! {
        /// Pushes (never into the past) and pops in any mix agree with the standard heap, ties included.
        #[test]
        fn agrees_with_the_standard_heap(steps in proptest::collection::vec(proptest::option::of(0u64..12), 0..400), spread in 0u32..40) {
            let mut queue = Queue::default();
            let mut oracle = BinaryHeap::new();
            let mut now = 0;
            for (n, step) in steps.into_iter().enumerate() {
                if let Some(ahead) = step {
                    let time = now + ((ahead / 2) << spread);
                    queue.push(Instant(time), n);
                    oracle.push(Reverse((time, n)));
                } else {
                    let expected = oracle.pop().map(|Reverse((time, n))| (Instant(time), n));
                    now = expected.map_or(now, |(time, _)| time.0);
                    prop_assert_eq!(queue.pop(), expected);
                }
            }
            prop_assert_eq!(queue.len(), oracle.len());
            while let Some(Reverse((time, n))) = oracle.pop() {
                prop_assert_eq!(queue.pop(), Some((Instant(time), n)));
            }
            prop_assert!(queue.is_empty());
        }
    }
}
