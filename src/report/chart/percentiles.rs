//! Latency percentile curves, from p10 to p99.9.
//!
//! The x axis is that of the odds q/(1-q): the median in the middle and each further nine one step
//! to the right, so tails are read as easily as medians. Reads get a panel a level, because the
//! level is what a read pays for; writes hardly depend on it and share one.

use super::super::number;
use super::super::theme::{Ink, Style, size, verdict};
use super::super::view::{Cell, Scenario};
use super::super::{Row, VerdictWord};
use super::axis::Axis;
use super::svg::{At, Frame, Layout, WIDTH, dot, inline, line, lines};
use super::{Chart, Drawing, KeyMark, OPS, Panel, mode_keys};

pub(super) const CHART: Chart = Chart {
    name: "percentiles",
    title: "Latency percentiles",
    reading: "Response time of the healthy phase, from the intended start of each operation: half \
              of them are faster than p50, one in a thousand is slower than p99.9. Red dots mark \
              the line of a broken promise; lines that coincide show as stripes.",
    draw,
};

/// Most panels behind the request: beyond, the tables serve better.
const MORE: usize = 36;
/// Most panels shown without asking.
const SHOWN: usize = 9;

fn draw(scenario: &Scenario<'_>) -> Option<Drawing> {
    let mut drawing = Drawing { more_title: "Each client region", ..Drawing::default() };
    if scenario.variants.len() > 1 {
        drawing.more_title = "The other variants, and each client region";
    }
    let variants = if scenario.axis().is_some() {
        let last = scenario.variants.last().copied()?;
        drawing.remark = format!("Drawn at {last}.");
        vec![last]
    } else {
        scenario.variants.clone()
    };
    let cells = scenario.cells();
    let all_rows = || scenario.rows.iter().filter(|r| r.phase == "healthy");
    let y = Axis::log(
        all_rows().filter(|r| variants.contains(&&*r.variant)).flat_map(|r| [r.p10_ms, r.p999_ms]),
        number::tick_ms,
    )?;
    let mut shown: Vec<&str> = Vec::new();
    let panels_each = scenario.levels.len() + 1;
    for region in std::iter::once("all").chain(scenario.regions()) {
        for variant in &variants {
            let here: Vec<&Cell<'_>> =
                cells.iter().filter(|c| c.head.variant == *variant).collect();
            for (title, rows) in panels(scenario, &here, region) {
                let mut words = vec![title];
                words.extend((variants.len() > 1).then(|| (*variant).to_owned()));
                words.extend((region != "all").then(|| region.to_owned()));
                let title = words.join(", ");
                let Some(svg) = panel(scenario, &rows, &y, &title, region == "all") else {
                    continue;
                };
                shown.extend(rows.iter().map(|r| r.system.as_str()));
                let panel = Panel { title, svg, width: WIDTH };
                let main = *variant == variants[0] || variants.len() * panels_each <= SHOWN;
                if region == "all" && main {
                    drawing.panels.push(panel);
                } else if drawing.more.len() < MORE {
                    drawing.more.push(panel);
                }
            }
        }
    }
    if scenario.regions().len() == 1 {
        drawing.more.clear();
    }
    drawing.keys = mode_keys(scenario, &shown, KeyMark::Line);
    (!drawing.panels.is_empty()).then_some(drawing)
}

/// Reads by level, then writes, then whatever else is asked: what each panel shows.
fn panels<'a>(
    scenario: &Scenario<'a>,
    cells: &[&Cell<'a>],
    region: &str,
) -> Vec<(String, Vec<&'a Row>)> {
    let mut panels = Vec::new();
    for level in &scenario.levels {
        let rows: Vec<&Row> = cells
            .iter()
            .filter(|c| c.head.level == *level)
            .filter_map(|c| c.row("healthy", region, "read"))
            .collect();
        panels.push((format!("Reads, {level}"), rows));
    }
    for (op, title) in OPS.into_iter().skip(1) {
        // Two levels of a mode are drawn apart only where they differ.
        let mut rows: Vec<&Row> = Vec::new();
        for row in cells.iter().filter_map(|c| c.row("healthy", region, op)) {
            let near = |a: f64, b: f64| (a - b).abs() <= 0.03 * a.max(b) + 0.02;
            let same = |other: &&Row| {
                other.system == row.system
                    && other.verdict == row.verdict
                    && near(other.p50_ms, row.p50_ms)
                    && near(other.p99_ms, row.p99_ms)
            };
            if !rows.iter().any(same) {
                rows.push(row);
            }
        }
        panels.push((title.to_owned(), rows));
    }
    panels.retain(|p| !p.1.is_empty());
    panels
}

/// The last point only where there are operations enough.
fn curve(row: &Row) -> Vec<(f64, f64)> {
    let points = [
        (10.0, row.p10_ms),
        (25.0, row.p25_ms),
        (50.0, row.p50_ms),
        (75.0, row.p75_ms),
        (90.0, row.p90_ms),
        (95.0, row.p95_ms),
        (99.0, row.p99_ms),
        (99.9, row.p999_ms),
    ];
    let known = if row.n >= number::ENOUGH_FOR_P999 { points.len() } else { points.len() - 1 };
    points[..known].to_vec()
}

/// One picture; `tipped` with points that say what they are.
fn panel(
    scenario: &Scenario<'_>,
    rows: &[&Row],
    y: &Axis,
    title: &str,
    tipped: bool,
) -> Option<String> {
    let height = 430;
    let about = format!("Latency percentiles in {}: {title}", scenario.name);
    inline((WIDTH, height), &about, |area, tips| {
        let outer = (0, 0, WIDTH, height);
        let layout = Layout { outer, x: Some("percentile"), y: "latency", left: 104 };
        let frame = Frame::new(area, Axis::percentiles(), y.clone(), layout)?;
        let paths: Vec<(Vec<At>, Ink)> = rows
            .iter()
            .map(|r| {
                (
                    curve(r).into_iter().map(|(q, ms)| frame.at(q, ms)).collect(),
                    scenario.ink(&r.system),
                )
            })
            .collect();
        lines(area, &paths)?;
        for (row, (points, ink)) in rows.iter().zip(paths) {
            if row.verdict == VerdictWord::Violated {
                line(area, &points, Ink::BROKEN.styled(Style::Dotted), size::LINE)?;
            }
            if !tipped {
                continue;
            }
            let told = |q: f64| [50.0, 99.0, 99.9].contains(&q);
            let ends = curve(row).into_iter().zip(points).filter(|((q, _), _)| told(*q));
            let ends: Vec<At> = ends.map(|(_, at)| at).collect();
            ends.iter().try_for_each(|at| dot(area, *at, 6, ink))?;
            let text = format!(
                "{}\np50 {}, p99 {}{}\npromise {}: {}\nn {}",
                row.cell,
                number::ms(row.p50_ms),
                number::ms(row.p99_ms),
                if row.n >= number::ENOUGH_FOR_P999 {
                    format!(", p99.9 {}", number::ms(row.p999_ms))
                } else {
                    String::new()
                },
                row.promise,
                verdict(row.verdict).0,
                number::count(row.n)
            );
            tips.add_all(&ends, &text);
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::{sample, view};
    use super::*;

    #[test]
    fn reads_have_a_panel_a_level_and_writes_one() {
        let (note, rows, curves) = sample::run();
        let all = view::scenarios(Some(&note), &rows, &curves);
        let drawing = draw(&all[0]).expect("drawn");
        let titles: Vec<&str> = drawing.panels.iter().map(|p| p.title.as_str()).collect();
        assert_eq!(titles.last(), Some(&"Writes"));
        assert_eq!(titles.len(), all[0].levels.len() + 1, "{titles:?}");
        assert_eq!(drawing.more.len(), titles.len() * all[0].regions().len());
    }
}
