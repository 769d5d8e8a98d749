//! The journal of a run in progress: finished cells, so that an interrupted run can go on.
//!
//! One line per finished cell, handed to the operating system before the next one is begun. The
//! first line carries a fingerprint of everything that decides the results (scenarios, seeds,
//! options, version); a journal with another fingerprint is refused. A last line that was torn by
//! the interruption is dropped. When the results have been written, the journal is removed.

use super::aggregate::CellResult;
use super::complaint;
use super::place::prepare;
use super::row::SCHEMA;
use super::store::{StoreError, cannot, parse};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// The journal's file name.
pub const JOURNAL: &str = "journal.jsonl";

/// An open journal.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    /// Cells in it.
    cells: usize,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    schema: u32,
    fingerprint: String,
}

impl Journal {
    /// Starts an empty journal in a folder, which is made if it does not exist; an older journal
    /// there is overwritten.
    ///
    /// # Errors
    /// If the folder or the file cannot be written, or the results could not be put beside it.
    pub fn create(folder: &Path, fingerprint: &str) -> Result<Self, StoreError> {
        prepare(folder)?;
        let path = folder.join(JOURNAL);
        let mut open = OpenOptions::new();
        let open = open.write(true).create(true).truncate(false).open(&path);
        let file = open.map_err(cannot("write", &path))?;
        claim(&file, folder)?;
        if file.metadata().is_ok_and(|about| about.is_file()) {
            file.set_len(0).map_err(cannot("write", &path))?;
        }
        let mut journal = Self { path, file, cells: 0 };
        journal.put(&Head { schema: SCHEMA, fingerprint: fingerprint.to_owned() })?;
        Ok(journal)
    }

    /// Opens the journal of an interrupted run and returns what it had finished.
    ///
    /// # Errors
    /// If there is none, if it belongs to another run, or if a line other than the last is damaged.
    pub fn resume(folder: &Path, fingerprint: &str) -> Result<(Self, Vec<CellResult>), StoreError> {
        let path = folder.join(JOURNAL);
        if !path.exists() {
            return Err(StoreError::NoJournal { path });
        }
        let mut file =
            OpenOptions::new().write(true).open(&path).map_err(cannot("write", &path))?;
        claim(&file, folder)?;
        let text = std::fs::read(&path).map_err(cannot("read", &path))?;
        let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
        let whole = |line: &[u8]| line.ends_with(b"\n");
        let Some((head, cells)) = lines.split_first().filter(|(head, _)| whole(head)) else {
            // Interrupted before anything was finished.
            drop(file);
            return Ok((Self::create(folder, fingerprint)?, Vec::new()));
        };
        let stamp: Head = parse(head, &path, Some(1))?;
        if stamp.fingerprint != fingerprint {
            return Err(StoreError::OtherRun { path });
        }
        let mut finished: Vec<CellResult> = Vec::new();
        let mut good = head.len();
        for (index, line) in cells.iter().enumerate() {
            match serde_json::from_slice(line) {
                Ok(cell) if whole(line) => finished.push(cell),
                _ if index + 1 == cells.len() => break,
                Ok(_) => break,
                Err(error) => {
                    let said = complaint::about(&error, "column");
                    let message =
                        format!("the journal is damaged: {said} (at byte {})", error.column());
                    return Err(StoreError::Line { path, line: index as u64 + 2, message });
                }
            }
            good += line.len();
        }
        file.set_len(good as u64).map_err(cannot("write", &path))?;
        file.seek(SeekFrom::End(0)).map_err(cannot("write", &path))?;
        Ok((Self { path, file, cells: finished.len() }, finished))
    }

    /// Adds a finished cell.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn append(&mut self, cell: &CellResult) -> Result<(), StoreError> {
        self.put(cell)?;
        self.cells += 1;
        Ok(())
    }

    fn put(&mut self, line: &impl Serialize) -> Result<(), StoreError> {
        let bytes = serde_json::to_vec(line).map_err(std::io::Error::from);
        let written = bytes.and_then(|mut bytes| {
            bytes.push(b'\n');
            self.file.write_all(&bytes)?;
            self.file.flush()
        });
        written.map_err(cannot("write", &self.path))
    }

    /// Deletes the journal of a run that was refused before any cell was finished: there is nothing
    /// to go on from.
    ///
    /// # Errors
    /// If the file cannot be removed.
    pub fn abandon(self) -> Result<(), StoreError> {
        if self.cells == 0 { self.remove() } else { Ok(()) }
    }

    /// Deletes the journal: the run is complete.
    ///
    /// # Errors
    /// If the file cannot be removed.
    pub fn remove(self) -> Result<(), StoreError> {
        // The folder is this run's until the journal is gone.
        std::fs::remove_file(&self.path).map_err(cannot("remove", &self.path))
    }
}

/// Makes a folder this run's own for as long as its journal is open, so that two runs do not replace
/// each other's results.
fn claim(journal: &File, folder: &Path) -> Result<(), StoreError> {
    match journal.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(StoreError::Busy { path: folder.to_owned() }),
        // A file system without locks: then nobody can be told apart from an interrupted run.
        Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => Ok(()),
        Err(TryLockError::Error(error)) => Err(cannot("lock", &folder.join(JOURNAL))(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{fault, link, point, row, timeline};
    use super::*;

    fn cell(name: &str) -> CellResult {
        CellResult {
            cell: name.into(),
            operations: 5,
            virtual_seconds: 0.3,
            rows: vec![row(name)],
            curves: vec![point(name)],
            evidence: None,
            faults: vec![fault(name)],
            timelines: vec![timeline(name)],
            links: vec![link(name)],
            beside: Vec::new(),
        }
    }

    #[test]
    fn an_interrupted_run_goes_on_where_it_stopped() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut journal = Journal::create(folder.path(), "f").expect("created");
        journal.append(&cell("a")).expect("appended");
        journal.append(&cell("b")).expect("appended");
        drop(journal);
        // The interruption tears the last line, at any byte of it.
        let path = folder.path().join(JOURNAL);
        let text = std::fs::read(&path).expect("read");
        for torn in [text.len() - 1, text.len() - 9, text.len() - 400] {
            std::fs::write(&path, &text[..torn]).expect("written");
            let (mut journal, finished) = Journal::resume(folder.path(), "f").expect("resumed");
            assert_eq!(finished, [cell("a")]);
            journal.append(&cell("c")).expect("appended");
        }
        let (journal, finished) = Journal::resume(folder.path(), "f").expect("resumed");
        assert_eq!(finished, [cell("a"), cell("c")]);
        journal.remove().expect("removed");
        let error = Journal::resume(folder.path(), "f").expect_err("gone").to_string();
        assert!(error.contains("was finished or never begun"), "{error}");
    }

    #[test]
    fn a_refused_run_leaves_its_journal_only_if_there_is_something_to_go_on_from() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(JOURNAL);
        Journal::create(folder.path(), "f").expect("created").abandon().expect("removed");
        assert!(!path.exists());
        let mut journal = Journal::create(folder.path(), "f").expect("created");
        journal.append(&cell("a")).expect("appended");
        journal.abandon().expect("kept");
        let (journal, finished) = Journal::resume(folder.path(), "f").expect("resumed");
        assert_eq!(finished, [cell("a")]);
        journal.abandon().expect("kept");
        assert!(path.exists());
    }

    #[test]
    fn a_folder_belongs_to_one_run_at_a_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut first = Journal::create(folder.path(), "f").expect("created");
        first.append(&cell("a")).expect("appended");
        for error in [
            Journal::create(folder.path(), "g").expect_err("busy"),
            Journal::resume(folder.path(), "f").map(drop).expect_err("busy"),
        ] {
            assert!(error.to_string().contains("another run is writing to"), "{error}");
        }
        drop(first);
        let (_, finished) = Journal::resume(folder.path(), "f").expect("nobody writes any more");
        assert_eq!(finished, [cell("a")], "and nothing was lost");
    }

    #[test]
    fn another_run_s_journal_is_refused_and_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        Journal::create(folder.path(), "f").expect("created").append(&cell("a")).expect("appended");
        let error = Journal::resume(folder.path(), "g").expect_err("another").to_string();
        assert!(error.contains("journal.jsonl belongs to a run with other"), "{error}");
        assert_eq!(Journal::resume(folder.path(), "f").expect("resumed").1, [cell("a")]);
    }

    #[test]
    fn damage_in_the_middle_is_an_error_and_a_torn_head_is_a_fresh_start() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut journal = Journal::create(folder.path(), "f").expect("created");
        journal.append(&cell("a")).expect("appended");
        journal.append(&cell("b")).expect("appended");
        drop(journal);
        let path = folder.path().join(JOURNAL);
        let text = std::fs::read_to_string(&path).expect("read");
        std::fs::write(&path, text.replacen("\"rows\"", "\"rose\"", 1)).expect("written");
        let error = Journal::resume(folder.path(), "f").expect_err("damaged").to_string();
        assert!(
            error.contains("journal.jsonl:2: the journal is damaged: unknown column `rose`; did you mean `rows`?"),
            "{error}"
        );
        std::fs::write(&path, &text[..10]).expect("written");
        assert_eq!(Journal::resume(folder.path(), "f").expect("resumed").1, []);
        std::fs::write(&path, text.replacen("\"schema\":1", "\"schema\":8", 1)).expect("written");
        let error = Journal::resume(folder.path(), "f").expect_err("foreign").to_string();
        assert!(error.contains("schema 8"), "{error}");
    }
}
