//! The clock on the wall: nanoseconds since a run began, by the machine's monotonic clock.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the live world is the one that measures real time"
)]

use crate::time::{Duration, Instant};
use std::time::Instant as Monotonic;

/// Counts from the moment it was made.
#[derive(Clone, Copy, Debug)]
pub(super) struct WallClock(Monotonic);

impl WallClock {
    /// Begins to count.
    pub(super) fn start() -> Self {
        Self(Monotonic::now())
    }

    /// How long that was ago.
    pub(super) fn now(self) -> Instant {
        Instant(self.0.elapsed().as_nanos() as u64)
    }

    /// How long until then; nothing if it is past.
    pub(super) fn until(self, at: Instant) -> Duration {
        Duration(at.0.saturating_sub(self.now().0))
    }
}

/// What the machine's calendar says, since 1970.
pub(super) fn since_1970() -> Duration {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Duration(since.unwrap_or_default().as_nanos() as u64)
}

/// Has this thread wait, to the operating system's precision.
pub(super) fn sleep(time: Duration) {
    std::thread::sleep(std::time::Duration::from_nanos(time.0));
}
