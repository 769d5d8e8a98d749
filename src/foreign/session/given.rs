//! Session guarantees under a given order of versions, operation by operation.

use super::super::history::{Action, History, Operation};
use super::super::intern::Table;
use super::super::verdict::{Limits, Meter};
use super::super::versions::Versions;
use super::Session;
use super::across::{Listener, walk};
use super::demands::{Sessions, slot_of};

/// A given order of versions, and a value that matters and that it lacks.
pub(super) struct Given<'a> {
    pub(super) versions: &'a Versions,
    pub(super) ops: &'a [Operation],
    pub(super) unplaced: Option<(u32, u32)>,
}

/// Is told of each operation that could break a guarantee, and if it does, of those that show it.
type Heard<'f> = &'f mut dyn FnMut(u32, Option<&[u32]>);

impl Given<'_> {
    fn rank(&mut self, key: u32, value: u32) -> Option<u32> {
        let rank = self.versions.rank(key, value);
        if rank.is_none() {
            self.unplaced = self.unplaced.or(Some((key, value)));
        }
        rank
    }

    /// Looks at each operation that could break a guarantee; `None` if the budget ended.
    pub(super) fn each(
        &mut self,
        all: &Sessions<'_>,
        guarantee: Session,
        meter: &mut Meter<'_>,
        heard: Heard<'_>,
    ) -> Option<()> {
        meter.spend_steps(self.ops.len() as u64 + 1);
        if meter.is_empty() {
            return None;
        }
        if let Some((first, second)) = guarantee.pair() {
            self.pairs(all, first, second, heard);
            return Some(());
        }
        let mut ranked = Ranked { given: self, chains: Vec::new(), must: Vec::new(), heard };
        walk(all, guarantee.earlier(), meter, &mut ranked)
    }

    /// Two operations of one session and key in the wrong order.
    fn pairs(&mut self, all: &Sessions<'_>, first: Action, second: Action, heard: Heard<'_>) {
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
            {
                let broken = old > rank || old == rank && second == Action::Write;
                heard(*i, broken.then_some(&[before, *i]));
            }
            if op.action == first && newest.is_none_or(|(old, _)| old <= rank) {
                *newest = Some((rank, *i));
            }
        }
    }
}

/// The newest of some versions, the operation it is of, and one that has no place.
#[derive(Clone, Copy, Default)]
struct Newest {
    rank: Option<(u32, u32)>,
    unplaced: Option<(u32, u32)>,
}

/// What a reader must know of a key: the newest version, and the read and the write that told.
#[derive(Clone, Copy, Default)]
struct Must {
    newest: Newest,
    because: [u32; 2],
}

/// Guarantees across keys by ranks.
struct Ranked<'g, 'a, 'f> {
    given: &'g mut Given<'a>,
    /// By chain: the newest of its first ones, for each length.
    chains: Vec<Vec<Newest>>,
    /// By reader and key.
    must: Vec<Option<Must>>,
    heard: Heard<'f>,
}

impl Listener for Ranked<'_, '_, '_> {
    fn grows(&mut self, chain: u32, i: u32) {
        let op = &self.given.ops[i as usize];
        let rank = self.given.versions.rank(op.key, op.value);
        let chain = slot_of(&mut self.chains, chain);
        let before = chain.last().copied().unwrap_or_default();
        let rank_of = rank.map(|rank| (rank, i));
        let unplaced = before.unplaced.or(rank.is_none().then_some((op.key, op.value)));
        chain.push(Newest { rank: before.rank.max(rank_of), unplaced });
    }

    fn learns(&mut self, slot: u32, chain: u32, length: u32, because: [u32; 2]) {
        let theirs = self.chains[chain as usize][length as usize - 1];
        let must = slot_of(&mut self.must, slot).get_or_insert_default();
        must.newest.unplaced = must.newest.unplaced.or(theirs.unplaced);
        if theirs.rank > must.newest.rank {
            (must.newest.rank, must.because) = (theirs.rank, because);
        }
    }

    fn reads(&mut self, slot: u32, read: u32) {
        let Some(must) = *slot_of(&mut self.must, slot) else { return };
        let op = &self.given.ops[read as usize];
        let (key, value) = (op.key, op.value);
        self.given.unplaced = self.given.unplaced.or(must.newest.unplaced);
        let Some(rank) = self.given.rank(key, value) else { return };
        let newer = must.newest.rank.filter(|(newest, _)| *newest > rank);
        let show = newer.map(|(_, earlier)| {
            let mut show = [must.because[0], must.because[1], earlier, read].to_vec();
            show.sort_unstable();
            show.dedup();
            show
        });
        (self.heard)(read, show.as_deref());
    }
}

/// Of the operations that could break any of some guarantees, how many do; `None` if the budget
/// ended.
pub(in super::super) fn stale_in_order(
    history: &History,
    guarantees: &[Session],
    versions: &Versions,
    limits: &Limits<'_>,
) -> Option<[u64; 2]> {
    let ops = history.operations();
    let sessions = Sessions::new(history, ops);
    let (mut broken, mut could) = (vec![false; ops.len()], vec![false; ops.len()]);
    let (mut given, mut meter) = (Given { versions, ops, unplaced: None }, limits.meter());
    for guarantee in guarantees {
        given.each(&sessions, *guarantee, &mut meter, &mut |i, why| {
            could[i as usize] = true;
            broken[i as usize] |= why.is_some();
        })?;
    }
    let count = |marks: Vec<bool>| marks.into_iter().filter(|mark| *mark).count() as u64;
    Some([count(broken), count(could)])
}
