//! Rows that do not fit are left out, each with its reason, where the caller wants that.
//!
//! A batch is appended whole. If rows of it do not fit, it is halved and each half appended by
//! itself, in order, down to the rows at fault: n rows with k faults take some k log n attempts, and
//! the answer for each row is the one that it would get alone, after those before it. Rows that
//! could not even be read are left out by the reader.

use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use almagest_storage::schema::TableDef;
use arrow::array::RecordBatch;

use super::Transaction;
use crate::config::OnError;
use crate::conform::Report;
use crate::error::{Error, Result, ValueProblem};
use crate::new_file::create_new;
use crate::origin::{Origin, RowOrigin};
use crate::place::{id_column, ids_are_unique};

/// Rows that were left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rejected {
    /// How many, by the kind of their fault.
    pub by_kind: BTreeMap<String, u64>,
}

impl Rejected {
    /// Return the number of rows.
    pub fn n_rows(&self) -> u64 {
        self.by_kind.values().sum()
    }
}

/// Counts rejected rows and writes them to a file, which is removed if nothing comes of the transaction.
#[derive(Debug)]
pub(super) struct Rejecting {
    pub rejected: Rejected,
    file: Option<(PathBuf, csv::Writer<File>)>,
    is_kept: bool,
}

impl Rejecting {
    pub fn new(on_error: &OnError) -> Result<Option<Self>> {
        let path = match on_error {
            OnError::Abort => return Ok(None),
            OnError::Reject { file } => file,
        };
        let file = match path {
            Some(path) => {
                let error = |source| Error::Io { path: path.clone(), source };
                let new = create_new(path).map_err(error)?;
                let mut writer = csv::Writer::from_writer(new);
                writer
                    .write_record(["input", "row", "table", "kind", "reason"])
                    .map_err(|source| error(source.into()))?;
                Some((path.clone(), writer))
            }
            None => None,
        };
        Ok(Some(Self { rejected: Rejected::default(), file, is_kept: false }))
    }

    fn add(&mut self, table: &str, row: &RowOrigin, kind: &str, reason: &str) -> Result<()> {
        *self.rejected.by_kind.entry(kind.to_owned()).or_default() += 1;
        if let Some((path, writer)) = &mut self.file {
            let number = row.row.to_string();
            writer
                .write_record([row.input.as_ref(), number.as_str(), table, kind, reason])
                .map_err(|source| Error::Io { path: path.clone(), source: source.into() })?;
        }
        Ok(())
    }

    /// Write everything to disk, before the others are committed.
    pub fn write(&mut self) -> Result<()> {
        let Some((path, writer)) = &mut self.file else { return Ok(()) };
        writer.flush().map_err(|source| Error::Io { path: path.clone(), source })
    }

    /// Keep the file, as the others are committed, and return the counts.
    pub fn keep(mut self) -> Rejected {
        self.is_kept = true;
        std::mem::take(&mut self.rejected)
    }
}

impl Drop for Rejecting {
    fn drop(&mut self) {
        if let Some((path, _)) = self.file.as_ref().filter(|_| !self.is_kept) {
            // What cannot be removed is refused as a file that is there the next time.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Which rows of a part of a batch have ids that the catalog has.
struct KnownIds {
    /// The number of the part's first row in the batch.
    start: usize,
    /// The id of each row, where it is known.
    ids: Vec<Option<i64>>,
}

impl KnownIds {
    /// Refuse rows of the batch, of which `origin` names the first, if one of them has such an id.
    fn refuse(&self, table: &TableDef, rows: Range<usize>, origin: &Origin) -> Result<()> {
        let ids = &self.ids[rows.start - self.start..rows.end - self.start];
        match ids.iter().enumerate().find_map(|(row, id)| Some((row, (*id)?))) {
            None => Ok(()),
            Some((row, id)) => Err(Error::KnownId {
                origin: origin.row(row),
                table: table.name.clone(),
                column: table.id.clone().unwrap_or_default(),
                id,
                n_more: ids.iter().flatten().count() - 1,
            }),
        }
    }
}

impl Transaction {
    /// Append those rows of a batch that fit.
    pub(super) fn append_or_reject(
        &mut self,
        table: &str,
        batch: &RecordBatch,
        origin: &Origin,
    ) -> Result<Report> {
        let mut report = Report::default();
        let mut parts = vec![(0, batch.num_rows(), None)];
        while let Some((start, length, known)) = parts.pop() {
            let rows = batch.slice(start, length);
            let origin = origin.after(start);
            // They are looked up once, not for each part of a part.
            let known = match known {
                Some(known) => Some(known),
                None => self.known_ids(table, &rows, &origin, start)?,
            };
            let refused = known.as_ref().map_or(Ok(()), |known: &Arc<KnownIds>| {
                known.refuse(self.schema.find(table)?, start..start + length, &origin)
            });
            let attempt = refused.and_then(|()| self.append_all(table, &rows, &origin));
            match attempt {
                Ok(appended) => report.merge(&appended),
                Err(error) => match kind_of(&error) {
                    None => return Err(error),
                    Some(_) if length == 1 => self.reject(table, &origin.row(0), error)?,
                    Some(_) => {
                        // The first half is taken from the end of the list next.
                        let half = length / 2;
                        parts.push((start + half, length - half, known.clone()));
                        parts.push((start, half, known));
                    }
                },
            }
        }
        Ok(report)
    }

    /// Reject a row for a fault of its own.
    ///
    /// # Errors
    /// The fault itself where rows are not rejected, or it is not one of single rows.
    pub(super) fn reject(&mut self, table: &str, row: &RowOrigin, fault: Error) -> Result<()> {
        let (Some(kind), Some(rejecting)) = (kind_of(&fault), &mut self.rejecting) else {
            return Err(fault);
        };
        let reason = fault.to_string();
        let reason = reason.strip_prefix(&row.to_string()).unwrap_or(&reason);
        rejecting.add(table, row, kind, reason.trim_start_matches([':', ',', ' ']))
    }

    /// Find the rows whose ids the catalog has, here rather than at the commit, so that single rows can be
    /// rejected.
    ///
    /// # Arguments
    /// * `start` - the number of the first row in the batch
    fn known_ids(
        &self,
        table: &str,
        rows: &RecordBatch,
        origin: &Origin,
        start: usize,
    ) -> Result<Option<Arc<KnownIds>>> {
        let table = self.schema.find(table)?;
        if !self.decides_ids(table) {
            return Ok(None);
        }
        let Ok((rows, _)) = crate::conform::conform(table, rows, origin, &self.config.conform)
        else {
            return Ok(None);
        };
        let ids = self.known_among(table, &rows)?;
        Ok(ids.map(|ids| Arc::new(KnownIds { start, ids })))
    }

    /// Refuse rows, as the table has them, whose ids the catalog has, here rather than at the commit.
    pub(super) fn refuse_known_ids(
        &self,
        table: &TableDef,
        rows: &RecordBatch,
        origin: &Origin,
    ) -> Result<()> {
        if !self.decides_ids(table) {
            return Ok(());
        }
        match self.known_among(table, rows)? {
            None => Ok(()),
            Some(ids) => KnownIds { start: 0, ids }.refuse(table, 0..rows.num_rows(), origin),
        }
    }

    /// Can it be said before the commit which ids the catalog has? Where rows of the table are removed by this
    /// transaction, the commit decides.
    fn decides_ids(&self, table: &TableDef) -> bool {
        let is_removed = self.removals.iter().any(|(name, _)| *name == table.name);
        ids_are_unique(table) && self.is_committed(&table.name) && !is_removed
    }

    /// The id of each row, where the catalog has it; none for rows without ids.
    fn known_among(
        &self,
        table: &TableDef,
        rows: &RecordBatch,
    ) -> Result<Option<Vec<Option<i64>>>> {
        let Some(ids) = id_column(table, rows) else { return Ok(None) };
        let known = self.snapshot.look_up_ids(&table.name, ids.values())?;
        let known_of = |id: &i64| known.contains_key(id).then_some(*id);
        Ok(Some(ids.values().iter().map(known_of).collect()))
    }

    /// Reject the rows that still wait for a director, as nobody has it.
    pub(super) fn reject_waiting(&mut self) -> Result<()> {
        let Some(rejecting) = &mut self.rejecting else { return Ok(()) };
        for contribution in self.contributions.values_mut() {
            let given_up = contribution.give_up_waiting();
            let table = &contribution.table;
            let Some((director, key)) = table.director() else { continue };
            for (row, id) in given_up {
                let reason = format!("no {director} has {key} {id}");
                rejecting.add(&table.name, &row, "unknown director", &reason)?;
            }
        }
        Ok(())
    }
}

/// Name the kind of a fault of single rows; none for what concerns the whole input.
fn kind_of(error: &Error) -> Option<&'static str> {
    Some(match error {
        Error::Value { problem, .. } => match problem {
            ValueProblem::NotA(_) | ValueProblem::NotGeometry(_) => "wrong type",
            ValueProblem::OutOfRange(_) | ValueProblem::Inexact => "overflow",
            ValueProblem::Absent => "missing value",
            ValueProblem::NotFinite => "not finite",
            ValueProblem::TooLong { .. } => "too long",
            ValueProblem::ZeroDirector => "bad id",
            ValueProblem::BeyondPole => "bad position",
        },
        Error::Cell { .. } | Error::Text { .. } => "unreadable",
        Error::RepeatedId { .. } | Error::KnownId { .. } => "duplicate id",
        Error::NoPlace { .. } => "no place",
        Error::Position { .. } => "bad position",
        _ => return None,
    })
}
