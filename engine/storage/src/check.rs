//! Is a catalog what its metadata say? Files, checksums, counts, places, order.

use std::collections::HashSet;
use std::fmt;
use std::fs;
use std::path::Path;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, Int64Type};

use crate::catalog_store::CatalogStore;
use crate::checksum::sha256_of_file;
use crate::chunk_file::HEALPIX_29;
use crate::chunk_file::read::Opened;
use crate::chunking;
use crate::data_file::{DataFile, Footprint};
use crate::schema::{SchemaDef, TableDef};
use crate::snapshot::Snapshot;
use crate::sphgeom::UnitVector;
use crate::{Result, counted, id_index, layout};

mod mounted;

/// What a check does about the rows of mounted files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MountedRows {
    /// They are taken for what they were when they were mounted.
    Trusted,
    /// They are read: each must lie where the metadata say.
    Read,
}

/// What a check saw.
#[derive(Debug, Default)]
pub struct CheckReport {
    /// The version that was checked; files of older versions are checked too.
    pub version: u64,
    /// Number of data files that the metadata name.
    pub n_files: usize,
    /// Number of rows visible in the newest version, over all tables.
    pub n_rows: u64,
    /// What is wrong, one line each: the file, then the fault.
    pub problems: Vec<String>,
    /// Files that no version names: what a crash leaves, or a writer at work has yet to commit. They are
    /// harmless.
    pub orphans: Vec<String>,
}

impl CheckReport {
    /// Is the catalog sound?
    pub fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }
}

impl fmt::Display for CheckReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.problems {
            writeln!(f, "{problem}")?;
        }
        write!(
            f,
            "version {}: {} in {}, {}, {}",
            self.version,
            counted(self.n_rows, "row"),
            counted(self.n_files, "data file"),
            counted(self.problems.len(), "problem"),
            counted(self.orphans.len(), "orphaned file")
        )
    }
}

impl CatalogStore {
    /// Compare every file with the metadata: present, same checksum, same row counts, rows inside
    /// their chunk and cap, sorted, ids findable. Of mounted files only size and footer are compared.
    ///
    /// # Errors
    /// Only where the metadata itself cannot be read; all else is a problem in the report.
    pub fn check(&self) -> Result<CheckReport> {
        self.check_with(MountedRows::Trusted)
    }

    /// Check as [`check`](Self::check) does, and say what is done about the rows of mounted files.
    ///
    /// # Errors
    /// Those of [`check`](Self::check).
    pub fn check_with(&self, mounted: MountedRows) -> Result<CheckReport> {
        let snapshot = self.snapshot()?;
        let files = self.metadata().all_files()?;
        let mut report = CheckReport {
            version: snapshot.version(),
            n_files: files.len(),
            n_rows: snapshot.schema().tables.iter().map(|table| snapshot.n_rows(&table.name)).sum(),
            ..Default::default()
        };
        for file in &files {
            let mut faults = vec![];
            // A file of an older version may be of a table that is no more.
            let definitions = self.definitions(&self.metadata(), file.added_in)?;
            let name = match &file.mount {
                Some(_) => {
                    mounted::check(&snapshot, &definitions.schema, file, mounted, &mut faults);
                    file.location(self.root()).display().to_string()
                }
                None => {
                    check_file(&snapshot, &definitions.schema, file, &mut faults);
                    file.path.clone()
                }
            };
            report.problems.extend(faults.iter().map(|fault| format!("{name}: {fault}")));
        }
        report.orphans = orphans(self.root(), &files);
        Ok(report)
    }
}

fn check_file(snapshot: &Snapshot, schema: &SchemaDef, file: &DataFile, faults: &mut Vec<String>) {
    let store = snapshot.store();
    let path = snapshot.path(file);
    if let Err(fault) = check_bytes(&path, file.size_bytes, &file.checksum) {
        faults.push(fault);
        return;
    }
    let table = match schema.find(&file.table) {
        Ok(table) => table,
        Err(error) => return faults.push(error.to_string()),
    };
    let opened = match Opened::open(&path) {
        Ok(opened) => opened,
        Err(error) => return faults.push(error.to_string()),
    };
    let mut first_row_group = 0;
    for footprint in &file.footprints {
        if footprint.first_row_group != first_row_group {
            faults.push(format!("row group {first_row_group} belongs to no chunk"));
        }
        first_row_group = footprint.first_row_group + footprint.n_row_groups;
        let rows = footprint.first_row_group as usize..first_row_group as usize;
        match opened.read(None, |_, index| rows.contains(&index)) {
            Ok(batches) => check_footprint(store, table, footprint, &batches, faults),
            Err(error) => faults.push(error.to_string()),
        }
    }
    if file
        .deleted
        .as_ref()
        .and_then(|deleted| deleted.last())
        .is_some_and(|last| u64::from(last) >= file.n_rows)
    {
        faults.push("rows are deleted that are not in the file".to_owned());
    }
    let n_rows: u64 = file.footprints.iter().map(|footprint| footprint.n_rows).sum();
    if n_rows != file.n_rows {
        faults.push(format!("{n_rows} rows in chunks, {} in the metadata", file.n_rows));
    }
    if let Some(run) = &file.id_run {
        let path = layout::absolute(store.root(), &run.path);
        match check_bytes(&path, run.size_bytes, &run.checksum) {
            Err(fault) => faults.push(format!("{}: {fault}", run.path)),
            Ok(()) => match id_index::ids(&path) {
                Err(error) => faults.push(error.to_string()),
                Ok(ids) if !ids.is_sorted() => {
                    faults.push(format!("{}: ids are not sorted", run.path));
                }
                Ok(_) => {}
            },
        }
    }
}

fn check_bytes(path: &Path, size_bytes: u64, checksum: &str) -> Result<(), String> {
    let size = fs::metadata(path).map_err(|_| "file is missing".to_owned())?.len();
    if size != size_bytes {
        return Err(format!("{size} bytes, {size_bytes} in the metadata"));
    }
    let found = sha256_of_file(path).map_err(|error| error.to_string())?;
    if found != checksum { Err("checksum mismatch".to_owned()) } else { Ok(()) }
}

fn check_footprint(
    store: &CatalogStore,
    table: &TableDef,
    footprint: &Footprint,
    batches: &[RecordBatch],
    faults: &mut Vec<String>,
) {
    let chunk = footprint.chunk;
    let n_rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    if n_rows as u64 != footprint.n_rows {
        faults.push(format!("chunk {chunk}: {n_rows} rows, {} in the metadata", footprint.n_rows));
    }
    if !table.is_chunked() {
        return;
    }
    let mut previous = i64::MIN;
    let mut n_unsorted = 0;
    let mut n_outside_range = 0;
    let mut n_outside_cap = 0;
    let mut n_misplaced = 0;
    for batch in batches {
        let column = |name: &str| batch.column_by_name(name);
        let Some(keys) =
            column(HEALPIX_29).and_then(|column| column.as_primitive_opt::<Int64Type>())
        else {
            return faults.push(format!("chunk {chunk}: no column {HEALPIX_29}"));
        };
        let position = table.position.as_ref().and_then(|position| {
            Some((
                column(&position.ra)?.as_primitive_opt::<Float64Type>()?,
                column(&position.dec)?.as_primitive_opt::<Float64Type>()?,
            ))
        });
        for (row, &key) in keys.values().iter().enumerate() {
            n_unsorted += usize::from(key < previous);
            previous = key;
            n_outside_range += usize::from(key < footprint.key_min || key > footprint.key_max);
            let Some((ra, dec)) =
                position.filter(|(ra, dec)| ra.is_valid(row) && dec.is_valid(row))
            else {
                continue;
            };
            let (ra, dec) = (ra.value(row), dec.value(row));
            n_outside_cap += usize::from(
                !footprint
                    .cap
                    .is_some_and(|cap| cap.contains(&UnitVector::from_lonlat_deg(ra, dec))),
            );
            if table.is_placed_by_own_position() {
                let own = (chunking::healpix29(ra, dec), store.chunking().chunk_of(ra, dec));
                n_misplaced += usize::from(own != (Ok(key), Ok(chunk)));
            }
        }
    }
    for (count, fault) in [
        (n_unsorted, "rows out of order"),
        (n_outside_range, "rows outside the key range"),
        (n_outside_cap, "rows outside the cap"),
        (n_misplaced, "rows in the wrong chunk or with the wrong key"),
    ] {
        if count > 0 {
            faults.push(format!("chunk {chunk}: {count} {fault}"));
        }
    }
}

fn orphans(root: &Path, files: &[DataFile]) -> Vec<String> {
    let known = names_of(files);
    let mut orphans = files_on_disk(root);
    orphans.retain(|relative| !known.contains(relative.as_str()));
    orphans
}

/// The paths of files and their id-index runs, relative to the catalog's folder.
pub(crate) fn names_of(files: &[DataFile]) -> HashSet<&str> {
    let own = files.iter().filter(|file| file.mount.is_none());
    let names = own.flat_map(|file| {
        [Some(file.path.as_str()), file.id_run.as_ref().map(|run| run.path.as_str())]
    });
    names.flatten().collect()
}

/// The paths of all data and index files that there are, relative to the catalog's folder.
pub(crate) fn files_on_disk(root: &Path) -> Vec<String> {
    let mut files = vec![];
    for folder in [layout::DATA, layout::INDEX] {
        let Ok(tables) = fs::read_dir(root.join(folder)) else { continue };
        for table in tables.flatten() {
            let Ok(entries) = fs::read_dir(table.path()) else { continue };
            for entry in entries.flatten() {
                files.push(format!(
                    "{folder}/{}/{}",
                    table.file_name().to_string_lossy(),
                    entry.file_name().to_string_lossy()
                ));
            }
        }
    }
    files.sort();
    files
}
