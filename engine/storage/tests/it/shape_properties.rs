//! What must hold for shapes whatever they are, by random shapes and random points, and what
//! touches by construction.

use almagest_storage::coverage::healpix_ranges;
use almagest_storage::sphgeom::{
    Angle, Cap, LonLatBox, Moc, Region, Relation, Shape, UnitVector, distance_deg,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Trials of a random test: fifty times as many where time is no matter.
fn trials(ordinary: usize) -> usize {
    if std::env::var_os("ALMAGEST_LONG").is_some() { 50 * ordinary } else { ordinary }
}

fn parse(text: &str) -> Shape {
    Shape::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn anywhere(rng: &mut ChaCha8Rng) -> (f64, f64) {
    (rng.random_range(0.0..360.0), rng.random_range(-1.0_f64..1.0).asin().to_degrees())
}

/// A point within so many degrees.
fn beside(rng: &mut ChaCha8Rng, (lon, lat): (f64, f64), reach: f64) -> (f64, f64) {
    let lat2 = (lat + rng.random_range(-reach..reach)).clamp(-90.0, 90.0);
    let widen = lat2.to_radians().cos().max(0.05);
    ((lon + rng.random_range(-reach..reach) / widen).rem_euclid(360.0), lat2)
}

/// A shape of some size about a position.
fn random_shape(rng: &mut ChaCha8Rng, at: (f64, f64), size: f64, depth: usize) -> Shape {
    let figures = if depth == 0 { 5 } else { 8 };
    match rng.random_range(0..figures) {
        0 => Shape::point_deg(at.0, at.1).unwrap(),
        1 => Shape::circle_deg(at.0, at.1, size * rng.random_range(0.2..1.5)).unwrap(),
        2 => Shape::box_deg(at.0, at.1, size, size * rng.random_range(0.2..1.5)).unwrap(),
        3 => {
            let vertices: Vec<_> = (0..4).map(|_| beside(rng, at, size)).collect();
            // At a pole vertices may coincide.
            Shape::polygon_deg(&vertices).unwrap_or_else(|_| Shape::point_deg(at.0, at.1).unwrap())
        }
        4 => {
            let south = (at.1 - size).max(-90.0);
            Shape::Range(LonLatBox::try_new(at.0 - size, at.0 + size, south, at.1 + 0.1).unwrap())
        }
        5 => Shape::Not(Box::new(random_shape(rng, at, size, depth - 1))),
        combined => {
            let parts = (0..2)
                .map(|_| {
                    let at = beside(rng, at, size);
                    random_shape(rng, at, size, depth - 1)
                })
                .collect();
            if combined == 6 { Shape::Union(parts) } else { Shape::Intersection(parts) }
        }
    }
}

#[test]
fn relations_agree_with_points() {
    let mut rng = ChaCha8Rng::seed_from_u64(31);
    let (mut within, mut apart) = (0, 0);
    for trial in 0..trials(1500) {
        let at = anywhere(&mut rng);
        let size = [0.001, 0.5, 10.0, 60.0][trial % 4];
        let share = rng.random_range(0.1..1.0);
        let a = random_shape(&mut rng, at, size * share, trial % 3);
        let at_b = beside(&mut rng, at, size);
        let b = random_shape(&mut rng, at_b, size, trial % 2);
        let (a_in_b, b_in_a, common) = (a.is_within(&b), b.is_within(&a), a.intersects(&b));
        assert_eq!(common, b.intersects(&a), "{a} {b}");
        let empty = |shape: &Shape| !shape.intersects(&Shape::circle_deg(0.0, 0.0, 180.0).unwrap());
        assert!(!a_in_b || common || empty(&a), "{a} is within {b} and does not intersect it");
        assert!(!b_in_a || common || empty(&b), "{b} is within {a} and does not intersect it");
        let beyond = Shape::Not(Box::new(b.clone()));
        assert!(a_in_b || a.intersects(&beyond), "{a} {b}");
        let (mut seen_common, mut seen_beyond) = (false, false);
        for _ in 0..400 {
            let around = if rng.random() { at } else { at_b };
            let (lon, lat) = beside(&mut rng, around, size * 1.5);
            let v = UnitVector::from_lonlat_deg(lon, lat);
            let (in_a, in_b) = (a.contains_point(&v), b.contains_point(&v));
            seen_common |= in_a && in_b;
            seen_beyond |= in_a && !in_b;
        }
        assert!(!seen_common || common, "{a} and {b} have a common point");
        assert!(!(seen_beyond && a_in_b), "{a} sticks out of {b}");
        within += usize::from(a_in_b);
        apart += usize::from(!common);
    }
    assert!(within > 100 && apart > 100, "{within} {apart}");
}

#[test]
fn shapes_are_within_themselves() {
    let mut rng = ChaCha8Rng::seed_from_u64(32);
    for trial in 0..trials(400) {
        let at = anywhere(&mut rng);
        let a = random_shape(&mut rng, at, [0.0003, 1.0, 50.0][trial % 3], trial % 3);
        assert!(a.is_within(&a), "{a}");
        let more = Shape::Union(vec![Shape::circle_deg(1.0, 1.0, 1.0).unwrap(), a.clone()]);
        assert!(a.is_within(&more), "{a} {more}");
    }
}

#[test]
fn areas_add_up() {
    let mut rng = ChaCha8Rng::seed_from_u64(33);
    for trial in 0..trials(300) {
        let at = anywhere(&mut rng);
        let size = [0.01, 1.0, 40.0][trial % 3];
        let a = random_shape(&mut rng, at, size, 0);
        let at_b = beside(&mut rng, at, size);
        let b = random_shape(&mut rng, at_b, size, 0);
        let area = |shape: &Shape| shape.area_sq_deg().unwrap();
        let both = vec![a.clone(), b.clone()];
        let (union, common) = (area(&Shape::Union(both.clone())), area(&Shape::Intersection(both)));
        let off = (union + common - area(&a) - area(&b)).abs();
        assert!(off <= 1e-9 * union.max(1e-6), "{off} {union} {common}: {a} {b}");
        let rest = area(&Shape::Not(Box::new(a.clone())));
        assert!((rest + area(&a) - 41_252.961_249_419_27).abs() < 1e-8, "{a}");
    }
}

/// (a, b, is a within b, do they intersect)
const TOUCHING: [(&str, &str, bool, bool); 25] = [
    ("CIRCLE 0 0 1", "CIRCLE 2 0 1", false, true),
    ("CIRCLE 0 0 1", "CIRCLE 2.00000001 0 1", false, false),
    ("CIRCLE 1 0 1", "CIRCLE 0 0 2", true, true),
    ("CIRCLE 1 0 1.00000001", "CIRCLE 0 0 2", false, true),
    ("CIRCLE 0 0 80", "CIRCLE 180 0 100", false, true),
    ("CIRCLE 0 0 80", "CIRCLE 180 0 99.9999999", false, false),
    ("CIRCLE 0 0 120", "CIRCLE 180 0 100", false, true),
    ("CIRCLE 0 0 120", "CIRCLE 10 0 130", true, true),
    ("CIRCLE 0 0 120", "CIRCLE 10 0 129.9999999", false, true),
    // Common edges, corners and corners on edges.
    ("POLYGON 0 0 10 0 10 10 0 10", "POLYGON 10 0 20 0 20 10 10 10", false, true),
    ("POLYGON 0 0 10 0 10 10 0 10", "POLYGON 0 0 0 10 10 10 10 0", true, true),
    ("POLYGON 0 0 10 0 0 10", "POLYGON 0 0 10 0 10 10 0 10", true, true),
    ("POLYGON 0 0 10 0 0 10", "POLYGON 5 0 10 -5 2 -5", false, true),
    ("POLYGON 0 0 10 0 0 10", "POLYGON 5 -0.0000001 10 -5 2 -5", false, false),
    ("POLYGON 0 0 5 0 0 5", "POLYGON -5 0 10 0 0 10", true, true),
    // A circle that touches a meridian, inside and outside of a hemisphere's edge.
    ("CIRCLE 10 0 10", "POLYGON 0 -80 60 0 0 80", true, true),
    ("CIRCLE 10 0 10.0000001", "POLYGON 0 -80 60 0 0 80", false, true),
    ("CIRCLE -10 0 10", "POLYGON 0 -80 60 0 0 80", false, true),
    ("CIRCLE -10 0 9.9999999", "POLYGON 0 -80 60 0 0 80", false, false),
    // The edges alone do not tell: a hole, a ring, a pole.
    ("CIRCLE 0 0 3", "INTERSECTION (CIRCLE 0 0 5 NOT (CIRCLE 0 0 1))", false, true),
    ("CIRCLE 3 0 2", "INTERSECTION (CIRCLE 0 0 5 NOT (CIRCLE 0 0 1))", true, true),
    ("CIRCLE 0 0 0.9", "INTERSECTION (CIRCLE 0 0 5 NOT (CIRCLE 0 0 1))", false, false),
    ("CIRCLE 0 90 10", "POLYGON 0 60 120 60 240 60", true, true),
    ("POSITION 0 -90", "RANGE 197 317 -90 -37", true, true),
    ("RANGE 0 10 0 10", "UNION (RANGE 0 5 0 10 RANGE 5 10 0 10)", true, true),
];

#[test]
fn touching_is_intersecting_and_within_includes_the_edge() {
    for (a, b, within, common) in TOUCHING {
        let (first, second) = (parse(a), parse(b));
        assert_eq!(first.is_within(&second), within, "{a} within {b}");
        assert_eq!(first.intersects(&second), common, "{a} intersects {b}");
        assert_eq!(second.intersects(&first), common, "{b} intersects {a}");
        // The same by the general way, which circles alone do not take.
        let (first, second) = (Shape::Union(vec![first]), Shape::Union(vec![second]));
        assert_eq!(first.is_within(&second), within, "{a} within {b}");
        assert_eq!(first.intersects(&second), common, "{a} intersects {b}");
    }
}

/// A spike is an edge there and back: it has no area, but it belongs to the polygon.
#[test]
fn spikes_have_length_alone() {
    let square = parse("POLYGON 0 0 10 0 10 10 0 10");
    let spiked = parse("POLYGON 0 0 10 0 10 10 10 15 10 10 0 10");
    let (with, without) = (spiked.area_sq_deg().unwrap(), square.area_sq_deg().unwrap());
    assert!((with - without).abs() < 1e-9, "{with} {without}");
    assert!(square.is_within(&spiked) && !spiked.is_within(&square));
    assert!(spiked.intersects(&parse("CIRCLE 10 14 0.1")));
    assert!(!square.intersects(&parse("CIRCLE 10 14 0.1")));
    let spikes = parse("POLYGON 96 -49 0 -90 81 -28 0 -90");
    let rest = Shape::Not(Box::new(spikes.clone()));
    assert_eq!(spikes.area_sq_deg(), Ok(0.0));
    assert!((rest.area_sq_deg().unwrap() - 41_252.961_249_419_27).abs() < 1e-8);
}

#[test]
fn an_edge_belongs_to_both_sides() {
    let radius = distance_deg(10.0, 20.0, 13.0, 21.0);
    let edge = UnitVector::from_lonlat_deg(13.0, 21.0);
    let circle = Shape::circle_deg(10.0, 20.0, radius).unwrap();
    assert!(circle.contains_point(&edge) && Shape::Not(Box::new(circle)).contains_point(&edge));
    let (square, corner) = (parse("POLYGON 0 0 10 0 10 10 0 10"), parse("POSITION 10 10"));
    assert!(corner.is_within(&square) && corner.is_within(&Shape::Not(Box::new(square))));
}

#[test]
fn mocs_relate_to_other_shapes() {
    for (a, b, within, common) in [
        ("MOC (0/4)", "CIRCLE 0 0 50", true, true),
        ("MOC (0/4)", "CIRCLE 0 0 30", false, true),
        ("CIRCLE 0 0 28", "MOC (0/4)", true, true),
        ("CIRCLE 0 0 32", "MOC (0/4)", false, true),
        ("CIRCLE 0 80 1", "MOC (0/4)", false, false),
        ("POLYGON 0 0 1 0 1 1 0 1", "MOC (0/4)", true, true),
        ("POLYGON 44 0 46 0 46 1 44 1", "MOC (0/4)", false, true),
        ("POSITION 1 1", "MOC (0/4)", true, true),
        ("MOC (0/4)", "POSITION 1 1", false, true),
        ("MOC (29/100)", "CIRCLE 45 0 0.00001", true, true),
        ("UNION (MOC (0/4) MOC (0/5))", "MOC (0/4-6)", true, true),
        ("NOT (MOC (0/4))", "MOC (0/4)", false, false),
    ] {
        let (first, second) = (parse(a), parse(b));
        assert_eq!(first.is_within(&second), within, "{a} within {b}");
        assert_eq!(first.intersects(&second), common, "{a} intersects {b}");
        assert_eq!(second.intersects(&first), common, "{b} intersects {a}");
    }
}

/// A point of the cap.
fn within(rng: &mut ChaCha8Rng, cap: &Cap) -> Option<UnitVector> {
    let (lon, lat) = cap.center.to_lonlat_deg();
    let (lon, lat) = beside(rng, (lon, lat), cap.radius.degrees().max(1e-9));
    Some(UnitVector::from_lonlat_deg(lon, lat)).filter(|v| cap.contains(v))
}

#[test]
fn pruning_by_shapes_can_be_relied_on() {
    let mut rng = ChaCha8Rng::seed_from_u64(34);
    let mut seen = [0; 3];
    for trial in 0..trials(1200) {
        let at = anywhere(&mut rng);
        let size = [0.1, 3.0, 40.0][trial % 3];
        let shape = if trial % 5 == 0 {
            let first = rng.random_range(0..3000);
            Shape::Moc(Moc::parse(&format!("4/{first}-{} 6/40000", first + 70)).unwrap())
        } else {
            random_shape(&mut rng, at, size, 2)
        };
        let bounding = shape.bounding_cap();
        let region = Region::from(shape);
        let (lon, lat) = beside(&mut rng, at, size);
        let radius = Angle::from_degrees(size * rng.random_range(0.01..0.5));
        let cap = Cap { center: UnitVector::from_lonlat_deg(lon, lat), radius };
        let relation = region.relation_to_cap(&cap);
        seen[relation as usize] += 1;
        for _ in 0..60 {
            let Some(v) = within(&mut rng, &cap) else { continue };
            let held = region.contains(&v);
            assert!(!held || bounding.contains(&v), "{region:?} {v:?}");
            assert!(!(held && relation == Relation::Disjoint), "{region:?} {cap:?} {v:?}");
            assert!(held || relation != Relation::Inside, "{region:?} {cap:?} {v:?}");
        }
    }
    assert!(seen.iter().all(|count| *count > 100), "{seen:?}");
}

#[test]
fn covers_miss_nothing() {
    let mut rng = ChaCha8Rng::seed_from_u64(35);
    for text in [
        "UNION (CIRCLE 10 20 3 POLYGON 14 20 18 20 16 24)",
        "INTERSECTION (CIRCLE 10 20 3 NOT (CIRCLE 10 20 2))",
        "MOC (5/1000-1100 7/3)",
        "POSITION 10 20",
    ] {
        let region = Region::from(parse(text));
        let ranges = healpix_ranges(&region, Angle::ZERO, 64);
        let mut held = 0;
        let center = region.bounding_cap().center.to_lonlat_deg();
        for i in 0..4000 {
            let reach = region.bounding_cap().radius.degrees().max(1e-9);
            let (lon, lat) = if i == 0 { (10.0, 20.0) } else { beside(&mut rng, center, reach) };
            if region.contains_lonlat_deg(lon, lat) {
                held += 1;
                let key = almagest_storage::chunking::healpix29(lon, lat).unwrap();
                assert!(ranges.iter().any(|range| range.contains(&key)), "{text} {lon} {lat}");
            }
        }
        assert!(held > 0, "{text}");
    }
}
