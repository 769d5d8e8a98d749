//! Linearizability of a whole history (M. Herlihy and J. Wing, "Linearizability", 1990).
//!
//! It is local: a history is linearizable iff each key's part is. Keys that are registers with
//! unique writes are decided together by zones; every other key is searched. The searches take
//! turns with a budget that grows, so that one hard key does not hide an easy one that is illegal.

use super::history::{History, Kind, NEVER, Operation, Outcome};
use super::objects::{Breach, breach};
use super::search::{Found, search};
use super::shrink::shrink;
use super::spec::Object;
use super::verdict::{Counterexample, Limits, Meter, Verdict, Witness};
use super::words::{describe, short, ticks};
use super::zones::{self, Clusters, Fault};

/// Steps of a key's first search; each further one has eight times as many.
const FIRST_STEPS: u64 = 4_096;
/// How often shrinking a counterexample may search.
const TRIES: u32 = 600;
/// Steps of one search while shrinking, and of all of them.
const SHRINK_STEPS: u64 = 100_000;
const ALL_SHRINK_STEPS: u64 = 1_000_000;

pub(super) fn check(history: &History, limits: &Limits<'_>) -> Verdict {
    match decide(history, history.operations(), limits.witness, &mut limits.meter()) {
        Decided::Order(order) if limits.witness => Verdict::Holds(Witness::Order(order)),
        Decided::Order(_) => Verdict::because("every key has an order that agrees with real time"),
        Decided::Exhausted(reason) => Verdict::Unknown(reason),
        Decided::Fault(operations, fault) => {
            Verdict::Violated(explain(history, operations, fault, limits))
        }
        Decided::Illegal(kept) => Verdict::Violated(illegal(history, kept, limits)),
        Decided::Breach(breach) => Verdict::Violated(broken(history, breach, limits)),
    }
}

/// An answer before it is put into words; operations are indices into what was judged.
pub(super) enum Decided {
    /// It is linearizable; the order is empty unless it was asked for.
    Order(Vec<u32>),
    /// Zones are at fault, as these operations show.
    Fault(Vec<u32>, Fault),
    /// These operations of one key have no order.
    Illegal(Vec<u32>),
    /// An object other than a register breaks a law.
    Breach(Breach),
    /// The budget ended.
    Exhausted(String),
}

/// Whether these operations of the history are linearizable; `witness` says whether an order is asked
/// for.
pub(super) fn decide(
    history: &History,
    ops: &[Operation],
    witness: bool,
    meter: &mut Meter<'_>,
) -> Decided {
    let mut clusters = Clusters::of(history, ops);
    if let Some(fault) = zones::find(ops, &mut clusters) {
        return Decided::Fault(zones::evidence(ops, &clusters, fault), fault);
    }
    let mut orders = if witness { zones::order(ops, &clusters) } else { Vec::new() };
    let keys = partition(ops, &clusters.complex);
    if let Some(breach) = keys.iter().find_map(|members| breach(history, ops, members)) {
        return Decided::Breach(breach);
    }
    let objects =
        |few: &[Operation], part: &mut Meter<'_>| search(&mut Object::new(history), few, part);
    match in_turns(ops, keys, witness, meter, objects) {
        Turns::Illegal(members) => Decided::Illegal(members),
        Turns::Exhausted(reason) => Decided::Exhausted(reason),
        Turns::Order(more) => {
            orders.extend(more);
            if witness {
                merge(ops, &mut orders);
            }
            Decided::Order(orders)
        }
    }
}

/// What searching keys by turns came to.
pub(super) enum Turns {
    /// Each has an order; all of them, if they were asked for, key after key.
    Order(Vec<u32>),
    /// This one has none.
    Illegal(Vec<u32>),
    /// The budget ended; which, and how to raise it.
    Exhausted(String),
}

/// Searches each key's operations with a budget that grows, until one has no order or all have. So
/// it does not matter much in which order the keys come.
pub(super) fn in_turns(
    ops: &[Operation],
    mut keys: Vec<Vec<u32>>,
    witness: bool,
    meter: &mut Meter<'_>,
    mut search: impl FnMut(&[Operation], &mut Meter<'_>) -> Found,
) -> Turns {
    let mut orders = Vec::new();
    let (mut steps, mut given_up) = (FIRST_STEPS, None);
    while !keys.is_empty() {
        let mut hard = Vec::new();
        for members in keys {
            let few: Vec<Operation> = members.iter().map(|i| ops[*i as usize]).collect();
            let mut part = meter.part(steps);
            let found = search(&few, &mut part);
            meter.spend(&part, steps);
            match found {
                Found::Nothing => return Turns::Illegal(members),
                Found::Order(order) if witness => {
                    orders.extend(order.iter().map(|i| members[*i as usize]));
                }
                Found::Order(_) => {}
                Found::Exhausted if meter.is_empty() => {
                    return Turns::Exhausted(meter.exhausted());
                }
                // More steps do not help it; but another key may be illegal.
                Found::Exhausted if part.is_full() => given_up = Some(part.exhausted()),
                Found::Exhausted => hard.push(members),
            }
        }
        keys = hard;
        steps = steps.saturating_mul(8);
    }
    given_up.map_or(Turns::Order(orders), Turns::Exhausted)
}

/// The operations of each key that is complex, in order.
pub(super) fn partition(ops: &[Operation], complex: &[bool]) -> Vec<Vec<u32>> {
    let mut keys: Vec<Vec<u32>> = vec![Vec::new(); complex.len()];
    for (i, op) in ops.iter().enumerate().filter(|(_, op)| complex[op.key as usize]) {
        if op.counts() {
            keys[op.key as usize].push(i as u32);
        }
    }
    keys.retain(|members| !members.is_empty());
    keys
}

/// Makes one order of all keys' orders: an operation takes effect as early as it can, which is at
/// the latest invocation of its key so far.
fn merge(ops: &[Operation], orders: &mut [u32]) {
    let mut points = Vec::with_capacity(orders.len());
    let mut last: Option<(u32, u64)> = None;
    for (place, i) in orders.iter().enumerate() {
        let op = &ops[*i as usize];
        let point = match last {
            Some((key, point)) if key == op.key => point.max(op.invoked),
            _ => op.invoked,
        };
        last = Some((op.key, point));
        points.push((point, place, *i));
    }
    points.sort_unstable();
    for (slot, (_, _, i)) in orders.iter_mut().zip(points) {
        *slot = i;
    }
}

/// Whether `order` agrees with real time and, if `processes` is set, with the order in each
/// process, and every read in it returns what the object holds. Used to prove witnesses.
#[must_use]
pub fn proves(history: &History, order: &[u32], real_time: bool, processes: bool) -> bool {
    use super::spec::Spec as _;
    let ops = history.operations();
    let mut register = Object::new(history);
    let mut states = vec![super::history::INITIAL; history.keys.len()];
    let mut latest = vec![None; history.processes.len()];
    let (mut passed, mut taken) = (0, vec![false; ops.len()]);
    for &i in order {
        let Some(op) = ops.get(i as usize).filter(|op| op.counts()) else { return false };
        if std::mem::replace(&mut taken[i as usize], true) || real_time && op.completed < passed {
            return false;
        }
        passed = passed.max(op.invoked);
        let before = &mut latest[op.process as usize];
        if processes && before.is_some_and(|before| before > i) {
            return false;
        }
        *before = Some(i);
        let state = &mut states[op.key as usize];
        match register.apply(*state, op) {
            Some(next) => *state = next,
            None => return false,
        }
    }
    // Everything that is known to have happened is in it.
    ops.iter().zip(taken).all(|(op, taken)| taken || op.outcome != Outcome::Ok)
}

/// A fault of zones in words.
fn explain(
    history: &History,
    mut operations: Vec<u32>,
    fault: Fault,
    limits: &Limits<'_>,
) -> Counterexample {
    let ops = history.operations();
    let did = |i: u32| describe(history, &ops[i as usize]);
    let (quiet, mut least) = (limits.shrinking(), true);
    if !matches!(fault, Fault::ThinAir(_)) {
        (operations, least) = shrink(history, ops, true, operations, TRIES, &quiet, |few| {
            match decide(history, few, false, &mut quiet.meter()) {
                Decided::Exhausted(_) => None,
                Decided::Order(_) => Some(false),
                _ => Some(true),
            }
        });
    }
    let message = match fault {
        Fault::ThinAir(read) => {
            let failed = operations.iter().find(|i| **i != read as u32);
            let why = match failed.map(|i| &ops[*i as usize]) {
                None => "which nobody wrote".to_owned(),
                Some(op) if op.key != ops[read].key => {
                    format!("which was written to {} alone", short(history.key(op.key)))
                }
                Some(_) => "whose write had failed without effect".to_owned(),
            };
            format!("{}, {why}", did(read as u32))
        }
        Fault::FromTheFuture(write) => {
            let read = operations.iter().find(|i| **i != write as u32);
            let read = read.map_or_else(String::new, |i| did(*i));
            format!("{read}, before {}", did(write as u32))
        }
        Fault::Clash { .. } => clash(history, &operations),
    };
    let message = limits.told(message, least);
    Counterexample { pattern: None, message, operations }
}

/// The read that is most obviously stale, and the write it should have seen; the gap between them.
fn clash(history: &History, operations: &[u32]) -> String {
    let ops = operations.iter().map(|i| &history.operations()[*i as usize]);
    let stale = ops.clone().filter(|op| op.observes()).max_by_key(|op| op.invoked);
    let Some(stale) = stale else { return "these writes have no order".to_owned() };
    let newer = ops.filter(|op| op.value != stale.value && op.completed < stale.invoked);
    match newer.min_by_key(|op| op.completed) {
        None => format!("no order of these lets {}", describe(history, stale)),
        Some(newer) => format!(
            "{}, but {} before it began, something newer had ended: {}",
            describe(history, stale),
            ticks(stale.invoked - newer.completed),
            describe(history, newer)
        ),
    }
}

/// Searches parts of one key's operations.
struct Parts<'l, 'a> {
    limits: &'l Limits<'a>,
    meter: Meter<'a>,
    /// Whether every search so far came to its end.
    sure: bool,
}

impl Parts<'_, '_> {
    /// Whether these operations have no order, as far as a short search says; nothing if the budget
    /// of all ended.
    fn have_none(&mut self, history: &History, few: &[Operation]) -> Option<bool> {
        let steps = SHRINK_STEPS.min(self.meter.left());
        self.meter.spend_steps(few.len() as u64 / 16);
        if self.meter.is_empty() {
            return None;
        }
        let mut part = self.limits.at_most(steps).meter();
        let found = search(&mut Object::new(history), few, &mut part);
        self.meter.spend(&part, steps);
        self.sure &= found != Found::Exhausted;
        Some(found == Found::Nothing)
    }
}

/// A law that is broken, by the few operations that matter; they may break another one by themselves.
fn broken(history: &History, breach_of_all: Breach, limits: &Limits<'_>) -> Counterexample {
    let ops = history.operations();
    let limits = limits.shrinking().at_most(ALL_SHRINK_STEPS);
    let mut parts = Parts { limits: &limits, meter: limits.meter(), sure: true };
    let violated = |few: &[Operation]| {
        let members: Vec<u32> =
            (0..few.len() as u32).filter(|i| few[*i as usize].counts()).collect();
        if breach(history, few, &members).is_some() {
            return Some(true);
        }
        parts.have_none(history, few)
    };
    let Breach { law, message, mut operations } = breach_of_all;
    // What a law names may lack what others need: the appends of what was read, the release between two
    // tenures. Of a counter it is all that matters.
    if let Some(first) = operations.first().map(|i| ops[*i as usize])
        && history.kind(first.key) != Kind::Counter
    {
        let updates = (0..ops.len() as u32).filter(|i| {
            let op = &ops[*i as usize];
            op.key == first.key && op.counts() && !op.observes()
        });
        operations.extend(updates);
        operations.sort_unstable();
        operations.dedup();
    }
    let (operations, least) = shrink(history, ops, true, operations, TRIES, &limits, violated);
    let (law, message) = match breach(history, ops, &operations) {
        Some(few) => (few.law, few.message),
        None => (law, message),
    };
    let message = limits.told(message, least && parts.sure);
    Counterexample { pattern: Some(law.to_owned()), message, operations }
}

/// What a search could not order, shrunk: first to the shortest beginning that has no order, then
/// to the operations in it that matter.
fn illegal(history: &History, members: Vec<u32>, limits: &Limits<'_>) -> Counterexample {
    let ops = history.operations();
    let limits = limits.shrinking().at_most(ALL_SHRINK_STEPS);
    let mut parts = Parts { limits: &limits, meter: limits.meter(), sure: true };
    let mut violated = |few: &[Operation]| parts.have_none(history, few);
    let mut ends: Vec<u64> = members.iter().map(|i| ops[*i as usize].completed).collect();
    ends.sort_unstable();
    let at = ends.partition_point(|end| {
        let few: Vec<Operation> =
            members.iter().filter_map(|i| until(&ops[*i as usize], *end)).collect();
        violated(&few) != Some(true)
    });
    let end = ends.get(at).copied().unwrap_or(NEVER);
    let kept: Vec<u32> =
        members.into_iter().filter(|i| until(&ops[*i as usize], end).is_some()).collect();
    let cut: Vec<Operation> = ops.iter().map(|op| until(op, end).unwrap_or(*op)).collect();
    let (kept, first) = shrink(history, &cut, true, kept, TRIES, &limits, violated);
    // Ends that were cut off say something too: with them fewer may do.
    let violated = |few: &[Operation]| parts.have_none(history, few);
    let (operations, second) = shrink(history, ops, true, kept, TRIES, &limits, violated);
    let least = first && second;
    let key = operations.first().map_or("", |i| history.key(ops[*i as usize].key));
    let message = format!(
        "no order of these operations on {} agrees with real time and explains every answer",
        short(key)
    );
    let message = limits.told(message, least && parts.sure);
    Counterexample { pattern: None, message, operations }
}

/// What was known of an operation at an instant: nothing if it had not begun, or is a read that had
/// not ended; an update under way is unknown.
fn until(op: &Operation, end: u64) -> Option<Operation> {
    match op {
        op if op.invoked > end => None,
        op if op.completed <= end => Some(*op),
        op if op.observes() => None,
        op => Some(Operation { outcome: Outcome::Unknown, completed: NEVER, ..*op }),
    }
}
