//! From a violation to the few operations that matter.
//!
//! Operations are left out as long as the rest is still violated, in classes that can only make a
//! history better (`classes.rs`), until none can go: what is left is as small as such steps make it.
//! After A. Zeller and R. Hildebrandt, "Simplifying and Isolating Failure-Inducing Input" (IEEE TSE
//! 28(2), 2002), large parts are tried first.

use super::classes::of_updates;
use super::history::History;
use super::history::Operation;
use super::verdict::Limits;

/// The smallest part found of `kept` (indices into `ops`) that is still violated by itself, in
/// order, and whether nothing cut the looking short. `real_time` says whether an order has to agree
/// with it. `violated` is asked at most `tries` times, until
/// it says nothing because its budget ended, or until the limits say stop.
pub(super) fn shrink(
    history: &History,
    ops: &[Operation],
    real_time: bool,
    mut kept: Vec<u32>,
    tries: u32,
    limits: &Limits<'_>,
    mut violated: impl FnMut(&[Operation]) -> Option<bool>,
) -> (Vec<u32>, bool) {
    let mut tries = tries;
    // Nothing once the looking was cut short.
    let mut attempt = |candidate: &[u32]| {
        if tries == 0 || limits.stopped() {
            return None;
        }
        tries -= 1;
        let few: Vec<Operation> = candidate.iter().map(|i| ops[*i as usize]).collect();
        violated(&few)
    };
    // Some parts are only sound, not necessarily violated.
    if attempt(&kept) != Some(true) {
        return (kept, false);
    }
    loop {
        let before = kept.len();
        let idle = kept.iter().copied().filter(|i| !ops[*i as usize].counts()).collect();
        if remove(&mut kept, vec![idle], &mut attempt).is_none() {
            return (kept, false);
        }
        let observations = kept.iter().filter(|i| ops[**i as usize].observes()).map(|i| vec![*i]);
        let observations = observations.collect();
        let classes = of_updates(history, ops, &kept, real_time);
        let known = classes.is_some();
        let done = remove(&mut kept, classes.unwrap_or_default(), &mut attempt)
            .and_then(|()| remove(&mut kept, observations, &mut attempt));
        if done.is_none() || kept.len() == before {
            return (kept, done.is_some() && known);
        }
    }
}

/// Removes as many of the parts as it can, halves first; nothing if the looking was cut short.
fn remove(
    kept: &mut Vec<u32>,
    parts: Vec<Vec<u32>>,
    attempt: &mut impl FnMut(&[u32]) -> Option<bool>,
) -> Option<()> {
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
            if rest.len() < kept.len() && !rest.is_empty() && attempt(&rest)? {
                *kept = rest;
                parts.drain(at..end);
            } else {
                at = end;
            }
        }
        size /= 2;
    }
    Some(())
}
