//! The API server's side of watches: a worker lists once and is then sent each change its etcd member applies.
//!
//! A renewed lease is acknowledged when the member has applied it, so an acknowledgement also says that this
//! machine is in touch with a majority and that its events are not late.

use super::MachineCx;
use super::control::Control;
use super::layout::Object;
use super::message::{Msg, Put};
use crate::op::{Key, NodeId, Value};

/// A worker's watch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stream {
    id: u32,
    /// Events sent.
    sent: u64,
}

impl Control {
    /// A worker renews its lease, and lists if its watch is new. Without a leader a list is what the watch
    /// cache has and the lease is not renewed; the worker turns to another server when it finds out.
    pub(super) fn on_renew(&mut self, worker: NodeId, stream: u32, cx: MachineCx<'_, '_>) {
        if self.streams.get(&worker).is_none_or(|known| known.id != stream) {
            self.streams.insert(worker, Stream { id: stream, sent: 0 });
            self.list(worker, cx);
        }
        // Whatever is new shows that the node is alive: its time is not looked at.
        let value = Value((cx.clock().0 / 1_000_000) as u32);
        let key = self.layout.key(Object::Lease(worker));
        self.put(Put { key, expect: None, value }, cx);
    }

    fn list(&self, worker: NodeId, cx: MachineCx<'_, '_>) {
        let Some(Stream { id, sent }) = self.streams.get(&worker).copied() else { return };
        let values = (0..self.etcd.keys()).map(|key| self.etcd.value(Key(key))).collect();
        cx.send(worker, Msg::List { stream: id, sent, index: self.told, values });
    }

    /// Tells workers and controllers what the etcd member has applied since.
    pub(super) fn pass_on(&mut self, cx: MachineCx<'_, '_>) {
        let applied = self.etcd.applied();
        if applied == self.told {
            return;
        }
        let news = self.etcd.applied_after(self.told);
        self.told = applied;
        let Some(news) = news else {
            // It was sent a snapshot: so are they.
            let watching: Vec<NodeId> = self.streams.keys().copied().collect();
            watching.into_iter().for_each(|worker| self.list(worker, cx));
            return;
        };
        for (index, command) in news {
            let (key, value) = (command.key, command.value);
            self.note(key, value, cx.clock());
            match self.layout.object(key) {
                Object::Lease(worker) => {
                    if let Some(Stream { id, sent }) = self.streams.get(&worker).copied() {
                        cx.send(worker, Msg::Renewed { stream: id, sent });
                    }
                }
                Object::Holder => {}
                Object::Condition(_) | Object::Spec(_) | Object::Rolled(_) | Object::Placed(_) => {
                    for (worker, stream) in &mut self.streams {
                        stream.sent += 1;
                        let (stream, number) = (stream.id, stream.sent);
                        cx.send(*worker, Msg::Event { stream, number, index, key, value });
                    }
                }
            }
        }
    }
}
