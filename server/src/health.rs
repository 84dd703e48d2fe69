//! `/health` and `/ready`: for what starts, stops and routes to services.
//!
//! A service is alive as long as it answers at all; it is ready when a query would find the catalog
//! readable and a job a place for its result.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::Error;
use crate::state::AppState;

/// Answer that the service is alive.
pub async fn health() -> Response {
    text(StatusCode::OK, "alive")
}

/// Answer whether queries can be answered.
pub async fn ready(State(state): State<AppState>) -> Response {
    let disk = || state.jobs.disk().check().err().map(|error| error.public_message());
    match problem(&state).or_else(disk) {
        None => text(StatusCode::OK, "ready"),
        Some(problem) => text(StatusCode::SERVICE_UNAVAILABLE, &problem),
    }
}

/// What keeps queries from being answered; the public text.
pub fn problem(state: &AppState) -> Option<String> {
    let error = state.views.whole().session().err()?;
    Some(Error::from(error).public_message())
}

fn text(status: StatusCode, text: &str) -> Response {
    let headers =
        [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "no-store")];
    (status, headers, format!("{text}\n")).into_response()
}
