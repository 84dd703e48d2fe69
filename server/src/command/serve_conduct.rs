//! How a service behaves towards its surroundings, as options of its command.

use std::path::PathBuf;

use almagest_engine::EngineConfig;
use almagest_engine::config::Spill;
use almagest_server::ServerConfig;
use almagest_server::config::{Curation, TlsFiles};
use almagest_server::telemetry::LogFormat;

use super::{CommandError, Result};

/// Addresses, encryption, log, disk, and who runs the service.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Conduct")]
pub struct Conduct {
    /// The address under which callers reach the service, with its path, such as
    /// https://data.example.org/sky [default: what the headers of each request say; of images inside
    /// of results, the address of --listen].
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Certificate for HTTPS, and those that vouch for it (PEM).
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Private key of the certificate (PEM).
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// How the log on standard error is written.
    #[arg(long, value_enum, value_name = "HOW", default_value = "text")]
    log_format: Log,
    /// Folder for rows that do not fit into memory [default: the system's for temporary files].
    #[arg(long, value_name = "DIR")]
    spill: Option<PathBuf>,
    /// Bytes in it at most, of all queries together [default: 68719476736].
    #[arg(long, value_name = "BYTES")]
    spill_bytes: Option<u64>,
    /// Bytes of memory that all queries together may hold [default: 4294967296].
    #[arg(long, value_name = "BYTES")]
    memory_bytes: Option<usize>,
    /// Bytes of decoded columns that scans of whole tables which run at the same time have in common;
    /// 0: each decodes for itself [default: 268435456].
    #[arg(long, value_name = "BYTES")]
    shared_scan_bytes: Option<u64>,
    /// Title of the service.
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
    /// Who publishes it.
    #[arg(long, value_name = "NAME")]
    publisher: Option<String>,
    /// Whom to write to.
    #[arg(long, value_name = "NAME")]
    contact: Option<String>,
    /// And where.
    #[arg(long, value_name = "ADDRESS")]
    contact_email: Option<String>,
    /// IVOA identifier of the service, with the authority that its publisher has registered.
    #[arg(long, value_name = "ivo://…")]
    identifier: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum Log {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl Conduct {
    /// How the log is written.
    pub fn log_format(&self) -> LogFormat {
        match self.log_format {
            Log::Text => LogFormat::Text,
            Log::Json => LogFormat::Json,
        }
    }

    /// The settings of the engine.
    ///
    /// # Errors
    /// The spill folder cannot be made.
    pub fn engine(&self) -> Result<EngineConfig> {
        let known = EngineConfig::default();
        if let Some(folder) = &self.spill {
            std::fs::create_dir_all(folder)
                .map_err(|source| CommandError::File { path: folder.clone(), source })?;
        }
        let limit_bytes = self.spill_bytes.unwrap_or(known.spill.limit_bytes);
        Ok(EngineConfig {
            spill: Spill { folder: self.spill.clone(), limit_bytes },
            memory_limit_bytes: self.memory_bytes.unwrap_or(known.memory_limit_bytes),
            shared_scan_bytes: self.shared_scan_bytes.unwrap_or(known.shared_scan_bytes),
            ..known
        })
    }

    /// Put the settings of the service into `config`.
    ///
    /// # Errors
    /// The address is none.
    pub fn apply(self, config: ServerConfig) -> Result<ServerConfig> {
        if let Some(url) = &self.public_url
            && !["http://", "https://"].iter().any(|scheme| url.starts_with(scheme))
        {
            let reason = format!("--public-url {url}: an address begins with https:// or http://");
            return Err(CommandError::Refused(reason));
        }
        let known = Curation::default();
        let files = self.tls_cert.zip(self.tls_key);
        Ok(ServerConfig {
            public_url: self.public_url,
            tls: files.map(|(certificates, key)| TlsFiles { certificates, key }),
            spool: self.spill.unwrap_or(config.spool),
            curation: Curation {
                title: self.title.unwrap_or(known.title),
                publisher: self.publisher.unwrap_or(known.publisher),
                contact_name: self.contact.unwrap_or(known.contact_name),
                contact_email: self.contact_email.or(known.contact_email),
                identifier: self.identifier.unwrap_or(known.identifier),
            },
            ..config
        })
    }
}
