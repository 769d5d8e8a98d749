//! A link of the chain: append, sync, hand on; learn from behind what the tail has.

use super::{Chain, Msg, Need, ReadRequest, Record, Timer};
use crate::op::{Key, NodeId, OpId, Ret, State, Value};
use crate::protocol::parts::resend::Resend;
use crate::protocol::parts::store::Store;
use crate::protocol::parts::table::Command;
use crate::protocol::{Env, Replica, ReplicaCx, WriteId};

/// Entries sent again at once to a successor that misses some; it asks again for the rest.
const RESEND: u64 = 512;
/// Heartbeats before the same is sent again.
const RESEND_WAIT: u64 = 5;

/// A replica.
#[derive(Debug)]
pub struct Server {
    env: Env<Chain>,
    store: Store,
    before: Option<NodeId>,
    after: Option<NodeId>,
    tail: NodeId,
    /// Handed on up to here; never beyond its own disk.
    shipped: u64,
    /// What was sent to the successor again.
    resent: Resend,
    /// Reads that wait for the copy to catch up, or for the tail's answer: one per client.
    waiting: Vec<(NodeId, ReadRequest)>,
}

type Cx<'a, 'b> = &'a mut ReplicaCx<'b, Chain>;

impl Server {
    fn on_write(&mut self, command: Command, cx: Cx<'_, '_>) {
        if self.store.table().has_applied(command.client, command.op) {
            return self.acknowledge(&command, cx);
        }
        // A request that is sent again while it is under way must not stand twice in the order: reads
        // of what is under way would take the second for a newer version.
        let same = |entry: &Command| entry.client == command.client && entry.op >= command.op;
        if !self.under_way().any(|(_, entry)| same(&entry)) {
            self.store.append(command, cx);
        }
    }

    /// Hands on what has become safe here; at the end of the chain that commits it.
    fn hand_on(&mut self, cx: Cx<'_, '_>) {
        let Some(after) = self.after else {
            while let Some((command, new)) = self.store.apply_next(self.store.durable(), cx) {
                if new {
                    cx.note_commit(command.key, command.value);
                }
                self.acknowledge(&command, cx);
            }
            return self.tell(0, cx);
        };
        for index in self.shipped + 1..=self.store.durable() {
            if let Some(command) = self.store.entry(index) {
                cx.send(after, Msg::Ship { index, command });
            }
        }
        self.shipped = self.store.durable();
    }

    /// Tells the predecessor what the tail has, and what is missing here.
    fn tell(&self, missing: u64, cx: Cx<'_, '_>) {
        if let Some(before) = self.before {
            cx.send(before, Msg::Ack { committed: self.store.applied(), missing });
        }
    }

    fn on_ack(&mut self, from: NodeId, committed: u64, missing: u64, cx: Cx<'_, '_>) {
        if committed > self.store.applied() {
            self.store.apply_all(committed, cx);
            self.tell(0, cx);
        }
        let wait = self.env.config.heartbeat * RESEND_WAIT;
        if missing > 0 && self.resent.is_due(missing, cx.clock(), wait) {
            for index in missing..=self.shipped.min(missing + RESEND - 1) {
                if let Some(command) = self.store.entry(index) {
                    cx.send(from, Msg::Ship { index, command });
                }
            }
        }
    }

    fn on_read(&mut self, client: NodeId, read: ReadRequest, cx: Cx<'_, '_>) {
        match read.need {
            Need::AtLeast(index) if self.store.durable() >= index => {
                self.answer(client, &read, self.store.durable(), cx);
            }
            Need::Latest if self.after.is_none() || self.is_clean(&read) => {
                self.answer(client, &read, self.store.applied(), cx);
            }
            need => {
                if need == Need::Latest {
                    cx.send(self.tail, Msg::Query { client, op: read.op });
                }
                match self.waiting.iter_mut().find(|(other, _)| *other == client) {
                    Some(slot) => slot.1 = read,
                    None => self.waiting.push((client, read)),
                }
            }
        }
    }

    /// Whether nothing of the keys is under way: what the tail has of them is here and committed.
    fn is_clean(&self, read: &ReadRequest) -> bool {
        let keys = read.key.0..=read.key.0.saturating_add(u32::from(read.count.max(1)) - 1);
        self.under_way().all(|(_, command)| !keys.contains(&command.key.0))
    }

    /// The entries here that are not known to be committed, oldest first.
    fn under_way(&self) -> impl Iterator<Item = (u64, Command)> {
        let indexes = self.store.applied() + 1..=self.store.last();
        indexes.filter_map(|index| self.store.entry(index).map(|command| (index, command)))
    }

    /// The tail has answered: this much is committed.
    fn on_version(&mut self, client: NodeId, op: OpId, committed: u64, cx: Cx<'_, '_>) {
        let asked = |(who, read): &(NodeId, ReadRequest)| *who == client && read.op == op;
        if let Some(at) = self.waiting.iter().position(asked) {
            let (_, read) = self.waiting.swap_remove(at);
            self.answer(client, &read, committed, cx);
        }
    }

    fn serve_waiting(&mut self, cx: Cx<'_, '_>) {
        let mut at = 0;
        while let Some((client, read)) = self.waiting.get(at).copied() {
            if matches!(read.need, Need::AtLeast(index) if self.store.durable() >= index) {
                self.waiting.swap_remove(at);
                self.answer(client, &read, self.store.durable(), cx);
            } else {
                at += 1;
            }
        }
    }

    /// What a key holds after this many writes.
    fn state(&self, key: Key, upto: u64) -> State {
        let of_key = self.under_way().filter(|(at, entry)| *at <= upto && entry.key == key);
        of_key.fold(self.store.table().state(key), |state, (_, entry)| {
            let word = entry.update.on(state);
            word.map_or(state, |word| State { version: entry.value, word })
        })
    }

    /// Answers with the state after this many writes, or what is applied here if that is more.
    fn answer(&self, client: NodeId, read: &ReadRequest, upto: u64, cx: Cx<'_, '_>) {
        let index = upto.max(self.store.applied());
        let op = read.op;
        let ret = match read.count {
            0 => self.store.table().answer(self.state(read.key, upto)),
            count => {
                let keys = (0..u32::from(count)).map(|i| Key(read.key.0.saturating_add(i)));
                Ret::Values(keys.map(|key| self.state(key, upto).version).collect())
            }
        };
        cx.send(client, Msg::Reply { op, ret, index });
    }

    fn acknowledge(&self, command: &Command, cx: Cx<'_, '_>) {
        let Command { client, op, .. } = *command;
        if let Some(ret) = self.store.table().told(client, op) {
            cx.send(client, Msg::Reply { op, ret, index: self.store.applied() });
        }
    }
}

impl Replica<Chain> for Server {
    fn recover(env: Env<Chain>, log: &[Record], cx: &mut ReplicaCx<'_, Chain>) -> Self {
        let store = Store::recover(env.keys, env.contents, log);
        let place = env.config.place(env.me);
        let before = place.checked_sub(1).map(|place| env.config.at(place));
        let after = (place + 1 < env.replicas).then(|| env.config.at(place + 1));
        let tail = env.config.at(env.replicas - 1);
        let shipped = store.durable();
        let (resent, waiting) = (Resend::default(), Vec::new());
        let mut server = Self { env, store, before, after, tail, shipped, resent, waiting };
        // The tail may have crashed between its disk and its answers.
        server.hand_on(cx);
        server.on_timer(Timer::Beat, cx);
        server
    }

    fn on_message(&mut self, from: NodeId, msg: Msg, cx: &mut ReplicaCx<'_, Chain>) {
        match msg {
            Msg::Read(read) => self.on_read(from, read, cx),
            Msg::Write(command) => self.on_write(command, cx),
            Msg::Ship { index, command } => self.store.receive(index, command, cx),
            Msg::Beat(last) => {
                let missing = if last > self.store.last() { self.store.last() + 1 } else { 0 };
                self.tell(missing, cx);
            }
            Msg::Ack { committed, missing } => self.on_ack(from, committed, missing, cx),
            Msg::Query { client, op } => {
                let committed = self.store.applied();
                cx.send(from, Msg::Version { client, op, committed });
            }
            Msg::Version { client, op, committed } => self.on_version(client, op, committed, cx),
            // Replies are for clients.
            Msg::Reply { .. } => {}
        }
    }

    fn on_timer(&mut self, _timer: Timer, cx: &mut ReplicaCx<'_, Chain>) {
        if let Some(after) = self.after {
            cx.send(after, Msg::Beat(self.shipped));
        }
        // All replicas have what is committed, so nobody will ask for it again.
        self.store.trim(u64::MAX);
        cx.set_timer(Timer::Beat, self.env.config.heartbeat);
    }

    fn on_durable(&mut self, upto: WriteId, cx: &mut ReplicaCx<'_, Chain>) {
        self.store.on_durable(upto, cx);
        self.hand_on(cx);
        self.serve_waiting(cx);
        self.store.compact(self.env.config.snapshot_every, cx);
    }

    fn inspect(&self, key: Key) -> Value {
        self.state(key, self.store.durable()).version
    }

    fn inspect_word(&self, key: Key) -> u64 {
        self.state(key, self.store.durable()).word
    }
}
