//! What came before its turn, on links that reorder: kept until what is missing has come.

use std::collections::VecDeque;

/// Held up to this far ahead; the rest is asked for again.
const AHEAD: u64 = 1 << 12;

/// Entries of a log after its end.
#[derive(Clone, Debug)]
pub struct Early<T>(VecDeque<Option<T>>);

impl<T> Default for Early<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T> Early<T> {
    /// Keeps an entry that is so many places after the one whose turn it is, unless that is too far.
    pub fn keep(&mut self, ahead: u64, entry: T) {
        if ahead < AHEAD {
            let ahead = ahead as usize;
            if self.0.len() <= ahead {
                self.0.resize_with(ahead + 1, || None);
            }
            self.0[ahead] = Some(entry);
        }
    }

    /// The entry whose turn it is, if it has come; then it is the next one's turn.
    pub fn next_in_turn(&mut self) -> Option<T> {
        let entry = self.0.front_mut()?.take();
        if entry.is_some() {
            self.0.pop_front();
        }
        entry
    }

    /// How many places after the last one taken the farthest entry is; 0 if none is kept.
    #[must_use]
    pub fn reach(&self) -> u64 {
        self.0.len() as u64
    }

    /// Forgets all: the log goes on elsewhere.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_leave_in_their_turn_however_they_came() {
        let mut early = Early::default();
        early.keep(2, 'c');
        early.keep(1, 'b');
        early.keep(AHEAD, 'z');
        assert_eq!(early.reach(), 3);
        assert_eq!(early.next_in_turn(), None);
        early.keep(0, 'a');
        early.keep(0, 'a');
        assert_eq!(
            std::array::from_fn(|_| early.next_in_turn()),
            [Some('a'), Some('b'), Some('c'), None]
        );
        early.keep(1, 'e');
        early.clear();
        early.keep(0, 'd');
        assert_eq!([early.next_in_turn(), early.next_in_turn()], [Some('d'), None]);
    }
}
