//! From the words of a condition to its tree, by recursive descent.

use almagest_storage::sphgeom::Shape;

use super::lexer::{Token, TokenKind, tokens};
use super::{Comparison, Expression, ExpressionError, Item, Literal, Operand};

/// Brackets within brackets.
const DEEPEST: usize = 64;

pub(super) fn parse(text: &str) -> Result<Expression, ExpressionError> {
    let mut parser = Parser { text, tokens: tokens(text)?, at: 0, depth: 0 };
    let expression = parser.either()?;
    match parser.peek() {
        TokenKind::End => Ok(expression),
        _ => Err(parser.expected("AND, OR or the end")),
    }
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn either(&mut self) -> Result<Expression, ExpressionError> {
        let mut parts = vec![self.both()?];
        while self.take_keyword("OR") {
            parts.push(self.both()?);
        }
        Ok(one_or(parts, Expression::Or))
    }

    fn both(&mut self) -> Result<Expression, ExpressionError> {
        let mut parts = vec![self.negation()?];
        while self.take_keyword("AND") {
            parts.push(self.negation()?);
        }
        Ok(one_or(parts, Expression::And))
    }

    fn negation(&mut self) -> Result<Expression, ExpressionError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.error(format!("more than {DEEPEST} conditions within each other")));
        }
        let expression = if self.take_keyword("NOT") {
            Expression::Not(Box::new(self.negation()?))
        } else if self.take("(") {
            let inner = self.either()?;
            self.need(")")?;
            inner
        } else {
            self.condition()?
        };
        self.depth -= 1;
        Ok(expression)
    }

    fn condition(&mut self) -> Result<Expression, ExpressionError> {
        if self.is_keyword("GLOB") {
            return self.glob();
        }
        let left = self.operand()?;
        if let Operand::Name(name) = &left {
            let name = name.clone();
            let negated = self.take_keyword("NOT");
            if self.take_keyword("IN") {
                let list = Expression::In { name, items: self.items()? };
                return Ok(maybe_not(list, negated));
            }
            if negated {
                return Err(self.expected("IN"));
            }
            if self.take_keyword("OVERLAPS") {
                return self.overlaps(name);
            }
            if self.take_keyword("IS") {
                let negated = self.take_keyword("NOT");
                if !self.take_keyword("NULL") {
                    return Err(self.expected("NULL"));
                }
                return Ok(maybe_not(Expression::IsNull { name }, negated));
            }
        }
        let comparison = self.comparison()?;
        Ok(Expression::Compare { left, comparison, right: self.operand()? })
    }

    fn glob(&mut self) -> Result<Expression, ExpressionError> {
        self.at += 1;
        self.need("(")?;
        let Operand::Name(name) = self.operand()? else {
            return Err(self.expected("a name before this"));
        };
        self.need(",")?;
        let Operand::Value(Literal::Text(pattern)) = self.operand()? else {
            return Err(self.expected("a quoted pattern before this"));
        };
        self.need(")")?;
        Ok(Expression::Glob { name, pattern })
    }

    fn items(&mut self) -> Result<Vec<Item>, ExpressionError> {
        self.need("(")?;
        let mut items = vec![];
        loop {
            let first = self.literal()?;
            items.push(match (self.take(".."), &first) {
                (false, _) => Item::One(first),
                (true, Literal::Integer(first)) => self.range(*first)?,
                (true, _) => return Err(self.error("a range is of whole numbers".to_owned())),
            });
            if !self.take(",") {
                break;
            }
        }
        self.need(")")?;
        Ok(items)
    }

    fn range(&mut self, first: i64) -> Result<Item, ExpressionError> {
        let Literal::Integer(last) = self.literal()? else {
            return Err(self.error("a range is of whole numbers".to_owned()));
        };
        let step = match self.take(":") {
            true => self.literal()?,
            false => Literal::Integer(1),
        };
        match step {
            Literal::Integer(step) if step >= 1 => Ok(Item::Range { first, last, step }),
            _ => Err(self.error("a step is a whole number of at least 1".to_owned())),
        }
    }

    fn overlaps(&mut self, name: String) -> Result<Expression, ExpressionError> {
        if let TokenKind::Word(shape) = self.peek().clone() {
            self.at += 1;
            let numbers = self.numbers()?;
            let shape = self.shape(&shape, &numbers)?;
            return Ok(Expression::OverlapsRegion { name, shape: Box::new(shape) });
        }
        match self.numbers()?.as_slice() {
            [begin_mjd, end_mjd] if begin_mjd <= end_mjd => {
                let (begin_mjd, end_mjd) = (*begin_mjd, *end_mjd);
                Ok(Expression::OverlapsTime { name, begin_mjd, end_mjd })
            }
            _ => Err(self.error("a span of time is (begin, end)".to_owned())),
        }
    }

    fn shape(&self, word: &str, numbers: &[f64]) -> Result<Shape, ExpressionError> {
        let pairs = || numbers.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect::<Vec<_>>();
        let shape = match (word.to_ascii_uppercase().as_str(), numbers) {
            ("POINT", [ra, dec]) => Shape::point_deg(*ra, *dec),
            ("CIRCLE", [ra, dec, radius]) => Shape::circle_deg(*ra, *dec, *radius),
            ("BOX", [ra, dec, width, height]) => Shape::box_deg(*ra, *dec, *width, *height),
            ("POLYGON", numbers) if numbers.len() % 2 == 0 => Shape::polygon_deg(&pairs()),
            ("POINT" | "CIRCLE" | "BOX" | "POLYGON", _) => {
                let count = numbers.len();
                return Err(self.error(format!("{word} does not take {count} numbers")));
            }
            _ => {
                let reason = format!("'{word}' is none of POINT, CIRCLE, BOX, POLYGON");
                return Err(self.error(reason));
            }
        };
        shape.map_err(|error| self.error(error.to_string()))
    }

    fn numbers(&mut self) -> Result<Vec<f64>, ExpressionError> {
        self.need("(")?;
        let mut numbers = vec![];
        loop {
            match self.literal()?.number() {
                Some(number) => numbers.push(number),
                None => return Err(self.error("a number is needed before this".to_owned())),
            }
            if !self.take(",") {
                break;
            }
        }
        self.need(")")?;
        Ok(numbers)
    }

    fn comparison(&mut self) -> Result<Comparison, ExpressionError> {
        let comparison = match self.peek() {
            TokenKind::Symbol("=" | "==") => Comparison::Equal,
            TokenKind::Symbol("!=" | "<>") => Comparison::Different,
            TokenKind::Symbol("<") => Comparison::Less,
            TokenKind::Symbol("<=") => Comparison::LessOrEqual,
            TokenKind::Symbol(">") => Comparison::Greater,
            TokenKind::Symbol(">=") => Comparison::GreaterOrEqual,
            _ => return Err(self.expected("a comparison, IN, IS or OVERLAPS")),
        };
        self.at += 1;
        Ok(comparison)
    }

    fn operand(&mut self) -> Result<Operand, ExpressionError> {
        match self.peek().clone() {
            TokenKind::Word(word)
                if !["true", "false"].contains(&word.to_ascii_lowercase().as_str()) =>
            {
                self.at += 1;
                Ok(Operand::Name(word))
            }
            _ => self.literal().map(Operand::Value),
        }
    }

    fn literal(&mut self) -> Result<Literal, ExpressionError> {
        let negative = self.take("-");
        if !negative {
            self.take("+");
        }
        let literal = match self.peek().clone() {
            TokenKind::Literal(literal) => literal,
            TokenKind::Word(word) if word.eq_ignore_ascii_case("true") => Literal::Boolean(true),
            TokenKind::Word(word) if word.eq_ignore_ascii_case("false") => Literal::Boolean(false),
            _ => return Err(self.expected("a name or a value")),
        };
        self.at += 1;
        match (negative, literal) {
            (false, literal) => Ok(literal),
            (true, Literal::Integer(value)) => Ok(Literal::Integer(-value)),
            (true, Literal::Real(value)) => Ok(Literal::Real(-value)),
            (true, _) => Err(self.error("only a number can be negative".to_owned())),
        }
    }

    fn peek(&self) -> &TokenKind {
        &self.tokens[self.at.min(self.tokens.len() - 1)].kind
    }

    fn take(&mut self, symbol: &str) -> bool {
        let is_here = matches!(self.peek(), TokenKind::Symbol(here) if *here == symbol);
        self.at += usize::from(is_here);
        is_here
    }

    fn need(&mut self, symbol: &str) -> Result<(), ExpressionError> {
        match self.take(symbol) {
            true => Ok(()),
            false => Err(self.expected(&format!("'{symbol}'"))),
        }
    }

    fn is_keyword(&self, keyword: &str) -> bool {
        matches!(self.peek(), TokenKind::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    fn take_keyword(&mut self, keyword: &str) -> bool {
        let is_here = self.is_keyword(keyword);
        self.at += usize::from(is_here);
        is_here
    }

    fn expected(&self, what: &str) -> ExpressionError {
        self.error(format!("expected {what}"))
    }

    fn error(&self, reason: String) -> ExpressionError {
        let start = self.tokens[self.at.min(self.tokens.len() - 1)].start;
        ExpressionError { text: self.text.to_owned(), character: start + 1, reason }
    }
}

fn maybe_not(expression: Expression, negated: bool) -> Expression {
    if negated { Expression::Not(Box::new(expression)) } else { expression }
}

fn one_or(mut parts: Vec<Expression>, join: fn(Vec<Expression>) -> Expression) -> Expression {
    match parts.len() {
        1 => parts.swap_remove(0),
        _ => join(parts),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_usual_conditions_are_read() {
        let parsed = parse("visit IN (1..10, 20..40:2, 99) AND detector = -3 AND band != 'r'");
        let Expression::And(parts) = parsed.unwrap() else { unreachable!() };
        assert_eq!(
            parts[0],
            Expression::In {
                name: "visit".to_owned(),
                items: vec![
                    Item::Range { first: 1, last: 10, step: 1 },
                    Item::Range { first: 20, last: 40, step: 2 },
                    Item::One(Literal::Integer(99)),
                ],
            }
        );
        assert!(matches!(
            &parts[1],
            Expression::Compare { right: Operand::Value(Literal::Integer(-3)), .. }
        ));
        let time = parse("visit.timespan overlaps (T'2026-11-21T00:00:00', 61366.5)").unwrap();
        let Expression::OverlapsTime { begin_mjd, end_mjd, .. } = time else { unreachable!() };
        // 37 leap seconds between UTC and TAI.
        assert!((begin_mjd - 61_365.0 - 37.0 / 86_400.0).abs() < 1e-9 && end_mjd == 61_366.5);
        assert!(matches!(
            parse("NOT (region OVERLAPS CIRCLE(10, -5.5, 1e-1) OR exposure IS NOT NULL)").unwrap(),
            Expression::Not(_)
        ));
        assert!(parse("GLOB(physical_filter, 'HSC-*')").is_ok());
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (text, expected) in [
            ("visit IN (1..", "character 14: expected a name or a value"),
            ("visit = 1 detector = 2", "character 11: expected AND, OR or the end"),
            ("visit = 'r", "character 9: the quote is not closed"),
            ("region OVERLAPS SQUARE(1, 2)", "'SQUARE' is none of POINT, CIRCLE, BOX, POLYGON"),
            ("region OVERLAPS CIRCLE(1, 95, 1)", "95"),
            ("visit ; 1", "character 7: ';' has no meaning here"),
            ("", "character 1: expected a name or a value"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
        let deep = "(".repeat(100);
        assert!(parse(&deep).unwrap_err().reason.contains("within each other"));
    }
}
