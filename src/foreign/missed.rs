//! Which writes a read missed, and how many, in O(n log n).
//!
//! A write is missed if it is newer than what was read and had completed before the read was
//! invoked. What is newer is a matter of places: those of a given order of versions, or of the
//! invocations of the writes, if only real time is to count. Reads come in the order of their
//! invocations, so the writes that had completed are a set that grows, and a Fenwick tree (P. M.
//! Fenwick, "A New Data Structure for Cumulative Frequency Tables", Softw. Pract. Exp. 24(3), 1994)
//! counts those beyond a place.

use super::history::{Action, History, INITIAL, NEVER, Operation};
use super::intern::Table;
use super::versions::Versions;

/// What a read missed.
#[derive(Clone, Copy)]
pub(super) struct Missed {
    /// The read, as an index into the operations.
    pub(super) read: u32,
    /// The write it read, if there is one.
    pub(super) source: Option<u32>,
    /// How many newer writes had completed before it was invoked.
    pub(super) versions: u64,
    /// Ticks since the first of these completed; 0 if there is none.
    pub(super) time: u64,
    /// The first of these to complete.
    pub(super) first: Option<u32>,
}

impl Missed {
    /// Whether it read what nobody wrote, or what nobody had begun to write when it ended. Values are
    /// written once.
    pub(super) fn is_impossible(&self, ops: &[Operation]) -> bool {
        let read = &ops[self.read as usize];
        match self.source {
            None => read.value != INITIAL,
            Some(write) => read.completed < ops[write as usize].invoked,
        }
    }
}

/// The writes of one key by their places.
struct Writes {
    /// The places, in order.
    places: Vec<u64>,
    /// From each on: the earliest completion, and whose it is.
    first: Vec<(u64, u32)>,
    /// By completion: when, and the index among the places.
    ends: Vec<(u64, u32)>,
    /// How many of `ends` have been passed, and the tree that counts them by index.
    passed: usize,
    tree: Vec<u32>,
}

impl Writes {
    /// From places, completions and indices of operations.
    fn new(mut all: Vec<(u64, u64, u32)>) -> Self {
        all.sort_unstable();
        let mut first: Vec<(u64, u32)> = all.iter().map(|(_, end, i)| (*end, *i)).collect();
        let ends = all.iter().zip(0..).filter(|((_, end, _), _)| *end != NEVER);
        let mut ends: Vec<(u64, u32)> = ends.map(|((_, end, _), at)| (*end, at)).collect();
        ends.sort_unstable();
        for at in (1..first.len()).rev() {
            first[at - 1] = first[at - 1].min(first[at]);
        }
        let places = all.iter().map(|(place, ..)| *place).collect();
        Self { places, first, ends, passed: 0, tree: vec![0; all.len() + 1] }
    }

    /// What lies beyond `place` and had completed before an instant, which must not go back.
    fn beyond(&mut self, place: Option<u64>, before: u64) -> (u64, Option<(u64, u32)>) {
        while let Some((_, at)) = self.ends.get(self.passed).filter(|(end, _)| *end < before) {
            let mut at = *at as usize + 1;
            while at < self.tree.len() {
                self.tree[at] += 1;
                at += at & at.wrapping_neg();
            }
            self.passed += 1;
        }
        let from = place.map_or(0, |place| self.places.partition_point(|other| *other <= place));
        let (mut at, mut older) = (from, 0);
        while at > 0 {
            older += self.tree[at] as usize;
            at -= at & at.wrapping_neg();
        }
        let first = self.first.get(from).copied().filter(|(end, _)| *end < before);
        ((self.passed - older) as u64, first)
    }
}

/// What every read missed by real time alone: a write is newer if it was invoked after the one that
/// was read had completed. Values are written once.
pub(super) fn in_real_time(history: &History, ops: &[Operation]) -> Vec<Missed> {
    let place = |op: &Operation| (op.action == Action::Write).then_some(op.invoked);
    let known = |_: &Operation, source: Option<u32>| match source {
        None => Some(None),
        Some(source) => Some(Some(ops[source as usize].completed)),
    };
    missed(history, ops, place, known)
}

/// What every read missed whose value has a place in an order of versions.
pub(super) fn in_order(history: &History, versions: &Versions) -> Vec<Missed> {
    let rank = |op: &Operation, value: u32| versions.rank(op.key, value).map(u64::from);
    let place = |op: &Operation| op.makes().and_then(|value| rank(op, value));
    let known = |op: &Operation, _| rank(op, op.value).map(Some);
    missed(history, history.operations(), place, known)
}

/// `place` is that of a write, `known` what a read, with the write it names, has seen: nothing if it
/// is left out, and no place if it has seen the beginning.
fn missed(
    history: &History,
    ops: &[Operation],
    place: impl Fn(&Operation) -> Option<u64>,
    known: impl Fn(&Operation, Option<u32>) -> Option<Option<u64>>,
) -> Vec<Missed> {
    let mut of_key: Vec<Vec<(u64, u64, u32)>> = vec![Vec::new(); history.keys.len()];
    let (mut names, mut written) = (Table::<u64>::default(), Vec::new());
    for (i, op) in ops.iter().enumerate().filter(|(_, op)| op.counts()) {
        let Some(value) = op.makes() else { continue };
        if names.insert(&[u64::from(op.key) << 32 | u64::from(value)]).1 {
            written.push(i as u32);
        }
        of_key[op.key as usize].extend(place(op).map(|place| (place, op.completed, i as u32)));
    }
    let mut of_key: Vec<Writes> = of_key.into_iter().map(Writes::new).collect();
    let reads = ops.iter().enumerate().filter(|(_, op)| op.action == Action::Read && op.counts());
    let one = |(i, op): (usize, &Operation)| {
        let source = names.find(&[u64::from(op.key) << 32 | u64::from(op.value)]);
        let source = source.map(|at| written[at as usize]);
        let seen = known(op, source)?;
        let (versions, first) = of_key[op.key as usize].beyond(seen, op.invoked);
        let time = first.map_or(0, |(end, _)| op.invoked - end);
        Some(Missed {
            read: i as u32,
            source,
            versions,
            time,
            first: first.map(|(_, write)| write),
        })
    };
    reads.filter_map(one).collect()
}

/// So many of the writes that a read missed, those that completed first.
pub(super) fn writes(
    history: &History,
    versions: Option<&Versions>,
    one: &Missed,
    count: usize,
) -> Vec<u32> {
    let ops = history.operations();
    let read = &ops[one.read as usize];
    let rank = |value: u32| versions.and_then(|versions| versions.rank(read.key, value));
    let is_newer = |op: &Operation| match (versions, one.source) {
        (Some(_), _) => op.makes().and_then(rank) > rank(read.value),
        (None, Some(source)) => op.invoked > ops[source as usize].completed,
        (None, None) => true,
    };
    let made = ops.iter().enumerate().filter(|(_, op)| {
        let done = op.counts() && op.makes().is_some() && op.completed < read.invoked;
        done && op.key == read.key && is_newer(op)
    });
    let mut made: Vec<u32> = made.map(|(i, _)| i as u32).collect();
    made.sort_by_key(|i| ops[*i as usize].completed);
    made.truncate(count);
    made
}
