//! The rows, sorted the way a reader meets them: by scenario, cell, phase and client region.
//!
//! Charts and tables never filter rows on their own; they ask here, so that all of them mean the
//! same by "the healthy phase" or "all regions".

use super::theme::Ink;
use super::{CurvePoint, FaultLine, Row, RunNote, ScenarioNote, TimelineLine};
use crate::results::{Results, Side};

/// One section of the report.
pub(crate) struct Scenario<'a> {
    /// Its name.
    pub(crate) name: &'a str,
    /// Its prose, where the run has it.
    pub(crate) note: Option<&'a ScenarioNote>,
    /// Its rows, in the order they came.
    pub(crate) rows: Vec<&'a Row>,
    /// Its t-visibility points.
    pub(crate) curves: Vec<&'a CurvePoint>,
    /// How client regions came through its faults.
    pub(crate) faults: Vec<&'a FaultLine>,
    /// The same moment by moment.
    pub(crate) timelines: Vec<&'a TimelineLine>,
    /// Its modes in order of appearance, each with its colour.
    pub(crate) modes: Vec<(&'a str, Ink)>,
    /// Its levels in order of appearance.
    pub(crate) levels: Vec<&'a str>,
    /// Its variants in order of appearance.
    pub(crate) variants: Vec<&'a str>,
}

/// One cell: its rows of every phase, region and operation.
pub(crate) struct Cell<'a> {
    /// Any of its rows, for what they have in common.
    pub(crate) head: &'a Row,
    /// All of them.
    pub(crate) rows: Vec<&'a Row>,
}

impl<'a> Cell<'a> {
    /// The row of one phase, region and operation.
    pub(crate) fn row(&self, phase: &str, region: &str, op: &str) -> Option<&'a Row> {
        let wanted = |r: &&&Row| r.phase == phase && r.client_region == region && r.op == op;
        self.rows.iter().find(wanted).copied()
    }

    /// The healthy row over all regions.
    pub(crate) fn healthy(&self, op: &str) -> Option<&'a Row> {
        self.row("healthy", "all", op)
    }

    /// Mode, variant and level in as few words as tell this cell from its neighbours.
    pub(crate) fn label(&self, scenario: &Scenario<'_>) -> String {
        let mut words = vec![self.head.system.as_str()];
        if scenario.variants.len() > 1 {
            words.push(&self.head.variant);
        }
        if scenario.levels.len() > 1 {
            words.push(&self.head.level);
        }
        words.join(" ")
    }
}

impl<'a> Scenario<'a> {
    fn new(name: &'a str, note: Option<&'a ScenarioNote>) -> Self {
        Self {
            name,
            note,
            rows: Vec::new(),
            curves: Vec::new(),
            faults: Vec::new(),
            timelines: Vec::new(),
            modes: Vec::new(),
            levels: Vec::new(),
            variants: Vec::new(),
        }
    }

    /// Its cells, in the order of their first rows.
    pub(crate) fn cells(&self) -> Vec<Cell<'a>> {
        let mut cells: Vec<Cell<'a>> = Vec::new();
        for row in self.rows.iter().copied() {
            // A cell's rows stand together, so the last cell is nearly always the right one.
            match cells.iter_mut().rev().find(|c| c.head.cell == row.cell) {
                Some(cell) => cell.rows.push(row),
                None => cells.push(Cell { head: row, rows: vec![row] }),
            }
        }
        cells
    }

    /// Single client regions in order of appearance, without the total.
    pub(crate) fn regions(&self) -> Vec<&'a str> {
        let mut regions = Vec::new();
        for row in &self.rows {
            if row.client_region != "all" && !regions.contains(&row.client_region.as_str()) {
                regions.push(row.client_region.as_str());
            }
        }
        regions
    }

    /// Phases in the order of a fault's life, those that occur.
    pub(crate) fn phases(&self) -> Vec<&'a str> {
        let mut phases = Vec::new();
        for row in &self.rows {
            if !phases.contains(&row.phase.as_str()) {
                phases.push(row.phase.as_str());
            }
        }
        let rank = |p: &&str| ["healthy", "partitioned", "recovering"].iter().position(|q| q == p);
        phases.sort_by_key(|p| rank(p).unwrap_or(3));
        phases
    }

    /// How the operations of one kind of a cell came through its faults in a region.
    pub(crate) fn fault(&self, cell: &str, region: &str, op: &str) -> Option<&'a FaultLine> {
        let wanted = |l: &&&FaultLine| l.cell == cell && l.client_region == region && l.op == op;
        self.faults.iter().find(wanted).copied()
    }

    /// The sides of its cuts on which any client region is.
    pub(crate) fn sides(&self) -> Vec<Side> {
        let mut sides: Vec<Side> = self.faults.iter().filter_map(|l| l.side).collect();
        sides.sort_unstable_by(|a, b| b.cmp(a));
        sides.dedup();
        sides
    }

    /// The share of what the clients on a side asked for under a cell's faults that was answered in them.
    pub(crate) fn answered(&self, cell: &str, side: Side, op: &str) -> Option<f64> {
        let here = |l: &&&FaultLine| l.cell == cell && l.op == op && l.side == Some(side);
        let lines = self.faults.iter().filter(here);
        let (answered, asked) =
            lines.fold((0, 0), |sum, line| (sum.0 + line.answered, sum.1 + line.asked));
        (asked > 0).then(|| answered as f64 / asked as f64)
    }

    /// Name and unit of the numeric axis, if at least two of its values occur.
    pub(crate) fn axis(&self) -> Option<(&'a str, &'a str)> {
        let first = self.rows.iter().find(|r| r.axis_at.is_some())?;
        let at = first.axis_at;
        self.rows.iter().find(|r| r.axis_at.is_some() && r.axis_at != at)?;
        Some((first.axis.as_deref()?, first.axis_unit.as_deref().unwrap_or("")))
    }

    /// The colour of a mode.
    pub(crate) fn ink(&self, mode: &str) -> Ink {
        self.modes.iter().find(|m| m.0 == mode).map_or(Ink::TEXT, |m| m.1)
    }
}

/// The scenarios of a run with all that is known of them.
pub(crate) fn of(results: &Results) -> Vec<Scenario<'_>> {
    let mut all = scenarios(Some(&results.note), &results.rows, &results.curves);
    for line in &results.faults {
        let scenario = all.iter_mut().find(|s| s.name == line.scenario);
        scenario.into_iter().for_each(|s| s.faults.push(line));
    }
    for line in &results.timelines {
        let scenario = all.iter_mut().find(|s| s.name == line.scenario);
        scenario.into_iter().for_each(|s| s.timelines.push(line));
    }
    all
}

/// The scenarios of a run: those of the note in its order, then any other the rows name.
pub(crate) fn scenarios<'a>(
    note: Option<&'a RunNote>,
    rows: &'a [Row],
    curves: &'a [CurvePoint],
) -> Vec<Scenario<'a>> {
    let mut all: Vec<Scenario<'a>> = note
        .map(|n| n.scenarios.iter().map(|s| Scenario::new(&s.name, Some(s))).collect())
        .unwrap_or_default();
    for row in rows {
        let at = find(&mut all, &row.scenario);
        let scenario = &mut all[at];
        scenario.rows.push(row);
        push_new(&mut scenario.levels, &row.level);
        push_new(&mut scenario.variants, &row.variant);
        if !scenario.modes.iter().any(|m| m.0 == row.system) {
            scenario.modes.push((&row.system, Ink::TEXT));
        }
    }
    for point in curves {
        let at = find(&mut all, &point.scenario);
        all[at].curves.push(point);
    }
    all.retain(|s| !s.rows.is_empty());
    colour(&mut all);
    all
}

fn find<'a>(all: &mut Vec<Scenario<'a>>, name: &'a str) -> usize {
    all.iter().rposition(|s| s.name == name).unwrap_or_else(|| {
        all.push(Scenario::new(name, None));
        all.len() - 1
    })
}

fn push_new<'a>(list: &mut Vec<&'a str>, name: &'a str) {
    if !list.contains(&name) {
        list.push(name);
    }
}

/// A mode keeps its colour through the whole report as long as no scenario would show two alike.
fn colour(all: &mut [Scenario<'_>]) {
    let mut known: Vec<&str> = Vec::new();
    for scenario in all {
        let mut taken: Vec<usize> = Vec::new();
        for (mode, ink) in &mut scenario.modes {
            push_new(&mut known, mode);
            let wish = known.iter().position(|k| k == mode).unwrap_or(0) % 8;
            let free = (0..8).map(|i| (wish + i) % 8).find(|c| !taken.contains(c));
            let chosen = free.unwrap_or(8 + taken.len() % 8);
            taken.push(chosen);
            *ink = Ink::mode(chosen);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn a_mode_has_one_colour_and_no_two_modes_of_a_scenario_share_it() {
        let (note, rows, curves) = sample::run();
        let all = scenarios(Some(&note), &rows, &curves);
        assert_eq!(all.len(), note.scenarios.len());
        for scenario in &all {
            for (i, a) in scenario.modes.iter().enumerate() {
                assert!(scenario.modes[..i].iter().all(|b| b.1 != a.1), "{}", scenario.name);
            }
            let (mode, ink) = scenario.modes[0];
            if mode == "async" {
                assert_eq!(ink, Ink::mode(0), "{}", scenario.name);
            }
        }
    }

    #[test]
    fn cells_gather_their_rows() {
        let (note, rows, curves) = sample::run();
        let all = scenarios(Some(&note), &rows, &curves);
        let cells: usize = all.iter().map(|s| s.cells().len()).sum();
        assert_eq!(cells, note.cells as usize);
        let cell = &all[0].cells()[0];
        assert!(cell.healthy("read").is_some() && cell.row("healthy", "nowhere", "read").is_none());
    }
}
