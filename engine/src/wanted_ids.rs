//! Which ids the filters of a scan let pass.
//!
//! ```text
//!   objectId = 7                     ─▶ 7
//!   objectId IN (7, 9)               ─▶ 7, 9
//!   objectId = 7 OR objectId = 9     ─▶ 7, 9
//!   among_ids(objectId)              ─▶ those of an upload
//! ```

use std::any::Any;

use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::{InList, ScalarFunction};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};

use crate::functions::among::AmongIds;

/// The ids that a filter lets pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WantedIds<'a> {
    /// Name of their column.
    pub column: &'a str,
    /// Each may come more than once.
    pub ids: Vec<i64>,
}

/// Return what `filters` (a conjunction) want of columns of ids: one entry for each filter that
/// wants only certain values of an integer column.
pub(crate) fn wanted_ids(filters: &[Expr]) -> Vec<WantedIds<'_>> {
    filters.iter().flat_map(split_conjunction).filter_map(wanted_by).collect()
}

fn wanted_by(filter: &Expr) -> Option<WantedIds<'_>> {
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => {
            let (column, id) = match (left.as_ref(), right.as_ref()) {
                (Expr::Column(column), Expr::Literal(id, _))
                | (Expr::Literal(id, _), Expr::Column(column)) => (column, id),
                _ => return None,
            };
            Some(WantedIds { column: &column.name, ids: id_of(id)? })
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            let (mut left, right) = (wanted_by(left)?, wanted_by(right)?);
            (left.column == right.column).then(|| {
                left.ids.extend(right.ids);
                left
            })
        }
        Expr::InList(InList { expr, list, negated: false }) => {
            let Expr::Column(column) = expr.as_ref() else { return None };
            let mut ids = Vec::with_capacity(list.len());
            for item in list {
                let Expr::Literal(id, _) = item else { return None };
                ids.extend(id_of(id)?);
            }
            Some(WantedIds { column: &column.name, ids })
        }
        Expr::ScalarFunction(ScalarFunction { func, args }) => {
            let among = (func.inner().as_ref() as &dyn Any).downcast_ref::<AmongIds>()?;
            let [Expr::Column(column)] = args.as_slice() else { return None };
            Some(WantedIds { column: &column.name, ids: among.ids().to_vec() })
        }
        _ => None,
    }
}

/// The id that a literal is; none where it is NULL, which nothing equals. `None`: it is no integer.
fn id_of(literal: &ScalarValue) -> Option<Vec<i64>> {
    match literal {
        ScalarValue::Int64(id) => Some(id.iter().copied().collect()),
        ScalarValue::Int32(id) => Some(id.iter().map(|&id| id.into()).collect()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::prelude::{col, lit};

    #[test]
    fn equalities_and_lists_want_ids() {
        let check = |filter: Expr, expected: Option<&[i64]>| {
            let filters = [filter];
            let wanted = wanted_ids(&filters);
            assert_eq!(wanted.first().map(|wanted| wanted.ids.as_slice()), expected, "{filters:?}");
            assert!(wanted.iter().all(|wanted| wanted.column == "id"));
        };
        let id = || col("id");
        check(id().eq(lit(7_i64)), Some(&[7]));
        check(lit(7_i64).eq(id()), Some(&[7]));
        check(id().eq(lit(ScalarValue::Int64(None))), Some(&[]));
        check(id().eq(lit(7_i64)).or(id().eq(lit(9_i64))), Some(&[7, 9]));
        check(id().in_list(vec![lit(9_i64), lit(7_i64)], false), Some(&[9, 7]));
        check(id().eq(lit(7_i64)).and(col("x").gt(lit(1.0))), Some(&[7]));
        check(id().in_list(vec![lit(9_i64)], true), None);
        check(id().in_list(vec![lit(9_i64), col("x")], false), None);
        check(id().eq(lit(7_i64)).or(col("x").eq(lit(9_i64))), None);
        check(id().not_eq(lit(7_i64)), None);
        check(id().eq(lit(7.0)), None);
        check(id().gt(lit(7_i64)), None);
    }
}
