//! When replicas have come to rest, so that what they hold can be compared.
//!
//! Eventual consistency speaks of replicas to which nothing comes any more (Vogels 2009). A world cannot ask a
//! protocol whether that is so, and heartbeats never end. So it looks: replicas that answer alike have
//! converged. Those that differ are held to differ for good only if they have not changed for a long time, and
//! for many times as long as anything took that was under way at their last change: a message, what waits for
//! a link, a processor or a disk, and a timer, behind which an update may be held back. Where that cannot be
//! seen within [`LIMIT`], nobody knows.

use super::Sim;
use crate::op::{Key, Value};
use crate::protocol::{Protocol, Replica as _};
use crate::time::{Duration, Instant};

/// How long replicas are given to converge before they are compared, and between two looks: after the last
/// operation, the last fault and the last delayed message, over links that neither jitter nor lose any more.
pub(super) const SETTLE: Duration = Duration::secs(10);
/// How long they may not have changed where they differ for good.
const QUIET: Duration = Duration::secs(590);
/// As many of the longest thing under way at the last change: comparing, answering, sending and doing it
/// again are four of them.
const STEPS: u64 = 8;
/// When it is given up, counted from the first look.
const LIMIT: Duration = Duration::secs(3600);

/// What is known of the replicas' coming to rest.
#[derive(Default)]
pub(super) struct Rest {
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
    /// Whether the replicas differed and might have gone on changing.
    pub(super) fn is_given_up(&self) -> bool {
        self.given_up
    }

    /// Replicas differ, hold what has this digest, and something is under way for `reach`; when to look again, if
    /// that makes sense.
    fn differ(&mut self, at: Instant, digest: u64, reach: Duration) -> Option<Instant> {
        let began = *self.began.get_or_insert(at);
        let last = match self.last {
            Some(last) if last.digest == digest => last,
            _ => *self.last.insert(Change { at, digest, reach }),
        };
        if at >= last.at + QUIET && at >= last.at + last.reach * STEPS {
            return None;
        }
        // What ends after the limit need not be waited for.
        self.given_up = at + reach > began + LIMIT;
        (!self.given_up).then_some(at + SETTLE)
    }
}

impl<P: Protocol> Sim<'_, P> {
    /// Compares the replicas; when to do so again, unless they are alike or nothing more will change.
    pub(super) fn look(&mut self, at: Instant) -> Option<Instant> {
        if self.is_settled() {
            return None;
        }
        let digest = self.digest_of_states();
        let reach = Duration(self.under_way_until().0.saturating_sub(at.0));
        self.rest.differ(at, digest, reach)
    }

    /// When the last of what is under way has happened: messages, work, syncs and replicas' timers.
    fn under_way_until(&self) -> Instant {
        let hosts = self.replicas.iter().map(|host| host.busy_until.max(host.syncing_until));
        let timers = self.timers[..self.replicas.len()].iter().filter_map(|timers| timers.last());
        hosts.chain(timers).fold(self.network.latest(), Instant::max)
    }

    /// Whether all replicas that are up would answer alike, each for the keys that it has.
    fn is_settled(&self) -> bool {
        (0..self.keys()).map(Key).all(|key| {
            let up = self.replicas.iter().filter_map(|host| host.machine.as_ref());
            let mut states = up
                .map(|at| (at.inspect(key), at.inspect_word(key), at.inspect_siblings(key)))
                .filter(|(value, ..)| *value != Value::NOT_HELD);
            let first = states.next();
            states.all(|other| Some(&other) == first.as_ref())
        })
    }

    /// A number that other states hardly have, by FNV-1a.
    fn digest_of_states(&self) -> u64 {
        let mut digest = 0xcbf2_9ce4_8422_2325_u64;
        let mut take = |word: u64| digest = (digest ^ word).wrapping_mul(0x0100_0000_01b3);
        for machine in self.replicas.iter().filter_map(|host| host.machine.as_ref()) {
            for key in (0..self.keys()).map(Key) {
                take(u64::from(machine.inspect(key).0));
                take(machine.inspect_word(key));
                machine.inspect_siblings(key).iter().for_each(|value| take(u64::from(value.0)));
            }
        }
        digest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: u64) -> Instant {
        Instant::ZERO + Duration::secs(s)
    }

    /// Looks every ten seconds; when that ended, and whether it was given up.
    fn looks(digest: impl Fn(u64) -> u64, reach: Duration) -> (u64, bool) {
        let mut rest = Rest::default();
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
