//! Kubernetes with three etcd members and three workers: promises in bad weather and where they end, exact
//! latencies, and what the curated scenario says.

use crate::common::swarm::{not_promised, perturbed, perturbed_in_gray, promise};
use crate::common::{only_latency, plans, simulate};
use pacelc::analysis::{Verdict, judge};
use pacelc::catalog::Catalog;
use pacelc::guarantee::Guarantee;
use pacelc::history::{Operation, Status};
use pacelc::op::{Level, OpKind};
use pacelc::scenario::plan::Plan;
use pacelc::time::{Duration, Instant};

/// Intervals short enough for eight seconds of weather.
const SHORT: &str = r#"{ pod_start = "20ms", dns_ttl = "500ms", lease_renew = "1s", node_monitor = "500ms",
    node_grace = "3s", eviction = "1s", retry = "100ms", renew_deadline = "500ms",
    controllers_lease = "700ms" }"#;

/// Two machines of each kind far from one another, and two where the clients are.
fn cluster(config: &str, client: &str, load: &str) -> Vec<Plan> {
    plans(&format!(
        r#"
        question = "What does a cluster keep?"
        analysis = "Three control-plane machines and three workers."
        replicas = ["a", "b", "c", "a", "b", "c"]
        operations = 300
        levels = "all"
        clients = [{client}]
        modes = [{{ protocol = "kubernetes", config = {config} }}]
        {load}

        [regions]
        symmetric = true
        intra_az_rtt_ms = 0
        cross_az_rtt_ms = 0
        [regions.rtt_ms.a]
        b = 20
        c = 30
        [regions.rtt_ms.b]
        c = 40
        "#
    ))
}

fn in_weather() -> Vec<Plan> {
    let clients = r#"{ region = "a", sessions = 4 }, { region = "b", sessions = 4 }"#;
    let load = "[workload]\nycsb = \"A\"\nrecords = 5\narrivals = { poisson = { rate = 20 } }";
    cluster(SHORT, clients, load)
}

#[test]
fn every_promise_is_kept_in_bad_and_in_gray_weather() {
    let (mut broken, mut ok) = (Vec::new(), 0);
    for cell in in_weather() {
        for seed in 1..=100 {
            for plan in [perturbed(&cell, seed), perturbed_in_gray(&cell, seed)] {
                let history = simulate(&plan, seed).history;
                ok += history.operations.iter().filter(|op| op.status == Status::Ok).count();
                let verdict = judge(&history, promise(&cell));
                if verdict != Verdict::Holds {
                    broken.push(format!("{}, seed {seed}: {verdict:?}", cell.name));
                }
            }
        }
    }
    assert!(ok > 40_000, "only {ok} operations took effect");
    assert!(broken.is_empty(), "{} promises broken:\n{}", broken.len(), broken.join("\n"));
}

#[test]
fn what_is_served_from_caches_is_seen_to_be_stale() {
    let catalog = Catalog::builtin();
    let entry = catalog.find("kubernetes").expect("built in");
    let mut surprises = Vec::new();
    for cell in in_weather().iter().filter(|cell| cell.name.level != Level::Linearizable) {
        // What is served from caches is promised to be the same in the end, and nothing more.
        let not_promised = not_promised(Guarantee::Eventual);
        let mut unbroken = not_promised.clone();
        for seed in 1..=150 {
            let history = simulate(&perturbed(cell, seed), seed).history;
            unbroken.retain(|one| !matches!(judge(&history, *one), Verdict::Violated(_)));
        }
        for one in not_promised {
            let reason = entry.kept_beyond(&cell.config, cell.name.level, one);
            if unbroken.contains(&one) != reason.is_some() {
                surprises.push(format!("{}: {one} ({reason:?})", cell.name));
            }
        }
    }
    assert!(surprises.is_empty(), "not as expected:\n{}", surprises.join("\n"));
}

#[test]
fn latencies_are_what_the_arithmetic_says() {
    let load = "warm_up = \"20s\"\nreplica = { disk_ms = 2 }\n[workload]\nread = 0.5\nupdate = 0.5\n\
                records = 3\narrivals = { constant = { rate = 2 } }";
    // From `b`: its own API server, 20 ms to the leader in `a`, whose nearest other member is 20 ms away.
    let clients = r#"{ region = "b", sessions = 1 }"#;
    let ms = Duration::millis;
    let catalog = Catalog::builtin();
    let entry = catalog.find("kubernetes").expect("built in");
    let mut checked = 0;
    for plan in cluster("{}", clients, load) {
        let history = simulate(&plan, 1).history;
        assert_eq!(only_latency(&history, OpKind::Write), ms(20 + 20 + 2), "{}", plan.name);
        assert_eq!(entry.theory(&plan, OpKind::Write, 0), Some(ms(42)));
        let read = match plan.name.level {
            Level::Linearizable => ms(40),
            Level::EventualNearest | Level::Resolved => ms(0),
            _ => continue,
        };
        assert_eq!(only_latency(&history, OpKind::Read), read, "{}", plan.name);
        assert_eq!(entry.theory(&plan, OpKind::Read, 0), Some(read));
        checked += 1;
    }
    assert_eq!(checked, 3);
}

/// The share answered of the operations of one client group that were intended in a stretch of seconds.
fn answered(operations: &[Operation], kind: OpKind, group: u16, [from, to]: [u64; 2]) -> f64 {
    let stretch = Instant::ZERO + Duration::secs(from)..Instant::ZERO + Duration::secs(to);
    let counted: Vec<&Operation> = operations
        .iter()
        .filter(|op| op.kind == kind && op.group == group && stretch.contains(&op.intended))
        .collect();
    let ok = counted.iter().filter(|op| op.status == Status::Ok).count();
    assert!(counted.len() > 20, "too few operations of {kind} from {from} s to {to} s");
    ok as f64 / counted.len() as f64
}

/// All operations of one cell of the curated scenario under its first seeds.
fn curated(variant: &str, level: Level) -> Vec<Operation> {
    let text = include_str!("../../scenarios/curated/kubernetes.toml");
    let cell = plans(text)
        .into_iter()
        .find(|plan| plan.name.variant.ends_with(variant) && plan.name.level == level)
        .expect("the scenario has this cell");
    (1..=20).flat_map(|seed| simulate(&cell, seed).history.operations).collect()
}

#[test]
fn a_zone_that_is_cut_off_is_refused_by_kubectl_and_resolves_on() {
    let default = curated("zone", Level::Linearizable);
    assert_eq!(answered(&default, OpKind::Read, 0, [12, 78]), 0.0);
    assert_eq!(answered(&default, OpKind::Write, 0, [12, 78]), 0.0);
    // Two of three members elect within three seconds.
    assert_eq!(answered(&default, OpKind::Write, 1, [14, 78]), 1.0);
    // The others' controllers take over after 15 s, and a grace of 40 s begins.
    let routed = curated("zone", Level::Routed);
    let before = answered(&routed, OpKind::Read, 1, [14, 62]);
    assert!((0.8..0.97).contains(&before), "{before}");
    assert_eq!(answered(&routed, OpKind::Read, 1, [76, 82]), 1.0);
    assert_eq!(answered(&curated("zone", Level::EventualNearest), OpKind::Read, 0, [16, 78]), 1.0);
    assert_eq!(answered(&curated("zone", Level::Resolved), OpKind::Read, 0, [16, 78]), 1.0);
}

#[test]
fn without_the_control_plane_pods_answer_until_it_comes_back() {
    let routed = curated("control-plane", Level::Routed);
    for group in [0, 1] {
        // A session that waited for a write may come too late for its next read.
        assert!(answered(&routed, OpKind::Read, group, [16, 81]) > 0.999);
        assert_eq!(answered(&routed, OpKind::Write, group, [12, 78]), 0.0);
    }
    // What it says then is that no node has been heard of, and so that no pod is an endpoint.
    let after = answered(&routed, OpKind::Read, 0, [83, 89]);
    assert!(after < 0.9, "{after}");
    assert_eq!(answered(&routed, OpKind::Read, 0, [95, 97]), 1.0);
}

#[test]
fn a_lost_workers_endpoints_are_removed_within_the_grace_period_and_its_pods_replaced() {
    let routed = curated("worker", Level::Routed);
    // Two services of three have a pod there; one attempt in two goes to it, and three fit in a timeout.
    let before = answered(&routed, OpKind::Read, 1, [12, 42]);
    assert!((0.8..0.97).contains(&before), "{before}");
    assert_eq!(answered(&routed, OpKind::Read, 1, [57, 370]), 1.0);
    let there = answered(&routed, OpKind::Read, 0, [60, 360]);
    assert!((0.45..0.7).contains(&there), "{there}");
}
