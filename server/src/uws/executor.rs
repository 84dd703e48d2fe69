//! The jobs at work: a bounded number, the others in the order in which they were told to run. Jobs that
//! prove slow make room: as many of them again may be at work beside the others.
//!
//! ```text
//!   RUN ─ wake ─▶ claim ─▶ execute ─┬─ whole ──────────────▶ complete
//!                                   ├─ wrong, or too long ─▶ fail
//!                                   ├─ aborted, destroyed ─▶ (the store says so already)
//!                                   └─ the service stops ──▶ put back
//! ```

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use super::changes::Changes;
use super::execution::Workshop;
use super::job::{Failure, ResultFile};
use super::job_store::JobStore;
use super::{Job, JobId, Owner};
use crate::metrics::Endpoint;
use crate::people::Resource;
use crate::tap::time_limit::TimeLimit;
use crate::tap::{QueryLog, Tally};
use crate::turns::Lane;
use crate::{Error, Result};

/// A job that was executing when the service died is begun at most so often: it may be what kills it.
pub const MAX_TRIES: u32 = 2;

/// How often jobs past their destruction are looked for. They cannot be reached any more in any case.
const SWEEP: Duration = Duration::from_secs(10);
/// How long the executor waits when the store fails.
const RETRY: Duration = Duration::from_secs(1);
/// How old a file that came with a request is before it is looked at whether anybody wants it. The request
/// itself, whatever its queue and its network, is over by then.
const ORPHAN_AGE: Duration = Duration::from_secs(24 * 3600);

/// Executes jobs; cheap to clone.
#[derive(Debug, Clone)]
pub struct Executor {
    /// Where jobs are kept.
    pub store: JobStore,
    /// What they are executed with.
    pub workshop: Workshop,
    /// Who is told that they change.
    pub changes: Changes,
    running: Arc<Mutex<HashMap<JobId, Running>>>,
    /// Jobs that have failed, of which the store could not be told so.
    unnoted: Arc<Mutex<HashMap<JobId, Failure>>>,
    wake: Arc<Notify>,
    /// No further job is begun.
    pub closing: CancellationToken,
    /// Jobs at work are put back.
    stopping: CancellationToken,
}

#[derive(Debug)]
struct Running {
    cancel: CancellationToken,
    tally: Arc<Tally>,
    since: Instant,
}

/// How the work on a job ended.
enum End {
    /// The job is over.
    Over,
    /// It will be executed again.
    PutBack,
}

impl Executor {
    /// Make an executor that executes nothing yet.
    pub fn new(store: JobStore, workshop: Workshop) -> Self {
        Self {
            store,
            workshop,
            changes: Changes::default(),
            running: Arc::default(),
            unnoted: Arc::default(),
            wake: Arc::default(),
            closing: CancellationToken::new(),
            stopping: CancellationToken::new(),
        }
    }

    /// Look for jobs to execute: there may be a new one.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Stop the work on a job, of which the store says already that it is over.
    pub fn cancel(&self, id: &JobId) {
        if let Some(running) = self.running().get(id) {
            running.cancel.cancel();
        }
    }

    /// What a job has brought forth so far, while it executes.
    pub fn tally(&self, id: &JobId) -> Option<Arc<Tally>> {
        self.running().get(id).map(|running| running.tally.clone())
    }

    /// How many jobs are at work.
    pub fn n_running(&self) -> usize {
        self.running().len()
    }

    /// Put back the jobs at work.
    pub fn stop(&self) {
        self.closing.cancel();
        self.stopping.cancel();
    }

    /// Execute jobs until the service closes, and then those begun to their end.
    pub async fn run(self) {
        let mut jobs = JoinSet::new();
        let mut sweep = interval(SWEEP);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !self.closing.is_cancelled() {
            self.begin_what_may(&mut jobs).await;
            tokio::select! {
                () = self.wake.notified() => {}
                Some(_) = jobs.join_next(), if !jobs.is_empty() => {}
                _ = sweep.tick() => self.sweep().await,
                () = self.closing.cancelled() => {}
            }
        }
        while jobs.join_next().await.is_some() {}
    }

    async fn begin_what_may(&self, jobs: &mut JoinSet<()>) {
        let at_once = self.workshop.config.concurrent_jobs.max(1);
        while jobs.len() - self.n_slow().min(at_once) < at_once {
            let workshop = self.workshop.clone();
            // Of whom it cannot be read, none is begun; the next sweep tries again.
            let most = move |owner: &Owner| {
                workshop.allowance(owner).map_or(0, |allowance| allowance.of(Resource::Jobs))
            };
            match self.store.claim(most).await {
                Ok(Some(job)) => {
                    let (cancel, tally) = (CancellationToken::new(), Arc::default());
                    let running = Running { cancel, tally, since: Instant::now() };
                    self.running().insert(job.id.clone(), running);
                    self.changes.announce(&job.id);
                    jobs.spawn(self.clone().see_through(job));
                }
                Ok(None) => return,
                Err(error) => {
                    tracing::error!(%error, "no job can be begun");
                    sleep(RETRY).await;
                    return;
                }
            }
        }
    }

    /// How many jobs at work have proved slow.
    fn n_slow(&self) -> usize {
        let slow_after = self.workshop.config.queries.slow_after;
        let running = self.running();
        let slow = running.values().filter(|job| job.since.elapsed() >= slow_after);
        slow.inspect(|job| job.tally.set_lane(Lane::Slow)).count()
    }

    /// Execute a job, and say in the store how it ended.
    async fn see_through(self, job: Job) {
        match self.execute(&job).await {
            Ok(End::Over) => self.workshop.folder.uploads().remove_those_of(&job.parameters),
            Ok(End::PutBack) => {}
            Err(error) => {
                tracing::error!(job = %job.id, %error, "the end of the job cannot be noted");
                let message = "the service could not keep the result of this job".to_owned();
                self.note_failure(&job.id, Failure { message, is_transient: true }).await;
            }
        }
        self.running().remove(&job.id);
        self.changes.announce(&job.id);
    }

    /// Note that a job has failed. What was written of its result goes first: it may be what fills the disk
    /// on which that is to be noted. Where it cannot be, the next sweep tries again.
    async fn note_failure(&self, id: &JobId, failure: Failure) {
        self.workshop.folder.remove_result(id);
        if let Err(error) = self.store.fail(id, failure.clone()).await {
            tracing::error!(job = %id, %error, "the job has failed, and is still EXECUTING");
            self.unnoted().insert(id.clone(), failure);
        }
    }

    /// Note what could not be noted before.
    async fn note_again(&self) {
        let unnoted = self.unnoted().clone();
        for (id, failure) in unnoted {
            match self.store.fail(&id, failure).await {
                Ok(_) => {
                    self.unnoted().remove(&id);
                    self.changes.announce(&id);
                }
                Err(error) => tracing::error!(job = %id, %error, "the failure cannot be noted"),
            }
        }
    }

    async fn execute(&self, job: &Job) -> Result<End> {
        let watched =
            self.running().get(&job.id).map(|job| (job.cancel.clone(), job.tally.clone()));
        let Some((cancel, tally)) = watched else { return Ok(End::PutBack) };
        let (id, watch) = (job.id.to_string(), (&self.workshop.metrics, &self.workshop.list));
        let mut log = QueryLog::begin(Endpoint::Async, &job.owner, Some(id), tally.clone(), watch);
        // Between the claim and the entry among the running it may have been aborted.
        let is_wanted =
            self.store.job(&job.id, &job.owner).await?.is_some_and(|j| j.phase == job.phase);
        if !is_wanted {
            log.end("aborted");
            return Ok(End::Over);
        }
        let allowance = self.workshop.allowance(&job.owner)?;
        let limit = job.execution_duration;
        let room = self.store.room(&job.owner, &allowance).await?;
        tokio::select! {
            biased;
            () = cancel.cancelled() => {
                log.end("aborted");
                self.workshop.folder.remove_result(&job.id);
                Ok(End::Over)
            }
            () = log.listed().stopped() => {
                self.fail(job, &log.listed().reason(), &mut log).await;
                Ok(End::Over)
            }
            () = self.stopping.cancelled() => {
                log.end("put back");
                self.store.put_back(&job.id).await?;
                self.workshop.folder.remove_result(&job.id);
                Ok(End::PutBack)
            }
            () = sleep(limit) => {
                let most = TimeLimit::of(&self.workshop.config, &allowance).job;
                self.fail(job, &Error::ExecutionDuration { limit, most }, &mut log).await;
                Ok(End::Over)
            }
            done = self.workshop.execute(job, tally, room) => {
                match done {
                    Ok(result) => self.complete(job, result, &mut log).await?,
                    Err(error) => self.fail(job, &error, &mut log).await,
                }
                Ok(End::Over)
            }
        }
    }

    async fn complete(&self, job: &Job, result: ResultFile, log: &mut QueryLog) -> Result<()> {
        log.end(if result.overflows { "overflow" } else { "complete" });
        if !self.store.complete(&job.id, result).await? {
            // Aborted or destroyed in the last moment.
            self.workshop.folder.remove_result(&job.id);
        }
        Ok(())
    }

    async fn fail(&self, job: &Job, error: &Error, log: &mut QueryLog) {
        log.fail(error);
        let failure =
            Failure { message: error.public_message(), is_transient: error.is_transient() };
        self.note_failure(&job.id, failure).await;
    }

    /// Forget a job and remove its files; tell whether it was there.
    ///
    /// # Errors
    /// The store cannot be written to.
    pub async fn destroy(&self, id: &JobId) -> Result<bool> {
        let was_there = match self.store.remove(id).await {
            // What is to go may be what fills the disk.
            Err(Error::DiskFull) => {
                self.cancel(id);
                self.workshop.folder.remove_result(id);
                self.store.remove(id).await?
            }
            removed => removed?,
        };
        self.cancel(id);
        let (folder, removed) = (self.workshop.folder.clone(), id.clone());
        let removing = tokio::task::spawn_blocking(move || folder.remove_result(&removed));
        if let Err(error) = removing.await {
            tracing::warn!(%error, "a result was not removed");
        }
        self.changes.announce(id);
        Ok(was_there)
    }

    async fn sweep(&self) {
        self.note_again().await;
        let tables = self.workshop.views.user_tables().clone();
        match tokio::task::spawn_blocking(move || tables.sweep()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "tables past their time cannot be found"),
            Err(error) => tracing::error!(%error, "tables past their time were not dropped"),
        }
        let (uploads, store) = (self.workshop.folder.uploads(), self.store.clone());
        let removing = move || uploads.remove_orphans(ORPHAN_AGE, || store.active());
        match tokio::task::spawn_blocking(removing).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "files of uploads cannot be looked through"),
            Err(error) => tracing::error!(%error, "files of uploads were not looked through"),
        }
        let expired = self.store.expired().await.unwrap_or_else(|error| {
            tracing::error!(%error, "jobs past their destruction cannot be found");
            vec![]
        });
        for id in expired {
            match self.destroy(&id).await {
                Ok(_) => tracing::info!(job = %id, "past its destruction, removed"),
                Err(error) => tracing::error!(job = %id, %error, "the job cannot be removed"),
            }
        }
    }

    fn unnoted(&self) -> std::sync::MutexGuard<'_, HashMap<JobId, Failure>> {
        self.unnoted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn running(&self) -> std::sync::MutexGuard<'_, HashMap<JobId, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
