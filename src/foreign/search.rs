//! Linearizability of one object of any kind, by search.
//!
//! J. M. Wing and C. Gong, "Testing and Verifying Concurrent Objects" (J. Parallel Distrib. Comput.
//! 17, 1993) take any operation that no remaining one precedes, apply it, and go on; G. Lowe,
//! "Testing for Linearizability" (Concurrency Comput. 29(4), 2017) never enters twice the same set
//! of operations with the same state. Four things are added here.
//!
//! * An observation (a read, a compare-and-set that found another value) that fits the present
//!   state is taken at once, and no other choice is tried: whatever order completes without it also
//!   completes with it moved to here.
//! * Of unknown operations that are alike, the one invoked first goes first. Unknown updates whose
//!   value nobody needs are left out.
//! * Where texts are appended to, a state is given up if a read that is under way can no longer
//!   return what it did: the state is not the beginning of it, and nothing is left that begins anew.
//! * A set of operations is kept as the window between what is all done and what is not begun, so
//!   that a state costs a few words in a long history.
//!
//! The worst case stays exponential, and so there is a budget, in steps and in bytes rather than in
//! seconds: the same history gives the same verdict on every machine.

use super::history::{Action, NEVER, Operation, Outcome};
use super::intern::Table;
use super::spec::Spec;
use super::verdict::Meter;
use std::collections::BTreeSet;

/// What a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// These operations, one after another; indices into what was searched.
    Order(Vec<u32>),
    /// There is no order.
    Nothing,
    /// The budget ended first.
    Exhausted,
}

/// Looks for an order of the operations that agrees with real time and with the object. Operations
/// that do not count are left out; they must come in the order of their invocations.
pub(super) fn search(spec: &mut impl Spec, ops: &[Operation], meter: &mut Meter<'_>) -> Found {
    let useful = useful(ops);
    let mut search = Search::new(ops, useful, spec.initial());
    search.find_resets(spec);
    search.run(spec, meter)
}

/// The operations that take part. An unknown update of a register whose value nobody needs may be
/// taken for one that never happened, unless a refusal or an append might tell of it.
pub(super) fn useful(ops: &[Operation]) -> Vec<u32> {
    let mut kept: Vec<u32> = (0..ops.len() as u32).filter(|i| ops[*i as usize].counts()).collect();
    let of = |i: &u32| &ops[*i as usize];
    let tells = |op: &&Operation| op.refused() || op.action.accumulates();
    let barred: BTreeSet<u32> = kept.iter().map(of).filter(tells).map(|op| op.key).collect();
    loop {
        let found = |i: &u32| of(i).found().map(|value| (of(i).key, value));
        let mut needed: Vec<(u32, u32)> = kept.iter().filter_map(found).collect();
        needed.sort_unstable();
        let before = kept.len();
        kept.retain(|i| {
            let op = of(i);
            let is_needed = |value| needed.binary_search(&(op.key, value)).is_ok();
            op.outcome == Outcome::Ok
                || barred.contains(&op.key)
                || op.makes().is_some_and(is_needed)
        });
        if kept.len() == before {
            return kept;
        }
    }
}

const NONE: u32 = u32::MAX;
/// With more operations than this, finding out what begins what would cost more than it saves.
const MOST_WITH_RESETS: usize = 5_000;

/// One operation taken, and how to give it back.
struct Taken {
    op: u32,
    before: u32,
    /// An observation: nothing else need be tried in its place.
    forced: bool,
}

struct Search<'o> {
    ops: &'o [Operation],
    /// Index into `ops` of each participant, in the order of invocations.
    members: Vec<u32>,
    /// The list of calls and returns still to pass, in the order of time. Node `i` is the call of
    /// member `i`, node `n + i` its return, node `2n` both ends of the list.
    next: Vec<u32>,
    previous: Vec<u32>,
    /// The member before this one that is unknown and alike.
    twin: Vec<u32>,
    /// By member, where texts are appended to: for a read, the updates that begin what it returned.
    resets: Vec<Vec<u32>>,
    /// The bit of each member in `done`; those of unknown operations come last.
    bit: Vec<u32>,
    done: Vec<u64>,
    /// How many words of `done` are for operations whose end is known.
    known_words: usize,
    /// All words below are full; all from `high` on, up to `known_words`, are empty.
    low: usize,
    high: usize,
    /// Operations whose end is known and that are not taken.
    remaining: u32,
    state: u32,
    taken: Vec<Taken>,
    seen: Table<u64>,
    key: Vec<u64>,
}

impl<'o> Search<'o> {
    fn new(ops: &'o [Operation], members: Vec<u32>, state: u32) -> Self {
        let n = members.len() as u32;
        let op = |i: u32| &ops[members[i as usize] as usize];
        let known: Vec<u32> = (0..n).filter(|i| op(*i).completed != NEVER).collect();
        // Calls come before returns of the same instant: those operations are concurrent.
        let mut events: Vec<(u64, u32)> = (0..n).map(|i| (op(i).invoked, i)).collect();
        events.extend(known.iter().map(|i| (op(*i).completed, n + i)));
        events.sort_unstable();
        let (mut next, mut previous) = (vec![0; 2 * n as usize + 1], vec![0; 2 * n as usize + 1]);
        let mut last = 2 * n;
        for (_, node) in events.into_iter().chain([(0, 2 * n)]) {
            next[last as usize] = node;
            previous[node as usize] = last;
            last = node;
        }
        let known_words = known.len().div_ceil(64);
        let (mut bit, mut twin) = (vec![0; n as usize], vec![NONE; n as usize]);
        let (mut knowns, mut unknowns) = (0, known_words as u32 * 64);
        let mut alike: Vec<(Action, u32, u32, u32)> = Vec::new();
        for i in 0..n {
            let Operation { action, value, expected, completed, .. } = *op(i);
            if completed != NEVER {
                bit[i as usize] = knowns;
                knowns += 1;
                continue;
            }
            bit[i as usize] = unknowns;
            unknowns += 1;
            let same =
                |a: &&mut (Action, u32, u32, u32)| (a.0, a.1, a.2) == (action, value, expected);
            match alike.iter_mut().find(same) {
                Some(before) => twin[i as usize] = std::mem::replace(&mut before.3, i),
                None => alike.push((action, value, expected, i)),
            }
        }
        Self {
            ops,
            next,
            previous,
            twin,
            resets: Vec::new(),
            bit,
            done: vec![0; (unknowns as usize).div_ceil(64)],
            known_words,
            low: 0,
            high: 0,
            remaining: known.len() as u32,
            state,
            taken: Vec::with_capacity(n as usize),
            seen: Table::default(),
            key: Vec::new(),
            members,
        }
    }

    fn op(&self, member: u32) -> &'o Operation {
        &self.ops[self.members[member as usize] as usize]
    }

    fn run(&mut self, spec: &mut impl Spec, meter: &mut Meter<'_>) -> Found {
        let end = 2 * self.members.len() as u32;
        let mut from = self.next[end as usize];
        let mut arrived = true;
        while self.remaining > 0 {
            if arrived {
                if let Some(member) = self.observation(spec, meter) {
                    self.take(member, self.state, true);
                    continue;
                }
                let alive = !self.is_hopeless(spec, meter) && self.is_new(spec, meter);
                from = if alive { self.next[end as usize] } else { end };
            }
            if meter.is_empty() {
                return Found::Exhausted;
            }
            match self.update(spec, from, meter) {
                Some((member, state)) => {
                    self.take(member, state, false);
                    arrived = true;
                }
                None => match self.back() {
                    Some(node) => (from, arrived) = (node, false),
                    None => return Found::Nothing,
                },
            }
        }
        Found::Order(self.taken.iter().map(|taken| self.members[taken.op as usize]).collect())
    }

    /// An observation that may come next and fits the state.
    fn observation(&self, spec: &mut impl Spec, meter: &mut Meter<'_>) -> Option<u32> {
        let n = self.members.len() as u32;
        let mut node = self.next[2 * n as usize];
        while node < n {
            let op = self.op(node);
            if op.observes() {
                meter.step();
                if spec.apply(self.state, op).is_some() {
                    return Some(node);
                }
            }
            node = self.next[node as usize];
        }
        None
    }

    /// The first update from `node` on that may come next, and the state after it.
    fn update(
        &self,
        spec: &mut impl Spec,
        mut node: u32,
        meter: &mut Meter<'_>,
    ) -> Option<(u32, u32)> {
        let n = self.members.len() as u32;
        while node < n {
            let op = self.op(node);
            let twin = self.twin[node as usize];
            if !op.observes() && (twin == NONE || self.is_done(twin)) {
                meter.step();
                if let Some(state) = spec.apply(self.state, op) {
                    return Some((node, state));
                }
            }
            node = self.next[node as usize];
        }
        None
    }

    /// Finds out which updates begin what each read returned, if texts are appended to.
    fn find_resets(&mut self, spec: &impl Spec) {
        let appends = self.members.iter().any(|i| self.ops[*i as usize].action == Action::Append);
        if !appends || self.members.len() > MOST_WITH_RESETS {
            return;
        }
        let all = 0..self.members.len() as u32;
        let begins = |read: u32| {
            let leads = |i: &u32| {
                self.op(*i).makes().is_some_and(|made| spec.leads_to(made, self.op(read).value))
            };
            let is_read = self.op(read).action == Action::Read;
            if is_read { all.clone().filter(leads).collect() } else { Vec::new() }
        };
        self.resets = all.clone().map(begins).collect();
    }

    /// Whether a read under way can no longer return what it did.
    fn is_hopeless(&self, spec: &impl Spec, meter: &mut Meter<'_>) -> bool {
        let n = self.members.len() as u32;
        let mut node = self.next[2 * n as usize];
        while node < n && !self.resets.is_empty() {
            if self.op(node).action == Action::Read {
                meter.step();
                let begun = spec.leads_to(self.state, self.op(node).value);
                if !begun && self.resets[node as usize].iter().all(|i| self.is_done(*i)) {
                    return true;
                }
            }
            node = self.next[node as usize];
        }
        false
    }

    fn is_done(&self, member: u32) -> bool {
        let bit = self.bit[member as usize];
        self.done[bit as usize / 64] >> (bit % 64) & 1 == 1
    }

    /// Whether the present set and state were not met before.
    fn is_new(&mut self, spec: &impl Spec, meter: &mut Meter<'_>) -> bool {
        while self.low < self.known_words && self.done[self.low] == u64::MAX {
            self.low += 1;
        }
        while self.high > self.low && self.done[self.high - 1] == 0 {
            self.high -= 1;
        }
        let high = self.high.max(self.low);
        self.key.clear();
        self.key.push(u64::from(self.state) | (self.low as u64) << 32);
        self.key.extend_from_slice(&self.done[self.low..high]);
        self.key.extend_from_slice(&self.done[self.known_words..]);
        let new = self.seen.insert(&self.key).1;
        meter.hold(self.seen.bytes() + spec.bytes());
        new
    }

    fn take(&mut self, member: u32, state: u32, forced: bool) {
        let n = self.members.len();
        self.unlink(member);
        if self.op(member).completed != NEVER {
            self.unlink(n as u32 + member);
            self.remaining -= 1;
            self.high = self.high.max(self.bit[member as usize] as usize / 64 + 1);
        }
        let bit = self.bit[member as usize];
        self.done[bit as usize / 64] |= 1 << (bit % 64);
        self.taken.push(Taken { op: member, before: self.state, forced });
        self.state = state;
    }

    /// Gives back up to the last choice; the node behind it, where the next choice begins.
    fn back(&mut self) -> Option<u32> {
        let n = self.members.len() as u32;
        loop {
            let Taken { op, before, forced } = self.taken.pop()?;
            let word = self.bit[op as usize] as usize / 64;
            self.done[word] &= !(1 << (self.bit[op as usize] % 64));
            if self.op(op).completed != NEVER {
                self.low = self.low.min(word);
                self.relink(n + op);
                self.remaining += 1;
            }
            self.relink(op);
            self.state = before;
            if !forced {
                return Some(self.next[op as usize]);
            }
        }
    }

    fn unlink(&mut self, node: u32) {
        let (before, after) = (self.previous[node as usize], self.next[node as usize]);
        self.next[before as usize] = after;
        self.previous[after as usize] = before;
    }

    fn relink(&mut self, node: u32) {
        let (before, after) = (self.previous[node as usize], self.next[node as usize]);
        self.next[before as usize] = node;
        self.previous[after as usize] = node;
    }
}
