//! Sequential consistency of long histories, by guessing the order of versions.
//!
//! Where every value is written once and the order of each key's versions is known, an order of all
//! operations exists iff the order in each process, from a write to its reads, from a version to the next,
//! and from a read to the version after the one it read have no cycle together (D. Shasha and M. Snir,
//! "Efficient and Correct Execution of Parallel Programs that Share Memory", TOPLAS 10(2), 1988). That is
//! linear. The order of versions is not known; but much of it follows from causality (`graph.rs`), and
//! where that says nothing, a store that is well orders its versions nearly as they were first seen. So
//! that is tried, and the order of beginnings and of ends. A guess that fails says nothing.
//!
//! It takes memory for a number per operation and process, and some hundred bytes an operation beside.

use super::super::history::{Action, History, Operation};
use super::super::verdict::Meter;
use super::graph::{Clocks, Graph};
use super::is_plain;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// How often what follows from causality is looked for anew with what has been found.
const ROUNDS: usize = 4;

/// An order of the operations that agrees with the processes of `ops` and explains every answer, if the
/// first guess is good; indices into `ops`.
pub(in super::super) fn order(
    history: &History,
    ops: &[Operation],
    meter: &mut Meter<'_>,
) -> Option<Vec<u32>> {
    if !is_plain(history, ops) {
        return None;
    }
    let graph = Graph::new(history, ops);
    if (0..graph.nodes.len()).any(|node| graph.is_thin_air(node)) {
        return None;
    }
    let mut edges: Vec<(u32, u32)> = Vec::new();
    for _ in 0..ROUNDS {
        // Where clocks take too much memory, it is guessed without them.
        let given = meter.left();
        let mut part = meter.part(given);
        let clocks = graph.clocks(&edges, &mut part);
        meter.spend(&part, given);
        let Some(clocks) = clocks else { break };
        let more = news(&graph, &clocks.ok()?);
        if more.is_empty() {
            break;
        }
        edges.extend(more);
    }
    // Reads come as soon as they can, so that the versions after theirs need not wait.
    let by = |time: fn(&Operation) -> u64| -> Vec<u64> {
        let weight = |node| if graph.is_read(node) { 0 } else { time(graph.op(node)) };
        (0..graph.nodes.len()).map(weight).collect()
    };
    let mut seen = by(|op| op.completed);
    first_seen(&graph, &mut seen);
    let weights = [seen, by(|op| op.invoked), by(|op| op.completed)];
    let order = weights.iter().find_map(|weight| {
        meter.spend_steps(graph.nodes.len() as u64 / 4);
        if meter.is_empty() { None } else { guessed(&graph, &edges, weight) }
    })?;
    Some(order.into_iter().map(|node| graph.nodes[node as usize]).collect())
}

/// With one order of all writes, by this weight where these edges leave a choice, what comes between
/// versions is known.
fn guessed(graph: &Graph<'_>, edges: &[(u32, u32)], weight: &[u64]) -> Option<Vec<u32>> {
    let mut place = vec![0; graph.nodes.len()];
    for (node, at) in sorted(graph, edges, weight)?.into_iter().zip(0..) {
        place[node as usize] = at;
    }
    sorted(graph, &between(graph, &place), &place)
}

/// The order in each process, and from each write to its reads.
fn given<'g>(graph: &'g Graph<'_>) -> impl Iterator<Item = (u32, u32)> + 'g {
    let own = graph.processes.iter().flat_map(|all| all.windows(2).map(|two| (two[0], two[1])));
    let reads = (0..graph.nodes.len()).filter(|node| graph.is_read(*node));
    own.chain(reads.filter_map(|node| Some((graph.source[node]?, node as u32))))
}

/// What every order of versions must have and the clocks do not: a write of the key that comes before a
/// read comes before the version it read, and one that comes after that version comes after the read.
fn news(graph: &Graph<'_>, clocks: &Clocks) -> Vec<(u32, u32)> {
    let knows = |later: u32, earlier: u32| {
        let (process, place) = graph.at[earlier as usize];
        clocks.of(later as usize)[process as usize] >= place
    };
    let mut edges = Vec::new();
    for read in (0..graph.nodes.len()).filter(|node| graph.is_read(*node)) {
        let Some(source) = graph.source[read] else { continue };
        let before = graph.before(read, clocks.of(read)).map(|write| write as u32);
        edges.extend(before.filter(|w| *w != source && !knows(source, *w)).map(|w| (w, source)));
        for (_, all) in &graph.writes[graph.op(read).key as usize] {
            let first = all.partition_point(|write| *write == source || !knows(*write, source));
            let after = all.get(first).filter(|write| !knows(**write, read as u32));
            edges.extend(after.map(|write| (read as u32, *write)));
        }
    }
    edges.sort_unstable();
    edges.dedup();
    edges
}

/// From the instant at which each write ended to that at which somebody is first known to have seen it.
fn first_seen(graph: &Graph<'_>, seen: &mut [u64]) {
    for read in (0..graph.nodes.len()).filter(|node| graph.is_read(*node)) {
        if let Some(write) = graph.source[read] {
            let first = &mut seen[write as usize];
            *first = (*first).min(graph.op(read).completed);
        }
    }
}

/// From each version to the next, and from each read to the version after the one it read.
fn between(graph: &Graph<'_>, place: &[u64]) -> Vec<(u32, u32)> {
    let mut writes: Vec<(u32, u64, u32)> = (0..graph.nodes.len())
        .filter(|node| graph.op(*node).action == Action::Write)
        .map(|node| (graph.op(node).key, place[node], node as u32))
        .collect();
    writes.sort_unstable();
    let mut edges: Vec<(u32, u32)> = Vec::with_capacity(graph.nodes.len());
    let mut next = vec![None; graph.nodes.len()];
    let mut first = BTreeMap::new();
    for of_key in writes.chunk_by(|a, b| a.0 == b.0) {
        first.insert(of_key[0].0, of_key[0].2);
        for two in of_key.windows(2) {
            edges.push((two[0].2, two[1].2));
            next[two[0].2 as usize] = Some(two[1].2);
        }
    }
    for read in (0..graph.nodes.len()).filter(|node| graph.is_read(*node)) {
        let after = match graph.source[read] {
            Some(write) => next[write as usize],
            None => first.get(&graph.op(read).key).copied(),
        };
        edges.extend(after.map(|write| (read as u32, write)));
    }
    edges
}

/// The nodes in an order that agrees with the graph and these edges, those of less weight first where
/// there is a choice; nothing if they have a cycle.
fn sorted(graph: &Graph<'_>, edges: &[(u32, u32)], weight: &[u64]) -> Option<Vec<u32>> {
    let n = graph.nodes.len();
    let all = || given(graph).chain(edges.iter().copied());
    // The edges of each node side by side: where they begin, and where they lead.
    let (mut begin, mut incoming) = (vec![0_u32; n + 1], vec![0_u32; n]);
    for (from, to) in all() {
        begin[from as usize + 1] += 1;
        incoming[to as usize] += 1;
    }
    for node in 0..n {
        begin[node + 1] += begin[node];
    }
    let (mut free, mut leads) = (begin.clone(), vec![0_u32; begin[n] as usize]);
    for (from, to) in all() {
        leads[free[from as usize] as usize] = to;
        free[from as usize] += 1;
    }
    let ready = (0..n).filter(|node| incoming[*node] == 0);
    let mut ready: BinaryHeap<Reverse<(u64, u32)>> =
        ready.map(|node| Reverse((weight[node], node as u32))).collect();
    let mut order = Vec::with_capacity(n);
    while let Some(Reverse((_, node))) = ready.pop() {
        order.push(node);
        let of_node = begin[node as usize] as usize..begin[node as usize + 1] as usize;
        for to in &leads[of_node] {
            incoming[*to as usize] -= 1;
            if incoming[*to as usize] == 0 {
                ready.push(Reverse((weight[*to as usize], *to)));
            }
        }
    }
    (order.len() == n).then_some(order)
}
