//! The rows of a query as a stream of encoded bytes, made as fast as they are taken.
//!
//! ```text
//!   batch ─ as many rows as make a part ─▶ encoded ─▶ part of some 256 kB
//!     └─ the others wait as they are ┘
//! ```
//!
//! What waits for a slow reader is a few parts, however large the batches are.

use almagest_engine::arrow::record_batch::RecordBatch;
use bytes::Bytes;
use futures::stream::{self, BoxStream, Stream, StreamExt};

use super::canonical::Canonical;
use super::{Encoder, Ending};
use crate::dali::RowLimit;
use crate::{Error, Result};

/// Rows as the engine gives them.
pub type Rows = BoxStream<'static, Result<RecordBatch>>;

/// What becomes of a failure after the first rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failures {
    /// It is told at the end of the document where the format can do so; otherwise it is the last
    /// item of the stream, so that the transfer breaks off.
    Told,
    /// It is the last item of the stream, whatever the format: what has been written is of no use.
    BreakOff,
}

/// Bytes of a part, about.
const PART_BYTES: usize = 256 << 10;
/// Rows of the first part, before it is known how long rows are.
const FIRST_ROWS: usize = 512;

/// Encode at most `limit` of `rows`; a row beyond the limit is not written, but marks the result
/// as overflown.
///
/// A failure amid the rows ends the stream as `failures` says.
pub fn encode(
    rows: Rows,
    canonical: Canonical,
    encoder: Box<dyn Encoder>,
    limit: RowLimit,
    failures: Failures,
) -> impl Stream<Item = Result<Bytes>> + Send {
    let left = limit.rows();
    let writing = Writing {
        rows,
        canonical,
        encoder,
        failures,
        left,
        unwritten: None,
        part_rows: FIRST_ROWS,
        overflows: false,
        stage: Stage::Begin,
    };
    stream::unfold(writing, async |mut writing| {
        let item = writing.next().await?;
        Some((item, writing))
    })
}

enum Stage {
    Begin,
    Rows,
    HeldBack,
    Done,
}

struct Writing {
    rows: Rows,
    canonical: Canonical,
    encoder: Box<dyn Encoder>,
    failures: Failures,
    /// Rows that may still be taken.
    left: u64,
    /// Rows that have been taken and are still to be written.
    unwritten: Option<RecordBatch>,
    /// Rows that make a part.
    part_rows: usize,
    /// Are there more rows than may be taken?
    overflows: bool,
    stage: Stage,
}

impl Writing {
    /// The next part that is not empty.
    async fn next(&mut self) -> Option<Result<Bytes>> {
        loop {
            match self.next_part().await? {
                Ok(bytes) if bytes.is_empty() => {}
                part => return Some(part),
            }
        }
    }

    async fn next_part(&mut self) -> Option<Result<Bytes>> {
        let bytes = match self.stage {
            Stage::Begin => {
                self.stage = Stage::Rows;
                self.encoder.begin()
            }
            Stage::Rows => match self.unwritten.take() {
                Some(batch) => self.write(batch),
                None if self.overflows => self.end(&Ending::Overflow),
                None => match self.rows.next().await {
                    Some(Ok(batch)) => self.take(&batch),
                    Some(Err(error)) => self.fail(error),
                    None => self.end(&Ending::Complete),
                },
            },
            Stage::HeldBack => match self.encoder.more().transpose() {
                Some(part) => part,
                None => return None,
            },
            Stage::Done => return None,
        };
        if bytes.is_err() {
            self.stage = Stage::Done;
        }
        Some(bytes.map(Bytes::from))
    }

    /// Take those of the rows that may be, and write the first of them.
    fn take(&mut self, batch: &RecordBatch) -> Result<Vec<u8>> {
        let kept = usize::try_from(self.left).unwrap_or(usize::MAX).min(batch.num_rows());
        self.left -= kept as u64;
        self.overflows = kept < batch.num_rows();
        if self.overflows {
            // The query need not go on while what it has found is written.
            self.rows = stream::empty().boxed();
        }
        match self.canonical.convert(&batch.slice(0, kept)) {
            Ok(batch) => self.write(batch),
            Err(error) => self.fail(error),
        }
    }

    /// Write as many rows as make a part; the others wait.
    fn write(&mut self, batch: RecordBatch) -> Result<Vec<u8>> {
        let n_rows = self.part_rows.min(batch.num_rows());
        let bytes = match self.encoder.rows(&batch.slice(0, n_rows)) {
            Ok(bytes) => bytes,
            Err(error) => return self.fail(error),
        };
        // What a format holds back takes no part.
        if n_rows > 0 {
            self.part_rows = (PART_BYTES * n_rows / bytes.len().max(1)).max(1);
        }
        let n_left = batch.num_rows() - n_rows;
        self.unwritten = (n_left > 0).then(|| batch.slice(n_rows, n_left));
        Ok(bytes)
    }

    fn fail(&mut self, error: Error) -> Result<Vec<u8>> {
        self.unwritten = None;
        if self.failures == Failures::BreakOff || !self.encoder.can_report_failure() {
            return Err(error);
        }
        tracing::warn!(%error, "the query failed after its first rows had been sent");
        self.end(&Ending::Failed(error.public_message()))
    }

    fn end(&mut self, ending: &Ending) -> Result<Vec<u8>> {
        self.stage = Stage::HeldBack;
        self.rows = stream::empty().boxed();
        self.encoder.end(ending)
    }
}
