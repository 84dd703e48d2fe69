//! The zero point of an image from its reference stars.

use super::{ReferenceCatalog, Star};
use crate::characterize::{Characterized, SourceMeasurement};
use crate::error::{Error, Result};
use crate::photo_calib::PhotoCalib;
use crate::statistics::{median, robust_sigma};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Largest distance of a source from its star, arcsec.
const MATCH_RADIUS_ARCSEC: f64 = 1.0;
/// Stars that a zero point needs.
const MIN_STARS: usize = 3;
/// Scatter that stars have beside their noise, magnitudes: their own variability, and the catalog's.
const FLOOR_MAG: f64 = 0.005;

/// From a catalog's magnitude to that of the camera: `m = m_ref + c₀ + c₁ k + c₂ k²` with the colour
/// `k = blue − red`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColorTerm {
    /// The bluer band of the colour.
    pub blue: String,
    /// The redder band of the colour.
    pub red: String,
    /// The coefficients c₀, c₁, c₂.
    pub coefficients: [f64; 3],
}

/// How zero points are fitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PhotometryConfig {
    /// Colour term of each band; a band without one is the catalog's own.
    pub color_terms: BTreeMap<String, ColorTerm>,
    /// Least signal to noise of a source that counts.
    pub min_snr: f64,
    /// Clipping of the stars about their median, standard deviations.
    pub clip_sigma: f64,
    /// Rounds of clipping.
    pub clip_rounds: usize,
}

impl Default for PhotometryConfig {
    fn default() -> Self {
        Self { color_terms: BTreeMap::new(), min_snr: 20.0, clip_sigma: 3.0, clip_rounds: 20 }
    }
}

/// A zero point and how well it is known.
#[derive(Debug, Clone, PartialEq)]
pub struct FittedZeroPoint {
    /// The calibration.
    pub photo_calib: PhotoCalib,
    /// Standard error of the zero point, magnitudes.
    pub error_mag: f64,
    /// Scatter of single stars, magnitudes.
    pub scatter_mag: f64,
    /// Stars that were used.
    pub n_stars: usize,
    /// The sources that were used, by index.
    pub used: Vec<usize>,
}

/// One star's word on the zero point.
#[derive(Clone, Copy)]
struct Sample {
    source: usize,
    zero_point: f64,
    weight: f64,
}

impl ReferenceCatalog {
    /// Fit the zero point of an image, taken at `mjd_tai`, to its stars.
    ///
    /// # Errors
    /// [`Error::FewReferenceStars`] where fewer than three stars match.
    pub fn fit_zero_point(
        &self,
        image: &Characterized,
        mjd_tai: f64,
        config: &PhotometryConfig,
    ) -> Result<FittedZeroPoint> {
        let nearest = Nearest::new(self.places_at(mjd_tai));
        let term = config.color_terms.get(&self.band);
        let mut samples: Vec<Sample> = image
            .sources
            .iter()
            .enumerate()
            .filter(|(_, source)| is_usable(source, config.min_snr))
            .filter_map(|(index, source)| {
                let star = &self.stars[nearest.to(source.ra, source.dec)?];
                let mag = star.mag + term.map_or(Some(0.0), |term| correction(term, star))?;
                let error = 1.086 / source.snr;
                Some(Sample {
                    source: index,
                    zero_point: mag + 2.5 * source.psf_inst_flux.flux.log10(),
                    weight: 1.0 / (error * error + FLOOR_MAG * FLOOR_MAG),
                })
            })
            .collect();
        let found = samples.len();
        let few = || Error::FewReferenceStars { path: self.path.clone(), found, needed: MIN_STARS };
        let mut values: Vec<f64> = samples.iter().map(|s| s.zero_point).collect();
        let mut centre = median(&mut values);
        let mut scatter = robust_sigma(&mut values);
        for _ in 0..config.clip_rounds {
            let before = samples.len();
            let limit = config.clip_sigma * scatter.max(FLOOR_MAG);
            samples.retain(|s| (s.zero_point - centre).abs() <= limit);
            let mut values: Vec<f64> = samples.iter().map(|s| s.zero_point).collect();
            (centre, scatter) = (median(&mut values), robust_sigma(&mut values));
            if samples.len() == before {
                break;
            }
        }
        if samples.len() < MIN_STARS {
            return Err(few());
        }
        // Once the outliers are gone, the mean of what is left is the better estimate.
        let weights: f64 = samples.iter().map(|s| s.weight).sum();
        let mean = samples.iter().map(|s| s.weight * s.zero_point).sum::<f64>() / weights;
        Ok(FittedZeroPoint {
            photo_calib: PhotoCalib::from_zero_point(mean).ok_or_else(few)?,
            error_mag: (1.0 / weights).sqrt(),
            scatter_mag: scatter,
            n_stars: samples.len(),
            used: samples.iter().map(|s| s.source).collect(),
        })
    }
}

/// What a colour term adds to a star's magnitude; `None` where a band is not known.
fn correction(term: &ColorTerm, star: &Star) -> Option<f64> {
    let color = star.mag_in(&term.blue)? - star.mag_in(&term.red)?;
    let [c0, c1, c2] = term.coefficients;
    Some(c0 + c1 * color + c2 * color * color)
}

fn is_usable(source: &SourceMeasurement, min_snr: f64) -> bool {
    let flags = &source.pixel_flags;
    source.snr >= min_snr
        && source.extendedness == 0.0
        && !source.psf_inst_flux.flag()
        && !(flags.edge()
            || flags.saturated()
            || flags.nodata()
            || flags.bad()
            || flags.cr_center())
}

/// Stars sorted by declination.
struct Nearest {
    /// Declination, right ascension, and number of each star.
    stars: Vec<(f64, f64, usize)>,
}

impl Nearest {
    fn new(places: Vec<(f64, f64)>) -> Self {
        let mut stars: Vec<(f64, f64, usize)> =
            places.into_iter().enumerate().map(|(k, (ra, dec))| (dec, ra, k)).collect();
        stars.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.2.cmp(&b.2)));
        Self { stars }
    }

    /// Number of the star at a place.
    fn to(&self, ra: f64, dec: f64) -> Option<usize> {
        let radius_deg = MATCH_RADIUS_ARCSEC / 3600.0;
        let first = self.stars.partition_point(|star| star.0 < dec - radius_deg);
        let last = self.stars.partition_point(|star| star.0 <= dec + radius_deg);
        self.stars[first..last]
            .iter()
            .map(|s| (almagest_storage::sphgeom::distance_deg(ra, dec, s.1, s.0), s.2))
            .filter(|(distance_deg, _)| *distance_deg <= radius_deg)
            .min_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, number)| number)
    }
}
