//! Bounded staleness by versions: how many acknowledged versions of its key a read may miss.
//!
//! The versions a read missed are those of `staleness`: the writes of its key that were acknowledged
//! before it began, and began themselves after the write it returned had been acknowledged (the k of
//! Golab, Li and Shah, "Analyzing Consistency Properties for Fun and Profit", PODC 2011).

use super::evidence::{counterexample, did, value};
use super::index::{self, Order};
use super::staleness::{Observation, observe};
use super::{Checker, Verdict};
use crate::guarantee::Guarantee;
use crate::history::{History, Status};
use crate::op::{OpKind, Value};

pub(super) const CHECKER: Checker = Checker {
    name: "bounded-versions",
    about: "No read misses more acknowledged versions of its key than the bound (Golab et al. 2011).",
    needed_for: |guarantee| matches!(guarantee, Guarantee::BoundedVersions(_)),
    check: |history, guarantee| match guarantee {
        Guarantee::BoundedVersions(bound) => check(history, bound),
        _ => Verdict::Holds,
    },
};

/// Of the versions a read missed, how many are named.
const NAMED: usize = 8;

fn check(history: &History, bound: u32) -> Verdict {
    let (order, writes) = (Order::of(history), index::writes(history));
    let mut worst: Option<Observation> = None;
    observe(history, &order, &writes, |seen| {
        if seen.versions > worst.map_or(bound, |worst| worst.versions) {
            worst = Some(seen);
        }
    });
    let Some(Observation { op, key, value: of, versions, .. }) = worst else {
        return Verdict::Holds;
    };
    let read = &history.operations[op as usize];
    let own = (of != Value::INITIAL).then(|| writes[of.0 as usize]);
    let acknowledged = own.map(|id| history.operations[id as usize].completed);
    let missed = history.operations.iter().enumerate().filter(|(_, op)| {
        let newer = acknowledged.is_none_or(|at| op.invoked > at);
        let acked = op.status == Status::Ok && op.completed < read.invoked;
        op.kind == OpKind::Write && op.key == key && acked && newer
    });
    let missed: Vec<u32> = missed.map(|(id, _)| id as u32).collect();
    let versions_are = if versions == 1 { "version was" } else { "versions were" };
    let names: Vec<String> =
        missed.iter().take(NAMED).map(|id| value(history.operations[*id as usize].value)).collect();
    let more = if missed.len() > NAMED { ", ..." } else { "" };
    let message = format!(
        "{}, when {versions} newer {versions_are} acknowledged ({}{more}); the bound is {bound}",
        did(read, key, of),
        names.join(", "),
    );
    let operations: Vec<u32> = own.into_iter().chain([op]).chain(missed).collect();
    Verdict::Violated(counterexample(message, &operations))
}

#[cfg(test)]
mod tests {
    use super::super::judge;
    use super::super::testing::{Story, story};
    use super::*;

    #[test]
    fn a_bound_on_versions_counts_what_was_acknowledged_before_the_read() {
        let text = "a: w1 0..1; a: w2 2..4; b: w3 5..6; b: w4 7..9; c: r1 8..11";
        let judged = |k| judge(&story(text), Guarantee::BoundedVersions(k));
        assert_eq!(judged(2), Verdict::Holds);
        assert_eq!(
            judged(1).message(),
            "session 2 read w1 from key 0 (began 8 ms, ended 11 ms), when 2 newer versions were \
             acknowledged (w2, w3); the bound is 1"
        );
        let Verdict::Violated(found) = judged(0) else { panic!("two are more than none") };
        assert_eq!(found.operations, [0, 1, 2, 4]);
    }

    #[test]
    fn the_worst_read_decides() {
        let mut broken = 0;
        for seed in 0..5_000 {
            let history = Story::random(seed, 14);
            let mut most = 0;
            observe(&history, &Order::of(&history), &index::writes(&history), |seen| {
                most = most.max(seen.versions);
            });
            for bound in 0..3 {
                let holds = check(&history, bound) == Verdict::Holds;
                assert_eq!(holds, most <= bound, "{seed}");
                broken += u32::from(!holds);
            }
        }
        assert!(broken > 1_000, "{broken}");
    }
}
