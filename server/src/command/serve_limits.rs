//! The limits of a service, as options of its command.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use almagest_server::ServerConfig;
use almagest_server::config::{AnonymousJobs, ConnectionLimits, Limit, QueryLimits};
use almagest_server::people::{Allowance, Resource};

use super::{CommandError, Result};

/// Limits; what is not given is as [`ServerConfig`] has it. A file of limits has the same names.
#[derive(Debug, Default, clap::Args, serde::Deserialize)]
#[command(next_help_heading = "Limits")]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Limits {
    /// Rows of a result where the caller sets no MAXREC [default: 1000000].
    #[arg(long, value_name = "ROWS")]
    default_maxrec: Option<u64>,
    /// Rows of a result at most [default: 100000000].
    #[arg(long, value_name = "ROWS")]
    hard_maxrec: Option<u64>,
    /// Synchronous queries that compute at the same time; others wait for their turn [default: twice
    /// the number of cores]. Those that read little have room of their own, sixteen times as much.
    #[arg(long, value_name = "QUERIES")]
    concurrent_queries: Option<usize>,
    /// Synchronous queries of one caller that compute at the same time [default: as many as there
    /// may be]. `almagest user CATALOG allow` tells otherwise for single users and groups.
    #[arg(long, value_name = "QUERIES")]
    caller_queries: Option<u64>,
    /// Jobs of one caller that execute at the same time [default: as many as there may be].
    #[arg(long, value_name = "JOBS")]
    caller_jobs: Option<u64>,
    /// Queries of one caller that wait for their turn, and as many jobs; more are refused
    /// [default: 1000].
    #[arg(long, value_name = "QUERIES")]
    caller_waiting: Option<u64>,
    /// Bytes of results of jobs that are kept for one caller [default: no limit].
    #[arg(long, value_name = "BYTES")]
    caller_stored_bytes: Option<u64>,
    /// How long a query waits for its turn before it is refused, seconds [default: 300].
    #[arg(long, value_name = "SECONDS")]
    longest_queue: Option<u64>,
    /// After so long a query that reads much, or a job, is slow: it goes on, and its place is another's,
    /// for as many slow ones as there may be others; seconds [default: 60].
    #[arg(long, value_name = "SECONDS")]
    slow_after: Option<u64>,
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
    /// Rows of an uploaded table at most [default: 5000000].
    #[arg(long, value_name = "ROWS")]
    upload_rows: Option<u64>,
    /// Bytes of an uploaded table at most [default: 1073741824].
    #[arg(long, value_name = "BYTES")]
    upload_bytes: Option<u64>,
    /// Bytes of tables of one caller [default: no limit].
    #[arg(long, value_name = "BYTES")]
    caller_table_bytes: Option<u64>,
    /// How long a table of a user lives, days [default: 365].
    #[arg(long, value_name = "DAYS")]
    table_life: Option<u64>,
    /// Let callers without a name have tables too: those of all of them, in the schema user_anonymous.
    #[arg(long)]
    anonymous_tables: bool,
    /// A host from which uploads are fetched by URL; may be repeated. This machine is one as long as
    /// the service listens on loopback only and has no --public-url.
    #[arg(long, value_name = "HOST")]
    upload_host: Vec<String>,
    /// Free bytes of the disk of the state folder below which jobs and uploads are refused
    /// [default: 1073741824].
    #[arg(long, value_name = "BYTES")]
    min_free_disk: Option<u64>,
    /// Bytes of small results that are kept for those who ask the same again; 0 keeps none
    /// [default: 67108864].
    #[arg(long, value_name = "BYTES")]
    cache_bytes: Option<u64>,
    /// Connections at the same time; more wait [default: 1000].
    #[arg(long, value_name = "CONNECTIONS")]
    connections: Option<usize>,
    /// How long a caller may take nothing of an answer, seconds [default: 300].
    #[arg(long, value_name = "SECONDS")]
    stall: Option<u64>,
    /// How long answers and jobs under way may take after the service was told to stop; jobs are then
    /// put back, to be begun again by the next service [default: 10].
    #[arg(long, value_name = "SECONDS")]
    grace: Option<u64>,
    /// Show jobs of anonymous callers in the list of jobs? All of them can then see, and delete, the
    /// jobs of each other; behind a proxy say unlisted [default: listed where the service listens on
    /// this machine alone, unlisted elsewhere].
    #[arg(long, value_enum, value_name = "HOW")]
    anonymous_jobs: Option<Listing>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Listing {
    /// They are listed.
    Listed,
    /// Only who knows the id of a job can see it.
    Unlisted,
}

impl Limits {
    /// Read a file of limits.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| CommandError::File { path: path.to_owned(), source })?;
        toml::from_str(&text)
            .map_err(|error| CommandError::Refused(format!("{}: {error}", path.display())))
    }

    /// Take what is not given here from `other`.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            default_maxrec: self.default_maxrec.or(other.default_maxrec),
            hard_maxrec: self.hard_maxrec.or(other.hard_maxrec),
            concurrent_queries: self.concurrent_queries.or(other.concurrent_queries),
            caller_queries: self.caller_queries.or(other.caller_queries),
            caller_jobs: self.caller_jobs.or(other.caller_jobs),
            caller_waiting: self.caller_waiting.or(other.caller_waiting),
            caller_stored_bytes: self.caller_stored_bytes.or(other.caller_stored_bytes),
            longest_queue: self.longest_queue.or(other.longest_queue),
            slow_after: self.slow_after.or(other.slow_after),
            sync_duration: self.sync_duration.or(other.sync_duration),
            default_execution: self.default_execution.or(other.default_execution),
            hard_execution: self.hard_execution.or(other.hard_execution),
            default_retention: self.default_retention.or(other.default_retention),
            hard_retention: self.hard_retention.or(other.hard_retention),
            concurrent_jobs: self.concurrent_jobs.or(other.concurrent_jobs),
            caller_table_bytes: self.caller_table_bytes.or(other.caller_table_bytes),
            table_life: self.table_life.or(other.table_life),
            anonymous_tables: self.anonymous_tables || other.anonymous_tables,
            upload_rows: self.upload_rows.or(other.upload_rows),
            upload_bytes: self.upload_bytes.or(other.upload_bytes),
            min_free_disk: self.min_free_disk.or(other.min_free_disk),
            cache_bytes: self.cache_bytes.or(other.cache_bytes),
            connections: self.connections.or(other.connections),
            stall: self.stall.or(other.stall),
            grace: self.grace.or(other.grace),
            upload_host: [self.upload_host, other.upload_host].concat(),
            anonymous_jobs: self.anonymous_jobs.or(other.anonymous_jobs),
        }
    }

    fn queries(&self, known: &QueryLimits) -> QueryLimits {
        let quick = |long: usize| long.saturating_mul(16);
        QueryLimits {
            quick: self.concurrent_queries.map_or(known.quick, quick),
            quick_time: known.quick_time,
            long: self.concurrent_queries.unwrap_or(known.long),
            paused: known.paused,
            longest_queue: self.longest_queue.map_or(known.longest_queue, Duration::from_secs),
            slow_after: self.slow_after.map_or(known.slow_after, Duration::from_secs),
        }
    }

    fn allowance(&self) -> Allowance {
        let given = [
            (Resource::Queries, self.caller_queries),
            (Resource::Jobs, self.caller_jobs),
            (Resource::Waiting, self.caller_waiting),
            (Resource::StoredBytes, self.caller_stored_bytes),
            (Resource::TableBytes, self.caller_table_bytes),
        ];
        Allowance::of_all(given.into_iter().filter_map(|(of, amount)| Some((of, amount?))))
    }

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
        let upload_bytes = self.upload_bytes.unwrap_or(known.upload_bytes);
        ServerConfig {
            default_maxrec: self.default_maxrec.unwrap_or(known.default_maxrec),
            hard_maxrec: self.hard_maxrec.unwrap_or(known.hard_maxrec),
            queries: self.queries(&known.queries),
            allowance: self.allowance().or(&known.allowance),
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
            table_life: self
                .table_life
                .map_or(known.table_life, |days| Duration::from_secs(days.saturating_mul(86_400))),
            anonymous_tables: self.anonymous_tables,
            upload_rows: self.upload_rows.unwrap_or(known.upload_rows),
            upload_bytes,
            // The body of a request holds the table, and a little more.
            max_body_bytes: usize::try_from(upload_bytes)
                .unwrap_or(usize::MAX)
                .saturating_add(1 << 24),
            upload_hosts: self.upload_host.clone(),
            min_free_disk: self.min_free_disk.unwrap_or(known.min_free_disk),
            cache_bytes: self.cache_bytes.unwrap_or(known.cache_bytes),
            connections: ConnectionLimits {
                at_once: self.connections.unwrap_or(known.connections.at_once),
                stall: seconds(self.stall, known.connections.stall),
                grace: seconds(self.grace, known.connections.grace),
                ..known.connections.clone()
            },
            state: Some(state),
            ..known
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn options_come_before_the_file_and_the_file_before_what_is_usual() {
        let file: Limits = toml::from_str(
            "sync-duration = 60\nhard-execution = 7200\nanonymous-jobs = \"unlisted\"",
        )
        .unwrap();
        let given = Limits { sync_duration: Some(30), ..Limits::default() };
        let listen = "127.0.0.1:0".parse().unwrap();
        let config = given.or(file).config(listen, "state".into());
        assert_eq!(config.sync_duration, Duration::from_secs(30));
        assert_eq!(config.execution_duration.hard, Duration::from_secs(7200));
        assert_eq!(config.anonymous_jobs, AnonymousJobs::Unlisted);
        assert_eq!(config.allowance.of(Resource::Waiting), 1000);
        assert_eq!(config.hard_maxrec, ServerConfig::default().hard_maxrec);
        assert!(toml::from_str::<Limits>("sync_duration = 60").is_err());
    }

    #[test]
    fn jobs_of_all_are_listed_on_this_machine_only() {
        let listing = |listen: &str| {
            Limits::default().config(listen.parse().unwrap(), "state".into()).anonymous_jobs
        };
        assert_eq!(listing("127.0.0.1:80"), AnonymousJobs::Listed);
        assert_eq!(listing("[::1]:80"), AnonymousJobs::Listed);
        assert_eq!(listing("0.0.0.0:80"), AnonymousJobs::Unlisted);
    }
}
