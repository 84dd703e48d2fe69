//! `/tap/availability`: is the catalog readable, and since when is the service up?

use std::time::UNIX_EPOCH;

use almagest_engine::arrow::temporal_conversions::timestamp_s_to_datetime;
use axum::extract::State;
use axum::response::Response;

use crate::health;
use crate::state::AppState;
use crate::xml::Element;

/// Answer with the availability document of VOSI 1.1.
pub async fn availability(State(state): State<AppState>) -> Response {
    let problem = health::problem(&state);
    let seconds = state.up_since.duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs());
    let up_since = i64::try_from(seconds).ok().and_then(timestamp_s_to_datetime);
    let up_since = up_since.map(|time| time.format("%Y-%m-%dT%H:%M:%SZ").to_string());
    super::xml(format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<vosi:availability xmlns:vosi="http://www.ivoa.net/xml/VOSIAvailability/v1.0">
{}
{}
{}
</vosi:availability>
"#,
        Element("vosi:available", Some(if problem.is_none() { "true" } else { "false" })),
        Element("vosi:upSince", up_since.as_deref()),
        Element("vosi:note", Some(problem.as_deref().unwrap_or("the catalog can be queried"))),
    ))
}
