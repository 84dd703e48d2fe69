//! The best rows seen so far of each group.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array};
use datafusion::arrow::compute::interleave_record_batch;
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::arrow::row::{Row, RowConverter, Rows, SortField};
use datafusion::error::Result;
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::aggregates::group_values::{GroupValues, new_group_values};
use datafusion::physical_plan::aggregates::order::GroupOrdering;

use super::Ranking;

/// Rows to hold before it is worth to look for those that are among the best no more.
const ENOUGH_ROWS: usize = 64 * 1024;

/// A row that is held: the batch, the row in it.
#[derive(Debug, Clone, Copy)]
struct Place {
    batch: u32,
    row: u32,
}

/// Rows that are held.
struct Held {
    rows: RecordBatch,
    /// The order of each, as bytes that compare alike.
    order: Rows,
}

/// The best rows of each group.
pub(super) struct Groups {
    ranking: Ranking,
    schema: SchemaRef,
    order: RowConverter,
    /// The number of each group; none where all rows are one.
    numbers: Option<Box<dyn GroupValues>>,
    held: Vec<Held>,
    n_held: usize,
    held_bytes: usize,
    /// Of each group the best, in their order.
    best: Vec<Vec<Place>>,
    n_best: usize,
    memory: MemoryReservation,
}

impl Groups {
    pub fn new(ranking: Ranking, schema: SchemaRef, memory: MemoryReservation) -> Result<Self> {
        let fields = ranking
            .order_by
            .iter()
            .map(|key| Ok(SortField::new_with_options(key.expr.data_type(&schema)?, key.options)));
        let order = RowConverter::new(fields.collect::<Result<_>>()?)?;
        let numbers = match ranking.group_by.as_slice() {
            [] => None,
            group_by => {
                let field = |key: &Arc<dyn PhysicalExpr>| {
                    Ok(Field::new(key.to_string(), key.data_type(&schema)?, true))
                };
                let fields = group_by.iter().map(field).collect::<Result<Vec<_>>>()?;
                Some(new_group_values(Arc::new(Schema::new(fields)), &GroupOrdering::None)?)
            }
        };
        let (held, best) = (vec![], vec![]);
        Ok(Self {
            ranking,
            schema,
            order,
            numbers,
            held,
            n_held: 0,
            held_bytes: 0,
            best,
            n_best: 0,
            memory,
        })
    }

    /// Look at more rows.
    pub fn add(&mut self, rows: RecordBatch) -> Result<()> {
        let mut groups = vec![];
        match &mut self.numbers {
            Some(numbers) => {
                let keys = evaluated(self.ranking.group_by.iter(), &rows)?;
                numbers.intern(&keys, &mut groups)?;
                self.best.resize_with(numbers.len(), Vec::new);
            }
            None => {
                groups.resize(rows.num_rows(), 0);
                self.best.resize_with(1, Vec::new);
            }
        }
        let batch = self.held.len() as u32;
        self.hold(rows)?;
        for (group, row) in groups.into_iter().zip(0..) {
            self.rank(group, Place { batch, row });
        }
        if self.n_held > ENOUGH_ROWS && self.n_held > 2 * self.n_best {
            self.forget_others()?;
        }
        self.memory.try_resize(self.size())
    }

    fn hold(&mut self, rows: RecordBatch) -> Result<()> {
        let keys = evaluated(self.ranking.order_by.iter().map(|key| &key.expr), &rows)?;
        let order = self.order.convert_columns(&keys)?;
        self.n_held += rows.num_rows();
        self.held_bytes += rows.get_array_memory_size() + order.size();
        self.held.push(Held { rows, order });
        Ok(())
    }

    /// Put a row among the best of its group, if it is one of them.
    fn rank(&mut self, group: usize, place: Place) {
        let Self { held, best, ranking, n_best, .. } = self;
        let best = &mut best[group];
        let order = order_of(held, place);
        let is_full = best.len() == ranking.n;
        if is_full && best.last().is_none_or(|&last| order_of(held, last) <= order) {
            return;
        }
        if is_full {
            best.pop();
        } else {
            *n_best += 1;
        }
        let rank = best.partition_point(|&other| order_of(held, other) <= order);
        best.insert(rank, place);
    }

    /// Hold the best rows only.
    fn forget_others(&mut self) -> Result<()> {
        let places: Vec<Place> = self.best.iter().flatten().copied().collect();
        let mut next = 0..;
        for (place, row) in self.best.iter_mut().flatten().zip(&mut next) {
            *place = Place { batch: 0, row };
        }
        let rows = taken(&self.held, &places)?;
        self.held.clear();
        (self.n_held, self.held_bytes) = (0, 0);
        match rows {
            Some(rows) => self.hold(rows),
            None => Ok(()),
        }
    }

    /// Bytes that are held.
    fn size(&self) -> usize {
        let best = self.best.len() * size_of::<Vec<Place>>() + self.n_best * size_of::<Place>();
        self.held_bytes + best + self.numbers.as_ref().map_or(0, |numbers| numbers.size())
    }

    /// The best of each group, all rows having been seen.
    pub fn best(self) -> Best {
        let places = self.best.iter().flatten().copied().collect();
        let ranks = self.best.iter().flat_map(|best| 1..=best.len() as i64).collect();
        Best { schema: self.schema, held: self.held, places, ranks, _memory: self.memory }
    }
}

/// The best rows of all groups.
pub(super) struct Best {
    schema: SchemaRef,
    held: Vec<Held>,
    places: Vec<Place>,
    ranks: Vec<i64>,
    _memory: MemoryReservation,
}

impl Best {
    pub fn n_rows(&self) -> usize {
        self.places.len()
    }

    /// Some of them, with their ranks.
    pub fn batch(&self, first: usize, n_rows: usize) -> Result<RecordBatch> {
        let part = first..(first + n_rows).min(self.n_rows());
        let Some(rows) = taken(&self.held, &self.places[part.clone()])? else {
            return Ok(RecordBatch::new_empty(self.schema.clone()));
        };
        let ranks: ArrayRef = Arc::new(Int64Array::from(self.ranks[part].to_vec()));
        let columns = rows.columns().iter().cloned().chain([ranks]).collect();
        Ok(RecordBatch::try_new(self.schema.clone(), columns)?)
    }
}

fn order_of(held: &[Held], place: Place) -> Row<'_> {
    held[place.batch as usize].order.row(place.row as usize)
}

/// Rows at some places; none of no places.
fn taken(held: &[Held], places: &[Place]) -> Result<Option<RecordBatch>> {
    if places.is_empty() {
        return Ok(None);
    }
    let batches: Vec<&RecordBatch> = held.iter().map(|held| &held.rows).collect();
    let places: Vec<(usize, usize)> =
        places.iter().map(|place| (place.batch as usize, place.row as usize)).collect();
    Ok(Some(interleave_record_batch(&batches, &places)?))
}

fn evaluated<'a>(
    keys: impl Iterator<Item = &'a Arc<dyn PhysicalExpr>>,
    rows: &RecordBatch,
) -> Result<Vec<ArrayRef>> {
    keys.map(|key| key.evaluate(rows)?.into_array(rows.num_rows())).collect()
}
