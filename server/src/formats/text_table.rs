//! Plain text in columns, for people.
//!
//! A column is as wide as its name, its unit and its values among the first rows; a wider value
//! that comes later pushes its row aside, and is never cut. An absent value is blank. The last line
//! says how many rows there are and how the result ended.

use almagest_engine::arrow::datatypes::{DataType, FieldRef, Schema};
use almagest_engine::arrow::record_batch::RecordBatch;
use almagest_storage::schema::arrow::UNIT;

use super::cell::{Column, columns};
use super::votable::OVERFLOW;
use super::{Encoder, Ending};
use crate::Result;

/// Rows that decide how wide the columns are.
const MEASURED_ROWS: usize = 1000;
/// A value among them that is wider does not widen its column, characters.
const MAX_WIDTH: usize = 60;

/// Writes text in columns.
pub struct TextTable {
    titles: Vec<Title>,
    is_begun: bool,
    n_rows: u64,
}

/// What stands above a column.
struct Title {
    name: String,
    unit: String,
    is_right: bool,
    width: usize,
}

impl TextTable {
    /// Make an encoder of rows of the canonical schema `schema`.
    pub fn new(schema: &Schema) -> Self {
        let title = |field: &FieldRef| {
            let unit = field.metadata().get(UNIT).map_or("", String::as_str);
            let name = one_line(field.name());
            Title {
                width: name.chars().count().max(unit.chars().count()),
                name,
                unit: one_line(unit),
                is_right: is_right(field.data_type()),
            }
        };
        let titles = schema.fields().iter().map(title).collect();
        Self { titles, is_begun: false, n_rows: 0 }
    }

    /// Append names, units and a rule, once.
    fn write_titles(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.is_begun, true) {
            return;
        }
        let names = self.titles.iter().map(|title| title.name.as_str()).collect::<Vec<_>>();
        self.write_line(&names, out);
        if self.titles.iter().any(|title| !title.unit.is_empty()) {
            let units = self.titles.iter().map(|title| title.unit.as_str()).collect::<Vec<_>>();
            self.write_line(&units, out);
        }
        let rules = self.titles.iter().map(|title| "-".repeat(title.width)).collect::<Vec<_>>();
        self.write_line(&rules.iter().map(String::as_str).collect::<Vec<_>>(), out);
    }

    fn write_line(&self, cells: &[&str], out: &mut Vec<u8>) {
        let begin = out.len();
        for (cell, title) in cells.iter().zip(&self.titles) {
            if out.len() > begin {
                out.extend_from_slice(b"  ");
            }
            let room = title.width.saturating_sub(cell.chars().count());
            let (before, after) = if title.is_right { (room, 0) } else { (0, room) };
            out.extend(std::iter::repeat_n(b' ', before));
            out.extend_from_slice(cell.as_bytes());
            out.extend(std::iter::repeat_n(b' ', after));
        }
        while out.len() > begin && out.last() == Some(&b' ') {
            out.pop();
        }
        out.push(b'\n');
    }
}

impl Encoder for TextTable {
    fn begin(&mut self) -> Result<Vec<u8>> {
        Ok(Vec::new())
    }

    fn rows(&mut self, batch: &RecordBatch) -> Result<Vec<u8>> {
        let columns = columns(batch)?;
        let mut out = Vec::with_capacity(batch.num_rows() * columns.len() * 16);
        if !self.is_begun && batch.num_rows() > 0 {
            for (title, column) in self.titles.iter_mut().zip(&columns) {
                let widths = (0..batch.num_rows().min(MEASURED_ROWS))
                    .map(|row| text(column, row).chars().count())
                    .filter(|width| *width <= MAX_WIDTH);
                title.width = widths.max().unwrap_or(0).max(title.width);
            }
            self.write_titles(&mut out);
        }
        for row in 0..batch.num_rows() {
            let cells: Vec<String> = columns.iter().map(|column| text(column, row)).collect();
            self.write_line(&cells.iter().map(String::as_str).collect::<Vec<_>>(), &mut out);
        }
        self.n_rows += batch.num_rows() as u64;
        Ok(out)
    }

    fn end(&mut self, ending: &Ending) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        self.write_titles(&mut out);
        let rows = match self.n_rows {
            1 => "1 row".to_owned(),
            n => format!("{n} rows"),
        };
        let status = match ending {
            Ending::Complete => rows,
            Ending::Overflow => format!("{rows}; {OVERFLOW}"),
            Ending::Failed(message) => format!("ERROR after {rows}: {}", one_line(message)),
        };
        out.extend_from_slice(format!("\n{status}\n").as_bytes());
        Ok(out)
    }

    fn can_report_failure(&self) -> bool {
        true
    }
}

fn is_right(data_type: &DataType) -> bool {
    data_type.is_numeric()
}

fn text(column: &Column<'_>, row: usize) -> String {
    let mut out = Vec::new();
    if !column.is_null(row) {
        column.write_text(row, &mut out);
    }
    one_line(&String::from_utf8_lossy(&out))
}

/// Line breaks and other controls would break the columns: they become spaces.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use almagest_engine::arrow::array::{ArrayRef, Float64Array, StringArray};
    use almagest_engine::arrow::datatypes::Field;
    use std::sync::Arc;

    #[test]
    fn columns_are_aligned_and_no_value_is_cut() {
        let unit = [(UNIT.to_owned(), "deg".to_owned())];
        let fields = vec![
            Field::new("ra", DataType::Float64, true).with_metadata(unit.into()),
            Field::new("name", DataType::Utf8, true),
        ];
        let schema = Arc::new(Schema::new(fields));
        let batch = |ra: Vec<Option<f64>>, names: Vec<Option<&str>>| {
            let columns: Vec<ArrayRef> =
                vec![Arc::new(Float64Array::from(ra)), Arc::new(StringArray::from(names))];
            RecordBatch::try_new(schema.clone(), columns).unwrap()
        };
        let mut encoder = TextTable::new(&schema);
        let mut out = encoder.begin().unwrap();
        let first = batch(vec![Some(10.25), None], vec![Some("Ω Cen"), Some("a\nb")]);
        out.extend(encoder.rows(&first).unwrap());
        out.extend(encoder.rows(&batch(vec![Some(123.456_789)], vec![None])).unwrap());
        out.extend(encoder.end(&Ending::Overflow).unwrap());
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "   ra  name\n  deg\n-----  -----\n10.25  Ω Cen\n       a b\n123.456789\n\n\
             3 rows; there are more rows than MAXREC\n"
        );
    }
}
