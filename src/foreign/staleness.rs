//! How old the values are that reads return.
//!
//! With the order of versions given, every read has an age: the writes of its key that are newer
//! than what it returned and had completed before it was invoked. Without one, only what real time
//! says counts: a write is newer if it was invoked after the write that was read had completed. (W.
//! Golab, X. Li and M. Shah, "Analyzing Consistency Properties for Fun and Profit", PODC 2011; P.
//! Bailis et al., "Probabilistically Bounded Staleness", VLDB 2012.)

use super::history::{Action, History};
use super::missed::{self, Missed};
use super::verdict::{Counterexample, Verdict, Witness};
use super::versions::Versions;
use super::words::{describe, short, ticks};
use super::zones::{self, Clusters, Fault};

/// How old what a read returned was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Age {
    /// The read, as an index into [`History::operations`].
    pub operation: u32,
    /// How many newer writes had completed before it was invoked.
    pub versions: u64,
    /// Ticks since the first of these completed.
    pub time: u64,
}

/// The age of every read that is ok and whose value has a place in the order.
#[must_use]
pub fn ages(history: &History, versions: &Versions) -> Vec<Age> {
    let age = |one: Missed| Age { operation: one.read, versions: one.versions, time: one.time };
    missed::in_order(history, versions).into_iter().map(age).collect()
}

/// How stale a read may be.
#[derive(Clone, Copy)]
pub(super) enum Bound {
    /// So many ticks after a newer write had completed.
    Ticks(u64),
    /// So many newer writes that had completed.
    Versions(u64),
}

impl Bound {
    /// What is bounded.
    fn of(self, missed: &Missed) -> u64 {
        match self {
            Self::Ticks(_) => missed.time,
            Self::Versions(_) => missed.versions,
        }
    }

    /// Whether a read is staler than this.
    pub(super) fn is_passed_by(self, missed: &Missed) -> bool {
        let (Self::Ticks(most) | Self::Versions(most)) = self;
        self.of(missed) > most
    }
}

/// Whether no read is staler than the bound: by real time alone, or by a given order of versions.
pub(super) fn bounded(history: &History, bound: Bound, versions: Option<&Versions>) -> Verdict {
    let ops = history.operations();
    let mut clusters = Clusters::of(history, ops);
    let plain = !clusters.complex.contains(&true);
    if versions.is_none() && !plain {
        let reason = "the age of a read is defined where every value is written once; this history \
                      has swaps, appends, deletes or repeated values";
        return Verdict::Unknown(reason.to_owned());
    }
    let fault = if plain { zones::find(ops, &mut clusters) } else { None };
    if let Some(fault @ Fault::ThinAir(_)) = fault {
        return impossible(history, zones::evidence(ops, &clusters, fault));
    }
    let all = match (versions, fault) {
        (Some(versions), _) => missed::in_order(history, versions),
        (None, Some(_)) => missed::in_real_time(history, ops),
        // Without a fault no read is stale at all.
        (None, None) => Vec::new(),
    };
    if plain && let Some(one) = all.iter().find(|one| one.is_impossible(ops)) {
        return impossible(history, [Some(one.read), one.source].into_iter().flatten().collect());
    }
    let verdict = stalest(history, bound, versions, &all);
    let unplaced = versions.and_then(|versions| {
        ops.iter().filter(|op| op.counts()).find_map(|op| {
            let value = if op.action == Action::Read { Some(op.value) } else { op.makes() };
            value.filter(|value| versions.rank(op.key, *value).is_none()).map(|v| (op.key, v))
        })
    });
    match unplaced {
        Some((key, value)) if verdict.holds() => {
            Verdict::Unknown(unplaced_in_words(history, key, value))
        }
        _ => verdict,
    }
}

/// The first of these reads what nobody wrote, or nobody had begun to write.
fn impossible(history: &History, mut operations: Vec<u32>) -> Verdict {
    let message =
        format!("{} cannot be", describe(history, &history.operations()[operations[0] as usize]));
    operations.sort_unstable();
    Verdict::Violated(Counterexample { pattern: None, message, operations })
}

/// A value that a given order lacks.
pub(super) fn unplaced_in_words(history: &History, key: u32, value: u32) -> String {
    format!(
        "the value {} of key {} has no place in the given order of versions",
        short(history.value(value)),
        short(history.key(key))
    )
}

/// Compares the stalest read with the bound.
fn stalest(
    history: &History,
    bound: Bound,
    versions: Option<&Versions>,
    all: &[Missed],
) -> Verdict {
    let ops = history.operations();
    let did = |i: u32| describe(history, &ops[i as usize]);
    let worse = |a: &Missed, b: &Missed| bound.of(a).cmp(&bound.of(b)).then(b.read.cmp(&a.read));
    let stalest = all.iter().copied().max_by(worse).filter(|one| one.versions > 0);
    let Some((one, first)) = stalest.and_then(|one| Some((one, one.first?))) else {
        return Verdict::because("no read is stale");
    };
    if !bound.is_passed_by(&one) {
        let Missed { read, versions, time, .. } = one;
        return Verdict::Holds(Witness::Stalest { read, missed: first, versions, ticks: time });
    }
    let (count, message) = match bound {
        Bound::Ticks(_) => {
            let message = format!(
                "{}, {} after {}, which is newer",
                did(one.read),
                ticks(one.time),
                did(first)
            );
            (1, message)
        }
        Bound::Versions(most) => {
            let many = match one.versions {
                1 => "a newer version had been written by then, by".to_owned(),
                more => format!("{more} newer versions had been written by then, the first by"),
            };
            let message = format!("{}, although {many} {}", did(one.read), did(first));
            (most as usize + 1, message)
        }
    };
    let mut operations = missed::writes(history, versions, &one, count);
    operations.push(one.read);
    operations.extend(one.source);
    operations.sort_unstable();
    operations.dedup();
    Verdict::Violated(Counterexample { pattern: None, message, operations })
}
