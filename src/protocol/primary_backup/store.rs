//! A replica's copy: the log, what of it is durable and applied, and the table it makes.

use super::{Record, ServerCx, Snapshot, Token};
use crate::protocol::WriteId;
use crate::protocol::parts::table::{Command, Table};
use std::collections::VecDeque;

/// Entries kept in memory for backups that fall behind; who misses more gets a snapshot.
const RETAIN: usize = 1 << 14;

/// Log and state. Indexes count the writes the primary has ordered, from 1.
#[derive(Debug)]
pub(super) struct Store {
    /// Entries `base + 1 ..`.
    log: VecDeque<Command>,
    base: u64,
    /// On disk up to here.
    durable: u64,
    /// Entries on their way to the disk: the position in its log, and the index.
    syncing: VecDeque<(WriteId, u64)>,
    /// In the table up to here.
    applied: u64,
    table: Table,
    /// The index of the latest snapshot on disk or on its way, and its position while on its way.
    snapshot: (u64, Option<WriteId>),
}

impl Store {
    /// Rebuilds the copy from the durable log; entries after the snapshot are not applied yet.
    pub(super) fn recover(keys: u32, records: &[Record]) -> Self {
        let mut store = Self {
            log: VecDeque::new(),
            base: 0,
            durable: 0,
            syncing: VecDeque::new(),
            applied: 0,
            table: Table::new(keys),
            snapshot: (0, None),
        };
        for record in records {
            match record {
                Record::Entry(command) => store.log.push_back(*command),
                Record::Snapshot(snapshot) => store.reset((**snapshot).clone()),
            }
        }
        store.durable = store.last();
        store
    }

    fn reset(&mut self, snapshot: Snapshot) {
        self.base = snapshot.index;
        self.applied = snapshot.index;
        self.snapshot.0 = snapshot.index;
        self.table = snapshot.table;
        self.log.clear();
    }

    pub(super) fn table(&self) -> &Table {
        &self.table
    }

    /// The latest index in the log.
    pub(super) fn last(&self) -> u64 {
        self.base + self.log.len() as u64
    }

    pub(super) fn durable(&self) -> u64 {
        self.durable
    }

    pub(super) fn applied(&self) -> u64 {
        self.applied
    }

    /// Where this copy stands.
    pub(super) fn token(&self) -> Token {
        Token(self.applied)
    }

    /// The entry at an index, if it is still in memory.
    pub(super) fn entry(&self, index: u64) -> Option<Command> {
        self.log.get(index.checked_sub(self.base + 1)? as usize).copied()
    }

    /// Appends an entry and sends it to the disk.
    pub(super) fn append(&mut self, command: Command, cx: ServerCx<'_, '_>) {
        self.log.push_back(command);
        let id = cx.persist(Record::Entry(command));
        self.syncing.push_back((id, self.last()));
    }

    /// Replaces the copy by the primary's.
    pub(super) fn install(&mut self, snapshot: Snapshot, cx: ServerCx<'_, '_>) {
        let index = snapshot.index;
        self.reset(snapshot.clone());
        self.durable = 0;
        self.syncing.clear();
        let id = cx.persist(Record::Snapshot(Box::new(snapshot)));
        self.syncing.push_back((id, index));
        self.snapshot = (index, Some(id));
    }

    /// The disk has reached a position.
    pub(super) fn on_durable(&mut self, upto: WriteId, cx: ServerCx<'_, '_>) {
        while let Some((id, index)) = self.syncing.front().copied() {
            if id > upto {
                break;
            }
            self.durable = index;
            self.syncing.pop_front();
        }
        if let (index, Some(id)) = self.snapshot
            && id <= upto
        {
            cx.truncate(id);
            self.snapshot = (index, None);
        }
    }

    /// Applies the next entry, if it is at or below `upto`; says which it was and whether it was new.
    pub(super) fn apply_next(&mut self, upto: u64) -> Option<(Command, bool)> {
        if self.applied >= upto {
            return None;
        }
        let command = self.entry(self.applied + 1)?;
        self.applied += 1;
        Some((command, self.table.apply(&command)))
    }

    /// Applies everything up to an index.
    pub(super) fn apply_all(&mut self, upto: u64) {
        while self.apply_next(upto).is_some() {}
    }

    /// Forgets applied entries that every backup has, and those too old to keep for the others.
    pub(super) fn trim(&mut self, everyone_has: u64) {
        while !self.log.is_empty()
            && self.base < self.applied
            && (self.base < everyone_has || self.log.len() > RETAIN)
        {
            self.log.pop_front();
            self.base += 1;
        }
    }

    /// The state as of now, to send or to keep.
    pub(super) fn snapshot(&self) -> Snapshot {
        Snapshot { index: self.applied, table: self.table.clone() }
    }

    /// Writes a snapshot if the log on disk has grown by `every` applied entries, and what is not
    /// applied yet once more behind it; the log before it is dropped when it is safe.
    pub(super) fn compact(&mut self, every: u64, cx: ServerCx<'_, '_>) {
        if self.snapshot.1.is_some() || self.applied < self.snapshot.0 + every {
            return;
        }
        let id = cx.persist(Record::Snapshot(Box::new(self.snapshot())));
        self.snapshot = (self.applied, Some(id));
        for index in self.applied + 1..=self.last() {
            if let Some(command) = self.entry(index) {
                cx.persist(Record::Entry(command));
            }
        }
    }
}
