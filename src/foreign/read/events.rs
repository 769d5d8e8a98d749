//! From events, each an invocation or its end, to operations.
//!
//! Jepsen, Knossos and Porcupine record events in the order in which they happened, so an event's
//! place in the file is its time: no clock can contradict it, and no two are equal. A process whose
//! operation ended in `:info` may go on in some files; what follows is then by a process of another
//! name, because an unknown outcome stays open.

use super::super::history::{Action, Builder, INITIAL, NEVER, Operation, Outcome};
use super::Wrong;
use serde_json::Value;
use std::collections::BTreeMap;

/// What an event says of its operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Invoke,
    Ok,
    Fail,
    Info,
}

impl Step {
    pub(super) fn parse(word: &str) -> Option<Self> {
        match word {
            "invoke" => Some(Self::Invoke),
            "ok" => Some(Self::Ok),
            "fail" => Some(Self::Fail),
            "info" => Some(Self::Info),
            _ => None,
        }
    }
}

/// What is called, by the names of Jepsen and of Porcupine.
pub(super) fn action(word: &str) -> Option<Action> {
    match word {
        "read" | "get" => Some(Action::Read),
        "write" | "put" => Some(Action::Write),
        "cas" => Some(Action::Cas),
        "append" => Some(Action::Append),
        "delete" => Some(Action::Delete),
        _ => None,
    }
}

/// One event.
pub(super) struct Event<'a> {
    pub(super) process: &'a str,
    pub(super) step: Step,
    pub(super) action: Action,
    pub(super) key: Option<String>,
    pub(super) value: Value,
}

/// Whether a compare-and-set that failed is known to have found another value. Logs of etcd's tests
/// mean that; Knossos takes it for an operation that did not happen.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum FailedCas {
    FoundAnother,
    DidNothing,
}

/// An operation under way.
struct Open {
    operation: Operation,
    /// Its key.
    key: String,
    /// Whether its value names its key, as a pair.
    keyed: bool,
    /// Its value, as its invocation gave it.
    value: Value,
}

/// Puts events together.
pub(super) struct Events {
    builder: Builder,
    open: BTreeMap<String, Open>,
    /// How often a process has gone on after an unknown outcome.
    lives: BTreeMap<String, u32>,
    failed_cas: FailedCas,
    now: u64,
}

impl Events {
    pub(super) fn new(initial: &str, failed_cas: FailedCas) -> Self {
        Self {
            builder: Builder::new(initial),
            open: BTreeMap::new(),
            lives: BTreeMap::new(),
            failed_cas,
            now: 0,
        }
    }

    /// Takes the event of a line.
    pub(super) fn take(&mut self, event: Event<'_>, line: u64) -> Result<(), Wrong> {
        let result = match event.step {
            Step::Invoke => self.invoke(event, line),
            _ => self.end(event),
        };
        self.now += 1;
        result.map_err(|message| Wrong::new(line, message))
    }

    fn invoke(&mut self, event: Event<'_>, line: u64) -> Result<(), String> {
        let Event { process, action, key, value, .. } = event;
        if let Some(open) = self.open.get(process) {
            return Err(format!(
                "process {process} begins an operation before that of line {} has ended; a process \
                 does one thing at a time",
                open.operation.line
            ));
        }
        let given = value.clone();
        // Where the key has a place of its own, a pair is a value like any other.
        let (pair, value) = if key.is_some() { (None, value) } else { split(action, value) };
        let keyed = pair.is_some();
        let (value, expected) = match (action, value) {
            (Action::Cas, Value::Array(pair)) => match <[Value; 2]>::try_from(pair) {
                Ok([expected, new]) => (new, expected),
                Err(_) => return Err("the value of a :cas is a pair [expected new]".to_owned()),
            },
            (Action::Cas, _) => {
                return Err("the value of a :cas is a pair [expected new]".to_owned());
            }
            (Action::Append, value) if !value.is_string() => {
                return Err(format!("a text is appended, and not {value}"));
            }
            (_, value) => (value, Value::Null),
        };
        let key = key.or(pair).unwrap_or_else(|| "register".to_owned());
        let name = match self.lives.get(process) {
            None => process.to_owned(),
            Some(life) => format!("{process}/{life}"),
        };
        let builder = &mut self.builder;
        let mut number = |value: &Value| builder.value(&value.to_string());
        let valued = matches!(action, Action::Write | Action::Cas | Action::Append);
        let value = if valued { number(&value) } else { INITIAL };
        let expected = if action == Action::Cas { number(&expected) } else { INITIAL };
        let operation = Operation {
            invoked: self.now,
            completed: NEVER,
            process: self.builder.process(&name),
            key: self.builder.key(&key),
            value,
            expected,
            line: u32::try_from(line).map_err(|_| "a history has fewer than 2^32 lines")?,
            action,
            outcome: Outcome::Unknown,
            swapped: false,
        };
        self.open.insert(process.to_owned(), Open { operation, key, keyed, value: given });
        Ok(())
    }

    fn end(&mut self, event: Event<'_>) -> Result<(), String> {
        let Event { process, step, action, key, value } = event;
        let Some(open) = self.open.remove(process) else {
            return Err(format!(
                "process {process} ends an operation that it has not begun; an :invoke comes first"
            ));
        };
        let (pair, value) =
            if open.keyed && action == Action::Read { split(action, value) } else { (None, value) };
        let other = if open.operation.action != action {
            "an operation of another kind"
        } else if key.or(pair).is_some_and(|key| key != open.key) {
            "an operation of another key"
        } else if step == Step::Ok
            && action != Action::Read
            && !value.is_null()
            && value != open.value
        {
            "an operation with another value"
        } else {
            ""
        };
        let mut operation = open.operation;
        if !other.is_empty() {
            let line = operation.line;
            return Err(format!("process {process} ends {other} than it began on line {line}"));
        }
        let failed_cas = action == Action::Cas && self.failed_cas == FailedCas::FoundAnother;
        operation.outcome = match step {
            Step::Fail if !failed_cas => Outcome::Failed,
            Step::Info | Step::Invoke => Outcome::Unknown,
            Step::Ok | Step::Fail => Outcome::Ok,
        };
        if operation.outcome == Outcome::Unknown {
            *self.lives.entry(process.to_owned()).or_insert(1) += 1;
        } else {
            operation.completed = self.now;
        }
        operation.swapped = action == Action::Cas && step == Step::Ok;
        if action == Action::Read && step == Step::Ok {
            operation.value = self.builder.value(&value.to_string());
        }
        self.builder.push(operation);
        Ok(())
    }

    /// All operations; what has not ended is unknown.
    pub(super) fn finish(mut self) -> Builder {
        for open in self.open.into_values() {
            self.builder.push(open.operation);
        }
        self.builder
    }
}

/// A key's name: its text, in quotes where it could be taken for a number or another value.
pub(super) fn name(key: &Value) -> String {
    match key.as_str() {
        Some(text) if serde_json::from_str::<Value>(text).is_err() => text.to_owned(),
        _ => key.to_string(),
    }
}

/// The key and the rest of a value that is a pair of both, as `jepsen.independent` writes it.
fn split(action: Action, value: Value) -> (Option<String>, Value) {
    let inner_pair = |value: &Value| value.as_array().is_some_and(|pair| pair.len() == 2);
    match value {
        Value::Array(pair)
            if pair.len() == 2 && (action != Action::Cas || inner_pair(&pair[1])) =>
        {
            let mut pair = pair.into_iter();
            let (key, rest) = (pair.next().unwrap_or_default(), pair.next().unwrap_or_default());
            (Some(name(&key)), rest)
        }
        other => (None, other),
    }
}
