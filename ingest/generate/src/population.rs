//! What the objects are: stars and galaxies, how bright, in which colors, and which of them vary.
//!
//! Numbers rise by a factor 10^0.3 a magnitude up to a limit in r. The limit is found for the depth
//! of the survey, so that the mean object is detected in as many single visits as the depth says:
//! the rest of its light curve is forced photometry of what no single visit shows.

use almagest_storage::sphgeom::UnitVector;
use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};

use crate::band::Band;
use crate::config::Depth;
use crate::draws::{Purpose, Seed};
use crate::photometry::{detection_probability, flux_njy, noise_njy};
use crate::sky::{galaxy_density, star_density};

/// Brightest objects, magnitude in r: brighter ones saturate.
const BRIGHTEST_MAG: f64 = 15.0;
/// Growth of the numbers with magnitude, decimal exponent.
const COUNT_SLOPE: f64 = 0.3;
/// Share of the stars that vary.
const PERIODIC_SHARE: f64 = 0.09;
/// Share of the galaxies with an active nucleus.
const ACTIVE_SHARE: f64 = 0.02;
/// Share of the galaxies in which a supernova is seen.
const SUPERNOVA_SHARE: f64 = 0.05;
/// Objects that stand for all when the limit is sought.
const N_SAMPLES: u64 = 4096;

/// What is drawn for an object.
#[derive(Debug, Clone, PartialEq)]
pub struct Truth {
    /// Star or galaxy.
    pub class: Class,
    /// Mean flux in each band, nJy.
    pub flux_njy: [f64; 6],
    /// How it changes.
    pub variability: Variability,
}

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Class {
    /// A point.
    Star,
    /// Extended, with its half-light radius.
    Galaxy {
        /// Half-light radius, arcsec.
        radius_arcsec: f64,
    },
}

/// How the light of an object changes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Variability {
    /// Not at all.
    Constant,
    /// As a sine, about the mean flux.
    Periodic {
        /// Period, days.
        period_d: f64,
        /// Amplitude as a share of the mean flux.
        amplitude: f64,
        /// Phase at MJD 0, turns.
        phase: f64,
    },
    /// An explosion beside the mean flux: a steep rise and a slow exponential fall.
    Transient {
        /// Time of the peak, MJD in TAI.
        peak_mjd: f64,
        /// Flux at the peak in each band, as a share of that in r, and in r, nJy.
        peak_njy: f64,
        /// Time in which the light falls by e, days.
        fall_d: f64,
    },
}

impl Variability {
    /// Return the flux at a time less the mean flux, nJy.
    pub fn difference_njy(&self, mean_njy: f64, band: Band, mjd: f64) -> f64 {
        match *self {
            Self::Constant => 0.0,
            Self::Periodic { period_d, amplitude, phase } => {
                let turns = mjd / period_d + phase;
                let angle = (turns - turns.floor()) * std::f64::consts::TAU;
                mean_njy * amplitude * libm::sin(angle)
            }
            Self::Transient { peak_mjd, peak_njy, fall_d } => {
                const RISE_D: f64 = 4.0;
                let color = [0.3, 0.9, 1.0, 0.9, 0.8, 0.7][band as usize];
                let days = mjd - peak_mjd;
                let share = match days < 0.0 {
                    true => libm::exp(days / RISE_D),
                    false => libm::exp(-days / fall_d),
                };
                // What is fainter than a thousandth is no difference to any flux.
                if share < 1e-3 { 0.0 } else { peak_njy * color * share }
            }
        }
    }
}

/// The distribution from which objects are drawn.
#[derive(Debug, Clone)]
pub struct Population {
    seed: Seed,
    faintest_mag: f64,
    first_mjd: f64,
    last_mjd: f64,
}

impl Population {
    /// Find the population of a survey of some depth and duration.
    pub fn new(seed: &Seed, depth: Depth, first_mjd: f64, last_mjd: f64) -> Self {
        let of_limit =
            |faintest_mag| Self { seed: seed.clone(), faintest_mag, first_mjd, last_mjd };
        let wanted = depth.sources() / depth.forced();
        // The fainter the limit, the smaller the share that single visits show.
        let (mut bright, mut faint) = (16.0, 32.0);
        for _ in 0..40 {
            let middle = (bright + faint) / 2.0;
            match of_limit(middle).detected_share() > wanted {
                true => bright = middle,
                false => faint = middle,
            }
        }
        of_limit(faint)
    }

    /// Return what the object with an index is.
    pub fn truth(&self, index: u64, position: &UnitVector) -> Truth {
        let (stars, galaxies) = (star_density(position), galaxy_density(position));
        let mut draws = self.seed.stream(Purpose::Population, index);
        self.draw(&mut draws, stars / (stars + galaxies))
    }

    fn draw(&self, draws: &mut impl Rng, star_share: f64) -> Truth {
        let is_star = draws.random::<f64>() < star_share;
        let r_mag = self.r_mag(draws.random());
        let hue: f64 = draws.random();
        let scatter = if is_star { 0.03 } else { 0.12 };
        let colors = if is_star { star_colors(hue) } else { galaxy_colors(hue) };
        let [ug, gr, ri, iz, zy] = colors.map(|color| {
            let noise: f64 = StandardNormal.sample(draws);
            color + scatter * noise
        });
        let mags =
            [r_mag + gr + ug, r_mag + gr, r_mag, r_mag - ri, r_mag - ri - iz, r_mag - ri - iz - zy];
        let radius: f64 = StandardNormal.sample(draws);
        let radius_arcsec = libm::exp(0.4 * radius) * libm::exp10(-0.08 * (r_mag - 22.0)) * 0.6;
        let class = if is_star { Class::Star } else { Class::Galaxy { radius_arcsec } };
        let flux_njy = mags.map(flux_njy);
        let variability = self.variability(draws, is_star, flux_njy[Band::R as usize]);
        Truth { class, flux_njy, variability }
    }

    /// Return the magnitude that a share of the objects is brighter than.
    fn r_mag(&self, share: f64) -> f64 {
        let brightest = libm::exp10(COUNT_SLOPE * (BRIGHTEST_MAG - self.faintest_mag));
        self.faintest_mag + libm::log10(brightest + share * (1.0 - brightest)) / COUNT_SLOPE
    }

    fn variability(&self, draws: &mut impl Rng, is_star: bool, r_njy: f64) -> Variability {
        let [kind, first, second, phase]: [f64; 4] = draws.random();
        if is_star && kind < PERIODIC_SHARE {
            // From a quarter of a day to a hundred days, as many in each octave.
            let period_d = 0.25 * libm::pow(400.0, first);
            return Variability::Periodic { period_d, amplitude: 0.05 + 0.5 * second, phase };
        }
        if !is_star && kind < ACTIVE_SHARE {
            let period_d = 100.0 + 900.0 * first;
            return Variability::Periodic { period_d, amplitude: 0.05 + 0.3 * second, phase };
        }
        if !is_star && kind < ACTIVE_SHARE + SUPERNOVA_SHARE {
            // Before the first night too, so that some are seen falling only.
            let peak_mjd = self.first_mjd - 30.0 + (self.last_mjd - self.first_mjd + 30.0) * first;
            let peak_njy = r_njy * libm::exp10(-0.4 * (2.0 * second - 1.5));
            return Variability::Transient { peak_mjd, peak_njy, fall_d: 15.0 + 30.0 * phase };
        }
        Variability::Constant
    }

    /// Return the share of the single visits that detect the mean object.
    fn detected_share(&self) -> f64 {
        let share = |index: u64| -> f64 {
            let mut draws = self.seed.stream(Purpose::Calibration, index);
            // In place of a random position: all mixtures of stars and galaxies, those of the
            // plane most often, as most objects are there.
            let star_share = 0.35 + 0.6 * ((index as f64 + 0.5) / N_SAMPLES as f64).sqrt();
            let truth = self.draw(&mut draws, star_share);
            let of_band = |band: Band| {
                // Visits are somewhat shallower than the best ones, by airmass and seeing.
                let sky = flux_njy(band.five_sigma_depth_mag() - 0.15) / 5.0;
                let flux = truth.flux_njy[band as usize];
                band.visit_share() * detection_probability(flux / noise_njy(flux, sky))
            };
            Band::ALL.into_iter().map(of_band).sum()
        };
        (0..N_SAMPLES).map(share).sum::<f64>() / N_SAMPLES as f64
    }
}

/// Return the colors u-g, g-r, r-i, i-z, z-y along the locus of stars, from hot to cool.
fn star_colors(hue: f64) -> [f64; 5] {
    let red = hue * hue * hue;
    [0.9 + 1.6 * hue, 0.2 + 1.2 * hue, 0.05 + 0.15 * hue + red, 0.03 + 0.6 * red, 0.02 + 0.3 * red]
}

/// Return the same colors of galaxies, from young to old and distant.
fn galaxy_colors(hue: f64) -> [f64; 5] {
    [0.4 + 1.2 * hue, 0.3 + 0.9 * hue, 0.15 + 0.4 * hue, 0.1 + 0.25 * hue, 0.05 + 0.15 * hue]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use crate::photometry::magnitude;

    fn population(depth: Depth) -> Population {
        Population::new(&Seed::new(1), depth, 60_980.0, 61_430.0)
    }

    #[test]
    fn numbers_rise_with_magnitude() {
        let population = population(Depth::DP1);
        let limit = population.faintest_mag;
        assert!((23.5..27.5).contains(&limit), "{limit}");
        let position = UnitVector::from_lonlat_deg(0.0, -30.0);
        let mags: Vec<f64> = (0..40_000)
            .map(|i| magnitude(population.truth(i, &position).flux_njy[Band::R as usize]))
            .collect();
        let n = |from: f64| mags.iter().filter(|m| (from..from + 1.0).contains(*m)).count() as f64;
        for mag in [limit - 2.0, limit - 3.0, limit - 4.0] {
            let growth = n(mag) / n(mag - 1.0);
            // 10^0.3, within four standard errors of the smallest bin.
            let tolerance = 2.0 * 4.0 / n(mag - 1.0).sqrt();
            assert!((growth - 1.995).abs() < tolerance, "{mag}: {growth} ± {tolerance}");
        }
    }

    #[test]
    fn single_visits_detect_the_share_that_the_depth_says() {
        let shares = [Depth::DP1, Depth::FINAL].map(|depth| {
            let share = population(depth).detected_share();
            (share, depth.sources() / depth.forced())
        });
        for (share, wanted) in shares {
            assert!((share - wanted).abs() < 1e-3, "{share} {wanted}");
        }
    }

    #[test]
    fn light_curves_return_and_explosions_fade() {
        let sine = Variability::Periodic { period_d: 2.0, amplitude: 0.5, phase: 0.25 };
        for day in 0..5 {
            let difference = sine.difference_njy(100.0, Band::G, 60_000.0 + 2.0 * f64::from(day));
            assert!((difference - 50.0).abs() < 1e-6, "{difference}");
        }
        let explosion =
            Variability::Transient { peak_mjd: 61_000.0, peak_njy: 1000.0, fall_d: 20.0 };
        let at = |days: f64| explosion.difference_njy(5.0, Band::R, 61_000.0 + days);
        assert_eq!(at(0.0), 1000.0);
        assert!((at(20.0) - 367.879).abs() < 1e-3 && at(-20.0) < 10.0);
        assert_eq!((at(-100.0), at(400.0)), (0.0, 0.0));
    }
}
