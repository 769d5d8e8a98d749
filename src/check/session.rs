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
use super::staleness::Versions;
use super::verdict::{Counterexample, Limits, Verdict};
use super::words::describe;
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

/// Of one key, `old` must not be newer than `new`, or must be older.
#[derive(Clone, Copy)]
struct Constraint {
    key: u32,
    old: u32,
    new: u32,
    strict: bool,
    /// The operations it comes from, as indices into the history.
    because: [u32; 4],
}

/// Whether a guarantee holds under a given order of versions. Values without a place in it
/// constrain nothing.
#[must_use]
pub fn in_order(
    history: &History,
    guarantee: Session,
    versions: &Versions,
    limits: &Limits<'_>,
) -> Verdict {
    let Some(all) = constraints(history, &[guarantee], limits) else {
        return Verdict::Unknown(limits.exhausted());
    };
    let broken = |c: &&Constraint| {
        let ranks = (versions.rank(c.key, c.old), versions.rank(c.key, c.new));
        let (Some(old), Some(new)) = ranks else { return false };
        if c.strict { old >= new } else { old > new }
    };
    match all.iter().find(broken) {
        None => Verdict::because("no two operations of a session contradict the given order"),
        Some(constraint) => Verdict::Violated(told(history, &[*constraint])),
    }
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

fn satisfiable(history: &History, guarantees: &[Session], limits: &Limits<'_>) -> Verdict {
    let ops = history.operations();
    let clusters = Clusters::of(history, ops);
    if clusters.complex.contains(&true) {
        let reason = "versions have no order of their own where values are written twice, swapped, \
                      appended to or deleted";
        return Verdict::Unknown(reason.to_owned());
    }
    let Some(all) = constraints(history, guarantees, limits) else {
        return Verdict::Unknown(limits.exhausted());
    };
    match contradiction(&all) {
        None => Verdict::because("there is an order of versions that agrees with every session"),
        Some(cycle) => Verdict::Violated(told(history, &cycle)),
    }
}

/// A contradiction in words.
fn told(history: &History, constraints: &[Constraint]) -> Counterexample {
    let mut operations: Vec<u32> = constraints.iter().flat_map(|c| c.because).collect();
    operations.sort_unstable();
    operations.dedup();
    let did: Vec<String> = operations
        .iter()
        .take(8)
        .map(|i| describe(history, &history.operations()[*i as usize]))
        .collect();
    let message = format!("these contradict each other: {}", did.join("; "));
    Counterexample { pattern: None, message, operations }
}

/// All constraints; `None` if there are more than the budget allows.
fn constraints(
    history: &History,
    guarantees: &[Session],
    limits: &Limits<'_>,
) -> Option<Vec<Constraint>> {
    let all = Sessions::new(history);
    let mut found = Found { all: Vec::new(), seen: Table::default(), steps: limits.steps };
    for guarantee in guarantees {
        match guarantee {
            Session::ReadYourWrites => all.pairs(Action::Write, Action::Read, &mut found)?,
            Session::MonotonicReads => all.pairs(Action::Read, Action::Read, &mut found)?,
            Session::MonotonicWrites => all.pairs(Action::Write, Action::Write, &mut found)?,
            Session::WritesFollowReads => all.pairs(Action::Read, Action::Write, &mut found)?,
            Session::MonotonicWritesAcrossKeys => all.across(Action::Write, &mut found)?,
            Session::WritesFollowReadsAcrossKeys => all.across(Action::Read, &mut found)?,
        }
    }
    Some(found.all)
}

/// Constraints so far, each once, and what may still be spent.
struct Found {
    all: Vec<Constraint>,
    seen: Table<u64>,
    steps: u64,
}

impl Found {
    fn add(&mut self, constraint: Constraint) -> Option<()> {
        self.steps = self.steps.checked_sub(1)?;
        let Constraint { key, old, new, strict, .. } = constraint;
        // A version is not older than itself, and nothing is older than the initial one.
        if old == new && !strict || old == INITIAL && new != INITIAL {
            return Some(());
        }
        let word = u64::from(old) << 32 | u64::from(new);
        if self.seen.insert(&[u64::from(key) << 1 | u64::from(strict), word]).1 {
            self.all.push(constraint);
        }
        Some(())
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
    fn new(history: &'h History) -> Self {
        let ops = history.operations();
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

    /// What an operation of the kind `first` before one of the kind `second` says.
    fn pairs(&self, first: Action, second: Action, found: &mut Found) -> Option<()> {
        for session in &self.of {
            for (at, a) in session.iter().enumerate().filter(|(_, a)| self.is(**a, first)) {
                let op = self.ops[*a as usize];
                for b in &session[at + 1..] {
                    found.steps = found.steps.checked_sub(1)?;
                    let later = self.ops[*b as usize];
                    if later.key != op.key || later.action != second {
                        continue;
                    }
                    found.add(Constraint {
                        key: op.key,
                        old: op.value,
                        new: later.value,
                        strict: second == Action::Write,
                        because: [*a, *b, *a, *b],
                    })?;
                }
            }
        }
        Some(())
    }

    /// What reading a write says of everything that its session did before it.
    fn across(&self, kind: Action, found: &mut Found) -> Option<()> {
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
                        found.steps = found.steps.checked_sub(1)?;
                        let op = &self.ops[*later as usize];
                        if op.key != key || op.action != Action::Read {
                            continue;
                        }
                        found.add(Constraint {
                            key,
                            old: self.ops[*earlier as usize].value,
                            new: op.value,
                            strict: false,
                            because: [*read, write, *earlier, *later],
                        })?;
                    }
                }
            }
        }
        Some(())
    }
}

/// Constraints that no order of versions meets, if there are any.
fn contradiction(all: &[Constraint]) -> Option<Vec<Constraint>> {
    // Something is older than the initial value, or older than itself.
    if let Some(c) = all.iter().find(|c| c.new == INITIAL || c.old == c.new) {
        return Some(vec![*c]);
    }
    // Versions by key; what must be newer than what.
    let mut versions = Table::<u64>::default();
    let mut edges: Vec<(usize, usize, usize)> = Vec::new();
    for (i, c) in all.iter().enumerate() {
        let mut number = |value: u32| versions.insert(&[c.key.into(), value.into()]).0 as usize;
        edges.push((number(c.old), number(c.new), i));
    }
    let mut older = vec![0_u32; versions.len()];
    let mut out = vec![Vec::new(); versions.len()];
    for (old, new, i) in &edges {
        older[*new] += 1;
        out[*old].push((*new, *i));
    }
    let mut ready: Vec<usize> = (0..older.len()).filter(|v| older[*v] == 0).collect();
    while let Some(version) = ready.pop() {
        for (new, _) in &out[version] {
            older[*new] -= 1;
            if older[*new] == 0 {
                ready.push(*new);
            }
        }
    }
    // What is left has something older that is left too, so going back comes round.
    let mut back = vec![None; older.len()];
    for (old, new, i) in edges {
        if older[old] > 0 {
            back[new] = Some((old, i));
        }
    }
    let mut version = older.iter().position(|count| *count > 0)?;
    let mut seen = vec![false; older.len()];
    while !std::mem::replace(&mut seen[version], true) {
        version = back[version]?.0;
    }
    let (mut cycle, mut at) = (Vec::new(), version);
    loop {
        let (old, i) = back[at]?;
        cycle.push(all[i]);
        at = old;
        if at == version {
            return Some(cycle);
        }
    }
}
