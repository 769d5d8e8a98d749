//! Many seeds of random faults, more at once than the simulated world has: several crashes, crashes of
//! all, cuts in one direction, lost and overtaking messages, two to five replicas. Clients write
//! blindly, read and write what they read, and read the latest.

use super::super::{Config, Need, Wish};
use super::net::{Asked, End, MS, Net};
use crate::op::{Key, Value};
use crate::rng::Rng;
use crate::time::Duration;

const CLIENTS: u32 = 5;

fn strike(net: &mut Net, rng: &mut Rng) {
    let n = u64::from(net.n);
    match rng.below(10) {
        0..=2 => net.crash(rng.below(n) as usize),
        3 if rng.below(3) == 0 => (0..n as usize).for_each(|node| net.crash(node)),
        3 | 4 => net.part(rng.below(1 << n)),
        5 => {
            let (a, b) = (rng.below(n) as usize, rng.below(n) as usize);
            net.cut[a][b] = true;
        }
        6 | 7 => net.heal(),
        _ => (0..n as usize).for_each(|node| net.start(node)),
    }
}

/// A client's next operation: half of them on what it read last.
fn next(net: &mut Net, client: u32, last: Option<usize>, rng: &mut Rng) -> usize {
    let value = Value(net.asked.len() as u32 + 1);
    let known = net.asked.iter().filter(|a| a.client == client).map(|a| a.index).max();
    let read = last.map(|op| net.asked[op]).and_then(|asked| match asked.end {
        Some((_, End::Read { version, .. })) => Some((asked.ask.key.0, version)),
        _ => None,
    });
    let key = rng.below(2) as u32;
    match (read, rng.below(4)) {
        (Some((key, version)), 0..=2) => {
            net.ask(client, key, Wish::Write { value, read: Some(version) }, Need::Latest)
        }
        (_, 0) => net.ask(client, key, Wish::Write { value, read: None }, Need::Latest),
        (_, 1) => net.ask(client, key, Wish::Read, Need::AtLeast(known.unwrap_or(0))),
        _ => net.ask(client, key, Wish::Read, Need::Latest),
    }
}

fn run(seed: u64) -> Net {
    let rng = &mut Rng::stream(seed, "swarm", 0);
    let config = Config {
        suspect_timeout: Duration::millis(40 + rng.below(100)),
        heartbeat: Duration::millis(10),
        certify: true,
        snapshot_every: 1 + rng.below(40),
    };
    let mut net = Net::new(2 + (seed % 4) as u32, rng.below(4) * MS, config, seed);
    net.jitter = [0, 3 * MS, 20 * MS][rng.below(3) as usize];
    net.loss = [0.0, 0.0, 0.02, 0.1][rng.below(4) as usize];
    let mut flying = [None; CLIENTS as usize];
    for tick in 0..1_200 {
        for client in 0..CLIENTS {
            let flight = &mut flying[client as usize];
            let over = flight.is_none_or(|op: usize| {
                net.asked[op].end.is_some() || net.now > net.asked[op].at + 600 * MS
            });
            if over && rng.below(4) == 0 {
                let client = net.n + client;
                *flight = Some(next(&mut net, client, *flight, rng));
            }
        }
        if rng.below(20) == 0 && tick < 1_000 {
            strike(&mut net, rng);
        }
        net.run_for(3);
    }
    net.heal();
    (0..net.n as usize).for_each(|node| net.start(node));
    (net.loss, net.jitter) = (0.0, 0);
    net.run_for(3_000);
    net
}

/// By value, its place among the decided writes of its key, from 1.
fn place(net: &Net, value: Value) -> usize {
    let Some((key, _)) = net.commits.iter().find(|(_, other)| *other == value) else { return 0 };
    let of_key = net.commits.iter().filter(|(other, _)| other == key);
    1 + of_key.take_while(|(_, other)| *other != value).count()
}

fn written(asked: &Asked) -> Option<Value> {
    match asked.ask.wish {
        Wish::Write { value, .. } => Some(value),
        _ => None,
    }
}

/// The place in its key's order that an operation has seen or made; only if it was answered.
fn reached(net: &Net, asked: &Asked) -> Option<usize> {
    match asked.end?.1 {
        End::Written => written(asked).map(|value| place(net, value)),
        End::Read { value, .. } => Some(place(net, value)),
        End::Conflict => None,
    }
}

fn check(net: &Net, seed: u64) {
    let reached: Vec<Option<usize>> = net.asked.iter().map(|asked| reached(net, asked)).collect();
    for (asked, seen) in net.asked.iter().zip(&reached) {
        let (Some(seen), Some((_, end))) = (*seen, asked.end) else {
            if asked.end.is_some_and(|(_, end)| end == End::Conflict) {
                let value = written(asked).expect("a write");
                assert_eq!(place(net, value), 0, "seed {seed}: refused and decided: {asked:?}");
            }
            continue;
        };
        assert!(end != End::Written || seen > 0, "seed {seed}: {asked:?} was lost");
        for (other, before) in net.asked.iter().zip(&reached) {
            let (Some(before), Some((ended, _))) = (*before, other.end) else { continue };
            let real_time = asked.ask.need == Need::Latest
                && (other.ask.need == Need::Latest || written(other).is_some());
            let binds = ended <= asked.at && (real_time || other.client == asked.client);
            if binds && other.ask.key == asked.ask.key {
                assert!(before <= seen, "seed {seed}: {asked:?} misses {other:?}");
            }
        }
    }
}

/// Between what a transaction read and what it wrote nobody else has written.
fn check_transactions(net: &Net, seed: u64) -> usize {
    let mut passed = 0;
    for (at, write) in net.asked.iter().enumerate() {
        let (Some(value), Wish::Write { read: Some(version), .. }) =
            (written(write), write.ask.wish)
        else {
            continue;
        };
        let place_of_write = place(net, value);
        if place_of_write > 0 {
            let is_read = |a: &&Asked| a.client == write.client && written(a).is_none();
            let read = net.asked[..at].iter().rfind(is_read).expect("its read");
            let Some((_, End::Read { value, version: told })) = read.end else { unreachable!() };
            assert_eq!((told, place(net, value) + 1), (version, place_of_write), "seed {seed}");
            passed += 1;
        }
    }
    passed
}

#[test]
fn random_faults_lose_nothing_serve_nothing_stale_and_overwrite_nothing_unread() {
    let (mut acknowledged, mut read, mut conflicts, mut passed, mut views) = (0, 0, 0, 0, 0);
    for seed in 0..240 {
        let net = run(seed);
        check(&net, seed);
        passed += check_transactions(&net, seed);
        let count = |wanted: fn(End) -> bool| {
            net.asked.iter().filter(|a| a.end.is_some_and(|(_, end)| wanted(end))).count()
        };
        acknowledged += count(|end| end == End::Written);
        conflicts += count(|end| end == End::Conflict);
        read += count(|end| matches!(end, End::Read { .. }));
        views += net.view(0).0 / net.n;
        for node in 0..net.n as usize {
            assert!(net.is_primary(node), "seed {seed}: {node} is out: {:?}", net.server(node));
            assert_eq!(net.server(node).state, net.server(0).state, "seed {seed}");
            let last = |key| net.commits.iter().rfind(|(k, _)| *k == key).map(|(_, value)| *value);
            for key in [Key(0), Key(1)] {
                let held = net.server(node).state.table().read(key);
                assert_eq!(held, last(key).unwrap_or_default(), "seed {seed}");
            }
        }
    }
    println!("{acknowledged} {read} {conflicts} {passed} {views}");
    assert!(
        acknowledged > 5_000 && read > 10_000 && conflicts > 500 && passed > 2_000 && views > 2_000,
        "the swarm was busy: {acknowledged} writes, {read} reads, {conflicts} conflicts, {passed} \
         transactions, {views} views"
    );
}
