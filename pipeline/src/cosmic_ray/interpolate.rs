//! Filling lost pixels from those around them.
//!
//! Along each of four directions a straight line joins the nearest good pixels on both sides; the lines count
//! by the inverse square of their span, so that across a track the short way decides.

use crate::image::MaskedImage;

/// Steps along rows and columns.
const DIRECTIONS: [(isize, isize, f64); 4] =
    [(0, 1, 1.0), (1, 0, 1.0), (1, 1, std::f64::consts::SQRT_2), (1, -1, std::f64::consts::SQRT_2)];
/// Farthest good pixel that counts, steps.
const REACH: isize = 12;

/// Give `pixels` the value that pixels without a bit of `unknown` suggest; 0 where there are none.
///
/// The variance becomes that of those pixels: larger than the interpolated value's, so that an
/// estimate which uses it all the same is not too sure.
pub fn interpolate(image: &mut MaskedImage, pixels: &[[usize; 2]], unknown: u32) {
    let filled: Vec<(f32, f32)> = pixels.iter().map(|&at| filling(image, at, unknown)).collect();
    for (&at, (value, variance)) in pixels.iter().zip(filled) {
        image.image[at] = value;
        image.variance[at] = variance;
    }
}

fn filling(image: &MaskedImage, [y, x]: [usize; 2], unknown: u32) -> (f32, f32) {
    let nearest = |dy: isize, dx: isize| {
        (1..=REACH).find_map(|step| {
            let at = [y.checked_add_signed(dy * step)?, x.checked_add_signed(dx * step)?];
            let bits = *image.mask.get(at)?;
            (bits & unknown == 0)
                .then(|| (step as f64, f64::from(image.image[at]), f64::from(image.variance[at])))
        })
    };
    let (mut value, mut variance, mut weights) = (0.0, 0.0, 0.0);
    for (dy, dx, length) in DIRECTIONS {
        let (near, far) = (nearest(-dy, -dx), nearest(dy, dx));
        let (line, noise, span) = match (near, far) {
            (Some(a), Some(b)) => {
                let span = a.0 + b.0;
                ((a.1 * b.0 + b.1 * a.0) / span, (a.2 * b.0 + b.2 * a.0) / span, span)
            }
            // One side is a guess: it counts as a line thrice as long.
            (Some(only), None) | (None, Some(only)) => (only.1, only.2, 6.0 * only.0),
            (None, None) => continue,
        };
        let weight = (span * length).powi(-2);
        value += weight * line;
        variance += weight * noise;
        weights += weight;
    }
    if weights == 0.0 {
        return (0.0, image.variance[[y, x]]);
    }
    ((value / weights) as f32, (variance / weights) as f32)
}
