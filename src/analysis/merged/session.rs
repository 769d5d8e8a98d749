//! Sessions where updates are merged: what two of the four guarantees mean without an order of versions.
//!
//! *Read your writes*: an update of the session's own is there, unless somebody who could have seen it put
//! something in its place. *Monotonic reads*: so is what the session has read. Of a counter, which does not say
//! what it has counted, the session's own sum, and what was read before, are bounds on what is read, with the
//! updates of all others between them. Terry et al., "Session Guarantees for Weakly Consistent Replicated Data"
//! (PDIS 1994), define both by sets of writes, so that they need no order. The other two are about the order
//! in which writes stand, and there is none.

use super::super::Verdict;
use super::super::evidence::{counterexample, did};
use super::{Fates, counted, update};
use crate::history::{History, Operation, Status};
use crate::op::{Object, OpKind, Update, Value};
use crate::time::Instant;
use std::collections::BTreeMap;

/// Whether every session's reads show its own updates.
pub(in crate::analysis) fn read_your_writes(history: &History) -> Verdict {
    let context = Context::of(history);
    let mut own: BTreeMap<(u32, u32), Vec<u32>> = BTreeMap::new();
    for (id, op) in (0_u32..).zip(&history.operations) {
        let of_key = own.entry((op.session, op.key.0)).or_default();
        match (op.kind, op.status) {
            (OpKind::Write, Status::Ok) => of_key.push(id),
            (OpKind::Read, Status::Ok) => {
                if let Some(write) = context.misses_own(id, of_key) {
                    let what = "is not there, though nobody who could have seen it replaced it";
                    return context.violated(id, write, "its own", what);
                }
            }
            _ => {}
        }
    }
    Verdict::Holds
}

/// Whether no session's read lacks what it had read before.
pub(in crate::analysis) fn monotonic_reads(history: &History) -> Verdict {
    let context = Context::of(history);
    let mut latest: BTreeMap<(u32, u32), u32> = BTreeMap::new();
    for (id, op) in (0_u32..).zip(&history.operations) {
        if (op.kind, op.status) != (OpKind::Read, Status::Ok) {
            continue;
        }
        if let Some(before) = latest.insert((op.session, op.key.0), id)
            && context.lacks(id, before)
        {
            let what = "saw what is not there any more, though nobody can have replaced it";
            return context.violated(id, before, "the session's earlier read", what);
        }
    }
    Verdict::Holds
}

/// What others may have done by a moment.
struct Context<'a> {
    history: &'a History,
    fates: Fates<'a>,
    /// By key, updates that may have taken effect, in order of invocation.
    updates: Vec<Vec<(&'a Operation, Update)>>,
}

impl<'a> Context<'a> {
    fn of(history: &'a History) -> Self {
        let mut updates = vec![Vec::new(); history.keys as usize];
        for (id, op) in (0_u32..).zip(&history.operations) {
            if op.may_write() {
                updates[op.key.0 as usize].push((op, update(history, id)));
            }
        }
        Self { history, fates: Fates::of(history), updates }
    }

    /// Updates of a read's key that began before it ended.
    fn by_the_end_of(
        &self,
        read: &Operation,
    ) -> impl Iterator<Item = (&'a Operation, Update)> + '_ {
        let ended = read.completed;
        let of_key = self.updates[read.key.0 as usize].iter();
        of_key.copied().take_while(move |(op, _)| op.invoked < ended)
    }

    fn word(&self, id: u32) -> u64 {
        self.history.effects.get(id as usize).map_or(0, |effect| effect.word)
    }

    fn may_be_replaced(&self, value: Value, by: Instant) -> bool {
        self.fates.replaced[value.0 as usize] < by
    }

    /// One of its session's own updates that a read misses.
    fn misses_own(&self, id: u32, own: &[u32]) -> Option<u32> {
        let read = &self.history.operations[id as usize];
        let (values, word) = (self.history.read_values(read), self.word(id));
        if self.history.contents.object == Object::Counter {
            let last = own.last()?;
            return (!self.counts_own(read, own, word)).then_some(*last);
        }
        let missed = |write: &&u32| {
            let op = &self.history.operations[**write as usize];
            match update(self.history, **write) {
                Update::Remove(element) => {
                    let others = |(other, effect): (&Operation, Update)| {
                        effect == Update::Insert(element)
                            && (other.session != op.session || other.completed > op.invoked)
                    };
                    word & 1 << (element & 63) != 0 && !self.by_the_end_of(read).any(others)
                }
                effect => {
                    !self.fates.is_there(op, effect, values, word)
                        && !self.may_be_replaced(op.value, read.completed)
                }
            }
        };
        own.iter().find(missed).copied()
    }

    /// Whether a counter can be what all of a session's updates and some of the others' add up to.
    fn counts_own(&self, read: &Operation, own: &[u32], word: u64) -> bool {
        let own: i64 = own.iter().map(|id| counted(update(self.history, *id))).sum();
        let (mut least, mut most) = (0, 0);
        for (op, effect) in self.by_the_end_of(read).filter(|(op, _)| op.session != read.session) {
            debug_assert!(op.key == read.key, "they are kept by key");
            let by = counted(effect);
            *if by < 0 { &mut least } else { &mut most } += by;
        }
        let known = (self.history.contents.initial as i64).wrapping_add(own);
        (least..=most).contains(&(word as i64).wrapping_sub(known))
    }

    /// Whether a read lacks what an earlier one saw and nobody can have replaced.
    fn lacks(&self, id: u32, before: u32) -> bool {
        let read = &self.history.operations[id as usize];
        let earlier = &self.history.operations[before as usize];
        let (word, had) = (self.word(id), self.word(before));
        match self.history.contents.object {
            Object::Counter => {
                let falls = self.by_the_end_of(read).map(|(_, effect)| counted(effect).min(0));
                (word as i64).wrapping_sub(had as i64) < falls.sum()
            }
            Object::Set => {
                (0..64).filter(|element| (had & !word) >> element & 1 == 1).any(|element| {
                    !self.by_the_end_of(read).any(|(_, effect)| effect == Update::Remove(element))
                })
            }
            _ => {
                let values = self.history.read_values(read);
                let gone = |value: &&Value| {
                    **value != Value::INITIAL
                        && !values.contains(value)
                        && !self.may_be_replaced(**value, read.completed)
                };
                self.history.read_values(earlier).iter().any(|value| gone(&value))
            }
        }
    }

    fn violated(&self, read: u32, other: u32, whose: &str, what: &str) -> Verdict {
        let [told, before] = [read, other].map(|id| {
            let op = &self.history.operations[id as usize];
            did(op, op.key, op.value)
        });
        let message = format!("{told}; {whose}: {before}, {what}");
        Verdict::Violated(counterexample(message, &[other, read]))
    }
}
