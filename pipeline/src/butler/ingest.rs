//! Taking frames in: from files that a camera or another pipeline wrote to datasets.

mod raw;

use std::path::{Path, PathBuf};

use almagest_storage::checksum::sha256_of_file;

use super::data_id::DataId;
use super::dataset::{DatasetRef, DatasetType, StorageClass};
use super::datastore::{Datastore, StoredFile, io};
use super::dimension::{Dimension, DimensionSet};
use super::format::{ReadInstructions, cameras};
use super::registry::{Footprint, NewDataset, ObservationKind, ObservationRecord};
use super::{Butler, ButlerError};
use crate::camera::{FrameFiles, FrameOptions, camera_of_raw, interpret_frame, read_visits};
use crate::error::{Error, Result};
use crate::fits::HduKind;
use crate::wcs::Wcs;

pub use raw::{RawIngest, raw_dataset_type};

/// Does a file stay where it is, or does the datastore get a copy?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transfer {
    /// It stays, and must stay.
    InPlace,
    /// It is copied, with what belongs to it.
    Copy,
}

/// How frames are taken in.
#[derive(Debug, Clone)]
pub struct FrameIngest<'a> {
    /// The run that will own them.
    pub run: &'a str,
    /// Name of the dataset type.
    pub dataset_type: &'a str,
    /// By copy or in place.
    pub transfer: Transfer,
    /// Facts that override what the frames say of themselves.
    pub facts: &'a FrameOptions,
}

/// One detector of a frame that was taken in.
#[derive(Debug, Clone, PartialEq)]
pub struct IngestedFrame {
    /// Its dataset.
    pub dataset: DatasetRef,
    /// Its visit.
    pub visit: i64,
    /// Its detector.
    pub detector: i32,
}

impl FrameIngest<'_> {
    /// The dataset type that the frames get.
    pub fn dataset_type(&self) -> DatasetType {
        let dimensions = DimensionSet::of(&[Dimension::Visit, Dimension::Detector]);
        DatasetType::new(self.dataset_type, dimensions, StorageClass::Exposure)
    }
}

impl Butler {
    /// Take in the detectors of one frame: their headers are understood, their visits, filters,
    /// detectors and footprints recorded, their files registered. All of them or none; again is no
    /// fault.
    ///
    /// # Errors
    /// Headers that cannot be understood; raw frames of a known camera; a run that holds another image of the visit and detector;
    /// records that contradict.
    pub fn ingest_frames(
        &self,
        files: &FrameFiles,
        ingest: &FrameIngest<'_>,
    ) -> Result<Vec<IngestedFrame>> {
        if let Some(camera) = camera_of_raw(&files.image, &cameras(None)?)? {
            let camera = camera.name().to_owned();
            return Err(Error::RawNotCalibrated { path: files.image.clone(), camera });
        }
        let visits = read_visits(files, ingest.facts)?;
        let corners = corners(files, ingest.facts)?;
        let records: Vec<ObservationRecord> =
            visits.iter().map(|(visit, _)| ObservationRecord::of(visit)).collect();
        self.registry.sync_observations(ObservationKind::Visit, &records)?;
        let footprints: Vec<Footprint> = visits
            .iter()
            .zip(corners)
            .map(|((visit, detector), corners)| Footprint {
                instrument: visit.instrument.clone(),
                visit: visit.visit,
                detector: detector.id,
                corners,
            })
            .collect();
        self.registry.sync_footprints(&footprints)?;
        if let Some((visit, _)) = visits.first() {
            let detectors: Vec<_> = visits.iter().map(|(_, detector)| detector.clone()).collect();
            self.registry.sync_detectors(&visit.instrument, &detectors)?;
        }
        let dataset_type = ingest.dataset_type();
        let mut image: Option<StoredFile> = None;
        let mut datasets = vec![];
        for (index, (visit, detector)) in visits.iter().enumerate() {
            let data_id = DataId::visit_detector(&visit.instrument, visit.visit, detector.id);
            let mut instructions = ReadInstructions::of(files, ingest.facts, index);
            let place = (ingest.run, ingest.transfer);
            // Several detectors share a file.
            let file = match &image {
                Some(file) => file.clone(),
                None => self.take(&files.image, place, &dataset_type, &data_id)?,
            };
            self.take_companions(&mut instructions, place, &dataset_type, &data_id)?;
            image = Some(file.clone());
            let (dataset_type, instructions) = (dataset_type.clone(), json(&instructions)?);
            datasets.push(NewDataset { dataset_type, data_id, file, instructions });
        }
        self.registry.insert(ingest.run, &datasets)?;
        datasets
            .iter()
            .zip(&visits)
            .map(|(new, (visit, detector))| {
                let dataset = self.found(ingest.run, new)?;
                Ok(IngestedFrame { dataset, visit: visit.visit, detector: detector.id })
            })
            .collect()
    }

    /// Take in a file of rows, such as a reference catalog, in place.
    pub fn ingest_table(
        &self,
        run: &str,
        dataset_type: &DatasetType,
        data_id: &DataId,
        path: &Path,
    ) -> Result<DatasetRef> {
        let file = Datastore::in_place(path)?;
        let (dataset_type, data_id) = (dataset_type.clone(), data_id.clone());
        let new = NewDataset { dataset_type, data_id, file, instructions: None };
        self.registry.insert(run, std::slice::from_ref(&new))?;
        self.found(run, &new)
    }

    fn take(
        &self,
        image: &Path,
        (run, transfer): (&str, Transfer),
        dataset_type: &DatasetType,
        data_id: &DataId,
    ) -> Result<StoredFile> {
        match transfer {
            Transfer::InPlace => Datastore::in_place(image),
            Transfer::Copy => {
                // Compressed and plain FITS are told apart by the name.
                let name = image.file_name().unwrap_or_default();
                let path = Datastore::path_of(run, dataset_type, data_id);
                self.copy(image, &path.with_file_name(name))
            }
        }
    }

    fn take_companions(
        &self,
        instructions: &mut ReadInstructions,
        (run, transfer): (&str, Transfer),
        dataset_type: &DatasetType,
        data_id: &DataId,
    ) -> Result<()> {
        let checksums = instructions
            .companions()
            .map(|path| sha256_of_file(path).map_err(|source| io(path, source).into()))
            .collect::<Result<_>>()?;
        let folder = Datastore::path_of(run, dataset_type, data_id);
        let take = |path: &mut Option<PathBuf>| -> Result<()> {
            let Some(from) = path.as_ref() else { return Ok(()) };
            *path = Some(match transfer {
                Transfer::InPlace => from.canonicalize().map_err(|source| io(from, source))?,
                Transfer::Copy => {
                    let to = folder.with_file_name(from.file_name().unwrap_or_default());
                    self.copy(from, &to)?;
                    self.datastore.absolute(&to)
                }
            });
            Ok(())
        };
        let ReadInstructions { weight, mask, psf, sidecar, camera, facts, .. } = instructions;
        for path in [weight, mask, psf, sidecar, camera] {
            take(path)?;
        }
        for path in [&mut facts.weight, &mut facts.mask, &mut facts.psf] {
            take(path)?;
        }
        instructions.checksums = checksums;
        Ok(())
    }

    fn copy(&self, from: &Path, to: &Path) -> Result<StoredFile> {
        self.datastore.add(to, |path| {
            std::fs::copy(from, path).map_err(|source| io(from, source))?;
            Ok(())
        })
    }
}

/// The corners of each detector on the sky.
fn corners(files: &FrameFiles, facts: &FrameOptions) -> Result<Vec<Vec<(f64, f64)>>> {
    let frame = interpret_frame(files, facts)?;
    frame
        .detectors
        .iter()
        .map(|detector| {
            let hdu = &detector.hdu;
            let wcs = Wcs::from_header(&hdu.header).map_err(|source| Error::Wcs {
                path: files.image.clone(),
                hdu: hdu.index,
                source,
            })?;
            let HduKind::Image { nx, ny, .. } = hdu.kind else {
                return Err(Error::NoImage { path: files.image.clone() });
            };
            Ok(wcs.corners(nx, ny).to_vec())
        })
        .collect()
}

fn json(instructions: &ReadInstructions) -> Result<Option<String>> {
    let broken = |error: serde_json::Error| ButlerError::Damaged {
        path: PathBuf::new(),
        reason: error.to_string(),
    };
    Ok(Some(serde_json::to_string(instructions).map_err(broken)?))
}
