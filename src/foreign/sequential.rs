//! Sequential consistency (L. Lamport, "How to Make a Multiprocessor Computer That Correctly
//! Executes Multiprocess Programs", 1979): one order of all operations on all keys that agrees with
//! the order in each process and explains every answer. Real time does not matter.
//!
//! Deciding it is NP-complete (Gibbons and Korach 1997), and it is not local, so the whole history
//! is searched at once. What is cheap comes first: a linearizable history is sequentially
//! consistent, one that breaks causal memory or causal convergence is not, nor is one that reads
//! what nobody made. Then comes a search (`sequential/search.rs`). Where values are written once, an order
//! of versions is guessed first, with which the question is only whether a graph has a cycle
//! (`causal/guess.rs`); so long histories of healthy stores need no search.
//!
//! Consistent prefix (D. B. Terry, "Replicated Data Consistency Explained Through Baseball", CACM
//! 56(12), 2013: a reader sees what is the state after a beginning of the writes) is the same
//! question with less order, so it is here too.

mod search;

use super::causal::{Strength, by_patterns, guess};
use super::history::{History, Operation};
use super::linearizable::{Decided, decide, proves};
use super::search::{Found, useful};
use super::shrink::shrink;
use super::spec::Object;
use super::verdict::{Counterexample, Limits, Meter, Verdict, Witness};
use search::Search;

/// How often shrinking a counterexample may search, and for how many steps.
const TRIES: u32 = 400;
const SHRINK_STEPS: u64 = 20_000;
/// Steps of the search for an order that agrees with real time too.
const REAL_TIME_STEPS: u64 = 1_000_000;
/// More operations than this are decided without a search or hardly ever.
const MANY: usize = 10_000;
const TOO_MANY: &str = "; so many operations are decided where a guess at the order of versions does, or \
                        where a bad pattern of causal consistency is in them";

pub(super) fn check(history: &History, limits: &Limits<'_>) -> Verdict {
    let message = "no order of these operations agrees with the order in each process and explains \
                   every answer";
    ordered(history, history.operations(), message, limits)
}

/// Consistent prefix: one order of all updates that agrees with each process's own, of which the
/// reads of each process see beginnings that grow. What a process has itself written it need not
/// see. So it is sequential consistency once every process's reads are a process of their own.
pub(super) fn prefix(history: &History, limits: &Limits<'_>) -> Verdict {
    let ops: Vec<Operation> = history.operations().iter().map(Operation::reads_apart).collect();
    let message = "no order of these updates has beginnings that explain the reads of each process, \
                   one after another";
    ordered(history, &ops, message, limits)
}

/// Whether an order agrees with the processes of `ops`, which are the history's operations. All ways of
/// finding out share one budget.
fn ordered(history: &History, ops: &[Operation], message: &str, limits: &Limits<'_>) -> Verdict {
    let mut meter = limits.meter();
    let soon = in_real_time(history, &mut meter).or_else(|| guess::order(history, ops, &mut meter));
    if let Some(order) = soon {
        return Verdict::Holds(Witness::Order(order));
    }
    for strength in [Strength::Convergence, Strength::Memory] {
        if let Verdict::Violated(weaker) = by_patterns(history, ops, strength, &mut meter) {
            // Fewer operations may have no order for other reasons than a pattern.
            let all = weaker.operations.clone();
            let (operations, least) = fewest(history, ops, all, limits);
            if operations.len() == weaker.operations.len() {
                return Verdict::Violated(weaker);
            }
            let message = limits.told(message.to_owned(), least);
            return Verdict::Violated(Counterexample { pattern: None, message, operations });
        }
    }
    searched(history, ops, message, limits, &mut meter)
}

/// Searches for an order that agrees with the processes of `ops`, and shrinks them if there is none.
fn searched(
    history: &History,
    ops: &[Operation],
    message: &str,
    limits: &Limits<'_>,
    meter: &mut Meter<'_>,
) -> Verdict {
    match find(history, ops, meter) {
        Found::Order(order) => Verdict::Holds(Witness::Order(order)),
        Found::Exhausted => {
            let mut reason = meter.exhausted();
            if ops.len() > MANY {
                reason.push_str(TOO_MANY);
            }
            Verdict::Unknown(reason)
        }
        Found::Nothing => {
            let (operations, least) = fewest(history, ops, (0..ops.len() as u32).collect(), limits);
            let message = limits.told(message.to_owned(), least);
            Verdict::Violated(Counterexample { pattern: None, message, operations })
        }
    }
}

/// What is left of operations without an order once nothing more can be left out, and whether nothing cut
/// that short.
fn fewest(
    history: &History,
    ops: &[Operation],
    all: Vec<u32>,
    limits: &Limits<'_>,
) -> (Vec<u32>, bool) {
    let limits = limits.shrinking();
    let mut meter = limits.meter();
    shrink(history, ops, false, all, TRIES, &limits, |ops| {
        if meter.is_empty() {
            return None;
        }
        let mut part = meter.part(SHRINK_STEPS);
        let found = find(history, ops, &mut part);
        meter.spend(&part, SHRINK_STEPS);
        meter.spend_steps(ops.len() as u64);
        Some(found == Found::Nothing)
    })
}

/// An order that agrees with real time and with every process, if one is soon found. It shows that
/// the history meets every condition that asks for an order of the processes' operations.
pub(super) fn in_real_time(history: &History, meter: &mut Meter<'_>) -> Option<Vec<u32>> {
    let mut part = meter.part(REAL_TIME_STEPS);
    let found = decide(history, history.operations(), true, &mut part);
    meter.spend(&part, REAL_TIME_STEPS);
    match found {
        Decided::Order(order) => proves(history, &order, false, true).then_some(order),
        _ => None,
    }
}

/// Searches for an order of all operations, which stand in the order of their invocations.
fn find(history: &History, ops: &[Operation], meter: &mut Meter<'_>) -> Found {
    let members = useful(ops);
    let mut search = Search::new(history, ops, &members);
    if search.somebody_dreams() {
        return Found::Nothing;
    }
    search.run(&mut Object::new(history), meter)
}
