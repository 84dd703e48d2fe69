//! Comma- and tab-separated values, with a header.
//!
//! CSV is that of RFC 4180. An absent value is an empty cell, an empty string is `""`. TSV has no
//! quotes: a tab or line break inside a value becomes a space. Neither has a place for units, nor
//! can it say that there are more rows than the limit: a result of just MAXREC rows may be cut.

use almagest_engine::arrow::datatypes::Schema;
use almagest_engine::arrow::record_batch::RecordBatch;

use super::cell::{Column, columns, separate};
use super::{Encoder, Ending};
use crate::Result;

/// Writes CSV or TSV.
pub struct Separated {
    dialect: Dialect,
    names: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    Csv,
    Tsv,
}

impl Separated {
    /// Make an encoder of comma-separated values.
    pub fn csv(schema: &Schema) -> Self {
        Self { dialect: Dialect::Csv, names: names(schema) }
    }

    /// Make an encoder of tab-separated values.
    pub fn tsv(schema: &Schema) -> Self {
        Self { dialect: Dialect::Tsv, names: names(schema) }
    }
}

impl Dialect {
    fn separator(self) -> u8 {
        match self {
            Self::Csv => b',',
            Self::Tsv => b'\t',
        }
    }

    fn line_end(self) -> &'static str {
        match self {
            Self::Csv => "\r\n",
            Self::Tsv => "\n",
        }
    }

    fn write(self, text: &str, out: &mut Vec<u8>) {
        match self {
            Self::Csv => write_csv(text, out),
            Self::Tsv => {
                let is_break = |byte: u8| matches!(byte, b'\t' | b'\n' | b'\r');
                out.extend(text.bytes().map(|byte| if is_break(byte) { b' ' } else { byte }));
            }
        }
    }
}

impl Encoder for Separated {
    fn begin(&mut self) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        separate(&mut out, self.dialect.separator(), &self.names, |out, name| {
            self.dialect.write(name, out);
        });
        out.extend_from_slice(self.dialect.line_end().as_bytes());
        Ok(out)
    }

    fn rows(&mut self, batch: &RecordBatch) -> Result<Vec<u8>> {
        let columns = columns(batch)?;
        let mut out = Vec::with_capacity(batch.num_rows() * columns.len() * 12);
        for row in 0..batch.num_rows() {
            separate(&mut out, self.dialect.separator(), &columns, |out, column| match column {
                column if column.is_null(row) => {}
                Column::Text(a) => self.dialect.write(a.value(row), out),
                column => column.write_text(row, out),
            });
            if let ([column], Dialect::Csv) = (columns.as_slice(), self.dialect)
                && column.is_null(row)
            {
                // A blank line would be skipped by readers, and the row with it.
                out.extend_from_slice(b"\"\"");
            }
            out.extend_from_slice(self.dialect.line_end().as_bytes());
        }
        Ok(out)
    }

    fn end(&mut self, _: &Ending) -> Result<Vec<u8>> {
        Ok(Vec::new())
    }

    fn can_report_failure(&self) -> bool {
        false
    }
}

fn write_csv(text: &str, out: &mut Vec<u8>) {
    let is_plain = |byte: u8| !matches!(byte, b',' | b'"' | b'\r' | b'\n');
    let is_bare = !text.is_empty()
        && text.bytes().all(is_plain)
        && !text.starts_with(' ')
        && !text.ends_with(' ');
    if is_bare {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    out.push(b'"');
    for byte in text.bytes() {
        if byte == b'"' {
            out.push(byte);
        }
        out.push(byte);
    }
    out.push(b'"');
}

fn names(schema: &Schema) -> Vec<String> {
    schema.fields().iter().map(|field| field.name().clone()).collect()
}
