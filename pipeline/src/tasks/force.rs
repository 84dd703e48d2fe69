//! The task `force`: the flux of each object on one image, whether it was detected there or not.

use super::columns::{flags, integers, number, numbers};
use super::not_positive;
use crate::butler::{Dimension, DimensionSet, StorageClass, Value};
use crate::catalog::forced_source_rows;
use crate::config::TaskConfig;
use crate::connections::{Connection, Connections, Inputs, Outputs, PipelineTask};
use crate::error::Result;
use crate::forced_photometry::{
    ForcedConfig, ForcedInput, ForcedMeasurement, ForcedTarget, GuideSource, force,
};
use arrow::array::{Array, RecordBatch};

impl TaskConfig for ForcedConfig {
    fn faults(&self) -> Vec<String> {
        not_positive(&[
            ("flag_radius_fwhm", self.flag_radius_fwhm),
            ("psf_flux.radius_fwhm", self.psf_flux.radius_fwhm),
            ("register_radius_px", self.register_radius_px),
        ])
    }
}

/// The task; see the module.
pub struct ForceTask {
    config: ForcedConfig,
}

impl PipelineTask for ForceTask {
    type Config = ForcedConfig;
    const NAME: &'static str = "force";

    fn connections() -> Connections {
        let image = [Dimension::Visit, Dimension::Detector];
        Connections {
            dimensions: DimensionSet::of(&image),
            inputs: vec![
                Connection::one("subtracted_image", StorageClass::Exposure, &image),
                Connection::one("psf", StorageClass::Psf, &image),
                Connection::one("source", StorageClass::Table, &image),
                Connection::one("object_position", StorageClass::Table, &[]),
            ],
            outputs: vec![Connection::one("forced_flux", StorageClass::Table, &image)],
            is_sequence: false,
        }
    }

    fn new(config: Self::Config) -> Self {
        Self { config }
    }

    fn run(&self, mut inputs: Inputs) -> Result<Outputs> {
        let (_, exposure) = inputs.take_exposure("subtracted_image")?;
        let measured = inputs.psf("psf")?;
        let input = ForcedInput {
            image: &exposure.masked_image,
            wcs: &exposure.wcs,
            photo_calib: exposure.photo_calib,
            psf: &measured.psf.model,
            fwhm_px: measured.psf.fwhm_px,
            aperture_correction: measured.aperture_correction,
            guides: guides(inputs.table("source")?.1)?,
        };
        let targets = targets(inputs.table("object_position")?.1)?;
        let forced = force(&input, &targets, &self.config);
        let rows: Vec<&ForcedMeasurement> = forced.measurements.iter().collect();
        let mut outputs = Outputs::default();
        outputs.log.push(format!(
            "{} objects, moved by ({:.3}, {:.3}) px after {} sources",
            rows.len(),
            forced.registration.dx_px,
            forced.registration.dy_px,
            forced.registration.n_sources
        ));
        outputs.push("forced_flux", Value::Table(forced_source_rows(&exposure, &rows)?));
        Ok(outputs)
    }
}

/// The clean sources of an image, by their rows.
fn guides(rows: &RecordBatch) -> Result<Vec<GuideSource>> {
    let (x, y, snr) = (numbers(rows, "x")?, numbers(rows, "y")?, numbers(rows, "snr")?);
    let unclean = [
        flags(rows, "centroid_flag")?,
        flags(rows, "pixelFlags_saturated")?,
        flags(rows, "pixelFlags_edge")?,
    ];
    let primary = flags(rows, "detect_isPrimary")?;
    let is_clean = |row: &usize| {
        primary.value(*row) && unclean.iter().all(|flag| flag.is_valid(*row) && !flag.value(*row))
    };
    let guide =
        |row| GuideSource { x: number(&x, row), y: number(&y, row), snr: number(&snr, row) };
    Ok((0..rows.num_rows()).filter(is_clean).map(guide).collect())
}

fn targets(rows: &RecordBatch) -> Result<Vec<ForcedTarget>> {
    let ids = integers(rows, "objectId")?;
    let (ra, dec) = (numbers(rows, "coord_ra")?, numbers(rows, "coord_dec")?);
    let target =
        |row| ForcedTarget { object_id: ids.value(row), ra: ra.value(row), dec: dec.value(row) };
    Ok((0..rows.num_rows()).map(target).collect())
}
