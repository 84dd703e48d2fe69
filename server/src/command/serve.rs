//! `almagest serve`: answer queries over TAP.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;

use almagest_engine::Database;
use almagest_server::{ServerConfig, serve, shutdown_signal, telemetry};
use tokio::net::TcpListener;

use super::{CommandError, Result};

/// Answer queries to a catalog over TAP.
///
/// Rows that other processes commit meanwhile are seen by the next query.
#[derive(Debug, clap::Args)]
pub struct Serve {
    /// Folder of the catalog.
    catalog: PathBuf,
    /// Address and port to listen on; port 0 takes a free one.
    #[arg(long, default_value = Serve::DEFAULT_ADDRESS)]
    listen: SocketAddr,
}

impl Serve {
    /// Where the service listens if nothing else is said.
    pub const DEFAULT_ADDRESS: &str = "127.0.0.1:8080";

    /// Serve until told to stop.
    pub async fn run(self) -> Result<()> {
        answer(Database::open(&self.catalog)?, self.listen).await
    }
}

/// Serve `database` until told to stop, and say how clients reach it.
pub async fn answer(database: Database, listen: SocketAddr) -> Result<()> {
    telemetry::log_to_stderr();
    let listener = TcpListener::bind(listen).await.map_err(|source| {
        CommandError::Refused(format!(
            "cannot listen on {listen}: {source}; try --listen 127.0.0.1:0"
        ))
    })?;
    let url = format!("http://{}/tap", listener.local_addr()?);
    eprintln!("answering at {url}");
    let mut out = io::stdout();
    writeln!(out, "TOPCAT:  VO ▸ Table Access Protocol (TAP) Query ▸ TAP URL: {url}")?;
    writeln!(
        out,
        "pyvo:    pyvo.dal.TAPService(\"{url}\").search(\"SELECT TOP 5 * FROM Object\")"
    )?;
    writeln!(out, "Ctrl-C ends the service.")?;
    out.flush()?;
    Ok(serve(database, listener, ServerConfig::default(), shutdown_signal()).await?)
}
