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

/// The files of a version by their table, oldest first.
pub(crate) type FilesByTable = HashMap<String, Vec<Arc<DataFile>>>;

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
        for file in files {
            by_table.entry(file.table.clone()).or_default().push(Arc::new(file));
        }
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
            for files in by_table.values_mut() {
                files.retain(|file| !removed.contains(&file.file_id));
                for file in files.iter_mut() {
                    if let Some(rows) = deleted.get(&file.file_id) {
                        Arc::make_mut(file).deleted = Some(Arc::clone(rows));
                    }
                }
            }
        }
        for file in added {
            by_table.entry(file.table.clone()).or_default().push(Arc::new(file));
        }
        by_table.retain(|_, files| !files.is_empty());
        by_table
    }
}
