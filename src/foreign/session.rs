//! The four session guarantees, one by one.
//!
//! D. B. Terry et al., "Session Guarantees for Weakly Consistent Replicated Data" (1994). A session
//! is a process. For an operation `a` before `b` in one session, on one key, each guarantee says of
//! the order of the key's versions:
//!
//! | guarantee | `a` | `b` | versions |
//! |---|---|---|---|
//! | read your writes | write | read | that of `b` is not older |
//! | monotonic reads | read | read | that of `b` is not older |
//! | monotonic writes | write | write | that of `b` is newer |
//! | writes follow reads | read | write | that of `b` is newer |
//!
//! and across keys, once a session has read w: what w's session wrote (monotonic writes) or read
//! (writes follow reads) before w is not newer than what the reading session reads of those keys
//! later. One hop only; the transitive closure is causal consistency.
//!
//! So each guarantee is a list of constraints on orders of versions. With an order given they are
//! looked up; without one the question is whether *some* order meets them, that is, whether they
//! have no cycle. That is all a black box can be asked: a history that breaks monotonic writes
//! under the store's own order may break only monotonic reads under another.

mod across;
mod demands;
mod given;

use super::history::{Action, History, INITIAL, Operation};
use super::sequential::in_real_time;
use super::staleness::unplaced_in_words;
use super::verdict::{Counterexample, Limits, Meter, Verdict, Witness};
use super::versions::Versions;
use super::words::describe;
use super::zones::Clusters;
use demands::{Sessions, demands};
use given::Given;
pub(super) use given::stale_in_order;
use std::collections::BTreeMap;

/// A session guarantee.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Session {
    /// A session sees its own earlier writes.
    ReadYourWrites,
    /// A session never reads an older version after a newer one.
    MonotonicReads,
    /// A session's writes take effect in its order.
    MonotonicWrites,
    /// A session's write is newer than what it had read.
    WritesFollowReads,
    /// Who has seen a write sees what its session wrote before it, on every key.
    MonotonicWritesAcrossKeys,
    /// Who has seen a write sees what its session had read before it, on every key.
    WritesFollowReadsAcrossKeys,
}

/// The four guarantees of one key each.
pub(super) const FOUR: [Session; 4] = [
    Session::ReadYourWrites,
    Session::MonotonicReads,
    Session::MonotonicWrites,
    Session::WritesFollowReads,
];

impl Session {
    /// What comes first and what second, for the guarantees of one key.
    fn pair(self) -> Option<(Action, Action)> {
        match self {
            Self::ReadYourWrites => Some((Action::Write, Action::Read)),
            Self::MonotonicReads => Some((Action::Read, Action::Read)),
            Self::MonotonicWrites => Some((Action::Write, Action::Write)),
            Self::WritesFollowReads => Some((Action::Read, Action::Write)),
            Self::MonotonicWritesAcrossKeys | Self::WritesFollowReadsAcrossKeys => None,
        }
    }

    /// Of the guarantees across keys, what a session did before its write.
    fn earlier(self) -> Action {
        if self == Self::WritesFollowReadsAcrossKeys { Action::Read } else { Action::Write }
    }
}

/// Whether a guarantee holds under a given order of versions. It is unknown if nothing breaks it
/// and a value that matters has no place in the order.
#[must_use]
pub fn in_order(
    history: &History,
    guarantee: Session,
    versions: &Versions,
    limits: &Limits<'_>,
) -> Verdict {
    one_in_order(history, guarantee, versions, &mut limits.meter())
}

fn one_in_order(
    history: &History,
    guarantee: Session,
    versions: &Versions,
    meter: &mut Meter<'_>,
) -> Verdict {
    let ops = history.operations();
    if let Some(unknown) = without_versions(history) {
        return unknown;
    }
    let sessions = Sessions::new(history, ops);
    let mut given = Given { versions, ops, unplaced: None };
    let mut broken: Option<Vec<u32>> = None;
    let all = given.each(&sessions, guarantee, meter, &mut |_, why| {
        broken = broken.take().or_else(|| why.map(<[u32]>::to_vec));
    });
    match (broken, given.unplaced) {
        (None, _) if all.is_none() => Verdict::Unknown(meter.exhausted()),
        (Some(operations), _) => Verdict::Violated(told(history, operations)),
        (None, Some((key, value))) => Verdict::Unknown(unplaced_in_words(history, key, value)),
        (None, None) => {
            Verdict::because("no two operations of a session contradict the given order")
        }
    }
}

/// Whether the four guarantees hold under a given order of versions.
#[must_use]
pub fn all_in_order(history: &History, versions: &Versions, limits: &Limits<'_>) -> Verdict {
    let mut meter = limits.meter();
    let all = FOUR.map(|guarantee| one_in_order(history, guarantee, versions, &mut meter));
    let worst = all.into_iter().max_by_key(|verdict| match verdict {
        Verdict::Holds(_) => 0,
        Verdict::Unknown(_) => 1,
        Verdict::Violated(_) => 2,
    });
    worst.unwrap_or_else(|| Verdict::because("nothing is asked"))
}

/// Whether some order of versions lets a guarantee hold by itself.
#[must_use]
pub fn in_some_order(history: &History, guarantee: Session, limits: &Limits<'_>) -> Verdict {
    satisfiable(history, &[guarantee], limits)
}

/// Whether one order of versions lets the four guarantees hold together.
#[must_use]
pub fn all_in_some_order(history: &History, limits: &Limits<'_>) -> Verdict {
    satisfiable(history, &FOUR, limits)
}

/// Why versions have no order of their own, if they have none.
fn without_versions(history: &History) -> Option<Verdict> {
    let reason = "versions have no order of their own where values are written twice, swapped, \
                  appended to or deleted";
    let clusters = Clusters::of(history, history.operations());
    clusters.complex.contains(&true).then(|| Verdict::Unknown(reason.to_owned()))
}

fn satisfiable(history: &History, guarantees: &[Session], limits: &Limits<'_>) -> Verdict {
    let ops = history.operations();
    if let Some(unknown) = without_versions(history) {
        return unknown;
    }
    let across = guarantees.iter().any(|guarantee| guarantee.pair().is_none());
    let mut meter = limits.meter();
    if across && let Some(order) = in_real_time(history, &mut meter) {
        if limits.witness {
            return Verdict::Holds(Witness::Versions(written(history, &order)));
        }
        return Verdict::because("its operations have an order that agrees with every session");
    }
    match demands(history, ops, guarantees, &mut meter) {
        None => Verdict::Unknown(meter.exhausted()),
        Some(mut orders) => match orders.contradiction() {
            None if limits.witness => {
                // Nothing is asked of some versions; they have a place all the same.
                for op in ops.iter().filter(|op| op.counts()) {
                    orders.version(op.key, op.value);
                }
                Verdict::Holds(Witness::Versions(orders.sorted()))
            }
            None => {
                Verdict::because("there is an order of versions that agrees with every session")
            }
            Some(found) => {
                let (few, least) = fewest(history, found, guarantees, limits);
                let mut example = told(history, few);
                example.message = limits.told(example.message, least);
                Verdict::Violated(example)
            }
        },
    }
}

/// The values of each key in the order in which they were written.
fn written(history: &History, order: &[u32]) -> Vec<(u32, Vec<u32>)> {
    let mut versions: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for op in order.iter().map(|i| &history.operations()[*i as usize]) {
        let values = versions.entry(op.key).or_insert_with(|| vec![INITIAL]);
        values.extend((op.action == Action::Write).then_some(op.value));
    }
    versions.into_iter().collect()
}

/// Leaves out every operation without which the others still contradict each other, large parts
/// first. Fewer operations ask for less, so going through them one by one once is enough in the end.
/// Says whether it came to the end.
fn fewest(
    history: &History,
    mut kept: Vec<u32>,
    guarantees: &[Session],
    limits: &Limits<'_>,
) -> (Vec<u32>, bool) {
    let limits = limits.shrinking();
    let mut meter = limits.meter();
    let mut size = (kept.len() / 2).max(1);
    loop {
        let mut at = 0;
        while at < kept.len() {
            let end = (at + size).min(kept.len());
            let rest = [&kept[..at], &kept[end..]].concat();
            let ops: Vec<Operation> =
                rest.iter().map(|op| history.operations()[*op as usize]).collect();
            let Some(orders) = demands(history, &ops, guarantees, &mut meter) else {
                return (kept, false);
            };
            if orders.contradiction().is_some() {
                kept = rest;
            } else {
                at = end;
            }
        }
        if size == 1 {
            return (kept, true);
        }
        size /= 2;
    }
}

/// A contradiction in words.
fn told(history: &History, operations: Vec<u32>) -> Counterexample {
    let did: Vec<String> = operations
        .iter()
        .take(8)
        .map(|i| describe(history, &history.operations()[*i as usize]))
        .collect();
    let message = format!("these contradict each other: {}", did.join("; "));
    Counterexample { pattern: None, message, operations }
}
