//! The charts: each a function from a scenario's rows to pictures, or to nothing.
//!
//! A chart draws at 2 units per CSS pixel of a telephone's width, so its text stays readable there,
//! and a wider page sets several side by side instead of stretching them. Legends and reading help
//! are text of the page. To add one: write `chart/<name>.rs` and one line in [`CHARTS`].

mod against_axis;
mod axis;
mod bound;
mod grid;
mod heat_map;
pub(super) mod hero;
pub(super) mod labels;
mod letters;
mod partition;
mod percentiles;
mod phases;
mod plane;
mod repaint;
pub(super) mod space_time;
pub(super) mod svg;
mod timeline;
mod upright;
mod variants;
mod visibility;

use super::theme::{Ink, Shape};
use super::view::Scenario;
use labels::Counted;

/// One kind of picture.
pub(super) struct Chart {
    /// A name without spaces, used in anchors.
    pub(super) name: &'static str,
    /// The heading over it.
    pub(super) title: &'static str,
    /// How to read it, one or two sentences.
    pub(super) reading: &'static str,
    /// Draws it; `None` where the rows have nothing to say about it. What its labels only count goes
    /// under letters that are the section's.
    pub(super) draw: fn(&Scenario<'_>, &mut Counted) -> Option<Drawing>,
}

/// What a chart has drawn.
#[derive(Default)]
pub(super) struct Drawing {
    /// A heading that says more than the chart's; may be empty.
    pub(super) title: String,
    /// Always shown.
    pub(super) panels: Vec<Panel>,
    /// Shown on request: the same for single regions or variants.
    pub(super) more: Vec<Panel>,
    /// What the request is called.
    pub(super) more_title: &'static str,
    /// Colours and marks.
    pub(super) keys: Vec<Key>,
    /// What was left out and why; may be empty.
    pub(super) remark: String,
    /// Numbers the pictures were fitted to: a head, then lines; may be empty.
    pub(super) fits: Vec<[String; 6]>,
}

/// One picture.
pub(super) struct Panel {
    /// What distinguishes it from its neighbours.
    pub(super) title: String,
    /// Inline SVG.
    pub(super) svg: String,
    /// Its natural width in units; wider than [`svg::WIDTH`] scrolls on a telephone.
    pub(super) width: u32,
}

/// One entry of a legend.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Key {
    /// Its colour.
    pub(super) ink: Ink,
    /// How it is drawn.
    pub(super) mark: KeyMark,
    /// What it means.
    pub(super) label: String,
}

/// The sample in a legend.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum KeyMark {
    /// A disc of colour.
    Swatch,
    /// A line.
    Line,
    /// A dotted line.
    Dots,
    /// A circle around a point.
    Ring,
    /// A filled point.
    Mark(Shape),
    /// The crossed-out point of a broken promise.
    Broken,
    /// The pale point of an undecided one.
    Pale,
}

/// Every chart, in the order of a scenario's section.
pub(super) const CHARTS: &[Chart] = &[
    plane::CHART,
    bound::CHART,
    partition::CHART,
    variants::CHART,
    against_axis::CHART,
    percentiles::CHART,
    heat_map::CHART,
    visibility::CHART,
    phases::CHART,
    timeline::CHART,
];

/// Kinds of operation in the order of rows, and what a panel calls them.
const OPS: [(&str, &str); 4] =
    [("read", "Reads"), ("write", "Writes"), ("scan", "Scans"), ("rmw", "Read-modify-writes")];

/// Legend entries for the modes a chart shows.
fn mode_keys(scenario: &Scenario<'_>, shown: &[&str], mark: KeyMark) -> Vec<Key> {
    let of = |m: &&(&str, Ink)| shown.contains(&m.0);
    let key = |m: &(&str, Ink)| Key { ink: m.1, mark, label: m.0.to_owned() };
    scenario.modes.iter().filter(of).map(key).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{sample, view};
    use super::*;

    #[test]
    fn every_chart_has_something_to_say_of_the_sample() {
        let results = sample::results();
        let all = view::of(&results);
        for chart in CHARTS {
            let drawn: Vec<Drawing> =
                all.iter().filter_map(|s| (chart.draw)(s, &mut Counted::default())).collect();
            assert!(!drawn.is_empty(), "{} drew nothing", chart.name);
            for panel in drawn.iter().flat_map(|d| d.panels.iter().chain(&d.more)) {
                let svg = &panel.svg;
                assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>"), "{}", chart.name);
                assert!(svg.contains("role=\"img\""), "{}", chart.name);
                assert!(!svg.contains("NaN") && !svg.contains("inf\""), "{}", chart.name);
                assert!(!svg.contains("\"#"), "{}: a colour escaped the palette", chart.name);
            }
        }
    }

    #[test]
    fn no_chart_speaks_of_nothing() {
        let rows = [];
        let empty = view::scenarios(None, &rows, &[]);
        assert!(empty.is_empty());
        let (_, mut rows, _) = sample::run();
        rows.truncate(1);
        rows[0].phase = "partitioned".to_owned();
        rows[0].client_region = "somewhere".to_owned();
        rows[0].axis_at = None;
        for scenario in view::scenarios(None, &rows, &[]) {
            for chart in CHARTS {
                if chart.name != "phases" && chart.name != "heat-map" {
                    assert!(
                        (chart.draw)(&scenario, &mut Counted::default()).is_none(),
                        "{} drew",
                        chart.name
                    );
                }
            }
        }
    }

    #[test]
    fn absurd_figures_do_not_reach_the_picture() {
        let (note, mut rows, curves) = sample::run();
        for (i, row) in rows.iter_mut().enumerate() {
            match i % 4 {
                0 => row.p50_ms = 0.0,
                1 => row.p99_ms = f64::INFINITY,
                2 => row.p50_ms = f64::NAN,
                _ => row.stale_rate_high = Some(f64::NAN),
            }
        }
        for scenario in view::scenarios(Some(&note), &rows, &curves) {
            let mut counted = Counted::default();
            for drawing in CHARTS.iter().filter_map(|c| (c.draw)(&scenario, &mut counted)) {
                for panel in drawing.panels.iter().chain(&drawing.more) {
                    assert!(!panel.svg.contains("NaN") && !panel.svg.contains("-21474836"));
                }
            }
        }
    }
}
