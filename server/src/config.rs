//! What the operator decides.

use std::path::PathBuf;
use std::time::Duration;

use crate::people::{Allowance, Resource};
use crate::turns::Lane;

/// Limits of the service; those that capabilities announce are those enforced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerConfig {
    /// Rows of a result where the caller sets no MAXREC.
    pub default_maxrec: u64,
    /// Rows of a result at most, whatever MAXREC says.
    pub hard_maxrec: u64,
    /// Bytes of the body of a POST at most.
    pub max_body_bytes: usize,
    /// Folder for rows that must wait until all are known, as those of a FITS file.
    pub spool: PathBuf,
    /// How many synchronous queries compute at the same time.
    pub queries: QueryLimits,
    /// What each caller may have, where nothing is said of that one.
    pub allowance: Allowance,
    /// How long a synchronous query may compute.
    pub sync_duration: Duration,
    /// How long a job may execute.
    pub execution_duration: Limit<Duration>,
    /// How long a job and its result are kept, from its creation.
    pub retention: Limit<Duration>,
    /// Jobs that execute at the same time.
    pub concurrent_jobs: usize,
    /// How long a request with WAIT may be held at most: less than a minute, after which proxies
    /// commonly give up.
    pub longest_wait: Duration,
    /// Does the list of jobs show those of anonymous callers?
    pub anonymous_jobs: AnonymousJobs,
    /// Rows of an uploaded table at most.
    pub upload_rows: u64,
    /// Bytes of an uploaded table at most, as it is sent and when it is unpacked.
    pub upload_bytes: u64,
    /// How long a table of a user lives, from the moment in which it is made.
    pub table_life: Duration,
    /// May callers without a name have tables, which are then those of all of them?
    pub anonymous_tables: bool,
    /// Hosts from which uploads are fetched by URL.
    pub upload_hosts: Vec<String>,
    /// Are they fetched from this machine too? Who asks a service from elsewhere could look through
    /// it at what else answers here.
    pub uploads_from_loopback: bool,
    /// The address under which callers reach the service, with its path and without a slash at the
    /// end; where it is absent, the headers of each request tell.
    pub public_url: Option<String>,
    /// The address at which the service listens, in the same form: what stands in tables that hold
    /// addresses, where there is no public one.
    pub address: Option<String>,
    /// Certificate and key, for HTTPS.
    pub tls: Option<TlsFiles>,
    /// What a connection may do.
    pub connections: ConnectionLimits,
    /// Free bytes of the disk of the state folder below which jobs and uploads are refused.
    pub min_free_disk: u64,
    /// Bytes of small results that are kept for those who ask the same again; none are at 0.
    pub cache_bytes: u64,
    /// Who runs the service, and what it is called.
    pub curation: Curation,
    /// The folder for jobs and results; a temporary one, removed with the service, if absent.
    pub state: Option<PathBuf>,
}

/// A limit that callers may change, up to one that they may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit<T> {
    /// What holds where the caller says nothing.
    pub default: T,
    /// What holds whatever the caller says.
    pub hard: T,
}

impl<T: Ord + Copy> Limit<T> {
    /// What holds where the caller says nothing.
    pub fn or_default(&self) -> T {
        self.default.min(self.hard)
    }
}

/// Does the list of jobs show those of anonymous callers?
///
/// All anonymous callers are one owner. On a public address the list would hand each of them the
/// others' queries, results and the right to delete them; on one person's machine it is that
/// person's own list, without which clients cannot find a job again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnonymousJobs {
    /// Yes: whoever reaches the service may see them.
    Listed,
    /// No: who knows the id of a job may see that job.
    Unlisted,
}

/// The files of a certificate, PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, and those that vouch for it.
    pub certificates: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// How many synchronous queries compute at the same time; others wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryLimits {
    /// Of those that read little.
    pub quick: usize,
    /// How long such a one may compute before it has rows to show; after that it is one of the others.
    pub quick_time: Duration,
    /// Of all others.
    pub long: usize,
    /// Answers at most of which the readers pause, and others compute in their turns: each holds memory, up
    /// to some 20 MB. Beyond that a reader who pauses keeps the turn, and those who come wait.
    pub paused: usize,
    /// How long a query waits for its turn at most.
    pub longest_queue: Duration,
    /// After so long a long query, or a job, is slow. As many slow ones may compute beside the others.
    pub slow_after: Duration,
}

impl QueryLimits {
    /// How many in a lane.
    pub fn at_once(&self, lane: Lane) -> usize {
        match lane {
            Lane::Quick => self.quick,
            Lane::Long | Lane::Slow => self.long,
        }
    }
}

impl Default for QueryLimits {
    fn default() -> Self {
        let n_cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            quick: 32 * n_cores,
            quick_time: Duration::from_secs(2),
            long: 2 * n_cores,
            paused: 128,
            longest_queue: Duration::from_secs(300),
            slow_after: Duration::from_secs(60),
        }
    }
}

/// What a connection may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Connections at the same time; more wait until one is closed.
    pub at_once: usize,
    /// How long the head of a request may take, from the end of the one before.
    pub head: Duration,
    /// How long the body of a request may pause.
    pub pause: Duration,
    /// How long a caller may take nothing of an answer.
    pub stall: Duration,
    /// How long answers and jobs under way may take after the service was told to stop.
    pub grace: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            at_once: 1000,
            head: Duration::from_secs(60),
            pause: Duration::from_secs(60),
            stall: Duration::from_secs(300),
            grace: Duration::from_secs(10),
        }
    }
}

/// Who runs a service, and what it is called: for its record, and for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Curation {
    /// The title of the service.
    pub title: String,
    /// Who publishes it.
    pub publisher: String,
    /// Whom to write to.
    pub contact_name: String,
    /// And where.
    pub contact_email: Option<String>,
    /// The IVOA identifier of the service; without a registered authority it names no one.
    pub identifier: String,
}

impl Default for Curation {
    fn default() -> Self {
        Self {
            title: "Almagest".to_owned(),
            publisher: "not named".to_owned(),
            contact_name: "the operator of the service".to_owned(),
            contact_email: None,
            identifier: "ivo://unregistered/almagest".to_owned(),
        }
    }
}

const HOUR: Duration = Duration::from_secs(3600);

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            default_maxrec: 1_000_000,
            hard_maxrec: 100_000_000,
            max_body_bytes: 1 << 30,
            spool: std::env::temp_dir(),
            queries: QueryLimits::default(),
            allowance: Allowance::of_all([(Resource::Waiting, 1000)]),
            sync_duration: Duration::from_secs(300),
            execution_duration: Limit { default: HOUR, hard: 24 * HOUR },
            retention: Limit { default: 7 * 24 * HOUR, hard: 30 * 24 * HOUR },
            concurrent_jobs: std::thread::available_parallelism().map_or(2, usize::from),
            longest_wait: Duration::from_secs(50),
            anonymous_jobs: AnonymousJobs::Listed,
            upload_rows: 5_000_000,
            upload_bytes: 1 << 30,
            table_life: 365 * 24 * HOUR,
            anonymous_tables: false,
            upload_hosts: vec![],
            uploads_from_loopback: true,
            public_url: None,
            address: None,
            tls: None,
            connections: ConnectionLimits::default(),
            min_free_disk: 1 << 30,
            cache_bytes: 64 << 20,
            curation: Curation::default(),
            state: None,
        }
    }
}
