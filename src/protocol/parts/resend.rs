//! When to send again what somebody misses.
//!
//! Whoever lacks something says so with every heartbeat, also while it is under way already. Sending
//! it again each time would fill a slow link with copies, so the same wish is granted once per wait.

use crate::time::{Duration, LocalTime};

/// The last wish of one peer that was granted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Resend {
    from: u64,
    at: LocalTime,
}

impl Resend {
    /// Whether to send everything from `from` on now: it is another wish, or the wait is over.
    pub fn is_due(&mut self, from: u64, now: LocalTime, wait: Duration) -> bool {
        let due = from != self.from || now.since(self.at) >= wait;
        if due {
            *self = Self { from, at: now };
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_wish_is_granted_once_per_wait() {
        let mut resend = Resend::default();
        let wait = Duration::millis(500);
        let at = |ms: u64| LocalTime(ms * 1_000_000);
        assert!(resend.is_due(7, at(100), wait));
        assert!(!resend.is_due(7, at(200), wait));
        assert!(resend.is_due(9, at(300), wait), "it has got further");
        assert!(!resend.is_due(9, at(700), wait));
        assert!(resend.is_due(9, at(800), wait), "what was sent may be lost");
    }
}
