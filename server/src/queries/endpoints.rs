//! `GET /queries` and `DELETE /queries/{id}`.

use std::fmt::Write;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header::{ACCEPT, CACHE_CONTROL};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::{OPERATORS, Row, Seen};
use crate::config::AnonymousJobs;
use crate::error::PlainText;
use crate::state::AppState;
use crate::uws::Owner;
use crate::{Error, Result};

/// List the queries that the caller may see: text for people, JSON where it is asked for.
///
/// # Errors
/// Nobody knows which groups the caller is in.
pub async fn list(
    State(state): State<AppState>,
    owner: Owner,
    headers: HeaderMap,
) -> Result<Response, PlainText> {
    let rows = match seen(&state, owner)? {
        Some(seen) => state.list.rows(&seen),
        None => vec![],
    };
    let wants_json = headers
        .get(ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("application/json"));
    let no_store = [(CACHE_CONTROL, "no-store")];
    Ok(match wants_json {
        true => (no_store, Json(rows)).into_response(),
        false => (no_store, table(&rows)).into_response(),
    })
}

/// Stop a query.
///
/// # Errors
/// The caller sees none of this name.
pub async fn stop(
    State(state): State<AppState>,
    owner: Owner,
    Path(id): Path<String>,
) -> Result<StatusCode, PlainText> {
    let by = owner.0.clone();
    match seen(&state, owner)?.is_some_and(|seen| state.list.stop(&id, &seen)) {
        true => {
            tracing::info!(id, by, "a query was told to stop");
            Ok(StatusCode::NO_CONTENT)
        }
        false => Err(Error::NoSuchQuery { id }.into()),
    }
}

/// Whose queries a caller sees; none of anybody's where callers without a name keep to themselves.
fn seen(state: &AppState, owner: Owner) -> Result<Option<Seen>> {
    let Some(name) = &owner.0 else {
        let is_listed = state.config.anonymous_jobs != AnonymousJobs::Unlisted;
        return Ok(is_listed.then_some(Seen::Of(owner)));
    };
    let groups = state.views.people().groups(name)?;
    Ok(Some(if groups.contains(OPERATORS) { Seen::All } else { Seen::Of(owner) }))
}

/// One line a query, under a head.
fn table(rows: &[Row]) -> String {
    let mut text = format!(
        "{:<32} {:<12} {:<6} {:<6} {:<10} {:>9} {:>13} {:>12} {:>14} of\n",
        "id", "user", "at", "lane", "stage", "seconds", "chunks", "rows", "bytes"
    );
    for row in rows {
        let chunks = format!("{}/{}", row.chunks_done, row.chunks_planned);
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{:<32} {:<12} {:<6} {:<6} {:<10} {:>9.1} {:>13} {:>12} {:>14} {}",
            row.id,
            row.user.as_deref().unwrap_or("-"),
            row.endpoint,
            row.lane.unwrap_or("-"),
            row.stage,
            row.seconds,
            chunks,
            row.rows,
            row.bytes,
            row.what.as_deref().filter(|what| *what != row.id).unwrap_or("-"),
        );
    }
    text
}
