//! Figures that others published of a scenario's cells, for the report to hold measurements against.
//!
//! Who quotes a paper's number in prose leaves the comparing to the reader; here it is data, with its
//! source, and stands beside what was measured wherever results are shown.

use super::document::{Document, FiguresEntry};
use super::plan::{CellName, Plan};
use super::source::Refusal;
use crate::op::OpKind;
use crate::time::Duration;

/// A figure that somebody published of a cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Published {
    /// Where it stands.
    pub source: String,
    /// The cell.
    pub cell: CellName,
    /// What it is.
    pub what: What,
    /// Milliseconds, or a share.
    pub value: f64,
}

/// What was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A latency of reads or of writes, by its column: `p50_ms`, `p99_ms`, `p999_ms`, `mean_ms`.
    Latency(OpKind, &'static str),
    /// The share of reads that see a write acknowledged this long before.
    Fresh(Duration),
}

/// The figures of the `[published]` table, cell by cell.
pub(super) fn published(document: &Document, plans: &[Plan]) -> Result<Vec<Published>, Refusal> {
    let Some(entry) = &document.published else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for (name, figures) in &entry.figures {
        let full = |plan: &&Plan| {
            let name = name.get_ref();
            plan.name.to_string().split_once('/').is_some_and(|(_, cell)| cell == name)
        };
        let Some(plan) = plans.iter().find(full) else {
            let known = plans.first().map(|plan| plan.name.to_string());
            let like = known.as_deref().and_then(|name| name.split_once('/')).map_or("", |n| n.1);
            let message = format!(
                "no cell is called `{}`; write mode, variant and level, as in `{like}`",
                name.get_ref()
            );
            return Err(Refusal::at(name.span(), message));
        };
        let told = figures_of(figures).map_err(|message| Refusal::at(name.span(), message))?;
        let source = &entry.source;
        let one = |(what, value)| Published {
            source: source.clone(),
            cell: plan.name.clone(),
            what,
            value,
        };
        found.extend(told.into_iter().map(one));
    }
    let place = |figure: &Published| plans.iter().position(|plan| plan.name == figure.cell);
    found.sort_by_key(place);
    Ok(found)
}

fn figures_of(entry: &FiguresEntry) -> Result<Vec<(What, f64)>, String> {
    let mut found = Vec::new();
    for (op, latency) in [(OpKind::Read, &entry.read), (OpKind::Write, &entry.write)] {
        for (column, value) in [
            ("p50_ms", latency.p50_ms),
            ("p99_ms", latency.p99_ms),
            ("p999_ms", latency.p999_ms),
            ("mean_ms", latency.mean_ms),
        ] {
            let Some(value) = value else { continue };
            if !(value.is_finite() && value > 0.0) {
                return Err(format!("{column} is {value}; write a number of milliseconds above 0"));
            }
            found.push((What::Latency(op, column), value));
        }
    }
    for (t, share) in &entry.fresh {
        if !(0.0..=1.0).contains(share) {
            return Err(format!("fresh at {t} is {share}; write a share from 0 to 1"));
        }
        found.push((What::Fresh(t.parse()?), *share));
    }
    Ok(found)
}
