//! The histories that `pacelc explain --history` writes, as anybody's.
//!
//! So what this program recorded can be judged by conditions that its runs did not ask for, and by the
//! searches, which know nothing of how the store ordered its writes: neither commits nor replicas'
//! final states are looked at. Versions are numbers, and every session is a process. An update that was
//! refused is a read of what it saw. A scan is a read of each of its keys, by a process for each session
//! and key, because a process does one thing at a time; so scans count in real time and not in sessions.
//! Of objects whose states are more than versions, scans do not say the state, and are left out.

use super::super::history::{Action, Builder, INITIAL, NEVER, Operation, Outcome};
use super::Wrong;
use crate::history::{self as recorded, History, Status};
use crate::op::{Contents, Key, Object, OpKind, Update, Value};
use std::io::BufRead;

/// How such a file begins.
const BEGINNING: &str = r#"{"format":"pacelc-history""#;

/// Whether the first line of a file is that of such a history.
pub(super) fn is_it(line: &str) -> bool {
    line.starts_with(BEGINNING)
}

/// The header is the first line.
const FIRST_LINE: usize = 2;

pub(super) fn read(source: impl BufRead) -> Result<Builder, Wrong> {
    let history =
        recorded::read(source, "").map_err(|wrong| Wrong::new(wrong.line, wrong.message))?;
    let object = history.contents.object;
    if history.merged {
        let message = "its store merges updates that conflict, so that a read may return several values, \
                       which no format here can say; `pacelc run` judges it";
        return Err(Wrong::new(1, message));
    }
    if object == Object::Lock {
        let message = "its keys are locks that their owner may acquire again, which `check` knows not; \
                       `pacelc run` judges it";
        return Err(Wrong::new(1, message));
    }
    let mut builder = Builder::new(&first(history.contents));
    builder.reserve(history.operations.len());
    builder.tick(1);
    let file = File { history: &history, object };
    for (i, op) in history.operations.iter().enumerate() {
        let line = u32::try_from(i + FIRST_LINE)
            .map_err(|_| Wrong::new(1, "a history has fewer than 2^32 lines"))?;
        match op.kind {
            OpKind::Scan => file.scan(op, line, &mut builder),
            _ => {
                let told = file.told(i, op);
                file.push(&mut builder, op, line, told);
            }
        }
    }
    Ok(builder)
}

/// What every key holds before its first operation, as JSON.
fn first(contents: Contents) -> String {
    match contents.object {
        Object::Register | Object::CasRegister | Object::Lock => "null".to_owned(),
        object => state(object, contents.initial),
    }
}

/// A state word as JSON.
fn state(object: Object, word: u64) -> String {
    match object {
        Object::Counter => (word as i64).to_string(),
        Object::Set => {
            let elements: Vec<u32> = (0..u64::BITS).filter(|bit| word >> bit & 1 == 1).collect();
            format!("{elements:?}").replace(' ', "")
        }
        _ => word.to_string(),
    }
}

fn version(value: Value) -> Option<String> {
    (value != Value::INITIAL).then(|| value.0.to_string())
}

struct File<'h> {
    history: &'h History,
    object: Object,
}

/// What an operation says of values, as JSON; nothing is the initial value.
struct Told {
    process: String,
    key: Key,
    action: Action,
    value: Option<String>,
    expected: Option<String>,
}

impl File<'_> {
    /// Whether its keys are what was last written to them.
    fn is_versioned(&self) -> bool {
        matches!(self.object, Object::Register | Object::CasRegister)
    }

    fn told(&self, i: usize, op: &recorded::Operation) -> Told {
        let effect = self.history.effects.get(i).copied().unwrap_or_default();
        let seen = || match self.is_versioned() {
            true => version(op.value),
            false => Some(state(self.object, effect.word)),
        };
        let (action, value, expected) = match effect.update {
            _ if op.kind == OpKind::Read || op.status == Status::Refused => match op.status {
                Status::Ok | Status::Refused => (Action::Read, seen(), None),
                Status::Failed | Status::Unknown => (Action::Read, None, None),
            },
            Update::CompareAndSet(old) => (Action::Cas, version(op.value), version(old)),
            Update::Add(n) => (Action::Add, Some(n.to_string()), None),
            Update::Take(n) => (Action::Take, Some(n.to_string()), None),
            Update::Insert(element) => (Action::Insert, Some(element.to_string()), None),
            Update::Remove(element) => (Action::Remove, Some(element.to_string()), None),
            Update::Put | Update::Lock(_) | Update::Unlock(_) => {
                (Action::Write, version(op.value), None)
            }
        };
        Told { process: op.session.to_string(), key: op.key, action, value, expected }
    }

    fn scan(&self, op: &recorded::Operation, line: u32, builder: &mut Builder) {
        if op.status != Status::Ok || !self.is_versioned() {
            return;
        }
        for (key, value) in (op.key.0..).zip(self.history.scan_values(op)) {
            let told = Told {
                process: format!("{} scanning k{key}", op.session),
                key: Key(key),
                action: Action::Read,
                value: version(*value),
                expected: None,
            };
            self.push(builder, op, line, told);
        }
    }

    fn push(&self, builder: &mut Builder, op: &recorded::Operation, line: u32, told: Told) {
        let outcome = match op.status {
            Status::Ok | Status::Refused => Outcome::Ok,
            Status::Failed => Outcome::Failed,
            Status::Unknown => Outcome::Unknown,
        };
        let mut number = |json: Option<String>| json.map_or(INITIAL, |json| builder.value(&json));
        let (value, expected) = (number(told.value), number(told.expected));
        let operation = Operation {
            invoked: op.invoked.0,
            completed: if outcome == Outcome::Unknown { NEVER } else { op.completed.0 },
            process: builder.process(&told.process),
            key: builder.key(&format!("k{}", told.key.0)),
            value,
            expected,
            line,
            action: told.action,
            outcome,
            swapped: outcome == Outcome::Ok && matches!(told.action, Action::Cas | Action::Take),
        };
        builder.push(operation);
    }
}
