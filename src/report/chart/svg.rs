//! From plotters' SVG back end to a picture that lives in a page.
//!
//! plotters writes absolute colours, fonts and whole-pixel coordinates, and knows no tooltips. A
//! pass over its text turns the palette's stand-in colours into classes (see `repaint.rs`) and
//! appends invisible discs whose `<title>` the browser shows on hovering. Coordinates are doubled
//! and scaled back by the `viewBox`, so that lines look smooth.

use super::super::VerdictWord;
use super::super::html::escape;
use super::super::theme::{Ink, Shape, Style, picture_css, size};
use super::axis::{Axis, Gap};
use super::letters;
use super::repaint::repaint;
use plotters::backend::SVGBackend;
use plotters::chart::{ChartBuilder, ChartContext};
use plotters::coord::Shift;
use plotters::coord::cartesian::Cartesian2d;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};
use plotters::element::{Circle, PathElement, Polygon, Rectangle, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontDesc, FontFamily, FontStyle, IntoTextStyle, RGBAColor, TextStyle};
use std::fmt::Write;

/// Units across a chart that fits a telephone: 380 CSS pixels.
pub(in super::super) const WIDTH: u32 = 760;

/// Where one draws, in whole units from the top left.
pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
/// Drawing into a string cannot fail, but plotters cannot know that.
pub(super) type Drawn<T = ()> = Result<T, DrawingAreaErrorKind<std::io::Error>>;
/// A point in units.
pub(super) type At = (i32, i32);

/// Text the browser shows when the pointer rests at a place.
#[derive(Default)]
pub(super) struct Tips(String);

impl Tips {
    /// Says `text` around `at`.
    pub(super) fn add(&mut self, at: At, text: &str) {
        self.add_all(&[at], text);
    }

    /// Says `text` around several places. They are the round ends of a stroke without length.
    pub(super) fn add_all(&mut self, all: &[At], text: &str) {
        self.0.push_str("<path d=\"");
        for (x, y) in all {
            let _ = write!(self.0, "M{x} {y}h0");
        }
        let _ = write!(self.0, "\"><title>{}</title></path>", escape(text));
    }
}

/// Draws a picture for a page; `label` says in words what it shows.
pub(super) fn inline(
    (width, height): (u32, u32),
    label: &str,
    draw: impl FnOnce(&Area<'_>, &mut Tips) -> Drawn,
) -> Option<String> {
    let head = format!(
        "<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{}\">",
        escape(label)
    );
    render((width, height), &head, draw)
}

/// Draws a picture for a file of its own, with its style inside.
pub(super) fn picture(
    (width, height): (u32, u32),
    label: &str,
    draw: impl FnOnce(&Area<'_>, &mut Tips) -> Drawn,
) -> Option<String> {
    let head = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{}\" \
         viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{}\" \
         font-family=\"system-ui,sans-serif\" font-size=\"{}\" stroke-width=\"{}\"><style>{}</style>\
         <rect class=\"f-paper\" width=\"100%\" height=\"100%\"/>",
        width / 2,
        height / 2,
        escape(label),
        size::TEXT,
        size::LINE,
        picture_css()
    );
    render((width, height), &head, draw)
}

fn render(
    extent: (u32, u32),
    head: &str,
    draw: impl FnOnce(&Area<'_>, &mut Tips) -> Drawn,
) -> Option<String> {
    let (mut raw, mut tips) = (String::new(), Tips::default());
    {
        let area = SVGBackend::with_string(&mut raw, extent).into_drawing_area();
        draw(&area, &mut tips).ok()?;
        area.present().ok()?;
    }
    Some(repaint(&raw, head, &tips.0))
}

/// Text of the charts' size; plotters divides by 1.24 on its way out.
pub(super) fn text(ink: Ink, h: HPos, v: VPos) -> TextStyle<'static> {
    let points = f64::from(size::TEXT) * 1.24;
    let font = FontDesc::new(FontFamily::SansSerif, points, FontStyle::Normal);
    font.with_color(ink.color()).with_anchor::<RGBAColor>(Pos::new(h, v)).into_text_style(&(0, 0))
}

/// Writes `words` at a place.
pub(super) fn write(area: &Area<'_>, at: At, words: &str, style: TextStyle<'static>) -> Drawn {
    area.draw(&Text::new(words.to_owned(), at, style))
}

/// A line through points in units.
pub(super) fn line(area: &Area<'_>, points: &[At], ink: Ink, width: u32) -> Drawn {
    area.draw(&PathElement::new(points.to_vec(), ink.stroke(width)))
}

/// Several lines, each wider by what lies on top of it, so that lines that coincide show as
/// stripes.
pub(super) fn lines(area: &Area<'_>, all: &[(Vec<At>, Ink)]) -> Drawn {
    let near = |p: &At, q: &At| (p.0 - q.0).abs() + (p.1 - q.1).abs() < 6;
    let close = |a: &[At], b: &[At]| a.len() == b.len() && a.iter().zip(b).all(|(p, q)| near(p, q));
    for (i, (path, ink)) in all.iter().enumerate() {
        let above = all[i + 1..].iter().filter(|other| close(path, &other.0)).count() as u32;
        line(area, path, *ink, size::LINE + 4 * above.min(4))?;
    }
    Ok(())
}

/// A filled rectangle.
pub(super) fn block(area: &Area<'_>, from: At, to: At, ink: Ink) -> Drawn {
    area.draw(&Rectangle::new([from, to], ink.fill()))
}

/// A filled band between two edges, seen through.
pub(super) fn ribbon(area: &Area<'_>, corners: &[At], ink: Ink, alpha: f64) -> Drawn {
    area.draw(&Polygon::new(corners.to_vec(), ink.wash(alpha)))
}

/// A small round point.
pub(super) fn dot(area: &Area<'_>, at: At, radius: i32, ink: Ink) -> Drawn {
    area.draw(&Circle::new(at, radius, ink.fill()))
}

/// A circle around a point.
pub(super) fn ring(area: &Area<'_>, at: At, radius: i32, ink: Ink) -> Drawn {
    area.draw(&Circle::new(at, radius, ink.stroke(2)))
}

/// A point of a chart: where, what it promises, whose it is, whether it was kept.
#[derive(Clone, Copy)]
pub(super) struct Spot {
    /// Its place.
    pub(super) at: At,
    /// Its promise.
    pub(super) shape: Shape,
    /// Its mode.
    pub(super) ink: Ink,
    /// Its verdict.
    pub(super) word: VerdictWord,
}

/// Several points, each wider by what lies on top of it, so that points of different modes that
/// coincide show as rings.
pub(super) fn marks(area: &Area<'_>, spots: &[Spot]) -> Drawn {
    for (i, spot) in spots.iter().enumerate() {
        let near = |s: &&Spot| {
            (s.at.0 - spot.at.0).abs() < size::MARK && (s.at.1 - spot.at.1).abs() < size::MARK
        };
        let mut above: Vec<&str> =
            spots[i + 1..].iter().filter(near).map(|s| s.ink.name()).collect();
        above.retain(|name| *name != spot.ink.name());
        above.sort_unstable();
        above.dedup();
        mark(area, spot, size::MARK + 4 * above.len().min(3) as i32)?;
    }
    Ok(())
}

/// A point: form = promise, colour = mode; pale = undecided, hollow with a red cross = broken.
pub(super) fn mark(area: &Area<'_>, spot: &Spot, radius: i32) -> Drawn {
    let Spot { at, shape, word, .. } = *spot;
    let ink = spot.ink.styled(Style::Plain);
    let outline = |r: i32| {
        let corners = shape.corners(r)?;
        Some(corners.into_iter().map(|(x, y)| (at.0 + x, at.1 + y)).collect::<Vec<At>>())
    };
    let fill = |r: i32, paint: Ink, alpha: f64| match outline(r) {
        Some(corners) => area.draw(&Polygon::new(corners, paint.wash(alpha))),
        None => area.draw(&Circle::new(at, r, paint.wash(alpha))),
    };
    fill(radius + 2, Ink::PAPER, 1.0)?;
    if word == VerdictWord::Holds {
        return fill(radius, ink, 1.0);
    }
    if word == VerdictWord::Unknown {
        fill(radius, ink, 0.3)?;
    }
    match outline(radius) {
        Some(mut corners) => {
            corners.extend_from_within(..2);
            area.draw(&PathElement::new(corners, ink.stroke(3)))?;
        }
        None => area.draw(&Circle::new(at, radius, ink.stroke(3)))?,
    }
    if word == VerdictWord::Violated {
        let (x, y, r) = (at.0, at.1, radius + 4);
        line(area, &[(x - r, y - r), (x + r, y + r)], Ink::BROKEN, 4)?;
        line(area, &[(x - r, y + r), (x + r, y - r)], Ink::BROKEN, 4)?;
    }
    Ok(())
}

/// Axes and grid with room for labels around them.
pub(super) struct Frame<'a> {
    chart: ChartContext<'a, SVGBackend<'a>, Cartesian2d<Axis, Axis>>,
    /// Of its axes, between 0 and the decades.
    gaps: [Option<Gap>; 2],
}

/// Where a frame goes and what is written around it.
#[derive(Clone, Copy)]
pub(super) struct Layout<'t> {
    /// Its outer box: left, top, width, height.
    pub(super) outer: (i32, i32, u32, u32),
    /// Under the x axis, at its right end; with `None` the axis has no labels.
    pub(super) x: Option<&'t str>,
    /// Above the y axis; may be empty.
    pub(super) y: &'t str,
    /// Room for the labels of the y axis.
    pub(super) left: u32,
}

impl<'a> Frame<'a> {
    /// Draws the axes and keeps their geometry.
    pub(super) fn new(area: &Area<'a>, x: Axis, y: Axis, layout: Layout<'_>) -> Drawn<Self> {
        let (left, top, width, height) = layout.outer;
        let (below, tick_room) = if layout.x.is_some() { (34, 42) } else { (2, 0) };
        let above = if layout.y.is_empty() { 2 } else { 52 };
        let inner = area.clone().shrink((left, top), (width, height));
        let x = x.fitted((width - layout.left) as i32 - 26, letters::width);
        let gaps = [x.gap(), y.gap()];
        let mut chart = ChartBuilder::on(&inner)
            .margin_right(26)
            .margin_top(above)
            .margin_bottom(below)
            .x_label_area_size(tick_room)
            .y_label_area_size(layout.left)
            .build_cartesian_2d(x, y)?;
        chart
            .configure_mesh()
            .x_labels(20)
            .y_labels(20)
            .bold_line_style(Ink::GRID.stroke(1))
            .light_line_style(Ink::GRID.stroke(1))
            .axis_style(Ink::AXIS.stroke(2))
            .x_label_style(text(Ink::SOFT, HPos::Center, VPos::Top))
            .y_label_style(text(Ink::SOFT, HPos::Right, VPos::Center))
            .set_all_tick_mark_size(8)
            .draw()?;
        let frame = Self { chart, gaps };
        frame.cut(area)?;
        let (_, bottom_right) = frame.corners();
        if !layout.y.is_empty() {
            let style = text(Ink::SOFT, HPos::Left, VPos::Top);
            write(area, (left + 8, top + 8), layout.y, style)?;
        }
        if let Some(words) = layout.x {
            let style = text(Ink::SOFT, HPos::Right, VPos::Top);
            write(area, (bottom_right.0, bottom_right.1 + 46), words, style)?;
        }
        Ok(frame)
    }

    /// Takes away what was drawn between 0 and the decades of an axis, the axis itself too, so that
    /// one sees that it is broken there.
    pub(super) fn cut(&self, area: &Area<'_>) -> Drawn {
        let ((left, top), (right, bottom)) = self.corners();
        let along =
            |from: i32, to: i32, part: f64| from + libm::round(part * f64::from(to - from)) as i32;
        if let Some(gap) = self.gaps[0] {
            let [from, to] = [gap.0, gap.1].map(|part| along(left, right, part));
            block(area, (from, top - 2), (to, bottom + 2), Ink::PAPER)?;
        }
        if let Some(gap) = self.gaps[1] {
            let [from, to] = [gap.0, gap.1].map(|part| along(bottom, top, part));
            block(area, (left - 2, to), (right + 2, from), Ink::PAPER)?;
        }
        Ok(())
    }

    /// The plotting area's top left and bottom right.
    pub(super) fn corners(&self) -> (At, At) {
        let (x, y) = self.chart.plotting_area().get_pixel_range();
        ((x.start, y.start), (x.end, y.end))
    }

    /// Where a point of the data lies.
    pub(super) fn at(&self, x: f64, y: f64) -> At {
        self.chart.backend_coord(&(x, y))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_become_classes_and_text_stays_escaped() {
        let svg = inline((100, 60), "a \"label\"", |area, tips| {
            line(area, &[(1, 2), (3, 4)], Ink::mode(2).styled(Style::Dashed), 4)?;
            write(area, (5, 6), "<b>&</b>", text(Ink::SOFT, HPos::Left, VPos::Top))?;
            tips.add((7, 8), "<i>");
            Ok(())
        })
        .expect("drawn");
        assert!(svg.contains("<path class=\"s-m2 dash\" d=\"M1 2l2 2\"/>"));
        assert!(svg.contains("aria-label=\"a &quot;label&quot;\""), "{svg}");
        assert!(svg.contains("&lt;b&gt;&amp;&lt;/b&gt;</text>") && svg.contains("&lt;i&gt;"));
        assert!(!svg.contains("font-family") && !svg.contains('#'), "{svg}");
    }

    #[test]
    fn a_broken_promise_is_hollow_and_crossed() {
        let draw = |word| {
            let spot = Spot { at: (25, 25), shape: Shape::Square, ink: Ink::mode(0), word };
            inline((50, 50), "", |area, _| marks(area, &[spot])).expect("drawn")
        };
        assert!(draw(VerdictWord::Violated).matches("<g class=\"s-broken\"><path").count() == 1);
        assert!(!draw(VerdictWord::Holds).contains("s-broken"));
        assert!(draw(VerdictWord::Unknown).contains("opacity=\"0.3\""));
    }
}
