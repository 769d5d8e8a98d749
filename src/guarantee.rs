//! What can be promised of reads, and which promise contains which.
//!
//! The order is that of Viotti and Vukolić, "Consistency in Non-Transactional Distributed Storage
//! Systems" (2016). A level's *promise* is one of these; a checker's *verdict* says whether the
//! recorded history kept it. Only guarantees that a checker here can judge are listed.

use crate::time::Duration;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A guarantee about the values reads return.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Guarantee {
    /// One order of all operations on a key that agrees with real time (Herlihy and Wing 1990).
    Linearizable,
    /// A read misses no write that was acknowledged before the read began (Lamport 1986, for many
    /// writers: Shao et al. 2011). New reads may still turn back while a write is under way.
    Regular,
    /// A read misses no write that was acknowledged longer ago than this before the read began.
    BoundedStaleness(Duration),
    /// A read misses at most so many versions of its key that were acknowledged before it began.
    BoundedVersions(u32),
    /// One order of all writes that every session moves through, each at its own pace (Lamport 1979).
    Sequential,
    /// Reads return the newest version in their causal past (causal convergence, Bouajjani et al.
    /// 2017; the causal+ of Lloyd et al. 2011).
    Causal,
    /// All of the four below. What Bayou and Cosmos DB call a session is all four, and every protocol
    /// that offers the level keeps all four, so there is no name for the first two alone.
    Session,
    /// A session sees its own earlier writes (Terry et al. 1994).
    ReadYourWrites,
    /// A session never reads an older version after a newer one (Terry et al. 1994).
    MonotonicReads,
    /// A session's writes of a key are ordered as it made them (Terry et al. 1994).
    MonotonicWrites,
    /// A session's write of a key is newer than what it had read of it (Terry et al. 1994).
    WritesFollowReads,
    /// Of a stock no more is sold than there was, and reads are eventual (O'Neil 1986; the numeric invariant
    /// of Balegas et al. 2015).
    NeverOversold,
    /// Reads return values somebody wrote, and once writes stop all replicas become equal.
    Eventual,
}

impl Guarantee {
    /// Whether every history that keeps `self` also keeps `other`.
    #[must_use]
    pub fn implies(self, other: Self) -> bool {
        match (self, other) {
            (Self::BoundedStaleness(ours), Self::BoundedStaleness(theirs)) => ours <= theirs,
            (Self::BoundedVersions(ours), Self::BoundedVersions(theirs)) => ours <= theirs,
            (a, b) if a == b => true,
            (_, Self::Eventual) => true,
            (Self::Linearizable, _) => true,
            (Self::Regular, Self::BoundedStaleness(_) | Self::BoundedVersions(_)) => true,
            (Self::Sequential, Self::Causal) => true,
            (Self::Sequential | Self::Causal, Self::Session) => true,
            (Self::Sequential | Self::Causal | Self::Session, one) => one.is_of_sessions(),
            _ => false,
        }
    }

    /// Each kind, from the strongest to the weakest; bounds are examples.
    pub const KINDS: [Self; 13] = [
        Self::Linearizable,
        Self::Regular,
        Self::BoundedStaleness(Duration::millis(500)),
        Self::BoundedVersions(5),
        Self::Sequential,
        Self::Causal,
        Self::Session,
        Self::ReadYourWrites,
        Self::MonotonicReads,
        Self::MonotonicWrites,
        Self::WritesFollowReads,
        Self::NeverOversold,
        Self::Eventual,
    ];

    /// What it says, and where it was first said.
    #[must_use]
    pub fn about(self) -> &'static str {
        match self {
            Self::Linearizable => {
                "one order of all operations on a key that agrees with real time (Herlihy and Wing \
                 1990)"
            }
            Self::Regular => {
                "a read misses no write that was acknowledged before it began (Lamport 1986, Shao et \
                 al. 2011)"
            }
            Self::BoundedStaleness(_) => {
                "a read misses no write that was acknowledged longer ago than the bound (Golab et al. \
                 2011)"
            }
            Self::BoundedVersions(_) => {
                "a read misses at most so many acknowledged versions of its key (Golab et al. 2011)"
            }
            Self::Sequential => {
                "one order of all writes, through which each session moves at its own pace (Lamport \
                 1979)"
            }
            Self::Causal => {
                "a read returns the newest version in its causal past (Lloyd et al. 2011, Bouajjani et \
                 al. 2017)"
            }
            Self::Session => "the four that follow (Terry et al. 1994)",
            Self::ReadYourWrites => "a session sees its own earlier writes (Terry et al. 1994)",
            Self::MonotonicReads => {
                "a session never reads an older version after a newer one (Terry et al. 1994)"
            }
            Self::MonotonicWrites => {
                "a session's writes of a key are ordered as it made them (Terry et al. 1994)"
            }
            Self::WritesFollowReads => {
                "a session's write of a key is newer than what it had read of it (Terry et al. 1994)"
            }
            Self::NeverOversold => {
                "of a stock no more is sold than there was, and reads are eventual (O'Neil 1986, Balegas et \
                 al. 2015)"
            }
            Self::Eventual => {
                "reads return what somebody wrote, and once writes stop all replicas become equal \
                 (Vogels 2009)"
            }
        }
    }

    /// Whether this is one of the four session guarantees.
    fn is_of_sessions(self) -> bool {
        use Guarantee::{MonotonicReads, MonotonicWrites, ReadYourWrites, WritesFollowReads};
        matches!(self, ReadYourWrites | MonotonicReads | MonotonicWrites | WritesFollowReads)
    }
}

impl fmt::Display for Guarantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Linearizable => f.write_str("linearizable"),
            Self::Regular => f.write_str("regular"),
            Self::BoundedStaleness(age) => write!(f, "bounded({age})"),
            Self::BoundedVersions(1) => f.write_str("bounded(1 version)"),
            Self::BoundedVersions(k) => write!(f, "bounded({k} versions)"),
            Self::Sequential => f.write_str("sequential"),
            Self::Causal => f.write_str("causal"),
            Self::Session => f.write_str("session"),
            Self::ReadYourWrites => f.write_str("read-your-writes"),
            Self::MonotonicReads => f.write_str("monotonic-reads"),
            Self::MonotonicWrites => f.write_str("monotonic-writes"),
            Self::WritesFollowReads => f.write_str("writes-follow-reads"),
            Self::NeverOversold => f.write_str("never-oversold"),
            Self::Eventual => f.write_str("eventual"),
        }
    }
}

/// Every guarantee, two of them under two bounds.
#[cfg(test)]
pub(crate) const EVERY: [Guarantee; 15] = [
    Guarantee::Linearizable,
    Guarantee::Regular,
    Guarantee::BoundedStaleness(Duration(3)),
    Guarantee::BoundedStaleness(Duration(9)),
    Guarantee::BoundedVersions(1),
    Guarantee::BoundedVersions(2),
    Guarantee::Sequential,
    Guarantee::Causal,
    Guarantee::Session,
    Guarantee::ReadYourWrites,
    Guarantee::MonotonicReads,
    Guarantee::MonotonicWrites,
    Guarantee::WritesFollowReads,
    Guarantee::NeverOversold,
    Guarantee::Eventual,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_all_there_from_the_strongest_on() {
        use std::mem::discriminant;
        for one in EVERY {
            let same = |kind: &&Guarantee| discriminant(*kind) == discriminant(&one);
            assert_eq!(Guarantee::KINDS.iter().filter(same).count(), 1, "{one}");
        }
        for (i, weaker) in Guarantee::KINDS.into_iter().enumerate() {
            assert!(!Guarantee::KINDS[..i].iter().any(|kind| weaker.implies(*kind)), "{weaker}");
        }
    }

    #[test]
    fn implication_is_a_partial_order() {
        let all = EVERY;
        for a in all {
            assert!(a.implies(a) && Guarantee::Linearizable.implies(a));
            for b in all {
                assert!(a == b || !(a.implies(b) && b.implies(a)), "{a} and {b}");
                for c in all {
                    assert!(!(a.implies(b) && b.implies(c)) || a.implies(c), "{a} {b} {c}");
                }
            }
        }
    }
}
