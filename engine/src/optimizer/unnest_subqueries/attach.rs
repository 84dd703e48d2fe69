//! Rows joined with what subqueries give for them.
//!
//! ```text
//! EXISTS (q)   rows ⟕ (d, true)             on d              the mark is not NULL
//! x IN (q)     rows ⟕ (d, v, true)          on d and x = v    TRUE where the mark is not NULL, else
//!              rows ⟕ (d, count(*), count(v)) on d            FALSE where there is no row, UNKNOWN where
//!                                                             x or a v is NULL, else FALSE
//! (q)          rows ⟕ (d, v)                on d              v, NULL where there is no row
//! ```
//!
//! In the place of a whole condition, EXISTS and IN are a semi join, NOT EXISTS is an anti join.
//!
//! Reference: ISO/IEC 9075:1992, 8.4 (in predicate), 8.10 (exists predicate), 7.11 (scalar subquery).

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, ScalarValue};
use datafusion::error::Result;
use datafusion::functions_aggregate::expr_fn::{count, first_value};
use datafusion::logical_expr::expr::{Exists, InSubquery};
use datafusion::logical_expr::{
    Aggregate, Distinct, Expr, ExprSchemable, Filter, JoinType, LogicalPlan, LogicalPlanBuilder,
    ScalarUDF, lit, when,
};

use super::domain::{Domain, made_column};
use super::place::project;
use super::plain::is_beforehand;
use super::push_down::{called, dependent_join};
use super::steady::steady;
use super::{Unnesting, subquery};
use crate::functions::only_row::OnlyRow;

/// Rows, and what has been joined with them.
pub(super) struct Attached<'u> {
    unnesting: &'u mut Unnesting,
    /// The rows as they were.
    rows: LogicalPlan,
    /// The same with the columns that stand for subqueries.
    joined: LogicalPlan,
}

/// What a subquery gives for each row of its domain.
struct Given {
    domain: Domain,
    /// The domain's columns in `plan`.
    keys: Vec<Column>,
    /// These columns, then those of the subquery.
    plan: LogicalPlan,
}

impl Given {
    /// The first column of the subquery.
    fn value(&self) -> Expr {
        let columns = self.plan.schema().columns();
        columns
            .into_iter()
            .nth(self.keys.len())
            .map_or_else(|| lit(ScalarValue::Null), Expr::Column)
    }

    fn keys(&self) -> Vec<Expr> {
        self.keys.iter().cloned().map(Expr::Column).collect()
    }
}

impl<'u> Attached<'u> {
    /// Begin with the rows of a plan, around the subqueries in `exprs`.
    pub fn to(unnesting: &'u mut Unnesting, rows: LogicalPlan, exprs: &[Expr]) -> Result<Self> {
        let mut is_read = false;
        for expr in exprs {
            expr.apply(|expr| {
                if let Some(subquery) = subquery(expr) {
                    is_read = is_read || !Domain::of(&rows, &subquery.subquery)?.is_empty();
                }
                Ok(TreeNodeRecursion::Continue)
            })?;
        }
        let rows = if is_read { steady(rows)? } else { rows };
        Ok(Self { unnesting, joined: rows.clone(), rows })
    }

    /// The rows with all columns that have been joined.
    pub fn joined(self) -> LogicalPlan {
        self.joined
    }

    /// Write columns in the place of the subqueries of an expression.
    pub fn replace(&mut self, expr: Expr) -> Result<Expr> {
        let replaced = expr.transform_down(|expr| {
            let replaced = match expr {
                Expr::Exists(Exists { subquery, negated }) => {
                    let exists = self.exists(&subquery.subquery)?;
                    if negated { exists.is_null() } else { exists.is_not_null() }
                }
                Expr::IsTrue(inner) if matches!(inner.as_ref(), Expr::InSubquery(_)) => {
                    let Expr::InSubquery(InSubquery { expr, subquery, negated: false }) = *inner
                    else {
                        return Ok(Transformed::no(Expr::IsTrue(inner)));
                    };
                    let value = self.replace(*expr)?;
                    let given = self.given(&subquery.subquery)?;
                    self.equal(value, given)?.is_not_null()
                }
                Expr::InSubquery(InSubquery { expr, subquery, negated }) => {
                    let value = self.replace(*expr)?;
                    let among = self.among(value, &subquery.subquery)?;
                    if negated { Expr::Not(Box::new(among)) } else { among }
                }
                Expr::ScalarSubquery(subquery) if !is_beforehand(&subquery.subquery)? => {
                    self.value(&subquery.subquery)?
                }
                other => return Ok(Transformed::no(other)),
            };
            Ok(Transformed::new(replaced, true, TreeNodeRecursion::Jump))
        })?;
        Ok(replaced.data)
    }

    /// Keep the rows for which a condition holds that is nothing but an EXISTS or an IN; return
    /// the condition if it is another.
    pub fn filter(&mut self, condition: Expr) -> Result<Option<Expr>> {
        let (given, equal, join_type) = match condition {
            Expr::Exists(Exists { subquery, negated }) => {
                let join_type = if negated { JoinType::LeftAnti } else { JoinType::LeftSemi };
                (self.given(&subquery.subquery)?, None, join_type)
            }
            Expr::InSubquery(InSubquery { expr, subquery, negated: false }) => {
                let value = self.replace(*expr)?;
                (self.given(&subquery.subquery)?, Some(value), JoinType::LeftSemi)
            }
            other => return Ok(Some(other)),
        };
        let equal = equal.map(|value| value.eq(given.value()));
        self.join(join_type, given, equal)?;
        Ok(None)
    }

    fn given(&mut self, subquery: &LogicalPlan) -> Result<Given> {
        let domain = Domain::of(&self.rows, subquery)?;
        let keys = domain.keys(self.unnesting);
        let plan = match domain.is_empty() {
            true => subquery.clone(),
            false => dependent_join(self.unnesting, &domain, &keys, subquery.clone())?,
        };
        let plan = self.apart(plan, &keys)?;
        Ok(Given { domain, keys, plan })
    }

    /// The plan with names of their own for what is no key.
    fn apart(&mut self, plan: LogicalPlan, keys: &[Column]) -> Result<LogicalPlan> {
        let table = self.unnesting.name();
        let columns = plan.schema().columns().into_iter().enumerate();
        let items = columns.map(|(number, column)| match keys.contains(&column) {
            true => Expr::Column(column),
            false => called(Expr::Column(column), &made_column(&table, number)),
        });
        project(plan, items.collect())
    }

    /// A column that is NULL where the subquery gives no row.
    fn exists(&mut self, subquery: &LogicalPlan) -> Result<Expr> {
        let given = self.given(subquery)?;
        let keys = given.keys();
        let some = match keys.is_empty() {
            true => LogicalPlanBuilder::from(given.plan).limit(0, Some(1))?.build()?,
            false => distinct(project(given.plan, keys.clone())?),
        };
        self.mark(Given { plan: some, ..given }, keys, None)
    }

    /// A column that is NULL where the subquery gives no row that equals `value`.
    fn equal(&mut self, value: Expr, given: Given) -> Result<Expr> {
        let mut columns = given.keys();
        columns.push(given.value());
        let equal = value.eq(given.value());
        let known = Filter::try_new(given.value().is_not_null(), Arc::new(given.plan))?;
        let each = distinct(project(LogicalPlan::Filter(known), columns.clone())?);
        self.mark(Given { plan: each, ..given }, columns, Some(equal))
    }

    /// Join rows with what a subquery gives, of which `items` are left, and with a mark that is
    /// NULL where there is nothing.
    fn mark(&mut self, given: Given, mut items: Vec<Expr>, also: Option<Expr>) -> Result<Expr> {
        let mark = made_column(&self.unnesting.name(), 0);
        items.push(called(lit(true), &mark));
        let plan = project(given.plan, items)?;
        self.join(JoinType::Left, Given { plan, ..given }, also)?;
        Ok(Expr::Column(mark))
    }

    /// TRUE, FALSE or UNKNOWN: is `value` among those that the subquery gives?
    fn among(&mut self, value: Expr, subquery: &LogicalPlan) -> Result<Expr> {
        let given = self.given(subquery)?;
        let is_certain = !value.nullable(self.joined.schema().as_ref())?
            && !given.value().nullable(given.plan.schema().as_ref())?;
        let equal = self.equal(value.clone(), given)?.is_not_null();
        if is_certain {
            return Ok(equal);
        }
        let given = self.given(subquery)?;
        let counted = vec![count(lit(1_i64)), count(given.value())];
        let table = self.group(given, counted)?;
        let column = |number: usize| Expr::Column(made_column(&table, number));
        let (n_rows, n_known) = (column(0), column(1));
        let is_empty = n_rows.clone().is_null().or(n_rows.clone().eq(lit(0_i64)));
        let is_unknown = value.is_null().or(n_known.lt(n_rows));
        when(equal, lit(true))
            .when(is_empty, lit(false))
            .when(is_unknown, lit(ScalarValue::Boolean(None)))
            .otherwise(lit(false))
    }

    /// The value that the subquery gives.
    fn value(&mut self, subquery: &LogicalPlan) -> Result<Expr> {
        let is_one = subquery.max_rows().is_some_and(|most| most <= 1);
        let given = self.given(subquery)?;
        let value = given.value();
        if is_one {
            self.join(JoinType::Left, given, None)?;
            return Ok(value);
        }
        let found = vec![first_value(value, vec![]), count(lit(1_i64))];
        let table = self.group(given, found)?;
        let column = |number: usize| Expr::Column(made_column(&table, number));
        Ok(ScalarUDF::from(OnlyRow::new()).call(vec![column(0), column(1)]))
    }

    /// Join aggregates of what the subquery gives for a row; return the name of their table.
    fn group(&mut self, given: Given, aggregates: Vec<Expr>) -> Result<String> {
        let keys = given.keys();
        let aggregate = Aggregate::try_new(Arc::new(given.plan), keys.clone(), aggregates)?;
        let columns = aggregate.schema.columns().into_iter().skip(keys.len()).enumerate();
        let table = self.unnesting.name();
        let named =
            columns.map(|(n, column)| called(Expr::Column(column), &made_column(&table, n)));
        let items = keys.into_iter().chain(named).collect();
        let plan = project(LogicalPlan::Aggregate(aggregate), items)?;
        self.join(JoinType::Left, Given { plan, ..given }, None)?;
        Ok(table)
    }

    /// Join rows with what a subquery gives for them, where `also` holds.
    fn join(&mut self, of: JoinType, given: Given, also: Option<Expr>) -> Result<()> {
        let Given { domain, keys, plan } = given;
        let left = domain.side(self.unnesting, self.joined.clone(), domain.columns())?;
        let right = domain.side(self.unnesting, plan, &keys)?;
        let mut on = left.same(&right);
        on.extend(also);
        if on.is_empty() {
            on.push(lit(true));
        }
        self.joined = LogicalPlanBuilder::from(left.rows).join_on(right.rows, of, on)?.build()?;
        Ok(())
    }
}

fn distinct(plan: LogicalPlan) -> LogicalPlan {
    LogicalPlan::Distinct(Distinct::All(Arc::new(plan)))
}
