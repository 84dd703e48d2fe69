//! The disk, as data files are written to it and removed from it.
//!
//! Everything that must be durable before a commit goes through these few calls, so that a test can
//! make any of them fail: a write cut short, a sync that is refused, a disk that is full or gone.
//! (The metadata are SQLite's, which has its own calls and its own such tests.)

use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::panic::resume_unwind;
use std::path::Path;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Lock a file, which keeps other processes out until it is closed.
///
/// A lock may outlive its file for a moment: a program that this process is about to start holds all open
/// files until it runs. So this waits a little before it gives up.
///
/// # Errors
/// [`TryLockError::WouldBlock`] if somebody else holds the lock.
pub fn lock(file: &File) -> Result<(), TryLockError> {
    const PATIENCE: Duration = Duration::from_millis(500);
    let end = Instant::now() + PATIENCE;
    loop {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) if Instant::now() < end => {
                thread::sleep(Duration::from_millis(10));
            }
            result => return result,
        }
    }
}

/// Writes and removes files.
pub trait Disk: fmt::Debug + Send + Sync {
    /// Make a folder, and those above it that are missing, durably.
    fn make_folder(&self, path: &Path) -> io::Result<()>;

    /// Make a file that is not there yet.
    fn create_file(&self, path: &Path) -> io::Result<Box<dyn NewFile>>;

    /// Make the entries of a folder durable.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;

    /// Remove a file.
    fn remove_file(&self, path: &Path) -> io::Result<()>;

    /// Give a file or a folder another name, in the place of what has it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
}

/// A file that is being written.
pub trait NewFile: Write + Send {
    /// Make what was written durable.
    fn sync(&mut self) -> io::Result<()>;
}

/// No disk: what is written is gone, so that its size can be told beforehand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Nowhere;

impl Disk for Nowhere {
    fn make_folder(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn create_file(&self, _path: &Path) -> io::Result<Box<dyn NewFile>> {
        Ok(Box::new(io::sink()))
    }

    fn sync_folder(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn remove_file(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn rename(&self, _from: &Path, _to: &Path) -> io::Result<()> {
        Ok(())
    }
}

impl NewFile for io::Sink {
    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The disks of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct LocalDisk;

impl Disk for LocalDisk {
    fn make_folder(&self, path: &Path) -> io::Result<()> {
        if path.is_dir() {
            return Ok(());
        }
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            self.make_folder(parent)?;
            match fs::create_dir(path) {
                // Another writer was quicker; the entry may not be durable yet.
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => return self.sync_folder(parent),
            }
        }
        fs::create_dir_all(path)
    }

    fn create_file(&self, path: &Path) -> io::Result<Box<dyn NewFile>> {
        Ok(Box::new(SteadyFile { file: File::create_new(path)?, n_waiting: 0, syncing: None }))
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }
}

/// A file whose bytes go to the disk while more of them come, so that no core waits for all of them
/// at last.
#[derive(Debug)]
struct SteadyFile {
    file: File,
    /// Bytes that came since the last time some were sent to the disk.
    n_waiting: usize,
    syncing: Option<JoinHandle<io::Result<()>>>,
}

/// How much is sent to the disk at once, bytes: a moment of its work.
const STEP: usize = 16 << 20;

impl SteadyFile {
    /// Wait for what is on its way to the disk. A failure is told once by the system, and so it is kept here.
    fn wait(&mut self) -> io::Result<()> {
        match self.syncing.take() {
            None => Ok(()),
            Some(thread) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
        }
    }

    fn is_idle(&self) -> bool {
        self.syncing.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

impl Write for SteadyFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n_written = self.file.write(bytes)?;
        self.n_waiting += n_written;
        if self.n_waiting >= STEP && self.is_idle() {
            self.wait()?;
            let file = self.file.try_clone()?;
            self.syncing = Some(thread::spawn(move || file.sync_data()));
            self.n_waiting = 0;
        }
        Ok(n_written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl NewFile for SteadyFile {
    fn sync(&mut self) -> io::Result<()> {
        self.wait()?;
        self.file.sync_all()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_sent_early_is_all_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let mut file = LocalDisk.create_file(&path).unwrap();
        let piece: Vec<u8> = (0..1_000_003_u32).map(|number| (number % 251) as u8).collect();
        for _ in 0..40 {
            file.write_all(&piece).unwrap();
        }
        file.sync().unwrap();
        let written = fs::read(&path).unwrap();
        assert_eq!(written.len(), 40 * piece.len());
        assert!(written.chunks(piece.len()).all(|chunk| chunk == piece));
    }

    #[test]
    fn a_failure_on_the_way_is_one_of_the_sync() {
        let failed = || Some(thread::spawn(|| Err(io::ErrorKind::StorageFull.into())));
        let mut file =
            SteadyFile { file: tempfile::tempfile().unwrap(), n_waiting: 0, syncing: failed() };
        file.write_all(b"few bytes").unwrap();
        assert_eq!(file.sync().unwrap_err().kind(), io::ErrorKind::StorageFull);
        file.sync().unwrap();
    }
}
