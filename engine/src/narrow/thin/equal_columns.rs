//! Joins of wide tables on many columns, as natural joins are: those columns go together too.
//!
//! ```text
//!   Object AS a JOIN Object AS b ON a.k = b.k AND a.x = b.x AND a.y = b.y AND … 1,200 more …
//!     ↓
//!   Object AS a JOIN Object AS b ON a.k = b.k AND same_columns(a.passed, b.passed, '0=0,1=1,…')
//! ```
//!
//! The first equality stays, for rows to meet by.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, JoinConstraint, JoinOperator, Query, Select, TableFactor, TableWithJoins,
    VisitMut, VisitorMut,
};

use super::super::{PASSED, quoted};
use super::Thinning;
use super::select_list::column;
use crate::functions::same_columns;
use crate::tree::{call, text};

impl Thinning {
    /// Let the columns go together on which two wide tables are joined, where they are many.
    pub(super) fn equal_columns(&mut self, query: &mut Query) {
        struct Joins<'t>(&'t mut Thinning);
        impl VisitorMut for Joins<'_> {
            type Break = ();
            fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
                select.from.iter_mut().for_each(|tables| self.0.joins(tables));
                ControlFlow::Continue(())
            }
        }
        let _ = VisitMut::visit(query, &mut Joins(self));
    }

    fn joins(&mut self, tables: &mut TableWithJoins) {
        if let TableFactor::NestedJoin { table_with_joins, .. } = &mut tables.relation {
            self.joins(table_with_joins);
        }
        for join in &mut tables.joins {
            if let TableFactor::NestedJoin { table_with_joins, .. } = &mut join.relation {
                self.joins(table_with_joins);
            }
            use JoinOperator::{FullOuter, Inner, Join, Left, LeftOuter, Right, RightOuter};
            if let Join(JoinConstraint::On(on))
            | Inner(JoinConstraint::On(on))
            | Left(JoinConstraint::On(on))
            | LeftOuter(JoinConstraint::On(on))
            | Right(JoinConstraint::On(on))
            | RightOuter(JoinConstraint::On(on))
            | FullOuter(JoinConstraint::On(on)) = &mut join.join_operator
            {
                self.condition(on);
            }
        }
    }

    /// Rewrite a condition that rows are joined by, of which only what is true counts.
    fn condition(&mut self, on: &mut Expr) {
        let mut conditions = vec![];
        conjuncts(on, &mut conditions);
        let mut found: Vec<Equalities> = vec![];
        for (place, condition) in conditions.iter().enumerate() {
            let Some([(a, x), (b, y)]) = equality(condition) else { continue };
            let is_wide = |alias: &str| self.tables.contains_key(alias);
            if a == b || !is_wide(a) || !is_wide(b) {
                continue;
            }
            let (aliases, columns) = if a < b { ((a, b), (x, y)) } else { ((b, a), (y, x)) };
            let known = found.iter_mut().find(|known| known.aliases == aliases);
            let columns = (place, columns.0, columns.1);
            match known {
                Some(known) => known.columns.push(columns),
                None => found.push(Equalities { aliases, columns: vec![columns] }),
            }
        }
        found.retain(|equalities| equalities.columns.len() > self.n_passed);
        if found.is_empty() {
            return;
        }
        let mut gone = vec![false; conditions.len()];
        let mut calls = vec![];
        for Equalities { aliases: (a, b), columns } in found {
            let pairs = columns.iter().skip(1).map(|(place, x, y)| {
                gone[*place] = true;
                format!("{}={}", self.child(a, x), self.child(b, y))
            });
            let pairs: Vec<String> = pairs.collect();
            let args = [passed(a), passed(b), text(pairs.join(","))];
            calls.push(call(same_columns::NAME, args));
        }
        let kept = conditions.into_iter().zip(gone).filter(|(_, gone)| !gone);
        let kept = kept.map(|(condition, _)| condition.clone());
        let all = kept.chain(calls).reduce(|left, right| Expr::BinaryOp {
            left: Box::new(left),
            op: BinaryOperator::And,
            right: Box::new(right),
        });
        if let Some(all) = all {
            *on = all;
        }
    }
}

/// The equalities of columns of two tables.
struct Equalities<'q> {
    aliases: (&'q str, &'q str),
    /// Place among the conditions, a column of the one and a column of the other.
    columns: Vec<(usize, &'q str, &'q str)>,
}

/// What must hold together for `condition` to hold.
fn conjuncts<'q>(condition: &'q Expr, into: &mut Vec<&'q Expr>) {
    match condition {
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
            conjuncts(left, into);
            conjuncts(right, into);
        }
        Expr::Nested(inner) => conjuncts(inner, into),
        other => into.push(other),
    }
}

/// The aliases and columns of an equality of two columns.
fn equality(condition: &Expr) -> Option<[(&str, &str); 2]> {
    let Expr::BinaryOp { left, op: BinaryOperator::Eq, right } = condition else { return None };
    Some([column(left)?, column(right)?])
}

fn passed(alias: &str) -> Expr {
    Expr::CompoundIdentifier(vec![quoted(alias), quoted(PASSED)])
}
