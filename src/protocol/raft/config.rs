//! The settings of Raft: what they mean, their defaults, and what is refused.

use crate::op::Level;
use crate::protocol::parts::{lease, limits};
use crate::time::Duration;
use serde::Deserialize;

/// Its settings.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The replica that stands for election the moment it first boots.
    pub leader: u32,
    /// How often a leader makes itself heard. Long: followers learn late what was committed. Short:
    /// more messages.
    pub heartbeat: Duration,
    /// How long a follower waits for a leader before it refuses no candidate; it becomes one itself
    /// after that and up to `stagger` more. Also what a lease is made of.
    pub election_timeout: Duration,
    /// How far candidates are apart: a follower waits up to this much longer than `election_timeout`, drawn anew
    /// each time, before it becomes one, and one that is not elected tries again after one to two times this. Unset:
    /// `election_timeout`. Shorter: elections are sooner over, and split more often; shorter than a majority takes to
    /// vote: nobody is ever elected.
    pub stagger: Option<Duration>,
    /// How many parts per million a clock may gain or lose. Leases are wrong if clocks are worse.
    pub max_drift_ppm: u32,
    /// How far two replicas' clocks may be apart. Bounded staleness is wrong if they are farther.
    pub max_clock_error: Duration,
    /// How far a clock may be from true time, in place of `max_clock_error`: with it entries carry
    /// timestamps, writes wait until theirs is past, and followers are told closed ones. All are
    /// wrong if clocks are worse. None: nothing of this.
    pub uncertainty: Option<Duration>,
    /// How far behind the leader's clock timestamps are closed. Longer: older reads at followers.
    /// CockroachDB's default is 3 s. Without `uncertainty` it means nothing.
    pub closed_lag: Duration,
    /// Where linearizable reads are served.
    pub reads: Reads,
    /// Whether a sequential read first asks the leader how far it is (ZooKeeper's `sync`): a round trip,
    /// and no majority. A leader that was deposed and has not noticed answers too, so it is no more
    /// than sequential, and fresh as long as there is one leader.
    pub sync: bool,
    /// A snapshot is taken, and the log before it dropped, after this many entries.
    pub snapshot_every: u64,
    /// Whether followers are told of a commit at once, as in etcd, or with the next append or
    /// heartbeat. Off: fewer messages, older reads at followers.
    pub eager_commit: bool,
    /// A mistake to make on purpose, to see what becomes of the promises; none in earnest.
    pub flaw: Option<Flaw>,
}

/// Mistakes that were made in earnest elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flaw {
    /// The leader answers a write when it has sent it, whoever has it.
    AnswersBeforeMajority,
    /// A leader answers linearizable reads without asking whether it still leads.
    SkipsRound,
    /// A lease counts as long as followers promised, as if all clocks ran alike.
    NoDriftMargin,
    /// A replica that restarts has forgotten its vote, and that it may have heard from a leader.
    ForgetsVote,
}

/// How a linearizable read is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reads {
    /// The leader asks a majority whether it still leads; no clock is believed.
    ReadIndex,
    /// The nearest replica waits until its closed timestamp has passed the read's; a leader trusts
    /// its lease.
    ClosedTimestamp,
}

impl Reads {
    /// The level at which a read asks the leader when a follower could not serve it.
    pub(super) fn at_leader(self) -> Level {
        match self {
            Self::ReadIndex => Level::Linearizable,
            Self::ClosedTimestamp => Level::Lease,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            leader: 0,
            heartbeat: Duration::millis(100),
            election_timeout: Duration::secs(1),
            stagger: None,
            max_drift_ppm: 200,
            max_clock_error: Duration::millis(10),
            uncertainty: None,
            closed_lag: Duration::millis(200),
            reads: Reads::ReadIndex,
            sync: false,
            snapshot_every: 10_000,
            eager_commit: true,
            flaw: None,
        }
    }
}

impl Config {
    /// Whether this mistake is to be made.
    pub(super) fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    /// How long a lease lasts by the leader's clock.
    pub(super) fn lease(&self) -> Duration {
        if self.has(Flaw::NoDriftMargin) {
            return self.election_timeout;
        }
        lease::trusted(self.election_timeout, self.max_drift_ppm)
    }

    /// Refuses settings that make no sense for this many replicas.
    pub(in crate::protocol) fn validate(&self, replicas: u32) -> Result<(), String> {
        let Self { leader, heartbeat, election_timeout, max_drift_ppm, .. } = *self;
        if replicas == 0 {
            return Err("raft needs at least one replica".into());
        }
        if leader >= replicas {
            let last = replicas - 1;
            return Err(format!("`leader = {leader}` is no replica; write 0 to {last}"));
        }
        limits::interval("heartbeat", heartbeat)?;
        if heartbeat >= election_timeout {
            return Err(format!(
                "`heartbeat` ({heartbeat}) must be shorter than `election_timeout` \
                 ({election_timeout}); a tenth of it is usual"
            ));
        }
        if let Some(stagger) = self.stagger {
            limits::interval("stagger", stagger)?;
            if stagger < heartbeat {
                return Err(format!(
                    "`stagger` ({stagger}) must not be shorter than `heartbeat` ({heartbeat}): votes need the time \
                     to arrive"
                ));
            }
        }
        if max_drift_ppm > 100_000 {
            return Err(format!(
                "`max_drift_ppm = {max_drift_ppm}`; write at most 100000, a tenth"
            ));
        }
        if self.commit_wait() >= election_timeout {
            return Err(format!(
                "twice the `uncertainty` ({}) must be shorter than `election_timeout` \
                 ({election_timeout}), or a lease closes no timestamp that a reader waits for",
                self.commit_wait()
            ));
        }
        if self.reads == Reads::ClosedTimestamp && self.uncertainty.is_none() {
            return Err("`reads = \"closed-timestamp\"` needs `uncertainty`, \
                how far a clock may be from true time"
                .into());
        }
        limits::snapshot_every(self.snapshot_every)
    }

    /// What a write waits for its timestamp, beside all else, if the leader's clock is right or
    /// wrong by a constant.
    pub(super) fn commit_wait(&self) -> Duration {
        self.uncertainty.unwrap_or_default() * 2
    }
}
