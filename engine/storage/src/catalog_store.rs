//! A catalog's folder: create it, open it, write files into it, publish them.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;

use crate::chunk_file::write::{self, SortedRows};
use crate::chunking::Chunking;
use crate::data_file::DataFile;
use crate::metadata::{Definition, Metadata};
use crate::place::{Place, PlacedRows};
use crate::schema::{SchemaDef, TableDef, felis};
use crate::snapshot::{Snapshot, look_up_in_files};
use crate::{Error, Result, id_index, layout};

/// An open catalog; cheap to clone, shared by readers and writers of one process.
#[derive(Clone)]
pub struct CatalogStore {
    inner: Arc<Inner>,
}

struct Inner {
    root: PathBuf,
    schema: SchemaDef,
    chunking: Chunking,
    metadata: Mutex<Metadata>,
}

/// A data file that is written but not yet part of any version.
///
/// Dropping it uncommitted removes the file.
#[derive(Debug)]
pub struct PendingFile {
    root: PathBuf,
    file: DataFile,
    ids: Vec<i64>,
    committed: bool,
}

/// What one commit changes.
#[derive(Debug, Default)]
pub struct CommitPlan {
    /// Files to add.
    pub added: Vec<PendingFile>,
    /// Files to remove: [`DataFile::file_id`]s of the base version.
    pub removed: Vec<i64>,
    /// What the commit is, for people.
    pub message: String,
}

impl CatalogStore {
    /// Create a catalog of `schema` in the folder `root`, which is absent or empty.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`] where the folder holds anything.
    pub fn create(root: &Path, schema: &SchemaDef, chunking: Chunking) -> Result<Self> {
        let io_error = |source| Error::Io { path: root.to_owned(), source };
        fs::create_dir_all(root).map_err(io_error)?;
        if fs::read_dir(root).map_err(io_error)?.next().is_some() {
            return Err(Error::AlreadyExists { path: root.to_owned() });
        }
        let schema_yaml = felis::to_yaml(schema)
            .map_err(|error| Error::Corrupt { path: root.to_owned(), reason: error.to_string() })?;
        let definition = Definition { schema_yaml, resolution: chunking.resolution() };
        // The metadata get their name last, so that a half-made catalog is none.
        let unfinished = root.join("catalog.db.new");
        drop(Metadata::create(&unfinished, &definition)?);
        let path = root.join(layout::METADATA);
        fs::rename(&unfinished, &path)
            .map_err(|source| Error::Io { path: path.clone(), source })?;
        write::sync_folder(root)?;
        Self::open(root)
    }

    /// Open the catalog in the folder `root`.
    ///
    /// # Errors
    /// [`Error::NotACatalog`]; [`Error::Corrupt`] where the metadata cannot be understood.
    pub fn open(root: &Path) -> Result<Self> {
        let path = root.join(layout::METADATA);
        if !path.is_file() {
            return Err(Error::NotACatalog { path: root.to_owned() });
        }
        let (metadata, definition) = Metadata::open(&path)?;
        let corrupt = |reason: String| Error::Corrupt { path: path.clone(), reason };
        let schema = felis::parse(&definition.schema_yaml, &|_| None)
            .map_err(|error| corrupt(error.to_string()))?
            .schema;
        let chunking =
            Chunking::try_new(definition.resolution).map_err(|error| corrupt(error.to_string()))?;
        let inner =
            Inner { root: root.to_owned(), schema, chunking, metadata: Mutex::new(metadata) };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The catalog's folder.
    pub fn root(&self) -> &Path {
        &self.inner.root
    }

    /// The file in which the pipeline registers its datasets, collections and quanta.
    pub fn butler_path(&self) -> PathBuf {
        self.inner.root.join(layout::BUTLER)
    }

    /// The folder of the pipeline's datasets.
    pub fn datasets_path(&self) -> PathBuf {
        self.inner.root.join(layout::DATASETS)
    }

    /// The definition of all tables.
    pub fn schema(&self) -> &SchemaDef {
        &self.inner.schema
    }

    /// How positions map to chunks.
    pub fn chunking(&self) -> Chunking {
        self.inner.chunking
    }

    /// Find a table by its name, whatever the case.
    ///
    /// # Errors
    /// [`Error::NoSuchTable`], with the nearest name.
    pub fn table(&self, name: &str) -> Result<&TableDef> {
        let tables = &self.inner.schema.tables;
        let exact = tables.iter().find(|table| table.name == name);
        exact
            .or_else(|| tables.iter().find(|table| table.name.eq_ignore_ascii_case(name)))
            .ok_or_else(|| Error::NoSuchTable {
                table: name.to_owned(),
                schema: self.inner.schema.name.clone(),
                suggestion: nearest(name, tables.iter().map(|table| table.name.as_str())),
            })
    }

    /// Return the newest version's number.
    pub fn newest_version(&self) -> Result<u64> {
        self.metadata().newest_version()
    }

    /// View the newest version.
    pub fn snapshot(&self) -> Result<Snapshot> {
        let metadata = self.metadata();
        let version = metadata.newest_version()?;
        let files = metadata.data_files(version)?;
        drop(metadata);
        Ok(Snapshot::new(self.clone(), version, files))
    }

    /// View an older version.
    ///
    /// # Errors
    /// [`Error::NoSuchVersion`].
    pub fn snapshot_at(&self, version: u64) -> Result<Snapshot> {
        let metadata = self.metadata();
        let newest = metadata.newest_version()?;
        if version > newest {
            return Err(Error::NoSuchVersion { version, newest });
        }
        let files = metadata.data_files(version)?;
        drop(metadata);
        Ok(Snapshot::new(self.clone(), version, files))
    }

    /// Return the version that was the newest at an instant, UTC, in ISO 8601.
    ///
    /// # Errors
    /// [`Error::NotATime`], [`Error::NoVersionAt`].
    pub fn version_at(&self, timestamp: &str) -> Result<u64> {
        self.metadata().version_at(timestamp)
    }

    /// Write `rows` of `table` to a new file that no version sees yet.
    ///
    /// # Errors
    /// [`Error::DuplicateId`] where two of the rows claim one id.
    pub fn write_data_file(&self, table: &TableDef, rows: PlacedRows) -> Result<PendingFile> {
        let stem = layout::unique_stem();
        let relative = layout::data_file(&table.name, &stem);
        let path = layout::absolute(self.root(), &relative);
        let guard = RemoveOnDrop(Some(path.clone()));
        let (file, sorted) = write::write(&path, relative, table, rows)?;
        let entries = id_entries(table, &sorted);
        refuse_repeated(table, &entries)?;
        guard.keep();
        let mut pending =
            PendingFile { root: self.root().to_owned(), file, ids: vec![], committed: false };
        if !entries.is_empty() {
            let relative = layout::index_file(&table.name, &stem);
            let path = layout::absolute(self.root(), &relative);
            let run = id_index::write_run(&path, relative, &entries)?;
            pending.file.id_run = Some(run);
            pending.ids = entries.into_iter().map(|(id, _)| id).collect();
        }
        Ok(pending)
    }

    /// Publish `plan` as one new version and return its number: all of it or nothing.
    ///
    /// `base_version` is the version on which the writer's decisions rest. Ids are checked against
    /// every file that is visible, those committed since included.
    ///
    /// # Errors
    /// [`Error::DuplicateId`]; [`Error::Conflict`] where a file to remove was removed meanwhile.
    pub fn commit(&self, base_version: u64, mut plan: CommitPlan) -> Result<u64> {
        // Compare with what is visible before taking the write lock, so that the lock is short.
        let checked = self.snapshot()?;
        let mut ids_of: HashMap<&str, Vec<i64>> = HashMap::new();
        for pending in &plan.added {
            ids_of.entry(&pending.file.table).or_default().extend(&pending.ids);
        }
        for (table, ids) in &mut ids_of {
            let table = self.table(table)?;
            if !ids_are_unique(table) {
                continue;
            }
            ids.sort_unstable();
            let repeated: Vec<i64> =
                ids.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
            refuse(table, repeated)?;
            let files = checked
                .data_files(&table.name)
                .iter()
                .filter(|file| !plan.removed.contains(&file.file_id));
            refuse_found(self, table, files, ids)?;
        }
        let files: Vec<DataFile> = plan.added.iter().map(|pending| pending.file.clone()).collect();
        let base_version = base_version.max(checked.version());
        let version = self.metadata().commit(
            base_version,
            &plan.message,
            &files,
            &plan.removed,
            |added_since| {
                for (table, ids) in &ids_of {
                    let table = self.table(table)?;
                    if ids_are_unique(table) {
                        let files = added_since.iter().filter(|file| file.table == table.name);
                        refuse_found(self, table, files, ids)?;
                    }
                }
                Ok(())
            },
        )?;
        for pending in &mut plan.added {
            pending.committed = true;
        }
        Ok(version)
    }

    pub(crate) fn metadata(&self) -> MutexGuard<'_, Metadata> {
        // The guarded connection is consistent after any panic: SQLite rolls back.
        self.inner.metadata.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for CatalogStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CatalogStore").field("root", &self.inner.root).finish_non_exhaustive()
    }
}

impl PendingFile {
    /// Name of the table whose rows the file holds.
    pub fn table(&self) -> &str {
        &self.file.table
    }

    /// Number of rows.
    pub fn n_rows(&self) -> u64 {
        self.file.n_rows
    }
}

impl Drop for PendingFile {
    fn drop(&mut self) {
        if self.committed {
            return;
        }
        let run = self.file.id_run.as_ref().map(|run| run.path.as_str());
        for relative in [Some(self.file.path.as_str()), run].into_iter().flatten() {
            // What cannot be removed now is an orphan, which no version sees.
            let _ = fs::remove_file(layout::absolute(&self.root, relative));
        }
    }
}

/// Removes a half-written file when the writer fails.
struct RemoveOnDrop(Option<PathBuf>);

impl RemoveOnDrop {
    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for RemoveOnDrop {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            let _ = fs::remove_file(path);
        }
    }
}

/// Must an id occur only once in `table`?
///
/// A versioned director (its primary key has more than the id) has one row for each validity.
fn ids_are_unique(table: &TableDef) -> bool {
    table.id.as_ref().is_some_and(|id| table.primary_key == [id.clone()])
}

/// Return the ids of the rows with their places, ascending.
fn id_entries(table: &TableDef, rows: &SortedRows) -> Vec<(i64, Place)> {
    let column = table.id.as_ref().and_then(|id| rows.batch.column_by_name(id));
    let Some(ids) = column.and_then(|column| column.as_primitive_opt::<Int64Type>()) else {
        return vec![];
    };
    let mut entries: Vec<(i64, Place)> =
        ids.iter().zip(&rows.places).filter_map(|(id, place)| Some((id?, *place))).collect();
    entries.sort_unstable_by_key(|(id, place)| (*id, place.key));
    if !ids_are_unique(table) {
        entries.dedup();
    }
    entries
}

fn refuse_repeated(table: &TableDef, entries: &[(i64, Place)]) -> Result<()> {
    if !ids_are_unique(table) {
        return Ok(());
    }
    let repeated =
        entries.windows(2).filter(|pair| pair[0].0 == pair[1].0).map(|pair| pair[0].0).collect();
    refuse(table, repeated)
}

fn refuse_found<'a>(
    store: &CatalogStore,
    table: &TableDef,
    files: impl IntoIterator<Item = &'a DataFile>,
    ids: &[i64],
) -> Result<()> {
    let mut found = HashMap::new();
    look_up_in_files(store, files, ids, &mut found)?;
    let mut found: Vec<i64> = found.into_keys().collect();
    found.sort_unstable();
    refuse(table, found)
}

fn refuse(table: &TableDef, ids: Vec<i64>) -> Result<()> {
    match ids.first() {
        None => Ok(()),
        Some(&id) => Err(Error::DuplicateId {
            table: table.name.clone(),
            column: table.id.clone().unwrap_or_default(),
            id,
            n_more: ids.len() - 1,
        }),
    }
}

/// Return the candidate that is most like `name`, if any is like it.
fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    let name = name.to_lowercase();
    candidates
        .map(|candidate| (strsim::jaro_winkler(&name, &candidate.to_lowercase()), candidate))
        .filter(|(similarity, _)| *similarity > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate.to_owned())
}
