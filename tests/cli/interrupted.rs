//! A run that is interrupted keeps what it finished and goes on to the same bytes.
#![cfg(unix)]

use crate::common::program::{Desk, assert_same_files};
use std::fs;
use std::process::{Child, Command};

/// Long enough that a signal after a few of its cells finds it at work.
const RUN: [&str; 9] =
    ["run", "-f", "aws-three", "--seeds", "8", "--threads", "1", "-o", "interrupted"];

/// Starts the run and sends it a signal once some cells are in the journal. Returns its exit status,
/// if it had one. On a machine that has other things to do the run may end before its time has come to be
/// interrupted; then it is begun anew.
fn interrupt(desk: &Desk, signal: &str) -> Option<i32> {
    for _ in 0..20 {
        let mut child: Child = desk.command(&RUN).spawn().expect("the program starts");
        let journal = desk.path("interrupted/journal.jsonl");
        let finished =
            || fs::read(&journal).map_or(0, |text| text.iter().filter(|b| **b == b'\n').count());
        // The head and two cells; there are 29.
        while finished() < 3 && child.try_wait().expect("the child is ours").is_none() {
            std::thread::yield_now();
        }
        // Whoever has ended and was not waited for takes signals too.
        let sent = Command::new("kill").args([signal, &child.id().to_string()]).status();
        let sent = sent.expect("kill exists").success();
        let status = child.wait_with_output().expect("the child is ours").status.code();
        if status != Some(0) {
            assert!(sent, "it ended by itself with {status:?}");
            assert_eq!(desk.names("interrupted"), ["journal.jsonl"], "no result of half a run");
            return status;
        }
        fs::remove_dir_all(desk.path("interrupted")).expect("the folder is ours");
    }
    panic!("it always ends before it can be interrupted");
}

#[test]
fn what_was_finished_is_kept_and_the_rest_is_done_later() {
    let desk = Desk::new();
    desk.ok(&["run", "-f", "aws-three", "--seeds", "8", "-o", "whole"]);
    for (signal, status) in [("-INT", Some(130)), ("-KILL", None)] {
        assert_eq!(interrupt(&desk, signal), status, "{signal}");

        // Another run's journal is not mixed in, and not lost.
        let other = ["run", "-f", "aws-three", "--seeds", "9", "--resume", "-o", "interrupted"];
        let answer = desk.run(&other);
        assert_eq!(answer.status, 2, "{}", answer.stderr);
        assert!(answer.stderr.contains("belongs to a run with other"), "{}", answer.stderr);

        let answer = desk.run(&[&RUN[..], &["--resume"]].concat());
        assert_eq!(answer.status, 0, "{}", answer.stderr);
        let told = answer.stderr.split("resuming: ").nth(1).expect("it says what it has");
        let kept: u32 = told.split(' ').next().and_then(|n| n.parse().ok()).expect("a number");
        assert!((2..29).contains(&kept), "{kept} cells were kept after {signal}");
        assert_same_files(&desk.path("whole"), &desk.path("interrupted"));
        assert_eq!(desk.names("interrupted"), desk.names("whole"), "the journal is gone");
        fs::remove_dir_all(desk.path("interrupted")).expect("the folder is ours");
    }
}

#[test]
fn a_journal_with_a_torn_last_line_is_good_up_to_there() {
    let desk = Desk::new();
    desk.ok(&["run", "-f", "aws-three", "--seeds", "8", "-o", "whole"]);
    interrupt(&desk, "-INT");
    let journal = desk.path("interrupted/journal.jsonl");
    let text = fs::read(&journal).expect("the journal");
    fs::write(&journal, &text[..text.len() - 100]).expect("torn");
    let answer = desk.run(&[&RUN[..], &["--resume"]].concat());
    assert_eq!(answer.status, 0, "{}", answer.stderr);
    assert_same_files(&desk.path("whole"), &desk.path("interrupted"));
}

/// The first interrupt lets a run end; the second is meant as "now", and takes the logs in the temporary folder
/// with it.
#[test]
fn a_second_interrupt_ends_a_run_in_real_time_at_once_and_leaves_no_logs() {
    let desk = Desk::new();
    fs::create_dir(desk.path("temporary")).expect("a folder");
    let run = ["run", "-s", "etcd", "-l", "linearizable", "--world", "live", "--duration", "5m"];
    let mut command = desk.command(&[&run[..], &["-o", "out"]].concat());
    let mut child = command.env("TMPDIR", desk.path("temporary")).spawn().expect("it starts");
    // It measures its links before it has a log that something is written to.
    let logs = || {
        let of = |folder: &String| desk.names(&format!("temporary/{folder}"));
        desk.names("temporary").iter().flat_map(of).any(|name| name.ends_with(".log"))
    };
    while !logs() {
        assert_eq!(child.try_wait().expect("the child is ours"), None, "it ended by itself");
        std::thread::yield_now();
    }
    // Two signals at one instant are one.
    while child.try_wait().expect("the child is ours").is_none() {
        let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
        assert!(sent.expect("kill exists").success());
        std::thread::yield_now();
    }
    let status = child.wait_with_output().expect("the child is ours").status.code();
    assert_eq!(status, Some(130));
    assert_eq!(desk.names("temporary"), Vec::<String>::new());
}
