//! VOTable with rows as XML elements. A value that is absent is an empty element; an absent array
//! of a fixed number of floats is as many NaNs, because readers count its elements.

use std::fmt::Write;

use almagest_engine::arrow::datatypes::Schema;
use almagest_engine::arrow::record_batch::RecordBatch;
use almagest_engine::tap_schema::{ArraySize, Primitive, VotableType};

use super::cell::Column;
use super::{Encoder, Ending, Provenance, votable};
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
        Ok(Self { head: votable::head(schema, provenance)?, absent })
    }
}

impl Encoder for TableData {
    fn begin(&mut self) -> Result<Vec<u8>> {
        Ok((std::mem::take(&mut self.head) + "<DATA><TABLEDATA>\n").into_bytes())
    }

    fn rows(&mut self, batch: &RecordBatch) -> Result<Vec<u8>> {
        let columns = batch.columns().iter().map(Column::of).collect::<Result<Vec<_>>>()?;
        let mut out = String::with_capacity(batch.num_rows() * columns.len() * 24);
        let mut text = String::new();
        for row in 0..batch.num_rows() {
            out.push_str("<TR>");
            for (column, absent) in columns.iter().zip(&self.absent) {
                if column.is_null(row) {
                    out.push_str(absent);
                    continue;
                }
                text.clear();
                column.write_text(row, &mut text);
                // Writing to a String cannot fail.
                let _ = write!(out, "<TD>{}</TD>", Escaped(&text));
            }
            out.push_str("</TR>\n");
        }
        Ok(out.into_bytes())
    }

    fn end(&mut self, ending: &Ending) -> Result<Vec<u8>> {
        Ok(format!("</TABLEDATA></DATA>\n{}", votable::tail(ending)).into_bytes())
    }

    fn can_report_failure(&self) -> bool {
        true
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
