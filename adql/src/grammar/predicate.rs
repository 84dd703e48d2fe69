//! Conditions: comparisons and the other predicates, and AND, OR, NOT around them.

use sqlparser::ast::{BinaryOperator, Expr, UnaryOperator};
use sqlparser::tokenizer::Location;

use super::expression::{Form, Sort, Typed, noun};
use super::lexer::Kind;
use super::parser::{Parse, Parser};
use crate::error::Diagnostic;
use crate::tree::{as_call, binary};

/// How many conditions may be joined with AND or OR.
const LONGEST_CONDITION: usize = 2000;

/// The comparisons.
const COMPARISONS: [(&str, BinaryOperator); 7] = [
    ("=", BinaryOperator::Eq),
    ("<>", BinaryOperator::NotEq),
    ("!=", BinaryOperator::NotEq),
    ("<", BinaryOperator::Lt),
    (">", BinaryOperator::Gt),
    ("<=", BinaryOperator::LtEq),
    (">=", BinaryOperator::GtEq),
];

impl Parser<'_> {
    /// `<search_condition>`.
    pub fn search_condition(&mut self) -> Parse<Expr> {
        let typed = self.expression()?;
        self.condition(typed).map(|typed| typed.expr)
    }

    /// A value or a condition.
    pub fn expression(&mut self) -> Parse<Typed> {
        self.chain("OR", &BinaryOperator::Or, Self::conjunction)
    }

    fn conjunction(&mut self) -> Parse<Typed> {
        self.chain("AND", &BinaryOperator::And, Self::negation)
    }

    /// Conditions with AND or OR between them, as a tree that is as shallow as can be.
    fn chain(
        &mut self,
        word: &str,
        op: &BinaryOperator,
        operand: fn(&mut Self) -> Parse<Typed>,
    ) -> Parse<Typed> {
        let first = operand(self)?;
        if !self.is_word(word) {
            return Ok(first);
        }
        let mut operands = vec![self.condition(first)?];
        while self.take_word(word) {
            if operands.len() == LONGEST_CONDITION {
                let message = format!("more than {LONGEST_CONDITION} conditions are joined here");
                let fault = Diagnostic::invalid(self.here(), message);
                return Err(fault.suggest(
                    "use IN (…) for a long list of values, or upload a table and join it",
                ));
            }
            let next = operand(self)?;
            operands.push(self.condition(next)?);
        }
        let joined = balanced(operands, op);
        self.not_too_deep(joined.at, joined.depth)?;
        Ok(joined)
    }

    fn negation(&mut self) -> Parse<Typed> {
        let at = self.here();
        if !self.is_word("NOT") {
            return self.predicate();
        }
        self.advance();
        let inside = match self.is_word("NOT") {
            true => {
                self.extension(self.here(), "NOT after NOT")?;
                self.nested(Self::negation)?
            }
            false => self.predicate()?,
        };
        let inside = self.condition(inside)?;
        let depth = inside.depth + 1;
        let expr = match inside.expr {
            Expr::Exists { subquery, .. } => Expr::Exists { subquery, negated: true },
            expr => Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(expr) },
        };
        self.not_too_deep(at, depth)?;
        Ok(Typed::new(expr, Sort::Condition, at).deep(depth))
    }

    fn predicate(&mut self) -> Parse<Typed> {
        if self.is_word("EXISTS") {
            return self.exists();
        }
        let left = self.arithmetic(0)?;
        if self.next().kind == Kind::Symbol {
            return self.comparison(left);
        }
        let is_not = self.is_word("NOT");
        let word = self.ahead(usize::from(is_not)).clone();
        let word = if word.kind == Kind::Word { word.text.to_uppercase() } else { String::new() };
        match word.as_str() {
            "IS" if !is_not => self.is(left),
            "BETWEEN" => self.between(left, is_not),
            "IN" => self.is_in(left, is_not),
            "LIKE" | "ILIKE" => self.like(left, is_not, word == "ILIKE"),
            _ if is_not => {
                self.advance();
                let fault = self.expected("BETWEEN, IN or LIKE after NOT");
                Err(match self.is_word("NULL") {
                    true => fault.suggest("write IS NOT NULL"),
                    false => fault,
                })
            }
            _ => Ok(left),
        }
    }

    fn exists(&mut self) -> Parse<Typed> {
        let at = self.advance().span.start;
        if !self.holds_query(0) {
            return Err(self.expected("a query in parentheses after EXISTS"));
        }
        let subquery = Box::new(self.parenthesised_query()?);
        let expr = Expr::Exists { subquery, negated: false };
        Ok(Typed::new(expr, Sort::Condition, at).deep(2))
    }

    fn comparison(&mut self, left: Typed) -> Parse<Typed> {
        let found = COMPARISONS.iter().find(|(symbol, _)| self.is_symbol(symbol));
        let Some((symbol, op)) = found else { return Ok(left) };
        let at = self.here();
        if *symbol == "!=" {
            self.since_2_1(at, "!=")?;
        }
        self.advance();
        if self.is_one_of(&["ANY", "ALL", "SOME"]) && self.is_symbol_ahead(1, "(") {
            let what = format!("{} after a comparison", self.next().text.to_uppercase());
            return Err(Diagnostic::not_adql(self.here(), what).suggest("use IN or EXISTS"));
        }
        let right = self.arithmetic(0)?;
        self.value(&left)?;
        self.value(&right)?;
        if let Some((symbol, _)) = COMPARISONS.iter().find(|(symbol, _)| self.is_symbol(symbol)) {
            let fault =
                Diagnostic::syntax(self.here(), format!("{symbol} after another comparison"));
            return Err(fault.suggest("join the comparisons with AND"));
        }
        let depth = left.depth.max(right.depth) + 1;
        let expr = binary(left.expr, op.clone(), right.expr);
        Ok(Typed::new(expr, Sort::Condition, left.at).deep(depth))
    }

    /// `IS [NOT] NULL`, and as extensions IS [NOT] TRUE, FALSE, UNKNOWN and DISTINCT FROM.
    fn is(&mut self, left: Typed) -> Parse<Typed> {
        let at = self.advance().span.start;
        let is_not = self.take_word("NOT");
        self.value(&left)?;
        let depth = left.depth + 1;
        if self.is_word("NULL") {
            if left.form != Form::Column || matches!(left.expr, Expr::Nested(_)) {
                self.extension(left.at, "IS NULL after anything but a column")?;
            }
            self.advance();
            let boxed = Box::new(left.expr);
            let expr = if is_not { Expr::IsNotNull(boxed) } else { Expr::IsNull(boxed) };
            return Ok(Typed::new(expr, Sort::Condition, left.at).deep(depth));
        }
        if !self.is_one_of(&["TRUE", "FALSE", "UNKNOWN", "DISTINCT"]) {
            return Err(self.expected("NULL after IS"));
        }
        self.extension(at, "IS [NOT] TRUE, FALSE, UNKNOWN or DISTINCT FROM")?;
        let word = self.advance().text.to_uppercase();
        let boxed = Box::new(left.expr);
        let expr = match (word.as_str(), is_not) {
            ("TRUE", false) => Expr::IsTrue(boxed),
            ("TRUE", true) => Expr::IsNotTrue(boxed),
            ("FALSE", false) => Expr::IsFalse(boxed),
            ("FALSE", true) => Expr::IsNotFalse(boxed),
            ("UNKNOWN", false) => Expr::IsUnknown(boxed),
            ("UNKNOWN", true) => Expr::IsNotUnknown(boxed),
            (_, is_not) => {
                self.expect_word("FROM")?;
                let right = self.arithmetic(0)?;
                self.value(&right)?;
                let right = Box::new(right.expr);
                match is_not {
                    true => Expr::IsNotDistinctFrom(boxed, right),
                    false => Expr::IsDistinctFrom(boxed, right),
                }
            }
        };
        Ok(Typed::new(expr, Sort::Condition, left.at).deep(depth))
    }

    fn between(&mut self, left: Typed, negated: bool) -> Parse<Typed> {
        self.predicate_word(negated);
        self.value(&left)?;
        let follows = matches!(self.ahead(1).kind, Kind::Word | Kind::Number | Kind::Delimited);
        if self.is_one_of(&["SYMMETRIC", "ASYMMETRIC"]) && follows && !self.is_word_ahead(1, "AND")
        {
            let what = format!("BETWEEN {}", self.next().text.to_uppercase());
            let fault = Diagnostic::not_adql(self.here(), what);
            return Err(fault.suggest("write the smaller limit first"));
        }
        let low = self.arithmetic(0)?;
        self.value(&low)?;
        self.expect_word("AND")?;
        let high = self.arithmetic(0)?;
        self.value(&high)?;
        let depth = left.depth.max(low.depth).max(high.depth) + 1;
        let (expr, low, high) = (Box::new(left.expr), Box::new(low.expr), Box::new(high.expr));
        let expr = Expr::Between { expr, negated, low, high };
        Ok(Typed::new(expr, Sort::Condition, left.at).deep(depth))
    }

    fn is_in(&mut self, left: Typed, negated: bool) -> Parse<Typed> {
        self.predicate_word(negated);
        self.value(&left)?;
        if !self.is_symbol("(") {
            return Err(self.expected("a list or a query in parentheses after IN"));
        }
        let depth = left.depth + 1;
        let expr = Box::new(left.expr);
        if self.holds_query(0) {
            let subquery = Box::new(self.parenthesised_query()?);
            let expr = Expr::InSubquery { expr, subquery, negated };
            return Ok(Typed::new(expr, Sort::Condition, left.at).deep(depth));
        }
        self.advance();
        if self.is_symbol(")") {
            return Err(self.expected("a value; an empty list holds nothing"));
        }
        let list = self.comma_separated(Self::value_expression)?;
        self.expect_symbol(")")?;
        let expr = Expr::InList { expr, list, negated };
        Ok(Typed::new(expr, Sort::Condition, left.at).deep(depth))
    }

    fn like(&mut self, left: Typed, negated: bool, is_insensitive: bool) -> Parse<Typed> {
        let at = self.here();
        if is_insensitive {
            self.since_2_1(at, "ILIKE")?;
        }
        self.predicate_word(negated);
        if self.is_word("ANY") && self.is_symbol_ahead(1, "(") {
            return Err(Diagnostic::not_adql(self.here(), "LIKE ANY"));
        }
        let pattern = self.arithmetic(0)?;
        for operand in [&left, &pattern] {
            let fits = match operand.sort {
                Sort::Any | Sort::Null | Sort::Text => true,
                Sort::Number if self.is_lenient() => {
                    self.extension(operand.at, "LIKE on a number")?;
                    true
                }
                _ => false,
            };
            if !fits {
                let is = noun(operand.sort);
                let message = format!("LIKE is for character strings, and this is {is}");
                return Err(Diagnostic::invalid(operand.at, message));
            }
        }
        let mut escape_char = None;
        if self.is_word("ESCAPE") {
            self.extension(self.here(), "ESCAPE after LIKE")?;
            self.advance();
            let string = match self.next().kind {
                Kind::String if self.next().text.chars().count() == 1 => self.string(),
                _ => return Err(self.expected("one character in quotes after ESCAPE")),
            };
            if let Expr::Value(value) = string.expr {
                escape_char = Some(value);
            }
        }
        let depth = left.depth.max(pattern.depth) + 1;
        let (expr, pattern) = (Box::new(left.expr), Box::new(pattern.expr));
        let expr = match is_insensitive {
            true => Expr::ILike { negated, any: false, expr, pattern, escape_char },
            false => Expr::Like { negated, any: false, expr, pattern, escape_char },
        };
        Ok(Typed::new(expr, Sort::Condition, left.at).deep(depth))
    }

    /// Take `[NOT] word`.
    fn predicate_word(&mut self, negated: bool) {
        if negated {
            self.advance();
        }
        self.advance();
    }

    /// Let an expression pass where a condition is needed.
    ///
    /// The default dialect takes a column or a call alone for a condition.
    fn condition(&mut self, typed: Typed) -> Parse<Typed> {
        if typed.sort == Sort::Condition {
            return Ok(typed);
        }
        if !self.ends_condition() {
            return Err(self.expected("a comparison, such as =, <, BETWEEN, IN, LIKE or IS NULL"));
        }
        let relation = as_call(&typed.expr, &["CONTAINS", "INTERSECTS"]);
        let is_bare = typed.sort == Sort::Any && matches!(typed.form, Form::Column | Form::Call);
        if self.is_lenient() && (is_bare || relation.is_some()) {
            self.extension(typed.at, "a condition without a comparison")?;
            return Ok(Typed { sort: Sort::Condition, ..typed });
        }
        Err(match relation {
            Some(relation) => {
                let name = relation.name.to_string().to_uppercase();
                let fault = Diagnostic::syntax(typed.at, format!("{name} is a number, 1 or 0"));
                fault.suggest(format!("did you mean {name}(…) = 1?"))
            }
            None => Diagnostic::syntax(typed.at, "this is a value, where a condition is needed"),
        })
    }

    /// Whether what follows can follow a condition.
    fn ends_condition(&self) -> bool {
        const AFTER: &[&str] = &[
            "AND",
            "OR",
            "THEN",
            "GROUP",
            "HAVING",
            "ORDER",
            "OFFSET",
            "LIMIT",
            "UNION",
            "EXCEPT",
            "INTERSECT",
            "JOIN",
            "INNER",
            "LEFT",
            "RIGHT",
            "FULL",
            "NATURAL",
            "CROSS",
            "WHERE",
            "ON",
            "USING",
            "AS",
        ];
        let token = self.next();
        match token.kind {
            Kind::End => true,
            Kind::Symbol => matches!(token.text.as_str(), ")" | "," | ";"),
            _ => self.is_one_of(AFTER),
        }
    }
}

/// Join neighbours until one is left: both operators are associative, and a deep tree costs stack.
fn balanced(mut operands: Vec<Typed>, op: &BinaryOperator) -> Typed {
    while operands.len() > 1 {
        let mut pairs = Vec::with_capacity(operands.len().div_ceil(2));
        let mut remaining = operands.into_iter();
        while let Some(left) = remaining.next() {
            pairs.push(match remaining.next() {
                Some(right) => {
                    let depth = left.depth.max(right.depth) + 1;
                    let expr = binary(left.expr, op.clone(), right.expr);
                    Typed::new(expr, Sort::Condition, left.at).deep(depth)
                }
                None => left,
            });
        }
        operands = pairs;
    }
    match operands.pop() {
        Some(joined) => joined,
        None => Typed::new(crate::tree::boolean(true), Sort::Condition, Location::new(1, 1)),
    }
}
