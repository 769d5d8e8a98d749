//! A history as any store's test may have recorded it: what processes asked of keys, and what they
//! were told.
//!
//! Our own recorder's histories know commits, replicas and intended times; other people's know
//! operations, and no more. An operation takes 40 bytes, and every text is kept once. What is asked
//! of a history before it may be judged is asked here, whatever file it came from: that a process
//! does one thing after another.

use super::intern::Texts;
use super::words::short;
use std::fmt;

/// The number of the value that every key has before its first operation.
pub const INITIAL: u32 = 0;
/// When an operation ends whose end nobody saw.
pub const NEVER: u64 = u64::MAX;
/// The last instant there is. Far from [`NEVER`], so that no sum of times comes near it.
pub(super) const LAST: u64 = i64::MAX as u64;

/// What is wrong with a later time.
pub(super) fn late() -> String {
    format!("a time is a whole number of ticks from 0 to {LAST}, which is 2^63 - 1")
}

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
    /// When it ended; [`NEVER`] if that is not known.
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
    pub(super) fn reads_apart(&self) -> Self {
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

/// A recorded history, in the order of invocations.
#[derive(Clone, Debug)]
pub struct History {
    pub(super) operations: Vec<Operation>,
    pub(super) keys: Texts,
    pub(super) values: Texts,
    pub(super) processes: Texts,
    /// What each key holds.
    pub(super) kinds: Vec<Kind>,
    /// Nanoseconds of a tick, if that is known.
    pub(super) tick: Option<u64>,
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

    /// Whether it has a key of this name.
    #[must_use]
    pub fn knows(&self, key: &str) -> bool {
        self.keys.find(key).is_some()
    }

    /// What a key holds.
    #[must_use]
    pub fn kind(&self, key: u32) -> Kind {
        self.kinds.get(key as usize).copied().unwrap_or_default()
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

    /// How many nanoseconds a tick of its clock is, if its format says so.
    #[must_use]
    pub fn tick(&self) -> Option<u64> {
        self.tick
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

/// Why operations make no history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit {
    /// The line of the operation at fault.
    pub line: u32,
    /// What is wrong with it, in one sentence.
    pub message: String,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Unfit {}

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
        let (operations, kinds, tick) = (Vec::new(), Vec::new(), None);
        let history = History { operations, keys, values, processes, kinds, tick };
        Self { history, sorted: true }
    }

    /// Makes room for this many operations.
    pub fn reserve(&mut self, operations: usize) {
        self.history.operations.reserve_exact(operations);
    }

    /// Says that a tick is so many nanoseconds.
    pub fn tick(&mut self, nanoseconds: u64) {
        self.history.tick = Some(nanoseconds);
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

    /// The history, if every process does one thing at a time and every key holds one kind of
    /// object.
    ///
    /// # Errors
    ///
    /// A time of 2^63 or later, the first two operations of one process that overlap (one may begin in the instant in which
    /// the one before it ended), or the first operation that does not suit what its key holds.
    pub fn finish(mut self) -> Result<History, Unfit> {
        let history = &mut self.history;
        for op in &mut history.operations {
            // So NEVER says the same as the outcome, and may be asked instead of it.
            if op.outcome == Outcome::Unknown {
                op.completed = NEVER;
            }
            let ends = op.outcome == Outcome::Ok || op.completed != NEVER;
            if op.invoked > LAST || ends && op.completed > LAST {
                return Err(Unfit { line: op.line, message: late() });
            }
        }
        if !self.sorted {
            history.operations.sort_by_key(|op| (op.invoked, op.completed));
        }
        let mut open = vec![(0, 0); history.processes.len()];
        // By key: its kind, once an operation has told it, and the line of that one; a lock's is
        // told by the first that is no read, and reads before it are at fault.
        let mut kinds: Vec<(Option<Kind>, u32)> = vec![(None, 0); history.keys.len()];
        let mut first_read = vec![0; history.keys.len()];
        for op in &history.operations {
            let (until, line) = &mut open[op.process as usize];
            if op.invoked < *until {
                let unknown = *until == NEVER;
                return Err(overlap(history.processes.get(op.process), op.line, *line, unknown));
            }
            let unended = op.outcome == Outcome::Failed && op.completed == NEVER;
            (*until, *line) = (if unended { op.invoked } else { op.completed }, op.line);
            let (kind, told) = &mut kinds[op.key as usize];
            match (op.action.kind(), *kind) {
                (None, _) => first_read[op.key as usize] = op.line.max(1),
                (Some(new), None) => (*kind, *told) = (Some(new), op.line),
                (Some(new), Some(old)) if new == old => {}
                (Some(new), Some(old)) => {
                    let key = short(history.keys.get(op.key));
                    let message = format!(
                        "key {key} is {new} here and {old} on line {told}; a key holds one thing"
                    );
                    return Err(Unfit { line: op.line, message });
                }
            }
        }
        for (key, ((kind, line), read)) in kinds.iter().zip(first_read).enumerate() {
            let (name, initial) = (short(history.keys.get(key as u32)), history.value(INITIAL));
            let kind = kind.unwrap_or_default();
            if kind == Kind::Lock && read > 0 {
                let message = format!("key {name} is a lock, and a lock is not read");
                return Err(Unfit { line: read, message });
            }
            if !is_one(kind, initial) {
                let right = if kind == Kind::Set { "; a set has each element once" } else { "" };
                let message = format!("key {name} is {kind}, and cannot begin as {initial}{right}");
                return Err(Unfit { line: *line, message });
            }
        }
        let kinds: Vec<Option<Kind>> = kinds.into_iter().map(|(kind, _)| kind).collect();
        history.kinds = inferred(history, kinds);
        Ok(self.history)
    }
}

/// What each key holds. One that is only read does not say it, and is taken for what the history has
/// elsewhere, if that is what every read of it found: a counter among counters if all are whole
/// numbers, a set among sets if all are arrays. So where every key begins as null, a counter or a set
/// that nobody has touched may be read as 0 or as nothing, as those that are touched may be.
fn inferred(history: &History, told: Vec<Option<Kind>>) -> Vec<Kind> {
    let others = [Kind::Counter, Kind::Set].map(|kind| told.contains(&Some(kind)));
    // By key: whether it may be a counter, and whether it may be a set.
    let mut may_be = vec![others; told.len()];
    if others.contains(&true) {
        for op in history.operations.iter().filter(|op| op.found().is_some()) {
            let json = history.values.get(op.value);
            let [counter, set] = &mut may_be[op.key as usize];
            *counter &= is_one(Kind::Counter, json);
            *set &= is_one(Kind::Set, json);
        }
    }
    let kind = |(told, may_be): (Option<Kind>, [bool; 2])| match (told, may_be) {
        (Some(kind), _) => kind,
        (None, [true, _]) => Kind::Counter,
        (None, [_, true]) => Kind::Set,
        (None, _) => Kind::Register,
    };
    told.into_iter().zip(may_be).map(kind).collect()
}

/// Whether an object of this kind may begin as this value, given as JSON.
fn is_one(kind: Kind, json: &str) -> bool {
    match kind {
        Kind::Register | Kind::Lock => true,
        Kind::Counter => json == "null" || json.parse::<i128>().is_ok(),
        Kind::Set => match serde_json::from_str(json) {
            Ok(serde_json::Value::Null) => true,
            Ok(serde_json::Value::Array(all)) => {
                let mut all: Vec<String> = all.iter().map(ToString::to_string).collect();
                all.sort_unstable();
                all.windows(2).all(|two| two[0] != two[1])
            }
            _ => false,
        },
    }
}

/// An operation of this line begins before that of line `open` has ended.
fn overlap(process: &str, line: u32, open: u32, unknown: bool) -> Unfit {
    let message = if unknown {
        format!(
            "process {process} goes on after the operation of line {open}, whose outcome is \
             unknown; what follows must be by a process of another number"
        )
    } else {
        format!(
            "process {process} begins an operation before that of line {open} has ended; a process \
             does one thing at a time"
        )
    };
    Unfit { line, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_takes_forty_bytes() {
        assert_eq!(size_of::<Operation>(), 40);
    }
}
