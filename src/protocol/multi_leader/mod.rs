//! Multi-leader replication: every region's replica takes reads and writes, and ships its log to the
//! others afterwards.
//!
//! A write costs the way to the nearest replica and its disk, nothing else; in return writes of two
//! regions may conflict, and the one with the lower stamp is lost (last write wins). After Petersen et
//! al., "Flexible Update Propagation for Weakly Consistent Replication" (Bayou, SOSP 1997), `MySQL`'s
//! circular replication and `CouchDB`'s continuous one.
//!
//! **State.** A version is a value and its stamp (`parts::version`); a replica keeps each key's highest,
//! so applying is commutative and idempotent, and replicas with the same writes are equal whatever came
//! when. Which writes a replica has is a vector: how many of each replica's log.
//!
//! **A write has one stamp, chosen once.** A client that is not answered asks the next nearest replica,
//! and the first one may have taken the write and be out of reach. If each gave it a stamp of its own it
//! would be two versions, and a write between them would be overwritten and come back; no table of
//! requests helps, because it is on the other side of a cut. So the stamp goes with the request, as
//! Cassandra's drivers send theirs: two logs may hold the write, and it is one version in both. It is
//! still the replica's clock that counts: every answer tells by how much that clock, when the request
//! arrived, was ahead of the client's when it was sent. The client adds that to its own, which is the
//! replica's clock as the write will find it. A session that has not heard from the replica yet asks
//! for its clock first, one round trip, once.
//!
//! **Stamps.** `clock`: that reading, made to increase within the session; a skewed clock then decides
//! who wins, unless the level asks that writes follow reads. `hlc`: also above every stamp the session can have seen (Kulkarni et al., "Logical Physical
//! Clocks", 2014; the counter is in the low end of the nanoseconds), so stamps never contradict
//! causality, whatever the clocks do. A replica that shows a higher version of the key sends a write
//! back for a higher stamp, if nobody else has been sent this one; so a write is lost only to what is
//! still under way.
//!
//! **What may be promised.** A session's token is the vector of what it wrote and read; a replica that
//! covers it holds, for each key, that version or a higher one. So read-your-writes and monotonic reads
//! can be promised *in the order of versions* even by skewed clocks: what these spoil is which write is
//! higher, and it may be a write that the writer had seen. Causal consistency needs an order of
//! versions that agrees with causality, so `hlc`; and replicas that show no write before what its
//! writer knew, so `causal = true`: an update carries the vector of its replica at the time, and waits
//! for it where it arrives (Ladin et al. 1992; COPS, Lloyd et al., SOSP 2011). Then each replica's state
//! is closed under causality, and the token keeps a session's states growing.
//!
//! Bounded staleness needs two things. A replica must know how current it is: heartbeats say what each
//! replica had acknowledged by which reading of its clock, and a read that would be too old **fails**;
//! there is nobody to redirect it to, for each replica may lack what another has. And no write may lose
//! to one that was acknowledged before it began, or it would be missed for ever: so at this level an
//! acknowledgement waits until the stamp is in the past by every clock, `max_clock_error` (the commit
//! wait of Spanner, Corbett et al. 2012). Other levels do not wait, and promise nothing of the kind.
//!
//! **Other rules** than the last write's are in `parts::merge`. They merge updates that did not know of each
//! other, so that none is lost, and use no stamps but to sort siblings. A session's update carries what the
//! session has read of the key, if that was the last thing it did; a write without that stands beside all
//! there is. Carts, and removes from sets, are preceded by a read of their own, a round trip more.
//! A session's token is a set of writes, so where readers are shown all that was merged (siblings, counters, sets)
//! a session can see its own and not go back; a revision tree hides one of two, and a cart gives back what was
//! taken out. Levels that speak of one order of versions are offered for the last write alone. With
//! `checks_revisions` a write is conditional, as in `CouchDB`: it follows the revision of the key that its session
//! has seen last, in whatever operation that was, and a replica that knows a later one refuses it.
//!
//! **Durability.** What is shipped or shown is on its origin's disk, so no crash undoes what another
//! replica has. What a replica received and forgets in a crash it asks for again.
//!
//! - `store`: the logs and what they come to.
//! - `links`: shipping, heartbeats, what others lack. `reads`, `acks`: serving clients.
//! - `own`: conflicts merged by a function of the user's own.
//! - `client`: the session. `message`: what is said and kept.

mod acks;
mod client;
mod links;
mod message;
mod own;
mod reads;
mod store;

pub use super::parts::vector::{REPLICAS_MAX, Vector};
pub use client::Session;
pub use links::Standing;
pub use message::{Ask, Msg, Need, Note, Record, Shown, Wish};
pub use own::{Merge, Merging, Own, OwnSession};
pub use store::{Entry, State};

use super::parts::limits;
use super::parts::merge::{Reading, Rule};
use super::{Env, Geometry, Offer, Protocol, Replica, ReplicaCx, WriteId};
use crate::guarantee::Guarantee;
use crate::op::{Key, Level, NodeId, Object, OpKind, Value};
use crate::time::{Duration, LocalTime};
use acks::Acks;
use links::Links;
use reads::Waiting;
use serde::Deserialize;
use store::Store;

/// The protocol.
#[derive(Debug)]
pub struct MultiLeader;

/// Its settings.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Who ships to whom.
    #[serde(default)]
    pub topology: Topology,
    /// The middle of a star.
    #[serde(default)]
    pub hub: u32,
    /// What becomes of updates that did not know of each other.
    #[serde(default)]
    pub conflicts: Rule,
    /// How carts are read that stand beside each other; no file can give it, see [`Merging`].
    #[serde(skip)]
    pub reading: Reading,
    /// With revision trees: whether a replica refuses a write that does not follow the tip of a branch here, in
    /// place of beginning a branch with it: CouchDB's 409. Replicas that have not heard of each other's writes
    /// take both, so there are branches all the same.
    #[serde(default)]
    pub checks_revisions: bool,
    /// What decides which of two writes wins.
    #[serde(default)]
    pub stamps: Stamps,
    /// Whether updates wait for what their writers knew.
    #[serde(default)]
    pub causal: bool,
    /// What becomes of a request whose session knows more than the replica asked.
    #[serde(default)]
    pub token: OnLag,
    /// How long updates gather before they are shipped, with a heartbeat behind them; 0 ships each at
    /// once.
    #[serde(default)]
    pub ship_every: Duration,
    /// How often replicas tell each other what they have. Longer: bounded reads fail sooner and lost
    /// messages are noticed later. Shorter: more messages.
    #[serde(default = "defaults::heartbeat")]
    pub heartbeat: Duration,
    /// How far two replicas' clocks may be apart, drift since a session's last answer included. Bounded
    /// writes wait this long and bounded reads are refused this much earlier; if the clocks are worse
    /// than this, they break their promise.
    #[serde(default = "defaults::max_clock_error")]
    pub max_clock_error: Duration,
    /// Writes between two snapshots of the log.
    #[serde(default = "defaults::snapshot_every")]
    pub snapshot_every: u64,
    /// A mistake to make on purpose, to see what becomes of the promises; none in earnest.
    pub flaw: Option<Flaw>,
}

mod defaults {
    use crate::time::Duration;
    pub(super) fn heartbeat() -> Duration {
        Duration::millis(100)
    }
    pub(super) fn max_clock_error() -> Duration {
        Duration::millis(10)
    }
    pub(super) fn snapshot_every() -> u64 {
        10_000
    }
}

/// Mistakes to make on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flaw {
    /// Updates do not wait for what their writers knew, and the promise is causal all the same.
    IgnoresDependencies,
    /// Stamps count in tenths of a second, and of two in the same one the first to arrive stays.
    TiesByArrival,
    /// An update that is sent again is a new one, so that a counter may count it twice.
    CountsRetries,
}

/// Who ships to whom. What a replica hands on carries its origin, so nobody is sent its own writes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Topology {
    /// Everybody to everybody.
    #[default]
    All,
    /// Everybody to the hub, which hands on to the others.
    Star,
    /// Each to the next one, which hands on.
    Ring,
}

/// What stamps are made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stamps {
    /// The clock of the replica that is asked, increasing within a session.
    Clock,
    /// A hybrid logical clock.
    #[default]
    Hlc,
}

/// What becomes of a request whose token the replica does not cover.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnLag {
    /// It waits there.
    #[default]
    Wait,
    /// It is sent to the replica that answered the session last, and waits there if it must.
    Redirect,
}

/// Timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// A replica's heartbeat.
    Beat,
    /// Some acknowledgement has waited for its stamp.
    Settle,
    /// A client has waited long enough for an answer.
    Attempt,
}

impl Protocol for MultiLeader {
    const NAME: &'static str = "multi-leader";
    const ABOUT: &'static str = "Every replica takes writes and ships its log afterwards; the last write \
        wins, or updates are merged: siblings, revision trees, counters, sets, carts; causal on request \
        (Bayou 1997, Dynamo 2007, COPS 2011, MySQL, CouchDB, Riak)";
    const FURTHER: &'static [&'static str] = &["causal = true"];
    const RULES: &'static [Rule] = &Rule::ALL;
    type Config = Config;
    type Msg = Msg;
    type Record = Record;
    type Timer = Timer;
    type Replica = Server;
    type Client = Session;

    fn validate(config: &Config, replicas: u32) -> Result<(), String> {
        if replicas as usize > REPLICAS_MAX {
            return Err(format!(
                "multi-leader runs at most {REPLICAS_MAX} replicas, and there are {replicas}"
            ));
        }
        if config.hub >= replicas {
            let last = replicas.saturating_sub(1);
            return Err(format!("hub is {}, but replicas are numbered 0 to {last}", config.hub));
        }
        if config.hub > 0 && config.topology != Topology::Star {
            return Err("only a star has a hub; write topology = \"star\" or leave hub out".into());
        }
        if config.checks_revisions && config.conflicts != Rule::RevisionTree {
            let rule = config.conflicts.name();
            return Err(format!(
                "checks_revisions is for trees of revisions, and conflicts is `{rule}`; write \
                 `revision-tree`, or leave checks_revisions out"
            ));
        }
        if config.ship_every > Duration::ZERO {
            limits::interval("ship_every", config.ship_every)?;
        }
        limits::interval("heartbeat", config.heartbeat)?;
        limits::snapshot_every(config.snapshot_every)
    }

    fn offer(config: &Config, level: Level) -> Option<Offer> {
        let lag = |waits: &'static str, goes: &'static str| match config.token {
            OnLag::Wait => waits,
            OnLag::Redirect => goes,
        };
        let near = "nearest replica";
        let one_order = !config.conflicts.merges();
        // Of a tree only one leaf is shown, and what was taken out of a cart may come back.
        let shows_all = !matches!(config.conflicts, Rule::RevisionTree | Rule::CartUnion);
        let written = match config.conflicts {
            Rule::CartUnion => "nearest replica, read before it is written",
            Rule::AddWins => "nearest replica, removes after a read",
            _ => near,
        };
        let (read_path, write_path, promise) = match level {
            Level::Bounded(age) if one_order => (
                "nearest replica if young enough, else it fails",
                "nearest replica, and the clocks' uncertainty",
                Guarantee::BoundedStaleness(age),
            ),
            Level::Causal if one_order && config.causal && config.stamps == Stamps::Hlc => {
                let path = lag(
                    "nearest replica, waits for the session's past",
                    "nearest replica, or the session's last if it lacks the session's past",
                );
                (path, path, Guarantee::Causal)
            }
            Level::Session if one_order => (
                lag(
                    "nearest replica, waits for the session's token",
                    "nearest replica, or the session's last if it lacks the token",
                ),
                "nearest replica, stamped above what the session has read",
                Guarantee::Session,
            ),
            Level::ReadYourWrites if shows_all => (
                lag(
                    "nearest replica, waits for the session's writes",
                    "nearest replica, or the session's last if it lacks its writes",
                ),
                written,
                Guarantee::ReadYourWrites,
            ),
            Level::MonotonicReads if shows_all => (
                lag(
                    "nearest replica, waits for the session's reads",
                    "nearest replica, or the session's last if it lacks its reads",
                ),
                written,
                Guarantee::MonotonicReads,
            ),
            Level::MonotonicWrites if one_order => (near, near, Guarantee::MonotonicWrites),
            Level::WritesFollowReads if one_order => (
                near,
                "nearest replica, stamped above what the session has read",
                Guarantee::WritesFollowReads,
            ),
            Level::EventualNearest => (near, written, Guarantee::Eventual),
            Level::EventualAny => ("any replica", written, Guarantee::Eventual),
            _ => return None,
        };
        Some(Offer { read_path, write_path, promise })
    }

    fn kept_beyond(config: &Config, _: Level, guarantee: Guarantee) -> Option<&'static str> {
        match guarantee {
            Guarantee::MonotonicWrites if !config.conflicts.merges() => {
                Some("a session gives its writes their stamps, which increase")
            }
            Guarantee::WritesFollowReads
                if config.stamps == Stamps::Hlc && !config.conflicts.merges() =>
            {
                Some("hybrid stamps are above all that the session can have seen")
            }
            _ => None,
        }
    }

    fn theory(
        config: &Config,
        level: Level,
        op: OpKind,
        geometry: &Geometry,
        client: NodeId,
    ) -> Option<Duration> {
        let near = geometry.rtt(client, *geometry.nearest(client).first()?);
        match (op, level) {
            (OpKind::Rmw, _) => None,
            // Now and then they must be preceded by a read.
            (OpKind::Write, _) if matches!(config.conflicts, Rule::AddWins | Rule::CartUnion) => {
                None
            }
            // The stamp is the clock at the write's arrival, and is waited out beside the disk.
            (OpKind::Write, Level::Bounded(_)) => {
                Some(near + geometry.disk.max(config.max_clock_error))
            }
            (OpKind::Write, _) => Some(near + geometry.disk),
            (_, Level::EventualAny) => None,
            // In health a session stays with one replica, which covers its token.
            _ => Some(near),
        }
    }

    fn objects(config: &Config) -> &'static [Object] {
        config.conflicts.objects()
    }

    fn merges(config: &Config) -> bool {
        config.conflicts.merges()
    }

    fn wire_size(msg: &Msg) -> u32 {
        msg.wire_size()
    }
}

/// A replica.
#[derive(Debug)]
pub struct Server {
    env: Env<MultiLeader>,
    store: Store,
    links: Links,
    waiting: Waiting,
    acks: Acks,
}

type ServerCx<'a, 'b> = &'a mut ReplicaCx<'b, MultiLeader>;

impl Server {
    /// Shows what has arrived, hands it on, and answers whom that satisfies.
    fn proceed(&mut self, cx: ServerCx<'_, '_>) {
        self.store.apply_all(cx);
        self.links.learn(&self.store);
        if self.env.config.ship_every == Duration::ZERO {
            self.links.ship(&self.env, &self.store, cx);
        }
        self.serve_waiting(cx);
    }

    fn on_beat(&mut self, from: NodeId, standing: Standing, cx: ServerCx<'_, '_>) {
        if self.links.on_beat(&self.store, from, standing) {
            cx.send(from, Msg::Lack(self.store.received()));
        }
    }
}

impl Replica<MultiLeader> for Server {
    fn recover(env: Env<MultiLeader>, log: &[Record], cx: &mut ReplicaCx<'_, MultiLeader>) -> Self {
        let store = Store::recover(&env, log, cx);
        let links = Links::new(&env, &store);
        let (waiting, acks) = (Waiting::default(), Acks::default());
        let mut server = Self { env, store, links, waiting, acks };
        server.on_timer(Timer::Beat, cx);
        server
    }

    fn on_message(&mut self, from: NodeId, msg: Msg, cx: &mut ReplicaCx<'_, MultiLeader>) {
        match msg {
            Msg::Hello { op, sent } => {
                let note = self.note(Vector::default(), ahead(sent, cx));
                cx.send(from, Msg::Clock { op, note });
            }
            Msg::Ask(ask) => self.on_ask(from, ask, cx),
            Msg::Ship { origin, seq, entry } => {
                self.store.receive(origin, seq, entry, cx);
                self.proceed(cx);
            }
            Msg::Beat(standing) => self.on_beat(from, standing, cx),
            Msg::Lack(has) => self.links.on_lack(&self.env, &self.store, from, &has, cx),
            Msg::Install(state) => {
                self.store.install(*state, cx);
                self.proceed(cx);
            }
            // What only clients are told.
            Msg::Clock { .. }
            | Msg::Low { .. }
            | Msg::Reply { .. }
            | Msg::Values { .. }
            | Msg::Shown { .. }
            | Msg::Made { .. }
            | Msg::Conflict { .. }
            | Msg::Redirect(_)
            | Msg::Refused(_) => {}
        }
    }

    fn on_timer(&mut self, timer: Timer, cx: &mut ReplicaCx<'_, MultiLeader>) {
        match timer {
            Timer::Beat => {
                let Config { ship_every, heartbeat, .. } = *self.env.config;
                self.links.ship(&self.env, &self.store, cx);
                self.links.beat(&self.env, &self.store, cx);
                let batches = ship_every > Duration::ZERO;
                cx.set_timer(Timer::Beat, if batches { ship_every } else { heartbeat });
            }
            Timer::Settle => self.acks.release(self.env.me, &self.store, cx),
            Timer::Attempt => {}
        }
    }

    fn on_durable(&mut self, upto: WriteId, cx: &mut ReplicaCx<'_, MultiLeader>) {
        self.store.on_durable(upto, cx);
        self.proceed(cx);
        self.acks.on_durable(self.env.me, &self.store, cx);
        self.store.compact(self.env.config.snapshot_every, cx);
    }

    fn inspect(&self, key: Key) -> Value {
        self.store.read(key)
    }

    fn inspect_word(&self, key: Key) -> u64 {
        self.store.word(key).unwrap_or(0)
    }

    fn inspect_siblings(&self, key: Key) -> Vec<Value> {
        let registers = self.store.word(key).is_none();
        let siblings = if registers { self.store.siblings(key) } else { &[] };
        siblings.iter().skip(1).map(|one| one.version.value).collect()
    }
}

/// How far this clock is ahead of the one that read `sent`, the way here included.
fn ahead(sent: LocalTime, cx: ServerCx<'_, '_>) -> u64 {
    cx.clock().0.wrapping_sub(sent.0)
}

#[cfg(test)]
mod tests;
