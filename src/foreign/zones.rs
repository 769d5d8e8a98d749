//! Linearizability of registers with unique writes, decided exactly by zones.
//!
//! P. B. Gibbons and E. Korach, "Testing Shared Memories" (SIAM J. Comput. 26(4), 1997). A write
//! and the reads of its value form a *cluster*. With `f` its earliest completion and `s` its latest
//! invocation, cluster A must come before B iff `f(A) < s(B)`, and an order exists iff no two must
//! come before each other and no read ended before its write began.
//!
//! A history is in the order of invocations, so walking it backwards meets the clusters of every
//! key in falling order of `s` with nothing to sort, and of those met only the one with the least
//! `f` can clash with the next. So the walk is linear, and one pass serves all keys. Unknown writes
//! complete never: unread they clash with nothing, and read they live by their reads.

use super::history::{Action, History, INITIAL, Kind, NEVER, Operation, Outcome};
use super::intern::Table;

/// Equal to no number.
const NONE: u32 = u32::MAX;

/// Which write each read names, and which keys are registers with unique writes.
pub(super) struct Clusters {
    /// The cluster of each operation, where values alone do not tell.
    names: Option<Vec<u32>>,
    /// How many clusters there are; 0 is that of the initial value, on every key.
    pub(super) count: usize,
    /// By key: whether something else than unique writes and reads is done to it.
    pub(super) complex: Vec<bool>,
    /// The clusters themselves, where finding out has gathered them on the way.
    gathered: Option<Vec<Cluster>>,
}

impl Clusters {
    /// Finds out. Values that are written to one key each are clusters as they are; otherwise pairs
    /// of key and value are numbered.
    pub(super) fn of(history: &History, ops: &[Operation]) -> Self {
        let values = history.values.len();
        let mut complex: Vec<bool> =
            history.kinds.iter().map(|kind| *kind != Kind::Register).collect();
        let mut table = vec![Cluster::NEW; values];
        let mut shared = false;
        for op in ops.iter().filter(|op| op.counts()) {
            let cluster = &mut table[op.value as usize];
            match op.action {
                Action::Read => cluster.after = cluster.after.min(op.completed.saturating_add(1)),
                Action::Write if op.value != INITIAL => {
                    complex[op.key as usize] |= cluster.key == op.key;
                    shared |= cluster.key != NONE && cluster.key != op.key;
                    cluster.key = op.key;
                    cluster.after = cluster.after.min(op.completed.saturating_add(1));
                }
                _ => complex[op.key as usize] = true,
            }
        }
        if !shared {
            // What is done to a complex key must not touch another key's clusters.
            let gathered = (!complex.contains(&true)).then_some(table);
            return Self { names: None, count: values, complex, gathered };
        }
        drop(table);
        let (mut pairs, mut written) = (Table::<u64>::default(), Vec::new());
        let mut name = |op: &Operation| {
            if op.value == INITIAL || !op.counts() {
                return 0;
            }
            let (pair, new) = pairs.insert(&[u64::from(op.key) << 32 | u64::from(op.value)]);
            if new {
                written.push(false);
            }
            if op.action == Action::Write {
                complex[op.key as usize] |= std::mem::replace(&mut written[pair as usize], true);
            }
            pair + 1
        };
        let names = ops.iter().map(&mut name).collect();
        Self { names: Some(names), count: written.len() + 1, complex, gathered: None }
    }

    /// The cluster of an operation that is a read or a write of a key that is not complex.
    #[inline]
    pub(super) fn cluster(&self, index: usize, op: &Operation) -> u32 {
        match &self.names {
            None => op.value,
            Some(names) => names[index],
        }
    }

    /// Whether an operation belongs to a cluster that the walk looks at.
    #[inline]
    fn takes(&self, op: &Operation) -> bool {
        op.counts() && !self.complex[op.key as usize]
    }
}

/// A write and the reads of its value.
#[derive(Clone, Copy)]
struct Cluster {
    /// The instant after its earliest completion, so that `after <= s` is `f < s` and the initial
    /// value's 0 comes before everything.
    after: u64,
    /// The key it was written to.
    key: u32,
    /// Whether the walk has met it.
    met: bool,
}

impl Cluster {
    /// One of which nothing is known.
    const NEW: Self = Self { after: NEVER, key: NONE, met: false };
}

/// Of the clusters of a key that were met, the one with the least `f`.
#[derive(Clone, Copy)]
struct Widest {
    after: u64,
    s: u64,
    cluster: u32,
    /// Whether a read of the initial value was met.
    initial: bool,
}

/// Why there is no order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The operation of this index read what nobody wrote to its key.
    ThinAir(usize),
    /// The write of this index began after a read of its value had ended.
    FromTheFuture(usize),
    /// Two clusters of one key must come before each other.
    Clash {
        /// The key.
        key: u32,
        /// One cluster.
        one: u32,
        /// The other.
        other: u32,
    },
}

/// The first fault the walk meets, if any, on the keys that are not complex.
pub(super) fn find(ops: &[Operation], clusters: &mut Clusters) -> Option<Fault> {
    let gathered = clusters.gathered.take();
    let clusters = &*clusters;
    let mut table = gathered.unwrap_or_else(|| gather(ops, clusters));
    let fault = walk(ops, clusters, &mut table)?;
    // A value read from a key it was not written to disturbs the cluster it came from, so it is the
    // better explanation of any fault.
    let dreams = |(i, op): &(usize, &Operation)| {
        let name = clusters.cluster(*i, op);
        clusters.takes(op) && name != 0 && table[name as usize].key != op.key
    };
    Some(ops.iter().enumerate().find(dreams).map_or(fault, |(i, _)| Fault::ThinAir(i)))
}

/// The clusters of the keys that are not complex.
fn gather(ops: &[Operation], clusters: &Clusters) -> Vec<Cluster> {
    let mut table = vec![Cluster::NEW; clusters.count];
    for (i, op) in ops.iter().enumerate().filter(|(_, op)| clusters.takes(op)) {
        let cluster = &mut table[clusters.cluster(i, op) as usize];
        cluster.after = cluster.after.min(op.completed.saturating_add(1));
        if op.action == Action::Write {
            cluster.key = op.key;
        }
    }
    table
}

/// Walks back in time until something is at fault.
fn walk(ops: &[Operation], clusters: &Clusters, table: &mut [Cluster]) -> Option<Fault> {
    let nothing = Widest { after: NEVER, s: 0, cluster: 0, initial: false };
    let mut keys = vec![nothing; clusters.complex.len()];
    for (i, op) in ops.iter().enumerate().rev().filter(|(_, op)| clusters.takes(op)) {
        let name = clusters.cluster(i, op);
        let widest = &mut keys[op.key as usize];
        let (after, met) = if name == 0 {
            (0, std::mem::replace(&mut widest.initial, true))
        } else {
            let cluster = &mut table[name as usize];
            if cluster.key != op.key {
                return Some(Fault::ThinAir(i));
            }
            // The write's own completion is no earlier, so this is some read's.
            if op.action == Action::Write && cluster.after <= op.invoked {
                return Some(Fault::FromTheFuture(i));
            }
            (cluster.after, std::mem::replace(&mut cluster.met, true))
        };
        if met {
            continue;
        }
        if widest.after <= op.invoked && after <= widest.s {
            return Some(Fault::Clash { key: op.key, one: widest.cluster, other: name });
        }
        if after < widest.after {
            *widest = Widest { after, s: op.invoked, cluster: name, initial: widest.initial };
        }
    }
    None
}

/// The operations of a fault: of each cluster the write, what ended first and what began last.
pub(super) fn evidence(ops: &[Operation], clusters: &Clusters, fault: Fault) -> Vec<u32> {
    let of = |key: u32, name: u32| {
        let belongs = move |(i, op): &(usize, &Operation)| {
            clusters.takes(op) && op.key == key && clusters.cluster(*i, op) == name
        };
        ops.iter().enumerate().filter(belongs)
    };
    let ends = |key: u32, name: u32| {
        let write = of(key, name).find(|(_, op)| op.action == Action::Write);
        let first = of(key, name).min_by_key(|(_, op)| op.completed);
        let last = of(key, name).max_by_key(|(_, op)| op.invoked);
        [write, first, last].into_iter().flatten().map(|(i, _)| i as u32)
    };
    let mut found: Vec<u32> = match fault {
        // A write of the value that failed, or went elsewhere, is part of the story.
        Fault::ThinAir(read) => {
            let op = ops[read];
            let failed = ops.iter().position(|other| {
                other.value == op.value
                    && other.action == Action::Write
                    && (other.outcome == Outcome::Failed || other.key != op.key)
            });
            [Some(read), failed].into_iter().flatten().map(|i| i as u32).collect()
        }
        Fault::FromTheFuture(write) => {
            let op = &ops[write];
            ends(op.key, clusters.cluster(write, op)).take(2).collect()
        }
        Fault::Clash { key, one, other } => ends(key, one).chain(ends(key, other)).collect(),
    };
    found.sort_unstable();
    found.dedup();
    found
}

/// An order of the operations of the keys that are not complex, key after key, if [`find`] found no
/// fault: clusters by where their zone begins, each with its write first and its reads behind it.
pub(super) fn order(ops: &[Operation], clusters: &Clusters) -> Vec<u32> {
    let op = |i: &u32| &ops[*i as usize];
    let place = |i: &u32| (op(i).key, clusters.cluster(*i as usize, op(i)));
    let mut members: Vec<u32> = (0..ops.len() as u32).filter(|i| clusters.takes(op(i))).collect();
    members.sort_by_key(|i| (place(i), op(i).action != Action::Write, *i));
    let mut zones: Vec<(ZonePlace, &[u32])> = Vec::new();
    for cluster in members.chunk_by(|a, b| place(a) == place(b)) {
        let f = cluster.iter().map(|i| op(i).completed).min().unwrap_or(NEVER);
        let s = cluster.iter().map(|i| op(i).invoked).max().unwrap_or(0);
        let (key, name) = place(&cluster[0]);
        // An unknown write that nobody read need not happen.
        if f != NEVER {
            zones.push(((key, name != 0, f.min(s), f < s), cluster));
        }
    }
    zones.sort_by_key(|(place, _)| *place);
    zones.into_iter().flat_map(|(_, cluster)| cluster).copied().collect()
}

/// The key, whether it is not the initial value's, the beginning, and whether it is a forward zone:
/// backward ones come first where two begin together.
type ZonePlace = (u32, bool, u64, bool);
