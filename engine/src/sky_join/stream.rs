//! One partition of a join of neighbours at work.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use almagest_storage::sphgeom::Cone;
use datafusion::arrow::array::{Array, UInt32Array};
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::JoinType;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::joins::NestedLoopJoinExec;
use datafusion::physical_plan::metrics::BaselineMetrics;
use futures::{Stream, StreamExt, TryStreamExt, stream};
use tokio::sync::OnceCell;

use super::neighbours::Neighbours;
use super::output::{Output, Pairs, Side};
use super::zones::{Point, Zones};

/// Pairs after which a batch goes out.
const BATCH_PAIRS: usize = 8 * 1024;
/// Bytes that the zones hold of a row.
const BYTES_OF_POINT: usize = 64;

/// The left side, gathered.
pub(super) struct Gathered {
    rows: RecordBatch,
    zones: Zones,
    /// The cones about the rows, where each has its own radius, and the greatest radius, degrees.
    cones: Option<(Vec<Option<Cone>>, f64)>,
    /// Which rows have a partner, a bit for each; empty where nobody asks.
    matched: Vec<AtomicU64>,
    _memory: MemoryReservation,
}

impl Gathered {
    async fn gather(
        mut left: SendableRecordBatchStream,
        neighbours: &Neighbours,
        join_type: JoinType,
        context: &TaskContext,
    ) -> Result<Self> {
        let memory = MemoryConsumer::new("SkyJoin").register(context.memory_pool());
        let schema = left.schema();
        let mut batches = vec![];
        while let Some(batch) = left.try_next().await? {
            memory.try_grow(size_of(&batch)? + BYTES_OF_POINT * batch.num_rows())?;
            batches.push(batch);
        }
        let rows = concat_batches(&schema, &batches)?;
        if u32::try_from(rows.num_rows()).is_err() {
            let message =
                format!("a join gathers {} rows, more than it can count", rows.num_rows());
            return Err(DataFusionError::ResourcesExhausted(message));
        }
        let (points, cones) = neighbours.of_left(&rows)?;
        let cones = cones.map(|cones| {
            let radii = cones.iter().flatten().map(|cone| cone.radius().degrees());
            let greatest = radii.fold(-1.0, f64::max);
            (cones, greatest)
        });
        let numbered = points.into_iter().zip(0..);
        let points: Vec<(Point, u32)> =
            numbered.filter_map(|(point, row)| Some((point?, row))).collect();
        let radius = match (neighbours.one_cone(), &cones) {
            (Some(cone), _) => cone.radius().degrees(),
            (None, Some((_, greatest))) => *greatest,
            (None, None) => 0.0,
        };
        let n_words = match keeps_left(join_type) {
            true => rows.num_rows().div_ceil(64),
            false => 0,
        };
        let matched = std::iter::repeat_with(AtomicU64::default).take(n_words).collect();
        Ok(Self { rows, zones: Zones::new(&points, radius), cones, matched, _memory: memory })
    }

    /// Note that rows have a partner.
    fn note(&self, rows: &[u32]) {
        if self.matched.is_empty() {
            return;
        }
        for &row in rows {
            self.matched[row as usize / 64].fetch_or(1 << (row % 64), Ordering::Relaxed);
        }
    }

    /// The rows that have a partner, or those that have none.
    fn rows_matched(&self, is_matched: bool) -> UInt32Array {
        let bit =
            |row: u32| self.matched[row as usize / 64].load(Ordering::Relaxed) >> (row % 64) & 1;
        let rows = 0..self.rows.num_rows() as u32;
        rows.filter(|&row| (bit(row) == 1) == is_matched).collect::<Vec<_>>().into()
    }
}

/// Bytes of a batch's own rows: it may be a slice of what others hold too.
fn size_of(batch: &RecordBatch) -> Result<usize> {
    let sizes = batch.columns().iter().map(|column| column.to_data().get_slice_memory_size());
    Ok(sizes.sum::<Result<usize, _>>()?)
}

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
            let gathered = Gathered::gather(left, neighbours, *nested.join_type(), context).await?;
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
        let one = neighbours.one_cone();
        while at_hand.next < at_hand.rows.num_rows() {
            let mut pairs = Pairs::default();
            while at_hand.next < at_hand.rows.num_rows() && pairs.left.len() < BATCH_PAIRS {
                let right = at_hand.next;
                at_hand.next += 1;
                let Some(point) = at_hand.points[right] else { continue };
                let mut take = |left: u32| {
                    pairs.left.push(left);
                    pairs.right.push(right as u32);
                };
                if let Some((cones, greatest)) = &gathered.cones {
                    gathered.zones.near(&point, *greatest, |direction, left| {
                        let cone =
                            cones[left as usize].map(|cone| cone.with_center(point.direction));
                        if cone.is_some_and(|cone| cone.contains(direction)) {
                            take(left);
                        }
                    });
                } else if let Some(cone) =
                    one.or_else(|| at_hand.cones.as_ref().and_then(|cones| cones[right]))
                {
                    let cone = cone.with_center(point.direction);
                    let radius = cone.radius().degrees();
                    gathered.zones.near(&point, radius, |direction, left| {
                        if cone.contains(direction) {
                            take(left);
                        }
                    });
                }
            }
            if let Some(filter) = self.joining.nested.filter().filter(|_| !neighbours.is_all) {
                pairs = pairs.retain(filter, &gathered.rows, &at_hand.rows)?;
            }
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
