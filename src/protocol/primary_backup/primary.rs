//! The primary's half: order, ship, wait as the knobs say, show, acknowledge.

use super::lag::{self, Lag};
use super::patience::Patience;
use super::{
    Acknowledge, Env, Flaw, Fork, Msg, PrimaryBackup, ServerCx, Snapshot, Standing, Store, Timer,
    Token,
};
use crate::op::{NodeId, Rank};
use crate::protocol::parts::quorum::{kth_largest, majority};
use crate::protocol::parts::resend::Resend;
use crate::protocol::parts::table::Command;
use crate::time::{Duration, LocalTime};

/// Entries sent again at once to a backup that misses some; it asks again for the rest.
const RESEND: u64 = 512;
/// Heartbeats before the same is sent again.
const RESEND_WAIT: u64 = 5;

/// What the primary knows of its backups.
#[derive(Debug)]
pub(super) struct Primary {
    /// By replica, how far it says it is; its own place is unused.
    acked: Vec<u64>,
    /// By replica, when it was last heard.
    heard: Vec<LocalTime>,
    /// By replica, the latest of this one's stamps that it has returned.
    echoed: Vec<LocalTime>,
    /// When its office began.
    since: LocalTime,
    /// In which epoch, 0 where nobody takes over, and from whose order.
    epoch: u32,
    fork: Fork,
    /// Reads wait until this much is acknowledged anew: before a restart it may have been already.
    pub(super) barrier: u64,
    /// By replica, what was sent to it again.
    resent: Vec<Resend>,
    /// Shipped up to here; never beyond its own disk.
    shipped: u64,
    /// Clients are told up to here.
    told: u64,
    /// Since when the others wait.
    patience: Patience,
    /// Who waits for backups that lack too much.
    lag: Lag,
    /// Snapshots for backups that must not have them before its own disk has what is in them.
    installs: Vec<(NodeId, Box<Snapshot>)>,
    scratch: Vec<u64>,
    /// How far as many backups as are asked for were, when that last changed.
    had: u64,
}

type E = Env<PrimaryBackup>;

impl Primary {
    pub(super) fn start(env: &E, store: &mut Store, fork: Fork, cx: ServerCx<'_, '_>) -> Self {
        let replicas = env.replicas as usize;
        let mut primary = Self {
            acked: vec![0; replicas],
            heard: vec![cx.clock(); replicas],
            echoed: vec![LocalTime::default(); replicas],
            since: cx.clock(),
            epoch: store.tenure().epoch,
            fork,
            barrier: store.last(),
            resent: vec![Resend::default(); replicas],
            shipped: store.last(),
            // One that is promoted shows already what others may have to get first.
            told: if env.config.fail_over.is_some() { store.base() } else { store.applied() },
            patience: Patience::default(),
            lag: Lag::default(),
            installs: Vec::new(),
            scratch: Vec::with_capacity(replicas),
            had: 0,
        };
        primary.patience.begin(&env.config, store.last(), cx.clock());
        primary.on_beat(env, store, cx);
        primary
    }

    pub(super) fn on_write(
        &mut self,
        env: &E,
        store: &mut Store,
        (command, lag): (Command, Option<u32>),
        cx: ServerCx<'_, '_>,
    ) {
        // Where writes show before they are acknowledged, one that is asked for again takes another
        // place in the order and waits there; applied again it changes nothing.
        let all_told = self.told == store.applied();
        let near = |k| lag::versions(store, command.key, self.shown(env), store.last()) <= k;
        if all_told && store.table().has_applied(command.client, command.op) && lag.is_none_or(near)
        {
            return acknowledge(store, &command, Token(store.applied()), cx);
        }
        self.lag.begin(store.last() + 1, lag);
        let Some(every) = env.config.flush_every else {
            return store.append(command, cx);
        };
        if store.is_flushed() {
            cx.set_timer(Timer::Flush, every);
        }
        store.hold(command);
        if env.config.ships_unsynced {
            self.ship(env, store, store.last(), cx);
        }
        self.advance(env, store, cx);
    }

    /// What has become safe here is shipped.
    pub(super) fn on_durable(&mut self, env: &E, store: &mut Store, cx: ServerCx<'_, '_>) {
        self.ship(env, store, store.durable(), cx);
        self.patience.begin(&env.config, store.durable(), cx.clock());
        self.install(store, cx);
        self.advance(env, store, cx);
    }

    fn ship(&mut self, env: &E, store: &Store, upto: u64, cx: ServerCx<'_, '_>) {
        let standing = self.standing(env, store, cx);
        for index in self.shipped + 1..=upto {
            let Some(command) = store.entry(index) else { continue };
            for backup in env.peers() {
                cx.send(backup, Msg::Ship { standing, index, command });
            }
        }
        self.shipped = self.shipped.max(upto);
    }

    pub(super) fn on_echo(&mut self, from: NodeId, stamp: LocalTime) {
        let latest = &mut self.echoed[from.index()];
        *latest = stamp.max(*latest);
    }

    /// When a majority, this node included, has last been known to hear it.
    fn confirmed(&mut self, env: &E) -> LocalTime {
        self.scratch.clear();
        self.scratch.extend(env.peers().map(|peer| self.echoed[peer.index()].0));
        LocalTime(kth_largest(&mut self.scratch, majority(env.replicas) - 1))
    }

    /// How long it may go without, if it is to give way then.
    fn lease(env: &E) -> Option<Duration> {
        let heeds = !env.config.has(Flaw::HeedsNoEpoch);
        env.config.fail_over.as_ref().filter(|_| heeds)?.step_down
    }

    /// Whether no majority has answered for so long that it must step down.
    pub(super) fn is_deserted(&mut self, env: &E, now: LocalTime) -> bool {
        let last = self.confirmed(env).max(self.since);
        Self::lease(env).is_some_and(|lease| now.since(last) >= lease)
    }

    /// Whether nobody can have taken over, and what it inherited is acknowledged anew: then it may answer
    /// strong reads.
    pub(super) fn is_current(&mut self, env: &E, now: LocalTime) -> bool {
        env.config.fail_over.is_none() || self.told >= self.barrier && self.is_heard(env, now)
    }

    /// Whether a majority has answered lately enough, where that is asked for.
    fn is_heard(&mut self, env: &E, now: LocalTime) -> bool {
        Self::lease(env).is_none_or(|lease| now.since(self.confirmed(env)) < lease)
    }

    pub(super) fn on_ack(
        &mut self,
        env: &E,
        store: &mut Store,
        from: NodeId,
        (reached, missing): (u64, u64),
        cx: ServerCx<'_, '_>,
    ) {
        self.heard[from.index()] = cx.clock();
        let acked = &mut self.acked[from.index()];
        *acked = reached.max(*acked);
        let wait = env.config.heartbeat * RESEND_WAIT;
        if missing > 0 && self.resent[from.index()].is_due(missing, cx.clock(), wait) {
            self.resend(env, store, (from, missing), cx);
        }
        // An acknowledgement of what clients know already decides nothing.
        if reached > self.told || self.lag.holds() {
            self.advance(env, store, cx);
        }
    }

    /// Shows and acknowledges what the disk and the knobs allow.
    pub(super) fn advance(&mut self, env: &E, store: &mut Store, cx: ServerCx<'_, '_>) {
        let (config, now) = (&env.config, cx.clock());
        let replicated = self.replicated(env, now);
        let ended = self.patience.ended(config, replicated, now).min(store.durable());
        let (shown, done) = match (config.flush_every, config.wait_timeout) {
            (Some(_), _) => (store.last(), store.last()),
            (None, Some(_)) => (store.durable(), ended),
            (None, None) => (ended, ended),
        };
        while let Some((command, new)) = store.apply_next(shown, cx) {
            if new {
                self.note(&command, store.applied(), cx);
            }
        }
        let shown = self.shown(env);
        let done = self.lag.ended(store, shown, done.min(store.applied()));
        while self.told < done {
            self.told += 1;
            // One too old to be in memory is one that its client has long given up. What was ordered
            // before a restart is acknowledged when it is asked for again: how much backups may lack
            // of it nobody here remembers.
            let Some(command) = store.entry(self.told) else { continue };
            if self.told > self.barrier {
                acknowledge(store, &command, Token(self.told), cx);
            } else if self.epoch > 0 && store.took_effect(self.told) {
                self.note(&command, self.told, cx);
            }
        }
        if let Some(left) = self.patience.left(config, now)
            && left > Duration::ZERO
        {
            cx.set_timer(Timer::Patience, left);
        }
    }

    /// A write has its place. Where primaries may follow each other, or be two at a time, that is its epoch
    /// and its index.
    fn note(&self, command: &Command, index: u64, cx: ServerCx<'_, '_>) {
        if self.epoch == 0 {
            return cx.note_commit(command.key, command.value);
        }
        let inherited = self.fork.line > 0 && index <= self.fork.start;
        let epoch = if inherited { self.fork.line } else { self.epoch };
        let rank = Rank { time: u64::from(epoch) << 40 | index, node: 0 };
        cx.note_version(command.key, command.value, rank);
    }

    /// What every backup has.
    fn shown(&self, env: &E) -> u64 {
        env.peers().map(|peer| self.acked[peer.index()]).min().unwrap_or(u64::MAX)
    }

    /// How far the knob is satisfied.
    fn replicated(&mut self, env: &E, now: LocalTime) -> u64 {
        match &env.config.acknowledge {
            Acknowledge::Async => u64::MAX,
            Acknowledge::All => self.shown(env),
            Acknowledge::Any(k) => {
                // Confirmations only grow: while fewer than k are beyond what k had, that has not moved.
                let beyond = env.peers().filter(|peer| self.acked[peer.index()] > self.had);
                if beyond.count() < *k as usize {
                    return self.had;
                }
                self.scratch.clear();
                self.scratch.extend(env.peers().map(|peer| self.acked[peer.index()]));
                self.had = kth_largest(&mut self.scratch, *k as usize);
                self.had
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
        store.trim(self.shown(env));
        let (standing, last) = (self.standing(env, store, cx), self.shipped);
        for backup in env.peers() {
            cx.send(backup, Msg::Beat { standing, last, fork: self.fork });
        }
        cx.set_timer(Timer::Beat, env.config.heartbeat);
    }

    /// After a restart everything recovered may have been acknowledged before it, whatever is known to be
    /// committed now.
    fn standing(&mut self, env: &E, store: &Store, cx: ServerCx<'_, '_>) -> Standing {
        let vouches = self.is_heard(env, cx.clock());
        let commit = if vouches { store.applied().max(self.barrier) } else { Standing::UNKNOWN };
        Standing { commit, stamp: cx.clock(), epoch: self.epoch }
    }

    /// Sends the snapshots that its own disk covers.
    fn install(&mut self, store: &Store, cx: ServerCx<'_, '_>) {
        let safe = |(_, snapshot): &(NodeId, Box<Snapshot>)| snapshot.index <= store.durable();
        while let Some(next) = self.installs.iter().position(safe) {
            let (to, snapshot) = self.installs.swap_remove(next);
            cx.send(to, Msg::Install(self.epoch, snapshot));
        }
    }

    fn resend(&mut self, env: &E, store: &Store, (to, from): (NodeId, u64), cx: ServerCx<'_, '_>) {
        if store.entry(from).is_none() {
            if self.installs.iter().all(|(other, _)| *other != to) {
                self.installs.push((to, Box::new(store.snapshot())));
            }
            return self.install(store, cx);
        }
        let standing = self.standing(env, store, cx);
        for index in from..=self.shipped.min(from + RESEND - 1) {
            if let Some(command) = store.entry(index) {
                cx.send(to, Msg::Ship { standing, index, command });
            }
        }
    }
}

fn acknowledge(store: &Store, command: &Command, token: Token, cx: ServerCx<'_, '_>) {
    let Command { client, op, .. } = *command;
    if let Some(ret) = store.table().told(client, op) {
        cx.send(client, Msg::Reply { op, ret, token });
    }
}
