//! Primary-backup replication: how many backups a write waits for, until it has reached what there,
//! and how long.
//!
//! The primary orders writes, syncs each to its own disk, ships it to every backup, and acknowledges
//! when the knobs are satisfied. Asynchronous, semi-synchronous (any k, or the first k of a list) and
//! synchronous replication differ in nothing else. After Alsberg and Day, "A Principle for Resilient
//! Sharing of Distributed Resources" (1976); the knob is PostgreSQL's `synchronous_standby_names`.
//!
//! Disk first, then the network, as PostgreSQL's walsender and MySQL's binary log do it: a backup that
//! shows what its primary can still forget makes sessions see writes that a crash undoes. Raft can do
//! both at once because its followers show nothing before it is committed.
//!
//! **Bounded by versions.** A write at such a level is acknowledged once every backup shows all versions
//! of its key but the last k (`lag`). A backup that is cut off may then go on serving such reads, for it
//! misses no more than that; it is the writers who wait until it is back, as Cosmos DB throttles them.
//!
//! Without `fail_over`, writes wait while the primary is down, and when it returns it continues from
//! its own disk, which has everything that any backup has. With it, a backup is promoted (`watch`), and what is
//! promised then is a matter of the other settings (`fail_over`).

mod acknowledge;
mod backup;
mod client;
mod config;
mod fail_over;
mod lag;
mod messages;
mod patience;
mod primary;
mod reads;
mod watch;

pub use super::parts::store::{Record, Snapshot};
pub use acknowledge::Acknowledge;
pub use client::Session;
pub use config::{Config, Flaw, Reached};
pub use fail_over::FailOver;
pub use messages::{Echo, Fork, Msg, Need, Place, ReadRequest, Standing, Timer, Token};

use super::parts::beyond;
use super::parts::store::Store;
use super::parts::table::{FRAME_BYTES, VALUE_BYTES};
use super::{Env, Geometry, Offer, Protocol, Replica, ReplicaCx, WriteId};
use crate::guarantee::Guarantee;
use crate::op::{Key, Level, NodeId, Object, OpKind, Ret, Value};
use crate::time::Duration;
use backup::Backup;
use primary::Primary;
use reads::Waiting;
use watch::Watch;

/// The protocol.
#[derive(Debug)]
pub struct PrimaryBackup;

impl Protocol for PrimaryBackup {
    const NAME: &'static str = "primary-backup";
    const ABOUT: &'static str = "One primary orders writes and ships them; a write waits for none, k \
        or all of the backups, and one of them may take over (Alsberg and Day 1976, PostgreSQL, MySQL).";
    const PLAIN: &'static str = "acknowledge = \"any 1\"";
    type Config = Config;
    type Msg = Msg;
    type Record = Record;
    type Timer = Timer;
    type Replica = Server;
    type Client = Session;

    fn validate(config: &Config, replicas: u32) -> Result<(), String> {
        config.validate(replicas)
    }

    fn offer(config: &Config, level: Level) -> Option<Offer> {
        let leases = config.fail_over.as_ref().is_some_and(|f| f.step_down.is_some());
        let (read_path, promise) = match level {
            Level::Linearizable if leases => {
                ("primary, as long as a majority hears it", Guarantee::Linearizable)
            }
            Level::Linearizable => ("primary", Guarantee::Linearizable),
            Level::Bounded(age) => {
                ("nearest replica if young enough, else primary", Guarantee::BoundedStaleness(age))
            }
            // Only where a backup's word says what its readers see.
            Level::BoundedVersions(k) if config.tells_what_it_shows() => {
                ("nearest replica", Guarantee::BoundedVersions(k))
            }
            // One order, and sessions that never go back in it.
            Level::Sequential => {
                ("nearest replica, waits for the session's token", Guarantee::Sequential)
            }
            Level::Session => {
                ("nearest replica, waits for the session's token", Guarantee::Session)
            }
            Level::ReadYourWrites => {
                ("nearest replica, waits for the session's writes", Guarantee::ReadYourWrites)
            }
            Level::MonotonicReads => {
                ("nearest replica, waits for the session's reads", Guarantee::MonotonicReads)
            }
            // A backup shows what has its place; what is written afterwards comes after it.
            Level::MonotonicWrites => ("nearest replica", Guarantee::MonotonicWrites),
            Level::WritesFollowReads => ("nearest replica", Guarantee::WritesFollowReads),
            Level::EventualNearest => ("nearest replica", Guarantee::Eventual),
            Level::EventualAny => ("any replica", Guarantee::Eventual),
            _ => return None,
        };
        // What the primary shows before its disk has it, a crash takes back from everybody. Backups
        // never had it, so all become equal; nothing else is left.
        let keeps = config.flush_every.is_none() || config.has(Flaw::SellsUnsynced);
        // A backup shows what has reached it, and another may be promoted that it has not reached; so whoever
        // reads near by may see what is taken back, and only the age of what it misses stays bounded.
        let outlasts = config.fail_over.is_none()
            || config.keeps() && matches!(level, Level::Linearizable | Level::Bounded(_));
        let promise = if keeps && outlasts { promise } else { Guarantee::Eventual };
        let write_path = match level {
            Level::BoundedVersions(_) => {
                "primary as configured, and as long as any backup lacks more versions of the key"
            }
            _ => config.write_path(),
        };
        Some(Offer { read_path, write_path, promise })
    }

    fn kept_beyond(config: &Config, level: Level, guarantee: Guarantee) -> Option<&'static str> {
        let promise = Self::offer(config, level)?.promise;
        // A primary that is replaced takes the order of its last writes with it.
        if !config.keeps() {
            return None;
        }
        let everywhere = config.acknowledge == Acknowledge::All
            && config.tells_what_it_shows()
            && config.patience().is_none();
        let all = everywhere.then(|| beyond::of_all_replicas(promise, guarantee)).flatten();
        all.or_else(|| beyond::of_one_order(promise, guarantee))
    }

    fn theory(
        config: &Config,
        level: Level,
        op: OpKind,
        geometry: &Geometry,
        client: NodeId,
    ) -> Option<Duration> {
        let primary = NodeId(config.primary);
        let to_primary = geometry.rtt(client, primary);
        match (op, level) {
            (OpKind::Write, _) => Some(to_primary + config.write_time(geometry, primary)?),
            (OpKind::Rmw, _) => None,
            (_, Level::Linearizable) => Some(to_primary),
            (
                _,
                Level::BoundedVersions(_)
                | Level::MonotonicWrites
                | Level::WritesFollowReads
                | Level::EventualNearest,
            ) => Some(geometry.rtt(client, *geometry.nearest(client).first()?)),
            _ => None,
        }
    }

    fn objects(_: &Config) -> &'static [Object] {
        &Object::ALL
    }

    fn wire_size(msg: &Msg) -> u32 {
        FRAME_BYTES
            + match msg {
                Msg::Write(_, lag) => 16 + VALUE_BYTES + if lag.is_some() { 4 } else { 0 },
                Msg::Read(_) => 32,
                Msg::Reply { ret: Ret::Values(values), .. } => {
                    20 + VALUE_BYTES * values.len() as u32
                }
                Msg::Reply { .. } => 20 + VALUE_BYTES,
                Msg::Redirect(_, primary) => 4 + if primary.is_some() { 4 } else { 0 },
                // An epoch, and what goes with it, takes its bytes where somebody may take over.
                Msg::Ship { standing, .. } => 40 + VALUE_BYTES + standing.epoch.min(1) * 4,
                Msg::Beat { standing, .. } => 24 + standing.epoch.min(1) * 16,
                Msg::Ack { echo, .. } => 16 + echo.epoch.min(1) * 12,
                Msg::Install(epoch, snapshot) => {
                    16 + snapshot.table.wire_size() + epoch.min(&1) * 4
                }
                Msg::Suspect { .. } | Msg::Stand { .. } => 16,
                Msg::Vote { .. } => 4,
            }
    }
}

/// A replica: its copy of the data, and the half of the protocol it plays.
#[derive(Debug)]
pub struct Server {
    env: Env<PrimaryBackup>,
    store: Store,
    waiting: Waiting,
    role: Role,
    /// Where somebody may take over: who rules.
    watch: Option<Watch>,
}

#[derive(Debug)]
enum Role {
    Primary(Primary),
    Backup(Backup),
}

impl Server {
    /// Whom a client should ask instead, where that can have changed and is known.
    fn primary(&self) -> Option<NodeId> {
        self.watch.as_ref().and_then(|watch| watch.primary)
    }
}

type ServerCx<'a, 'b> = &'a mut ReplicaCx<'b, PrimaryBackup>;

impl Replica<PrimaryBackup> for Server {
    fn recover(
        env: Env<PrimaryBackup>,
        log: &[Record],
        cx: &mut ReplicaCx<'_, PrimaryBackup>,
    ) -> Self {
        let mut store = Store::recover(env.keys, env.contents, log);
        if env.config.takes_back() {
            store.forking();
        }
        let watch = Watch::begin(&env, &mut store, cx);
        // One that may have been succeeded has to be elected anew.
        let rules = watch.is_none() || env.first_boot;
        let role = if rules && env.me.0 == env.config.primary {
            Role::Primary(Primary::start(&env, &mut store, Fork::default(), cx))
        } else {
            store.apply_all(store.last(), cx);
            Role::Backup(Backup::under(NodeId(env.config.primary), rules))
        };
        Self { env, store, waiting: Waiting::default(), role, watch }
    }

    fn on_message(&mut self, from: NodeId, msg: Msg, cx: &mut ReplicaCx<'_, PrimaryBackup>) {
        if !self.admits(from, &msg, cx) {
            return;
        }
        match (msg, &mut self.role) {
            (Msg::Read(read), _) => return self.on_read(from, read, cx),
            (Msg::Suspect { epoch, place }, _) => self.on_suspect(from, (epoch, place), cx),
            (Msg::Stand { epoch, place }, _) => self.on_stand(from, (epoch, place), cx),
            (Msg::Vote { epoch }, _) => self.on_vote(from, epoch, cx),
            (Msg::Write(command, lag), Role::Primary(primary)) => {
                primary.on_write(&self.env, &mut self.store, (command, lag), cx);
            }
            (Msg::Write(command, _), Role::Backup(_)) => {
                cx.send(from, Msg::Redirect(command.op, self.primary()));
            }
            (Msg::Ack { reached, missing, echo }, Role::Primary(primary)) => {
                primary.on_echo(from, echo.stamp);
                primary.on_ack(&self.env, &mut self.store, from, (reached, missing), cx);
            }
            (Msg::Ship { standing, index, command }, Role::Backup(backup)) => {
                backup.on_ship(&self.env, &mut self.store, standing, (index, command), cx);
            }
            (Msg::Beat { standing, last, fork }, Role::Backup(backup)) => {
                backup.on_beat(&self.env, &mut self.store, standing, (last, fork), cx);
            }
            (Msg::Install(epoch, snapshot), Role::Backup(backup)) => {
                backup.on_install(&mut self.store, epoch, *snapshot, cx);
            }
            // These are for whoever had the other role.
            _ => return,
        }
        self.serve_waiting(cx);
    }

    fn on_timer(&mut self, timer: Timer, cx: &mut ReplicaCx<'_, PrimaryBackup>) {
        match (&mut self.role, timer) {
            (Role::Primary(primary), Timer::Beat) => {
                if primary.is_deserted(&self.env, cx.clock()) {
                    self.step_down(cx);
                } else {
                    primary.on_beat(&self.env, &mut self.store, cx);
                }
            }
            (Role::Primary(_), Timer::Flush) => self.store.flush(cx),
            (Role::Primary(primary), Timer::Patience) => {
                primary.advance(&self.env, &mut self.store, cx);
            }
            (Role::Backup(backup), Timer::Replay) => {
                backup.on_replay(&self.env, &mut self.store, cx);
            }
            (Role::Backup(_), Timer::Watch) => self.on_watch(cx),
            // Each role sets its own timers alone.
            _ => return,
        }
        self.serve_waiting(cx);
    }

    fn on_durable(&mut self, upto: WriteId, cx: &mut ReplicaCx<'_, PrimaryBackup>) {
        self.store.on_durable(upto, cx);
        self.keep_promise(upto, cx);
        match &mut self.role {
            Role::Primary(primary) => primary.on_durable(&self.env, &mut self.store, cx),
            Role::Backup(backup) => backup.on_durable(&self.env, &mut self.store, cx),
        }
        self.serve_waiting(cx);
        self.store.compact(self.env.config.snapshot_every, cx);
    }

    fn inspect(&self, key: Key) -> Value {
        self.store.table().read(key)
    }

    fn inspect_word(&self, key: Key) -> u64 {
        self.store.table().state(key).word
    }
}
