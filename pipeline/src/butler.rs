//! The butler: datasets by what they are, never by where they lie. After Rubin's `daf_butler`.
//!
//! ```text
//!   put, ingest ─▶ ┌──────────┐ ◀─ query: visit IN (1..10) AND band = 'r'
//!                  │  butler  │
//!   get, export ◀─ └────┬─────┘
//!                 ┌─────┴──────┐
//!              registry     datastore
//!              (SQLite)     (files)
//! ```
//!
//! A *dataset* is one of a *dataset type*, named by a *data id* (values of dimensions) and owned by a
//! *run*. Its file is complete before the registry names it; what the registry does not name is not
//! there. The registry is a file of the catalog beside its metadata, the datastore a folder of it.
//!
//! Everyday operations, and the tests (`tests/it/butler.rs`) that prove them:
//!
//! | `daf_butler` | here | test |
//! |---|---|---|
//! | `Butler.makeRepo`, `Butler(…)` | [`Butler::open`] | `what_is_put_is_got` |
//! | `registry.registerDatasetType` | [`Registry::register_dataset_type`] | `a_type_keeps_its_meaning` |
//! | `put` | [`Butler::put`] | `what_is_put_is_got` |
//! | `get`, `find_dataset`, `exists` | [`Butler::get`], [`Registry::find`] | `what_is_put_is_got` |
//! | `getURI` | [`Butler::path`] | `what_is_put_is_got` |
//! | `ingest`, `ingest-raws` | [`Butler::ingest_frames`] | `frames_are_taken_in_place_or_by_copy` |
//! | `ingest-raws` of raw frames | [`Butler::ingest_raw`], [`Butler::ingest_image`] | `raw_frames_become_rows`, `a_file_is_taken_as_what_its_header_says` |
//! | `registry.insertDimensionData`, `syncDimensionData` | [`Registry::sync_observations`] | `records_are_not_changed` |
//! | `registry.registerCollection`, `registerRun` | [`Registry::register_collection`] | `collections_of_each_kind` |
//! | `registry.setCollectionChain` | [`Registry::set_chain`] | `collections_of_each_kind` |
//! | `registry.associate`, `disassociate` | [`Registry::associate`], [`Registry::disassociate`] | `collections_of_each_kind` |
//! | `registry.certify`, `decertify`, lookup by time | [`Registry::certify`], [`Registry::decertify`], [`Registry::decertify_datasets`], [`Registry::calibration_at`] | `calibrations_hold_for_a_time` |
//! | `query-datasets --where` | [`Registry::query`] | `queries_by_expression`, `queries_by_place_and_time` |
//! | `query-collections`, `query-dataset-types` | [`Registry::collections`], [`Registry::dataset_types`] | `collections_of_each_kind` |
//! | `removeRuns`, `remove-collections` | [`Butler::remove`] | `a_run_is_removed_with_its_files` |
//! | `retrieve-artifacts` | [`Butler::retrieve`] | `datasets_are_retrieved` |
//! | `export`, `import_` | [`Butler::export`], [`Butler::import`] | `an_export_is_imported_elsewhere` |
//! | the registry's tables, for ADQL | [`Registry::table_rows`] | `tables_are_rows` |
//! | images as `ivoa.ObsCore` | [`Registry::obscore_rows`] | `images_are_observations` |
//! | `verify checksums` | [`Butler::verify`] | `damage_is_found` |

mod data_id;
mod dataset;
pub mod datastore;
mod dimension;
mod error;
mod export;
pub mod format;
mod ingest;
mod query;
mod registry;
pub mod tables;

use std::path::PathBuf;

use almagest_storage::CatalogStore;
use almagest_storage::checksum::sha256_of_file;

pub use data_id::{DataId, DataValue};
pub use dataset::{DatasetRef, DatasetType, StorageClass};
pub use dimension::{Dimension, DimensionSet, ValueKind};
pub use error::ButlerError;
pub use format::{MeasuredPsf, ReadInstructions, Value};
pub use ingest::{FrameIngest, IngestedFrame, RawIngest, Transfer, raw_dataset_type};
pub use query::DatasetQuery;
pub use registry::{
    Attempt, Collection, CollectionKind, Footprint, NewDataset, ObservationKind, ObservationRecord,
    QuantumRow, QuantumStatus, Registry, Validity, day_obs,
};

pub(crate) use registry::now;

use crate::error::Result;
use datastore::{Datastore, StoredFile};

/// Registry and datastore of a catalog.
#[derive(Debug)]
pub struct Butler {
    registry: Registry,
    datastore: Datastore,
}

impl Butler {
    /// Open the butler of a catalog; a catalog that has none yet gets one.
    pub fn open(store: &CatalogStore) -> Result<Self> {
        let registry = Registry::open(&store.butler_path())?;
        Ok(Self { registry, datastore: Datastore::new(&store.datasets_path()) })
    }

    /// Let the datastore hold no more than so many bytes.
    pub fn limit(&mut self, quota_bytes: u64) -> Result<()> {
        self.datastore.limit(quota_bytes, self.registry.stored_bytes()?);
        Ok(())
    }

    /// What is registered.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Where the files are.
    pub fn datastore(&self) -> &Datastore {
        &self.datastore
    }

    /// Keep a value as a dataset of a run.
    ///
    /// # Errors
    /// [`ButlerError::DatasetExists`] where the run holds another; a value of another storage class;
    /// a full or failing disk. Nothing is registered then.
    pub fn put(
        &self,
        run: &str,
        dataset_type: &DatasetType,
        data_id: &DataId,
        value: &Value,
    ) -> Result<DatasetRef> {
        if let Some(found) = self.registry.find_in_run(run, &dataset_type.name, data_id)? {
            // Its file must not be touched before it is known that nothing would change.
            return self.put_again(found, value);
        }
        let new = self.write(run, dataset_type, data_id, value)?;
        self.registry.insert(run, std::slice::from_ref(&new))?;
        self.found(run, &new)
    }

    /// Write the file of a dataset that is not registered yet.
    pub(crate) fn write(
        &self,
        run: &str,
        dataset_type: &DatasetType,
        data_id: &DataId,
        value: &Value,
    ) -> Result<NewDataset> {
        let (found, wanted) = (value.storage_class(), dataset_type.storage_class);
        if found != wanted {
            let name = dataset_type.name.clone();
            let (found, wanted) = (wanted.name(), found.name());
            return Err(ButlerError::StorageClass { name, found, wanted }.into());
        }
        let path = Datastore::path_of(run, dataset_type, data_id);
        let file = self.datastore.add(&path, |path| value.write(path))?;
        let (dataset_type, data_id) = (dataset_type.clone(), data_id.clone());
        Ok(NewDataset { dataset_type, data_id, file, instructions: None })
    }

    /// Take a file into the datastore as the dataset of another run: linked where the disk can.
    pub(crate) fn adopt(&self, run: &str, dataset: &DatasetRef) -> Result<NewDataset> {
        let file = if dataset.path.is_absolute() {
            StoredFile {
                path: dataset.path.clone(),
                size_bytes: dataset.size_bytes,
                checksum: dataset.checksum.clone(),
            }
        } else {
            let from = self.path(dataset)?;
            let path = Datastore::path_of(run, &dataset.dataset_type, &dataset.data_id);
            self.datastore.add(&path, |to| {
                // What a killed process left under the temporary name.
                let _ = std::fs::remove_file(to);
                let linked = std::fs::hard_link(&from, to);
                linked
                    .or_else(|_| std::fs::copy(&from, to).map(drop))
                    .map_err(|source| datastore::io(to, source).into())
            })?
        };
        if file.checksum != dataset.checksum {
            let reason = "its content is not what was registered".to_owned();
            return Err(ButlerError::Damaged { path: self.path(dataset)?, reason }.into());
        }
        let (dataset_type, data_id) = (dataset.dataset_type.clone(), dataset.data_id.clone());
        Ok(NewDataset { dataset_type, data_id, file, instructions: dataset.instructions.clone() })
    }

    fn put_again(&self, found: DatasetRef, value: &Value) -> Result<DatasetRef> {
        let again = format!("again/{}", found.run);
        let new = self.write(&again, &found.dataset_type, &found.data_id, value)?;
        self.datastore.remove(&new.file.path, new.file.size_bytes)?;
        if new.file.checksum == found.checksum {
            return Ok(found);
        }
        let (run, dataset_type) = (found.run, found.dataset_type.name);
        let data_id = found.data_id.to_string();
        Err(ButlerError::DatasetExists { run, dataset_type, data_id }.into())
    }

    fn found(&self, run: &str, new: &NewDataset) -> Result<DatasetRef> {
        let found = self.registry.find_in_run(run, &new.dataset_type.name, &new.data_id)?;
        found.ok_or_else(|| {
            ButlerError::NoDataset {
                dataset_type: new.dataset_type.name.clone(),
                data_id: new.data_id.to_string(),
                collections: run.to_owned(),
            }
            .into()
        })
    }

    /// Read a dataset.
    ///
    /// # Errors
    /// A file that is gone, has another size than it had, or cannot be read.
    pub fn get(&self, dataset: &DatasetRef) -> Result<Value> {
        let path = self.path(dataset)?;
        let instructions = self.instructions(dataset)?;
        Value::read(&path, dataset.dataset_type.storage_class, instructions.as_ref())
    }

    /// Where a dataset's file is.
    ///
    /// # Errors
    /// A file that is gone or has another size than it had.
    pub fn path(&self, dataset: &DatasetRef) -> Result<PathBuf> {
        self.datastore.check_size(&dataset.path, dataset.size_bytes)
    }

    /// How a dataset is read where its file does not tell.
    pub fn instructions(&self, dataset: &DatasetRef) -> Result<Option<ReadInstructions>> {
        let damaged = |error: serde_json::Error| ButlerError::Damaged {
            path: dataset.path.clone(),
            reason: format!("its reading instructions: {error}"),
        };
        let parsed = dataset.instructions.as_deref().map(serde_json::from_str).transpose();
        Ok(parsed.map_err(damaged)?)
    }

    /// Copy the files of datasets into a folder; return where each went.
    pub fn retrieve(
        &self,
        datasets: &[DatasetRef],
        folder: &std::path::Path,
    ) -> Result<Vec<PathBuf>> {
        let mut paths = vec![];
        for dataset in datasets {
            let from = self.path(dataset)?;
            let name = Datastore::path_of(&dataset.run, &dataset.dataset_type, &dataset.data_id);
            let mut to = folder.join(name);
            // A file of others keeps the ending that tells its format.
            if let Some(extension) = from.extension().filter(|_| dataset.path.is_absolute()) {
                to.set_extension(extension);
            }
            let parent = to.parent().unwrap_or(folder);
            std::fs::create_dir_all(parent).map_err(|source| datastore::io(parent, source))?;
            std::fs::copy(&from, &to).map_err(|source| datastore::io(&to, source))?;
            paths.push(to);
        }
        Ok(paths)
    }

    /// Forget a collection; of a run also remove the files, but for those taken in place.
    pub fn remove(&self, collection: &str) -> Result<()> {
        for (path, size_bytes) in self.registry.remove_collection(collection)? {
            self.datastore.remove(&path, size_bytes)?;
        }
        Ok(())
    }

    /// Compare the files of datasets with their checksums; return what is wrong, a line each.
    pub fn verify(&self, datasets: &[DatasetRef]) -> Vec<String> {
        let fault = |dataset: &DatasetRef| match self.path(dataset) {
            Err(error) => Some(error.to_string()),
            Ok(path) => match sha256_of_file(&path) {
                Err(error) => Some(format!("{}: {error}", path.display())),
                Ok(checksum) if checksum == dataset.checksum => None,
                Ok(_) => Some(format!("{}: its content has changed", path.display())),
            },
        };
        datasets.iter().filter_map(fault).collect()
    }
}

/// The name nearest to a misspelt one, if it is near.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    known
        .map(|known| (strsim::normalized_damerau_levenshtein(name, known), known))
        .filter(|(likeness, _)| *likeness > 0.5)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known.to_owned())
}
