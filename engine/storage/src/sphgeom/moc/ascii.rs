//! The text forms of a MOC: ASCII (`5/1-3 8 6/40`, MOC 2.0 section 4.3) and JSON
//! (`{"5":[1,2,3,8],"6":[40]}`).

use std::fmt;
use std::ops::Range;

use thiserror::Error;

use super::{Moc, cell_range};
use crate::chunking::HEALPIX_ORDER;

/// A text that is no MOC.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MocError {
    /// A character or a word that has no place in a MOC.
    #[error("MOC: expected {expected} at character {position}, found {found}")]
    Syntax {
        /// Where, in bytes from the start of the text.
        position: usize,
        /// What would have been right.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// An order above 29.
    #[error("MOC: order {order} at character {position} lies outside 0 to 29")]
    Order {
        /// Where, in bytes.
        position: usize,
        /// The order as given.
        order: u64,
    },
    /// A cell that its order does not have.
    #[error(
        "MOC: cell {cell} at character {position} lies outside order {order}, which ends at {last}"
    )]
    Cell {
        /// Where, in bytes.
        position: usize,
        /// The cell as given.
        cell: u64,
        /// Its order.
        order: u8,
        /// The last cell of the order.
        last: u64,
    },
    /// A range of cells that runs backwards.
    #[error("MOC: range {first}-{last} at character {position} runs backwards")]
    Backwards {
        /// Where, in bytes.
        position: usize,
        /// First cell as given.
        first: u64,
        /// Last cell as given.
        last: u64,
    },
}

impl Moc {
    /// Read a MOC in ASCII or JSON. An empty text is the empty MOC.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn parse(text: &str) -> Result<Self, MocError> {
        let mut scanner = Scanner { text, at: 0 };
        scanner.skip_blanks();
        if scanner.take(b'{') { scanner.json() } else { scanner.ascii() }
    }
}

/// The fewest cells, by order: `5/1-3 8 6/40`. An order without cells tells the MOC's order.
impl fmt::Display for Moc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut cells: Vec<_> = self.cells().collect();
        cells.sort_unstable();
        let mut pending = cells.into_iter().peekable();
        let mut current = None;
        while let Some((order, first)) = pending.next() {
            let mut last = first;
            while pending.next_if_eq(&(order, last + 1)).is_some() {
                last += 1;
            }
            let before = if current.is_some() { " " } else { "" };
            f.write_str(before)?;
            if current != Some(order) {
                write!(f, "{order}/")?;
                current = Some(order);
            }
            if first == last { write!(f, "{first}")? } else { write!(f, "{first}-{last}")? }
        }
        if current != Some(self.order) {
            let before = if current.is_some() { " " } else { "" };
            write!(f, "{before}{}/", self.order)?;
        }
        Ok(())
    }
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn skip_blanks(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn unexpected(&self, expected: &'static str) -> MocError {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let found = match rest.chars().next() {
            Some(c) => format!("`{c}`"),
            None => "the end".to_owned(),
        };
        MocError::Syntax { position: self.at, expected, found }
    }

    fn number(&mut self) -> Result<u64, MocError> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        // Digits too many for 64 bits are no cell of any order.
        self.text.get(start..self.at).and_then(|digits| digits.parse().ok()).ok_or_else(|| {
            self.at = start;
            self.unexpected("a number below 2^64")
        })
    }

    fn order(&mut self, position: usize, order: u64) -> Result<u8, MocError> {
        u8::try_from(order)
            .ok()
            .filter(|order| *order <= HEALPIX_ORDER)
            .ok_or(MocError::Order { position, order })
    }

    fn cells(&self, at: usize, order: u8, first: u64, last: u64) -> Result<Range<u64>, MocError> {
        let end = (12_u64 << (2 * order)) - 1;
        if last < first {
            return Err(MocError::Backwards { position: at, first, last });
        }
        if last > end {
            return Err(MocError::Cell { position: at, cell: last, order, last: end });
        }
        Ok(cell_range(order, first).start..cell_range(order, last).end)
    }

    fn ascii(&mut self) -> Result<Moc, MocError> {
        // MOC 2.0 marks the dimension: `s5/1-3`.
        if self.peek().is_some_and(|byte| byte.eq_ignore_ascii_case(&b's')) {
            self.at += 1;
        }
        let (mut ranges, mut order, mut finest) = (Vec::new(), None, 0);
        loop {
            while self.peek().is_some_and(|byte| byte.is_ascii_whitespace() || byte == b',') {
                self.at += 1;
            }
            if self.peek().is_none() {
                return Ok(Moc::from_ranges(finest, ranges));
            }
            let position = self.at;
            let first = self.number()?;
            if self.take(b'/') {
                let new = self.order(position, first)?;
                finest = finest.max(new);
                order = Some(new);
                continue;
            }
            let Some(order) = order else { return Err(self.unexpected("`/` after the order")) };
            let last = if self.take(b'-') { self.number()? } else { first };
            ranges.push(self.cells(position, order, first, last)?);
            if !self.peek().is_none_or(|byte| byte.is_ascii_whitespace() || byte == b',') {
                return Err(self.unexpected("a blank, `-` or the end"));
            }
        }
    }

    fn expect(&mut self, byte: u8, expected: &'static str) -> Result<(), MocError> {
        self.skip_blanks();
        if self.take(byte) { Ok(()) } else { Err(self.unexpected(expected)) }
    }

    /// What follows the opening brace.
    fn json(&mut self) -> Result<Moc, MocError> {
        let (mut ranges, mut finest) = (Vec::new(), 0);
        self.skip_blanks();
        if !self.take(b'}') {
            loop {
                self.expect(b'"', "an order in quotes")?;
                let position = self.at;
                let number = self.number()?;
                let order = self.order(position, number)?;
                finest = finest.max(order);
                self.expect(b'"', "a closing quote")?;
                self.expect(b':', "`:`")?;
                self.json_cells(order, &mut ranges)?;
                self.skip_blanks();
                if !self.take(b',') {
                    self.expect(b'}', "`,` or `}`")?;
                    break;
                }
            }
        }
        self.skip_blanks();
        if self.peek().is_some() {
            return Err(self.unexpected("the end"));
        }
        Ok(Moc::from_ranges(finest, ranges))
    }

    fn json_cells(&mut self, order: u8, ranges: &mut Vec<Range<u64>>) -> Result<(), MocError> {
        self.expect(b'[', "`[`")?;
        self.skip_blanks();
        if self.take(b']') {
            return Ok(());
        }
        loop {
            self.skip_blanks();
            let position = self.at;
            let cell = self.number()?;
            ranges.push(self.cells(position, order, cell, cell)?);
            self.skip_blanks();
            if !self.take(b',') {
                return self.expect(b']', "`,` or `]`");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn forms_of_one_moc() {
        let moc = Moc::parse("5/1-3 8 6/40").unwrap();
        for same in [
            "5/1,2,3,8 6/40",
            "s5/1-3\n8\n6/40",
            " 6/40 5/8 1-3 ",
            r#"{"5":[1,2,3,8],"6":[40]}"#,
            r#" { "6" : [ 40 ] , "5" : [ 8, 1, 2, 3 ] } "#,
        ] {
            assert_eq!(Moc::parse(same), Ok(moc.clone()), "{same}");
        }
        for text in ["5/1-3 8 6/40", "0/0-11", "3/4 8/", "0/", "29/3458764513820540927"] {
            assert_eq!(Moc::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Moc::parse("4/0-3").unwrap().to_string(), "3/0 4/");
        assert!(Moc::parse("").unwrap().is_empty() && Moc::parse("{}").unwrap().is_empty());
    }

    #[test]
    fn errors_say_where() {
        let message = |text: &str| Moc::parse(text).unwrap_err().to_string();
        assert_eq!(message("5"), "MOC: expected `/` after the order at character 1, found the end");
        assert_eq!(message("30/1"), "MOC: order 30 at character 0 lies outside 0 to 29");
        assert_eq!(message("5/3-1"), "MOC: range 3-1 at character 2 runs backwards");
        assert_eq!(
            message("0/12"),
            "MOC: cell 12 at character 2 lies outside order 0, which ends at 11"
        );
        assert!(message("5/1-3x").contains("character 5, found `x`"));
        assert!(message("5/99999999999999999999").contains("number below 2^64"));
        assert!(message("{\"5\":[1,]}").contains("character 8"));
        for text in ["é", "5/é", "{", "{\"", "{\"5\"", "5/1-", "s", "-", "5//", "{}x"] {
            let _ = Moc::parse(text);
        }
    }
}
