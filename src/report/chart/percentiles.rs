//! Latency percentile curves, from p10 to p99.9.
//!
//! The x axis is that of the odds q/(1-q): the median in the middle and each further nine one step
//! to the right, so tails are read as easily as medians. Reads get a panel a level, because the
//! level is what a read pays for; writes hardly depend on it and share one, and so do levels at which
//! every mode reads alike, and levels that one mode alone has. Where a mode has several lines in a panel, they are named by their levels.

use super::super::number;
use super::super::theme::{Ink, Style, size, verdict};
use super::super::view::{Cell, Scenario};
use super::super::{Row, VerdictWord};
use super::axis::Axis;
use super::labels::{self, Box, Counted, Name, Room, Wish, label};
use super::svg::{Area, At, Drawn, Frame, Layout, WIDTH, dot, inline, line, lines};
use super::{Chart, Drawing, KeyMark, OPS, Panel, mode_keys};

pub(super) const CHART: Chart = Chart {
    name: "percentiles",
    title: "Latency percentiles",
    reading: "Response time of the healthy phase, from the intended start of each operation: half \
              of them are faster than p50, one in a thousand is slower than p99.9. Levels whose \
              lines agree to a tenth share a picture. Red dots mark the line of a broken promise; lines \
              that coincide show as stripes.",
    draw,
};

/// Most panels behind the request: beyond, the tables serve better.
const MORE: usize = 36;
/// Most panels shown without asking.
const SHOWN: usize = 9;

fn draw(scenario: &Scenario<'_>, counted: &mut Counted) -> Option<Drawing> {
    let mut drawing = Drawing { more_title: "Each client region", ..Drawing::default() };
    if scenario.variants.len() > 1 {
        drawing.more_title = "The other variants, and each client region";
    }
    let variants = if scenario.axis().is_some() {
        let (variant, remark) = far_out(scenario)?;
        drawing.remark = remark;
        vec![variant]
    } else {
        scenario.variants.clone()
    };
    let cells = scenario.cells();
    let all_rows = || scenario.rows.iter().filter(|r| r.phase == "healthy");
    let y = Axis::latencies(
        all_rows().filter(|r| variants.contains(&&*r.variant)).flat_map(|r| [r.p10_ms, r.p999_ms]),
    )?;
    let mut shown: Vec<&str> = Vec::new();
    let panels_each = scenario.levels.len() + 1;
    for region in std::iter::once("all").chain(scenario.regions()) {
        for variant in &variants {
            let here: Vec<&Cell<'_>> =
                cells.iter().filter(|c| c.head.variant == *variant).collect();
            for (title, rows) in panels(scenario, &here, region, counted) {
                let mut words = vec![title];
                words.extend((variants.len() > 1).then(|| (*variant).to_owned()));
                words.extend((region != "all").then(|| region.to_owned()));
                let title = words.join(", ");
                let looks = (title.as_str(), region == "all");
                let Some(svg) = panel(scenario, &rows, &y, looks, counted) else {
                    continue;
                };
                shown.extend(rows.iter().map(|r| r.row.system.as_str()));
                let panel = Panel { title, svg, width: WIDTH };
                let main = *variant == variants[0] || variants.len() * panels_each <= SHOWN;
                if region == "all" && main {
                    drawing.panels.push(panel);
                } else if drawing.more.len() < MORE {
                    drawing.more.push(panel);
                }
            }
        }
    }
    if scenario.regions().len() == 1 {
        drawing.more.clear();
    }
    drawing.keys = mode_keys(scenario, &shown, KeyMark::Line);
    drawing.remark = format!("{} {}", drawing.remark, counted.words()).trim().to_owned();
    (!drawing.panels.is_empty()).then_some(drawing)
}

/// The last variant at which every mode keeps the rate, and how that is said: beyond it figures tell how long the
/// run was. If there is none, the last.
fn far_out<'a>(scenario: &Scenario<'a>) -> Option<(&'a str, String)> {
    let last = scenario.variants.last().copied()?;
    let kept = |variant: &&&str| {
        let mut here = scenario.rows.iter().filter(|r| r.variant == **variant);
        here.all(|r| r.sustained != Some(false))
    };
    match scenario.variants.iter().rev().find(kept).copied().filter(|kept| *kept != last) {
        Some(kept) => {
            Some((kept, format!("Drawn at {kept}, beyond which not every mode keeps the rate.")))
        }
        None => Some((last, format!("Drawn at {last}."))),
    }
}

/// A line: what it shows, and the levels that share it.
struct Curve<'a> {
    row: &'a Row,
    levels: Vec<&'a str>,
}

/// So many levels that one mode alone has share a panel.
const ALONE: usize = 3;

/// Reads by level, then writes, then whatever else is asked: what each panel shows.
fn panels<'a>(
    scenario: &Scenario<'a>,
    cells: &[&Cell<'a>],
    region: &str,
    counted: &mut Counted,
) -> Vec<(String, Vec<Curve<'a>>)> {
    let mut panels: Vec<(String, Vec<Curve<'a>>)> = Vec::new();
    let mut alone: Vec<Curve<'a>> = Vec::new();
    let reads = |level: &&str| {
        let these = cells.iter().filter(|c| c.head.level == *level);
        let rows = these.filter_map(|c| c.row("healthy", region, "read"));
        rows.map(|row| Curve { row, levels: vec![&row.level] }).collect::<Vec<_>>()
    };
    let each: Vec<(&str, Vec<Curve<'a>>)> =
        scenario.levels.iter().map(|level| (*level, reads(level))).collect();
    let lone = each.iter().filter(|e| e.1.len() == 1).count();
    let mut shared: Vec<(Vec<&str>, Vec<Curve<'a>>)> = Vec::new();
    for (level, mut curves) in each {
        if curves.len() == 1 && lone >= ALONE && scenario.modes.len() > lone {
            alone.append(&mut curves);
        } else if let Some(same) = shared.iter_mut().find(|s| alike(&s.1, &curves)) {
            same.0.push(level);
        } else {
            shared.push((vec![level], curves));
        }
    }
    for (levels, curves) in shared {
        panels.push((format!("Reads, {}", counted.listed(&levels)), curves));
    }
    panels.push(("Reads, levels that one mode has".to_owned(), agreed(alone)));
    for (op, title) in OPS.into_iter().skip(1) {
        let rows = cells.iter().filter_map(|c| c.row("healthy", region, op));
        let curves = rows.map(|row| Curve { row, levels: vec![&row.level] }).collect();
        panels.push((title.to_owned(), agreed(curves)));
    }
    panels.retain(|p| !p.1.is_empty());
    panels
}

/// Whether two levels have the same modes with the same verdicts, and lines that lie on each other.
fn alike(some: &[Curve<'_>], others: &[Curve<'_>]) -> bool {
    let same = |(a, b): (&Curve<'_>, &Curve<'_>)| {
        let known = (&a.row.system, a.row.verdict) == (&b.row.system, b.row.verdict);
        let (a, b) = (points(a.row), points(b.row));
        known && a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| near(a.1, b.1))
    };
    !some.is_empty() && some.len() == others.len() && some.iter().zip(others).all(same)
}

/// To a tenth: on an axis of decades that is less than a line is wide.
fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 0.1 * a.max(b) + 0.02
}

/// Two levels of a mode are drawn apart only where they differ.
fn agreed(curves: Vec<Curve<'_>>) -> Vec<Curve<'_>> {
    let mut apart: Vec<Curve<'_>> = Vec::new();
    for curve in curves {
        let row = curve.row;
        let same = |other: &&mut Curve<'_>| {
            other.row.system == row.system
                && other.row.verdict == row.verdict
                && near(other.row.p50_ms, row.p50_ms)
                && near(other.row.p99_ms, row.p99_ms)
        };
        match apart.iter_mut().find(same) {
            Some(other) => other.levels.extend(curve.levels),
            None => apart.push(curve),
        }
    }
    apart
}

/// The last point only where there are operations enough.
fn points(row: &Row) -> Vec<(f64, f64)> {
    let all = [
        (10.0, row.p10_ms),
        (25.0, row.p25_ms),
        (50.0, row.p50_ms),
        (75.0, row.p75_ms),
        (90.0, row.p90_ms),
        (95.0, row.p95_ms),
        (99.0, row.p99_ms),
        (99.9, row.p999_ms),
    ];
    let known = if row.n >= number::ENOUGH_FOR_P999 { all.len() } else { all.len() - 1 };
    all[..known].to_vec()
}

/// Lines of a mode that are nowhere farther apart than this need no names: they look like one.
const APART: i32 = 20;

/// One picture with its title; `tipped` with points that say what they are.
fn panel<'a>(
    scenario: &Scenario<'a>,
    curves: &[Curve<'a>],
    y: &Axis,
    (title, tipped): (&str, bool),
    counted: &mut Counted,
) -> Option<String> {
    let height = 430;
    let about = format!("Latency percentiles in {}: {title}", scenario.name);
    inline((WIDTH, height), &about, |area, tips| {
        let outer = (0, 0, WIDTH, height);
        let layout = Layout { outer, x: Some("percentile"), y: "latency", left: 104 };
        let frame = Frame::new(area, Axis::percentiles(), y.clone(), layout)?;
        let at = |row: &Row| points(row).into_iter().map(|(q, ms)| frame.at(q, ms)).collect();
        let paths: Vec<(Vec<At>, Ink)> =
            curves.iter().map(|c| (at(c.row), scenario.ink(&c.row.system))).collect();
        lines(area, &paths)?;
        if tipped {
            names(area, &frame, curves, &paths, counted)?;
        }
        for (row, (path, ink)) in curves.iter().map(|c| c.row).zip(paths) {
            if row.verdict == VerdictWord::Violated {
                line(area, &path, Ink::BROKEN.styled(Style::Dotted), size::LINE)?;
            }
            if !tipped {
                continue;
            }
            let told = |q: f64| [50.0, 99.0, 99.9].contains(&q);
            let ends = points(row).into_iter().zip(path).filter(|((q, _), _)| told(*q));
            let ends: Vec<At> = ends.map(|(_, at)| at).collect();
            ends.iter().try_for_each(|at| dot(area, *at, 6, ink))?;
            tips.add_all(&ends, &tip(row));
        }
        Ok(())
    })
}

/// Names the lines of modes that have several by their levels, there where they are farthest apart.
fn names(
    area: &Area<'_>,
    frame: &Frame<'_>,
    curves: &[Curve<'_>],
    paths: &[(Vec<At>, Ink)],
    counted: &mut Counted,
) -> Drawn {
    let mut wished = Vec::new();
    for (curve, (path, ink)) in curves.iter().zip(paths) {
        let mode = &curve.row.system;
        let lines: Vec<&Vec<At>> = curves
            .iter()
            .zip(paths)
            .filter(|(other, _)| other.row.system == *mode)
            .map(|(_, (path, _))| path)
            .collect();
        let apart = |i: usize| {
            let here = || lines.iter().filter_map(|line| line.get(i)).map(|at| at.1);
            here().max().unwrap_or(0) - here().min().unwrap_or(0)
        };
        let Some(most) = (0..path.len()).max_by_key(|i| apart(*i)).filter(|i| apart(*i) >= APART)
        else {
            continue;
        };
        let broken = curve.row.verdict == VerdictWord::Violated;
        for level in &curve.levels {
            let (at, ink) = (path[most], *ink);
            wished.push(Name { at, mode, level, silent: false, broken, ink });
        }
    }
    let covered: Vec<Box> = paths
        .iter()
        .flat_map(|(path, _)| path.windows(2).flat_map(|leg| along(leg[0], leg[1])))
        .map(|at| Box::around(at, size::LINE as i32 + 2))
        .collect();
    let ((left, top), (right, bottom)) = frame.corners();
    let bounds = Box { edges: [left + 4, top + 2, right + 22, bottom - 2] };
    let wishes = labels::wishes(wished, WIDTH as i32, counted);
    label(area, &wishes.iter().collect::<Vec<&Wish<'_>>>(), &covered, bounds, Room::Near)
}

/// Points so close that nothing fits between them.
fn along(from: At, to: At) -> impl Iterator<Item = At> {
    let steps = ((to.0 - from.0).abs().max((to.1 - from.1).abs()) / 8).max(1);
    let part = move |a: i32, b: i32, i: i32| a + (b - a) * i / steps;
    (0..=steps).map(move |i| (part(from.0, to.0, i), part(from.1, to.1, i)))
}

fn tip(row: &Row) -> String {
    let p999 = if row.n >= number::ENOUGH_FOR_P999 {
        format!(", p99.9 {}", number::ms(row.p999_ms))
    } else {
        String::new()
    };
    format!(
        "{}\np50 {}, p99 {}{p999}\npromise {}: {}\nn {}",
        row.cell,
        number::ms(row.p50_ms),
        number::ms(row.p99_ms),
        row.promise,
        verdict(row.verdict).0,
        number::count(row.n)
    )
}

#[cfg(test)]
mod tests {
    use super::super::super::{sample, view};
    use super::*;

    #[test]
    fn reads_have_a_panel_for_levels_that_differ_and_writes_one() {
        let (note, rows, curves) = sample::run();
        let all = view::scenarios(Some(&note), &rows, &curves);
        let drawing = draw(&all[0], &mut Counted::default()).expect("drawn");
        let titles: Vec<&str> = drawing.panels.iter().map(|p| p.title.as_str()).collect();
        let reads = ["linearizable", "session", "eventual-nearest, eventual-any"];
        let reads = reads.map(|level| format!("Reads, {level}"));
        assert_eq!(titles[..3], reads.each_ref().map(String::as_str));
        assert_eq!(titles[3..], ["Reads, levels that one mode has", "Writes"]);
        assert!(all[0].levels.len() > reads.len() + 2, "levels of one mode alone share a panel");
        assert_eq!(drawing.more.len(), titles.len() * all[0].regions().len());
    }

    #[test]
    fn what_nobody_carries_is_not_the_variant_that_is_drawn() {
        let (note, mut rows, curves) = sample::run();
        let remark = |rows: &[Row]| {
            let all = view::scenarios(Some(&note), rows, &curves);
            let axis = all.iter().find(|one| one.axis().is_some()).expect("one has an axis");
            let (variant, remark) = far_out(axis).expect("it has variants");
            assert!(remark.starts_with(&format!("Drawn at {variant}")), "{remark}");
            let at = axis.variants.iter().position(|one| *one == variant);
            let from_the_end = axis.variants.len() - 1 - at.expect("one of them");
            (axis.name.to_owned(), variant.to_owned(), from_the_end)
        };
        rows.iter_mut().for_each(|row| row.sustained = Some(true));
        let (name, last, from_the_end) = remark(&rows);
        assert_eq!(from_the_end, 0);
        let late = |row: &&mut Row| row.scenario == name && row.variant == last;
        rows.iter_mut().filter(late).for_each(|row| row.sustained = Some(false));
        assert_eq!(remark(&rows).2, 1);
    }

    #[test]
    fn latencies_of_zero_have_a_floor_that_says_so() {
        let (note, mut rows, curves) = sample::run();
        let floors = |rows: &[Row]| {
            let all = view::scenarios(Some(&note), rows, &curves);
            let drawing = draw(&all[0], &mut Counted::default()).expect("drawn");
            drawing.panels.iter().filter(|p| p.svg.contains(">0</text>")).count()
        };
        assert_eq!(floors(&rows), 0);
        let first = rows.iter_mut().find(|r| r.op == "read" && r.phase == "healthy");
        first.expect("a read").p10_ms = 0.0;
        assert!(floors(&rows) > 1, "panels share their axis");
    }
}
