//! The plane at the top of the page and in the README: reads beside writes in one wide picture.

use super::super::VerdictWord;
use super::super::theme::{Ink, Shape, Style};
use super::super::view::Scenario;
use super::labels::{self, Counted};
use super::plane::{Picture, Point, draw, keys, points};
use super::svg::{
    Area, At, Drawn, Spot, Tips, dot, inline, line, marks, picture, ring, text, write,
};
use super::{Drawing, Key, KeyMark};
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

    fn draw(&self, area: &Area<'_>, tips: &mut Tips, counted: &mut Counted) -> Drawn {
        for (i, (picture, points)) in self.panels.iter().enumerate() {
            let at = ((EACH as usize * i) as i32, (self.height - picture.height) as i32);
            let first = points.first().map_or("", |p| p.row.variant.as_str());
            let shown: Vec<&Point<'s>> = points.iter().filter(|p| p.row.variant == first).collect();
            picture.draw(area, tips, at, &shown, counted)?;
        }
        Ok(())
    }
}

fn about(scenario: &Scenario<'_>) -> String {
    format!("Latency against stale-read rate in {}, reads and writes", scenario.name)
}

/// The plane for the top of a page: one wide picture, what its labels count, and the panels one by
/// one for narrow pages.
pub(in super::super) fn hero(scenario: &Scenario<'_>) -> Option<(String, String, Drawing)> {
    let pair = Pair::new(scenario)?;
    let extent = (pair.width(), pair.height);
    let mut counted = Counted::default();
    let draw_pair = |area: &Area<'_>, tips: &mut Tips| pair.draw(area, tips, &mut counted);
    let wide = inline(extent, &about(scenario), draw_pair)?;
    Some((wide, counted.words(), draw(scenario, &mut counted)?))
}

/// The plane as a picture of its own, legend below.
pub(in super::super) fn standalone(scenario: &Scenario<'_>) -> Option<String> {
    let pair = Pair::new(scenario)?;
    let keys = keys(scenario);
    let rows = legend_rows(&keys, pair.width() as i32);
    let below = pair.height as i32 + 22 + 44 * rows.len() as i32;
    let remark = if scenario.levels.len() > 2 { 36 } else { 0 };
    picture((pair.width(), below as u32 + remark), &about(scenario), |area, tips| {
        let mut counted = Counted::default();
        pair.draw(area, tips, &mut counted)?;
        for (i, row) in rows.iter().enumerate() {
            let y = pair.height as i32 + 22 + 44 * i as i32;
            for (x, key) in row {
                draw_key(area, (*x, y), key)?;
            }
        }
        let style = text(Ink::SOFT, HPos::Left, VPos::Center);
        write(area, (30, below), &counted.words().replace('\n', " "), style)
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
    let point = |shape, word| marks(area, &[Spot { at, shape, ink: key.ink, word }]);
    match key.mark {
        KeyMark::Mark(shape) => point(shape, VerdictWord::Holds)?,
        KeyMark::Broken => point(Shape::Circle, VerdictWord::Violated)?,
        KeyMark::Pale => point(Shape::Circle, VerdictWord::Unknown)?,
        KeyMark::Swatch => dot(area, at, 11, key.ink)?,
        KeyMark::Ring => ring(area, at, 10, key.ink)?,
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
