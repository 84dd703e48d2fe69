//! Apache Parquet, one row group at a time, described by a VOTable in the footer.
//!
//! Reference: IVOA Note "VOTable in Parquet" 1.0 (2025): two key-value entries name the version
//! of the convention and hold a VOTable document without data.

use almagest_engine::arrow::datatypes::SchemaRef;
use almagest_engine::arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use super::votable::{self, Absent};
use super::{Encoder, Ending, Provenance};
use crate::{Error, Result};

/// A row group ends when its encoded values take this much memory, bytes.
const MAX_ROW_GROUP_BYTES: usize = 32 << 20;
/// A row group has at most this many rows.
const MAX_ROW_GROUP_ROWS: usize = 131_072;

/// Writes Parquet.
pub struct ParquetFile {
    writer: Option<ArrowWriter<Vec<u8>>>,
    head: String,
}

impl ParquetFile {
    /// Make an encoder of rows of the canonical schema `schema`.
    pub fn new(schema: &SchemaRef, provenance: &Provenance) -> Result<Self> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(MAX_ROW_GROUP_ROWS))
            .set_created_by(concat!("almagest ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        let writer = ArrowWriter::try_new(Vec::new(), schema.clone(), Some(properties))?;
        Ok(Self { writer: Some(writer), head: votable::head(schema, provenance, Absent::Told)? })
    }

    fn writer(&mut self) -> Result<&mut ArrowWriter<Vec<u8>>> {
        self.writer.as_mut().ok_or_else(written)
    }
}

impl Encoder for ParquetFile {
    fn begin(&mut self) -> Result<Vec<u8>> {
        Ok(std::mem::take(self.writer()?.inner_mut()))
    }

    fn rows(&mut self, batch: &RecordBatch) -> Result<Vec<u8>> {
        let writer = self.writer()?;
        writer.write(batch)?;
        if writer.in_progress_size() > MAX_ROW_GROUP_BYTES {
            writer.flush()?;
        }
        // The writer counts what it has written itself, so that what is done may leave.
        Ok(std::mem::take(writer.inner_mut()))
    }

    fn end(&mut self, ending: &Ending) -> Result<Vec<u8>> {
        let mut writer = self.writer.take().ok_or_else(written)?;
        let document = std::mem::take(&mut self.head) + &votable::tail(ending);
        for (key, value) in [
            ("IVOA.VOTable-Parquet.version", "1.0"),
            ("IVOA.VOTable-Parquet.content", document.as_str()),
        ] {
            writer.append_key_value_metadata(KeyValue::new(key.to_owned(), value.to_owned()));
        }
        Ok(writer.into_inner()?)
    }

    fn can_report_failure(&self) -> bool {
        false
    }
}

fn written() -> Error {
    parquet::errors::ParquetError::General("the file is already closed".to_owned()).into()
}
