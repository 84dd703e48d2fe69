//! A catalog opened for queries.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use almagest_adql::{AsOf, Names};
use almagest_storage::schema::SchemaDef;
use almagest_storage::{CatalogStore, Snapshot};
use datafusion::catalog::SchemaProvider;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};

use crate::catalog_provider::tap_schema_provider;
use crate::config::EngineConfig;
use crate::names::names;
use crate::upload::Upload;
use crate::{Result, Session, tap_schema};

/// How many of the largest consumers an out-of-memory error names.
const N_NAMED_CONSUMERS: usize = 5;

/// A catalog opened for queries; cheap to clone, shared by all sessions.
#[derive(Debug, Clone)]
pub struct Database {
    store: CatalogStore,
    config: EngineConfig,
    runtime: Arc<RuntimeEnv>,
    schemas: Arc<Vec<SchemaDef>>,
    /// What queries may name, made once from the schemas.
    names: Arc<Names>,
    tap_schema: Arc<dyn SchemaProvider>,
    newest: Arc<Mutex<Option<Snapshot>>>,
}

/// What all running queries hold together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Bytes in memory, as far as they are accounted for.
    pub memory_bytes: u64,
    /// How many these may be.
    pub memory_limit_bytes: u64,
    /// Bytes in the spill folder.
    pub spilled_bytes: u64,
    /// How many these may be.
    pub spill_limit_bytes: u64,
}

impl Database {
    /// Open the catalog in the folder `path`.
    pub fn open(path: &Path) -> Result<Self> {
        Self::with_config(CatalogStore::open(path)?, EngineConfig::default())
    }

    /// Query an open catalog under the given settings.
    pub fn with_config(store: CatalogStore, config: EngineConfig) -> Result<Self> {
        let pool = TrackConsumersPool::new(
            FairSpillPool::new(config.memory_limit_bytes),
            std::num::NonZeroUsize::new(N_NAMED_CONSUMERS).unwrap_or(std::num::NonZeroUsize::MIN),
        );
        let spill = match &config.spill.folder {
            Some(folder) => DiskManagerMode::Directories(vec![folder.clone()]),
            None => DiskManagerMode::OsTmpDirectory,
        };
        let spill = DiskManagerBuilder::default()
            .with_mode(spill)
            .with_max_temp_directory_size(config.spill.limit_bytes);
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(pool))
            .with_disk_manager_builder(spill)
            .build_arc()?;
        let schemas = Arc::new(vec![store.schema().clone(), tap_schema::definition()]);
        let names = Arc::new(names(&schemas, &store.schema().name));
        let tap_schema = tap_schema_provider(&schemas)?;
        Ok(Self { store, config, runtime, schemas, names, tap_schema, newest: Arc::default() })
    }

    /// Return the definitions of all schemas that a query can name, TAP_SCHEMA last.
    pub fn schemas(&self) -> &[SchemaDef] {
        &self.schemas
    }

    /// The newest version, commits of other processes included.
    ///
    /// # Errors
    /// The catalog cannot be read.
    pub fn newest_version(&self) -> Result<u64> {
        Ok(self.store.newest_version()?)
    }

    /// The number of rows of a stored table; none for those that describe others, and where the
    /// catalog cannot be read.
    pub fn n_rows(&self, schema: &str, table: &str) -> Option<u64> {
        let own = self.store.schema();
        (own.name == schema && own.table(table).is_some())
            .then(|| self.snapshot().ok())?
            .map(|snapshot| snapshot.n_rows(table))
    }

    /// In how many parts a query is computed at the same time.
    pub fn n_cores(&self) -> usize {
        self.config.target_partitions
    }

    /// Tell how much all running queries hold of what they may hold.
    pub fn usage(&self) -> Usage {
        Usage {
            memory_bytes: self.runtime.memory_pool.reserved() as u64,
            memory_limit_bytes: self.config.memory_limit_bytes as u64,
            spilled_bytes: self.runtime.disk_manager.used_disk_space(),
            spill_limit_bytes: self.config.spill.limit_bytes,
        }
    }

    /// Begin a session on the newest snapshot, commits of other processes included.
    pub fn session(&self) -> Result<Session> {
        self.session_with(vec![])
    }

    /// Begin a session on the newest snapshot, in which queries find `uploads` too.
    pub fn session_with(&self, uploads: Vec<Upload>) -> Result<Session> {
        Session::new(self.clone(), self.snapshot()?, uploads)
    }

    /// Begin a session on an older version.
    ///
    /// # Errors
    /// There is no such version.
    pub fn session_at(&self, as_of: &AsOf, uploads: Vec<Upload>) -> Result<Session> {
        let version = match as_of {
            AsOf::Version(version) => *version,
            AsOf::Timestamp(timestamp) => self.store.version_at(timestamp)?,
        };
        Session::new(self.clone(), self.store.snapshot_at(version)?, uploads)
    }

    /// The settings of its queries.
    pub(crate) fn config(&self) -> &EngineConfig {
        &self.config
    }

    /// What its queries share: memory and caches.
    pub(crate) fn runtime(&self) -> Arc<RuntimeEnv> {
        self.runtime.clone()
    }

    /// What its queries may name.
    pub(crate) fn names(&self) -> Arc<Names> {
        self.names.clone()
    }

    /// The metadata of a column, as they travel with its values.
    pub(crate) fn column_metadata(
        &self,
        schema: &str,
        table: &str,
        column: &str,
    ) -> Option<HashMap<String, String>> {
        let schema = self.schemas.iter().find(|known| known.name == schema)?;
        let table = schema.table(table)?;
        Some(table.field_of(table.column(column)?).metadata().clone())
    }

    /// The tables that describe all tables.
    pub(crate) fn tap_schema(&self) -> Arc<dyn SchemaProvider> {
        self.tap_schema.clone()
    }

    /// Return the newest snapshot; read from the metadata only where there is a newer one.
    fn snapshot(&self) -> Result<Snapshot> {
        let version = self.store.newest_version()?;
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        match newest.as_ref().filter(|snapshot| snapshot.version() == version) {
            Some(snapshot) => Ok(snapshot.clone()),
            None => Ok(newest.insert(self.store.snapshot()?).clone()),
        }
    }
}
