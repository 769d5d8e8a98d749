//! Linearizability of registers with unique writes, decided exactly in linear time.
//!
//! Follows P. B. Gibbons and E. Korach, "Testing Shared Memories" (SIAM J. Comput. 26(4), 1997). A
//! write and the reads that returned its value form a *cluster*; in any legal order a cluster's
//! operations stand together, behind their write. Let `f` be the earliest completion in a cluster
//! and `s` the latest invocation. Cluster A must come before cluster B iff something in A completed
//! before something in B was invoked, that is iff `f(A) < s(B)`. Gibbons and Korach show that an
//! order exists iff no two clusters must come before each other and no read ended before its write
//! began. (In their words: no two forward zones, `f < s`, overlap, and no backward zone lies inside
//! a forward one. Both are the one condition above.)
//!
//! They sort the zones. A history is in order of invocation already, so walking it *backwards*
//! meets the clusters of every key in falling order of `s`, each at its last invocation, and
//! nothing is left to sort. Of a key's clusters met before, only the one with the least `f` can
//! clash with the present one unless two of them clashed with each other already, so one of them is
//! remembered per key.
//!
//! Unknown writes complete never, so one that nobody read clashes with nothing and one that was
//! read lives by its reads. Failed writes had no effect. The initial value is a write that
//! completed before everything. Scans are one read per key, each with the scan's interval:
//! linearizability is local (Herlihy and Wing 1990), and a scan is not promised to be a snapshot.

use super::convergence::thin_air;
use super::evidence::{counterexample, did, ms, value};
use super::{Checker, Counterexample, Verdict, index, values_read};
use crate::guarantee::Guarantee;
use crate::history::{History, Status};
use crate::op::{Key, OpKind, Value};

pub(super) const CHECKER: Checker = Checker {
    name: "linearizable",
    about: "Each key's operations fit one order that agrees with real time (the zones of Gibbons \
            and Korach 1997, exact for unique writes).",
    needed_for: |guarantee| guarantee == Guarantee::Linearizable,
    check: |history, _| check(history),
};

/// A write and the reads of its value.
#[derive(Clone, Copy)]
struct Cluster {
    /// The nanosecond after its earliest completion, so that `after <= s` is `f < s` and the
    /// initial value's 0 comes before everything.
    after: u64,
    /// The write's key; [`NO_KEY`] if the write failed.
    key: u32,
    /// Whether the walk has met it.
    met: bool,
}

/// Equal to the key of no read.
const NO_KEY: u32 = u32::MAX;

/// What the walk remembers of a key: of the clusters it met, the one with the least `f`.
#[derive(Clone, Copy)]
struct Widest {
    after: u64,
    s: u64,
    value: Value,
    /// Whether a read of the initial value was met.
    initial: bool,
}

/// Why a history is not linearizable.
enum Fault {
    /// A read returned what it cannot have seen.
    ThinAir,
    /// Two clusters of a key must come before each other.
    Clash { key: Key, one: Value, other: Value },
}

/// Whether every key of the history is a linearizable register.
fn check(history: &History) -> Verdict {
    match find(history) {
        None => Verdict::Holds,
        Some(counterexample) => Verdict::Violated(counterexample),
    }
}

fn find(history: &History) -> Option<Counterexample> {
    let mut clusters = gather(history);
    let fault = walk(history, &mut clusters).err()?;
    // A value out of thin air disturbs other clusters, so it is the better explanation of any
    // fault.
    thin_air(history, &index::writes(history)).or_else(|| match fault {
        Fault::Clash { key, one, other } => Some(explain(history, key, one, other)),
        Fault::ThinAir => unreachable!("both searches ask the same of every read"),
    })
}

/// The clusters by value.
fn gather(history: &History) -> Vec<Cluster> {
    let nothing = Cluster { after: u64::MAX, key: NO_KEY, met: false };
    let mut clusters = vec![nothing; history.writes as usize + 1];
    clusters[0].after = 0;
    for op in &history.operations {
        let after = op.completed.0.saturating_add(1);
        if op.kind == OpKind::Write && op.status != Status::Refused {
            let cluster = &mut clusters[op.value.0 as usize];
            cluster.after = cluster.after.min(after);
            if op.status != Status::Failed {
                cluster.key = op.key.0;
            }
            continue;
        }
        for (_, value) in values_read(history, op) {
            if let Some(cluster) = clusters.get_mut(value.0 as usize) {
                cluster.after = cluster.after.min(after);
            }
        }
    }
    clusters
}

/// Walks back in time until something is at fault.
fn walk(history: &History, clusters: &mut [Cluster]) -> Result<(), Fault> {
    let nothing = Widest { after: u64::MAX, s: 0, value: Value::INITIAL, initial: false };
    let mut keys = vec![nothing; history.keys as usize];
    for op in history.operations.iter().rev() {
        if op.kind == OpKind::Write && op.status != Status::Refused {
            let cluster = &mut clusters[op.value.0 as usize];
            // Its own completion is no earlier, so some read ended before the write began.
            if cluster.after <= op.invoked.0 {
                return Err(Fault::ThinAir);
            }
            if cluster.key != NO_KEY {
                meet(&mut keys[op.key.0 as usize], cluster, op.key, op.value, op.invoked.0)?;
            }
            continue;
        }
        for (key, value) in values_read(history, op) {
            let widest = &mut keys[key.0 as usize];
            if value == Value::INITIAL {
                let met = std::mem::replace(&mut widest.initial, true);
                let mut cluster = Cluster { after: 0, key: key.0, met };
                meet(widest, &mut cluster, key, value, op.invoked.0)?;
                continue;
            }
            match clusters.get_mut(value.0 as usize) {
                Some(cluster) if cluster.key == key.0 => {
                    meet(widest, cluster, key, value, op.invoked.0)?;
                }
                _ => return Err(Fault::ThinAir),
            }
        }
    }
    Ok(())
}

/// Compares a cluster, at its last invocation, with the one that reaches furthest back of those
/// met.
#[inline]
fn meet(
    widest: &mut Widest,
    cluster: &mut Cluster,
    key: Key,
    value: Value,
    s: u64,
) -> Result<(), Fault> {
    if std::mem::replace(&mut cluster.met, true) {
        return Ok(());
    }
    if widest.after <= s && cluster.after <= widest.s {
        return Err(Fault::Clash { key, one: widest.value, other: value });
    }
    if cluster.after < widest.after {
        *widest = Widest { after: cluster.after, s, value, initial: widest.initial };
    }
    Ok(())
}

/// Operations of one cluster that make it clash.
#[derive(Default)]
struct Ends {
    write: Option<u32>,
    /// Which completed first.
    first: u32,
    f: u64,
    /// Which was invoked last.
    last: u32,
    s: u64,
}

fn ends(history: &History, key: Key, of: Value) -> Ends {
    let mut ends = Ends { f: u64::MAX, ..Ends::default() };
    for (id, op) in history.operations.iter().enumerate() {
        let writes = op.kind == OpKind::Write && op.status != Status::Refused && op.value == of;
        if !writes && !values_read(history, op).any(|read| read == (key, of)) {
            continue;
        }
        let id = id as u32;
        if writes {
            ends.write = Some(id);
        }
        if op.completed.0 < ends.f {
            (ends.f, ends.first) = (op.completed.0, id);
        }
        if op.invoked.0 >= ends.s {
            (ends.s, ends.last) = (op.invoked.0, id);
        }
    }
    ends
}

/// Puts a clash into words: the read that came too late for its value.
fn explain(history: &History, key: Key, one: Value, other: Value) -> Counterexample {
    let (a, b) = (ends(history, key, one), ends(history, key, other));
    let reads = |ends: &Ends| Some(ends.last) != ends.write;
    // One of the clusters has a read that began after the other was over; if both do, take the
    // later. The initial value is never the newer one.
    let later = reads(&b) && (!reads(&a) || b.s > a.s);
    let swap = other == Value::INITIAL || one != Value::INITIAL && later;
    let (old, new, a, b) = if swap { (other, one, b, a) } else { (one, other, a, b) };
    let op = |id: u32| &history.operations[id as usize];
    let stale = did(op(a.last), key, old);
    let seen = did(op(b.first), key, new);
    let mut operations = vec![a.last, b.first];
    operations.extend(a.write.into_iter().chain(b.write));
    let newer = if old == Value::INITIAL {
        "which is newer than the initial value".to_owned()
    } else {
        operations.extend([a.first, b.last]);
        let (first, last) = (did(op(a.first), key, old), did(op(b.last), key, new));
        format!("and {} is newer than {}: {first}, before {last}", value(new), value(old))
    };
    let when = ms(op(a.last).invoked);
    let message =
        format!("{stale}, but should have seen {}: by {when}, {seen}, {newer}", value(new));
    counterexample(message, &operations)
}

#[cfg(test)]
mod tests {
    use super::super::judge;
    use super::super::testing::{Story, story};
    use super::*;

    fn verdict(text: &str) -> Verdict {
        judge(&story(text), Guarantee::Linearizable)
    }

    fn broken(text: &str) -> Counterexample {
        match verdict(text) {
            Verdict::Violated(counterexample) => counterexample,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_read_during_a_write_may_see_either_value() {
        assert_eq!(verdict("a: w1 0..10; b: r0 2..4; c: r1 5..7; b: r1 8..20"), Verdict::Holds);
    }

    #[test]
    fn a_stale_read_names_the_write_it_missed() {
        let found = broken("a: w1 0..1; a: w2 2..3; b: r1 4..5");
        assert_eq!(
            found.message,
            "session 1 read w1 from key 0 (began 4 ms, ended 5 ms), but should have seen w2: by 4 ms, \
             session 0 wrote w2 to key 0 (began 2 ms, ended 3 ms), and w2 is newer than w1: session 0 \
             wrote w1 to key 0 (began 0 ms, ended 1 ms), before session 0 wrote w2 to key 0 (began 2 \
             ms, ended 3 ms)"
        );
        assert_eq!(found.operations, [0, 1, 2]);
    }

    #[test]
    fn the_initial_value_is_older_than_every_write() {
        assert_eq!(verdict("a: w1 0..5; b: r0 5..6"), Verdict::Holds, "equal times are concurrent");
        assert!(broken("a: w1 0..5; b: r0 6..7").message.contains("newer than the initial value"));
    }

    #[test]
    fn reads_may_not_turn_back() {
        assert_eq!(broken("a: w1 0..9; b: r1 1..2; c: r0 3..4").operations, [0, 1, 2]);
    }

    #[test]
    fn an_unknown_write_may_take_effect_late_or_never_but_once() {
        assert_eq!(verdict("a: w1 0..?; b: r0 5..6; b: r1 7..8"), Verdict::Holds);
        assert_eq!(verdict("a: w1 0..?; b: w2 1..2; b: r2 3..4"), Verdict::Holds);
        assert_eq!(
            broken("a: w1 0..?; b: r1 1..2; b: w2 3..4; b: r1 5..6").operations,
            [0, 1, 2, 3]
        );
    }

    #[test]
    fn values_do_not_come_from_nowhere() {
        assert!(broken("a: w1 0..1!; b: r1 2..3").message.contains("had failed without effect"));
        assert!(broken("b: r1 0..1; a: w1 2..3").message.contains("before session 0 began"));
        assert!(broken("b: r7 0..1").message.contains("nobody wrote"));
        assert!(broken("a: w1@1 0..1; b: r1@0 2..3").message.contains("written to key 1"));
        assert_eq!(verdict("b: r1 0..2; a: w1 2..3"), Verdict::Holds);
    }

    #[test]
    fn keys_are_apart_and_scans_are_reads_of_each() {
        assert_eq!(verdict("a: w1@0 0..1; b: r0@1 2..3"), Verdict::Holds);
        assert_eq!(verdict("a: w1@1 0..1; b: s0,1@0 2..3"), Verdict::Holds);
        assert!(broken("a: w1@1 0..1; b: s0,0@0 2..3").message.contains("session 1 scanned"));
    }

    /// Wing and Gong's search over all orders of one key: take any operation that no remaining one
    /// precedes, and go on. Exponential, and as plain as the definition.
    fn search(ops: &[(u64, u64, bool, u32)], done: u32, state: u32) -> bool {
        let todo = |i: &usize| done & 1 << i == 0;
        // What is left may all be unknown writes, which need never happen.
        if (0..ops.len()).filter(todo).all(|i| ops[i].1 == u64::MAX) {
            return true;
        }
        (0..ops.len()).filter(todo).any(|i| {
            let (invoked, _, write, value) = ops[i];
            let minimal = (0..ops.len()).filter(todo).all(|j| ops[j].1 >= invoked);
            minimal
                && (write || value == state)
                && search(ops, done | 1 << i, if write { value } else { state })
        })
    }

    fn brute_force(history: &History) -> bool {
        (0..history.keys).map(Key).all(|key| {
            let mut ops = Vec::new();
            for op in &history.operations {
                let (from, to) = (op.invoked.0, op.completed.0);
                if op.kind == OpKind::Write && op.key == key && op.status != Status::Failed {
                    ops.push((from, to, true, op.value.0));
                }
                let reads = values_read(history, op).filter(|(k, _)| *k == key);
                ops.extend(reads.map(|(_, value)| (from, to, false, value.0)));
            }
            search(&ops, 0, 0)
        })
    }

    #[test]
    fn agrees_with_a_search_over_all_orders() {
        let mut holds = 0;
        for seed in 0..60_000 {
            let history = Story::random(seed, 4 + (seed % 6) as usize);
            let found = find(&history);
            assert_eq!(
                found.is_none(),
                brute_force(&history),
                "seed {seed}: {found:?}\n{history:#?}"
            );
            holds += u32::from(found.is_none());
        }
        assert!((15_000..50_000).contains(&holds), "one-sided: {holds} of 60000 hold");
    }

    /// The operations of a counterexample are a counterexample by themselves.
    #[test]
    fn counterexamples_stand_alone() {
        for seed in 0..5_000 {
            let history = Story::random(seed, 9);
            if let Some(found) = find(&history) {
                let few = Story::only(&history, &found.operations);
                assert!(find(&few).is_some(), "seed {seed}: {found:?}");
            }
        }
    }
}
