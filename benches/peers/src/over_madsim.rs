//! The quorum write over madsim's `Endpoint`.
//!
//! madsim has one range of latency for the whole network, no setting per link: 0.25 ms everywhere. Every
//! send and every receive also sleeps, at least 1 ms of simulated time, so one loop at the leader would
//! take at most a thousand messages per second. Nodes therefore serve each client in a task of its own.

use crate::fleet::{Fleet, LOCAL, Outcome};
use madsim::net::Endpoint;
use madsim::runtime::Runtime;
use madsim::time::TimeHandle;
use pacelc::time;
use std::io::Result;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Tags are mailboxes: one per client for requests and appends, one for acks and replies.
const ACKS: u64 = 1 << 32;

/// What the nodes share.
struct Shared {
    /// Operations yet to begin.
    left: AtomicU64,
    messages: AtomicU64,
    outcome: Mutex<Outcome>,
}

fn node(index: usize) -> SocketAddr {
    (IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1 + index as u8)), 1).into()
}

fn clients_of(region: usize) -> SocketAddr {
    (IpAddr::V4(Ipv4Addr::new(10, 0, 1, 1 + region as u8)), 1).into()
}

/// Runs the workload at this latency everywhere, or with one node the echo.
pub fn simulate(
    fleet: &Fleet,
    one_way: u64,
    operations: u64,
    seed: u64,
) -> std::result::Result<Outcome, String> {
    let mut config = madsim::Config::default();
    let delay = Duration::from_nanos(one_way);
    config.net.send_latency = delay..delay + Duration::from_nanos(1);
    let runtime = Runtime::with_seed_and_config(seed, config);
    let shared = Arc::new(Shared {
        left: AtomicU64::new(operations),
        messages: AtomicU64::new(0),
        outcome: Mutex::new(Outcome::default()),
    });
    let result = runtime.block_on(whole(fleet.clone(), Arc::clone(&shared)));
    result.map_err(|error| error.to_string())?;
    let mut outcome =
        std::mem::take(&mut *shared.outcome.lock().unwrap_or_else(PoisonError::into_inner));
    outcome.messages = shared.messages.load(Relaxed);
    Ok(outcome)
}

/// The flat latency of the workload: madsim cannot have the regions' own.
pub const FLAT: u64 = LOCAL;

async fn whole(fleet: Fleet, shared: Arc<Shared>) -> Result<()> {
    let handle = madsim::runtime::Handle::current();
    let (nodes, clients) = (fleet.nodes.len(), fleet.clients.len());
    let mut servers = Vec::new();
    for index in 0..nodes {
        let host = handle.create_node().ip(node(index).ip()).build();
        let (done, shared) = (tokio::sync::oneshot::channel(), Arc::clone(&shared));
        servers.push(host.spawn(async move {
            let endpoint = Endpoint::bind(node(index)).await?;
            // Nobody listens if the run was given up.
            let _ = done.0.send(());
            let tasks: Vec<_> = (0..clients as u64)
                .map(|client| match index {
                    0 => madsim::task::spawn(lead(endpoint.clone(), client, nodes, shared.clone())),
                    _ => madsim::task::spawn(follow(endpoint.clone(), client, shared.clone())),
                })
                .collect();
            for task in tasks {
                task.await.map_err(std::io::Error::other)??;
            }
            Ok::<(), std::io::Error>(())
        }));
        done.1.await.map_err(std::io::Error::other)?;
    }
    let mut tasks = Vec::new();
    for region in 0..crate::fleet::REGIONS {
        let host = handle.create_node().ip(clients_of(region).ip()).build();
        let members: Vec<u64> =
            (0..clients as u64).filter(|i| fleet.clients[*i as usize].0 == region).collect();
        let shared = Arc::clone(&shared);
        tasks.push(host.spawn(async move {
            let endpoint = Endpoint::bind(clients_of(region)).await?;
            let run =
                |id| madsim::task::spawn(client(endpoint.clone(), id, region, shared.clone()));
            let tasks: Vec<_> = members.into_iter().map(run).collect();
            for task in tasks {
                task.await.map_err(std::io::Error::other)??;
            }
            Ok::<(), std::io::Error>(())
        }));
    }
    for task in tasks {
        task.await.map_err(std::io::Error::other)??;
    }
    Ok(())
}

async fn follow(endpoint: Endpoint, client: u64, shared: Arc<Shared>) -> Result<()> {
    let mut bytes = [0; 16];
    loop {
        let (_, from) = endpoint.recv_from(client, &mut bytes).await?;
        shared.messages.fetch_add(1, Relaxed);
        endpoint.send_to(from, ACKS + client, &bytes).await?;
    }
}

async fn lead(endpoint: Endpoint, client: u64, nodes: usize, shared: Arc<Shared>) -> Result<()> {
    let needed = nodes / 2;
    let (mut request, mut ack) = ([0; 16], [0; 16]);
    loop {
        let (_, from) = endpoint.recv_from(client, &mut request).await?;
        // One after another: each send sleeps 1 ms of simulated time. A task per send would be truer and
        // costs madsim more of the wall's.
        for follower in 1..nodes {
            shared.messages.fetch_add(1, Relaxed);
            endpoint.send_to(node(follower), client, &request).await?;
        }
        let mut acks = 0;
        while acks < needed {
            endpoint.recv_from(ACKS + client, &mut ack).await?;
            // Acks of the operation before may still come in.
            acks += usize::from(ack == request);
        }
        shared.messages.fetch_add(1, Relaxed);
        endpoint.send_to(from, ACKS + client, &request).await?;
    }
}

async fn client(endpoint: Endpoint, id: u64, region: usize, shared: Arc<Shared>) -> Result<()> {
    let clock = TimeHandle::current();
    let mut reply = [0; 16];
    for number in 1_u64.. {
        let begin = |left: u64| left.checked_sub(1);
        if shared.left.fetch_update(Relaxed, Relaxed, begin).is_err() {
            break;
        }
        let mut request = [0; 16];
        request[..8].copy_from_slice(&number.to_le_bytes());
        let begun = clock.elapsed();
        shared.messages.fetch_add(1, Relaxed);
        endpoint.send_to(node(0), id, &request).await?;
        endpoint.recv_from(ACKS + id, &mut reply).await?;
        let latency = time::Duration((clock.elapsed() - begun).as_nanos() as u64);
        let mut outcome = shared.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        outcome.latency[region].record(latency);
        outcome.operations += 1;
    }
    Ok(())
}
