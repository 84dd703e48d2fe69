//! `/datalink/files/{uuid}`: the file of a dataset, whole or in part.

use almagest_pipeline::butler::StorageClass;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::only_who_may_see;
use crate::people::Caller;
use crate::state::AppState;
use crate::uws::{SentFile, respond_with_file};
use crate::{Error, Result};

/// The media type of FITS files.
pub const FITS: &str = "application/fits";

/// The media type of the files of a storage class.
pub fn media_type(class: StorageClass) -> &'static str {
    match class {
        StorageClass::Raw
        | StorageClass::Calibration
        | StorageClass::Exposure
        | StorageClass::Image
        | StorageClass::Psf => FITS,
        StorageClass::Table => "application/vnd.apache.parquet",
        StorageClass::Document => "application/json",
        StorageClass::Text => "application/yaml",
    }
}

/// Answer with the file.
pub async fn file(
    State(state): State<AppState>,
    caller: Caller,
    Path(uuid): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Response> {
    let answer = async {
        only_who_may_see(&caller.database, &uuid)?;
        let (butler, dataset) = state.views.images().dataset(&uuid)?;
        let path = butler.path(&dataset)?;
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let file_name = name.unwrap_or_else(|| dataset.uuid.clone()).replace('"', "");
        let sent = SentFile {
            id: &dataset.uuid,
            content_type: media_type(dataset.dataset_type.storage_class),
            file_name: &file_name,
            n_bytes: dataset.size_bytes,
        };
        respond_with_file(&path, sent, &headers).await
    };
    answer.await.map_err(Error::into_text)
}
