//! How well the PSF model describes the stars, in the numbers of the VisitDetector table.

use super::{Characterized, SourceMeasurement};
use crate::image::mask_plane;
use crate::measurement::Shape;
use crate::statistics::{median, robust_sigma};

/// Points along each side of the image at which the model is compared with itself.
const GRID: usize = 8;
/// Pixels that no star can be on.
const UNUSABLE: u32 = mask_plane::BAD | mask_plane::NO_DATA | mask_plane::SAT;

/// Stars against model, and the model over the image. NaN where there are no stars.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PsfQuality {
    /// Median and scatter of the first component of the ellipticity, star less model.
    pub delta_e1: (f64, f64),
    /// Of the second component.
    pub delta_e2: (f64, f64),
    /// Of the determinant radius, pixels.
    pub delta_size: (f64, f64),
    /// Scatter of the size, star less model, over the square of the model's.
    pub scaled_size_scatter: f64,
    /// Median ellipticity of the stars.
    pub e_median: f64,
    /// The same without division by the size, px².
    pub unnormalized_e_median: f64,
    /// Largest less least trace radius of the model, pixels.
    pub trace_radius_range: f64,
    /// Largest distance of a usable pixel from the nearest star, pixels.
    pub farthest_from_star: f64,
}

impl PsfQuality {
    /// Measure it.
    pub fn of(image: &Characterized) -> Self {
        let stars: Vec<&SourceMeasurement> =
            image.sources.iter().filter(|s| s.psf_used && !s.shape.flag).collect();
        let both = |of: &dyn Fn(&SourceMeasurement) -> f64| {
            let mut values: Vec<f64> = stars.iter().map(|s| of(s)).collect();
            (median(&mut values), robust_sigma(&mut values))
        };
        let difference = |of: fn(&Shape) -> f64| both(&move |s| of(&s.shape) - of(&s.psf_shape));
        let length = |s: &Shape| (s.xx - s.yy).hypot(2.0 * s.xy);
        let radius = Shape::determinant_radius_px;
        let scaled = |s: &SourceMeasurement| {
            (radius(&s.shape) - radius(&s.psf_shape)) / radius(&s.psf_shape).powi(2)
        };
        Self {
            delta_e1: difference(|s| s.ellipticity().0),
            delta_e2: difference(|s| s.ellipticity().1),
            delta_size: difference(radius),
            scaled_size_scatter: both(&scaled).1,
            e_median: both(&|s| length(&s.shape) / s.shape.trace()).0,
            unnormalized_e_median: both(&|s| length(&s.shape)).0,
            trace_radius_range: trace_radius_range(image),
            farthest_from_star: farthest(image),
        }
    }
}

/// Places of a coarse grid over the image.
fn grid(image: &Characterized) -> impl Iterator<Item = (f64, f64)> {
    let (ny, nx) = image.image.image.dim();
    let place = |k: usize, n: usize| (k as f64 + 0.5) / GRID as f64 * n as f64;
    (0..GRID * GRID).map(move |k| (place(k % GRID, nx), place(k / GRID, ny)))
}

fn trace_radius_range(image: &Characterized) -> f64 {
    let radii = || {
        let shapes = grid(image).map(|(x, y)| image.psf_shape(x, y)).filter(|s| !s.flag);
        shapes.map(|shape| (0.5 * shape.trace()).sqrt())
    };
    radii().fold(f64::NAN, f64::max) - radii().fold(f64::NAN, f64::min)
}

fn farthest(image: &Characterized) -> f64 {
    let nearest = |(x, y): (f64, f64)| {
        let distances = image.psf.stars.iter().map(|s| (s.0 - x).hypot(s.1 - y));
        distances.fold(f64::NAN, f64::min)
    };
    grid(image)
        .filter(|&(x, y)| image.image.mask[[y as usize, x as usize]] & UNUSABLE == 0)
        .map(nearest)
        .fold(f64::NAN, f64::max)
}
