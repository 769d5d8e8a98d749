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
smoke-cut/async          a4757e1db534c609 8bf11a0adfb500e0
smoke-cut/semi-sync      3f7412cc2fcc11ef 7545de9e5c5601e6
smoke-cut/raft           edfc97bda4521c02 0ad32d426fd2519e
smoke-levels/async       1a122405480b5c19 011302a68339800e
smoke-levels/semi-sync   50eb2043048c3576 52154a8151840550
smoke-levels/sync        51de5d0b156df0eb f85b7370139b622e
smoke-levels/raft        7a545e40340ee581 44f49dc03e6f0eb0
smoke-probe/async        766e8bc4396b7583 766e8bc4396b7583
smoke-probe/semi-sync    2ef9c19d9639212b 2ef9c19d9639212b
smoke-probe/raft         5da114a0b528bb70 5da114a0b528bb70
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
