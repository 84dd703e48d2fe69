//! A table seen through the few columns that one place of a query needs.
//!
//! ```text
//!   table:   a b c d e f …            scan: a c + d e f ─▶ projection: a, c, passed{d, e, f}
//!   narrow:  a c passed{d, e, f}
//! ```

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{ArrayRef, StructArray};
use datafusion::arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::{Session, TableProvider};
use datafusion::datasource::{TableType, source_as_provider};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{ColumnarValue, Expr, TableProviderFilterPushDown, TableScan};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::projection::ProjectionExec;

use crate::narrow::{Need, PASSED};

/// A table seen through the few columns that one place of a query needs.
#[derive(Debug)]
pub(crate) struct NarrowTable {
    inner: Arc<dyn TableProvider>,
    /// Schema and name of the table.
    table: (String, String),
    schema: SchemaRef,
    /// Places in the table of the columns that keep a column of their own.
    named: Vec<usize>,
    /// Places in the table of the columns that are passed on together.
    passed: Vec<usize>,
}

impl NarrowTable {
    /// Look at `inner` as `need` says.
    pub fn new(inner: Arc<dyn TableProvider>, need: &Need) -> Self {
        let wide = inner.schema();
        let fields = wide.fields().iter().enumerate();
        let places: HashMap<&str, usize> =
            fields.map(|(place, field)| (field.name().as_str(), place)).collect();
        let place = |name: &String| places.get(name.as_str()).copied();
        let mut named: Vec<usize> = need.named.iter().filter_map(place).collect();
        // Rows without a column cannot be told from no rows everywhere.
        if named.is_empty() && need.passed.is_empty() {
            named.push(0);
        }
        named.sort_unstable();
        let passed: Vec<usize> = need.passed.iter().filter_map(place).collect();
        let mut fields: Vec<Arc<Field>> =
            named.iter().map(|place| wide.fields()[*place].clone()).collect();
        if !passed.is_empty() {
            let children = passed.iter().map(|place| wide.fields()[*place].clone());
            let children = DataType::Struct(children.collect());
            fields.push(Arc::new(Field::new(PASSED, children, false)));
        }
        let schema = Arc::new(Schema::new(fields));
        Self { inner, table: need.table.clone(), schema, named, passed }
    }

    /// Places in the table of what a scan reads, named columns first.
    fn places(&self, projection: Option<&Vec<usize>>) -> Vec<usize> {
        let all: Vec<usize> = (0..self.schema.fields().len()).collect();
        let projection = projection.unwrap_or(&all);
        let named = projection.iter().filter_map(|place| self.named.get(*place)).copied();
        let is_passed = projection.iter().any(|place| *place >= self.named.len());
        let passed = self.passed.iter().copied().filter(|_| is_passed);
        named.chain(passed).collect()
    }
}

#[async_trait]
impl TableProvider for NarrowTable {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        self.inner.table_type()
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        self.inner.supports_filters_pushdown(filters)
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let places = self.places(projection);
        let input = self.inner.scan(state, Some(&places), filters, limit).await?;
        let read = input.schema();
        let all: Vec<usize> = (0..self.schema.fields().len()).collect();
        let projection = projection.unwrap_or(&all);
        if projection.iter().all(|place| *place < self.named.len()) {
            return Ok(input);
        }
        let n_named = projection.len() - 1;
        let column = |place: usize| -> Arc<dyn PhysicalExpr> {
            Arc::new(Column::new(read.field(place).name(), place))
        };
        let children: Vec<_> = (n_named..places.len()).map(column).collect();
        let fields: Fields = read.fields()[n_named..].iter().cloned().collect();
        let mut next_named = 0;
        let items = projection.iter().map(|place| -> (Arc<dyn PhysicalExpr>, String) {
            match self.named.get(*place) {
                Some(_) => {
                    next_named += 1;
                    (column(next_named - 1), read.field(next_named - 1).name().clone())
                }
                None => {
                    let together = Together { fields: fields.clone(), children: children.clone() };
                    (Arc::new(together), PASSED.to_owned())
                }
            }
        });
        Ok(Arc::new(ProjectionExec::try_new(items.collect::<Vec<_>>(), input)?))
    }
}

/// What a scan reads of a table, whether that is narrowed or not.
pub(crate) struct ScannedTable {
    /// The table.
    pub provider: Arc<dyn TableProvider>,
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Places of the columns that are read, each once.
    pub places: Vec<usize>,
}

impl ScannedTable {
    /// Look at a scan of a plan.
    pub fn of(scan: &TableScan) -> Result<Self> {
        let provider = source_as_provider(&scan.source)?;
        let projection = scan.projection.as_ref();
        if let Some(narrowed) = (provider.as_ref() as &dyn Any).downcast_ref::<NarrowTable>() {
            let (schema, name) = narrowed.table.clone();
            let mut places = narrowed.places(projection);
            // A column may be read under its name and among those that are passed on.
            places.sort_unstable();
            places.dedup();
            return Ok(Self { provider: narrowed.inner.clone(), schema, name, places });
        }
        let schema = scan.table_name.schema().unwrap_or_default().to_owned();
        let name = scan.table_name.table().to_owned();
        let all = || (0..provider.schema().fields().len()).collect();
        let places = projection.cloned().unwrap_or_else(all);
        Ok(Self { provider, schema, name, places })
    }

    /// How many columns the table has.
    pub fn n_columns(&self) -> usize {
        self.provider.schema().fields().len()
    }
}

/// Columns as the children of one struct.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Together {
    fields: Fields,
    children: Vec<Arc<dyn PhysicalExpr>>,
}

impl fmt::Display for Together {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} columns", self.children.len())
    }
}

impl PhysicalExpr for Together {
    fn return_field(&self, _: &Schema) -> Result<Arc<Field>> {
        Ok(Arc::new(Field::new(PASSED, DataType::Struct(self.fields.clone()), false)))
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        let arrays = self
            .children
            .iter()
            .map(|child| child.evaluate(batch)?.into_array(batch.num_rows()))
            .collect::<Result<Vec<ArrayRef>>>()?;
        let together =
            StructArray::try_new_with_length(self.fields.clone(), arrays, None, batch.num_rows())
                .map_err(DataFusionError::from)?;
        Ok(ColumnarValue::Array(Arc::new(together)))
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        self.children.iter().collect()
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        Ok(Arc::new(Self { fields: self.fields.clone(), children }))
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
