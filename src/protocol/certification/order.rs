//! The total order within one view, from what members say of themselves.
//!
//! Lamport, "Time, Clocks, and the Ordering of Events in a Distributed System" (CACM 1978): write sets
//! stand by the stamp of their sender's counter and then by sender, and a place is final once every
//! member has said that nothing of its own comes before it. Moser, Amir, Melliar-Smith and Agarwal,
//! "Extended Virtual Synchrony" (ICDCS 1994): a write set is *safe*, and may be delivered, once every
//! member has said that it has everything up to there. What one member has from all is one number.

use super::message::{Beat, Entry, Epoch};
use crate::op::NodeId;
use crate::protocol::WriteId;
use crate::protocol::parts::early::Early;
use crate::protocol::parts::table::Command;
use crate::time::LocalTime;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// How many of its own write sets a member may have under way.
const UNDER_WAY: usize = 1 << 16;

/// A member, as far as another knows.
#[derive(Debug, Default)]
struct Peer {
    /// How many of its write sets are here, without a gap.
    had: u64,
    /// Nothing more of its own comes at or before this.
    clock: u64,
    /// A clock it told of, and how many write sets that presupposes.
    told: (u64, u64),
    /// It has everything from everybody up to this; `None` until it is heard of in this view.
    received: Option<u64>,
    /// Write sets that came before their turn.
    early: Early<Entry>,
    /// When it was last heard of in this view.
    heard: LocalTime,
    /// How many write sets it was known to have sent, a heartbeat ago.
    known: u64,
}

/// One member's knowledge of the order.
#[derive(Debug)]
pub(super) struct Order {
    me: NodeId,
    epoch: Epoch,
    members: u32,
    /// Its own clock.
    clock: u64,
    /// By replica; its own place says what it has told the others.
    peers: Vec<Peer>,
    /// What is here and not delivered.
    pending: BinaryHeap<Reverse<Entry>>,
    /// Its own write sets that are not known to be safe.
    own: VecDeque<Entry>,
    sent: u64,
    /// Write sets on their way to the disk.
    syncing: VecDeque<(WriteId, u64)>,
}

impl Order {
    /// The beginning of a view.
    pub(super) fn new(me: NodeId, replicas: u32, epoch: Epoch, members: u32) -> Self {
        Self {
            me,
            epoch,
            members,
            clock: 0,
            peers: (0..replicas).map(|_| Peer::default()).collect(),
            pending: BinaryHeap::new(),
            own: VecDeque::new(),
            sent: 0,
            syncing: VecDeque::new(),
        }
    }

    /// The first view of all is known to everybody.
    pub(super) fn first(mut self) -> Self {
        self.peers.iter_mut().for_each(|peer| peer.received = Some(0));
        self
    }

    pub(super) fn epoch(&self) -> Epoch {
        self.epoch
    }

    pub(super) fn members(&self) -> u32 {
        self.members
    }

    pub(super) fn has_member(&self, replica: NodeId) -> bool {
        self.members >> replica.0 & 1 == 1
    }

    /// The members but this one.
    pub(super) fn others(&self) -> impl Iterator<Item = NodeId> + use<> {
        let others = self.members & !(1 << self.me.0);
        (0..u32::BITS).filter(move |bit| others >> bit & 1 == 1).map(NodeId)
    }

    /// The least of what `of` says of every member.
    fn least<T: Ord>(&self, of: impl Fn(&Peer) -> T) -> Option<T> {
        let members = (0..).zip(&self.peers).filter(|(id, _)| self.has_member(NodeId(*id)));
        members.map(|(_, peer)| of(peer)).min()
    }

    /// A write set of its own takes its stamp; it must be sent to the others and to the disk.
    pub(super) fn propose(&mut self, command: Command, read: Option<u64>) -> Entry {
        self.clock += 1;
        self.sent += 1;
        let entry = Entry { stamp: self.clock, from: self.me, seq: self.sent, command, read };
        self.own.push_back(entry);
        // What it sends tells its clock.
        self.mine().clock = entry.stamp;
        entry
    }

    /// A new stamp for an empty message.
    pub(super) fn mark(&mut self) -> u64 {
        self.clock += 1;
        self.mine().clock = self.clock;
        self.clock
    }

    fn mine(&mut self) -> &mut Peer {
        &mut self.peers[self.me.index()]
    }

    /// Whether no more of its own may be under way.
    pub(super) fn is_full(&self) -> bool {
        self.own.len() >= UNDER_WAY
    }

    /// Whether a request of this client, or a later one, is under way from here.
    pub(super) fn is_under_way(&self, command: &Command) -> bool {
        let same = |own: &Entry| own.command.client == command.client;
        self.own.iter().any(|own| same(own) && own.command.op >= command.op)
    }

    /// Takes another's write set, in its turn or somewhat early; returns it if it is its turn.
    pub(super) fn receive(&mut self, entry: Entry) -> Option<Entry> {
        let peer = &mut self.peers[entry.from.index()];
        let ahead = entry.seq.checked_sub(peer.had + 1)?;
        peer.early.keep(ahead, entry);
        peer.early.next_in_turn()
    }

    /// Counts a write set, its own or another's in its turn, that goes to the disk as `id`; returns
    /// its sender's next one, if that is here.
    pub(super) fn keep(&mut self, entry: Entry, id: WriteId) -> Option<Entry> {
        self.syncing.push_back((id, entry.stamp));
        self.pending.push(Reverse(entry));
        self.clock = self.clock.max(entry.stamp);
        if entry.from == self.me {
            return None;
        }
        let peer = &mut self.peers[entry.from.index()];
        peer.had = entry.seq;
        peer.clock = peer.clock.max(entry.stamp);
        if peer.had >= peer.told.1 {
            peer.clock = peer.clock.max(peer.told.0);
        }
        peer.early.next_in_turn()
    }

    /// A member tells how far it is; says whether that is the first time in this view.
    pub(super) fn on_beat(&mut self, from: NodeId, beat: &Beat, now: LocalTime) -> bool {
        if beat.ask {
            self.clock = self.clock.max(beat.clock);
        }
        let peer = &mut self.peers[from.index()];
        peer.heard = now;
        let first = peer.received.is_none();
        peer.received = peer.received.max(Some(beat.received));
        if peer.had >= beat.sent {
            peer.clock = peer.clock.max(beat.clock);
        } else if beat.clock > peer.told.0 {
            peer.told = (beat.clock, beat.sent);
        }
        first
    }

    pub(super) fn heard(&mut self, from: NodeId, now: LocalTime) {
        self.peers[from.index()].heard = now;
    }

    /// Everybody counts as heard of now.
    pub(super) fn hear_all(&mut self, now: LocalTime) {
        self.peers.iter_mut().for_each(|peer| peer.heard = now);
    }

    /// Whether a member has not been heard of since then.
    pub(super) fn is_silent_since(&self, since: LocalTime) -> bool {
        self.others().any(|other| self.peers[other.index()].heard < since)
    }

    /// Members not heard of in this view at all.
    pub(super) fn absent(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.others().filter(|other| self.peers[other.index()].received.is_none())
    }

    /// The disk has everything up to `upto`.
    pub(super) fn on_durable(&mut self, upto: WriteId) {
        while self.syncing.front().is_some_and(|(id, _)| *id <= upto) {
            self.syncing.pop_front();
        }
    }

    /// What to tell the others, if that is more than they were told; `always` also if it is not.
    pub(super) fn news(&mut self, always: bool, ask: bool) -> Option<Beat> {
        let clock = self.clock;
        let told = self.mine();
        let before = (told.clock, told.received);
        told.clock = clock;
        let on_disk = self.syncing.iter().map(|(_, stamp)| stamp - 1).min();
        let has = self.least(|peer| peer.clock).unwrap_or_default();
        let received = on_disk.map_or(has, |on_disk| on_disk.min(has));
        self.mine().received = Some(received);
        let new = always || before != (clock, Some(received));
        new.then_some(Beat { epoch: self.epoch, clock, sent: self.sent, received, ask })
    }

    /// Everybody has everything up to this; `None` before all members are in the view.
    pub(super) fn safe(&self) -> Option<u64> {
        self.least(|peer| peer.received).flatten()
    }

    /// Takes the next write set that is safe.
    pub(super) fn next(&mut self, safe: u64) -> Option<Entry> {
        self.pending.peek().filter(|Reverse(entry)| entry.stamp <= safe)?;
        let Reverse(entry) = self.pending.pop()?;
        if entry.from == self.me {
            self.own.pop_front();
        }
        Some(entry)
    }

    /// What is here and not delivered, in no order.
    pub(super) fn pending(&self) -> impl Iterator<Item = Entry> + '_ {
        self.pending.iter().map(|Reverse(entry)| *entry)
    }

    /// Puts back what a replica finds on its disk, once.
    pub(super) fn recall(&mut self, entry: Entry) {
        if !self.pending.iter().any(|Reverse(known)| *known == entry) {
            self.pending.push(Reverse(entry));
        }
    }

    /// Its own write sets that are not known to be safe, from a number on.
    pub(super) fn own(&self, from: u64) -> impl Iterator<Item = Entry> + '_ {
        self.own.iter().filter(move |entry| entry.seq >= from).copied()
    }

    /// Whose write sets are missing since a heartbeat ago, and from which on.
    pub(super) fn missing(&mut self, other: NodeId) -> Option<u64> {
        let peer = &mut self.peers[other.index()];
        let lacks = peer.had < peer.known;
        peer.known = peer.told.1.max(peer.had + peer.early.reach());
        lacks.then_some(peer.had + 1)
    }
}
