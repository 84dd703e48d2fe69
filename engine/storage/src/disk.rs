//! The disk, as data files are written to it and removed from it.
//!
//! Everything that must be durable before a commit goes through these few calls, so that a test can
//! make any of them fail: a write cut short, a sync that is refused, a disk that is full or gone.
//! (The metadata are SQLite's, which has its own calls and its own such tests.)

use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::Path;
use std::thread;
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
        Ok(Box::new(File::create_new(path)?))
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

impl NewFile for File {
    fn sync(&mut self) -> io::Result<()> {
        self.sync_all()
    }
}
