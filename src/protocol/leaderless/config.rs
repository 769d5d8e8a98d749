//! The settings: who coordinates, whom it asks, and which of the repairs run.

use super::super::PartialQuorum;
use super::super::parts::limits;
use super::super::parts::merge::Rule;
use super::super::parts::quorum::majority;
use crate::op::{Acks, Level};
use crate::time::Duration;
use serde::Deserialize;

/// The longest time between two rounds of anti-entropy: replicas are compared ten seconds after
/// everything has come to rest, and a promise that takes longer to come true would be judged too early.
const ENTROPY_MAX: Duration = Duration::secs(5);
/// Sets of replicas are the bits of a word.
const REPLICAS_MAX: u32 = 64;

/// Its settings.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Who coordinates an operation.
    pub coordinator: Coordinator,
    /// How many replicas keep a key. Unset: all of them. Set: the key's first `n` on a ring of all
    /// nodes (Dynamo's preference list), and no levels by region.
    pub n: Option<u32>,
    /// Which replicas a read asks at once. Writes go to all of the key's, except under `random`.
    pub send_to: SendTo,
    /// How long a coordinator waits before it asks more replicas than at first, or stand-ins. Unset:
    /// a quarter of the clients' attempt timeout.
    pub patience: Option<Duration>,
    /// What a read does about replicas whose answer was old.
    pub read_repair: ReadRepair,
    /// Whether a coordinating replica keeps what it could not deliver and hands it over later.
    pub hinted_handoff: bool,
    /// How many hints a node keeps at most; what comes then is not kept, and not acknowledged.
    pub hints: u32,
    /// Whether nodes outside the key's replicas may answer and keep hints for those that are silent. Where
    /// every node has every key the coordinator does, as a node of Riak that holds fallback vnodes.
    pub sloppy: bool,
    /// How often each pair of replicas compares digests of what they have; `"0ms"` for never.
    pub anti_entropy: Duration,
    /// The atomic register of Attiya, Bar-Noy and Dolev: reads write back what they return before
    /// they return it, and writes ask for the newest stamp first and trust no clock.
    pub write_back: bool,
    /// Whether node clocks can be relied on to order writes. If not, and without `write_back`, no
    /// level promises more than eventual consistency.
    pub trusts_clocks: bool,
    /// Whether the network loses nothing and no node crashes. Only then does a store without
    /// anti-entropy promise that its replicas become equal.
    pub trusts_network: bool,
    /// What becomes of updates of a key that did not know of each other. Where they are merged, replicas
    /// join what they have and sessions send what they have read along with what they write.
    pub conflicts: Rule,
    /// A snapshot is taken, and the log before it dropped, after this many records.
    pub snapshot_every: u64,
    /// A mistake to make on purpose, to see what becomes of the promises; none in earnest.
    pub flaw: Option<Flaw>,
}

/// Mistakes to make on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flaw {
    /// What intersects is sold as linearizable, without writing back.
    SoldAsAtomic,
    /// Half of the writes at the serial levels are plain writes to a majority.
    PlainBesideSerial,
}

/// Who coordinates an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Coordinator {
    /// The replica nearest to the client, as in Cassandra; the next one if it is silent.
    Replica,
    /// The client's own library, as in Voldemort and in Dynamo's client-driven mode.
    Client,
}

/// Which replicas a read asks at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SendTo {
    /// All of the key's, as Dynamo and Riak do.
    All,
    /// The nearest, and only as many as the level needs, as Cassandra does; more after a while.
    Needed,
    /// As many as the level needs, drawn anew for each operation, and writes too: quorums that do not
    /// expand (Malkhi, Reiter and Wright, "Probabilistic Quorum Systems", PODC 1997).
    Random,
}

/// What a read does about replicas whose answer was old.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReadRepair {
    /// Those it waited for are brought up to date before it answers (Cassandra's default).
    Blocking,
    /// They are brought up to date when all who were asked have answered.
    Background,
    /// Nothing.
    Off,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            coordinator: Coordinator::Replica,
            n: None,
            send_to: SendTo::All,
            patience: None,
            read_repair: ReadRepair::Blocking,
            hinted_handoff: true,
            hints: 1_000,
            sloppy: false,
            anti_entropy: Duration::secs(5),
            write_back: false,
            trusts_clocks: true,
            trusts_network: false,
            conflicts: Rule::LastWriteWins,
            snapshot_every: 10_000,
            flaw: None,
        }
    }
}

impl Config {
    /// Refuses what makes no sense for this many replicas.
    pub(super) fn validate(&self, replicas: u32) -> Result<(), String> {
        if !(1..=REPLICAS_MAX).contains(&replicas) {
            return Err(format!("leaderless stores have 1 to {REPLICAS_MAX} replicas"));
        }
        if let Some(n) = self.n.filter(|n| !(1..=replicas).contains(n)) {
            return Err(format!(
                "`n = {n}` replicas per key; there are {replicas}, so write a number from 1 to {replicas}"
            ));
        }
        if self.conflicts.merges() && self.write_back {
            return Err(format!(
                "`write_back` makes one atomic register of a key; `conflicts = \"{}\"` keeps several \
                 versions of it; write one of the two",
                self.conflicts.name()
            ));
        }
        if self.conflicts.merges() && self.coordinator == Coordinator::Client {
            return Err(format!(
                "`conflicts = \"{}\"` needs `coordinator = \"replica\"`: a client's library has no copy \
                 to answer updates from",
                self.conflicts.name()
            ));
        }
        let everywhere = self.n.is_none_or(|n| n == replicas);
        if self.sloppy && everywhere && self.coordinator == Coordinator::Client {
            return Err(
                "`sloppy` needs nodes that can stand in, and a client's library cannot; write \
                        an `n` below the number of replicas, or `coordinator = \"replica\"`"
                    .into(),
            );
        }
        if self.sloppy && !self.hinted_handoff {
            return Err("`sloppy` needs `hinted_handoff`: stand-ins hand over by hints".into());
        }
        if self.anti_entropy == Duration::ZERO && !self.trusts_network {
            return Err(
                "without `anti_entropy` replicas that missed a write stay apart; write an \
                        interval, or `trusts_network = true` where nothing is ever lost"
                    .into(),
            );
        }
        if self.anti_entropy == Duration::ZERO && self.send_to == SendTo::Random {
            return Err(
                "`send_to = \"random\"` leaves replicas out; it needs `anti_entropy`".into()
            );
        }
        if self.anti_entropy > ENTROPY_MAX {
            return Err(format!(
                "`anti_entropy` is {}; write at most {ENTROPY_MAX}: replicas are compared soon \
                 after everything has come to rest",
                self.anti_entropy
            ));
        }
        if self.anti_entropy > Duration::ZERO && self.anti_entropy < Duration::millis(1) {
            return Err(format!("`anti_entropy` is {}; write at least 1ms", self.anti_entropy));
        }
        if self.patience == Some(Duration::ZERO) {
            return Err("`patience` is 0; write how long to wait".into());
        }
        if self.hints == 0 {
            return Err("`hints` is 0; write how many a replica keeps".into());
        }
        limits::snapshot_every(self.snapshot_every)
    }

    /// Refuses a level that counts more replicas than a key has; a store answers that it is unavailable.
    pub(super) fn fits(&self, level: Level, replicas: u32) -> Result<(), String> {
        let Level::Replicas { read, write } = level else { return Ok(()) };
        let least = |acks| match acks {
            Acks::Two => 2,
            Acks::Three => 3,
            Acks::Count(k) => u32::from(k),
            _ => 1,
        };
        let (asked, kept) = (least(read).max(least(write)), self.n.unwrap_or(replicas));
        if asked <= kept {
            return Ok(());
        }
        let there = match (self.n, kept) {
            (Some(n), _) => format!("a key has `n = {n}`"),
            (None, 1) => "there is 1".to_owned(),
            (None, _) => format!("there are {kept}"),
        };
        Err(format!("`{level}` asks for {asked} replicas; {there}, and `all` waits for every one"))
    }

    /// What the model of probabilistically bounded staleness needs to know, where it applies: whoever
    /// asks, asks all, and nothing repairs.
    pub(super) fn partial_quorum(
        &self,
        read: Acks,
        write: Acks,
        replicas: u32,
    ) -> Option<PartialQuorum> {
        let plain = self.coordinator == Coordinator::Client
            && self.send_to == SendTo::All
            && self.n.is_none_or(|n| n == replicas)
            && self.read_repair == ReadRepair::Off
            && self.anti_entropy == Duration::ZERO
            && !self.hinted_handoff
            && !self.write_back;
        let [read, write] = [counted(read, replicas)?, counted(write, replicas)?];
        plain.then_some(PartialQuorum { read: read as usize, write: write as usize })
    }

    /// Whether every set of replicas a read waits for has a member in common with every set a write
    /// waited for. Where that depends on the number of replicas and `n` is not set, it does not hold.
    pub(super) fn intersect(&self, read: Acks, write: Acks) -> bool {
        use Acks::{All, Any, EachQuorum, LocalOne, LocalQuorum, Quorum};
        // Stand-ins count for replicas, and a hint is on no replica yet.
        if self.sloppy || read == Any || write == Any {
            return false;
        }
        let counted = |acks, n| if acks == LocalOne { 1 } else { counted(acks, n).unwrap_or(0) };
        match (read, write) {
            (All, _) | (_, All) => true,
            // Majorities of all regions are together a majority of all.
            (Quorum | EachQuorum, Quorum | EachQuorum) => true,
            (LocalQuorum, EachQuorum) | (EachQuorum, LocalQuorum) => true,
            _ => self.n.is_some_and(|n| counted(read, n) + counted(write, n) > n),
        }
    }
}

/// How many of a key's `n` replicas are waited for, wherever they are; at least one exists, and levels that
/// count more than there are have been refused.
fn counted(acks: Acks, n: u32) -> Option<u32> {
    match acks {
        Acks::One => Some(1),
        Acks::Two => Some(n.min(2)),
        Acks::Three => Some(n.min(3)),
        Acks::Count(k) => Some(n.min(u32::from(k))),
        Acks::Quorum => Some(majority(n) as u32),
        Acks::All => Some(n),
        Acks::Any | Acks::LocalOne | Acks::LocalQuorum | Acks::EachQuorum => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        toml::from_str(text).expect("settings parse")
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (text, says) in [
            ("n = 4", "there are 3"),
            ("n = 0", "there are 3"),
            ("sloppy = true\ncoordinator = 'client'", "stand in"),
            ("n = 3\nsloppy = true\ncoordinator = 'client'", "stand in"),
            ("n = 2\nsloppy = true\nhinted_handoff = false", "hand over"),
            ("anti_entropy = '0ms'", "trusts_network"),
            ("anti_entropy = '0ms'\ntrusts_network = true\nsend_to = 'random'", "leaves"),
            ("anti_entropy = '1min'", "at most 5s"),
            ("anti_entropy = '1ns'", "at least 1ms"),
            ("patience = '0ms'", "how long to wait"),
            ("hints = 0", "write how many"),
            ("conflicts = 'siblings'\nwrite_back = true", "one atomic register"),
            ("conflicts = 'pn-counter'\ncoordinator = 'client'", "coordinator = \"replica\""),
        ] {
            let refused = config(text).validate(3);
            assert!(refused.clone().is_err_and(|e| e.contains(says)), "{text}: {refused:?}");
        }
        for text in [
            "",
            "sloppy = true",
            "n = 2\nsloppy = true",
            "anti_entropy = '0ms'\ntrusts_network = true",
        ] {
            assert_eq!(config(text).validate(3), Ok(()), "{text}");
        }
        assert!(toml::from_str::<Config>("quorum = 2").is_err());
        assert!(config("").validate(65).is_err());
    }

    #[test]
    fn a_level_counts_no_more_replicas_than_a_key_has() {
        for (text, level, replicas, says) in [
            ("", "three", 1, "`three` asks for 3 replicas; there is 1,"),
            ("", "R=9,W=1", 3, "`R=9,W=one` asks for 9 replicas; there are 3,"),
            ("", "R=one,W=4", 3, "asks for 4 replicas"),
            ("n = 2", "three", 5, "`three` asks for 3 replicas; a key has `n = 2`,"),
        ] {
            let refused = config(text).fits(level.parse().expect("a level"), replicas);
            assert!(refused.clone().is_err_and(|e| e.contains(says)), "{level}: {refused:?}");
        }
        for (level, replicas) in [("three", 3), ("R=two,W=two", 2), ("all", 1), ("each-quorum", 1)]
        {
            assert_eq!(
                config("").fits(level.parse().expect("a level"), replicas),
                Ok(()),
                "{level}"
            );
        }
    }

    #[test]
    fn sets_intersect_when_they_must() {
        use Acks::{All, Any, EachQuorum, LocalOne, LocalQuorum, One, Quorum, Two};
        let all = config("");
        for (read, write) in [
            (Quorum, Quorum),
            (All, One),
            (LocalOne, All),
            (LocalQuorum, EachQuorum),
            (EachQuorum, LocalQuorum),
            (EachQuorum, Quorum),
        ] {
            assert!(all.intersect(read, write), "{read:?} {write:?}");
        }
        for (read, write) in
            [(One, One), (LocalQuorum, LocalQuorum), (All, Any), (Two, Two), (Quorum, One)]
        {
            assert!(!all.intersect(read, write), "{read:?} {write:?}");
        }
        assert!(config("n = 3").intersect(Two, Two) && !config("n = 5").intersect(Two, Two));
        assert!(config("n = 3").intersect(Quorum, Two));
        assert!(!config("n = 2\nsloppy = true").intersect(Quorum, Quorum));
    }
}
