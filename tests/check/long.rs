//! Long histories of stores that read what is old but in order: no search decides them, a guess does.

use super::brute::Dice;
use pacelc::foreign::{
    Action, Builder, Condition, History, INITIAL, Limits, Operation, Outcome, Verdict, Witness,
    judge, read,
};

const SESSIONS: u32 = 10;
const KEYS: u64 = 40;

/// One primary takes every write in an instant; each session reads at a replica of its own, which is up to
/// some hundred writes behind and only moves on. Some writes are unknown.
fn lagging(operations: u32) -> History {
    let mut dice = Dice(7);
    let mut builder = Builder::new("null");
    let keys: Vec<u32> = (0..KEYS).map(|key| builder.key(&format!("k{key}"))).collect();
    let sessions: Vec<u32> = (0..SESSIONS).map(|s| builder.process(&format!("s{s}"))).collect();
    let mut lives = SESSIONS;
    let mut names = sessions;
    // By write: its key and its value; by session: how many of them its replica has.
    let mut log: Vec<(u32, u32)> = Vec::new();
    let mut seen = [0_usize; SESSIONS as usize];
    let mut now = 0;
    for n in 0..operations {
        let s = dice.below(SESSIONS.into()) as usize;
        now += 1 + dice.below(3);
        let (invoked, completed) = (now, now);
        let key = keys[dice.below(KEYS) as usize];
        let mut outcome = Outcome::Ok;
        let (action, value) = if dice.below(2) == 0 {
            let value = builder.value(&n.to_string());
            log.push((key, value));
            if dice.below(u64::from(operations) / 40) == 0 {
                outcome = Outcome::Unknown;
            }
            (Action::Write, value)
        } else {
            let (least, most) = (seen[s].max(log.len().saturating_sub(300)), log.len());
            seen[s] = least + dice.below((most - least) as u64 / 2 + 1) as usize;
            let known = &log[..seen[s]];
            let found = known.iter().rev().find(|(of, _)| *of == key);
            let value = found.map_or(INITIAL, |(_, value)| *value);
            (Action::Read, value)
        };
        let process = names[s];
        if outcome == Outcome::Unknown {
            names[s] = builder.process(&format!("s{lives}"));
            lives += 1;
        }
        let line = n + 1;
        let (expected, swapped) = (INITIAL, false);
        builder.push(Operation {
            invoked,
            completed,
            process,
            key,
            value,
            expected,
            line,
            action,
            outcome,
            swapped,
        });
    }
    builder.finish().expect("sessions do one thing at a time")
}

#[test]
fn a_long_history_of_a_lagging_store_is_decided_within_the_budget() {
    let limits = Limits { witness: true, ..Limits::default() };
    let history = lagging(100_000);
    assert!(judge(&history, Condition::Linearizable, &limits).is_violated(), "its reads are old");
    match judge(&history, Condition::Prefix, &limits) {
        Verdict::Holds(Witness::Order(order)) => explains(&history, &order),
        other => panic!("{other:?}"),
    }
}

/// Whether an order agrees with each session's writes and with its reads, and explains every read.
fn explains(history: &History, order: &[u32]) {
    let (keys, _, processes) = history.counts();
    let (mut holds, mut last) = (vec![INITIAL; keys], vec![[None; 2]; processes]);
    for i in order {
        let op = &history.operations()[*i as usize];
        let before = last[op.process as usize][usize::from(op.observes())].replace(*i);
        assert!(before < Some(*i), "{op:?} comes before what its session did first");
        match op.action {
            Action::Read => assert_eq!(holds[op.key as usize], op.value, "{op:?}"),
            _ => holds[op.key as usize] = op.value,
        }
    }
    let done = history.operations().iter().filter(|op| op.outcome == Outcome::Ok).count();
    assert!(order.len() >= done, "everything that is known to have happened is in it");
}

#[test]
#[ignore = "a million operations take half a minute; the hundred thousand above ask for the same at every commit"]
fn a_million_operations_of_a_lagging_store() {
    let history = lagging(1_000_000);
    assert!(judge(&history, Condition::Prefix, &Limits::default()).holds());
}

/// Operations of one process on one key, one after another; each is the middle of its line.
fn one_by_one(operations: impl Iterator<Item = String>) -> History {
    let line = |(n, operation): (usize, String)| {
        let (from, to) = (2 * n, 2 * n + 1);
        format!(
            "{{\"process\":1,\"key\":\"x\",{operation},\"invoke\":{from},\"complete\":{to},\"ok\":true}}\n"
        )
    };
    let text: String = operations.enumerate().map(line).collect();
    read(text.as_bytes(), "one by one", None, &serde_json::Value::Null).expect("a history")
}

/// What has as many of one thing as its history is long: pairs and triples of these would take minutes.
#[test]
fn an_element_a_lock_and_a_chain_of_swaps_are_judged_however_often_they_change() {
    let limits = Limits::default();
    let change = |n: u32| match n % 4 {
        0 => r#""op":"insert","value":7"#.to_owned(),
        1 => r#""op":"read","result":[7]"#.to_owned(),
        2 => r#""op":"remove","value":7"#.to_owned(),
        _ => r#""op":"read","result":[]"#.to_owned(),
    };
    assert!(judge(&one_by_one((0..12_000).map(change)), Condition::Linearizable, &limits).holds());
    let tenure = |n: u32| match n % 2 {
        0 => r#""op":"acquire","result":true"#.to_owned(),
        _ => r#""op":"release""#.to_owned(),
    };
    assert!(judge(&one_by_one((0..200_000).map(tenure)), Condition::Linearizable, &limits).holds());
    let begin = [r#""op":"write","value":0"#.to_owned()];
    let swap = |n: u32| format!(r#""op":"cas","expected":{n},"value":{},"result":true"#, n + 1);
    let old = [r#""op":"read","result":2"#.to_owned()];
    let swaps = begin.into_iter().chain((0..1_200).map(swap)).chain(old);
    match judge(&one_by_one(swaps), Condition::Linearizable, &limits) {
        Verdict::Violated(example) => {
            // What made 2, the swap that took it away, and the read that found it all the same.
            let lines = example.operations.len();
            assert!(lines == 5, "{lines} operations: {}", example.message);
        }
        other => panic!("{other:?}"),
    }
}
