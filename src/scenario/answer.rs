//! What the answer to a scenario's question is made of: which cells stand for which class of the CAP
//! theorem's, and what the domain calls its damage. The sentences are made in the report, from the rows.

use super::document::Document;
use super::plan::Plan;
use super::source::Refusal;
use crate::op::unknown;
use serde::{Deserialize, Serialize};

/// Which figure of the rows is the domain's damage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Counts {
    /// What the object can take: units oversold, two holders, increments dropped, elements that came back.
    #[default]
    Damage,
    /// Stale reads.
    Stale,
    /// Writes that lost to older ones, or are not there where conflicts are merged.
    Lost,
    /// Writes that are gone in the end.
    Undone,
    /// Reads that returned several values.
    Conflicts,
    /// Keys that both sides of a cut changed and of which one side's version alone is kept.
    Overruled,
}

/// The class that a cell stands for: what it gives up when it cannot have both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Class {
    /// Availability.
    #[serde(rename = "CP")]
    Cp,
    /// Consistency.
    #[serde(rename = "AP")]
    Ap,
    /// Some of either.
    #[serde(rename = "hybrid")]
    Hybrid,
    /// Where nothing is cut and what is weighed is time alone: time.
    #[serde(rename = "waits")]
    Waits,
    /// The same: what it would have waited for.
    #[serde(rename = "at-once")]
    AtOnce,
}

/// A scenario's `[answer]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The damage, in the domain's words.
    pub cost: String,
    /// What it happens to.
    pub asked: String,
    /// Which figure it is.
    pub counts: Counts,
    /// The kind of operation whose latency is told.
    pub op: String,
    /// Classes and the cells that stand for them, by the beginning of their names below the scenario's.
    pub cells: Vec<(Class, String)>,
}

/// The `[answer]` table, if there is one.
pub(super) fn answer(document: &Document, plans: &[Plan]) -> Result<Option<Answer>, Refusal> {
    let Some(entry) = &document.answer else { return Ok(None) };
    for (name, text) in [("cost", &entry.cost), ("asked", &entry.asked)] {
        if text.get_ref().trim().is_empty() {
            return Err(Refusal::at(text.span(), format!("{name} is empty; say what is counted")));
        }
    }
    let op = entry.op.as_ref().map_or("write", |op| op.get_ref());
    let ops = ["read", "write", "scan", "rmw"];
    if let Some(given) = entry.op.as_ref().filter(|_| !ops.contains(&op)) {
        return Err(Refusal::at(given.span(), unknown("kind of operation", op, ops)));
    }
    let mut cells = Vec::new();
    for (class, names) in [
        (Class::Cp, &entry.cp),
        (Class::Ap, &entry.ap),
        (Class::Waits, &entry.waits),
        (Class::AtOnce, &entry.at_once),
        (Class::Hybrid, &entry.hybrid),
    ] {
        for name in names {
            let given = name.get_ref();
            let tails = plans.iter().map(tail);
            if !tails.clone().any(|tail| stands_for(given, &tail)) {
                let mut modes: Vec<&str> = plans.iter().map(|plan| &*plan.name.mode).collect();
                modes.dedup();
                let known: Vec<String> =
                    modes.into_iter().map(str::to_owned).chain(tails).collect();
                let message = unknown("cell", given, known.iter().map(String::as_str));
                return Err(Refusal::at(name.span(), message));
            }
            cells.push((class, given.clone()));
        }
    }
    Ok(Some(Answer {
        cost: entry.cost.get_ref().trim().to_owned(),
        asked: entry.asked.get_ref().trim().to_owned(),
        counts: entry.counts,
        op: op.to_owned(),
        cells,
    }))
}

/// A cell's name below its scenario's.
fn tail(plan: &Plan) -> String {
    let name = plan.name.to_string();
    name.split_once('/').map_or_else(String::new, |(_, tail)| tail.to_owned())
}

/// Whether a cell of this name below its scenario's is meant: `raft`, `raft/linearizable`.
#[must_use]
pub fn stands_for(given: &str, tail: &str) -> bool {
    tail.strip_prefix(given).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_meant_by_the_beginning_of_its_name_up_to_a_slash() {
        for given in ["raft", "raft/rtt=50ms", "raft/rtt=50ms/lease"] {
            assert!(stands_for(given, "raft/rtt=50ms/lease"), "{given}");
        }
        for given in ["raf", "raft/rtt", "lease", "raft/rtt=50ms/lease/more"] {
            assert!(!stands_for(given, "raft/rtt=50ms/lease"), "{given}");
        }
    }
}
