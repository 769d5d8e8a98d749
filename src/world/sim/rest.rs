//! When the simulated world looks whether its replicas have come to rest, and at what.

use super::Sim;
use crate::op::{Key, Value};
use crate::protocol::{Protocol, Replica as _};
use crate::time::{Duration, Instant};
use crate::world::rest::{Digest, Patience};

/// How long replicas are given to converge before they are compared, and between two looks: after the last
/// operation, the last fault and the last delayed message, over links that neither jitter nor lose any more.
pub(super) const SETTLE: Duration = Duration::secs(10);
/// Virtual time costs little.
pub(super) const PATIENCE: Patience =
    Patience { again: SETTLE, quiet: Duration::secs(590), limit: Duration::secs(3600) };

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

    /// What the replicas hold, as a number.
    fn digest_of_states(&self) -> u64 {
        let mut digest = Digest::EMPTY;
        for machine in self.replicas.iter().filter_map(|host| host.machine.as_ref()) {
            for key in (0..self.keys()).map(Key) {
                digest.take(u64::from(machine.inspect(key).0));
                digest.take(machine.inspect_word(key));
                let siblings = machine.inspect_siblings(key);
                siblings.iter().for_each(|value| digest.take(u64::from(value.0)));
            }
        }
        digest.0
    }
}
