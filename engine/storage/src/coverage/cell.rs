//! Where the centre of a HEALPix cell lies.
//!
//! The cover asks this a thousand times for one cone, and wants a vector: going straight there
//! takes one sine and cosine where the way through longitude and latitude takes three.
//!
//! Reference: Górski et al. 2005, ApJ 622, 759, section 5.

use std::f64::consts::FRAC_PI_4;

use crate::sphgeom::UnitVector;

/// Rings from the north pole to the southern corner of each base cell, in units of nside.
const RING: [i64; 12] = [2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4];
/// Longitude of the middle of each base cell, in units of 45°.
const LONGITUDE: [i64; 12] = [1, 3, 5, 7, 0, 2, 4, 6, 1, 3, 5, 7];

/// Return the centre of a cell in the nested scheme.
pub(super) fn cell_center(order: u8, cell: u64) -> UnitVector {
    let nside = 1_i64 << order;
    let base = (cell >> (2 * order)) as usize % 12;
    let within = cell & ((1 << (2 * order)) - 1);
    let (x, y) = (even_bits(within) as i64, even_bits(within >> 1) as i64);
    let ring = RING[base] * nside - x - y - 1;
    // In the polar caps the cells of a ring are as many as its distance from the pole.
    let (per_quarter, z, across) = if ring < nside {
        let (height, across) = polar(ring, nside);
        (ring, 1.0 - height, across)
    } else if ring > 3 * nside {
        let from_south = 4 * nside - ring;
        let (height, across) = polar(from_south, nside);
        (from_south, height - 1.0, across)
    } else {
        let z = (2 * nside - ring) as f64 * 2.0 / (3 * nside) as f64;
        (nside, z, (1.0 - z * z).sqrt())
    };
    let eighths = (LONGITUDE[base] * per_quarter + x - y) as f64 / per_quarter as f64;
    let (sin, cos) = (eighths * FRAC_PI_4).sin_cos();
    UnitVector { x: across * cos, y: across * sin, z }
}

/// 1 − |z| of a ring in a polar cap, and its distance from the axis.
fn polar(ring: i64, nside: i64) -> (f64, f64) {
    let share = ring as f64 / nside as f64;
    let height = share * share / 3.0;
    (height, (height * (2.0 - height)).sqrt())
}

/// Gather the bits at even places.
fn even_bits(interleaved: u64) -> u64 {
    let mut bits = interleaved & 0x5555_5555_5555_5555;
    bits = (bits | (bits >> 1)) & 0x3333_3333_3333_3333;
    bits = (bits | (bits >> 2)) & 0x0f0f_0f0f_0f0f_0f0f;
    bits = (bits | (bits >> 4)) & 0x00ff_00ff_00ff_00ff;
    bits = (bits | (bits >> 8)) & 0x0000_ffff_0000_ffff;
    (bits | (bits >> 16)) & 0xffff_ffff
}

#[cfg(test)]
mod tests {
    use cdshealpix::nested;

    use super::*;

    fn check(order: u8, cell: u64) {
        let (lon, lat) = nested::get(order).center(cell);
        let expected = UnitVector::from_lonlat_radians(lon, lat);
        let apart = cell_center(order, cell).angle_to(&expected).radians();
        assert!(apart < 1e-15 * 8.0, "order {order} cell {cell}: {apart}");
    }

    #[test]
    fn centres_are_those_of_cdshealpix() {
        for order in 0..=5 {
            (0..12 << (2 * order)).for_each(|cell| check(order as u8, cell));
        }
        for order in 6..=29_u8 {
            let count = 12_u64 << (2 * order);
            (0..500).for_each(|i| check(order, count / 500 * i + (i * i) % (count / 500)));
            check(order, count - 1);
        }
    }
}
