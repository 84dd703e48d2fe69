//! What can go wrong with a request, and the only mapping from errors to HTTP statuses and to
//! DALI error documents.
//!
//! What the caller did is told to the caller. What the operator or the authors must mend is told
//! to the log; the caller gets a number to quote.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use almagest_engine::ErrorKind;
use almagest_engine::arrow::error::ArrowError;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use parquet::errors::ParquetError;

use crate::formats::votable;
use crate::people::Resource;
use crate::telemetry;
use crate::turns::RETRY_AFTER;
use crate::uws::Phase;

/// What to do where no more time can be had.
const ASK_FOR_LESS: &str =
    "ask for less, or ask the operator of the service for more time; a job may have no longer";

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A request that could not be answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The engine could not answer.
    #[error(transparent)]
    Engine(#[from] almagest_engine::Error),
    /// The pipeline's files could not be read.
    #[error(transparent)]
    Pipeline(#[from] almagest_pipeline::Error),
    /// There is no such image, or none that the caller may see.
    #[error("there is no image {id}")]
    NoSuchImage {
        /// Its identifier.
        id: String,
    },
    /// An image has no pixel where a part is wanted.
    #[error("the image {id} has no pixel there")]
    NothingThere {
        /// Its identifier.
        id: String,
    },
    /// A parameter that must be there is not.
    #[error("parameter {name} is missing")]
    MissingParameter {
        /// The parameter, in capitals.
        name: &'static str,
    },
    /// A parameter that may be given once is given several times.
    #[error("parameter {name} is given more than once, with different values")]
    RepeatedParameter {
        /// The parameter, in capitals.
        name: &'static str,
    },
    /// A parameter has a value that cannot be understood.
    #[error("parameter {name}: {value:?} is not {expected}")]
    BadParameter {
        /// The parameter, in capitals.
        name: &'static str,
        /// The value as given.
        value: String,
        /// What the value should have been.
        expected: String,
    },
    /// A query of more text than is read.
    #[error(
        "the query has {found} bytes, and may have {most}; upload a long list of values as a table and join it"
    )]
    QueryTooLong {
        /// How long it is.
        found: usize,
        /// The limit.
        most: usize,
    },
    /// The body of a POST could not be read as parameters.
    #[error("the body of the request cannot be read: {reason}")]
    BadBody {
        /// What is wrong with it.
        reason: String,
    },
    /// A table file, uploaded or loaded, that cannot be read.
    #[error(transparent)]
    Ingest(#[from] almagest_ingest::Error),
    /// An uploaded table is larger than is allowed.
    #[error(
        "a table that is sent may have {most} bytes at most; send only the columns that are needed, or parts of it"
    )]
    UploadTooLarge {
        /// The limit, bytes.
        most: u64,
    },
    /// An upload whose part did not come with the request.
    #[error("UPLOAD names the part {part}, which did not come with the request")]
    UploadLost {
        /// The name of the part.
        part: String,
    },
    /// An upload that is to be fetched from a host that the operator does not allow.
    #[error(
        "uploads are not fetched from {host:?} here; send the table with the request (UPLOAD=NAME,param:PART)"
    )]
    UploadHost {
        /// The host.
        host: String,
    },
    /// An upload that could not be fetched.
    #[error("the upload {url} cannot be fetched: {reason}")]
    UploadFetch {
        /// Where it should come from.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// What a caller shows to be known is wrong.
    #[error(
        "the token is not known here, or has expired; send `Authorization: Bearer TOKEN`, or Basic with the token as password"
    )]
    Unauthorized,
    /// Rows are sent without a token.
    #[error(
        "rows are taken from holders of a token that may write (`Authorization: Bearer TOKEN`), which the operator of the service gives out"
    )]
    TokenNeeded,
    /// There is no such ingest transaction, or it is another's.
    #[error("there is no ingest transaction {id} of yours here")]
    NoSuchTransaction {
        /// Its name as given.
        id: String,
    },
    /// A commit would leave out what was sent, or is being sent.
    #[error("the ingest transaction {id} is not committed: {}", not_come(.on_their_way, .refused))]
    NotAllCame {
        /// Its name.
        id: String,
        /// Keys of contributions on their way.
        on_their_way: Vec<String>,
        /// Keys of contributions that were refused, or cut off, and not sent again, each with the reason.
        refused: Vec<(String, String)>,
    },
    /// A commit would show rows whose directors have not come yet; they may still come.
    #[error("{source}; the ingest transaction {id} is still open")]
    NoDirectors {
        /// Its name.
        id: String,
        /// The rows, and what they lack.
        source: almagest_ingest::Error,
    },
    /// A commit failed, and the transaction with it.
    #[error("{source}; the ingest transaction {id} is aborted")]
    NotCommitted {
        /// Its name.
        id: String,
        /// Why.
        source: almagest_ingest::Error,
    },
    /// An ingest transaction takes no rows any more.
    #[error("the ingest transaction {id} is over; GET it to see how it ended")]
    TransactionOver {
        /// Its name.
        id: String,
    },
    /// A caller has as many ingest transactions as may be.
    #[error("you have {most} open ingest transactions; commit or abort one of them")]
    TooManyTransactions {
        /// How many may be open.
        most: usize,
    },
    /// A token does not allow to write a table.
    #[error("this token may not write {table}; ask the operator of the service for one that may")]
    MayNotWrite {
        /// The table, or the schema.
        table: String,
    },
    /// A caller has as much as is allowed; later there may be room.
    #[error(
        "too many: you may have {most} {resource} here; wait for one to end, or ask the operator of the service for more"
    )]
    TooMany {
        /// Of what.
        resource: Resource,
        /// How many.
        most: u64,
    },
    /// A query whose turn did not come.
    #[error(
        "the service is busy: the turn of this query did not come in {} s; try again later, or run it \
         as an asynchronous job, which keeps its place while you are away",
        waited.as_secs()
    )]
    NoTurn {
        /// How long it waited.
        waited: Duration,
    },
    /// Something that a caller may not have at all.
    #[error("you may not have any {resource} here; the operator of the service can allow it")]
    NotAllowed {
        /// Of what.
        resource: Resource,
    },
    /// The results of a caller's jobs take as much room as they may.
    #[error(
        "the results of your jobs may take {most} bytes here, and would take {would}; delete jobs \
         that you need no more"
    )]
    StoredBytes {
        /// The limit.
        most: u64,
        /// What they would take, at least.
        would: u64,
    },
    /// A definition of a table that cannot be one.
    #[error("the definition of the table: {reason}")]
    Definition {
        /// What is wrong with it.
        reason: String,
    },
    /// Columns that a table cannot keep.
    #[error(
        "a table cannot keep {}; leave {} out, as with a query that selects the others, or send each \
         element as a column of its own: nothing was made",
        .columns.join(", "),
        if .columns.len() == 1 { "it" } else { "them" }
    )]
    UnfitColumns {
        /// Each, and what its values are.
        columns: Vec<String>,
    },
    /// A name that no table of a user can have.
    #[error(
        "{name:?} is no table of a user: it is called user_NAME.TABLE, with letters, digits and _"
    )]
    BadTableName {
        /// The name.
        name: String,
    },
    /// There is such a table already.
    #[error("there is a table {name} already; drop it, or choose another name")]
    TableExists {
        /// The table.
        name: String,
    },
    /// A table of somebody else.
    #[error("{name} is not yours to change; yours are in the schema {schema}")]
    NotYours {
        /// The table.
        name: String,
        /// The caller's own schema.
        schema: String,
    },
    /// Something that only somebody with a name may do.
    #[error(
        "who has no name has no tables here; send a token (`Authorization: Bearer TOKEN`), which the operator of the service gives out"
    )]
    LoginNeeded,
    /// A caller's tables take as much room as they may.
    #[error("your tables take {taken} bytes of the {most} that they may; drop some first")]
    TableBytes {
        /// The limit.
        most: u64,
        /// What they take.
        taken: u64,
    },
    /// A caller's tables would take more room than they may.
    #[error(
        "your tables may take {most} bytes here, and would take {would} with these rows, of which none \
         was kept; drop some tables, or send less"
    )]
    NoTableRoom {
        /// The limit.
        most: u64,
        /// What they would take.
        would: u64,
    },
    /// Something about users that cannot be done.
    #[error("{what}")]
    People {
        /// What, and why.
        what: String,
    },
    /// A table that does not exist.
    #[error("there is no table {name:?} here")]
    NoSuchTable {
        /// The table, as given.
        name: String,
    },
    /// A table without a cone search.
    #[error(
        "there is no table {name:?} with positions here; /record lists those that can be searched"
    )]
    NoCones {
        /// The table, as given.
        name: String,
    },
    /// A job that does not exist, or is not the caller's.
    #[error("there is no job {id:?} here; it may have been destroyed")]
    NoSuchJob {
        /// The job, as given.
        id: String,
    },
    /// A part of a job that does not exist.
    #[error("a job has no part {path:?}")]
    NoSuchPart {
        /// The part, as given.
        path: String,
    },
    /// A result, or an error, that a job does not have in its phase.
    #[error("the job has no {what}: its phase is {phase}")]
    NotInPhase {
        /// What is asked for.
        what: &'static str,
        /// The phase in which the job is.
        phase: Phase,
    },
    /// A change that a job does not allow in its phase.
    #[error("{what} cannot be changed: the phase of the job is {phase}, and no longer {until}")]
    TooLate {
        /// What should be changed.
        what: &'static str,
        /// The phase in which the job is.
        phase: Phase,
        /// Up to when it could be changed.
        until: &'static str,
    },
    /// A query that ran into the time limit of the synchronous endpoint.
    #[error(
        "time limit: the query was stopped after {} s, the most that a synchronous query of yours \
         may take here; {}",
        limit.as_secs(),
        match job > limit {
            true => format!("run it as an asynchronous job, which may take {} s", job.as_secs()),
            false => ASK_FOR_LESS.to_owned(),
        }
    )]
    SyncDuration {
        /// The limit.
        limit: Duration,
        /// The longest that a job of the caller may take.
        job: Duration,
    },
    /// A query that does not run, or is not the caller's.
    #[error("no query {id:?} of yours is under way; /queries lists them")]
    NoSuchQuery {
        /// The query, as given.
        id: String,
    },
    /// A query that was told to stop.
    #[error("the query was stopped by {}", if *by_operator { "an operator of the service" } else { "its owner" })]
    Stopped {
        /// Not by its owner.
        by_operator: bool,
    },
    /// A request that the end of the service cut off, or that came after it was told to end.
    #[error(
        "the service is being stopped, and does not answer this request; try again in a moment"
    )]
    Stopping,
    /// A job that ran into its execution duration.
    #[error(
        "time limit: the job was stopped after {} s, its execution duration; {}",
        limit.as_secs(),
        match most > limit {
            true => format!(
                "set a longer one before it runs (you may have {} s), or ask for less",
                most.as_secs()
            ),
            false => ASK_FOR_LESS.to_owned(),
        }
    )]
    ExecutionDuration {
        /// The limit of the job.
        limit: Duration,
        /// The longest that the caller may have.
        most: Duration,
    },
    /// The folder for the state of the service cannot be used.
    #[error("the state folder {path} cannot be written to: {source}; name another with --state")]
    StateFolder {
        /// The folder, or a file in it.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// Another service uses the state folder.
    #[error("another service uses the state folder {path}; name another with --state")]
    StateInUse {
        /// The folder.
        path: PathBuf,
    },
    /// The state is of another format.
    #[error("{path} has format {found}, this program reads format {known}")]
    StateFormat {
        /// The file.
        path: PathBuf,
        /// The format of the file.
        found: i64,
        /// The format that can be read.
        known: i64,
    },
    /// The store of jobs cannot be read or written.
    #[error("the store of jobs: {0}")]
    Store(rusqlite::Error),
    /// The certificate for HTTPS cannot be used.
    #[error("{path} cannot be used for HTTPS: {reason}")]
    Tls {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The disk of the state folder is nearly full.
    #[error(
        "the disk of the service is nearly full: it takes no jobs and no uploads until there is \
         room again; synchronous queries without uploads are answered"
    )]
    DiskFull,
    /// The counts of the service cannot be made.
    #[error("the counts of the service: {0}")]
    Metrics(#[from] prometheus::Error),
    /// Something that the protocol knows and this service does not do yet.
    #[error("{what}")]
    NotImplemented {
        /// What it is, and what to do meanwhile.
        what: &'static str,
    },
    /// A result column whose type the format cannot hold.
    #[error("column {column}: {format} has no type for values of type {data_type}")]
    UnsupportedColumn {
        /// The column of the result.
        column: String,
        /// Its Arrow type.
        data_type: String,
        /// The format asked for.
        format: &'static str,
    },
    /// A result has a value that stands for none in VOTable's BINARY.
    #[error(
        "column {column}: the value {value} stands for none in VOTable's BINARY; ask for votable, \
         whose BINARY2 tells them apart"
    )]
    StandIn {
        /// The column of the result.
        column: String,
        /// The value.
        value: i64,
    },
    /// A result has more columns than the format can hold.
    #[error("a table in {format} has at most {most} columns")]
    TooManyColumns {
        /// The format asked for.
        format: &'static str,
        /// How many it can hold.
        most: usize,
    },
    /// Rows could not be converted for output.
    #[error("the rows cannot be converted: {0}")]
    Convert(#[from] ArrowError),
    /// Rows could not be written as Parquet.
    #[error("the rows cannot be written as Parquet: {0}")]
    Parquet(#[from] ParquetError),
    /// Rows could not be kept in a temporary file until all were known.
    #[error("the rows cannot be spooled: {0}")]
    Spool(std::io::Error),
    /// A thread that worked on a query ended before its time.
    #[error("the query broke off: {reason}")]
    QueryThread {
        /// How it ended.
        reason: String,
    },
    /// The address cannot be listened on, or the connection to it broke.
    #[error("{0}")]
    Listen(#[from] std::io::Error),
}

/// A store that has no room is a full disk.
impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::DiskFull,
            _ => Self::Store(error),
        }
    }
}

impl Error {
    /// The failure to write the file or folder `path` of the state.
    pub fn of_state_folder(path: &Path, source: std::io::Error) -> Self {
        match source.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Self::DiskFull,
            _ => Self::StateFolder { path: path.to_owned(), source },
        }
    }

    /// The HTTP status of the answer.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Engine(error) => match error.kind() {
                ErrorKind::Query => StatusCode::BAD_REQUEST,
                ErrorKind::ResourcesExhausted => StatusCode::SERVICE_UNAVAILABLE,
                ErrorKind::Catalog | ErrorKind::Bug => StatusCode::INTERNAL_SERVER_ERROR,
            },
            Self::Ingest(error) => match error.kind() {
                almagest_ingest::ErrorKind::Input => StatusCode::BAD_REQUEST,
                almagest_ingest::ErrorKind::Conflict => StatusCode::CONFLICT,
                almagest_ingest::ErrorKind::Storage | almagest_ingest::ErrorKind::Bug => {
                    StatusCode::INTERNAL_SERVER_ERROR
                }
            },
            // What the rows of one commit are refused for, the commit before it may have brought.
            Self::NoDirectors { source, .. } | Self::NotCommitted { source, .. } => {
                match source.kind() {
                    almagest_ingest::ErrorKind::Input | almagest_ingest::ErrorKind::Conflict => {
                        StatusCode::CONFLICT
                    }
                    almagest_ingest::ErrorKind::Storage | almagest_ingest::ErrorKind::Bug => {
                        StatusCode::INTERNAL_SERVER_ERROR
                    }
                }
            }
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::TooMany { .. } | Self::NoTurn { .. } | Self::TooManyTransactions { .. } => {
                StatusCode::TOO_MANY_REQUESTS
            }
            Self::NotAllowed { .. }
            | Self::StoredBytes { .. }
            | Self::TableBytes { .. }
            | Self::NoTableRoom { .. }
            | Self::MayNotWrite { .. }
            | Self::NotYours { .. } => StatusCode::FORBIDDEN,
            Self::TableExists { .. } | Self::NotAllCame { .. } | Self::TransactionOver { .. } => {
                StatusCode::CONFLICT
            }
            Self::LoginNeeded | Self::TokenNeeded => StatusCode::UNAUTHORIZED,
            Self::Definition { .. } | Self::UnfitColumns { .. } | Self::BadTableName { .. } => {
                StatusCode::BAD_REQUEST
            }
            Self::People { .. } => StatusCode::BAD_REQUEST,
            Self::UploadTooLarge { .. } | Self::QueryTooLong { .. } => {
                StatusCode::PAYLOAD_TOO_LARGE
            }
            Self::MissingParameter { .. }
            | Self::UploadLost { .. }
            | Self::UploadHost { .. }
            | Self::UploadFetch { .. }
            | Self::RepeatedParameter { .. }
            | Self::BadParameter { .. }
            | Self::BadBody { .. }
            | Self::UnsupportedColumn { .. }
            | Self::StandIn { .. }
            | Self::TooManyColumns { .. } => StatusCode::BAD_REQUEST,
            Self::NoSuchTable { .. }
            | Self::NoSuchImage { .. }
            | Self::NothingThere { .. }
            | Self::NoCones { .. }
            | Self::NoSuchJob { .. }
            | Self::NoSuchQuery { .. }
            | Self::NoSuchTransaction { .. }
            | Self::NoSuchPart { .. }
            | Self::NotInPhase { .. } => StatusCode::NOT_FOUND,
            Self::TooLate { .. } => StatusCode::FORBIDDEN,
            Self::SyncDuration { .. } | Self::ExecutionDuration { .. } => {
                StatusCode::REQUEST_TIMEOUT
            }
            Self::Stopped { .. } => StatusCode::CONFLICT,
            Self::Stopping => StatusCode::SERVICE_UNAVAILABLE,
            Self::DiskFull => StatusCode::INSUFFICIENT_STORAGE,
            Self::NotImplemented { .. } => StatusCode::NOT_IMPLEMENTED,
            Self::StateFolder { .. }
            | Self::StateInUse { .. }
            | Self::StateFormat { .. }
            | Self::Tls { .. }
            | Self::Metrics(_)
            | Self::Pipeline(_)
            | Self::Store(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Convert(_)
            | Self::Parquet(_)
            | Self::Spool(_)
            | Self::QueryThread { .. }
            | Self::Listen(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What the caller is told. An internal error goes to the log under a number, and the caller
    /// is told the number.
    pub fn public_message(&self) -> String {
        if self.status() != StatusCode::INTERNAL_SERVER_ERROR {
            return self.to_string();
        }
        let incident = next_incident();
        tracing::error!(incident, error = ?self, "{self}");
        let what = match self {
            Self::Engine(error) if error.kind() == ErrorKind::Catalog => {
                "the catalog could not be read"
            }
            _ => "internal error",
        };
        format!("{what}; the operator of the service finds the cause in the log under {incident}")
    }

    /// Might the same request succeed at another time?
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Engine(error) => error.kind() == ErrorKind::ResourcesExhausted,
            Self::QueryThread { .. }
            | Self::TooMany { .. }
            | Self::NoTurn { .. }
            | Self::Stopping
            | Self::DiskFull
            | Self::StateFolder { .. }
            | Self::Store(_)
            | Self::Spool(_) => true,
            _ => false,
        }
    }

    /// Answer with plain text, for endpoints whose clients show nothing else.
    pub fn into_text(self) -> Response {
        self.in_words(|message| message + "\n")
    }

    /// Answer with plain text that begins with the kind of the error, as a standard calls it.
    pub fn into_text_of(self, kind: &str) -> Response {
        self.in_words(|message| format!("{kind}: {message}\n"))
    }

    fn in_words(self, words: impl FnOnce(String) -> String) -> Response {
        let content_type = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
        let (status, retry) = (self.status(), self.retry_after());
        (status, content_type, retry, words(self.public_message())).into_response()
    }

    /// The header that says when to try again, where that may help.
    fn retry_after(&self) -> Option<[(HeaderName, HeaderValue); 1]> {
        let is_busy = [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE];
        let seconds = HeaderValue::from(RETRY_AFTER.as_secs());
        is_busy.contains(&self.status()).then_some([(header::RETRY_AFTER, seconds)])
    }
}

/// Answer with a VOTable whose QUERY_STATUS is ERROR, as DALI wants of queries.
impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let content_type = [(header::CONTENT_TYPE, votable::MEDIA_TYPE)];
        let document = votable::error_document(&self.public_message());
        (self.status(), content_type, self.retry_after(), document).into_response()
    }
}

/// An error answered as plain text.
#[derive(Debug)]
pub struct PlainText(pub Error);

impl<E: Into<Error>> From<E> for PlainText {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for PlainText {
    fn into_response(self) -> Response {
        self.0.into_text()
    }
}

/// Most contributions that are named where some did not come.
const NAMED: usize = 5;

/// Say which contributions did not come, and what to do.
fn not_come(on_their_way: &[String], refused: &[(String, String)]) -> String {
    let more = |n: usize| match n.saturating_sub(NAMED) {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    if !on_their_way.is_empty() {
        let (is, n) = (if on_their_way.len() == 1 { "is" } else { "are" }, on_their_way.len());
        let keys = on_their_way[..n.min(NAMED)].join(", ");
        return format!("{keys}{} {is} on the way", more(n));
    }
    let told = refused.iter().take(NAMED).map(|(key, reason)| format!("{key} ({reason})"));
    let told = told.collect::<Vec<_>>().join(", ");
    format!(
        "refused, and not sent again: {told}{}; send what is missing, or commit with WITHOUT_REFUSED=true",
        more(refused.len())
    )
}

/// The id of the request, or else a number that tells apart the incidents of one run of the server,
/// and mostly those of two runs.
fn next_incident() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    // Where a request is being answered, its id is in each line that the log has of it.
    if let Some(request) = telemetry::current_request() {
        return request;
    }
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{:08x}-{number}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caller_reads_what_the_caller_did() {
        let error = Error::NoSuchTable { name: "Objekt".into() };
        assert_eq!(error.status(), StatusCode::NOT_FOUND);
        assert_eq!(error.public_message(), "there is no table \"Objekt\" here");
    }

    #[test]
    fn a_full_disk_is_told_whoever_meets_it() {
        let full = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL);
        let store = Error::from(rusqlite::Error::SqliteFailure(full, None));
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        for error in [store, Error::of_state_folder(Path::new("/secret"), full)] {
            assert_eq!(error.status(), StatusCode::INSUFFICIENT_STORAGE);
            assert!(error.public_message().starts_with("the disk of the service is nearly full"));
        }
    }

    #[test]
    fn an_internal_error_is_not_told_to_the_caller() {
        let error = Error::Convert(ArrowError::ComputeError("secret /path".into()));
        assert_eq!(error.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let message = error.public_message();
        assert!(message.starts_with("internal error; "), "{message}");
        assert!(!message.contains("secret"), "{message}");
    }
}
