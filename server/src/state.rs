//! What all handlers share.

use std::time::SystemTime;

use almagest_engine::Database;

use crate::Result;
use crate::config::ServerConfig;
use crate::query_runtime::QueryRuntime;
use crate::uws::Jobs;

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
        let jobs = Jobs::open(database.clone(), &config, queries.clone())?;
        Ok(Self { database, config, queries, jobs, up_since: SystemTime::now() })
    }
}
