//! Commit wait and closed timestamps as stories; clocks are within what was configured, or beyond.

use super::net::{Clock, MS, Net};
use super::{AWS, Config, Raft, led_by, ms, settled};
use crate::op::{Level, NodeId, Op, OpKind, Ret, Update, Value};
use crate::protocol::Protocol;
use crate::protocol::raft::Reads;
use crate::time::Duration;

/// Followers serve the latest by closed timestamps, with clocks that may be this far off.
fn trusting(uncertainty_ms: f64) -> Config {
    Config {
        uncertainty: Some(ms(uncertainty_ms)),
        closed_lag: Duration::ZERO,
        reads: Reads::ClosedTimestamp,
        heartbeat: Duration::millis(10),
        ..led_by(0)
    }
}

#[test]
fn a_write_takes_its_majority_or_twice_the_uncertainty_whichever_is_longer() {
    for (uncertainty, takes) in
        [(0.0, 74.6), (4.0, 74.6), (37.3, 74.6), (40.0, 80.0), (100.0, 200.0)]
    {
        let config = trusting(uncertainty);
        let mut net = settled(&AWS, &[0, 1], ms(5.0), config.clone());
        for (client, way) in [(0, 0.0), (1, 69.6)] {
            let node = NodeId(net.client(client) as u32);
            let took = net.write(client, 0, 1 + client as u32);
            assert_eq!(took, ms(takes + way), "{uncertainty} ms");
            let theory = Raft::theory(&config, Level::Session, OpKind::Write, &net.geometry, node);
            assert_eq!(theory, Some(took));
        }
        // The wait is the writes' alone.
        assert_eq!(net.read(0, 0, Level::Linearizable), (Duration::ZERO, 2));
        assert_eq!(net.read(1, 0, Level::Lease), (ms(69.6), 2));
    }
}

#[test]
fn a_follower_serves_the_latest_one_way_and_at_most_a_heartbeat_later() {
    let mut net = settled(&AWS, &[2, 0], Duration::ZERO, trusting(4.0));
    let (mut least, mut most) = (Duration::secs(1), Duration::ZERO);
    for value in 1..=100 {
        net.write(1, 0, value);
        net.run_for(Duration(value as u64 * MS * 137 / 100));
        let (took, seen) = net.read(0, 0, Level::Linearizable);
        assert_eq!(seen, value, "nothing was under way");
        (least, most) = (least.min(took), most.max(took));
    }
    // A read through the leader would take 218.9 ms and, with ReadIndex, another 69.6 ms.
    assert!(least > ms(109.45) && least < ms(111.0), "{least}");
    assert!(most > ms(118.0) && most <= ms(119.45) + Duration(1), "{most}");
}

#[test]
fn bounded_reads_go_to_the_leader_only_where_closed_timestamps_are_too_old() {
    let config = Config { closed_lag: Duration::millis(200), ..trusting(4.0) };
    let mut net = settled(&AWS, &[2], Duration::ZERO, config.clone());
    let node = NodeId(net.client(0) as u32);
    let mut cost = |age: f64| {
        let level = Level::Bounded(ms(age));
        let theory = Raft::theory(&config, level, OpKind::Read, &net.geometry, node);
        for _ in 0..50 {
            net.run_for(Duration(37 * MS / 10));
            let took = net.read(0, 0, level).0;
            assert!(theory.is_none_or(|theory| theory == took), "{age} ms");
            if took != Duration::ZERO {
                return took;
            }
        }
        Duration::ZERO
    };
    // 200 ms of lag, 109.45 ms one way, 10 ms to the next heartbeat, 8 ms of uncertainty.
    assert_eq!(cost(328.0), Duration::ZERO);
    assert_eq!(cost(310.0), ms(218.9), "a lease read at the leader");
}

/// The leader and a follower near by, and three replicas so far away that a leader hears from them
/// long after the promises they speak of. The two are cut off, at some phase of the heartbeats, with
/// a client beside the follower who goes on reading there, while answers still come; the three elect
/// and write. Clocks begin ahead by so many milliseconds. Returns how many reads were answered after
/// the cut, and whether one missed a write that had been acknowledged before it began.
fn closed_on_the_lesser_side(seed: u64, ahead: [u64; 5]) -> (usize, bool) {
    let away = |a: usize, b: usize| match (a < 2, b < 2) {
        _ if a == b => 0.0,
        (near, other) if near == other => 0.1,
        _ => 150.0,
    };
    let rtt: Vec<Vec<f64>> = (0..5).map(|a| (0..5).map(|b| away(a, b)).collect()).collect();
    let rows: Vec<&[f64]> = rtt.iter().map(Vec::as_slice).collect();
    let config = Config {
        election_timeout: Duration::millis(200),
        heartbeat: Duration::millis(15),
        max_drift_ppm: 0,
        ..trusting(10.0)
    };
    let mut net = Net::new(&rows, &[1, 2], Duration::ZERO, config);
    net.seed(seed);
    net.attempt = Duration::millis(30);
    for (node, ahead) in ahead.into_iter().enumerate() {
        net.clock(node, Clock { offset: ahead * MS, ppm: 0 });
    }
    let mut net = net.boot();
    net.run_for(Duration::millis(1_000 + seed));
    let reader = net.client(0);
    net.cut(&[0, 1, reader], true);
    (2..5).for_each(|p| net.cut_from(p, 0, false));
    let (mut answered, mut stale, mut acknowledged) = (0, false, 0);
    let mut write = net.ask(1, 0, Op::Write(Value(1), Update::Put), Level::Linearizable);
    let mut read = net.ask(0, 0, Op::Read, Level::Linearizable);
    let mut since = 0;
    for step in 1..800 {
        net.run_for(Duration::millis(1));
        if net.asked[write].done.is_some() {
            acknowledged = write as u32 + 1;
        }
        if let Some((_, Ret::Value(seen))) = &net.asked[read].done {
            answered += 1;
            stale |= seen.0 < since;
        }
        // Fresh requests, lest the client's pauses hide the new leader's first moments.
        if net.asked[write].done.is_some() || step % 60 == 0 {
            let value = Value(net.asked.len() as u32 + 1);
            write = net.ask(1, 0, Op::Write(value, Update::Put), Level::Linearizable);
        }
        if net.asked[read].done.is_some() || step % 10 == 0 {
            since = acknowledged;
            read = net.ask(0, 0, Op::Read, Level::Linearizable);
        }
    }
    assert!(acknowledged > 0, "seed {seed}: the others have elected a leader");
    (answered, stale)
}

#[test]
fn what_a_cut_off_leader_closes_ends_before_the_next_one_writes() {
    let mut served = 0;
    let within =
        [[10; 5], [20, 0, 0, 0, 0], [20, 0, 20, 20, 20], [0, 20, 0, 0, 0], [0, 0, 20, 0, 20]];
    for seed in 0..60 {
        for ahead in within {
            let (answered, stale) = closed_on_the_lesser_side(seed, ahead);
            assert!(!stale, "seed {seed}, clocks ahead by {ahead:?} ms");
            served += answered;
        }
    }
    assert!(served > 20_000, "only {served} reads were served after a cut");
}

#[test]
fn clocks_beyond_the_uncertainty_break_closed_timestamps_and_this_test_sees_it() {
    let caught = |ahead| (0..30).filter(|seed| closed_on_the_lesser_side(*seed, ahead).1).count();
    // The leader closes what is far ahead of the clocks of those who come after it.
    assert!(caught([300, 0, 0, 0, 0]) > 10);
    // A reader far behind takes the past for now.
    assert!(caught([300, 0, 300, 300, 300]) > 10);
}
