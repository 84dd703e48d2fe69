//! JSON: an object with what the result is, its columns, then its rows as arrays.
//!
//! ```text
//! {"info": {"query": …, "query_sha256": …, "catalog_version": 12, "warnings": […]},
//!  "metadata": [{"name": "ra", "datatype": "double", "unit": "deg", …}, …],
//!  "data": [[1, 53.1, null], …],
//!  "query_status": "OK" or "OVERFLOW"}
//! ```
//!
//! An absent value, NaN and infinities are `null`; integers have all their digits (a reader that
//! takes all numbers for doubles rounds those above 2⁵³); times are text, arrays are arrays. When a
//! query fails amid its rows the text breaks off and is no JSON: nobody takes it for the whole.

use almagest_engine::arrow::datatypes::{FieldRef, Schema};
use almagest_engine::arrow::record_batch::RecordBatch;
use almagest_engine::tap_schema::VotableType;
use almagest_storage::schema::arrow::{DESCRIPTION, UCD, UNIT, UTYPE};
use serde_json::{Map, Value, json};

use super::cell::{Column, columns, elements, separate};
use super::numeral::write_integer;
use super::{Encoder, Ending, Provenance, votable};
use crate::Result;

/// Writes JSON.
pub struct Json {
    head: String,
    is_first: bool,
}

impl Json {
    /// Make an encoder of rows of the canonical schema `schema`.
    pub fn new(schema: &Schema, provenance: &Provenance) -> Result<Self> {
        let info = json!({
            "query": provenance.query,
            "query_sha256": provenance.query_hash(),
            "catalog_version": provenance.version,
            "warnings": provenance.warnings,
        });
        let metadata = Value::Array(metadata(schema)?);
        let head = format!("{{\"info\":{info},\n\"metadata\":{metadata},\n\"data\":[");
        Ok(Self { head, is_first: true })
    }
}

impl Encoder for Json {
    fn begin(&mut self) -> Result<Vec<u8>> {
        Ok(std::mem::take(&mut self.head).into_bytes())
    }

    fn rows(&mut self, batch: &RecordBatch) -> Result<Vec<u8>> {
        let columns = columns(batch)?;
        let mut out = Vec::with_capacity(batch.num_rows() * (columns.len() * 14 + 4));
        for row in 0..batch.num_rows() {
            out.extend_from_slice(if self.is_first { b"\n[".as_slice() } else { b",\n[" });
            self.is_first = false;
            separate(&mut out, b',', &columns, |out, column| write_value(column, row, out));
            out.push(b']');
        }
        Ok(out)
    }

    fn end(&mut self, ending: &Ending) -> Result<Vec<u8>> {
        let status = match ending {
            Ending::Complete => "OK",
            Ending::Overflow => "OVERFLOW",
            Ending::Failed(_) => "ERROR",
        };
        Ok(format!("\n],\n\"query_status\":\"{status}\"}}\n").into_bytes())
    }

    fn can_report_failure(&self) -> bool {
        false
    }
}

fn metadata(schema: &Schema) -> Result<Vec<Value>> {
    let describe = |(field, kind): (&FieldRef, VotableType)| {
        let arraysize = kind.arraysize.attribute();
        let fact = |key: &str| field.metadata().get(key).map(String::as_str);
        let facts = [
            ("name", Some(field.name().as_str())),
            ("datatype", Some(kind.primitive.as_str())),
            ("arraysize", arraysize.as_deref()),
            ("xtype", kind.xtype.as_deref()),
            ("unit", fact(UNIT)),
            ("ucd", fact(UCD)),
            ("utype", fact(UTYPE)),
            ("description", fact(DESCRIPTION)),
        ];
        // A reader may ask for these of each column.
        let is_kept = |key: &str| matches!(key, "unit" | "ucd" | "description");
        let filled = facts.into_iter().filter(|(key, value)| value.is_some() || is_kept(key));
        Value::Object(Map::from_iter(filled.map(|(key, value)| (key.to_owned(), value.into()))))
    };
    Ok(schema.fields().iter().zip(votable::types(schema)?).map(describe).collect())
}

fn write_value(column: &Column<'_>, row: usize, out: &mut Vec<u8>) {
    if column.is_null(row) {
        return out.extend_from_slice(b"null");
    }
    match column {
        Column::Float(a) if !a.value(row).is_finite() => out.extend_from_slice(b"null"),
        Column::Double(a) if !a.value(row).is_finite() => out.extend_from_slice(b"null"),
        Column::Text(a) => write_string(a.value(row), out),
        Column::Time(_) => {
            out.push(b'"');
            column.write_text(row, out);
            out.push(b'"');
        }
        Column::Bytes(a) => {
            out.push(b'[');
            separate(out, b',', a.value(row), |out, byte| write_integer(out, *byte));
            out.push(b']');
        }
        Column::Numbers(lists, all) => {
            out.push(b'[');
            separate(out, b',', elements(lists, row), |out, at| write_value(all, at, out));
            out.push(b']');
        }
        scalar => scalar.write_text(row, out),
    }
}

fn write_string(text: &str, out: &mut Vec<u8>) {
    // Writing to a Vec cannot fail.
    let _ = serde_json::to_writer(out, text);
}
