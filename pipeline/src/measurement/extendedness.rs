//! Extendedness: does a source look larger than the PSF?
//!
//! The adaptive size of the source is compared with that of the PSF in the same pixels. What exceeds it
//! by less than three standard errors, or by less than a tenth, is called a point. A continuous measure
//! goes with it: [`size_extendedness`].

use super::Shape;

/// Standard errors by which a galaxy must exceed the PSF.
const SIGNIFICANCE: f64 = 3.0;
/// Relative excess of `xx + yy` that a galaxy must have.
const MIN_EXCESS: f64 = 0.1;
/// Relative error of the PSF's size.
const PSF_SIZE_ERROR: f64 = 0.03;

/// 0 for a point, 1 for an extended source; NaN where a shape is missing.
pub fn extendedness(source: &Shape, psf: &Shape) -> f64 {
    if source.flag || psf.flag {
        return f64::NAN;
    }
    let excess = source.trace() / psf.trace() - 1.0;
    let error = source.trace_err / psf.trace();
    f64::from(u8::from(excess > (SIGNIFICANCE * error).max(MIN_EXCESS)))
}

/// How sure it is that the source is larger than the PSF: `1 − exp(−χ²/2)` with the excess of `xx + yy`
/// over its error, to which a model error of the PSF is added; 0 where it is not larger.
pub fn size_extendedness(source: &Shape, psf: &Shape) -> f64 {
    if source.flag || psf.flag {
        return f64::NAN;
    }
    let excess = source.trace() / psf.trace() - 1.0;
    let error = (source.trace_err / psf.trace()).hypot(PSF_SIZE_ERROR);
    1.0 - (-0.5 * (excess.max(0.0) / error).powi(2)).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(trace: f64, trace_err: f64) -> Shape {
        Shape { xx: trace / 2.0, yy: trace / 2.0, xy: 0.0, trace_err, flag: false, ..Shape::FAILED }
    }

    #[test]
    fn size_must_be_both_large_and_certain() {
        let psf = round(8.0, 0.0);
        assert_eq!(extendedness(&round(8.2, 0.01), &psf), 0.0);
        assert_eq!(extendedness(&round(10.0, 0.1), &psf), 1.0);
        assert_eq!(extendedness(&round(10.0, 1.0), &psf), 0.0);
        assert!(extendedness(&Shape::FAILED, &psf).is_nan());
        assert!(size_extendedness(&round(8.2, 0.01), &psf) < 0.5);
        assert!(size_extendedness(&round(10.0, 0.1), &psf) > 0.999);
        assert_eq!(size_extendedness(&round(7.0, 0.1), &psf), 0.0);
    }
}
