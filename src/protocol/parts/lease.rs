//! How long a leader may trust a promise that others keep by their own clocks.
//!
//! The rule is that of Gray and Cheriton, "Leases" (1989), with the margin for two clocks that
//! Ongaro's thesis (2014, section 6.4.1) asks for. It counts from the *send* time of the message
//! that renewed the promise: a follower starts its count when the message arrives, which is later,
//! so the leader's count ends first whatever the network did in between.

use crate::time::Duration;

const MILLION: u128 = 1_000_000;

/// How long, by its own clock and from the send time of what was acknowledged, a leader may act on
/// promises that last `promise` by the clocks of those who made them.
///
/// With clocks that gain or lose at most `d`: a promise ends no sooner than `promise / (1 + d)` of
/// true time after the send, and a stretch `l` of the leader's clock lasts at most `l / (1 - d)` of
/// true time. So `l / (1 - d) <= promise / (1 + d)`, which gives `l = promise * (1 - d) / (1 + d)`,
/// about `promise * (1 - 2d)`. Rounded down.
#[must_use]
pub fn trusted(promise: Duration, max_drift_ppm: u32) -> Duration {
    let drift = u128::from(max_drift_ppm).min(MILLION);
    Duration((u128::from(promise.0) * (MILLION - drift) / (MILLION + drift)) as u64)
}

/// The longest stretch of one clock that certainly lasts no longer than `true_time`.
#[must_use]
pub fn within(true_time: Duration, max_drift_ppm: u32) -> Duration {
    let drift = u128::from(max_drift_ppm).min(MILLION);
    Duration((u128::from(true_time.0) * (MILLION - drift) / MILLION) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn perfect_clocks_need_no_margin() {
        assert_eq!(trusted(Duration::secs(1), 0), Duration::secs(1));
        assert_eq!(within(Duration::secs(1), 0), Duration::secs(1));
        assert_eq!(trusted(Duration::secs(1), 200), Duration(999_600_079));
        assert_eq!(within(Duration::secs(1), 200), Duration(999_800_000));
    }

    proptest! {
        /// The slowest leader against the fastest follower, in exact integers.
        #[test]
        fn the_lease_ends_before_the_promise(
            promise in 0u64..100_000_000_000,
            drift in 0u32..100_000,
            leader in -1.0f64..1.0,
            follower in -1.0f64..1.0,
        ) {
            let rate = |x: f64| (1_000_000 + (x * f64::from(drift)) as i64) as u128;
            let lease = u128::from(trusted(Duration(promise), drift).0);
            prop_assert!(lease * rate(follower) <= u128::from(promise) * rate(leader));
        }
    }
}
