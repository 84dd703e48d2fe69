//! One session: queries over one snapshot.
//!
//! ```text
//!   ADQL text ─ almagest-adql ─▶ checked tree ─ SqlToRel ─▶ logical plan ─▶ optimized ─▶ Query
//!                   ▲                               ▲
//!               names of the schemas        tables of the snapshot, sky functions
//! ```

use std::sync::Arc;

use almagest_adql::{AskedVersion, Dialect, Names, Translated, asked_version};
use almagest_storage::Snapshot;
use datafusion::catalog::SchemaProvider;

use crate::catalog_provider::SnapshotSchema;
use crate::live_schema::LiveTables;
use crate::output_column::OutputColumns;
use crate::planner::Planner;
use crate::query::Reading;
use crate::row_places::{self, RowPlaces};
use crate::translation::translated;
use crate::upload::{self, Upload};
use crate::{Database, Error, Query, Result, tap_schema};

/// Queries over one snapshot of each catalog, and over what the caller brings along.
pub struct Session {
    database: Database,
    uploads: Vec<Upload>,
    /// What queries may name.
    names: Arc<Names>,
    planner: Planner,
    /// Each catalog's schema, and the version of its snapshot.
    versions: Vec<(String, u64)>,
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
        snapshots: Vec<Snapshot>,
        uploads: Vec<Upload>,
    ) -> Result<Self> {
        let pruning = database.config().pruning;
        let mut tables = vec![(tap_schema::NAME.to_owned(), database.tap_schema())];
        let mut versions = vec![];
        for snapshot in snapshots {
            let name = snapshot.store().name().to_owned();
            versions.push((name.clone(), snapshot.version()));
            let snapshot: Arc<dyn SchemaProvider> =
                Arc::new(SnapshotSchema::new(snapshot, pruning, database.shared_scans()));
            tables.push((name, snapshot));
        }
        for schema in database.live() {
            let name = schema.definition().name.clone();
            tables.push((name, Arc::new(LiveTables::of(schema.clone()))));
        }
        let mut names = database.names();
        if !uploads.is_empty() {
            tables.push((upload::SCHEMA.to_owned(), upload::provider(&uploads)?));
            Arc::make_mut(&mut names).schemas.push(upload::names(&uploads));
        }
        let planner = Planner::new(database.config(), database.runtime(), tables)?;
        Ok(Self { database, uploads, names, planner, versions })
    }

    /// Check, resolve and plan the ADQL text `adql`.
    ///
    /// A query that asks for another version with `AS OF` is planned over that one, with the tables
    /// that were there.
    ///
    /// # Errors
    /// [`Error::Adql`](crate::Error::Adql) says where in the text, what is wrong and what to write instead.
    pub async fn query(&self, adql: &str, options: QueryOptions) -> Result<Query> {
        let read = translated(adql, options.dialect, &self.names);
        let asked = match &read {
            Ok(read) => read.as_of.clone().map(|as_of| {
                let schemas = read.tables.iter().map(|(schema, _)| schema.clone()).collect();
                AskedVersion { as_of, schemas }
            }),
            // Its tables may be there in that version only.
            Err(_) => asked_version(adql, options.dialect, &self.names),
        };
        let Some(AskedVersion { as_of, schemas }) = asked else {
            return self.plan(read?, options.row_limit).await;
        };
        let session = self.database.session_at(&as_of, &schemas, self.uploads.clone())?;
        let read = translated(adql, options.dialect, &session.names)?;
        session.plan(read, options.row_limit).await
    }

    /// Find the rows of a table that fulfil an ADQL condition, to be removed by a commit.
    ///
    /// # Errors
    /// As for [`query`](Self::query), of the text that the table and the condition make; a condition
    /// with something after it, or `AS OF`; a table without rows of its own.
    pub async fn rows_where(&self, table: &str, condition: &str) -> Result<RowPlaces> {
        let adql = row_places::query(table, condition);
        let read = translated(&adql, Dialect::default(), &self.names)?;
        if read.as_of.is_some() {
            return Err(Error::NoCondition);
        }
        row_places::find(self.planner.plan(read.query).await?).await
    }

    async fn plan(&self, translated: Translated, row_limit: Option<u64>) -> Result<Query> {
        let Translated { query, columns, tables, mut warnings, .. } = translated;
        let is_named = |upload: &&Upload| {
            tables.iter().any(|(schema, table)| schema == upload::SCHEMA && table == upload.name())
        };
        warnings.extend(self.uploads.iter().filter(is_named).flat_map(Upload::warnings));
        let described =
            OutputColumns::of(&columns, |schema, table, column| match schema == upload::SCHEMA {
                true => upload::column_metadata(&self.uploads, table, column),
                false => self.database.column_metadata(schema, table, column),
            });
        let sql = query.to_string();
        let (frame, layout) = self.planner.frame(query).await?;
        let frame = match row_limit {
            Some(limit) => frame.limit(0, Some(usize::try_from(limit).unwrap_or(usize::MAX)))?,
            None => frame,
        };
        let is_read = |(schema, _): &&(String, u64)| tables.iter().any(|(read, _)| read == schema);
        let mut versions: Vec<_> = self.versions.iter().filter(is_read).cloned().collect();
        if versions.is_empty() {
            // TAP_SCHEMA tells of all catalogs of which the caller may see something.
            let schemas = self.database.schemas();
            let is_seen = |(name, _): &&(String, u64)| schemas.iter().any(|s| s.name == *name);
            versions = self.versions.iter().filter(is_seen).cloned().collect();
        }
        let reading = Reading { sql, warnings, versions };
        Query::plan(frame, layout, described, reading).await
    }
}
