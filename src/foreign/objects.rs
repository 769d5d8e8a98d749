//! What is wrong with a counter, a set, a lock or a list, in the words of its field.
//!
//! A search says that no order explains every answer. Often a plain law is broken, and then that is
//! what a reader wants to hear: two owners held the lock at once (mutual exclusion), more was taken
//! than there was (conservation), an element was lost. The laws here are necessary and not
//! sufficient: whatever breaks one has no order that agrees with real time, and what breaks none is
//! searched. They cost little and come first, so they also spare long searches. What they name is a
//! violation by itself.

use super::history::{Action, History, INITIAL, Kind, NEVER, Operation, Outcome};
use super::spec::{list, number};
use super::words::{describe, short, token};
use std::collections::BTreeMap;

/// A law that is broken: its name, what happened, and the operations that show it.
pub(super) struct Breach {
    pub(super) law: &'static str,
    pub(super) message: String,
    pub(super) operations: Vec<u32>,
}

/// Beyond this many pairs of a read and an element, a set is left to the search.
const MOST_PAIRS: usize = 20_000_000;

/// The first law that the operations of one key break; `members` are indices into `ops`.
pub(super) fn breach(history: &History, ops: &[Operation], members: &[u32]) -> Option<Breach> {
    let key = Key { history, ops, members };
    let mut breach = match history.kind(key.op(*members.first()?).key) {
        Kind::Register => key.grown()?,
        Kind::Counter => key.conserved().or_else(|| key.counted())?,
        Kind::Set => key.elements()?,
        Kind::Lock => key.tenures().or_else(|| key.tokens())?,
    };
    breach.operations.sort_unstable();
    breach.operations.dedup();
    Some(breach)
}

/// The operations that count, of one key, in the order of their invocations.
#[derive(Clone, Copy)]
struct Key<'h> {
    history: &'h History,
    ops: &'h [Operation],
    members: &'h [u32],
}

impl<'h> Key<'h> {
    fn op(self, i: u32) -> &'h Operation {
        &self.ops[i as usize]
    }

    fn did(self, i: u32) -> String {
        describe(self.history, self.op(i))
    }

    fn name(self) -> String {
        self.members.first().map_or_else(String::new, |i| short(self.history.key(self.op(*i).key)))
    }

    fn reads(self) -> impl Iterator<Item = u32> {
        self.members.iter().copied().filter(move |i| self.op(*i).action == Action::Read)
    }

    /// Nobody takes more units than there were.
    fn conserved(self) -> Option<Breach> {
        let amount = |i: u32| number(self.history.value(self.op(i).value)).unwrap_or(0);
        let first = number(self.history.value(INITIAL))?;
        let adds = |i: &u32| self.op(*i).action == Action::Add && amount(*i) > 0;
        let takes = |i: &u32| {
            let op = self.op(*i);
            op.action == Action::Take && op.outcome == Outcome::Ok && op.swapped
        };
        let mut ends: Vec<u32> = self.members.iter().copied().filter(takes).collect();
        ends.sort_by_key(|i| self.op(*i).completed);
        let added: Vec<u32> = self.members.iter().copied().filter(adds).collect();
        let (mut taken, mut there, mut begun) = (0_i128, first, 0);
        for (n, end) in ends.iter().enumerate() {
            let now = self.op(*end).completed;
            while begun < added.len() && self.op(added[begun]).invoked <= now {
                there = there.saturating_add(amount(added[begun]));
                begun += 1;
            }
            taken = taken.saturating_add(amount(*end));
            if taken > there && amount(*end) > 0 {
                let message = format!(
                    "{taken} were taken from {} by tick {now}, and there were never more than \
                     {there}: {first} in the beginning, and {} that somebody had begun to add",
                    self.name(),
                    there - first
                );
                let operations = [&ends[..=n], &added[..begun]].concat();
                return Some(Breach { law: "Conservation", message, operations });
            }
        }
        None
    }

    /// A read lies between the least and the most that can have been there.
    fn counted(self) -> Option<Breach> {
        let change = |op: &Operation| {
            let amount = number(self.history.value(op.value)).unwrap_or(0);
            match op.action {
                Action::Add => amount,
                Action::Take if !op.refused() => -amount,
                _ => 0,
            }
        };
        let first = number(self.history.value(INITIAL))?;
        let changes = |i: &u32| change(self.op(*i)) != 0;
        let changes: Vec<u32> = self.members.iter().copied().filter(changes).collect();
        let mut ends: Vec<u32> = changes.clone();
        ends.sort_by_key(|i| self.op(*i).completed);
        // What is sure, what may lower it and what may raise it, as reads begin and end.
        let mut reads: Vec<u32> = self.reads().collect();
        let mut least = BTreeMap::new();
        let (mut at, mut sums) = (0, (0_i128, 0_i128));
        for read in &reads {
            while at < ends.len() && self.op(ends[at]).completed < self.op(*read).invoked {
                let by = change(self.op(ends[at]));
                sums = (sums.0.saturating_add(by.max(0)), sums.1.saturating_add(by.min(0)));
                at += 1;
            }
            least.insert(*read, sums);
        }
        reads.sort_by_key(|i| self.op(*i).completed);
        let (mut at, mut begun) = (0, (0_i128, 0_i128));
        for read in reads {
            while at < changes.len() && self.op(changes[at]).invoked <= self.op(read).completed {
                let by = change(self.op(changes[at]));
                begun = (begun.0.saturating_add(by.max(0)), begun.1.saturating_add(by.min(0)));
                at += 1;
            }
            let sure = least.get(&read).copied().unwrap_or_default();
            let low = first.saturating_add(sure.0).saturating_add(begun.1);
            let high = first.saturating_add(begun.0).saturating_add(sure.1);
            let found = number(self.history.value(self.op(read).value));
            if found.is_none_or(|found| found < low || found > high) {
                let message =
                    format!("{}, where only {low} to {high} can have been", self.did(read));
                let mut operations = changes[..at].to_vec();
                operations.push(read);
                return Some(Breach { law: "Sum", message, operations });
            }
        }
        None
    }

    /// Each element is in a read if it was surely there, and not if it surely was not.
    fn elements(self) -> Option<Breach> {
        let first = list(self.history.value(INITIAL))?;
        let mut changes: BTreeMap<String, Vec<u32>> =
            first.iter().map(|element| (element.to_string(), Vec::new())).collect();
        for i in self.members.iter().filter(|i| self.op(**i).action != Action::Read) {
            let element = self.history.value(self.op(*i).value).to_owned();
            changes.entry(element).or_default().push(*i);
        }
        let first: Vec<String> = first.iter().map(ToString::to_string).collect();
        if self.reads().count().saturating_mul(changes.len()) > MOST_PAIRS {
            return None;
        }
        for read in self.reads() {
            let found = list(self.history.value(self.op(read).value));
            let found = found.map(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>());
            let all = found.map(|mut all| {
                let count = all.len();
                all.sort_unstable();
                all.dedup();
                (all.len() == count).then_some(all)
            });
            let Some(all) = all.flatten() else {
                let message = format!("{}, which is no set", self.did(read));
                return Some(Breach { law: "Set", message, operations: vec![read] });
            };
            if let Some(stranger) = all.iter().find(|element| !changes.contains_key(*element)) {
                let message = format!("{}; nobody inserted {}", self.did(read), short(stranger));
                return Some(Breach { law: "ThinAir", message, operations: vec![read] });
            }
            for (element, changes) in &changes {
                let there = all.binary_search(element).is_ok();
                if self.cannot_be(read, there, changes, first.contains(element)) {
                    let (law, how) = match there {
                        true => ("Unexpected", "cannot have been there"),
                        false => ("Lost", "was surely there"),
                    };
                    let message = format!("{}, but {} {how}", self.did(read), short(element));
                    let operations = [&changes[..], &[read]].concat();
                    return Some(Breach { law, message, operations });
                }
            }
        }
        None
    }

    /// Whether a read cannot have found an element `there` (or absent): what makes it so was all
    /// too late or surely undone.
    fn cannot_be(self, read: u32, there: bool, changes: &[u32], first: bool) -> bool {
        let read = self.op(read);
        let is_for = |op: &Operation| (op.action == Action::Insert) == there;
        // Undone for sure: completed before the read, and after what it undoes.
        let undone = |from: Option<&Operation>| {
            changes.iter().map(|i| self.op(*i)).any(|op| {
                !is_for(op)
                    && op.outcome == Outcome::Ok
                    && op.completed < read.invoked
                    && from.is_none_or(|from| from.completed < op.invoked)
            })
        };
        let helps =
            |op: &Operation| is_for(op) && op.invoked <= read.completed && !undone(Some(op));
        let initially = first == there && !undone(None);
        !initially && !changes.iter().any(|i| helps(self.op(*i)))
    }

    /// No two owners hold a lock at once.
    fn tenures(self) -> Option<Breach> {
        let mut releases: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for i in self.members {
            let op = self.op(*i);
            if op.action == Action::Release && !op.refused() {
                releases.entry(op.value).or_default().push(*i);
            }
        }
        let granted = |i: &u32| {
            let op = self.op(*i);
            op.action == Action::Acquire && op.outcome == Outcome::Ok && op.swapped
        };
        let mut acquired: Vec<u32> = self.members.iter().copied().filter(granted).collect();
        acquired.sort_by_key(|i| self.op(*i).completed);
        // The tenure so far that surely lasts longest: until when, from whom, released by what.
        let mut longest: Option<(u64, u32, Option<u32>)> = None;
        for i in acquired {
            let op = self.op(i);
            let may = |r: &&u32| self.op(**r).completed >= op.invoked;
            // They stand in the order of invocations, so the first is the earliest.
            let release = releases.get(&op.value).and_then(|all| all.iter().find(may)).copied();
            let until = release.map_or(NEVER, |r| self.op(r).invoked);
            if let Some((held, other, end)) = longest
                && op.completed < held
                && (op.completed < until || self.op(other).completed < op.invoked)
            {
                let message = format!(
                    "two held {} at tick {}: {}, and {}",
                    self.name(),
                    op.completed,
                    self.tenure(other, end),
                    self.tenure(i, release)
                );
                let operations = [Some(other), end, Some(i), release].into_iter().flatten();
                let operations = operations.collect();
                return Some(Breach { law: "MutualExclusion", message, operations });
            }
            if until > op.completed && longest.is_none_or(|(held, ..)| until > held) {
                longest = Some((until, i, release));
            }
        }
        None
    }

    fn tenure(self, acquire: u32, release: Option<u32>) -> String {
        let end = release.map_or_else(
            || "never released it".to_owned(),
            |r| format!("released it not before {}", self.op(r).invoked),
        );
        format!("{} and {end}", self.did(acquire))
    }

    /// Who acquires a lock later has a greater fencing token.
    fn tokens(self) -> Option<Breach> {
        let fenced = self.members.iter().filter_map(|i| {
            token(self.history, self.op(*i)).map(|token| (self.op(*i).completed, *i, token))
        });
        let mut ends: Vec<(u64, u32, u64)> = fenced.collect();
        let begins = ends.clone();
        ends.sort_unstable();
        let (mut at, mut greatest): (usize, Option<(u64, u32)>) = (0, None);
        for (_, i, token) in begins {
            while at < ends.len() && ends[at].0 < self.op(i).invoked {
                greatest = greatest.max(Some((ends[at].2, ends[at].1)));
                at += 1;
            }
            if let Some((before, other)) = greatest.filter(|(before, _)| *before >= token) {
                let message = format!(
                    "{}, but the token {before} had been given out before: {}",
                    self.did(i),
                    self.did(other)
                );
                return Some(Breach { law: "Fencing", message, operations: vec![other, i] });
            }
        }
        None
    }

    /// What is only appended to grows at its end: of two reads one begins with the other, and the
    /// later one is not the shorter.
    fn grown(self) -> Option<Breach> {
        let appends = self.members.iter().any(|i| self.op(*i).action == Action::Append);
        let only = |i: &u32| matches!(self.op(*i).action, Action::Append | Action::Read);
        if !appends || !self.members.iter().all(only) {
            return None;
        }
        let inside = |i: u32| {
            let text = self.history.value(self.op(i).value);
            let text = if text == "null" { "" } else { text };
            text.strip_suffix(['"', ']']).unwrap_or(text)
        };
        let mut reads: Vec<u32> = self.reads().collect();
        reads.sort_by_key(|i| (inside(*i).len(), *i));
        for pair in reads.windows(2) {
            let (short, long) = (inside(pair[0]), inside(pair[1]));
            if !long.starts_with(short) {
                let message = format!(
                    "{}, and {}; neither begins as the other does",
                    self.did(pair[0]),
                    self.did(pair[1])
                );
                return Some(Breach { law: "Prefix", message, operations: pair.to_vec() });
            }
        }
        // The longest reads last; the one of them that ended first bounds what may begin later.
        let mut earliest: Option<u32> = None;
        for read in reads.into_iter().rev() {
            if let Some(long) = earliest
                && self.op(long).completed < self.op(read).invoked
                && inside(long).len() > inside(read).len()
            {
                let message = format!(
                    "{}, although it was longer before: {}",
                    self.did(read),
                    self.did(long)
                );
                return Some(Breach { law: "Stale", message, operations: vec![long, read] });
            }
            if earliest.is_none_or(|e| self.op(read).completed < self.op(e).completed) {
                earliest = Some(read);
            }
        }
        None
    }
}
