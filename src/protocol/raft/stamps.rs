//! Commit wait and closed timestamps: what clocks with a known uncertainty add to Raft.
//!
//! **Commit wait** (Corbett et al., "Spanner: Google's Globally-Distributed Database", OSDI 2012).
//! With `uncertainty = e` every node trusts that its clock is within `e` of true time. A leader
//! stamps each entry with at least `clock + e`, above every stamp before it, and commits it, so
//! acknowledges it and lets it be read, only when `clock - e` has reached the stamp. Then a write is
//! stamped no later than it is acknowledged or first seen, in true time, whoever led; and it is
//! stamped no earlier than its leader had it. The wait, `2e`, runs beside the round to a majority.
//!
//! **Closed timestamps** (Taft et al., "CockroachDB: The Resilient Geo-Distributed SQL Database",
//! SIGMOD 2020). With its commit index a leader sends a stamp it *closes*: every write stamped at or
//! before it, by whatever leader, that is ever committed stands at or before that index. A replica
//! that has applied the index serves, by itself,
//! - a read no older than `t`, if the closed stamp is at or after `clock + e - t`; for what was
//!   acknowledged `t` ago was stamped before that;
//! - the latest value, once the closed stamp has reached `clock + e` of the read's arrival, as a
//!   strong read of Spanner's does.
//!
//! **Why a closed stamp holds**, though followers act on it at once and no majority has seen it. It
//! lies below (1) the first entry not committed, and the leader stamps later ones above whatever it
//! has closed; (2) the end of its lease, less `e`. Entries of earlier leaders are covered once the
//! leader's own first entry is committed. A later leader needs a vote from a replica that answered
//! the message the lease counts from, and that replica refuses for an election timeout, as a leader
//! that steps down does itself; so it is elected after the lease has ended in true time, and stamps
//! nothing below that. This is Spanner's disjointness of leases: nobody has to wait out anything at
//! an election, and a leader that is cut off closes nothing beyond the office it is sure of.

use super::Raft;
use super::message::Timer;
use super::replica::{Replica, Role};
use crate::protocol::ReplicaCx;
use crate::time::{Duration, LocalTime};

/// A shortest stretch of time: closed stamps lie this far below what they must not reach.
const NEXT: Duration = Duration(1);

/// `time` less `by`.
fn before(time: LocalTime, by: Duration) -> LocalTime {
    LocalTime(time.0.saturating_sub(by.0))
}

impl Replica {
    /// The stamp of a new entry; zero where clocks are not trusted.
    pub(super) fn next_stamp(&self, now: LocalTime) -> LocalTime {
        match self.env.config.uncertainty {
            Some(uncertainty) => (now + uncertainty).max(self.stamped + NEXT),
            None => LocalTime::default(),
        }
    }

    /// Of the entries up to `reached`, how far their stamps are certainly past. Stamps rise along the
    /// log; the first that is not past sets the timer.
    pub(super) fn waited_out(&self, reached: u64, cx: &mut ReplicaCx<'_, Raft>) -> u64 {
        let Some(uncertainty) = self.env.config.uncertainty else { return reached };
        let certain = before(cx.clock(), uncertainty);
        for index in self.commit + 1..=reached {
            let Some(entry) = self.log.entry(index) else { return index - 1 };
            if entry.stamp > certain {
                cx.set_timer(Timer::CommitWait, entry.stamp.since(certain));
                return index - 1;
            }
        }
        reached
    }

    /// Some stamp has been waited out, or nearly: a clock's rounding may leave a nanosecond.
    pub(super) fn on_commit_wait_timer(&mut self, cx: &mut ReplicaCx<'_, Raft>) {
        if self.role == Role::Leader {
            self.advance_commit(cx);
        }
    }

    /// What a follower is told beside the commit index: a closed stamp, which from then on binds
    /// this leader; without commit wait the basis.
    pub(super) fn vouch(&mut self, now: LocalTime) -> Option<LocalTime> {
        let basis = self.basis()?;
        let config = &self.env.config;
        let Some(uncertainty) = config.uncertainty else { return Some(basis) };
        let open = before(now + uncertainty, config.closed_lag);
        let lease_end = before(basis + config.lease(), uncertainty);
        let undecided = self.log.entry(self.commit + 1).map_or(open, |entry| entry.stamp);
        let closed = before(open.min(lease_end).min(undecided), NEXT);
        self.stamped = self.stamped.max(closed);
        Some(closed)
    }

    /// A leader steps down. It counts as one that answered its own messages, so it refuses votes as
    /// long as the others do: what it closed may lie ahead.
    pub(super) fn keep_what_was_closed(&mut self, now: LocalTime) {
        if self.env.config.uncertainty.is_some() {
            self.ballot.heard = self.ballot.heard.max(Some(self.leading.basis.min(now)));
        }
    }
}
