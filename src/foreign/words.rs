//! Operations in words: every checker names them the same way.

use super::history::{Action, History, Kind, NEVER, Operation, Outcome};
use std::fmt::Write as _;

/// Values longer than this are cut.
const LONGEST: usize = 40;

/// `process 3 read 7 from x [6, 9]`; the brackets hold invocation and completion.
#[must_use]
pub fn describe(history: &History, op: &Operation) -> String {
    let (process, key) = (history.process(op.process), short(history.key(op.key)));
    let value = |number: u32| short(history.value(number));
    let owner = value(op.value);
    let mut text = format!("process {process} ");
    if op.action.kind() == Some(Kind::Lock) && owner != process {
        let _ = write!(text, "for {owner} ");
    }
    let known = op.outcome == Outcome::Ok;
    let _ = match op.action {
        Action::Read if known => write!(text, "read {} from {key}", value(op.value)),
        Action::Read => write!(text, "read {key}"),
        Action::Write => write!(text, "wrote {} to {key}", value(op.value)),
        Action::Append => write!(text, "appended {} to {key}", value(op.value)),
        Action::Delete => write!(text, "deleted {key}"),
        Action::Cas if op.refused() => {
            write!(text, "found another value than {} in {key}", value(op.expected))
        }
        Action::Cas => {
            write!(text, "swapped {} for {} in {key}", value(op.expected), value(op.value))
        }
        Action::Add => write!(text, "added {} to {key}", value(op.value)),
        Action::Take if op.refused() => {
            write!(text, "found fewer than {} in {key}", value(op.value))
        }
        Action::Take => write!(text, "took {} from {key}", value(op.value)),
        Action::Insert => write!(text, "inserted {} into {key}", value(op.value)),
        Action::Remove => write!(text, "removed {} from {key}", value(op.value)),
        Action::Acquire if op.refused() => write!(text, "found {key} held"),
        Action::Acquire => match token(history, op) {
            Some(token) => write!(text, "acquired {key} with token {token}"),
            None => write!(text, "acquired {key}"),
        },
        Action::Release if op.refused() => write!(text, "did not hold {key}"),
        Action::Release => write!(text, "released {key}"),
    };
    let _ = match op.outcome {
        Outcome::Ok => write!(text, " [{}, {}]", op.invoked, op.completed),
        Outcome::Failed if op.completed == NEVER => write!(text, " [{}, failed]", op.invoked),
        Outcome::Failed => write!(text, " [{}, failed {}]", op.invoked, op.completed),
        Outcome::Unknown => write!(text, " [{}, unknown]", op.invoked),
    };
    text
}

/// The fencing token that came with a lock, if it is known.
pub(super) fn token(history: &History, op: &Operation) -> Option<u64> {
    let known = op.action == Action::Acquire && op.outcome == Outcome::Ok;
    history.value(op.expected).parse().ok().filter(|_| known && op.swapped)
}

/// A text of bounded length without line breaks.
#[must_use]
pub fn short(text: &str) -> String {
    let mut cut: String =
        text.chars().take(LONGEST).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(LONGEST).is_some() {
        cut.push('…');
    }
    cut
}

/// So many ticks of a history's clock, in words.
#[must_use]
pub fn ticks(number: u64) -> String {
    if number == 1 { "1 tick".to_owned() } else { format!("{number} ticks") }
}
