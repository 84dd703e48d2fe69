//! What all handlers share.

use std::sync::Arc;
use std::time::SystemTime;

use almagest_engine::Database;

use crate::Result;
use crate::config::ServerConfig;
use crate::images::Images;
use crate::ingest_log::IngestLog;
use crate::ingest_service::IngestService;
use crate::metrics::Metrics;
use crate::people::{Allowance, PeopleStore, Views};
use crate::queries::QueryList;
use crate::query_runtime::QueryRuntime;
use crate::tap::KeptAnswers;
use crate::tap::examples::Shelf;
use crate::turns::Turns;
use crate::user_tables::UserTables;
use crate::uws::execution::Workshop;
use crate::uws::state_folder::StateFolder;
use crate::uws::{Jobs, Owner};

/// What all handlers share; cheap to clone.
#[derive(Debug, Clone)]
pub struct AppState {
    /// The catalogs that are queried, as each caller may see them.
    pub views: Views,
    /// Limits of the service.
    pub config: ServerConfig,
    /// Whose synchronous query computes next.
    pub turns: Turns,
    /// Threads for queries.
    pub queries: QueryRuntime,
    /// Asynchronous queries.
    pub jobs: Jobs,
    /// The queries under way.
    pub list: QueryList,
    /// What is counted.
    pub metrics: Metrics,
    /// Transactions of callers who add rows.
    pub ingest: IngestService,
    /// Small answers, for those who ask the same again.
    pub kept: KeptAnswers,
    /// Queries that work on the newest versions.
    pub examples: Shelf,
    /// When the service started.
    pub up_since: SystemTime,
}

impl AppState {
    /// Make the state of a service that starts now, inside a Tokio runtime; jobs that an earlier one
    /// left unfinished go on.
    ///
    /// # Errors
    /// The system gives no threads for queries, or the state folder cannot be used.
    pub fn new(database: Database, config: ServerConfig) -> Result<Self> {
        let queries = QueryRuntime::start()?;
        let folder = match &config.state {
            Some(path) => StateFolder::open(path)?,
            None => StateFolder::temporary()?,
        };
        let user_tables =
            UserTables::open(folder.root(), config.table_life, config.anonymous_tables)?;
        let images = Images::of(&database, &config);
        let ingest = IngestService::new(database.stores());
        let database = match IngestLog::of(&database)? {
            Some(log) => database.with_live(vec![log])?,
            None => database,
        };
        let people = PeopleStore::open(&folder.people())?;
        let views = Views::new(database, people, user_tables, images);
        let metrics = Metrics::new()?;
        let kept = KeptAnswers::new(config.cache_bytes, metrics.clone());
        let list = QueryList::default();
        let workshop = Workshop {
            list: list.clone(),
            views: views.clone(),
            config: Arc::new(config.clone()),
            queries: queries.clone(),
            folder,
            metrics: metrics.clone(),
            kept: kept.clone(),
        };
        let jobs = Jobs::open(workshop)?;
        let turns = Turns::new(config.queries.clone());
        let (examples, up_since) = (Shelf::default(), SystemTime::now());
        Ok(Self {
            views,
            config,
            turns,
            queries,
            jobs,
            list,
            metrics,
            ingest,
            kept,
            examples,
            up_since,
        })
    }

    /// What a caller may have.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn allowance(&self, owner: &Owner) -> Result<Allowance> {
        self.views.allowance(owner, &self.config)
    }
}
