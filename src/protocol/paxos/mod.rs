//! Paxos key by key: compare-and-set without a leader and without a log.
//!
//! After Rystsov, "CASPaxos: Replicated State Machines without logs" (2018), which is what Cassandra's
//! lightweight transactions do at SERIAL since its version 4.1: each key is an instance of Paxos (Lamport,
//! "Paxos Made Simple", 2001) whose value is the key's state. The replica nearest to the client proposes:
//! phase 1 finds the state, the update is carried out on it, phase 2 has a majority accept the result.
//!
//! **Reads** ask all and answer when a majority holds the same state from the same ballot, for then it is
//! chosen; otherwise they propose what they found. Scans ask again until a majority agrees on every key.
//!
//! **An update takes effect once.** A key's state remembers its latest versions, so that a proposer that
//! was interrupted finds out whether its update is among them. It begins again only if it is certainly
//! not, and where nobody can tell the client is left without an answer: its outcome is unknown. Clients ask
//! another coordinator only when one says that an update was never proposed.
//!
//! **What is left behind** by a proposer that died is chosen or overwritten by the next that comes to the
//! key. Proposers tell all when a state is chosen, and nobody waits for that. Replicas that miss it for
//! long, or find by a digest that they hold something else than another, have the key settled by a round.
//!
//! **Latency**, at constant delay, with no contention, `c` the client's round trip to its nearest replica,
//! `q` that replica's to the nearest majority and `f` a sync: a read takes `c + q`, one in a session `c` if its
//! replica is as new as the session and else as long as any other; an update `c + 2(q + f)`, one that is
//! refused `c + q + f`.
//!
//! - `message`: what is said and kept. `acceptor`: the acceptors and their log.
//! - `round`: one job's way, pure. `proposer`, `reads`: what a node coordinates; `work`: what that has in
//!   hand. `server`, `client`: who hosts it, who asks.
//!
//! - `near`: reads near by that are as new as their session.
//! - `regions`: who elects; regions that elect by themselves. `embedded`: plain reads and writes beside these,
//!   in a leaderless store that contains this one.

mod acceptor;
mod client;
mod embedded;
mod message;
mod near;
mod proposer;
mod reads;
mod regions;
mod round;
mod server;
mod work;

pub use client::Session;
pub use message::{Ballot, Cell, Found, Held, Job, Msg, REMEMBERED, Record, Seen, Timer};
pub use server::Server;

use super::parts::quorum::majority;
use super::parts::token::Token;
use super::parts::{beyond, limits};
use super::{Env, Geometry, Offer, Protocol, ReplicaCx};
use crate::guarantee::Guarantee;
use crate::op::{Level, NodeId, Object, OpKind};
use crate::time::Duration;
use serde::{Deserialize, Serialize};

/// Replicas are compared ten seconds after everything has come to rest.
const ENTROPY_MAX: Duration = Duration::secs(3);
/// Sets of replicas are the bits of a word.
const REPLICAS_MAX: u32 = 64;

/// The protocol.
#[derive(Debug)]
pub enum Paxos {}

type ServerCx<'a, 'b> = &'a mut ReplicaCx<'b, Paxos>;

/// Its settings.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How long a coordinator that met another on a key waits at most before it tries again; doubled each
    /// time it does.
    pub pause: Duration,
    /// How often each pair of replicas compares digests of what they hold.
    pub anti_entropy: Duration,
    /// A snapshot is taken, and the log before it dropped, after this many records.
    pub snapshot_every: u64,
    /// Whose majority chooses: that of all replicas, or of those in the coordinator's region.
    pub scope: Scope,
    /// A mistake to make on purpose, to see what becomes of the promises; none in earnest.
    pub flaw: Option<Flaw>,
}

/// Whose majority chooses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// That of all replicas: Cassandra's SERIAL.
    #[default]
    All,
    /// That of the replicas in the coordinator's region, which tells other regions afterwards: LOCAL_SERIAL.
    Region,
}

/// Mistakes to make on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flaw {
    /// An acceptor that restarts has forgotten what it promised and accepted, as if it were memory's.
    ForgetsPromises,
}

impl Default for Config {
    fn default() -> Self {
        let (pause, anti_entropy) = (Duration::millis(100), Duration::secs(2));
        Self { pause, anti_entropy, snapshot_every: 10_000, scope: Scope::All, flaw: None }
    }
}

impl Protocol for Paxos {
    const NAME: &'static str = "paxos";
    const ABOUT: &'static str = "Paxos for each key, proposed by the replica nearest to the client, without \
        leader or log (Lamport 2001, CASPaxos 2018, Cassandra's lightweight transactions)";
    const FURTHER: &'static [&'static str] = &["scope = \"region\""];
    type Config = Config;
    type Msg = Msg;
    type Record = Record;
    type Timer = Timer;
    type Replica = Server;
    type Client = Session;

    fn validate(config: &Config, replicas: u32) -> Result<(), String> {
        if !(1..=REPLICAS_MAX).contains(&replicas) {
            return Err(format!("paxos has 1 to {REPLICAS_MAX} replicas"));
        }
        limits::interval("pause", config.pause)?;
        if !(Duration::millis(1)..=ENTROPY_MAX).contains(&config.anti_entropy) {
            return Err(format!(
                "`anti_entropy` is {}; write 1ms to {ENTROPY_MAX}: replicas are compared soon after \
                 everything has come to rest",
                config.anti_entropy
            ));
        }
        limits::snapshot_every(config.snapshot_every)
    }

    fn offer(config: &Config, level: Level) -> Option<Offer> {
        match (config.scope, level) {
            (Scope::All, Level::Linearizable) => Some(Offer {
                read_path: "nearest replica, asks a majority; proposes where that disagrees",
                write_path: "nearest replica, a majority twice: prepare, accept",
                promise: Guarantee::Linearizable,
            }),
            (Scope::Region, Level::LocalSerial) => Some(Offer {
                read_path: "nearest replica, asks a majority of its region",
                write_path: "nearest replica, a majority of its region twice; others are told",
                promise: Guarantee::Eventual,
            }),
            (Scope::All, _) => Some(Offer {
                read_path: match Token::kept_at(level) {
                    true => "nearest replica if as new as the session, else a majority",
                    false => "nearest replica",
                },
                write_path: "nearest replica, a majority twice: prepare, accept",
                promise: match level {
                    Level::Session => Guarantee::Session,
                    Level::ReadYourWrites => Guarantee::ReadYourWrites,
                    Level::MonotonicReads => Guarantee::MonotonicReads,
                    Level::MonotonicWrites => Guarantee::MonotonicWrites,
                    Level::WritesFollowReads => Guarantee::WritesFollowReads,
                    _ => return None,
                },
            }),
            _ => None,
        }
    }

    /// There is an order of each key's writes, and none of all.
    fn kept_beyond(config: &Config, level: Level, guarantee: Guarantee) -> Option<&'static str> {
        let promise = Self::offer(config, level)?.promise;
        let by_key = matches!(guarantee, Guarantee::MonotonicWrites | Guarantee::WritesFollowReads);
        beyond::of_one_order(promise, guarantee).filter(|_| by_key)
    }

    fn theory(
        config: &Config,
        level: Level,
        op: OpKind,
        geometry: &Geometry,
        client: NodeId,
    ) -> Option<Duration> {
        let near = *geometry.nearest(client).first()?;
        let c = geometry.rtt(client, near);
        let region = |replica: &NodeId| geometry.regions[replica.index()];
        let elects =
            |replica: &NodeId| config.scope == Scope::All || region(replica) == region(&near);
        let all = geometry.rtts(near, (0..geometry.replicas).map(NodeId).filter(elects));
        let q = *all.get(majority(all.len() as u32) - 1)?;
        match op {
            // In health the replica that coordinated a session's writes knows them to be chosen.
            OpKind::Read | OpKind::Scan if near::is_of_sessions(level) => Some(c),
            OpKind::Read | OpKind::Scan => Some(c + q),
            OpKind::Write => Some(c + (q + geometry.disk) * 2),
            OpKind::Rmw => None,
        }
    }

    fn wire_size(msg: &Msg) -> u32 {
        msg.wire_size()
    }

    /// What two regions do to a counter at once has no one order that its state could be judged by.
    fn objects(config: &Config) -> &'static [Object] {
        match config.scope {
            Scope::All => &Object::ALL,
            Scope::Region => &[Object::Register],
        }
    }
}
