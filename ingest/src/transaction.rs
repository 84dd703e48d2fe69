//! One change of a catalog: rows of any number of tables become visible together or not at all.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::io::Read;
use std::path::Path;

use almagest_storage::activity::LoggedContribution;
use almagest_storage::schema::{SchemaDef, TableChanges};
use almagest_storage::{
    CatalogStore, CommitPlan, Error as StorageError, PendingFile, Place, Removal, Snapshot,
};
use arrow::array::RecordBatch;

use crate::config::TransactionConfig;
use crate::conform::{Report, conform};
use crate::directors::Directors;
use crate::error::{Error, Result};
use crate::format::read_ahead::for_each_batch;
use crate::format::{self, BadRow, FileRows, OnBadRow, ReadOptions, TableReader};
use crate::origin::Origin;
use crate::place::{is_versioned, place_rows};
use claims::Claims;
use contribution::Contribution;
use flush::{Writing, write_all};
use log::Log;
use rejection::Rejecting;
use savepoint::Savepoint;

mod claims;
mod contribution;
mod contributions;
mod flush;
mod log;
mod rejection;
mod rehearsal;
mod removals;
mod savepoint;
mod tables;
mod tally;
mod written_ids;

pub use contributions::Contributed;
pub use rehearsal::{Forecast, Rehearsal};
pub use rejection::Rejected;
pub use tally::Tally;

/// Rows on their way into a catalog.
///
/// Appends check and place rows; what exceeds the buffer goes to files that no version sees.
/// [`commit`](Self::commit) makes everything visible as one version. Dropping the transaction, or
/// losing the process, leaves the catalog as it was.
pub struct Transaction {
    store: CatalogStore,
    snapshot: Snapshot,
    config: TransactionConfig,
    /// The tables as they will be after the commit.
    schema: SchemaDef,
    changes: TableChanges,
    /// Rows of the catalog that go, with the exact names of their tables.
    removals: Vec<(String, Removal)>,
    /// By exact name of the table.
    contributions: BTreeMap<String, Contribution>,
    /// Rows that are on their way to files, oldest first.
    writing: VecDeque<Writing>,
    directors: Directors,
    state: State,
    savepoint: Savepoint,
    /// By key.
    contributed: BTreeMap<String, LoggedContribution>,
    rejecting: Option<Rejecting>,
    /// None where nothing is written, and the log neither.
    log: Option<Log>,
}

/// How often rows are being written at once, at most: where one is sorted by one core, the other is encoded.
const MOST_WRITING: usize = 2;

/// Can the transaction be committed?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// Rows that the caller meant to add are missing.
    Incomplete,
    /// So are rows of before the savepoint, to which no way leads back.
    IncompleteForGood,
}

/// What a commit made visible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitReport {
    /// The version in which the rows are visible.
    pub version: u64,
    /// Rows, and what conforming changed in them, by table.
    pub tables: BTreeMap<String, Report>,
    /// Rows that were visible before and are no more, by table.
    pub removed: BTreeMap<String, u64>,
    /// Rows that did not fit, where they are rejected.
    pub rejected: Rejected,
}

impl CommitReport {
    /// Return the number of rows over all tables.
    pub fn n_rows(&self) -> u64 {
        self.tables.values().map(|report| report.n_rows).sum()
    }
}

impl Transaction {
    /// Begin on the newest version of a catalog.
    pub fn begin(store: &CatalogStore) -> Result<Self> {
        Self::begin_with(store, TransactionConfig::default())
    }

    /// Begin on the newest version of a catalog, with options.
    pub fn begin_with(store: &CatalogStore, config: TransactionConfig) -> Result<Self> {
        let version = store.newest_version()?;
        let log = Log::begin(store, &config.author, version)?;
        Self::on_newest(store, config, Some(log))
    }

    /// Begin with a log; without one, rows are counted and not written.
    fn on_newest(
        store: &CatalogStore,
        config: TransactionConfig,
        log: Option<Log>,
    ) -> Result<Self> {
        let snapshot = store.snapshot()?;
        let rejecting = Rejecting::new(&config.on_error)?;
        Ok(Self {
            store: store.clone(),
            schema: snapshot.schema().clone(),
            changes: TableChanges::default(),
            removals: Vec::new(),
            snapshot,
            directors: Directors::new(config.kept_places),
            config,
            contributions: BTreeMap::new(),
            writing: VecDeque::new(),
            state: State::Open,
            savepoint: Savepoint::None,
            contributed: BTreeMap::new(),
            rejecting,
            log,
        })
    }

    /// Append rows to a table: all of the batch, or nothing.
    ///
    /// Children may come before their directors. Ids are compared with those of this transaction
    /// here, with those of the catalog at the commit.
    ///
    /// # Errors
    /// What [`conform`] refuses; ids given twice; rows without a place. The transaction then is as
    /// it was before. Only where rows of earlier calls could not be written (storage errors) it becomes
    /// incomplete.
    pub fn append(&mut self, table: &str, batch: &RecordBatch) -> Result<Report> {
        let origin = Origin::new(format!("rows of {table}"));
        self.append_from(table, batch, &origin)
    }

    /// Append rows as [`append`](Self::append) does; errors name their origin.
    pub fn append_from(
        &mut self,
        table: &str,
        batch: &RecordBatch,
        origin: &Origin,
    ) -> Result<Report> {
        let name = &self.schema.find(table)?.name;
        if self.is_committed(name) {
            self.snapshot.refuse_mounted(name)?;
        }
        if self.rejecting.is_some() {
            return self.append_or_reject(table, batch, origin);
        }
        self.append_all(table, batch, origin)
    }

    /// Append all of the rows, or none.
    fn append_all(&mut self, table: &str, batch: &RecordBatch, origin: &Origin) -> Result<Report> {
        let table = self.schema.find(table)?;
        let (batch, report) = conform(table, batch, origin, &self.config.conform)?;
        if self.config.known_ids_at_once && self.rejecting.is_none() {
            self.refuse_known_ids(table, &batch, origin)?;
        }
        let contribution = self
            .contributions
            .entry(table.name.clone())
            .or_insert_with(|| Contribution::new(table));
        if self.log.is_none() {
            contribution.tally.get_or_insert_default();
        }
        contribution.check_ids(&batch, origin, &self.store)?;
        let (directors, snapshot) = (&mut self.directors, &self.snapshot);
        let find = |director: &str, ids: &[i64]| match director == table.name {
            true => directors.look_up(director, ids, snapshot),
            // Children that it takes files to place wait for each other.
            false => Ok(directors.known(director, ids, snapshot)),
        };
        let chunking = self.store.chunking();
        let places = place_rows(table, &batch, |row| origin.row(row), chunking, find)?;
        contribution.accept(&batch, &places, origin, &report)?;
        self.directors.insert(table, &batch, &places);
        self.flush_excess()?;
        Ok(report)
    }

    /// Place the rows that wait for directors which have come, here or by other commits.
    ///
    /// # Errors
    /// Rows whose director nobody has. The transaction is as it was, and can be given the directors.
    pub fn check_directors(&mut self) -> Result<()> {
        let newest = self.store.snapshot()?;
        for contribution in self.contributions.values_mut() {
            contribution.settle(&mut self.directors, &newest)?;
        }
        match self.rejecting {
            Some(_) => Ok(()),
            None => self.contributions.values().try_for_each(Contribution::check_settled),
        }
    }

    /// Append all rows of a file.
    ///
    /// # Errors
    /// As for [`append_from`](Self::append_from), and where the file cannot be read. The
    /// transaction then is as it was before the file.
    pub fn append_file(
        &mut self,
        table: &str,
        path: &Path,
        options: &ReadOptions,
    ) -> Result<Report> {
        self.schema.find(table)?;
        self.within_savepoint(|this| {
            this.append_rows_of(table, format::read(path, &this.reading(options))?)
        })
    }

    /// Append all rows of a stream: standard input, an answer from the net.
    ///
    /// # Arguments
    /// * `name` - what errors call it; where it ends like a file's name, it tells the format
    ///
    /// # Errors
    /// As for [`append_file`](Self::append_file).
    pub fn append_stream(
        &mut self,
        table: &str,
        stream: impl Read + Send + 'static,
        name: &str,
        options: &ReadOptions,
    ) -> Result<Report> {
        self.schema.find(table)?;
        self.within_savepoint(|this| {
            this.append_rows_of(table, format::read_from(stream, name, &this.reading(options))?)
        })
    }

    /// How files are read: where rows may be rejected, those that cannot be read are.
    fn reading(&self, options: &ReadOptions) -> ReadOptions {
        let on_bad_row = match self.rejecting {
            Some(_) => OnBadRow::Report,
            None => options.on_bad_row,
        };
        ReadOptions { on_bad_row, ..options.clone() }
    }

    fn append_rows_of(&mut self, table: &str, reader: TableReader) -> Result<Report> {
        let mut report = Report::default();
        for_each_batch(reader, |rows| {
            report.merge(&self.append_file_rows(table, rows)?);
            Ok(())
        })?;
        Ok(report)
    }

    /// Append those rows of a batch that could be read, and reject the others.
    fn append_file_rows(&mut self, table: &str, rows: FileRows) -> Result<Report> {
        let FileRows { batch, origin, bad_rows } = rows;
        let mut report = Report::default();
        let mut start = 0;
        for BadRow { index, error } in bad_rows {
            if start < index {
                let between = batch.slice(start, index - start);
                report.merge(&self.append_from(table, &between, &origin.after(start))?);
            }
            self.reject(table, &origin.row(index), error)?;
            start = index + 1;
        }
        // A file without rows has columns to be looked at all the same.
        if start < batch.num_rows() || batch.num_rows() == 0 {
            let rest = batch.slice(start, batch.num_rows() - start);
            report.merge(&self.append_from(table, &rest, &origin.after(start))?);
        }
        Ok(report)
    }

    /// Write the rows that are in memory to files, which no version sees before the commit, and
    /// return what the files of this transaction take, bytes.
    ///
    /// Rows that wait for their directors are not among them.
    ///
    /// # Errors
    /// Storage errors; the transaction becomes incomplete.
    pub fn write_out(&mut self) -> Result<u64> {
        self.flush_down_to(0)?;
        let files = self.contributions.values().flat_map(|contribution| &contribution.files);
        Ok(files.map(PendingFile::size_bytes).sum())
    }

    /// Make all appended rows visible as one new version.
    pub fn commit(self) -> Result<CommitReport> {
        self.commit_as("ingest")
    }

    /// Make all appended rows visible as one new version, with a message for people.
    ///
    /// A transaction without rows and changes of tables makes no version. Rows that others committed
    /// since the beginning stand beside these ones, unless both claim one id.
    ///
    /// # Errors
    /// Rows whose director nobody has, ids that the catalog has already, an
    /// [incomplete](Error::Incomplete) transaction, storage errors. The catalog is unchanged then.
    /// Where [`Error::kind`] is a conflict, the same rows may be appended and committed anew.
    pub fn commit_as(mut self, message: &str) -> Result<CommitReport> {
        let result = self.publish(message);
        match &result {
            Ok(report) => {
                tracing::debug!(
                    version = report.version,
                    n_rows = report.n_rows(),
                    message,
                    "committed"
                );
                self.log.iter_mut().for_each(|log| log.committed(message, report.version));
            }
            Err(error) => {
                let reason = error.to_string();
                self.log.iter_mut().for_each(|log| log.aborted(message, Some(&reason)));
            }
        }
        result
    }

    fn publish(&mut self, message: &str) -> Result<CommitReport> {
        if self.state != State::Open {
            return Err(Error::Incomplete);
        }
        self.finish_writing()?;
        let newest = self.store.snapshot()?;
        self.check_tables(&newest)?;
        self.check_frozen_places(&newest)?;
        let directors = self.directors_elsewhere()?;
        for contribution in self.contributions.values_mut() {
            contribution.settle(&mut self.directors, &newest)?;
        }
        self.reject_waiting()?;
        for contribution in self.contributions.values_mut() {
            contribution.check_settled()?;
        }
        let parcels = self.contributions.values_mut().map(Contribution::take_parcel);
        let parcels = parcels.filter_map(Result::transpose).collect::<Result<_>>()?;
        for file in write_all(parcels, &self.store)? {
            if let Some(contribution) = self.contributions.get_mut(file.table()) {
                contribution.files.push(file);
            }
        }
        let removed = self.removed(&newest)?;
        let mut plan = CommitPlan {
            message: message.to_owned(),
            author: std::mem::take(&mut self.config.author),
            removed: removed.files,
            deleted: removed.rows,
            removals: std::mem::take(&mut self.removals),
            directors,
            tables: std::mem::take(&mut self.changes),
            contributions: std::mem::take(&mut self.contributed).into_values().collect(),
            ..CommitPlan::default()
        };
        let (mut tables, mut claims) = (BTreeMap::new(), BTreeMap::new());
        for (name, contribution) in std::mem::take(&mut self.contributions) {
            claims.insert(name.clone(), contribution.claims);
            if contribution.report.n_rows > 0 {
                tables.insert(name, contribution.report);
            }
            plan.added.extend(contribution.files);
        }
        self.rejecting.iter_mut().try_for_each(Rejecting::write)?;
        let version = match plan.is_empty() {
            true => newest.version(),
            false => {
                let committed = self.store.commit(newest.version(), plan);
                committed.map_err(|error| with_row(error, &claims))?
            }
        };
        let rejected = self.rejecting.take().map(Rejecting::keep).unwrap_or_default();
        Ok(CommitReport { version, tables, removed: removed.n_rows, rejected })
    }

    /// Give up: the rows, and the files written for them, are gone when this returns.
    pub fn abort(mut self) {
        self.writing.clear();
        self.log.iter_mut().for_each(|log| log.aborted("", None));
    }

    /// Begin to write rows to files where they exceed their part of the buffer; the others are for those that
    /// are being written. What is left is little, so that tables of like size are written at once.
    fn flush_excess(&mut self) -> Result<()> {
        let part = self.config.buffer_bytes / (MOST_WRITING + 1);
        let buffered: usize = self.contributions.values().map(Contribution::buffered_bytes).sum();
        match buffered > part {
            true => self.begin_writing(part / 4),
            false => Ok(()),
        }
    }

    /// Write the largest contributions to files until the rest has at most `bytes`, or waits for
    /// directors.
    fn flush_down_to(&mut self, bytes: usize) -> Result<()> {
        self.begin_writing(bytes)?;
        self.finish_writing()
    }

    /// Begin to write the largest contributions until the rest has at most `bytes`, or waits for directors,
    /// once there is room for more that is being written.
    fn begin_writing(&mut self, bytes: usize) -> Result<()> {
        self.or_incomplete(|this| {
            for contribution in this.contributions.values_mut() {
                contribution.settle(&mut this.directors, &this.snapshot)?;
            }
            this.finish_all_but(MOST_WRITING - 1)?;
            let mut largest: Vec<&mut Contribution> = this.contributions.values_mut().collect();
            let mut left: usize = largest.iter().map(|c| c.buffered_bytes()).sum();
            largest.sort_by_key(|contribution| std::cmp::Reverse(contribution.placed_bytes()));
            let mut parcels = vec![];
            for contribution in largest {
                if left > bytes && contribution.placed_bytes() > 0 {
                    left -= contribution.placed_bytes();
                    parcels.extend(contribution.take_parcel()?);
                }
            }
            let is_since_savepoint = this.savepoint == Savepoint::Set;
            match Writing::begin(parcels, &this.store, is_since_savepoint) {
                Ok(writing) => this.writing.push_back(writing),
                Err(few) => {
                    this.finish_writing()?;
                    let files = write_all(few, &this.store)?;
                    this.take_files(files, false)?;
                }
            }
            Ok(())
        })
    }

    /// Wait until what was begun is written.
    fn finish_writing(&mut self) -> Result<()> {
        self.finish_all_but(0)
    }

    /// Wait until no more than the last `n_left` are being written.
    fn finish_all_but(&mut self, n_left: usize) -> Result<()> {
        while self.writing.len() > n_left
            && let Some(writing) = self.writing.pop_front()
        {
            let is_before = self.savepoint == Savepoint::Set && !writing.is_since_savepoint;
            let taken = writing.finish().and_then(|files| self.take_files(files, is_before));
            if let Err(error) = taken {
                self.state = match is_before {
                    true => State::IncompleteForGood,
                    false => State::Incomplete,
                };
                return Err(error);
            }
        }
        Ok(())
    }

    /// Do some work; where it fails, rows are missing.
    fn or_incomplete(&mut self, work: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        let result = work(self);
        if result.is_err() && self.state == State::Open {
            self.state = State::Incomplete;
        }
        result
    }

    /// Take files that are written; their ids leave memory.
    ///
    /// # Arguments
    /// * `is_before` - there is a savepoint, and their rows are from before it
    fn take_files(&mut self, files: Vec<PendingFile>, is_before: bool) -> Result<()> {
        for file in files {
            if let Some(contribution) = self.contributions.get_mut(file.table()) {
                contribution.take_file(file, is_before, &self.store, &mut self.directors)?;
            }
        }
        Ok(())
    }

    /// The tables of the catalog that have the directors of this transaction's rows.
    ///
    /// # Errors
    /// A conflict where another commit, made since the beginning, has removed rows of one.
    fn directors_elsewhere(&self) -> Result<Vec<String>> {
        let filled = self.contributions.values().filter(|one| one.report.n_rows > 0);
        let directors = filled.filter_map(|one| Some(one.table.director()?.0.to_owned()));
        let directors: BTreeSet<String> =
            directors.filter(|name| self.is_committed(name)).collect();
        for director in &directors {
            if self.store.has_shrunk_since(director, self.snapshot.version())? {
                let reason = format!("rows of {director} were removed by another commit");
                return Err(StorageError::Conflict { reason }.into());
            }
        }
        Ok(directors.into_iter().collect())
    }

    /// Refuse to place a versioned director where another commit, made since the beginning, did
    /// not: its place was frozen there, and so were its children's.
    fn check_frozen_places(&self, newest: &Snapshot) -> Result<()> {
        if newest.version() == self.snapshot.version() {
            return Ok(());
        }
        let tables = self.contributions.values().map(|contribution| &contribution.table);
        for table in tables.filter(|table| self.is_committed(&table.name)) {
            let look = |ids: &[i64], here: &HashMap<i64, Place>| {
                let there = newest.look_up_ids(&table.name, ids)?;
                match there.iter().find(|(id, place)| here.get(id) != Some(place)) {
                    None => Ok(()),
                    Some((id, _)) => {
                        let reason =
                            format!("{} {id} was first placed by another commit", table.name);
                        Err(StorageError::Conflict { reason }.into())
                    }
                }
            };
            if is_versioned(table) {
                self.directors.each_appended(&table.name, newest, look)?;
            }
        }
        Ok(())
    }
}

/// Name the row in a refusal of an id that the catalog has.
fn with_row(error: StorageError, claims: &BTreeMap<String, Claims>) -> Error {
    let StorageError::DuplicateId { table, column, id, n_more } = error else {
        return error.into();
    };
    match claims.get(&table).and_then(|claims| claims.row(id)) {
        Some(origin) => Error::KnownId { origin, table, column, id, n_more },
        None => StorageError::DuplicateId { table, column, id, n_more }.into(),
    }
}

impl std::fmt::Debug for Transaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transaction")
            .field("base_version", &self.snapshot.version())
            .field("tables", &self.contributions.keys())
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
