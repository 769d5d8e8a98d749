//! Versions kept for replicas that could not be reached (Dynamo, section 4.6: hinted handoff). They are
//! on this node's disk like everything else, so a stand-in may acknowledge one.

use super::ServerCx;
use super::message::{Copies, Msg, Ticket, Timer};
use crate::op::{Key, NodeId};
use crate::time::Duration;
use std::collections::VecDeque;

/// How often hints are tried again.
const RETRY: Duration = Duration::secs(1);
/// How many are handed to one node at once.
const BATCH: u32 = 64;

/// What one replica is to have of a key.
#[derive(Clone, Debug)]
struct Hint {
    serial: u64,
    to: NodeId,
    key: Key,
    copies: Copies,
}

/// What a node keeps for each of the others.
#[derive(Debug)]
pub(super) struct Hints {
    queue: VecDeque<Hint>,
    most: usize,
    /// By replica: whether it was heard since the last try.
    heard: Vec<bool>,
    /// By replica: how many were handed over and are not acknowledged.
    in_flight: Vec<u32>,
    armed: bool,
}

impl Hints {
    pub(super) fn new(replicas: u32, most: u32) -> Self {
        Self {
            queue: VecDeque::new(),
            most: most as usize,
            heard: vec![false; replicas as usize],
            in_flight: vec![0; replicas as usize],
            armed: false,
        }
    }

    /// Keeps a version for `to`, unless there are too many already.
    pub(super) fn keep(&mut self, serial: u64, to: NodeId, key: Key, copies: Copies) -> bool {
        let room = self.queue.len() < self.most;
        if room {
            self.queue.push_back(Hint { serial, to, key, copies });
        }
        room
    }

    /// All of them, oldest first.
    pub(super) fn all(&self) -> impl Iterator<Item = (NodeId, Key, Copies)> + '_ {
        self.queue.iter().map(|hint| (hint.to, hint.key, hint.copies.clone()))
    }

    /// Adds what is kept of a key to what is known of it.
    pub(super) fn add_to(&self, key: Key, known: &mut Copies) {
        for hint in self.queue.iter().filter(|hint| hint.key == key) {
            known.merge(&hint.copies);
        }
    }

    /// A node has said something.
    pub(super) fn heard(&mut self, from: NodeId) {
        self.heard[from.index()] = true;
    }

    /// Sees to it that what is kept is tried again.
    pub(super) fn arm(&mut self, cx: ServerCx<'_, '_>) {
        if !self.armed && !self.queue.is_empty() {
            self.armed = true;
            cx.set_timer(Timer::Handoff, RETRY);
        }
    }

    /// Hands over to those that were heard; the others are tried with one.
    pub(super) fn on_timer(&mut self, cx: ServerCx<'_, '_>) {
        self.armed = false;
        for to in 0..self.heard.len() {
            let most = if std::mem::take(&mut self.heard[to]) { BATCH } else { 1 };
            self.in_flight[to] = 0;
            self.hand_over(NodeId(to as u32), most, cx);
        }
        self.arm(cx);
    }

    fn hand_over(&mut self, to: NodeId, most: u32, cx: ServerCx<'_, '_>) {
        for hint in self.queue.iter().filter(|hint| hint.to == to).take(most as usize) {
            self.in_flight[to.index()] += 1;
            let ticket = Ticket { slot: Ticket::HINT, serial: hint.serial };
            let (key, copies) = (hint.key, hint.copies.clone());
            cx.send(to, Msg::Store { ticket, key, copies, stand_in_for: None });
        }
    }

    /// One has arrived and is safe there; the next follow.
    pub(super) fn on_stored(&mut self, serial: u64, cx: ServerCx<'_, '_>) {
        let Some(at) = self.queue.iter().position(|hint| hint.serial == serial) else { return };
        let Some(Hint { to, .. }) = self.queue.remove(at) else { return };
        let left = &mut self.in_flight[to.index()];
        *left = left.saturating_sub(1);
        if *left == 0 {
            self.hand_over(to, BATCH, cx);
        }
    }
}
