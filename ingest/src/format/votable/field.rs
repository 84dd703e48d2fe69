//! The columns of a table, as FIELD elements define them, and how their cells are read.
//!
//! Reference: VOTable 1.5, sections 2 and 4.1.

use std::collections::HashMap;
use std::io::{self, Read};

use almagest_storage::schema::arrow::{
    ARRAYSIZE, COOSYS, DATATYPE, DESCRIPTION, TIMESYS, UCD, UNIT, UTYPE, XTYPE,
};
use arrow::datatypes::Field;

use super::xml::Tag;
use crate::error::{CellProblem, FileProblem};
use crate::format::ROW_BYTES_LIMIT;
use crate::format::column::{ColumnBuilder, Element, data_type};

/// How a column's cells become values.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct VotableColumn {
    pub name: String,
    cell: Cell,
    /// The type of an element of the Arrow column.
    element: Element,
    is_list: bool,
    /// Elements of a cell (pairs for complex numbers, characters for text).
    length: Length,
    /// What means NULL, as it is written.
    null: Option<String>,
}

/// What a cell is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cell {
    /// Numbers or booleans, each of so many elements (two for complex).
    Values {
        n_parts: usize,
    },
    Bits,
    /// Characters of one byte or two, in strings of so many where there are several.
    Text {
        n_bytes: usize,
        string_width: Option<usize>,
    },
}

/// How many elements a cell has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Length {
    Fixed(usize),
    Variable,
}

/// What the children of a FIELD say.
#[derive(Debug, Default)]
pub(super) struct FieldText {
    pub description: Option<String>,
    /// `<VALUES null="…">`
    pub null: Option<String>,
}

/// The coordinate and time systems by their ID: under which key a field keeps what.
pub(super) type Systems = HashMap<String, (&'static str, String)>;

/// What a COOSYS or TIMESYS says, by its ID.
pub(super) fn system(tag: &Tag) -> Option<(String, (&'static str, String))> {
    let (key, words) = match tag.name.as_str() {
        "COOSYS" => (COOSYS, ["system", "equinox", "epoch"]),
        _ => (TIMESYS, ["timescale", "timeorigin", "refposition"]),
    };
    let said: Vec<String> =
        words.iter().filter_map(|word| Some(format!("{word}={}", tag.get(word)?))).collect();
    Some((tag.get("ID")?.to_owned(), (key, said.join(" "))))
}

/// Read a FIELD.
///
/// # Arguments
/// * `number` - of the column, 1-based
pub(super) fn parse(
    tag: &Tag,
    text: &FieldText,
    systems: &Systems,
    number: usize,
) -> Result<(VotableColumn, Field), FileProblem> {
    let name = tag.get("name").or(tag.get("ID"));
    let name = name.map_or_else(|| format!("col{number}"), str::to_owned);
    let wrong = |reason: String| FileProblem::Column { column: name.clone(), reason };
    let datatype = tag.get("datatype").ok_or_else(|| wrong("without a datatype".to_owned()))?;
    let arraysize = tag.get("arraysize");
    let axes = axes(arraysize).ok_or_else(|| wrong(format!("arraysize {arraysize:?}")))?;

    let values = |element, n_parts| (element, Cell::Values { n_parts });
    let (element, cell) = match datatype {
        "boolean" => values(Element::Boolean, 1),
        "bit" => (Element::Bit, Cell::Bits),
        "unsignedByte" => values(Element::UInt8, 1),
        "short" => values(Element::Int16, 1),
        "int" => values(Element::Int32, 1),
        "long" => values(Element::Int64, 1),
        "float" => values(Element::Float32, 1),
        "double" => values(Element::Float64, 1),
        "floatComplex" => values(Element::Float32, 2),
        "doubleComplex" => values(Element::Float64, 2),
        "char" | "unicodeChar" => {
            let string_width = axes.inner.first().copied().filter(|_| axes.n_axes > 1);
            let n_bytes = if datatype == "char" { 1 } else { 2 };
            (Element::Text, Cell::Text { n_bytes, string_width })
        }
        other => return Err(wrong(format!("no datatype {other}"))),
    };
    let is_text = matches!(cell, Cell::Text { .. });
    let is_list = match cell {
        Cell::Text { string_width, .. } => string_width.is_some(),
        Cell::Values { n_parts: 2 } => true,
        _ => axes.length != Length::Fixed(1),
    };
    let xtype = tag.get("xtype");
    let is_instant = is_text
        && !is_list
        && xtype.is_some_and(|xtype| {
            xtype.eq_ignore_ascii_case("timestamp") || xtype.eq_ignore_ascii_case("adql:timestamp")
        });
    let element = if is_instant { Element::Instant } else { element };

    let mut metadata = HashMap::new();
    for (key, value) in [
        (UNIT, tag.get("unit")),
        (UCD, tag.get("ucd")),
        (UTYPE, tag.get("utype")),
        (XTYPE, xtype),
        (DESCRIPTION, text.description.as_deref().filter(|text| !text.is_empty())),
        (DATATYPE, Some(datatype).filter(|_| element == Element::Text)),
        (ARRAYSIZE, arraysize.filter(|_| is_list || element == Element::Text)),
    ] {
        if let Some(value) = value {
            metadata.insert(key.to_owned(), value.to_owned());
        }
    }
    if let Some((key, value)) = tag.get("ref").and_then(|id| systems.get(id)) {
        metadata.insert((*key).to_owned(), value.clone());
    }
    let field = Field::new(&name, data_type(element, is_list), true).with_metadata(metadata);
    let length = axes.length;
    let null = text.null.clone();
    Ok((VotableColumn { name, cell, element, is_list, length, null }, field))
}

/// An arraysize, such as `3`, `*`, `10*`, `2x3` or `5x*`.
struct Axes {
    n_axes: usize,
    /// All but the last.
    inner: Vec<usize>,
    length: Length,
}

fn axes(arraysize: Option<&str>) -> Option<Axes> {
    let Some(arraysize) = arraysize else {
        return Some(Axes { n_axes: 0, inner: vec![], length: Length::Fixed(1) });
    };
    let mut axes: Vec<&str> = arraysize.split('x').map(str::trim).collect();
    let n_axes = axes.len();
    let last = axes.pop()?;
    let inner: Vec<usize> = axes.iter().map(|axis| axis.parse().ok()).collect::<Option<_>>()?;
    let inner_length = inner.iter().try_fold(1usize, |product, axis| product.checked_mul(*axis))?;
    let length = match last.strip_suffix('*') {
        Some(most) => {
            let is_right = most.is_empty() || most.parse::<u64>().is_ok();
            is_right.then_some(Length::Variable)?
        }
        None => {
            let n_elements = inner_length.checked_mul(last.parse().ok()?)?;
            Length::Fixed(n_elements)
        }
    };
    if n_axes > 1 && inner_length == 0 {
        return None;
    }
    Some(Axes { n_axes, inner, length })
}

impl VotableColumn {
    /// Begin the column of a batch.
    pub fn builder(&self) -> ColumnBuilder {
        ColumnBuilder::new(self.element, self.is_list, self.null.as_deref().and_then(integer))
    }

    /// Read a TD.
    pub fn read_text(&self, text: &str, builder: &mut ColumnBuilder) -> Result<(), CellProblem> {
        if text.is_empty() || self.null.as_deref().is_some_and(|null| null == text.trim()) {
            builder.null_cell();
            return Ok(());
        }
        let before = builder.n_elements();
        match self.cell {
            Cell::Text { string_width: None, .. } => return builder.text(text),
            Cell::Text { string_width: Some(width), .. } => {
                let mut rest = text;
                while !rest.is_empty() {
                    let end = rest.char_indices().nth(width).map_or(rest.len(), |(end, _)| end);
                    builder.text(rest[..end].trim_end())?;
                    rest = &rest[end..];
                }
                return builder.end_list();
            }
            Cell::Values { n_parts: 1 } if !self.is_list => return builder.text(text),
            _ if text.trim_ascii().is_empty() => {
                builder.null_cell();
                return Ok(());
            }
            Cell::Bits => {
                for bit in text.bytes().filter(|byte| !byte.is_ascii_whitespace()) {
                    match bit {
                        b'0' | b'1' => builder.bits(&[(bit - b'0') << 7], 1),
                        _ => return Err(builder.not_a(text)),
                    }
                }
            }
            Cell::Values { .. } => {
                text.split_ascii_whitespace().try_for_each(|word| builder.text(word))?;
            }
        }
        self.check_length(builder.n_elements() - before)?;
        builder.end_list()
    }

    fn check_length(&self, found: usize) -> Result<(), CellProblem> {
        let n_parts = match self.cell {
            Cell::Values { n_parts } => n_parts,
            _ => 1,
        };
        let is_right = match self.length {
            Length::Fixed(length) => found == length.saturating_mul(n_parts),
            Length::Variable => found.is_multiple_of(n_parts),
        };
        let expected = match self.length {
            Length::Fixed(length) => length.saturating_mul(n_parts),
            Length::Variable => found.next_multiple_of(n_parts),
        };
        if is_right { Ok(()) } else { Err(CellProblem::Length { found, expected }) }
    }

    /// Read a cell of a BINARY stream.
    ///
    /// # Arguments
    /// * `is_null` - the flag of BINARY2; `None` in BINARY, which has none
    /// * `n_row_bytes` - bytes of the row so far; the cell's are added
    pub fn read_binary(
        &self,
        stream: &mut impl Read,
        is_null: Option<bool>,
        scratch: &mut Vec<u8>,
        n_row_bytes: &mut usize,
        builder: &mut ColumnBuilder,
    ) -> io::Result<Result<(), CellProblem>> {
        let n_elements = match self.length {
            Length::Fixed(length) => length as i64,
            Length::Variable => {
                let mut count = [0; 4];
                stream.read_exact(&mut count)?;
                *n_row_bytes += count.len();
                i64::from(i32::from_be_bytes(count))
            }
        };
        let too_long = CellProblem::TooLong { n_elements };
        let Some(n_bytes) = usize::try_from(n_elements).ok().and_then(|n| self.n_bytes(n)) else {
            return Ok(Err(too_long));
        };
        *n_row_bytes = n_row_bytes.saturating_add(n_bytes);
        if *n_row_bytes > ROW_BYTES_LIMIT {
            return Ok(Err(too_long));
        }
        scratch.clear();
        // Memory grows with the bytes that come, not with those that are claimed.
        if stream.by_ref().take(n_bytes as u64).read_to_end(scratch)? < n_bytes {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let is_absent = n_elements == 0 && self.length == Length::Variable;
        if is_null.unwrap_or(is_absent) {
            builder.null_cell();
            return Ok(Ok(()));
        }
        Ok(self.decode(scratch, n_elements as usize, is_null.is_some(), builder))
    }

    fn n_bytes(&self, n_elements: usize) -> Option<usize> {
        match self.cell {
            Cell::Bits => Some(n_elements.div_ceil(8)),
            Cell::Text { n_bytes, .. } => n_elements.checked_mul(n_bytes),
            Cell::Values { n_parts } => {
                n_elements.checked_mul(n_parts)?.checked_mul(self.element.n_bytes())
            }
        }
    }

    /// Decode a cell's bytes; `has_flags`: an empty text is one, not NULL.
    fn decode(
        &self,
        bytes: &[u8],
        n_elements: usize,
        has_flags: bool,
        builder: &mut ColumnBuilder,
    ) -> Result<(), CellProblem> {
        match self.cell {
            Cell::Values { .. } => builder.big_endian(bytes)?,
            // The standard puts a single bit first in its byte, astropy puts it elsewhere.
            Cell::Bits if !self.is_list => {
                builder.bits(&[u8::MAX * u8::from(bytes.iter().any(|byte| *byte != 0))], 1);
            }
            Cell::Bits => builder.bits(bytes, n_elements),
            Cell::Text { n_bytes, string_width: None } => {
                let text = characters(bytes, n_bytes)?;
                return match has_flags {
                    true => builder.exact_text(&text),
                    false => builder.text(&text),
                };
            }
            Cell::Text { n_bytes, string_width: Some(width) } => {
                for string in bytes.chunks((width * n_bytes).max(1)) {
                    builder.text(characters(string, n_bytes)?.trim_end())?;
                }
            }
        }
        builder.end_list()
    }
}

/// Decode characters, up to a NUL.
fn characters(bytes: &[u8], n_bytes: usize) -> Result<String, CellProblem> {
    if n_bytes == 1 {
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        let text = std::str::from_utf8(&bytes[..end]).map_err(|_| CellProblem::NotText("UTF-8"))?;
        return Ok(text.to_owned());
    }
    let units = bytes.as_chunks::<2>().0.iter().map(|unit| u16::from_be_bytes(*unit));
    char::decode_utf16(units.take_while(|unit| *unit != 0))
        .collect::<Result<String, _>>()
        .map_err(|_| CellProblem::NotText("UTF-16"))
}

fn integer(text: &str) -> Option<i128> {
    let text = text.trim();
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => i128::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arraysizes() {
        let check = |text, expected: Option<(usize, Length)>| {
            let found = axes(text).map(|axes| (axes.n_axes, axes.length));
            assert_eq!(found, expected, "{text:?}");
        };
        check(None, Some((0, Length::Fixed(1))));
        check(Some("3"), Some((1, Length::Fixed(3))));
        check(Some("*"), Some((1, Length::Variable)));
        check(Some("10*"), Some((1, Length::Variable)));
        check(Some("2x3"), Some((2, Length::Fixed(6))));
        check(Some("5x*"), Some((2, Length::Variable)));
        check(Some("0x*"), None);
        check(Some("*x3"), None);
        check(Some("-1"), None);
        check(Some("x"), None);
        check(Some("99999999999x99999999999"), None);
    }

    #[test]
    fn characters_end_at_a_nul() {
        assert_eq!(characters(b"ab\0c", 1), Ok("ab".to_owned()));
        assert_eq!(characters(&[0, b'a', 0xd8, 0x3d, 0xde, 0x00], 2), Ok("a😀".to_owned()));
        assert_eq!(characters(&[0xd8, 0x3d, 0, b'a'], 2), Err(CellProblem::NotText("UTF-16")));
        assert_eq!(characters(&[0xe9], 1), Err(CellProblem::NotText("UTF-8")));
    }
}
