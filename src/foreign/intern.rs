//! Texts and sequences of words, each kept once and known by a number.
//!
//! A history of ten million operations names its keys, values and processes again and again, and a
//! search asks of every state whether it has been there before. Both need a table from content to a
//! dense number. std's hash maps are banned here (their order differs from run to run) and ordered
//! maps cost a comparison of texts per level, so this is an open-addressing table of four-byte
//! slots over one arena. It is never iterated in the order of its slots.

/// A set of sequences; each is numbered in the order in which it was first seen.
#[derive(Clone, Debug)]
pub(super) struct Table<T> {
    arena: Vec<T>,
    /// Where each sequence ends in the arena; it begins where the one before it ends.
    ends: Vec<usize>,
    /// Numbers plus one; 0 is an empty slot. The length is a power of two.
    slots: Vec<u32>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { arena: Vec::new(), ends: Vec::new(), slots: Vec::new() }
    }
}

impl<T: Copy + Eq + Into<u64>> Table<T> {
    /// The number of `content`, or the empty slot where it would be.
    fn probe(&self, content: &[T]) -> Result<u32, usize> {
        let mask = self.slots.len() - 1;
        let mut slot = hash(content) as usize & mask;
        loop {
            match self.slots[slot] {
                0 => return Err(slot),
                n if self.get(n - 1) == content => return Ok(n - 1),
                _ => slot = (slot + 1) & mask,
            }
        }
    }

    /// The number of `content`, if it is there.
    pub(super) fn find(&self, content: &[T]) -> Option<u32> {
        if self.slots.is_empty() { None } else { self.probe(content).ok() }
    }

    /// The number of `content`, and whether it is new.
    pub(super) fn insert(&mut self, content: &[T]) -> (u32, bool) {
        if (self.ends.len() + 1) * 8 > self.slots.len() * 7 {
            self.grow();
        }
        let slot = match self.probe(content) {
            Ok(number) => return (number, false),
            Err(slot) => slot,
        };
        self.arena.extend_from_slice(content);
        self.ends.push(self.arena.len());
        let number = u32::try_from(self.ends.len()).expect("fewer than 2^32 entries fit in memory");
        self.slots[slot] = number;
        (number - 1, true)
    }

    fn grow(&mut self) {
        let size = (self.slots.len() * 2).max(16);
        self.slots = vec![0; size];
        for number in 0..self.ends.len() as u32 {
            let mut slot = hash(self.get(number)) as usize & (size - 1);
            while self.slots[slot] != 0 {
                slot = (slot + 1) & (size - 1);
            }
            self.slots[slot] = number + 1;
        }
    }

    /// The content of a number this table gave out.
    pub(super) fn get(&self, number: u32) -> &[T] {
        let at = number as usize;
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.arena[start..self.ends[at]]
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> u64 {
        let Self { arena, ends, slots } = self;
        (arena.capacity() * size_of::<T>() + ends.capacity() * 8 + slots.capacity() * 4) as u64
    }
}

/// Multiply and fold, after wyhash; equal on every machine.
fn hash<T: Copy + Into<u64>>(content: &[T]) -> u64 {
    let mut hash = 0x9e37_79b9_7f4a_7c15_u64 ^ content.len() as u64;
    for &word in content {
        let product = u128::from(hash ^ word.into()) * 0xa076_1d64_78bd_642f_u128;
        hash = (product as u64) ^ (product >> 64) as u64;
    }
    hash ^ hash >> 32
}

/// Texts by number.
#[derive(Clone, Debug, Default)]
pub(super) struct Texts(Table<u8>);

impl Texts {
    pub(super) fn number(&mut self, text: &str) -> u32 {
        self.0.insert(text.as_bytes()).0
    }

    pub(super) fn insert(&mut self, text: &str) -> (u32, bool) {
        self.0.insert(text.as_bytes())
    }

    pub(super) fn find(&self, text: &str) -> Option<u32> {
        self.0.find(text.as_bytes())
    }

    pub(super) fn get(&self, number: u32) -> &str {
        std::str::from_utf8(self.0.get(number)).expect("only texts went in")
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.0.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_have_one_number_and_numbers_are_dense() {
        let mut texts = Texts::default();
        let words: Vec<String> = (0..3_000).map(|n| format!("word {}", n % 1_000)).collect();
        for (n, word) in words.iter().enumerate() {
            assert_eq!(texts.insert(word), (n as u32 % 1_000, n < 1_000));
        }
        assert_eq!(texts.number(""), 1_000, "the empty text is a text");
        assert_eq!((texts.get(7), texts.get(1_000), texts.len()), ("word 7", "", 1_001));
    }

    #[test]
    fn sequences_of_words_do_not_run_together() {
        let mut table = Table::<u64>::default();
        assert_eq!(table.insert(&[1, 2]), (0, true));
        assert_eq!(table.insert(&[1]), (1, true));
        assert_eq!(table.insert(&[2]), (2, true));
        assert_eq!(table.insert(&[1, 2, 0]), (3, true));
        assert_eq!(table.insert(&[1, 2]), (0, false));
    }
}
