//! The built program, run as a user runs it: in a folder of its own, with words for arguments.

#![allow(dead_code, reason = "each test program uses its own part")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// What the program said and how it ended.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A folder in which the program is run.
pub(crate) struct Desk(TempDir);

impl Desk {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("the temporary folder takes files");
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    /// The names in a folder, sorted; nothing if it does not exist.
    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path(folder)) else { return Vec::new() };
        let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("an entry").file_name();
        let mut names: Vec<String> =
            entries.map(|entry| name(entry).to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pacelc"));
        command.args(arguments).current_dir(self.0.path()).env("COLUMNS", "100");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Answer {
        let output = self.command(arguments).output().expect("the program starts");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the program speaks UTF-8");
        let answer = Answer {
            status: output.status.code().unwrap_or(-1),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        };
        assert!(!answer.stderr.contains("panicked"), "{arguments:?}: {}", answer.stderr);
        answer
    }

    /// Runs the program, which must succeed, and returns what it printed.
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        let answer = self.run(arguments);
        assert_eq!(answer.status, 0, "{arguments:?}: {}", answer.stderr);
        answer.stdout
    }

    /// Runs the program, which must refuse in one sentence, print nothing and leave no folder `out`.
    /// Returns the sentence.
    pub(crate) fn refused(&self, arguments: &[&str]) -> String {
        let answer = self.run(arguments);
        assert_eq!(answer.status, 2, "{arguments:?} ended so: {answer:?}");
        assert_eq!(answer.stdout, "", "{arguments:?} printed something");
        assert_eq!(self.names("out"), Vec::<String>::new(), "{arguments:?} left something");
        let lines: Vec<&str> = answer.stderr.lines().collect();
        assert_eq!(lines.len(), 1, "{arguments:?} needs more than a sentence: {}", answer.stderr);
        match lines[0].strip_prefix("error: ") {
            Some(sentence) => sentence.to_owned(),
            None => panic!("{arguments:?} is no error: {}", answer.stderr),
        }
    }
}

/// Every file of a result, by name.
pub(crate) fn result_files(folder: &Path) -> Vec<(&'static str, Vec<u8>)> {
    ["rows.jsonl", "curves.jsonl", "faults.jsonl", "timelines.jsonl", "run.json", "index.html"]
        .map(|name| (name, fs::read(folder.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))))
        .to_vec()
}

/// Says which files of two results differ, without printing them.
pub(crate) fn assert_same_files(ours: &Path, theirs: &Path) {
    for ((name, a), (_, b)) in result_files(ours).into_iter().zip(result_files(theirs)) {
        let may_be_empty = ["faults.jsonl", "timelines.jsonl"].contains(&name);
        assert!(may_be_empty || !a.is_empty(), "{name} is empty");
        assert!(a == b, "{name} differs: {} and {} bytes", a.len(), b.len());
    }
}
