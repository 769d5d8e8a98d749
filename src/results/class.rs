//! The measured class of a configuration and a kind of operation: PA or PC, EL or EC (Abadi, *Consistency
//! tradeoffs in modern distributed database system design*, 2012), from what the histories show and
//! never from what a system is said to be.
//!
//! * **P** from what was asked for while a cut was in force: *A* if at least 99 % of what clients asked for
//!   that it left without a majority of the replicas was answered, and at least 90 % of what the others
//!   asked for, which forgives them an election; else *C*. Nothing is said where no client was cut off, or
//!   where fewer than [`ENOUGH`] of their operations are known.
//! * **E** from what happened before the first fault: *C* if every history is linearizable up to there,
//!   *L* if one is not. A store that promises less must have shown at least [`ENOUGH_READS`] reads, none of
//!   them stale, to be called consistent: a quiet workload proves nothing.

use super::VerdictWord;
use crate::guarantee::Guarantee;
use crate::op::OpKind;

/// The share that must be answered for *A*, of clients that are cut off.
pub(crate) const AVAILABLE: f64 = 0.99;
/// The same of the others.
pub(crate) const OTHERS: f64 = 0.9;
/// Fewer operations on the side that was cut off say nothing.
const ENOUGH: u64 = 20;
/// Fewer reads do not show a store consistent that does not promise to be.
const ENOUGH_READS: u64 = 1_000;

/// What decides the class.
#[derive(Clone, Debug)]
pub(super) struct Evidence {
    pub(super) op: OpKind,
    pub(super) promise: Guarantee,
    /// Operations answered under the cut, and those asked for, of clients without a majority.
    pub(super) cut_off: (u64, u64),
    /// The same of the others.
    pub(super) others: (u64, u64),
    /// Whether health is linearizable.
    pub(super) health: VerdictWord,
    /// Reads in health that could be judged, and those that were stale.
    pub(super) fresh_or_stale: u64,
    pub(super) stale: u64,
}

impl Default for Evidence {
    fn default() -> Self {
        Self {
            op: OpKind::Read,
            promise: Guarantee::Eventual,
            cut_off: (0, 0),
            others: (0, 0),
            health: VerdictWord::Unknown,
            fresh_or_stale: 0,
            stale: 0,
        }
    }
}

/// Both halves, each with the figures that decide it in one sentence.
pub(super) fn decide(evidence: &Evidence) -> (Option<String>, Option<String>, String) {
    let (partition, why) = partition(evidence);
    let (health, because) = health(evidence);
    (partition.map(str::to_owned), health.map(str::to_owned), format!("{why}; {because}"))
}

fn partition(evidence: &Evidence) -> (Option<&'static str>, String) {
    let Evidence { op, cut_off: (answered, asked), others, .. } = evidence;
    if *asked == 0 {
        return (None, "no client was cut off from the majority".to_owned());
    }
    let why = format!(
        "cut off from the majority, {answered} of {asked} {}s were answered, with it {} of {}",
        op.name(),
        others.0,
        others.1
    );
    if *asked < ENOUGH {
        return (None, why + ", too few to say more");
    }
    let reach = |(answered, asked): (u64, u64), share: f64| answered as f64 >= share * asked as f64;
    let available = reach(evidence.cut_off, AVAILABLE) && reach(*others, OTHERS);
    (Some(if available { "PA" } else { "PC" }), why)
}

fn health(evidence: &Evidence) -> (Option<&'static str>, String) {
    let Evidence { promise, fresh_or_stale, stale, .. } = evidence;
    let reads = format!("{stale} of {fresh_or_stale} reads stale");
    match evidence.health {
        VerdictWord::Violated => (Some("EL"), format!("in health not linearizable, {reads}")),
        _ if *stale > 0 => (Some("EL"), format!("in health {reads}")),
        VerdictWord::Unknown => {
            (None, "whether health is linearizable could not be decided".to_owned())
        }
        VerdictWord::Holds
            if promise.implies(Guarantee::Linearizable) || *fresh_or_stale >= ENOUGH_READS =>
        {
            (Some("EC"), format!("in health linearizable, {reads}"))
        }
        VerdictWord::Holds => {
            let why = format!("in health linearizable, but {reads} are too few to show it");
            (None, why)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(evidence: &Evidence) -> (Option<String>, Option<String>) {
        let (partition, health, why) = decide(evidence);
        assert!(why.contains("; "), "{why}");
        (partition, health)
    }

    #[test]
    fn the_side_that_is_cut_off_decides_the_p() {
        let p = |answered, asked| {
            let cut_off = (answered, asked);
            class(&Evidence { cut_off, others: (900, 1_000), ..Evidence::default() }).0
        };
        assert_eq!(p(100, 100).as_deref(), Some("PA"));
        assert_eq!(p(99, 100).as_deref(), Some("PA"));
        assert_eq!(p(98, 100).as_deref(), Some("PC"));
        assert_eq!(p(0, 100).as_deref(), Some("PC"));
        assert_eq!(p(19, 19), None);
        assert_eq!(p(0, 0), None);
        // A side that goes on while the other, larger one is refused is not an available store.
        let others = Evidence { cut_off: (50, 50), others: (0, 90), ..Evidence::default() };
        assert_eq!(class(&others).0.as_deref(), Some("PC"));
    }

    #[test]
    fn linearizable_health_is_ec_and_stale_reads_are_el() {
        let e = |health, promise, stale, fresh_or_stale| {
            let one = Evidence { health, promise, stale, fresh_or_stale, ..Evidence::default() };
            class(&one).1
        };
        use Guarantee::{Eventual, Linearizable};
        use VerdictWord::{Holds, Unknown, Violated};
        assert_eq!(e(Holds, Linearizable, 0, 10).as_deref(), Some("EC"));
        assert_eq!(e(Holds, Eventual, 0, 10), None);
        assert_eq!(e(Holds, Eventual, 0, 1_000).as_deref(), Some("EC"));
        assert_eq!(e(Violated, Eventual, 0, 10).as_deref(), Some("EL"));
        assert_eq!(e(Violated, Linearizable, 3, 10).as_deref(), Some("EL"));
        assert_eq!(e(Unknown, Eventual, 3, 10).as_deref(), Some("EL"));
        assert_eq!(e(Unknown, Eventual, 0, 5_000), None);
    }
}
