//! The dependent join of a domain with a subquery, pushed down through the subquery's plan.
//!
//! | node | with the domain `d` |
//! |---|---|
//! | what reads nothing from outside | product with `d` |
//! | projection, filter | `d`'s columns in the place of what is read from outside |
//! | join | of both sides, for equal `d`, where both read from outside |
//! | GROUP BY c | GROUP BY d, c |
//! | aggregate of all rows | GROUP BY d, and a row of nothing for each row of `d` |
//! | OVER (PARTITION BY c) | OVER (PARTITION BY d, c) |
//! | LIMIT n after ORDER BY c | row_number() OVER (PARTITION BY d ORDER BY c) <= n |
//! | DISTINCT, UNION | of rows with `d` |
//! | ORDER BY without LIMIT | left out: the rows of a subquery have no order |
//!
//! EXCEPT and INTERSECT are joins already. Each result has the columns of `d` first, then those of
//! the node, under their names.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, JoinType, NullEquality, ScalarValue, not_impl_err};
use datafusion::error::Result;
use datafusion::functions::core::expr_fn::coalesce;
use datafusion::logical_expr::expr::Sort as SortExpr;
use datafusion::logical_expr::{
    Aggregate, BinaryExpr, Distinct, Expr, ExprFunctionExt, FetchType, Filter, Join,
    JoinConstraint, Limit, LogicalPlan, LogicalPlanBuilder, Operator, Projection, SkipType, Union,
    Window, WindowFrame, WindowFrameBound, WindowFrameUnits, lit,
};

use super::Unnesting;
use super::domain::{Domain, opaque};
use super::steady::total_order;
use crate::functions::row_place::row_number;

/// The dependent join of `domain` with `subquery`: `keys` are the names of the domain's columns in it.
///
/// # Errors
/// If a node of the subquery that reads from outside is not one that queries have.
pub(super) fn dependent_join(
    unnesting: &mut Unnesting,
    domain: &Domain,
    keys: &[Column],
    subquery: LogicalPlan,
) -> Result<LogicalPlan> {
    PushDown { unnesting, domain }.plan(subquery, keys)
}

struct PushDown<'u> {
    unnesting: &'u mut Unnesting,
    domain: &'u Domain,
}

impl PushDown<'_> {
    fn plan(&mut self, plan: LogicalPlan, keys: &[Column]) -> Result<LogicalPlan> {
        if !self.domain.is_read_by(&plan)? {
            return LogicalPlanBuilder::from(self.domain.rows(keys)?).cross_join(plan)?.build();
        }
        let schema = plan.schema().clone();
        match plan {
            LogicalPlan::Projection(projection) => {
                let input = self.plan(inner(projection.input), keys)?;
                let items = self.named(projection.expr, &schema, keys)?;
                let items = columns(keys).chain(items).collect();
                Ok(LogicalPlan::Projection(Projection::try_new(items, Arc::new(input))?))
            }
            LogicalPlan::Filter(filter) => {
                let input = self.plan(inner(filter.input), keys)?;
                let predicate = self.bound(filter.predicate, keys)?;
                Ok(LogicalPlan::Filter(Filter::try_new(predicate, Arc::new(input))?))
            }
            LogicalPlan::SubqueryAlias(alias) => {
                renamed(self.plan(inner(alias.input), keys)?, keys, &schema)
            }
            LogicalPlan::Sort(sort) if sort.fetch.is_none() => self.plan(inner(sort.input), keys),
            LogicalPlan::Distinct(Distinct::All(input)) => {
                let input = Arc::new(self.plan(inner(input), keys)?);
                opaque(LogicalPlan::Distinct(Distinct::All(input)), keys)
            }
            LogicalPlan::Union(union) => {
                let inputs = union.inputs.into_iter();
                let inputs = inputs.map(|input| self.plan(inner(input), keys).map(Arc::new));
                let union = Union::try_new_with_loose_types(inputs.collect::<Result<_>>()?)?;
                renamed(LogicalPlan::Union(union), keys, &schema)
            }
            LogicalPlan::Aggregate(aggregate) => self.aggregate(aggregate, keys),
            LogicalPlan::Window(window) => self.window(window, keys),
            LogicalPlan::Limit(limit) => self.limit(limit, keys),
            LogicalPlan::Join(join) => self.join(join, keys),
            other => {
                not_impl_err!("a subquery that reads the rows around it in {}", other.display())
            }
        }
    }

    /// An expression with the domain's columns in the place of what it reads from outside.
    fn bound(&self, expr: Expr, keys: &[Column]) -> Result<Expr> {
        let bound = expr.transform_up(|expr| {
            let Expr::OuterReferenceColumn(_, column) = &expr else {
                return Ok(Transformed::no(expr));
            };
            let key = self.domain.columns().iter().zip(keys).find(|(known, _)| *known == column);
            Ok(match key {
                Some((_, key)) => Transformed::yes(Expr::Column(key.clone())),
                None => Transformed::no(expr),
            })
        })?;
        Ok(bound.data)
    }

    /// Expressions that keep the names that they have in `schema`.
    fn named(&self, exprs: Vec<Expr>, schema: &DFSchema, keys: &[Column]) -> Result<Vec<Expr>> {
        let named = exprs.into_iter().zip(schema.columns());
        named.map(|(expr, name)| Ok(called(self.bound(expr, keys)?, &name))).collect()
    }

    fn aggregate(&mut self, aggregate: Aggregate, keys: &[Column]) -> Result<LogicalPlan> {
        let Aggregate { input, group_expr, aggr_expr, schema, .. } = aggregate;
        if group_expr.iter().any(|expr| matches!(expr, Expr::GroupingSet(_))) {
            return not_impl_err!("grouping sets in a subquery that reads the rows around it");
        }
        let mut input = self.plan(inner(input), keys)?;
        let mut aggregates = aggr_expr;
        if group_expr.is_empty() {
            let (with_nothing, is_row) = self.with_rows_of_nothing(input, keys)?;
            let of_rows = |expr| of_rows_only(expr, &is_row);
            aggregates = aggregates.into_iter().map(of_rows).collect::<Result<_>>()?;
            input = with_nothing;
        }
        let mut all = group_expr;
        let n_groups = all.len();
        all.extend(aggregates);
        let mut all = self.named(all, &schema, keys)?;
        let aggregates = all.split_off(n_groups);
        let groups = columns(keys).chain(all).collect();
        let aggregate = Aggregate::try_new(Arc::new(input), groups, aggregates)?;
        opaque(LogicalPlan::Aggregate(aggregate), keys)
    }

    /// `input` and one more row for each row of the domain, so that an aggregate has a group for
    /// each; and the column that tells the others from them.
    fn with_rows_of_nothing(
        &mut self,
        input: LogicalPlan,
        keys: &[Column],
    ) -> Result<(LogicalPlan, Column)> {
        let name = self.unnesting.name();
        let schema = input.schema().clone();
        let place = |number: usize| format!("{name} {number}");
        let is_row = Column::new_unqualified(name.clone());
        let rows = schema.columns().into_iter().enumerate();
        let rows = rows.map(|(number, column)| Expr::Column(column).alias(place(number)));
        let rows = rows.chain([lit(true).alias(&is_row.name)]).collect();
        let rows = LogicalPlan::Projection(Projection::try_new(rows, Arc::new(input))?);

        let mut nothing: Vec<Expr> = columns(keys).collect();
        for field in schema.fields().iter().skip(keys.len()) {
            nothing.push(lit(ScalarValue::try_from(field.data_type())?));
        }
        let nothing = nothing.into_iter().enumerate();
        let nothing = nothing.map(|(number, value)| value.alias(place(number)));
        let marked = lit(ScalarValue::Boolean(None)).alias(&is_row.name);
        let nothing = nothing.chain([marked]).collect();
        let domain = Arc::new(self.domain.rows(keys)?);
        let nothing = LogicalPlan::Projection(Projection::try_new(nothing, domain)?);

        let union = Union::try_new_with_loose_types(vec![Arc::new(rows), Arc::new(nothing)])?;
        let back = schema.columns().into_iter().enumerate().map(|(number, column)| {
            let place = Expr::Column(Column::new_unqualified(place(number)));
            place.alias_qualified(column.relation, column.name)
        });
        let back = back.chain([Expr::Column(is_row.clone())]).collect();
        let back = Projection::try_new(back, Arc::new(LogicalPlan::Union(union)))?;
        Ok((LogicalPlan::Projection(back), is_row))
    }

    fn window(&mut self, window: Window, keys: &[Column]) -> Result<LogicalPlan> {
        let Window { input, window_expr, schema } = window;
        let n_inputs = input.schema().fields().len();
        let input = self.plan(inner(input), keys)?;
        let names = schema.columns().into_iter().skip(n_inputs);
        let exprs = window_expr.into_iter().zip(names).map(|(expr, name)| {
            let bound = self.bound(expr, keys)?;
            let parted = bound.transform_up(|mut expr| {
                let Expr::WindowFunction(function) = &mut expr else {
                    return Ok(Transformed::no(expr));
                };
                function.params.partition_by.splice(0..0, columns(keys));
                Ok(Transformed::yes(expr))
            })?;
            Ok(called(parted.data, &name))
        });
        let window = Window::try_new(exprs.collect::<Result<_>>()?, Arc::new(input))?;
        Ok(LogicalPlan::Window(window))
    }

    fn limit(&mut self, limit: Limit, keys: &[Column]) -> Result<LogicalPlan> {
        let (skip, fetch) = (limit.get_skip_type()?, limit.get_fetch_type()?);
        let Limit { skip: skipped, fetch: fetched, input } = limit;
        let input = match inner(input) {
            // Rows can be counted before they are projected, and there they are sorted.
            LogicalPlan::Projection(projection) => {
                let Projection { expr, input, schema, .. } = projection;
                let below = LogicalPlan::Limit(Limit { skip: skipped, fetch: fetched, input });
                let above = Projection::try_new_with_schema(expr, Arc::new(below), schema)?;
                return self.plan(LogicalPlan::Projection(above), keys);
            }
            other => other,
        };
        let (SkipType::Literal(skip), FetchType::Literal(fetch)) = (skip, fetch) else {
            return not_impl_err!(
                "a limit that is no number, in a subquery that reads the rows around it"
            );
        };
        let (order, input) = match input {
            LogicalPlan::Sort(sort) if sort.fetch.is_none() => (sort.expr, inner(sort.input)),
            other => (vec![], other),
        };
        let schema = input.schema().clone();
        let order = order
            .into_iter()
            .map(|sort| Ok(SortExpr { expr: self.bound(sort.expr, keys)?, ..sort }));
        let order = total_order(order.collect::<Result<_>>()?, &schema);
        let input = self.plan(input, keys)?;
        let number = self.unnesting.name();
        let first = WindowFrameBound::Preceding(ScalarValue::UInt64(None));
        let rows =
            WindowFrame::new_bounds(WindowFrameUnits::Rows, first, WindowFrameBound::CurrentRow);
        let function = row_number().partition_by(columns(keys).collect());
        let function = function.order_by(order).window_frame(rows).build()?.alias(&number);
        let counted = Window::try_new(vec![function], Arc::new(input))?;
        let number = || Expr::Column(Column::new_unqualified(&number));
        let place = |n: usize| lit(i64::try_from(n).unwrap_or(i64::MAX));
        let last = fetch.map(|fetch| number().lt_eq(place(skip.saturating_add(fetch))));
        let kept = number().gt(place(skip));
        let kept = last.into_iter().fold(kept, Expr::and);
        let kept = Filter::try_new(kept, Arc::new(LogicalPlan::Window(counted)))?;
        arranged(LogicalPlan::Filter(kept), keys, &schema)
    }

    fn join(&mut self, join: Join, keys: &[Column]) -> Result<LogicalPlan> {
        use JoinType::{Full, Inner, Left, LeftAnti, LeftSemi, Right, RightAnti, RightSemi};
        let Join { left, right, on, filter, join_type, schema, null_equality, null_aware, .. } =
            join;
        let (reads_left, reads_right) =
            (self.domain.is_read_by(&left)?, self.domain.is_read_by(&right)?);
        // A side whose rows are kept without a partner is kept for each row of the domain.
        let (needs_left, needs_right) = match join_type {
            Inner => (reads_left || !reads_right, reads_right),
            Left | LeftSemi | LeftAnti => (true, reads_right),
            Right | RightSemi | RightAnti => (reads_left, true),
            Full => (true, true),
            _ => return not_impl_err!("{join_type} in a subquery that reads the rows around it"),
        };
        let others = self.domain.keys(self.unnesting);
        let (left_keys, right_keys) = match is_right(join_type) || !needs_left {
            true => (others.as_slice(), keys),
            false => (keys, others.as_slice()),
        };
        let left = match needs_left {
            true => self.plan(inner(left), left_keys)?,
            false => inner(left),
        };
        let right = match needs_right {
            true => self.plan(inner(right), right_keys)?,
            false => inner(right),
        };
        let mut on_columns = vec![];
        let mut conditions: Vec<Expr> = vec![];
        for (a, b) in on {
            match self.domain.is_read_in(&a)? || self.domain.is_read_in(&b)? {
                true => conditions.push(self.bound(equality(a, b, null_equality), keys)?),
                false => on_columns.push((a, b)),
            }
        }
        conditions.extend(filter.map(|filter| self.bound(filter, keys)).transpose()?);
        let (left, right) = match needs_left && needs_right {
            true => {
                let left = self.domain.side(self.unnesting, left, left_keys)?;
                let right = self.domain.side(self.unnesting, right, right_keys)?;
                conditions.extend(left.same(&right));
                (left.rows, right.rows)
            }
            false => (left, right),
        };
        let joined = LogicalPlan::Join(Join::try_new(
            Arc::new(left),
            Arc::new(right),
            on_columns,
            conditions.into_iter().reduce(Expr::and),
            join_type,
            JoinConstraint::On,
            null_equality,
            null_aware,
        )?);
        if join_type != Full {
            return arranged(joined, keys, &schema);
        }
        let of_either = keys.iter().zip(&others).map(|(key, other)| {
            let either = vec![Expr::Column(key.clone()), Expr::Column(other.clone())];
            called(coalesce(either), key)
        });
        let items = of_either.chain(schema.columns().into_iter().map(Expr::Column)).collect();
        Ok(LogicalPlan::Projection(Projection::try_new(items, Arc::new(joined))?))
    }
}

fn is_right(join_type: JoinType) -> bool {
    matches!(join_type, JoinType::Right | JoinType::RightSemi | JoinType::RightAnti)
}

fn equality(left: Expr, right: Expr, null_equality: NullEquality) -> Expr {
    let op = match null_equality {
        NullEquality::NullEqualsNothing => Operator::Eq,
        NullEquality::NullEqualsNull => Operator::IsNotDistinctFrom,
    };
    Expr::BinaryExpr(BinaryExpr { left: Box::new(left), op, right: Box::new(right) })
}

/// An aggregate that passes over the rows of nothing.
fn of_rows_only(expr: Expr, is_row: &Column) -> Result<Expr> {
    let filtered = expr.transform_up(|mut expr| {
        let Expr::AggregateFunction(call) = &mut expr else { return Ok(Transformed::no(expr)) };
        let is_row = Expr::Column(is_row.clone());
        let filter = match call.params.filter.take() {
            Some(filter) => filter.and(is_row),
            None => is_row,
        };
        call.params.filter = Some(Box::new(filter));
        Ok(Transformed::yes(expr))
    })?;
    Ok(filtered.data)
}

/// The plan itself, where nobody else holds it.
fn inner(plan: Arc<LogicalPlan>) -> LogicalPlan {
    Arc::unwrap_or_clone(plan)
}

fn columns(columns: &[Column]) -> impl Iterator<Item = Expr> {
    columns.iter().cloned().map(Expr::Column)
}

/// An expression that is called `name`.
pub(super) fn called(expr: Expr, name: &Column) -> Expr {
    let (relation, own) = expr.qualified_name();
    match relation == name.relation && own == name.name {
        true => expr,
        false => expr.alias_qualified(name.relation.clone(), &name.name),
    }
}

/// The columns `keys` and those of `schema`, by their names.
fn arranged(plan: LogicalPlan, keys: &[Column], schema: &DFSchema) -> Result<LogicalPlan> {
    let wanted: Vec<Column> = keys.iter().cloned().chain(schema.columns()).collect();
    if plan.schema().columns() == wanted {
        return Ok(plan);
    }
    let items = wanted.into_iter().map(Expr::Column).collect();
    Ok(LogicalPlan::Projection(Projection::try_new(items, Arc::new(plan))?))
}

/// The columns of `plan` in their order, called as `keys` and `schema` say.
fn renamed(plan: LogicalPlan, keys: &[Column], schema: &DFSchema) -> Result<LogicalPlan> {
    let names = keys.iter().cloned().chain(schema.columns());
    let items = plan.schema().columns().into_iter().zip(names);
    let items = items.map(|(column, name)| called(Expr::Column(column), &name)).collect();
    Ok(LogicalPlan::Projection(Projection::try_new(items, Arc::new(plan))?))
}

/// Can rows be sorted by values of this type?
pub(super) fn is_sortable(of: &DataType) -> bool {
    !of.is_nested()
}
