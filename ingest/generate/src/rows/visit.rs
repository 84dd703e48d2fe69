//! Rows of Visit.

use arrow::array::ArrayRef;
use arrow::datatypes::Int64Type;

use super::column::{bands, doubles, filters, instants, integers};
use crate::cadence::{EXPOSURE_S, Visit};

const HALF_EXPOSURE_D: f64 = EXPOSURE_S / 2.0 / 86_400.0;

/// Return a column by its name.
pub fn column(visits: &[Visit], name: &str) -> Option<ArrayRef> {
    let each = |value: &dyn Fn(&Visit) -> f64| doubles(visits.iter().map(value));
    Some(match name {
        "visit" => integers::<Int64Type>(visits.iter().map(|visit| visit.number)),
        "band" => bands(visits.iter().map(|visit| &visit.band)),
        "physical_filter" => filters(visits.iter().map(|visit| &visit.band)),
        "ra" => each(&|visit| visit.attitude.pointing.to_lonlat_deg().0),
        "dec" => each(&|visit| visit.attitude.pointing.to_lonlat_deg().1),
        "skyRotation" => each(&|visit| visit.rotation.degrees()),
        "azimuth" => each(&Visit::azimuth_deg),
        "altitude" => each(&Visit::altitude_deg),
        "zenithDistance" => each(&|visit| 90.0 - visit.altitude_deg()),
        "airmass" => each(&Visit::airmass),
        "expTime" => each(&|_| EXPOSURE_S),
        "expMidpt" => instants(visits.iter().map(|visit| visit.mid_mjd)),
        "expMidptMJD" => each(&|visit| visit.mid_mjd),
        "obsStart" => instants(visits.iter().map(|visit| visit.mid_mjd - HALF_EXPOSURE_D)),
        "obsStartMJD" => each(&|visit| visit.mid_mjd - HALF_EXPOSURE_D),
        _ => return None,
    })
}
