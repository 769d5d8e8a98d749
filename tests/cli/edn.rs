//! What EDN tells apart, and what it does not.

use crate::common::program::Desk;

/// Events of two processes: one writes, the other reads.
fn edn(write: [&str; 2], read: [&str; 2]) -> String {
    let event = |process: u8, kind: &str, what: &str| {
        format!("{{:process {process}, :type {kind}, {what}}}\n")
    };
    let [wrote, read] = [(0, write, ":f :write"), (1, read, ":f :read")].map(
        |(process, [invoked, ended], call)| {
            event(process, ":invoke", &format!("{call}, {invoked}"))
                + &event(process, ":ok", &format!("{call}, {ended}"))
        },
    );
    wrote + &read
}

#[test]
fn what_is_unlike_in_edn_is_unlike_here_and_what_is_alike_alike() {
    let desk = Desk::new();
    let check = |text: &str| {
        desk.write("history.edn", text);
        desk.run(&["check", "history.edn"])
    };
    for (write, read, status) in [
        // Where the key has its place, a pair is a value; a set has no order, and is no vector.
        (
            [":key \"x\", :value [1 2]"; 2],
            [":key \"x\", :value nil", ":key \"x\", :value [1 2]"],
            0,
        ),
        ([":value #{1 2}"; 2], [":value nil", ":value #{2 1}"], 0),
        ([":value #{1 2}"; 2], [":value nil", ":value [1 2]"], 1),
        // The number 1 and the text \"1\" are two keys; keywords, symbols and texts are three values.
        ([":value [\"1\" 20]"; 2], [":value [1 nil]", ":value [1 nil]"], 0),
        ([":value [1 20]"; 2], [":value [1 nil]", ":value [1 nil]"], 1),
        ([":value :a"; 2], [":value nil", ":value \":a\""], 1),
        ([":value foo"; 2], [":value nil", ":value \"foo\""], 1),
        ([":value foo"; 2], [":value nil", ":value foo"], 0),
    ] {
        let found = check(&edn(write, read));
        assert_eq!(found.status, status, "{write:?} {read:?}: {}{}", found.stdout, found.stderr);
    }
    let plain = [":value 7"; 2];
    for (text, says) in [
        (
            edn([":value 1", ":value 2"], plain),
            "edn:2: process 0 ends an operation with another value",
        ),
        (
            edn(plain, [":value [1 nil]", ":value [2 7]"]),
            "edn:4: process 1 ends an operation of another key",
        ),
        (
            edn(plain, plain).replace(":process 0", ":process \"a\""),
            "edn:1: a :process is a number, or :nemesis",
        ),
    ] {
        let found = check(&text);
        assert_eq!(found.status, 2, "{text}");
        assert!(found.stderr.contains(says), "{}\ninstead of\n{says}", found.stderr);
    }
}
