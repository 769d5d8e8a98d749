//! A replica's copy: the newest version of each key, what of it is on disk, and digests of it.
//!
//! Digests have two levels, a number for each of 256 ranges of keys and one over all of them: a Merkle
//! tree (Dynamo, section 4.7) with a wide root. They are kept up to date write by write, so comparing
//! copies costs one number as long as these agree. Where a key is not everywhere, each pair of replicas
//! has digests of what both of them should have.

use super::super::parts::merge::Cell;
use super::super::parts::table::slot;
use super::super::parts::version::{Version, Versions};
use super::hints::Hints;
use super::message::{Copies, Image, Record};
use super::places::{Places, Set, only, spread};
use super::serial::Machines;
use super::{Env, Leaderless, ServerCx};
use crate::op::{Key, NodeId};
use crate::protocol::WriteId;

/// Ranges of keys that have a digest each: keys that agree in their lowest byte.
pub(super) const RANGES: usize = 256;

/// The copy.
#[derive(Debug)]
pub(super) struct Store {
    me: NodeId,
    versions: Versions,
    /// By key, where updates are merged; the versions above are then the newest of each.
    cells: Vec<Cell>,
    /// By key: the record after which its version is safe.
    written: Vec<WriteId>,
    durable: WriteId,
    /// One list for all peers where every replica has every key; else by peer.
    digests: Vec<[u64; RANGES]>,
    /// Records since the last snapshot, and the snapshot that is on its way to the disk.
    records: u64,
    snapshot: Option<WriteId>,
}

impl Store {
    /// Rebuilds the copy from the durable log; what is kept for others is handed to `hint`.
    pub(super) fn recover(
        env: &Env<Leaderless>,
        places: &Places,
        log: &[Record],
        mut hint: impl FnMut(NodeId, Key, Copies),
    ) -> Self {
        let lists = if places.everywhere() { 1 } else { env.replicas as usize };
        let mut store = Self {
            me: env.me,
            versions: Versions::new(env.keys),
            cells: Vec::new(),
            written: vec![WriteId(0); env.keys as usize],
            durable: WriteId(0),
            digests: vec![[0; RANGES]; lists],
            records: log.len() as u64,
            snapshot: None,
        };
        // Hints in a snapshot are those of the records before it that were still kept; whatever was
        // handed over since is handed over again, which changes nothing.
        let from = log.iter().rposition(|record| matches!(record, Record::Snapshot(_)));
        for record in &log[from.unwrap_or(0)..] {
            match record {
                Record::Version(key, version) => _ = store.take(*key, *version, places),
                Record::Cell(key, cell) => _ = store.join(*key, cell, places),
                Record::Hint(to, key, copies) => hint(*to, *key, copies.clone()),
                // The machines of the serial levels have a memory of their own.
                Record::Serial(..) => {}
                Record::Snapshot(image) => {
                    for (key, cell) in (0..).map(Key).zip(&image.cells) {
                        store.join(key, cell, places);
                    }
                    for (key, version) in image.versions.iter() {
                        store.take(key, version, places);
                    }
                    image
                        .hints
                        .iter()
                        .for_each(|(to, key, copies)| hint(*to, *key, copies.clone()));
                }
            }
        }
        store
    }

    /// What it has of a key.
    pub(super) fn read(&self, key: Key) -> Version {
        self.versions.get(key)
    }

    /// What it has of a key whose updates are merged.
    pub(super) fn cell(&self, key: Key) -> Option<&Cell> {
        self.cells.get(key.0 as usize)
    }

    /// What it has of all keys.
    pub(super) fn versions(&self) -> impl Iterator<Item = (Key, Version)> + '_ {
        self.versions.iter()
    }

    /// Takes a version if it is newer, in memory alone.
    fn take(&mut self, key: Key, version: Version, places: &Places) -> bool {
        let Some(old) = self.versions.take(key, version) else { return false };
        self.change(key, fingerprint(key, old) ^ fingerprint(key, version), places);
        true
    }

    /// Joins a state, in memory alone; says whether anything was new.
    fn join(&mut self, key: Key, other: &Cell, places: &Places) -> bool {
        let cell = slot(&mut self.cells, key.0 as usize);
        let old = fingerprint_of(key, cell);
        if !cell.join(other) {
            return false;
        }
        let change = old ^ fingerprint_of(key, cell);
        self.versions.take(key, cell.newest);
        self.change(key, change, places);
        true
    }

    /// Notes in the digests that a key has changed.
    fn change(&mut self, key: Key, change: u64, places: &Places) {
        let owners = if places.everywhere() { 1 } else { places.owners(key) & !only(self.me) };
        for (peer, digests) in self.digests.iter_mut().enumerate() {
            if owners >> peer & 1 == 1 {
                digests[key.0 as usize % RANGES] ^= change;
            }
        }
    }

    /// Takes a version if it is newer; the record after which it, or the newer one, is safe.
    pub(super) fn put(
        &mut self,
        key: Key,
        version: Version,
        places: &Places,
        cx: ServerCx<'_, '_>,
    ) -> WriteId {
        if self.take(key, version, places) {
            let written = slot(&mut self.written, key.0 as usize);
            *written = cx.persist(Record::Version(key, version));
            self.records += 1;
        }
        self.written.get(key.0 as usize).copied().unwrap_or_default()
    }

    /// Joins a state of a key; the record after which what it adds is safe.
    pub(super) fn put_cell(
        &mut self,
        key: Key,
        cell: &Cell,
        places: &Places,
        cx: ServerCx<'_, '_>,
    ) -> WriteId {
        if self.join(key, cell, places) {
            let written = slot(&mut self.written, key.0 as usize);
            *written = cx.persist(Record::Cell(key, Box::new(cell.clone())));
            self.records += 1;
        }
        self.written.get(key.0 as usize).copied().unwrap_or_default()
    }

    /// Notes a record of another kind.
    pub(super) fn persist(&mut self, record: Record, cx: ServerCx<'_, '_>) -> WriteId {
        self.records += 1;
        cx.persist(record)
    }

    /// Whether a record is on disk.
    pub(super) fn is_durable(&self, id: WriteId) -> bool {
        id <= self.durable
    }

    /// The disk has reached a position.
    pub(super) fn on_durable(&mut self, upto: WriteId, cx: ServerCx<'_, '_>) {
        self.durable = upto;
        if let Some(id) = self.snapshot.take_if(|id| *id <= upto) {
            cx.truncate(id);
        }
    }

    /// Writes a snapshot if the log has grown by `every` records; what was before it is dropped once
    /// it is safe.
    pub(super) fn compact(
        &mut self,
        every: u64,
        hints: &Hints,
        machines: &Machines,
        cx: ServerCx<'_, '_>,
    ) {
        if self.snapshot.is_none() && self.records >= every {
            let (versions, cells) = (self.versions.clone(), self.cells.clone());
            let (hints, serial) = (hints.all().collect(), machines.images());
            let image = Image { versions, cells, hints, serial };
            self.snapshot = Some(cx.persist(Record::Snapshot(Box::new(image))));
            self.records = 0;
        }
    }

    /// Digests of what this replica and a peer should both have.
    pub(super) fn ranges(&self, peer: NodeId) -> &[u64; RANGES] {
        &self.digests[peer.index() % self.digests.len()]
    }

    /// One number over these.
    pub(super) fn root(&self, peer: NodeId) -> u64 {
        self.ranges(peer).iter().fold(0, |root, range| spread(root ^ range))
    }

    /// The keys in these ranges that have a version and that all of `owners` should have.
    pub(super) fn items<'a>(
        &'a self,
        ranges: [u64; 4],
        owners: Set,
        places: &'a Places,
    ) -> impl Iterator<Item = (Key, Version)> + 'a {
        self.versions.iter().filter(move |(key, version)| {
            *version > Version::default() && is_wanted(*key, ranges, owners, places)
        })
    }

    /// The same of keys whose updates are merged.
    pub(super) fn cells<'a>(
        &'a self,
        ranges: [u64; 4],
        owners: Set,
        places: &'a Places,
    ) -> impl Iterator<Item = (Key, &'a Cell)> + 'a {
        let cells = (0..).map(Key).zip(&self.cells);
        cells.filter(move |(key, cell)| {
            cell.newest > Version::default() && is_wanted(*key, ranges, owners, places)
        })
    }
}

/// Whether a key is in one of these ranges, and all of `owners` should have it.
fn is_wanted(key: Key, ranges: [u64; 4], owners: Set, places: &Places) -> bool {
    let range = key.0 as usize % RANGES;
    ranges[range / 64] >> (range % 64) & 1 == 1 && places.owners(key) & owners == owners
}

/// What the state of a key adds to its range's digest.
fn fingerprint_of(key: Key, cell: &Cell) -> u64 {
    if cell.newest == Version::default() {
        return 0;
    }
    spread(spread(u64::from(key.0) << 32) ^ cell.fingerprint(spread))
}

/// What a version adds to its range's digest; nothing while the key was never written.
fn fingerprint(key: Key, version: Version) -> u64 {
    if version == Version::default() {
        return 0;
    }
    let place = u64::from(key.0) << 32 | u64::from(version.rank.node);
    spread(spread(spread(place) ^ version.rank.time) ^ u64::from(version.value.0))
}
