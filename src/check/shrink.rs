//! From a violation to the few operations that matter.
//!
//! Operations are left out as long as the rest is still violated, in steps that are sound: if the
//! history met the condition, so would what is left. That is so for
//!
//! * an observation, which constrains and changes nothing;
//! * on a key that is only read, written, swapped and deleted, and has no mismatch left: a value
//!   with everything that made it, found it, or followed from a swap of it. Nobody is left to miss
//!   it.
//!
//! So a read is never left without the write it names. After A. Zeller and R. Hildebrandt,
//! "Simplifying and Isolating Failure-Inducing Input" (IEEE TSE 28(2), 2002), large parts are tried
//! first.

use super::history::Operation;
use super::verdict::Limits;

/// The smallest part found of `kept` (indices into `ops`) that is still violated by itself, in
/// order, and whether nothing cut the looking short. `violated` is asked at most `tries` times, until
/// it says nothing because its budget ended, or until the limits say stop.
pub(super) fn shrink(
    ops: &[Operation],
    mut kept: Vec<u32>,
    tries: u32,
    limits: &Limits<'_>,
    mut violated: impl FnMut(&[Operation]) -> Option<bool>,
) -> (Vec<u32>, bool) {
    let (mut tries, mut whole) = (tries, true);
    let mut attempt = |candidate: &[u32]| {
        if !whole || tries == 0 || limits.stopped() {
            whole = false;
            return false;
        }
        tries -= 1;
        let few: Vec<Operation> = candidate.iter().map(|i| ops[*i as usize]).collect();
        let answer = violated(&few);
        whole &= answer.is_some();
        answer.unwrap_or(false)
    };
    // Some parts are only sound, not necessarily violated.
    if !attempt(&kept) {
        return (kept, false);
    }
    loop {
        let before = kept.len();
        let idle = kept.iter().copied().filter(|i| !ops[*i as usize].counts()).collect();
        remove(&mut kept, vec![idle], &mut attempt);
        let observations = kept.iter().filter(|i| ops[**i as usize].observes()).map(|i| vec![*i]);
        let observations = observations.collect();
        let classes = classes(ops, &kept);
        remove(&mut kept, classes, &mut attempt);
        remove(&mut kept, observations, &mut attempt);
        if kept.len() == before {
            return (kept, whole);
        }
    }
}

/// Removes as many of the parts as it can, halves first.
fn remove(kept: &mut Vec<u32>, parts: Vec<Vec<u32>>, attempt: &mut impl FnMut(&[u32]) -> bool) {
    let mut parts = parts;
    let mut size = parts.len();
    while size > 0 {
        let mut at = 0;
        while at < parts.len() {
            let end = (at + size).min(parts.len());
            let mut out: Vec<u32> = parts[at..end].concat();
            out.sort_unstable();
            let rest: Vec<u32> =
                kept.iter().copied().filter(|i| out.binary_search(i).is_err()).collect();
            if rest.len() < kept.len() && !rest.is_empty() && attempt(&rest) {
                *kept = rest;
                parts.drain(at..end);
            } else {
                at = end;
            }
        }
        size /= 2;
    }
}

/// The values of each key with all that must go with them.
fn classes(ops: &[Operation], kept: &[u32]) -> Vec<Vec<u32>> {
    let of = |i: u32| &ops[i as usize];
    let mut by_key = kept.to_vec();
    by_key.sort_by_key(|i| (of(*i).key, *i));
    let mut classes = Vec::new();
    for key in by_key.chunk_by(|a, b| of(*a).key == of(*b).key) {
        let bars = |i: &u32| of(*i).refused() || of(*i).action.accumulates();
        if key.iter().any(bars) {
            continue;
        }
        let mut values: Vec<u32> =
            key.iter().flat_map(|i| [of(*i).makes(), of(*i).found()]).flatten().collect();
        values.sort_unstable();
        values.dedup();
        for value in values {
            classes.push(closure(ops, key, value));
        }
    }
    classes
}

/// What makes or finds `value`, and so on with what a swap among these makes.
fn closure(ops: &[Operation], key: &[u32], value: u32) -> Vec<u32> {
    let mut gone = vec![value];
    loop {
        let touches = |op: &Operation| {
            let is = |value: Option<u32>| value.is_some_and(|value| gone.contains(&value));
            is(op.makes()) || is(op.found())
        };
        let class: Vec<u32> = key.iter().copied().filter(|i| touches(&ops[*i as usize])).collect();
        let more = class.iter().filter_map(|i| ops[*i as usize].makes());
        let mut next: Vec<u32> = gone.iter().copied().chain(more).collect();
        next.sort_unstable();
        next.dedup();
        if next.len() == gone.len() {
            return class;
        }
        gone = next;
    }
}
