//! VOTable with rows as XML elements. A value that is absent is an empty element; an absent array
//! of a fixed number of floats is as many NaNs, because readers count its elements.

use std::io::Write;

use almagest_engine::arrow::datatypes::Schema;
use almagest_engine::arrow::record_batch::RecordBatch;
use almagest_engine::tap_schema::{ArraySize, Primitive, VotableType};

use super::cell::{Column, columns};
use super::votable::{self, Absent};
use super::{Encoder, Ending, Provenance};
use crate::Result;
use crate::xml::Escaped;

/// Writes VOTable TABLEDATA.
pub struct TableData {
    head: String,
    /// What stands for an absent value of each column.
    absent: Vec<String>,
}

impl TableData {
    /// Make an encoder of rows of the canonical schema `schema`.
    pub fn new(schema: &Schema, provenance: &Provenance) -> Result<Self> {
        let absent = votable::types(schema)?.iter().map(absent).collect();
        Ok(Self { head: votable::head(schema, provenance, Absent::Told)?, absent })
    }
}

impl Encoder for TableData {
    fn begin(&mut self) -> Result<Vec<u8>> {
        Ok((std::mem::take(&mut self.head) + "<DATA><TABLEDATA>\n").into_bytes())
    }

    fn rows(&mut self, batch: &RecordBatch) -> Result<Vec<u8>> {
        let columns = columns(batch)?;
        let mut out = Vec::with_capacity(batch.num_rows() * (columns.len() * 24 + 10));
        for row in 0..batch.num_rows() {
            out.extend_from_slice(b"<TR>");
            for (column, absent) in columns.iter().zip(&self.absent) {
                if column.is_null(row) {
                    out.extend_from_slice(absent.as_bytes());
                    continue;
                }
                out.extend_from_slice(b"<TD>");
                match column {
                    Column::Text(a) => write_escaped(a.value(row), &mut out),
                    column => column.write_text(row, &mut out),
                }
                out.extend_from_slice(b"</TD>");
            }
            out.extend_from_slice(b"</TR>\n");
        }
        Ok(out)
    }

    fn end(&mut self, ending: &Ending) -> Result<Vec<u8>> {
        Ok(format!("</TABLEDATA></DATA>\n{}", votable::tail(ending)).into_bytes())
    }

    fn can_report_failure(&self) -> bool {
        true
    }
}

/// Append text as character data of XML or HTML.
pub fn write_escaped(text: &str, out: &mut Vec<u8>) {
    // 0xEF begins the two characters above the controls that XML cannot hold.
    let is_plain = |byte: u8| byte >= b' ' && !b"&<>\"'\xef".contains(&byte);
    if text.bytes().all(is_plain) {
        out.extend_from_slice(text.as_bytes());
    } else {
        // Writing to a Vec cannot fail.
        let _ = write!(out, "{}", Escaped(text));
    }
}

fn absent(kind: &VotableType) -> String {
    match (kind.arraysize, kind.primitive) {
        (ArraySize::Fixed(n), Primitive::Float | Primitive::Double) => {
            format!("<TD>{}</TD>", vec!["NaN"; n as usize].join(" "))
        }
        _ => "<TD/>".to_owned(),
    }
}
