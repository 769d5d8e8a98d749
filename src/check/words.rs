//! Operations in words: every checker names them the same way.

use super::history::{Action, History, NEVER, Operation, Outcome};
use std::fmt::Write as _;

/// Values longer than this are cut.
const LONGEST: usize = 40;

/// `process 3 read 7 from x [6, 9]`; the brackets hold invocation and completion.
#[must_use]
pub fn describe(history: &History, op: &Operation) -> String {
    let (process, key) = (history.process(op.process), short(history.key(op.key)));
    let value = |number: u32| short(history.value(number));
    let mut text = format!("process {process} ");
    let known = op.outcome == Outcome::Ok;
    let _ = match op.action {
        Action::Read if known => write!(text, "read {} from {key}", value(op.value)),
        Action::Read => write!(text, "read {key}"),
        Action::Write => write!(text, "wrote {} to {key}", value(op.value)),
        Action::Append => write!(text, "appended {} to {key}", value(op.value)),
        Action::Delete => write!(text, "deleted {key}"),
        Action::Cas if op.mismatch() => {
            write!(text, "found another value than {} in {key}", value(op.expected))
        }
        Action::Cas => {
            write!(text, "swapped {} for {} in {key}", value(op.expected), value(op.value))
        }
    };
    let _ = match op.outcome {
        Outcome::Ok => write!(text, " [{}, {}]", op.invoked, op.completed),
        Outcome::Failed if op.completed == NEVER => write!(text, " [{}, failed]", op.invoked),
        Outcome::Failed => write!(text, " [{}, failed {}]", op.invoked, op.completed),
        Outcome::Unknown => write!(text, " [{}, unknown]", op.invoked),
    };
    text
}

/// A text of bounded length without line breaks.
pub(super) fn short(text: &str) -> String {
    let mut cut: String =
        text.chars().take(LONGEST).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(LONGEST).is_some() {
        cut.push('…');
    }
    cut
}
