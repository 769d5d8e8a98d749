//! What a fault does to each mode: availability and tail latency before, during and after it.

use super::super::Row;
use super::super::number;
use super::super::theme::verdict;
use super::super::view::{Cell, Scenario};
use super::grid::{Grid, Line, Value, sign};
use super::labels::Counted;
use super::{Chart, Drawing, OPS, Panel};

pub(super) const CHART: Chart = Chart {
    name: "phases",
    title: "Before, during and after the fault",
    reading: "Share of operations answered in their phase, and the response time that one in a \
              hundred exceeds; operations that failed or are unknown count there as at least the \
              timeout. Clients of all regions.",
    draw,
};

fn draw(scenario: &Scenario<'_>, _: &mut Counted) -> Option<Drawing> {
    let phases = scenario.phases();
    if phases.len() < 2 {
        return None;
    }
    let cells = scenario.cells();
    let mut drawing = Drawing::default();
    for (op, title) in OPS {
        let answered = grid(scenario, &cells, &phases, op, |row| {
            let share = row.availability();
            let lost = [0.0, 0.001, 0.01, 0.1, 0.25, 0.5];
            let step = lost.iter().filter(|l| 1.0 - share > **l).count();
            (number::percent(share), step)
        });
        let tail = grid(scenario, &cells, &phases, op, |row| {
            let limits = [1.0, 10.0, 50.0, 200.0, 1000.0, 4000.0];
            (number::ms(row.p99_ms), limits.iter().filter(|l| row.p99_ms > **l).count())
        });
        for (grid, what) in [(answered, "answered"), (tail, "p99")] {
            let Some((svg, width)) = grid.draw() else { continue };
            drawing.panels.push(Panel { title: format!("{title}, {what}"), svg, width });
        }
    }
    (!drawing.panels.is_empty()).then_some(drawing)
}

fn grid<'a>(
    scenario: &Scenario<'a>,
    cells: &[Cell<'a>],
    phases: &[&str],
    op: &str,
    show: impl Fn(&Row) -> (String, usize),
) -> Grid {
    let value = |cell: &Cell<'_>, phase: &str| {
        let row = cell.row(phase, "all", op).filter(|r| r.n > 0)?;
        let (text, step) = show(row);
        let tip = format!(
            "{} {op}s, {phase}: {} ok, {} failed, {} unknown of {}; p50 {}, p99 {}; promise {} {}",
            cell.label(scenario),
            row.ok,
            row.failed,
            row.unknown,
            row.n,
            number::ms(row.p50_ms),
            number::ms(row.p99_ms),
            row.promise,
            verdict(row.verdict).0
        );
        Some(Value { text, step, tip })
    };
    let line = |cell: &Cell<'a>| {
        let mode = cell.head.system.as_str();
        let variant = if scenario.variants.len() > 1 { cell.head.variant.as_str() } else { "" };
        let level = if scenario.levels.len() > 1 { cell.head.level.as_str() } else { "" };
        let words = |some: &[&str]| {
            let some: Vec<&str> = some.iter().copied().filter(|w| !w.is_empty()).collect();
            some.join(" ")
        };
        let values = phases.iter().map(|p| value(cell, p)).collect();
        // Two lines of names: variant and level together are too long for one.
        let (mode, name) = if level.is_empty() {
            (mode.to_owned(), words(&[variant, sign(cell)]))
        } else {
            (words(&[mode, variant]), words(&[level, sign(cell)]))
        };
        Line { ink: scenario.ink(&cell.head.system), mode, name, values }
    };
    Grid {
        about: format!("{op}s by phase and mode in {}", scenario.name),
        columns: phases.iter().map(|p| (*p).to_owned()).collect(),
        rows: cells.iter().map(line).filter(|l| l.values.iter().any(Option::is_some)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{sample, view};
    use super::*;

    #[test]
    fn a_fault_is_shown_in_three_phases() {
        let (note, rows, curves) = sample::run();
        let all = view::scenarios(Some(&note), &rows, &curves);
        let faulty = all.iter().find(|s| s.phases().len() > 1).expect("one has a fault");
        let drawing = draw(faulty, &mut Counted::default()).expect("drawn");
        let svg = &drawing.panels[0].svg;
        assert!(svg.contains("partitioned") && svg.contains("recovering") && svg.contains(" %"));
        assert!(
            all.iter()
                .filter(|s| s.phases().len() == 1)
                .all(|s| draw(s, &mut Counted::default()).is_none())
        );
    }
}
