//! One session: queries over one snapshot.

use crate::{Error, Query, Result};

/// Queries over one snapshot of the catalog.
#[derive(Debug)]
pub struct Session {}

/// What bounds one query.
#[derive(Debug, Clone, Copy, Default)]
pub struct QueryOptions {
    /// Stop after this many rows.
    pub row_limit: Option<u64>,
}

impl Session {
    /// Check, resolve and plan the ADQL text `adql`.
    pub async fn query(&self, adql: &str, options: QueryOptions) -> Result<Query> {
        let _ = (adql, options);
        Err(Error::Query("no engine yet".into()))
    }
}
