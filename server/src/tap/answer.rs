//! From a request to the bytes of its answer.
//!
//! ```text
//!   TapRequest ─▶ plan ─▶ rows ─ counted, within the time ─▶ encoded ─▶ Answer::bytes
//! ```

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use almagest_engine::arrow::datatypes::{Field, Schema};
use almagest_engine::{Database, Estimate, QueryOptions, Session};
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use tokio::time::timeout;

use super::kept_answers::{AnswerKey, KeptAnswer};
use super::request::Label;
use super::time_limit::TimeLimit;
use super::{KeptFor, Stage, Tally, TapRequest};
use crate::Result;
use crate::formats::canonical::Canonical;
use crate::formats::result_stream::{Failures, Rows, encode};
use crate::formats::{Encoder, Ending, Provenance, encoder};
use crate::people::Allowance;
use crate::query_runtime::QueryRuntime;
use crate::turns::{Lane, Turn, Turns};
use crate::uploads::UploadReader;
use crate::uws::Owner;

/// How long a quick query is thought to take at most, on cores of its own: seconds. Look-ups take some
/// milliseconds, and would wait for what takes longer.
const QUICK_S: f64 = 0.02;

/// What bounds and follows the making of an answer.
#[derive(Debug, Clone)]
pub struct Terms {
    /// How long the query may compute; the time that it waits for its turn, and that a caller takes
    /// to read, does not count.
    pub duration: Option<TimeLimit>,
    /// How long a query that is thought to be quick may compute before it has rows to show; after that it
    /// begins anew among the long ones.
    pub quick_time: Duration,
    /// Where it waits for its turn.
    pub turns: Option<TurnsOf>,
    /// What becomes of a failure after the first rows.
    pub failures: Failures,
    /// The threads that it runs on.
    pub threads: QueryRuntime,
    /// Who reads the tables that come with the query.
    pub uploads: UploadReader,
    /// Where rows are counted.
    pub tally: Arc<Tally>,
    /// The folder for rows that must wait until all are known.
    pub spool: PathBuf,
    /// Where small answers are kept.
    pub kept: KeptFor,
    /// Under what the answer would be found there.
    pub key: Option<AnswerKey>,
    /// Where the images of a row are found.
    pub links: String,
    /// Where the form is, as seen from the answer.
    pub form: Option<&'static str>,
    /// Must the answer be made anew, though one may be kept?
    pub is_anew: bool,
}

/// A query that has given its first rows.
pub struct Answer {
    /// The document, made as fast as it is taken.
    pub bytes: BoxStream<'static, Result<Bytes>>,
    /// Version of the catalog that the rows come from.
    pub catalog_version: String,
    /// Its entity tag, if the same query would have the same answer.
    pub tag: Option<String>,
    /// Had it been kept?
    pub is_kept: bool,
    /// The turn in which the bytes are to be made.
    pub turn: Option<Turn>,
    /// The lane in which they are.
    pub lane: Lane,
}

/// Where the queries of one caller wait for their turn.
#[derive(Debug, Clone)]
pub struct TurnsOf {
    /// The turns of all callers.
    pub turns: Turns,
    /// The caller.
    pub owner: Owner,
    /// What the caller may have.
    pub allowance: Allowance,
}

/// Plan the query, wait for its first rows, and return the bytes of the answer as a stream. It is to be
/// called on the threads of quick queries; what reads much, or proves slow, moves to the others.
///
/// # Errors
/// The query is wrong, or fails before it has given its first rows.
pub async fn answer(database: Database, request: TapRequest, terms: Terms) -> Result<Answer> {
    if let Some(key) = terms.key.filter(|_| !terms.is_anew)
        && let Some(found) = terms.kept.find(&key)
    {
        return Ok(of_kept(key, found, &terms.tally));
    }
    let uploads = match request.uploads.is_empty() {
        true => vec![],
        false => {
            let (reader, uploads) = (terms.uploads.clone(), request.uploads.clone());
            let read = async move { reader.read(uploads).await };
            terms.threads.run_in(Lane::Long, read).await??
        }
    };
    let work = Work { session: database.session_with(uploads)?, request, terms };
    let mut is_slow = false;
    loop {
        match work.attempt(is_slow).await? {
            Some(answer) => return Ok(answer),
            None => is_slow = true,
        }
    }
}

/// A query that is to be answered.
struct Work {
    session: Session,
    request: TapRequest,
    terms: Terms,
}

impl Work {
    /// Plan the query and wait for its first rows; none where it is thought to be quick, `is_slow` does
    /// not say otherwise, and it has proved not to be. It is stopped, then.
    async fn attempt(&self, is_slow: bool) -> Result<Option<Answer>> {
        let Self { session, request, terms } = self;
        // One row more than wanted tells a full result from a cut one.
        let row_limit = Some(request.limit.rows().saturating_add(1));
        let options = QueryOptions { dialect: request.dialect, row_limit };
        terms.tally.begin_anew();
        let query = session.query(&request.query, options).await?;
        let catalog_version = query.cited_version();
        terms.tally.set_progress(query.progress());
        let provenance = Provenance {
            query: request.query.clone(),
            version: catalog_version.clone(),
            warnings: query.warnings().to_vec(),
            links: Some(terms.links.clone()),
            form: terms.form,
        };
        let key = terms.key.filter(|_| query.is_repeatable());
        let tag = key.map(|key| key.tag());
        let canonical = Canonical::new(&labelled(query.schema(), &request.labels))?;
        let mut encoder = encoder(request.format, canonical.schema(), &provenance, &terms.spool)?;
        if request.limit.is_metadata_only() {
            let bytes = metadata_only(encoder.as_mut())?;
            let bytes = stream::once(std::future::ready(Ok(bytes.into()))).boxed();
            let (is_kept, turn, lane) = (false, None, Lane::Quick);
            return Ok(Some(Answer { bytes, catalog_version, tag, is_kept, turn, lane }));
        }
        let lane = if is_slow { Lane::Long } else { lane(&query.estimate()?) };
        let turn = terms.turn(lane).await?;
        terms.tally.enter(Stage::Computing);
        let (tally, limit, duration) = (terms.tally.clone(), request.limit, terms.duration);
        let failures = terms.failures;
        let first_bytes = async move {
            let begin = Instant::now();
            let mut rows: Rows = query.into_stream().await?.map(|batch| Ok(batch?)).boxed();
            if let Some(limit) = duration {
                rows = within(rows, limit, limit.sync.saturating_sub(begin.elapsed()));
            }
            let rows = started(counted(rows, tally)).await?;
            let bytes = encode(rows, canonical, encoder, limit, failures).boxed();
            started(bytes).await
        };
        let mut bytes = match lane {
            Lane::Quick => match timeout(terms.quick_time, first_bytes).await {
                Ok(bytes) => bytes?,
                Err(_) => return Ok(None),
            },
            Lane::Long | Lane::Slow => terms.threads.run_in(lane, first_bytes).await??,
        };
        terms.tally.enter(Stage::Answering);
        if let Some(key) = key {
            bytes = terms.kept.keep(key, catalog_version.clone(), terms.tally.clone(), bytes);
        }
        Ok(Some(Answer { bytes, catalog_version, tag, is_kept: false, turn, lane }))
    }
}

impl Terms {
    /// Wait for a turn in a lane, where the query has to.
    async fn turn(&self, lane: Lane) -> Result<Option<Turn>> {
        let Some(TurnsOf { turns, owner, allowance }) = &self.turns else {
            self.tally.set_lane(lane);
            return Ok(None);
        };
        self.tally.enter(Stage::Waiting);
        Ok(Some(turns.take(owner, allowance, lane, self.tally.clone()).await?))
    }
}

/// The lane of a query.
fn lane(estimate: &Estimate) -> Lane {
    match estimate.seconds <= QUICK_S {
        true => Lane::Quick,
        false => Lane::Long,
    }
}

/// Give an answer that had been kept.
fn of_kept(key: AnswerKey, found: KeptAnswer, tally: &Tally) -> Answer {
    let KeptAnswer { bytes, n_rows, catalog_version } = found;
    tally.add_rows(n_rows);
    let bytes = stream::once(std::future::ready(Ok(bytes))).boxed();
    let (tag, lane) = (Some(key.tag()), Lane::Quick);
    Answer { bytes, catalog_version, tag, is_kept: true, turn: None, lane }
}

/// Put what `labels` say of columns into their metadata.
fn labelled(schema: &Schema, labels: &[Label]) -> Schema {
    let field = |field: &Arc<Field>| {
        let mut metadata = field.metadata().clone();
        let own = labels.iter().filter(|label| label.column == *field.name());
        metadata.extend(own.map(|label| (label.key.to_owned(), label.value.clone())));
        field.as_ref().clone().with_metadata(metadata)
    };
    Schema::new(schema.fields().iter().map(field).collect::<Vec<_>>())
}

/// Wait for the first item, so that a query that fails at once is answered by its error. The first
/// bytes of a format that must know all rows come when they have been read.
async fn started<T: Send + 'static>(
    mut items: BoxStream<'static, Result<T>>,
) -> Result<BoxStream<'static, Result<T>>> {
    Ok(match items.next().await {
        Some(first) => stream::once(std::future::ready(Ok(first?))).chain(items).boxed(),
        // What has ended must not be asked again.
        None => stream::empty().boxed(),
    })
}

fn counted(rows: Rows, tally: Arc<Tally>) -> Rows {
    rows.inspect(move |batch| match batch {
        Ok(batch) => tally.add_rows(batch.num_rows() as u64),
        Err(_) => tally.note_failure(),
    })
    .boxed()
}

/// Fail `rows` when waiting for them has taken `left` of the `limit` of the query.
fn within(rows: Rows, limit: TimeLimit, left: Duration) -> Rows {
    stream::unfold(Some((rows, left)), move |state| async move {
        let (mut rows, left) = state?;
        let begin = Instant::now();
        match timeout(left, rows.next()).await {
            Ok(item) => Some((item?, Some((rows, left.saturating_sub(begin.elapsed()))))),
            Err(_) => Some((Err(limit.passed()), None)),
        }
    })
    .boxed()
}

fn metadata_only(encoder: &mut dyn Encoder) -> Result<Vec<u8>> {
    let mut bytes = encoder.begin()?;
    bytes.extend(encoder.end(&Ending::Overflow)?);
    while let Some(more) = encoder.more()? {
        bytes.extend(more);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::Error;
    use almagest_engine::arrow::record_batch::RecordBatch;

    /// A batch every `interval`.
    fn slow(interval: Duration) -> Rows {
        stream::unfold((), move |()| async move {
            tokio::time::sleep(interval).await;
            Some((Ok(RecordBatch::new_empty(Arc::new(Schema::empty()))), ()))
        })
        .boxed()
    }

    #[tokio::test]
    async fn computing_counts_and_reading_does_not() {
        let limit = Duration::from_millis(200);
        let both = TimeLimit { sync: limit, job: limit };
        let mut rows = within(slow(Duration::from_millis(1)), both, limit);
        for _ in 0..3 {
            assert!(rows.next().await.unwrap().is_ok());
            tokio::time::sleep(limit).await;
        }
        let found: Vec<_> = within(slow(Duration::from_millis(60)), both, limit).collect().await;
        assert!((1..=4).contains(&found.len()), "{}", found.len());
        assert!(matches!(found.last(), Some(Err(Error::SyncDuration { .. }))));
    }
}
