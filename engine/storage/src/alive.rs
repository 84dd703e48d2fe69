//! Files that processes hold locked as long as they live: the others see at once which have died.
//!
//! ```text
//!   alive/1763923334000000000    locked: the process of that number is at work
//!                                free:   it is no more, however it ended
//! ```
//!
//! Its holder removes such a file, or whoever finds it free. Where the file system knows no locks
//! there are none, and a process is dead only when its leases have not beaten for a while.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};

use crate::activity::now;

/// Numbers that this process gave, so that no two are the same.
static COUNTER: AtomicI64 = AtomicI64::new(0);

/// The file of one open store. Dropping it says that the store was closed in order.
#[derive(Debug)]
pub(crate) struct Alive {
    number: i64,
    path: PathBuf,
    /// Its lock goes with the process.
    _locked: File,
}

impl Alive {
    /// Make a file in `folder`, and hold it.
    ///
    /// # Errors
    /// It cannot be made, or not be locked.
    pub fn begin(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        loop {
            // Nanoseconds of Unix time: no number of a process of the system, which other programs note.
            let number = (now() * 1e9) as i64 + COUNTER.fetch_add(1, Ordering::Relaxed);
            let path = folder.join(number.to_string());
            let file = match File::create_new(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                file => file?,
            };
            if let Err(error) = file.lock() {
                let _ = fs::remove_file(&path);
                return Err(error);
            }
            // One who found it before it was locked has removed it.
            if path.exists() {
                return Ok(Self { number, path, _locked: file });
            }
        }
    }

    /// What leases call the process.
    pub fn number(&self) -> i64 {
        self.number
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// A file that nobody holds any more. Dropping it removes the file.
#[derive(Debug)]
pub(crate) struct Dead(Alive);

impl Dead {
    /// What leases call the process.
    pub fn number(&self) -> i64 {
        self.0.number
    }
}

/// Find the processes that died, by the files of `folder` that nobody holds.
pub(crate) fn dead(folder: &Path) -> Vec<Dead> {
    let Ok(entries) = fs::read_dir(folder) else { return vec![] };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let of_free_file = |path: PathBuf| {
        let number = path.file_name()?.to_str()?.parse().ok()?;
        let file = File::open(&path).ok()?;
        match file.try_lock() {
            Ok(()) => Some(Dead(Alive { number, path, _locked: file })),
            Err(TryLockError::WouldBlock) => None,
            Err(TryLockError::Error(error)) => {
                tracing::debug!(%error, path = %path.display(), "no locks");
                None
            }
        }
    };
    paths.filter_map(of_free_file).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn who_lives_is_not_found_dead_and_who_closed_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let [one, other] = [(); 2].map(|()| Alive::begin(folder.path()).unwrap());
        assert_ne!(one.number(), other.number());
        assert!(dead(folder.path()).is_empty());
        drop((one, other));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_that_nobody_holds_is_of_a_dead_process() {
        let folder = tempfile::tempdir().unwrap();
        let alive = Alive::begin(folder.path()).unwrap();
        fs::write(folder.path().join("17"), "").unwrap();
        fs::write(folder.path().join("notes"), "").unwrap();
        let found = dead(folder.path());
        assert_eq!(found.iter().map(Dead::number).collect::<Vec<_>>(), [17]);
        // As long as it is looked after by one, others do not find it.
        assert!(dead(folder.path()).is_empty());
        drop(found);
        assert!(!folder.path().join("17").exists() && alive.path.exists());
    }
}
