//! Stars of known place and magnitude: a table of them, and the world coordinates and the zero point that
//! they give an image.
//!
//! ```text
//!   stars of the file ─▶ where they are at the epoch ─▶ world coordinates of the image
//!         │
//!         └─ match within 1″ ─ sources of the image ─▶ m_ref + colour term + 2.5 log₁₀(ADU)
//!                                                        clipped median ─▶ zero point, its scatter
//! ```

mod motion;
mod table;
mod zero_point;

pub use zero_point::{ColorTerm, FittedZeroPoint, PhotometryConfig};

use crate::astrometry::{self, AstrometryConfig, AstrometryError, AstrometrySolution};
use crate::astrometry::{ImageStar, SkyStar};
use crate::characterize::{Characterized, SourceMeasurement};
use crate::exposure::Exposure;
use motion::Place;
use std::path::{Path, PathBuf};

/// Error of a star's place where the table has none, mas.
const DEFAULT_ERROR_MAS: f64 = 1.0;

/// Stars with places and AB magnitudes in one band.
#[derive(Debug, Clone, Default)]
pub struct ReferenceCatalog {
    path: PathBuf,
    band: String,
    stars: Vec<Star>,
}

#[derive(Debug, Clone)]
struct Star {
    place: Place,
    error_mas: f64,
    mag: f64,
    /// Magnitudes in all bands that the table has, in the order of its columns.
    mags: Vec<(String, f64)>,
}

impl Star {
    fn mag_in(&self, band: &str) -> Option<f64> {
        let mag = self.mags.iter().find(|(name, _)| name == band)?.1;
        mag.is_finite().then_some(mag)
    }
}

impl ReferenceCatalog {
    /// The file that the stars come from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Number of the stars.
    pub fn len(&self) -> usize {
        self.stars.len()
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.stars.is_empty()
    }

    /// Where the stars are at a time, in their order.
    fn places_at(&self, mjd_tai: f64) -> Vec<(f64, f64)> {
        let earth = crate::simulate::sky::motion::earth_au(mjd_tai);
        self.stars.iter().map(|star| star.place.at(mjd_tai, earth)).collect()
    }

    /// Where the stars are at a time, ICRS degrees, and their magnitudes.
    pub(crate) fn standards_at(&self, mjd_tai: f64) -> Vec<(f64, f64, f64)> {
        let places = self.places_at(mjd_tai).into_iter();
        places.zip(&self.stars).map(|((ra, dec), star)| (ra, dec, star.mag)).collect()
    }

    /// Fit the world coordinates of an exposure to its stars.
    ///
    /// The indices of the solution are those of the sources of `image` and of the stars.
    ///
    /// # Errors
    /// Those of [`astrometry::solve`].
    pub fn fit_wcs(
        &self,
        exposure: &Exposure,
        image: &Characterized,
        config: &AstrometryConfig,
    ) -> Result<AstrometrySolution, AstrometryError> {
        let mut numbers = Vec::new();
        let mut sources = Vec::new();
        for (number, source) in image.sources.iter().enumerate() {
            if source.snr >= config.min_snr && is_well_placed(source) {
                numbers.push(number);
                sources.push(ImageStar {
                    x: source.x,
                    y: source.y,
                    error_px: (0.5 * (source.x_err.powi(2) + source.y_err.powi(2))).sqrt(),
                    flux: source.psf_inst_flux.flux,
                });
            }
        }
        let places = self.places_at(exposure.visit_info.mid_mjd_tai);
        let stars: Vec<SkyStar> = self
            .stars
            .iter()
            .zip(places)
            .map(|(star, (ra, dec))| SkyStar { ra, dec, error_mas: star.error_mas, mag: star.mag })
            .collect();
        let mut found =
            astrometry::solve(&exposure.wcs, exposure.size(), &sources, &stars, config)?;
        found.used.iter_mut().for_each(|pair| pair.0 = numbers[pair.0]);
        Ok(found)
    }
}

/// Is the centre measured, and on pixels that the star made?
fn is_well_placed(source: &SourceMeasurement) -> bool {
    let flags = &source.pixel_flags;
    let is_of_others =
        flags.edge() || flags.saturated_center() || flags.cr_center() || flags.bad_center();
    !(source.centroid_flag() || source.psf_inst_flux.flag() || is_of_others)
}
