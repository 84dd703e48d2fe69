//! HATS catalogs as input: all tiles of one into a table, copied or [mounted](mount).
//!
//! ```text
//!   DIR/hats.properties       which columns are the position, how many rows there are
//!   DIR/dataset/Norder=k/Dir=d/Npix=p.parquet      the rows (Npix=p may be a folder of files)
//!
//!   DIR/collection.properties      of a collection: which folder in it is the catalog
//! ```
//!
//! What only places rows in the tiling (`_healpix_29` and its like, `Norder`, `Dir`, `Npix`) is left out:
//! a catalog of ours has its own.
//!
//! Reference: IVOA Note "HATS: A Standard for the Hierarchical Adaptive Tiling Scheme" (2025).

use std::fs;
use std::path::{Path, PathBuf};

use almagest_storage::schema::{Datatype, PositionColumns, TableDef, TableKind};
use arrow::datatypes::{Field, Schema};

use crate::conform::Report;
use crate::error::{Error, FileProblem, Result};
use crate::format::{self, Format, ReadOptions};
use crate::infer;
use crate::transaction::Transaction;
use properties::Properties;

pub mod mount;
mod properties;

/// Columns that say where a row lies in the tiling.
const TILING: [&str; 4] = ["norder", "dir", "npix", "__index_level_0__"];

/// A HATS catalog in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HatsCatalog {
    folder: PathBuf,
    properties: Properties,
    files: Vec<PathBuf>,
}

impl HatsCatalog {
    /// Look at the catalog in a folder, which may be that of a collection.
    ///
    /// # Errors
    /// The folder has no properties, or they lack the name or the position; it is a margin, or another
    /// supplement of a catalog; no file of a tile.
    pub fn open(folder: &Path) -> Result<Self> {
        let (folder, properties) = properties::find(folder)?;
        let mut files = vec![];
        let catalog = Self { folder, properties, files: vec![] };
        let kind = catalog.properties.get("dataproduct_type").map_or("object", String::as_str);
        if !["object", "source", "nested"].contains(&kind) {
            return Err(catalog.problem(format!("it is no catalog of its own: {kind}")));
        }
        for key in ["obs_collection", "hats_col_ra", "hats_col_dec"] {
            if !catalog.properties.contains_key(key) {
                return Err(catalog.problem(format!("its properties lack {key}")));
            }
        }
        find_tiles(&catalog.folder.join("dataset"), &mut files)?;
        files.sort();
        if files.is_empty() {
            return Err(catalog.problem("its dataset has no file of a tile".to_owned()));
        }
        Ok(Self { files, ..catalog })
    }

    /// The name that it gives itself, as a table may be called.
    pub fn table_name(&self) -> String {
        let name = self.properties.get("obs_collection").map_or("", String::as_str);
        name.chars().map(|c| if c.is_alphanumeric() || c == '_' { c } else { '_' }).collect()
    }

    /// The number of rows that it says it has.
    pub fn n_rows(&self) -> Option<u64> {
        self.properties.get("hats_nrows")?.parse().ok()
    }

    /// The table that its rows make: placed by the position that it names.
    ///
    /// # Errors
    /// The first file cannot be read; those of [`infer::table_def`].
    pub fn table_def(&self, name: &str) -> Result<TableDef> {
        let first = &self.files[0];
        let schema = format::read(first, &options())?.schema();
        let is_kept = |field: &&std::sync::Arc<Field>| !is_tiling(field.name());
        let fields: Vec<_> = schema.fields().iter().filter(is_kept).cloned().collect();
        let schema = Schema::new_with_metadata(fields, schema.metadata().clone());
        let mut table = infer::table_def(name, &schema, &first.display().to_string())?.table;
        let described = ["obs_description", "obs_title"];
        if let Some(text) = described.iter().find_map(|key| self.properties.get(*key)) {
            table.description.clone_from(text);
        }
        if let Some(names) = self.properties.get("hats_cols_default") {
            let names: Vec<&str> = names.split([' ', ',', ';']).collect();
            for column in &mut table.columns {
                column.principal = names.contains(&column.name.as_str());
            }
        }
        let of = |key: &str| self.properties.get(key).cloned().unwrap_or_default();
        let position =
            PositionColumns { ra: of("hats_col_ra"), dec: of("hats_col_dec"), epoch: None };
        for column in &mut table.columns {
            if [&position.ra, &position.dec].contains(&&column.name) {
                column.datatype = Datatype::Double;
                column.unit.get_or_insert_with(|| "deg".to_owned());
            }
        }
        (table.kind, table.position) = (TableKind::Positional, Some(position));
        Ok(table)
    }

    /// Refuse a number of rows that is not the one that the catalog gives.
    fn check_n_rows(&self, found: u64) -> Result<()> {
        match self.n_rows().filter(|expected| *expected != found) {
            None => Ok(()),
            Some(expected) => {
                let reason = format!("{found} rows in its tiles, {expected} in its properties");
                Err(self.problem(reason))
            }
        }
    }

    fn problem(&self, reason: String) -> Error {
        let input = self.folder.display().to_string();
        Error::File { input, problem: FileProblem::Header { reason } }
    }
}

impl Transaction {
    /// Append all rows of a HATS catalog to a table. Columns of the tiling must be among those that
    /// are [ignored](crate::ExtraColumns::Ignore).
    ///
    /// # Arguments
    /// * `progress` - called with the number of tiles that are done
    ///
    /// # Errors
    /// As for [`append_file`](Self::append_file); a number of rows that is not the one that the catalog
    /// gives. The transaction then is as it was.
    pub fn append_hats(
        &mut self,
        table: &str,
        catalog: &HatsCatalog,
        progress: &dyn Fn(u64),
    ) -> Result<Report> {
        self.within_savepoint(|this| {
            let mut report = Report::default();
            for (n_done, file) in catalog.files.iter().enumerate() {
                report.merge(&this.append_file(table, file, &options())?);
                progress(n_done as u64 + 1);
            }
            catalog.check_n_rows(report.n_rows)?;
            Ok(report)
        })
    }
}

impl HatsCatalog {
    /// Number of its files.
    pub fn n_files(&self) -> usize {
        self.files.len()
    }
}

fn options() -> ReadOptions {
    ReadOptions { format: Some(Format::Parquet), ..ReadOptions::default() }
}

fn is_tiling(name: &str) -> bool {
    let name = name.to_lowercase();
    name.starts_with("_healpix_") || TILING.contains(&name.as_str())
}

/// Find the files of tiles, in folders called as the tiling calls them.
fn find_tiles(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let io_error = |source| Error::Io { path: folder.to_owned(), source };
    for entry in fs::read_dir(folder).map_err(io_error)? {
        let entry = entry.map_err(io_error)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_part = ["Norder=", "Dir=", "Npix="].iter().any(|part| name.starts_with(part));
        let is_in_tile = !name.starts_with(['.', '_'])
            && folder.file_name().is_some_and(|f| f.to_string_lossy().starts_with("Npix="));
        if entry.path().is_dir() && is_part {
            find_tiles(&entry.path(), files)?;
        } else if entry.path().is_file() && (name.starts_with("Npix=") || is_in_tile) {
            files.push(entry.path());
        }
    }
    Ok(())
}
