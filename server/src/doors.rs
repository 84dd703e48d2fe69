//! What surrounds all routes: addresses in other spellings, pages of other places that ask, bodies that come
//! compressed, and words for what is not there.

use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::header::{
    ACCEPT_RANGES, ALLOW, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, ETAG,
    HeaderName, LOCATION, RETRY_AFTER, SERVER, WWW_AUTHENTICATE,
};
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::{Next, map_request};
use axum::response::{IntoResponse, Response};
use tower_http::cors::{AllowHeaders, Any, CorsLayer};
use tower_http::decompression::RequestDecompressionLayer;

/// How long a browser may remember what a page of another place may ask.
const CORS_LIFE: Duration = Duration::from_secs(24 * 3600);

/// Take `/tap/`, `//tap` and `/tap//sync` for what they mean.
///
/// A path is changed before a route is looked for, hence in a router around that of the routes.
pub fn with_plain_paths(router: Router) -> Router {
    Router::new().fallback_service(router).layer(map_request(plain))
}

async fn plain(mut request: Request) -> Request {
    if let Some(path) = plain_path(request.uri().path()) {
        let mut parts = request.uri().clone().into_parts();
        let query = request.uri().query().map(|query| format!("?{query}"));
        parts.path_and_query = format!("{path}{}", query.unwrap_or_default()).parse().ok();
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    request
}

/// The path without empty pieces; none where it has none.
fn plain_path(path: &str) -> Option<String> {
    let is_plain = path == "/" || !(path.contains("//") || path.ends_with('/'));
    if is_plain || !path.starts_with('/') {
        return None;
    }
    let pieces: Vec<&str> = path.split('/').filter(|piece| !piece.is_empty()).collect();
    Some(format!("/{}", pieces.join("/")))
}

/// Let pages of all places ask and read, as browsers must be told. No answer depends on a cookie, and a
/// browser adds no login that the page does not have itself.
pub fn cross_origin() -> CorsLayer {
    let exposed = [
        ACCEPT_RANGES,
        ALLOW,
        CACHE_CONTROL,
        HeaderName::from_static("cache-status"),
        CONTENT_DISPOSITION,
        CONTENT_LENGTH,
        CONTENT_RANGE,
        ETAG,
        LOCATION,
        RETRY_AFTER,
        SERVER,
        WWW_AUTHENTICATE,
        HeaderName::from_static("x-request-id"),
    ];
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(exposed)
        .max_age(CORS_LIFE)
}

/// Read bodies that say to be gzip or zstd as what they hold; others are refused by 415. Limits count what
/// they hold.
pub fn decompression() -> RequestDecompressionLayer {
    RequestDecompressionLayer::new()
}

/// Say why a body was refused for its encoding.
pub async fn explain_encoding(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let has_words = response.headers().contains_key("content-type");
    match response.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE && !has_words {
        true => {
            let words =
                "the body has a Content-Encoding that is not read here; gzip and zstd are\n";
            (response.into_parts().0, words).into_response()
        }
        false => response,
    }
}

/// 404 of a path without a route.
pub async fn nothing_there(uri: Uri) -> Response {
    let words = format!(
        "there is nothing at {}; TAP is at /tap (sync, async, tables, capabilities, examples), cone searches \
         at /scs/SCHEMA.TABLE, and a page for people at /\n",
        uri.path()
    );
    (StatusCode::NOT_FOUND, words).into_response()
}

/// 405: there is something, and it is not asked like this.
pub async fn not_like_this(method: Method, uri: Uri) -> Response {
    let words = format!(
        "{} does not answer {method}; the header Allow lists what it answers\n",
        uri.path()
    );
    (StatusCode::METHOD_NOT_ALLOWED, words).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_one_spelling() {
        for (path, plain) in [
            ("/", None),
            ("/tap", None),
            ("/tap/async/1", None),
            ("*", None),
            ("/tap/", Some("/tap")),
            ("//", Some("/")),
            ("//tap//sync//", Some("/tap/sync")),
        ] {
            assert_eq!(plain_path(path).as_deref(), plain, "{path}");
        }
    }
}
