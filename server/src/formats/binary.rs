//! VOTable with rows as base64 of binary values: BINARY2, where flags tell what is absent, and its
//! predecessor BINARY, where an integer that the FIELD names stands for none.
//!
//! BINARY is there for readers that know no BINARY2: in it, the least integer of a type (the
//! greatest of an unsigned byte) cannot be told from an absent one, nor an empty string.
//!
//! Reference: VOTable 1.4, section 5.4.

use almagest_engine::arrow::datatypes::Schema;
use almagest_engine::arrow::record_batch::RecordBatch;

use super::base64_rows::Base64Rows;
use super::row_bytes::Layout;
use super::votable::{self, Absent};
use super::{Encoder, Ending, Provenance};
use crate::Result;

/// Writes VOTable BINARY2 or BINARY.
pub struct Binary {
    head: String,
    element: &'static str,
    rows: Base64Rows,
}

impl Binary {
    /// Make an encoder of rows of the canonical schema `schema` as BINARY2.
    pub fn version_2(schema: &Schema, provenance: &Provenance) -> Result<Self> {
        let head = votable::head(schema, provenance, Absent::Told)?;
        let rows = Base64Rows::new(Layout::binary2(&votable::types(schema)?));
        Ok(Self { head, element: "BINARY2", rows })
    }

    /// Make an encoder of rows of the canonical schema `schema` as BINARY.
    pub fn version_1(schema: &Schema, provenance: &Provenance) -> Result<Self> {
        let head = votable::head(schema, provenance, Absent::StoodFor)?;
        let rows = Base64Rows::new(Layout::binary(&votable::types(schema)?));
        Ok(Self { head, element: "BINARY", rows })
    }
}

impl Encoder for Binary {
    fn begin(&mut self) -> Result<Vec<u8>> {
        let head = std::mem::take(&mut self.head);
        let begin = format!("{head}<DATA><{}><STREAM encoding=\"base64\">\n", self.element);
        Ok(begin.into_bytes())
    }

    fn rows(&mut self, batch: &RecordBatch) -> Result<Vec<u8>> {
        self.rows.rows(batch)
    }

    fn end(&mut self, ending: &Ending) -> Result<Vec<u8>> {
        let mut out = self.rows.end();
        let tail = votable::tail(ending);
        out.extend_from_slice(format!("</STREAM></{}></DATA>\n{tail}", self.element).as_bytes());
        Ok(out)
    }

    fn can_report_failure(&self) -> bool {
        true
    }
}
