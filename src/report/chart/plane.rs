//! The Else half of PACELC: what an operation costs in latency against how often reads are stale.
//!
//! One picture for reads and one for writes, because a mode may buy fast fresh reads with slow
//! writes (Abadi 2012: the trade is per operation). The stale rate is logarithmic; cells that saw
//! no stale read stand in a band of their own below it, a lane per mode: their true rate is unknown
//! and only bounded from above, so no height on the axis would be honest.

use super::super::number;
use super::super::theme::{Ink, Shape, Style, size, verdict};
use super::super::view::{Cell, Scenario};
use super::super::{Row, VerdictWord};
use super::axis::Axis;
use super::labels::{self, Box, Counted, Name, Room, Wish, fit, label};
use super::svg::{
    Area, At, Drawn, Frame, Layout, Spot, Tips, WIDTH, block, inline, line, marks, text, write,
};
use super::{Chart, Drawing, Key, KeyMark, OPS, Panel, mode_keys};
use plotters::style::text_anchor::{HPos, VPos};

pub(super) const CHART: Chart = Chart {
    name: "plane",
    title: "Else: latency against stale reads",
    reading: "Healthy phase, clients of all regions. Left is fast, down is fresh: in the band at \
              the bottom no stale read was seen, though their rate may be as high as the band's strip \
              beside the axis. Colour = mode, form = promise; the stepped line \
              joins the cells that no other beats on both counts. Operation by operation: a mode \
              may be cheap to read and dear to write.",
    draw,
};

/// Height of a mode's lane in the band of cells without a stale read.
const LANE: i32 = 38;
/// Between the axis and the band, for the band's title and the axis' lowest label.
const GAP: i32 = 54;
/// Width of the strip that leads the band up the axis.
const REACH: i32 = 18;
/// Most panels shown without asking; beyond, the first variant stands for the others.
const SHOWN: usize = 6;

/// One point of the plane.
pub(super) struct Point<'a> {
    latency: f64,
    /// `None` where none was seen.
    rate: Option<f64>,
    high: f64,
    ink: Ink,
    mode: &'a str,
    /// Empty where there is only one.
    level: &'a str,
    tip: String,
    pub(super) row: &'a Row,
    theory: Option<f64>,
}

pub(super) fn draw(scenario: &Scenario<'_>, counted: &mut Counted) -> Option<Drawing> {
    // Along a numeric axis the stale rate is drawn against the axis instead.
    if scenario.axis().is_some() {
        return None;
    }
    let mut drawing = Drawing { keys: keys(scenario), ..Drawing::default() };
    drawing.more_title = "The other variants";
    // Every variant has its own pictures, on the same axes, so that they can be compared.
    for (op, title) in OPS {
        let all = points(scenario, op);
        // Without a stale read and at one promise there is nothing to weigh against latency.
        let one = all.iter().all(|p| p.rate.is_none() && p.row.promise == all[0].row.promise);
        let Some(picture) = Picture::new(&all, scenario, op, (WIDTH, 400)).filter(|_| !one) else {
            continue;
        };
        for variant in &scenario.variants {
            let shown: Vec<&Point<'_>> = all.iter().filter(|p| p.row.variant == *variant).collect();
            // One point alone compares nothing.
            if shown.len() < 2 {
                continue;
            }
            let several = scenario.variants.len() > 1;
            let title = if several { format!("{title}, {variant}") } else { title.to_owned() };
            let about = format!("{title}: median latency against stale reads in {}", scenario.name);
            let svg = inline((WIDTH, picture.height), &about, |area, tips| {
                picture.draw(area, tips, (0, 0), &shown, counted)
            })?;
            let main = *variant == scenario.variants[0] || scenario.variants.len() * 2 <= SHOWN;
            let panels = if main { &mut drawing.panels } else { &mut drawing.more };
            panels.push(Panel { title, svg, width: WIDTH });
        }
    }
    drawing.remark = counted.words();
    (!drawing.panels.is_empty()).then_some(drawing)
}

/// The legend: modes by colour, promises by form, and what a cross means if there is one.
pub(super) fn keys(scenario: &Scenario<'_>) -> Vec<Key> {
    let modes: Vec<&str> = scenario.modes.iter().map(|m| m.0).collect();
    let mut keys = mode_keys(scenario, &modes, KeyMark::Swatch);
    let mut promises: Vec<(Shape, &str)> =
        scenario.rows.iter().map(|r| (Shape::of(&r.promise), r.promise.as_str())).collect();
    promises.sort_unstable();
    promises.dedup();
    for (shape, promise) in promises {
        keys.push(Key { ink: Ink::SOFT, mark: KeyMark::Mark(shape), label: promise.to_owned() });
    }
    let theory = |r: &Row| r.promise == "linearizable" && r.theory_ms.is_some_and(|t| t >= 0.0);
    if scenario.rows.iter().filter(|r| r.client_region == "all").any(|r| theory(r)) {
        let label = "closed form of the cheapest linearizable operation".to_owned();
        keys.push(Key { ink: Ink::BOUND, mark: KeyMark::Dots, label });
    }
    let seen = |word| scenario.rows.iter().any(|r| r.verdict == word);
    if seen(VerdictWord::Violated) {
        let label = "promise broken".to_owned();
        keys.push(Key { ink: Ink::BROKEN, mark: KeyMark::Broken, label });
    }
    if seen(VerdictWord::Unknown) {
        let label = "undecided".to_owned();
        keys.push(Key { ink: Ink::SOFT, mark: KeyMark::Pale, label });
    }
    keys
}

pub(super) fn points<'a>(scenario: &Scenario<'a>, op: &str) -> Vec<Point<'a>> {
    let point = |cell: Cell<'a>| {
        let row = cell.healthy(op)?;
        // A scan is a read, and the only one of some workloads.
        let read = ["read", "scan"].into_iter().filter_map(|op| cell.healthy(op));
        let read = read.into_iter().find(|r| r.stale_rate.is_some())?;
        let rate = read.stale_rate?;
        let high = read.stale_rate_high.filter(|h| h.is_finite() && *h > 0.0).unwrap_or(1.0);
        let seen = match read.stale {
            0 => format!(
                "none of {} reads stale (at most {})",
                number::count(read.fresh_or_stale),
                number::percent(high)
            ),
            _ => format!("{} of reads stale", number::percent(rate)),
        };
        let tip = format!(
            "{}\n{op} p50 {}, p99 {}\n{seen}\npromise {}: {}",
            cell.head.cell,
            number::ms(row.p50_ms),
            number::ms(row.p99_ms),
            row.promise,
            verdict(row.verdict).0
        );
        Some(Point {
            latency: row.p50_ms,
            rate: (read.stale > 0).then_some(rate),
            high,
            ink: scenario.ink(&cell.head.system),
            mode: &row.system,
            level: if scenario.levels.len() > 1 { &row.level } else { "" },
            tip,
            row,
            theory: row.theory_ms,
        })
    };
    let usable = |p: &Point<'_>| p.latency.is_finite() && p.latency >= 0.0;
    scenario.cells().into_iter().filter_map(point).filter(usable).collect()
}

/// Axes and lanes of one panel.
pub(super) struct Picture<'s> {
    x: Axis,
    y: Option<Axis>,
    /// Modes with a cell in the band, top lane first.
    lanes: Vec<&'s str>,
    size: (u32, u32),
    pub(super) height: u32,
    /// Room for the names of the lanes and the labels of the stale rate.
    left: u32,
    x_title: String,
    /// What the rate may be where no stale read was seen, at most; 0 where some was seen everywhere.
    high: f64,
    /// What 0 of n means here, in words.
    bound: String,
}

impl<'s> Picture<'s> {
    /// Axes and lanes that hold all of `points`.
    pub(super) fn new(
        points: &[Point<'_>],
        scenario: &Scenario<'s>,
        op: &str,
        size: (u32, u32),
    ) -> Option<Self> {
        if points.len() < 2 {
            return None;
        }
        // A closed form of 0 needs its place only where the line is drawn that it stands for.
        let theory = points.iter().filter_map(|p| p.theory).filter(|t| *t > 0.0);
        let latencies = points.iter().map(|p| p.latency).chain(theory).chain(cheapest(points));
        let x = Axis::roomy_latencies(latencies)?;
        let rates: Vec<f64> = points.iter().filter_map(|p| p.rate).collect();
        let y = Axis::log(rates.iter().copied(), number::tick_percent).map(|_| {
            let low = rates.iter().copied().fold(1.0, f64::min);
            let high = rates.iter().copied().fold(0.0, f64::max);
            Axis::log_between(
                (low / 2.0).min(0.001),
                (high * 2.0).clamp(0.01, 1.0),
                number::tick_percent,
            )
        });
        let silent = |m: &&str| points.iter().any(|p| p.rate.is_none() && p.mode == *m);
        let lanes: Vec<&'s str> = scenario.modes.iter().map(|m| m.0).filter(silent).collect();
        let highs = || points.iter().filter(|p| p.rate.is_none()).map(|p| p.high);
        let high = highs().fold(0.0, f64::max);
        let bound = match high {
            high if high > 0.0 && high < 1.0 => format!("none seen (< {})", number::percent(high)),
            _ => "none seen".to_owned(),
        };
        let band = if lanes.is_empty() { 0 } else { LANE as u32 * lanes.len() as u32 + 8 };
        let plot = if y.is_some() { size.1 } else { 0 };
        let x_title = format!("{op} latency, p50");
        let left = lanes.iter().map(|m| labels::width(m)).max().unwrap_or(0).clamp(84, 220) + 44;
        let left = left as u32;
        let height = plot + band + GAP as u32 + 76;
        Some(Self { x, y, lanes, size, height, left, x_title, high, bound })
    }

    /// Draws some of them.
    pub(super) fn draw(
        &self,
        area: &Area<'_>,
        tips: &mut Tips,
        origin: At,
        points: &[&Point<'s>],
        counted: &mut Counted,
    ) -> Drawn {
        let (left, top) = origin;
        let width = self.size.0;
        let plot = if self.y.is_some() { self.size.1 } else { 0 };
        let mut bottom = top + plot as i32;
        let upper = match &self.y {
            Some(y) => {
                let outer = (left, top, width, plot);
                let layout = Layout { outer, x: None, y: "stale reads", left: self.left };
                Some(Frame::new(area, self.x.clone(), y.clone(), layout)?)
            }
            None => None,
        };
        let band_top = bottom + GAP;
        self.reach(area, upper.as_ref(), band_top)?;
        let lanes = self.lanes.len().max(1) as i32;
        let x = self.x.clone();
        let ticks = Axis::with_ticks(0.0, 1.0, Vec::new());
        bottom = band_top + LANE * lanes + 8 * i32::from(!self.lanes.is_empty());
        let start = left + self.left as i32;
        block(area, (start, band_top), (left + width as i32 - 26, bottom), Ink::BAND)?;
        // Long lists are read along their rows: every second lane is darker.
        for lane in (1..lanes).step_by(2).filter(|_| lanes > 4) {
            let y = band_top + 4 + LANE * lane;
            block(area, (start, y), (left + width as i32 - 26, y + LANE), Ink::LANE)?;
        }
        let tall = (bottom - band_top) as u32 + 76 + 2;
        let outer = (left, band_top - 2, width, tall);
        let layout = Layout { outer, x: Some(&self.x_title), y: "", left: self.left };
        let band = Frame::new(area, x, ticks, layout)?;
        self.name_lanes(area, points, (left, band_top))?;
        band.cut(area)?;
        let from = if upper.is_some() { top + 52 } else { band_top };
        self.theory(area, &band, points, (from, bottom))?;
        let at = |p: &Point<'_>| match (p.rate, &upper) {
            (Some(rate), Some(frame)) => frame.at(p.latency, rate),
            _ => {
                let lane = self.lanes.iter().position(|m| *m == p.mode).unwrap_or(0) as i32;
                (band.at(p.latency, 0.0).0, band_top + 4 + LANE * lane + LANE / 2)
            }
        };
        let spots: Vec<At> = points.iter().map(|p| at(p)).collect();
        self.front(area, points, &spots)?;
        // Over the front, whose line passes there.
        if !self.lanes.is_empty() {
            let style = text(Ink::SOFT.styled(Style::Halo), HPos::Left, VPos::Bottom);
            write(area, (left + 8, band_top - 8), &self.bound, style)?;
        }
        let drawn: Vec<Spot> = points.iter().zip(&spots).map(|(p, at)| p.spot(*at)).collect();
        marks(area, &drawn)?;
        spots.iter().zip(points).for_each(|(at, p)| tips.add(*at, &p.tip));
        let right = left + width as i32 - 2;
        let upper = Box { edges: [start + 4, top + 54, right, band_top - GAP] };
        let lanes = Box { edges: [start + 4, band_top, right, bottom] };
        let wishes = names(points, &spots, width as i32 * 2 / 5, counted);
        let covered: Vec<Box> = spots.iter().map(|at| Box::around(*at, size::MARK + 2)).collect();
        for (silent, bounds) in [(true, lanes), (false, upper)] {
            let here: Vec<&Wish<'_>> = wishes.iter().filter(|w| w.silent == silent).collect();
            label(area, &here, &covered, bounds, Room::Near)?;
        }
        Ok(())
    }

    /// Few reads leave much room for stale ones that were not seen: as high as the rate in the band may be, the
    /// band goes on beside the axis, lest its place below the axis say that the rate is below all others.
    fn reach(&self, area: &Area<'_>, upper: Option<&Frame<'_>>, band_top: i32) -> Drawn {
        let Some((frame, y)) = upper.zip(self.y.as_ref()) else { return Ok(()) };
        let ((left, _), _) = frame.corners();
        let (low, most) = y.ends();
        if self.high <= low || self.high >= 1.0 {
            return Ok(());
        }
        let from = (left, frame.at(self.x.ends().0, self.high.min(most)).1);
        block(area, from, (left + REACH, band_top), Ink::LANE)?;
        line(area, &[from, (left + REACH, from.1)], Ink::AXIS, 3)
    }

    /// Colour and name of each lane, and lines between them.
    fn name_lanes(&self, area: &Area<'_>, points: &[&Point<'_>], (left, top): At) -> Drawn {
        let (start, right) = (left + self.left as i32, left + self.size.0 as i32 - 26);
        for (i, mode) in self.lanes.iter().enumerate() {
            let middle = top + 4 + LANE * i as i32 + LANE / 2;
            let name = fit(mode, self.left as i32 - 44);
            write(area, (left + 30, middle), &name, text(Ink::TEXT, HPos::Left, VPos::Center))?;
            if let Some(ink) = points.iter().find(|p| p.mode == *mode).map(|p| p.ink) {
                let (from, to) = ((left + 8, middle - 9), (left + 20, middle + 9));
                block(area, from, to, ink.styled(Style::Plain))?;
            }
            if i > 0 {
                let y = middle - LANE / 2;
                line(area, &[(start + 1, y), (right, y)], Ink::LANE, 2)?;
            }
        }
        Ok(())
    }

    /// Where the closed form puts the cheapest linearizable operation.
    fn theory(
        &self,
        area: &Area<'_>,
        band: &Frame<'_>,
        points: &[&Point<'_>],
        (top, bottom): (i32, i32),
    ) -> Drawn {
        let Some(least) = cheapest(points.iter().copied()) else { return Ok(()) };
        let x = band.at(least, 0.0).0;
        line(area, &[(x, top), (x, bottom)], Ink::BOUND.styled(Style::Dotted), 3)
    }

    /// The Pareto front: no cell with a kept promise is both faster and fresher.
    fn front(&self, area: &Area<'_>, points: &[&Point<'_>], spots: &[At]) -> Drawn {
        let mut best: Vec<(f64, f64, At)> = points
            .iter()
            .zip(spots)
            .filter(|(p, _)| p.row.verdict != VerdictWord::Violated)
            .map(|(p, at)| (p.latency, p.rate.unwrap_or(0.0), *at))
            .collect();
        best.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let mut path: Vec<At> = Vec::new();
        let mut least = f64::INFINITY;
        for (_, rate, at) in best {
            if rate < least {
                least = rate;
                if let Some(last) = path.last().copied() {
                    path.push((at.0, last.1));
                }
                path.push(at);
            }
        }
        if path.len() < 2 {
            return Ok(());
        }
        line(area, &path, Ink::AXIS.styled(Style::Dashed), 2)
    }
}

/// Closed form of the cheapest linearizable operation, in ms.
fn cheapest<'p, 'a: 'p>(points: impl IntoIterator<Item = &'p Point<'a>>) -> Option<f64> {
    let linearizable = points.into_iter().filter(|p| p.row.promise == "linearizable");
    let forms = linearizable.filter_map(|p| p.theory).filter(|t| t.is_finite() && *t >= 0.0);
    forms.min_by(f64::total_cmp)
}

impl Point<'_> {
    fn spot(&self, at: At) -> Spot {
        let shape = Shape::of(&self.row.promise);
        Spot { at, shape, ink: self.ink, word: self.row.verdict }
    }
}

fn names<'a>(
    points: &[&Point<'a>],
    spots: &[At],
    room: i32,
    counted: &mut Counted,
) -> Vec<Wish<'a>> {
    let name = |(p, at): (&&Point<'a>, &At)| Name {
        at: *at,
        mode: p.mode,
        level: p.level,
        silent: p.rate.is_none(),
        broken: p.row.verdict == VerdictWord::Violated,
        ink: p.ink,
    };
    labels::wishes(points.iter().zip(spots).map(name), room, counted)
}

#[cfg(test)]
mod tests {
    use super::super::super::{sample, view};
    use super::*;

    #[test]
    fn cells_without_a_stale_read_stand_below_all_others() {
        let (note, rows, curves) = sample::run();
        let all = view::scenarios(Some(&note), &rows, &curves);
        let points = points(&all[0], "read");
        assert!(points.iter().any(|p| p.rate.is_none()) && points.iter().any(|p| p.rate.is_some()));
        let tip = &points.iter().find(|p| p.rate.is_none()).expect("checked").tip;
        assert!(tip.contains("none of") && tip.contains("at most"), "{tip}");
        let drawing = draw(&all[0], &mut Counted::default()).expect("drawn");
        assert!(drawing.panels[0].svg.contains("none seen (&lt; "));
    }

    #[test]
    fn a_latency_of_zero_is_drawn_and_so_is_a_closed_form_of_zero() {
        let (note, mut rows, curves) = sample::run();
        let look = |rows: &[Row]| {
            let all = view::scenarios(Some(&note), rows, &curves);
            let points = points(&all[0], "read");
            let picture = Picture::new(&points, &all[0], "read", (WIDTH, 400)).expect("points");
            let drawing = draw(&all[0], &mut Counted::default()).expect("drawn");
            let zero = drawing.panels[0].svg.contains(">0</text>");
            (points.len(), picture.x.gap().is_some(), zero, cheapest(&points))
        };
        let (before, gap, zero, least) = look(&rows);
        assert!(!gap && !zero && least.is_some_and(|t| t > 0.0));
        // As beside the leader under constant delays: async answers at once, linearizably too.
        let at_once = |row: &&mut Row| row.system == "async" && row.op == "read";
        for row in rows.iter_mut().filter(at_once) {
            (row.p50_ms, row.theory_ms) = (0.0, Some(0.0));
        }
        assert_eq!(look(&rows), (before, true, true, Some(0.0)));
    }

    #[test]
    fn where_few_reads_were_made_the_band_reaches_up_the_axis() {
        let (note, mut rows, curves) = sample::run();
        let strips = |rows: &[Row]| {
            let all = view::scenarios(Some(&note), rows, &curves);
            let drawing = draw(&all[0], &mut Counted::default()).expect("drawn");
            let least = points(&all[0], "read").iter().filter_map(|p| p.rate).fold(1.0, f64::min);
            (drawing.panels[0].svg.clone(), least)
        };
        let many = |rows: &mut [Row], high: f64| {
            let unseen = |row: &&mut Row| row.stale == 0 && row.stale_rate.is_some();
            rows.iter_mut().filter(unseen).for_each(|row| row.stale_rate_high = Some(high));
        };
        many(&mut rows, 1e-6);
        let (short, least) = strips(&rows);
        many(&mut rows, least);
        let (long, _) = strips(&rows);
        let lines = |svg: &str| svg.matches("<poly").count() + svg.matches("<path").count();
        assert!(lines(&long) > lines(&short), "{} and {}", lines(&long), lines(&short));
    }
}
