//! One job, from what is asked to a result that survives a power cut.
//!
//! ```text
//!   parameters ─▶ answer ─▶ ID.part ─ sync ─▶ rename to ID ─ sync the folder ─▶ ResultFile
//! ```
//!
//! Only then may the job be COMPLETED: a result that is there under its own name is whole.

use std::sync::Arc;

use futures::StreamExt;
use tokio::fs::File;
use tokio::io::{AsyncWriteExt, BufWriter};

use super::job::ResultFile;
use super::state_folder::StateFolder;
use super::{Job, JobId, Owner};
use crate::config::ServerConfig;
use crate::dali::Format;
use crate::disk_guard::DiskGuard;
use crate::formats::result_stream::Failures;
use crate::metrics::Metrics;
use crate::people::{Allowance, Views};
use crate::queries::QueryList;
use crate::query_runtime::QueryRuntime;
use crate::tap::answer::{Terms, answer};
use crate::tap::{KeptAnswers, Tally, TapRequest};
use crate::uploads::UploadReader;
use crate::user_tables::index::IndexRequest;
use crate::{Error, Result};

/// Bytes that are gathered before they are written.
const BUFFER_BYTES: usize = 1 << 20;

/// Bytes of a result after which the free space of the disk is looked at again.
const GUARDED_BYTES: usize = 64 << 20;

/// What jobs are executed with; cheap to clone.
#[derive(Debug, Clone)]
pub struct Workshop {
    /// What is asked, as owners of jobs may see it.
    pub views: Views,
    /// The limits of the service.
    pub config: Arc<ServerConfig>,
    /// Where queries compute.
    pub queries: QueryRuntime,
    /// Where results are kept.
    pub folder: StateFolder,
    /// Where queries are counted.
    pub metrics: Metrics,
    /// The queries under way.
    pub list: QueryList,
    /// Small answers, for those who ask the same again.
    pub kept: KeptAnswers,
}

/// Room for results of one owner, bytes.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// All that there is.
    pub most: u64,
    /// What results take that are kept.
    pub taken: u64,
}

impl Room {
    /// Is there room for `more` bytes?
    ///
    /// # Errors
    /// No.
    pub fn check(self, more: u64) -> Result<()> {
        let would = self.taken.saturating_add(more);
        match would > self.most {
            true => Err(Error::StoredBytes { most: self.most, would }),
            false => Ok(()),
        }
    }
}

impl Workshop {
    /// Execute a job; dropping the returned future stops the query.
    ///
    /// # Errors
    /// What is asked is wrong, or fails at any row, or cannot be written.
    pub async fn execute(&self, job: &Job, tally: Arc<Tally>, room: Room) -> Result<ResultFile> {
        if let Some(index) = IndexRequest::of(&job.parameters)? {
            return self.make_index(job, index).await;
        }
        let allowance = self.allowance(&job.owner)?;
        let request = TapRequest::from_parameters(&job.parameters, &self.config)?;
        let request = request.within(&allowance);
        let uploads = UploadReader::new(self.folder.uploads(), &self.config);
        let database = self.views.of(&job.owner)?;
        let kept = self.kept.of(&job.owner);
        let terms = Terms {
            duration: None,
            quick_time: self.config.queries.quick_time,
            // Jobs wait for theirs in the queue of jobs.
            turns: None,
            failures: Failures::BreakOff,
            threads: self.queries.clone(),
            uploads,
            tally: tally.clone(),
            spool: self.config.spool.clone(),
            // A page is for the place where it was asked.
            key: kept.key(&request, &database)?.filter(|_| request.format != Format::Html),
            kept,
            links: self.views.images().links(),
            form: None,
            is_anew: false,
        };
        let work = answer(database, request.clone(), terms);
        let answer = self.queries.run(work).await??;
        let mut bytes = self.queries.stream(answer.lane, answer.bytes, None)?;

        let path = self.folder.unfinished_result(&job.id);
        let failed = |source| Error::of_state_folder(&path, source);
        let file = File::create(&path).await.map_err(failed)?;
        let mut file = BufWriter::with_capacity(BUFFER_BYTES, file);
        let disk = DiskGuard::new(self.folder.root(), self.config.min_free_disk);
        let mut unguarded = 0;
        while let Some(part) = bytes.next().await {
            let part = part?;
            file.write_all(&part).await.map_err(failed)?;
            tally.add_bytes(part.len());
            room.check(tally.n_bytes())?;
            unguarded += part.len();
            if unguarded > GUARDED_BYTES {
                disk.check()?;
                unguarded = 0;
            }
        }
        file.flush().await.map_err(failed)?;
        file.get_ref().sync_all().await.map_err(failed)?;
        self.publish(&job.id).await.map_err(failed)?;
        Ok(ResultFile {
            content_type: request.content_type(),
            file_name: request.file_name(),
            n_bytes: tally.n_bytes(),
            n_rows: tally.n_rows().min(request.limit.rows()),
            overflows: request.limit.is_metadata_only() || tally.n_rows() > request.limit.rows(),
            catalog_version: answer.catalog_version,
        })
    }

    /// Make an index; the result says so.
    async fn make_index(&self, job: &Job, index: IndexRequest) -> Result<ResultFile> {
        let person = self.views.person(&job.owner, &self.config)?;
        let tables = self.views.user_tables().clone();
        let text = format!("rows of {} are found by {}\n", index.table, index.column);
        let made = tokio::task::spawn_blocking(move || index.carry_out(&tables, &person)).await;
        made.map_err(|error| Error::QueryThread { reason: error.to_string() })??;
        let path = self.folder.unfinished_result(&job.id);
        let failed = |source| Error::of_state_folder(&path, source);
        let mut file = File::create(&path).await.map_err(failed)?;
        file.write_all(text.as_bytes()).await.map_err(failed)?;
        file.sync_all().await.map_err(failed)?;
        self.publish(&job.id).await.map_err(failed)?;
        Ok(ResultFile {
            content_type: "text/plain; charset=utf-8".to_owned(),
            file_name: "result.txt".to_owned(),
            n_bytes: text.len() as u64,
            n_rows: 0,
            overflows: false,
            catalog_version: String::new(),
        })
    }

    /// What a caller may have.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn allowance(&self, owner: &Owner) -> Result<Allowance> {
        self.views.allowance(owner, &self.config)
    }

    async fn publish(&self, id: &JobId) -> std::io::Result<()> {
        let (folder, id) = (self.folder.clone(), id.clone());
        tokio::task::spawn_blocking(move || folder.publish_result(&id)).await?
    }
}
