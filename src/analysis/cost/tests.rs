//! Drawn histories with damage and without.

use super::super::testing::story;
use super::super::{Verdict, judge};
use super::*;
use crate::history::Effect;
use crate::op::Contents;

/// A merged history of objects with the updates of its operations in order, that ends with this word.
fn drawn(text: &str, object: Object, initial: u64, updates: &[Update], last: u64) -> History {
    let mut history = story(text);
    history.merged = true;
    history.contents = Contents { object, initial };
    history.effects = updates.iter().map(|update| Effect { update: *update, word: 0 }).collect();
    assert_eq!(history.effects.len(), history.operations.len());
    history.finals.iter_mut().for_each(|state| state.words = vec![last; state.values.len()]);
    history
}

/// How much was acknowledged, how much of it is damage, and on how many keys of how many.
fn told(history: &History) -> (u64, u64, u64, u64) {
    let cost = of(history).expect("it can be told");
    assert_eq!(cost.runs, u64::from(cost.hits > 0));
    (cost.of, cost.hits, cost.keys, cost.keys_of)
}

#[test]
fn what_was_sold_beyond_the_stock_is_oversold_and_what_nobody_was_told_of_is_not() {
    let take = Update::Take(1);
    let text = "a: w1 0..1 #1; b: w2 0..1 #1; c: w3@1 0..1 #1; d: w4@1 2..? #3";
    let twice = drawn(text, Object::Stock, 1, &[take; 4], u64::MAX);
    assert_eq!(told(&twice), (3, 1, 1, 2));
    let once = drawn(text, Object::Stock, 2, &[take; 4], 0);
    assert_eq!(told(&once), (3, 0, 0, 2));
    let many = drawn(text, Object::Stock, 1, &[Update::Take(3), take, take, take], 0);
    assert_eq!(told(&many), (5, 3, 1, 2), "units, not sales");
}

#[test]
fn a_floor_that_was_promised_is_judged_by_what_clients_were_told() {
    let take = Update::Take(1);
    let text = "a: w1 0..1 #1; b: w2 0..2 #1; c: w3 0..3! ";
    let sold = |units| drawn(text.trim(), Object::Stock, units, &[take; 3], units.wrapping_sub(2));
    assert_eq!(judge(&sold(2), Guarantee::NeverOversold), Verdict::Holds);
    let verdict = judge(&sold(1), Guarantee::NeverOversold);
    assert!(
        verdict.message().starts_with("more was sold than there was: session 1"),
        "{verdict:?}"
    );
    assert!(verdict.message().ends_with("2 of 1 units of key 0"), "{verdict:?}");
    assert_eq!(judge(&sold(1), Guarantee::Eventual), Verdict::Holds, "nobody promised it");
}

#[test]
fn a_lock_granted_while_another_holds_it_has_two_holders() {
    let (a, b) = (Update::Lock(0), Update::Lock(1));
    let free = [Update::Unlock(0), Update::Unlock(1)];
    let text = "a: w1 0..1; b: w2 2..3; a: w3 4..5; b: w4 6..7";
    let both = drawn(text, Object::Lock, 0, &[a, b, free[0], free[1]], 0);
    assert_eq!(told(&both), (2, 1, 1, 1));
    let turns = "a: w1 0..1; a: w2 2..3; b: w3 2..4; b: w4 6..7";
    let one = drawn(turns, Object::Lock, 0, &[a, free[0], b, free[1]], 0);
    assert_eq!(told(&one), (2, 0, 0, 1), "it was being freed when the other got it");
    let at_once = drawn("a: w1 0..1; a: w2 1..2; b: w3 3..4", Object::Lock, 0, &[a, free[0], b], 0);
    assert_eq!(told(&at_once), (2, 0, 0, 1), "given up in the instant in which it was granted");
    // Three at once: the third meets holders although one of them has gone.
    let text = "a: w1 0..1; b: w2 2..3; b: w3 4..5; c: w4 6..7";
    let three = drawn(text, Object::Lock, 0, &[a, b, free[1], Update::Lock(2)], 0);
    assert_eq!(told(&three).1, 2);
}

#[test]
fn increments_that_a_counter_lacks_in_the_end_were_dropped() {
    let add = Update::Add(1);
    let text = "a: w1 0..1; b: w2 0..1; c: w3 2..3";
    let lacks = |last| told(&drawn(text, Object::Counter, 0, &[add; 3], last));
    assert_eq!([3, 2, 0].map(lacks), [(3, 0, 0, 1), (3, 1, 1, 1), (3, 3, 1, 1)]);
    assert_eq!(lacks(4), (3, 0, 0, 1), "an increment without an answer may be there");
}

#[test]
fn an_element_came_back_if_nobody_put_it_in_again() {
    let text = "a: w1 0..1; b: w2 2..3; c: w3 4..5";
    let (insert, remove) = (Update::Insert(3), Update::Remove(3));
    let back = drawn(text, Object::Set, 0, &[insert, remove, Update::Insert(4)], 0b11000);
    assert_eq!(told(&back), (1, 1, 1, 1));
    let gone = drawn(text, Object::Set, 0, &[insert, remove, Update::Insert(4)], 0b10000);
    assert_eq!(told(&gone), (1, 0, 0, 1));
    let again = drawn(text, Object::Set, 0, &[insert, remove, insert], 0b1000);
    assert_eq!(told(&again), (1, 0, 0, 1));
}

#[test]
fn registers_have_none_and_without_a_last_state_nobody_can_tell() {
    assert_eq!(of(&story("a: w1 0..1 #1")), None);
    let mut history = drawn("a: w1 0..1", Object::Counter, 0, &[Update::Add(1)], 1);
    history.finals.clear();
    assert_eq!(of(&history), None);
}
