//! One line of the log for each query, when its answer has been taken to its end or left; and the
//! same for the counts.
//!
//! The text of the query is the caller's own affair and stays out of both.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use tracing::Span;

use super::Tally;
use crate::metrics::{Ended, Endpoint, Metrics, UnderWay};
use crate::queries::{Listed, QueryList};
use crate::uws::Owner;
use crate::{Error, Result};

/// Writes its line when it is dropped.
#[derive(Debug)]
pub struct QueryLog {
    endpoint: Endpoint,
    owner: Owner,
    /// Which job, or which table.
    what: Option<String>,
    request: Span,
    begin: Instant,
    tally: Arc<Tally>,
    outcome: Option<String>,
    metrics: Metrics,
    listed: Listed,
    _running: UnderWay,
}

impl QueryLog {
    /// Begin to follow a query; `what` is its job, or the table of which it was asked.
    pub fn begin(
        endpoint: Endpoint,
        owner: &Owner,
        what: Option<String>,
        tally: Arc<Tally>,
        (metrics, list): (&Metrics, &QueryList),
    ) -> Self {
        Self {
            listed: list.enter(endpoint, owner, what.clone(), tally.clone()),
            endpoint,
            owner: owner.clone(),
            what,
            request: Span::current(),
            begin: Instant::now(),
            tally,
            outcome: None,
            metrics: metrics.clone(),
            _running: metrics.query(endpoint),
        }
    }

    /// The place of the query in the list of those under way.
    pub fn listed(&self) -> &Listed {
        &self.listed
    }

    /// Say how the query ended; without it, it was left before its end.
    pub fn end(&mut self, outcome: impl Into<String>) {
        self.outcome.get_or_insert(outcome.into());
    }

    /// Note why there is no answer.
    pub fn fail(&mut self, error: &Error) {
        self.end(format!("failed, status {}", error.status().as_u16()));
    }

    /// Count the bytes of an answer as they are taken, and note its end.
    pub fn follow(
        self,
        bytes: BoxStream<'static, Result<Bytes>>,
    ) -> BoxStream<'static, Result<Bytes>> {
        stream::unfold((bytes, self), async |(mut bytes, mut log)| {
            let item = tokio::select! {
                item = bytes.next() => item,
                () = log.listed.stopped() => Some(Err(log.listed.reason())),
            };
            match &item {
                Some(Ok(part)) => log.tally.add_bytes(part.len()),
                Some(Err(error)) => log.fail(error),
                None if log.tally.has_failed() => log.end("failed after its first rows"),
                None => log.end("complete"),
            }
            Some((item?, (bytes, log)))
        })
        .boxed()
    }
}

impl Drop for QueryLog {
    fn drop(&mut self) {
        let left = match self.metrics.is_cutting_off() {
            true => "cut off by the end of the service",
            false => "left by the caller",
        };
        let (duration, outcome) = (self.begin.elapsed(), self.outcome.as_deref().unwrap_or(left));
        let (n_rows, n_bytes) = (self.tally.n_rows(), self.tally.n_bytes());
        self.metrics.ended(Ended { endpoint: self.endpoint, outcome, duration, n_rows, n_bytes });
        tracing::info!(
            parent: &self.request,
            endpoint = self.endpoint.as_str(),
            user = self.owner.0.as_deref(),
            what = self.what.as_deref(),
            duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
            rows = n_rows,
            bytes = n_bytes,
            outcome,
            "query"
        );
    }
}
