//! From bytes to a history: six bytes an operation, so that a change of a byte is a small change.

use pacelc::foreign::{Action, Builder, History, INITIAL, NEVER, Operation, Outcome};

/// Bytes that stand for a history: one for what the two keys hold, then the operations.
pub(crate) struct Bytes<'b>(pub(crate) &'b [u8]);

/// What a key may hold: the first writes every value once, so that all checkers have work.
const SORTS: [&[Action]; 6] = [
    &[Action::Read, Action::Write],
    &[Action::Read, Action::Write, Action::Cas, Action::Delete],
    &[Action::Read, Action::Append],
    &[Action::Read, Action::Add, Action::Take],
    &[Action::Read, Action::Insert, Action::Remove],
    &[Action::Acquire, Action::Release],
];
/// More operations would make most searches end with their budget.
const MOST: usize = 24;

impl Bytes<'_> {
    /// The history; none if no operation is in them.
    pub(crate) fn history(&self) -> Option<History> {
        let (first, rest) = self.0.split_first()?;
        let sorts = [first % 6, first / 6 % 6].map(usize::from);
        let mut builder = Builder::new("null");
        let mut now = [0_u64; 4];
        for (n, bytes) in rest.chunks_exact(6).take(MOST).enumerate() {
            let &[who, what, value, other, when, end] = bytes else { continue };
            let (process, key) = (usize::from(who % 4), usize::from(who / 4 % 2));
            if now[process] == NEVER {
                continue;
            }
            let actions = SORTS[sorts[key]];
            let action = actions[usize::from(what) % actions.len()];
            let outcome = match end % 8 {
                0 => Outcome::Unknown,
                1 => Outcome::Failed,
                _ => Outcome::Ok,
            };
            // Real time does not order operations of one process that touch, so that there a stronger
            // condition need not imply a weaker one.
            let invoked = now[process] + 1 + u64::from(when % 8);
            let completed = invoked + u64::from(when / 8 % 8);
            now[process] = if outcome == Outcome::Unknown { NEVER } else { completed };
            let text = match action {
                Action::Acquire | Action::Release => process.to_string(),
                _ => said(sorts[key], action, value, n),
            };
            let expected = match action {
                Action::Cas => said(sorts[key], Action::Read, other, n),
                Action::Acquire if other % 4 > 0 => (other % 4).to_string(),
                _ => "true".to_owned(),
            };
            let known = matches!(action, Action::Cas | Action::Acquire);
            let operation = Operation {
                invoked,
                completed: now[process],
                process: builder.process(&process.to_string()),
                key: builder.key(["x", "y"][key]),
                value: if action == Action::Delete { INITIAL } else { builder.value(&text) },
                expected: if known { builder.value(&expected) } else { INITIAL },
                line: n as u32 + 1,
                action,
                outcome,
                swapped: end / 8 % 4 > 0,
            };
            builder.push(operation);
        }
        if builder.is_empty() { None } else { builder.finish().ok() }
    }
}

/// A value as JSON, as it suits what a key holds.
fn said(sort: usize, action: Action, value: u8, n: usize) -> String {
    let small = value % 4;
    match (sort, action) {
        (0, Action::Write) => (n + 1).to_string(),
        (0, _) if value == 0 => "null".to_owned(),
        (0, _) => (1 + usize::from(value) % MOST).to_string(),
        (2, Action::Append) => format!("[{small}]"),
        (2, _) => {
            let digits = [small, value / 4 % 4, value / 16 % 4].map(|digit| digit.to_string());
            format!("[{}]", digits[..usize::from(value / 64)].join(","))
        }
        (4, Action::Read) => {
            let there = (0..4).filter(|element| value >> element & 1 == 1);
            format!("[{}]", there.map(|e| e.to_string()).collect::<Vec<_>>().join(","))
        }
        (3, Action::Read) => (value % 16).to_string(),
        _ if sort == 1 && small == 0 => "null".to_owned(),
        _ => small.to_string(),
    }
}
