//! `pacelc check` as its users meet it: three formats and four exit statuses.

use crate::common::program::Desk;
use std::io::Write as _;
use std::process::Stdio;

/// A read of an old value, three ticks after a newer one was there.
pub(crate) const STALE: &str = r#"{"process":1,"key":"x","op":"write","value":1,"invoke":0,"complete":1,"ok":true}
{"process":1,"key":"x","op":"write","value":2,"invoke":2,"complete":3,"ok":true}
{"process":2,"key":"x","op":"read","result":1,"invoke":6,"complete":7,"ok":true}
{"process":3,"key":"y","op":"read","result":null,"invoke":6,"complete":7,"ok":true}
"#;

#[test]
fn a_stale_read_is_named_with_the_write_it_missed_and_drawn() {
    let desk = Desk::new();
    desk.write("stale.jsonl", STALE);
    let answer = desk.run(&["check", "stale.jsonl", "--diagram", "picture.svg"]);
    assert_eq!(answer.status, 1, "{answer:?}");
    assert_eq!(
        answer.stdout,
        "stale.jsonl: linearizable: violated: process 2 read 1 from x [6, 7], but 3 ticks before it began, \
         something newer had ended: process 1 wrote 2 to x [2, 3]\n  \
         line 1: process 1 wrote 1 to x [0, 1]\n  \
         line 2: process 1 wrote 2 to x [2, 3]\n  \
         line 3: process 2 read 1 from x [6, 7]\n  \
         rate: 1 of 2 reads (50 %, 95 % interval 9.45 to 90.5 %) cannot be explained at the time they were \
         made\n\n           \
         x = 1               x = 2\nprocess 1  ├─────────┤         ├─────────┤\n                                                   \
         x is 1\nprocess 2                                          ┣━━━━━━━━━┫\n           \
         0         1         2         3         6         7\n\
         What is marked began 3 ticks after the write it should have seen had ended (x = 2).\n\
         Instants are drawn equally far apart: the time axis is not to scale.\n\n"
    );
    let picture = desk.read("picture.svg");
    assert!(picture.contains("stale.jsonl is not linearizable") && picture.contains("x = 2"));
    assert!(!picture.contains("process 3"), "what does not matter is not drawn");
}

#[test]
fn guarantees_are_judged_one_by_one_and_the_worst_is_the_status() {
    let desk = Desk::new();
    desk.write("stale.jsonl", STALE);
    let with = |names: &[&str]| {
        let mut arguments = vec!["check", "stale.jsonl"];
        arguments.extend(names.iter().flat_map(|name| ["-g", name]));
        desk.run(&arguments)
    };
    let weak = with(&["sequential", "causal", "session", "k-atomic=2", "bounded-staleness=3"]);
    assert_eq!((weak.status, weak.stdout.matches(": holds").count()), (0, 5), "{}", weak.stdout);
    let strong = with(&["sequential", "k-atomic=1", "delta-atomic=2", "bounded-staleness=2"]);
    assert_eq!((strong.status, strong.stdout.matches(": violated").count()), (1, 3));
    assert!(strong.stdout.contains("is 2-atomic") && strong.stdout.contains("3 ticks would do"));

    let unknown = desk.run(&["check", "stale.jsonl", "-g", "lineraizable"]);
    assert_eq!(unknown.status, 2);
    assert!(unknown.stderr.contains("did you mean `linearizable`?"), "{}", unknown.stderr);
}

#[test]
fn verdicts_come_with_rates_and_witnesses_as_json() {
    let desk = Desk::new();
    desk.write("stale.jsonl", STALE);
    let json = |guarantee: &str, more: &[&str]| -> serde_json::Value {
        let arguments = ["check", "stale.jsonl", "--json", "-g", guarantee];
        let answer = desk.run(&[&arguments[..], more].concat());
        assert_eq!(answer.stderr, "", "{guarantee}");
        serde_json::from_str(&answer.stdout).expect("a JSON object")
    };
    let broken = json("linearizable", &[]);
    assert_eq!((&broken["rate"]["hits"], &broken["rate"]["of"]), (&1.into(), &2.into()));
    let low = broken["rate"]["low"].as_f64().expect("a number");
    assert!((0.0945..0.0946).contains(&low), "Wilson's interval: {low}");
    let held = json("causal", &[]);
    assert_eq!((&held["rate"]["hits"], &held["reads"]), (&0.into(), &2.into()));
    assert_eq!(held["absent_patterns"][0], "ThinAirRead");
    assert_eq!(json("session", &[])["versions"]["x"], serde_json::json!([null, 1, 2]));
    assert_eq!(json("k-atomic=5", &[])["least_k"], 2);
    assert_eq!(json("delta-atomic=9", &[])["least_delta"], 3);
    let stalest = &json("bounded-versions=1", &[])["stalest"];
    assert_eq!((&stalest["versions_behind"], &stalest["read"]["line"]), (&1.into(), &3.into()));
    assert_eq!(json("sequential", &[])["order_of_lines"].as_array().map(Vec::len), Some(4));

    // By the order given it is the other value that is newer.
    assert_eq!(json("bounded-versions=0", &[])["verdict"], "violated");
    desk.write("order.json", r#"{"x": [2, 1]}"#);
    let given = json("bounded-versions=0", &["--versions", "order.json"]);
    assert_eq!(given["verdict"], "holds", "{given}");
    let refused = desk.run(&["check", "stale.jsonl", "-g", "bounded-versions=-1"]);
    assert_eq!(refused.status, 2);
    assert!(refused.stderr.contains("from 0, as in `bounded-versions=2`, not `-1`"), "{refused:?}");
}

#[test]
fn a_tick_has_a_length_if_it_is_told() {
    let desk = Desk::new();
    desk.write("stale.jsonl", STALE);
    let answer = desk.run(&["check", "stale.jsonl", "--tick", "1.5ms", "--diagram", "why.svg"]);
    let gap = "began 4.500 ms after the write it should have seen had ended (x = 2).";
    assert!(answer.stdout.contains(gap), "{}", answer.stdout);
    let picture = desk.read("why.svg");
    assert!(picture.contains(gap) && picture.contains("not to scale"), "{picture}");
    let mut drawn = answer.stdout.lines().skip(5);
    assert!(drawn.all(|line| line.chars().count() <= 100), "COLUMNS is 100: {}", answer.stdout);
    let refused = desk.run(&["check", "stale.jsonl", "--tick", "0s"]);
    assert_eq!(refused.status, 2);
    assert!(refused.stderr.contains("a tick is longer than nothing"), "{}", refused.stderr);
}

#[test]
fn a_search_that_runs_out_of_its_budget_says_so() {
    let desk = Desk::new();
    let mut text = String::new();
    for process in 0..24 {
        text += &format!(
            "{{\"process\":{process},\"key\":\"x\",\"op\":\"cas\",\"expected\":{process},\"value\":\
             {},\"result\":true,\"invoke\":0,\"complete\":9,\"ok\":true}}\n",
            (process * 7 + 3) % 24
        );
    }
    desk.write("hard.jsonl", &text);
    let answer = desk.run(&["check", "hard.jsonl", "--initial", "5", "--budget", "3"]);
    assert_eq!(answer.status, 3, "{answer:?}");
    let told = "unknown: the budget of 3 steps ended before the search did; --budget allows more";
    assert!(answer.stdout.contains(told), "{}", answer.stdout);
    let answer = desk.run(&["check", "hard.jsonl", "--initial", "5", "--memory", "0"]);
    let told = "the budget of 0 MiB for states ended before the search did; --memory allows more";
    assert!(answer.status == 3 && answer.stdout.contains(told), "{}", answer.stdout);
    desk.write("stale.jsonl", STALE);
    let answer = desk.run(&["check", "stale.jsonl", "-g", "causal", "--seconds", "0"]);
    let told = "the time allowed ended before the search did; --seconds allows more";
    assert!(answer.status == 3 && answer.stdout.contains(told), "{}", answer.stdout);
}

#[test]
fn what_is_wrong_with_one_file_says_nothing_of_the_others() {
    let desk = Desk::new();
    desk.write("stale.jsonl", STALE);
    desk.write("bad.jsonl", "{}");
    desk.write("good.jsonl", STALE.lines().next().expect("a line"));
    let answer = desk.run(&["check", "bad.jsonl", "stale.jsonl", "none.jsonl", "good.jsonl", "."]);
    assert_eq!(answer.status, 2, "{answer:?}");
    assert!(answer.stdout.contains("stale.jsonl: linearizable: violated"), "{}", answer.stdout);
    assert!(answer.stdout.contains("good.jsonl: linearizable: holds"), "{}", answer.stdout);
    for told in [
        "bad.jsonl:1: `process` is missing; it is a whole number",
        "cannot read none.jsonl",
        "error: . is a folder; a history is a file",
    ] {
        assert!(answer.stderr.contains(told), "{told}: {}", answer.stderr);
    }
    assert!(!answer.stderr.contains(".:1"), "a folder has no lines: {}", answer.stderr);
    let answer = desk.run(&["check", "good.jsonl", "stale.jsonl", "good.jsonl"]);
    assert_eq!((answer.status, answer.stderr.as_str()), (1, ""), "what is violated comes first");
}

#[test]
fn a_key_that_is_only_read_begins_as_its_siblings_do() {
    let desk = Desk::new();
    let line = |process: u32, key: &str, op: &str| {
        format!(
            "{{\"process\":{process},\"key\":\"{key}\",{op},\"invoke\":0,\"complete\":9,\"ok\":true}}\n"
        )
    };
    let check = |touched: &str, read: &str| {
        let text =
            line(1, "a", touched) + &line(2, "b", &format!("\"op\":\"read\",\"result\":{read}"));
        desk.write("two.jsonl", &text);
        desk.run(&["check", "two.jsonl"]).status
    };
    let (counter, set) = ("\"op\":\"add\",\"value\":1", "\"op\":\"insert\",\"value\":1");
    let register = "\"op\":\"write\",\"value\":1";
    for (touched, read, status) in [
        (counter, "0", 0),
        (counter, "null", 0),
        (counter, "1", 1),
        (counter, "[]", 1),
        (set, "[]", 0),
        (set, "null", 0),
        (set, "[1]", 1),
        (set, "0", 1),
        (register, "null", 0),
        (register, "0", 1),
        (register, "[]", 1),
    ] {
        assert_eq!(check(touched, read), status, "{touched}, and {read} of the other key");
    }
}

#[test]
fn keys_may_begin_below_zero() {
    let desk = Desk::new();
    let read =
        r#"{"process":1,"key":"x","op":"read","result":-1,"invoke":1,"complete":2,"ok":true}"#;
    desk.write("below.jsonl", read);
    assert_eq!(desk.run(&["check", "--initial", "-1", "below.jsonl"]).status, 0);
    assert_eq!(desk.run(&["check", "--initial", "-2", "below.jsonl"]).status, 1);
    // What is no number is an option, and not the value of this one.
    assert_eq!(desk.run(&["check", "below.jsonl", "--initial", "--json"]).status, 2);
}

#[test]
fn a_diagram_is_no_wider_than_the_terminal() {
    let desk = Desk::new();
    desk.write("stale.jsonl", &STALE.replace("\"key\":\"x\"", "\"key\":\"a long name of a key\""));
    let mut narrow = desk.command(&["check", "stale.jsonl"]);
    let output = narrow.env("COLUMNS", "40").output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let (_, drawn) = text.split_once("\n\n").expect("a diagram");
    assert!(drawn.contains('┣') && drawn.contains('…'), "{text}");
    assert!(drawn.lines().all(|line| line.chars().count() <= 40), "{text}");
}

#[test]
fn slack_that_is_not_enough_names_the_read_and_the_write_it_missed() {
    let desk = Desk::new();
    desk.write("stale.jsonl", STALE);
    let gap = "process 2 read 1 from x [6, 7], but 3 ticks before it began, something newer had ended: \
               process 1 wrote 2 to x [2, 3]";
    for (guarantee, least) in [
        ("k-atomic=1", "; the history is 2-atomic"),
        ("delta-atomic=2", "; a slack of 3 ticks would do"),
    ] {
        let answer = desk.run(&["check", "stale.jsonl", "-g", guarantee]);
        let told = format!("stale.jsonl: {guarantee}: violated: {gap}{least}\n");
        assert!(answer.stdout.starts_with(&told), "{}", answer.stdout);
    }
    let answer = desk.run(&["check", "stale.jsonl", "-g", "bounded-versions=0"]);
    let told = "although a newer version had been written by then, by process 1 wrote 2 to x";
    assert!(answer.stdout.contains(told), "{}", answer.stdout);
}

#[test]
fn other_tools_files_are_known_by_their_content() {
    let desk = Desk::new();
    let check = |text: &str, more: &[&str]| {
        desk.write("history", text);
        desk.run(&[&["check", "history", "--json"], more].concat())
    };
    let etcd = "INFO  jepsen.util - 0\t:invoke\t:write\t1\nINFO  jepsen.util - 0\t:ok\t:write\t1\n\
                INFO  jepsen.util - 1\t:invoke\t:cas\t[1 2]\nINFO  jepsen.util - 1\t:fail\t:cas\t[1 2]\n";
    let found = check(etcd, &[]);
    assert!(found.stdout.contains("\"verdict\":\"violated\""), "a failed cas is an observation");
    let edn = "[{:process 0, :type :invoke, :f :write, :value 1}\n {:process 0, :type :ok, :f :write, \
               :value 1}\n {:process :nemesis, :type :info, :f :kill}\n {:process 1, :type :invoke, \
               :f :cas, :value [1 2]} {:process 1 :type :fail :f :cas :value [1 2]}]";
    let found = check(edn, &[]);
    assert_eq!(found.status, 0, "here it did not happen: {}", found.stdout);
    let kv = "{:process 0, :type :invoke, :f :append, :key \"3\", :value \"a\"}\n{:process 0, :type \
              :ok, :f :append, :key \"3\", :value \"a\"}\n{:process 0, :type :invoke, :f :get, :key \
              \"3\", :value nil}\n{:process 0, :type :ok, :f :get, :key \"3\", :value \"a\"}\n";
    let found = check(kv, &["--initial", "\"\""]);
    assert!(found.stdout.contains("\"order_of_lines\":[1,3]"), "{}", found.stdout);
}

#[test]
fn a_verdict_stands_whoever_stops_listening() {
    let desk = Desk::new();
    // More than a pipe holds, and the broken one last.
    for name in 0..200 {
        desk.write(&format!("{name}.jsonl"), STALE);
    }
    let files: Vec<String> = (0..200).map(|name| format!("{name}.jsonl")).collect();
    let mut arguments = vec!["check"];
    arguments.extend(files.iter().map(String::as_str));
    let mut child = desk.command(&arguments).stdout(Stdio::piped()).spawn().expect("it starts");
    drop(child.stdout.take());
    assert_eq!(child.wait().expect("it ends").code(), Some(1));
}

#[test]
fn standard_input_is_read_and_versions_can_be_given() {
    let desk = Desk::new();
    let mut child = desk.command(&["check"]).stdin(Stdio::piped()).spawn().expect("it starts");
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(STALE.as_bytes()).expect("it reads");
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("stdin: linearizable: violated"));

    let twice = desk.run(&["check", "-", "-"]);
    assert_eq!(twice.status, 2);
    assert!(twice.stderr.contains("standard input can be read once"), "{}", twice.stderr);

    desk.write("stale.jsonl", STALE);
    desk.write("order.json", r#"{"x": [2, 1]}"#);
    let arguments = ["check", "stale.jsonl", "-g", "monotonic-writes", "--versions", "order.json"];
    assert_eq!(desk.run(&arguments).status, 1, "the store's own order contradicts the session");
    assert_eq!(desk.run(&arguments[..4]).status, 0, "some order does not");
}

#[test]
fn without_a_budget_every_search_is_unknown() {
    let desk = Desk::new();
    let mut text = String::new();
    for n in 0..6 {
        text += &format!(
            "{{\"process\":{n},\"key\":\"x\",\"op\":\"cas\",\"expected\":{n},\"value\":{},\"result\":true,\
             \"invoke\":0,\"complete\":9,\"ok\":true}}\n",
            n + 1
        );
    }
    desk.write("swaps.jsonl", &text);
    for guarantee in ["linearizable", "sequential", "consistent-prefix", "delta-atomic=1"] {
        let mut arguments = vec!["check", "swaps.jsonl", "--initial", "0", "-g", guarantee];
        assert_eq!(desk.run(&arguments).status, 0, "{guarantee}");
        for (flag, none) in [("--budget", "1"), ("--memory", "0")] {
            arguments.truncate(6);
            arguments.extend([flag, none]);
            let answer = desk.run(&arguments);
            assert_eq!(answer.status, 3, "{guarantee} {flag}: {}", answer.stdout);
            assert!(answer.stdout.contains("the budget of"), "{}", answer.stdout);
        }
    }
    desk.write("stale.jsonl", STALE);
    let across = "monotonic-writes-across-keys";
    for guarantee in ["session", "read-your-writes", across, "causal", "k-atomic=2"] {
        let answer = desk.run(&["check", "stale.jsonl", "-g", guarantee, "--budget", "0"]);
        assert_eq!(answer.status, 3, "{guarantee}: {}", answer.stdout);
    }
}

#[test]
fn objects_are_judged_in_the_words_of_their_laws() {
    let desk = Desk::new();
    let line = |process: u32, op: &str, more: &str, from: u32, to: u32| {
        format!(
            "{{\"process\":{process},\"key\":\"k\",\"op\":\"{op}\",{more}\"invoke\":{from},\
             \"complete\":{to},\"ok\":true}}\n"
        )
    };
    let check = |text: &str, initial: &str| {
        desk.write("objects.jsonl", text);
        desk.run(&["check", "objects.jsonl", "--initial", initial, "--diagram", "why.svg"])
    };
    let locked =
        line(1, "acquire", "\"result\":1,", 0, 2) + &line(2, "acquire", "\"result\":2,", 3, 5);
    let answer = check(&locked, "null");
    assert_eq!(answer.status, 1);
    assert!(
        answer.stdout.contains("violated: two held k at tick 5: process 1"),
        "{}",
        answer.stdout
    );
    assert!(desk.read("why.svg").contains("acquire k"));
    let released = locked.replace("}\n{", &format!("}}\n{}{{", line(1, "release", "", 2, 3)));
    assert_eq!(check(&released, "null").status, 0);

    let take = |process: u32| line(process, "take", "\"value\":1,\"result\":true,", 0, 9);
    let answer = check(&(take(1) + &take(2)), "1");
    assert_eq!(answer.status, 1);
    assert!(answer.stdout.contains("2 were taken from k by tick 9"), "{}", answer.stdout);
    assert_eq!(check(&(take(1) + &take(2)), "2").status, 0);

    // Twelve lanes are more than a terminal should be filled with.
    let many: String = (1..=12).map(take).collect();
    let answer = check(&many, "11");
    assert!(answer.stdout.contains("line 12: process 12 took 1 from k"), "{}", answer.stdout);
    assert!(answer.stdout.ends_with("too large to draw here; --diagram FILE.svg draws it\n"));
    assert!(desk.read("why.svg").contains("process 12"));
}

#[test]
fn what_explain_wrote_is_a_history_too() {
    let desk = Desk::new();
    let cell = "smoke-levels/async/eventual-nearest";
    desk.ok(&["explain", cell, "--history", "own.jsonl"]);
    let stale = desk.run(&["check", "own.jsonl", "-g", "linearizable", "-g", "consistent-prefix"]);
    assert_eq!(stale.status, 1, "{stale:?}");
    assert!(
        stale.stdout.contains("own.jsonl: linearizable: violated: process "),
        "{}",
        stale.stdout
    );
    assert!(stale.stdout.contains("\n  line "), "{}", stale.stdout);

    let cut = desk.read("own.jsonl").lines().take(9).collect::<Vec<_>>().join("\n");
    desk.write("cut.jsonl", &cut);
    let refused = desk.run(&["check", "cut.jsonl"]);
    assert_eq!((refused.status, refused.stdout.as_str()), (2, ""));
    assert!(refused.stderr.contains("cut.jsonl:10: the file ends after 8 "), "{}", refused.stderr);
}
