//! From a translated tree to DataFusion's logical plan.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use datafusion::catalog::{
    CatalogProvider, MemoryCatalogProvider, MemorySchemaProvider, SchemaProvider, TableProvider,
};
use datafusion::config::ConfigOptions;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::optimizer::push_down_filter::PushDownFilter;
use datafusion::optimizer::{Optimizer, OptimizerRule};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::aggregate_statistics::AggregateStatistics;
use datafusion::physical_optimizer::ensure_requirements::EnsureRequirements;
use datafusion::physical_optimizer::filter_pushdown::FilterPushdown;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::prelude::{DataFrame, SessionConfig, SessionContext};
use datafusion::sql::parser::Statement as DFStatement;
use datafusion::sql::sqlparser::ast::{Query as SqlQuery, Statement};

use crate::config::EngineConfig;
use crate::layout::Layout;
use crate::narrow::{self, narrow};
use crate::narrow_table::NarrowTable;
use crate::optimizer::bound_nearest::BoundNearest;
use crate::optimizer::carry_regions::CarryRegions;
use crate::optimizer::compare_as_floats::CompareAsFloats;
use crate::optimizer::forget_doubtful_keys::ForgetDoubtfulKeys;
use crate::optimizer::join_nearest::JoinNearest;
use crate::optimizer::join_neighbours::JoinNeighbours;
use crate::optimizer::keep_numbers_finite::KeepNumbersFinite;
use crate::optimizer::keep_skipped_order::KeepSkippedOrder;
use crate::optimizer::keep_the_one_row::KeepTheOneRow;
use crate::optimizer::let_joins_pause::LetJoinsPause;
use crate::optimizer::look_up_uploaded_ids::LookUpUploadedIds;
use crate::optimizer::name_union_columns::NameUnionColumns;
use crate::optimizer::plan_again::PlanAgain;
use crate::optimizer::rank_in_groups::RankInGroups;
use crate::optimizer::screens::{
    Guarded, HideBeliefs, answer_from_statistics, push_filters_by_name,
};
use crate::optimizer::total_where::TotalWhere;
use crate::optimizer::unnest_subqueries::UnnestSubqueries;
use crate::{Result, functions};
use crate::{casts, long_lists};

/// Name of the one catalog in DataFusion's registry.
const CATALOG: &str = "almagest";

/// A DataFusion context with our functions, our rules, and the tables of some schemas.
pub(crate) struct Planner {
    context: SessionContext,
    catalog: Arc<MemoryCatalogProvider>,
    narrowed: Arc<MemorySchemaProvider>,
    wide_table_columns: usize,
    n_planned: AtomicU64,
}

impl Planner {
    /// Make a planner over `schemas`.
    pub fn new(
        config: &EngineConfig,
        runtime: Arc<RuntimeEnv>,
        schemas: Vec<(String, Arc<dyn SchemaProvider>)>,
    ) -> Result<Self> {
        let state = SessionStateBuilder::new()
            .with_config(session_config(config))
            .with_runtime_env(runtime)
            .with_default_features()
            .with_analyzer_rule(Arc::new(KeepNumbersFinite))
            .with_analyzer_rule(Arc::new(UnnestSubqueries))
            .with_analyzer_rule(Arc::new(ForgetDoubtfulKeys))
            .with_optimizer_rules(logical_rules())
            .with_optimizer_rule(Arc::new(LookUpUploadedIds))
            .with_optimizer_rule(Arc::new(CarryRegions))
            .with_optimizer_rule(Arc::new(BoundNearest))
            .with_physical_optimizer_rules(physical_rules())
            .build();
        let context = SessionContext::new_with_state(state);
        for function in functions::all() {
            context.register_udf(function);
        }
        for function in functions::aggregates() {
            context.register_udaf(function);
        }
        for function in functions::row_place::all() {
            context.register_udwf(function);
        }
        let narrowed = Arc::new(MemorySchemaProvider::new());
        let catalog = Arc::new(MemoryCatalogProvider::new());
        for (name, tables) in schemas {
            catalog.register_schema(&name, tables)?;
        }
        catalog.register_schema(narrow::SCHEMA, narrowed.clone())?;
        context.register_catalog(CATALOG, catalog.clone());
        let wide_table_columns = config.wide_table_columns;
        Ok(Self { context, catalog, narrowed, wide_table_columns, n_planned: AtomicU64::new(0) })
    }

    /// Return the logical plan of a translated query, not yet optimized, and where the output
    /// columns are in its rows.
    pub async fn frame(&self, mut query: SqlQuery) -> Result<(DataFrame, Layout)> {
        let number = self.n_planned.fetch_add(1, Ordering::Relaxed);
        let wide = self.wide_tables(&query).await?;
        let names: HashSet<_> = wide.iter().map(|(name, _)| name.clone()).collect();
        let (needs, layout) = narrow(&mut query, &names, self.wide_table_columns, number);
        for need in &needs {
            let inner = wide.iter().find(|(name, _)| *name == need.table);
            if let Some((_, inner)) = inner {
                let table = NarrowTable::new(inner.clone(), need);
                self.narrowed.register_table(need.name.clone(), Arc::new(table))?;
            }
        }
        let planned = self.plan(query).await;
        for need in &needs {
            self.narrowed.deregister_table(&need.name)?;
        }
        Ok((planned?, layout))
    }

    /// Return the logical plan of a translated query as it is, whatever the width of its tables.
    pub async fn plan(&self, mut query: SqlQuery) -> Result<DataFrame> {
        casts::as_calls(&mut query);
        let statement = DFStatement::Statement(Box::new(Statement::Query(Box::new(query))));
        let plan = long_lists::gathered(self.context.state().statement_to_plan(statement).await?)?;
        Ok(self.context.execute_logical_plan(plan).await?)
    }

    /// The tables of the query that have many columns.
    async fn wide_tables(
        &self,
        query: &SqlQuery,
    ) -> Result<Vec<((String, String), Arc<dyn TableProvider>)>> {
        let mut wide = vec![];
        for (schema, name) in narrow::tables(query) {
            let Some(tables) = self.catalog.schema(&schema) else { continue };
            let Some(table) = tables.table(&name).await? else { continue };
            if table.schema().fields().len() >= self.wide_table_columns {
                wide.push(((schema, name), table));
            }
        }
        Ok(wide)
    }
}

/// DataFusion's rules with three of ours among them.
fn logical_rules() -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    let mut rules = Optimizer::new().rules;
    let pushes =
        |rule: &Arc<dyn OptimizerRule + Send + Sync>| rule.name() == PushDownFilter::new().name();
    let place = rules.iter().position(pushes).unwrap_or(0);
    rules.insert(place, Arc::new(KeepTheOneRow));
    rules.insert(place, Arc::new(CompareAsFloats));
    rules.insert(0, Arc::new(NameUnionColumns));
    rules
}

/// DataFusion's rules with ours among them.
fn physical_rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let mut rules = PhysicalOptimizer::new().rules;
    for rule in &mut rules {
        if rule.name().starts_with(FilterPushdown::new().name()) {
            *rule = Arc::new(Guarded::new(rule.clone(), push_filters_by_name));
        } else if rule.name() == AggregateStatistics::new().name() {
            *rule = Arc::new(Guarded::new(rule.clone(), answer_from_statistics));
        }
    }
    let ensures = |rule: &Arc<dyn PhysicalOptimizerRule + Send + Sync>| {
        rule.name() == EnsureRequirements::new().name()
    };
    let place = rules.iter().position(ensures).unwrap_or(0);
    let mut checked = rules.split_off(place);
    checked.push(Arc::new(JoinNeighbours));
    checked.push(Arc::new(LetJoinsPause));
    let ours: [Arc<dyn PhysicalOptimizerRule + Send + Sync>; 6] = [
        Arc::new(RankInGroups),
        Arc::new(JoinNearest),
        // Before a screen may stand between the limit and the sort.
        Arc::new(KeepSkippedOrder),
        Arc::new(HideBeliefs),
        Arc::new(PlanAgain::new(checked)),
        Arc::new(TotalWhere),
    ];
    rules.extend(ours);
    rules
}

fn session_config(config: &EngineConfig) -> SessionConfig {
    let mut options = ConfigOptions::new();
    options.execution.target_partitions = config.target_partitions;
    options.execution.parquet.pushdown_filters = false;
    // The logical plan knows of a CASE that it is never NULL where the physical one does not, and
    // the check takes the two for different columns (as of version 55).
    options.execution.skip_physical_aggregate_schema_check = true;
    options.sql_parser.default_null_ordering = "nulls_last".into();
    options.sql_parser.map_string_types_to_utf8view = false;
    options.catalog.create_default_catalog_and_schema = false;
    options.catalog.default_catalog = CATALOG.into();
    options.optimizer.prefer_hash_join = true;
    // It fails where the rows come in order (as of version 55).
    options.optimizer.enable_distinct_aggregation_soft_limit = false;
    SessionConfig::from(options)
}
