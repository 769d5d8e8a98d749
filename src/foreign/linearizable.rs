//! Linearizability of a whole history (M. Herlihy and J. Wing, "Linearizability", 1990).
//!
//! It is local: a history is linearizable iff each key's part is. Keys that are registers with
//! unique writes are decided together by zones; every other key is searched. The searches take
//! turns with a budget that grows, so that one hard key does not hide an easy one that is illegal.

mod explain;

use super::history::{History, Operation, Outcome};
use super::objects::{Breach, breach};
use super::search::{Found, search};
use super::spec::Object;
use super::verdict::{Limits, Meter, Verdict, Witness};
use super::zones::{self, Clusters, Fault};
use explain::{broken, explain, illegal};

/// Steps of a key's first search; each further one has eight times as many.
const FIRST_STEPS: u64 = 4_096;

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
