//! What others found beside what was measured: a line a figure, the same for the terminal and the page.

use super::number;
use super::view::{Cell, Scenario};
use crate::results::Published;

/// The heads of [`Line::columns`].
pub(super) const HEADS: [&str; 4] = ["figure", "published", "measured", "apart"];

/// A published figure and its counterpart.
pub(super) struct Line<'c, 'a> {
    /// The cell it is of.
    pub(super) cell: &'c Cell<'a>,
    /// Where it was published.
    pub(super) source: &'a str,
    /// Under [`HEADS`].
    pub(super) columns: [String; 4],
}

/// All of a scenario's, of cells that were run.
pub(super) fn lines<'c, 'a>(scenario: &Scenario<'a>, cells: &'c [Cell<'a>]) -> Vec<Line<'c, 'a>> {
    let figures = scenario.note.map_or(&[][..], |note| &note.published);
    let line = |figure: &'a Published| {
        let cell = cells.iter().find(|cell| cell.head.cell == figure.cell)?;
        let measured = measured(scenario, cell, figure)?;
        let ms = figure.t_ms.is_none();
        let text = |value| if ms { number::ms(value) } else { number::percent(value) };
        // Latencies are compared by their ratio, shares by their difference.
        let apart = match ms {
            true => format!("{:+.1} %", (measured / figure.value - 1.0) * 100.0),
            false => format!("{:+.2} points", (measured - figure.value) * 100.0),
        };
        let columns = [name(figure), text(figure.value), text(measured), apart];
        Some(Line { cell, source: &figure.source, columns })
    };
    figures.iter().filter_map(line).collect()
}

/// `read p99.9`, `fresh after 10 ms`.
fn name(figure: &Published) -> String {
    let column = match &*figure.column {
        "p50_ms" => "p50",
        "p99_ms" => "p99",
        "p999_ms" => "p99.9",
        "mean_ms" => "mean",
        other => other,
    };
    match figure.t_ms {
        Some(0.0) => "fresh at once".to_owned(),
        Some(t) => format!("fresh after {}", number::ms(t)),
        None => format!("{} {column}", figure.op),
    }
}

fn measured(scenario: &Scenario<'_>, cell: &Cell<'_>, figure: &Published) -> Option<f64> {
    if let Some(t) = figure.t_ms {
        let here = |p: &&&crate::results::CurvePoint| {
            p.cell == figure.cell && p.client_region == "all" && p.t_ms == t
        };
        return scenario.curves.iter().find(here).map(|point| point.fresh_rate);
    }
    let row = cell.healthy(&figure.op)?;
    match &*figure.column {
        "p50_ms" => Some(row.p50_ms),
        "p99_ms" => Some(row.p99_ms),
        "p999_ms" if row.n >= number::ENOUGH_FOR_P999 => Some(row.p999_ms),
        "mean_ms" => Some(row.mean_ms),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{sample, view};
    use super::*;

    #[test]
    fn what_was_found_stands_beside_what_was_measured_where_both_are_there() {
        let (note, rows, curves) = sample::run();
        let all = view::scenarios(Some(&note), &rows, &curves);
        let probed = all.iter().find(|s| s.name == "visibility").expect("in the sample");
        let cells = probed.cells();
        let lines = lines(probed, &cells);
        let [latency, fresh] = &lines[..] else { panic!("{}", lines.len()) };
        assert_eq!(latency.columns[..2], ["read p50", "5.00 ms"]);
        assert_eq!(fresh.columns[..3], ["fresh after 10.0 ms", "60.0 %", "59.8 %"]);
        assert!(fresh.columns[3].ends_with(" points"), "{}", fresh.columns[3]);
        let others = all.iter().filter(|s| s.name != "visibility");
        assert!(others.map(|s| super::lines(s, &s.cells()).len()).all(|n| n == 0));
    }
}
