//! Three nodes split 1 | 2, and a primary that crashes: what each side can and cannot do, in virtual time
//! and against the simulator's own knowledge.

use crate::common::{plan, simulate};
use pacelc::analysis::{Context, PHASES, Verdict, judge, summarize};
use pacelc::guarantee::Guarantee;
use pacelc::history::{Commit, History, Operation, Status};
use pacelc::op::{Key, OpKind, Rank, Value};
use pacelc::scenario::plan::{Arrivals, Plan};
use pacelc::time::{Duration, Instant};
use std::collections::BTreeMap;

const CUT: Instant = Instant(10_000_000_000);
const HEALED: Instant = Instant(25_000_000_000);
/// Of every operation.
const TIMEOUT: Duration = Duration::secs(2);
/// Clients turn to another replica after this.
const ATTEMPT: Duration = Duration::millis(100);
/// etcd's election timeout as its file has it; a member waits for up to twice as long.
const ELECTION: Duration = Duration::secs(1);
/// Between the two members that are left together.
const RTT: Duration = Duration::millis(40);

/// Replicas and clients in regions a, b and c; one region is cut off from the others.
fn split(cut: &str, replicas: &str, mode: &str) -> Plan {
    plan(&format!(
        r#"
        question = "What can each side do?"
        analysis = "Constant delays; three nodes, split one against two."
        replicas = {replicas}
        duration = "40s"
        timeout = "2s"
        attempt_timeout = "100ms"
        [regions]
        symmetric = true
        intra_az_rtt_ms = 0.0
        cross_az_rtt_ms = 0.0
        [regions.rtt_ms.a]
        b = 50
        c = 80
        [regions.rtt_ms.b]
        c = 40
        [[clients]]
        region = "a"
        sessions = 40
        [[clients]]
        region = "b"
        sessions = 40
        [[clients]]
        region = "c"
        sessions = 40
        [workload]
        read = 0.5
        update = 0.5
        keys = "uniform"
        records = 20
        arrivals = {{ poisson = {{ rate = 20 }} }}
        [[faults]]
        cut = ["{cut}"]
        start = "10s"
        end = "25s"
        [[modes]]
        {mode}
        "#
    ))
}

const ALIKE: &str = "[\"a\", \"b\", \"c\"]";

/// What was begun in the cut by clients of a group, early enough to time out in it.
fn in_cut(history: &History, group: u16) -> impl Iterator<Item = &Operation> {
    let meant = move |op: &&Operation| {
        op.group == group && CUT <= op.intended && op.intended + TIMEOUT < HEALED
    };
    history.operations.iter().filter(meant)
}

/// Acknowledged writes that are gone in the end: taken back, or beaten by an older one.
fn gone(plan: &Plan, history: &History, promise: Guarantee) -> u64 {
    let context = Context { promise, timeout: plan.timeout, regions: Vec::new() };
    let summary = summarize(history, &context);
    let slots = PHASES.iter().filter_map(|phase| summary.slot_of_all(*phase, OpKind::Write));
    slots.map(|slot| slot.lost + slot.undone.hits).sum()
}

#[test]
fn the_majority_of_an_etcd_cluster_goes_on_and_the_isolated_member_refuses() {
    let mode = "system = \"etcd\"\nlevels = [\"linearizable\"]";
    // First its leader is cut off, then a follower.
    for (cut, alone) in [("a", 0_u16), ("c", 2)] {
        let plan = split(cut, ALIKE, mode);
        for seed in 1..=10 {
            let history = simulate(&plan, seed).history;
            assert_eq!(judge(&history, Guarantee::Linearizable), Verdict::Holds, "seed {seed}");
            assert_eq!(gone(&plan, &history, Guarantee::Linearizable), 0, "seed {seed}");
            let refused = in_cut(&history, alone).filter(|op| op.status == Status::Ok).count();
            assert_eq!(refused, 0, "{cut} is isolated and answered, seed {seed}");
            let settled = if alone == 0 { elected_by(&history, seed) } else { CUT };
            // From then on both regions of the majority are served.
            for group in [0, 1, 2].into_iter().filter(|group| *group != alone) {
                let later = || in_cut(&history, group).filter(|op| op.intended > settled);
                assert!(later().count() > 100 && later().all(|op| op.status == Status::Ok));
            }
        }
    }
}

/// Asserts that the others soon elect a leader in place of the one that was cut off, and returns when clients
/// have found it.
fn elected_by(history: &History, seed: u64) -> Instant {
    let decided = history.commits.iter().find(|commit| commit.at > CUT + RTT + RTT);
    let first = decided.expect("the majority goes on").at;
    // An election and its two rounds, then a round for the write that a client brings, who asks again after
    // ATTEMPT at the latest.
    let elected = CUT + ELECTION.scale(2.0) + RTT + RTT;
    let latest = elected + RTT + ATTEMPT;
    assert!(first <= latest, "{first:?} is after {latest:?}, seed {seed}");
    assert!(first >= CUT + Duration::millis(800), "{first:?}: nobody had to be elected");
    latest + Duration::millis(500)
}

#[test]
fn serializable_reads_at_the_isolated_member_are_as_stale_as_the_partition_is_old() {
    let mode = "system = \"etcd\"\nlevels = [\"eventual-nearest\"]";
    let plan = split("a", ALIKE, mode);
    let history = simulate(&plan, 1).history;
    let decided: BTreeMap<Value, Instant> =
        history.commits.iter().map(|commit| (commit.value, commit.at)).collect();
    let reads: Vec<&Operation> = in_cut(&history, 0).filter(|op| op.kind == OpKind::Read).collect();
    assert!(reads.len() > 100 && reads.iter().all(|op| op.status == Status::Ok));
    for read in &reads {
        let at = decided.get(&read.value);
        assert!(at.is_none_or(|at| *at < CUT + RTT), "it saw a write of the other side: {read:?}");
    }
    // Once the other side writes again, what a read misses is nearly as old as the partition.
    let first = history.commits.iter().find(|commit| commit.at > CUT + RTT + RTT).expect("one").at;
    let oldest = reads.iter().map(|read| missed(&history, read)).max().expect("some read");
    let age = reads.last().expect("some read").invoked.since(first);
    assert!(oldest <= age && oldest >= age.scale(0.8), "{oldest:?} of {age:?}");
    assert!(oldest > Duration::secs(8), "{oldest:?}");
    assert_eq!(
        in_cut(&history, 0).filter(|op| op.may_write() && op.status == Status::Ok).count(),
        0
    );
}

/// For how long the oldest acknowledged write that a read misses had been there.
fn missed(history: &History, read: &Operation) -> Duration {
    let others = |op: &&Operation| {
        op.kind == OpKind::Write
            && op.status == Status::Ok
            && op.key == read.key
            && CUT < op.invoked
    };
    let ended = history.operations.iter().filter(others).map(|op| op.completed);
    ended
        .min()
        .filter(|end| *end < read.invoked)
        .map_or(Duration::ZERO, |end| read.invoked.since(end))
}

#[test]
fn cassandra_at_one_answers_both_sides_converges_and_counts_what_it_lost() {
    // The clock of the node that will be alone is behind, so some of what it acknowledges is beaten by
    // writes that had ended before.
    let behind = "[\"a\", \"b\", { region = \"c\", clock = { offset_ms = -300 } }]";
    let mode = "system = \"cassandra\"\nlevels = [\"one\"]";
    for (replicas, loses) in [(ALIKE, false), (behind, true)] {
        let plan = split("c", replicas, mode);
        let history = simulate(&plan, 1).history;
        for group in 0..3 {
            let mut asked = 0;
            for op in in_cut(&history, group) {
                asked += 1;
                assert_eq!(op.status, Status::Ok, "{op:?}");
            }
            assert!(asked > 200, "{asked}");
        }
        assert!(history.finals.windows(2).all(|pair| pair[0].values == pair[1].values));
        assert_eq!(judge(&history, Guarantee::Eventual), Verdict::Holds);
        let lost = beaten(&history);
        assert_eq!(gone(&plan, &history, Guarantee::Eventual), lost);
        assert_eq!(lost > 10, loses, "{lost}");
        // Of the writes that both sides made without knowing of each other, one of each key stays.
        let last = |group: &[u16]| {
            let mut last: BTreeMap<Key, Value> = BTreeMap::new();
            let writes = history.operations.iter().filter(|op| op.may_write());
            for op in writes.filter(|op| group.contains(&op.group) && op.invoked < HEALED) {
                last.insert(op.key, op.value);
            }
            last
        };
        assert!(last(&[0, 1]).len() == 20 && last(&[2]).len() == 20);
    }
}

/// Acknowledged writes below one of their key that had been acknowledged before they began, counted from
/// the stamps alone.
fn beaten(history: &History) -> u64 {
    let rank: BTreeMap<Value, Rank> =
        history.commits.iter().map(|commit| (commit.value, commit.rank)).collect();
    let done = |op: &&Operation| op.kind == OpKind::Write && op.status == Status::Ok;
    let writes: Vec<&Operation> = history.operations.iter().filter(done).collect();
    let loses = |write: &&&Operation| {
        writes.iter().any(|older| {
            older.key == write.key
                && older.completed < write.invoked
                && rank.get(&older.value) > rank.get(&write.value)
        })
    };
    writes.iter().filter(loses).count() as u64
}

/// A primary that crashes, and clients that write every key once.
fn crashing(acknowledge: &str, crash_ms: u64) -> Plan {
    plan(&format!(
        r#"
            question = "What does the crash take back?"
            analysis = "Every key is written once, so nothing hides what is gone."
            replicas = ["a", "b", "c"]
            duration = "14s"
            [regions]
            symmetric = true
            intra_az_rtt_ms = 0.0
            cross_az_rtt_ms = 0.0
            [regions.rtt_ms.a]
            b = 50
            c = 80
            [regions.rtt_ms.b]
            c = 40
            [replica]
            disk_ms = 2
            [[clients]]
            region = "a"
            sessions = 40
            [workload]
            insert = 1.0
            records = 1
            arrivals = {{ constant = {{ rate = 200 }} }}
            [[faults]]
            crash = "n0"
            start = "{crash_ms}ms"
            end = "12s"
            [[modes]]
            protocol = "primary-backup"
            config = {{ {acknowledge} }}
            levels = ["eventual-nearest"]
            "#
    ))
}

#[test]
fn a_primary_that_acknowledges_ahead_of_its_disk_loses_what_is_younger_than_its_last_sync() {
    let lag = Duration::millis(500);
    for (crash_ms, seed) in [(10_000_u64, 1), (10_130, 2), (10_499, 3)] {
        let plan = crashing("acknowledge = \"async\", flush_every = \"500ms\"", crash_ms);
        let history = simulate(&plan, seed).history;
        let crash = Instant::ZERO + Duration::millis(crash_ms);
        let held = |op: &Operation| {
            history
                .finals
                .iter()
                .any(|replica| replica.values.get(op.key.0 as usize) == Some(&op.value))
        };
        let done = |op: &&Operation| op.kind == OpKind::Write && op.status == Status::Ok;
        let before = history.operations.iter().filter(done).filter(|op| op.completed < crash);
        let (kept, lost): (Vec<&Operation>, Vec<&Operation>) = before.partition(|op| held(op));
        assert!(kept.len() > 1_000);
        // What is gone is the end of what was acknowledged, and no older than the lag and one sync.
        let sync = Duration::millis(2);
        let last_kept = kept.iter().map(|op| op.completed).max().expect("some are kept");
        for op in &lost {
            assert!(op.completed > last_kept, "{op:?} is gone, and a younger one is not");
            assert!(crash.since(op.completed) <= lag + sync, "{op:?} is older than the lag");
        }
        assert_eq!(
            gone(&plan, &history, Guarantee::Eventual),
            lost.len() as u64,
            "crash at {crash_ms} ms"
        );
        let synced = simulate(&crashing("acknowledge = \"async\"", crash_ms), seed);
        assert_eq!(gone(&plan, &synced.history, Guarantee::Eventual), 0, "synced before it counts");
        assert!(crash_ms == 10_000 || !lost.is_empty(), "nothing is gone at {crash_ms} ms");
    }
}

/// What a fail-over would lose: nobody takes over from an asynchronous primary here, but its backups show
/// what they would begin with.
#[test]
fn backups_cut_off_from_an_asynchronous_primary_lack_what_is_younger_than_the_replication_lag() {
    // One way from the primary to the backup whose clients read there.
    let lag = Duration::millis(25);
    let text = |acknowledge: &str| {
        let mode = format!(
            "protocol = \"primary-backup\"\nconfig = {{ acknowledge = \"{acknowledge}\" }}\n\
             levels = [\"eventual-nearest\"]"
        );
        let mut plan = split("a", ALIKE, &mode);
        // Clients beside the primary write, those beside the backup read.
        for (group, shares) in plan.clients.iter_mut().zip([(0.0, 1.0), (1.0, 0.0), (1.0, 0.0)]) {
            (group.mix.read, group.mix.update) = shares;
            group.mix.arrivals = Arrivals::Poisson { rate: 150.0 };
        }
        plan
    };
    for seed in 1..=5 {
        let history = simulate(&text("async"), seed).history;
        let shipped = |commit: &&Commit| commit.at + lag < CUT;
        let mut held: BTreeMap<Key, Value> = BTreeMap::new();
        held.extend(history.commits.iter().filter(shipped).map(|c| (c.key, c.value)));
        let reads = in_cut(&history, 1).filter(|op| op.invoked > CUT + lag);
        let mut seen = 0;
        for read in reads {
            seen += 1;
            let expected = held.get(&read.key).copied().unwrap_or(Value::INITIAL);
            assert_eq!((read.status, read.value), (Status::Ok, expected), "seed {seed}: {read:?}");
        }
        assert!(seen > 1_000, "{seen}");
        let acknowledged = |op: &&Operation| {
            op.kind == OpKind::Write && op.status == Status::Ok && op.completed < CUT
        };
        let writes = history.operations.iter().filter(acknowledged);
        let lacking = writes.filter(|op| op.completed + lag >= CUT).count();
        assert!(lacking > 0 && lacking < 20, "seed {seed}: {lacking}");
        // Where an acknowledgement waits for the backups, they lack none.
        let history = simulate(&text("all"), seed).history;
        let mut held: BTreeMap<Key, Value> = BTreeMap::new();
        let ended = history.operations.iter().filter(acknowledged);
        let ended: BTreeMap<Value, Key> = ended.map(|op| (op.value, op.key)).collect();
        let last = history.commits.iter().filter(|commit| ended.contains_key(&commit.value));
        held.extend(last.map(|commit| (commit.key, commit.value)));
        let place: BTreeMap<Value, usize> =
            history.commits.iter().zip(1..).map(|(commit, at)| (commit.value, at)).collect();
        for read in in_cut(&history, 1).filter(|op| op.invoked > CUT + lag) {
            let least = held.get(&read.key).and_then(|value| place.get(value));
            assert!(place.get(&read.value) >= least, "seed {seed}: {read:?} misses {least:?}");
        }
    }
}
