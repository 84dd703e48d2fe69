//! One card of a FITS header: keyword, value, comment.

use std::fmt;

/// The value of a card.
#[derive(Debug, Clone, PartialEq)]
pub enum CardValue {
    /// `T` or `F`.
    Logical(bool),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction or an exponent.
    Real(f64),
    /// Text, without trailing blanks.
    Text(String),
    /// A keyword with `=` and nothing after it.
    Undefined,
    /// A card without `=`: `COMMENT`, `HISTORY`, blank.
    Commentary(String),
}

/// One card of a header.
#[derive(Debug, Clone, PartialEq)]
pub struct Card {
    /// The keyword in upper case; of a `HIERARCH` card, what follows that word.
    pub keyword: String,
    /// The value.
    pub value: CardValue,
    /// What stands behind the slash.
    pub comment: String,
}

impl Card {
    /// A card to be written.
    pub fn new(keyword: &str, value: impl Into<CardValue>, comment: &str) -> Card {
        Card { keyword: keyword.to_owned(), value: value.into(), comment: comment.to_owned() }
    }

    /// Parses the text of one card. Text that follows no rule becomes commentary, as real headers
    /// hold much of it.
    pub fn parse(text: &str) -> Card {
        if let Some(rest) = text.strip_prefix("HIERARCH ")
            && let Some((keyword, value)) = rest.split_once('=')
        {
            let (value, comment) = parse_value(value);
            return Card { keyword: keyword.trim().to_uppercase(), value, comment };
        }
        let keyword = slice(text, 0, 8).trim().to_uppercase();
        if slice(text, 8, 10).trim_end() == "=" && keyword != "COMMENT" && keyword != "HISTORY" {
            let (value, comment) = parse_value(slice(text, 9, text.len()));
            return Card { keyword, value, comment };
        }
        let value = CardValue::Commentary(slice(text, 8, text.len()).trim_end().to_owned());
        Card { keyword, value, comment: String::new() }
    }
}

/// The characters `from..to` of a card, as far as it has them. Cards are ASCII by the standard; a
/// stray wider character only moves the columns of its own card.
fn slice(text: &str, from: usize, to: usize) -> &str {
    let byte = |n: usize| text.char_indices().nth(n).map_or(text.len(), |(at, _)| at);
    &text[byte(from)..byte(to)]
}

/// Parses what stands behind the `=`: a value, and perhaps a slash and a comment.
fn parse_value(text: &str) -> (CardValue, String) {
    let text = text.trim_start_matches(['=', ' ']);
    if let Some(quoted) = text.strip_prefix('\'') {
        return parse_quoted(quoted);
    }
    let (value, comment) = text.split_once('/').unwrap_or((text, ""));
    (parse_bare(value.trim()), comment.trim().to_owned())
}

fn parse_bare(value: &str) -> CardValue {
    match value {
        "" => return CardValue::Undefined,
        "T" => return CardValue::Logical(true),
        "F" => return CardValue::Logical(false),
        _ => {}
    }
    if let Ok(integer) = value.parse::<i64>() {
        return CardValue::Integer(integer);
    }
    // FORTRAN writes double precision exponents with a D.
    match value.replace(['D', 'd'], "E").parse::<f64>() {
        Ok(real) => CardValue::Real(real),
        Err(_) => CardValue::Text(value.to_owned()),
    }
}

/// Parses text after its opening quote; a doubled quote stands for one.
fn parse_quoted(quoted: &str) -> (CardValue, String) {
    let mut value = String::new();
    let mut rest = quoted;
    loop {
        match rest.split_once('\'') {
            Some((before, after)) if after.starts_with('\'') => {
                value.push_str(before);
                value.push('\'');
                rest = &after[1..];
            }
            Some((before, after)) => {
                value.push_str(before);
                let comment = after.trim_start().trim_start_matches('/').trim();
                return (CardValue::Text(value.trim_end().to_owned()), comment.to_owned());
            }
            None => {
                value.push_str(rest);
                return (CardValue::Text(value.trim_end().to_owned()), String::new());
            }
        }
    }
}

/// The card as it stands in a file, at most 80 characters: the comment is cut first, then the value.
impl fmt::Display for Card {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = if self.keyword.len() > 8 {
            format!("HIERARCH {} = ", self.keyword)
        } else {
            format!("{:<8}= ", self.keyword)
        };
        let mut text = match &self.value {
            CardValue::Commentary(text) => format!("{:<8}{text}", self.keyword),
            CardValue::Logical(value) => format!("{head}{:>20}", if *value { "T" } else { "F" }),
            CardValue::Integer(value) => format!("{head}{value:>20}"),
            CardValue::Real(value) => format!("{head}{:>20}", real_text(*value)),
            CardValue::Text(value) => {
                format!("{head}{:<20}", format!("'{:<8}'", value.replace('\'', "''")))
            }
            CardValue::Undefined => head,
        };
        if !self.comment.is_empty() {
            text.push_str(" / ");
            text.push_str(&self.comment);
        }
        f.write_str(slice(&text, 0, 80))
    }
}

/// The shortest text that gives the same number back, always with a point or an exponent.
fn real_text(value: f64) -> String {
    let text = format!("{value:?}").replace('e', "E");
    if text.len() <= 20 { text } else { format!("{value:E}") }
}

impl From<bool> for CardValue {
    fn from(value: bool) -> Self {
        CardValue::Logical(value)
    }
}

impl From<i64> for CardValue {
    fn from(value: i64) -> Self {
        CardValue::Integer(value)
    }
}

impl From<f64> for CardValue {
    /// A number that FITS cannot write (NaN, infinity) becomes an undefined value.
    fn from(value: f64) -> Self {
        if value.is_finite() { CardValue::Real(value) } else { CardValue::Undefined }
    }
}

impl From<&str> for CardValue {
    fn from(value: &str) -> Self {
        CardValue::Text(value.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, keyword: &str, value: CardValue, comment: &str) {
        let card = Card::parse(text);
        assert_eq!(
            (card.keyword.as_str(), &card.value, card.comment.as_str()),
            (keyword, &value, comment)
        );
    }

    #[test]
    fn parses_cards_of_every_kind() {
        check(
            "SIMPLE  =                    T / standard",
            "SIMPLE",
            CardValue::Logical(true),
            "standard",
        );
        check("NBLEED  = 101364  / pixels", "NBLEED", CardValue::Integer(101364), "pixels");
        check("PV2_3   =                   0. / PV", "PV2_3", CardValue::Real(0.0), "PV");
        check("CD1_1   = -1.104488698978E-07", "CD1_1", CardValue::Real(-1.104488698978e-7), "");
        check("OLD     = 1.5D+03", "OLD", CardValue::Real(1500.0), "");
        check(
            "WHO     = 'O''Hara / co  ' / name",
            "WHO",
            CardValue::Text("O'Hara / co".into()),
            "name",
        );
        check("NOTHING =", "NOTHING", CardValue::Undefined, "");
        check("HISTORY x = 1", "HISTORY", CardValue::Commentary("x = 1".into()), "");
        check(
            "HIERARCH TIME_RECORDED = '2017-03-16T06:20:39'",
            "TIME_RECORDED",
            CardValue::Text("2017-03-16T06:20:39".into()),
            "",
        );
        check("        = '        '", "", CardValue::Text(String::new()), "");
    }

    #[test]
    fn written_cards_read_back() {
        let cards = [
            Card::new("CRVAL1", 316.8366457274_f64, "deg"),
            Card::new("CD1_1", -1.104488698978e-7_f64, ""),
            Card::new("THIRD", 1.0_f64 / 3.0, "a long fraction"),
            Card::new("NAXIS", 2_i64, ""),
            Card::new("BAND", "r", "it's red"),
            Card::new("WHO", "O'Hara", ""),
            Card::new("FLAG", false, ""),
        ];
        for card in cards {
            assert_eq!(Card::parse(&card.to_string()), card);
        }
    }
}
