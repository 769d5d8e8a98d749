//! t-visibility: how likely a read that begins t after a write's acknowledgement sees it, as a
//! curve.
//!
//! Follows P. Bailis et al., "Probabilistically Bounded Staleness for Practical Partial Quorums"
//! (VLDB 2012), but from the reads of any workload: t is the read's start minus the latest
//! acknowledgement of a write of the key, with t = 0 at that very instant. A read is fresh iff it
//! returned that write or a newer one: newer in the key's version order where both are decided, and
//! otherwise one that began after the acknowledgement. Probing workloads have few different t,
//! which are kept exactly; other workloads fill bins, three per decade.

use super::index::Order;
use super::latency::EXACT;
use super::staleness::Observation;
use crate::history::History;
use crate::op::Value;
use crate::time::Duration;

/// Reads at one t, or in one bin of t.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    n: u64,
    fresh: u64,
    /// Sum of t, for the bin's mean.
    sum: u128,
}

/// One point of the curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VisibilityPoint {
    /// Milliseconds since the acknowledgement; the mean of a bin's reads.
    pub t_ms: f64,
    /// Reads.
    pub n: u64,
    /// Those that saw the write or a newer one.
    pub fresh: u64,
}

/// A curve being gathered; merging in any order gives the same points.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Visibility {
    /// By t, or by the number of its bin once there are too many different t.
    tallies: Vec<(u64, Tally)>,
    binned: bool,
}

impl Visibility {
    /// Adds one read.
    pub fn record(&mut self, t: Duration, fresh: bool) {
        let key = if self.binned { bin(t.0) } else { t.0 };
        self.add(key, Tally { n: 1, fresh: u64::from(fresh), sum: u128::from(t.0) });
    }

    /// Adds all reads of another curve.
    pub fn merge(&mut self, other: &Self) {
        if other.binned {
            self.make_bins();
        }
        for (key, tally) in &other.tallies {
            let key = if self.binned && !other.binned { bin(*key) } else { *key };
            self.add(key, *tally);
        }
    }

    fn add(&mut self, key: u64, tally: Tally) {
        match self.tallies.binary_search_by_key(&key, |(key, _)| *key) {
            Ok(at) => {
                let ours = &mut self.tallies[at].1;
                ours.n += tally.n;
                ours.fresh += tally.fresh;
                ours.sum += tally.sum;
            }
            Err(at) if self.binned || self.tallies.len() < EXACT => {
                self.tallies.insert(at, (key, tally));
            }
            Err(_) => {
                self.make_bins();
                self.add(bin(key), tally);
            }
        }
    }

    fn make_bins(&mut self) {
        if !self.binned {
            self.binned = true;
            for (t, tally) in std::mem::take(&mut self.tallies) {
                self.add(bin(t), tally);
            }
        }
    }

    /// The curve, by rising t.
    #[must_use]
    pub fn points(&self) -> Vec<VisibilityPoint> {
        let point = |(_, tally): &(u64, Tally)| VisibilityPoint {
            t_ms: tally.sum as f64 / tally.n as f64 / 1e6,
            n: tally.n,
            fresh: tally.fresh,
        };
        self.tallies.iter().map(point).collect()
    }
}

/// The lower edge of the bin of t: 0, then 1, 2, 5, 10, ... microseconds.
fn bin(t: u64) -> u64 {
    let mut decade = 1_000;
    if t < decade {
        return 0;
    }
    while t / 10 >= decade {
        decade *= 10;
    }
    match t / decade {
        0..2 => decade,
        2..5 => 2 * decade,
        _ => 5 * decade,
    }
}

/// Where a read belongs on the curve, if its key had an acknowledged write.
pub(super) fn place(
    history: &History,
    order: &Order,
    writes: &[u32],
    seen: &Observation,
) -> Option<(Duration, bool)> {
    let (latest, at) = seen.latest?;
    let t = history.operations[seen.op as usize].invoked.since(at);
    let newer = match (order.place(seen.value), order.place(latest)) {
        (Some(ours), Some(theirs)) => ours > theirs,
        _ if seen.value == Value::INITIAL => false,
        _ => writes
            .get(seen.value.0 as usize)
            .is_some_and(|id| history.operations[*id as usize].invoked > at),
    };
    Some((t, seen.value == latest || newer))
}

#[cfg(test)]
mod tests {
    use super::super::index;
    use super::super::staleness::observe;
    use super::super::testing::story;
    use super::*;
    use proptest::prelude::*;

    fn curve(text: &str) -> Vec<(f64, bool)> {
        let history = story(text);
        let (order, writes) = (Order::of(&history), index::writes(&history));
        let mut found = Vec::new();
        observe(&history, &order, &writes, |seen| {
            found.extend(place(&history, &order, &writes, &seen).map(|(t, f)| (t.as_ms(), f)));
        });
        found
    }

    #[test]
    fn time_counts_from_the_latest_acknowledgement() {
        let text =
            "a: w1 0..4 #1; b: r1 4..5; b: r0 6..7; a: w2 8..10 #9; b: r1 10..11; b: r2 15..16";
        assert_eq!(curve(text), [(0.0, true), (2.0, false), (0.0, false), (5.0, true)]);
        assert_eq!(curve("b: r0 0..1; a: w1 2..3"), [], "nothing was acknowledged yet");
    }

    #[test]
    fn newer_follows_the_version_order_and_real_time_without_one() {
        // w1 is acknowledged last, but w2 was decided after it.
        assert_eq!(curve("a: w1 0..9 #1; b: w2 0..5 #3; c: r2 10..11"), [(1.0, true)]);
        assert_eq!(curve("a: w1 0..9 #3; b: w2 0..5 #1; c: r2 10..11"), [(1.0, false)]);
        // Without commits, only a write that began after the acknowledgement is surely newer.
        assert_eq!(curve("a: w1 0..9; b: w2 0..5; c: r2 10..11"), [(1.0, false)]);
        assert_eq!(curve("a: w1 0..3; b: w2 4..20; c: r2 10..11"), [(7.0, true)]);
    }

    #[test]
    fn bins_are_one_two_five() {
        let edges = [0, 999, 1_000, 1_999, 2_000, 4_999, 5_000, 9_999, 10_000, 70_000_000];
        let bins = [0, 0, 1_000, 1_000, 2_000, 2_000, 5_000, 5_000, 10_000, 50_000_000];
        assert_eq!(edges.map(bin), bins);
        assert_eq!(bin(u64::MAX), 10_000_000_000_000_000_000);
    }

    proptest! {
        #[test]
        fn merging_in_any_order_is_recording_at_once(
            parts in proptest::collection::vec(
                proptest::collection::vec((0_u64..90_000, any::<bool>()), 0..40), 1..6),
        ) {
            let gather = |reads: &[(u64, bool)]| {
                let mut all = Visibility::default();
                reads.iter().for_each(|(t, fresh)| all.record(Duration(*t), *fresh));
                all
            };
            let once = gather(&parts.concat());
            let mut merged = Visibility::default();
            parts.iter().rev().for_each(|part| merged.merge(&gather(part)));
            prop_assert_eq!(&merged, &once);
            let n: u64 = once.points().iter().map(|point| point.n).sum();
            prop_assert_eq!(n as usize, parts.concat().len());
        }
    }
}
