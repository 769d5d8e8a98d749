//! A table as a picture: names at the left, a box of colour for every value.
//!
//! A mode is named once, its levels below it, and levels that say the same share a row: twenty-eight
//! rows hide what the five different ones say. All grids are drawn at one scale, so that letters
//! have one size on a page.

use super::super::number;
use super::super::theme::{Ink, verdict};
use super::super::view::{Cell, Scenario};
use super::labels::{Counted, fit, width};
use super::svg::{Area, Drawn, Tips, WIDTH, block, inline, text, write};
use plotters::style::FontTransform;
use plotters::style::text_anchor::{HPos, VPos};

/// One box.
pub(super) struct Value {
    /// What stands in it.
    pub(super) text: String,
    /// Its colour, 0 to 6.
    pub(super) step: usize,
    /// What the pointer is told.
    pub(super) tip: String,
}

/// One row.
pub(super) struct Line<T> {
    /// The mode's colour.
    pub(super) ink: Ink,
    /// What its rows stand under: the mode, and its variant where there are several.
    pub(super) mode: String,
    /// What tells the row from others of its mode; empty where there is no other.
    pub(super) name: String,
    /// One a column.
    pub(super) values: Vec<Option<T>>,
}

impl<T> Line<T> {
    /// The same row with other values.
    pub(super) fn map<U>(self, change: impl Fn(T) -> U) -> Line<U> {
        let Self { ink, mode, name, values } = self;
        Line { ink, mode, name, values: values.into_iter().map(|v| v.map(&change)).collect() }
    }
}

/// A number and what the pointer is told of it.
pub(super) type Told = (f64, String);

/// A line a cell, but one for all levels of a mode whose numbers agree to a twentieth and `slack`;
/// empty ones are left out.
pub(super) fn merged<'a>(
    scenario: &Scenario<'a>,
    cells: &[(&Cell<'a>, Vec<Option<Told>>)],
    slack: f64,
    counted: &mut Counted,
) -> Vec<Line<Told>> {
    let near = |a: &[Option<Told>], b: &[Option<Told>]| {
        a.iter().zip(b).all(|(a, b)| match (a, b) {
            (Some(a), Some(b)) => (a.0 - b.0).abs() <= 0.05 * a.0.max(b.0) + slack,
            (a, b) => a.is_none() && b.is_none(),
        })
    };
    let mut found: Vec<(Vec<&'a str>, &str, Line<Told>)> = Vec::new();
    for (cell, values) in cells.iter().filter(|c| c.1.iter().any(Option::is_some)) {
        let (mode, level) = (cell.head.system.as_str(), cell.head.level.as_str());
        let sign = sign(cell);
        let same = |known: &&mut (Vec<&str>, &str, Line<Told>)| {
            known.2.mode == mode && known.1 == sign && near(&known.2.values, values)
        };
        match found.iter_mut().find(same) {
            Some(known) => known.0.push(level),
            None => {
                let (ink, name) = (scenario.ink(mode), String::new());
                let (mode, values) = (mode.to_owned(), values.clone());
                found.push((vec![level], sign, Line { ink, mode, name, values }));
            }
        }
    }
    let rows = |mode: &str| found.iter().filter(|f| f.2.mode == mode).count();
    let alone: Vec<bool> = found.iter().map(|f| rows(&f.2.mode) == 1).collect();
    let mut lines = Vec::new();
    for ((levels, sign, mut line), alone) in found.into_iter().zip(alone) {
        if !alone {
            line.name = levels.join(", ");
        }
        if levels.len() > 1 && width(&line.name) > NAMES - 60 {
            line.name = format!("{} levels {}", levels.len(), counted.letter(&levels));
        }
        line.name = format!("{} {sign}", line.name).trim().to_owned();
        lines.push(line);
    }
    lines
}

/// Empty for a promise that was kept.
pub(super) fn sign(cell: &Cell<'_>) -> &'static str {
    match verdict(cell.head.verdict) {
        (_, _, "holds") => "",
        (_, sign, _) => sign,
    }
}

/// A grid of values under column names, beside row names.
pub(super) struct Grid {
    /// What the picture shows, in words.
    pub(super) about: String,
    /// Columns, left to right.
    pub(super) columns: Vec<String>,
    /// Rows, top to bottom.
    pub(super) rows: Vec<Line<Value>>,
}

/// How latencies are written in a grid of so many columns, and what its title then says of their unit:
/// boxes that stand close have no room for one.
pub(super) fn figures(columns: usize) -> (fn(f64) -> String, &'static str) {
    if columns < 5 { (number::ms, "") } else { (number::bare_ms, ", ms") }
}

/// Most room for the names of rows.
const NAMES: i32 = 290;
/// Most room for the name of a column that stands upright.
const UPRIGHT: i32 = 260;
const ROW: i32 = 46;
const LINE_HEIGHT: i32 = 28;
/// Where a column's name may be broken.
const BREAKS: [char; 5] = ['-', '/', ' ', '_', '='];
/// How far levels stand in below their mode.
const INDENT: i32 = 22;

impl Grid {
    /// Its picture and natural width; `None` without rows or columns.
    pub(super) fn draw(&self) -> Option<(String, u32)> {
        if self.rows.is_empty() || self.columns.is_empty() {
            return None;
        }
        let long = |l: &Line<Value>| {
            if self.headed(&l.mode) { INDENT + width(&l.name) } else { width(&self.title(l)) }
        };
        let columns = self.columns.len() as i32;
        let texts = self.rows.iter().flat_map(|l| l.values.iter().flatten());
        let widest = texts.map(|v| width(&v.text) + 12).max()?;
        let pieces = self.columns.iter().flat_map(|c| c.split_inclusive(BREAKS));
        // With a gap to the next name.
        let head = pieces.map(|piece| width(piece) + 10).max()?.min(180);
        // Few columns leave names more room.
        let spare = WIDTH as i32 - 8 - widest.max(head) * columns;
        let left = (self.rows.iter().map(long).max()? + 30).clamp(120, NAMES.max(spare));
        // Names that would make the grid wide stand upright.
        let upright = left + head * columns + 8 > WIDTH as i32;
        let least = if upright { widest } else { widest.max(head) };
        let cell = ((WIDTH as i32 - left - 8) / columns).clamp(least, 170.max(least));
        let room = if upright { UPRIGHT } else { cell - 6 };
        let heads: Vec<Vec<String>> = (self.columns.iter())
            .map(|c| if upright { vec![fit(c, room)] } else { wrap(c, room) })
            .collect();
        let top = 14
            + if upright {
                heads.iter().flatten().map(|words| width(words)).max()?
            } else {
                heads.iter().map(Vec::len).max()? as i32 * LINE_HEIGHT
            };
        let size = ((left + cell * columns + 8).max(WIDTH as i32) as u32, self.below(top) + 8);
        let svg = inline(size, &self.about, |area, tips| {
            for (i, head) in heads.iter().enumerate() {
                let x = left + cell * i as i32 + cell / 2;
                for (j, words) in head.iter().enumerate() {
                    let y = top - 10 - LINE_HEIGHT * (head.len() - 1 - j) as i32;
                    let style = if upright {
                        let turned = text(Ink::SOFT, HPos::Left, VPos::Center);
                        turned.transform(FontTransform::Rotate270)
                    } else {
                        text(Ink::SOFT, HPos::Center, VPos::Bottom)
                    };
                    write(area, (x, y), words, style)?;
                }
            }
            self.draw_rows(area, tips, (left, top), cell)
        })?;
        Some((svg, size.0))
    }

    /// Whether the mode has a line of its own above its rows.
    fn headed(&self, mode: &str) -> bool {
        let mut of_mode = self.rows.iter().filter(|l| l.mode == mode);
        // Two names that are too long for one line stand on two.
        let long =
            |l: &Line<Value>| !l.name.is_empty() && width(&l.mode) + width(&l.name) + 60 > NAMES;
        of_mode.next().is_some_and(long) || of_mode.next().is_some()
    }

    /// The mode, and what else there is to say of its only row.
    fn title(&self, line: &Line<Value>) -> String {
        if self.headed(&line.mode) {
            return line.mode.clone();
        }
        format!("{} {}", line.mode, line.name).trim_end().to_owned()
    }

    /// Whether the `i`-th row is the first of a mode that has a line of its own.
    fn opens(&self, i: usize) -> bool {
        let mode = &self.rows[i].mode;
        self.headed(mode) && (i == 0 || self.rows[i - 1].mode != *mode)
    }

    fn below(&self, top: i32) -> u32 {
        let heads = (0..self.rows.len()).filter(|i| self.opens(*i)).count();
        (top + ROW * (self.rows.len() + heads) as i32) as u32
    }

    fn draw_rows(
        &self,
        area: &Area<'_>,
        tips: &mut Tips,
        (left, top): (i32, i32),
        cell: i32,
    ) -> Drawn {
        // A mode above its rows has their boxes' room too.
        let name = |area: &Area<'_>, x: i32, y: i32, words: &str, right: i32| {
            let words = fit(words, right - x - 2);
            write(area, (x, y + ROW / 2), &words, text(Ink::TEXT, HPos::Left, VPos::Center))
        };
        let mut y = top;
        for (i, row) in self.rows.iter().enumerate() {
            let headed = self.headed(&row.mode);
            if self.opens(i) || !headed {
                block(area, (4, y + ROW / 2 - 9), (16, y + ROW / 2 + 9), row.ink)?;
                let right = if headed { WIDTH as i32 } else { left };
                name(area, 26, y, &self.title(row), right)?;
            }
            if self.opens(i) {
                y += ROW;
            }
            if headed {
                name(area, 26 + INDENT, y, &row.name, left)?;
            }
            for (j, value) in row.values.iter().enumerate() {
                let x = left + cell * j as i32;
                let Some(value) = value else { continue };
                let (ground, ink) = Ink::heat(value.step);
                block(area, (x + 2, y + 2), (x + cell - 2, y + ROW - 2), ground)?;
                let at = (x + cell / 2, y + ROW / 2);
                write(area, at, &value.text, text(ink, HPos::Center, VPos::Center))?;
                tips.add(at, &value.tip);
            }
            y += ROW;
        }
        Ok(())
    }
}

/// Breaks a region's name at its dashes, into three lines at most.
fn wrap(name: &str, room: i32) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for part in name.split_inclusive(BREAKS) {
        match lines.last_mut() {
            Some(line) if width(line) + width(part.trim_end()) <= room => line.push_str(part),
            _ => lines.push(part.to_owned()),
        }
    }
    lines.truncate(3);
    lines.iter().map(|l| fit(l.trim_end(), room)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(mode: &str, name: &str) -> Line<Value> {
        let value = Value { text: "1 ms".into(), step: 0, tip: String::new() };
        Line { ink: Ink::mode(0), mode: mode.into(), name: name.into(), values: vec![Some(value)] }
    }

    #[test]
    fn a_mode_with_several_rows_stands_above_them_and_one_with_one_row_beside_it() {
        let rows = vec![line("raft", "lease"), line("raft", "session"), line("async", "")];
        let (about, columns) = (String::new(), vec!["a".to_owned()]);
        let (svg, width) = Grid { about, columns, rows }.draw().expect("drawn");
        assert_eq!(width, WIDTH);
        for once in [">raft<", ">lease<", ">session<", ">async<"] {
            assert_eq!(svg.matches(once).count(), 1, "{once}");
        }
    }

    #[test]
    fn long_region_names_break_at_their_dashes() {
        assert_eq!(wrap("us-east-1", 140), ["us-east-1"]);
        assert_eq!(wrap("ap-southeast-1", 142), ["ap-", "southeast-", "1"]);
        assert!(wrap("a-very-very-long-name-indeed-of-a-region", 100).len() <= 3);
    }
}
