//! The columns of a binary table, as TFORM, TDIM, TSCAL, TZERO and TNULL define them.
//!
//! Reference: FITS 4.0, section 7.3; TUCD, TUTYP, TXTYP and TCOMM as STIL writes them.

use std::collections::HashMap;

use almagest_storage::schema::arrow::{ARRAYSIZE, DATATYPE, DESCRIPTION, UCD, UNIT, UTYPE, XTYPE};
use arrow::datatypes::Field;

use super::header::Header;
use crate::error::FileProblem;
use crate::format::column::{ColumnBuilder, Element, data_type};

/// The most columns of a table by the standard.
const MOST_COLUMNS: u64 = 999;

/// How a column's bytes become values.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FitsColumn {
    pub name: String,
    /// Bytes of the column in a row.
    pub width: usize,
    /// Elements in a row (bits for X, characters for A).
    pub repeat: usize,
    /// What the elements are.
    pub code: Code,
    pub scaling: Scaling,
    /// The type of an element of the Arrow column.
    pub element: Element,
    pub is_list: bool,
    /// Characters of each string, where a cell holds several.
    pub string_width: Option<usize>,
    /// The integer that means NULL, before scaling.
    pub null: Option<i128>,
    /// An array in the heap: are its descriptor's numbers of 64 bits?
    pub heap: Option<Descriptor>,
}

/// How an array in the heap is pointed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Descriptor {
    /// P: two 32-bit numbers.
    Narrow,
    /// Q: two 64-bit numbers.
    Wide,
}

/// The code letter of TFORM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    Logical,
    Bits,
    Byte,
    Short,
    Int,
    Long,
    Float,
    Double,
    Characters,
    /// Pairs of floats.
    ComplexFloat,
    /// Pairs of doubles.
    ComplexDouble,
}

/// What TSCAL and TZERO make of the numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Scaling {
    /// Nothing.
    None,
    /// An integer of the other signedness.
    Offset(i128),
    /// Doubles.
    Linear { scale: f64, zero: f64 },
}

impl Code {
    fn of(letter: char) -> Option<Self> {
        Some(match letter {
            'L' => Self::Logical,
            'X' => Self::Bits,
            'B' => Self::Byte,
            'I' => Self::Short,
            'J' => Self::Int,
            'K' => Self::Long,
            'E' => Self::Float,
            'D' => Self::Double,
            'A' => Self::Characters,
            'C' => Self::ComplexFloat,
            'M' => Self::ComplexDouble,
            _ => return None,
        })
    }

    fn element(self) -> Element {
        match self {
            Self::Logical => Element::Boolean,
            Self::Bits => Element::Bit,
            Self::Byte => Element::UInt8,
            Self::Short => Element::Int16,
            Self::Int => Element::Int32,
            Self::Long => Element::Int64,
            Self::Float | Self::ComplexFloat => Element::Float32,
            Self::Double | Self::ComplexDouble => Element::Float64,
            Self::Characters => Element::Text,
        }
    }

    /// Bytes of so many elements.
    pub fn n_bytes(self, n_elements: usize) -> Option<usize> {
        match self {
            Self::Bits => Some(n_elements.div_ceil(8)),
            Self::ComplexFloat => n_elements.checked_mul(8),
            Self::ComplexDouble => n_elements.checked_mul(16),
            _ => n_elements.checked_mul(self.element().n_bytes()),
        }
    }

    fn is_integer(self) -> bool {
        matches!(self, Self::Byte | Self::Short | Self::Int | Self::Long)
    }
}

impl FitsColumn {
    /// Begin the column of a batch.
    pub fn builder(&self) -> ColumnBuilder {
        // Scaled numbers are compared with the null before they are scaled.
        let null = self.null.filter(|_| self.scaling == Scaling::None);
        ColumnBuilder::new(self.element, self.is_list, null)
    }
}

/// Read the definitions of all columns, and the fields that describe them.
pub(super) fn columns(header: &Header) -> Result<Vec<(FitsColumn, Field)>, FileProblem> {
    let n_columns = header.required("TFIELDS")?;
    if n_columns == 0 || n_columns > MOST_COLUMNS {
        return Err(FileProblem::Header { reason: format!("TFIELDS = {n_columns}") });
    }
    (1..=n_columns).map(|number| column(header, number)).collect()
}

fn column(header: &Header, number: u64) -> Result<(FitsColumn, Field), FileProblem> {
    let key = |word: &str| format!("{word}{number}");
    let name = header.text(&key("TTYPE")).map_or_else(|| format!("col{number}"), str::to_owned);
    let wrong = |reason: String| FileProblem::Column { column: name.clone(), reason };
    let form = header.text(&key("TFORM")).ok_or_else(|| wrong("without TFORM".to_owned()))?;
    let Form { repeat, code, heap, substring } =
        Form::parse(form).ok_or_else(|| wrong(format!("TFORM {form}")))?;

    let scaling = scaling(code, header.number(&key("TSCAL")), header.number(&key("TZERO")));
    let element = match (scaling, code) {
        (Scaling::Linear { .. }, _) => Element::Float64,
        (Scaling::Offset(_), Code::Byte) => Element::Int8,
        (Scaling::Offset(_), Code::Short) => Element::UInt16,
        (Scaling::Offset(_), Code::Int) => Element::UInt32,
        (Scaling::Offset(_), _) => Element::UInt64,
        (Scaling::None, code) => code.element(),
    };
    let shape = header.text(&key("TDIM")).and_then(shape);
    let first_axis = shape.as_ref().and_then(|shape| shape.first().copied());
    let string_width = match code {
        Code::Characters => substring
            .or(first_axis.filter(|_| shape.as_ref().is_some_and(|shape| shape.len() > 1)))
            .filter(|width| *width > 0 && (heap.is_some() || *width < repeat)),
        _ => None,
    };
    let is_complex = matches!(code, Code::ComplexFloat | Code::ComplexDouble);
    let is_list = match code {
        Code::Characters => string_width.is_some(),
        _ => repeat != 1 || heap.is_some() || is_complex || shape.is_some(),
    };
    let width = match heap {
        Some(Descriptor::Narrow) => Some(8 * repeat.min(1)),
        Some(Descriptor::Wide) => Some(16 * repeat.min(1)),
        None => code.n_bytes(repeat),
    };
    let width = width.ok_or_else(|| wrong(format!("TFORM {form}")))?;
    let xtype = header.text(&key("TXTYP"));
    let is_instant = xtype == Some("timestamp") && code == Code::Characters && !is_list;
    let element = if is_instant { Element::Instant } else { element };

    let mut metadata = HashMap::new();
    for (word, key_word) in
        [(UNIT, "TUNIT"), (UCD, "TUCD"), (UTYPE, "TUTYP"), (XTYPE, "TXTYP"), (DESCRIPTION, "TCOMM")]
    {
        if let Some(value) = header.text(&key(key_word)) {
            metadata.insert(word.to_owned(), value.to_owned());
        }
    }
    if element == Element::Text {
        metadata.insert(DATATYPE.to_owned(), "char".to_owned());
    }
    let arraysize = match (&shape, code) {
        _ if heap.is_some() => Some("*".to_owned()),
        (Some(shape), _) if !is_complex => {
            Some(shape.iter().map(usize::to_string).collect::<Vec<_>>().join("x"))
        }
        (_, Code::Characters) => match string_width {
            Some(width) => Some(format!("{width}x{}", repeat / width)),
            None => Some(repeat.to_string()),
        },
        (_, _) if is_complex => Some((2 * repeat).to_string()),
        _ => is_list.then(|| repeat.to_string()),
    };
    if let Some(arraysize) = arraysize.filter(|_| !is_instant) {
        metadata.insert(ARRAYSIZE.to_owned(), arraysize);
    }
    let field = Field::new(&name, data_type(element, is_list), true).with_metadata(metadata);
    let null = header.text(&key("TNULL")).and_then(|value| value.parse().ok());
    let null = null.filter(|_| code.is_integer());
    let column = FitsColumn {
        name,
        width,
        repeat,
        code,
        scaling,
        element,
        is_list,
        string_width,
        null,
        heap,
    };
    Ok((column, field))
}

/// A parsed TFORM.
#[derive(Debug, PartialEq)]
struct Form {
    repeat: usize,
    code: Code,
    heap: Option<Descriptor>,
    /// Characters of each string, in the convention `rAw`.
    substring: Option<usize>,
}

impl Form {
    fn parse(form: &str) -> Option<Self> {
        let form = form.trim();
        let n_digits = form.bytes().take_while(u8::is_ascii_digit).count();
        let repeat = if n_digits == 0 { 1 } else { form[..n_digits].parse::<u32>().ok()? };
        let mut letters = form[n_digits..].chars();
        let (letter, heap) = match letters.next()? {
            'P' => (letters.next()?, Some(Descriptor::Narrow)),
            'Q' => (letters.next()?, Some(Descriptor::Wide)),
            letter => (letter, None),
        };
        if heap.is_some() && repeat > 1 {
            return None;
        }
        let code = Code::of(letter)?;
        let substring = letters.as_str().parse().ok().filter(|_| code == Code::Characters);
        Some(Self { repeat: repeat as usize, code, heap, substring })
    }
}

fn scaling(code: Code, scale: Option<f64>, zero: Option<f64>) -> Scaling {
    let (scale, zero) = (scale.unwrap_or(1.0), zero.unwrap_or(0.0));
    let offset = match code {
        Code::Byte => -128.0,
        Code::Short => 32_768.0,
        Code::Int => 2_147_483_648.0,
        Code::Long => 9_223_372_036_854_775_808.0,
        Code::Float | Code::Double => f64::NAN,
        // The standard gives scales of text, bits and booleans no meaning.
        _ => return Scaling::None,
    };
    if scale == 1.0 && zero == 0.0 {
        Scaling::None
    } else if scale == 1.0 && zero == offset {
        Scaling::Offset(zero as i128)
    } else {
        Scaling::Linear { scale, zero }
    }
}

/// Read a TDIM such as `(2,3)`.
fn shape(text: &str) -> Option<Vec<usize>> {
    let inner = text.trim().strip_prefix('(')?.strip_suffix(')')?;
    inner.split(',').map(|axis| axis.trim().parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let form = |repeat, code, heap, substring| Some(Form { repeat, code, heap, substring });
        let check = |text, expected| assert_eq!(Form::parse(text), expected, "{text}");
        check("J", form(1, Code::Int, None, None));
        check("3E", form(3, Code::Float, None, None));
        check("0D", form(0, Code::Double, None, None));
        check("60A12", form(60, Code::Characters, None, Some(12)));
        check("1PD(17)", form(1, Code::Double, Some(Descriptor::Narrow), None));
        check("QJ", form(1, Code::Int, Some(Descriptor::Wide), None));
        check("2PD", None);
        check("", None);
        check("1Z", None);
        check("99999999999999999999J", None);
    }

    #[test]
    fn offsets_make_unsigned_integers_and_other_scales_doubles() {
        assert_eq!(scaling(Code::Int, None, Some(2_147_483_648.0)), Scaling::Offset(1 << 31));
        assert_eq!(scaling(Code::Long, Some(1.0), Some(2f64.powi(63))), Scaling::Offset(1 << 63));
        assert_eq!(scaling(Code::Byte, None, Some(-128.0)), Scaling::Offset(-128));
        assert_eq!(scaling(Code::Int, None, None), Scaling::None);
        let linear = Scaling::Linear { scale: 0.5, zero: 32_768.0 };
        assert_eq!(scaling(Code::Short, Some(0.5), Some(32_768.0)), linear);
    }
}
