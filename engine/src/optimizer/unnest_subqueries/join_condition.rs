//! Subqueries in the condition of a join.
//!
//! | the subquery, with what is compared, reads | it is computed |
//! |---|---|
//! | an inner join | in a filter after the join |
//! | the side whose rows may be dropped | in a filter before the join |
//! | one side | as a column of that side |
//! | both sides | for each pair of values that they have: one side is joined with those pairs |
//!
//! A full join that depends on such pairs is a left join, and the rows of the right side that have
//! no partner.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, JoinType, ScalarValue};
use datafusion::error::Result;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{
    Expr, Filter, Join, JoinConstraint, LogicalPlan, LogicalPlanBuilder, Projection, Union, lit,
};

use super::domain::{Domain, made_column, outer_references};
use super::place::project;
use super::plain::is_plain_value;
use super::push_down::called;
use super::steady::steady;
use super::{Unnesting, subquery};

impl Unnesting {
    /// Replace the subqueries in the condition of a join.
    pub(super) fn join(&mut self, mut join: Join) -> Result<LogicalPlan> {
        let conditions = join.filter.take().map(split_conjunction_owned).unwrap_or_default();
        let (mut plain, mut difficult) = (vec![], vec![]);
        for condition in conditions {
            match is_plain_value(&condition)? {
                true => plain.push(condition),
                false => difficult.push(condition),
            }
        }
        join.filter = conjunction(plain);
        if difficult.is_empty() {
            return Ok(LogicalPlan::Join(join));
        }
        if join.join_type == JoinType::Inner {
            let joined = Arc::new(LogicalPlan::Join(join));
            return match conjunction(difficult) {
                Some(condition) => self.filter(Filter::try_new(condition, joined)?),
                None => Ok(Arc::unwrap_or_clone(joined)),
            };
        }
        let items = join.schema.columns().into_iter().map(Expr::Column).collect();
        let mut of_pairs = vec![];
        for condition in difficult {
            let (left, right) = sides(&condition, &join)?;
            match (left.is_empty(), right.is_empty(), join.join_type) {
                (true, false, JoinType::Left) => {
                    join.right = self.filtered_side(&join.right, condition)?;
                }
                (false, true, JoinType::Right) => {
                    join.left = self.filtered_side(&join.left, condition)?;
                }
                (_, true, _) => {
                    let (side, value) = self.computed_side(&join.left, condition)?;
                    join.left = side;
                    also(&mut join.filter, value);
                }
                (true, false, _) => {
                    let (side, value) = self.computed_side(&join.right, condition)?;
                    join.right = side;
                    also(&mut join.filter, value);
                }
                (false, false, _) => of_pairs.push((condition, left, right)),
            }
        }
        let joined = match of_pairs.is_empty() {
            true => LogicalPlan::Join(rejoined(join)?),
            false => self.paired(join, of_pairs)?,
        };
        project(joined, items)
    }

    /// The rows of a side for which a condition holds.
    fn filtered_side(
        &mut self,
        side: &Arc<LogicalPlan>,
        condition: Expr,
    ) -> Result<Arc<LogicalPlan>> {
        let filter = Filter::try_new(condition, side.clone())?;
        self.filter(filter).map(Arc::new)
    }

    /// The rows of a side, and whether a condition holds for each.
    fn computed_side(
        &mut self,
        side: &Arc<LogicalPlan>,
        condition: Expr,
    ) -> Result<(Arc<LogicalPlan>, Expr)> {
        let value = Column::new_unqualified(self.name());
        let items = side.schema().columns().into_iter().map(Expr::Column);
        let items = items.chain([called(condition, &value)]).collect();
        let side = self.projection(Projection::try_new(items, side.clone())?)?;
        Ok((Arc::new(side), Expr::Column(value)))
    }

    /// A join on conditions that depend on pairs of values of its sides.
    fn paired(
        &mut self,
        mut join: Join,
        conditions: Vec<(Expr, Vec<Column>, Vec<Column>)>,
    ) -> Result<LogicalPlan> {
        join.left = Arc::new(steady(Arc::unwrap_or_clone(join.left))?);
        join.right = Arc::new(steady(Arc::unwrap_or_clone(join.right))?);
        let mut left: BTreeSet<Column> = BTreeSet::new();
        let mut right: BTreeSet<Column> = BTreeSet::new();
        let mut all = vec![];
        for (condition, of_left, of_right) in conditions {
            left.extend(of_left);
            right.extend(of_right);
            all.push(condition);
        }
        // The pairs keep the names that the conditions know them by.
        let of_left = Domain::with(join.left.as_ref().clone(), left.into_iter().collect())?;
        let of_right = Domain::with(join.right.as_ref().clone(), right.into_iter().collect())?;
        let pairs = LogicalPlanBuilder::from(of_left.rows(of_left.columns())?);
        let pairs = pairs.cross_join(of_right.rows(of_right.columns())?)?.build()?;
        let condition = conjunction(all).unwrap_or_else(|| lit(true));
        let pairs = self.filter(Filter::try_new(condition, Arc::new(pairs))?)?;

        // Those of the left side get other names, to be joined with the right side first.
        let (left_keys, right_keys) = (of_left.keys(self), of_right.keys(self));
        let of_pairs = of_left.columns().iter().zip(&left_keys);
        let of_pairs = of_pairs.chain(of_right.columns().iter().zip(&right_keys));
        let of_pairs =
            of_pairs.map(|(column, key)| called(Expr::Column(column.clone()), key)).collect();
        let pairs = project(pairs, of_pairs)?;

        // The pairs, with the rows of each side that they belong to, meet the other side.
        let pairs = of_left.side(self, pairs, &left_keys)?;
        let left = of_left.side(self, join.left.as_ref().clone(), of_left.columns())?;
        let same_left = left.same(&pairs);
        let pairs = of_right.side(self, pairs.rows, &right_keys)?;
        let right = of_right.side(self, join.right.as_ref().clone(), of_right.columns())?;
        let same_right = right.same(&pairs);
        join.left = Arc::new(left.rows);
        join.right = Arc::new(right.rows);
        let with_left = paired_side(&join.left, &pairs.rows, &same_left)?;
        let with_right = paired_side(&join.right, &pairs.rows, &same_right)?;
        match join.join_type {
            JoinType::Right => {
                join.left = with_left;
                same_right.into_iter().for_each(|same| also(&mut join.filter, same));
                Ok(LogicalPlan::Join(rejoined(join)?))
            }
            JoinType::Left => {
                join.right = with_right;
                same_left.into_iter().for_each(|same| also(&mut join.filter, same));
                Ok(LogicalPlan::Join(rejoined(join)?))
            }
            _ => {
                let schema = join.schema.clone();
                let mut kept = Join { right: with_right, ..join.clone() };
                kept.join_type = JoinType::Left;
                same_left.into_iter().for_each(|same| also(&mut kept.filter, same));
                let mut lonely = Join { left: with_left, ..join };
                lonely.join_type = JoinType::RightAnti;
                same_right.into_iter().for_each(|same| also(&mut lonely.filter, same));
                self.both(rejoined(kept)?, rejoined(lonely)?, &schema)
            }
        }
    }

    /// The rows of a left join, then those of the right side that have no partner.
    fn both(&mut self, kept: Join, lonely: Join, schema: &DFSchema) -> Result<LogicalPlan> {
        let table = self.name();
        let names: Vec<Column> =
            (0..schema.fields().len()).map(|number| made_column(&table, number)).collect();
        let right = lonely.schema.clone();
        let kept_items = schema.columns().into_iter().zip(&names);
        let kept_items = kept_items.map(|(column, name)| called(Expr::Column(column), name));
        let kept = project(LogicalPlan::Join(kept), kept_items.collect())?;
        let items = schema.iter().zip(&names).map(|((qualifier, field), name)| {
            let column = Column::new(qualifier.cloned(), field.name());
            let value = match right.has_column(&column) {
                true => Expr::Column(column),
                false => lit(ScalarValue::try_from(field.data_type())?),
            };
            Ok(called(value, name))
        });
        let items = items.collect::<Result<_>>()?;
        let lonely = project(LogicalPlan::Join(lonely), items)?;
        let union = Union::try_new_with_loose_types(vec![Arc::new(kept), Arc::new(lonely)])?;
        let union = LogicalPlan::Union(union);
        let items = union.schema().columns().into_iter().zip(schema.columns());
        let items = items.map(|(column, name)| called(Expr::Column(column), &name)).collect();
        project(union, items)
    }
}

/// The rows of a side with the pairs that they belong to.
fn paired_side(
    side: &Arc<LogicalPlan>,
    pairs: &LogicalPlan,
    same: &[Expr],
) -> Result<Arc<LogicalPlan>> {
    let side = LogicalPlanBuilder::from(side.as_ref().clone());
    let paired = side.join_on(pairs.clone(), JoinType::Inner, same.iter().cloned())?;
    paired.build().map(Arc::new)
}

/// The columns of either side that a condition and the subqueries in it read.
fn sides(condition: &Expr, join: &Join) -> Result<(Vec<Column>, Vec<Column>)> {
    let mut columns: BTreeSet<Column> = condition.column_refs().into_iter().cloned().collect();
    condition.apply(|expr| {
        if let Some(subquery) = subquery(expr) {
            columns.extend(outer_references(&subquery.subquery)?);
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    let of = |side: &LogicalPlan| {
        let schema = side.schema().clone();
        columns.iter().filter(move |column| schema.has_column(column)).cloned().collect()
    };
    Ok((of(&join.left), of(&join.right)))
}

fn also(filter: &mut Option<Expr>, condition: Expr) {
    *filter = Some(match filter.take() {
        Some(filter) => filter.and(condition),
        None => condition,
    });
}

/// The join with the schema of its sides as they are now.
fn rejoined(join: Join) -> Result<Join> {
    let Join { left, right, on, filter, join_type, null_equality, null_aware, .. } = join;
    let constraint = JoinConstraint::On;
    // Without a condition there is no outer join.
    let filter = filter.or_else(|| on.is_empty().then(|| lit(true)));
    Join::try_new(left, right, on, filter, join_type, constraint, null_equality, null_aware)
}
