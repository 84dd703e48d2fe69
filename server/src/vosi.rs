//! VOSI: what the service can do, what it holds, whether it is up.

pub mod availability;
pub mod capabilities;
pub mod tables;

use axum::http::header;
use axum::response::{IntoResponse, Response};

/// Answer with an XML document.
pub(crate) fn xml(document: String) -> Response {
    ([(header::CONTENT_TYPE, "text/xml; charset=utf-8")], document).into_response()
}
