//! A table of a snapshot as DataFusion scans it.
//!
//! ```text
//!   filters ─▶ regions ─▶ footprints (caps) that may meet ─▶ files, row groups   (ParquetAccessPlan)
//!                    └──▶ ranges of `_healpix_29`, widened by max_offset ─▶ pages  (predicate)
//!   filters ─▶ physical predicate on statistics ─▶ row groups, pages
//!   deletion vectors ─▶ rows that are never read                              (ParquetAccessPlan)
//! ```
//!
//! Pruning only skips what cannot match: each filter is reported as inexact, so that it is applied
//! to every row that is read.

use std::collections::HashSet;
use std::sync::Arc;

use almagest_storage::Snapshot;
use almagest_storage::chunk_file::HEALPIX_29;
use almagest_storage::coverage::healpix_ranges;
use almagest_storage::data_file::{DataFile, Footprint};
use almagest_storage::schema::TableDef;
use almagest_storage::sphgeom::{Angle, Region};
use async_trait::async_trait;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{DFSchema, Statistics};
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::{ParquetAccessPlan, RowGroupAccess};
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, Operator, TableProviderFilterPushDown};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, lit};
use datafusion::physical_plan::ExecutionPlan;

use crate::config::Pruning;
use crate::estimate::{FilesEstimate, Share};
use crate::progress::Planned;
use crate::region_filter::regions_of_filters;

/// Greatest number of `_healpix_29` ranges that stand for a region.
const MAX_RANGES: usize = 64;

/// A table of one snapshot.
#[derive(Debug)]
pub(crate) struct ChunkedTable {
    snapshot: Snapshot,
    table: TableDef,
    schema: SchemaRef,
    pruning: Pruning,
}

/// The files that a scan reads, and what it reads of them.
#[derive(Default)]
struct FilesToRead<'a> {
    files: Vec<PartitionedFile>,
    footprints: Vec<&'a Footprint>,
    /// Number of rows, without the deleted ones.
    n_rows: u64,
}

impl ChunkedTable {
    pub fn new(snapshot: Snapshot, table: TableDef, pruning: Pruning) -> Self {
        let schema = table.arrow_schema();
        Self { snapshot, table, schema, pruning }
    }

    /// The columns of the files: the definition's, then the sort key.
    fn file_schema(&self) -> SchemaRef {
        if !self.table.is_chunked() {
            return self.schema.clone();
        }
        let mut fields = self.schema.fields().to_vec();
        fields.push(Arc::new(Field::new(HEALPIX_29, DataType::Int64, false)));
        Arc::new(Schema::new(fields))
    }

    fn regions(&self, filters: &[Expr]) -> Vec<Region> {
        match (&self.table.position, self.pruning) {
            (Some(position), Pruning::On) => regions_of_filters(filters, position),
            _ => vec![],
        }
    }

    /// Tell what a scan under `filters` would read of the files, with all columns.
    pub fn estimate(&self, filters: &[Expr]) -> FilesEstimate {
        let regions = self.regions(filters);
        let mut sum = FilesEstimate::default();
        let (mut chunks, mut chunks_read) = (HashSet::new(), HashSet::new());
        for file in self.snapshot.data_files(&self.table.name) {
            let met = access_plan(file, &regions).map_or(vec![], |(_, met)| met);
            chunks.extend(file.footprints.iter().map(|footprint| footprint.chunk));
            chunks_read.extend(met.iter().map(|footprint| footprint.chunk));
            let row_groups = |all: &mut dyn Iterator<Item = &Footprint>| -> u64 {
                all.map(|footprint| u64::from(footprint.n_row_groups)).sum()
            };
            let rows = Share {
                read: met.iter().map(|footprint| file.n_visible_rows_of(footprint)).sum(),
                all: file.n_visible_rows(),
            };
            let share = rows.read as f64 / rows.all.max(1) as f64;
            let bytes = (file.size_bytes as f64 * share).round() as u64;
            sum.files = sum.files + Share { read: u64::from(!met.is_empty()), all: 1 };
            sum.row_groups = sum.row_groups
                + Share {
                    read: row_groups(&mut met.iter().copied()),
                    all: row_groups(&mut file.footprints.iter()),
                };
            sum.rows = sum.rows + rows;
            sum.bytes = sum.bytes + Share { read: bytes, all: file.size_bytes };
        }
        sum.chunks = Share { read: chunks_read.len() as u64, all: chunks.len() as u64 };
        sum
    }

    /// Return the files of which something may match, each with its access plan.
    fn files(&self, regions: &[Region]) -> Result<FilesToRead<'_>> {
        let FilesToRead { mut files, mut footprints, mut n_rows } = FilesToRead::default();
        for file in self.snapshot.data_files(&self.table.name) {
            let Some((access, met)) = access_plan(file, regions) else { continue };
            let planned = Planned {
                n_chunks: met.len() as u64,
                n_rows: met.iter().map(|footprint| file.n_visible_rows_of(footprint)).sum(),
            };
            n_rows += planned.n_rows;
            footprints.extend(met);
            let path = std::path::absolute(self.snapshot.path(file))?;
            let path = object_store::path::Path::from_absolute_path(&path)
                .map_err(|error| DataFusionError::External(Box::new(error)))?;
            let mut partitioned = PartitionedFile::new_from_meta(object_store::ObjectMeta {
                location: path,
                last_modified: Default::default(),
                size: file.size_bytes,
                e_tag: None,
                version: None,
            })
            .with_extension(planned)
            // The plan outlives the table: as long as it reads the file, vacuum must not remove it.
            .with_extension(self.snapshot.clone());
            if let Some(access) = access {
                partitioned = partitioned.with_extension(access);
            }
            files.push(partitioned);
        }
        Ok(FilesToRead { files, footprints, n_rows })
    }

    /// Return what pages and row groups must satisfy: the filters, as far as statistics can tell,
    /// and the ranges of the sort key.
    fn predicate(
        &self,
        state: &dyn Session,
        filters: &[Expr],
        regions: &[Region],
        footprints: &[&Footprint],
    ) -> Result<Option<Arc<dyn PhysicalExpr>>> {
        let mut predicate = match conjunction(filters.to_vec()) {
            Some(filter) => {
                let schema = DFSchema::try_from(self.schema.clone())?;
                Some(state.create_physical_expr(filter, &schema)?)
            }
            None => None,
        };
        if !self.table.is_chunked() {
            return Ok(predicate);
        }
        // Every footprint that is read must bound the distance from key to row, or keys say nothing.
        let widen = footprints
            .iter()
            .map(|footprint| footprint.max_offset)
            .try_fold(Angle::ZERO, |widest, offset| offset.map(|offset| widest.max(offset)));
        if let Some(widen) = widen {
            for region in regions {
                let ranges = self.key_ranges(region, widen);
                predicate = Some(match predicate {
                    Some(predicate) => binary(predicate, Operator::And, ranges),
                    None => ranges,
                });
            }
        }
        Ok(predicate)
    }

    fn key_ranges(&self, region: &Region, widen: Angle) -> Arc<dyn PhysicalExpr> {
        let key: Arc<dyn PhysicalExpr> =
            Arc::new(Column::new(HEALPIX_29, self.table.columns.len()));
        let ranges = healpix_ranges(region, widen, MAX_RANGES)
            .into_iter()
            .map(|range| {
                binary(
                    binary(key.clone(), Operator::GtEq, lit(*range.start())),
                    Operator::And,
                    binary(key.clone(), Operator::LtEq, lit(*range.end())),
                )
            })
            .collect();
        any(ranges).unwrap_or_else(|| lit(false))
    }
}

/// Join conditions by OR in a balanced tree: evaluation asks each node for its type, which asks
/// all nodes below, so that a chain would cost the square of its length.
fn any(mut conditions: Vec<Arc<dyn PhysicalExpr>>) -> Option<Arc<dyn PhysicalExpr>> {
    if conditions.len() > 2 {
        let rest = conditions.split_off(conditions.len() / 2);
        conditions = any(conditions).into_iter().chain(any(rest)).collect();
    }
    conditions.into_iter().reduce(|a, b| binary(a, Operator::Or, b))
}

#[async_trait]
impl TableProvider for ChunkedTable {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let regions = self.regions(filters);
        let FilesToRead { files, footprints, n_rows } = self.files(&regions)?;
        let predicate = self.predicate(state, filters, &regions, &footprints)?;

        let file_schema = self.file_schema();
        let mut source = ParquetSource::new(file_schema.clone()).with_enable_page_index(true);
        if let Some(predicate) = predicate {
            source = source.with_predicate(predicate);
        }
        let n_groups = state.config().target_partitions().max(1).min(files.len().max(1));
        let mut groups = vec![vec![]; n_groups];
        for (index, file) in files.into_iter().enumerate() {
            groups[index % n_groups].push(file);
        }
        let projection =
            projection.cloned().unwrap_or_else(|| (0..self.schema.fields().len()).collect());
        let mut statistics = Statistics::new_unknown(&file_schema);
        statistics.num_rows = match filters.is_empty() {
            true => Precision::Exact(n_rows as usize),
            false => Precision::Inexact(n_rows as usize),
        };
        let config =
            FileScanConfigBuilder::new(ObjectStoreUrl::local_filesystem(), Arc::new(source))
                .with_file_groups(groups.into_iter().map(FileGroup::new).collect())
                .with_statistics(statistics)
                .with_projection_indices(Some(projection))?
                .with_limit(limit)
                .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}

/// Tell which row groups of `file` may meet all `regions`, and name their footprints; `None` if no
/// row can. The plan is absent where every row is read.
fn access_plan<'a>(
    file: &'a DataFile,
    regions: &[Region],
) -> Option<(Option<ParquetAccessPlan>, Vec<&'a Footprint>)> {
    let may_meet = |footprint: &&Footprint| regions.iter().all(|region| footprint.may_meet(region));
    let met: Vec<&Footprint> = file.footprints.iter().filter(may_meet).collect();
    if met.is_empty() {
        return None;
    }
    if met.len() == file.footprints.len() && file.deleted.is_none() {
        return Some((None, met));
    }
    let n_row_groups: u32 = file.footprints.iter().map(|footprint| footprint.n_row_groups).sum();
    let mut access = vec![RowGroupAccess::Skip; n_row_groups as usize];
    for footprint in &met {
        let first = footprint.first_row_group as usize;
        for (index, rows) in file.row_groups_of(footprint).enumerate() {
            access[first + index] = match &file.deleted {
                Some(deleted) if deleted.n_rows_in(rows.clone()) == rows.end - rows.start => {
                    RowGroupAccess::Skip
                }
                Some(deleted) if deleted.n_rows_in(rows.clone()) > 0 => {
                    RowGroupAccess::Selection(deleted.selection([rows]))
                }
                _ => RowGroupAccess::Scan,
            };
        }
    }
    Some((Some(ParquetAccessPlan::new(access)), met))
}

fn binary(
    left: Arc<dyn PhysicalExpr>,
    operator: Operator,
    right: Arc<dyn PhysicalExpr>,
) -> Arc<dyn PhysicalExpr> {
    Arc::new(BinaryExpr::new(left, operator, right))
}
