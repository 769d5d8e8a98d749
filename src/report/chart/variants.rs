//! Variant by variant: medians, tails and stale reads of a scenario that varies something without
//! a numeric axis, such as the workload or the kind of jitter.

use super::super::Row;
use super::super::number;
use super::super::theme::verdict;
use super::super::view::{Cell, Scenario};
use super::grid::{Grid, Told, Value, figures, merged};
use super::heat_map::heat;
use super::labels::Counted;
use super::{Chart, Drawing, OPS, Panel};

pub(super) const CHART: Chart = Chart {
    name: "variants",
    title: "Variant by variant",
    reading: "Healthy phase, clients of all regions: response times that half and one in a hundred \
              of the operations exceed, and the shares of reads that were stale or showed a \
              conflict, and of acknowledged writes that were lost. Levels whose figures agree \
              share a row.",
    draw,
};

/// One figure of a row.
#[derive(Clone, Copy)]
enum Figure {
    Median,
    Tail,
    Stale,
    Conflicts,
    Lost,
}

const FIGURES: [Figure; 5] =
    [Figure::Median, Figure::Tail, Figure::Stale, Figure::Conflicts, Figure::Lost];

impl Figure {
    fn of(self, row: &Row) -> Option<f64> {
        let value = match self {
            Self::Median => row.p50_ms,
            Self::Tail => row.p99_ms,
            Self::Stale => row.stale_rate?,
            Self::Conflicts => row.conflicts as f64 / row.ok.max(1) as f64,
            Self::Lost => row.lost_rate?,
        };
        value.is_finite().then_some(value)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Median => "p50",
            Self::Tail => "p99",
            Self::Stale => "stale",
            Self::Conflicts => "in conflict",
            Self::Lost => "lost",
        }
    }

    fn is_time(self) -> bool {
        matches!(self, Self::Median | Self::Tail)
    }

    /// Differences too small to be shown apart.
    fn slack(self) -> f64 {
        if self.is_time() { 0.02 } else { 0.0 }
    }

    fn text(self, value: f64, columns: usize) -> String {
        match self {
            Self::Median | Self::Tail => figures(columns).0(value),
            _ if value <= 0.0 => "none".to_owned(),
            _ => number::percent(value),
        }
    }
}

fn draw(scenario: &Scenario<'_>, counted: &mut Counted) -> Option<Drawing> {
    if scenario.variants.len() < 2 || scenario.axis().is_some() {
        return None;
    }
    let mut drawing = Drawing::default();
    for (op, title) in OPS {
        for figure in FIGURES {
            let Some((grid, title)) = grid(scenario, (op, title), figure, counted) else {
                continue;
            };
            let Some((svg, width)) = grid.draw() else { continue };
            drawing.panels.push(Panel { title, svg, width });
        }
    }
    drawing.remark = counted.words();
    (!drawing.panels.is_empty()).then_some(drawing)
}

fn grid<'a>(
    scenario: &Scenario<'a>,
    (op, title): (&str, &str),
    figure: Figure,
    counted: &mut Counted,
) -> Option<(Grid, String)> {
    let cells = scenario.cells();
    let row = |c: &Cell<'a>| c.healthy(op).and_then(|r| Some((r, figure.of(r)?)));
    let holds = |v: &&&str| cells.iter().any(|c| c.head.variant == **v && row(c).is_some());
    let columns: Vec<&str> = scenario.variants.iter().filter(holds).copied().collect();
    let seen = cells.iter().filter_map(&row).any(|r| r.1 > 0.0);
    if columns.is_empty() || !seen {
        return None;
    }
    // One line a mode and level; its values are those of its cells, one a variant.
    let mut lines: Vec<(&Cell<'a>, Vec<Option<Told>>)> = Vec::new();
    for cell in &cells {
        let key = |c: &Cell<'a>| (&c.head.system, &c.head.level);
        let same = |c: &Cell<'a>| key(c) == key(cell);
        if lines.iter().any(|l| same(l.0)) {
            continue;
        }
        let value = |variant: &&str| {
            let cell = cells.iter().find(|c| same(c) && c.head.variant == *variant)?;
            let (row, value) = row(cell)?;
            let tip = format!(
                "{}\n{op}s: p50 {}, p99 {}\npromise {}: {}",
                cell.head.cell,
                number::ms(row.p50_ms),
                number::ms(row.p99_ms),
                row.promise,
                verdict(row.verdict).0
            );
            Some((value, tip))
        };
        let worst = cells.iter().filter(|c| same(c)).max_by_key(|c| c.head.verdict);
        lines.push((worst.unwrap_or(cell), columns.iter().map(value).collect()));
    }
    let lines = merged(scenario, &lines, figure.slack(), counted);
    let numbers = || lines.iter().flat_map(|l| l.values.iter().flatten().map(|v| v.0));
    let low = numbers().filter(|v| *v > 0.0).fold(f64::INFINITY, f64::min);
    let high = numbers().fold(0.0, f64::max);
    let count = columns.len();
    let value =
        |(v, tip): Told| Value { text: figure.text(v, count), step: heat(v, low, high), tip };
    // What all variants have in common goes from the columns into the title.
    let common = columns[0].split_once('=').map_or("", |c| c.0).to_owned() + "=";
    let short = columns.iter().map(|c| c.strip_prefix(&common)).collect::<Option<Vec<&str>>>();
    let by = short.as_ref().map(|_| format!(" by {}", common.trim_end_matches('=')));
    let by = by.unwrap_or_default();
    let grid = Grid {
        about: format!("{title}, {}{by} in {}", figure.name(), scenario.name),
        columns: short.unwrap_or(columns).into_iter().map(str::to_owned).collect(),
        rows: lines.into_iter().map(|l| l.map(value)).collect(),
    };
    let unit = if figure.is_time() { figures(count).1 } else { "" };
    Some((grid, format!("{title}, {}{by}{unit}", figure.name())))
}

#[cfg(test)]
mod tests {
    use super::super::super::{sample, view};
    use super::*;

    #[test]
    fn every_variant_is_a_column_and_what_they_share_is_in_the_title() {
        let (note, rows, curves) = sample::run();
        let all = view::scenarios(Some(&note), &rows, &curves);
        let placed = all.iter().find(|s| s.name == "placement").expect("in the sample");
        let drawing = draw(placed, &mut Counted::default()).expect("drawn");
        assert_eq!(drawing.panels[0].title, "Reads, p50 by leader");
        assert!(drawing.panels[0].svg.contains(">us-east-1</text>"));
        assert!(drawing.panels.iter().any(|p| p.title == "Reads, stale by leader"));
    }

    #[test]
    fn one_variant_and_numeric_axes_are_drawn_elsewhere() {
        let (note, rows, curves) = sample::run();
        let all = view::scenarios(Some(&note), &rows, &curves);
        let drawn = all.iter().filter(|s| draw(s, &mut Counted::default()).is_some()).count();
        assert_eq!(drawn, 1);
    }
}
