//! How long a synchronous query of a caller may compute.

use std::time::Duration;

use crate::Error;
use crate::config::ServerConfig;
use crate::people::{Allowance, Resource};

/// The limits of a caller's queries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeLimit {
    /// Of a synchronous query.
    pub sync: Duration,
    /// Of a job, which may be longer.
    pub job: Duration,
}

impl TimeLimit {
    /// Bound what the service allows by what the caller may have.
    pub fn of(config: &ServerConfig, allowance: &Allowance) -> Self {
        let most = Duration::from_secs(allowance.of(Resource::Seconds));
        TimeLimit {
            sync: config.sync_duration.min(most),
            job: config.execution_duration.hard.min(most),
        }
    }

    /// What is said of a query that takes longer.
    pub fn passed(self) -> Error {
        Error::SyncDuration { limit: self.sync, job: self.job }
    }
}
