//! The primary's half: order, ship, wait as the knob says, acknowledge.

use super::{Acknowledge, Env, Msg, PrimaryBackup, ServerCx, Standing, Store, Timer, Token};
use crate::op::{NodeId, Value};
use crate::protocol::parts::quorum::kth_largest;
use crate::protocol::parts::resend::Resend;
use crate::protocol::parts::table::Command;
use crate::time::LocalTime;

/// Entries sent again at once to a backup that misses some; it asks again for the rest.
const RESEND: u64 = 512;
/// Heartbeats before the same is sent again.
const RESEND_WAIT: u64 = 5;

/// What the primary knows of its backups.
#[derive(Debug)]
pub(super) struct Primary {
    /// By replica, how far its disk is; its own place is unused.
    acked: Vec<u64>,
    /// By replica, when it was last heard.
    heard: Vec<LocalTime>,
    /// Reads wait until this much is acknowledged anew: before a restart it may have been already.
    pub(super) barrier: u64,
    /// By replica, what was sent to it again.
    resent: Vec<Resend>,
    /// Shipped up to here; never beyond its own disk.
    shipped: u64,
    scratch: Vec<u64>,
}

type E = Env<PrimaryBackup>;

impl Primary {
    pub(super) fn start(env: &E, store: &mut Store, cx: ServerCx<'_, '_>) -> Self {
        let replicas = env.replicas as usize;
        let mut primary = Self {
            acked: vec![0; replicas],
            heard: vec![cx.clock(); replicas],
            barrier: store.last(),
            resent: vec![Resend::default(); replicas],
            shipped: store.last(),
            scratch: Vec::with_capacity(replicas),
        };
        primary.on_beat(env, store, cx);
        primary
    }

    pub(super) fn on_write(store: &mut Store, command: Command, cx: ServerCx<'_, '_>) {
        if store.table().has_applied(command.client, command.op) {
            return acknowledge(&command, Token(store.applied()), cx);
        }
        store.append(command, cx);
    }

    /// What has become safe here is shipped.
    pub(super) fn on_durable(&mut self, env: &E, store: &mut Store, cx: ServerCx<'_, '_>) {
        let standing = self.standing(store, cx);
        for index in self.shipped + 1..=store.durable() {
            let Some(command) = store.entry(index) else { continue };
            for backup in env.peers() {
                cx.send(backup, Msg::Ship { standing, index, command });
            }
        }
        self.shipped = store.durable();
        self.advance(env, store, cx);
    }

    pub(super) fn on_ack(
        &mut self,
        env: &E,
        store: &mut Store,
        from: NodeId,
        (durable, missing): (u64, u64),
        cx: ServerCx<'_, '_>,
    ) {
        self.heard[from.index()] = cx.clock();
        let acked = &mut self.acked[from.index()];
        *acked = durable.max(*acked);
        let wait = env.config.heartbeat * RESEND_WAIT;
        if missing > 0 && self.resent[from.index()].is_due(missing, cx.clock(), wait) {
            self.resend(store, from, missing, cx);
        }
        // An acknowledgement of what is committed already decides nothing.
        if durable > store.applied() {
            self.advance(env, store, cx);
        }
    }

    /// Acknowledges and applies what the disk and the knob allow.
    pub(super) fn advance(&mut self, env: &E, store: &mut Store, cx: ServerCx<'_, '_>) {
        let commit = store.durable().min(self.replicated(env, cx.clock()));
        while let Some((command, new)) = store.apply_next(commit) {
            if new {
                cx.note_commit(command.key, command.value);
            }
            acknowledge(&command, Token(store.applied()), cx);
        }
    }

    /// How far the knob is satisfied.
    fn replicated(&mut self, env: &E, now: LocalTime) -> u64 {
        let acked = |peer: NodeId| self.acked[peer.index()];
        match &env.config.acknowledge {
            Acknowledge::Async => u64::MAX,
            Acknowledge::All => env.peers().map(acked).min().unwrap_or(u64::MAX),
            Acknowledge::Any(k) => {
                self.scratch.clear();
                self.scratch.extend(env.peers().map(|peer| self.acked[peer.index()]));
                kth_largest(&mut self.scratch, *k as usize)
            }
            Acknowledge::First { k, of } => {
                let connected =
                    |r: &&u32| now.since(self.heard[**r as usize]) <= env.config.silence;
                let chosen = of.iter().filter(connected).take(*k as usize);
                let (count, least) = chosen.fold((0, u64::MAX), |(count, least), r| {
                    (count + 1, least.min(self.acked[*r as usize]))
                });
                if count == *k { least } else { 0 }
            }
        }
    }

    /// The heartbeat; a silent backup may also have made way for the next of the list.
    pub(super) fn on_beat(&mut self, env: &E, store: &mut Store, cx: ServerCx<'_, '_>) {
        self.advance(env, store, cx);
        let least = env.peers().map(|peer| self.acked[peer.index()]).min();
        store.trim(least.unwrap_or(u64::MAX));
        let (standing, last) = (self.standing(store, cx), self.shipped);
        for backup in env.peers() {
            cx.send(backup, Msg::Beat { standing, last });
        }
        cx.set_timer(Timer::Beat, env.config.heartbeat);
    }

    /// After a restart everything recovered may have been acknowledged before it, whatever is known to be
    /// committed now.
    fn standing(&self, store: &Store, cx: ServerCx<'_, '_>) -> Standing {
        let commit = store.applied().max(self.barrier);
        Standing { commit, stamp: cx.clock() }
    }

    fn resend(&self, store: &Store, to: NodeId, from: u64, cx: ServerCx<'_, '_>) {
        if store.entry(from).is_none() {
            return cx.send(to, Msg::Install(Box::new(store.snapshot())));
        }
        let standing = self.standing(store, cx);
        for index in from..=self.shipped.min(from + RESEND - 1) {
            if let Some(command) = store.entry(index) {
                cx.send(to, Msg::Ship { standing, index, command });
            }
        }
    }
}

fn acknowledge(command: &Command, token: Token, cx: ServerCx<'_, '_>) {
    cx.send(command.client, Msg::Reply { op: command.op, value: Value::INITIAL, token });
}
