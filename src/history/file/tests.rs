//! Histories go to a file and come back, and every lie in one is named.

use super::*;
use crate::history::{Begin, FinalState, Recorder};
use crate::op::{Object, Outcome, Ret, State};
use proptest::prelude::*;

/// One of everything.
fn sample() -> History {
    let windows = vec![Window { start: Instant(40), end: Instant(60) }];
    let mut r = Recorder::new(vec!["a".into(), "b".into()], Instant(5), Instant(99), windows, 8);
    let (one, two) = (r.new_session(), r.new_session());
    let op = |session, kind, rmw, at| Begin {
        session,
        group: session as u16,
        kind,
        rmw,
        key: Key(2),
        count: 2,
        update: Update::Put,
        intended: Instant(at - 1),
        invoked: Instant(at),
    };
    let read = |value| Outcome::Done(Ret::Value(Value(value)));
    let (id, _) = r.begin(op(one, OpKind::Read, true, 1));
    r.end(id, &read(0), Instant(2));
    let (id, value) = r.begin(op(one, OpKind::Write, true, 3));
    r.commit(Instant(4), Key(2), value, crate::op::Rank { time: 7, node: 1 });
    r.end(id, &Outcome::Done(Ret::Written), Instant(5));
    let (id, _) = r.begin(op(two, OpKind::Scan, false, 6));
    r.end(id, &Outcome::Done(Ret::Values([value, Value(0)].into())), Instant(7));
    let (id, _) = r.begin(op(one, OpKind::Read, false, 8));
    r.end(id, &Outcome::Failed, Instant(9));
    let (id, _) = r.begin(op(two, OpKind::Scan, false, 9));
    r.end(id, &Outcome::Failed, Instant(10));
    let (id, _) = r.begin(op(two, OpKind::Write, false, 20));
    r.end(id, &Outcome::Unknown, Instant(50));
    let finals = vec![Value(0), Value(0), value, Value(0)];
    let finals = vec![FinalState { values: finals, ..FinalState::default() }; 2];
    r.sent(Instant(10), 100);
    r.finish(4, Instant(90), finals)
}

fn text(history: &History) -> Vec<u8> {
    let mut text = Vec::new();
    write(history, &mut text).expect("a vector takes everything");
    text
}

#[test]
fn a_history_reads_back_as_it_was_written() {
    let history = sample();
    let back = read(text(&history).as_slice(), "h.jsonl").expect("readable");
    assert_eq!(back, history);
    assert_eq!(back.digest(), history.digest());
}

/// A stock of two: one is taken, two are refused, and what is left is read.
fn stock() -> History {
    let contents = Contents { object: Object::Stock, initial: 2 };
    let mut r =
        Recorder::new(vec!["a".into()], Instant(0), Instant(99), vec![], 8).with_contents(contents);
    let session = r.new_session();
    let op = |kind, update, at| Begin {
        session,
        group: 0,
        kind,
        rmw: false,
        key: Key(0),
        count: 0,
        update,
        intended: Instant(at),
        invoked: Instant(at),
    };
    let left = State { version: Value(1), word: 1 };
    let (id, value) = r.begin(op(OpKind::Write, Update::Take(1), 1));
    r.commit(Instant(1), Key(0), value, crate::op::Rank::AS_DECIDED);
    r.end(id, &Outcome::Done(Ret::State(left)), Instant(2));
    let (id, _) = r.begin(op(OpKind::Write, Update::Take(2), 3));
    r.end(id, &Outcome::Done(Ret::Refused(left)), Instant(4));
    let (id, _) = r.begin(op(OpKind::Read, Update::Put, 5));
    r.end(id, &Outcome::Done(Ret::State(left)), Instant(6));
    r.finish(
        1,
        Instant(90),
        vec![FinalState { values: vec![Value(1)], words: vec![1], siblings: vec![] }],
    )
}

#[test]
fn objects_are_written_with_their_updates_and_states() {
    let history = stock();
    let text = String::from_utf8(text(&history)).expect("JSON is UTF-8");
    assert_eq!(read(text.as_bytes(), "h.jsonl").expect("readable"), history);
    let lies = [
        ("\"stock\"", "\"set\"", "h.jsonl:2: take 1 is no update of a set"),
        ("{\"take\":2}", "{\"add\":2}", "h.jsonl:3: add 2 is no update of a stock"),
        ("\"word\":1,", "", "h.jsonl:2: a `word` is what"),
        ("\"value\":1,\"update\":{\"take\":1}", "\"value\":2,\"update\":{\"take\":1}", "must be 1"),
        ("{\"words\":[1]}", "{\"words\":[1,1]}", "h.jsonl:7: `words` go with the final state"),
        ("\"op\":\"read\"", "\"op\":\"read\",\"update\":{\"take\":1}", "only a write has an"),
        (
            "\"contents\":{\"object\":\"stock\",\"initial\":2},",
            "",
            "take 1 is no update of a register",
        ),
    ];
    for (old, new, message) in lies {
        let bad = text.replacen(old, new, 1);
        assert_ne!(bad, text, "{old} is not in the file");
        let error = read(bad.as_bytes(), "h.jsonl").expect_err(new).to_string();
        assert!(error.contains(message), "{new}: {error}");
    }
}

/// A write of a register that did not follow what the replica held, where conflicts are merged.
#[test]
fn a_refused_write_of_a_register_reads_back_where_updates_are_merged() {
    let mut r = Recorder::new(vec!["a".into()], Instant(0), Instant(99), vec![], 8).merging(true);
    let session = r.new_session();
    let key = Key(0);
    let write = |at| Begin {
        session,
        group: 0,
        kind: OpKind::Write,
        rmw: false,
        key,
        count: 0,
        update: Update::Put,
        intended: Instant(at),
        invoked: Instant(at),
    };
    let (id, value) = r.begin(write(1));
    r.end(id, &Outcome::Done(Ret::Written), Instant(2));
    let (id, _) = r.begin(write(3));
    r.end(id, &Outcome::Done(Ret::Refused(State { version: value, word: 0 })), Instant(4));
    let rest = FinalState { values: vec![value], words: vec![], siblings: vec![] };
    let history = r.finish(1, Instant(90), vec![rest]);
    assert_eq!(
        (history.operations[1].status, history.operations[1].value),
        (Status::Refused, value)
    );
    let text = String::from_utf8(text(&history)).expect("JSON is UTF-8");
    assert_eq!(read(text.as_bytes(), "h.jsonl").expect("readable"), history);
    let bad = text.replacen("\"merged\":true,", "", 1);
    assert_ne!(bad, text);
    let error = read(bad.as_bytes(), "h.jsonl").expect_err("no condition").to_string();
    assert!(error.contains("has no condition"), "{error}");
}

#[test]
fn what_states_were_made_from_reads_back_and_lies_about_it_are_named() {
    let mut history = stock();
    history.made = vec![Made { value: Value(1), before: State { version: Value(0), word: 2 } }];
    assert_ne!(history.digest(), stock().digest());
    let good = String::from_utf8(text(&history)).expect("JSON is UTF-8");
    assert_eq!(read(good.as_bytes(), "h.jsonl").expect("readable"), history);
    for (old, new, message) in [
        ("\"made\":1,", "\"made\":2,", "the header announces 2 lines of `made`, and there are 1"),
        ("{\"made\":{\"value\":1", "{\"made\":{\"value\":0", "value 0 is made but"),
        (
            "\"before\":{\"version\":0",
            "\"before\":{\"version\":7",
            "1 is made from 7, which is not",
        ),
    ] {
        let bad = good.replacen(old, new, 1);
        assert_ne!(bad, good, "{old} is not in the file");
        let error = read(bad.as_bytes(), "h.jsonl").expect_err(new).to_string();
        assert!(error.contains(message), "{new}: {error}");
    }
}

#[test]
fn every_lie_is_named_with_file_and_line() {
    let good = String::from_utf8(text(&sample())).expect("JSON is UTF-8");
    let lies = [
        ("\"version\":1", "\"version\":9", "h.jsonl:1: the format's version is 9, not 1"),
        ("pacelc-history", "pcap", "h.jsonl:1: the format is `pcap`"),
        ("\"keys\":4", "\"keys\":3", "h.jsonl:4: key 3 is beyond"),
        ("\"start\":40", "\"start\":80", "h.jsonl:1: the fault windows"),
        ("\"operations\":6", "\"operations\":7", "h.jsonl:11: the file ends after 6 operations"),
        ("\"completed\":2}", "\"completed\":0}", "h.jsonl:2: the operation completes before"),
        ("\"completed\":2}", "\"completed\":null}", "h.jsonl:2: an unknown outcome"),
        ("\"completed\":2}", "\"completed\":4}", "h.jsonl:3: operations of session 0 overlap"),
        ("\"completed\":2}", "\"complete\":2}", "h.jsonl:2: unknown field `complete`"),
        ("\"value\":1,\"status\"", "\"value\":3,\"status\"", "must be 1"),
        ("\"values\":[1,0]", "\"values\":[1]", "h.jsonl:4: a scan needs"),
        (
            "\"write\",\"rmw\":true,\"key\":2",
            "\"write\",\"rmw\":true,\"key\":1",
            "h.jsonl:3: `rmw` marks",
        ),
        ("{\"at\":4,\"key\":2", "{\"at\":4,\"key\":1", "h.jsonl:8: value 1 was written to key 2"),
        ("\"value\":1,\"rank\"", "\"value\":7,\"rank\"", "h.jsonl:8: value 7 is committed but"),
        ("\"group\":1", "\"group\":7", "h.jsonl:4: group 7"),
    ];
    for (old, new, message) in lies {
        let bad = good.replacen(old, new, 1);
        assert_ne!(bad, good, "{old} is not in the file");
        let error = read(bad.as_bytes(), "h.jsonl").expect_err(new).to_string();
        assert!(error.contains(message), "{new}: {error}");
    }
    let torn = &good[..good.len() - 9];
    assert!(read(torn.as_bytes(), "h.jsonl").is_err());
    assert!(read(&b""[..], "h.jsonl").expect_err("empty").to_string().contains("empty"));
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(read(bytes.as_slice(), "noise").is_err());
    }

    #[test]
    fn a_damaged_file_is_refused_or_makes_a_valid_history(
        at in any::<prop::sample::Index>(),
        with in "[0-9a-z\":,{}\\[\\]\n]{0,4}",
        cut in 0_usize..6,
    ) {
        let mut bytes = text(&sample());
        let at = at.index(bytes.len());
        let end = (at + cut).min(bytes.len());
        bytes.splice(at..end, with.bytes());
        if let Ok(history) = read(bytes.as_slice(), "damaged") {
            // What was accepted is sound enough to be written and read again.
            let again = read(text(&history).as_slice(), "again").expect("valid");
            prop_assert_eq!(again.digest(), history.digest());
        }
    }
}
