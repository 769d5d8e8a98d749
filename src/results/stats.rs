//! Intervals and comparisons.
//!
//! Rates carry Wilson's score interval (E. B. Wilson 1927); where nothing was seen in n trials, its
//! upper end is the rule of three, 3/n (Hanley and Lippman-Hand 1983). Percentiles carry Woodruff's
//! interval with seeds as clusters: operations within one run are not independent samples, runs with
//! different seeds are. Figures of virtual time are deterministic, so a comparison of two
//! results is exact, and only says beside it whether the intervals across seeds part.

use super::row::{Row, VerdictWord};
use std::collections::BTreeMap;

/// The 97.5th percentile of the normal distribution.
const Z: f64 = 1.96;

/// The 97.5th percentiles of Student's t with 1 to 30 degrees of freedom.
const T: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
    2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
    2.052, 2.048, 2.045, 2.042,
];

/// A lower and an upper end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// The 95 % interval of a rate of which `hits` of `n` were seen; `None` for n = 0.
#[must_use]
pub fn wilson(hits: u64, n: u64) -> Option<Interval> {
    if n == 0 {
        return None;
    }
    let trials = n as f64;
    if hits == 0 {
        return Some(Interval { low: 0.0, high: (3.0 / trials).min(1.0) });
    }
    let rate = hits as f64 / trials;
    let middle = rate + Z * Z / (2.0 * trials);
    let spread = Z * (rate * (1.0 - rate) / trials + Z * Z / (4.0 * trials * trials)).sqrt();
    let scale = 1.0 + Z * Z / trials;
    let high = if hits >= n { 1.0 } else { (middle + spread) / scale };
    Some(Interval { low: ((middle - spread) / scale).max(0.0), high: high.min(1.0) })
}

/// The 95 % interval of a quantile of all operations, as an interval of shares: the quantiles at its two
/// ends bound the quantile at `share`, and always contain it. For each seed, how many of its operations
/// are no larger than that quantile, and how many it has. `None` for fewer than two seeds, and where too
/// few operations lie beyond to say how large it may be.
///
/// R. S. Woodruff, "Confidence Intervals for Medians and Other Position Measures" (1952), with seeds as
/// clusters: the share's spread across seeds, by Student's t.
#[must_use]
pub fn woodruff(share: f64, seeds: &[(u64, u64)]) -> Option<Interval> {
    let measured = || seeds.iter().filter(|(_, n)| *n > 0);
    let k = measured().count();
    if k < 2 {
        return None;
    }
    let sum = |of: fn(&(u64, u64)) -> u64| measured().map(of).sum::<u64>() as f64;
    let (below, n) = (sum(|seed| seed.0), sum(|seed| seed.1));
    let rate = below / n;
    let apart = |(below, n): &(u64, u64)| *below as f64 - rate * *n as f64;
    let squares: f64 = measured().map(apart).map(|d| d * d).sum();
    let half = t(k - 1) * (squares * k as f64 / (k as f64 - 1.0)).sqrt() / n;
    (share + half < 1.0).then_some(Interval { low: (share - half).max(0.0), high: share + half })
}

/// The 97.5th percentile of Student's t; beyond 30 degrees the value of the next lower tabulated
/// one.
fn t(degrees: usize) -> f64 {
    match degrees {
        0 => f64::INFINITY,
        1..=30 => T[degrees - 1],
        31..=39 => 2.042,
        40..=59 => 2.021,
        60..=119 => 2.000,
        120..=999 => 1.980,
        _ => 1.962,
    }
}

/// `new / old`; `None` where that says nothing.
#[must_use]
pub fn ratio(old: f64, new: f64) -> Option<f64> {
    (old > 0.0 && new.is_finite()).then(|| new / old)
}

/// The geometric mean of positive numbers; `None` without any.
#[must_use]
pub fn geometric_mean(numbers: &[f64]) -> Option<f64> {
    let sound = !numbers.is_empty() && numbers.iter().all(|x| *x > 0.0 && x.is_finite());
    let mean = || numbers.iter().map(|x| libm::log(*x)).sum::<f64>() / numbers.len() as f64;
    sound.then(|| libm::exp(mean()))
}

/// Where two sets of results differ.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Full name of the cell.
    pub cell: String,
    /// The phase.
    pub phase: String,
    /// The clients' region, or `all`.
    pub client_region: String,
    /// The kind of operation.
    pub op: String,
    /// What differs.
    pub change: Change,
}

/// How a row differs from its counterpart.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Only the new results have it.
    Added,
    /// Only the old results have it.
    Removed,
    /// The verdict differs; listed once per cell.
    Verdict {
        /// Before.
        old: VerdictWord,
        /// Now.
        new: VerdictWord,
    },
    /// A figure differs.
    Figure {
        /// The column.
        column: &'static str,
        /// Before.
        old: f64,
        /// Now.
        new: f64,
        /// Now over before.
        ratio: Option<f64>,
        /// Whether the intervals across seeds (or of the rate) do not touch; `None` if there are
        /// none.
        parted: Option<bool>,
    },
}

type Place<'a> = (&'a str, &'a str, &'a str, &'a str);

fn place(row: &Row) -> Place<'_> {
    (&row.cell, &row.phase, &row.client_region, &row.op)
}

/// Compares two sets of rows: first everything in the order of the new ones, then what is gone.
#[must_use]
pub fn compare(old: &[Row], new: &[Row]) -> Vec<Difference> {
    let mut before: BTreeMap<Place<'_>, &Row> = old.iter().map(|row| (place(row), row)).collect();
    let mut found = Vec::new();
    let mut judged = "";
    for row in new {
        let Some(was) = before.remove(&place(row)) else {
            found.push(difference(row, Change::Added));
            continue;
        };
        if was.verdict != row.verdict && judged != row.cell {
            let change = Change::Verdict { old: was.verdict, new: row.verdict };
            found.push(difference(row, change));
            judged = &row.cell;
        }
        found.extend(figures(was, row).into_iter().map(|change| difference(row, change)));
    }
    let gone = old.iter().filter(|row| before.contains_key(&place(row)));
    found.extend(gone.map(|row| difference(row, Change::Removed)));
    found
}

fn difference(row: &Row, change: Change) -> Difference {
    Difference {
        cell: row.cell.clone(),
        phase: row.phase.clone(),
        client_region: row.client_region.clone(),
        op: row.op.clone(),
        change,
    }
}

fn figures(old: &Row, new: &Row) -> Vec<Change> {
    let between = |low: Option<f64>, high: Option<f64>| {
        low.zip(high).map(|(low, high)| Interval { low, high })
    };
    let p50 = |row: &Row| (Some(row.p50_ms), between(row.p50_low_ms, row.p50_high_ms));
    let p99 = |row: &Row| (Some(row.p99_ms), between(row.p99_low_ms, row.p99_high_ms));
    let stale = |row: &Row| (row.stale_rate, between(row.stale_rate_low, row.stale_rate_high));
    let served = |row: &Row| {
        let (ok, n) = row.answered.zip(row.answerable).unwrap_or((row.ok, row.n));
        ((n > 0).then(|| ok as f64 / n as f64), wilson(ok, n))
    };
    let columns = [
        ("p50_ms", p50(old), p50(new)),
        ("p99_ms", p99(old), p99(new)),
        ("stale_rate", stale(old), stale(new)),
        ("answered / answerable", served(old), served(new)),
        ("throughput", (Some(old.throughput), None), (Some(new.throughput), None)),
        ("messages_per_op", (old.messages_per_op, None), (new.messages_per_op, None)),
    ];
    let changed = columns.into_iter().filter_map(|(column, old, new)| {
        let (was, is) = (old.0?, new.0?);
        let parted = old.1.zip(new.1).map(|(a, b)| a.high < b.low || b.high < a.low);
        let change = Change::Figure { column, old: was, new: is, ratio: ratio(was, is), parted };
        (was != is).then_some(change)
    });
    changed.collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::row;
    use super::*;
    use std::slice::from_ref;

    fn close(interval: Option<Interval>, low: f64, high: f64) {
        let found = interval.expect("an interval");
        let near = (found.low - low).abs() < 5e-4 && (found.high - high).abs() < 5e-4;
        assert!(near, "{found:?}, not {low} to {high}");
    }

    #[test]
    fn wilson_gives_the_textbook_intervals() {
        close(wilson(1, 10), 0.0179, 0.4042);
        close(wilson(50, 100), 0.4038, 0.5962);
        close(wilson(10, 10), 0.7225, 1.0);
        assert_eq!(wilson(0, 1_000), Some(Interval { low: 0.0, high: 0.003 }));
        assert_eq!(wilson(0, 2), Some(Interval { low: 0.0, high: 1.0 }));
        assert_eq!(wilson(0, 0), None);
    }

    #[test]
    fn an_interval_of_a_quantile_contains_it_and_widens_with_unlike_seeds() {
        assert_eq!(woodruff(0.5, &[(5, 10)]), None, "one seed");
        assert_eq!(woodruff(0.5, &[(5, 10), (0, 0)]), None, "one that has any");
        assert_eq!(woodruff(0.5, &[(5, 10); 4]), Some(Interval { low: 0.5, high: 0.5 }));
        // Four seeds, deviations +1 -1 +1 -1 of ten each: 3.182 * sqrt(4 * 4 / 3) / 40.
        close(woodruff(0.5, &[(6, 10), (4, 10), (6, 10), (4, 10)]), 0.3163, 0.6837);
        // What lies above the 99th percentile of thirty operations, nobody has seen.
        assert_eq!(woodruff(0.99, &[(10, 10), (10, 10), (9, 10)]), None);
        let seeds: Vec<(u64, u64)> = (0..20).map(|i| (980 + i, 1000)).collect();
        let found = woodruff(0.99, &seeds).expect("enough");
        assert!(found.low < 0.99 && found.high > 0.99 && found.high < 0.993, "{found:?}");
    }

    /// The table against an independent implementation.
    #[test]
    fn the_table_of_t_is_right() {
        use statrs::distribution::{ContinuousCDF, StudentsT};
        for degrees in 1..=2_000 {
            let exact = StudentsT::new(0.0, 1.0, degrees as f64).expect("valid").inverse_cdf(0.975);
            let error = t(degrees) - exact;
            // Beyond the table it errs on the wide side.
            let bound = if degrees <= 30 { 5.1e-4 } else { 0.03 };
            assert!(error > -5.1e-4 && error < bound, "{degrees}: {} for {exact}", t(degrees));
        }
    }

    #[test]
    fn ratios_and_their_mean() {
        assert_eq!((ratio(2.0, 3.0), ratio(0.0, 3.0)), (Some(1.5), None));
        assert!((geometric_mean(&[0.5, 8.0]).expect("positive") - 2.0).abs() < 1e-12);
        assert_eq!((geometric_mean(&[]), geometric_mean(&[1.0, 0.0])), (None, None));
    }

    #[test]
    fn comparing_names_what_changed_came_and_went() {
        let old = [row("a"), row("b")];
        let mut new = [row("a"), row("c")];
        assert_eq!(compare(&old, &old), []);
        new[0].p50_ms = 2.0 * old[0].p50_ms;
        new[0].verdict = VerdictWord::Violated;
        let found = compare(&old, &new);
        let cells: Vec<_> = found.iter().map(|d| d.cell.as_str()).collect();
        assert_eq!(cells, ["a", "a", "c", "b"]);
        assert_eq!(
            found[0].change,
            Change::Verdict { old: VerdictWord::Holds, new: VerdictWord::Violated }
        );
        let Change::Figure { column, ratio, .. } = found[1].change else { panic!("{found:?}") };
        assert_eq!((column, ratio), ("p50_ms", Some(2.0)));
        assert_eq!((&found[2].change, &found[3].change), (&Change::Added, &Change::Removed));
    }

    #[test]
    fn parted_intervals_are_told_from_noise() {
        let (mut old, mut new) = (row("a"), row("a"));
        (old.p99_ms, old.p99_low_ms, old.p99_high_ms) = (10.0, Some(9.0), Some(11.0));
        (new.p99_ms, new.p99_low_ms, new.p99_high_ms) = (12.0, Some(10.5), Some(13.5));
        let parted = |old: &Row, new: &Row| match compare(from_ref(old), from_ref(new))[0].change {
            Change::Figure { parted, .. } => parted,
            _ => None,
        };
        assert_eq!(parted(&old, &new), Some(false));
        new.p99_low_ms = Some(11.5);
        assert_eq!(parted(&old, &new), Some(true));
    }
}
