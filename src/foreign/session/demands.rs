//! What session guarantees ask of the order of each key's versions, without one being given.
//!
//! Each guarantee is a list of demands that one version be older than another, or not newer; whether some
//! order meets them is whether they have no cycle (`orders.rs`).

use super::super::history::{Action, History, Operation, Outcome};
use super::super::intern::Table;
use super::super::orders::{NOBODY, Orders};
use super::super::verdict::Meter;
use super::Session;
use super::across::{self, Listener};

/// What guarantees ask of the order of versions; `None` if the budget ended.
pub(super) fn demands(
    history: &History,
    ops: &[Operation],
    guarantees: &[Session],
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
                let (chains, must) = (Vec::new(), Vec::new());
                let mut asks = Asks { orders: &mut orders, ops, chains, must };
                across::walk(&sessions, guarantee.earlier(), meter, &mut asks)?;
            }
        }
    }
    Some(orders)
}

/// What guarantees across keys ask of the order of versions.
struct Asks<'a> {
    orders: &'a mut Orders,
    ops: &'a [Operation],
    /// By chain: the newest of its first ones, for each length.
    chains: Vec<Vec<u32>>,
    /// By reader and key: the newest of what it must know.
    must: Vec<Option<u32>>,
}

impl Listener for Asks<'_> {
    fn grows(&mut self, chain: u32, op: u32) {
        let Operation { key, value, .. } = self.ops[op as usize];
        let (version, newest) = (self.orders.version(key, value), self.orders.between());
        self.orders.ask(version, newest, false, [op, NOBODY, NOBODY, NOBODY]);
        let chain = slot_of(&mut self.chains, chain);
        if let Some(before) = chain.last() {
            self.orders.ask(*before, newest, false, [NOBODY; 4]);
        }
        chain.push(newest);
    }

    fn learns(&mut self, slot: u32, chain: u32, length: u32, [read, write]: [u32; 2]) {
        let newest = self.orders.between();
        let theirs = self.chains[chain as usize][length as usize - 1];
        self.orders.ask(theirs, newest, false, [read, write, NOBODY, NOBODY]);
        if let Some(before) = slot_of(&mut self.must, slot).replace(newest) {
            self.orders.ask(before, newest, false, [NOBODY; 4]);
        }
    }

    fn reads(&mut self, slot: u32, read: u32) {
        if let Some(must) = *slot_of(&mut self.must, slot) {
            let Operation { key, value, .. } = self.ops[read as usize];
            let version = self.orders.version(key, value);
            self.orders.ask(must, version, false, [read, NOBODY, NOBODY, NOBODY]);
        }
    }
}

/// The entry of a number, which may be the next one.
pub(super) fn slot_of<T: Default>(all: &mut Vec<T>, number: u32) -> &mut T {
    let at = number as usize;
    if all.len() <= at {
        all.resize_with(at + 1, T::default);
    }
    &mut all[at]
}

/// The operations of each session.
pub(super) struct Sessions<'h> {
    pub(super) ops: &'h [Operation],
    /// By process, in order.
    pub(super) of: Vec<Vec<u32>>,
    /// By operation: the write that a read names.
    pub(super) source: Vec<Option<u32>>,
}

impl<'h> Sessions<'h> {
    pub(super) fn new(history: &History, ops: &'h [Operation]) -> Self {
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

    pub(super) fn is(&self, i: u32, action: Action) -> bool {
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
}
