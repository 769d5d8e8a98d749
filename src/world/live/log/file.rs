//! A log as a file: a header, then one batch for each sync with all records that it covers.
//!
//! A batch has a length and a checksum. One that is cut off or damaged at the very end was being written when
//! the machine stopped; nobody was told of it, so it is dropped. Damage before that is an error, for what
//! follows had been acknowledged. Records that are not wanted any more leave the file when they are most of
//! it: a new file is written beside the old one, synced, and renamed over it, and the folder is synced.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

/// What a log's file begins with; the digit is the version of the format.
const MAGIC: [u8; 8] = *b"pacelcL1";
const HEADER: usize = 36;
/// What stands before a batch's records.
const HEAD: usize = 12;
/// Smaller files are not worth rewriting, in bytes.
const REWRITE_FROM: u64 = 1 << 18;

/// Whose log it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::world::live) struct Owner {
    /// A number of everything that decides what records mean.
    pub settings: u64,
    /// Which run wrote it.
    pub run: u64,
}

/// An open log.
#[derive(Debug)]
pub(in crate::world::live) struct LogFile {
    path: PathBuf,
    file: File,
    owner: Owner,
    /// Records that have left the file at its front.
    gone: u64,
    /// Records in the file.
    count: u64,
    /// Records before this position are not wanted any more.
    wanted: u64,
    bytes: u64,
}

impl LogFile {
    /// An empty log in the place of whatever is there.
    ///
    /// # Errors
    /// What the file system says.
    pub(in crate::world::live) fn create(path: &Path, owner: Owner) -> io::Result<Self> {
        let file = replace(path, &header(owner, 0))?;
        let bytes = HEADER as u64;
        Ok(Self { path: path.to_owned(), file, owner, gone: 0, count: 0, wanted: 1, bytes })
    }

    /// The log that is there, if there is one.
    ///
    /// # Errors
    /// If it cannot be read, is no log, is damaged, or was written under other settings.
    pub(in crate::world::live) fn open(path: &Path, settings: u64) -> Result<Option<Self>, String> {
        let mut file = match File::options().read(true).write(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.to_string()),
        };
        let mut all = Vec::new();
        file.read_to_end(&mut all).map_err(|error| error.to_string())?;
        let (owner, gone) = parse_header(&all).ok_or("this is not a log of pacelc")?;
        if owner.settings != settings {
            return Err(
                "it was written under other settings; remove it, or name another data_dir \
                        for these"
                    .to_owned(),
            );
        }
        let (records, whole) = batches(&all)?;
        file.set_len(whole as u64).map_err(|error| error.to_string())?;
        file.seek(SeekFrom::End(0)).map_err(|error| error.to_string())?;
        // Whoever wrote it may have died before its sync: what is read back must be on the disk before anybody
        // is told of it.
        file.sync_all().and_then(|()| sync_folder(path)).map_err(|error| error.to_string())?;
        let (count, path, bytes) = (records.len() as u64, path.to_owned(), whole as u64);
        Ok(Some(Self { path, file, owner, gone, count, wanted: gone + 1, bytes }))
    }

    pub(in crate::world::live) fn owner(&self) -> Owner {
        self.owner
    }

    /// The position of the last record.
    pub(in crate::world::live) fn last(&self) -> u64 {
        self.gone + self.count
    }

    /// Adds records and syncs.
    ///
    /// # Errors
    /// What the file system says.
    pub(in crate::world::live) fn append(&mut self, records: &[Vec<u8>]) -> io::Result<()> {
        let bytes = batch(records);
        self.file.write_all(&bytes)?;
        self.file.sync_data()?;
        self.count += records.len() as u64;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Begins again with nothing, for this run.
    ///
    /// # Errors
    /// If the new file cannot be written.
    pub(in crate::world::live) fn clear(&mut self, run: u64) -> Result<(), String> {
        let owner = Owner { run, ..self.owner };
        *self = Self::create(&self.path, owner).map_err(|error| error.to_string())?;
        Ok(())
    }

    /// Records before this position are not wanted any more.
    ///
    /// # Errors
    /// If the file had to be rewritten and could not be.
    pub(in crate::world::live) fn forget(&mut self, before: u64) -> Result<(), String> {
        self.wanted = self.wanted.max(before.min(self.last() + 1));
        let dead = self.wanted - 1 - self.gone;
        if self.bytes < REWRITE_FROM || dead * 2 < self.count {
            return Ok(());
        }
        let (gone, records) = self.read()?;
        let mut bytes = header(self.owner, gone);
        if !records.is_empty() {
            bytes.extend(batch(&records));
        }
        self.file = replace(&self.path, &bytes).map_err(|error| error.to_string())?;
        (self.gone, self.count) = (gone, records.len() as u64);
        self.bytes = bytes.len() as u64;
        Ok(())
    }

    /// The records that are wanted, and the position before the first.
    ///
    /// # Errors
    /// If the file cannot be read or is damaged.
    pub(in crate::world::live) fn read(&mut self) -> Result<(u64, Vec<Vec<u8>>), String> {
        let mut all = Vec::new();
        let mut read = || {
            self.file.seek(SeekFrom::Start(0))?;
            self.file.read_to_end(&mut all)
        };
        read().map_err(|error| error.to_string())?;
        let (mut records, _) = batches(&all)?;
        let dead = (self.wanted - 1 - self.gone) as usize;
        Ok((self.wanted - 1, records.split_off(dead.min(records.len()))))
    }
}

/// Puts a file with these bytes in the place of another, as a whole; what is open then is the new one, at its end.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<File> {
    let beside = path.with_extension("new");
    let mut file =
        File::options().read(true).write(true).create(true).truncate(true).open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    sync_folder(path)?;
    Ok(file)
}

/// A new name is safe only once its folder is; where folders cannot be opened they sync themselves.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    let folder = folder.unwrap_or(Path::new("."));
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

fn header(owner: Owner, gone: u64) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    for number in [owner.settings, owner.run, gone] {
        bytes.extend(number.to_le_bytes());
    }
    let sum = crc32fast::hash(&bytes);
    bytes.extend(sum.to_le_bytes());
    bytes
}

fn parse_header(all: &[u8]) -> Option<(Owner, u64)> {
    let (head, _) = all.split_first_chunk::<HEADER>()?;
    let (body, sum) = head.split_last_chunk::<4>()?;
    if !body.starts_with(&MAGIC) || crc32fast::hash(body) != u32::from_le_bytes(*sum) {
        return None;
    }
    let number = |at: usize| {
        let bytes = body[at..].first_chunk::<8>().copied();
        bytes.map(u64::from_le_bytes)
    };
    Some((Owner { settings: number(8)?, run: number(16)? }, number(24)?))
}

/// A length, its checksum, that of the body, and the body: records, each behind its length.
fn batch(records: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = vec![0; HEAD];
    for record in records {
        bytes.extend((record.len() as u32).to_le_bytes());
        bytes.extend(record);
    }
    let length = ((bytes.len() - HEAD) as u32).to_le_bytes();
    let sums = [crc32fast::hash(&length), crc32fast::hash(&bytes[HEAD..])];
    bytes[..4].copy_from_slice(&length);
    bytes[4..8].copy_from_slice(&sums[0].to_le_bytes());
    bytes[8..HEAD].copy_from_slice(&sums[1].to_le_bytes());
    bytes
}

/// All records of a file, and how many of its bytes are whole.
fn batches(all: &[u8]) -> Result<(Vec<Vec<u8>>, usize), String> {
    let (mut records, mut at) = (Vec::new(), HEADER);
    while at < all.len() {
        let rest = &all[at..];
        let damaged = |what: &str| format!("the log is damaged at byte {at}: {what}");
        // A place that was taken but never written reads as zeros.
        if rest.len() < HEAD || rest.iter().all(|byte| *byte == 0) {
            return Ok((records, at));
        }
        let number =
            |at: usize| rest[at..].first_chunk::<4>().map_or(0, |bytes| u32::from_le_bytes(*bytes));
        if crc32fast::hash(&rest[..4]) != number(4) {
            return Err(damaged("a batch has no length"));
        }
        let body = &rest[HEAD..];
        let length = number(0) as usize;
        if body.len() < length {
            return Ok((records, at));
        }
        if crc32fast::hash(&body[..length]) != number(8) {
            if body.len() == length {
                return Ok((records, at));
            }
            return Err(damaged("a checksum is wrong"));
        }
        split(&body[..length], &mut records).ok_or_else(|| damaged("a record is cut off"))?;
        at += HEAD + length;
    }
    Ok((records, at.min(all.len())))
}

fn split(mut body: &[u8], records: &mut Vec<Vec<u8>>) -> Option<()> {
    while let Some((length, after)) = body.split_first_chunk::<4>() {
        let (record, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        records.push(record.to_vec());
        body = after;
    }
    body.is_empty().then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: Owner = Owner { settings: 7, run: 1 };

    fn record(n: u8, size: usize) -> Vec<u8> {
        vec![n; size]
    }

    #[test]
    fn what_was_synced_is_read_back_by_whoever_opens_it_next() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.log");
        assert!(LogFile::open(&path, 7).expect("none yet").is_none());
        let mut log = LogFile::create(&path, OWNER).expect("created");
        log.append(&[record(1, 3), record(2, 0)]).expect("synced");
        log.append(&[record(3, 9)]).expect("synced");
        drop(log);
        let mut log = LogFile::open(&path, 7).expect("read").expect("there");
        assert_eq!((log.owner(), log.last()), (OWNER, 3));
        assert_eq!(log.read().expect("read"), (0, vec![record(1, 3), record(2, 0), record(3, 9)]));
        log.append(&[record(4, 1)]).expect("it goes on at its end");
        assert_eq!(log.read().expect("read").1.len(), 4);
        let error = LogFile::open(&path, 8).expect_err("another configuration");
        assert!(error.contains("other settings"), "{error}");
    }

    #[test]
    fn a_torn_end_is_dropped_and_damage_before_it_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.log");
        let mut log = LogFile::create(&path, OWNER).expect("created");
        log.append(&[record(1, 30)]).expect("synced");
        let first = std::fs::read(&path).expect("read").len();
        log.append(&[record(2, 30)]).expect("synced");
        let whole = std::fs::read(&path).expect("read");
        for end in first..whole.len() {
            std::fs::write(&path, &whole[..end]).expect("torn");
            let log = LogFile::open(&path, 7).expect("read").expect("there");
            assert_eq!(log.last(), 1, "cut at {end}");
            assert_eq!(std::fs::read(&path).expect("read").len(), first, "the torn end is gone");
        }
        let zeros = [&whole[..first], &[0; 40]].concat();
        std::fs::write(&path, zeros).expect("written");
        assert_eq!(LogFile::open(&path, 7).expect("read").expect("there").last(), 1);
        let mut flipped = whole;
        flipped[HEADER + HEAD + 10] ^= 1;
        std::fs::write(&path, &flipped).expect("written");
        let error = LogFile::open(&path, 7).expect_err("damaged");
        assert!(error.contains("damaged at byte 36"), "{error}");
        flipped[HEADER + HEAD + 10] ^= 1;
        flipped[HEADER + 2] ^= 1;
        std::fs::write(&path, &flipped).expect("written");
        let error = LogFile::open(&path, 7).expect_err("a length that leads nowhere");
        assert!(error.contains("no length"), "{error}");
        std::fs::write(&path, b"something else altogether, and longer").expect("written");
        assert!(LogFile::open(&path, 7).expect_err("no log").contains("not a log"));
    }

    #[test]
    fn a_log_shrinks_when_most_of_it_is_not_wanted_and_keeps_its_positions() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.log");
        let mut log = LogFile::create(&path, OWNER).expect("created");
        for n in 0..100 {
            log.append(&[record(n, 10_000)]).expect("synced");
        }
        let size = || std::fs::metadata(&path).expect("a file").len();
        let before = size();
        log.forget(10).expect("a tenth is not worth it");
        assert_eq!(size(), before);
        assert_eq!(log.read().expect("read"), (9, (9..100).map(|n| record(n, 10_000)).collect()));
        log.forget(96).expect("rewritten");
        assert!(size() < before / 10, "{} of {before}", size());
        log.append(&[record(100, 10_000)]).expect("the new file takes records");
        drop(log);
        let mut log = LogFile::open(&path, 7).expect("read").expect("there");
        assert_eq!(log.last(), 101);
        assert_eq!(log.read().expect("read"), (95, (95..101).map(|n| record(n, 10_000)).collect()));
        let left: Vec<_> = std::fs::read_dir(folder.path()).expect("a folder").collect();
        assert_eq!(left.len(), 1, "nothing is left beside it");
    }
}
