//! The end of a query: ORDER BY, OFFSET and, as an extension, LIMIT.

use sqlparser::ast::{
    Expr, LimitClause, Offset, OffsetRows, OrderBy, OrderByExpr, OrderByKind, OrderByOptions, Value,
};

use super::lexer::Kind;
use super::parser::{Parse, Parser};
use crate::error::Diagnostic;
use crate::tree::MOST_ROWS;

impl Parser<'_> {
    /// `<order_by_clause>`.
    pub fn order_by(&mut self) -> Parse<OrderBy> {
        self.advance();
        self.expect_word("BY")?;
        let items = self.comma_separated(|parser| parser.order_by_term())?;
        Ok(OrderBy { kind: OrderByKind::Expressions(items), interpolate: None })
    }

    pub fn order_by_term(&mut self) -> Parse<OrderByExpr> {
        let expr = self.value_expression()?;
        let asc = match () {
            () if self.take_word("ASC") => Some(true),
            () if self.take_word("DESC") => Some(false),
            () => None,
        };
        let mut nulls_first = None;
        if self.is_word("NULLS") {
            self.extension(self.here(), "NULLS FIRST or LAST")?;
            self.advance();
            nulls_first = Some(self.take_word("FIRST"));
            if nulls_first == Some(false) {
                self.expect_word("LAST")?;
            }
        }
        Ok(OrderByExpr { expr, options: OrderByOptions { asc, nulls_first }, with_fill: None })
    }

    /// `OFFSET n`, and as an extension `LIMIT n` before or after it.
    pub fn limit(&mut self) -> Parse<Option<LimitClause>> {
        let (mut limit, mut offset) = (None, None);
        loop {
            let at = self.here();
            if self.is_word("OFFSET") && offset.is_none() {
                self.since_2_1(at, "OFFSET")?;
                self.advance();
                let value = number(self.count("the number of rows after OFFSET")?);
                offset = Some(Offset { value, rows: OffsetRows::None });
            } else if self.is_word("LIMIT") && limit.is_none() {
                self.extension(at, "LIMIT").map_err(|e| e.suggest("write SELECT TOP n"))?;
                self.advance();
                if !self.take_word("ALL") {
                    limit = Some(number(self.count("the number of rows after LIMIT")?));
                }
            } else {
                break;
            }
        }
        let none = limit.is_none() && offset.is_none();
        Ok((!none).then_some(LimitClause::LimitOffset { limit, offset, limit_by: vec![] }))
    }

    /// An unsigned integer.
    pub fn count(&mut self, what: &str) -> Parse<u64> {
        let token = self.next();
        let is_integer = token.text.bytes().all(|b| b.is_ascii_digit());
        if token.kind != Kind::Number || !is_integer {
            return Err(self.expected(&format!("{what}, an unsigned integer")));
        }
        let count = token.text.parse().ok().filter(|count| *count <= MOST_ROWS);
        let Some(count) = count else {
            return Err(Diagnostic::invalid(self.here(), format!("{what} is too large")));
        };
        self.advance();
        Ok(count)
    }
}

fn number(count: u64) -> Expr {
    Expr::value(Value::Number(count.to_string(), false))
}
