//! The same seed, the same run; the same suite, the same bytes, however many threads share the work.

mod common;

use common::plans;
use common::program::{Desk, assert_same_files};
use common::simulate;
use pacelc::scenario::plan::Plan;
use std::fmt::Write as _;

/// A digest of every smoke scenario, mode and seed, over all levels. They change with what the
/// simulator, a protocol, a load or a smoke scenario does, and with nothing else: not the machine, the
/// threads or the day. If a change was meant, take the new table from this test's failure, and say in
/// the commit what changed.
const DIGESTS: &str = "
smoke-cut/async          7eb39ab2d6c408a7 6ce4a50e5f6363d4
smoke-cut/semi-sync      a2d71ab3935abf04 07eedec9fe554fe5
smoke-cut/raft           7486d391bf9f01e3 cf32b31fb680268a
smoke-cut/chain          bbf9f54ef045f865 78a75cf3b383e1ca
smoke-cut/craq           b4b5be764264f857 561191d68f3a17e4
smoke-levels/async       54869634a1870a8a 72e096a0b9e2941b
smoke-levels/semi-sync   367cdd027a792564 2affea3d1eb24ffd
smoke-levels/sync        48d4b81992487cfd 7943ac48a59bac35
smoke-levels/raft        12894f54d9cad0eb 1e3b8bb348a7c65d
smoke-levels/chain       55355b798ddb4856 0a48799a500eed3d
smoke-levels/craq        0b78c382b81852d7 96e3ab33b98b286e
smoke-probe/async        80446c1f1f6bbd70 80446c1f1f6bbd70
smoke-probe/semi-sync    9fa7577db65870ac 9fa7577db65870ac
smoke-probe/raft         789a428d5a495bbd 789a428d5a495bbd
";

/// FNV-1a over the digests of the levels.
fn digest(plans: &[Plan], seed: u64) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for plan in plans {
        let once = simulate(plan, seed).history.digest();
        let again = simulate(plan, seed).history.digest();
        assert_eq!(once, again, "{} under seed {seed} is not one run but two", plan.name);
        for byte in once.to_le_bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    hash
}

#[test]
fn every_run_is_the_run_it_was() {
    let mut table = String::from("\n");
    let sources = pacelc::scenario::builtin();
    for source in sources.iter().filter(|source| source.group == "smoke") {
        let plans = plans(&source.text);
        let mut modes: Vec<&str> = plans.iter().map(|plan| plan.name.mode.as_str()).collect();
        modes.dedup();
        for mode in modes {
            let of_mode: Vec<Plan> =
                plans.iter().filter(|plan| plan.name.mode == mode).cloned().collect();
            let [first, second] = [1, 2].map(|seed| digest(&of_mode, seed));
            // Probes at constant delays leave nothing to chance.
            let chance = source.name != "smoke-probe";
            assert!(!chance || first != second, "{mode} does not listen to its seed");
            let name = format!("{}/{mode}", source.name);
            let _ = writeln!(table, "{name:24} {first:016x} {second:016x}");
        }
    }
    assert!(table == DIGESTS, "runs are not what they were; now they are\n{table}");
}

#[test]
fn threads_do_not_show_in_the_results() {
    let desk = Desk::new();
    for threads in ["1", "2", "5"] {
        let smoke = ["run", "smoke", "--seeds", "4", "--threads", threads, "-o", threads];
        desk.ok(&smoke);
    }
    assert_same_files(&desk.path("1"), &desk.path("2"));
    assert_same_files(&desk.path("1"), &desk.path("5"));
    desk.ok(&["run", "smoke", "--seeds", "4", "--first-seed", "2", "-o", "other"]);
    assert_ne!(desk.read("1/rows.jsonl"), desk.read("other/rows.jsonl"), "seeds do show");
}
