//! The columns of typed files: from the cells of rows to Arrow arrays.
//!
//! VOTable, FITS and ECSV have the same few types: numbers, booleans, bits, text, and arrays of
//! them. A [`ColumnBuilder`] takes a column's cells one by one, as text or as big-endian bytes.
//! NaN is NULL, and so are a cell without text and the number that a column declares as its null.
//!
//! | in the file                  | Arrow                                    |
//! |------------------------------|------------------------------------------|
//! | a number, boolean, bit       | the same type                            |
//! | complex                      | a list of the two floats                 |
//! | text                         | `Utf8`                                   |
//! | text with xtype timestamp    | `Timestamp(Microsecond)`                 |
//! | an array of any shape        | a list of its elements, first axis fastest |

use std::sync::Arc;

use arrow::array::{
    ArrayRef, ArrowPrimitiveType, BooleanBuilder, ListArray, NullBufferBuilder, PrimitiveBuilder,
    StringBuilder,
};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{
    DataType, Field, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit,
    TimestampMicrosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};

use crate::conform::instant;
use crate::error::CellProblem;

/// Longest excerpt of a value in a message, characters.
const EXCERPT_LENGTH: usize = 60;

/// The type of one element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    Boolean,
    Bit,
    Int8,
    UInt8,
    Int16,
    UInt16,
    Int32,
    UInt32,
    Int64,
    UInt64,
    Float32,
    Float64,
    Text,
    Instant,
}

impl Element {
    /// The Arrow type of the element.
    pub fn data_type(self) -> DataType {
        match self {
            Self::Boolean | Self::Bit => DataType::Boolean,
            Self::Int8 => DataType::Int8,
            Self::UInt8 => DataType::UInt8,
            Self::Int16 => DataType::Int16,
            Self::UInt16 => DataType::UInt16,
            Self::Int32 => DataType::Int32,
            Self::UInt32 => DataType::UInt32,
            Self::Int64 => DataType::Int64,
            Self::UInt64 => DataType::UInt64,
            Self::Float32 => DataType::Float32,
            Self::Float64 => DataType::Float64,
            Self::Text => DataType::Utf8,
            Self::Instant => DataType::Timestamp(TimeUnit::Microsecond, None),
        }
    }

    /// Bytes of one element in a binary file; text and bits are read by others.
    pub fn n_bytes(self) -> usize {
        match self {
            Self::Boolean | Self::Bit | Self::Int8 | Self::UInt8 => 1,
            Self::Text | Self::Instant => 1,
            Self::Int16 | Self::UInt16 => 2,
            Self::Int32 | Self::UInt32 | Self::Float32 => 4,
            Self::Int64 | Self::UInt64 | Self::Float64 => 8,
        }
    }

    /// The type with its article, as messages name it.
    fn noun(self) -> &'static str {
        match self {
            Self::Boolean => "a boolean",
            Self::Bit => "a bit",
            Self::Int8 => "an 8-bit integer",
            Self::UInt8 => "an unsigned byte",
            Self::Int16 => "a 16-bit integer",
            Self::UInt16 => "an unsigned 16-bit integer",
            Self::Int32 => "a 32-bit integer",
            Self::UInt32 => "an unsigned 32-bit integer",
            Self::Int64 => "a 64-bit integer",
            Self::UInt64 => "an unsigned 64-bit integer",
            Self::Float32 | Self::Float64 => "a number",
            Self::Text => "text",
            Self::Instant => "a timestamp (ISO 8601)",
        }
    }
}

/// The Arrow type of a column of elements or of lists of them.
pub(super) fn data_type(element: Element, is_list: bool) -> DataType {
    match is_list {
        true => DataType::List(Arc::new(Field::new_list_field(element.data_type(), true))),
        false => element.data_type(),
    }
}

/// Builds one column of a batch.
pub(super) struct ColumnBuilder {
    element: Element,
    elements: Elements,
    lists: Option<Lists>,
    /// The integer that means NULL.
    null: Option<i128>,
}

/// Where each list ends, and which are NULL.
struct Lists {
    offsets: Vec<i32>,
    nulls: NullBufferBuilder,
}

enum Elements {
    Boolean(BooleanBuilder),
    Int8(PrimitiveBuilder<Int8Type>),
    UInt8(PrimitiveBuilder<UInt8Type>),
    Int16(PrimitiveBuilder<Int16Type>),
    UInt16(PrimitiveBuilder<UInt16Type>),
    Int32(PrimitiveBuilder<Int32Type>),
    UInt32(PrimitiveBuilder<UInt32Type>),
    Int64(PrimitiveBuilder<Int64Type>),
    UInt64(PrimitiveBuilder<UInt64Type>),
    Float32(PrimitiveBuilder<Float32Type>),
    Float64(PrimitiveBuilder<Float64Type>),
    Text(StringBuilder),
    Instant(PrimitiveBuilder<TimestampMicrosecondType>),
}

impl ColumnBuilder {
    /// Begin a column.
    pub fn new(element: Element, is_list: bool, null: Option<i128>) -> Self {
        // Room is made when values come: a hostile file has many columns.
        let elements = match element {
            Element::Boolean | Element::Bit => Elements::Boolean(BooleanBuilder::with_capacity(0)),
            Element::Int8 => Elements::Int8(PrimitiveBuilder::with_capacity(0)),
            Element::UInt8 => Elements::UInt8(PrimitiveBuilder::with_capacity(0)),
            Element::Int16 => Elements::Int16(PrimitiveBuilder::with_capacity(0)),
            Element::UInt16 => Elements::UInt16(PrimitiveBuilder::with_capacity(0)),
            Element::Int32 => Elements::Int32(PrimitiveBuilder::with_capacity(0)),
            Element::UInt32 => Elements::UInt32(PrimitiveBuilder::with_capacity(0)),
            Element::Int64 => Elements::Int64(PrimitiveBuilder::with_capacity(0)),
            Element::UInt64 => Elements::UInt64(PrimitiveBuilder::with_capacity(0)),
            Element::Float32 => Elements::Float32(PrimitiveBuilder::with_capacity(0)),
            Element::Float64 => Elements::Float64(PrimitiveBuilder::with_capacity(0)),
            Element::Text => Elements::Text(StringBuilder::with_capacity(0, 0)),
            Element::Instant => Elements::Instant(PrimitiveBuilder::with_capacity(0)),
        };
        let lists = is_list.then(|| Lists { offsets: vec![0], nulls: NullBufferBuilder::new(0) });
        Self { element, elements, lists, null }
    }

    /// Append an element from text; nothing but white space is NULL, except for text, which is
    /// kept as it is and NULL where it is empty.
    pub fn text(&mut self, text: &str) -> Result<(), CellProblem> {
        let word = text.trim_ascii();
        let null = self.null;
        let read = match &mut self.elements {
            Elements::Text(builder) => {
                builder.append_option(Some(text).filter(|text| !text.is_empty()));
                true
            }
            _ if word.is_empty() => {
                self.null_element();
                true
            }
            Elements::Boolean(builder) => {
                boolean_word(word).map(|b| builder.append_option(b)).is_some()
            }
            Elements::Int8(builder) => integer_word(builder, word, null),
            Elements::UInt8(builder) => integer_word(builder, word, null),
            Elements::Int16(builder) => integer_word(builder, word, null),
            Elements::UInt16(builder) => integer_word(builder, word, null),
            Elements::Int32(builder) => integer_word(builder, word, null),
            Elements::UInt32(builder) => integer_word(builder, word, null),
            Elements::Int64(builder) => integer_word(builder, word, null),
            Elements::UInt64(builder) => integer_word(builder, word, null),
            Elements::Float32(builder) => {
                let value = word.parse().ok();
                value.map(|x: f32| builder.append_option((!x.is_nan()).then_some(x))).is_some()
            }
            Elements::Float64(builder) => {
                let value = word.parse().ok();
                value.map(|x: f64| builder.append_option((!x.is_nan()).then_some(x))).is_some()
            }
            Elements::Instant(builder) => {
                instant(word).map(|micros| builder.append_value(micros)).is_some()
            }
        };
        if read { Ok(()) } else { Err(self.not_a(text)) }
    }

    /// Append elements from big-endian bytes, as many as there are; neither text nor bits.
    pub fn big_endian(&mut self, bytes: &[u8]) -> Result<(), CellProblem> {
        let null = self.null;
        let integers = Integers { bytes, null };
        match &mut self.elements {
            Elements::Boolean(builder) => {
                for &byte in bytes {
                    match byte {
                        b'T' | b't' | b'1' => builder.append_value(true),
                        b'F' | b'f' | b'0' => builder.append_value(false),
                        0 | b' ' | b'?' => builder.append_null(),
                        other => return Err(self.not_a(&char::from(other).to_string())),
                    }
                }
            }
            Elements::Int8(builder) => integers.append(builder, i8::from_be_bytes),
            Elements::UInt8(builder) => integers.append(builder, u8::from_be_bytes),
            Elements::Int16(builder) => integers.append(builder, i16::from_be_bytes),
            Elements::UInt16(builder) => integers.append(builder, u16::from_be_bytes),
            Elements::Int32(builder) => integers.append(builder, i32::from_be_bytes),
            Elements::UInt32(builder) => integers.append(builder, u32::from_be_bytes),
            Elements::Int64(builder) => integers.append(builder, i64::from_be_bytes),
            Elements::UInt64(builder) => integers.append(builder, u64::from_be_bytes),
            Elements::Float32(builder) => {
                for number in chunks(bytes).map(f32::from_be_bytes) {
                    builder.append_option((!number.is_nan()).then_some(number));
                }
            }
            Elements::Float64(builder) => {
                for number in chunks(bytes).map(f64::from_be_bytes) {
                    builder.append_option((!number.is_nan()).then_some(number));
                }
            }
            Elements::Text(_) | Elements::Instant(_) => {}
        }
        Ok(())
    }

    /// Append an integer of a type that is not the file's (FITS: unsigned by offset).
    pub fn integer(&mut self, value: i128) -> Result<(), CellProblem> {
        let read = match &mut self.elements {
            Elements::Int8(builder) => append_integer(builder, value),
            Elements::UInt16(builder) => append_integer(builder, value),
            Elements::UInt32(builder) => append_integer(builder, value),
            Elements::UInt64(builder) => append_integer(builder, value),
            _ => false,
        };
        if read { Ok(()) } else { Err(self.not_a(&value.to_string())) }
    }

    /// Append a number to a column of 64-bit floats; NaN is NULL.
    pub fn float(&mut self, value: f64) {
        if let Elements::Float64(builder) = &mut self.elements {
            builder.append_option((!value.is_nan()).then_some(value));
        }
    }

    /// Append the first bits of bytes, the most significant first.
    pub fn bits(&mut self, bytes: &[u8], n_bits: usize) {
        if let Elements::Boolean(builder) = &mut self.elements {
            let bits =
                bytes.iter().flat_map(|byte| (0..8).rev().map(move |shift| byte >> shift & 1));
            bits.take(n_bits).for_each(|bit| builder.append_value(bit == 1));
        }
    }

    /// Append text as it is, also where it is empty.
    pub fn exact_text(&mut self, text: &str) -> Result<(), CellProblem> {
        match &mut self.elements {
            Elements::Text(builder) => {
                builder.append_value(text);
                Ok(())
            }
            _ => self.text(text),
        }
    }

    /// Append a NULL element.
    pub fn null_element(&mut self) {
        match &mut self.elements {
            Elements::Boolean(builder) => builder.append_null(),
            Elements::Int8(builder) => builder.append_null(),
            Elements::UInt8(builder) => builder.append_null(),
            Elements::Int16(builder) => builder.append_null(),
            Elements::UInt16(builder) => builder.append_null(),
            Elements::Int32(builder) => builder.append_null(),
            Elements::UInt32(builder) => builder.append_null(),
            Elements::Int64(builder) => builder.append_null(),
            Elements::UInt64(builder) => builder.append_null(),
            Elements::Float32(builder) => builder.append_null(),
            Elements::Float64(builder) => builder.append_null(),
            Elements::Text(builder) => builder.append_null(),
            Elements::Instant(builder) => builder.append_null(),
        }
    }

    /// Append a NULL cell: an element, or a whole list.
    pub fn null_cell(&mut self) {
        match &mut self.lists {
            Some(lists) => {
                lists.offsets.extend(lists.offsets.last().copied());
                lists.nulls.append_null();
            }
            None => self.null_element(),
        }
    }

    /// End a list: the elements since the last one are its own. Nothing for a column of elements.
    pub fn end_list(&mut self) -> Result<(), CellProblem> {
        let n_elements = self.n_elements();
        let Some(lists) = &mut self.lists else { return Ok(()) };
        let end = i32::try_from(n_elements)
            .map_err(|_| CellProblem::TooLong { n_elements: n_elements as i64 })?;
        lists.offsets.push(end);
        lists.nulls.append_non_null();
        Ok(())
    }

    /// The cells so far.
    pub fn n_cells(&self) -> usize {
        self.lists.as_ref().map_or_else(|| self.n_elements(), |lists| lists.offsets.len() - 1)
    }

    /// The elements so far, over all cells.
    pub fn n_elements(&self) -> usize {
        use arrow::array::ArrayBuilder as B;
        match &self.elements {
            Elements::Boolean(builder) => B::len(builder),
            Elements::Int8(builder) => B::len(builder),
            Elements::UInt8(builder) => B::len(builder),
            Elements::Int16(builder) => B::len(builder),
            Elements::UInt16(builder) => B::len(builder),
            Elements::Int32(builder) => B::len(builder),
            Elements::UInt32(builder) => B::len(builder),
            Elements::Int64(builder) => B::len(builder),
            Elements::UInt64(builder) => B::len(builder),
            Elements::Float32(builder) => B::len(builder),
            Elements::Float64(builder) => B::len(builder),
            Elements::Text(builder) => B::len(builder),
            Elements::Instant(builder) => B::len(builder),
        }
    }

    /// Return the column.
    pub fn finish(self) -> ArrayRef {
        let elements: ArrayRef = match self.elements {
            Elements::Boolean(mut builder) => Arc::new(builder.finish()),
            Elements::Int8(mut builder) => Arc::new(builder.finish()),
            Elements::UInt8(mut builder) => Arc::new(builder.finish()),
            Elements::Int16(mut builder) => Arc::new(builder.finish()),
            Elements::UInt16(mut builder) => Arc::new(builder.finish()),
            Elements::Int32(mut builder) => Arc::new(builder.finish()),
            Elements::UInt32(mut builder) => Arc::new(builder.finish()),
            Elements::Int64(mut builder) => Arc::new(builder.finish()),
            Elements::UInt64(mut builder) => Arc::new(builder.finish()),
            Elements::Float32(mut builder) => Arc::new(builder.finish()),
            Elements::Float64(mut builder) => Arc::new(builder.finish()),
            Elements::Text(mut builder) => Arc::new(builder.finish()),
            Elements::Instant(mut builder) => Arc::new(builder.finish()),
        };
        let Some(mut lists) = self.lists else { return elements };
        let item = Arc::new(Field::new_list_field(self.element.data_type(), true));
        let offsets = OffsetBuffer::new(ScalarBuffer::from(lists.offsets));
        Arc::new(ListArray::new(item, offsets, elements, lists.nulls.finish()))
    }

    /// Refuse a value.
    pub fn not_a(&self, value: &str) -> CellProblem {
        CellProblem::NotA { value: excerpt(value), noun: self.element.noun() }
    }
}

/// Shorten a value for a message.
pub(super) fn excerpt(value: &str) -> String {
    match value.char_indices().nth(EXCERPT_LENGTH) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_owned(),
    }
}

/// Numbers of one width, one after the other.
fn chunks<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> {
    bytes.as_chunks::<N>().0.iter().copied()
}

/// Big-endian integers, one of which may mean NULL.
struct Integers<'a> {
    bytes: &'a [u8],
    null: Option<i128>,
}

impl Integers<'_> {
    fn append<T: ArrowPrimitiveType, const N: usize>(
        &self,
        builder: &mut PrimitiveBuilder<T>,
        read: fn([u8; N]) -> T::Native,
    ) where
        T::Native: Into<i128>,
    {
        for value in chunks(self.bytes).map(read) {
            let is_null = self.null.is_some_and(|null| value.into() == null);
            builder.append_option((!is_null).then_some(value));
        }
    }
}

fn append_integer<T: ArrowPrimitiveType>(builder: &mut PrimitiveBuilder<T>, value: i128) -> bool
where
    T::Native: TryFrom<i128>,
{
    T::Native::try_from(value).map(|value| builder.append_value(value)).is_ok()
}

/// Read an integer, decimal or hexadecimal; also one that a tool wrote as a float (`12.0`).
fn integer_word<T: ArrowPrimitiveType>(
    builder: &mut PrimitiveBuilder<T>,
    word: &str,
    null: Option<i128>,
) -> bool
where
    T::Native: TryFrom<i128>,
{
    let hexadecimal = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X"));
    let value = match (hexadecimal, word.split_once('.')) {
        (Some(digits), _) => i128::from_str_radix(digits, 16).ok(),
        (None, Some((digits, zeros))) if zeros.bytes().all(|zero| zero == b'0') => {
            digits.parse().ok()
        }
        _ => word.parse().ok(),
    };
    let Some(value) = value else { return false };
    if null == Some(value) {
        builder.append_null();
        return true;
    }
    append_integer(builder, value)
}

/// Read a boolean; `?` is NULL.
fn boolean_word(word: &str) -> Option<Option<bool>> {
    match word {
        "1" | "t" | "T" => Some(Some(true)),
        "0" | "f" | "F" => Some(Some(false)),
        "?" => Some(None),
        _ if word.eq_ignore_ascii_case("true") => Some(Some(true)),
        _ if word.eq_ignore_ascii_case("false") => Some(Some(false)),
        _ => None,
    }
}
