//! A backup's half: append, sync, apply, acknowledge; and know how old its copy is.

use super::{
    Config, Echo, Env, Flaw, Fork, Msg, PrimaryBackup, Reached, ServerCx, Snapshot, Standing,
    Store, Timer,
};
use crate::op::NodeId;
use crate::protocol::parts::store::Tenure;
use crate::protocol::parts::table::Command;
use crate::time::{Duration, LocalTime};
use std::collections::VecDeque;

/// How a backup says that its log is not the beginning of the primary's.
const ANOTHER: u64 = u64::MAX;

/// What a backup knows besides its copy.
#[derive(Debug)]
pub(super) struct Backup {
    /// Whom it follows.
    primary: NodeId,
    /// Whether its log is known to be the beginning of the primary's.
    joined: bool,
    /// What the primary had when it began.
    start: u64,
    /// The latest reading of the primary's clock.
    stamp: LocalTime,
    /// Everything acknowledged before this reading of the primary's clock is applied here.
    pub(super) current_as_of: LocalTime,
    /// A later reading for which that will hold once this index is applied.
    next: Option<(u64, LocalTime)>,
    /// What is on disk and not shown yet: up to which index, and from when on it is.
    replay: VecDeque<(u64, LocalTime)>,
}

type E = Env<PrimaryBackup>;

impl Backup {
    pub(super) fn under(primary: NodeId, joined: bool) -> Self {
        Self {
            primary,
            joined,
            start: 0,
            stamp: LocalTime::default(),
            current_as_of: LocalTime::default(),
            next: None,
            replay: VecDeque::new(),
        }
    }

    /// Answers to this one from now on, whatever it has ordered.
    pub(super) fn obey(&mut self, primary: NodeId) {
        self.primary = primary;
    }

    /// The order may go on elsewhere, and with another log than this.
    pub(super) fn leave(&mut self, primary: NodeId) {
        (self.primary, self.joined) = (primary, false);
        (self.start, self.stamp) = (0, LocalTime::default());
    }

    /// Finds out whether this log is the beginning of the primary's; if it is not, all of it is asked for.
    fn join(&mut self, env: &E, store: &mut Store, fork: Fork, cx: ServerCx<'_, '_>) {
        let Tenure { epoch, line, .. } = store.tenure();
        self.joined = line == epoch || line == fork.line && store.last() <= fork.start;
        if self.joined {
            self.start = fork.start;
            self.turn(store, cx);
            self.show(env, store, store.durable(), cx);
        } else {
            let echo = Echo { epoch, stamp: self.stamp };
            cx.send(self.primary, Msg::Ack { reached: 0, missing: ANOTHER, echo });
        }
    }

    /// Having all that the primary began with, it goes on in the primary's order.
    fn turn(&self, store: &mut Store, cx: ServerCx<'_, '_>) {
        let tenure = store.tenure();
        if tenure.line < tenure.epoch && store.last() == self.start {
            store.settle(Tenure { line: tenure.epoch, ..tenure }, cx);
        }
    }

    pub(super) fn on_ship(
        &mut self,
        env: &E,
        store: &mut Store,
        standing: Standing,
        (index, command): (u64, Command),
        cx: ServerCx<'_, '_>,
    ) {
        if !self.joined {
            return;
        }
        // What comes after the primary's beginning must find the beginning complete.
        let Tenure { epoch, line, .. } = store.tenure();
        if line == epoch || index <= self.start {
            store.receive(index, command, cx);
            self.turn(store, cx);
        }
        self.learn(store, standing);
        if env.config.reached == Reached::Memory {
            self.ack(&env.config, store, 0, cx);
        }
    }

    pub(super) fn on_beat(
        &mut self,
        env: &E,
        store: &mut Store,
        standing: Standing,
        (last, fork): (u64, Fork),
        cx: ServerCx<'_, '_>,
    ) {
        if env.config.has(Flaw::HeedsNoEpoch) {
            (self.joined, self.start) = (true, u64::MAX);
        }
        self.stamp = self.stamp.max(standing.stamp);
        if !self.joined {
            self.join(env, store, fork, cx);
        }
        if !self.joined {
            return;
        }
        let missing = if last > store.last() { store.last() + 1 } else { 0 };
        self.learn(store, standing);
        self.ack(&env.config, store, missing, cx);
    }

    pub(super) fn on_install(
        &mut self,
        store: &mut Store,
        epoch: u32,
        snapshot: Snapshot,
        cx: ServerCx<'_, '_>,
    ) {
        // A copy whose log is the beginning of the primary's only goes forward.
        if store.tenure().line != epoch || snapshot.index > store.last() {
            // The primary's copy may be older than this one, until others have acknowledged its log.
            self.next = None;
            self.current_as_of = LocalTime::default();
            self.replay.clear();
            self.joined = true;
            store.install(snapshot, epoch, cx);
        }
    }

    pub(super) fn on_durable(&mut self, env: &E, store: &mut Store, cx: ServerCx<'_, '_>) {
        let delay = env.config.apply_delay;
        let at_once = delay == Duration::ZERO;
        if at_once {
            self.show(env, store, store.durable(), cx);
        } else {
            if self.replay.is_empty() {
                cx.set_timer(Timer::Replay, delay);
            }
            self.replay.push_back((store.durable(), cx.clock() + delay));
        }
        let counts = match env.config.reached {
            Reached::Memory => false,
            Reached::Disk => true,
            Reached::Applied => at_once,
        };
        if counts {
            self.ack(&env.config, store, 0, cx);
        }
    }

    /// Shows what has been on disk for long enough.
    pub(super) fn on_replay(&mut self, env: &E, store: &mut Store, cx: ServerCx<'_, '_>) {
        let now = cx.clock();
        while let Some((index, due)) = self.replay.front().copied() {
            if due > now {
                cx.set_timer(Timer::Replay, due.since(now));
                break;
            }
            self.replay.pop_front();
            self.show(env, store, index, cx);
        }
        if env.config.reached == Reached::Applied {
            self.ack(&env.config, store, 0, cx);
        }
    }

    fn show(&mut self, env: &E, store: &mut Store, upto: u64, cx: ServerCx<'_, '_>) {
        store.apply_all(upto, cx);
        if let Some((index, stamp)) = self.next
            && store.applied() >= index
        {
            self.current_as_of = stamp;
            self.next = None;
        }
        // Whoever may be promoted keeps what others may lack then.
        store.trim(if env.config.fail_over.is_some() { 0 } else { u64::MAX });
    }

    fn learn(&mut self, store: &Store, standing: Standing) {
        self.stamp = self.stamp.max(standing.stamp);
        if store.applied() >= standing.commit {
            self.current_as_of = self.current_as_of.max(standing.stamp);
        } else if self.next.is_none() && standing.commit != Standing::UNKNOWN {
            self.next = Some((standing.commit, standing.stamp));
        }
    }

    /// Says how much it has; not before it is on disk in whose order that is.
    fn ack(&self, config: &Config, store: &Store, missing: u64, cx: ServerCx<'_, '_>) {
        let reached = match config.reached {
            Reached::Memory => store.last(),
            Reached::Disk => store.durable(),
            // A snapshot shows before it is on disk.
            Reached::Applied => store.applied().min(store.durable()),
        };
        if self.joined && store.is_settled() {
            let epoch = store.tenure().epoch;
            // What nobody needs takes no place on the wire.
            let echo = if epoch > 0 { Echo { epoch, stamp: self.stamp } } else { Echo::default() };
            cx.send(self.primary, Msg::Ack { reached, missing, echo });
        }
    }
}
