//! One operation: what a process asked of a key, when, and what it was told.

use super::INITIAL;
use std::fmt;

/// What was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Return the value.
    Read,
    /// Replace the value.
    Write,
    /// Replace the value if it is the expected one.
    Cas,
    /// Put a text behind the value, which is a text, or elements behind a list; null counts as the
    /// empty one.
    Append,
    /// Return to the initial value.
    Delete,
    /// Add a whole number to a counter.
    Add,
    /// Take units from a counter, if as many are left.
    Take,
    /// Put an element into a set.
    Insert,
    /// Take an element out of a set.
    Remove,
    /// Get hold of a lock that nobody holds.
    Acquire,
    /// Let go of a lock that one holds.
    Release,
}

impl Action {
    /// The kind of object that it belongs to; a read belongs to several.
    #[must_use]
    pub fn kind(self) -> Option<Kind> {
        match self {
            Self::Read => None,
            Self::Write | Self::Cas | Self::Append | Self::Delete => Some(Kind::Register),
            Self::Add | Self::Take => Some(Kind::Counter),
            Self::Insert | Self::Remove => Some(Kind::Set),
            Self::Acquire | Self::Release => Some(Kind::Lock),
        }
    }

    /// Whether what it makes of the value depends on more than the operation itself.
    #[must_use]
    pub fn accumulates(self) -> bool {
        self == Self::Append || self.kind().is_some_and(|kind| kind != Kind::Register)
    }
}

/// What a key holds, which its operations tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// A value that is written, swapped, appended to and deleted.
    #[default]
    Register,
    /// A whole number; null counts as 0. Stock, if units are taken from it.
    Counter,
    /// Elements, each there or not; null counts as none.
    Set,
    /// A lock that has an owner or none, and a fencing token that grows.
    Lock,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Register => "a register",
            Self::Counter => "a counter",
            Self::Set => "a set",
            Self::Lock => "a lock",
        })
    }
}

/// What is known of the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It took effect between its invocation and its completion, and answered.
    Ok,
    /// It had no effect, and tells nothing.
    Failed,
    /// It may take effect at any time after its invocation, or never.
    Unknown,
}

/// One operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// When it began, in the ticks of its history.
    pub invoked: u64,
    /// When it ended; [`NEVER`](super::NEVER) if that is not known.
    pub completed: u64,
    /// The number of the process.
    pub process: u32,
    /// The number of the key.
    pub key: u32,
    /// The number of the value read, written, appended or swapped in, of what is added or taken, of
    /// the element, or of the owner of a lock.
    pub value: u32,
    /// Of a compare-and-set, the number of the value it expects; of a lock that was got, the number
    /// of the fencing token or of `true`; otherwise [`INITIAL`].
    pub expected: u32,
    /// The line of its source, from 1; 0 if it has none.
    pub line: u32,
    /// What was asked.
    pub action: Action,
    /// What is known of the end.
    pub outcome: Outcome,
    /// Of an operation that may be refused, if it is ok: whether it was granted.
    pub swapped: bool,
}

impl Operation {
    /// Whether it takes effect at some time, or may.
    #[must_use]
    pub fn counts(&self) -> bool {
        match self.outcome {
            Outcome::Ok => true,
            Outcome::Failed => false,
            Outcome::Unknown => self.action != Action::Read,
        }
    }

    /// Whether it tells of the value and leaves it as it is: a read, or what was refused.
    #[must_use]
    pub fn observes(&self) -> bool {
        self.action == Action::Read || self.refused()
    }

    /// Whether it is known to have changed nothing because of the value it found: another one than
    /// a compare-and-set expected, too few units, or a lock that somebody else held.
    #[must_use]
    pub fn refused(&self) -> bool {
        let may =
            matches!(self.action, Action::Cas | Action::Take | Action::Acquire | Action::Release);
        may && self.outcome == Outcome::Ok && !self.swapped
    }

    /// The same where each process's observations are a process of their own.
    pub(in crate::foreign) fn reads_apart(&self) -> Self {
        Self { process: self.process * 2 + u32::from(self.observes()), ..*self }
    }

    /// The value it makes, if that can be told from the operation alone.
    #[must_use]
    pub fn makes(&self) -> Option<u32> {
        match self.action {
            Action::Write => Some(self.value),
            Action::Cas if !self.refused() => Some(self.value),
            Action::Delete => Some(INITIAL),
            _ => None,
        }
    }

    /// The value that it found, if it says so.
    #[must_use]
    pub fn found(&self) -> Option<u32> {
        match (self.action, self.outcome) {
            (Action::Read, Outcome::Ok) => Some(self.value),
            (Action::Cas, Outcome::Ok | Outcome::Unknown) if !self.refused() => Some(self.expected),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_takes_forty_bytes() {
        assert_eq!(size_of::<Operation>(), 40);
    }
}
