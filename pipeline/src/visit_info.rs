//! What is known of a visit: which, when, where the telescope looked, through which filter.

/// Visit ids must stay below this, so that (visit, detector, counter) fit 64 bits.
pub const VISIT_LIMIT: i64 = 1 << 38;

/// Facts of one exposure, the same for all of its detectors. Times are MJD in TAI, angles degrees.
#[derive(Debug, Clone, PartialEq)]
pub struct VisitInfo {
    /// Identity of the visit, at least 0 and below [`VISIT_LIMIT`].
    pub visit: i64,
    /// Name of the instrument, as `DECam`.
    pub instrument: String,
    /// Full name of the filter.
    pub physical_filter: Option<String>,
    /// Name of the band, as `r`.
    pub band: String,
    /// Time that the shutter was open, s.
    pub exposure_time_s: f64,
    /// Start of the exposure, MJD TAI.
    pub start_mjd_tai: f64,
    /// Middle of the exposure, MJD TAI.
    pub mid_mjd_tai: f64,
    /// Right ascension at which the telescope pointed, ICRS.
    pub boresight_ra_deg: Option<f64>,
    /// Declination at which the telescope pointed, ICRS.
    pub boresight_dec_deg: Option<f64>,
    /// Rotation of the camera on the sky: position angle of its y axis.
    pub sky_rotation_deg: Option<f64>,
    /// Azimuth of the telescope, from north through east.
    pub azimuth_deg: Option<f64>,
    /// Altitude of the telescope.
    pub altitude_deg: Option<f64>,
    /// Airmass.
    pub airmass: Option<f64>,
    /// The object's name in the observing log.
    pub target: Option<String>,
}

/// The middle of an exposure, MJD: the one way in which it follows from the start, so that all readers of
/// one header round it alike.
pub fn mid_mjd(start_mjd: f64, exposure_time_s: f64) -> f64 {
    start_mjd + exposure_time_s / 2.0 / 86_400.0
}

/// The end of an exposure, MJD, as it follows from the start.
pub fn end_mjd(start_mjd: f64, exposure_time_s: f64) -> f64 {
    start_mjd + exposure_time_s / 86_400.0
}

impl VisitInfo {
    /// End of the exposure, MJD TAI.
    pub fn end_mjd_tai(&self) -> f64 {
        end_mjd(self.start_mjd_tai, self.exposure_time_s)
    }

    /// Distance of the telescope from the zenith.
    pub fn zenith_distance_deg(&self) -> Option<f64> {
        self.altitude_deg.map(|altitude| 90.0 - altitude)
    }
}
