//! What comes with a verdict: how often a condition is broken, and what shows that it holds.

use super::brute::random;
use pacelc::foreign::{
    Action, Condition, History, INITIAL, Limits, Operation, Rate, Session, Verdict, Versions,
    Witness, judge, judge_in_order, rate, read,
};
use serde_json::Value;

const LIMITS: Limits<'static> =
    Limits { steps: 50_000_000, bytes: 1 << 30, witness: true, stop: None };

fn counted(history: &History, condition: Condition, versions: Option<&Versions>) -> Rate {
    let found = rate(history, condition, versions, &LIMITS).expect("it can be counted");
    assert!(found.hits <= found.of, "{condition}: {found:?}");
    found
}

/// Histories with unique writes, some of which keep what others break.
fn histories(seeds: u64) -> impl Iterator<Item = (u64, History)> {
    let all = (0..seeds).map(|seed| (seed, random(seed, 4 + (seed % 8) as usize, true)));
    all.filter(|(_, history)| !history.operations().is_empty())
}

#[test]
fn what_is_counted_is_there_iff_the_condition_is_broken() {
    let exact = ["linearizable", "delta-atomic=2", "bounded-staleness=1", "bounded-versions=1"];
    let some = ["session", "read-your-writes", "monotonic-reads", "monotonic-writes"];
    let across = ["writes-follow-reads-across-keys", "monotonic-writes-across-keys"];
    let mut violated = [0; 9];
    for (seed, history) in histories(4_000) {
        let all = exact.iter().chain(&some).chain(&across[..1]).enumerate();
        for (i, name) in all {
            let condition: Condition = name.parse().expect("a condition");
            let broken = judge(&history, condition, &LIMITS).is_violated();
            violated[i] += u32::from(broken);
            let hits = counted(&history, condition, None).hits;
            // By one order of versions a session may be blamed that another would excuse.
            assert!(hits > 0 || !broken, "{seed}: {condition} is broken by nothing");
            assert!(hits == 0 || broken || i >= exact.len(), "{seed}: {condition}: {hits}");
        }
        let causal = rate(&history, Condition::Causal, None, &LIMITS);
        let broken = judge(&history, Condition::Causal, &LIMITS).is_violated();
        assert_eq!(causal.is_none_or(|rate| rate.hits > 0), broken, "{seed}: {causal:?}");
    }
    assert!(violated[..5].iter().all(|n| *n > 50), "one-sided: {violated:?}");
}

#[test]
fn under_a_given_order_what_breaks_a_session_is_counted() {
    let mut violated = 0;
    for (seed, history) in histories(4_000) {
        let versions = by_number(&history);
        let sessions = Condition::PLAIN.map(|(_, condition)| condition).into_iter();
        let bounds = [Condition::BoundedVersions(0), Condition::BoundedStaleness(2)];
        let sessions = sessions.filter(|c| matches!(c, Condition::One(_) | Condition::Session));
        for condition in sessions.chain(bounds) {
            let verdict = judge_in_order(&history, condition, &versions, &LIMITS);
            let hits = counted(&history, condition, Some(&versions)).hits;
            assert_eq!(Some(hits == 0), verdict.decided(), "{seed}: {condition}: {verdict:?}");
            violated += u32::from(hits > 0);
        }
    }
    assert!(violated > 1_000, "{violated}");
}

/// The values of each key by number, as if a store had put them in that order.
fn by_number(history: &History) -> Versions {
    let keys = 0..history.counts().0 as u32;
    let orders = keys.map(|key| {
        let of_key = history.operations().iter().filter(|op| op.key == key);
        let mut values: Vec<i64> =
            of_key.filter_map(|op| history.value(op.value).parse().ok()).collect();
        values.sort_unstable();
        values.dedup();
        (key, values.into_iter().map(Value::from).collect::<Vec<Value>>())
    });
    let orders: Vec<(u32, Vec<Value>)> = orders.collect();
    Versions::new(history, orders.iter().map(|(key, all)| (history.key(*key), all)))
        .expect("an order")
}

#[test]
fn one_stale_read_of_many_is_one_of_many() {
    let mut text = String::new();
    let mut line = |process: u32, call: &str, at: u32| {
        text += &format!(
            "{{\"process\":{process},\"key\":\"x\",{call},\"invoke\":{at},\"complete\":{},\"ok\":true}}\n",
            at + 1
        );
    };
    for n in 0..50 {
        line(1, &format!("\"op\":\"write\",\"value\":{n}"), 10 * n);
        line(
            2,
            &format!("\"op\":\"read\",\"result\":{}", if n == 40 { 37 } else { n }),
            10 * n + 4,
        );
    }
    let history = read(text.as_bytes(), "f", None, &Value::Null).expect("a history");
    for (name, hits, of) in [
        ("linearizable", 1, 50),
        ("causal", 1, 50),
        ("sequential", 1, 50),
        ("monotonic-reads", 1, 49),
        ("session", 1, 98),
        ("k-atomic=3", 1, 50),
        ("k-atomic=4", 0, 50),
        ("bounded-versions=2", 1, 50),
        ("bounded-versions=3", 0, 50),
        ("bounded-staleness=22", 1, 50),
        ("bounded-staleness=23", 0, 50),
        ("delta-atomic=22", 1, 50),
        ("delta-atomic=23", 0, 50),
        ("read-your-writes", 0, 0),
    ] {
        let condition = name.parse().expect("a condition");
        let found = counted(&history, condition, None);
        assert_eq!((found.hits, found.of), (hits, of), "{name}: {found:?}");
        let broken = judge(&history, condition, &LIMITS).is_violated();
        assert_eq!(broken, hits > 0, "{name}");
    }
}

#[test]
fn where_values_are_not_enough_keys_are_counted() {
    let swap = |key: &str, ok: bool| {
        format!(
            "{{\"process\":1,\"key\":\"{key}\",\"op\":\"cas\",\"expected\":null,\"value\":1,\"result\":{ok},\
             \"invoke\":0,\"complete\":1,\"ok\":true}}\n"
        )
    };
    let text = swap("a", true) + &swap("b", false).replace("process\":1", "process\":2");
    let history = read(text.as_bytes(), "f", None, &Value::Null).expect("a history");
    let found = counted(&history, Condition::Linearizable, None);
    assert_eq!((found.hits, found.of, found.things), (1, 2, "keys"));
    let poor = Limits { steps: 0, ..LIMITS };
    assert_eq!(rate(&history, Condition::Linearizable, None, &poor), None, "no budget, no figure");
    assert_eq!(rate(&history, Condition::Causal, None, &LIMITS), None, "it is not defined");
}

/// How many writes a read missed by real time alone, by the definition.
fn versions_missed(ops: &[Operation], read: &Operation) -> u64 {
    let writes = || ops.iter().filter(|op| op.action == Action::Write && op.key == read.key);
    let source = writes().find(|op| op.value == read.value && op.value != INITIAL);
    let newer = |op: &&Operation| {
        op.completed < read.invoked && source.is_none_or(|source| source.completed < op.invoked)
    };
    writes().filter(newer).count() as u64
}

#[test]
fn versions_are_bounded_as_defined_and_as_few_as_said() {
    let mut violated = 0;
    for (seed, history) in histories(6_000) {
        let ops = history.operations();
        let reads = ops.iter().filter(|op| op.action == Action::Read && op.counts());
        let possible = judge(&history, Condition::BoundedStaleness(u64::MAX), &LIMITS).holds();
        let most = reads.map(|read| versions_missed(ops, read)).max().unwrap_or(0);
        for k in 0..4 {
            let verdict = judge(&history, Condition::BoundedVersions(k), &LIMITS);
            assert_eq!(verdict.holds(), possible && most <= k.into(), "{seed}: {k}: {verdict:?}");
            if let Verdict::Violated(example) = verdict
                && possible
            {
                violated += 1;
                // The read, what it read if anybody wrote that, and one version too many.
                let few = example.operations.len();
                assert!((k as usize + 2..=k as usize + 3).contains(&few), "{seed}: {example:?}");
            }
        }
    }
    assert!(violated > 300, "{violated}");
}

#[test]
fn witnesses_are_what_they_say() {
    let (mut orders, mut slacks, mut stale) = (0, 0, 0);
    for (seed, history) in histories(3_000) {
        for (name, condition) in Condition::PLAIN {
            let Verdict::Holds(witness) = judge(&history, condition, &LIMITS) else { continue };
            match witness {
                Witness::Versions(all) => {
                    orders += 1;
                    let json = |v: &u32| serde_json::from_str(history.value(*v)).expect("JSON");
                    let values = |all: &[u32]| all.iter().map(json).collect::<Vec<Value>>();
                    let all: Vec<(&str, Vec<Value>)> =
                        all.iter().map(|(key, v)| (history.key(*key), values(v))).collect();
                    let versions = Versions::new(&history, all.iter().map(|(k, v)| (*k, v)));
                    let versions = versions.expect("an order");
                    let again = judge_in_order(&history, condition, &versions, &LIMITS);
                    assert!(again.holds(), "{seed}: {name}: {again:?} by {all:?}");
                }
                Witness::NoPattern { patterns, looked_at, .. } => {
                    assert!(patterns.contains(&"WriteCORead"), "{seed}: {name}");
                    let counts = history.operations().iter().filter(|op| op.counts()).count();
                    assert_eq!(looked_at[0] + looked_at[1], counts as u64, "{seed}: {name}");
                }
                Witness::Order(_) => {}
                other => panic!("{seed}: {name}: {other:?}"),
            }
        }
        match judge(&history, Condition::KAtomic(3), &LIMITS) {
            Verdict::Holds(Witness::LeastVersions(k)) => {
                slacks += u32::from(k > 1);
                assert!(judge(&history, Condition::KAtomic(k), &LIMITS).holds(), "{seed}");
                let less = Condition::KAtomic(k.max(2) - 1);
                assert!(k == 1 || judge(&history, less, &LIMITS).is_violated(), "{seed}: {k}");
            }
            Verdict::Holds(other) => panic!("{seed}: {other:?}"),
            _ => {}
        }
        let verdict = judge(&history, Condition::BoundedStaleness(9), &LIMITS);
        if let Verdict::Holds(Witness::Stalest { ticks, versions, .. }) = verdict {
            stale += 1;
            assert!(ticks > 0 && versions > 0, "{seed}");
            assert!(judge(&history, Condition::BoundedStaleness(ticks), &LIMITS).holds(), "{seed}");
            let less = Condition::BoundedStaleness(ticks - 1);
            assert!(judge(&history, less, &LIMITS).is_violated(), "{seed}: {ticks}");
        }
    }
    assert!(orders > 1_000 && slacks > 50 && stale > 50, "{orders} {slacks} {stale}");
}

#[test]
fn across_keys_each_triple_is_asked_of_some_order() {
    // By the definition: after reading w, nothing older than what w's session did before w.
    for (seed, history) in histories(6_000) {
        let versions = by_number(&history);
        for (one, kind) in [
            (Session::MonotonicWritesAcrossKeys, Action::Write),
            (Session::WritesFollowReadsAcrossKeys, Action::Read),
        ] {
            let ops: Vec<&Operation> =
                history.operations().iter().filter(|op| op.counts()).collect();
            let before = |a: &Operation, b: &Operation| a.process == b.process && a.line < b.line;
            let number = |op: &Operation| history.value(op.value).parse::<i64>().unwrap_or(-1);
            let mut broken = false;
            let reads = || ops.iter().filter(|op| op.action == Action::Read);
            for read in reads() {
                let writes = ops.iter().filter(|w| w.action == Action::Write);
                for write in writes.filter(|w| (w.key, w.value) == (read.key, read.value)) {
                    for earlier in ops.iter().filter(|e| e.action == kind && before(e, write)) {
                        let later = reads().filter(|l| l.key == earlier.key && before(read, l));
                        broken |= later.into_iter().any(|l| number(l) < number(earlier));
                    }
                }
            }
            let verdict = judge_in_order(&history, Condition::One(one), &versions, &LIMITS);
            assert_eq!(verdict.decided(), Some(!broken), "{seed}: {one:?}: {verdict:?}");
        }
    }
}
