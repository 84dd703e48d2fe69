//! Listening, and stopping without cutting off those who are being answered.

use std::future::Future;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::state::AppState;
use crate::{Result, app};

/// How long answers and jobs under way may take after the service was told to stop.
const GRACE: Duration = Duration::from_secs(10);

/// Answer requests until `shutdown` completes, and for a short while those begun before.
///
/// # Errors
/// The listener fails.
pub async fn serve(
    state: AppState,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    let jobs = state.jobs.clone();
    let app = app(state);
    let closing = jobs.clone();
    let (stopping, stopped) = oneshot::channel();
    let graceful = axum::serve(listener, app).with_graceful_shutdown(async move {
        shutdown.await;
        tokio::spawn(async move { closing.close(GRACE).await });
        // Nobody listens any more only where serving has already ended.
        let _ = stopping.send(());
    });
    let deadline = async {
        // A sender that was dropped means that serving has ended by itself.
        if stopped.await.is_ok() {
            tokio::time::sleep(GRACE).await;
        } else {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        ended = graceful.into_future() => ended?,
        () = deadline => tracing::warn!("answers that took longer than {GRACE:?} were cut off"),
    }
    // Serving may end by itself, and jobs may be at work until the same deadline.
    jobs.close(Duration::ZERO).await;
    Ok(())
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
