//! Orders of versions: those that are given, and those that only several reads together show.

use super::check::STALE;
use crate::common::program::Desk;

/// An order of what the history does not have would be given in vain.
#[test]
fn versions_of_what_is_not_in_the_history_are_refused() {
    let desk = Desk::new();
    desk.write("stale.jsonl", STALE);
    desk.write("other.jsonl", &STALE.replace("\"x\"", "\"why\""));
    let check = |orders: &str, files: &[&str]| {
        desk.write("order.json", orders);
        let words = ["check", "-g", "monotonic-writes", "--versions", "order.json"];
        desk.run(&[&words, files].concat())
    };
    for (orders, expected) in [
        (r#"{"z": [2, 1]}"#, "stale.jsonl, order.json: unknown key `z`; did you mean `x`?"),
        (
            r#"{"x": [2, 11]}"#,
            "stale.jsonl, order.json: the versions of `x`: no operation on this key has the value 11; name",
        ),
        ("{\"x\": [2],\n\"x\": [1]}", "order.json:2: the key `x` stands there twice"),
        ("[1]", "order.json:1: write an object from keys to their values, as in {"),
        ("{\"x\": 1}", "order.json: the versions of `x` are not an array, oldest first"),
        ("{\"x\": [1}", "order.json:1: column 9: a comma or the closing bracket should"),
    ] {
        let answer = check(orders, &["stale.jsonl"]);
        assert_eq!((answer.status, answer.stdout.as_str()), (2, ""), "{orders}: {answer:?}");
        assert!(answer.stderr.starts_with(&format!("error: {expected}")), "{orders}: {answer:?}");
    }
    // Of several histories each may have some of the keys.
    let both = ["stale.jsonl", "other.jsonl"];
    assert_eq!(
        check(r#"{"x": [2, 1], "why": [1, 2]}"#, &both).status,
        1,
        "x contradicts a session"
    );
    let answer = check(r#"{"x": [1, 2], "z": [1, 2]}"#, &both);
    assert_eq!(answer.status, 2, "{answer:?}");
    assert!(
        answer.stderr.ends_with("order.json: none of these histories has a key `z`\n"),
        "{answer:?}"
    );
}

/// Two writes at once: that the first had been overwritten only the read before shows.
#[test]
fn k_atomicity_names_the_read_that_shows_it_and_counts_by_real_time_alone() {
    let desk = Desk::new();
    let mut text = String::new();
    for (process, call, value, invoke, complete) in [
        (1, "write", 1, 0, 9),
        (2, "write", 2, 0, 9),
        (3, "read", 2, 12, 13),
        (4, "read", 1, 14, 15),
    ] {
        let field = if call == "read" { "result" } else { "value" };
        text += &format!(
            "{{\"process\":{process},\"key\":\"x\",\"op\":\"{call}\",\"{field}\":{value},\
             \"invoke\":{invoke},\"complete\":{complete},\"ok\":true}}\n"
        );
    }
    desk.write("two.jsonl", &text);
    let answer = desk.run(&["check", "two.jsonl", "-g", "k-atomic=1"]);
    assert_eq!(answer.status, 1, "{answer:?}");
    let shown = "process 4 read 1 from x [14, 15], after process 3 read 2 from x [12, 13]; no order lets every \
                 read return the last write; the history is 2-atomic";
    let said = answer.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains(shown), "{said}");
    let counted = "are too stale by real time alone; only together they break it";
    assert!(said.contains("rate: 0 of 2 reads") && said.contains(counted), "{said}");
}
