//! Rows of ForcedSource: the flux at each object's position on each image.

use arrow::array::RecordBatch;
use arrow::error::ArrowError;

use super::columns::Columns;
use crate::exposure::Exposure;
use crate::forced_photometry::ForcedMeasurement;

/// Make one row for each measurement on `exposure`.
pub fn forced_source_rows(
    exposure: &Exposure,
    measurements: &[&ForcedMeasurement],
) -> Result<RecordBatch, ArrowError> {
    let visit = &exposure.visit_info;
    let all = || measurements.iter();
    let mut columns = Columns::default();
    columns
        .integers("objectId", all().map(|m| m.object_id))
        .integers("visit", all().map(|_| visit.visit))
        .integers("detector", all().map(|_| i64::from(exposure.detector.id)))
        .texts("band", all().map(|_| Some(visit.band.as_str())))
        .numbers("coord_ra", all().map(|m| m.ra))
        .numbers("coord_dec", all().map(|m| m.dec))
        .numbers("psfFlux", all().map(|m| m.psf_flux))
        .numbers("psfFluxErr", all().map(|m| m.psf_flux_err))
        .flags("psfFlux_flag", all().map(|m| m.psf_inst_flux.flag()))
        .numbers("psfInstFlux", all().map(|m| m.psf_inst_flux.flux))
        .numbers("psfInstFluxErr", all().map(|m| m.psf_inst_flux.flux_err))
        .flags("invalidPsfFlag", all().map(|_| false))
        .pixel_flags(measurements.iter().map(|m| &m.pixel_flags));
    columns.finish()
}
