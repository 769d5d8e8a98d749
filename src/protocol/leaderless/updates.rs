//! What a session does where updates are merged: it remembers what it has read of its last key, names and
//! stamps its updates, and makes each a small state that replicas join.

use super::super::parts::merge::{Cell, Item, Name, Names, Rule};
use super::super::parts::version::Version;
use crate::op::{Key, OpId, Ret, State, Update, Value};

/// What a session needs for its updates.
#[derive(Debug, Default)]
pub(super) struct Updates {
    rule: Rule,
    /// Every key's word at first.
    initial: u64,
    /// Its node, which its names begin with.
    client: u32,
    /// What it has read of the key of its last operation, and somebody was told.
    context: Option<(Key, Cell)>,
    /// By key: its last update's number, and what it has added to a counter and taken from it.
    own: Vec<(Key, Own)>,
    /// The current update, once it has been chosen.
    current: Option<Box<Cell>>,
}

/// A session's updates of one key.
#[derive(Clone, Copy, Debug, Default)]
struct Own {
    first: u32,
    last: u32,
    up: u64,
    down: u64,
}

impl Updates {
    pub(super) fn new(rule: Rule, initial: u64, client: u32) -> Self {
        Self { rule, initial, client, ..Self::default() }
    }

    /// A new operation begins on this key; says whether the key must be read before it is updated.
    pub(super) fn begin(&mut self, key: Key, update: Option<Update>) -> bool {
        self.current = None;
        if self.context.as_ref().is_some_and(|(of, _)| *of != key) {
            self.context = None;
        }
        self.context.is_none() && update.is_some_and(|update| self.rule.reads_first(update))
    }

    /// The current update: chosen once, whomever it is sent to.
    pub(super) fn choose(
        &mut self,
        op: OpId,
        key: Key,
        update: Update,
        version: Version,
    ) -> Box<Cell> {
        if let Some(chosen) = &self.current {
            return chosen.clone();
        }
        let read = self.context.as_ref().map(|(_, cell)| cell.clone()).unwrap_or_default();
        let (session, name) = self.name(op, key);
        let item = Item { name, version, word: 0, length: 0, element: 0 };
        let chosen = match (self.rule, update) {
            (Rule::PnCounter, Update::Add(n)) => {
                let own = self.own(key);
                *if n < 0 { &mut own.down } else { &mut own.up } += u64::from(n.unsigned_abs());
                let Own { up, down, .. } = *own;
                Cell::count(version, session, up, down)
            }
            (Rule::AddWins, Update::Insert(element)) => {
                Cell::insert(Item { element, ..item }, read.inserts(element))
            }
            (Rule::AddWins, Update::Remove(element)) => {
                Cell::remove(version, element, read.inserts(element))
            }
            (Rule::CartUnion, _) => {
                let word = read.word(self.rule, self.initial);
                let cart = State { version: Value::INITIAL, word };
                let word = update.on(cart).unwrap_or(word);
                Cell::put(Item { word, ..item }, read.seen().clone())
            }
            (Rule::RevisionTree, _) => {
                let parent = read.live().first();
                let mut known = Names::default();
                parent.map(|parent| known.insert(parent.name));
                let length = parent.map_or(0, |parent| parent.length) + 1;
                Cell::put(Item { length, ..item }, known)
            }
            _ => Cell::put(item, read.seen().clone()),
        };
        self.current.insert(Box::new(chosen)).clone()
    }

    /// The session's first name for this key, and the next one: numbers count up from that of the first
    /// request, and requests of later sessions have higher ones.
    fn name(&mut self, op: OpId, key: Key) -> (Name, Name) {
        let client = self.client;
        let own = self.own(key);
        if own.last == 0 {
            (own.first, own.last) = (op.0 + 1, op.0 + 1);
        } else {
            own.last += 1;
        }
        (Name { client, n: own.first }, Name { client, n: own.last })
    }

    fn own(&mut self, key: Key) -> &mut Own {
        let at = self.own.binary_search_by_key(&key, |own| own.0).unwrap_or_else(|at| {
            self.own.insert(at, (key, Own::default()));
            at
        });
        &mut self.own[at].1
    }

    /// The session has read a key: what it is told.
    pub(super) fn read(&mut self, key: Key, cell: &Cell) -> Ret {
        self.context = Some((key, cell.clone()));
        let value = cell.value(self.rule);
        match self.word(cell) {
            Some(word) => Ret::State(State { version: value, word }),
            None => {
                let values: Box<[Value]> =
                    std::iter::once(value).chain(cell.others(self.rule)).collect();
                if values.len() > 1 { Ret::Values(values) } else { Ret::Value(value) }
            }
        }
    }

    /// Its update is done, and this is what has become of the key. A session goes on from its own revision;
    /// beside other writes there may stand what it does not know of.
    pub(super) fn written(&mut self, key: Key, value: Value, cell: &Cell) -> Ret {
        let own = self.current.take().filter(|_| self.rule == Rule::RevisionTree);
        self.context = own.map(|revision| (key, *revision));
        match self.word(cell) {
            Some(word) => Ret::State(State { version: value, word }),
            None => Ret::Written,
        }
    }

    /// The state word, where keys do not hold registers.
    fn word(&self, cell: &Cell) -> Option<u64> {
        let registers = self.rule.objects().contains(&crate::op::Object::Register);
        (!registers).then(|| cell.word(self.rule, self.initial))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::Rank;

    #[test]
    fn a_write_replaces_what_its_session_was_shown_and_nothing_else() {
        let version = |n| Version { rank: Rank { time: u64::from(n), node: 8 }, value: Value(n) };
        let name = Name { client: 9, n: 1 };
        let item = Item { name, version: version(1), word: 0, length: 0, element: 0 };
        let there = Cell::put(item, Names::default());
        for (shown, stand) in [(false, 2), (true, 1)] {
            let mut updates = Updates::new(Rule::Siblings, 0, 8);
            updates.begin(Key(0), None);
            if shown {
                updates.read(Key(0), &there);
            }
            updates.begin(Key(0), Some(Update::Put));
            let mut cell = there.clone();
            cell.join(&updates.choose(OpId(1), Key(0), Update::Put, version(2)));
            assert_eq!(cell.live().len(), stand, "shown: {shown}");
        }
    }
}
