//! A flow of least cost, by shortest augmenting paths with potentials.
//!
//! Source: Ahuja, Magnanti & Orlin, *Network Flows* (1993), § 9.7.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A directed graph with capacities and costs of at least zero.
pub(crate) struct Network {
    arcs: Vec<Arc>,
    out: Vec<Vec<usize>>,
    potentials: Vec<i64>,
}

struct Arc {
    to: usize,
    left: u32,
    cost: i64,
}

impl Network {
    pub(crate) fn new(nodes: usize) -> Self {
        Self { arcs: Vec::new(), out: vec![Vec::new(); nodes], potentials: vec![0; nodes] }
    }

    /// Adds an arc and gives its place.
    pub(crate) fn arc(&mut self, from: usize, to: usize, capacity: u32, cost: i64) -> usize {
        let place = self.arcs.len();
        self.out[from].push(place);
        self.out[to].push(place + 1);
        self.arcs.push(Arc { to, left: capacity, cost });
        self.arcs.push(Arc { to: from, left: 0, cost: -cost });
        place
    }

    /// How much flows through an arc.
    pub(crate) fn flow(&self, arc: usize) -> u32 {
        self.arcs[arc ^ 1].left
    }

    /// Sends as much as possible from `source` to `sink` at the least cost; gives the amount.
    pub(crate) fn send(&mut self, source: usize, sink: usize) -> u32 {
        let mut sent = 0;
        let mut distance = vec![i64::MAX; self.out.len()];
        let mut by = vec![usize::MAX; self.out.len()];
        let mut touched = Vec::new();
        while self.path(source, sink, &mut distance, &mut by, &mut touched) {
            let mut at = sink;
            while at != source {
                let arc = by[at];
                self.arcs[arc].left -= 1;
                self.arcs[arc ^ 1].left += 1;
                at = self.arcs[arc ^ 1].to;
            }
            sent += 1;
        }
        sent
    }

    /// The shortest path by reduced costs; stops at the sink, so that most paths look at few nodes.
    fn path(
        &mut self,
        source: usize,
        sink: usize,
        distance: &mut [i64],
        by: &mut [usize],
        touched: &mut Vec<usize>,
    ) -> bool {
        for node in touched.drain(..) {
            distance[node] = i64::MAX;
        }
        let mut heap = BinaryHeap::new();
        distance[source] = 0;
        touched.push(source);
        heap.push(Reverse((0, source)));
        while let Some(Reverse((length, node))) = heap.pop() {
            if length > distance[node] {
                continue;
            }
            if node == sink {
                // Nodes nearer than the sink move with it: reduced costs stay at least zero.
                for node in touched.iter() {
                    if distance[*node] < length {
                        self.potentials[*node] += distance[*node] - length;
                    }
                }
                return true;
            }
            for place in &self.out[node] {
                let arc = &self.arcs[*place];
                if arc.left == 0 {
                    continue;
                }
                let next = length + arc.cost + self.potentials[node] - self.potentials[arc.to];
                if next < distance[arc.to] {
                    if distance[arc.to] == i64::MAX {
                        touched.push(arc.to);
                    }
                    distance[arc.to] = next;
                    by[arc.to] = *place;
                    heap.push(Reverse((next, arc.to)));
                }
            }
        }
        false
    }

    /// Nodes that more could still reach from `source`: after `send`, the source's side of a least cut.
    pub(crate) fn reachable(&self, source: usize) -> Vec<bool> {
        let mut seen = vec![false; self.out.len()];
        let mut stack = vec![source];
        seen[source] = true;
        while let Some(node) = stack.pop() {
            for place in &self.out[node] {
                let arc = &self.arcs[*place];
                if arc.left > 0 && !seen[arc.to] {
                    seen[arc.to] = true;
                    stack.push(arc.to);
                }
            }
        }
        seen
    }
}
