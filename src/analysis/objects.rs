//! Objects other than registers: is every state what the updates before it make?
//!
//! Every answer names a version, so a history of objects is one of registers, and all checkers of
//! registers apply to it; an update that was refused is to them a read of the version that refused it.
//! What is left is the object's own meaning. The updates of each key are *folded* in version order by
//! their sequential specification (Herlihy and Wing, "Linearizability", 1990), and every state that was
//! read, made, refused by, or left at the end must be the fold's at its version. Then no update is lost
//! or applied twice (*conservation*), and none took effect on a state that forbids it. That two sessions
//! hold a lock at once as they were told (*mutual exclusion*) is looked for in real time as well, whatever
//! the version order says.
//!
//! Where the order itself can fork, because what was decided may be taken back, versions make no list; then
//! `lineage` takes this file's place.
//!
//! *Linearizable* objects must moreover fit that one order, as a conditional update leaves no choice where
//! it stands. A walk along it gives each operation the earliest moment left; if one has ended by then, no
//! other moments would do, so this is exact for the order given.

use super::evidence::{counterexample, did, ms, value};
use super::{Checker, Counterexample, Verdict, index, lineage};
use crate::guarantee::Guarantee;
use crate::history::{History, Status};
use crate::op::{Object, OpKind, State, Update, Value};
use crate::time::Instant;
use std::collections::{BTreeMap, BTreeSet};

pub(super) const FOLD: Checker = Checker {
    name: "objects",
    about: "Every state of an object is what the updates up to its version make, none is lost or \
            applied twice, and no lock has two holders (Herlihy and Wing 1990).",
    needed_for: |_| true,
    check,
};

pub(super) const WALK: Checker = Checker {
    name: "linearizable-objects",
    about: "The version order of each object agrees with real time (a walk along the one order that \
            its conditional updates allow).",
    needed_for: |guarantee| guarantee == Guarantee::Linearizable,
    check: |history, _| walk(history),
};

/// The updates of every key folded in version order.
struct Fold {
    /// By value: the state word after it; `None` if it was never decided.
    words: Vec<Option<u64>>,
    /// By value: which operation wrote it.
    writes: Vec<u32>,
    /// Each key's versions, oldest first, and where they begin.
    start: Vec<u32>,
    versions: Vec<Value>,
}

impl Fold {
    /// The version order, nothing folded yet.
    fn new(history: &History) -> Self {
        let commits = &history.commits;
        let items = commits.iter().enumerate().map(|(i, commit)| (commit.key, i as u32));
        let (start, mut grouped) = index::group_by_key(history.keys, items);
        for key in start.windows(2) {
            // As `index::Order`, whose places say how many versions are below, and not which.
            grouped[key[0] as usize..key[1] as usize].sort_by_key(|i| commits[*i as usize].rank);
        }
        let mut words = vec![None; history.writes as usize + 1];
        words[0] = Some(history.contents.initial);
        let versions = grouped.iter().map(|i| commits[*i as usize].value).collect();
        Self { words, writes: index::writes(history), start, versions }
    }

    fn of_key(&self, key: usize) -> &[Value] {
        &self.versions[self.start[key] as usize..self.start[key + 1] as usize]
    }

    /// The state after a version, if it is known.
    fn after(&self, version: Value) -> Option<State> {
        let word = self.words.get(version.0 as usize).copied().flatten()?;
        Some(State { version, word })
    }

    /// Applies every decided update to the one before it.
    fn run(&mut self, history: &History) -> Option<Counterexample> {
        for key in 0..history.keys as usize {
            let mut state = history.contents.first();
            for at in self.start[key]..self.start[key + 1] {
                let version = self.versions[at as usize];
                let id = self.writes[version.0 as usize];
                let Some(word) = history.effects[id as usize].update.on(state) else {
                    return Some(forbidden(history, &self.writes, id, version, state));
                };
                let op = &history.operations[id as usize];
                if matches!(op.status, Status::Failed | Status::Refused) {
                    let message = format!(
                        "{} took effect ({}), though its client was told that it did not: {}",
                        value(version),
                        history.effects[id as usize].update,
                        did(op, op.key, op.value)
                    );
                    return Some(counterexample(message, &[id]));
                }
                state = State { version, word };
                self.words[version.0 as usize] = Some(word);
            }
        }
        None
    }

    /// Whether an operation was told what the fold says.
    fn judge(&self, history: &History, id: u32) -> Verdict {
        let (op, effect) = (&history.operations[id as usize], history.effects[id as usize]);
        let told = match (op.kind, op.status) {
            (OpKind::Read | OpKind::Write, Status::Ok | Status::Refused) => history.state_seen(id),
            _ => return Verdict::Holds,
        };
        let Some(right) = self.after(told.version) else {
            return Verdict::Unknown(format!(
                "{}, but {} was never seen to be decided, so nobody knows what it makes of the key",
                did(op, op.key, told.version),
                value(told.version)
            ));
        };
        let object = history.contents.object;
        let story = match op.status {
            Status::Refused if effect.update.on(right).is_some() => format!(
                "{} ({}), though its condition was met: it was {}",
                did(op, op.key, told.version),
                effect.update,
                state(object, right)
            ),
            _ if right == told => return Verdict::Holds,
            _ => format!(
                "{}, found it {}, but the updates up to {} leave it {}",
                did(op, op.key, told.version),
                state(object, told),
                value(told.version),
                state(object, right)
            ),
        };
        let writer = self.writes.get(told.version.0 as usize).filter(|id| **id != u32::MAX);
        Verdict::Violated(counterexample(story, &[id, writer.copied().unwrap_or(id)]))
    }

    /// Whether what is left at the end is what all decided updates make.
    fn at_rest(&self, history: &History) -> Option<Counterexample> {
        for (replica, last) in history.finals.iter().enumerate() {
            for (key, (version, word)) in last.values.iter().zip(&last.words).enumerate() {
                let newest = self.of_key(key).last().copied().unwrap_or_default();
                let right = self.after(newest)?;
                let held = State { version: *version, word: *word };
                if *version == Value::NOT_HELD || held == right {
                    continue;
                }
                let object = history.contents.object;
                let message = format!(
                    "after everything had come to rest, replica {replica} holds {} for key {key}, {}, \
                     but all updates decided, up to {}, leave it {}: one is lost, or applied twice",
                    value(held.version),
                    state(object, held),
                    value(newest),
                    state(object, right)
                );
                let id = self.writes.get(newest.0 as usize).filter(|id| **id != u32::MAX);
                return Some(counterexample(message, &Vec::from_iter(id.copied())));
            }
        }
        None
    }
}

/// An update took effect on a state that does not meet its condition.
pub(super) fn forbidden(
    history: &History,
    writes: &[u32],
    id: u32,
    version: Value,
    before: State,
) -> Counterexample {
    let what = match history.contents.object {
        Object::Lock => "mutual exclusion is broken: ",
        Object::Stock => "more was taken than there was: ",
        _ => "",
    };
    let left = state(history.contents.object, before);
    let message = format!("{what}{}, but before that it was {left}", took(history, id, version));
    let culprit = writes.get(before.version.0 as usize).filter(|id| **id != u32::MAX);
    counterexample(message, &[id, culprit.copied().unwrap_or(id)])
}

fn check(history: &History, guarantee: Guarantee) -> Verdict {
    if history.contents.is_register() || history.merged {
        return Verdict::Holds;
    }
    if !history.made.is_empty() {
        return forked(history, guarantee);
    }
    let mut fold = Fold::new(history);
    if let Some(found) = two_holders(history).or_else(|| fold.run(history)) {
        return Verdict::Violated(found);
    }
    let mut verdict = Verdict::Holds;
    for id in 0..history.operations.len() as u32 {
        verdict = verdict.worst(fold.judge(history, id));
        if matches!(verdict, Verdict::Violated(_)) {
            return verdict;
        }
    }
    match fold.at_rest(history) {
        Some(found) => Verdict::Violated(found),
        None => verdict,
    }
}

/// Where the order can fork; a lock that is taken back may be granted twice unless that is ruled out.
fn forked(history: &History, guarantee: Guarantee) -> Verdict {
    let twice = (guarantee != Guarantee::Eventual).then(|| two_holders(history)).flatten();
    twice.map_or_else(|| lineage::check(history, guarantee), Verdict::Violated)
}

/// Two sessions that hold one lock at once as they were told: from when it is granted until its owner
/// begins to give it up.
fn two_holders(history: &History) -> Option<Counterexample> {
    let mut events: Vec<(Instant, bool, u32)> = Vec::new();
    for (op, id) in history.operations.iter().zip(0..) {
        match history.effects[id as usize].update {
            Update::Lock(_) if op.status == Status::Ok => events.push((op.completed, true, id)),
            // What ends and what begins at one instant are concurrent, so this comes first.
            Update::Unlock(_) => events.push((op.invoked, false, id)),
            _ => {}
        }
    }
    events.sort_unstable();
    let momentary = momentary(history);
    let mut holders = vec![None; history.keys as usize];
    for (_, _, id) in events {
        let op = &history.operations[id as usize];
        let holder: &mut Option<(u32, u32)> = &mut holders[op.key.0 as usize];
        match (history.effects[id as usize].update, *holder) {
            (Update::Lock(process), Some((other, by))) if other != process => {
                let first = &history.operations[by as usize];
                let message = format!(
                    "mutual exclusion is broken: {} and has the lock from {} on, when session {} \
                     has it: {}",
                    took(history, id, op.value),
                    ms(op.completed),
                    first.session,
                    took(history, by, first.value)
                );
                return Some(counterexample(message, &[by, id]));
            }
            (Update::Lock(process), _) if !momentary.contains(&id) => *holder = Some((process, id)),
            (Update::Unlock(process), Some((other, _))) if other == process => *holder = None,
            _ => {}
        }
    }
    None
}

/// Grants whose owner began to give the lock up in the instant in which it was told that it had it: they stand
/// in nobody's way.
pub(super) fn momentary(history: &History) -> BTreeSet<u32> {
    let (mut latest, mut found) = (BTreeMap::new(), BTreeSet::new());
    for (id, (op, effect)) in (0..).zip(history.operations.iter().zip(&history.effects)) {
        match effect.update {
            Update::Lock(process) if op.status == Status::Ok => {
                latest.insert((op.key, process), (op.completed, id));
            }
            Update::Unlock(process) => {
                let grant = latest.remove(&(op.key, process)).filter(|(at, _)| *at == op.invoked);
                found.extend(grant.map(|(_, id)| id));
            }
            _ => {}
        }
    }
    found
}

/// What happened to one version: its reads, refused updates among them.
#[derive(Clone, Copy)]
struct Cluster {
    /// The read that ended first, and when.
    first: (Instant, u32),
    /// The read that began last, and when.
    last: (Instant, u32),
}

/// Whether each key's operations find moments within their times along its version order.
fn walk(history: &History) -> Verdict {
    if history.contents.is_register() {
        return Verdict::Holds;
    }
    let fold = Fold::new(history);
    let unread = Cluster { first: (Instant::NEVER, 0), last: (Instant::ZERO, u32::MAX) };
    // Reads of the initial value are counted by key, behind all others.
    let mut clusters = vec![unread; history.writes as usize + 1 + history.keys as usize];
    let initial = |key: usize| history.writes as usize + 1 + key;
    for (op, id) in history.operations.iter().zip(0..) {
        for (key, seen) in super::values_read(history, op) {
            let at = if seen == Value::INITIAL { initial(key.0 as usize) } else { seen.0 as usize };
            let Some(cluster) = clusters.get_mut(at) else { continue };
            cluster.first = cluster.first.min((op.completed, id));
            cluster.last = cluster.last.max((op.invoked, id));
        }
    }
    for key in 0..history.keys as usize {
        // The earliest moment that is left, and the operation that made it so late.
        let mut now = (Instant::ZERO, u32::MAX);
        let first = std::iter::once((Value::INITIAL, initial(key)));
        let others = fold.of_key(key).iter().map(|value| (*value, value.0 as usize));
        for (version, at) in first.chain(others) {
            let cluster = clusters[at];
            let mut earliest = cluster.first;
            if version != Value::INITIAL {
                let id = fold.writes[version.0 as usize];
                let op = &history.operations[id as usize];
                now = now.max((op.invoked, id));
                earliest = earliest.min((op.completed, id));
            }
            if earliest.0 < now.0 {
                return Verdict::Violated(too_late(history, key, version, earliest.1, now.1));
            }
            if cluster.last.1 != u32::MAX {
                now = now.max(cluster.last);
            }
        }
    }
    Verdict::Holds
}

/// An operation had ended before something began that the version order puts before it.
fn too_late(history: &History, key: usize, version: Value, id: u32, after: u32) -> Counterexample {
    let op = &history.operations[id as usize];
    let late = &history.operations[after as usize];
    let message = format!(
        "{}, but in the version order {} stands behind something that began later: {}",
        did(op, op.key, version),
        value(version),
        did(late, crate::op::Key(key as u32), late.value)
    );
    counterexample(message, &[id, after])
}

/// A write and what it asked for.
pub(super) fn took(history: &History, id: u32, version: Value) -> String {
    let op = &history.operations[id as usize];
    format!("{} ({})", did(op, op.key, version), history.effects[id as usize].update)
}

/// A state in words that follow "it is".
pub(super) fn state(object: Object, State { version, word }: State) -> String {
    match object {
        Object::Register | Object::CasRegister => value(version),
        Object::Counter => format!("at {}", word as i64),
        Object::Set => {
            let elements = (0..64).filter(|e| word >> e & 1 == 1).map(|e| e.to_string());
            format!("{{{}}}", elements.collect::<Vec<_>>().join(", "))
        }
        Object::Stock => format!("at {word} units"),
        Object::Lock => {
            let token = word & u64::from(u32::MAX);
            match (word >> 32).checked_sub(1) {
                None => format!("free under token {token}"),
                Some(process) => format!("held by process {process} under token {token}"),
            }
        }
    }
}

#[cfg(test)]
mod tests;
