//! Backups: copies of a catalog in another folder, made while it is read and written.
//!
//! ```text
//!   BACKUP/
//!     data/ index/ datasets/         files, each copied once, shared by all generations
//!     generations/
//!       20261122T034501.123Z-v42/    catalog.db  activity.db  butler.db  manifest
//!       20261123T034500.871Z-v57/    …
//! ```
//!
//! Files of a catalog are never modified, so that one which is there already, whole, is not copied
//! again. A generation is the catalog's metadata at an instant and the list of the files that they
//! name; it gets its name when all of these are on disk, so that a backup that was killed leaves the
//! generations of before, and files which the next one takes up. While files are copied, a lease keeps
//! vacuum from removing them.
//!
//! Files that are mounted belong to others: that they are, and where, is in the metadata, and they are not
//! copied.
//!
//! The registry of datasets is copied before the metadata: what it knows to be loaded is in them.

use std::collections::btree_map::Entry::Vacant;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, params};

use crate::catalog_store::CatalogStore;
use crate::disk::{self, Disk};
use crate::{Error, Result, counted, layout};
use copy::{Copied, Trust, copy};
use manifest::{Entry, Manifest};

pub mod copy;
mod manifest;
pub mod restore;

/// Folder of the generations.
const GENERATIONS: &str = "generations";
/// Held by whoever changes the backup.
const LOCK: &str = "lock";
/// What the name of an unfinished generation begins with.
const UNFINISHED: &str = ".new-";
/// How often a backup begins anew where files go that no lease can hold.
const TRIES: usize = 5;

/// How a backup is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackupConfig {
    /// So many generations are kept, this one included; at least one.
    pub keep: usize,
    /// By what a file that is there already is taken for whole.
    pub trust: Trust,
}

impl Default for BackupConfig {
    /// Seven generations; files that are there are read and compared by checksum.
    fn default() -> Self {
        Self { keep: 7, trust: Trust::Checksums }
    }
}

/// What a backup did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BackupReport {
    /// Name of the generation.
    pub generation: String,
    /// The newest version in it.
    pub version: u64,
    /// Files that it names.
    pub n_files: usize,
    /// Files that were copied.
    pub n_copied: usize,
    /// Size of those, bytes.
    pub copied_bytes: u64,
    /// Files among those that were there, and damaged.
    pub n_mended: usize,
    /// Files that no generation needs any more, which are gone.
    pub n_removed: usize,
    /// Files of others that the catalog mounts, which are not copied.
    pub n_mounted: usize,
}

impl fmt::Display for BackupReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: version {}, {}, of which {} copied, {}",
            self.generation,
            self.version,
            counted(self.n_files, "file"),
            self.n_copied,
            counted(self.copied_bytes, "byte")
        )?;
        if self.n_mended > 0 {
            write!(f, "; {} were there and damaged", self.n_mended)?;
        }
        if self.n_mounted > 0 {
            write!(f, "; {} are mounted from elsewhere and not copied", self.n_mounted)?;
        }
        if self.n_removed > 0 {
            write!(f, "; {} of older generations removed", self.n_removed)?;
        }
        Ok(())
    }
}

impl CatalogStore {
    /// Copy the catalog, with all versions that it keeps, to the folder `target`, as a new generation
    /// of the backup that is there.
    ///
    /// # Errors
    /// [`Error::NotABackup`], [`Error::BackupBusy`], [`Error::BackupOfAnother`]; [`Error::Corrupt`]
    /// where a file of the catalog is not what was written; those of reading and writing. The
    /// generations that were there are whole in any case.
    pub fn back_up(&self, target: &Path, config: BackupConfig) -> Result<BackupReport> {
        let _lock = lock(self.disk(), target)?;
        for _ in 1..TRIES {
            match self.try_to_back_up(target, config) {
                Err(Error::Gone { .. }) => {}
                result => return result,
            }
        }
        self.try_to_back_up(target, config)
    }

    fn try_to_back_up(&self, target: &Path, config: BackupConfig) -> Result<BackupReport> {
        // From here on vacuum leaves every file that the metadata will name, but those that only a tag
        // keeps which is taken away meanwhile.
        let _lease = self.keep_from(self.oldest_version()?)?;
        let generations = target.join(GENERATIONS);
        let (version, stamp) = self.metadata().newest_and_stamp()?;
        let unfinished = generations.join(format!("{UNFINISHED}{stamp}"));
        let guard = RemoveFolder(&unfinished);
        make_folder(self.disk(), &unfinished)?;

        let butler = unfinished.join(layout::BUTLER);
        if self.butler_path().exists() {
            copy_database(&self.butler_path(), &butler)?;
        }
        let metadata = unfinished.join(layout::METADATA);
        copy_database(&self.root().join(layout::METADATA), &metadata)?;
        copy_database(&self.root().join(layout::ACTIVITY), &unfinished.join(layout::ACTIVITY))?;
        self.refuse_another(&metadata, &generations)?;

        let mut manifest = Manifest::default();
        manifest.extend(data_files(&metadata)?);
        manifest.extend(datasets(&self.datasets_path(), &butler)?);
        let mut report = BackupReport {
            n_files: manifest.entries.len(),
            n_mounted: n_mounted(&metadata)?,
            ..Default::default()
        };
        let mut folders = BTreeSet::new();
        for entry in &manifest.entries {
            let (from, to) =
                (layout::absolute(self.root(), &entry.path), layout::absolute(target, &entry.path));
            match copy(self.disk(), &from, &to, entry, config.trust)? {
                Copied::Kept => continue,
                Copied::New => {}
                Copied::Mended => report.n_mended += 1,
            }
            report.n_copied += 1;
            report.copied_bytes += entry.size_bytes;
            folders.extend(to.parent().map(Path::to_owned));
        }
        for folder in folders {
            sync_folder(self.disk(), &folder)?;
        }
        manifest.write(self.disk(), &unfinished)?;
        sync_folder(self.disk(), &unfinished)?;

        // A commit may have come between the first look and the copy.
        report.version = newest_version_of(&metadata)?.max(version);
        report.generation = format!("{stamp}-v{}", report.version);
        let finished = generations.join(&report.generation);
        let rename = self.disk().rename(&unfinished, &finished);
        rename.map_err(|source| Error::Io { path: finished, source })?;
        guard.keep();
        sync_folder(self.disk(), &generations)?;
        report.n_removed = remove_old(self.disk(), target, config.keep.max(1))?;
        Ok(report)
    }

    /// Refuse the folder of another catalog's backup.
    fn refuse_another(&self, metadata: &Path, generations: &Path) -> Result<()> {
        let Some(newest) = list(generations)?.pop() else { return Ok(()) };
        match created_at(&newest.join(layout::METADATA))? == created_at(metadata)? {
            true => Ok(()),
            false => Err(Error::BackupOfAnother { path: newest }),
        }
    }
}

/// Hold a backup, which is made where there is none, so that no other process changes it.
fn lock(on: &dyn Disk, target: &Path) -> Result<File> {
    let io_error = |source| Error::Io { path: target.to_owned(), source };
    if !target.join(GENERATIONS).is_dir() {
        let is_empty = match fs::read_dir(target) {
            Ok(mut entries) => entries.all(|entry| entry.is_ok_and(|e| e.file_name() == LOCK)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
            Err(source) => return Err(io_error(source)),
        };
        if !is_empty {
            return Err(Error::NotABackup { path: target.to_owned() });
        }
        make_folder(on, &target.join(GENERATIONS))?;
    }
    let file = File::options().create(true).append(true).open(target.join(LOCK));
    let file = file.map_err(io_error)?;
    match disk::lock(&file) {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::BackupBusy { path: target.to_owned() }),
        Err(TryLockError::Error(source)) => Err(io_error(source)),
    }
}

/// The folders of the finished generations, oldest first.
fn list(generations: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(generations)
        .map_err(|source| Error::Io { path: generations.to_owned(), source })?;
    let mut folders: Vec<PathBuf> = entries
        .flatten()
        .filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'))
        .map(|entry| entry.path())
        .collect();
    folders.sort();
    Ok(folders)
}

/// Copy an SQLite file as it is at one instant, whoever writes to it, durably.
fn copy_database(from: &Path, to: &Path) -> Result<()> {
    let connection = Connection::open(from)?;
    connection.busy_timeout(std::time::Duration::from_secs(60))?;
    connection.execute("VACUUM INTO ?1", params![to.to_string_lossy()])?;
    let synced = File::open(to).and_then(|file| file.sync_all());
    synced.map_err(|source| Error::Io { path: to.to_owned(), source })
}

fn read_only(path: &Path) -> Result<Connection> {
    Ok(Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?)
}

/// When a catalog was created, which tells it from others.
fn created_at(metadata: &Path) -> Result<String> {
    let created = "SELECT committed_at FROM version WHERE version = 0";
    Ok(read_only(metadata)?.query_row(created, [], |row| row.get(0))?)
}

fn newest_version_of(metadata: &Path) -> Result<u64> {
    Ok(read_only(metadata)?.query_row("SELECT max(version) FROM version", [], |row| row.get(0))?)
}

/// The data files that metadata name, and their id-index runs.
fn data_files(metadata: &Path) -> Result<Vec<Entry>> {
    let connection = read_only(metadata)?;
    let mut files = connection.prepare(
        "SELECT path, size_bytes, checksum FROM data_file WHERE mount_id IS NULL
         UNION ALL
         SELECT run_path, run_bytes, run_checksum FROM data_file WHERE run_path IS NOT NULL",
    )?;
    let entry = |row: &rusqlite::Row<'_>| {
        Ok(Entry { path: row.get(0)?, size_bytes: row.get(1)?, checksum: row.get(2)? })
    };
    Ok(files.query_map([], entry)?.collect::<Result<_, _>>()?)
}

fn n_mounted(metadata: &Path) -> Result<usize> {
    let mounted = "SELECT count(*) FROM data_file WHERE mount_id IS NOT NULL";
    Ok(read_only(metadata)?.query_row(mounted, [], |row| row.get(0))?)
}

/// The files in the folder of datasets: those of the registry must be there, and others, as what came
/// along with an image, are taken as they are.
fn datasets(folder: &Path, butler: &Path) -> Result<Vec<Entry>> {
    let mut entries: BTreeMap<String, Entry> = BTreeMap::new();
    if !butler.exists() {
        return Ok(vec![]);
    }
    let connection = read_only(butler)?;
    let mut registered = connection.prepare("SELECT path, size_bytes, checksum FROM dataset")?;
    let mut rows = registered.query([])?;
    while let Some(row) = rows.next()? {
        let path: String = row.get(0)?;
        // Images that were registered where they lie are no part of the catalog.
        if !Path::new(&path).is_absolute() {
            let path = format!("{}/{path}", layout::DATASETS);
            let entry =
                Entry { path: path.clone(), size_bytes: row.get(1)?, checksum: row.get(2)? };
            entries.insert(path, entry);
        }
    }
    let mut folders = vec![(folder.to_owned(), layout::DATASETS.to_owned())];
    while let Some((folder, relative)) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = format!("{relative}/{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                folders.push((entry.path(), path));
            } else if let Vacant(unregistered) = entries.entry(path.clone()) {
                // Of what goes meanwhile nobody knew.
                if let Ok(file) = Entry::of_file(&entry.path(), path) {
                    unregistered.insert(file);
                }
            }
        }
    }
    Ok(entries.into_values().collect())
}

/// Remove the oldest generations, and then the files that none of the others names.
fn remove_old(disk: &dyn Disk, target: &Path, keep: usize) -> Result<usize> {
    let generations = target.join(GENERATIONS);
    let mut all = list(&generations)?;
    let kept = all.split_off(all.len().saturating_sub(keep));
    for folder in all {
        // A generation that has lost its name is none, whatever of it is left.
        let gone = generations.join(format!("{UNFINISHED}{}", name_of(&folder)));
        disk.rename(&folder, &gone).map_err(|source| Error::Io { path: folder, source })?;
    }
    sync_folder(disk, &generations)?;
    for entry in fs::read_dir(&generations).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            let removed = fs::remove_dir_all(entry.path());
            removed.map_err(|source| Error::Io { path: entry.path(), source })?;
        }
    }
    let mut needed: HashSet<String> = HashSet::new();
    for folder in &kept {
        needed.extend(Manifest::read(folder)?.entries.into_iter().map(|entry| entry.path));
    }
    let mut n_removed = 0;
    let mut folders: Vec<String> =
        [layout::DATA, layout::INDEX, layout::DATASETS].map(str::to_owned).into();
    while let Some(relative) = folders.pop() {
        for entry in
            fs::read_dir(layout::absolute(target, &relative)).into_iter().flatten().flatten()
        {
            let path = format!("{relative}/{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                folders.push(path);
            } else if !needed.contains(&path) {
                let removed = disk.remove_file(&entry.path());
                removed.map_err(|source| Error::Io { path: entry.path(), source })?;
                n_removed += 1;
            }
        }
    }
    Ok(n_removed)
}

fn name_of(folder: &Path) -> String {
    folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn make_folder(disk: &dyn Disk, path: &Path) -> Result<()> {
    disk.make_folder(path).map_err(|source| Error::Io { path: path.to_owned(), source })
}

fn sync_folder(disk: &dyn Disk, path: &Path) -> Result<()> {
    disk.sync_folder(path).map_err(|source| Error::Io { path: path.to_owned(), source })
}

/// Removes an unfinished generation when the backup fails.
struct RemoveFolder<'a>(&'a Path);

impl RemoveFolder<'_> {
    fn keep(self) {
        std::mem::forget(self);
    }
}

impl Drop for RemoveFolder<'_> {
    fn drop(&mut self) {
        // What is left of it now goes with the next backup.
        let _ = fs::remove_dir_all(self.0);
    }
}
