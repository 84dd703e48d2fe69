//! `/tap/sync`: a query answered in one exchange.

use std::sync::Arc;

use almagest_engine::Database;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use tokio::time::timeout;

use super::answer::{Answer, Terms, answer};
use super::{QueryLog, Tally, TapRequest};
use crate::formats::result_stream::Failures;
use crate::people::Caller;
use crate::state::AppState;
use crate::uploads::{Submission, UploadReader};
use crate::{Error, Result};

/// Answer a query; GET and POST are the same.
///
/// # Errors
/// A parameter is wrong, or the query fails before it has given its first rows. What fails later
/// is told inside the document, whose status has then been sent.
pub async fn sync(
    State(state): State<AppState>,
    headers: HeaderMap,
    caller: Caller,
    Submission(parameters): Submission,
) -> Result<Response> {
    let tally = Arc::new(Tally::default());
    let mut log = QueryLog::begin("sync", tally.clone());
    let begun = async {
        let request = TapRequest::negotiated(&parameters, &headers, &state.config)?;
        let answer = first_rows(&state, caller.database, request.clone(), tally).await?;
        Ok((request, state.queries.stream(answer.bytes)?))
    };
    let begun = begun.await.inspect_err(|error| log.fail(error));
    // They have been read, or will not be.
    state.jobs.uploads().remove_those_of(&parameters);
    let (request, bytes) = begun?;
    let disposition = format!("inline; filename=\"{}\"", request.file_name());
    let headers = [
        (header::CONTENT_TYPE, request.content_type()),
        (header::CONTENT_DISPOSITION, disposition),
        (header::VARY, "accept".to_owned()),
    ];
    // Compression asks once more after the end.
    Ok((headers, Body::from_stream(log.follow(bytes).fuse())).into_response())
}

/// Begin the query; a failure up to its first rows is the whole answer.
async fn first_rows(
    state: &AppState,
    database: Database,
    request: TapRequest,
    tally: Arc<Tally>,
) -> Result<Answer> {
    let limit = state.config.sync_duration;
    let uploads = UploadReader::new(state.jobs.uploads().clone(), &state.config);
    let spool = state.config.spool.clone();
    let failures = Failures::Told;
    let terms = Terms { duration: Some(limit), failures, uploads, tally, spool };
    let work = state.queries.run(answer(database, request, terms));
    timeout(limit, work).await.map_err(|_| Error::SyncDuration { limit })??
}
