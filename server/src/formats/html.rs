//! HTML: a table that a browser shows, for a first look at a result.
//!
//! Each column has its unit under its name, and its description when pointed at. The page is well-formed XML
//! too, has no script, and grows while the rows come.

use std::fmt::Write;

use almagest_engine::arrow::datatypes::Schema;
use almagest_engine::arrow::record_batch::RecordBatch;
use almagest_storage::schema::arrow::{DESCRIPTION, UCD, UNIT};

use super::cell::{Column, columns};
use super::tabledata::write_escaped;
use super::votable::OVERFLOW;
use super::{Encoder, Ending, Provenance};
use crate::Result;
use crate::xml::{Attribute, Element, Escaped};

const STYLE: &str = "\
body{font-family:system-ui,sans-serif;margin:1.5em;color:#1b1b1f;background:#fff}
h1{font-size:1.1em}pre{background:#f4f4f6;padding:.8em;white-space:pre-wrap}
table{border-collapse:collapse;font-size:.9em}
th,td{padding:.25em .7em;border-bottom:1px solid #e3e3e8;text-align:left;vertical-align:top}
th{position:sticky;top:0;background:#fff;white-space:nowrap}th i{display:block;font-weight:normal;color:#667}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
tbody tr:hover{background:#f4f7ff}
.end{margin:1em 0;color:#667}.cut{color:#8a5a00}.failed{color:#b00020;font-weight:bold}";

/// Writes HTML.
pub struct Html {
    head: String,
    n_rows: u64,
}

impl Html {
    /// Make an encoder of rows of the canonical schema `schema`.
    pub fn new(schema: &Schema, provenance: &Provenance) -> Self {
        Self { head: head(schema, provenance), n_rows: 0 }
    }
}

impl Encoder for Html {
    fn begin(&mut self) -> Result<Vec<u8>> {
        Ok(std::mem::take(&mut self.head).into_bytes())
    }

    fn rows(&mut self, batch: &RecordBatch) -> Result<Vec<u8>> {
        let columns = columns(batch)?;
        let mut out = Vec::with_capacity(batch.num_rows() * (columns.len() * 30 + 10));
        for row in 0..batch.num_rows() {
            out.extend_from_slice(b"<tr>");
            for column in &columns {
                out.extend_from_slice(match column {
                    Column::Text(_) | Column::Time(_) | Column::Boolean(_) => b"<td>".as_slice(),
                    _ => b"<td class=\"n\">",
                });
                match column {
                    column if column.is_null(row) => {}
                    Column::Text(a) => write_escaped(a.value(row), &mut out),
                    column => column.write_text(row, &mut out),
                }
                out.extend_from_slice(b"</td>");
            }
            out.extend_from_slice(b"</tr>\n");
        }
        self.n_rows += batch.num_rows() as u64;
        Ok(out)
    }

    fn end(&mut self, ending: &Ending) -> Result<Vec<u8>> {
        let rows = match self.n_rows {
            1 => "1 row".to_owned(),
            n => format!("{n} rows"),
        };
        let status = match ending {
            Ending::Complete => format!("<p class=\"end\">{rows}.</p>"),
            Ending::Overflow => format!("<p class=\"end cut\">{rows} shown; {OVERFLOW}.</p>"),
            Ending::Failed(message) => format!(
                "<p class=\"end failed\">The query failed after {rows}: {}</p>",
                Escaped(message)
            ),
        };
        Ok(format!("</tbody>\n</table>\n{status}\n</body>\n</html>\n").into_bytes())
    }

    fn can_report_failure(&self) -> bool {
        true
    }
}

fn head(schema: &Schema, provenance: &Provenance) -> String {
    let mut out = format!(
        "<!DOCTYPE html>\n<html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\">\n<head>\n\
         <meta charset=\"utf-8\"/>\n<title>Result</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <h1>Catalog version {}</h1>\n{}\n",
        provenance.version,
        Element("pre", Some(&provenance.query)),
    );
    if let Some(form) = provenance.form {
        let query: String = form_urlencoded::byte_serialize(provenance.query.as_bytes()).collect();
        let address = format!("{form}?QUERY={query}#ask");
        let _ = writeln!(out, "<p><a href=\"{}\">Change the query</a></p>", Escaped(&address));
    }
    for warning in &provenance.warnings {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "<p class=\"cut\">{}</p>", Escaped(warning));
    }
    out += "<table>\n<thead><tr>";
    for field in schema.fields() {
        let get = |key: &str| field.metadata().get(key).map(String::as_str);
        let about: Vec<&str> = [get(DESCRIPTION), get(UCD)].into_iter().flatten().collect();
        let data_type = field.data_type();
        let class = (data_type.is_numeric() || data_type.is_nested()).then_some("n");
        let _ = write!(
            out,
            "<th{}{}>{}{}</th>",
            Attribute("class", class),
            Attribute("title", Some(&about.join(" · "))),
            Escaped(field.name()),
            Element("i", get(UNIT)),
        );
    }
    out + "</tr></thead>\n<tbody>\n"
}
