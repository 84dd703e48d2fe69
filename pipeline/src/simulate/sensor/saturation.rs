//! Full wells overflow: what a pixel cannot hold flows up and down its column, half each way, into the
//! first wells that have room. A bleed ends at the edge of its amplifier, where charge is lost (at the
//! register) or cannot pass (at the middle of the detector).

use ndarray::{Array2, s};

use crate::camera::model::Section;

/// Let the charge of an amplifier's pixels overflow.
pub(super) fn overflow(charge: &mut Array2<f32>, bbox: Section, full_well_e: f32) {
    let mut pixels = charge.slice_mut(s![bbox.y0..bbox.y0 + bbox.ny, bbox.x0..bbox.x0 + bbox.nx]);
    for mut column in pixels.columns_mut() {
        if column.iter().all(|&q| q <= full_well_e) {
            continue;
        }
        let excess: Vec<f32> = column.iter().map(|&q| 0.5 * (q - full_well_e).max(0.0)).collect();
        column.mapv_inplace(|q| q.min(full_well_e));
        let n = column.len();
        for upwards in [true, false] {
            let mut carried = 0.0;
            for k in 0..n {
                let y = if upwards { k } else { n - 1 - k };
                carried += excess[y];
                let taken = (full_well_e - column[y]).min(carried);
                column[y] += taken;
                carried -= taken;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charge_bleeds_along_its_column_and_is_kept() {
        let mut charge = Array2::from_elem((40, 9), 1000.0);
        charge[[20, 4]] = 500_000.0;
        let total = charge.sum();
        let bbox = Section { x0: 0, y0: 0, nx: 9, ny: 40 };
        overflow(&mut charge, bbox, 100_000.0);
        assert!((charge.sum() / total - 1.0).abs() < 1e-5);
        assert!(charge.iter().all(|&q| q <= 100_000.0));
        // Four wells' worth overflow: two each way, less what the sky took of the room.
        let full = (0..40).filter(|&y| charge[[y, 4]] == 100_000.0).count();
        assert_eq!(full, 5);
        assert!((charge[[23, 4]] - charge[[17, 4]]).abs() < 1.0 && charge[[23, 4]] > 1000.0);
        assert!(charge.column(3).iter().all(|&q| q == 1000.0));
    }

    #[test]
    fn a_bleed_stays_in_its_amplifier() {
        let mut charge = Array2::from_elem((20, 3), 0.0);
        charge[[8, 1]] = 1e6;
        overflow(&mut charge, Section { x0: 0, y0: 0, nx: 3, ny: 10 }, 1e5);
        assert!((0..10).all(|y| charge[[y, 1]] > 0.0 || y < 4));
        assert!((10..20).all(|y| charge[[y, 1]] == 0.0));
        // Upwards there was room for one well only; the rest of that half is lost.
        assert!(charge.sum() < 1e6 && charge[[9, 1]] == 1e5);
    }
}
