//! What becomes of a query without a catalog: the SQL that is planned, and what each table would
//! be pruned by.
//!
//! Tables are known by their definitions only, and are empty. The plan is made and optimized as a
//! session makes it, so that the conditions arrive at the tables as they would there.

use std::fmt;
use std::sync::Arc;

use almagest_adql::{Dialect, Names};
use almagest_storage::schema::{SchemaDef, TableDef};
use almagest_storage::sphgeom::Region;
use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{SchemaProvider, Session, TableProvider};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::TableType;
use datafusion::error::Result as DataFusionResult;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::logical_expr::expr_rewriter::unnormalize_col;
use datafusion::logical_expr::{Expr, LogicalPlan, TableProviderFilterPushDown, TableScan};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;

use crate::catalog_provider::tap_schema_provider;
use crate::config::EngineConfig;
use crate::names::names;
use crate::narrow_table::ScannedTable;
use crate::planner::Planner;
use crate::region_filter::regions_of_filters;
use crate::translation::translated;
use crate::{Result, tap_schema};

/// Plans queries over table definitions, without a catalog.
pub struct Previewer {
    schemas: Vec<SchemaDef>,
    names: Names,
    planner: Planner,
}

/// A query as it would be planned.
#[derive(Debug, Clone, PartialEq)]
pub struct Preview {
    /// The rewritten query.
    pub sql: String,
    /// What was read leniently, or renamed.
    pub warnings: Vec<String>,
    /// What is read, in the order of the plan.
    pub scans: Vec<Scan>,
}

/// What a plan reads of one table.
#[derive(Debug, Clone, PartialEq)]
pub struct Scan {
    /// Schema and table.
    pub table: String,
    /// Columns that are read, and how many the table has.
    pub columns: (usize, usize),
    /// Regions, in all of which a row must lie: chunks, row groups and pages outside are skipped.
    pub regions: Vec<Region>,
    /// Conditions that statistics of row groups and pages are compared with.
    pub conditions: Vec<String>,
}

impl Previewer {
    /// Make a planner of queries over these schemas and TAP_SCHEMA.
    ///
    /// # Arguments
    /// `schemas`: the first of them is where a table without a schema is looked for first.
    pub fn new(schemas: &[SchemaDef]) -> Result<Self> {
        let mut all = schemas.to_vec();
        all.push(tap_schema::definition());
        let default_schema = all[0].name.clone();
        let names = names(&all, &default_schema);
        let mut tables: Vec<(String, Arc<dyn SchemaProvider>)> = schemas
            .iter()
            .map(|schema| {
                let tables: Arc<dyn SchemaProvider> = Arc::new(Definitions(schema.clone()));
                (schema.name.clone(), tables)
            })
            .collect();
        tables.push((tap_schema::NAME.to_owned(), tap_schema_provider(&all)?));
        let runtime = Arc::new(RuntimeEnv::default());
        let planner = Planner::new(&EngineConfig::default(), runtime, tables)?;
        Ok(Self { schemas: all, names, planner })
    }

    /// Check, resolve and plan the ADQL text `adql`.
    ///
    /// # Errors
    /// [`Error::Adql`](crate::Error::Adql) says where in the text, what is wrong and what to write instead.
    pub async fn preview(&self, adql: &str, dialect: Dialect) -> Result<Preview> {
        let translated = translated(adql, dialect, &self.names)?;
        let sql = translated.query.to_string();
        let (frame, _) = self.planner.frame(translated.query).await?;
        let (state, plan) = frame.into_parts();
        let plan = state.optimize(&plan)?;
        let mut scans = vec![];
        plan.apply_with_subqueries(|node| {
            if let LogicalPlan::TableScan(scan) = node {
                scans.push(self.scan(scan)?);
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(Preview { sql, warnings: translated.warnings, scans })
    }

    fn scan(&self, scan: &TableScan) -> DataFusionResult<Scan> {
        let read = ScannedTable::of(scan)?;
        let definition = self
            .schemas
            .iter()
            .find(|definition| definition.name == read.schema)
            .and_then(|definition| definition.table(&read.name));
        let regions = match definition.and_then(|table| table.position.as_ref()) {
            Some(position) => regions_of_filters(&scan.filters, position),
            None => vec![],
        };
        let conditions = scan.filters.iter().map(|filter| {
            // The table is named above; its columns need not be told from others'.
            unnormalize_col(filter.clone()).human_display().to_string()
        });
        Ok(Scan {
            table: format!("{}.{}", read.schema, read.name),
            columns: (read.places.len(), read.n_columns()),
            regions,
            conditions: conditions.collect(),
        })
    }
}

impl fmt::Display for Preview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.sql)?;
        for warning in &self.warnings {
            writeln!(f, "-- {warning}")?;
        }
        for scan in &self.scans {
            let (read, all) = scan.columns;
            writeln!(f, "\n{}: reads {read} of {all} columns", scan.table)?;
            for region in &scan.regions {
                writeln!(f, "  chunks and pages outside {region} are skipped")?;
            }
            if scan.regions.is_empty() {
                writeln!(f, "  no condition on the sky: all chunks are read")?;
            }
            for condition in &scan.conditions {
                writeln!(f, "  filter {condition}")?;
            }
        }
        Ok(())
    }
}

/// The tables of a schema that has no rows.
#[derive(Debug)]
struct Definitions(SchemaDef);

#[async_trait]
impl SchemaProvider for Definitions {
    fn table_names(&self) -> Vec<String> {
        self.0.tables.iter().map(|table| table.name.clone()).collect()
    }

    async fn table(&self, name: &str) -> DataFusionResult<Option<Arc<dyn TableProvider>>> {
        let table = self.0.table(name);
        Ok(table.map(|table| Arc::new(Definition(table.clone())) as Arc<dyn TableProvider>))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.0.table(name).is_some()
    }
}

/// A table that has no rows.
#[derive(Debug)]
struct Definition(TableDef);

#[async_trait]
impl TableProvider for Definition {
    fn schema(&self) -> SchemaRef {
        self.0.arrow_schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> DataFusionResult<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        _: &dyn Session,
        _: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(EmptyExec::new(self.0.arrow_schema())))
    }
}
