//! One visit: when, where to, through which air; what is the same for all of its detectors.

use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Poisson};

use super::config::SurveyConfig;
use super::psf_field::PsfField;
use super::random::{Purpose, between, gaussian, stream};
use super::refraction::Air;
use super::sensor::streak::Streak;
use super::sky::Moment;
use super::{SURVEY_BANDS, turbulence};
use crate::camera::model::{CameraModel, Filter, Pointing};
use crate::error::{Error, Result};
use crate::wcs::PlanePolynomial;

/// Hour angle at which a night's first visit looks at the field.
const FIRST_HOUR_ANGLE_DEG: f64 = -25.0;
/// The sky turns by so much a minute.
const DEG_PER_MINUTE: f64 = 15.041_07 / 60.0;

/// A visit. Angles in degrees.
#[derive(Debug, Clone)]
pub struct Visit {
    /// Number, from 1.
    pub id: i64,
    /// Number of the band in [`SURVEY_BANDS`].
    pub band: usize,
    /// The filter.
    pub filter: Filter,
    /// Start of the exposure, MJD TAI.
    pub start_mjd_tai: f64,
    /// Exposure time.
    pub exposure_time_s: f64,
    /// Where the telescope pointed.
    pub pointing: Pointing,
    /// Where the header says that it pointed.
    pub header_pointing: Pointing,
    /// Airmass.
    pub airmass: f64,
    /// Altitude.
    pub altitude_deg: f64,
    /// Azimuth, from north through east.
    pub azimuth_deg: f64,
    /// Position angle of the zenith, from north through east.
    pub parallactic_deg: f64,
    /// The point-spread function.
    pub psf: PsfField,
    /// AB magnitude of a source that gives one electron in the exposure.
    pub zero_point_mag: f64,
    /// Extinction at this airmass, with clouds: magnitudes.
    pub extinction_mag: f64,
    /// The sky at the centre, electrons per pixel in the exposure.
    pub sky_e: f64,
    /// Relative change of the sky per radius of the focal plane, along x and y.
    pub sky_gradient: [f64; 2],
    /// Relative change of the transparency per radius of the focal plane.
    pub cloud_gradient: [f64; 2],
    /// Streaks that cross the focal plane.
    pub streaks: Vec<Streak>,
    pub(super) polynomial: PlanePolynomial,
    pub(super) air: Air,
}

impl Visit {
    /// The moment of the middle of the exposure.
    pub fn moment(&self) -> Moment {
        Moment::at(self.mid_mjd_tai())
    }

    /// Middle of the exposure, MJD TAI.
    pub fn mid_mjd_tai(&self) -> f64 {
        self.start_mjd_tai + self.exposure_time_s / 2.0 / 86_400.0
    }

    /// Name of the band.
    pub fn band_name(&self) -> &'static str {
        SURVEY_BANDS[self.band]
    }

    /// Plan the visit of that number, from 0.
    pub(super) fn plan(
        config: &SurveyConfig,
        camera: &CameraModel,
        number: usize,
    ) -> Result<Visit> {
        let id = number as i64 + 1;
        let mut rng = stream(config.seed, Purpose::Visit, id, 0);
        let band_name = &config.bands[number % config.bands.len()];
        let band = SURVEY_BANDS.iter().position(|band| band == band_name).unwrap_or(2);
        let filter = filter(camera, band_name)?;
        let in_night = number % config.visits_per_night;
        let night = number / config.visits_per_night;
        let minutes = in_night as f64 * config.minutes_between_visits;
        let start_mjd_tai =
            config.first_mjd_tai + night as f64 * config.days_between_nights + minutes / 1440.0;
        let hour_angle_deg = FIRST_HOUR_ANGLE_DEG + minutes * DEG_PER_MINUTE;
        let place = Horizontal::of(hour_angle_deg, config.dec_deg, config.atmosphere.latitude_deg);
        let airmass = 1.0 / place.altitude_deg.to_radians().sin().max(0.1);

        let pointing = pointing(config, number, &mut rng);
        let header_pointing = header_pointing(config, &pointing, &mut rng);
        let air = &config.atmosphere;
        let ln_seeing = air.seeing_scatter_ln * gaussian(&mut rng);
        let fwhm_arcsec = air.seeing_arcsec
            * ln_seeing.exp()
            * airmass.powf(0.6)
            * (filter.wavelength_nm / 500.0).powf(-0.2);
        let fwhm_px = fwhm_arcsec / camera.pixel_scale_arcsec();
        let psf = PsfField::draw(air, fwhm_px, config.effects.psf_variation, &mut rng);

        let gray = air.gray_scatter_mag * gaussian(&mut rng);
        let coefficient = air.extinction_mag.get(band_name).copied().unwrap_or(0.0);
        let on = if config.effects.extinction { 1.0 } else { 0.0 };
        let extinction_mag = on * (coefficient * airmass + gray);
        let electron_mag = electron_mag(camera, &filter)?;
        let zero_point_mag = electron_mag + 2.5 * config.exposure_time_s.log10() - extinction_mag;
        let sky_mag = air.sky_mag.get(band_name).copied().unwrap_or(21.0);
        let pixel_arcsec2 = camera.pixel_scale_arcsec().powi(2);
        let sky_e =
            config.exposure_time_s * 10f64.powf(-0.4 * (sky_mag - electron_mag)) * pixel_arcsec2;
        let mut gradient = |largest: f64| {
            let (size, angle) =
                (between(&mut rng, 0.0, largest), between(&mut rng, 0.0, std::f64::consts::TAU));
            [size * angle.cos(), size * angle.sin()]
        };
        let of_sky = gradient(air.sky_gradient);
        let of_clouds = gradient(air.cloud_gradient);
        let scaled = |g: [f64; 2], on: bool| if on { g } else { [0.0; 2] };

        let mut polynomial = if config.effects.distortion {
            camera.distortion_polynomial()
        } else {
            PlanePolynomial::identity()
        };
        if config.effects.turbulence {
            let radius_deg = camera.focal_radius_mm() * camera.deg_per_mm();
            turbulence::add(&mut polynomial, air.turbulence_mas, radius_deg, &mut rng);
        }
        Ok(Visit {
            id,
            band,
            start_mjd_tai,
            exposure_time_s: config.exposure_time_s,
            pointing,
            header_pointing,
            airmass,
            altitude_deg: place.altitude_deg,
            azimuth_deg: place.azimuth_deg,
            parallactic_deg: place.parallactic_deg,
            psf,
            zero_point_mag,
            extinction_mag,
            sky_e,
            sky_gradient: scaled(of_sky, config.effects.sky_gradient),
            cloud_gradient: scaled(of_clouds, config.effects.extinction),
            streaks: streaks(config, camera, id, fwhm_px),
            polynomial,
            air: Air {
                pressure_mbar: air.pressure_mbar,
                temperature_c: air.temperature_c,
                zenith_distance_deg: 90.0 - place.altitude_deg,
            },
            filter,
        })
    }
}

/// The filter of a band.
pub(super) fn filter(camera: &CameraModel, band: &str) -> Result<Filter> {
    camera.filter_of_band(band).cloned().ok_or_else(|| Error::SimulateConfig {
        key: "bands".to_owned(),
        reason: format!("camera {} has no filter of band {band}", camera.name()),
    })
}

fn electron_mag(camera: &CameraModel, filter: &Filter) -> Result<f64> {
    filter.electron_per_s_mag.ok_or_else(|| Error::SimulateConfig {
        key: "camera".to_owned(),
        reason: format!("{}: filter {} has no electron_per_s_mag", camera.name(), filter.name),
    })
}

fn pointing(config: &SurveyConfig, number: usize, rng: &mut ChaCha8Rng) -> Pointing {
    let mut offset = || config.dither_arcsec / 3600.0 * gaussian(rng);
    let (east, north) = (offset(), offset());
    // The camera is turned once a night.
    let night = number / config.visits_per_night;
    let dec_deg = (config.dec_deg + north).clamp(-90.0, 90.0);
    let ra_deg = config.ra_deg + east / dec_deg.to_radians().cos().max(1e-6);
    Pointing {
        ra_deg: ra_deg.rem_euclid(360.0),
        dec_deg,
        rotation_deg: config.rotations_deg[night % config.rotations_deg.len()],
    }
}

/// The pointing as headers have it, with its errors.
fn header_pointing(config: &SurveyConfig, truth: &Pointing, rng: &mut ChaCha8Rng) -> Pointing {
    let mut error = || config.pointing_error_arcsec / 3600.0 * gaussian(rng);
    let (east, north) = (error(), error());
    let turn = config.rotation_error_deg * gaussian(rng);
    if !config.effects.pointing_error {
        return *truth;
    }
    Pointing {
        ra_deg: (truth.ra_deg + east / truth.dec_deg.to_radians().cos().max(1e-6))
            .rem_euclid(360.0),
        dec_deg: (truth.dec_deg + north).clamp(-90.0, 90.0),
        rotation_deg: truth.rotation_deg + turn,
    }
}

fn streaks(config: &SurveyConfig, camera: &CameraModel, id: i64, fwhm_px: f64) -> Vec<Streak> {
    let mut rng = stream(config.seed, Purpose::Streaks, id, 0);
    let mean = config.sensor.streaks_per_visit;
    if !config.effects.streaks || mean <= 0.0 {
        return Vec::new();
    }
    let n = Poisson::new(mean).map_or(0.0, |law| law.sample(&mut rng)) as usize;
    (0..n).map(|_| Streak::draw(camera, fwhm_px, &mut rng)).collect()
}

/// Where a place on the sky stands above the horizon.
struct Horizontal {
    altitude_deg: f64,
    azimuth_deg: f64,
    parallactic_deg: f64,
}

impl Horizontal {
    fn of(hour_angle_deg: f64, dec_deg: f64, latitude_deg: f64) -> Horizontal {
        let (sin_h, cos_h) = hour_angle_deg.to_radians().sin_cos();
        let (sin_d, cos_d) = dec_deg.to_radians().sin_cos();
        let (sin_l, cos_l) = latitude_deg.to_radians().sin_cos();
        let altitude = (sin_l * sin_d + cos_l * cos_d * cos_h).asin();
        let azimuth = (-sin_h * cos_d).atan2(sin_d * cos_l - cos_d * sin_l * cos_h);
        let parallactic = (sin_h * cos_l).atan2(sin_l * cos_d - sin_d * cos_l * cos_h);
        Horizontal {
            altitude_deg: altitude.to_degrees(),
            azimuth_deg: azimuth.to_degrees().rem_euclid(360.0),
            parallactic_deg: parallactic.to_degrees(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_zenith_is_where_the_parallactic_angle_points() {
        // South of the equator a field near it culminates in the north; the zenith lies to the south.
        let place = Horizontal::of(0.0, 2.2, -30.24);
        assert!((place.altitude_deg - (90.0 - 32.44)).abs() < 1e-9);
        assert!(
            place.azimuth_deg.abs() < 1e-9 && (place.parallactic_deg.abs() - 180.0).abs() < 1e-9
        );
        // In the east the zenith lies to the west: on the side of smaller right ascension.
        let east = Horizontal::of(-30.0, 2.2, -30.24);
        assert!(east.azimuth_deg > 0.0 && east.azimuth_deg < 90.0);
        assert!(east.parallactic_deg.to_radians().sin() < 0.0);
    }
}
