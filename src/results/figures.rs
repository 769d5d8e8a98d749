//! The figures of a row or a curve, from what was measured. Times are milliseconds to the
//! nanosecond, rates have nine decimals.

use super::row::{CurvePoint, Row, SCHEMA};
use super::stats::{Interval, wilson};
use crate::analysis::{Cost, Slot, Summary, Tally, Visibility, VisibilityPoint};
use crate::time::Duration;

/// A row without any figure.
pub(super) fn blank() -> Row {
    Row { schema: SCHEMA, ..Row::default() }
}

pub(super) fn times(row: &mut Row, slot: &Slot) {
    let quantiles = slot.response.quantiles([100, 250, 500, 750, 900, 950, 990, 999]);
    [
        row.p10_ms,
        row.p25_ms,
        row.p50_ms,
        row.p75_ms,
        row.p90_ms,
        row.p95_ms,
        row.p99_ms,
        row.p999_ms,
    ] = quantiles.map(Duration::as_ms);
    row.mean_ms = slot.response.mean_ms().map_or(0.0, round);
    row.max_ms = slot.response.max().as_ms();
    [row.service_p50_ms, row.service_p99_ms] =
        slot.service.quantiles([500, 990]).map(Duration::as_ms);
}

pub(super) fn staleness(row: &mut Row, slot: &Slot) {
    row.fresh_or_stale = slot.fresh_or_stale;
    row.stale = slot.stale;
    row.stale_rate = share(slot.stale, slot.fresh_or_stale);
    let interval = wilson(slot.stale, slot.fresh_or_stale);
    (row.stale_rate_low, row.stale_rate_high) = ends(interval, fine);
    if slot.stale > 0 {
        let [p50, p99] = slot.stale_age.quantiles([500, 990]).map(Duration::as_ms);
        (row.stale_age_p50_ms, row.stale_age_p99_ms) = (Some(p50), Some(p99));
        row.stale_age_max_ms = Some(slot.stale_age.max().as_ms());
        row.stale_versions_mean = Some(round(slot.stale_versions as f64 / slot.stale as f64));
        row.stale_versions_max = Some(slot.stale_versions_max);
    }
    row.behind_rate = share(slot.behind, slot.decided);
    row.behind_age_p99_ms = (slot.behind > 0).then(|| slot.behind_age.quantile(990).as_ms());
}

pub(super) fn losses(row: &mut Row, slot: &Slot) {
    row.lost = (slot.placed > 0).then_some(slot.lost);
    row.conflicts = slot.conflicts;
    row.lost_rate = share(slot.lost, slot.placed);
    (row.lost_rate_low, row.lost_rate_high) = ends(wilson(slot.lost, slot.placed), fine);
}

/// What sessions missed, and which writes are gone.
pub(super) fn anomalies(row: &mut Row, slot: &Slot) {
    (row.ryw_of, row.ryw_broken, row.ryw_broken_rate, row.ryw_broken_rate_high) = tally(slot.ryw);
    (row.mr_of, row.mr_broken, row.mr_broken_rate, row.mr_broken_rate_high) = tally(slot.mr);
    (row.mw_of, row.mw_broken, row.mw_broken_rate, row.mw_broken_rate_high) = tally(slot.mw);
    (row.wfr_of, row.wfr_broken, row.wfr_broken_rate, row.wfr_broken_rate_high) = tally(slot.wfr);
    (row.undone_of, row.undone, row.undone_rate, row.undone_rate_high) = tally(slot.undone);
}

/// What the cell cost in the unit of its domain.
pub(super) fn damage(row: &mut Row, cost: Option<&Cost>) {
    let Some(cost) = cost else { return };
    row.damage = Some(cost.damage.name().to_owned());
    row.damage_of = cost.of;
    row.damaged = (cost.of > 0).then_some(cost.hits);
    row.damage_rate = share(cost.hits, cost.of);
    (row.damage_rate_low, row.damage_rate_high) = ends(wilson(cost.hits, cost.of), fine);
    row.damaged_runs = (cost.of > 0).then_some(cost.runs);
    row.damage_keys_of = cost.keys_of;
    row.damaged_keys = (cost.of > 0).then_some(cost.keys);
}

/// Denominator, count, share and the upper end of its interval.
fn tally(Tally { of, hits }: Tally) -> (u64, Option<u64>, Option<f64>, Option<f64>) {
    let high = wilson(hits, of).map(|interval| fine(interval.high));
    (of, (of > 0).then_some(hits), share(hits, of), high)
}

/// The curve of one region, or of all together.
pub(super) fn curve(
    template: &Row,
    merged: &Summary,
    region: &(String, Option<usize>),
) -> Vec<CurvePoint> {
    let visibility = match region.1 {
        Some(at) => merged.visibility[at].clone(),
        None => merged.visibility.iter().fold(Visibility::default(), |mut all, one| {
            all.merge(one);
            all
        }),
    };
    let point = |point: VisibilityPoint| {
        let interval = wilson(point.fresh, point.n).unwrap_or(Interval { low: 0.0, high: 1.0 });
        CurvePoint {
            schema: SCHEMA,
            cell: template.cell.clone(),
            scenario: template.scenario.clone(),
            system: template.system.clone(),
            variant: template.variant.clone(),
            level: template.level.clone(),
            verdict: template.verdict,
            client_region: region.0.clone(),
            t_ms: round(point.t_ms),
            n: point.n,
            fresh: point.fresh,
            fresh_rate: share(point.fresh, point.n).unwrap_or(0.0),
            fresh_rate_low: fine(interval.low),
            fresh_rate_high: fine(interval.high),
            predicted_rate: None,
        }
    };
    visibility.points().into_iter().map(point).collect()
}

impl CurvePoint {
    /// Notes the share that a model expects here.
    pub fn predict(&mut self, rate: f64) {
        self.predicted_rate = Some(fine(rate));
    }
}

pub(super) fn ends(
    interval: Option<Interval>,
    rounded: fn(f64) -> f64,
) -> (Option<f64>, Option<f64>) {
    (interval.map(|i| rounded(i.low)), interval.map(|i| rounded(i.high)))
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| fine(part as f64 / whole as f64))
}

/// To six decimals: milliseconds to the nanosecond.
pub(super) fn round(x: f64) -> f64 {
    (x * 1e6).round() / 1e6
}

/// To nine decimals, for rates.
fn fine(x: f64) -> f64 {
    (x * 1e9).round() / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        /// What is rounded so is read back bit by bit.
        #[test]
        fn rounded_numbers_survive_json(x in 0.0_f64..1e9, y in 0.0_f64..1.0) {
            for number in [round(x), fine(y), Duration((x * 1e6) as u64).as_ms()] {
                let text = serde_json::to_string(&number).expect("JSON");
                let back: f64 = serde_json::from_str(&text).expect("a number");
                proptest::prop_assert_eq!(back.to_bits(), number.to_bits(), "{}", text);
            }
        }
    }
}
