//! Places on the sky, found by nearness.

use kiddo::{ImmutableKdTree, SquaredEuclidean};

use almagest_storage::sphgeom::UnitVector;

/// Arcseconds in a radian.
pub const ARCSEC_PER_RAD: f64 = 206_264.806_247_096_36;

/// A set of places on the sky.
pub struct SkyIndex {
    /// None where there are no places.
    tree: Option<ImmutableKdTree<f64, 3>>,
}

/// The direction of a place, ICRS degrees.
pub fn direction(ra: f64, dec: f64) -> [f64; 3] {
    let v = UnitVector::from_lonlat_deg(ra, dec);
    [v.x, v.y, v.z]
}

/// The distance of two directions, arcsec; exact to the last digits also where it is small.
pub fn distance_arcsec(a: [f64; 3], b: [f64; 3]) -> f64 {
    let chord = (0..3).map(|k| (a[k] - b[k]).powi(2)).sum::<f64>().sqrt();
    2.0 * (0.5 * chord).min(1.0).asin() * ARCSEC_PER_RAD
}

/// The chord of a distance in arcsec, squared.
fn chord2(radius_arcsec: f64) -> f64 {
    (2.0 * (0.5 * radius_arcsec / ARCSEC_PER_RAD).sin()).powi(2)
}

impl SkyIndex {
    /// Index directions; they are known by their order.
    pub fn new(directions: &[[f64; 3]]) -> Self {
        let tree = match directions {
            [] => None,
            directions => ImmutableKdTree::<f64, 3>::new_from_slice(directions).ok(),
        };
        Self { tree }
    }

    /// All within a radius, with their distances in arcsec, from the nearest to the farthest.
    pub fn within(&self, place: [f64; 3], radius_arcsec: f64) -> Vec<(usize, f64)> {
        let Some(tree) = &self.tree else { return vec![] };
        let query = tree.query(&place);
        let found = query.within::<SquaredEuclidean<f64>>(chord2(radius_arcsec)).execute();
        let mut found: Vec<(usize, f64)> = found
            .into_iter()
            .map(|near| {
                let arcsec = 2.0 * (0.5 * near.distance.sqrt()).asin() * ARCSEC_PER_RAD;
                (near.item as usize, arcsec)
            })
            .collect();
        found.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
        found
    }
}

/// East and north of a place against another near by, mas.
pub fn offset_mas(from: (f64, f64), to: (f64, f64)) -> (f64, f64) {
    let around = (to.0 - from.0 + 540.0).rem_euclid(360.0) - 180.0;
    (around * from.1.to_radians().cos() * 3.6e6, (to.1 - from.1) * 3.6e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_places_are_found_across_the_meridian_and_at_the_pole() {
        let places = [(359.9999, 10.0), (0.0001, 10.0), (120.0, 89.9999), (300.0, 89.9999)];
        let directions = places.map(|(ra, dec)| direction(ra, dec));
        let index = SkyIndex::new(&directions);
        let found = index.within(directions[0], 1.0);
        assert_eq!(found.iter().map(|f| f.0).collect::<Vec<_>>(), [0, 1]);
        let expected = 0.72 * 10f64.to_radians().cos();
        assert!((found[1].1 - expected).abs() < 1e-6, "{found:?}");
        assert_eq!(index.within(directions[2], 1.0).len(), 2);
        assert!(SkyIndex::new(&[]).within(directions[0], 1.0).is_empty());
    }

    #[test]
    fn offsets_point_east_and_north() {
        let (east, north) = offset_mas((359.9999, 60.0), (0.0001, 60.0001));
        assert!((east - 360.0).abs() < 1e-6 && (north - 360.0).abs() < 1e-6, "{east} {north}");
    }
}
