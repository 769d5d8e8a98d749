//! Reads against writes, with the line that no linearizable store can cross.
//!
//! Lipton and Sandberg ("PRAM: A Scalable Shared Memory", 1988) and Attiya and Welch ("Sequential
//! Consistency versus Linearizability", 1994): if a write at p and a read at q together always take
//! less than a message from p to q, then a read that begins as a write ends cannot know of it. The
//! bound is on the slowest such pair; the points are medians, and the page says so.

use super::super::number;
use super::super::theme::{Ink, Shape, size, verdict};
use super::super::view::Scenario;
use super::super::{Row, VerdictWord};
use super::axis::Axis;
use super::labels::{self, Box, Counted, Name, Room, Wish, label};
use super::plane::keys;
use super::svg::{At, Frame, Layout, Spot, WIDTH, inline, line, marks, ribbon, text, write};
use super::{Chart, Drawing, Key, KeyMark, Panel};
use plotters::style::text_anchor::{HPos, VPos};

pub(super) const CHART: Chart = Chart {
    name: "bound",
    title: "What no store can beat",
    reading: "News takes d from the writers' region to the readers'. Where a write and a read together \
              always take less, a read that begins as the write ends cannot know of it: no linearizable \
              store is in the shaded corner (Lipton and Sandberg 1988, Attiya and Welch 1994), though \
              a sequential one may be. The bound is on the slowest such pair; points are medians, healthy \
              phase.",
    draw,
};

/// Where one reads, where another writes, and the least delay from the writer to the reader.
struct Pair<'a> {
    read: &'a str,
    write: &'a str,
    ms: f64,
}

/// One cell: its reads in one place, its writes in the other.
struct Point<'a> {
    read: &'a Row,
    write: &'a Row,
    level: &'a str,
}

fn draw(scenario: &Scenario<'_>, counted: &mut Counted) -> Option<Drawing> {
    if scenario.axis().is_some() {
        return None;
    }
    let pair = farthest(scenario)?;
    let all = points(scenario, &pair);
    let mut drawing = Drawing { keys: keys(scenario), ..Drawing::default() };
    drawing.more_title = "The other variants";
    drawing.keys.retain(|k| k.mark != KeyMark::Dots);
    let label = format!("write + read = d = {}", number::ms(pair.ms));
    drawing.keys.push(Key { ink: Ink::BOUND, mark: KeyMark::Line, label });
    for variant in &scenario.variants {
        let shown: Vec<&Point<'_>> = all.iter().filter(|p| p.read.variant == *variant).collect();
        let several = scenario.variants.len() > 1;
        let place = format!("{} reads, {} writes", pair.read, pair.write);
        let title = if several { format!("{variant}: {place}") } else { place };
        let Some(svg) = panel(scenario, &pair, (&all, &shown), counted) else { continue };
        let panels =
            if drawing.panels.is_empty() { &mut drawing.panels } else { &mut drawing.more };
        panels.push(Panel { title, svg, width: WIDTH });
    }
    drawing.remark = counted.words();
    (!drawing.panels.is_empty()).then_some(drawing)
}

/// The two client regions farthest apart; reader and writer so that the store looks best, because
/// a bound that is not met there is met nowhere.
fn farthest<'a>(scenario: &Scenario<'a>) -> Option<Pair<'a>> {
    let news = &scenario.note?.news;
    let most = news.iter().map(|n| n.ms).fold(0.0, f64::max);
    let least = |pair: &Pair<'_>| {
        let sums = points(scenario, pair).into_iter().map(|p| p.read.p50_ms + p.write.p50_ms);
        sums.fold(f64::INFINITY, f64::min)
    };
    news.iter()
        .filter(|n| n.ms > 0.0 && n.ms >= most * 0.98)
        .map(|n| Pair { read: &n.to, write: &n.from, ms: n.ms })
        .filter(|pair| least(pair).is_finite())
        .min_by(|a, b| least(a).total_cmp(&least(b)))
}

fn points<'a>(scenario: &Scenario<'a>, pair: &Pair<'_>) -> Vec<Point<'a>> {
    let usable = |row: &&Row| row.p50_ms.is_finite() && row.p50_ms >= 0.0;
    let point = |cell: super::super::view::Cell<'a>| {
        let read = cell.row("healthy", pair.read, "read").filter(usable)?;
        let write = cell.row("healthy", pair.write, "write").filter(usable)?;
        let level = if scenario.levels.len() > 1 { read.level.as_str() } else { "" };
        Some(Point { read, write, level })
    };
    scenario.cells().into_iter().filter_map(point).collect()
}

fn panel<'a>(
    scenario: &Scenario<'a>,
    pair: &Pair<'_>,
    (all, shown): (&[Point<'a>], &[&Point<'a>]),
    counted: &mut Counted,
) -> Option<String> {
    if shown.len() < 2 {
        return None;
    }
    let x = axis(all.iter().map(|p| p.read.p50_ms), pair.ms, 4.0);
    let y = axis(all.iter().map(|p| p.write.p50_ms), pair.ms, 2.0);
    let about = format!("Median latency of reads against writes in {}", scenario.name);
    let height = 560;
    inline((WIDTH, height), &about, |area, tips| {
        let outer = (0, 0, WIDTH, height);
        let x_title = format!("read latency in {}, p50", pair.read);
        let y_title = format!("write latency in {}, p50", pair.write);
        let layout = Layout { outer, x: Some(&x_title), y: &y_title, left: 104 };
        let frame = Frame::new(area, x, y, layout)?;
        let ((left, top), (right, bottom)) = frame.corners();
        let corner = frame.at(pair.ms, pair.ms);
        let edge = bound(&frame, pair.ms);
        let mut corners = edge.clone();
        corners.push((left, bottom));
        ribbon(area, &corners, Ink::BOUND, 0.12)?;
        line(area, &edge, Ink::BOUND, 3)?;
        // Low in the shaded corner, where it is widest and points at its edges leave room.
        let middle = ((left + corner.0) / 2 - 4, bottom - (bottom - corner.1) * 3 / 10);
        let soft = text(Ink::SOFT, HPos::Center, VPos::Center);
        write(area, middle, "not linearizable", soft)?;
        let at = |p: &Point<'_>| frame.at(p.read.p50_ms, p.write.p50_ms);
        let spot = |p: &&Point<'_>| {
            let (shape, ink) = (Shape::of(&p.read.promise), scenario.ink(&p.read.system));
            Spot { at: at(p), shape, ink, word: p.read.verdict }
        };
        let spots: Vec<Spot> = shown.iter().map(spot).collect();
        marks(area, &spots)?;
        shown.iter().for_each(|p| tips.add(at(p), &tip(p, pair)));
        let named = shown.iter().zip(&spots).map(|(p, spot)| name(p, *spot));
        let wishes = labels::wishes(named, WIDTH as i32 / 2, counted);
        let mut covered: Vec<Box> =
            spots.iter().map(|s| Box::around(s.at, size::MARK + 2)).collect();
        covered.extend(edge.iter().map(|at| Box::around(*at, 6)));
        covered.push(Box { edges: [middle.0 - 110, middle.1 - 14, middle.0 + 110, middle.1 + 14] });
        let bounds = Box { edges: [left + 4, top + 2, right + 22, bottom - 2] };
        label(area, &wishes.iter().collect::<Vec<&Wish<'_>>>(), &covered, bounds, Room::Anywhere)
    })
}

/// Decades that hold all latencies and the bound, with room below for the shaded corner.
fn axis(mut all: impl Iterator<Item = f64> + Clone, bound: f64, room: f64) -> Axis {
    let positive = all.clone().filter(|v| *v > 0.0);
    let ends =
        positive.fold((bound / 4.0, bound * 1.2), |(low, high), v| (v.min(low), v.max(high)));
    let axis = Axis::log_between(ends.0 / 2.5, ends.1 * room, number::tick_ms);
    if all.any(|v| v == 0.0) { axis.with_zero() } else { axis }
}

fn name<'a>(p: &Point<'a>, Spot { at, ink, .. }: Spot) -> Name<'a> {
    let broken = p.read.verdict == VerdictWord::Violated;
    Name { at, mode: &p.read.system, level: p.level, silent: false, broken, ink }
}

fn tip(p: &Point<'_>, pair: &Pair<'_>) -> String {
    let sum = p.read.p50_ms + p.write.p50_ms;
    format!(
        "{}\nread {} + write {} = {}, {} than d\npromise {}: {}",
        p.read.cell,
        number::ms(p.read.p50_ms),
        number::ms(p.write.p50_ms),
        number::ms(sum),
        if sum < pair.ms { "less" } else { "no less" },
        p.read.promise,
        verdict(p.read.verdict).0
    )
}

/// Where read and write together take `ms`, from the left edge of the frame to its lower one.
fn bound(frame: &Frame<'_>, ms: f64) -> Vec<At> {
    let ((left, _), (_, bottom)) = frame.corners();
    let share = |i: i32| 0.5 - 0.5 * libm::cos(f64::from(i) / 60.0 * core::f64::consts::PI);
    let mut path: Vec<At> = vec![(left, frame.at(ms, ms).1)];
    path.extend((1..60).map(|i| frame.at(ms * share(i), ms * (1.0 - share(i)))));
    path.push((frame.at(ms, ms).0, bottom));
    path.dedup();
    path
}

#[cfg(test)]
mod tests {
    use super::super::super::{sample, view};
    use super::*;

    #[test]
    fn linearizable_cells_lie_above_the_bound_and_fast_eventual_ones_below() {
        let (note, rows, curves) = sample::run();
        let all = view::scenarios(Some(&note), &rows, &curves);
        let pair = farthest(&all[0]).expect("three regions");
        let sums = |promise: &str| {
            let points = points(&all[0], &pair).into_iter();
            let some: Vec<f64> = points
                .filter(|p| p.read.promise == promise)
                .map(|p| p.read.p50_ms + p.write.p50_ms)
                .collect();
            some
        };
        assert!(sums("linearizable").iter().all(|sum| *sum >= pair.ms));
        assert!(sums("eventual").iter().any(|sum| *sum < pair.ms));
        let drawing = draw(&all[0], &mut Counted::default()).expect("drawn");
        assert!(drawing.panels[0].svg.contains("not linearizable"));
    }

    #[test]
    fn a_latency_of_zero_is_drawn_in_the_corner_that_no_linearizable_store_reaches() {
        let (note, mut rows, curves) = sample::run();
        let count = |rows: &[Row]| {
            let all = view::scenarios(Some(&note), rows, &curves);
            let pair = farthest(&all[0]).expect("three regions");
            let drawing = draw(&all[0], &mut Counted::default()).expect("drawn");
            (points(&all[0], &pair).len(), drawing.panels[0].svg.matches(">0</text>").count())
        };
        let (before, zeros) = count(&rows);
        assert_eq!(zeros, 0);
        let at_once = |row: &&mut Row| row.system == "async" && row.op == "read";
        rows.iter_mut().filter(at_once).for_each(|row| row.p50_ms = 0.0);
        assert_eq!(count(&rows), (before, 1), "reads have a place for 0, writes need none");
    }

    #[test]
    fn nothing_is_bounded_where_no_distance_is_known() {
        let (mut note, rows, curves) = sample::run();
        note.scenarios.iter_mut().for_each(|s| s.news.clear());
        let all = view::scenarios(Some(&note), &rows, &curves);
        assert!(all.iter().all(|s| draw(s, &mut Counted::default()).is_none()));
    }
}
