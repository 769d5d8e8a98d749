//! Inputs that a lenient checker judges wrongly: extreme times, numbers that doubles merge, orders of
//! versions with gaps; and verdicts that must come soon.

use super::brute::{only, random};
use pacelc::foreign::{Condition, History, Limits, Verdict, Versions, judge, judge_in_order, read};
use serde_json::{Value, json};
use std::fmt::Write as _;

fn try_read(text: &str, initial: &Value) -> Result<History, String> {
    read(text.as_bytes(), "f", None, initial).map_err(|error| error.to_string())
}

fn parse(text: &str) -> History {
    try_read(text, &Value::Null).expect("a history")
}

fn op(process: u32, call: &str, invoke: u64, complete: u64) -> String {
    format!(
        "{{\"process\":{process},\"key\":\"x\",{call},\"invoke\":{invoke},\"complete\":{complete},\"ok\":true}}\n"
    )
}

fn write(process: u32, value: &str, at: u64) -> String {
    op(process, &format!("\"op\":\"write\",\"value\":{value}"), at, at + 1)
}

fn seen(process: u32, value: &str, at: u64) -> String {
    op(process, &format!("\"op\":\"read\",\"result\":{value}"), at, at + 1)
}

fn word(text: &str, condition: Condition) -> Option<bool> {
    judge(&parse(text), condition, &Limits::default()).decided()
}

#[test]
fn a_time_that_means_never_is_refused() {
    let read_5 = "\"op\":\"read\",\"result\":5";
    for (invoke, complete) in [(4, u64::MAX), (4, 1 << 63), (u64::MAX, u64::MAX)] {
        let text = write(1, "1", 0) + &op(3, read_5, invoke, complete);
        let error = try_read(&text, &Value::Null).expect_err("too late");
        assert!(
            error.starts_with("f:2: a time is a whole number of ticks from 0 to 92233"),
            "{error}"
        );
    }
    // The last instant is one like any other.
    assert_eq!(
        word(&(write(1, "1", 0) + &op(3, read_5, 4, (1 << 63) - 1)), Condition::Linearizable),
        Some(false)
    );
}

#[test]
fn numbers_are_compared_by_what_they_are() {
    for (written, other) in [("1", "1.0"), ("0", "-0"), ("[1e0]", "[1]")] {
        let text = write(1, written, 0) + &seen(2, other, 4);
        assert_eq!(word(&text, Condition::Linearizable), Some(true), "{written} {other}");
    }
    let text = write(1, "18446744073709551616", 0);
    let error = try_read(&text, &Value::Null).expect_err("beyond 64 bits");
    assert!(error.starts_with("f:1: a number near"), "{error}");
    let edn = "{:process 0, :type :invoke, :f :write, :value 18446744073709551617}\n";
    assert!(try_read(edn, &Value::Null).is_err_and(|error| error.starts_with("f:1: a number")));
    let big = serde_json::from_str("18446744073709551617").expect("JSON");
    assert!(try_read(&write(1, "1", 0), &big).is_err_and(|error| error.contains("initial")));
    assert!(
        judge(
            &try_read(&seen(1, "10", 0), &json!(10.0)).expect("a history"),
            Condition::Linearizable,
            &Limits::default()
        )
        .holds()
    );
}

#[test]
fn a_set_begins_with_each_element_once() {
    let text = op(1, "\"op\":\"insert\",\"value\":1", 0, 1);
    let error = try_read(&text, &json!([2, 2])).expect_err("2 twice");
    assert!(error.contains("each element once"), "{error}");
    assert!(try_read(&text, &json!([2, 3])).is_ok());
}

fn given(text: &str, condition: &str, order: &Value) -> Option<bool> {
    let history = parse(text);
    let order: Vec<Value> = order.as_array().expect("values").clone();
    let versions = Versions::new(&history, [("x", &order)]).expect("an order");
    let condition = condition.parse().expect("a condition");
    judge_in_order(&history, condition, &versions, &Limits::default()).decided()
}

#[test]
fn a_given_order_is_what_sessions_are_judged_by() {
    // Under some order this holds, under the given one it does not.
    let text = write(1, "1", 0) + &write(2, "2", 0) + &seen(3, "1", 4) + &seen(3, "2", 6);
    for condition in ["session", "monotonic-reads"] {
        assert_eq!(given(&text, condition, &json!([1, 2])), Some(true), "{condition}");
        assert_eq!(given(&text, condition, &json!([2, 1])), Some(false), "{condition}");
        // What has no place earns nothing.
        assert_eq!(given(&text, condition, &json!([])), None, "{condition}");
        assert_eq!(given(&text, condition, &json!([2])), None, "{condition}");
    }
    let swap = "\"op\":\"cas\",\"expected\":1,\"value\":2,\"result\":true";
    let text = write(1, "1", 0) + &op(1, swap, 2, 3) + &seen(1, "1", 4);
    assert_eq!(given(&text, "read-your-writes", &json!([1, 2])), None);
    let history = parse(&write(1, "1", 0));
    let twice = [json!(1), json!(1)];
    assert!(Versions::new(&history, [("x", &twice)]).is_err_and(|why| why.contains("twice")));
}

#[test]
fn k_atomicity_is_of_registers_and_what_failed_is_ignored() {
    let add = |n: u64, at| op(1, &format!("\"op\":\"add\",\"value\":{n}"), at, at + 1);
    let text = add(2, 0) + &add(3, 2) + &add(1, 4) + &seen(2, "5", 9);
    for k in [1, 2] {
        match judge(&parse(&text), Condition::KAtomic(k), &Limits::default()) {
            Verdict::Unknown(why) => assert!(why.contains("ask for linearizable"), "{why}"),
            other => panic!("{other:?}"),
        }
    }
    match judge(&parse(&text), Condition::DeltaAtomic(1), &Limits::default()) {
        Verdict::Violated(example) => assert!(!example.message.contains("nobody"), "{example:?}"),
        other => panic!("{other:?}"),
    }
    let cas = "\"op\":\"cas\",\"expected\":7,\"value\":8";
    let failed = op(1, cas, 2, 3).replace("\"ok\":true", "\"ok\":false");
    let text = write(1, "1", 0) + &failed + &seen(2, "1", 9);
    assert_eq!(word(&text, Condition::KAtomic(2)), Some(true));
}

/// Sixteen processes that take turns on one key: each reads what the one before it wrote, and writes.
/// Read number `stale` returns the first write instead of the last.
fn turns(operations: u64, stale: Option<u64>) -> String {
    let (mut text, mut last) = (String::new(), 0);
    for i in 0..operations {
        let (process, at) = ((i / 2 + i % 2) % 16, 3 * i);
        let call = if i % 2 == 0 {
            last = i + 1;
            format!("\"op\":\"write\",\"value\":{last}")
        } else {
            let value = if stale == Some(i) { 1 } else { last };
            format!("\"op\":\"read\",\"result\":{value}")
        };
        let _ = write!(text, "{}", op(process as u32, &call, at, at + 1));
    }
    text
}

#[test]
fn sessions_of_many_operations_are_decided_within_the_budget() {
    let limits = Limits { steps: 1_000_000, ..Limits::default() };
    let (good, bad) = (parse(&turns(50_000, None)), parse(&turns(50_000, Some(48_993))));
    for name in ["session", "read-your-writes", "monotonic-reads", "writes-follow-reads"] {
        let condition = name.parse().expect("a condition");
        assert_eq!(judge(&good, condition, &limits).decided(), Some(true), "{name}");
    }
    match judge(&bad, Condition::Session, &limits) {
        Verdict::Violated(example) => assert!(example.operations.len() <= 8, "{example:?}"),
        other => panic!("{other:?}"),
    }
}

/// The same over many keys, of which one has a stale read.
fn turns_over_keys(operations: u64, keys: u64, stale: Option<u64>) -> String {
    let (mut text, mut held) = (String::new(), vec![(0, 0); keys as usize]);
    for i in 0..operations {
        let (process, at, key) = ((i / 2 + i % 2) % 16, 3 * i, i / 2 * 7_919 % keys);
        let (first, last) = &mut held[key as usize];
        let call = if i % 2 == 0 {
            *last = i + 1;
            *first = if *first == 0 { *last } else { *first };
            format!("\"op\":\"write\",\"value\":{last}")
        } else {
            let value = if stale == Some(i) { *first } else { *last };
            format!("\"op\":\"read\",\"result\":{value}")
        };
        let line = op(process as u32, &call, at, at + 1).replace("\"x\"", &format!("\"k{key}\""));
        text += &line;
    }
    text
}

#[test]
fn one_stale_read_in_a_large_file_is_found_near_linearly_and_told_in_few() {
    // Fifty steps an operation: whatever looks at pairs of operations is far beyond.
    let operations = 200_000;
    let limits = Limits { steps: 50 * operations, ..Limits::default() };
    let one_key = parse(&turns(operations, Some(180_001)));
    for (_, condition) in Condition::PLAIN {
        let verdict = judge(&one_key, condition, &limits);
        match (condition, verdict) {
            (_, Verdict::Unknown(why)) => panic!("{condition}: {why}"),
            (_, Verdict::Violated(example)) => {
                assert!(example.operations.len() <= 64, "{condition}: {example:?}");
                assert!(!example.message.contains("budget"), "{condition}: {example:?}");
            }
            (_, Verdict::Holds(_)) => {
                assert!(matches!(condition, Condition::One(_)), "{condition} holds");
            }
        }
    }
}

#[test]
fn across_many_keys_sessions_are_judged_near_linearly() {
    let operations = 200_000;
    let limits = Limits { steps: 50 * operations, ..Limits::default() };
    let broken = parse(&turns_over_keys(operations, 100, Some(180_001)));
    let [mw, wfr] = ["monotonic-writes-across-keys", "writes-follow-reads-across-keys"]
        .map(|name| judge(&broken, name.parse().expect("a condition"), &limits));
    match mw {
        Verdict::Violated(example) => assert!(example.operations.len() <= 16, "{example:?}"),
        other => panic!("{other:?}"),
    }
    assert!(wfr.decided().is_some(), "{wfr:?}");
    // Without the steps to say so it is unknown.
    let poor = Limits { steps: 1_000, ..limits };
    let condition = "monotonic-writes-across-keys".parse().expect("a condition");
    assert_eq!(judge(&broken, condition, &poor).decided(), None);
}

#[test]
fn a_stale_read_among_many_operations_is_told_by_the_few_that_matter() {
    let history = parse(&turns(20_000, Some(18_977)));
    let condition = Condition::Causal;
    match judge(&history, condition, &Limits::default()) {
        Verdict::Violated(example) => {
            assert!(example.operations.len() <= 40, "{example:?}");
            assert!(!example.message.contains("budget"), "{example:?}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn shrinking_stops_when_it_is_told_to_and_says_so() {
    let history = parse(&turns(2_000, Some(1_889)));
    let asked = std::cell::Cell::new(0_u32);
    let stop = || {
        asked.set(asked.get() + 1);
        asked.get() > 3
    };
    let limits = Limits { stop: Some(&stop), ..Limits::default() };
    match judge(&history, Condition::Linearizable, &limits) {
        Verdict::Violated(example) => {
            assert!(example.message.contains("fewer may do"), "{example:?}");
        }
        Verdict::Unknown(_) => {}
        Verdict::Holds(_) => panic!("a stale read is not linearizable"),
    }
}

#[test]
fn a_session_counterexample_needs_each_of_its_operations() {
    let mut violated = 0;
    for seed in 0..3_000 {
        let history = random(seed, 4 + (seed % 8) as usize, true);
        for (name, condition) in Condition::PLAIN {
            if !matches!(condition, Condition::Session | Condition::One(_)) {
                continue;
            }
            let Verdict::Violated(example) = judge(&history, condition, &Limits::default()) else {
                continue;
            };
            violated += 1;
            let all = &example.operations;
            let again = judge(&only(&history, all), condition, &Limits::default());
            assert!(again.is_violated(), "{seed}: {name}: {example:?}");
            for out in all {
                let rest: Vec<u32> = all.iter().copied().filter(|i| i != out).collect();
                let left = judge(&only(&history, &rest), condition, &Limits::default());
                assert!(!left.is_violated(), "{seed}: {name}: {out} of {example:?}");
            }
        }
    }
    assert!(violated > 300, "{violated}");
}
