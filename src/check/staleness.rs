//! How old the values are that reads return.
//!
//! With the order of versions given, every read has an age: the writes of its key that are newer
//! than what it returned and had completed before it was invoked. Without one, only what real time
//! says counts: a write is newer if it was invoked after the write that was read had completed. (W.
//! Golab, X. Li and M. Shah, "Analyzing Consistency Properties for Fun and Profit", PODC 2011; P.
//! Bailis et al., "Probabilistically Bounded Staleness", VLDB 2012.)

use super::history::{Action, History, INITIAL, NEVER, Operation};
use super::intern::Table;
use super::read::exact;
use super::verdict::{Counterexample, Verdict};
use super::words::describe;
use super::zones::{self, Clusters, Fault};
use std::collections::BTreeMap;

/// For each key, its values from the oldest to the newest. The initial one is older than all.
#[derive(Clone, Debug, Default)]
pub struct Versions {
    ranks: BTreeMap<(u32, u32), u32>,
}

impl Versions {
    /// Takes the order of each key by name, with values as JSON. Keys and values that the history
    /// does not know are left out.
    ///
    /// # Errors
    ///
    /// A value that stands twice, an initial value that is not the oldest, or a number that cannot
    /// be compared.
    pub fn new<'a, K, V>(history: &History, orders: K) -> Result<Self, String>
    where
        K: IntoIterator<Item = (&'a str, V)>,
        V: IntoIterator<Item = &'a serde_json::Value>,
    {
        let mut ranks = BTreeMap::new();
        for (name, values) in orders {
            let Some(key) = history.keys.find(name) else { continue };
            for (rank, value) in values.into_iter().enumerate() {
                let mut value = value.clone();
                exact(&mut value).map_err(|why| format!("the versions of `{name}`: {why}"))?;
                let Some(number) = history.values.find(&value.to_string()) else { continue };
                if number == INITIAL && rank > 0 {
                    return Err(format!(
                        "the versions of `{name}`: the initial value {value} is older than all \
                         others; it comes first or is left out"
                    ));
                }
                let place = if number == INITIAL { 0 } else { rank as u32 + 1 };
                if ranks.insert((key, number), place).is_some() {
                    return Err(format!(
                        "the versions of `{name}`: {value} stands there twice; each value has one \
                         place"
                    ));
                }
            }
        }
        Ok(Self { ranks })
    }

    /// The place of a value among those of its key, 0 for the initial one; `None` if it has none.
    pub(super) fn rank(&self, key: u32, value: u32) -> Option<u32> {
        let rank = self.ranks.get(&(key, value)).copied();
        rank.or((value == INITIAL).then_some(0))
    }
}

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
    let ops = history.operations();
    let mut writes: Vec<Vec<(u64, u32)>> = vec![Vec::new(); history.keys.len()];
    for op in ops.iter().filter(|op| op.counts() && op.completed != NEVER) {
        let rank = op.makes().and_then(|value| versions.rank(op.key, value));
        writes[op.key as usize].extend(rank.map(|rank| (op.completed, rank)));
    }
    let age = |(i, op): (usize, &Operation)| {
        let ours = versions.rank(op.key, op.value)?;
        let newer = writes[op.key as usize].iter();
        let newer = newer.filter(|(end, rank)| *end < op.invoked && *rank > ours);
        let first = newer.clone().map(|(end, _)| *end).min();
        let time = first.map_or(0, |end| op.invoked - end);
        Some(Age { operation: i as u32, versions: newer.count() as u64, time })
    };
    let is_read = |op: &Operation| op.action == Action::Read && op.counts();
    ops.iter().enumerate().filter(|(_, op)| is_read(op)).filter_map(age).collect()
}

/// Whether no read misses, by real time alone, a write that completed more than `bound` ticks
/// before the read was invoked.
pub(super) fn bounded(history: &History, bound: u64) -> Verdict {
    let ops = history.operations();
    let mut clusters = Clusters::of(history, ops);
    if clusters.complex.contains(&true) {
        let reason = "the age of a read is defined where every value is written once; this history \
                      has swaps, appends, deletes or repeated values";
        return Verdict::Unknown(reason.to_owned());
    }
    let fault = zones::find(ops, &mut clusters);
    if let Some(fault @ (Fault::ThinAir(_) | Fault::FromTheFuture(_))) = fault {
        let operations = zones::evidence(ops, &clusters, fault);
        let message = format!("{} cannot be", describe(history, &ops[operations[0] as usize]));
        return Verdict::Violated(Counterexample { pattern: None, message, operations });
    }
    // Without a fault no read is stale at all.
    if fault.is_none() {
        return Verdict::because("no read is stale");
    }
    match stalest(history, ops) {
        Some((time, read, missed, source)) if time > bound => {
            let did = |i: u32| describe(history, &ops[i as usize]);
            let message =
                format!("{}, {time} ticks after {}, which is newer", did(read), did(missed));
            let mut operations: Vec<u32> = [read, missed].into_iter().chain(source).collect();
            operations.sort_unstable();
            Verdict::Violated(Counterexample { pattern: None, message, operations })
        }
        Some((time, ..)) => Verdict::because(format!("the stalest read is {time} ticks behind")),
        None => Verdict::because("no read is stale"),
    }
}

/// The age of the stalest read, the read, a write it missed, and the write it read.
fn stalest(history: &History, ops: &[Operation]) -> Option<(u64, u32, u32, Option<u32>)> {
    // By key: writes by invocation, and from each on the one that completed first.
    let mut writes: Vec<Vec<(u64, u64, u32)>> = vec![Vec::new(); history.keys.len()];
    let mut sources = Table::<u64>::default();
    let mut written = Vec::new();
    for (i, op) in ops.iter().enumerate() {
        if op.counts() && op.action == Action::Write {
            writes[op.key as usize].push((op.invoked, op.completed, i as u32));
            sources.insert(&[op.key.into(), op.value.into()]);
            written.push(i as u32);
        }
    }
    for of_key in &mut writes {
        for i in (1..of_key.len()).rev() {
            if of_key[i].1 < of_key[i - 1].1 {
                (of_key[i - 1].1, of_key[i - 1].2) = (of_key[i].1, of_key[i].2);
            }
        }
    }
    let mut stalest: Option<(u64, u32, u32, Option<u32>)> = None;
    for (i, op) in ops.iter().enumerate().filter(|(_, op)| op.observes() && op.counts()) {
        let source = sources.find(&[op.key.into(), op.value.into()]).map(|at| written[at as usize]);
        let of_key = &writes[op.key as usize];
        let from = match source {
            None => 0,
            Some(source) => {
                let end = ops[source as usize].completed;
                of_key.partition_point(|(invoked, ..)| *invoked <= end)
            }
        };
        if let Some((_, end, missed)) = of_key.get(from)
            && *end < op.invoked
            && stalest.is_none_or(|(time, ..)| op.invoked - end > time)
        {
            stalest = Some((op.invoked - end, i as u32, *missed, source));
        }
    }
    stalest
}
