//! The task `load`: all rows of a visit enter the catalog in one transaction, and those that an
//! earlier processing of its images left there go in the same.
//!
//! ```text
//!   image as the catalog has it       nothing
//!   image made anew, or another one   its rows of VisitDetector and Source; that of Visit
//!                                     the objects it gave rise to, unless `associate` keeps them
//!                                     the fluxes of all objects on it
//! ```
//!
//! The commit has the key of the quantum: one that was killed after it, and before that was recorded,
//! finds the key when it runs again, and commits nothing.

use std::collections::BTreeMap;

use almagest_storage::CatalogStore;
use serde::{Deserialize, Serialize};

use super::associate::known_image;
use crate::butler::{Dimension, DimensionSet, StorageClass, Value};
use crate::connections::{Connection, Connections, Inputs, Outputs};
use crate::error::Result;
use change::{Change, Image};

mod change;

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
    pub rows: BTreeMap<String, u64>,
    /// Rows of earlier processing that went, by table.
    #[serde(default)]
    pub removed: BTreeMap<String, u64>,
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
                Connection::one("object_position", StorageClass::Table, &[]).optional(),
                known_image(),
            ],
            outputs: vec![Connection::one("receipt", StorageClass::Document, &visit)],
            is_sequence: true,
        }
    }

    /// Commit the rows of a visit, unless the catalog holds them.
    ///
    /// # Arguments
    /// * `key` - of the commit, unique in the catalog
    ///
    /// # Errors
    /// Refusals of the ingest. The catalog is as it was then.
    pub fn run(
        &self,
        inputs: &Inputs,
        store: &CatalogStore,
        key: &str,
    ) -> Result<(Outputs, Receipt)> {
        let mut receipt = Receipt::default();
        let snapshot = store.snapshot()?;
        let images = Image::all(inputs)?;
        if let Some(image) = images.first() {
            receipt.visit = image.visit;
        }
        if let Some(known) = store.committed_contribution(key)? {
            receipt.version = Some(known.version);
            receipt.detectors = images.iter().map(|image| image.detector).collect();
        } else {
            let change = Change::new(inputs, &images, &snapshot)?;
            if !change.is_empty() {
                change.commit(store, key, &mut receipt)?;
            }
        }
        let mut outputs = Outputs::default();
        outputs.log.push(match receipt.version {
            Some(version) => {
                format!(
                    "version {version}: {:?}, in the place of {:?}",
                    receipt.rows, receipt.removed
                )
            }
            None => "the catalog holds all images of the visit".to_owned(),
        });
        let document = serde_json::to_value(&receipt)
            .map_err(|error| arrow::error::ArrowError::JsonError(error.to_string()))?;
        outputs.push("receipt", Value::Document(document));
        Ok((outputs, receipt))
    }
}
