//! Subqueries that read one side of a product are asked there, once for each of its rows.
//!
//! ```text
//!   before   Filter: EXISTS (q of a.x)         after    Cross Join
//!              Cross Join                                 Filter: EXISTS (q of a.x)
//!                a                                          a
//!                b                                        b
//! ```
//!
//! Where another condition ties `a` to other tables, that comes first, because it may leave fewer rows.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema};
use datafusion::error::Result;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, Filter, Join, JoinType, LogicalPlan};

use super::domain::outer_references;
use super::{Unnesting, subquery};

impl Unnesting {
    /// Take the conditions that are subqueries of one factor of a product to that factor; return the rows
    /// and the conditions that stay.
    pub(super) fn ask_each_side(
        &mut self,
        rows: LogicalPlan,
        conditions: Vec<Expr>,
    ) -> Result<(LogicalPlan, Vec<Expr>)> {
        let mut sides = vec![];
        factors(&rows, &mut sides);
        if sides.len() < 2 {
            return Ok((rows, conditions));
        }
        let read = conditions.iter().map(|condition| sides_read(condition, &sides));
        let read = read.collect::<Result<Vec<_>>>()?;
        let is_tied = |side: usize| read.iter().any(|read| read.len() > 1 && read.contains(&side));
        let mut of_sides: Vec<Vec<Expr>> = vec![vec![]; sides.len()];
        let mut left = vec![];
        for (condition, read) in conditions.into_iter().zip(&read) {
            let is_asked = condition.exists(|expr| Ok(subquery(expr).is_some()))?;
            match read.as_slice() {
                [side] if is_asked && !is_tied(*side) && !condition.is_volatile() => {
                    of_sides[*side].push(condition);
                }
                _ => left.push(condition),
            }
        }
        match of_sides.iter().all(Vec::is_empty) {
            true => Ok((rows, left)),
            false => Ok((self.factors_filtered(rows, &mut of_sides.into_iter())?, left)),
        }
    }

    /// Put conditions above the factors of a product, from the left.
    fn factors_filtered(
        &mut self,
        plan: LogicalPlan,
        conditions: &mut impl Iterator<Item = Vec<Expr>>,
    ) -> Result<LogicalPlan> {
        match plan {
            LogicalPlan::Join(join) if is_product(&join) => {
                let left = self.factors_filtered(Arc::unwrap_or_clone(join.left), conditions)?;
                let right = self.factors_filtered(Arc::unwrap_or_clone(join.right), conditions)?;
                Ok(LogicalPlan::Join(Join { left: left.into(), right: right.into(), ..join }))
            }
            factor => match conjunction(conditions.next().unwrap_or_default()) {
                Some(all) => self.filter(Filter::try_new(all, Arc::new(factor))?),
                None => Ok(factor),
            },
        }
    }
}

/// The schemas of the factors of a product, from the left.
fn factors(plan: &LogicalPlan, found: &mut Vec<Arc<DFSchema>>) {
    match plan {
        LogicalPlan::Join(join) if is_product(join) => {
            factors(&join.left, found);
            factors(&join.right, found);
        }
        other => found.push(other.schema().clone()),
    }
}

fn is_product(join: &Join) -> bool {
    join.join_type == JoinType::Inner && join.on.is_empty() && join.filter.is_none()
}

/// The factors of which a condition, or a subquery in it, reads columns.
fn sides_read(condition: &Expr, sides: &[Arc<DFSchema>]) -> Result<Vec<usize>> {
    let mut read: BTreeSet<Column> = condition.column_refs().into_iter().cloned().collect();
    condition.apply(|expr| {
        if let Some(subquery) = subquery(expr) {
            read.extend(outer_references(&subquery.subquery)?);
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    let is_read = |schema: &DFSchema| read.iter().any(|column| schema.has_column(column));
    let found = sides.iter().enumerate().filter(|(_, schema)| is_read(schema));
    Ok(found.map(|(place, _)| place).collect())
}
