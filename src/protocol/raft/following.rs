//! The follower's side of replication: entries are taken, stored and acknowledged (section 5.3), and
//! the leader's commit index and what it vouches for are learned.

use super::Raft;
use super::log::{Entry, Term};
use super::message::{Append, Beat, Image, Msg, Record};
use super::replica::{Replica, Role};
use crate::op::NodeId;
use crate::protocol::ReplicaCx;
use crate::time::LocalTime;

impl Replica {
    /// A leader has spoken. Says whether it is the leader of this replica's term.
    fn heed_leader(
        &mut self,
        from: NodeId,
        term: Term,
        beat: Beat,
        cx: &mut ReplicaCx<'_, Raft>,
    ) -> bool {
        if term < self.term {
            cx.send(from, Msg::Refused { term: self.term });
            return false;
        }
        if term > self.term || self.leader != Some(from) || self.role != Role::Follower {
            if term == self.term && self.role == Role::Leader {
                self.never("there are two leaders in a term");
            }
            self.follow(term, Some(from), cx);
        }
        let now = cx.clock();
        self.ballot.heard = Some(now);
        self.ballot.since = now;
        self.following.beat = self.following.beat.max(beat);
        true
    }

    pub(super) fn on_append(&mut self, from: NodeId, append: Append, cx: &mut ReplicaCx<'_, Raft>) {
        let Append { term, prev, commit, beat, fresh, entries } = append;
        if !self.heed_leader(from, term, beat, cx) {
            return;
        }
        if !self.log.agrees(prev) {
            cx.send(from, Msg::Mismatch { term, hint: self.log.floor(prev), beat });
            return;
        }
        let end = prev.index + entries.len() as u64;
        let mut news = false;
        for (index, entry) in (prev.index + 1..).zip(entries) {
            news |= self.take(index, entry, cx);
        }
        self.following.matched = self.following.matched.max(end);
        self.learn(commit, fresh, cx);
        if !news {
            self.acknowledge(from, cx);
        }
    }

    /// Stores the leader's entry unless it is here; says whether it was news.
    fn take(&mut self, index: u64, entry: Entry, cx: &mut ReplicaCx<'_, Raft>) -> bool {
        if index <= self.log.base().index {
            return false;
        }
        if let Some(here) = self.log.position(index) {
            if here.term == entry.term {
                return false;
            }
            if index <= self.commit {
                self.never("a committed entry is replaced");
                self.commit = index - 1;
            }
            self.log.cut(index);
            self.durable.cut(index);
        }
        self.store(entry, cx);
        true
    }

    pub(super) fn on_commit(
        &mut self,
        from: NodeId,
        term: Term,
        commit: u64,
        fresh: Option<LocalTime>,
        cx: &mut ReplicaCx<'_, Raft>,
    ) {
        if self.heed_leader(from, term, Beat::default(), cx) {
            self.learn(commit, fresh, cx);
        }
    }

    /// The leader's commit index holds for as much of this log as is known to be the leader's.
    fn learn(&mut self, commit: u64, fresh: Option<LocalTime>, cx: &mut ReplicaCx<'_, Raft>) {
        let known = commit.min(self.following.matched);
        if known > self.commit {
            self.commit_to(known, cx);
        }
        if self.commit >= commit {
            self.fresh = self.fresh.max(fresh);
            self.release_closed(cx);
        }
    }

    /// Tells the leader how much of its log is on this disk.
    fn acknowledge(&mut self, leader: NodeId, cx: &mut ReplicaCx<'_, Raft>) {
        let matched = self.following.matched.min(self.durable.index());
        self.following.reported = matched;
        let beat = self.following.beat;
        cx.send(leader, Msg::Appended { term: self.term, matched, beat });
    }

    /// More of the log is on disk: that is what a majority is counted from.
    pub(super) fn on_log_durable(&mut self, cx: &mut ReplicaCx<'_, Raft>) {
        if self.role == Role::Leader {
            self.peers[self.env.me.index()].matched = self.durable.index();
            self.advance_commit(cx);
            return;
        }
        let matched = self.following.matched.min(self.durable.index());
        if let (Some(leader), true) = (self.leader, matched > self.following.reported) {
            self.acknowledge(leader, cx);
        }
    }

    /// Starts from the leader's snapshot, unless this log already goes that far.
    pub(super) fn on_install(
        &mut self,
        from: NodeId,
        term: Term,
        beat: Beat,
        image: Image,
        cx: &mut ReplicaCx<'_, Raft>,
    ) {
        if !self.heed_leader(from, term, beat, cx) {
            return;
        }
        let last = image.last;
        self.following.matched = self.following.matched.max(last.index);
        if self.log.agrees(last) {
            self.learn(last.index, None, cx);
            self.acknowledge(from, cx);
            return;
        }
        if last.index <= self.commit {
            self.never("what is committed here differs from the leader's");
            self.commit = last.index;
        }
        self.durable.cut(self.commit + 1);
        self.log.install(last);
        self.stamped = self.stamped.max(image.stamp);
        self.table.clone_from(&image.table);
        self.commit = last.index;
        self.compaction.last = last.index;
        let (term, vote) = (self.term, self.vote);
        let id = cx.persist(Record::Snapshot { term, vote, image: Box::new(image) });
        self.durable.written(id, last.index);
        self.compaction.pending = Some((id, id));
        self.release_waiting(cx);
    }
}
