//! Serving clients: now, when the session's past has arrived, elsewhere, or not at all.

use super::super::parts::merge::Delta;
use super::super::parts::version::Version;
use super::acks::Ack;
use super::{
    Ask, Config, Entry, Flaw, Msg, Need, Note, Server, ServerCx, Stamps, Vector, Wish, ahead,
};
use crate::op::{Key, NodeId};
use crate::time::LocalTime;

/// A request that waits for its session's past.
#[derive(Clone, Copy, Debug)]
struct Waiter {
    client: NodeId,
    ask: Ask,
    past: Vector,
    ahead: u64,
}

/// Requests that wait: one per client, so never more than there are clients.
#[derive(Debug, Default)]
pub(super) struct Waiting(Vec<Waiter>);

impl Waiting {
    /// Keeps a request in place of an earlier one of the same client.
    fn keep(&mut self, waiter: Waiter) {
        match self.0.iter_mut().find(|other| other.client == waiter.client) {
            Some(slot) => *slot = waiter,
            None => self.0.push(waiter),
        }
    }
}

impl Server {
    pub(super) fn on_ask(&mut self, client: NodeId, ask: Ask, cx: ServerCx<'_, '_>) {
        let ahead = ahead(ask.sent, cx);
        match ask.need {
            Need::Past { past, wait } if !self.store.has().covers(&past) => {
                if wait {
                    self.waiting.keep(Waiter { client, ask, past, ahead });
                } else {
                    cx.send(client, Msg::Redirect(ask.op));
                }
            }
            Need::Within(age) if !matches!(ask.wish, Wish::Write { .. }) => {
                let latest = cx.clock() + self.env.config.max_clock_error;
                if self.links.age(&self.store, latest) > age {
                    cx.send(client, Msg::Refused(ask.op));
                } else {
                    self.serve(client, &ask, ahead, cx);
                }
            }
            _ => self.serve(client, &ask, ahead, cx),
        }
    }

    /// Serves the waiting requests whose time has come.
    pub(super) fn serve_waiting(&mut self, cx: ServerCx<'_, '_>) {
        let mut at = 0;
        while let Some(Waiter { client, ask, past, ahead }) = self.waiting.0.get(at).copied() {
            if self.store.has().covers(&past) {
                self.waiting.0.swap_remove(at);
                self.serve(client, &ask, ahead, cx);
            } else {
                at += 1;
            }
        }
    }

    fn serve(&mut self, client: NodeId, ask: &Ask, ahead: u64, cx: ServerCx<'_, '_>) {
        let op = ask.op;
        match ask.wish {
            Wish::Read if self.env.config.conflicts.merges() => {
                let note = self.note(*self.store.has(), ahead);
                cx.send(client, Msg::Shown { op, shown: self.store.shown(ask.key), note });
            }
            Wish::Read => {
                let note = self.note(*self.store.has(), ahead);
                cx.send(client, Msg::Reply { op, value: self.store.read(ask.key), note });
            }
            Wish::Scan(count) => {
                let note = self.note(*self.store.has(), ahead);
                cx.send(client, Msg::Values { op, values: self.store.scan(ask.key, count), note });
            }
            Wish::Write { version, fresh, .. } if fresh && self.is_beaten(ask.key, version) => {
                let note = self.note(Vector::default(), ahead);
                cx.send(client, Msg::Low { op, rank: version.rank, note });
            }
            Wish::Write { delta, .. } if self.conflicts(ask.key, &delta) => {
                let note = self.note(Vector::default(), ahead);
                cx.send(client, Msg::Conflict { op, value: self.store.read(ask.key), note });
            }
            Wish::Write { version, delta, .. } => {
                let Config { causal, flaw, .. } = *self.env.config;
                let causal = causal && flaw != Some(Flaw::IgnoresDependencies);
                let deps = if causal { *self.store.has() } else { Vector::default() };
                let seq = self.store.accept(Entry { key: ask.key, version, deps, delta }, cx);
                let until = match ask.need {
                    Need::Within(_) => {
                        LocalTime(version.rank.time) + self.env.config.max_clock_error
                    }
                    Need::Past { .. } => LocalTime::default(),
                };
                self.acks.keep(Ack { seq, key: ask.key, client, op, ahead, until });
            }
        }
    }

    /// Whether a hybrid clock here would have given the write a higher stamp.
    fn is_beaten(&self, key: Key, version: Version) -> bool {
        let Config { stamps, conflicts, .. } = *self.env.config;
        stamps == Stamps::Hlc && !conflicts.merges() && version < self.store.version(key)
    }

    /// Whether a write is to be refused because it would begin a branch here.
    fn conflicts(&self, key: Key, delta: &Delta) -> bool {
        self.env.config.checks_revisions && self.store.would_branch(key, delta)
    }

    pub(super) fn note(&self, token: Vector, ahead: u64) -> Note {
        Note { token, ahead, newest: self.store.newest() }
    }
}
