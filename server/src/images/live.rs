//! What butlers know, as tables.

use std::error::Error as StdError;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::sync::Arc;

use almagest_engine::LiveSchema;
use almagest_engine::arrow::array::RecordBatch;
use almagest_engine::arrow::compute::concat_batches;
use almagest_pipeline::butler::{self, tables};
use almagest_storage::CatalogStore;
use almagest_storage::schema::SchemaDef;

use super::Publication;
use crate::Result;

type Rows = std::result::Result<RecordBatch, Box<dyn StdError + Send + Sync>>;

/// The schema of the registry of a catalog: that of the first is called `butler`, others have the
/// catalog's name behind it.
pub(super) fn registry_name(catalog: &str, is_first: bool) -> String {
    match is_first {
        true => "butler".to_owned(),
        false => format!("butler_{catalog}"),
    }
}

/// The registry of one catalog's butler.
#[derive(Debug)]
pub(super) struct Registry {
    path: PathBuf,
    definition: SchemaDef,
}

impl Registry {
    /// The registry of a catalog.
    pub fn of(store: &CatalogStore, is_first: bool) -> Result<Self> {
        let mut definition = tables::butler().map_err(almagest_pipeline::Error::from)?;
        definition.name = registry_name(store.name(), is_first);
        Ok(Self { path: store.butler_path(), definition })
    }
}

impl LiveSchema for Registry {
    fn definition(&self) -> &SchemaDef {
        &self.definition
    }

    fn rows(&self, table: &str) -> Rows {
        Ok(butler::Registry::of_reader(&self.path)?.table_rows(table)?)
    }

    fn stamp(&self) -> u64 {
        stamp(std::slice::from_ref(&self.path))
    }
}

/// Images of all catalogs as observations.
#[derive(Debug)]
pub(super) struct ObsCore {
    paths: Vec<PathBuf>,
    publication: Arc<Publication>,
    definition: SchemaDef,
}

impl ObsCore {
    /// The images of the catalogs.
    pub fn of(stores: &[&CatalogStore], publication: Arc<Publication>) -> Result<Self> {
        let paths = stores.iter().map(|store| store.butler_path()).collect();
        let definition = tables::obscore().map_err(almagest_pipeline::Error::from)?;
        Ok(Self { paths, publication, definition })
    }
}

impl LiveSchema for ObsCore {
    fn definition(&self) -> &SchemaDef {
        &self.definition
    }

    fn rows(&self, _: &str) -> Rows {
        let of_catalog = |path: &PathBuf| -> Rows {
            let registry = butler::Registry::of_reader(path)?;
            Ok(registry.obscore_rows(self.publication.as_ref())?)
        };
        let batches =
            self.paths.iter().map(of_catalog).collect::<std::result::Result<Vec<_>, _>>()?;
        match batches.first() {
            Some(first) => Ok(concat_batches(&first.schema(), &batches)?),
            None => Err("no catalog has images".into()),
        }
    }

    fn stamp(&self) -> u64 {
        stamp(&self.paths)
    }
}

/// A number that is another one when a registry has changed: what it has not yet taken into its file
/// lies beside it.
fn stamp(paths: &[PathBuf]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for path in paths {
        let mut log = path.clone().into_os_string();
        log.push("-wal");
        for file in [path, &PathBuf::from(log)] {
            let facts = std::fs::metadata(file).ok();
            let facts = facts.map(|facts| (facts.len(), facts.modified().ok()));
            facts.hash(&mut hasher);
        }
    }
    hasher.finish()
}
