//! Reads and scans, one path per consistency level; and where a write enters.
//!
//! - *Linearizable*: ReadIndex (thesis, 6.4). The leader notes its commit index, starts a round of
//!   heartbeats for this read, and answers when a majority has answered: none of them had elected
//!   anybody else when the read came in. No clock is believed.
//! - *Lease*: no round while the lease lasts (6.4.1, and `parts::lease`). A leader is sure of its
//!   office until an election timeout after a majority was reached; counting from when it *sent*
//!   the message, less the drift of two clocks. Counting from the answer, or looking for a majority
//!   only once per timeout, as raft-rs 0.7 does, lets a deposed leader serve old values.
//! - *Bounded(t)*: the leader stamps its messages with the send time that a majority last answered,
//!   its basis. No other leader decided anything before that, so whoever has applied the commit
//!   index sent along knows all that was decided until then. A deposed leader's basis stands still.
//! - *Closed timestamps* serve *bounded(t)*, and *linearizable* if asked to, at any replica where
//!   clocks have a known uncertainty (`stamps`).
//! - *Session* and its halves: the replica waits until it has applied the client's token.
//! - *Sequential*: the same; with `sync` the replica first asks the leader how far it is.
//! - *Eventual*: whatever is here.

use super::message::{Beat, Msg};
use super::replica::{Replica, Role};
use super::{Flaw, Raft, Reads};
use crate::op::{Level, NodeId, Op, OpId, Request, Ret};
use crate::protocol::ReplicaCx;
use crate::protocol::parts::lease;
use crate::protocol::parts::table::Command;
use crate::time::{Duration, LocalTime};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// How many reads may wait for rounds. A leader that no majority answers steps down and sends its
/// readers away, so only a fault of the program gets there.
const READS_MAX: usize = 1 << 20;

/// A read that waits for a round to be answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct PendingRead {
    client: NodeId,
    request: Request,
    /// What must have been applied.
    index: u64,
    /// The round that was begun for it.
    round: u64,
}

/// A read that waits for its token: an index, or a closed timestamp.
#[derive(Clone, Copy, Debug)]
struct Waiter {
    request: Request,
    token: u64,
}

/// Reads that wait until something that rises, the index applied or the timestamp closed, has
/// reached their tokens.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// By client: the one operation it has in flight, if it waits here.
    slots: Vec<Option<Waiter>>,
    /// When to look at whose slot; exactly one mark for each slot in use.
    marks: BinaryHeap<Reverse<(u64, NodeId)>>,
}

impl Waiting {
    /// A client that asks again replaces what it asked before and keeps its mark. An earlier token
    /// behind a later mark waits longer than it must, which only mixing levels could bring about. What
    /// the leader was asked for an operation that is over may come after the next one.
    fn wait(&mut self, client: NodeId, waiter: Waiter) {
        if self.slots.len() <= client.index() {
            self.slots.resize(client.index() + 1, None);
        }
        let later = |other: &Waiter| other.request.id > waiter.request.id;
        if self.slots[client.index()].as_ref().is_some_and(later) {
            return;
        }
        if self.slots[client.index()].replace(waiter).is_none() {
            self.marks.push(Reverse((waiter.token, client)));
        }
        assert!(self.marks.len() <= self.slots.len(), "each client waits for one operation");
    }

    /// Takes a read whose token has been reached.
    fn next(&mut self, reached: u64) -> Option<(NodeId, Request)> {
        while let Some(Reverse((mark, client))) = self.marks.peek().copied() {
            if mark > reached {
                return None;
            }
            self.marks.pop();
            let slot = &mut self.slots[client.index()];
            match slot.take_if(|waiter| waiter.token <= reached) {
                Some(waiter) => return Some((client, waiter.request)),
                None => self.marks.extend(slot.map(|waiter| Reverse((waiter.token, client)))),
            }
        }
        None
    }
}

impl Replica {
    pub(super) fn on_ask(
        &mut self,
        from: NodeId,
        request: Request,
        token: u64,
        cx: &mut ReplicaCx<'_, Raft>,
    ) {
        match (request.op, request.level) {
            (Op::Write(value, update), _) => {
                let Request { id: op, key, .. } = request;
                self.on_write(Command { key, value, update, client: from, op }, cx);
            }
            (_, Level::Linearizable) if self.env.config.reads == Reads::ReadIndex => {
                self.read_index(from, request, cx);
            }
            (_, Level::Linearizable) if self.role != Role::Leader => {
                self.read_closed(from, request, cx);
            }
            (_, Level::Linearizable | Level::Lease) => {
                if self.leads() && self.lease_holds(cx.clock()) {
                    self.answer(from, &request, cx);
                } else {
                    self.read_index(from, request, cx);
                }
            }
            (_, Level::Bounded(age)) => {
                if self.is_fresh(age, cx.clock()) {
                    self.answer(from, &request, cx);
                } else {
                    // The leader catches up with itself; a follower sends the client there.
                    self.read_index(from, request, cx);
                }
            }
            (_, Level::Sequential) if self.env.config.sync => match (self.role, self.leader) {
                (Role::Leader, _) => self.read_at(from, request, token.max(self.decided()), cx),
                (_, Some(leader)) => cx.send(leader, Msg::Sync { client: from, request, token }),
                // Its client will ask another.
                (_, None) => {}
            },
            _ => self.read_at(from, request, token, cx),
        }
    }

    /// Answers once this much has been applied.
    pub(super) fn read_at(
        &mut self,
        client: NodeId,
        request: Request,
        token: u64,
        cx: &mut ReplicaCx<'_, Raft>,
    ) {
        if token > self.commit {
            self.waiting.wait(client, Waiter { request, token });
        } else {
            self.answer(client, &request, cx);
        }
    }

    /// A leader whose own first entry is not committed yet does not know what was decided before its
    /// time: up to that entry at most.
    pub(super) fn decided(&self) -> u64 {
        self.commit.max(self.leading.noop)
    }

    fn on_write(&mut self, command: Command, cx: &mut ReplicaCx<'_, Raft>) {
        let Command { client, op, .. } = command;
        if self.role != Role::Leader {
            self.redirect(client, op, cx);
        } else if self.table.has_applied(client, op) {
            // Asked again: done already, at or before everything applied.
            if let Some(ret) = self.table.told(client, op) {
                cx.send(client, Msg::Reply { op, index: self.commit, ret });
            }
        } else {
            self.propose(Some(command), cx);
            if self.env.config.has(Flaw::AnswersBeforeMajority) {
                cx.send(client, Msg::Reply { op, index: self.commit, ret: Ret::Written });
            }
        }
    }

    /// Answers from the state applied here.
    fn answer(&mut self, client: NodeId, request: &Request, cx: &mut ReplicaCx<'_, Raft>) {
        let ret = match request.op {
            Op::Scan(count) => Ret::Values(self.table.scan(request.key, count)),
            Op::Read | Op::Write(..) => self.table.answer(self.table.state(request.key)),
        };
        cx.send(client, Msg::Reply { op: request.id, index: self.commit, ret });
    }

    fn redirect(&mut self, client: NodeId, op: OpId, cx: &mut ReplicaCx<'_, Raft>) {
        cx.send(client, Msg::Redirect { op, leader: self.leader });
    }

    /// The latest value, at a follower: whatever was acknowledged or seen until now is stamped at or
    /// before the upper end of this clock's interval.
    fn read_closed(&mut self, client: NodeId, request: Request, cx: &mut ReplicaCx<'_, Raft>) {
        let stamp = cx.clock() + self.env.config.uncertainty.unwrap_or_default();
        if self.fresh >= Some(stamp) {
            self.answer(client, &request, cx);
        } else {
            self.closing.wait(client, Waiter { request, token: stamp.0 });
        }
    }

    /// Answers the reads whose stamps have been closed.
    pub(super) fn release_closed(&mut self, cx: &mut ReplicaCx<'_, Raft>) {
        let closed = self.fresh.unwrap_or_default();
        while let Some((client, request)) = self.closing.next(closed.0) {
            self.answer(client, &request, cx);
        }
    }

    /// A new leader is told of no closed timestamps any more: those who wait here get the latest.
    pub(super) fn adopt_reads(&mut self, cx: &mut ReplicaCx<'_, Raft>) {
        while let Some((client, request)) = self.closing.next(u64::MAX) {
            self.read_index(client, request, cx);
        }
    }

    /// The read waits for a round, and for what is decided now.
    fn read_index(&mut self, client: NodeId, request: Request, cx: &mut ReplicaCx<'_, Raft>) {
        if self.role != Role::Leader {
            self.redirect(client, request.id, cx);
            return;
        }
        self.leading.round += 1;
        let (round, index) = (self.leading.round, self.decided());
        self.leading.reads.push_back(PendingRead { client, request, index, round });
        assert!(self.leading.reads.len() <= READS_MAX, "a leader without a majority steps down");
        if self.env.config.has(Flaw::SkipsRound) {
            self.leading.confirmed = round;
        }
        self.beat(cx);
        self.serve_confirmed(cx);
    }

    /// A follower answered: perhaps a majority has now answered a later round.
    pub(super) fn confirm_reads(&mut self, beat: Beat, cx: &mut ReplicaCx<'_, Raft>) {
        if self.leading.reads.is_empty() || beat.round <= self.leading.confirmed {
            return;
        }
        self.leading.confirmed = self.majority_reached(|peer| peer.beat.round);
        self.serve_confirmed(cx);
    }

    /// Answers the reads whose round was answered. Rounds and indices rise along the queue.
    pub(super) fn serve_confirmed(&mut self, cx: &mut ReplicaCx<'_, Raft>) {
        while let Some(read) = self.leading.reads.front().copied() {
            if read.round > self.leading.confirmed || read.index > self.commit {
                return;
            }
            self.leading.reads.pop_front();
            self.answer(read.client, &read.request, cx);
        }
    }

    /// No longer the leader: the readers shall ask elsewhere.
    pub(super) fn give_up_reads(&mut self, cx: &mut ReplicaCx<'_, Raft>) {
        while let Some(read) = self.leading.reads.pop_front() {
            self.redirect(read.client, read.request.id, cx);
        }
    }

    /// Answers the reads whose tokens have been applied.
    pub(super) fn release_waiting(&mut self, cx: &mut ReplicaCx<'_, Raft>) {
        while let Some((client, request)) = self.waiting.next(self.commit) {
            self.answer(client, &request, cx);
        }
    }

    /// Recomputes the latest send time that a majority has answered.
    pub(super) fn refresh_basis(&mut self) {
        self.leading.basis = LocalTime(self.majority_reached(|peer| peer.beat.sent.0));
    }

    /// What may be told to followers: everything decided before this is at or before the commit
    /// index. This leader's own decisions are; earlier leaders' are since its first entry was
    /// committed; and a later leader cannot have decided anything before a majority answered.
    pub(super) fn basis(&self) -> Option<LocalTime> {
        self.leads().then_some(self.leading.basis)
    }

    fn lease_holds(&self, now: LocalTime) -> bool {
        now.since(self.leading.basis) < self.env.config.lease()
    }

    /// Whether everything decided longer than `age` ago has certainly been applied here. The leader
    /// compares its own clock with itself; a follower's may be off.
    fn is_fresh(&self, age: Duration, now: LocalTime) -> bool {
        let config = &self.env.config;
        let (stamp, error) = match self.basis() {
            Some(basis) => (Some(basis), Duration::ZERO),
            None => (self.fresh, config.uncertainty.unwrap_or(config.max_clock_error)),
        };
        let allowed = lease::within(age, config.max_drift_ppm);
        stamp.is_some_and(|stamp| now + error <= stamp + allowed)
    }
}
