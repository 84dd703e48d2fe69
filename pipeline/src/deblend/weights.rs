//! Weights of templates: least squares among those that are not negative.

use super::template::Template;
use crate::detection::Footprint;
use crate::image::MaskedImage;
use crate::measurement::psf_flux::UNUSABLE;
use ndarray::{Array1, Array2};

/// Rounds of adjusting one weight after the other.
const MAX_ROUNDS: usize = 60;
/// Relative change of the weights at which the rounds end.
const CONVERGED: f64 = 1e-4;
/// Range of a weight: templates are about right already, and a blend must not hang on a faint one.
const RANGE: (f64, f64) = (0.2, 3.0);
/// Templates beyond which the weights stay one: the equations would be large, and all are fitted points.
const MAX_TEMPLATES: usize = 200;

/// Multiply each template by its weight in the sum that fits the image best.
pub(super) fn apply(image: &MaskedImage, footprint: &Footprint, templates: &mut [Template]) {
    let n = templates.len();
    if n > MAX_TEMPLATES {
        return;
    }
    let ((x0, nx), (y0, ny)) = footprint.bounds();
    let mut normal = Array2::<f64>::zeros((n, n));
    let mut right = Array1::<f64>::zeros(n);
    let mut scratch = Array2::<f32>::zeros((ny, nx));
    for a in 0..n {
        for (y, x, value) in templates[a].pixels() {
            if image.mask[[y, x]] & UNUSABLE == 0 {
                scratch[[y - y0, x - x0]] = value;
                right[a] += f64::from(value * image.image[[y, x]]);
            }
        }
        for b in 0..=a {
            let overlap: f64 = templates[b]
                .pixels()
                .map(|(y, x, value)| f64::from(value * scratch[[y - y0, x - x0]]))
                .sum();
            normal[[a, b]] = overlap;
            normal[[b, a]] = overlap;
        }
        templates[a].pixels().for_each(|(y, x, _)| scratch[[y - y0, x - x0]] = 0.0);
    }
    for (template, weight) in templates.iter_mut().zip(solve(&normal, &right)) {
        template.values.mapv_inplace(|value| value * weight as f32);
    }
}

/// Coordinate descent from one.
fn solve(normal: &Array2<f64>, right: &Array1<f64>) -> Array1<f64> {
    let n = right.len();
    let mut weights = Array1::<f64>::ones(n);
    for _ in 0..MAX_ROUNDS {
        let mut change = 0.0_f64;
        for a in 0..n {
            if normal[[a, a]] <= 0.0 {
                continue;
            }
            let others = normal.row(a).dot(&weights) - normal[[a, a]] * weights[a];
            let next = ((right[a] - others) / normal[[a, a]]).clamp(RANGE.0, RANGE.1);
            change = change.max((next - weights[a]).abs());
            weights[a] = next;
        }
        if change < CONVERGED {
            break;
        }
    }
    weights
}
