//! `/tap/sync`: a query answered in one exchange.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use tokio::time::timeout;

use super::answer::{Answer, Terms, TurnsOf, answer};
use super::kept_answers::{AnswerKey, wants_anew};
use super::time_limit::TimeLimit;
use super::{KeptFor, QueryLog, Tally, TapRequest, plan};
use crate::Result;
use crate::base_url::BaseUrl;
use crate::dali::Format;
use crate::formats::result_stream::Failures;
use crate::metrics::Endpoint;
use crate::pages;
use crate::people::{Allowance, Caller};
use crate::state::AppState;
use crate::uploads::{Submission, UploadReader};

/// A browser asks whether what it has is still what it would be given.
const MAY_KEEP: &str = "private, no-cache";

/// Answer a query; GET and POST are the same.
///
/// # Errors
/// A parameter is wrong, or the query fails before it has given its first rows. What fails later
/// is told inside the document, whose status has then been sent.
pub async fn sync(
    State(state): State<AppState>,
    base: BaseUrl,
    method: Method,
    headers: HeaderMap,
    caller: Caller,
    submission: Submission,
) -> Result<Response> {
    let parameters = &submission.parameters;
    let answered = async {
        let request = TapRequest::negotiated(parameters, &headers, &state.config);
        if plan::is_wanted(parameters)? {
            let request = request?;
            let as_json = request.format == Format::Json;
            return plan::respond(&state, &caller.owner, request, as_json).await;
        }
        let endpoint = Endpoint::Sync;
        let inquiry = Inquiry { endpoint, of: None, method, headers: &headers, caller };
        inquiry.answer(&state, request).await
    };
    let answered = answered.await;
    // A browser shows a page, and would save a VOTable.
    let is_for_people = Format::negotiated(parameters, &headers).is_ok_and(|f| f == Format::Html);
    match answered {
        Err(error) if is_for_people => {
            Ok(pages::refusal::refusal(&base, &state, error, parameters.first("QUERY")))
        }
        answered => answered,
    }
}

/// A query as it reached an endpoint that answers at once.
#[derive(Debug)]
pub struct Inquiry<'a> {
    /// Where it was asked.
    pub endpoint: Endpoint,
    /// Of which table, where the endpoint has several.
    pub of: Option<String>,
    /// The method of the request: only who asks to be given something may have it already.
    pub method: Method,
    /// The headers of the request.
    pub headers: &'a HeaderMap,
    /// Who asks.
    pub caller: Caller,
}

impl Inquiry<'_> {
    /// Answer what was asked, if it could be understood.
    ///
    /// # Errors
    /// It could not, or the query fails before it has given its first rows.
    pub async fn answer(self, state: &AppState, request: Result<TapRequest>) -> Result<Response> {
        let tally = Arc::new(Tally::default());
        let (owner, watch) = (&self.caller.owner, (&state.metrics, &state.list));
        let mut log = QueryLog::begin(self.endpoint, owner, self.of.clone(), tally.clone(), watch);
        let begun = async {
            let allowance = state.allowance(&self.caller.owner)?;
            let request = request?.within(&allowance);
            let kept = state.kept.of(&self.caller.owner);
            let key = kept.key(&request, &self.caller.database)?;
            let may_be_known = matches!(self.method, Method::GET | Method::HEAD);
            if let Some(key) = key.filter(|key| may_be_known && key.is_known_by(self.headers)) {
                return Ok(Err(key.tag()));
            }
            let answer =
                self.first_rows(state, &allowance, request.clone(), tally, (kept, key)).await?;
            let Answer { bytes, tag, is_kept, turn, lane, .. } = answer;
            Ok(Ok((request, tag, is_kept, state.queries.stream(lane, bytes, turn)?)))
        };
        let begun = tokio::select! {
            begun = begun => begun,
            () = log.listed().stopped() => Err(log.listed().reason()),
        };
        let (request, tag, is_kept, bytes) = match begun.inspect_err(|error| log.fail(error))? {
            Ok(begun) => begun,
            Err(tag) => {
                log.end("known to the caller");
                // To caches it says what the 200 does, to which compression adds the second name.
                let headers = [
                    (header::ETAG, tag.as_str()),
                    (header::VARY, "accept, accept-encoding"),
                    (header::CACHE_CONTROL, MAY_KEEP),
                ];
                return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
            }
        };
        let disposition = format!("inline; filename=\"{}\"", request.file_name());
        let headers = [
            (header::CONTENT_TYPE, request.content_type()),
            (header::CONTENT_DISPOSITION, disposition),
            (header::VARY, "accept".to_owned()),
        ];
        // Compression asks once more after the end.
        let mut response = (headers, Body::from_stream(log.follow(bytes).fuse())).into_response();
        if let Some(tag) = tag.and_then(|tag| tag.try_into().ok()) {
            response.headers_mut().insert(header::ETAG, tag);
            let may_keep = header::HeaderValue::from_static(MAY_KEEP);
            response.headers_mut().insert(header::CACHE_CONTROL, may_keep);
        }
        if is_kept {
            let hit = header::HeaderValue::from_static("almagest; hit");
            response.headers_mut().insert("cache-status", hit);
        }
        Ok(response)
    }

    /// Begin the query; a failure up to its first rows is the whole answer.
    async fn first_rows(
        &self,
        state: &AppState,
        allowance: &Allowance,
        request: TapRequest,
        tally: Arc<Tally>,
        (kept, key): (KeptFor, Option<AnswerKey>),
    ) -> Result<Answer> {
        let limit = TimeLimit::of(&state.config, allowance);
        let turns = TurnsOf {
            turns: state.turns.clone(),
            owner: self.caller.owner.clone(),
            allowance: allowance.clone(),
        };
        let terms = Terms {
            duration: Some(limit),
            quick_time: state.config.queries.quick_time,
            turns: Some(turns),
            failures: Failures::Told,
            threads: state.queries.clone(),
            uploads: UploadReader::new(state.jobs.uploads().clone(), &state.config),
            tally,
            spool: state.config.spool.clone(),
            kept,
            key,
            links: state.views.images().links(),
            // From /tap/sync as from /scs/{table}.
            form: Some("../"),
            is_anew: wants_anew(self.headers),
        };
        let work = state.queries.run(answer(self.caller.database.clone(), request, terms));
        // The query has a limit of its own from its turn on; this one is for planning it.
        let longest = limit.sync.saturating_add(state.config.queries.longest_queue);
        timeout(longest, work).await.map_err(|_| limit.passed())??
    }
}
