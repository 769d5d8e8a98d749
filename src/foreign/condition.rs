//! The consistency conditions a history may be compared with, and which implies which.

use super::atomicity;
use super::causal::{self, Strength};
use super::history::History;
use super::session::{self, Session};
use super::staleness::Bound;
use super::verdict::{Limits, Verdict};
use super::versions::Versions;
use super::words::short;
use super::{linearizable, sequential, staleness};
use std::fmt;
use std::str::FromStr;

/// A condition on histories.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Condition {
    /// One order per key that agrees with real time.
    Linearizable,
    /// One order of everything that agrees with each process.
    Sequential,
    /// Each process has an order of all writes that agrees with causality.
    CausalMemory,
    /// All processes share one order of writes that agrees with causality.
    CausalConvergence,
    /// Every read has some order of what causally precedes it (weak causal consistency).
    Causal,
    /// Each process reads growing beginnings of one order of all updates.
    Prefix,
    /// The four session guarantees together, under some order of versions.
    Session,
    /// One session guarantee by itself, under some order of versions.
    One(Session),
    /// Reads return one of the last so many writes.
    KAtomic(u32),
    /// Linearizable once every read is taken to have begun so many ticks earlier.
    DeltaAtomic(u64),
    /// No read misses a write that completed more than so many ticks before it.
    BoundedStaleness(u64),
    /// No read misses more than so many writes that had completed before it.
    BoundedVersions(u32),
}

impl Condition {
    /// Those without a number, strongest first.
    pub const PLAIN: [(&'static str, Self); 13] = [
        ("linearizable", Self::Linearizable),
        ("sequential", Self::Sequential),
        ("causal-memory", Self::CausalMemory),
        ("causal-convergence", Self::CausalConvergence),
        ("causal", Self::Causal),
        ("consistent-prefix", Self::Prefix),
        ("session", Self::Session),
        ("read-your-writes", Self::One(Session::ReadYourWrites)),
        ("monotonic-reads", Self::One(Session::MonotonicReads)),
        ("monotonic-writes", Self::One(Session::MonotonicWrites)),
        ("writes-follow-reads", Self::One(Session::WritesFollowReads)),
        ("monotonic-writes-across-keys", Self::One(Session::MonotonicWritesAcrossKeys)),
        ("writes-follow-reads-across-keys", Self::One(Session::WritesFollowReadsAcrossKeys)),
    ];

    /// Whether every history that meets `self` meets `other`, where both are defined. Conditions of real
    /// time say nothing of two operations of one process of which the second begins in the tick in which
    /// the first ends; of histories with such the answer holds only among these conditions.
    #[must_use]
    pub fn implies(self, other: Self) -> bool {
        use Condition::{
            BoundedStaleness, BoundedVersions, Causal, CausalConvergence, CausalMemory,
            DeltaAtomic, KAtomic, Linearizable, One, Prefix, Sequential, Session,
        };
        match (self, other) {
            (a, b) if a == b => true,
            (Linearizable | KAtomic(1) | DeltaAtomic(0), Linearizable) => true,
            (KAtomic(1) | DeltaAtomic(0), _) => Linearizable.implies(other),
            (Linearizable, _) => true,
            (KAtomic(a), KAtomic(b)) => a <= b,
            (DeltaAtomic(a) | BoundedStaleness(a), BoundedStaleness(b)) => a <= b,
            (DeltaAtomic(a), DeltaAtomic(b)) => a <= b,
            (BoundedVersions(a), BoundedVersions(b)) => a <= b,
            // One of the last k values is missed by at most k - 1 writes.
            (KAtomic(k), BoundedVersions(b)) => k.saturating_sub(1) <= b,
            // Without slack both say that no read is stale.
            (BoundedStaleness(0), BoundedVersions(_)) => true,
            (BoundedVersions(0), BoundedStaleness(_)) => true,
            (Sequential, CausalMemory | CausalConvergence | Causal | Prefix | Session | One(_)) => {
                true
            }
            (Prefix, One(one)) => matches!(
                one,
                super::session::Session::MonotonicReads
                    | super::session::Session::MonotonicWrites
                    | super::session::Session::MonotonicWritesAcrossKeys
            ),
            (CausalConvergence, Causal | Session | One(_)) => true,
            (CausalMemory, Causal) => true,
            // What they ask of one key's versions is part of the causal order, which has no cycle.
            (CausalMemory | Causal, One(one)) => matches!(
                one,
                super::session::Session::MonotonicWrites
                    | super::session::Session::WritesFollowReads
            ),
            (Session, One(one)) => one <= super::session::Session::WritesFollowReads,
            _ => false,
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KAtomic(k) => write!(f, "k-atomic={k}"),
            Self::DeltaAtomic(delta) => write!(f, "delta-atomic={delta}"),
            Self::BoundedStaleness(bound) => write!(f, "bounded-staleness={bound}"),
            Self::BoundedVersions(k) => write!(f, "bounded-versions={k}"),
            plain => {
                let name = Self::PLAIN.iter().find(|(_, condition)| condition == plain);
                f.write_str(name.map_or("", |(name, _)| name))
            }
        }
    }
}

impl Condition {
    /// A condition that takes a number.
    fn numbered(name: &str, number: &str) -> Result<Self, String> {
        let what = match name {
            "k-atomic" => "values, from 1",
            "bounded-versions" => "versions a read may miss, from 0",
            _ => "ticks, from 0",
        };
        let wrong = || {
            let said = match number {
                "" => String::new(),
                other => format!(", not `{}`", short(other)),
            };
            format!("`{name}` takes a whole number of {what}, as in `{name}=2`{said}")
        };
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let versions = || u32::try_from(number).map_err(|_| wrong());
        match name {
            "delta-atomic" => Ok(Self::DeltaAtomic(number)),
            "bounded-staleness" => Ok(Self::BoundedStaleness(number)),
            "bounded-versions" => Ok(Self::BoundedVersions(versions()?)),
            _ => match versions()? {
                0 => Err("the k of `k-atomic` is at least 1".to_owned()),
                k => Ok(Self::KAtomic(k)),
            },
        }
    }
}

impl FromStr for Condition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some((_, condition)) = Self::PLAIN.iter().find(|(name, _)| *name == text) {
            return Ok(*condition);
        }
        let numbered = ["k-atomic", "delta-atomic", "bounded-staleness", "bounded-versions"];
        let (name, number) = text.split_once('=').unwrap_or((text, ""));
        if numbered.contains(&name) {
            return Self::numbered(name, number);
        }
        let names = Self::PLAIN.iter().map(|(name, _)| *name).chain(numbered);
        let near = names.clone().map(|name| (strsim::jaro(text, name), name));
        let near = near.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|(score, _)| *score > 0.75);
        Err(match near {
            Some((_, name)) => format!("unknown guarantee `{text}`; did you mean `{name}`?"),
            None => {
                let names: Vec<&str> = names.collect();
                format!("unknown guarantee `{text}`; there are {}", names.join(", "))
            }
        })
    }
}

/// Compares a history with a condition.
#[must_use]
pub fn judge(history: &History, condition: Condition, limits: &Limits<'_>) -> Verdict {
    match condition {
        Condition::Linearizable => linearizable::check(history, limits),
        Condition::Sequential => sequential::check(history, limits),
        Condition::CausalMemory => causal::check(history, Strength::Memory, limits),
        Condition::CausalConvergence => causal::check(history, Strength::Convergence, limits),
        Condition::Causal => causal::check(history, Strength::Weak, limits),
        Condition::Prefix => sequential::prefix(history, limits),
        Condition::Session => session::all_in_some_order(history, limits),
        Condition::One(guarantee) => session::in_some_order(history, guarantee, limits),
        Condition::KAtomic(k) => atomicity::k_atomic(history, k, limits),
        Condition::DeltaAtomic(delta) => atomicity::delta_atomic(history, delta, limits),
        Condition::BoundedStaleness(ticks) => {
            staleness::bounded(history, Bound::Ticks(ticks), None)
        }
        Condition::BoundedVersions(most) => {
            staleness::bounded(history, Bound::Versions(most.into()), None)
        }
    }
}

/// Compares a history with a condition where the order of each key's versions is known. Session
/// guarantees and bounds of staleness are judged by it; the other conditions are defined without one.
#[must_use]
pub fn judge_in_order(
    history: &History,
    condition: Condition,
    versions: &Versions,
    limits: &Limits<'_>,
) -> Verdict {
    match condition {
        Condition::One(guarantee) => session::in_order(history, guarantee, versions, limits),
        Condition::Session => session::all_in_order(history, versions, limits),
        Condition::BoundedStaleness(ticks) => {
            staleness::bounded(history, Bound::Ticks(ticks), Some(versions))
        }
        Condition::BoundedVersions(most) => {
            staleness::bounded(history, Bound::Versions(most.into()), Some(versions))
        }
        _ => judge(history, condition, limits),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_near_misses_are_named() {
        for (name, condition) in Condition::PLAIN {
            assert_eq!((name.parse(), condition.to_string()), (Ok(condition), name.to_owned()));
        }
        assert_eq!("k-atomic=2".parse(), Ok(Condition::KAtomic(2)));
        assert!("k-atomic=0".parse::<Condition>().is_err_and(|e| e.contains("at least 1")));
        assert_eq!("bounded-versions=0".parse(), Ok(Condition::BoundedVersions(0)));
        for bad in ["", "=", "=-1", "=1.5", "=two", "=4294967296", "=99999999999999999999"] {
            let error = format!("bounded-versions{bad}").parse::<Condition>().expect_err(bad);
            let said = bad.trim_start_matches('=');
            assert!(
                error.contains("a whole number of versions a read may miss, from 0"),
                "{error}"
            );
            assert!(said.is_empty() || error.ends_with(&format!("not `{said}`")), "{error}");
        }
        let near = "linearisable".parse::<Condition>().expect_err("misspelt");
        assert_eq!(near, "unknown guarantee `linearisable`; did you mean `linearizable`?");
    }

    #[test]
    fn implication_is_a_preorder() {
        let numbered = ["k-atomic=1", "k-atomic=3", "delta-atomic=0", "delta-atomic=5"];
        let bounds = ["bounded-staleness=0", "bounded-staleness=9"];
        let versions = ["bounded-versions=0", "bounded-versions=2", "bounded-versions=3"];
        let more = numbered.iter().chain(&bounds).chain(&versions);
        let more = more.map(|name| name.parse().expect("a condition"));
        let all: Vec<Condition> =
            Condition::PLAIN.map(|(_, c)| c).into_iter().chain(more).collect();
        for &a in &all {
            assert!(a.implies(a) && Condition::Linearizable.implies(a), "{a}");
            for &b in &all {
                for &c in &all {
                    assert!(!(a.implies(b) && b.implies(c)) || a.implies(c), "{a} {b} {c}");
                }
            }
        }
    }
}
