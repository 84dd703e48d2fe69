//! A catalog opened for queries.

use std::path::Path;

use almagest_storage::schema::SchemaDef;

use crate::{Result, Session};

/// A catalog opened for queries; cheap to clone, shared by all sessions.
#[derive(Debug, Clone)]
pub struct Database {}

impl Database {
    /// Open the catalog in the folder `path`.
    pub fn open(path: &Path) -> Result<Self> {
        let _ = path;
        Ok(Self {})
    }

    /// Return the definitions of all schemas that a query can name, TAP_SCHEMA included.
    pub fn schemas(&self) -> Result<Vec<SchemaDef>> {
        Ok(vec![])
    }

    /// Begin a session on the newest snapshot.
    pub fn session(&self) -> Result<Session> {
        Ok(Session {})
    }
}
