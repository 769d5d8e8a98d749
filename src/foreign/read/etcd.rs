//! Jepsen's log lines, as the tests of etcd left them and Porcupine reads them.
//!
//! ```text
//! INFO  jepsen.util - 2   :invoke :cas    [3 0]
//! INFO  jepsen.util - 2   :fail   :cas    [3 0]
//! ```
//!
//! A `:cas` that failed found another value than it expected: that is an observation. A `:read`
//! that failed tells nothing. Lines of other levels and of the nemesis are not about operations.

use super::super::history::{Action, Builder};
use super::Wrong;
use super::events::{Event, Events, FailedCas, Step, action};
use super::lines::Lines;
use serde_json::Value;
use std::io::BufRead;

pub(super) fn read<R: BufRead>(lines: &mut Lines<R>, initial: &str) -> Result<Builder, Wrong> {
    let mut events = Events::new(initial, FailedCas::FoundAnother);
    while let Some((number, text)) = lines.next()? {
        let event = event(text).map_err(|message| Wrong::new(number, message))?;
        if let Some(event) = event {
            events.take(event, number)?;
        }
    }
    Ok(events.finish())
}

/// The event of a line; `None` if it is about something else.
fn event(text: &str) -> Result<Option<Event<'_>>, String> {
    let Some((_, rest)) = text.split_once("jepsen.util - ") else { return Ok(None) };
    let mut words = rest.split_ascii_whitespace();
    let (process, step, call) = (words.next(), words.next(), words.next());
    let (Some(process), Some(step), Some(call)) = (process, step, call) else {
        return Err(
            "an event is a process, :invoke, :ok, :fail or :info, an operation and its value"
                .to_owned(),
        );
    };
    if process.parse::<i64>().is_err() {
        return Ok(None);
    }
    let Some(step) = step.strip_prefix(':').and_then(Step::parse) else {
        return Err(format!("`{}` is not :invoke, :ok, :fail or :info", step.escape_debug()));
    };
    let Some(action) = call.strip_prefix(':').and_then(action) else {
        return Err(format!(
            "unknown operation `{}`; it is :read, :write or :cas",
            call.escape_debug()
        ));
    };
    let said: Vec<&str> = words.collect();
    let tells = step == Step::Invoke && action != Action::Read
        || step == Step::Ok && action == Action::Read;
    let value = if tells { value(&said.join(" "))? } else { Value::Null };
    Ok(Some(Event { process, step, action, key: None, value }))
}

/// `nil`, a number, or numbers in brackets.
fn value(text: &str) -> Result<Value, String> {
    let one = |word: &str| match word.parse::<i64>() {
        Ok(number) => Ok(Value::from(number)),
        Err(_) if word == "nil" => Ok(Value::Null),
        Err(_) => Err(format!("the value `{}` is not a number or nil", word.escape_debug())),
    };
    match text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inside) => inside.split(' ').map(one).collect::<Result<Vec<_>, _>>().map(Value::Array),
        None => one(text),
    }
}
