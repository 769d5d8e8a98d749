//! The same seed, the same run; the same suite, the same bytes, however many threads share the work.

use crate::common::plans;
use crate::common::program::{Desk, assert_same_files};
use crate::common::simulate;
use pacelc::scenario::plan::Plan;
use std::fmt::Write as _;

/// A digest of every smoke scenario, mode and seed, over all levels. They change with what the
/// simulator, a protocol, a load or a smoke scenario does, and with nothing else: not the machine, the
/// threads or the day. If a change was meant, take the new table from this test's failure, and say in
/// the commit what changed.
const DIGESTS: &str = "
smoke-conflicts/multi-leader 2fa8ac1e525796d0 14911490cbfc90c0
smoke-conflicts/leaderless 25df665450899f2e 38afc3a1e82d62c6
smoke-cut/async           2b8197713bc80f20 16161551e45ee24d
smoke-cut/semi-sync       93c38dbecdf3b46a a521e499335717e6
smoke-cut/remote-write    e2d856896e9faf0e ba3ea36dc448b352
smoke-cut/remote-apply    f025ab7962d468c0 8dd400313dfe50a8
smoke-cut/off             2c079a68bd49846c 0583404c555003ed
smoke-cut/fall-back       8033776a6d68cc87 6ec1659150ebc624
smoke-cut/wait            25056d7b6dcae5a5 90758c6d629eb54b
smoke-cut/raft            6426e23f7d2cf645 dbc1de8a121c12e1
smoke-cut/follower-reads  581b5cdc44d99f6e f0b602b7272b0b25
smoke-cut/chain           d252098631e97b35 7a53ba7300554592
smoke-cut/craq            27dae640f43e2aaf 114f946172b24660
smoke-cut/leaderless      014fe5ec91cf05af 4bb8b533093a1b73
smoke-cut/sloppy          604b1e06c76dda34 b0393ee3edd5906d
smoke-cut/abd             7d91fe0450745c66 5a86ede6271c9a7b
smoke-cut/multi-clock     7ec686b5bd151cef 6bcbb90a36afcf6b
smoke-cut/multi-causal    bcbce72928e74f9d 394d50d1ec564654
smoke-cut/certification   44cd3afc58e84ba7 9ac64c76dd38e5ff
smoke-cut/paxos           fc50d4f744405373 73e47a6de0173b8d
smoke-cut/kubernetes      96b8a17a9a7c151a c41c7f4d859d0cb2
smoke-escrow/escrow       1fa165772dfc6c9a 6e6a0a5995bd4bbc
smoke-fail-over/async     56e9286d13b1c487 e0432ba74e7c2ebe
smoke-fail-over/semi-sync cd8ec764fadeed57 bf24d9f59c47a115
smoke-fail-over/sync      a43afe14851fcb10 f942f52282e89004
smoke-fail-over/unsynced  5afe9bb15d8bfdde 77945ffd40a1e63c
smoke-fail-over/semi-sync-unfenced aba16148fd9bafe2 81086957bceedd42
smoke-faults/primary-backup 2297aefec7ea298d 032503af93ba1aab
smoke-faults/raft         450d8043d5fbb04a c05d1f3bd806595a
smoke-faults/chain        d058bdb2ce704b69 b19436fb37a983a1
smoke-faults/leaderless   e1ca432760501c69 7ee8e202b70af5e8
smoke-faults/multi-leader 611729354c062953 d777079de07ad5f2
smoke-faults/certification 247868edc0df1023 a81a089076964454
smoke-faults/paxos        6a29e9034035d0bd 4c270d720259fb08
smoke-levels/async        c09ae4ede18247b7 ee860b1b16e6bb32
smoke-levels/semi-sync    622caf58c2c1f965 fc796d42d767ce2b
smoke-levels/sync         d6feac8576aceeeb 478198de22471e86
smoke-levels/remote-write f214a3e618ed8100 fed66a8126c44528
smoke-levels/remote-apply 2a5c5f6ec229c478 db24644d50343aca
smoke-levels/off          3bc8f7938d3c8f6b 676d43556fa00e05
smoke-levels/fall-back    d6feac8576aceeeb 478198de22471e86
smoke-levels/wait         9e6b3804f1a3354e 116f3c143c4c1b3c
smoke-levels/raft         999b2cd96197b1d5 3089ef7e082cff8d
smoke-levels/raft-sync    e32544dc7ad75e6b 26d305ac33d78678
smoke-levels/commit-wait  23fdd1978280930a a082301c073ba1cb
smoke-levels/follower-reads a04e53733afab537 78f4df11ce3d7ede
smoke-levels/chain        a4ffcba9e2ebf8e3 4501f07fa56e061b
smoke-levels/craq         097f1b2ca90809a1 6ab53c943b36b6f1
smoke-levels/leaderless   8a5ee8c00b43ed6f 3e7994f257fa0c40
smoke-levels/plain        bed37c0f89a0f4c9 b40a1745cd06835e
smoke-levels/library      67b9bd54026a8173 dc9dc5379ca54a5a
smoke-levels/sloppy       8b590d926c65880b 3d16673aa9c6299e
smoke-levels/abd          92f5b2c2a221892f a8c5c8036d2e2fef
smoke-levels/abd-library  08a41311a01306e8 b51cf1b79fd2267f
smoke-levels/multi-clock  f0c1109b2c4117ff 3ad014d8f1ea3fac
smoke-levels/multi-causal effa8e4ba9a3b0fd d2d0a0850559ec15
smoke-levels/multi-star   dea3defa694c03c7 3ca26e8eaef09dbb
smoke-levels/multi-ring   0ceb9b16d4d4870c 96711930639650e2
smoke-levels/certification e70a9ef08114689d 59fcc02f9c90c486
smoke-levels/paxos        c80f741f2ed6dc8c 1c5ba8c80aaaad17
smoke-levels/paxos-region 14ac213517d64089 f19d52e83a382fda
smoke-levels/kubernetes   929e7de09bd92f08 d4f669b136184526
smoke-objects/semi-sync   f06d9d43f259565c f9ff153a9663bce4
smoke-objects/wait        10071f92a2a4838c e6a6e128de8dd872
smoke-objects/raft        138c4fa8597c8783 10b61f7ae1ce32c6
smoke-objects/chain       120a842655fe7936 948d97bb80563f62
smoke-objects/craq        f334fe19921d4036 dbc3189452d7f73a
smoke-objects/paxos       928180c0ef615de9 3c8bfe2927953886
smoke-probe/async         80446c1f1f6bbd70 80446c1f1f6bbd70
smoke-probe/semi-sync     9fa7577db65870ac 9fa7577db65870ac
smoke-probe/raft          789a428d5a495bbd 789a428d5a495bbd
smoke-random/sync         2693eb7a25c0a799 80db1d66c1e28894
smoke-random/semi-sync    9ee4cff47fb0e4c9 be7f9a2d9dbd1b58
smoke-random/raft         a1cc8ed1125e661e 25797602057a52db
smoke-random/paxos        51f5eca8fb82912c 2f5f5e303455c546
smoke-serial/serial       904f9796fb651cd1 1bc6891e838a88b8
smoke-serial/snapshots    904f9796fb651cd1 1bc6891e838a88b8
smoke-sessions/multi-leader fe206a172e53f43e 7af7d5fe52585bdc
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
