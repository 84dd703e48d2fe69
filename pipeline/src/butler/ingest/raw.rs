//! Taking in raw frames: what a camera wrote, named by the camera's model.
//!
//! | kind of exposure | dataset type | data id |
//! |---|---|---|
//! | of the sky | `raw` | instrument, visit, detector |
//! | bias, dark, flat, spot, fe55 | `raw_bias`, `raw_dark`, … | instrument, exposure, detector |
//!
//! An exposure of the sky is a visit of the same number: nothing is taken in several readouts.

use std::path::Path;
use std::sync::Arc;

use super::super::data_id::DataId;
use super::super::dataset::{DatasetType, StorageClass};
use super::super::dimension::{Dimension, DimensionSet};
use super::super::format::{ReadInstructions, cameras};
use super::super::registry::{Footprint, NewDataset, ObservationKind, ObservationRecord};
use super::super::{Butler, day_obs};
use super::{FrameIngest, IngestedFrame, Transfer, json};
use crate::camera::model::{CameraModel, ExposureType, Pointing};
use crate::camera::{FrameFiles, RawFacts, camera_of_raw, raw_of_no_camera, read_raw_facts};
use crate::error::{Error, Result};
use crate::exposure::DetectorInfo;

/// How raw frames are taken in.
#[derive(Debug, Clone)]
pub struct RawIngest<'a> {
    /// The run that will own them.
    pub run: &'a str,
    /// By copy or in place.
    pub transfer: Transfer,
    /// The file of their camera, if it is none of those of the program.
    pub camera: Option<&'a Path>,
}

impl RawIngest<'_> {
    /// The cameras that the frames may be of.
    ///
    /// # Errors
    /// A camera's file that is absent or faulty.
    pub fn cameras(&self) -> Result<Vec<Arc<CameraModel>>> {
        cameras(self.camera)
    }
}

/// Name of the dataset type of raw exposures of a kind.
pub fn raw_dataset_type(kind: ExposureType) -> String {
    match kind {
        ExposureType::Science => "raw".to_owned(),
        kind => format!("raw_{}", kind.name()),
    }
}

impl Butler {
    /// Take in a file as what its headers say that it is: raw, or else calibrated.
    ///
    /// # Errors
    /// Those of [`ingest_raw`](Self::ingest_raw) for what is raw, of
    /// [`ingest_frames`](Self::ingest_frames) for the rest; a raw frame that no camera recognises.
    pub fn ingest_image(
        &self,
        files: &FrameFiles,
        raw: &RawIngest<'_>,
        calibrated: &FrameIngest<'_>,
    ) -> Result<Vec<IngestedFrame>> {
        let cameras = raw.cameras()?;
        if camera_of_raw(&files.image, &cameras)?.is_some() {
            return self.ingest_raw(&files.image, raw);
        }
        let taken = self.ingest_frames(files, calibrated);
        // What cannot be calibrated and looks raw is missing its camera, whatever else it is missing.
        match taken {
            Err(error) => Err(raw_of_no_camera(&files.image, &cameras)?.unwrap_or(error)),
            taken => taken,
        }
    }

    /// Take in the detectors of one raw file. All of them or none; again is no fault.
    ///
    /// # Errors
    /// A header that no camera understands; an exposure of the sky without a pointing; a run that holds
    /// another file of the exposure and detector; records that contradict.
    pub fn ingest_raw(&self, path: &Path, ingest: &RawIngest<'_>) -> Result<Vec<IngestedFrame>> {
        let all = read_raw_facts(path, &cameras(ingest.camera)?)?;
        let records: Vec<(ObservationKind, ObservationRecord)> = all.iter().map(record).collect();
        let footprints: Vec<Footprint> = all
            .iter()
            .filter_map(|facts| footprint(path, facts).transpose())
            .collect::<Result<_>>()?;
        for (kind, record) in records {
            self.registry.sync_observations(kind, &[record])?;
        }
        self.registry.sync_footprints(&footprints)?;
        let mut datasets: Vec<NewDataset> = vec![];
        for (index, facts) in all.iter().enumerate() {
            let instrument = facts.camera.name();
            let info = DetectorInfo {
                id: facts.detector_id,
                name: facts.detector_name.clone(),
                gain_e_per_adu: None,
                read_noise_e: None,
                saturation_adu: None,
            };
            self.registry.sync_detectors(instrument, &[info])?;
            let (number, detector) = (facts.exposure.visit, facts.detector_id);
            let (data_id, dimension) = match facts.exposure.kind {
                ExposureType::Science => {
                    (DataId::visit_detector(instrument, number, detector), Dimension::Visit)
                }
                _ => (DataId::exposure_detector(instrument, number, detector), Dimension::Exposure),
            };
            let dataset_type = DatasetType::new(
                &raw_dataset_type(facts.exposure.kind),
                DimensionSet::of(&[dimension, Dimension::Detector]),
                StorageClass::Raw,
            );
            let mut instructions = ReadInstructions::of_raw(index, ingest.camera);
            let place = (ingest.run, ingest.transfer);
            // Several detectors share a file.
            let file = match datasets.first() {
                Some(first) => first.file.clone(),
                None => self.take(path, place, &dataset_type, &data_id)?,
            };
            self.take_companions(&mut instructions, place, &dataset_type, &data_id)?;
            let instructions = json(&instructions)?;
            datasets.push(NewDataset { dataset_type, data_id, file, instructions });
        }
        self.registry.insert(ingest.run, &datasets)?;
        datasets
            .iter()
            .zip(&all)
            .map(|(new, facts)| {
                let dataset = self.found(ingest.run, new)?;
                let (visit, detector) = (facts.exposure.visit, facts.detector_id);
                Ok(IngestedFrame { dataset, visit, detector })
            })
            .collect()
    }
}

fn record(facts: &RawFacts) -> (ObservationKind, ObservationRecord) {
    let exposure = &facts.exposure;
    let kind = match exposure.kind {
        ExposureType::Science => ObservationKind::Visit,
        _ => ObservationKind::Exposure,
    };
    let record = ObservationRecord {
        instrument: facts.camera.name().to_owned(),
        number: exposure.visit,
        physical_filter: exposure.physical_filter.clone().or_else(|| exposure.band.clone()),
        band: exposure.band.clone().or_else(|| exposure.physical_filter.clone()),
        day_obs: day_obs(exposure.mid_mjd_tai()),
        observation_type: exposure.kind.name().to_owned(),
        exposure_time_s: exposure.exposure_time_s,
        begin_mjd: exposure.start_mjd_tai,
        end_mjd: exposure.end_mjd_tai(),
        ra: exposure.boresight_deg.map(|(ra, _)| ra),
        dec: exposure.boresight_deg.map(|(_, dec)| dec),
        airmass: exposure.airmass,
        target: exposure.target.clone(),
    };
    (kind, record)
}

/// Where a detector saw, as far as the pointing of the header tells; nothing for what saw no sky.
fn footprint(path: &Path, facts: &RawFacts) -> Result<Option<Footprint>> {
    let exposure = &facts.exposure;
    if exposure.kind != ExposureType::Science {
        return Ok(None);
    }
    let (Some((ra_deg, dec_deg)), Some(model)) =
        (exposure.boresight_deg, facts.camera.detector(facts.detector_id))
    else {
        return Err(Error::RawFrame {
            path: path.to_owned(),
            hdu: 0,
            camera: facts.camera.name().to_owned(),
            missing: vec!["an exposure of the sky without a pointing".to_owned()],
        });
    };
    let rotation_deg = exposure.rotation_deg.unwrap_or(0.0);
    let wcs = facts.camera.wcs(model, &Pointing { ra_deg, dec_deg, rotation_deg })?;
    let (nx, ny) = model.size_px;
    Ok(Some(Footprint {
        instrument: facts.camera.name().to_owned(),
        visit: exposure.visit,
        detector: facts.detector_id,
        corners: wcs.corners(nx, ny).to_vec(),
    }))
}
