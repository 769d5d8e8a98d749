//! The replicated state of a leader-ordered store: the value of each key, and which request of each
//! client was applied last, so that a request sent twice takes effect once.

use crate::op::{Key, NodeId, OpId, Value};
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
    /// What.
    pub value: Value,
    /// Whose.
    pub client: NodeId,
    /// The client's request; its requests' numbers rise.
    pub op: OpId,
}

/// Values by key, plus the clients' latest requests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    values: Vec<Value>,
    /// By client, the number of its latest applied request plus one; 0 for none.
    latest: Vec<u32>,
}

impl Table {
    /// An empty table for this many keys; more are added as they are written.
    #[must_use]
    pub fn new(keys: u32) -> Self {
        Self { values: vec![Value::INITIAL; keys as usize], latest: Vec::new() }
    }

    /// The value of a key.
    #[must_use]
    pub fn read(&self, key: Key) -> Value {
        self.values.get(key.0 as usize).copied().unwrap_or_default()
    }

    /// The values of `count` consecutive keys.
    #[must_use]
    pub fn scan(&self, first: Key, count: u16) -> Box<[Value]> {
        (0..u32::from(count)).map(|i| self.read(Key(first.0.saturating_add(i)))).collect()
    }

    /// Applies a write unless this request, or a later one of its client, was applied before; says
    /// whether it did.
    pub fn apply(&mut self, command: &Command) -> bool {
        let latest = slot(&mut self.latest, command.client.index());
        if *latest > command.op.0 {
            return false;
        }
        *latest = command.op.0 + 1;
        *slot(&mut self.values, command.key.0 as usize) = command.value;
        true
    }

    /// Whether the client's request, or a later one of its, was applied.
    #[must_use]
    pub fn has_applied(&self, client: NodeId, op: OpId) -> bool {
        self.latest.get(client.index()).is_some_and(|latest| *latest > op.0)
    }

    /// Bytes this table takes in a snapshot message.
    #[must_use]
    pub fn wire_size(&self) -> u32 {
        self.values.len() as u32 * (8 + VALUE_BYTES) + self.latest.len() as u32 * 4
    }
}

/// The entry at an index of a table that grows as it is used.
pub(in crate::protocol) fn slot<T: Copy + Default>(table: &mut Vec<T>, index: usize) -> &mut T {
    if table.len() <= index {
        table.resize(index + 1, T::default());
    }
    &mut table[index]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_sent_twice_takes_effect_once() {
        let write = |op, value| Command {
            key: Key(1),
            value: Value(value),
            client: NodeId(5),
            op: OpId(op),
        };
        let mut table = Table::new(1);
        assert!(table.apply(&write(3, 10)));
        assert!(table.apply(&write(4, 11)));
        assert!(!table.apply(&write(3, 10)));
        assert_eq!(table.read(Key(1)), Value(11));
        assert!(table.has_applied(NodeId(5), OpId(4)) && !table.has_applied(NodeId(5), OpId(5)));
        assert_eq!(&*table.scan(Key(0), 3), [Value(0), Value(11), Value(0)]);
    }
}
