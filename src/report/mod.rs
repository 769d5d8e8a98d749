//! What we show: a self-contained page, tables for terminals and for Markdown, and the README's
//! picture.
//!
//! Everything here is a function of rows; nothing is simulated, judged or averaged again. Three
//! words stand apart in every table: the *path* (how a read is served), the *promise* (what is
//! claimed for it) and the *verdict* (what the histories show); and no latency is shown without its
//! verdict. The same rows give the same bytes: no clock, no hashing, no platform mathematics.
//!
//! | file | what it holds |
//! |---|---|
//! | `page`, `section` | the HTML page and one scenario's part of it |
//! | `tables` | that part's tables |
//! | `table`, `compare` | terminal summary and Markdown; results side by side |
//! | `answer` | the answer to a scenario's question, in words made from its numbers |
//! | `damage` | what cells cost in the unit of their domain |
//! | `through` | how cells came through their faults |
//! | `real_time` | delays asked and delivered; virtual and real time side by side |
//! | `published` | what others found, beside what was measured |
//! | `view` | rows by scenario, cell, phase and region |
//! | `theme`, `number` | one palette, one way to write a number |
//! | `chart/` | the pictures, listed in `chart::CHARTS` |

mod anomalies;
mod answer;
mod chart;
mod claims;
mod compare;
mod damage;
mod gist;
mod html;
mod number;
mod page;
mod published;
mod real_time;
#[cfg(test)]
mod sample;
mod section;
mod sources;
mod table;
mod tables;
mod theme;
mod through;
mod view;

pub use answer::answer_all;
pub use chart::space_time::{Bar, SpaceTime, Ticks};
pub use compare::{comparison, differences};
pub use number::seconds;
pub use table::{markdown, summary};

use crate::results::{
    CurvePoint, Evidence, FaultLine, Results, Row, RunNote, ScenarioNote, TimelineLine, VerdictWord,
};

/// The whole report as one HTML page that needs no network and no script to be read.
#[must_use]
pub fn page(results: &Results) -> String {
    page::page(results)
}

/// What both worlds say of the same cells, for a terminal; empty where that was not asked for.
#[must_use]
pub fn beside(results: &Results) -> String {
    real_time::beside_text(&results.note)
}

/// The PACELC plane (Else) of the scenario that tells most, as an SVG file with its own light and
/// dark style; `None` if no scenario has both latencies and stale rates.
#[must_use]
pub fn plane_svg(rows: &[Row]) -> Option<String> {
    let scenarios = view::scenarios(None, rows, &[]);
    chart::hero::standalone(page::headline(&scenarios)?)
}
