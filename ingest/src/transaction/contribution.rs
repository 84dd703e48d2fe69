//! What a transaction adds to one table: rows in memory, rows in files, and the ids they claim.

use std::collections::HashMap;
use std::sync::Arc;

use almagest_storage::schema::{TableDef, TableKind};
use almagest_storage::{CatalogStore, Error as StorageError, PendingFile, Place, Snapshot};
use arrow::array::{Array, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use rayon::slice::ParallelSliceMut;

use super::claims::Claims;
use super::flush::Parcel;
use super::tally::Tally;
use crate::conform::Report;
use crate::directors::Directors;
use crate::error::{Error, Result};
use crate::id_map::IdMap;
use crate::origin::{Origin, RowOrigin};
use crate::place::{id_column, ids_are_unique, long_column};

/// Most ids that a message names.
const NAMED_IDS: usize = 5;

/// What a row takes beside its values until it is in a file: its place, and what orders it among the
/// others.
const ORDER_BYTES: usize = 64;
/// What the id of such a row takes in a map that has just grown: of ids that name one row, of directors.
const CLAIM_BYTES: usize = 32;
const DIRECTOR_BYTES: usize = 48;

/// What a transaction adds to one table.
pub(super) struct Contribution {
    pub table: TableDef,
    pub report: Report,
    /// Written, synced, and part of no version.
    pub files: Vec<PendingFile>,
    /// Rows in memory that have their places.
    placed: Vec<(RecordBatch, Vec<Place>)>,
    /// Rows in memory whose director has not come yet.
    waiting: Vec<WaitingRows>,
    /// Size of the rows in memory, bytes.
    placed_bytes: usize,
    waiting_bytes: usize,
    /// Ids of the rows so far, where an id names one row.
    pub claims: Claims,
    /// Takes the rows in the place of files, where nothing is to be written.
    pub tally: Option<Tally>,
    mark: Option<Mark>,
}

/// What there was at a savepoint; while there is one, only what came later is moved.
struct Mark {
    n_files: usize,
    n_placed: usize,
    n_waiting: usize,
    placed_bytes: usize,
    waiting_bytes: usize,
    report: Report,
    tally: Option<Tally>,
}

/// Rows whose director is not known yet.
struct WaitingRows {
    batch: RecordBatch,
    input: Arc<str>,
    /// Numbers of the rows in the input.
    rows: Vec<u64>,
}

impl WaitingRows {
    fn origin(&self, index: usize) -> RowOrigin {
        RowOrigin { input: Arc::clone(&self.input), row: self.rows[index] }
    }
}

impl Contribution {
    pub fn new(table: &TableDef) -> Self {
        Self {
            table: table.clone(),
            report: Report::default(),
            files: Vec::new(),
            placed: Vec::new(),
            waiting: Vec::new(),
            placed_bytes: 0,
            waiting_bytes: 0,
            claims: Claims::default(),
            tally: None,
            mark: None,
        }
    }

    /// Set a savepoint.
    pub fn mark(&mut self) {
        self.claims.mark();
        self.mark = Some(Mark {
            n_files: self.files.len(),
            n_placed: self.placed.len(),
            n_waiting: self.waiting.len(),
            placed_bytes: self.placed_bytes,
            waiting_bytes: self.waiting_bytes,
            report: self.report.clone(),
            tally: self.tally.clone(),
        });
    }

    /// Keep what came after the savepoint.
    pub fn release(&mut self) {
        self.claims.release();
        self.mark = None;
    }

    /// Go back to the savepoint; without one, all of this came after it, and `false` is returned.
    pub fn roll_back(&mut self) -> bool {
        let Some(mark) = self.mark.take() else { return false };
        self.files.truncate(mark.n_files);
        self.placed.truncate(mark.n_placed);
        self.waiting.truncate(mark.n_waiting);
        self.placed_bytes = mark.placed_bytes;
        self.waiting_bytes = mark.waiting_bytes;
        self.report = mark.report;
        self.tally = mark.tally;
        self.claims.roll_back();
        true
    }

    /// Size of the rows in memory that a flush would write, bytes.
    pub fn placed_bytes(&self) -> usize {
        self.placed_bytes - self.mark.as_ref().map_or(0, |mark| mark.placed_bytes)
    }

    /// Size of the rows in memory that came since the savepoint, if there is one, bytes.
    pub fn buffered_bytes(&self) -> usize {
        let marked = self.mark.as_ref().map_or(0, |mark| mark.placed_bytes + mark.waiting_bytes);
        (self.placed_bytes + self.waiting_bytes).saturating_sub(marked)
    }

    /// Give up the rows whose directors have not come; return the origin of each and the id that
    /// it names.
    pub fn give_up_waiting(&mut self) -> Vec<(RowOrigin, i64)> {
        let Some((_, key)) = self.table.director() else { return vec![] };
        let mut given_up = vec![];
        for rows in std::mem::take(&mut self.waiting) {
            let ids = long_column(&rows.batch, key);
            let id = |row| ids.as_ref().map_or(0, |ids| ids.value(row));
            given_up.extend((0..rows.batch.num_rows()).map(|row| (rows.origin(row), id(row))));
        }
        self.waiting_bytes = 0;
        self.report.n_rows -= given_up.len() as u64;
        given_up
    }

    /// Refuse ids that two rows of the transaction would share.
    pub fn check_ids(
        &self,
        batch: &RecordBatch,
        origin: &Origin,
        store: &CatalogStore,
    ) -> Result<()> {
        let Some(ids) = self.unique_ids(batch) else { return Ok(()) };
        let written = self.written_among(ids, store)?;
        let mut rows_of: IdMap<usize> = IdMap::default();
        rows_of.reserve(ids.len());
        let mut first_fault = None;
        let mut n_faults = 0;
        for (row, &id) in ids.iter().enumerate() {
            let earlier = rows_of.insert(id, row).map(|row| origin.row(row));
            let earlier = earlier.or_else(|| self.claims.row_in_memory(id));
            if earlier.is_some() || written.contains_key(&id) {
                n_faults += 1;
                first_fault.get_or_insert((row, id, earlier));
            }
        }
        let Some((row, id, earlier)) = first_fault else { return Ok(()) };
        Err(Error::RepeatedId {
            origin: origin.row(row),
            table: self.table.name.clone(),
            column: self.table.id.clone().unwrap_or_default(),
            id,
            first: earlier.or_else(|| self.claims.row(id)),
            n_more: n_faults - 1,
        })
    }

    /// Return those of `ids` that files of this transaction hold.
    fn written_among(&self, ids: &[i64], store: &CatalogStore) -> Result<HashMap<i64, Place>> {
        let may_be_written = |id: &i64| self.claims.may_be_written(*id);
        let mut suspects: Vec<i64> = ids.iter().copied().filter(may_be_written).collect();
        suspects.sort_unstable();
        let runs = self.files.iter().filter_map(PendingFile::id_run);
        Ok(store.look_up_in_runs(runs, &suspects)?)
    }

    /// Take a file that is written, and let the ids of its rows leave memory.
    ///
    /// # Arguments
    /// * `is_before` - there is a savepoint, and the rows are from before it; no file from after it is there
    pub fn take_file(
        &mut self,
        file: PendingFile,
        is_before: bool,
        store: &CatalogStore,
        directors: &mut Directors,
    ) -> Result<()> {
        let is_unique = ids_are_unique(&self.table);
        let is_director = self.table.kind == TableKind::Director;
        if let Some(run) = file.id_run().filter(|_| is_unique || is_director) {
            let ids = store.ids_of_run(run)?;
            if is_unique {
                let path = || store.root().to_owned();
                let kept = self.claims.written(&ids, store.root());
                kept.map_err(|source| StorageError::Io { path: path(), source })?;
            }
            if is_director {
                directors.written(&self.table.name, run, &ids, is_before);
            }
        }
        self.files.push(file);
        if let Some(mark) = self.mark.as_mut().filter(|_| is_before) {
            mark.n_files = self.files.len();
        }
        Ok(())
    }

    /// Take rows that passed all checks; an error changes nothing.
    pub fn accept(
        &mut self,
        batch: &RecordBatch,
        places: &[Option<Place>],
        origin: &Origin,
        report: &Report,
    ) -> Result<()> {
        let rows = (0..places.len() as u64).map(|index| origin.first_row + index).collect();
        let all = WaitingRows { batch: batch.clone(), input: Arc::clone(&origin.input), rows };
        self.take_parts(part(&self.table, all, places)?);
        if let Some(ids) = self.unique_ids(batch) {
            self.claims.take(ids, origin);
        }
        self.report.merge(report);
        Ok(())
    }

    /// Place waiting rows whose directors have come; all are looked up at once.
    pub fn settle(&mut self, directors: &mut Directors, snapshot: &Snapshot) -> Result<()> {
        let first = self.mark.as_ref().map_or(0, |mark| mark.n_waiting);
        let Some((director, key)) = self.table.director() else { return Ok(()) };
        let keys = self.waiting[first..].iter().filter_map(|rows| long_column(&rows.batch, key));
        let ids: Vec<i64> = keys.flat_map(|keys| keys.values().to_vec()).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let places = look_up_sorted(&ids, |ids| directors.look_up(director, ids, snapshot))?;
        let mut places = places.into_iter();
        for rows in self.waiting.split_off(first) {
            self.waiting_bytes -= row_bytes(&self.table, &rows.batch);
            let here: Vec<Option<Place>> = places.by_ref().take(rows.batch.num_rows()).collect();
            self.take_parts(part(&self.table, rows, &here)?);
        }
        Ok(())
    }

    /// Refuse to go on while rows wait for directors.
    pub fn check_settled(&self) -> Result<()> {
        let Some((director, key)) = self.table.director() else { return Ok(()) };
        let earliest = |rows: &&WaitingRows| rows.rows.first().copied();
        let Some(first) = self.waiting.iter().min_by_key(earliest) else { return Ok(()) };
        let mut ids: Vec<i64> = self
            .waiting
            .iter()
            .filter_map(|rows| long_column(&rows.batch, key))
            .flat_map(|ids| ids.values().to_vec())
            .collect();
        ids.sort_unstable();
        ids.dedup();
        let n_more = ids.len().saturating_sub(NAMED_IDS);
        ids.truncate(NAMED_IDS);
        Err(Error::UnknownDirector {
            origin: first.origin(0),
            director: director.to_owned(),
            column: key.to_owned(),
            ids,
            n_more,
        })
    }

    /// Give away the placed rows in memory, to be written to a file that no version sees. Where nothing is to
    /// be written they are counted.
    pub fn take_parcel(&mut self) -> Result<Option<Parcel>> {
        let n_bytes = self.placed_bytes();
        let n_kept = self.mark.as_ref().map_or(0, |mark| mark.n_placed);
        if self.placed.len() == n_kept {
            return Ok(None);
        }
        let rows = self.placed.split_off(n_kept);
        self.placed_bytes -= n_bytes;
        let parcel = Parcel { table: self.table.clone(), rows, n_bytes };
        let Some(tally) = &mut self.tally else { return Ok(Some(parcel)) };
        let (table, rows) = parcel.joined()?;
        tally.take(&table, rows)?;
        Ok(None)
    }

    fn take_parts(&mut self, (placed, waiting): (Option<PlacedBatch>, Option<WaitingRows>)) {
        if let Some((batch, places)) = placed {
            self.placed_bytes += row_bytes(&self.table, &batch);
            self.placed.push((batch, places));
        }
        if let Some(rows) = waiting {
            self.waiting_bytes += row_bytes(&self.table, &rows.batch);
            self.waiting.push(rows);
        }
    }

    /// Return the ids of a batch if each names one row.
    fn unique_ids<'a>(&self, batch: &'a RecordBatch) -> Option<&'a [i64]> {
        if !ids_are_unique(&self.table) {
            return None;
        }
        id_column(&self.table, batch).map(|ids| &ids.values()[..])
    }
}

/// Look up ids, each once and in their order; return what each has, as they came.
fn look_up_sorted(
    ids: &[i64],
    look_up: impl FnOnce(&[i64]) -> Result<Vec<Option<Place>>>,
) -> Result<Vec<Option<Place>>> {
    let mut rows: Vec<(i64, u32)> = ids.iter().copied().zip(0..).collect();
    rows.par_sort_unstable();
    let mut sorted: Vec<i64> = rows.iter().map(|(id, _)| *id).collect();
    sorted.dedup();
    let found = look_up(&sorted)?;
    let mut places = vec![None; ids.len()];
    for (rows, place) in rows.chunk_by(|a, b| a.0 == b.0).zip(found) {
        rows.iter().for_each(|(_, row)| places[*row as usize] = place);
    }
    Ok(places)
}

type PlacedBatch = (RecordBatch, Vec<Place>);

/// Part rows into those that have places and those that go on waiting.
fn part(
    table: &TableDef,
    rows: WaitingRows,
    places: &[Option<Place>],
) -> Result<(Option<PlacedBatch>, Option<WaitingRows>)> {
    let known: Vec<Place> = places.iter().flatten().copied().collect();
    if known.len() == places.len() {
        return Ok(((!known.is_empty()).then_some((rows.batch, known)), None));
    }
    if known.is_empty() {
        return Ok((None, Some(rows)));
    }
    let filter = |mask: BooleanArray| {
        filter_record_batch(&rows.batch, &mask)
            .map_err(|source| Error::Rows { table: table.name.clone(), source })
    };
    let placed = filter(places.iter().map(|place| Some(place.is_some())).collect())?;
    let waiting = filter(places.iter().map(|place| Some(place.is_none())).collect())?;
    let numbers = rows.rows.iter().zip(places).filter(|(_, place)| place.is_none());
    let waiting = WaitingRows {
        batch: waiting,
        input: Arc::clone(&rows.input),
        rows: numbers.map(|(row, _)| *row).collect(),
    };
    Ok((Some((placed, known)), Some(waiting)))
}

/// What rows take until they are in a file, bytes.
fn row_bytes(table: &TableDef, batch: &RecordBatch) -> usize {
    let of_claim = if ids_are_unique(table) { CLAIM_BYTES } else { 0 };
    let of_director = if table.kind == TableKind::Director { DIRECTOR_BYTES } else { 0 };
    size_bytes(batch) + batch.num_rows() * (ORDER_BYTES + of_claim + of_director)
}

/// Return the memory that a batch's rows take, whatever they share with others, bytes.
fn size_bytes(batch: &RecordBatch) -> usize {
    let sizes = batch.columns().iter().map(|column| column.to_data().get_slice_memory_size());
    sizes.map(Result::unwrap_or_default).sum()
}
