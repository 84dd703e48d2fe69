//! Association: which sources of several exposures are one object.
//!
//! All pairs of sources from different exposures within the radius are joined from the closest to the
//! widest. Two groups join when their centres lie within the radius and they share no exposure, so that an
//! object has at most one source per exposure. The result does not depend on the order of the sources
//! or exposures. Positions are unit vectors in a k-d tree, so that poles and RA 0/360 are like any place.
//!
//! Known objects may take part: they attract sources like a source would, and never join each other.

use kiddo::{ImmutableKdTree, SquaredEuclidean};
use serde::{Deserialize, Serialize};

/// How sources are associated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AssociationConfig {
    /// Largest distance of a source from its object's other sources, arcsec.
    pub radius_arcsec: f64,
}

impl Default for AssociationConfig {
    fn default() -> Self {
        Self { radius_arcsec: 0.7 }
    }
}

/// A source as association sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sighting {
    /// Number of the exposure; sources of one exposure are different objects.
    pub exposure: i64,
    /// Right ascension, degrees.
    pub ra: f64,
    /// Declination, degrees.
    pub dec: f64,
    /// Standard error along RA, on the sky, degrees; may be NaN.
    pub ra_err: f64,
    /// Standard error of the declination, degrees; may be NaN.
    pub dec_err: f64,
}

/// An object that exists already.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KnownObject {
    /// Its id.
    pub object_id: i64,
    /// Right ascension, degrees.
    pub ra: f64,
    /// Declination, degrees.
    pub dec: f64,
}

/// An object and the sources that belong to it.
#[derive(Debug, Clone, PartialEq)]
pub struct AssociatedObject {
    /// Its id, if it was known; new objects get theirs from the caller.
    pub object_id: Option<i64>,
    /// Mean right ascension of its sources, weighted by inverse variance, degrees. A known object without
    /// sources keeps its place.
    pub ra: f64,
    /// Mean declination, degrees.
    pub dec: f64,
    /// Standard error of the mean along RA, on the sky, degrees; NaN where no source has an error.
    pub ra_err: f64,
    /// Standard error of the mean declination, degrees; NaN where no source has an error.
    pub dec_err: f64,
    /// Indices of its sources, ascending.
    pub members: Vec<usize>,
}

/// Group `sightings` into objects: the known ones in their order, then the new ones by declination.
///
/// Sightings whose position is not finite belong to none.
pub fn associate(
    sightings: &[Sighting],
    known: &[KnownObject],
    config: &AssociationConfig,
) -> Vec<AssociatedObject> {
    let mut nodes: Vec<Node> = known
        .iter()
        .map(|k| Node { vector: unit_vector(k.ra, k.dec), exposure: None, sighting: None })
        .collect();
    let finite = |s: &Sighting| s.ra.is_finite() && s.dec.is_finite();
    nodes.extend(sightings.iter().enumerate().filter(|(_, s)| finite(s)).map(|(index, s)| Node {
        vector: unit_vector(s.ra, s.dec),
        exposure: Some(s.exposure),
        sighting: Some(index),
    }));
    let radius_chord = 2.0 * (0.5 * (config.radius_arcsec / 3600.0).to_radians()).sin();
    let mut groups = Groups::new(&nodes);
    for (_, a, b) in pairs(&nodes, radius_chord) {
        groups.try_join(a, b, radius_chord);
    }
    objects(sightings, known, &nodes, &mut groups)
}

/// A sighting or a known object.
struct Node {
    vector: [f64; 3],
    /// `None` for a known object.
    exposure: Option<i64>,
    sighting: Option<usize>,
}

fn unit_vector(ra_deg: f64, dec_deg: f64) -> [f64; 3] {
    let (sin_ra, cos_ra) = ra_deg.to_radians().sin_cos();
    let (sin_dec, cos_dec) = dec_deg.to_radians().sin_cos();
    [cos_dec * cos_ra, cos_dec * sin_ra, sin_dec]
}

fn distance2(a: [f64; 3], b: [f64; 3]) -> f64 {
    (0..3).map(|i| (a[i] - b[i]).powi(2)).sum()
}

/// Pairs of nodes that may be one object, by distance. Ties go by position, not by input order.
fn pairs(nodes: &[Node], radius_chord: f64) -> Vec<(f64, usize, usize)> {
    let points: Vec<[f64; 3]> = nodes.iter().map(|n| n.vector).collect();
    let Ok(tree) = ImmutableKdTree::<f64, 3>::new_from_slice(&points) else { return Vec::new() };
    let mut pairs = Vec::new();
    for (a, node) in nodes.iter().enumerate() {
        let near = tree
            .query(&node.vector)
            .within::<SquaredEuclidean<f64>>(radius_chord * radius_chord)
            .execute();
        for neighbour in near {
            let b = neighbour.item as usize;
            if b > a && nodes[b].exposure != node.exposure {
                pairs.push((neighbour.distance, a, b));
            }
        }
    }
    let place = |k: usize| nodes[k].vector;
    let key = |p: &(f64, usize, usize)| {
        let (u, v) = (place(p.1), place(p.2));
        if compare(&u, &v).is_le() { (u, v) } else { (v, u) }
    };
    pairs.sort_by(|p, q| {
        let ((a, b), (c, d)) = (key(p), key(q));
        p.0.total_cmp(&q.0).then_with(|| compare(&a, &c)).then_with(|| compare(&b, &d))
    });
    pairs
}

fn compare(a: &[f64; 3], b: &[f64; 3]) -> std::cmp::Ordering {
    a[2].total_cmp(&b[2]).then(a[1].total_cmp(&b[1])).then(a[0].total_cmp(&b[0]))
}

/// Union–find over nodes with each group's members, exposures and centre.
struct Groups {
    parent: Vec<usize>,
    members: Vec<Vec<usize>>,
    /// Sorted; `None` stands for a known object.
    exposures: Vec<Vec<Option<i64>>>,
    sum: Vec<[f64; 3]>,
}

impl Groups {
    fn new(nodes: &[Node]) -> Self {
        Self {
            parent: (0..nodes.len()).collect(),
            members: (0..nodes.len()).map(|k| vec![k]).collect(),
            exposures: nodes.iter().map(|n| vec![n.exposure]).collect(),
            sum: nodes.iter().map(|n| n.vector).collect(),
        }
    }

    fn root(&mut self, mut k: usize) -> usize {
        while self.parent[k] != k {
            self.parent[k] = self.parent[self.parent[k]];
            k = self.parent[k];
        }
        k
    }

    fn centre(&self, root: usize) -> [f64; 3] {
        let n = self.members[root].len() as f64;
        self.sum[root].map(|v| v / n)
    }

    fn try_join(&mut self, a: usize, b: usize, radius_chord: f64) {
        let (a, b) = (self.root(a), self.root(b));
        if a == b || distance2(self.centre(a), self.centre(b)) > radius_chord * radius_chord {
            return;
        }
        let taken = |e: &Option<i64>| self.exposures[a].binary_search(e).is_ok();
        if self.exposures[b].iter().any(taken) {
            return;
        }
        let (keep, drop) = (a.min(b), a.max(b));
        self.parent[drop] = keep;
        let members = std::mem::take(&mut self.members[drop]);
        self.members[keep].extend(members);
        let exposures = std::mem::take(&mut self.exposures[drop]);
        self.exposures[keep].extend(exposures);
        self.exposures[keep].sort_unstable();
        for i in 0..3 {
            self.sum[keep][i] += self.sum[drop][i];
        }
    }
}

fn objects(
    sightings: &[Sighting],
    known: &[KnownObject],
    nodes: &[Node],
    groups: &mut Groups,
) -> Vec<AssociatedObject> {
    let mut old = Vec::new();
    let mut new = Vec::new();
    for k in 0..nodes.len() {
        if groups.root(k) != k {
            continue;
        }
        let mut members: Vec<usize> =
            groups.members[k].iter().filter_map(|&n| nodes[n].sighting).collect();
        members.sort_unstable();
        // A known object has the smallest number of its group, so it is the root.
        match known.get(k) {
            Some(object) if members.is_empty() => old.push(AssociatedObject {
                object_id: Some(object.object_id),
                ra: object.ra,
                dec: object.dec,
                ra_err: f64::NAN,
                dec_err: f64::NAN,
                members,
            }),
            Some(object) => old.push(mean_position(sightings, members, Some(object.object_id))),
            None => new.push(mean_position(sightings, members, None)),
        }
    }
    new.sort_by(|a, b| a.dec.total_cmp(&b.dec).then(a.ra.total_cmp(&b.ra)));
    old.extend(new);
    old
}

/// Inverse-variance weighted mean in the plane tangent at the members' plain mean.
fn mean_position(
    sightings: &[Sighting],
    members: Vec<usize>,
    object_id: Option<i64>,
) -> AssociatedObject {
    let vectors: Vec<[f64; 3]> =
        members.iter().map(|&m| unit_vector(sightings[m].ra, sightings[m].dec)).collect();
    let centre =
        normalized(vectors.iter().fold([0.0; 3], |s, v| [s[0] + v[0], s[1] + v[1], s[2] + v[2]]));
    let ra = centre[1].atan2(centre[0]);
    let (sin_ra, cos_ra) = ra.sin_cos();
    let east = [-sin_ra, cos_ra, 0.0];
    let cos_dec = centre[0].hypot(centre[1]);
    let north = [-centre[2] * cos_ra, -centre[2] * sin_ra, cos_dec];
    let dot = |a: [f64; 3], b: [f64; 3]| a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
    let along = |axis: [f64; 3], error: fn(&Sighting) -> f64| {
        let points: Vec<(f64, f64)> = members
            .iter()
            .zip(&vectors)
            .map(|(&m, &v)| (dot(v, axis), error(&sightings[m]).to_radians()))
            .collect();
        weighted_mean(&points)
    };
    let (de, e_err) = along(east, |s| s.ra_err);
    let (dn, n_err) = along(north, |s| s.dec_err);
    let mean = normalized([0, 1, 2].map(|i| centre[i] + de * east[i] + dn * north[i]));
    AssociatedObject {
        object_id,
        ra: mean[1].atan2(mean[0]).to_degrees().rem_euclid(360.0) % 360.0,
        dec: mean[2].atan2(mean[0].hypot(mean[1])).to_degrees(),
        ra_err: e_err.to_degrees(),
        dec_err: n_err.to_degrees(),
        members,
    }
}

/// Mean of `(value, error)` with its error; plain, without an error, where no value has one.
fn weighted_mean(points: &[(f64, f64)]) -> (f64, f64) {
    let known: Vec<&(f64, f64)> = points.iter().filter(|p| p.1 > 0.0 && p.1.is_finite()).collect();
    if known.is_empty() {
        return (points.iter().map(|p| p.0).sum::<f64>() / points.len() as f64, f64::NAN);
    }
    let weights: f64 = known.iter().map(|p| p.1.powi(-2)).sum();
    let sum: f64 = known.iter().map(|p| p.0 * p.1.powi(-2)).sum();
    (sum / weights, weights.powf(-0.5))
}

fn normalized(v: [f64; 3]) -> [f64; 3] {
    let length = (v[0] * v[0] + v[1] * v[1] + v[2] * v[2]).sqrt();
    v.map(|c| c / length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::seq::SliceRandom;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, StandardNormal};

    const ARCSEC: f64 = 1.0 / 3600.0;
    const ERROR_DEG: f64 = 0.05 * ARCSEC;

    /// Places on the sky offset by arcsec from a centre, correct at the poles too.
    fn offset(ra: f64, dec: f64, east_arcsec: f64, north_arcsec: f64) -> (f64, f64) {
        let centre = unit_vector(ra, dec);
        let (sin_ra, cos_ra) = ra.to_radians().sin_cos();
        let (sin_dec, cos_dec) = dec.to_radians().sin_cos();
        let (e, n) = ((east_arcsec * ARCSEC).to_radians(), (north_arcsec * ARCSEC).to_radians());
        let east = [-sin_ra, cos_ra, 0.0];
        let north = [-sin_dec * cos_ra, -sin_dec * sin_ra, cos_dec];
        let v = normalized([0, 1, 2].map(|i| centre[i] + e * east[i] + n * north[i]));
        (v[1].atan2(v[0]).to_degrees().rem_euclid(360.0), v[2].atan2(v[0].hypot(v[1])).to_degrees())
    }

    /// A grid of 25 objects 3 arcsec apart, each seen in 8 exposures; object number with each sighting.
    fn field(ra: f64, dec: f64, seed: u64) -> Vec<(usize, Sighting)> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut gauss = || -> f64 { StandardNormal.sample(&mut rng) };
        let mut sightings = Vec::new();
        for exposure in 0..8 {
            for k in 0..25usize {
                let (i, j) = (3.0 * ((k % 5) as f64 - 2.0), 3.0 * ((k / 5) as f64 - 2.0));
                let (ra, dec) = offset(ra, dec, i + 0.05 * gauss(), j + 0.05 * gauss());
                let sighting =
                    Sighting { exposure, ra, dec, ra_err: ERROR_DEG, dec_err: ERROR_DEG };
                sightings.push((k, sighting));
            }
        }
        sightings
    }

    fn check_field(ra: f64, dec: f64) {
        let field = field(ra, dec, 21);
        let sightings: Vec<Sighting> = field.iter().map(|f| f.1).collect();
        let objects = associate(&sightings, &[], &AssociationConfig::default());
        assert_eq!(objects.len(), 25, "at {ra}, {dec}");
        for object in &objects {
            assert_eq!(object.members.len(), 8);
            let number = field[object.members[0]].0;
            assert!(object.members.iter().all(|&m| field[m].0 == number));
            let (i, j) = (3.0 * ((number % 5) as f64 - 2.0), 3.0 * ((number / 5) as f64 - 2.0));
            let truth = offset(ra, dec, i, j);
            let apart =
                distance2(unit_vector(object.ra, object.dec), unit_vector(truth.0, truth.1));
            // The mean of eight is good to 0.018 arcsec along each axis.
            assert!(apart.sqrt().to_degrees() < 5.0 * 0.018 * ARCSEC);
            assert!((0.0..360.0).contains(&object.ra));
            assert!((object.ra_err / (ERROR_DEG / 8f64.sqrt()) - 1.0).abs() < 1e-6);
        }
    }

    #[test]
    fn objects_are_found_anywhere_on_the_sky() {
        for (ra, dec) in
            [(10.0, 20.0), (0.0, 0.0), (359.9999, -45.0), (77.0, 90.0), (5.0, -89.9995)]
        {
            check_field(ra, dec);
        }
    }

    #[test]
    fn the_order_of_the_sources_does_not_matter() {
        let mut field: Vec<Sighting> = field(0.0, 60.0, 22).into_iter().map(|f| f.1).collect();
        let config = AssociationConfig { radius_arcsec: 4.0 };
        let first = associate(&field, &[], &config);
        let places = |objects: &[AssociatedObject], of: &[Sighting]| -> Vec<Vec<(i64, u64)>> {
            objects
                .iter()
                .map(|o| {
                    let mut list: Vec<(i64, u64)> =
                        o.members.iter().map(|&m| (of[m].exposure, of[m].ra.to_bits())).collect();
                    list.sort_unstable();
                    list
                })
                .collect()
        };
        let expected = places(&first, &field);
        field.shuffle(&mut ChaCha8Rng::seed_from_u64(23));
        let second = associate(&field, &[], &config);
        assert_eq!(places(&second, &field), expected);
    }

    #[test]
    fn one_exposure_gives_an_object_one_source() {
        let sighting = |exposure, east| {
            let (ra, dec) = offset(40.0, 10.0, east, 0.0);
            Sighting { exposure, ra, dec, ra_err: ERROR_DEG, dec_err: ERROR_DEG }
        };
        // A close pair, resolved in one exposure only: the nearer one gets the third source.
        let sightings = [sighting(1, 0.0), sighting(1, 0.5), sighting(2, 0.1)];
        let objects = associate(&sightings, &[], &AssociationConfig::default());
        let members: Vec<&[usize]> = objects.iter().map(|o| o.members.as_slice()).collect();
        assert_eq!(objects.len(), 2);
        assert!(members.contains(&[0, 2].as_slice()) && members.contains(&[1].as_slice()));
    }

    #[test]
    fn known_objects_keep_their_ids() {
        let known = [
            KnownObject { object_id: 77, ra: 10.0, dec: 0.0 },
            KnownObject { object_id: 78, ra: 10.0 + 0.5 * ARCSEC, dec: 0.0 },
            KnownObject { object_id: 79, ra: 11.0, dec: 0.0 },
        ];
        let at =
            |exposure, ra| Sighting { exposure, ra, dec: 0.0, ra_err: f64::NAN, dec_err: f64::NAN };
        let sightings = [at(1, 10.0 + 0.1 * ARCSEC), at(2, 10.0 + 0.45 * ARCSEC), at(2, 12.0)];
        let objects = associate(&sightings, &known, &AssociationConfig::default());
        let summary: Vec<(Option<i64>, Vec<usize>)> =
            objects.iter().map(|o| (o.object_id, o.members.clone())).collect();
        assert_eq!(
            summary,
            [(Some(77), vec![0]), (Some(78), vec![1]), (Some(79), vec![]), (None, vec![2])]
        );
        assert!(objects[0].ra_err.is_nan());
        assert_eq!(objects[2].ra, 11.0);
    }

    #[test]
    fn sources_without_a_position_belong_to_none() {
        let lost = Sighting { exposure: 1, ra: f64::NAN, dec: 0.0, ra_err: 0.0, dec_err: 0.0 };
        assert!(associate(&[lost], &[], &AssociationConfig::default()).is_empty());
        assert!(associate(&[], &[], &AssociationConfig::default()).is_empty());
    }
}
