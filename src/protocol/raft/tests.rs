//! Raft as stories, in virtual time.

mod net;
mod solo;
mod stamps;
mod swarm;

use super::replica::Role;
use super::{Config, Raft, Reads, Term};
use crate::op::{Level, NodeId, Op, OpKind, Ret, Update, Value};
use crate::protocol::Protocol;
use crate::time::Duration;
use net::{Clock, MS, Net};

/// us-east-1, eu-west-1, ap-southeast-1: AWS medians of 2025.
const AWS: [&[f64]; 3] = [&[0.0, 69.6, 218.9], &[69.6, 0.0, 182.2], &[218.9, 182.2, 0.0]];
/// Five replicas, 10 ms apart.
const FIVE: [&[f64]; 5] = [
    &[0.0, 10.0, 10.0, 10.0, 10.0],
    &[10.0, 0.0, 10.0, 10.0, 10.0],
    &[10.0, 10.0, 0.0, 10.0, 10.0],
    &[10.0, 10.0, 10.0, 0.0, 10.0],
    &[10.0, 10.0, 10.0, 10.0, 0.0],
];
const THREE: [&[f64]; 3] = [&[0.0, 10.0, 10.0], &[10.0, 0.0, 10.0], &[10.0, 10.0, 0.0]];

fn ms(ms: f64) -> Duration {
    Duration::from_ms(ms)
}

/// A cluster that has had two seconds to find a leader.
fn settled(rtt: &[&[f64]], beside: &[usize], disk: Duration, config: Config) -> Net {
    let mut net = Net::new(rtt, beside, disk, config).boot();
    net.run_for(Duration::secs(2));
    net
}

fn led_by(leader: u32) -> Config {
    Config { leader, ..Config::default() }
}

#[test]
fn the_configured_replica_leads_within_two_disk_syncs_and_a_round() {
    for leader in 0..3 {
        let mut net = Net::new(&AWS, &[0], ms(1.0), led_by(leader)).boot();
        let round = if leader == 2 { 182.2 } else { 69.6 };
        net.run_for(ms(round + 2.0) + Duration(1));
        assert_eq!(net.leader(), Some(leader as usize));
        assert_eq!(net.replica(leader as usize).term, Term(1));
        net.run_for(Duration::secs(30));
        assert_eq!(net.replica(leader as usize).term, Term(1), "and it stays");
    }
}

#[test]
fn latencies_are_the_theory_to_the_nanosecond() {
    for disk in [0.0, 5.0] {
        for leader in 0..3 {
            let config = led_by(leader);
            let mut net = settled(&AWS, &[0, 1, 2], ms(disk), config.clone());
            for client in 0..3 {
                let theory = |net: &Net, level, op| {
                    let node = NodeId(net.client(client) as u32);
                    Raft::theory(&config, level, op, &net.geometry, node).expect("in closed form")
                };
                let wrote = net.write(client, 0, 10 + client as u32);
                assert_eq!(wrote, theory(&net, Level::Session, OpKind::Write));
                for level in [Level::Linearizable, Level::Lease, Level::EventualNearest] {
                    net.run_for(Duration::millis(333));
                    let (took, value) = net.read(client, 0, level);
                    assert_eq!(
                        (took, value),
                        (theory(&net, level, OpKind::Read), 10 + client as u32)
                    );
                }
            }
        }
    }
}

#[test]
fn a_majority_round_is_the_published_round_trip() {
    for (leader, client, round) in [(0, 0, 69.6), (1, 1, 69.6), (2, 2, 182.2)] {
        let mut net = settled(&AWS, &[client], Duration::ZERO, led_by(leader));
        assert_eq!(net.write(0, 0, 1), ms(round));
        assert_eq!(net.read(0, 0, Level::Linearizable), (ms(round), 1));
        assert_eq!(net.read(0, 0, Level::Lease), (Duration::ZERO, 1));
    }
}

#[test]
fn scans_are_served_like_reads() {
    let mut net = settled(&THREE, &[1], ms(1.0), led_by(0));
    net.write(0, 2, 7);
    net.run_for(Duration::secs(1));
    for (level, took) in [(Level::Linearizable, 20.0), (Level::Lease, 10.0), (Level::Session, 0.0)]
    {
        let scan = net.ask(0, 1, Op::Scan(2), level);
        let values: Box<[Value]> = [Value(0), Value(7)].into();
        assert_eq!(net.finish(scan), (ms(took), Ret::Values(values)));
    }
}

#[test]
fn five_replicas_take_ten_messages_per_operation() {
    let quiet = Config {
        eager_commit: false,
        heartbeat: Duration::secs(50),
        election_timeout: Duration::secs(500),
        ..Config::default()
    };
    let mut net = settled(&FIVE, &[0], ms(1.0), quiet.clone());
    let mut count = |level, op: Option<u32>| {
        let before = net.sent;
        match op {
            Some(value) => _ = net.write(0, 0, value),
            None => _ = net.read(0, 0, level),
        }
        net.run_for(Duration::millis(100));
        net.sent - before
    };
    for value in 1..=10 {
        assert_eq!(count(Level::Linearizable, Some(value)), 10);
        assert_eq!(count(Level::Linearizable, None), 10);
        assert_eq!(count(Level::Lease, None), 2);
    }
    let mut eager = settled(&FIVE, &[0], ms(1.0), Config { eager_commit: true, ..quiet });
    let before = eager.sent;
    eager.write(0, 0, 1);
    eager.run_for(Duration::millis(100));
    assert_eq!(eager.sent - before, 14, "and four notices of the commit");
}

#[test]
fn one_replica_is_enough() {
    let mut net = settled(&[&[0.0]], &[0], ms(3.0), led_by(0));
    assert_eq!(net.write(0, 0, 1), ms(3.0));
    for level in [Level::Linearizable, Level::Lease, Level::Bounded(ms(1.0)), Level::Session] {
        assert_eq!(net.read(0, 0, level), (Duration::ZERO, 1));
    }
    net.crash(0);
    net.restart(0);
    assert_eq!(net.read(0, 0, Level::Linearizable).1, 1, "it elects itself again");
}

#[test]
fn an_isolated_leader_steps_down_and_no_acknowledged_write_is_lost() {
    let mut net = settled(&THREE, &[0, 1], ms(1.0), led_by(0));
    net.write(1, 0, 1);
    let mine = net.client(0);
    net.cut(&[0, mine], true);
    let lost = net.ask(0, 0, Op::Write(Value(2), Update::Put), Level::Linearizable);
    net.run_for(Duration::secs(4));
    assert_ne!(net.leader(), Some(0));
    assert_eq!(net.replica(0).role, Role::PreCandidate, "its leader stepped down");
    assert_eq!(net.replica(0).term, Term(1), "asking changes no term");
    assert_eq!(net.read(1, 0, Level::Linearizable).1, 1);
    net.write(1, 1, 3);
    assert!(net.asked[lost].done.is_none());
    net.heal();
    net.finish(lost);
    net.run_for(Duration::secs(1));
    assert_eq!(net.read(1, 0, Level::Linearizable).1, 2);
    assert_eq!(net.read(1, 1, Level::Linearizable).1, 3);
    let tables: Vec<_> = (0..3).map(|p| net.replica(p).table.clone()).collect();
    assert!(tables[0] == tables[1] && tables[1] == tables[2]);
}

#[test]
fn who_was_cut_off_comes_back_without_an_election() {
    let mut net = settled(&FIVE, &[0], ms(1.0), led_by(0));
    net.cut(&[4], true);
    net.run_for(Duration::secs(20));
    for value in 1..=20 {
        net.write(0, 0, value);
    }
    net.heal();
    net.run_for(Duration::secs(20));
    assert_eq!((net.leader(), net.replica(0).term), (Some(0), Term(1)));
    assert_eq!(net.replica(4).commit, net.replica(0).commit, "it has caught up");
}

#[test]
fn a_crash_forgets_neither_votes_nor_acknowledged_entries() {
    let mut net = settled(&THREE, &[0], ms(1.0), led_by(0));
    for value in 1..=5 {
        net.write(0, value % 4, value);
    }
    for p in 0..3 {
        net.crash(p);
    }
    for p in 0..3 {
        net.restart(p);
        assert_eq!((net.replica(p).term, net.replica(p).vote), (Term(1), Some(NodeId(0))));
        assert!(net.replica(p).log.last().index >= 5);
    }
    assert_eq!(net.read(0, 1, Level::Linearizable).1, 5);
    assert!(net.replica(net.leader().expect("elected")).term > Term(1));
}

#[test]
fn a_restarted_replica_refuses_candidates_for_a_whole_timeout() {
    // The leader is cut off at 0 s and may hold a lease for one. Replica 2 crashes at 0.89 s and is
    // back at once. Had it forgotten that it may just have heard the leader, it would elect replica
    // 1, whose patience ends some time between 1 s and 2 s.
    for seed in 0..20 {
        let mut net = Net::new(&THREE, &[0], ms(1.0), led_by(0));
        net.seed(seed);
        let mut net = net.boot();
        net.run_for(Duration::secs(2));
        net.cut(&[0], true);
        net.run_for(Duration::millis(890));
        net.crash(2);
        net.restart(2);
        net.run_for(Duration::millis(995));
        assert!((1..3).all(|p| net.replica(p).term == Term(1)), "seed {seed}");
        net.run_for(Duration::secs(5));
        assert!(net.leader().is_some_and(|p| p != 0));
    }
}

#[test]
fn after_a_long_lease_candidates_are_no_second_lease_apart() {
    let config = Config {
        election_timeout: Duration::secs(10),
        stagger: Some(Duration::secs(1)),
        ..led_by(0)
    };
    let mut longest = 0;
    for seed in 0..40 {
        let mut net = Net::new(&AWS, &[0], ms(1.0), config.clone());
        net.seed(seed);
        let mut net = net.boot();
        net.run_for(Duration::secs(2));
        net.cut(&[0], true);
        net.run_for(Duration::millis(9_800));
        assert!((1..3).all(|p| net.replica(p).term == Term(1)), "seed {seed}");
        let tenths = (0..100).find(|_| {
            net.run_for(Duration::millis(100));
            net.leader().is_some_and(|p| p != 0)
        });
        longest = longest.max(tenths.expect("one is elected before another lease is over"));
    }
    assert!(longest > 11, "and some stood at once, or were refused at first: {longest}");
}

/// Clocks that may be a tenth off, so that the margin for drift decides; the links below are so
/// fast that nothing else does.
fn wild() -> Config {
    Config { max_drift_ppm: 100_000, election_timeout: Duration::secs(2), ..led_by(0) }
}

/// Cuts the leader off with one client on each side, at some phase of its heartbeat; the far side
/// writes as soon as it can, while the near side keeps reading. Returns how many reads were
/// answered on the near side after the cut, and when the first of them began that missed the write.
fn deposed(level: Level, away: f64, seed: u64, drift: [i64; 3]) -> (usize, Option<Duration>) {
    // The leader's round trip to the others, which are close to each other.
    let rtt: [&[f64]; 3] = [&[0.0, away, away], &[away, 0.0, 0.1], &[away, 0.1, 0.0]];
    let mut net = Net::new(&rtt, &[0, 1], Duration::ZERO, wild());
    net.seed(seed);
    net.attempt = Duration::millis(1);
    for (node, ppm) in drift.into_iter().enumerate() {
        net.clock(node, Clock { offset: 1_000 * node as u64, ppm });
    }
    let mut net = net.boot();
    net.run_for(Duration::secs(3));
    net.write(1, 0, 1);
    net.run_for(Duration(seed * 173 * MS / 100));
    let near = net.client(0);
    net.cut(&[0, near], true);
    if away > 1.0 {
        // Answers still get through: they come long after the promises they speak of.
        (1..3).for_each(|p| net.cut_from(p, 0, false));
    }
    let cut = net.now;
    let mut write = net.ask(1, 0, Op::Write(Value(2), Update::Put), Level::Linearizable);
    let (mut answered, mut stale) = (0, None);
    for step in 1..1_000 {
        let known = net.asked[write].done.is_some();
        if !known && step % 6 == 0 {
            // A fresh request, lest the client's pauses hide the new leader's first moments.
            write = net.ask(1, 0, Op::Write(Value(2 + step), Update::Put), Level::Linearizable);
        }
        let read = net.ask(0, 0, Op::Read, level);
        net.run_for(Duration::millis(5));
        let Some((_, ret)) = &net.asked[read].done else { continue };
        answered += 1;
        if known && *ret == Ret::Value(Value(1)) {
            stale = stale.or(Some(Duration(net.asked[read].at - cut)));
        }
    }
    assert!(net.asked[write].done.is_some(), "there is a new leader");
    (answered, stale)
}

#[test]
fn a_deposed_leader_serves_no_old_value_whatever_the_phase_and_the_clocks() {
    let mut longest = 0;
    let drifts = [[0, 0, 0], [-100_000, 100_000, 100_000], [100_000, -100_000, -100_000]];
    for (drift, away) in drifts.into_iter().flat_map(|d| [(d, 0.1), (d, 800.0)]) {
        for seed in 0..30 {
            let (served, stale) = deposed(Level::Lease, away, seed, drift);
            assert_eq!(stale, None, "seed {seed}, {away} ms, {drift:?}");
            longest = longest.max(served);
            assert_eq!(deposed(Level::Linearizable, away, seed, drift).1, None);
        }
    }
    assert!(longest > 200, "leases were in use: {longest} reads after a cut");
}

#[test]
fn clocks_worse_than_configured_break_the_lease_and_this_test_sees_it() {
    let worse = [-300_000, 300_000, 300_000];
    let caught =
        (0..30).filter(|seed| deposed(Level::Lease, 0.1, *seed, worse).1.is_some()).count();
    assert!(caught > 5, "{caught} of 30");
    // A read that asks the majority believes no clock.
    assert!((0..30).all(|seed| deposed(Level::Linearizable, 0.1, seed, worse) == (0, None)));
}

#[test]
fn a_follower_that_was_down_for_long_is_sent_a_snapshot() {
    let config = Config { snapshot_every: 50, ..led_by(0) };
    let mut net = settled(&THREE, &[0], ms(1.0), config);
    net.write(0, 3, 1);
    net.crash(2);
    for value in 2..=300 {
        net.write(0, value % 2, value);
    }
    assert!(net.truncated > 0 && net.records(0) < 120, "logs are kept short");
    net.restart(2);
    net.run_for(Duration::secs(1));
    assert_eq!(net.installs, 1);
    assert_eq!(net.replica(2).table, net.replica(0).table);
    net.crash(2);
    net.restart(2);
    assert!(net.replica(2).commit >= 200, "it starts from its own snapshot now");
    net.run_for(Duration::secs(1));
    assert_eq!((net.installs, &net.replica(2).table), (1, &net.replica(0).table));
}

#[test]
fn a_session_waits_for_its_own_write() {
    // Without commit notices followers learn with the next heartbeat.
    let config = Config { eager_commit: false, ..led_by(0) };
    let mut net = settled(&AWS, &[2], Duration::ZERO, config);
    net.write(0, 0, 5);
    assert_eq!(net.read(0, 0, Level::EventualNearest), (Duration::ZERO, 0));
    let (took, value) = net.read(0, 0, Level::ReadYourWrites);
    assert_eq!(value, 5);
    assert!(took > Duration::ZERO && took <= Duration::millis(100), "a heartbeat: {took}");
    for level in [Level::Session, Level::MonotonicReads] {
        assert_eq!(net.read(0, 0, level), (Duration::ZERO, 5));
    }
}

#[test]
fn a_session_is_not_held_up_by_others_writes() {
    let mut net = settled(&AWS, &[0, 2], Duration::ZERO, led_by(0));
    net.write(0, 0, 5);
    assert_eq!(net.read(1, 0, Level::Session), (Duration::ZERO, 0));
}

#[test]
fn a_replica_that_lost_touch_sends_bounded_readers_to_the_leader() {
    let config = led_by(0);
    let mut net = settled(&AWS, &[2], Duration::ZERO, config.clone());
    let level = Level::Bounded(Duration::millis(600));
    let client = NodeId(net.client(0) as u32);
    let theory = Raft::theory(&config, level, OpKind::Read, &net.geometry, client);
    assert_eq!(theory, Some(Duration::ZERO), "600 ms is always met");
    for _ in 0..50 {
        net.run_for(Duration::millis(37));
        assert_eq!(net.read(0, 0, level).0, Duration::ZERO);
    }
    // A bound no stamp can meet, and then a cut between this replica and the others alone.
    let strict = net.read(0, 0, Level::Bounded(Duration::millis(100)));
    assert_eq!(strict.0, ms(218.9 + 69.6), "ReadIndex at the leader");
    net.cut(&[2], true);
    let beside = net.client(0);
    net.cut_from(2, beside, false);
    net.cut_from(beside, 2, false);
    net.write(0, 0, 9);
    net.run_for(Duration::secs(1));
    assert_eq!(net.read(0, 0, Level::EventualNearest).1, 0, "the replica is behind");
    assert_eq!(net.read(0, 0, level), (ms(218.9 + 69.6), 9));
}

#[test]
fn a_write_sent_twice_takes_effect_once() {
    let mut net = settled(&THREE, &[1], ms(1.0), led_by(0));
    // The answers are lost: the client asks everybody in turn until one gets through.
    let client = net.client(0);
    net.cut_from(0, client, true);
    let first = net.ask(0, 0, Op::Write(Value(1), Update::Put), Level::Linearizable);
    net.run_for(Duration::millis(1_600));
    assert!(net.asked[first].done.is_none() && net.commits.len() == 1);
    net.heal();
    net.finish(first);
    net.write(0, 0, 2);
    net.run_for(Duration::secs(2));
    assert_eq!(net.commits.len(), 2, "each was decided once");
    assert_eq!(net.read(0, 0, Level::Linearizable).1, 2);
}

#[test]
fn overtaking_duplicated_and_lost_messages_change_nothing_but_time() {
    let mut net = Net::new(&THREE, &[0, 1], ms(1.0), led_by(0));
    (net.jitter, net.loss, net.duplicates) = (20 * MS, 0.05, 0.05);
    let mut net = net.boot();
    net.run_for(Duration::secs(2));
    for value in 1..=400 {
        let a = net.ask(0, 0, Op::Write(Value(2 * value), Update::Put), Level::Linearizable);
        let b = net.ask(1, 1, Op::Write(Value(2 * value + 1), Update::Put), Level::Linearizable);
        net.finish(a);
        net.finish(b);
        assert_eq!(net.read(0, 1, Level::Linearizable).1, 2 * value + 1);
    }
    assert_eq!(net.commits.len(), 800);
}

#[test]
fn settings_are_checked() {
    let wrong = |change: fn(&mut Config)| {
        let mut config = Config::default();
        change(&mut config);
        Raft::validate(&config, 3).expect_err("refused")
    };
    assert_eq!(Raft::validate(&Config::default(), 1), Ok(()));
    assert!(wrong(|c| c.leader = 3).contains("write 0 to 2"));
    assert!(wrong(|c| c.heartbeat = Duration::secs(1)).contains("shorter"));
    assert!(wrong(|c| c.heartbeat = Duration::ZERO).contains("1us"));
    assert!(wrong(|c| c.stagger = Some(Duration::ZERO)).contains("stagger"));
    assert!(
        wrong(|c| c.stagger = Some(Duration::micros(900))).contains("shorter than `heartbeat`")
    );
    assert!(wrong(|c| c.snapshot_every = 0).contains("at least 1"));
    assert!(wrong(|c| c.max_drift_ppm = 200_000).contains("100000"));
    assert!(wrong(|c| c.uncertainty = Some(ms(500.0))).contains("twice the `uncertainty` (1s)"));
    assert!(wrong(|c| c.reads = Reads::ClosedTimestamp).contains("needs `uncertainty`"));
    assert!(Raft::validate(&Config::default(), 0).is_err());
    let config: Config = toml::from_str("leader = 2\nheartbeat = '50ms'").expect("valid");
    assert_eq!(config, Config { heartbeat: Duration::millis(50), ..led_by(2) });
    assert!(toml::from_str::<Config>("lease = '1s'").is_err(), "unknown keys are refused");
}
