//! Chunks, the pieces of sky by which a catalog is divided, and the sort key inside them.
//!
//! A chunk is an H3 cell of the catalog's resolution: exactly the cell that H3 gives for the
//! position, never the ancestor of a finer one, as H3's parents do not contain their children.
//! Inside a chunk rows are sorted by `_healpix_29`, the nested HEALPix cell of order 29.

use std::fmt;
use std::str::FromStr;

use cdshealpix::nested::{self, Layer};
use h3o::{CellIndex, LatLng, Resolution};

use crate::sphgeom::{Angle, Cap, PositionError, UnitVector, check_position, normalize_lon_deg};

/// Order of the HEALPix cells that sort rows: 0.4 milliseconds of arc.
pub const HEALPIX_ORDER: u8 = 29;

/// How a catalog's sky is divided: all chunks have one resolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunking {
    resolution: Resolution,
}

/// Name of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChunkId(u64);

impl Chunking {
    /// Divide by H3 cells of a resolution: 0 for 122 chunks, 3 for 41,162 of about 1 deg².
    ///
    /// # Errors
    /// A resolution above 15.
    pub fn try_new(resolution: u8) -> Result<Self, PositionError> {
        Resolution::try_from(resolution)
            .map(|resolution| Self { resolution })
            .map_err(|_| PositionError::Resolution { resolution })
    }

    /// The resolution, 0 to 15.
    pub fn resolution(self) -> u8 {
        self.resolution.into()
    }

    /// The chunk of a position, degrees. Any finite right ascension will do.
    ///
    /// # Errors
    /// A coordinate that is not finite, a declination beyond a pole.
    pub fn chunk_of(self, ra_deg: f64, dec_deg: f64) -> Result<ChunkId, PositionError> {
        check_position(ra_deg, dec_deg)?;
        // H3 itself checks finiteness only: it gives a cell for declination 91.
        let place = LatLng::new(dec_deg, normalize_lon_deg(ra_deg))
            .map_err(|_| PositionError::NotFinite { ra: ra_deg, dec: dec_deg })?;
        Ok(ChunkId(place.to_cell(self.resolution).into()))
    }

    /// The chunks of a column of positions, degrees.
    ///
    /// # Errors
    /// Columns of different lengths, or the first row that [`Chunking::chunk_of`] refuses.
    pub fn chunks_of(self, ra_deg: &[f64], dec_deg: &[f64]) -> Result<Vec<ChunkId>, PositionError> {
        each_row(ra_deg, dec_deg, |ra, dec| self.chunk_of(ra, dec))
    }
}

impl ChunkId {
    /// What stands for a chunk in tables that are not chunked.
    pub const REPLICATED: Self = Self(0);

    /// The number as the metadata and the id index store it; H3 numbers leave the sign bit free.
    pub(crate) fn to_i64(self) -> i64 {
        self.0 as i64
    }

    /// The inverse of [`Self::to_i64`].
    pub(crate) fn from_i64(id: i64) -> Self {
        Self(id as u64)
    }

    /// Take a number back as the chunk that it names.
    ///
    /// # Errors
    /// A number that names no chunk.
    pub fn try_new(id: u64) -> Result<Self, PositionError> {
        CellIndex::try_from(id)
            .map(|cell| Self(cell.into()))
            .map_err(|_| PositionError::ChunkId { text: id.to_string() })
    }

    /// The number that names the chunk; less than 2^63.
    pub fn get(self) -> u64 {
        self.0
    }

    /// A cap that holds all positions of the chunk.
    pub fn bounding_cap(self) -> Cap {
        let Ok(cell) = CellIndex::try_from(self.0) else {
            return Cap::FULL;
        };
        // The edges are great circles between these vertices (H3 adds one wherever an edge crosses
        // to another face of its icosahedron), and a cap holds the arcs between points it holds.
        let vertices: Vec<_> = cell
            .boundary()
            .iter()
            .map(|vertex| {
                UnitVector::from_lonlat_radians(vertex.lng_radians(), vertex.lat_radians())
            })
            .collect();
        let slack = Angle::from_arcsec(0.01);
        Cap::smallest_around(&vertices).map_or(Cap::FULL, |cap| cap.widened(slack))
    }
}

impl fmt::Display for ChunkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

impl FromStr for ChunkId {
    type Err = PositionError;

    fn from_str(text: &str) -> Result<Self, PositionError> {
        u64::from_str_radix(text, 16)
            .ok()
            .and_then(|id| Self::try_new(id).ok())
            .ok_or_else(|| PositionError::ChunkId { text: text.to_owned() })
    }
}

/// The sort key `_healpix_29` of a position, degrees.
///
/// # Errors
/// As [`Chunking::chunk_of`].
pub fn healpix29(ra_deg: f64, dec_deg: f64) -> Result<i64, PositionError> {
    hash_in(nested::get(HEALPIX_ORDER), ra_deg, dec_deg)
}

/// The sort keys of a column of positions, degrees.
///
/// # Errors
/// Columns of different lengths, or the first row that [`healpix29`] refuses.
pub fn healpix29_many(ra_deg: &[f64], dec_deg: &[f64]) -> Result<Vec<i64>, PositionError> {
    let layer = nested::get(HEALPIX_ORDER);
    each_row(ra_deg, dec_deg, |ra, dec| hash_in(layer, ra, dec))
}

/// The centre of the cell of order 29 with this key, from which a row's distance from its key is
/// measured; `None` for a number that is no key.
pub fn healpix29_center(key: i64) -> Option<UnitVector> {
    let layer = nested::get(HEALPIX_ORDER);
    let hash = u64::try_from(key).ok().filter(|hash| *hash < layer.n_hash())?;
    let (lon, lat) = layer.center(hash);
    Some(UnitVector::from_lonlat_radians(lon, lat))
}

fn hash_in(layer: &Layer, ra_deg: f64, dec_deg: f64) -> Result<i64, PositionError> {
    check_position(ra_deg, dec_deg)?;
    let lon = Angle::from_degrees(normalize_lon_deg(ra_deg)).radians();
    let lat = dec_deg.to_radians();
    // The key has 62 bits: 12 × 4^29 < 2^62.
    Ok(layer.hash(lon, lat) as i64)
}

fn each_row<T>(
    ra_deg: &[f64],
    dec_deg: &[f64],
    of: impl Fn(f64, f64) -> Result<T, PositionError>,
) -> Result<Vec<T>, PositionError> {
    if ra_deg.len() != dec_deg.len() {
        return Err(PositionError::Lengths { ra: ra_deg.len(), dec: dec_deg.len() });
    }
    ra_deg
        .iter()
        .zip(dec_deg)
        .enumerate()
        .map(|(row, (&ra, &dec))| {
            of(ra, dec).map_err(|source| PositionError::Row { row, source: Box::new(source) })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// Positions evenly over the sphere, with the poles and longitude 0 among them.
    fn positions(seed: u64, n: usize) -> Vec<(f64, f64)> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut sky =
            vec![(0.0, 90.0), (77.0, -90.0), (0.0, 0.0), (360.0, 0.0), (359.999_999_9, 45.0)];
        sky.extend((0..n).map(|_| {
            (rng.random_range(0.0..360.0), rng.random_range(-1.0_f64..1.0).asin().to_degrees())
        }));
        sky
    }

    #[test]
    fn caps_hold_their_chunks() {
        for resolution in 0..=6 {
            let chunking = Chunking::try_new(resolution).unwrap();
            for (ra, dec) in positions(u64::from(resolution), 20_000) {
                let chunk = chunking.chunk_of(ra, dec).unwrap();
                let v = UnitVector::from_lonlat_deg(ra, dec);
                assert!(chunk.bounding_cap().contains(&v), "{chunk} {ra} {dec}");
            }
        }
    }

    #[test]
    fn caps_are_tight() {
        let chunking = Chunking::try_new(3).unwrap();
        for (ra, dec) in positions(9, 500) {
            let radius = chunking.chunk_of(ra, dec).unwrap().bounding_cap().radius.degrees();
            assert!((0.3..0.75).contains(&radius), "{radius}");
        }
    }

    #[test]
    fn chunk_is_the_cell_h3_gives() {
        for resolution in [0, 3, 15] {
            let chunking = Chunking::try_new(resolution).unwrap();
            for (ra, dec) in positions(3, 2000).into_iter().filter(|(ra, _)| *ra < 360.0) {
                let cell = LatLng::new(dec, ra)
                    .unwrap()
                    .to_cell(Resolution::try_from(resolution).unwrap());
                let chunk = chunking.chunk_of(ra, dec).unwrap();
                assert_eq!(chunk.get(), u64::from(cell));
                assert_eq!(chunk.to_string().parse::<ChunkId>().unwrap(), chunk);
            }
        }
        assert!("zebra".parse::<ChunkId>().is_err() && ChunkId::try_new(17).is_err());
    }

    #[test]
    fn whole_turns_change_nothing() {
        let chunking = Chunking::try_new(5).unwrap();
        assert_eq!(chunking.chunk_of(-10.0, 3.0), chunking.chunk_of(350.0, 3.0));
        assert_eq!(healpix29(-10.0, 3.0), healpix29(350.0, 3.0));
        assert_eq!(healpix29(360.0, 3.0), healpix29(0.0, 3.0));
    }

    #[test]
    fn keys_are_those_of_the_standard() {
        // ivo_healpix_index(17, POINT(1, 1)) = 81609757711, from the IVOA's catalogue of UDFs.
        assert_eq!(healpix29(1.0, 1.0).unwrap() >> 24, 81_609_757_711);
        let pole = healpix29(0.0, 90.0).unwrap();
        assert_eq!(pole >> 58, 0);
        assert!(healpix29_center(pole).unwrap().z > 1.0 - 1e-15);
        assert!(healpix29_center(-1).is_none() && healpix29_center(i64::MAX).is_none());
    }

    #[test]
    fn bad_rows_are_named() {
        let chunking = Chunking::try_new(0).unwrap();
        assert_eq!(chunking.chunk_of(10.0, 91.0), Err(PositionError::Declination { dec: 91.0 }));
        let error = healpix29_many(&[1.0, 2.0, f64::NAN], &[0.0, 90.0, 0.0]).unwrap_err();
        assert_eq!(error.to_string(), "row 2: position (NaN, 0) is not finite");
        assert!(matches!(
            chunking.chunks_of(&[1.0], &[]),
            Err(PositionError::Lengths { ra: 1, dec: 0 })
        ));
        assert!(Chunking::try_new(16).is_err());
    }
}
