//! Replication without a leader: every operation asks as many replicas as it wants.
//!
//! After DeCandia et al., "Dynamo: Amazon's Highly Available Key-value Store" (SOSP 2007), with the
//! levels of Cassandra (Lakshman and Malik 2010; its documentation of consistency levels) and the
//! options of Riak. A coordinator, the nearest replica or the client's own library, sends a write to
//! all replicas of its key and waits for W of them; a read waits for R and returns the newest version
//! it heard of. Versions are ordered by stamps, and the last write wins.
//!
//! **What keeps replicas equal.** Read repair, hinted handoff, and anti-entropy by digests. The first
//! two make it sooner; only the last makes it certain, so a store without it is accepted only with
//! `trusts_network`, and then a scenario that loses messages or crashes nodes breaks its promise.
//!
//! **What R + W > N promises.** Such a read meets a replica with every write that was acknowledged
//! before it began, so it is *regular* (Lamport 1986), as long as stamps agree with real time: with
//! clocks that do not (`trusts_clocks = false`) a later write may have the smaller stamp and lose, and
//! nothing is promised but that replicas become equal. It is not linearizable: while a write is under
//! way one read may meet a replica that has it and the next may not. (Repairing before answering
//! mends that as long as nobody crashes; it is not promised.) Attiya, Bar-Noy and Dolev, "Sharing
//! Memory Robustly in Message-Passing Systems" (JACM 1995), mend it for good: reads write back what
//! they return, and writes take their stamps not from a clock but from a majority. That is
//! `write_back`. All other levels promise eventual consistency, sloppy quorums (Dynamo, section 4.6)
//! included, whatever R and W are: a stand-in is no replica that a read must meet.
//!
//! **Levels.** `local-one`, `local-quorum` and `each-quorum` count replicas of the coordinator's region
//! or of every region; what counts more replicas than a key has is refused. `R=one,W=any` takes a hint for a
//! write where no replica answers, which differs from `one` only where the coordinator is not among the
//! key's replicas. Scans ask like reads, once for all their keys.
//!
//! **Sessions.** At the session guarantees' levels one replica is asked, and it is the session that stamps
//! writes, once and above what it has written or read, as Cassandra's drivers do by their clocks. Where it
//! shall read its own writes, or never go back, it keeps a token, the newest version of each key that it
//! has written or read; a coordinator then asks further replicas until one has that (Terry et al., "Session
//! guarantees for weakly consistent replicated data", PDIS 1994). Who alone has it may be down: then the
//! read waits, and fails. A scan takes from the token what its replica does not have yet.
//!
//! **Latency**, at constant delay and with `c` the client's round trip to its coordinator (none for a
//! library), `r` and `w` the coordinator's to the last replica that a read or a write must wait for
//! (none to itself), `f` a sync: a read takes `c + r`, a write `c + w + f`. Under `write_back` a read
//! takes `c + r + w`, and a write goes to its coordinator twice: `2c + r + w + f`.
//!
//! - `config`: the settings, and which levels intersect. `places`: where keys live.
//! - `round`: one coordination. `coordinator`, `client`: its two hosts.
//! - `updates`: what sessions do where updates are merged.
//! - `serial`: compare-and-set by Paxos per key, beside all this.
//! - `replica`, `store`: what a node keeps. `hints`, `entropy`: how it reaches the others.
//!
//! **Conflict rules.** With `conflicts` updates are merged and not ordered (`parts::merge::cell`): a write
//! carries what its session has read of the key, replicas join what they are told, and read repair, hints and
//! anti-entropy carry states. Siblings are those of Dynamo and of Riak's `allow_mult`, counters and sets
//! Riak's data types, carts Dynamo's. Names are given by sessions, as Dynamo's and Riak's first vector clocks
//! were kept by clients: exact where a request is repeated at another coordinator, and longer than those by
//! node (Riak's are pruned). Then all levels promise eventual consistency, whatever R and W are; what that
//! includes is that no acknowledged update is lost. An update is answered with what its coordinator makes of it.
//!
//! Left out: deletions, membership changes.

mod client;
mod config;
mod coordinator;
mod entropy;
mod hints;
mod message;
mod places;
mod replica;
mod round;
mod serial;
mod store;
#[cfg(test)]
mod tests;
mod updates;

pub use client::Session;
pub use config::{Config, Coordinator, Flaw, ReadRepair, SendTo};
pub use message::{Ask, Copies, Image, Job, Msg, Record, Ticket, Timer};
pub use replica::Server;

use super::parts::merge::Rule;
use super::parts::quorum::majority;
use super::parts::token::Token;
use super::paxos::{Paxos, Scope};
use super::{Env, Geometry, Mend, Offer, PartialQuorum, Protocol, ReplicaCx};
use crate::guarantee::Guarantee;
use crate::op::{Acks, Leg, Level, NodeId, Object, OpKind};
use crate::time::Duration;

/// The protocol.
#[derive(Debug)]
pub enum Leaderless {}

type ServerCx<'a, 'b> = &'a mut ReplicaCx<'b, Leaderless>;

impl Protocol for Leaderless {
    const NAME: &'static str = "leaderless";
    const ABOUT: &'static str = "Reads and writes ask as many replicas as they want; the last write \
        wins, or updates are merged; hints, read repair, anti-entropy (Dynamo 2007, Cassandra, Riak; Attiya \
        et al. 1995)";
    const FURTHER: &'static [&'static str] = &["write_back = true"];
    const RULES: &'static [Rule] = &Rule::ALL;
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
        if let Some(scope) = serial::scope(level) {
            return serial::offer(config, scope);
        }
        let (read, write) = acks(level)?;
        let by_region =
            |acks| matches!(acks, Acks::LocalOne | Acks::LocalQuorum | Acks::EachQuorum);
        if read == Acks::Any || config.n.is_some() && (by_region(read) || by_region(write)) {
            return None;
        }
        let promise = match (level, config.intersect(read, write)) {
            // Where a majority gives the stamps, a session's own would not fit among them.
            _ if config.write_back && stamped_by_session(level) => return None,
            // They speak of one order of versions.
            _ if config.conflicts.merges() && stamped_by_session(level) => return None,
            _ if config.conflicts.merges() => Guarantee::Eventual,
            (Level::Session, _) => Guarantee::Session,
            (Level::ReadYourWrites, _) => Guarantee::ReadYourWrites,
            (Level::MonotonicReads, _) => Guarantee::MonotonicReads,
            (Level::MonotonicWrites, _) => Guarantee::MonotonicWrites,
            (Level::WritesFollowReads, _) => Guarantee::WritesFollowReads,
            (_, true) if config.write_back => Guarantee::Linearizable,
            (_, true) if config.flaw == Some(Flaw::SoldAsAtomic) => Guarantee::Linearizable,
            (_, true) if config.trusts_clocks => Guarantee::Regular,
            _ => Guarantee::Eventual,
        };
        let (read_path, write_path) = if config.write_back {
            (path(read)[1], path(write)[2])
        } else {
            let read = if Token::kept_at(level) { UP_TO_DATE } else { path(read)[0] };
            (read, if stamped_by_session(level) { STAMPED } else { path(write)[0] })
        };
        Some(Offer { read_path, write_path, promise })
    }

    fn fits(config: &Config, level: Level, replicas: u32) -> Result<(), String> {
        config.fits(level, replicas)
    }

    fn kept_beyond(config: &Config, level: Level, guarantee: Guarantee) -> Option<&'static str> {
        // A library stamps as its session would, unless a majority does.
        let library = config.coordinator == Coordinator::Client && !config.write_back;
        let by_session = library || stamped_by_session(level);
        let meets = acks(level).is_some_and(|(read, write)| config.intersect(read, write));
        match guarantee {
            Guarantee::ReadYourWrites if library && meets => Some(
                "a read meets the session's last write, and none that is older has a higher stamp",
            ),
            Guarantee::MonotonicWrites if by_session => Some("a session's stamps increase"),
            Guarantee::WritesFollowReads if by_session => Some(
                "sessions stamp by their own clocks, which agree here, and above what they wrote",
            ),
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
        if let Some(scope) = serial::scope(level) {
            return Paxos::theory(&serial::config(config, scope), level, op, geometry, client);
        }
        let (read, write) = acks(level)?;
        // Some keys, or some quorums, are near and others far.
        if config.n.is_some_and(|n| n < geometry.replicas) || config.send_to == SendTo::Random {
            return None;
        }
        let coordinator = match config.coordinator {
            Coordinator::Replica => *geometry.nearest(client).first()?,
            Coordinator::Client => client,
        };
        let c = geometry.rtt(client, coordinator);
        let r = wait(read, geometry, coordinator)?;
        let w = wait(write, geometry, coordinator)?;
        match op {
            OpKind::Read | OpKind::Scan if config.write_back => Some(c + r + w),
            OpKind::Read | OpKind::Scan => Some(c + r),
            // Now and then they must be preceded by a read.
            OpKind::Write if matches!(config.conflicts, Rule::AddWins | Rule::CartUnion) => None,
            OpKind::Write if config.write_back => Some(c * 2 + r + w + geometry.disk),
            OpKind::Write => Some(c + w + geometry.disk),
            OpKind::Rmw => None,
        }
    }

    fn wire_size(msg: &Msg) -> u32 {
        msg.wire_size()
    }

    fn partial_quorum(config: &Config, level: Level, replicas: u32) -> Option<PartialQuorum> {
        let Level::Replicas { read, write } = level else { return None };
        config.partial_quorum(read, write, replicas).filter(|_| !config.conflicts.merges())
    }

    fn objects(config: &Config) -> &'static [Object] {
        match serial::offer(config, Scope::All) {
            Some(_) => &[Object::Register, Object::CasRegister],
            None => config.conflicts.objects(),
        }
    }

    /// Regions that compare by themselves may both find what they compared with.
    fn serves(_: &Config, level: Level, object: Object) -> bool {
        object != Object::CasRegister || level == Level::Serial
    }

    fn merges(config: &Config) -> bool {
        config.conflicts.merges()
    }

    #[inline]
    fn mend(msg: &Msg) -> Option<Mend> {
        match msg {
            Msg::Store { ticket, .. } if ticket.slot == Ticket::HINT => Some(Mend::Hint),
            Msg::Store { ticket, .. } if *ticket == Ticket::NOBODY => Some(Mend::Repair),
            Msg::Root(_) | Msg::Ranges(_) | Msg::Cells { .. } | Msg::Items { .. } => {
                Some(Mend::Repair)
            }
            _ => None,
        }
    }

    #[inline]
    fn leg(msg: &Msg) -> Option<Leg> {
        match msg {
            Msg::Store { ticket, .. } if *ticket != Ticket::NOBODY => Some(Leg::Write),
            Msg::Stored(_) => Some(Leg::WriteAck),
            Msg::Fetch { .. } => Some(Leg::Read),
            Msg::Fetched { .. } => Some(Leg::ReadAck),
            _ => None,
        }
    }
}

/// How many replicas reads and writes wait for at a level that is offered.
fn acks(level: Level) -> Option<(Acks, Acks)> {
    match level {
        Level::Replicas { read, write } => Some((read, write)),
        _ => stamped_by_session(level).then_some((Acks::One, Acks::One)),
    }
}

/// Whether the session's own stamps keep the level's promise, however few replicas are asked.
fn stamped_by_session(level: Level) -> bool {
    Token::kept_at(level) || matches!(level, Level::MonotonicWrites | Level::WritesFollowReads)
}

/// The path of a read that its session's token goes with.
const UP_TO_DATE: &str = "one replica that has what the session knows";
/// The path of a write that its session has stamped.
const STAMPED: &str = "one replica, stamped by the session";

/// The path in words: plain, of a read that writes back, of a write that asks for a stamp first.
fn path(acks: Acks) -> [&'static str; 3] {
    match acks {
        Acks::Any => ["anybody, or a hint", "", "a stamp, then anybody, or a hint"],
        Acks::One => ["one replica", "one replica, written back", "a stamp, then one replica"],
        Acks::Two => ["two replicas", "two replicas, written back", "a stamp, then two replicas"],
        Acks::Three => {
            ["three replicas", "three replicas, written back", "a stamp, then three replicas"]
        }
        Acks::Count(_) => [
            "as many replicas as it says",
            "as many replicas as it says, written back",
            "a stamp, then as many replicas as it says",
        ],
        Acks::Quorum => ["a majority", "a majority, written back", "a stamp, then a majority"],
        Acks::All => ["all replicas", "all replicas, written back", "a stamp, then all replicas"],
        Acks::LocalOne => [
            "one replica of the region",
            "one replica of the region, written back",
            "a stamp, then one replica of the region",
        ],
        Acks::LocalQuorum => [
            "a majority of the region",
            "a majority of the region, written back",
            "a stamp, then a majority of the region",
        ],
        Acks::EachQuorum => [
            "a majority of each region",
            "a majority of each region, written back",
            "a stamp, then a majority of each region",
        ],
    }
}

/// The round trip from the coordinator to the last replica that is waited for.
fn wait(acks: Acks, geometry: &Geometry, coordinator: NodeId) -> Option<Duration> {
    let n = geometry.replicas;
    let all = || (0..n).map(NodeId);
    let nth = |rtts: &[Duration], k: usize| rtts.get(k.min(rtts.len()).checked_sub(1)?).copied();
    let count = |k| nth(&geometry.rtts(coordinator, all()), k);
    let within = |region: u16, most: fn(u32) -> usize| {
        let there = all().filter(|node| geometry.regions[node.index()] == region);
        let rtts = geometry.rtts(coordinator, there);
        nth(&rtts, most(rtts.len() as u32))
    };
    let home = geometry.regions[geometry.nearest(coordinator).first()?.index()];
    match acks {
        Acks::Any | Acks::One => count(1),
        Acks::Two => count(2),
        Acks::Three => count(3),
        Acks::Count(k) => count(usize::from(k)),
        Acks::Quorum => count(majority(n)),
        Acks::All => count(n as usize),
        Acks::LocalOne => within(home, |_| 1),
        Acks::LocalQuorum => within(home, majority),
        Acks::EachQuorum => {
            all().map(|node| within(geometry.regions[node.index()], majority)).max()?
        }
    }
}
