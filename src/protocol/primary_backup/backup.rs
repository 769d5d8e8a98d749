//! A backup's half: append, sync, apply, acknowledge; and know how old its copy is.

use super::{Config, Env, Msg, PrimaryBackup, Reached, ServerCx, Snapshot, Standing, Store, Timer};
use crate::op::NodeId;
use crate::protocol::parts::table::Command;
use crate::time::{Duration, LocalTime};
use std::collections::VecDeque;

/// What a backup knows besides its copy.
#[derive(Debug, Default)]
pub(super) struct Backup {
    /// Everything acknowledged before this reading of the primary's clock is applied here.
    pub(super) current_as_of: LocalTime,
    /// A later reading for which that will hold once this index is applied.
    next: Option<(u64, LocalTime)>,
    /// What is on disk and not shown yet: up to which index, and from when on it is.
    replay: VecDeque<(u64, LocalTime)>,
}

type E = Env<PrimaryBackup>;

impl Backup {
    pub(super) fn on_ship(
        &mut self,
        env: &E,
        store: &mut Store,
        standing: Standing,
        (index, command): (u64, Command),
        cx: ServerCx<'_, '_>,
    ) {
        store.receive(index, command, cx);
        self.learn(store, standing);
        if env.config.reached == Reached::Memory {
            ack(&env.config, store, 0, cx);
        }
    }

    pub(super) fn on_beat(
        &mut self,
        env: &E,
        store: &mut Store,
        standing: Standing,
        last: u64,
        cx: ServerCx<'_, '_>,
    ) {
        let missing = if last > store.last() { store.last() + 1 } else { 0 };
        self.learn(store, standing);
        ack(&env.config, store, missing, cx);
    }

    pub(super) fn on_install(
        &mut self,
        store: &mut Store,
        snapshot: Snapshot,
        cx: ServerCx<'_, '_>,
    ) {
        if snapshot.index > store.last() {
            // The primary's copy may be older than this one, until others have acknowledged its log.
            self.next = None;
            self.current_as_of = LocalTime::default();
            store.install(snapshot, cx);
        }
    }

    pub(super) fn on_durable(&mut self, env: &E, store: &mut Store, cx: ServerCx<'_, '_>) {
        let delay = env.config.apply_delay;
        let at_once = delay == Duration::ZERO;
        if at_once {
            self.show(store, store.durable());
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
            ack(&env.config, store, 0, cx);
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
            self.show(store, index);
        }
        if env.config.reached == Reached::Applied {
            ack(&env.config, store, 0, cx);
        }
    }

    fn show(&mut self, store: &mut Store, upto: u64) {
        store.apply_all(upto);
        if let Some((index, stamp)) = self.next
            && store.applied() >= index
        {
            self.current_as_of = stamp;
            self.next = None;
        }
        store.trim(u64::MAX);
    }

    fn learn(&mut self, store: &Store, standing: Standing) {
        if store.applied() >= standing.commit {
            self.current_as_of = self.current_as_of.max(standing.stamp);
        } else if self.next.is_none() {
            self.next = Some((standing.commit, standing.stamp));
        }
    }
}

fn ack(config: &Config, store: &Store, missing: u64, cx: ServerCx<'_, '_>) {
    let reached = match config.reached {
        Reached::Memory => store.last(),
        Reached::Disk => store.durable(),
        // A snapshot shows before it is on disk.
        Reached::Applied => store.applied().min(store.durable()),
    };
    cx.send(NodeId(config.primary), Msg::Ack { reached, missing });
}
