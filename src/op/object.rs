//! Objects: what keys hold besides registers, and what an update does to one.
//!
//! The operations are the everyday ones of coordination: counters, sets, compare-and-set (Herlihy,
//! "Wait-Free Synchronization", 1991), stock that must not be oversold, and locks with fencing tokens
//! (Gray and Cheriton, "Leases", 1989; Burrows, "The Chubby Lock Service", 2006, calls them sequencers).
//! A state is one word, so nothing is allocated. Replicas apply updates and checkers replay them by the
//! one definition here, [`Update::on`]; it is the sequential specification.

use super::{Value, unknown};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What every key of a store holds.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Object {
    /// The latest value written; the state word is not used.
    #[default]
    Register,
    /// A sum; the word is a 64-bit integer in two's complement.
    Counter,
    /// Some of the elements 0 to 63; the word has a bit for each.
    Set,
    /// A register that is written only if it is still what the writer had read.
    CasRegister,
    /// Units, of which one can take as many as are left; the word is what is left.
    Stock,
    /// A lock; the word is its owner's number plus one (0 if it is free) in the high half, and in the
    /// low half its fencing token, how often it has changed hands.
    Lock,
}

impl Object {
    /// Every one, as a user writes it.
    pub const NAMES: [(&'static str, Self); 6] = [
        ("register", Self::Register),
        ("counter", Self::Counter),
        ("set", Self::Set),
        ("cas-register", Self::CasRegister),
        ("stock", Self::Stock),
        ("lock", Self::Lock),
    ];
    /// All of them, for protocols that serve them all.
    pub const ALL: [Self; 6] =
        [Self::Register, Self::Counter, Self::Set, Self::CasRegister, Self::Stock, Self::Lock];

    /// Whether this is one of its updates.
    #[must_use]
    pub fn allows(self, update: Update) -> bool {
        match update {
            Update::Put => self == Self::Register,
            Update::Add(_) => self == Self::Counter,
            Update::Insert(e) | Update::Remove(e) => self == Self::Set && e < 64,
            Update::CompareAndSet(_) => self == Self::CasRegister,
            Update::Take(_) => self == Self::Stock,
            Update::Lock(_) | Update::Unlock(_) => self == Self::Lock,
        }
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::NAMES.iter().find(|(_, object)| object == self);
        f.write_str(name.map_or("", |(name, _)| name))
    }
}

impl FromStr for Object {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::NAMES.iter().find(|(name, _)| *name == text);
        found
            .map(|(_, object)| *object)
            .ok_or_else(|| unknown("object", text, Self::NAMES.map(|(name, _)| name)))
    }
}

/// What the keys of a store hold at first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contents {
    /// The kind of object.
    pub object: Object,
    /// Every key's state word before its first update.
    pub initial: u64,
}

impl Contents {
    /// Plain registers, whose versions are all there is to them.
    #[must_use]
    pub fn is_register(&self) -> bool {
        self.object == Object::Register
    }

    /// What a key holds before its first update.
    #[must_use]
    pub fn first(&self) -> State {
        State { version: Value::INITIAL, word: self.initial }
    }
}

/// An object at a moment: the update that made it so, and what it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The latest update that took effect.
    pub version: Value,
    /// The state word; what it means is said at [`Object`].
    pub word: u64,
}

/// What a write does to its key. Its tag is as wide as its largest field, so that copies are whole words.
#[repr(u32)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Update {
    /// Replaces a register's value.
    #[default]
    Put,
    /// Adds to a counter.
    Add(i32),
    /// Puts this element, 0 to 63, into a set.
    Insert(u8),
    /// Takes it out.
    Remove(u8),
    /// Replaces a register's value if its latest version is this one.
    CompareAndSet(Value),
    /// Takes this many units, if as many are left.
    Take(u16),
    /// Takes a lock for the process of this number, if it is free or that process has it already.
    Lock(u32),
    /// Frees it, if that process has it.
    Unlock(u32),
}

impl Update {
    /// The state word after this update of an object in this state; `None` if its condition is not
    /// met, and then nothing happens.
    #[must_use]
    pub fn on(self, State { version, word }: State) -> Option<u64> {
        let (owner, token) = (word >> 32, word & u64::from(u32::MAX));
        match self {
            Self::Put => Some(word),
            Self::Add(n) => Some((word as i64).wrapping_add(i64::from(n)) as u64),
            Self::Insert(element) => Some(word | 1 << (element & 63)),
            Self::Remove(element) => Some(word & !(1 << (element & 63))),
            Self::CompareAndSet(expected) => (version == expected).then_some(word),
            Self::Take(units) => word.checked_sub(u64::from(units)),
            Self::Lock(process) if owner == 0 => {
                Some((u64::from(process) + 1) << 32 | u64::from(token as u32 + 1))
            }
            Self::Lock(process) => (owner == u64::from(process) + 1).then_some(word),
            Self::Unlock(process) => (owner == u64::from(process) + 1).then_some(token),
        }
    }
}

impl fmt::Display for Update {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Put => f.write_str("put"),
            Self::Add(n) => write!(f, "add {n}"),
            Self::Insert(element) => write!(f, "insert {element}"),
            Self::Remove(element) => write!(f, "remove {element}"),
            Self::CompareAndSet(Value(0)) => f.write_str("compare-and-set of the initial value"),
            Self::CompareAndSet(expected) => write!(f, "compare-and-set of w{}", expected.0),
            Self::Take(units) => write!(f, "take {units}"),
            Self::Lock(process) => write!(f, "lock for process {process}"),
            Self::Unlock(process) => write!(f, "unlock for process {process}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words after each update that took effect; `None` for one that was refused.
    fn run(initial: u64, updates: &[Update]) -> Vec<Option<u64>> {
        let mut state = State { version: Value::INITIAL, word: initial };
        let apply = |(i, update): (usize, &Update)| {
            let word = update.on(state)?;
            state = State { version: Value(i as u32 + 1), word };
            Some(word)
        };
        updates.iter().enumerate().map(apply).collect()
    }

    #[test]
    fn counters_add_and_sets_keep_an_element_once() {
        let added = run(0, &[Update::Add(5), Update::Add(-7)]);
        assert_eq!(added, [Some(5), Some(-2_i64 as u64)]);
        let updates = [Update::Insert(63), Update::Insert(63), Update::Insert(0)];
        assert_eq!(run(0, &updates), [Some(1 << 63), Some(1 << 63), Some(1 << 63 | 1)]);
        assert_eq!(run(0b101, &[Update::Remove(2), Update::Remove(1)]), [Some(1), Some(1)]);
    }

    #[test]
    fn of_two_that_compare_with_the_same_version_one_is_refused() {
        let expecting = |version| Update::CompareAndSet(Value(version));
        let outcomes = run(0, &[expecting(0), expecting(0), expecting(1), expecting(3)]);
        assert_eq!(outcomes, [Some(0), None, Some(0), Some(0)]);
    }

    #[test]
    fn what_is_not_left_cannot_be_taken() {
        let taken = run(3, &[Update::Take(2), Update::Take(2), Update::Take(1), Update::Take(1)]);
        assert_eq!(taken, [Some(1), None, Some(0), None]);
    }

    #[test]
    fn a_lock_has_one_owner_and_each_change_of_hands_a_new_token() {
        let (a, b) = (7, 8);
        let updates = [
            Update::Lock(a),
            Update::Lock(b),
            Update::Unlock(b),
            // Its owner may ask again: it may not know that it has it.
            Update::Lock(a),
            Update::Unlock(a),
            Update::Unlock(a),
            Update::Lock(b),
        ];
        let held = |by: u64, token: u64| Some((by + 1) << 32 | token);
        let outcomes = [held(7, 1), None, None, held(7, 1), Some(1), None, held(8, 2)];
        assert_eq!(run(0, &updates), outcomes);
    }

    #[test]
    fn names_read_as_they_print_and_a_slip_is_shown_the_nearest() {
        for (name, object) in Object::NAMES {
            assert_eq!((name.parse(), object.to_string()), (Ok(object), name.to_owned()));
            let updates = [
                Update::Put,
                Update::Add(1),
                Update::Insert(63),
                Update::CompareAndSet(Value(1)),
                Update::Take(1),
                Update::Lock(1),
            ];
            assert_eq!(updates.iter().filter(|update| object.allows(**update)).count(), 1);
        }
        assert!(!Object::Set.allows(Update::Insert(64)));
        assert!("contour".parse::<Object>().unwrap_err().contains("did you mean `counter`"));
    }
}
