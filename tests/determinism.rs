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
smoke-conflicts/multi-leader 7bc6cebb2fb360ec f8e7077941cf50a5
smoke-cut/async           2b8197713bc80f20 16161551e45ee24d
smoke-cut/semi-sync       93c38dbecdf3b46a a521e499335717e6
smoke-cut/remote-write    1e9e9ab176a9cd79 ba3ea36dc448b352
smoke-cut/remote-apply    f025ab7962d468c0 8dd400313dfe50a8
smoke-cut/off             2c079a68bd49846c 0583404c555003ed
smoke-cut/fall-back       8033776a6d68cc87 6ec1659150ebc624
smoke-cut/wait            25056d7b6dcae5a5 90758c6d629eb54b
smoke-cut/raft            6426e23f7d2cf645 cf32b31fb680268a
smoke-cut/follower-reads  581b5cdc44d99f6e 9b8ab32ae7227c85
smoke-cut/chain           d252098631e97b35 7a53ba7300554592
smoke-cut/craq            27dae640f43e2aaf 114f946172b24660
smoke-cut/leaderless      014fe5ec91cf05af 2d11ad7d0c9cbac7
smoke-cut/sloppy          604b1e06c76dda34 153134e3a61240f0
smoke-cut/abd             bb419ea66de635ab e3af35cb93fdc693
smoke-cut/multi-clock     a739a2776a0714af 0adf5cb42e3fe513
smoke-cut/multi-causal    1c994c5332c4da45 77e3ecb4364f4164
smoke-cut/certification   d0b489fa889dbd9b 6b0d8b69e553f23f
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
smoke-objects/semi-sync   f06d9d43f259565c f9ff153a9663bce4
smoke-objects/wait        10071f92a2a4838c e6a6e128de8dd872
smoke-objects/raft        138c4fa8597c8783 10b61f7ae1ce32c6
smoke-objects/chain       120a842655fe7936 948d97bb80563f62
smoke-objects/craq        f334fe19921d4036 dbc3189452d7f73a
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
