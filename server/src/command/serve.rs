//! `almagest serve`: answer queries over TAP.

use std::net::SocketAddr;
use std::path::PathBuf;

use almagest_engine::Database;
use almagest_server::{ServerConfig, serve, shutdown_signal, telemetry};
use tokio::net::TcpListener;

use super::Result;

/// Answer queries to a catalog over TAP.
#[derive(Debug, clap::Args)]
pub struct Serve {
    /// Folder of the catalog.
    catalog: PathBuf,
    /// Address and port to listen on.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
}

impl Serve {
    /// Serve until told to stop.
    pub async fn run(self) -> Result<()> {
        telemetry::log_to_stderr();
        let database = Database::open(&self.catalog)?;
        let listener = TcpListener::bind(self.listen).await?;
        let address = listener.local_addr()?;
        eprintln!("answering at http://{address}/tap");
        Ok(serve(database, listener, ServerConfig::default(), shutdown_signal()).await?)
    }
}
