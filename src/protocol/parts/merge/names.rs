//! Sets of updates by name: which ones a replica has been told of.
//!
//! A session numbers its updates one after another, so what replicas know of it is soon one run of numbers; there
//! are more only while another log is late. These are the causal contexts of Almeida et al. (2018): a
//! version vector and a cloud of dots beyond it.

use serde::{Deserialize, Serialize};

/// An update's name: whose, and which of that session's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Name {
    /// The client that asked for it.
    pub client: u32,
    /// Which of its updates; no two sessions of a client share a number.
    pub n: u32,
}

/// Consecutive names of one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Run {
    first: Name,
    last: u32,
}

/// A set of names: runs in order, with a gap between any two of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Names(Vec<Run>);

impl Names {
    /// The runs that begin at or before this name, as a number of them.
    fn upto(&self, name: Name) -> usize {
        self.0.partition_point(|run| run.first <= name)
    }

    /// The last run that begins at or before the name, if it is of the same session.
    fn before(&self, name: Name) -> Option<(usize, Run)> {
        let at = self.upto(name).checked_sub(1)?;
        Some((at, self.0[at])).filter(|(_, run)| run.first.client == name.client)
    }

    /// Whether this one is among them.
    #[must_use]
    pub fn contains(&self, name: Name) -> bool {
        self.before(name).is_some_and(|(_, run)| name.n <= run.last)
    }

    /// Adds one; says whether it is new.
    pub fn insert(&mut self, name: Name) -> bool {
        if self.contains(name) {
            return false;
        }
        let next = Name { n: name.n + 1, ..name };
        let at = self.upto(name);
        let follows = self.before(name).is_some_and(|(_, run)| run.last + 1 == name.n);
        let joins = self.0.get(at).is_some_and(|run| run.first == next);
        match (follows, joins) {
            (true, true) => self.0[at - 1].last = self.0.remove(at).last,
            (true, false) => self.0[at - 1].last = name.n,
            (false, true) => self.0[at].first = name,
            (false, false) => self.0.insert(at, Run { first: name, last: name.n }),
        }
        true
    }

    /// Adds all of the others; says whether any was new. It takes as long as there are runs, however many names
    /// they stand for.
    pub fn join(&mut self, other: &Self) -> bool {
        let known =
            |run: &Run| self.before(run.first).is_some_and(|(_, ours)| run.last <= ours.last);
        if other.0.iter().all(known) {
            return false;
        }
        let mut runs = [&self.0[..], &other.0[..]].concat();
        runs.sort_unstable_by_key(|run| run.first);
        self.0.clear();
        for run in runs {
            match self.0.last_mut() {
                Some(last)
                    if last.first.client == run.first.client && run.first.n <= last.last + 1 =>
                {
                    last.last = last.last.max(run.last);
                }
                _ => self.0.push(run),
            }
        }
        true
    }

    /// Tells of each run: its first name and its last number.
    pub fn each_run(&self, mut tell: impl FnMut(Name, u32)) {
        self.0.iter().for_each(|run| tell(run.first, run.last));
    }

    /// Bytes on the wire.
    #[must_use]
    pub fn wire_size(&self) -> u32 {
        12 * self.0.len() as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn names() -> impl Strategy<Value = Vec<Name>> {
        let name = (0_u32..3, 0_u32..9).prop_map(|(client, n)| Name { client, n });
        proptest::collection::vec(name, 0..20)
    }

    fn set(list: &[Name]) -> Names {
        let mut names = Names::default();
        list.iter().for_each(|name| {
            names.insert(*name);
        });
        names
    }

    #[test]
    fn consecutive_names_are_one_run() {
        let of = |n| Name { client: 4, n };
        assert_eq!(set(&[of(1), of(4), of(3)]).wire_size(), 24);
        assert_eq!(set(&[of(1), of(4), of(3), of(2)]).0, [Run { first: of(1), last: 4 }]);
    }

    proptest! {
        #[test]
        fn names_are_sets(a in names(), b in names(), probe in names()) {
            let oracle: BTreeSet<Name> = a.iter().copied().collect();
            let mut joined = set(&a);
            for name in &probe {
                prop_assert_eq!(joined.contains(*name), oracle.contains(name));
            }
            joined.join(&set(&b));
            let mut all = [a, b].concat();
            prop_assert_eq!(&joined, &set(&all));
            all.reverse();
            prop_assert_eq!(&joined, &set(&all));
            prop_assert!(all.iter().all(|name| !joined.clone().insert(*name)));
        }
    }
}
