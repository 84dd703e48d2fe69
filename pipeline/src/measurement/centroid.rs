//! Centroid: the position at which the PSF fits best, neighbours removed.

use crate::psf::PsfModel;
use crate::psf::star_fit::{PixelAt, fit_star};

/// A position with its errors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Centroid {
    /// Column, pixels.
    pub x: f64,
    /// Row, pixels.
    pub y: f64,
    /// Standard error of `x`, pixels; NaN where the fit failed.
    pub x_err: f64,
    /// Standard error of `y`, pixels; NaN where the fit failed.
    pub y_err: f64,
    /// Covariance of `x` and `y`, px²; NaN where the fit failed.
    pub xy_cov: f64,
    /// The fit failed or left the peak; the position is that of the peak.
    pub flag_reset_to_peak: bool,
}

impl Centroid {
    /// The position of a peak, without errors.
    pub fn at_peak(x: f64, y: f64) -> Self {
        Self { x, y, x_err: f64::NAN, y_err: f64::NAN, xy_cov: f64::NAN, flag_reset_to_peak: true }
    }

    /// A place that was given, not measured.
    pub fn fixed(x: f64, y: f64) -> Self {
        Self { flag_reset_to_peak: false, ..Self::at_peak(x, y) }
    }

    /// Any failure.
    pub fn flag(&self) -> bool {
        self.flag_reset_to_peak
    }

    /// Fit the position near `start`, no farther than `max_shift_px` from `peak`.
    pub fn fit(
        psf: &PsfModel,
        pixel: &PixelAt,
        start: (f64, f64),
        peak: (f64, f64),
        radius: usize,
        max_shift_px: f64,
    ) -> Self {
        let near_peak = |x: f64, y: f64| (x - peak.0).hypot(y - peak.1) <= max_shift_px;
        match fit_star(psf, pixel, start, radius, 2.0 * max_shift_px) {
            Some(fit) if near_peak(fit.x, fit.y) => Self {
                x: fit.x,
                y: fit.y,
                x_err: fit.x_err,
                y_err: fit.y_err,
                xy_cov: fit.xy_cov,
                flag_reset_to_peak: false,
            },
            _ => Self::at_peak(peak.0, peak.1),
        }
    }
}
