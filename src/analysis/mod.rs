//! What a history means: verdicts on guarantees, and figures.
//!
//! Every function here is pure. A *checker* compares a history with one guarantee and answers in
//! three values: it holds, it is violated (and here are the operations that show it), or the
//! history does not say. Whoever combines verdicts takes the worst, so an undecided question never
//! counts as a pass (Jepsen's rule). Beside the checkers stand the measurements: [`summarize`]
//! turns one history into latency, availability and staleness by phase, region and kind of
//! operation.
//!
//! One convention of time holds in every file: an operation precedes another iff it completed
//! *strictly before* the other was invoked. Events at the same nanosecond are concurrent.

mod availability;
mod causal;
mod contested;
mod convergence;
mod cost;
mod evidence;
mod index;
mod latency;
mod lineage;
mod linearizable;
mod lost;
mod merged;
mod objects;
mod outage;
mod sequential;
mod session;
mod slot;
mod staleness;
mod summary;
mod timeline;
mod undone;
mod versions;
mod visibility;

pub use contested::Changed;
pub use cost::{Cost, Damage};
pub use evidence::{Exhibit, exhibits};
pub use latency::Times;
pub use outage::{Faulted, Outage};
pub use slot::{Slot, Tally};
pub use summary::{Context, OPS, PHASES, Summary, summarize};
pub use timeline::{Stretch, Timeline};
pub use visibility::{Visibility, VisibilityPoint};

use crate::guarantee::Guarantee;
use crate::history::{History, Operation, Status};
use crate::op::{Key, OpKind, Value};
use crate::time::Duration;

/// The operations that break a guarantee.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counterexample {
    /// One sentence: who read what, when, and which write should have been seen.
    pub message: String,
    /// The operations it speaks of, as indices into [`History::operations`], in order.
    pub operations: Vec<u32>,
}

/// How a history compares with a guarantee.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing in the history contradicts it.
    Holds,
    /// It cannot be decided, for this reason.
    Unknown(String),
    /// These operations contradict it.
    Violated(Counterexample),
}

impl Verdict {
    /// The worse of two: violated, then unknown, then holds; the first of two alike.
    #[must_use]
    pub fn worst(self, other: Self) -> Self {
        if other.rank() > self.rank() { other } else { self }
    }

    /// 0 holds, 1 unknown, 2 violated.
    #[must_use]
    pub fn rank(&self) -> u8 {
        match self {
            Self::Holds => 0,
            Self::Unknown(_) => 1,
            Self::Violated(_) => 2,
        }
    }

    /// The sentence that explains it; empty if it holds.
    #[must_use]
    pub fn message(&self) -> &str {
        match self {
            Self::Holds => "",
            Self::Unknown(reason) => reason,
            Self::Violated(counterexample) => &counterexample.message,
        }
    }
}

/// One consistency checker.
pub struct Checker {
    /// Its name.
    pub name: &'static str,
    /// One sentence: what it asks, and the paper it follows.
    pub about: &'static str,
    /// Whether a history must pass it to keep this guarantee.
    pub needed_for: fn(Guarantee) -> bool,
    /// The verdict; the guarantee carries the bound where there is one.
    pub check: fn(&History, Guarantee) -> Verdict,
}

/// Every checker, cheapest first; the last is asked only where no operation shows that something is wrong.
pub const CHECKERS: &[Checker] = &[
    convergence::CHECKER,
    objects::FOLD,
    merged::CHECKER,
    session::READ_YOUR_WRITES,
    session::MONOTONIC_READS,
    session::MONOTONIC_WRITES,
    session::WRITES_FOLLOW_READS,
    sequential::CHECKER,
    causal::CHECKER,
    staleness::CHECKER,
    versions::CHECKER,
    linearizable::CHECKER,
    objects::WALK,
    cost::CHECKER,
    undone::CHECKER,
];

/// Judges a history: the worst verdict of all checkers the guarantee needs.
#[must_use]
pub fn judge(history: &History, guarantee: Guarantee) -> Verdict {
    let mut verdict = Verdict::Holds;
    for checker in CHECKERS.iter().filter(|checker| (checker.needed_for)(guarantee)) {
        verdict = verdict.worst((checker.check)(history, guarantee));
        if matches!(verdict, Verdict::Violated(_)) {
            break;
        }
    }
    verdict
}

/// The read, if any, that missed the oldest acknowledged write; an index into [`History::operations`].
#[must_use]
pub fn stalest_read(history: &History) -> Option<u32> {
    let mut stalest: Option<(Duration, u32)> = None;
    let (order, writes) = (index::Order::of(history), index::writes(history));
    staleness::observe(history, &order, &writes, |seen| {
        let measured = history.operations[seen.op as usize].intended >= history.warm_up;
        if let Some(age) = seen.age.filter(|_| measured)
            && stalest.is_none_or(|(oldest, _)| age > oldest)
        {
            stalest = Some((age, seen.op));
        }
    });
    stalest.map(|(_, op)| op)
}

/// Acknowledged writes that are gone in the end, taken back or beaten by an older one; indices into
/// [`History::operations`], in order.
#[must_use]
pub fn gone(history: &History) -> Vec<u32> {
    let mut gone = Vec::new();
    each_gone(history, |id, _| gone.push(id));
    gone.sort_unstable();
    gone.dedup();
    gone
}

/// How an acknowledged write came to be gone.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gone {
    /// It was taken back, or a merge has forgotten it.
    TakenBack,
    /// An older one has won.
    Beaten,
}

/// Tells of each acknowledged write that is gone in the end, in no order and of some twice.
fn each_gone(history: &History, mut tell: impl FnMut(u32, Gone)) {
    let taken_back = |id: u32, gone: bool| {
        if gone {
            tell(id, Gone::TakenBack);
        }
    };
    if history.merged {
        return merged::lost_updates(history, taken_back);
    }
    undone::fates(history, &index::writes(history), taken_back);
    lost::lost_writes(history, &index::Order::of(history), |id, lost| {
        if lost {
            tell(id, Gone::Beaten);
        }
    });
}

/// What an operation read: keys and values, nothing unless it is a read or a scan that is ok, or an
/// update that was refused: that saw the version which did not meet its condition.
#[inline]
pub(crate) fn values_read<'a>(
    history: &'a History,
    op: &'a Operation,
) -> impl Iterator<Item = (Key, Value)> + 'a {
    let (values, apart) = match (op.kind, op.status) {
        (OpKind::Read, Status::Ok) | (OpKind::Write, Status::Refused) => {
            (history.read_values(op), 0)
        }
        (OpKind::Scan, Status::Ok) => (history.scan_values(op), 1),
        _ => (&[][..], 0),
    };
    values.iter().enumerate().map(move |(i, value)| (Key(op.key.0 + i as u32 * apart), *value))
}

#[cfg(test)]
pub(crate) mod testing;

#[cfg(test)]
mod tests {
    use super::testing::Story;
    use super::*;
    use crate::guarantee::EVERY;

    #[test]
    fn the_worst_verdict_wins_and_the_first_of_equals_stays() {
        let unknown = |text: &str| Verdict::Unknown(text.into());
        let broken =
            Verdict::Violated(Counterexample { message: "stale".into(), operations: vec![1] });
        assert_eq!(Verdict::Holds.worst(unknown("a")), unknown("a"));
        assert_eq!(unknown("a").worst(unknown("b")), unknown("a"));
        assert_eq!(unknown("a").worst(broken.clone()), broken);
        assert_eq!(broken.clone().worst(Verdict::Holds), broken);
    }

    #[test]
    fn every_guarantee_has_a_checker_and_names_are_unique() {
        for guarantee in EVERY {
            let needed = CHECKERS.iter().filter(|c| (c.needed_for)(guarantee)).count();
            assert!(needed > 2 + usize::from(guarantee != Guarantee::Eventual), "{guarantee}");
        }
        let mut names: Vec<_> = CHECKERS.iter().map(|c| c.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), CHECKERS.len());
    }

    /// Where a stronger guarantee holds, no weaker one may be violated.
    #[test]
    fn verdicts_follow_the_lattice() {
        let all = EVERY;
        let mut kept = [0_u32; EVERY.len()];
        for seed in 0..3_000 {
            let history = Story::random(seed, 8);
            let verdicts = all.map(|guarantee| judge(&history, guarantee));
            for (i, strong) in all.into_iter().enumerate() {
                kept[i] += u32::from(verdicts[i] == Verdict::Holds);
                for (j, weak) in all.into_iter().enumerate() {
                    // Sessions are judged by the order of commits. The random ones may contradict
                    // real time, which those of a linearizable store never do.
                    let by_commits = [
                        Guarantee::ReadYourWrites,
                        Guarantee::MonotonicReads,
                        Guarantee::MonotonicWrites,
                        Guarantee::WritesFollowReads,
                    ]
                    .into_iter()
                    .any(|one| weak.implies(one));
                    let comparable = strong != Guarantee::Linearizable || !by_commits;
                    if comparable && strong.implies(weak) && verdicts[i] == Verdict::Holds {
                        let message = verdicts[j].message();
                        assert!(verdicts[j].rank() < 2, "{seed}: {strong}, not {weak}: {message}");
                    }
                }
            }
        }
        assert!(kept.iter().all(|&n| n > 100), "too few histories keep anything: {kept:?}");
    }
}
