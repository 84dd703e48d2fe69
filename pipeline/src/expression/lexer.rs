//! From the characters of a condition to its words.

use super::{ExpressionError, Literal};
use crate::camera::parse_time;

/// A word of a condition, and where it begins.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub kind: TokenKind,
    /// Characters before it.
    pub start: usize,
}

/// Kinds of words.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum TokenKind {
    /// A keyword or a name, dots included.
    Word(String),
    Literal(Literal),
    /// Brackets, comparisons, commas, `..`, `:`, `-`.
    Symbol(&'static str),
    End,
}

const SYMBOLS: [&str; 15] =
    ["..", "==", "!=", "<>", "<=", ">=", "=", "<", ">", "(", ")", ",", ":", "-", "+"];

pub(super) fn tokens(text: &str) -> Result<Vec<Token>, ExpressionError> {
    let characters: Vec<char> = text.chars().collect();
    let mut lexer = Lexer { text, characters, at: 0 };
    let mut tokens = vec![];
    loop {
        let token = lexer.next()?;
        let is_end = token.kind == TokenKind::End;
        tokens.push(token);
        if is_end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'a> {
    text: &'a str,
    characters: Vec<char>,
    at: usize,
}

impl Lexer<'_> {
    fn next(&mut self) -> Result<Token, ExpressionError> {
        while self.peek(0).is_some_and(char::is_whitespace) {
            self.at += 1;
        }
        let start = self.at;
        let kind = match self.peek(0) {
            None => TokenKind::End,
            Some('\'' | '"') => TokenKind::Literal(Literal::Text(self.quoted()?)),
            Some('T' | 't') if self.peek(1) == Some('\'') => {
                self.at += 1;
                let text = self.quoted()?;
                let mjd =
                    parse_time(&text).map_err(|error| self.error(start, error.to_string()))?;
                TokenKind::Literal(Literal::Real(mjd))
            }
            Some(c) if c.is_ascii_digit() || (c == '.' && self.is_digit(1)) => {
                self.number(start)?
            }
            Some(c) if c.is_alphabetic() || c == '_' => self.word(),
            Some(c) => {
                let here = |symbol: &&&str| {
                    symbol.chars().enumerate().all(|(n, c)| self.peek(n) == Some(c))
                };
                let symbol = SYMBOLS
                    .iter()
                    .find(here)
                    .ok_or_else(|| self.error(start, format!("'{c}' has no meaning here")))?;
                self.at += symbol.len();
                TokenKind::Symbol(symbol)
            }
        };
        Ok(Token { kind, start })
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.characters.get(self.at + ahead).copied()
    }

    fn is_digit(&self, ahead: usize) -> bool {
        self.peek(ahead).is_some_and(|c| c.is_ascii_digit())
    }

    fn take_while(&mut self, mut wanted: impl FnMut(char) -> bool) -> String {
        let rest = self.characters[self.at..].iter();
        let taken: String = rest.take_while(|c| wanted(**c)).collect();
        self.at += taken.chars().count();
        taken
    }

    /// A name with its dots; a dot that is followed by another ends it.
    fn word(&mut self) -> TokenKind {
        let mut word = self.take_while(|c| c.is_alphanumeric() || c == '_');
        while self.peek(0) == Some('.')
            && self.peek(1).is_some_and(|c| c.is_alphabetic() || c == '_')
        {
            self.at += 1;
            word.push('.');
            word += &self.take_while(|c| c.is_alphanumeric() || c == '_');
        }
        TokenKind::Word(word)
    }

    fn number(&mut self, start: usize) -> Result<TokenKind, ExpressionError> {
        let mut text = self.take_while(|c| c.is_ascii_digit());
        let mut is_whole = true;
        // `1..10` is a range, `1.5` a number.
        if self.peek(0) == Some('.') && self.peek(1) != Some('.') {
            is_whole = false;
            text.push('.');
            self.at += 1;
            text += &self.take_while(|c| c.is_ascii_digit());
        }
        if matches!(self.peek(0), Some('e' | 'E'))
            && (self.is_digit(1) || (matches!(self.peek(1), Some('+' | '-')) && self.is_digit(2)))
        {
            is_whole = false;
            text.push('e');
            self.at += 1;
            let mut first = true;
            text += &self.take_while(|c| {
                c.is_ascii_digit() || (std::mem::take(&mut first) && (c == '-' || c == '+'))
            });
        }
        let literal = match is_whole {
            true => text.parse().map(Literal::Integer).ok(),
            false => text.parse().map(Literal::Real).ok(),
        };
        literal
            .map(TokenKind::Literal)
            .ok_or_else(|| self.error(start, format!("'{text}' is no number")))
    }

    /// Text between quotes; a doubled quote stands for one.
    fn quoted(&mut self) -> Result<String, ExpressionError> {
        let start = self.at;
        let quote = self.peek(0);
        self.at += 1;
        let mut text = String::new();
        loop {
            match self.peek(0) {
                None => return Err(self.error(start, "the quote is not closed".to_owned())),
                Some(c) if Some(c) == quote && self.peek(1) == quote => {
                    text.push(c);
                    self.at += 2;
                }
                Some(c) if Some(c) == quote => {
                    self.at += 1;
                    return Ok(text);
                }
                Some(c) => {
                    text.push(c);
                    self.at += 1;
                }
            }
        }
    }

    fn error(&self, at: usize, reason: String) -> ExpressionError {
        ExpressionError { text: self.text.to_owned(), character: at + 1, reason }
    }
}
