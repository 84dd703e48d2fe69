//! The row groups of a file, encoded by all cores and appended in their order.
//!
//! ```text
//!   core 0:  row group 0, 2, 4 … ─┐
//!                                 ├─▶ file: 0, 1, 2, 3, 4 …
//!   core 1:  row group 1, 3, 5 … ─┘
//! ```
//!
//! Each core is at most two row groups ahead of the file, so that memory does not grow with it.

use std::io::Write;
use std::ops::Range;
use std::sync::mpsc::sync_channel;
use std::thread;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::errors::ParquetError;
use parquet::file::writer::SerializedFileWriter;

/// Rows below which threads are not worth while.
const FEW_ROWS: usize = 4 * 1024;

/// Encode row groups and append them to a file.
///
/// # Arguments
/// * `row_groups` - the rows of each
/// * `make` - makes the rows of one, in the order of the file, and what is to be known of them
/// * `known` - takes what is to be known of each, in the order of the file
///
/// # Errors
/// The first of a row group that could not be made, encoded or written.
pub(super) fn append_row_groups<W: Write + Send, T: Send>(
    file: &mut SerializedFileWriter<W>,
    encoders: &ArrowRowGroupWriterFactory,
    row_groups: &[Range<usize>],
    make: impl Fn(&Range<usize>) -> Result<(RecordBatch, T), ArrowError> + Sync,
    mut known: impl FnMut(T),
) -> Result<(), ParquetError> {
    let n_row_groups = row_groups.len();
    let encode = |index: usize| -> Result<_, ParquetError> {
        let (batch, of_rows) = make(&row_groups[index])?;
        Ok((encode(encoders, index, &batch)?, of_rows))
    };
    let mut append = |encoded: Result<_, ParquetError>| {
        let (chunks, of_rows) = encoded?;
        known(of_rows);
        append(file, chunks)
    };
    let n_rows: usize = row_groups.iter().map(Range::len).sum();
    let n_cores = thread::available_parallelism().map_or(1, usize::from).min(n_row_groups);
    if n_cores < 2 || n_rows < FEW_ROWS {
        return (0..n_row_groups).try_for_each(|index| append(encode(index)));
    }
    let encode = &encode;
    thread::scope(|scope| {
        let encode_each_nth = |first| {
            let (sender, receiver) = sync_channel(1);
            scope.spawn(move || {
                let mut own = (first..n_row_groups).step_by(n_cores);
                // Nobody receives any more after an error.
                while own.next().is_some_and(|index| sender.send(encode(index)).is_ok()) {}
            });
            receiver
        };
        let encoders: Vec<_> = (0..n_cores).map(encode_each_nth).collect();
        for index in 0..n_row_groups {
            // A sender is gone too early only by a panic, which the scope passes on.
            let Ok(encoded) = encoders[index % n_cores].recv() else { break };
            append(encoded)?;
        }
        Ok(())
    })
}

/// Encode one row group: its columns, one after the other.
fn encode(
    encoders: &ArrowRowGroupWriterFactory,
    index: usize,
    batch: &RecordBatch,
) -> Result<Vec<ArrowColumnChunk>, ParquetError> {
    let mut chunks = vec![];
    let mut writers = encoders.create_column_writers(index)?.into_iter();
    for (field, column) in batch.schema_ref().fields().iter().zip(batch.columns()) {
        for leaf in compute_leaves(field, column)? {
            if let Some(mut writer) = writers.next() {
                writer.write(&leaf)?;
                chunks.push(writer.close()?);
            }
        }
    }
    Ok(chunks)
}

fn append<W: Write + Send>(
    file: &mut SerializedFileWriter<W>,
    chunks: Vec<ArrowColumnChunk>,
) -> Result<(), ParquetError> {
    let mut row_group = file.next_row_group()?;
    for chunk in chunks {
        chunk.append_to_row_group(&mut row_group)?;
    }
    row_group.close()?;
    Ok(())
}
