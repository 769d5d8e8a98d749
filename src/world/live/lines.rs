//! How late a process's own delay lines are, where others live elsewhere.
//!
//! Two hosts have two clocks, so how long a message was on its way nobody knows. But what holds it back is the
//! delay line of the process that sends it, and this measures how much later than asked the message leaves that.
//! Of every directed link exactly one process knows, its sender; a driver collects what all of them say.

use super::hub::Hub;
use super::node::Late;
use super::{LinkReport, site_name};
use crate::op::NodeId;
use crate::protocol::Protocol;
use crate::scenario::plan::Plan;
use crate::time::{Duration, Instant};
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An hour is more than any run waits for, in nanoseconds.
const LATEST: u64 = 3_600_000_000_000;

/// How late messages were, by what they are told apart by.
pub(super) type Lateness<K> = BTreeMap<K, Late>;

/// Notes how late a message is.
pub(super) fn note<K: Ord + Copy>(all: &mut Lateness<K>, link: K, now: Instant, due: Instant) {
    // The bounds are constants that a histogram can have.
    if !all.contains_key(&link)
        && let Ok(empty) = Histogram::new_with_bounds(1, LATEST, 2)
    {
        all.insert(link, empty);
    }
    if let Some(late) = all.get_mut(&link) {
        late.saturating_record(now.0.saturating_sub(due.0).max(1));
    }
}

/// The delay lines of one process, by the sites at both ends.
#[derive(Default)]
pub(super) struct Lines {
    before: Lateness<(usize, usize)>,
    during: Lateness<(usize, usize)>,
}

/// What a process says of one of its lines; times in nanoseconds later than asked, the median and the 99th
/// percentile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LineSaid {
    from: usize,
    to: usize,
    n: u64,
    before: [u64; 2],
    during: [u64; 2],
}

impl Lines {
    /// A message, or a probe before the run, leaves now.
    pub(super) fn leaves<P: Protocol>(
        &mut self,
        hub: &Hub<P>,
        (from, to): (NodeId, usize),
        due: Instant,
        probe: bool,
    ) {
        let link = (hub.site(from.index()), hub.site(to));
        let all = if probe { &mut self.before } else { &mut self.during };
        note(all, link, hub.now(), due);
    }

    /// What is known of each.
    pub(super) fn said(&self) -> Vec<LineSaid> {
        let of = |late: Option<&Late>| {
            late.map_or([0; 2], |late| [0.5, 0.99].map(|at| late.value_at_quantile(at)))
        };
        let mut said = Vec::new();
        for (from, to) in self.before.keys().chain(self.during.keys()).copied() {
            let (before, during) = (self.before.get(&(from, to)), self.during.get(&(from, to)));
            let n = during.map_or(0, Late::len);
            said.push(LineSaid { from, to, n, before: of(before), during: of(during) });
        }
        said.sort_unstable_by_key(|line| (line.from, line.to));
        said.dedup_by_key(|line| (line.from, line.to));
        said
    }
}

/// What all have said of lines that there are, as a report.
pub(super) fn report(plan: &Plan, said: &[LineSaid]) -> Vec<LinkReport> {
    let there = |line: &&LineSaid| line.from.max(line.to) < plan.sites();
    let ms = |time: u64| Duration(time).as_ms();
    let mut links: Vec<&LineSaid> = said.iter().filter(there).collect();
    links.sort_by_key(|line| (line.from, line.to));
    let line = |line: &LineSaid| LinkReport {
        from: site_name(plan, line.from),
        to: site_name(plan, line.to),
        n: line.n,
        asked_ms: plan.link(line.from, line.to).base.as_ms(),
        before_p50_ms: ms(line.before[0]),
        before_p99_ms: ms(line.before[1]),
        late_p50_ms: ms(line.during[0]),
        late_p99_ms: ms(line.during[1]),
    };
    links.into_iter().map(line).collect()
}
