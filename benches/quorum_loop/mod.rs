//! The benchmark's workload without any of our protocols: the same ten messages, written as plainly as
//! each engine allows.

use pacelc::distribution::{Distribution, Sampler};
use pacelc::rng::Rng;
use pacelc::time::{Duration, Instant};
use pacelc::world::sim::Queue;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hint::black_box;
use std::sync::Arc;

const NODES: usize = 5;
const FOLLOWERS: usize = NODES - 1;
const NEEDED: u8 = 2;

/// One-way delays in nanoseconds: node 0 leads; clients sit in regions a, b, c in turn.
pub(crate) struct Geography {
    /// From the leader to each node.
    nodes: [u64; NODES],
    /// From each client to the leader.
    clients: Vec<u64>,
    jitter: Sampler,
}

impl Geography {
    /// This many clients.
    pub(crate) fn new(clients: usize) -> Self {
        let regions = [250_000, 15_000_000, 40_000_000];
        Self {
            nodes: [0, regions[0], regions[1], regions[1], regions[2]],
            clients: (0..clients).map(|i| regions[i % 3]).collect(),
            jitter: Sampler::new(&Distribution::Lognormal { median: 1.0, sigma: 0.1 }),
        }
    }

    fn delay(&self, base: u64, rng: &mut Rng) -> u64 {
        (base as f64 * self.jitter.sample(rng)) as u64
    }
}

/// A message: what it is, whose operation, and which follower.
type Event = (u8, u32, u8);
const REQUEST: u8 = 0;
const APPEND: u8 = 1;
const ACK: u8 = 2;
const REPLY: u8 = 3;

/// The state machine all loops share; `send` schedules.
struct Quorum<'a> {
    geography: &'a Geography,
    rng: Rng,
    acks: Vec<u8>,
    begun: Vec<u64>,
    done: u64,
    total_latency: u64,
}

impl<'a> Quorum<'a> {
    fn new(geography: &'a Geography, seed: u64) -> Self {
        let clients = geography.clients.len();
        Self {
            geography,
            rng: Rng::stream(seed, "bench", 0),
            acks: vec![0; clients],
            begun: vec![0; clients],
            done: 0,
            total_latency: 0,
        }
    }

    fn handle(&mut self, now: u64, event: Event, send: &mut impl FnMut(u64, Event)) {
        let (kind, client, follower) = event;
        let slot = client as usize;
        let g = self.geography;
        match kind {
            REQUEST => {
                self.acks[slot] = 0;
                for follower in 1..=FOLLOWERS as u8 {
                    let delay = g.delay(g.nodes[usize::from(follower)], &mut self.rng);
                    send(now + delay, (APPEND, client, follower));
                }
            }
            APPEND => {
                let delay = g.delay(g.nodes[usize::from(follower)], &mut self.rng);
                send(now + delay, (ACK, client, follower));
            }
            ACK => {
                self.acks[slot] += 1;
                if self.acks[slot] == NEEDED {
                    let delay = g.delay(g.clients[slot], &mut self.rng);
                    send(now + delay, (REPLY, client, 0));
                }
            }
            _ => {
                self.done += 1;
                self.total_latency += now - self.begun[slot];
                self.begin(now, client, send);
            }
        }
    }

    fn begin(&mut self, now: u64, client: u32, send: &mut impl FnMut(u64, Event)) {
        self.begun[client as usize] = now;
        let delay = self.geography.delay(self.geography.clients[client as usize], &mut self.rng);
        send(now + delay, (REQUEST, client, 0));
    }
}

/// The reference: a std heap of tuples. Returns the number of events.
pub(crate) fn reference(geography: &Geography, seed: u64, operations: u64) -> u64 {
    let mut quorum = Quorum::new(geography, seed);
    let mut heap: BinaryHeap<Reverse<(u64, u64, Event)>> = BinaryHeap::new();
    let (mut sequence, mut events) = (0, 0);
    for client in 0..geography.clients.len() as u32 {
        quorum.begin(0, client, &mut |at, event| {
            sequence += 1;
            heap.push(Reverse((at, sequence, event)));
        });
    }
    while quorum.done < operations {
        let Some(Reverse((now, _, event))) = heap.pop() else { break };
        events += 1;
        quorum.handle(now, event, &mut |at, event| {
            sequence += 1;
            heap.push(Reverse((at, sequence, event)));
        });
    }
    black_box(quorum.total_latency);
    events
}

/// The same over the simulator's queue.
pub(crate) fn our_queue(geography: &Geography, seed: u64, operations: u64) -> u64 {
    let mut quorum = Quorum::new(geography, seed);
    let mut queue: Queue<Event> = Queue::default();
    let mut events = 0;
    for client in 0..geography.clients.len() as u32 {
        quorum.begin(0, client, &mut |at, event| queue.push(Instant(at), event));
    }
    while quorum.done < operations {
        let Some((now, event)) = queue.pop() else { break };
        events += 1;
        quorum.handle(now.0, event, &mut |at, event| queue.push(Instant(at), event));
    }
    black_box(quorum.total_latency);
    events
}

/// The same on tokio with its clock paused: a task and a sleep per message. Its timers round up to whole
/// milliseconds, so it also computes other latencies; only its speed is compared.
pub(crate) fn paused_tokio(geography: &Geography, seed: u64, operations: u64) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime starts");
    let delays = Arc::new((geography.nodes, geography.clients.clone(), geography.jitter.clone()));
    let per_client = operations / geography.clients.len() as u64;
    runtime.block_on(async move {
        let mut tasks = Vec::new();
        for client in 0..delays.1.len() {
            let delays = Arc::clone(&delays);
            tasks.push(tokio::spawn(async move {
                let mut rng = Rng::stream(seed, "bench", client as u64);
                for _ in 0..per_client {
                    write_on_tokio(&delays, client, &mut rng).await;
                }
            }));
        }
        for task in tasks {
            task.await.expect("no task panics");
        }
    });
    per_client * geography.clients.len() as u64 * 10
}

type Delays = ([u64; NODES], Vec<u64>, Sampler);

async fn write_on_tokio(delays: &Arc<Delays>, client: usize, rng: &mut Rng) {
    let (sender, mut acks) = tokio::sync::mpsc::unbounded_channel();
    sleep(delays, delays.1[client], rng).await;
    for follower in 1..NODES {
        let (delays, sender) = (Arc::clone(delays), sender.clone());
        let mut rng = Rng::stream(rng.next(), "follower", follower as u64);
        tokio::spawn(async move {
            sleep(&delays, delays.0[follower], &mut rng).await;
            sleep(&delays, delays.0[follower], &mut rng).await;
            // The leader may have gone on with a majority.
            drop(sender.send(()));
        });
    }
    for _ in 0..NEEDED {
        acks.recv().await;
    }
    sleep(delays, delays.1[client], rng).await;
}

async fn sleep(delays: &Delays, base: u64, rng: &mut Rng) {
    let delay = Duration((base as f64 * delays.2.sample(rng)) as u64);
    tokio::time::sleep(std::time::Duration::from_nanos(delay.0)).await;
}
