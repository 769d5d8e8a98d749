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
smoke-cut/async           ff1bcad983d0b204 b02bccffd969d1c0
smoke-cut/semi-sync       a73aa13fe32fa588 8b09ae165c1ce2fb
smoke-cut/remote-write    c67c5b88acfc5ff3 d7f9e8135ed06be6
smoke-cut/remote-apply    2b99645b1746cfc0 55958af2fb50f56f
smoke-cut/off             bdf834eab98443ba 61142f89aa022630
smoke-cut/fall-back       43511be13fb11858 28aea18868c2e285
smoke-cut/wait            01f99ab4650282e8 d0c2dbf77813064f
smoke-cut/raft            7486d391bf9f01e3 cf32b31fb680268a
smoke-cut/follower-reads  26ce30d56414a526 9b8ab32ae7227c85
smoke-cut/chain           bbf9f54ef045f865 78a75cf3b383e1ca
smoke-cut/craq            b4b5be764264f857 561191d68f3a17e4
smoke-cut/leaderless      dc861a9be9a80f84 d1d286187e573e65
smoke-cut/sloppy          c5e83f5546849335 06dd25fe5c362774
smoke-cut/abd             435636d1507672f2 ac4ee72da35a1459
smoke-cut/multi-clock     3a877f7969a235bb 70e8aa5d95375a32
smoke-cut/multi-causal    ab885dad38aaae42 056039c393d891ec
smoke-cut/certification   237bab3d6529076d aef80f124fd5be3b
smoke-levels/async        82f886f145b21ef8 9ac0a9203403fc81
smoke-levels/semi-sync    d866c65503c5e3f3 fdaae01bee77d507
smoke-levels/sync         87ba304426b9b628 7c5f45aa1dd7049e
smoke-levels/remote-write 39e7a72d560acd00 028e9030f521d940
smoke-levels/remote-apply feb289d7e7397e6a fe873ee8c5a4eb10
smoke-levels/off          11673ad53cd3cf42 e4b260ce952200f3
smoke-levels/fall-back    87ba304426b9b628 7c5f45aa1dd7049e
smoke-levels/wait         df054873da62ab08 d54aa83a47e87e61
smoke-levels/raft         0b2842ce6bb66499 69910d8f8ad388f9
smoke-levels/commit-wait  23fdd1978280930a a082301c073ba1cb
smoke-levels/follower-reads 3f84cf18c7cb487f 31bc6ce226fe1c26
smoke-levels/chain        97aa37a5377c772b 811e609de660754f
smoke-levels/craq         5424b42262d6fbf9 38c4b9beb7c7c895
smoke-levels/leaderless   66dc94f2b89bed67 62804eff82b0c63f
smoke-levels/plain        1f75717fc6c998a5 6d790a504b905422
smoke-levels/library      27a92310b3b7775f 705143ef1bd0df7a
smoke-levels/sloppy       8b590d926c65880b 3d16673aa9c6299e
smoke-levels/abd          92f5b2c2a221892f a8c5c8036d2e2fef
smoke-levels/abd-library  08a41311a01306e8 b51cf1b79fd2267f
smoke-levels/multi-clock  9d987413d5b85297 90e97cc7ac767d64
smoke-levels/multi-causal 00bf52be9eba20a5 676b621d7c6d0055
smoke-levels/multi-star   6b3ae3da7268bc83 4b65e5ad097f06f3
smoke-levels/multi-ring   ab3d4bfeabba0c70 82e17113ce5b5caa
smoke-levels/certification 040f3981f0339d45 bba495f3d4311176
smoke-probe/async         80446c1f1f6bbd70 80446c1f1f6bbd70
smoke-probe/semi-sync     9fa7577db65870ac 9fa7577db65870ac
smoke-probe/raft          789a428d5a495bbd 789a428d5a495bbd
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
            let _ = writeln!(table, "{name:25} {first:016x} {second:016x}");
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
