//! Consistency levels: what a client asks of one operation.
//!
//! A new one is a variant of [`Level`], with its name; which protocols offer it, each says in its `offer`.

use super::unknown;
use crate::time::Duration;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The consistency level a client asks of one operation. Whether a protocol offers it, how it serves
/// it (the *path*) and what it then claims (the *promise*) is the protocol's to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// The latest write, whatever it costs.
    Linearizable,
    /// The latest write, from a leader that trusts its lease and its clock.
    Lease,
    /// The latest write among those that ask the same, in stores whose other writes ask for less and have no
    /// place in that order (Cassandra's SERIAL).
    Serial,
    /// The latest write of this region's replicas, in whose eyes those of other regions arrive some time
    /// (Cassandra's LOCAL_SERIAL).
    LocalSerial,
    /// No older than this.
    Bounded(Duration),
    /// At most this many acknowledged versions of its key are missed; at least 1.
    BoundedVersions(u32),
    /// One order for all, at each replica's own pace.
    Sequential,
    /// What the session's past is made of.
    Causal,
    /// At least what this session has written and read.
    Session,
    /// At least what this session has written.
    ReadYourWrites,
    /// At least what this session has read.
    MonotonicReads,
    /// Whatever the nearest replica has; writes are newer than what this session has written.
    MonotonicWrites,
    /// Whatever the nearest replica has; writes are newer than what this session has read.
    WritesFollowReads,
    /// Whatever the nearest replica has.
    EventualNearest,
    /// Whatever some replica, drawn anew for each read, has.
    EventualAny,
    /// Whatever the instance of a service has to which the nearest machine routes the request.
    Routed,
    /// Whatever the name of a service was last resolved to; a resolver may remember that for a time.
    Resolved,
    /// As many replicas as the operation asks for, in stores without a leader (Cassandra's terms).
    Replicas {
        /// How many must answer a read.
        read: Acks,
        /// How many must have a write.
        write: Acks,
    },
}

/// How many replicas must answer, in Cassandra's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Acks {
    /// Any replica, or anybody who will hand the write on (a hint); writes only.
    Any,
    /// One replica.
    One,
    /// Two.
    Two,
    /// Three.
    Three,
    /// So many, from four on.
    Count(u8),
    /// A majority of all.
    Quorum,
    /// Every replica.
    All,
    /// One replica of the coordinator's region.
    LocalOne,
    /// A majority of the replicas of the coordinator's region.
    LocalQuorum,
    /// A majority of the replicas of every region.
    EachQuorum,
}

impl Acks {
    /// More than this cannot be asked for by number.
    pub const COUNT_MAX: u8 = 64;

    /// Every word, as a user writes it; beside them there are numbers, of which 1 to 3 are words too.
    pub const NAMES: [(&'static str, Self); 9] = [
        ("any", Self::Any),
        ("one", Self::One),
        ("two", Self::Two),
        ("three", Self::Three),
        ("quorum", Self::Quorum),
        ("all", Self::All),
        ("local-one", Self::LocalOne),
        ("local-quorum", Self::LocalQuorum),
        ("each-quorum", Self::EachQuorum),
    ];

    fn parse(text: &str) -> Option<Self> {
        let named = Self::NAMES.iter().find(|(name, _)| *name == text).map(|(_, acks)| *acks);
        named.or_else(|| match text.parse::<u8>().ok()? {
            1 => Some(Self::One),
            2 => Some(Self::Two),
            3 => Some(Self::Three),
            n @ 4..=Self::COUNT_MAX => Some(Self::Count(n)),
            _ => None,
        })
    }
}

impl fmt::Display for Acks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(n) => write!(f, "{n}"),
            _ => {
                let name = Self::NAMES.iter().find(|(_, acks)| acks == self);
                f.write_str(name.map_or("", |(name, _)| name))
            }
        }
    }
}

impl Level {
    /// Every level as a user writes it, strongest first; `bounded` takes a duration or a number of
    /// versions. Reads and writes may differ in how many replicas they ask for, in words or numbers:
    /// `one` is short for `R=one,W=one`, and `R=4,W=2` is possible too.
    pub const NAMES: [&'static str; 27] = [
        "linearizable",
        "lease",
        "serial",
        "local-serial",
        "bounded(500ms)",
        "bounded(5 versions)",
        "sequential",
        "causal",
        "session",
        "read-your-writes",
        "monotonic-reads",
        "monotonic-writes",
        "writes-follow-reads",
        "eventual-nearest",
        "eventual-any",
        "routed",
        "resolved",
        "all",
        "R=one,W=all",
        "each-quorum",
        "quorum",
        "local-quorum",
        "three",
        "two",
        "one",
        "local-one",
        "R=one,W=any",
    ];
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Linearizable => f.write_str("linearizable"),
            Self::Lease => f.write_str("lease"),
            Self::Serial => f.write_str("serial"),
            Self::LocalSerial => f.write_str("local-serial"),
            Self::Bounded(age) => write!(f, "bounded({age})"),
            Self::BoundedVersions(1) => f.write_str("bounded(1 version)"),
            Self::BoundedVersions(k) => write!(f, "bounded({k} versions)"),
            Self::Sequential => f.write_str("sequential"),
            Self::Causal => f.write_str("causal"),
            Self::Session => f.write_str("session"),
            Self::ReadYourWrites => f.write_str("read-your-writes"),
            Self::MonotonicReads => f.write_str("monotonic-reads"),
            Self::MonotonicWrites => f.write_str("monotonic-writes"),
            Self::WritesFollowReads => f.write_str("writes-follow-reads"),
            Self::EventualNearest => f.write_str("eventual-nearest"),
            Self::EventualAny => f.write_str("eventual-any"),
            Self::Routed => f.write_str("routed"),
            Self::Resolved => f.write_str("resolved"),
            Self::Replicas { read, write } => match (read, write) {
                (Acks::Count(_), _) | (_, Acks::Count(_)) => write!(f, "R={read},W={write}"),
                _ if read == write => write!(f, "{read}"),
                _ => write!(f, "R={read},W={write}"),
            },
        }
    }
}

impl FromStr for Level {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(bound) = text.strip_prefix("bounded(").and_then(|t| t.strip_suffix(')')) {
            return bounded(bound);
        }
        let pair = text.strip_prefix("R=").and_then(|rest| rest.split_once(",W="));
        let (read, write) = pair.unwrap_or((text, text));
        let is_number = pair.is_none() && text.parse::<f64>().is_ok();
        if let (Some(read), Some(write), false) = (Acks::parse(read), Acks::parse(write), is_number)
        {
            return Ok(Self::Replicas { read, write });
        }
        Ok(match text {
            "linearizable" => Self::Linearizable,
            "lease" => Self::Lease,
            "serial" => Self::Serial,
            "local-serial" => Self::LocalSerial,
            "sequential" => Self::Sequential,
            "causal" => Self::Causal,
            "session" => Self::Session,
            "read-your-writes" => Self::ReadYourWrites,
            "monotonic-reads" => Self::MonotonicReads,
            "monotonic-writes" => Self::MonotonicWrites,
            "writes-follow-reads" => Self::WritesFollowReads,
            "eventual-nearest" => Self::EventualNearest,
            "eventual-any" => Self::EventualAny,
            "routed" => Self::Routed,
            "resolved" => Self::Resolved,
            _ => return Err(unknown("level", text, Self::NAMES)),
        })
    }
}

/// The level of a bound: a duration, or a number of versions.
fn bounded(bound: &str) -> Result<Level, String> {
    let Some(k) = bound.strip_suffix('s').unwrap_or(bound).strip_suffix(" version") else {
        let or = "a bound on versions is written `bounded(5 versions)`";
        return bound.parse().map(Level::Bounded).map_err(|e: String| format!("{e}; {or}"));
    };
    match k.parse() {
        Ok(0) => Err(format!(
            "`bounded({bound})` misses nothing; write `linearizable`, or at least 1 version"
        )),
        Ok(k) => Ok(Level::BoundedVersions(k)),
        Err(_) => Err(format!(
            "`bounded({bound})` needs a whole number of versions, as in `bounded(5 versions)`"
        )),
    }
}

impl Serialize for Level {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Level {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_read_as_they_print() {
        for name in Level::NAMES {
            assert_eq!(name.parse::<Level>().map(|l| l.to_string()), Ok(name.to_owned()));
        }
        for (wrong, says) in [
            ("leese", "did you mean `lease`"),
            ("bounded(5)", "duration"),
            ("bounded(5)", "`bounded(5 versions)`"),
            ("bounded(5versions)", "`bounded(5 versions)`"),
            ("bounded(0 versions)", "write `linearizable`"),
            ("bounded(some versions)", "a whole number of versions"),
        ] {
            let refused = wrong.parse::<Level>().expect_err(wrong);
            assert!(refused.contains(says), "{wrong}: {refused}");
        }
        for (written, printed) in
            [("R=2,W=1", "R=two,W=one"), ("R=4,W=4", "R=4,W=4"), ("R=one,W=5", "R=one,W=5")]
        {
            let level = written.parse::<Level>().map(|level| level.to_string());
            assert_eq!(level.as_deref(), Ok(printed), "{written}");
        }
        for wrong in ["R=0,W=1", "R=65,W=1", "R=-1,W=1", "4"] {
            assert!(wrong.parse::<Level>().is_err(), "{wrong}");
        }
        let one = "bounded(1 version)".parse::<Level>();
        assert_eq!(one.as_ref().map(Level::to_string), Ok("bounded(1 version)".to_owned()));
        assert_eq!("bounded(1 versions)".parse::<Level>(), one);
    }
}
