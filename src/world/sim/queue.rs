//! The event queue: what happens next.
//!
//! A radix heap (Ahuja, Mehlhorn, Orlin and Tarjan, "Faster Algorithms for the Shortest Path Problem",
//! JACM 37(2), 1990): time never runs backwards, so pending events can lie in buckets by the highest bit
//! in which their time differs from a *base* that no pending time is before. The earliest event is in
//! the lowest bucket that holds any. Such a bucket is sorted while it is short, and is the *front* then;
//! a long one is dealt out to lower ones, with its earliest time for a base. No event ever moves up.
//!
//! Events at one instant happen in the order they were scheduled, exactly, on every machine: they are
//! always together, for where they are depends on their time alone, and no step turns two of them
//! around. A std `BinaryHeap` with sequence numbers is the oracle in the test below.

use crate::time::Instant;

/// How many events may be pending; a run that needs more outruns its service.
const MAX_PENDING: usize = 1 << 22;

/// A bucket with no more events than this is sorted rather than dealt out.
const SHORT: usize = 24;

/// An event and when it happens.
type Entry<E> = (Instant, E);

/// Pending events by time.
pub struct Queue<E> {
    /// The next events, latest first: all that are before `limit`.
    front: Vec<Entry<E>>,
    limit: Instant,
    /// No time in what follows is before this.
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
            front: Vec::new(),
            limit: Instant::ZERO,
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
    /// When 2^22 events are pending: the load has no bound, something stands still for too long, or an instant has
    /// no end because events breed events.
    // Inlined, so that the event is put together where it goes: parts written one by one and then read as a
    // whole stall the processor. For the same reason `deal_out` copies by reference.
    #[inline(always)]
    pub fn push(&mut self, at: Instant, event: E) {
        debug_assert!(at >= self.base, "an event was scheduled in the past");
        self.len += 1;
        assert!(
            self.len < MAX_PENDING,
            "more than {MAX_PENDING} events are pending: the load outruns the cluster, or \
             something stands still for too long"
        );
        if at < self.limit {
            self.insert((at, event));
        } else {
            self.bucket(at).push((at, event));
        }
    }

    /// Takes the earliest event.
    #[inline]
    pub fn pop(&mut self) -> Option<Entry<E>> {
        if self.front.is_empty() && !self.refill() {
            return None;
        }
        self.len -= 1;
        self.front.pop()
    }

    /// Puts an event into the front, behind all that are not later.
    fn insert(&mut self, entry: Entry<E>) {
        let mut place = self.front.len();
        while place > 0 && self.front[place - 1].0 <= entry.0 {
            place -= 1;
        }
        self.front.insert(place, entry);
    }

    /// Where an event of this instant goes, which is about to.
    #[inline(always)]
    fn bucket(&mut self, at: Instant) -> &mut Vec<Entry<E>> {
        match (at.0 ^ self.base.0).checked_ilog2() {
            None => &mut self.now,
            Some(bit) => {
                self.filled |= 1 << bit;
                &mut self.buckets[bit as usize]
            }
        }
    }

    /// Puts what is next into the front, which is empty; false if there is nothing.
    fn refill(&mut self) -> bool {
        loop {
            if let Some(entry) = self.now.get(self.taken) {
                self.front.push(*entry);
                self.taken += 1;
                if self.taken == self.now.len() {
                    self.now.clear();
                    self.taken = 0;
                }
                return true;
            }
            if self.filled == 0 {
                return false;
            }
            let lowest = self.filled.trailing_zeros();
            self.filled &= !(1 << lowest);
            if self.buckets[lowest as usize].len() <= SHORT {
                self.bring_forward(lowest);
                return true;
            }
            self.deal_out(lowest);
        }
    }

    /// Makes a short bucket the front.
    fn bring_forward(&mut self, lowest: u32) {
        // The bucket's times have this bit, which the base has not, and the base's higher ones.
        let end = ((self.base.0 >> lowest) + 2).checked_mul(1 << lowest);
        self.limit = end.map_or(Instant::NEVER, Instant);
        self.front.extend(self.buckets[lowest as usize].drain(..).rev());
        for sorted in 1..self.front.len() {
            let entry = self.front[sorted];
            let mut hole = sorted;
            while hole > 0 && self.front[hole - 1].0 < entry.0 {
                self.front[hole] = self.front[hole - 1];
                hole -= 1;
            }
            self.front[hole] = entry;
        }
    }

    /// Empties a long bucket into those below it; its earliest events become the ones of now.
    fn deal_out(&mut self, lowest: u32) {
        let spare = std::mem::take(&mut self.spare);
        let mut bucket = std::mem::replace(&mut self.buckets[lowest as usize], spare);
        self.limit = Instant::ZERO;
        self.base = bucket.iter().map(|(at, _)| *at).min().unwrap_or(self.base);
        for entry in &bucket {
            self.bucket(entry.0).push(*entry);
        }
        bucket.clear();
        self.spare = bucket;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::cmp::Reverse;
    use std::collections::BinaryHeap;

    #[test]
    fn the_end_of_time_is_a_time() {
        let mut queue = Queue::default();
        for n in 0..2 * SHORT {
            queue.push(Instant::NEVER, n);
        }
        queue.push(Instant(1 << 63), 99);
        assert_eq!(queue.pop(), Some((Instant(1 << 63), 99)));
        queue.push(Instant::NEVER, 2 * SHORT);
        for n in 0..=2 * SHORT {
            assert_eq!(queue.pop(), Some((Instant::NEVER, n)));
        }
        assert_eq!((queue.pop(), queue.len()), (None, 0));
    }

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
