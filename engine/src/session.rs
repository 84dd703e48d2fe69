//! One session: queries over one snapshot.
//!
//! ```text
//!   ADQL text ─ almagest-adql ─▶ checked tree ─ SqlToRel ─▶ logical plan ─▶ optimized ─▶ Query
//!                   ▲                               ▲
//!               names of the schemas        tables of the snapshot, sky functions
//! ```

use std::sync::Arc;

use almagest_adql::{ColumnKind, ColumnName, Names, SchemaNames, TableNames};
use almagest_storage::Snapshot;
use almagest_storage::schema::{Datatype, SchemaDef};
use datafusion::catalog::{CatalogProvider, MemoryCatalogProvider, SchemaProvider};
use datafusion::config::ConfigOptions;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::sql::parser::Statement as DFStatement;
use datafusion::sql::sqlparser::ast::Statement;

use crate::catalog_provider::SnapshotSchema;
use crate::config::EngineConfig;
use crate::optimizer::keep_numbers_finite::KeepNumbersFinite;
use crate::{Error, Query, Result, functions, tap_schema};

/// Name of the one catalog in DataFusion's registry.
const CATALOG: &str = "almagest";

/// Queries over one snapshot of the catalog.
pub struct Session {
    context: SessionContext,
    names: Names,
    version: u64,
}

/// What bounds one query.
#[derive(Debug, Clone, Copy, Default)]
pub struct QueryOptions {
    /// Stop after this many rows.
    pub row_limit: Option<u64>,
}

impl Session {
    pub(crate) fn new(
        snapshot: Snapshot,
        schemas: &[SchemaDef],
        tap_schema: Arc<dyn SchemaProvider>,
        config: &EngineConfig,
        runtime: Arc<RuntimeEnv>,
    ) -> Result<Self> {
        let names = names(schemas, &snapshot.store().schema().name);
        let version = snapshot.version();
        let state = SessionStateBuilder::new()
            .with_config(session_config(config))
            .with_runtime_env(runtime)
            .with_default_features()
            .with_analyzer_rule(Arc::new(KeepNumbersFinite))
            .build();
        let context = SessionContext::new_with_state(state);
        for function in functions::all() {
            context.register_udf(function);
        }
        for function in functions::aggregates() {
            context.register_udaf(function);
        }
        let catalog = MemoryCatalogProvider::new();
        catalog.register_schema(
            &snapshot.store().schema().name.clone(),
            Arc::new(SnapshotSchema::new(snapshot, config.pruning)),
        )?;
        catalog.register_schema(tap_schema::NAME, tap_schema)?;
        context.register_catalog(CATALOG, Arc::new(catalog));
        Ok(Self { context, names, version })
    }

    /// Check, resolve and plan the ADQL text `adql`.
    ///
    /// # Errors
    /// [`Error::Adql`] says where in the text, what is wrong and what to write instead.
    pub async fn query(&self, adql: &str, options: QueryOptions) -> Result<Query> {
        let translated = almagest_adql::translate(adql, &self.names)
            .map_err(|error| Error::Adql { text: adql.to_owned(), error })?;
        let statement =
            DFStatement::Statement(Box::new(Statement::Query(Box::new(translated.query))));
        let plan = self.context.state().statement_to_plan(statement).await?;
        let frame = self.context.execute_logical_plan(plan).await?;
        let frame = match options.row_limit {
            Some(limit) => frame.limit(0, Some(usize::try_from(limit).unwrap_or(usize::MAX)))?,
            None => frame,
        };
        Query::plan(frame, translated.warnings, self.version).await
    }
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

fn names(schemas: &[SchemaDef], default_schema: &str) -> Names {
    let schemas = schemas
        .iter()
        .map(|schema| SchemaNames {
            name: schema.name.clone(),
            tables: schema
                .tables
                .iter()
                .map(|table| TableNames {
                    name: table.name.clone(),
                    columns: table
                        .columns
                        .iter()
                        .map(|column| ColumnName {
                            name: column.name.clone(),
                            kind: column_kind(column.datatype),
                            unit: column.unit.clone(),
                        })
                        .collect(),
                })
                .collect(),
        })
        .collect();
    Names { schemas, default_schema: default_schema.to_owned() }
}

fn column_kind(datatype: Datatype) -> ColumnKind {
    match datatype {
        Datatype::Boolean => ColumnKind::Boolean,
        Datatype::Byte
        | Datatype::Short
        | Datatype::Int
        | Datatype::Long
        | Datatype::Float
        | Datatype::Double => ColumnKind::Numeric,
        Datatype::Char | Datatype::String | Datatype::Unicode | Datatype::Text => ColumnKind::Text,
        Datatype::Binary => ColumnKind::Binary,
        Datatype::Timestamp => ColumnKind::Timestamp,
    }
}
