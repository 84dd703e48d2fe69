//! The task `load`: all rows of a visit enter the catalog in one transaction.
//!
//! A quantum that was killed after its commit, and before that was recorded, finds its images in
//! the catalog when it runs again, and commits nothing.

use std::collections::HashMap;

use almagest_ingest::Transaction;
use almagest_storage::CatalogStore;
use arrow::array::{Array, AsArray, RecordBatch};
use serde::{Deserialize, Serialize};

use super::columns::{integers, texts};
use crate::butler::{DatasetRef, Dimension, DimensionSet, StorageClass, Value};
use crate::connections::{Connection, Connections, Inputs, Outputs};
use crate::error::{Error, Result};

/// The task; see the module.
#[derive(Debug, Clone, Copy)]
pub struct LoadTask;

/// What a load did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The visit.
    pub visit: i64,
    /// The version in which its rows are visible; none where the catalog had them before.
    pub version: Option<u64>,
    /// Detectors whose rows were added.
    pub detectors: Vec<i64>,
    /// Rows that were added, by table.
    pub rows: std::collections::BTreeMap<String, u64>,
}

impl Receipt {
    /// Rows that were added to a table.
    pub fn n_rows(&self, table: &str) -> usize {
        self.rows.get(table).map_or(0, |rows| usize::try_from(*rows).unwrap_or(usize::MAX))
    }
}

impl LoadTask {
    /// Its name in pipeline files.
    pub const NAME: &'static str = "load";

    /// What it reads and makes.
    pub fn connections() -> Connections {
        let image = [Dimension::Visit, Dimension::Detector];
        let visit = [Dimension::Visit];
        Connections {
            dimensions: DimensionSet::of(&visit),
            inputs: vec![
                Connection::many("visit_detector_row", StorageClass::Table, &image),
                Connection::many("visit_row", StorageClass::Table, &image),
                Connection::many("source", StorageClass::Table, &image),
                Connection::one("object", StorageClass::Table, &visit).optional(),
                Connection::one("forced_source", StorageClass::Table, &visit).optional(),
            ],
            outputs: vec![Connection::one("receipt", StorageClass::Document, &visit)],
            is_sequence: true,
        }
    }

    /// Commit the rows of a visit, unless the catalog holds them.
    ///
    /// # Errors
    /// [`Error::VisitExists`] where the catalog holds another image of the visit and detector;
    /// refusals of the ingest. The catalog is as it was then.
    pub fn run(&self, inputs: &Inputs, store: &CatalogStore) -> Result<(Outputs, Receipt)> {
        let images = inputs.tables("visit_detector_row")?;
        let mut new: Vec<(&DatasetRef, &RecordBatch)> = vec![];
        let mut receipt = Receipt::default();
        let mut known: Option<HashMap<(i64, i64), String>> = None;
        for (dataset, row) in images {
            let visit = integers(row, "visitId")?.value(0);
            let detector = integers(row, "detector")?.value(0);
            receipt.visit = visit;
            let known = match &mut known {
                Some(known) => known,
                None => known.insert(known_images(store, visit)?),
            };
            match known.get(&(visit, detector)) {
                None => {
                    receipt.detectors.push(detector);
                    new.push((dataset, row));
                }
                Some(checksum) if texts(row, "imageChecksum")?.first() == Some(checksum) => {}
                Some(_) => {
                    return Err(Error::VisitExists {
                        path: texts(row, "imageName")?.remove(0).into(),
                        visit,
                        detector: i32::try_from(detector).unwrap_or(i32::MAX),
                    });
                }
            }
        }
        let is_visit_known = known.is_some_and(|known| !known.is_empty());
        if !new.is_empty() {
            commit(inputs, store, &new, is_visit_known, &mut receipt)?;
        }
        let mut outputs = Outputs::default();
        outputs.log.push(match receipt.version {
            Some(version) => format!("version {version}: {:?}", receipt.rows),
            None => "the catalog holds all images of the visit".to_owned(),
        });
        let document = serde_json::to_value(&receipt)
            .map_err(|error| arrow::error::ArrowError::JsonError(error.to_string()))?;
        outputs.push("receipt", Value::Document(document));
        Ok((outputs, receipt))
    }
}

fn commit(
    inputs: &Inputs,
    store: &CatalogStore,
    new: &[(&DatasetRef, &RecordBatch)],
    is_visit_known: bool,
    receipt: &mut Receipt,
) -> Result<()> {
    let is_new = |dataset: &DatasetRef| new.iter().any(|(n, _)| n.data_id == dataset.data_id);
    let mut transaction = Transaction::begin(store)?;
    if !is_visit_known && let Some((_, row)) = inputs.tables("visit_row")?.first() {
        transaction.append("Visit", row)?;
    }
    for (_, row) in new {
        transaction.append("VisitDetector", row)?;
    }
    for (dataset, rows) in inputs.tables("source")? {
        if is_new(dataset) && rows.num_rows() > 0 {
            transaction.append("Source", rows)?;
        }
    }
    for (name, table) in [("object", "Object"), ("forced_source", "ForcedSource")] {
        for (_, rows) in inputs.tables(name)? {
            if rows.num_rows() > 0 {
                transaction.append(table, rows)?;
            }
        }
    }
    let report = transaction.commit_as(&format!("load visit {}", receipt.visit))?;
    receipt.version = Some(report.version);
    receipt.rows = report.tables.into_iter().map(|(name, rows)| (name, rows.n_rows)).collect();
    Ok(())
}

/// The images of a visit that the catalog holds: SHA-256 by visit and detector.
pub(crate) fn known_images(
    store: &CatalogStore,
    visit: i64,
) -> Result<HashMap<(i64, i64), String>> {
    let mut known = HashMap::new();
    let snapshot = store.snapshot()?;
    if snapshot.look_up_ids("Visit", &[visit])?.is_empty() {
        return Ok(known);
    }
    let columns = ["visitId", "detector", "imageChecksum"];
    for rows in snapshot.read_region("VisitDetector", None, Some(&columns))? {
        let (visits, detectors) = (integers(&rows, "visitId")?, integers(&rows, "detector")?);
        let checksums = rows.column(2).as_string::<i32>();
        for row in (0..rows.num_rows()).filter(|row| visits.value(*row) == visit) {
            if checksums.is_valid(row) {
                let key = (visit, detectors.value(row));
                known.insert(key, checksums.value(row).to_owned());
            }
        }
    }
    Ok(known)
}
