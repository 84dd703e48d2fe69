//! The bytes that a STREAM element holds as base64, decoded as they are asked for.

use std::io::{self, BufRead, Read};

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::xml::Xml;

/// Some writers leave out the padding, or bits of the last letter that say nothing.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Letters that are decoded at once.
const PART_LETTERS: usize = 64 << 10;

/// Decodes the text of the element that has just begun. At its end the document is read to *its*
/// end, so that the last byte comes only from a whole document.
pub(super) struct Base64Stream {
    xml: Xml,
    has_text: bool,
    letters: Vec<u8>,
    decoded: Vec<u8>,
    n_taken: usize,
    is_done: bool,
}

impl Base64Stream {
    /// Begin behind a STREAM's tag; an `is_empty` one has neither text nor end.
    pub fn new(xml: Xml, is_empty: bool) -> Self {
        let has_text = !is_empty;
        Self { xml, has_text, letters: vec![], decoded: vec![], n_taken: 0, is_done: false }
    }

    /// Decode the next part.
    fn refill(&mut self) -> io::Result<()> {
        self.is_done = !self.has_text;
        while self.letters.len() < PART_LETTERS && !self.is_done {
            let mut raw = self.xml.raw();
            let bytes = raw.fill_buf()?;
            let n_bytes = bytes.len().min(PART_LETTERS);
            let n_text = super::xml::memchr(b'<', &bytes[..n_bytes]).unwrap_or(n_bytes);
            let text = &bytes[..n_text];
            self.letters.extend(text.iter().filter(|letter| !letter.is_ascii_whitespace()));
            let is_end = n_text < n_bytes || n_bytes == 0;
            raw.consume(n_text);
            drop(raw);
            self.is_done = is_end;
        }
        // Four letters make three bytes.
        let n_letters = if self.is_done { self.letters.len() } else { self.letters.len() / 4 * 4 };
        self.decoded.clear();
        self.n_taken = 0;
        BASE64.decode_vec(&self.letters[..n_letters], &mut self.decoded).map_err(|error| {
            io::Error::new(io::ErrorKind::InvalidData, format!("base64: {error}"))
        })?;
        self.letters.drain(..n_letters);
        if self.is_done {
            self.xml.finish().map_err(io::Error::other)?;
        }
        Ok(())
    }
}

impl Read for Base64Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.n_taken == self.decoded.len() && !self.is_done {
            self.refill()?;
        }
        let n_bytes = (&self.decoded[self.n_taken..]).read(buffer)?;
        self.n_taken += n_bytes;
        Ok(n_bytes)
    }
}
