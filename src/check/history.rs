//! A history as any store's test may have recorded it: what processes asked of keys, and what they
//! were told.
//!
//! Our own recorder's histories know commits, replicas and intended times; other people's know
//! operations, and no more. An operation takes 40 bytes, and every text is kept once. What is asked
//! of a history before it may be judged is asked here, whatever file it came from: that a process
//! does one thing after another.

use super::intern::Texts;
use std::fmt;

/// The number of the value that every key has before its first operation.
pub const INITIAL: u32 = 0;
/// When an operation ends whose end nobody saw.
pub const NEVER: u64 = u64::MAX;

/// What was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Return the value.
    Read,
    /// Replace the value.
    Write,
    /// Replace the value if it is the expected one.
    Cas,
    /// Put a text behind the value, which is a text; null counts as the empty one.
    Append,
    /// Return to the initial value.
    Delete,
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
    /// When it ended; [`NEVER`] if that is not known.
    pub completed: u64,
    /// The number of the process.
    pub process: u32,
    /// The number of the key.
    pub key: u32,
    /// The number of the value read, written, appended or swapped in.
    pub value: u32,
    /// Of a compare-and-set, the number of the value it expects; otherwise [`INITIAL`].
    pub expected: u32,
    /// The line of its source, from 1; 0 if it has none.
    pub line: u32,
    /// What was asked.
    pub action: Action,
    /// What is known of the end.
    pub outcome: Outcome,
    /// Of a compare-and-set that is ok: whether it found what it expected.
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

    /// Whether it tells of the value and leaves it as it is: a read, or a mismatch.
    #[must_use]
    pub fn observes(&self) -> bool {
        self.action == Action::Read || self.mismatch()
    }

    /// Whether it is a compare-and-set that found another value than it expected.
    #[must_use]
    pub fn mismatch(&self) -> bool {
        self.action == Action::Cas && self.outcome == Outcome::Ok && !self.swapped
    }

    /// The value it makes, if that can be told from the operation alone.
    #[must_use]
    pub fn makes(&self) -> Option<u32> {
        match self.action {
            Action::Write => Some(self.value),
            Action::Cas if !self.mismatch() => Some(self.value),
            Action::Delete => Some(INITIAL),
            Action::Cas | Action::Append | Action::Read => None,
        }
    }

    /// The value that it found, if it says so.
    #[must_use]
    pub fn found(&self) -> Option<u32> {
        match (self.action, self.outcome) {
            (Action::Read, Outcome::Ok) => Some(self.value),
            (Action::Cas, Outcome::Ok | Outcome::Unknown) if !self.mismatch() => {
                Some(self.expected)
            }
            _ => None,
        }
    }
}

/// A recorded history, in the order of invocations.
#[derive(Clone, Debug)]
pub struct History {
    pub(super) operations: Vec<Operation>,
    pub(super) keys: Texts,
    pub(super) values: Texts,
    pub(super) processes: Texts,
}

impl History {
    /// The operations, in the order of their invocations.
    #[must_use]
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The name of a key.
    #[must_use]
    pub fn key(&self, number: u32) -> &str {
        self.keys.get(number)
    }

    /// A value as JSON.
    #[must_use]
    pub fn value(&self, number: u32) -> &str {
        self.values.get(number)
    }

    /// The name of a process.
    #[must_use]
    pub fn process(&self, number: u32) -> &str {
        self.processes.get(number)
    }

    /// How many keys, values and processes there are.
    #[must_use]
    pub fn counts(&self) -> (usize, usize, usize) {
        (self.keys.len(), self.values.len(), self.processes.len())
    }

    /// Bytes held by this history.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let operations = self.operations.capacity() * size_of::<Operation>();
        operations as u64 + self.keys.bytes() + self.values.bytes() + self.processes.bytes()
    }
}

/// An operation begins before the last one of its process has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlap {
    /// The process.
    pub process: String,
    /// The line of the operation that begins too early.
    pub line: u32,
    /// The line of the operation that has not ended.
    pub open: u32,
    /// Whether the end of that one is not known at all.
    pub unknown: bool,
}

impl fmt::Display for Overlap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { process, open, unknown, .. } = self;
        if *unknown {
            write!(
                f,
                "process {process} goes on after the operation of line {open}, whose outcome is \
                 unknown; what follows must be by a process of another number"
            )
        } else {
            write!(
                f,
                "process {process} begins an operation before that of line {open} has ended; a \
                 process does one thing at a time"
            )
        }
    }
}

/// Puts a history together, operation by operation, in any order.
#[derive(Clone, Debug)]
pub struct Builder {
    history: History,
    /// Whether the operations so far came in the order of their invocations.
    sorted: bool,
}

impl Builder {
    /// An empty history in which every key begins with this value, given as JSON.
    #[must_use]
    pub fn new(initial: &str) -> Self {
        let mut values = Texts::default();
        values.number(initial);
        let (keys, processes) = (Texts::default(), Texts::default());
        let history = History { operations: Vec::new(), keys, values, processes };
        Self { history, sorted: true }
    }

    /// Makes room for this many operations.
    pub fn reserve(&mut self, operations: usize) {
        self.history.operations.reserve_exact(operations);
    }

    /// The number of a key.
    pub fn key(&mut self, name: &str) -> u32 {
        self.history.keys.number(name)
    }

    /// The number of a value, given as JSON without spaces.
    pub fn value(&mut self, json: &str) -> u32 {
        self.history.values.number(json)
    }

    /// The number of a process.
    pub fn process(&mut self, name: &str) -> u32 {
        self.history.processes.number(name)
    }

    /// Adds an operation, whose numbers are of this builder.
    pub fn push(&mut self, operation: Operation) {
        let last = self.history.operations.last();
        self.sorted &= last.is_none_or(|last| last.invoked <= operation.invoked);
        self.history.operations.push(operation);
    }

    /// How many operations there are so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.history.operations.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.history.operations.is_empty()
    }

    /// The history, if every process does one thing at a time.
    ///
    /// # Errors
    ///
    /// The first two operations of one process that overlap. One may begin in the instant in which
    /// the one before it ended.
    pub fn finish(mut self) -> Result<History, Overlap> {
        let operations = &mut self.history.operations;
        if !self.sorted {
            operations.sort_by_key(|op| (op.invoked, op.completed));
        }
        let mut open = vec![(0, 0); self.history.processes.len()];
        for op in operations {
            let (until, line) = &mut open[op.process as usize];
            if op.invoked < *until {
                let process = self.history.processes.get(op.process).to_owned();
                let unknown = *until == NEVER;
                return Err(Overlap { process, line: op.line, open: *line, unknown });
            }
            let unended = op.outcome == Outcome::Failed && op.completed == NEVER;
            (*until, *line) = (if unended { op.invoked } else { op.completed }, op.line);
        }
        Ok(self.history)
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
