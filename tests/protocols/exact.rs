//! Exact arithmetic: with constant delays every latency is known to the nanosecond, and with random
//! ones every quantile by order statistics. A closeness would hide an error; these are equalities.

use crate::common::{measured, only_latency, plan, simulate, triangle};
use pacelc::catalog::Catalog;
use pacelc::op::OpKind;
use pacelc::rng::Rng;
use pacelc::time::Duration;

/// AWS medians of 2025 (cloudping.co, one year to 2025-05-29): us-east-1, eu-west-1, ap-southeast-1.
const AWS: [f64; 3] = [69.6, 218.9, 182.2];

fn costs(rtts: [f64; 3], near: &str, protocol: &str, config: &str, level: &str) -> (f64, f64) {
    let run = simulate(&plan(&triangle(rtts, near, protocol, config, level)), 7);
    let ms = |kind| only_latency(&run.history, kind).as_ms();
    (ms(OpKind::Write), ms(OpKind::Read))
}

#[test]
fn each_mode_costs_what_theory_says_between_three_continents() {
    let backup = |acknowledge: &str, level| {
        let config = format!("{{ acknowledge = \"{acknowledge}\" }}");
        costs(AWS, "a", "primary-backup", &config, level)
    };
    assert_eq!(backup("async", "linearizable"), (0.0, 0.0));
    assert_eq!(backup("any 1", "linearizable"), (69.6, 0.0));
    assert_eq!(backup("any 2", "linearizable"), (218.9, 0.0));
    assert_eq!(backup("first 1 (2, 1)", "linearizable"), (218.9, 0.0));
    assert_eq!(backup("all", "eventual-nearest"), (218.9, 0.0));
    assert_eq!(costs(AWS, "a", "raft", "{}", "linearizable"), (69.6, 69.6));
    assert_eq!(costs(AWS, "a", "raft", "{}", "lease"), (69.6, 0.0));
    assert_eq!(costs(AWS, "a", "raft", "{}", "eventual-nearest"), (69.6, 0.0));
    assert_eq!(costs(AWS, "c", "raft", "{ leader = 2 }", "linearizable"), (182.2, 182.2));
    // A replica in Europe asks the leader how far it is; the leader asks nobody.
    let sync = |near| costs(AWS, near, "raft", "{ sync = true }", "sequential");
    assert_eq!((sync("a"), sync("b")), ((69.6, 0.0), (139.2, 69.6)));
    // With a version to spare, a write waits for nobody who is not asked anyway.
    let bounded = backup("async", "bounded(1 version)");
    assert_eq!(bounded, (0.0, 0.0));
    // A client in Europe pays its way to the leader on top.
    assert_eq!(costs(AWS, "b", "raft", "{}", "linearizable"), (139.2, 139.2));
    assert_eq!(costs(AWS, "b", "raft", "{}", "eventual-nearest"), (139.2, 0.0));
}

#[test]
fn commit_wait_hides_behind_the_quorum_round_or_exceeds_it() {
    let write = |near, uncertainty: f64| {
        let config = format!("{{ uncertainty = \"{uncertainty}ms\" }}");
        costs(AWS, near, "raft", &config, "linearizable")
    };
    for uncertainty in [0.0, 4.0, 20.0, 34.8] {
        assert_eq!(write("a", uncertainty), (69.6, 69.6));
    }
    // Twice the uncertainty; reads do not wait.
    assert_eq!(write("a", 34.9), (69.8, 69.6));
    assert_eq!(write("a", 100.0), (200.0, 69.6));
    assert_eq!(write("b", 4.0), (139.2, 139.2));
    assert_eq!(write("b", 100.0), (269.6, 139.2));
}

#[test]
fn a_read_by_closed_timestamp_costs_one_way_and_what_the_next_heartbeat_lets_it_wait() {
    let config = "{ uncertainty = \"4ms\", closed_lag = \"0ms\", heartbeat = \"7ms\", \
        reads = \"closed-timestamp\" }";
    let took = |near, way: f64| {
        let run = simulate(&plan(&triangle(AWS, near, "raft", config, "linearizable")), 7);
        let reads = measured(&run.history, OpKind::Read);
        let waits = reads.map(|op| op.completed.since(op.intended) - Duration::from_ms(way));
        let waits: Vec<Duration> = waits.collect();
        assert!(waits.len() > 150, "{} reads", waits.len());
        (*waits.iter().min().expect("reads"), *waits.iter().max().expect("reads"))
    };
    // A heartbeat that is sent later than the read arrives closes the read's timestamp.
    for (near, way) in [("b", 34.8), ("c", 109.45)] {
        let (least, most) = took(near, way);
        assert!(least > Duration::ZERO && least < Duration::millis(1), "{near}: {least}");
        assert!(most > Duration::millis(6) && most <= Duration(7_000_001), "{near}: {most}");
    }
    assert_eq!(costs(AWS, "a", "raft", config, "linearizable"), (69.6, 0.0));
}

#[test]
fn a_chain_costs_the_sum_of_its_links() {
    // From the client to the head, along the chain, and from the tail back: half of each round trip,
    // (69.6 + 182.2 + 218.9) / 2 from Virginia.
    let write = |near: &str, order: &str| {
        let config = format!("{{ order = {order} }}");
        costs(AWS, near, "chain", &config, "linearizable")
    };
    assert_eq!(write("a", "[0, 1, 2]"), (235.35, 218.9));
    assert_eq!(write("a", "[2, 1, 0]"), (235.35, 0.0));
    assert_eq!(write("b", "[0, 1, 2]"), (251.8, 182.2));
    // CRAQ answers near by while nothing of the key is under way.
    let craq = costs(AWS, "a", "chain", "{ apportioned = true }", "linearizable");
    assert_eq!(craq, (235.35, 0.0));
    assert_eq!(costs(AWS, "b", "chain", "{}", "eventual-nearest").1, 0.0);
}

#[test]
fn majorities_and_all_of_two_region_sets() {
    // Leader, its majority and its slowest follower, computed from the same AWS medians.
    let global = [69.6, 218.9, 182.2];
    let atlantic = [64.1, 69.6, 118.3];
    for (rtts, leader, majority, all) in [
        (global, 0, 69.6, 218.9),
        (global, 1, 69.6, 182.2),
        (global, 2, 182.2, 218.9),
        (atlantic, 0, 64.1, 69.6),
        (atlantic, 1, 64.1, 118.3),
        (atlantic, 2, 69.6, 118.3),
    ] {
        let near = ["a", "b", "c"][leader];
        let raft = format!("{{ leader = {leader} }}");
        assert_eq!(costs(rtts, near, "raft", &raft, "linearizable"), (majority, majority));
        let every = format!("{{ primary = {leader}, acknowledge = \"all\" }}");
        assert_eq!(costs(rtts, near, "primary-backup", &every, "linearizable"), (all, 0.0));
    }
}

#[test]
fn disks_add_their_syncs_and_only_to_writes() {
    let disk = |protocol: &str, config: &str| {
        let text = triangle([50.0, 50.0, 50.0], "a", protocol, config, "linearizable");
        let text = text.replace("[[clients]]", "[replica]\ndisk_ms = 4.0\n\n[[clients]]");
        let run = simulate(&plan(&text), 7);
        let ms = |kind| only_latency(&run.history, kind).as_ms();
        (ms(OpKind::Write), ms(OpKind::Read))
    };
    assert_eq!(disk("primary-backup", "{ acknowledge = \"async\" }"), (4.0, 0.0));
    // A follower 50 ms away makes every synchronous write cost 50 ms and its sync, and the primary
    // syncs before it ships. Raft does both at once.
    assert_eq!(disk("primary-backup", "{ acknowledge = \"all\" }"), (58.0, 0.0));
    assert_eq!(disk("raft", "{}"), (54.0, 50.0));
    // Both phases of Paxos are synced.
    assert_eq!(disk("paxos", "{}"), (108.0, 50.0));
}

/// What primary-backup costs between `a`, `b` and `c` with a sync of 4 ms and a client in `a`; theory
/// must say the same.
fn primary_backup(config: &str) -> (f64, f64) {
    let text = triangle(AWS, "a", "primary-backup", config, "linearizable")
        .replace("[[clients]]", "[replica]\ndisk_ms = 4.0\n\n[[clients]]");
    let plan = plan(&text);
    let run = simulate(&plan, 7);
    let catalog = Catalog::builtin();
    let theory = |kind| catalog.find("primary-backup").and_then(|p| p.theory(&plan, kind, 0));
    let ms = |kind| {
        let took = only_latency(&run.history, kind);
        assert_eq!(Some(took), theory(kind), "{config} {kind}");
        took.as_ms()
    };
    (ms(OpKind::Write), ms(OpKind::Read))
}

#[test]
fn what_a_write_must_have_reached_costs_its_syncs_and_its_replay() {
    for (config, write) in [
        ("acknowledge = 'async', flush_every = '200ms'", 0.0),
        ("acknowledge = 'async'", 4.0),
        ("acknowledge = 'any 1', reached = 'memory'", 4.0 + 69.6),
        ("acknowledge = 'any 1'", 4.0 + 69.6 + 4.0),
        ("acknowledge = 'any 1', reached = 'applied'", 4.0 + 69.6 + 4.0),
        ("acknowledge = 'any 1', reached = 'applied', apply_delay = '15ms'", 92.6),
        ("acknowledge = 'any 1', apply_delay = '15ms'", 4.0 + 69.6 + 4.0),
        ("acknowledge = 'all', reached = 'memory'", 4.0 + 218.9),
        ("acknowledge = 'first 1 (2, 1)', reached = 'memory', apply_delay = '15ms'", 222.9),
    ] {
        assert_eq!(primary_backup(&format!("{{ {config} }}")), (write, 0.0), "{config}");
    }
}

#[test]
fn a_wait_that_ends_costs_its_limit_and_one_that_falls_back_nothing_in_health() {
    for (config, write) in [
        ("acknowledge = 'all', fall_back = '10s'", 4.0 + 218.9 + 4.0),
        ("acknowledge = 'any 1', wait_timeout = '1s'", 4.0 + 69.6 + 4.0),
        ("acknowledge = 'all', wait_timeout = '100ms'", 4.0 + 100.0),
        ("acknowledge = 'all', reached = 'memory', wait_timeout = '220ms'", 4.0 + 218.9),
    ] {
        assert_eq!(primary_backup(&format!("{{ {config} }}")), (write, 0.0), "{config}");
    }
}

#[test]
fn a_leaderless_write_waits_for_a_sync_of_the_last_it_counts() {
    let disk = |config: &str, level: &str| {
        let text = triangle([50.0, 50.0, 50.0], "a", "leaderless", config, level);
        let text = text.replace("[[clients]]", "[replica]\ndisk_ms = 4.0\n\n[[clients]]");
        let run = simulate(&plan(&text), 7);
        let ms = |kind| only_latency(&run.history, kind).as_ms();
        (ms(OpKind::Write), ms(OpKind::Read))
    };
    assert_eq!(disk("{}", "one"), (4.0, 0.0));
    assert_eq!(disk("{}", "quorum"), (54.0, 50.0));
    // What a read writes back is on disk already.
    assert_eq!(disk("{ write_back = true }", "quorum"), (104.0, 100.0));
}

/// What a leaderless store costs in `a`, `b` and `c`, so far apart as AWS regions and their zones 1.2
/// ms, with a client in `near`; theory must say the same.
fn leaderless(replicas: &str, near: &str, config: &str, level: &str) -> (f64, f64) {
    let text = triangle(AWS, near, "leaderless", config, level)
        .replace(r#"["a", "b", "c"]"#, replicas)
        .replace("cross_az_rtt_ms = 0.0", "cross_az_rtt_ms = 1.2")
        .replace("rate = 2 ", "rate = 1 ");
    let plan = plan(&text);
    let run = simulate(&plan, 7);
    let catalog = Catalog::builtin();
    let theory = |kind| catalog.find("leaderless").and_then(|entry| entry.theory(&plan, kind, 0));
    let ms = |kind| {
        let took = only_latency(&run.history, kind);
        assert_eq!(Some(took), theory(kind), "{config} {level} {kind}");
        took.as_ms()
    };
    (ms(OpKind::Write), ms(OpKind::Read))
}

#[test]
fn levels_that_count_replicas_cost_the_way_to_the_last_they_count() {
    let one_each = |level| leaderless(r#"["a", "b", "c"]"#, "b", "{}", level);
    for (level, write, read) in [
        ("one", 0.0, 0.0),
        ("two", 69.6, 69.6),
        ("three", 182.2, 182.2),
        ("quorum", 69.6, 69.6),
        ("all", 182.2, 182.2),
        ("local-one", 0.0, 0.0),
        ("local-quorum", 0.0, 0.0),
        ("each-quorum", 182.2, 182.2),
        ("R=one,W=all", 182.2, 0.0),
        ("R=quorum,W=one", 0.0, 69.6),
        ("R=one,W=any", 0.0, 0.0),
    ] {
        assert_eq!(one_each(level), (write, read), "{level}");
        let needed = leaderless(r#"["a", "b", "c"]"#, "b", "{ send_to = \"needed\" }", level);
        assert_eq!(needed, (write, read), "{level}: whom it asks beyond them changes nothing");
    }
    let three_each = |level| leaderless(r#"["a", "a", "a", "b", "b", "b", "c"]"#, "b", "{}", level);
    for (level, both) in [
        ("one", 0.0),
        ("three", 1.2),
        ("quorum", 69.6),
        ("all", 182.2),
        ("local-quorum", 1.2),
        ("each-quorum", 182.2),
    ] {
        assert_eq!(three_each(level), (both, both), "{level}");
    }
}

#[test]
fn each_leg_of_an_operation_may_have_a_jitter_of_its_own() {
    let legs =
        "[link]\njitter_ms = 1\nlegs = { write = 3, write_ack = 5, read = 7 }\n\n[[clients]]";
    let config = "{ coordinator = \"client\" }";
    let text = triangle(AWS, "b", "leaderless", config, "quorum").replace("[[clients]]", legs);
    let run = simulate(&plan(&text), 7);
    assert_eq!(only_latency(&run.history, OpKind::Write).as_ms(), 69.6 + 3.0 + 5.0);
    assert_eq!(only_latency(&run.history, OpKind::Read).as_ms(), 69.6 + 7.0 + 1.0);
}

#[test]
fn a_client_far_from_all_replicas_pays_its_coordinator_or_is_it() {
    let far = |config, level| leaderless(r#"["a", "a", "a", "b", "b", "b"]"#, "c", config, level);
    let library = "{ coordinator = \"client\" }";
    for (level, by_replica, by_client) in [
        ("one", 182.2, 182.2),
        ("local-quorum", 183.4, 182.2),
        ("quorum", 251.8, 218.9),
        ("each-quorum", 251.8, 218.9),
        ("all", 251.8, 218.9),
    ] {
        assert_eq!(far("{}", level), (by_replica, by_replica), "{level}");
        assert_eq!(far(library, level), (by_client, by_client), "{level}");
    }
    // The atomic register: two rounds for a read, and for a write also twice the way.
    let abd = "{ write_back = true }";
    assert_eq!(far(abd, "quorum"), (503.6, 321.4));
    assert_eq!(far("{ write_back = true, coordinator = \"client\" }", "quorum"), (437.8, 437.8));
    assert_eq!(leaderless(r#"["a", "b", "c"]"#, "b", abd, "quorum"), (139.2, 139.2));
}

#[test]
fn a_thousand_messages_at_once_all_arrive_after_one_delay() {
    let first = |acknowledge: &str| {
        let config = format!("{{ acknowledge = \"{acknowledge}\" }}");
        let text = triangle([1.0, 1.0, 1.0], "b", "primary-backup", &config, "linearizable")
            .replace("b = 1\n", "b = 200\n")
            .replace("c = 1\n", "c = 200\n")
            .replace("sessions = 1", "sessions = 1000")
            .replace(
                "arrivals = { constant = { rate = 2 } }",
                "arrivals = \"closed\"\nthink_ms = 1000",
            )
            .replace("operations = 400", "operations = 5000")
            .replace("warm_up = \"3s\"", "warm_up = \"0ms\"");
        simulate(&plan(&text), 7).history.operations.into_iter().take(1000).collect::<Vec<_>>()
    };
    // Each over a connection of its own.
    let own = first("async");
    assert!(own.iter().all(|op| op.invoked.0 == 0 && op.completed.0 == 200_000_000));
    // From the primary to each backup all over the same one.
    let shared = first("all");
    let writes: Vec<_> = shared.iter().filter(|op| op.kind == OpKind::Write).collect();
    assert!(writes.len() > 300, "{}", writes.len());
    assert!(writes.iter().all(|op| op.invoked.0 == 0 && op.completed.0 == 400_000_000));
}

#[test]
fn a_third_of_a_millisecond_is_not_rounded() {
    let (write, _) = costs(
        [0.6, 5.0, 5.0],
        "b",
        "primary-backup",
        "{ acknowledge = \"async\" }",
        "linearizable",
    );
    assert_eq!(Duration::from_ms(write), Duration(600_000));
}

/// Writes of a cluster whose followers' answers take a random time X, everything else a constant 10 ms;
/// a write then takes 10 ms plus an order statistic of X.
fn write_percentile(protocol: &str, config: &str, followers: usize, percent: f64) -> f64 {
    let replicas = vec!["\"b\""; followers].join(", ");
    let text = triangle([20.0, 20.0, 0.0], "a", protocol, config, "linearizable")
        .replace("replicas = [\"a\", \"b\", \"c\"]", &format!("replicas = [\"a\", {replicas}]"))
        .replace("operations = 400", "operations = 1000000")
        .replace("read = 0.5", "read = 0.0")
        .replace("update = 0.5", "update = 1.0")
        .replace("[workload]", "[[links]]\nfrom = \"b\"\nto = \"a\"\njitter_ms = { exponential = { mean = 50 } }\n\n[workload]");
    let mut latencies: Vec<f64> = measured(&simulate(&plan(&text), 11).history, OpKind::Write)
        .map(|op| op.completed.since(op.intended).as_ms())
        .collect();
    assert!(latencies.len() > 990_000);
    latencies.sort_by(f64::total_cmp);
    latencies[(latencies.len() as f64 * percent / 100.0) as usize] - 20.0
}

/// The quantile of one leg at which the k-th of n legs has its own, from theory.
fn leg_quantile(k: u64, n: u64, percent: f64) -> f64 {
    use statrs::distribution::{Beta, ContinuousCDF};
    let order = Beta::new(k as f64, (n - k + 1) as f64).expect("k and n are positive");
    -50.0 * libm::log1p(-order.inverse_cdf(percent / 100.0))
}

#[test]
fn a_quorum_is_an_order_statistic() {
    // Rare heartbeats: one that meets a write on a FIFO link makes its answer the later of two.
    let slow = "heartbeat = \"1000.7s\"";
    let raft = format!("{{ {slow}, election_timeout = \"5000s\", eager_commit = false }}");
    let any = |k| format!("{{ {slow}, acknowledge = \"any {k}\" }}");
    let all = format!("{{ {slow}, acknowledge = \"all\" }}");
    for (protocol, config, k, n) in [
        ("raft", raft.clone(), 1, 2),
        ("raft", raft, 2, 4),
        ("primary-backup", any(2), 2, 3),
        ("primary-backup", any(1), 1, 2),
        ("primary-backup", all, 3, 3),
    ] {
        for percent in [50.0, 90.0, 99.0, 99.9] {
            let got = write_percentile(protocol, &config, n as usize, percent);
            let want = leg_quantile(k, n, percent);
            assert!(
                (got / want - 1.0).abs() < 0.01,
                "{protocol} {k} of {n} p{percent}: {got} {want}"
            );
        }
    }
}

#[test]
fn the_leg_quantiles_are_the_published_ones() {
    // p99 of the fastest of two legs is one leg's p90.00; of the second of four its p85.91.
    let level = |value: f64| 1.0 - libm::exp(-value / 50.0);
    assert!((level(leg_quantile(1, 2, 99.0)) - 0.9000).abs() < 1e-4);
    assert!((level(leg_quantile(2, 4, 99.0)) - 0.8591).abs() < 1e-4);
    assert!((level(leg_quantile(2, 3, 99.0)) - 0.9411).abs() < 1e-4);
    assert!((level(leg_quantile(2, 3, 99.9)) - 0.98163).abs() < 1e-4);
}

#[test]
fn a_leader_everywhere_costs_the_way_to_the_nearest_and_its_disk() {
    let leaders = |near, config, level| costs(AWS, near, "multi-leader", config, level);
    for near in ["a", "b", "c"] {
        assert_eq!(leaders(near, "{}", "eventual-nearest"), (0.0, 0.0));
        assert_eq!(leaders(near, "{ topology = \"ring\" }", "session"), (0.0, 0.0));
        assert_eq!(leaders(near, "{ causal = true }", "causal"), (0.0, 0.0));
        // The stamp must be past by every clock before the write is acknowledged.
        assert_eq!(leaders(near, "{}", "bounded(500ms)"), (10.0, 0.0));
    }
    let text = triangle(AWS, "b", "multi-leader", "{}", "session")
        .replace("replicas = [\"a\", \"b\", \"c\"]", "replicas = [\"a\", \"c\"]")
        .replace("[[clients]]", "[replica]\ndisk_ms = 4.0\n\n[[clients]]");
    let run = simulate(&plan(&text), 7);
    let ms = |kind| only_latency(&run.history, kind).as_ms();
    assert_eq!((ms(OpKind::Write), ms(OpKind::Read)), (73.6, 69.6));
}

/// What one client in `near` pays a store whose replicas all certify; theory must say the same.
fn certified(text: &str) -> (Duration, Duration) {
    let plan = plan(text);
    let run = simulate(&plan, 7);
    let catalog = Catalog::builtin();
    let theory = |kind| catalog.find("certification").and_then(|p| p.theory(&plan, kind, 0));
    let took = |kind| {
        let took = only_latency(&run.history, kind);
        assert_eq!(Some(took), theory(kind), "{kind}:\n{text}");
        took
    };
    (took(OpKind::Write), took(OpKind::Read))
}

#[test]
fn a_write_that_all_certify_costs_three_hops_and_not_the_way_to_the_farthest() {
    // Around the triangle, from wherever: (69.6 + 182.2 + 218.9) / 2.
    for near in ["a", "b", "c"] {
        for (level, read) in [
            ("linearizable", 235.35),
            ("sequential", 0.0),
            ("session", 0.0),
            ("read-your-writes", 0.0),
            ("monotonic-reads", 0.0),
            ("eventual-nearest", 0.0),
        ] {
            let took = certified(&triangle(AWS, near, "certification", "{}", level));
            assert_eq!(
                took,
                (Duration::from_ms(235.35), Duration::from_ms(read)),
                "{near} {level}"
            );
        }
    }
    // Where two are near each other, to the far one and back.
    let text = triangle([2.0, 100.0, 100.0], "a", "certification", "{}", "eventual-nearest");
    assert_eq!(certified(&text).0.as_ms(), 101.0);
    let text = triangle([0.0, 100.0, 100.0], "c", "certification", "{}", "eventual-nearest");
    assert_eq!(certified(&text).0.as_ms(), 100.0);
}

#[test]
fn three_hops_are_exact_in_any_geometry_and_hide_the_disk_behind_the_second() {
    let rng = &mut Rng::stream(1, "geometries", 0);
    let (mut hidden, mut seen, mut longer) = (0, 0, 0);
    for sites in [2, 3, 4, 5].repeat(6) {
        // Each way of its own length, in microseconds; some detours are shorter than the direct way.
        let ways: Vec<Vec<u64>> =
            (0..sites).map(|_| (0..sites).map(|_| 10 + rng.below(50_000)).collect()).collect();
        let way = |from: usize, to: usize| if from == to { 0 } else { ways[from][to] };
        let disk = [0, 1_000, 60_000][rng.below(3) as usize];
        for w in 0..sites {
            let all = || (0..sites).flat_map(|x| (0..sites).map(move |y| (x, y)));
            let hops = all().map(|(x, y)| way(w, x) + way(x, y) + way(y, w)).max();
            let synced = (0..sites).map(|y| way(w, y) + disk + way(y, w)).max();
            let farthest = (0..sites).map(|y| way(w, y) + way(y, w)).max();
            let text = geometry(sites, way, &format!("r{w}"), disk);
            let (write, read) = certified(&text);
            assert_eq!(Some(read), hops.map(Duration::micros), "{text}");
            assert_eq!(Some(write), hops.max(synced).map(Duration::micros), "{text}");
            *(if hops < synced { &mut seen } else { &mut hidden }) += u32::from(disk > 0);
            longer += u32::from(hops > farthest);
        }
    }
    assert!(hidden > 5 && seen > 5 && longer > 30, "{hidden} hidden, {seen} seen, {longer} longer");
}

/// A replica in each of so many regions, with these ways between them in microseconds.
fn geometry(sites: usize, way: impl Fn(usize, usize) -> u64, near: &str, disk: u64) -> String {
    let names: Vec<String> = (0..sites).map(|site| format!("r{site}")).collect();
    let row = |from: usize| {
        let to = (0..sites).filter(|to| *to != from);
        let cells = to.map(|to| format!("r{to} = {}", way(from, to) as f64 / 500.0));
        format!("r{from} = {{ {} }}\n", cells.collect::<Vec<_>>().join(", "))
    };
    let rows: String = (0..sites).map(row).collect();
    let text = triangle([1.0; 3], near, "certification", "{}", "linearizable")
        .replace("[\"a\", \"b\", \"c\"]", &format!("{names:?}"))
        .replace("operations = 400", "operations = 40")
        .replace(
            "[[clients]]",
            &format!("[replica]\ndisk_ms = {}\n[[clients]]", disk as f64 / 1e3),
        );
    let (before, rest) = text.split_once("symmetric = true").expect("its regions");
    let (_, after) = rest.split_once("[replica]").expect("its replicas");
    format!(
        "{before}intra_az_rtt_ms = 0.0\ncross_az_rtt_ms = 0.0\n[regions.rtt_ms]\n{rows}[replica]{after}"
    )
}
