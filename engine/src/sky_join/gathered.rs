//! The left side of a join of neighbours, gathered whole.

use std::sync::atomic::{AtomicU64, Ordering};

use almagest_storage::sphgeom::Cone;
use datafusion::arrow::array::{Array, UInt32Array};
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use futures::TryStreamExt;

use super::neighbours::Neighbours;
use super::tree::Tree;
use super::zones::{Point, Zones};

/// Bytes that the zones or the tree hold of a row.
const BYTES_OF_POINT: usize = 64;

/// The left side, gathered.
pub(super) struct Gathered {
    pub rows: RecordBatch,
    places: Places,
    /// Which rows have a partner, a bit for each; empty where nobody asks.
    matched: Vec<AtomicU64>,
    _memory: MemoryReservation,
}

/// Where the rows are.
enum Places {
    /// To find those within a radius of the other side's.
    Zones(Zones),
    /// To find those within their own radius: a cone for each, and the greatest radius, degrees.
    Cones { zones: Zones, cones: Vec<Option<Cone>>, greatest: f64 },
    /// To find the nearest; and the rows that are nowhere.
    Tree { tree: Tree, nowhere: Vec<u32> },
}

impl Gathered {
    /// Gather all rows of `left`, and note which get a partner if `are_noted`.
    pub async fn gather(
        mut left: SendableRecordBatchStream,
        neighbours: &Neighbours,
        are_noted: bool,
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
        let places = Places::of(&rows, neighbours)?;
        let n_words = if are_noted { rows.num_rows().div_ceil(64) } else { 0 };
        let matched = std::iter::repeat_with(AtomicU64::default).take(n_words).collect();
        Ok(Self { rows, places, matched, _memory: memory })
    }

    /// Pass on the rows within the cone about a point, or within their own cones.
    pub fn near(&self, point: &Point, cone: Option<Cone>, mut take: impl FnMut(u32)) {
        match &self.places {
            Places::Zones(zones) => {
                let Some(cone) = cone.map(|cone| cone.with_center(point.direction)) else { return };
                zones.near(point, cone.radius().degrees(), |direction, row| {
                    if cone.contains(direction) {
                        take(row);
                    }
                });
            }
            Places::Cones { zones, cones, greatest } => {
                zones.near(point, *greatest, |direction, row| {
                    let cone = cones[row as usize].map(|cone| cone.with_center(point.direction));
                    if cone.is_some_and(|cone| cone.contains(direction)) {
                        take(row);
                    }
                });
            }
            Places::Tree { .. } => {}
        }
    }

    /// Pass on the `n` rows nearest to a point, with all that are as near as the last. Rows that are
    /// nowhere come after all others; to what is nowhere all are equally near.
    pub fn nearest(&self, point: Option<&Point>, n: usize, mut take: impl FnMut(u32)) {
        match (&self.places, point) {
            (Places::Tree { tree, nowhere }, Some(point)) => {
                tree.nearest(&point.direction, n, &mut take);
                if tree.len() < n {
                    nowhere.iter().copied().for_each(take);
                }
            }
            _ => (0..self.rows.num_rows() as u32).for_each(take),
        }
    }

    /// Note that rows have a partner.
    pub fn note(&self, rows: &[u32]) {
        if self.matched.is_empty() {
            return;
        }
        for &row in rows {
            self.matched[row as usize / 64].fetch_or(1 << (row % 64), Ordering::Relaxed);
        }
    }

    /// The rows that have a partner, or those that have none.
    pub fn rows_matched(&self, is_matched: bool) -> UInt32Array {
        let bit =
            |row: u32| self.matched[row as usize / 64].load(Ordering::Relaxed) >> (row % 64) & 1;
        let rows = 0..self.rows.num_rows() as u32;
        rows.filter(|&row| (bit(row) == 1) == is_matched).collect::<Vec<_>>().into()
    }
}

impl Places {
    fn of(rows: &RecordBatch, neighbours: &Neighbours) -> Result<Self> {
        let (points, cones) = neighbours.of_left(rows)?;
        let nowhere = || points.iter().zip(0..).filter(|(point, _)| point.is_none());
        let somewhere = || points.iter().zip(0..).filter_map(|(point, row)| Some(((*point)?, row)));
        if neighbours.n_nearest().is_some() {
            let tree = Tree::new(somewhere().map(|(point, row)| (point.direction, row)));
            return Ok(Self::Tree { tree, nowhere: nowhere().map(|(_, row)| row).collect() });
        }
        let points: Vec<(Point, u32)> = somewhere().collect();
        Ok(match cones {
            Some(cones) => {
                let radii = cones.iter().flatten().map(|cone| cone.radius().degrees());
                let greatest = radii.fold(-1.0, f64::max);
                Self::Cones { zones: Zones::new(&points, greatest), cones, greatest }
            }
            None => {
                let radius = neighbours.one_cone().map_or(0.0, |cone| cone.radius().degrees());
                Self::Zones(Zones::new(&points, radius))
            }
        })
    }
}

/// Bytes of a batch's own rows: it may be a slice of what others hold too.
fn size_of(batch: &RecordBatch) -> Result<usize> {
    let sizes = batch.columns().iter().map(|column| column.to_data().get_slice_memory_size());
    Ok(sizes.sum::<Result<usize, _>>()?)
}
