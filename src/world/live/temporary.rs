//! Folders that go when a run ends, and also when the program is told to end at once.
//!
//! A value that is dropped removes its folder; but a program that exits drops nothing. So the folders there are
//! are known to the whole program, as the interrupt that ends it is the whole program's.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use tempfile::TempDir;

/// Those that are there.
static FOLDERS: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
/// Whoever still writes into a folder may add to it while it is being removed.
const ATTEMPTS: usize = 100;

/// A folder for as long as this is kept.
pub(super) struct Temporary(TempDir);

impl Temporary {
    /// A new one.
    ///
    /// # Errors
    /// If there is no place for it.
    pub(super) fn new() -> std::io::Result<Self> {
        let mut folders = FOLDERS.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::Builder::new().prefix("pacelc-").tempdir()?;
        folders.insert(folder.path().to_owned());
        Ok(Self(folder))
    }

    pub(super) fn path(&self) -> PathBuf {
        self.0.path().to_owned()
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        FOLDERS.lock().unwrap_or_else(PoisonError::into_inner).remove(self.0.path());
    }
}

/// Removes the temporary folders of runs that are under way, which are lost then. No run begins any more: for
/// whoever is about to end the program.
pub fn discard() {
    let folders = FOLDERS.lock().unwrap_or_else(PoisonError::into_inner);
    for folder in folders.iter() {
        // What cannot be removed is left to the system.
        _ = (0..ATTEMPTS).find(|_| std::fs::remove_dir_all(folder).is_ok() || !folder.exists());
    }
    // Whoever wants another folder waits for the end.
    std::mem::forget(folders);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_goes_with_what_is_in_it() {
        let folder = Temporary::new().expect("a folder");
        let path = folder.path();
        std::fs::write(path.join("replica-0.log"), "a log").expect("written");
        drop(folder);
        assert!(!path.exists());
    }
}
