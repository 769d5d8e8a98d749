//! A log as a file: a header, then one batch for each sync with all records that it covers.
//!
//! A batch has a length and a checksum, and is written only when the one before it is on the disk. So what
//! stands behind the last whole batch, torn, zeros or other junk, was being written when the machine stopped;
//! nobody was told of it, and it is dropped. Damage that a whole batch follows is an error, for that one had
//! been acknowledged. Records that are not wanted any more leave the file when they are most of
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
    /// Bytes that were dropped behind the last whole batch.
    torn: u64,
}

impl LogFile {
    /// An empty log in the place of whatever is there.
    ///
    /// # Errors
    /// What the file system says, with the path, as everywhere here.
    pub(in crate::world::live) fn create(path: &Path, owner: Owner) -> Result<Self, String> {
        let file = replace(path, &header(owner, 0)).map_err(cannot("write", path))?;
        let (path, bytes) = (path.to_owned(), HEADER as u64);
        Ok(Self { path, file, owner, gone: 0, count: 0, wanted: 1, bytes, torn: 0 })
    }

    /// The log that is there, if there is one.
    ///
    /// # Errors
    /// If it cannot be read, is no log, is damaged, or was written under other settings.
    pub(in crate::world::live) fn open(path: &Path, settings: u64) -> Result<Option<Self>, String> {
        let mut file = match File::options().read(true).write(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(cannot("read", path)(error)),
        };
        let told = |why: &str| format!("{}: {why}", path.display());
        let mut all = Vec::new();
        file.read_to_end(&mut all).map_err(cannot("read", path))?;
        if all.is_empty() {
            return Err(told("it is empty, and so no log; remove it to begin with nothing"));
        }
        let parsed = parse_header(&all);
        let (owner, gone) = parsed.ok_or_else(|| told("this is not a log of pacelc"))?;
        if owner.settings != settings {
            return Err(told(
                "it was written under other settings; remove it, or name another data_dir for these",
            ));
        }
        let (records, whole) = batches(&all).map_err(|why| told(&why))?;
        let mut cut = || {
            file.set_len(whole as u64)?;
            file.seek(SeekFrom::End(0))?;
            // Whoever wrote it may have died before its sync: what is read back must be on the disk before
            // anybody is told of it.
            file.sync_all().and_then(|()| sync_folder(path))
        };
        cut().map_err(cannot("write", path))?;
        let (count, bytes, torn) = (records.len() as u64, whole as u64, all.len() - whole);
        let (path, wanted, torn) = (path.to_owned(), gone + 1, torn as u64);
        Ok(Some(Self { path, file, owner, gone, count, wanted, bytes, torn }))
    }

    /// Where it is.
    pub(in crate::world::live) fn path(&self) -> &Path {
        &self.path
    }

    /// What whoever opened it should know: how much was dropped, if anything was.
    pub(in crate::world::live) fn note(&self) -> Option<String> {
        (self.torn > 0).then(|| {
            format!(
                "{}: dropped {} bytes behind byte {}, a write that had not ended when the node did",
                self.path.display(),
                self.torn,
                self.bytes
            )
        })
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
    pub(in crate::world::live) fn append(&mut self, records: &[Vec<u8>]) -> Result<(), String> {
        let bytes = batch(records);
        let written = self.file.write_all(&bytes).and_then(|()| self.file.sync_data());
        written.map_err(cannot("write", &self.path))?;
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
        *self = Self::create(&self.path, owner)?;
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
        self.file = replace(&self.path, &bytes).map_err(cannot("write", &self.path))?;
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
        read().map_err(cannot("read", &self.path))?;
        let told = |why: String| format!("{}: {why}", self.path.display());
        let (mut records, _) = batches(&all).map_err(told)?;
        let dead = (self.wanted - 1 - self.gone) as usize;
        Ok((self.wanted - 1, records.split_off(dead.min(records.len()))))
    }
}

/// A sentence about a file that the file system does not give.
fn cannot(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> String {
    move |error| format!("cannot {action} {}: {error}", path.display())
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
        let Some(body) = whole(&all[at..]) else {
            let later = (at + 1..all.len()).find(|later| whole(&all[*later..]).is_some());
            return later.map_or(Ok((records, at)), |later| {
                Err(format!(
                    "the log is damaged at byte {at}, and what stands behind that, from byte {later} on, had been \
                     acknowledged; restore it, or remove it to begin with nothing"
                ))
            });
        };
        let cut = || format!("the log is damaged at byte {at}: a record is cut off");
        split(body, &mut records).ok_or_else(cut)?;
        at += HEAD + body.len();
    }
    Ok((records, at))
}

/// The body of the batch that stands here, if one does and it is whole.
fn whole(here: &[u8]) -> Option<&[u8]> {
    let (head, rest) = here.split_first_chunk::<HEAD>()?;
    let number =
        |at: usize| head[at..].first_chunk::<4>().map_or(0, |bytes| u32::from_le_bytes(*bytes));
    if crc32fast::hash(&head[..4]) != number(4) {
        return None;
    }
    let body = rest.get(..number(0) as usize)?;
    (crc32fast::hash(body) == number(8)).then_some(body)
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
        // Zeros, text, and a batch whose pages were written in another order.
        let mut holes = whole[first..].to_vec();
        holes[..HEAD].fill(0);
        for junk in [&[0; 40][..], b"junk behind a log's last batch", &holes, &[7]] {
            std::fs::write(&path, [&whole[..first], junk].concat()).expect("written");
            let log = LogFile::open(&path, 7).expect("read").expect("there");
            assert_eq!(log.last(), 1);
            let note = log.note().expect("it is told");
            let told = format!("a.log: dropped {} bytes behind byte {first}", junk.len());
            assert!(note.contains(&told), "{note}");
            let again = LogFile::open(&path, 7).expect("read").expect("there");
            assert_eq!((again.last(), again.note()), (1, None), "it is dropped once");
        }
        // A record, a length, a checksum of the first batch, which had been acknowledged before the second was
        // begun.
        for at in [HEADER + HEAD + 10, HEADER + 2, HEADER + 5, HEADER + 9] {
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            std::fs::write(&path, &flipped).expect("written");
            let error = LogFile::open(&path, 7).expect_err("damaged");
            let told = format!("a.log: the log is damaged at byte {HEADER}, and");
            assert!(error.contains(&told), "{error}");
            assert!(error.contains(&format!("from byte {first} on")), "{error}");
            assert_eq!(std::fs::read(&path).expect("read"), flipped, "it is left as it was");
        }
        std::fs::write(&path, b"something else altogether, and longer").expect("written");
        assert!(LogFile::open(&path, 7).expect_err("no log").contains("a.log: this is not a log"));
        std::fs::write(&path, b"").expect("written");
        assert!(LogFile::open(&path, 7).expect_err("no log").contains("a.log: it is empty"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_disk_that_takes_no_more_is_told_with_the_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.log");
        let mut log = LogFile::create(&path, OWNER).expect("created");
        // Whatever is written there finds no space.
        log.file = File::options().write(true).open("/dev/full").expect("Linux has it");
        let error = log.append(&[record(1, 30)]).expect_err("full");
        let told = format!("cannot write {}: No space left on device", path.display());
        assert!(error.starts_with(&told), "{error}");
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
