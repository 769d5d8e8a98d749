//! Stories and definitions of the session guarantees.

use super::super::judge;
use super::super::testing::{Story, story};
use super::*;

fn ryw(text: &str) -> Verdict {
    judge(&story(text), Guarantee::ReadYourWrites)
}

fn mr(text: &str) -> Verdict {
    judge(&story(text), Guarantee::MonotonicReads)
}

#[test]
fn a_session_must_see_its_own_write_or_a_newer_one() {
    let writes = "a: w1 0..1 #1; b: w2 2..3 #3; ";
    assert_eq!(ryw(&format!("{writes} a: r1 4..5; a: r2 6..7; a: r1 8..9")), Verdict::Holds);
    assert_eq!(ryw(&format!("{writes} c: r0 4..5; a: r0@1 6..7")), Verdict::Holds);
    let broken = ryw(&format!("{writes} b: r1 4..5"));
    assert_eq!(
        broken.message(),
        "session 1 read w1 from key 0 (began 4 ms, ended 5 ms), older than its own write: session 1 \
         wrote w2 to key 0 (began 2 ms, ended 3 ms); in the key's version order w2 comes after w1"
    );
    assert_eq!(ryw("a: w1 0..1!; a: r0 2..3"), Verdict::Holds, "a failed write binds nobody");
}

#[test]
fn a_session_may_not_turn_back_but_sessions_may_differ() {
    let writes = "a: w1 0..1 #1; a: w2 2..3 #3; ";
    assert_eq!(mr(&format!("{writes} b: r1 4..5; b: r2 6..7; c: r1 8..9")), Verdict::Holds);
    assert!(mr(&format!("{writes} b: r2 4..5; b: r1 6..7")).message().contains("had read"));
    assert!(mr(&format!("{writes} b: s2@0 4..5; b: r0 6..7")).message().contains("scanned w2"));
    assert_eq!(mr(&format!("{writes} a: r1 6..7")), Verdict::Holds, "writes are another matter");
}

#[test]
fn a_sessions_writes_stand_in_its_order_and_above_what_it_has_read() {
    let mw = |text: &str| judge(&story(text), Guarantee::MonotonicWrites);
    let wfr = |text: &str| judge(&story(text), Guarantee::WritesFollowReads);
    let behind = "b: w1 0..1 #1; a: w2 2..3 #9; a: w3 4..5 #8";
    assert_eq!(
        mw(behind).message(),
        "session 0 wrote w3 to key 0 (began 4 ms, ended 5 ms), older than its own write: session 0 \
         wrote w2 to key 0 (began 2 ms, ended 3 ms); in the key's version order w2 comes after w3"
    );
    assert_eq!(wfr(behind), Verdict::Holds, "it has read nothing");
    let answer = "a: w1 0..1 #5; b: r1 2..3; b: w2 3..4 #4";
    assert!(wfr(answer).message().contains("older than what it had read: session 1 read w1"));
    assert_eq!(mw(answer), Verdict::Holds, "it has written nothing before");
    assert_eq!(wfr("a: w1 0..1 #5; b: r1 2..3; b: w2@1 3..4 #4"), Verdict::Holds, "per key");
    assert_eq!(mw("a: w1 0..1 #9; a: w2 2..? #8").rank(), 2, "it took effect, and too early");
    assert_eq!(mw("a: w1 0..1 #1; a: w2 2..?"), Verdict::Holds, "perhaps it never did");
    assert_eq!(mw("a: w1 0..1 #1; a: w2 2..3").rank(), 1, "it did, and nobody knows where");
}

/// The definitions, word by word.
#[test]
fn writes_agree_with_the_definitions_on_random_histories() {
    let mut broken = [0, 0];
    for seed in 0..20_000 {
        let mut history = Story::random(seed, 14);
        if seed % 3 == 0 {
            history.commits.reverse();
        }
        let order = Order::of(&history);
        for (rule, broken) in [Writes, Reads].into_iter().zip(&mut broken) {
            let mut expected = false;
            for (i, b) in history.operations.iter().enumerate().filter(|(_, b)| b.may_write()) {
                let earlier = history.operations[..i].iter();
                for a in earlier.filter(|a| (a.session, a.key) == (b.session, b.key)) {
                    let binds = match rule {
                        Writes => a.may_write(),
                        Reads => a.kind == OpKind::Read && a.status == Status::Ok,
                    };
                    let places = (order.place(a.value), order.place(b.value));
                    expected |= binds && matches!(places, (Some(a), Some(b)) if b < a);
                }
            }
            let found = check(&history, Rule { raised_by: rule, judges: Writes });
            assert_eq!(found.rank() == 2, expected, "{seed}: {}", found.message());
            *broken += u32::from(expected);
        }
    }
    assert!(broken.iter().all(|n| *n > 500), "{broken:?}");
}

#[test]
fn the_session_guarantee_is_all_four() {
    let session = |text| judge(&story(text), Guarantee::Session).rank();
    assert_eq!(session("a: w1 0..1 #1; a: r1 2..3; a: r1 4..5"), 0);
    assert_eq!(session("a: w1 0..1 #1; a: r0 2..3"), 2);
    assert_eq!(session("a: w1 0..1 #1; b: r1 2..3; b: r0 4..5"), 2);
    assert_eq!(session("a: w1 0..1 #9; a: w2 2..3 #8"), 2);
    assert_eq!(session("a: w1 0..1 #9; b: r1 2..3; b: w2 4..5 #8"), 2);
}

#[test]
fn undecided_values_are_unknown_only_where_they_matter() {
    assert_eq!(ryw("a: w1 0..1; a: r1 2..3"), Verdict::Holds, "the very value");
    assert_eq!(ryw("a: w1 0..1; a: r0 2..3").rank(), 2, "the initial value is older than all");
    let lost = ryw("a: w1 0..1; b: w2 0..1 #1; a: r2 2..3");
    assert!(
        matches!(&lost, Verdict::Unknown(why) if why.contains("w1 was never seen")),
        "{lost:?}"
    );
    assert_eq!(ryw("a: w1 0..1; b: w2 0..1 #1; b: r1 2..3").rank(), 1);
    assert_eq!(mr("a: w1 0..1; b: r1 2..3; b: r1 4..5"), Verdict::Holds);
    assert_eq!(mr("a: w1 0..1; c: w2 0..1; b: r1 2..3; b: r2 4..5").rank(), 1);
    assert_eq!(mr("a: w1 0..1; c: w2 0..1; b: r1 2..3; b: r2 4..5; b: r1 6..7").rank(), 1);
    // The first read of a session is bound by nothing.
    assert_eq!(mr("a: w1 0..1; b: r1 2..3"), Verdict::Holds);
}

#[test]
fn violations_anywhere_outrank_unknowns_before() {
    let text = "a: w1 0..1; c: w2 0..1 #1; a: r2 2..3; b: w3 4..5 #5; b: r2 6..7";
    assert_eq!(ryw(text).rank(), 2);
}

/// How each operation that is told of stands, in order: `-` if nothing binds it or nobody can tell, `.` if
/// it is not below, `!` if it is; first to what was read, then to what was written before.
fn standings(history: &History) -> Vec<(u32, String)> {
    let sign = |below| match below {
        None => '-',
        Some(false) => '.',
        Some(true) => '!',
    };
    let mut told = Vec::new();
    observe(history, &Order::of(history), |one| {
        told.push((one.op, [one.below_reads, one.below_writes].map(sign).iter().collect()));
    });
    told.sort_unstable();
    told
}

fn signs(text: &str) -> String {
    let signs: Vec<String> = standings(&story(text)).into_iter().map(|(_, signs)| signs).collect();
    signs.join(" ")
}

#[test]
fn a_chance_is_what_the_session_knew_of_the_key_before() {
    let reads = "a: w1 0..1 #1; b: w2 2..3 #3; c: r0 4..5; c: r2 6..7; c: r1 8..9; c: r0@1 10..11";
    assert_eq!(signs(reads), "-- -- -- -- !- --", "what c read first binds nobody");
    assert_eq!(signs("a: w1 0..1 #1; a: r1 2..3; a: r0 4..5; a: r1 6..7"), "-- -. !! ..");
    let writes = "a: w1 0..1 #9; a: w2 2..3 #8; b: r2 4..5; b: w3 6..7 #7; b: w4 10..11 #11";
    assert_eq!(signs(writes), "-- -! -- !- ..", "b knew nothing of w1");
    assert_eq!(signs("a: w1 0..1! ; a: r0 2..3; a: w2 4..? ; b: r0 6..7!"), "--", "only the read");
}

#[test]
fn a_scan_counts_once_and_is_as_low_as_its_lowest() {
    let text = "a: w1@0 0..1 #1; a: w2@1 2..3 #3; a: s1,0@0 4..5; a: s1,2@0 6..7; a: s1,0@0 8..9";
    assert_eq!(signs(text), "-- -- -! .. !!");
}

#[test]
fn what_cannot_be_told_is_no_chance() {
    assert_eq!(
        signs("a: w1 0..1; b: w2 0..1 #1; a: r2 2..3; a: r1 4..5; a: r0 6..7"),
        "-- -- -- -. !!"
    );
}

/// The definitions, word by word, of what operations are told of and how they stand.
#[test]
fn standings_agree_with_the_definitions_on_random_histories() {
    let mut counts = [[0_u32; 3]; 4];
    for seed in 0..20_000 {
        let mut history = Story::random(seed, 14);
        match seed % 4 {
            0 => history.commits.reverse(),
            1 => history.commits.retain(|commit| commit.at.0 % 3 > 0),
            _ => {}
        }
        let order = Order::of(&history);
        let told: std::collections::BTreeMap<u32, Standing> = {
            let mut told = std::collections::BTreeMap::new();
            observe(&history, &order, |one| {
                assert!(told.insert(one.op, one).is_none(), "{seed}: told twice");
            });
            told
        };
        for (id, op) in (0..).zip(&history.operations) {
            let took_effect = op.status == Status::Ok || order.place(op.value).is_some();
            let counts_as = if op.may_write() { took_effect } else { op.status == Status::Ok };
            assert_eq!(told.contains_key(&id), counts_as, "{seed}: {id}");
            let Some(one) = told.get(&id) else { continue };
            let writes = usize::from(op.may_write());
            for (by_writes, below) in [(false, one.below_reads), (true, one.below_writes)] {
                let earlier = history.operations[..id as usize].iter().filter(|a| {
                    let of = if by_writes { a.may_write() } else { a.kind == OpKind::Read };
                    (a.session, a.key) == (op.session, op.key) && a.status == Status::Ok && of
                });
                let known: Vec<Value> = earlier.map(|a| a.value).collect();
                assert_eq!(below, by_definition(&order, &known, op.value), "{seed}: {id}");
                let outcome = below.map_or(0, |below| 1 + usize::from(below));
                counts[2 * writes + usize::from(by_writes)][outcome] += 1;
            }
        }
    }
    assert!(counts.iter().flatten().all(|n| *n > 500), "{counts:?}");
}

/// Whether a version is below one that was known before.
fn by_definition(order: &Order, known: &[Value], version: Value) -> Option<bool> {
    let mut known = known.iter().filter(|one| **one != Value::INITIAL).peekable();
    known.peek()?;
    let (place, known) = (order.place(version), known.collect::<Vec<_>>());
    let is_older = |one: &&Value| match (place, order.place(**one)) {
        (Some(place), Some(of_known)) => place < of_known,
        (_, None) => version == Value::INITIAL,
        (None, _) => false,
    };
    let is_clear =
        |one: &&Value| **one == version || place.is_some() && order.place(**one).is_some();
    let older = known.iter().any(is_older);
    (older || known.iter().all(is_clear)).then_some(older)
}

/// A rate above 0, and a promise that is broken, are the same.
#[test]
fn something_is_below_iff_the_checker_objects() {
    let mut broken = [0; 4];
    for seed in 0..5_000 {
        let mut history = Story::random(seed, 14);
        if seed % 3 == 0 {
            history.commits.reverse();
        }
        let mut found = [false; 4];
        observe(&history, &Order::of(&history), |one| {
            let writes = usize::from(history.operations[one.op as usize].may_write());
            found[2 * writes] |= one.below_reads == Some(true);
            found[2 * writes + 1] |= one.below_writes == Some(true);
        });
        let sides = [Reads, Writes];
        let rules =
            sides.into_iter().flat_map(|judges| sides.map(|raised_by| Rule { raised_by, judges }));
        for ((rule, found), broken) in rules.zip(found).zip(&mut broken) {
            assert_eq!(check(&history, rule).rank() == 2, found, "{seed}");
            *broken += u32::from(found);
        }
    }
    assert!(broken.iter().all(|n| *n > 100), "{broken:?}");
}
