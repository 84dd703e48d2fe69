//! The task `isr`: a raw frame becomes a calibrated image, with the calibrations that hold at its time.

use super::calibrate::{calibrations, frame, numbers};
use crate::butler::{ButlerError, Dimension, DimensionSet, StorageClass, Value};
use crate::camera::RawFrame;
use crate::connections::{Connection, Connections, Inputs, Outputs, PipelineTask};
use crate::error::{Error, Result};
use crate::exposure::{DetectorInfo, Exposure};
use crate::isr::{Corrected, Isr, IsrConfig};

const IMAGE: [Dimension; 2] = [Dimension::Visit, Dimension::Detector];
const DETECTOR: [Dimension; 1] = [Dimension::Detector];
const FILTER: [Dimension; 2] = [Dimension::PhysicalFilter, Dimension::Detector];

/// Instrument signature removal as a task.
#[derive(Debug, Clone)]
pub struct IsrTask {
    isr: Isr,
}

impl PipelineTask for IsrTask {
    type Config = IsrConfig;
    const NAME: &'static str = "isr";
    const MEMORY_PER_INPUT_BYTE: f64 = 4.0;

    fn connections() -> Connections {
        Connections {
            dimensions: DimensionSet::of(&IMAGE),
            // Which of them are needed, the settings decide; a lack is told with its setting.
            inputs: vec![
                Connection::one("raw", StorageClass::Raw, &IMAGE),
                frame("bias", &DETECTOR),
                frame("dark", &DETECTOR),
                frame("flat", &FILTER),
                frame("fringe", &FILTER),
                numbers("defects"),
                numbers("photon_transfer"),
                numbers("linearity"),
                numbers("crosstalk"),
                numbers("brighter_fatter_kernel"),
            ],
            outputs: vec![Connection::one("visit_image", StorageClass::Exposure, &IMAGE)],
            is_sequence: false,
        }
    }

    fn new(config: Self::Config) -> Self {
        Self { isr: Isr::new(config) }
    }

    fn run(&self, mut inputs: Inputs) -> Result<Outputs> {
        let calibrations = calibrations(&mut inputs)?;
        let raw = inputs.raws("raw")?.into_iter().next();
        let raw = raw.ok_or_else(|| ButlerError::NoDataset {
            dataset_type: "raw".to_owned(),
            data_id: String::new(),
            collections: "the inputs of the quantum".to_owned(),
        })?;
        let corrected = self.isr.correct(raw, &calibrations)?;
        let mut outputs = Outputs { log: corrected.log.clone(), ..Outputs::default() };
        let exposure = exposure(raw, corrected)?;
        outputs.push("visit_image", Value::Exposure(Box::new(exposure)));
        Ok(outputs)
    }
}

/// The corrected pixels with what is known of the exposure: electrons, the pointing of the header, no zero
/// point.
fn exposure(raw: &RawFrame, corrected: Corrected) -> Result<Exposure> {
    let wcs = raw.nominal_wcs()?.ok_or_else(|| Error::RawFrame {
        path: raw.source.clone(),
        hdu: 0,
        camera: raw.camera.name().to_owned(),
        missing: vec!["an exposure of the sky without a pointing".to_owned()],
    })?;
    Ok(Exposure {
        masked_image: corrected.pixels,
        wcs,
        visit_info: raw.visit_info(),
        photo_calib: None,
        detector: DetectorInfo {
            id: raw.detector.id,
            name: raw.detector.name.clone(),
            gain_e_per_adu: Some(1.0),
            read_noise_e: Some(corrected.read_noise_e),
            saturation_adu: Some(corrected.saturation_e),
        },
        psf_fwhm_hint_px: None,
        psf_model: None,
        warnings: vec![],
        source: raw.source.clone(),
    })
}
