//! The files of the version that was looked at last, so that the next one needs only what changed.
//!
//! ```text
//!   version 8   Source: a b c        Visit: d
//!               + e  − a  b: more rows deleted            what the metadata say of 9
//!   version 9   Source: b′ c e       Visit: d             b′ is new, c, d are those of before
//! ```

use std::collections::HashMap;
use std::sync::Arc;

use crate::Result;
use crate::data_file::DataFile;
use crate::metadata::{Definitions, FileChanges, Metadata};
use crate::table_files::TableFiles;

/// The files of a version by their table, oldest first.
pub(crate) type FilesByTable = HashMap<String, Arc<TableFiles>>;

/// The files of one version.
#[derive(Debug, Clone)]
pub(crate) struct FilesSeen {
    version: u64,
    definitions: Arc<Definitions>,
    files: Arc<FilesByTable>,
}

impl FilesSeen {
    /// Look at a version, which is kept, by what was seen `before` if that serves.
    pub fn of(
        metadata: &Metadata,
        version: u64,
        definitions: &Arc<Definitions>,
        before: Option<Self>,
    ) -> Result<Self> {
        // What older files are to newer definitions is another thing.
        let before = before.filter(|before| {
            before.version <= version && before.definitions.version == definitions.version
        });
        let seen = |files| Self { version, definitions: Arc::clone(definitions), files };
        if let Some(before) = before {
            if before.version == version {
                return Ok(before);
            }
            if let Some(changes) = metadata.changes_of_files(before.version, version)? {
                return Ok(seen(Arc::new(before.changed(changes))));
            }
        }
        let mut files = metadata.data_files(version)?;
        definitions.note_older_forms(&mut files);
        let mut by_table = FilesByTable::new();
        add(&mut by_table, files);
        Ok(seen(Arc::new(by_table)))
    }

    /// The files by their table.
    pub fn files(&self) -> &Arc<FilesByTable> {
        &self.files
    }

    /// Is it of a newer version than another?
    pub fn is_newer(&self, other: &Self) -> bool {
        self.version > other.version
    }

    fn changed(&self, changes: FileChanges) -> FilesByTable {
        let mut by_table = self.files.as_ref().clone();
        let FileChanges { mut added, removed, deleted } = changes;
        self.definitions.note_older_forms(&mut added);
        // Most commits only add: to look at each of very many files takes long.
        if !removed.is_empty() || !deleted.is_empty() {
            let now = |file: &Arc<DataFile>| match deleted.get(&file.file_id) {
                Some(rows) => {
                    let deleted = Some(Arc::clone(rows));
                    Arc::new(DataFile { deleted, ..file.as_ref().clone() })
                }
                None => Arc::clone(file),
            };
            for files in by_table.values_mut() {
                let changes = |file: &Arc<DataFile>| {
                    removed.contains(&file.file_id) || deleted.contains_key(&file.file_id)
                };
                if files.files().iter().any(changes) {
                    let left = files.files().iter().filter(|file| !removed.contains(&file.file_id));
                    *files = Arc::new(left.map(now).collect());
                }
            }
        }
        add(&mut by_table, added);
        by_table.retain(|_, files| !files.files().is_empty());
        by_table
    }
}

fn add(by_table: &mut FilesByTable, files: Vec<DataFile>) {
    for file in files {
        match by_table.get_mut(&file.table) {
            Some(of_table) => Arc::make_mut(of_table).push(Arc::new(file)),
            None => {
                let table = file.table.clone();
                by_table.insert(table, Arc::new([Arc::new(file)].into_iter().collect()));
            }
        }
    }
}
