//! The places in which subqueries stand: the input of the node is joined with what they give.

use std::sync::Arc;

use datafusion::common::not_impl_err;
use datafusion::error::Result;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{Aggregate, Expr, Filter, LogicalPlan, Projection, Sort, Window};

use super::Unnesting;
use super::attach::Attached;
use super::plain::{is_plain_condition, is_plain_item, is_plain_value, true_or_not};
use super::push_down::called;

impl Unnesting {
    /// Replace the subqueries of a node that are to become joins.
    pub(super) fn place(&mut self, plan: LogicalPlan) -> Result<LogicalPlan> {
        match plan {
            LogicalPlan::Filter(filter) => self.filter(filter),
            LogicalPlan::Projection(projection) => self.projection(projection),
            LogicalPlan::Join(join) => self.join(join),
            other if are_plain(&other)? => Ok(other),
            LogicalPlan::Aggregate(aggregate) => self.aggregate(aggregate),
            LogicalPlan::Window(window) => self.window(window),
            LogicalPlan::Sort(sort) => self.sort(sort),
            other => not_impl_err!("a subquery in {}", other.display()),
        }
    }

    /// Conditions that stay come first, so that fewer rows are joined.
    pub(super) fn filter(&mut self, filter: Filter) -> Result<LogicalPlan> {
        let Filter { predicate, input, .. } = filter;
        let schema = input.schema().clone();
        let (mut plain, mut difficult) = (vec![], vec![]);
        let conditions = split_conjunction_owned(predicate);
        let (input, conditions) = self.ask_each_side(Arc::unwrap_or_clone(input), conditions)?;
        for condition in conditions {
            match is_plain_condition(&condition, &schema)? {
                true => plain.push(condition),
                false => difficult.push(condition),
            }
        }
        let rows = filtered(input, plain)?;
        if difficult.is_empty() {
            return Ok(rows);
        }
        let mut attached = Attached::to(self, rows, &difficult)?;
        let mut left = vec![];
        for condition in difficult {
            if let Some(condition) = attached.filter(condition)? {
                left.push(attached.replace(true_or_not(condition)?)?);
            }
        }
        let items = schema.columns().into_iter().map(Expr::Column).collect();
        project(filtered(attached.joined(), left)?, items)
    }

    pub(super) fn projection(&mut self, projection: Projection) -> Result<LogicalPlan> {
        let mut is_plain = true;
        for item in &projection.expr {
            is_plain = is_plain && is_plain_item(item, projection.input.schema())?;
        }
        if is_plain {
            return Ok(LogicalPlan::Projection(projection));
        }
        let Projection { expr, input, schema, .. } = projection;
        let mut attached = Attached::to(self, Arc::unwrap_or_clone(input), &expr)?;
        let names = schema.columns();
        let items = expr.into_iter().zip(names);
        let items = items.map(|(item, name)| Ok(called(attached.replace(item)?, &name)));
        let items = items.collect::<Result<_>>()?;
        project(attached.joined(), items)
    }

    fn aggregate(&mut self, aggregate: Aggregate) -> Result<LogicalPlan> {
        let Aggregate { input, group_expr, aggr_expr, schema, .. } = aggregate;
        let n_groups = group_expr.len();
        let all: Vec<Expr> = group_expr.into_iter().chain(aggr_expr).collect();
        let mut attached = Attached::to(self, Arc::unwrap_or_clone(input), &all)?;
        let all = all.into_iter().zip(schema.columns());
        let all = all.map(|(expr, name)| Ok(called(attached.replace(expr)?, &name)));
        let mut groups = all.collect::<Result<Vec<Expr>>>()?;
        let aggregates = groups.split_off(n_groups);
        let input = Arc::new(attached.joined());
        Ok(LogicalPlan::Aggregate(Aggregate::try_new(input, groups, aggregates)?))
    }

    fn window(&mut self, window: Window) -> Result<LogicalPlan> {
        let Window { input, window_expr, schema } = window;
        let n_inputs = input.schema().fields().len();
        let mut attached = Attached::to(self, Arc::unwrap_or_clone(input), &window_expr)?;
        let exprs = window_expr.into_iter().zip(schema.columns().into_iter().skip(n_inputs));
        let exprs = exprs.map(|(expr, name)| Ok(called(attached.replace(expr)?, &name)));
        let exprs = exprs.collect::<Result<_>>()?;
        let window = Window::try_new(exprs, Arc::new(attached.joined()))?;
        project(
            LogicalPlan::Window(window),
            schema.columns().into_iter().map(Expr::Column).collect(),
        )
    }

    fn sort(&mut self, sort: Sort) -> Result<LogicalPlan> {
        let Sort { mut expr, input, fetch } = sort;
        let items = input.schema().columns().into_iter().map(Expr::Column).collect();
        let keys: Vec<Expr> = expr.iter().map(|sort| sort.expr.clone()).collect();
        let mut attached = Attached::to(self, Arc::unwrap_or_clone(input), &keys)?;
        for sort in &mut expr {
            sort.expr = attached.replace(std::mem::take(&mut sort.expr))?;
        }
        let input = Arc::new(attached.joined());
        project(LogicalPlan::Sort(Sort { expr, input, fetch }), items)
    }
}

fn are_plain(plan: &LogicalPlan) -> Result<bool> {
    for expr in plan.expressions() {
        if !is_plain_value(&expr)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The rows for which all conditions hold.
fn filtered(rows: LogicalPlan, conditions: Vec<Expr>) -> Result<LogicalPlan> {
    Ok(match conjunction(conditions) {
        Some(condition) => LogicalPlan::Filter(Filter::try_new(condition, Arc::new(rows))?),
        None => rows,
    })
}

pub(super) fn project(plan: LogicalPlan, items: Vec<Expr>) -> Result<LogicalPlan> {
    Ok(LogicalPlan::Projection(Projection::try_new(items, Arc::new(plan))?))
}
