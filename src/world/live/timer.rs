//! The thread that keeps all deadlines: deliveries, timers, arrivals, faults.
//!
//! tokio's timers are a millisecond coarse and always late, which is a tenth of the way between two regions
//! near each other. So one thread owns a heap of deadlines, sleeps until shortly before the next, and spins
//! the last stretch. A deadline counts from when it was asked for, so that errors do not add up.

use super::wall::WallClock;
use crate::time::{Duration, Instant};
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering as Memory};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// How long before a deadline the thread stops sleeping: what waking up takes.
const SPIN: Duration = Duration::micros(200);
/// More deadlines than this at a time mean that something has run away.
const PENDING_MAX: usize = 1 << 22;

struct Entry<E> {
    due: Instant,
    serial: u64,
    what: E,
}

impl<E> Ord for Entry<E> {
    fn cmp(&self, other: &Self) -> Ordering {
        // The heap's greatest is the earliest.
        (other.due, other.serial).cmp(&(self.due, self.serial))
    }
}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<E> Eq for Entry<E> {}

struct Pending<E> {
    heap: BinaryHeap<Entry<E>>,
    serial: u64,
}

struct Shared<E> {
    clock: WallClock,
    pending: Mutex<Pending<E>>,
    changed: Condvar,
    /// The earliest deadline, for the thread to see while it spins.
    earliest: AtomicU64,
    stopped: AtomicBool,
}

/// A handle on the deadlines; clones share them.
pub(super) struct Timer<E>(Arc<Shared<E>>);

impl<E> Clone for Timer<E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<E: Send + 'static> Timer<E> {
    /// No deadlines yet, and nobody who keeps them: see [`Timer::keep`].
    pub(super) fn new(clock: WallClock) -> Self {
        Self(Arc::new(Shared {
            clock,
            pending: Mutex::new(Pending { heap: BinaryHeap::new(), serial: 0 }),
            changed: Condvar::new(),
            earliest: AtomicU64::new(u64::MAX),
            stopped: AtomicBool::new(false),
        }))
    }

    fn lock(&self) -> MutexGuard<'_, Pending<E>> {
        self.0.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has this happen then, or at once if that is past.
    ///
    /// # Panics
    /// If there are more deadlines than a run can have.
    pub(super) fn push(&self, due: Instant, what: E) {
        let mut pending = self.lock();
        assert!(pending.heap.len() < PENDING_MAX, "deadlines outgrew their bound");
        let serial = pending.serial;
        pending.serial += 1;
        pending.heap.push(Entry { due, serial, what });
        if due.0 < self.0.earliest.load(Memory::Relaxed) {
            self.0.earliest.store(due.0, Memory::Release);
            drop(pending);
            self.0.changed.notify_one();
        }
    }

    /// Ends [`Timer::keep`]; what is pending never happens.
    pub(super) fn stop(&self) {
        self.0.stopped.store(true, Memory::Release);
        drop(self.lock());
        self.0.changed.notify_one();
    }

    /// Keeps the deadlines until it is stopped, on the thread that calls it.
    pub(super) fn keep(&self, mut happen: impl FnMut(Instant, E)) {
        let mut due = Vec::new();
        while !self.0.stopped.load(Memory::Acquire) {
            let next = self.take_due(&mut due);
            if due.is_empty() {
                self.wait(next);
            }
            due.drain(..).for_each(|entry: Entry<E>| happen(entry.due, entry.what));
        }
    }

    /// Takes what is due; when the next will be.
    fn take_due(&self, due: &mut Vec<Entry<E>>) -> Instant {
        let mut pending = self.lock();
        let now = self.0.clock.now();
        while pending.heap.peek().is_some_and(|first| first.due <= now) {
            due.extend(pending.heap.pop());
        }
        let next = pending.heap.peek().map_or(Instant::NEVER, |first| first.due);
        self.0.earliest.store(next.0, Memory::Release);
        next
    }

    /// Sleeps until shortly before the next deadline, or until there is an earlier one.
    fn wait(&self, next: Instant) {
        let left = self.0.clock.until(next);
        if left > SPIN {
            let pending = self.lock();
            let unchanged = self.0.earliest.load(Memory::Acquire) == next.0;
            if unchanged && !self.0.stopped.load(Memory::Acquire) {
                let sleep = std::time::Duration::from_nanos(left.0.min(1_000_000_000) - SPIN.0);
                drop(self.0.changed.wait_timeout(pending, sleep));
            }
            return;
        }
        while self.0.clock.now() < next && self.0.earliest.load(Memory::Acquire) >= next.0 {
            std::hint::spin_loop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn what_is_due_happens_in_order_and_never_early() {
        let timer = Timer::new(WallClock::start());
        let (clock, keeper) = (timer.0.clock, timer.clone());
        let (home, happened) = mpsc::channel();
        // All are known before the thread begins, or a machine that is busy could keep some for later.
        let now = clock.now();
        for (after, what) in [(20, "late"), (5, "soon"), (5, "soon after"), (0, "at once")] {
            timer.push(now + Duration::millis(after), what);
        }
        timer.push(now + Duration::secs(3_600), "much later");
        let thread = std::thread::spawn(move || {
            keeper.keep(|due, what| {
                assert!(clock.now() >= due, "{what} came early");
                home.send(what).expect("somebody listens");
            });
        });
        let order: Vec<&str> = (0..4).map(|_| happened.recv().expect("it happens")).collect();
        assert_eq!(order, ["at once", "soon", "soon after", "late"]);
        timer.push(clock.now() + Duration::millis(1), "before the next");
        assert_eq!(happened.recv(), Ok("before the next"), "it wakes up for what is earlier");
        timer.stop();
        thread.join().expect("the thread ends");
    }
}
