//! One session: queries over one snapshot.
//!
//! ```text
//!   ADQL text ─ almagest-adql ─▶ checked tree ─ SqlToRel ─▶ logical plan ─▶ optimized ─▶ Query
//!                   ▲                               ▲
//!               names of the schemas        tables of the snapshot, sky functions
//! ```

use std::sync::Arc;

use almagest_adql::{Dialect, Translated, translate_dialect};
use almagest_storage::Snapshot;
use datafusion::catalog::{CatalogProvider, MemoryCatalogProvider, SchemaProvider};
use datafusion::config::ConfigOptions;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::prelude::{DataFrame, SessionConfig, SessionContext};
use datafusion::sql::parser::Statement as DFStatement;
use datafusion::sql::sqlparser::ast::{Query as SqlQuery, Statement};

use crate::catalog_provider::SnapshotSchema;
use crate::config::EngineConfig;
use crate::optimizer::keep_numbers_finite::KeepNumbersFinite;
use crate::optimizer::let_joins_pause::LetJoinsPause;
use crate::output_column::OutputColumns;
use crate::{Database, Error, Query, Result, functions, tap_schema};

/// Name of the one catalog in DataFusion's registry.
const CATALOG: &str = "almagest";

/// Queries over one snapshot of the catalog.
pub struct Session {
    database: Database,
    context: SessionContext,
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
    pub(crate) fn new(database: Database, snapshot: Snapshot) -> Result<Self> {
        let default_schema = snapshot.store().schema().name.clone();
        let version = snapshot.version();
        let pruning = database.config().pruning;
        let tables: Vec<(String, Arc<dyn SchemaProvider>)> = vec![
            (default_schema, Arc::new(SnapshotSchema::new(snapshot, pruning))),
            (tap_schema::NAME.to_owned(), database.tap_schema()),
        ];
        let context = context(database.config(), database.runtime(), tables)?;
        Ok(Self { database, context, version })
    }

    /// Check, resolve and plan the ADQL text `adql`.
    ///
    /// A query that asks for another version with `AS OF` is planned over that one.
    ///
    /// # Errors
    /// [`Error::Adql`] says where in the text, what is wrong and what to write instead.
    pub async fn query(&self, adql: &str, options: QueryOptions) -> Result<Query> {
        let translated = translate_dialect(adql, options.dialect, self.database.names())
            .map_err(|error| Error::Adql { text: adql.to_owned(), error })?;
        match &translated.as_of {
            Some(as_of) => {
                self.database.session_at(as_of)?.plan(translated, options.row_limit).await
            }
            None => self.plan(translated, options.row_limit).await,
        }
    }

    async fn plan(&self, translated: Translated, row_limit: Option<u64>) -> Result<Query> {
        let described = OutputColumns::of(&translated.columns, self.database.schemas());
        let frame = frame(&self.context, translated.query).await?;
        let frame = match row_limit {
            Some(limit) => frame.limit(0, Some(usize::try_from(limit).unwrap_or(usize::MAX)))?,
            None => frame,
        };
        Query::plan(frame, described, translated.warnings, self.version).await
    }
}

/// A DataFusion context with our functions, our rules and these schemas.
pub(crate) fn context(
    config: &EngineConfig,
    runtime: Arc<RuntimeEnv>,
    schemas: Vec<(String, Arc<dyn SchemaProvider>)>,
) -> Result<SessionContext> {
    let state = SessionStateBuilder::new()
        .with_config(session_config(config))
        .with_runtime_env(runtime)
        .with_default_features()
        .with_analyzer_rule(Arc::new(KeepNumbersFinite))
        .with_physical_optimizer_rule(Arc::new(LetJoinsPause))
        .build();
    let context = SessionContext::new_with_state(state);
    for function in functions::all() {
        context.register_udf(function);
    }
    for function in functions::aggregates() {
        context.register_udaf(function);
    }
    let catalog = MemoryCatalogProvider::new();
    for (name, tables) in schemas {
        catalog.register_schema(&name, tables)?;
    }
    context.register_catalog(CATALOG, Arc::new(catalog));
    Ok(context)
}

/// The logical plan of a translated query, not yet optimized.
pub(crate) async fn frame(context: &SessionContext, query: SqlQuery) -> Result<DataFrame> {
    let statement = DFStatement::Statement(Box::new(Statement::Query(Box::new(query))));
    let plan = context.state().statement_to_plan(statement).await?;
    Ok(context.execute_logical_plan(plan).await?)
}

fn session_config(config: &EngineConfig) -> SessionConfig {
    let mut options = ConfigOptions::new();
    options.execution.target_partitions = config.target_partitions;
    options.execution.parquet.pushdown_filters = false;
    options.sql_parser.default_null_ordering = "nulls_last".into();
    options.sql_parser.map_string_types_to_utf8view = false;
    options.catalog.create_default_catalog_and_schema = false;
    options.catalog.default_catalog = CATALOG.into();
    options.optimizer.prefer_hash_join = true;
    SessionConfig::from(options)
}
