//! Reading ahead: while the rows of a batch are taken, the next batch is decoded by another core.

use std::sync::mpsc::sync_channel;
use std::thread;

use super::{FileRows, TableReader};
use crate::error::Result;

/// Take all batches of a file, in their order, until one is refused or cannot be read.
///
/// Three batches are in memory at most: one that is taken, one that waits, and one that is decoded.
pub(crate) fn for_each_batch(
    mut reader: TableReader,
    mut take: impl FnMut(FileRows) -> Result<()>,
) -> Result<()> {
    // A file of one batch needs no second thread.
    let Some(first) = reader.next().transpose()? else { return Ok(()) };
    let Some(second) = reader.next() else { return take(first) };
    thread::scope(|scope| {
        let (sender, batches) = sync_channel(1);
        scope.spawn(move || {
            // Nobody receives any more after a refusal.
            let mut rest = std::iter::once(second).chain(reader);
            while rest.next().is_some_and(|rows| sender.send(rows).is_ok()) {}
        });
        take(first)?;
        batches.into_iter().try_for_each(|rows| take(rows?))
    })
}
