//! A node: keeps its copy, acknowledges what is on its disk, and hands the rest to the other files.

use super::super::parts::merge::Cell;
use super::super::parts::version::{HybridClock, Version};
use super::coordinator::Rounds;
use super::hints::Hints;
use super::message::{Copies, Msg, Record, Ticket, Timer};
use super::places::{Places, only};
use super::round::Span;
use super::serial::Machines;
use super::store::Store;
use super::{Env, Leaderless, ServerCx};
use crate::op::{Key, NodeId, Value};
use crate::protocol::{Replica, ReplicaCx, WriteId};
use std::collections::VecDeque;

/// A replica.
#[derive(Debug)]
pub struct Server {
    pub(super) env: Env<Leaderless>,
    pub(super) places: Places,
    pub(super) store: Store,
    pub(super) hints: Hints,
    pub(super) rounds: Rounds,
    pub(super) stamps: HybridClock,
    /// What serves the serial levels.
    pub(super) machines: Machines,
    /// Who is told when which record is on disk, in order of records.
    acks: VecDeque<(WriteId, NodeId, Ticket)>,
}

impl Server {
    /// Whether it is among the replicas of a key.
    fn owns(&self, key: Key) -> bool {
        self.places.owners(key) & only(self.env.me) != 0
    }

    /// What it has of some keys, or keeps of them for others.
    pub(super) fn copies(&self, span: Span) -> Copies {
        match span.count {
            0 if self.merges() => Copies::Cell(Box::new(self.cell(span.first))),
            0 => Copies::One(self.version(span.first)),
            count => {
                let keys = (0..u32::from(count)).map(|i| Key(span.first.0.saturating_add(i)));
                Copies::Many(keys.map(|key| self.version(key)).collect())
            }
        }
    }

    fn merges(&self) -> bool {
        self.env.config.conflicts.merges()
    }

    fn version(&self, key: Key) -> Version {
        if self.owns(key) {
            return self.store.read(key);
        }
        let mut kept = Copies::One(Version::default());
        self.hints.add_to(key, &mut kept);
        kept.versions()[0]
    }

    /// What it knows of a key whose updates are merged.
    pub(super) fn cell(&self, key: Key) -> Cell {
        if self.owns(key) {
            return self.store.cell(key).cloned().unwrap_or_default();
        }
        let mut kept = Copies::Cell(Box::default());
        self.hints.add_to(key, &mut kept);
        if let Copies::Cell(cell) = kept { *cell } else { Cell::default() }
    }

    /// Takes a version if it is newer; the record after which it, or the newer one, is safe.
    pub(super) fn put(&mut self, key: Key, version: Version, cx: ServerCx<'_, '_>) -> WriteId {
        self.machines.take_beside(key, version);
        self.store.put(key, version, &self.places, cx)
    }

    /// The recorder learns of every version some node has, be it overwritten already.
    pub(super) fn note(&self, key: Key, version: Version, cx: ServerCx<'_, '_>) {
        if version.value != Value::INITIAL {
            cx.note_version(key, version.value, version.rank);
        }
    }

    pub(super) fn on_store(
        &mut self,
        from: NodeId,
        ticket: Ticket,
        first: Key,
        copies: &Copies,
        stand_in_for: Option<NodeId>,
        cx: ServerCx<'_, '_>,
    ) {
        let mut safe = WriteId(0);
        if let Some(owner) = stand_in_for {
            let Some(id) = self.keep_hint(owner, first, copies, cx) else { return };
            safe = id;
        } else if let Copies::Cell(cell) = copies {
            if self.owns(first) {
                self.note(first, cell.newest, cx);
                safe = self.store.put_cell(first, cell, &self.places, cx);
            }
        } else {
            for (key, version) in (first.0..).map(Key).zip(copies.versions()) {
                if self.owns(key) {
                    self.note(key, *version, cx);
                    safe = safe.max(self.put(key, *version, cx));
                }
            }
        }
        if ticket != Ticket::NOBODY {
            self.acknowledge_once(safe, from, ticket, cx);
        }
    }

    /// Acknowledges when a record is on disk.
    pub(super) fn acknowledge_once(
        &mut self,
        safe: WriteId,
        from: NodeId,
        ticket: Ticket,
        cx: ServerCx<'_, '_>,
    ) {
        if self.store.is_durable(safe) {
            return self.acknowledge(from, ticket, cx);
        }
        let place = self.acks.partition_point(|(id, ..)| *id <= safe);
        self.acks.insert(place, (safe, from, ticket));
    }

    /// Keeps something for another replica, if there is room: the record after which it is safe.
    pub(super) fn keep_hint(
        &mut self,
        to: NodeId,
        key: Key,
        copies: &Copies,
        cx: ServerCx<'_, '_>,
    ) -> Option<WriteId> {
        let serial = self.rounds.next_serial();
        if !self.hints.keep(serial, to, key, copies.clone()) {
            return None;
        }
        copies.versions().iter().take(1).for_each(|version| self.note(key, *version, cx));
        self.hints.arm(cx);
        Some(self.store.persist(Record::Hint(to, key, copies.clone()), cx))
    }

    fn acknowledge(&mut self, to: NodeId, ticket: Ticket, cx: ServerCx<'_, '_>) {
        if to == self.env.me {
            self.on_stored(to, ticket, cx);
        } else {
            cx.send(to, Msg::Stored(ticket));
        }
    }
}

impl Replica<Leaderless> for Server {
    fn recover(env: Env<Leaderless>, log: &[Record], cx: &mut ReplicaCx<'_, Leaderless>) -> Self {
        let places = Places::new(&env);
        let mut rounds = Rounds::starting_at(cx.clock());
        let mut hints = Hints::new(env.replicas, env.config.hints);
        let store = Store::recover(&env, &places, log, |to, key, copies| {
            hints.keep(rounds.next_serial(), to, key, copies);
        });
        hints.arm(cx);
        let (stamps, acks) = (HybridClock::default(), VecDeque::new());
        let machines = Machines::default();
        let mut server = Self { env, places, store, hints, rounds, stamps, machines, acks };
        server.start_anti_entropy(cx);
        server.recover_serial(log, cx);
        server
    }

    fn on_message(&mut self, from: NodeId, msg: Msg, cx: &mut ReplicaCx<'_, Leaderless>) {
        if from.0 < self.env.replicas {
            self.hints.heard(from);
        }
        match msg {
            Msg::Ask(ask) => self.on_ask(from, ask, None, cx),
            Msg::Update(ask, update) => self.on_ask(from, ask, Some(update), cx),
            Msg::Fetch { ticket, key, count } => {
                let copies = self.copies(Span { first: key, count });
                cx.send(from, Msg::Fetched { ticket, copies });
            }
            Msg::Fetched { ticket, copies } => self.on_fetched(from, ticket, &copies, cx),
            Msg::Store { ticket, key, copies, stand_in_for } => {
                self.on_store(from, ticket, key, &copies, stand_in_for, cx);
            }
            Msg::Stored(ticket) => self.on_stored(from, ticket, cx),
            Msg::Root(root) => self.on_root(from, root, cx),
            Msg::Ranges(ranges) => self.on_ranges(from, &ranges, cx),
            Msg::Items { ranges, items, answer } => {
                self.on_items(from, ranges, &items, answer, cx);
            }
            Msg::Cells { ranges, cells, answer } => {
                self.on_cells(from, ranges, &cells, answer, cx);
            }
            Msg::Serial(scope, msg) => {
                self.paxos(scope, cx, |paxos, cx| paxos.on_message(from, msg, cx));
            }
            // Only clients are told.
            Msg::Reply { .. } => {}
        }
    }

    fn on_timer(&mut self, timer: Timer, cx: &mut ReplicaCx<'_, Leaderless>) {
        match timer {
            Timer::Patience => self.on_patience(cx),
            Timer::Expiry => self.on_expiry(cx),
            Timer::Handoff => self.hints.on_timer(cx),
            Timer::AntiEntropy => self.on_anti_entropy(cx),
            Timer::Serial(scope, timer) => {
                self.paxos(scope, cx, |paxos, cx| paxos.on_timer(timer, cx));
            }
            // Only clients set it.
            Timer::Attempt => {}
        }
    }

    fn on_durable(&mut self, upto: WriteId, cx: &mut ReplicaCx<'_, Leaderless>) {
        self.store.on_durable(upto, cx);
        while let Some((_, to, ticket)) = self.acks.front().copied().filter(|(id, ..)| *id <= upto)
        {
            self.acks.pop_front();
            self.acknowledge(to, ticket, cx);
        }
        self.serial_on_durable(upto, cx);
        let (every, hints) = (self.env.config.snapshot_every, &self.hints);
        self.store.compact(every, hints, &self.machines, cx);
    }

    fn inspect(&self, key: Key) -> Value {
        if !self.owns(key) {
            return Value::NOT_HELD;
        }
        match self.store.cell(key) {
            Some(cell) if self.merges() => cell.value(self.env.config.conflicts),
            _ => self.store.read(key).value,
        }
    }

    fn inspect_word(&self, key: Key) -> u64 {
        let rule = self.env.config.conflicts;
        let none = Cell::default();
        self.store.cell(key).unwrap_or(&none).word(rule, self.env.contents.initial)
    }

    fn inspect_siblings(&self, key: Key) -> Vec<Value> {
        let registers = self.env.contents.is_register();
        let cell = self.store.cell(key).filter(|_| registers && self.merges());
        let rows = cell.map(|cell| cell.live().iter().skip(1).map(|item| item.version.value));
        rows.into_iter().flatten().collect()
    }
}
