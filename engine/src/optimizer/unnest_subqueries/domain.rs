//! What a subquery reads of the rows around it, each combination of values once.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::arrow::datatypes::FieldRef;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, ExprSchema, ScalarValue, TableReference};
use datafusion::error::Result;
use datafusion::functions::core::expr_fn::coalesce;
use datafusion::logical_expr::{
    BinaryExpr, Distinct, Expr, LogicalPlan, Operator, Projection, lit,
};

use super::Unnesting;

/// The columns that are read from outside, and where their values come from.
pub(super) struct Domain {
    /// The columns, each once.
    columns: Vec<Column>,
    fields: Vec<FieldRef>,
    /// The rows around.
    outer: Arc<LogicalPlan>,
}

impl Domain {
    /// What the plan `subquery` reads of the rows of `outer`.
    pub fn of(outer: &LogicalPlan, subquery: &LogicalPlan) -> Result<Self> {
        let read = outer_references(subquery)?;
        let schema = outer.schema();
        let columns: Vec<Column> =
            read.into_iter().filter(|column| schema.has_column(column)).collect();
        Self::with(outer.clone(), columns)
    }

    /// The values of some columns of `outer`.
    pub fn with(outer: LogicalPlan, columns: Vec<Column>) -> Result<Self> {
        let fields = columns.iter().map(|column| outer.schema().field_from_column(column).cloned());
        let fields = fields.collect::<Result<_>>()?;
        Ok(Self { columns, fields, outer: Arc::new(outer) })
    }

    /// Does the subquery read nothing of the rows around?
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// The columns of the rows around.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Names for the domain's columns, to be told from all others in the plan.
    pub fn keys(&self, unnesting: &mut Unnesting) -> Vec<Column> {
        let table = unnesting.name();
        let key = |number| {
            Column::new(Some(TableReference::bare(table.clone())), format!("{table} {number}"))
        };
        (0..self.columns.len()).map(key).collect()
    }

    /// The rows of the domain, with columns named by `keys`.
    pub fn rows(&self, keys: &[Column]) -> Result<LogicalPlan> {
        let named = self.columns.iter().zip(keys).map(|(column, key)| {
            Expr::Column(column.clone()).alias_qualified(key.relation.clone(), &key.name)
        });
        let values = Projection::try_new(named.collect(), self.outer.clone())?;
        Ok(LogicalPlan::Distinct(Distinct::All(Arc::new(LogicalPlan::Projection(values)))))
    }

    /// Conditions that hold where two rows of the domain are the same one, NULLs included.
    ///
    /// They are equalities, because DataFusion hashes those in every join: IS NOT DISTINCT FROM only
    /// where it is alone, and then for all equalities that join later gets.
    pub fn same(&self, left: &[Column], right: &[Column]) -> Vec<Expr> {
        let pairs = self.fields.iter().zip(left.iter().zip(right));
        let same = pairs.flat_map(|(field, (left, right))| {
            let (left, right) = (Expr::Column(left.clone()), Expr::Column(right.clone()));
            if !field.is_nullable() {
                return vec![left.eq(right)];
            }
            match ScalarValue::new_default(field.data_type()) {
                Ok(some) => {
                    let or_some = |side: Expr| coalesce(vec![side, lit(some.clone())]);
                    let are_null = left.clone().is_null().eq(right.clone().is_null());
                    vec![or_some(left).eq(or_some(right)), are_null]
                }
                Err(_) => vec![Expr::BinaryExpr(BinaryExpr {
                    left: Box::new(left),
                    op: Operator::IsNotDistinctFrom,
                    right: Box::new(right),
                })],
            }
        });
        same.collect()
    }

    /// Does a plan read the domain?
    pub fn is_read_by(&self, plan: &LogicalPlan) -> Result<bool> {
        Ok(outer_references(plan)?.iter().any(|column| self.columns.contains(column)))
    }

    /// Does an expression read the domain?
    pub fn is_read_in(&self, expr: &Expr) -> Result<bool> {
        expr.exists(|expr| {
            Ok(matches!(expr, Expr::OuterReferenceColumn(_, column) if self.columns.contains(column)))
        })
    }
}

/// The columns that a plan reads from outside. Subqueries in it are not looked into: what they read
/// from further out has become part of the plan.
pub(super) fn outer_references(plan: &LogicalPlan) -> Result<BTreeSet<Column>> {
    let mut found = BTreeSet::new();
    plan.apply(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                if let Expr::OuterReferenceColumn(_, column) = expr {
                    found.insert(column.clone());
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })?;
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(found)
}
