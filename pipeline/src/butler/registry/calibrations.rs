//! Calibrations: datasets that hold for a span of time.
//!
//! Spans are half open, `[begin, end)` in MJD TAI. At one time at most one dataset of a type and
//! data id holds in a collection.

use std::collections::{BTreeMap, HashSet};

use rusqlite::{Connection, OptionalExtension, params};

use super::collections::{CollectionKind, of_kind, register};
use super::{COLUMNS, Fault, Registry, read_dataset};
use crate::butler::ButlerError;
use crate::butler::data_id::DataId;
use crate::butler::dataset::DatasetRef;
use crate::error::Result;

/// A span of time, MJD TAI; the end does not belong to it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Validity {
    /// Begin.
    pub begin_mjd: f64,
    /// End.
    pub end_mjd: f64,
}

impl Validity {
    /// All times.
    pub const ALWAYS: Self = Self { begin_mjd: f64::NEG_INFINITY, end_mjd: f64::INFINITY };
}

impl Registry {
    /// Let datasets hold for a span of time: all of them or none.
    ///
    /// # Errors
    /// [`ButlerError::ValidityOverlap`] where another of the type and data id holds within it.
    pub fn certify(
        &self,
        collection: &str,
        datasets: &[DatasetRef],
        validity: Validity,
    ) -> Result<()> {
        self.change(|connection| {
            let id = register(connection, collection, CollectionKind::Calibration)?;
            for dataset in datasets {
                certify(connection, (id, collection), dataset, validity)?;
            }
            Ok(())
        })
    }

    /// Let no dataset of a type hold within a span of time; what holds beyond it stays. With data
    /// ids, of these only. Returns how many spans ended or were cut.
    pub fn decertify(
        &self,
        collection: &str,
        dataset_type: &str,
        validity: Validity,
        data_ids: Option<&[DataId]>,
    ) -> Result<usize> {
        self.change(|connection| {
            let id = of_kind(connection, collection, CollectionKind::Calibration)?;
            let is_meant = |held: &Held| {
                data_ids.is_none_or(|ids| ids.iter().any(|id| id.to_string() == held.data_id))
            };
            cut(connection, id, dataset_type, validity, &is_meant)
        })
    }

    /// Let these datasets not hold within a span of time; what holds beyond it stays. Returns how many
    /// spans ended or were cut.
    pub fn decertify_datasets(
        &self,
        collection: &str,
        datasets: &[DatasetRef],
        validity: Validity,
    ) -> Result<usize> {
        let mut by_type: BTreeMap<&str, HashSet<i64>> = BTreeMap::new();
        for dataset in datasets {
            by_type.entry(&dataset.dataset_type.name).or_default().insert(dataset.number);
        }
        self.change(|connection| {
            let id = of_kind(connection, collection, CollectionKind::Calibration)?;
            let mut n_spans = 0;
            for (dataset_type, numbers) in &by_type {
                let is_meant = |held: &Held| numbers.contains(&held.dataset_id);
                n_spans += cut(connection, id, dataset_type, validity, &is_meant)?;
            }
            Ok(n_spans)
        })
    }

    /// The calibration of a type and data id that holds at a time, MJD TAI, in a collection.
    pub fn calibration_at(
        &self,
        collection: &str,
        dataset_type: &str,
        data_id: &DataId,
        mjd: f64,
    ) -> Result<Option<DatasetRef>> {
        self.find_calibration(&[collection], dataset_type, data_id, mjd)
    }

    /// The same in the first collection of a search path that has one.
    pub fn find_calibration(
        &self,
        collections: &[&str],
        dataset_type: &str,
        data_id: &DataId,
        mjd: f64,
    ) -> Result<Option<DatasetRef>> {
        let path = self.search_path(collections)?;
        self.with(|connection| {
            let sql = format!(
                "SELECT {COLUMNS} FROM calibration b JOIN dataset d USING (dataset_id)
                 JOIN dataset_type t ON t.dataset_type = d.dataset_type
                 JOIN collection c ON c.collection_id = d.run_id
                 WHERE b.collection_id = ?1 AND b.dataset_type = ?2 AND b.data_id = ?3
                 AND b.begin_mjd <= ?4 AND b.end_mjd > ?4"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            for leaf in path.iter().filter(|leaf| leaf.kind == CollectionKind::Calibration) {
                let row = params![leaf.id, dataset_type, data_id.to_string(), mjd];
                if let Some(found) = statement.query_row(row, read_dataset).optional()? {
                    return Ok(Some(found));
                }
            }
            Ok(None)
        })
    }
}

const INSERT: &str = "INSERT INTO calibration
    (collection_id, dataset_type, data_id, dataset_id, begin_mjd, end_mjd)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

/// A certification as it is recorded.
struct Held {
    calibration_id: i64,
    data_id: String,
    dataset_id: i64,
    begin_mjd: f64,
    end_mjd: f64,
}

/// Cut a span out of the certifications of a type that are meant; return how many were hit.
fn cut(
    connection: &Connection,
    collection_id: i64,
    dataset_type: &str,
    validity: Validity,
    is_meant: &dyn Fn(&Held) -> bool,
) -> Result<usize, Fault> {
    let sql = "SELECT calibration_id, data_id, dataset_id, begin_mjd, end_mjd
        FROM calibration WHERE collection_id = ?1 AND dataset_type = ?2
        AND begin_mjd < ?4 AND end_mjd > ?3";
    let mut statement = connection.prepare(sql)?;
    let row = params![collection_id, dataset_type, validity.begin_mjd, validity.end_mjd];
    let mut hit: Vec<Held> = statement
        .query_map(row, |row| {
            Ok(Held {
                calibration_id: row.get(0)?,
                data_id: row.get(1)?,
                dataset_id: row.get(2)?,
                begin_mjd: row.get(3)?,
                end_mjd: row.get(4)?,
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    hit.retain(is_meant);
    for Held { calibration_id, data_id, dataset_id, begin_mjd, end_mjd } in &hit {
        let delete = "DELETE FROM calibration WHERE calibration_id = ?1";
        connection.execute(delete, [calibration_id])?;
        for (begin_mjd, end_mjd) in [(*begin_mjd, validity.begin_mjd), (validity.end_mjd, *end_mjd)]
        {
            if begin_mjd < end_mjd {
                let row =
                    params![collection_id, dataset_type, data_id, dataset_id, begin_mjd, end_mjd];
                connection.execute(INSERT, row)?;
            }
        }
    }
    Ok(hit.len())
}

fn certify(
    connection: &Connection,
    (id, collection): (i64, &str),
    dataset: &DatasetRef,
    validity: Validity,
) -> Result<(), Fault> {
    let Validity { begin_mjd, end_mjd } = validity;
    let (dataset_type, data_id) = (&dataset.dataset_type.name, dataset.data_id.to_string());
    let sql = "SELECT dataset_id, begin_mjd, end_mjd FROM calibration
        WHERE collection_id = ?1 AND dataset_type = ?2 AND data_id = ?3
        AND begin_mjd < ?5 AND end_mjd > ?4 LIMIT 1";
    let row = params![id, dataset_type, data_id, begin_mjd, end_mjd];
    let there: Option<(i64, f64, f64)> = connection
        .query_row(sql, row, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    match there {
        // The same again, as when a command is repeated.
        Some(same) if same == (dataset.number, begin_mjd, end_mjd) => Ok(()),
        Some((_, begin_mjd, end_mjd)) => Err(ButlerError::ValidityOverlap {
            collection: collection.to_owned(),
            dataset_type: dataset_type.clone(),
            data_id,
            begin_mjd,
            end_mjd,
        }
        .into()),
        None => {
            let row = params![id, dataset_type, data_id, dataset.number, begin_mjd, end_mjd];
            connection.execute(INSERT, row)?;
            Ok(())
        }
    }
}
