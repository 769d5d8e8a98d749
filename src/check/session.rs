//! The four session guarantees, one by one.
//!
//! D. B. Terry et al., "Session Guarantees for Weakly Consistent Replicated Data" (1994). A session
//! is a process. For an operation `a` before `b` in one session, on one key, each guarantee says of
//! the order of the key's versions:
//!
//! | guarantee | `a` | `b` | versions |
//! |---|---|---|---|
//! | read your writes | write | read | that of `b` is not older |
//! | monotonic reads | read | read | that of `b` is not older |
//! | monotonic writes | write | write | that of `b` is newer |
//! | writes follow reads | read | write | that of `b` is newer |
//!
//! and across keys, once a session has read w: what w's session wrote (monotonic writes) or read
//! (writes follow reads) before w is not newer than what the reading session reads of those keys
//! later. One hop only; the transitive closure is causal consistency.
//!
//! So each guarantee is a list of constraints on orders of versions. With an order given they are
//! looked up; without one the question is whether *some* order meets them, that is, whether they
//! have no cycle. That is all a black box can be asked: a history that breaks monotonic writes
//! under the store's own order may break only monotonic reads under another.

use super::history::{Action, History, INITIAL, Operation, Outcome};
use super::intern::Table;
use super::orders::{NOBODY, Orders};
use super::sequential::in_real_time;
use super::staleness::Versions;
use super::verdict::{Counterexample, Limits, Meter, Verdict};
use super::words::{describe, short};
use super::zones::Clusters;

/// A session guarantee.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Session {
    /// A session sees its own earlier writes.
    ReadYourWrites,
    /// A session never reads an older version after a newer one.
    MonotonicReads,
    /// A session's writes take effect in its order.
    MonotonicWrites,
    /// A session's write is newer than what it had read.
    WritesFollowReads,
    /// Who has seen a write sees what its session wrote before it, on every key.
    MonotonicWritesAcrossKeys,
    /// Who has seen a write sees what its session had read before it, on every key.
    WritesFollowReadsAcrossKeys,
}

/// The four guarantees of one key each.
const FOUR: [Session; 4] = [
    Session::ReadYourWrites,
    Session::MonotonicReads,
    Session::MonotonicWrites,
    Session::WritesFollowReads,
];

/// Of one key, `old` must not be newer than `new`.
#[derive(Clone, Copy)]
struct Constraint {
    key: u32,
    old: u32,
    new: u32,
    /// The operations it comes from, as indices into the history.
    because: [u32; 4],
}

impl Session {
    /// What comes first and what second, for the guarantees of one key.
    fn pair(self) -> Option<(Action, Action)> {
        match self {
            Self::ReadYourWrites => Some((Action::Write, Action::Read)),
            Self::MonotonicReads => Some((Action::Read, Action::Read)),
            Self::MonotonicWrites => Some((Action::Write, Action::Write)),
            Self::WritesFollowReads => Some((Action::Read, Action::Write)),
            Self::MonotonicWritesAcrossKeys | Self::WritesFollowReadsAcrossKeys => None,
        }
    }

    /// Of the guarantees across keys, what a session did before its write.
    fn earlier(self) -> Action {
        if self == Self::WritesFollowReadsAcrossKeys { Action::Read } else { Action::Write }
    }
}

/// Whether a guarantee holds under a given order of versions. It is unknown if nothing breaks it
/// and a value that matters has no place in the order.
#[must_use]
pub fn in_order(
    history: &History,
    guarantee: Session,
    versions: &Versions,
    limits: &Limits<'_>,
) -> Verdict {
    let ops = history.operations();
    if let Some(unknown) = without_versions(history) {
        return unknown;
    }
    let sessions = Sessions::new(history, ops);
    let mut given = Given { versions, ops, unplaced: None };
    let broken = match guarantee.pair() {
        Some((first, second)) => given.pairs(&sessions, first, second),
        None => match sessions.across(guarantee.earlier(), limits) {
            None => return Verdict::Unknown(limits.exhausted()),
            Some(all) => given.first_broken(&all),
        },
    };
    match (broken, given.unplaced) {
        (Some(operations), _) => Verdict::Violated(told(history, operations)),
        (None, Some((key, value))) => Verdict::Unknown(format!(
            "the value {} of key {} has no place in the given order of versions",
            short(history.value(value)),
            short(history.key(key))
        )),
        (None, None) => {
            Verdict::because("no two operations of a session contradict the given order")
        }
    }
}

/// Whether the four guarantees hold under a given order of versions.
#[must_use]
pub fn all_in_order(history: &History, versions: &Versions, limits: &Limits<'_>) -> Verdict {
    let all = FOUR.map(|guarantee| in_order(history, guarantee, versions, limits));
    let worst = all.into_iter().max_by_key(|verdict| match verdict {
        Verdict::Holds(_) => 0,
        Verdict::Unknown(_) => 1,
        Verdict::Violated(_) => 2,
    });
    worst.unwrap_or_else(|| Verdict::because("nothing is asked"))
}

/// Whether some order of versions lets a guarantee hold by itself.
#[must_use]
pub fn in_some_order(history: &History, guarantee: Session, limits: &Limits<'_>) -> Verdict {
    satisfiable(history, &[guarantee], limits)
}

/// Whether one order of versions lets the four guarantees hold together.
#[must_use]
pub fn all_in_some_order(history: &History, limits: &Limits<'_>) -> Verdict {
    satisfiable(history, &FOUR, limits)
}

/// Why versions have no order of their own, if they have none.
fn without_versions(history: &History) -> Option<Verdict> {
    let reason = "versions have no order of their own where values are written twice, swapped, \
                  appended to or deleted";
    let clusters = Clusters::of(history, history.operations());
    clusters.complex.contains(&true).then(|| Verdict::Unknown(reason.to_owned()))
}

fn satisfiable(history: &History, guarantees: &[Session], limits: &Limits<'_>) -> Verdict {
    let ops = history.operations();
    if let Some(unknown) = without_versions(history) {
        return unknown;
    }
    let across = guarantees.iter().any(|guarantee| guarantee.pair().is_none());
    if across && in_real_time(history, limits).is_some() {
        return Verdict::because("its operations have an order that agrees with every session");
    }
    let mut meter = limits.meter();
    match demands(history, ops, guarantees, limits, &mut meter) {
        None => Verdict::Unknown(limits.exhausted()),
        Some(orders) => match orders.contradiction() {
            None => {
                Verdict::because("there is an order of versions that agrees with every session")
            }
            Some(found) => {
                let (few, least) = fewest(history, found, guarantees, limits);
                let mut example = told(history, few);
                example.message = limits.told(example.message, least);
                Verdict::Violated(example)
            }
        },
    }
}

/// Leaves out every operation without which the others still contradict each other, large parts
/// first. Fewer operations ask for less, so going through them one by one once is enough in the end.
/// Says whether it came to the end.
fn fewest(
    history: &History,
    mut kept: Vec<u32>,
    guarantees: &[Session],
    limits: &Limits<'_>,
) -> (Vec<u32>, bool) {
    let limits = limits.shrinking();
    let mut meter = limits.meter();
    let mut size = (kept.len() / 2).max(1);
    loop {
        let mut at = 0;
        while at < kept.len() {
            let end = (at + size).min(kept.len());
            let rest = [&kept[..at], &kept[end..]].concat();
            let ops: Vec<Operation> =
                rest.iter().map(|op| history.operations()[*op as usize]).collect();
            let Some(orders) = demands(history, &ops, guarantees, &limits, &mut meter) else {
                return (kept, false);
            };
            if orders.contradiction().is_some() {
                kept = rest;
            } else {
                at = end;
            }
        }
        if size == 1 {
            return (kept, true);
        }
        size /= 2;
    }
}

/// A contradiction in words.
fn told(history: &History, operations: Vec<u32>) -> Counterexample {
    let did: Vec<String> = operations
        .iter()
        .take(8)
        .map(|i| describe(history, &history.operations()[*i as usize]))
        .collect();
    let message = format!("these contradict each other: {}", did.join("; "));
    Counterexample { pattern: None, message, operations }
}

/// What guarantees ask of the order of versions; `None` if the budget ended.
fn demands(
    history: &History,
    ops: &[Operation],
    guarantees: &[Session],
    limits: &Limits<'_>,
    meter: &mut Meter<'_>,
) -> Option<Orders> {
    let sessions = Sessions::new(history, ops);
    let mut orders = Orders::default();
    for guarantee in guarantees {
        meter.spend_steps(ops.len() as u64 + 1);
        if meter.is_empty() {
            return None;
        }
        match guarantee.pair() {
            Some((first, second)) => sessions.neighbours(first, second, &mut orders),
            None => {
                for c in sessions.across(guarantee.earlier(), limits)? {
                    let (old, new) = (orders.version(c.key, c.old), orders.version(c.key, c.new));
                    orders.ask(old, new, false, c.because);
                }
            }
        }
    }
    Some(orders)
}

/// A given order of versions, and a value that it lacks.
struct Given<'a> {
    versions: &'a Versions,
    ops: &'a [Operation],
    unplaced: Option<(u32, u32)>,
}

impl Given<'_> {
    fn rank(&mut self, key: u32, value: u32) -> Option<u32> {
        let rank = self.versions.rank(key, value);
        if rank.is_none() {
            self.unplaced = self.unplaced.or(Some((key, value)));
        }
        rank
    }

    /// Two operations of one session and key in the wrong order.
    fn pairs(&mut self, all: &Sessions<'_>, first: Action, second: Action) -> Option<Vec<u32>> {
        let mut slots = Table::<u64>::default();
        // By session and key: the newest version so far among what comes first.
        let mut newest: Vec<Option<(u32, u32)>> = Vec::new();
        for i in all.of.iter().flatten() {
            let op = self.ops[*i as usize];
            if op.action != first && op.action != second {
                continue;
            }
            let (slot, new) = slots.insert(&[op.process.into(), op.key.into()]);
            if new {
                newest.push(None);
            }
            let Some(rank) = self.rank(op.key, op.value) else { continue };
            let newest = &mut newest[slot as usize];
            if op.action == second
                && let Some((old, before)) = *newest
                && (old > rank || old == rank && second == Action::Write)
            {
                return Some(vec![before, *i]);
            }
            if op.action == first && newest.is_none_or(|(old, _)| old <= rank) {
                *newest = Some((rank, *i));
            }
        }
        None
    }

    fn first_broken(&mut self, all: &[Constraint]) -> Option<Vec<u32>> {
        let mut broken = |c: &&Constraint| {
            let ranks = (self.rank(c.key, c.old), self.rank(c.key, c.new));
            matches!(ranks, (Some(old), Some(new)) if old > new)
        };
        let mut operations = all.iter().find(|c| broken(c))?.because.to_vec();
        operations.sort_unstable();
        operations.dedup();
        Some(operations)
    }
}

/// The operations of each session.
struct Sessions<'h> {
    ops: &'h [Operation],
    /// By process, in order.
    of: Vec<Vec<u32>>,
    /// By operation: the write that a read names.
    source: Vec<Option<u32>>,
}

impl<'h> Sessions<'h> {
    fn new(history: &History, ops: &'h [Operation]) -> Self {
        let (mut pairs, mut writer) = (Table::<u64>::default(), Vec::new());
        let (mut read, mut named) = (Vec::new(), Vec::with_capacity(ops.len()));
        for (i, op) in ops.iter().enumerate() {
            let (pair, new) = pairs.insert(&[op.key.into(), op.value.into()]);
            if new {
                writer.push(None);
                read.push(false);
            }
            named.push(pair);
            if op.counts() && op.action == Action::Write {
                writer[pair as usize] = Some(i as u32);
            }
            read[pair as usize] |= op.counts() && op.action == Action::Read;
        }
        let mut of = vec![Vec::new(); history.processes.len()];
        for (i, op) in ops.iter().enumerate() {
            // What may not have happened constrains nothing until somebody has seen it.
            let seen = op.outcome == Outcome::Ok || read[named[i] as usize];
            if op.counts() && seen {
                of[op.process as usize].push(i as u32);
            }
        }
        let source = named.iter().map(|pair| writer[*pair as usize]).collect();
        Self { ops, of, source }
    }

    fn is(&self, i: u32, action: Action) -> bool {
        self.ops[i as usize].action == action
    }

    /// What an operation of the kind `first` before one of the kind `second` says. Of the same kind,
    /// neighbours say it all; of different kinds, the newest of the first so far is a node between.
    fn neighbours(&self, first: Action, second: Action, orders: &mut Orders) {
        let mut slots = Table::<u64>::default();
        let mut latest: Vec<Option<(u32, u32)>> = Vec::new();
        let strict = second == Action::Write;
        for i in self.of.iter().flatten() {
            let op = &self.ops[*i as usize];
            let (slot, new) = slots.insert(&[op.process.into(), op.key.into()]);
            if new {
                latest.push(None);
            }
            let latest = &mut latest[slot as usize];
            if op.action == second
                && let Some((node, by)) = *latest
            {
                let version = orders.version(op.key, op.value);
                orders.ask(node, version, strict, [by, *i, NOBODY, NOBODY]);
            }
            if op.action == first {
                let version = orders.version(op.key, op.value);
                if first == second {
                    *latest = Some((version, *i));
                    continue;
                }
                let newest = orders.between();
                orders.ask(version, newest, false, [*i, NOBODY, NOBODY, NOBODY]);
                if let Some((before, _)) = *latest {
                    orders.ask(before, newest, false, [NOBODY; 4]);
                }
                *latest = Some((newest, NOBODY));
            }
        }
    }

    /// What reading a write says of everything that its session did before it.
    /// `None` if the budget ended.
    fn across(&self, kind: Action, limits: &Limits<'_>) -> Option<Vec<Constraint>> {
        let (mut meter, mut seen) = (limits.meter(), Table::<u64>::default());
        let mut all = Vec::new();
        let mut place = vec![0; self.ops.len()];
        for session in &self.of {
            for (at, i) in session.iter().enumerate() {
                place[*i as usize] = at;
            }
        }
        for session in &self.of {
            for (at, read) in session.iter().enumerate().filter(|(_, i)| self.is(**i, Action::Read))
            {
                let Some(write) = self.source[*read as usize] else { continue };
                let theirs = &self.of[self.ops[write as usize].process as usize];
                let before = &theirs[..place[write as usize]];
                for earlier in before.iter().filter(|i| self.is(**i, kind)) {
                    let key = self.ops[*earlier as usize].key;
                    for later in &session[at + 1..] {
                        meter.step();
                        if meter.is_empty() {
                            return None;
                        }
                        let op = &self.ops[*later as usize];
                        if op.key != key || op.action != Action::Read {
                            continue;
                        }
                        let (old, new) = (self.ops[*earlier as usize].value, op.value);
                        // Nothing is older than the initial version.
                        let pair = [key.into(), u64::from(old) << 32 | u64::from(new)];
                        if old != new && old != INITIAL && seen.insert(&pair).1 {
                            let because = [*read, write, *earlier, *later];
                            all.push(Constraint { key, old, new, because });
                        }
                    }
                }
            }
        }
        Some(all)
    }
}
