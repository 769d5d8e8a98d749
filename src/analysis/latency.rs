//! Distributions of times: exact while there are few different ones, a histogram after that.
//!
//! The histogram is G. Tene's HdrHistogram: 3 significant digits from 1 microsecond to 1 hour,
//! values beyond that counted at its end. It reports the upper end of a bucket, up to 0.1 % too
//! high, so it is used only once more than 64 different times have been seen, and every percentile
//! is held between the exact smallest and largest time. A world with constant delays therefore
//! reports its arithmetic to the nanosecond. Sums are integers: merging in any order gives the same
//! figures.

use crate::time::Duration;
use hdrhistogram::Histogram;

/// As many different times are kept exactly.
pub(super) const EXACT: usize = 64;

/// Times are recorded in the histogram between these.
const SHORTEST: u64 = 1_000;
const LONGEST: u64 = 3_600_000_000_000;

/// A multiset of times.
#[derive(Clone, Debug)]
pub struct Times {
    n: u64,
    sum: u128,
    least: u64,
    most: u64,
    counts: Counts,
}

#[derive(Clone, Debug)]
enum Counts {
    /// Nanoseconds and how often, in order.
    Exact(Vec<(u64, u64)>),
    Histogram(Box<Histogram<u32>>),
}

impl Default for Times {
    fn default() -> Self {
        Self { n: 0, sum: 0, least: u64::MAX, most: 0, counts: Counts::Exact(Vec::new()) }
    }
}

impl Times {
    /// Adds one time.
    #[inline]
    pub fn record(&mut self, time: Duration) {
        self.n += 1;
        self.sum += u128::from(time.0);
        self.least = self.least.min(time.0);
        self.most = self.most.max(time.0);
        self.count(time.0, 1);
    }

    /// Adds all times of another multiset.
    pub fn merge(&mut self, other: &Self) {
        self.n += other.n;
        self.sum += other.sum;
        self.least = self.least.min(other.least);
        self.most = self.most.max(other.most);
        match &other.counts {
            Counts::Exact(times) => times.iter().for_each(|(time, n)| self.count(*time, *n)),
            Counts::Histogram(theirs) => {
                let ours = self.histogram();
                // Both have the same bounds and grow by themselves, so this cannot fail.
                let _ = ours.add(theirs.as_ref());
            }
        }
    }

    #[inline]
    fn count(&mut self, time: u64, n: u64) {
        match &mut self.counts {
            Counts::Histogram(histogram) => put(histogram, time, n),
            Counts::Exact(times) => match times.binary_search_by_key(&time, |(time, _)| *time) {
                Ok(at) => times[at].1 += n,
                Err(at) if times.len() < EXACT => times.insert(at, (time, n)),
                Err(_) => put(self.histogram(), time, n),
            },
        }
    }

    fn histogram(&mut self) -> &mut Histogram<u32> {
        if let Counts::Exact(times) = &self.counts {
            let mut histogram = empty();
            times.iter().for_each(|(time, n)| put(&mut histogram, *time, *n));
            self.counts = Counts::Histogram(Box::new(histogram));
        }
        match &mut self.counts {
            Counts::Histogram(histogram) => histogram,
            Counts::Exact(_) => unreachable!("it was replaced above"),
        }
    }

    /// How many times there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.n
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.n == 0
    }

    /// Their exact mean in milliseconds; `None` if there are none.
    #[must_use]
    pub fn mean_ms(&self) -> Option<f64> {
        (self.n > 0).then(|| self.sum as f64 / self.n as f64 / 1e6)
    }

    /// The exact largest; zero if there are none.
    #[must_use]
    pub fn max(&self) -> Duration {
        Duration(self.most)
    }

    /// The exact smallest; zero if there are none.
    #[must_use]
    pub fn min(&self) -> Duration {
        Duration(if self.n == 0 { 0 } else { self.least })
    }

    /// The different times, as exactly as they are kept, and how often each was.
    #[must_use]
    pub fn steps(&self) -> Vec<(Duration, u64)> {
        let held = |time: u64| Duration(time.clamp(self.least, self.most));
        match &self.counts {
            Counts::Exact(times) => times.iter().map(|(time, n)| (held(*time), *n)).collect(),
            Counts::Histogram(histogram) => histogram
                .iter_recorded()
                .map(|step| (held(step.value_iterated_to()), step.count_since_last_iteration()))
                .collect(),
        }
    }

    /// The smallest time such that at least this share of all, from 0 to 1, is no larger.
    #[must_use]
    pub fn at_share(&self, share: f64) -> Duration {
        let rank = (share * self.n as f64).ceil().clamp(1.0, self.n.max(1) as f64);
        self.at_ranks([rank as u128])[0]
    }

    /// Percentiles, asked in thousandths and in rising order (500 is the median): the smallest time
    /// such that at least this share of all times is no larger. Zero if there are none.
    #[must_use]
    pub fn quantiles<const N: usize>(&self, thousandths: [u64; N]) -> [Duration; N] {
        let most = u128::from(self.n.max(1));
        let rank = |q: u64| (u128::from(self.n) * u128::from(q)).div_ceil(1_000).clamp(1, most);
        self.at_ranks(thousandths.map(rank))
    }

    /// The times at these places, from 1, in rising order.
    fn at_ranks<const N: usize>(&self, ranks: [u128; N]) -> [Duration; N] {
        let mut found = [Duration::ZERO; N];
        let mut at = 0;
        let mut seen = 0_u128;
        let mut pass = |value: u64, n: u64| {
            seen += u128::from(n);
            while at < N && ranks[at] <= seen {
                found[at] = Duration(value.clamp(self.least, self.most));
                at += 1;
            }
        };
        match &self.counts {
            Counts::Exact(times) => times.iter().for_each(|(time, n)| pass(*time, *n)),
            Counts::Histogram(histogram) => histogram
                .iter_recorded()
                .for_each(|step| pass(step.value_iterated_to(), step.count_since_last_iteration())),
        }
        found
    }

    /// One percentile, in thousandths.
    #[must_use]
    pub fn quantile(&self, thousandths: u64) -> Duration {
        self.quantiles([thousandths])[0]
    }
}

fn empty() -> Histogram<u32> {
    // The bounds and the precision are constants that the crate accepts.
    let mut histogram = match Histogram::new_with_bounds(SHORTEST, 2 * SHORTEST, 3) {
        Ok(histogram) => histogram,
        Err(error) => unreachable!("constant bounds are valid: {error}"),
    };
    histogram.auto(true);
    histogram
}

#[inline]
fn put(histogram: &mut Histogram<u32>, time: u64, n: u64) {
    let n = u32::try_from(n).unwrap_or(u32::MAX);
    // It grows up to `LONGEST`, so no time is refused.
    let _ = histogram.record_n(time.min(LONGEST), n);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn times(nanos: impl IntoIterator<Item = u64>) -> Times {
        let mut times = Times::default();
        nanos.into_iter().for_each(|t| times.record(Duration(t)));
        times
    }

    #[test]
    fn constant_delays_come_out_exact() {
        let all = times([69_600_000; 10_000]);
        assert_eq!(all.quantiles([1, 500, 999]), [Duration(69_600_000); 3]);
        assert_eq!(all.mean_ms(), Some(69.6));
        let mixed = times((0..1_000).map(|i| if i < 900 { 250_000 } else { 182_200_000 }));
        let found = mixed.quantiles([500, 900, 901, 1_000]);
        assert_eq!(found.map(Duration::as_ms), [0.25, 0.25, 182.2, 182.2]);
    }

    #[test]
    fn nothing_is_zero_and_never_is_an_hour() {
        assert_eq!(times([]).quantile(500), Duration::ZERO);
        assert_eq!((times([]).min(), times([]).mean_ms()), (Duration::ZERO, None));
        let long = times((0..100).map(|i| u64::MAX - i));
        assert_eq!(long.max(), Duration(u64::MAX));
        assert!(long.quantile(500) >= Duration(LONGEST));
    }

    proptest! {
        #[test]
        fn percentiles_are_within_a_thousandth(
            mut nanos in proptest::collection::vec(1_000_u64..10_000_000_000, 1..500),
            q in 1_u64..=1_000,
        ) {
            let all = times(nanos.iter().copied());
            nanos.sort_unstable();
            let exact = nanos[(nanos.len() * q as usize).div_ceil(1_000) - 1];
            let found = all.quantile(q).0;
            prop_assert!(found >= exact, "{found} < {exact}");
            prop_assert!(found as f64 <= exact as f64 * 1.001 + 512.0, "{found} > {exact}");
            prop_assert!(found <= nanos[nanos.len() - 1]);
            prop_assert_eq!(all.at_share(q as f64 / 1e3 - 1e-9), all.quantile(q));
            let steps = all.steps();
            prop_assert!(steps.iter().any(|(time, _)| time.0 == found));
            prop_assert_eq!(steps.iter().map(|(_, n)| n).sum::<u64>(), all.len());
        }

        #[test]
        fn merging_in_any_order_is_recording_at_once(
            parts in proptest::collection::vec(
                proptest::collection::vec(prop_oneof![0_u64..40, 0_u64..1 << 40], 0..60), 1..6),
        ) {
            let once = times(parts.iter().flatten().copied());
            let merged = |order: &mut dyn Iterator<Item = &Vec<u64>>| {
                let mut all = Times::default();
                order.for_each(|part| all.merge(&times(part.iter().copied())));
                all
            };
            let qs = [1, 100, 250, 500, 750, 900, 950, 990, 999, 1_000];
            for all in [merged(&mut parts.iter()), merged(&mut parts.iter().rev())] {
                prop_assert_eq!(all.quantiles(qs), once.quantiles(qs));
                prop_assert_eq!((all.len(), all.mean_ms()), (once.len(), once.mean_ms()));
                prop_assert_eq!((all.min(), all.max()), (once.min(), once.max()));
            }
        }
    }
}
