//! Catalogs opened for queries.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use almagest_adql::{AsOf, Names};
use almagest_storage::schema::arrow::{ROW_OF, ROW_PART, ROW_PARTS};
use almagest_storage::schema::{SchemaDef, TableDef, TableKind};
use almagest_storage::{CatalogStore, Snapshot};
use datafusion::catalog::SchemaProvider;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};

use crate::catalog_provider::tap_schema_provider;
use crate::config::EngineConfig;
use crate::live_schema::LiveSchema;
use crate::names::names;
use crate::shared_scan::SharedScans;
use crate::upload::Upload;
use crate::visibility::Visibility;
use crate::{Error, Result, Session, tap_schema};

/// How many of the largest consumers an out-of-memory error names.
const N_NAMED_CONSUMERS: usize = 5;

/// Catalogs opened for queries, each a schema; cheap to clone, shared by all sessions.
///
/// A caller sees the tables of [`schemas`](Self::schemas) and no others.
#[derive(Debug, Clone)]
pub struct Database {
    sources: Sources,
    /// The versions of the catalogs' definitions from which what follows was made.
    defined_in: Arc<Vec<u64>>,
    schemas: Arc<Vec<SchemaDef>>,
    /// What queries may name, made once from the schemas.
    names: Arc<Names>,
    tap_schema: Arc<dyn SchemaProvider>,
}

/// From what a database is made.
#[derive(Debug, Clone)]
struct Sources {
    mounts: Arc<Vec<Arc<Mount>>>,
    live: Arc<Vec<Arc<dyn LiveSchema>>>,
    visibility: Visibility,
    config: EngineConfig,
    runtime: Arc<RuntimeEnv>,
    shared_scans: Option<Arc<SharedScans>>,
}

/// A catalog and the last snapshot that was taken of it.
#[derive(Debug)]
struct Mount {
    store: CatalogStore,
    newest: Mutex<Option<Snapshot>>,
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
    /// Columns of row groups that scans of whole tables have asked for while others ran.
    pub shared_columns_asked: u64,
    /// Those of them that had to be decoded; the others were there, or being decoded.
    pub shared_columns_decoded: u64,
}

impl Database {
    /// Open the catalog in the folder `path`.
    ///
    /// # Errors
    /// There is no catalog, or it cannot be read.
    pub fn open(path: &Path) -> Result<Self> {
        Self::with_config(CatalogStore::open(path)?, EngineConfig::default())
    }

    /// Query an open catalog under the given settings.
    ///
    /// # Errors
    /// As [`Self::mount`].
    pub fn with_config(store: CatalogStore, config: EngineConfig) -> Result<Self> {
        Self::mount(vec![store], config)
    }

    /// Query several catalogs side by side, each under the name of its schema.
    ///
    /// # Arguments
    /// `stores`: at least one; a table without a schema is looked for in the first of them first.
    ///
    /// # Errors
    /// Two catalogs have schemas of one name, or one has a name that is taken.
    pub fn mount(stores: Vec<CatalogStore>, config: EngineConfig) -> Result<Self> {
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
        let mounts = Arc::new(mounted(stores, &[])?);
        let (live, visibility) = (Arc::default(), Visibility::default());
        let shared_bytes = Some(config.shared_scan_bytes).filter(|bytes| *bytes > 0);
        let shared_scans = shared_bytes.map(|bytes| Arc::new(SharedScans::new(bytes)));
        Sources { mounts, live, visibility, config, runtime, shared_scans }.newest()
    }

    /// The same catalogs and others beside them.
    ///
    /// # Errors
    /// As [`Self::mount`].
    pub fn beside(&self, stores: Vec<CatalogStore>) -> Result<Self> {
        let mut sources = self.sources.clone();
        let more = mounted(stores, &self.taken())?;
        sources.mounts = Arc::new(sources.mounts.iter().cloned().chain(more).collect());
        sources.newest()
    }

    /// The same catalogs, and tables whose rows are made when they are asked for.
    ///
    /// # Errors
    /// As [`Self::mount`].
    pub fn with_live(&self, schemas: Vec<Arc<dyn LiveSchema>>) -> Result<Self> {
        let mut sources = self.sources.clone();
        let mut taken = self.taken();
        for schema in &schemas {
            take(&mut taken, &schema.definition().name)?;
        }
        sources.live = Arc::new(sources.live.iter().cloned().chain(schemas).collect());
        sources.newest()
    }

    /// Has it tables whose rows are made when they are asked for?
    pub fn has_live(&self) -> bool {
        !self.sources.live.is_empty()
    }

    /// The catalogs.
    pub fn stores(&self) -> Vec<CatalogStore> {
        self.sources.mounts.iter().map(|mount| mount.store.clone()).collect()
    }

    /// The names of schemas that are taken.
    fn taken(&self) -> Vec<String> {
        let mounts = self.sources.mounts.iter().map(|mount| mount.name());
        let live = self.sources.live.iter().map(|schema| schema.definition().name.as_str());
        mounts.chain(live).map(str::to_lowercase).collect()
    }

    /// The same catalogs for a caller who may see only some tables: the others, and references to
    /// them, are not there, in no version.
    ///
    /// # Arguments
    /// `is_visible`: whether the caller may see a table, by schema and name.
    ///
    /// # Errors
    /// The tables that describe tables cannot be made.
    pub fn restricted(
        &self,
        is_visible: impl Fn(&str, &str) -> bool + Send + Sync + 'static,
    ) -> Result<Self> {
        let mut sources = self.sources.clone();
        sources.visibility = sources.visibility.and(is_visible);
        sources.newest()
    }

    /// The same catalogs with the tables that they have now, if those are others: other processes
    /// add and drop tables too.
    ///
    /// # Errors
    /// A catalog cannot be read.
    pub fn refreshed(&self) -> Result<Option<Self>> {
        let snapshots = self.sources.snapshots()?;
        match self.is_defined_as_in(&snapshots) {
            true => Ok(None),
            false => self.sources.clone().defined_in(&snapshots).map(Some),
        }
    }

    fn is_defined_as_in(&self, snapshots: &[Snapshot]) -> bool {
        snapshots.iter().map(Snapshot::schema_version).eq(self.defined_in.iter().copied())
    }

    /// The same catalogs with the tables of these versions of them.
    fn as_in(&self, snapshots: &[Snapshot]) -> Result<Self> {
        match self.is_defined_as_in(snapshots) {
            true => Ok(self.clone()),
            false => self.sources.clone().defined_in(snapshots),
        }
    }

    /// Return the definitions of all schemas that a query can name, TAP_SCHEMA last.
    pub fn schemas(&self) -> &[SchemaDef] {
        &self.schemas
    }

    /// The newest version of each catalog, commits of other processes included.
    ///
    /// # Errors
    /// A catalog cannot be read.
    pub fn newest_versions(&self) -> Result<Vec<u64>> {
        self.sources.mounts.iter().map(|mount| Ok(mount.store.newest_version()?)).collect()
    }

    /// Numbers of which one is another when the rows of a query may be others: the newest versions,
    /// and what stands for them where there are none.
    ///
    /// # Errors
    /// A catalog cannot be read.
    pub fn stamps(&self) -> Result<Vec<u64>> {
        let mut stamps = self.newest_versions()?;
        stamps.extend(self.sources.live.iter().map(|schema| schema.stamp()));
        Ok(stamps)
    }

    /// The number of rows of a stored table that the caller may see; none for those that describe
    /// others, and where the catalog cannot be read.
    pub fn n_rows(&self, schema: &str, table: &str) -> Option<u64> {
        let found = self.schemas.iter().find(|known| known.name == schema)?.table(table)?;
        let table = match &found.kind {
            TableKind::View { of, .. } => of,
            _ => table,
        };
        let mount = self.sources.mounts.iter().find(|mount| mount.name() == schema)?;
        Some(mount.snapshot().ok()?.n_rows(table))
    }

    /// In how many parts a query is computed at the same time.
    pub fn n_cores(&self) -> usize {
        self.sources.config.target_partitions
    }

    /// Tell how much all running queries hold of what they may hold.
    pub fn usage(&self) -> Usage {
        let shared = self.sources.shared_scans.as_ref();
        let shared = shared.map(|shared| shared.counts()).unwrap_or_default();
        Usage {
            memory_bytes: self.sources.runtime.memory_pool.reserved() as u64,
            memory_limit_bytes: self.sources.config.memory_limit_bytes as u64,
            spilled_bytes: self.sources.runtime.disk_manager.used_disk_space(),
            spill_limit_bytes: self.sources.config.spill.limit_bytes,
            shared_columns_asked: shared.asked,
            shared_columns_decoded: shared.decoded,
        }
    }

    /// Begin a session on the newest snapshots and their tables, commits of other processes
    /// included.
    ///
    /// # Errors
    /// A catalog cannot be read.
    pub fn session(&self) -> Result<Session> {
        self.session_with(vec![])
    }

    /// Begin a session on the newest snapshots, in which queries find `uploads` too.
    ///
    /// # Errors
    /// A catalog cannot be read.
    pub fn session_with(&self, uploads: Vec<Upload>) -> Result<Session> {
        let snapshots = self.sources.snapshots()?;
        Session::new(self.as_in(&snapshots)?, snapshots, uploads)
    }

    /// Begin a session on an older version.
    ///
    /// # Arguments
    /// `schemas`: the schemas that are asked for; a number counts the versions of one catalog, a
    /// time is one for all.
    ///
    /// # Errors
    /// There is no such version, or its number could be one of several catalogs.
    pub fn session_at(
        &self,
        as_of: &AsOf,
        schemas: &[String],
        uploads: Vec<Upload>,
    ) -> Result<Session> {
        let is_asked = |mount: &&Arc<Mount>| schemas.iter().any(|schema| schema == mount.name());
        let asked: Vec<&Arc<Mount>> = self.sources.mounts.iter().filter(is_asked).collect();
        if let (AsOf::Version(_), [_, _, ..]) = (as_of, asked.as_slice()) {
            let names = asked.iter().map(|mount| mount.name().to_owned()).collect();
            return Err(Error::VersionOfSeveral { schemas: names });
        }
        let snapshots = self.sources.mounts.iter().map(|mount| {
            // A query of no catalog, of TAP_SCHEMA say, may still ask for a version that is there.
            let is_meant = is_asked(&mount) || (asked.is_empty() && self.sources.mounts.len() == 1);
            if is_meant { mount.snapshot_at(as_of) } else { mount.snapshot() }
        });
        let snapshots = snapshots.collect::<Result<Vec<_>>>()?;
        Session::new(self.as_in(&snapshots)?, snapshots, uploads)
    }

    /// The settings of its queries.
    pub(crate) fn config(&self) -> &EngineConfig {
        &self.sources.config
    }

    /// What its queries share: memory and caches.
    pub(crate) fn runtime(&self) -> Arc<RuntimeEnv> {
        self.sources.runtime.clone()
    }

    /// What scans of whole tables share; none where each decodes for itself.
    pub(crate) fn shared_scans(&self) -> Option<Arc<SharedScans>> {
        self.sources.shared_scans.clone()
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
        let mut metadata = table.field_of(table.column(column)?).metadata().clone();
        let name = table.row_name();
        let part = name.iter().position(|part| *part == column);
        if let Some(part) = part.filter(|_| self.leads_to_images(schema, table)) {
            metadata.insert(ROW_OF.to_owned(), format!("{}.{}", schema.name, table.name));
            if name.len() > 1 {
                metadata.insert(ROW_PART.to_owned(), ROW_PARTS[part].to_owned());
            }
        }
        Some(metadata)
    }

    /// Do rows of a table lead to images? They are somewhere on the sky, or on a detector.
    fn leads_to_images(&self, schema: &SchemaDef, table: &TableDef) -> bool {
        let has = |name: &str| table.column(name).is_some();
        let is_seen = table.position.is_some() || has("visit") && has("detector");
        let mut mounts = self.sources.mounts.iter();
        self.has_live()
            && is_seen
            && mounts.any(|mount| mount.name() == schema.name && mount.store.butler_path().exists())
    }

    /// Tables whose rows are made when they are asked for.
    pub(crate) fn live(&self) -> &[Arc<dyn LiveSchema>] {
        &self.sources.live
    }

    /// The tables that describe all tables.
    pub(crate) fn tap_schema(&self) -> Arc<dyn SchemaProvider> {
        self.tap_schema.clone()
    }
}

impl Sources {
    fn newest(self) -> Result<Database> {
        let snapshots = self.snapshots()?;
        self.defined_in(&snapshots)
    }

    /// The newest snapshot of each catalog.
    fn snapshots(&self) -> Result<Vec<Snapshot>> {
        self.mounts.iter().map(|mount| mount.snapshot()).collect()
    }

    /// The database with the tables of these versions.
    fn defined_in(self, snapshots: &[Snapshot]) -> Result<Database> {
        let catalogs = snapshots.iter().map(|snapshot| snapshot.schema());
        let live = self.live.iter().map(|schema| schema.definition());
        let seen = catalogs.chain(live).map(|schema| self.visibility.of_schema(schema));
        let mut schemas: Vec<SchemaDef> = seen.collect();
        if self.visibility.is_partial() {
            schemas.retain(|schema| !schema.tables.is_empty());
        }
        let default_schema = schemas.first().map_or(tap_schema::NAME, |schema| &schema.name);
        let default_schema = default_schema.to_owned();
        schemas.push(tap_schema::definition());
        let names = Arc::new(names(&schemas, &default_schema));
        let tap_schema = tap_schema_provider(&schemas)?;
        let defined_in = Arc::new(snapshots.iter().map(Snapshot::schema_version).collect());
        Ok(Database { sources: self, defined_in, schemas: Arc::new(schemas), names, tap_schema })
    }
}

/// Mount catalogs beside schemas whose names are taken, in lower case.
fn mounted(stores: Vec<CatalogStore>, taken: &[String]) -> Result<Vec<Arc<Mount>>> {
    let mut taken = taken.to_vec();
    let mut mounts = vec![];
    for store in stores {
        let mount = Mount { store, newest: Mutex::default() };
        take(&mut taken, mount.name())?;
        mounts.push(Arc::new(mount));
    }
    Ok(mounts)
}

/// Take the name of a schema, which queries may write in any case.
fn take(taken: &mut Vec<String>, name: &str) -> Result<()> {
    let lower = name.to_lowercase();
    let own = [tap_schema::NAME, crate::upload::SCHEMA].map(str::to_lowercase);
    if taken.contains(&lower) || own.contains(&lower) {
        return Err(Error::SchemaTwice { name: name.to_owned() });
    }
    taken.push(lower);
    Ok(())
}

impl Mount {
    fn name(&self) -> &str {
        self.store.name()
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

    fn snapshot_at(&self, as_of: &AsOf) -> Result<Snapshot> {
        let version = match as_of {
            AsOf::Version(version) => *version,
            AsOf::Timestamp(timestamp) => self.store.version_at(timestamp)?,
        };
        Ok(self.store.snapshot_at(version)?)
    }
}
