//! Changes of view: who is in, and what the next view begins with.
//!
//! A ballot in the way of Lamport's "The Part-Time Parliament" (TOCS 1998), one decision per number. A
//! coordinator asks all replicas to take no further part in earlier views. A majority of *all* that
//! does so, durably, fixes what those views can have delivered: every view has a majority of all for
//! members, and what it delivered is on every member's disk, so among those who promise is one who was
//! in the latest view that delivered anything, and has all of that. What the promisers of the latest
//! view have beyond it is delivered too, in its order: any of it may have been, and none of it follows
//! something that was and is missing here (see the module's own text). The view is open when every
//! member has written down what it begins with. Until then nothing of it is shown.

use super::message::{Entry, Epoch, Image, Msg, Promise, Record};
use super::server::{Cx, Part, Server};
use super::state::Fate;
use crate::op::NodeId;
use crate::protocol::WriteId;
use crate::protocol::parts::quorum::majority;
use crate::time::{Duration, LocalTime};

/// What a replica knows of ballots.
#[derive(Debug)]
pub(super) struct Ballot {
    /// No part in views before this one.
    pub(super) promised: Epoch,
    /// The latest ballot it heard of.
    seen: Epoch,
    /// Whose ballot that is, which view its coordinator was in, and the promise's place on disk while
    /// it is on its way there.
    joined: Option<(NodeId, Epoch, Option<WriteId>)>,
    /// By replica, what has arrived for a ballot of its own.
    gathered: Option<Vec<Option<Promise>>>,
    /// Until when it knows who is silent, and when somebody else first promised.
    knows_until: LocalTime,
    first: Option<LocalTime>,
    /// When to begin a ballot if nothing happens.
    retry: LocalTime,
    /// By replica, when it was last heard of.
    heard: Vec<LocalTime>,
}

impl Ballot {
    pub(super) fn new(replicas: u32, now: LocalTime) -> Self {
        Self {
            promised: Epoch::default(),
            seen: Epoch::default(),
            joined: None,
            gathered: None,
            knows_until: now,
            first: None,
            retry: now,
            heard: vec![now; replicas as usize],
        }
    }

    pub(super) fn hear(&mut self, from: NodeId, now: LocalTime) {
        self.heard[from.index()] = now;
    }
}

impl Server {
    fn is_older(&self, at: LocalTime, cx: Cx<'_, '_>) -> bool {
        cx.clock().since(at) > self.patience()
    }

    /// Puts the next ballot of its own off, by this and up to as much again: of several that see the
    /// same, one should begin first.
    fn put_off(&mut self, least: Duration, cx: Cx<'_, '_>) {
        let more = Duration(cx.rng().below(least.0.max(1)));
        self.ballot.retry = cx.clock() + (least + more);
    }

    /// With every heartbeat: whether somebody is missing, and what has to be said again.
    pub(super) fn watch(&mut self, cx: Cx<'_, '_>) {
        let me = self.env.me;
        if self.ballot.gathered.is_some() {
            self.invite(cx);
            self.open(cx);
        } else if self.part == Part::None {
            if cx.clock() >= self.ballot.retry {
                self.campaign(cx);
            }
        } else {
            let since = LocalTime(cx.clock().0.saturating_sub(self.patience().0));
            if self.order.is_silent_since(since) {
                self.campaign(cx);
            } else if self.part == Part::Entered && self.coordinator(self.order.epoch()) == me {
                // Nothing was delivered, so this is still what the view begins with.
                for absent in self.order.absent() {
                    cx.send(absent, Msg::Open(Box::new(self.image())));
                }
            }
        }
    }

    fn coordinator(&self, epoch: Epoch) -> NodeId {
        NodeId(epoch.0 % self.env.replicas)
    }

    /// Begins a ballot of its own.
    fn campaign(&mut self, cx: Cx<'_, '_>) {
        let (me, n) = (self.env.me, self.env.replicas);
        let known = if self.part == Part::None { Duration::ZERO } else { self.patience() };
        let round = self.ballot.seen.max(self.ballot.promised).0 / n + 1;
        self.promise(me, Epoch(round * n + me.0), self.order.epoch(), cx);
        self.ballot.gathered = Some(vec![None; n as usize]);
        (self.ballot.knows_until, self.ballot.first) = (cx.clock() + known, None);
    }

    fn patience(&self) -> Duration {
        self.env.config.suspect_timeout
    }

    /// Takes no further part in views before `epoch`.
    fn promise(&mut self, coordinator: NodeId, epoch: Epoch, accepted: Epoch, cx: Cx<'_, '_>) {
        self.step_out(cx);
        let ballot = &mut self.ballot;
        (ballot.promised, ballot.gathered) = (epoch, None);
        let id = cx.persist(Record::Promise(epoch));
        ballot.joined = Some((coordinator, accepted, Some(id)));
        // A ballot that a crash has orphaned is begun anew by somebody else.
        self.put_off(self.patience() * 2, cx);
    }

    /// Its promise may be on disk now.
    pub(super) fn keep_promise(&mut self, upto: WriteId, cx: Cx<'_, '_>) {
        let Some((coordinator, _, id)) = &mut self.ballot.joined else { return };
        if id.take_if(|id| *id <= upto).is_none() {
            return;
        }
        if *coordinator == self.env.me {
            let own = self.make_promise(self.order.epoch());
            self.on_promise(self.env.me, own, cx);
            self.invite(cx);
        } else {
            self.send_promise(cx);
        }
    }

    fn make_promise(&self, coordinator_accepted: Epoch) -> Promise {
        let accepted = self.order.epoch();
        Promise {
            epoch: self.ballot.promised,
            accepted,
            pending: self.order.pending().collect(),
            image: (accepted > coordinator_accepted).then(|| Box::new(self.image())),
        }
    }

    fn send_promise(&self, cx: Cx<'_, '_>) {
        if let Some((coordinator, accepted, None)) = self.ballot.joined {
            cx.send(coordinator, Msg::Promise(Box::new(self.make_promise(accepted))));
        }
    }

    /// Asks those who have not promised. Its own promise comes first: a crash must not let it use the
    /// number twice.
    fn invite(&self, cx: Cx<'_, '_>) {
        let Some(gathered) = &self.ballot.gathered else { return };
        if gathered[self.env.me.index()].is_none() {
            return;
        }
        for other in self.env.peers().filter(|other| gathered[other.index()].is_none()) {
            let (epoch, accepted) = (self.ballot.promised, self.order.epoch());
            cx.send(other, Msg::Prepare { epoch, accepted });
        }
    }

    pub(super) fn on_prepare(
        &mut self,
        from: NodeId,
        epoch: Epoch,
        accepted: Epoch,
        cx: Cx<'_, '_>,
    ) {
        if epoch > self.ballot.promised {
            self.promise(from, epoch, accepted, cx);
        } else if epoch < self.ballot.promised {
            cx.send(from, Msg::Behind(self.ballot.promised));
        } else if self.part == Part::None {
            self.send_promise(cx);
        }
    }

    pub(super) fn on_promise(&mut self, from: NodeId, promise: Promise, cx: Cx<'_, '_>) {
        let Some(gathered) = &mut self.ballot.gathered else {
            if promise.epoch == self.order.epoch() && !self.order.has_member(from) {
                // The view was opened without it.
                self.campaign(cx);
            }
            return;
        };
        if promise.epoch == self.ballot.promised {
            gathered[from.index()].get_or_insert(promise);
            if from != self.env.me {
                self.ballot.first.get_or_insert(cx.clock());
            }
            self.open(cx);
        }
    }

    /// Somebody has promised a later view, or is in one.
    pub(super) fn on_behind(&mut self, epoch: Epoch, cx: Cx<'_, '_>) {
        if epoch > self.ballot.promised {
            self.ballot.seen = epoch.max(self.ballot.seen);
            if self.part != Part::None || self.ballot.gathered.is_some() {
                self.step_out(cx);
                self.ballot.gathered = None;
                self.put_off(self.env.config.heartbeat, cx);
            }
        }
    }

    /// A replica is in an earlier view. One that is a member of this one will soon be told of it.
    pub(super) fn on_stray(&self, from: NodeId, epoch: Epoch, cx: Cx<'_, '_>) {
        let here = self.part != Part::None && epoch < self.order.epoch();
        if here && !self.order.has_member(from) {
            cx.send(from, Msg::Behind(self.order.epoch()));
        }
    }

    /// Whether those it has not heard of are silent, and not just not heard of yet: it was a member
    /// until now, or others have had some time since it came within their reach.
    fn knows_who_is_silent(&self, cx: Cx<'_, '_>) -> bool {
        let (now, grace) = (cx.clock(), Duration(self.patience().0 / 4));
        now < self.ballot.knows_until || self.ballot.first.is_some_and(|at| now.since(at) >= grace)
    }

    /// Opens its view if a majority has promised and everybody else is silent.
    fn open(&mut self, cx: Cx<'_, '_>) {
        let Some(gathered) = &self.ballot.gathered else { return };
        let (mut members, mut waits) = (0_u32, false);
        for (id, promise) in (0..).zip(gathered) {
            match promise {
                Some(_) => members |= 1 << id,
                None => {
                    let silent = self.is_older(self.ballot.heard[id as usize], cx);
                    waits |= !silent || !self.knows_who_is_silent(cx);
                }
            }
        }
        let mine = gathered[self.env.me.index()].is_some();
        let enough = members.count_ones() as usize >= majority(self.env.replicas);
        if waits || !mine || !enough {
            return;
        }
        let promises: Vec<Promise> =
            self.ballot.gathered.take().into_iter().flatten().flatten().collect();
        let image = self.merge(promises, members);
        self.enter(image.clone(), cx);
        for member in self.order.others() {
            cx.send(member, Msg::Open(Box::new(image.clone())));
        }
    }

    /// What the latest view among those of the promises comes to.
    fn merge(&self, promises: Vec<Promise>, members: u32) -> Image {
        let latest = promises.iter().map(|promise| promise.accepted).max().unwrap_or_default();
        let mut entries: Vec<Entry> = Vec::new();
        let mut image = self.image();
        for promise in promises.into_iter().filter(|promise| promise.accepted == latest) {
            entries.extend(promise.pending);
            if let Some(theirs) = promise.image.filter(|theirs| theirs.epoch > image.epoch) {
                image = *theirs;
            }
        }
        entries.sort_unstable();
        entries.dedup();
        for entry in entries.iter().filter(|entry| entry.stamp > image.upto) {
            if image.state.apply(entry) == Fate::Written {
                image.late.push((entry.command.key, entry.command.value));
            }
        }
        Image { epoch: self.ballot.promised, members, upto: 0, ..image }
    }

    /// A view is opened, perhaps not for the first time.
    pub(super) fn on_open(&mut self, image: Image, cx: Cx<'_, '_>) {
        if image.epoch >= self.ballot.promised && image.epoch > self.order.epoch() {
            self.ballot.promised = image.epoch;
            (self.ballot.joined, self.ballot.gathered) = (None, None);
            self.enter(image, cx);
        }
    }
}
