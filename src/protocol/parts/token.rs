//! What a session has seen, by key: the token that its requests carry.
//!
//! After Terry et al., "Session guarantees for weakly consistent replicated data" (PDIS 1994), whose read and
//! write sets it is, cut down to the newest version of each key: where the last write wins, who has that
//! has all that came before.

use super::version::Version;
use crate::op::{Key, Level};

/// The newest version of each key that a session has written, read, or both, as its level wants.
#[derive(Clone, Debug, Default)]
pub struct Token {
    /// In order of key; only those that the session has met.
    seen: Vec<(Key, Version)>,
}

impl Token {
    /// Whether reads at this level must be as new as a token.
    #[must_use]
    pub fn kept_at(level: Level) -> bool {
        Self::of_writes(level) || Self::of_reads(level)
    }

    /// Whether what the session writes goes into it.
    fn of_writes(level: Level) -> bool {
        matches!(level, Level::Session | Level::ReadYourWrites)
    }

    /// Whether what the session reads goes into it.
    fn of_reads(level: Level) -> bool {
        matches!(level, Level::Session | Level::MonotonicReads)
    }

    /// What a read of the key must not be older than; the initial version if nothing is asked.
    #[must_use]
    pub fn of(&self, key: Key) -> Version {
        let found = self.seen.binary_search_by_key(&key, |(key, _)| *key);
        found.map_or(Version::default(), |at| self.seen[at].1)
    }

    /// The session's write was acknowledged.
    pub fn wrote(&mut self, level: Level, key: Key, version: Version) {
        if Self::of_writes(level) {
            self.note(key, version);
        }
    }

    /// The session was answered this.
    pub fn read(&mut self, level: Level, key: Key, version: Version) {
        if Self::of_reads(level) {
            self.note(key, version);
        }
    }

    fn note(&mut self, key: Key, version: Version) {
        match self.seen.binary_search_by_key(&key, |(key, _)| *key) {
            Ok(at) => self.seen[at].1 = self.seen[at].1.max(version),
            Err(at) => self.seen.insert(at, (key, version)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::{Rank, Value};

    fn version(time: u64) -> Version {
        Version { rank: Rank { time, node: 0 }, value: Value(time as u32) }
    }

    #[test]
    fn a_token_remembers_the_newest_of_what_its_level_speaks_of() {
        for (level, written, read) in [
            (Level::Session, 7, 9),
            (Level::ReadYourWrites, 7, 0),
            (Level::MonotonicReads, 0, 9),
            (Level::MonotonicWrites, 0, 0),
        ] {
            let mut token = Token::default();
            for time in [5, 7, 6] {
                token.wrote(level, Key(3), version(time));
            }
            token.read(level, Key(1), version(9));
            token.read(level, Key(1), version(8));
            let kept = [token.of(Key(3)), token.of(Key(1)), token.of(Key(2))];
            let expected = [written, read, 0].map(|time| match time {
                0 => Version::default(),
                time => version(time),
            });
            assert_eq!(kept, expected, "{level}");
        }
    }
}
