//! A replica's copy: the newest version of each key, what of it is on disk, and digests of it.
//!
//! Digests have two levels, a number for each of 256 ranges of keys and one over all of them: a Merkle
//! tree (Dynamo, section 4.7) with a wide root. They are kept up to date write by write, so comparing
//! copies costs one number as long as these agree. Where a key is not everywhere, each pair of replicas
//! has digests of what both of them should have.

use super::super::parts::table::slot;
use super::super::parts::version::{Version, Versions};
use super::message::{Image, Record};
use super::places::{Places, Set, only, spread};
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
        mut hint: impl FnMut(NodeId, Key, Version),
    ) -> Self {
        let lists = if places.everywhere() { 1 } else { env.replicas as usize };
        let mut store = Self {
            me: env.me,
            versions: Versions::new(env.keys),
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
                Record::Hint(to, key, version) => hint(*to, *key, *version),
                Record::Snapshot(image) => {
                    for (key, version) in image.versions.iter() {
                        store.take(key, version, places);
                    }
                    image.hints.iter().for_each(|(to, key, version)| hint(*to, *key, *version));
                }
            }
        }
        store
    }

    /// What it has of a key.
    pub(super) fn read(&self, key: Key) -> Version {
        self.versions.get(key)
    }

    /// Takes a version if it is newer, in memory alone.
    fn take(&mut self, key: Key, version: Version, places: &Places) -> bool {
        let Some(old) = self.versions.take(key, version) else { return false };
        let change = fingerprint(key, old) ^ fingerprint(key, version);
        let owners = if places.everywhere() { 1 } else { places.owners(key) & !only(self.me) };
        for (peer, digests) in self.digests.iter_mut().enumerate() {
            if owners >> peer & 1 == 1 {
                digests[key.0 as usize % RANGES] ^= change;
            }
        }
        true
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
        hints: impl FnOnce() -> Vec<(NodeId, Key, Version)>,
        cx: ServerCx<'_, '_>,
    ) {
        if self.snapshot.is_none() && self.records >= every {
            let image = Image { versions: self.versions.clone(), hints: hints() };
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
        let wanted = move |key: Key| {
            let range = key.0 as usize % RANGES;
            ranges[range / 64] >> (range % 64) & 1 == 1 && places.owners(key) & owners == owners
        };
        self.versions
            .iter()
            .filter(move |(key, version)| *version > Version::default() && wanted(*key))
    }
}

/// What a version adds to its range's digest; nothing while the key was never written.
fn fingerprint(key: Key, version: Version) -> u64 {
    if version == Version::default() {
        return 0;
    }
    let place = u64::from(key.0) << 32 | u64::from(version.rank.node);
    spread(spread(spread(place) ^ version.rank.time) ^ u64::from(version.value.0))
}
