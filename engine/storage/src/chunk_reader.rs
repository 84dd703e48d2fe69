//! Reading some files of a table chunk after chunk.

use arrow::array::AsArray;
use arrow::compute::concat_batches;
use arrow::datatypes::Int64Type;
use arrow::record_batch::RecordBatch;
use parquet::file::metadata::ParquetMetaData;

use crate::chunk_file::HEALPIX_29;
use crate::chunk_file::read::Opened;
use crate::chunking::ChunkId;
use crate::data_file::{DataFile, Footprint};
use crate::place::{Place, PlacedRows};
use crate::schema::TableDef;
use crate::snapshot::Snapshot;
use crate::{Error, Result};

/// Reads chunks of some files of a table. A file is opened once, when its first chunk is read.
pub struct ChunkReader<'a> {
    snapshot: &'a Snapshot,
    table: &'a TableDef,
    files: Vec<(&'a DataFile, Option<Opened>)>,
}

impl Snapshot {
    /// Return what reads chunks of some files of `table`.
    ///
    /// # Errors
    /// [`Error::NoSuchTable`].
    pub fn chunk_reader<'a>(
        &'a self,
        table: &str,
        files: &[&'a DataFile],
    ) -> Result<ChunkReader<'a>> {
        let files = files.iter().map(|file| (*file, None)).collect();
        Ok(ChunkReader { snapshot: self, table: self.table(table)?, files })
    }
}

impl ChunkReader<'_> {
    /// Read the visible rows of one chunk, each with its place.
    ///
    /// # Errors
    /// Those of [`Snapshot::read_region`].
    pub fn read(&mut self, chunk: ChunkId) -> Result<PlacedRows> {
        let table = self.table;
        let schema = table.arrow_schema();
        let mut columns: Vec<&str> = table.columns.iter().map(|column| &column.name[..]).collect();
        columns.extend(table.is_chunked().then_some(HEALPIX_29));
        let error = |source| Error::Rows { table: table.name.clone(), source };
        let (mut batches, mut places) = (vec![], vec![]);
        for (file, opened) in &mut self.files {
            let in_chunk = |footprint: &&Footprint| footprint.chunk == chunk;
            let row_groups: Vec<_> = file.footprints.iter().filter(in_chunk).collect();
            if row_groups.is_empty() {
                continue;
            }
            let wanted = |_: &ParquetMetaData, index: usize| {
                row_groups.iter().any(|footprint| {
                    let first = footprint.first_row_group as usize;
                    (first..first + footprint.n_row_groups as usize).contains(&index)
                })
            };
            let opened = match opened {
                Some(opened) => opened,
                None => opened.insert(Opened::open(&self.snapshot.path(file))?),
            };
            for batch in opened.read_now(file, &columns, wanted, file.deleted.as_deref())? {
                match batch.column_by_name(HEALPIX_29).map(|keys| keys.as_primitive::<Int64Type>())
                {
                    Some(keys) => {
                        places.extend(keys.values().iter().map(|&key| Place { key, chunk }));
                    }
                    None => places.extend(vec![Place::replicated(); batch.num_rows()]),
                }
                let columns = batch.columns()[..table.columns.len()].to_vec();
                batches.push(RecordBatch::try_new(schema.clone(), columns).map_err(error)?);
            }
        }
        let batch = concat_batches(&schema, &batches).map_err(error)?;
        Ok(PlacedRows { batch, places })
    }
}
