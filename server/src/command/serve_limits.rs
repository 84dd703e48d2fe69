//! The limits of a service, as options of its command.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use almagest_server::ServerConfig;
use almagest_server::config::{AnonymousJobs, Limit};

/// Limits; what is not given is as [`ServerConfig`] has it.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Limits")]
pub struct Limits {
    /// Rows of a result where the caller sets no MAXREC [default: 1000000].
    #[arg(long, value_name = "ROWS")]
    default_maxrec: Option<u64>,
    /// Rows of a result at most [default: 100000000].
    #[arg(long, value_name = "ROWS")]
    hard_maxrec: Option<u64>,
    /// How long a synchronous query may compute, seconds [default: 300].
    #[arg(long, value_name = "SECONDS")]
    sync_duration: Option<u64>,
    /// How long a job may execute where the caller says nothing, seconds [default: 3600].
    #[arg(long, value_name = "SECONDS")]
    default_execution: Option<u64>,
    /// How long a job may execute at most, seconds [default: 86400].
    #[arg(long, value_name = "SECONDS")]
    hard_execution: Option<u64>,
    /// How long a job is kept where the caller says nothing, hours [default: 168].
    #[arg(long, value_name = "HOURS")]
    default_retention: Option<u64>,
    /// How long a job is kept at most, hours [default: 720].
    #[arg(long, value_name = "HOURS")]
    hard_retention: Option<u64>,
    /// Jobs that execute at the same time; others wait [default: the number of cores].
    #[arg(long, value_name = "JOBS")]
    concurrent_jobs: Option<usize>,
    /// Show jobs of anonymous callers in the list of jobs? All of them can then see, and delete, the
    /// jobs of each other [default: only where the service listens on this machine alone].
    #[arg(long, value_enum, value_name = "HOW")]
    anonymous_jobs: Option<Listing>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Listing {
    /// They are listed.
    Listed,
    /// Only who knows the id of a job can see it.
    Unlisted,
}

impl Limits {
    /// The settings of a service that listens on `listen` and keeps its jobs in `state`.
    pub fn config(&self, listen: SocketAddr, state: PathBuf) -> ServerConfig {
        let known = ServerConfig::default();
        let seconds = |given: Option<u64>, known| given.map_or(known, Duration::from_secs);
        let hours = |given: Option<u64>, known| {
            given.map_or(known, |hours| Duration::from_secs(hours.saturating_mul(3600)))
        };
        let anonymous_jobs = match self.anonymous_jobs {
            Some(Listing::Listed) => AnonymousJobs::Listed,
            None if listen.ip().is_loopback() => AnonymousJobs::Listed,
            None | Some(Listing::Unlisted) => AnonymousJobs::Unlisted,
        };
        ServerConfig {
            default_maxrec: self.default_maxrec.unwrap_or(known.default_maxrec),
            hard_maxrec: self.hard_maxrec.unwrap_or(known.hard_maxrec),
            sync_duration: seconds(self.sync_duration, known.sync_duration),
            execution_duration: Limit {
                default: seconds(self.default_execution, known.execution_duration.default),
                hard: seconds(self.hard_execution, known.execution_duration.hard),
            },
            retention: Limit {
                default: hours(self.default_retention, known.retention.default),
                hard: hours(self.hard_retention, known.retention.hard),
            },
            concurrent_jobs: self.concurrent_jobs.unwrap_or(known.concurrent_jobs),
            anonymous_jobs,
            state: Some(state),
            ..known
        }
    }
}
