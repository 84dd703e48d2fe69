//! Window functions, an extension: `f(…) OVER (PARTITION BY … ORDER BY … ROWS …)`.

use sqlparser::ast::{
    Expr, Value, WindowFrame, WindowFrameBound, WindowFrameUnits, WindowSpec, WindowType,
};

use sqlparser::tokenizer::Location;

use super::lexer::Kind;
use super::parser::{Parse, Parser};
use super::reserved;
use crate::error::Diagnostic;
use crate::tree::constant_value;

impl Parser<'_> {
    /// What may follow the parentheses of a call.
    pub fn over(&mut self) -> Parse<Option<WindowType>> {
        let what = match () {
            () if self.is_word("FILTER") && self.is_symbol_ahead(1, "(") => "FILTER",
            () if self.is_word("WITHIN") && self.is_word_ahead(1, "GROUP") => "WITHIN GROUP",
            () if self.is_word_ahead(1, "NULLS") && self.is_one_of(&["IGNORE", "RESPECT"]) => {
                "IGNORE or RESPECT NULLS"
            }
            () if self.is_word("OVER") && self.is_symbol_ahead(1, "(") => return self.window(),
            () if self.is_word("OVER")
                && self.ahead(1).kind == Kind::Word
                && !reserved::is_structure(&self.ahead(1).text) =>
            {
                "a named window"
            }
            () => return Ok(None),
        };
        let fault = Diagnostic::not_adql(self.here(), what);
        Err(match what {
            "FILTER" => fault.suggest("aggregate a CASE instead"),
            "a named window" => fault.suggest("write OVER (PARTITION BY … ORDER BY …)"),
            _ => fault,
        })
    }

    fn window(&mut self) -> Parse<Option<WindowType>> {
        self.extension(self.here(), "a window function (OVER)")?;
        self.advance();
        self.advance();
        let mut partition_by = vec![];
        if self.is_word("PARTITION") {
            self.advance();
            self.expect_word("BY")?;
            partition_by = self.comma_separated(Self::value_expression)?;
        }
        let mut order_by = vec![];
        if self.take_word("ORDER") {
            self.expect_word("BY")?;
            order_by = self.comma_separated(Self::order_by_term)?;
        }
        let at = self.here();
        let window_frame = self.frame()?;
        if order_by.len() != 1 && window_frame.as_ref().is_some_and(counts_values) {
            let message =
                "RANGE with a number needs one ORDER BY expression, which it is counted in";
            let fault = Diagnostic::invalid(at, message);
            return Err(fault.suggest("ROWS counts rows"));
        }
        if !self.is_symbol(")") {
            return Err(self.expected("PARTITION BY, ORDER BY, ROWS, RANGE or )"));
        }
        self.advance();
        let spec = WindowSpec { window_name: None, partition_by, order_by, window_frame };
        Ok(Some(WindowType::WindowSpec(spec)))
    }

    fn frame(&mut self) -> Parse<Option<WindowFrame>> {
        let units = match () {
            () if self.take_word("ROWS") => WindowFrameUnits::Rows,
            () if self.take_word("RANGE") => WindowFrameUnits::Range,
            () if self.take_word("GROUPS") => WindowFrameUnits::Groups,
            () => return Ok(None),
        };
        if !self.take_word("BETWEEN") {
            let at = self.here();
            let start_bound = self.bound(units)?;
            ends_after(&start_bound, &WindowFrameBound::CurrentRow, at)?;
            return Ok(Some(WindowFrame { units, start_bound, end_bound: None }));
        }
        let at = self.here();
        let start_bound = self.bound(units)?;
        self.expect_word("AND")?;
        let end_bound = self.bound(units)?;
        ends_after(&start_bound, &end_bound, at)?;
        let end_bound = Some(end_bound);
        Ok(Some(WindowFrame { units, start_bound, end_bound }))
    }

    fn bound(&mut self, units: WindowFrameUnits) -> Parse<WindowFrameBound> {
        if self.take_word("CURRENT") {
            self.expect_word("ROW")?;
            return Ok(WindowFrameBound::CurrentRow);
        }
        let kind = self.next().kind;
        let rows = match kind {
            Kind::Number => {
                let token = self.advance();
                if units != WindowFrameUnits::Range && token.text.parse::<i64>().is_err() {
                    let is_whole = token.text.bytes().all(|b| b.is_ascii_digit());
                    let fault = if is_whole { "is too large" } else { "is none" };
                    let message = format!("{units} counts whole ones, and {} {fault}", token.text);
                    return Err(Diagnostic::invalid(token.span.start, message));
                }
                let value = Value::Number(token.text, false).with_span(token.span);
                Some(Box::new(Expr::Value(value)))
            }
            _ if self.take_word("UNBOUNDED") => None,
            _ => return Err(self.expected("UNBOUNDED, CURRENT ROW or a number of rows")),
        };
        match () {
            () if self.take_word("PRECEDING") => Ok(WindowFrameBound::Preceding(rows)),
            () if self.take_word("FOLLOWING") => Ok(WindowFrameBound::Following(rows)),
            () => Err(self.expected("PRECEDING or FOLLOWING")),
        }
    }
}

/// Check that a frame does not end before it begins.
fn ends_after(start: &WindowFrameBound, end: &WindowFrameBound, at: Location) -> Parse<()> {
    match place(start, true) <= place(end, false) {
        true => Ok(()),
        false => {
            let message = format!("this frame ends, at {end}, before it begins");
            Err(Diagnostic::invalid(at, message))
        }
    }
}

/// Where a bound of a frame lies beside the row, in rows or in units of its value: before it below 0.
fn place(bound: &WindowFrameBound, is_start: bool) -> f64 {
    let unbounded = |is_never: bool| if is_never { f64::NAN } else { f64::INFINITY };
    match bound {
        WindowFrameBound::CurrentRow => 0.0,
        // Nothing begins after the last row, nor ends before the first.
        WindowFrameBound::Preceding(None) => -unbounded(!is_start),
        WindowFrameBound::Following(None) => unbounded(is_start),
        WindowFrameBound::Preceding(Some(n)) => -constant_value(n).unwrap_or(0.0),
        WindowFrameBound::Following(Some(n)) => constant_value(n).unwrap_or(0.0),
    }
}

/// Whether a frame is bounded by differences of the value that orders the rows.
fn counts_values(frame: &WindowFrame) -> bool {
    let is_number = |bound: &WindowFrameBound| {
        matches!(bound, WindowFrameBound::Preceding(Some(_)) | WindowFrameBound::Following(Some(_)))
    };
    frame.units == WindowFrameUnits::Range
        && (is_number(&frame.start_bound) || frame.end_bound.as_ref().is_some_and(is_number))
}
