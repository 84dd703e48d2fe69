//! One partition of a join of neighbours at work.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use almagest_storage::sphgeom::Cone;
use datafusion::arrow::array::UInt32Array;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::JoinType;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::joins::NestedLoopJoinExec;
use datafusion::physical_plan::metrics::BaselineMetrics;
use futures::{Stream, StreamExt, TryStreamExt, stream};
use tokio::sync::OnceCell;

use super::gathered::Gathered;
use super::neighbours::Neighbours;
use super::output::{Output, Pairs, Side};
use super::zones::Point;

/// Pairs after which a batch goes out.
const BATCH_PAIRS: usize = 8 * 1024;

/// Do rows of the left side come, or not, for having no partner?
fn keeps_left(join_type: JoinType) -> bool {
    use JoinType::{Full, Left, LeftAnti, LeftSemi};
    matches!(join_type, Left | Full | LeftSemi | LeftAnti)
}

/// Do rows of the right side come, or not, for having no partner?
fn keeps_right(join_type: JoinType) -> bool {
    use JoinType::{Full, Right, RightAnti, RightSemi};
    matches!(join_type, Right | Full | RightSemi | RightAnti)
}

/// Do pairs come?
fn gives_pairs(join_type: JoinType) -> bool {
    use JoinType::{Full, Inner, Left, Right};
    matches!(join_type, Inner | Left | Right | Full)
}

/// What a partition works with.
pub(super) struct Joining {
    pub nested: Arc<NestedLoopJoinExec>,
    pub neighbours: Neighbours,
    pub gathered: Arc<OnceCell<Arc<Gathered>>>,
    pub n_at_work: Arc<AtomicUsize>,
    pub metrics: BaselineMetrics,
}

/// Where it is.
struct Work {
    joining: Joining,
    right: SendableRecordBatchStream,
    context: Arc<TaskContext>,
    output: Output,
    at_hand: Option<AtHand>,
    is_over: bool,
}

/// A batch of the right side, some of whose rows have met their neighbours.
struct AtHand {
    rows: RecordBatch,
    points: Vec<Option<Point>>,
    cones: Option<Vec<Option<Cone>>>,
    next: usize,
    /// Which rows have a partner; empty where nobody asks.
    matched: Vec<bool>,
}

impl Joining {
    /// The rows of one partition.
    pub fn batches(
        self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<impl Stream<Item = Result<RecordBatch>> + Send + 'static> {
        let right = self.nested.right().execute(partition, context.clone())?;
        let output = Output::of(&self.nested);
        let work = Work { joining: self, right, context, output, at_hand: None, is_over: false };
        let batches = stream::try_unfold(work, |mut work| async move {
            let batch = work.next_batch().await?;
            Ok(batch.map(|batch| (batch, work)))
        });
        // One that is empty is no news.
        Ok(batches.try_filter(|batch| std::future::ready(batch.num_rows() > 0)))
    }

    /// The left side, gathered by whoever comes first: it is run once, as partitions of a scan share
    /// their files with all who run it.
    async fn gathered(&self, context: &Arc<TaskContext>) -> Result<Arc<Gathered>> {
        let Joining { nested, neighbours, gathered, .. } = self;
        let gather = || async {
            let left = nested.left().execute(0, context.clone())?;
            let is_noted = keeps_left(*nested.join_type());
            let gathered = Gathered::gather(left, neighbours, is_noted, context).await?;
            Ok::<_, DataFusionError>(Arc::new(gathered))
        };
        gathered.get_or_try_init(gather).await.cloned()
    }
}

impl Work {
    async fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        if self.is_over {
            return Ok(None);
        }
        let gathered = self.joining.gathered(&self.context).await?;
        loop {
            if let Some(mut at_hand) = self.at_hand.take() {
                if let Some(batch) = self.pairs(&gathered, &mut at_hand)? {
                    self.at_hand = Some(at_hand);
                    return Ok(Some(self.noted(batch)));
                }
                if let Some(batch) = self.kept_of_right(&at_hand)? {
                    return Ok(Some(self.noted(batch)));
                }
            }
            match self.right.next().await.transpose()? {
                Some(rows) => {
                    let (points, cones) = self.joining.neighbours.of_right(&rows)?;
                    let n_flags = if keeps_right(self.join_type()) { rows.num_rows() } else { 0 };
                    let matched = vec![false; n_flags];
                    self.at_hand = Some(AtHand { rows, points, cones, next: 0, matched });
                }
                None => {
                    self.is_over = true;
                    // Only when all are done is it known who has no partner.
                    let is_last = self.joining.n_at_work.fetch_sub(1, Ordering::AcqRel) == 1;
                    return match is_last && keeps_left(self.join_type()) {
                        true => self.kept_of_left(&gathered).map(|batch| Some(self.noted(batch))),
                        false => Ok(None),
                    };
                }
            }
        }
    }

    fn join_type(&self) -> JoinType {
        *self.joining.nested.join_type()
    }

    fn noted(&self, batch: RecordBatch) -> RecordBatch {
        self.joining.metrics.record_output(batch.num_rows());
        batch
    }

    /// The next pairs of the batch at hand; `None` when all its rows have met theirs.
    fn pairs(&self, gathered: &Gathered, at_hand: &mut AtHand) -> Result<Option<RecordBatch>> {
        let neighbours = &self.joining.neighbours;
        while at_hand.next < at_hand.rows.num_rows() {
            let pairs = match neighbours.n_nearest() {
                Some(n) => self.nearest(gathered, at_hand, n)?,
                None => self.within_radius(gathered, at_hand)?,
            };
            gathered.note(&pairs.left);
            if !at_hand.matched.is_empty() {
                pairs.right.iter().for_each(|&row| at_hand.matched[row as usize] = true);
            }
            if gives_pairs(self.join_type()) && !pairs.left.is_empty() {
                let (left, right) = (pairs.left.into(), pairs.right.into());
                let left = Side::Rows(&gathered.rows, &left);
                return self.output.rows(left, Side::Rows(&at_hand.rows, &right)).map(Some);
            }
        }
        Ok(None)
    }

    /// Pairs of the next rows with those within the radius.
    fn within_radius(&self, gathered: &Gathered, at_hand: &mut AtHand) -> Result<Pairs> {
        let one = self.joining.neighbours.one_cone();
        let mut pairs = Pairs::default();
        while at_hand.next < at_hand.rows.num_rows() && pairs.left.len() < BATCH_PAIRS {
            let right = at_hand.next;
            at_hand.next += 1;
            let Some(point) = at_hand.points[right] else { continue };
            let cone = one.or_else(|| at_hand.cones.as_ref().and_then(|cones| cones[right]));
            gathered.near(&point, cone, |left| pairs.add(left, right));
        }
        self.satisfying(pairs, gathered, at_hand)
    }

    /// Pairs of the next rows with the `n` nearest of those that satisfy the rest of the condition.
    fn nearest(&self, gathered: &Gathered, at_hand: &mut AtHand, n: usize) -> Result<Pairs> {
        let mut pairs = Pairs::default();
        let n_rows = gathered.rows.num_rows();
        while at_hand.next < at_hand.rows.num_rows() && pairs.left.len() < BATCH_PAIRS {
            let right = at_hand.next;
            at_hand.next += 1;
            let point = at_hand.points[right];
            let mut n_looked_at = n;
            loop {
                let mut of_row = Pairs::default();
                let is_all = n_looked_at >= n_rows;
                gathered.nearest(point.as_ref(), n_looked_at, |left| of_row.add(left, right));
                let of_row = self.satisfying(of_row, gathered, at_hand)?;
                if is_all || of_row.left.len() >= n {
                    pairs.left.extend(of_row.left);
                    pairs.right.extend(of_row.right);
                    break;
                }
                n_looked_at = n_looked_at.saturating_mul(8);
            }
        }
        Ok(pairs)
    }

    /// Those pairs for which the whole condition holds.
    fn satisfying(&self, pairs: Pairs, gathered: &Gathered, at_hand: &AtHand) -> Result<Pairs> {
        let Joining { nested, neighbours, .. } = &self.joining;
        match nested.filter().filter(|_| !neighbours.is_all) {
            Some(filter) => pairs.retain(filter, &gathered.rows, &at_hand.rows),
            None => Ok(pairs),
        }
    }

    /// Rows of the batch at hand that come with or without a partner.
    fn kept_of_right(&self, at_hand: &AtHand) -> Result<Option<RecordBatch>> {
        if !keeps_right(self.join_type()) {
            return Ok(None);
        }
        let is_wanted = self.join_type() == JoinType::RightSemi;
        let numbered = at_hand.matched.iter().zip(0_u32..);
        let rows = numbered.filter(|(matched, _)| **matched == is_wanted).map(|(_, row)| row);
        let rows = UInt32Array::from_iter_values(rows);
        self.output.rows(Side::Nulls, Side::Rows(&at_hand.rows, &rows)).map(Some)
    }

    /// Rows of the left side that come with or without a partner.
    fn kept_of_left(&self, gathered: &Gathered) -> Result<RecordBatch> {
        let rows = gathered.rows_matched(self.join_type() == JoinType::LeftSemi);
        self.output.rows(Side::Rows(&gathered.rows, &rows), Side::Nulls)
    }
}
