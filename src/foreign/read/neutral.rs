//! JSON Lines: one operation a line, with the times of its invocation and of its completion.
//!
//! ```json
//! {"process":1,"key":"x","op":"write","value":7,"invoke":0,"complete":5,"ok":true}
//! {"process":2,"key":"x","op":"read","result":7,"invoke":6,"complete":9,"ok":true}
//! {"process":3,"key":"x","op":"cas","expected":7,"value":8,"invoke":7,"complete":null,"ok":null}
//! ```
//!
//! `ok` is true, false (no effect, and tells nothing) or null (unknown; then `complete` is null too). An `id`, where there is one,
//! is that of no other operation. Times are below 2^63. Numbers are compared by what they are, not by
//! how they are written: 1 and 1.0 are one value. What a key holds, its operations say (one that is
//! only read is a counter or a set if other keys are, and if that is what was read, and else a register):
//!
//! | key | `op` | `value` | `result`, where `ok` is true |
//! |---|---|---|---|
//! | any but a lock | `read` | | the value; null if there is none yet |
//! | register | `write`, `delete` | what is written | |
//! | register | `cas`, with `expected` | what is swapped in | true, or false: another was found |
//! | register | `append` | a text or an array | |
//! | counter | `add` | a whole number | |
//! | counter | `take` | how many units | true, or false: fewer were left |
//! | set | `insert`, `remove` | the element; reads give an array, in any order | |
//! | lock | `acquire` | the owner; without one, the process | the fencing token or true, or false: it was held |
//! | lock | `release` | the same | true or nothing, or false: it was not the owner's |

use super::super::history::{Action, Builder, INITIAL, LAST, NEVER, Operation, Outcome, late};
use super::super::intern::Texts;
use super::Wrong;
use super::exact;
use super::json::no_operation;
use super::lines::Lines;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::borrow::Cow;
use std::io::BufRead;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    #[serde(default)]
    id: Option<Value>,
    process: i64,
    #[serde(borrow)]
    key: Cow<'a, str>,
    #[serde(borrow)]
    op: Cow<'a, str>,
    #[serde(default, deserialize_with = "present")]
    value: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    expected: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    result: Option<Value>,
    invoke: u64,
    #[serde(default)]
    complete: Option<u64>,
    #[serde(default, deserialize_with = "present")]
    ok: Option<Option<bool>>,
}

/// `null` is a value, and not the absence of one.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

/// The operations' names in this format.
pub(super) const ACTIONS: [(&str, Action); 11] = [
    ("read", Action::Read),
    ("write", Action::Write),
    ("cas", Action::Cas),
    ("append", Action::Append),
    ("delete", Action::Delete),
    ("add", Action::Add),
    ("take", Action::Take),
    ("insert", Action::Insert),
    ("remove", Action::Remove),
    ("acquire", Action::Acquire),
    ("release", Action::Release),
];

pub(super) fn read<R: BufRead>(lines: &mut Lines<R>, initial: &str) -> Result<Builder, Wrong> {
    let (mut builder, mut ids) = (Builder::new(initial), Texts::default());
    while let Some((number, text)) = lines.next()? {
        if text.trim_ascii().is_empty() {
            continue;
        }
        let operation = operation(text, &mut builder, &mut ids);
        let mut operation = operation.map_err(|message| Wrong::new(number, message))?;
        operation.line = u32::try_from(number)
            .map_err(|_| Wrong::new(number, "a history has fewer than 2^32 lines"))?;
        builder.push(operation);
    }
    Ok(builder)
}

fn operation(text: &str, builder: &mut Builder, ids: &mut Texts) -> Result<Operation, String> {
    // An array of as many values would pass for an object with these fields.
    let object = if text.trim_ascii_start().starts_with('{') { text } else { "[]" };
    let parsed = serde_json::from_str(object);
    let mut line: Line<'_> = parsed.map_err(|error| no_operation(text, &error))?;
    let values = [&mut line.id, &mut line.value, &mut line.expected, &mut line.result];
    values.into_iter().flatten().try_for_each(exact)?;
    if line.invoke > LAST || line.complete.is_some_and(|at| at > LAST) {
        return Err(late());
    }
    if let Some(id) = &line.id
        && !ids.insert(&id.to_string()).1
    {
        return Err(format!("the id {id} is that of an operation before; ids are unique"));
    }
    let action = ACTIONS.iter().find(|(name, _)| *name == line.op);
    let Some(&(name, action)) = action else { return Err(unknown(&line.op)) };
    let Some(ok) = line.ok else {
        return Err("`ok` is missing: true, false, or null if the outcome is unknown".to_owned());
    };
    let (outcome, completed) = match (ok, line.complete) {
        (Some(true), None) => {
            return Err("an operation that is ok has completed; `complete` is missing".to_owned());
        }
        (Some(_), Some(at)) if at < line.invoke => {
            let invoke = line.invoke;
            return Err(format!("it completes at {at}, before it is invoked at {invoke}"));
        }
        (Some(true), Some(at)) => (Outcome::Ok, at),
        (Some(false), at) => (Outcome::Failed, at.unwrap_or(NEVER)),
        (None, None) => (Outcome::Unknown, NEVER),
        (None, Some(at)) => {
            return Err(format!(
                "its outcome is unknown (`ok` is null), so nobody saw it complete at {at}; `complete` is \
                 null then, or `ok` says what is known"
            ));
        }
    };
    let (invoked, process, key) = (line.invoke, line.process, line.key.clone());
    let Said { value, expected, swapped } = said(line, action, name, outcome)?;
    let mut number =
        |value: Option<Value>| value.map_or(INITIAL, |value| builder.value(&value.to_string()));
    Ok(Operation {
        invoked,
        completed,
        value: number(value),
        expected: number(expected),
        process: builder.process(&process.to_string()),
        key: builder.key(&key),
        line: 0,
        action,
        outcome,
        swapped,
    })
}

/// What an operation says of values.
struct Said {
    value: Option<Value>,
    expected: Option<Value>,
    swapped: bool,
}

fn said(line: Line<'_>, action: Action, name: &str, outcome: Outcome) -> Result<Said, String> {
    let need = |field: Option<Value>, called: &str| {
        field.ok_or_else(|| format!("{} that is {} has a `{called}`", a(name), word(outcome)))
    };
    let ok = outcome == Outcome::Ok;
    let (mut expected, mut swapped) = (None, false);
    let value = match action {
        Action::Read if ok => Some(need(line.result, "result")?),
        Action::Read | Action::Delete => None,
        Action::Write | Action::Insert | Action::Remove => Some(need(line.value, "value")?),
        Action::Append => match need(line.value, "value")? {
            what @ (Value::String(_) | Value::Array(_)) => Some(what),
            other => return Err(format!("a text or an array is appended, and not {other}")),
        },
        Action::Add | Action::Take => {
            let value = need(line.value, "value")?;
            if !value.is_u64() && (action == Action::Take || !value.is_i64()) {
                let least = if action == Action::Take { ", 0 or more" } else { "" };
                return Err(format!(
                    "the value of {} is a whole number{least}, not {value}",
                    a(name)
                ));
            }
            if action == Action::Take && ok {
                swapped = yes_or_no(name, &need(line.result, "result")?)?;
            }
            Some(value)
        }
        Action::Cas => {
            if ok {
                swapped = yes_or_no(name, &need(line.result, "result")?)?;
            }
            expected = Some(need(line.expected, "expected")?);
            Some(need(line.value, "value")?)
        }
        Action::Acquire if ok => match need(line.result, "result")? {
            Value::Bool(false) => Some(line.value.unwrap_or(line.process.into())),
            got if got == Value::Bool(true) || got.as_i64().is_some_and(|token| token >= 0) => {
                (expected, swapped) = (Some(got), true);
                Some(line.value.unwrap_or(line.process.into()))
            }
            other => {
                return Err(format!(
                    "the result of an acquire is true, false or a fencing token, which is a whole \
                     number from 0, and not {other}"
                ));
            }
        },
        Action::Acquire | Action::Release => {
            swapped = ok && line.result.is_none_or(|result| result != Value::Bool(false));
            Some(line.value.unwrap_or(line.process.into()))
        }
    };
    Ok(Said { value, expected, swapped })
}

fn yes_or_no(name: &str, result: &Value) -> Result<bool, String> {
    result.as_bool().ok_or_else(|| format!("the result of a {name} is true or false, not {result}"))
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Ok => "ok",
        Outcome::Failed => "failed",
        Outcome::Unknown => "unknown",
    }
}

fn a(name: &str) -> String {
    format!("{} {name}", if name.starts_with(['a', 'i']) { "an" } else { "a" })
}

/// No such operation; which one was meant?
pub(super) fn unknown(op: &str) -> String {
    let names = ACTIONS.map(|(name, _)| name);
    let near = |name: &&str| strsim::jaro(op, name) > 0.7;
    let shown: String = op.chars().take(40).collect();
    match names.into_iter().find(near) {
        Some(name) => {
            format!("unknown operation `{}`; did you mean `{name}`?", shown.escape_debug())
        }
        None => {
            format!("unknown operation `{}`; it is {}", shown.escape_debug(), names.join(", "))
        }
    }
}
