//! Bounded staleness by versions: how many versions of its key backups may lack when a write is
//! acknowledged.
//!
//! Of whatever was acknowledged when a read began, no backup lacked more than the last k versions of a
//! key then, and it lacks no more when it answers. Azure Cosmos DB bounds staleness by versions in the
//! same way: writers are held back while some region lags ("Consistency levels in Azure Cosmos DB").
//! Entries are counted, so a request that was asked for twice, or was refused, counts with the rest:
//! the wait may be longer than it must be and is never shorter.

use super::Store;
use crate::op::Key;
use crate::protocol::parts::table::Command;
use std::collections::VecDeque;

/// Writes that are not acknowledged yet: their index, and how many versions backups may lack.
#[derive(Debug, Default)]
pub(super) struct Lag(VecDeque<(u64, u32)>);

impl Lag {
    /// A write takes its place in the order.
    pub(super) fn begin(&mut self, index: u64, versions: Option<u32>) {
        self.0.extend(versions.map(|k| (index, k)));
    }

    /// Whether an acknowledgement may be what some write waits for.
    pub(super) fn holds(&self) -> bool {
        !self.0.is_empty()
    }

    /// How far clients may be told, up to `done`, where every backup shows everything up to `shown`.
    pub(super) fn ended(&mut self, store: &Store, shown: u64, done: u64) -> u64 {
        while let Some((index, k)) = self.0.front().copied().filter(|(index, _)| *index <= done) {
            let lacks = |entry: Command| versions(store, entry.key, shown, index) > k;
            if store.entry(index).is_some_and(lacks) {
                return index - 1;
            }
            self.0.pop_front();
        }
        done
    }
}

/// How many versions of a key stand after one place in the order and up to another; an entry that is in
/// memory no more may be of any key.
pub(super) fn versions(store: &Store, key: Key, after: u64, upto: u64) -> u32 {
    let of_key = |index: &u64| store.entry(*index).is_none_or(|entry| entry.key == key);
    (after.saturating_add(1)..=upto).filter(of_key).count() as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::{Contents, NodeId, OpId, Update, Value};

    fn write(key: u32, n: u32) -> Command {
        let (update, client) = (Update::Put, NodeId(9));
        Command { key: Key(key), value: Value(n), update, client, op: OpId(n) }
    }

    #[test]
    fn a_write_waits_while_a_backup_lacks_more_versions_of_its_key_and_holds_up_those_behind_it() {
        let (mut store, mut lag) = (Store::recover(2, Contents::default(), &[]), Lag::default());
        for (n, key) in (1..).zip([0, 1, 0, 0, 1]) {
            lag.begin(store.last() + 1, (n < 5).then_some(1));
            store.hold(write(key, n));
        }
        let mut told = |shown| lag.ended(&store, shown, 5);
        assert_eq!(told(0), 2, "the third write is the second version of key 0");
        assert_eq!(told(1), 3);
        assert_eq!(told(2), 3, "the second write is of another key");
        assert_eq!(told(3), 5, "the last one asked for no bound");
        assert!(!lag.holds());
    }

    #[test]
    fn what_is_in_memory_no_more_may_be_of_any_key() {
        let store = Store::recover(2, Contents::default(), &[]);
        assert_eq!(versions(&store, Key(0), 3, 7), 4);
        assert_eq!(versions(&store, Key(0), u64::MAX, 7), 0, "there are no backups");
    }
}
