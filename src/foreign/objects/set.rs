//! Sets: no element is lost, and none comes back or from nowhere.

use super::super::history::{Action, INITIAL, Operation, Outcome};
use super::super::of_key::Key;
use super::super::spec::list;
use super::super::words::short;
use super::Breach;
use std::collections::BTreeMap;

/// Beyond this many pairs of a read and an element or an update, a set is left to the search.
const MOST_PAIRS: usize = 50_000_000;

impl Key<'_> {
    /// Each element is in a read if it was surely there, and not if it surely was not.
    pub(super) fn elements(self) -> Option<Breach> {
        let first = list(self.history.value(INITIAL))?;
        let mut changes: BTreeMap<String, Vec<u32>> =
            first.iter().map(|element| (element.to_string(), Vec::new())).collect();
        for i in self.members.iter().filter(|i| self.op(**i).action != Action::Read) {
            let element = self.history.value(self.op(*i).value).to_owned();
            changes.entry(element).or_default().push(*i);
        }
        let first: Vec<String> = first.iter().map(ToString::to_string).collect();
        let reads = self.reads().count();
        let looked_at = changes.len() + (self.members.len() - reads);
        if reads.saturating_mul(looked_at) > MOST_PAIRS {
            return None;
        }
        for read in self.reads() {
            let found = list(self.history.value(self.op(read).value));
            let found = found.map(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>());
            let all = found.map(|mut all| {
                let count = all.len();
                all.sort_unstable();
                all.dedup();
                (all.len() == count).then_some(all)
            });
            let Some(all) = all.flatten() else {
                let message = format!("{}, which is no set", self.did(read));
                return Some(Breach { law: "Set", message, operations: vec![read] });
            };
            if let Some(stranger) = all.iter().find(|element| !changes.contains_key(*element)) {
                let message = format!("{}; nobody inserted {}", self.did(read), short(stranger));
                return Some(Breach { law: "ThinAir", message, operations: vec![read] });
            }
            for (element, changes) in &changes {
                let there = all.binary_search(element).is_ok();
                if self.cannot_be(read, there, changes, first.contains(element)) {
                    let (law, how) = match there {
                        true => ("Unexpected", "cannot have been there"),
                        false => ("Lost", "was surely there"),
                    };
                    let message = format!("{}, but {} {how}", self.did(read), short(element));
                    let operations = [&changes[..], &[read]].concat();
                    return Some(Breach { law, message, operations });
                }
            }
        }
        None
    }

    /// Whether a read cannot have found an element `there` (or absent): what makes it so was all
    /// too late or surely undone.
    fn cannot_be(self, read: u32, there: bool, changes: &[u32], first: bool) -> bool {
        let read = self.op(read);
        let is_for = |op: &Operation| (op.action == Action::Insert) == there;
        // What surely undoes it had completed before the read. Of that, what began last tells of all: it
        // undoes whatever had completed before it began.
        let sure = |op: &&Operation| {
            !is_for(op) && op.outcome == Outcome::Ok && op.completed < read.invoked
        };
        let undone = changes.iter().map(|i| self.op(*i)).filter(sure).map(|op| op.invoked).max();
        let helps = |op: &Operation| {
            is_for(op)
                && op.invoked <= read.completed
                && undone.is_none_or(|undone| undone <= op.completed)
        };
        let initially = first == there && undone.is_none();
        !initially && !changes.iter().any(|i| helps(self.op(*i)))
    }
}
