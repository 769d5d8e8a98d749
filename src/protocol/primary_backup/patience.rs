//! How long a write waits for backups before it is acknowledged without them. One list of what waits
//! serves the two ways there are.
//!
//! MySQL falls back: while some write has waited longer than `fall_back`, no write waits, until the
//! backups have caught up. (MySQL's semi-synchronous source returns when a replica has everything; here
//! the oldest write that lacks its copies must be younger than the limit, which under load comes
//! sooner.) Redis' `WAIT` ends for each write by itself: one that timed out says nothing of the next,
//! which waits anew. Neither undoes anything.

use super::Config;
use crate::time::{Duration, LocalTime};
use std::collections::VecDeque;

/// Writes on the primary's disk that lack copies: the last index of each sync, and since when.
#[derive(Debug, Default)]
pub(super) struct Patience(VecDeque<(u64, LocalTime)>);

impl Patience {
    /// Everything up to an index waits from now on.
    pub(super) fn begin(&mut self, config: &Config, index: u64, now: LocalTime) {
        let news = self.0.back().is_none_or(|(last, _)| *last < index);
        if config.patience().is_some() && news {
            self.0.push_back((index, now));
        }
    }

    /// How far clients may be told, where the knob is satisfied up to `replicated`.
    pub(super) fn ended(&mut self, config: &Config, replicated: u64, now: LocalTime) -> u64 {
        while self.0.front().is_some_and(|(index, _)| *index <= replicated) {
            self.0.pop_front();
        }
        let mut ended = replicated;
        while let Some((index, _)) = self.0.front().copied()
            && self.left(config, now) == Some(Duration::ZERO)
        {
            if config.fall_back.is_some() {
                return u64::MAX;
            }
            ended = index;
            self.0.pop_front();
        }
        ended
    }

    /// How much longer the first of them waits.
    pub(super) fn left(&self, config: &Config, now: LocalTime) -> Option<Duration> {
        let (_, since) = self.0.front()?;
        Some(config.patience()? - now.since(*since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        toml::from_str(text).expect("a config")
    }

    fn at(ms: u64) -> LocalTime {
        LocalTime(ms * 1_000_000)
    }

    #[test]
    fn after_a_fall_back_nobody_waits_until_the_backups_have_caught_up() {
        let mysql = config("acknowledge = 'any 1'\nfall_back = '10s'");
        let mut waiting = Patience::default();
        waiting.begin(&mysql, 3, at(0));
        waiting.begin(&mysql, 5, at(4_000));
        assert_eq!(waiting.left(&mysql, at(4_000)), Some(Duration::secs(6)));
        assert_eq!(waiting.ended(&mysql, 0, at(9_999)), 0, "there is still a millisecond");
        assert_eq!(waiting.ended(&mysql, 0, at(10_000)), u64::MAX);
        waiting.begin(&mysql, 6, at(13_000));
        assert_eq!(waiting.ended(&mysql, 2, at(13_000)), u64::MAX, "it still lacks the third");
        assert_eq!(waiting.ended(&mysql, 3, at(13_500)), 3, "the rest is younger than 10 s");
        assert_eq!(waiting.ended(&mysql, 5, at(14_500)), 5);
    }

    #[test]
    fn a_wait_ends_for_one_write_and_the_next_begins_its_own() {
        let redis = config("acknowledge = 'any 1'\nwait_timeout = '100ms'");
        let mut waiting = Patience::default();
        waiting.begin(&redis, 1, at(0));
        waiting.begin(&redis, 2, at(60));
        assert_eq!(waiting.ended(&redis, 0, at(99)), 0);
        assert_eq!(waiting.ended(&redis, 0, at(100)), 1, "the first alone");
        assert_eq!(waiting.left(&redis, at(100)), Some(Duration::millis(60)));
        assert_eq!(waiting.ended(&redis, 2, at(120)), 2);
        assert_eq!(waiting.left(&redis, at(120)), None, "nothing waits");
    }

    #[test]
    fn without_a_limit_writes_wait_for_ever() {
        let patient = config("acknowledge = 'any 1'");
        let mut waiting = Patience::default();
        waiting.begin(&patient, 1, at(0));
        assert_eq!(waiting.ended(&patient, 0, at(1_000_000)), 0);
        assert_eq!(waiting.left(&patient, at(1_000_000)), None);
    }
}
