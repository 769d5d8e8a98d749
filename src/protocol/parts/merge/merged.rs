//! The keys of a store under one rule: deltas and whole states go in, what readers see comes out. Its sets
//! are a map of observed-remove sets that share one set of names, as Almeida et al. (2018) compose them.

use super::super::table;
use super::super::vector::Vector;
use super::super::version::Version;
use super::{Delta, Name, Names, PnCounter, Reading, Rule, Sibling, Slot};
use crate::op::{Key, NodeId, Object};
use serde::{Deserialize, Serialize};

/// A place in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dot {
    /// Whose log.
    pub origin: NodeId,
    /// From 1.
    pub seq: u32,
}

/// Keys and what updates have made of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Merged {
    rule: Rule,
    /// How carts are read; of whoever holds this, and not part of what is told.
    #[serde(skip)]
    reading: Reading,
    /// Every key's word at first.
    initial: u64,
    /// The updates that are known, of this key or that.
    names: Names,
    /// By key: of a set, the elements that were ever put in or taken out, in order; otherwise one.
    slots: Vec<Vec<(u8, Slot)>>,
    /// By key.
    counters: Vec<PnCounter>,
}

/// The only slot of a key that is no set of elements.
const WHOLE: u8 = 0;

impl Merged {
    /// Nothing written yet, to this many keys.
    #[must_use]
    pub fn new(rule: Rule, keys: u32, initial: u64) -> Self {
        let keys = keys as usize;
        let counts = rule.objects().contains(&Object::Counter);
        let (slots, counters) = if counts { (0, keys) } else { (keys, 0) };
        Self {
            rule,
            reading: Reading::default(),
            initial,
            names: Names::default(),
            slots: vec![Vec::new(); if rule.merges() { slots } else { 0 }],
            counters: vec![PnCounter::default(); counters],
        }
    }

    /// The same, with carts read in another way than as their union.
    #[must_use]
    pub fn read_by(self, reading: Reading) -> Self {
        Self { reading, ..self }
    }

    fn slot(&self, key: Key, element: u8) -> Option<&Slot> {
        let slots = self.slots.get(key.0 as usize)?;
        slots.binary_search_by_key(&element, |slot| slot.0).ok().map(|at| &slots[at].1)
    }

    /// Takes a delta from its place in a log.
    pub fn apply(&mut self, key: Key, dot: Dot, version: Version, delta: &Delta) {
        let sibling = |name, word, length| {
            let dots = Vector::default();
            Sibling { name, version, word, length, dots }
        };
        let names = &mut self.names;
        let slots = &mut self.slots;
        match *delta {
            Delta::Stamp => {}
            Delta::Write { name, word, seen } => {
                let slot = slot_mut(slots, key, WHOLE);
                slot.cover(&seen);
                slot.add(dot, sibling(name, word, 0), names);
            }
            Delta::Revise { name, length, parent } => {
                let slot = slot_mut(slots, key, WHOLE);
                if let Some(parent) = parent {
                    names.insert(parent);
                    slot.end(parent);
                }
                slot.add(dot, sibling(name, 0, length), names);
            }
            Delta::Insert { name, element, seen } => {
                let slot = slot_mut(slots, key, element);
                slot.cover(&seen);
                slot.add(dot, sibling(name, 0, 0), names);
            }
            Delta::Remove { element, seen } => slot_mut(slots, key, element).cover(&seen),
            Delta::Count { session, up, down } => {
                let counter = table::slot(&mut self.counters, key.0 as usize);
                counter.up.take(session, up);
                counter.down.take(session, down);
            }
        }
    }

    /// Joins another replica's state under the same rule.
    pub fn join(&mut self, other: &Self) {
        for (key, slots) in (0..).map(Key).zip(&other.slots) {
            for (element, slot) in slots {
                slot_mut(&mut self.slots, key, *element).join(slot, &self.names, &other.names);
            }
        }
        // What the other has no slot for, it knows nothing of.
        self.names.join(&other.names);
        for (key, counter) in other.counters.iter().enumerate() {
            table::slot(&mut self.counters, key).join(counter);
        }
    }

    /// Whether an update of this name has been applied, or one that follows it.
    #[must_use]
    pub fn knows(&self, name: Name) -> bool {
        self.names.contains(name)
    }

    /// The values or carts that stand beside each other, or the leaves of a tree; highest first.
    #[must_use]
    pub fn siblings(&self, key: Key) -> &[Sibling] {
        self.slot(key, WHOLE).map_or(&[], Slot::live)
    }

    /// A key's state word, of counters and sets.
    #[must_use]
    pub fn word(&self, key: Key) -> u64 {
        match self.rule {
            Rule::LastWriteWins | Rule::Siblings | Rule::RevisionTree => 0,
            Rule::PnCounter => {
                let counter = self.counters.get(key.0 as usize);
                self.initial.wrapping_add(counter.map_or(0, PnCounter::value))
            }
            Rule::AddWins => {
                let slots = self.slots.get(key.0 as usize).map_or(&[][..], Vec::as_slice);
                slots.iter().fold(self.initial, |word, (element, slot)| {
                    let bit = 1 << (element & 63);
                    if slot.live().is_empty() { word & !bit } else { word | bit }
                })
            }
            Rule::CartUnion => match self.slot(key, WHOLE) {
                Some(slot) => self.reading.of(slot.live().iter().map(|cart| cart.word)),
                None => self.initial,
            },
        }
    }

    /// What has been seen of a key by who reads it at a replica that shows these writes.
    #[must_use]
    pub fn context(&self, key: Key, has: &Vector) -> Vector {
        match self.rule {
            // What is gone of one element says nothing of another.
            Rule::AddWins => *has,
            _ => self.slot(key, WHOLE).map_or(*has, |slot| slot.context(has)),
        }
    }

    /// Bytes this takes in a message.
    #[must_use]
    pub fn wire_size(&self) -> u32 {
        let slots = self.slots.iter().flatten().map(|(_, slot)| 1 + slot.wire_size());
        let counters = self.counters.iter().map(|c| c.up.wire_size() + c.down.wire_size());
        self.names.wire_size() + slots.sum::<u32>() + counters.sum::<u32>()
    }
}

/// The slot of a key's element, a new one if it has none.
fn slot_mut(slots: &mut Vec<Vec<(u8, Slot)>>, key: Key, element: u8) -> &mut Slot {
    let slots = table::slot(slots, key.0 as usize);
    let at = match slots.binary_search_by_key(&element, |slot| slot.0) {
        Ok(at) => at,
        Err(at) => {
            slots.insert(at, (element, Slot::default()));
            at
        }
    };
    &mut slots[at].1
}
