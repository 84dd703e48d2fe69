//! The VO protocols over a catalog: TAP with its VOSI and DALI endpoints.
//!
//! ```text
//! request ─▶ dali::Parameters ─▶ tap::answer ─▶ engine ─▶ formats (VOTable, FITS, …) ───▶ body
//!                                    ▲                                                     │
//!                 /scs ─▶ cone_search, which writes the query                           │
//!                 /tap/async ─▶ uws::Jobs, which outlive the service ◀── result file ──────┘
//! ```
//!
//! Read [`app`] first: it is the whole table of routes. Only this crate knows HTTP, DALI or a
//! status code; [`error`] is the only place where an error becomes one.

pub mod base_url;
pub mod compression;
pub mod cone_search;
pub mod config;
pub mod queries;
pub mod query_runtime;
pub mod dali;
pub mod disk_guard;
pub mod doors;
pub mod error;
pub mod fetch;
pub mod formats;
pub mod health;
pub mod images;
pub mod ingest_log;
pub mod ingest_service;
pub mod metrics;
pub mod objects;
pub mod pages;
pub mod record;
pub mod serve;
pub mod state;
pub mod people;
mod sqlite_file;
pub mod turns;
pub mod tap;
pub mod uploads;
pub mod user_tables;
pub mod telemetry;
pub mod uws;
pub mod vosi;
pub mod xml;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::HeaderValue;
use axum::http::header::SERVER;
use axum::middleware::{from_fn, from_fn_with_state, map_request, map_response};
use axum::response::Response;
use axum::routing::{delete, get, post};

pub use config::ServerConfig;
pub use error::{Error, Result};
pub use serve::{Service, serve, shutdown_signal};
pub use state::AppState;

/// Return the routes of the service.
pub fn app(state: AppState) -> Router {
    let body_limit = DefaultBodyLimit::max(state.config.max_body_bytes);
    let pause = state.config.connections.pause;
    let tap = Router::new()
        .route("/", get(pages::front::front))
        .route("/sync", get(tap::sync::sync).post(tap::sync::sync))
        .nest("/async", tap::asynchronous::routes())
        .route("/capabilities", get(vosi::capabilities::capabilities))
        .route("/availability", get(vosi::availability::availability))
        .route("/tables", get(vosi::tables::tables))
        .route(
            "/tables/{name}",
            get(vosi::tables::table)
                .put(user_tables::endpoints::create)
                .delete(user_tables::endpoints::remove),
        )
        .route("/load/{name}", post(user_tables::endpoints::load))
        .route("/table-update", post(user_tables::index::update))
        .route(
            "/permissions/{name}",
            get(user_tables::endpoints::permissions).post(user_tables::endpoints::share),
        )
        .route("/examples", get(tap::examples::examples));
    let cones = Router::new()
        .route("/{name}", get(cone_search::search).post(cone_search::search))
        .route("/{name}/capabilities", get(cone_search::capabilities))
        .route("/{name}/availability", get(vosi::availability::availability));
    let router = Router::new()
        .route("/", get(pages::front::front))
        .route("/tables/{name}", get(pages::table::table))
        .route("/record", get(record::record))
        .nest("/tap", tap)
        .nest("/ingest", ingest_service::endpoints::routes())
        .nest("/scs", cones)
        .route("/datalink/links", get(images::datalink::links).post(images::datalink::links))
        .route("/datalink/files/{uuid}", get(images::file::file))
        .route("/datalink/capabilities", get(vosi::capabilities::images))
        .route("/soda/sync", get(images::soda::sync).post(images::soda::sync))
        .route("/soda/capabilities", get(vosi::capabilities::images))
        .route("/queries", get(queries::endpoints::list))
        .route("/queries/{id}", delete(queries::endpoints::stop))
        .route("/health", get(health::health))
        .route("/ready", get(health::ready))
        .route("/metrics", get(metrics::metrics))
        .fallback(doors::nothing_there)
        .method_not_allowed_fallback(doors::not_like_this)
        .layer(body_limit)
        .layer(doors::decompression())
        .layer(from_fn(doors::explain_encoding))
        .layer(map_request(move |request| async move { serve::patience::bounded(request, pause) }))
        .layer(from_fn_with_state(state.clone(), people::caller::identify))
        .layer(from_fn(serve::remainder::read))
        .layer(compression::layer())
        .layer(map_request(compression::take_what_there_is))
        .layer(from_fn_with_state(state.clone(), metrics::count))
        .with_state(state);
    let router = router.layer(doors::cross_origin()).layer(map_response(name_server));
    telemetry::traced(doors::with_plain_paths(router))
}

/// Say which program answers, and in which version: users report it with their problems.
async fn name_server(mut response: Response) -> Response {
    let name = HeaderValue::from_static(concat!("almagest/", env!("CARGO_PKG_VERSION")));
    response.headers_mut().insert(SERVER, name);
    response
}
