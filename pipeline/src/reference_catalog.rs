//! Stars of known magnitude: a table of them, and the zero point that they give an image.
//!
//! ```text
//!   stars of the file ─ match within 1″ ─ sources of the image ─▶ m_ref + 2.5 log₁₀(ADU)
//!                                                   clipped mean ─▶ zero point, its scatter
//! ```

use std::path::{Path, PathBuf};

use arrow::array::{Array, AsArray, Float64Array, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};

use crate::characterize::{Characterized, SourceMeasurement};
use crate::error::{Error, Result};
use crate::photo_calib::PhotoCalib;
use crate::statistics::clipped_mean;

/// Largest distance of a source from its star, arcsec.
const MATCH_RADIUS_ARCSEC: f64 = 1.0;
/// Least signal to noise of a source that counts.
const MIN_SNR: f64 = 20.0;
/// Stars that a zero point needs.
const MIN_STARS: usize = 3;
const CLIP_SIGMA: f64 = 3.0;
const CLIP_ROUNDS: usize = 10;

/// Stars with positions and AB magnitudes in one band.
#[derive(Debug, Clone, Default)]
pub struct ReferenceCatalog {
    path: PathBuf,
    /// Sorted by declination.
    stars: Vec<Star>,
}

#[derive(Debug, Clone, Copy)]
struct Star {
    ra: f64,
    dec: f64,
    mag: f64,
}

/// A zero point and how well it is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FittedZeroPoint {
    /// The calibration.
    pub photo_calib: PhotoCalib,
    /// Scatter of single stars, magnitudes.
    pub scatter_mag: f64,
    /// Stars that were used.
    pub n_stars: usize,
}

impl ReferenceCatalog {
    /// Take the stars of a table: ICRS degrees in columns `ra` and `dec` (or `coord_ra`,
    /// `coord_dec`), AB magnitudes of `band` in a column `BAND_mag`, `BAND_psfMag` or `mag`. Rows
    /// without a number in one of them are left out. `path` is the file that they come from.
    ///
    /// # Errors
    /// A table that lacks one of the columns: all that are missing are named.
    pub fn of_rows(path: &Path, rows: &RecordBatch, band: &str) -> Result<Self> {
        let names = [
            vec!["ra".to_owned(), "coord_ra".to_owned()],
            vec!["dec".to_owned(), "coord_dec".to_owned()],
            vec![format!("{band}_mag"), format!("{band}_psfMag"), "mag".to_owned()],
        ];
        let columns: Vec<Option<Float64Array>> =
            names.iter().map(|names| numbers(rows, names)).collect::<Result<_>>()?;
        let [Some(ra), Some(dec), Some(mag)] = columns.as_slice() else {
            let missing = names
                .iter()
                .zip(&columns)
                .filter(|(_, column)| column.is_none())
                .map(|(names, _)| names.join(" or "))
                .collect();
            return Err(Error::ReferenceColumns { path: path.to_owned(), missing });
        };
        let is_whole = |row: &usize| {
            [ra, dec, mag]
                .iter()
                .all(|column| column.is_valid(*row) && column.value(*row).is_finite())
        };
        let star = |row| Star { ra: ra.value(row), dec: dec.value(row), mag: mag.value(row) };
        let mut stars: Vec<Star> = (0..rows.num_rows()).filter(is_whole).map(star).collect();
        stars.sort_by(|a, b| a.dec.total_cmp(&b.dec));
        Ok(Self { path: path.to_owned(), stars })
    }

    /// The file that the stars come from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Fit the zero point of an image to its stars.
    ///
    /// # Errors
    /// [`Error::FewReferenceStars`] where fewer than three stars match.
    pub fn fit_zero_point(&self, image: &Characterized) -> Result<FittedZeroPoint> {
        let mut zero_points: Vec<f64> = image
            .sources
            .iter()
            .filter(|source| is_usable(source))
            .filter_map(|source| {
                let star = self.nearest(source.ra, source.dec)?;
                Some(star.mag + 2.5 * source.psf_inst_flux.flux.log10())
            })
            .collect();
        let found = zero_points.len();
        let few = || Error::FewReferenceStars { path: self.path.clone(), found, needed: MIN_STARS };
        let clipped = clipped_mean(&mut zero_points, CLIP_SIGMA, CLIP_ROUNDS).ok_or_else(few)?;
        let photo_calib = PhotoCalib::from_zero_point(clipped.mean).ok_or_else(few)?;
        if clipped.count < MIN_STARS {
            return Err(few());
        }
        Ok(FittedZeroPoint { photo_calib, scatter_mag: clipped.sigma, n_stars: clipped.count })
    }

    fn nearest(&self, ra: f64, dec: f64) -> Option<&Star> {
        let radius_deg = MATCH_RADIUS_ARCSEC / 3600.0;
        let first = self.stars.partition_point(|star| star.dec < dec - radius_deg);
        let last = self.stars.partition_point(|star| star.dec <= dec + radius_deg);
        self.stars[first..last]
            .iter()
            .map(|star| (almagest_storage::sphgeom::distance_deg(ra, dec, star.ra, star.dec), star))
            .filter(|(distance_deg, _)| *distance_deg <= radius_deg)
            .min_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, star)| star)
    }
}

fn is_usable(source: &SourceMeasurement) -> bool {
    let flags = &source.pixel_flags;
    source.snr >= MIN_SNR
        && source.extendedness == 0.0
        && !source.psf_inst_flux.flag()
        && !(flags.edge() || flags.saturated() || flags.nodata() || flags.bad())
}

/// Return the first of the named columns that the rows have, whatever the case, as numbers.
fn numbers(batch: &RecordBatch, names: &[String]) -> Result<Option<Float64Array>> {
    let schema = batch.schema();
    let index = names.iter().find_map(|name| {
        schema.fields().iter().position(|field| field.name().eq_ignore_ascii_case(name))
    });
    match index {
        Some(index) => {
            let column = cast(batch.column(index), &DataType::Float64)?;
            Ok(Some(column.as_primitive::<Float64Type>().clone()))
        }
        None => Ok(None),
    }
}
