//! Positions in zones of declination, sorted by right ascension inside each: the neighbours of a
//! point lie in few zones, and in each of them next to each other.
//!
//! ```text
//!   zone 3  │    ·  ·        [· ×]·      ·      a disc about a point meets a few zones, and in
//!   zone 2  │  ·      ·   ·   [·]     · ·       each of them one range of right ascension
//!   zone 1  │ ·    ·     ·        ·             (two where it wraps)
//! ```
//!
//! Any distribution of points does: where they crowd, a zone holds more of them and is searched by
//! bisection.
//!
//! Reference: Gray, Nieto-Santisteban & Szalay 2007, "The Zones Algorithm for Finding
//! Points-Near-a-Point or Cross-Matching Spatial Datasets" (MSR-TR-2006-52).

use std::ops::RangeInclusive;

use almagest_storage::sphgeom::UnitVector;

/// Height of a zone, degrees, at least: less would make more zones than points are worth.
const LEAST_HEIGHT: f64 = 180.0 / (1 << 20) as f64;
/// Widens what is searched, degrees: more than positions are rounded by.
const SLACK: f64 = 1e-9;

/// A position on the sky.
#[derive(Debug, Clone, Copy)]
pub(super) struct Point {
    /// Right ascension from 0 to 360 and declination, degrees.
    pub ra: f64,
    pub dec: f64,
    /// The same as a direction.
    pub direction: UnitVector,
}

impl Point {
    /// A position of any longitude; none where the latitude lies beyond a pole.
    pub fn new(lon: f64, lat: f64) -> Option<Self> {
        let direction = crate::functions::degrees::on_sky(lon, lat)?;
        // The remainder of what is a little below 0 may be rounded to 360.
        let ra = lon.rem_euclid(360.0);
        Some(Self { ra: if ra < 360.0 { ra } else { 0.0 }, dec: lat, direction })
    }
}

/// Points in zones, each with the number of its row.
pub(super) struct Zones {
    height: f64,
    /// For each zone the place of its first point, then the number of all.
    firsts: Vec<u32>,
    points: Vec<(Point, u32)>,
}

impl Zones {
    /// Sort the points of rows into zones.
    ///
    /// # Arguments
    /// `radius`: what discs about points will mostly have, degrees.
    pub fn new(points: &[(Point, u32)], radius: f64) -> Self {
        let enough = 180.0 / (4 * points.len()).max(64) as f64;
        let height = radius.max(enough).clamp(LEAST_HEIGHT, 180.0);
        let zone_of = |dec: f64| ((dec + 90.0) / height) as usize;
        let n_zones = zone_of(90.0) + 1;
        let mut firsts = vec![0_u32; n_zones + 1];
        for (point, _) in points {
            firsts[zone_of(point.dec) + 1] += 1;
        }
        for zone in 0..n_zones {
            firsts[zone + 1] += firsts[zone];
        }
        let mut next = firsts.clone();
        let mut sorted = points.to_vec();
        for &entry in points {
            let place = &mut next[zone_of(entry.0.dec)];
            sorted[*place as usize] = entry;
            *place += 1;
        }
        for zone in firsts.windows(2) {
            let zone = &mut sorted[zone[0] as usize..zone[1] as usize];
            zone.sort_unstable_by(|(a, _), (b, _)| a.ra.total_cmp(&b.ra));
        }
        Self { height, firsts, points: sorted }
    }

    /// Pass on all points that lie within a radius of a point, degrees, and a few that do not.
    pub fn near(&self, center: &Point, radius: f64, mut take: impl FnMut(&UnitVector, u32)) {
        if radius.is_nan() || radius < 0.0 {
            return;
        }
        let reach = radius + SLACK;
        let bound = |dec: f64| ((dec + 90.0).max(0.0) / self.height) as usize;
        let last_zone = self.firsts.len() - 2;
        let zones = bound(center.dec - reach)..=bound(center.dec + reach).min(last_zone);
        for zone in zones {
            let zone = self.firsts[zone] as usize..self.firsts[zone + 1] as usize;
            let zone = &self.points[zone];
            if zone.is_empty() {
                continue;
            }
            for range in windows(center, reach).into_iter().flatten() {
                let first = zone.partition_point(|(point, _)| point.ra < *range.start());
                for (point, row) in &zone[first..] {
                    if point.ra > *range.end() {
                        break;
                    }
                    take(&point.direction, *row);
                }
            }
        }
    }
}

/// The right ascensions that a disc about a point reaches: both ends belong to a range.
fn windows(center: &Point, reach: f64) -> [Option<RangeInclusive<f64>>; 2] {
    let whole = [Some(0.0..=360.0), None];
    if center.dec.abs() + reach >= 90.0 {
        return whole;
    }
    // The sine of a reach above 90° falls again, but such a disc holds a pole.
    let ratio = reach.to_radians().sin() / center.dec.to_radians().cos();
    let ratio = ratio * (1.0 + 1e-12);
    if ratio >= 1.0 {
        return whole;
    }
    let half_width = ratio.asin().to_degrees() + SLACK;
    let (start, end) = (center.ra - half_width, center.ra + half_width);
    if half_width >= 180.0 {
        whole
    } else if start < 0.0 {
        [Some(0.0..=end), Some(start + 360.0..=360.0)]
    } else if end >= 360.0 {
        [Some(start..=360.0), Some(0.0..=end - 360.0)]
    } else {
        [Some(start..=end), None]
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use almagest_storage::sphgeom::{Angle, Boundary, Cone};

    /// Points that crowd at the poles, at the wrap and in a field, and some anywhere.
    fn points() -> Vec<(Point, u32)> {
        let mut numbers =
            (1_u32..).map(|i| f64::from(i.wrapping_mul(2_654_435_761)) / 2_f64.powi(32));
        let mut next = || numbers.next().unwrap();
        let mut points = vec![];
        for i in 0..1500 {
            let (ra, dec) = match i % 6 {
                0 => (360.0 * next(), 90.0 - 0.01 * next() * next()),
                1 => (360.0 * next(), -90.0 + 3.0 * next()),
                2 => (359.99 + 0.02 * next(), 60.0 * next() - 30.0),
                3 => (150.0 + 0.1 * next(), 2.0 + 0.1 * next()),
                4 => (-720.0 + 1440.0 * next(), (2.0 * next() - 1.0).asin().to_degrees()),
                _ => ([0.0, 360.0, 180.0, -1e-13][i / 6 % 4], [90.0, -90.0, 0.0, 45.0][i / 24 % 4]),
            };
            points.push((Point::new(ra, dec).unwrap(), i as u32));
        }
        points
    }

    #[test]
    fn every_neighbour_is_found() {
        let points = points();
        for zone_radius in [0.0, 1e-4, 0.02, 5.0, 180.0] {
            let zones = Zones::new(&points, zone_radius);
            for radius in [0.0, 1e-7, 3e-4, 0.01, 1.0, 30.0, 89.9, 90.1, 179.0, 180.0] {
                for (center, _) in points.iter().step_by(7) {
                    let angle = Angle::from_degrees(radius);
                    let cone = Cone::new(center.direction, angle, Boundary::Closed);
                    let expected: Vec<u32> = points
                        .iter()
                        .filter(|(point, _)| cone.contains(&point.direction))
                        .map(|(_, row)| *row)
                        .collect();
                    let mut found = vec![];
                    zones.near(center, radius, |direction, row| {
                        if cone.contains(direction) {
                            found.push(row);
                        }
                    });
                    found.sort_unstable();
                    assert_eq!(found, expected, "{zone_radius} {radius} {center:?}");
                }
            }
        }
    }

    #[test]
    fn few_others_are_passed_on() {
        let points = points();
        let zones = Zones::new(&points, 0.001);
        let n_passed = |radius| {
            let mut n_passed = 0;
            points.iter().for_each(|(center, _)| zones.near(center, radius, |_, _| n_passed += 1));
            n_passed
        };
        // A sixth of the points lie in a degree's tenth, another sixth in four places.
        assert!(n_passed(0.001) < 200 * points.len(), "{}", n_passed(0.001));
        assert_eq!(n_passed(-1.0), 0);
        assert_eq!(n_passed(f64::NAN), 0);
    }

    #[test]
    fn no_points_have_no_neighbours() {
        let zones = Zones::new(&[], 0.1);
        zones.near(&Point::new(10.0, 20.0).unwrap(), 180.0, |_, _| unreachable!());
    }
}
