//! Operations with the order in processes and with who reads from whom, and the patterns in it.
//!
//! Relations are kept as vector clocks: to see which writes precede a read, one looks at the last
//! one of each process.

use super::super::history::{Action, History, INITIAL, Operation};
use super::super::intern::Table;
use super::super::verdict::Meter;
use super::Pattern;

/// The clocks of all nodes: for each process, how many of its operations come before, itself
/// included. A row per node.
pub(super) struct Clocks {
    width: usize,
    table: Vec<u32>,
}

impl Clocks {
    pub(super) fn of(&self, node: usize) -> &[u32] {
        &self.table[node * self.width..][..self.width]
    }
}

/// Operations with the order in processes and with who reads from whom.
pub(super) struct Graph<'o> {
    ops: &'o [Operation],
    /// The operations that count, as indices into `ops`.
    pub(super) nodes: Vec<u32>,
    /// By node: its process, and its place in it from 1.
    pub(super) at: Vec<(u32, u32)>,
    /// The nodes of each process.
    pub(super) processes: Vec<Vec<u32>>,
    /// By node: the write that a read names; itself where it is a write, and none where the value
    /// is the initial one or nobody wrote it.
    pub(super) source: Vec<Option<u32>>,
    /// By key: the writes of each process that has any.
    pub(super) writes: Vec<Vec<(u32, Vec<u32>)>>,
}

impl<'o> Graph<'o> {
    pub(super) fn new(history: &History, ops: &'o [Operation]) -> Self {
        let nodes: Vec<u32> = (0..ops.len() as u32).filter(|i| ops[*i as usize].counts()).collect();
        let mut names = Table::<u64>::default();
        let mut processes: Vec<Vec<u32>> = Vec::new();
        let mut writes = vec![Vec::<(u32, Vec<u32>)>::new(); history.keys.len()];
        let mut at = Vec::with_capacity(nodes.len());
        let mut pairs = Table::<u64>::default();
        let mut writer: Vec<Option<u32>> = Vec::new();
        let mut name = |op: &Operation, writer: &mut Vec<Option<u32>>| {
            let (pair, new) = pairs.insert(&[u64::from(op.key), u64::from(op.value)]);
            if new {
                writer.push(None);
            }
            pair as usize
        };
        for (node, i) in nodes.iter().enumerate() {
            let op = &ops[*i as usize];
            let (process, new) = names.insert(&[op.process.into()]);
            if new {
                processes.push(Vec::new());
            }
            processes[process as usize].push(node as u32);
            at.push((process, processes[process as usize].len() as u32));
            if op.action == Action::Write {
                let pair = name(op, &mut writer);
                writer[pair] = Some(node as u32);
                let of_key = &mut writes[op.key as usize];
                match of_key.iter_mut().find(|(p, _)| *p == process) {
                    Some((_, all)) => all.push(node as u32),
                    None => of_key.push((process, vec![node as u32])),
                }
            }
        }
        let mut source = Vec::with_capacity(nodes.len());
        for i in &nodes {
            let pair = name(&ops[*i as usize], &mut writer);
            source.push(writer[pair]);
        }
        Self { ops, nodes, at, processes, source, writes }
    }

    pub(super) fn op(&self, node: usize) -> &Operation {
        &self.ops[self.nodes[node] as usize]
    }

    pub(super) fn operations(&self, nodes: &[usize]) -> Vec<u32> {
        let mut all: Vec<u32> = nodes.iter().map(|n| self.nodes[*n]).collect();
        // A read is part of a story together with its write.
        all.extend(nodes.iter().filter_map(|n| self.source[*n]).map(|w| self.nodes[w as usize]));
        all.sort_unstable();
        all.dedup();
        all
    }

    pub(super) fn is_read(&self, node: usize) -> bool {
        self.op(node).action == Action::Read
    }

    pub(super) fn is_thin_air(&self, node: usize) -> bool {
        self.is_read(node) && self.op(node).value != INITIAL && self.source[node].is_none()
    }

    /// The clocks of CO with these edges added; or a cycle. `None` if the budget ended.
    pub(super) fn clocks(
        &self,
        edges: &[(u32, u32)],
        meter: &mut Meter<'_>,
    ) -> Option<Result<Clocks, Vec<usize>>> {
        let (n, width) = (self.nodes.len(), self.processes.len());
        meter.spend_steps((n * width / 16 + n + edges.len()) as u64);
        meter.hold((n * width * 4) as u64);
        if meter.is_empty() {
            return None;
        }
        let mut out: Vec<Vec<u32>> = vec![Vec::new(); n];
        let mut incoming = vec![0_u32; n];
        let own = self.processes.iter().flat_map(|all| all.windows(2).map(|w| (w[0], w[1])));
        let reads = (0..n).filter(|node| self.is_read(*node));
        let reads = reads.filter_map(|node| Some((self.source[node]?, node as u32)));
        for (from, to) in own.chain(reads).chain(edges.iter().copied()) {
            out[from as usize].push(to);
            incoming[to as usize] += 1;
        }
        let mut clocks = Clocks { width, table: vec![0; n * width] };
        let mut ready: Vec<usize> = (0..n).filter(|node| incoming[*node] == 0).collect();
        let mut done = 0;
        while let Some(node) = ready.pop() {
            done += 1;
            let (process, place) = self.at[node];
            clocks.table[node * width + process as usize] = place;
            for next in &out[node] {
                let next = *next as usize;
                for p in 0..width {
                    let theirs = clocks.table[node * width + p];
                    let ours = &mut clocks.table[next * width + p];
                    *ours = (*ours).max(theirs);
                }
                incoming[next] -= 1;
                if incoming[next] == 0 {
                    ready.push(next);
                }
            }
        }
        Some(if done == n { Ok(clocks) } else { Err(cycle(&out, &incoming)) })
    }

    /// For a read, the last write of its key that comes before it, of each process that has one.
    pub(super) fn before<'s>(
        &'s self,
        read: usize,
        clock: &'s [u32],
    ) -> impl Iterator<Item = usize> + 's {
        self.writes[self.op(read).key as usize].iter().filter_map(move |(process, all)| {
            let seen = clock[*process as usize];
            let count = all.partition_point(|write| self.at[*write as usize].1 <= seen);
            count.checked_sub(1).map(|last| all[last] as usize)
        })
    }

    /// A write that a read should have seen, by causality alone, and the write it names.
    pub(super) fn stale(&self, read: usize, clocks: &Clocks) -> Option<(usize, Option<usize>)> {
        let mut before = self.before(read, clocks.of(read));
        let Some(source) = self.source[read] else {
            return before.next().map(|write| (write, None)).filter(|_| !self.is_thin_air(read));
        };
        let (process, place) = self.at[source as usize];
        let source = source as usize;
        before
            .find(|write| *write != source && clocks.of(*write)[process as usize] >= place)
            .map(|write| (write, Some(source)))
    }

    /// The patterns of weak causal consistency, but for those found already; one of each.
    pub(super) fn weak(&self, clocks: &Clocks) -> Vec<Pattern> {
        let (mut initial, mut stale) = (None, None);
        for read in (0..self.nodes.len()).filter(|node| self.is_read(*node)) {
            match self.stale(read, clocks) {
                Some((write, None)) => initial = initial.or(Some(vec![read, write])),
                Some((write, Some(source))) => stale = stale.or(Some(vec![read, write, source])),
                None => {}
            }
        }
        let named = [("WriteCOInitRead", initial), ("WriteCORead", stale)];
        let pattern = |(name, nodes): (_, Option<Vec<usize>>)| {
            let nodes = nodes?;
            let mut story = self.chain(clocks, nodes[1], nodes[0]);
            if let Some(source) = nodes.get(2) {
                story.extend(self.chain(clocks, *source, nodes[1]));
            }
            Some((name, self.operations(&[nodes, story].concat())))
        };
        named.into_iter().filter_map(pattern).collect()
    }

    /// The reads, with the writes they name, by which one node precedes another.
    fn chain(&self, clocks: &Clocks, from: usize, to: usize) -> Vec<usize> {
        let (process, place) = self.at[from];
        let (mut at, mut chain) = (to, Vec::new());
        while self.at[at].0 != process {
            // The first of this process that knows of `from` was told by a read.
            let own = &self.processes[self.at[at].0 as usize];
            let knows = |node: &u32| clocks.of(*node as usize)[process as usize] >= place;
            let first = own.partition_point(|node| !knows(node));
            let Some(read) = own.get(first).map(|node| *node as usize) else { break };
            let Some(source) = self.source[read] else { break };
            chain.extend([read, source as usize]);
            at = source as usize;
        }
        chain
    }

    /// From each write that comes before one of these reads to the write the read names.
    pub(super) fn conflicts(
        &self,
        clocks: &Clocks,
        reads: impl Iterator<Item = usize>,
    ) -> Vec<(u32, u32)> {
        let mut edges = Vec::new();
        for read in reads.filter(|node| self.is_read(*node)) {
            let Some(source) = self.source[read] else { continue };
            let writes = self.before(read, clocks.of(read)).map(|write| (write as u32, source));
            edges.extend(writes.filter(|(write, source)| write != source));
        }
        edges.sort_unstable();
        edges.dedup();
        edges
    }

    /// The patterns of causal memory: for each process, what it must take for the order.
    pub(super) fn memory(&self, clocks: &Clocks, meter: &mut Meter<'_>) -> Option<Vec<Pattern>> {
        let mut found: Vec<Pattern> = Vec::new();
        for all in &self.processes {
            let Some(last) = all.last() else { continue };
            // Only the causal past of the process's last operation is known to it.
            let past = clocks.of(*last as usize);
            let known =
                |node: u32| past[self.at[node as usize].0 as usize] >= self.at[node as usize].1;
            let (mut edges, mut hb): (Vec<(u32, u32)>, Option<Clocks>) = (Vec::new(), None);
            loop {
                let now = hb.as_ref().unwrap_or(clocks);
                let mut more = self.conflicts(now, all.iter().map(|n| *n as usize));
                more.retain(|edge| known(edge.0) && known(edge.1));
                more.extend(edges.iter().copied());
                more.sort_unstable();
                more.dedup();
                if more.len() == edges.len() {
                    break;
                }
                edges = more;
                match self.clocks(&edges, meter)? {
                    Ok(clocks) => hb = Some(clocks),
                    Err(cycle) => {
                        let cycle =
                            [&cycle[..], &all.iter().map(|n| *n as usize).collect::<Vec<_>>()];
                        found.push(("CyclicHB", self.operations(&cycle.concat())));
                        hb = None;
                        break;
                    }
                }
            }
            let Some(hb) = hb else { continue };
            for read in all.iter().map(|n| *n as usize) {
                if self.is_read(read) && self.op(read).value == INITIAL {
                    let mut before = self.before(read, hb.of(read));
                    if let Some(write) = before.next() {
                        let story =
                            [read, write].into_iter().chain(all.iter().map(|n| *n as usize));
                        let story: Vec<usize> = story.collect();
                        found.push(("WriteHBInitRead", self.operations(&story)));
                    }
                }
            }
        }
        Some(found)
    }
}

/// A cycle among the nodes that still have something before them.
fn cycle(out: &[Vec<u32>], incoming: &[u32]) -> Vec<usize> {
    // Going back from any of them never ends, so it comes back to where it was.
    let mut back = vec![None; out.len()];
    for (from, all) in out.iter().enumerate().filter(|(from, _)| incoming[*from] > 0) {
        for to in all {
            back[*to as usize] = Some(from);
        }
    }
    let Some(start) = incoming.iter().position(|count| *count > 0) else { return Vec::new() };
    let (mut node, mut seen) = (start, vec![false; out.len()]);
    while !std::mem::replace(&mut seen[node], true) {
        node = back[node].unwrap_or(node);
    }
    let (mut found, mut at) = (vec![node], back[node].unwrap_or(node));
    while at != node {
        found.push(at);
        at = back[at].unwrap_or(node);
    }
    found
}
