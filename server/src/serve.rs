//! Listening, and stopping without cutting off those who are being answered.
//!
//! ```text
//!   accept (so many at once) ─▶ Impatient ─▶ TLS, if asked for ─▶ HTTP/1.1 ─▶ app
//! ```
//!
//! A caller can hold a connection, and nothing else: heads of requests have a time limit, so have
//! pauses in their bodies, and who takes nothing of an answer for minutes is cut off, and the query
//! behind it with it.

pub mod impatient;
pub mod patience;
pub mod remainder;
pub mod tls;

use std::future::{Future, pending};
use std::io;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use futures::future::join;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::config::ConnectionLimits;
use crate::metrics::Metrics;
use crate::state::AppState;
use crate::uws::Jobs;
use crate::{Error, Result, app};
use impatient::Impatient;

/// How long the refusals of answers that are cut off may take.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// How long a caller may take to agree on the encryption.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Headers of a request at most; more are answered by 431.
const MAX_HEADERS: usize = 100;
/// How long the service waits when the system gives it no connection.
const RETRY: Duration = Duration::from_secs(1);

/// What each connection is served with.
#[derive(Clone)]
struct Door {
    app: Router,
    tls: Option<TlsAcceptor>,
    limits: ConnectionLimits,
    metrics: Metrics,
    stopping: CancellationToken,
}

/// A service that needs only somewhere to listen.
pub struct Service {
    door: Door,
    jobs: Jobs,
    /// The address that it was told, and the catalogs that it serves, for the log.
    address: Option<String>,
    catalogs: String,
    /// Answers that have not begun are refused.
    cutting: CancellationToken,
}

impl Service {
    /// Make a service of its state.
    ///
    /// # Errors
    /// The certificate cannot be used.
    pub fn try_new(state: AppState) -> Result<Self> {
        let tls = state.config.tls.as_ref().map(tls::acceptor).transpose()?;
        let limits = state.config.connections.clone();
        let (jobs, metrics) = (state.jobs.clone(), state.metrics.clone());
        let address = state.config.address.clone();
        let catalogs = catalogs(&state)?;
        let cutting = CancellationToken::new();
        let app = app(state).layer(from_fn_with_state(cutting.clone(), or_cut_off));
        let door = Door { app, tls, limits, metrics, stopping: CancellationToken::new() };
        Ok(Self { door, jobs, address, catalogs, cutting })
    }

    /// Answer requests until `shutdown` completes, and for a short while those begun before, jobs among
    /// them; a second signal ends that while.
    pub async fn run(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) {
        let Self { door, jobs, address, catalogs, cutting } = self;
        let version = env!("CARGO_PKG_VERSION");
        tracing::info!(address, catalogs, version, "answering");
        let (stopping, metrics) = (door.stopping.clone(), door.metrics.clone());
        let grace = door.limits.grace;

        let mut open = accept(&listener, door.clone(), shutdown).await;

        let (connections, executing) = (open.len(), jobs.n_executing());
        let grace_s = grace.as_secs();
        tracing::info!(connections, executing, grace_s, "stopping; what is under way may end");
        stopping.cancel();
        let jobs_end = jobs.close(grace);
        let answered = tokio::select! {
            (answered, ()) = join(timeout(grace, all_of(&mut open)), jobs_end) => answered.is_ok(),
            () = shutdown_signal() => false,
            () = turn_away(&listener, door) => false,
        };
        drop(listener);
        if !answered && !open.is_empty() {
            metrics.cut_off();
            tracing::warn!(connections = open.len(), "answers under way are cut off");
            cutting.cancel();
            // For those whose refusal is on its way.
            let _ = timeout(LAST_WORDS, all_of(&mut open)).await;
        }
        drop(open);
        // Those that a second signal gave no time.
        jobs.close(Duration::ZERO).await;
        tracing::info!("stopped");
    }
}

/// The catalogs that a service has, each with its version.
fn catalogs(state: &AppState) -> Result<String> {
    let stores = state.views.whole().stores();
    let shown = stores.iter().map(|store| {
        let version = store.snapshot().map_err(almagest_engine::Error::from)?.version();
        Ok(format!("{} {version}", store.name()))
    });
    Ok(shown.collect::<Result<Vec<String>>>()?.join(", "))
}

async fn all_of(open: &mut JoinSet<()>) {
    while open.join_next().await.is_some() {}
}

/// Answer, or say that the service ends where the answer does not begin before.
async fn or_cut_off(
    State(cutting): State<CancellationToken>,
    request: Request,
    next: Next,
) -> Response {
    tokio::select! {
        response = next.run(request) => response,
        () = cutting.cancelled() => Error::Stopping.into_response(),
    }
}

/// Make a service of `state` and answer requests until `shutdown` completes.
///
/// # Errors
/// The certificate cannot be used.
pub async fn serve(
    state: AppState,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    Service::try_new(state)?.run(listener, shutdown).await;
    Ok(())
}

/// Answer 503 to all who come from now on, so that they, or a proxy before them, know where they are
/// while what is under way ends.
async fn turn_away(listener: &TcpListener, door: Door) {
    let app = Router::new().fallback(being_stopped).layer(from_fn(remainder::read));
    let door = Door { app, stopping: CancellationToken::new(), ..door };
    accept(listener, door, pending()).await;
}

async fn being_stopped() -> Response {
    ([(header::CONNECTION, "close")], Error::Stopping).into_response()
}

/// Accept connections until `shutdown` completes; return those that are open.
async fn accept(
    listener: &TcpListener,
    door: Door,
    shutdown: impl Future<Output = ()>,
) -> JoinSet<()> {
    let mut shutdown = pin!(shutdown);
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            () = &mut shutdown => return open,
            Some(_) = open.join_next(), if !open.is_empty() => {}
            accepted = listener.accept(), if open.len() < door.limits.at_once.max(1) => {
                match accepted {
                    Ok((stream, _)) => {
                        open.spawn(connection(stream, door.clone()));
                    }
                    Err(error) if is_of_one_connection(&error) => {}
                    Err(error) => {
                        tracing::error!(%error, "no connection can be accepted");
                        sleep(RETRY).await;
                    }
                }
            }
        }
    }
}

/// Did the caller leave before it was let in?
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

async fn connection(stream: TcpStream, door: Door) {
    let _open = door.metrics.connection();
    // Answers are written in large parts; small ones should not wait for more.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "small packets are delayed");
    }
    let stream = Impatient::new(stream, door.limits.stall);
    let Some(tls) = &door.tls else { return converse(stream, &door).await };
    match timeout(HANDSHAKE, tls.accept(stream)).await {
        Ok(Ok(stream)) => converse(stream, &door).await,
        Ok(Err(error)) => tracing::debug!(%error, "no agreement on the encryption"),
        Err(_) => tracing::debug!("no agreement on the encryption in time"),
    }
}

/// Answer the requests of one connection, one after the other.
async fn converse(stream: impl AsyncRead + AsyncWrite + Unpin, door: &Door) {
    let service = TowerToHyperService::new(door.app.clone());
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(door.limits.head).max_headers(MAX_HEADERS);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = door.stopping.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke off");
    }
}

/// Complete when the process is asked to end, by SIGINT (Ctrl-C) or SIGTERM.
pub async fn shutdown_signal() {
    let interrupt = async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::error!(%error, "cannot wait for SIGINT");
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(error) => {
                tracing::error!(%error, "cannot wait for SIGTERM");
                std::future::pending::<()>().await;
            }
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
}
