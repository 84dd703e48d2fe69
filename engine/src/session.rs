//! One session: queries over one snapshot.
//!
//! ```text
//!   ADQL text ─ almagest-adql ─▶ checked tree ─ SqlToRel ─▶ logical plan ─▶ optimized ─▶ Query
//!                   ▲                               ▲
//!               names of the schemas        tables of the snapshot, sky functions
//! ```

use std::sync::Arc;

use almagest_adql::{Dialect, Names, Translated, translate_dialect};
use almagest_storage::Snapshot;
use datafusion::catalog::SchemaProvider;

use crate::catalog_provider::SnapshotSchema;
use crate::output_column::OutputColumns;
use crate::planner::Planner;
use crate::query::Reading;
use crate::upload::{self, Upload};
use crate::{Database, Error, Query, Result, tap_schema};

/// Queries over one snapshot of the catalog, and over what the caller brings along.
pub struct Session {
    database: Database,
    uploads: Vec<Upload>,
    /// What queries may name.
    names: Arc<Names>,
    planner: Planner,
    version: u64,
}

/// How a query is read, and what bounds it.
#[derive(Debug, Clone, Copy, Default)]
pub struct QueryOptions {
    /// The language that it is in.
    pub dialect: Dialect,
    /// Stop after this many rows.
    pub row_limit: Option<u64>,
}

impl Session {
    pub(crate) fn new(
        database: Database,
        snapshot: Snapshot,
        uploads: Vec<Upload>,
    ) -> Result<Self> {
        let default_schema = snapshot.store().schema().name.clone();
        let version = snapshot.version();
        let pruning = database.config().pruning;
        let mut tables: Vec<(String, Arc<dyn SchemaProvider>)> = vec![
            (default_schema, Arc::new(SnapshotSchema::new(snapshot, pruning))),
            (tap_schema::NAME.to_owned(), database.tap_schema()),
        ];
        let mut names = database.names();
        if !uploads.is_empty() {
            tables.push((upload::SCHEMA.to_owned(), upload::provider(&uploads)?));
            Arc::make_mut(&mut names).schemas.push(upload::names(&uploads));
        }
        let planner = Planner::new(database.config(), database.runtime(), tables)?;
        Ok(Self { database, uploads, names, planner, version })
    }

    /// Check, resolve and plan the ADQL text `adql`.
    ///
    /// A query that asks for another version with `AS OF` is planned over that one.
    ///
    /// # Errors
    /// [`Error::Adql`] says where in the text, what is wrong and what to write instead.
    pub async fn query(&self, adql: &str, options: QueryOptions) -> Result<Query> {
        let translated = translate_dialect(adql, options.dialect, &self.names)
            .map_err(|error| Error::Adql { text: adql.to_owned(), error })?;
        match &translated.as_of {
            Some(as_of) => {
                let session = self.database.session_at(as_of, self.uploads.clone())?;
                session.plan(translated, options.row_limit).await
            }
            None => self.plan(translated, options.row_limit).await,
        }
    }

    async fn plan(&self, translated: Translated, row_limit: Option<u64>) -> Result<Query> {
        let described =
            OutputColumns::of(&translated.columns, |schema, table, column| {
                match schema == upload::SCHEMA {
                    true => upload::column_metadata(&self.uploads, table, column),
                    false => self.database.column_metadata(schema, table, column),
                }
            });
        let sql = translated.query.to_string();
        let (frame, layout) = self.planner.frame(translated.query).await?;
        let frame = match row_limit {
            Some(limit) => frame.limit(0, Some(usize::try_from(limit).unwrap_or(usize::MAX)))?,
            None => frame,
        };
        let reading = Reading { sql, warnings: translated.warnings, version: self.version };
        Query::plan(frame, layout, described, reading).await
    }
}
