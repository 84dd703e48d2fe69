//! Characters that cannot stand in a query: control characters, and what word processors make of
//! quotes, dashes and spaces.

use sqlparser::tokenizer::Location;

use crate::error::{Diagnostic, Error, Problem, Result};

/// What the scanner is inside of.
#[derive(Clone, Copy, PartialEq)]
enum Within {
    Text,
    /// A literal or delimited identifier, up to this quote.
    Quotes(char),
    LineComment,
    BlockComment,
}

/// Refuse characters that cannot stand where they stand, each kind once.
///
/// Strings, delimited identifiers and comments may hold any printable character.
pub(crate) fn characters(text: &str) -> Result<()> {
    let mut found: Vec<(char, Diagnostic)> = Vec::new();
    let mut within = Within::Text;
    let mut at = Location::new(1, 1);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let refused = c.is_control() && !matches!(c, '\n' | '\r' | '\t')
            || within == Within::Text && !c.is_ascii();
        if refused && !found.iter().any(|(known, _)| *known == c) {
            found.push((c, diagnose(c, at)));
        }
        at.column += 1;
        let next = chars.peek().copied();
        let mut skip = false;
        within = match (within, c) {
            (Within::Text, '\'' | '"') => Within::Quotes(c),
            (Within::Text, '-') if next == Some('-') => Within::LineComment,
            (Within::Text, '/') if next == Some('*') => {
                skip = true;
                Within::BlockComment
            }
            (Within::Quotes(quote), c) if c == quote => Within::Text,
            (Within::LineComment, '\n') => Within::Text,
            (Within::BlockComment, '*') if next == Some('/') => {
                skip = true;
                Within::Text
            }
            (state, _) => state,
        };
        if skip {
            chars.next();
            at.column += 1;
        }
        if c == '\n' {
            at = Location::new(at.line + 1, 1);
        }
    }
    if found.is_empty() {
        return Ok(());
    }
    Err(Error::new(found.into_iter().map(|(_, diagnostic)| diagnostic).collect()))
}

fn diagnose(c: char, at: Location) -> Diagnostic {
    let code = u32::from(c);
    let (name, suggestion) = match c {
        '\u{2018}' | '\u{2019}' | '\u{201A}' | '\u{2032}' => {
            (format!("the typographic quote {c}"), Some("write a plain '"))
        }
        '\u{201C}' | '\u{201D}' | '\u{201E}' | '\u{2033}' => {
            (format!("the typographic quote {c}"), Some("write a plain ' or \""))
        }
        '\u{2010}'..='\u{2015}' | '\u{2212}' => {
            (format!("the typographic dash {c}"), Some("write a plain -"))
        }
        '\u{2264}' => ("the character ≤".to_owned(), Some("write <=")),
        '\u{2265}' => ("the character ≥".to_owned(), Some("write >=")),
        '\u{2260}' => ("the character ≠".to_owned(), Some("write <>")),
        c if c.is_control() => (format!("the control character U+{code:04X}"), None),
        c if c.is_whitespace() || matches!(c, '\u{200B}'..='\u{200F}' | '\u{FEFF}') => {
            (format!("the invisible character U+{code:04X}"), Some("write a plain space"))
        }
        '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' => {
            (format!("the invisible character U+{code:04X}"), None)
        }
        c => (
            format!("the character {c} (U+{code:04X}) outside quotes"),
            Some("put names that hold it in double quotes"),
        ),
    };
    let diagnostic = Diagnostic::new(at, Problem::Character { name });
    match suggestion {
        Some(suggestion) => diagnostic.suggest(suggestion),
        None => diagnostic,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let shown = characters(text).err().map(|e| e.to_string()).unwrap_or_default();
        assert_eq!(shown.lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn quotes_from_a_word_processor() {
        check(
            "SELECT ‘a’\nFROM t",
            &[
                "line 1, column 8: the typographic quote ‘ cannot stand in a query; write a plain '",
                "line 1, column 10: the typographic quote ’ cannot stand in a query; write a plain '",
            ],
        );
    }

    #[test]
    fn literals_and_comments_may_hold_them() {
        check("SELECT 'it’s', \"Δ\" -- “so”\n, 1 /* ‘ */ FROM t", &[]);
    }

    #[test]
    fn control_characters_are_refused_everywhere() {
        check(
            "SELECT 'a\u{0}'",
            &["line 1, column 10: the control character U+0000 cannot stand in a query"],
        );
    }
}
