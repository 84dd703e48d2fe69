//! Quanta of the registry: what was to be done, what came of it, from what it was made.

use std::fmt;

use rusqlite::{OptionalExtension, Row, params};

use super::collections::{CollectionKind, register};
use super::datasets::{NewDataset, forget_outputs, insert};
use super::{COLUMNS, Registry, now, read_dataset};
use crate::butler::data_id::DataId;
use crate::butler::dataset::DatasetRef;
use crate::error::Result;

/// What has become of a quantum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum QuantumStatus {
    /// It runs, or ran when its process died.
    Running,
    /// It has made its outputs.
    Successful,
    /// It has made nothing; its last attempt says why.
    Failed,
    /// What it needs was not made.
    Blocked,
}

impl QuantumStatus {
    const ALL: [Self; 4] = [Self::Running, Self::Successful, Self::Failed, Self::Blocked];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Successful => "successful",
            Self::Failed => "failed",
            Self::Blocked => "blocked",
        }
    }
}

impl fmt::Display for QuantumStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A quantum as it is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuantumRow {
    /// Its number in this registry.
    pub number: i64,
    /// The run in which it is.
    pub run: String,
    /// Label of its task in the pipeline.
    pub task_label: String,
    /// Name of its task.
    pub task: String,
    /// Its data id.
    pub data_id: DataId,
    /// What has become of it.
    pub status: QuantumStatus,
    /// SHA-256 of task, code, configuration and inputs: equal ones make equal outputs.
    pub fingerprint: Option<String>,
    /// Version of the program that ran it.
    pub code_version: String,
}

/// One try of a quantum.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    /// Its number, from 1.
    pub number: i64,
    /// How it ended; `running` where its process was killed.
    pub status: String,
    /// When it began, UTC.
    pub started_at: String,
    /// How long it took.
    pub seconds: Option<f64>,
    /// Largest memory of the process up to its end.
    pub peak_memory_bytes: Option<u64>,
    /// What it said, a line each.
    pub log: String,
    /// Why it failed.
    pub error: Option<String>,
}

const QUANTUM: &str = "q.quantum_id, c.name, q.task_label, q.task, q.data_id, q.status,
    q.fingerprint, q.code_version";

fn read_quantum(row: &Row<'_>) -> rusqlite::Result<QuantumRow> {
    let damaged = |column: usize, what: String| {
        rusqlite::Error::InvalidColumnType(column, what, rusqlite::types::Type::Text)
    };
    let (data_id, status): (String, String) = (row.get(4)?, row.get(5)?);
    let known = QuantumStatus::ALL.into_iter().find(|known| known.name() == status);
    Ok(QuantumRow {
        number: row.get(0)?,
        run: row.get(1)?,
        task_label: row.get(2)?,
        task: row.get(3)?,
        data_id: DataId::parse(&data_id).map_err(|part| damaged(4, part))?,
        status: known.ok_or_else(|| damaged(5, status))?,
        fingerprint: row.get(6)?,
        code_version: row.get(7)?,
    })
}

impl Registry {
    /// Record that a quantum begins; return its number and that of the attempt.
    pub fn begin_quantum(
        &self,
        run: &str,
        (task_label, task): (&str, &str),
        data_id: &DataId,
        (fingerprint, code_version): (&str, &str),
    ) -> Result<(i64, i64)> {
        self.change(|connection| {
            let run_id = register(connection, run, CollectionKind::Run)?;
            let sql = "INSERT INTO quantum
                    (run_id, task_label, data_id, task, status, fingerprint, code_version)
                VALUES (?1, ?2, ?3, ?4, 'running', ?5, ?6)
                ON CONFLICT (run_id, task_label, data_id) DO UPDATE SET
                    task = ?4, status = 'running', fingerprint = ?5, code_version = ?6
                RETURNING quantum_id";
            let row =
                params![run_id, task_label, data_id.to_string(), task, fingerprint, code_version];
            let quantum: i64 = connection.query_row(sql, row, |row| row.get(0))?;
            let sql = "INSERT INTO attempt (quantum_id, attempt, status, started_at)
                SELECT ?1, COALESCE(MAX(attempt), 0) + 1, 'running', ?2
                FROM attempt WHERE quantum_id = ?1 RETURNING attempt";
            let attempt = connection.query_row(sql, params![quantum, now()], |row| row.get(0))?;
            Ok((quantum, attempt))
        })
    }

    /// Record what a quantum made, from what, and how: all of it, or nothing. What it made before is
    /// forgotten.
    pub fn complete_quantum(
        &self,
        run: &str,
        quantum: i64,
        attempt: &Attempt,
        inputs: &[(String, i64)],
        outputs: &[NewDataset],
    ) -> Result<()> {
        self.change(|connection| {
            forget_outputs(connection, quantum)?;
            insert(connection, run, outputs, Some(quantum))?;
            let delete = "DELETE FROM quantum_input WHERE quantum_id = ?1";
            connection.execute(delete, [quantum])?;
            let sql = "INSERT OR IGNORE INTO quantum_input VALUES (?1, ?2, ?3)";
            let mut statement = connection.prepare_cached(sql)?;
            for (name, dataset) in inputs {
                statement.execute(params![quantum, name, dataset])?;
            }
            end(connection, quantum, QuantumStatus::Successful, attempt)
        })
    }

    /// Record that an attempt has failed.
    pub fn fail_quantum(&self, quantum: i64, attempt: &Attempt) -> Result<()> {
        self.change(|connection| end(connection, quantum, QuantumStatus::Failed, attempt))
    }

    /// Record that a quantum cannot begin.
    pub fn block_quantum(
        &self,
        run: &str,
        (task_label, task): (&str, &str),
        data_id: &DataId,
        code_version: &str,
    ) -> Result<()> {
        self.change(|connection| {
            let run_id = register(connection, run, CollectionKind::Run)?;
            let sql = "INSERT INTO quantum
                    (run_id, task_label, data_id, task, status, code_version)
                VALUES (?1, ?2, ?3, ?4, 'blocked', ?5)
                ON CONFLICT (run_id, task_label, data_id) DO UPDATE SET status = 'blocked'";
            let row = params![run_id, task_label, data_id.to_string(), task, code_version];
            connection.execute(sql, row)?;
            Ok(())
        })
    }

    /// The quanta of a run.
    pub fn quanta(&self, run: &str) -> Result<Vec<QuantumRow>> {
        self.quanta_where("c.name = ?1", run)
    }

    /// A quantum.
    pub fn quantum(&self, number: i64) -> Result<Option<QuantumRow>> {
        self.with(|connection| {
            let sql = format!(
                "SELECT {QUANTUM} FROM quantum q JOIN collection c ON c.collection_id = q.run_id
                 WHERE q.quantum_id = ?1"
            );
            Ok(connection.query_row(&sql, [number], read_quantum).optional()?)
        })
    }

    /// Successful quanta of any run whose outputs must be those of this fingerprint.
    pub fn quanta_of_fingerprint(&self, fingerprint: &str) -> Result<Vec<QuantumRow>> {
        self.quanta_where("q.fingerprint = ?1 AND q.status = 'successful'", fingerprint)
    }

    /// Successful quanta of a task in any run, the newest last.
    pub fn successful_quanta_of_task(&self, task: &str) -> Result<Vec<QuantumRow>> {
        self.quanta_where("q.task = ?1 AND q.status = 'successful'", task)
    }

    fn quanta_where(&self, condition: &str, value: &str) -> Result<Vec<QuantumRow>> {
        self.with(|connection| {
            let sql = format!(
                "SELECT {QUANTUM} FROM quantum q JOIN collection c ON c.collection_id = q.run_id
                 WHERE {condition} ORDER BY q.quantum_id"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let quanta = statement.query_map([value], read_quantum)?;
            Ok(quanta.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// What a quantum was made from: name of the connection, and dataset.
    pub fn inputs_of(&self, quantum: i64) -> Result<Vec<(String, DatasetRef)>> {
        self.with(|connection| {
            let sql = format!(
                "SELECT {COLUMNS}, i.connection FROM quantum_input i
                 JOIN dataset d USING (dataset_id) JOIN dataset_type t USING (dataset_type)
                 JOIN collection c ON c.collection_id = d.run_id
                 WHERE i.quantum_id = ?1 ORDER BY i.connection, d.data_id"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let inputs =
                statement.query_map([quantum], |row| Ok((row.get(12)?, read_dataset(row)?)))?;
            Ok(inputs.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// The attempts at a quantum, in their order.
    pub fn attempts(&self, quantum: i64) -> Result<Vec<Attempt>> {
        self.with(|connection| {
            let sql = "SELECT attempt, status, started_at, seconds, peak_memory_bytes, log, error
                FROM attempt WHERE quantum_id = ?1 ORDER BY attempt";
            let mut statement = connection.prepare_cached(sql)?;
            let attempts = statement.query_map([quantum], |row| {
                Ok(Attempt {
                    number: row.get(0)?,
                    status: row.get(1)?,
                    started_at: row.get(2)?,
                    seconds: row.get(3)?,
                    peak_memory_bytes: row.get(4)?,
                    log: row.get(5)?,
                    error: row.get(6)?,
                })
            })?;
            Ok(attempts.collect::<rusqlite::Result<_>>()?)
        })
    }
}

fn end(
    connection: &rusqlite::Connection,
    quantum: i64,
    status: QuantumStatus,
    attempt: &Attempt,
) -> Result<(), super::Fault> {
    let sql = "UPDATE quantum SET status = ?2 WHERE quantum_id = ?1";
    connection.execute(sql, params![quantum, status.name()])?;
    let sql = "UPDATE attempt SET status = ?3, seconds = ?4, peak_memory_bytes = ?5, log = ?6,
        error = ?7 WHERE quantum_id = ?1 AND attempt = ?2";
    connection.execute(
        sql,
        params![
            quantum,
            attempt.number,
            status.name(),
            attempt.seconds,
            attempt.peak_memory_bytes,
            attempt.log,
            attempt.error
        ],
    )?;
    Ok(())
}
