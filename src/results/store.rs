//! Results on disk: `rows.jsonl`, `curves.jsonl`, `faults.jsonl`, `timelines.jsonl`, `run.json` and the
//! page in one folder.
//!
//! Files are replaced as a whole ([`super::place`]). A file of another schema is refused with advice. Every
//! error is one sentence that names the file, and the line where there is one.

use super::complaint;
use super::fault::{FaultLine, TimelineLine};
use super::note::RunNote;
use super::place::{Staged, prepare};
use super::row::{Check, CurvePoint, Row, SCHEMA};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

/// The rows' file name.
pub const ROWS: &str = "rows.jsonl";
/// The curves' file name.
pub const CURVES: &str = "curves.jsonl";
/// The file name of what client regions lived through.
pub const FAULTS: &str = "faults.jsonl";
/// The timelines' file name.
pub const TIMELINES: &str = "timelines.jsonl";
/// The note's file name.
pub const NOTE: &str = "run.json";
/// The report's file name.
pub const PAGE: &str = "index.html";

/// Results that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file system refused.
    #[error("cannot {action} {}: {why}", path.display())]
    Io {
        /// `read`, `write`, ...
        action: &'static str,
        /// What.
        path: PathBuf,
        /// Why. It is part of the sentence, so it is not also an error's source: a chain of causes
        /// would say it twice.
        why: io::Error,
    },
    /// A line is not what it should be.
    #[error("{}:{line}: {message}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong.
        message: String,
    },
    /// The file follows another schema.
    #[error(
        "{}:{line}: written by pacelc {version} with schema {found}, but this one reads schema \
         {SCHEMA}; read it with that version or run the suite again",
        path.display()
    )]
    Schema {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// The schema it names.
        found: u32,
        /// The version that wrote it, or a question mark.
        version: String,
    },
    /// The journal belongs to another run.
    #[error(
        "{} belongs to a run with other scenarios, seeds or options; give the same ones to resume \
         it, or leave out --resume to start over",
        path.display()
    )]
    OtherRun {
        /// The journal.
        path: PathBuf,
    },
    /// A link leads to nothing. To follow it or to replace it would both write where nobody said.
    #[error(
        "{} is a link to {}, which does not exist; make that, remove the link, or choose another place",
        path.display(),
        to.display()
    )]
    Dangling {
        /// The link.
        path: PathBuf,
        /// Where it leads.
        to: PathBuf,
    },
    /// Another run writes into the same folder.
    #[error(
        "another run is writing to {}; wait until it has ended, or choose another folder with -o",
        path.display()
    )]
    Busy {
        /// The folder.
        path: PathBuf,
    },
    /// Lines are missing from one of two files that belong together.
    #[error("{} holds {found} of the {listed} cells that {NOTE} lists; run the suite again", path.display())]
    Torn {
        /// The file of rows.
        path: PathBuf,
        /// Cells in it.
        found: usize,
        /// Cells that there should be.
        listed: usize,
    },
    /// There are no rows to show.
    #[error("{} holds no rows; run the suite again", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// There is no journal to resume.
    #[error(
        "{} does not exist: that run was finished or never begun; leave out --resume",
        path.display()
    )]
    NoJournal {
        /// Where it would be.
        path: PathBuf,
    },
}

pub(super) fn cannot(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |why| StoreError::Io { action, path, why }
}

/// A run's results.
#[derive(Clone, Debug, PartialEq)]
pub struct Results {
    /// Where they come from.
    pub note: RunNote,
    /// All rows.
    pub rows: Vec<Row>,
    /// All points of t-visibility curves.
    pub curves: Vec<CurvePoint>,
    /// How client regions came through faults.
    pub faults: Vec<FaultLine>,
    /// The same moment by moment.
    pub timelines: Vec<TimelineLine>,
}

impl Results {
    /// Reads the results in a folder, or beside the given `rows.jsonl`. The other lines' files may be
    /// missing.
    ///
    /// # Errors
    /// The first file or line that cannot be read or understood.
    pub fn read(path: &Path) -> Result<Self, StoreError> {
        let (folder, rows) = if path.is_dir() {
            (path.to_owned(), path.join(ROWS))
        } else {
            (path.parent().unwrap_or(Path::new("")).to_owned(), path.to_owned())
        };
        let path = rows;
        let rows = read_rows(&path)?;
        if rows.is_empty() {
            return Err(StoreError::Empty { path });
        }
        let cells = distinct(&rows, &path)?;
        let rows_at = path;
        let curves = read_if_there(&folder.join(CURVES))?;
        let faults = read_if_there(&folder.join(FAULTS))?;
        let timelines = read_if_there(&folder.join(TIMELINES))?;
        let path = folder.join(NOTE);
        let bytes = std::fs::read(&path).map_err(cannot("read", &path))?;
        let note: RunNote = parse(&bytes, &path, None)?;
        let listed = note.scenarios.iter().map(|scenario| scenario.cells as usize).sum();
        if cells < listed {
            return Err(StoreError::Torn { path: rows_at, found: cells, listed });
        }
        Ok(Self { note, rows, curves, faults, timelines })
    }

    /// Writes the files, and the page drawn from them, into a folder, which is made if it does
    /// not exist. Nothing is replaced before everything has been written.
    ///
    /// # Errors
    /// The first file that cannot be written.
    pub fn write(&self, folder: &Path, page: &str) -> Result<(), StoreError> {
        prepare(folder)?;
        let rows = Staged::new(&folder.join(ROWS), |to| put_lines(to, &self.rows))?;
        let curves = Staged::new(&folder.join(CURVES), |to| put_lines(to, &self.curves))?;
        let faults = Staged::new(&folder.join(FAULTS), |to| put_lines(to, &self.faults))?;
        let timelines = Staged::new(&folder.join(TIMELINES), |to| put_lines(to, &self.timelines))?;
        let note = Staged::new(&folder.join(NOTE), |to| {
            serde_json::to_writer_pretty(&mut *to, &self.note)?;
            to.write_all(b"\n")
        })?;
        let page = Staged::new(&folder.join(PAGE), |to| to.write_all(page.as_bytes()))?;
        rows.keep()?;
        curves.keep()?;
        faults.keep()?;
        timelines.keep()?;
        note.keep()?;
        page.keep()
    }
}

/// How many cells the rows are of.
///
/// # Errors
/// If a row stands twice; the first such line.
pub(crate) fn distinct(rows: &[Row], path: &Path) -> Result<usize, StoreError> {
    let mut seen = BTreeSet::new();
    for (index, row) in rows.iter().enumerate() {
        let Row { cell, phase, client_region, op, .. } = row;
        if !seen.insert((cell, phase, client_region, op)) {
            let message = format!("{cell}, {phase}, {client_region}, {op}: this row stands twice");
            return Err(StoreError::Line {
                path: path.to_owned(),
                line: index as u64 + 1,
                message,
            });
        }
    }
    Ok(rows.iter().map(|row| &row.cell).collect::<BTreeSet<_>>().len())
}

/// Reads a file of rows alone.
///
/// # Errors
/// The first line that cannot be read or understood.
pub fn read_rows(path: &Path) -> Result<Vec<Row>, StoreError> {
    read_lines(path)
}

fn read_if_there<T: DeserializeOwned + Check>(path: &Path) -> Result<Vec<T>, StoreError> {
    if path.exists() { read_lines(path) } else { Ok(Vec::new()) }
}

fn put_lines(to: &mut impl Write, lines: &[impl Serialize]) -> io::Result<()> {
    for line in lines {
        serde_json::to_writer(&mut *to, line)?;
        to.write_all(b"\n")?;
    }
    Ok(())
}

fn read_lines<T: DeserializeOwned + Check>(path: &Path) -> Result<Vec<T>, StoreError> {
    let file = File::open(path).map_err(cannot("read", path))?;
    let mut from = BufReader::new(file);
    let mut lines = Vec::new();
    let mut text = Vec::new();
    loop {
        text.clear();
        if from.read_until(b'\n', &mut text).map_err(cannot("read", path))? == 0 {
            return Ok(lines);
        }
        let line = lines.len() as u64 + 1;
        let read: T = parse(&text, path, Some(line))?;
        let wrong = |message| StoreError::Line { path: path.to_owned(), line, message };
        read.check().map_err(wrong)?;
        lines.push(read);
    }
}

/// What every line says about its schema.
#[derive(Deserialize)]
struct Stamp {
    schema: u32,
    version: Option<String>,
}

/// Understands one object; its schema is looked at first, so that a foreign one gets the right
/// advice.
pub(super) fn parse<T: DeserializeOwned>(
    text: &[u8],
    path: &Path,
    line: Option<u64>,
) -> Result<T, StoreError> {
    let wrong = |error: serde_json::Error| {
        let said = complaint::about(&error, if line.is_some() { "column" } else { "key" });
        let line = line.unwrap_or(error.line() as u64);
        let message = format!("{said} (at byte {})", error.column());
        StoreError::Line { path: path.to_owned(), line, message }
    };
    let stamp: Stamp = serde_json::from_slice(text).map_err(wrong)?;
    if stamp.schema != SCHEMA {
        return Err(StoreError::Schema {
            path: path.to_owned(),
            line: line.unwrap_or(1),
            found: stamp.schema,
            version: stamp.version.unwrap_or_else(|| "?".into()),
        });
    }
    serde_json::from_slice(text).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{fault, note, point, row, timeline};
    use super::*;

    fn results() -> Results {
        Results {
            note: note(),
            rows: vec![row("a"), row("b")],
            curves: vec![point("a")],
            faults: vec![fault("a")],
            timelines: vec![timeline("a")],
        }
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).expect("a folder");
        let name = |entry: io::Result<std::fs::DirEntry>| entry.expect("an entry").file_name();
        let mut names: Vec<_> = entries.map(|e| name(e).into_string().expect("UTF-8")).collect();
        names.sort();
        names
    }

    #[test]
    fn results_read_back_from_the_folder_or_the_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let deep = folder.path().join("made/on/the/way");
        results().write(&deep, "page").expect("written");
        assert_eq!(names(&deep), [CURVES, FAULTS, PAGE, ROWS, NOTE, TIMELINES]);
        assert_eq!(Results::read(&deep).expect("read"), results());
        assert_eq!(Results::read(&deep.join(ROWS)).expect("read"), results());
        for name in [CURVES, FAULTS, TIMELINES] {
            std::fs::remove_file(deep.join(name)).expect("removed");
        }
        let read = Results::read(&deep).expect("read");
        assert_eq!((read.curves, read.faults, read.timelines), (vec![], vec![], vec![]));
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_named_and_nothing_is_left() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        std::fs::write(&file, "not a folder").expect("written");
        let error = results()
            .write(&file.join("sub"), "page")
            .expect_err("a file is no folder")
            .to_string();
        assert!(
            error.starts_with("cannot create the folder ") && error.contains("/file/sub: "),
            "{error}"
        );
    }

    #[test]
    fn a_folder_in_the_place_of_any_file_leaves_the_old_results_whole() {
        for taken in [ROWS, CURVES, FAULTS, TIMELINES, NOTE, PAGE] {
            let folder = tempfile::tempdir().expect("a folder");
            results().write(folder.path(), "old").expect("written");
            std::fs::remove_file(folder.path().join(taken)).expect("removed");
            std::fs::create_dir(folder.path().join(taken)).expect("created");
            let read = |name: &str| std::fs::read(folder.path().join(name)).ok();
            let before = [ROWS, CURVES, FAULTS, TIMELINES, NOTE, PAGE].map(read);
            let other = Results { rows: vec![row("c")], curves: Vec::new(), ..results() };
            let error = other.write(folder.path(), "new").expect_err(taken).to_string();
            assert!(error.contains("cannot write") && error.contains(taken), "{error}");
            assert_eq!([ROWS, CURVES, FAULTS, TIMELINES, NOTE, PAGE].map(read), before, "{taken}");
            assert_eq!(names(folder.path()).len(), 6, "something is left over");
        }
    }

    #[test]
    fn bad_lines_are_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(ROWS);
        let good = serde_json::to_string(&row("a")).expect("JSON");
        for (bad, message) in [
            ("{".to_owned(), "rows.jsonl:2: EOF while parsing an object"),
            (
                good.replace("\"n\":", "\"nn\":"),
                "rows.jsonl:2: unknown column `nn`; did you mean `n`? docs",
            ),
            (
                good.replace("\"holds\"", "\"maybe\""),
                "rows.jsonl:2: unknown value `maybe`; known: ",
            ),
            (
                good.replace("\"schema\":1,", "\"schema\":2,\"new\":0,"),
                "rows.jsonl:2: written by pacelc 0.1.0 with schema 2, but this one reads schema 1; read",
            ),
            ("\u{fffd}".to_owned(), "rows.jsonl:2: expected value"),
            (
                good.replace("\"p50_ms\":69.6", "\"p50_ms\":-1e300"),
                "rows.jsonl:2: p50_ms is -1e300; it must be from 0 to 1e12",
            ),
        ] {
            std::fs::write(&path, format!("{good}\n{bad}\n{good}\n")).expect("written");
            let error = Results::read(folder.path()).expect_err(&bad).to_string();
            assert!(error.contains(message), "{error}");
        }
        std::fs::write(&path, format!("{good}\n{good}\n")).expect("written");
        let error = Results::read(folder.path()).expect_err("twice").to_string();
        assert!(error.contains("rows.jsonl:2: a, ") && error.ends_with("stands twice"), "{error}");
        std::fs::write(&path, format!("{good}\n")).expect("written");
        let error = Results::read(folder.path()).expect_err("no note").to_string();
        assert!(error.starts_with("cannot read ") && error.contains("run.json: "), "{error}");
    }

    proptest::proptest! {
        #[test]
        fn random_bytes_never_panic(
            bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200),
        ) {
            let parsed = parse::<Row>(&bytes, Path::new("noise"), Some(1));
            proptest::prop_assert!(parsed.is_err());
        }
    }
}
