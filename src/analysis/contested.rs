//! Keys that several regions changed while a fault was in force: where these stood on two sides of a cut, no side
//! has seen what the other did. What becomes of it is the store's rule: of two versions last write wins and
//! fail-over keep one, and nobody on the other side ever reads what was acknowledged there; siblings, revision
//! trees and joined states keep both.
//!
//! The column `lost` does not count this. It asks whether real time forbids the order of two writes, and of two
//! that a later one replaces it forbids none. But who wrote on one side for fifteen seconds and finds the other
//! side's word there has lost something (DeCandia et al., "Dynamo", 2007, section 4.4; Kingsbury, "Jepsen:
//! Cassandra", 2013).

use crate::history::{History, Status};
use crate::op::{Key, OpKind};
use std::collections::{BTreeMap, BTreeSet};

/// Keys by the client regions that changed them within one fault, as they were told, each key counted anew for
/// every fault.
pub type Changed = BTreeMap<BTreeSet<String>, u64>;

/// Adds what was changed under another seed.
pub(super) fn add(changed: &mut Changed, other: &Changed) {
    for (regions, keys) in other {
        *changed.entry(regions.clone()).or_default() += keys;
    }
}

/// Who changed what under each fault: writes that began and were acknowledged while it was in force.
pub(super) fn changed(history: &History) -> Changed {
    let mut by_key: BTreeMap<(usize, Key), BTreeSet<u16>> = BTreeMap::new();
    for op in &history.operations {
        if op.kind != OpKind::Write || op.status != Status::Ok {
            continue;
        }
        let within =
            history.windows.iter().position(|w| w.start <= op.invoked && op.completed <= w.end);
        if let Some(window) = within {
            by_key.entry((window, op.key)).or_default().insert(op.group);
        }
    }
    let mut changed = Changed::new();
    for groups in by_key.values() {
        let name = |group: &u16| history.groups[usize::from(*group)].clone();
        *changed.entry(groups.iter().map(name).collect()).or_default() += 1;
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::super::testing::story;
    use super::*;
    use crate::history::Window;
    use crate::time::Instant;

    /// Under a fault from 100 to 200 ms; each session has a region of its own.
    fn of(text: &str) -> Vec<(usize, u64)> {
        let mut history = story(text);
        let ms = |n: u64| Instant(n * 1_000_000);
        history.windows = vec![Window { start: ms(100), end: ms(200) }];
        history.groups = ["r", "s", "t"].map(str::to_owned).to_vec();
        for op in &mut history.operations {
            op.group = op.session as u16;
        }
        changed(&history).into_iter().map(|(regions, keys)| (regions.len(), keys)).collect()
    }

    #[test]
    fn a_key_is_changed_by_those_whose_writes_began_and_ended_under_the_fault() {
        assert_eq!(of("a: w1 110..120; b: w2 130..140; b: w3@1 150..160"), [(2, 1), (1, 1)]);
        assert_eq!(of("a: w1 110..120; a: w2 130..140; c: w3 150..160"), [(2, 1)]);
        assert_eq!(of("a: w1 90..120; b: w2 130..140"), [(1, 1)], "it began before");
        assert_eq!(of("a: w1 110..220; b: w2 130..140"), [(1, 1)], "it was answered afterwards");
        assert_eq!(
            of("a: w1 110..?; b: w2 130..140!; c: r0 150..160"),
            [],
            "nobody was told of any"
        );
    }

    #[test]
    fn seeds_add_up() {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let mut sum = Changed::from([(set(&["r"]), 2)]);
        add(&mut sum, &Changed::from([(set(&["r"]), 3), (set(&["r", "s"]), 1)]));
        assert_eq!(sum.into_values().collect::<Vec<_>>(), [5, 1]);
    }
}
