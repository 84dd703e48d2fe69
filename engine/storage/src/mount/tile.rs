//! What there is to see of one file of a tile: its footer, and its first rows.

use std::fs::File;
use std::io;
use std::ops::RangeInclusive;
use std::os::unix::fs::FileExt;
use std::path::Path;

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type, SchemaRef};
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::statistics::Statistics;
use sha2::{Digest, Sha256};

use super::clean::{Numbers, clean};
use super::{SLACK, TileFile};
use crate::checksum::hexadecimal;
use crate::chunk_file::read::columns_of;
use crate::chunking::healpix29_center;
use crate::coverage::{cell_cap, cell_keys};
use crate::footers::open;
use crate::schema::PositionColumns;
use crate::sphgeom::{Cap, UnitVector};
use crate::{Error, Result};

/// Rows of a file whose positions are compared with its tile.
const FIRST_ROWS: usize = 1024;
/// Bytes at the end of a Parquet file: the length of its footer, and a mark.
const TAIL_BYTES: u64 = 8;

/// What was seen of a file.
pub(super) struct Seen {
    pub schema: SchemaRef,
    /// Number of rows of each row group.
    pub row_groups: Vec<u64>,
    pub keys: Keys,
    /// Of each row group, where the file has rows outside its tile.
    pub caps: Option<Vec<Option<Cap>>>,
    pub size_bytes: u64,
    /// SHA-256 of the footer, hexadecimal.
    pub checksum: String,
}

/// Do keys say where rows lie?
pub(super) enum Keys {
    /// They are absent, or do not agree with tile and positions.
    Unknown,
    /// The least and the greatest of each row group.
    OfRowGroups(Vec<RangeInclusive<i64>>),
}

/// Look at the file at `path`.
pub(super) fn see(
    path: &Path,
    tile: &TileFile,
    position: &PositionColumns,
    key: Option<&str>,
) -> Result<Seen> {
    let parquet_error = |source| Error::Parquet { path: path.to_owned(), source };
    let io_error = |source| Error::Io { path: path.to_owned(), source };
    let corrupt =
        |reason: &str| Error::Corrupt { path: path.to_owned(), reason: reason.to_owned() };
    let file = open(path)?;
    let size_bytes = file.metadata().map_err(io_error)?.len();
    // What Parquet itself says: what writers say beside it differs from file to file.
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let metadata = ArrowReaderMetadata::load(&file, options).map_err(parquet_error)?;
    let checksum = footer_checksum(&file, size_bytes).map_err(io_error)?;
    let footer = metadata.metadata();
    if reaches_beyond_poles(footer, &position.dec) {
        return Err(corrupt("it has declinations beyond the poles"));
    }
    let mut seen = Seen {
        schema: metadata.schema().clone(),
        row_groups: footer.row_groups().iter().map(|group| group.num_rows() as u64).collect(),
        keys: key.map_or(Keys::Unknown, |key| keys(footer, key, tile)),
        caps: None,
        size_bytes,
        checksum,
    };
    let wanted = [Some(position.ra.as_str()), Some(position.dec.as_str()), key];
    let wanted: Vec<&str> = wanted.into_iter().flatten().collect();
    let mask = columns_of(footer.file_metadata().schema_descr(), &wanted);
    let handle = file.try_clone().map_err(io_error)?;
    let first = ParquetRecordBatchReaderBuilder::new_with_metadata(handle, metadata.clone())
        .with_projection(mask.clone())
        .with_batch_size(FIRST_ROWS)
        .with_limit(FIRST_ROWS)
        .build()
        .map_err(parquet_error)?;
    let of_tile = cell_cap(tile.order, tile.pixel);
    let of_tile = Cap { radius: of_tile.radius + SLACK, ..of_tile };
    let (mut is_outside, mut keys_agree) = (false, true);
    for batch in first {
        let batch = batch.map_err(|source| parquet_error(source.into()))?;
        let positions =
            positions(&batch, position).ok_or_else(|| corrupt("it has no positions"))?;
        is_outside |= positions.iter().flatten().any(|position| !of_tile.contains(position));
        let keys = key.and_then(|key| batch.column_by_name(key)?.as_primitive_opt::<Int64Type>());
        let Some(keys) = keys else {
            keys_agree = false;
            continue;
        };
        let agree = |(key, position): (Option<i64>, &Option<UnitVector>)| match (key, position) {
            (Some(key), Some(position)) => {
                healpix29_center(key).is_some_and(|center| center.angle_to(position) <= SLACK)
            }
            (Some(_), None) => true,
            (None, _) => false,
        };
        keys_agree &= keys.iter().zip(&positions).all(agree);
    }
    if !keys_agree || is_outside {
        seen.keys = Keys::Unknown;
    }
    if is_outside {
        let mut caps = vec![];
        for row_group in 0..seen.row_groups.len() {
            let handle = file.try_clone().map_err(io_error)?;
            let rows = ParquetRecordBatchReaderBuilder::new_with_metadata(handle, metadata.clone())
                .with_projection(mask.clone())
                .with_row_groups(vec![row_group])
                .build()
                .map_err(parquet_error)?;
            let mut points = vec![];
            for batch in rows {
                let batch = batch.map_err(|source| parquet_error(source.into()))?;
                points
                    .extend(positions(&batch, position).unwrap_or_default().into_iter().flatten());
            }
            caps.push(Cap::around(&points));
        }
        seen.caps = Some(caps);
    }
    Ok(seen)
}

/// The positions of rows as they are read.
pub(crate) fn positions(
    batch: &RecordBatch,
    position: &PositionColumns,
) -> Option<Vec<Option<UnitVector>>> {
    let column = |name: &str| {
        let values = cast(batch.column_by_name(name)?, &DataType::Float64).ok()?;
        Some(clean(&values, Numbers::Any))
    };
    let (ra, dec) = (column(&position.ra)?, column(&position.dec)?);
    let (ra, dec) = (ra.as_primitive::<Float64Type>(), dec.as_primitive::<Float64Type>());
    let vector = |(ra, dec): (Option<f64>, Option<f64>)| {
        Some(UnitVector::from_lonlat_deg(ra?, dec.filter(|dec| dec.abs() <= 90.0)?))
    };
    Some(ra.iter().zip(dec).map(vector).collect())
}

/// What statistics say of the keys of row groups.
fn keys(footer: &ParquetMetaData, key: &str, tile: &TileFile) -> Keys {
    let columns = footer.file_metadata().schema_descr().columns();
    let Some(place) = columns.iter().position(|column| column.path().string() == key) else {
        return Keys::Unknown;
    };
    let of_tile = cell_keys(tile.order, tile.pixel);
    let range = |statistics: Option<&Statistics>| match statistics {
        Some(Statistics::Int64(bounds)) => {
            let (min, max) = (*bounds.min_opt()?, *bounds.max_opt()?);
            let is_in_tile = of_tile.contains(&min) && of_tile.contains(&max);
            (is_in_tile && bounds.null_count_opt() == Some(0)).then_some(min..=max)
        }
        _ => None,
    };
    let groups = footer.row_groups().iter();
    let ranges: Option<Vec<_>> = groups
        .map(|group| match group.num_rows() {
            0 => Some(of_tile.clone()),
            _ => range(group.column(place).statistics()),
        })
        .collect();
    ranges.map_or(Keys::Unknown, Keys::OfRowGroups)
}

fn reaches_beyond_poles(footer: &ParquetMetaData, dec: &str) -> bool {
    let columns = footer.file_metadata().schema_descr().columns();
    let Some(place) = columns.iter().position(|column| column.path().string() == dec) else {
        return false;
    };
    let bounds = |statistics: &Statistics| match statistics {
        Statistics::Double(bounds) => [bounds.min_opt().copied(), bounds.max_opt().copied()],
        Statistics::Float(bounds) => {
            [bounds.min_opt(), bounds.max_opt()].map(|bound| bound.map(|value| f64::from(*value)))
        }
        _ => [None, None],
    };
    let statistics =
        footer.row_groups().iter().filter_map(|group| group.column(place).statistics());
    statistics.flat_map(bounds).flatten().any(|dec| dec.abs() > 90.0 && dec.is_finite())
}

/// The checksum of a Parquet file's footer.
pub(super) fn footer_checksum(file: &File, size_bytes: u64) -> io::Result<String> {
    let mut tail = [0; TAIL_BYTES as usize];
    file.read_exact_at(&mut tail, size_bytes.saturating_sub(TAIL_BYTES))?;
    let length = u64::from(u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]));
    let mut footer = vec![0; length as usize];
    file.read_exact_at(&mut footer, size_bytes.saturating_sub(TAIL_BYTES + length))?;
    Ok(hexadecimal(&Sha256::digest(&footer)))
}
