//! The run moment by moment, through its faults: who is answered, how fast, and how stale, for the clients
//! of one region in each picture. The time in which a fault is in force is shaded.

use super::super::number;
use super::super::theme::{Ink, Style, size, verdict};
use super::super::view::Scenario;
use super::super::{TimelineLine, VerdictWord};
use super::axis::Axis;
use super::labels::Counted;
use super::svg::{At, Frame, Layout, WIDTH, inline, line, lines, ribbon};
use super::{Chart, Drawing, KeyMark, OPS, Panel, mode_keys};
use crate::results::Side;

pub(super) const CHART: Chart = Chart {
    name: "timeline",
    title: "Moment by moment through the fault",
    reading: "Operations where they were intended, all seeds together; the shaded time is that of the \
              fault. The median counts an operation that failed or is unknown as at least the timeout, so \
              where the line lies there, most were not answered. Red dots mark the line of a broken \
              promise.",
    draw,
};

/// The styles of lines by level, in the order of levels.
const STYLES: [(Style, &str); 3] =
    [(Style::Plain, "solid"), (Style::Dashed, "dashed"), (Style::Dotted, "dotted")];

/// What a picture shows of a stretch: the heading's end, the axis' title, and the value.
struct Measure {
    what: &'static str,
    axis: &'static str,
    /// A time, drawn in decades; else a share.
    is_time: bool,
    value: fn(&TimelineLine, usize) -> Option<f64>,
}

const ANSWERED: Measure = Measure {
    what: "answered",
    axis: "share answered",
    is_time: false,
    value: |line, at| share(line.answered[at], line.n[at]),
};
const MEDIAN: Measure = Measure {
    what: "p50",
    axis: "response time, p50",
    is_time: true,
    value: |line, at| line.p50_ms[at],
};
const STALE: Measure = Measure {
    what: "stale",
    axis: "share of reads that are stale",
    is_time: false,
    value: |line, at| share(line.stale[at], line.fresh_or_stale[at]),
};

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn draw(scenario: &Scenario<'_>, _: &mut Counted) -> Option<Drawing> {
    let mut drawing = Drawing { more_title: "The other client regions", ..Drawing::default() };
    let last = *scenario.variants.last()?;
    let of = |variant| scenario.timelines.iter().copied().filter(move |l| l.variant == variant);
    // Where each variant is another fault, each is a story of its own; else the last one speaks for all.
    let fault = |variant| (of(variant).next().map(|l| &l.faults), regions(of(variant)));
    let each = scenario.variants.iter().any(|variant| fault(*variant) != fault(last));
    let mut words = Vec::new();
    if scenario.variants.len() > 1 && !each {
        words.push(format!("Drawn at {last}."));
    }
    if scenario.levels.len() > 1 {
        let named = scenario.levels.iter().zip(STYLES);
        let named: Vec<String> =
            named.map(|(level, (_, style))| format!("{style} at {level}")).collect();
        let others =
            if scenario.levels.len() > STYLES.len() { ", and solid at others" } else { "" };
        words.push(format!("Lines are {}{others}.", named.join(", ")));
    }
    drawing.remark = words.join(" ");
    if each {
        drawing.more_title = "Writes, and response times and staleness";
    }
    let mut shown: Vec<&str> = Vec::new();
    for variant in scenario.variants.iter().filter(|variant| each || **variant == last) {
        let here: Vec<&TimelineLine> = of(*variant).collect();
        let about = if each { format!("{variant}: ") } else { String::new() };
        if !add_panels(scenario, &here, &about, &mut drawing) {
            return None;
        }
        shown.extend(here.iter().map(|l| l.system.as_str()));
    }
    drawing.keys = mode_keys(scenario, &shown, KeyMark::Line);
    (!drawing.panels.is_empty()).then_some(drawing)
}

/// The pictures of one variant; of several variants whatever is not the share of reads answered comes below.
/// Says whether there are any of its first region.
fn add_panels(
    scenario: &Scenario<'_>,
    here: &[&TimelineLine],
    about: &str,
    drawing: &mut Drawing,
) -> bool {
    let from = drawing.panels.len();
    for (at, (region, side)) in regions(here.iter().copied()).iter().enumerate() {
        for (op, title) in OPS {
            let lines: Vec<&TimelineLine> =
                here.iter().copied().filter(|l| l.client_region == *region && l.op == op).collect();
            let stale =
                if op == "read" { &[ANSWERED, MEDIAN, STALE][..] } else { &[ANSWERED, MEDIAN] };
            for measure in stale {
                let Some(svg) = panel(scenario, &lines, measure) else { continue };
                let more = match about {
                    "" => at > 0,
                    _ => op != "read" || measure.what != ANSWERED.what,
                };
                let words = words_of(*side);
                let title = format!("{about}{title} in {region}{words}, {}", measure.what);
                let panel = Panel { title, svg, width: WIDTH };
                if more { drawing.more.push(panel) } else { drawing.panels.push(panel) }
            }
        }
        if at == 0 && drawing.panels.len() == from {
            return false;
        }
    }
    true
}

/// The client regions, those that a cut leaves without a majority first.
fn regions<'a>(lines: impl Iterator<Item = &'a TimelineLine>) -> Vec<(&'a str, Option<Side>)> {
    let mut found: Vec<(&str, Option<Side>)> = Vec::new();
    for line in lines {
        if !found.iter().any(|(name, _)| *name == line.client_region) {
            found.push((&line.client_region, line.side));
        }
    }
    found.sort_by_key(|(_, side)| *side != Some(Side::Minority));
    found
}

fn words_of(side: Option<Side>) -> &'static str {
    match side {
        Some(Side::Minority) => " (cut off)",
        _ => "",
    }
}

fn panel(scenario: &Scenario<'_>, all: &[&TimelineLine], measure: &Measure) -> Option<String> {
    let end = |l: &&TimelineLine| l.step_ms * l.n.len() as f64 / 1e3;
    let last = all.iter().map(end).fold(0.0, f64::max);
    let values = || all.iter().flat_map(|l| (0..l.n.len()).filter_map(|at| (measure.value)(l, at)));
    let y = if measure.is_time {
        Axis::latencies(values())?
    } else {
        values().next()?;
        let ticks = [0.0, 0.25, 0.5, 0.75, 1.0].map(|t| (t, number::tick_percent(t))).to_vec();
        Axis::with_ticks(-0.04, 1.04, ticks)
    };
    let x = Axis::linear([0.0, last], number::plain)?;
    let height = 400;
    let op = &all.first()?.op;
    let about = format!("{op}s over time in {}: {}", scenario.name, measure.axis);
    inline((WIDTH, height), &about, |area, tips| {
        let outer = (0, 0, WIDTH, height);
        let layout = Layout { outer, x: Some("seconds"), y: measure.axis, left: 104 };
        let frame = Frame::new(area, x, y, layout)?;
        let ((_, top), (_, bottom)) = frame.corners();
        for [from, to] in &all[0].faults {
            let edge = |ms: &f64| frame.at((ms / 1e3).min(last), 1.0).0;
            let (left, right) = (edge(from), edge(to).max(edge(from) + 1));
            let corners = [(left, top), (right, top), (right, bottom), (left, bottom)];
            ribbon(area, &corners, Ink::AXIS, 0.22)?;
        }
        let mut paths: Vec<(Vec<At>, Ink)> = Vec::new();
        for one in all {
            let level = scenario.levels.iter().position(|level| *level == one.level);
            let style = level.and_then(|level| STYLES.get(level)).map_or(Style::Plain, |s| s.0);
            let ink = scenario.ink(&one.system).styled(style);
            for run in runs(one, measure) {
                let place = |&(at, value): &(usize, f64)| {
                    frame.at((at as f64 + 0.5) * one.step_ms / 1e3, value)
                };
                paths.push((run.iter().map(place).collect(), ink));
            }
        }
        lines(area, &paths)?;
        for one in all {
            for run in runs(one, measure) {
                let place = |&(at, value): &(usize, f64)| {
                    frame.at((at as f64 + 0.5) * one.step_ms / 1e3, value)
                };
                let points: Vec<At> = run.iter().map(place).collect();
                if one.verdict == VerdictWord::Violated {
                    line(area, &points, Ink::BROKEN.styled(Style::Dotted), size::LINE)?;
                }
                let told: Vec<At> = points.iter().copied().step_by(6).collect();
                tips.add_all(&told, &format!("{}\n{}", one.cell, verdict(one.verdict).0));
            }
        }
        Ok(())
    })
}

/// Neighbouring stretches with a value, gap by gap.
fn runs(one: &TimelineLine, measure: &Measure) -> Vec<Vec<(usize, f64)>> {
    let mut runs: Vec<Vec<(usize, f64)>> = vec![Vec::new()];
    for at in 0..one.n.len() {
        match (measure.value)(one, at) {
            Some(value) => runs.last_mut().into_iter().for_each(|run| run.push((at, value))),
            None => runs.push(Vec::new()),
        }
    }
    runs.retain(|run| !run.is_empty());
    runs
}

#[cfg(test)]
mod tests {
    use super::super::super::{sample, view};
    use super::*;

    #[test]
    fn the_side_that_is_cut_off_comes_first_and_the_fault_is_shaded() {
        let results = sample::results();
        let all = view::of(&results);
        let drawn: Vec<Drawing> =
            all.iter().filter_map(|s| draw(s, &mut Counted::default())).collect();
        let [drawing] = &drawn[..] else { panic!("{} scenarios have a fault", drawn.len()) };
        assert_eq!(drawing.panels[0].title, "Reads in eu-west-1 (cut off), answered");
        assert!(drawing.more.iter().all(|panel| !panel.title.contains("cut off")));
        assert!(!drawing.more.is_empty());
        let shaded = |panel: &Panel| panel.svg.contains("opacity=\"0.22\"");
        assert!(drawing.panels.iter().chain(&drawing.more).all(shaded));
    }

    #[test]
    fn a_line_ends_where_nothing_was_intended() {
        let results = sample::results();
        let mut one = results.timelines[0].clone();
        one.p50_ms[1] = None;
        let lengths: Vec<usize> = runs(&one, &MEDIAN).iter().map(Vec::len).collect();
        assert_eq!(lengths, [1, one.n.len() - 2]);
    }
}
