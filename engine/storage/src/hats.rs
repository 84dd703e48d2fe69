//! A table as a HATS catalog: Parquet files of HEALPix tiles, each of about the same number of rows.
//!
//! ```text
//!   DIR/
//!     hats.properties               what the catalog is, `key=value`
//!     partition_info.csv            Norder,Npix of each tile
//!     dataset/
//!       _common_metadata            the columns
//!       _metadata                   the row groups of all files
//!       Norder=2/Dir=0/Npix=17.parquet
//! ```
//!
//! With a margin, the folder is a collection:
//!
//! ```text
//!   DIR/
//!     collection.properties         which of the folders is the catalog, and which its margin
//!     Object/                       the catalog, as above
//!     Object_margin/                of each tile, the rows around it that are nearer than so much
//! ```
//!
//! A tile is split into four until it has at most so many rows. Rows are placed by their own positions
//! and sorted by `_healpix_29`, the column that stands first. They are read once: what is in memory
//! beyond a limit waits in a file for each tile, so that memory is bounded by one tile.
//! LSDB matches tile with tile: what lies across the border it finds in the margin only.
//!
//! Reference: IVOA Note "HATS: A Standard for the Hierarchical Adaptive Tiling Scheme" (2025).

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::{
    FileMetaData, ParquetMetaData, ParquetMetaDataWriter, RowGroupMetaData,
};
use parquet::file::properties::WriterProperties;

use crate::chunk_file::HEALPIX_29;
use crate::chunk_file::read::each_batch_now;
use crate::chunking::healpix29;
use crate::coverage::cell_of;
use crate::region_read::inside;
use crate::schema::{PositionColumns, TableDef, TableKind};
use crate::snapshot::Snapshot;
use crate::sphgeom::{Angle, Region};
use crate::{Error, Result};
use margins::Margins;
use properties::Catalog;
use spool::Spool;
use tiles::{Tile, tiles};

mod margins;
mod properties;
mod spool;
mod tiles;

/// Order of the cells in which rows are counted, and greatest order of a tile.
const COUNT_ORDER: u8 = 10;
/// Rows in a row group: few enough for cones, many enough for scans.
const ROW_GROUP_ROWS: usize = 64 * 1024;

/// How a table is exported.
#[derive(Debug, Clone, PartialEq)]
pub struct HatsConfig {
    /// A tile has at most so many rows, unless it cannot be split further.
    pub max_rows: u64,
    /// Only rows of this region.
    pub region: Option<Region>,
    /// How wide the margin is, where there is to be one.
    pub margin: Option<Angle>,
    /// When the catalog is made, UTC: `2026-11-22T04:05UTC`.
    pub created_at: String,
}

/// What was exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HatsReport {
    /// Rows.
    pub n_rows: u64,
    /// Rows without a position, which are in no tile and are left out.
    pub n_without_position: u64,
    /// Tiles.
    pub n_tiles: usize,
    /// Size of their files, those of the margin included.
    pub size_bytes: u64,
    /// Rows of the margin; a row is counted for each tile that it is near.
    pub n_margin_rows: u64,
}

/// What an export is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HatsStep {
    /// Counting rows by cell, file by file.
    Counting,
    /// Reading them, file by file.
    Reading,
    /// Writing them, tile by tile.
    Writing,
}

/// Called with what is done, how much of it, and of how much.
pub type HatsProgress<'a> = &'a dyn Fn(HatsStep, u64, u64);

impl Snapshot {
    /// Write a table as a HATS catalog into the folder `to`, which is absent or empty.
    ///
    /// # Errors
    /// [`Error::NoSuchTable`]; [`Error::NoPositions`] where rows have none of their own;
    /// [`Error::AlreadyExists`]; those of reading and writing.
    pub fn export_hats(
        &self,
        table: &str,
        to: &Path,
        config: &HatsConfig,
        progress: HatsProgress<'_>,
    ) -> Result<HatsReport> {
        let table = self.table(table)?;
        let position = match (&table.position, &table.kind) {
            (Some(position), kind) if !matches!(kind, TableKind::View { .. }) => position,
            _ => return Err(Error::NoPositions { table: table.name.clone() }),
        };
        fs::create_dir_all(to).map_err(|source| io_error(to, source))?;
        if fs::read_dir(to).map_err(|source| io_error(to, source))?.next().is_some() {
            return Err(Error::AlreadyExists { path: to.to_owned() });
        }
        let export = Export { snapshot: self, table, position, config, progress };
        let (counts, n_without_position) = export.count()?;
        let tiles = tiles(&counts, COUNT_ORDER, config.max_rows);
        let waiting = tempfile_in(to)?;
        let spool = |name: &str| -> Result<Spool> {
            let folder = waiting.join(name);
            fs::create_dir_all(&folder).map_err(|source| io_error(&folder, source))?;
            Ok(Spool::new(folder, export.file_schema()))
        };
        let (mut inside, mut around) = (spool("tiles")?, spool("margin")?);
        let mut margins = config.margin.map(|width| Margins::new(&tiles, width));
        export.each(&mut |keys, rows| {
            let numbered = keys.iter().enumerate().map(|(row, key)| (row as u32, *key));
            let places = numbered
                .clone()
                .map(|(row, key)| (Tile::find(&tiles, key).unwrap_or_default(), row));
            inside.take(places, keys, rows)?;
            if let Some(margins) = &mut margins {
                let places: Vec<(usize, u32)> = numbered
                    .flat_map(|(row, key)| {
                        margins.around(key).into_iter().map(move |place| (place, row))
                    })
                    .collect();
                around.take(places.into_iter(), keys, rows)?;
            }
            Ok(())
        })?;
        let n_tiles = tiles.len();
        let near: Vec<Tile> = around.places().into_iter().map(|place| tiles[place]).collect();
        let n_steps = (n_tiles + near.len()) as u64;
        let folder = match config.margin {
            Some(_) => to.join(properties::name_of(table)),
            None => to.to_owned(),
        };
        let (n_rows, n_bytes) = export.write(&folder, &tiles, &mut inside, (0, n_steps))?;
        let mut report = HatsReport {
            n_rows,
            n_without_position,
            n_tiles,
            size_bytes: n_bytes,
            n_margin_rows: 0,
        };
        properties::write(&folder, &Catalog { table, position, tiles: &tiles }, &report, config)?;
        if let Some(width) = config.margin {
            let folder = to.join(properties::name_of_margin(table));
            let (n_rows, n_bytes) =
                export.write(&folder, &near, &mut around, (n_tiles as u64, n_steps))?;
            let of_margin = HatsReport { n_rows, size_bytes: n_bytes, ..report };
            let catalog = Catalog { table, position, tiles: &near };
            properties::write_margin(&folder, &catalog, width, &of_margin, config)?;
            report.n_margin_rows = n_rows;
            report.size_bytes += n_bytes;
            properties::write_collection(to, table, &report, config)?;
        }
        fs::remove_dir_all(&waiting).map_err(|source| io_error(&waiting, source))?;
        Ok(report)
    }
}

/// A table on its way out.
struct Export<'a> {
    snapshot: &'a Snapshot,
    table: &'a TableDef,
    position: &'a PositionColumns,
    config: &'a HatsConfig,
    progress: HatsProgress<'a>,
}

impl Export<'_> {
    /// The columns of the files: the key, then those of the table.
    fn file_schema(&self) -> SchemaRef {
        let mut fields = vec![Arc::new(Field::new(HEALPIX_29, DataType::Int64, false))];
        fields.extend(self.table.arrow_schema().fields().iter().cloned());
        Arc::new(Schema::new(fields))
    }

    /// Write the files of tiles, with their metadata.
    ///
    /// # Arguments
    /// * `done` - number of tiles that were written before, and of all that there are
    ///
    /// # Returns
    /// Number of rows, and of bytes.
    fn write(
        &self,
        to: &Path,
        tiles: &[Tile],
        spool: &mut Spool,
        (n_before, n_steps): (u64, u64),
    ) -> Result<(u64, u64)> {
        let dataset = to.join("dataset");
        let (mut n_rows, mut n_bytes, mut row_groups) = (0, 0, vec![]);
        let places: Vec<usize> = spool.places().into_iter().collect();
        for (nth, (tile, place)) in tiles.iter().zip(places).enumerate() {
            (self.progress)(HatsStep::Writing, n_before + nth as u64, n_steps);
            let rows = spool.rows_of(place)?;
            n_rows += rows.num_rows() as u64;
            let relative = tile.path();
            let path = dataset.join(&relative);
            let metadata = write_tile(&path, &rows)?;
            n_bytes += fs::metadata(&path).map_err(|e| io_error(&path, e))?.len();
            row_groups.extend(named(&metadata, &relative).map_err(|e| parquet_error(&path, e))?);
        }
        write_common(&dataset, &self.file_schema(), row_groups)?;
        write_partition_info(to, tiles)?;
        Ok((n_rows, n_bytes))
    }

    /// Count rows by their cell of [`COUNT_ORDER`], and those that are in none.
    fn count(&self) -> Result<(BTreeMap<u64, u64>, u64)> {
        let mut counts = BTreeMap::new();
        let columns = [self.position.ra.as_str(), self.position.dec.as_str()];
        let mut n_without = 0;
        self.each_of(HatsStep::Counting, &columns, &mut |keys, rows| {
            n_without += (rows.num_rows() - keys.len()) as u64;
            for key in keys {
                *counts.entry(cell_of(*key, COUNT_ORDER)).or_default() += 1;
            }
            Ok(())
        })?;
        Ok((counts, n_without))
    }

    /// Hand on all rows that have a position, with their keys.
    fn each(&self, take: &mut dyn FnMut(&[i64], &RecordBatch) -> Result<()>) -> Result<()> {
        let columns: Vec<&str> = self.table.columns.iter().map(|c| c.name.as_str()).collect();
        self.each_of(HatsStep::Reading, &columns, &mut |keys, rows| {
            if keys.len() == rows.num_rows() {
                return take(keys, rows);
            }
            let position = self.positions(rows)?;
            let has: BooleanArray = position.iter().map(|key| Some(key.is_some())).collect();
            let rows = filter_record_batch(rows, &has).map_err(|e| self.rows_error(e))?;
            take(keys, &rows)
        })
    }

    /// Read some columns of the wanted rows of all files; the keys are of those that have one.
    fn each_of(
        &self,
        step: HatsStep,
        columns: &[&str],
        take: &mut dyn FnMut(&[i64], &RecordBatch) -> Result<()>,
    ) -> Result<()> {
        let files = self.snapshot.data_files(&self.table.name);
        for (n_done, file) in files.iter().enumerate() {
            (self.progress)(step, n_done as u64, files.len() as u64);
            let region = self.config.region.as_ref();
            let meets = |region: &Region| file.footprints.iter().any(|f| f.may_meet(region));
            if region.is_some_and(|region| !meets(region)) {
                continue;
            }
            let path = self.snapshot.path(file);
            let deleted = file.deleted.as_deref();
            each_batch_now(&path, file, columns, &|_, _| true, deleted, |_, rows| {
                let rows = match region {
                    Some(region) => {
                        let mask = inside(self.position, &rows, region);
                        filter_record_batch(&rows, &mask).map_err(|e| self.rows_error(e))?
                    }
                    None => rows,
                };
                let places = rows.schema();
                let places: Result<Vec<usize>, _> =
                    columns.iter().map(|name| places.index_of(name)).collect();
                let places = places.map_err(|e| self.rows_error(e))?;
                let rows = rows.project(&places).map_err(|e| self.rows_error(e))?;
                let keys: Vec<i64> = self.positions(&rows)?.into_iter().flatten().collect();
                take(&keys, &rows)
            })?;
        }
        Ok(())
    }

    /// The key of each row's own position.
    fn positions(&self, rows: &RecordBatch) -> Result<Vec<Option<i64>>> {
        let column = |name: &str| {
            rows.column_by_name(name).and_then(|c| c.as_primitive_opt::<Float64Type>())
        };
        let (Some(ra), Some(dec)) = (column(&self.position.ra), column(&self.position.dec)) else {
            return Err(Error::NoPositions { table: self.table.name.clone() });
        };
        let key = |(ra, dec): (Option<f64>, Option<f64>)| healpix29(ra?, dec?).ok();
        Ok(ra.iter().zip(dec).map(key).collect())
    }

    fn rows_error(&self, source: arrow::error::ArrowError) -> Error {
        Error::Rows { table: self.table.name.clone(), source }
    }
}

/// Write the file of one tile; return its metadata.
fn write_tile(path: &Path, rows: &RecordBatch) -> Result<ParquetMetaData> {
    debug_assert!(rows.column(0).as_primitive::<Int64Type>().null_count() == 0);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|source| io_error(folder, source))?;
    }
    let file = File::create(path).map_err(|source| io_error(path, source))?;
    let mut writer = ArrowWriter::try_new(file, rows.schema(), Some(file_properties()))
        .map_err(|source| parquet_error(path, source))?;
    writer.write(rows).map_err(|source| parquet_error(path, source))?;
    writer.close().map_err(|source| parquet_error(path, source))
}

fn file_properties() -> WriterProperties {
    WriterProperties::builder()
        .set_created_by(concat!("almagest ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .build()
}

/// The row groups of a file, each saying which file it is of.
fn named(
    metadata: &ParquetMetaData,
    relative: &str,
) -> Result<Vec<RowGroupMetaData>, parquet::errors::ParquetError> {
    let name = |row_group: &RowGroupMetaData| {
        let columns = row_group
            .columns()
            .iter()
            .map(|column| column.clone().into_builder().set_file_path(relative.to_owned()).build());
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        row_group.clone().into_builder().set_column_metadata(columns).build()
    };
    metadata.row_groups().iter().map(name).collect()
}

/// Write `_common_metadata`, a file without rows, and `_metadata`, the footers of all files in one.
fn write_common(
    dataset: &Path,
    schema: &SchemaRef,
    row_groups: Vec<RowGroupMetaData>,
) -> Result<()> {
    fs::create_dir_all(dataset).map_err(|source| io_error(dataset, source))?;
    let path = dataset.join("_common_metadata");
    let empty = write_tile(&path, &RecordBatch::new_empty(schema.clone()))?;
    let path = dataset.join("_metadata");
    let of_file = empty.file_metadata();
    let n_rows = row_groups.iter().map(RowGroupMetaData::num_rows).sum();
    let of_all = FileMetaData::new(
        of_file.version(),
        n_rows,
        of_file.created_by().map(str::to_owned),
        of_file.key_value_metadata().cloned(),
        of_file.schema_descr_ptr(),
        of_file.column_orders().cloned(),
    );
    let metadata = ParquetMetaData::new(of_all, row_groups);
    let mut bytes = b"PAR1".to_vec();
    ParquetMetaDataWriter::new(&mut bytes, &metadata)
        .finish()
        .map_err(|source| parquet_error(&path, source))?;
    fs::write(&path, bytes).map_err(|source| io_error(&path, source))
}

fn write_partition_info(to: &Path, tiles: &[Tile]) -> Result<()> {
    let path = to.join("partition_info.csv");
    let mut text = "Norder,Npix\n".to_owned();
    for tile in tiles {
        text.push_str(&format!("{},{}\n", tile.order, tile.pixel));
    }
    let written = File::create(&path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|source| io_error(&path, source))
}

/// A folder for rows that wait, beside the catalog that is made.
fn tempfile_in(folder: &Path) -> Result<PathBuf> {
    let path = folder.join(".waiting");
    fs::create_dir_all(&path).map_err(|source| io_error(&path, source))?;
    Ok(path)
}

fn io_error(path: &Path, source: std::io::Error) -> Error {
    Error::Io { path: path.to_owned(), source }
}

fn parquet_error(path: &Path, source: parquet::errors::ParquetError) -> Error {
    Error::Parquet { path: path.to_owned(), source }
}

fn rows_error(source: arrow::error::ArrowError) -> Error {
    Error::Rows { table: "a HATS catalog".to_owned(), source }
}
