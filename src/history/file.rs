//! Histories on disk: JSON Lines, so that they can be cut, searched and written by other programs.
//!
//! The first line is a header that names the format and its version, says what does not change
//! during a run, and how many lines of each kind follow. Then come the operations in order of
//! invocation, the commits in order of decision, and the final states, one object per line. Times
//! are nanoseconds since the run began; a `null` completion is an unknown outcome. Whatever a file
//! says, reading it ends in a history that keeps the recorder's invariants or in an error that
//! names the file and the line.

use super::invariants::{MOST_KEYS, Reader};
use super::{Commit, Effect, History, Status, Traffic, Window};
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
    finals: u64,
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
    let (mut operations, mut commits, mut finals) = (0, 0, 0);
    while let Some(text) = lines.next()? {
        let line = serde_json::from_slice(text).map_err(|e| in_words(&e))?;
        match line {
            Line::Operation(op) if commits == 0 && finals == 0 => {
                operations += 1;
                reader.operation(op)?;
            }
            Line::Commit(commit) if finals == 0 => {
                commits += 1;
                reader.commit(commit)?;
            }
            Line::Final(values) => {
                finals += 1;
                reader.final_state(values)?;
            }
            Line::Words(words) => reader.final_words(words)?,
            Line::Siblings(values) => reader.final_siblings(values)?,
            _ => return Err("operations come first, then commits, then final states".into()),
        }
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
mod tests {
    use super::*;
    use crate::history::{Begin, FinalState, Recorder};
    use crate::op::{Object, Outcome, Ret, State};
    use proptest::prelude::*;

    /// One of everything.
    fn sample() -> History {
        let windows = vec![Window { start: Instant(40), end: Instant(60) }];
        let mut r =
            Recorder::new(vec!["a".into(), "b".into()], Instant(5), Instant(99), windows, 8);
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
        let mut r = Recorder::new(vec!["a".into()], Instant(0), Instant(99), vec![], 8)
            .with_contents(contents);
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
            (
                "\"value\":1,\"update\":{\"take\":1}",
                "\"value\":2,\"update\":{\"take\":1}",
                "must be 1",
            ),
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

    #[test]
    fn every_lie_is_named_with_file_and_line() {
        let good = String::from_utf8(text(&sample())).expect("JSON is UTF-8");
        let lies = [
            ("\"version\":1", "\"version\":9", "h.jsonl:1: the format's version is 9, not 1"),
            ("pacelc-history", "pcap", "h.jsonl:1: the format is `pcap`"),
            ("\"keys\":4", "\"keys\":3", "h.jsonl:4: key 3 is beyond"),
            ("\"start\":40", "\"start\":80", "h.jsonl:1: the fault windows"),
            (
                "\"operations\":6",
                "\"operations\":7",
                "h.jsonl:11: the file ends after 6 operations",
            ),
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
            (
                "{\"at\":4,\"key\":2",
                "{\"at\":4,\"key\":1",
                "h.jsonl:8: value 1 was written to key 2",
            ),
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
}
