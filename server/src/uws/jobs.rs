//! The jobs of a service, as its endpoints handle them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

use super::execution::Workshop;
use super::executor::{Executor, MAX_TRIES};
use super::job_list::{Filter, JobReference};
use super::job_store::{JobStore, Recovered};
use super::state_folder::StateFolder;
use super::{Job, JobId, Moment, Owner, Phase};
use crate::config::{AnonymousJobs, ServerConfig};
use crate::disk_guard::DiskGuard;
use crate::people::Resource;
use crate::tap::Tally;
use crate::tap::time_limit::TimeLimit;
use crate::uploads::{Submission, UploadFolder};
use crate::{Error, Result};

/// Parameters by which a caller steers a job, and which are not part of what is asked.
const STEERING: [&str; 5] = ["PHASE", "ACTION", "WAIT", "EXECUTIONDURATION", "DESTRUCTION"];

/// The jobs of a service; cheap to clone. When all clones are gone, jobs at work are put back.
#[derive(Debug, Clone)]
pub struct Jobs(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    executor: Executor,
    uploads: UploadFolder,
    disk: DiskGuard,
    work: Mutex<Option<JoinHandle<()>>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.executor.stop();
    }
}

impl Jobs {
    /// Open the state folder that `config` names.
    ///
    /// # Errors
    /// It cannot be used.
    pub fn folder(config: &ServerConfig) -> Result<StateFolder> {
        match &config.state {
            Some(path) => StateFolder::open(path),
            None => StateFolder::temporary(),
        }
    }

    /// Open the jobs of a service and go on with those that were not at their end.
    ///
    /// # Errors
    /// The state folder cannot be used, or this is not called inside a Tokio runtime.
    pub fn open(workshop: Workshop) -> Result<Self> {
        let folder = workshop.folder.clone();
        let store = JobStore::open(&folder.database())?;
        let recovered = store.recover(MAX_TRIES)?;
        if recovered.any() {
            let Recovered { begun_again, given_up } = recovered;
            tracing::info!(
                begun_again,
                given_up,
                "the last service died while jobs were executing"
            );
        }
        let completed: std::collections::HashSet<JobId> = store.completed()?.into_iter().collect();
        folder
            .remove_orphans(|id| completed.contains(id))
            .map_err(|source| Error::StateFolder { path: folder.database(), source })?;
        let uploads = folder.uploads();
        uploads.remove_orphans(Duration::ZERO, || store.active())?;
        let disk = DiskGuard::new(folder.root(), workshop.config.min_free_disk);
        let executor = Executor::new(store, workshop);
        let runtime = Handle::try_current()
            .map_err(|error| Error::QueryThread { reason: error.to_string() })?;
        let work = runtime.spawn(executor.clone().run());
        Ok(Self(Arc::new(Inner { executor, uploads, disk, work: Mutex::new(Some(work)) })))
    }

    /// The folder of the tables that come with requests.
    pub fn uploads(&self) -> &UploadFolder {
        &self.0.uploads
    }

    /// What looks after the disk of the state folder.
    pub fn disk(&self) -> &DiskGuard {
        &self.0.disk
    }

    /// How many jobs are executing now.
    pub fn n_executing(&self) -> usize {
        self.0.executor.n_running()
    }

    /// Count the jobs in each phase.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn count_by_phase(&self) -> Result<Vec<(Phase, u64)>> {
        self.0.executor.store.count_by_phase().await
    }

    /// Make a job of what a caller sends; with PHASE=RUN it is told to run at once.
    ///
    /// What is asked is looked at when the job executes, so that all faults of a query are told in
    /// one place, the error of the job.
    ///
    /// # Errors
    /// A parameter that steers the job cannot be understood, or the disk is nearly full.
    pub async fn create(&self, owner: Owner, submission: Submission) -> Result<JobId> {
        let parameters = submission.parameters.clone();
        self.0.disk.check()?;
        let phase = match parameters.get("PHASE")?.filter(|value| !value.is_empty()) {
            None => Phase::Pending,
            Some(value) if value.eq_ignore_ascii_case("RUN") => Phase::Queued,
            Some(value) => return Err(bad("PHASE", value, "RUN")),
        };
        let created = Moment::now();
        let config = self.config();
        let duration = match parameters.get("EXECUTIONDURATION")? {
            Some(value) => self.read_execution_duration(&owner, value)?,
            None => config.execution_duration.or_default().min(self.longest(&owner)?),
        };
        let destruction = match parameters.get("DESTRUCTION")? {
            Some(value) => self.read_destruction(created, value)?,
            None => created.after(config.retention.or_default()),
        };
        self.check_allowance(&owner, phase).await?;
        let id = JobId::draw();
        let job = Job {
            id: id.clone(),
            owner,
            run_id: parameters.first("RUNID").map(str::to_owned),
            phase,
            created,
            started: None,
            ended: None,
            execution_duration: duration,
            destruction,
            tries: 0,
            parameters: parameters.without(&STEERING),
            failure: None,
            result: None,
        };
        // Before it is noted, so that a job that is noted has its files even where the caller leaves now.
        let parameters = job.parameters.clone();
        submission.hand_over();
        let inserted = self.0.executor.store.insert(job).await;
        inserted.inspect_err(|_| self.0.uploads.remove_those_of(&parameters))?;
        self.0.executor.wake();
        Ok(id)
    }

    /// Return a job.
    ///
    /// # Errors
    /// There is none of that name, or it is another's: the two are not told apart.
    pub async fn job(&self, id: &str, owner: &Owner) -> Result<Job> {
        let none = || Error::NoSuchJob { id: id.to_owned() };
        let read = JobId::read(id).ok_or_else(none)?;
        self.0.executor.store.job(&read, owner).await?.ok_or_else(none)
    }

    /// Return a job when its phase is another than now, or `longest` has passed, or the service
    /// closes. A job that is at its end, or in another phase than `phase`, is returned at once.
    ///
    /// # Errors
    /// As [`Self::job`]; the job may also be destroyed meanwhile.
    pub async fn wait(
        &self,
        id: &str,
        owner: &Owner,
        longest: Duration,
        phase: Option<Phase>,
    ) -> Result<Job> {
        let deadline = Instant::now() + longest.min(self.config().longest_wait);
        let read = JobId::read(id).ok_or_else(|| Error::NoSuchJob { id: id.to_owned() })?;
        let mut changes = self.0.executor.changes.of(&read);
        let job = self.job(id, owner).await?;
        if !job.phase.is_active() || phase.is_some_and(|phase| phase != job.phase) {
            return Ok(job);
        }
        loop {
            let waited = async {
                tokio::select! {
                    changed = changes.changed() => changed.is_ok(),
                    () = self.0.executor.closing.cancelled() => false,
                }
            };
            let goes_on = timeout_at(deadline, waited).await.unwrap_or(false);
            let now = self.job(id, owner).await?;
            if !goes_on || now.phase != job.phase {
                return Ok(now);
            }
        }
    }

    /// List the jobs of a caller.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn list(&self, owner: &Owner, filter: Filter) -> Result<Vec<JobReference>> {
        if owner.0.is_none() && self.config().anonymous_jobs == AnonymousJobs::Unlisted {
            return Ok(vec![]);
        }
        self.0.executor.store.list(owner, filter).await
    }

    /// Tell a PENDING job to run. One that runs already goes on.
    ///
    /// # Errors
    /// The job is at its end.
    pub async fn run(&self, job: &Job) -> Result<()> {
        let executor = &self.0.executor;
        if job.phase == Phase::Pending {
            self.check_allowance(&job.owner, Phase::Queued).await?;
        }
        if executor.store.queue(&job.id).await? {
            executor.changes.announce(&job.id);
            executor.wake();
            return Ok(());
        }
        let now = self.job(job.id.as_str(), &job.owner).await?;
        match now.phase.is_active() {
            true => Ok(()),
            false => Err(Error::TooLate { what: "PHASE", phase: now.phase, until: "PENDING" }),
        }
    }

    /// May `owner` have one more job in `phase`?
    async fn check_allowance(&self, owner: &Owner, phase: Phase) -> Result<()> {
        let Executor { store, workshop, .. } = &self.0.executor;
        let allowance = workshop.allowance(owner)?;
        if allowance.of(Resource::Jobs) == 0 {
            return Err(Error::NotAllowed { resource: Resource::Jobs });
        }
        // A result has a byte at least.
        store.room(owner, &allowance).await?.check(1)?;
        let most = allowance.of(Resource::Waiting);
        if phase == Phase::Queued && store.n_queued(owner).await? >= most {
            return Err(Error::TooMany { resource: Resource::Waiting, most });
        }
        Ok(())
    }

    /// The place of a job in the queue, while it waits there.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn place(&self, job: &Job) -> Result<Option<u64>> {
        match job.phase {
            Phase::Queued => self.0.executor.store.place(&job.id).await,
            _ => Ok(None),
        }
    }

    /// Stop a job and keep it as ABORTED. One that is at its end stays as it is.
    ///
    /// # Errors
    /// The store cannot be written to.
    pub async fn abort(&self, job: &Job) -> Result<()> {
        let executor = &self.0.executor;
        if executor.store.abort(&job.id).await? {
            self.0.uploads.remove_those_of(&job.parameters);
            executor.cancel(&job.id);
            executor.changes.announce(&job.id);
        }
        Ok(())
    }

    /// Stop a job and remove it with its result.
    ///
    /// # Errors
    /// The store cannot be written to.
    pub async fn destroy(&self, job: &Job) -> Result<()> {
        self.0.executor.destroy(&job.id).await?;
        self.0.uploads.remove_those_of(&job.parameters);
        Ok(())
    }

    /// Change when a job is removed: no later than the service keeps any.
    ///
    /// # Errors
    /// The text is not a time in the future.
    pub async fn set_destruction(&self, job: &Job, text: &str) -> Result<()> {
        let destruction = self.read_destruction(job.created, text)?;
        self.0.executor.store.set_destruction(&job.id, destruction).await?;
        Ok(())
    }

    /// Change how long a job may execute: no longer than the service lets any; 0 is as long as that.
    ///
    /// # Errors
    /// The text is not a number of seconds, or the job has begun.
    pub async fn set_execution_duration(&self, job: &Job, text: &str) -> Result<()> {
        let duration = self.read_execution_duration(&job.owner, text)?;
        match self.0.executor.store.set_execution_duration(&job.id, duration).await? {
            true => Ok(()),
            false => self.too_late(job, "executionduration", "QUEUED").await,
        }
    }

    /// Change what a PENDING job asks.
    ///
    /// # Errors
    /// The job has been told to run.
    pub async fn set_parameters(&self, job: &Job, changes: Submission) -> Result<()> {
        let mut parameters = job.parameters.clone();
        parameters.replace(changes.parameters.clone().without(&STEERING));
        match self.0.executor.store.set_parameters(&job.id, &parameters).await? {
            true => {
                changes.hand_over();
                let uploads = &self.0.uploads;
                let kept = uploads.named_by(&parameters);
                let before = uploads.named_by(&job.parameters);
                before.iter().filter(|id| !kept.contains(id)).for_each(|id| uploads.remove(id));
                Ok(())
            }
            false => self.too_late(job, "the parameters", "PENDING").await,
        }
    }

    async fn too_late(&self, job: &Job, what: &'static str, until: &'static str) -> Result<()> {
        let phase = self.job(job.id.as_str(), &job.owner).await?.phase;
        Err(Error::TooLate { what, phase, until })
    }

    /// What a job has brought forth so far, while it executes.
    pub fn tally(&self, job: &Job) -> Option<Arc<Tally>> {
        self.0.executor.tally(&job.id)
    }

    /// Where the result of a job is.
    pub fn result_path(&self, job: &Job) -> PathBuf {
        self.0.executor.workshop.folder.result(&job.id)
    }

    /// Begin no further jobs, give those at work `grace` to end, and put back the rest: the next
    /// service executes them.
    pub async fn close(&self, grace: Duration) {
        let executor = &self.0.executor;
        executor.closing.cancel();
        // Held to the end, so that whoever closes a second time waits for the first.
        let mut held = self.0.work.lock().await;
        let Some(work) = held.as_mut() else { return };
        if timeout(grace, &mut *work).await.is_err() {
            executor.stop();
            if let Err(error) = work.await {
                tracing::error!(%error, "the executor of jobs broke off");
            }
        }
        *held = None;
    }

    fn config(&self) -> &ServerConfig {
        &self.0.executor.workshop.config
    }

    /// How long a job of `owner` may execute at most.
    fn longest(&self, owner: &Owner) -> Result<Duration> {
        let allowance = self.0.executor.workshop.allowance(owner)?;
        Ok(TimeLimit::of(self.config(), &allowance).job)
    }

    fn read_execution_duration(&self, owner: &Owner, text: &str) -> Result<Duration> {
        let hard = self.longest(owner)?;
        match text.trim().parse() {
            Ok(0) => Ok(hard),
            Ok(seconds) => Ok(Duration::from_secs(seconds).min(hard)),
            Err(_) => Err(bad("EXECUTIONDURATION", text, "a number of seconds, zero or more")),
        }
    }

    fn read_destruction(&self, created: Moment, text: &str) -> Result<Moment> {
        let asked: Moment = text.parse().map_err(|_| {
            bad("DESTRUCTION", text, "a time in ISO 8601, in UTC, such as 2026-12-31T00:00:00Z")
        })?;
        // Not taken for a wish to destroy: a slip would lose the result with no way back.
        if asked <= Moment::now() {
            let expected = "in the future (in UTC where no zone is said); to destroy the job at once, DELETE it";
            return Err(bad("DESTRUCTION", text, expected));
        }
        Ok(asked.min(created.after(self.config().retention.hard)))
    }
}

fn bad(name: &'static str, value: &str, expected: &str) -> Error {
    Error::BadParameter { name, value: value.to_owned(), expected: expected.to_owned() }
}
