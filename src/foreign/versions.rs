//! The order in which the values of a key followed each other, where somebody knows it.
//!
//! A store can tell it (`pacelc check --versions`), and then whoever reads, or writes, is judged by it. What is told must
//! be about the history that it is told of: an order of a key that is misspelled would go unused, and nobody would see
//! that the verdict rests on nothing.

use super::history::{History, INITIAL, NEVER};
use super::intern::Table;
use super::read::exact;
use super::words::short;
use crate::op::unknown;
use serde_json::Value;
use std::collections::BTreeMap;

/// For each key, its values from the oldest to the newest. The initial one is older than all.
#[derive(Clone, Debug, Default)]
pub struct Versions {
    ranks: BTreeMap<(u32, u32), u32>,
}

impl Versions {
    /// Takes the order of each key by name, with values as JSON.
    ///
    /// # Errors
    ///
    /// A key that the history does not have, a value that no operation on the key has, a value that stands twice, an
    /// initial value that is not the oldest, or a number that cannot be compared.
    pub fn new<'a, K, V>(history: &History, orders: K) -> Result<Self, String>
    where
        K: IntoIterator<Item = (&'a str, V)>,
        V: IntoIterator<Item = &'a Value>,
    {
        let mut known = Table::<u64>::default();
        for op in history.operations() {
            known.insert(&[pair(op.key, op.value)]);
            known.insert(&[pair(op.key, op.expected)]);
        }
        let mut ranks = BTreeMap::new();
        for (name, values) in orders {
            let Some(key) = history.keys.find(name) else {
                let keys = (0..history.keys.len() as u32).map(|key| history.key(key));
                return Err(unknown("key", name, keys));
            };
            let name = short(name);
            for (rank, value) in values.into_iter().enumerate() {
                let mut value = value.clone();
                exact(&mut value).map_err(|why| format!("the versions of `{name}`: {why}"))?;
                let text = value.to_string();
                let number = history.values.find(&text).filter(|number| {
                    *number == INITIAL || known.find(&[pair(key, *number)]).is_some()
                });
                let Some(number) = number else {
                    return Err(format!(
                        "the versions of `{name}`: no operation on this key has the value {}; name those \
                         that were written, from the oldest on",
                        short(&text)
                    ));
                };
                if number == INITIAL && rank > 0 {
                    return Err(format!(
                        "the versions of `{name}`: the initial value {value} is older than all \
                         others; it comes first or is left out"
                    ));
                }
                let place = if number == INITIAL { 0 } else { rank as u32 + 1 };
                if ranks.insert((key, number), place).is_some() {
                    return Err(format!(
                        "the versions of `{name}`: {value} stands there twice; each value has one \
                         place"
                    ));
                }
            }
        }
        Ok(Self { ranks })
    }

    /// The order in which values were first seen: by the earliest completion of the write or of a
    /// read of it. Of two first seen in one instant, that which somebody named earlier is older; then their
    /// texts decide, so that the order of a file's lines does not.
    pub(super) fn first_seen(history: &History) -> Self {
        let (mut pairs, mut seen) = (Table::<u64>::default(), Vec::<Seen>::new());
        for op in history.operations().iter().filter(|op| op.counts() && op.value != INITIAL) {
            let (number, new) = pairs.insert(&[pair(op.key, op.value)]);
            if new {
                seen.push(Seen { key: op.key, value: op.value, first: NEVER, named: op.invoked });
            }
            let first = &mut seen[number as usize].first;
            *first = (*first).min(op.completed);
        }
        seen.sort_by_key(|one| (one.key, one.first, one.named, history.value(one.value)));
        let mut ranks = BTreeMap::new();
        for of_key in seen.chunk_by(|a, b| a.key == b.key) {
            ranks.extend(of_key.iter().zip(1..).map(|(one, rank)| ((one.key, one.value), rank)));
        }
        Self { ranks }
    }

    /// The place of a value among those of its key, 0 for the initial one; `None` if it has none.
    pub(super) fn rank(&self, key: u32, value: u32) -> Option<u32> {
        let rank = self.ranks.get(&(key, value)).copied();
        rank.or((value == INITIAL).then_some(0))
    }
}

/// A value of a key, when it was first seen, and when the first operation began that names it.
struct Seen {
    key: u32,
    value: u32,
    first: u64,
    named: u64,
}

/// A key and a value as one word.
fn pair(key: u32, value: u32) -> u64 {
    u64::from(key) << 32 | u64::from(value)
}

#[cfg(test)]
mod tests {
    use super::super::read::read;
    use super::*;

    #[test]
    fn the_order_in_which_values_were_first_seen_is_not_that_of_the_lines() {
        let write = |process: u32, value: u32, invoke: u64| {
            format!(
                r#"{{"process":{process},"key":"x","op":"write","value":{value},"invoke":{invoke},"complete":9,"ok":true}}"#
            )
        };
        // All end at once: 30 began first, and 10 and 20 together.
        let lines = [write(1, 10, 5), write(2, 20, 5), write(3, 30, 4)];
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
            let text = order.map(|i: usize| lines[i].clone()).join("\n");
            let history = read(text.as_bytes(), "h", None, &Value::Null).expect("a history");
            let versions = Versions::first_seen(&history);
            let key = history.keys.find("x").expect("the key");
            let rank = |value: &str| {
                versions.rank(key, history.values.find(value).expect("a value")).expect("a place")
            };
            assert_eq!(["30", "10", "20"].map(rank), [1, 2, 3], "{order:?}");
        }
    }
}
