//! Rows of Source: what was detected on one image.

use arrow::array::RecordBatch;
use arrow::error::ArrowError;

use super::MeasuredExposure;
use super::columns::Columns;
use crate::characterize::SourceMeasurement;
use crate::measurement::aperture_flux::RADII_PX;

/// Radius of the aperture whose flux is the calibration flux, pixels.
const CALIBRATION_RADIUS_PX: f64 = 12.0;

/// Make the rows of the sources of an exposure, in their order; `ids` are their ids.
pub fn source_rows(exposure: &MeasuredExposure, ids: &[i64]) -> Result<RecordBatch, ArrowError> {
    let visit = &exposure.exposure.visit_info;
    let sources = &exposure.characterized.sources;
    let all = || sources.iter();
    let mut columns = Columns::default();
    columns
        .integers("sourceId", ids.iter().copied())
        // Blends are not taken apart: no source has a parent, and each stands for itself.
        .integers("parentSourceId", all().map(|_| 0))
        .integers("deblend_nChild", all().map(|_| 0))
        .flags("detect_isPrimary", all().map(|_| true))
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
        .numbers("sky", all().map(|s| s.sky))
        .numbers("skyErr", all().map(|_| exposure.characterized.sky_noise))
        .integers("footprintArea_value", all().map(|s| s.footprint_area_px as i64));
    fluxes(&mut columns, sources);
    shapes(&mut columns, sources);
    flags(&mut columns, sources);
    columns.finish()
}

fn fluxes(columns: &mut Columns, sources: &[SourceMeasurement]) {
    let all = || sources.iter();
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
}

fn shapes(columns: &mut Columns, sources: &[SourceMeasurement]) {
    let all = || sources.iter();
    columns
        .numbers("ixx", all().map(|s| s.shape.xx))
        .numbers("iyy", all().map(|s| s.shape.yy))
        .numbers("ixy", all().map(|s| s.shape.xy))
        .flags("shape_flag", all().map(|s| s.shape.flag))
        .numbers("ixxPSF", all().map(|s| s.psf_shape.xx))
        .numbers("iyyPSF", all().map(|s| s.psf_shape.yy))
        .numbers("ixyPSF", all().map(|s| s.psf_shape.xy))
        .numbers("extendedness", all().map(|s| s.extendedness))
        .flags("extendedness_flag", all().map(|s| !s.extendedness.is_finite()));
}

fn flags(columns: &mut Columns, sources: &[SourceMeasurement]) {
    let all = || sources.iter();
    columns
        .flags("invalidPsfFlag", all().map(|s| s.psf_shape.flag))
        .pixel_flags(sources.iter().map(|s| &s.pixel_flags))
        .flags("pixelFlags_offimage", all().map(|s| s.pixel_flags.off_image()))
        .flags("calib_psf_candidate", all().map(|s| s.psf_candidate))
        .flags("calib_psf_used", all().map(|s| s.psf_used));
}
