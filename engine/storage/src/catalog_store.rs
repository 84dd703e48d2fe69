//! A catalog's folder: create it, open it, view its versions, write files into it.

use std::collections::HashMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::{Array, AsArray};
use arrow::datatypes::Int64Type;

use crate::activity::Activity;
use crate::chunk_file::write::{self, ChunkSpan, SortedRows, rows_of};
use crate::chunking::Chunking;
use crate::data_file::{DataFile, IdRun};
use crate::disk::{Disk, LocalDisk};
use crate::files_seen::FilesSeen;
use crate::footers::Footers;
use crate::lease::{Leases, VersionLease, WriteLease};
use crate::metadata::{Definitions, Metadata};
use crate::place::{Place, PlacedRows};
use crate::schema::{SchemaDef, TableDef, felis};
use crate::snapshot::Snapshot;
use crate::{Error, Result, id_index, layout};

/// An open catalog; cheap to clone, shared by readers and writers of one process.
#[derive(Clone)]
pub struct CatalogStore {
    inner: Arc<Inner>,
}

struct Inner {
    root: PathBuf,
    disk: Arc<dyn Disk>,
    opened: Arc<Definitions>,
    chunking: Chunking,
    metadata: Mutex<Metadata>,
    leases: Arc<Leases>,
    /// The last definitions that were asked for, by the version that brought them.
    known: Mutex<Vec<(u64, Arc<Definitions>)>>,
    /// The files of the newest version that was asked for.
    seen: Mutex<Option<FilesSeen>>,
    footers: Arc<Footers>,
}

/// How many states of the definitions are kept in memory.
const KNOWN_DEFINITIONS: usize = 8;

/// A data file that is written but not yet part of any version.
///
/// Dropping it uncommitted removes the file.
#[derive(Debug)]
pub struct PendingFile {
    disk: Arc<dyn Disk>,
    root: PathBuf,
    pub(crate) file: DataFile,
    pub(crate) committed: bool,
}

impl PendingFile {
    /// Its size, bytes.
    pub fn size_bytes(&self) -> u64 {
        self.file.size_bytes
    }
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
        felis::validate(schema)?;
        // The metadata get their name last, so that a half-made catalog is none.
        let unfinished = root.join("catalog.db.new");
        Metadata::create(&unfinished, schema, chunking.resolution())?;
        let path = root.join(layout::METADATA);
        fs::rename(&unfinished, &path)
            .map_err(|source| Error::Io { path: path.clone(), source })?;
        LocalDisk.sync_folder(root).map_err(io_error)?;
        Self::open(root)
    }

    /// Open the catalog in the folder `root`.
    ///
    /// # Errors
    /// [`Error::NotACatalog`]; [`Error::Corrupt`] where the metadata cannot be understood.
    pub fn open(root: &Path) -> Result<Self> {
        Self::open_on(Arc::new(LocalDisk), root)
    }

    /// Open the catalog in the folder `root`; data files are written to `disk`.
    ///
    /// # Errors
    /// As for [`Self::open`].
    pub fn open_on(disk: Arc<dyn Disk>, root: &Path) -> Result<Self> {
        let path = root.join(layout::METADATA);
        if !path.is_file() {
            return Err(Error::NotACatalog { path: root.to_owned() });
        }
        let metadata = Metadata::open(&path)?;
        let chunking = Chunking::try_new(metadata.resolution())
            .map_err(|error| Error::Corrupt { path: path.clone(), reason: error.to_string() })?;
        let opened = Arc::new(metadata.definitions(metadata.newest_version()?)?);
        let inner = Inner {
            root: root.to_owned(),
            disk,
            opened,
            chunking,
            metadata: Mutex::new(metadata),
            leases: Leases::new(
                Activity::open(&root.join(layout::ACTIVITY))?,
                root.join(layout::ALIVE),
            ),
            known: Mutex::default(),
            seen: Mutex::default(),
            footers: Arc::default(),
        };
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

    /// Name of the catalog's schema, the same in all versions.
    pub fn name(&self) -> &str {
        &self.inner.opened.schema.name
    }

    /// The definition of all tables as it was when this store was opened. Tables come and go with
    /// versions: what holds in one is [`Snapshot::schema`].
    pub fn schema(&self) -> &SchemaDef {
        &self.inner.opened.schema
    }

    /// How positions map to chunks.
    pub fn chunking(&self) -> Chunking {
        self.inner.chunking
    }

    /// The footers of its files, shared by all who read them.
    pub fn footers(&self) -> &Arc<Footers> {
        &self.inner.footers
    }

    /// Find a table of [`schema`](Self::schema) by its name, whatever the case.
    ///
    /// # Errors
    /// [`Error::NoSuchTable`], with the nearest name.
    pub fn table(&self, name: &str) -> Result<&TableDef> {
        self.schema().find(name)
    }

    /// Has a table lost rows, other than by being dropped, after a version?
    pub fn has_shrunk_since(&self, table: &str, version: u64) -> Result<bool> {
        self.metadata().has_shrunk_since(table, version)
    }

    /// Return the newest version's number.
    pub fn newest_version(&self) -> Result<u64> {
        self.metadata().newest_version()
    }

    /// View the newest version.
    pub fn snapshot(&self) -> Result<Snapshot> {
        loop {
            let version = self.newest_version()?;
            // Only where commits and a vacuum without grace come in between, it is gone already.
            match self.snapshot_at(version) {
                Err(Error::VersionGone { .. }) => {}
                result => return result,
            }
        }
    }

    /// View an older version.
    ///
    /// # Errors
    /// [`Error::NoSuchVersion`]; [`Error::VersionGone`] where vacuum has removed it.
    pub fn snapshot_at(&self, version: u64) -> Result<Snapshot> {
        let newest = self.newest_version()?;
        if version > newest {
            return Err(Error::NoSuchVersion { version, newest });
        }
        let lease = self.inner.leases.read(version)?;
        let metadata = self.metadata();
        if !metadata.is_kept(version)? {
            let oldest = metadata.oldest_version()?;
            return Err(Error::VersionGone { version, oldest });
        }
        let definitions = self.definitions(&metadata, version)?;
        let seen = self.files_seen(&metadata, version, &definitions)?;
        drop(metadata);
        Ok(Snapshot::new(self.clone(), version, lease, definitions, seen.files()))
    }

    /// Return the oldest version that is kept whole; older ones only with a tag.
    pub fn oldest_version(&self) -> Result<u64> {
        self.metadata().oldest_version()
    }

    /// Say that files will be written: until the lease is dropped, vacuum does not take them for
    /// orphans.
    pub fn begin_writing(&self) -> Result<WriteLease> {
        self.inner.leases.write()
    }

    /// Keep all versions from one on from being removed, as long as the lease lives.
    pub(crate) fn keep_from(&self, version: u64) -> Result<VersionLease> {
        self.inner.leases.read(version)
    }

    pub(crate) fn disk(&self) -> &dyn Disk {
        self.inner.disk.as_ref()
    }

    pub(crate) fn leases(&self) -> &Leases {
        &self.inner.leases
    }

    /// Return the tables of a version, from memory where they were asked for before.
    pub(crate) fn definitions(
        &self,
        metadata: &Metadata,
        version: u64,
    ) -> Result<Arc<Definitions>> {
        let changed_in = metadata.tables_changed_in(version)?;
        let mut known = self.inner.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, definitions)) = known.iter().find(|(version, _)| *version == changed_in) {
            return Ok(Arc::clone(definitions));
        }
        let definitions = Arc::new(metadata.definitions(changed_in)?);
        if known.len() == KNOWN_DEFINITIONS {
            known.remove(0);
        }
        known.push((changed_in, Arc::clone(&definitions)));
        Ok(definitions)
    }

    /// Return the files of a version, and remember those of the newest that was asked for.
    fn files_seen(
        &self,
        metadata: &Metadata,
        version: u64,
        definitions: &Arc<Definitions>,
    ) -> Result<FilesSeen> {
        let mut last = self.inner.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = FilesSeen::of(metadata, version, definitions, last.clone())?;
        if last.as_ref().is_none_or(|last| seen.is_newer(last)) {
            *last = Some(seen.clone());
        }
        Ok(seen)
    }

    /// Return the version that was the newest at an instant, UTC, in ISO 8601.
    ///
    /// # Errors
    /// [`Error::NotATime`], [`Error::NoVersionAt`].
    pub fn version_at(&self, timestamp: &str) -> Result<u64> {
        self.metadata().version_at(timestamp)
    }

    /// Write `rows` of `table` to new files that no version sees yet: one, unless rows of very many chunks
    /// and columns would make its footer too large; none for no rows.
    ///
    /// # Errors
    /// [`Error::DuplicateId`] where two of the rows claim one id.
    pub fn write_data_files(&self, table: &TableDef, rows: PlacedRows) -> Result<Vec<PendingFile>> {
        let sorted = SortedRows::from_rows(table, rows)?;
        let files = sorted.files(table);
        if files.len() > 1 {
            refuse_repeated(table, &id_entries(table, &sorted, 0..sorted.places.len()))?;
        }
        files.iter().map(|spans| self.write_data_file(table, &sorted, spans)).collect()
    }

    fn write_data_file(
        &self,
        table: &TableDef,
        sorted: &SortedRows,
        spans: &[ChunkSpan],
    ) -> Result<PendingFile> {
        let stem = layout::unique_stem();
        let relative = layout::data_file(&table.name, &stem);
        let path = layout::absolute(self.root(), &relative);
        let disk = &self.inner.disk;
        let guard = RemoveOnDrop { disk: disk.as_ref(), path: Some(path.clone()) };
        let file = write::write(disk.as_ref(), &path, relative, table, sorted, spans)?;
        let entries = id_entries(table, sorted, rows_of(spans));
        refuse_repeated(table, &entries)?;
        guard.keep();
        let mut pending = PendingFile {
            disk: Arc::clone(disk),
            root: self.root().to_owned(),
            file,
            committed: false,
        };
        if !entries.is_empty() {
            let relative = layout::index_file(&table.name, &stem);
            let path = layout::absolute(self.root(), &relative);
            let guard = RemoveOnDrop { disk: disk.as_ref(), path: Some(path.clone()) };
            let run = id_index::write_run(disk.as_ref(), &path, relative, &entries)?;
            guard.keep();
            pending.file.id_run = Some(run);
        }
        Ok(pending)
    }

    /// Find the places of those of `ids` (ascending) that runs hold, whether a version sees them or not.
    ///
    /// # Errors
    /// A run cannot be read.
    pub fn look_up_in_runs<'a>(
        &self,
        runs: impl IntoIterator<Item = &'a IdRun>,
        ids: &[i64],
    ) -> Result<HashMap<i64, Place>> {
        let mut found = HashMap::new();
        for run in runs {
            let within = run.ids().part_of(ids);
            if !within.is_empty() {
                let path = layout::absolute(self.root(), &run.path);
                id_index::look_up(self.footers(), &path, within, &mut found)?;
            }
        }
        Ok(found)
    }

    /// Read the ids of a run, ascending.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn ids_of_run(&self, run: &IdRun) -> Result<Vec<i64>> {
        id_index::ids(&layout::absolute(self.root(), &run.path))
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

    /// Its ids with their places, where the table has ids.
    pub fn id_run(&self) -> Option<&IdRun> {
        self.file.id_run.as_ref()
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
            let _ = self.disk.remove_file(&layout::absolute(&self.root, relative));
        }
    }
}

/// Removes a half-written file when the writer fails.
struct RemoveOnDrop<'a> {
    disk: &'a dyn Disk,
    path: Option<PathBuf>,
}

impl RemoveOnDrop<'_> {
    fn keep(mut self) {
        self.path = None;
    }
}

impl Drop for RemoveOnDrop<'_> {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            let _ = self.disk.remove_file(path);
        }
    }
}

/// Must an id occur only once in `table`?
///
/// A versioned director (its primary key has more than the id) has one row for each validity.
pub(crate) fn ids_are_unique(table: &TableDef) -> bool {
    table.id.as_ref().is_some_and(|id| table.primary_key == [id.clone()])
}

/// Return the ids of some rows with their places, ascending.
fn id_entries(table: &TableDef, sorted: &SortedRows, rows: Range<usize>) -> Vec<(i64, Place)> {
    let column = table.id.as_ref().and_then(|id| sorted.batch.column_by_name(id));
    let Some(ids) = column.and_then(|column| column.as_primitive_opt::<Int64Type>()) else {
        return vec![];
    };
    let entry =
        |number: usize| ids.is_valid(number).then(|| (ids.value(number), sorted.places[number]));
    let mut entries: Vec<(i64, Place)> = rows.filter_map(entry).collect();
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
    let mut repeated = entries.windows(2).filter(|pair| pair[0].0 == pair[1].0);
    match repeated.next() {
        None => Ok(()),
        Some(first) => Err(duplicate_id(table, first[0].0, repeated.count())),
    }
}

/// The error for an id, and `n_more` others, that more than one row has.
pub(crate) fn duplicate_id(table: &TableDef, id: i64, n_more: usize) -> Error {
    Error::DuplicateId {
        table: table.name.clone(),
        column: table.id.clone().unwrap_or_default(),
        id,
        n_more,
    }
}
