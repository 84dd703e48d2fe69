//! `/tap/sync`: a query answered in one exchange.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::{run_query, unavailable};
use crate::Result;
use crate::dali::Parameters;
use crate::state::AppState;

/// Answer a query; GET and POST are the same.
pub async fn sync(
    State(state): State<AppState>,
    headers: HeaderMap,
    parameters: Parameters,
) -> Result<Response> {
    if parameters.contains("UPLOAD") {
        return Err(unavailable::uploads());
    }
    run_query::run_query(&state, &parameters, &headers).await
}
