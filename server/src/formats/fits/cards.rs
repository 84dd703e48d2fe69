//! The cards of a FITS header: 80 characters each, 36 to a block.
//!
//! Reference: FITS 4.0, sections 4.1, 4.2 and 4.2.1.2 (text over several cards).

/// Bytes of a block, of which headers and data are made.
pub const BLOCK_BYTES: usize = 2880;
const CARD_BYTES: usize = 80;
/// Characters of text that fit between the quotes of one card.
const MAX_TEXT: usize = 68;

/// Headers as they are written.
#[derive(Debug, Default)]
pub struct Cards(Vec<u8>);

impl Cards {
    /// Begin a file whose first header announces no data.
    pub fn primary() -> Self {
        let mut cards = Self::default();
        cards.put("SIMPLE  =                    T / FITS 4.0");
        cards.integer("BITPIX", 8, "");
        cards.integer("NAXIS", 0, "no image");
        cards.put("EXTEND  =                    T / the table follows");
        cards
    }

    /// Add a number.
    pub fn integer(&mut self, key: &str, value: u64, comment: &str) {
        self.number(key, &value.to_string(), comment);
    }

    /// Add a number that may be negative.
    pub fn signed(&mut self, key: &str, value: i64, comment: &str) {
        self.number(key, &value.to_string(), comment);
    }

    fn number(&mut self, key: &str, value: &str, comment: &str) {
        let comment = if comment.is_empty() { String::new() } else { format!(" / {comment}") };
        self.put(&format!("{key:<8}= {value:>20}{comment}"));
    }

    /// Add text; what does not fit is continued on further cards. Headers are ASCII: any other
    /// character becomes a question mark.
    pub fn text(&mut self, key: &str, value: &str, comment: &str) {
        let value = ascii(value.trim_end());
        let mut pieces = pieces(&value);
        let last = pieces.len() - 1;
        for (index, piece) in pieces.iter_mut().enumerate() {
            let begin = if index == 0 { format!("{key:<8}= ") } else { "CONTINUE  ".to_owned() };
            let more = if index < last { "&" } else { "" };
            piece.push_str(more);
            let mut card = format!("{begin}'{piece:<8}'");
            if index == last && !comment.is_empty() && card.len() + 3 < CARD_BYTES {
                card += &format!(" / {comment}");
            }
            self.put(&card);
        }
    }

    /// Add text without a key, over as many cards as it needs.
    pub fn history(&mut self, text: &str) {
        for line in text.lines() {
            for piece in ascii(line).as_bytes().chunks(CARD_BYTES - 8) {
                self.put(&format!("HISTORY {}", String::from_utf8_lossy(piece)));
            }
        }
    }

    /// End the header, and fill up its last block.
    pub fn end(&mut self) {
        self.put("END");
        self.0.resize(self.0.len().next_multiple_of(BLOCK_BYTES), b' ');
    }

    /// The headers.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn put(&mut self, card: &str) {
        let end = self.0.len() + CARD_BYTES;
        self.0.extend(card.bytes().take(CARD_BYTES));
        self.0.resize(end, b' ');
    }
}

fn ascii(text: &str) -> String {
    let plain = |c: char| match c {
        ' '..='~' => c,
        '\t' | '\n' | '\r' => ' ',
        _ => '?',
    };
    text.chars().map(plain).collect()
}

/// Cut text, with its quotes doubled, into what fits on a card each, with room for the mark of
/// continuation.
fn pieces(text: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let is_short = text.len() + text.matches('\'').count() <= MAX_TEXT;
    for c in text.chars() {
        let width = if c == '\'' { 2 } else { 1 };
        let begun = pieces.last().map_or(0, String::len);
        if !is_short && begun + width > MAX_TEXT - 1 {
            pieces.push(String::new());
        }
        if let Some(piece) = pieces.last_mut() {
            piece.extend(std::iter::repeat_n(c, width));
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn lines(cards: Cards) -> Vec<String> {
        let bytes = cards.into_bytes();
        bytes.chunks(80).map(|c| String::from_utf8(c.to_vec()).unwrap()).collect()
    }

    #[test]
    fn numbers_and_text_have_their_places() {
        let mut cards = Cards::default();
        cards.integer("NAXIS2", 12, "rows");
        cards.signed("TNULL1", -32768, "");
        cards.text("TUNIT1", "nJy", "it's a unit");
        cards.text("TTYPE2", "it's µ", "");
        cards.end();
        let lines = lines(cards);
        assert_eq!(lines.len(), 36);
        assert_eq!(lines[0].trim_end(), "NAXIS2  =                   12 / rows");
        assert_eq!(lines[1].trim_end(), "TNULL1  =               -32768");
        assert_eq!(lines[2].trim_end(), "TUNIT1  = 'nJy     ' / it's a unit");
        assert_eq!(lines[3].trim_end(), "TTYPE2  = 'it''s ? '");
        assert_eq!(lines[4].trim_end(), "END");
    }

    #[test]
    fn long_text_is_continued() {
        let mut cards = Cards::default();
        let text = "'x".repeat(80);
        cards.text("TCOMM1", &text, "");
        let mut found = String::new();
        for line in lines(cards) {
            let (_, quoted) = line.split_at(10);
            let inside = quoted.trim_end().strip_prefix('\'').unwrap().strip_suffix('\'').unwrap();
            found += inside.strip_suffix('&').unwrap_or(inside);
        }
        assert_eq!(found.replace("''", "'"), text);
    }
}
