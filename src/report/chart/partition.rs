//! The P half of PACELC: who still answers while the network is cut, against what it costs in
//! peace.

use super::super::number;
use super::super::theme::{Ink, Shape, Style, size, verdict};
use super::super::view::Scenario;
use super::super::{Row, VerdictWord};
use super::axis::Axis;
use super::labels::{Box, place};
use super::plane::keys;
use super::svg::{At, Frame, Layout, WIDTH, inline, mark, text, write};
use super::{Chart, Drawing, KeyMark, Panel};
use plotters::style::text_anchor::{HPos, VPos};

pub(super) const CHART: Chart = Chart {
    name: "partition",
    title: "Partition: who still answers",
    reading: "Share of operations that took effect while the network was partitioned, against the \
              latency before it. Up is available, left is fast; what the answers were worth is the \
              form of the point and its verdict.",
    draw,
};

fn draw(scenario: &Scenario<'_>) -> Option<Drawing> {
    let mut drawing = Drawing { keys: keys(scenario), ..Drawing::default() };
    drawing.keys.retain(|k| k.mark != KeyMark::Dots);
    for (op, title) in [("read", "Reads"), ("write", "Writes")] {
        if let Some(svg) = panel(scenario, op) {
            drawing.panels.push(Panel { title: title.to_owned(), svg, width: WIDTH });
        }
    }
    (!drawing.panels.is_empty()).then_some(drawing)
}

fn panel(scenario: &Scenario<'_>, op: &str) -> Option<String> {
    let pairs: Vec<(String, &Row, f64)> = scenario
        .cells()
        .into_iter()
        .filter_map(|cell| {
            let (healthy, cut) = (cell.healthy(op)?, cell.row("partitioned", "all", op)?);
            let share = cut.ok as f64 / cut.n.max(1) as f64;
            let fits = cut.n > 0 && healthy.p50_ms.is_finite() && healthy.p50_ms > 0.0;
            fits.then(|| (cell.label(scenario), healthy, share))
        })
        .collect();
    let x = Axis::roomy_log(pairs.iter().map(|p| p.1.p50_ms), number::tick_ms)?;
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
        let spots: Vec<At> = pairs.iter().map(|p| frame.at(p.1.p50_ms, p.2)).collect();
        for ((label, row, share), spot) in pairs.iter().zip(&spots) {
            let ink = scenario.ink(&row.system);
            mark(area, *spot, Shape::of(&row.promise), ink, row.verdict)?;
            tips.add(
                *spot,
                &format!(
                    "{label}\n{} of {op}s answered under partition\nhealthy p50 {}\npromise {}: {}",
                    number::percent(*share),
                    number::ms(row.p50_ms),
                    row.promise,
                    verdict(row.verdict).0
                ),
            );
        }
        let ((left, top), (right, bottom)) = frame.corners();
        let bounds = Box { edges: [left + 4, top + 2, right + 22, bottom - 2] };
        let marks: Vec<Box> = spots.iter().map(|s| Box::around(*s, size::MARK + 2)).collect();
        let wishes: Vec<(At, &str)> =
            spots.iter().zip(&pairs).map(|(s, p)| (*s, p.0.as_str())).collect();
        for placed in place(&wishes, &marks, bounds) {
            let (label, row, _) = &pairs[placed.index];
            let [left, top, _, bottom] = placed.cover.edges;
            let broken = row.verdict == VerdictWord::Violated;
            let ink = if broken { Ink::BROKEN } else { Ink::TEXT };
            let style = text(ink.styled(Style::Halo), HPos::Left, VPos::Center);
            write(area, (left, (top + bottom) / 2), label, style)?;
        }
        Ok(())
    })
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
            assert_eq!(draw(&scenario).is_some(), cut, "{}", scenario.name);
        }
    }
}
