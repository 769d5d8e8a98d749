//! Client region x mode: the median in every box, once for reads and once for writes.
//!
//! The number is what counts; the colour, the logarithm of the number, only leads the eye to it.

use super::super::number;
use super::super::theme::{Ink, size, verdict};
use super::super::view::{Cell, Scenario};
use super::svg::{Area, Drawn, Tips, WIDTH, block, inline, text, write};
use super::{Chart, Drawing, Panel, labels};
use plotters::style::text_anchor::{HPos, VPos};

pub(super) const CHART: Chart = Chart {
    name: "heat-map",
    title: "Who pays: client region by mode",
    reading: "Median response time of clients in each region. Read along a row to see whom a mode \
              treats well; a broken or undecided promise is marked after the mode.",
    draw,
};

/// One box of a grid.
pub(super) struct Value {
    /// What stands in it.
    pub(super) text: String,
    /// Its colour, 0 to 6.
    pub(super) step: usize,
    /// What the pointer is told.
    pub(super) tip: String,
}

/// A grid of values under column names, beside row names.
pub(super) struct Grid {
    /// What the picture shows, in words.
    pub(super) about: String,
    /// Columns, left to right.
    pub(super) columns: Vec<String>,
    /// Rows, top to bottom: the mode's colour, the name, the values.
    pub(super) rows: Vec<(Ink, String, Vec<Option<Value>>)>,
}

const ROW: i32 = 46;
const LINE_HEIGHT: i32 = 28;

impl Grid {
    /// Its picture and natural width; `None` without rows or columns.
    pub(super) fn draw(&self) -> Option<(String, u32)> {
        if self.rows.is_empty() || self.columns.is_empty() {
            return None;
        }
        let longest = self.rows.iter().map(|r| labels::width(&r.1)).max()?;
        let left = (longest + 36).clamp(120, 330);
        let columns = self.columns.len() as i32;
        // Boxes grow until every column's name fits on two lines, as far as there is room.
        let most = ((WIDTH as i32 + 20 - left - 8) / columns).clamp(104, 190);
        let whole = |cell: &i32| {
            let fits = |c: &String| {
                let lines = wrap(c, cell - 6);
                lines.len() <= 2 && !lines.iter().any(|l| l.ends_with('…'))
            };
            self.columns.iter().all(fits)
        };
        let cell = (104..most).find(whole).unwrap_or(most).max(most.min(128));
        let heads: Vec<Vec<String>> = self.columns.iter().map(|c| wrap(c, cell - 6)).collect();
        let top = heads.iter().map(Vec::len).max()? as i32 * LINE_HEIGHT + 14;
        let width = (left + cell * columns + 8) as u32;
        let height = (top + ROW * self.rows.len() as i32 + 8) as u32;
        let svg = inline((width, height), &self.about, |area, tips| {
            for (i, head) in heads.iter().enumerate() {
                let x = left + cell * i as i32 + cell / 2;
                for (j, words) in head.iter().enumerate() {
                    let y = top - 10 - LINE_HEIGHT * (head.len() - 1 - j) as i32;
                    write(area, (x, y), words, text(Ink::SOFT, HPos::Center, VPos::Bottom))?;
                }
            }
            for (i, row) in self.rows.iter().enumerate() {
                draw_row(area, tips, row, (left, top + ROW * i as i32), cell)?;
            }
            Ok(())
        })?;
        Some((svg, width))
    }
}

fn draw_row(
    area: &Area<'_>,
    tips: &mut Tips,
    (ink, name, values): &(Ink, String, Vec<Option<Value>>),
    (left, y): (i32, i32),
    cell: i32,
) -> Drawn {
    let middle = y + ROW / 2;
    block(area, (4, middle - 9), (16, middle + 9), *ink)?;
    let room = left - 30;
    let name = fit(name, room);
    write(area, (26, middle), &name, text(Ink::TEXT, HPos::Left, VPos::Center))?;
    for (i, value) in values.iter().enumerate() {
        let x = left + cell * i as i32;
        let Some(value) = value else { continue };
        let (ground, ink) = Ink::heat(value.step);
        block(area, (x + 2, y + 2), (x + cell - 2, y + ROW - 2), ground)?;
        let at = (x + cell / 2, middle);
        write(area, at, &value.text, text(ink, HPos::Center, VPos::Center))?;
        tips.add(at, &value.tip);
    }
    Ok(())
}

/// Cuts a name to a width, with an ellipsis.
pub(super) fn fit(name: &str, room: i32) -> String {
    if labels::width(name) <= room {
        return name.to_owned();
    }
    let most = (f64::from(room) / (f64::from(size::TEXT) * 0.54)) as usize;
    let kept: String = name.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// Breaks a region's name at its dashes.
fn wrap(name: &str, room: i32) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for part in name.split_inclusive(['-', '/', ' ', '_']) {
        match lines.last_mut() {
            Some(line) if labels::width(line) + labels::width(part.trim_end()) <= room => {
                line.push_str(part);
            }
            _ => lines.push(part.to_owned()),
        }
    }
    lines.truncate(3);
    lines.iter().map(|l| fit(l.trim_end(), room)).collect()
}

/// Heat of a latency between the smallest and the largest of its grid.
fn heat(value: f64, low: f64, high: f64) -> usize {
    let span = libm::log10(high / low);
    if !value.is_finite() || value <= 0.0 || span.is_nan() || span <= 0.0 {
        return 0;
    }
    // A grid whose values differ little is not stretched over the whole scale.
    libm::round(6.0 * libm::log10(value / low) / span.max(0.6)) as usize
}

fn draw(scenario: &Scenario<'_>) -> Option<Drawing> {
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
            drawing.remark = format!("Drawn at {last}.");
        }
    }
    drawing.more_title = "The other variants";
    for (i, variant) in variants.iter().enumerate() {
        let cells: Vec<Cell<'_>> =
            scenario.cells().into_iter().filter(|c| c.head.variant == *variant).collect();
        for (op, title) in [("read", "Reads"), ("write", "Writes")] {
            let grid = grid(scenario, &cells, &regions, op);
            let Some((svg, width)) = grid.draw() else { continue };
            let several = variants.len() > 1;
            let title =
                if several { format!("{title}, {variant}") } else { format!("{title}, median") };
            let panels = if i == 0 { &mut drawing.panels } else { &mut drawing.more };
            panels.push(Panel { title, svg, width });
        }
    }
    (!drawing.panels.is_empty()).then_some(drawing)
}

/// A row of medians, each with what the pointer is told.
type Medians = Vec<Option<(f64, String)>>;

fn grid(scenario: &Scenario<'_>, cells: &[Cell<'_>], regions: &[&str], op: &str) -> Grid {
    let shown = |cell: &Cell<'_>| -> Medians {
        let row = |region: &&str| {
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
        regions.iter().map(row).collect()
    };
    let mut rows: Vec<(Ink, String, Medians)> = Vec::new();
    for cell in cells {
        let values = shown(cell);
        if values.iter().all(Option::is_none) {
            continue;
        }
        // The level of its reads hardly touches a write: one row a mode where the medians agree.
        let like = |other: &[Option<(f64, String)>]| {
            values.iter().zip(other).all(|(a, b)| match (a, b) {
                (Some(a), Some(b)) => (a.0 - b.0).abs() <= 0.05 * a.0.max(b.0) + 0.02,
                (a, b) => a.is_none() && b.is_none(),
            })
        };
        let ink = scenario.ink(&cell.head.system);
        let sign = match verdict(cell.head.verdict) {
            (_, sign, "broken" | "unknown") => format!(" {sign}"),
            _ => String::new(),
        };
        let signed = |name: &str| name.chars().last().filter(|c| "✗?".contains(*c));
        let same = |row: &(Ink, String, Medians)| {
            row.0 == ink && like(&row.2) && signed(&row.1) == signed(&sign)
        };
        let alone = format!("{}{sign}", cell.head.system);
        if op == "write" && rows.iter().any(same) {
            continue;
        }
        let first = !rows.iter().any(|r| r.0 == ink);
        let label = format!("{}{sign}", cell.label(scenario));
        rows.push((ink, if op == "write" && first { alone } else { label }, values));
    }
    let numbers = || rows.iter().flat_map(|r| r.2.iter().flatten().map(|v| v.0));
    let low = numbers().filter(|v| *v > 0.0).fold(f64::INFINITY, f64::min);
    let high = numbers().filter(|v| v.is_finite()).fold(0.0, f64::max);
    let value = |(p50, tip): (f64, String)| Value {
        text: number::ms(p50),
        step: heat(p50, low, high),
        tip,
    };
    Grid {
        about: format!("Median {op} latency by client region and mode in {}", scenario.name),
        columns: regions.iter().map(|r| (*r).to_owned()).collect(),
        rows: rows
            .into_iter()
            .map(|(ink, name, values)| {
                (ink, name, values.into_iter().map(|v| v.map(value)).collect())
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heat_grows_with_latency_and_small_differences_stay_pale() {
        assert_eq!((heat(1.0, 1.0, 1000.0), heat(1000.0, 1.0, 1000.0)), (0, 6));
        assert!(heat(1.1, 1.0, 1.1) <= 1);
        assert_eq!(heat(f64::NAN, 1.0, 2.0), 0);
    }

    #[test]
    fn long_region_names_break_at_their_dashes() {
        assert_eq!(wrap("us-east-1", 124), ["us-east-1"]);
        assert_eq!(wrap("ap-southeast-1", 136), ["ap-", "southeast-", "1"]);
        assert!(wrap("a-very-very-long-name-indeed-of-a-region", 100).len() <= 3);
        assert_eq!(fit("short", 400), "short");
        assert!(fit("a name that is far too long to fit", 120).ends_with('…'));
    }
}
