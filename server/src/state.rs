//! What all handlers share.

use std::time::SystemTime;

use almagest_engine::Database;

use crate::config::ServerConfig;

/// What all handlers share; cheap to clone.
#[derive(Debug, Clone)]
pub struct AppState {
    /// The catalog that is queried.
    pub database: Database,
    /// Limits of the service.
    pub config: ServerConfig,
    /// When the service started.
    pub up_since: SystemTime,
}

impl AppState {
    /// Make the state of a service that starts now.
    pub fn new(database: Database, config: ServerConfig) -> Self {
        Self { database, config, up_since: SystemTime::now() }
    }
}
