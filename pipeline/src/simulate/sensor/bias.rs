//! The bias of an amplifier: a level, a structure of its columns that never changes, and a drift along
//! the rows of each exposure, which the overscan sees as well.

use ndarray::Array2;
use rand_chacha::ChaCha8Rng;

use crate::camera::model::Section;
use crate::simulate::random::gaussian;

/// Memory of the drift from row to row.
const DRIFT_MEMORY: f64 = 0.98;

/// What never changes in the bias of an amplifier, ADU.
#[derive(Debug, Clone, PartialEq)]
pub struct BiasStructure {
    /// Level.
    pub level_adu: f64,
    /// What each column of the data section departs from it.
    pub columns_adu: Vec<f32>,
    /// Standard deviation of the drift along the rows of an exposure.
    pub drift_adu: f64,
}

impl BiasStructure {
    /// A structure by chance.
    pub(super) fn draw(
        level: (f64, f64),
        column_adu: f64,
        drift_adu: f64,
        n_columns: usize,
        rng: &mut ChaCha8Rng,
    ) -> BiasStructure {
        let level_adu = level.0 + level.1 * gaussian(rng);
        let columns_adu = (0..n_columns).map(|_| (column_adu * gaussian(rng)) as f32).collect();
        BiasStructure { level_adu, columns_adu, drift_adu }
    }

    /// Add the bias of one exposure to what an amplifier reads, ADU. Without structure it is the level.
    pub(super) fn add(
        &self,
        adu: &mut Array2<f32>,
        data: Section,
        structured: bool,
        rng: &mut ChaCha8Rng,
    ) {
        let offset = self.drift_adu * 3.0 * gaussian(rng);
        let step = self.drift_adu * (1.0 - DRIFT_MEMORY * DRIFT_MEMORY).sqrt();
        let mut drift = self.drift_adu * gaussian(rng);
        for mut row in adu.rows_mut() {
            drift = DRIFT_MEMORY * drift + step * gaussian(rng);
            let level = self.level_adu + if structured { offset + drift } else { 0.0 };
            row.iter_mut().for_each(|adu| *adu += level as f32);
            if structured {
                let data = row.iter_mut().skip(data.x0);
                data.zip(&self.columns_adu).for_each(|(adu, column)| *adu += column);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::random::{Purpose, stream};

    #[test]
    fn the_overscan_follows_the_drift_and_columns_keep_their_structure() {
        let mut rng = stream(1, Purpose::Readout, 0, 0);
        let bias = BiasStructure::draw((1000.0, 50.0), 2.0, 1.0, 100, &mut rng);
        let data = Section { x0: 10, y0: 0, nx: 100, ny: 60 };
        let mut exposure = || {
            let mut adu = Array2::zeros((60, 130));
            bias.add(&mut adu, data, true, &mut rng);
            adu
        };
        let (first, second) = (exposure(), exposure());
        for image in [&first, &second] {
            for y in 0..60 {
                // Less its overscan, each row shows the structure of the columns alone.
                for (x, column) in bias.columns_adu.iter().enumerate() {
                    let left = image[[y, x + 10]] - image[[y, 120]];
                    assert!((left - column).abs() < 1e-3);
                }
            }
        }
        assert!((first[[0, 120]] - second[[0, 120]]).abs() > 0.01);
        let mut flat = Array2::zeros((5, 130));
        bias.add(&mut flat, data, false, &mut rng);
        assert!(flat.iter().all(|&adu| (f64::from(adu) - bias.level_adu).abs() < 1e-3));
    }
}
