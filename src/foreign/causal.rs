//! Causal consistency in its three strengths, by bad patterns.
//!
//! A. Bouajjani, C. Enea, R. Guerraoui and J. Hamza, "On Verifying Causal Consistency" (POPL 2017):
//! where every value is written once, a history is consistent iff it has none of a few patterns.
//! With PO the order in each process, RF from a write to the reads of its value, and CO the
//! transitive closure of both:
//!
//! | pattern | what it is |
//! |---|---|
//! | ThinAirRead | a read of a value that nobody wrote |
//! | CyclicCO | CO has a cycle |
//! | WriteCOInitRead | a read of the initial value after (CO) a write of the key |
//! | WriteCORead | w1 CO w2 CO r on one key, and r reads from w1 |
//! | CyclicCF | CO and CF have a cycle together; w1 CF w2 if w1 CO r and r reads from w2 |
//! | CyclicHB, WriteHBInitRead | the same with what one process must take for the order of writes |
//!
//! The first four are weak causal consistency; with CyclicCF it is causal convergence, and with the
//! last two causal memory.

mod graph;
pub(super) mod guess;

use super::history::{Action, History, Operation};
use super::sequential::in_real_time;
use super::shrink::shrink;
use super::verdict::{Counterexample, Limits, Meter, Verdict, Witness};
use super::words::describe;
use super::zones::Clusters;
use graph::Graph;

/// How often shrinking a counterexample may search for the pattern.
const TRIES: u32 = 2_000;

/// A pattern and the operations in which it was found.
type Pattern = (&'static str, Vec<u32>);

/// Which patterns are looked for beside the first four.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Strength {
    /// None: weak causal consistency.
    Weak,
    /// Those of causal convergence.
    Convergence,
    /// Those of causal memory.
    Memory,
    /// Every pattern; used to name all that there are.
    All,
}

impl Strength {
    /// The verdict that none of its patterns is there.
    fn absent(self, history: &History, order: Vec<u32>) -> Verdict {
        let patterns: &'static [&'static str] = match self {
            Self::Weak => &["ThinAirRead", "CyclicCO", "WriteCOInitRead", "WriteCORead"],
            Self::Convergence => {
                &["ThinAirRead", "CyclicCO", "WriteCOInitRead", "WriteCORead", "CyclicCF"]
            }
            Self::Memory => &[
                "ThinAirRead",
                "CyclicCO",
                "WriteCOInitRead",
                "WriteCORead",
                "CyclicHB",
                "WriteHBInitRead",
            ],
            Self::All => &[
                "ThinAirRead",
                "CyclicCO",
                "WriteCOInitRead",
                "WriteCORead",
                "CyclicCF",
                "CyclicHB",
                "WriteHBInitRead",
            ],
        };
        let done = || history.operations().iter().filter(|op| op.counts());
        let reads = done().filter(|op| op.action == Action::Read).count() as u64;
        let processes = history.processes.len() as u64;
        let looked_at = [reads, done().count() as u64 - reads, processes];
        Verdict::Holds(Witness::NoPattern { patterns, looked_at, order })
    }
}

/// Of all reads that are ok, those that break weak causal consistency by themselves: of what nobody
/// wrote, of the initial value after a write, or older than a write that causally precedes them.
/// `None` if causality is a cycle, is not defined, or the budget ended.
pub(super) fn stale_reads(history: &History, limits: &Limits<'_>) -> Option<[u64; 2]> {
    let ops = history.operations();
    if !is_plain(history, ops) {
        return None;
    }
    let graph = Graph::new(history, ops);
    let clocks = graph.clocks(&[], &mut limits.meter())?.ok()?;
    let reads = || (0..graph.nodes.len()).filter(|node| graph.is_read(*node));
    let is_stale = |read: &usize| graph.is_thin_air(*read) || graph.stale(*read, &clocks).is_some();
    Some([reads().filter(is_stale).count() as u64, reads().count() as u64])
}

/// Compares a history with causal consistency of some strength.
pub(super) fn check(history: &History, strength: Strength, limits: &Limits<'_>) -> Verdict {
    let (ops, mut meter) = (history.operations(), limits.meter());
    if is_plain(history, ops)
        && let Some(order) = in_real_time(history, &mut meter)
    {
        return strength.absent(history, if limits.witness { order } else { Vec::new() });
    }
    by_patterns(history, ops, strength, &mut meter)
}

/// Every bad pattern of the first failing stage, by name: first the four of weak causal
/// consistency, and only without these the others. `None` if it cannot be said.
#[must_use]
pub fn bad_patterns(history: &History, limits: &Limits<'_>) -> Option<Vec<&'static str>> {
    let ops = history.operations();
    if !is_plain(history, ops) {
        return None;
    }
    let found = patterns(history, ops, Strength::All, &mut limits.meter())?;
    let mut names: Vec<&str> = found.into_iter().map(|(name, _)| name).collect();
    names.sort_unstable();
    names.dedup();
    Some(names)
}

/// The same without looking whether it is linearizable, of the history's operations or of the same by
/// other processes.
///
/// The counterexample is as small as can be whatever its pattern is called: none of its observations,
/// and no write with what is left of its reads, can be left out without an end of every pattern.
pub(super) fn by_patterns(
    history: &History,
    ops: &[Operation],
    strength: Strength,
    meter: &mut Meter<'_>,
) -> Verdict {
    if !is_plain(history, ops) {
        let reason = "bad patterns are defined for reads and writes where every value is written \
                      once to a key and never the initial one; this history is not like that";
        return Verdict::Unknown(reason.to_owned());
    }
    let Some(found) = patterns(history, ops, strength, meter) else {
        return Verdict::Unknown(meter.exhausted());
    };
    let Some((name, start)) = found.into_iter().next() else {
        return strength.absent(history, Vec::new());
    };
    let few = meter.limits.shrinking_of(ops.len());
    let mut meter = few.meter();
    let mut has = |ops: &[Operation]| {
        patterns(history, ops, strength, &mut meter).map(|found| !found.is_empty())
    };
    // What the pattern names is usually enough; if its causes lie elsewhere, all are.
    let of = |kept: &[u32]| kept.iter().map(|i| ops[*i as usize]).collect::<Vec<_>>();
    let start =
        if has(&of(&start)) == Some(true) { start } else { (0..ops.len() as u32).collect() };
    let (operations, least) = match name {
        "ThinAirRead" => (start, true),
        _ => shrink(history, ops, false, start, TRIES, &few, has),
    };
    // With a causal link left out, the pattern may be another one.
    let left = patterns(history, &of(&operations), strength, &mut few.meter());
    let name = left.and_then(|left| left.first().map(|(name, _)| *name)).unwrap_or(name);
    let did: Vec<String> = operations
        .iter()
        .take(6)
        .map(|i| describe(history, &history.operations()[*i as usize]))
        .collect();
    let message = few.told(format!("{name}: {}", did.join("; ")), least);
    Verdict::Violated(Counterexample { pattern: Some(name.to_owned()), message, operations })
}

/// Whether there are only reads and unique writes.
pub(super) fn is_plain(history: &History, ops: &[Operation]) -> bool {
    let clusters = Clusters::of(history, ops);
    !clusters.complex.contains(&true)
}

/// All patterns of the first stage that has any; `None` if the budget ended.
fn patterns(
    history: &History,
    ops: &[Operation],
    strength: Strength,
    meter: &mut Meter<'_>,
) -> Option<Vec<Pattern>> {
    let mut found = Vec::new();
    let graph = Graph::new(history, ops);
    if let Some(read) = (0..graph.nodes.len()).find(|n| graph.is_thin_air(*n)) {
        found.push(("ThinAirRead", vec![graph.nodes[read]]));
    }
    let clocks = match graph.clocks(&[], meter)? {
        Ok(clocks) => clocks,
        Err(cycle) => {
            found.push(("CyclicCO", graph.operations(&cycle)));
            return Some(found);
        }
    };
    found.extend(graph.weak(&clocks));
    if !found.is_empty() || strength == Strength::Weak {
        return Some(found);
    }
    if strength != Strength::Memory {
        let conflicts = graph.conflicts(&clocks, 0..graph.nodes.len());
        if let Err(cycle) = graph.clocks(&conflicts, meter)? {
            found.push(("CyclicCF", graph.operations(&cycle)));
        }
    }
    if strength != Strength::Convergence {
        found.extend(graph.memory(&clocks, meter)?);
    }
    Some(found)
}
