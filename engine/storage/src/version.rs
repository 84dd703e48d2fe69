//! Versions of a catalog: what made them, what they are called, and how two of them differ.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::catalog_store::CatalogStore;
use crate::chunking::ChunkId;
use crate::data_file::{DataFile, Footprint};
use crate::deletion_vector::DeletionVector;
use crate::snapshot::Snapshot;
use crate::{Error, Result};

/// One version and the commit that made it.
#[derive(Debug, Clone, PartialEq)]
pub struct Version {
    /// Its number; 0 is the catalog as it was created.
    pub version: u64,
    /// When it was committed: UTC, ISO 8601.
    pub committed_at: String,
    /// Who committed it; empty where nobody said.
    pub author: String,
    /// What the commit was, for people.
    pub message: String,
    /// Its names.
    pub tags: Vec<String>,
    /// Can it still be asked? Vacuum removes the files of versions before the grace period, but for those with
    /// a tag.
    pub is_kept: bool,
    /// What changed, by name of the table.
    pub changes: Vec<TableChange>,
}

/// What one version changed in one table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableChange {
    /// The table.
    pub table: String,
    /// What became of its definition.
    pub definition: Option<DefinitionChange>,
    /// Rows in the files that were added.
    pub rows_added: u64,
    /// Rows that were visible before, and were deleted or lay in files that were removed.
    pub rows_removed: u64,
    /// Data files that were added.
    pub files_added: u64,
    /// Data files that were removed.
    pub files_removed: u64,
}

/// What became of the definition of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefinitionChange {
    /// The table is new.
    Added,
    /// The table is no more.
    Dropped,
    /// Another table took its name.
    Replaced,
    /// Its columns changed.
    Altered,
}

impl DefinitionChange {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Dropped => "dropped",
            Self::Replaced => "replaced",
            Self::Altered => "altered",
        }
    }

    pub(crate) fn of_word(word: &str) -> Option<Self> {
        [Self::Added, Self::Dropped, Self::Replaced, Self::Altered]
            .into_iter()
            .find(|change| change.word() == word)
    }
}

/// How a table differs between two versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableDiff {
    /// The table.
    pub table: String,
    /// What became of its definition.
    pub definition: Option<DefinitionChange>,
    /// Rows in the first version.
    pub rows_before: u64,
    /// Rows in the second version.
    pub rows_after: u64,
    /// The chunks whose rows differ, or lie in other files.
    pub chunks: BTreeMap<ChunkId, ChunkDiff>,
}

/// How a chunk of a table differs between two versions. Rows that only moved to another file, as
/// by a compaction, are counted on both sides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChunkDiff {
    /// Rows that are in the second version only.
    pub rows_added: u64,
    /// Rows that are in the first version only.
    pub rows_removed: u64,
}

/// Longest name of a tag, characters.
const TAG_LENGTH: usize = 128;

impl CatalogStore {
    /// List the versions, oldest first.
    ///
    /// # Errors
    /// The metadata cannot be read.
    pub fn versions(&self) -> Result<Vec<Version>> {
        self.metadata().versions()
    }

    /// Give a version a name, so that it can be asked for by it and is kept.
    ///
    /// # Errors
    /// [`Error::TagName`], [`Error::TagExists`]; those of [`CatalogStore::snapshot_at`].
    pub fn tag(&self, tag: &str, version: u64, message: &str) -> Result<()> {
        let length = tag.chars().count();
        let is_name = (1..=TAG_LENGTH).contains(&length)
            && !tag.chars().any(char::is_control)
            && tag.parse::<u64>().is_err();
        if !is_name {
            return Err(Error::TagName { tag: tag.to_owned() });
        }
        self.metadata().tag(tag, version, message)
    }

    /// Take a name from its version.
    ///
    /// # Errors
    /// [`Error::NoSuchTag`].
    pub fn remove_tag(&self, tag: &str) -> Result<()> {
        self.metadata().remove_tag(tag)
    }

    /// Find a version by its number, its tag, or an instant at which it was the newest.
    ///
    /// # Errors
    /// [`Error::NoSuchTag`] where the text is none of them.
    pub fn find_version(&self, text: &str) -> Result<u64> {
        if let Ok(version) = text.parse() {
            return Ok(version);
        }
        let metadata = self.metadata();
        match metadata.version_of_tag(text)? {
            Some(version) => Ok(version),
            None => metadata.version_at(text).map_err(|error| match error {
                Error::NotATime { .. } => Error::NoSuchTag { tag: text.to_owned() },
                other => other,
            }),
        }
    }

    /// Compare two versions, by table and chunk; tables without a difference are left out.
    ///
    /// # Errors
    /// Those of [`CatalogStore::snapshot_at`].
    pub fn diff(&self, before: u64, after: u64) -> Result<Vec<TableDiff>> {
        let (before, after) = (self.snapshot_at(before)?, self.snapshot_at(after)?);
        let tables = before.schema().tables.iter().chain(&after.schema().tables);
        let names: BTreeSet<&str> = tables.map(|table| table.name.as_str()).collect();
        let diffs = names.into_iter().map(|table| table_diff(table, &before, &after));
        Ok(diffs.filter(|diff| diff.definition.is_some() || !diff.chunks.is_empty()).collect())
    }
}

fn table_diff(table: &str, before: &Snapshot, after: &Snapshot) -> TableDiff {
    let definition = match (before.table_since(table), after.table_since(table)) {
        (None, Some(_)) => Some(DefinitionChange::Added),
        (Some(_), None) => Some(DefinitionChange::Dropped),
        (Some(before), Some(after)) if before != after => Some(DefinitionChange::Replaced),
        (Some(_), Some(_)) if before.table_defined_in(table) != after.table_defined_in(table) => {
            Some(DefinitionChange::Altered)
        }
        _ => None,
    };
    let by_id = |snapshot: &Snapshot| -> HashMap<i64, Arc<DataFile>> {
        snapshot.data_files(table).iter().map(|file| (file.file_id, Arc::clone(file))).collect()
    };
    let (files_before, files_after) = (by_id(before), by_id(after));
    let mut chunks: BTreeMap<ChunkId, ChunkDiff> = BTreeMap::new();
    let only =
        |file: &DataFile, other: &HashMap<i64, Arc<DataFile>>, footprint: &Footprint| -> u64 {
            let Some(other) = other.get(&file.file_id) else {
                return file.n_visible_rows_of(footprint);
            };
            // Visible here and deleted there.
            let none = DeletionVector::default();
            let here = file.deleted.as_deref().unwrap_or(&none);
            let there = other.deleted.as_deref().unwrap_or(&none);
            there.difference(here).n_rows_in(footprint.rows())
        };
    for (files, others, is_after) in
        [(&files_before, &files_after, false), (&files_after, &files_before, true)]
    {
        for file in files.values() {
            for footprint in &file.footprints {
                let n_rows = only(file, others, footprint);
                if n_rows > 0 {
                    let diff = chunks.entry(footprint.chunk).or_default();
                    *(if is_after { &mut diff.rows_added } else { &mut diff.rows_removed }) +=
                        n_rows;
                }
            }
        }
    }
    TableDiff {
        table: table.to_owned(),
        definition,
        rows_before: before.n_rows(table),
        rows_after: after.n_rows(table),
        chunks,
    }
}
