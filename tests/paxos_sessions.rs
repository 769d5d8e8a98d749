//! Sessions over Paxos: reads near by that cost nothing more while the replica near by is as new as the
//! session, and a round of a majority where it is not.

mod common;

use common::{only_latency, plan, simulate, triangle};
use pacelc::catalog::Catalog;
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
