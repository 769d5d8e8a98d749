//! A backup's half: append, sync, acknowledge, apply; and know how old its copy is.

use super::{Env, Msg, PrimaryBackup, ServerCx, Snapshot, Standing, Store};
use crate::op::NodeId;
use crate::protocol::parts::table::Command;
use crate::time::LocalTime;

/// What a backup knows besides its copy.
#[derive(Debug, Default)]
pub(super) struct Backup {
    /// Everything acknowledged before this reading of the primary's clock is applied here.
    pub(super) current_as_of: LocalTime,
    /// A later reading for which that will hold once this index is applied.
    next: Option<(u64, LocalTime)>,
}

impl Backup {
    pub(super) fn on_ship(
        &mut self,
        store: &mut Store,
        standing: Standing,
        (index, command): (u64, Command),
        cx: ServerCx<'_, '_>,
    ) {
        store.receive(index, command, cx);
        self.learn(store, standing);
    }

    pub(super) fn on_beat(
        &mut self,
        store: &mut Store,
        primary: NodeId,
        standing: Standing,
        last: u64,
        cx: ServerCx<'_, '_>,
    ) {
        let missing = if last > store.last() { store.last() + 1 } else { 0 };
        self.learn(store, standing);
        self.ack(store, primary, missing, cx);
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

    pub(super) fn on_durable(
        &mut self,
        env: &Env<PrimaryBackup>,
        store: &mut Store,
        cx: ServerCx<'_, '_>,
    ) {
        store.apply_all(store.durable());
        if let Some((index, stamp)) = self.next
            && store.applied() >= index
        {
            self.current_as_of = stamp;
            self.next = None;
        }
        store.trim(u64::MAX);
        self.ack(store, NodeId(env.config.primary), 0, cx);
    }

    fn ack(&self, store: &Store, primary: NodeId, missing: u64, cx: ServerCx<'_, '_>) {
        cx.send(primary, Msg::Ack { durable: store.durable(), missing });
    }

    fn learn(&mut self, store: &Store, standing: Standing) {
        if store.applied() >= standing.commit {
            self.current_as_of = self.current_as_of.max(standing.stamp);
        } else if self.next.is_none() {
            self.next = Some((standing.commit, standing.stamp));
        }
    }
}
