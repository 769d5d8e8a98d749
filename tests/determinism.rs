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
smoke-cut/raft           d566b6d960cac27b 76054dcca460b86d
smoke-cut/leaderless     dc861a9be9a80f84 d1d286187e573e65
smoke-cut/sloppy         c5e83f5546849335 06dd25fe5c362774
smoke-cut/abd            435636d1507672f2 ac4ee72da35a1459
smoke-levels/async       1c4112e91e75f931 5a461c41a8cfb0e1
smoke-levels/semi-sync   b3d3cbf7d5caa5cb a76e3ae2ddd54466
smoke-levels/sync        4ce9b020232f19a2 1c738f01415c07fc
smoke-levels/raft        24b87378564f7fbd 7e152910906d0de0
smoke-levels/leaderless  d11871fe2d1bdc22 c111c5a1a83f50cf
smoke-levels/plain       a366120ae993bcb8 7901757f946d9ce6
smoke-levels/library     fa9edebcafe95e63 f30eab69e6760da2
smoke-levels/sloppy      0451b5b21eb03b07 f017a4c00c6aad42
smoke-levels/abd         45b9342c35b71966 437d72548f3f5a18
smoke-levels/abd-library 5f21f817d75d6860 935edc02fabc6c6d
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
