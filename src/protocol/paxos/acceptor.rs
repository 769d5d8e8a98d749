//! The acceptors of all keys at one replica, and their log.
//!
//! Lamport, "Paxos Made Simple" (2001): an acceptor accepts at a ballot unless it has promised a higher
//! one. Promises and what was accepted are on disk before anybody hears of them; so is what a query is
//! told, for a state counts as chosen once a majority has it.

use super::super::parts::table::slot;
use super::super::parts::version::{Version, Versions};
use super::message::{Ballot, Cell, Found, Held, Record};
use super::{Paxos, ReplicaCx};
use crate::op::{Contents, Key, Rank};
use crate::protocol::WriteId;

/// The acceptors.
#[derive(Debug)]
pub(super) struct Acceptors {
    contents: Contents,
    cells: Vec<Cell>,
    /// By key: the record after which all it says is safe.
    written: Vec<WriteId>,
    durable: WriteId,
    /// Over all keys, for comparing with other replicas.
    digest: u64,
    /// What a store that contains these holds of each key, whoever wrote it there; empty in one that does not.
    beside: Versions,
    /// Records since the last snapshot, and the snapshot that is on its way to the disk.
    records: u64,
    snapshot: Option<WriteId>,
}

impl Acceptors {
    /// Rebuilds them from the durable log.
    pub(super) fn recover(keys: u32, contents: Contents, log: &[Record]) -> Self {
        let mut acceptors = Self {
            contents,
            cells: vec![unheard(contents); keys as usize],
            written: vec![WriteId(0); keys as usize],
            durable: WriteId(0),
            digest: 0,
            beside: Versions::default(),
            records: log.len() as u64,
            snapshot: None,
        };
        for record in log {
            match record {
                Record::Promised(key, ballot) => _ = acceptors.promise(*key, *ballot),
                Record::Accepted(key, ballot, held) => _ = acceptors.accept(*key, *ballot, *held),
                Record::Chosen(key, rank) => _ = acceptors.choose(*key, *rank),
                Record::Snapshot(cells) => {
                    for (key, cell) in (0..).map(Key).zip(cells) {
                        acceptors.accept(key, cell.accepted, cell.held).ok();
                        acceptors.promise(key, cell.promised).ok();
                        acceptors.choose(key, cell.chosen);
                        acceptors.cell_mut(key).shown = cell.shown;
                    }
                }
            }
        }
        acceptors
    }

    /// The acceptor of a key.
    pub(super) fn cell(&self, key: Key) -> Cell {
        self.cells.get(key.0 as usize).copied().unwrap_or_else(|| unheard(self.contents))
    }

    fn cell_mut(&mut self, key: Key) -> &mut Cell {
        let needed = key.0 as usize + 1;
        if self.cells.len() < needed {
            self.cells.resize(needed, unheard(self.contents));
        }
        &mut self.cells[key.0 as usize]
    }

    /// What it holds of a key, or of some from it on.
    pub(super) fn found(&self, key: Key, count: u16) -> Found {
        if count == 0 {
            let Cell { accepted, held, .. } = self.cell(key);
            return match self.newer_beside(key) {
                Some(beside) => Found::Beside(accepted, held, beside),
                None => Found::One(accepted, held),
            };
        }
        let keys = (0..u32::from(count)).map(|i| Key(key.0.saturating_add(i)));
        let newest = |key| {
            let Cell { accepted, held, .. } = self.cell(key);
            (accepted, held.recent[0].max(self.beside.get(key)))
        };
        Found::Many(keys.map(newest).collect())
    }

    /// The store around these holds a version of a key.
    pub(super) fn take_beside(&mut self, key: Key, version: Version) {
        self.beside.take(key, version);
    }

    /// What the store around these holds of a key, if it is newer than what was accepted of it.
    pub(super) fn newer_beside(&self, key: Key) -> Option<Version> {
        let beside = self.beside.get(key);
        (beside > Version::default() && beside > self.cell(key).held.recent[0]).then_some(beside)
    }

    /// All of them.
    pub(super) fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// After which record what it says of these keys is safe.
    pub(super) fn safe_after(&self, key: Key, count: u16) -> WriteId {
        let keys = key.0 as usize..key.0 as usize + usize::from(count.max(1));
        let last = keys.filter_map(|key| self.written.get(key)).max();
        last.copied().unwrap_or_default()
    }

    /// Hears no lower ballot any more; what is promised already if that is higher.
    pub(super) fn promise(&mut self, key: Key, ballot: Ballot) -> Result<(), Ballot> {
        let cell = self.cell_mut(key);
        if cell.promised > ballot {
            return Err(cell.promised);
        }
        cell.promised = ballot;
        Ok(())
    }

    /// Accepts, unless a higher ballot is promised.
    pub(super) fn accept(&mut self, key: Key, ballot: Ballot, held: Held) -> Result<(), Ballot> {
        self.promise(key, ballot)?;
        let cell = self.cell_mut(key);
        let before = std::mem::replace(&mut cell.held, held);
        cell.accepted = ballot;
        cell.show();
        self.digest ^=
            fingerprint(key, before.recent[0].rank) ^ fingerprint(key, held.recent[0].rank);
        Ok(())
    }

    /// Learns that a version is chosen; says whether that is news.
    pub(super) fn choose(&mut self, key: Key, rank: Rank) -> bool {
        let cell = self.cell_mut(key);
        let news = rank > cell.chosen;
        cell.chosen = cell.chosen.max(rank);
        cell.show();
        news
    }

    /// Writes down what nobody waits for.
    pub(super) fn note(&mut self, record: Record, cx: &mut ReplicaCx<'_, Paxos>) {
        self.records += 1;
        cx.persist(record);
    }

    /// What it holds and does not know to be chosen.
    pub(super) fn in_doubt(&self) -> Vec<(Key, Rank)> {
        let cells = (0..).map(Key).zip(&self.cells);
        let doubtful = cells.filter(|(_, cell)| cell.held.recent[0].rank > cell.chosen);
        doubtful.map(|(key, cell)| (key, cell.held.recent[0].rank)).collect()
    }

    /// Writes down what has just changed of a key.
    pub(super) fn persist(&mut self, key: Key, record: Record, cx: &mut ReplicaCx<'_, Paxos>) {
        self.records += 1;
        *slot(&mut self.written, key.0 as usize) = cx.persist(record);
    }

    /// Whether a record is on disk.
    pub(super) fn is_durable(&self, id: WriteId) -> bool {
        id <= self.durable
    }

    /// The disk has reached a position. Writes a snapshot if the log has grown by `every` records; what
    /// was before it is dropped once it is safe.
    pub(super) fn on_durable(&mut self, upto: WriteId, every: u64, cx: &mut ReplicaCx<'_, Paxos>) {
        self.durable = upto;
        if let Some(id) = self.snapshot.take_if(|id| *id <= upto) {
            cx.truncate(id);
        }
        if self.snapshot.is_none() && self.records >= every {
            self.snapshot = Some(cx.persist(Record::Snapshot(self.cells.clone().into())));
            self.records = 0;
        }
    }

    /// One number over the versions of all keys.
    pub(super) fn digest(&self) -> u64 {
        self.digest
    }

    /// The rank of each key's version.
    pub(super) fn ranks(&self) -> Box<[Rank]> {
        self.cells.iter().map(|cell| cell.held.recent[0].rank).collect()
    }
}

fn unheard(contents: Contents) -> Cell {
    let least = Ballot::default();
    Cell {
        promised: least,
        accepted: least,
        held: Held::first(contents),
        chosen: least,
        shown: Version::default(),
    }
}

impl Cell {
    /// Remembers what is held and known to be chosen. A held version that is older than the chosen one need not
    /// be chosen itself: it may have been accepted by a minority, and the chosen one built upon another.
    fn show(&mut self) {
        let found = self.held.recent.into_iter().find(|version| version.rank == self.chosen);
        self.shown = found.unwrap_or(self.shown);
    }
}

/// What a version adds to the digest; nothing while the key was never written.
fn fingerprint(key: Key, rank: Rank) -> u64 {
    if rank == Rank::default() {
        return 0;
    }
    // The finalizer of SplitMix64 (Steele, Lea and Flood 2014).
    let mut hash = rank.time
        ^ (u64::from(key.0) << 32 | u64::from(rank.node)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    hash = (hash ^ hash >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ hash >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ hash >> 31
}

#[cfg(test)]
mod tests {
    use super::super::super::parts::version::Version;
    use super::*;
    use crate::op::Value;

    fn ballot(time: u64) -> Ballot {
        Rank { time, node: 0 }
    }

    fn write(n: u32) -> Held {
        let version = Version { rank: ballot(u64::from(n)), value: Value(n) };
        Held::first(Contents::default()).with(version, 0)
    }

    #[test]
    fn what_is_promised_is_kept_after_a_crash_and_after_a_snapshot() {
        let key = Key(0);
        let log = [
            Record::Promised(key, ballot(3)),
            Record::Accepted(key, ballot(3), write(3)),
            Record::Promised(key, ballot(7)),
        ];
        let mut acceptors = Acceptors::recover(1, Contents::default(), &log);
        for _ in 0..2 {
            assert_eq!(acceptors.accept(key, ballot(5), write(5)), Err(ballot(7)));
            assert_eq!(acceptors.cell(key).held, write(3));
            let snapshot = Record::Snapshot([acceptors.cell(key)].into());
            acceptors = Acceptors::recover(1, Contents::default(), &[snapshot]);
        }
        assert_eq!(acceptors.accept(key, ballot(7), write(7)), Ok(()));
        assert_eq!(acceptors.promise(key, ballot(6)), Err(ballot(7)));
    }

    #[test]
    fn what_a_minority_accepted_is_not_shown_when_something_newer_is_chosen() {
        let key = Key(0);
        let shown = |acceptors: &Acceptors| acceptors.cell(key).shown.value;
        let mut acceptors = Acceptors::recover(1, Contents::default(), &[]);
        acceptors.accept(key, ballot(3), write(3)).expect("nothing is promised");
        assert_eq!(shown(&acceptors), Value::INITIAL);
        acceptors.choose(key, ballot(3));
        assert_eq!(shown(&acceptors), Value(3));
        acceptors.accept(key, ballot(5), write(5)).expect("nothing higher is promised");
        // Others have chosen 7, upon 3.
        acceptors.choose(key, ballot(7));
        assert_eq!(shown(&acceptors), Value(3));
        let snapshot = Record::Snapshot([acceptors.cell(key)].into());
        assert_eq!(shown(&Acceptors::recover(1, Contents::default(), &[snapshot])), Value(3));
        acceptors.accept(key, ballot(8), write(7)).expect("nothing higher is promised");
        assert_eq!(shown(&acceptors), Value(7));
    }

    #[test]
    fn digests_agree_when_versions_do_whatever_the_way() {
        let mut one = Acceptors::recover(2, Contents::default(), &[]);
        let mut other = Acceptors::recover(1, Contents::default(), &[]);
        assert_eq!((one.digest(), other.digest()), (0, 0));
        one.accept(Key(1), ballot(1), write(1)).expect("nothing is promised");
        one.accept(Key(1), ballot(2), write(2)).expect("nothing higher is promised");
        assert_ne!(one.digest(), other.digest());
        other.accept(Key(1), ballot(9), write(2)).expect("nothing is promised");
        assert_eq!(one.digest(), other.digest());
    }
}
