//! A replica's state, and which part of the protocol each event goes to.

use super::election::Ballot;
use super::log::{Durable, Log, Term};
use super::message::{Beat, Msg, Record, Timer};
use super::reads::{PendingRead, Waiting};
use super::replication::{Compaction, Peer};
use super::{Flaw, Raft};
use crate::op::{Key, NodeId, Value};
use crate::protocol::parts::table::Table;
use crate::protocol::{Env, ReplicaCx, WriteId};
use crate::time::LocalTime;
use std::collections::VecDeque;

/// Where a replica stands in its term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Takes entries from the leader, if there is one.
    Follower,
    /// Asks whether it would be elected.
    PreCandidate,
    /// Stands for election.
    Candidate,
    /// Was elected in this term.
    Leader,
}

/// What a follower knows of the leader of its term.
#[derive(Debug, Default)]
pub(super) struct Following {
    /// This log is the leader's up to here.
    pub(super) matched: u64,
    /// What of that the leader was last told.
    pub(super) reported: u64,
    /// The latest marks received.
    pub(super) beat: Beat,
}

/// What a leader knows beyond its followers.
#[derive(Debug, Default)]
pub(super) struct Leading {
    /// The empty entry that began this term. Once it is committed the commit index covers
    /// everything any earlier leader decided.
    pub(super) noop: u64,
    /// Rounds begun.
    pub(super) round: u64,
    /// The latest round that a majority answered.
    pub(super) confirmed: u64,
    /// The latest send time that a majority answered.
    pub(super) basis: LocalTime,
    /// Reads that wait for a round, oldest first.
    pub(super) reads: VecDeque<PendingRead>,
}

/// The server side of Raft.
#[derive(Debug)]
pub struct Replica {
    pub(super) env: Env<Raft>,
    pub(super) role: Role,
    /// Durable before anything is said that depends on it.
    pub(super) term: Term,
    /// Durable likewise.
    pub(super) vote: Option<NodeId>,
    /// The leader of this term, once known.
    pub(super) leader: Option<NodeId>,
    pub(super) log: Log,
    pub(super) durable: Durable,
    /// Entries up to here are committed and applied to `table`.
    pub(super) commit: u64,
    pub(super) table: Table,
    pub(super) compaction: Compaction,
    pub(super) ballot: Ballot,
    pub(super) following: Following,
    pub(super) leading: Leading,
    /// By address, this replica included.
    pub(super) peers: Vec<Peer>,
    /// Everything decided before the clock of a leader read this has been applied here.
    pub(super) fresh: Option<LocalTime>,
    /// No entry of this log has a later stamp, and this replica has closed none.
    pub(super) stamped: LocalTime,
    /// Reads that wait for an index.
    pub(super) waiting: Waiting,
    /// Reads that wait for a closed timestamp.
    pub(super) closing: Waiting,
    /// For counting majorities.
    pub(super) scratch: Vec<u64>,
}

impl Replica {
    fn new(env: Env<Raft>) -> Self {
        let peers = vec![Peer::default(); env.replicas as usize];
        let table = Table::new(env.keys, env.contents);
        Self {
            env,
            role: Role::Follower,
            term: Term(0),
            vote: None,
            leader: None,
            log: Log::default(),
            durable: Durable::default(),
            commit: 0,
            table,
            compaction: Compaction::default(),
            ballot: Ballot::default(),
            following: Following::default(),
            leading: Leading::default(),
            peers,
            fresh: None,
            stamped: LocalTime::default(),
            waiting: Waiting::default(),
            closing: Waiting::default(),
            scratch: Vec::new(),
        }
    }

    /// Rebuilds the durable state. A snapshot's entries were written again after it, so one that is
    /// there already with the same term is the same entry.
    fn replay(&mut self, log: &[Record]) {
        for record in log {
            match record {
                Record::HardState { term, vote } => self.vow(*term, *vote),
                Record::Entry { index, entry } => {
                    if *index <= self.log.base().index {
                        continue;
                    }
                    match self.log.position(*index) {
                        Some(here) if here.term == entry.term => continue,
                        Some(_) => self.log.cut(*index),
                        None => {}
                    }
                    self.stamped = self.stamped.max(entry.stamp);
                    let at = self.log.push(*entry);
                    assert_eq!(at, *index, "records come back whole and in order");
                }
                Record::Snapshot { term, vote, image } => {
                    self.vow(*term, *vote);
                    self.table.clone_from(&image.table);
                    self.stamped = self.stamped.max(image.stamp);
                    self.log.install(image.last);
                    self.commit = image.last.index;
                    self.compaction.last = image.last.index;
                }
            }
        }
        self.durable = Durable::at(self.log.last().index);
    }

    /// Remembers the term it was in, and whom it voted for.
    fn vow(&mut self, term: Term, vote: Option<NodeId>) {
        let forgets = self.env.config.has(Flaw::ForgetsVote);
        (self.term, self.vote) = (term, vote.filter(|_| !forgets));
    }

    /// What cannot be, unless a mistake is made on purpose.
    pub(super) fn never(&self, what: &str) {
        assert!(self.env.config.flaw.is_some(), "{what}");
    }

    /// Whether this replica leads and has committed an entry of its own term, so that its commit
    /// index is no older than any earlier leader's.
    pub(super) fn leads(&self) -> bool {
        self.role == Role::Leader && self.commit >= self.leading.noop
    }

    pub(super) fn majority(&self) -> usize {
        crate::protocol::parts::quorum::majority(self.env.replicas)
    }

    /// The largest value that a majority of the replicas has reached, of what `of` says each has.
    pub(super) fn majority_reached(&mut self, of: impl Fn(&Peer) -> u64) -> u64 {
        let majority = self.majority();
        self.scratch.clear();
        self.scratch.extend(self.peers.iter().map(of));
        crate::protocol::parts::quorum::kth_largest(&mut self.scratch, majority)
    }
}

impl crate::protocol::Replica<Raft> for Replica {
    fn recover(env: Env<Raft>, log: &[Record], cx: &mut ReplicaCx<'_, Raft>) -> Self {
        let first_boot = env.first_boot;
        let stands = first_boot && env.me == NodeId(env.config.leader);
        let mut replica = Self::new(env);
        replica.replay(log);
        if !first_boot && !replica.env.config.has(Flaw::ForgetsVote) {
            // An earlier life may have heard from a leader an instant before the crash.
            replica.ballot.heard = Some(cx.clock());
        }
        if stands {
            replica.campaign(cx);
        } else {
            replica.await_leader(cx);
        }
        replica
    }

    fn on_message(&mut self, from: NodeId, msg: Msg, cx: &mut ReplicaCx<'_, Raft>) {
        match msg {
            Msg::Ask { request, token } => self.on_ask(from, request, token, cx),
            Msg::Sync { client, request, token } if self.role == Role::Leader => {
                let token = token.max(self.decided());
                cx.send(from, Msg::Synced { client, request, token });
            }
            Msg::Synced { client, request, token } => self.read_at(client, request, token, cx),
            Msg::Append(append) => self.on_append(from, append, cx),
            Msg::Appended { term, matched, beat } => {
                self.on_appended(from, term, matched, beat, cx);
            }
            Msg::Commit { term, commit, fresh } => self.on_commit(from, term, commit, fresh, cx),
            Msg::Mismatch { term, hint, beat } => self.on_mismatch(from, term, hint, beat, cx),
            Msg::RequestVote { term, last, pre: true } => self.on_pre_vote(from, term, last, cx),
            Msg::RequestVote { term, last, pre: false } => {
                self.on_vote_request(from, term, last, cx);
            }
            Msg::Vote { term, granted, pre } => self.on_vote(from, term, granted, pre, cx),
            Msg::Install { term, beat, image } => self.on_install(from, term, beat, *image, cx),
            Msg::Refused { term } => self.heed_term(term, cx),
            // These go to clients, or came to one who leads no more.
            Msg::Sync { .. } | Msg::Reply { .. } | Msg::Redirect { .. } => {}
        }
    }

    fn on_timer(&mut self, timer: Timer, cx: &mut ReplicaCx<'_, Raft>) {
        match timer {
            Timer::Election => self.on_election_timer(cx),
            Timer::Heartbeat => self.on_heartbeat_timer(cx),
            Timer::CommitWait => self.on_commit_wait_timer(cx),
            // These are clients'.
            Timer::Attempt | Timer::Backoff => {}
        }
    }

    fn on_durable(&mut self, upto: WriteId, cx: &mut ReplicaCx<'_, Raft>) {
        let further = self.durable.reach(upto);
        self.truncate_if_durable(upto, cx);
        self.keep_promise(upto, cx);
        if further {
            self.on_log_durable(cx);
        }
    }

    fn inspect(&self, key: Key) -> Value {
        self.table.read(key)
    }

    fn inspect_word(&self, key: Key) -> u64 {
        self.table.state(key).word
    }
}
