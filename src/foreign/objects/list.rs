//! Lists and texts that are only appended to: each read begins with those before it.

use super::super::history::Action;
use super::super::of_key::Key;
use super::Breach;

impl Key<'_> {
    /// What is only appended to grows at its end: of two reads one begins with the other, and the
    /// later one is not the shorter.
    pub(super) fn grown(self) -> Option<Breach> {
        let appends = self.members.iter().any(|i| self.op(*i).action == Action::Append);
        let only = |i: &u32| matches!(self.op(*i).action, Action::Append | Action::Read);
        if !appends || !self.members.iter().all(only) {
            return None;
        }
        let inside = |i: u32| {
            let text = self.history.value(self.op(i).value);
            let text = if text == "null" { "" } else { text };
            text.strip_suffix(['"', ']']).unwrap_or(text)
        };
        let mut reads: Vec<u32> = self.reads().collect();
        reads.sort_by_key(|i| (inside(*i).len(), *i));
        for pair in reads.windows(2) {
            let (short, long) = (inside(pair[0]), inside(pair[1]));
            if !long.starts_with(short) {
                let message = format!(
                    "{}, and {}; neither begins as the other does",
                    self.did(pair[0]),
                    self.did(pair[1])
                );
                return Some(Breach { law: "Prefix", message, operations: pair.to_vec() });
            }
        }
        // The longest reads last; the one of them that ended first bounds what may begin later.
        let mut earliest: Option<u32> = None;
        for read in reads.into_iter().rev() {
            if let Some(long) = earliest
                && self.op(long).completed < self.op(read).invoked
                && inside(long).len() > inside(read).len()
            {
                let message = format!(
                    "{}, although it was longer before: {}",
                    self.did(read),
                    self.did(long)
                );
                return Some(Breach { law: "Stale", message, operations: vec![long, read] });
            }
            if earliest.is_none_or(|e| self.op(read).completed < self.op(e).completed) {
                earliest = Some(read);
            }
        }
        None
    }
}
