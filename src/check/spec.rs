//! Sequential objects: what an operation does to one that nobody else touches.
//!
//! The searches know nothing of registers. They ask a [`Spec`] for the state after an operation,
//! and a state is a number: equal states have equal numbers, whatever they are made of. A counter,
//! a set or a lock is one more implementation.

use super::history::{Action, History, INITIAL, Operation, Outcome};
use super::intern::{Table, Texts};

/// An object that does one operation after another.
pub trait Spec {
    /// The state before any operation.
    fn initial(&mut self) -> u32;

    /// The state after `operation` in `state`; `None` if it cannot have answered what it did there,
    /// or if its outcome is unknown and it would change nothing there.
    ///
    /// An operation that [`Operation::observes`] returns the state it was given.
    fn apply(&mut self, state: u32, operation: &Operation) -> Option<u32>;

    /// Whether operations whose effect depends on the state (appends) may lead from `state` to the
    /// value of this number. May say yes too often; a search gives up early where it says no.
    fn leads_to(&self, _state: u32, _value: u32) -> bool {
        true
    }

    /// Bytes held by the states seen so far, for the budget.
    fn bytes(&self) -> u64 {
        0
    }
}

/// A register that is read, written, swapped, appended to and deleted. Its states are the numbers
/// of the history's values, and beyond these, of texts that only appending made.
pub struct Register<'h> {
    history: &'h History,
    joined: Texts,
}

impl<'h> Register<'h> {
    /// A register of this history.
    #[must_use]
    pub fn new(history: &'h History) -> Self {
        Self { history, joined: Texts::default() }
    }

    fn text(&self, state: u32) -> &str {
        match (state as usize).checked_sub(self.history.values.len()) {
            None => self.history.value(state),
            Some(at) => self.joined.get(at as u32),
        }
    }

    /// The text of `state` with that of `value` behind it, both JSON strings.
    fn join(&mut self, state: u32, value: u32) -> u32 {
        let inside = |json: &str| match json {
            "null" => String::new(),
            _ => {
                json.strip_prefix('"').and_then(|j| j.strip_suffix('"')).unwrap_or(json).to_owned()
            }
        };
        let text = format!("\"{}{}\"", inside(self.text(state)), inside(self.history.value(value)));
        match self.history.values.find(&text) {
            Some(known) => known,
            None => self.history.values.len() as u32 + self.joined.number(&text),
        }
    }
}

impl Spec for Register<'_> {
    fn initial(&mut self) -> u32 {
        INITIAL
    }

    fn apply(&mut self, state: u32, operation: &Operation) -> Option<u32> {
        let Operation { action, outcome, value, expected, .. } = *operation;
        match action {
            Action::Read => (state == value).then_some(state),
            Action::Write => Some(value),
            Action::Delete => Some(INITIAL),
            Action::Append => Some(self.join(state, value)),
            Action::Cas if outcome == Outcome::Ok && !operation.swapped => {
                (state != expected).then_some(state)
            }
            Action::Cas => (state == expected).then_some(value),
        }
    }

    /// A text grows only at its end.
    fn leads_to(&self, state: u32, value: u32) -> bool {
        let (front, whole) = (self.text(state), self.history.value(value));
        !front.starts_with('"') || whole.starts_with(front.strip_suffix('"').unwrap_or(front))
    }

    fn bytes(&self) -> u64 {
        self.joined.bytes()
    }
}

/// A register whose reads may return any of the last `depth` values, the initial one included.
pub(super) struct LastValues {
    depth: usize,
    states: Table<u64>,
}

impl LastValues {
    pub(super) fn new(depth: usize) -> Self {
        Self { depth, states: Table::default() }
    }
}

impl Spec for LastValues {
    fn initial(&mut self) -> u32 {
        self.states.insert(&[u64::from(INITIAL)]).0
    }

    /// Latest value first.
    fn apply(&mut self, state: u32, operation: &Operation) -> Option<u32> {
        let held = self.states.get(state);
        let Some(made) = operation.makes() else {
            return held.contains(&u64::from(operation.value)).then_some(state);
        };
        let mut next = vec![u64::from(made)];
        next.extend(held.iter().take(self.depth - 1));
        Some(self.states.insert(&next).0)
    }

    fn bytes(&self) -> u64 {
        self.states.bytes()
    }
}
