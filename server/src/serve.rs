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
pub mod tls;

use std::future::Future;
use std::io;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
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
use crate::{Result, app};
use impatient::Impatient;

/// How long answers and jobs under way may take after the service was told to stop.
const GRACE: Duration = Duration::from_secs(10);
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

/// Answer requests until `shutdown` completes, and for a short while those begun before.
///
/// # Errors
/// The certificate cannot be used, or the state cannot be made.
pub async fn serve(
    state: AppState,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    let tls = state.config.tls.as_ref().map(tls::acceptor).transpose()?;
    let limits = state.config.connections.clone();
    let jobs = state.jobs.clone();
    let stopping = CancellationToken::new();
    let metrics = state.metrics.clone();
    let door = Door { app: app(state), tls, limits, metrics, stopping: stopping.clone() };

    let mut open = accept(listener, door, shutdown).await;

    stopping.cancel();
    let closing = jobs.clone();
    let closing = tokio::spawn(async move { closing.close(GRACE).await });
    let answered = timeout(GRACE, async { while open.join_next().await.is_some() {} });
    if answered.await.is_err() {
        tracing::warn!("answers that took longer than {GRACE:?} were cut off");
    }
    drop(open);
    if let Err(error) = closing.await {
        tracing::error!(%error, "jobs were not put back in good order");
    }
    jobs.close(Duration::ZERO).await;
    Ok(())
}

/// Accept connections until `shutdown` completes; return those that are open.
async fn accept(
    listener: TcpListener,
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
