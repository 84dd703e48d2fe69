//! What a subquery reads of the rows around it, each combination of values once.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::arrow::datatypes::FieldRef;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, ExprSchema, JoinType, ScalarValue, TableReference};
use datafusion::error::Result;
use datafusion::functions::core::expr_fn::coalesce;
use datafusion::logical_expr::{BinaryExpr, Distinct, Expr, LogicalPlan, Operator, ScalarUDF, lit};

use super::Unnesting;
use super::place::project;
use super::push_down::called;
use crate::functions::opaque::Opaque;

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
        let outer = Arc::new(holding(&outer, &columns).clone());
        Ok(Self { columns, fields, outer })
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
        (0..self.columns.len()).map(|number| made_column(&table, number)).collect()
    }

    /// The rows of the domain, with columns named by `keys`.
    pub fn rows(&self, keys: &[Column]) -> Result<LogicalPlan> {
        let named = self.columns.iter().zip(keys);
        let named = named.map(|(column, key)| called(Expr::Column(column.clone()), key));
        let values = project(self.outer.as_ref().clone(), named.collect())?;
        opaque(LogicalPlan::Distinct(Distinct::All(Arc::new(values))), keys)
    }

    /// Make a side of a join on the domain: columns `of` it that hold the domain's values.
    ///
    /// Returns the rows, and values that are equal on two sides where the domain's are the same,
    /// NULLs included.
    pub fn side(
        &self,
        unnesting: &mut Unnesting,
        rows: LogicalPlan,
        of: &[Column],
    ) -> Result<Side> {
        let table = unnesting.name();
        let (mut values, mut added) = (vec![], vec![]);
        for (column, field) in of.iter().zip(&self.fields) {
            let value = Expr::Column(column.clone());
            match ScalarValue::new_default(field.data_type()) {
                Ok(some) if field.is_nullable() && !field.data_type().is_nested() => {
                    // IS NOT DISTINCT FROM is hashed only where it is alone, and then for all
                    // equalities that the join gets later; expressions get one name on both sides.
                    let is_null = value.clone().is_null();
                    for made in [coalesce(vec![value, lit(some)]), is_null] {
                        let name = made_column(&table, added.len());
                        added.push(called(made, &name));
                        values.push((Expr::Column(name), Operator::Eq));
                    }
                }
                _ if field.is_nullable() => values.push((value, Operator::IsNotDistinctFrom)),
                _ => values.push((value, Operator::Eq)),
            }
        }
        if added.is_empty() {
            return Ok(Side { rows, values });
        }
        let items = rows.schema().columns().into_iter().map(Expr::Column);
        let items = items.chain(added).collect();
        Ok(Side { rows: project(rows, items)?, values })
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

/// The part of a product of tables that holds some columns. It has all values of them that the
/// product has: more of them would only be joined with nothing.
fn holding<'a>(plan: &'a LogicalPlan, columns: &[Column]) -> &'a LogicalPlan {
    if let LogicalPlan::Join(join) = plan
        && join.join_type == JoinType::Inner
        && join.on.is_empty()
        && join.filter.is_none()
    {
        for side in [&join.left, &join.right] {
            if columns.iter().all(|column| side.schema().has_column(column)) {
                return holding(side, columns);
            }
        }
    }
    plan
}

/// One side of a join on the values of a domain.
pub(super) struct Side {
    /// The rows, with more columns than before.
    pub rows: LogicalPlan,
    /// What is compared with the other side's, and how.
    values: Vec<(Expr, Operator)>,
}

impl Side {
    /// Conditions that hold where two rows have the same row of the domain.
    pub fn same(&self, other: &Self) -> Vec<Expr> {
        let pairs = self.values.iter().zip(&other.values);
        let same = pairs.map(|((left, op), (right, _))| {
            let (left, right) = (Box::new(left.clone()), Box::new(right.clone()));
            Expr::BinaryExpr(BinaryExpr { left, op: *op, right })
        });
        same.collect()
    }
}

/// Rows whose columns `keys` are no longer known to be there once each.
pub(in crate::optimizer) fn opaque(rows: LogicalPlan, keys: &[Column]) -> Result<LogicalPlan> {
    let opaque = Arc::new(ScalarUDF::from(Opaque::new()));
    let items = rows.schema().columns().into_iter().map(|column| {
        let value = Expr::Column(column.clone());
        match keys.contains(&column) {
            true => called(opaque.call(vec![value]), &column),
            false => value,
        }
    });
    let items = items.collect();
    project(rows, items)
}

/// A column of a table that the rule has made.
pub(super) fn made_column(table: &str, number: usize) -> Column {
    Column::new(Some(TableReference::bare(table)), format!("{table} {number}"))
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
