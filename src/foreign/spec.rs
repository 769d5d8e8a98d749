//! Sequential objects: what an operation does to one that nobody else touches.
//!
//! The searches know nothing of registers. They ask a [`Spec`] for the state after an operation,
//! and a state is a number: equal states have equal numbers, whatever they are made of.
//!
//! | object | operations |
//! |---|---|
//! | register | read, write, compare-and-set, append (a text or a list), delete |
//! | counter, stock | read, add, take what is left |
//! | set | read, insert, remove |
//! | lock | acquire, release; each owner gets a greater fencing token (Gray and Cheriton 1989) |

use super::history::{Action, History, INITIAL, Kind, Operation, Outcome};
use super::intern::{Table, Texts};
use super::words::token;

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

/// What the keys of a history hold: of each operation the key's [`Kind`] decides what it does.
///
/// The states of a register are the numbers of the history's values, and beyond these, of texts and
/// lists that only appending made. Those of other objects are numbered as they come, and
/// [`INITIAL`] is what each begins as.
pub struct Object<'h> {
    history: &'h History,
    joined: Texts,
    /// Counters as two halves, sets as their elements in order, locks as owner and token.
    states: Table<u64>,
    elements: Texts,
}

impl<'h> Object<'h> {
    /// The objects of this history.
    #[must_use]
    pub fn new(history: &'h History) -> Self {
        let (states, elements) = (Table::default(), Texts::default());
        Self { history, joined: Texts::default(), states, elements }
    }

    fn text(&self, state: u32) -> &str {
        match (state as usize).checked_sub(self.history.values.len()) {
            None => self.history.value(state),
            Some(at) => self.joined.get(at as u32),
        }
    }

    /// The text or list of `state` with that of `value` behind it, both as JSON; `None` if one is a
    /// text and the other a list, or anything else.
    fn join(&mut self, state: u32, value: u32) -> Option<u32> {
        let (front, back) = (self.text(state), self.history.value(value));
        let (open, close) = if back.starts_with('[') { ('[', ']') } else { ('"', '"') };
        let inside = |json: &'_ str| -> Option<String> {
            if json == "null" {
                return Some(String::new());
            }
            json.strip_prefix(open).and_then(|j| j.strip_suffix(close)).map(str::to_owned)
        };
        let (front, back) = (inside(front)?, inside(back)?);
        let comma = if open == '[' && !front.is_empty() && !back.is_empty() { "," } else { "" };
        let text = format!("{open}{front}{comma}{back}{close}");
        Some(match self.history.values.find(&text) {
            Some(known) => known,
            None => self.history.values.len() as u32 + self.joined.number(&text),
        })
    }

    fn register(&mut self, state: u32, operation: &Operation) -> Option<u32> {
        let Operation { action, value, expected, .. } = *operation;
        match action {
            Action::Write => Some(value),
            Action::Delete => Some(INITIAL),
            Action::Append => self.join(state, value),
            Action::Cas if operation.refused() => (state != expected).then_some(state),
            Action::Cas => (state == expected).then_some(value),
            _ => (state == value).then_some(state),
        }
    }

    fn counter(&mut self, state: u32, operation: &Operation) -> Option<u32> {
        let held = match state {
            INITIAL => number(self.history.value(INITIAL))?,
            _ => whole(self.states.get(state - 1)),
        };
        let said = number(self.history.value(operation.value))?;
        let next = match operation.action {
            Action::Add => held.checked_add(said)?,
            Action::Take if operation.refused() => return (held < said).then_some(state),
            Action::Take => held.checked_sub(said).filter(|left| *left >= 0)?,
            _ => return (held == said).then_some(state),
        };
        if number(self.history.value(INITIAL)) == Some(next) {
            return Some(INITIAL);
        }
        Some(self.states.insert(&[next as u64, (next >> 64) as u64]).0 + 1)
    }

    fn set(&mut self, state: u32, operation: &Operation) -> Option<u32> {
        let mut held = match state {
            INITIAL => self.members(INITIAL)?,
            _ => self.states.get(state - 1).to_vec(),
        };
        if operation.action == Action::Read {
            return (self.members(operation.value)? == held).then_some(state);
        }
        let element = u64::from(self.elements.number(self.history.value(operation.value)));
        match (held.binary_search(&element), operation.action == Action::Insert) {
            (Err(at), true) => held.insert(at, element),
            (Ok(at), false) => _ = held.remove(at),
            // It changes nothing, so of one that may not have happened nothing is known.
            _ => return (operation.outcome == Outcome::Ok).then_some(state),
        }
        if self.members(INITIAL)? == held {
            return Some(INITIAL);
        }
        Some(self.states.insert(&held).0 + 1)
    }

    /// The elements of a set given as a value, in the order of their numbers; `None` if it is none.
    fn members(&mut self, value: u32) -> Option<Vec<u64>> {
        let mut members: Vec<u64> = Vec::new();
        for element in list(self.history.value(value))? {
            members.push(self.elements.number(&element.to_string()).into());
        }
        members.sort_unstable();
        let all = members.len();
        members.dedup();
        (members.len() == all).then_some(members)
    }

    fn lock(&mut self, state: u32, operation: &Operation) -> Option<u32> {
        let (owner, least) = match state {
            INITIAL => (0, 0),
            _ => {
                let held = self.states.get(state - 1);
                (held[0], held[1])
            }
        };
        let asks = u64::from(operation.value) + 1;
        let next = match operation.action {
            Action::Acquire if operation.refused() => return (owner != 0).then_some(state),
            Action::Acquire if owner != 0 => return None,
            Action::Acquire => match token(self.history, operation) {
                Some(new) if new < least => return None,
                new => [asks, new.map_or(least, |new| new + 1)],
            },
            _ if operation.refused() => return (owner != asks).then_some(state),
            _ if owner != asks => return None,
            _ => [0, least],
        };
        if next == [0, 0] {
            return Some(INITIAL);
        }
        Some(self.states.insert(&next).0 + 1)
    }
}

/// A whole number as JSON; null counts as 0.
pub(super) fn number(json: &str) -> Option<i128> {
    if json == "null" { Some(0) } else { json.parse().ok() }
}

fn whole(halves: &[u64]) -> i128 {
    i128::from(halves[1] as i64) << 64 | i128::from(halves[0])
}

/// The elements of a JSON array; null counts as none.
pub(super) fn list(json: &str) -> Option<Vec<serde_json::Value>> {
    if json == "null" { Some(Vec::new()) } else { serde_json::from_str(json).ok() }
}

impl Spec for Object<'_> {
    fn initial(&mut self) -> u32 {
        INITIAL
    }

    fn apply(&mut self, state: u32, operation: &Operation) -> Option<u32> {
        match self.history.kind(operation.key) {
            Kind::Register => self.register(state, operation),
            Kind::Counter => self.counter(state, operation),
            Kind::Set => self.set(state, operation),
            Kind::Lock => self.lock(state, operation),
        }
    }

    /// A text and a list grow only at their end.
    fn leads_to(&self, state: u32, value: u32) -> bool {
        let (front, whole) = (self.text(state), self.history.value(value));
        !front.starts_with(['"', '['])
            || whole.starts_with(front.strip_suffix(['"', ']']).unwrap_or(front))
    }

    fn bytes(&self) -> u64 {
        self.joined.bytes() + self.states.bytes() + self.elements.bytes()
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
