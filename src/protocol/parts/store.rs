//! A replica's copy of what one orderer orders: the log, what of it is durable and applied, and the
//! table it makes. Primary-backup and chain replication hold their data in it.

use super::early::Early;
use super::table::{Command, Table};
use crate::op::{Contents, NodeId};
use crate::protocol::{Protocol, ReplicaCx, WriteId};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Entries kept in memory for backups that fall behind; who misses more gets a snapshot.
const RETAIN: usize = 1 << 14;

/// The state up to an index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Everything up to here is applied.
    pub index: u64,
    /// The result.
    pub table: Table,
}

/// Who orders, where that may change: an epoch, the vote given in it, and in which epoch's order the log
/// of this copy ends. Where nobody ever takes over all of it stays 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenure {
    /// The latest that was heard of.
    pub epoch: u32,
    /// Who got this copy's vote in it.
    pub vote: Option<NodeId>,
    /// The log is the beginning of what the primary of this epoch ordered, and goes as far as that one's
    /// did when it began, or farther.
    pub line: u32,
}

/// What survives a crash.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Record {
    /// The entry after the previous one.
    Entry(Command),
    /// All that came before: what is applied, who orders, and what of the log is not applied yet. One record,
    /// for a crash may keep the first of several and lose the rest.
    Snapshot(Box<Snapshot>, Tenure, Box<[Command]>),
    /// Who orders from now on.
    Tenure(Tenure),
}

/// Log and state. Indexes count the writes that were ordered, from 1.
#[derive(Debug)]
pub struct Store {
    /// Entries `base + 1 ..`.
    log: VecDeque<Command>,
    base: u64,
    /// Sent to the disk up to here.
    sent: u64,
    /// On disk up to here.
    durable: u64,
    /// Entries on their way to the disk: the position in its log, and the index.
    syncing: VecDeque<(WriteId, u64)>,
    /// In the table up to here.
    applied: u64,
    table: Table,
    /// The index of the latest snapshot on disk or on its way, and its position while on its way.
    snapshot: (u64, Option<WriteId>),
    /// Entries after the log's end that arrived early, on links that reorder.
    early: Early<Command>,
    tenure: Tenure,
    /// Its position while on its way to the disk.
    settling: Option<WriteId>,
    /// Where keys hold objects and the order can fork: of the entries `base + 1 ..= applied`, whether each
    /// took effect.
    took: Option<VecDeque<bool>>,
}

impl Store {
    /// Rebuilds the copy from the durable log; entries after the snapshot are not applied yet.
    #[must_use]
    pub fn recover(keys: u32, contents: Contents, records: &[Record]) -> Self {
        let mut store = Self {
            log: VecDeque::new(),
            base: 0,
            sent: 0,
            durable: 0,
            syncing: VecDeque::new(),
            applied: 0,
            table: Table::new(keys, contents),
            snapshot: (0, None),
            early: Early::default(),
            tenure: Tenure::default(),
            settling: None,
            took: None,
        };
        for record in records {
            match record {
                Record::Entry(command) => store.log.push_back(*command),
                Record::Snapshot(snapshot, tenure, behind) => {
                    store.reset((**snapshot).clone());
                    store.log.extend(behind.iter().copied());
                    store.tenure = *tenure;
                }
                Record::Tenure(tenure) => store.tenure = *tenure,
            }
        }
        store.sent = store.last();
        store.durable = store.last();
        store
    }

    /// Says that of what is applied some may be taken back, here or elsewhere: then it is told of each update of
    /// an object what it was made from.
    pub fn forking(&mut self) {
        self.took = (!self.table.is_register()).then(VecDeque::new);
    }

    fn reset(&mut self, snapshot: Snapshot) {
        self.base = snapshot.index;
        self.applied = snapshot.index;
        self.snapshot.0 = snapshot.index;
        self.table = snapshot.table;
        self.log.clear();
        self.took.iter_mut().for_each(VecDeque::clear);
    }

    /// The values, as of what is applied.
    #[must_use]
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// Who orders, as far as this copy knows.
    #[must_use]
    pub fn tenure(&self) -> Tenure {
        self.tenure
    }

    /// Whether that is on disk.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.settling.is_none()
    }

    /// Keeps who orders from now on, ahead of every later entry.
    pub fn settle<P: Protocol<Record = Record>>(
        &mut self,
        tenure: Tenure,
        cx: &mut ReplicaCx<'_, P>,
    ) -> WriteId {
        let id = cx.persist(Record::Tenure(tenure));
        (self.tenure, self.settling) = (tenure, Some(id));
        id
    }

    /// Everything up to here is in the table and no longer in the log.
    #[must_use]
    pub fn base(&self) -> u64 {
        self.base
    }

    /// The latest index in the log.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.base + self.log.len() as u64
    }

    /// On disk up to here.
    #[must_use]
    pub fn durable(&self) -> u64 {
        self.durable
    }

    /// In the table up to here.
    #[must_use]
    pub fn applied(&self) -> u64 {
        self.applied
    }

    /// The entry at an index, if it is still in memory.
    #[must_use]
    pub fn entry(&self, index: u64) -> Option<Command> {
        self.log.get(index.checked_sub(self.base + 1)? as usize).copied()
    }

    /// Appends an entry and sends it to the disk.
    pub fn append<P: Protocol<Record = Record>>(
        &mut self,
        command: Command,
        cx: &mut ReplicaCx<'_, P>,
    ) {
        self.hold(command);
        self.flush(cx);
    }

    /// Appends an entry in memory alone; it stays there until the next flush.
    pub fn hold(&mut self, command: Command) {
        self.log.push_back(command);
    }

    /// Sends to the disk what has not been sent.
    pub fn flush<P: Protocol<Record = Record>>(&mut self, cx: &mut ReplicaCx<'_, P>) {
        for index in self.sent + 1..=self.last() {
            if let Some(command) = self.entry(index) {
                let id = cx.persist(Record::Entry(command));
                self.syncing.push_back((id, index));
            }
        }
        self.sent = self.last();
    }

    /// Whether everything has been sent to the disk.
    #[must_use]
    pub fn is_flushed(&self) -> bool {
        self.sent == self.last()
    }

    /// Takes an entry from whoever is before this copy, in its turn or somewhat early.
    pub fn receive<P: Protocol<Record = Record>>(
        &mut self,
        index: u64,
        command: Command,
        cx: &mut ReplicaCx<'_, P>,
    ) {
        if let Some(ahead) = index.checked_sub(self.last() + 1) {
            self.early.keep(ahead, command);
        }
        while let Some(command) = self.early.next_in_turn() {
            self.append(command, cx);
        }
    }

    /// Forgets what came before its turn: it was ordered by somebody who orders no more.
    pub fn forget_early(&mut self) {
        self.early.clear();
    }

    /// Replaces the copy by another's, whose order this one's log follows from now on.
    pub fn install<P: Protocol<Record = Record>>(
        &mut self,
        snapshot: Snapshot,
        line: u32,
        cx: &mut ReplicaCx<'_, P>,
    ) {
        let index = snapshot.index;
        self.tenure.line = line;
        self.early.clear();
        self.reset(snapshot.clone());
        (self.sent, self.durable) = (index, 0);
        self.syncing.clear();
        let id = cx.persist(Record::Snapshot(Box::new(snapshot), self.tenure, Box::default()));
        self.syncing.push_back((id, index));
        self.snapshot = (index, Some(id));
    }

    /// The disk has reached a position.
    pub fn on_durable<P: Protocol<Record = Record>>(
        &mut self,
        upto: WriteId,
        cx: &mut ReplicaCx<'_, P>,
    ) {
        while let Some((id, index)) = self.syncing.front().copied() {
            if id > upto {
                break;
            }
            self.durable = index;
            self.syncing.pop_front();
        }
        self.settling.take_if(|id| *id <= upto);
        if let (index, Some(id)) = self.snapshot
            && id <= upto
        {
            cx.truncate(id);
            self.snapshot = (index, None);
        }
    }

    /// Applies the next entry, if it is at or below `upto`; says which it was and whether it took
    /// effect now.
    pub fn apply_next<P: Protocol<Record = Record>>(
        &mut self,
        upto: u64,
        cx: &mut ReplicaCx<'_, P>,
    ) -> Option<(Command, bool)> {
        if self.applied >= upto {
            return None;
        }
        let command = self.entry(self.applied + 1)?;
        self.applied += 1;
        let Some(took) = &mut self.took else { return Some((command, self.table.apply(&command))) };
        let before = self.table.state(command.key);
        let new = self.table.apply(&command);
        took.push_back(new);
        if new {
            cx.note_made(command.value, before);
        }
        Some((command, new))
    }

    /// Applies everything up to an index.
    pub fn apply_all<P: Protocol<Record = Record>>(
        &mut self,
        upto: u64,
        cx: &mut ReplicaCx<'_, P>,
    ) {
        while self.apply_next(upto, cx).is_some() {}
    }

    /// Whether an applied entry took effect, where that is known; of registers all count that are there.
    #[must_use]
    pub fn took_effect(&self, index: u64) -> bool {
        let Some(took) = &self.took else { return true };
        let at = index.checked_sub(self.base + 1);
        at.and_then(|at| took.get(at as usize)).copied().unwrap_or(false)
    }

    /// Forgets applied entries on disk that every backup has, and those too old to keep for the others.
    pub fn trim(&mut self, everyone_has: u64) {
        while !self.log.is_empty()
            && self.base < self.applied.min(self.durable)
            && (self.base < everyone_has || self.log.len() > RETAIN)
        {
            self.log.pop_front();
            self.took.iter_mut().for_each(|took| _ = took.pop_front());
            self.base += 1;
        }
    }

    /// The state as of now, to send or to keep.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot { index: self.applied, table: self.table.clone() }
    }

    /// Writes a snapshot if the log on disk has grown by `every` applied entries, with what is not
    /// applied yet; the log before it is dropped when it is safe.
    pub fn compact<P: Protocol<Record = Record>>(&mut self, every: u64, cx: &mut ReplicaCx<'_, P>) {
        if self.snapshot.1.is_some() || self.applied < self.snapshot.0 + every {
            return;
        }
        // Recovery counts entries, so one that the snapshot holds must not come behind it.
        self.flush(cx);
        let behind =
            (self.applied + 1..=self.last()).filter_map(|index| self.entry(index)).collect();
        let id = cx.persist(Record::Snapshot(Box::new(self.snapshot()), self.tenure, behind));
        self.snapshot = (self.applied, Some(id));
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::chain::Chain;
    use super::*;
    use crate::op::{Key, OpId, Update, Value};
    use crate::protocol::{Cx, Effect, Effects};
    use crate::rng::Rng;
    use crate::time::LocalTime;

    fn write(n: u32) -> Command {
        let (update, client) = (Update::Put, NodeId(9));
        Command { key: Key(0), value: Value(n), update, client, op: OpId(n) }
    }

    /// A machine that stops while a snapshot is being written may find any beginning of what it wrote.
    #[test]
    fn what_was_synced_and_not_applied_outlives_a_crash_in_the_middle_of_a_snapshot() {
        let mut store = Store::recover(1, Contents::default(), &[]);
        let (mut effects, mut rng) = (Effects::<Chain>::default(), Rng::stream(1, "node", 0));
        let mut cx = ReplicaCx(Cx::new(&mut effects, &mut rng, LocalTime(0)));
        (1..=5).for_each(|n| store.append(write(n), &mut cx));
        store.on_durable(WriteId(4), &mut cx);
        store.apply_all(2, &mut cx);
        store.compact(1, &mut cx);
        store.append(write(6), &mut cx);
        let persisted = effects.queue.drain(..).filter_map(|effect| match effect {
            Effect::Persist(record) => Some(record),
            _ => None,
        });
        let records: Vec<Record> = persisted.collect();
        let snapshot = records.iter().position(|one| matches!(one, Record::Snapshot(..)));
        let snapshot = snapshot.expect("it is time for one");
        for kept in 5..=records.len() {
            for from in [0, snapshot.min(kept)] {
                let again = Store::recover(1, Contents::default(), &records[from..kept]);
                let expected = if kept == records.len() { 6 } else { 5 };
                // What came before the snapshot may go once that is on disk.
                if kept > snapshot || from == 0 {
                    assert_eq!(again.last(), expected, "records {from} to {kept}");
                    let entries = (again.base() + 1..=again.last()).map(|at| again.entry(at));
                    assert!(
                        entries.zip(again.base() as u32 + 1..).all(|(e, n)| e == Some(write(n)))
                    );
                }
            }
        }
    }
}
