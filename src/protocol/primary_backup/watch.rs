//! Fail-over: who suspects the primary, who is promoted, and how the one before is fenced.
//!
//! 1. *Suspect.* A node that has not heard from the primary for `detect` says so to all, with its place in
//!    the order, at once and with every heartbeat. A primary that steps down or comes back from a crash
//!    says the same of itself, and is believed.
//! 2. *Stand.* Once a majority suspects, the most up to date of those that hear each other asks for their
//!    votes under a new epoch; after a while, if nobody was promoted, any other that might get them.
//! 3. *Vote.* Whoever still hears the primary does not answer. The others vote once in an epoch, on disk
//!    before it is said, and for nobody who is behind them.
//! 4. *Promote.* A majority of votes makes a primary. What is in its log stays, and everybody else's log
//!    becomes its: a copy that is the beginning of it goes on where it ends; any other is replaced,
//!    and what only that one had is rolled back.
//! 5. *Fence.* Messages of an earlier epoch are answered with the later one, and whoever hears of a later
//!    one gives way.
//!
//! The order of votes is that of Ongaro and Ousterhout (2014), whose terms are epochs here. Epochs that fork
//! an order are PostgreSQL's timelines and, with the one before remembered so that copies need not be
//! replaced, Redis' two replication identities ("Redis replication").

use super::{
    Backup, Echo, Env, Flaw, Fork, Msg, Place, Primary, PrimaryBackup, Role, Server, ServerCx,
    Timer, Waiting,
};
use crate::op::NodeId;
use crate::protocol::WriteId;
use crate::protocol::parts::quorum;
use crate::protocol::parts::store::{Store, Tenure};
use crate::time::{Duration, LocalTime};

/// Heartbeats after which a suspicion that was not repeated counts no more.
const FRESH: u64 = 3;
/// Heartbeats for which others leave the most up to date one alone.
const WAY: u64 = 10;
/// Heartbeats, and up to as many again, after which a candidate stands anew.
const CANDIDACY: u64 = 5;
/// A timer that finds itself early is armed again at least this far ahead.
const TICK: Duration = Duration::micros(1);

/// What a node knows of who rules.
#[derive(Debug)]
pub(super) struct Watch {
    /// The primary of the current epoch, if it is known and not suspected.
    pub(super) primary: Option<NodeId>,
    /// When it was last heard, or may have been; none if it is known to be one no more.
    heard: Option<LocalTime>,
    /// Since when this node suspects.
    since: Option<LocalTime>,
    /// By replica, its latest suspicion.
    suspicions: Vec<Option<(LocalTime, Place)>>,
    /// By replica, whether it votes for this node.
    votes: Vec<bool>,
    /// Until when this node stands in the current epoch.
    stands: Option<LocalTime>,
    /// A vote that counts once it is on disk.
    promise: Option<(WriteId, NodeId)>,
}

impl Watch {
    /// Begins to watch, where somebody may take over.
    pub(super) fn begin(
        env: &Env<PrimaryBackup>,
        store: &mut Store,
        cx: ServerCx<'_, '_>,
    ) -> Option<Self> {
        let fail_over = env.config.fail_over.as_ref()?;
        let first = NodeId(env.config.primary);
        let begins = store.tenure() == Tenure::default();
        if begins {
            // Everybody knows who begins, so there is nothing to vote about.
            store.settle(Tenure { epoch: 1, vote: Some(first), line: 1 }, cx);
        }
        let Tenure { epoch, vote, line } = store.tenure();
        let ruled = !env.first_boot && line == epoch && vote == Some(env.me);
        cx.set_timer(Timer::Watch, if ruled { TICK } else { fail_over.detect });
        let replicas = env.replicas as usize;
        Some(Self {
            primary: env.first_boot.then_some(first),
            // One that has forgotten when it last heard waits as if it were now; the primary itself knows.
            heard: (!ruled).then(|| cx.clock()),
            since: None,
            suspicions: vec![None; replicas],
            votes: vec![false; replicas],
            stands: None,
            promise: None,
        })
    }
}

impl Server {
    /// Looks at who speaks before it is listened to; says whether to listen.
    pub(super) fn admits(&mut self, from: NodeId, msg: &Msg, cx: ServerCx<'_, '_>) -> bool {
        let Some(watch) = &mut self.watch else { return true };
        let ours = self.store.tenure().epoch;
        let fenced = !self.env.config.has(Flaw::HeedsNoEpoch);
        match *msg {
            Msg::Ship { standing, .. } | Msg::Beat { standing, .. } if fenced => {
                self.hears(from, standing.epoch, cx)
            }
            Msg::Install(epoch, _) if fenced => self.hears(from, epoch, cx),
            Msg::Ack { echo, .. } if fenced => {
                if echo.epoch > ours {
                    self.follow(echo.epoch, None, cx);
                }
                echo.epoch == ours
            }
            Msg::Ship { .. } | Msg::Beat { .. } | Msg::Install(..) => {
                let Role::Backup(backup) = &mut self.role else { return false };
                (watch.primary, watch.heard) = (Some(from), Some(cx.clock()));
                backup.obey(from);
                true
            }
            _ => true,
        }
    }

    /// Somebody speaks as the primary of an epoch.
    fn hears(&mut self, from: NodeId, epoch: u32, cx: ServerCx<'_, '_>) -> bool {
        let ours = self.store.tenure().epoch;
        if epoch < ours {
            let echo = Echo { epoch: ours, stamp: LocalTime::default() };
            cx.send(from, Msg::Ack { reached: 0, missing: 0, echo });
            return false;
        }
        let known = self.watch.as_ref().is_some_and(|watch| watch.primary == Some(from));
        if epoch > ours || !known {
            self.follow(epoch, Some(from), cx);
        }
        if let Some(watch) = &mut self.watch {
            watch.heard = Some(cx.clock());
        }
        true
    }

    /// Becomes or stays a backup, in an epoch that is not before the current one.
    fn follow(&mut self, epoch: u32, primary: Option<NodeId>, cx: ServerCx<'_, '_>) {
        let tenure = self.store.tenure();
        if epoch > tenure.epoch {
            self.store.settle(Tenure { epoch, vote: None, ..tenure }, cx);
        }
        let Some(watch) = &mut self.watch else { return };
        if epoch > tenure.epoch {
            (watch.stands, watch.promise) = (None, None);
            // Whoever stands in it is left some time.
            watch.since = watch.since.map(|_| cx.clock());
        }
        watch.primary = primary;
        if primary.is_some() {
            (watch.since, watch.stands) = (None, None);
        }
        // What it has on its disk may have to go.
        self.store.forget_early();
        match &mut self.role {
            Role::Primary(_) => {
                watch.heard = None;
                cx.cancel_timer(Timer::Beat);
                cx.cancel_timer(Timer::Flush);
                cx.cancel_timer(Timer::Patience);
                cx.set_timer(Timer::Watch, TICK);
                self.store.flush(cx);
                self.waiting = Waiting::default();
                self.role = Role::Backup(Backup::under(primary.unwrap_or(self.env.me), false));
            }
            Role::Backup(backup) => backup.leave(primary.unwrap_or(self.env.me)),
        }
    }

    /// The primary gives up its office: for too long no majority has answered.
    pub(super) fn step_down(&mut self, cx: ServerCx<'_, '_>) {
        self.follow(self.store.tenure().epoch, None, cx);
    }

    fn place(&self) -> Place {
        Place { line: self.store.tenure().line, last: self.store.last() }
    }

    /// Whether one copy is at least as up to date as another.
    fn is_as_good(&self, one: Place, other: Place) -> bool {
        if self.env.config.has(Flaw::PromotesLaggard) { one <= other } else { one >= other }
    }

    /// The timer is not moved with every message heard; it looks back when it runs out.
    pub(super) fn on_watch(&mut self, cx: ServerCx<'_, '_>) {
        let (Some(watch), Some(fail_over)) = (&mut self.watch, &self.env.config.fail_over) else {
            return;
        };
        if matches!(self.role, Role::Primary(_)) {
            return;
        }
        let now = cx.clock();
        if let Some(heard) = watch.heard {
            let silent = now.since(heard);
            if silent < fail_over.detect {
                return cx.set_timer(Timer::Watch, (fail_over.detect - silent).max(TICK));
            }
        }
        (watch.primary, watch.heard) = (None, None);
        watch.since.get_or_insert(now);
        watch.stands.take_if(|until| *until <= now);
        let epoch = self.store.tenure().epoch;
        let (standing, place) = (watch.stands.is_some(), self.place());
        for peer in self.env.peers() {
            let again = Msg::Stand { epoch, place };
            cx.send(peer, if standing { again } else { Msg::Suspect { epoch, place } });
        }
        self.consider(cx);
        cx.set_timer(Timer::Watch, self.env.config.heartbeat);
    }

    pub(super) fn on_suspect(
        &mut self,
        from: NodeId,
        (epoch, place): (u32, Place),
        cx: ServerCx<'_, '_>,
    ) {
        if self.env.config.has(Flaw::HeedsNoEpoch) && matches!(self.role, Role::Primary(_)) {
            return;
        }
        if epoch > self.store.tenure().epoch {
            self.follow(epoch, None, cx);
        }
        let ours = self.store.tenure().epoch;
        let Some(watch) = &mut self.watch else { return };
        watch.suspicions[from.index()] = Some((cx.clock(), place));
        // The primary itself says that it is one no more.
        if epoch == ours && watch.primary == Some(from) {
            watch.heard = None;
            return self.on_watch(cx);
        }
        if watch.since.is_some() {
            self.consider(cx);
        }
    }

    /// Stands if a majority suspects that is no more up to date, and nobody else is about to.
    fn consider(&mut self, cx: ServerCx<'_, '_>) {
        let Some(watch) = &self.watch else { return };
        let Some(since) = watch.since.filter(|_| watch.stands.is_none()) else { return };
        let (now, heartbeat, mine) = (cx.clock(), self.env.config.heartbeat, self.place());
        let (mut count, mut best) = (1, true);
        for (peer, suspicion) in (0..).zip(&watch.suspicions) {
            let Some((at, place)) = *suspicion else { continue };
            if now.since(at) <= heartbeat * FRESH {
                let good = self.is_as_good(mine, place);
                count += usize::from(good);
                best &= good && (place != mine || self.env.me.0 < peer);
            }
        }
        if count < quorum::majority(self.env.replicas)
            || !best && now.since(since) < heartbeat * WAY
        {
            return;
        }
        let Tenure { epoch, line, .. } = self.store.tenure();
        let (epoch, me) = (epoch + 1, self.env.me);
        let id = self.store.settle(Tenure { epoch, vote: Some(me), line }, cx);
        let patience = heartbeat * CANDIDACY;
        let until = now + patience + Duration(cx.rng().below(patience.0));
        for peer in self.env.peers() {
            cx.send(peer, Msg::Stand { epoch, place: mine });
        }
        if let Some(watch) = &mut self.watch {
            watch.votes.fill(false);
            (watch.stands, watch.promise) = (Some(until), Some((id, me)));
        }
    }

    pub(super) fn on_stand(
        &mut self,
        from: NodeId,
        (epoch, place): (u32, Place),
        cx: ServerCx<'_, '_>,
    ) {
        if self.watch.as_ref().is_none_or(|watch| watch.since.is_none()) {
            return;
        }
        if epoch > self.store.tenure().epoch {
            self.follow(epoch, None, cx);
        }
        let (tenure, mine) = (self.store.tenure(), self.place());
        let Some(watch) = &mut self.watch else { return };
        if epoch < tenure.epoch {
            cx.send(from, Msg::Suspect { epoch: tenure.epoch, place: mine });
        } else if tenure.vote == Some(from) {
            // Asked again, and the vote may have been lost.
            if watch.promise.is_none() {
                cx.send(from, Msg::Vote { epoch });
            }
        } else if tenure.vote.is_none() && self.is_as_good(place, mine) {
            let id = self.store.settle(Tenure { vote: Some(from), ..tenure }, cx);
            if let Some(watch) = &mut self.watch {
                watch.promise = Some((id, from));
            }
        }
    }

    /// A vote has reached the disk: now it counts.
    pub(super) fn keep_promise(&mut self, upto: WriteId, cx: ServerCx<'_, '_>) {
        let Some(watch) = &mut self.watch else { return };
        let Some((_, to)) = watch.promise.take_if(|(id, _)| *id <= upto) else { return };
        let epoch = self.store.tenure().epoch;
        if to == self.env.me {
            self.on_vote(to, epoch, cx);
        } else {
            cx.send(to, Msg::Vote { epoch });
        }
    }

    pub(super) fn on_vote(&mut self, from: NodeId, epoch: u32, cx: ServerCx<'_, '_>) {
        let Some(watch) = &mut self.watch else { return };
        if watch.stands.is_none() || epoch != self.store.tenure().epoch {
            return;
        }
        watch.votes[from.index()] = true;
        let count = watch.votes.iter().filter(|vote| **vote).count();
        if count >= quorum::majority(self.env.replicas) {
            self.promote(cx);
        }
    }

    /// Takes office: its log is the order from now on.
    fn promote(&mut self, cx: ServerCx<'_, '_>) {
        let tenure = self.store.tenure();
        let fork = Fork { line: tenure.line, start: self.store.last() };
        self.store.settle(Tenure { line: tenure.epoch, ..tenure }, cx);
        self.store.forget_early();
        self.store.apply_all(fork.start, cx);
        if let Some(watch) = &mut self.watch {
            (watch.primary, watch.heard) = (Some(self.env.me), None);
            (watch.since, watch.stands) = (None, None);
        }
        cx.cancel_timer(Timer::Watch);
        cx.cancel_timer(Timer::Replay);
        self.waiting = Waiting::default();
        self.role = Role::Primary(Primary::start(&self.env, &mut self.store, fork, cx));
    }
}
