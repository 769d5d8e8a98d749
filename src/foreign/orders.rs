//! Whether versions can be put in an order that meets what is asked of it, in linear time.
//!
//! What is asked is that one version is not newer than another, or older. "Every read is as new as
//! each earlier write of its session" would be quadratically many such demands, so they meet in
//! nodes between: a node stands for the newest of the writes so far. Versions have an order iff no
//! strongly connected component (R. Tarjan, "Depth-First Search and Linear Graph Algorithms", SIAM
//! J. Comput. 1(2), 1972) holds two of them or a demand that is strict.

use super::history::INITIAL;
use super::intern::Table;
use std::collections::VecDeque;

/// No operation.
pub(super) const NOBODY: u32 = u32::MAX;

/// Of two nodes, the first is not newer than the second; or it is older.
struct Edge {
    from: u32,
    to: u32,
    strict: bool,
    /// The operations it comes from.
    because: [u32; 4],
}

/// Versions and what is asked of their order.
#[derive(Default)]
pub(super) struct Orders {
    versions: Table<u64>,
    /// By version: its node.
    node: Vec<u32>,
    /// By node: whether it is a version.
    is_version: Vec<bool>,
    edges: Vec<Edge>,
}

impl Orders {
    /// The node of a version. The initial one of a key is older than its others.
    pub(super) fn version(&mut self, key: u32, value: u32) -> u32 {
        let (at, new) = self.versions.insert(&[key.into(), value.into()]);
        if new {
            let node = self.between();
            self.is_version[node as usize] = true;
            self.node.push(node);
            if value != INITIAL {
                let initial = self.version(key, INITIAL);
                self.ask(initial, node, true, [NOBODY; 4]);
            }
            return node;
        }
        self.node[at as usize]
    }

    /// A new node that is no version.
    pub(super) fn between(&mut self) -> u32 {
        self.is_version.push(false);
        self.is_version.len() as u32 - 1
    }

    pub(super) fn ask(&mut self, from: u32, to: u32, strict: bool, because: [u32; 4]) {
        self.edges.push(Edge { from, to, strict, because });
    }

    /// Operations whose demands no order meets, if there are any; in order, each once.
    pub(super) fn contradiction(&self) -> Option<Vec<u32>> {
        let out = self.outgoing();
        let component = self.components(&out);
        let inside = |edge: &&Edge| component[edge.from as usize] == component[edge.to as usize];
        let mut because = Vec::new();
        if let Some(edge) = self.edges.iter().filter(inside).find(|edge| edge.strict) {
            because.extend(edge.because);
            because.extend(self.path(&out, &component, edge.to, edge.from));
        } else {
            let mut first = vec![None; self.is_version.len()];
            let nodes = 0..self.is_version.len() as u32;
            let (one, other) =
                nodes.filter(|node| self.is_version[*node as usize]).find_map(|node| {
                    let met = &mut first[component[node as usize] as usize];
                    let before = *met.get_or_insert(node);
                    (before != node).then_some((before, node))
                })?;
            because.extend(self.path(&out, &component, one, other));
            because.extend(self.path(&out, &component, other, one));
        }
        because.retain(|op| *op != NOBODY);
        because.sort_unstable();
        because.dedup();
        Some(because)
    }

    /// The versions of each key in an order that meets everything, if nothing contradicts itself: the
    /// components come out last first.
    pub(super) fn sorted(&self) -> Vec<(u32, Vec<u32>)> {
        let component = self.components(&self.outgoing());
        let place = |version: &u32| component[self.node[*version as usize] as usize];
        let mut versions: Vec<u32> = (0..self.node.len() as u32).collect();
        let key = |version: &u32| self.versions.get(*version)[0];
        versions.sort_by_key(|version| (key(version), u32::MAX - place(version)));
        let values = |all: &[u32]| all.iter().map(|v| self.versions.get(*v)[1] as u32).collect();
        let of_keys = versions.chunk_by(|a, b| key(a) == key(b));
        of_keys.map(|all| (key(&all[0]) as u32, values(all))).collect()
    }

    /// The edges that leave each node: where they begin in a list of their numbers, and the list.
    fn outgoing(&self) -> (Vec<u32>, Vec<u32>) {
        let mut begin = vec![0; self.is_version.len() + 1];
        for edge in &self.edges {
            begin[edge.from as usize + 1] += 1;
        }
        for i in 1..begin.len() {
            begin[i] += begin[i - 1];
        }
        let (mut next, mut list) = (begin.clone(), vec![0; self.edges.len()]);
        for (i, edge) in self.edges.iter().enumerate() {
            list[next[edge.from as usize] as usize] = i as u32;
            next[edge.from as usize] += 1;
        }
        (begin, list)
    }

    /// The strongly connected component of each node, by Tarjan's algorithm without recursion.
    fn components(&self, (begin, list): &(Vec<u32>, Vec<u32>)) -> Vec<u32> {
        const NEW: u32 = u32::MAX;
        let n = self.is_version.len();
        let (mut component, mut low, mut place) = (vec![NEW; n], vec![NEW; n], vec![NEW; n]);
        let (mut next, mut open, mut path) = (begin[..n].to_vec(), Vec::new(), Vec::new());
        let (mut met, mut count) = (0, 0);
        for root in 0..n {
            if place[root] == NEW {
                path.push(root);
            }
            while let Some(&node) = path.last() {
                if place[node] == NEW {
                    (place[node], low[node]) = (met, met);
                    met += 1;
                    open.push(node);
                }
                if next[node] < begin[node + 1] {
                    let to = self.edges[list[next[node] as usize] as usize].to as usize;
                    next[node] += 1;
                    if place[to] == NEW {
                        path.push(to);
                    } else if component[to] == NEW {
                        low[node] = low[node].min(place[to]);
                    }
                    continue;
                }
                path.pop();
                if let Some(&parent) = path.last() {
                    low[parent] = low[parent].min(low[node]);
                }
                if low[node] == place[node] {
                    while let Some(last) = open.pop() {
                        component[last] = count;
                        if last == node {
                            break;
                        }
                    }
                    count += 1;
                }
            }
        }
        component
    }

    /// The operations of a shortest way between two nodes of one component.
    fn path(
        &self,
        (begin, list): &(Vec<u32>, Vec<u32>),
        component: &[u32],
        from: u32,
        to: u32,
    ) -> Vec<u32> {
        let mut came: Vec<Option<u32>> = vec![None; self.is_version.len()];
        let mut queue = VecDeque::from([from]);
        while let Some(node) = queue.pop_front().filter(|node| *node != to) {
            for i in &list[begin[node as usize] as usize..begin[node as usize + 1] as usize] {
                let next = self.edges[*i as usize].to;
                let inside = component[next as usize] == component[from as usize];
                if inside && next != from && came[next as usize].is_none() {
                    came[next as usize] = Some(*i);
                    queue.push_back(next);
                }
            }
        }
        let (mut because, mut at) = (Vec::new(), to);
        while let Some(i) = came[at as usize] {
            because.extend(self.edges[i as usize].because);
            at = self.edges[i as usize].from;
        }
        because
    }
}
