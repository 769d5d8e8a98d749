//! The operations of one key, which laws (`objects.rs`) and classes (`classes.rs`) look at from all sides.

use super::history::{Action, History, Operation};
use super::words::{describe, short};

/// The operations of one key that count, in the order of their invocations.
#[derive(Clone, Copy)]
pub(super) struct Key<'h> {
    pub(super) history: &'h History,
    pub(super) ops: &'h [Operation],
    /// Which of `ops` they are.
    pub(super) members: &'h [u32],
    /// Whether an order of them has to agree with real time, or only with each process.
    pub(super) real_time: bool,
}

impl<'h> Key<'h> {
    pub(super) fn op(self, i: u32) -> &'h Operation {
        &self.ops[i as usize]
    }

    pub(super) fn did(self, i: u32) -> String {
        describe(self.history, self.op(i))
    }

    pub(super) fn name(self) -> String {
        self.members.first().map_or_else(String::new, |i| short(self.history.key(self.op(*i).key)))
    }

    pub(super) fn reads(self) -> impl Iterator<Item = u32> {
        self.members.iter().copied().filter(move |i| self.op(*i).action == Action::Read)
    }

    pub(super) fn updates(self) -> impl Iterator<Item = u32> {
        self.members.iter().copied().filter(move |i| !self.op(*i).observes())
    }

    pub(super) fn observations(self) -> impl Iterator<Item = u32> {
        self.members.iter().copied().filter(move |i| self.op(*i).observes())
    }

    /// Whether an order may have `later` behind `earlier`.
    pub(super) fn may_follow(self, later: u32, earlier: u32) -> bool {
        let (a, b) = (self.op(earlier), self.op(later));
        if self.real_time {
            return b.completed >= a.invoked;
        }
        a.process != b.process || earlier < later
    }
}
