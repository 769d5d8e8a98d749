//! JSON Lines: one operation a line, with the times of its invocation and of its completion.
//!
//! ```json
//! {"process":1,"key":"x","op":"write","value":7,"invoke":0,"complete":5,"ok":true}
//! {"process":2,"key":"x","op":"read","result":7,"invoke":6,"complete":9,"ok":true}
//! {"process":3,"key":"x","op":"cas","expected":7,"value":8,"invoke":7,"complete":null,"ok":null}
//! ```
//!
//! `op` is `read`, `write`, `cas`, `append` or `delete`; `ok` is true, false (no effect, and tells
//! nothing) or null (unknown). A `cas` that is ok has `result` true (swapped) or false (the value
//! was not the expected one). An `id`, where there is one, is that of no other operation.

use super::super::history::{Action, Builder, INITIAL, NEVER, Operation, Outcome};
use super::super::intern::Texts;
use super::Wrong;
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
pub(super) const ACTIONS: [(&str, Action); 5] = [
    ("read", Action::Read),
    ("write", Action::Write),
    ("cas", Action::Cas),
    ("append", Action::Append),
    ("delete", Action::Delete),
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
    let line: Line<'_> = serde_json::from_str(text).map_err(|error| sentence(&error))?;
    if let Some(id) = line.id
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
        (None, _) => (Outcome::Unknown, NEVER),
    };
    let need = |field: Option<Value>, called: &str| {
        field.ok_or_else(|| format!("a {name} that is {} has a `{called}`", word(outcome)))
    };
    let mut swapped = false;
    let (value, expected) = match action {
        Action::Read if outcome == Outcome::Ok => (need(line.result, "result")?, None),
        Action::Read | Action::Delete => (Value::Null, None),
        Action::Write => (need(line.value, "value")?, None),
        Action::Append => match need(line.value, "value")? {
            text @ Value::String(_) => (text, None),
            other => return Err(format!("a text is appended, and not {other}")),
        },
        Action::Cas => {
            if outcome == Outcome::Ok {
                match need(line.result, "result")? {
                    Value::Bool(result) => swapped = result,
                    other => {
                        return Err(format!("the result of a cas is true or false, not {other}"));
                    }
                }
            }
            (need(line.value, "value")?, Some(need(line.expected, "expected")?))
        }
    };
    let told = action != Action::Delete && (action != Action::Read || outcome == Outcome::Ok);
    Ok(Operation {
        invoked: line.invoke,
        completed,
        process: builder.process(&line.process.to_string()),
        key: builder.key(&line.key),
        value: if told { builder.value(&value.to_string()) } else { INITIAL },
        expected: expected.map_or(INITIAL, |value| builder.value(&value.to_string())),
        line: 0,
        action,
        outcome,
        swapped,
    })
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Ok => "ok",
        Outcome::Failed => "failed",
        Outcome::Unknown => "unknown",
    }
}

/// What serde found, without the number of a line that is always 1.
fn sentence(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let what = text.split(" at line ").next().unwrap_or(&text);
    let column = error.column();
    if error.is_eof() {
        format!("the JSON ends too early, at column {column}; a line is one whole operation")
    } else {
        format!("column {column}: {what}; a line is one operation as a JSON object")
    }
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
