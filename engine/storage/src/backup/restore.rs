//! A catalog out of a backup, as it was in a version.
//!
//! It is put together in a folder beside its own, `CATALOG.restoring`, and gets its name when it is
//! whole; a restoration that was killed is taken up by the next.

use std::collections::HashSet;
use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::copy::{Copied, Trust, copy};
use super::manifest::Manifest;
use super::{GENERATIONS, list, make_folder, name_of, read_only, sync_folder};
use crate::activity::Activity;
use crate::disk::{Disk, LocalDisk};
use crate::metadata::{Metadata, is_kept_in};
use crate::{Error, Result, counted, layout};

/// What was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreReport {
    /// The generation of which the catalog is.
    pub generation: String,
    /// Its newest version.
    pub version: u64,
    /// Its files.
    pub n_files: usize,
    /// Their size.
    pub size_bytes: u64,
}

impl fmt::Display for RestoreReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { generation, version, n_files, size_bytes } = self;
        let [files, bytes] = [counted(*n_files, "file"), counted(*size_bytes, "byte")];
        write!(f, "version {version} of {generation}: {files}, {bytes}")
    }
}

/// Restore a catalog into the folder `to`, which is absent or empty, from the backup in the folder
/// `from`. Every file is compared with its checksum on the way.
///
/// # Arguments
/// * `version` - the newest that the catalog will have; none: the newest of the backup
///
/// # Errors
/// [`Error::NotABackup`], [`Error::AlreadyExists`]; [`Error::NotBackedUp`] where no generation has the
/// version; [`Error::Gone`] and [`Error::Corrupt`] where a file of the backup is not what it was.
pub fn restore(from: &Path, to: &Path, version: Option<u64>) -> Result<RestoreReport> {
    let generation = find(from, version)?;
    let is_empty = match fs::read_dir(to) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    };
    if !is_empty {
        return Err(Error::AlreadyExists { path: to.to_owned() });
    }
    let mut staging = std::path::absolute(to)
        .map_err(|source| Error::Io { path: to.to_owned(), source })?
        .into_os_string();
    staging.push(".restoring");
    let staging = PathBuf::from(staging);
    make_folder(&LocalDisk, &staging)?;

    let unfinished = staging.join("catalog.db.new");
    copy_new(&generation.join(layout::METADATA), &unfinished)?;
    let mut metadata = Metadata::open(&unfinished)?;
    if let Some(version) = version {
        metadata.rewind(version)?;
    }
    let newest = metadata.newest_version()?;
    let files = metadata.all_files()?;
    drop(metadata);
    let named: HashSet<&str> = crate::check::names_of(&files);
    let activity = staging.join(layout::ACTIVITY);
    copy_new(&generation.join(layout::ACTIVITY), &activity)?;
    Activity::open(&activity)?.forget_leases()?;
    if generation.join(layout::BUTLER).exists() {
        copy_new(&generation.join(layout::BUTLER), &staging.join(layout::BUTLER))?;
    }

    let mut report = RestoreReport {
        generation: name_of(&generation),
        version: newest,
        n_files: 0,
        size_bytes: 0,
    };
    let datasets = format!("{}/", layout::DATASETS);
    let mut folders = HashSet::new();
    for entry in Manifest::read(&generation)?.entries {
        if !named.contains(entry.path.as_str()) && !entry.path.starts_with(&datasets) {
            continue;
        }
        let target = layout::absolute(&staging, &entry.path);
        let source = layout::absolute(from, &entry.path);
        let copied = copy(&LocalDisk, &source, &target, &entry, Trust::Checksums)?;
        report.n_files += 1;
        report.size_bytes += entry.size_bytes;
        if copied != Copied::Kept {
            folders.extend(target.parent().map(Path::to_owned));
        }
    }
    for folder in folders {
        sync_folder(&LocalDisk, &folder)?;
    }
    let rename = |from: &Path, to: &Path| {
        LocalDisk.rename(from, to).map_err(|source| Error::Io { path: to.to_owned(), source })
    };
    rename(&unfinished, &staging.join(layout::METADATA))?;
    sync_folder(&LocalDisk, &staging)?;
    rename(&staging, to)?;
    if let Some(parent) = to.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        sync_folder(&LocalDisk, parent)?;
    }
    Ok(report)
}

/// The folder of the latest generation that has a version.
fn find(backup: &Path, version: Option<u64>) -> Result<PathBuf> {
    let generations = backup.join(GENERATIONS);
    let not_a_backup = || Error::NotABackup { path: backup.to_owned() };
    let all = list(&generations).map_err(|_| not_a_backup())?;
    let newest = all.last().cloned().ok_or_else(not_a_backup)?;
    let Some(version) = version else { return Ok(newest) };
    for folder in all.into_iter().rev() {
        if is_kept_in(&read_only(&folder.join(layout::METADATA))?, version)? {
            return Ok(folder);
        }
    }
    Err(Error::NotBackedUp { path: backup.to_owned(), version })
}

/// Copy a file, durably, in the place of what a killed restoration left.
fn copy_new(from: &Path, to: &Path) -> Result<()> {
    for log in ["", "-wal", "-shm"] {
        let mut path = to.as_os_str().to_owned();
        path.push(log);
        let _ = fs::remove_file(path);
    }
    let copied = fs::copy(from, to).and_then(|_| File::open(to)?.sync_all());
    copied.map_err(|source| Error::Io { path: to.to_owned(), source })
}
