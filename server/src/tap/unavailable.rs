//! Parts of TAP that this service does not have yet, and says so.

use axum::response::Response;

use crate::Error;

/// `/tap/async`: say that there are no asynchronous jobs.
///
/// In plain text, because clients that create a job show nothing else of a failure.
pub async fn asynchronous() -> Response {
    let what = "asynchronous queries are not available on this service yet; \
                send the query to the sync endpoint, which streams results of any length";
    Error::NotImplemented { what }.into_text()
}

/// The error for a query with uploads.
pub fn uploads() -> Error {
    let what = "uploads of tables (parameter UPLOAD) are not available on this service yet";
    Error::NotImplemented { what }
}
