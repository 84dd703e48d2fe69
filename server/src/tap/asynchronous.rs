//! `/tap/async`: queries as jobs.
//!
//! Refusals are plain text, because the clients of UWS show nothing else; faults of a query are the
//! error of its job.

use std::time::Duration;

use axum::Router;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::{TapRequest, plan};
use crate::base_url::BaseUrl;
use crate::dali::{Format, Parameters};
use crate::error::PlainText;
use crate::formats::votable;
use crate::state::AppState;
use crate::uploads::Submission;
use crate::uws::job_list::Filter;
use crate::uws::{Job, Moment, Owner, Phase, SentFile, quote, representation, result_file};
use crate::{Error, Result};

type Answer = Result<Response, PlainText>;

/// The routes below `/tap/async`.
pub fn routes() -> Router<AppState> {
    Router::new()
        .route("/", get(list).post(create))
        .route("/{id}", get(job).post(act).delete(destroy))
        .route("/{id}/phase", get(phase).post(set_phase))
        .route("/{id}/executionduration", get(execution_duration).post(set_execution_duration))
        .route("/{id}/destruction", get(destruction).post(set_destruction))
        .route("/{id}/quote", get(quote))
        .route("/{id}/plan", get(plan_of))
        .route("/{id}/owner", get(owner))
        .route("/{id}/parameters", get(parameters).post(set_parameters))
        .route("/{id}/results", get(results))
        .route("/{id}/results/result", get(result))
        .route("/{id}/error", get(error))
        .route("/{id}/{*part}", get(no_such_part).post(no_such_part))
}

async fn list(
    State(state): State<AppState>,
    base: BaseUrl,
    owner: Owner,
    parameters: Parameters,
) -> Answer {
    let jobs = state.jobs.list(&owner, Filter::from_parameters(&parameters)?).await?;
    Ok(xml(representation::jobs(&jobs, &format!("{base}/tap/async"))))
}

async fn create(
    State(state): State<AppState>,
    base: BaseUrl,
    owner: Owner,
    submission: Submission,
) -> Answer {
    let id = state.jobs.create(owner, submission).await?;
    tracing::info!(job = %id, "created");
    Ok(see_other(format!("{base}/tap/async/{id}")))
}

/// The job; with WAIT, when its phase has changed.
async fn job(
    State(state): State<AppState>,
    base: BaseUrl,
    owner: Owner,
    Path(id): Path<String>,
    parameters: Parameters,
) -> Answer {
    let job = match wait(&parameters)? {
        Some(longest) => {
            let phase = parameters.first("PHASE").filter(|value| !value.is_empty());
            let phase = phase.map(|value| value.parse::<Phase>()).transpose();
            let phase = phase
                .map_err(|error| bad("PHASE", &error.to_string(), "the phase in which to wait"))?;
            state.jobs.wait(&id, &owner, longest, phase).await?
        }
        None => state.jobs.job(&id, &owner).await?,
    };
    let tally = state.jobs.tally(&job);
    let place = state.jobs.place(&job).await?;
    Ok(xml(representation::job(&job, &url_of(&base, &job), tally.as_deref(), place)))
}

/// Read WAIT: how long the answer may be held back; a negative number is as long as the service may.
fn wait(parameters: &Parameters) -> Result<Option<Duration>> {
    let Some(value) = parameters.get("WAIT")?.filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    match value.trim().parse::<i64>() {
        Ok(seconds) => Ok(Some(u64::try_from(seconds).map_or(Duration::MAX, Duration::from_secs))),
        Err(_) => Err(bad("WAIT", value, "a number of seconds, or -1 for as long as may be")),
    }
}

/// POST to the job itself: what browsers send in place of DELETE.
async fn act(TheJob { state, base, job }: TheJob, parameters: Parameters) -> Answer {
    match parameters.get("ACTION")? {
        Some(action) if action.eq_ignore_ascii_case("DELETE") => {
            state.jobs.destroy(&job).await?;
            Ok(see_other(format!("{base}/tap/async")))
        }
        Some(action) => Err(bad("ACTION", action, "DELETE").into()),
        None => Err(Error::MissingParameter { name: "ACTION" }.into()),
    }
}

async fn destroy(TheJob { state, base, job }: TheJob) -> Answer {
    state.jobs.destroy(&job).await?;
    Ok(see_other(format!("{base}/tap/async")))
}

async fn phase(TheJob { job, .. }: TheJob) -> Answer {
    Ok(text(job.phase))
}

async fn set_phase(TheJob { state, base, job }: TheJob, parameters: Parameters) -> Answer {
    match parameters.get("PHASE")?.map(str::to_ascii_uppercase).as_deref() {
        Some("RUN") => state.jobs.run(&job).await?,
        Some("ABORT") => state.jobs.abort(&job).await?,
        Some(other) => return Err(bad("PHASE", other, "one of RUN, ABORT").into()),
        None => return Err(Error::MissingParameter { name: "PHASE" }.into()),
    }
    Ok(see_other(url_of(&base, &job)))
}

async fn execution_duration(TheJob { job, .. }: TheJob) -> Answer {
    Ok(text(representation::seconds(job.execution_duration)))
}

async fn set_execution_duration(
    TheJob { state, base, job }: TheJob,
    parameters: Parameters,
) -> Answer {
    let value = required(&parameters, "EXECUTIONDURATION")?;
    state.jobs.set_execution_duration(&job, value).await?;
    Ok(see_other(url_of(&base, &job)))
}

async fn destruction(TheJob { job, .. }: TheJob) -> Answer {
    Ok(text(job.destruction))
}

async fn set_destruction(TheJob { state, base, job }: TheJob, parameters: Parameters) -> Answer {
    state.jobs.set_destruction(&job, required(&parameters, "DESTRUCTION")?).await?;
    Ok(see_other(url_of(&base, &job)))
}

/// When the job will be done; where that cannot be told, UWS has the empty text for it.
async fn quote(TheJob { state, job, .. }: TheJob) -> Answer {
    let scanned = state.jobs.tally(&job).and_then(|tally| tally.scanned());
    let quote = quote::quote(&job, scanned, Moment::now());
    Ok(text(quote.map(|moment| moment.to_string()).unwrap_or_default()))
}

/// What the query of a job would cost, in whatever phase the job is.
async fn plan_of(
    State(state): State<AppState>,
    owner: Owner,
    Path(id): Path<String>,
    headers: HeaderMap,
    parameters: Parameters,
) -> Answer {
    let job = state.jobs.job(&id, &owner).await?;
    let as_json = Format::negotiated(&parameters, &headers)? == Format::Json;
    let request = TapRequest::from_parameters(&job.parameters, &state.config)?;
    Ok(plan::respond(&state, &owner, request, as_json).await?)
}

async fn owner(TheJob { job, .. }: TheJob) -> Answer {
    Ok(text(job.owner.0.unwrap_or_default()))
}

async fn parameters(TheJob { job, .. }: TheJob) -> Answer {
    Ok(xml(representation::parameters(&job)))
}

async fn set_parameters(TheJob { state, base, job }: TheJob, submission: Submission) -> Answer {
    state.jobs.set_parameters(&job, submission).await?;
    Ok(see_other(url_of(&base, &job)))
}

async fn results(TheJob { base, job, .. }: TheJob) -> Answer {
    Ok(xml(representation::results(&job, &url_of(&base, &job))))
}

/// The rows; of a job that failed its error, which some clients look for here.
async fn result(TheJob { state, base, job }: TheJob, headers: HeaderMap) -> Answer {
    match &job.result {
        Some(result) => {
            let path = state.jobs.result_path(&job);
            let sent = SentFile {
                id: &job.id.to_string(),
                content_type: &result.content_type,
                file_name: &result.file_name,
                n_bytes: result.n_bytes,
            };
            Ok(result_file::respond(&path, sent, &headers).await?)
        }
        None if job.failure.is_some() => Ok(see_other(format!("{}/error", url_of(&base, &job)))),
        None => Err(Error::NotInPhase { what: "result", phase: job.phase }.into()),
    }
}

async fn error(TheJob { job, .. }: TheJob) -> Answer {
    let Some(failure) = &job.failure else {
        return Err(Error::NotInPhase { what: "error", phase: job.phase }.into());
    };
    let content_type = [(header::CONTENT_TYPE, votable::MEDIA_TYPE)];
    Ok((content_type, votable::error_document(&failure.message)).into_response())
}

async fn no_such_part(
    State(state): State<AppState>,
    owner: Owner,
    Path((id, part)): Path<(String, String)>,
) -> Answer {
    state.jobs.job(&id, &owner).await?;
    Err(Error::NoSuchPart { path: part }.into())
}

fn required<'a>(parameters: &'a Parameters, name: &'static str) -> Result<&'a str> {
    parameters.get(name)?.ok_or(Error::MissingParameter { name })
}

fn bad(name: &'static str, value: &str, expected: &str) -> Error {
    Error::BadParameter { name, value: value.to_owned(), expected: expected.to_owned() }
}

fn url_of(base: &BaseUrl, job: &Job) -> String {
    format!("{base}/tap/async/{}", job.id)
}

fn see_other(location: String) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response()
}

fn text(value: impl ToString) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], value.to_string()).into_response()
}

fn xml(document: String) -> Response {
    ([(header::CONTENT_TYPE, "text/xml; charset=utf-8")], document).into_response()
}

/// The job that the path names, as far as the caller may know of it.
struct TheJob {
    state: AppState,
    base: BaseUrl,
    job: Job,
}

impl FromRequestParts<AppState> for TheJob {
    type Rejection = PlainText;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, PlainText> {
        let owner = Owner::from_request_parts(parts, state).await?;
        let id = Path::<String>::from_request_parts(parts, state).await;
        let id = id.map_err(|_| Error::NoSuchJob { id: String::new() })?.0;
        let job = state.jobs.job(&id, &owner).await?;
        let Ok(base) = BaseUrl::from_request_parts(parts, state).await;
        Ok(Self { state: state.clone(), base, job })
    }
}
