//! Tables over a history that several checkers need. Values are dense, so all of them are arrays.

use crate::history::History;
use crate::op::{Key, OpKind, Value};
use crate::time::Instant;

/// By value: the index of the operation that wrote it. The initial value's entry means nothing.
pub(super) fn writes(history: &History) -> Vec<u32> {
    let mut writes = Vec::with_capacity(history.writes as usize + 1);
    writes.push(u32::MAX);
    for (id, op) in history.operations.iter().enumerate() {
        if op.kind == OpKind::Write {
            writes.push(id as u32);
        }
    }
    writes
}

/// Groups dense items by key: the start of each key's items in the second table, then the items.
/// Within a key they keep their order (a counting sort).
pub(super) fn group_by_key(
    keys: u32,
    items: impl Iterator<Item = (Key, u32)> + Clone,
) -> (Vec<u32>, Vec<u32>) {
    let mut start = vec![0_u32; keys as usize + 1];
    for (key, _) in items.clone() {
        start[key.0 as usize + 1] += 1;
    }
    for key in 0..keys as usize {
        start[key + 1] += start[key];
    }
    let mut grouped = vec![0_u32; start[keys as usize] as usize];
    let mut next = start.clone();
    for (key, item) in items {
        let slot = &mut next[key.0 as usize];
        grouped[*slot as usize] = item;
        *slot += 1;
    }
    (start, grouped)
}

/// The version order of each key: that of its commits' ranks, then the order in which they were decided.
pub(super) struct Order {
    /// By value: its place among its key's versions, 1 for the first; 0 if it was never decided.
    place: Vec<u32>,
    /// Where each key's versions begin below.
    start: Vec<u32>,
    /// By place: when the earliest of this version and its key's newer ones was decided.
    at: Vec<Instant>,
}

impl Order {
    pub(super) fn of(history: &History) -> Self {
        let commits = &history.commits;
        let items = commits.iter().enumerate().map(|(i, commit)| (commit.key, i as u32));
        let (start, mut grouped) = group_by_key(history.keys, items);
        for key in start.windows(2) {
            // Stable, and next to nothing where versions stand as they were decided.
            grouped[key[0] as usize..key[1] as usize].sort_by_key(|i| commits[*i as usize].rank);
        }
        let mut place = vec![0; history.writes as usize + 1];
        let mut at = Vec::with_capacity(grouped.len());
        for &index in &grouped {
            let commit = &commits[index as usize];
            let first = start[commit.key.0 as usize];
            place[commit.value.0 as usize] = at.len() as u32 - first + 1;
            at.push(commit.at);
        }
        let mut order = Self { place, start, at: Vec::new() };
        order.at = order.earliest_from_here_on(at);
        order
    }

    /// Of a table by index: the least of each version's and its key's newer ones' entries.
    pub(super) fn earliest_from_here_on(&self, mut table: Vec<Instant>) -> Vec<Instant> {
        for key in self.start.windows(2) {
            for index in (key[0] as usize + 1..key[1] as usize).rev() {
                table[index - 1] = table[index - 1].min(table[index]);
            }
        }
        table
    }

    /// How many versions there are; their indexes are below.
    pub(super) fn len(&self) -> usize {
        self.at.len()
    }

    /// Where a key's version with this place, 1 or more, stands in tables over all versions.
    #[inline]
    pub(super) fn index(&self, key: Key, place: u32) -> usize {
        (self.start[key.0 as usize] + place - 1) as usize
    }

    /// The index of the next newer version of the key, if there is one.
    #[inline]
    pub(super) fn next(&self, key: Key, place: u32) -> Option<usize> {
        let next = self.start[key.0 as usize] + place;
        (next < self.start[key.0 as usize + 1]).then_some(next as usize)
    }

    /// A value's place in its key's version order: 0 for the initial value, `None` if undecided.
    #[inline]
    pub(super) fn place(&self, value: Value) -> Option<u32> {
        if value == Value::INITIAL {
            return Some(0);
        }
        self.place.get(value.0 as usize).copied().filter(|place| *place > 0)
    }

    /// When the key first had a version newer than the one at this place.
    #[inline]
    pub(super) fn surpassed_at(&self, key: Key, place: u32) -> Option<Instant> {
        self.next(key, place).map(|index| self.at[index])
    }
}
