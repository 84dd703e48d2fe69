//! The header of one HDU: cards in their order, and typed access to them.

use super::card::{Card, CardValue};

/// The cards of one HDU in their order, without `END`.
///
/// Where a keyword stands more than once, the first one counts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Header {
    cards: Vec<Card>,
}

/// Keywords that describe the HDU in which they stand and are never inherited by another.
const STRUCTURAL: &[&str] = &[
    "", "SIMPLE", "XTENSION", "BITPIX", "NAXIS", "NAXIS1", "NAXIS2", "NAXIS3", "PCOUNT", "GCOUNT",
    "GROUPS", "EXTEND", "EXTNAME", "EXTVER", "EXTLEVEL", "INHERIT", "BSCALE", "BZERO", "BLANK",
    "CHECKSUM", "DATASUM", "COMMENT", "HISTORY", "END",
];

impl Header {
    /// A header of the given cards.
    pub fn from_cards(cards: Vec<Card>) -> Header {
        Header { cards }
    }

    /// Parses a header of one card a line, as header listings have it. Ends at `END`.
    pub fn from_lines(text: &str) -> Header {
        Header::from_records(text.lines().map(str::trim_end))
    }

    /// Parses a header from the records of a file (80 characters each). Ends at `END`.
    pub fn from_records<'a>(records: impl Iterator<Item = &'a str>) -> Header {
        let mut cards: Vec<Card> = Vec::new();
        for record in records.take_while(|record| record.trim_end() != "END") {
            let card = Card::parse(record);
            let continued = cards.last_mut().is_some_and(|last| continue_text(last, &card, record));
            if !continued {
                cards.push(card);
            }
        }
        Header { cards }
    }

    /// The cards in their order.
    pub fn cards(&self) -> &[Card] {
        &self.cards
    }

    /// Appends a card.
    pub fn push(&mut self, card: Card) {
        self.cards.push(card);
    }

    /// The value of a keyword.
    pub fn value(&self, keyword: &str) -> Option<&CardValue> {
        self.cards.iter().find(|card| card.keyword == keyword).map(|card| &card.value)
    }

    /// Whether the keyword is there.
    pub fn has(&self, keyword: &str) -> bool {
        self.value(keyword).is_some()
    }

    /// A number; text that reads as a finite number counts, since real headers quote some of theirs.
    pub fn f64(&self, keyword: &str) -> Option<f64> {
        let number = match self.value(keyword)? {
            CardValue::Integer(value) => *value as f64,
            CardValue::Real(value) => *value,
            CardValue::Text(text) => text.trim().parse().ok()?,
            _ => return None,
        };
        number.is_finite().then_some(number)
    }

    /// A whole number, also where it is written as `3.` or as text.
    pub fn i64(&self, keyword: &str) -> Option<i64> {
        match self.value(keyword)? {
            CardValue::Integer(value) => Some(*value),
            CardValue::Real(value) if value.fract() == 0.0 && value.abs() < 9e15 => {
                Some(*value as i64)
            }
            CardValue::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// Text that is not blank.
    pub fn text(&self, keyword: &str) -> Option<&str> {
        match self.value(keyword)? {
            CardValue::Text(text) if !text.trim().is_empty() => Some(text.trim()),
            _ => None,
        }
    }

    /// A logical value.
    pub fn logical(&self, keyword: &str) -> Option<bool> {
        match self.value(keyword)? {
            CardValue::Logical(value) => Some(*value),
            _ => None,
        }
    }

    /// This extension's header with what it lacks taken from the primary one, unless it says
    /// `INHERIT = F`. Keywords of structure and commentary stay where they are.
    pub fn inheriting(&self, primary: &Header) -> Header {
        let mut whole = self.clone();
        if self.logical("INHERIT") == Some(false) {
            return whole;
        }
        for card in &primary.cards {
            if !STRUCTURAL.contains(&card.keyword.as_str()) && !self.has(&card.keyword) {
                whole.cards.push(card.clone());
            }
        }
        whole
    }
}

/// Joins a `CONTINUE` record to the text that it continues; false where it continues nothing.
fn continue_text(last: &mut Card, card: &Card, record: &str) -> bool {
    let CardValue::Text(text) = &mut last.value else { return false };
    if card.keyword != "CONTINUE" || !text.ends_with('&') {
        return false;
    }
    let rest = record.get(8..).unwrap_or_default();
    let CardValue::Text(more) = Card::parse(&format!("CONTINUE= {}", rest.trim_start())).value
    else {
        return false;
    };
    text.pop();
    text.push_str(&more);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_access_reads_what_real_headers_write() {
        let header = Header::from_lines(
            "CCDNUM  =                   33 / number\n\
             LSKYVAR = 'NaN     '\n\
             GAIN    = '4.1'\n\
             EXPNUM  =              630780.\n\
             OBJECT  = '        '\n\
             END\n\
             AFTER   =                    1",
        );
        assert_eq!(header.i64("CCDNUM"), Some(33));
        assert_eq!(header.f64("CCDNUM"), Some(33.0));
        assert_eq!(header.f64("LSKYVAR"), None);
        assert_eq!(header.f64("GAIN"), Some(4.1));
        assert_eq!(header.i64("EXPNUM"), Some(630780));
        assert_eq!(header.text("OBJECT"), None);
        assert!(!header.has("AFTER"));
    }

    #[test]
    fn extension_inherits_what_it_lacks() {
        let primary = Header::from_lines("NAXIS   = 0\nEXPTIME = 30.0\nFILTER  = 'r'\nHISTORY a");
        let extension = Header::from_lines("NAXIS   = 2\nFILTER  = 'g'");
        let whole = extension.inheriting(&primary);
        assert_eq!(
            (whole.i64("NAXIS"), whole.f64("EXPTIME"), whole.text("FILTER")),
            (Some(2), Some(30.0), Some("g"))
        );
        assert!(!whole.has("HISTORY"));
        let alone = Header::from_lines("INHERIT = F").inheriting(&primary);
        assert!(!alone.has("EXPTIME"));
    }

    #[test]
    fn long_text_continues() {
        let header = Header::from_lines(
            "LONG    = 'first, &'\nCONTINUE  'second&'\nCONTINUE  ', third' / end\nN = 1",
        );
        assert_eq!(header.text("LONG"), Some("first, second, third"));
    }
}
