//! Which visits there are: where the telescope points, when, and through which filter.
//!
//! ```text
//!   fields, a spiral over the sky ─▶ pairs of visits half an hour apart in two bands, dithered
//!   deep fields about some objects ─▶ ten thousand visits each
//!                                       └─▶ sorted by time, numbered by night
//! ```
//!
//! A camera as wide as LSST's would need 430,000 visits to see the whole sky a hundred times. Where
//! a survey has few objects, its camera is wider, so that a visit holds a thousand of them: the
//! table of visits keeps its proportion to the others. Two telescopes share the sky, one on each
//! hemisphere, at the longitude of Cerro Pachón. Some regions have no visits in u, some none in y.

use almagest_storage::sphgeom::{Angle, UnitVector};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use crate::band::Band;
use crate::config::SurveyConfig;
use crate::draws::{Purpose, Seed, mix, name_salt, unit};
use crate::focal_plane::{Attitude, FocalPlane, LSST_FIELD_DEG2, SKY_DEG2};
use crate::photometry::flux_njy;
use crate::sky::{CELL_REACH, Sky, cell_center};

/// Objects that a visit holds in the mean, unless the camera would be narrower than LSST's.
const OBJECTS_OF_A_VISIT: f64 = 1000.0;
/// Greatest field of view, square degrees.
const WIDEST_FIELD_DEG2: f64 = 1200.0;
/// Fields that see a place of the sky.
const OVERLAP: f64 = 2.2;
/// Visits of a deep field.
pub const DEEP_VISITS: u64 = 10_000;
/// Begin of the survey: 2025-11-01, MJD in TAI.
const FIRST_NIGHT_MJD: f64 = 60_980.0;
/// Visits of a place in a year, at the pace of a survey of 810 in ten years.
const VISITS_A_YEAR: f64 = 81.0;
/// Time of an exposure, s.
pub const EXPOSURE_S: f64 = 30.0;
/// Latitude of the telescope on the southern hemisphere, degrees, and longitude of both.
const SITE: (f64, f64) = (-30.244_6, -70.749_4);
/// Lowest altitude of a visit, degrees.
const LOWEST_ALTITUDE: f64 = 27.0;
/// Seeing at the zenith, arcsec.
const SEEING_ARCSEC: f64 = 0.75;

/// The visits of a survey.
#[derive(Debug)]
pub struct Cadence {
    /// In order of time.
    pub visits: Vec<Visit>,
    fields: Vec<Field>,
    /// The camera of the wide fields and that of the deep ones.
    cameras: [FocalPlane; 2],
    /// Cosines of the angles from a pointing in which all cells lie that they see.
    cos_reaches: [f64; 2],
}

/// One pointing of the telescope through one filter.
#[derive(Debug, Clone)]
pub struct Visit {
    /// Number of the visit: the night as year, month and day, and five digits in it.
    pub number: i64,
    /// The filter.
    pub band: Band,
    /// Middle of the exposure, MJD in TAI.
    pub mid_mjd: f64,
    /// Where the camera points.
    pub attitude: Attitude,
    /// Angle from north through east to the camera's y axis.
    pub rotation: Angle,
    /// Towards the zenith.
    pub zenith: UnitVector,
    /// Standard deviation of the PSF flux of a source without light, nJy.
    pub sky_njy: f64,
    /// Full width of the PSF at half maximum, arcsec.
    pub seeing_arcsec: f64,
    camera: usize,
}

/// Visits of one place, apart from their dithers.
#[derive(Debug)]
struct Field {
    center: UnitVector,
    /// Cosine of the angle in which all cells lie that its visits see.
    cos_reach: f64,
    /// Indices of its visits.
    visits: Vec<u32>,
}

/// A field as it is planned.
struct Target {
    center: UnitVector,
    camera: usize,
    dither: Angle,
    n_visits: u64,
}

impl Cadence {
    /// Plan a survey.
    pub fn new(seed: &Seed, config: &SurveyConfig, sky: &Sky) -> Self {
        let n_objects = config.n_objects as f64;
        let wide =
            (SKY_DEG2 * OBJECTS_OF_A_VISIT / n_objects).clamp(LSST_FIELD_DEG2, WIDEST_FIELD_DEG2);
        let cameras = [FocalPlane::new(wide), FocalPlane::new(LSST_FIELD_DEG2)];
        let targets = targets(seed, config, sky, &cameras, wide);
        let n_days = 365.25 * (config.depth.forced() / VISITS_A_YEAR).max(1.0);
        let mut visits: Vec<(usize, Visit)> = vec![];
        for (index, target) in targets.iter().enumerate() {
            for pair in 0..target.n_visits.div_ceil(2) {
                let mut draws = seed.stream(Purpose::Cadence, (index as u64) << 24 | pair);
                let n = (target.n_visits - 2 * pair).min(2);
                let both = plan_pair(&mut draws, seed, target, n_days);
                visits.extend(both.into_iter().take(n as usize).map(|visit| (index, visit)));
            }
        }
        // Stable, so that visits of one instant keep the order of their fields.
        visits.sort_by(|a, b| a.1.mid_mjd.total_cmp(&b.1.mid_mjd));
        number(&mut visits);
        let mut fields: Vec<Field> = targets
            .iter()
            .map(|target| Field {
                center: target.center,
                cos_reach: cos_cell_reach(
                    cameras[target.camera].reach().degrees() + target.dither.degrees(),
                ),
                visits: vec![],
            })
            .collect();
        for (index, (field, _)) in visits.iter().enumerate() {
            fields[*field].visits.push(index as u32);
        }
        let visits = visits.into_iter().map(|(_, visit)| visit).collect();
        let cos_reaches =
            [0, 1].map(|camera: usize| cos_cell_reach(cameras[camera].reach().degrees()));
        Self { visits, fields, cameras, cos_reaches }
    }

    /// Return the indices of the visits that may see objects of a cell, by name of the band, then
    /// by time.
    pub fn visits_of_cell(&self, cell: usize) -> Vec<u32> {
        let center = cell_center(cell);
        let is_near = |field: &&Field| center.dot(&field.center) >= field.cos_reach;
        let mut near: Vec<u32> = self
            .fields
            .iter()
            .filter(is_near)
            .flat_map(|field| &field.visits)
            .copied()
            .filter(|&index| {
                let visit = &self.visits[index as usize];
                center.dot(&visit.attitude.pointing) >= self.cos_reaches[visit.camera]
            })
            .collect();
        near.sort_unstable_by_key(|&index| (self.visits[index as usize].band.name_rank(), index));
        near
    }

    /// The camera of a visit.
    pub fn camera(&self, visit: &Visit) -> &FocalPlane {
        &self.cameras[visit.camera]
    }
}

impl Visit {
    /// Altitude of the pointing above the horizon, degrees.
    pub fn altitude_deg(&self) -> f64 {
        90.0 - self.zenith.angle_to(&self.attitude.pointing).degrees()
    }

    /// Azimuth of the pointing from north through east, degrees.
    pub fn azimuth_deg(&self) -> f64 {
        let (east, north) = self.zenith.east_north();
        let pointing = &self.attitude.pointing;
        libm::atan2(pointing.dot(&east), pointing.dot(&north)).to_degrees().rem_euclid(360.0)
    }

    /// Airmass along the pointing.
    pub fn airmass(&self) -> f64 {
        airmass(self.altitude_deg())
    }
}

/// Return the cosine of an angle in which the middles of all cells lie that have places within
/// another one.
fn cos_cell_reach(reach_deg: f64) -> f64 {
    libm::cos((reach_deg + CELL_REACH.degrees()).to_radians())
}

/// Return the airmass at an altitude (Kasten and Young 1989, ApOpt 28, 4735).
fn airmass(altitude_deg: f64) -> f64 {
    let correction = 0.505_72 * libm::pow(altitude_deg + 6.079_95, -1.6364);
    1.0 / (libm::sin(altitude_deg.to_radians()) + correction)
}

/// Plan the fields: their visits cover each place as often as the depth says, in the mean.
fn targets(
    seed: &Seed,
    config: &SurveyConfig,
    sky: &Sky,
    cameras: &[FocalPlane; 2],
    wide_deg2: f64,
) -> Vec<Target> {
    let n_fields = (OVERLAP * SKY_DEG2 / wide_deg2).ceil().max(12.0) as u64;
    let n_visits = (config.depth.forced() * SKY_DEG2 / wide_deg2).round() as u64;
    // A spiral of equal steps in the sine of the declination, turned by the golden angle.
    let golden_deg = 180.0 * (3.0 - 5.0_f64.sqrt());
    let spiral = (0..n_fields).map(|index| {
        let sin = 1.0 - 2.0 * (index as f64 + 0.5) / n_fields as f64;
        let dec = libm::asin(sin).to_degrees();
        UnitVector::from_lonlat_deg((index as f64 * golden_deg).rem_euclid(360.0), dec)
    });
    let dither = Angle::from_degrees(0.35 * cameras[0].reach().degrees());
    let wide = spiral.enumerate().map(|(index, center)| Target {
        center,
        camera: 0,
        dither,
        n_visits: (index as u64 + 1) * n_visits / n_fields - index as u64 * n_visits / n_fields,
    });
    let deep = (0..u64::from(config.n_deep_fields)).map(|index| {
        let mut draws = seed.stream(Purpose::Place, 1 << 32 | index);
        let object = draws.random_range(0..config.n_objects);
        let cell = sky.cell_of_object(object);
        let center = sky.positions(cell, object..object + 1).pop();
        Target {
            center: center.unwrap_or_else(|| cell_center(cell)),
            camera: 1,
            dither: Angle::from_degrees(0.2),
            n_visits: DEEP_VISITS,
        }
    });
    wide.chain(deep).collect()
}

/// Plan two visits of a field, half an hour apart in two bands.
fn plan_pair(draws: &mut ChaCha8Rng, seed: &Seed, target: &Target, n_days: f64) -> [Visit; 2] {
    let (ra, dec) = target.center.to_lonlat_deg();
    let latitude = SITE.0.copysign(dec);
    let mut mid_mjd = FIRST_NIGHT_MJD;
    // Most fields can be seen in a third of the nights; what never rises high is seen as it is.
    for _ in 0..50 {
        // Hours from local midnight.
        let hour: f64 = draws.random_range(-4.5..4.5);
        let night = draws.random_range(0.0..n_days).floor();
        mid_mjd = FIRST_NIGHT_MJD + night + (hour * 15.0 - SITE.1) / 360.0;
        let zenith = zenith(mid_mjd, latitude);
        let altitude = 90.0 - zenith.angle_to(&target.center).degrees();
        if altitude > LOWEST_ALTITUDE {
            break;
        }
    }
    let first = band(draws, seed, ra, dec);
    let second = band(draws, seed, ra, dec);
    [(first, 0.0), (second, 33.0)].map(|(band, minutes)| {
        let mid_mjd = mid_mjd + minutes / 1440.0;
        let angle = Angle::from_degrees(draws.random_range(0.0..360.0));
        // Uniform in the area of the dithers.
        let share = draws.random::<f64>().sqrt();
        let pointing =
            target.center.offset(angle, Angle::from_degrees(share * target.dither.degrees()));
        let rotation = Angle::from_degrees(draws.random_range(0.0..360.0));
        let zenith = zenith(mid_mjd, latitude);
        let altitude = 90.0 - zenith.angle_to(&pointing).degrees();
        let airmass = airmass(altitude.max(LOWEST_ALTITUDE));
        let gauss = |draws: &mut ChaCha8Rng| -> f64 { StandardNormal.sample(draws) };
        // Turbulence blurs blue light more, and more of it is in the way at low altitudes.
        let color = libm::pow(band.wavelength_um() / 0.62, -0.2);
        let seeing_arcsec =
            SEEING_ARCSEC * libm::exp(0.2 * gauss(draws)) * libm::pow(airmass, 0.6) * color;
        let depth = band.five_sigma_depth_mag()
            - 2.5 * libm::log10(seeing_arcsec / SEEING_ARCSEC)
            - band.extinction_mag() * (airmass - 1.0)
            + 0.1 * gauss(draws);
        Visit {
            number: 0,
            band,
            mid_mjd,
            attitude: Attitude::new(pointing, rotation),
            rotation,
            zenith,
            sky_njy: flux_njy(depth) / 5.0,
            seeing_arcsec,
            camera: target.camera,
        }
    })
}

/// Choose a band. Regions of some 15° lack u (a quarter of them) or y (an eighth).
fn band(draws: &mut ChaCha8Rng, seed: &Seed, ra: f64, dec: f64) -> Band {
    let row = ((dec + 90.0) / 15.0) as u64;
    let column = (ra / 15.0 * libm::cos(dec.to_radians())) as u64;
    let region = seed.row(mix(row << 32 | column));
    let lacks = |band: Band| match band {
        Band::U => unit(mix(region ^ name_salt("u"))) < 0.25,
        Band::Y => unit(mix(region ^ name_salt("y"))) < 0.125,
        _ => false,
    };
    let bands = Band::ALL.into_iter().filter(|band| !lacks(*band));
    let total: f64 = bands.clone().map(Band::visit_share).sum();
    let mut left = draws.random::<f64>() * total;
    for band in bands {
        left -= band.visit_share();
        if left < 0.0 {
            return band;
        }
    }
    Band::R
}

/// Return the direction of the zenith, by the mean sidereal time (IAU 1982, without its small
/// terms, and with UT1 for TAI).
fn zenith(mjd: f64, latitude_deg: f64) -> UnitVector {
    let greenwich_deg = 280.460_618_37 + 360.985_647_366_29 * (mjd - 51_544.5);
    UnitVector::from_lonlat_deg(greenwich_deg + SITE.1, latitude_deg)
}

/// Number visits that are sorted by time.
fn number(visits: &mut [(usize, Visit)]) {
    let (mut night, mut of_night) = (0, 0);
    for (_, visit) in visits {
        // A night begins at noon in Chile, 16 h UTC.
        let date = date_number((visit.mid_mjd - 2.0 / 3.0).floor() as i64);
        of_night = if date == night { of_night + 1 } else { 1 };
        night = date;
        visit.number = night * 100_000 + of_night;
    }
}

/// Return a day as the number that its date is written with: 20251101.
fn date_number(mjd: i64) -> i64 {
    // Hinnant's algorithm, in which years begin in March: all months but the last have 30.6 days.
    let day = mjd + 678_881;
    let era = day.div_euclid(146_097);
    let of_era = day.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let date = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    (year * 100 + month) * 100 + date
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn plan(config: &SurveyConfig) -> Cadence {
        let seed = Seed::new(config.seed);
        Cadence::new(&seed, config, &Sky::new(&seed, config.n_objects))
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (mjd, date) in [
            (0, 18_581_117),
            (51_544, 20_000_101),
            (51_603, 20_000_229),
            (51_604, 20_000_301),
            (60_980, 20_251_101),
            (61_099, 20_260_228),
        ] {
            assert_eq!(date_number(mjd), date, "{mjd}");
        }
    }

    #[test]
    fn places_are_visited_as_often_as_the_depth_says() {
        let cadence = plan(&SurveyConfig::new(20_000, 11));
        let sky = Sky::new(&Seed::new(2), 4000);
        let mut n_seen = 0;
        let mut least = usize::MAX;
        for cell in (0..12_288).step_by(7) {
            let visits = cadence.visits_of_cell(cell);
            for position in sky.positions(cell, sky.objects_of(cell)) {
                let sees = |&&index: &&u32| {
                    let visit = &cadence.visits[index as usize];
                    cadence.camera(visit).pixel(&visit.attitude, &position).is_some()
                };
                let n = visits.iter().filter(sees).count();
                // The list of the cell leaves nothing out.
                let all = 0..cadence.visits.len() as u32;
                assert_eq!(all.filter(|index| sees(&index)).count(), n);
                n_seen += n;
                least = least.min(n);
            }
        }
        let n_places =
            (0..12_288).step_by(7).map(|cell| sky.objects_of(cell).count()).sum::<usize>();
        let mean = n_seen as f64 / n_places as f64;
        assert!((95.0..105.0).contains(&mean), "{mean}");
        assert!(least > 30, "{least}");
    }

    #[test]
    fn visits_are_those_of_a_telescope_at_night() {
        let cadence = plan(&SurveyConfig::new(50_000, 1));
        assert!(cadence.visits.is_sorted_by(|a, b| a.number < b.number));
        let n = cadence.visits.len() as f64;
        let n_low = cadence.visits.iter().filter(|visit| visit.altitude_deg() < 20.0).count();
        assert!((n_low as f64) < 0.02 * n, "{n_low} of {n}");
        for visit in &cadence.visits {
            assert!((0.3..3.5).contains(&visit.seeing_arcsec), "{}", visit.seeing_arcsec);
            // From 19 h to 5 h, local mean time.
            let hour = ((visit.mid_mjd + SITE.1 / 360.0).fract() * 24.0 + 12.0) % 24.0;
            assert!((7.0..17.5).contains(&hour), "{hour}");
        }
        for band in Band::ALL {
            let n_band = cadence.visits.iter().filter(|visit| visit.band == band).count();
            let share = n_band as f64 / n;
            assert!((share / band.visit_share() - 1.0).abs() < 0.4, "{band:?} {share}");
        }
    }

    #[test]
    fn deep_fields_have_ten_thousand_visits() {
        let config = SurveyConfig { n_deep_fields: 2, ..SurveyConfig::new(5000, 1) };
        let deep = plan(&config);
        let wide = plan(&SurveyConfig::new(5000, 1));
        assert_eq!(deep.visits.len(), wide.visits.len() + 20_000);
    }
}
