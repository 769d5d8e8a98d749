//! What is wrong with a counter, a set, a lock or a list, in the words of its field.
//!
//! A search says that no order explains every answer. Often a plain law is broken, and then that is
//! what a reader wants to hear: two owners held the lock at once (mutual exclusion), more was taken
//! than there was (conservation), an element was lost. The laws here are necessary and not
//! sufficient: whatever breaks one has no order that agrees with real time, and what breaks none is
//! searched. They cost little and come first, so they also spare long searches. What they name is a
//! violation by itself.

mod counter;
mod list;
mod lock;
mod set;

use super::history::{History, Kind, Operation};
use super::of_key::Key;

/// A law that is broken: its name, what happened, and the operations that show it.
pub(super) struct Breach {
    pub(super) law: &'static str,
    pub(super) message: String,
    pub(super) operations: Vec<u32>,
}

/// The first law that the operations of one key break; `members` are indices into `ops`.
pub(super) fn breach(history: &History, ops: &[Operation], members: &[u32]) -> Option<Breach> {
    // They are laws of real time.
    let key = Key { history, ops, members, real_time: true };
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
