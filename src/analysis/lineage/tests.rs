//! Forked histories drawn by hand: what may be taken back, and what may not.

use super::super::judge;
use super::super::testing::story;
use super::*;
use crate::history::{Effect, Made};
use crate::op::{Contents, Object, Update};

const READ: Update = Update::Put;

/// A story about an object: its operations' updates and words in order of invocation, what was made from what,
/// and the state that is left.
fn drawn(
    text: &str,
    (object, initial): (Object, u64),
    effects: &[(Update, u64)],
    made: &[(u32, (u32, u64))],
    left: (u32, u64),
) -> History {
    let mut history = story(text);
    history.contents = Contents { object, initial };
    history.effects =
        effects.iter().map(|(update, word)| Effect { update: *update, word: *word }).collect();
    assert_eq!(history.operations.len(), effects.len(), "an effect each");
    let state = |(version, word)| State { version: Value(version), word };
    let one =
        |(value, before): &(u32, (u32, u64))| Made { value: Value(*value), before: state(*before) };
    history.made = made.iter().map(one).collect();
    for last in &mut history.finals {
        (last.values, last.words) = (vec![Value(left.0)], vec![left.1]);
    }
    history
}

fn told(history: &History, guarantee: Guarantee) -> String {
    judge(history, guarantee).message().to_owned()
}

/// Two additions by the old primary, of which the second is gone; a third by the new one in its place.
fn counter(words: [u64; 3], made: &[(u32, (u32, u64))], left: (u32, u64)) -> History {
    let add = |n| Update::Add(n);
    let text = "a: w1 0..1 #1; a: w2 2..3 #3; b: w3 6..7 #7";
    let effects = [(add(1), words[0]), (add(2), words[1]), (add(4), words[2])];
    drawn(text, (Object::Counter, 0), &effects, made, left)
}

#[test]
fn an_update_that_is_taken_back_breaks_no_promise_of_convergence_and_every_stronger_one() {
    let made = [(1, (0, 0)), (2, (1, 1)), (3, (1, 1))];
    let forked = counter([1, 3, 5], &made, (3, 5));
    assert_eq!(judge(&forked, Guarantee::Eventual), Verdict::Holds);
    assert_eq!(
        told(&forked, Guarantee::Linearizable),
        "session 0 wrote w2 to key 0 (began 2 ms, ended 3 ms), which was acknowledged; what is left in the \
         end was made without it"
    );
    let straight = counter([1, 3, 7], &[(1, (0, 0)), (2, (1, 1)), (3, (2, 3))], (3, 7));
    assert_eq!(judge(&straight, Guarantee::Linearizable), Verdict::Holds);
}

#[test]
fn a_state_is_what_its_update_makes_of_the_one_before_it() {
    let made = [(1, (0, 0)), (2, (1, 1)), (3, (1, 1))];
    let wrong = counter([1, 3, 7], &made, (3, 5));
    assert_eq!(
        told(&wrong, Guarantee::Eventual),
        "session 1 wrote w3 to key 0 (began 6 ms, ended 7 ms), found it at 7, but no updates up to that \
         leave it so"
    );
    let left = counter([1, 3, 5], &made, (3, 6));
    assert_eq!(
        told(&left, Guarantee::Eventual),
        "after everything had come to rest, replica 0 holds w3 for key 0, at 6, which no updates make of it"
    );
    let from_nothing = counter([1, 3, 5], &[(1, (0, 0)), (2, (1, 9))], (2, 11));
    assert!(told(&from_nothing, Guarantee::Eventual).contains("made from w1 when it was at 9"));
}

#[test]
fn one_that_is_asked_for_again_may_take_effect_in_each_line() {
    // The second is applied by the old primary after the first, and by the new one after the third.
    let made = [(1, (0, 0)), (2, (1, 1)), (3, (1, 1)), (2, (3, 5))];
    let again = |word| counter([1, word, 5], &made, (2, 7));
    for word in [3, 7] {
        assert_eq!(judge(&again(word), Guarantee::Eventual), Verdict::Holds, "{word}");
    }
    assert!(told(&again(5), Guarantee::Eventual).contains("w2 to key 0"));
}

#[test]
fn stock_is_sold_once_in_each_line_and_refused_where_none_is_left() {
    let take = Update::Take(1);
    let text = "a: w1 0..1 #1; b: w2 2..3 #3; c: r2 4..5";
    let made = [(1, (0, 1)), (2, (0, 1))];
    let effects = [(take, 0), (take, 0), (READ, 0)];
    let twice = drawn(text, (Object::Stock, 1), &effects, &made, (2, 0));
    assert_eq!(judge(&twice, Guarantee::Eventual), Verdict::Holds, "the first sale is taken back");
    let beyond = drawn(text, (Object::Stock, 1), &effects, &[(1, (0, 1)), (2, (1, 0))], (2, 0));
    assert!(told(&beyond, Guarantee::Eventual).starts_with("more was taken than there was"));
    // Refused by a state that had one.
    let mut refused = twice;
    (refused.operations[1].status, refused.operations[1].value) = (Status::Refused, Value(0));
    (refused.effects[1].word, refused.effects[2].word) = (1, 0);
    assert!(told(&refused, Guarantee::Eventual).contains("though its condition was met"));
}

#[test]
fn what_was_refused_is_not_in_the_line_that_is_left_and_strong_reads_see_nothing_beside_it() {
    let take = Update::Take(1);
    let text = "a: w1 0..1 #1; b: w2 2..3; c: r1 4..5";
    let effects = [(take, 0), (take, 0), (READ, 0)];
    let mut history =
        drawn(text, (Object::Stock, 1), &effects, &[(1, (0, 1)), (2, (0, 1))], (1, 0));
    (history.operations[1].status, history.operations[1].value) = (Status::Refused, Value(1));
    assert_eq!(judge(&history, Guarantee::Linearizable), Verdict::Holds);
    let mut kept = history.clone();
    kept.finals.iter_mut().for_each(|last| last.values[0] = Value(2));
    kept.operations[0].status = Status::Unknown;
    assert!(told(&kept, Guarantee::ReadYourWrites).contains("was told that it had no effect"));
    // A read of the refused one is of a line that is gone.
    history.operations[2].value = Value(2);
    assert_eq!(judge(&history, Guarantee::Eventual), Verdict::Holds);
    let Verdict::Violated(found) = check(&history, Guarantee::Linearizable) else {
        panic!("it is taken back")
    };
    assert!(found.message.contains("which was taken back"), "{}", found.message);
}

#[test]
fn what_was_made_of_some_writes_has_nothing_that_builds_on_the_others() {
    let made = [(1, (0, 0)), (3, (1, 1)), (2, (3, 5)), (2, (1, 1))];
    let history = counter([1, 3, 5], &made, (2, 3));
    let first =
        |writes| of_first(&history, writes).iter().map(|one| one.value.0).collect::<Vec<_>>();
    assert_eq!((first(3), first(2), first(1)), (vec![1, 3, 2, 2], vec![1, 2], vec![1]));
}
