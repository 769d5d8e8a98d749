//! Acknowledging writes: when the disk has them, and at the bounded level when their stamp is past.

use super::{Msg, Note, ServerCx, Store, Timer, Vector};
use crate::op::{Key, NodeId, OpId, Value};
use crate::time::LocalTime;
use std::collections::VecDeque;

/// A write that is not acknowledged yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ack {
    /// Its place in this replica's log.
    pub(super) seq: u32,
    pub(super) key: Key,
    pub(super) client: NodeId,
    pub(super) op: OpId,
    /// For the answer's note.
    pub(super) ahead: u64,
    /// Not before this reading of the clock.
    pub(super) until: LocalTime,
}

/// Writes that wait.
#[derive(Debug, Default)]
pub(super) struct Acks {
    /// For the disk, in the order of the log.
    syncing: VecDeque<Ack>,
    /// For the clock.
    settling: Vec<Ack>,
}

impl Acks {
    pub(super) fn keep(&mut self, ack: Ack) {
        self.syncing.push_back(ack);
    }

    pub(super) fn on_durable(&mut self, me: NodeId, store: &Store, cx: ServerCx<'_, '_>) {
        let safe = |ack: &Ack| ack.seq <= store.durable();
        while let Some(ack) = self.syncing.front().copied().filter(safe) {
            self.syncing.pop_front();
            if ack.until <= cx.clock() {
                acknowledge(me, &ack, store, cx);
            } else {
                self.settling.push(ack);
            }
        }
        self.await_next(cx);
    }

    /// Some stamp has passed.
    pub(super) fn release(&mut self, me: NodeId, store: &Store, cx: ServerCx<'_, '_>) {
        self.settling.retain(|ack| {
            let past = ack.until <= cx.clock();
            if past {
                acknowledge(me, ack, store, cx);
            }
            !past
        });
        self.await_next(cx);
    }

    fn await_next(&self, cx: ServerCx<'_, '_>) {
        if let Some(next) = self.settling.iter().map(|ack| ack.until).min() {
            let after = next.since(cx.clock());
            cx.set_timer(Timer::Settle, after);
        }
    }
}

fn acknowledge(me: NodeId, ack: &Ack, store: &Store, cx: ServerCx<'_, '_>) {
    let token = Vector::of(me, ack.seq);
    let note = Note { token, ahead: ack.ahead, newest: store.newest() };
    let msg = match store.word(ack.key) {
        Some(word) => Msg::Made { op: ack.op, word, note },
        None => Msg::Reply { op: ack.op, value: Value::INITIAL, note },
    };
    cx.send(ack.client, msg);
}
