//! A plain discrete-event loop for consensus crates that leave time and network to their user.
//!
//! A std heap of instants, whole nanoseconds, one seed, FIFO links as over TCP, everything in memory and
//! no disk: what somebody would write who wants such a crate simulated. Messages stay in a slab, so that
//! the heap moves small entries only.

use crate::fleet::{Fleet, Outcome};
use pacelc::rng::Rng;
use pacelc::time::Duration;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Nodes are ticked this often, in nanoseconds.
pub const TICK: u64 = 50_000_000;
/// Clients begin here: every node 0 has been elected by then.
const BEGIN: u64 = 5_000_000_000;

/// A client's operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// Which client.
    pub client: u32,
    /// How many operations it began before this one.
    pub number: u64,
}

/// One node of the crate under test.
pub trait Machine {
    /// What nodes send each other.
    type Message;
    /// Time passes.
    fn tick(&mut self);
    /// A client's operation reaches the leader.
    fn request(&mut self, ticket: Ticket) -> Result<(), String>;
    /// A message arrives.
    fn step(&mut self, message: Self::Message) -> Result<(), String>;
    /// Takes what the node wants sent, with receivers from 0, and the operations that are done here.
    fn drain(
        &mut self,
        send: &mut Vec<(usize, Self::Message)>,
        done: &mut Vec<Ticket>,
    ) -> Result<(), String>;
    /// Whether it is ready to lead.
    fn leads(&self) -> bool;
}

/// What happens: `subject` is a node or a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Tick,
    Deliver { node: u32, message: u32 },
    Request { client: u32, number: u64 },
    Reply { client: u32 },
}

/// Everything but the nodes.
struct World<'a, T> {
    fleet: &'a Fleet,
    rng: Rng,
    heap: BinaryHeap<Reverse<(u64, u64, Event)>>,
    sequence: u64,
    messages: Vec<Option<T>>,
    free: Vec<u32>,
    /// When the last message of each directed link arrives: links between nodes, then from and to
    /// clients.
    last: Vec<u64>,
    begun: Vec<(u64, u64)>,
    outcome: Outcome,
}

impl<'a, T> World<'a, T> {
    fn new(fleet: &'a Fleet, seed: u64) -> Self {
        let (nodes, clients) = (fleet.nodes.len(), fleet.clients.len());
        Self {
            fleet,
            rng: Rng::stream(seed, "peers", 0),
            heap: BinaryHeap::new(),
            sequence: 0,
            messages: Vec::new(),
            free: Vec::new(),
            last: vec![0; nodes * nodes + 2 * clients],
            begun: vec![(0, 0); clients],
            outcome: Outcome::default(),
        }
    }

    fn push(&mut self, at: u64, event: Event) {
        self.sequence += 1;
        self.heap.push(Reverse((at, self.sequence, event)));
    }

    /// When a message that sets out now arrives: not before the one before it.
    fn arrival(&mut self, now: u64, link: usize, base: u64) -> u64 {
        self.outcome.messages += 1;
        let delay = (base as f64 * self.fleet.jitter.sample(&mut self.rng)) as u64;
        let at = (now + delay).max(self.last[link]);
        self.last[link] = at;
        at
    }

    fn send(&mut self, now: u64, from: usize, to: usize, message: T) {
        let nodes = self.fleet.nodes.len();
        let at = self.arrival(now, from * nodes + to, self.fleet.nodes[from][to]);
        let slot = match self.free.pop() {
            Some(slot) => {
                self.messages[slot as usize] = Some(message);
                slot
            }
            None => {
                self.messages.push(Some(message));
                self.messages.len() as u32 - 1
            }
        };
        self.push(at, Event::Deliver { node: to as u32, message: slot });
    }

    fn begin(&mut self, now: u64, client: u32) {
        let slot = client as usize;
        let number = self.begun[slot].1 + 1;
        self.begun[slot] = (now, number);
        let link = self.fleet.nodes.len().pow(2) + 2 * slot;
        let at = self.arrival(now, link, self.fleet.clients[slot].1);
        self.push(at, Event::Request { client, number });
    }

    fn reply(&mut self, now: u64, ticket: Ticket) {
        let slot = ticket.client as usize;
        // A crate may report an operation again after it resent it.
        if self.begun[slot].1 == ticket.number {
            let link = self.fleet.nodes.len().pow(2) + 2 * slot + 1;
            let at = self.arrival(now, link, self.fleet.clients[slot].1);
            self.push(at, Event::Reply { client: ticket.client });
        }
    }

    fn end(&mut self, now: u64, client: u32) {
        let slot = client as usize;
        let latency = Duration(now - self.begun[slot].0);
        self.outcome.latency[self.fleet.clients[slot].0].record(latency);
        self.outcome.operations += 1;
        self.begin(now, client);
    }
}

/// Runs until this many operations are done.
pub fn run<M: Machine>(
    mut machines: Vec<M>,
    fleet: &Fleet,
    operations: u64,
    seed: u64,
) -> Result<Outcome, String> {
    let mut world: World<'_, M::Message> = World::new(fleet, seed);
    let (mut send, mut done) = (Vec::new(), Vec::new());
    let mut leader_known = false;
    world.push(0, Event::Tick);
    while world.outcome.operations < operations {
        let Some(Reverse((now, _, event))) = world.heap.pop() else { break };
        let touched = match event {
            Event::Tick => {
                machines.iter_mut().for_each(M::tick);
                world.push(now + TICK, Event::Tick);
                0..machines.len()
            }
            Event::Deliver { node, message } => {
                world.free.push(message);
                if let Some(message) = world.messages[message as usize].take() {
                    machines[node as usize].step(message)?;
                }
                node as usize..node as usize + 1
            }
            Event::Request { client, number } => {
                machines[0].request(Ticket { client, number })?;
                0..1
            }
            Event::Reply { client } => {
                world.end(now, client);
                0..0
            }
        };
        for node in touched {
            machines[node].drain(&mut send, &mut done)?;
            send.drain(..).for_each(|(to, message)| world.send(now, node, to, message));
            // Every node learns what is done; the leader answers.
            done.drain(..).filter(|_| node == 0).for_each(|ticket| world.reply(now, ticket));
        }
        if !leader_known && now >= BEGIN {
            leader_known = true;
            if !machines[0].leads() {
                return Err("node 0 does not lead".into());
            }
            world.outcome.messages = 0;
            (0..fleet.clients.len() as u32).for_each(|client| world.begin(now, client));
        }
    }
    Ok(world.outcome)
}
