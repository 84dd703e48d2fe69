//! Crosstalk: amplifiers are read at once, and a part of the signal of one appears in another at the same
//! place in the order of reading.

use ndarray::Array2;

use crate::camera::model::Crosstalk;

/// Add to each amplifier what the others leak into it, electrons; all are taken as they were before.
pub(super) fn leak(amplifiers: &mut [Array2<f32>], elements: &[Crosstalk]) {
    let before = amplifiers.to_vec();
    for element in elements {
        if let (Some(target), Some(source)) =
            (amplifiers.get_mut(element.target), before.get(element.source))
            && target.dim() == source.dim()
        {
            target.scaled_add(element.coefficient as f32, source);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_appears_in_the_neighbour_at_the_same_place_of_reading() {
        let mut amplifiers = vec![Array2::zeros((4, 5)), Array2::zeros((4, 5))];
        amplifiers[0][[2, 3]] = 1e5;
        amplifiers[1][[1, 1]] = 1e4;
        let elements = [
            Crosstalk { target: 1, source: 0, coefficient: 4e-4 },
            Crosstalk { target: 0, source: 1, coefficient: 1e-4 },
        ];
        leak(&mut amplifiers, &elements);
        assert!((amplifiers[1][[2, 3]] - 40.0).abs() < 1e-4);
        assert!((amplifiers[0][[1, 1]] - 1.0).abs() < 1e-6);
        assert_eq!(amplifiers[0][[2, 3]], 1e5);
    }
}
