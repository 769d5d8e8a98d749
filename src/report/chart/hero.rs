//! The plane at the top of the page and in the README: reads beside writes in one wide picture.

use super::super::VerdictWord;
use super::super::theme::{Ink, Shape, Style};
use super::super::view::Scenario;
use super::plane::{Picture, Point, draw, keys, points};
use super::svg::{Area, At, Drawn, Tips, dot, inline, line, mark, picture, text, write};
use super::{Drawing, Key, KeyMark, labels};
use plotters::style::text_anchor::{HPos, VPos};

/// Reads beside writes, each this wide.
const EACH: u32 = 1000;

/// Both panels side by side, to be drawn into one picture.
struct Pair<'s> {
    panels: Vec<(Picture<'s>, Vec<Point<'s>>)>,
    height: u32,
}

impl<'s> Pair<'s> {
    fn new(scenario: &Scenario<'s>) -> Option<Self> {
        let mut panels = Vec::new();
        for op in ["read", "write"] {
            let points = points(scenario, op);
            if let Some(picture) = Picture::new(&points, scenario, op, (EACH, 520)) {
                panels.push((picture, points));
            }
        }
        let height = panels.iter().map(|p| p.0.height).max()?;
        Some(Self { panels, height })
    }

    fn width(&self) -> u32 {
        EACH * self.panels.len() as u32
    }

    fn draw(&self, area: &Area<'_>, tips: &mut Tips) -> Drawn {
        for (i, (picture, points)) in self.panels.iter().enumerate() {
            let at = ((EACH as usize * i) as i32, (self.height - picture.height) as i32);
            let first = points.first().map_or("", |p| p.row.variant.as_str());
            let shown: Vec<&Point<'_>> = points.iter().filter(|p| p.row.variant == first).collect();
            picture.draw(area, tips, at, &shown)?;
        }
        Ok(())
    }
}

fn about(scenario: &Scenario<'_>) -> String {
    format!("Latency against stale-read rate in {}, reads and writes", scenario.name)
}

/// The plane for the top of a page: one wide picture, and the panels one by one for narrow ones.
pub(in super::super) fn hero(scenario: &Scenario<'_>) -> Option<(String, Drawing)> {
    let pair = Pair::new(scenario)?;
    let extent = (pair.width(), pair.height);
    let wide = inline(extent, &about(scenario), |area, tips| pair.draw(area, tips))?;
    Some((wide, draw(scenario)?))
}

/// The plane as a picture of its own, legend below.
pub(in super::super) fn standalone(scenario: &Scenario<'_>) -> Option<String> {
    let pair = Pair::new(scenario)?;
    let keys = keys(scenario);
    let rows = legend_rows(&keys, pair.width() as i32);
    let total = pair.height + 20 + 44 * rows.len() as u32;
    picture((pair.width(), total), &about(scenario), |area, tips| {
        pair.draw(area, tips)?;
        for (i, row) in rows.iter().enumerate() {
            let y = pair.height as i32 + 22 + 44 * i as i32;
            for (x, key) in row {
                draw_key(area, (*x, y), key)?;
            }
        }
        Ok(())
    })
}

/// Legend entries from left to right, a new row where the width is used up.
fn legend_rows(keys: &[Key], width: i32) -> Vec<Vec<(i32, &Key)>> {
    let mut rows: Vec<Vec<(i32, &Key)>> = Vec::new();
    let mut x = 30;
    for key in keys {
        let wide = labels::width(&key.label) + 80;
        if rows.is_empty() || x + wide > width {
            rows.push(Vec::new());
            x = 30;
        }
        if let Some(row) = rows.last_mut() {
            row.push((x, key));
        }
        x += wide;
    }
    rows
}

fn draw_key(area: &Area<'_>, (x, y): At, key: &Key) -> Drawn {
    let at = (x + 20, y);
    match key.mark {
        KeyMark::Mark(shape) => mark(area, at, shape, key.ink, VerdictWord::Holds)?,
        KeyMark::Broken => mark(area, at, Shape::Circle, key.ink, VerdictWord::Violated)?,
        KeyMark::Pale => mark(area, at, Shape::Circle, key.ink, VerdictWord::Unknown)?,
        KeyMark::Swatch => dot(area, at, 11, key.ink)?,
        KeyMark::Line | KeyMark::Dots => {
            let style = if key.mark == KeyMark::Dots { Style::Dotted } else { Style::Plain };
            line(area, &[(x, y), (x + 34, y)], key.ink.styled(style), 4)?;
        }
    }
    write(area, (x + 42, y), &key.label, text(Ink::TEXT, HPos::Left, VPos::Center))
}

#[cfg(test)]
mod tests {
    use super::super::super::{sample, view};
    use super::*;

    #[test]
    fn the_picture_carries_its_own_style() {
        let (note, rows, curves) = sample::run();
        let all = view::scenarios(Some(&note), &rows, &curves);
        let svg = standalone(&all[0]).expect("drawn");
        assert!(svg.contains("xmlns=") && svg.contains("prefers-color-scheme:dark"));
        assert!(!svg.contains("var(--") && svg.contains(">raft"));
    }
}
