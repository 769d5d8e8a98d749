//! A run moment by moment: how many operations were intended in each stretch of time, how many of them were
//! answered, how long they took, and how many reads were stale.
//!
//! Stretches begin one millisecond long and double whenever there would be more than 96; but those of about a second
//! do not before there would be more than 512, so that minutes are told second by second. Since all begin at
//! multiples of their length, timelines of different runs merge in any order.

use super::availability::took_effect;
use crate::history::Operation;
use crate::time::{Duration, Instant};

/// A timeline has at most so many stretches that are shorter than [`SECOND`].
const MOST: u64 = 96;
/// And so many others.
const MOST_SECONDS: u64 = 512;
/// The first power of two that is a second or more.
const SECOND: Duration = Duration::millis(1_024);

/// What was intended in one stretch of time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stretch {
    /// Operations that took effect, whenever that was.
    pub answered: u64,
    /// Response times, unordered; an operation that failed or is unknown counts as at least the timeout.
    pub times: Vec<Duration>,
    /// Completed reads of keys that had an acknowledged write.
    pub fresh_or_stale: u64,
    /// Those that missed one.
    pub stale: u64,
}

impl Stretch {
    fn merge(&mut self, other: &Self) {
        self.answered += other.answered;
        self.times.extend(&other.times);
        self.fresh_or_stale += other.fresh_or_stale;
        self.stale += other.stale;
    }
}

/// A run, or several runs of one cell, by stretches of equal length.
#[derive(Clone, Debug)]
pub struct Timeline {
    step: Duration,
    stretches: Vec<Stretch>,
}

impl Default for Timeline {
    fn default() -> Self {
        Self { step: Duration::millis(1), stretches: Vec::new() }
    }
}

impl Timeline {
    /// How long a stretch is.
    #[must_use]
    pub fn step(&self) -> Duration {
        self.step
    }

    /// The stretches from time 0 on.
    #[must_use]
    pub fn stretches(&self) -> &[Stretch] {
        &self.stretches
    }

    /// Makes stretches at least this long.
    pub fn coarsen(&mut self, step: Duration) {
        while self.step < step {
            self.double();
        }
    }

    /// Counts an operation where it was intended.
    pub(super) fn note(&mut self, op: &Operation, timeout: Duration) {
        let stretch = self.at(op.intended);
        if took_effect(op) {
            stretch.answered += 1;
            stretch.times.push(op.completed.since(op.intended));
        } else {
            let known = op.completed != Instant::NEVER;
            let passed = if known { op.completed.since(op.intended) } else { timeout };
            stretch.times.push(passed.max(timeout));
        }
    }

    /// Counts what a read has seen where it was intended.
    pub(super) fn note_read(&mut self, op: &Operation, stale: bool) {
        let stretch = self.at(op.intended);
        stretch.fresh_or_stale += 1;
        stretch.stale += u64::from(stale);
    }

    pub(super) fn merge(&mut self, other: &Self) {
        let mut theirs = other.clone();
        theirs.coarsen(self.step);
        self.coarsen(theirs.step);
        let more = theirs.stretches.len().max(self.stretches.len());
        self.stretches.resize_with(more, Stretch::default);
        self.stretches.iter_mut().zip(&theirs.stretches).for_each(|(ours, one)| ours.merge(one));
    }

    fn at(&mut self, at: Instant) -> &mut Stretch {
        let most = |step| if step < SECOND { MOST } else { MOST_SECONDS };
        while at.0 / self.step.0 >= most(self.step) {
            self.double();
        }
        let index = (at.0 / self.step.0) as usize;
        if index >= self.stretches.len() {
            self.stretches.resize_with(index + 1, Stretch::default);
        }
        &mut self.stretches[index]
    }

    fn double(&mut self) {
        self.step = Duration(self.step.0 * 2);
        let halves = std::mem::take(&mut self.stretches);
        for (i, half) in halves.iter().enumerate() {
            if i % 2 == 0 {
                self.stretches.push(half.clone());
            } else if let Some(last) = self.stretches.last_mut() {
                last.merge(half);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Status;
    use crate::op::{Key, OpKind, Value};

    fn read(intended_ms: u64, took_ms: u64) -> Operation {
        let intended = Instant(intended_ms * 1_000_000);
        Operation {
            session: 0,
            group: 0,
            kind: OpKind::Read,
            status: Status::Ok,
            rmw: false,
            key: Key(0),
            value: Value::INITIAL,
            count: 0,
            intended,
            invoked: intended,
            completed: intended + Duration::millis(took_ms),
        }
    }

    fn of(operations: &[Operation]) -> Timeline {
        let mut timeline = Timeline::default();
        operations.iter().for_each(|op| timeline.note(op, Duration::millis(50)));
        timeline
    }

    #[test]
    fn stretches_double_until_there_are_few_enough() {
        let timeline = of(&[read(0, 1), read(95, 2), read(96, 3), read(1_000, 4)]);
        assert_eq!(timeline.step(), Duration::millis(16));
        let answered: Vec<u64> = timeline.stretches().iter().map(|s| s.answered).collect();
        assert_eq!((answered.len(), answered[0], answered[5], answered[6]), (63, 1, 1, 1));
        assert_eq!((answered[62], answered.iter().sum()), (1, 4_u64));
    }

    #[test]
    fn some_minutes_are_told_second_by_second() {
        let step = |ms| of(&[read(0, 1), read(ms, 1)]).step();
        assert_eq!([95_000, 97_000].map(step), [1_024, 1_024].map(Duration::millis));
        assert_eq!([500_000, 525_000].map(step), [1_024, 2_048].map(Duration::millis));
    }

    #[test]
    fn what_failed_took_the_timeout_at_least() {
        let mut failed = read(3, 10);
        failed.status = Status::Failed;
        let mut unknown = read(3, 0);
        (unknown.status, unknown.completed) = (Status::Unknown, Instant::NEVER);
        let timeline = of(&[failed, unknown]);
        let stretch = &timeline.stretches()[3];
        assert_eq!((stretch.answered, &stretch.times[..]), (0, &[Duration::millis(50); 2][..]));
    }

    #[test]
    fn the_order_of_merging_does_not_show() {
        let (short, long) = (of(&[read(5, 1), read(9, 2)]), of(&[read(8, 3), read(3_000, 4)]));
        let (mut one, mut other) = (short.clone(), long.clone());
        one.merge(&long);
        other.merge(&short);
        let sorted = |timeline: &Timeline| {
            let times = |stretch: &Stretch| {
                let mut times = stretch.times.clone();
                times.sort_unstable();
                times
            };
            timeline.stretches().iter().map(times).collect::<Vec<_>>()
        };
        assert_eq!((one.step(), sorted(&one)), (other.step(), sorted(&other)));
        assert_eq!(one.step(), Duration::millis(32));
    }
}
