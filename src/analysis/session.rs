//! Session guarantees, per session and per key, by the order in which versions were decided.
//!
//! Follows D. Terry et al., "Session Guarantees for Weakly Consistent Replicated Data" (PDIS 1994).
//! *Read your writes*: a read returns no version older than one its session wrote before.
//! *Monotonic reads*: a read returns no version older than one its session read before. *Monotonic
//! writes*: a write is newer than what its session wrote before. *Writes follow reads*: a write is newer
//! than what its session read before. So each of the four is a floor under each key, raised by the
//! session's reads or its writes, that its later reads or writes must not be below. "Older" is the
//! place in the history's commits; real time says nothing about it. A value that was never
//! decided (a write lost in a fail-over, or a world whose commits cannot be seen) has no place:
//! where the answer depends on it the verdict is unknown, with the reason. The initial value is
//! older than all. Where updates are merged there is no such order; see `merged::session`.

use super::evidence::{counterexample, did, value};
use super::index::{self, Order};
use super::{Checker, Verdict, merged, values_read};
use crate::guarantee::Guarantee;
use crate::history::{History, Status};
use crate::op::{Key, OpKind, Value};

pub(super) const READ_YOUR_WRITES: Checker = Checker {
    name: "read-your-writes",
    about: "A session sees its own earlier writes, or newer ones (Terry et al. 1994).",
    needed_for: |g| matches!(g, Guarantee::ReadYourWrites | Guarantee::Session),
    check: |history, _| check(history, Rule { raised_by: Writes, judges: Reads }),
};

pub(super) const MONOTONIC_READS: Checker = Checker {
    name: "monotonic-reads",
    about: "A session never reads an older version after a newer one (Terry et al. 1994).",
    needed_for: |g| matches!(g, Guarantee::MonotonicReads | Guarantee::Session),
    check: |history, _| check(history, Rule { raised_by: Reads, judges: Reads }),
};

pub(super) const MONOTONIC_WRITES: Checker = Checker {
    name: "monotonic-writes",
    about: "A session's writes of a key are ordered as it made them (Terry et al. 1994).",
    needed_for: |g| matches!(g, Guarantee::MonotonicWrites | Guarantee::Session),
    check: |history, _| check(history, Rule { raised_by: Writes, judges: Writes }),
};

pub(super) const WRITES_FOLLOW_READS: Checker = Checker {
    name: "writes-follow-reads",
    about: "A session's write of a key is newer than what it had read of it (Terry et al. 1994).",
    needed_for: |g| matches!(g, Guarantee::WritesFollowReads | Guarantee::Session),
    check: |history, _| check(history, Rule { raised_by: Reads, judges: Writes }),
};

use Side::{Reads, Writes};

/// One kind of a session's operations; floors stand in this order.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Reads,
    Writes,
}

/// One of the four: whose versions later operations may not be below, and which operations.
#[derive(Clone, Copy)]
struct Rule {
    raised_by: Side,
    judges: Side,
}

/// What a session may no longer fall behind, on one key.
#[derive(Clone, Copy)]
struct Floor {
    /// Newest decided version: its place, its value, and the operation that set it.
    place: u32,
    value: Value,
    op: u32,
    /// The latest version without a place and the operation that set it, if any.
    undecided: Option<(Value, u32)>,
    /// There were several of those, so not even the latest is known to be the newest.
    several: bool,
}

/// Both floors of a key, by the side that raises them.
#[derive(Clone, Copy)]
struct Floors {
    /// The session they belong to; those of earlier sessions are void.
    session: u32,
    by: [Floor; 2],
}

/// A version that a session reads or writes, and the floors of its key before that.
struct Step<'a> {
    op: u32,
    key: Key,
    version: Value,
    place: Option<u32>,
    side: Side,
    floors: &'a [Floor; 2],
}

/// How a version stands to a floor.
enum Stand {
    Above,
    /// It is below this version, which that operation saw or made.
    Below(Value, u32),
    /// This version has no place, so nobody knows.
    Unclear(Value),
}

/// Follows one session after another while `see` says so; the steps of an operation come together.
fn sweep(history: &History, order: &Order, mut see: impl FnMut(&Step<'_>) -> bool) {
    // Sessions take the place of keys: their operations, in order.
    let sessions = history.operations.iter().map(|op| op.session + 1).max().unwrap_or(0);
    let ops = history.operations.iter().enumerate();
    let items = ops.map(|(id, op)| (Key(op.session), id as u32));
    let (_, by_session) = index::group_by_key(sessions, items);

    let void = Floor { place: 0, value: Value::INITIAL, op: 0, undecided: None, several: false };
    let void = Floors { session: u32::MAX, by: [void; 2] };
    let mut floors = vec![void; history.keys as usize];
    for op in by_session {
        let operation = &history.operations[op as usize];
        let side = if operation.may_write() { Writes } else { Reads };
        // An unknown write ends its session, and stands somewhere only if it took effect.
        let known = operation.status == Status::Ok || order.place(operation.value).is_some();
        let own = (side == Writes && known).then_some((operation.key, operation.value));
        for (key, version) in values_read(history, operation).chain(own) {
            let of_key = &mut floors[key.0 as usize];
            if of_key.session != operation.session {
                *of_key = Floors { session: operation.session, ..void };
            }
            let place = order.place(version);
            if !see(&Step { op, key, version, place, side, floors: &of_key.by }) {
                return;
            }
            of_key.by[side as usize].raise(place, version, op);
        }
    }
}

fn check(history: &History, rule: Rule) -> Verdict {
    if history.merged {
        return match (rule.raised_by, rule.judges) {
            (Writes, Reads) => merged::session::read_your_writes(history),
            (Reads, Reads) => merged::session::monotonic_reads(history),
            (_, Writes) => {
                Verdict::Unknown("updates are merged, so no order says which write is newer".into())
            }
        };
    }
    let order = Order::of(history);
    let mut verdict = Verdict::Holds;
    sweep(history, &order, |step| {
        if step.side == rule.judges {
            let judged = step.floors[rule.raised_by as usize].judge(history, rule, step);
            verdict = std::mem::replace(&mut verdict, Verdict::Holds).worst(judged);
        }
        verdict.rank() < 2
    });
    verdict
}

/// How an operation stands to what its session had read and written of the same key before: for each,
/// whether it is below; `None` where there was nothing, or nobody can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) op: u32,
    pub(super) below_reads: Option<bool>,
    pub(super) below_writes: Option<bool>,
}

/// Tells of every read, scan and write, session by session, how it stands. A scan is below if one of its
/// values is. A refused update is no read that a client asked for: it only binds those after it.
pub(super) fn observe(history: &History, order: &Order, mut tell: impl FnMut(Standing)) {
    // The scan in progress; it is told of when the next operation's steps begin.
    let mut pending: Option<Standing> = None;
    sweep(history, order, |step| {
        let kind = history.operations[step.op as usize].kind;
        if kind == OpKind::Write && step.side == Reads {
            return true;
        }
        let [below_reads, below_writes] = step.floors.map(|floor| floor.is_above(step));
        match &mut pending {
            Some(scan) if scan.op == step.op => {
                scan.below_reads = scan.below_reads.max(below_reads);
                scan.below_writes = scan.below_writes.max(below_writes);
            }
            _ => {
                let one = Standing { op: step.op, below_reads, below_writes };
                pending.replace(one).into_iter().for_each(&mut tell);
            }
        }
        true
    });
    pending.into_iter().for_each(tell);
}

impl Floor {
    /// The session has seen this version.
    #[inline]
    fn raise(&mut self, place: Option<u32>, version: Value, op: u32) {
        match place {
            Some(place) if place > self.place => {
                (self.place, self.value, self.op) = (place, version, op);
            }
            Some(_) => {}
            None => {
                self.several |= self.undecided.is_some_and(|(before, _)| before != version);
                self.undecided = Some((version, op));
            }
        }
    }

    #[inline]
    fn stand(&self, step: &Step<'_>) -> Stand {
        // Nobody reads a write before it begins, so a write is never the version that was read.
        if step.place.is_some_and(|place| place < self.place) {
            return Stand::Below(self.value, self.op);
        }
        let above_floor = self.place == 0 || step.place.is_some();
        match self.undecided {
            // Whatever has no place is still newer than the initial value.
            Some((newer, by)) if step.version == Value::INITIAL => Stand::Below(newer, by),
            Some((latest, _)) if above_floor && (latest != step.version || self.several) => {
                Stand::Unclear(latest)
            }
            _ if above_floor => Stand::Above,
            _ => Stand::Unclear(step.version),
        }
    }

    /// Whether the floor is above the step's version; `None` if there is no floor, or nobody can tell.
    #[inline]
    fn is_above(&self, step: &Step<'_>) -> Option<bool> {
        if self.place == 0 && self.undecided.is_none() {
            return None;
        }
        match self.stand(step) {
            Stand::Above => Some(false),
            Stand::Below(..) => Some(true),
            Stand::Unclear(_) => None,
        }
    }

    /// Whether the session may read or write the step's version now.
    fn judge(&self, history: &History, rule: Rule, step: &Step<'_>) -> Verdict {
        let &Step { op, key, version, .. } = step;
        let story = || did(&history.operations[op as usize], key, version);
        match self.stand(step) {
            Stand::Above => Verdict::Holds,
            Stand::Below(newer, by) => {
                let before = did(&history.operations[by as usize], key, newer);
                let its_own = rule.raised_by == Writes;
                let what = if its_own { "its own write" } else { "what it had read" };
                let message = format!(
                    "{}, older than {what}: {before}; in the key's version order {} comes after {}",
                    story(),
                    value(newer),
                    value(version)
                );
                Verdict::Violated(counterexample(message, &[by, op]))
            }
            Stand::Unclear(lost) => Verdict::Unknown(format!(
                "{}, but {} was never seen to be decided, so it has no place in the key's version \
                 order",
                story(),
                value(lost)
            )),
        }
    }
}

#[cfg(test)]
mod tests;
