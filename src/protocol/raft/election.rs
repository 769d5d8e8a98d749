//! Who leads: pre-vote, votes, check-quorum, and refusing candidates while a leader is alive.
//!
//! Two promises carry everything. A vote is on disk before it is sent, so nobody votes twice in a
//! term. And a replica that heard from a leader less than an election timeout ago, by its own
//! clock, votes for nobody; a lease is the sum of these refusals. One that restarts has forgotten
//! when it last heard, so it refuses for a whole timeout.

use super::Raft;
use super::log::{Position, Term};
use super::message::{Msg, Record, Timer};
use super::replica::{Following, Replica, Role};
use super::replication::Peer;
use crate::op::NodeId;
use crate::protocol::{ReplicaCx, WriteId};
use crate::time::{Duration, LocalTime};

/// A timer that finds itself early is armed again at least this far ahead.
const TICK: Duration = Duration::micros(1);

/// What decides whether to stand, and whether to vote.
#[derive(Debug, Default)]
pub(super) struct Ballot {
    /// When a leader was last heard from, or might have been.
    pub(super) heard: Option<LocalTime>,
    /// Since when patience has been wearing thin.
    pub(super) since: LocalTime,
    /// How long it lasts.
    patience: Duration,
    /// A vote that goes out once it is on disk; one for oneself is a candidacy.
    promise: Option<(WriteId, NodeId)>,
}

impl Replica {
    /// Becomes a follower in `term`, which is not before the current one.
    pub(super) fn follow(
        &mut self,
        term: Term,
        leader: Option<NodeId>,
        cx: &mut ReplicaCx<'_, Raft>,
    ) {
        if term > self.term {
            self.term = term;
            self.vote = None;
            self.ballot.promise = None;
            self.following = Following::default();
            self.persist_vote(cx);
        }
        self.leader = leader;
        let led = self.role == Role::Leader;
        self.role = Role::Follower;
        if led {
            cx.cancel_timer(Timer::Heartbeat);
            self.keep_what_was_closed(cx.clock());
            self.give_up_reads(cx);
            self.await_leader(cx);
        }
    }

    /// There is a later term somewhere.
    pub(super) fn heed_term(&mut self, term: Term, cx: &mut ReplicaCx<'_, Raft>) {
        if term > self.term {
            self.follow(term, None, cx);
        }
    }

    /// Starts the wait for a leader anew: an election timeout and a fresh draw beyond it.
    pub(super) fn await_leader(&mut self, cx: &mut ReplicaCx<'_, Raft>) {
        self.ballot.since = cx.clock();
        self.ballot.patience = self.drawn_patience(cx);
        cx.set_timer(Timer::Election, self.ballot.patience);
    }

    fn drawn_patience(&self, cx: &mut ReplicaCx<'_, Raft>) -> Duration {
        let least = self.env.config.election_timeout;
        let beyond = self.env.config.stagger.unwrap_or(least);
        least + Duration(cx.rng().below(beyond.0))
    }

    /// Starts the wait for votes. That is as long as the one for a leader, unless it is said how far candidates
    /// are apart: whoever votes has waited for the lease already.
    fn await_votes(&mut self, cx: &mut ReplicaCx<'_, Raft>) {
        let Some(stagger) = self.env.config.stagger else { return self.await_leader(cx) };
        self.ballot.since = cx.clock();
        self.ballot.patience = stagger + Duration(cx.rng().below(stagger.0));
        cx.set_timer(Timer::Election, self.ballot.patience);
    }

    /// The timer is not moved with every message heard; it looks back when it runs out.
    pub(super) fn on_election_timer(&mut self, cx: &mut ReplicaCx<'_, Raft>) {
        if self.role == Role::Leader {
            return;
        }
        let waited = cx.clock().since(self.ballot.since);
        if self.env.config.stagger.is_some() && self.has_leader(cx.clock()) {
            // It was waiting for votes, perhaps, and has heard from a leader since: that is its promise to others.
            self.ballot.patience = self.drawn_patience(cx);
        }
        if waited < self.ballot.patience {
            cx.set_timer(Timer::Election, (self.ballot.patience - waited).max(TICK));
        } else {
            self.ask_before_standing(cx);
        }
    }

    /// Asks whether a majority would vote for it. Nothing changes yet, so a replica that was cut
    /// off comes back with the term it left with (thesis, 9.6).
    fn ask_before_standing(&mut self, cx: &mut ReplicaCx<'_, Raft>) {
        self.role = Role::PreCandidate;
        self.leader = None;
        self.await_votes(cx);
        if self.count_own_vote() {
            self.campaign(cx);
        } else {
            self.request_votes(self.term.next(), true, cx);
        }
    }

    /// Stands for election; the request goes out once its own vote is on disk.
    pub(super) fn campaign(&mut self, cx: &mut ReplicaCx<'_, Raft>) {
        self.role = Role::Candidate;
        self.leader = None;
        self.term = self.term.next();
        self.vote = Some(self.env.me);
        self.following = Following::default();
        let id = self.persist_vote(cx);
        self.ballot.promise = Some((id, self.env.me));
        self.await_votes(cx);
    }

    fn persist_vote(&mut self, cx: &mut ReplicaCx<'_, Raft>) -> WriteId {
        cx.persist(Record::HardState { term: self.term, vote: self.vote })
    }

    fn request_votes(&mut self, term: Term, pre: bool, cx: &mut ReplicaCx<'_, Raft>) {
        let last = self.log.last();
        for to in self.env.peers() {
            cx.send(to, Msg::RequestVote { term, last, pre });
        }
    }

    /// Begins a count with its own vote; says whether that is a majority.
    fn count_own_vote(&mut self) -> bool {
        for peer in &mut self.peers {
            peer.granted = false;
        }
        self.count_vote(self.env.me)
    }

    fn count_vote(&mut self, from: NodeId) -> bool {
        self.peers[from.index()].granted = true;
        self.peers.iter().filter(|peer| peer.granted).count() >= self.majority()
    }

    /// A vote has reached the disk: now it may be known.
    pub(super) fn keep_promise(&mut self, upto: WriteId, cx: &mut ReplicaCx<'_, Raft>) {
        let Some((_, to)) = self.ballot.promise.take_if(|(id, _)| *id <= upto) else { return };
        if to != self.env.me {
            cx.send(to, Msg::Vote { term: self.term, granted: true, pre: false });
        } else if self.role == Role::Candidate {
            if self.count_own_vote() {
                self.lead(cx);
            } else {
                self.request_votes(self.term, false, cx);
            }
        }
    }

    /// Whether a leader is alive as far as this replica can know. A leader that has lost its
    /// majority notices at a heartbeat.
    fn has_leader(&self, now: LocalTime) -> bool {
        let timeout = self.env.config.election_timeout;
        self.role == Role::Leader
            || self.ballot.heard.is_some_and(|heard| now.since(heard) < timeout)
    }

    pub(super) fn on_pre_vote(
        &mut self,
        from: NodeId,
        term: Term,
        last: Position,
        cx: &mut ReplicaCx<'_, Raft>,
    ) {
        if self.has_leader(cx.clock()) {
            return;
        }
        let granted = term > self.term && last >= self.log.last();
        let term = if granted { term } else { self.term };
        cx.send(from, Msg::Vote { term, granted, pre: true });
    }

    pub(super) fn on_vote_request(
        &mut self,
        from: NodeId,
        term: Term,
        last: Position,
        cx: &mut ReplicaCx<'_, Raft>,
    ) {
        if term > self.term {
            if self.has_leader(cx.clock()) {
                return;
            }
            self.follow(term, None, cx);
        }
        // This term may have come by hearsay, and the leader last heard be of an earlier one.
        let free = self.vote.is_none() && !self.has_leader(cx.clock()) || self.vote == Some(from);
        if term < self.term || !free || last < self.log.last() {
            cx.send(from, Msg::Vote { term: self.term, granted: false, pre: false });
        } else if self.vote.is_none() {
            self.vote = Some(from);
            let id = self.persist_vote(cx);
            self.ballot.promise = Some((id, from));
            self.ballot.since = cx.clock();
        } else if self.ballot.promise.is_none() {
            // Asked again, and the vote is on disk.
            cx.send(from, Msg::Vote { term, granted: true, pre: false });
        }
    }

    pub(super) fn on_vote(
        &mut self,
        from: NodeId,
        term: Term,
        granted: bool,
        pre: bool,
        cx: &mut ReplicaCx<'_, Raft>,
    ) {
        if !granted {
            self.heed_term(term, cx);
        } else if pre {
            let mine = self.role == Role::PreCandidate && term == self.term.next();
            if mine && self.count_vote(from) {
                self.campaign(cx);
            }
        } else if self.role == Role::Candidate && term == self.term && self.count_vote(from) {
            self.lead(cx);
        }
    }

    /// Takes office: the empty entry tells everybody, and commits what earlier terms left.
    fn lead(&mut self, cx: &mut ReplicaCx<'_, Raft>) {
        let (now, last) = (cx.clock(), self.log.last().index);
        self.role = Role::Leader;
        self.leader = Some(self.env.me);
        self.peers.fill(Peer::unknown(last, now));
        self.peers[self.env.me.index()] = Peer::myself(self.durable.index());
        self.leading.round = 0;
        self.leading.noop = last + 1;
        self.refresh_basis();
        self.leading.confirmed = self.majority_reached(|peer| peer.beat.round);
        cx.cancel_timer(Timer::Election);
        cx.set_timer(Timer::Heartbeat, self.env.config.heartbeat);
        self.propose(None, cx);
        self.adopt_reads(cx);
    }

    /// Makes itself heard, unless no majority has been heard from for an election timeout: then
    /// others may have elected another leader, and clients should be told to look (thesis, 6.2).
    pub(super) fn on_heartbeat_timer(&mut self, cx: &mut ReplicaCx<'_, Raft>) {
        if self.role != Role::Leader {
            return;
        }
        let heard = LocalTime(self.majority_reached(|peer| peer.heard.0));
        if cx.clock().since(heard) >= self.env.config.election_timeout {
            self.follow(self.term, None, cx);
        } else {
            self.beat(cx);
            cx.set_timer(Timer::Heartbeat, self.env.config.heartbeat);
        }
    }
}
