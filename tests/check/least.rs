//! Counterexamples are as small as can be: without any class of their operations the rest holds.

use super::brute::{self, Before, has_order, in_process, in_real_time, only};
use super::objects::{self, SORTS};
use pacelc::foreign::{
    Builder, Condition, History, INITIAL, Limits, NEVER, Operation, Verdict, classes, describe,
    judge,
};

/// Random histories of registers with swaps and appends, and of every other object.
fn histories(seeds: u64) -> impl Iterator<Item = (String, History)> {
    let registers = (0..seeds).map(|seed| {
        let history = brute::random(seed, 3 + (seed % 7) as usize, seed % 4 == 0);
        (format!("register {seed}"), history)
    });
    let objects = SORTS.into_iter().flat_map(move |sort| {
        let one = move |seed| objects::random(seed, 3 + (seed % 7) as usize, sort);
        (0..seeds).map(move |seed| (format!("{sort:?} {seed}"), one(seed)))
    });
    registers.chain(objects).filter(|(_, history)| !history.operations().is_empty())
}

/// The same history with every operation a little shorter, so that those of a process do not touch.
pub(super) fn shifted(history: &History) -> History {
    let mut builder = Builder::new(history.value(INITIAL));
    for op in history.operations() {
        let process = builder.process(history.process(op.process));
        let key = builder.key(history.key(op.key));
        let value = builder.value(history.value(op.value));
        let expected = builder.value(history.value(op.expected));
        let invoked = op.invoked * 2 + 1;
        let completed = if op.completed == NEVER { NEVER } else { (op.completed * 2).max(invoked) };
        builder.push(Operation { process, key, value, expected, invoked, completed, ..*op });
    }
    builder.finish().expect("processes still do one thing at a time")
}

fn without(all: &[u32], class: &[u32]) -> Vec<u32> {
    all.iter().copied().filter(|i| !class.contains(i)).collect()
}

/// What is left, as a history; nothing if what a key holds can no longer be told from it.
fn left(history: &History, rest: &[u32]) -> Option<History> {
    let left = only(history, rest);
    let now = left.operations().iter().map(|op| left.kind(op.key));
    let before = rest.iter().map(|i| history.kind(history.operations()[*i as usize].key));
    now.eq(before).then_some(left)
}

/// Whether an order exists, by the definition.
fn meets(history: &History, condition: Condition) -> bool {
    let apart = |a: &Operation, b: &Operation| a.observes() == b.observes() && in_process(a, b);
    let before: Before<'_> = match condition {
        Condition::Linearizable => &in_real_time,
        Condition::Sequential => &in_process,
        _ => &apart,
    };
    has_order(history, before)
}

const CONDITIONS: [Condition; 3] =
    [Condition::Linearizable, Condition::Sequential, Condition::Prefix];

#[test]
fn leaving_out_a_class_makes_nothing_worse() {
    let mut left_out = 0;
    for (name, history) in histories(1_500) {
        let all: Vec<u32> = (0..history.operations().len() as u32).collect();
        for condition in CONDITIONS {
            if !meets(&history, condition) {
                continue;
            }
            for class in classes(&history, &all, condition) {
                left_out += 1;
                let rest = without(&all, &class);
                let left = left(&history, &rest).is_none_or(|left| meets(&left, condition));
                let ops: Vec<String> =
                    history.operations().iter().map(|op| describe(&history, op)).collect();
                assert!(left, "{name}: {condition} without {class:?} of {ops:#?}");
            }
        }
    }
    assert!(left_out > 50_000, "{left_out}");
}

#[test]
fn a_counterexample_needs_each_class_of_its_operations() {
    let limits = Limits::default();
    let (mut violated, mut tried, mut shrunk) = (0, 0, 0);
    for (name, history) in histories(3_000) {
        for condition in CONDITIONS {
            let Verdict::Violated(example) = judge(&history, condition, &limits) else { continue };
            let all = &example.operations;
            violated += 1;
            shrunk += u32::from(all.len() < history.operations().len());
            let again = judge(&only(&history, all), condition, &limits);
            assert!(again.is_violated(), "{name}: {condition}: {example:?}");
            // A write that explains where a value came from is more than is needed.
            let told = ["which was written to", "had failed without effect"];
            if told.iter().any(|words| example.message.contains(words)) {
                continue;
            }
            for class in classes(&history, all, condition) {
                tried += 1;
                let rest = without(all, &class);
                let left = left(&history, &rest);
                let left = left.is_none_or(|left| judge(&left, condition, &limits).holds());
                assert!(left, "{name}: {condition}: {class:?} of {example:?} may be left out");
            }
        }
    }
    assert!(
        violated > 5_000 && tried > violated && shrunk > violated / 2,
        "{violated} {tried} {shrunk}"
    );
}

/// Whatever the pattern is called: no read, and no write with what is left of its reads, can be left out
/// of what breaks causality.
#[test]
fn what_breaks_causality_needs_each_of_its_operations() {
    let limits = Limits::default();
    let conditions = [Condition::Causal, Condition::CausalConvergence, Condition::CausalMemory];
    let (mut violated, mut tried) = (0, 0);
    for seed in 0..4_000 {
        let history = brute::random(seed, 5 + (seed % 9) as usize, true);
        if history.operations().is_empty() {
            continue;
        }
        for condition in conditions {
            let Verdict::Violated(example) = judge(&history, condition, &limits) else { continue };
            violated += 1;
            let again = judge(&only(&history, &example.operations), condition, &limits);
            let Verdict::Violated(again) = again else {
                panic!("{seed}: {condition}: {example:?}")
            };
            assert_eq!(again.pattern, example.pattern, "{seed}: {condition}: it is called so");
            for class in classes(&history, &example.operations, condition) {
                tried += 1;
                let rest = without(&example.operations, &class);
                let holds = judge(&only(&history, &rest), condition, &limits).holds();
                assert!(holds, "{seed}: {condition}: {class:?} of {example:?} may be left out");
            }
        }
    }
    assert!(violated > 1_000 && tried > 2 * violated, "{violated} {tried}");
}
