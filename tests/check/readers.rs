//! Whatever the bytes, a reader answers with a history or a sentence, and a judge with a verdict.

use pacelc::foreign::{Condition, Format, Limits, judge, read};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use serde_json::Value;

/// What means something to one of the formats.
fn pieces() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "{\"process\":",
        "1",
        "2",
        ",\"key\":\"x\"",
        ",\"op\":",
        "\"read\"",
        "\"write\"",
        "\"cas\"",
        "\"append\"",
        "\"delete\"",
        ",\"value\":",
        ",\"expected\":",
        ",\"result\":",
        "null",
        "true",
        "false",
        ",\"invoke\":",
        ",\"complete\":",
        ",\"ok\":",
        "}",
        "\n",
        "-1",
        "1e400",
        "\"\\ud800\"",
        "18446744073709551615",
        "[",
        "]",
        "{",
        "(",
        ")",
        ":process 0",
        " :type :invoke",
        " :type :ok",
        " :type :fail",
        " :type :info",
        " :f :read",
        " :f :cas",
        " :f :append",
        " :value nil",
        " :value [1 2]",
        " :value \"a\"",
        " :key \"k\"",
        "#_",
        "#{",
        ";",
        "\"",
        "\\",
        "INFO jepsen.util - ",
        "0 ",
        ":invoke ",
        ":ok ",
        ":read ",
        ":write ",
        ":cas ",
        "nil",
        "\u{feff}",
        "é",
        "\u{0}",
    ]);
    vec(words, 0..40).prop_map(|words| words.concat())
}

/// A line of a history, right or nearly so.
fn lines() -> impl Strategy<Value = String> {
    let actions = prop::sample::select(vec!["read", "write", "cas", "append", "delete"]);
    let ok = prop::sample::select(vec!["true", "false", "null"]);
    let value = prop::sample::select(vec!["1", "2", "null", "\"a\"", "true"]);
    let one = (0..4_u8, 0..2_u8, actions, value.clone(), value, 0..30_u8, 0..9_u8, ok);
    let line = one.prop_map(|(process, key, op, value, result, invoke, long, ok)| {
        let complete = if ok == "null" { "null".to_owned() } else { (invoke + long).to_string() };
        format!(
            "{{\"process\":{process},\"key\":\"{key}\",\"op\":\"{op}\",\"value\":{value},\
             \"expected\":1,\"result\":{result},\"invoke\":{invoke},\"complete\":{complete},\"ok\":{ok}}}\n"
        )
    });
    vec(line, 1..9).prop_map(|lines| lines.concat())
}

/// Reads in every format; what can be read is judged by everything.
fn survive(bytes: &[u8]) -> u32 {
    let mut judged = 0;
    let formats = Format::ALL.map(|(_, format)| Some(format)).into_iter().chain([None]);
    for format in formats {
        match read(bytes, "bytes", format, &Value::Null) {
            Err(error) => {
                assert!(error.line > 0 && !error.message.is_empty());
                assert!(!error.to_string().contains('\n'), "one sentence: {error}");
            }
            Ok(history) => {
                let limits = Limits { steps: 20_000, witness: true, ..Limits::default() };
                let more = [Condition::KAtomic(2), Condition::DeltaAtomic(3)];
                let more = more.into_iter().chain([Condition::BoundedStaleness(2)]);
                for condition in Condition::PLAIN.map(|(_, c)| c).into_iter().chain(more) {
                    std::hint::black_box(judge(&history, condition, &limits));
                    judged += 1;
                }
            }
        }
    }
    judged
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in vec(any::<u8>(), 0..200)) {
        survive(&bytes);
    }

    #[test]
    fn no_pieces_make_a_reader_panic(text in pieces()) {
        survive(text.as_bytes());
    }

    #[test]
    fn no_history_makes_a_judge_panic(text in lines()) {
        survive(text.as_bytes());
    }
}

#[test]
fn some_of_the_random_histories_are_ones() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut judged = 0;
    for _ in 0..300 {
        let tree = lines().new_tree(&mut runner).expect("a text");
        judged += survive(tree.current().as_bytes());
    }
    assert!(judged > 300, "only {judged} verdicts: the histories are all refused");
}

#[test]
fn nesting_has_an_end() {
    for open in ["[", "{", "(", "#{", "#_", "#a "] {
        let text = format!("{{:value {}", open.repeat(100_000));
        let error = read(text.as_bytes(), "deep", Some(Format::Edn), &Value::Null);
        assert!(error.is_err(), "{open}");
    }
    let deep = format!("{{\"process\":{}", "[".repeat(100_000));
    assert!(read(deep.as_bytes(), "deep", None, &Value::Null).is_err());
}
