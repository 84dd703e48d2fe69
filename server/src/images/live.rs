//! What butlers know, as tables.

use std::error::Error as StdError;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use almagest_engine::LiveSchema;
use almagest_engine::arrow::array::RecordBatch;
use almagest_engine::arrow::compute::concat_batches;
use almagest_pipeline::butler::{Butler, tables};
use almagest_storage::CatalogStore;
use almagest_storage::schema::SchemaDef;

use super::Publication;
use crate::Result;

type Rows = std::result::Result<RecordBatch, Box<dyn StdError + Send + Sync>>;

/// The registry of one catalog's butler.
#[derive(Debug, Clone)]
pub(super) struct Registry {
    butler: Arc<Butler>,
    path: PathBuf,
    definition: SchemaDef,
}

impl Registry {
    /// The registry of a catalog, as a schema of this name.
    pub fn of(store: &CatalogStore, butler: Arc<Butler>, name: String) -> Result<Self> {
        let definition = tables::butler().map_err(almagest_pipeline::Error::from)?;
        let definition = SchemaDef { name, ..definition };
        Ok(Self { butler, path: store.butler_path(), definition })
    }
}

impl LiveSchema for Registry {
    fn definition(&self) -> &SchemaDef {
        &self.definition
    }

    fn rows(&self, table: &str) -> Rows {
        Ok(self.butler.registry().table_rows(table)?)
    }

    fn stamp(&self) -> u64 {
        stamp(&self.path)
    }
}

/// Images of all catalogs as observations.
#[derive(Debug)]
pub(super) struct ObsCore {
    registries: Vec<Registry>,
    publication: Arc<Publication>,
    definition: SchemaDef,
}

impl ObsCore {
    /// The images of the catalogs.
    pub fn of(registries: Vec<Registry>, publication: Arc<Publication>) -> Result<Self> {
        let definition = tables::obscore().map_err(almagest_pipeline::Error::from)?;
        Ok(Self { registries, publication, definition })
    }
}

impl LiveSchema for ObsCore {
    fn definition(&self) -> &SchemaDef {
        &self.definition
    }

    fn rows(&self, _: &str) -> Rows {
        let mut batches = vec![];
        for Registry { butler, .. } in &self.registries {
            batches.push(butler.registry().obscore_rows(self.publication.as_ref())?);
        }
        match batches.first() {
            Some(first) => Ok(concat_batches(&first.schema(), &batches)?),
            None => Err("no catalog has images".into()),
        }
    }

    fn stamp(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.registries.iter().for_each(|registry| registry.stamp().hash(&mut hasher));
        hasher.finish()
    }
}

/// A number that is another one when a registry has changed: what it has not yet taken into its file
/// lies beside it.
fn stamp(path: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    for file in [path, Path::new(&log)] {
        let facts = std::fs::metadata(file).ok();
        facts.map(|facts| (facts.len(), facts.modified().ok())).hash(&mut hasher);
    }
    hasher.finish()
}
