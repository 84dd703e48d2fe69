//! What the operator sees of each request: one line on standard error, with its duration.

use std::io::IsTerminal;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use tower_http::trace::{DefaultOnResponse, TraceLayer};
use tracing::{Level, Span};
use tracing_subscriber::EnvFilter;

/// Log to standard error what the environment variable `RUST_LOG` selects; by default requests
/// and warnings.
pub fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("warn,almagest_server=info,tower_http=info"));
    let logging = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    // Fails only where the process logs already, and then there is nothing to do.
    let _ = logging.try_init();
}

/// Log the requests of `router`.
pub fn traced(router: Router) -> Router {
    // What fails inside is logged where it fails, with its cause; a refusal is no failure.
    let layer = TraceLayer::new_for_http()
        .make_span_with(request_span)
        .on_failure(())
        .on_response(DefaultOnResponse::new().level(Level::INFO));
    router.layer(layer)
}

/// Everything logged while a request is answered names the request. Queries travel in the path of
/// a GET, and may be private: only the path is logged.
fn request_span(request: &Request<Body>) -> Span {
    tracing::info_span!("request", method = %request.method(), path = request.uri().path())
}
