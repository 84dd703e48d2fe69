//! The words of a shape's text, and where they stand.

use super::{Figure, ShapeParseError};

/// A run of characters other than blanks, commas and brackets; or one bracket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Word<'a> {
    pub(super) text: &'a str,
    /// Bytes from the start of the text.
    pub(super) start: usize,
}

impl Word<'_> {
    pub(super) fn is(&self, other: &str) -> bool {
        self.text.eq_ignore_ascii_case(other)
    }

    pub(super) fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// The number that the word is, also an infinite one. NaN is none.
    pub(super) fn number(&self) -> Option<f64> {
        let number: f64 = self.text.parse().ok()?;
        (!number.is_nan()).then_some(number)
    }

    /// Is it none of the words that may follow a shape's numbers?
    pub(super) fn is_odd(&self) -> bool {
        let known = ["UNION", "INTERSECTION", "NOT", "MOC", "(", ")", "UNIT"];
        self.number().is_none()
            && !known.iter().any(|word| self.is(word))
            && Figure::of_keyword(self.text).is_none()
    }
}

/// The words of a text, one after the other.
pub(super) struct Words<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Words<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn text(&self) -> &'a str {
        self.text
    }

    /// The word that comes next.
    pub(super) fn peek(&self) -> Option<Word<'a>> {
        let rest = self.text.get(self.at..)?;
        let skipped = rest.find(|c: char| !c.is_whitespace() && c != ',')?;
        let from = rest.get(skipped..)?;
        let separates = |c: char| c.is_whitespace() || matches!(c, ',' | '(' | ')');
        let length = match from.chars().next() {
            Some('(' | ')') => 1,
            _ => from.find(separates).unwrap_or(from.len()),
        };
        Some(Word { text: from.get(..length)?, start: self.at + skipped })
    }

    pub(super) fn next(&mut self) -> Option<Word<'a>> {
        let word = self.peek()?;
        self.at = word.end();
        Some(word)
    }

    pub(super) fn expect(
        &mut self,
        text: &str,
        expected: &'static str,
    ) -> Result<Word<'a>, ShapeParseError> {
        match self.peek() {
            Some(word) if word.is(text) => {
                self.at = word.end();
                Ok(word)
            }
            _ => Err(self.unexpected(expected)),
        }
    }

    /// Go past the next such word, and return it.
    pub(super) fn skip_to(&mut self, text: &str) -> Option<Word<'a>> {
        std::iter::from_fn(|| self.next()).find(|word| word.is(text))
    }

    pub(super) fn unexpected(&self, expected: &'static str) -> ShapeParseError {
        let (position, found) = match self.peek() {
            Some(word) => (word.start, format!("`{}`", word.text)),
            None => (self.text.len(), "the end".to_owned()),
        };
        ShapeParseError::Expected { position, expected, found }
    }
}
