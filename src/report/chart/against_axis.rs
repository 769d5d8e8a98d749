//! Latency against a scenario's numeric axis: injected round-trip time, rate, disk.
//!
//! Against `rtt` the slope of the least-squares line is the number of round trips an operation
//! takes, printed beside that of the closed form; the fit is the one thing the report computes from
//! rows.

use super::super::Row;
use super::super::number;
use super::super::theme::{Ink, Shape, Style, size, verdict};
use super::super::view::{Cell, Scenario};
use super::axis::Axis;
use super::labels::{Box, Counted, Room, place};
use super::svg::{
    Area, At, Drawn, Frame, Layout, Spot, WIDTH, inline, line, lines, marks, text, write,
};
use super::{Chart, Drawing, Key, KeyMark, OPS, Panel, mode_keys};
use plotters::style::text_anchor::{HPos, VPos};

pub(super) const CHART: Chart = Chart {
    name: "axis",
    title: "Against the axis",
    reading: "Points are measured medians of the healthy phase, all client regions; a dotted line \
              is the closed form without jitter or queueing.",
    draw,
};

/// A straight line: value at 0 and slope.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Fit {
    at_zero: f64,
    slope: f64,
}

/// Ordinary least squares; `None` with fewer than two different places.
fn fit(points: &[(f64, f64)]) -> Option<Fit> {
    let n = points.len() as f64;
    let mean = |f: fn(&(f64, f64)) -> f64| points.iter().map(f).sum::<f64>() / n;
    let (x, y) = (mean(|p| p.0), mean(|p| p.1));
    let spread: f64 = points.iter().map(|p| (p.0 - x) * (p.0 - x)).sum();
    let common: f64 = points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum();
    let slope = common / spread;
    (points.len() >= 2 && slope.is_finite()).then_some(Fit { at_zero: y - slope * x, slope })
}

/// Points of a line: where on the axis, the share, the row.
type Shares<'a> = Vec<(f64, f64, &'a Row)>;

/// A share of the operations, drawn where it was ever above zero.
struct Rate {
    op: &'static str,
    of: fn(&Row) -> Option<f64>,
    /// One such operation is that.
    is: &'static str,
    /// And several are those.
    are: &'static str,
    title: &'static str,
}

const RATES: [Rate; 2] = [
    Rate {
        op: "read",
        of: |row| row.stale_rate,
        is: "stale",
        are: "stale reads",
        title: "Stale reads, where any were seen",
    },
    Rate {
        op: "write",
        of: |row| row.lost_rate,
        is: "lost",
        are: "lost writes",
        title: "Acknowledged writes lost to older ones, where any were",
    },
];

/// One line of a panel: a mode at a level, or a mode alone where levels do not matter.
struct Series<'a> {
    label: String,
    ink: Ink,
    rows: Vec<(f64, &'a Row)>,
}

impl Series<'_> {
    fn medians(&self) -> Vec<(f64, f64)> {
        self.rows.iter().map(|(x, r)| (*x, r.p50_ms)).collect()
    }
}

fn draw(scenario: &Scenario<'_>, _: &mut Counted) -> Option<Drawing> {
    let (axis, unit) = scenario.axis()?;
    let mut drawing = Drawing { title: format!("Against {axis}"), ..Drawing::default() };
    let round_trips = axis == "rtt" && unit == "ms";
    let cells = scenario.cells();
    let mut fits: Vec<[String; 6]> = Vec::new();
    let reads = scenario.levels.iter().map(|l| ("read", Some(*l), format!("Reads, {l}")));
    let others = OPS[1..].iter().map(|(op, title)| (*op, None, (*title).to_owned()));
    for (op, level, title) in reads.chain(others) {
        let series = series(scenario, &cells, op, level);
        if series.is_empty() {
            continue;
        }
        let about = format!("{title}: median latency against {axis} in {}", scenario.name);
        let Some(svg) = latency(&series, (axis, unit), round_trips, &about) else { continue };
        drawing.panels.push(Panel { title, svg, width: WIDTH });
        if round_trips {
            fits.extend(series.iter().filter_map(|s| describe(s, op)));
        }
    }
    drawing.panels.extend(RATES.iter().filter_map(|rate| shares(scenario, &cells, rate)));
    let modes: Vec<&str> = scenario.modes.iter().map(|m| m.0).collect();
    drawing.keys = mode_keys(scenario, &modes, KeyMark::Line);
    let drawn = |r: &&Row| r.client_region == "all" && r.axis_at.is_some();
    if scenario.rows.iter().copied().filter(drawn).any(|r| r.theory_ms.is_some()) {
        let label = "closed form".to_owned();
        drawing.keys.push(Key { ink: Ink::SOFT, mark: KeyMark::Dots, label });
    }
    if !fits.is_empty() {
        let head = ["mode", "operation", "promise", "round trips", "closed form", "at rtt 0"];
        fits.insert(0, head.map(str::to_owned));
        drawing.fits = fits;
        drawing.remark =
            "The solid line is the least-squares fit; its slope is the number of round \
                          trips an operation waits for."
                .to_owned();
    }
    (!drawing.panels.is_empty()).then_some(drawing)
}

fn series<'a>(
    scenario: &Scenario<'a>,
    cells: &[Cell<'a>],
    op: &str,
    level: Option<&str>,
) -> Vec<Series<'a>> {
    let mut all = Vec::new();
    for (mode, ink) in &scenario.modes {
        let of_mode = |c: &&Cell<'a>| c.head.system == *mode;
        let first = cells.iter().find(of_mode).map(|c| c.head.level.as_str());
        let wanted = level.or(first);
        let mut rows: Vec<(f64, &Row)> = cells
            .iter()
            .filter(of_mode)
            .filter(|c| Some(c.head.level.as_str()) == wanted)
            .filter_map(|c| Some((c.head.axis_at?, c.healthy(op)?)))
            .filter(|(at, row)| at.is_finite() && row.p50_ms.is_finite())
            .collect();
        rows.sort_by(|a, b| a.0.total_cmp(&b.0));
        if !rows.is_empty() {
            all.push(Series { label: (*mode).to_owned(), ink: *ink, rows });
        }
    }
    all
}

/// One line of the table of fits.
fn describe(series: &Series<'_>, op: &str) -> Option<[String; 6]> {
    let fit = fit(&series.medians())?;
    let theory: Vec<(f64, f64)> =
        series.rows.iter().filter_map(|(x, r)| Some((*x, r.theory_ms?))).collect();
    let closed = self::fit(&theory).map(|f| format!("{:.2}", tidy(f.slope)));
    let row = series.rows.first()?.1;
    let worst = series.rows.iter().map(|r| r.1.verdict).max()?;
    let (word, sign, _) = verdict(worst);
    let operation = if op == "read" { format!("read, {}", row.level) } else { op.to_owned() };
    Some([
        series.label.clone(),
        operation,
        format!("{} {sign} {word}", row.promise),
        format!("{:.2}", tidy(fit.slope)),
        closed.unwrap_or_else(|| "-".to_owned()),
        number::ms(fit.at_zero),
    ])
}

/// No "-0.00".
fn tidy(slope: f64) -> f64 {
    if slope.abs() < 0.005 { 0.0 } else { slope }
}

fn latency(
    series: &[Series<'_>],
    (axis, unit): (&str, &str),
    fitted: bool,
    about: &str,
) -> Option<String> {
    let xs = || series.iter().flat_map(|s| s.rows.iter().map(|r| r.0));
    let ys = || {
        series
            .iter()
            .flat_map(|s| s.rows.iter().flat_map(|r| [Some(r.1.p50_ms), r.1.theory_ms]))
            .flatten()
            .filter(|y| y.is_finite())
    };
    let x = x_axis(xs(), fitted)?;
    let high = ys().fold(0.0, f64::max);
    let y = if unit == "ms" {
        // Of two lengths of time the slope is what counts; a mark at 0 stands clear of the axis.
        Axis::linear([high * -0.06, high * 1.25], number::tick_ms)?
    } else {
        Axis::latencies(ys())?
    };
    let height = 430;
    inline((WIDTH, height), about, |area, tips| {
        let x_title = x_title(axis, unit);
        let outer = (0, 0, WIDTH, height);
        let layout = Layout { outer, x: Some(&x_title), y: "latency, p50", left: 104 };
        let frame = Frame::new(area, x, y, layout)?;
        for s in series {
            let theory: Vec<At> =
                s.rows.iter().filter_map(|(x, r)| Some(frame.at(*x, r.theory_ms?))).collect();
            line(area, &theory, s.ink.styled(Style::Dotted), 3)?;
        }
        let path = |s: &Series<'_>| -> Vec<At> {
            let points = s.medians();
            match (fit(&points).filter(|_| fitted), points.first(), points.last()) {
                (Some(fit), Some(first), Some(last)) => {
                    [first, last].map(|p| frame.at(p.0, fit.at_zero + fit.slope * p.0)).to_vec()
                }
                _ => points.iter().map(|p| frame.at(p.0, p.1)).collect(),
            }
        };
        let paths: Vec<(Vec<At>, Ink)> = series.iter().map(|s| (path(s), s.ink)).collect();
        lines(area, &paths)?;
        let mut spots: Vec<Spot> = Vec::new();
        for s in series {
            for (x, row) in &s.rows {
                let at = frame.at(*x, row.p50_ms);
                spots.push(Spot {
                    at,
                    shape: Shape::of(&row.promise),
                    ink: s.ink,
                    word: row.verdict,
                });
                tips.add(at, &tip(row, &number::ms(row.p50_ms)));
            }
        }
        marks(area, &spots)?;
        if fitted {
            let around = |s: &Spot| Box::around(s.at, size::MARK);
            let mut covered: Vec<Box> = spots.iter().map(around).collect();
            covered.extend(paths.iter().flat_map(|(path, _)| along(path)));
            slopes(area, &frame, series, &covered)?;
        }
        Ok(())
    })
}

/// Boxes along a straight line, so that no label is written across it.
fn along(path: &[At]) -> Vec<Box> {
    let (Some(a), Some(b)) = (path.first(), path.last()) else { return Vec::new() };
    let at = |i: i32| (a.0 + (b.0 - a.0) * i / 40, a.1 + (b.1 - a.1) * i / 40);
    (0..=40).map(|i| Box::around(at(i), 6)).collect()
}

/// Writes at the end of each line how many round trips it is worth.
fn slopes(area: &Area<'_>, frame: &Frame<'_>, series: &[Series<'_>], marks: &[Box]) -> Drawn {
    let ends: Vec<(At, String)> = series
        .iter()
        .filter_map(|s| {
            let (x, row) = s.rows.last()?;
            let slope = fit(&s.medians())?.slope;
            let label = format!("{} {slope:.2} rtt", s.label);
            (slope > 0.05).then(|| (frame.at(*x, row.p50_ms), label))
        })
        .collect();
    let wishes: Vec<(At, &str)> = ends.iter().map(|e| (e.0, e.1.as_str())).collect();
    let ((left, top), (right, bottom)) = frame.corners();
    let bounds = Box { edges: [left, top - 4, right + 24, bottom - 2] };
    for placed in place(&wishes, marks, bounds, Room::Near) {
        let [left, top, _, bottom] = placed.cover.edges;
        let style = text(Ink::TEXT.styled(Style::Halo), HPos::Left, VPos::Center);
        write(area, (left, (top + bottom) / 2), wishes[placed.index].1, style)?;
    }
    Ok(())
}

fn tip(row: &Row, value: &str) -> String {
    let theory = row.theory_ms.map(|t| format!(", closed form {}", number::ms(t)));
    format!(
        "{}\n{value}{}\npromise {}: {}\nn {}",
        row.cell,
        theory.unwrap_or_default(),
        row.promise,
        verdict(row.verdict).0,
        number::count(row.n)
    )
}

/// Even for round-trip times; decades for anything that spans more than a factor of thirty.
fn x_axis(values: impl Iterator<Item = f64> + Clone, even: bool) -> Option<Axis> {
    let (low, high) = (
        values.clone().fold(f64::INFINITY, f64::min),
        values.clone().fold(f64::NEG_INFINITY, f64::max),
    );
    let axis = if even {
        Axis::linear([high * -0.03, high * 1.03], number::plain)
    } else if low > 0.0 && high / low > 30.0 {
        Axis::log(values, number::plain)
    } else {
        let room = (high - low) * 0.04;
        Axis::linear([low - room, high + room], number::plain)
    };
    axis.map(|a| a.thinned(8))
}

fn x_title(axis: &str, unit: &str) -> String {
    if unit.is_empty() { axis.to_owned() } else { format!("{axis}, {unit}") }
}

fn shares<'r>(scenario: &Scenario<'r>, cells: &[Cell<'r>], rate: &Rate) -> Option<Panel> {
    let (axis, unit) = scenario.axis()?;
    let mut lines: Vec<(Ink, Shares<'_>)> = Vec::new();
    for level in &scenario.levels {
        for s in series(scenario, cells, rate.op, Some(level)) {
            let seen = |(x, row): &(f64, &'r Row)| {
                Some((*x, (rate.of)(row).filter(|share| share.is_finite())?, *row))
            };
            let points: Shares<'_> = s.rows.iter().filter_map(seen).collect();
            if points.iter().any(|p| p.1 > 0.0) {
                lines.push((s.ink, points));
            }
        }
    }
    let xs: Vec<f64> = lines.iter().flat_map(|l| l.1.iter().map(|p| p.0)).collect();
    let high = lines.iter().flat_map(|l| l.1.iter().map(|p| p.1)).fold(0.0, f64::max);
    if high <= 0.0 {
        return None;
    }
    let x = x_axis(xs.into_iter(), axis == "rtt")?;
    let y = Axis::linear([0.0, high * 1.08], number::tick_percent)?;
    let height = 430;
    let about = format!("Share of {} against {axis} in {}", rate.are, scenario.name);
    let svg = inline((WIDTH, height), &about, |area, tips| {
        let x_title = x_title(axis, unit);
        let outer = (0, 0, WIDTH, height);
        let layout = Layout { outer, x: Some(&x_title), y: rate.are, left: 104 };
        let frame = Frame::new(area, x, y, layout)?;
        let mut spots: Vec<Spot> = Vec::new();
        for (ink, points) in &lines {
            let path: Vec<At> = points.iter().map(|p| frame.at(p.0, p.1)).collect();
            line(area, &path, *ink, size::LINE)?;
            for ((_, share, row), at) in points.iter().zip(path) {
                spots.push(Spot {
                    at,
                    shape: Shape::of(&row.promise),
                    ink: *ink,
                    word: row.verdict,
                });
                tips.add(at, &tip(row, &format!("{} {}", number::percent(*share), rate.is)));
            }
        }
        marks(area, &spots)
    })?;
    Some(Panel { title: rate.title.to_owned(), svg, width: WIDTH })
}

#[cfg(test)]
mod tests {
    use super::super::super::{VerdictWord, sample, view};
    use super::*;

    #[test]
    fn the_slope_of_a_line_is_found() {
        let found = fit(&[(0.0, 0.5), (10.0, 10.5), (100.0, 100.5)]).expect("three places");
        assert!((found.slope - 1.0).abs() < 1e-9 && (found.at_zero - 0.5).abs() < 1e-9);
        assert!(fit(&[(5.0, 1.0), (5.0, 2.0)]).is_none() && fit(&[]).is_none());
    }

    #[test]
    fn a_majority_write_takes_one_round_trip() {
        let (note, rows, curves) = sample::run();
        let all = view::scenarios(Some(&note), &rows, &curves);
        let along = all.iter().find(|s| s.axis().is_some()).expect("one has an axis");
        let drawing = draw(along, &mut Counted::default()).expect("drawn");
        let line = |op: &str| drawing.fits.iter().find(|l| l[0] == "raft" && l[1] == op);
        let raft = line("write").expect("fitted");
        assert!(raft[3].starts_with("1.0") && raft[4] == "1.00", "{raft:?}");
        assert!(line("read, linearizable").is_some());
    }

    #[test]
    fn lost_writes_are_drawn_where_there_are_any() {
        let (_, mut rows, _) = sample::run();
        rows.retain(|r| r.axis_at.is_some());
        let has = |rows: &[Row]| {
            let drawing =
                draw(&view::scenarios(None, rows, &[])[0], &mut Counted::default()).expect("drawn");
            drawing.panels.iter().any(|p| p.title.contains("lost"))
        };
        assert!(!has(&rows));
        rows.iter_mut().filter(|r| r.op == "write").for_each(|r| r.lost_rate = Some(0.02));
        assert!(has(&rows));
    }

    #[test]
    fn verdicts_are_shown_with_every_fit() {
        let (_, mut rows, _) = sample::run();
        rows.retain(|r| r.axis_at.is_some() && r.system == "raft");
        rows[0].verdict = VerdictWord::Violated;
        let drawing =
            draw(&view::scenarios(None, &rows, &[])[0], &mut Counted::default()).expect("drawn");
        assert!(drawing.fits[1..].iter().any(|l| l[2] == "linearizable ✗ broken"));
        assert!(drawing.fits[1..].iter().all(|l| l[2].contains(['✓', '✗', '?'])));
    }
}
