//! What a run cost in the unit of its domain: units sold too often, locks held twice, increments that are
//! not there, elements that came back.
//!
//! Consistency is paid for in these by whoever uses the store, not in stale reads. So one figure for each
//! kind of object is counted over a whole run, phases, warm-up and regions together, from what clients were
//! told and what was left in the end; no store is asked what it thinks of it. Kingsbury's Jepsen analyses
//! count the same things (lost increments, double grants, resurrected elements).
//!
//! * *oversold*: units of acknowledged takes, over all, beyond what the key held at first.
//! * *two holders*: locks granted while another session held the same one, as both were told: from the
//!   answer to a lock to the question to unlock.
//! * *dropped*: units of acknowledged increments that the counter lacks at the end. Increments without an
//!   answer may hide some, so it is a lower bound.
//! * *came back*: acknowledged removes of an element that is there in the end, though every insert of it had
//!   ended before the remove began.

use super::evidence::{counterexample, did};
use super::{Checker, Verdict};
use crate::guarantee::Guarantee;
use crate::history::{History, Status};
use crate::op::{Object, OpKind, Update, Value};
use crate::time::Instant;
use std::collections::BTreeMap;

pub(super) const CHECKER: Checker = Checker {
    name: "stock-floor",
    about: "Of a stock no more was sold than there was, as clients were told (O'Neil 1986, Balegas et al. \
            2015).",
    needed_for: |guarantee| guarantee == Guarantee::NeverOversold,
    check: |history, _| check(history),
};

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// Units sold beyond the stock.
    Oversold,
    /// Locks granted while somebody else held them.
    TwoHolders,
    /// Increments that are not there.
    Dropped,
    /// Removed elements that are there again.
    CameBack,
}

impl Damage {
    /// The one that objects of a kind can take.
    #[must_use]
    pub fn of(object: Object) -> Option<Self> {
        match object {
            Object::Stock => Some(Self::Oversold),
            Object::Lock => Some(Self::TwoHolders),
            Object::Counter => Some(Self::Dropped),
            Object::Set => Some(Self::CameBack),
            Object::Register | Object::CasRegister => None,
        }
    }

    /// The column's text.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Oversold => "oversold",
            Self::TwoHolders => "two holders",
            Self::Dropped => "dropped",
            Self::CameBack => "came back",
        }
    }
}

/// The damage of one run or of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// What is counted.
    pub damage: Damage,
    /// Units, locks or removes acknowledged.
    pub of: u64,
    /// Those among them that are damage.
    pub hits: u64,
    /// Keys of which something was acknowledged, run by run.
    pub keys_of: u64,
    /// Those that took damage.
    pub keys: u64,
    /// Runs in which any key did.
    pub runs: u64,
}

impl Cost {
    /// Adds other runs of the same cell.
    pub fn merge(&mut self, other: &Self) {
        self.of += other.of;
        self.hits += other.hits;
        self.keys_of += other.keys_of;
        self.keys += other.keys;
        self.runs += other.runs;
    }
}

/// By key: how much was acknowledged, and how much of it is damage.
type Keys = BTreeMap<u32, (u64, u64)>;

/// What a run cost; `None` where its objects can take no damage of these kinds, or nobody can tell.
pub(super) fn of(history: &History) -> Option<Cost> {
    let damage = Damage::of(history.contents.object)?;
    let keys = match damage {
        Damage::Oversold => oversold(history),
        Damage::TwoHolders => two_holders(history),
        Damage::Dropped => dropped(history)?,
        Damage::CameBack => came_back(history)?,
    };
    let damaged = keys.values().filter(|(_, hits)| *hits > 0).count() as u64;
    Some(Cost {
        damage,
        of: keys.values().map(|(of, _)| of).sum(),
        hits: keys.values().map(|(_, hits)| hits).sum(),
        keys_of: keys.len() as u64,
        keys: damaged,
        runs: u64::from(damaged > 0),
    })
}

/// Acknowledged updates with their numbers, in order of invocation.
fn acknowledged(history: &History) -> impl Iterator<Item = (u32, u32, Update)> {
    let all = (0..).zip(history.operations.iter().zip(&history.effects));
    let told = all.filter(|(_, (op, _))| op.kind == OpKind::Write && op.status == Status::Ok);
    told.map(|(id, (op, effect))| (id, op.key.0, effect.update))
}

fn oversold(history: &History) -> Keys {
    let mut keys = Keys::new();
    for (_, key, update) in acknowledged(history) {
        if let Update::Take(units) = update {
            keys.entry(key).or_default().0 += u64::from(units);
        }
    }
    for (sold, beyond) in keys.values_mut() {
        *beyond = sold.saturating_sub(history.contents.initial);
    }
    keys
}

/// A stock that was promised to last, and the sale that went beyond it.
fn check(history: &History) -> Verdict {
    if history.contents.object != Object::Stock {
        return Verdict::Holds;
    }
    let mut sales: Vec<(Instant, u32, u32, u64)> = Vec::new();
    for (id, key, update) in acknowledged(history) {
        if let Update::Take(units) = update {
            let completed = history.operations[id as usize].completed;
            sales.push((completed, id, key, u64::from(units)));
        }
    }
    sales.sort_unstable();
    let (mut sold, initial) = (BTreeMap::new(), history.contents.initial);
    for (_, id, key, units) in sales {
        let sum: &mut u64 = sold.entry(key).or_default();
        *sum += units;
        if *sum > initial {
            let op = &history.operations[id as usize];
            let message = format!(
                "more was sold than there was: {}, and with it {sum} of {initial} units of key {key}",
                did(op, op.key, op.value)
            );
            return Verdict::Violated(counterexample(message, &[id]));
        }
    }
    Verdict::Holds
}

fn two_holders(history: &History) -> Keys {
    // What ends and what begins at one instant are concurrent, so ends come first.
    let mut events: Vec<(Instant, bool, u32, u32, u32)> = Vec::new();
    for (id, (op, effect)) in (0..).zip(history.operations.iter().zip(&history.effects)) {
        match effect.update {
            Update::Lock(process) if op.status == Status::Ok => {
                events.push((op.completed, true, op.key.0, process, id));
            }
            Update::Unlock(process) => {
                events.push((op.invoked, false, op.key.0, process, id));
            }
            _ => {}
        }
    }
    events.sort_unstable();
    let momentary = super::objects::momentary(history);
    let (mut keys, mut holders) = (Keys::new(), BTreeMap::<u32, Vec<u32>>::new());
    for (_, granted, key, process, id) in events {
        let here = holders.entry(key).or_default();
        let at = here.iter().position(|holder| *holder == process);
        if granted {
            let (of, hits) = keys.entry(key).or_default();
            *of += 1;
            *hits += u64::from(here.iter().any(|holder| *holder != process));
            if at.is_none() && !momentary.contains(&id) {
                here.push(process);
            }
        } else if let Some(at) = at {
            here.swap_remove(at);
        }
    }
    keys
}

/// What a key's counter or set is in the end, at the first replica that has it.
fn last_word(history: &History, key: u32) -> Option<u64> {
    let key = key as usize;
    let holds =
        |state: &&crate::history::FinalState| state.values.get(key) != Some(&Value::NOT_HELD);
    history.finals.iter().find(holds)?.words.get(key).copied()
}

fn dropped(history: &History) -> Option<Keys> {
    let (mut keys, mut sums) = (Keys::new(), BTreeMap::<u32, i64>::new());
    for (_, key, update) in acknowledged(history) {
        if let Update::Add(n) = update {
            keys.entry(key).or_default().0 += u64::from(n.max(0).unsigned_abs());
            *sums.entry(key).or_default() += i64::from(n);
        }
    }
    for (key, (of, gone)) in &mut keys {
        let right = (history.contents.initial as i64).wrapping_add(sums[key]);
        let lacks = right.wrapping_sub(last_word(history, *key)? as i64);
        *gone = u64::try_from(lacks).unwrap_or(0).min(*of);
    }
    Some(keys)
}

fn came_back(history: &History) -> Option<Keys> {
    let inserted = super::merged::last_inserts(history);
    let mut keys = Keys::new();
    for (id, key, update) in acknowledged(history) {
        if let Update::Remove(element) = update {
            let there = last_word(history, key)? & 1 << (element & 63) != 0;
            let ended = inserted.get(&(key, element)).copied().unwrap_or(Instant::ZERO);
            let back = there && ended < history.operations[id as usize].invoked;
            let (of, hits) = keys.entry(key).or_default();
            *of += 1;
            *hits += u64::from(back);
        }
    }
    Some(keys)
}

#[cfg(test)]
mod tests;
