//! Weather in which messages are lost for good and overtake each other, under many faults at once: what only hundreds of
//! seeds have found is asked again here, beside some seeds more for every way of replicating.

use crate::common::swarm::promise;
use crate::common::{plans, simulate};
use pacelc::analysis::{Verdict, judge};
use pacelc::scenario::plan::Plan;

const WEATHER: &str = r#"
question = "Which promises are kept in weather like this?"
analysis = "All."
regions  = "aws"
replicas = REPLICAS
duration = "8s"
timeout  = "2s"
attempt_timeout = "500ms"
levels   = "all"

[[clients]]
region   = "us-east-1"
sessions = 4
[[clients]]
region   = "eu-west-1"
sessions = 3
[[clients]]
region   = "ap-southeast-1"
sessions = 3

[replica]
service_ms = 0.02
disk_ms    = { lognormal = { median = 3, sigma = 1.2 } }

[link]
jitter_ms  = { lognormal = { median = 1, sigma = 1.5 } }
loss       = 0.05
retransmit = "never"
order      = "reorder"

[workload]
read     = 0.4
update   = 0.3
scan     = 0.05
rmw      = 0.25
keys     = "zipfian"
records  = 4
scan_max = 5
arrivals = "closed"
think_ms = { exponential = { mean = 20 } }
object   = "OBJECT"

[faults_random]
most    = 8
start   = "300ms"
end     = "8s"
longest = "2s"

[[modes]]
name     = "mode"
protocol = "PROTOCOL"
config   = CONFIG
"#;

/// Where the regions have one replica each, and where two of them have two.
const THREE: &str = r#"["us-east-1", "eu-west-1", "ap-southeast-1"]"#;
const FIVE: &str = r#"["us-east-1", "us-east-1", "eu-west-1", "eu-west-1", "ap-southeast-1"]"#;

fn cells(replicas: &str, object: &str, protocol: &str, config: &str) -> Vec<Plan> {
    plans(
        &WEATHER
            .replace("REPLICAS", replicas)
            .replace("OBJECT", object)
            .replace("PROTOCOL", protocol)
            .replace("CONFIG", config),
    )
}

fn holds(plan: &Plan, seed: u64) {
    let run = simulate(plan, seed);
    let verdict = judge(&run.history, promise(plan));
    assert_eq!(verdict, Verdict::Holds, "{:?}, seed {seed}", plan.name);
    assert!(
        run.history.operations.len() > 50,
        "{:?}, seed {seed}: hardly anybody asked",
        plan.name
    );
}

/// What each of these seeds found is told where it was mended.
#[test]
fn what_was_broken_in_one_seed_of_hundreds_is_kept() {
    let paxos = "{ snapshot_every = 10 }";
    for (replicas, object, protocol, config, seeds) in [
        // A scan in a session showed what only a minority had accepted.
        (FIVE, "register", "paxos", paxos, [81, 208]),
        (THREE, "register", "paxos", paxos, [208, 81]),
        // An update that was proposed twice answered for the other proposal.
        (THREE, "counter", "paxos", paxos, [130, 101]),
        (THREE, "set", "paxos", paxos, [70, 106]),
        // A replica took what nobody acknowledged, and crashed before its disk had it.
        (
            THREE,
            "counter",
            "leaderless",
            r#"{ sloppy = true, conflicts = "pn-counter" }"#,
            [22, 23],
        ),
    ] {
        for plan in cells(replicas, object, protocol, config) {
            for seed in seeds {
                holds(&plan, seed);
            }
        }
    }
}

/// Each with settings that make what is rare come often.
#[test]
fn every_way_of_replicating_keeps_its_promises_where_messages_are_lost_and_overtake() {
    for (protocol, config) in [
        (
            "primary-backup",
            r#"{ acknowledge = "any 2", snapshot_every = 10, fail_over = { detect = "900ms", step_down = "700ms" } }"#,
        ),
        ("primary-backup", r#"{ acknowledge = "first 2 (2, 1)", fall_back = "300ms" }"#),
        ("raft", r#"{ election_timeout = "500ms", heartbeat = "50ms", snapshot_every = 5 }"#),
        (
            "raft",
            r#"{ election_timeout = "1s", stagger = "300ms", heartbeat = "50ms", snapshot_every = 5 }"#,
        ),
        (
            "raft",
            r#"{ reads = "closed-timestamp", closed_lag = "300ms", uncertainty = "10ms", sync = true }"#,
        ),
        ("chain", "{ order = [2, 0, 1, 4, 3], apportioned = true, snapshot_every = 5 }"),
        ("certification", r#"{ suspect_timeout = "500ms", snapshot_every = 5 }"#),
        ("paxos", "{ snapshot_every = 10 }"),
        ("leaderless", "{ sloppy = true, n = 3 }"),
        ("leaderless", "{ write_back = true }"),
        ("multi-leader", r#"{ conflicts = "revision-tree", checks_revisions = true }"#),
        (
            "multi-leader",
            r#"{ topology = "all", causal = true, token = "wait", snapshot_every = 30 }"#,
        ),
    ] {
        for plan in cells(FIVE, "register", protocol, config) {
            for seed in 1..=8 {
                holds(&plan, seed);
            }
        }
    }
}
