//! Writing rows to files that no version sees, several tables at once, while more rows come in.
//!
//! ```text
//!   rows of a file ─▶ buffer: ├ filling ┤               the caller's thread
//!                             ├ parcels ┤ ─▶ files      a thread, with a core for each table
//!                             ├ parcels ┤ ─▶ files      another one
//! ```

use std::panic::resume_unwind;
use std::thread::{self, JoinHandle};

use almagest_storage::schema::TableDef;
use almagest_storage::{CatalogStore, PendingFile, Place, PlacedRows};
use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::compute::concat;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};

use crate::error::{Error, Result};

/// Rows in memory below which a thread is not worth while, bytes.
const FEW_BYTES: usize = 8 << 20;

/// Rows of one table that are written together.
pub(super) struct Parcel {
    pub table: TableDef,
    pub rows: Vec<(RecordBatch, Vec<Place>)>,
    /// Size of the rows, bytes.
    pub n_bytes: usize,
}

impl Parcel {
    /// Join the rows.
    pub fn joined(self) -> Result<(TableDef, PlacedRows)> {
        let (batches, places): (Vec<_>, Vec<_>) = self.rows.into_iter().unzip();
        let batch = joined(self.table.arrow_schema(), batches)
            .map_err(|source| Error::Rows { table: self.table.name.clone(), source })?;
        Ok((self.table, PlacedRows { batch, places: places.concat() }))
    }

    fn write(self, store: &CatalogStore) -> Result<Vec<PendingFile>> {
        let (table, rows) = self.joined()?;
        Ok(store.write_data_files(&table, rows)?)
    }
}

/// Write parcels: each is sorted and hashed by one core, and those of different tables
/// know nothing of each other.
///
/// # Errors
/// The first that a parcel meets; others may have been written then, and are gone.
pub(super) fn write_all(
    mut parcels: Vec<Parcel>,
    store: &CatalogStore,
) -> Result<Vec<PendingFile>> {
    if n_bytes(&parcels) < FEW_BYTES {
        let written: Result<Vec<_>> =
            parcels.into_iter().map(|parcel| parcel.write(store)).collect();
        return Ok(written?.into_iter().flatten().collect());
    }
    // The largest first, so that no core waits long for another at last.
    parcels.sort_by_key(|parcel| std::cmp::Reverse(parcel.n_bytes));
    let written: Result<Vec<_>> =
        parcels.into_par_iter().with_max_len(1).map(|parcel| parcel.write(store)).collect();
    Ok(written?.into_iter().flatten().collect())
}

fn n_bytes(parcels: &[Parcel]) -> usize {
    parcels.iter().map(|parcel| parcel.n_bytes).sum()
}

/// Make one batch of several, column by column, so that no more than one column is there twice.
fn joined(schema: SchemaRef, batches: Vec<RecordBatch>) -> Result<RecordBatch, ArrowError> {
    let n_rows = batches.iter().map(RecordBatch::num_rows).sum();
    let mut columns_of: Vec<_> =
        batches.into_iter().map(|batch| batch.into_parts().1.into_iter()).collect();
    let joined = schema.fields().iter().map(|_| {
        let parts: Vec<ArrayRef> = columns_of.iter_mut().filter_map(Iterator::next).collect();
        let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
        concat(&parts)
    });
    let joined = joined.collect::<Result<_, _>>()?;
    let row_count = RecordBatchOptions::new().with_row_count(Some(n_rows));
    RecordBatch::try_new_with_options(schema, joined, &row_count)
}

/// Parcels that are being written. Dropped, it waits for the files, and removes them.
pub(super) struct Writing {
    /// Did their rows come since the savepoint?
    pub is_since_savepoint: bool,
    thread: Option<JoinHandle<Result<Vec<PendingFile>>>>,
}

impl Writing {
    /// Begin to write parcels; few rows are not worth while, and come back.
    pub fn begin(
        parcels: Vec<Parcel>,
        store: &CatalogStore,
        is_since_savepoint: bool,
    ) -> Result<Self, Vec<Parcel>> {
        if n_bytes(&parcels) < FEW_BYTES {
            return Err(parcels);
        }
        let store = store.clone();
        let thread = Some(thread::spawn(move || write_all(parcels, &store)));
        Ok(Self { is_since_savepoint, thread })
    }

    /// Wait for the files.
    ///
    /// # Errors
    /// As for [`write_all`].
    pub fn finish(mut self) -> Result<Vec<PendingFile>> {
        match self.thread.take() {
            None => Ok(vec![]),
            Some(thread) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
        }
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        drop(self.thread.take().map(JoinHandle::join));
    }
}
