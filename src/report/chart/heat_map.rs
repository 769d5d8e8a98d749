//! Client region x mode: the median in every box, once for each kind of operation.
//!
//! The number is what counts; the colour, the logarithm of the number, only leads the eye to it.

use super::super::number;
use super::super::theme::verdict;
use super::super::view::{Cell, Scenario};
use super::grid::{Grid, Told, Value, figures, merged};
use super::labels::Counted;
use super::{Chart, Drawing, OPS, Panel};

pub(super) const CHART: Chart = Chart {
    name: "heat-map",
    title: "Who pays: client region by mode",
    reading: "Median response time of clients in each region. Read along a row to see whom a mode \
              treats well; levels whose medians agree share a row, and a broken or undecided \
              promise is marked.",
    draw,
};

/// Heat of a latency between the smallest and the largest of its grid.
pub(super) fn heat(value: f64, low: f64, high: f64) -> usize {
    let span = libm::log10(high / low);
    if !value.is_finite() || value <= 0.0 || span.is_nan() || span <= 0.0 {
        return 0;
    }
    // A grid whose values differ little is not stretched over the whole scale.
    libm::round(6.0 * libm::log10(value / low) / span.max(0.6)) as usize
}

fn draw(scenario: &Scenario<'_>, counted: &mut Counted) -> Option<Drawing> {
    let regions = scenario.regions();
    if regions.len() < 2 {
        return None;
    }
    let mut drawing = Drawing::default();
    let mut variants = scenario.variants.clone();
    if scenario.axis().is_some() {
        // Along a numeric axis the medians are drawn as lines; here its far end stands for it.
        variants = variants.last().copied().into_iter().collect();
        if let Some(last) = variants.first().filter(|v| !v.is_empty()) {
            drawing.remark = format!("Drawn at {last}. ");
        }
    }
    drawing.more_title = "The other variants";
    for (i, variant) in variants.iter().enumerate() {
        let cells: Vec<Cell<'_>> =
            scenario.cells().into_iter().filter(|c| c.head.variant == *variant).collect();
        for (op, title) in OPS {
            let grid = grid(scenario, &cells, &regions, op, counted);
            let Some((svg, width)) = grid.draw() else { continue };
            let several = variants.len() > 1;
            let of = if several { variant } else { "median" };
            let title = format!("{title}, {of}{}", figures(regions.len()).1);
            let panels =
                if i == 0 || variants.len() <= 3 { &mut drawing.panels } else { &mut drawing.more };
            panels.push(Panel { title, svg, width });
        }
    }
    drawing.remark.push_str(&counted.words());
    (!drawing.panels.is_empty()).then_some(drawing)
}

fn grid<'a>(
    scenario: &Scenario<'a>,
    cells: &[Cell<'a>],
    regions: &[&str],
    op: &str,
    counted: &mut Counted,
) -> Grid {
    let told = |cell: &Cell<'a>| -> Vec<Option<Told>> {
        let value = |region: &&str| {
            let row = cell.row("healthy", region, op)?;
            let tip = format!(
                "{} {op}s from {region}: p50 {}, p99 {}; promise {} {}",
                cell.label(scenario),
                number::ms(row.p50_ms),
                number::ms(row.p99_ms),
                row.promise,
                verdict(row.verdict).0
            );
            Some((row.p50_ms, tip))
        };
        regions.iter().map(value).collect()
    };
    let cells: Vec<(&Cell<'a>, Vec<Option<Told>>)> = cells.iter().map(|c| (c, told(c))).collect();
    let lines = merged(scenario, &cells, 0.02, counted);
    let numbers = || lines.iter().flat_map(|l| l.values.iter().flatten().map(|v| v.0));
    let low = numbers().filter(|v| *v > 0.0).fold(f64::INFINITY, f64::min);
    let high = numbers().filter(|v| v.is_finite()).fold(0.0, f64::max);
    let (write, _) = figures(regions.len());
    let value = |(p50, tip): Told| Value { text: write(p50), step: heat(p50, low, high), tip };
    Grid {
        about: format!("Median {op} latency by client region and mode in {}", scenario.name),
        columns: regions.iter().map(|r| (*r).to_owned()).collect(),
        rows: lines.into_iter().map(|l| l.map(value)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{sample, view};
    use super::*;

    #[test]
    fn heat_grows_with_latency_and_small_differences_stay_pale() {
        assert_eq!((heat(1.0, 1.0, 1000.0), heat(1000.0, 1.0, 1000.0)), (0, 6));
        assert!(heat(1.1, 1.0, 1.1) <= 1);
        assert_eq!(heat(f64::NAN, 1.0, 2.0), 0);
    }

    #[test]
    fn levels_with_the_same_medians_share_a_row_and_are_named_below() {
        let (note, rows, curves) = sample::run();
        let all = view::scenarios(Some(&note), &rows, &curves);
        let drawing = draw(&all[0], &mut Counted::default()).expect("drawn");
        assert!(drawing.panels[0].svg.contains(" levels ᵃ<"));
        assert!(drawing.remark.contains(" session, eventual-nearest, eventual-any"));
    }
}
