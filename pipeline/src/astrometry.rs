//! Astrometry of one image: its nominal world coordinates brought onto the stars of a reference catalog.
//!
//! ```text
//! nominal WCS ─▶ plane at the image's centre (arcsec) ─┬─ pattern: shift and rotation from star pairs
//!                                                      │
//!       reference stars at the epoch of the image ─────┴─▶ match ─▶ polynomial, clipped ─▶ match ─▶ …
//!                                                                        │
//!                                              TAN-SIP header ◀── nominal WCS + polynomial
//! ```
//!
//! What the camera's model knows of its distortion stays; the polynomial has the degree that the stars call
//! for (by Akaike's criterion), and if they call for none, the nominal coordinates stay. Matching tolerates stars that only one side has.
//!
//! Reference: Tabur 2007 (2007PASA...24..189T) for the pairs.

mod correction;
mod pattern;

pub use correction::Correction;

use crate::statistics::median;
use crate::wcs::{Wcs, WcsError};
use kiddo::{ImmutableKdTree, SquaredEuclidean};
use serde::{Deserialize, Serialize};

/// Order of the SIP polynomials that stand for the solution.
const SIP_ORDER: u32 = 4;
/// Rounds of matching and fitting.
const ROUNDS: usize = 3;

/// How world coordinates are fitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AstrometryConfig {
    /// Fit at all.
    pub enabled: bool,
    /// An image without a solution fails; else it keeps its nominal coordinates.
    pub required: bool,
    /// Largest error of the nominal pointing, arcsec.
    pub max_offset_arcsec: f64,
    /// Largest error of the nominal rotation, degrees.
    pub max_rotation_deg: f64,
    /// Distance within which a source and a star are the same, once shift and rotation are known, arcsec.
    pub match_arcsec: f64,
    /// Brightest sources that make the pattern.
    pub pattern_sources: usize,
    /// Matches that a solution needs.
    pub min_matches: usize,
    /// Least signal to noise of a source that is used.
    pub min_snr: f64,
    /// Largest degree of the polynomial.
    pub max_degree: usize,
    /// Error of a position that no photon noise accounts for, mas.
    pub floor_mas: f64,
    /// Clipping of the residuals, standard deviations.
    pub clip_sigma: f64,
}

impl Default for AstrometryConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            required: false,
            max_offset_arcsec: 30.0,
            max_rotation_deg: 0.5,
            match_arcsec: 0.7,
            pattern_sources: 60,
            min_matches: 6,
            min_snr: 10.0,
            max_degree: 3,
            floor_mas: 3.0,
            clip_sigma: 4.0,
        }
    }
}

/// A source of the image.
#[derive(Debug, Clone, Copy)]
pub struct ImageStar {
    /// Column, pixels.
    pub x: f64,
    /// Row, pixels.
    pub y: f64,
    /// Standard error of each coordinate, pixels.
    pub error_px: f64,
    /// Flux in any unit, to tell bright from faint.
    pub flux: f64,
}

/// A star of the reference catalog, where it was at the epoch of the image.
#[derive(Debug, Clone, Copy)]
pub struct SkyStar {
    /// Right ascension, ICRS degrees.
    pub ra: f64,
    /// Declination, ICRS degrees.
    pub dec: f64,
    /// Standard error of each coordinate, mas.
    pub error_mas: f64,
    /// Magnitude, to tell bright from faint.
    pub mag: f64,
}

/// Fitted world coordinates.
#[derive(Debug, Clone)]
pub struct AstrometrySolution {
    /// Pixels to sky, as a TAN-SIP header can say it.
    pub wcs: Wcs,
    /// Largest difference between `wcs` and what it stands for, mas.
    pub sip_error_mas: f64,
    /// Pairs of a source and its star that were used, by index.
    pub used: Vec<(usize, usize)>,
    /// Degree of the polynomial.
    pub degree: usize,
    /// Mean distance of the used sources from their stars, arcsec.
    pub offset_mean_arcsec: f64,
    /// Standard deviation of the residuals along each axis, arcsec.
    pub offset_std_arcsec: f64,
    /// Largest shift of a corner of the image, arcsec.
    pub corner_max_offset_arcsec: f64,
}

/// Why there is no solution.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AstrometryError {
    /// Too few stars on either side.
    #[error("{sources} sources and {stars} reference stars, of each {needed} are needed")]
    FewStars {
        /// Sources above the least signal to noise.
        sources: usize,
        /// Reference stars near the image.
        stars: usize,
        /// Of each.
        needed: usize,
    },
    /// No shift and rotation brings sources onto stars.
    #[error(
        "the pattern of {sources} sources is not among {stars} reference stars: \
         at most {matches} agree"
    )]
    NoPattern {
        /// Sources of the pattern.
        sources: usize,
        /// Reference stars that were tried.
        stars: usize,
        /// Most matches.
        matches: usize,
    },
    /// Matches that do not determine a fit.
    #[error("{matches} matches do not determine the world coordinates")]
    NotDetermined {
        /// Matches after clipping.
        matches: usize,
    },
    /// World coordinates that make no sense.
    #[error("the fitted world coordinates cannot be written as a header")]
    Wcs(#[from] WcsError),
}

/// Fit the world coordinates of an image of `(nx, ny)` pixels whose nominal ones are `nominal`.
///
/// # Errors
/// Too few stars, no pattern in common, or too few matches; see [`AstrometryError`].
pub fn solve(
    nominal: &Wcs,
    size: (usize, usize),
    sources: &[ImageStar],
    stars: &[SkyStar],
    config: &AstrometryConfig,
) -> Result<AstrometrySolution, AstrometryError> {
    let plane = Plane::of(nominal, size)?;
    let scale = nominal.pixel_scale_arcsec(0.5 * size.0 as f64, 0.5 * size.1 as f64);
    let seen: Vec<PlaneStar> = sources
        .iter()
        .enumerate()
        .filter_map(|(index, s)| {
            let at = plane.of_pixel(nominal, (s.x, s.y))?;
            let error = s.error_px * scale;
            error.is_finite().then_some(PlaneStar { index, at, error, brightness: s.flux })
        })
        .collect();
    let reach = plane.half_diagonal_arcsec + config.max_offset_arcsec;
    let known: Vec<PlaneStar> = stars
        .iter()
        .enumerate()
        .filter_map(|(index, s)| {
            let at = plane.of_sky((s.ra, s.dec))?;
            let near = at[0].hypot(at[1]) <= reach;
            let error = s.error_mas.max(0.0) * 1e-3;
            near.then_some(PlaneStar { index, at, error, brightness: -s.mag })
        })
        .collect();
    if seen.len() < config.min_matches || known.len() < config.min_matches {
        let (sources, stars) = (seen.len(), known.len());
        return Err(AstrometryError::FewStars { sources, stars, needed: config.min_matches });
    }
    let places: Vec<[f64; 2]> = known.iter().map(|star| star.at).collect();
    let Ok(tree) = ImmutableKdTree::<f64, 2>::new_from_slice(&places) else {
        return Err(AstrometryError::NotDetermined { matches: 0 });
    };
    let found = pattern::find(&seen, &known, &tree, plane.half_diagonal_arcsec, config)?;
    let mut fit = Correction::rigid(found.shift, found.rotation_rad, plane.half_diagonal_arcsec);
    let mut radius = config.match_arcsec;
    let mut used = Vec::new();
    for _ in 0..ROUNDS {
        let matches = matched(&seen, &known, &tree, &fit, radius);
        let fitted = fit_clipped(&seen, &known, matches, plane.half_diagonal_arcsec, config)?;
        (fit, used) = fitted;
        // Closer matches than the scatter of the good ones are no less likely to be right.
        let mut distances: Vec<f64> =
            used.iter().map(|&(s, k)| distance(fit.apply(seen[s].at), known[k].at)).collect();
        radius = (8.0 * median(&mut distances)).clamp(0.1, config.match_arcsec);
    }
    let corrected =
        |x: f64, y: f64| plane.of_pixel(nominal, (x, y)).map(|at| plane.to_sky(fit.apply(at)));
    let (wcs, sip_error_arcsec) = Wcs::fit_sip(size, SIP_ORDER, corrected)?;
    let residuals: Vec<[f64; 2]> = used
        .iter()
        .map(|&(s, k)| {
            let at = fit.apply(seen[s].at);
            [at[0] - known[k].at[0], at[1] - known[k].at[1]]
        })
        .collect();
    let n = residuals.len() as f64;
    let square: f64 = residuals.iter().map(|r| r[0] * r[0] + r[1] * r[1]).sum();
    let (right, top) = (size.0 as f64 - 0.5, size.1 as f64 - 0.5);
    let corners = [(-0.5, -0.5), (right, -0.5), (right, top), (-0.5, top)];
    let shift = |corner| {
        let before = plane.of_pixel(nominal, corner)?;
        Some(distance(before, fit.apply(before)))
    };
    Ok(AstrometrySolution {
        wcs,
        sip_error_mas: sip_error_arcsec * 1e3,
        degree: fit.degree(),
        offset_mean_arcsec: residuals.iter().map(|r| r[0].hypot(r[1])).sum::<f64>() / n,
        offset_std_arcsec: (0.5 * square / n).sqrt(),
        corner_max_offset_arcsec: corners.into_iter().filter_map(shift).fold(0.0, f64::max),
        used: used.iter().map(|&(s, k)| (seen[s].index, known[k].index)).collect(),
    })
}

/// A star on the plane.
#[derive(Debug, Clone, Copy)]
struct PlaneStar {
    /// In the list that it came from.
    index: usize,
    /// Place, arcsec.
    at: [f64; 2],
    /// Standard error of each coordinate, arcsec.
    error: f64,
    /// The larger, the brighter.
    brightness: f64,
}

/// The plane that touches the sky at the nominal centre of the image, arcsec to the east and north.
struct Plane {
    projection: Wcs,
    half_diagonal_arcsec: f64,
}

impl Plane {
    fn of(nominal: &Wcs, (nx, ny): (usize, usize)) -> Result<Self, WcsError> {
        let centre = (0.5 * (nx as f64 - 1.0), 0.5 * (ny as f64 - 1.0));
        let (ra, dec) = nominal.pixel_to_sky(centre.0, centre.1);
        let arcsec = 1.0 / 3600.0;
        let projection = Wcs::tan([ra, dec], [0.0, 0.0], [[arcsec, 0.0], [0.0, arcsec]])?;
        let scale = nominal.pixel_scale_arcsec(centre.0, centre.1);
        let half_diagonal_arcsec = 0.5 * (nx as f64).hypot(ny as f64) * scale;
        Ok(Self { projection, half_diagonal_arcsec })
    }

    fn of_sky(&self, (ra, dec): (f64, f64)) -> Option<[f64; 2]> {
        self.projection.sky_to_pixel(ra, dec).map(|(x, y)| [x, y])
    }

    fn of_pixel(&self, nominal: &Wcs, (x, y): (f64, f64)) -> Option<[f64; 2]> {
        self.of_sky(nominal.pixel_to_sky(x, y))
    }

    fn to_sky(&self, at: [f64; 2]) -> (f64, f64) {
        self.projection.pixel_to_sky(at[0], at[1])
    }
}

fn distance(a: [f64; 2], b: [f64; 2]) -> f64 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

/// The star nearest to a place, and the square of its distance.
fn nearest(tree: &ImmutableKdTree<f64, 2>, at: [f64; 2]) -> (usize, f64) {
    let hit = tree.query(&at).nearest_one::<SquaredEuclidean<f64>>().execute();
    (hit.item as usize, hit.distance)
}

/// Pairs of a source and a star that are each other's nearest, within `radius` arcsec.
fn matched(
    seen: &[PlaneStar],
    known: &[PlaneStar],
    tree: &ImmutableKdTree<f64, 2>,
    fit: &Correction,
    radius: f64,
) -> Vec<(usize, usize)> {
    let mut best: Vec<Option<(usize, f64)>> = vec![None; known.len()];
    for (s, star) in seen.iter().enumerate() {
        let (k, distance2) = nearest(tree, fit.apply(star.at));
        if distance2 <= radius * radius && best[k].is_none_or(|(_, other)| distance2 < other) {
            best[k] = Some((s, distance2));
        }
    }
    let pair = |(k, hit): (usize, &Option<(usize, f64)>)| hit.map(|(s, _)| (s, k));
    best.iter().enumerate().filter_map(pair).collect()
}

/// Fit matches, leaving out those that lie off, at the degree that they call for.
fn fit_clipped(
    seen: &[PlaneStar],
    known: &[PlaneStar],
    mut matches: Vec<(usize, usize)>,
    scale_arcsec: f64,
    config: &AstrometryConfig,
) -> Result<(Correction, Vec<(usize, usize)>), AstrometryError> {
    let floor = config.floor_mas * 1e-3;
    let error = |&(s, k): &(usize, usize)| {
        (seen[s].error.powi(2) + known[k].error.powi(2) + floor * floor).sqrt()
    };
    for _ in 0..8 {
        let n = matches.len();
        let undetermined = AstrometryError::NotDetermined { matches: n };
        if n < config.min_matches {
            return Err(undetermined);
        }
        let pairs: Vec<([f64; 2], [f64; 2], f64)> =
            matches.iter().map(|m| (seen[m.0].at, known[m.1].at, error(m))).collect();
        let largest = correction::degree_for(n).min(config.max_degree);
        let fit = Correction::best(&pairs, largest, scale_arcsec).ok_or(undetermined)?;
        let off = |m: &(usize, usize)| distance(fit.apply(seen[m.0].at), known[m.1].at) / error(m);
        let mut sizes: Vec<f64> = matches.iter().map(off).collect();
        // The median of the length of a vector of two unit deviates is 1.177.
        let unit = (median(&mut sizes) / 1.177).max(1.0);
        matches.retain(|m| off(m) <= config.clip_sigma * unit);
        if matches.len() == n {
            return Ok((fit, matches));
        }
    }
    Err(AstrometryError::NotDetermined { matches: matches.len() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_distr::{Distribution, StandardNormal};

    const SIZE: (usize, usize) = (1000, 1200);

    /// A sky of stars seen through `truth`, of which the nominal coordinates are off.
    struct Case {
        nominal: Wcs,
        truth: Wcs,
        sources: Vec<ImageStar>,
        stars: Vec<SkyStar>,
    }

    fn case(n: usize, crval: [f64; 2], offset_arcsec: f64, rotation_deg: f64) -> Case {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(n as u64);
        let scale = 0.2 / 3600.0;
        let at = |rotation: f64, crpix: [f64; 2]| {
            let (s, c) = rotation.to_radians().sin_cos();
            Wcs::tan(crval, crpix, [[-scale * c, scale * s], [scale * s, scale * c]]).unwrap()
        };
        let truth = at(30.0, [480.0, 620.0]);
        let shift = offset_arcsec / 0.2;
        let nominal = at(30.0 + rotation_deg, [480.0 + 0.6 * shift, 620.0 - 0.8 * shift]);
        let (mut sources, mut stars) = (Vec::new(), Vec::new());
        for _ in 0..n {
            let x = rng.random_range(0.0..SIZE.0 as f64);
            let y = rng.random_range(0.0..SIZE.1 as f64);
            let mag = rng.random_range(16.0..20.0);
            let mut noise = || -> f64 { StandardNormal.sample(&mut rng) };
            let (ra, dec) = truth.pixel_to_sky(x, y);
            let source = ImageStar {
                x: x + 0.02 * noise(),
                y: y + 0.02 * noise(),
                error_px: 0.02,
                flux: 10f64.powf(-0.4 * (mag + 0.1 * noise())),
            };
            // A tenth of each is missing on the other side.
            if rng.random_range(0.0..1.0) > 0.1 {
                sources.push(source);
            }
            if rng.random_range(0.0..1.0) > 0.1 {
                stars.push(SkyStar { ra, dec, error_mas: 0.5, mag });
            }
        }
        Case { nominal, truth, sources, stars }
    }

    fn check(case: &Case, within_mas: f64) {
        let config = AstrometryConfig::default();
        let found = solve(&case.nominal, SIZE, &case.sources, &case.stars, &config).unwrap();
        let mut worst = 0.0_f64;
        for (x, y) in [(500.0, 600.0), (50.0, 50.0), (950.0, 1150.0), (50.0, 1150.0)] {
            let (ra, dec) = case.truth.pixel_to_sky(x, y);
            let (u, v) = found.wcs.sky_to_pixel(ra, dec).unwrap();
            worst = worst.max((u - x).hypot(v - y) * 200.0);
        }
        println!("{} matches, degree {}, worst {worst:.2} mas", found.used.len(), found.degree);
        assert!(worst < within_mas, "{worst} mas");
        assert!(found.sip_error_mas < 0.01, "{}", found.sip_error_mas);
    }

    #[test]
    fn shifted_and_turned_images_are_brought_onto_the_stars() {
        check(&case(150, [150.0, 2.0], 10.0, 0.05), 6.0);
        check(&case(150, [150.0, 2.0], 25.0, -0.3), 6.0);
        check(&case(20, [150.0, 2.0], 10.0, 0.05), 15.0);
        check(&case(150, [0.001, -30.0], 10.0, 0.05), 6.0);
        check(&case(150, [77.0, 89.999], 10.0, 0.05), 6.0);
    }

    #[test]
    fn other_stars_are_refused() {
        let (here, there) = (case(60, [150.0, 2.0], 5.0, 0.0), case(61, [150.0, 2.0], 5.0, 0.0));
        let config = AstrometryConfig::default();
        let found = solve(&here.nominal, SIZE, &here.sources, &there.stars, &config);
        assert!(matches!(found, Err(AstrometryError::NoPattern { .. })), "{found:?}");
        let few = solve(&here.nominal, SIZE, &here.sources[..3], &here.stars, &config);
        assert!(matches!(few, Err(AstrometryError::FewStars { sources: 3, .. })));
    }
}
