//! The task `characterize`: a calibrated image becomes a sky-free image, a PSF and sources.

use std::path::Path;

use serde_json::json;

use crate::astrometry::AstrometrySolution;
use crate::butler::{Dimension, MeasuredPsf, StorageClass, Value};
use crate::catalog::{self, MeasuredExposure};
use crate::characterize::{CharacterizeConfig, CharacterizeTask, Characterized, EffectiveTime};
use crate::config::TaskConfig;
use crate::connections::{Connection, Connections, Inputs, Lookup, Outputs, PipelineTask};
use crate::error::{Error, Result};
use crate::exposure::Exposure;
use crate::identifier::SourceIdentity;
use crate::psf::{PsfModel, psfex};
use crate::reference_catalog::ReferenceCatalog;
use crate::tasks::not_positive;

const IMAGE: [Dimension; 2] = [Dimension::Visit, Dimension::Detector];

impl TaskConfig for CharacterizeConfig {
    fn faults(&self) -> Vec<String> {
        let mut faults = not_positive(&[
            ("background.cell_px", self.background.cell_px as f64),
            ("background.clip_sigma", self.background.clip_sigma),
            ("cosmic_rays.min_sigma", self.cosmic_rays.min_sigma),
            ("cosmic_rays.laplacian_sigma", self.cosmic_rays.laplacian_sigma),
            ("default_fwhm_px", self.default_fwhm_px),
            ("measure.centroid_radius_fwhm", self.measure.centroid_radius_fwhm),
            ("measure.max_shift_fwhm", self.measure.max_shift_fwhm),
            ("measure.psf_flux.radius_fwhm", self.measure.psf_flux.radius_fwhm),
        ]);
        if !(0.0..=1.0).contains(&self.background.min_sky_fraction) {
            let fraction = self.background.min_sky_fraction;
            faults.push(format!("background.min_sky_fraction = {fraction} is not a fraction"));
        }
        faults
    }
}

impl PipelineTask for CharacterizeTask {
    type Config = CharacterizeConfig;
    const NAME: &'static str = "characterize";
    const MEMORY_PER_INPUT_BYTE: f64 = 10.0;

    fn connections() -> Connections {
        Connections {
            dimensions: crate::butler::DimensionSet::of(&IMAGE),
            inputs: vec![
                Connection::one("visit_image", StorageClass::Exposure, &IMAGE),
                Connection::one("reference_catalog", StorageClass::Table, &[])
                    .found_by(Lookup::Prerequisite)
                    .optional(),
            ],
            outputs: vec![
                Connection::one("subtracted_image", StorageClass::Exposure, &IMAGE),
                Connection::one("background", StorageClass::Image, &IMAGE),
                Connection::one("psf", StorageClass::Psf, &IMAGE),
                Connection::one("source", StorageClass::Table, &IMAGE),
                Connection::one("visit_row", StorageClass::Table, &IMAGE),
                Connection::one("visit_detector_row", StorageClass::Table, &IMAGE),
                Connection::one("image_summary", StorageClass::Document, &IMAGE),
            ],
            is_sequence: false,
        }
    }

    fn new(config: Self::Config) -> Self {
        Self::new(config)
    }

    fn run(&self, mut inputs: Inputs) -> Result<Outputs> {
        let (dataset, mut exposure) = inputs.take_exposure("visit_image")?;
        let given = match &exposure.psf_model {
            Some(path) => given_psf(path, &mut exposure.warnings),
            None => None,
        };
        let mut characterized = self.characterize(&exposure, given.as_ref())?;
        let mut astrometry = None;
        if let Some((stars, Value::Table(rows))) = inputs.all("reference_catalog").first() {
            let stars = ReferenceCatalog::of_rows(&stars.path, rows, &exposure.visit_info.band)?;
            let config = self.config();
            astrometry = fit_wcs(&mut exposure, &mut characterized, &stars, config)?;
            if exposure.photo_calib.is_none() {
                calibrate(&mut exposure, &mut characterized, &stars, config)?;
            }
        }
        let ideal = self.config().fiducial.get(&exposure.visit_info.band);
        let effective_time =
            ideal.and_then(|ideal| EffectiveTime::of(&exposure, &characterized, ideal));
        let image_name = exposure.source.file_name().unwrap_or_default();
        let measured = MeasuredExposure {
            image_name: image_name.to_string_lossy().into_owned(),
            image_checksum: dataset.checksum,
            exposure,
            characterized,
            astrometry,
            effective_time,
        };
        outputs(measured)
    }
}

/// The model in a file of PSFEx; a file that is none is warned of, since the stars may do without.
fn given_psf(path: &Path, warnings: &mut Vec<String>) -> Option<PsfModel> {
    match psfex::read(path) {
        Ok(model) => Some(model),
        Err(error) => {
            warnings.push(format!("PSF model not used: {error}"));
            None
        }
    }
}

/// Fit the world coordinates of an exposure to known stars, and say what came out.
///
/// Without a solution they stay as they are, with a warning, unless one is required.
fn fit_wcs(
    exposure: &mut Exposure,
    characterized: &mut Characterized,
    stars: &ReferenceCatalog,
    config: &CharacterizeConfig,
) -> Result<Option<AstrometrySolution>> {
    if !config.astrometry.enabled {
        return Ok(None);
    }
    match stars.fit_wcs(exposure, characterized, &config.astrometry) {
        Ok(found) => {
            exposure.wcs = found.wcs.clone();
            characterized.place(&found.wcs);
            for (source, _) in &found.used {
                characterized.sources[*source].astrometry_used = true;
            }
            Ok(Some(found))
        }
        Err(source) if config.astrometry.required => {
            Err(Error::Astrometry { path: stars.path().to_owned(), source })
        }
        Err(reason) => {
            exposure.warnings.push(format!("world coordinates of the header kept: {reason}"));
            Ok(None)
        }
    }
}

/// Fit the zero point of an exposure to known stars, and say what came out.
fn calibrate(
    exposure: &mut Exposure,
    characterized: &mut Characterized,
    stars: &ReferenceCatalog,
    config: &CharacterizeConfig,
) -> Result<()> {
    let time = exposure.visit_info.mid_mjd_tai;
    let fitted = stars.fit_zero_point(characterized, time, &config.photometry)?;
    exposure.photo_calib = Some(fitted.photo_calib);
    characterized.calibrate(fitted.photo_calib);
    for &source in &fitted.used {
        characterized.sources[source].photometry_used = true;
    }
    // What was said of the missing zero point holds no longer.
    exposure.warnings.retain(|warning| !warning.contains("no zero point"));
    exposure.warnings.push(format!(
        "zero point {:.3} mag from {} stars of {}, scatter {:.3} mag",
        fitted.photo_calib.zero_point_mag,
        fitted.n_stars,
        stars.path().display(),
        fitted.scatter_mag
    ));
    Ok(())
}

fn outputs(measured: MeasuredExposure) -> Result<Outputs> {
    let (visit, detector) = (measured.exposure.visit_info.visit, measured.exposure.detector.id);
    let n_sources = measured.characterized.sources.len();
    // Blends and empty places follow the sources.
    let n_rows =
        n_sources + measured.characterized.parents.len() + measured.characterized.sky_sources.len();
    let ids = (0..n_rows)
        .map(|counter| SourceIdentity { visit, detector, counter }.to_id())
        .collect::<Result<Vec<_>>>()?;
    let mut outputs = Outputs::default();
    let sources = catalog::source_rows(&measured, &ids)?;
    let row = catalog::with_rows_checksum(&catalog::visit_detector_rows(&[&measured])?, &sources)?;
    let visit_info = &measured.exposure.visit_info;
    outputs.push("source", Value::Table(sources));
    outputs.push("visit_row", Value::Table(catalog::visit_rows(&[visit_info])?));
    outputs.push("visit_detector_row", Value::Table(row));
    let MeasuredExposure {
        mut exposure,
        characterized,
        image_name,
        image_checksum,
        astrometry,
        ..
    } = measured;
    let summary = json!({
        "image": image_name,
        "checksum": image_checksum,
        "warnings": exposure.warnings,
        "n_sources": n_sources,
        "n_footprints": characterized.n_footprints,
        "n_blends": characterized.parents.len(),
        "n_sky_sources": characterized.sky_sources.len(),
        "sky_level_adu": characterized.sky_level,
        "sky_noise_adu": characterized.sky_noise,
        "noise_ratio": characterized.noise_ratio,
        "seeing_arcsec": characterized.seeing_arcsec,
        "n_psf_stars": characterized.psf.stars.len(),
        "n_cosmic_rays": characterized.cosmic_rays.len(),
        "mag_lim": characterized.mag_lim,
    });
    outputs.log = exposure.warnings.clone();
    if let Some(found) = &astrometry {
        outputs.log.push(format!(
            "world coordinates of degree {} from {} stars, scatter {:.1} mas, corners moved by {:.2} arcsec",
            found.degree,
            found.used.len(),
            1e3 * found.offset_std_arcsec,
            found.corner_max_offset_arcsec
        ));
    }
    outputs.log.push(format!(
        "{n_sources} sources, seeing {:.2} arcsec from {} stars",
        characterized.seeing_arcsec,
        characterized.psf.stars.len()
    ));
    outputs.push("image_summary", Value::Document(summary));
    outputs.push("background", Value::Image(characterized.background));
    let psf = MeasuredPsf {
        psf: characterized.psf,
        aperture_correction: characterized.aperture_corrections.psf,
    };
    outputs.push("psf", Value::Psf(Box::new(psf)));
    exposure.masked_image = characterized.image;
    outputs.push("subtracted_image", Value::Exposure(Box::new(exposure)));
    Ok(outputs)
}
