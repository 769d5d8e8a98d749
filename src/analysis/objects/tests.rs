//! Histories of objects drawn by hand: what holds, and one of each thing that can be wrong.

use super::super::judge;
use super::super::testing::story;
use super::*;
use crate::history::Effect;
use crate::op::Contents;

/// A story about an object. `effects` are its operations' updates and words in order of invocation; an
/// update with a third number was refused by that version.
fn drawn(
    text: &str,
    (object, initial): (Object, u64),
    effects: &[(Update, u64, Option<u32>)],
) -> History {
    let mut history = story(text);
    history.contents = Contents { object, initial };
    assert_eq!(history.operations.len(), effects.len(), "an effect each");
    for (op, (update, word, refused)) in history.operations.iter_mut().zip(effects) {
        history.effects.push(Effect { update: *update, word: *word });
        if let Some(seen) = refused {
            (op.status, op.value) = (Status::Refused, Value(*seen));
        }
    }
    let mut fold = Fold::new(&history);
    if fold.run(&history).is_none() {
        let word = |version: &Value| fold.after(*version).unwrap_or_default().word;
        for last in &mut history.finals {
            last.words = last.values.iter().map(word).collect();
        }
    }
    history
}

const READ: Update = Update::Put;

fn stock(text: &str, effects: &[(Update, u64, Option<u32>)]) -> History {
    drawn(text, (Object::Stock, 1), effects)
}

fn told(history: &History, guarantee: Guarantee) -> String {
    judge(history, guarantee).message().to_owned()
}

#[test]
fn the_last_unit_is_sold_once_and_the_second_buyer_is_refused() {
    let take = Update::Take(1);
    let text = "a: w1 0..4 #2; b: w2 1..5; c: r1 6..7";
    let sold = stock(text, &[(take, 0, None), (take, 0, Some(1)), (READ, 0, None)]);
    assert_eq!(judge(&sold, Guarantee::Linearizable), Verdict::Holds);

    // The buyer was refused by a stock that still had the unit.
    let wrong = stock(text, &[(take, 0, None), (take, 1, Some(0)), (READ, 0, None)]);
    assert_eq!(
        told(&wrong, Guarantee::Eventual),
        "session 1 was refused at the initial value of key 0 (began 1 ms, ended 5 ms) (take 1), \
         though its condition was met: it was at 1 units"
    );
    let twice = stock("a: w1 0..4 #2; b: w2 1..5 #3", &[(take, 0, None), (take, 0, None)]);
    assert_eq!(
        told(&twice, Guarantee::Eventual),
        "more was taken than there was: session 1 wrote w2 to key 0 (began 1 ms, ended 5 ms) \
         (take 1), but before that it was at 0 units"
    );
}

#[test]
fn a_read_finds_what_the_updates_up_to_its_version_leave() {
    let text = "a: w1 0..1 #1; a: w2 2..3 #3; b: r1 4..5";
    let add = |n| Update::Add(n);
    let counter = |effects: &[_]| drawn(text, (Object::Counter, 0), effects);
    let right = counter(&[(add(5), 5, None), (add(2), 7, None), (READ, 5, None)]);
    assert_eq!(judge(&right, Guarantee::Eventual), Verdict::Holds, "an old version, rightly read");
    assert!(told(&right, Guarantee::Linearizable).contains("should have seen w2"));
    let wrong = counter(&[(add(5), 5, None), (add(2), 7, None), (READ, 7, None)]);
    assert_eq!(
        told(&wrong, Guarantee::Eventual),
        "session 1 read w1 from key 0 (began 4 ms, ended 5 ms), found it at 7, but the updates up to \
         w1 leave it at 5"
    );
    // An update applied twice shows in what its own client is told, and in what is left.
    let doubled = counter(&[(add(5), 10, None), (add(2), 12, None), (READ, 5, None)]);
    assert!(told(&doubled, Guarantee::Eventual).contains("found it at 10"));
    let mut left = right.clone();
    left.finals[1].words[0] = 12;
    assert_eq!(
        told(&left, Guarantee::Eventual),
        "after everything had come to rest, replica 1 holds w2 for key 0, at 12, but all updates \
         decided, up to w2, leave it at 7: one is lost, or applied twice"
    );
    left.finals.iter_mut().for_each(|last| (last.values[0], last.words[0]) = (Value(1), 5));
    assert!(told(&left, Guarantee::Eventual).contains("up to w2, leave it at 7"), "both lost it");
}

#[test]
fn a_set_and_a_compare_and_set_are_folded_too() {
    let text = "a: w1 0..1 #1; a: w2 2..3 #3; b: r2 4..5";
    let updates =
        |word| [(Update::Insert(3), 8, None), (Update::Insert(5), 40, None), (READ, word, None)];
    assert_eq!(
        judge(&drawn(text, (Object::Set, 0), &updates(40)), Guarantee::Linearizable),
        Verdict::Holds
    );
    let wrong = told(&drawn(text, (Object::Set, 0), &updates(32)), Guarantee::Linearizable);
    assert!(wrong.contains("found it {5}, but the updates up to w2 leave it {3, 5}"), "{wrong}");

    let cas = |of| (Update::CompareAndSet(Value(of)), 0, None);
    let swap = |first, second| {
        drawn(text, (Object::CasRegister, 0), &[cas(first), cas(second), (READ, 0, None)])
    };
    assert_eq!(judge(&swap(0, 1), Guarantee::Linearizable), Verdict::Holds);
    let wrong = told(&swap(0, 0), Guarantee::Eventual);
    assert!(
        wrong.ends_with("(compare-and-set of the initial value), but before that it was w1"),
        "{wrong}"
    );
}

#[test]
fn a_lock_is_never_held_by_two() {
    let held = |by: u64, token: u64| (by + 1) << 32 | token;
    let lock = |by, token| (Update::Lock(by), held(by.into(), token), None);
    let text = "a: w1 0..2 #1; b: w2 1..4 #3; a: w3 5..6 #5";
    let twice = [lock(7, 1), lock(8, 2), (Update::Unlock(7), 1, None)];
    let message = told(&drawn(text, (Object::Lock, 0), &twice), Guarantee::Eventual);
    assert_eq!(
        message,
        "mutual exclusion is broken: session 1 wrote w2 to key 0 (began 1 ms, ended 4 ms) (lock for \
         process 8) and has the lock from 4 ms on, when session 0 has it: session 0 wrote w1 to key 0 \
         (began 0 ms, ended 2 ms) (lock for process 7)"
    );
    // Told so by nobody yet, it is broken in the order of versions.
    let text = "a: w1 0..2 #1; b: w2 1..? #3";
    let message = told(&drawn(text, (Object::Lock, 0), &twice[..2]), Guarantee::Eventual);
    assert!(
        message.contains("but before that it was held by process 7 under token 1"),
        "{message}"
    );

    let text = "a: w1 0..2 #1; b: w2 1..4; a: w3 5..7 #6; b: w4 5..8 #7";
    let handed = [
        lock(7, 1),
        (Update::Lock(8), held(7, 1), Some(1)),
        (Update::Unlock(7), 1, None),
        lock(8, 2),
    ];
    let handed = drawn(text, (Object::Lock, 0), &handed);
    assert_eq!(judge(&handed, Guarantee::Linearizable), Verdict::Holds);

    // Given up in the instant in which it was granted: the next one may have it then, or later.
    for next in ["b: w3 2..3 #3", "b: w3 4..5 #5"] {
        let text = format!("a: w1 0..2 #1; a: w2 2..3 #2; {next}");
        let brief = [lock(7, 1), (Update::Unlock(7), 1, None), lock(8, 2)];
        let brief = drawn(&text, (Object::Lock, 0), &brief);
        assert_eq!(judge(&brief, Guarantee::Linearizable), Verdict::Holds, "{next}");
    }
    // It may not be granted while another holds it, however short the time.
    let text = "a: w1 0..2 #1; b: w2 3..4 #3; b: w3 4..5 #5";
    let within = [lock(7, 1), lock(8, 2), (Update::Unlock(8), 2, None)];
    let message = told(&drawn(text, (Object::Lock, 0), &within), Guarantee::Eventual);
    assert!(message.starts_with("mutual exclusion is broken: session 1 wrote w2"), "{message}");
}

#[test]
fn what_took_effect_was_not_refused_and_what_nobody_decided_is_unknown() {
    let take = Update::Take(1);
    let mut sold = stock("a: w1 0..4 #2", &[(take, 0, None)]);
    (sold.operations[0].status, sold.operations[0].value) = (Status::Refused, Value(0));
    assert_eq!(
        told(&sold, Guarantee::Eventual),
        "w1 took effect (take 1), though its client was told that it did not: session 0 was refused at \
         the initial value of key 0 (began 0 ms, ended 4 ms)"
    );

    let lost = stock("a: w1 0..4", &[(take, 0, None)]);
    let verdict = judge(&lost, Guarantee::Eventual);
    assert!(
        matches!(&verdict, Verdict::Unknown(why) if why.contains("w1 was never seen")),
        "{verdict:?}"
    );
}

#[test]
fn linearizable_objects_have_an_order_that_agrees_with_real_time() {
    let add = Update::Add(1);
    let counter = |text: &str, words: &[u64]| {
        let effects: Vec<_> = story(text)
            .operations
            .iter()
            .zip(words)
            .map(|(op, word)| (if op.kind == OpKind::Write { add } else { READ }, *word, None))
            .collect();
        drawn(text, (Object::Counter, 0), &effects)
    };
    // Adding knows no order, but each was told its sum: w2 before w1, which it began after.
    let swapped = counter("b: w2 4..5 #2; a: w1 0..1 #3", &[2, 1]);
    assert_eq!(judge(&swapped, Guarantee::Eventual), Verdict::Holds);
    assert_eq!(
        walk(&swapped).message(),
        "session 0 wrote w1 to key 0 (began 0 ms, ended 1 ms), but in the version order w1 stands \
         behind something that began later: session 1 wrote w2 to key 0 (began 4 ms, ended 5 ms)"
    );
    // Zones alone would let w1 and w2 change places around the reads; the order does not.
    assert_eq!(
        walk(&counter("a: w1 0..9 #5; b: w2 0..9 #4; c: r2 1..2; c: r1 3..4", &[2, 1, 1, 2])),
        Verdict::Holds
    );
    let back = counter("a: w1 0..9 #4; b: w2 0..9 #5; c: r2 1..2; c: r1 3..4", &[1, 2, 2, 1]);
    assert!(walk(&back).message().contains("read w2"), "{:?}", walk(&back));
    let early = counter("c: r1 0..1; a: w1 2..3 #3", &[1, 1]);
    assert!(walk(&early).message().contains("read w1"));
    // What ends at the instant at which another begins is concurrent with it.
    assert_eq!(walk(&counter("a: w1 0..4 #5; b: w2 4..5 #4", &[2, 1])), Verdict::Holds);
    let late = counter("a: w1 0..1 #1; c: r0 2..3", &[1, 0]);
    assert!(walk(&late).message().contains("wrote w1"), "{:?}", walk(&late));
}
