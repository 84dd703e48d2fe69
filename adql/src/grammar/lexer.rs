//! Characters to tokens.
//!
//! As in SQL-92 a token ends where the next character cannot belong to it: `2desc` is a number and
//! a word, `(a)AS b` needs no spaces. The default dialect reads what word processors make of
//! quotes, dashes and spaces as what was meant, and says so.

use sqlparser::tokenizer::{Location, Span};

use super::Dialect;
use crate::error::{Diagnostic, Error, Problem, Result};

/// A token and its place in the text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Token {
    pub kind: Kind,
    /// What it stands for: a word as written, the inside of quotes, a symbol.
    pub text: String,
    pub span: Span,
}

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A regular identifier or keyword.
    Word,
    /// A delimited identifier.
    Delimited,
    /// An unsigned number.
    Number,
    /// A hexadecimal integer, as its decimal digits.
    Hexadecimal,
    /// A character string.
    String,
    /// Punctuation.
    Symbol,
    /// The end of the text.
    End,
}

/// The tokens of a text, the last of them its end, and the liberties taken.
#[derive(Debug)]
pub(crate) struct Lexed {
    pub tokens: Vec<Token>,
    pub warnings: Vec<String>,
}

/// Split a text into tokens.
///
/// # Errors
///
/// All characters that cannot stand where they stand, each kind once, or the first token that
/// does not end.
pub(crate) fn lex(text: &str, dialect: Dialect) -> Result<Lexed> {
    let mut lexer = Lexer {
        chars: text.chars().collect(),
        next: 0,
        at: Location::new(1, 1),
        is_lenient: dialect == Dialect::Adql,
        tokens: Vec::new(),
        warnings: Vec::new(),
        faults: Vec::new(),
    };
    lexer.run()?;
    if !lexer.faults.is_empty() {
        return Err(Error::new(lexer.faults.into_iter().map(|(_, fault)| fault).collect()));
    }
    Ok(Lexed { tokens: lexer.tokens, warnings: lexer.warnings })
}

struct Lexer {
    chars: Vec<char>,
    next: usize,
    at: Location,
    is_lenient: bool,
    tokens: Vec<Token>,
    warnings: Vec<String>,
    /// One complaint for each character that cannot stand where it stands.
    faults: Vec<(char, Diagnostic)>,
}

/// How the warning about a liberty ends.
pub(crate) const EXTENSION: &str = "is an extension that other ADQL services may not have";

/// Punctuation, longest first.
const SYMBOLS: &[&str] = &[
    "||", "<=", ">=", "<>", "!=", "==", "(", ")", ",", ".", ";", "*", "+", "-", "/", "%", "&", "|",
    "^", "~", "<", ">", "=", "[", "]", "{", "}", "?", ":", "!", "@", "#", "$", "`", "\\",
];

impl Lexer {
    fn run(&mut self) -> Result<()> {
        while let Some(c) = self.peek() {
            match c {
                ' ' | '\t' | '\r' | '\n' => {
                    self.take();
                }
                '-' if self.looks_at("--") => self.line_comment(),
                '/' if self.looks_at("/*") => self.block_comment()?,
                '\'' | '"' => self.quoted(c)?,
                'a'..='z' | 'A'..='Z' | '_' => self.word()?,
                '0'..='9' => self.number()?,
                '.' if self.number_follows() => self.number()?,
                c if c.is_ascii() && !c.is_control() => self.symbol(c),
                c => self.look_alike(c)?,
            }
        }
        let end = self.tokens.last().map_or(Location::new(1, 1), |last| last.span.end);
        self.tokens.push(Token { kind: Kind::End, text: String::new(), span: Span::new(end, end) });
        Ok(())
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.next).copied()
    }

    fn looks_at(&self, text: &str) -> bool {
        text.chars().enumerate().all(|(i, c)| self.chars.get(self.next + i) == Some(&c))
    }

    /// Read one character. Control characters are refused wherever they stand.
    fn take(&mut self) -> Option<char> {
        let c = self.peek()?;
        if c.is_control() && !matches!(c, '\n' | '\r' | '\t') {
            self.refuse(c);
        }
        self.next += 1;
        self.at = match c {
            '\n' => Location::new(self.at.line + 1, 1),
            _ => Location::new(self.at.line, self.at.column + 1),
        };
        Some(c)
    }

    fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> String {
        let mut taken = String::new();
        while let Some(c) = self.peek().filter(|c| belongs(*c)) {
            taken.push(c);
            self.take();
        }
        taken
    }

    fn push(&mut self, kind: Kind, text: impl Into<String>, start: Location) {
        self.tokens.push(Token { kind, text: text.into(), span: Span::new(start, self.at) });
    }

    fn refuse(&mut self, c: char) {
        if !self.faults.iter().any(|(known, _)| *known == c) {
            self.faults.push((c, stray_character(c, self.at)));
        }
    }

    fn warn(&mut self, warning: String) {
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    fn line_comment(&mut self) {
        while self.peek().is_some_and(|c| c != '\n') {
            self.take();
        }
    }

    fn block_comment(&mut self) -> Result<()> {
        let start = self.at;
        if !self.is_lenient {
            let fault = Diagnostic::not_adql(start, "a comment between /* and */");
            return Err(fault.suggest("begin each line of it with --").into());
        }
        self.warn(
            "a comment between /* and */ is an extension that other ADQL services may not have"
                .to_owned(),
        );
        self.take();
        self.take();
        while !self.looks_at("*/") {
            if self.take().is_none() {
                return Err(Diagnostic::syntax(start, "this comment does not end").into());
            }
        }
        self.take();
        self.take();
        Ok(())
    }

    /// A string or a delimited identifier; a doubled quote stands for one.
    fn quoted(&mut self, quote: char) -> Result<()> {
        let start = self.at;
        self.take();
        let mut inside = String::new();
        loop {
            match self.take() {
                Some(c) if c == quote && self.peek() == Some(quote) => {
                    inside.push(quote);
                    self.take();
                }
                Some(c) if c == quote => break,
                Some(c) => inside.push(c),
                None if quote == '"' => {
                    return Err(Diagnostic::syntax(
                        start,
                        "this delimited identifier does not end",
                    )
                    .into());
                }
                None => {
                    let fault = Diagnostic::syntax(start, "this string does not end");
                    return Err(fault
                        .suggest("a quote inside a string is doubled: 'it''s'")
                        .into());
                }
            }
        }
        self.push_quoted(quote, inside, start)
    }

    fn push_quoted(&mut self, quote: char, inside: String, start: Location) -> Result<()> {
        if quote != '"' {
            self.push(Kind::String, inside, start);
        } else if inside.is_empty() {
            return Err(Diagnostic::syntax(start, "a delimited identifier cannot be empty").into());
        } else {
            self.push(Kind::Delimited, inside, start);
        }
        Ok(())
    }

    fn word(&mut self) -> Result<()> {
        let start = self.at;
        let word = self.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
        if word.starts_with('_') && !self.is_lenient {
            let fault = Diagnostic::syntax(start, "a name begins with a letter");
            return Err(fault.suggest(format!("write \"{word}\"")).into());
        }
        if word.starts_with('_') {
            self.warn(format!("a name that begins with an underscore {EXTENSION}"));
        }
        self.push(Kind::Word, word, start);
        Ok(())
    }

    /// Whether a period begins a number rather than joins two names.
    fn number_follows(&self) -> bool {
        let digit = self.chars.get(self.next + 1).is_some_and(char::is_ascii_digit);
        let after_name = self.tokens.last().is_some_and(|last| {
            matches!(last.kind, Kind::Word | Kind::Delimited) && last.span.end == self.at
        });
        digit && !after_name
    }

    fn number(&mut self) -> Result<()> {
        let start = self.at;
        if self.hexadecimal(start)? {
            return Ok(());
        }
        let mut digits = self.take_while(|c| c.is_ascii_digit());
        if self.peek() == Some('.') {
            self.take();
            digits.push('.');
            digits += &self.take_while(|c| c.is_ascii_digit());
        }
        let sign = matches!(self.chars.get(self.next + 1), Some('+' | '-'));
        let exponent = self.chars.get(self.next + 1 + usize::from(sign));
        if matches!(self.peek(), Some('e' | 'E')) && exponent.is_some_and(char::is_ascii_digit) {
            for _ in 0..=usize::from(sign) {
                digits.extend(self.take());
            }
            digits += &self.take_while(|c| c.is_ascii_digit());
        }
        if digits.parse::<f64>().is_ok_and(f64::is_infinite) {
            return Err(Diagnostic::invalid(start, "this number is too large").into());
        }
        let rest = &self.chars[self.next..];
        if self.is_lenient
            && let ['_', '0'..='9', ..] = rest
        {
            let fault = Diagnostic::invalid(start, "a number has no separators between its digits");
            let is_part = |c: &&char| c.is_ascii_digit() || **c == '_';
            let more = rest.iter().take_while(is_part).filter(|c| **c != '_');
            let whole: String = digits.chars().chain(more.copied()).collect();
            return Err(fault.suggest(format!("write {whole}")).into());
        }
        self.push(Kind::Number, digits, start);
        Ok(())
    }

    /// Read `0xFF`, an extension. To the standard it is a number and a name, 0 AS xFF, which nobody
    /// means: the strict dialect refuses it.
    fn hexadecimal(&mut self, start: Location) -> Result<bool> {
        if !(self.looks_at("0x") || self.looks_at("0X")) {
            return Ok(false);
        }
        let rest = &self.chars[self.next + 2..];
        let digits: String = rest.iter().take_while(|c| c.is_ascii_hexdigit()).collect();
        if digits.is_empty() {
            return Ok(false);
        }
        let Ok(value) = u128::from_str_radix(&digits, 16) else {
            return Err(Diagnostic::invalid(start, "this number is too large").into());
        };
        if !self.is_lenient {
            let fault = Diagnostic::not_adql(start, "a hexadecimal number");
            return Err(fault.suggest(format!("write {value}")).into());
        }
        for _ in 0..digits.len() + 2 {
            self.take();
        }
        self.warn(format!("a hexadecimal number {EXTENSION}"));
        self.push(Kind::Hexadecimal, value.to_string(), start);
        Ok(true)
    }

    fn symbol(&mut self, first: char) {
        let start = self.at;
        let symbol = SYMBOLS.iter().copied().find(|symbol| self.looks_at(symbol));
        let length = symbol.map_or(1, str::len);
        for _ in 0..length {
            self.take();
        }
        match symbol {
            Some(symbol) => self.push(Kind::Symbol, symbol, start),
            None => self.push(Kind::Symbol, first, start),
        }
    }

    /// A character beyond ASCII, or a control character, outside quotes and comments.
    fn look_alike(&mut self, c: char) -> Result<()> {
        let start = self.at;
        let Some(meant) = meaning(c).filter(|_| self.is_lenient) else {
            self.refuse(c);
            self.next += 1;
            self.at.column += 1;
            return Ok(());
        };
        let shown = if c.is_whitespace() || is_invisible(c) {
            format!("the invisible character U+{:04X}", u32::from(c))
        } else {
            format!("the character {c}")
        };
        let read_as = if meant == " " { "a space" } else { meant };
        self.warn(format!("{shown} was read as {read_as}"));
        self.take();
        match meant {
            " " => {}
            "'" | "\"" => return self.typographic(meant, start),
            // A dash is doubled where it begins a comment, as a hyphen would be.
            "-" if self.peek().and_then(meaning) == Some("-") || self.peek() == Some('-') => {
                self.line_comment();
            }
            symbol => self.push(Kind::Symbol, symbol, start),
        }
        Ok(())
    }

    /// What stands between typographic quotes.
    fn typographic(&mut self, quote: &str, start: Location) -> Result<()> {
        let mut inside = String::new();
        loop {
            match self.peek() {
                Some(c) if quote.starts_with(c) || meaning(c) == Some(quote) => break,
                Some(c) => inside.push(c),
                None => return Err(Diagnostic::syntax(start, "this quote is not closed").into()),
            }
            self.take();
        }
        self.take();
        self.push_quoted(if quote == "'" { '\'' } else { '"' }, inside, start)
    }
}

/// What somebody means by a character that looks like one of ADQL's.
fn meaning(c: char) -> Option<&'static str> {
    Some(match c {
        '\u{2018}' | '\u{2019}' | '\u{201A}' | '\u{201B}' | '\u{2032}' | '\u{00B4}' => "'",
        '\u{201C}' | '\u{201D}' | '\u{201E}' | '\u{201F}' | '\u{2033}' => "\"",
        '\u{2010}'..='\u{2015}' | '\u{2212}' => "-",
        '\u{2264}' => "<=",
        '\u{2265}' => ">=",
        '\u{2260}' => "<>",
        '\u{00D7}' | '\u{2217}' => "*",
        '\u{00F7}' | '\u{2215}' => "/",
        '\u{FF08}' => "(",
        '\u{FF09}' => ")",
        '\u{FF0C}' => ",",
        c if c.is_whitespace() && !c.is_control() => " ",
        '\u{200B}' | '\u{FEFF}' => " ",
        _ => return None,
    })
}

fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
}

fn stray_character(c: char, at: Location) -> Diagnostic {
    let code = u32::from(c);
    let name = match c {
        '\u{2018}'..='\u{201F}' | '\u{2032}' | '\u{2033}' => format!("the typographic quote {c}"),
        '\u{2010}'..='\u{2015}' | '\u{2212}' => format!("the typographic dash {c}"),
        c if c.is_control() => format!("the control character U+{code:04X}"),
        c if c.is_whitespace() || is_invisible(c) => {
            format!("the invisible character U+{code:04X}")
        }
        c if meaning(c).is_some() => format!("the character {c}"),
        c => format!("the character {c} (U+{code:04X}) outside quotes"),
    };
    let suggestion = match meaning(c) {
        Some(" ") => Some("write a plain space".to_owned()),
        Some("\"") => Some("write a plain ' or \"".to_owned()),
        Some(meant) => Some(format!("write {meant}")),
        None if c.is_control() || is_invisible(c) => None,
        None => Some("put names that hold it in double quotes".to_owned()),
    };
    Diagnostic::new(at, Problem::Character { name }).suggest_maybe(suggestion)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn texts(text: &str, dialect: Dialect) -> Vec<String> {
        let tokens = lex(text, dialect).unwrap().tokens;
        tokens.into_iter().filter(|t| t.kind != Kind::End).map(|t| t.text).collect()
    }

    fn check(text: &str, expected: &[&str]) {
        assert_eq!(texts(text, Dialect::Adql), expected, "{text}");
    }

    #[test]
    fn words_and_numbers_may_touch() {
        check("2desc", &["2", "desc"]);
        check("89x", &["89", "x"]);
        check("top 4* from", &["top", "4", "*", "from"]);
        check(
            "1e5x 1ex 1e+5 .5e-3 7. 1./60",
            &["1e5", "x", "1", "ex", "1e+5", ".5e-3", "7.", "1.", "/", "60"],
        );
        check("t1.x t.\"1\" t .5", &["t1", ".", "x", "t", ".", "1", "t", ".5"]);
    }

    #[test]
    fn quotes_are_doubled_inside_quotes() {
        check("'it''s' \"a\"\"b\"", &["it's", "a\"b"]);
    }

    #[test]
    fn what_a_word_processor_made_of_a_query_is_read_as_meant() {
        check("‘a’ “b” ≤ −1\u{a0}≠", &["a", "b", "<=", "-", "1", "<>"]);
        let error = lex("SELECT ‘a’", Dialect::Strict).unwrap_err().to_string();
        assert_eq!(
            error.lines().next().unwrap(),
            "line 1, column 8: the typographic quote ‘ cannot stand in a query; write '"
        );
    }

    #[test]
    fn literals_and_comments_may_hold_anything_printable() {
        check("'it’s' -- “so”\n1 /* ‘ */", &["it’s", "1"]);
    }

    #[test]
    fn hexadecimal_is_an_extension() {
        check("0xFF", &["255"]);
        let error = lex("0xFF", Dialect::Strict).unwrap_err();
        assert_eq!(
            error.to_string(),
            "line 1, column 1: a hexadecimal number is not part of ADQL; write 255"
        );
    }

    #[test]
    fn control_characters_are_refused_everywhere() {
        let error = lex("SELECT 'a\u{0}'", Dialect::Adql).unwrap_err();
        assert_eq!(
            error.to_string(),
            "line 1, column 10: the control character U+0000 cannot stand in a query"
        );
    }
}
