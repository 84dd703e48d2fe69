//! Covers miss nothing, hold little more than the region, and are quick.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use cdshealpix::nested;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::chunking::healpix29;
use crate::sphgeom::{Boundary, Cone, LonLatBox, Polygon, UnitVector};

fn anywhere(rng: &mut ChaCha8Rng) -> UnitVector {
    let z: f64 = rng.random_range(-1.0..1.0);
    UnitVector::from_lonlat_deg(rng.random_range(0.0..360.0), z.asin().to_degrees())
}

/// A point at most `radius_deg` from the axis: evenly over the cap, every fourth on its edge.
fn near(rng: &mut ChaCha8Rng, axis: &UnitVector, radius_deg: f64) -> UnitVector {
    let (east, north) = axis.east_north();
    let share: f64 = if rng.random_bool(0.25) { 1.0 } else { rng.random::<f64>().sqrt() };
    // sin(θ/2) is even in the square root of the area.
    let angle = 2.0 * (share * (radius_deg.to_radians() / 2.0).sin()).asin();
    let (sin_t, cos_t) = angle.sin_cos();
    let (sin_p, cos_p) = rng.random_range(0.0..std::f64::consts::TAU).sin_cos();
    UnitVector::normalize(
        cos_t * axis.x + sin_t * (cos_p * east.x + sin_p * north.x),
        cos_t * axis.y + sin_t * (cos_p * east.y + sin_p * north.y),
        cos_t * axis.z + sin_t * (cos_p * east.z + sin_p * north.z),
    )
    .unwrap()
}

fn covers(ranges: &[RangeInclusive<i64>], key: i64) -> bool {
    let after = ranges.partition_point(|range| *range.start() <= key);
    after > 0 && ranges[after - 1].contains(&key)
}

/// Count how many points of the region, moved by up to `widen`, fall outside the cover.
fn check(region: &Region, widen_deg: f64, max_ranges: usize, rng: &mut ChaCha8Rng, points: usize) {
    let ranges = healpix_ranges(region, Angle::from_degrees(widen_deg), max_ranges);
    assert!(ranges.len() <= max_ranges);
    assert!(ranges.windows(2).all(|pair| pair[0].end() + 1 < *pair[1].start()), "{ranges:?}");
    let cap = region.bounding_cap();
    let mut tried = 0;
    while tried < points {
        let v = near(rng, &cap.center, cap.radius.degrees());
        tried += 1;
        if !region.contains(&v) {
            continue;
        }
        let moved = if widen_deg > 0.0 { near(rng, &v, widen_deg * (1.0 - 1e-12)) } else { v };
        let (lon, lat) = moved.to_lonlat_deg();
        let key = healpix29(lon, lat).unwrap();
        assert!(covers(&ranges, key), "{region:?} misses {lon} {lat}");
    }
}

fn area_deg2(ranges: &[RangeInclusive<i64>]) -> f64 {
    let keys: f64 = ranges.iter().map(|range| (range.end() - range.start() + 1) as f64).sum();
    keys / (12.0 * 4.0_f64.powi(29)) * 41_252.961_25
}

#[test]
fn cell_reach_bounds_every_cell() {
    let mut largest: f64 = 0.0;
    let mut probe = |order: u8, cell: u64| {
        let layer = nested::get(order);
        let center = cell_center(order, cell);
        let start = cdshealpix::compass_point::Cardinal::S;
        for (lon, lat) in layer.path_along_cell_edge(cell, &start, true, 8).iter() {
            let edge = UnitVector::from_lonlat_radians(*lon, *lat);
            let reach = center.angle_to(&edge).radians() * f64::from(1_u32 << order);
            assert!(reach < CELL_REACH, "order {order} cell {cell}: {reach}");
            largest = largest.max(reach);
        }
    };
    for order in 0..=6 {
        (0..12 << (2 * order)).for_each(|cell| probe(order as u8, cell));
    }
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    for _ in 0..20_000 {
        let order = rng.random_range(7..=16);
        probe(order, rng.random_range(0..12_u64 << (2 * order)));
    }
    assert!(largest > 1.0, "the bound is loose: {largest}");
}

#[test]
fn random_cones_miss_nothing() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for trial in 0..600 {
        let center = match trial % 6 {
            0 => UnitVector::from_lonlat_deg(rng.random_range(0.0..360.0), 90.0),
            1 => UnitVector::from_lonlat_deg(0.0, rng.random_range(-90.0..90.0)),
            2 => UnitVector::from_lonlat_deg(45.0 * (trial % 8) as f64, 41.810_314_895_778_6),
            _ => anywhere(&mut rng),
        };
        let radius = match trial % 4 {
            0 => rng.random_range(0.0..180.0),
            1 => rng.random_range(5.0..20.0),
            _ => 180.0 * 10.0_f64.powf(rng.random_range(-11.0..0.0)),
        };
        let widen = if trial % 3 == 0 { 10.0_f64.powf(rng.random_range(-6.0..0.0)) } else { 0.0 };
        let cone = Region::Cone(Cone::new(center, Angle::from_degrees(radius), Boundary::Closed));
        check(&cone, widen, [64, 16, 1, 200][trial % 4], &mut rng, 500);
    }
    check(&Region::Everything, 0.0, 64, &mut rng, 500);
    check(&Cone::closed_deg(33.0, 45.0, 180.0).into(), 0.0, 64, &mut rng, 500);
}

/// The cone whose cover by cdshealpix 0.10.1 leaves out cells that the cone overlaps.
#[test]
fn the_cone_that_is_known_to_be_hard() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let cone = Cone::closed_deg(263.173_977_968_128_4, -30.970_881_449_480_075, 5.0);
    check(&cone.into(), 0.0, 64, &mut rng, 400_000);
}

#[test]
fn zero_cones_hold_their_centre() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    for (lon, lat) in [(0.0, 90.0), (0.0, -90.0), (0.0, 0.0), (359.999_999_999, 0.0), (45.0, 41.8)]
    {
        let ranges = healpix_ranges(&Cone::closed_deg(lon, lat, 0.0).into(), Angle::ZERO, 64);
        assert!(covers(&ranges, healpix29(lon, lat).unwrap()), "{lon} {lat}");
    }
    for _ in 0..2000 {
        let (lon, lat) = anywhere(&mut rng).to_lonlat_deg();
        let ranges = healpix_ranges(&Cone::closed_deg(lon, lat, 0.0).into(), Angle::ZERO, 64);
        assert!(covers(&ranges, healpix29(lon, lat).unwrap()), "{lon} {lat}");
    }
}

#[test]
fn empty_regions_have_empty_covers() {
    let cone = Cone::new(UnitVector::from_lonlat_deg(1.0, 2.0), Angle::ZERO, Boundary::Open);
    assert!(healpix_ranges(&cone.into(), Angle::ZERO, 64).is_empty());
}

#[test]
fn random_boxes_miss_nothing() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    for trial in 0..300 {
        let lon = rng.random_range(0.0..360.0);
        let width = if trial % 5 == 0 { 360.0 } else { 360.0 * rng.random::<f64>().powi(4) };
        let low = if trial % 7 == 0 { -90.0 } else { rng.random_range(-90.0..90.0) };
        let high =
            if trial % 6 == 0 { 90.0 } else { low + (90.0 - low) * rng.random::<f64>().powi(3) };
        let sky_box = LonLatBox::try_new(lon, lon + width, low, high).unwrap();
        let widen = if trial % 3 == 0 { 0.5 } else { 0.0 };
        check(&sky_box.into(), widen, 64, &mut rng, 2000);
    }
}

#[test]
fn random_polygons_miss_nothing() {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    for trial in 0..300 {
        // A star with unequal rays: rarely convex.
        let center = if trial % 5 == 0 {
            UnitVector::from_lonlat_deg(0.0, 89.9)
        } else {
            anywhere(&mut rng)
        };
        let (east, north) = center.east_north();
        let scale = 10.0_f64.powf(rng.random_range(-4.0..0.0));
        let count = rng.random_range(3..9);
        let vertices: Vec<_> = (0..count)
            .map(|i| {
                let (sin, cos) =
                    (std::f64::consts::TAU * f64::from(i) / f64::from(count)).sin_cos();
                let ray = scale * rng.random_range(0.2..1.0);
                let (right, up) = (ray * cos, ray * sin);
                UnitVector::normalize(
                    center.x + right * east.x + up * north.x,
                    center.y + right * east.y + up * north.y,
                    center.z + right * east.z + up * north.z,
                )
                .unwrap()
            })
            .collect();
        let polygon = Polygon::try_new(&vertices).unwrap();
        assert!(polygon.contains(&center) && !polygon.contains(&center.antipode()));
        let widen = if trial % 3 == 0 { 0.01 } else { 0.0 };
        check(&polygon.into(), widen, 64, &mut rng, 1000);
    }
}

#[test]
fn covers_are_tight() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    for (max_ranges, allowed) in [(64, 1.6), (16, 3.0), (256, 1.3)] {
        let mut worst: f64 = 0.0;
        for radius in [1.0 / 60.0, 0.1, 1.0, 10.0, 60.0] {
            for _ in 0..50 {
                let cone =
                    Cone::new(anywhere(&mut rng), Angle::from_degrees(radius), Boundary::Closed);
                let ranges = healpix_ranges(&cone.into(), Angle::ZERO, max_ranges);
                let area = 41_252.961_25 * (radius.to_radians() / 2.0).sin().powi(2);
                worst = worst.max(area_deg2(&ranges) / area);
            }
        }
        println!("{max_ranges} ranges: at most {worst:.2} times the cone");
        assert!((1.0..allowed).contains(&worst), "{max_ranges} ranges: {worst}");
    }
}
