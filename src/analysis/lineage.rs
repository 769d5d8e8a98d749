//! Objects where an order can fork: every state must be one that updates make, and what was promised to be kept
//! must be in the line that is left.
//!
//! After a fail-over, or a crash ahead of the disk, some updates are gone and others follow in their place, as
//! on PostgreSQL's timelines. An update whose client asks again may then take effect once in each line, on
//! another state. So the versions of a key make a tree and no list: each *state*, a version and what it leaves
//! of the key, is made by its update from a state of the tree, whose root is what the key held at first. By the
//! sequential specification (Herlihy and Wing, "Linearizability", 1990) every state that was read, made,
//! refused by, or left at the end must be in it. More than that eventual consistency does not ask.
//!
//! A promise that acknowledged writes are kept asks for more: *the line that is left*, from what replicas hold
//! in the end back to the root, has every acknowledged update and no refused one, and a linearizable read sees
//! nothing beside it. Where a state was made from several, all of them count as its line, so that no history is
//! blamed for what it did not do.

use super::evidence::{counterexample, did, value};
use super::objects::{forbidden, state, took};
use super::{Counterexample, Verdict, index, undone};
use crate::guarantee::Guarantee;
use crate::history::{History, Made, Operation, Status};
use crate::op::{OpKind, State, Value};
use std::collections::{BTreeMap, BTreeSet};

/// A state as a key of tables: its version and its word.
type Node = (u32, u64);

fn node(State { version, word }: State) -> Node {
    (version.0, word)
}

/// What every state was made from.
struct Tree {
    root: Node,
    from: BTreeMap<Node, Vec<Node>>,
    /// By value: which operation wrote it.
    writes: Vec<u32>,
}

impl Tree {
    /// Makes every state anew from the one before it.
    fn grow(history: &History) -> Result<Self, Counterexample> {
        let root = node(history.contents.first());
        let mut tree = Self { root, from: BTreeMap::new(), writes: index::writes(history) };
        let object = history.contents.object;
        for made in &history.made {
            let id = tree.writes[made.value.0 as usize];
            if !tree.has(made.before) {
                let message = format!(
                    "{}, made from {} when it was {}, which no updates make of the key",
                    took(history, id, made.value),
                    value(made.before.version),
                    state(object, made.before)
                );
                return Err(counterexample(message, &[id]));
            }
            let Some(word) = history.effects[id as usize].update.on(made.before) else {
                return Err(forbidden(history, &tree.writes, id, made.value, made.before));
            };
            let of = node(State { version: made.value, word });
            tree.from.entry(of).or_default().push(node(made.before));
        }
        Ok(tree)
    }

    fn has(&self, state: State) -> bool {
        node(state) == self.root || self.from.contains_key(&node(state))
    }

    /// Whether an operation was told of a state that is there, and refused by one that forbids it.
    fn judge(&self, history: &History, id: u32, told: State) -> Option<Counterexample> {
        let op = &history.operations[id as usize];
        let (object, update) = (history.contents.object, history.effects[id as usize].update);
        let found = state(object, told);
        let story = if !self.has(told) {
            let story = did(op, op.key, told.version);
            format!("{story}, found it {found}, but no updates up to that leave it so")
        } else if op.status == Status::Refused && update.on(told).is_some() {
            let story = did(op, op.key, told.version);
            format!("{story} ({update}), though its condition was met: it was {found}")
        } else {
            return None;
        };
        let writer = self.writes.get(told.version.0 as usize).filter(|id| **id != u32::MAX);
        Some(counterexample(story, &[id, writer.copied().unwrap_or(id)]))
    }

    /// Whether what is left is a state of the tree.
    fn at_rest(&self, history: &History) -> Option<Counterexample> {
        let object = history.contents.object;
        for (replica, key, held) in left(history) {
            if !self.has(held) {
                let message = format!(
                    "after everything had come to rest, replica {replica} holds {} for key {key}, {}, \
                     which no updates make of it",
                    value(held.version),
                    state(object, held)
                );
                return Some(counterexample(message, &[]));
            }
        }
        None
    }

    /// By key, every state that those at the end may have been made through.
    fn lines(&self, history: &History) -> Vec<BTreeSet<Node>> {
        let mut lines = vec![BTreeSet::new(); history.keys as usize];
        for (_, key, held) in left(history) {
            let line = &mut lines[key];
            line.insert(self.root);
            let mut open = vec![node(held)];
            while let Some(one) = open.pop() {
                if line.insert(one) {
                    open.extend(self.from.get(&one).into_iter().flatten());
                }
            }
        }
        lines
    }

    /// Whether what was acknowledged is in the line that is left, and what was refused is not.
    fn kept(&self, history: &History, reads: bool) -> Option<Counterexample> {
        let lines = self.lines(history);
        let mut next = 0;
        for (op, id) in history.operations.iter().zip(0..) {
            next += u32::from(op.kind == OpKind::Write);
            let line = &lines[op.key.0 as usize];
            if line.is_empty() {
                continue;
            }
            let seen = || line.contains(&node(history.state_seen(id)));
            let why = match (op.kind, op.status) {
                (OpKind::Write, Status::Ok) if !seen() => {
                    "which was acknowledged; what is left in the end was made without it"
                }
                (OpKind::Write, Status::Refused | Status::Failed)
                    if line.range((next, 0)..=(next, u64::MAX)).next().is_some() =>
                {
                    "and was told that it had no effect; what is left in the end was made with it"
                }
                (OpKind::Read, Status::Ok) | (OpKind::Write, Status::Refused)
                    if reads && !seen() =>
                {
                    "which was taken back: what is left in the end was made without it"
                }
                _ => continue,
            };
            let of = if op.kind == OpKind::Write { Value(next) } else { op.value };
            let message = format!("{}, {why}", did(op, op.key, of));
            return Some(counterexample(message, &[id]));
        }
        None
    }
}

/// What replicas hold in the end.
fn left(history: &History) -> impl Iterator<Item = (usize, usize, State)> {
    history.finals.iter().enumerate().flat_map(|(replica, last)| {
        let states = last.values.iter().zip(&last.words).enumerate();
        states.filter(|(_, (version, _))| **version != Value::NOT_HELD).map(
            move |(key, (version, word))| (replica, key, State { version: *version, word: *word }),
        )
    })
}

/// The verdict where an order can fork.
pub(super) fn check(history: &History, guarantee: Guarantee) -> Verdict {
    let tree = match Tree::grow(history) {
        Ok(tree) => tree,
        Err(found) => return Verdict::Violated(found),
    };
    let told = |(op, id): (&Operation, u32)| {
        let tells = matches!(op.status, Status::Ok | Status::Refused) && op.kind != OpKind::Scan;
        tells.then(|| tree.judge(history, id, history.state_seen(id))).flatten()
    };
    let found = history.operations.iter().zip(0..).find_map(told);
    let kept = || {
        let reads = guarantee.implies(Guarantee::Linearizable);
        let asked = (undone::CHECKER.needed_for)(guarantee);
        asked.then(|| tree.kept(history, reads)).flatten()
    };
    match found.or_else(|| tree.at_rest(history)).or_else(kept) {
        Some(found) => Verdict::Violated(found),
        None => Verdict::Holds,
    }
}

/// What was made of the first so many writes alone.
pub(super) fn of_first(history: &History, writes: u32) -> Vec<Made> {
    let root = node(history.contents.first());
    let (ids, mut there) = (index::writes(history), BTreeSet::from([root]));
    let mut known = |made: &&Made| {
        let Made { value, before } = **made;
        let id = ids[value.0 as usize];
        let word = history.effects[id as usize].update.on(before);
        let keeps = value.0 <= writes && there.contains(&node(before));
        if let Some(word) = word.filter(|_| keeps) {
            there.insert((value.0, word));
        }
        keeps
    };
    history.made.iter().filter(|made| known(made)).copied().collect()
}

/// Whether an update took effect somewhere, whatever its client was told of another place.
pub(super) fn was_made(history: &History, value: Value) -> bool {
    history.made.iter().any(|made| made.value == value)
}

#[cfg(test)]
mod tests;
