//! What `pacelc check` says of files that hold no history: one sentence each.

use crate::check::STALE;
use crate::common::program::Desk;

#[test]
fn what_is_no_history_is_refused_in_one_sentence() {
    let desk = Desk::new();
    let line = STALE.lines().next().expect("a line");
    for (text, expected) in [
        (&line[..40], "bad:1: the JSON ends too early, at column 40"),
        ("", "bad:1: there is no operation in it"),
        ("hello", "bad:1: `hello` begins neither a JSON object nor"),
        (&format!("[{line}]"), "bad:1: a JSON array; write one operation a line"),
        (
            &line.replace("\"complete\":1", "\"complete\":null"),
            "bad:1: an operation that is ok has",
        ),
        (&line.replace("\"invoke\":0", "\"invoke\":4"), "bad:1: it completes at 1, before it is"),
        (
            &line.replace("write", "wirte"),
            "bad:1: unknown operation `wirte`; did you mean `write`?",
        ),
        (&line.replace("\"value\":1,", ""), "bad:1: a write that is ok has a `value`"),
        (
            &line.replace("\"ok\":true", "\"fine\":true"),
            "bad:1: unknown field `fine`; an operation has id, process, key",
        ),
        (
            &line.replace("true", "null"),
            "bad:1: its outcome is unknown (`ok` is null), so nobody saw it complete at 1",
        ),
        (&line.replace("\"key\":\"x\",", ""), "bad:1: `key` is missing; it is a text"),
        (&line.replace("\"key\"", "\"kee\""), "bad:1: unknown field `kee`; did you mean `key`?"),
        (
            &line.replace("\"invoke\":0", "\"invoke\":-1"),
            "bad:1: `invoke` is a whole number of ticks",
        ),
        (
            &line.replace("\"process\":1", "\"process\":\"p\""),
            "bad:1: `process` is a whole number of 64 bits, and not \"p\"",
        ),
        (
            &line.replace("\"ok\":true", "\"ok\":1"),
            "bad:1: `ok` is true, false (no effect), or null",
        ),
        (
            &line.replace("\"ok\"", "\"key\":\"y\",\"ok\""),
            "bad:1: the field `key` stands there twice",
        ),
        (&line.replace(':', ""), "bad:1: column 1"),
        (
            &format!("{line}\n[null,2,\"x\",\"write\",1,null,null,2,3,true]"),
            "bad:2: a line is one operation as a JSON object, and not an array",
        ),
        (&format!("{line}\n7"), "bad:2: a line is one operation as a JSON object, and not 7"),
        (&format!("{line}\n{line}"), "bad:2: process 1 begins an operation before that of line 1"),
        (
            &format!("{line}\n{line}").replace('{', "{\"id\":7,"),
            "bad:2: the id 7 is that of an operation before; ids are unique",
        ),
        ("{:process 0, :type :ok, :f :read}", "bad:1: process 0 ends an operation that it has not"),
        ("{:process 0, :type :invoke, :f :fly}", "bad:1: unknown operation `:fly`; it is :read"),
        ("[{:process 0", "bad:1: the file ends inside a collection"),
        ("INFO  jepsen.util - 0 :invoke :cas [1", "bad:1: the value `[1` is not a number or nil"),
    ] {
        desk.write("bad", text);
        let sentence = desk.refused(&["check", "bad"]);
        assert!(sentence.starts_with(expected), "{text}: {sentence}");
        assert!(!sentence.contains("expected") || text.contains("fine"), "{sentence}");
        assert!(!sentence.contains("struct") && !sentence.contains("u64"), "{sentence}");
    }
}

#[test]
fn what_an_operation_lacks_is_said_with_what_it_should_be() {
    let desk = Desk::new();
    let line = STALE.lines().next().expect("a line");
    let pair = format!(
        "{line}\n{}",
        line.replace("\"invoke\":0,\"complete\":1", "\"invoke\":2,\"complete\":3")
    );
    for (op, more, expected) in [
        (
            "take",
            "\"value\":-1,\"result\":true",
            "the value of a take is a whole number, 0 or more, not -1",
        ),
        ("add", "\"value\":1.5", "the value of an add is a whole number, not 1.5"),
        ("acquire", "\"result\":\"me\"", "the result of an acquire is true, false or a fencing"),
        ("acquire", "\"value\":1", "an acquire that is ok has a `result`"),
        (
            "cas",
            "\"value\":1,\"expected\":1,\"result\":1",
            "the result of a cas is true or false, not 1",
        ),
        ("append", "\"value\":7", "a text or an array is appended, and not 7"),
        ("insert", "\"value\":7", "key x is a set here and a register on line 1; a key holds one"),
    ] {
        let second = pair.lines().nth(1).expect("two lines").replace("\"value\":1", more);
        desk.write("bad", &format!("{line}\n{}", second.replace("write", op)));
        let sentence = desk.refused(&["check", "bad"]);
        assert!(sentence.starts_with(&format!("bad:2: {expected}")), "{sentence}");
    }
    std::fs::write(desk.path("bad"), b"{\"process\":\xff}").expect("written");
    assert_eq!(desk.refused(&["check", "bad"]), "bad:1: byte 12 of the line is not valid UTF-8");
}

/// A line of a gigabyte without an end, in a program that may hold a quarter of that.
#[test]
#[cfg(target_os = "linux")]
fn a_line_of_a_gigabyte_is_refused_in_bounded_memory() {
    let desk = Desk::new();
    let line = STALE.lines().next().expect("a line");
    desk.write("long", &format!("{line}\n{{\"process\":1,\"key\":\""));
    let file = std::fs::OpenOptions::new().append(true).open(desk.path("long")).expect("a file");
    file.set_len(1 << 30).expect("a file may have holes");
    let program = env!("CARGO_BIN_EXE_pacelc");
    let output = std::process::Command::new("sh")
        .args(["-c", "ulimit -v 262144; exec \"$0\" check long", program])
        .current_dir(desk.path(""))
        .output()
        .expect("a shell");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "error: long:2: the line is longer than 16 MiB; a line is one operation or event\n"
    );
}
