//! Tests of where objects are.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;

fn all_positions(sky: &Sky) -> Vec<UnitVector> {
    (0..N_CELLS).flat_map(|cell| sky.positions(cell, sky.objects_of(cell))).collect()
}

fn galactic_latitude(position: &UnitVector) -> f64 {
    transform(Frame::Icrs, Frame::Galactic, position).to_lonlat_deg().1
}

#[test]
fn every_number_of_objects_is_met_exactly() {
    for n_objects in [1, 2, 49, 50, 99, 1000, 12_345] {
        let sky = Sky::new(&Seed::new(3), n_objects);
        assert_eq!(sky.n_objects(), n_objects);
        assert!(sky.starts.is_sorted());
        assert_eq!(all_positions(&sky).len() as u64, n_objects);
    }
}

#[test]
fn an_object_is_where_it_is_whoever_asks() {
    let sky = Sky::new(&Seed::new(5), 30_000);
    let all = all_positions(&sky);
    for index in (0..30_000).step_by(37) {
        let cell = sky.cell_of_object(index);
        assert!(sky.objects_of(cell).contains(&index));
        assert_eq!(sky.positions(cell, index..index + 1), [all[index as usize]]);
    }
    assert_ne!(all, all_positions(&Sky::new(&Seed::new(6), 30_000)));
}

#[test]
fn cells_are_held_by_their_caps() {
    let sky = Sky::new(&Seed::new(1), 200_000);
    for cell in 0..N_CELLS {
        let center = cell_center(cell);
        assert_eq!(cell_of(&center), cell);
        for position in sky.positions(cell, sky.objects_of(cell)) {
            // A pair may reach over the border.
            assert!(center.angle_to(&position).degrees() <= CELL_REACH.degrees());
        }
    }
}

#[test]
fn the_plane_is_dense_and_the_caps_are_sparse() {
    let sky = Sky::new(&Seed::new(2), 100_000);
    let positions = all_positions(&sky);
    let within = |low: f64, high: f64| {
        let is_within = |p: &&UnitVector| (low..high).contains(&galactic_latitude(p).abs());
        let n = positions.iter().filter(is_within).count();
        n as f64 / (libm::sin(high.to_radians()) - libm::sin(low.to_radians()))
    };
    let ratio = within(0.0, 3.0) / within(60.0, 90.0);
    assert!((7.0..14.0).contains(&ratio), "{ratio}");
}

#[test]
fn poles_and_meridian_have_objects_at_them_and_close_by() {
    for n_objects in [1000, 50_000] {
        let positions = all_positions(&Sky::new(&Seed::new(9), n_objects));
        for (ra, dec) in FIXED_CLUSTERS {
            let middle = UnitVector::from_lonlat_deg(ra, dec);
            let distance = |p: &UnitVector| p.angle_to(&middle).arcsec();
            assert!(positions.iter().any(|p| distance(p) < 1e-9), "{ra} {dec}");
            assert!(positions.iter().filter(|p| distance(p) < 300.0).count() >= 2, "{ra} {dec}");
        }
    }
    // Both sides of the meridian.
    let positions = all_positions(&Sky::new(&Seed::new(9), 50_000));
    let near = positions.iter().map(UnitVector::to_lonlat_deg).filter(|(_, dec)| dec.abs() < 0.1);
    let (west, east): (Vec<_>, Vec<_>) =
        near.filter(|(ra, _)| !(0.1..359.9).contains(ra)).partition(|(ra, _)| *ra > 180.0);
    assert!(!west.is_empty() && !east.is_empty());
}

#[test]
fn pairs_have_the_stated_separations() {
    let sky = Sky::new(&Seed::new(4), 20_000);
    let mut separations = vec![];
    for cell in 0..N_CELLS {
        let objects = sky.objects_of(cell);
        let positions = sky.positions(cell, objects.clone());
        for (index, pair) in objects.skip(1).zip(positions.windows(2)) {
            if matches!(sky.place(index), Place::Beside(..)) {
                separations.push(pair[0].angle_to(&pair[1]).arcsec());
            }
        }
    }
    let share = separations.len() as f64 / 20_000.0;
    // First objects of cells are no second ones of pairs, some 1.6 objects a cell here.
    assert!((0.025..PAIR_SHARE).contains(&share), "{share}");
    assert!(separations.iter().all(|s| (0.2999..30.001).contains(s)));
    // As many in each octave: half below the geometric mean.
    let close = separations.iter().filter(|s| **s < 3.0).count() as f64;
    let half = close / separations.len() as f64;
    // Four standard errors.
    assert!((half - 0.5).abs() < 2.0 / (separations.len() as f64).sqrt(), "{half}");
}
