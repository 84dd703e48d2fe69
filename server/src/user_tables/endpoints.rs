//! The requests that make, fill, share and drop tables of users.

use std::fs::File;
use std::io::Read;
use std::path::{Path as FilePath, PathBuf};

use almagest_ingest::ReadOptions;
use almagest_ingest::format::TableReader;
use axum::body::Body;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use futures::TryStreamExt;

use super::definition::{is_votable, of_schema, of_vosi};
use super::store::{Person, TableName};
use crate::base_url::BaseUrl;
use crate::dali::Parameters;
use crate::error::PlainText;
use crate::state::AppState;
use crate::uploads::folder::KeptFile;
use crate::uws::{Owner, Phase};
use crate::{Error, Result};

type Answer<T = Response> = Result<T, PlainText>;

/// Bytes of a definition at most: some ten thousand columns.
const MAX_DEFINITION: u64 = 4 << 20;
/// Bytes in which a document says what it is: its prolog, and the tag of the root.
const BEGINNING: u64 = 64 << 10;
const VOTABLE: &str = "application/x-votable+xml";

impl FromRequestParts<AppState> for Person {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self> {
        let owner = Owner::from_request_parts(parts, state).await?;
        state.views.person(&owner, &state.config)
    }
}

/// PUT of a table: its definition (a VOSI table, or the fields of a VOTable sent as
/// application/x-votable+xml, which is what pyvo does), or a table file, whose rows it then has, or
/// `JOB=…`, whose result it then is. Of other XML the root element says which it is.
pub async fn create(
    State(state): State<AppState>,
    base: BaseUrl,
    person: Person,
    Path(name): Path<String>,
    headers: HeaderMap,
    query: axum::extract::RawQuery,
    body: Body,
) -> Answer {
    let name = TableName::read(&name)?;
    let parameters = Parameters::from_query(query.0.as_deref().unwrap_or_default());
    let tables = state.views.user_tables().clone();
    let location = [(LOCATION, format!("{base}/tap/tables/{name}"))];
    let made = StatusCode::CREATED;
    if let Some(id) = parameters.get("JOB")? {
        let (path, query) = result_of(&state, &person.owner, id).await?;
        let options =
            ReadOptions { name: Some(format!("the result of job {id}")), ..options(&state, None) };
        let n_rows = blocking(move || {
            let file = almagest_ingest::format::read(&path, &options)?;
            tables.create_from(&person, &name, file, query.as_deref())
        });
        return Ok((made, location, format!("{} rows\n", n_rows.await?)).into_response());
    }
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type =
        media_type.map(|text| text.split(';').next().unwrap_or(text).trim().to_owned());
    let is_definition = media_type.as_deref() == Some(VOTABLE);
    let is_xml =
        media_type.as_deref().is_some_and(|it| ["text/xml", "application/xml"].contains(&it));
    let kept = receive(&state, media_type.as_deref(), body).await?;
    let options = options(&state, media_type);
    let told = blocking(move || {
        if is_xml && !is_votable(&beginning(kept.path())?) {
            let table = of_vosi(&name.table, &document(kept.path())?)?;
            tables.create(&person, &name, table)?;
            return Ok("0 rows\n".to_owned());
        }
        let file = almagest_ingest::format::read(kept.path(), &options)?;
        if is_definition {
            let table = of_schema(&name.table, &file.schema(), "the definition")?;
            let told = match has_rows(file)? {
                true => rows_left_out(&name),
                false => "0 rows\n".to_owned(),
            };
            tables.create(&person, &name, table)?;
            return Ok(told);
        }
        Ok(format!("{} rows\n", tables.create_from(&person, &name, file, None)?))
    });
    Ok((made, location, told.await?).into_response())
}

/// What is told to those who send rows in what pyvo and its like send as a definition, and fill later.
fn rows_left_out(name: &TableName) -> String {
    format!(
        "0 rows: a document of type {VOTABLE} is the definition of a table, and the rows in it were not \
         read; POST it to /tap/load/{name} to append them\n"
    )
}

fn has_rows(file: TableReader) -> Result<bool> {
    for rows in file {
        if rows?.batch.num_rows() > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The first text of a file, in which its root element is looked for.
fn beginning(path: &FilePath) -> Result<String> {
    let unreadable = |source| Error::of_state_folder(path, source);
    let mut bytes = vec![];
    let file = File::open(path).map_err(unreadable)?;
    file.take(BEGINNING).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The whole text of a definition.
fn document(path: &FilePath) -> Result<String> {
    let unreadable = |source| Error::of_state_folder(path, source);
    let n_bytes = std::fs::metadata(path).map_err(unreadable)?.len();
    if n_bytes > MAX_DEFINITION {
        let reason = format!("a definition may have {MAX_DEFINITION} bytes at most");
        return Err(Error::BadBody { reason });
    }
    let text = String::from_utf8(std::fs::read(path).map_err(unreadable)?);
    text.map_err(|_| Error::BadBody { reason: "it is not UTF-8".to_owned() })
}

/// POST of rows.
pub async fn load(
    State(state): State<AppState>,
    person: Person,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let name = TableName::read(&name)?;
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = media_type.map(str::to_owned);
    let tables = state.views.user_tables().clone();
    // Who may not fill the table need not send rows.
    tables.entry(&person, &name)?;
    let kept = receive(&state, media_type.as_deref(), body).await?;
    let options = options(&state, media_type);
    let n_rows = blocking(move || tables.load(&person, &name, kept.path(), &options));
    Ok(format!("{} rows\n", n_rows.await?).into_response())
}

/// DELETE of a table.
pub async fn remove(
    State(state): State<AppState>,
    person: Person,
    Path(name): Path<String>,
) -> Answer<StatusCode> {
    let name = TableName::read(&name)?;
    let tables = state.views.user_tables().clone();
    blocking(move || tables.remove(&person, &name)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// GET of what is known of a table besides its columns.
pub async fn permissions(
    State(state): State<AppState>,
    person: Person,
    Path(name): Path<String>,
) -> Answer<String> {
    let entry = state.views.user_tables().entry(&person, &TableName::read(&name)?)?;
    let sharing = &entry.sharing;
    let mut out = format!("public={}\n", sharing.is_public);
    for (what, value) in [("r-group", &sharing.read_group), ("rw-group", &sharing.write_group)] {
        out += &format!("{what}={}\n", value.as_deref().unwrap_or_default());
    }
    out += &format!("created={}\nexpires={}\n", entry.created, entry.expires);
    if let Some(origin) = &entry.origin {
        out += &format!("query={}\n", origin.replace(['\r', '\n'], " "));
    }
    Ok(out)
}

/// POST of who else may see or change a table; an empty group is none.
pub async fn share(
    State(state): State<AppState>,
    person: Person,
    Path(name): Path<String>,
    parameters: Parameters,
) -> Answer<StatusCode> {
    let name = TableName::read(&name)?;
    let is_public = match parameters.get("PUBLIC")?.map(str::to_ascii_lowercase).as_deref() {
        None => None,
        Some("true" | "1") => Some(true),
        Some("false" | "0") => Some(false),
        Some(other) => {
            let (value, expected) = (other.to_owned(), "true or false".to_owned());
            return Err(Error::BadParameter { name: "PUBLIC", value, expected }.into());
        }
    };
    let group = |value: &str| Some(value.trim().to_owned()).filter(|value| !value.is_empty());
    let read_group = parameters.get("R-GROUP")?.map(group);
    let write_group = parameters.get("RW-GROUP")?.map(group);
    let tables = state.views.user_tables().clone();
    let people = state.views.people().clone();
    let change = move || {
        for group in [&read_group, &write_group].into_iter().flatten().flatten() {
            people.check_group(group)?;
        }
        tables.share(&person, &name, |sharing| {
            sharing.is_public = is_public.unwrap_or(sharing.is_public);
            if let Some(group) = read_group {
                sharing.read_group = group;
            }
            if let Some(group) = write_group {
                sharing.write_group = group;
            }
        })
    };
    blocking(change).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Where the result of a job is, and the query that it answers.
async fn result_of(state: &AppState, owner: &Owner, id: &str) -> Result<(PathBuf, Option<String>)> {
    let id = id.rsplit('/').next().unwrap_or(id);
    let job = state.jobs.job(id, owner).await?;
    if job.phase != Phase::Completed {
        return Err(Error::NotInPhase { what: "result", phase: job.phase });
    }
    Ok((state.jobs.result_path(&job), job.parameters.first("QUERY").map(str::to_owned)))
}

fn options(state: &AppState, media_type: Option<String>) -> ReadOptions {
    ReadOptions {
        media_type,
        name: Some("the body of the request".to_owned()),
        max_rows: Some(state.config.upload_rows),
        max_bytes: Some(state.config.upload_bytes),
        ..ReadOptions::default()
    }
}

/// Keep the body of a request as a file.
async fn receive(state: &AppState, media_type: Option<&str>, body: Body) -> Result<KeptFile> {
    state.jobs.disk().check()?;
    let bytes = body.into_data_stream();
    let bytes = bytes.map_err(|error| Error::BadBody { reason: error.to_string() });
    state.jobs.uploads().keep(None, media_type, state.config.upload_bytes, bytes).await
}

/// Do work that waits for the disk.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Error::QueryThread { reason: error.to_string() })?
}
