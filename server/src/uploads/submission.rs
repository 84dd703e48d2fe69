//! A request that may bring tables along: its parameters, and files in the upload folder.

use std::collections::HashMap;

use axum::extract::multipart::Field;
use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use futures::{TryStreamExt, stream};

use super::folder::{FileId, KeptFile, UploadFolder};
use super::parameter::{Source, UploadParameter};
use crate::dali::Parameters;
use crate::dali::parameters::{TakeFiles, bad_body};
use crate::disk_guard::DiskGuard;
use crate::state::AppState;
use crate::{Error, Result};

/// The parameters of a request whose files have been kept: UPLOAD names them by their place in the
/// upload folder. The files are gone with this, unless a job takes them.
#[derive(Debug, Default)]
pub struct Submission {
    /// The parameters.
    pub parameters: Parameters,
    files: Vec<KeptFile>,
}

impl Submission {
    /// Leave the files to the job that has the parameters.
    pub fn hand_over(self) {
        self.files.into_iter().for_each(KeptFile::hand_over);
    }
}

/// A request that brings nothing along.
impl From<Parameters> for Submission {
    fn from(parameters: Parameters) -> Self {
        Self { parameters, files: vec![] }
    }
}

impl FromRequest<AppState> for Submission {
    type Rejection = Error;

    async fn from_request(request: Request, state: &AppState) -> Result<Self> {
        let (folder, disk) = (state.jobs.uploads(), state.jobs.disk());
        let max_bytes = state.config.upload_bytes;
        let mut parts = Parts { folder, disk, max_bytes, files: HashMap::new() };
        let parameters = Parameters::receive(request, state, &mut parts).await?;
        parts.settle(parameters).await
    }
}

/// The files of a request by the names of their parts, in capitals.
struct Parts<'f> {
    folder: &'f UploadFolder,
    disk: &'f DiskGuard,
    max_bytes: u64,
    files: HashMap<String, KeptFile>,
}

impl TakeFiles for Parts<'_> {
    async fn take(&mut self, name: &str, part: Field<'_>) -> Result<()> {
        self.disk.check()?;
        let file_name = part.file_name().map(str::to_owned);
        let media_type = part.content_type().map(str::to_owned);
        let bytes = part.map_err(bad_body);
        let kept = self
            .folder
            .keep(file_name.as_deref(), media_type.as_deref(), self.max_bytes, bytes)
            .await?;
        match self.files.insert(name.to_owned(), kept) {
            None => Ok(()),
            Some(_) => Err(bad_body(format!("two parts are called {name}"))),
        }
    }
}

impl Parts<'_> {
    /// Put the kept files in the places of the parts that UPLOAD names. Several tables may come of one
    /// part; a part that none comes of is removed.
    async fn settle(mut self, mut parameters: Parameters) -> Result<Submission> {
        let mut uploads = UploadParameter::all(&parameters)?;
        for upload in &mut uploads {
            upload.source = match &upload.source {
                Source::Part(part) => Source::Kept(self.file_of(part, &mut parameters).await?),
                Source::Url(url) => Source::Url(url.clone()),
                Source::Kept(_) => {
                    return Err(Error::BadParameter {
                        name: "UPLOAD",
                        value: upload.to_string(),
                        expected: "NAME,param:PART or NAME,URL".to_owned(),
                    });
                }
            };
        }
        if !uploads.is_empty() {
            parameters.set("UPLOAD", UploadParameter::write(&uploads));
        }
        let is_named = |file: &KeptFile| {
            uploads
                .iter()
                .any(|upload| matches!(&upload.source, Source::Kept(id) if id == file.id()))
        };
        let files = self.files.into_values().filter(is_named).collect();
        Ok(Submission { parameters, files })
    }

    /// The file of a part; some clients send a small table as if it were text.
    async fn file_of(&mut self, part: &str, parameters: &mut Parameters) -> Result<FileId> {
        let name = part.to_ascii_uppercase();
        if let Some(file) = self.files.get(&name) {
            return Ok(file.id().clone());
        }
        let text = parameters.take(&name).ok_or_else(|| {
            bad_body(format!("UPLOAD names the part {part}, and no part of it is called so"))
        })?;
        let text = stream::once(std::future::ready(Ok(Bytes::from(text))));
        let file = self.folder.keep(None, None, self.max_bytes, text).await?;
        let id = file.id().clone();
        self.files.insert(name, file);
        Ok(id)
    }
}
