//! Stars: magnitudes, colours along the stellar locus, motions, some variable.

use rand::RngExt;

use super::motion::StarMotion;
use super::{Field, LightCurve, ObjectKind, SkyObject, magnitude};
use crate::photo_calib::magnitude_to_njy;
use crate::simulate::random::{Purpose, between, gaussian, stream};

/// Draw the stars of a field.
pub(super) fn draw(field: &Field) -> Vec<SkyObject> {
    let config = &field.config.sky;
    let mut rng = stream(field.config.seed, Purpose::Stars, 0, 0);
    (0..field.count(config.stars_per_arcmin2))
        .map(|_| {
            let (ra, dec) = field.place(&mut rng);
            let r = magnitude(config.star_magnitudes, config.star_slope, &mut rng);
            let colours = locus(between(&mut rng, 0.0, 1.0));
            let spread = if between(&mut rng, 0.0, 1.0) < 0.9 { 1.0 } else { 5.0 };
            let motion = StarMotion {
                pm_ra_mas_yr: spread * config.proper_motion_mas_yr * gaussian(&mut rng),
                pm_dec_mas_yr: spread * config.proper_motion_mas_yr * gaussian(&mut rng),
                // Near stars move fast: 10 mas for each 100 mas a year, with a scatter of two.
                parallax_mas: 0.1 + 0.8 * spread * (0.7 * gaussian(&mut rng)).exp(),
            };
            let varies = rng.random::<f64>() < config.variable_fraction;
            let curve = LightCurve::draw(&mut rng);
            let magnitudes = colours.map(|offset| r + offset);
            let kind = ObjectKind::Star(motion, varies.then_some(curve));
            SkyObject { id: 0, ra, dec, flux_njy: magnitudes.map(magnitude_to_njy), kind }
        })
        .collect()
}

/// Magnitudes in u, g, r, i, z, y less that in r, of a star at a place along the locus from blue (0) to
/// red (1): beyond g − r = 1.35 only r − i grows.
fn locus(along: f64) -> [f64; 6] {
    let (g_r, r_i) = if along < 0.7 {
        let g_r = 0.2 + along * 1.6;
        (g_r, 0.38 * g_r - 0.04)
    } else {
        (1.35 + 0.1 * (along - 0.7), 0.5 + 4.0 * (along - 0.7))
    };
    let u_g = 0.8 + 1.2 * g_r;
    let i_z = 0.55 * r_i;
    let z_y = 0.25 * r_i;
    [g_r + u_g, g_r, 0.0, -r_i, -r_i - i_z, -r_i - i_z - z_y]
}
