//! The quorum write over turmoil's simulated UDP.
//!
//! turmoil steps every host once per tick, here its default of 1 ms. A link's delay is a constant; there
//! is no lognormal jitter, so turmoil is spared drawing it. Eight hosts: five nodes and one for the
//! clients of each region.

use crate::fleet::{Fleet, Outcome, REGIONS};
use pacelc::time;
use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;
use tokio::time::Instant;
use turmoil::Result;
use turmoil::net::UdpSocket;

const PORT: u16 = 1;
const REQUEST: u8 = 0;
const APPEND: u8 = 1;
const ACK: u8 = 2;
const REPLY: u8 = 3;
/// Datagrams a socket holds; more than can ever be under way.
const CAPACITY: usize = 4096;

/// What the hosts share; they all run on one thread.
struct Shared {
    /// Operations yet to begin.
    left: Cell<u64>,
    outcome: RefCell<Outcome>,
}

impl Shared {
    fn count(&self, messages: u64) {
        self.outcome.borrow_mut().messages += messages;
    }
}

/// Runs the workload, or with one node the echo.
pub fn simulate(fleet: &Fleet, operations: u64, seed: u64) -> std::result::Result<Outcome, String> {
    let shared =
        Rc::new(Shared { left: Cell::new(operations), outcome: RefCell::new(Outcome::default()) });
    let mut sim = turmoil::Builder::new()
        .tick_duration(Duration::from_millis(1))
        .simulation_duration(Duration::from_secs(1_000_000))
        .udp_capacity(CAPACITY)
        .rng_seed(seed)
        .build();
    let nodes = fleet.nodes.len();
    for node in 1..nodes {
        let shared = Rc::clone(&shared);
        sim.host(format!("n{node}"), move || follower(Rc::clone(&shared)));
    }
    let (count, state) = (fleet.clients.len(), Rc::clone(&shared));
    sim.host("n0", move || leader(nodes, count, Rc::clone(&state)));
    for region in 0..REGIONS {
        let clients = (0..count).filter(|i| fleet.clients[*i].0 == region).collect();
        sim.client(format!("c{region}"), region_of_clients(clients, region, Rc::clone(&shared)));
    }
    for (node, delay) in fleet.nodes[0].iter().enumerate().skip(1) {
        sim.set_link_latency("n0", format!("n{node}"), Duration::from_nanos(*delay));
    }
    for (region, delay) in &fleet.clients {
        sim.set_link_latency(format!("c{region}"), "n0", Duration::from_nanos(*delay));
    }
    sim.run().map_err(|error| error.to_string())?;
    drop(sim);
    Ok(shared.outcome.take())
}

/// Sixteen bytes: what it is, and which client's operation.
fn message(kind: u8, client: u32, number: u64) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[0] = kind;
    bytes[1..5].copy_from_slice(&client.to_le_bytes());
    bytes[5..13].copy_from_slice(&number.to_le_bytes());
    bytes
}

fn parse(bytes: &[u8; 16]) -> (u8, u32, u64) {
    let [kind, a, b, c, d, number @ .., _, _, _] = *bytes;
    (kind, u32::from_le_bytes([a, b, c, d]), u64::from_le_bytes(number))
}

async fn follower(shared: Rc<Shared>) -> Result {
    let socket = UdpSocket::bind(("0.0.0.0", PORT)).await?;
    let mut bytes = [0; 16];
    loop {
        let (_, from) = socket.recv_from(&mut bytes).await?;
        bytes[0] = ACK;
        shared.count(1);
        socket.send_to(&bytes, from).await?;
    }
}

/// What the leader knows of a client's operation.
#[derive(Clone, Copy)]
struct Pending {
    number: u64,
    acks: usize,
    from: SocketAddr,
}

async fn leader(nodes: usize, clients: usize, shared: Rc<Shared>) -> Result {
    let socket = UdpSocket::bind(("0.0.0.0", PORT)).await?;
    let followers: Vec<SocketAddr> =
        (1..nodes).map(|node| (turmoil::lookup(format!("n{node}")), PORT).into()).collect();
    // A majority without the leader.
    let needed = nodes / 2;
    let nobody = SocketAddr::from(([0, 0, 0, 0], 0));
    let mut pending = vec![Pending { number: 0, acks: 0, from: nobody }; clients];
    let mut bytes = [0; 16];
    loop {
        let (_, from) = socket.recv_from(&mut bytes).await?;
        let (kind, client, number) = parse(&bytes);
        let slot = &mut pending[client as usize];
        if kind == REQUEST {
            *slot = Pending { number, acks: 0, from };
            shared.count(followers.len() as u64);
            for follower in &followers {
                socket.send_to(&message(APPEND, client, number), *follower).await?;
            }
        } else if slot.number == number {
            slot.acks += 1;
        }
        let decided = slot.number == number && slot.acks == needed;
        if decided && (kind == ACK || needed == 0) {
            shared.count(1);
            socket.send_to(&message(REPLY, client, number), slot.from).await?;
        }
    }
}

async fn region_of_clients(clients: Vec<usize>, region: usize, shared: Rc<Shared>) -> Result {
    let run = |id: usize| tokio::task::spawn_local(client(id as u32, region, Rc::clone(&shared)));
    let tasks: Vec<_> = clients.into_iter().map(run).collect();
    for task in tasks {
        task.await??;
    }
    Ok(())
}

async fn client(id: u32, region: usize, shared: Rc<Shared>) -> Result {
    let socket = UdpSocket::bind(("0.0.0.0", 0)).await?;
    let leader = SocketAddr::from((turmoil::lookup("n0"), PORT));
    let mut bytes = [0; 16];
    for number in 1.. {
        let Some(left) = shared.left.get().checked_sub(1) else { break };
        shared.left.set(left);
        let begun = Instant::now();
        shared.count(1);
        socket.send_to(&message(REQUEST, id, number), leader).await?;
        socket.recv_from(&mut bytes).await?;
        let mut outcome = shared.outcome.borrow_mut();
        outcome.latency[region].record(time::Duration(begun.elapsed().as_nanos() as u64));
        outcome.operations += 1;
    }
    Ok(())
}
