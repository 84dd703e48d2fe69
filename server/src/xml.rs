//! Text inside XML documents.

use std::fmt::{self, Display, Write};

/// Write `.0` as character data or as the value of an attribute in double quotes.
///
/// Markup and line breaks (which a parser would normalise) become references; characters that XML
/// 1.0 cannot hold at all (most controls) become U+FFFD.
#[derive(Debug, Clone, Copy)]
pub struct Escaped<'a>(pub &'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find(is_special) {
            f.write_str(&rest[..at])?;
            let mut tail = rest[at..].chars();
            if let Some(c) = tail.next() {
                write_special(f, c)?;
            }
            rest = tail.as_str();
        }
        f.write_str(rest)
    }
}

/// Write ` name="value"`, or nothing where the value is absent or empty.
#[derive(Debug, Clone, Copy)]
pub struct Attribute<'a>(pub &'a str, pub Option<&'a str>);

impl Display for Attribute<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Some(value) if !value.is_empty() => write!(f, " {}=\"{}\"", self.0, Escaped(value)),
            _ => Ok(()),
        }
    }
}

/// Write `<name>text</name>`, or nothing where the text is absent or empty.
#[derive(Debug, Clone, Copy)]
pub struct Element<'a>(pub &'a str, pub Option<&'a str>);

impl Display for Element<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Some(text) if !text.is_empty() => {
                write!(f, "<{0}>{1}</{0}>", self.0, Escaped(text))
            }
            _ => Ok(()),
        }
    }
}

fn is_special(c: char) -> bool {
    matches!(c, '&' | '<' | '>' | '"' | '\'' | '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

fn write_special(f: &mut fmt::Formatter<'_>, c: char) -> fmt::Result {
    match c {
        '&' => f.write_str("&amp;"),
        '<' => f.write_str("&lt;"),
        '>' => f.write_str("&gt;"),
        '"' => f.write_str("&quot;"),
        '\'' => f.write_str("&apos;"),
        '\t' | '\n' | '\r' => write!(f, "&#{};", u32::from(c)),
        _ => f.write_char(char::REPLACEMENT_CHARACTER),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_and_control_characters_cannot_break_a_document() {
        for (text, expected) in [
            ("plain", "plain"),
            ("a<b & c>\"d'", "a&lt;b &amp; c&gt;&quot;d&apos;"),
            ("two\nlines", "two&#10;lines"),
            ("bell\u{7}", "bell\u{fffd}"),
            ("nul\u{0}é", "nul\u{fffd}é"),
        ] {
            assert_eq!(Escaped(text).to_string(), expected);
        }
    }

    #[test]
    fn absent_and_empty_values_leave_no_trace() {
        assert_eq!(Attribute("ucd", None).to_string(), "");
        assert_eq!(Attribute("ucd", Some("")).to_string(), "");
        assert_eq!(Attribute("unit", Some("<mag>")).to_string(), " unit=\"&lt;mag&gt;\"");
        assert_eq!(
            Element("description", Some("a & b")).to_string(),
            "<description>a &amp; b</description>"
        );
    }
}
