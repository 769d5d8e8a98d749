//! One key as a state that is joined, for stores without logs: every update is a small state of its own,
//! and what replicas hold is the join of those they were told.
//!
//! After Almeida, Shoker and Baquero, "Delta State Replicated Data Types" (2018): the items that stand,
//! and the [`Names`] of all updates that are known, standing or gone. Of two states an item stays if both
//! have it, or if the one that lacks it has never heard of it. Names are given by sessions, so an update
//! that two coordinators were asked for is one update; a session numbers its updates of a key one after
//! another, so what is known of it is one run of numbers.

use super::super::table::VALUE_BYTES;
use super::super::version::Version;
use super::{Name, Names, PnCounter, Rule};
use crate::op::Value;
use serde::{Deserialize, Serialize};

/// One update that stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Which.
    pub name: Name,
    /// Its stamp and value.
    pub version: Version,
    /// The whole cart, where it is one.
    pub word: u64,
    /// How many revisions its branch has, where there are branches; otherwise 0.
    pub length: u32,
    /// The element it has put into a set, 0 to 63.
    pub element: u8,
}

impl Item {
    /// Readers are shown the highest: of branches the longest and then that of the higher name, otherwise
    /// by stamp.
    fn place(&self) -> (u32, Option<Name>, Version, Name) {
        (self.length, (self.length > 0).then_some(self.name), self.version, self.name)
    }
}

/// What is known of a key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// The highest stamp of all updates, with its value.
    pub newest: Version,
    /// What stands, highest first.
    live: Vec<Item>,
    /// All updates that are known, standing or gone.
    seen: Names,
    /// The elements of a set that were ever put in or taken out.
    touched: u64,
    counter: PnCounter,
}

impl Cell {
    /// An update that puts an item in place of all of `seen`.
    #[must_use]
    pub fn put(item: Item, mut seen: Names) -> Self {
        seen.insert(item.name);
        Self { newest: item.version, live: vec![item], seen, ..Self::default() }
    }

    /// The same of an element of a set, in place of earlier inserts of it.
    #[must_use]
    pub fn insert(item: Item, earlier: Names) -> Self {
        Self { touched: 1 << (item.element & 63), ..Self::put(item, earlier) }
    }

    /// An update that takes an element out: those inserts of it.
    #[must_use]
    pub fn remove(version: Version, element: u8, inserts: Names) -> Self {
        let touched = 1 << (element & 63);
        Self { newest: version, seen: inserts, touched, ..Self::default() }
    }

    /// What a session has added to a counter and taken from it, in all.
    #[must_use]
    pub fn count(version: Version, session: Name, up: u64, down: u64) -> Self {
        let mut counter = PnCounter::default();
        counter.up.take(session, up);
        counter.down.take(session, down);
        Self { newest: version, counter, ..Self::default() }
    }

    /// Joins another state of the key; says whether anything was new.
    pub fn join(&mut self, other: &Self) -> bool {
        let before = (self.newest, self.live.len(), self.touched);
        let mut changed = false;
        self.live.retain(|item| {
            let stays = other.stands(item.name) || !other.seen.contains(item.name);
            changed |= !stays;
            stays
        });
        for item in &other.live {
            if !self.seen.contains(item.name) {
                let at = self.live.partition_point(|held| held.place() > item.place());
                self.live.insert(at, *item);
            }
        }
        changed |= self.seen.join(&other.seen);
        self.newest = self.newest.max(other.newest);
        self.touched |= other.touched;
        changed |= self.counter.join(&other.counter);
        changed || before != (self.newest, self.live.len(), self.touched)
    }

    /// Whether another state would add nothing.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        !self.clone().join(other)
    }

    fn stands(&self, name: Name) -> bool {
        self.live.iter().any(|item| item.name == name)
    }

    /// What stands, highest first.
    #[must_use]
    pub fn live(&self) -> &[Item] {
        &self.live
    }

    /// The updates that who has read this knows of.
    #[must_use]
    pub fn seen(&self) -> &Names {
        &self.seen
    }

    /// The inserts of an element that stand.
    #[must_use]
    pub fn inserts(&self, element: u8) -> Names {
        let mut names = Names::default();
        for item in self.live.iter().filter(|item| item.element == element) {
            names.insert(item.name);
        }
        names
    }

    /// The value of a register, of several that of the highest; of other objects the highest version's.
    #[must_use]
    pub fn value(&self, rule: Rule) -> Value {
        match rule {
            Rule::Siblings | Rule::RevisionTree => {
                self.live.first().map_or(Value::INITIAL, |item| item.version.value)
            }
            _ => self.newest.value,
        }
    }

    /// The values that stand beside the one above, where readers are shown several.
    pub fn others(&self, rule: Rule) -> impl Iterator<Item = Value> + '_ {
        let shown = if rule == Rule::Siblings { self.live.get(1..) } else { None };
        shown.unwrap_or_default().iter().map(|item| item.version.value)
    }

    /// The state word of a counter or a set that began with this one.
    #[must_use]
    pub fn word(&self, rule: Rule, initial: u64) -> u64 {
        match rule {
            Rule::LastWriteWins | Rule::Siblings | Rule::RevisionTree => 0,
            Rule::PnCounter => initial.wrapping_add(self.counter.value()),
            Rule::AddWins => {
                let bits = self.live.iter().map(|item| 1_u64 << (item.element & 63));
                bits.fold(initial & !self.touched, |word, bit| word | bit)
            }
            Rule::CartUnion if self.newest == Version::default() => initial,
            Rule::CartUnion => self.live.iter().fold(0, |word, item| word | item.word),
        }
    }

    /// A number for all of it, as digests need: `mix` spreads what it is given over a word.
    #[must_use]
    pub fn fingerprint(&self, mix: fn(u64) -> u64) -> u64 {
        let mut all = mix(self.newest.rank.time) ^ u64::from(self.newest.value.0);
        let mut add = |word: u64| all = mix(all ^ word);
        for item in &self.live {
            add(u64::from(item.name.client) << 32 | u64::from(item.name.n));
        }
        self.seen.each_run(|first, last| {
            add(u64::from(first.client) << 32 | u64::from(first.n));
            add(u64::from(last));
        });
        add(self.touched);
        for (session, total) in self.counter.up.parts().chain(self.counter.down.parts()) {
            add(u64::from(session.client) << 32 | u64::from(session.n));
            add(total);
        }
        all
    }

    /// Bytes in a message.
    #[must_use]
    pub fn wire_size(&self) -> u32 {
        let items = (28 + VALUE_BYTES) * self.live.len() as u32;
        let counter = self.counter.up.wire_size() + self.counter.down.wire_size();
        Version::WIRE_SIZE + items + self.seen.wire_size() + counter
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::Rank;
    use proptest::prelude::*;

    fn version(n: u32) -> Version {
        Version { rank: Rank { time: u64::from(n), node: n % 3 }, value: Value(n) }
    }

    fn item(client: u32, n: u32) -> Item {
        let name = Name { client, n };
        Item { name, version: version(n * 3 + client), word: 1 << n, length: 0, element: 0 }
    }

    fn values(cell: &Cell) -> Vec<u32> {
        cell.live().iter().map(|item| item.version.value.0).collect()
    }

    #[test]
    fn writes_that_know_nothing_of_each_other_stand_beside_each_other() {
        let mut cell = Cell::put(item(0, 1), Names::default());
        assert!(cell.join(&Cell::put(item(1, 1), Names::default())));
        assert_eq!(values(&cell), [4, 3]);
        // Told again, it is the same update.
        assert!(!cell.join(&Cell::put(item(0, 1), Names::default())));
        let third = Cell::put(item(2, 2), cell.seen().clone());
        assert!(cell.join(&third));
        assert_eq!(values(&cell), [8]);
        // What it replaced does not come back.
        assert!(!cell.join(&Cell::put(item(1, 1), Names::default())));
        assert!(cell.covers(&third) && !third.covers(&Cell::put(item(0, 9), Names::default())));
    }

    #[test]
    fn a_remove_takes_out_what_its_session_has_read_and_no_other_insert() {
        let of = |client| Item { element: 5, ..item(client, 1) };
        let mut cell = Cell::insert(of(0), Names::default());
        let remove = Cell::remove(version(9), 5, cell.inserts(5));
        let late = Cell::insert(of(1), Names::default());
        cell.join(&late);
        cell.join(&remove);
        assert_eq!(cell.word(Rule::AddWins, 0b11), 0b10_0011);
        cell.join(&Cell::remove(version(10), 0, Names::default()));
        cell.join(&Cell::remove(version(11), 5, cell.inserts(5)));
        assert_eq!(cell.word(Rule::AddWins, 0b11), 0b10, "the first elements can be taken out too");
    }

    /// Updates of a few sessions, each knowing what one of the states before it knew.
    fn updates() -> impl Strategy<Value = Vec<Cell>> {
        let one = (0_u32..3, 0_usize..8, 0_u8..4);
        proptest::collection::vec(one, 1..12).prop_map(|drawn| {
            let mut made: Vec<Cell> = Vec::new();
            for (n, (client, known, kind)) in (1..).zip(drawn) {
                let known = made.get(known).cloned().unwrap_or_default();
                let item = Item { element: n as u8 % 3, ..item(client, n) };
                let name = Name { client, n: 0 };
                made.push(match kind {
                    0 => Cell::put(item, known.seen().clone()),
                    1 => Cell::insert(item, known.inserts(item.element)),
                    2 => Cell::remove(item.version, item.element, known.inserts(item.element)),
                    _ => Cell::count(item.version, name, u64::from(n), u64::from(n / 2)),
                });
            }
            made
        })
    }

    proptest! {
        /// The order of arrival, repetitions and the way they were gathered before do not show.
        #[test]
        fn whoever_was_told_the_same_has_the_same(made in updates(), cut in 0_usize..12) {
            let mut forth = Cell::default();
            made.iter().for_each(|update| _ = forth.join(update));
            let mut back = Cell::default();
            made.iter().rev().for_each(|update| _ = back.join(update));
            let cut = cut.min(made.len());
            let (mut left, mut right) = (Cell::default(), Cell::default());
            made[..cut].iter().for_each(|update| _ = left.join(update));
            made[cut..].iter().chain(&made[..1]).for_each(|update| _ = right.join(update));
            left.join(&right);
            prop_assert_eq!(&forth, &back);
            prop_assert_eq!(&forth, &left);
            prop_assert!(!forth.join(&right), "joining twice changes nothing");
            let mix = |x: u64| x.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
            prop_assert_eq!(forth.fingerprint(mix), back.fingerprint(mix));
        }
    }
}
