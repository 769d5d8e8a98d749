//! Each guarantee that is *not* promised is seen broken by some seed. Otherwise the promise is too
//! modest, or the checker blind.

mod common;

use common::{plan, simulate, triangle};
use pacelc::analysis::{Verdict, judge};
use pacelc::guarantee::Guarantee;
use pacelc::time::Duration;

/// Whether some seed's history of a busy, jittery cluster breaks the guarantee.
fn is_broken(protocol: &str, config: &str, level: &str, guarantee: Guarantee) -> bool {
    let text = triangle([40.0, 90.0, 80.0], "a", protocol, config, level)
        .replace("operations = 400", "operations = 3000")
        .replace("sessions = 1", "sessions = 6")
        .replace("records = 10", "records = 2")
        .replace(
            "[workload]",
            "[[clients]]\nregion = \"c\"\nsessions = 6\n\n[link]\njitter_ms = { exponential = { mean = 5 } }\n\n[workload]",
        )
        .replace("arrivals = { constant = { rate = 2 } }", "arrivals = \"closed\"\nthink_ms = 5");
    let plan = plan(&text);
    (0..10).any(|seed| {
        matches!(judge(&simulate(&plan, seed).history, guarantee), Verdict::Violated(_))
    })
}

const ASYNC: (&str, &str) = ("primary-backup", "{ acknowledge = \"async\" }");
const SYNC: (&str, &str) = ("primary-backup", "{ acknowledge = \"all\" }");
const RAFT: (&str, &str) = ("raft", "{}");

#[test]
fn local_reads_are_not_linearizable_in_any_mode() {
    for (protocol, config) in [ASYNC, SYNC, RAFT] {
        assert!(
            is_broken(protocol, config, "eventual-nearest", Guarantee::Linearizable),
            "{config}"
        );
    }
}

#[test]
fn local_reads_do_not_see_the_sessions_own_writes() {
    for (protocol, config) in [ASYNC, RAFT] {
        let broken = is_broken(protocol, config, "eventual-nearest", Guarantee::ReadYourWrites);
        assert!(broken, "{protocol}");
    }
}

#[test]
fn reads_at_any_replica_go_backwards() {
    for (protocol, config) in [ASYNC, SYNC, RAFT] {
        let broken = is_broken(protocol, config, "eventual-any", Guarantee::MonotonicReads);
        assert!(broken, "{protocol} {config}");
    }
}

#[test]
fn local_reads_have_no_bound_below_the_way_to_the_leader() {
    let bound = Guarantee::BoundedStaleness(Duration::millis(5));
    for (protocol, config) in [ASYNC, RAFT] {
        assert!(is_broken(protocol, config, "eventual-nearest", bound), "{protocol}");
    }
}

#[test]
fn session_and_bounded_reads_are_not_linearizable() {
    for (protocol, config) in [ASYNC, RAFT] {
        for level in ["session", "read-your-writes", "monotonic-reads", "bounded(500ms)"] {
            let broken = is_broken(protocol, config, level, Guarantee::Linearizable);
            assert!(broken, "{protocol} at {level}");
        }
    }
}

#[test]
fn what_is_promised_is_not_broken_by_the_same_cluster() {
    for (protocol, config) in [ASYNC, SYNC, RAFT] {
        assert!(!is_broken(protocol, config, "linearizable", Guarantee::Linearizable), "{config}");
        assert!(!is_broken(protocol, config, "session", Guarantee::Session), "{config}");
    }
}
