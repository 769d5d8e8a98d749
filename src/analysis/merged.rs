//! Merged updates: is anything lost, and do readers see it?
//!
//! Where conflicts are merged no order of versions says which write stays, so the question is another one:
//! an acknowledged update must be *there*, unless somebody who could have seen it put something in its
//! place. After Shapiro et al., "Conflict-free Replicated Data Types" (2011), and the set test of the Jepsen
//! suite. What a history cannot tell counts for the store:
//!
//! * A value of a register is there if it is returned, alone or beside others. A write whose session had
//!   read or written it before may have replaced it.
//! * An element is there if the set has it. A remove of it that ended after the insert began may have
//!   taken it out. A remove is lost if the element is there in the end though every insert of it had
//!   ended before the remove began: it has come back.
//! * A counter's updates are there if it is what they add up to; a stock's, if it is what they leave.
//! * Where one state may replace another as a whole nothing of this is promised, only that replicas agree.
//!
//! A read is stale if it misses an update that had been acknowledged before it began and that nobody could
//! have replaced by the read's end. Of a counter that is so many increments, the latest ones at best; of a
//! stock, so many units that it still shows.

pub(super) mod session;
mod sums;

use super::evidence::{counterexample, did};
use super::{Checker, Verdict};
use crate::history::{FinalState, History, Operation, Status};
use crate::op::{Key, Object, OpKind, Update, Value};
use crate::time::{Duration, Instant};
use std::collections::BTreeMap;
use sums::counted;

pub(super) const CHECKER: Checker = Checker {
    name: "conservation",
    about: "Where conflicts are merged, no acknowledged update is lost and none counts twice \
            (Shapiro et al. 2011).",
    needed_for: |_| true,
    check: |history, _| check(history),
};

/// A read and what it missed.
pub(super) struct Missed {
    /// The read.
    pub(super) op: u32,
    /// Whether its key had an acknowledged update.
    pub(super) acknowledged: bool,
    /// How long ago the oldest update that it missed had been acknowledged, at least.
    pub(super) age: Option<Duration>,
    /// How many it missed, at least.
    pub(super) updates: u32,
    /// How many values it returned.
    pub(super) values: u32,
}

/// Who may have replaced what.
struct Fates<'a> {
    history: &'a History,
    /// By value: when the first update began that may have replaced this one.
    replaced: Vec<Instant>,
}

impl<'a> Fates<'a> {
    fn of(history: &'a History) -> Self {
        let mut fates =
            Self { history, replaced: vec![Instant::NEVER; history.writes as usize + 1] };
        match history.contents.object {
            Object::Register => fates.by_readers(),
            Object::Set => fates.by_removes(),
            _ => {}
        }
        fates
    }

    /// A write replaces what its session has read or written of the key.
    fn by_readers(&mut self) {
        let history = self.history;
        let mut read: BTreeMap<(u32, u32), Vec<Value>> = BTreeMap::new();
        for op in &history.operations {
            let at = (op.session, op.key.0);
            match (op.kind, op.status) {
                (OpKind::Read, Status::Ok) => {
                    read.entry(at).or_default().extend(history.read_values(op));
                }
                (OpKind::Write, Status::Ok | Status::Unknown) => {
                    let known = read.entry(at).or_default();
                    for value in known.drain(..) {
                        let replaced = &mut self.replaced[value.0 as usize];
                        *replaced = op.invoked.min(*replaced);
                    }
                    known.push(op.value);
                }
                _ => {}
            }
        }
    }

    /// A remove replaces inserts of its element that began before it ended.
    fn by_removes(&mut self) {
        let history = self.history;
        let mut removes: BTreeMap<(u32, u8), Vec<(Instant, Instant)>> = BTreeMap::new();
        for (op, effect) in history.operations.iter().zip(&history.effects) {
            if let (Update::Remove(element), true) = (effect.update, op.may_write()) {
                let of_element = removes.entry((op.key.0, element)).or_default();
                of_element.push((op.completed, op.invoked));
            }
        }
        for of_element in removes.values_mut() {
            of_element.sort_unstable();
            // From each on, the first to begin.
            let mut first = Instant::NEVER;
            for (_, invoked) in of_element.iter_mut().rev() {
                first = first.min(*invoked);
                *invoked = first;
            }
        }
        for (op, effect) in history.operations.iter().zip(&history.effects) {
            if let (Update::Insert(element), true) = (effect.update, op.may_write()) {
                let of_element = removes.get(&(op.key.0, element)).map_or(&[][..], Vec::as_slice);
                let at = of_element.partition_point(|(ended, _)| *ended < op.invoked);
                let first = of_element.get(at).map_or(Instant::NEVER, |(_, invoked)| *invoked);
                self.replaced[op.value.0 as usize] = first;
            }
        }
    }

    /// Whether a state of the key has this update; those that leave nothing to be seen are always there.
    fn is_there(&self, update: &Operation, effect: Update, values: &[Value], word: u64) -> bool {
        match effect {
            Update::Insert(element) => word & 1 << (element & 63) != 0,
            Update::Put => values.contains(&update.value),
            _ => true,
        }
    }
}

/// Whether states replace each other that do not say what made them: all but sets, whose elements do.
fn is_opaque(history: &History) -> bool {
    history.overwrites && history.contents.object != Object::Set
}

/// What an operation did to an object other than a register.
fn update(history: &History, id: u32) -> Update {
    history.effects.get(id as usize).map_or(Update::Put, |effect| effect.update)
}

/// What each key's replicas hold in the end: those of the first that has it; `None` if nothing was recorded.
/// And a replica that holds something else of some key.
fn rest(history: &History) -> Option<(FinalState, Option<usize>)> {
    let mut rest = history.finals.first()?.clone();
    let mut odd = None;
    let siblings_of = |state: &FinalState, key: u32| {
        let range = |(of, _): &(Key, Value)| of.0 < key;
        let from = state.siblings.partition_point(range);
        let upto = from + state.siblings[from..].partition_point(|(of, _)| of.0 == key);
        state.siblings[from..upto].to_vec()
    };
    for (replica, state) in history.finals.iter().enumerate().skip(1) {
        if state.values.len() != rest.values.len() {
            odd = odd.or(Some(replica));
            continue;
        }
        for (key, value) in state.values.iter().enumerate() {
            if *value == Value::NOT_HELD {
                continue;
            }
            let word = |state: &FinalState| state.words.get(key).copied();
            if rest.values[key] == Value::NOT_HELD {
                rest.values[key] = *value;
                rest.words.get_mut(key).into_iter().for_each(|held| *held = state.words[key]);
                let at = rest.siblings.partition_point(|(of, _)| of.0 < key as u32);
                rest.siblings.splice(at..at, siblings_of(state, key as u32));
            } else if rest.values[key] != *value
                || word(&rest) != word(state)
                || siblings_of(&rest, key as u32) != siblings_of(state, key as u32)
            {
                odd = odd.or(Some(replica));
            }
        }
    }
    Some((rest, odd))
}

/// By key, the values that stand in the end.
fn last_values(last: &FinalState) -> Vec<Vec<Value>> {
    let mut values: Vec<Vec<Value>> = last.values.iter().map(|value| vec![*value]).collect();
    for (key, value) in &last.siblings {
        values[key.0 as usize].push(*value);
    }
    values
}

/// Tells of every acknowledged update whose fate can be seen in the end, in order of invocation, whether it
/// is lost.
pub(super) fn lost_updates(history: &History, mut tell: impl FnMut(u32, bool)) {
    let Some((last, _)) = rest(history).filter(|_| !is_opaque(history)) else { return };
    let (fates, values) = (Fates::of(history), last_values(&last));
    let sums = sums::decided(history);
    let inserted = last_inserts(history);
    for (id, op) in history.operations.iter().enumerate() {
        let key = op.key.0 as usize;
        if op.kind != OpKind::Write || op.status != Status::Ok || key >= values.len() {
            continue;
        }
        let (id, word) = (id as u32, last.words.get(key).copied().unwrap_or(0));
        let update = update(history, id);
        let gone = match update {
            Update::Add(_) | Update::Take(_) if !sums[key].may_be(word) => continue,
            Update::Remove(element) => {
                let ended = inserted.get(&(op.key.0, element)).copied().unwrap_or(Instant::ZERO);
                word & 1 << (element & 63) != 0 && ended < op.invoked
            }
            _ => {
                let replaced = fates.replaced[op.value.0 as usize] < Instant::NEVER;
                !replaced && !fates.is_there(op, update, &values[key], word)
            }
        };
        tell(id, gone);
    }
}

/// By key and element, when the last insert of it ended.
pub(super) fn last_inserts(history: &History) -> BTreeMap<(u32, u8), Instant> {
    let mut ended = BTreeMap::new();
    for (op, effect) in history.operations.iter().zip(&history.effects) {
        if let (Update::Insert(element), true) = (effect.update, op.may_write()) {
            let last = ended.entry((op.key.0, element)).or_insert(Instant::ZERO);
            *last = op.completed.max(*last);
        }
    }
    ended
}

fn check(history: &History) -> Verdict {
    if !history.merged {
        return Verdict::Holds;
    }
    let Some((last, odd)) = rest(history) else {
        return Verdict::Unknown("the replicas' final states were not recorded".into());
    };
    if let Some(other) = odd {
        let message = format!(
            "after everything had come to rest, replicas 0 and {other} do not hold the same beside \
             the highest version of some key"
        );
        return Verdict::Violated(counterexample(message, &[]));
    }
    if history.overwrites {
        return Verdict::Holds;
    }
    if matches!(history.contents.object, Object::Counter | Object::Stock)
        && let Some(message) = sums::miscounted(history, &last)
    {
        return Verdict::Violated(counterexample(message, &[]));
    }
    let mut lost = None;
    lost_updates(history, |id, gone| {
        let removes = matches!(update(history, id), Update::Remove(_));
        if gone && !removes && lost.is_none() {
            lost = Some(id);
        }
    });
    match lost {
        None => Verdict::Holds,
        Some(id) => {
            let op = &history.operations[id as usize];
            let what = update(history, id);
            let message = format!(
                "{}{}, which was acknowledged, and nobody who could have seen it replaced it; in the \
                 end it is not there",
                did(op, op.key, op.value),
                if what == Update::Put { String::new() } else { format!(" ({what})") }
            );
            Verdict::Violated(counterexample(message, &[id]))
        }
    }
}

/// An acknowledged update: when, its operation, and its increment if it has one.
type Acknowledged = (Instant, u32, i64);

/// Tells of every read that is ok what it missed, in order of invocation.
pub(super) fn observe(history: &History, mut tell: impl FnMut(Missed)) {
    let fates = Fates::of(history);
    let ok = |id: &u32| {
        let op = &history.operations[*id as usize];
        op.kind == OpKind::Write && op.status == Status::Ok
    };
    let mut ended: Vec<u32> = (0..history.operations.len() as u32).filter(ok).collect();
    ended.sort_by_key(|id| history.operations[*id as usize].completed);
    let mut ended = ended.into_iter().peekable();
    // By key: what was acknowledged and not replaced by now, and the sum of all increments.
    let mut standing: Vec<Vec<Acknowledged>> = vec![Vec::new(); history.keys as usize];
    let mut sums = vec![history.contents.initial as i64; history.keys as usize];
    let mut touched = vec![false; history.keys as usize];
    let open = Decrements::of(history);
    let opaque = is_opaque(history);
    for (id, op) in history.operations.iter().enumerate() {
        let before = |other: &u32| history.operations[*other as usize].completed < op.invoked;
        while let Some(write) = ended.next_if(before) {
            let done = &history.operations[write as usize];
            let by = counted(update(history, write));
            let key = done.key.0 as usize;
            sums[key] = sums[key].wrapping_add(by);
            touched[key] = true;
            standing[key].push((done.completed, write, by));
        }
        if op.kind != OpKind::Read || op.status != Status::Ok {
            continue;
        }
        let (id, key) = (id as u32, op.key.0 as usize);
        let word = history.effects.get(id as usize).map_or(0, |effect| effect.word);
        let values = history.read_values(op);
        let mut missed = Missed {
            op: id,
            acknowledged: touched[key] && !opaque,
            age: None,
            updates: 0,
            values: values.len() as u32,
        };
        let mut miss = |at: Instant| {
            missed.updates += 1;
            missed.age = missed.age.max(Some(op.invoked.since(at)));
        };
        if opaque {
            // What the state that is shown has replaced nobody can tell.
        } else if history.contents.object == Object::Stock {
            missed_units((word as i64).wrapping_sub(sums[key]), -1, &standing[key], miss);
        } else if history.contents.object == Object::Counter {
            let least = sums[key].wrapping_add(open.under_way(op));
            missed_units(least.wrapping_sub(word as i64), 1, &standing[key], miss);
        } else {
            let replaced =
                |write: u32| fates.replaced[history.operations[write as usize].value.0 as usize];
            standing[key].retain(|(_, write, _)| replaced(*write) >= op.invoked);
            for (at, write, _) in &standing[key] {
                let done = &history.operations[*write as usize];
                let there = fates.is_there(done, update(history, *write), values, word);
                if !there && replaced(*write) >= op.completed {
                    miss(*at);
                }
            }
        }
        tell(missed);
    }
}

/// Tells of the latest updates that so many units are, of those that count up (1) or down (-1).
fn missed_units(
    mut lacks: i64,
    sign: i64,
    standing: &[Acknowledged],
    mut miss: impl FnMut(Instant),
) {
    for (at, _, by) in standing.iter().rev().filter(|(_, _, by)| *by * sign > 0) {
        if lacks <= 0 {
            break;
        }
        lacks -= by * sign;
        miss(*at);
    }
}

/// A counter's decrements: a read may have seen those that are under way.
struct Decrements<'a>(BTreeMap<u32, Vec<(&'a Operation, i64)>>);

impl<'a> Decrements<'a> {
    fn of(history: &'a History) -> Self {
        let mut by_key: BTreeMap<u32, Vec<(&Operation, i64)>> = BTreeMap::new();
        for (op, effect) in history.operations.iter().zip(&history.effects) {
            if let (Update::Add(n @ ..0), true) = (effect.update, op.may_write()) {
                by_key.entry(op.key.0).or_default().push((op, i64::from(n)));
            }
        }
        Self(by_key)
    }

    /// The sum of those that began before the read ended and had not ended before it began.
    fn under_way(&self, read: &Operation) -> i64 {
        let of_key = self.0.get(&read.key.0).map_or(&[][..], Vec::as_slice);
        let open = of_key
            .iter()
            .filter(|(op, _)| op.invoked < read.completed && op.completed >= read.invoked);
        open.map(|(_, n)| n).sum()
    }
}

#[cfg(test)]
mod tests;
