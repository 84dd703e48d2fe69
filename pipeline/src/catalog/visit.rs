//! Rows of Visit: which pointings there are, when, through which filter.

use arrow::array::RecordBatch;
use arrow::error::ArrowError;

use super::columns::Columns;
use crate::visit_info::VisitInfo;

/// Make the rows of `visits`.
pub fn visit_rows(visits: &[&VisitInfo]) -> Result<RecordBatch, ArrowError> {
    let all = || visits.iter();
    let mut columns = Columns::default();
    columns
        .integers("visit", all().map(|v| v.visit))
        .texts("band", all().map(|v| Some(v.band.as_str())))
        .texts("physical_filter", all().map(|v| v.physical_filter.as_deref()))
        .known_numbers("ra", all().map(|v| v.boresight_ra_deg))
        .known_numbers("dec", all().map(|v| v.boresight_dec_deg))
        .known_numbers("skyRotation", all().map(|v| v.sky_rotation_deg))
        .known_numbers("azimuth", all().map(|v| v.azimuth_deg))
        .known_numbers("altitude", all().map(|v| v.altitude_deg))
        .known_numbers("zenithDistance", all().map(|v| v.zenith_distance_deg()))
        .known_numbers("airmass", all().map(|v| v.airmass))
        .numbers("expTime", all().map(|v| v.exposure_time_s))
        .instants("expMidpt", all().map(|v| v.mid_mjd_tai))
        .numbers("expMidptMJD", all().map(|v| v.mid_mjd_tai))
        .instants("obsStart", all().map(|v| v.start_mjd_tai))
        .numbers("obsStartMJD", all().map(|v| v.start_mjd_tai));
    columns.finish()
}
