//! Entries from the leader to everybody: append, match, commit, snapshots.
//!
//! A follower is sent each entry once, as soon as it exists, on the assumption that everything sent
//! before arrives (pipelining). Only when the follower says that something is missing does the
//! leader go back, and every heartbeat asks: it names the last position sent.

use super::Raft;
use super::log::{BATCH, Entry, Position, Term};
use super::message::{Append, Beat, Image, Msg, Record};
use super::replica::{Replica, Role};
use crate::op::NodeId;
use crate::protocol::parts::table::Command;
use crate::protocol::{ReplicaCx, WriteId};
use crate::time::LocalTime;
use arrayvec::ArrayVec;

/// How many entries may be on their way to one follower.
const WINDOW: u64 = 4_096;

/// How many entries a leader may hold that are not committed. Clients wait for an answer, and a
/// leader without a majority steps down, so only a fault of the program gets there.
const UNCOMMITTED_MAX: u64 = 1 << 20;

/// What a leader knows of a replica.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Peer {
    /// The next entry to send.
    pub(super) next: u64,
    /// Its log is ours up to here, on its disk.
    pub(super) matched: u64,
    /// Where sending last began anew; what follows it may be on its way.
    resumed: u64,
    /// When that was: complaints about messages sent earlier are old news.
    rewound: LocalTime,
    /// The latest marks it returned.
    pub(super) beat: Beat,
    /// When it was last heard.
    pub(super) heard: LocalTime,
    /// Whether it gave its vote, or its pre-vote.
    pub(super) granted: bool,
}

impl Peer {
    /// At the start of a term: its log may be as long as ours, or not.
    pub(super) fn unknown(last: u64, now: LocalTime) -> Self {
        Self { next: last + 1, resumed: last, heard: now, ..Self::default() }
    }

    /// The leader itself hears from itself always, so that counts over all replicas need no special
    /// case, least of all that of a single one.
    pub(super) fn myself(matched: u64) -> Self {
        const ALWAYS: LocalTime = LocalTime(u64::MAX);
        let beat = Beat { round: u64::MAX, sent: ALWAYS };
        Self { matched, beat, heard: ALWAYS, ..Self::default() }
    }
}

/// Snapshots taken and on their way to disk.
#[derive(Debug, Default)]
pub(super) struct Compaction {
    /// The index of the latest.
    pub(super) last: u64,
    /// The record of one being written, and the last of the entries written again after it.
    pub(super) pending: Option<(WriteId, WriteId)>,
}

// The leader's side.
impl Replica {
    /// Adds an entry to the log of the leader: to its own disk and to everybody at once.
    pub(super) fn propose(&mut self, command: Option<Command>, cx: &mut ReplicaCx<'_, Raft>) {
        let entry = Entry { term: self.term, command, stamp: self.next_stamp(cx.clock()) };
        let index = self.store(entry, cx);
        assert!(index - self.commit < UNCOMMITTED_MAX, "a leader without a majority steps down");
        for to in self.env.peers() {
            self.feed(to, cx);
        }
    }

    pub(super) fn store(&mut self, entry: Entry, cx: &mut ReplicaCx<'_, Raft>) -> u64 {
        self.stamped = self.stamped.max(entry.stamp);
        let index = self.log.push(entry);
        let id = cx.persist(Record::Entry { index, entry });
        self.durable.written(id, index);
        index
    }

    /// Sends what a follower has not been sent, as far as the window allows.
    fn feed(&mut self, to: NodeId, cx: &mut ReplicaCx<'_, Raft>) {
        let last = self.log.last().index;
        loop {
            let peer = &mut self.peers[to.index()];
            if peer.next > last || peer.next > peer.matched.max(peer.resumed) + WINDOW {
                return;
            }
            if peer.next <= self.log.base().index {
                // The snapshot holds everything committed, so this happens once.
                peer.next = self.commit + 1;
                self.send_image(to, cx);
                continue;
            }
            let entries = self.log.batch(peer.next);
            let from = peer.next;
            peer.next += entries.len() as u64;
            self.send_append(to, from, entries, cx);
        }
    }

    /// Sends `entries`, which begin at index `from`.
    fn send_append(
        &mut self,
        to: NodeId,
        from: u64,
        entries: ArrayVec<Entry, BATCH>,
        cx: &mut ReplicaCx<'_, Raft>,
    ) {
        // A follower that has fallen behind the base is asked for the base, and will lack it.
        let prev = self.log.position(from - 1).unwrap_or(self.log.base());
        let beat = Beat { round: self.leading.round, sent: cx.clock() };
        let (term, commit, fresh) = (self.term, self.commit, self.vouch(cx.clock()));
        cx.send(to, Msg::Append(Append { term, prev, commit, beat, fresh, entries }));
    }

    fn image(&self, last: Position) -> Image {
        Image { last, stamp: self.stamped, table: self.table.clone() }
    }

    fn send_image(&mut self, to: NodeId, cx: &mut ReplicaCx<'_, Raft>) {
        let last = self.log.position(self.commit).unwrap_or(self.log.base());
        let image = Box::new(self.image(last));
        let beat = Beat { round: self.leading.round, sent: cx.clock() };
        cx.send(to, Msg::Install { term: self.term, beat, image });
    }

    /// A heartbeat to everybody.
    pub(super) fn beat(&mut self, cx: &mut ReplicaCx<'_, Raft>) {
        for to in self.env.peers() {
            let next = self.peers[to.index()].next;
            self.send_append(to, next, ArrayVec::new(), cx);
        }
    }

    /// Notes that a follower answered; says whether this replica still leads in that term.
    fn hear(&mut self, from: NodeId, term: Term, beat: Beat, cx: &mut ReplicaCx<'_, Raft>) -> bool {
        self.heed_term(term, cx);
        if term != self.term || self.role != Role::Leader {
            return false;
        }
        let peer = &mut self.peers[from.index()];
        peer.heard = cx.clock();
        peer.beat = peer.beat.max(beat);
        if beat.sent > self.leading.basis {
            self.refresh_basis();
        }
        true
    }

    pub(super) fn on_appended(
        &mut self,
        from: NodeId,
        term: Term,
        matched: u64,
        beat: Beat,
        cx: &mut ReplicaCx<'_, Raft>,
    ) {
        if !self.hear(from, term, beat, cx) {
            return;
        }
        let peer = &mut self.peers[from.index()];
        if matched > peer.matched {
            peer.matched = matched;
            peer.next = peer.next.max(matched + 1);
            if matched > self.commit {
                self.advance_commit(cx);
            }
        }
        self.feed(from, cx);
        self.confirm_reads(beat, cx);
    }

    pub(super) fn on_mismatch(
        &mut self,
        from: NodeId,
        term: Term,
        hint: Position,
        beat: Beat,
        cx: &mut ReplicaCx<'_, Raft>,
    ) {
        if !self.hear(from, term, beat, cx) {
            return;
        }
        let peer = &mut self.peers[from.index()];
        // One gap makes every later message fail too; going back once is enough.
        if beat.sent >= peer.rewound {
            let base = self.log.base();
            let common = if hint.index < base.index { hint } else { self.log.floor(hint) };
            // A base of a later term is not in a log that ends in an earlier one: only a snapshot helps.
            let common =
                if common.term > hint.term { base.index.saturating_sub(1) } else { common.index };
            peer.next = peer.matched.max(common) + 1;
            peer.resumed = peer.next - 1;
            peer.rewound = cx.clock();
            self.feed(from, cx);
        }
        self.confirm_reads(beat, cx);
    }

    /// Commits what a majority has on disk, if it is of this term (section 5.4.2), as far as its
    /// stamps are past.
    pub(super) fn advance_commit(&mut self, cx: &mut ReplicaCx<'_, Raft>) {
        let reached = self.majority_reached(|peer| peer.matched);
        let of_this_term = self.log.position(reached).is_some_and(|at| at.term == self.term);
        if reached <= self.commit || !of_this_term {
            return;
        }
        let index = self.waited_out(reached, cx);
        if index == self.commit {
            return;
        }
        self.commit_to(index, cx);
        if self.env.config.eager_commit {
            let (term, commit, fresh) = (self.term, self.commit, self.vouch(cx.clock()));
            for to in self.env.peers() {
                cx.send(to, Msg::Commit { term, commit, fresh });
            }
        }
        self.serve_confirmed(cx);
    }
}

// Both sides.
impl Replica {
    /// Applies the log up to `index`. The leader also answers: the entry itself says whom.
    pub(super) fn commit_to(&mut self, index: u64, cx: &mut ReplicaCx<'_, Raft>) {
        let leading = self.role == Role::Leader;
        for at in self.commit + 1..=index {
            let Some(Entry { command: Some(command), .. }) = self.log.entry(at) else { continue };
            let took_effect = self.table.apply(command);
            if leading {
                if took_effect {
                    cx.note_commit(command.key, command.value);
                }
                let Command { client, op, .. } = *command;
                if let Some(ret) = self.table.told(client, op) {
                    cx.send(client, Msg::Reply { op, index: at, ret });
                }
            }
        }
        self.commit = index;
        self.release_waiting(cx);
        if index - self.compaction.last >= self.env.config.snapshot_every {
            self.take_snapshot(cx);
        }
    }

    /// Writes the applied state and, after it, the entries that are not in it, so that everything
    /// before can go. In memory one snapshot's worth of entries stays for followers that lag.
    fn take_snapshot(&mut self, cx: &mut ReplicaCx<'_, Raft>) {
        if self.compaction.pending.is_some() {
            return;
        }
        let Some(last) = self.log.position(self.commit) else { return };
        let image = Box::new(self.image(last));
        let start = cx.persist(Record::Snapshot { term: self.term, vote: self.vote, image });
        let mut end = start;
        for index in last.index + 1..=self.log.last().index {
            if let Some(entry) = self.log.entry(index) {
                end = cx.persist(Record::Entry { index, entry: *entry });
            }
        }
        self.log.compact(self.compaction.last);
        self.compaction.last = last.index;
        self.compaction.pending = Some((start, end));
    }

    pub(super) fn truncate_if_durable(&mut self, upto: WriteId, cx: &mut ReplicaCx<'_, Raft>) {
        if let Some((start, _)) = self.compaction.pending.take_if(|(_, end)| *end <= upto) {
            cx.truncate(start);
        }
    }
}
