//! The queries under way: listed and stopped at `/queries`.
//!
//! ```text
//!   QueryLog::begin ─▶ QueryList ◀─ GET /queries            who, where, how far
//!        │               │  ▲
//!        └─ stopped() ◀──┘  └────── DELETE /queries/{id}    its owner, or an operator
//! ```
//!
//! Callers see and stop their own queries; members of the group [`OPERATORS`] those of all. The text of
//! a query is its caller's affair, and is not shown.

pub mod endpoints;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::metrics::Endpoint;
use crate::tap::Tally;
use crate::uws::Owner;
use crate::{Error, telemetry};

/// The group whose members see and stop the queries of all.
pub const OPERATORS: &str = "operators";

/// The queries under way; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct QueryList(Arc<Mutex<BTreeMap<String, Entry>>>);

#[derive(Debug)]
struct Entry {
    endpoint: Endpoint,
    owner: Owner,
    /// Which job, or which table.
    what: Option<String>,
    begin: Instant,
    tally: Arc<Tally>,
    stop: Stop,
}

/// Tells a query to stop.
#[derive(Debug, Clone, Default)]
struct Stop {
    token: CancellationToken,
    /// Told by another than its owner.
    by_operator: Arc<Mutex<bool>>,
}

/// The place of a query in the list, which it leaves when this is dropped.
#[derive(Debug)]
pub struct Listed {
    list: QueryList,
    id: String,
    stop: Stop,
}

/// Whose queries are looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// Those of one caller.
    Of(Owner),
    /// Those of all.
    All,
}

/// A query as it is shown.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Its name here: that of its job, else of its request.
    pub id: String,
    /// Whose it is; none where nobody said who asks.
    pub user: Option<String>,
    /// Where it was asked.
    pub endpoint: &'static str,
    /// Of which table or job.
    pub what: Option<String>,
    /// The lane in which it computes, once it has been planned.
    pub lane: Option<&'static str>,
    /// How far it is.
    pub stage: &'static str,
    /// Since it was asked.
    pub seconds: f64,
    /// Chunks that have been read.
    pub chunks_done: u64,
    /// Chunks that are to be read.
    pub chunks_planned: u64,
    /// Rows that it has brought forth.
    pub rows: u64,
    /// Bytes of its answer.
    pub bytes: u64,
}

impl QueryList {
    /// List a query; `what` is its job, or the table of which it was asked.
    pub fn enter(
        &self,
        endpoint: Endpoint,
        owner: &Owner,
        what: Option<String>,
        tally: Arc<Tally>,
    ) -> Listed {
        let job = what.clone().filter(|_| endpoint == Endpoint::Async);
        let wanted = job.or_else(telemetry::current_request).unwrap_or_else(|| "query".to_owned());
        let stop = Stop::default();
        let (begin, owner) = (Instant::now(), owner.clone());
        let entry = Entry { endpoint, owner, what, begin, tally, stop: stop.clone() };
        let mut entries = self.entries();
        // A proxy may give several requests one id.
        let mut names = (2..).map(|n| format!("{wanted}-{n}"));
        let mut id = wanted.clone();
        while entries.contains_key(&id) {
            id = names.next().unwrap_or_default();
        }
        entries.insert(id.clone(), entry);
        drop(entries);
        Listed { list: self.clone(), id, stop }
    }

    /// The queries that may be seen, the oldest first.
    pub fn rows(&self, seen: &Seen) -> Vec<Row> {
        let entries = self.entries();
        let mut rows: Vec<Row> = entries
            .iter()
            .filter(|(_, entry)| seen.includes(&entry.owner))
            .map(|(id, entry)| entry.row(id))
            .collect();
        rows.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
        rows
    }

    /// Tell a query to stop; is there one of this name among those seen?
    pub fn stop(&self, id: &str, seen: &Seen) -> bool {
        let entries = self.entries();
        let Some(entry) = entries.get(id).filter(|entry| seen.includes(&entry.owner)) else {
            return false;
        };
        *entry.stop.by_operator.lock().unwrap_or_else(PoisonError::into_inner) = *seen == Seen::All;
        entry.stop.token.cancel();
        true
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<String, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn includes(&self, owner: &Owner) -> bool {
        match self {
            Self::Of(caller) => caller == owner,
            Self::All => true,
        }
    }
}

impl Entry {
    fn row(&self, id: &str) -> Row {
        let scanned = self.tally.scanned().unwrap_or_default();
        Row {
            id: id.to_owned(),
            user: self.owner.0.clone(),
            endpoint: self.endpoint.as_str(),
            what: self.what.clone(),
            lane: self.tally.lane().map(|lane| lane.as_str()),
            stage: self.tally.stage().as_str(),
            seconds: (self.begin.elapsed().as_secs_f64() * 1e3).round() / 1e3,
            chunks_done: scanned.chunks_done,
            chunks_planned: scanned.chunks_planned,
            rows: self.tally.n_rows(),
            bytes: self.tally.n_bytes(),
        }
    }
}

impl Listed {
    /// Complete when the query is told to stop.
    pub fn stopped(&self) -> impl Future<Output = ()> + use<> {
        let token = self.stop.token.clone();
        async move { token.cancelled().await }
    }

    /// What is said of a query that was told to stop.
    pub fn reason(&self) -> Error {
        let by_operator = *self.stop.by_operator.lock().unwrap_or_else(PoisonError::into_inner);
        Error::Stopped { by_operator }
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.list.entries().remove(&self.id);
    }
}
