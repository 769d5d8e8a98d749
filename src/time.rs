//! Time, in three types that do not mix.
//!
//! [`Instant`] is true time: what a stopwatch outside the cluster reads. [`LocalTime`] is what one
//! node's clock reads, which may be off and may drift. [`Duration`] is a length of time. All are
//! whole nanoseconds in a `u64`, because a simulator that rounds to a millisecond reports a
//! 0.6 ms round trip as 2 ms. Protocols never see an [`Instant`].

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::ops::{Add, AddAssign, Mul, Sub};

/// A point in true time: nanoseconds since the run began.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Instant(pub u64);

/// A reading of one node's own clock, in nanoseconds. Readings of different nodes are not comparable.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct LocalTime(pub u64);

/// A length of time in nanoseconds; written `"1.5ms"` in scenarios.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(pub u64);

impl Instant {
    /// The start of the run.
    pub const ZERO: Self = Self(0);
    /// Later than any event of any run: the end of an operation that never completed.
    pub const NEVER: Self = Self(u64::MAX);

    /// Time passed since `earlier`, zero if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration(self.0.saturating_sub(earlier.0))
    }
}

impl LocalTime {
    /// Time passed on this clock since `earlier`, zero if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration(self.0.saturating_sub(earlier.0))
    }
}

impl Duration {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// Whole microseconds.
    #[must_use]
    pub const fn micros(n: u64) -> Self {
        Self(n * 1_000)
    }

    /// Whole milliseconds.
    #[must_use]
    pub const fn millis(n: u64) -> Self {
        Self(n * 1_000_000)
    }

    /// Whole seconds.
    #[must_use]
    pub const fn secs(n: u64) -> Self {
        Self(n * 1_000_000_000)
    }

    /// Milliseconds to the nearest nanosecond; negative and NaN become zero, too large saturates at 292 years.
    #[must_use]
    pub fn from_ms(ms: f64) -> Self {
        Self::from_ns(ms * 1e6)
    }

    /// By way of a signed integer: processors convert those in one step.
    #[inline]
    fn from_ns(ns: f64) -> Self {
        Self(((ns + 0.5) as i64).max(0) as u64)
    }

    /// This length in milliseconds.
    #[must_use]
    pub fn as_ms(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// This length in seconds.
    #[must_use]
    pub fn as_secs(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// The product with a non-negative factor, to the nearest nanosecond.
    #[must_use]
    pub fn scale(self, factor: f64) -> Self {
        Self::from_ns(self.0.min(i64::MAX as u64) as i64 as f64 * factor)
    }
}

impl Add<Duration> for Instant {
    type Output = Self;
    fn add(self, d: Duration) -> Self {
        Self(self.0.saturating_add(d.0))
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, d: Duration) {
        *self = *self + d;
    }
}

impl Add<Duration> for LocalTime {
    type Output = Self;
    fn add(self, d: Duration) -> Self {
        Self(self.0.saturating_add(d.0))
    }
}

impl Add for Duration {
    type Output = Self;
    fn add(self, d: Self) -> Self {
        Self(self.0.saturating_add(d.0))
    }
}

impl Sub for Duration {
    type Output = Self;
    /// Saturates at zero: a length is never negative.
    fn sub(self, d: Self) -> Self {
        Self(self.0.saturating_sub(d.0))
    }
}

impl Mul<u64> for Duration {
    type Output = Self;
    fn mul(self, n: u64) -> Self {
        Self(self.0.saturating_mul(n))
    }
}

const UNITS: [(&str, u64); 6] = [
    ("min", 60_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
    ("h", 3_600_000_000_000),
    ("s", 1_000_000_000),
];

impl std::str::FromStr for Duration {
    type Err = String;

    /// Reads `"250us"`, `"1.5ms"`, `"30s"`, `"2min"`, `"1h"`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("`{text}` is not a duration; write a number and a unit, as in `1.5ms`");
        let text = text.trim();
        let (unit, ns) = UNITS.iter().find(|(u, _)| text.ends_with(u)).ok_or_else(wrong)?;
        let number = text[..text.len() - unit.len()].trim();
        let plain = number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let value: f64 = number.parse().map_err(|_| wrong())?;
        let nanos = value * *ns as f64;
        if !plain {
            return Err(wrong());
        }
        // Up to 10^15 ns, eleven days, a number of nanoseconds survives any unit exactly.
        if nanos > 1e15 {
            return Err(format!("`{text}` is too long; a duration is at most 1000000s"));
        }
        Ok(Self((nanos + 0.5) as u64))
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, ns) = match self.0 {
            0 => return f.write_str("0ms"),
            1..1_000 => ("ns", 1.0),
            1_000..1_000_000 => ("us", 1e3),
            1_000_000..1_000_000_000 => ("ms", 1e6),
            _ => ("s", 1e9),
        };
        write!(f, "{}{unit}", self.0 as f64 / ns)
    }
}

impl fmt::Debug for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Reads a text, and says of anything else what a length of time looks like.
struct InWords;

impl serde::de::Visitor<'_> for InWords {
    type Value = Duration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text with a unit, as in \"60s\"")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Duration, E> {
        text.parse().map_err(E::custom)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(InWords)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_they_print() {
        for text in ["1ns", "250us", "1.5ms", "30s", "0.3ms", "2min", "1h", "0ms"] {
            let d: Duration = text.parse().expect("valid");
            assert_eq!(d.to_string().parse(), Ok(d), "{text}");
        }
        assert_eq!("0.3ms".parse(), Ok(Duration(300_000)));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "5", "ms", "-1ms", "1e3ms", "nan s", "99999999999999h", "5 parsecs"] {
            assert!(text.parse::<Duration>().is_err(), "{text}");
        }
        assert!("300h".parse::<Duration>().is_err_and(|message| message.contains("too long")));
    }
}
