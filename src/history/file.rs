//! Histories on disk: JSON Lines, so that they can be cut, searched and written by other programs.
//!
//! The first line is a header that names the format and its version, says what does not change
//! during a run, and how many lines of each kind follow. Then come the operations in order of
//! invocation, the commits in order of decision, where an order can fork what each state was made from,
//! and the final states, one object per line. Times
//! are nanoseconds since the run began; a `null` completion is an unknown outcome. Whatever a file
//! says, reading it ends in a history that keeps the recorder's invariants or in an error that
//! names the file and the line.

use super::invariants::{MOST_KEYS, Reader};
use super::{Commit, Effect, History, Made, Status, Traffic, Window};
use crate::op::{Contents, Key, OpKind, Update, Value};
use crate::time::Instant;
use serde::{Deserialize, Serialize};
use std::io::{self, BufRead, Read, Write};

/// The version this crate writes, and the only one it reads.
pub const FORMAT: u32 = 1;

/// What the header calls itself.
const NAME: &str = "pacelc-history";

/// No line is longer than this many bytes.
const LONGEST_LINE: u64 = 64 << 20;

/// A history that could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{file}:{line}: {message}")]
pub struct HistoryError {
    /// The file, as the caller named it.
    pub file: String,
    /// The line, from 1.
    pub line: u64,
    /// What is wrong with it, and what would be right.
    pub message: String,
}

/// The first line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    format: String,
    version: u32,
    groups: Vec<String>,
    keys: u32,
    #[serde(default, skip_serializing_if = "Contents::is_register")]
    contents: Contents,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    merged: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    overwrites: bool,
    warm_up: Instant,
    horizon: Instant,
    windows: Vec<Window>,
    traffic: Traffic,
    operations: u64,
    commits: u64,
    #[serde(default, skip_serializing_if = "is_none")]
    made: u64,
    finals: u64,
}

fn is_none(n: &u64) -> bool {
    *n == 0
}

impl Header {
    /// The history before its first operation.
    fn blank(&self) -> History {
        History {
            groups: self.groups.clone(),
            keys: self.keys,
            contents: self.contents,
            merged: self.merged,
            overwrites: self.overwrites,
            writes: 0,
            warm_up: self.warm_up,
            horizon: self.horizon,
            windows: self.windows.clone(),
            operations: Vec::new(),
            scanned: Vec::new(),
            effects: Vec::new(),
            commits: Vec::new(),
            made: Vec::new(),
            finals: Vec::new(),
            traffic: self.traffic,
        }
    }
}

/// What is needed of a header to see whether the rest can be understood.
#[derive(Deserialize)]
struct Version {
    format: String,
    version: u32,
}

/// Any other line.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum Line {
    Operation(OperationLine),
    Commit(Commit),
    Made(Made),
    Final(Vec<Value>),
    /// The state words of the final state before it.
    Words(Vec<u64>),
    /// The values that stand beside those of the final state before it.
    Siblings(Vec<(Key, Value)>),
}

/// An operation with its scanned values beside it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OperationLine {
    pub(super) session: u32,
    pub(super) group: u16,
    pub(super) op: OpKind,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) rmw: bool,
    pub(super) key: Key,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) count: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) value: Option<Value>,
    #[serde(default, skip_serializing_if = "is_put")]
    pub(super) update: Update,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) word: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) values: Option<Vec<Value>>,
    pub(super) status: Status,
    pub(super) intended: Instant,
    pub(super) invoked: Instant,
    pub(super) completed: Option<Instant>,
}

fn is_put(update: &Update) -> bool {
    *update == Update::Put
}

/// Writes a history; the caller buffers.
///
/// # Errors
/// Those of the writer.
pub fn write(history: &History, mut to: impl Write) -> io::Result<()> {
    let header = Header {
        format: NAME.to_owned(),
        version: FORMAT,
        groups: history.groups.clone(),
        keys: history.keys,
        contents: history.contents,
        merged: history.merged,
        overwrites: history.overwrites,
        warm_up: history.warm_up,
        horizon: history.horizon,
        windows: history.windows.clone(),
        traffic: history.traffic,
        operations: history.operations.len() as u64,
        commits: history.commits.len() as u64,
        made: history.made.len() as u64,
        finals: history.finals.len() as u64,
    };
    put(&mut to, &header)?;
    for (id, op) in history.operations.iter().enumerate() {
        let ok = matches!(op.status, Status::Ok | Status::Refused);
        let values = ok && (op.kind == OpKind::Scan || op.count > 0);
        let effect = history.effects.get(id).copied();
        let Effect { update, word } = effect.unwrap_or_default();
        let line = Line::Operation(OperationLine {
            session: op.session,
            group: op.group,
            op: op.kind,
            rmw: op.rmw,
            key: op.key,
            count: (op.kind == OpKind::Scan).then_some(op.count),
            value: (op.kind == OpKind::Write || ok && !values).then_some(op.value),
            update,
            word: (effect.is_some() && ok && op.kind != OpKind::Scan).then_some(word),
            values: values.then(|| history.scan_values(op).to_vec()),
            status: op.status,
            intended: op.intended,
            invoked: op.invoked,
            completed: (op.completed != Instant::NEVER).then_some(op.completed),
        });
        put(&mut to, &line)?;
    }
    for commit in &history.commits {
        put(&mut to, &Line::Commit(*commit))?;
    }
    for made in &history.made {
        put(&mut to, &Line::Made(*made))?;
    }
    for state in &history.finals {
        put(&mut to, &Line::Final(state.values.clone()))?;
        if !history.contents.is_register() {
            put(&mut to, &Line::Words(state.words.clone()))?;
        }
        if !state.siblings.is_empty() {
            put(&mut to, &Line::Siblings(state.siblings.clone()))?;
        }
    }
    to.flush()
}

fn put(to: &mut impl Write, line: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *to, line)?;
    to.write_all(b"\n")
}

/// Reads a history back. `file` is only for messages.
///
/// # Errors
/// The first line that cannot be read, understood or believed.
pub fn read(from: impl BufRead, file: &str) -> Result<History, HistoryError> {
    let mut lines = Lines { from, number: 0, buffer: Vec::new() };
    read_lines(&mut lines).map_err(|message| HistoryError {
        file: file.to_owned(),
        line: lines.number.max(1),
        message,
    })
}

struct Lines<R> {
    from: R,
    number: u64,
    buffer: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    /// The next line, or `None` at the end.
    fn next(&mut self) -> Result<Option<&[u8]>, String> {
        self.buffer.clear();
        self.number += 1;
        let mut limited = self.from.by_ref().take(LONGEST_LINE);
        limited.read_until(b'\n', &mut self.buffer).map_err(|e| format!("cannot read: {e}"))?;
        if self.buffer.len() as u64 == LONGEST_LINE {
            return Err(format!("the line is longer than {} MiB", LONGEST_LINE >> 20));
        }
        Ok((!self.buffer.is_empty()).then_some(self.buffer.as_slice()))
    }
}

fn read_lines(lines: &mut Lines<impl BufRead>) -> Result<History, String> {
    let header = read_header(lines.next()?.ok_or("the file is empty")?)?;
    let mut reader = Reader::new(header.blank());
    let (mut operations, mut commits, mut made, mut finals) = (0, 0, 0, 0);
    while let Some(text) = lines.next()? {
        let line = serde_json::from_slice(text).map_err(|e| in_words(&e))?;
        match line {
            Line::Operation(op) if commits + made + finals == 0 => {
                operations += 1;
                reader.operation(op)?;
            }
            Line::Commit(commit) if made + finals == 0 => {
                commits += 1;
                reader.commit(commit)?;
            }
            Line::Made(one) if finals == 0 => {
                made += 1;
                reader.made(one)?;
            }
            Line::Final(values) => {
                finals += 1;
                reader.final_state(values)?;
            }
            Line::Words(words) => reader.final_words(words)?,
            Line::Siblings(values) => reader.final_siblings(values)?,
            _ => {
                let order = "operations come first, then commits, then what was made from what, then \
                             final states";
                return Err(order.into());
            }
        }
    }
    if made != header.made {
        let said = header.made;
        return Err(format!("the header announces {said} lines of `made`, and there are {made}"));
    }
    let (found, said) =
        ([operations, commits, finals], [header.operations, header.commits, header.finals]);
    if found != said {
        return Err(format!(
            "the file ends after {} operations, {} commits and {} final states, but its header \
             announces {}, {} and {}",
            found[0], found[1], found[2], said[0], said[1], said[2]
        ));
    }
    Ok(reader.history)
}

fn read_header(text: &[u8]) -> Result<Header, String> {
    let version: Version = serde_json::from_slice(text)
        .map_err(|e| format!("this is no header of a history: {}", in_words(&e)))?;
    if version.format != NAME {
        return Err(format!("the format is `{}`, not `{NAME}`", version.format));
    }
    if version.version != FORMAT {
        return Err(format!("the format's version is {}, not {FORMAT}", version.version));
    }
    let header: Header = serde_json::from_slice(text).map_err(|e| in_words(&e))?;
    let ordered = header.windows.windows(2).all(|pair| pair[0].end <= pair[1].start);
    if !ordered || header.windows.iter().any(|w| w.start > w.end) {
        return Err("the fault windows overlap or are out of order".into());
    }
    if header.keys > MOST_KEYS {
        return Err(format!("{} keys are more than {MOST_KEYS}", header.keys));
    }
    Ok(header)
}

/// What the parser says, in words of ours and without its own idea of the line number.
fn in_words(error: &serde_json::Error) -> String {
    let (text, column) = (error.to_string(), error.column());
    let named = |what: &str| {
        let (_, rest) = text.split_once(what)?;
        Some(rest.split('`').next().unwrap_or_default().escape_debug().to_string())
    };
    if error.is_eof() {
        return format!("the JSON ends too early, at column {column}");
    }
    if !error.is_data() {
        return format!("column {column}: this is no JSON");
    }
    if let Some(field) = named("missing field `") {
        return format!("the field `{field}` is missing");
    }
    if let Some(field) = named("duplicate field `") {
        return format!("the field `{field}` stands there twice");
    }
    match named("unknown field `") {
        Some(field) => format!("unknown field `{field}`, at column {column}"),
        None => format!("column {column}: a field holds a value that it cannot hold"),
    }
}

#[cfg(test)]
mod tests;
