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
