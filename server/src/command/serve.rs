//! `almagest serve`: answer queries over TAP.

use std::ffi::OsString;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use almagest_engine::Database;
use almagest_server::telemetry::{self, LogFormat};
use almagest_server::{AppState, ServerConfig, Service, shutdown_signal};
use almagest_storage::CatalogStore;
use tokio::net::TcpListener;

use super::serve_conduct::Conduct;
use super::serve_limits::Limits;
use super::{CommandError, Result};

/// Answer queries to a catalog over TAP.
///
/// Rows that other processes commit meanwhile are seen by the next query. Jobs and their results
/// are kept in the state folder, and outlive the service.
#[derive(Debug, clap::Args)]
pub struct Serve {
    /// Folder of the catalog; of several, each is a schema, and the first is where a table without
    /// a schema is looked for first.
    #[arg(required = true)]
    catalog: Vec<PathBuf>,
    /// Address and port to listen on; port 0 takes a free one.
    #[arg(long, default_value = Serve::DEFAULT_ADDRESS)]
    listen: SocketAddr,
    /// Folder for jobs and their results; made if absent [default: CATALOG.state].
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Limits from a TOML file, under the names of the options below (`sync-duration = 60`); options
    /// that are given come first.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    limits: Limits,
    #[command(flatten)]
    conduct: Conduct,
}

impl Serve {
    /// Where the service listens if nothing else is said.
    pub const DEFAULT_ADDRESS: &str = "127.0.0.1:8080";

    /// Serve until told to stop.
    pub async fn run(self) -> Result<()> {
        let stores: Vec<CatalogStore> =
            self.catalog.iter().map(|path| CatalogStore::open(path)).collect::<Result<_, _>>()?;
        let database = Database::mount(stores, self.conduct.engine()?)?;
        let log = self.conduct.log_format();
        let state = self.state.unwrap_or_else(|| beside(&self.catalog[0]));
        let limits = match &self.config {
            Some(path) => self.limits.or(Limits::read(path)?),
            None => self.limits,
        };
        let config = self.conduct.apply(limits.config(self.listen, state))?;
        answer(database, self.listen, config, log).await
    }
}

/// The state folder where none is named: beside the catalog.
pub fn beside(catalog: &Path) -> PathBuf {
    // A path such as `.` has no name of its own until it is made absolute.
    let catalog = catalog.canonicalize().unwrap_or_else(|_| catalog.to_owned());
    let mut path: OsString = catalog.into_os_string();
    path.push(".state");
    path.into()
}

/// Serve `database` until told to stop, and say how clients reach it.
pub async fn answer(
    database: Database,
    listen: SocketAddr,
    config: ServerConfig,
    log: LogFormat,
) -> Result<()> {
    telemetry::log_to_stderr(log);
    let listener = TcpListener::bind(listen).await.map_err(|source| {
        CommandError::Refused(format!(
            "cannot listen on {listen}: {source}; try --listen 127.0.0.1:0"
        ))
    })?;
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    // Whoever is told where it answers may ask at once.
    let listens = listener.local_addr()?;
    let address = match listens.ip().is_unspecified() {
        true => format!("{scheme}://localhost:{}", listens.port()),
        false => format!("{scheme}://{listens}"),
    };
    let url = format!("{address}/tap");
    let is_public = config.public_url.is_some();
    if !listens.ip().is_loopback() && !is_public {
        tracing::warn!(
            "images in results are at {address}; --public-url says where callers find it"
        );
    }
    let config = ServerConfig {
        address: Some(address),
        uploads_from_loopback: listens.ip().is_loopback() && !is_public,
        ..config
    };
    let service = Service::try_new(AppState::new(database, config)?)?;
    // To a program that reads the log, the service says so there.
    if log == LogFormat::Text {
        eprintln!("answering at {url}");
    }
    let mut out = io::stdout();
    writeln!(out, "TOPCAT:  VO ▸ Table Access Protocol (TAP) Query ▸ TAP URL: {url}")?;
    writeln!(
        out,
        "pyvo:    pyvo.dal.TAPService(\"{url}\").search(\"SELECT TOP 5 * FROM Object\")"
    )?;
    writeln!(out, "Ctrl-C ends the service.")?;
    out.flush()?;
    service.run(listener, shutdown_signal()).await;
    Ok(())
}
