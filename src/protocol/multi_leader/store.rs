//! A replica's copy: every replica's log as far as it is known here, and the versions they make.
//!
//! A log is applied in its own order; between logs any order will do, except that an entry waits for
//! its dependencies. States are joined like vectors: of two versions the higher stays.

use super::super::parts::early::Early;
use super::super::parts::merge::{Delta, Dot, Merged, Name, Rule, Sibling};
use super::super::parts::version::{Version, Versions};
use super::{Flaw, MultiLeader, Record, ServerCx, Shown, Vector};
use crate::op::{Key, NodeId, Object, Value};
use crate::protocol::{Env, WriteId};
use crate::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Entries of a log that are kept for others; who lacks more gets the whole state.
const RETAIN: usize = 1 << 12;

/// A write in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Where to.
    pub key: Key,
    /// What.
    pub version: Version,
    /// What must be shown before it.
    pub deps: Vector,
    /// What it does, where updates are merged.
    pub delta: Delta,
}

/// The result of a set of writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Which writes.
    pub has: Vector,
    /// The highest stamp among them.
    pub newest: u64,
    /// The highest version of each key.
    pub versions: Versions,
    /// What they come to, where updates are merged.
    pub merged: Merged,
}

impl State {
    fn put(&mut self, key: Key, version: Version) {
        self.versions.take(key, version);
        self.newest = self.newest.max(version.rank.time);
    }

    /// Adds another set of writes.
    fn join(&mut self, other: &Self) {
        self.has = self.has.join(&other.has);
        self.newest = self.newest.max(other.newest);
        for (key, version) in other.versions.iter() {
            self.put(key, version);
        }
        self.merged.join(&other.merged);
    }

    /// Bytes it takes in a message.
    #[must_use]
    pub fn wire_size(&self) -> u32 {
        self.has.wire_size() + self.versions.wire_size() + self.merged.wire_size()
    }
}

/// One replica's log as far as it is known here.
#[derive(Debug, Default)]
struct Log {
    /// Entries `base + 1 ..`.
    entries: VecDeque<Entry>,
    base: u32,
    /// Entries after the end that arrived early, on links that reorder.
    early: Early<Entry>,
}

impl Log {
    fn last(&self) -> u32 {
        self.base + self.entries.len() as u32
    }

    fn entry(&self, seq: u32) -> Option<Entry> {
        self.entries.get(seq.checked_sub(self.base + 1)? as usize).copied()
    }
}

/// Logs and state.
#[derive(Debug)]
pub(super) struct Store {
    me: NodeId,
    rule: Rule,
    /// Whether ties are decided so, which is a mistake.
    ties_by_arrival: bool,
    /// By origin.
    logs: Vec<Log>,
    /// What readers are shown.
    state: State,
    /// Its own log is on disk up to here.
    durable: u32,
    /// Its own entries on their way to the disk: the position there, and in the log.
    syncing: VecDeque<(WriteId, u32)>,
    /// How many writes the latest snapshot on disk or on its way has, and its position while on its way.
    snapshot: (u64, Option<WriteId>),
}

impl Store {
    /// Rebuilds the copy from the durable records.
    pub(super) fn recover(
        env: &Env<MultiLeader>,
        records: &[Record],
        cx: ServerCx<'_, '_>,
    ) -> Self {
        let (me, rule) = (env.me, env.config.conflicts);
        let state = State {
            has: Vector::default(),
            newest: 0,
            versions: Versions::new(env.keys),
            merged: Merged::new(rule, env.keys, env.contents.initial).read_by(env.config.reading),
        };
        let mut store = Self {
            me,
            rule,
            ties_by_arrival: env.config.flaw == Some(Flaw::TiesByArrival),
            logs: (0..env.replicas).map(|_| Log::default()).collect(),
            state,
            durable: 0,
            syncing: VecDeque::new(),
            snapshot: (0, None),
        };
        for record in records {
            match record {
                Record::Entry { origin, seq, entry } => {
                    let log = &mut store.logs[origin.index()];
                    if *seq == log.last() + 1 {
                        log.entries.push_back(*entry);
                    }
                }
                Record::State(state) => store.join(state),
            }
        }
        store.snapshot.0 = store.state.has.total();
        store.durable = store.logs[me.index()].last();
        store.apply_all(cx);
        store
    }

    /// The writes that readers are shown.
    pub(super) fn has(&self) -> &Vector {
        &self.state.has
    }

    /// The highest stamp among them.
    pub(super) fn newest(&self) -> u64 {
        self.state.newest
    }

    /// The writes that are here, shown or not.
    pub(super) fn received(&self) -> Vector {
        let mut received = Vector::default();
        for (origin, log) in self.origins().zip(&self.logs) {
            received.set(origin, log.last());
        }
        received
    }

    /// How much of a log may be handed on: its own as far as it is on disk.
    pub(super) fn shippable(&self, origin: NodeId) -> u32 {
        if origin == self.me { self.durable } else { self.logs[origin.index()].last() }
    }

    /// How much of its own log is on disk.
    pub(super) fn durable(&self) -> u32 {
        self.durable
    }

    /// An entry, if it is still in memory.
    pub(super) fn entry(&self, origin: NodeId, seq: u32) -> Option<Entry> {
        self.logs[origin.index()].entry(seq)
    }

    pub(super) fn origins(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..self.logs.len() as u32).map(NodeId)
    }

    pub(super) fn version(&self, key: Key) -> Version {
        self.state.versions.get(key)
    }

    /// The value of a register, of several that of the highest; of other objects the highest version.
    pub(super) fn read(&self, key: Key) -> Value {
        match self.rule {
            Rule::Siblings | Rule::RevisionTree => {
                self.siblings(key).first().map_or(Value::INITIAL, |one| one.version.value)
            }
            _ => self.version(key).value,
        }
    }

    /// The key's versions that stand beside each other, where there may be several.
    pub(super) fn siblings(&self, key: Key) -> &[Sibling] {
        self.state.merged.siblings(key)
    }

    /// Whether this revision would begin a branch: it is new, and follows the tip of none. Those that were taken
    /// here and are not shown yet count as well.
    pub(super) fn would_branch(&self, key: Key, delta: &Delta) -> bool {
        let Delta::Revise { name, parent, .. } = *delta else { return false };
        if self.state.merged.knows(name) {
            return false;
        }
        let mut tips: Vec<Name> = self.siblings(key).iter().map(|tip| tip.name).collect();
        for seq in self.state.has.get(self.me) + 1..=self.logs[self.me.index()].last() {
            let taken = self.entry(self.me, seq).filter(|entry| entry.key == key);
            let Some(Delta::Revise { name: taken, parent, .. }) = taken.map(|entry| entry.delta)
            else {
                continue;
            };
            if taken == name {
                return false;
            }
            tips.retain(|tip| Some(*tip) != parent);
            tips.push(taken);
        }
        parent.map_or(!tips.is_empty(), |parent| !tips.contains(&parent))
    }

    /// The state word of a key that holds no register.
    pub(super) fn word(&self, key: Key) -> Option<u64> {
        let words = !self.rule.objects().contains(&Object::Register);
        words.then(|| self.state.merged.word(key))
    }

    /// What a reader is shown where updates are merged.
    pub(super) fn shown(&self, key: Key) -> Shown {
        let siblings = self.siblings(key);
        let others = if self.rule == Rule::Siblings { siblings.get(1..) } else { None };
        Shown {
            value: self.read(key),
            others: others.unwrap_or(&[]).iter().map(|one| one.version.value).collect(),
            word: self.word(key),
            seen: self.state.merged.context(key, &self.state.has),
            parent: siblings.first().map(|leaf| (leaf.name, leaf.length)),
        }
    }

    pub(super) fn scan(&self, first: Key, count: u16) -> Box<[Value]> {
        (0..u32::from(count)).map(|i| self.read(Key(first.0.saturating_add(i)))).collect()
    }

    /// The state as of now.
    pub(super) fn state(&self) -> State {
        self.state.clone()
    }

    /// Takes a write into its own log and sends it to the disk; says where it stands.
    pub(super) fn accept(&mut self, entry: Entry, cx: ServerCx<'_, '_>) -> u32 {
        let log = &mut self.logs[self.me.index()];
        log.entries.push_back(entry);
        let seq = log.last();
        let id = cx.persist(Record::Entry { origin: self.me, seq, entry });
        self.syncing.push_back((id, seq));
        seq
    }

    /// Takes an entry of another's log, in its place or early.
    pub(super) fn receive(&mut self, origin: NodeId, seq: u32, entry: Entry, cx: ServerCx<'_, '_>) {
        let log = &mut self.logs[origin.index()];
        match seq.checked_sub(log.last() + 1) {
            Some(ahead) if origin != self.me => log.early.keep(u64::from(ahead), entry),
            _ => return,
        }
        while let Some(entry) = log.early.next_in_turn() {
            log.entries.push_back(entry);
            cx.persist(Record::Entry { origin, seq: log.last(), entry });
        }
    }

    /// Joins another replica's state, and sends it to the disk.
    pub(super) fn install(&mut self, state: State, cx: ServerCx<'_, '_>) {
        if !self.state.has.covers(&state.has) {
            self.join(&state);
            cx.persist(Record::State(Box::new(state)));
        }
    }

    fn join(&mut self, state: &State) {
        self.state.join(state);
        for (origin, log) in self.origins().zip(&mut self.logs) {
            let has = state.has.get(origin);
            if has > log.last() {
                log.entries.clear();
                log.early.clear();
                log.base = has;
            }
        }
    }

    /// The disk has reached a position.
    pub(super) fn on_durable(&mut self, upto: WriteId, cx: ServerCx<'_, '_>) {
        while let Some((_, seq)) = self.syncing.front().copied().filter(|(id, _)| *id <= upto) {
            self.durable = seq;
            self.syncing.pop_front();
        }
        if let (writes, Some(id)) = self.snapshot
            && id <= upto
        {
            cx.truncate(id);
            self.snapshot = (writes, None);
        }
    }

    /// Shows every entry that is safe and whose dependencies are shown.
    pub(super) fn apply_all(&mut self, cx: ServerCx<'_, '_>) {
        let mut progress = true;
        while progress {
            progress = false;
            for origin in self.origins() {
                while self.apply_next(origin, cx) {
                    progress = true;
                }
            }
        }
    }

    fn apply_next(&mut self, origin: NodeId, cx: ServerCx<'_, '_>) -> bool {
        let seq = self.state.has.get(origin) + 1;
        let ready = |entry: &Entry| self.state.has.covers(&entry.deps);
        let Some(entry) = self.entry(origin, seq).filter(ready) else { return false };
        if seq > self.shippable(origin) {
            return false;
        }
        self.state.has.set(origin, seq);
        if !(self.ties_by_arrival && self.ties(entry.key, entry.version)) {
            self.state.put(entry.key, entry.version);
        }
        self.state.merged.apply(entry.key, Dot { origin, seq }, entry.version, &entry.delta);
        if origin == self.me {
            cx.note_version(entry.key, entry.version.value, entry.version.rank);
        }
        let log = &mut self.logs[origin.index()];
        while log.entries.len() > RETAIN && log.base < seq {
            log.entries.pop_front();
            log.base += 1;
        }
        true
    }

    /// Whether a version's stamp and that of the one held are in the same tenth of a second.
    fn ties(&self, key: Key, version: Version) -> bool {
        let held = self.version(key);
        let tenth = |version: Version| version.rank.time / Duration::millis(100).0;
        held != Version::default() && tenth(held) == tenth(version)
    }

    /// Writes a snapshot if the log on disk has grown by `every` writes, and what is not shown yet once
    /// more behind it; the log before it is dropped when it is safe.
    pub(super) fn compact(&mut self, every: u64, cx: ServerCx<'_, '_>) {
        let writes = self.state.has.total();
        if self.snapshot.1.is_some() || writes < self.snapshot.0 + every {
            return;
        }
        let id = cx.persist(Record::State(Box::new(self.state())));
        self.snapshot = (writes, Some(id));
        for (origin, log) in self.origins().zip(&self.logs) {
            for seq in self.state.has.get(origin) + 1..=log.last() {
                if let Some(entry) = log.entry(seq) {
                    cx.persist(Record::Entry { origin, seq, entry });
                }
            }
        }
    }
}
