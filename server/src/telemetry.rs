//! What the operator sees of each request: one line on standard error, with its duration.
//!
//! Each request has an id, which stands in each line that is logged for it, in the answer's header
//! `X-Request-Id` and in the text of an internal error: who reports a problem can name it. A proxy in
//! front may give it.

use std::io::IsTerminal;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use tower_http::trace::{DefaultOnResponse, TraceLayer};
use tracing::{Level, Span};
use tracing_subscriber::EnvFilter;

/// How lines are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line, for programs.
    Json,
}

/// Log to standard error what the environment variable `RUST_LOG` selects; by default requests
/// and warnings.
pub fn log_to_stderr(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("warn,almagest_server=info,tower_http=info"));
    let logging = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    // Fails only where the process logs already, and then there is nothing to do.
    let _ = match format {
        LogFormat::Text => logging.try_init(),
        LogFormat::Json => {
            let json = logging.json().flatten_event(true).with_span_list(false);
            json.with_ansi(false).try_init()
        }
    };
}

/// Log the requests of `router`.
pub fn traced(router: Router) -> Router {
    // What fails inside is logged where it fails, with its cause; a refusal is no failure.
    let layer = TraceLayer::new_for_http()
        .make_span_with(request_span)
        .on_failure(())
        .on_response(DefaultOnResponse::new().level(Level::INFO));
    router.layer(layer).layer(from_fn(name_request))
}

/// The header that holds a request's id.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest id of a proxy that is taken over, bytes.
const MAX_ID: usize = 64;

tokio::task_local! {
    /// The id of the request that the task answers.
    static CURRENT: HeaderValue;
}

/// The id of the request that is being answered here; none where work goes on without one.
pub fn current_request() -> Option<String> {
    CURRENT.try_with(|id| id.to_str().ok().map(str::to_owned)).ok().flatten()
}

/// Give the request an id, if it has none, and the answer the same.
async fn name_request(mut request: Request, next: Next) -> Response {
    let given = request
        .headers()
        .get(&REQUEST_ID)
        .filter(|id| id.len() <= MAX_ID && id.as_bytes().iter().all(u8::is_ascii_graphic));
    let id = match given {
        Some(id) => id.clone(),
        None => {
            let drawn = format!("{:016x}", rand::random::<u64>());
            HeaderValue::try_from(drawn).unwrap_or_else(|_| HeaderValue::from_static("unnamed"))
        }
    };
    request.headers_mut().insert(REQUEST_ID, id.clone());
    let mut response = CURRENT.scope(id.clone(), next.run(request)).await;
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

/// Everything logged while a request is answered names the request. Queries travel in the path of
/// a GET, and may be private: only the path is logged.
fn request_span(request: &Request) -> Span {
    let id = request.headers().get(&REQUEST_ID).and_then(|id| id.to_str().ok());
    let path = request.uri().path();
    tracing::info_span!("request", id, method = %request.method(), path)
}
