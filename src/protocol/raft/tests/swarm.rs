//! Many seeds of random faults: cuts, crashes, lost, doubled and overtaking messages, drifting
//! clocks. The world checks election safety and log matching after every event; here clients keep
//! asking, and in the end every acknowledged write must have been decided and every read be
//! explained by the order of decisions.

use super::net::{Asked, Clock, MS, Net};
use super::{Config, Reads, led_by};
use crate::op::{Level, NodeId, Op, Ret, Update, Value};
use crate::rng::Rng;
use crate::time::Duration;

const CLIENTS: usize = 4;
const LEVELS: [Level; CLIENTS] =
    [Level::Linearizable, Level::Lease, Level::Bounded(Duration::millis(300)), Level::Session];

/// A cluster whose size, disks, clocks and links depend on the seed.
fn random_net(seed: u64, rng: &mut Rng) -> Net {
    let n = [3, 5, 4, 2][(seed % 4) as usize];
    let rtt: Vec<Vec<f64>> =
        (0..n).map(|a| (0..n).map(|b| if a == b { 0.0 } else { 4.0 }).collect()).collect();
    let rows: Vec<&[f64]> = rtt.iter().map(Vec::as_slice).collect();
    let beside: Vec<usize> = (0..CLIENTS).map(|c| c % n).collect();
    // Every other four seeds trust clocks, and half of them serve the latest at followers.
    let trusts = (seed / 4).is_multiple_of(2);
    let follows = trusts && (seed / 8).is_multiple_of(2);
    let config = Config {
        uncertainty: trusts.then_some(Duration::millis(31)),
        closed_lag: Duration::millis(if follows { 0 } else { 50 }),
        reads: if follows { Reads::ClosedTimestamp } else { Reads::ReadIndex },
        heartbeat: Duration::millis(20),
        election_timeout: Duration::millis(100),
        max_drift_ppm: 10_000,
        max_clock_error: Duration::millis(60),
        snapshot_every: 1 + rng.below(40),
        eager_commit: rng.below(2) == 0,
        ..led_by(rng.below(n as u64) as u32)
    };
    let disk = Duration(rng.below(3) * MS);
    let mut net = Net::new(&rows, &beside, disk, config);
    for node in 0..n {
        // 10 000 ppm over the 3 s of a run is 30 ms to either side.
        let ppm = rng.below(20_001) as i64 - 10_000;
        net.clock(node, Clock { offset: 0, ppm });
    }
    net.rng = Rng::stream(seed, "network", 0);
    if seed.is_multiple_of(3) {
        (net.loss, net.duplicates, net.jitter) = (0.02, 0.02, 3 * MS);
    }
    net.boot()
}

/// Breaks or mends something.
fn strike(net: &mut Net, rng: &mut Rng) {
    let n = net.geometry.replicas as usize;
    let node = rng.below(n as u64) as usize;
    match rng.below(8) {
        0 | 1 => net.crash(node),
        2 | 3 => net.cut(&[node], true),
        4 => {
            let other = rng.below(net.geometry.processes as u64) as usize;
            net.cut_from(node, other, true);
        }
        5 => {
            let client = net.client(node % CLIENTS);
            net.cut(&[node, client], true);
        }
        _ => {
            net.heal();
            (0..n).for_each(|p| net.restart(p));
        }
    }
}

fn run(seed: u64) -> Net {
    let mut rng = Rng::stream(seed, "swarm", 0);
    let mut net = random_net(seed, &mut rng);
    let mut flying: [Option<usize>; CLIENTS] = [None; CLIENTS];
    let mut value = 0;
    for tick in 0..1_000 {
        for (client, flight) in flying.iter_mut().enumerate() {
            // An operation that takes longer than 400 ms is given up, as the world would.
            let over = flight.is_none_or(|op| {
                net.asked[op].done.is_some() || net.now > net.asked[op].at + 400 * MS
            });
            if over && rng.below(3) == 0 {
                let key = rng.below(2) as u32;
                let op = if rng.below(2) == 0 {
                    value += 1;
                    Op::Write(Value(value), Update::Put)
                } else {
                    Op::Read
                };
                *flight = Some(net.ask(client, key, op, LEVELS[client]));
            }
        }
        if rng.below(25) == 0 && tick < 900 {
            strike(&mut net, &mut rng);
        }
        net.run_for(Duration::millis(3));
    }
    net.heal();
    (0..net.geometry.replicas as usize).for_each(|p| net.restart(p));
    (net.loss, net.duplicates) = (0.0, 0.0);
    net.run_for(Duration::secs(3));
    net
}

/// By write value: when its place in its key's order was, among that key's decisions from 1.
fn places(net: &Net) -> Vec<u64> {
    let mut places = vec![0; net.asked.len() + 1];
    let mut decided = [0; 4];
    for (key, value) in &net.commits {
        decided[key.0 as usize] += 1;
        places[value.0 as usize] = decided[key.0 as usize];
    }
    places
}

/// The operation's place in its key's order: of a write its own, of a read that of what it saw.
fn place(asked: &Asked, places: &[u64]) -> u64 {
    match (asked.request.op, &asked.done) {
        (Op::Write(value, _), _) => places[value.0 as usize],
        (_, Some((_, Ret::Value(value)))) => places[value.0 as usize],
        _ => 0,
    }
}

/// Each read against every operation that had ended when it began (or, bounded, 300 ms before).
fn check(net: &Net, seed: u64) {
    let places = places(net);
    for read in net.asked.iter().filter(|a| a.request.op == Op::Read) {
        let Some((end, Ret::Value(value))) = read.done else { continue };
        let seen = place(read, &places);
        for other in net.asked.iter().filter(|a| a.request.key == read.request.key) {
            let Some((ended, _)) = &other.done else { continue };
            let is_write = matches!(other.request.op, Op::Write(..));
            let strong = matches!(other.request.level, Level::Linearizable | Level::Lease);
            let binds = match read.request.level {
                Level::Linearizable | Level::Lease => (is_write || strong) && *ended <= read.at,
                Level::Bounded(age) => is_write && ended + age.0 <= read.at,
                _ => other.client == read.client && *ended <= read.at,
            };
            if binds {
                assert!(place(other, &places) <= seen, "seed {seed}: {read:?} misses {other:?}");
            }
        }
        let source = net.asked.iter().find(|a| a.request.op == Op::Write(value, Update::Put));
        assert!(source.is_none_or(|write| write.at <= end), "seed {seed}: read from the future");
    }
}

#[test]
fn random_faults_lose_nothing_and_serve_nothing_stale() {
    let (mut acknowledged, mut answered, mut elections) = (0, 0, 0);
    for seed in 0..320 {
        let net = run(seed);
        let places = places(&net);
        for asked in net.asked.iter().filter(|a| a.done.is_some()) {
            if let Op::Write(value, _) = asked.request.op {
                acknowledged += 1;
                assert!(places[value.0 as usize] > 0, "seed {seed}: {value:?} was lost");
            } else {
                answered += 1;
            }
        }
        check(&net, seed);
        let leader = net.leader().expect("healed, so led");
        elections += net.replica(leader).term.0 - 1;
        for p in 0..net.geometry.replicas as usize {
            assert_eq!(net.replica(p).table, net.replica(leader).table, "seed {seed}");
            assert_eq!(net.replica(p).leader, Some(NodeId(leader as u32)));
        }
    }
    assert!(
        acknowledged > 20_000 && answered > 20_000 && elections > 300,
        "the swarm was busy: \
        {acknowledged} writes, {answered} reads, {elections} elections"
    );
}
