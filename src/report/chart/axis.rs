//! Axes: values go through `libm` to scaled coordinates, and ticks and their labels are our own.
//!
//! plotters' own logarithmic coordinate uses the platform's `ln`, loses its first label and knows
//! no format; its linear one places ticks with the platform's `log10`. The same rows must give the
//! same bytes on every machine, so an [`Axis`] answers plotters' questions itself.

use super::super::number;
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use std::ops::Range;

/// How values become positions.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Scale {
    Linear,
    /// Decades.
    Log,
    /// Percentiles by their odds: p50 in the middle, p99.9 as far out as p0.1.
    Odds,
    /// Decades of `1 + value/unit`, so that 0 is shown.
    Log1p(f64),
}

impl Scale {
    fn apply(self, value: f64) -> f64 {
        match self {
            Self::Linear => value,
            Self::Log => libm::log10(value.max(1e-12)),
            Self::Odds => {
                let share = (value / 100.0).clamp(1e-9, 1.0 - 1e-9);
                libm::log10(share / (1.0 - share))
            }
            Self::Log1p(unit) => libm::log10(1.0 + value.max(0.0) / unit),
        }
    }
}

/// One axis of a chart, in the units of its data.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    scale: Scale,
    /// Ends in scaled coordinates.
    low: f64,
    high: f64,
    /// The same in data units, for plotters.
    ends: (f64, f64),
    ticks: Vec<(f64, String)>,
    minor: Vec<f64>,
    /// Whether 0, which has no logarithm, has a place of its own before the decades.
    zero: bool,
}

/// A part of an axis, from 0 (its low end) to 1 (its high end).
pub(super) type Gap = (f64, f64);

/// Share of an axis with a place for 0 that is before the gap, and that is before the decades.
const GAP: Gap = (0.1, 0.125);

impl Axis {
    /// Decades that hold all of `values`, at least a factor of four; only positive finite ones
    /// count.
    pub(super) fn log(
        values: impl IntoIterator<Item = f64>,
        label: fn(f64) -> String,
    ) -> Option<Self> {
        let (low, high) = extent(values.into_iter().filter(|v| *v > 0.0))?;
        let (mut low, mut high) = (low / 1.25, high * 1.25);
        if high / low < 4.0 {
            let middle = libm::sqrt(low * high);
            (low, high) = (middle / 2.0, middle * 2.0);
        }
        Some(Self::log_between(low, high, label))
    }

    /// The same with room at the high end, for labels beside the last points.
    pub(super) fn roomy_log(
        values: impl IntoIterator<Item = f64>,
        label: fn(f64) -> String,
    ) -> Option<Self> {
        let axis = Self::log(values, label)?;
        let (low, high) = axis.ends;
        Some(Self::log_between(low, high * libm::pow(high / low, 0.28), label))
    }

    /// Decades for latencies, in ms, some of which may be 0.
    pub(super) fn latencies(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        Self::beside_zero(values.into_iter().collect(), |all| Self::log(all, number::tick_ms))
    }

    /// The same with room at the high end.
    pub(super) fn roomy_latencies(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        Self::beside_zero(values.into_iter().collect(), |all| Self::roomy_log(all, number::tick_ms))
    }

    fn beside_zero(values: Vec<f64>, decades: impl Fn(Vec<f64>) -> Option<Self>) -> Option<Self> {
        let zero = values.contains(&0.0);
        // Where everything takes no time, some decades show that the axis has them.
        let axis = decades(values).or_else(|| decades(vec![1.0]).filter(|_| zero))?;
        Some(if zero { axis.with_zero() } else { axis })
    }

    /// Sets a place for latencies of 0 before the decades, apart by a gap: beside them no distance
    /// would be honest, and at their low end 0 would be read as the least of them.
    pub(super) fn with_zero(mut self) -> Self {
        self.zero = true;
        self.ticks.insert(0, (0.0, number::tick_ms(0.0)));
        self
    }

    /// Where the gap between 0 and the decades begins and ends, from 0 (low end) to 1 (high end).
    pub(super) fn gap(&self) -> Option<Gap> {
        self.zero.then_some(GAP)
    }

    /// Decades between two given ends.
    pub(super) fn log_between(low: f64, high: f64, label: fn(f64) -> String) -> Self {
        let decades = libm::log10(high / low);
        let mantissas: &[f64] = match decades {
            d if d < 0.8 => &[1.0, 1.5, 2.0, 3.0, 5.0, 7.0],
            d if d < 1.7 => &[1.0, 2.0, 5.0],
            d if d < 2.5 => &[1.0, 3.0],
            _ => &[1.0],
        };
        let pick = |mantissas: &[f64]| {
            let mut found = Vec::new();
            for exponent in -12..=12 {
                let decade = power_of_ten(exponent);
                found.extend(mantissas.iter().map(|m| m * decade));
            }
            found.retain(|v| *v >= low * 0.999 && *v <= high * 1.001);
            found
        };
        let ticks = pick(mantissas).into_iter().map(|v| (v, label(v))).collect();
        let minor = pick(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]);
        let mut axis = Self::new(Scale::Log, low, high, ticks);
        axis.minor = if decades < 1.2 { minor } else { Vec::new() };
        axis
    }

    /// An even scale from the least to the largest value; `label` writes a tick.
    pub(super) fn linear(
        values: impl IntoIterator<Item = f64>,
        label: impl Fn(f64) -> String,
    ) -> Option<Self> {
        let (low, high) = extent(values)?;
        let (low, high) = if high > low { (low, high) } else { (low - 0.5, high + 0.5) };
        let rough = (high - low) / 4.5;
        let decade = power_of_ten(libm::floor(libm::log10(rough)) as i32);
        let steps = [1.0, 2.0, 5.0, 10.0];
        let step = steps.into_iter().map(|s| s * decade).find(|s| *s >= rough);
        let step = step.unwrap_or(decade * 10.0);
        let first = libm::ceil(low / step - 1e-9) as i64;
        let last = libm::floor(high / step + 1e-9) as i64;
        let ticks = (first..=last.min(first.saturating_add(20))).map(|i| i as f64 * step);
        Some(Self::new(Scale::Linear, low, high, ticks.map(|v| (v, label(v))).collect()))
    }

    /// Its least and its largest value.
    pub(super) fn ends(&self) -> (f64, f64) {
        self.ends
    }

    /// An even scale with exactly these ticks.
    pub(super) fn with_ticks(low: f64, high: f64, ticks: Vec<(f64, String)>) -> Self {
        Self::new(Scale::Linear, low, high, ticks)
    }

    /// Percentiles from p10 to p99.9.
    pub(super) fn percentiles() -> Self {
        let named = [(10.0, "p10"), (50.0, "p50"), (90.0, "p90"), (99.0, "p99"), (99.9, "p99.9")];
        let ticks = named.into_iter().map(|(q, name)| (q, name.to_owned())).collect();
        Self::new(Scale::Odds, 8.0, 99.93, ticks)
    }

    /// Decades above `unit` with 0 at the left end.
    pub(super) fn from_zero(values: &[f64], label: fn(f64) -> String) -> Option<Self> {
        let positive = || values.iter().copied().filter(|v| *v > 0.0);
        let (unit, high) = extent(positive())?;
        let decades = libm::log10(high / unit);
        let mut ticks = vec![(0.0, label(0.0))];
        for exponent in -9..=9 {
            let decade = power_of_ten(exponent);
            let mantissas: &[f64] = if decades < 2.1 { &[1.0, 3.0] } else { &[1.0] };
            ticks.extend(mantissas.iter().map(|m| (m * decade, label(m * decade))));
        }
        ticks.retain(|t| t.0 == 0.0 || (t.0 >= unit * 0.999 && t.0 <= high * 1.001));
        let mut axis = Self::new(Scale::Log1p(unit), 0.0, high, ticks);
        let room = (axis.high - axis.low) * 0.04;
        axis.low -= room;
        axis.high += room;
        Some(axis)
    }

    fn new(scale: Scale, low: f64, high: f64, ticks: Vec<(f64, String)>) -> Self {
        let (a, b) = (scale.apply(low), scale.apply(high));
        Self { scale, low: a, high: b, ends: (low, high), ticks, minor: Vec::new(), zero: false }
    }

    /// Keeps at most `most` labels, evenly thinned.
    pub(super) fn thinned(self, most: usize) -> Self {
        let every = self.ticks.len().div_ceil(most.max(1)).max(1);
        self.every(every)
    }

    fn every(mut self, every: usize) -> Self {
        let keep = |(i, tick): (usize, (f64, String))| (i % every == 0).then_some(tick);
        self.ticks = self.ticks.into_iter().enumerate().filter_map(keep).collect();
        self
    }

    /// Keeps the labels that fit beside each other along `room` units, each as wide as `width` says.
    /// Of an even scale every second one goes, or two of three, and so on; of others the rounder
    /// numbers stay.
    pub(super) fn fitted(mut self, room: i32, width: fn(&str) -> i32) -> Self {
        let span = |tick: &(f64, String)| {
            let (middle, half) = (self.part(tick.0) * f64::from(room), width(&tick.1) / 2 + CLEAR);
            (middle - f64::from(half), middle + f64::from(half))
        };
        let spans: Vec<(f64, f64)> = self.ticks.iter().map(span).collect();
        let clear = |a: usize, b: usize| spans[a].1 <= spans[b].0 || spans[b].1 <= spans[a].0;
        if self.scale == Scale::Linear {
            let stands = |every: &usize| {
                let kept: Vec<usize> = (0..spans.len()).step_by(*every).collect();
                kept.windows(2).all(|two| clear(two[0], two[1]))
            };
            let every = (1..=spans.len()).find(stands).unwrap_or(1);
            return self.every(every);
        }
        let mut order: Vec<usize> = (0..spans.len()).collect();
        order.sort_by_key(|i| roundness(self.ticks[*i].0));
        let mut kept: Vec<usize> = Vec::new();
        for i in order {
            if kept.iter().all(|k| clear(*k, i)) {
                kept.push(i);
            }
        }
        let ticks = std::mem::take(&mut self.ticks).into_iter().enumerate();
        self.ticks = ticks.filter(|(i, _)| kept.contains(i)).map(|(_, tick)| tick).collect();
        self
    }

    /// Where `value` lies from 0 (low end) to 1 (high end); not finite counts as the low end.
    pub(super) fn part(&self, value: f64) -> f64 {
        let part = (self.scale.apply(value) - self.low) / (self.high - self.low);
        let part = if part.is_finite() { part.clamp(0.0, 1.0) } else { 0.0 };
        match self.gap() {
            Some((from, _)) if value <= 0.0 => from / 2.0,
            Some((_, to)) => to + part * (1.0 - to),
            None => part,
        }
    }
}

/// Least room on either side of a label, in units.
const CLEAR: i32 = 9;

/// 0 for powers of ten and for what is no number of an axis of decades, then 2 and 5, then 3, then
/// the rest.
fn roundness(value: f64) -> u8 {
    if value <= 0.0 {
        return 0;
    }
    let decade = power_of_ten(libm::floor(libm::log10(value * 1.000_001)) as i32);
    match libm::round(10.0 * value / decade) as i64 {
        10 => 0,
        20 | 50 => 1,
        30 => 2,
        _ => 3,
    }
}

/// 10 to a whole power, by multiplication or one division.
fn power_of_ten(exponent: i32) -> f64 {
    let mut power = 1.0;
    for _ in 0..exponent.unsigned_abs().min(300) {
        power *= 10.0;
    }
    if exponent < 0 { 1.0 / power } else { power }
}

/// Least and largest of the finite values.
fn extent(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    values.into_iter().filter(|v| v.is_finite()).fold(None, |ends, v| match ends {
        None => Some((v, v)),
        Some((low, high)) => Some((v.min(low), v.max(high))),
    })
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        limit.0 + libm::round(self.part(*value) * f64::from(limit.1 - limit.0)) as i32
    }

    /// Bold points are the labelled ticks, light ones the rest of the grid.
    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() {
            self.minor.clone()
        } else {
            self.ticks.iter().map(|t| t.0).collect()
        }
    }

    fn range(&self) -> Range<f64> {
        self.ends.0..self.ends.1
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, value: &f64) -> String {
        let named = self.ticks.iter().find(|t| t.0 == *value);
        named.map_or_else(|| number::plain(*value), |t| t.1.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|t| t.1.as_str()).collect()
    }

    #[test]
    fn latencies_get_decades_and_short_ranges_get_steps_between() {
        let wide = Axis::log([0.4, 218.9], number::tick_ms).expect("positive");
        assert_eq!(labels(&wide), ["1 ms", "10 ms", "100 ms"]);
        let narrow = Axis::log([69.0, 70.0], number::tick_ms).expect("positive");
        assert!(narrow.ticks.len() >= 3, "{:?}", labels(&narrow));
        assert!(Axis::log([0.0, f64::NAN, -1.0], number::tick_ms).is_none());
    }

    #[test]
    fn a_latency_of_zero_has_a_place_of_its_own_before_the_decades() {
        let axis = Axis::latencies([69.6, 0.0, 218.9]).expect("finite");
        assert_eq!(labels(&axis)[..2], ["0", "70 ms"]);
        let (from, to) = axis.gap().expect("0 is among them");
        assert!(axis.part(0.0) < from && to <= axis.part(1e-9) && axis.part(69.6) > to + 0.05);
        assert_eq!(axis.part(1e9), 1.0);
        assert_eq!(labels(&axis.fitted(600, |_| 80))[..2], ["0", "70 ms"]);
        // Where none is 0, all is as without; and 0 alone is an axis, too.
        let (plain, log) =
            (Axis::latencies([69.0, 220.0]), Axis::log([69.0, 220.0], number::tick_ms));
        let (plain, log) = (plain.expect("positive"), log.expect("positive"));
        assert_eq!((labels(&plain), plain.gap()), (labels(&log), None));
        assert_eq!(plain.part(100.0), log.part(100.0));
        assert_eq!(labels(&Axis::roomy_latencies([0.0, f64::NAN]).expect("0"))[0], "0");
        assert!(Axis::roomy_latencies([f64::NAN]).is_none());
    }

    #[test]
    fn positions_grow_with_values_and_stay_inside() {
        let axis = Axis::percentiles();
        let at: Vec<i32> = [10.0, 50.0, 90.0, 99.0, 99.9].map(|q| axis.map(&q, (0, 600))).to_vec();
        assert!(at.is_sorted() && at[0] > 0 && at[4] < 600, "{at:?}");
        assert_eq!(axis.map(&f64::NAN, (0, 600)), 0);
        let axis = Axis::from_zero(&[0.0, 1.0, 10.0, 500.0], number::tick_ms).expect("positive");
        assert_eq!(labels(&axis), ["0", "1 ms", "10 ms", "100 ms"]);
        assert!(axis.map(&0.0, (0, 600)) < axis.map(&1.0, (0, 600)));
        assert_eq!(axis.map(&1e9, (0, 600)), 600);
    }

    #[test]
    fn labels_that_would_touch_give_way_to_rounder_ones() {
        let close = || Axis::log([69.0, 220.0], number::tick_ms).expect("positive");
        let wide = |_: &str| 80;
        assert!(labels(&close()).contains(&"150 ms"));
        assert_eq!(labels(&close().fitted(500, wide)), ["70 ms", "100 ms", "200 ms"]);
        assert_eq!(labels(&close().fitted(6000, wide)), labels(&close()));
        let even = Axis::linear([0.0, 200.0], number::plain).expect("two values");
        assert_eq!(labels(&even.clone().fitted(300, wide)), ["0", "100", "200"]);
        assert_eq!(labels(&even.fitted(50, wide)), ["0"]);
    }

    #[test]
    fn even_scales_have_round_ticks() {
        let axis = Axis::linear([0.0, 200.0], number::plain).expect("two values");
        assert_eq!(labels(&axis), ["0", "50", "100", "150", "200"]);
        let flat = Axis::linear([7.0], number::plain).expect("one value");
        assert!(!flat.ticks.is_empty());
        assert_eq!(labels(&axis.thinned(3)), ["0", "100", "200"]);
    }
}
