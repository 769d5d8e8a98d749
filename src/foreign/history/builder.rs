//! How a history is put together, and what is asked of it first: that a process does one thing after another, and that
//! a key holds one thing.

use super::super::intern::Texts;
use super::super::words::short;
use super::{History, INITIAL, Kind, LAST, NEVER, Operation, Outcome, late};
use std::fmt;

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
            history.operations.sort_by_key(|op| op.invoked);
        }
        // Of a process's operations that begin in one instant, that which ends in it came first, wherever
        // it stands in the file.
        for at_once in history.operations.chunk_by_mut(|a, b| a.invoked == b.invoked) {
            at_once.sort_by_key(busy_until);
        }
        one_at_a_time(history)?;
        history.kinds = inferred(history, told(history)?);
        Ok(self.history)
    }
}

/// Until when an operation keeps its process from the next one: what failed at an instant that nobody noted is
/// over at once.
fn busy_until(op: &Operation) -> u64 {
    let unended = op.outcome == Outcome::Failed && op.completed == NEVER;
    if unended { op.invoked } else { op.completed }
}

/// Every process does one thing at a time; operations stand in the order of their invocations.
fn one_at_a_time(history: &History) -> Result<(), Unfit> {
    let mut open = vec![(0, 0); history.processes.len()];
    for op in &history.operations {
        let (until, line) = &mut open[op.process as usize];
        if op.invoked < *until {
            let unknown = *until == NEVER;
            return Err(overlap(history.processes.get(op.process), op.line, *line, unknown));
        }
        (*until, *line) = (busy_until(op), op.line);
    }
    Ok(())
}

/// By key: its kind, if an operation has told it. All operations agree on it, a lock is not read, and the
/// initial value is one of its kind.
fn told(history: &History) -> Result<Vec<Option<Kind>>, Unfit> {
    // With the line of the operation that told the kind, and that of a read of the key.
    let mut kinds: Vec<(Option<Kind>, u32)> = vec![(None, 0); history.keys.len()];
    let mut read_on = vec![0; history.keys.len()];
    for op in &history.operations {
        let (kind, line) = &mut kinds[op.key as usize];
        match (op.action.kind(), *kind) {
            (None, _) => read_on[op.key as usize] = op.line.max(1),
            (Some(new), None) => (*kind, *line) = (Some(new), op.line),
            (Some(new), Some(old)) if new == old => {}
            (Some(new), Some(old)) => {
                let key = short(history.keys.get(op.key));
                let message = format!(
                    "key {key} is {new} here and {old} on line {line}; a key holds one thing"
                );
                return Err(Unfit { line: op.line, message });
            }
        }
    }
    for (key, ((kind, line), read)) in kinds.iter().zip(read_on).enumerate() {
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
    Ok(kinds.into_iter().map(|(kind, _)| kind).collect())
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
    use super::super::Action;
    use super::*;

    /// Writes of one process to one key.
    fn writes(times: &[(u64, u64, Outcome)]) -> Result<Vec<u32>, Unfit> {
        let mut builder = Builder::new("null");
        let (process, key) = (builder.process("1"), builder.key("x"));
        for (line, (invoked, completed, outcome)) in (1..).zip(times) {
            let value = builder.value(&line.to_string());
            builder.push(Operation {
                invoked: *invoked,
                completed: *completed,
                process,
                key,
                value,
                expected: INITIAL,
                line,
                action: Action::Write,
                outcome: *outcome,
                swapped: false,
            });
        }
        builder.finish().map(|history| history.operations().iter().map(|op| op.line).collect())
    }

    #[test]
    fn what_begins_and_ends_in_an_instant_comes_before_what_goes_on_in_any_order_of_lines() {
        let (brief, long) = ((5, 5, Outcome::Ok), (5, 7, Outcome::Ok));
        let earlier = (1, 2, Outcome::Ok);
        assert_eq!(writes(&[brief, long]), Ok(vec![1, 2]));
        assert_eq!(writes(&[long, brief]), Ok(vec![2, 1]));
        assert_eq!(writes(&[long, earlier, brief]), Ok(vec![2, 3, 1]));
        assert_eq!(writes(&[brief, earlier, long]), Ok(vec![2, 1, 3]));
        assert!(writes(&[long, long]).is_err(), "these overlap in any order");
    }

    #[test]
    fn what_failed_at_an_unknown_instant_is_in_nobodys_way() {
        let (failed, ok) = ((5, NEVER, Outcome::Failed), (5, 6, Outcome::Ok));
        let earlier = (1, 2, Outcome::Ok);
        for times in [[failed, ok, earlier], [earlier, ok, failed], [ok, failed, earlier]] {
            assert!(writes(&times).is_ok(), "{times:?}");
        }
    }
}
