//! The benchmark's workload without any of our protocols: the same ten messages, written as plainly as
//! each engine allows.

mod ten;

pub(crate) use ten::Ten;

use pacelc::distribution::{Distribution, Sampler};
use pacelc::rng::Rng;
use pacelc::time::Instant;
use pacelc::world::sim::Queue;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hint::black_box;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

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

/// The same on tokio with its clock paused: a task per node and client, a mailbox each, and a task and a
/// sleep per message. Its timers round up to whole milliseconds, so it also computes other latencies; only
/// its speed is compared.
pub(crate) fn paused_tokio(geography: &Geography, seed: u64, operations: u64) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime starts");
    let clients = geography.clients.len();
    let per_client = operations / clients as u64;
    runtime.block_on(async {
        let (leader, inbox) = unbounded_channel();
        let (mut mailboxes, mut tasks) = (Vec::new(), Vec::new());
        for client in 0..clients {
            let (mailbox, replies) = unbounded_channel();
            mailboxes.push(mailbox);
            let link = Link::new(geography, geography.clients[client], seed, client as u64);
            tasks.push(tokio::spawn(drive(
                client as u32,
                per_client,
                link,
                leader.clone(),
                replies,
            )));
        }
        let mut followers = Vec::new();
        for (follower, base) in geography.nodes.into_iter().enumerate().skip(1) {
            let (mailbox, appends) = unbounded_channel();
            let index = (clients + follower) as u64;
            let there = Link::new(geography, base, seed, 2 * index);
            let back = Link::new(geography, base, seed, 2 * index + 1);
            tokio::spawn(follow(follower as u8, back, leader.clone(), appends));
            followers.push((there, mailbox));
        }
        let replies = (0..clients as u64)
            .map(|i| Link::new(geography, geography.clients[i as usize], seed, 9_000 + i))
            .zip(mailboxes)
            .collect();
        tokio::spawn(lead(inbox, followers, replies));
        for task in tasks {
            task.await.expect("no task panics");
        }
    });
    per_client * clients as u64 * 10
}

/// One direction of a link: a task and a sleep per message.
struct Link {
    base: u64,
    jitter: Sampler,
    rng: Rng,
}

impl Link {
    fn new(geography: &Geography, base: u64, seed: u64, index: u64) -> Self {
        let jitter = geography.jitter.clone();
        Self { base, jitter, rng: Rng::stream(seed, "bench", index) }
    }

    fn send(&mut self, mailbox: &UnboundedSender<Event>, event: Event) {
        let delay = (self.base as f64 * self.jitter.sample(&mut self.rng)) as u64;
        let mailbox = mailbox.clone();
        tokio::spawn(async move {
            tokio::time::sleep(std::time::Duration::from_nanos(delay)).await;
            // The receiver may have gone home.
            mailbox.send(event).ok();
        });
    }
}

async fn drive(
    client: u32,
    operations: u64,
    mut link: Link,
    leader: UnboundedSender<Event>,
    mut replies: UnboundedReceiver<Event>,
) {
    for _ in 0..operations {
        link.send(&leader, (REQUEST, client, 0));
        replies.recv().await;
    }
}

async fn follow(
    follower: u8,
    mut link: Link,
    leader: UnboundedSender<Event>,
    mut appends: UnboundedReceiver<Event>,
) {
    while let Some((_, client, _)) = appends.recv().await {
        link.send(&leader, (ACK, client, follower));
    }
}

async fn lead(
    mut inbox: UnboundedReceiver<Event>,
    mut followers: Vec<(Link, UnboundedSender<Event>)>,
    mut replies: Vec<(Link, UnboundedSender<Event>)>,
) {
    let mut acks = vec![0; replies.len()];
    while let Some((kind, client, _)) = inbox.recv().await {
        let slot = client as usize;
        if kind == REQUEST {
            acks[slot] = 0;
            for (link, mailbox) in &mut followers {
                link.send(mailbox, (APPEND, client, 0));
            }
        } else {
            acks[slot] += 1;
            if acks[slot] == NEEDED {
                let (link, mailbox) = &mut replies[slot];
                link.send(mailbox, (REPLY, client, 0));
            }
        }
    }
}
