//! A node's own clock: off by a constant and running too fast or too slow by a constant rate.

use crate::scenario::plan::ClockError;
use crate::time::{Duration, Instant, LocalTime};

/// Local clocks begin here, so that one that is behind true time still reads a positive number.
const EPOCH_NS: i128 = 86_400_000_000_000;
const BILLION: i128 = 1_000_000_000;

/// Maps true time to one node's reading and back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    offset_ns: i128,
    /// Nanoseconds gained per second.
    drift_ppb: i128,
}

impl Clock {
    /// That of all clients.
    pub(super) const EXACT: Self = Self { offset_ns: 0, drift_ppb: 0 };

    /// One that read this at the instant 0.
    pub(super) fn set_to(reading: Duration) -> Self {
        Self { offset_ns: i128::from(reading.0) - EPOCH_NS, drift_ppb: 0 }
    }

    /// The clock of a node with this error.
    pub(super) fn new(error: ClockError) -> Self {
        Self {
            offset_ns: (error.offset_ms * 1e6) as i128,
            drift_ppb: (error.drift_ppm * 1e3) as i128,
        }
    }

    /// What the clock reads at a true instant.
    #[inline]
    pub(super) fn read(&self, now: Instant) -> LocalTime {
        let mut local = EPOCH_NS + i128::from(now.0) + self.offset_ns;
        if self.drift_ppb != 0 {
            local += i128::from(now.0) * self.drift_ppb / BILLION;
        }
        LocalTime(local.clamp(0, i128::from(u64::MAX)) as u64)
    }

    /// It steps by so many milliseconds. Timers that are armed run on a monotonic clock and stay.
    pub(super) fn jump(&mut self, ms: f64) {
        self.offset_ns += (ms * 1e6) as i128;
    }

    /// From now on it runs faster by so many parts per million; what it reads now stays.
    pub(super) fn speed_up(&mut self, now: Instant, ppm: f64) {
        let gained = |drift: i128| i128::from(now.0) * drift / BILLION;
        let before = gained(self.drift_ppb);
        self.drift_ppb += (ppm * 1e3) as i128;
        self.offset_ns += before - gained(self.drift_ppb);
    }

    /// How much true time passes until this clock has advanced by at least `local`.
    #[inline]
    pub(super) fn true_length(&self, local: Duration) -> Duration {
        if self.drift_ppb == 0 {
            return local;
        }
        let rate = BILLION + self.drift_ppb;
        Duration(((i128::from(local.0) * BILLION + rate - 1) / rate) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fast_clock_gains_and_its_timers_fire_early() {
        let fast = Clock::new(ClockError { offset_ms: 5.0, drift_ppm: 100.0 });
        let start = fast.read(Instant::ZERO);
        let later = fast.read(Instant::ZERO + Duration::secs(10));
        assert_eq!(later.since(start), Duration(10_001_000_000));
        let fires = fast.true_length(Duration::secs(10));
        assert!(fires < Duration::secs(10));
        assert!(fast.read(Instant::ZERO + fires).since(start) >= Duration::secs(10));
    }

    #[test]
    fn a_clock_reads_what_it_was_set_to() {
        let set = Clock::set_to(Duration::secs(1_700_000_000));
        assert_eq!(set.read(Instant(5)), LocalTime(1_700_000_000_000_000_005));
    }

    #[test]
    fn a_true_clock_is_exact() {
        let exact = Clock::new(ClockError::default());
        let at = |ns| exact.read(Instant(ns)).since(exact.read(Instant::ZERO));
        assert_eq!(at(123_456_789), Duration(123_456_789));
        assert_eq!(exact.true_length(Duration(7)), Duration(7));
    }
}
