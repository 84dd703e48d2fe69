//! The folder of what a service must remember: its jobs and their results.
//!
//! ```text
//!   STATE/
//!     lock              held by the one service that uses the folder
//!     server.db         SQLite: the jobs
//!     people.db         SQLite: users, tokens, rights
//!     tables.db         SQLite: whose tables are whose, and who may see them
//!     tables/user_X/…   catalogs of users' tables
//!     uploads/…         tables that came with requests, until these are answered
//!     results/ID        result of a completed job
//!     results/ID.part   result that is being written, or was when the service died
//! ```

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use almagest_storage::disk;
use tempfile::TempDir;

use super::JobId;
use crate::uploads::UploadFolder;
use crate::{Error, Result};

/// Where the users of the service with the state folder `root` are kept.
pub fn people_file(root: &Path) -> PathBuf {
    root.join("people.db")
}

/// Ending of the name of a result that is not yet whole.
const PART: &str = ".part";

/// An open state folder; cheap to clone. The folder is free for others when all clones are gone.
#[derive(Debug, Clone)]
pub struct StateFolder {
    root: PathBuf,
    _held: Arc<Held>,
}

#[derive(Debug)]
struct Held {
    _lock: File,
    _temporary: Option<TempDir>,
}

impl StateFolder {
    /// Open the folder, which is made where it is absent.
    ///
    /// # Errors
    /// It cannot be written to, or another service uses it.
    pub fn open(root: &Path) -> Result<Self> {
        Self::lock(root, None).map_err(|error| match error {
            TryLockError::WouldBlock => Error::StateInUse { path: root.to_owned() },
            TryLockError::Error(source) => Error::StateFolder { path: root.to_owned(), source },
        })
    }

    /// Open a folder that is removed with the service.
    ///
    /// # Errors
    /// The system has no place for temporary files.
    pub fn temporary() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let root = folder.path().to_owned();
        Self::lock(&root, Some(folder))
            .map_err(|error| Error::StateFolder { path: root, source: error.into() })
    }

    fn lock(root: &Path, temporary: Option<TempDir>) -> Result<Self, TryLockError> {
        for part in ["results", "uploads"] {
            fs::create_dir_all(root.join(part)).map_err(TryLockError::Error)?;
        }
        let lock = OpenOptions::new().create(true).append(true).open(root.join("lock"));
        let lock = lock.map_err(TryLockError::Error)?;
        disk::lock(&lock)?;
        // What is left of results that were not whole may fill the disk on which the jobs are noted.
        remove_unfinished(&root.join("results")).map_err(TryLockError::Error)?;
        let held = Held { _lock: lock, _temporary: temporary };
        Ok(Self { root: root.to_owned(), _held: Arc::new(held) })
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The SQLite file.
    pub fn database(&self) -> PathBuf {
        self.root.join("server.db")
    }

    /// The SQLite file of users.
    pub fn people(&self) -> PathBuf {
        people_file(&self.root)
    }

    /// The folder of the tables that come with requests.
    pub fn uploads(&self) -> UploadFolder {
        UploadFolder::new(self.root.join("uploads"))
    }

    /// The result of a job, once it is whole.
    pub fn result(&self, id: &JobId) -> PathBuf {
        self.results().join(id.as_str())
    }

    /// The result of a job while it is written.
    pub fn unfinished_result(&self, id: &JobId) -> PathBuf {
        self.results().join(format!("{id}{PART}"))
    }

    /// Make the written result of a job its result, so that a power cut cannot undo it.
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub fn publish_result(&self, id: &JobId) -> io::Result<()> {
        fs::rename(self.unfinished_result(id), self.result(id))?;
        File::open(self.results())?.sync_all()
    }

    /// Remove the result of a job, and what was written of it.
    pub fn remove_result(&self, id: &JobId) {
        for path in [self.result(id), self.unfinished_result(id)] {
            remove(&path);
        }
    }

    /// Remove all files of results but those of the jobs for which `is_wanted` holds.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn remove_orphans(&self, is_wanted: impl Fn(&JobId) -> bool) -> io::Result<()> {
        for entry in fs::read_dir(self.results())? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if JobId::read(&name).is_some_and(|id| is_wanted(&id)) {
                continue;
            }
            tracing::info!(path = %path.display(), "removing what no job needs");
            fs::remove_file(path)?;
        }
        Ok(())
    }

    fn results(&self) -> PathBuf {
        self.root.join("results")
    }
}

fn remove_unfinished(results: &Path) -> io::Result<()> {
    for entry in fs::read_dir(results)? {
        let path = entry?.path();
        if path.to_string_lossy().ends_with(PART) {
            remove(&path);
        }
    }
    Ok(())
}

/// Remove a file if it is there. One that cannot be removed is tried again by the next start of the
/// service.
pub(crate) fn remove(path: &Path) {
    match fs::remove_file(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => tracing::warn!(path = %path.display(), %error, "cannot be removed"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn one_service_uses_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("state");
        let first = StateFolder::open(&root).unwrap();
        assert!(matches!(StateFolder::open(&root), Err(Error::StateInUse { .. })));
        let unfinished = first.unfinished_result(&JobId::draw());
        fs::write(&unfinished, "half").unwrap();
        drop(first);
        StateFolder::open(&root).unwrap();
        assert!(!unfinished.exists());
    }

    #[test]
    fn a_place_that_cannot_be_written_is_named() {
        let error = StateFolder::open(Path::new("/dev/null/state")).unwrap_err().to_string();
        assert!(error.contains("/dev/null/state") && error.contains("--state"), "{error}");
    }

    #[test]
    fn orphans_go_and_results_stay() {
        let state = StateFolder::temporary().unwrap();
        let [wanted, unwanted] = [JobId::draw(), JobId::draw()];
        fs::write(state.unfinished_result(&wanted), "rows").unwrap();
        state.publish_result(&wanted).unwrap();
        fs::write(state.unfinished_result(&wanted), "half").unwrap();
        fs::write(state.result(&unwanted), "rows").unwrap();
        state.remove_orphans(|id| *id == wanted).unwrap();
        assert_eq!(fs::read(state.result(&wanted)).unwrap(), b"rows");
        assert!(!state.unfinished_result(&wanted).exists() && !state.result(&unwanted).exists());
    }
}
