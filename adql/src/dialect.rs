//! ADQL text to sqlparser's tree: the lexical rules, and the parser's complaints made readable.
//!
//! sqlparser reads far more than ADQL; what it lets through is sorted out by
//! [`check`](crate::check). Only what the tree no longer shows is caught here, on the text and on
//! the tokens: stray characters, TOP before DISTINCT (which sqlparser reads as a column called
//! DISTINCT), several statements, and chains of operators long enough to exhaust the stack.

use sqlparser::ast::{Query, Statement};
use sqlparser::dialect::Dialect;
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

use crate::check;
use crate::error::{Diagnostic, Error, Problem, Result, printable};

/// The lexical rules of ADQL 2.1, section 2.1.
///
/// Regular identifiers may also begin with an underscore, as `_healpix_29` does.
#[derive(Debug)]
struct Adql;

impl Dialect for Adql {
    fn is_identifier_start(&self, ch: char) -> bool {
        ch.is_ascii_alphabetic() || ch == '_'
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        ch.is_ascii_alphanumeric() || ch == '_'
    }

    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        ch == '"'
    }

    fn supports_string_literal_concatenation_with_newline(&self) -> bool {
        true
    }
}

/// How deeply parentheses and calls may nest.
const DEEPEST: usize = 200;

/// Most queries within each other.
const DEEPEST_SUBQUERY: usize = 10;

/// How many ANDs and ORs may be chained. sqlparser makes a tree as deep as the chain is long, and
/// dropping a tree takes stack in proportion to its depth; [`balance`](crate::balance) comes later.
const LONGEST_CONDITION: usize = 2000;

/// How many other operators may be chained, which stay as deep as they are.
const LONGEST_TERM: usize = 200;

/// How many set operators a query may have, for the same reason.
const MOST_SET_OPERATORS: usize = 100;

/// Parse the text of one query.
///
/// # Errors
///
/// Everything that makes the text not a single SELECT, with its position.
pub(crate) fn parse(text: &str) -> Result<Query> {
    check::text::characters(text)?;
    let tokens = Tokenizer::new(&Adql, text).tokenize_with_location().map_err(|e| {
        let message = lower_first(&printable(&e.message));
        Error::from(Diagnostic::new(e.location, Problem::Syntax { message }))
    })?;
    check_tokens(&tokens)?;
    let parser = Parser::new(&Adql).with_recursion_limit(DEEPEST);
    let statements = parser
        .with_tokens_with_locations(tokens)
        .parse_statements()
        .map_err(|e| Error::from(syntax_error(e, end_of(text))))?;
    only_query(statements)
}

fn check_tokens(tokens: &[TokenWithSpan]) -> Result<()> {
    let words: Vec<&TokenWithSpan> =
        tokens.iter().filter(|t| !matches!(t.token, Token::Whitespace(_) | Token::EOF)).collect();
    if words.is_empty() {
        let message = "the query is empty".to_owned();
        return Err(Diagnostic::new(Location::new(1, 1), Problem::Syntax { message }).into());
    }
    for triple in words.windows(3) {
        let quantity = matches!(triple[1].token, Token::Number(..));
        if let (Some(Keyword::TOP), true, Some(set @ (Keyword::DISTINCT | Keyword::ALL))) =
            (keyword(triple[0]), quantity, keyword(triple[2]))
        {
            let n = &triple[1].token;
            let message = format!("TOP stands before {set}");
            return Err(Diagnostic::new(triple[0].span.start, Problem::Syntax { message })
                .suggest(format!("write SELECT {set} TOP {n}"))
                .into());
        }
    }
    let mut statements = words.split(|t| t.token == Token::SemiColon).filter(|s| !s.is_empty());
    if let Some(second) = statements.nth(1).and_then(|s| s.first()) {
        return Err(Diagnostic::not_adql(second.span.start, "a second statement").into());
    }
    let too_long = [(1, LONGEST_CONDITION), (0, LONGEST_TERM)]
        .iter()
        .find_map(|(logical, most)| too_long_chain(&words, *logical, *most));
    if let Some(at) = too_long {
        return Err(Diagnostic::invalid(at, "too many operators are chained here")
            .suggest("use IN (…) for a long list of values, or upload a table and join it")
            .into());
    }
    if let Some(at) = too_deep_subquery(&words) {
        let message = format!("queries nest more than {DEEPEST_SUBQUERY} levels deep");
        return Err(Diagnostic::invalid(at, message)
            .suggest("name the inner ones with WITH")
            .into());
    }
    let sets = [Keyword::UNION, Keyword::EXCEPT, Keyword::INTERSECT, Keyword::MINUS];
    let mut sets = words.iter().filter(|t| keyword(t).is_some_and(|k| sets.contains(&k)));
    if let Some(last) = sets.nth(MOST_SET_OPERATORS) {
        let message = format!("the query has more than {MOST_SET_OPERATORS} set operators");
        return Err(Diagnostic::invalid(last.span.start, message).into());
    }
    Ok(())
}

/// Where queries nest deeper than planning can bear (its time doubles with each level).
fn too_deep_subquery(words: &[&TokenWithSpan]) -> Option<Location> {
    let mut is_query: Vec<bool> = vec![];
    for (index, word) in words.iter().enumerate() {
        match word.token {
            Token::LParen => {
                let first = words.get(index + 1).and_then(|next| keyword(next));
                is_query.push(matches!(first, Some(Keyword::SELECT | Keyword::WITH)));
                if is_query.iter().filter(|is_query| **is_query).count() > DEEPEST_SUBQUERY {
                    return Some(word.span.start);
                }
            }
            Token::RParen => {
                is_query.pop();
            }
            _ => {}
        }
    }
    None
}

fn keyword(token: &TokenWithSpan) -> Option<Keyword> {
    match &token.token {
        Token::Word(word) if word.quote_style.is_none() => Some(word.keyword),
        _ => None,
    }
}

/// The chain of operators in one pair of parentheses, as far as it has been read.
#[derive(Clone, Copy, Default)]
struct Chain {
    /// ANDs and ORs since the expression began.
    logical: usize,
    /// Other operators since the last AND or OR.
    operators: usize,
    /// The deepest pair of parentheses since the last AND or OR.
    inside: usize,
    /// The deepest term between ANDs and ORs that has ended.
    term: usize,
    /// The deepest expression that has ended.
    ended: usize,
}

impl Chain {
    /// Begin another operand of AND or OR.
    fn end_term(&mut self) {
        self.term = self.term.max(self.operators + self.inside);
        (self.operators, self.inside) = (0, 0);
    }

    /// Begin another expression.
    fn end(&mut self) {
        *self = Chain { ended: self.depth(), ..Chain::default() };
    }

    /// An upper bound of the depth of the tree.
    fn depth(self) -> usize {
        self.ended.max(self.logical + self.term.max(self.operators + self.inside))
    }
}

/// Where the tree would become deeper than `most`, if an AND or OR makes it `logical` deeper.
fn too_long_chain(words: &[&TokenWithSpan], logical: usize, most: usize) -> Option<Location> {
    let mut around: Vec<Chain> = Vec::new();
    let mut chain = Chain::default();
    for word in words {
        match &word.token {
            Token::LParen => around.push(std::mem::take(&mut chain)),
            Token::RParen => {
                let inside = chain.depth();
                chain = around.pop().unwrap_or_default();
                chain.inside = chain.inside.max(inside);
            }
            Token::Comma => chain.end(),
            Token::Word(_) => match keyword(word) {
                Some(Keyword::AND | Keyword::OR) => {
                    chain.logical += logical;
                    chain.end_term();
                }
                Some(Keyword::NOT | Keyword::IS | Keyword::COLLATE) => chain.operators += 1,
                Some(Keyword::SELECT | Keyword::FROM | Keyword::WHERE | Keyword::HAVING) => {
                    chain.end();
                }
                _ => {}
            },
            Token::Number(..) | Token::SingleQuotedString(_) | Token::Period => {}
            _ => chain.operators += 1,
        }
        if chain.depth() > most {
            return Some(word.span.start);
        }
    }
    None
}

fn only_query(statements: Vec<Statement>) -> Result<Query> {
    let nothing = || {
        let message = "the query is empty".to_owned();
        Error::from(Diagnostic::new(Location::new(1, 1), Problem::Syntax { message }))
    };
    match statements.into_iter().next().ok_or_else(nothing)? {
        Statement::Query(query) => Ok(*query),
        other => {
            let text = other.to_string();
            let verb: String = text.chars().take_while(|c| c.is_ascii_alphabetic()).collect();
            let what = if verb.is_empty() { "this statement".to_owned() } else { verb };
            Err(Diagnostic::not_adql(Location::new(1, 1), what)
                .suggest("a query is a SELECT")
                .into())
        }
    }
}

/// sqlparser puts positions into its messages: take them out again.
fn syntax_error(error: ParserError, end: Location) -> Diagnostic {
    let text = match error {
        ParserError::TokenizerError(text) | ParserError::ParserError(text) => text,
        ParserError::RecursionLimitExceeded => {
            let message = format!("the query nests more than {DEEPEST} levels deep");
            return Diagnostic::invalid(Location::new(1, 1), message);
        }
    };
    let (message, at) = match text.rsplit_once(" at Line: ") {
        Some((message, place)) => (message.to_owned(), location(place)),
        None => (text, None),
    };
    let message = lower_first(&printable(message.trim_start_matches("sql parser error: ")))
        .replace("expected: ", "expected ")
        .replace("found: EOF", "found the end of the query")
        .replace("found: ", "found ");
    let suggestion = hint(&message);
    // Only the end of the query has no position of its own.
    Diagnostic::new(at.unwrap_or(end), Problem::Syntax { message }).suggest_maybe(suggestion)
}

/// The place after the last character.
fn end_of(text: &str) -> Location {
    let text = text.trim_end();
    let line = text.matches('\n').count() + 1;
    let last = text.rsplit('\n').next().unwrap_or_default();
    Location::new(line as u64, last.chars().count() as u64 + 1)
}

/// What people who write this usually need.
fn hint(message: &str) -> Option<String> {
    if message.starts_with("expected literal int") {
        return Some(
            "TOP takes an integer; a column called top must be written \"top\"".to_owned(),
        );
    }
    let found = message.rsplit_once("found ").map(|(_, found)| found.to_uppercase())?;
    let hint = match found.as_str() {
        "TOP" => "a column called top must be written \"top\"",
        "FOR" | "SYSTEM_TIME" => "table versions (FOR … AS OF) are not part of ADQL",
        "TABLESAMPLE" | "SAMPLE" => "sampling is not part of ADQL",
        "FILTER" => "FILTER is not part of ADQL; aggregate a CASE instead",
        _ => return None,
    };
    Some(hint.to_owned())
}

/// `1, Column: 8` as a location.
fn location(place: &str) -> Option<Location> {
    let (line, column) = place.split_once(", Column: ")?;
    Some(Location::new(line.parse().ok()?, column.parse().ok()?))
}

fn lower_first(message: &str) -> String {
    let mut chars = message.chars();
    match chars.next() {
        Some(first) => first.to_lowercase().chain(chars).collect(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(parse(text).unwrap_err().to_string(), expected);
    }

    #[test]
    fn complaints_have_a_position() {
        check(
            "SELECT ra FROM t WHERE",
            "line 1, column 23: expected an expression, found the end of the query",
        );
        check("SELECT 'a", "line 1, column 8: unterminated string literal");
        check(" \n ", "line 1, column 1: the query is empty");
        check("SELECT 1; SELECT 2", "line 1, column 11: a second statement is not part of ADQL");
        check("DROP TABLE t", "line 1, column 1: DROP is not part of ADQL; a query is a SELECT");
    }

    #[test]
    fn top_before_distinct_is_not_read_as_a_column() {
        check(
            "SELECT TOP 5 DISTINCT ra FROM t",
            "line 1, column 8: TOP stands before DISTINCT; write SELECT DISTINCT TOP 5",
        );
    }

    #[test]
    fn long_chains_are_refused_and_do_not_exhaust_the_stack() {
        let sum = |n: usize| format!("SELECT 1{} FROM t", " + 1".repeat(n));
        assert!(parse(&sum(LONGEST_TERM)).is_ok());
        assert!(parse(&sum(100_000)).is_err());
        let ors = |n: usize| format!("SELECT 1 FROM t WHERE a = 1{}", " OR a = 1".repeat(n));
        assert!(parse(&ors(LONGEST_CONDITION - 1)).is_ok());
        assert!(parse(&ors(100_000)).is_err());
        let parentheses = format!("SELECT {}1{}", "(".repeat(100_000), ")".repeat(100_000));
        assert!(parse(&parentheses).is_err());
    }
}
