//! The requests of ingest transactions, answered in JSON.

use almagest_ingest::{Contributed, ReadOptions, Report};
use axum::body::Body;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use futures::TryStreamExt;
use serde_json::{Value, json};

use super::{IngestService, Sending, Standing};
use crate::base_url::BaseUrl;
use crate::dali::Parameters;
use crate::error::PlainText;
use crate::people::caller::ShownToken;
use crate::people::token::TokenHash;
use crate::state::AppState;
use crate::uploads::folder::KeptFile;
use crate::uws::Owner;
use crate::{Error, Result};

type Answer<T = Json<Value>> = Result<T, PlainText>;

/// Longest key of a contribution, bytes.
const KEY_LENGTH: usize = 1024;

/// Return the routes, below `/ingest`.
pub fn routes() -> Router<AppState> {
    Router::new()
        .route("/transactions", post(begin))
        .route("/transactions/{id}", get(standing))
        .route("/transactions/{id}/contributions/{key}", put(contribute))
        .route("/transactions/{id}/commit", post(commit))
        .route("/transactions/{id}/abort", post(abort))
}

/// Who sends, known by a token.
pub struct Sender {
    name: String,
    token: TokenHash,
}

impl FromRequestParts<AppState> for Sender {
    type Rejection = PlainText;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, PlainText> {
        let owner = Owner::from_request_parts(parts, state).await?;
        let token = parts.extensions.get::<ShownToken>().and_then(|shown| shown.0);
        match (owner.0, token) {
            (Some(name), Some(token)) => Ok(Self { name, token }),
            _ => Err(Error::TokenNeeded.into()),
        }
    }
}

async fn begin(
    State(state): State<AppState>,
    base: BaseUrl,
    sender: Sender,
    parameters: Result<Parameters>,
) -> Answer<Response> {
    let parameters = parameters?;
    let schema = parameters.get("SCHEMA")?.map(str::to_owned);
    let service = state.ingest.clone();
    let standing = blocking(move || {
        let store = service.store(schema.as_deref())?;
        // Who may write nothing there has nothing to begin.
        if !state.views.people().may_write_any(&sender.token, store.name())? {
            return Err(Error::MayNotWrite { table: store.name().to_owned() });
        }
        let id = service.begin(&sender.name, store)?;
        service.standing(&sender.name, &id)
    });
    let standing = standing.await?;
    let location = format!("{base}/ingest/transactions/{}", standing.transaction.id);
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(told(&standing))).into_response())
}

async fn standing(State(state): State<AppState>, sender: Sender, Path(id): Path<String>) -> Answer {
    let service = state.ingest.clone();
    let standing = blocking(move || service.standing(&sender.name, &id)).await?;
    Ok(Json(told(&standing)))
}

async fn contribute(
    State(state): State<AppState>,
    sender: Sender,
    Path((id, key)): Path<(String, String)>,
    query: axum::extract::RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let sending = state.ingest.receive(&sender.name, &id, &key)?;
    let received = match receive(&state, &sender, &sending, query, &headers, body).await {
        Ok(received) => received,
        Err(error) => {
            sending.refused(&error);
            return Err(error.into());
        }
    };
    let Received { table, kept, options } = received;
    let told_key = key.clone();
    let told_table = table.clone();
    let taken = blocking(move || IngestService::contribute(sending, &table, kept.path(), &options));
    Ok(Json(match taken.await? {
        Contributed::Taken(report) => {
            let mut told = told_report(&report);
            told["key"] = json!(told_key);
            told["table"] = json!(told_table);
            told["state"] = json!("taken");
            told
        }
        Contributed::Known { version } => json!({
            "key": told_key, "table": told_table, "state": "known", "version": version,
        }),
    }))
}

/// A contribution of which all bytes came.
struct Received {
    /// Exact name of the table.
    table: String,
    kept: KeptFile,
    options: ReadOptions,
}

/// Keep the body of a contribution in a file, if its rows may be sent at all.
async fn receive(
    state: &AppState,
    sender: &Sender,
    sending: &Sending,
    query: axum::extract::RawQuery,
    headers: &HeaderMap,
    body: Body,
) -> Result<Received> {
    let key = sending.key();
    if key.len() > KEY_LENGTH {
        let expected = format!("at most {KEY_LENGTH} bytes");
        return Err(Error::BadParameter { name: "key", value: key.to_owned(), expected });
    }
    let parameters = Parameters::from_query(query.0.as_deref().unwrap_or_default());
    let table = parameters.get("TABLE")?.ok_or(Error::MissingParameter { name: "TABLE" })?;
    let store = state.ingest.store_of(&sender.name, sending.id())?;
    let table = match table.split_once('.') {
        Some((schema, table)) if schema.eq_ignore_ascii_case(store.name()) => table,
        _ => table,
    };
    let snapshot = store.snapshot().map_err(almagest_ingest::Error::from)?;
    let table = snapshot.table(table).map_err(almagest_ingest::Error::from)?.name.clone();
    drop(snapshot);
    // Who may not write the table need not send rows.
    if !state.views.people().may_write(&sender.token, store.name(), &table)? {
        return Err(Error::MayNotWrite { table });
    }
    state.jobs.disk().check()?;
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = media_type.map(str::to_owned);
    let parts = body.into_data_stream();
    let parts = parts.map_err(|error| Error::BadBody { reason: error.to_string() });
    let most = state.config.upload_bytes;
    let kept = state.jobs.uploads().keep(None, media_type.as_deref(), most, parts).await?;
    let name = Some(format!("contribution {key}"));
    let options = ReadOptions { media_type, name, ..ReadOptions::default() };
    Ok(Received { table, kept, options })
}

async fn commit(
    State(state): State<AppState>,
    sender: Sender,
    Path(id): Path<String>,
    parameters: Result<Parameters>,
) -> Answer {
    let parameters = parameters?;
    let message = parameters.get("MESSAGE")?.unwrap_or_default().to_owned();
    let without_refused = match parameters.get("WITHOUT_REFUSED")? {
        None => false,
        Some(value) if value.eq_ignore_ascii_case("false") => false,
        Some(value) if value.eq_ignore_ascii_case("true") => true,
        Some(value) => {
            let expected = "true or false".to_owned();
            let (name, value) = ("WITHOUT_REFUSED", value.to_owned());
            return Err(Error::BadParameter { name, value, expected }.into());
        }
    };
    let service = state.ingest.clone();
    let committed = id.clone();
    let (report, refused) =
        blocking(move || service.commit(&sender.name, &committed, &message, without_refused))
            .await?;
    let tables = report.tables.iter().map(|(table, of)| (table.clone(), told_report(of)));
    let tables: serde_json::Map<String, Value> = tables.collect();
    Ok(Json(json!({
        "transaction_id": id, "state": "committed", "version": report.version, "tables": tables,
        "refused": refused,
    })))
}

async fn abort(State(state): State<AppState>, sender: Sender, Path(id): Path<String>) -> Answer {
    let service = state.ingest.clone();
    let aborted = id.clone();
    blocking(move || service.abort(&sender.name, &aborted)).await?;
    Ok(Json(json!({"transaction_id": id, "state": "aborted"})))
}

fn told(standing: &Standing) -> Value {
    let Standing { schema, transaction, contributions, on_their_way, refused } = standing;
    let contributions = contributions.iter().map(|contribution| {
        json!({
            "key": contribution.key,
            "table": contribution.table,
            "state": contribution.state(),
            "n_rows": contribution.n_rows,
            "checksum": contribution.checksum,
            "error": contribution.error,
        })
    });
    json!({
        "transaction_id": transaction.id,
        "schema": schema,
        "state": transaction.state.word(),
        "author": transaction.author,
        "message": transaction.message,
        "base_version": transaction.base_version,
        "version": transaction.version,
        "begun_at": transaction.begun_at,
        "ended_at": transaction.ended_at,
        "error": transaction.error,
        "contributions": contributions.collect::<Vec<_>>(),
        "on_their_way": on_their_way,
        "refused": refused,
    })
}

/// Rows, and what was changed in them.
fn told_report(report: &Report) -> Value {
    json!({"n_rows": report.n_rows, "notes": report.lines()})
}

/// Do work that waits for the disk.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Error::QueryThread { reason: error.to_string() })?
}
