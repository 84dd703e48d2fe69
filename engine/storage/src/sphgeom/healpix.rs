//! HEALPix cells in the nested scheme.
//!
//! Reference: Górski et al. 2005 (ApJ 622, 759).

use cdshealpix::nested;

use super::unit_vector::{check_position, normalize_lon_deg};

/// The deepest order: its cells measure 0.4 milliarcseconds.
pub const MAX_ORDER: u8 = 29;

/// Number of cells of an order.
pub fn number_of_cells(order: u8) -> u64 {
    12 << (2 * u32::from(order.min(MAX_ORDER)))
}

/// The cell in which a position lies, degrees; `None` if there is no such order or position.
pub fn cell(order: u8, lon_deg: f64, lat_deg: f64) -> Option<u64> {
    Layer::of(order)?.cell(lon_deg, lat_deg)
}

/// The cells of one order, for many positions.
pub struct Layer(&'static nested::Layer);

impl Layer {
    /// The cells of an order; `None` if there is none.
    pub fn of(order: u8) -> Option<Self> {
        (order <= MAX_ORDER).then(|| Self(nested::get(order)))
    }

    /// The cell in which a position lies, degrees; `None` if there is no such position.
    #[inline]
    pub fn cell(&self, lon_deg: f64, lat_deg: f64) -> Option<u64> {
        if check_position(lon_deg, lat_deg).is_err() {
            return None;
        }
        Some(self.0.hash(normalize_lon_deg(lon_deg).to_radians(), lat_deg.to_radians()))
    }
}

/// Longitude and latitude of the centre of a cell, degrees; `None` if there is no such cell.
pub fn center_deg(order: u8, cell: u64) -> Option<[f64; 2]> {
    if order > MAX_ORDER || cell >= number_of_cells(order) {
        return None;
    }
    let (lon, lat) = nested::center(order, cell);
    Some([normalize_lon_deg(lon.to_degrees()), lat.to_degrees()])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// The vectors of the IVOA's catalogue of user-defined functions.
    #[test]
    fn cells_and_centres() {
        assert_eq!(cell(0, 1.0, 1.0), Some(4));
        assert_eq!(cell(17, 1.0, 1.0), Some(81_609_757_711));
        assert_eq!(cell(17, 359.0, -1.0), Some(73_009_064_944));
        assert_eq!(center_deg(0, 6), Some([180.0, 0.0]));
        let [lon, lat] = center_deg(17, cell(17, 23.4, 56.7).unwrap()).unwrap();
        assert!((lon - 23.399_843_462_947_466).abs() < 1e-12);
        assert!((lat - 56.700_162_143_631_92).abs() < 1e-12);
    }

    #[test]
    fn what_is_not_there_has_no_cell() {
        assert_eq!(cell(30, 1.0, 1.0), None);
        assert_eq!(cell(3, 1.0, 90.1), None);
        assert_eq!(cell(3, f64::NAN, 0.0), None);
        assert_eq!(center_deg(0, 12), None);
        assert_eq!(cell(3, -359.0, 0.5), cell(3, 1.0, 0.5));
        assert!(cell(29, 45.0, 90.0).is_some() && cell(29, 45.0, -90.0).is_some());
    }
}
