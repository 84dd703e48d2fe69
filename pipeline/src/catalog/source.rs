//! Rows of Source: what was detected on one image, its blends as wholes, and places without a source.

use arrow::array::RecordBatch;
use arrow::error::ArrowError;

use super::MeasuredExposure;
use super::columns::Columns;
use crate::characterize::{Characterized, SourceMeasurement};
use crate::measurement::aperture_flux::RADII_PX;

/// Radius of the aperture whose flux is the calibration flux, pixels.
const CALIBRATION_RADIUS_PX: f64 = 12.0;

/// Make the rows of an exposure: its sources, then its blends, then its empty places, each in their
/// order. `ids` are the ids of all of them.
pub fn source_rows(exposure: &MeasuredExposure, ids: &[i64]) -> Result<RecordBatch, ArrowError> {
    let visit = &exposure.exposure.visit_info;
    let Characterized { sources, parents, sky_sources, .. } = &exposure.characterized;
    let rows: Vec<&SourceMeasurement> = sources.iter().chain(parents).chain(sky_sources).collect();
    let all = || rows.iter();
    // The ids of the blends follow those of the sources.
    let parent_id = |s: &&SourceMeasurement| {
        s.parent.and_then(|index| ids.get(sources.len() + index)).copied().unwrap_or(0)
    };
    let is_sky = |s: &&SourceMeasurement| s.footprint.is_none();
    let sky_noise = exposure.characterized.sky_noise;
    let mut columns = Columns::default();
    columns
        .integers("sourceId", ids.iter().copied())
        .integers("parentSourceId", all().map(parent_id))
        .integers("deblend_nChild", all().map(|s| s.n_children as i64))
        .flags("deblend_skipped", all().map(|_| false))
        .flags("deblend_deblendedAsPsf", all().map(|s| s.deblended_as_point))
        .flags("detect_isPrimary", all().map(|s| s.n_children == 0 && !is_sky(s)))
        .flags("sky_source", all().map(is_sky))
        .integers("visit", all().map(|_| visit.visit))
        .integers("detector", all().map(|_| i64::from(exposure.exposure.detector.id)))
        .texts("band", all().map(|_| Some(visit.band.as_str())))
        .texts("physical_filter", all().map(|_| visit.physical_filter.as_deref()))
        .numbers("coord_ra", all().map(|s| s.ra))
        .numbers("coord_dec", all().map(|s| s.dec))
        .numbers("ra", all().map(|s| s.ra))
        .numbers("dec", all().map(|s| s.dec))
        .numbers("raErr", all().map(|s| s.ra_err))
        .numbers("decErr", all().map(|s| s.dec_err))
        .numbers("ra_dec_Cov", all().map(|s| s.ra_dec_cov))
        .numbers("x", all().map(|s| s.x))
        .numbers("y", all().map(|s| s.y))
        .numbers("xErr", all().map(|s| s.x_err))
        .numbers("yErr", all().map(|s| s.y_err))
        .flags("centroid_flag", all().map(|s| s.centroid_flag()))
        .numbers("snr", all().map(|s| s.snr))
        .numbers("sky", all().map(|s| s.sky * s.njy_per_adu))
        .numbers("skyErr", all().map(|s| sky_noise * s.njy_per_adu))
        .numbers("variance_value", all().map(|s| s.variance))
        .numbers("jacobian_value", all().map(|s| s.jacobian))
        .integers("footprintArea_value", all().map(|s| s.footprint_area_px as i64));
    let correction = exposure.characterized.aperture_corrections.psf.factor;
    columns.numbers("psfFlux_apCorr", all().map(|_| correction));
    fluxes(&mut columns, &rows);
    shapes(&mut columns, &rows);
    flags(&mut columns, &rows);
    columns.finish()
}

fn fluxes(columns: &mut Columns, rows: &[&SourceMeasurement]) {
    let all = || rows.iter();
    columns
        .numbers("psfFlux", all().map(|s| s.psf_flux))
        .numbers("psfFluxErr", all().map(|s| s.psf_flux_err))
        .flags("psfFlux_flag", all().map(|s| s.psf_inst_flux.flag()))
        .numbers("psfFlux_area", all().map(|s| s.psf_inst_flux.area_px))
        .numbers("psfInstFlux", all().map(|s| s.psf_inst_flux.flux))
        .numbers("psfInstFluxErr", all().map(|s| s.psf_inst_flux.flux_err));
    for (index, radius_px) in RADII_PX.into_iter().enumerate() {
        let name = format!("ap{radius_px:02}Flux");
        columns
            .numbers(&name, all().map(|s| s.ap_flux[index].0))
            .numbers(&format!("{name}Err"), all().map(|s| s.ap_flux[index].1))
            .flags(&format!("{name}_flag"), all().map(|s| s.ap_inst_flux[index].flag()));
        if radius_px == CALIBRATION_RADIUS_PX {
            columns
                .numbers("calibFlux", all().map(|s| s.ap_flux[index].0))
                .numbers("calibFluxErr", all().map(|s| s.ap_flux[index].1));
        }
    }
    columns
        .numbers("gaussianFlux", all().map(|s| s.gaussian_inst_flux.0 * s.njy_per_adu))
        .numbers("gaussianFluxErr", all().map(|s| s.gaussian_inst_flux.1 * s.njy_per_adu))
        .flags("gaussianFlux_flag", all().map(|s| !s.gaussian_inst_flux.0.is_finite()))
        .numbers("kronFlux", all().map(|s| s.kron_inst_flux.flux * s.njy_per_adu))
        .numbers("kronFluxErr", all().map(|s| s.kron_inst_flux.flux_err * s.njy_per_adu))
        .flags("kronFlux_flag", all().map(|s| s.kron_inst_flux.flag))
        .numbers("kronRad", all().map(|s| s.kron_inst_flux.radius_px))
        .numbers("normCompTophatFlux_instFlux", all().map(|s| s.tophat_inst_flux.flux))
        .numbers("normCompTophatFlux_instFluxErr", all().map(|s| s.tophat_inst_flux.flux_err))
        .flags("normCompTophatFlux_flag", all().map(|s| s.tophat_inst_flux.flag()))
        .numbers("localBackground_instFlux", all().map(|s| s.local_background.0))
        .numbers("localBackground_instFluxErr", all().map(|s| s.local_background.1));
}

fn shapes(columns: &mut Columns, rows: &[&SourceMeasurement]) {
    let all = || rows.iter();
    columns
        .numbers("ixx", all().map(|s| s.shape.xx))
        .numbers("iyy", all().map(|s| s.shape.yy))
        .numbers("ixy", all().map(|s| s.shape.xy))
        .flags("shape_flag", all().map(|s| s.shape.flag))
        .numbers("ixxPSF", all().map(|s| s.psf_shape.xx))
        .numbers("iyyPSF", all().map(|s| s.psf_shape.yy))
        .numbers("ixyPSF", all().map(|s| s.psf_shape.xy))
        .numbers("hsmShapeRegauss_e1", all().map(|s| s.regaussianized.e1))
        .numbers("hsmShapeRegauss_e2", all().map(|s| s.regaussianized.e2))
        .numbers("hsmShapeRegauss_sigma", all().map(|s| s.regaussianized.sigma_e))
        .flags("hsmShapeRegauss_flag", all().map(|s| s.regaussianized.flag))
        .numbers("extendedness", all().map(|s| s.extendedness))
        .flags("extendedness_flag", all().map(|s| !s.extendedness.is_finite()))
        .numbers("sizeExtendedness", all().map(|s| s.size_extendedness))
        .flags("sizeExtendedness_flag", all().map(|s| !s.size_extendedness.is_finite()))
        .numbers("blendedness_abs", all().map(|s| s.blendedness));
}

fn flags(columns: &mut Columns, rows: &[&SourceMeasurement]) {
    let all = || rows.iter();
    columns
        .flags("invalidPsfFlag", all().map(|s| s.psf_shape.flag))
        .pixel_flags(rows.iter().map(|s| &s.pixel_flags))
        .flags("pixelFlags_offimage", all().map(|s| s.pixel_flags.off_image()))
        .flags("calib_psf_candidate", all().map(|s| s.psf_candidate))
        .flags("calib_psf_used", all().map(|s| s.psf_used))
        .flags("calib_psf_reserved", all().map(|s| s.psf_reserved))
        .flags("calib_astrometry_used", all().map(|s| s.astrometry_used))
        .flags("calib_photometry_used", all().map(|s| s.photometry_used));
}
