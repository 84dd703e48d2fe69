//! Where the objects are.
//!
//! ```text
//!   sky in 12,288 cells (HEALPix order 5) ─ density of stars and galaxies ─▶ objects of each cell
//!   object i ─▶ its cell ─▶ a place in it, or one beside object i − 1, or one in a cluster
//! ```
//!
//! Stars crowd to the Galactic plane and towards its centre, galaxies are everywhere but behind its
//! dust. Seven objects in a hundred are close to the one before them, from 0.3″ to 30″. Small
//! clusters sit at both poles, on the meridian where right ascension begins anew, and at a few
//! places that the seed chooses, so that even a small survey has rows where mistakes hide.
//!
//! The objects of a cell have consecutive indices, so that an index says where on the sky an object
//! is, and the position of an object needs only those before it that it is close to.

use almagest_storage::chunking::{healpix29, healpix29_center};
use almagest_storage::sphgeom::{Angle, Frame, UnitVector, transform};
use rand::{Rng, RngExt};

use crate::draws::{Purpose, Seed};

/// Order of the HEALPix cells that hold consecutive objects.
const CELL_ORDER: u32 = 5;
/// Number of those cells.
pub const N_CELLS: usize = 12 << (2 * CELL_ORDER);
/// Bits of a key below its cell.
const KEY_BITS: u32 = 2 * (29 - CELL_ORDER);
/// A cap of this radius about its middle holds a cell.
pub const CELL_REACH: Angle = Angle::from_degrees(2.0);

/// Share of the objects that are close to the one before them.
const PAIR_SHARE: f64 = 0.07;
/// Smallest separation of such a pair: what Rubin resolves.
pub const CLOSEST: Angle = Angle::from_arcsec(0.3);
/// Greatest separation of such a pair.
pub const WIDEST: Angle = Angle::from_arcsec(30.0);
/// Scale of the exponential fall of a cluster's density.
const CLUSTER_SCALE: Angle = Angle::from_arcsec(20.0);
/// Clusters that the seed places, beside the five at fixed places.
const N_DRAWN_CLUSTERS: u64 = 4;
/// Right ascension and declination of the fixed clusters, degrees: poles and meridian.
const FIXED_CLUSTERS: [(f64, f64); 5] =
    [(0.0, 90.0), (0.0, -90.0), (0.0, 0.0), (0.0, 47.0), (0.0, -58.0)];

/// The objects of a survey on the sky.
#[derive(Debug, Clone)]
pub struct Sky {
    seed: Seed,
    /// Index of the first object of each cell, and one more: the number of objects.
    starts: Vec<u64>,
    /// In order of their first objects.
    clusters: Vec<Cluster>,
}

/// Objects about one place.
#[derive(Debug, Clone, Copy)]
struct Cluster {
    middle: UnitVector,
    cell: usize,
    first: u64,
    n_objects: u64,
}

impl Sky {
    /// Spread objects over the sky.
    pub fn new(seed: &Seed, n_objects: u64) -> Self {
        let members = (n_objects / 50).min(n_objects / 10_000 + 2);
        let mut clusters: Vec<Cluster> = match members {
            0 => vec![],
            n_objects => middles(seed)
                .map(|middle| Cluster { middle, cell: cell_of(&middle), first: 0, n_objects })
                .collect(),
        };
        clusters.sort_by_key(|cluster| cluster.cell);
        let n_clustered = clusters.len() as u64 * members;
        let mut starts = spread(n_objects - n_clustered);
        let mut n_before = 0;
        let mut next = 0;
        for cell in 0..N_CELLS {
            starts[cell] += n_before;
            while let Some(cluster) = clusters.get_mut(next).filter(|c| c.cell == cell) {
                n_before += cluster.n_objects;
                // Members come after the cell's other objects.
                cluster.first = starts[cell + 1] + n_before - cluster.n_objects;
                next += 1;
            }
        }
        starts[N_CELLS] += n_before;
        Self { seed: seed.clone(), starts, clusters }
    }

    /// Number of objects.
    pub fn n_objects(&self) -> u64 {
        self.starts[N_CELLS]
    }

    /// Return the indices of a cell's objects.
    pub fn objects_of(&self, cell: usize) -> std::ops::Range<u64> {
        self.starts[cell]..self.starts[cell + 1]
    }

    /// Return the cell whose object has an index.
    pub fn cell_of_object(&self, index: u64) -> usize {
        self.starts.partition_point(|&start| start <= index).saturating_sub(1)
    }

    /// Return the positions of consecutive objects of one cell.
    pub fn positions(&self, cell: usize, indices: std::ops::Range<u64>) -> Vec<UnitVector> {
        let first_of_cell = self.starts[cell];
        // Go back to an object whose position needs no other's.
        let mut start = indices.start;
        while start > first_of_cell && matches!(self.place(start), Place::Beside(..)) {
            start -= 1;
        }
        let mut positions: Vec<UnitVector> = vec![];
        for index in start..indices.end {
            let position = match (self.place(index), positions.last()) {
                (Place::Beside(angle, distance), Some(before)) => before.offset(angle, distance),
                // Only the first object of a cell has none before it.
                (Place::Beside(..), None) => cell_center(cell),
                (Place::At(position), _) => position,
                (Place::InCell(bits), _) => {
                    let key = (cell as i64) << KEY_BITS | (bits >> (64 - KEY_BITS)) as i64;
                    healpix29_center(key).unwrap_or_else(|| cell_center(cell))
                }
            };
            positions.push(position);
        }
        positions.split_off((indices.start - start) as usize)
    }

    /// Say how an object's position comes about.
    fn place(&self, index: u64) -> Place {
        let mut draws = self.seed.stream(Purpose::Position, index);
        let in_cluster = |cluster: &&Cluster| {
            (cluster.first..cluster.first + cluster.n_objects).contains(&index)
        };
        if let Some(cluster) = self.clusters.iter().find(in_cluster) {
            if index == cluster.first {
                return Place::At(cluster.middle);
            }
            let angle = Angle::from_degrees(draws.random_range(0.0..360.0));
            let scales = -libm::log(1.0 - draws.random::<f64>());
            let distance = CLOSEST.arcsec() + scales * CLUSTER_SCALE.arcsec();
            return Place::At(cluster.middle.offset(angle, Angle::from_arcsec(distance)));
        }
        let is_pair = draws.random::<f64>() < PAIR_SHARE;
        if !is_pair || self.starts.binary_search(&index).is_ok() {
            return Place::InCell(draws.next_u64());
        }
        let angle = Angle::from_degrees(draws.random_range(0.0..360.0));
        // As many pairs in each octave of separation.
        let ratio = libm::pow(WIDEST.arcsec() / CLOSEST.arcsec(), draws.random());
        Place::Beside(angle, Angle::from_arcsec(CLOSEST.arcsec() * ratio))
    }
}

/// How an object's position comes about.
enum Place {
    At(UnitVector),
    /// Anywhere in the cell: the bits of its key.
    InCell(u64),
    /// By position angle and distance from the object before it.
    Beside(Angle, Angle),
}

/// Return the middle of a cell.
pub fn cell_center(cell: usize) -> UnitVector {
    // Of the four quarters of a cell, the last begins at its middle.
    let key = (cell as i64) << KEY_BITS | 3 << (KEY_BITS - 2);
    healpix29_center(key).unwrap_or(UnitVector { x: 0.0, y: 0.0, z: 1.0 })
}

/// Return the number of stars per unit of sky at a place, in units of that of galaxies.
pub fn star_density(position: &UnitVector) -> f64 {
    let (longitude, latitude) = transform(Frame::Icrs, Frame::Galactic, position).to_lonlat_deg();
    let from_center = UnitVector::from_lonlat_deg(longitude, latitude)
        .angle_to(&UnitVector { x: 1.0, y: 0.0, z: 0.0 })
        .degrees();
    let bulge = 1.0 + 2.0 * libm::exp(-(from_center / 25.0) * (from_center / 25.0));
    0.5 + 12.0 * bulge * libm::exp(-latitude.abs() / 8.0)
}

/// Return the number of galaxies per unit of sky at a place: 1 away from the dust of the plane.
pub fn galaxy_density(position: &UnitVector) -> f64 {
    let (_, latitude) = transform(Frame::Icrs, Frame::Galactic, position).to_lonlat_deg();
    1.0 - 0.9 * libm::exp(-latitude.abs() / 5.0)
}

/// Return the index of the first object of each cell, and the number of all.
fn spread(n_objects: u64) -> Vec<u64> {
    let mut sum = 0.0;
    let mut sums = vec![0.0];
    for cell in 0..N_CELLS {
        let center = cell_center(cell);
        sum += star_density(&center) + galaxy_density(&center);
        sums.push(sum);
    }
    let mut starts: Vec<u64> =
        sums.iter().map(|part| (part / sum * n_objects as f64) as u64).collect();
    starts[N_CELLS] = n_objects;
    starts
}

fn cell_of(position: &UnitVector) -> usize {
    let (ra, dec) = position.to_lonlat_deg();
    healpix29(ra, dec).map_or(0, |key| (key >> KEY_BITS) as usize)
}

fn middles(seed: &Seed) -> impl Iterator<Item = UnitVector> {
    let fixed = FIXED_CLUSTERS.into_iter().map(|(ra, dec)| UnitVector::from_lonlat_deg(ra, dec));
    let drawn = (0..N_DRAWN_CLUSTERS).map(|index| {
        let mut draws = seed.stream(Purpose::Place, index);
        let ra = draws.random_range(0.0..360.0);
        let dec = libm::asin(draws.random_range(-1.0..1.0_f64)).to_degrees();
        UnitVector::from_lonlat_deg(ra, dec)
    });
    fixed.chain(drawn)
}

#[cfg(test)]
mod tests;
