//! Files of others, mounted in place as the rows of a table: read, never written nor removed.
//!
//! ```text
//!   DIR/dataset/Norder=2/Dir=0/Npix=17.parquet
//!       │ footer ─▶ rows and row groups          a footprint is one row group, which is of any size
//!       │ tile, `_healpix_29` of row groups ─▶ caps
//!       └ first rows ─▶ are they in the tile, and where their keys say?
//! ```
//!
//! That a row lies in the tile by which its file is named is what HATS promises: it is looked at for the
//! first rows of each file here, and for all rows by a full check. A file whose first rows are elsewhere
//! is read whole for its caps, and where keys do not agree with positions, pages are not pruned by them.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use arrow::compute::can_cast_types;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use parquet::file::metadata::ParquetMetaData;
use rayon::prelude::*;

use crate::chunking::ChunkId;
use crate::coverage::{cell_cap, cell_keys, cell_of};
use crate::data_file::{DataFile, Footprint};
use crate::schema::TableDef;
use crate::sphgeom::{Angle, Cap};
use crate::{Error, Result};
pub(crate) use tile::positions;
use tile::{Keys, Seen, footer_checksum};

pub mod clean;
mod tile;

/// A position may be that far from its tile and its key: it is rounded, to 32 bits perhaps.
const SLACK: Angle = Angle::from_arcsec(1.0);

/// Where files are mounted from, and what they hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Mount {
    /// Number in the metadata; 0 before the commit.
    pub(crate) mount_id: i64,
    /// The folder, absolute.
    pub folder: PathBuf,
    /// The columns of the files.
    pub(crate) file_schema: SchemaRef,
    /// The column of `_healpix_29`, where it says where rows lie.
    pub(crate) key: Option<String>,
}

/// A file of the rows of a HEALPix cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TileFile {
    /// Its path from the mount's folder, with `/` between the parts.
    pub path: String,
    /// Order of the cell.
    pub order: u8,
    /// Number of the cell, nested.
    pub pixel: u64,
}

/// Files that a commit mounts as the rows of a table that it adds.
#[derive(Debug)]
pub struct PendingMount {
    pub(crate) table: String,
    pub(crate) mount: Mount,
    pub(crate) files: Vec<DataFile>,
    /// Number of files with rows outside their tile, which were read whole.
    pub n_outside: usize,
}

impl PendingMount {
    /// Number of rows.
    pub fn n_rows(&self) -> u64 {
        self.files.iter().map(|file| file.n_rows).sum()
    }

    /// Does `_healpix_29` prune pages?
    pub fn has_keys(&self) -> bool {
        self.mount.key.is_some()
    }
}

impl Mount {
    /// The place among a file's columns of the one that pages are pruned by.
    pub(crate) fn key_column(&self, footer: &ParquetMetaData) -> Option<usize> {
        let key = self.key.as_deref()?;
        let columns = footer.file_metadata().schema_descr().columns();
        columns.iter().position(|column| column.path().string() == key)
    }

    /// The columns of the files as bytes, for the metadata.
    pub(crate) fn schema_to_bytes(&self) -> Result<Vec<u8>, ArrowError> {
        let mut bytes = vec![];
        StreamWriter::try_new(&mut bytes, &self.file_schema)?.finish()?;
        Ok(bytes)
    }

    /// What [`schema_to_bytes`](Self::schema_to_bytes) wrote.
    pub(crate) fn schema_from_bytes(bytes: &[u8]) -> Result<SchemaRef, ArrowError> {
        Ok(StreamReader::try_new(bytes, None)?.schema())
    }
}

/// Look at the files of a HATS catalog, which are to be the rows of `table`.
///
/// # Arguments
/// * `folder` - absolute
/// * `key` - the column of `_healpix_29`, where there may be one
/// * `progress` - called with the number of files that are done
///
/// # Errors
/// [`Error::NoPositions`]; [`Error::Corrupt`] where files differ in their columns or have declinations
/// beyond the poles, or where a column cannot be read as the table's; those of
/// reading.
pub fn look_at(
    table: &TableDef,
    folder: &Path,
    files: &[TileFile],
    key: Option<&str>,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<PendingMount> {
    let position = table.position.as_ref();
    let position = position.ok_or_else(|| Error::NoPositions { table: table.name.clone() })?;
    let see = |file: &TileFile| tile::see(&folder.join(&file.path), file, position, key);
    let n_done = AtomicU64::new(0);
    let seen = files.par_iter().map(see).inspect(|_| progress(n_done.fetch_add(1, Relaxed) + 1));
    let seen: Vec<Seen> = seen.collect::<Result<_>>()?;
    let schema = seen.first().map(|seen| Arc::clone(&seen.schema));
    let schema = schema.unwrap_or_else(|| Arc::new(Schema::empty()));
    for (file, seen) in files.iter().zip(&seen) {
        if seen.schema.fields() != schema.fields() {
            let reason = format!("its columns are not those of {}", files[0].path);
            return Err(Error::Corrupt { path: folder.join(&file.path), reason });
        }
    }
    for column in &table.columns {
        let found = schema.field_with_name(&column.name).ok().map(|field| field.data_type());
        if !found.is_some_and(|found| can_cast_types(found, &column.to_arrow())) {
            let reason = match found {
                Some(found) => format!("column {}: {found} is not read in place", column.name),
                None => format!("it has no column {}", column.name),
            };
            return Err(Error::Corrupt { path: folder.to_owned(), reason });
        }
    }
    let has_keys = seen.iter().all(|seen| matches!(seen.keys, Keys::OfRowGroups(_)));
    let n_outside = seen.iter().filter(|seen| seen.caps.is_some()).count();
    let mount = Mount {
        mount_id: 0,
        folder: folder.to_owned(),
        file_schema: schema,
        key: key.filter(|_| has_keys).map(str::to_owned),
    };
    let shared = Arc::new(mount.clone());
    let of_file = |(file, seen)| data_file(table, &shared, file, seen, has_keys);
    let data_files = files.iter().zip(seen).map(of_file).collect();
    Ok(PendingMount { table: table.name.clone(), mount, files: data_files, n_outside })
}

fn data_file(
    table: &TableDef,
    mount: &Arc<Mount>,
    file: &TileFile,
    seen: Seen,
    has_keys: bool,
) -> DataFile {
    let Seen { row_groups, keys, caps, size_bytes, checksum, .. } = seen;
    let of_tile = cell_keys(file.order, file.pixel);
    let mut footprints: Vec<Footprint> = Vec::with_capacity(row_groups.len());
    let mut first_row = 0;
    for (row_group, n_rows) in row_groups.into_iter().enumerate() {
        let range = match &keys {
            Keys::OfRowGroups(ranges) if has_keys => ranges[row_group].clone(),
            _ => of_tile.clone(),
        };
        let cap = match &caps {
            Some(caps) => caps[row_group],
            None => Some(cap_of(file, *range.start(), *range.end())),
        };
        footprints.push(Footprint {
            chunk: ChunkId::REPLICATED,
            first_row_group: row_group as u32,
            n_row_groups: 1,
            first_row,
            n_rows,
            cap,
            key_min: *range.start(),
            key_max: *range.end(),
            max_offset: has_keys.then_some(SLACK),
        });
        first_row += n_rows;
    }
    DataFile {
        file_id: 0,
        table: table.name.clone(),
        added_in: 0,
        path: file.path.clone(),
        mount: Some(Arc::clone(mount)),
        n_rows: first_row,
        deleted: None,
        size_bytes,
        checksum,
        older_form: None,
        id_run: None,
        footprints,
        column_ranges: vec![],
    }
}

/// A cap that holds the rows of a tile with keys from `min` to `max`: that of the smallest cell that has
/// both.
fn cap_of(file: &TileFile, min: i64, max: i64) -> Cap {
    let n_bits = 64 - (min ^ max).leading_zeros();
    let order = (29 - n_bits.div_ceil(2).min(29)) as u8;
    let cap = match order > file.order {
        true => cell_cap(order, cell_of(min, order)),
        false => cell_cap(file.order, file.pixel),
    };
    Cap { radius: cap.radius + SLACK, ..cap }
}

/// Compare a mounted file with what was seen of it: size and footer.
///
/// # Errors
/// What is wrong, in words.
pub(crate) fn check_footer(path: &Path, size_bytes: u64, checksum: &str) -> Result<(), String> {
    let file = File::open(path).map_err(|_| "file is missing".to_owned())?;
    let size = file.metadata().map_err(|error| error.to_string())?.len();
    if size != size_bytes {
        return Err(format!("{size} bytes, {size_bytes} when it was mounted"));
    }
    match footer_checksum(&file, size).map_err(|error| error.to_string())? == checksum {
        true => Ok(()),
        false => Err("its footer is not the one that was mounted".to_owned()),
    }
}
