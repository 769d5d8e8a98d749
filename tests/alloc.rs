//! A run in its steady state allocates nothing per operation: twice the operations take no more
//! allocations, apart from what tables and queues need to grow now and then.

mod common;

use common::{plan, simulate, triangle};

const OPERATIONS: u64 = 20_000;

fn allocations(protocol: &str, config: &str, level: &str, operations: u64) -> u64 {
    let text = triangle([20.0, 60.0, 50.0], "a", protocol, config, level)
        .replace("operations = 400", &format!("operations = {operations}"))
        .replace("sessions = 1", "sessions = 16")
        .replace("rate = 2 ", "rate = 400 ");
    let plan = plan(&text);
    let mut recorded = 0;
    let counted = allocation_counter::measure(|| {
        recorded = simulate(&plan, 3).history.operations.len();
    });
    assert_eq!(recorded as u64, operations);
    counted.count_total
}

#[test]
fn operations_allocate_nothing() {
    for (protocol, config) in [
        ("primary-backup", "{ acknowledge = \"any 1\", snapshot_every = 10000000 }"),
        ("raft", "{ snapshot_every = 10000000 }"),
    ] {
        for level in ["linearizable", "session", "eventual-any", "bounded(500ms)"] {
            let once = allocations(protocol, config, level, OPERATIONS);
            let twice = allocations(protocol, config, level, 2 * OPERATIONS);
            let more = twice.saturating_sub(once);
            assert!(
                more < OPERATIONS / 1_000,
                "{protocol} at {level}: {more} more allocations for {OPERATIONS} more operations"
            );
        }
    }
}
