//! Locks: mutual exclusion, and fencing tokens that grow.

use super::super::history::{Action, NEVER, Outcome};
use super::super::of_key::Key;
use super::super::words::token;
use super::Breach;
use std::collections::BTreeMap;

impl Key<'_> {
    /// No two owners hold a lock at once.
    pub(super) fn tenures(self) -> Option<Breach> {
        // By owner: its releases in the order of invocations, each with the latest completion so far.
        let mut releases: BTreeMap<u32, Vec<(u64, u32)>> = BTreeMap::new();
        for i in self.members {
            let op = self.op(*i);
            if op.action == Action::Release && !op.refused() {
                let all = releases.entry(op.value).or_default();
                let latest = all.last().map_or(0, |(latest, _)| *latest);
                all.push((latest.max(op.completed), *i));
            }
        }
        let granted = |i: &u32| {
            let op = self.op(*i);
            op.action == Action::Acquire && op.outcome == Outcome::Ok && op.swapped
        };
        let mut acquired: Vec<u32> = self.members.iter().copied().filter(granted).collect();
        acquired.sort_by_key(|i| self.op(*i).completed);
        // The tenure so far that surely lasts longest: until when, from whom, released by what.
        let mut longest: Option<(u64, u32, Option<u32>)> = None;
        for i in acquired {
            let op = self.op(i);
            // The first that had not ended when it began: with it the latest completion comes so far.
            let release = releases.get(&op.value).and_then(|all| {
                let at = all.partition_point(|(latest, _)| *latest < op.invoked);
                all.get(at).map(|(_, release)| *release)
            });
            let until = release.map_or(NEVER, |r| self.op(r).invoked);
            if let Some((held, other, end)) = longest
                && op.completed < held
                && (op.completed < until || self.op(other).completed < op.invoked)
            {
                let message = format!(
                    "two held {} at tick {}: {}, and {}",
                    self.name(),
                    op.completed,
                    self.tenure(other, end),
                    self.tenure(i, release)
                );
                let operations = [Some(other), end, Some(i), release].into_iter().flatten();
                let operations = operations.collect();
                return Some(Breach { law: "MutualExclusion", message, operations });
            }
            if until > op.completed && longest.is_none_or(|(held, ..)| until > held) {
                longest = Some((until, i, release));
            }
        }
        None
    }

    fn tenure(self, acquire: u32, release: Option<u32>) -> String {
        let end = release.map_or_else(
            || "never released it".to_owned(),
            |r| format!("released it not before {}", self.op(r).invoked),
        );
        format!("{} and {end}", self.did(acquire))
    }

    /// Who acquires a lock later has a greater fencing token.
    pub(super) fn tokens(self) -> Option<Breach> {
        let fenced = self.members.iter().filter_map(|i| {
            token(self.history, self.op(*i)).map(|token| (self.op(*i).completed, *i, token))
        });
        let mut ends: Vec<(u64, u32, u64)> = fenced.collect();
        let begins = ends.clone();
        ends.sort_unstable();
        let (mut at, mut greatest): (usize, Option<(u64, u32)>) = (0, None);
        for (_, i, token) in begins {
            while at < ends.len() && ends[at].0 < self.op(i).invoked {
                greatest = greatest.max(Some((ends[at].2, ends[at].1)));
                at += 1;
            }
            if let Some((before, other)) = greatest.filter(|(before, _)| *before >= token) {
                let message = format!(
                    "{}, but the token {before} had been given out before: {}",
                    self.did(i),
                    self.did(other)
                );
                return Some(Breach { law: "Fencing", message, operations: vec![other, i] });
            }
        }
        None
    }
}
