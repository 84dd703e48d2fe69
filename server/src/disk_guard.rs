//! What keeps jobs and uploads from filling the disk, on which others may depend.

use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// Looks after the free space of the disk on which a folder is; cheap to clone.
#[derive(Debug, Clone)]
pub struct DiskGuard {
    folder: PathBuf,
    least_bytes: u64,
}

impl DiskGuard {
    /// Look after the disk of `folder`, of which `least_bytes` must stay free.
    pub fn new(folder: &Path, least_bytes: u64) -> Self {
        Self { folder: folder.to_owned(), least_bytes }
    }

    /// Fail if something more should not be written.
    ///
    /// # Errors
    /// Too little is free. Where the system does not tell, writing itself will.
    pub fn check(&self) -> Result<()> {
        match free_bytes(&self.folder) {
            Some(free) if free < self.least_bytes => Err(Error::DiskFull),
            _ => Ok(()),
        }
    }
}

/// Bytes that an ordinary user may still write.
#[cfg(unix)]
fn free_bytes(folder: &Path) -> Option<u64> {
    match rustix::fs::statvfs(folder) {
        Ok(disk) => Some(disk.f_bavail.saturating_mul(disk.f_frsize)),
        Err(error) => {
            tracing::warn!(folder = %folder.display(), %error, "the free space is not known");
            None
        }
    }
}

#[cfg(not(unix))]
fn free_bytes(_: &Path) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_full_when_less_is_free_than_must_be() {
        let folder = std::env::temp_dir();
        assert!(DiskGuard::new(&folder, 0).check().is_ok());
        assert!(matches!(DiskGuard::new(&folder, u64::MAX).check(), Err(Error::DiskFull)));
    }
}
