//! The jobs in the server's own SQLite file.
//!
//! Write-ahead log and `synchronous=FULL`: what has been answered survives `kill -9` and a power
//! cut. Each change of phase states the phase that it starts from, so that of two changes at the
//! same time one happens and the other is told that it did not.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, ToSql, named_params, params, params_from_iter};

use super::execution::Room;
use super::job::{Failure, ResultFile};
use super::job_list::{Filter, JobReference};
use super::{Job, JobId, Moment, Owner, Phase};
use crate::dali::Parameters;
use crate::people::{Allowance, Resource};
use crate::{Error, Result, sqlite_file};

const STEPS: [&str; 2] = [
    "
CREATE TABLE job (
    id            TEXT PRIMARY KEY,
    owner         TEXT,
    run_id        TEXT,
    phase         TEXT NOT NULL,
    created       INTEGER NOT NULL,
    queued        INTEGER,
    started       INTEGER,
    ended         INTEGER,
    execution_s   INTEGER NOT NULL,
    destruction   INTEGER NOT NULL,
    tries         INTEGER NOT NULL DEFAULT 0,
    parameters    TEXT NOT NULL,
    error         TEXT,
    is_transient  INTEGER,
    content_type  TEXT,
    file_name     TEXT,
    n_bytes       INTEGER,
    n_rows        INTEGER,
    overflows     INTEGER,
    catalog_version TEXT
);
CREATE INDEX job_by_owner ON job (owner, created);
CREATE INDEX job_by_turn ON job (queued) WHERE phase = 'QUEUED';
CREATE INDEX job_by_destruction ON job (destruction);
",
    "
CREATE INDEX job_at_work ON job (owner, phase) WHERE phase IN ('QUEUED', 'EXECUTING');
",
];

/// What became of the jobs that the last service left executing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recovered {
    /// Jobs that go back to the queue.
    pub begun_again: usize,
    /// Jobs that have been tried often enough.
    pub given_up: usize,
}

impl Recovered {
    /// Were there any?
    pub fn any(self) -> bool {
        self.begun_again + self.given_up > 0
    }
}

/// The store; cheap to clone. Its calls do not hold up the threads that speak with callers.
#[derive(Debug, Clone)]
pub struct JobStore(Arc<Mutex<Connection>>);

impl JobStore {
    /// Open the file at `path`, which is made where it is absent.
    ///
    /// # Errors
    /// It cannot be written to, or is of another format.
    pub fn open(path: &Path) -> Result<Self> {
        let connection = sqlite_file::open(path, &STEPS)?;
        Ok(Self(Arc::new(Mutex::new(connection))))
    }

    /// Do `work` with the connection, on a thread that may wait for the disk.
    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        let store = self.clone();
        let done = tokio::task::spawn_blocking(move || store.now(work)).await;
        done.map_err(|error| Error::QueryThread { reason: error.to_string() })?
    }

    /// Do `work` with the connection, here.
    fn now<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        Ok(work(&self.0.lock().unwrap_or_else(PoisonError::into_inner))?)
    }

    /// Add a job.
    pub async fn insert(&self, job: Job) -> Result<()> {
        self.with(move |connection| {
            connection
                .prepare_cached(
                    "INSERT INTO job (id, owner, run_id, phase, created, queued, execution_s,
                        destruction, parameters)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                )?
                .execute(params![
                    job.id.as_str(),
                    job.owner.0,
                    job.run_id,
                    job.phase.as_str(),
                    job.created,
                    (job.phase == Phase::Queued).then_some(job.created),
                    job.execution_duration.as_secs(),
                    job.destruction,
                    job.parameters.to_urlencoded(),
                ])?;
            Ok(())
        })
        .await
    }

    /// Return a job of `owner` that is not past its destruction.
    pub async fn job(&self, id: &JobId, owner: &Owner) -> Result<Option<Job>> {
        let (id, owner) = (id.clone(), owner.clone());
        self.with(move |connection| {
            connection
                .prepare_cached(
                    "SELECT * FROM job WHERE id = ?1 AND owner IS ?2 AND destruction > ?3",
                )?
                .query_row(params![id.as_str(), owner.0, Moment::now()], job)
                .optional()
        })
        .await
    }

    /// List the jobs of `owner` that `filter` lets through.
    pub async fn list(&self, owner: &Owner, filter: Filter) -> Result<Vec<JobReference>> {
        let owner = owner.clone();
        self.with(move |connection| list(connection, owner, &filter)).await
    }

    /// Take a job from PENDING to QUEUED; tell whether it was PENDING.
    pub async fn queue(&self, id: &JobId) -> Result<bool> {
        let sql =
            "UPDATE job SET phase = 'QUEUED', queued = ?2 WHERE id = ?1 AND phase = 'PENDING'";
        self.change(id, sql, vec![Box::new(Moment::now())]).await
    }

    /// Take a job from QUEUED to EXECUTING: of the owner who has fewest that execute, and fewer than
    /// `most` says of that owner, the one that has waited longest.
    pub async fn claim(
        &self,
        most: impl Fn(&Owner) -> u64 + Send + 'static,
    ) -> Result<Option<Job>> {
        self.with(move |connection| {
            let owners: Vec<(Owner, u64)> = connection
                .prepare_cached(
                    "SELECT owner, COUNT(*) FILTER (WHERE phase = 'EXECUTING') AS at_work,
                            MIN(queued) FILTER (WHERE phase = 'QUEUED') AS first
                     FROM job WHERE phase IN ('QUEUED', 'EXECUTING')
                     GROUP BY owner HAVING first IS NOT NULL ORDER BY at_work, first",
                )?
                .query_map([], |row| Ok((Owner(row.get(0)?), row.get(1)?)))?
                .collect::<rusqlite::Result<_>>()?;
            let next = owners.into_iter().find(|(owner, at_work)| *at_work < most(owner));
            let Some((owner, _)) = next else { return Ok(None) };
            connection
                .prepare_cached(
                    "UPDATE job SET phase = 'EXECUTING', started = ?1, tries = tries + 1
                     WHERE id = (SELECT id FROM job WHERE phase = 'QUEUED' AND owner IS ?2
                                 ORDER BY queued, rowid LIMIT 1)
                     RETURNING *",
                )?
                .query_row(params![Moment::now(), owner.0], job)
                .optional()
        })
        .await
    }

    /// The place of a QUEUED job among those that wait, from 1 on, if none comes and none ends.
    pub async fn place(&self, id: &JobId) -> Result<Option<u64>> {
        let id = id.clone();
        self.with(move |connection| {
            connection
                .prepare_cached(
                    "WITH waiting AS (
                        SELECT id, queued, ROW_NUMBER() OVER (PARTITION BY owner ORDER BY queued, rowid)
                            + (SELECT COUNT(*) FROM job AS other
                               WHERE other.phase = 'EXECUTING' AND other.owner IS job.owner) AS round
                        FROM job WHERE phase = 'QUEUED')
                     SELECT COUNT(*) FROM waiting, waiting AS it
                     WHERE it.id = ?1
                       AND (waiting.round, waiting.queued, waiting.id) <= (it.round, it.queued, it.id)",
                )?
                .query_row([id.as_str()], |row| row.get(0))
                .map(|place: u64| (place > 0).then_some(place))
        })
        .await
    }

    /// Count the jobs of `owner` that wait.
    pub async fn n_queued(&self, owner: &Owner) -> Result<u64> {
        let owner = owner.clone();
        self.with(move |connection| {
            connection
                .prepare_cached("SELECT COUNT(*) FROM job WHERE phase = 'QUEUED' AND owner IS ?1")?
                .query_row([owner.0], |row| row.get(0))
        })
        .await
    }

    /// The room that there is for results of `owner`, who may have `allowance`.
    pub async fn room(&self, owner: &Owner, allowance: &Allowance) -> Result<Room> {
        let most = allowance.of(Resource::StoredBytes);
        if most == u64::MAX {
            return Ok(Room { most, taken: 0 });
        }
        let owner = owner.clone();
        let taken = self.with(move |connection| {
            connection
                .prepare_cached("SELECT COALESCE(SUM(n_bytes), 0) FROM job WHERE owner IS ?1")?
                .query_row([owner.0], |row| row.get(0))
        });
        Ok(Room { most, taken: taken.await? })
    }

    /// Take a job from EXECUTING back to QUEUED, where it keeps its place, and do not count the try.
    pub async fn put_back(&self, id: &JobId) -> Result<bool> {
        let sql = "UPDATE job SET phase = 'QUEUED', started = NULL, tries = tries - 1
                   WHERE id = ?1 AND phase = 'EXECUTING'";
        self.change(id, sql, vec![]).await
    }

    /// Take a job from EXECUTING to COMPLETED; tell whether it was EXECUTING.
    pub async fn complete(&self, id: &JobId, result: ResultFile) -> Result<bool> {
        let sql =
            "UPDATE job SET phase = 'COMPLETED', ended = ?2, content_type = ?3, file_name = ?4,
                       n_bytes = ?5, n_rows = ?6, overflows = ?7, catalog_version = ?8
                   WHERE id = ?1 AND phase = 'EXECUTING'";
        let values: Vec<Box<dyn ToSql + Send>> = vec![
            Box::new(Moment::now()),
            Box::new(result.content_type),
            Box::new(result.file_name),
            Box::new(result.n_bytes),
            Box::new(result.n_rows),
            Box::new(result.overflows),
            Box::new(result.catalog_version),
        ];
        self.change(id, sql, values).await
    }

    /// Take a job from EXECUTING to ERROR; tell whether it was EXECUTING.
    pub async fn fail(&self, id: &JobId, failure: Failure) -> Result<bool> {
        let sql = "UPDATE job SET phase = 'ERROR', ended = ?2, error = ?3, is_transient = ?4
                   WHERE id = ?1 AND phase = 'EXECUTING'";
        let values: Vec<Box<dyn ToSql + Send>> = vec![
            Box::new(Moment::now()),
            Box::new(failure.message),
            Box::new(failure.is_transient),
        ];
        self.change(id, sql, values).await
    }

    /// Take a job to ABORTED from any phase in which it is active; tell whether it was in one.
    pub async fn abort(&self, id: &JobId) -> Result<bool> {
        let sql = "UPDATE job SET phase = 'ABORTED', ended = ?2
                   WHERE id = ?1 AND phase IN ('PENDING', 'QUEUED', 'EXECUTING')";
        self.change(id, sql, vec![Box::new(Moment::now())]).await
    }

    /// Forget a job; tell whether it was there.
    pub async fn remove(&self, id: &JobId) -> Result<bool> {
        self.change(id, "DELETE FROM job WHERE id = ?1", vec![]).await
    }

    /// Change when a job is removed.
    pub async fn set_destruction(&self, id: &JobId, destruction: Moment) -> Result<bool> {
        let sql = "UPDATE job SET destruction = ?2 WHERE id = ?1";
        self.change(id, sql, vec![Box::new(destruction)]).await
    }

    /// Change how long a job that has not begun may execute; tell whether it had not.
    pub async fn set_execution_duration(&self, id: &JobId, duration: Duration) -> Result<bool> {
        let sql =
            "UPDATE job SET execution_s = ?2 WHERE id = ?1 AND phase IN ('PENDING', 'QUEUED')";
        self.change(id, sql, vec![Box::new(duration.as_secs())]).await
    }

    /// Change what a PENDING job asks; tell whether it is PENDING.
    pub async fn set_parameters(&self, id: &JobId, parameters: &Parameters) -> Result<bool> {
        let sql = "UPDATE job SET parameters = ?2, run_id = ?3 WHERE id = ?1 AND phase = 'PENDING'";
        let run_id = parameters.first("RUNID").map(str::to_owned);
        let values: Vec<Box<dyn ToSql + Send>> =
            vec![Box::new(parameters.to_urlencoded()), Box::new(run_id)];
        self.change(id, sql, values).await
    }

    /// Name the jobs whose time of destruction has come.
    pub async fn expired(&self) -> Result<Vec<JobId>> {
        self.with(|connection| {
            connection
                .prepare_cached("SELECT id FROM job WHERE destruction <= ?1")?
                .query_map([Moment::now()], |row| read_id(row, "id"))?
                .collect()
        })
        .await
    }

    /// Settle what the last service left EXECUTING when it died: a job goes back to the queue, or
    /// into ERROR where it has been tried `max_tries` times.
    ///
    /// # Errors
    /// The file cannot be written to.
    pub fn recover(&self, max_tries: u32) -> Result<Recovered> {
        self.now(|connection| {
            let given_up = connection.execute(
                "UPDATE job SET phase = 'ERROR', ended = :now, is_transient = 1,
                     error = 'the service was stopped ' || tries ||
                         ' times while this job was executing; it is not tried again'
                 WHERE phase = 'EXECUTING' AND tries >= :max_tries",
                named_params! { ":now": Moment::now(), ":max_tries": max_tries },
            )?;
            let begun_again = connection.execute(
                "UPDATE job SET phase = 'QUEUED', started = NULL WHERE phase = 'EXECUTING'",
                [],
            )?;
            Ok(Recovered { begun_again, given_up })
        })
    }

    /// Count the jobs in each phase in which a job of this service may be.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn count_by_phase(&self) -> Result<Vec<(Phase, u64)>> {
        self.with(|connection| {
            let sql = "SELECT COUNT(*) FROM job WHERE phase = ?1 AND destruction > ?2";
            let mut count = connection.prepare_cached(sql)?;
            let phases = Phase::ALL.into_iter().take_while(|phase| *phase != Phase::Unknown);
            phases
                .map(|phase| {
                    let values = params![phase.as_str(), Moment::now()];
                    Ok((phase, count.query_row(values, |row| row.get(0))?))
                })
                .collect()
        })
        .await
    }

    /// Name the jobs that have a result.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn completed(&self) -> Result<Vec<JobId>> {
        self.now(|connection| {
            connection
                .prepare("SELECT id FROM job WHERE phase = 'COMPLETED'")?
                .query_map([], |row| read_id(row, "id"))?
                .collect()
        })
    }

    /// What the jobs ask that are not at their end.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn active(&self) -> Result<Vec<Parameters>> {
        self.now(|connection| {
            let sql =
                "SELECT parameters FROM job WHERE phase IN ('PENDING', 'QUEUED', 'EXECUTING')";
            let read = |row: &rusqlite::Row<'_>| {
                Ok(Parameters::from_query(&row.get::<_, String>("parameters")?))
            };
            connection.prepare(sql)?.query_map([], read)?.collect()
        })
    }

    /// Apply one statement to one job; tell whether it applied.
    async fn change(
        &self,
        id: &JobId,
        sql: &'static str,
        values: Vec<Box<dyn ToSql + Send>>,
    ) -> Result<bool> {
        let id = id.clone();
        self.with(move |connection| {
            let mut all: Vec<&dyn ToSql> = vec![&id.0];
            all.extend(values.iter().map(|value| value.as_ref() as &dyn ToSql));
            Ok(connection.prepare_cached(sql)?.execute(all.as_slice())? == 1)
        })
        .await
    }
}

fn list(
    connection: &Connection,
    owner: Owner,
    filter: &Filter,
) -> rusqlite::Result<Vec<JobReference>> {
    let mut sql = "SELECT id, phase, run_id, owner, created FROM job
                   WHERE owner IS ? AND destruction > ?"
        .to_owned();
    let mut values: Vec<Value> = vec![owner.0.into(), Moment::now().into()];
    if !filter.phases.is_empty() {
        sql += &format!(" AND phase IN ({})", vec!["?"; filter.phases.len()].join(", "));
        values.extend(filter.phases.iter().map(|phase| Value::from(phase.as_str().to_owned())));
    }
    if let Some(after) = filter.after {
        sql += " AND created > ?";
        values.push(after.into());
    }
    match filter.last {
        Some(last) => {
            sql += " ORDER BY created DESC, rowid DESC LIMIT ?";
            values.push(Value::from(i64::try_from(last).unwrap_or(i64::MAX)));
        }
        None => sql += " ORDER BY created, rowid",
    }
    let reference = |row: &Row<'_>| {
        Ok(JobReference {
            id: read_id(row, "id")?,
            phase: read_phase(row)?,
            run_id: row.get("run_id")?,
            owner: Owner(row.get("owner")?),
            created: row.get("created")?,
        })
    };
    connection.prepare_cached(&sql)?.query_map(params_from_iter(values), reference)?.collect()
}

fn job(row: &Row<'_>) -> rusqlite::Result<Job> {
    let failure = match row.get::<_, Option<String>>("error")? {
        Some(message) => Some(Failure { message, is_transient: row.get("is_transient")? }),
        None => None,
    };
    let result = match row.get::<_, Option<String>>("content_type")? {
        Some(content_type) => Some(ResultFile {
            content_type,
            file_name: row.get("file_name")?,
            n_bytes: row.get("n_bytes")?,
            n_rows: row.get("n_rows")?,
            overflows: row.get("overflows")?,
            catalog_version: row.get("catalog_version")?,
        }),
        None => None,
    };
    Ok(Job {
        id: read_id(row, "id")?,
        owner: Owner(row.get("owner")?),
        run_id: row.get("run_id")?,
        phase: read_phase(row)?,
        created: row.get("created")?,
        started: row.get("started")?,
        ended: row.get("ended")?,
        execution_duration: Duration::from_secs(row.get("execution_s")?),
        destruction: row.get("destruction")?,
        tries: row.get("tries")?,
        parameters: Parameters::from_query(&row.get::<_, String>("parameters")?),
        failure,
        result,
    })
}

fn read_id(row: &Row<'_>, column: &str) -> rusqlite::Result<JobId> {
    Ok(JobId(row.get(column)?))
}

fn read_phase(row: &Row<'_>) -> rusqlite::Result<Phase> {
    let text: String = row.get("phase")?;
    text.parse().map_err(|error| {
        let kind = rusqlite::types::Type::Text;
        rusqlite::Error::FromSqlConversionFailure(0, kind, Box::new(error))
    })
}
