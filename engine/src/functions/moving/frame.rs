//! What a frame that moves comes to, without subtraction.
//!
//! ```text
//!   rows   a  b  c │ d  e        frame = merge(front, back)
//!          front   │ back        front: what a…c, b…c and c come to;  back: what d…e come to
//! ```
//!
//! DataFusion subtracts the rows that leave a frame from its sums (as of version 55), after which little is
//! left of numbers that are small beside those that left, and variances fall below zero. Here what a frame
//! comes to is merged from two stacks of what its rows come to (Tangwongsan et al. 2015, PVLDB 8, 702): each
//! row is merged twice. Moments are merged as by Chan, Golub & LeVeque (1979).

use std::mem::size_of;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::Float64Type;
use datafusion::common::{ScalarValue, internal_err};
use datafusion::error::Result;
use datafusion::logical_expr::Accumulator;

/// What an aggregate gives of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Figure {
    Sum,
    Mean,
    Variance,
    VarianceOfAll,
    Deviation,
    DeviationOfAll,
    Correlation,
}

/// What values, or pairs of them, come to.
#[derive(Debug, Clone, Copy, Default)]
struct Moments {
    n: f64,
    sum: f64,
    mean: [f64; 2],
    /// Sums of squared deviations, and of their products.
    squares: [f64; 2],
    products: f64,
}

impl Moments {
    fn of([x, y]: [f64; 2]) -> Self {
        Self { n: 1.0, sum: x, mean: [x, y], ..Self::default() }
    }

    fn merged(self, other: Self) -> Self {
        if self.n == 0.0 || other.n == 0.0 {
            return if self.n == 0.0 { other } else { self };
        }
        let n = self.n + other.n;
        let apart = [other.mean[0] - self.mean[0], other.mean[1] - self.mean[1]];
        let weight = self.n * other.n / n;
        let mean = |k: usize| self.mean[k] + apart[k] * other.n / n;
        let square = |k: usize| self.squares[k] + other.squares[k] + apart[k] * apart[k] * weight;
        Self {
            n,
            sum: self.sum + other.sum,
            mean: [mean(0), mean(1)],
            squares: [square(0), square(1)],
            products: self.products + other.products + apart[0] * apart[1] * weight,
        }
    }

    fn figure(&self, figure: Figure) -> Option<f64> {
        let least = match figure {
            Figure::Variance | Figure::Deviation | Figure::Correlation => 2.0,
            _ => 1.0,
        };
        if self.n < least {
            return None;
        }
        match figure {
            Figure::Sum => Some(self.sum),
            Figure::Mean => Some(self.sum / self.n),
            Figure::Variance => Some(self.squares[0] / (self.n - 1.0)),
            Figure::VarianceOfAll => Some(self.squares[0] / self.n),
            Figure::Deviation => Some((self.squares[0] / (self.n - 1.0)).sqrt()),
            Figure::DeviationOfAll => Some((self.squares[0] / self.n).sqrt()),
            Figure::Correlation => {
                let scale = self.squares[0].sqrt() * self.squares[1].sqrt();
                (scale > 0.0).then(|| (self.products / scale).clamp(-1.0, 1.0))
            }
        }
    }
}

/// The rows of a frame; those that are NULL come to nothing.
#[derive(Debug)]
pub(super) struct Frame {
    figure: Figure,
    /// What the row and all younger ones of this stack come to; the oldest row last.
    front: Vec<Moments>,
    /// The younger rows, and what they come to together.
    back: Vec<Moments>,
    of_back: Moments,
}

impl Frame {
    pub fn new(figure: Figure) -> Self {
        Self { figure, front: vec![], back: vec![], of_back: Moments::default() }
    }

    fn leave(&mut self) {
        if self.front.is_empty() {
            let mut below = Moments::default();
            for row in self.back.drain(..).rev() {
                below = row.merged(below);
                self.front.push(below);
            }
            self.of_back = Moments::default();
        }
        self.front.pop();
    }
}

impl Accumulator for Frame {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let [x, rest @ ..] = values else { return internal_err!("an aggregate of nothing") };
        let x = x.as_primitive::<Float64Type>();
        let y = rest.first().map_or(x, |y| y.as_primitive::<Float64Type>());
        for row in 0..x.len() {
            let row = match x.is_null(row) || y.is_null(row) {
                true => Moments::default(),
                false => Moments::of([x.value(row), y.value(row)]),
            };
            self.of_back = self.of_back.merged(row);
            self.back.push(row);
        }
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for _ in 0..values.first().map_or(0, |values| values.len()) {
            self.leave();
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let front = self.front.last().copied().unwrap_or_default();
        Ok(ScalarValue::Float64(front.merged(self.of_back).figure(self.figure)))
    }

    fn size(&self) -> usize {
        size_of::<Self>() + (self.front.capacity() + self.back.capacity()) * size_of::<Moments>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        internal_err!("a frame is not divided")
    }

    fn merge_batch(&mut self, _: &[ArrayRef]) -> Result<()> {
        internal_err!("a frame is not divided")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use super::*;
    use datafusion::arrow::array::Float64Array;

    const FIGURES: [Figure; 7] = [
        Figure::Sum,
        Figure::Mean,
        Figure::Variance,
        Figure::VarianceOfAll,
        Figure::Deviation,
        Figure::DeviationOfAll,
        Figure::Correlation,
    ];

    /// The figures of rows, each by its definition.
    fn plain(rows: &[Option<[f64; 2]>], figure: Figure) -> Option<f64> {
        let rows: Vec<[f64; 2]> = rows.iter().flatten().copied().collect();
        let n = rows.len() as f64;
        let mean = |k: usize| rows.iter().map(|row| row[k]).sum::<f64>() / n;
        let means = [mean(0), mean(1)];
        let product = |j: usize, k: usize| -> f64 {
            rows.iter().map(|row| (row[j] - means[j]) * (row[k] - means[k])).sum()
        };
        match figure {
            _ if rows.is_empty() => None,
            Figure::Sum => Some(mean(0) * n),
            Figure::Mean => Some(mean(0)),
            Figure::VarianceOfAll => Some(product(0, 0) / n),
            Figure::DeviationOfAll => Some((product(0, 0) / n).sqrt()),
            _ if rows.len() < 2 => None,
            Figure::Variance => Some(product(0, 0) / (n - 1.0)),
            Figure::Deviation => Some((product(0, 0) / (n - 1.0)).sqrt()),
            Figure::Correlation => {
                Some(product(0, 1) / (product(0, 0) * product(1, 1)).sqrt()).filter(|r| !r.is_nan())
            }
        }
    }

    #[test]
    fn frames_come_to_what_their_rows_do() {
        let mut state = 3_u64;
        let mut below = move |n: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as usize % n
        };
        let rows: Vec<Option<[f64; 2]>> = (0..400)
            .map(|n| match n {
                // One that would spoil all that come after it.
                100 => Some([1e15, -1e15]),
                _ if below(5) == 0 => None,
                _ => Some([19.0 + below(1000) as f64 / 1e3, below(1000) as f64 / 500.0 - 1.0]),
            })
            .collect();
        let array = |rows: &[Option<[f64; 2]>], k: usize| -> ArrayRef {
            Arc::new(Float64Array::from_iter(rows.iter().map(|row| row.map(|row| row[k]))))
        };
        for figure in FIGURES {
            let mut frame = Frame::new(figure);
            let (mut begin, mut end) = (0, 0);
            while end < rows.len() {
                let more = (end + 1 + below(8)).min(rows.len());
                frame
                    .update_batch(&[array(&rows[end..more], 0), array(&rows[end..more], 1)])
                    .unwrap();
                end = more;
                let fewer = (begin + below(10)).min(end);
                let gone = &rows[begin..fewer];
                frame.retract_batch(&[array(gone, 0), array(gone, 1)]).unwrap();
                begin = fewer;
                let expected = plain(&rows[begin..end], figure);
                let ScalarValue::Float64(found) = frame.evaluate().unwrap() else { unreachable!() };
                let is_close = match (found, expected) {
                    (Some(found), Some(expected)) => {
                        (found - expected).abs() <= 1e-9 * expected.abs().max(1.0)
                    }
                    (found, expected) => found == expected,
                };
                assert!(is_close, "{figure:?} of {begin}..{end}: {found:?}, not {expected:?}");
            }
        }
    }
}
