//! Files that hold histories.
//!
//! | format | what it looks like |
//! |---|---|
//! | [`Format::Neutral`] | JSON Lines, one operation a line, with both its times |
//! | [`Format::Edn`] | events as EDN maps: Jepsen and Knossos registers, Porcupine's key-value logs |
//! | [`Format::Etcd`] | Jepsen's log lines `INFO jepsen.util - 0 :invoke :read nil`, as etcd's tests left them |
//! | [`Format::Own`] | what `pacelc explain --history` writes |
//!
//! A file is read line by line, a line has a bound, and what is wrong is one sentence with its
//! place.

mod edn;
mod etcd;
mod events;
mod json;
mod lines;
mod neutral;
mod numbers;
mod own;

use super::history::History;
pub use json::no_json;
use lines::Lines;
pub(super) use numbers::exact;
use std::fmt;
use std::io::BufRead;

/// The longest line, in bytes. No operation needs one, and a file without line breaks is no
/// history.
pub const MAX_LINE: usize = 16 << 20;

/// How a file writes a history down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// JSON Lines, one operation a line.
    Neutral,
    /// Events as EDN maps.
    Edn,
    /// Events as lines of Jepsen's log.
    Etcd,
    /// This program's own histories.
    Own,
}

impl Format {
    /// Every format with its name.
    pub const ALL: [(&'static str, Self); 4] =
        [("jsonl", Self::Neutral), ("edn", Self::Edn), ("etcd", Self::Etcd), ("pacelc", Self::Own)];

    /// By the first characters of the first line that is not blank: `{"` begins JSON, of which our own
    /// says so, log lines begin with a level, and everything else is EDN.
    fn detect(line: &str) -> Option<Self> {
        let line = line.trim_start();
        if own::is_it(line) {
            return Some(Self::Own);
        }
        if line.strip_prefix('{').is_some_and(|rest| {
            let rest = rest.trim_start();
            rest.starts_with('"') || rest.starts_with('}')
        }) {
            return Some(Self::Neutral);
        }
        if line.contains("jepsen.util") {
            return Some(Self::Etcd);
        }
        line.starts_with(['{', '[', '(', ';', '#']).then_some(Self::Edn)
    }
}

/// Why a file is no history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadError {
    /// The name of the file.
    pub file: String,
    /// The line, from 1.
    pub line: u64,
    /// What is wrong and what would be right.
    pub message: String,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.message)
    }
}

impl std::error::Error for ReadError {}

/// What is wrong with a line; the file's name comes later.
#[derive(Debug)]
pub(super) struct Wrong {
    line: u64,
    message: String,
}

impl Wrong {
    fn new(line: u64, message: impl Into<String>) -> Self {
        Self { line, message: message.into() }
    }
}

/// Reads a history in which every key begins with `initial`, given as JSON, unless it says so itself.
/// Without a format the content decides.
///
/// # Errors
///
/// One sentence with the line: bytes that are no text, a line beyond [`MAX_LINE`], something that
/// is no operation, or operations of one process that overlap.
pub fn read(
    source: impl BufRead,
    file: &str,
    format: Option<Format>,
    initial: &serde_json::Value,
) -> Result<History, ReadError> {
    let named = |wrong: Wrong| ReadError {
        file: file.to_owned(),
        line: wrong.line,
        message: wrong.message,
    };
    let mut initial = initial.clone();
    let number = |why| named(Wrong::new(1, format!("the initial value: {why}")));
    exact(&mut initial).map_err(number)?;
    parse(Lines::new(source), format, &initial.to_string()).map_err(named)
}

fn parse<R: BufRead>(
    mut lines: Lines<R>,
    format: Option<Format>,
    initial: &str,
) -> Result<History, Wrong> {
    let Some(first) = lines.first()? else {
        return Err(Wrong::new(1, "there is no operation in it"));
    };
    let inside = first.trim_start().strip_prefix('[').map(str::trim_start);
    if format.is_none() && inside.is_some_and(|inside| inside.starts_with("{\"")) {
        let message = "a JSON array; write one operation a line, without the array around them";
        return Err(Wrong::new(lines.number(), message));
    }
    let Some(format) = format.or_else(|| Format::detect(first)) else {
        let start: String = first.trim_start().chars().take(20).collect();
        let message = format!(
            "`{}` begins neither a JSON object nor an EDN map nor a line of Jepsen's log; --format \
             can say what it is",
            start.escape_debug()
        );
        return Err(Wrong::new(lines.number(), message));
    };
    let builder = match format {
        Format::Neutral => neutral::read(&mut lines, initial)?,
        Format::Edn => edn::read(lines, initial)?,
        Format::Etcd => etcd::read(&mut lines, initial)?,
        Format::Own => own::read(lines.rest())?,
    };
    if builder.is_empty() {
        return Err(Wrong::new(1, "there is no operation in it"));
    }
    builder.finish().map_err(|unfit| Wrong::new(unfit.line.into(), unfit.message))
}
