//! The contestants do the work they are credited with.

use crate::fleet::{FIVE, Fleet, Outcome, THREE};
use crate::raft_rs::Ask;
use crate::ten::Ten;
use crate::{omni, ours, over_turmoil, raft_rs, truth};
use pacelc::catalog::Catalog;

fn per_operation(outcome: &Outcome) -> f64 {
    outcome.messages as f64 / outcome.operations as f64
}

#[test]
fn pacelc_and_the_plain_loop_tell_the_true_time() {
    let rows = truth::measure(&Catalog::builtin()).expect("everybody runs");
    let exact = truth::truth();
    for row in rows.iter().filter(|row| row.name.contains("pacelc") || row.name.contains("loop")) {
        assert!((row.echo - exact.echo).abs() < 1e-6, "{row:?}");
        let pairs = row.write.iter().flatten().zip(exact.write.iter().flatten());
        for (reported, known) in pairs {
            // OmniPaxos counts more messages, but waits for the same majority.
            assert!((reported - known).abs() < known * 1e-3, "{row:?}");
        }
    }
}

#[test]
fn a_quorum_write_is_ten_messages() {
    let plan = ours::plan(&ours::TEN).expect("a valid plan");
    let ten = ours::simulate(&Catalog::builtin().with::<Ten>(), &plan, 1).expect("it runs");
    assert_eq!(ten.operations, ours::TEN.operations);
    assert!((9.9..10.1).contains(&per_operation(&ten)), "{}", per_operation(&ten));
    let fleet = Fleet::spread(FIVE, true);
    let writes = raft_rs::simulate(&fleet, Ask::Write, 20_000, 1).expect("it runs");
    assert!((9.9..10.5).contains(&per_operation(&writes)), "{}", per_operation(&writes));
    let reads = raft_rs::simulate(&fleet, Ask::Read, 20_000, 1).expect("it runs");
    assert!((9.9..10.5).contains(&per_operation(&reads)), "{}", per_operation(&reads));
    let over_turmoil = over_turmoil::simulate(&Fleet::spread(FIVE, false), 2_000, 1);
    let messages = per_operation(&over_turmoil.expect("it runs"));
    assert!((9.9..10.1).contains(&messages), "{messages}");
}

#[test]
fn a_seed_is_a_run() {
    let fleet = Fleet::spread(THREE, true);
    let medians = |seed| {
        let raft = raft_rs::simulate(&fleet, Ask::Write, 5_000, seed).expect("it runs");
        let paxos = omni::simulate(&fleet, 5_000, seed).expect("it runs");
        [raft, paxos].map(|o| (o.messages, [0, 1, 2].map(|region| o.latency[region].max())))
    };
    assert_eq!(medians(1), medians(1));
    assert_ne!(medians(1), medians(2));
}

#[cfg(madsim)]
#[test]
fn madsim_does_the_same_work() {
    use crate::over_madsim::{FLAT, simulate};
    let outcome = simulate(&Fleet::spread(FIVE, false), FLAT, 2_000, 1).expect("it runs");
    assert_eq!(outcome.operations, 2_000);
    assert!((9.9..10.1).contains(&per_operation(&outcome)), "{}", per_operation(&outcome));
}
