//! The search for one order of all operations that agrees with every process.
//!
//! It remembers how far each process is and what each key holds. It takes observations that fit at once, tries
//! updates in the order of their invocations, and does not overwrite a value that somebody still has to find and nobody
//! will make again.

use super::super::history::{Action, History, INITIAL, Kind, Operation, Outcome};
use super::super::intern::Table;
use super::super::search::{Found, Taken};
use super::super::spec::{Object, Spec as _};
use super::super::verdict::Meter;

/// What is still to come of one value of one key.
#[derive(Clone, Copy, Default)]
struct Prospect {
    /// Operations known to have found it.
    needed: u32,
    /// Operations that make it.
    made: u32,
}

pub(super) struct Search<'o> {
    ops: &'o [Operation],
    /// The operations of each process, and how many of them are taken.
    processes: Vec<(Vec<u32>, usize)>,
    /// The process of each operation, as an index into `processes`; and the keys, numbered densely.
    place: Vec<(u32, u32)>,
    /// What each key holds.
    states: Vec<u32>,
    /// Keys whose values cannot be told from the operations alone.
    grown: Vec<bool>,
    /// Sorted pairs of key and value, and their prospects.
    pairs: Vec<(u32, u32)>,
    prospects: Vec<Prospect>,
    remaining: usize,
    taken: Vec<Taken>,
    seen: Table<u32>,
}

impl<'o> Search<'o> {
    pub(super) fn new(history: &History, ops: &'o [Operation], members: &[u32]) -> Self {
        let of = |i: &u32| &ops[*i as usize];
        let dense = |number: fn(&Operation) -> u32| {
            let mut all: Vec<u32> = members.iter().map(|i| number(of(i))).collect();
            all.sort_unstable();
            all.dedup();
            all
        };
        let (names, keys) = (dense(|op| op.process), dense(|op| op.key));
        let mut processes = vec![(Vec::new(), 0); names.len()];
        let mut place = vec![(0, 0); ops.len()];
        let mut grown = vec![false; keys.len()];
        let mut pairs: Vec<(u32, u32)> = (0..keys.len() as u32).map(|key| (key, INITIAL)).collect();
        for i in members {
            let op = of(i);
            let process = names.partition_point(|name| *name < op.process);
            let key = keys.partition_point(|name| *name < op.key);
            processes[process].0.push(*i);
            place[*i as usize] = (process as u32, key as u32);
            grown[key] |= op.action == Action::Append || history.kind(op.key) != Kind::Register;
            pairs.extend([op.makes(), op.found()].into_iter().flatten().map(|v| (key as u32, v)));
        }
        pairs.sort_unstable();
        pairs.dedup();
        let prospects = vec![Prospect::default(); pairs.len()];
        let remaining = members.iter().filter(|i| of(i).outcome == Outcome::Ok).count();
        let states = vec![INITIAL; keys.len()];
        let (taken, seen) = (Vec::new(), Table::default());
        let mut search =
            Self { ops, processes, place, states, grown, pairs, prospects, remaining, taken, seen };
        for i in members {
            search.expect(*i, 1);
        }
        search
    }

    fn pair(&self, key: u32, value: u32) -> Option<usize> {
        self.pairs.binary_search(&(key, value)).ok()
    }

    /// Counts an operation among those to come, or with -1 no longer.
    fn expect(&mut self, i: u32, change: i32) {
        let (op, key) = (&self.ops[i as usize], self.place[i as usize].1);
        let known = op.outcome == Outcome::Ok;
        if let Some(at) = op.found().filter(|_| known).and_then(|value| self.pair(key, value)) {
            self.prospects[at].needed = self.prospects[at].needed.wrapping_add_signed(change);
        }
        if let Some(at) = op.makes().and_then(|value| self.pair(key, value)) {
            self.prospects[at].made = self.prospects[at].made.wrapping_add_signed(change);
        }
    }

    /// Whether a value was found that nobody makes and that was not there in the beginning.
    pub(super) fn somebody_dreams(&self) -> bool {
        let dream = |(pair, prospect): (&(u32, u32), &Prospect)| {
            let made = prospect.made > 0 || pair.1 == INITIAL || self.grown[pair.0 as usize];
            prospect.needed > 0 && !made
        };
        self.pairs.iter().zip(&self.prospects).any(dream)
    }

    pub(super) fn run(&mut self, object: &mut Object<'_>, meter: &mut Meter<'_>) -> Found {
        let mut tried = None;
        while self.remaining > 0 {
            if tried.is_none() {
                if let Some(op) = self.observation(object, meter) {
                    self.take(op, None);
                    continue;
                }
                if !self.is_new(object, meter) {
                    tried = Some(u32::MAX);
                }
            }
            if meter.is_empty() {
                return Found::Exhausted;
            }
            match self.update(object, tried, meter) {
                Some((op, state)) => {
                    self.take(op, Some(state));
                    tried = None;
                }
                None => match self.back() {
                    Some(op) => tried = Some(op),
                    None => return Found::Nothing,
                },
            }
        }
        Found::Order(self.taken.iter().map(|taken| taken.op).collect())
    }

    /// The next operation of each process.
    fn heads(&self) -> impl Iterator<Item = u32> {
        self.processes.iter().filter_map(|(all, done)| all.get(*done).copied())
    }

    fn observation(&self, object: &mut Object<'_>, meter: &mut Meter<'_>) -> Option<u32> {
        let fits = |i: &u32| {
            let op = &self.ops[*i as usize];
            meter.step();
            op.observes()
                && object.apply(self.states[self.place[*i as usize].1 as usize], op).is_some()
        };
        let mut fits = fits;
        self.heads().find(|i| fits(i))
    }

    /// The first update after the one tried last, and the state after it.
    fn update(
        &self,
        object: &mut Object<'_>,
        tried: Option<u32>,
        meter: &mut Meter<'_>,
    ) -> Option<(u32, u32)> {
        let mut after = tried;
        loop {
            let next = self.heads().filter(|i| after.is_none_or(|after| *i > after)).min()?;
            after = Some(next);
            let (op, key) = (&self.ops[next as usize], self.place[next as usize].1);
            meter.step();
            if op.observes() || self.is_missed(op, key) {
                continue;
            }
            if let Some(state) = object.apply(self.states[key as usize], op) {
                return Some((next, state));
            }
        }
    }

    /// Whether somebody still has to find what `op` would replace, and nobody will make it again.
    fn is_missed(&self, op: &Operation, key: u32) -> bool {
        let state = self.states[key as usize];
        if self.grown[key as usize] {
            return false;
        }
        let Some(at) = self.pair(key, state) else { return false };
        let Prospect { needed, made } = self.prospects[at];
        let own = u32::from(op.outcome == Outcome::Ok && op.found() == Some(state));
        needed > own && made == 0 && op.makes() != Some(state)
    }

    /// Whether the processes' progress and the keys' values were not met before.
    fn is_new(&mut self, object: &Object<'_>, meter: &mut Meter<'_>) -> bool {
        let progress = self.processes.iter().map(|(_, done)| *done as u32);
        let key: Vec<u32> = progress.chain(self.states.iter().copied()).collect();
        let new = self.seen.insert(&key).1;
        meter.hold(self.seen.bytes() + object.bytes());
        new
    }

    /// Takes the next operation of its process; without a new state it is an observation.
    fn take(&mut self, op: u32, state: Option<u32>) {
        let (process, key) = self.place[op as usize];
        let before = self.states[key as usize];
        self.processes[process as usize].1 += 1;
        self.states[key as usize] = state.unwrap_or(before);
        self.remaining -= usize::from(self.ops[op as usize].outcome == Outcome::Ok);
        self.expect(op, -1);
        self.taken.push(Taken { op, before, forced: state.is_none() });
    }

    /// Gives back up to the last choice, and returns it.
    fn back(&mut self) -> Option<u32> {
        loop {
            let Taken { op, before, forced } = self.taken.pop()?;
            let (process, key) = self.place[op as usize];
            self.processes[process as usize].1 -= 1;
            self.states[key as usize] = before;
            self.remaining += usize::from(self.ops[op as usize].outcome == Outcome::Ok);
            self.expect(op, 1);
            if !forced {
                return Some(op);
            }
        }
    }
}
