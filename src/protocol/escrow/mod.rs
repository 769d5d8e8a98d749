//! Escrow: every replica carries out updates on its own copy, without asking anybody, as long as it holds
//! the right to.
//!
//! After O'Neil, "The Escrow Transactional Method" (1986), Barbará and Garcia-Molina, "The Demarcation
//! Protocol" (1994), and the bounded counter of Balegas et al., "Extending Eventually Consistent Cloud
//! Databases for Enforcing Numeric Invariants" (2015). The units of a stock are dealt out to the replicas
//! as *rights*: who sells a unit uses up one of its own, so that all together never sell more than there
//! was, whoever is cut off from whom. A replica that has run out asks another, the nearest that seems to
//! have some, for a *transfer*.
//!
//! **State.** For each key every replica has a row that only it changes: what it has sold, and what it has
//! granted to each other one. All numbers only grow, so rows are joined by taking the greater, whatever
//! comes when and how often; a transfer that arrives twice is one transfer. A replica's rights are its
//! share of the stock and what it was granted, less what it granted and sold. Whoever knows too little of
//! the others thinks that it has fewer rights than it has, never more.
//!
//! **Durability.** A row is on its owner's disk before anybody is told of it: before a sale is acknowledged,
//! before a transfer leaves. So a crash takes back neither, and no right is used twice.
//!
//! **A refusal** is final where the stock as this replica knows it is gone, for sales only grow. Otherwise
//! others are asked for their rights first, one after another. If one that may have some does not answer,
//! the update fails: nobody can say whether there is a unit left.
//!
//! **Without guard** (`guard = "none"`) the copy decides by itself and nobody holds rights: optimistic
//! replication (Saito and Shapiro 2005). What several replicas did to a stock or a counter is then added up
//! (`pn-counter`), so that two may sell the last unit; or each update replaces the state as a whole and
//! that with the higher stamp stays (`last-write-wins`), so that two may hold a lock, and what one has done
//! is gone without its client being told.
//!
//! **Latency**, with `c` the client's round trip to its nearest replica and `f` a sync: a read takes `c`, an
//! update `c + f` as long as rights last, a refusal `c`.
//!
//! - `account`: one key, pure. `message`: what is said and kept. `server`, `client`: who hosts it, who asks.
//!   `hunt`: the search for rights.
//!
//! Left out: updates that add to a stock; an update asked of a second replica. One that is not answered has
//! an unknown outcome, because a second replica could use a right of its own for it.

mod account;
mod client;
mod hunt;
mod message;
mod server;

pub use account::{Account, Row};
pub use client::Session;
pub use message::{Job, Msg, Record, Timer};
pub use server::Server;

use super::parts::limits;
use super::parts::merge::Rule;
use super::{Geometry, Mend, Offer, Protocol, ReplicaCx};
use crate::guarantee::Guarantee;
use crate::op::{Level, NodeId, Object, OpKind};
use crate::time::Duration;
use serde::Deserialize;

/// Replicas are compared ten seconds after everything has come to rest.
const ENTROPY_MAX: Duration = Duration::secs(3);
/// More would make every row long.
const REPLICAS_MAX: u32 = 64;

/// The protocol.
#[derive(Debug)]
pub enum Escrow {}

type ServerCx<'a, 'b> = &'a mut ReplicaCx<'b, Escrow>;

/// Its settings.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// What holds an update back.
    pub guard: Guard,
    /// Without guard: what becomes of updates that did not know of each other.
    pub conflicts: Rule,
    /// How long another replica is waited for before the next one is asked for its rights.
    pub patience: Duration,
    /// How often each pair of replicas compares digests of what they hold.
    pub anti_entropy: Duration,
    /// A snapshot is taken, and the log before it dropped, after this many records.
    pub snapshot_every: u64,
    /// A mistake to make on purpose, to see what becomes of the promises; none in earnest.
    pub flaw: Option<Flaw>,
}

/// What holds an update back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Guard {
    /// It needs a right of its replica.
    #[default]
    Rights,
    /// Nothing but its condition, as its replica's copy has it.
    None,
}

/// Mistakes to make on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flaw {
    /// Sales are acknowledged before they are on disk, so that a crash gives their rights back.
    AnswersUnsynced,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            guard: Guard::Rights,
            conflicts: Rule::PnCounter,
            patience: Duration::secs(1),
            anti_entropy: Duration::secs(2),
            snapshot_every: 10_000,
            flaw: None,
        }
    }
}

impl Config {
    /// Whether a state replaces another as a whole.
    fn overwrites(&self) -> bool {
        self.conflicts == Rule::LastWriteWins
    }
}

impl Protocol for Escrow {
    const NAME: &'static str = "escrow";
    const ABOUT: &'static str = "Every replica sells from its own share of a stock and asks others for theirs \
        when it has run out (O'Neil 1986, Barbará and Garcia-Molina 1994, Balegas et al. 2015); without \
        guard, each decides by its own copy (Saito and Shapiro 2005)";
    const FURTHER: &'static [&'static str] =
        &["guard = \"none\"", "guard = \"none\"\nconflicts = \"last-write-wins\""];
    const RULES: &'static [Rule] = &[Rule::PnCounter];
    type Config = Config;
    type Msg = Msg;
    type Record = Record;
    type Timer = Timer;
    type Replica = Server;
    type Client = Session;

    fn validate(config: &Config, replicas: u32) -> Result<(), String> {
        if !(1..=REPLICAS_MAX).contains(&replicas) {
            return Err(format!("escrow has 1 to {REPLICAS_MAX} replicas"));
        }
        match (config.guard, config.conflicts) {
            (_, Rule::PnCounter) | (Guard::None, Rule::LastWriteWins) => {}
            (Guard::Rights, Rule::LastWriteWins) => {
                return Err(
                    "rights are counted, so `last-write-wins` needs guard = \"none\"".into()
                );
            }
            (_, other) => {
                return Err(format!(
                    "escrow has no rule `{}`; write \"pn-counter\", or with guard = \"none\" also \
                     \"last-write-wins\"",
                    other.name()
                ));
            }
        }
        limits::interval("patience", config.patience)?;
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
        (level == Level::EventualNearest).then_some(match config.guard {
            Guard::Rights => Offer {
                read_path: "nearest replica",
                write_path: "nearest replica, from its rights; others are asked for theirs when it has none",
                promise: Guarantee::NeverOversold,
            },
            Guard::None => Offer {
                read_path: "nearest replica",
                write_path: "nearest replica, by what its copy says",
                promise: Guarantee::Eventual,
            },
        })
    }

    /// As long as rights last.
    fn theory(
        _: &Config,
        _: Level,
        op: OpKind,
        geometry: &Geometry,
        client: NodeId,
    ) -> Option<Duration> {
        let near = geometry.rtt(client, *geometry.nearest(client).first()?);
        match op {
            OpKind::Read | OpKind::Scan => Some(near),
            OpKind::Write => Some(near + geometry.disk),
            OpKind::Rmw => None,
        }
    }

    fn wire_size(msg: &Msg) -> u32 {
        msg.wire_size()
    }

    fn mend(msg: &Msg) -> Option<Mend> {
        matches!(msg, Msg::Digest(_) | Msg::Rows(_)).then_some(Mend::Repair)
    }

    fn objects(config: &Config) -> &'static [Object] {
        match (config.guard, config.overwrites()) {
            (Guard::Rights, _) => &[Object::Stock],
            (Guard::None, false) => &[Object::Counter, Object::Stock],
            (Guard::None, true) => &[Object::Counter, Object::Set, Object::Stock, Object::Lock],
        }
    }

    fn merges(_: &Config) -> bool {
        true
    }

    fn overwrites(config: &Config) -> bool {
        config.overwrites()
    }
}

#[cfg(test)]
mod tests;
