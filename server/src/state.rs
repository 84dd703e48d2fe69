//! What all handlers share.

use std::time::SystemTime;

use almagest_engine::Database;

use crate::Result;
use crate::config::ServerConfig;
use crate::query_runtime::QueryRuntime;

/// What all handlers share; cheap to clone.
#[derive(Debug, Clone)]
pub struct AppState {
    /// The catalog that is queried.
    pub database: Database,
    /// Limits of the service.
    pub config: ServerConfig,
    /// Threads for queries.
    pub queries: QueryRuntime,
    /// When the service started.
    pub up_since: SystemTime,
}

impl AppState {
    /// Make the state of a service that starts now.
    ///
    /// # Errors
    /// The system gives no threads for queries.
    pub fn new(database: Database, config: ServerConfig) -> Result<Self> {
        let queries = QueryRuntime::start()?;
        Ok(Self { database, config, queries, up_since: SystemTime::now() })
    }
}
