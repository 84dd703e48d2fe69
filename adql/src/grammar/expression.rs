//! Value expressions: operators by their precedence, and what each of them takes.
//!
//! The standard's grammar has an expression of numbers, one of strings and one of geometries,
//! which share a primary: a literal, a column, a CAST, COALESCE, an aggregate or parentheses may be
//! any of them, a function is one. [`Sort`] is what the grammar knows of an expression.

use sqlparser::ast::helpers::attached_token::AttachedToken;
use sqlparser::ast::{BinaryOperator, CaseWhen, Expr, Ident, UnaryOperator, Value};
use sqlparser::tokenizer::{Location, Token as SqlToken, TokenWithSpan};

use super::lexer::Kind;
use super::parser::{DEEPEST, Parse, Parser, ident};
use super::reserved;
use crate::error::{Diagnostic, printable};
use crate::tree::binary;

/// What the grammar knows about the values of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// Not known: numbers, strings or geometries.
    Any,
    /// NULL stands for any value.
    Null,
    Number,
    Text,
    /// A geometry that may be a position: a POINT or CENTROID.
    Point,
    /// Another geometry.
    Shape,
    /// True or false.
    Condition,
}

/// What an expression is made of, as far as a production asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Column,
    Literal,
    Call,
    Other,
}

/// An expression on its way into the tree.
#[derive(Debug, Clone)]
pub(super) struct Typed {
    pub expr: Expr,
    pub sort: Sort,
    pub form: Form,
    /// Where it begins.
    pub at: Location,
    /// How deep its tree is.
    pub depth: usize,
}

impl Typed {
    pub fn new(expr: Expr, sort: Sort, at: Location) -> Self {
        Typed { expr, sort, form: Form::Other, at, depth: 1 }
    }

    pub fn form(self, form: Form) -> Self {
        Typed { form, ..self }
    }

    pub fn deep(self, depth: usize) -> Self {
        Typed { depth, ..self }
    }
}

/// Operators between values, loosest first. Those of the first levels are extensions.
const LEVELS: [&[(&str, BinaryOperator)]; 5] = [
    &[("|", BinaryOperator::BitwiseOr)],
    &[("^", BinaryOperator::BitwiseXor)],
    &[("&", BinaryOperator::BitwiseAnd)],
    &[
        ("+", BinaryOperator::Plus),
        ("-", BinaryOperator::Minus),
        ("||", BinaryOperator::StringConcat),
    ],
    &[
        ("*", BinaryOperator::Multiply),
        ("/", BinaryOperator::Divide),
        ("%", BinaryOperator::Modulo),
    ],
];

impl Parser<'_> {
    /// `<value_expression>`: any value; a condition is an extension.
    pub fn value_expression(&mut self) -> Parse<Expr> {
        let typed = self.expression()?;
        self.value(&typed)?;
        Ok(typed.expr)
    }

    /// Let an expression pass where a value is needed.
    pub fn value(&mut self, typed: &Typed) -> Parse<()> {
        match typed.sort {
            Sort::Condition => self.extension(typed.at, "a condition as a value"),
            _ => Ok(()),
        }
    }

    /// Operators of the level `loosest` and tighter.
    pub fn arithmetic(&mut self, loosest: usize) -> Parse<Typed> {
        let mut left = self.factor()?;
        while let Some((level, symbol, op)) = self.operator(loosest) {
            let at = self.here();
            if level < 3 || op == BinaryOperator::Modulo {
                self.extension(at, &format!("the operator {op}"))?;
            }
            self.advance();
            let right = self.arithmetic(level + 1)?;
            self.operand(symbol, &left)?;
            self.operand(symbol, &right)?;
            let sort = if symbol == "||" { Sort::Text } else { Sort::Number };
            let depth = left.depth.max(right.depth) + 1;
            self.not_too_deep(at, depth)?;
            left = Typed::new(binary(left.expr, op, right.expr), sort, left.at).deep(depth);
        }
        Ok(left)
    }

    /// The next operator, if it is of the level `loosest` or tighter.
    fn operator(&self, loosest: usize) -> Option<(usize, &'static str, BinaryOperator)> {
        if self.next().kind != Kind::Symbol {
            return None;
        }
        let mut levels = LEVELS.iter().enumerate().skip(loosest);
        levels.find_map(|(level, operators)| {
            let found = operators.iter().find(|(symbol, _)| self.is_symbol(symbol))?;
            Some((level, found.0, found.1.clone()))
        })
    }

    /// Check what stands beside an operator.
    fn operand(&mut self, symbol: &str, operand: &Typed) -> Parse<()> {
        let (wanted, fits) = match (symbol, operand.sort) {
            (_, Sort::Any | Sort::Null) => return Ok(()),
            (_, Sort::Condition) => return self.value(operand),
            ("||", Sort::Text) => return Ok(()),
            ("||", Sort::Number) if self.is_lenient() => {
                return self.extension(operand.at, "a number beside ||");
            }
            ("||", _) => ("character strings", false),
            (_, sort) => ("numbers", sort == Sort::Number),
        };
        if !fits {
            let fault = self.wrong_operand(symbol, wanted, operand);
            self.faults.push(fault);
        }
        Ok(())
    }

    fn wrong_operand(&self, symbol: &str, wanted: &str, operand: &Typed) -> Diagnostic {
        let is = noun(operand.sort);
        let message = format!("{symbol} is for {wanted}, and this is {is}");
        let fault = Diagnostic::invalid(operand.at, message);
        match (symbol, operand.sort) {
            ("||", Sort::Number) => {
                fault.suggest("make it a string with CAST(… AS VARCHAR), or put it in parentheses")
            }
            _ => fault,
        }
    }

    /// Refuse a tree whose depth would exhaust the stack of those who walk it.
    pub fn not_too_deep(&self, at: Location, depth: usize) -> Parse<()> {
        if depth > DEEPEST {
            let fault = Diagnostic::invalid(at, "too many operators are chained here");
            return Err(fault
                .suggest("use IN (…) for a long list of values, or upload a table and join it"));
        }
        Ok(())
    }

    /// `[ <sign> ] <primary>`.
    fn factor(&mut self) -> Parse<Typed> {
        let mut signs: Vec<(UnaryOperator, Location)> = Vec::new();
        loop {
            let at = self.here();
            let op = match self.next().text.as_str() {
                _ if self.next().kind != Kind::Symbol => break,
                "+" => UnaryOperator::Plus,
                "-" => UnaryOperator::Minus,
                "~" => {
                    self.extension(at, "the operator ~")?;
                    UnaryOperator::BitwiseNot
                }
                _ => break,
            };
            if !signs.is_empty() && op != UnaryOperator::BitwiseNot {
                self.extension(at, "more than one sign")?;
            }
            self.advance();
            signs.push((op, at));
        }
        let mut factor = self.nested(Self::primary)?;
        while let Some((op, at)) = signs.pop() {
            self.operand(&op.to_string(), &factor)?;
            let depth = factor.depth + 1;
            self.not_too_deep(at, depth)?;
            // Two minus signs in a row would begin a comment in the text of the tree.
            let expr = match (&op, factor.expr) {
                (UnaryOperator::Minus, expr @ Expr::UnaryOp { op: UnaryOperator::Minus, .. }) => {
                    Expr::Nested(Box::new(expr))
                }
                (_, expr) => expr,
            };
            let expr = Expr::UnaryOp { op, expr: Box::new(expr) };
            factor = Typed::new(expr, Sort::Number, at).deep(depth);
        }
        Ok(factor)
    }

    fn primary(&mut self) -> Parse<Typed> {
        let token = self.next().clone();
        let at = token.span.start;
        match token.kind {
            Kind::Number | Kind::Hexadecimal => {
                self.advance();
                let value = Value::Number(token.text, false).with_span(token.span);
                Ok(Typed::new(Expr::Value(value), Sort::Any, at).form(Form::Literal))
            }
            Kind::String => Ok(self.string()),
            Kind::Delimited => self.column(),
            Kind::Word => self.word(),
            Kind::Symbol if token.text == "(" => self.parentheses(),
            Kind::Symbol if token.text == "*" => {
                let fault = self.expected("a value");
                let is_told = fault.suggestion.is_some();
                let usual = "* stands for all columns only in SELECT";
                Err(if is_told { fault } else { fault.suggest(usual) })
            }
            _ => Err(self.expected("a value")),
        }
    }

    /// A string; strings after one another are one.
    pub fn string(&mut self) -> Typed {
        let mut token = self.advance();
        while self.next().kind == Kind::String {
            let more = self.advance();
            token.text += &more.text;
            token.span.end = more.span.end;
        }
        let value = Value::SingleQuotedString(token.text).with_span(token.span);
        Typed::new(Expr::Value(value), Sort::Any, token.span.start).form(Form::Literal)
    }

    fn parentheses(&mut self) -> Parse<Typed> {
        let at = self.here();
        if self.holds_query(0) {
            self.extension(at, "a query as a value")?;
            let query = self.parenthesised_query()?;
            let expr = Expr::Subquery(Box::new(query));
            return Ok(Typed::new(expr, Sort::Any, at).form(Form::Call));
        }
        self.advance();
        let inside = self.expression()?;
        if self.is_symbol(",") {
            return Err(Diagnostic::not_adql(at, "a row of values"));
        }
        self.expect_symbol(")")?;
        let sort = match inside.sort {
            Sort::Condition => Sort::Condition,
            _ => Sort::Any,
        };
        let expr = Expr::Nested(Box::new(inside.expr));
        Ok(Typed::new(expr, sort, at).form(inside.form).deep(inside.depth + 1))
    }

    /// What a word that begins a value stands for.
    fn word(&mut self) -> Parse<Typed> {
        let token = self.next().clone();
        let at = token.span.start;
        let word = token.text.to_ascii_uppercase();
        let literal = |value: Value, sort: Sort| {
            Typed::new(Expr::Value(value.with_span(token.span)), sort, at).form(Form::Literal)
        };
        match word.as_str() {
            "NULL" => {
                self.advance();
                return Ok(literal(Value::Null, Sort::Null));
            }
            "CASE" => return self.case(),
            "TRUE" | "FALSE" if !self.is_symbol_ahead(1, ".") => {
                self.extension(at, "a literal TRUE or FALSE")?;
                self.advance();
                let value = literal(Value::Boolean(word == "TRUE"), Sort::Any);
                return Ok(value.form(Form::Call));
            }
            _ => {}
        }
        if self.is_symbol_ahead(1, "(") && !reserved::is_structure(&word) {
            return self.call();
        }
        if self.ahead(1).kind == Kind::String && !reserved::is_structure(&word) {
            let what = format!("the literal {} '…'", printable(&word));
            let fault = Diagnostic::not_adql(at, what);
            return Err(fault.suggest(match word.as_str() {
                "INTERVAL" => "days are added to a time in MJD",
                "DATE" | "TIME" | "TIMESTAMP" | "DATETIME" => {
                    "write a string, or CAST('…' AS TIMESTAMP)"
                }
                _ if word.len() == 1 => "write a string, or a number",
                _ => "a column is given a name with AS, and without single quotes",
            }));
        }
        if reserved::is_structure(&word) {
            let next = self.ahead(1);
            let goes_on = next.kind == Kind::Symbol || self.is_word_ahead(1, "FROM");
            let is_clause =
                matches!(word.as_str(), "GROUP" | "ORDER" | "HAVING" | "UNION" | "JOIN");
            let quoted =
                (goes_on && is_clause).then(|| format!("a name is quoted, \"{}\"", token.text));
            return Err(self.expected("a value").suggest_maybe(quoted));
        }
        self.column()
    }

    /// `[[[catalog.]schema.]table.]column`.
    pub fn column(&mut self) -> Parse<Typed> {
        let at = self.here();
        let mut names: Vec<Ident> = vec![self.name("the name of a column")?];
        while self.is_symbol(".") {
            let dot = self.here();
            self.advance();
            if self.is_symbol("*") {
                let fault = Diagnostic::syntax(self.here(), "* stands for columns only in SELECT");
                return Err(fault);
            }
            names.push(self.name("a name after the period")?);
            if self.is_symbol("(") {
                let shown: Vec<&str> = names.iter().map(|n| n.value.as_str()).collect();
                let what = format!("the qualified function name {}", printable(&shown.join(".")));
                return Err(Diagnostic::not_adql(at, what));
            }
            if names.len() > 4 {
                let fault = Diagnostic::syntax(dot, "the name of a column has at most four parts");
                return Err(fault.suggest("write schema.table.column"));
            }
        }
        let expr = match names.len() {
            1 => Expr::Identifier(names.swap_remove(0)),
            _ => Expr::CompoundIdentifier(names),
        };
        Ok(Typed::new(expr, Sort::Any, at).form(Form::Column))
    }

    /// `CASE [x] WHEN … THEN … [ELSE …] END`, an extension.
    fn case(&mut self) -> Parse<Typed> {
        const MOST_BRANCHES: usize = 500;
        let at = self.here();
        self.extension(at, "CASE")?;
        let case_token = self.keyword();
        let operand = match self.is_word("WHEN") {
            true => None,
            false => Some(Box::new(self.value_expression()?)),
        };
        let mut conditions = Vec::new();
        while self.take_word("WHEN") {
            if conditions.len() == MOST_BRANCHES {
                let message = format!("CASE has more than {MOST_BRANCHES} branches");
                return Err(Diagnostic::invalid(self.here(), message));
            }
            let condition = match operand {
                Some(_) => self.value_expression()?,
                None => self.search_condition()?,
            };
            self.expect_word("THEN")?;
            let result = self.value_expression()?;
            conditions.push(CaseWhen { condition, result });
        }
        if conditions.is_empty() {
            return Err(self.expected("WHEN"));
        }
        let else_result = match self.take_word("ELSE") {
            true => Some(Box::new(self.value_expression()?)),
            false => None,
        };
        if !self.is_word("END") {
            return Err(self.expected("WHEN, ELSE or END"));
        }
        let end_token = self.keyword();
        let expr = Expr::Case { case_token, end_token, operand, conditions, else_result };
        Ok(Typed::new(expr, Sort::Any, at).form(Form::Call).deep(2))
    }

    fn keyword(&mut self) -> AttachedToken {
        let span = self.advance().span;
        AttachedToken(TokenWithSpan { token: SqlToken::EOF, span })
    }

    /// The name of the function that is next.
    pub fn function_name(&mut self) -> Ident {
        let token = self.advance();
        ident(&token)
    }
}

/// What to call an expression of a sort.
pub(super) fn noun(sort: Sort) -> &'static str {
    match sort {
        Sort::Any | Sort::Null => "a value",
        Sort::Number => "a number",
        Sort::Text => "a character string",
        Sort::Point | Sort::Shape => "a geometry",
        Sort::Condition => "a condition",
    }
}
