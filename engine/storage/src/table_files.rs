//! The files of a table in one version, with what is asked of all of them together again and again.
//!
//! A table may have tens of thousands of files, and each query asks how many rows there are and which file
//! may hold an id: sums are kept, and ranges of ids lie side by side, so that no file need be looked at.

use std::sync::Arc;

use crate::chunking::ChunkId;
use crate::data_file::{DataFile, IdRun};
use crate::id_index::IdRange;

/// The files of a table, oldest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct TableFiles {
    files: Vec<Arc<DataFile>>,
    /// The ids of each file's run, if it has one, in the order of the files.
    ids: Vec<Option<IdRange>>,
    sums: Sums,
}

/// What the files of a table sum up to.
#[derive(Debug, Clone, Default)]
pub struct Sums {
    /// Rows that are not deleted.
    pub n_rows: u64,
    /// Size of the files, bytes.
    pub size_bytes: u64,
    /// Row groups.
    pub n_row_groups: u64,
    /// Files that have no index of their ids.
    pub n_without_index: usize,
    /// Files that were written before the table was altered, or by others.
    pub n_of_older_form: usize,
    /// The chunks in which there are rows, ascending.
    pub chunks: Vec<ChunkId>,
}

impl TableFiles {
    /// The files.
    pub fn files(&self) -> &[Arc<DataFile>] {
        &self.files
    }

    /// What they sum up to.
    pub fn sums(&self) -> &Sums {
        &self.sums
    }

    /// The files of which the range of ids fulfils a condition.
    pub fn with_ids(&self, condition: impl Fn(IdRange) -> bool) -> impl Iterator<Item = &DataFile> {
        let files = self.files.iter().zip(&self.ids);
        files.filter(move |(_, ids)| ids.is_some_and(&condition)).map(|(file, _)| file.as_ref())
    }

    /// Add a file.
    pub fn push(&mut self, file: Arc<DataFile>) {
        self.ids.push(file.id_run.as_ref().map(IdRun::ids));
        self.sums.add(&file);
        self.files.push(file);
    }
}

impl FromIterator<Arc<DataFile>> for TableFiles {
    fn from_iter<I: IntoIterator<Item = Arc<DataFile>>>(files: I) -> Self {
        let mut all = Self::default();
        files.into_iter().for_each(|file| all.push(file));
        all
    }
}

impl Sums {
    fn add(&mut self, file: &DataFile) {
        self.n_rows += file.n_visible_rows();
        self.size_bytes += file.size_bytes;
        self.n_without_index += usize::from(file.id_run.is_none());
        self.n_of_older_form += usize::from(file.older_form.is_some());
        for footprint in &file.footprints {
            self.n_row_groups += u64::from(footprint.n_row_groups);
            if let Err(place) = self.chunks.binary_search(&footprint.chunk) {
                self.chunks.insert(place, footprint.chunk);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data_file::Footprint;

    fn file(n_rows: u64, chunk: i64, ids: Option<(i64, i64)>) -> Arc<DataFile> {
        let footprint = Footprint {
            chunk: ChunkId::from_i64(chunk),
            first_row_group: 0,
            n_row_groups: 2,
            first_row: 0,
            n_rows,
            cap: None,
            key_min: 0,
            key_max: 9,
            max_offset: None,
        };
        Arc::new(DataFile {
            file_id: 0,
            table: String::new(),
            added_in: 1,
            path: String::new(),
            mount: None,
            n_rows,
            deleted: (n_rows > 5).then(|| Arc::new([1, 3].into_iter().collect())),
            size_bytes: 100,
            checksum: String::new(),
            older_form: None,
            id_run: ids.map(|(id_min, id_max)| IdRun {
                path: String::new(),
                size_bytes: 1,
                checksum: String::new(),
                id_min,
                id_max,
            }),
            footprints: vec![footprint],
            column_ranges: vec![],
        })
    }

    #[test]
    fn sums_are_those_of_the_files_and_ids_tell_them_apart() {
        let files: TableFiles =
            [file(3, 7, Some((1, 9))), file(10, 4, None), file(2, 7, Some((20, 30)))]
                .into_iter()
                .collect();
        let sums = files.sums();
        assert_eq!((sums.n_rows, sums.size_bytes, sums.n_row_groups), (3 + 8 + 2, 300, 6));
        assert_eq!((sums.n_without_index, sums.n_of_older_form), (1, 0));
        assert_eq!(sums.chunks, [4, 7].map(ChunkId::from_i64));
        let with = |min, max| {
            let found = files.with_ids(|ids| ids.meets(IdRange { min, max }));
            found.map(|file| file.n_rows).collect::<Vec<_>>()
        };
        assert_eq!(with(9, 20), [3, 2]);
        assert_eq!(with(i64::MIN, i64::MAX), [3, 2]);
        assert_eq!(with(10, 19), [0; 0]);
    }
}
