//! Counters, stock, sets, lists and locks against their definitions, and the laws that they break.

use super::brute::{Before, Dice, has_order, in_process, in_real_time, only};
use pacelc::foreign::{
    Action, Builder, Condition, Counterexample, History, INITIAL, Kind, Limits, NEVER, Operation,
    Outcome, Verdict, Witness, judge, proves, read,
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Whether a key that is in `state` may be read as `value`.
pub(super) fn same(history: &History, key: u32, state: &str, value: &str) -> bool {
    match history.kind(key) {
        Kind::Counter => whole(state) == whole(value),
        Kind::Set => elements(state) == elements(value),
        _ => state == value,
    }
}

fn whole(json: &str) -> Option<i64> {
    if json == "null" { Some(0) } else { json.parse().ok() }
}

fn list(json: &str) -> Vec<Value> {
    if json == "null" { Vec::new() } else { serde_json::from_str(json).expect("an array") }
}

fn elements(json: &str) -> BTreeSet<String> {
    list(json).iter().map(ToString::to_string).collect()
}

/// What a key that was in `state` holds after an operation, by the definition of each object; a
/// lock is its owner, a space and the token to come.
pub(super) fn apply(history: &History, state: &str, op: &Operation) -> Option<String> {
    let (value, refused) = (history.value(op.value), op.refused());
    let (owner, least) = state.split_once(' ').unwrap_or(("", "0"));
    let unchanged = || Some(state.to_owned());
    match op.action {
        Action::Append => Some(Value::Array([list(state), list(value)].concat()).to_string()),
        Action::Add => Some((whole(state)? + whole(value)?).to_string()),
        Action::Take if refused => {
            if whole(state)? < whole(value)? {
                unchanged()
            } else {
                None
            }
        }
        Action::Take => {
            let left = whole(state)? - whole(value)?;
            (left >= 0).then(|| left.to_string())
        }
        Action::Insert | Action::Remove => {
            let mut held = elements(state);
            match op.action {
                Action::Insert => held.insert(value.to_owned()),
                _ => held.remove(value),
            };
            Some(format!("[{}]", held.into_iter().collect::<Vec<_>>().join(",")))
        }
        Action::Acquire if refused => {
            if owner.is_empty() {
                None
            } else {
                unchanged()
            }
        }
        Action::Acquire => {
            let token = history.value(op.expected).parse::<u64>().ok();
            let token = token.filter(|_| op.outcome == Outcome::Ok);
            let grows = token.is_none_or(|token| token >= least.parse().expect("a number"));
            let next = token.map_or_else(|| least.to_owned(), |token| (token + 1).to_string());
            (owner.is_empty() && grows).then(|| format!("{value} {next}"))
        }
        Action::Release if refused => {
            if owner == value {
                None
            } else {
                unchanged()
            }
        }
        Action::Release => (owner == value).then(|| format!(" {least}")),
        _ => unreachable!("registers are defined elsewhere"),
    }
}

/// What is random about one kind of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    Counter,
    Stock,
    Set,
    List,
    Lock,
}

pub(super) const SORTS: [Sort; 5] = [Sort::Counter, Sort::Stock, Sort::Set, Sort::List, Sort::Lock];

/// What a store of these objects holds.
#[derive(Clone, Default)]
struct Held {
    number: i64,
    list: Vec<u64>,
    owner: Option<u64>,
    token: u64,
}

/// A history of a store that mostly does what it should, with up to two keys of one sort.
pub(super) fn random(seed: u64, length: usize, sort: Sort) -> History {
    let mut dice = Dice(seed);
    let mut builder = Builder::new(if sort == Sort::Stock { "3" } else { "null" });
    let (keys, processes) = (1 + dice.below(2), 2 + dice.below(2));
    let mut now = vec![0; processes as usize];
    let mut ops = Vec::new();
    for n in 0..length {
        let process = dice.below(processes);
        let begin = &mut now[process as usize];
        if *begin == NEVER {
            continue;
        }
        let invoked = *begin + 1 + dice.below(5);
        let completed = invoked + dice.below(6);
        let any = dice.below(3);
        let (action, said) = match (sort, dice.below(4)) {
            (Sort::Lock, 0 | 1) => (Action::Acquire, process),
            (Sort::Lock, _) => (Action::Release, process),
            (_, 0 | 1) => (Action::Read, 0),
            (Sort::Counter, _) => (Action::Add, any + 1),
            (Sort::Stock, 2) => (Action::Add, any),
            (Sort::Stock, _) => (Action::Take, any + 1),
            (Sort::Set, 2) => (Action::Insert, any),
            (Sort::Set, _) => (Action::Remove, any),
            (Sort::List, _) => (Action::Append, n as u64),
        };
        let unknown = dice.below(8) == 0;
        let point = invoked + dice.below(completed - invoked + 1);
        *begin = if unknown { NEVER } else { completed };
        let operation = Operation {
            invoked,
            completed: *begin,
            process: builder.process(&process.to_string()),
            key: builder.key(&dice.below(keys).to_string()),
            value: INITIAL,
            expected: INITIAL,
            line: n as u32 + 1,
            action,
            outcome: if unknown { Outcome::Unknown } else { Outcome::Ok },
            swapped: false,
        };
        ops.push((point, said, operation));
    }
    answer(&mut ops, sort, &mut builder, &mut dice);
    for (_, _, op) in ops {
        builder.push(op);
    }
    builder.finish().expect("processes do one thing at a time")
}

/// Answers as a store would that does each operation at its point; now and then two change places,
/// or an answer is that of a moment before.
fn answer(ops: &mut [(u64, u64, Operation)], sort: Sort, builder: &mut Builder, dice: &mut Dice) {
    let mut order: Vec<usize> = (0..ops.len()).collect();
    order.sort_by_key(|i| ops[*i].0);
    if ops.len() > 1 && dice.below(2) == 0 {
        let at = dice.below(ops.len() as u64 - 1) as usize;
        order.swap(at, at + 1);
    }
    let start = Held { number: if sort == Sort::Stock { 3 } else { 0 }, ..Held::default() };
    let mut held: BTreeMap<u32, [Held; 2]> = BTreeMap::new();
    for i in order {
        let (_, said, op) = &mut ops[i];
        let [old, held] = held.entry(op.key).or_insert_with(|| [start.clone(), start.clone()]);
        let seen = if dice.below(12) == 0 { old.clone() } else { held.clone() };
        if op.action != Action::Read {
            *old = held.clone();
        }
        let json = match op.action {
            Action::Read if matches!(sort, Sort::Counter | Sort::Stock) => seen.number.to_string(),
            // A set is read in any order.
            Action::Read if sort == Sort::Set && dice.below(2) == 0 => {
                format!("{:?}", seen.list.iter().rev().collect::<Vec<_>>())
            }
            Action::Read if seen.list.is_empty() && dice.below(2) == 0 && sort == Sort::Set => {
                "null".to_owned()
            }
            Action::Read if seen.list.is_empty() && sort == Sort::List => "null".to_owned(),
            // A replica has taken two appends in another order.
            Action::Read if sort == Sort::List && seen.list.len() > 1 && dice.below(8) == 0 => {
                let (last, first) = (seen.list.len() - 1, &seen.list[1..]);
                format!("{:?}", [&first[..last], &seen.list[..1]].concat())
            }
            Action::Read => format!("{:?}", seen.list),
            Action::Append => format!("[{said}]"),
            _ => said.to_string(),
        };
        op.value = builder.value(&json.replace(' ', ""));
        op.swapped = match op.action {
            Action::Take => seen.number >= *said as i64,
            Action::Acquire => seen.owner.is_none(),
            Action::Release => seen.owner == Some(*said),
            _ => false,
        };
        match op.action {
            Action::Add => held.number += *said as i64,
            Action::Take if op.swapped => held.number -= *said as i64,
            Action::Append => held.list.push(*said),
            Action::Insert => {
                held.list.retain(|e| e != said);
                held.list.push(*said);
            }
            Action::Remove => held.list.retain(|e| e != said),
            Action::Acquire if op.swapped => {
                held.owner = Some(*said);
                held.token += 1;
                let token = match dice.below(6) {
                    0 | 1 => "true",
                    // The lock's server has forgotten what it had given out.
                    2 => "0",
                    _ => &seen.token.to_string(),
                };
                op.expected = builder.value(token);
            }
            Action::Release if op.swapped => held.owner = None,
            _ => {}
        }
        op.swapped &= op.outcome == Outcome::Ok;
    }
}

#[test]
fn orders_of_objects_are_found_where_there_are_any() {
    let limits = Limits { witness: true, ..Limits::default() };
    for sort in SORTS {
        let (mut held, mut all, mut laws) = ([0; 2], 0, BTreeSet::new());
        for seed in 0..5_000 {
            let history = random(seed, 3 + (seed % 7) as usize, sort);
            let orders: [Before<'_>; 2] = [&in_real_time, &in_process];
            all += 1;
            for (i, condition) in
                [Condition::Linearizable, Condition::Sequential].into_iter().enumerate()
            {
                let expected = has_order(&history, orders[i]);
                held[i] += u32::from(expected);
                let verdict = judge(&history, condition, &limits);
                let ops: Vec<String> = history
                    .operations()
                    .iter()
                    .map(|op| pacelc::foreign::describe(&history, op))
                    .collect();
                let about = format!("{sort:?} {seed}: {condition}: {verdict:?} of {ops:#?}");
                assert_eq!(verdict.decided(), Some(expected), "{about}");
                match verdict {
                    Verdict::Holds(Witness::Order(order)) => {
                        assert!(proves(&history, &order, i == 0, i == 1), "{about}");
                    }
                    Verdict::Violated(Counterexample { pattern, operations, .. }) => {
                        laws.extend(pattern);
                        assert!(!has_order(&only(&history, &operations), orders[i]), "{about}");
                    }
                    _ => {}
                }
            }
        }
        let sides = held.iter().all(|n| (all / 10..all * 19 / 20).contains(n));
        assert!(sides, "{sort:?}: one-sided: {held:?} of {all}");
        let names = match sort {
            Sort::Counter => &["Sum"][..],
            Sort::Stock => &["Conservation", "Sum"],
            Sort::Set => &["Lost", "Unexpected"],
            Sort::List => &["Prefix", "Stale"],
            Sort::Lock => &["Fencing", "MutualExclusion"],
        };
        assert!(names.iter().all(|name| laws.contains(*name)), "{sort:?}: only {laws:?}");
    }
}

fn told(lines: &str, initial: &Value) -> Counterexample {
    let history = read(lines.as_bytes(), "told", None, initial).expect("a history");
    match judge(&history, Condition::Linearizable, &Limits::default()) {
        Verdict::Violated(example) => example,
        other => panic!("{other:?}"),
    }
}

#[test]
fn two_owners_at_once_break_mutual_exclusion_and_are_named() {
    let lines = r#"{"process":1,"key":"door","op":"acquire","result":7,"invoke":0,"complete":2,"ok":true}
{"process":2,"key":"door","op":"acquire","result":8,"invoke":3,"complete":5,"ok":true}
{"process":1,"key":"door","op":"release","invoke":9,"complete":10,"ok":true}
{"process":3,"key":"door","op":"acquire","result":false,"invoke":3,"complete":5,"ok":true}
"#;
    let example = told(lines, &Value::Null);
    assert_eq!(example.pattern.as_deref(), Some("MutualExclusion"));
    assert_eq!(
        example.message,
        "two held door at tick 5: process 1 acquired door with token 7 [0, 2] and released it not \
         before 9, and process 2 acquired door with token 8 [3, 5] and never released it"
    );
    assert_eq!(example.operations, [0, 1, 3], "whoever was refused does not matter");
}

#[test]
fn what_is_oversold_breaks_conservation() {
    let take = |process: u32| {
        format!(
            "{{\"process\":{process},\"key\":\"seats\",\"op\":\"take\",\"value\":2,\"result\":true,\
             \"invoke\":0,\"complete\":9,\"ok\":true}}\n"
        )
    };
    let lines: String = (0..4).map(take).collect();
    let example = told(&lines, &Value::from(7));
    assert_eq!(example.pattern.as_deref(), Some("Conservation"));
    assert_eq!(
        example.message,
        "8 were taken from seats by tick 9, and there were never more than 7: 7 in the beginning, \
         and 0 that somebody had begun to add"
    );
}

#[test]
fn an_element_that_was_lost_is_named() {
    let lines = r#"{"process":1,"key":"cart","op":"insert","value":"milk","invoke":0,"complete":2,"ok":true}
{"process":1,"key":"cart","op":"insert","value":"eggs","invoke":3,"complete":4,"ok":true}
{"process":2,"key":"cart","op":"read","result":["eggs"],"invoke":6,"complete":8,"ok":true}
"#;
    let example = told(lines, &Value::Null);
    assert_eq!(example.pattern.as_deref(), Some("Lost"));
    assert!(example.message.ends_with("but \"milk\" was surely there"), "{}", example.message);
    assert_eq!(
        example.operations,
        [0, 1, 2],
        "without the eggs the read had another reason to be wrong"
    );
}

#[test]
fn a_key_holds_one_thing() {
    let add = r#"{"process":1,"key":"x","op":"add","value":1,"invoke":0,"complete":2,"ok":true}"#;
    let line = |more: &str| format!("{add}\n{}", add.replace("\"invoke\":0,\"complete\":2", more));
    let refused = |text: &str, initial: &Value| {
        read(text.as_bytes(), "f", None, initial).expect_err("refused").to_string()
    };
    let mixed = line("\"invoke\":4,\"complete\":5").replacen("\"add\"", "\"insert\"", 1);
    assert_eq!(
        refused(&mixed, &Value::Null),
        "f:2: key x is a counter here and a set on line 1; a key holds one thing"
    );
    assert_eq!(
        refused(add, &Value::from("a")),
        "f:1: key x is a counter, and cannot begin as \"a\""
    );
    let locked = "{\"process\":1,\"key\":\"x\",\"op\":\"acquire\",\"result\":1,\"invoke\":0,\"complete\":2,\
                  \"ok\":true}\n{\"process\":1,\"key\":\"x\",\"op\":\"read\",\"result\":1,\"invoke\":3,\
                  \"complete\":4,\"ok\":true}";
    assert_eq!(refused(locked, &Value::Null), "f:2: key x is a lock, and a lock is not read");
}
