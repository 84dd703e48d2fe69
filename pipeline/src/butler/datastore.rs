//! The files of datasets: a folder that they enter whole or not at all.
//!
//! ```text
//!   ROOT/RUN/TYPE/INSTRUMENT/visit-12/TYPE_INSTRUMENT_visit-12_detector-3.fits
//! ```
//!
//! A file is written under a temporary name in its folder, synced, and renamed: under its own name
//! it is complete. What a killed process leaves under a temporary name is overwritten when the same
//! dataset is made again.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use almagest_storage::checksum::sha256_of_file;

use super::ButlerError;
use super::data_id::DataId;
use super::dataset::DatasetType;
use super::dimension::{Dimension, ValueKind};
use crate::error::Result;

/// A folder of datasets.
#[derive(Debug)]
pub struct Datastore {
    root: PathBuf,
    /// Bytes that it may hold; `None` for what the disk has.
    quota_bytes: Option<u64>,
    used_bytes: AtomicU64,
}

/// A file that has its place in the datastore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFile {
    /// Where, relative to the datastore, or absolute for a file that is elsewhere.
    pub path: PathBuf,
    /// Its size.
    pub size_bytes: u64,
    /// SHA-256 of its content, hexadecimal.
    pub checksum: String,
}

impl Datastore {
    /// The datastore in a folder, which need not exist yet.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), quota_bytes: None, used_bytes: AtomicU64::new(0) }
    }

    /// Let it hold no more than so many bytes, `used_bytes` of which are taken.
    pub fn limit(&mut self, quota_bytes: u64, used_bytes: u64) {
        self.quota_bytes = Some(quota_bytes);
        self.used_bytes = AtomicU64::new(used_bytes);
    }

    /// Its folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The place of a file of the datastore.
    pub fn absolute(&self, path: &Path) -> PathBuf {
        self.root.join(path)
    }

    /// Where a dataset goes, relative to the datastore.
    pub fn path_of(run: &str, dataset_type: &DatasetType, data_id: &DataId) -> PathBuf {
        let mut path: PathBuf = run.split('/').map(clean).collect();
        path.push(clean(&dataset_type.name));
        let mut name = clean(&dataset_type.name);
        for (dimension, value) in data_id.iter() {
            let part = match dimension.kind() {
                ValueKind::Integer => format!("{dimension}-{value}"),
                ValueKind::Text => clean(&value.to_string()),
            };
            name = format!("{name}_{part}");
            // Folders as deep as the visit or tract: a visit has some hundred detectors.
            if !matches!(dimension, Dimension::Detector | Dimension::Patch) {
                path.push(part);
            }
        }
        path.join(format!("{name}.{}", dataset_type.storage_class.extension()))
    }

    /// Add a file that `write` makes under the temporary name that it is given.
    ///
    /// # Errors
    /// Those of `write`; [`ButlerError::Full`]; those of the file system. Nothing remains then.
    pub fn add(&self, path: &Path, write: impl FnOnce(&Path) -> Result<()>) -> Result<StoredFile> {
        let target = self.absolute(path);
        let folder = target.parent().unwrap_or(&self.root).to_owned();
        fs::create_dir_all(&folder).map_err(|source| io(&folder, source))?;
        let mut name = std::ffi::OsString::from(".new-");
        name.push(target.file_name().unwrap_or_default());
        let unfinished = Unfinished(folder.join(name));
        write(&unfinished.0)?;
        let file = File::open(&unfinished.0).map_err(|source| io(&unfinished.0, source))?;
        let size_bytes = file.metadata().map_err(|source| io(&unfinished.0, source))?.len();
        self.reserve(&target, size_bytes)?;
        let checksum = sha256_of_file(&unfinished.0).map_err(|source| io(&unfinished.0, source))?;
        file.sync_all().map_err(|source| io(&unfinished.0, source))?;
        fs::rename(&unfinished.0, &target).map_err(|source| io(&target, source))?;
        let synced = File::open(&folder).and_then(|folder| folder.sync_all());
        synced.map_err(|source| io(&folder, source))?;
        Ok(StoredFile { path: path.to_owned(), size_bytes, checksum })
    }

    /// Describe a file that stays where it is.
    pub fn in_place(path: &Path) -> Result<StoredFile> {
        let absolute = path.canonicalize().map_err(|source| io(path, source))?;
        let size_bytes = fs::metadata(&absolute).map_err(|source| io(path, source))?.len();
        let checksum = sha256_of_file(&absolute).map_err(|source| io(path, source))?;
        Ok(StoredFile { path: absolute, size_bytes, checksum })
    }

    /// Is the file there, and as long as it was?
    ///
    /// # Errors
    /// [`ButlerError::Damaged`], [`ButlerError::Io`].
    pub fn check_size(&self, path: &Path, size_bytes: u64) -> Result<PathBuf> {
        let path = self.absolute(path);
        let found = fs::metadata(&path).map_err(|source| io(&path, source))?.len();
        if found != size_bytes {
            let reason = format!("has {found} bytes, {size_bytes} when it was registered");
            return Err(ButlerError::Damaged { path, reason }.into());
        }
        Ok(path)
    }

    /// Remove a file of the datastore; one that is elsewhere stays.
    pub fn remove(&self, path: &Path, size_bytes: u64) -> Result<()> {
        if path.is_absolute() {
            return Ok(());
        }
        let path = self.absolute(path);
        match fs::remove_file(&path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(io(&path, source).into())
            }
            _ => {
                self.used_bytes.fetch_sub(size_bytes, Ordering::Relaxed);
                Ok(())
            }
        }
    }

    fn reserve(&self, path: &Path, needed_bytes: u64) -> Result<()> {
        let used_bytes = self.used_bytes.fetch_add(needed_bytes, Ordering::Relaxed);
        match self.quota_bytes {
            Some(quota_bytes) if used_bytes + needed_bytes > quota_bytes => {
                self.used_bytes.fetch_sub(needed_bytes, Ordering::Relaxed);
                let free_bytes = quota_bytes.saturating_sub(used_bytes);
                Err(ButlerError::Full { path: path.to_owned(), needed_bytes, free_bytes }.into())
            }
            _ => Ok(()),
        }
    }
}

/// A temporary name; what has it goes when this does.
struct Unfinished(PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        // After the rename there is nothing to remove.
        let _ = fs::remove_file(&self.0);
    }
}

/// A part of a path without characters that mean something there.
fn clean(part: &str) -> String {
    let keep = |c: char| if c.is_alphanumeric() || "-_.+".contains(c) { c } else { '_' };
    let part: String = part.chars().map(keep).collect();
    // No name may lead out of its folder, or be hidden.
    match part.trim_start_matches('.') {
        "" => "_".to_owned(),
        part => part.to_owned(),
    }
}

pub(super) fn io(path: &Path, source: std::io::Error) -> ButlerError {
    ButlerError::Io { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::dataset::StorageClass;
    use super::*;

    #[test]
    fn a_file_enters_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Datastore::new(folder.path());
        let id = DataId::visit_detector("DECam", 7, 3);
        let kind = DatasetType::new("visit_image", id.dimensions(), StorageClass::Text);
        let path = Datastore::path_of("run/../one", &kind, &id);
        let expected =
            "run/_/one/visit_image/DECam/visit-7/visit_image_DECam_visit-7_detector-3.yaml";
        assert_eq!(path, Path::new(expected));
        let write = |text: &'static str| {
            move |path: &Path| {
                fs::write(path, text).map_err(|source| io(path, source))?;
                Ok(())
            }
        };
        let stored = store.add(&path, write("five!")).unwrap();
        assert_eq!((stored.size_bytes, stored.checksum.len()), (5, 64));
        store.limit(10, 5);
        let full = store.add(Path::new("other.yaml"), write("six of")).unwrap_err().to_string();
        assert!(full.contains("6 bytes are needed, 5 are free"), "{full}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        store.add(Path::new("other.yaml"), write("five.")).unwrap();
        assert!(store.check_size(&path, 6).unwrap_err().to_string().contains("has 5 bytes"));
    }
}
