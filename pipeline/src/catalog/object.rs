//! Rows of Object: what the sources and forced fluxes of all visits say of one thing.
//!
//! The flux in a band is the mean of the unflagged forced fluxes, weighted by inverse variance;
//! its error is that of the mean, its sigma the standard deviation of single epochs.

use arrow::array::RecordBatch;
use arrow::error::ArrowError;

use super::columns::Columns;
use crate::photo_calib::{MAG_PER_RELATIVE_FLUX, njy_to_magnitude};
use crate::statistics::median;

/// Bands of the Object table, in order of wavelength.
const BANDS: [&str; 6] = ["u", "g", "r", "i", "z", "y"];
/// Order in which a band is taken as reference (Rubin's merge priority).
const REFERENCE_ORDER: [&str; 6] = ["i", "r", "z", "y", "g", "u"];

/// An object with all that is known of it.
#[derive(Debug, Clone)]
pub struct ObjectSummary {
    /// Id.
    pub object_id: i64,
    /// Right ascension, ICRS degrees.
    pub ra: f64,
    /// Declination, ICRS degrees.
    pub dec: f64,
    /// Standard error along RA, on the sky, degrees.
    pub ra_err: f64,
    /// Standard error of the declination, degrees.
    pub dec_err: f64,
    /// Number of sources that belong to it.
    pub n_sources: usize,
    /// What each epoch says, in any order.
    pub epochs: Vec<ObjectEpoch>,
}

/// One object on one image.
#[derive(Debug, Clone)]
pub struct ObjectEpoch {
    /// Band of the image.
    pub band: String,
    /// Middle of the exposure, MJD TAI.
    pub mid_mjd_tai: f64,
    /// Forced PSF flux, nJy; NaN without a zero point.
    pub psf_flux: f64,
    /// Its standard error, nJy.
    pub psf_flux_err: f64,
    /// The flux must not be used for the mean.
    pub is_flagged: bool,
    /// A pixel of the source is saturated.
    pub is_saturated: bool,
    /// The peak is saturated.
    pub is_saturated_center: bool,
    /// The object lies in the image's border.
    pub is_edge: bool,
    /// Extendedness of the source that was detected here, if one was.
    pub extendedness: Option<f64>,
}

/// Mean flux of an object in one band.
#[derive(Debug, Clone, Copy, PartialEq)]
struct BandFlux {
    flux: f64,
    flux_err: f64,
    sigma: f64,
    epoch_mjd: f64,
    /// Epochs that it is the mean of.
    n_epochs: usize,
}

impl ObjectSummary {
    fn in_band<'a>(&'a self, band: &'a str) -> impl Iterator<Item = &'a ObjectEpoch> {
        self.epochs.iter().filter(move |epoch| epoch.band == band)
    }

    /// Return the mean flux in a band; `None` where no epoch is usable.
    fn flux(&self, band: &str) -> Option<BandFlux> {
        let used: Vec<&ObjectEpoch> = self
            .in_band(band)
            .filter(|e| !e.is_flagged && e.psf_flux.is_finite() && e.psf_flux_err > 0.0)
            .collect();
        let weights = || used.iter().map(|e| e.psf_flux_err.powi(-2));
        let weight: f64 = weights().sum();
        if used.is_empty() || !weight.is_finite() {
            return None;
        }
        let mean_of = |value: fn(&ObjectEpoch) -> f64| {
            used.iter().zip(weights()).map(|(e, w)| w * value(e)).sum::<f64>() / weight
        };
        let flux = mean_of(|e| e.psf_flux);
        let n = used.len() as f64;
        let plain_mean = used.iter().map(|e| e.psf_flux).sum::<f64>() / n;
        let squares: f64 = used.iter().map(|e| (e.psf_flux - plain_mean).powi(2)).sum();
        Some(BandFlux {
            flux,
            flux_err: weight.sqrt().recip(),
            sigma: (squares / (n - 1.0)).sqrt(),
            epoch_mjd: used.iter().map(|e| e.mid_mjd_tai).sum::<f64>() / n,
            n_epochs: used.len(),
        })
    }

    /// Return the median extendedness of the sources of a band; NaN where none has one.
    fn extendedness(&self, band: &str) -> f64 {
        let mut values: Vec<f64> = self
            .in_band(band)
            .filter_map(|epoch| epoch.extendedness)
            .filter(|value| value.is_finite())
            .collect();
        if values.is_empty() { f64::NAN } else { median(&mut values).round() }
    }

    fn reference_band(&self) -> Option<&'static str> {
        let seen = |band: &&'static str| self.in_band(band).next().is_some();
        REFERENCE_ORDER.into_iter().find(seen)
    }
}

/// Make the rows of `objects`.
pub fn object_rows(objects: &[&ObjectSummary]) -> Result<RecordBatch, ArrowError> {
    let all = || objects.iter();
    let mut columns = Columns::default();
    columns
        .integers("objectId", all().map(|o| o.object_id))
        // Blends are not taken apart: no object has a parent, and each stands for itself.
        .integers("parentObjectId", all().map(|_| 0))
        .flags("detect_isPrimary", all().map(|_| true))
        .numbers("coord_ra", all().map(|o| o.ra))
        .numbers("coord_dec", all().map(|o| o.dec))
        .numbers("coord_raErr", all().map(|o| o.ra_err))
        .numbers("coord_decErr", all().map(|o| o.dec_err))
        .integers("nSource", all().map(|o| o.n_sources as i64))
        .texts("refBand", all().map(|o| o.reference_band()))
        .numbers(
            "refExtendedness",
            all().map(|o| o.reference_band().map_or(f64::NAN, |band| o.extendedness(band))),
        );
    for band in BANDS {
        let flux: Vec<Option<BandFlux>> = all().map(|o| o.flux(band)).collect();
        let number = |value: fn(&BandFlux) -> f64| {
            flux.iter().map(move |flux| flux.as_ref().map(value)).collect::<Vec<_>>()
        };
        let any = |test: fn(&ObjectEpoch) -> bool| {
            all().map(move |o| o.in_band(band).any(test)).collect::<Vec<_>>()
        };
        let name = |what: &str| format!("{band}_{what}");
        columns
            .known_numbers(&name("psfFlux"), number(|f| f.flux).into_iter())
            .known_numbers(&name("psfFluxErr"), number(|f| f.flux_err).into_iter())
            .known_numbers(&name("psfFluxSigma"), number(|f| f.sigma).into_iter())
            .known_numbers(&name("epoch"), number(|f| f.epoch_mjd).into_iter())
            .known_numbers(&name("psfMag"), number(|f| njy_to_magnitude(f.flux)).into_iter())
            .known_numbers(
                &name("psfMagErr"),
                number(|f| match f.flux > 0.0 {
                    true => MAG_PER_RELATIVE_FLUX * f.flux_err / f.flux,
                    false => f64::NAN,
                })
                .into_iter(),
            )
            .integers(
                &name("nEpoch"),
                flux.iter().map(|flux| flux.as_ref().map_or(0, |flux| flux.n_epochs as i64)),
            )
            .numbers(&name("extendedness"), all().map(|o| o.extendedness(band)))
            .flags(&name("psfFlux_flag"), flux.iter().map(Option::is_none))
            .flags(&name("pixelFlags_edge"), any(|e| e.is_edge).into_iter())
            .flags(&name("pixelFlags_saturated"), any(|e| e.is_saturated).into_iter())
            .flags(&name("pixelFlags_saturatedCenter"), any(|e| e.is_saturated_center).into_iter());
    }
    columns.finish()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn epoch(band: &str, psf_flux: f64, psf_flux_err: f64, is_flagged: bool) -> ObjectEpoch {
        ObjectEpoch {
            band: band.to_owned(),
            mid_mjd_tai: 60_000.0,
            psf_flux,
            psf_flux_err,
            is_flagged,
            is_saturated: false,
            is_saturated_center: false,
            is_edge: false,
            extendedness: Some(0.0),
        }
    }

    fn object(epochs: Vec<ObjectEpoch>) -> ObjectSummary {
        ObjectSummary {
            object_id: 1,
            ra: 10.0,
            dec: 20.0,
            ra_err: 1e-6,
            dec_err: 1e-6,
            n_sources: epochs.len(),
            epochs,
        }
    }

    #[test]
    fn the_mean_is_weighted_and_leaves_flagged_epochs_out() {
        let object = object(vec![
            epoch("r", 100.0, 1.0, false),
            epoch("r", 110.0, 2.0, false),
            epoch("r", 900.0, 1.0, true),
            epoch("g", f64::NAN, 1.0, false),
        ]);
        let flux = object.flux("r").unwrap();
        assert!((flux.flux - 102.0).abs() < 1e-12);
        assert!((flux.flux_err - 0.8_f64.sqrt()).abs() < 1e-12);
        assert!((flux.sigma - 50.0_f64.sqrt()).abs() < 1e-12);
        assert_eq!(object.flux("g"), None);
        assert_eq!(object.reference_band(), Some("r"));
    }
}
