//! The scene: what is on the sky, whoever looks.

use super::SimulateConfig;
use crate::error::WcsError;
use crate::photo_calib::magnitude_to_njy;
use crate::simulate::galaxy::GalaxyShape;
use crate::wcs::Wcs;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, LogNormal, Normal};
use std::f64::consts::TAU;

/// Sérsic indices that galaxies take.
const SERSIC_INDICES: [f64; 4] = [0.5, 1.0, 2.5, 4.0];
/// Margin around the detector in which objects lie too, so that dithers do not run out of sky, pixels.
const MARGIN_PX: f64 = 60.0;
/// Tries to place a star away from the others before it is left out.
const PLACEMENT_TRIES: usize = 200;

/// Stars and galaxies of a field.
#[derive(Debug, Clone)]
pub struct Scene {
    /// The objects, in order of their ids.
    pub objects: Vec<TruthObject>,
    /// Pixels to sky of the undithered detector.
    pub wcs: Wcs,
}

/// One object.
#[derive(Debug, Clone, PartialEq)]
pub struct TruthObject {
    /// Identity, from 1.
    pub id: i64,
    /// Right ascension, ICRS degrees.
    pub ra: f64,
    /// Declination, ICRS degrees.
    pub dec: f64,
    /// Mean total flux in g, r, i, nJy.
    pub flux_njy: [f64; 3],
    /// Star, variable star or galaxy.
    pub shape: TruthShape,
}

/// What an object looks like without seeing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TruthShape {
    /// A star, perhaps a variable one.
    Star(Option<Variability>),
    /// A galaxy.
    Galaxy(GalaxyShape),
}

/// A sinusoidal light curve, of one amplitude in all bands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Variability {
    /// Period, days.
    pub period_days: f64,
    /// Half of the range, magnitudes.
    pub amplitude_mag: f64,
    /// Phase at MJD 0, radians.
    pub phase: f64,
}

impl TruthObject {
    /// `star`, `variable` or `galaxy`.
    pub fn kind(&self) -> &'static str {
        match self.shape {
            TruthShape::Star(None) => "star",
            TruthShape::Star(Some(_)) => "variable",
            TruthShape::Galaxy(_) => "galaxy",
        }
    }

    /// Flux in the band of that number at a time, nJy.
    pub fn flux_at(&self, band: usize, mjd_tai: f64) -> f64 {
        let mean = self.flux_njy[band];
        match self.shape {
            TruthShape::Star(Some(v)) => {
                let angle = TAU * (mjd_tai / v.period_days).fract() + v.phase;
                mean * 10f64.powf(-0.4 * v.amplitude_mag * angle.sin())
            }
            _ => mean,
        }
    }
}

impl Scene {
    /// Draw the scene of a configuration.
    pub(super) fn draw(config: &SimulateConfig) -> Result<Self, WcsError> {
        let (nx, ny) = config.size_px;
        let scale = config.pixel_scale_arcsec / 3600.0;
        let wcs = Wcs::tan(
            [config.ra_deg, config.dec_deg],
            [(nx as f64 - 1.0) / 2.0, (ny as f64 - 1.0) / 2.0],
            [[-scale, 0.0], [0.0, scale]],
        )?;
        let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
        let mut objects = Vec::new();
        let mut places: Vec<(f64, f64)> = Vec::new();
        for _ in 0..config.stars {
            let Some(place) = free_place(config, &places, &mut rng) else { continue };
            places.push(place);
            objects.push(star(config, &wcs, place, &mut rng));
        }
        for _ in 0..config.galaxies {
            let Some(place) = free_place(config, &places, &mut rng) else { continue };
            places.push(place);
            objects.push(galaxy(config, &wcs, place, &mut rng));
        }
        for (id, object) in (1..).zip(&mut objects) {
            object.id = id;
        }
        Ok(Self { objects, wcs })
    }

    /// The Sérsic indices that occur, each once.
    pub(super) fn sersic_indices(&self) -> Vec<f64> {
        let mut indices: Vec<f64> = self
            .objects
            .iter()
            .filter_map(|o| match o.shape {
                TruthShape::Galaxy(shape) => Some(shape.sersic_n),
                TruthShape::Star(_) => None,
            })
            .collect();
        indices.sort_by(f64::total_cmp);
        indices.dedup();
        indices
    }
}

fn free_place(
    config: &SimulateConfig,
    places: &[(f64, f64)],
    rng: &mut ChaCha8Rng,
) -> Option<(f64, f64)> {
    let (nx, ny) = config.size_px;
    (0..PLACEMENT_TRIES)
        .map(|_| {
            let x = rng.random_range(-MARGIN_PX..nx as f64 + MARGIN_PX);
            let y = rng.random_range(-MARGIN_PX..ny as f64 + MARGIN_PX);
            (x, y)
        })
        .find(|&(x, y)| places.iter().all(|p| (p.0 - x).hypot(p.1 - y) >= config.min_separation_px))
}

/// A magnitude from counts that rise as `10^(slope · m)`.
fn magnitude(range: (f64, f64), slope: f64, rng: &mut ChaCha8Rng) -> f64 {
    let u: f64 = rng.random();
    if slope.abs() < 1e-9 || range.1 <= range.0 {
        return range.0 + u * (range.1 - range.0);
    }
    let (low, high) = (10f64.powf(slope * range.0), 10f64.powf(slope * range.1));
    (low + u * (high - low)).log10() / slope
}

fn star(
    config: &SimulateConfig,
    wcs: &Wcs,
    place: (f64, f64),
    rng: &mut ChaCha8Rng,
) -> TruthObject {
    let r = magnitude(config.star_magnitudes, config.star_count_slope, rng);
    // The stellar locus: blue stars have r − i near 0.4 (g − r), beyond g − r = 1.3 only r − i grows.
    let along: f64 = rng.random();
    let (g_r, r_i) = if along < 0.7 {
        let g_r = 0.2 + along * 1.6;
        (g_r, 0.38 * g_r - 0.04)
    } else {
        (1.35 + 0.1 * (along - 0.7), 0.5 + 4.0 * (along - 0.7))
    };
    let variable = rng.random::<f64>() < config.variable_fraction;
    let variability = Variability {
        period_days: rng.random_range(0.4..8.0),
        amplitude_mag: rng.random_range(0.1..0.6),
        phase: rng.random_range(0.0..TAU),
    };
    object(wcs, place, [r + g_r, r, r - r_i], TruthShape::Star(variable.then_some(variability)))
}

fn galaxy(
    config: &SimulateConfig,
    wcs: &Wcs,
    place: (f64, f64),
    rng: &mut ChaCha8Rng,
) -> TruthObject {
    let r = magnitude(config.galaxy_magnitudes, 0.35, rng);
    let (g_r, r_i) = (rng.random_range(0.3..1.2), rng.random_range(0.1..0.6));
    // Brighter galaxies are larger: 0.5 arcsec at r = 22, with a scatter of a third.
    let median_arcsec = 0.5 * 10f64.powf(-0.1 * (r - 22.0));
    let radius_arcsec = LogNormal::new(median_arcsec.ln(), 0.3)
        .map_or(median_arcsec, |law| law.sample(rng))
        .clamp(0.15, 2.5);
    let shear = Normal::new(0.0, 0.18);
    let mut component = || -> f64 { shear.map_or(0.0_f64, |law| law.sample(rng)).clamp(-0.4, 0.4) };
    let (g1, g2) = (component(), component());
    let sersic_n = SERSIC_INDICES[rng.random_range(0..SERSIC_INDICES.len())];
    let shape =
        GalaxyShape { sersic_n, half_light_px: radius_arcsec / config.pixel_scale_arcsec, g1, g2 };
    object(wcs, place, [r + g_r, r, r - r_i], TruthShape::Galaxy(shape))
}

fn object(wcs: &Wcs, (x, y): (f64, f64), magnitudes: [f64; 3], shape: TruthShape) -> TruthObject {
    let (ra, dec) = wcs.pixel_to_sky(x, y);
    TruthObject { id: 0, ra, dec, flux_njy: magnitudes.map(magnitude_to_njy), shape }
}
