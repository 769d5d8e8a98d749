//! t-visibility: how likely a read that begins t after a write's acknowledgement sees it.
//!
//! After Bailis et al., "Probabilistically Bounded Staleness" (VLDB 2012). The band is the Wilson
//! interval of each point; t = 0 is the acknowledgement itself.

use super::super::number;
use super::super::theme::{Ink, Style, size, verdict};
use super::super::view::Scenario;
use super::super::{CurvePoint, VerdictWord};
use super::axis::Axis;
use super::labels::Counted;
use super::svg::{At, Frame, Layout, WIDTH, dot, inline, line, lines, ribbon, ring};
use super::{Chart, Drawing, Key, KeyMark, Panel, mode_keys};
use std::collections::BTreeMap;

pub(super) const CHART: Chart = Chart {
    name: "visibility",
    title: "How soon a write is seen",
    reading: "Share of reads that return the key's latest acknowledged write or a newer one, by \
              the time t between that acknowledgement and the start of the read, in all phases together, a \
              fault's included. The shade is \
              the 95 % interval; points of fewer than a hundred reads are not drawn, nor levels \
              at which every read was fresh; levels whose points lie within each other's intervals share \
              a picture. Rings are the model WARS of Bailis et al. (Probabilistically \
              Bounded Staleness, VLDB 2012), drawn from the scenario's own delays without the simulator, \
              where it applies.",
    draw,
};

/// Fewest reads a point is drawn from; with less, its interval says nothing.
const FEWEST: u64 = 100;

/// Points of one mode at one level and variant.
type Series<'a> = BTreeMap<(usize, &'a str), Vec<&'a CurvePoint>>;

fn draw(scenario: &Scenario<'_>, counted: &mut Counted) -> Option<Drawing> {
    let mut drawing = Drawing { more_title: "Each client region", ..Drawing::default() };
    let x = Axis::from_zero(
        &told(scenario).map(|p| p.t_ms).filter(|t| t.is_finite()).collect::<Vec<_>>(),
        number::tick_ms,
    )?
    .thinned(6);
    let lowest = told(scenario).map(|p| p.fresh_rate_low.min(p.fresh_rate));
    let lowest = lowest.filter(|r| r.is_finite()).fold(1.0, f64::min);
    let floor = [0.9, 0.5].into_iter().find(|f| lowest >= *f).unwrap_or(0.0);
    let y = Axis::linear([floor, 1.0 + (1.0 - floor) * 0.02], number::tick_percent)?;
    let (mut regions, mut levels): (Vec<&str>, Vec<(&str, &str)>) = (Vec::new(), Vec::new());
    for point in &scenario.curves {
        if !regions.contains(&&*point.client_region) {
            regions.push(&point.client_region);
        }
        let level = (point.level.as_str(), point.variant.as_str());
        if !levels.contains(&level) {
            levels.push(level);
        }
    }
    regions.sort_by_key(|r| *r != "all");
    let several = levels.iter().any(|l| l.1 != levels[0].1);
    for region in &regions {
        for (named, variant, series) in shared(scenario, region, &levels) {
            let mut words = vec![counted.listed(&named)];
            words.extend(several.then(|| variant.to_owned()));
            words.extend((*region != "all").then(|| (*region).to_owned()));
            let title = words.join(", ");
            let Some(svg) = panel(scenario, &series, (&x, &y), &title, *region == regions[0])
            else {
                continue;
            };
            let panel = Panel { title, svg, width: WIDTH };
            let main = *region == regions[0] && drawing.panels.len() < 8;
            if main {
                drawing.panels.push(panel);
            } else if drawing.more.len() < 36 {
                drawing.more.push(panel);
            }
        }
    }
    if regions.len() <= 2 && regions[0] == "all" {
        drawing.more.clear();
    }
    drawing.remark = counted.words();
    let shown: Vec<&str> = scenario.curves.iter().map(|p| p.system.as_str()).collect();
    drawing.keys = mode_keys(scenario, &shown, KeyMark::Line);
    if told(scenario).any(|p| p.predicted_rate.is_some()) {
        let label = "predicted by the model WARS".to_owned();
        drawing.keys.push(Key { ink: Ink::SOFT, mark: KeyMark::Ring, label });
    }
    (!drawing.panels.is_empty()).then_some(drawing)
}

/// Points with enough reads, of cells that saw a stale one.
fn told<'s, 'a>(scenario: &'s Scenario<'a>) -> impl Iterator<Item = &'a CurvePoint> + 's {
    scenario.curves.iter().copied().filter(|p| p.n >= FEWEST)
}

fn series<'a>(scenario: &Scenario<'a>, region: &str, level: &str, variant: &str) -> Series<'a> {
    let mut series = Series::new();
    for point in scenario.curves.iter().copied() {
        let here = point.client_region == region && point.level == level;
        if here && point.variant == variant && point.n >= FEWEST && point.t_ms.is_finite() {
            let order = scenario.modes.iter().position(|m| m.0 == point.system).unwrap_or(99);
            series.entry((order, &point.system)).or_default().push(point);
        }
    }
    for points in series.values_mut() {
        points.sort_by(|a, b| a.t_ms.total_cmp(&b.t_ms));
    }
    series
}

/// The points of each level, and the levels of a variant that have the same.
fn shared<'a>(
    scenario: &Scenario<'a>,
    region: &str,
    levels: &[(&'a str, &'a str)],
) -> Vec<(Vec<&'a str>, &'a str, Series<'a>)> {
    let mut found: Vec<(Vec<&str>, &str, Series<'_>)> = Vec::new();
    for (level, variant) in levels {
        let series = series(scenario, region, level, variant);
        // All of them fresh is nothing to draw.
        if series.values().flatten().all(|p| p.fresh >= p.n) {
            continue;
        }
        match found.iter_mut().find(|f| f.1 == *variant && alike(&f.2, &series)) {
            Some(same) => same.0.push(*level),
            None => found.push((vec![*level], *variant, series)),
        }
    }
    found
}

/// Whether the same modes have points of the same verdicts, each within the other's interval.
fn alike(some: &Series<'_>, others: &Series<'_>) -> bool {
    let within = |a: &CurvePoint, b: &CurvePoint| {
        (b.fresh_rate_low..=b.fresh_rate_high).contains(&a.fresh_rate)
    };
    let same = |a: &CurvePoint, b: &CurvePoint| {
        let close = (a.t_ms - b.t_ms).abs() <= 0.05 * a.t_ms.max(b.t_ms);
        let modelled = a.predicted_rate.is_some() || b.predicted_rate.is_some();
        a.verdict == b.verdict && close && !modelled && within(a, b) && within(b, a)
    };
    some.len() == others.len()
        && some.iter().zip(others).all(|((mode, a), (other, b))| {
            mode == other && a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        })
}

fn panel(
    scenario: &Scenario<'_>,
    series: &Series<'_>,
    (x, y): (&Axis, &Axis),
    title: &str,
    tipped: bool,
) -> Option<String> {
    let height = 430;
    let about =
        format!("Share of fresh reads by time since the write in {}: {title}", scenario.name);
    inline((WIDTH, height), &about, |area, tips| {
        let x_title = "t since the acknowledgement";
        let outer = (0, 0, WIDTH, height);
        let layout = Layout { outer, x: Some(x_title), y: "fresh reads", left: 104 };
        let frame = Frame::new(area, x.clone(), y.clone(), layout)?;
        for ((_, mode), points) in series {
            let edge = |f: fn(&CurvePoint) -> f64| -> Vec<At> {
                points.iter().map(|p| frame.at(p.t_ms, f(p))).collect()
            };
            let mut corners = edge(|p| p.fresh_rate_high);
            corners.extend(edge(|p| p.fresh_rate_low).into_iter().rev());
            ribbon(area, &corners, scenario.ink(mode).styled(Style::Plain), 0.16)?;
        }
        let path = |points: &[&CurvePoint]| -> Vec<At> {
            points.iter().map(|p| frame.at(p.t_ms, p.fresh_rate)).collect()
        };
        let paths: Vec<(Vec<At>, Ink)> =
            series.iter().map(|((_, m), points)| (path(points), scenario.ink(m))).collect();
        lines(area, &paths)?;
        for (((_, mode), points), (path, _)) in series.iter().zip(paths) {
            let ink = scenario.ink(mode);
            if points.iter().any(|p| p.verdict == VerdictWord::Violated) {
                line(area, &path, Ink::BROKEN.styled(Style::Dotted), size::LINE)?;
            }
            for (p, at) in points.iter().zip(path) {
                dot(area, at, 5, ink)?;
                if let Some(rate) = p.predicted_rate {
                    ring(area, frame.at(p.t_ms, rate), 9, Ink::SOFT)?;
                }
                if !tipped {
                    continue;
                }
                let model = p.predicted_rate.map_or(String::new(), |rate| {
                    format!("\npredicted: {}", number::percent(rate))
                });
                let text = format!(
                    "{mode} {}\n{} fresh {} after the write ({} to {}){model}\nverdict: {}\nn {}",
                    p.level,
                    number::percent(p.fresh_rate),
                    number::ms(p.t_ms),
                    number::percent(p.fresh_rate_low),
                    number::percent(p.fresh_rate_high),
                    verdict(p.verdict).0,
                    number::count(p.n)
                );
                tips.add(at, &text);
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::{sample, view};
    use super::*;

    #[test]
    fn zero_is_on_the_axis_and_every_line_has_its_band() {
        let (note, rows, curves) = sample::run();
        let all = view::scenarios(Some(&note), &rows, &curves);
        let probed = all.iter().find(|s| !s.curves.is_empty()).expect("one is probed");
        let drawing = draw(probed, &mut Counted::default()).expect("drawn");
        let svg = &drawing.panels[0].svg;
        assert!(svg.contains(">0</text>"));
        assert_eq!(svg.matches("<polygon").count(), probed.modes.len());
    }
}
