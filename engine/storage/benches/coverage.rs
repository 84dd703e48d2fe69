//! How long it takes to cover a region with ranges of the sort key: 100 µs for a cone of 1′ is aimed at.
//!
//!     cargo bench -p almagest-storage

use std::time::Instant;

use almagest_storage::coverage::healpix_ranges;
use almagest_storage::sphgeom::{Angle, Boundary, Cone, Region, UnitVector};

/// Cones of each radius.
const N_CONES: u32 = 2_000;
/// Greatest number of ranges, as the engine has it.
const MAX_RANGES: usize = 64;

fn main() {
    for arcmin in [0.01, 1.0, 30.0, 300.0] {
        let begin = Instant::now();
        let mut n_ranges = 0;
        for nth in 0..N_CONES {
            // A spiral from pole to pole passes through cells of all forms.
            let height = (f64::from(nth) + 0.5) / f64::from(N_CONES) * 2.0 - 1.0;
            let lon = f64::from(nth) * 137.507_764 % 360.0;
            let center = UnitVector::from_lonlat_deg(lon, height.asin().to_degrees());
            let cone = Cone::new(center, Angle::from_arcmin(arcmin), Boundary::Closed);
            n_ranges += healpix_ranges(&Region::from(cone), Angle::ZERO, MAX_RANGES).len();
        }
        let each = begin.elapsed() / N_CONES;
        let n_ranges = n_ranges as f64 / f64::from(N_CONES);
        println!("cone of {arcmin}′: {each:?}, {n_ranges:.1} ranges");
    }
}
