//! The settings, and which of them make sense together.

use super::super::Geometry;
use super::super::parts::limits;
use super::{Acknowledge, FailOver};
use crate::op::NodeId;
use crate::time::Duration;
use serde::{Deserialize, Deserializer};
use std::str::FromStr;

/// Primary-backup's settings. PostgreSQL's `synchronous_commit` is `flush_every` for `off`,
/// `acknowledge = "async"` for `local`, and `reached` for `remote_write`, `on` and `remote_apply`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Whom a write waits for: `"async"`, `"any 1"`, `"first 1 (1, 2)"`, `"all"`.
    pub acknowledge: Acknowledge,
    /// What the write must have reached at those it waits for.
    #[serde(default)]
    pub reached: Reached,
    /// How long a backup takes to show what it has on its disk: PostgreSQL's
    /// `recovery_min_apply_delay`, or a replay that lags.
    #[serde(default)]
    pub apply_delay: Duration,
    /// If given, the primary acknowledges before its own disk, and syncs this often: PostgreSQL's
    /// `synchronous_commit = off` with its `wal_writer_delay`, 200 ms there. A crash then loses the
    /// latest acknowledged writes, so nothing but convergence is promised.
    pub flush_every: Option<Duration>,
    /// If given, writes stop waiting for backups when one has waited this long, until the backups have
    /// caught up: MySQL's `rpl_semi_sync_source_timeout`, 10 s there.
    pub fall_back: Option<Duration>,
    /// If given, a write shows at the primary before it has its copies, and its client waits for them
    /// no longer than this: Redis' `WAIT`, whose answer (how many have it) no client here looks at.
    pub wait_timeout: Option<Duration>,
    /// Which replica is the primary.
    #[serde(default)]
    pub primary: u32,
    /// How often the primary tells idle backups that they are current. Longer: bounded reads find
    /// backups too old and lost messages are noticed later. Shorter: more messages.
    #[serde(default = "defaults::heartbeat")]
    pub heartbeat: Duration,
    /// A backup silent for longer does not count as one of the first k; PostgreSQL's
    /// `wal_sender_timeout` is 60 s.
    #[serde(default = "defaults::silence")]
    pub silence: Duration,
    /// How far two nodes' clocks may be apart. Bounded reads are refused this much earlier; if the
    /// clocks are worse than this, they break their promise.
    #[serde(default = "defaults::max_clock_error")]
    pub max_clock_error: Duration,
    /// Writes between two snapshots of the log.
    #[serde(default = "defaults::snapshot_every")]
    pub snapshot_every: u64,
    /// If given, a backup takes over from a primary that is not heard.
    pub fail_over: Option<FailOver>,
    /// With `flush_every` and `fail_over`: whether backups get a write before the primary's disk has it, as
    /// from Redis, or after it, as from PostgreSQL.
    #[serde(default)]
    pub ships_unsynced: bool,
    /// A mistake to make on purpose, to see what becomes of the promises; none in earnest.
    pub flaw: Option<Flaw>,
}

/// Mistakes to make on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flaw {
    /// Backups answer at once, whatever the session has written and read.
    IgnoresTokens,
    /// With `flush_every`, promises as if each write were synced before it is acknowledged.
    SellsUnsynced,
    /// With `fail_over`: nobody gives way to a later epoch, nor steps down, and backups take what any
    /// primary ships.
    HeedsNoEpoch,
    /// With `fail_over`: the least up to date backup is promoted, not the most.
    PromotesLaggard,
}

mod defaults {
    use crate::time::Duration;
    pub(super) fn heartbeat() -> Duration {
        Duration::millis(100)
    }
    pub(super) fn silence() -> Duration {
        Duration::secs(5)
    }
    pub(super) fn max_clock_error() -> Duration {
        Duration::millis(10)
    }
    pub(super) fn snapshot_every() -> u64 {
        10_000
    }
}

/// What a write has reached at a backup when the backup says that it has it. A backup shows what is
/// on its disk, as PostgreSQL's standbys do, without asking what the primary has acknowledged; so it
/// may show a write before the write's own client knows that it is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reached {
    /// Its memory (`remote_write`).
    Memory,
    /// Its disk (`on`, MySQL's relay log).
    #[default]
    Disk,
    /// Its readers (`remote_apply`).
    Applied,
}

/// Every word for it.
const REACHED: &str = "`memory`, `disk` or `applied`";

impl FromStr for Reached {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let instead = match text {
            "memory" => return Ok(Self::Memory),
            "disk" => return Ok(Self::Disk),
            "applied" => return Ok(Self::Applied),
            "remote_write" | "write" | "received" => "`memory`",
            "on" | "remote_flush" | "flush" => "`disk`",
            "remote_apply" | "apply" => "`applied`",
            "off" => "`flush_every = \"200ms\"` in its place",
            "local" => "`acknowledge = \"async\"` in its place",
            _ => REACHED,
        };
        Err(format!("reached is `{text}`, which no backup can say; write {instead}"))
    }
}

impl<'de> Deserialize<'de> for Reached {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        limits::chosen(deserializer, REACHED)
    }
}

impl Config {
    /// How long a write waits for backups at most, if there is an end.
    pub(super) fn patience(&self) -> Option<Duration> {
        self.fall_back.or(self.wait_timeout)
    }

    /// Whether some replica may show what is taken back later.
    pub(super) fn takes_back(&self) -> bool {
        self.flush_every.is_some() || self.fail_over.is_some()
    }

    /// Whether what a backup says that it has is what its readers see, and stays so.
    pub(super) fn tells_what_it_shows(&self) -> bool {
        match self.reached {
            Reached::Memory => false,
            Reached::Disk => self.apply_delay == Duration::ZERO,
            Reached::Applied => true,
        }
    }

    pub(super) fn validate(&self, replicas: u32) -> Result<(), String> {
        if self.primary >= replicas {
            return Err(format!(
                "primary is {}, but replicas are numbered 0 to {}",
                self.primary,
                replicas.saturating_sub(1)
            ));
        }
        limits::interval("heartbeat", self.heartbeat)?;
        limits::snapshot_every(self.snapshot_every)?;
        self.acknowledge.validate(self.primary, replicas)?;
        self.fail_over_among(replicas)?;
        self.disk_and_patience()
    }

    /// Refuses settings that say nothing, or contradict each other.
    fn disk_and_patience(&self) -> Result<(), String> {
        let acknowledge = &self.acknowledge;
        if self.flush_every.is_some() && *acknowledge != Acknowledge::Async {
            return Err(format!(
                "flush_every acknowledges before the primary's disk, but acknowledge = \
                 `{acknowledge}` waits for what is shipped after it; write `async`, or leave \
                 flush_every out"
            ));
        }
        if self.fall_back.is_some() && self.wait_timeout.is_some() {
            return Err(
                "fall_back and wait_timeout both end a wait; write fall_back to do as MySQL \
                        does, or wait_timeout to do as Redis does"
                    .into(),
            );
        }
        for (name, value, instead) in [
            ("flush_every", self.flush_every, "leave it out to sync each write"),
            ("fall_back", self.fall_back, "write acknowledge = `async` to wait for nobody"),
            ("wait_timeout", self.wait_timeout, "write acknowledge = `async` to wait for nobody"),
        ] {
            if value == Some(Duration::ZERO) {
                return Err(format!("{name} is 0; {instead}"));
            }
            value.map_or(Ok(()), |value| limits::interval(name, value))?;
        }
        let waits = [
            ("reached", self.reached != Reached::default()),
            ("fall_back", self.fall_back.is_some()),
            ("wait_timeout", self.wait_timeout.is_some()),
        ];
        match waits.into_iter().find(|(_, given)| *given) {
            Some((name, _)) if *acknowledge == Acknowledge::Async => Err(format!(
                "{name} is for writes that wait for backups, but acknowledge = `async` waits for \
                 none; write `any 1`, or leave {name} out"
            )),
            _ => Ok(()),
        }
    }

    /// Whether this mistake is to be made.
    pub(super) fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    /// From the write's arrival at the primary to its acknowledgement, in health; none where writes
    /// now fall back and now do not.
    pub(super) fn write_time(&self, geometry: &Geometry, primary: NodeId) -> Option<Duration> {
        if self.flush_every.is_some() {
            return Some(Duration::ZERO);
        }
        let Some(rtt) = self.acknowledge.wait(geometry, primary) else {
            return Some(geometry.disk);
        };
        let wait = match self.reached {
            Reached::Memory => rtt,
            Reached::Disk => rtt + geometry.disk,
            Reached::Applied => rtt + geometry.disk + self.apply_delay,
        };
        if self.fall_back.is_some_and(|limit| limit < wait) {
            return None;
        }
        Some(geometry.disk + self.wait_timeout.map_or(wait, |limit| limit.min(wait)))
    }

    /// The write path, in words.
    pub(super) fn write_path(&self) -> &'static str {
        if self.flush_every.is_some() {
            return "primary's memory";
        }
        match (&self.acknowledge, self.reached) {
            (Acknowledge::Async, _) => "primary only",
            (Acknowledge::Any(_), Reached::Memory) => "primary and any k backups' memory",
            (Acknowledge::Any(_), Reached::Disk) => "primary and any k backups",
            (Acknowledge::Any(_), Reached::Applied) => "primary and any k backups' readers",
            (Acknowledge::First { .. }, Reached::Memory) => {
                "primary and the first k backups' memory"
            }
            (Acknowledge::First { .. }, Reached::Disk) => "primary and the first k backups",
            (Acknowledge::First { .. }, Reached::Applied) => {
                "primary and the first k backups' readers"
            }
            (Acknowledge::All, Reached::Memory) => "primary and all backups' memory",
            (Acknowledge::All, Reached::Disk) => "primary and all backups",
            (Acknowledge::All, Reached::Applied) => "primary and all backups' readers",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        match toml::from_str::<Config>(text) {
            Err(error) => error.to_string(),
            Ok(config) => config.validate(3).expect_err(text),
        }
    }

    #[test]
    fn what_says_nothing_or_contradicts_itself_is_refused_with_what_would_be_right() {
        for (text, says) in [
            ("acknowledge = 'any 1'\nreached = 'remote_apply'", "write `applied`"),
            ("acknowledge = 'any 1'\nreached = 'remote_write'", "write `memory`"),
            ("acknowledge = 'any 1'\nreached = 'local'", "write `acknowledge = \"async\"`"),
            ("acknowledge = 'any 1'\nreached = 'ssd'", "`memory`, `disk` or `applied`"),
            ("acknowledge = 'async'\nreached = 'applied'", "write `any 1`, or leave reached out"),
            ("acknowledge = 'async'\nfall_back = '10s'", "or leave fall_back out"),
            ("acknowledge = 'async'\nwait_timeout = '1s'", "or leave wait_timeout out"),
            (
                "acknowledge = 'all'\nfall_back = '0s'",
                "fall_back is 0; write acknowledge = `async`",
            ),
            ("acknowledge = 'async'\nflush_every = '0s'", "leave it out to sync each write"),
            ("acknowledge = 'any 1'\nflush_every = '200ms'", "write `async`, or leave"),
            ("acknowledge = 'all'\nfall_back = '1s'\nwait_timeout = '1s'", "as Redis does"),
            ("acknowledge = 'all'\nprimary = 3", "numbered 0 to 2"),
        ] {
            let refused = refusal(text);
            assert!(refused.contains(says), "{text}: {refused}");
        }
    }
}
