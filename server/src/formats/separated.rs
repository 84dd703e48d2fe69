//! Comma- and tab-separated values, with a header.
//!
//! CSV is that of RFC 4180. An absent value is an empty cell, an empty string is `""`. TSV has no
//! quotes: a tab or line break inside a value becomes a space. Neither can say that rows are
//! missing.

use almagest_engine::arrow::datatypes::Schema;
use almagest_engine::arrow::record_batch::RecordBatch;

use super::cell::Column;
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
    fn separator(self) -> char {
        match self {
            Self::Csv => ',',
            Self::Tsv => '\t',
        }
    }

    fn line_end(self) -> &'static str {
        match self {
            Self::Csv => "\r\n",
            Self::Tsv => "\n",
        }
    }

    fn write(self, text: &str, out: &mut String) {
        match self {
            Self::Csv => write_csv(text, out),
            Self::Tsv => {
                out.extend(
                    text.chars().map(|c| if matches!(c, '\t' | '\n' | '\r') { ' ' } else { c }),
                );
            }
        }
    }
}

impl Encoder for Separated {
    fn begin(&mut self) -> Result<Vec<u8>> {
        let mut out = String::new();
        for (index, name) in self.names.iter().enumerate() {
            if index > 0 {
                out.push(self.dialect.separator());
            }
            self.dialect.write(name, &mut out);
        }
        out.push_str(self.dialect.line_end());
        Ok(out.into_bytes())
    }

    fn rows(&mut self, batch: &RecordBatch) -> Result<Vec<u8>> {
        let columns = batch.columns().iter().map(Column::of).collect::<Result<Vec<_>>>()?;
        let mut out = String::with_capacity(batch.num_rows() * columns.len() * 12);
        let mut text = String::new();
        for row in 0..batch.num_rows() {
            for (index, column) in columns.iter().enumerate() {
                if index > 0 {
                    out.push(self.dialect.separator());
                }
                if !column.is_null(row) {
                    text.clear();
                    column.write_text(row, &mut text);
                    self.dialect.write(&text, &mut out);
                }
            }
            if let ([column], Dialect::Csv) = (columns.as_slice(), self.dialect)
                && column.is_null(row)
            {
                // A blank line would be skipped by readers, and the row with it.
                out.push_str("\"\"");
            }
            out.push_str(self.dialect.line_end());
        }
        Ok(out.into_bytes())
    }

    fn end(&mut self, _: &Ending) -> Result<Vec<u8>> {
        Ok(Vec::new())
    }

    fn can_report_failure(&self) -> bool {
        false
    }
}

fn write_csv(text: &str, out: &mut String) {
    let is_plain = !text.is_empty()
        && !text.contains([',', '"', '\r', '\n'])
        && !text.starts_with(' ')
        && !text.ends_with(' ');
    if is_plain {
        out.push_str(text);
    } else {
        out.push('"');
        out.push_str(&text.replace('"', "\"\""));
        out.push('"');
    }
}

fn names(schema: &Schema) -> Vec<String> {
    schema.fields().iter().map(|field| field.name().clone()).collect()
}
