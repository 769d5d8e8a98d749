//! What the order comes to: values, each with the place of the write set that wrote it, and the
//! certification test. All of it is a function of the prefix applied, so every replica that has
//! applied the same prefix is equal and has passed and refused the same write sets.

use super::message::Entry;
use crate::op::{Contents, Key};
use crate::protocol::parts::table::{Table, slot};
use serde::{Deserialize, Serialize};

/// The state after a prefix of the order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// How many write sets were ordered, those that were refused among them.
    index: u64,
    table: Table,
    /// By key, the place of the write set that wrote it last; 0 for none.
    versions: Vec<u64>,
}

/// What became of a write set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It passed.
    Written,
    /// The client's request, sent twice, had passed before.
    Again,
    /// It had read a version that is no longer the latest: the first committer wins.
    Conflict,
}

impl State {
    pub(super) fn new(keys: u32, contents: Contents) -> Self {
        Self { index: 0, table: Table::new(keys, contents), versions: vec![0; keys as usize] }
    }

    /// How many write sets were ordered.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The values.
    #[must_use]
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// The place of the write set that wrote this key last.
    #[must_use]
    pub fn version(&self, key: Key) -> u64 {
        self.versions.get(key.0 as usize).copied().unwrap_or_default()
    }

    /// Certifies the next write set of the order, and applies it if it passes.
    pub(super) fn apply(&mut self, entry: &Entry) -> Fate {
        let command = &entry.command;
        self.index += 1;
        if self.table.has_applied(command.client, command.op) {
            return Fate::Again;
        }
        if entry.read.is_some_and(|read| read != self.version(command.key)) {
            return Fate::Conflict;
        }
        self.table.apply(command);
        *slot(&mut self.versions, command.key.0 as usize) = self.index;
        Fate::Written
    }

    pub(super) fn wire_size(&self) -> u32 {
        8 + self.table.wire_size() + 8 * self.versions.len() as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::{NodeId, OpId, Update, Value};
    use crate::protocol::parts::table::Command;

    fn entry(client: u32, op: u32, value: u32, read: Option<u64>) -> Entry {
        let command = Command {
            key: Key(0),
            value: Value(value),
            update: Update::Put,
            client: NodeId(client),
            op: OpId(op),
        };
        Entry { stamp: 1, from: NodeId(0), seq: 1, command, read }
    }

    #[test]
    fn of_two_that_read_one_version_the_first_in_the_order_wins() {
        let mut state = State::new(1, Contents::default());
        assert_eq!(state.apply(&entry(5, 0, 10, Some(0))), Fate::Written);
        assert_eq!(state.apply(&entry(6, 1, 11, Some(0))), Fate::Conflict);
        assert_eq!(state.apply(&entry(6, 2, 12, None)), Fate::Written, "blind writes pass");
        assert_eq!(state.apply(&entry(5, 3, 13, Some(3))), Fate::Written);
        assert_eq!((state.table().read(Key(0)), state.version(Key(0))), (Value(13), 4));
    }

    #[test]
    fn a_request_sent_twice_passes_once_and_is_refused_both_times() {
        let mut state = State::new(1, Contents::default());
        assert_eq!(state.apply(&entry(5, 1, 10, Some(0))), Fate::Written);
        assert_eq!(state.apply(&entry(5, 1, 10, Some(0))), Fate::Again, "no conflict with itself");
        for _ in 0..2 {
            assert_eq!(state.apply(&entry(6, 2, 11, Some(0))), Fate::Conflict);
        }
        assert_eq!(state.index(), 4);
    }
}
