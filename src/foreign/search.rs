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
//! * A set of operations costs a few words in a long history (`search/place.rs`).
//!
//! The worst case stays exponential, and so there is a budget, in steps and in bytes rather than in
//! seconds: the same history gives the same verdict on every machine.

mod place;
mod useful;

use super::history::{Action, Operation};
use super::spec::Spec;
use super::verdict::Meter;
use place::Search;
pub(super) use useful::useful;

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

const NONE: u32 = u32::MAX;
/// With more operations than this, finding out what begins what would cost more than it saves.
const MOST_WITH_RESETS: usize = 5_000;

/// One operation taken, and how to give it back.
pub(super) struct Taken {
    pub(super) op: u32,
    /// The state before it.
    pub(super) before: u32,
    /// An observation: nothing else need be tried in its place.
    pub(super) forced: bool,
}

impl Search<'_> {
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
}
