//! The replicated state of a leader-ordered store: the value of each key, and which request of each
//! client was applied last, so that a request sent twice takes effect once. Of objects other than
//! registers also each key's state word and what each client was told last: a conditional update that is
//! sent twice gets the same answer twice.

use crate::op::{Contents, Key, NodeId, OpId, Ret, State, Update, Value};
use serde::{Deserialize, Serialize};

/// Bytes that every value is taken to have on the wire: a field of YCSB's records.
pub const VALUE_BYTES: u32 = 100;

/// Bytes of every message beside what it says: headers of TCP and IP without options.
pub const FRAME_BYTES: u32 = 40;

/// A write on its way through a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// Where to.
    pub key: Key,
    /// What, or the name of what.
    pub value: Value,
    /// What that does to the key.
    pub update: Update,
    /// Whose.
    pub client: NodeId,
    /// The client's request; its requests' numbers rise.
    pub op: OpId,
}

/// What a client was told of its latest update: the state it made or, refused, found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Told {
    state: State,
    refused: bool,
}

/// Values by key, plus the clients' latest requests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    contents: Contents,
    /// By key, its version: the latest write that took effect.
    values: Vec<Value>,
    /// By key, its state word; empty for registers.
    words: Vec<u64>,
    /// By client; empty for registers.
    told: Vec<Told>,
    /// By client, the number of its latest applied request plus one; 0 for none.
    latest: Vec<u32>,
}

impl Table {
    /// A table for this many keys that hold what they hold at first; more are added as they are
    /// written.
    #[must_use]
    pub fn new(keys: u32, contents: Contents) -> Self {
        let words = if contents.is_register() { 0 } else { keys as usize };
        Self {
            contents,
            values: vec![Value::INITIAL; keys as usize],
            words: vec![contents.initial; words],
            told: Vec::new(),
            latest: Vec::new(),
        }
    }

    /// Whether keys hold registers.
    #[must_use]
    pub fn is_register(&self) -> bool {
        self.contents.is_register()
    }

    /// The value of a register, the version of an object.
    #[must_use]
    pub fn read(&self, key: Key) -> Value {
        self.values.get(key.0 as usize).copied().unwrap_or_default()
    }

    /// How many keys there are.
    #[must_use]
    pub fn keys(&self) -> u32 {
        self.values.len() as u32
    }

    /// A key's version and state word.
    #[must_use]
    pub fn state(&self, key: Key) -> State {
        let word = self.words.get(key.0 as usize).copied().unwrap_or(self.contents.initial);
        State { version: self.read(key), word }
    }

    /// What a read of this state is told.
    #[must_use]
    pub fn answer(&self, state: State) -> Ret {
        if self.contents.is_register() { Ret::Value(state.version) } else { Ret::State(state) }
    }

    /// The values of `count` consecutive keys.
    #[must_use]
    pub fn scan(&self, first: Key, count: u16) -> Box<[Value]> {
        (0..u32::from(count)).map(|i| self.read(Key(first.0.saturating_add(i)))).collect()
    }

    /// Applies a write unless this request, or a later one of its client, was applied before; says
    /// whether it took effect now.
    pub fn apply(&mut self, command: &Command) -> bool {
        let latest = slot(&mut self.latest, command.client.index());
        if *latest > command.op.0 {
            return false;
        }
        *latest = command.op.0 + 1;
        if !self.contents.is_register() {
            return self.update(command);
        }
        *slot(&mut self.values, command.key.0 as usize) = command.value;
        true
    }

    /// Updates an object if the update's condition is met, and remembers what its client is told.
    fn update(&mut self, command: &Command) -> bool {
        let before = self.state(command.key);
        let word = command.update.on(before);
        let state = word.map_or(before, |word| State { version: command.value, word });
        *slot(&mut self.told, command.client.index()) = Told { state, refused: word.is_none() };
        if let Some(word) = word {
            let key = command.key.0 as usize;
            *slot(&mut self.values, key) = command.value;
            if self.words.len() <= key {
                self.words.resize(key + 1, self.contents.initial);
            }
            self.words[key] = word;
        }
        word.is_some()
    }

    /// What the client of an applied write is told, now or again; `None` if it has gone on since.
    #[must_use]
    pub fn told(&self, client: NodeId, op: OpId) -> Option<Ret> {
        if self.contents.is_register() {
            return Some(Ret::Written);
        }
        let latest = self.latest.get(client.index()).filter(|latest| **latest == op.0 + 1);
        let Told { state, refused } = *latest.and_then(|_| self.told.get(client.index()))?;
        Some(if refused { Ret::Refused(state) } else { Ret::State(state) })
    }

    /// Whether the client's request, or a later one of its, was applied.
    #[must_use]
    pub fn has_applied(&self, client: NodeId, op: OpId) -> bool {
        self.latest.get(client.index()).is_some_and(|latest| *latest > op.0)
    }

    /// Bytes this table takes in a snapshot message.
    #[must_use]
    pub fn wire_size(&self) -> u32 {
        let told = self.told.len() as u32 * 16;
        self.values.len() as u32 * (8 + VALUE_BYTES) + self.latest.len() as u32 * 4 + told
    }
}

/// The entry at an index of a table that grows as it is used.
pub(in crate::protocol) fn slot<T: Clone + Default>(table: &mut Vec<T>, index: usize) -> &mut T {
    if table.len() <= index {
        table.resize(index + 1, T::default());
    }
    &mut table[index]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::Object;

    #[test]
    fn a_conditional_update_sent_twice_gets_the_same_answer_twice() {
        let contents = Contents { object: Object::Stock, initial: 1 };
        let mut table = Table::new(1, contents);
        let take = |client, op| Command {
            key: Key(0),
            value: Value(op),
            update: Update::Take(1),
            client: NodeId(client),
            op: OpId(op),
        };
        let told = |table: &Table, Command { client, op, .. }| table.told(client, op);
        let sold = State { version: Value(1), word: 0 };
        assert!(table.apply(&take(5, 1)));
        assert!(!table.apply(&take(6, 2)), "refused");
        for _ in 0..2 {
            assert_eq!(told(&table, take(5, 1)), Some(Ret::State(sold)));
            assert_eq!(told(&table, take(6, 2)), Some(Ret::Refused(sold)));
            assert!(!table.apply(&take(5, 1)), "once only");
        }
        assert_eq!((table.state(Key(0)), table.state(Key(9))), (sold, contents.first()));
        assert!(!table.apply(&take(5, 3)));
        assert_eq!(told(&table, take(5, 1)), None, "its client has gone on");
    }

    #[test]
    fn a_request_sent_twice_takes_effect_once() {
        let write = |op, value| Command {
            key: Key(1),
            value: Value(value),
            update: Update::Put,
            client: NodeId(5),
            op: OpId(op),
        };
        let mut table = Table::new(1, Contents::default());
        assert!(table.apply(&write(3, 10)));
        assert!(table.apply(&write(4, 11)));
        assert!(!table.apply(&write(3, 10)));
        assert_eq!(table.read(Key(1)), Value(11));
        assert!(table.has_applied(NodeId(5), OpId(4)) && !table.has_applied(NodeId(5), OpId(5)));
        assert_eq!(&*table.scan(Key(0), 3), [Value(0), Value(11), Value(0)]);
    }
}
