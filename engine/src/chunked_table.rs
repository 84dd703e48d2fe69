//! A table of a snapshot as DataFusion scans it.
//!
//! ```text
//!   filters ─▶ rows wanted ─▶ files, row groups, pages          (ParquetAccessPlan)
//!   filters ─▶ physical predicate on statistics ─▶ row groups, pages
//!                └─ where few rows are wanted, on rows before the other columns are read
//! ```
//!
//! Pruning only skips what cannot match: each filter is reported as inexact, so that it is applied
//! to every row that is read.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use almagest_storage::data_file::DataFile;
use almagest_storage::schema::TableDef;
use almagest_storage::schema::arrow::ArrowSchemas;
use almagest_storage::sphgeom::{Angle, UnitVector};
use almagest_storage::{Snapshot, Sums};
use async_trait::async_trait;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Statistics;
use datafusion::common::stats::Precision;
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{
    FileGroup, FileScanConfigBuilder, FileSource, ParquetSource,
};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use datafusion_datasource::TableSchema;

use crate::config::Pruning;
use crate::data_file_reader::DataFileReaders;
use crate::estimate::{FilesEstimate, Share};
use crate::fragments::{self, Fragment};
use crate::latitudes::{self, latitudes_of_filters};
use crate::older_files::{OlderFiles, told_by_field};
use crate::progress::Planned;
use crate::row_places;
use crate::rows_wanted::RowsWanted;
use crate::shared_scan::SharedScans;

/// A table of one snapshot.
#[derive(Debug)]
pub(crate) struct ChunkedTable {
    snapshot: Snapshot,
    /// Place of the table in the snapshot's schema.
    place: usize,
    schemas: ArrowSchemas,
    pruning: Pruning,
    /// What it shares with other scans; none where each is for itself.
    shared: Option<Arc<SharedScans>>,
    /// Are there columns of the place of each row, after the others?
    places: bool,
    /// What was last understood of filters: a plan is made in several steps.
    understood: Mutex<Option<(Vec<Expr>, Arc<RowsWanted>)>>,
}

impl ChunkedTable {
    /// The table of the exact name `name`, if there is one.
    pub fn find(
        snapshot: &Snapshot,
        name: &str,
        pruning: Pruning,
        shared: Option<Arc<SharedScans>>,
    ) -> Option<Self> {
        let place = snapshot.schema().tables.iter().position(|table| table.name == name)?;
        let schemas = snapshot.arrow_schemas(name)?.clone();
        Some(Self {
            snapshot: snapshot.clone(),
            place,
            schemas,
            pruning,
            shared,
            places: false,
            understood: Mutex::default(),
        })
    }

    /// The same table with the columns that tell where its rows are.
    pub fn with_places(&self) -> Self {
        let mut schemas = self.schemas.clone();
        let (file, row) = row_places::fields();
        let fields = schemas.rows.fields().iter().cloned().chain([file, row]);
        schemas.rows = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        Self {
            snapshot: self.snapshot.clone(),
            place: self.place,
            schemas,
            pruning: self.pruning,
            shared: None,
            places: true,
            understood: Mutex::default(),
        }
    }

    /// What a scan reads, in the order of files: their columns, then those of places.
    fn scanned(&self) -> TableSchema {
        let schema = TableSchema::builder(self.schemas.file.clone());
        if !self.places {
            return schema.build();
        }
        let (file, row) = row_places::fields();
        schema.with_table_partition_cols(vec![file]).with_virtual_columns(vec![row]).build()
    }

    pub fn table(&self) -> &TableDef {
        &self.snapshot.schema().tables[self.place]
    }

    /// The table among those of all catalogs.
    fn name(&self) -> String {
        format!("{}.{}", self.snapshot.store().root().display(), self.table().name)
    }

    /// Is it known where rows of given values of a column lie?
    pub fn finds(&self, column: &str) -> bool {
        let table = self.table();
        let is_key = table.director().is_some_and(|(_, key)| key == column);
        is_key || table.id.as_deref() == Some(column)
    }

    /// How many values a column of ids has, about.
    pub fn n_values(&self, column: &str) -> u64 {
        let table = self.table();
        match table.director() {
            Some((director, key)) if key == column => self.snapshot.n_rows(director),
            _ => self.snapshot.n_rows(&table.name),
        }
    }

    /// The number of rows of the chunks of which something may match.
    ///
    /// # Errors
    /// The id index cannot be read.
    pub fn n_rows_wanted(&self, filters: &[Expr]) -> crate::Result<u64> {
        let wanted = self.rows_wanted(filters)?;
        if !wanted.is_bounded() {
            return Ok(self.snapshot.n_rows(&self.table().name));
        }
        let files = self.snapshot.data_files(&self.table().name).iter().map(Arc::as_ref);
        let rows_of = |file| {
            wanted.footprints(file).into_iter().map(|f| DataFile::n_visible_rows_of(file, f))
        };
        Ok(files.flat_map(rows_of).sum())
    }

    /// An angle about a place within which there are `n_rows` rows for sure; none where that is not known
    /// without looking at them.
    ///
    /// # Arguments
    /// * `position` - columns by whose position rows are to be near
    pub fn reach_of_nearest(
        &self,
        n_rows: u64,
        position: [&String; 2],
        place: &UnitVector,
    ) -> Option<Angle> {
        let table = self.table();
        let own = table.position.as_ref().filter(|_| self.pruning == Pruning::On)?;
        let is_always_there =
            |name: &str| table.column(name).is_some_and(|column| !column.nullable);
        if [&own.ra, &own.dec] != position
            || !position.into_iter().all(|name| is_always_there(name))
        {
            return None;
        }
        let mut reaches: Vec<(f64, u64)> = vec![];
        for file in self.snapshot.data_files(&table.name) {
            for footprint in &file.footprints {
                let Some(cap) = &footprint.cap else { continue };
                let reach = place.angle_to(&cap.center) + cap.radius;
                reaches.push((reach.degrees(), file.n_visible_rows_of(footprint)));
            }
        }
        reaches.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let mut n_within = 0;
        let reach = reaches.iter().find(|(_, n)| {
            n_within += n;
            n_within >= n_rows
        });
        reach.map(|(degrees, _)| Angle::from_degrees(*degrees))
    }

    fn rows_wanted(&self, filters: &[Expr]) -> crate::Result<Arc<RowsWanted>> {
        let mut understood = self.understood.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, wanted)) = understood.as_ref()
            && known == filters
        {
            return Ok(wanted.clone());
        }
        let wanted = RowsWanted::of(filters, self.table(), &self.snapshot, self.pruning)?;
        let wanted = Arc::new(wanted);
        *understood = Some((filters.to_vec(), wanted.clone()));
        Ok(wanted)
    }

    /// Tell what a scan under `filters` would read of the files, with all columns.
    ///
    /// # Errors
    /// The id index cannot be read.
    pub fn estimate(&self, filters: &[Expr]) -> crate::Result<FilesEstimate> {
        let wanted = self.rows_wanted(filters)?;
        let table = &self.table().name;
        let files = self.snapshot.data_files(table);
        let Some(sums) = self.snapshot.sums(table) else { return Ok(FilesEstimate::default()) };
        let all = |n: u64| Share { read: n, all: n };
        let mut estimate = FilesEstimate {
            chunks: all(sums.chunks.len() as u64),
            files: all(files.len() as u64),
            row_groups: all(sums.n_row_groups),
            rows: all(sums.n_rows),
            bytes: all(sums.size_bytes),
        };
        if !wanted.is_bounded() {
            return Ok(estimate);
        }
        let mut chunks = HashSet::new();
        let (mut n_files, mut n_row_groups, mut n_rows, mut n_bytes) = (0, 0, 0, 0);
        for file in files {
            let met = wanted.footprints(file);
            if met.is_empty() {
                continue;
            }
            chunks.extend(met.iter().map(|footprint| footprint.chunk));
            let of_file: u64 = met.iter().map(|footprint| file.n_visible_rows_of(footprint)).sum();
            let share = of_file as f64 / file.n_visible_rows().max(1) as f64;
            n_files += 1;
            n_row_groups += met.iter().map(|f| u64::from(f.n_row_groups)).sum::<u64>();
            n_rows += of_file;
            n_bytes += (file.size_bytes as f64 * share).round() as u64;
        }
        estimate.chunks.read = chunks.len() as u64;
        estimate.files.read = n_files;
        estimate.row_groups.read = n_row_groups;
        estimate.rows.read = n_rows;
        estimate.bytes.read = n_bytes;
        Ok(estimate)
    }

    /// A fragment as a file of the plan.
    fn partitioned_file(&self, fragment: Fragment<'_>) -> Result<PartitionedFile> {
        let Fragment { file, place, access, n_chunks, n_rows, n_matching } = fragment;
        let location = object_store::path::Path::from_absolute_path(&place.path)
            .map_err(|error| DataFusionError::External(Box::new(error)))?;
        let partitioned = PartitionedFile::new_from_meta(object_store::ObjectMeta {
            location,
            last_modified: Default::default(),
            size: file.size_bytes,
            e_tag: None,
            version: None,
        })
        // Types are known: there is no need to read them from each file.
        .with_arrow_schema(match &file.older_form {
            Some(form) if self.places => told_by_field(&form.file_schema),
            Some(form) => form.file_schema.clone(),
            None => self.schemas.file.clone(),
        })
        .with_extension(place)
        .with_extension(Planned { n_chunks, n_rows, n_matching })
        // The plan outlives the table: as long as it reads the file, vacuum must not remove it.
        .with_extension(self.snapshot.clone());
        let partitioned = match self.places {
            true => partitioned.with_partition_values(vec![file.file_id.into()]),
            false => partitioned,
        };
        Ok(match access {
            Some(access) => partitioned.with_extension(access),
            None => partitioned,
        })
    }
}

#[async_trait]
impl TableProvider for ChunkedTable {
    fn schema(&self) -> SchemaRef {
        self.schemas.rows.clone()
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
        let wanted = self.rows_wanted(filters).map_err(external)?;
        let latitudes = match self.pruning {
            Pruning::On => latitudes_of_filters(filters, self.table().position.as_ref()),
            Pruning::Off => vec![],
        };
        let is_bounded = wanted.is_bounded() || !latitudes.is_empty();
        let files = self.snapshot.data_files(&self.table().name);
        let has_older = |sums: &Sums| sums.n_of_older_form > 0;
        let older = match self.snapshot.sums(&self.table().name).is_some_and(has_older) {
            true => OlderFiles::among(files),
            false => None,
        };
        let scanned = self.scanned();
        let readers = DataFileReaders::new(self.snapshot.store().footers().clone());
        let source: Arc<dyn FileSource> = Arc::new(
            ParquetSource::new(scanned.clone())
                .with_parquet_file_reader_factory(Arc::new(readers))
                .with_enable_page_index(true)
                .with_bloom_filter_on_read(false)
                .with_pushdown_filters(is_bounded),
        );
        let is_shared = !is_bounded && older.is_none() && limit.is_none();
        let shared = self.shared.as_ref().filter(|_| is_shared);
        let source = match shared {
            Some(shared) => shared.source(source, self.snapshot.store().footers(), &self.name()),
            None => source,
        };
        let mut fragments = vec![];
        for wanted in wanted.files(files, &self.snapshot).map_err(external)? {
            let path = std::path::absolute(self.snapshot.path(wanted.file))?.into();
            match shared {
                Some(_) => fragments.extend(fragments::cut(wanted, path)),
                None => fragments.push(fragments::whole(wanted, path)),
            }
        }
        match shared {
            Some(shared) => shared.begin_with_others(&self.name(), &mut fragments),
            // The largest come first.
            None => fragments.sort_by_key(|fragment| std::cmp::Reverse(fragment.n_rows)),
        }
        let n_rows: u64 = fragments.iter().map(|fragment| fragment.n_rows).sum();
        // Each goes to the group that has the fewest rows.
        let n_groups = state.config().target_partitions().max(1).min(fragments.len().max(1));
        let mut groups = vec![(0, vec![]); n_groups];
        for fragment in fragments {
            if let Some((n_rows, group)) = groups.iter_mut().min_by_key(|(n_rows, _)| *n_rows) {
                *n_rows += fragment.n_rows;
                group.push(self.partitioned_file(fragment)?);
            }
        }
        let n_columns = self.schemas.rows.fields().len();
        // Columns of places stand behind those of the files that no table shows.
        let n_places = if self.places { 2 } else { 0 };
        let n_hidden = scanned.table_schema().fields().len() - n_columns;
        let all = || (0..n_columns).collect();
        let mut projection: Vec<usize> = projection.cloned().unwrap_or_else(all);
        for column in projection.iter_mut().filter(|column| **column >= n_columns - n_places) {
            *column += n_hidden;
        }
        let mut statistics = Statistics::new_unknown(scanned.table_schema());
        statistics.num_rows = match filters.is_empty() {
            true => Precision::Exact(n_rows as usize),
            false => Precision::Inexact(n_rows as usize),
        };
        let config = FileScanConfigBuilder::new(ObjectStoreUrl::local_filesystem(), source)
            .with_file_groups(groups.into_iter().map(|(_, files)| FileGroup::new(files)).collect())
            .with_statistics(statistics)
            .with_projection_indices(Some(projection))?
            .with_limit(limit)
            .with_expr_adapter(older)
            .build();
        latitudes::within(DataSourceExec::from_data_source(config), &latitudes)
    }
}

/// An error of ours as one of DataFusion's.
pub(crate) fn external(error: crate::Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
