//! Which operations a search for an order has to place at all.

use super::super::history::{Operation, Outcome};
use std::collections::BTreeSet;

/// The operations that take part. An unknown update of a register whose value nobody needs may be
/// taken for one that never happened, unless a refusal or an append might tell of it.
pub(in crate::foreign) fn useful(ops: &[Operation]) -> Vec<u32> {
    let mut kept: Vec<u32> = (0..ops.len() as u32).filter(|i| ops[*i as usize].counts()).collect();
    let of = |i: &u32| &ops[*i as usize];
    let tells = |op: &&Operation| op.refused() || op.action.accumulates();
    let barred: BTreeSet<u32> = kept.iter().map(of).filter(tells).map(|op| op.key).collect();
    loop {
        let found = |i: &u32| of(i).found().map(|value| (of(i).key, value));
        let mut needed: Vec<(u32, u32)> = kept.iter().filter_map(found).collect();
        needed.sort_unstable();
        let before = kept.len();
        kept.retain(|i| {
            let op = of(i);
            let is_needed = |value| needed.binary_search(&(op.key, value)).is_ok();
            op.outcome == Outcome::Ok
                || barred.contains(&op.key)
                || op.makes().is_some_and(is_needed)
        });
        if kept.len() == before {
            return kept;
        }
    }
}
