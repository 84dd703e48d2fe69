//! Rows as big-endian bytes, written a column at a time: what BINARY, BINARY2 and FITS share.
//!
//! ```text
//! row:  null flags (BINARY2) │ value │ value │ …
//!
//! block of rows    ┌ cursor of each row, moved on by every column ─┐
//! column by column ▼                                               ▼
//!                  │..v0..│........│        │..v0..│........│
//! ```
//!
//! A block is small enough for the processor's cache, so that going over it once for each column
//! costs less than asking each value what it is.
//!
//! Reference: VOTable 1.4, section 5.4 and 6; FITS 4.0, section 7.3.

use std::ops::Range;

use almagest_engine::arrow::array::{Array, ArrowPrimitiveType, PrimitiveArray};
use almagest_engine::tap_schema::{ArraySize, Primitive, VotableType};

use super::cell::{Column, elements};
use super::numeral::write_time;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod by_cell;

/// Rows of a block.
const BLOCK_ROWS: usize = 512;

/// How the values of a column lie in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// A number or a truth value; `absent` is the integer that stands for none.
    Scalar {
        /// The integer that stands for none; floats have NaN.
        absent: i64,
    },
    /// So many numbers, always.
    Array(usize),
    /// A 4-byte count, then so many numbers.
    CountedArray,
    /// A 4-byte count, then so many bytes of UTF-8.
    CountedBytes,
    /// A 4-byte count, then so many 2-byte units of UTF-16.
    CountedUtf16,
    /// So many bytes of UTF-8, filled up with zeros.
    PaddedText(usize),
    /// Count of the elements and their place in the heap behind the table (FITS).
    Descriptor {
        /// 64-bit numbers rather than 32-bit ones?
        is_long: bool,
        /// The place of the next row's elements in the heap, bytes.
        next: u64,
    },
}

/// What a row looks like.
#[derive(Debug, Clone)]
pub struct Layout {
    /// Does a row begin with a bit for each column, set where there is no value?
    pub has_null_flags: bool,
    /// The byte that stands for an absent truth value.
    pub absent_truth: u8,
    /// The columns.
    pub slots: Vec<Slot>,
}

impl Layout {
    /// The rows of VOTable's BINARY2.
    pub fn binary2(kinds: &[VotableType]) -> Self {
        let slots = kinds.iter().map(|kind| votable_slot(kind, 0)).collect();
        Self { has_null_flags: true, absent_truth: b'?', slots }
    }

    /// The rows of VOTable's BINARY, where an integer stands for none.
    pub fn binary(kinds: &[VotableType]) -> Self {
        let slots = kinds.iter().map(|kind| votable_slot(kind, absent(kind).unwrap_or(0)));
        Self { has_null_flags: false, absent_truth: b'?', slots: slots.collect() }
    }

    /// Append `rows` of the columns.
    pub fn write(&mut self, columns: &[Column<'_>], rows: Range<usize>, out: &mut Vec<u8>) {
        let mut cursors = Vec::with_capacity(BLOCK_ROWS);
        for begin in rows.clone().step_by(BLOCK_ROWS) {
            let block = begin..rows.end.min(begin + BLOCK_ROWS);
            self.write_block(columns, block, &mut cursors, out);
        }
    }

    fn write_block(
        &mut self,
        columns: &[Column<'_>],
        rows: Range<usize>,
        cursors: &mut Vec<usize>,
        out: &mut Vec<u8>,
    ) {
        let n_flags = if self.has_null_flags { columns.len().div_ceil(8) } else { 0 };
        let all = || columns.iter().zip(&self.slots);
        let fixed: usize = all().filter_map(|(column, slot)| slot.width(column)).sum();
        cursors.clear();
        cursors.resize(rows.len(), n_flags + fixed);
        for (column, slot) in all().filter(|(column, slot)| slot.width(column).is_none()) {
            for (size, row) in cursors.iter_mut().zip(rows.clone()) {
                *size += slot.counted_size(column, row);
            }
        }
        // Sizes become places.
        let mut place = out.len();
        for cursor in cursors.iter_mut() {
            place += std::mem::replace(cursor, place);
        }
        out.resize(place, 0);
        if self.has_null_flags {
            write_null_flags(columns, rows.clone(), cursors, out);
            cursors.iter_mut().for_each(|cursor| *cursor += n_flags);
        }
        let absent_truth = self.absent_truth;
        for (column, slot) in columns.iter().zip(&mut self.slots) {
            Target { rows: rows.clone(), cursors, out, absent_truth }.write(column, slot);
        }
    }
}

/// The integer that stands for none where there are no flags: the least of its type. `None` for what
/// is not an integer, and for unsigned bytes, all of which are in use.
pub fn absent(kind: &VotableType) -> Option<i64> {
    if kind.arraysize != ArraySize::Scalar {
        return None;
    }
    Some(match kind.primitive {
        Primitive::Short => i16::MIN.into(),
        Primitive::Int => i32::MIN.into(),
        Primitive::Long => i64::MIN,
        _ => return None,
    })
}

fn votable_slot(kind: &VotableType, absent: i64) -> Slot {
    match (kind.primitive, kind.arraysize) {
        (Primitive::Char, _) => Slot::CountedBytes,
        (Primitive::UnicodeChar, _) => Slot::CountedUtf16,
        (_, ArraySize::Scalar) => Slot::Scalar { absent },
        (_, ArraySize::Fixed(n)) => Slot::Array(n as usize),
        (_, ArraySize::AtMost(_) | ArraySize::Any) => Slot::CountedArray,
    }
}

impl Slot {
    /// Bytes that a value takes in a row; `None` where they vary.
    pub fn width(&self, column: &Column<'_>) -> Option<usize> {
        match self {
            Self::Scalar { .. } => Some(element_width(column)),
            Self::Array(n) => Some(n * element_width(column)),
            Self::PaddedText(width) => Some(*width),
            Self::Descriptor { is_long, .. } => Some(if *is_long { 16 } else { 8 }),
            Self::CountedArray | Self::CountedBytes | Self::CountedUtf16 => None,
        }
    }

    /// Bytes that a row's value takes with its count.
    fn counted_size(&self, column: &Column<'_>, row: usize) -> usize {
        if column.is_null(row) {
            return 4;
        }
        4 + match (self, column) {
            (Self::CountedUtf16, Column::Text(a)) => 2 * utf16_len(a.value(row)),
            _ => heap_size(column, row),
        }
    }
}

/// Bytes of one element.
pub fn element_width(column: &Column<'_>) -> usize {
    match column {
        Column::Boolean(_) | Column::Byte(_) | Column::Text(_) | Column::Bytes(_) => 1,
        Column::Short(_) => 2,
        Column::Int(_) | Column::Float(_) => 4,
        Column::Long(_) | Column::Double(_) => 8,
        Column::Time(_) => 1,
        Column::Numbers(_, all) => element_width(all),
    }
}

/// Elements of the value of a row.
pub fn element_count(column: &Column<'_>, row: usize) -> usize {
    if column.is_null(row) {
        return 0;
    }
    match column {
        Column::Text(a) => a.value(row).len(),
        Column::Bytes(a) => a.value(row).len(),
        Column::Numbers(lists, _) => elements(lists, row).len(),
        Column::Time(a) => time_text(a.value(row)).len(),
        _ => 1,
    }
}

/// Bytes of the elements of the value of a row.
fn heap_size(column: &Column<'_>, row: usize) -> usize {
    element_count(column, row) * element_width(column)
}

/// Append the elements of the value of a row, text as UTF-8.
pub fn write_elements(column: &Column<'_>, row: usize, absent_truth: u8, out: &mut Vec<u8>) {
    if column.is_null(row) {
        return;
    }
    match column {
        Column::Text(a) => out.extend_from_slice(a.value(row).as_bytes()),
        Column::Bytes(a) => out.extend_from_slice(a.value(row)),
        Column::Time(a) => write_time(out, a.value(row)),
        Column::Numbers(lists, all) => {
            let range = elements(lists, row);
            let mut cursors: Vec<usize> = Vec::with_capacity(range.len());
            let (begin, width) = (out.len(), element_width(all));
            cursors.extend((0..range.len()).map(|index| begin + index * width));
            out.resize(begin + range.len() * width, 0);
            let mut target = Target { rows: range, cursors: &mut cursors, out, absent_truth };
            target.write(all, &mut Slot::Scalar { absent: 0 });
        }
        _ => {}
    }
}

fn write_null_flags(columns: &[Column<'_>], rows: Range<usize>, cursors: &[usize], out: &mut [u8]) {
    for (index, column) in columns.iter().enumerate().filter(|(_, c)| c.null_count() > 0) {
        for (cursor, row) in cursors.iter().zip(rows.clone()) {
            if column.is_null(row) {
                out[cursor + index / 8] |= 0x80 >> (index % 8);
            }
        }
    }
}

/// Where the values of a column go: the place of each row, moved on behind the value.
struct Target<'a> {
    rows: Range<usize>,
    cursors: &'a mut [usize],
    out: &'a mut Vec<u8>,
    absent_truth: u8,
}

impl Target<'_> {
    fn write(&mut self, column: &Column<'_>, slot: &mut Slot) {
        match slot {
            Slot::Scalar { absent } => self.scalars(column, *absent),
            Slot::Array(n) => self.arrays(column, *n),
            Slot::PaddedText(width) => self.padded(column, *width),
            Slot::Descriptor { is_long, next } => self.descriptors(column, *is_long, next),
            Slot::CountedArray | Slot::CountedBytes | Slot::CountedUtf16 => {
                self.counted(column, *slot);
            }
        }
    }

    /// A number of no value is `absent`, or NaN; integers that do not fit cannot stand for none.
    fn scalars(&mut self, column: &Column<'_>, absent: i64) {
        match column {
            Column::Boolean(a) => {
                let absent_truth = self.absent_truth;
                self.each(|row| match (a.is_null(row), a.value(row)) {
                    (true, _) => [absent_truth],
                    (false, true) => [b'T'],
                    (false, false) => [b'F'],
                });
            }
            Column::Byte(a) => self.primitive(a, u8::to_be_bytes, absent as u8),
            Column::Short(a) => self.primitive(a, i16::to_be_bytes, absent as i16),
            Column::Int(a) => self.primitive(a, i32::to_be_bytes, absent as i32),
            Column::Long(a) => self.primitive(a, i64::to_be_bytes, absent),
            Column::Float(a) => self.primitive(a, f32::to_be_bytes, f32::NAN),
            Column::Double(a) => self.primitive(a, f64::to_be_bytes, f64::NAN),
            Column::Text(_) | Column::Bytes(_) | Column::Time(_) | Column::Numbers(..) => {}
        }
    }

    fn primitive<T: ArrowPrimitiveType, const N: usize>(
        &mut self,
        array: &PrimitiveArray<T>,
        bytes: impl Fn(T::Native) -> [u8; N],
        absent: T::Native,
    ) {
        let values = &array.values()[self.rows.clone()];
        let cursors = self.cursors.iter_mut();
        match array.nulls().filter(|nulls| nulls.null_count() > 0) {
            None => {
                for (cursor, value) in cursors.zip(values) {
                    self.out[*cursor..*cursor + N].copy_from_slice(&bytes(*value));
                    *cursor += N;
                }
            }
            Some(nulls) => {
                let rows = self.rows.clone();
                for ((cursor, value), row) in cursors.zip(values).zip(rows) {
                    let value = if nulls.is_valid(row) { *value } else { absent };
                    self.out[*cursor..*cursor + N].copy_from_slice(&bytes(value));
                    *cursor += N;
                }
            }
        }
    }

    fn each<const N: usize>(&mut self, bytes: impl Fn(usize) -> [u8; N]) {
        for (cursor, row) in self.cursors.iter_mut().zip(self.rows.clone()) {
            self.out[*cursor..*cursor + N].copy_from_slice(&bytes(row));
            *cursor += N;
        }
    }

    /// An array that is too short, or absent, is filled up with what stands for absent numbers; of
    /// one that is too long the first elements are taken.
    fn arrays(&mut self, column: &Column<'_>, n: usize) {
        let Column::Numbers(lists, all) = column else { return };
        let mut filling = vec![0; element_width(all)];
        match all.as_ref() {
            Column::Float(_) => filling.copy_from_slice(&f32::NAN.to_be_bytes()),
            Column::Double(_) => filling.copy_from_slice(&f64::NAN.to_be_bytes()),
            Column::Boolean(_) => filling.fill(self.absent_truth),
            _ => {}
        }
        let mut value = Vec::new();
        let size = n * filling.len();
        for (cursor, row) in self.cursors.iter_mut().zip(self.rows.clone()) {
            value.clear();
            if lists.is_valid(row) {
                write_elements(column, row, self.absent_truth, &mut value);
            }
            value.truncate(size);
            while value.len() < size {
                value.extend_from_slice(&filling);
            }
            self.out[*cursor..*cursor + size].copy_from_slice(&value);
            *cursor += size;
        }
    }

    fn counted(&mut self, column: &Column<'_>, slot: Slot) {
        let mut value = Vec::new();
        for (cursor, row) in self.cursors.iter_mut().zip(self.rows.clone()) {
            value.clear();
            let count = match (slot, column) {
                _ if column.is_null(row) => 0,
                (Slot::CountedUtf16, Column::Text(a)) => write_utf16(a.value(row), &mut value),
                _ => {
                    write_elements(column, row, self.absent_truth, &mut value);
                    value.len() / element_width(column)
                }
            };
            // The count is signed in VOTable; no value in Arrow has more elements.
            let count = i32::try_from(count).unwrap_or(i32::MAX);
            self.out[*cursor..*cursor + 4].copy_from_slice(&count.to_be_bytes());
            *cursor += 4;
            self.out[*cursor..*cursor + value.len()].copy_from_slice(&value);
            *cursor += value.len();
        }
    }

    fn padded(&mut self, column: &Column<'_>, width: usize) {
        let mut value = Vec::new();
        for (cursor, row) in self.cursors.iter_mut().zip(self.rows.clone()) {
            value.clear();
            write_elements(column, row, self.absent_truth, &mut value);
            value.resize(width, 0);
            self.out[*cursor..*cursor + width].copy_from_slice(&value);
            *cursor += width;
        }
    }

    fn descriptors(&mut self, column: &Column<'_>, is_long: bool, next: &mut u64) {
        for (cursor, row) in self.cursors.iter_mut().zip(self.rows.clone()) {
            let count = element_count(column, row) as u64;
            for number in [count, *next] {
                let bytes = number.to_be_bytes();
                let bytes = if is_long { &bytes[..] } else { &bytes[4..] };
                self.out[*cursor..*cursor + bytes.len()].copy_from_slice(bytes);
                *cursor += bytes.len();
            }
            *next += count * element_width(column) as u64;
        }
    }
}

fn utf16_len(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.encode_utf16().count() }
}

fn write_utf16(text: &str, out: &mut Vec<u8>) -> usize {
    let begin = out.len();
    if text.is_ascii() {
        out.extend(text.bytes().flat_map(|byte| [0, byte]));
    } else {
        out.extend(text.encode_utf16().flat_map(u16::to_be_bytes));
    }
    (out.len() - begin) / 2
}

fn time_text(microseconds: i64) -> Vec<u8> {
    let mut text = Vec::with_capacity(26);
    write_time(&mut text, microseconds);
    text
}
