//! HATS catalogs mounted in place: their files are the rows of a table, and stay where they are.

use std::fs;
use std::path::Path;

use almagest_storage::mount::{TileFile, look_at};
use almagest_storage::schema::{TableChanges, TableDef};
use almagest_storage::{CatalogStore, CommitPlan};

use super::HatsCatalog;
use crate::error::{Error, Result};
use crate::format;

/// What was mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountReport {
    /// The version in which the rows are visible.
    pub version: u64,
    /// Rows.
    pub n_rows: u64,
    /// Files.
    pub n_files: usize,
    /// Does `_healpix_29` prune pages?
    pub has_keys: bool,
    /// Files with rows outside their tile, which were read whole to know where they lie.
    pub n_outside: usize,
    /// Columns that no table can hold, as nested ones.
    pub left_out: Vec<String>,
}

impl HatsCatalog {
    /// Mount the catalog as a new table `name`, in one version. Nothing of it is copied, written or
    /// removed, now or later; its rows cannot be changed.
    ///
    /// # Arguments
    /// * `progress` - called with the number of files that were looked at
    ///
    /// # Errors
    /// A name that is taken; positions in other units than degrees; geometries; files that differ in their
    /// columns; a number of rows that is not the one that the catalog gives.
    pub fn mount(
        &self,
        store: &CatalogStore,
        name: &str,
        author: &str,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<MountReport> {
        let base = store.snapshot()?.version();
        let table = self.table_def(name)?;
        self.refuse_what_is_converted(&table)?;
        let left_out = self.left_out(&table)?;
        let folder = fs::canonicalize(&self.folder)
            .map_err(|source| Error::Io { path: self.folder.clone(), source })?;
        if folder.to_str().is_none() {
            return Err(self.problem("the name of its folder is no text".to_owned()));
        }
        let tiles = self.files.iter().map(|file| self.tile(file)).collect::<Result<Vec<_>>>()?;
        let pending = look_at(&table, &folder, &tiles, self.key_column(), progress)?;
        let mut report = MountReport {
            version: 0,
            n_rows: pending.n_rows(),
            n_files: tiles.len(),
            has_keys: pending.has_keys(),
            n_outside: pending.n_outside,
            left_out,
        };
        self.check_n_rows(report.n_rows)?;
        let plan = CommitPlan {
            message: format!("mount {name} from {}", folder.display()),
            author: author.to_owned(),
            tables: TableChanges { added: vec![table], ..TableChanges::default() },
            mounts: vec![pending],
            ..CommitPlan::default()
        };
        report.version = store.commit(base, plan)?;
        Ok(report)
    }

    /// Refuse columns whose values an import would change beyond their type.
    fn refuse_what_is_converted(&self, table: &TableDef) -> Result<()> {
        let position = table.position.iter().flat_map(|p| [p.ra.as_str(), p.dec.as_str()]);
        for name in position {
            let unit = table.column(name).and_then(|column| column.unit.as_deref());
            if !matches!(unit, Some("deg" | "degree" | "degrees")) {
                let unit = unit.unwrap_or_default();
                return Err(self.problem(format!("{name} is in {unit}: import it to convert")));
            }
        }
        match table.columns.iter().find(|column| column.geometry().is_some()) {
            Some(column) => {
                let name = &column.name;
                Err(self.problem(format!("{name} holds geometries: import it to convert")))
            }
            None => Ok(()),
        }
    }

    fn left_out(&self, table: &TableDef) -> Result<Vec<String>> {
        let schema = format::read(&self.files[0], &super::options())?.schema();
        let names = schema.fields().iter().map(|field| field.name());
        let names = names.filter(|name| !super::is_tiling(name) && table.column(name).is_none());
        Ok(names.cloned().collect())
    }

    /// The column that may be `_healpix_29`.
    fn key_column(&self) -> Option<&str> {
        let order = self.properties.get("hats_col_healpix_order").map_or("29", String::as_str);
        let column = self.properties.get("hats_col_healpix").map_or("_healpix_29", String::as_str);
        (order == "29").then_some(column)
    }

    /// The cell of a file, which its path tells.
    fn tile(&self, file: &Path) -> Result<TileFile> {
        let unknown = || self.problem(format!("{} is in no tile", file.display()));
        let path = file.strip_prefix(&self.folder).map_err(|_| unknown())?;
        let path = path.to_str().ok_or_else(unknown)?;
        let number = |name: &str| {
            let text = path.split('/').find_map(|part| part.strip_prefix(name))?;
            let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
            text[..digits].parse::<u64>().ok()
        };
        let (order, pixel) = number("Norder=").zip(number("Npix=")).ok_or_else(unknown)?;
        let is_cell = order <= 29 && pixel < 12 << (2 * order);
        if !is_cell {
            return Err(unknown());
        }
        Ok(TileFile { path: path.to_owned(), order: order as u8, pixel })
    }
}
