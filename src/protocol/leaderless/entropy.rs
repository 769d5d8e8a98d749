//! Anti-entropy: replicas compare what they have and send each other what the other lacks, so that all
//! become equal whatever was lost (Demers et al., "Epidemic Algorithms for Replicated Database
//! Maintenance", PODC 1987; Dynamo, section 4.7).
//!
//! Every interval each replica tells each peer one number over all keys that both should have. Where
//! the peer's is another, it answers with a number for each range of keys; the first sends what it has
//! in those that differ, and is sent what it lacks.

use super::super::parts::merge::Cell;
use super::super::parts::version::Version;
use super::message::{Msg, Timer};
use super::places::{Set, only};
use super::store::RANGES;
use super::{Server, ServerCx};
use crate::op::{Key, NodeId};

impl Server {
    /// The first round comes at a time of this replica's own, so that not all compare at once.
    pub(super) fn start_anti_entropy(&self, cx: ServerCx<'_, '_>) {
        let interval = self.env.config.anti_entropy;
        let share = f64::from(self.env.me.0 + 1) / f64::from(self.env.replicas);
        if interval.0 > 0 {
            cx.set_timer(Timer::AntiEntropy, interval.scale(share));
        }
    }

    pub(super) fn on_anti_entropy(&self, cx: ServerCx<'_, '_>) {
        for peer in self.env.peers() {
            cx.send(peer, Msg::Root(self.store.root(peer)));
        }
        cx.set_timer(Timer::AntiEntropy, self.env.config.anti_entropy);
    }

    pub(super) fn on_root(&self, from: NodeId, root: u64, cx: ServerCx<'_, '_>) {
        if root != self.store.root(from) {
            cx.send(from, Msg::Ranges((*self.store.ranges(from)).into()));
        }
    }

    pub(super) fn on_ranges(&self, from: NodeId, theirs: &[u64], cx: ServerCx<'_, '_>) {
        let mut ranges = [0; RANGES / 64];
        let ours = self.store.ranges(from).iter();
        for (range, (a, b)) in ours.zip(theirs).enumerate() {
            ranges[range / 64] |= u64::from(a != b) << (range % 64);
        }
        if ranges != [0; RANGES / 64] && self.env.config.conflicts.merges() {
            let ours = self.store.cells(ranges, self.shared_with(from), &self.places);
            let cells = ours.map(|(key, cell)| (key, cell.clone())).collect();
            cx.send(from, Msg::Cells { ranges, cells, answer: true });
        } else if ranges != [0; RANGES / 64] {
            let items = self.store.items(ranges, self.shared_with(from), &self.places).collect();
            cx.send(from, Msg::Items { ranges, items, answer: true });
        }
    }

    pub(super) fn on_items(
        &mut self,
        from: NodeId,
        ranges: [u64; RANGES / 64],
        theirs: &[(Key, Version)],
        answer: bool,
        cx: ServerCx<'_, '_>,
    ) {
        if answer {
            let newer = |(key, version): &(Key, Version)| {
                let known = theirs.binary_search_by_key(key, |(key, _)| *key);
                known.map_or(true, |at| theirs[at].1 < *version)
            };
            let ours = self.store.items(ranges, self.shared_with(from), &self.places);
            let items: Box<_> = ours.filter(newer).collect();
            if !items.is_empty() {
                cx.send(from, Msg::Items { ranges, items, answer: false });
            }
        }
        for (key, version) in theirs {
            self.note(*key, *version, cx);
            self.put(*key, *version, cx);
        }
    }

    /// The same of keys whose updates are merged.
    pub(super) fn on_cells(
        &mut self,
        from: NodeId,
        ranges: [u64; RANGES / 64],
        theirs: &[(Key, Cell)],
        answer: bool,
        cx: ServerCx<'_, '_>,
    ) {
        if answer {
            let lacking = |(key, cell): &(Key, &Cell)| {
                let known = theirs.binary_search_by_key(key, |(key, _)| *key);
                known.map_or(true, |at| !theirs[at].1.covers(cell))
            };
            let ours = self.store.cells(ranges, self.shared_with(from), &self.places);
            let cells: Box<_> =
                ours.filter(lacking).map(|(key, cell)| (key, cell.clone())).collect();
            if !cells.is_empty() {
                cx.send(from, Msg::Cells { ranges, cells, answer: false });
            }
        }
        for (key, cell) in theirs {
            self.note(*key, cell.newest, cx);
            self.store.put_cell(*key, cell, &self.places, cx);
        }
    }

    /// Keys are compared that have both of these among their replicas.
    fn shared_with(&self, peer: NodeId) -> Set {
        only(self.env.me) | only(peer)
    }
}
