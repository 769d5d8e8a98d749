//! The settings of fail-over: when another takes over, when the old primary gives way, and what may be
//! promised then.
//!
//! The nodes judge each other themselves, and a majority of them decides. That is MongoDB's replica set
//! ("Replica Set Elections"); of Redis with Sentinel and of PostgreSQL with Patroni it is the usual layout in
//! which a sentinel, or a member of the store that holds the leader's key, runs beside each data node
//! ("High availability with Redis Sentinel"; Patroni, "Dynamic Configuration Settings").
//!
//! **What is promised.** A write that was acknowledged is kept if the nodes that have it on disk and the
//! majority that promotes always share one, for nobody votes for a copy that lacks what its own has. A
//! strong read is current if nobody was promoted meanwhile: the primary must have stepped down by its own
//! clock before the others may begin to suspect it. Both is a matter of settings (`keeps`); with others,
//! as most systems have them out of the box, nothing is promised but that copies become equal.

use super::{Acknowledge, Config, Reached};
use crate::protocol::parts::{lease, limits, quorum};
use crate::time::Duration;
use serde::Deserialize;

/// How a backup takes over.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailOver {
    /// A node that has not heard from the primary for this long suspects it: MongoDB's
    /// `electionTimeoutMillis`, 10 s; Sentinel's `down-after-milliseconds` and Patroni's `ttl`, 30 s.
    pub detect: Duration,
    /// If given, a primary whose messages of this age no majority has answered steps down: MongoDB's
    /// does after the election timeout, Patroni's before its key in the store ends. Without it, as in
    /// Redis Sentinel, it goes on until it hears of its successor.
    pub step_down: Option<Duration>,
    /// How many parts per million a clock may gain or lose. Strong reads are wrong if clocks are worse.
    #[serde(default = "max_drift_ppm")]
    pub max_drift_ppm: u32,
}

fn max_drift_ppm() -> u32 {
    200
}

impl FailOver {
    /// Whether a primary has stepped down before anybody suspects it.
    fn fences(&self) -> bool {
        let trusted = lease::trusted(self.detect, self.max_drift_ppm);
        self.step_down.is_some_and(|after| after <= trusted)
    }
}

impl Config {
    /// Whether promises outlast a primary. They always do where nobody takes over.
    pub(super) fn keeps(&self) -> bool {
        let Some(fail_over) = &self.fail_over else { return true };
        let copies = self.acknowledge != Acknowledge::Async && self.reached != Reached::Memory;
        fail_over.fences() && copies && self.patience().is_none()
    }

    /// Refuses what would never promote anybody, or promote one that lacks what was promised to be kept.
    pub(super) fn fail_over_among(&self, replicas: u32) -> Result<(), String> {
        let Some(fail_over) = &self.fail_over else {
            let unsynced = "ships_unsynced needs fail_over: a primary that comes back with less than its \
                            backups have must not go on; leave it out";
            return if self.ships_unsynced { Err(unsynced.into()) } else { Ok(()) };
        };
        if self.ships_unsynced && self.flush_every.is_none() {
            return Err("ships_unsynced needs flush_every: without it everything is synced \
                        before it is shipped; leave it out"
                .into());
        }
        if replicas < 3 {
            return Err(format!(
                "fail_over needs a majority without the primary, but replicas = {replicas}; write 3 \
                 replicas or more, or leave it out"
            ));
        }
        let waits = [("detect", Some(fail_over.detect)), ("step_down", fail_over.step_down)];
        for (name, wait) in waits {
            let Some(wait) = wait.filter(|wait| *wait <= self.heartbeat) else { continue };
            return Err(format!(
                "fail_over's {name} ({wait}) must be longer than heartbeat ({}); ten times that is usual",
                self.heartbeat
            ));
        }
        limits::interval("detect", fail_over.detect)?;
        if fail_over.max_drift_ppm > 100_000 {
            let ppm = fail_over.max_drift_ppm;
            return Err(format!("`max_drift_ppm = {ppm}`; write at most 100000, a tenth"));
        }
        let needed = replicas - quorum::majority(replicas) as u32;
        match self.acknowledge {
            Acknowledge::First { k, .. } => Err(format!(
                "acknowledge = `{}` names backups, but with fail_over any of them may become the primary; \
                 write `any {k}`",
                self.acknowledge
            )),
            Acknowledge::Any(k) if self.keeps() && k < needed => Err(format!(
                "acknowledge = `any {k}`, but a majority of {replicas} may have none of those {k}; write \
                 `any {needed}`, or leave step_down out to promise nothing"
            )),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        toml::from_str(text).expect("a config")
    }

    #[test]
    fn what_outlasts_a_primary_is_a_matter_of_settings() {
        for (text, keeps) in [
            ("acknowledge = 'async'", true),
            ("acknowledge = 'any 1'\nfail_over = { detect = '10s', step_down = '9s' }", true),
            ("acknowledge = 'all'\nfail_over = { detect = '10s', step_down = '9s' }", true),
            ("acknowledge = 'async'\nfail_over = { detect = '10s', step_down = '9s' }", false),
            ("acknowledge = 'any 1'\nfail_over = { detect = '10s' }", false),
            ("acknowledge = 'any 1'\nfail_over = { detect = '10s', step_down = '10s' }", false),
            (
                "acknowledge = 'any 1'\nfall_back = '10s'\n\
                 fail_over = { detect = '10s', step_down = '9s' }",
                false,
            ),
            (
                "acknowledge = 'any 1'\nreached = 'memory'\n\
                 fail_over = { detect = '10s', step_down = '9s' }",
                false,
            ),
        ] {
            assert_eq!(config(text).keeps(), keeps, "{text}");
        }
    }

    #[test]
    fn who_can_promote_nobody_or_the_wrong_one_is_told_so() {
        for (text, replicas, says) in [
            ("fail_over = { detect = '10s' }", 2, "write 3 replicas or more"),
            ("fail_over = { detect = '100ms' }", 3, "detect (100ms) must be longer"),
            ("fail_over = { detect = '1s', step_down = '1ms' }", 3, "step_down (1ms) must be"),
            ("fail_over = { detect = '1s', step_down = '800ms' }", 5, "write `any 2`"),
            ("fail_over = { detect = '1s', max_drift_ppm = 200_000 }", 3, "at most 100000"),
            ("ships_unsynced = true", 3, "needs fail_over"),
            ("ships_unsynced = true\nfail_over = { detect = '1s' }", 3, "needs flush_every"),
        ] {
            let config = config(&format!("acknowledge = 'any 1'\n{text}"));
            let refused = config.fail_over_among(replicas).expect_err(text);
            assert!(refused.contains(says), "{text}: {refused}");
        }
        let named = config("acknowledge = 'first 1 (1, 2)'\nfail_over = { detect = '1s' }");
        assert!(named.fail_over_among(3).is_err_and(|told| told.contains("write `any 1`")));
        let lossy = config("acknowledge = 'any 1'\nfail_over = { detect = '1s' }");
        assert_eq!(lossy.fail_over_among(5), Ok(()), "where nothing is promised, anything goes");
    }
}
