//! How whole states of a key that stand beside each other are read as one: their union, or what a user of the
//! library says (`protocol::multi_leader::Merging`).

use std::fmt;

/// A function of two state words.
#[derive(Clone, Copy)]
pub struct Reading(pub fn(u64, u64) -> u64);

impl Default for Reading {
    fn default() -> Self {
        Self(|one, other| one | other)
    }
}

impl Reading {
    /// What these words are read as, in their order; 0 if there is none.
    pub(super) fn of(self, words: impl Iterator<Item = u64>) -> u64 {
        words.reduce(self.0).unwrap_or(0)
    }
}

/// Stores are compared by what they hold.
impl PartialEq for Reading {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Reading {}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reading")
    }
}
