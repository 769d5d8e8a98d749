//! Where results go: the folder, and files that are replaced as a whole or not at all.
//!
//! A file is written beside its place, then renamed into it, so that an error or a full disk leaves the old one.

use super::journal::JOURNAL;
use super::store::{CURVES, FAULTS, NOTE, PAGE, ROWS, StoreError, TIMELINES, cannot};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Makes a folder for results if it does not exist, and looks whether their places can be taken, so that
/// neither a long run nor half of the files is lost to a place that cannot.
///
/// # Errors
/// If the folder cannot be made, a folder stands where a file will go, or a link that leads nowhere in either's place.
pub(crate) fn prepare(folder: &Path) -> Result<(), StoreError> {
    for place in folder.ancestors() {
        leads_somewhere(place)?;
    }
    std::fs::create_dir_all(folder).map_err(cannot("create the folder", folder))?;
    for name in [ROWS, CURVES, FAULTS, TIMELINES, NOTE, PAGE, JOURNAL] {
        let place = folder.join(name);
        leads_somewhere(&place)?;
        if place.is_dir() {
            return Err(cannot("write", &place)(io::Error::from(io::ErrorKind::IsADirectory)));
        }
    }
    Ok(())
}

fn leads_somewhere(path: &Path) -> Result<(), StoreError> {
    // Without a slash at its end, with which the link would be followed.
    let path: PathBuf = path.components().collect();
    match std::fs::read_link(&path) {
        Ok(to) if path.try_exists().is_ok_and(|exists| !exists) => {
            Err(StoreError::Dangling { path, to })
        }
        _ => Ok(()),
    }
}

/// Replaces a file as a whole, or leaves it as it was. A link is followed; a device or a pipe is
/// written to, never replaced.
///
/// # Errors
/// If the new content cannot be written, or a link leads nowhere.
pub fn replace(path: &Path, content: &[u8]) -> Result<(), StoreError> {
    let is_special = std::fs::metadata(path).is_ok_and(|about| !about.is_file() && !about.is_dir());
    if is_special {
        let write = || File::options().write(true).open(path)?.write_all(content);
        return write().map_err(cannot("write", path));
    }
    Staged::new(path, |to| to.write_all(content))?.keep()
}

/// A file written beside its place.
pub(super) struct Staged {
    /// As it was named, for messages.
    path: PathBuf,
    /// Where it is, links followed.
    place: PathBuf,
    file: NamedTempFile,
}

impl Staged {
    pub(super) fn new(
        path: &Path,
        fill: impl FnOnce(&mut BufWriter<&mut File>) -> io::Result<()>,
    ) -> Result<Self, StoreError> {
        leads_somewhere(path)?;
        let place = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let write = || {
            let folder = place.parent().filter(|folder| *folder != Path::new(""));
            let folder = folder.unwrap_or(Path::new("."));
            std::fs::metadata(folder)?;
            let mut builder = tempfile::Builder::new();
            builder.prefix(".pacelc-");
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt;
                // Temporary files are private by default; results are not. The umask still applies.
                builder.permissions(std::fs::Permissions::from_mode(0o666));
            }
            // Its own message would name a file that nobody asked for.
            let mut file = builder.tempfile_in(folder).map_err(|error| error.kind())?;
            let mut to = BufWriter::with_capacity(1 << 16, file.as_file_mut());
            fill(&mut to)?;
            to.flush()?;
            drop(to);
            Ok(file)
        };
        let file = write().map_err(cannot("write", path))?;
        Ok(Self { path: path.to_owned(), place, file })
    }

    pub(super) fn keep(self) -> Result<(), StoreError> {
        let kept = self.file.persist(&self.place).map_err(|error| error.error);
        kept.map(drop).map_err(cannot("write", &self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_the_file_that_was_asked_for_and_no_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("no/such/plane.svg");
        let error = replace(&path, b"").expect_err("no folder").to_string();
        assert!(error.contains("plane.svg: No such file") && !error.contains(".pacelc"), "{error}");
    }

    #[test]
    fn an_error_while_writing_leaves_the_old_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("page.html");
        replace(&path, b"old").expect("written");
        let full = Staged::new(&path, |to| {
            to.write_all(b"half")?;
            Err(io::Error::from(io::ErrorKind::StorageFull))
        });
        assert!(full.err().expect("full").to_string().contains("page.html: no storage space"));
        assert_eq!(std::fs::read(&path).expect("read"), b"old");
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1, "nothing else");
    }
}
