//! Sessions over Paxos: reads near by that cost nothing more while the replica near by is as new as the
//! session, and a round of a majority where it is not.

mod common;

use common::{only_latency, plan, simulate, triangle};
use pacelc::catalog::Catalog;
use pacelc::history::Status;
use pacelc::op::OpKind;
use pacelc::scenario::plan::{Between, Direction, Fault, FaultKind, Group, Plan, Target};
use pacelc::time::Duration;

const LEVELS: [&str; 5] =
    ["session", "read-your-writes", "monotonic-reads", "monotonic-writes", "writes-follow-reads"];

#[test]
fn in_health_a_session_reads_at_its_neighbour_and_writes_as_all_do() {
    let ms = |ms: f64| Duration::from_ms(ms);
    let entry = Catalog::builtin();
    let entry = entry.find("paxos").expect("built in");
    for level in LEVELS.iter().chain(["linearizable"].iter()) {
        let text = triangle([69.6, 218.9, 182.2], "a", "paxos", "{}", level)
            .replace("[\"a\", \"b\", \"c\"]", "[\"b\", \"c\", \"b\"]")
            .replace("[workload]", "[replica]\ndisk_ms = 2\n[workload]");
        let plan = plan(&text);
        let history = simulate(&plan, 7).history;
        let costs = [OpKind::Read, OpKind::Write].map(|kind| {
            let took = only_latency(&history, kind);
            assert_eq!(entry.theory(&plan, kind, 0), Some(took), "{level} {kind}");
            took
        });
        // The two replicas at the nearer place are a majority.
        assert_eq!(costs, [ms(69.6), ms(69.6 + 2.0 * 2.0)], "{level}");
    }
    let far = |level: &str| {
        let plan = plan(&triangle([69.6, 218.9, 182.2], "a", "paxos", "{}", level));
        only_latency(&simulate(&plan, 7).history, OpKind::Read)
    };
    assert_eq!(far("linearizable"), ms(69.6), "a majority is as far as the second region");
    for level in LEVELS {
        assert_eq!(far(level), Duration::ZERO, "{level}");
    }
}

/// The third replica is cut off from the others while they are written to; when it can be reached again the
/// first crashes, and its client turns to the third, which does not know yet what it has missed.
fn behind(level: &str) -> Plan {
    let text = triangle([80.0, 20.0, 60.0], "a", "paxos", "{ anti_entropy = \"3s\" }", level)
        .replace("constant = { rate = 2 }", "constant = { rate = 20 }")
        .replace(
            "operations = 400",
            "operations = 240\ntimeout = \"1s\"\nattempt_timeout = \"300ms\"",
        )
        .replace("warm_up = \"3s\"", "");
    let mut plan = plan(&text);
    let group = |sites: &[usize]| Group { sites: sites.to_vec(), leader: false };
    let (these, from, direction) = (group(&[2]), Some(group(&[0, 1])), Direction::Both);
    let cut = FaultKind::Cut(Between { these, from, direction });
    let crash = FaultKind::Crash(Target::Replica(0));
    let (cut_off, back, end) = (Duration::secs(1), Duration::millis(6_100), Duration::secs(20));
    plan.faults = vec![
        Fault { start: cut_off, end: back, kind: cut },
        Fault { start: back + Duration::millis(1), end, kind: crash },
    ];
    plan
}

#[test]
fn a_token_costs_a_round_where_the_neighbour_is_behind() {
    // The client is 20 ms from the third replica, and that 60 from the second.
    let reads = |level: &str, ms: f64| {
        let history = simulate(&behind(level), 7).history;
        let took = |op: &&pacelc::history::Operation| {
            let took = op.completed.since(op.invoked);
            op.kind == OpKind::Read && op.status == Status::Ok && took == Duration::from_ms(ms)
        };
        history.operations.iter().filter(took).count()
    };
    let [none, token] = ["monotonic-writes", "session"].map(|level| {
        let (near, round) = (reads(level, 20.0), reads(level, 80.0));
        println!("{level}: {near} reads near by, {round} of a majority");
        assert!(near > 0, "{level}: what it has not missed it answers alone");
        round
    });
    assert!(token > none, "{token} rounds with a token, {none} without");
}
