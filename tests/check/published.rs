//! Random small histories of every object against a checker that others published: that of the
//! crate `todc-utils`, which follows A. Horn and D. Kroening ("Faster Linearizability Checking via
//! P-Compositionality", 2015) and knows no keys, zones, laws or unknown outcomes.

use super::brute::{self, apply};
use super::objects::{self, SORTS};
use pacelc::foreign::{Condition, History, INITIAL, Limits, NEVER, Operation, Outcome, judge};
use std::rc::Rc;
use todc_utils::Action::{Call, Response};
use todc_utils::{Specification, WGLChecker};

/// All keys of a store at once, each as a text; none yet, before anybody has asked.
struct Store;

#[derive(Clone, Debug)]
struct Asked {
    history: Rc<History>,
    operation: Operation,
}

impl Specification for Store {
    type State = Vec<String>;
    type Operation = Asked;

    fn init() -> Vec<String> {
        Vec::new()
    }

    fn apply(asked: &Asked, state: &Vec<String>) -> (bool, Vec<String>) {
        let Asked { history, operation } = asked;
        let mut next = state.clone();
        next.resize(history.counts().0, history.value(INITIAL).to_owned());
        let key = &mut next[operation.key as usize];
        match apply(history, key, operation) {
            Some(after) => *key = after,
            // Nobody waits for its answer, so it may have done nothing.
            None if operation.outcome == Outcome::Unknown => {}
            None => return (false, state.clone()),
        }
        (true, next)
    }
}

/// An unknown operation ends with the history: after everything else, nobody sees whether it took
/// effect. Each operation is by a process of its own, since they may touch.
fn theirs(history: &Rc<History>) -> bool {
    let mut events = Vec::new();
    for (i, op) in history.operations().iter().enumerate().filter(|(_, op)| op.counts()) {
        let asked = Asked { history: Rc::clone(history), operation: *op };
        events.push((op.invoked, false, i, Call(asked.clone())));
        events.push((op.completed, true, i, Response(asked)));
    }
    // At one instant calls come first: those operations are concurrent.
    events.sort_by_key(|(at, ended, i, _)| (*at, *ended, *i));
    let actions: Vec<_> = events.into_iter().map(|(_, _, i, action)| (i, action)).collect();
    actions.is_empty()
        || WGLChecker::<Store>::is_linearizable(todc_utils::History::from_actions(actions))
}

/// Compares so many histories; how many hold.
fn compare(name: &str, count: u64, make: impl Fn(u64) -> History) -> u64 {
    let (mut held, mut unknown) = (0, 0);
    for seed in 0..count {
        let history = Rc::new(make(seed));
        let known = theirs(&history);
        let verdict = judge(&history, Condition::Linearizable, &Limits::default());
        assert_eq!(verdict.decided(), Some(known), "{name} {seed}: {verdict:?}");
        held += u64::from(known);
        unknown += u64::from(history.operations().iter().any(|op| op.completed == NEVER));
    }
    assert!((count / 10..count * 19 / 20).contains(&held), "{name}: {held} of {count} hold");
    assert!(unknown > count / 10, "{name}: {unknown} of {count} have an unknown outcome");
    held
}

#[test]
fn a_published_checker_finds_the_same_of_registers() {
    compare("unique writes", 4_000, |seed| {
        brute::random(seed + 1_000_000, 4 + (seed % 12) as usize, true)
    });
    compare("swaps and appends", 4_000, |seed| {
        brute::random(seed + 1_000_000, 4 + (seed % 9) as usize, false)
    });
}

#[test]
fn a_published_checker_finds_the_same_of_objects() {
    for sort in SORTS {
        compare(&format!("{sort:?}"), 2_000, |seed| {
            objects::random(seed + 1_000_000, 4 + (seed % 9) as usize, sort)
        });
    }
}
