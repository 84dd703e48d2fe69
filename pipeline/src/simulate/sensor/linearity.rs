//! Nonlinearity of an amplifier: a charge of Q electrons reads as Q (1 − c Q).

use ndarray::Array2;

/// Bend the charge that an amplifier reads.
pub(super) fn bend(charge: &mut Array2<f32>, nonlinearity_per_e: f64) {
    let c = nonlinearity_per_e as f32;
    charge.mapv_inplace(|q| q * (1.0 - c * q));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_well_reads_two_per_cent_low() {
        let mut charge = Array2::from_elem((1, 2), 120_000.0);
        charge[[0, 0]] = 100.0;
        bend(&mut charge, 1.7e-7);
        assert!((charge[[0, 1]] / 120_000.0 - 0.9796).abs() < 1e-6);
        assert!((charge[[0, 0]] - 99.9983).abs() < 1e-4);
    }
}
