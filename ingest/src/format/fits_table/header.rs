//! The header of a FITS unit: cards of 80 characters in blocks of 2880 bytes.
//!
//! Reference: FITS 4.0, section 4.

use std::collections::HashMap;
use std::io::{self, Read};

use crate::error::FileProblem;

/// Headers and data fill blocks of this many bytes.
pub(super) const BLOCK_BYTES: u64 = 2880;
const CARD_BYTES: usize = 80;

/// No header comes near this; a file of something else does.
const MOST_BLOCKS: usize = 4096;

/// The keywords of a header with their values, text without its quotes.
#[derive(Debug, Default)]
pub(super) struct Header {
    values: HashMap<String, String>,
}

impl Header {
    /// Read a header; `None` at the end of the file.
    pub fn read(stream: &mut impl Read) -> io::Result<Result<Option<Self>, FileProblem>> {
        let mut header = Self::default();
        let mut continued: Option<String> = None;
        for block_index in 0..MOST_BLOCKS {
            let mut block = Vec::with_capacity(BLOCK_BYTES as usize);
            stream.by_ref().take(BLOCK_BYTES).read_to_end(&mut block)?;
            // Tools leave less than a block behind the last unit, or zeros.
            if block_index == 0 && (block.len() < CARD_BYTES || block.iter().all(|&b| b == 0)) {
                return Ok(Ok(None));
            }
            if block.len() < BLOCK_BYTES as usize {
                return Ok(Err(FileProblem::Truncated { within: "a header".to_owned() }));
            }
            for card in block.chunks_exact(CARD_BYTES) {
                let card = String::from_utf8_lossy(card);
                let keyword: String =
                    card.chars().take(8).collect::<String>().trim_end().to_owned();
                if keyword == "END" {
                    return Ok(Ok(Some(header)));
                }
                let rest: String = card.chars().skip(8).collect();
                header.add(keyword, &rest, &mut continued);
            }
        }
        Ok(Err(FileProblem::Header { reason: "without END".to_owned() }))
    }

    /// Note a card. The first of several with one keyword counts.
    fn add(&mut self, keyword: String, rest: &str, continued: &mut Option<String>) {
        if keyword == "CONTINUE" {
            let Some(of) = continued.take() else { return };
            let more = text(rest.trim_start());
            if let (Some(value), Some(more)) = (self.values.get_mut(&of), more) {
                value.truncate(value.len() - 1);
                value.push_str(&more);
                *continued = value.ends_with('&').then_some(of);
            }
            return;
        }
        *continued = None;
        let Some(value) = rest.strip_prefix("= ") else { return };
        let value = value.trim_start();
        let value = match text(value) {
            Some(text) => {
                *continued = text.ends_with('&').then(|| keyword.clone());
                text
            }
            None => value.split('/').next().unwrap_or_default().trim_end().to_owned(),
        };
        self.values.entry(keyword).or_insert(value);
    }

    /// The value of a keyword as text.
    pub fn text(&self, keyword: &str) -> Option<&str> {
        self.values.get(keyword).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The value of a keyword as a whole number that is not negative; `None` where it is absent.
    pub fn count(&self, keyword: &str) -> Result<Option<u64>, FileProblem> {
        let wrong = |value: &str| FileProblem::Header { reason: format!("{keyword} = {value}") };
        self.text(keyword).map(|value| value.parse().map_err(|_| wrong(value))).transpose()
    }

    /// A number that must be there.
    pub fn required(&self, keyword: &str) -> Result<u64, FileProblem> {
        let absent = || FileProblem::Header { reason: format!("without {keyword}") };
        self.count(keyword)?.ok_or_else(absent)
    }

    /// The value of a keyword as a number; exponents may be written with D.
    pub fn number(&self, keyword: &str) -> Option<f64> {
        self.text(keyword)?.replace(['D', 'd'], "E").parse().ok()
    }

    /// Bytes of the data that follow, without their padding.
    pub fn data_bytes(&self) -> Result<u64, FileProblem> {
        let n_axes = self.required("NAXIS")?;
        if n_axes > 999 {
            return Err(FileProblem::Header { reason: format!("NAXIS = {n_axes}") });
        }
        let bits = self.text("BITPIX").and_then(|value| value.parse::<i64>().ok()).unwrap_or(8);
        let mut n_elements = u64::from(n_axes > 0);
        for axis in 1..=n_axes {
            let length = self.required(&format!("NAXIS{axis}"))?;
            // Random groups have a first axis of 0 that does not count.
            if axis == 1 && length == 0 && self.text("GROUPS") == Some("T") {
                continue;
            }
            n_elements = n_elements.checked_mul(length).ok_or_else(too_large)?;
        }
        let n_parameters = self.count("PCOUNT")?.unwrap_or(0);
        let n_groups = self.count("GCOUNT")?.unwrap_or(1);
        n_elements
            .checked_add(n_parameters)
            .and_then(|n| n.checked_mul(n_groups))
            .and_then(|n| n.checked_mul(bits.unsigned_abs() / 8))
            .filter(|n| *n < 1 << 62)
            .ok_or_else(too_large)
    }
}

fn too_large() -> FileProblem {
    FileProblem::Header { reason: "data of more bytes than can be".to_owned() }
}

/// Read a text value: between quotes, a doubled quote stands for one, spaces at the end do not
/// count.
fn text(value: &str) -> Option<String> {
    let mut rest = value.strip_prefix('\'')?.chars().peekable();
    let mut text = String::new();
    while let Some(letter) = rest.next() {
        if letter == '\'' && rest.next_if_eq(&'\'').is_none() {
            break;
        }
        text.push(letter);
    }
    text.truncate(text.trim_end().len());
    Some(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn header(cards: &[&str]) -> Result<Option<Header>, FileProblem> {
        let mut bytes: Vec<u8> = Vec::new();
        for card in cards {
            bytes.extend(format!("{card:<80}").bytes());
        }
        bytes.resize(bytes.len().next_multiple_of(BLOCK_BYTES as usize), b' ');
        Header::read(&mut bytes.as_slice()).unwrap()
    }

    #[test]
    fn values_of_cards() {
        let header = header(&[
            "XTENSION= 'BINTABLE'           / a table",
            "NAXIS   =                    2 / axes",
            "NAXIS1  = 10",
            "NAXIS2  = 20",
            "TTYPE1  = 'it''s  '            / name",
            "TCOMM1  = 'a long &'",
            "CONTINUE  'text that &'",
            "CONTINUE  'goes on'  / really",
            "TZERO1  = 1.5D3",
            "COMMENT   = nothing",
            "TTYPE1  = 'again'",
            "END",
        ]);
        let header = header.unwrap().unwrap();
        assert_eq!(header.text("XTENSION"), Some("BINTABLE"));
        assert_eq!(header.text("TTYPE1"), Some("it's"));
        assert_eq!(header.text("TCOMM1"), Some("a long text that goes on"));
        assert_eq!(header.number("TZERO1"), Some(1500.0));
        assert_eq!(header.data_bytes(), Ok(200));
        assert_eq!(header.count("TTYPE1").unwrap_err().to_string(), "header: TTYPE1 = it's");
    }

    #[test]
    fn headers_that_are_none() {
        assert!(Header::read(&mut [].as_slice()).unwrap().unwrap().is_none());
        assert!(Header::read(&mut [b'x'; 100].as_slice()).unwrap().is_err());
        assert_eq!(
            header(&["NAXIS   = 1"]).unwrap_err().to_string(),
            "the file ends within a header"
        );
        let huge =
            header(&["NAXIS   = 2", "NAXIS1  = 10000000000", "NAXIS2  = 10000000000", "END"]);
        assert!(huge.unwrap().unwrap().data_bytes().is_err());
    }
}
