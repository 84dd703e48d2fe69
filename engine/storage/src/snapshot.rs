//! An immutable view of one version of a catalog.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;

use crate::catalog_store::{CatalogStore, ids_are_unique};
use crate::chunk_file::read::Opened;
use crate::data_file::DataFile;
use crate::deletion_vector::DeletionVector;
use crate::files_seen::FilesByTable;
use crate::id_index::{self, IdRange};
use crate::layout;
use crate::lease::VersionLease;
use crate::metadata::Definitions;
use crate::place::{Located, Place};
use crate::schema::arrow::ArrowSchemas;
use crate::schema::{SchemaDef, TableDef, TableKind};
use crate::table_files::Sums;
use crate::{Error, Result};

/// An immutable view of one version of a catalog: which files hold which rows.
#[derive(Debug, Clone)]
pub struct Snapshot {
    store: CatalogStore,
    version: u64,
    /// Keeps the files of the version on disk.
    _lease: Arc<VersionLease>,
    definitions: Arc<Definitions>,
    files: Arc<FilesByTable>,
}

impl Snapshot {
    pub(crate) fn new(
        store: CatalogStore,
        version: u64,
        lease: VersionLease,
        definitions: Arc<Definitions>,
        files: &Arc<FilesByTable>,
    ) -> Self {
        Self { store, version, _lease: Arc::new(lease), definitions, files: Arc::clone(files) }
    }

    /// The definitions of the tables.
    pub(crate) fn definitions(&self) -> &Definitions {
        &self.definitions
    }

    /// The version that is seen.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The catalog that the snapshot is of.
    pub fn store(&self) -> &CatalogStore {
        &self.store
    }

    /// The definition of all tables, as it is in this version.
    pub fn schema(&self) -> &SchemaDef {
        &self.definitions.schema
    }

    /// The Arrow schemas of the table of the exact name `table`, made once for all snapshots of one
    /// definition.
    pub fn arrow_schemas(&self, table: &str) -> Option<&ArrowSchemas> {
        self.definitions.arrow_schemas(table)
    }

    /// The version that last changed [`schema`](Self::schema), up to this one.
    pub fn schema_version(&self) -> u64 {
        self.definitions.version
    }

    /// Find a table by its name, whatever the case.
    ///
    /// # Errors
    /// [`Error::NoSuchTable`], with the nearest name.
    pub fn table(&self, name: &str) -> Result<&TableDef> {
        self.schema().find(name)
    }

    /// Return the version that added the table of the exact name `table`; a table that was dropped
    /// and added again is another one.
    pub fn table_since(&self, table: &str) -> Option<u64> {
        self.definitions.since.get(table).copied()
    }

    /// Return the version that gave the table of the exact name `table` its definition: the one that
    /// added or last altered it.
    pub fn table_defined_in(&self, table: &str) -> Option<u64> {
        self.definitions.defined_in.get(table).copied()
    }

    /// Refuse to go on with what was decided on this version where a newer one has the table no
    /// more, or altered.
    ///
    /// # Errors
    /// [`Error::Conflict`].
    pub fn refuse_changed(&self, newer: &Self, table: &str) -> Result<()> {
        self.definitions.refuse_changed(&newer.definitions, table)
    }

    /// Return the data files of the table of the exact name `table`, oldest first.
    pub fn data_files(&self, table: &str) -> &[Arc<DataFile>] {
        self.files.get(table).map_or(&[], |files| files.files())
    }

    /// Return what the data files of the table of the exact name `table` sum up to; none, if it has no file.
    pub fn sums(&self, table: &str) -> Option<&Sums> {
        self.files.get(table).map(|files| files.sums())
    }

    /// The data files of the table of the exact name `table` that have ids from one of some ranges, or may.
    pub(crate) fn files_with_ids(&self, table: &str, ranges: &[IdRange]) -> Vec<&DataFile> {
        let meets = |ids: IdRange| ranges.iter().any(|range| ids.meets(*range));
        self.files.get(table).map_or_else(Vec::new, |files| files.with_ids(meets).collect())
    }

    /// Return where `file` lies on disk.
    pub fn path(&self, file: &DataFile) -> PathBuf {
        file.location(self.store.root())
    }

    /// Return the folder from which the table of the exact name `table` is mounted: all of its files are, or
    /// none.
    pub fn mounted_from(&self, table: &str) -> Option<&Path> {
        let mount = self.data_files(table).first()?.mount.as_ref();
        mount.map(|mount| mount.folder.as_path())
    }

    /// Refuse to add rows to the table of the exact name `table`, or to remove some, where it is mounted.
    ///
    /// # Errors
    /// [`Error::Mounted`].
    pub fn refuse_mounted(&self, table: &str) -> Result<()> {
        match self.mounted_from(table) {
            None => Ok(()),
            Some(folder) => {
                Err(Error::Mounted { table: table.to_owned(), folder: folder.to_owned() })
            }
        }
    }

    /// Return the number of rows of the table of the exact name `table`.
    pub fn n_rows(&self, table: &str) -> u64 {
        self.sums(table).map_or(0, |sums| sums.n_rows)
    }

    /// Find the places of those of `ids` that `table` holds, by its id index.
    pub fn look_up_ids(&self, table: &str, ids: &[i64]) -> Result<HashMap<i64, Place>> {
        Ok(self.locate(table, ids)?.places)
    }

    /// The places of those of `ids` that `table` holds, and all files that hold one.
    fn locate(&self, table: &str, ids: &[i64]) -> Result<Located> {
        let mut wanted = ids.to_vec();
        wanted.sort_unstable();
        wanted.dedup();
        let (mut places, mut holding) = (HashMap::new(), HashSet::new());
        if let (Some(definition), Some(files)) = (self.schema().table(table), self.files.get(table))
        {
            for file in files.with_ids(|ids| !ids.part_of(&wanted).is_empty()) {
                let mut here = HashMap::new();
                look_up_in_files(&self.store, definition, [(file, None)], &wanted, &mut here)?;
                if !here.is_empty() {
                    holding.insert(file.file_id);
                    places.extend(here);
                }
            }
        }
        Ok(Located { places, files: Some(holding) })
    }

    /// Return where the rows of `table` lie of which `column` is one of `ids`: an id without a place
    /// has no row. `None`: that is not known of the column.
    ///
    /// Known are the ids of a table, and those by which children name their director. Of the latter,
    /// only as long as no director has gone: its children stay where they are, wherever a director
    /// of the same id comes to be.
    pub fn places_of(
        &self,
        table: &TableDef,
        column: &str,
        ids: &[i64],
    ) -> Result<Option<Located>> {
        if table.id.as_deref() == Some(column) {
            let is_one_place = ids_are_unique(table) || table.kind == TableKind::Director;
            return match is_one_place && self.is_indexed(&table.name) {
                true => self.locate(&table.name, ids).map(Some),
                false => Ok(None),
            };
        }
        let director = match table.director() {
            Some((director, key)) if key == column => director,
            _ => return Ok(None),
        };
        // 0 stands for no director: such a row has a place of its own.
        if ids.contains(&0)
            || !self.is_indexed(director)
            || self.store.metadata().has_shrunk(director, self.version)?
        {
            return Ok(None);
        }
        Ok(Some(Located { files: None, ..self.locate(director, ids)? }))
    }

    /// Are the ids of all files of a table in its index? Only 64-bit ids have one.
    fn is_indexed(&self, table: &str) -> bool {
        self.sums(table).is_none_or(|sums| sums.n_without_index == 0)
    }
}

/// Look `ids` (sorted) up in the runs of `files` whose range of ids could hold them. With each file
/// come rows of it that are to be taken as deleted too.
pub(crate) fn look_up_in_files<'a>(
    store: &CatalogStore,
    table: &TableDef,
    files: impl IntoIterator<Item = (&'a DataFile, Option<&'a DeletionVector>)>,
    ids: &[i64],
    found: &mut HashMap<i64, Place>,
) -> Result<()> {
    for (file, also_deleted) in files {
        let Some(run) = &file.id_run else { continue };
        let within = run.ids().part_of(ids);
        if within.is_empty() {
            continue;
        }
        let path = layout::absolute(store.root(), &run.path);
        let deleted = match (file.deleted.as_deref(), also_deleted) {
            (Some(a), Some(b)) => Some(Cow::Owned(a.union(b))),
            (one, other) => one.or(other).map(Cow::Borrowed),
        };
        match deleted.filter(|deleted| !deleted.is_empty()) {
            None => id_index::look_up(store.footers(), &path, within, found)?,
            Some(deleted) => {
                let mut here = HashMap::new();
                id_index::look_up(store.footers(), &path, within, &mut here)?;
                retain_visible(store, table, file, &deleted, &mut here)?;
                found.extend(here);
            }
        }
    }
    Ok(())
}

/// Keep those ids of which a row of the file is not deleted: runs know nothing of deletions.
fn retain_visible(
    store: &CatalogStore,
    table: &TableDef,
    file: &DataFile,
    deleted: &DeletionVector,
    found: &mut HashMap<i64, Place>,
) -> Result<()> {
    let Some(id) = table.id.as_deref().filter(|_| !found.is_empty()) else { return Ok(()) };
    let path = file.location(store.root());
    let mut visible = HashSet::new();
    for batch in Opened::open(&path)?.read_now(file, &[id], |_, _| true, Some(deleted))? {
        if let Some(ids) = batch.column(0).as_primitive_opt::<Int64Type>() {
            visible.extend(ids.iter().flatten().filter(|id| found.contains_key(id)));
        }
    }
    found.retain(|id, _| visible.contains(id));
    Ok(())
}
