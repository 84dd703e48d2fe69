//! What all handlers share.

use std::sync::Arc;
use std::time::SystemTime;

use almagest_engine::Database;

use crate::Result;
use crate::config::ServerConfig;
use crate::metrics::Metrics;
use crate::query_runtime::QueryRuntime;
use crate::tap::KeptAnswers;
use crate::uws::Jobs;
use crate::uws::execution::Workshop;

/// What all handlers share; cheap to clone.
#[derive(Debug, Clone)]
pub struct AppState {
    /// The catalog that is queried.
    pub database: Database,
    /// Limits of the service.
    pub config: ServerConfig,
    /// Threads for queries.
    pub queries: QueryRuntime,
    /// Asynchronous queries.
    pub jobs: Jobs,
    /// What is counted.
    pub metrics: Metrics,
    /// Small answers, for those who ask the same again.
    pub kept: KeptAnswers,
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
        let metrics = Metrics::new()?;
        let kept = KeptAnswers::new(config.cache_bytes, metrics.clone());
        let workshop = Workshop {
            database: database.clone(),
            config: Arc::new(config.clone()),
            queries: queries.clone(),
            folder: Jobs::folder(&config)?,
            metrics: metrics.clone(),
            kept: kept.clone(),
        };
        let jobs = Jobs::open(workshop)?;
        Ok(Self { database, config, queries, jobs, metrics, kept, up_since: SystemTime::now() })
    }
}
