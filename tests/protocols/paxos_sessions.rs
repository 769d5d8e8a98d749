//! Sessions over Paxos: reads near by that cost nothing more while the replica near by is as new as the
//! session, and a round of a majority where it is not.

use crate::common::{only_latency, plan, simulate, triangle};
use pacelc::analysis::{Verdict, judge};
use pacelc::catalog::Catalog;
use pacelc::guarantee::Guarantee;
use pacelc::op::OpKind;
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

/// The first replica is cut off, its clients go to the second, and come back to it when it is healed.
const HEALED: &str = r#"
question = "Does a session that comes back to its neighbour wait?"
analysis = "It does while the neighbour is behind."
regions  = "aws"
replicas = ["us-east-1", "eu-west-1", "ap-southeast-1"]
duration = "40s"
levels   = ["read-your-writes"]

[[clients]]
region   = "us-east-1"
sessions = 8

[workload]
read     = 0.5
update   = 0.5
keys     = "uniform"
records  = 50
arrivals = "closed"
think_ms = { exponential = { mean = 50 } }

[[faults]]
cut   = ["n0"]
start = "10s"
end   = "20s"

[[modes]]
name     = "paxos"
protocol = "paxos"
"#;

#[test]
fn a_session_that_knows_more_than_its_neighbour_pays_for_a_majority() {
    let history = simulate(&plan(HEALED), 1).history;
    assert!(matches!(judge(&history, Guarantee::ReadYourWrites), Verdict::Holds));
    let healed = history.windows[0].end;
    let reads = || history.operations.iter().filter(|op| op.kind == OpKind::Read);
    let dear = |after: bool| {
        let far = Duration::millis(60);
        let these = reads().filter(|op| (op.invoked >= healed) == after);
        these
            .filter(|op| op.invoked >= healed || op.completed < history.windows[0].start)
            .filter(|op| op.completed.since(op.invoked) >= far)
            .count()
    };
    assert_eq!(dear(false), 0, "in health the neighbour is never behind");
    assert!(dear(true) > 0, "nobody had to ask a majority");
    let free = reads().filter(|op| op.invoked >= healed).count() - dear(true);
    assert!(free > dear(true), "most reads are served near by again");
}
