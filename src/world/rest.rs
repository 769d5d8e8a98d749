//! When replicas have come to rest, so that what they hold can be compared.
//!
//! Eventual consistency speaks of replicas to which nothing comes any more (Vogels 2009). A world cannot ask a
//! protocol whether that is so, and heartbeats never end. So it looks: replicas that answer alike have
//! converged. Those that differ are held to differ for good only if they have not changed for a long time, and
//! for many times as long as anything took that was under way at their last change: a message, what waits for
//! a link, a processor or a disk, and a timer, behind which an update may be held back. Where that cannot be
//! seen within a limit, nobody knows.

use crate::time::{Duration, Instant};

/// As many of the longest thing under way at the last change: comparing, answering, sending and doing it
/// again are four of them.
const STEPS: u64 = 8;

/// How long a world waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// Between two looks.
    pub again: Duration,
    /// How long replicas may not have changed that differ for good.
    pub quiet: Duration,
    /// When it is given up, counted from the first look.
    pub limit: Duration,
}

/// What is known of the replicas' coming to rest.
pub(super) struct Rest {
    patience: Patience,
    /// The first look.
    began: Option<Instant>,
    last: Option<Change>,
    given_up: bool,
}

/// The last look at which something had changed.
#[derive(Clone, Copy)]
struct Change {
    at: Instant,
    /// What the replicas held.
    digest: u64,
    /// How long what was under way then would take.
    reach: Duration,
}

impl Rest {
    /// Nobody has looked yet.
    pub(super) const fn new(patience: Patience) -> Self {
        Self { patience, began: None, last: None, given_up: false }
    }

    /// Whether the replicas differed and might have gone on changing.
    pub(super) fn is_given_up(&self) -> bool {
        self.given_up
    }

    /// Replicas differ, hold what has this digest, and something is under way for `reach`; when to look again, if
    /// that makes sense.
    pub(super) fn differ(&mut self, at: Instant, digest: u64, reach: Duration) -> Option<Instant> {
        let Patience { again, quiet, limit } = self.patience;
        let began = *self.began.get_or_insert(at);
        let last = match self.last {
            Some(last) if last.digest == digest => last,
            _ => *self.last.insert(Change { at, digest, reach }),
        };
        if at >= last.at + quiet && at >= last.at + last.reach * STEPS {
            self.given_up = false;
            return None;
        }
        // What ends after the limit need not be waited for.
        self.given_up = at + reach > began + limit;
        (!self.given_up).then_some(at + again)
    }
}

/// A number that other states hardly have, by FNV-1a.
#[derive(Clone, Copy, Debug)]
pub(super) struct Digest(pub u64);

impl Digest {
    /// Of nothing.
    pub(super) const EMPTY: Self = Self(0xcbf2_9ce4_8422_2325);

    /// One word more.
    pub(super) fn take(&mut self, word: u64) {
        self.0 = (self.0 ^ word).wrapping_mul(0x0100_0000_01b3);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience {
        again: Duration::secs(10),
        quiet: Duration::secs(590),
        limit: Duration::secs(3600),
    };

    fn at(s: u64) -> Instant {
        Instant::ZERO + Duration::secs(s)
    }

    /// Looks every ten seconds; when that ended, and whether it was given up.
    fn looks(digest: impl Fn(u64) -> u64, reach: Duration) -> (u64, bool) {
        let mut rest = Rest::new(PATIENCE);
        let mut s = 0;
        while let Some(next) = rest.differ(at(s), digest(s), reach) {
            assert_eq!(next, at(s + 10));
            s += 10;
        }
        (s, rest.is_given_up())
    }

    #[test]
    fn who_differs_and_does_not_change_differs_for_good() {
        assert_eq!(looks(|_| 1, Duration::secs(1)), (590, false));
        assert_eq!(looks(|s| s.min(300), Duration::secs(1)), (890, false));
    }

    #[test]
    fn longer_ways_ask_for_more_patience() {
        assert_eq!(looks(|_| 1, Duration::secs(100)), (800, false));
        assert_eq!(looks(|_| 1, Duration::secs(500)), (3110, true));
    }

    #[test]
    fn who_goes_on_changing_is_given_up() {
        assert_eq!(looks(|s| s, Duration::secs(1)), (3600, true));
        assert_eq!(looks(|_| 1, Duration::secs(3601)), (0, true));
    }
}
