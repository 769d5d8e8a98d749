//! Last write wins: what conflicting writes come to, and how many acknowledged writes are lost.

use crate::common::{plan, simulate};
use pacelc::analysis::{Context, Slot, summarize};
use pacelc::guarantee::Guarantee;
use pacelc::history::{History, Operation, Phase, Status};
use pacelc::op::{OpKind, Value};
use pacelc::scenario::plan::Plan;
use pacelc::time::Duration;

/// Two sides of a cut that both write the only key: one at the very start, the other a moment later
/// or at the start too. Their replicas' clocks are ahead by so many milliseconds.
fn two_sides(stamps: &str, ahead: [f64; 2], second: &str) -> History {
    let [a, b] = ahead;
    let text = format!(
        r#"
        question = "Apple or banana?"
        analysis = "One write on each side of a cut."
        replicas = [
            {{ region = "a", clock = {{ offset_ms = {a} }} }},
            {{ region = "b", clock = {{ offset_ms = {b} }} }},
        ]
        operations = 2

        [regions]
        symmetric = true
        intra_az_rtt_ms = 0.0
        cross_az_rtt_ms = 0.0
        [regions.rtt_ms.a]
        b = 80

        [[clients]]
        region = "a"
        sessions = 1

        [[clients]]
        region = "b"
        sessions = 1
        workload = {{ update = 1.0, arrivals = {{ {second} = {{ rate = 0.5 }} }} }}

        [workload]
        update = 1.0
        records = 1
        arrivals = {{ constant = {{ rate = 0.001 }} }}

        [[faults]]
        cut = ["b"]
        start = "0ms"
        end = "100s"

        [[modes]]
        protocol = "multi-leader"
        config = {{ stamps = "{stamps}" }}
        levels = ["eventual-nearest"]
        "#
    );
    simulate(&plan(&text), 3).history
}

/// The two writes, both acknowledged: apple by the first side, banana by the second.
fn apple_and_banana(history: &History) -> (Operation, Operation) {
    let writes = &history.operations;
    assert!(writes.len() == 2 && writes.iter().all(|op| op.status == Status::Ok), "{writes:?}");
    assert_eq!([writes[0].group, writes[1].group], [0, 1]);
    (writes[0], writes[1])
}

/// What all replicas hold in the end.
fn winner(history: &History) -> Value {
    let held: Vec<Value> = history.finals.iter().map(|replica| replica.values[0]).collect();
    assert_eq!(held[0], held[1], "the sides agree after the cut");
    held[0]
}

#[test]
fn of_two_writes_at_once_the_one_with_the_later_clock_stays() {
    for stamps in ["clock", "hlc"] {
        let history = two_sides(stamps, [1_001.0, 1_002.0], "constant");
        let (apple, banana) = apple_and_banana(&history);
        assert_eq!(apple.invoked, banana.invoked);
        assert_eq!(winner(&history), banana.value, "banana everywhere, and apple is gone");
        let history = two_sides(stamps, [1_002.0, 1_001.0], "constant");
        let (apple, _) = apple_and_banana(&history);
        assert_eq!(winner(&history), apple.value);
    }
}

#[test]
fn a_clock_that_is_behind_by_more_than_the_gap_makes_the_older_write_win() {
    let (apple, banana) = apple_and_banana(&two_sides("clock", [0.0, 0.0], "poisson"));
    let gap = banana.invoked.since(apple.completed).as_ms();
    assert!(gap > 1.0, "banana was written when apple had been acknowledged: {gap} ms");
    for (behind, older_wins) in [(0.0, false), (gap - 0.001, false), (gap + 0.001, true)] {
        let history = two_sides("clock", [0.0, -behind], "poisson");
        let (apple, banana) = apple_and_banana(&history);
        let expected = if older_wins { apple } else { banana };
        assert_eq!(winner(&history), expected.value, "behind by {behind} of {gap} ms");
        assert_eq!(writes(&history).lost, u64::from(older_wins), "banana is lost to the older one");
    }
}

/// The figures of all measured writes.
fn writes(history: &History) -> Slot {
    let timeout = Duration::secs(10);
    let context = Context { promise: Guarantee::Eventual, timeout, regions: Vec::new() };
    let summary = summarize(history, &context);
    let phases = [Phase::Healthy, Phase::Partitioned];
    let mut slots = phases.iter().filter_map(|p| summary.slot_of_all(*p, OpKind::Write));
    let mut all = slots.next().expect("writes were measured");
    slots.for_each(|slot| all.merge(&slot));
    assert_eq!(all.placed, all.ok, "every acknowledged write has its place");
    all
}

/// Three leaders, 40, 60 and 80 ms apart one way; each writes each key once a second.
fn contended(stamps: &str, skew_ms: f64) -> Plan {
    let text = format!(
        r#"
        question = "How many acknowledged writes are lost?"
        analysis = "Constant delays."
        replicas = [{{ region = "a", clock = {{ offset_ms = {skew_ms} }} }}, "b", "c"]
        operations = 20000

        [regions]
        symmetric = true
        intra_az_rtt_ms = 0.2
        cross_az_rtt_ms = 0.2
        [regions.rtt_ms.a]
        b = 80
        c = 120
        [regions.rtt_ms.b]
        c = 160

        [[clients]]
        region = "a"
        sessions = 4
        [[clients]]
        region = "b"
        sessions = 4
        [[clients]]
        region = "c"
        sessions = 4

        [workload]
        update = 1.0
        keys = "uniform"
        records = 20
        arrivals = {{ poisson = {{ rate = 20 }} }}

        [[modes]]
        protocol = "multi-leader"
        config = {{ stamps = "{stamps}" }}
        levels = ["eventual-nearest"]
        "#
    );
    plan(&text)
}

#[test]
fn lost_writes_rise_with_skew_and_hybrid_clocks_bound_them() {
    let skews = [0.0, 1.0, 10.0, 100.0, 250.0];
    let rates = |stamps: &str| {
        skews.map(|skew| {
            let slot = writes(&simulate(&contended(stamps, skew), 5).history);
            slot.lost as f64 / slot.placed as f64
        })
    };
    let (clock, hlc) = (rates("clock"), rates("hlc"));
    println!("skew {skews:?} ms: by clocks {clock:?}, by hybrid clocks {hlc:?}");
    assert_eq!((clock[0], hlc[0]), (0.0, 0.0), "true clocks and steady links lose nothing");
    assert!(clock.windows(2).all(|pair| pair[0] < pair[1]), "{clock:?}");
    // Two thirds of the writes are not the fast region's, which writes a key once a second; a loss
    // takes one within the skew, less the 0.2 ms until it is acknowledged.
    let expected = |skew: f64| (1.0 - libm::exp(-(skew - 0.2) / 1_000.0)) * 2.0 / 3.0;
    for (skew, rate) in [(100.0, clock[3]), (250.0, clock[4])] {
        assert!((rate / expected(skew) - 1.0).abs() < 0.1, "{skew} ms: {rate}");
    }
    // By hybrid clocks a write is lost only to what is under way, whatever the skew.
    assert!(hlc[1] > 0.0 && hlc[3] < clock[3] && hlc[4] < 0.6 * clock[4], "{hlc:?}");
    assert!(hlc[4] < 1.5 * hlc[3], "it goes flat: {hlc:?}");
}
