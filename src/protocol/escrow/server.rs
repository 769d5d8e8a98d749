//! A replica: its accounts, its log, and what it tells the others.

use super::super::parts::version::{HybridClock, Version};
use super::hunt::{Hunt, Waiting};
use super::message::{Job, Msg, Record, Timer};
use super::{Account, Escrow, Flaw, Guard, Row, ServerCx};
use crate::op::{Key, NodeId, OpId, Rank, Ret, State, Update, Value};
use crate::protocol::{Env, Replica, ReplicaCx, WriteId};
use std::collections::VecDeque;

/// A change of its own row on its way to the disk.
#[derive(Debug)]
struct Syncing {
    id: WriteId,
    key: Key,
    row: Row,
    /// The update, and who is told what when it is safe.
    done: Option<(NodeId, OpId, State, Rank)>,
}

/// A replica.
#[derive(Debug)]
pub struct Server {
    pub(super) env: Env<Escrow>,
    /// By key, with its own row as it will be once the disk has all of it.
    accounts: Vec<Account>,
    /// By key, its own row as it is on disk: what others are told and readers are shown.
    safe: Vec<Row>,
    syncing: VecDeque<Syncing>,
    pub(super) hunts: Vec<Hunt>,
    clock: HybridClock,
    /// Records since the last snapshot, and the snapshot that is on its way to the disk.
    records: u64,
    snapshot: Option<WriteId>,
}

impl Server {
    pub(super) fn account(&self, key: Key) -> &Account {
        &self.accounts[key.0 as usize]
    }

    pub(super) fn account_mut(&mut self, key: Key) -> &mut Account {
        &mut self.accounts[key.0 as usize]
    }

    /// Makes room for a key that was inserted.
    fn open(&mut self, key: Key) {
        let needed = key.0 as usize + 1;
        if self.accounts.len() < needed {
            self.accounts.resize(needed, Account::new(self.env.replicas));
            self.safe.resize(needed, Row::default());
        }
    }

    /// A key's state here with what is still on its way to the disk: what updates are decided by.
    fn state(&self, key: Key) -> State {
        self.account(key).state(self.env.contents, self.env.config.overwrites())
    }

    /// What readers are shown.
    pub(super) fn seen(&self, key: Key) -> State {
        let Some(account) = self.accounts.get(key.0 as usize) else {
            return self.env.contents.first();
        };
        let (me, safe) = (self.env.me, &self.safe[key.0 as usize]);
        if account.row(me) == safe {
            return self.state(key);
        }
        let mut shown = Account::new(self.env.replicas);
        for owner in (0..self.env.replicas).map(NodeId) {
            shown.learn(owner, if owner == me { safe } else { account.row(owner) });
        }
        shown.state(self.env.contents, self.env.config.overwrites())
    }

    /// The rights it has left.
    pub(super) fn rights(&self, key: Key) -> u64 {
        self.account(key).rights(self.env.me, self.env.contents)
    }

    /// Whether the stock has fewer units than that, whatever the others have sold.
    pub(super) fn is_gone(&self, key: Key, units: u16) -> bool {
        (self.state(key).word as i64) < i64::from(units)
    }

    fn on_ask(&mut self, client: NodeId, op: OpId, key: Key, job: Job, cx: ServerCx<'_, '_>) {
        let ret = match job {
            Job::Read => Ret::State(self.seen(key)),
            Job::Scan(count) => {
                let keys = (0..u32::from(count)).map(|i| Key(key.0.saturating_add(i)));
                Ret::Values(keys.map(|key| self.seen(key).version).collect())
            }
            Job::Write(value, update) => return self.on_update(client, op, key, value, update, cx),
        };
        cx.send(client, Msg::Reply(op, ret));
    }

    fn on_update(
        &mut self,
        client: NodeId,
        op: OpId,
        key: Key,
        value: Value,
        update: Update,
        cx: ServerCx<'_, '_>,
    ) {
        self.open(key);
        let allowed = match update {
            Update::Take(units) if self.env.config.guard == Guard::Rights => {
                if self.rights(key) < u64::from(units) && !self.is_gone(key, units) {
                    let one = Waiting { client, op, value, units };
                    return self.await_rights(key, one, cx);
                }
                !self.is_gone(key, units)
            }
            // Where it is oversold there are fewer than none.
            Update::Take(units) => !self.is_gone(key, units),
            _ => update.on(self.state(key)).is_some(),
        };
        if allowed {
            self.carry_out(key, client, op, value, update, cx);
        } else {
            cx.send(client, Msg::Reply(op, Ret::Refused(self.seen(key))));
        }
    }

    /// Carries out an update whose condition is met.
    pub(super) fn carry_out(
        &mut self,
        key: Key,
        client: NodeId,
        op: OpId,
        value: Value,
        update: Update,
        cx: ServerCx<'_, '_>,
    ) {
        let me = self.env.me;
        self.clock.see(self.account(key).newest().rank.time);
        let rank = Rank { time: self.clock.next(cx.clock()), node: me.0 };
        let (before, version) = (self.state(key), Version { rank, value });
        if self.env.config.overwrites() {
            let word = update.on(before).unwrap_or(before.word);
            self.account_mut(key).replace(me, version, word);
        } else {
            self.account_mut(key).count(me, version, update);
        }
        let state = self.state(key);
        if self.env.config.flaw == Some(Flaw::AnswersUnsynced) {
            cx.send(client, Msg::Reply(op, Ret::State(state)));
        }
        self.persist_own(key, Some((client, op, state, rank)), cx);
    }

    /// Sends its own row to the disk.
    pub(super) fn persist_own(
        &mut self,
        key: Key,
        done: Option<(NodeId, OpId, State, Rank)>,
        cx: ServerCx<'_, '_>,
    ) {
        let row = self.account(key).row(self.env.me).clone();
        let id = cx.persist(Record::Row(key, self.env.me, Box::new(row.clone())));
        self.records += 1;
        self.syncing.push_back(Syncing { id, key, row, done });
    }

    /// Tells another of its own row as it is on disk.
    pub(super) fn tell_row(&self, key: Key, to: NodeId, cx: ServerCx<'_, '_>) {
        let row = self.safe[key.0 as usize].clone();
        cx.send(to, Msg::Row(key, self.env.me, Box::new(row)));
    }

    /// Its own change is safe: the client is answered, and the others hear of it.
    fn settle(&mut self, one: Syncing, cx: ServerCx<'_, '_>) {
        self.safe[one.key.0 as usize] = one.row;
        if let Some((client, op, state, rank)) = one.done {
            cx.note_version(one.key, state.version, rank);
            if self.env.config.flaw != Some(Flaw::AnswersUnsynced) {
                cx.send(client, Msg::Reply(op, Ret::State(state)));
            }
        }
        for peer in self.env.peers() {
            self.tell_row(one.key, peer, cx);
        }
    }

    /// Learns a row, and serves who waits for what it tells: rights, or that the stock is gone.
    fn learn(&mut self, key: Key, owner: NodeId, row: Row, cx: ServerCx<'_, '_>) {
        let me = self.env.me;
        if owner == me {
            return;
        }
        self.open(key);
        let before = self.account(key).row(owner).granted_to(me);
        if self.account_mut(key).learn(owner, &row) {
            // A transfer is the answer to who asked for it; other news is not.
            let answers = (row.granted_to(me) > before).then_some(owner);
            cx.persist(Record::Row(key, owner, Box::new(row)));
            self.records += 1;
            self.serve_waiting(key, answers, cx);
        }
    }

    /// Every row as others may know it, but for those in which nothing has happened.
    fn rows(&self) -> impl Iterator<Item = (Key, NodeId, &Row)> {
        let owners = (0..self.accounts.len())
            .flat_map(|key| (0..self.env.replicas).map(move |owner| (key, NodeId(owner))));
        let row = |(key, owner): (usize, NodeId)| {
            let own = owner == self.env.me;
            let row = if own { &self.safe[key] } else { self.accounts[key].row(owner) };
            (Key(key as u32), owner, row)
        };
        owners.map(row).filter(|(_, _, row)| **row != Row::default())
    }

    /// One number over all of them.
    fn digest(&self) -> u64 {
        self.rows().fold(0, |digest, (key, owner, row)| {
            let mut hash = u64::from(key.0) << 32 | u64::from(owner.0);
            let stamps = [row.newest.rank.time, u64::from(row.newest.value.0), row.word];
            let counts = [row.added, row.taken, row.granted.len() as u64];
            for word in stamps.into_iter().chain(counts).chain(row.granted.iter().copied()) {
                hash = mix(hash ^ word);
            }
            digest ^ hash
        })
    }

    fn compact(&mut self, upto: WriteId, cx: ServerCx<'_, '_>) {
        if let Some(id) = self.snapshot.take_if(|id| *id <= upto) {
            cx.truncate(id);
        }
        if self.snapshot.is_none() && self.records >= self.env.config.snapshot_every {
            let all = self.accounts.clone().into_boxed_slice();
            self.snapshot = Some(cx.persist(Record::Snapshot(all)));
            self.records = 0;
        }
    }
}

/// The finalizer of SplitMix64 (Steele, Lea and Flood 2014).
fn mix(mut hash: u64) -> u64 {
    hash = (hash ^ hash >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ hash >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ hash >> 31
}

impl Replica<Escrow> for Server {
    fn recover(env: Env<Escrow>, log: &[Record], cx: &mut ReplicaCx<'_, Escrow>) -> Self {
        // Not all compare at once.
        let share = f64::from(env.me.0 + 1) / f64::from(env.replicas);
        cx.set_timer(Timer::AntiEntropy, env.config.anti_entropy.scale(share));
        let keys = env.keys as usize;
        let mut server = Self {
            accounts: vec![Account::new(env.replicas); keys],
            safe: vec![Row::default(); keys],
            syncing: VecDeque::new(),
            hunts: Vec::new(),
            clock: HybridClock::default(),
            records: log.len() as u64,
            snapshot: None,
            env,
        };
        for record in log {
            match record {
                Record::Row(key, owner, row) => {
                    server.open(*key);
                    server.account_mut(*key).learn(*owner, row);
                    // The crash may have come between the disk and this; a second note is none.
                    if *owner == server.env.me && row.newest.value != Value::INITIAL {
                        cx.note_version(*key, row.newest.value, row.newest.rank);
                    }
                }
                Record::Snapshot(accounts) => {
                    for (key, account) in (0..).map(Key).zip(accounts) {
                        server.open(key);
                        for owner in (0..server.env.replicas).map(NodeId) {
                            server.account_mut(key).learn(owner, account.row(owner));
                        }
                    }
                }
            }
        }
        let me = server.env.me;
        server.safe = server.accounts.iter().map(|account| account.row(me).clone()).collect();
        server
    }

    fn on_message(&mut self, from: NodeId, msg: Msg, cx: &mut ReplicaCx<'_, Escrow>) {
        match msg {
            Msg::Ask(op, key, job) => self.on_ask(from, op, key, job, cx),
            Msg::Want(key, units, got) => {
                self.open(key);
                self.on_want(from, key, units, got, cx);
            }
            Msg::NoRights(key) => self.serve_waiting(key, Some(from), cx),
            Msg::Row(key, owner, row) => self.learn(key, owner, *row, cx),
            Msg::Digest(digest) if digest != self.digest() => {
                let rows = self.rows().map(|(key, owner, row)| (key, owner, row.clone()));
                cx.send(from, Msg::Rows(rows.collect()));
            }
            Msg::Rows(rows) => {
                for (key, owner, row) in rows {
                    self.learn(key, owner, row, cx);
                }
            }
            // Equal to its own; or for clients alone.
            Msg::Digest(_) | Msg::Reply(..) | Msg::NotDone(_) => {}
        }
    }

    fn on_timer(&mut self, timer: Timer, cx: &mut ReplicaCx<'_, Escrow>) {
        match timer {
            Timer::Hunts => self.on_hunts(cx),
            Timer::AntiEntropy => {
                let digest = self.digest();
                for peer in self.env.peers() {
                    cx.send(peer, Msg::Digest(digest));
                }
                cx.set_timer(Timer::AntiEntropy, self.env.config.anti_entropy);
            }
            // Only clients set it.
            Timer::Attempt => {}
        }
    }

    fn on_durable(&mut self, upto: WriteId, cx: &mut ReplicaCx<'_, Escrow>) {
        while self.syncing.front().is_some_and(|one| one.id <= upto) {
            if let Some(one) = self.syncing.pop_front() {
                self.settle(one, cx);
            }
        }
        self.compact(upto, cx);
    }

    fn inspect(&self, key: Key) -> Value {
        self.seen(key).version
    }

    fn inspect_word(&self, key: Key) -> u64 {
        self.seen(key).word
    }
}
