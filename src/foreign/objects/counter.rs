//! Counters and stock: conservation, and sums between the least and the most that can have been.

use super::super::history::{Action, INITIAL, Operation, Outcome};
use super::super::of_key::Key;
use super::super::spec::number;
use super::Breach;
use std::collections::BTreeMap;

impl Key<'_> {
    /// Nobody takes more units than there were.
    pub(super) fn conserved(self) -> Option<Breach> {
        let amount = |i: u32| number(self.history.value(self.op(i).value)).unwrap_or(0);
        let first = number(self.history.value(INITIAL))?;
        let adds = |i: &u32| self.op(*i).action == Action::Add && amount(*i) > 0;
        let takes = |i: &u32| {
            let op = self.op(*i);
            op.action == Action::Take && op.outcome == Outcome::Ok && op.swapped
        };
        let mut ends: Vec<u32> = self.members.iter().copied().filter(takes).collect();
        ends.sort_by_key(|i| self.op(*i).completed);
        let added: Vec<u32> = self.members.iter().copied().filter(adds).collect();
        let (mut taken, mut there, mut begun) = (0_i128, first, 0);
        for (n, end) in ends.iter().enumerate() {
            let now = self.op(*end).completed;
            while begun < added.len() && self.op(added[begun]).invoked <= now {
                there = there.saturating_add(amount(added[begun]));
                begun += 1;
            }
            taken = taken.saturating_add(amount(*end));
            if taken > there && amount(*end) > 0 {
                let message = format!(
                    "{taken} were taken from {} by tick {now}, and there were never more than \
                     {there}: {first} in the beginning, and {} that somebody had begun to add",
                    self.name(),
                    there - first
                );
                let operations = [&ends[..=n], &added[..begun]].concat();
                return Some(Breach { law: "Conservation", message, operations });
            }
        }
        None
    }

    /// A read lies between the least and the most that can have been there.
    pub(super) fn counted(self) -> Option<Breach> {
        let change = |op: &Operation| {
            let amount = number(self.history.value(op.value)).unwrap_or(0);
            match op.action {
                Action::Add => amount,
                Action::Take if !op.refused() => -amount,
                _ => 0,
            }
        };
        let first = number(self.history.value(INITIAL))?;
        let changes = |i: &u32| change(self.op(*i)) != 0;
        let changes: Vec<u32> = self.members.iter().copied().filter(changes).collect();
        let mut ends: Vec<u32> = changes.clone();
        ends.sort_by_key(|i| self.op(*i).completed);
        // What is sure, what may lower it and what may raise it, as reads begin and end.
        let mut reads: Vec<u32> = self.reads().collect();
        let mut least = BTreeMap::new();
        let (mut at, mut sums) = (0, (0_i128, 0_i128));
        for read in &reads {
            while at < ends.len() && self.op(ends[at]).completed < self.op(*read).invoked {
                let by = change(self.op(ends[at]));
                sums = (sums.0.saturating_add(by.max(0)), sums.1.saturating_add(by.min(0)));
                at += 1;
            }
            least.insert(*read, sums);
        }
        reads.sort_by_key(|i| self.op(*i).completed);
        let (mut at, mut begun) = (0, (0_i128, 0_i128));
        for read in reads {
            while at < changes.len() && self.op(changes[at]).invoked <= self.op(read).completed {
                let by = change(self.op(changes[at]));
                begun = (begun.0.saturating_add(by.max(0)), begun.1.saturating_add(by.min(0)));
                at += 1;
            }
            let sure = least.get(&read).copied().unwrap_or_default();
            let low = first.saturating_add(sure.0).saturating_add(begun.1);
            let high = first.saturating_add(begun.0).saturating_add(sure.1);
            let found = number(self.history.value(self.op(read).value));
            if found.is_none_or(|found| found < low || found > high) {
                let message =
                    format!("{}, where only {low} to {high} can have been", self.did(read));
                let mut operations = changes[..at].to_vec();
                operations.push(read);
                return Some(Breach { law: "Sum", message, operations });
            }
        }
        None
    }
}
