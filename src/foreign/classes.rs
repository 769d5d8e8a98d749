//! What may be left out of a history together, without making it worse.
//!
//! If the history met the condition, so does what is left: an order of all that explains every answer,
//! without the class, is one of the rest. That is so for
//!
//! * an observation, which constrains and changes nothing;
//! * of a register, a value with everything that made it, found it, or followed from a swap of it: nobody
//!   is left to miss it;
//! * of what grows by its updates (counters, sets, lists, texts), an update with the observations that
//!   may come after it and would show it, and for units that were added with the grants that may have
//!   needed them;
//! * of a lock, a tenure: an acquire with its release, or all that an owner did where that is not clear.
//!
//! What was refused tells that the value was another one, so where a class changes the value, what may
//! have been refused because of it goes with it.

use super::condition::Condition;
use super::history::{Action, History, INITIAL, Kind, Operation, Outcome};
use super::of_key::Key;
use super::spec::{list, number};
use std::collections::{BTreeMap, BTreeSet};

/// The classes of what is left of a counterexample, as indices into [`History::operations`]: each may
/// be left out without making a history worse, and a counterexample that is as small as can be holds
/// without any one of them.
#[must_use]
pub fn classes(history: &History, operations: &[u32], condition: Condition) -> Vec<Vec<u32>> {
    let real_time = matches!(
        condition,
        Condition::Linearizable
            | Condition::KAtomic(_)
            | Condition::DeltaAtomic(_)
            | Condition::BoundedStaleness(_)
            | Condition::BoundedVersions(_)
    );
    let apart = |op: &Operation| match condition {
        Condition::Prefix => op.reads_apart(),
        _ => *op,
    };
    let ops: Vec<Operation> = history.operations().iter().map(apart).collect();
    let observations = operations.iter().filter(|i| ops[**i as usize].observes()).map(|i| vec![*i]);
    let mut all: Vec<Vec<u32>> = observations.collect();
    all.extend(of_updates(history, &ops, operations, real_time).into_iter().flatten());
    all
}

/// Beyond this many pairs of an update and what may follow it, classes are not looked for.
const MOST_PAIRS: usize = 50_000_000;
/// Beyond this many operations in all classes of a register that is swapped, they are not looked for: a chain
/// of swaps has a class for each of its values, of all that came of it.
const MOST_MEMBERS: usize = 1_000_000;

/// The classes that are more than one observation, unless there are too many operations to find out;
/// `real_time` says whether an order has to agree with it or only with each process.
pub(super) fn of_updates(
    history: &History,
    ops: &[Operation],
    kept: &[u32],
    real_time: bool,
) -> Option<Vec<Vec<u32>>> {
    let mut by_key = kept.to_vec();
    by_key.retain(|i| ops[*i as usize].counts());
    by_key.sort_by_key(|i| (ops[*i as usize].key, *i));
    let of_keys = by_key.chunk_by(|a, b| ops[*a as usize].key == ops[*b as usize].key);
    let mut all = Vec::new();
    for members in of_keys {
        let key = Key { history, ops, members, real_time };
        let appends = members.iter().any(|i| key.op(*i).action == Action::Append);
        if history.kind(key.op(members[0]).key) != Kind::Register || appends {
            let takes = members.iter().filter(|i| key.op(**i).action == Action::Take).count();
            let others = key.observations().count() + takes;
            if key.updates().count().saturating_mul(others) > MOST_PAIRS {
                return None;
            }
        }
        let swaps = |i: &u32| key.op(*i).action == Action::Cas && !key.op(*i).refused();
        match history.kind(ops[members[0] as usize].key) {
            Kind::Register if !appends => key.values(&mut all)?,
            // What a swap made of a list may be anything that was appended to.
            Kind::Register if members.iter().any(swaps) => {}
            Kind::Register => key.texts(&mut all),
            Kind::Counter => key.units(&mut all),
            Kind::Set => key.by_element(&mut all),
            Kind::Lock => key.by_tenure(&mut all),
        }
    }
    Some(all)
}

impl Key<'_> {
    /// The values of a register; nothing if what follows from each takes too much room.
    fn values(self, all: &mut Vec<Vec<u32>>) -> Option<()> {
        if self.members.iter().all(|i| self.op(*i).action != Action::Cas) {
            // Nothing follows from anything: one pass tells them apart, however many there are.
            let mut of: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
            for i in self.members {
                let (made, found) = (self.op(*i).makes(), self.op(*i).found());
                if let Some(value) = made {
                    of.entry(value).or_default().push(*i);
                }
                if let Some(value) = found.filter(|value| made != Some(*value)) {
                    of.entry(value).or_default().push(*i);
                }
            }
            all.extend(of.into_values());
            return Some(());
        }
        let named = Named::by(self);
        let mut left = MOST_MEMBERS;
        for value in named.of.keys() {
            let class = named.closure(self, *value);
            left = left.checked_sub(class.len())?;
            all.push(class);
        }
        Some(())
    }

    /// An update with the observations behind it that show it.
    fn shown(self, update: u32, shows: impl Fn(u32) -> bool) -> Vec<u32> {
        let mut class = vec![update];
        class.extend(self.observations().filter(|i| self.may_follow(*i, update) && shows(*i)));
        class
    }

    /// What is written, deleted and appended to a text or a list.
    fn texts(self, all: &mut Vec<Vec<u32>>) {
        for update in self.updates() {
            let op = self.op(update);
            let appended = self.history.value(op.value);
            let inner = appended.trim_matches('"');
            let elements = list(appended).unwrap_or_default();
            let shows = |i: u32| {
                if op.action != Action::Append || self.op(i).action != Action::Read {
                    return true;
                }
                let found = self.history.value(self.op(i).value);
                match list(found) {
                    Some(found) if appended.starts_with('[') => {
                        elements.iter().any(|element| found.contains(element))
                    }
                    _ => found.contains(inner),
                }
            };
            all.push(self.shown(update, shows));
        }
    }

    /// What is added to a counter and taken from it.
    fn units(self, all: &mut Vec<Vec<u32>>) {
        let raises = |i: u32| {
            let op = self.op(i);
            op.action == Action::Add
                && number(self.history.value(op.value)).is_none_or(|amount| amount > 0)
        };
        for update in self.updates() {
            let mut gone = vec![update];
            if raises(update) {
                let takes = |i: &u32| self.op(*i).action == Action::Take;
                let needs = |i: &u32| takes(i) && self.may_follow(*i, update);
                gone.extend(self.updates().filter(needs));
            }
            let after = |i: &u32| gone.iter().any(|update| self.may_follow(*i, *update));
            let shown: Vec<u32> = self.observations().filter(after).collect();
            gone.extend(shown);
            all.push(gone);
        }
    }

    /// What is put into a set and taken out, and all that is done to one element.
    fn by_element(self, all: &mut Vec<Vec<u32>>) {
        let read = |i: u32| list(self.history.value(self.op(i).value));
        let reads: BTreeMap<u32, _> = self.observations().map(|i| (i, read(i))).collect();
        let text = |element: &serde_json::Value| element.to_string();
        // A read of what is no set shows anything.
        let is_in = |i: u32, element: u32| {
            let found = reads.get(&i).and_then(Option::as_ref)?;
            Some(found.iter().any(|other| text(other) == self.history.value(element)))
        };
        let first = list(self.history.value(INITIAL)).unwrap_or_default();
        let mut of_element: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for update in self.updates() {
            let op = self.op(update);
            let made = op.action == Action::Insert;
            all.push(self.shown(update, |i| is_in(i, op.value) != Some(!made)));
            of_element.entry(op.value).or_default().push(update);
        }
        for (element, mut class) in of_element {
            let begins = first.iter().any(|other| text(other) == self.history.value(element));
            class.extend(self.observations().filter(|i| is_in(*i, element) != Some(begins)));
            all.push(class);
        }
    }

    /// An acquire with its release, where one process does all for an owner, or all that is done for it.
    fn by_tenure(self, all: &mut Vec<Vec<u32>>) {
        let mut owners: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for update in self.updates() {
            owners.entry(self.op(update).value).or_default().push(update);
        }
        for did in owners.into_values() {
            let follows = |two: &[u32]| {
                let (a, b) = (self.op(two[0]), self.op(two[1]));
                a.process == b.process && (!self.real_time || a.completed < b.invoked)
            };
            let known = did.iter().all(|i| self.op(*i).outcome == Outcome::Ok);
            let parts: Vec<Vec<u32>> = if known && did.windows(2).all(follows) {
                let is_release = |i: u32| self.op(i).action == Action::Release;
                let pair = |a: &u32, b: &u32| !is_release(*a) && is_release(*b);
                did.chunk_by(pair).map(<[u32]>::to_vec).collect()
            } else {
                vec![did]
            };
            for mut class in parts {
                let first = class[0];
                let held =
                    |i: &u32| self.op(*i).action == Action::Acquire && self.may_follow(*i, first);
                class.extend(self.observations().filter(held));
                all.push(class);
            }
        }
    }
}

/// The operations of a register by what they name.
struct Named {
    /// By value: what makes it or finds it.
    of: BTreeMap<u32, Vec<u32>>,
    /// The values that updates make.
    made: BTreeSet<u32>,
    /// What was refused because the value was another one.
    refused: Vec<u32>,
}

impl Named {
    fn by(key: Key<'_>) -> Self {
        let mut of: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for i in key.members {
            let names = [key.op(*i).makes(), key.op(*i).found()];
            names.into_iter().flatten().for_each(|value| of.entry(value).or_default().push(*i));
        }
        let made = key.updates().filter_map(|i| key.op(i).makes()).collect();
        let refused = key.observations().filter(|i| key.op(*i).refused()).collect();
        Self { of, made, refused }
    }

    /// What makes or finds `value`, and so on with what a swap among these makes; and what was refused
    /// because a value was another one that it might be now.
    fn closure(&self, key: Key<'_>, value: u32) -> Vec<u32> {
        let (mut gone, mut open, mut class) = (BTreeSet::from([value]), vec![value], Vec::new());
        while let Some(value) = open.pop() {
            let touches = self.of.get(&value).map_or(&[][..], |all| all);
            let made = touches.iter().filter_map(|i| key.op(*i).makes());
            open.extend(made.filter(|made| gone.insert(*made)));
            class.extend(touches);
        }
        let may_be =
            |value: u32| value == INITIAL || !gone.contains(&value) && self.made.contains(&value);
        class.extend(self.refused.iter().filter(|i| may_be(key.op(**i).expected)));
        class.sort_unstable();
        class.dedup();
        class
    }
}
