//! One line of the log for each query, when its answer has been taken to its end or left.
//!
//! The text of the query is the caller's own affair and stays out of the log.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use tracing::Span;

use super::Tally;
use crate::{Error, Result};

/// Writes its line when it is dropped.
#[derive(Debug)]
pub struct QueryLog {
    /// Which endpoint, or which job.
    work: String,
    request: Span,
    begin: Instant,
    tally: Arc<Tally>,
    outcome: Option<String>,
}

impl QueryLog {
    /// Begin to follow a query.
    pub fn begin(work: impl Into<String>, tally: Arc<Tally>) -> Self {
        let begin = Instant::now();
        Self { work: work.into(), request: Span::current(), begin, tally, outcome: None }
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
            let item = bytes.next().await;
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
        tracing::info!(
            parent: &self.request,
            work = self.work,
            duration_ms = u64::try_from(self.begin.elapsed().as_millis()).unwrap_or(u64::MAX),
            rows = self.tally.n_rows(),
            bytes = self.tally.n_bytes(),
            outcome = self.outcome.as_deref().unwrap_or("left by the caller"),
            "query"
        );
    }
}
