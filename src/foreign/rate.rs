//! How often a condition is broken, and not only whether.
//!
//! One stale read in a million and one in three are both not linearizable. What is counted are
//! operations that are at fault by themselves:
//!
//! * Where real time matters, registers are walked in the order of invocations. A read that clashes
//!   with those kept before it, by the zones of Gibbons and Korach (1997), is counted and left out; so
//!   none is blamed for another's fault, and without those counted the history is linearizable.
//! * k-atomicity counts the reads that missed k writes or more by real time alone. It is a least number: of a read
//!   that only other reads show to be too stale, no count can say which of them is at fault, so a history may be
//!   violated and have none.
//! * Staleness counts the reads beyond the bound, causality the reads that break its weak form.
//! * Session guarantees count the later of two operations, by the order of versions that is given, or
//!   else by the order in which values were first seen, which is one of those that are asked about.
//! * Where a key holds more than a register with unique writes, keys are counted.

use super::causal;
use super::condition::Condition;
use super::history::{Action, History, NEVER, Operation, Outcome};
use super::linearizable::partition;
use super::missed;
use super::objects::breach;
use super::search::{Found, search};
use super::session::{FOUR, Session, stale_in_order};
use super::spec::Object;
use super::staleness::Bound;
use super::verdict::Limits;
use super::versions::Versions;
use super::zones::Clusters;
use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// How many things break a condition, of how many that could.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Those that do.
    pub hits: u64,
    /// Those that could.
    pub of: u64,
    /// What they are: `reads`, `writes`, `operations` or `keys`.
    pub things: &'static str,
    /// What is wrong with those that do, as in "2 of 9 reads were stale".
    pub anomaly: &'static str,
}

/// Counts what breaks a condition, by a given order of versions where the condition is judged by it.
/// `None` if the condition cannot be counted in this history, or if the budget ended.
#[must_use]
pub fn rate(
    history: &History,
    condition: Condition,
    versions: Option<&Versions>,
    limits: &Limits<'_>,
) -> Option<Rate> {
    let stale = |bound, versions| stale_reads(history, bound, versions);
    match condition {
        Condition::Linearizable => without_order(history, 0, limits),
        Condition::DeltaAtomic(delta) => without_order(history, delta, limits),
        Condition::KAtomic(k) => {
            let alone = stale(Bound::Versions(u64::from(k).saturating_sub(1)), None)?;
            Some(Rate { anomaly: "are too stale by real time alone", ..alone })
        }
        Condition::BoundedStaleness(ticks) => stale(Bound::Ticks(ticks), versions),
        Condition::BoundedVersions(most) => stale(Bound::Versions(most.into()), versions),
        Condition::Sequential
        | Condition::CausalMemory
        | Condition::CausalConvergence
        | Condition::Causal => {
            let [hits, of] = causal::stale_reads(history, limits)?;
            let anomaly = "contradict what causally precedes them";
            Some(Rate { hits, of, things: "reads", anomaly })
        }
        Condition::Prefix => sessions(history, &[Session::MonotonicReads], versions, limits),
        Condition::Session => sessions(history, &FOUR, versions, limits),
        Condition::One(one) => sessions(history, &[one], versions, limits),
    }
}

fn sessions(
    history: &History,
    guarantees: &[Session],
    versions: Option<&Versions>,
    limits: &Limits<'_>,
) -> Option<Rate> {
    if Clusters::of(history, history.operations()).complex.contains(&true) {
        return None;
    }
    let first_seen = if versions.is_none() { Some(Versions::first_seen(history)) } else { None };
    let [hits, of] =
        stale_in_order(history, guarantees, versions.or(first_seen.as_ref())?, limits)?;
    let things = match guarantees {
        [Session::MonotonicWrites | Session::WritesFollowReads] => "writes",
        [_] => "reads",
        _ => "operations",
    };
    let anomaly = match versions {
        Some(_) => "are older than their session allows, by the order given",
        None => "are older than their session allows, by the order in which values were first seen",
    };
    Some(Rate { hits, of, things, anomaly })
}

/// Reads beyond a bound of staleness, and those of what nobody wrote.
fn stale_reads(history: &History, bound: Bound, versions: Option<&Versions>) -> Option<Rate> {
    let ops = history.operations();
    let plain = !Clusters::of(history, ops).complex.contains(&true);
    let all = match versions {
        Some(versions) => missed::in_order(history, versions),
        None if plain => missed::in_real_time(history, ops),
        None => return None,
    };
    let is_hit = |one: &&missed::Missed| plain && one.is_impossible(ops) || bound.is_passed_by(one);
    let hits = all.iter().filter(is_hit).count() as u64;
    Some(Rate { hits, of: all.len() as u64, things: "reads", anomaly: "are too stale" })
}

/// What has no order that agrees with real time, once reads have begun so much earlier.
fn without_order(history: &History, delta: u64, limits: &Limits<'_>) -> Option<Rate> {
    let early = |op: &Operation| match op.action {
        Action::Read => Operation { invoked: op.invoked.saturating_sub(delta), ..*op },
        _ => *op,
    };
    // As they are they need no copy, which would be most of the memory that counting takes.
    let mut ops = Cow::Borrowed(history.operations());
    if delta > 0 {
        let moved = ops.to_mut();
        moved.iter_mut().for_each(|op| *op = early(op));
        moved.sort_by_key(|op| op.invoked);
    }
    let clusters = Clusters::of(history, &ops);
    let mut by_key = clashing(&ops, &clusters);
    if !clusters.complex.contains(&true) {
        let is_read = |op: &&Operation| op.action == Action::Read && op.outcome == Outcome::Ok;
        let of = ops.iter().filter(is_read).count() as u64;
        let anomaly = "cannot be explained at the time they were made";
        return Some(Rate { hits: by_key.iter().sum(), of, things: "reads", anomaly });
    }
    let mut used = vec![false; by_key.len()];
    ops.iter().filter(|op| op.counts()).for_each(|op| used[op.key as usize] = true);
    let mut meter = limits.meter();
    for members in partition(&ops, &clusters.complex) {
        let few: Vec<Operation> = members.iter().map(|i| ops[*i as usize]).collect();
        let steps = meter.left();
        let mut part = limits.at_most(steps).meter();
        let broken = breach(history, &ops, &members).is_some()
            || match search(&mut Object::new(history), &few, &mut part) {
                Found::Nothing => true,
                Found::Order(_) => false,
                Found::Exhausted => return None,
            };
        meter.spend(&part, steps);
        by_key[few[0].key as usize] = u64::from(broken);
    }
    let hits = by_key.iter().filter(|hits| **hits > 0).count() as u64;
    let of = used.into_iter().filter(|used| *used).count() as u64;
    Some(Rate { hits, of, things: "keys", anomaly: "have no order that explains every answer" })
}

/// A write and the reads of its value that were kept so far.
#[derive(Clone, Copy)]
struct Cluster {
    /// The instant after its earliest completion.
    after: u64,
    /// Its latest invocation.
    last: Option<u64>,
    /// Whether that earliest completion has passed.
    settled: bool,
}

/// Of a key's clusters that are settled, the two that were invoked last; and what will settle.
#[derive(Default)]
struct Settled {
    latest: [Option<(u64, u32)>; 2],
    waiting: BinaryHeap<Reverse<(u64, u32)>>,
}

impl Settled {
    fn touch(&mut self, last: u64, name: u32) {
        let [first, second] = &mut self.latest;
        if first.is_some_and(|(_, other)| other == name) {
            *first = Some((last, name)).max(*first);
        } else if first.is_none_or(|(latest, _)| latest < last) {
            *second = first.replace((last, name));
        } else {
            *second = (*second).max(Some((last, name)));
        }
    }

    /// The latest invocation in another settled cluster than this.
    fn other(&self, name: u32) -> Option<u64> {
        let mut others = self.latest.into_iter().flatten().filter(|(_, other)| *other != name);
        others.next().map(|(last, _)| last)
    }
}

/// By key, how many reads clash with what was kept before them; keys that are complex have none.
fn clashing(ops: &[Operation], clusters: &Clusters) -> Vec<u64> {
    let takes = |op: &&Operation| op.counts() && !clusters.complex[op.key as usize];
    let keys = clusters.complex.len();
    let new = Cluster { after: NEVER, last: None, settled: false };
    let initial = Cluster { after: 0, last: None, settled: true };
    let mut table = vec![new; clusters.count];
    table.extend(std::iter::repeat_n(initial, keys));
    // The key and the invocation of each cluster's write.
    let mut written = vec![(u32::MAX, 0); clusters.count];
    for (i, op) in ops.iter().enumerate().filter(|(_, op)| takes(op)) {
        if op.action == Action::Write {
            written[clusters.cluster(i, op) as usize] = (op.key, op.invoked);
        }
    }
    let mut of_key: Vec<Settled> = Vec::new();
    of_key.resize_with(keys, Settled::default);
    let mut hits = vec![0; keys];
    for (i, op) in ops.iter().enumerate().filter(|(_, op)| takes(op)) {
        let settled = &mut of_key[op.key as usize];
        let name = match clusters.cluster(i, op) {
            0 => clusters.count as u32 + op.key,
            name => name,
        };
        while let Some(Reverse((after, other))) = settled.waiting.peek().copied()
            && after <= op.invoked
        {
            settled.waiting.pop();
            let other_one = &mut table[other as usize];
            other_one.settled = true;
            if let Some(last) = other_one.last {
                settled.touch(last, other);
            }
        }
        let is_dream = || {
            let (key, invoked) = written.get(name as usize).copied().unwrap_or((op.key, 0));
            key != op.key || op.completed < invoked
        };
        let after = table[name as usize].after;
        let clashes = || settled.other(name).is_some_and(|last| after <= last);
        if op.action == Action::Read && (is_dream() || clashes()) {
            hits[op.key as usize] += 1;
            continue;
        }
        let cluster = &mut table[name as usize];
        cluster.last = Some(op.invoked);
        if cluster.settled {
            settled.touch(op.invoked, name);
        }
        let after = op.completed.saturating_add(1);
        if after < cluster.after && after != NEVER {
            cluster.after = after;
            settled.waiting.push(Reverse((after, name)));
        }
    }
    hits
}
