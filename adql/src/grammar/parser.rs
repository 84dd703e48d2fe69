//! The place in the tokens, and what every production asks of it: is this word next, what is
//! expected, is this an extension.

use sqlparser::ast::{Ident, Query};
use sqlparser::tokenizer::Location;

use super::lexer::{EXTENSION, Kind, Lexed, Token};
use super::{AsOf, Dialect, Grammar, Parsed, reserved};
use crate::error::{Diagnostic, printable};

/// The result of a production.
pub(super) type Parse<T> = std::result::Result<T, Diagnostic>;

/// How deeply parentheses and calls may nest, and how deep an expression's tree may be.
pub(super) const DEEPEST: usize = 200;

/// More stack is taken from the heap when less than this is left, in pieces of [`STACK_PIECE`].
const STACK_LEFT: usize = 128 << 10;
const STACK_PIECE: usize = 1 << 20;

/// Most queries within each other: the engine's planning time doubles with each level.
const DEEPEST_SUBQUERY: usize = 10;

/// A walk over the tokens of one query.
#[derive(Debug)]
pub(super) struct Parser<'g> {
    pub grammar: &'g Grammar,
    tokens: Vec<Token>,
    at: usize,
    /// For each opening parenthesis, the index of the one that closes it.
    closing: Vec<Option<usize>>,
    pub as_of: Option<AsOf>,
    warnings: Vec<String>,
    /// What is wrong with calls, which does not hinder reading the rest.
    pub faults: Vec<Diagnostic>,
    /// Functions with the IVOA's prefix that the service does not have.
    pub undeclared: Vec<Diagnostic>,
    depth: usize,
    queries: usize,
}

impl<'g> Parser<'g> {
    pub fn new(lexed: Lexed, grammar: &'g Grammar) -> Self {
        let Lexed { tokens, warnings } = lexed;
        let closing = closing_parentheses(&tokens);
        Parser {
            grammar,
            tokens,
            at: 0,
            closing,
            as_of: None,
            warnings,
            faults: vec![],
            undeclared: vec![],
            depth: 0,
            queries: 0,
        }
    }

    /// What was found, with the tree that it belongs to.
    pub fn finish(self, query: Query) -> Parsed {
        let Parser { as_of, warnings, faults, undeclared, .. } = self;
        Parsed { query, as_of, warnings, faults, undeclared }
    }

    /// Whether more is taken than the standard has.
    pub fn is_lenient(&self) -> bool {
        self.grammar.dialect == Dialect::Adql
    }

    /// The next token; at the end of the text, its end.
    pub fn next(&self) -> &Token {
        self.ahead(0)
    }

    /// The token before the next one.
    pub fn last(&self) -> Option<&Token> {
        self.before(1)
    }

    /// The token that was read so many tokens ago.
    pub fn before(&self, n: usize) -> Option<&Token> {
        self.at.checked_sub(n).and_then(|at| self.tokens.get(at))
    }

    /// The innermost parenthesis that is never closed.
    pub fn open_parenthesis(&self) -> Option<&Token> {
        let open = self.closing.iter().zip(&self.tokens).rev();
        let mut open = open.filter(|(closing, token)| {
            closing.is_none() && token.kind == Kind::Symbol && token.text == "("
        });
        open.next().map(|(_, token)| token)
    }

    pub fn ahead(&self, n: usize) -> &Token {
        let last = self.tokens.len() - 1;
        &self.tokens[(self.at + n).min(last)]
    }

    /// Where the next token begins.
    pub fn here(&self) -> Location {
        self.next().span.start
    }

    pub fn advance(&mut self) -> Token {
        let token = self.next().clone();
        self.at += 1;
        token
    }

    /// Whether the token `n` ahead is this keyword (upper case).
    pub fn is_word_ahead(&self, n: usize, word: &str) -> bool {
        let token = self.ahead(n);
        token.kind == Kind::Word && token.text.eq_ignore_ascii_case(word)
    }

    pub fn is_word(&self, word: &str) -> bool {
        self.is_word_ahead(0, word)
    }

    pub fn is_one_of(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.is_word(word))
    }

    pub fn is_symbol_ahead(&self, n: usize, symbol: &str) -> bool {
        let token = self.ahead(n);
        token.kind == Kind::Symbol && token.text == symbol
    }

    pub fn is_symbol(&self, symbol: &str) -> bool {
        self.is_symbol_ahead(0, symbol)
    }

    /// Take this keyword if it is next.
    pub fn take_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        self.at += usize::from(found);
        found
    }

    /// Take this symbol if it is next.
    pub fn take_symbol(&mut self, symbol: &str) -> bool {
        let found = self.is_symbol(symbol);
        self.at += usize::from(found);
        found
    }

    pub fn expect_word(&mut self, word: &str) -> Parse<Token> {
        match self.is_word(word) {
            true => Ok(self.advance()),
            false => Err(self.expected(word)),
        }
    }

    pub fn expect_symbol(&mut self, symbol: &str) -> Parse<Token> {
        match self.is_symbol(symbol) {
            true => Ok(self.advance()),
            false => Err(self.expected(symbol)),
        }
    }

    /// One or more productions with commas between.
    pub fn comma_separated<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Parse<T>,
    ) -> Parse<Vec<T>> {
        let mut items = vec![item(self)?];
        while self.take_symbol(",") {
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// Whether the parenthesis `n` ahead holds a query rather than an expression or a join.
    ///
    /// `((SELECT …) UNION …)` does, `((SELECT …) AS a JOIN b)` does not: what follows the inner
    /// parenthesis decides.
    pub fn holds_query(&self, n: usize) -> bool {
        let mut open = self.at + n;
        loop {
            let Some(first) = self.tokens.get(open + 1) else { return false };
            let is = |token: &Token, words: &[&str]| {
                token.kind == Kind::Word && words.iter().any(|w| token.text.eq_ignore_ascii_case(w))
            };
            if is(first, &["SELECT", "WITH"]) {
                return true;
            }
            if first.kind != Kind::Symbol || first.text != "(" {
                return false;
            }
            let after = self.closing[open + 1].and_then(|close| self.tokens.get(close + 1));
            match after {
                Some(token) if token.kind == Kind::Symbol && token.text == ")" => open += 1,
                Some(token) => {
                    let goes_on =
                        ["UNION", "EXCEPT", "INTERSECT", "MINUS", "ORDER", "OFFSET", "LIMIT"];
                    return is(token, &goes_on);
                }
                None => return false,
            }
        }
    }

    /// Run a production one level deeper.
    pub fn nested<T>(&mut self, production: impl FnOnce(&mut Self) -> Parse<T>) -> Parse<T> {
        self.depth += 1;
        if self.depth > DEEPEST {
            let message = format!("the query nests more than {DEEPEST} levels deep");
            return Err(Diagnostic::invalid(self.here(), message));
        }
        let result = stacker::maybe_grow(STACK_LEFT, STACK_PIECE, || production(self));
        self.depth -= 1;
        result
    }

    /// Run a production for a query within a query.
    pub fn subquery<T>(&mut self, production: impl FnOnce(&mut Self) -> Parse<T>) -> Parse<T> {
        self.queries += 1;
        if self.queries > DEEPEST_SUBQUERY {
            let message = format!("queries nest more than {DEEPEST_SUBQUERY} levels deep");
            let fault = Diagnostic::invalid(self.here(), message);
            return Err(fault.suggest("name the inner ones with WITH"));
        }
        let result = self.nested(production);
        self.queries -= 1;
        result
    }

    /// Grant a liberty with a warning, or refuse it where the text must be exactly the standard's.
    pub fn extension(&mut self, at: Location, what: &str) -> Parse<()> {
        if !self.is_lenient() {
            return Err(Diagnostic::not_adql(at, what));
        }
        self.warn(format!("{what} {EXTENSION}"));
        Ok(())
    }

    /// Refuse what ADQL 2.0 did not have, where it is asked for.
    pub fn since_2_1(&self, at: Location, what: &str) -> Parse<()> {
        if self.grammar.dialect == Dialect::Strict20 {
            let fault = Diagnostic::not_adql(at, format!("{what} (since ADQL 2.1)"));
            return Err(fault.suggest("ask for ADQL-2.1"));
        }
        Ok(())
    }

    pub fn warn(&mut self, warning: String) {
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// The complaint that something else is expected here.
    pub fn expected(&self, what: &str) -> Diagnostic {
        let token = self.next();
        let message = format!("expected {what}, found {}", shown(token));
        let fault = Diagnostic::syntax(token.span.start, message);
        fault.suggest_maybe(self.hint(what, token))
    }

    /// A name: a delimited identifier, or a word that is not reserved.
    ///
    /// The default dialect takes reserved words too, where they are no part of a query's frame.
    pub fn name(&mut self, what: &str) -> Parse<Ident> {
        let token = self.next().clone();
        match token.kind {
            Kind::Delimited => {}
            Kind::Word if reserved::is_structure(&token.text) => {
                return Err(self.structure_as_name(what, &token));
            }
            Kind::Word if reserved::is_reserved(&token.text) => self.reserved_name(&token)?,
            Kind::Word => {}
            _ => return Err(self.expected(what)),
        }
        self.at += 1;
        Ok(ident(&token))
    }

    /// Whether a name is next that needs no AS before it.
    pub fn is_name(&self) -> bool {
        let token = self.next();
        match token.kind {
            Kind::Word if self.is_foreign_clause() => false,
            Kind::Delimited => true,
            Kind::Word if reserved::is_structure(&token.text) => false,
            Kind::Word => self.is_lenient() || !reserved::is_reserved(&token.text),
            _ => false,
        }
    }

    /// Whether a clause of other languages is next, which must not be read as an alias.
    fn is_foreign_clause(&self) -> bool {
        let after = self.ahead(1);
        let is_count = match after.kind {
            Kind::Number | Kind::String => true,
            Kind::Word => !reserved::is_structure(&after.text) || self.is_word_ahead(1, "ALL"),
            _ => self.is_symbol_ahead(1, "-"),
        };
        (self.is_word("LIMIT") && is_count)
            || (self.is_word("MINUS") && self.is_word_ahead(1, "SELECT"))
            || (self.is_word("QUALIFY")
                && after.kind == Kind::Word
                && !reserved::is_structure(&after.text))
            || (self.is_word("TABLESAMPLE") && self.is_symbol_ahead(1, "("))
            || self.is_word("FETCH")
    }

    /// Take a reserved word for a name, or refuse it.
    pub fn reserved_name(&mut self, token: &Token) -> Parse<()> {
        let word = printable(&token.text);
        if !self.is_lenient() {
            let message = format!("{word} is a reserved word");
            let fault = Diagnostic::syntax(token.span.start, message);
            return Err(fault.suggest(format!("as a name it must be quoted: \"{word}\"")));
        }
        self.warn(format!(
            "{word} is a reserved word of ADQL: other services want it quoted, \"{word}\""
        ));
        Ok(())
    }
}

/// A token as a message shows it.
fn shown(token: &Token) -> String {
    match token.kind {
        Kind::End => "the end of the query".to_owned(),
        Kind::String => format!("the string '{}'", printable(&token.text)),
        Kind::Delimited => format!("\"{}\"", printable(&token.text)),
        _ => printable(&token.text),
    }
}

/// The identifier that a token is.
pub(super) fn ident(token: &Token) -> Ident {
    let quote_style = (token.kind == Kind::Delimited).then_some('"');
    Ident { value: token.text.clone(), quote_style, span: token.span }
}

fn closing_parentheses(tokens: &[Token]) -> Vec<Option<usize>> {
    let mut closing = vec![None; tokens.len()];
    let mut open = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        match (token.kind, token.text.as_str()) {
            (Kind::Symbol, "(") => open.push(index),
            (Kind::Symbol, ")") => {
                if let Some(opening) = open.pop() {
                    closing[opening] = Some(index);
                }
            }
            _ => {}
        }
    }
    closing
}
