//! Where a search stands: what it has taken, and how to give it back.
//!
//! What is not taken is a doubly linked list in the order of time, out of which an operation is taken in constant time and
//! put back in it. The set of what is taken is kept as the window between what is all done and what is not begun, so
//! that a state costs a few words in a long history.

use super::super::history::{Action, NEVER, Operation};
use super::super::intern::Table;
use super::super::spec::Spec;
use super::super::verdict::Meter;
use super::{NONE, Taken};
use std::collections::BTreeMap;

/// What is taken of the operations, in which state that left the object, and what is left to choose from.
pub(super) struct Search<'o> {
    pub(super) ops: &'o [Operation],
    /// Index into `ops` of each participant, in the order of invocations.
    pub(super) members: Vec<u32>,
    /// The list of calls and returns still to pass, in the order of time. Node `i` is the call of
    /// member `i`, node `n + i` its return, node `2n` both ends of the list.
    pub(super) next: Vec<u32>,
    previous: Vec<u32>,
    /// The member before this one that is unknown and alike.
    pub(super) twin: Vec<u32>,
    /// By member, where texts are appended to: for a read, the updates that begin what it returned.
    pub(super) resets: Vec<Vec<u32>>,
    /// The bit of each member in `done`; those of unknown operations come last.
    bit: Vec<u32>,
    done: Vec<u64>,
    /// How many words of `done` are for operations whose end is known.
    known_words: usize,
    /// All words below are full; all from `high` on, up to `known_words`, are empty.
    low: usize,
    high: usize,
    /// Operations whose end is known and that are not taken.
    pub(super) remaining: u32,
    pub(super) state: u32,
    pub(super) taken: Vec<Taken>,
    seen: Table<u64>,
    key: Vec<u64>,
}

impl<'o> Search<'o> {
    pub(super) fn new(ops: &'o [Operation], members: Vec<u32>, state: u32) -> Self {
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
        let mut alike: BTreeMap<(Action, u32, u32), u32> = BTreeMap::new();
        for i in 0..n {
            let Operation { action, value, expected, completed, .. } = *op(i);
            if completed != NEVER {
                bit[i as usize] = knowns;
                knowns += 1;
                continue;
            }
            bit[i as usize] = unknowns;
            unknowns += 1;
            if let Some(before) = alike.insert((action, value, expected), i) {
                twin[i as usize] = before;
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

    pub(super) fn op(&self, member: u32) -> &'o Operation {
        &self.ops[self.members[member as usize] as usize]
    }

    pub(super) fn is_done(&self, member: u32) -> bool {
        let bit = self.bit[member as usize];
        self.done[bit as usize / 64] >> (bit % 64) & 1 == 1
    }

    /// Whether the present set and state were not met before.
    pub(super) fn is_new(&mut self, spec: &impl Spec, meter: &mut Meter<'_>) -> bool {
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

    pub(super) fn take(&mut self, member: u32, state: u32, forced: bool) {
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
    pub(super) fn back(&mut self) -> Option<u32> {
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
