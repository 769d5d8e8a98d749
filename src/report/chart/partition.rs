//! The P half of PACELC: who still answers while the network is cut, against what it costs in
//! peace.

use super::super::number;
use super::super::theme::{Shape, size, verdict};
use super::super::view::Scenario;
use super::super::{Row, VerdictWord};
use super::axis::Axis;
use super::labels::{self, Box, Counted, Name, Room, Wish, label};
use super::plane::keys;
use super::svg::{At, Frame, Layout, Spot, WIDTH, inline, marks};
use super::{Chart, Drawing, KeyMark, OPS, Panel};
use crate::results::Side;

pub(super) const CHART: Chart = Chart {
    name: "partition",
    title: "Partition: who still answers",
    reading: "Share of operations answered while the fault was in force, against the latency before \
              it. Up is available, left is fast; what the answers were worth is the \
              form of the point and its verdict.",
    draw,
};

fn draw(scenario: &Scenario<'_>, counted: &mut Counted) -> Option<Drawing> {
    let mut drawing = Drawing { keys: keys(scenario), ..Drawing::default() };
    drawing.keys.retain(|k| k.mark != KeyMark::Dots);
    let sides = match scenario.sides() {
        sides if sides.is_empty() => vec![None],
        sides => sides.into_iter().map(Some).collect(),
    };
    for (op, title) in OPS {
        for (variant, side) in
            scenario.variants.iter().flat_map(|v| sides.iter().map(move |s| (v, s)))
        {
            let pairs = pairs(scenario, op, variant, *side);
            // A point alone is beside nothing; the tables have it.
            if pairs.len() < 2 {
                continue;
            }
            let Some(svg) = panel(scenario, op, &pairs, counted) else { continue };
            let mut words = vec![title];
            words.extend(side.map(words_of));
            words.extend((scenario.variants.len() > 1).then_some(*variant));
            drawing.panels.push(Panel { title: words.join(", "), svg, width: WIDTH });
        }
    }
    drawing.remark = counted.words();
    (!drawing.panels.is_empty()).then_some(drawing)
}

fn words_of(side: Side) -> &'static str {
    match side {
        Side::Majority => "clients with the majority",
        Side::Minority => "clients cut off from it",
    }
}

/// The healthy row of each cell and the share answered under the partition: on a side, or in all.
fn pairs<'a>(
    scenario: &Scenario<'a>,
    op: &str,
    variant: &str,
    side: Option<Side>,
) -> Vec<(&'a Row, f64)> {
    let pair = |cell: super::super::view::Cell<'a>| {
        let healthy = cell.healthy(op)?;
        let share = match side {
            Some(side) => scenario.answered(&cell.head.cell, side, op)?,
            None => cell.row("partitioned", "all", op)?.availability(),
        };
        (healthy.p50_ms.is_finite() && healthy.p50_ms >= 0.0).then_some((healthy, share))
    };
    let here = scenario.cells().into_iter().filter(|c| c.head.variant == variant);
    here.filter_map(pair).collect()
}

fn panel<'a>(
    scenario: &Scenario<'a>,
    op: &str,
    pairs: &[(&'a Row, f64)],
    counted: &mut Counted,
) -> Option<String> {
    let x = Axis::roomy_latencies(pairs.iter().map(|p| p.0.p50_ms))?;
    let ticks = [0.0, 0.25, 0.5, 0.75, 1.0];
    let ticks = ticks.map(|t| (t, number::tick_percent(t))).to_vec();
    let y = Axis::with_ticks(-0.06, 1.08, ticks);
    let about = format!("Availability of {op}s under partition against healthy latency");
    let height = 500;
    inline((WIDTH, height), &about, |area, tips| {
        let x_title = format!("healthy {op} latency, p50");
        let outer = (0, 0, WIDTH, height);
        let layout = Layout { outer, x: Some(&x_title), y: "answered under partition", left: 100 };
        let frame = Frame::new(area, x, y, layout)?;
        let spot = |(row, share): &(&'a Row, f64)| {
            let (shape, ink) = (Shape::of(&row.promise), scenario.ink(&row.system));
            Spot { at: frame.at(row.p50_ms, *share), shape, ink, word: row.verdict }
        };
        let spots: Vec<Spot> = pairs.iter().map(spot).collect();
        marks(area, &spots)?;
        for ((row, share), spot) in pairs.iter().zip(&spots) {
            tips.add(spot.at, &tip(row, op, *share));
        }
        let ((left, top), (right, bottom)) = frame.corners();
        let bounds = Box { edges: [left + 4, top + 2, right + 22, bottom - 2] };
        let covered: Vec<Box> = spots.iter().map(|s| Box::around(s.at, size::MARK + 2)).collect();
        let name = |((row, _), spot): (&(&'a Row, f64), &Spot)| name(scenario, row, spot.at);
        let named = pairs.iter().zip(&spots).map(name);
        let wishes = labels::wishes(named, WIDTH as i32 / 2, counted);
        label(area, &wishes.iter().collect::<Vec<&Wish<'_>>>(), &covered, bounds, Room::Near)
    })
}

fn name<'a>(scenario: &Scenario<'_>, row: &'a Row, at: At) -> Name<'a> {
    let level = if scenario.levels.len() > 1 { row.level.as_str() } else { "" };
    let broken = row.verdict == VerdictWord::Violated;
    Name { at, mode: &row.system, level, silent: false, broken, ink: scenario.ink(&row.system) }
}

fn tip(row: &Row, op: &str, share: f64) -> String {
    format!(
        "{}\n{} of {op}s answered under partition\nhealthy p50 {}\npromise {}: {}",
        row.cell,
        number::percent(share),
        number::ms(row.p50_ms),
        row.promise,
        verdict(row.verdict).0
    )
}

#[cfg(test)]
mod tests {
    use super::super::super::{sample, view};
    use super::*;

    #[test]
    fn only_scenarios_with_a_partition_are_drawn() {
        let (note, rows, curves) = sample::run();
        for scenario in view::scenarios(Some(&note), &rows, &curves) {
            let cut = scenario.phases().contains(&"partitioned");
            assert_eq!(
                draw(&scenario, &mut Counted::default()).is_some(),
                cut,
                "{}",
                scenario.name
            );
        }
    }
}
