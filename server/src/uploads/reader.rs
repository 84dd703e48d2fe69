//! Uploads as tables of the engine: fetched, read, and bounded.

use std::io::Read;
use std::path::Path;
use std::time::Duration;

use almagest_engine::Upload;
use almagest_engine::arrow::record_batch::RecordBatch;
use almagest_ingest::format::TableReader;
use almagest_ingest::{Format, ReadOptions, infer};

use super::folder::{FileId, UploadFolder};
use super::parameter::{Source, UploadParameter};
use super::text_types;
use crate::config::ServerConfig;
use crate::{Error, Result, fetch};

/// How long a host on the net may take to answer, and then to send a table.
const FETCH_TIME: Duration = Duration::from_secs(120);

/// What this machine is called.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// Reads uploads; cheap to clone.
#[derive(Debug, Clone)]
pub struct UploadReader {
    folder: UploadFolder,
    hosts: Vec<String>,
    max_rows: u64,
    max_bytes: u64,
}

impl UploadReader {
    /// Read uploads within the limits of the service, files from `folder`.
    pub fn new(folder: UploadFolder, config: &ServerConfig) -> Self {
        Self {
            folder,
            hosts: match config.uploads_from_loopback {
                true => [config.upload_hosts.as_slice(), &LOOPBACK.map(str::to_owned)].concat(),
                false => config.upload_hosts.clone(),
            },
            max_rows: config.upload_rows,
            max_bytes: config.upload_bytes,
        }
    }

    /// The folder of the files.
    pub fn folder(&self) -> &UploadFolder {
        &self.folder
    }

    /// Read the tables that a request brings along.
    ///
    /// # Errors
    /// A table cannot be had or read, or is larger than is allowed.
    pub async fn read(&self, uploads: Vec<UploadParameter>) -> Result<Vec<Upload>> {
        if uploads.is_empty() {
            return Ok(vec![]);
        }
        let reader = self.clone();
        let read = move || uploads.iter().map(|upload| reader.read_one(upload)).collect();
        tokio::task::spawn_blocking(read)
            .await
            .map_err(|error| Error::QueryThread { reason: error.to_string() })?
    }

    fn read_one(&self, upload: &UploadParameter) -> Result<Upload> {
        let table = &upload.table;
        let name = format!("upload {table}");
        let options = ReadOptions {
            max_rows: Some(self.max_rows),
            max_bytes: Some(self.max_bytes),
            ..ReadOptions::default()
        };
        let reader = match &upload.source {
            Source::Kept(id) => self.open(id, &name, options)?,
            Source::Url(url) => self.fetch(url, &name, options)?,
            // A part is kept before its request is looked at.
            Source::Part(part) => return Err(Error::UploadLost { part: part.clone() }),
        };
        let is_text = matches!(reader.format(), Format::Csv | Format::Tsv);
        let schema = reader.schema();
        let batches = reader.map(|rows| Ok(rows?.batch)).collect::<Result<Vec<RecordBatch>>>()?;
        let (schema, batches) = match is_text {
            true => text_types::typed(&schema, batches)?,
            false => (schema, batches),
        };
        let position = infer::position_of(&schema, &name)?;
        Ok(Upload::try_new(table, &schema, &batches, position)?)
    }

    fn open(&self, id: &FileId, name: &str, options: ReadOptions) -> Result<TableReader> {
        let path = self.folder.path(id);
        let file = std::fs::File::open(&path)
            .map_err(|source| Error::StateFolder { path: path.clone(), source })?;
        // The name of the upload is for messages; the ending of the file's tells CSV from TSV.
        let media_type = match path.extension().and_then(|ending| ending.to_str()) {
            Some("csv") => Some("text/csv".to_owned()),
            Some("tsv") => Some("text/tab-separated-values".to_owned()),
            _ => None,
        };
        Ok(almagest_ingest::format::read_from(file, name, &ReadOptions { media_type, ..options })?)
    }

    /// Get a table from the net, from hosts that the operator allows.
    fn fetch(&self, url: &str, name: &str, options: ReadOptions) -> Result<TableReader> {
        let answer = fetch::get(url, &self.hosts, Some(FETCH_TIME))?;
        let file_name = Path::new(&answer.path).extension().and_then(|ending| ending.to_str());
        let name = match file_name {
            Some(ending) if ending.eq_ignore_ascii_case("tsv") => format!("{name}.tsv"),
            _ => name.to_owned(),
        };
        let media_type = answer.media_type;
        let body = answer.body.take(self.max_bytes.saturating_add(1));
        let options = ReadOptions { media_type, ..options };
        Ok(almagest_ingest::format::read_from(body, &name, &options)?)
    }
}
