//! A plan node that gives way to others, and to the end of its query.
//!
//! ```text
//!   PacedExec                        a pause when 4 ms have passed since the last one
//!     NestedLoopJoinExec
//!       left                         (gathered whole)
//!       PacedExec slices=true        batches cut so that the join works for some 3 ms on each
//!         right
//! ```
//!
//! A stream is cancelled where it pauses. DataFusion's scans pause after so many batches, but a join
//! may work on one batch for minutes: it pairs all of the batch's rows with all rows of the other
//! side before it asks for the next. Rows and their order stay as they are.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::internal_err;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result;
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::{Stream, StreamExt, ready};

/// Time after which a stream pauses: a query beside it gets on by one step at each pause.
const PAUSE_AFTER: Duration = Duration::from_millis(4);
/// A slice on which the consumer works longer than this is too large.
const LONG: Duration = Duration::from_millis(3);
/// Rows of the first slice.
const FIRST_SLICE: usize = 64;

/// Are batches cut into slices?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slices {
    /// Yes, of as many rows as the consumer takes in a moment.
    Cut,
    /// No: the consumer's work does not multiply with their size.
    Whole,
}

/// Pauses while it passes on what its input gives.
#[derive(Debug)]
pub(crate) struct PacedExec {
    input: Arc<dyn ExecutionPlan>,
    slices: Slices,
}

impl PacedExec {
    pub fn new(input: Arc<dyn ExecutionPlan>, slices: Slices) -> Self {
        Self { input, slices }
    }
}

impl DisplayAs for PacedExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PacedExec: slices={}", self.slices == Slices::Cut)
    }
}

impl ExecutionPlan for PacedExec {
    fn name(&self) -> &str {
        "PacedExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match <[_; 1]>::try_from(children) {
            Ok([input]) => Ok(Arc::new(Self::new(input, self.slices))),
            Err(children) => internal_err!("PacedExec has one input, not {}", children.len()),
        }
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        Ok(Box::pin(Paced {
            input: self.input.execute(partition, context)?,
            slices: self.slices,
            waiting: VecDeque::new(),
            n_rows: FIRST_SLICE,
            given: None,
            paused: Instant::now(),
        }))
    }
}

struct Paced {
    input: SendableRecordBatchStream,
    slices: Slices,
    /// Slices of the last batch that have not been given yet.
    waiting: VecDeque<RecordBatch>,
    /// Rows that the next slices have.
    n_rows: usize,
    /// When the last slice was given, and whether it was as large as it might be.
    given: Option<(Instant, bool)>,
    /// When the stream paused last.
    paused: Instant,
}

impl Paced {
    /// Learn from how long the consumer worked on the last slice.
    fn learn(&mut self) {
        let Some((since, was_full)) = self.given.take() else { return };
        let worked = since.elapsed();
        if worked > LONG {
            // The slices at hand are too large as well.
            let n_rows = (self.n_rows / 2).max(1);
            self.n_rows = n_rows;
            self.waiting = self.waiting.drain(..).flat_map(|batch| cut(batch, n_rows)).collect();
        } else if worked < LONG / 4 && was_full {
            self.n_rows = self.n_rows.saturating_mul(2);
        }
    }

    fn give(&mut self, batch: RecordBatch) -> Poll<Option<Result<RecordBatch>>> {
        self.given = Some((Instant::now(), batch.num_rows() >= self.n_rows));
        Poll::Ready(Some(Ok(batch)))
    }
}

impl Stream for Paced {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.slices == Slices::Cut {
            self.learn();
        }
        if self.paused.elapsed() > PAUSE_AFTER {
            context.waker().wake_by_ref();
            self.paused = Instant::now();
            return Poll::Pending;
        }
        if let Some(slice) = self.waiting.pop_front() {
            return self.give(slice);
        }
        match ready!(self.input.poll_next_unpin(context)) {
            Some(Ok(batch)) if self.slices == Slices::Cut && batch.num_rows() > self.n_rows => {
                self.waiting = cut(batch, self.n_rows).collect();
                match self.waiting.pop_front() {
                    Some(slice) => self.give(slice),
                    None => Poll::Ready(None),
                }
            }
            Some(Ok(batch)) => self.give(batch),
            other => Poll::Ready(other),
        }
    }
}

impl RecordBatchStream for Paced {
    fn schema(&self) -> SchemaRef {
        self.input.schema()
    }
}

/// Cut a batch into slices of `n_rows`, the last of which may be shorter.
fn cut(batch: RecordBatch, n_rows: usize) -> impl Iterator<Item = RecordBatch> {
    (0..batch.num_rows())
        .step_by(n_rows)
        .map(move |first| batch.slice(first, n_rows.min(batch.num_rows() - first)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use datafusion::arrow::array::{AsArray, Int64Array};
    use datafusion::arrow::datatypes::Int64Type;
    use datafusion::datasource::memory::MemorySourceConfig;

    /// Take all rows, and work on each for `work`; return the sizes of the slices.
    async fn slices(n_rows: i64, work: Duration) -> Vec<usize> {
        let numbers = Arc::new(Int64Array::from_iter_values(0..n_rows));
        let batch = RecordBatch::try_from_iter([("n", numbers as _)]).unwrap();
        let input =
            MemorySourceConfig::try_new_exec(&[vec![batch.clone()]], batch.schema(), None).unwrap();
        let mut stream = PacedExec::new(input, Slices::Cut)
            .execute(0, Arc::new(TaskContext::default()))
            .unwrap();
        let mut sizes = vec![];
        let mut next = 0;
        while let Some(slice) = stream.next().await {
            let slice = slice.unwrap();
            sizes.push(slice.num_rows());
            for value in slice.column(0).as_primitive::<Int64Type>().values() {
                assert_eq!(*value, next);
                next += 1;
            }
            std::thread::sleep(work * slice.num_rows() as u32);
        }
        assert_eq!(next, n_rows);
        sizes
    }

    #[tokio::test]
    async fn slices_are_as_large_as_the_consumer_is_quick() {
        let quick = slices(100_000, Duration::ZERO).await;
        assert!(quick.len() < 400, "{quick:?}");
        let slow = slices(300, Duration::from_millis(1)).await;
        assert!(slow.iter().skip(4).all(|n_rows| *n_rows <= 16), "{slow:?}");
    }
}
