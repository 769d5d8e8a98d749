//! The contract between a replication protocol and the world that runs it.
//!
//! A protocol is three state machines' worth of types: a [`Replica`], a [`Client`] and the messages
//! between them. It has no clock, socket, thread, disk or source of randomness of its own; the same
//! code runs in virtual time and in real time. The style is sans-IO, as in etcd's raft and quinn.
//!
//! **What goes in.** `recover` once per life; then, in any order, `on_message`, `on_timer`,
//! `on_durable`, and for clients `on_request` and `on_given_up`. **What comes out.** Effects, pushed into the context
//! in program order: send, set or cancel a timer, persist, complete. The world performs them after
//! the call returns, and never calls back while it does.
//!
//! The laws:
//! 1. A session has one operation in flight. A client completes each request at most once, and sends
//!    nothing for one that is over.
//! 2. A message may be lost or, on links that reorder, overtaken; it is never altered or made up.
//! 3. A record is safe only once `on_durable` covers it. A crash forgets everything else, and
//!    `recover` is given the durable records, oldest first.
//! 4. A timer is named by its value: setting it again re-arms it. A crash cancels all.
//! 5. The clock read through the context may be off and may drift. True time cannot be seen.

pub mod certification;
pub mod chain;
mod effects;
pub mod escrow;
pub mod kubernetes;
pub mod leaderless;
pub mod multi_leader;
pub mod parts;
pub mod paxos;
pub mod primary_backup;
pub mod raft;

pub use effects::{ClientCx, Cx, Effect, Effects, ReplicaCx, WriteId};

use crate::guarantee::Guarantee;
use crate::op::{Contents, Key, Leg, Level, NodeId, Object, OpKind, Request, Value};
use crate::time::Duration;
use parts::merge::Rule;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use std::sync::Arc;

/// A replication protocol: its types, and what it claims.
pub trait Protocol: Sized + 'static {
    /// The name scenarios use.
    const NAME: &'static str;
    /// One sentence for `pacelc list`, ending with the paper or system it follows.
    const ABOUT: &'static str;
    /// The smallest settings there are, in TOML: what has no default, with a usual value.
    const PLAIN: &'static str = "";
    /// Settings to write beside those, each in TOML, under which it offers other levels, promises more or serves
    /// in another way.
    const FURTHER: &'static [&'static str] = &[];
    /// What its setting `conflicts` takes, or the one rule it has; none where writes have one order.
    const RULES: &'static [Rule] = &[];
    /// Its settings, as the `config` table of a scenario's mode.
    type Config: Clone + Debug + DeserializeOwned + Send + Sync;
    /// One enum of everything replicas and clients say to each other.
    type Msg: Clone + Debug + Serialize + DeserializeOwned + Send;
    /// One log record: what must survive a crash.
    type Record: Clone + Debug + Serialize + DeserializeOwned + Send;
    /// The names of its timers.
    type Timer: Copy + Ord + Debug + Send;
    /// The server side.
    type Replica: Replica<Self> + Send;
    /// The session's side.
    type Client: Client<Self> + Send;

    /// Refuses settings that make no sense for this many replicas, in one sentence.
    ///
    /// # Errors
    /// What is wrong and what would be right.
    fn validate(config: &Self::Config, replicas: u32) -> Result<(), String>;

    /// How `level` is served and what is then promised; `None` where the protocol does not offer it.
    fn offer(config: &Self::Config, level: Level) -> Option<Offer>;

    /// Refuses a level that is offered and asks for more than this many replicas can give, in one sentence.
    ///
    /// # Errors
    /// What the level asks for and what there is.
    fn fits(_config: &Self::Config, _level: Level, _replicas: u32) -> Result<(), String> {
        Ok(())
    }

    /// Why every run keeps a guarantee at a level that is offered and does not promise it; `None` where some
    /// run breaks it. Clocks are as good as the settings say; where replicas stamp writes by them and nothing
    /// of a session's is promised, they may be bad.
    fn kept_beyond(
        _config: &Self::Config,
        _level: Level,
        _guarantee: Guarantee,
    ) -> Option<&'static str> {
        None
    }

    /// The exact latency of a healthy operation at constant delay, idle nodes and the geometry's disk,
    /// where the protocol's theory gives one.
    fn theory(
        config: &Self::Config,
        level: Level,
        op: OpKind,
        geometry: &Geometry,
        client: NodeId,
    ) -> Option<Duration>;

    /// Bytes on the wire, for links with a bandwidth and for the bytes-per-operation column.
    fn wire_size(msg: &Self::Msg) -> u32;

    /// Which objects keys may hold under these settings. A protocol that serves others than registers
    /// carries out what [`Op::Write`](crate::op::Op::Write) says, once per request, gives the same answer
    /// to a request sent again, and notes as commits only updates that took effect.
    fn objects(_config: &Self::Config) -> &'static [Object] {
        &[Object::Register]
    }

    /// Whether the updates of an object that keys may hold are carried out at this level; all levels do,
    /// unless some were made for it.
    fn serves(_config: &Self::Config, _level: Level, _object: Object) -> bool {
        true
    }

    /// Whether updates that conflict are merged under these settings, so that no order of versions says
    /// which one stays, and a read of a register may return several values.
    fn merges(_config: &Self::Config) -> bool {
        false
    }

    /// Whether, where updates are merged, one state may replace another as a whole, so that what the other
    /// had done is gone: nothing is then promised but that replicas agree in the end.
    fn overwrites(_config: &Self::Config) -> bool {
        false
    }

    /// How many replicas a read and a write wait for, where both go to all of them, the client asks them
    /// itself and nothing else brings a write to a replica. That is what the model WARS of probabilistically
    /// bounded staleness (Bailis et al. 2012) is about; worlds compute it from this.
    fn partial_quorum(
        _config: &Self::Config,
        _level: Level,
        _replicas: u32,
    ) -> Option<PartialQuorum> {
        None
    }

    /// How many keys replicas name among themselves where clients name so many.
    fn keys(_config: &Self::Config, _replicas: u32, keys: u32) -> u32 {
        keys
    }

    /// Which leg of an operation a message travels, for links whose jitter differs by leg.
    fn leg(_msg: &Self::Msg) -> Option<Leg> {
        None
    }

    /// Of a message that finds or brings what a replica has missed, and does nothing else: which kind. What
    /// also serves an operation is none, nor is a log's entry that is sent again.
    fn mend(_msg: &Self::Msg) -> Option<Mend> {
        None
    }
}

/// What a message is that serves no operation but a replica which has missed something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mend {
    /// An update that somebody has kept for a silent replica.
    Hint,
    /// A comparison of replicas, or what a read or a comparison has found one of them to lack.
    Repair,
}

/// How a level is served and what is claimed for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The path of a read, in the field's words: `"ReadIndex at the leader"`.
    pub read_path: &'static str,
    /// The path of a write: `"leader, majority"`.
    pub write_path: &'static str,
    /// What the protocol claims a reader may rely on.
    pub promise: Guarantee,
}

/// How many replicas are waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartialQuorum {
    /// By a read, R.
    pub read: usize,
    /// By a write, W.
    pub write: usize,
}

/// What a process is told about itself when it starts.
#[derive(Debug)]
pub struct Env<P: Protocol> {
    /// Its own address.
    pub me: NodeId,
    /// Replicas are `NodeId(0)..NodeId(replicas)`.
    pub replicas: u32,
    /// The protocol's settings.
    pub config: Arc<P::Config>,
    /// All replicas, nearest (by base round trip) first; a replica's own list begins with itself.
    pub nearest: Arc<[NodeId]>,
    /// By replica, the number of its region.
    pub regions: Arc<[u16]>,
    /// The region it is in itself.
    pub region: u16,
    /// Keys are `0..keys`; tables may be sized by it.
    pub keys: u32,
    /// What they hold at first.
    pub contents: Contents,
    /// Whether no earlier life of this process can have promised anything to anybody.
    pub first_boot: bool,
    /// How long a client waits for an answer before it tries another replica.
    pub attempt_timeout: Duration,
}

impl<P: Protocol> Clone for Env<P> {
    fn clone(&self) -> Self {
        Self {
            me: self.me,
            replicas: self.replicas,
            config: Arc::clone(&self.config),
            nearest: Arc::clone(&self.nearest),
            regions: Arc::clone(&self.regions),
            region: self.region,
            keys: self.keys,
            contents: self.contents,
            first_boot: self.first_boot,
            attempt_timeout: self.attempt_timeout,
        }
    }
}

impl<P: Protocol> Env<P> {
    /// What a machine of another protocol is told that this process contains.
    #[must_use]
    pub fn within<Q: Protocol>(&self, config: Q::Config) -> Env<Q> {
        Env {
            me: self.me,
            replicas: self.replicas,
            config: Arc::new(config),
            nearest: Arc::clone(&self.nearest),
            regions: Arc::clone(&self.regions),
            region: self.region,
            keys: self.keys,
            contents: self.contents,
            first_boot: self.first_boot,
            attempt_timeout: self.attempt_timeout,
        }
    }

    /// The other replicas, in order of address.
    pub fn peers(&self) -> impl Iterator<Item = NodeId> + use<P> {
        let me = self.me;
        (0..self.replicas).map(NodeId).filter(move |peer| *peer != me)
    }
}

/// The server side of a protocol.
pub trait Replica<P: Protocol>: Sized {
    /// Starts a life from the durable records, oldest first; none at the first boot.
    fn recover(env: Env<P>, log: &[P::Record], cx: &mut ReplicaCx<'_, P>) -> Self;
    /// Takes a message.
    fn on_message(&mut self, from: NodeId, msg: P::Msg, cx: &mut ReplicaCx<'_, P>);
    /// A timer it set has run out.
    fn on_timer(&mut self, timer: P::Timer, cx: &mut ReplicaCx<'_, P>);
    /// Every record up to and including this one is on disk.
    fn on_durable(&mut self, upto: WriteId, cx: &mut ReplicaCx<'_, P>);
    /// What a purely local read of `key` would return now, or [`Value::NOT_HELD`] of a replica that
    /// need not have the key. Only auditors ask, after the run.
    fn inspect(&self, key: Key) -> Value;
    /// The state word that such a read would return; only of protocols that serve objects other than
    /// registers.
    fn inspect_word(&self, _key: Key) -> u64 {
        0
    }
    /// The values that stand beside the one above; only of protocols that merge.
    fn inspect_siblings(&self, _key: Key) -> Vec<Value> {
        Vec::new()
    }
}

/// The session's side of a protocol: one operation in flight. It may be thin (talk to the leader) or
/// be the coordinator itself.
pub trait Client<P: Protocol>: Sized {
    /// Starts a new session.
    fn start(env: Env<P>) -> Self;
    /// Begins an operation; the previous one is over, whether or not the client saw its answer.
    fn on_request(&mut self, request: Request, cx: &mut ClientCx<'_, P>);
    /// The operation in flight, a read, has run out of time, and the session goes on: its timers are
    /// disarmed, and whatever still comes for it must cause nothing to be sent. What the session has
    /// learned by its other operations it still knows.
    fn on_given_up(&mut self);
    /// Takes a message, possibly an answer to an operation long over.
    fn on_message(&mut self, from: NodeId, msg: P::Msg, cx: &mut ClientCx<'_, P>);
    /// A timer it set has run out.
    fn on_timer(&mut self, timer: P::Timer, cx: &mut ClientCx<'_, P>);
}

/// Base delays between all processes: what closed-form latencies are computed from.
#[derive(Clone, Debug)]
pub struct Geometry {
    /// How many of the processes are replicas.
    pub replicas: u32,
    /// What one disk sync takes.
    pub disk: Duration,
    /// How many processes there are.
    pub processes: usize,
    /// One-way base delays in row-major order: `from * processes + to`.
    pub one_way: Vec<Duration>,
    /// By process, the number of its region.
    pub regions: Vec<u16>,
}

impl Geometry {
    /// One way.
    #[must_use]
    pub fn way(&self, from: NodeId, to: NodeId) -> Duration {
        self.one_way[from.index() * self.processes + to.index()]
    }

    /// There and back.
    #[must_use]
    pub fn rtt(&self, a: NodeId, b: NodeId) -> Duration {
        self.way(a, b) + self.way(b, a)
    }

    /// The round trips from `from` to the replicas in `to`, shortest first.
    #[must_use]
    pub fn rtts(&self, from: NodeId, to: impl Iterator<Item = NodeId>) -> Vec<Duration> {
        let mut rtts: Vec<Duration> = to.map(|peer| self.rtt(from, peer)).collect();
        rtts.sort_unstable();
        rtts
    }

    /// The replicas other than `me`.
    pub fn peers(&self, me: NodeId) -> impl Iterator<Item = NodeId> + use<> {
        (0..self.replicas).map(NodeId).filter(move |peer| *peer != me)
    }

    /// All replicas, nearest first, ties by address.
    #[must_use]
    pub fn nearest(&self, from: NodeId) -> Vec<NodeId> {
        let mut order: Vec<NodeId> = (0..self.replicas).map(NodeId).collect();
        order.sort_by_key(|peer| (*peer != from, self.rtt(from, *peer), *peer));
        order
    }
}
