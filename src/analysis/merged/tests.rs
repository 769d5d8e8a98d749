//! Drawn histories of merged updates: what is lost, what is stale, and stores that are broken on purpose.

use super::super::testing::story;
use super::super::{Context, Summary, judge, summarize};
use super::*;
use crate::guarantee::Guarantee;
use crate::history::{Commit, Effect, Phase};
use crate::op::{Contents, Key, Rank};

/// A history of merged registers that ends with these values of key 0.
fn registers(text: &str, last: &[u32]) -> History {
    let mut history = story(text);
    history.merged = true;
    for state in &mut history.finals {
        state.values[0] = Value(last[0]);
        state.siblings = last[1..].iter().map(|value| (Key(0), Value(*value))).collect();
    }
    history
}

/// Makes a read return several values.
fn returns(history: &mut History, read: usize, values: &[u32]) {
    let op = &mut history.operations[read];
    (op.value, op.count) = (Value(history.scanned.len() as u32), values.len() as u16);
    history.scanned.extend(values.iter().map(|value| Value(*value)));
}

/// A history of objects with the updates of its writes and the words of its reads, in order, that ends with
/// this word.
fn objects(text: &str, object: Object, effects: &[(Update, u64)], last: u64) -> History {
    let mut history = story(text);
    history.merged = true;
    history.contents = Contents { object, initial: 0 };
    history.effects =
        effects.iter().map(|(update, word)| Effect { update: *update, word: *word }).collect();
    assert_eq!(history.effects.len(), history.operations.len());
    history.finals.iter_mut().for_each(|state| state.words = vec![last; state.values.len()]);
    history
}

fn lost(history: &History) -> Vec<bool> {
    let mut lost = Vec::new();
    lost_updates(history, |_, gone| lost.push(gone));
    lost
}

/// Of each read, how many updates it missed.
fn missed(history: &History) -> Vec<u32> {
    let mut missed = Vec::new();
    observe(history, |read| missed.push(read.updates));
    missed
}

const READ: Update = Update::Put;

#[test]
fn of_two_writes_side_by_side_none_is_lost_while_both_stand() {
    let text = "a: w1 0..1 #1; b: w2 2..3 #3";
    let both = registers(text, &[2, 1]);
    assert_eq!((lost(&both), judge(&both, Guarantee::Eventual)), (vec![false; 2], Verdict::Holds));
    let one = registers(text, &[2]);
    assert_eq!(lost(&one), [true, false]);
    assert_eq!(
        judge(&one, Guarantee::Eventual).message(),
        "session 0 wrote w1 to key 0 (began 0 ms, ended 1 ms), which was acknowledged, and nobody who \
         could have seen it replaced it; in the end it is not there"
    );
    // Who has read it may replace it, and nobody need keep what was not acknowledged.
    assert_eq!(lost(&registers("a: w1 0..1 #1; b: r1 2..3; b: w2 4..5 #5", &[2])), [false, false]);
    assert_eq!(lost(&registers("a: w1 0..? #1; b: w2 2..3 #3", &[2])), [false]);
}

#[test]
fn a_read_that_shows_neither_a_write_nor_what_replaced_it_is_stale() {
    let mut history = registers(
        "a: w1 0..1 #1; b: w2 2..3 #3; c: r2 4..5; d: r1 6..7; d: w3 8..9 #9; c: r3 10..11",
        &[3],
    );
    assert_eq!(missed(&history), [1, 1, 1], "w2 was never replaced");
    returns(&mut history, 3, &[2, 1]);
    assert_eq!(missed(&history), [1, 0, 0], "w3 was written by one who had read both");
    let context = Context {
        promise: Guarantee::Eventual,
        timeout: Duration::millis(100),
        regions: vec!["near".into(), "far".into()],
    };
    let summary: Summary = summarize(&history, &context);
    let reads = summary.slot_of_all(Phase::Healthy, OpKind::Read).expect("reads");
    assert_eq!((reads.stale, reads.fresh_or_stale, reads.conflicts), (1, 3, 1));
    assert_eq!(reads.stale_age.max(), Duration::millis(3), "apple was acknowledged at 1 ms");
    assert_eq!(summary.verdict, Verdict::Holds);
}

#[test]
fn a_counter_that_counts_a_copy_twice_is_caught() {
    let text = "a: w1 0..1 #1; b: w2 2..3 #3; c: r2 4..5";
    let history = |seen, last| {
        let effects = [(Update::Add(5), 5), (Update::Add(2), 7), (READ, seen)];
        objects(text, Object::Counter, &effects, last)
    };
    assert_eq!(judge(&history(7, 7), Guarantee::Eventual), Verdict::Holds);
    assert_eq!(
        judge(&history(7, 12), Guarantee::Eventual).message(),
        "the counter of key 0 ends at 12, but all updates decided add up to 7"
    );
    let summed = history(7, 12);
    assert!(lost(&summed).is_empty() && lost(&history(7, 7)) == [false, false]);
    let reads = [7, 5, 2, 0].map(|seen| missed(&history(seen, 7))[0]);
    assert_eq!(reads, [0, 1, 2, 2], "at least so many");
}

/// What replicas never call decided may be lost as well.
#[test]
fn a_counter_that_forgets_what_it_acknowledged_is_caught_whatever_was_decided() {
    let effects = [(Update::Add(5), 5), (Update::Add(2), 7), (Update::Add(-3), 4), (READ, 5)];
    let ends = |outcome: &str, last: i64| {
        let text = format!("a: w1 0..1 #1; b: w2 2..3; c: w3 {outcome}; d: r1 6..7");
        let mut history = objects(&text, Object::Counter, &effects, last as u64);
        // By what is decided, all is well.
        let (at, rank) = (Instant::ZERO, Rank::AS_DECIDED);
        let decided = |value: u32| Commit { at, key: Key(0), value: Value(value), rank };
        history.commits = match last {
            5 => vec![decided(1)],
            7 => vec![decided(1), decided(2)],
            4 => vec![decided(1), decided(2), decided(3)],
            other => panic!("{other}"),
        };
        judge(&history, Guarantee::Eventual)
    };
    assert_eq!(ends("4..5", 4), Verdict::Holds);
    assert_eq!([4, 7].map(|last| ends("4..?", last)), [Verdict::Holds, Verdict::Holds]);
    assert_eq!(
        ends("4..5", 5).message(),
        "the counter of key 0 ends at 5, but all updates acknowledged add up to 4"
    );
    assert!(ends("4..5!", 4).message().contains("add up to 7"), "what failed did nothing");
}

/// A replica may take an update, and crash before its disk has it.
#[test]
fn an_update_that_was_decided_and_not_acknowledged_may_be_gone() {
    let effects = [(Update::Add(5), 5), (Update::Add(2), 0), (Update::Add(-4), 0)];
    let ends = |last: i64| {
        let text = "a: w1 0..1 #1; b: w2 2..? #3; c: w3 2..? #4";
        judge(&objects(text, Object::Counter, &effects, last as u64), Guarantee::Eventual)
    };
    for possible in [5, 7, 1, 3] {
        assert_eq!(ends(possible), Verdict::Holds, "{possible}");
    }
    let message = "the counter of key 0 ends at 8, but all updates decided add up to 5, and those whose \
                   outcome is unknown to -4 or 2 more";
    assert_eq!(ends(8).message(), message);
    assert!(ends(0).message().contains("ends at 0"));
}

#[test]
fn a_decrement_under_way_may_have_been_seen() {
    let effects = [(Update::Add(5), 5), (READ, 1), (Update::Add(-4), 1), (READ, 0)];
    let text = "a: w1 0..1 #1; c: r1 4..7; b: w2 6..9 #8; d: r1 8..9";
    assert_eq!(missed(&objects(text, Object::Counter, &effects, 1)), [0, 1]);
}

#[test]
fn a_set_whose_removes_take_what_they_had_not_seen_is_caught() {
    let (put, take) = (Update::Insert(3), Update::Remove(3));
    let set =
        |text: &str, effects: &[(Update, u64)], last| objects(text, Object::Set, effects, last);
    // The remove had ended when the element was put in, on the other side of a cut.
    let text = "a: w1 0..1 #1; b: w2 2..3 #3; c: r2 4..5";
    let wrong = set(text, &[(take, 0), (put, 8), (READ, 0)], 0);
    let message = judge(&wrong, Guarantee::Eventual).message().to_owned();
    assert!(message.contains("wrote w2") && message.contains("(insert 3)"), "{message}");
    assert_eq!((lost(&wrong), missed(&wrong)), (vec![false, true], vec![1]));
    let right = set(text, &[(take, 0), (put, 8), (READ, 8)], 8);
    assert_eq!(judge(&right, Guarantee::Eventual), Verdict::Holds);
    assert_eq!((lost(&right), missed(&right)), (vec![false, false], vec![0]));
    // One that overlaps it, or began later, may have seen it.
    let text = "a: w1 0..4 #1; b: w2 2..3 #3; c: r2 4..5";
    assert_eq!(lost(&set(text, &[(take, 0), (put, 8), (READ, 0)], 0)), [false, false]);
}

#[test]
fn an_element_that_comes_back_is_a_lost_remove_and_breaks_no_promise() {
    let (put, take) = (Update::Insert(3), Update::Remove(3));
    let text = "a: w1 0..1 #1; b: w2 2..3 #3";
    let back = objects(text, Object::Set, &[(put, 8), (take, 0)], 8);
    assert_eq!(lost(&back), [false, true]);
    assert_eq!(judge(&back, Guarantee::Eventual), Verdict::Holds);
    let again = objects("a: w1 0..3 #1; b: w2 2..3 #3", Object::Set, &[(put, 8), (take, 0)], 8);
    assert_eq!(lost(&again), [false, false], "it may have been put in after it was taken out");
}

#[test]
fn replicas_must_agree_on_every_sibling() {
    let mut history = registers("a: w1 0..1 #1; b: w2 2..3 #3", &[2, 1]);
    history.finals[1].siblings.clear();
    assert!(judge(&history, Guarantee::Eventual).message().contains("do not hold the same"));
}

#[test]
fn a_session_must_find_its_write_again_unless_one_who_may_have_seen_it_wrote() {
    let own = |text: &str, last: &[u32]| judge(&registers(text, last), Guarantee::ReadYourWrites);
    let gone = own("a: w1 0..1 #1; b: w2 2..3 #3; a: r2 4..5", &[2, 1]);
    assert_eq!(
        gone.message(),
        "session 0 read w2 from key 0 (began 4 ms, ended 5 ms); its own: session 0 wrote w1 to key 0 (began \
         0 ms, ended 1 ms), is not there, though nobody who could have seen it replaced it"
    );
    assert_eq!(
        own("a: w1 0..1 #1; b: w2 2..3 #3; b: r2 4..5; a: r1 4..5", &[2, 1]),
        Verdict::Holds
    );
    assert_eq!(own("a: w1 0..1 #1; b: r1 2..3; b: w2 3..4 #4; a: r2 4..5", &[2]), Verdict::Holds);
    // Its reader turned away before it was answered, and cannot have replaced it.
    let unseen = own("a: w1 0..1 #1; b: r1 2..3!; b: w2 3..4 #4; a: r2 4..5", &[2, 1]);
    assert!(matches!(unseen, Verdict::Violated(_)), "{unseen:?}");
}

#[test]
fn a_session_must_find_again_what_it_had_read() {
    let text = "a: w1 0..1 #1; b: w2 2..3 #3; c: r2 4..5; c: r1 6..7";
    let told = |values: &[u32]| {
        let mut history = registers(text, &[2, 1]);
        returns(&mut history, 3, values);
        judge(&history, Guarantee::MonotonicReads)
    };
    assert_eq!(told(&[2, 1]), Verdict::Holds);
    let message = judge(&registers(text, &[2, 1]), Guarantee::MonotonicReads);
    assert!(message.message().contains("saw what is not there any more"), "{message:?}");
    assert_eq!(judge(&registers(text, &[2, 1]), Guarantee::ReadYourWrites), Verdict::Holds);
}

#[test]
fn a_counter_must_have_room_for_what_its_session_added_and_had_read() {
    let text = "a: w1 0..1 #1; b: w2 2..3 #3; a: r1 4..5; a: r1 6..7";
    let judged = |[first, second]: [u64; 2], guarantee| {
        let (mine, theirs) = (Update::Add(5), Update::Add(2));
        let effects = [(mine, 5), (theirs, 7), (READ, first), (READ, second)];
        judge(&objects(text, Object::Counter, &effects, 7), guarantee) == Verdict::Holds
    };
    for (seen, own, monotonic) in
        [([5, 7], true, true), ([7, 5], true, false), ([2, 7], false, true), ([0, 0], false, true)]
    {
        assert_eq!(judged(seen, Guarantee::ReadYourWrites), own, "{seen:?}");
        assert_eq!(judged(seen, Guarantee::MonotonicReads), monotonic, "{seen:?}");
    }
}

#[test]
fn an_element_may_go_only_if_somebody_took_it_out_and_come_back_only_if_somebody_put_it_in() {
    let (put, take) = (Update::Insert(3), Update::Remove(3));
    let judged = |text: &str, effects: &[(Update, u64)], guarantee| {
        judge(&objects(text, Object::Set, effects, 8), guarantee) == Verdict::Holds
    };
    let text = "a: w1 0..1 #1; a: r1 2..3; a: r1 4..5";
    let gone = [(put, 8), (READ, 8), (READ, 0)];
    assert!(!judged(text, &gone, Guarantee::MonotonicReads));
    assert!(!judged(text, &gone, Guarantee::ReadYourWrites));
    let text = "a: w1 0..1 #1; a: r1 2..3; b: w2 3..4 #4; a: r1 4..5";
    let taken = [(put, 8), (READ, 8), (take, 0), (READ, 0)];
    let text_back = format!("{text}; b: w3 5..6 #6");
    let taken = [&taken[..], &[(put, 8)]].concat();
    assert!(judged(&text_back, &taken, Guarantee::MonotonicReads));
    assert!(judged(&text_back, &taken, Guarantee::ReadYourWrites));
    // Its own remove: what is there again, somebody else has put in.
    let text = "a: w1 0..1 #1; a: w2 2..3 #3; a: r2 4..5";
    let back = [(put, 8), (take, 0), (READ, 8)];
    assert!(!judged(text, &back, Guarantee::ReadYourWrites));
    let text = "a: w1 0..1 #1; a: w2 2..3 #3; b: w3 2..4 #4; a: r3 4..5";
    let others = [(put, 8), (take, 0), (put, 8), (READ, 8)];
    assert!(judged(text, &others, Guarantee::ReadYourWrites));
}
