//! Casts as calls, which have names of their own.
//!
//! ```text
//!   before   SELECT AVG(n), AVG(CAST(n AS DOUBLE))     both are called avg(n)
//!   after    SELECT avg(n), avg(arrow_cast(n, 'Float64'))
//! ```
//!
//! DataFusion calls a cast what is cast, and takes the one for the other in GROUP BY, ORDER BY and windows
//! (as of version 55). Its simplifier makes casts of the calls again, which keep their names.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{DataType, Expr, Query, VisitMut, VisitorMut};

use crate::tree::{call, text};

/// The function that they become calls of.
pub(crate) const NAME: &str = "arrow_cast";

/// Write the casts of a query as calls.
pub(crate) fn as_calls(query: &mut Query) {
    // The walk never breaks off.
    let _ = query.visit(&mut Casts);
}

struct Casts;

impl VisitorMut for Casts {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Cast { expr: value, data_type, .. } = expr
            && let Some(to) = arrow_type(data_type)
        {
            *expr = call(NAME, [value.as_ref().clone(), text(to)]);
        }
        ControlFlow::Continue(())
    }
}

/// The name of one of the types that translated queries cast to, as Arrow has it.
fn arrow_type(data_type: &DataType) -> Option<&'static str> {
    Some(match data_type {
        DataType::SmallInt(_) => "Int16",
        DataType::Integer(_) => "Int32",
        DataType::BigInt(_) => "Int64",
        DataType::Real => "Float32",
        DataType::Double(_) | DataType::DoublePrecision => "Float64",
        DataType::Varchar(_) => "Utf8",
        DataType::Boolean => "Boolean",
        DataType::Timestamp(Some(6), _) => "Timestamp(µs)",
        _ => return None,
    })
}
