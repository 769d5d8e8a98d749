//! The knob: whom a write waits for. Written as PostgreSQL's `synchronous_standby_names` is, because its
//! three forms are easily confused: `any 1` is the fastest of all, `first 1 (1, 2)` is backup 1 as long
//! as it is connected, and a plain list waits for one.

use super::super::Geometry;
use super::super::parts::limits;
use crate::op::NodeId;
use crate::time::Duration;
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::str::FromStr;

/// Every way to write the knob.
const CHOICES: &str = "`async`, `any 1`, `first 1 (1, 2)` or `all`";

/// Whom a write waits for, besides the primary's own disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acknowledge {
    /// Nobody.
    Async,
    /// Any `k` backups.
    Any(u32),
    /// The first `k` of the list that are connected.
    First {
        /// How many.
        k: u32,
        /// Replica numbers, most wanted first.
        of: Vec<u32>,
    },
    /// Every backup.
    All,
}

impl Acknowledge {
    /// Refuses what can never be satisfied by `replicas - 1` backups.
    pub(super) fn validate(&self, primary: u32, replicas: u32) -> Result<(), String> {
        let backups = replicas - 1;
        match self {
            Self::Any(0) | Self::First { k: 0, .. } => {
                Err("acknowledge waits for 0 backups; write `async` for that".into())
            }
            Self::Any(k) if *k > backups => Err(match backups {
                0 => format!("acknowledge = `{self}`, but there is no backup; write `async`"),
                1 => format!("acknowledge = `{self}`, but there is only 1 backup; write `any 1`"),
                n => format!(
                    "acknowledge = `{self}`, but there are only {n} backups; write `any {n}`"
                ),
            }),
            Self::First { k, of } if *k as usize > of.len() => {
                let n = of.len();
                Err(format!(
                    "acknowledge = `{self}` wants {k} of a list of {n}; ask for {n} or list more"
                ))
            }
            Self::First { of, .. } => {
                let wrong = |r: &&u32| **r >= replicas || **r == primary;
                if let Some(bad) = of.iter().find(wrong) {
                    return Err(format!(
                        "acknowledge = `{self}` names replica {bad}; backups are the replicas 0 to \
                         {backups} other than the primary, {primary}"
                    ));
                }
                let twice = |i: usize| of[..i].contains(&of[i]);
                if (0..of.len()).any(twice) {
                    return Err(format!("acknowledge = `{self}` names a replica twice"));
                }
                Ok(())
            }
            Self::Any(_) | Self::Async | Self::All => Ok(()),
        }
    }

    /// The round trip from the primary to the slowest backup that is waited for, if any is.
    pub(super) fn wait(&self, geometry: &Geometry, primary: NodeId) -> Option<Duration> {
        let rtts = geometry.rtts(primary, geometry.peers(primary));
        match self {
            Self::Async => None,
            Self::Any(k) => rtts.get(*k as usize - 1).copied(),
            Self::First { k, of } => {
                of[..*k as usize].iter().map(|r| geometry.rtt(primary, NodeId(*r))).max()
            }
            Self::All => rtts.last().copied(),
        }
    }
}

impl fmt::Display for Acknowledge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Async => f.write_str("async"),
            Self::Any(k) => write!(f, "any {k}"),
            Self::First { k, of } => {
                let of: Vec<String> = of.iter().map(u32::to_string).collect();
                write!(f, "first {k} ({})", of.join(", "))
            }
            Self::All => f.write_str("all"),
        }
    }
}

impl FromStr for Acknowledge {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no way to acknowledge; write {CHOICES}");
        let number = |text: &str| text.trim().parse::<u32>().map_err(|_| wrong());
        match text.trim() {
            "async" => return Ok(Self::Async),
            "all" => return Ok(Self::All),
            _ => {}
        }
        if let Some(k) = text.strip_prefix("any ") {
            return Ok(Self::Any(number(k)?));
        }
        let rest = text.strip_prefix("first ").and_then(|rest| rest.trim_end().strip_suffix(')'));
        let (k, list) = rest.and_then(|rest| rest.split_once('(')).ok_or_else(wrong)?;
        let of = list.split(',').map(number).collect::<Result<_, _>>()?;
        Ok(Self::First { k: number(k)?, of })
    }
}

impl<'de> Deserialize<'de> for Acknowledge {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        limits::chosen(deserializer, CHOICES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_knob_reads_as_it_prints() {
        for text in ["async", "any 2", "first 1 (1, 2)", "all"] {
            assert_eq!(text.parse::<Acknowledge>().map(|a| a.to_string()), Ok(text.to_owned()));
        }
        for text in ["", "any", "any x", "first 1", "first (1)", "some"] {
            assert!(text.parse::<Acknowledge>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_satisfied_is_refused() {
        for (text, says) in [
            ("any 3", "only 2 backups; write `any 2`"),
            ("any 0", "write `async`"),
            ("first 2 (1)", "a list of 1"),
            ("first 1 (0)", "other than the primary"),
            ("first 1 (5)", "names replica 5"),
            ("first 1 (1, 1)", "twice"),
        ] {
            let refused = text.parse::<Acknowledge>().and_then(|a| a.validate(0, 3));
            assert!(refused.clone().is_err_and(|e| e.contains(says)), "{text}: {refused:?}");
        }
    }
}
