//! Galaxies: counts, sizes, shapes, colours that redden with redshift; a tenth of them in pairs.

use rand::RngExt;
use rand_distr::{Distribution, LogNormal};

use super::{Field, ObjectKind, SkyObject, magnitude};
use crate::photo_calib::magnitude_to_njy;
use crate::simulate::galaxy::GalaxyShape;
use crate::simulate::random::{Purpose, between, gaussian, stream};

/// Sérsic indices that galaxies take.
const SERSIC_INDICES: [f64; 4] = [0.5, 1.0, 2.5, 4.0];
/// Fraction of the galaxies that have a companion at some arcseconds.
const PAIRED: f64 = 0.1;
/// Scatter of each component of the shear.
const SHEAR: f64 = 0.18;

/// Draw the galaxies of a field.
pub(super) fn draw(field: &Field) -> Vec<SkyObject> {
    let config = &field.config.sky;
    let mut rng = stream(field.config.seed, Purpose::Galaxies, 0, 0);
    let mut previous = None;
    (0..field.count(config.galaxies_per_arcmin2))
        .map(|_| {
            let own = field.place(&mut rng);
            let (ra, dec) = match previous {
                Some((ra, dec)) if rng.random::<f64>() < PAIRED => {
                    let step = |rng: &mut _| 1.5 * gaussian(rng) / 3600.0;
                    let dec: f64 = dec + step(&mut rng);
                    (ra + step(&mut rng) / dec.to_radians().cos(), dec)
                }
                _ => own,
            };
            previous = Some((ra, dec));
            let r = magnitude(config.galaxy_magnitudes, config.galaxy_slope, &mut rng);
            // Fainter galaxies are smaller and more distant: half an arcsecond and z = 0.4 at r = 22.
            let median_arcsec = 0.5 * 10f64.powf(-0.1 * (r - 22.0));
            let half_light_px = LogNormal::new(median_arcsec.ln(), 0.3)
                .map_or(median_arcsec, |law| law.sample(&mut rng))
                .clamp(0.1, 3.0);
            let redshift = (0.4 + 0.15 * (r - 22.0)).max(0.05) * (0.3 * gaussian(&mut rng)).exp();
            let mut component = || (SHEAR * gaussian(&mut rng)).clamp(-0.45, 0.45);
            let (g1, g2) = (component(), component());
            let sersic_n = SERSIC_INDICES[rng.random_range(0..SERSIC_INDICES.len())];
            let shape = GalaxyShape { sersic_n, half_light_px, g1, g2 };
            // A spectrum with a break that moves to the red.
            let old = if sersic_n > 2.0 { 1.0 } else { between(&mut rng, 0.3, 0.8) };
            let g_r = 0.3 + 0.8 * old * (redshift / 0.5).min(1.0);
            let r_i = 0.15 + 0.5 * old * (redshift - 0.2).clamp(0.0, 1.0);
            let magnitudes = [g_r + 1.0 + 0.5 * old, g_r, 0.0, -r_i, -r_i - 0.2, -r_i - 0.3];
            SkyObject {
                id: 0,
                ra,
                dec,
                flux_njy: magnitudes.map(|offset| magnitude_to_njy(r + offset)),
                kind: ObjectKind::Galaxy(shape, redshift),
            }
        })
        .collect()
}
