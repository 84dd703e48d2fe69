//! The change of a column's numbers on the way in: NULL numbers, unit, transform, unit again.
//!
//! ```text
//!   number ─▶ NULL? ─▶ × to the transform's unit ─▶ transform ─▶ × to the column's unit
//! ```

use std::sync::Arc;

use almagest_unit::UnitError;
use arrow::array::{Array, ArrayRef, Float64Array};
use arrow::datatypes::Float64Type;

use super::level::Level;
use crate::transform::Transform;

/// What files write for a number without a unit.
const NO_UNIT: [&str; 7] = ["", "-", "--", "---", "none", "unitless", "dimensionless"];

/// A change of unit that keeps as many digits as there are: 1 mas is 1/3600000 deg, and no double
/// is that factor exactly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Scale {
    Keep,
    Multiply(f64),
    Divide(f64),
}

impl Scale {
    /// The change from one unit to another; texts without a unit change nothing.
    pub fn between(from: Option<&str>, to: Option<&str>) -> Result<Self, UnitError> {
        let (Some(from), Some(to)) = (from.and_then(unit), to.and_then(unit)) else {
            return Ok(Self::Keep);
        };
        if from == to {
            return Ok(Self::Keep);
        }
        let (from, to) = (Level::of(from), Level::of(to));
        let factor = from.factor_to(to)?;
        let inverse = to.factor_to(from)?;
        Ok(match factor {
            1.0 => Self::Keep,
            factor if factor < 1.0 && inverse.fract() == 0.0 => Self::Divide(inverse),
            factor => Self::Multiply(factor),
        })
    }

    pub fn apply(self, value: f64) -> f64 {
        match self {
            Self::Keep => value,
            Self::Multiply(factor) => value * factor,
            Self::Divide(divisor) => value / divisor,
        }
    }
}

/// A unit as it is written, if it is one.
pub(super) fn unit(text: &str) -> Option<&str> {
    let text = text.trim();
    (!NO_UNIT.iter().any(|none| none.eq_ignore_ascii_case(text))).then_some(text)
}

/// All that is done to the numbers of one column.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Change {
    /// Numbers that mean NULL.
    pub nulls: Vec<f64>,
    /// To the transform's unit, if there is a transform, and to the column's otherwise.
    pub before: Scale,
    pub transform: Option<TransformStep>,
}

/// A transform with its second column.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TransformStep {
    pub transform: Transform,
    /// Index in the input, and the change to the transform's unit.
    pub second: Option<(usize, Scale)>,
    /// To the column's unit.
    pub after: Scale,
}

impl Change {
    /// Does everything stay as it is?
    pub fn is_none(&self) -> bool {
        self.nulls.is_empty() && self.before == Scale::Keep && self.transform.is_none()
    }

    /// Change numbers; NULL where they, or those of the second column, are.
    ///
    /// # Arguments
    /// * `second` - the second column of the transform, where it has one
    pub fn apply(&self, values: &Float64Array, second: Option<&Float64Array>) -> ArrayRef {
        if self.nulls.is_empty() && self.transform.is_none() {
            // Without a branch in each row: most columns that change only change their unit.
            return Arc::new(match self.before {
                Scale::Keep => values.clone(),
                Scale::Multiply(factor) => values.unary::<_, Float64Type>(|value| value * factor),
                Scale::Divide(divisor) => values.unary::<_, Float64Type>(|value| value / divisor),
            });
        }
        let kept = |value: &f64| !self.nulls.contains(value);
        let changed = values.iter().enumerate().map(|(row, value)| {
            let value = self.before.apply(value.filter(kept)?);
            let Some(step) = &self.transform else { return Some(value) };
            let second = match (&step.second, second) {
                (Some((_, scale)), Some(second)) => {
                    let second = second.is_valid(row).then(|| second.value(row));
                    scale.apply(second.filter(kept)?)
                }
                _ => 0.0,
            };
            Some(step.after.apply(step.transform.apply(value, second)))
        });
        Arc::new(changed.collect::<Float64Array>())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use arrow::array::AsArray;

    #[test]
    fn small_units_divide_so_that_no_digit_is_lost() {
        let scale = |from, to| Scale::between(Some(from), Some(to)).unwrap();
        assert_eq!(scale("arcsec", "deg"), Scale::Divide(3600.0));
        assert_eq!(scale("mas/yr", "mas.yr-1"), Scale::Keep);
        assert_eq!(scale("mJy", "nJy"), Scale::Multiply(1e6));
        assert_eq!(scale("---", "nJy"), Scale::Keep);
        assert_eq!(Scale::between(None, Some("nJy")).unwrap(), Scale::Keep);
        // 0.3 mas is the double nearest to it in degrees.
        assert_eq!(scale("mas", "deg").apply(0.3), 0.3 / 3.6e6);
    }

    #[test]
    fn nulls_go_before_anything_is_made_of_them() {
        let change = Change { nulls: vec![-999.0], before: Scale::Multiply(1e6), transform: None };
        let values = Float64Array::from(vec![Some(2.0), Some(-999.0), None]);
        let changed = change.apply(&values, None);
        let expected = Float64Array::from(vec![Some(2e6), None, None]);
        assert_eq!(changed.as_primitive::<Float64Type>(), &expected);
    }

    #[test]
    fn the_error_of_a_magnitude_needs_the_magnitude() {
        let step = TransformStep {
            transform: Transform::AbMagErrorToNjy,
            second: Some((1, Scale::Keep)),
            after: Scale::Divide(1e6),
        };
        let change = Change { nulls: vec![99.0], before: Scale::Keep, transform: Some(step) };
        let errors = Float64Array::from(vec![Some(0.1), Some(0.1), Some(0.1)]);
        let magnitudes = Float64Array::from(vec![Some(16.4), Some(99.0), None]);
        let changed = change.apply(&errors, Some(&magnitudes));
        let changed = changed.as_primitive::<Float64Type>();
        assert_eq!((changed.null_count(), changed.len()), (2, 3));
        assert!((changed.value(0) / 0.092_103_403_719_761_83 - 1.0).abs() < 1e-14);
    }
}
