//! The registry: what datasets, collections, dimension records and quanta there are, in SQLite.
//!
//! ```text
//!   visit ┐ exposure ┐ visit_detector_region ┐             dimension records
//!         └──────────┴───────────┬───────────┘
//!                                ▼ copied at insertion (band, night, times, footprint)
//!   dataset_type ◀── dataset ──▶ collection (runs) ◀── chain
//!                    ▲   ▲  ▲
//!                  tag calib │          quantum ── attempt
//!                            └── quantum_input, dataset.quantum (output)
//! ```
//!
//! A row of `dataset` carries what its data id implies, so that a condition on band, night, time or
//! region is answered from that row. Records are never changed, so that the copies stay true. Places
//! (boxes about caps of unit vectors) and times have R-trees beside them.
//!
//! Write-ahead log and `synchronous=FULL`: what has been recorded survives a power cut.

mod collections;
mod calibrations;
mod datasets;
mod quanta;
mod records;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

pub use calibrations::Validity;
pub use collections::{Collection, CollectionKind};
pub use datasets::NewDataset;
pub use quanta::{Attempt, QuantumRow, QuantumStatus};
pub use records::{Footprint, ObservationKind, ObservationRecord, day_obs};

pub(super) use collections::Leaf;
pub(super) use datasets::{COLUMNS, read_dataset};

use super::ButlerError;
use crate::error::Result;

/// Number of the format of the tables below.
const FORMAT: i64 = 1;

/// How long another process may hold the file.
const PATIENCE: Duration = Duration::from_secs(60);

const TABLES: &str = "
CREATE TABLE butler (key TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;

CREATE TABLE instrument (instrument TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE physical_filter (
    instrument TEXT NOT NULL, physical_filter TEXT NOT NULL, band TEXT NOT NULL,
    PRIMARY KEY (instrument, physical_filter)
) WITHOUT ROWID;
CREATE TABLE detector (
    instrument TEXT NOT NULL, detector INTEGER NOT NULL, full_name TEXT NOT NULL,
    PRIMARY KEY (instrument, detector)
) WITHOUT ROWID;
CREATE TABLE visit (
    instrument TEXT NOT NULL, visit INTEGER NOT NULL,
    physical_filter TEXT, band TEXT, day_obs INTEGER NOT NULL, observation_type TEXT NOT NULL,
    exposure_time REAL NOT NULL, begin_mjd REAL NOT NULL, end_mjd REAL NOT NULL,
    ra REAL, dec REAL, airmass REAL, target TEXT,
    PRIMARY KEY (instrument, visit)
) WITHOUT ROWID;
CREATE TABLE exposure (
    instrument TEXT NOT NULL, exposure INTEGER NOT NULL,
    physical_filter TEXT, band TEXT, day_obs INTEGER NOT NULL, observation_type TEXT NOT NULL,
    exposure_time REAL NOT NULL, begin_mjd REAL NOT NULL, end_mjd REAL NOT NULL,
    ra REAL, dec REAL, airmass REAL, target TEXT,
    PRIMARY KEY (instrument, exposure)
) WITHOUT ROWID;
CREATE TABLE visit_detector_region (
    instrument TEXT NOT NULL, visit INTEGER NOT NULL, detector INTEGER NOT NULL,
    region TEXT NOT NULL, cap_x REAL NOT NULL, cap_y REAL NOT NULL, cap_z REAL NOT NULL,
    cap_radius_deg REAL NOT NULL,
    PRIMARY KEY (instrument, visit, detector)
) WITHOUT ROWID;
CREATE TABLE skymap (skymap TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE patch_region (
    skymap TEXT NOT NULL, tract INTEGER NOT NULL, patch INTEGER NOT NULL,
    region TEXT NOT NULL, cap_x REAL NOT NULL, cap_y REAL NOT NULL, cap_z REAL NOT NULL,
    cap_radius_deg REAL NOT NULL,
    PRIMARY KEY (skymap, tract, patch)
) WITHOUT ROWID;

CREATE TABLE dataset_type (
    dataset_type  TEXT PRIMARY KEY,
    dimensions    TEXT NOT NULL,
    storage_class TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE collection (
    collection_id INTEGER PRIMARY KEY,
    name          TEXT NOT NULL UNIQUE,
    kind          TEXT NOT NULL,
    created_at    TEXT NOT NULL
);
CREATE TABLE chain (
    parent_id INTEGER NOT NULL REFERENCES collection,
    position  INTEGER NOT NULL,
    child_id  INTEGER NOT NULL REFERENCES collection,
    PRIMARY KEY (parent_id, position)
) WITHOUT ROWID;
CREATE TABLE dataset (
    dataset_id   INTEGER PRIMARY KEY,
    uuid         TEXT NOT NULL UNIQUE,
    dataset_type TEXT NOT NULL REFERENCES dataset_type,
    run_id       INTEGER NOT NULL REFERENCES collection,
    data_id      TEXT NOT NULL,
    instrument TEXT, skymap TEXT, band TEXT, physical_filter TEXT, day_obs INTEGER,
    exposure INTEGER, visit INTEGER, detector INTEGER, tract INTEGER, patch INTEGER,
    begin_mjd REAL, end_mjd REAL,
    region TEXT, cap_x REAL, cap_y REAL, cap_z REAL, cap_radius_deg REAL,
    path         TEXT NOT NULL,
    size_bytes   INTEGER NOT NULL,
    checksum     TEXT NOT NULL,
    instructions TEXT,
    quantum_id   INTEGER REFERENCES quantum,
    added_at     TEXT NOT NULL,
    UNIQUE (run_id, dataset_type, data_id)
);
CREATE INDEX dataset_by_visit ON dataset (dataset_type, visit, detector);
CREATE INDEX dataset_by_exposure ON dataset (dataset_type, exposure, detector);
CREATE INDEX dataset_by_night ON dataset (dataset_type, day_obs);
CREATE INDEX dataset_by_detector ON dataset (dataset_type, detector, visit);
CREATE VIRTUAL TABLE dataset_place USING rtree
    (dataset_id, min_x, max_x, min_y, max_y, min_z, max_z);
CREATE VIRTUAL TABLE dataset_time USING rtree (dataset_id, begin_mjd, end_mjd);
CREATE INDEX dataset_by_quantum ON dataset (quantum_id);
CREATE TABLE tag (
    collection_id INTEGER NOT NULL REFERENCES collection,
    dataset_type  TEXT NOT NULL,
    data_id       TEXT NOT NULL,
    dataset_id    INTEGER NOT NULL REFERENCES dataset,
    PRIMARY KEY (collection_id, dataset_type, data_id)
) WITHOUT ROWID;
CREATE TABLE calibration (
    calibration_id INTEGER PRIMARY KEY,
    collection_id  INTEGER NOT NULL REFERENCES collection,
    dataset_type   TEXT NOT NULL,
    data_id        TEXT NOT NULL,
    dataset_id     INTEGER NOT NULL REFERENCES dataset,
    begin_mjd      REAL NOT NULL,
    end_mjd        REAL NOT NULL
);
CREATE INDEX calibration_by_type ON calibration (collection_id, dataset_type, data_id);
CREATE TABLE quantum (
    quantum_id   INTEGER PRIMARY KEY,
    run_id       INTEGER NOT NULL REFERENCES collection,
    task_label   TEXT NOT NULL,
    data_id      TEXT NOT NULL,
    task         TEXT NOT NULL,
    status       TEXT NOT NULL,
    fingerprint  TEXT,
    code_version TEXT NOT NULL,
    UNIQUE (run_id, task_label, data_id)
);
CREATE INDEX quantum_by_fingerprint ON quantum (fingerprint);
CREATE TABLE quantum_input (
    quantum_id INTEGER NOT NULL REFERENCES quantum,
    connection TEXT NOT NULL,
    dataset_id INTEGER NOT NULL REFERENCES dataset,
    PRIMARY KEY (quantum_id, connection, dataset_id)
) WITHOUT ROWID;
CREATE TABLE attempt (
    quantum_id        INTEGER NOT NULL REFERENCES quantum,
    attempt           INTEGER NOT NULL,
    status            TEXT NOT NULL,
    started_at        TEXT NOT NULL,
    seconds           REAL,
    peak_memory_bytes INTEGER,
    log               TEXT NOT NULL DEFAULT '',
    error             TEXT,
    PRIMARY KEY (quantum_id, attempt)
) WITHOUT ROWID;
";

/// An open registry. Threads take turns; other processes may read and write meanwhile.
#[derive(Debug)]
pub struct Registry {
    connection: Mutex<Connection>,
    path: PathBuf,
}

/// A failure inside the registry, before it knows its file.
#[derive(Debug)]
pub(super) enum Fault {
    Sql(rusqlite::Error),
    Butler(ButlerError),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<ButlerError> for Fault {
    fn from(error: ButlerError) -> Self {
        Self::Butler(error)
    }
}

impl Registry {
    /// Open the registry in a file; make it, if there is none.
    ///
    /// # Errors
    /// A file that is no registry, or one of another format.
    pub fn open(path: &Path) -> Result<Self> {
        let database = |source| ButlerError::Database { path: path.to_owned(), source };
        let mut connection = Connection::open(path).map_err(database)?;
        connection.busy_timeout(PATIENCE).map_err(database)?;
        let prepare = |connection: &mut Connection| -> Result<i64, rusqlite::Error> {
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.set_prepared_statement_cache_capacity(64);
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let is_made = transaction
                .query_row("SELECT 1 FROM sqlite_schema WHERE name = 'butler'", [], |_| Ok(()))
                .optional()?
                .is_some();
            if !is_made {
                transaction.execute_batch(TABLES)?;
                transaction.execute("INSERT INTO butler VALUES ('format', ?1)", [FORMAT])?;
            }
            let format = "SELECT value FROM butler WHERE key = 'format'";
            let found = transaction.query_row(format, [], |row| row.get(0))?;
            transaction.commit()?;
            Ok(found)
        };
        let found = prepare(&mut connection).map_err(database)?;
        if found != FORMAT {
            return Err(ButlerError::Format { path: path.to_owned(), found, known: FORMAT }.into());
        }
        Ok(Self { connection: Mutex::new(connection), path: path.to_owned() })
    }

    /// Read, or write one statement.
    pub(super) fn with<T>(&self, act: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T> {
        act(&self.lock()).map_err(|fault| self.error(fault))
    }

    /// Write in one transaction: everything or nothing.
    pub(super) fn change<T>(&self, act: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T> {
        let mut connection = self.lock();
        let change = || {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = act(&transaction)?;
            transaction.commit()?;
            Ok(done)
        };
        change().map_err(|fault| self.error(fault))
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A panic while it was held has rolled its transaction back.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn error(&self, fault: Fault) -> crate::Error {
        match fault {
            Fault::Sql(source) => ButlerError::Database { path: self.path.clone(), source }.into(),
            Fault::Butler(error) => error.into(),
        }
    }
}

/// The time as it is recorded: UTC, ISO 8601.
pub(crate) fn now() -> String {
    hifitime::Epoch::now()
        .map(|epoch| epoch.to_gregorian_str(hifitime::TimeScale::UTC))
        .map(|text| text.trim_end_matches(" UTC").to_owned())
        .unwrap_or_default()
}
