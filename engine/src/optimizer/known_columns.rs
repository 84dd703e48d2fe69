//! Conditions of joins, which have columns of their own: copies of those of the two sides.

use std::sync::Arc;

use datafusion::arrow::datatypes::{FieldRef, Schema};
use datafusion::common::JoinSide;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::Result;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{PhysicalExpr, conjunction};
use datafusion::physical_plan::joins::utils::{ColumnIndex, JoinFilter};

/// The columns that a condition knows.
#[derive(Default)]
pub(super) struct KnownColumns {
    fields: Vec<FieldRef>,
    columns: Vec<ColumnIndex>,
}

impl KnownColumns {
    /// Those that a condition knows already.
    pub fn of(filter: &JoinFilter) -> Self {
        let fields = filter.schema().fields().iter().cloned().collect();
        Self { fields, columns: filter.column_indices().to_vec() }
    }

    /// Make known each column of an expression over `schema`; return the expression over the known
    /// ones.
    ///
    /// # Arguments
    /// `source`: the side of the join that a column is of, and its place there.
    pub fn make_known(
        &mut self,
        expr: Arc<dyn PhysicalExpr>,
        schema: &Schema,
        source: impl Fn(usize) -> (JoinSide, usize),
    ) -> Result<Arc<dyn PhysicalExpr>> {
        expr.transform(|node| {
            let Some(column) = node.downcast_ref::<Column>() else {
                return Ok(Transformed::no(node));
            };
            let (side, index) = source(column.index());
            let known: Arc<dyn PhysicalExpr> =
                Arc::new(Column::new(column.name(), self.columns.len()));
            self.columns.push(ColumnIndex { index, side });
            self.fields.push(Arc::new(schema.field(column.index()).clone()));
            Ok(Transformed::yes(known))
        })
        .data()
    }

    /// The schema of what is known.
    pub fn schema(&self) -> Schema {
        Schema::new(self.fields.clone())
    }

    /// The condition that all of some parts hold, which are over the known columns.
    pub fn condition(self, parts: Vec<Arc<dyn PhysicalExpr>>) -> JoinFilter {
        let schema = Arc::new(self.schema());
        JoinFilter::new(conjunction(parts), self.columns, schema)
    }
}
