//! The event queue: what happens next.
//!
//! A 4-ary heap of 16-byte entries over a slab of events. The order is (time, sequence number), so
//! events at one instant happen in the order they were scheduled, exactly, on every machine. A std
//! `BinaryHeap` is the oracle in the test below; this one is about 1.3 times as fast because it moves
//! small keys and leaves the messages where they are.

use super::slab::Slab;
use crate::time::Instant;
use std::collections::VecDeque;

/// How many events may be pending; a run that needs more outruns its service.
const MAX_PENDING: usize = 1 << SLOT_BITS;
const SLOT_BITS: u32 = 24;
const ARITY: usize = 4;

/// From the top: time, sequence number, slot. One number, because comparing it takes no branch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry(u128);

impl Entry {
    #[inline]
    fn new(at: Instant, sequence: u64, slot: u32) -> Self {
        Self(u128::from(at.0) << 64 | u128::from(sequence << SLOT_BITS | u64::from(slot)))
    }

    #[inline]
    fn time(self) -> Instant {
        Instant((self.0 >> 64) as u64)
    }

    #[inline]
    fn slot(self) -> u32 {
        self.0 as u32 & (MAX_PENDING as u32 - 1)
    }
}

/// Pending events by time. What is scheduled for the instant that is being worked on (a sync that takes
/// no time, the next operation of a client that does not think) waits in a plain line: everything the
/// heap still has for that instant was scheduled before it.
pub struct Queue<E> {
    heap: Vec<Entry>,
    events: Slab<E>,
    sequence: u64,
    /// The instant of the event taken last.
    now: Instant,
    /// Events of that instant, in order.
    line: VecDeque<E>,
}

impl<E> Default for Queue<E> {
    fn default() -> Self {
        Self {
            heap: Vec::new(),
            events: Slab::default(),
            sequence: 0,
            now: Instant::ZERO,
            line: VecDeque::new(),
        }
    }
}

impl<E> Queue<E> {
    /// How many events are pending.
    #[must_use]
    pub fn len(&self) -> usize {
        self.heap.len() + self.line.len()
    }

    /// Whether nothing is pending.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty() && self.line.is_empty()
    }

    /// Schedules an event, after all others of the same instant; never before the one taken last.
    ///
    /// # Panics
    /// When 2^24 events are pending or 2^40 were ever scheduled: the scenario is without bound.
    #[inline]
    pub fn push(&mut self, at: Instant, event: E) {
        if at == self.now {
            assert!(self.line.len() < MAX_PENDING, "an instant without end: events breed events");
            return self.line.push_back(event);
        }
        let slot = self.events.keep(event);
        assert!(
            self.events.slots() < MAX_PENDING,
            "more than {MAX_PENDING} events are pending: the load outruns the cluster without bound"
        );
        self.sequence += 1;
        assert!(self.sequence < 1 << (64 - SLOT_BITS), "2^40 events in one run");
        let entry = Entry::new(at, self.sequence, slot);
        self.heap.push(entry);
        self.sift_up(entry);
    }

    /// Takes the earliest event.
    #[inline]
    pub fn pop(&mut self) -> Option<(Instant, E)> {
        let Some(first) = self.heap.first().copied() else {
            return self.line.pop_front().map(|event| (self.now, event));
        };
        if first.time() != self.now
            && let Some(event) = self.line.pop_front()
        {
            return Some((self.now, event));
        }
        self.now = first.time();
        let last = self.heap.pop()?;
        if !self.heap.is_empty() {
            self.sift_down(last);
        }
        Some((self.now, self.events.take(first.slot())))
    }

    /// Moves the entry at the end to its place.
    #[inline]
    fn sift_up(&mut self, entry: Entry) {
        let mut hole = self.heap.len() - 1;
        while hole > 0 {
            let parent = (hole - 1) / ARITY;
            if self.heap[parent] < entry {
                break;
            }
            self.heap[hole] = self.heap[parent];
            hole = parent;
        }
        self.heap[hole] = entry;
    }

    /// Puts `entry` into the place of the first.
    #[inline]
    fn sift_down(&mut self, entry: Entry) {
        let heap = &mut self.heap[..];
        let mut hole = 0;
        loop {
            let first = hole * ARITY + 1;
            if first >= heap.len() {
                break;
            }
            let mut least = first;
            if first + ARITY <= heap.len() {
                // A full family: a tournament without bounds checks in the loop.
                let family = &heap[first..first + ARITY];
                let left = usize::from(family[1] < family[0]);
                let right = 2 + usize::from(family[3] < family[2]);
                least = first + if family[right] < family[left] { right } else { left };
            } else {
                for child in first + 1..heap.len() {
                    if heap[child] < heap[least] {
                        least = child;
                    }
                }
            }
            if entry < heap[least] {
                break;
            }
            heap[hole] = heap[least];
            hole = least;
        }
        heap[hole] = entry;
    }
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
        fn agrees_with_the_standard_heap(steps in proptest::collection::vec(proptest::option::of(0u64..12), 0..400)) {
            let mut queue = Queue::default();
            let mut oracle = BinaryHeap::new();
            let mut now = 0;
            for (n, step) in steps.into_iter().enumerate() {
                if let Some(ahead) = step {
                    let time = now + ahead / 2;
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
